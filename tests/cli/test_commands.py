from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tui.cli import main

FEED = """\
vin,make,model,year,dealership_name,link,image_link,additional_image_link
1HGCM82633A004352,Porsche,911,1973,Gulf Motorcars,https://gulf.example/1,https://a.example/1.jpg,https://a.example/2.jpg
,Volvo,Amazon,1969,Nordic Garage,https://nordic.example/2,https://b.example/1.jpg,
,BMW,2002,1972,Nordic Garage,https://nordic.example/3,https://b.example/2.jpg,,one cell,too many
"""

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """A command line on a store of its own: exit code, stdout, stderr."""
    (tmp_path / "config.toml").write_text(f"store = 'local:{tmp_path / 'store'}'")
    (tmp_path / "feed.csv").write_text(FEED)
    monkeypatch.setenv("BACKFILL_CONFIG", str(tmp_path / "config.toml"))
    monkeypatch.chdir(tmp_path)
    for name in ("SUPABASE_URL", "NEXT_PUBLIC_SUPABASE_URL", "SUPABASE_SERVICE_ROLE_KEY", "SUPABASE_SECRET_KEY"):
        monkeypatch.delenv(name, raising=False)

    def call(*words: str) -> tuple[int, str, str]:
        code = main(words)
        out, err = capsys.readouterr()
        return code, out, err

    return call


def answer(run: Run, *words: str) -> dict[str, Any]:
    code, out, _ = run(*words, "--json")
    assert code == 0
    parsed: dict[str, Any] = json.loads(out)
    return parsed


def test_an_import_tells_what_it_wrote_and_the_line_it_could_not_read(run: Run) -> None:
    code, out, err = run("import", "feed.csv")
    assert (code, out) == (0, "3 lines: 2 inserted, 0 updated, 0 unchanged, 1 bad\n")
    assert "line 4" in err
    assert "cells" in err


def test_private_vehicles_are_told_apart_from_those_that_are_counted(run: Run, tmp_path: Path) -> None:
    (tmp_path / "club.csv").write_text(
        "vin,make,is_public,dealership_name,image_link\n2HGCM82633A004352,Saab,no,Club,https://a.example/1.jpg\n"
    )
    run("import", "feed.csv")
    run("import", "club.csv")
    listed = answer(run, "vehicles")
    assert (listed["total"], listed["private"]) == (3, 1)
    assert answer(run, "status")["vehicles"] == listed["total"] - listed["private"]
    assert answer(run, "vehicles", "--filter", "saab")["private"] is None
    _, out, err = run("vehicles")
    assert [line.split()[3:5] for line in out.splitlines() if "Saab" in line] == [["private,", "ready"]]
    assert "1 of the 3 vehicles private, which `status` does not count" in err


def test_a_second_import_changes_nothing(run: Run) -> None:
    run("import", "feed.csv")
    again = answer(run, "import", "feed.csv")
    assert (again["inserted"], again["updated"], again["unchanged"]) == (0, 0, 2)


def test_status_orgs_and_vehicles_tell_the_same_story(run: Run) -> None:
    run("import", "feed.csv")
    status = answer(run, "status")
    assert (status["vehicles_needing_backfill"], status["ready"], status["images_to_come"]) == (2, 2, 3)
    orgs = answer(run, "orgs")["organizations"]
    assert {o["name"]: o["ready"] for o in orgs} == {"Gulf Motorcars": 1, "Nordic Garage": 1}
    gulf = next(o["id"] for o in orgs if o["name"] == "Gulf Motorcars")
    (porsche,) = answer(run, "vehicles", "--organization-id", gulf)["vehicles"]
    assert (porsche["vehicle_name"], porsche["image_urls_count"], porsche["state"]) == ("1973 Porsche 911", 2, "ready")


def test_lists_for_people_go_to_stdout_and_what_is_left_to_stderr(run: Run) -> None:
    run("import", "feed.csv")
    code, out, err = run("vehicles", "--rows", "1")
    assert code == 0
    assert "1969 Volvo Amazon" in out
    assert "Porsche" not in out
    assert err == "1 more; --offset 1 goes on\n"


