"""RUN/previews/ as data URIs, the most important first, as many as fit."""

from __future__ import annotations

import base64
import binascii
import json
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

#: From quiet to loud: nothing, blue-green, ink. Monotone in grey; blended with the page, inverted in the dark scheme.
RAMP = [(255, 255, 255), (208, 228, 231), (120, 176, 190), (47, 122, 147), (20, 70, 104), (16, 24, 44)]
#: Shades kept: 16 need 4 bits a pixel, a third of the bytes of 256, and look the same at this size.
SHADES = 16


@dataclass(frozen=True)
class Preview:
    """What the page embeds of one clip; the two sources are data URIs."""

    item: int
    sound: str
    picture: str
    seconds: float
    start: float
    gain_db: float
    max_hz: int

    @property
    def size(self) -> int:
        """Characters in the page, about."""
        return len(self.sound) + len(self.picture) + 1200


def read_previews(folder: Path, items: int) -> Iterator[Preview]:
    """Yield previews in the order of index.json, which is the order of importance; what is damaged is passed over."""
    try:
        index = json.loads((folder / "index.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return
    for key, entry in index.items() if isinstance(index, dict) else ():
        try:
            item = int(key)
            name = str(entry["mp3"])
            if not 0 <= item < items or Path(name).name != name:
                continue
            yield Preview(
                item=item,
                sound=uri("audio/mpeg", (folder / name).read_bytes()),
                picture=uri("image/png", _picture(entry)) if entry.get("spectrogram") else "",
                seconds=float(entry["seconds"]),
                start=float(entry.get("start", 0.0)),
                gain_db=float(entry.get("gain_db", 0.0)),
                max_hz=int(entry.get("max_hz", 0)),
            )
        except (OSError, ValueError, TypeError, KeyError, binascii.Error):
            continue


def uri(kind: str, data: bytes) -> str:
    """Return bytes as an address that holds them."""
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


def _picture(entry: dict) -> bytes:
    """Return the spectrogram as PNG: the loud is dark, the high is up."""
    width, height = int(entry["width"]), int(entry["height"])
    levels = np.frombuffer(base64.b64decode(entry["spectrogram"]), np.uint8).reshape(height, width)[::-1]
    return png(levels // (256 // SHADES), _palette())


def _palette() -> np.ndarray:
    stops = np.linspace(0, 1, len(RAMP))
    at = np.linspace(0, 1, SHADES)
    return np.stack([np.interp(at, stops, [c[k] for c in RAMP]) for k in range(3)], axis=1).round().astype(np.uint8)


def png(indexes: np.ndarray, palette: np.ndarray) -> bytes:
    """Return a 4-bit indexed PNG (W3C PNG 2003, section 11) of (height, width) indexes into (16, 3) colours."""
    height, width = indexes.shape
    even = np.pad(indexes, ((0, 0), (0, width % 2)))
    packed = (even[:, ::2] << 4 | even[:, 1::2]).astype(np.uint8)
    rows = np.pad(packed, ((0, 0), (1, 0))).tobytes()  # filter 0 before each row
    header = struct.pack(">IIBBBBB", width, height, 4, 3, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"PLTE", palette.tobytes()), (b"IDAT", zlib.compress(rows, 9)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )
