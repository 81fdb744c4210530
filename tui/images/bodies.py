"""Where bodies are while they come and are looked at: small ones in memory, the others in temporary files."""

from __future__ import annotations

import io
import tempfile
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from aiofiles.threadpool.binary import AsyncBufferedIOBase

IN_MEMORY = 1024 * 1024
"""Bytes of one body kept in memory before it moves to a temporary file."""

ALL_IN_MEMORY = 32 * 1024 * 1024


class Memory:
    """Room for the bytes of all bodies in memory. A body without room goes to disk, so that nobody waits for any."""

    def __init__(self, room: int = ALL_IN_MEMORY) -> None:
        self.room = room

    def take(self, size: int) -> bool:
        """Take room for so many bytes, if it is there."""
        if size > self.room:
            return False
        self.room -= size
        return True

    def give_back(self, size: int) -> None:
        """These bytes are gone."""
        self.room += size


class _Held(io.BytesIO):
    """A body in memory, which gives its room back when it is closed."""

    def __init__(self, memory: Memory) -> None:
        super().__init__()
        self._memory = memory
        self._taken = 0

    def take(self, piece: bytes) -> bool:
        """Write a piece if there is room for it."""
        if self._taken + len(piece) > IN_MEMORY or not self._memory.take(len(piece)):
            return False
        self._taken += len(piece)
        self.write(piece)
        return True

    def reserve(self, size: int) -> memoryview | None:
        """Room for a whole body at once, to be written to and released, if there is any."""
        if size > IN_MEMORY or not self._memory.take(size):
            return None
        self._taken = size
        super().__init__(bytes(size))
        return self.getbuffer()

    def close(self) -> None:
        super().close()
        self._memory.give_back(self._taken)
        self._taken = 0


class Incoming:
    """A body on its way in, `size` bytes so far; one that was `announced` as large goes to disk from its start."""

    def __init__(self, memory: Memory, announced: int = 0) -> None:
        self.size = 0
        self._announced = announced
        self._held = _Held(memory)
        self._file: BinaryIO | None = None
        self._writer: AsyncBufferedIOBase

    def reserve(self) -> memoryview | None:
        """Room for all that was announced, to be written to and released; None where there is none in memory."""
        room = self._held.reserve(self._announced) if self._announced else None
        self.size = self._announced if room else 0
        return room

    async def write(self, piece: bytes) -> None:
        """Add a piece. Raises OSError where the temporary folder has no room."""
        self.size += len(piece)
        if self._file is None:
            if self._announced <= IN_MEMORY and self._held.take(piece):
                return
            await self._move()
        await self._writer.write(piece)

    async def whole(self) -> BinaryIO:
        """The body at position 0; the caller closes it."""
        if self._file is None:
            self._held.seek(0)
            return self._held
        await self._writer.seek(0)  # which writes what is buffered
        return self._file

    def close(self) -> None:
        """Forget the body."""
        self._held.close()
        if self._file is not None:
            self._file.close()

    async def _move(self) -> None:
        from aiofiles.threadpool import wrap  # slow to load, and few photos are so large

        file = tempfile.TemporaryFile()  # noqa: SIM115 - it leaves as the body
        self._file, self._writer = file, wrap(file)
        await self._writer.write(self._held.getvalue())
        self._held.close()
