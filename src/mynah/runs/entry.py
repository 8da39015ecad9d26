"""A row of the comparison: a family, what it sees of a sound, and the settings that were asked for.

A row is written as it is named: ``svm``, ``svm@mfcc``, ``lstm(hidden=128)``, ``svm@mfcc(C=1, most=500)``.
"""

from __future__ import annotations

import difflib
import itertools
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from mynah import catalog
from mynah.contracts import own
from mynah.contracts.generator import GeneratorModel
from mynah.contracts.model import ByGradient, Model
from mynah.contracts.own import Source
from mynah.contracts.transcriber import TranscriberModel
from mynah.ground.errors import UsageError
from mynah.representations import KINDS, ClipStatistics, MuLaw, Representation
from mynah.runs.setting import given, shown, split, values

#: FAMILY, perhaps @REPRESENTATION, perhaps (SETTING=VALUE, ...).
_WRITTEN = re.compile(r"(?P<family>.*\.py(:\w+)?|[^@(]+)(@(?P<seen>[^(]*))?(\((?P<settings>.*)\))?", re.DOTALL)


@dataclass(frozen=True)
class Entry:
    """A row of the comparison.

    Attributes:
        family: name in the catalog, or of a user's own, ``mine.py:MyFamily``.
        representation: name of what it sees; None is the family's own choice.
        settings: (name, value) of what was asked for, by name; the rest is the family's own choice.
        source: where a family that is not in the catalog comes from.
    """

    family: str
    representation: str | None = None
    settings: tuple[tuple[str, Any], ...] = ()
    source: Source | None = None

    @property
    def name(self) -> str:
        """What the row is called; `read` makes the entry of it again, a user's own where the file lies here."""
        return self._named(self.family)

    @property
    def written(self) -> str:
        """The same, with a user's own file by its whole path."""
        return self._named(self.family if self.source is None else self.source.written)

    def _named(self, family: str) -> str:
        seen = f"@{self.representation}" if self.representation else ""
        settings = ", ".join(f"{name}={shown(value)}" for name, value in self.settings)
        return f"{family}{seen}({settings})" if settings else f"{family}{seen}"

    @cached_property
    def card(self) -> catalog.Card:
        """What the family is."""
        return catalog.card(self.family) if self.source is None else _card(self.source)

    @property
    def kind(self) -> type[Model]:
        """The family's class."""
        found: type[Model] = catalog.model_class(self.family) if self.source is None else self.source.kind
        return found

    @property
    def seen(self) -> Representation | None:
        """What the family sees of a sound; None where it takes the items as they are."""
        return self.kind.default_representation if self.representation is None else KINDS[self.representation]()

    @property
    def learns(self) -> bool:
        """Whether it learns by gradient steps."""
        return self.card.cost == "gradient"

    def new(self) -> Model:
        """Return an unfitted model of the family with these settings."""
        model = self.kind()
        own = model.get_params(deep=False)
        model.set_params(**{name: value for name, value in self.settings if name in own})
        trained = {name: value for name, value in self.settings if name not in own}
        if trained and isinstance(model, ByGradient):
            model.training = replace(model.settings, **trained)
        return model

    def with_settings(self, chosen: Iterable[tuple[str, Any]]) -> Entry:
        """Return the entry with these in place of its own."""
        return replace(self, settings=tuple(sorted({**dict(self.settings), **dict(chosen)}.items())))


def read(text: str) -> list[Entry]:
    """Return the entry that is written like this, or those of all families in a user's own file.

    Raises:
        UsageError: no such family, representation or setting; the message suggests the nearest.
        MissingExtra: something the family needs is not installed.
    """
    found = _WRITTEN.fullmatch(text.strip())
    if found is None:
        raise UsageError("is no family", where=text, remedy="Write svm, svm@mfcc or lstm(hidden=128).")
    entries = _families(found["family"].strip())
    if found["seen"] is not None:
        entries = [_seeing(entry, found["seen"].strip()) for entry in entries]
    pairs = [_pair(part, found["family"]) for part in split(found["settings"] or "")]
    return [entry.with_settings(given(entry.kind, entry.family, *pair) for pair in pairs) for entry in entries]


