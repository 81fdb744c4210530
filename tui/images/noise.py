"""Which URLs of a gallery are page furniture. Rules are narrow: a photo left out is worse than an icon fetched."""

from __future__ import annotations

import re
from urllib.parse import unquote

_PIXEL_HOSTS = (
    "adnxs.com",
    "adsrvr.org",
    "analytics.twitter.com",
    "bat.bing.com",
    "connect.facebook.net",
    "criteo.com",
    "ct.pinterest.com",
    "demdex.net",
    "doubleclick.net",
    "google-analytics.com",
    "googleadservices.com",
    "googlesyndication.com",
    "googletagmanager.com",
    "hotjar.com",
    "mc.yandex.ru",
    "omtrdc.net",
    "pixel.wp.com",
    "px.ads.linkedin.com",
    "quantserve.com",
    "scorecardresearch.com",
    "stats.wp.com",
)
_PIXEL_PATHS = re.compile(
    r"""
    .* / (?: [_]{0,2}utm | pixel | tracking-?pixel | beacon | spacer | blank | clear | trans(?:parent)? ) \. (?:gif|png)
    | .* [/_-] 1x1 \. (?:gif|png|jpe?g|webp)
    """,
    re.VERBOSE,
)
_ICON_PATHS = re.compile(
    r"""
    .* \.ico
    | .* / (?: favicon | apple-touch-icon | android-chrome- | mstile- ) [^/]*
    | .* / (?: favicons? | icons? | social-icons ) / [^/]* \. (?:png|gif|webp)
    | .* / (?: (?:icon|social|ui|css)s?[_-] )? sprites? \. (?:png|gif|webp|jpe?g)
    | .* / (?: (?:site|header|footer|company|brand|dealer|store)[_-] )? logo
           (?: [_-] (?: white|black|dark|light|small|header|footer|mobile|retina|[0-9]+(?:x[0-9]+)? ) )?
           (?: @[23]x )? \. (?:png|gif|webp|jpe?g)
    | .* / (?: facebook|twitter|instagram|youtube|linkedin|pinterest|tiktok|whatsapp )
           (?: [_-] (?: icon|logo|[0-9]+(?:x[0-9]+)? ) )? \. (?:png|gif|webp)
    """,
    re.VERBOSE,
)


def is_tracking_pixel(host: str, path: str) -> bool:
    """Whether this is a visitor counter or an invisible spacer."""
    if host in ("facebook.com", "www.facebook.com"):
        return path == "/tr" or path.startswith("/tr/")
    return _under(host, _PIXEL_HOSTS) or _PIXEL_PATHS.fullmatch(path) is not None


def is_icon(host: str, path: str) -> bool:
    """Whether this is a favicon, a logo, a sprite sheet, a social network's button or a commenter's avatar."""
    return _under(host, ("gravatar.com",)) or _ICON_PATHS.fullmatch(path) is not None


def is_svg(path: str) -> bool:
    """Whether the path names a drawing, which no photo is."""
    return path.endswith((".svg", ".svgz"))


def path_of(url: str) -> str:
    """The path of a normalised URL as the rules here read it: unescaped, lower case, without its query."""
    return unquote("/" + url.split("/", 3)[3].partition("?")[0]).lower()


def _under(host: str, domains: tuple[str, ...]) -> bool:
    return any(host == domain or host.endswith("." + domain) for domain in domains)
