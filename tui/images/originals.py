"""Where a URL names a reduced copy of a photo on a known image service, the URLs of the larger one."""

from __future__ import annotations

import functools
import itertools
import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from tui.images.sizes import PARAMETER, SUFFIX, rendition
from tui.images.urls import host_of

Rewrite = Callable[[str, str], Iterable[tuple[str, str]]]
"""From path and query to those of larger copies, the best first."""

MOST = 2
"""Larger copies that are tried for one URL."""

FRUITLESS = 3
"""Photos of a host that may lack larger copies, none found, before it is asked for no more of them."""

PASSING_MISS = 0.25
"""What a photo counts whose larger copy could not be asked for properly, or was one, though not larger."""

PLAUSIBLE = 200
"""Pixels that the longer side of a larger copy has at least, where the URL tells nothing of the size that it names."""

# hdnts, hdnea and hdntl are Akamai's, oh and oe Facebook's, st and e those of nginx's secure links.
_SIGNED = re.compile(
    r"(?:^|&)(?:s|sig|sign|signature|hmac|hash|digest|md5|sha[0-9]*|oh|oe|(?:access_)?token|__token__|hdn(?:ts|ea|tl)"
    r"|auth|auth_key|policy|secure|expires?|exp|e|st|se|key-pair-id|ossaccesskeyid|verify|x-(?:amz|goog|oss)-[^=]*)=",
    re.IGNORECASE,
)
_SIGNED_PATH = re.compile(r"/s--[\w-]+--/")


@dataclass(frozen=True, slots=True)
class Rule:
    """A known shape: which hosts (and paths) have it, and what becomes of such a URL. `source` tells the shape.

    `told` finds the pixels of a side that such a URL tells, beside those that `rendition` knows of.
    """

    name: str
    hosts: str
    rewrite: Rewrite
    source: str
    paths: str = ""
    told: str = "(?!)"


def originals(url: str) -> tuple[str, ...]:
    """Larger copies of what a normalised URL names, the best first, at most `MOST`, all on its own host.

    Empty where there are none to be known, and for a URL with a signature, which holds for it as it is only.
    """
    origin, path, query = _parts(url)
    rule = _rule_of(url, path)
    if rule is None or _SIGNED.search(query) or _SIGNED_PATH.search(path):
        return ()
    made = (origin + "?".join(filter(None, pair)) for pair in rule.rewrite(path, query))
    return tuple(dict.fromkeys(larger for larger in made if larger != url))[:MOST]


def is_no_smaller(url: str, width: int, height: int) -> bool:
    """Whether a picture of so many pixels may be a larger copy of what a normalised URL names, by what the URL tells.

    Some hosts answer for a size that they lack with a small picture that says so.
    """
    _, path, _ = _parts(url)
    rule = _rule_of(url, path)
    sides = [float(side) for side in re.findall(rule.told, url)] if rule else []
    sides.append(rendition(url).size)
    return max(width, height) >= max((side for side in sides if 0 < side < math.inf), default=PLAUSIBLE)


def _rule_of(url: str, path: str) -> Rule | None:
    return next((rule for rule in _rules_of(host_of(url)) if re.search(rule.paths, path)), None)


@functools.lru_cache(maxsize=1024)
def _rules_of(host: str) -> tuple[Rule, ...]:
    """The rules that may hold for URLs of a host: most images of a run have the same few."""
    return tuple(rule for rule in RULES if re.fullmatch(rule.hosts, host))


def _parts(url: str) -> tuple[str, str, str]:
    start = url.index("/", url.index("//") + 2)
    path, _, query = url[start:].partition("?")
    return url[:start], path, query


def _raised(pattern: str, most: int, text: str) -> str:
    """The text with the number in the middle one of the pattern's three groups raised to `most`, never lowered."""
    return re.sub(pattern, lambda found: f"{found[1]}{max(int(found[2]), most)}{found[3]}", text, flags=re.IGNORECASE)


def _path(pattern: str, larger: str) -> Rewrite:
    """Replace what the pattern finds in the path."""
    compiled = re.compile(pattern, re.IGNORECASE)
    return lambda path, query: [(compiled.sub(larger, path), query)]


def _without(*names: str) -> Rewrite:
    """Leave out these parameters, and those that give a size in pixels."""
    return lambda path, query: [(path, _unsized(query, names))]


def _unsized(query: str, names: Iterable[str]) -> str:
    return "&".join(part for part in query.split("&") if not _sizing(part, names))


def _sizing(parameter: str, names: Iterable[str]) -> bool:
    return bool(PARAMETER.fullmatch(parameter)) or parameter.partition("=")[0].lower() in names