def _families(name: str) -> list[Entry]:
    if own.is_own(name):
        return [Entry(source.family, source=source) for source in own.sources(name)]
    try:
        return [Entry(catalog.card(name).name)]
    except UsageError:
        source = own.packaged(name)
        if source is None:
            raise
        return [Entry(source.family, source=source)]


def _card(source: Source) -> catalog.Card:
    """Return what is known of a family that is not in the catalog."""
    kind = source.kind
    return catalog.Card(
        name=source.family,
        title=(kind.__doc__ or "").strip().partition("\n")[0].rstrip(".") or source.name,
        year=0,
        authors="your own family",
        reference=Path(source.path).name,
        tasks=kind.tasks,
        reading=(),
        estimator=source.name,
        cost="gradient" if issubclass(kind, ByGradient) else "cheap",
    )


def _pair(text: str, family: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise UsageError("a setting is NAME=VALUE", where=family, measured=text)
    return name.strip(), value.strip()


def _seeing(entry: Entry, name: str) -> Entry:
    """Return the entry with another representation; that of the family's own choice is no other."""
    known = {catalog.plain(kind): kind for kind in KINDS}
    if catalog.plain(name) not in known:
        near = difflib.get_close_matches(catalog.plain(name), known, n=1, cutoff=0.5)
        meant = f"Did you mean {known[near[0]]}? " if near else ""
        raise UsageError("no such representation", where=name, remedy=f"{meant}There are {', '.join(KINDS)}.")
    name = known[catalog.plain(name)]
    seen, own = KINDS[name](), entry.kind.default_representation
    if seen == own:
        return entry
    if own is None:
        raise UsageError(
            "takes what it learns from as it is, and sees no representation", where=f"{entry.family}@{name}"
        )
    if issubclass(entry.kind, GeneratorModel):
        raise UsageError(f"makes sounds out of {own.NAME} and can see nothing else", where=f"{entry.family}@{name}")
    if isinstance(seen, MuLaw):
        raise UsageError("reads amounts, and mulaw gives numbers of symbols", where=f"{entry.family}@{name}")
    if isinstance(seen, ClipStatistics) and issubclass(entry.kind, TranscriberModel):
        raise UsageError(
            "reads a sound in time, and clip_statistics is one vector a clip", where=f"{entry.family}@{name}"
        )
    return replace(entry, representation=name)


def foreign(entries: Iterable[Entry]) -> dict[str, type[Model]]:
    """Return name to class of the families that are not in the catalog, as `mynah.load` takes them."""
    return {entry.family: entry.kind for entry in entries if entry.source is not None}


def combined(entries: Sequence[Entry], settings: Sequence[str]) -> list[Entry]:
    """Return the entries with ``FAMILY.SETTING=VALUE,VALUE`` applied: one for every combination of values.

    Args:
        entries: as named.
        settings: FAMILY may also be the name of one entry, such as ``svm@mfcc``.

    Raises:
        UsageError: unknown or not among the entries, or a value of another type.
    """
    chosen: dict[Entry, dict[str, list[Any]]] = {entry: {} for entry in entries}
    for text in settings:
        target, equals, value = text.partition("=")
        family, dot, name = target.strip().rpartition(".")
        if not (equals and dot):
            raise UsageError("is no setting", where=text, remedy="Write FAMILY.SETTING=VALUE, as in lstm.hidden=128.")
        for entry in _meant(entries, family):
            chosen[entry][name] = values(entry.kind, family, name, value)
    rows = [
        entry.with_settings(zip(wanted, combination, strict=True))
        for entry, wanted in chosen.items()
        for combination in itertools.product(*wanted.values())
    ]
    return list(dict.fromkeys(rows))


def _meant(entries: Sequence[Entry], name: str) -> list[Entry]:
    found = [entry for entry in entries if name in (entry.name, entry.family, entry.source and entry.source.name)]
    if not found:
        family = catalog.card(name).name
        found = [entry for entry in entries if entry.family == family]
    if not found:
        raise UsageError(
            "has settings, but is not among the families that are trained",
            where=name,
            remedy=f"Name it in --families; these are trained: {', '.join(entry.name for entry in entries)}.",
        )
    return found