def test_a_dry_run_lists_candidates_and_writes_nothing(run: Run, tmp_path: Path) -> None:
    run("import", "feed.csv")
    code, out, err = run("run", "--dry-run")
    assert code == 0
    assert "https://a.example/2.jpg" in out
    assert "nothing was written" in err
    dry = answer(run, "run", "--dry-run")
    assert (dry["processed"], dry["total_images_inserted"]) == (2, 0)
    assert {r["vehicle_name"]: r["image_urls_count"] for r in dry["results"]} == {
        "1973 Porsche 911": 2,
        "1969 Volvo Amazon": 1,
    }
    assert {r["status"] for r in dry["results"]} == {"dry_run"}
    assert not (tmp_path / "store" / "objects").exists()
    assert answer(run, "status")["ready"] == 2


def test_text_from_outside_cannot_steer_the_terminal(run: Run, tmp_path: Path) -> None:
    title, url = "\x1b[31m[/red] evil\x07", "https://x.example/1\x1b]0;x"
    hostile = {"title": title, "link": "https://x.example/1", "image_urls": [url]}
    (tmp_path / "feed.jsonl").write_text(json.dumps(hostile))
    run("import", "feed.jsonl")
    for words in (["vehicles"], ["run", "--dry-run"]):
        _, out, _ = run(*words)
        assert "[/red] evil" in out
        assert "\x1b" not in out
        assert "\x07" not in out


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["run", "--limit", "many"], 2, "--limit must be a whole number"),
        (["fly"], 2, "fly"),
        (["import", "nowhere.csv"], 1, "nowhere.csv"),
        (["run"], 1, "there is no store"),
        (["vehicles"], 1, "there is no store"),
        (["run", "--dry"], 2, "--dry"),
        (["status", "--store", "ftp:x"], 2, "--store must be local:PATH"),
        (["status", "--store", "supabase"], 1, "SUPABASE_URL"),
        (["status", "--store", "supabase:https://a.example"], 1, "SUPABASE_SERVICE_ROLE_KEY"),
        (["status", "--profile", "x"], 2, "there is no profile 'x'"),
        (["run", "--read-only"], 1, "read-only"),
        (["import", "feed.csv", "--read-only"], 1, "read-only"),
        (["doctor", "--fix", "--read-only"], 1, "read-only"),
        (["status", "--store", "local:feed.csv"], 1, "feed.csv"),
        ([], 1, "needs a terminal"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(run: Run, words: list[str], code: int, says: str) -> None:
    got, out, err = run(*words)
    assert (got, out) == (code, "")
    assert err.startswith("backfill-tui: ")
    assert says in err
    assert len(err.splitlines()) == 1


def test_read_only_lets_look_at_everything(run: Run) -> None:
    run("import", "feed.csv")
    for words in (["run", "--dry-run"], ["status"], ["orgs"], ["vehicles"]):
        code, out, _ = run(*words, "--read-only")
        assert code == 0
        assert out


def test_with_json_a_failure_is_an_object_too(run: Run) -> None:
    code, out, err = run("run", "--json")
    assert code == 1
    assert json.loads(out) == {"success": False, "error": err.removeprefix("backfill-tui: ").strip()}


@pytest.mark.parametrize("command", ["run", "vehicles"])
def test_an_organization_that_is_not_there_is_told(run: Run, command: str) -> None:
    run("import", "feed.csv")
    code, out, err = run(command, "--organization-id", "no-such")
    assert (code, out) == (1, "")
    assert "'no-such'" in err


def test_an_organization_whose_vehicles_are_all_private_can_be_run(run: Run, tmp_path: Path) -> None:
    hidden = {"title": "Hidden", "link": "https://x.example/1", "is_public": False, "organization": "Club"}
    (tmp_path / "feed.jsonl").write_text(json.dumps(hidden | {"image_urls": ["http://127.0.0.1/a.jpg"]}))
    run("import", "feed.jsonl")
    (club,) = answer(run, "orgs")["organizations"]
    done = answer(run, "run", "--include-private", "--organization-id", club["id"])
    assert done["processed"] == 1


def test_a_feed_can_come_through_a_pipe(run: Run, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tui.cli", "import", "/dev/stdin"], input=FEED, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (0, "3 lines: 2 inserted, 0 updated, 0 unchanged, 1 bad\n")


def test_a_full_disk_behind_stdout_is_one_sentence(run: Run) -> None:
    run("import", "feed.csv")
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "tui.cli", "status"], stdout=full, stderr=subprocess.PIPE, text=True
        )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "No space left" in done.stderr


