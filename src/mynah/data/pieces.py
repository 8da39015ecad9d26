"""A folder of MIDI files as a corpus: pieces of music, which the built-in synthesiser plays."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mynah import audio
from mynah.data import performance
from mynah.data.corpus import Corpus, Item, Problem
from mynah.ground.errors import BadInput
from mynah.music import Piece, midi
from mynah.music.melody import tunes_of

#: Seconds that are played of a piece, so that one of an hour takes no minute to render.
PLAYED_SECONDS = 30.0


@dataclass(frozen=True)
class PieceItem(Item):
    """A piece of music; its `input` is a `mynah.music.Piece`."""

    @property
    def seconds(self) -> float:
        """Length as it is played."""
        return performance.seconds_of(self.input)

    @property
    def rate(self) -> int:
        """Hz of `read`."""
        return performance.RATE

    @property
    def format(self) -> str:
        """Of the file."""
        return "MIDI"

    def described(self) -> dict[str, Any]:
        """Return what the page needs to name and to group it."""
        return super().described() | {"channels": 1}

    def read(self, rate: int | None = None, mono: bool = True) -> np.ndarray:
        """Return float32 (1, time) at `rate` Hz: the beginning of the piece, rendered."""
        wave = performance.render(self.input, seconds=min(self.seconds, PLAYED_SECONDS))
        return wave if rate is None else audio.resample(wave, performance.RATE, rate)


class Pieces(Corpus[PieceItem]):
    """The pieces of a folder; of copies, all have the same group."""


def read_pieces(folder: str | os.PathLike[str], *, strict: bool = False) -> Pieces:
    """Return the pieces below a folder of MIDI files.

    Args:
        strict: raise where a file must be set aside.

    Raises:
        BadInput, NotEnoughData: see `mynah.music.midi.read_folder`.
    """
    found = midi.read_folder(folder)
    if strict and found.problems:
        raise found.problems[0]
    tunes = tunes_of(found.pieces)
    items = tuple(
        PieceItem(file, piece, group=f"tune {tune + 1}", content=_hash(piece))
        for file, piece, tune in zip(found.files, found.pieces, tunes.tolist(), strict=True)
    )
    problems = tuple(map(_problem, found.problems))
    return Pieces(Path(folder).resolve().name, folder, items, problems, grouped_by="tune")


def _problem(error: BadInput) -> Problem:
    """Return what is wrong with a file as a problem."""
    detail = str(BadInput(error.what, measured=error.measured))
    return Problem(str(error.where), "unreadable", "set aside", detail, error.remedy or "Save it again as a MIDI file.")


def _hash(piece: Piece) -> str:
    return hashlib.blake2b(repr(piece).encode(), digest_size=12).hexdigest()
