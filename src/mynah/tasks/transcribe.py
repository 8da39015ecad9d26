"""The task of writing clips down: the label of a clip is a text, and the score is one minus the symbol error rate.

Symbols are words where any text contains white space, else characters. The symbol error rate is the fewest
substitutions, insertions and deletions that turn what was said into the text (Levenshtein 1966), of all clips
together, over the number of symbols in all texts; it can pass 100 %.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np

from mynah.data import Sounds, check_enough
from mynah.ground.errors import BadInput, NotEnoughData
from mynah.ground.texts import best_constant, edits, errors, symbols, vocabulary
from mynah.tasks.task import Part, Stakes, Task

#: Leaks that are facts predicting a label; with a text a clip, they say nothing.
_OF_LABELS = ("rate", "codec", "channels", "duration")


def check(sounds: Sounds, anyway: bool) -> tuple[Sounds, list[str]]:
    """Return the sounds without what only classes have, and what is too few in them.

    Raises:
        BadInput: a clip without a text.
        NotEnoughData: no texts, texts of one symbol only, or too few clips, where that is not accepted.
    """
    missing = [p.file for p in sounds.problems if p.kind == "unlabelled" and p.detail.startswith("no ")]
    if missing:
        raise BadInput(
            "clips without a text cannot be transcribed",
            where=sounds.name,
            measured=f"{len(missing)}: {', '.join(missing[:5])}{', ...' * (len(missing) > 5)}",
            remedy="Fill in their texts in the labels file, or remove their lines.",
        )
    if not sounds.classes:
        raise NotEnoughData(
            "the sounds have no texts, so there is nothing to write down",
            where=sounds.name,
            measured=f"{len(sounds)} clips",
            remedy="Write the text of each clip into labels.csv (columns file,label), or name its column by --target.",
        )
    found = vocabulary(sounds.labels)
    if len(found) < 2:
        raise NotEnoughData(
            f"all texts are made of one symbol ({found[0]!r}), so there is nothing to tell apart",
            where=sounds.name,
            measured=f"{len(sounds)} clips",
            remedy="Add clips with other texts.",
        )
    leaks = tuple(leak for leak in sounds.leaks if leak.kind not in _OF_LABELS)
    sounds = replace(sounds, leaks=leaks)
    return sounds, check_enough(strata(sounds), anyway=anyway, classes=1)


def strata(sounds: Sounds) -> Sounds:
    """Return the sounds under one label: folds need not hold texts alike."""
    return replace(sounds, clips=tuple(replace(clip, label="text") for clip in sounds))


def answer(model: Any, part: Part, names: np.ndarray) -> tuple[np.ndarray, dict[str, Any]]:
    """Return the (clip,) texts."""
    return model.predict(part.frames.take(part.test)), {}


def stakes(labels: np.ndarray, names: np.ndarray) -> Stakes:
    """Make each symbol count the same."""
    lengths = [len(symbols(text, names)) for text in labels]
    return Stakes(np.zeros(len(labels), dtype=int), np.array(lengths, dtype=float))


def gain(labels: np.ndarray, said: np.ndarray, names: np.ndarray) -> np.ndarray:
    """Return the symbols of each text less the errors in what was said."""
    pairs = [(symbols(one, names), symbols(other, names)) for one, other in zip(labels, said, strict=True)]
    return np.array([len(one) - errors(one, other) for one, other in pairs], dtype=float)


def scores(labels: np.ndarray, said: np.ndarray, names: np.ndarray) -> dict[str, float]:
    """Return one minus the symbol error rate, that rate and its parts, and the share of texts without any error."""
    count = substitutions = insertions = deletions = whole = 0
    for one, other in zip(labels, said, strict=True):
        true_symbols = symbols(one, names)
        wrong = [(a, b) for a, b in edits(true_symbols, symbols(other, names)) if a != b]
        count += len(true_symbols)
        insertions += sum(true is None for true, _ in wrong)
        deletions += sum(heard is None for _, heard in wrong)
        substitutions += sum(None not in pair for pair in wrong)
        whole += not wrong
    rate = (substitutions + insertions + deletions) / count
    return {
        "symbol_accuracy": 1 - rate,
        "symbol_error_rate": rate,
        "substitutions": substitutions / count,
        "insertions": insertions / count,
        "deletions": deletions / count,
        "texts_right": whole / len(labels),
    }


def baseline(labels: np.ndarray, names: np.ndarray) -> float:
    """Return the score of the best constant answer among the commonest texts and silence."""
    texts = [tuple(symbols(text, names)) for text in labels]
    count = sum(map(len, texts))
    _, wrong = best_constant(texts, also=[()])
    return (count - wrong) / count


def counts(labels: np.ndarray, names: np.ndarray) -> dict[str, int]:
    """Return the clips that each symbol occurs in."""
    return dict(sorted(Counter(symbol for text in labels for symbol in set(symbols(text, names))).items()))


TASK = Task(
    name="transcribe",
    answers="texts",
    metric="symbol_accuracy",
    metric_title="symbol accuracy (1 - error rate)",
    lowest="constant_text",
    check=check,
    strata=strata,
    names=lambda labels: np.array(vocabulary(labels)),
    answer=answer,
    said=lambda texts, names: texts,
    stakes=stakes,
    gain=gain,
    scores=scores,
    baseline=baseline,
    counts=counts,
)
