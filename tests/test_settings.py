from __future__ import annotations

from ipaddress import ip_network
from pathlib import Path

import pytest

from tui.images.urls import host_of, normalise
from tui.settings import HostPolicy, Secret, Settings, SettingsError, load_settings


def load(
    tmp_path: Path, *, toml: str = "", dotenv: str = "", env: dict[str, str] | None = None, **flags: object
) -> Settings:
    config = tmp_path / "config.toml"
    config.write_text(toml)
    (tmp_path / ".env").write_text(dotenv)
    return load_settings(flags, {"BACKFILL_CONFIG": str(config), **(env or {})}, tmp_path)


def test_each_source_overrides_the_one_below(tmp_path: Path) -> None:
    toml, dotenv, env = "batch_size = 1", "BACKFILL_BATCH_SIZE=2", {"BACKFILL_BATCH_SIZE": "3"}
    assert load(tmp_path, toml=toml).batch_size == 1
    assert load(tmp_path, toml=toml, dotenv=dotenv).batch_size == 2
    assert load(tmp_path, toml=toml, dotenv=dotenv, env=env).batch_size == 3
    assert load(tmp_path, toml=toml, dotenv=dotenv, env=env, batch_size="4").batch_size == 4


def test_a_flag_that_was_not_given_overrides_nothing(tmp_path: Path) -> None:
    assert load(tmp_path, toml="limit = 7", limit=None).limit == 7


def test_nothing_set_gives_the_defaults_of_the_original_script(tmp_path: Path) -> None:
    settings = load(tmp_path)
    assert (settings.limit, settings.batch_size, settings.max_images) == (100, 10, 20)
    assert settings.store.startswith("local:")


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"toml": "batchsize = 3"}, ["config.toml", "'batchsize'", "did you mean 'batch_size'?"]),
        ({"toml": "batch_size = 'ten'"}, ["config.toml", "batch_size", "between 1 and 1,000", "'ten'"]),
        ({"toml": "batch_size = true"}, ["batch_size", "whole number"]),
        ({"toml": "batch_size ="}, ["config.toml", "not valid TOML"]),
        ({"dotenv": "BACKFILL_PACES=fast"}, [".env", "BACKFILL_PACES", "did you mean 'BACKFILL_PACE'?"]),
        ({"env": {"BACKFILL_PACE": "fats"}}, ["environment", "BACKFILL_PACE", "did you mean 'fast'?"]),
        ({"env": {"BACKFILL_DEADLINE": "nan"}}, ["BACKFILL_DEADLINE", "between 1 and 3600"]),
        ({"limit": "-1"}, ["command line", "--limit", "'-1'"]),
        ({"toml": "allow_networks = ['10.0.0.0/8', 'office']"}, ["allow_networks", "such as 10.20.0.0/16", "'office'"]),
        ({"toml": "allow_networks = 10"}, ["allow_networks", "a list of networks"]),
        ({"env": {"BACKFILL_ALLOW_NETWORKS": "10.0.0.1/8"}}, ["BACKFILL_ALLOW_NETWORKS", "'10.0.0.1/8'"]),
        ({"env": {"BACKFILL_RESPECT_OPT_OUT": "maybe"}}, ["BACKFILL_RESPECT_OPT_OUT", "true or false"]),
        ({"env": {"BACKFILL_VERIFY": "structur"}}, ["BACKFILL_VERIFY", "did you mean 'structure'?"]),
        ({"env": {"BACKFILL_BANDWIDTH": "fast"}}, ["BACKFILL_BANDWIDTH", "such as 500K or 2M", "'fast'"]),
        ({"bandwidth": "999"}, ["--bandwidth", "0, or between 1,000 and"]),
        ({"toml": "bandwidth = true"}, ["bandwidth", "bytes per second"]),
        ({"env": {"BACKFILL_ORIGINALS": "some"}}, ["BACKFILL_ORIGINALS", "true or false"]),
        ({"toml": "keep_gps = 'perhaps'"}, ["keep_gps", "true or false"]),
        ({"env": {"BACKFILL_DRY_RUN": "1"}}, ["no setting BACKFILL_DRY_RUN: --dry-run is a flag of the command line"]),
        ({"env": {"BACKFILL_WORKERS": "2"}}, ["no setting BACKFILL_WORKERS: --workers is a flag of the command line"]),
        ({"toml": "dry-run = true"}, ["no setting 'dry-run': --dry-run is a flag of the command line alone."]),
        ({"dotenv": "BACKFILL_HOSTS=x"}, [".env", "no setting BACKFILL_HOSTS: hosts are tables of config.toml alone."]),
        ({"toml": "[hosts.example.com]\nrate = 1"}, ["needs quotes", 'of the name: [hosts."example.com"]']),
        ({"toml": "[hosts.img.example.com.headers]\nA = 'b'"}, ['of the name: [hosts."img.example.com"]']),
        ({"batch_size": "0"}, ["command line: --batch-size must be"]),
        ({"env": {"BACKFILL_BATCH_SIZE": "0"}}, ["environment: BACKFILL_BATCH_SIZE must be"]),
        ({"dotenv": "BACKFILL_BATCH_SIZE=0"}, [".env: BACKFILL_BATCH_SIZE must be"]),
        ({"toml": "batch_size = 0"}, ["config.toml: batch_size must be"]),
        ({"toml": "[hosts.'a.example']\nslot = 1"}, ["'a.example'", "'slot'", "did you mean 'slots'?"]),
        (
            {"toml": "[hosts.'a.example']\nrate = 0"},
            ["'a.example' has rate = 0, which must be", "between 0.01 and 10000"],
        ),
        ({"toml": "[hosts.'a.example']\nrate = 'x'"}, ["has rate = 'x', which must be", "between 0.01 and 10000"]),
        ({"toml": "[hosts.'a.example']\nslots = 0"}, ["has slots = 0, which must be", "between 1 and 1,000"]),
    ],
)
def test_a_bad_value_names_its_source_its_key_and_the_nearest(
    tmp_path: Path, given: dict[str, object], says: list[str]
) -> None:
    with pytest.raises(SettingsError) as caught:
        load(tmp_path, **given)  # type: ignore[arg-type]
    for words in says:
        assert words in str(caught.value)