_MODES = "auto(?:_pad)?|crop|fill(?:_pad)?|fit|imagga_crop|imagga_scale|lfill|limit|lpad|mfit|mpad|pad|scale|thumb"
_SCALE = rf"(?:[wh]_(?:[0-9]+(?:\.[0-9]+)?|auto)|c_(?:{_MODES})|ar_[0-9]+(?:[.:][0-9]+)?)"
_OTHER = "(?:a|ac|b|bo|co|cs|d|dl|dn|dpr|du|e|eo|f|fl|fn|fps|g|if|ki|l|o|p|pg|q|r|so|sp|t|u|vc|vs|x|y|z)_[^/,]+"
_TRANSFORM = re.compile(rf"(?:{_SCALE}|{_OTHER})(?:,(?:{_SCALE}|{_OTHER}))*")
_SCALING = re.compile(rf"(?:^|,){_SCALE}(?=,|$)")
# A folder may be called b_2020 or t_roc, but none is likely to have a list for its name.
_NO_FOLDER = re.compile(r".*,.*|[fq]_auto(?::[a-z]+)?")


def _cloudinary(path: str, query: str) -> Iterable[tuple[str, str]]:
    """Cut the leading transforms where one of them scales; text and overlays go with them, which is wanted.

    What follows the last one that scales goes where it is certainly a transform: the others may be folders.
    """
    before, mark, rest = path.partition("/image/upload/")
    *leading, name = rest.split("/")
    transforms = list(itertools.takewhile(_TRANSFORM.fullmatch, leading))
    cut = max((n for n, segment in enumerate(transforms, 1) if _SCALING.search(segment)), default=0)
    if cut:
        cut += len(list(itertools.takewhile(_NO_FOLDER.fullmatch, transforms[cut:])))
        yield before + mark + "/".join([*leading[cut:], name]), query


_WORDPRESS = ("fit", "resize", "crop", "zoom", "quality", "strip", "lb")


def _wordpress(path: str, query: str) -> Iterable[tuple[str, str]]:
    """The upload itself; what a theme put behind its name is `-300x200`, what WordPress did is `-scaled`.

    Where Photon or a CDN stands before it, sizes are parameters too.
    """
    query = _unsized(query, _WORDPRESS)
    match = SUFFIX.search(path)
    if match and match[0].startswith("-"):  # with an underscore it is the name that somebody gave the file
        plain = path[: match.start()] + path[match.end() :]
        stem, dot, extension = plain.rpartition(".")
        yield plain, query
        yield f"{stem}-scaled{dot}{extension}", query
    else:
        yield re.sub(r"-scaled(?=\.[a-z]{3,4}$)", "", path, flags=re.IGNORECASE), query
        yield path, query


def _shopify(path: str, query: str) -> Iterable[tuple[str, str]]:
    # Of the named sizes only what no photo is called: too_small.jpg and red_compact.jpg are names, as jeep_4x4.jpg is.
    size = r"_(?:[0-9]{2,4}x(?:[0-9]{2,4})?|x[0-9]{3,4}|pico|grande)"
    path = re.sub(rf"{size}(?:_crop_[a-z]+)?(?:@[23]x)?(?=\.[a-z]{{3,4}}$)", "", path, flags=re.IGNORECASE)
    return _without("crop")(path, query)


def _squarespace(path: str, query: str) -> Iterable[tuple[str, str]]:
    yield path, _raised(r"(^format=|&format=)([0-9]{1,5})(w)(?=&|$)", 2500, query)


def _ebay(path: str, query: str) -> Iterable[tuple[str, str]]:
    yield _raised(r"(/s-l)([0-9]{2,4})(\.[a-z]{3,4}$)", 1600, path), query


RULES: tuple[Rule, ...] = (
    Rule(
        "Cloudinary",
        r"(?:.+\.)?cloudinary\.com",
        _cloudinary,
        "https://cloudinary.com/documentation/transformation_reference",
        paths="/image/upload/",
        told=r"[/,][wh]_([0-9]+)(?=[/,])",
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
    *(
        Rule(
            "Shopify",
            hosts,
            _shopify,
            "https://shopify.dev/docs/api/liquid/filters/image_url",
            paths=paths,
            told=r"(?:_(?=[0-9]+x)|_x)([0-9]{2,4})",
        )
        for hosts, paths in ((r"cdn\.shopify\.com", ""), (r".+", "^/cdn/shop/"))
    ),
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
        _ebay,
        "https://developer.ebay.com/devzone/guides/features-guide/content/Development/Pictures-InListing.html",
        told=r"/s-l([0-9]+)\.",
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
        told=r"[?&]format=([0-9]+)w",
    ),
    Rule(
        "Wix",
        r"static\.wixstatic\.com",
        _path(r"^(/media/[^/]+)/v1/(?:fill|fit|crop)/.*$", r"\1"),
        "https://dev.wix.com/docs/api-reference/assets/media/media-manager/url-image-transformation",
        told=r"[/,][wh]_([0-9]+)(?=[/,])",
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
        """No larger copy was there; a `passing` failure to find out tells less, as a small photo does."""
        host = host_of(url)
        self._missed[host] = self._missed.get(host, 0) + (PASSING_MISS if passing else 1)
