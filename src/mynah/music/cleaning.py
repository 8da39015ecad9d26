"""A MIDI file reduced to what is learned, so that a wrong key signature or an unknown chunk does not cost the notes.

Kept are the events of channels, tempos and meters of the right length, and ends of tracks; their times stay. A file
that cannot be followed to its end is returned as it is, for the reader to refuse.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from mynah.ground.errors import BadInput

#: Notes that a file holds at most: a symphony has some fifty thousand; millions are no music to learn from.
MOST_NOTES = 250_000
#: Meta events that are kept, with their length in bytes: end of track, tempo, meter.
_KEPT = {0x2F: 0, 0x51: 3, 0x58: 4}
_META, _SYSEX, _ESCAPE = 0xFF, 0xF0, 0xF7
#: Bytes of a length or a time at most, and of a chunk's name and length.
_LONGEST, _HEAD = 4, 8


def cleaned(content: bytes) -> bytes:
    """Return a Standard MIDI file without its wrapper, chunks and events that are not learned.

    Raises:
        BadInput: more notes than `MOST_NOTES`.
    """
    content = _unwrapped(content)
    try:
        (name, head), *others = _chunks(content)
        if name != b"MThd" or len(head) < 6:
            return content
        tracks = [body for name, body in others if name == b"MTrk"]
        notes = 0
        bodies = []
        for track in tracks:
            body, count = _track(track, MOST_NOTES - notes)
            bodies.append(body)
            notes += count
    except (IndexError, ValueError):
        return content
    head = head[:2] + struct.pack(">H", len(tracks)) + head[4:6]
    return b"".join(_chunk(name, body) for name, body in [(b"MThd", head), *((b"MTrk", body) for body in bodies)])


def _unwrapped(content: bytes) -> bytes:
    """Return the file that a RIFF file of the kind RMID holds; any other as it is."""
    if content[:4] != b"RIFF" or content[8:12] != b"RMID":
        return content
    place = 12
    while place + _HEAD <= len(content):
        name, (size,) = content[place : place + 4], struct.unpack_from("<I", content, place + 4)
        if name == b"data":
            return content[place + _HEAD : place + _HEAD + size]
        place += _HEAD + size + size % 2
    return content


def _chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield name and body of each chunk; `ValueError` where one is cut off. What follows the last is left out."""
    place = 0
    while place + _HEAD <= len(content):
        name, (size,) = content[place : place + 4], struct.unpack_from(">I", content, place + 4)
        place += _HEAD + size
        if place > len(content):
            raise ValueError("a chunk is cut off")
        yield name, content[place - size : place]


def _chunk(name: bytes, body: bytes) -> bytes:
    return name + struct.pack(">I", len(body)) + body


def _track(body: bytes, most: int) -> tuple[bytes, int]:
    """Return the events that are kept, each with its own status, and the number of notes that begin.

    Raises:
        IndexError, ValueError: an event is cut off or of no kind.
        BadInput: more notes than `most`.
    """
    out, place, waited, status, notes = bytearray(), 0, 0, 0, 0
    while place < len(body):
        ticks, place = _number(body, place)
        waited += ticks
        first = body[place]
        if first in (_META, _SYSEX, _ESCAPE):
            begin = place
            size, place = _number(body, place + (2 if first == _META else 1))
            place += size
            is_kept = first == _META and _KEPT.get(body[begin + 1]) == size
            event = body[begin:place] if is_kept else b""
        else:
            if first >= 0x80:
                status, place = first, place + 1
            size = 1 if 0xC0 <= status < 0xE0 else 2
            event = bytes([status]) + body[place : place + size]
            place += size
            if not 0x80 <= status < _SYSEX:
                raise ValueError("an event of no kind")
            notes += status & 0xF0 == 0x90 and event[2] > 0
        if place > len(body):
            raise ValueError("an event is cut off")
        if notes > most:
            raise BadInput("too many notes to learn from", measured=f"over {MOST_NOTES:,}", remedy="Leave it out.")
        if event:
            out += _written(waited) + event
            waited = 0
    return bytes(out), notes


def _number(body: bytes, place: int) -> tuple[int, int]:
    """Return a number of variable length, and the place behind it."""
    value = 0
    for _ in range(_LONGEST):
        value = value << 7 | body[place] & 0x7F
        place += 1
        if body[place - 1] < 0x80:
            return value, place
    raise ValueError("a number is too long")


def _written(value: int) -> bytes:
    """Return a number in variable length."""
    parts = [value & 0x7F]
    while value := value >> 7:
        parts.append(0x80 | value & 0x7F)
    return bytes(reversed(parts))