@pytest.mark.parametrize(
    "given",
    [
        {"env": {"BACKFILL_COUNT": "1"}},
        {"env": {"BACKFILL_SPEED": "fast"}},
        {"toml": "concurrency = 1"},
        {"pace": "slow"},
    ],
)
def test_what_is_near_nothing_gets_no_hint(tmp_path: Path, given: dict[str, object]) -> None:
    with pytest.raises(SettingsError) as caught:
        load(tmp_path, **given)  # type: ignore[arg-type]
    assert "did you mean" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "bytes_per_second"),
    [
        ("0", 0),
        ("none", 0),
        ("2M", 2_000_000),
        ("500K", 500_000),
        ("1.5m", 1_500_000),
        ("1G", 10**9),
        ("64000", 64_000),
    ],
)
def test_bandwidth_is_bytes_per_second_with_a_unit_or_without(tmp_path: Path, text: str, bytes_per_second: int) -> None:
    settings = load(tmp_path, env={"BACKFILL_BANDWIDTH": text})
    assert settings.bandwidth == settings.options().bandwidth == bytes_per_second


def test_host_policies_come_from_the_file(tmp_path: Path) -> None:
    settings = load(tmp_path, toml='[hosts."IMG.example"]\nslots = 2\nrate = 0.5\n[hosts."b.example"]\nrate = 3')
    assert settings.hosts == {"img.example": HostPolicy(2, 0.5), "b.example": HostPolicy(rate=3.0)}


@pytest.mark.parametrize(
    ("name", "host"),
    [
        ("IMG.Example.com", "img.example.com"),
        ("img.example.com.", "img.example.com"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("img_1.example", "img_1.example"),
        ("10.0.0.1", "10.0.0.1"),
        ("2001:DB8::0:1", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
    ],
)
def test_a_host_is_named_as_urls_name_it(tmp_path: Path, name: str, host: str) -> None:
    assert list(load(tmp_path, toml=f'[hosts."{name}"]\nrate = 1').hosts) == [host]
    address = f"[{host}]" if ":" in host else host
    assert host_of(str(normalise(f"https://{address}/x.jpg"))) == host


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("https://img.a.com/", "img.a.com"),
        ("https://u:p@IMG.a.com:8080/x?y", "img.a.com"),
        ("img.a.com:8080", "img.a.com"),
        ("img.a.com/", "img.a.com"),
        ("*.a.com", "img.example.com"),
        ("[::1]:80", "[::1]"),
        ("", "img.example.com"),
        (" ", "img.example.com"),
        ("*", "img.example.com"),
        ("img example", "img.example.com"),
        ("a..com", "img.example.com"),
        ("[::1", "img.example.com"),
    ],
)
def test_what_is_no_host_alone_is_refused_with_what_to_write(tmp_path: Path, name: str, write: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load(tmp_path, toml=f'[hosts."{name}"]\nrate = 1')
    assert str(caught.value) == (
        f"{tmp_path / 'config.toml'}: hosts entry {name!r} must be a host alone, without scheme, port, path or "
        f'wildcard: write [hosts."{write}"].'
    )


def test_two_entries_for_one_host_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"hosts entry 'a\.com' is a\.com, which another entry names already"):
        load(tmp_path, toml='[hosts."A.com."]\nrate = 1\n[hosts."a.com"]\nrate = 2')


def test_a_host_may_be_told_who_sends_one_and_what_else_it_asks_for(tmp_path: Path) -> None:
    toml = '[hosts."img.example"]\nreferer = "https://www.example.com/"\nheaders = { Accept-Language = "de" }'
    assert load(tmp_path, toml=toml).hosts == {
        "img.example": HostPolicy(headers={"Accept-Language": "de", "Referer": "https://www.example.com/"})
    }


