"""The task of writing clips down: the label of a clip is a text, and the score is one minus the symbol error rate.

Symbols are words where any text contains white space, else characters. The symbol error rate is the fewest
substitutions, insertions and deletions that turn an answer into the text (Levenshtein 1966), of all clips
together, over the number of symbols in all texts; it can pass 100 %.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from mynah.data import Sounds, check_enough
from mynah.ground.errors import BadInput, NotEnoughData
from mynah.ground.texts import best_constant, edits, errors, symbols, vocabulary
from mynah.judging.metric import Metric, share
from mynah.tasks.task import Gathered, Task, Words, recorded_rows

RATE = share("symbol_error_rate", "symbol error rate")
#: Leaks that are facts predicting a label; with a text a clip, they say nothing.
_OF_LABELS = ("rate", "codec", "channels", "duration")


class Transcribe(Task):
    """Answers are (clip,) texts."""

    name = "transcribe"
    baseline = "constant_text"
    words = Words(("symbol", "symbols"), "with each symbol", "best constant text")
    metric: ClassVar[Metric] = share(
        "symbol_accuracy",
        "symbol accuracy (1 - error rate)",
        low=None,
        meaning="one minus the fewest substitutions, insertions and deletions that turn the answers into the texts, "
        "over the symbols of the texts",
        function=lambda totals: 1 - totals[..., 1] / totals[..., 0],
    )

    def check(self, corpus: Sounds, anyway: bool) -> tuple[Sounds, list[str]]:
        """Return the sounds without what only classes have, and what is too few in them.

        Raises:
            BadInput: a clip without a text.
            NotEnoughData: no texts, texts of one symbol only, or too few clips, where that is not accepted.
        """
        missing = [p.file for p in corpus.problems if p.kind == "unlabelled" and p.detail.startswith("no ")]
        if missing:
            raise BadInput(
                "clips without a text cannot be transcribed",
                where=corpus.name,
                measured=f"{len(missing)}: {', '.join(missing[:5])}{', ...' * (len(missing) > 5)}",
                remedy="Fill in their texts in the labels file, or remove their lines.",
            )
        if not corpus.classes:
            raise NotEnoughData(
                "the sounds have no texts, so there is nothing to write down",
                where=corpus.name,
                measured=f"{len(corpus)} clips",
                remedy="Write the text of each clip into labels.csv (columns file,label), or name its column by "
                "--target.",
            )
        found = vocabulary(corpus.labels)
        if len(found) < 2:
            raise NotEnoughData(
                f"all texts are made of one symbol ({found[0]!r}), so there is nothing to tell apart",
                where=corpus.name,
                measured=f"{len(corpus)} clips",
                remedy="Add clips with other texts.",
            )
        leaks = tuple(leak for leak in corpus.leaks if leak.kind not in _OF_LABELS)
        corpus = replace(corpus, leaks=leaks)
        return corpus, check_enough(corpus.under("text"), anyway=anyway, classes=1)

    def statistics(self, targets: np.ndarray, answers: np.ndarray, names: np.ndarray) -> np.ndarray:
        """Return (clip, 2): the symbols of each text, and the errors in its answer."""
        pairs = [(symbols(one, names), symbols(other, names)) for one, other in zip(targets, answers, strict=True)]
        return np.array([[len(one), errors(one, other)] for one, other in pairs], dtype=float).reshape(-1, 2)

    def scores(self, targets: np.ndarray, answers: np.ndarray, names: np.ndarray) -> dict[str, float]:
        """Return one minus the symbol error rate, that rate and its parts, and the share of texts without any error."""
        count = substitutions = insertions = deletions = whole = 0
        for one, other in zip(targets, answers, strict=True):
            true_symbols = symbols(one, names)
            wrong = [(a, b) for a, b in edits(true_symbols, symbols(other, names)) if a != b]
            count += len(true_symbols)
            insertions += sum(true is None for true, _ in wrong)
            deletions += sum(found is None for _, found in wrong)
            substitutions += sum(None not in pair for pair in wrong)
            whole += not wrong
        rate = (substitutions + insertions + deletions) / count
        return {
            "symbol_accuracy": 1 - rate,
            RATE.name: rate,
            "substitutions": substitutions / count,
            "insertions": insertions / count,
            "deletions": deletions / count,
            "texts_right": whole / len(targets),
        }

    def floor(self, targets: np.ndarray, names: np.ndarray) -> float:
        """Return the score of the best constant answer among the commonest texts and silence."""
        texts = [tuple(symbols(text, names)) for text in targets]
        count = sum(map(len, texts))
        _, wrong = best_constant(texts, also=[()])
        return (count - wrong) / count

    def counts(self, targets: np.ndarray) -> dict[str, int]:
        """Return the symbols, sorted, with the clips that each occurs in."""
        names = vocabulary(targets)
        found = Counter(symbol for text in targets for symbol in set(symbols(text, names)))
        return {name: found[name] for name in names}

    def written(self, value: Any, names: Sequence[str] | np.ndarray = ()) -> str:
        """Return a text without what is no symbol of it, so that texts are written alike where no symbol is wrong."""
        between = " " if any(len(name) > 1 for name in names) else ""
        return between.join(symbols(str(value), names))

    def rows(self, found: Gathered, targets: np.ndarray, names: np.ndarray) -> dict[str, Any]:
        """Return the text of each clip."""
        known = zip(found.answers, found.answered, strict=True)
        return {"predicted": [str(text) if ok else None for text, ok in known]}

    def recorded(self, document: dict[str, Any], family: dict[str, Any]) -> list[Any]:
        """Return the (clip, 2) statistics of the texts."""
        return recorded_rows(self, document, family["details"]["predicted"])

    def closing(self, document: dict[str, Any]) -> dict[str, Any]:
        """Return what follows, and the symbol error rate with its interval: the metric is one minus it."""
        family = next((f for f in document["families"] if f["name"] == document["best"]), None)
        rate = None if family is None else family["scores"].get(RATE.name)
        remarks = []
        if family is not None and rate is not None:
            low, high = family["ci"]
            interval = "" if low is None else f", 95 % interval {RATE.show_interval([1 - high, 1 - low])}"
            remarks.append(f"{RATE.title} of {family['name']}: {RATE.show(rate)}{interval}")
        return {"next": "NEW/", "remarks": remarks}

    def worth_hearing(self, document: dict[str, Any], family: dict[str, Any], most: int) -> list[int]:
        """Return the clips by how many symbols of their text are wrong, the worst first."""
        names = document["classes"]
        wrong = {
            clip: errors(symbols(item["label"], names), symbols(text, names))
            for clip, (item, text) in enumerate(zip(document["items"], family["details"]["predicted"], strict=True))
            if text is not None
        }
        return sorted(wrong, key=lambda clip: (-wrong[clip], clip))[:most]


TASK = Transcribe()