def test_an_image_at_an_inner_address_is_refused(run: Run, tmp_path: Path) -> None:
    inner = {"title": "Inner", "link": "https://x.example/1", "image_urls": ["http://127.0.0.1:80/a.jpg"]}
    (tmp_path / "feed.jsonl").write_text(json.dumps(inner))
    run("import", "feed.jsonl")
    done = answer(run, "run")
    assert done["refusals"] == {"blocked_address": 1}
    assert (done["failed"], done["results"][0]["status"]) == (1, "failed")


def test_no_command_prints_a_secret(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUPABASE_SERVICE_ROLE_KEY", "sb_secret_hush")
    monkeypatch.setenv("SUPABASE_URL", "https://project.example")
    for words in (["status"], ["status", "--store", "supabase"], ["run", "--limit", "x"]):
        _, out, err = run(*words)
        assert "hush" not in out + err


def demo(folder: Path, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tui.cli", *words, f"--demo={folder}"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_an_interrupt_drains_and_the_next_run_goes_on(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    with demo(folder, "run", "--json", "--limit", "400") as process:
        assert process.stderr is not None
        begun = next(line for line in process.stderr if "begins" in line)
        assert begun
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "stopping" in err
    answered = json.loads(out)
    assert answered["images"]["refused"] + answered["images"]["stored"] < 3000
    status = answer(run, "status", f"--demo={folder}")
    assert status["vehicles_needing_backfill"] > 0


def test_vehicles_without_images_are_told(run: Run, tmp_path: Path) -> None:
    (tmp_path / "odd.csv").write_text("title,link,Picture Addresses\nA,https://x.example/1,https://a.example/1.jpg\n")
    _, out, err = run("import", "odd.csv")
    assert out.startswith("1 line: 1 inserted")
    assert err == "1 vehicle came without image URLs (image_link, image_urls)\n"


def test_a_file_that_is_not_there_leaves_no_store_behind(run: Run, tmp_path: Path) -> None:
    assert run("import", "nowhere.csv")[0] == 1
    assert not (tmp_path / "store").exists()


def test_looking_at_a_folder_makes_no_store_in_it(run: Run, tmp_path: Path) -> None:
    (tmp_path / "letters").mkdir()
    code, _, err = run("status", "--store", f"local:{tmp_path / 'letters'}")
    assert (code, list((tmp_path / "letters").iterdir())) == (1, [])
    assert "there is no store at" in err


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
@pytest.mark.parametrize("words", ["", "status", "doctor --fix"])
def test_closed_streams_are_no_fault_of_the_program(run: Run, tmp_path: Path, words: str, closed: str) -> None:
    run("import", "feed.csv")
    script = f'"{sys.executable}" -m tui.cli {words} {closed}'
    done = subprocess.run(["sh", "-c", script], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    assert "Traceback" not in done.stderr + done.stdout
    assert done.returncode == (0 if words else 1)


def test_a_ctrl_c_while_the_program_loads_leaves_no_traceback(tmp_path: Path) -> None:
    (tmp_path / "loading.py").write_text(
        "import builtins, sys\n"
        "load = builtins.__import__\n"
        "def loading(name, *rest):\n"
        "    if name == 'tui.settings': raise KeyboardInterrupt\n"
        "    return load(name, *rest)\n"
        "builtins.__import__ = loading\n"
        "from tui.cli import main\n"
        "sys.exit(main(['status']))\n"
    )
    done = subprocess.run([sys.executable, str(tmp_path / "loading.py")], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")
