"""WAV files whose header was never finished: a recorder that lost power leaves a size of 0, or an old one.

Read by the layout of RIFF (Microsoft and IBM, 1991): chunks of a name, a size and so many bytes, at even places.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

#: Chunk sizes from here on mean "length not known": what programs write into a pipe.
NO_LENGTH = 0x7FFFF000
_HEAD = 8


def unfinished(file: BinaryIO) -> tuple[int, int, int] | None:
    """Return of an unfinished WAV file the place of the size of its samples, that size, and the bytes that are there.

    None of a finished file, and of one that is no RIFF WAVE.
    """
    size = os.fstat(file.fileno()).st_size
    file.seek(0)
    head = file.read(12)
    if head[:4] != b"RIFF" or head[8:] != b"WAVE":
        return None
    for name, length, place in chunks(file, size):
        if name == b"data":
            there = size - place
            if length >= min(there, NO_LENGTH) or (length and _are_chunks(file, place + length + length % 2, size)):
                return None
            return place - 4, length, there
    return None


def chunks(file: BinaryIO, size: int, place: int = 12, order: str = "<") -> Iterator[tuple[bytes, int, int]]:
    """Yield name, length and place of the body of each chunk, from `place` to the end of a file of `size` bytes.

    Args:
        order: of the bytes of a length, "<" or ">".
    """
    while place + _HEAD <= size:
        file.seek(place)
        head = file.read(_HEAD)
        length = struct.unpack(order + "I", head[4:])[0]
        yield head[:4], length, place + _HEAD
        place += _HEAD + length + length % 2


def _are_chunks(file: BinaryIO, place: int, size: int) -> bool:
    """Tell whether what lies behind the samples is chunks to the end of the file, and so no samples."""
    for name, length, body in chunks(file, size, place):
        if not all(32 <= byte < 127 for byte in name):
            return False
        place = body + length + length % 2
    return place <= size + _HEAD  # the last may lack its padding, or be followed by some bytes


class Finished:
    """An unfinished WAV file, as a decoder reads it, with the size that its samples have.

    Args:
        path: of the file.
        place, length: of the size, and what it should be; see `unfinished`.
    """

    def __init__(self, path: Path, place: int, length: int) -> None:
        self.file = open(path, "rb")  # noqa: SIM115  closed by `close`
        size = os.fstat(self.file.fileno()).st_size
        self.mended = {4: struct.pack("<I", min(size - _HEAD, 0xFFFFFFFF)), place: struct.pack("<I", length)}

    def read(self, count: int = -1) -> bytes:
        """Return the next bytes, those of both sizes mended."""
        begin = self.file.tell()
        content = self.file.read(count)
        for place, value in self.mended.items():
            first, last = max(place, begin), min(place + len(value), begin + len(content))
            if first < last:
                inside = content[: first - begin], value[first - place : last - place], content[last - begin :]
                content = b"".join(inside)
        return content

    def seek(self, offset: int, whence: int = 0) -> int:
        """Move, and return where the file stands."""
        return self.file.seek(offset, whence)

    def tell(self) -> int:
        """Return where the file stands."""
        return self.file.tell()

    def close(self) -> None:
        """Close the file."""
        self.file.close()


def finished(path: Path) -> Finished | None:
    """Return an unfinished WAV file as one that can be read to its end; None of any other file."""
    if path.suffix.lower() != ".wav":
        return None
    with open(path, "rb") as file:
        found = unfinished(file)
    return None if found is None else Finished(path, found[0], found[2])