@pytest.mark.parametrize(
    ("policy", "says"),
    [
        ("headers = { Authorization = 'Basic x' }", "'Authorization': credentials never leave with a request"),
        ("headers = { Cookie = 'a=b' }", "'Cookie': credentials never leave with a request"),
        ("headers = { X-Api-Key = 'b' }", "'X-Api-Key': credentials never leave with a request"),
        *(
            (f"headers = {{ {name} = 'b' }}", f"'{name}': credentials never leave with a request")
            for name in (
                *("X-Access-Key", "Ocp-Apim-Subscription-Key", "Private-Key", "X-Jwt", "X-Pwd", "apikey", "X-Sid"),
                *("X_Api_Key", "Proxy-Authorization", "X-CSRF"),
            )
        ),
        *(
            (f"headers = {{ X-A = '{value}' }}", "'X-A' with credentials")
            for value in (
                "Bearer abc",
                "basic dTpw",
                "Digest username=u",
                "AWS4-HMAC-SHA256 Credential=x",
                "eyJhbG.eyJ",
            )
        ),
        ("headers = { Referer = 'https://u:p@example.com/' }", "referer as an address"),
        ("headers = { referer = 'www.example.com' }", "referer as an address"),
        ("referer = 'https://a.com/'\nheaders = { referer = 'https://b.com/' }", "keep one of them"),
        ("headers = { Host = 'b' }", "'Host', which is the fetcher's own"),
        ("headers = { Transfer-Encoding = 'chunked' }", "'Transfer-Encoding', which is the fetcher's own"),
        ("headers = { User-Agent = 'Mozilla' }", "'User-Agent', which is the fetcher's own"),
        ('headers = { "A:b" = "c" }', "'A:b', which is no name for one"),
        ('headers = { A = "b\\r\\nCookie: c" }', "header 'A' as text of up to 1,000 plain characters"),
        ("headers = { A = 1 }", "header 'A' as text"),
        ("headers = 'A: b'", "headers as a table"),
        ("referer = 'www.example.com'", "referer as an address such as https://www.example.com/"),
        ("referer = 'https://u:p@example.com/'", "referer as an address"),
        ("refferer = 'x'", "did you mean 'referer'?"),
    ],
)
def test_what_may_not_be_sent_to_a_host_is_refused(tmp_path: Path, policy: str, says: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load(tmp_path, toml=f'[hosts."img.example"]\n{policy}')
    assert "'img.example'" in str(caught.value)
    assert says in str(caught.value)
    assert "Basic x" not in str(caught.value)


def test_networks_come_as_a_list_or_with_commas(tmp_path: Path) -> None:
    networks = (ip_network("10.20.0.0/16"), ip_network("192.168.1.7/32"), ip_network("fd00::/8"))
    listed = load(tmp_path, toml='allow_networks = ["10.20.0.0/16", "192.168.1.7", "fd00::/8"]')
    assert listed.allow_networks == networks
    typed = load(tmp_path, env={"BACKFILL_ALLOW_NETWORKS": "10.20.0.0/16, 192.168.1.7,fd00::/8"})
    assert typed.allow_networks == networks
    assert load(tmp_path, env={"BACKFILL_ALLOW_NETWORKS": ""}).allow_networks == ()


def test_a_missing_file_that_was_named_is_told(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="does not exist"):
        load_settings({}, {"BACKFILL_CONFIG": str(tmp_path / "none.toml")}, tmp_path)


def test_supabase_names_are_understood_in_their_order(tmp_path: Path) -> None:
    env = {"NEXT_PUBLIC_SUPABASE_URL": "https://next.example", "SUPABASE_SECRET_KEY": "sb_secret_1"}
    assert load(tmp_path, env=env).supabase_url == "https://next.example"
    assert load(tmp_path, env={**env, "SUPABASE_URL": "https://own.example"}).supabase_url == "https://own.example"
    assert load(tmp_path, env=env).supabase_key.reveal() == "sb_secret_1"


def test_a_secret_shows_itself_nowhere(tmp_path: Path) -> None:
    settings = load(tmp_path, env={"SUPABASE_SERVICE_ROLE_KEY": "hush-hush"})
    assert "hush-hush" not in f"{settings!r}{settings.supabase_key}{settings.supabase_key!r}"
    assert not Secret("")
    with pytest.raises(SettingsError) as caught:
        load(tmp_path, toml="supabase_key = ['hush-hush']")
    assert "hush-hush" not in str(caught.value)


def test_options_carry_the_settings(tmp_path: Path) -> None:
    options = load(tmp_path, toml="pace = 'fast'\ninclude_private = true").options(("org",), dry_run=True)
    assert (options.pace, options.dry_run, options.scope.organization_ids) == ("fast", True, ("org",))
    assert options.scope.include_private
