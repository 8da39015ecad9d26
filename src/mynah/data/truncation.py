"""What a file's header promises: the decoder trims a cut-off file to what is there and says nothing.

Read here by the layouts of RIFF (Microsoft and IBM, 1991), RF64 (EBU Tech 3306) and AIFF (Apple, 1989).
"""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import BinaryIO

from mynah.ground.riff import NO_LENGTH, chunks, unfinished


def promised_share(path: Path) -> float:
    """Return how many times the sample bytes that are there the header promises; 1 for a whole or other file.

    It is less than 1 of a WAV file whose header a recorder did not finish, and which is read to its end.
    """
    with open(path, "rb") as file:
        if (found := unfinished(file)) is not None:
            _, promised, there = found
            return promised / there
        file.seek(0)
        size = os.fstat(file.fileno()).st_size
        head = file.read(12)
        if head[:4] in (b"RIFF", b"RF64") and head[8:] == b"WAVE":
            return _of_chunk(file, size, b"data", "<")
        if head[:4] == b"RIFX" and head[8:] == b"WAVE":
            return _of_chunk(file, size, b"data", ">")
        if head[:4] == b"FORM" and head[8:] in (b"AIFF", b"AIFC"):
            return _of_chunk(file, size, b"SSND", ">")
    return 1.0


def _of_chunk(file: BinaryIO, size: int, wanted: bytes, order: str) -> float:
    long = 0
    for name, length, place in chunks(file, size, order=order):
        if name == b"ds64":  # RF64 keeps the true size of `data` here
            long = struct.unpack("<Q", file.read(16)[8:])[0]
        elif name == wanted:
            there = size - place
            promised = long if length == 0xFFFFFFFF and long else length
            known = promised and (promised == long or promised < NO_LENGTH)
            return max(1.0, promised / there) if known and there > 0 else 1.0
    return 1.0
