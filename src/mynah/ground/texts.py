"""Texts as sequences of symbols: how they are cut, and how far one is from another."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TypeVar

T = TypeVar("T")
#: The commonest texts, among which the best constant answer is sought.
CANDIDATES = 50


def joint(texts: Iterable[str]) -> str:
    """Return what stands between symbols: a space if any text has white space inside (words), else nothing."""
    return " " if any(len(text.split()) > 1 for text in texts) else ""


def vocabulary(texts: Iterable[str]) -> list[str]:
    """Return the symbols of these texts, sorted: words if any text has white space inside, else characters."""
    texts = list(texts)
    between = joint(texts)
    return sorted({symbol for text in texts for symbol in (text.split() if between else text.strip())})


def symbols(text: str, names: Iterable[str]) -> list[str]:
    """Cut a text into symbols, as texts of the vocabulary `names` are cut."""
    if any(len(name) > 1 for name in names):
        return text.split()
    return [character for character in text if not character.isspace()]


def edits(true: Sequence[T], answer: Sequence[T]) -> list[tuple[T | None, T | None]]:
    """Return the fewest edits that turn one into the other (Levenshtein 1966), in order.

    Each is (true symbol, answer symbol): equal where it is right, different where it was substituted, None on the
    left where it was inserted and on the right where it was left out.
    """
    rows = [list(range(len(answer) + 1))]
    for count, symbol in enumerate(true, 1):
        before, row = rows[-1], [count]
        for place, other in enumerate(answer, 1):
            row.append(min(before[place - 1] + (symbol != other), before[place] + 1, row[place - 1] + 1))
        rows.append(row)
    path: list[tuple[T | None, T | None]] = []
    i, j = len(true), len(answer)
    while i or j:
        if i and j and rows[i][j] == rows[i - 1][j - 1] + (true[i - 1] != answer[j - 1]):
            i, j = i - 1, j - 1
            path.append((true[i], answer[j]))
        elif i and rows[i][j] == rows[i - 1][j] + 1:
            i -= 1
            path.append((true[i], None))
        else:
            j -= 1
            path.append((None, answer[j]))
    return path[::-1]


def errors(true: Sequence[T], answer: Sequence[T]) -> int:
    """Return the edit distance: substitutions, insertions and deletions, each counting one."""
    return sum(one != other for one, other in edits(true, answer))


def best_constant(texts: Iterable[tuple[T, ...]], also: Iterable[tuple[T, ...]] = ()) -> tuple[tuple[T, ...], int]:
    """Return the answer that, given to all, is fewest edits away from these texts, and how many those are.

    It is sought among `also` and the 50 commonest.
    """
    counts = Counter(texts)
    candidates = [*also, *(text for text, _ in counts.most_common(CANDIDATES))]
    wrong = [sum(count * errors(text, answer) for text, count in counts.items()) for answer in candidates]
    least = min(wrong)
    return candidates[wrong.index(least)], least
