"""Which URLs name the same photo in different sizes: a small table of the shapes that galleries have."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

_SEGMENT = re.compile(r"(?<!/)/(?:thumbs?|thumbnails?)(?=/)", re.IGNORECASE)
_FULL_SEGMENT = re.compile(r"(?<!/)/(?:full|large|original)(?=/)", re.IGNORECASE)
# WordPress writes photo-150x150.jpg, Craigslist photo_600x450.jpg.
SUFFIX = re.compile(r"[-_]([0-9]{2,4})x([0-9]{2,4})(?=\.[a-z]{3,4}$)", re.IGNORECASE)
_NAMED_SUFFIX = re.compile(r"[-_](?:thumb|thumbnail)(?=\.[a-z]{3,4}$)", re.IGNORECASE)
# Photon (i0.wp.com, Bring a Trailer) takes w, h, fit=940,627 and resize=150,150; Shopify width and height.
PARAMETER = re.compile(
    r"(?:w|h|width|height|maxwidth|maxheight|fit|resize)=([0-9]{1,5})(?:(?:,|x|%2c)([0-9]{1,5}))?", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Rendition:
    """One size of a photo: `photo` is the same for all its sizes, `size` the longest known side in pixels.

    A URL without any mark of a size is the original: its size is infinite. A thumbnail of unknown size has 0.
    """

    photo: str
    size: float


def rendition(url: str) -> Rendition:
    """What a normalised URL says of its photo and its size."""
    path, _, query = url.partition("?")
    path, sizes = _strip_path(path)
    kept = []
    for parameter in query.split("&") if query else ():
        if match := PARAMETER.fullmatch(parameter):
            sizes += [int(number) for number in match.groups() if number]
        else:
            kept.append(parameter)
    return Rendition("?".join([path, *filter(None, ["&".join(kept)])]), max(sizes, default=math.inf))


def _strip_path(path: str) -> tuple[str, list[int]]:
    sizes: list[int] = []
    for mark in (_SEGMENT, _NAMED_SUFFIX):
        path, found = mark.subn("", path)
        sizes += [0] * found
    if match := SUFFIX.search(path):
        sizes += [int(match[1]), int(match[2])]
        path = path[: match.start()] + path[match.end() :]
    return _FULL_SEGMENT.sub("", path), sizes
