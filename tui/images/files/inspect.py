"""What the bytes themselves say: format, size and looks of a whole image, or why it is none.

What proves each format whole, at least cost:

- JPEG: its markers, restart markers and lengths, then a decode at an eighth of its size. Markers inside a scan find
  foreign bytes; that every scan holds as much as its picture needs finds zeros, gaps and doubled pieces, nearly always:
  in the last refinement of a progressive one a decoder may lose its place and find it again. What no browser shows
  (arithmetic coding, lossless, 12 bits) is refused by name, as unsupported.
- PNG: its chunks and their checksums, then the decode, which checks that of the pixels.
- WebP: its chunks, then a decode at an eighth by libwebp itself, and AVIF: its boxes, then a decode by libavif and one
  by a strict dav1d, all of which Pillow brings. A picture has to use up its bytes, which one does not after damage but
  by chance, in a lossless WebP now and then. Where Pillow hides its libraries, changed bytes that decode pass.
- GIF: its blocks, then the decode. It has no checksums, so that changed bytes which decode are not noticed.
- Of an animation the first frame is decoded; the others are whole in their structure. In WebP and AVIF more zeros in a
  row than an encoder writes are found undecoded too.
- HEIC, TIFF, BMP, ICO, SVG, JPEG XL and JPEG 2000 are refused by name, as unsupported: browsers do not show them all
  alike, or they run scripts. Whatever starts like HTML, a video or anything else is not an image.
- Where file and pixels would take more than 64 MB (`decode.MOST_MEMORY`), the structure alone is the proof, and of a
  PNG that its pixels can be unpacked and are as many as its header says. A lossy WebP takes nothing for its pixels,
  a transparent one 5 bytes for each, a lossless one 4 (16 megapixels), and none of them anything for the file; an AVIF
  takes 2.1 where it has 8 bits and 4:2:0, 3.9 with 10 bits or in full colour, 13.5 where it moves. Pillow
  itself, where it hides its libraries, takes 12 for a WebP and 8 for an AVIF.

What follows an image in its file (a ZIP, HTML, a video, a second picture) is cut off and never stored, as it may be
read as something else, and may tell where the photo was taken. Width and height are those of the pixels in the file,
whichever way EXIF would turn them.

Where a photo was taken is written over in place: GPS in EXIF, with what points to it; whole packets of XMP, texts and
other parts, known or not, that name latitudes, longitudes or GPS; EXIF that is malformed, but for its orientation, or
where none belongs. Maker notes are nobody's to read, and are left as they are.
"""

from __future__ import annotations

import hashlib
import io
import mmap
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, BinaryIO

from tui.images.files.formats import STORED, format_of
from tui.images.files.layout import Bytes, Layout
from tui.images.files.metadata import read_metadata
from tui.images.files.structure import layout_of
from tui.model import Preview, Reason, Refusal

if TYPE_CHECKING:
    from tui.images.files.decode import Glance

MAX_PIXELS = 64_000_000
"""Width times height."""

IN_MEMORY = 1024 * 1024
"""Bytes up to which a file is read; a larger one is mapped."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What a whole image is: width and height in pixels, and size and sha256 (hex) of the bytes that are left of it.

    The others as in `Picture`.
    """

    mime_type: str
    extension: str
    width: int
    height: int
    size: int
    sha256: str
    perceptual_hash: str = ""
    preview: Preview | None = None
    orientation: int = 0
    taken_at: datetime | None = None


def inspect(content: BinaryIO, max_pixels: int = MAX_PIXELS, *, keep_gps: bool = False, decoding: bool = True) -> Facts:
    """Prove that `content` is one whole image and leave it at position 0; meant for a thread.

    Without `decoding` its markers, lengths and checksums are the proof, and it has no perceptual hash and no preview.
    What follows the image, and where it was taken unless `keep_gps`, is no longer in `content` then; its pixels keep
    their bytes. Raises Refusal: EMPTY_BODY, NOT_AN_IMAGE, UNSUPPORTED_FORMAT, TRUNCATED, CORRUPT or TOO_MANY_PIXELS.
    """
    with _bytes_of(content) as data:
        name = format_of(data)
        layout = layout_of(name, data)
        if layout.width * layout.height > max_pixels:
            raise Refusal(Reason.TOO_MANY_PIXELS, f"{layout.width:,}x{layout.height:,}")
        glance = _decoded(name, data, layout) if decoding else None
        metadata = read_metadata(name, data, layout, keep_gps=keep_gps)
        surplus = len(data) - layout.end
    if surplus:
        content.truncate(layout.end)
    for at, piece in metadata.edits:
        content.seek(at)
        content.write(piece)
    mime_type, extension = STORED[name]
    return Facts(
        mime_type,
        extension,
        glance.width if glance else layout.width,
        glance.height if glance else layout.height,
        layout.end,
        _sha256(content),
        glance.perceptual_hash if glance else "",
        glance.preview if glance else None,
        metadata.orientation or (glance.orientation if glance else 0),
        metadata.taken_at,
    )


def _decoded(name: str, data: Bytes, layout: Layout) -> Glance | None:
    # Pillow takes its time, and here it loads while others wait for the network.
    from tui.images.files.decode import decode

    return decode(name, data, layout)


def _sha256(content: BinaryIO) -> str:
    digest = hashlib.sha256()
    content.seek(0)
    while piece := content.read(IN_MEMORY):
        digest.update(piece)
    content.seek(0)
    return digest.hexdigest()


@contextmanager
def _bytes_of(content: BinaryIO) -> Iterator[Bytes]:
    """All of a file: a large one that is on disk is mapped, so that its bytes take no memory of ours."""
    size = content.seek(0, io.SEEK_END)
    content.seek(0)
    if size > IN_MEMORY:
        try:
            number = content.fileno()
        except OSError:
            pass
        else:
            with mmap.mmap(number, size, access=mmap.ACCESS_COPY) as mapped:
                yield mapped
            return
    yield content.read()
