"""Where a URL names a reduced copy of a photo on a known image service, the URLs of the larger one."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from tui.images.sizes import PARAMETER, SUFFIX
from tui.images.urls import host_of

Rewrite = Callable[[str, str], Iterable[tuple[str, str]]]
"""From path and query to those of larger copies, the best first."""

MOST = 2
"""Larger copies that are tried for one URL."""

FRUITLESS = 3
"""Photos of a host that may lack larger copies, none found, before it is asked for no more of them."""

PASSING_MISS = 0.25
"""What a photo counts whose larger copy could not be asked for properly."""

_SIGNED = re.compile(
    r"(?:^|&)(?:s|sig|sign|signature|hmac|hash|oh|token|auth|policy|expires?|e|key-pair-id|verify|x-(?:amz|goog)-[^=]*)=",
    re.IGNORECASE,
)
_SIGNED_PATH = re.compile(r"/s--[\w-]+--/")


@dataclass(frozen=True, slots=True)
class Rule:
    """A known shape: which hosts (and paths) have it, and what becomes of such a URL. `source` tells the shape."""

    name: str
    hosts: str
    rewrite: Rewrite
    source: str
    paths: str = ""


def originals(url: str) -> tuple[str, ...]:
    """Larger copies of what a normalised URL names, the best first, at most `MOST`, all on its own host.

    Empty where there are none to be known, and for a URL with a signature, which holds for it as it is only.
    """
    rules = _rules_of(host_of(url))
    origin, path, query = _parts(url)
    rule = next((rule for rule in rules if re.search(rule.paths, path)), None)
    if rule is None or _SIGNED.search(query) or _SIGNED_PATH.search(path):
        return ()
    made = (origin + "?".join(filter(None, pair)) for pair in rule.rewrite(path, query))
    return tuple(dict.fromkeys(larger for larger in made if larger != url))[:MOST]


@functools.lru_cache(maxsize=1024)
def _rules_of(host: str) -> tuple[Rule, ...]:
    """The rules that may hold for URLs of a host: most images of a run have the same few."""
    return tuple(rule for rule in RULES if re.fullmatch(rule.hosts, host))


def _parts(url: str) -> tuple[str, str, str]:
    start = url.index("/", url.index("//") + 2)
    path, _, query = url[start:].partition("?")
    return url[:start], path, query


def _path(pattern: str, larger: str) -> Rewrite:
    """Replace what the pattern finds in the path."""
    compiled = re.compile(pattern, re.IGNORECASE)
    return lambda path, query: [(compiled.sub(larger, path), query)]


def _without(*names: str) -> Rewrite:
    """Leave out these parameters, and those that give a size in pixels."""

    def rewrite(path: str, query: str) -> Iterable[tuple[str, str]]:
        kept = [part for part in query.split("&") if not _sizing(part, names)]
        return [(path, "&".join(kept))]

    return rewrite


def _sizing(parameter: str, names: Iterable[str]) -> bool:
    return bool(PARAMETER.fullmatch(parameter)) or parameter.partition("=")[0].lower() in names


_KEYS = "(?:a|ac|ar|b|bo|c|co|cs|d|dl|dn|dpr|du|e|eo|f|fl|fn|fps|g|h|if|ki|l|o|p|pg|q|r|so|sp|t|u|vc|vs|w|x|y|z)"
_TRANSFORM = re.compile(rf"{_KEYS}_[^/,]+(?:,{_KEYS}_[^/,]+)*")
_SCALING = re.compile(r"(?:^|,)(?:w|h|c|ar)_")


def _cloudinary(path: str, query: str) -> Iterable[tuple[str, str]]:
    """Cut the leading transforms where one of them scales; text and overlays go with them, which is wanted."""
    before, mark, rest = path.partition("/image/upload/")
    segments = rest.split("/")
    count = next((n for n, segment in enumerate(segments[:-1]) if not _TRANSFORM.fullmatch(segment)), len(segments) - 1)
    if any(_SCALING.search(segment) for segment in segments[:count]):
        yield before + mark + "/".join(segments[count:]), query


def _wordpress(path: str, query: str) -> Iterable[tuple[str, str]]:
    """The upload itself; what a theme put behind its name is `-300x200`, what WordPress did is `-scaled`."""
    match = SUFFIX.search(path)
    if match and match[0].startswith("-"):  # with an underscore it is the name that somebody gave the file
        plain = path[: match.start()] + path[match.end() :]
        stem, dot, extension = plain.rpartition(".")
        yield plain, query
        yield f"{stem}-scaled{dot}{extension}", query
    else:
        yield re.sub(r"-scaled(?=\.[a-z]{3,4}$)", "", path, flags=re.IGNORECASE), query


def _shopify(path: str, query: str) -> Iterable[tuple[str, str]]:
    size = r"_(?:[0-9]+x[0-9]*|x[0-9]+|pico|icon|thumb|small|compact|medium|large|grande)"
    path = re.sub(rf"{size}(?:_crop_[a-z]+)?(?:@[23]x)?(?=\.[a-z]{{3,4}}$)", "", path, flags=re.IGNORECASE)
    return _without("crop")(path, query)


def _squarespace(path: str, query: str) -> Iterable[tuple[str, str]]:
    yield path, re.sub(r"(^|&)format=[0-9]+w(?=&|$)", r"\1format=2500w", query)


RULES: tuple[Rule, ...] = (
    Rule(
        "Cloudinary",
        r"(?:.+\.)?cloudinary\.com",
        _cloudinary,
        "https://cloudinary.com/documentation/transformation_reference",
        paths="/image/upload/",
    ),
    Rule(
        "Photon",
        r"i[0-3]\.wp\.com|.+\.files\.wordpress\.com",
        _without("crop", "zoom"),
        "https://developer.wordpress.com/docs/photon/api/",
    ),
    Rule(
        "WordPress",
        r".+",
        _wordpress,
        "https://make.wordpress.org/core/2019/10/09/introducing-handling-of-big-images-in-wordpress-5-3/",
        paths=r"/wp-content/uploads/",
    ),
    # The sizes that its pages link to; 1200x900 is the largest.
    Rule(
        "Craigslist",
        r"images\.craigslist\.org",
        _path(r"_[0-9]{2,3}x[0-9]{2,3}c?(?=\.jpg$)", "_1200x900"),
        "its own listing pages; nothing is documented",
    ),
    Rule("Shopify", r"cdn\.shopify\.com", _shopify, "https://shopify.dev/docs/api/liquid/filters/image_url"),
    Rule("Shopify", r".+", _shopify, "https://shopify.dev/docs/api/liquid/filters/image_url", paths=r"^/cdn/shop/"),
    Rule(
        "imgix",
        r".+\.imgix\.net",
        _without("fit", "crop", "ar", "dpr", "max-w", "max-h"),
        "https://docs.imgix.com/",
    ),
    # 1600 pixels is the largest that is kept.
    Rule(
        "eBay",
        r"i\.ebayimg\.com",
        _path(r"/s-l[0-9]{2,4}(?=\.[a-z]{3,4}$)", "/s-l1600"),
        "https://developer.ebay.com/devzone/guides/features-guide/content/Development/Pictures-InListing.html",
    ),
    # b is 1024 pixels; what is larger has a secret of its own.
    Rule(
        "Flickr",
        r"(?:live|farm[0-9]+)\.static\.?flickr\.com",
        _path(r"(_[0-9a-f]{6,})(?:_[sqtmnwzc])?(?=\.jpg$)", r"\1_b"),
        "https://www.flickr.com/services/api/misc.urls.html",
    ),
    Rule(
        "Squarespace",
        r"images\.squarespace-cdn\.com|static1?\.squarespace\.com",
        _squarespace,
        "https://e2a.studio/blog-roll/formatting-your-images-for-display-on-squarespace",
    ),
    Rule(
        "Wix",
        r"static\.wixstatic\.com",
        _path(r"^(/media/[^/]+)/v1/(?:fill|fit|crop)/.*$", r"\1"),
        "https://dev.wix.com/docs/api-reference/assets/media/media-manager/url-image-transformation",
    ),
)


class Originals:
    """Which larger copies are worth asking for in this run: those of hosts that had any, or may have."""

    def __init__(self, *, wanted: bool = True) -> None:
        self._wanted = wanted
        self._missed: dict[str, float] = {}

    def of(self, url: str) -> tuple[str, ...]:
        """The larger copies to try before `url`."""
        if not self._wanted or self._missed.get(host_of(url), 0) >= FRUITLESS:
            return ()
        return originals(url)

    def found(self, url: str) -> None:
        """A larger copy was there, so that its host is asked for them for good."""
        self._missed[host_of(url)] = -(10**9)

    def missed(self, url: str, *, passing: bool = False) -> None:
        """No larger copy was there; a `passing` failure to find out tells less."""
        host = host_of(url)
        self._missed[host] = self._missed.get(host, 0) + (PASSING_MISS if passing else 1)
