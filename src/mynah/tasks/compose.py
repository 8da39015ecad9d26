"""The task of making music like that of a folder of MIDI files.

Families say with what probability the next event comes, each of events of its own: of a melody, of all keys of a roll,
of characters. Their losses have other units and cannot be compared. What can is the share of the prediction error that
a family saves: one minus its error over that of its own counting baseline, which knows how often each event came in the
training pieces and remembers nothing. It says how much of what follows a family takes from what came before; it does
not say that pieces sound better, nor that two families were asked the same of a piece.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from mynah.data import performance
from mynah.data.pieces import Pieces, read_pieces
from mynah.ground.errors import NotEnoughData, UsageError
from mynah.ground.randomness import key
from mynah.judging.metric import Metric, share
from mynah.music import Piece, midi
from mynah.music.borrowed import MOST_LEARNED, MOST_NOTES, Passages, compared
from mynah.tasks.task import Gathered, Part, Reading, Task, Words

#: Different pieces that are needed to learn from some and to judge by others.
FEWEST = 4
#: Pieces made by each family for the page, their bars, and the seconds that are rendered of one.
MADE, BARS, SECONDS = 2, 8, 30.0


class Compose(Task):
    """Answers are (piece, 2): prediction error of the counting baseline and of the family, in the family's unit."""

    name = "compose"
    verb = "compose"
    words = Words(("event", "events"), "of each kind", "counting baseline", ("piece", "pieces"))
    scored_while_learning = False
    metric: ClassVar[Metric] = share(
        "error_saved",
        "prediction error saved",
        low=None,
        meaning="one minus the prediction error of unseen pieces over that of a counting baseline, which knows how "
        "often each event comes and remembers nothing; every family is held against the baseline of its own events",
        function=lambda totals: 1 - totals[..., 1] / totals[..., 0],
    )

    def read(self, place: str | os.PathLike[str], reading: Reading) -> Pieces:
        """Return the pieces of a folder of MIDI files."""
        if reading.labels is not None or reading.group is not None:
            raise UsageError("pieces of music have no labels file: --labels and --group mean nothing to them")
        reading.progress("read", 0, 1, "")
        found = read_pieces(place, strict=reading.strict)
        reading.progress("read", 1, 1, "")
        return found

    def check(self, corpus: Pieces, anyway: bool) -> tuple[Pieces, list[str]]:
        """Return the pieces; `NotEnoughData` where they are fewer than four different ones."""
        tunes = len(set(corpus.groups))
        if tunes < FEWEST:
            raise NotEnoughData(
                f"at least {FEWEST} different pieces are needed, to learn from some and to judge by the others",
                where=corpus.name,
                measured=f"{tunes} ({len(corpus)} files)",
                remedy="Add more, or write music without a score: `mynah compose`.",
            )
        return corpus, []

    def targets(self, corpus: Pieces) -> np.ndarray:
        """Return zeros: a piece is its own answer."""
        return np.zeros(len(corpus))

    def answer(self, model: Any, part: Part, names: np.ndarray) -> tuple[np.ndarray, dict[str, Any]]:
        """Return both errors of each held-out piece; facts are the unit, and pieces made for the page."""
        known, new = part.inputs.take(part.train), part.inputs.take(part.test)
        errors = np.stack([model.counting_baseline(known, new), model.prediction_error(new)], axis=1)
        made = list(model.generate(MADE, bars=BARS, seed=key(part.seed, "made")))
        return errors, {"unit": model.unit, "sounds": _shown(model, made, known, part)}

    def use(self, model: Any, item: Any) -> object:
        """Make one bar."""
        return next(model.generate(1, bars=1))

    def statistics(self, targets: np.ndarray, answers: np.ndarray, names: np.ndarray) -> np.ndarray:
        """Return (piece, 2): the errors as they are."""
        return np.asarray(answers, dtype=float)

    def floor(self, targets: np.ndarray, names: np.ndarray) -> float:
        """Return what the counting baseline saves."""
        return 0.0

    def written(self, value: Any, names: Sequence[str] | np.ndarray = ()) -> str:
        """Return nothing: errors say nothing that could be read beside a piece."""
        return ""

    def closing(self, document: dict[str, Any]) -> dict[str, Any]:
        """Return that nothing need follow."""
        return {"next": "", "remarks": []}

    def rows(self, found: Gathered, targets: np.ndarray, names: np.ndarray) -> dict[str, Any]:
        """Return both errors of each piece, their means in the family's unit, and the pieces that can be heard."""
        pairs = [pair if ok else (None, None) for pair, ok in zip(found.answers.tolist(), found.answered, strict=True)]
        means = found.answers[found.answered].mean(axis=0).tolist() if found.facts else (None, None)
        return {
            "baseline_errors": [baseline for baseline, _ in pairs],
            "errors": [error for _, error in pairs],
            "counting": means[0],
            "error": means[1],
            "unit": found.facts[0]["unit"] if found.facts else None,
            "bars": BARS,
        }

    def recorded(self, document: dict[str, Any], family: dict[str, Any]) -> list[Any]:
        """Return both errors of each piece."""
        pairs = zip(family["details"]["baseline_errors"], family["details"]["errors"], strict=True)
        return [None if None in pair else list(pair) for pair in pairs]

    def worth_hearing(self, document: dict[str, Any], family: dict[str, Any], most: int) -> list[int]:
        """Return the pieces that were made, the best family's first, each with the piece that it borrows most from."""
        sounds = [sound for row in document["families"] for sound in row["sounds"]]
        wanted = (number for sound in sounds for number in (sound["id"], sound["details"]["nearest"]))
        return list(dict.fromkeys(wanted))[:most]


def _shown(model: Any, made: Sequence[Piece], known: Sequence[Any], part: Part) -> list[dict[str, Any]]:
    """Keep pieces for the page, as MIDI and as sound, and say how much of each is borrowed."""
    places = np.unique(np.linspace(0, len(known) - 1, min(len(known), MOST_LEARNED)).astype(int))
    passages = Passages([compared(model.input_of(known[place]), MOST_NOTES) for place in places])
    rows = []
    for number, piece in enumerate(made):
        seconds = min(performance.seconds_of(piece), SECONDS)
        file = part.keep_sound(number, performance.render(piece, seconds=seconds), performance.RATE)
        midi.write(piece, part.folder / "sounds" / f"{number:02d}.mid")
        passage = passages.longest(compared(model.input_of(piece), MOST_NOTES))
        rows.append(
            {
                "file": file,
                "label": None,
                "item": int(part.test[0]),
                "details": {
                    "nearest": int(part.train[places[passage.where]]),
                    "notes": len(piece.notes),
                    "borrowed": int(passage.notes),
                },
            }
        )
    return rows


TASK = Compose()
