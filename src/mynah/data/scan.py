"""From a folder or a packed corpus to `Sounds`: find the files, read the labels, inspect, set aside, group."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mynah.data import labels as tables
from mynah.data.clip import Clip, Sounds
from mynah.data.corpus import Leak, Problem
from mynah.data.groups import join
from mynah.data.inspection import Inspection
from mynah.data.judgement import judge, judge_length
from mynah.data.leaks import find_copies, find_cuts, find_leaks, find_takes
from mynah.data.packed import open_source
from mynah.data.sources import Source
from mynah.data.walk import Tree
from mynah.ground.errors import BadInput
from mynah.ground.progress import Progress, silent

_ALL = "`mynah check` lists them all."


def scan(
    place: str | os.PathLike[str],
    *,
    labels: str | os.PathLike[str] | None = None,
    target: str = "label",
    group: str | None = None,
    repair: bool = False,
    strict: bool = False,
    cache: Path | None = None,
    workers: int | None = None,
    progress: Progress = silent,
) -> Sounds:
    """Look at a folder of sounds, or at one that `pack` has packed.

    Labels are the names of the first level of sub-folders, or come from a labels file. Files that cannot be used
    are set aside and listed in ``problems``; they stop nothing unless `strict` or more than half are bad.

    Args:
        place: folder where the sounds are; or folder or URL (``s3://bucket/prefix`` ...) of a packed corpus, of which
            only the index is read now, and each sound when it is needed.
        labels: CSV with a column ``file``; None looks for meta.csv, metadata.csv or labels.csv in the folder.
        target: column of the label.
        group: column that a split must not cut.
        repair: use files with NaN or DC after repair.
        strict: raise when a file must be set aside.
        cache: file that remembers the inspections of a folder; None is in the user's cache folder.
        workers: processes; None means one a core.
        progress: called with the files inspected.

    Raises:
        BadInput: nothing to read, a wrong labels file, or too much that is bad.
        IncompatibleFile: a packed corpus of another version, or with shards that are damaged or missing.
        Stopped: a bucket that cannot be reached.
    """
    sounds, refusal = survey(
        place,
        labels=labels,
        target=target,
        group=group,
        repair=repair,
        strict=strict,
        cache=cache,
        workers=workers,
        progress=progress,
    )
    if refusal is not None:
        raise refusal
    return sounds


def survey(
    place: str | os.PathLike[str] | Source,
    *,
    labels: str | os.PathLike[str] | None = None,
    target: str = "label",
    group: str | None = None,
    repair: bool = False,
    strict: bool = False,
    cache: Path | None = None,
    workers: int | None = None,
    progress: Progress = silent,
) -> tuple[Sounds, BadInput | None]:
    """Look at a folder as `scan` does; what is bad about its files is returned, not raised, so that all can be listed.

    Returns:
        What the folder holds, perhaps no clip at all, and why `scan` would refuse it, or None.

    Raises:
        BadInput, IncompatibleFile, Stopped: nothing to read, or a wrong labels file, and what else `scan` names.
    """
    source = place if isinstance(place, Source) else open_source(place, cache)
    tree = source.tree
    if not tree.audio:
        raise BadInput("no audio", where=source.place, measured=f"saw {tree.seen()}", remedy=tree.remedy())
    problems = list(tree.problems)
    rows, table = _rows(source, problems, labels, target, group)
    files = list(dict.fromkeys(row.file for row in rows))
    inspections = source.inspect(files, workers=workers, progress=progress)
    found = dict(zip(files, inspections, strict=True))
    trouble = {file: judge(file, inspection, repair) for file, inspection in found.items()}
    problems += [problem for several in trouble.values() for problem in several]
    refusal = _refusal(source.place, problems, len(files) + len(tree.problems), strict)
    parts = [
        _Part(row, found[row.file], trouble[row.file])
        for row in rows
        if not any(problem.action == "set aside" for problem in trouble[row.file])
    ]
    problems += [problem for part in parts for problem in part.problems()]
    parts = [part for part in parts if part.frames > 0]
    if not parts:
        refusal = refusal or BadInput("no usable sound", where=source.place, measured=_first(problems), remedy=_ALL)
    official = "group" if group else tables.official([part.row for part in parts], table) if table else ""
    clips = _clips(parts, source, official)
    problems += _contradictions(clips)
    has_groups = any(part.row.group for part in parts)
    grouped_by = group or ("group" if has_groups else "recording")
    ignored = dict(tree.ignored) | dict(sorted(tree.others.items()))
    sounds = Sounds(
        name=source.name,
        folder=source.place,
        items=clips,
        problems=tuple(problems),
        ignored=ignored,
        duplicates=_duplicates(clips),
        leaks=_leaks(clips, official, grouped_by, has_groups),
        grouped_by=grouped_by,
        official=official,
    )
    return sounds, refusal


def _leaks(clips: tuple[Clip, ...], official: str, grouped_by: str, has_groups: bool) -> tuple[Leak, ...]:
    """Return what makes scores too good; files are compared as takes where no column says what belongs together."""
    found = [*find_leaks(clips), *find_copies(clips, official), *find_cuts(clips, official, grouped_by)]
    return tuple(found if has_groups else [*found, *find_takes(clips, official)])


def _rows(
    source: Source,
    problems: list[Problem],
    labels: str | os.PathLike[str] | None,
    target: str,
    group: str | None,
) -> tuple[list[tables.Row], Path | None]:
    """Return a row for each clip that has, or needs, no label; what is left out goes to `problems`."""
    tree, cells = source.tree, source.table(labels)
    if cells is None:
        wanted = "group" if group is not None else "target" if target != "label" else ""
        if wanted:
            remedy = "Put meta.csv beside the audio, or use --labels."
            raise BadInput(f"a {wanted} column needs a labels file", where=source.place, remedy=remedy)
        return _by_folder(tree, problems), None
    table = cells.path
    if cells.inside:
        tree.others[table.suffix.lower()] -= 1
        tree.others = +tree.others
    rows = tables.without_repeats(located(source, cells, target, group), table)
    if not rows:
        raise BadInput("the labels file has no lines", where=table, remedy="Add one line for each file: file,label")
    rows = [row for row in rows if row.file in tree.audio]
    listed = {row.file for row in rows}
    problems += [
        Problem(file, "unlabelled", "set aside", f"not in {table.name}", "Add a line for it, or remove it.")
        for file in tree.audio
        if file not in listed
    ]
    problems += [
        Problem(row.file, "unlabelled", "set aside", f"no {target} in {table.name}", "Fill in the column.")
        for row in rows
        if row.label is None
    ]
    return [row for row in rows if row.label is not None], table


def located(source: Source, cells: tables.Table, target: str, group: str | None) -> list[tables.Row]:
    """Return the lines of a labels file that say anything, with the files by their names in the source."""
    rows = tables.parse(cells, target=target, group=group)
    unreadable = {problem.file for problem in source.tree.problems}
    return tables.locate(rows, [*source.tree.audio, *unreadable], Path(source.place), cells.path)


def _by_folder(tree: Tree, problems: list[Problem]) -> list[tables.Row]:
    """Label by the first level of folders; a folder without folders has no labels."""
    if not any("/" in file for file in tree.audio):
        return [tables.Row(file, None) for file in tree.audio]
    remedy = "Move it into a folder named as its label."
    problems += [
        Problem(file, "unlabelled", "set aside", "lies in no labelled folder", remedy)
        for file in tree.audio
        if "/" not in file
    ]
    rows = [tables.Row(file, file.split("/", 1)[0]) for file in tree.audio if "/" in file]
    labelled = {row.label for row in rows} | {problem.file.split("/", 1)[0] for problem in tree.problems}
    problems += [
        Problem(name, "empty", "flagged", "a folder without any sound", "Put sounds into it, or remove it.")
        for name in sorted(set(tree.labels) - labelled)
    ]
    return rows


def _refusal(place: str | os.PathLike[str], problems: Sequence[Problem], wanted: int, strict: bool) -> BadInput | None:
    """Refuse when more than half of the `wanted` files are bad, or, if `strict`, when any is set aside."""
    aside = {p.file: p for p in problems if p.action == "set aside"}
    bad = {file: p for file, p in aside.items() if p.kind != "unlabelled"}
    if not (2 * len(bad) > wanted or (strict and aside)):
        return None
    chosen = aside if strict else bad
    return BadInput(
        "files had to be set aside" if strict else "more than half of the files are bad",
        where=place,
        measured=f"{len(chosen)} of {wanted + len(aside) - len(bad)}: {_first(list(chosen.values()))}",
        remedy=_ALL,
    )


def _first(problems: Sequence[Problem]) -> str:
    aside = sorted((p for p in problems if p.action == "set aside"), key=lambda p: p.kind == "unlabelled")
    shown = "; ".join(f"{p.file}: {p.detail}" for p in aside[: tables.SHOWN])
    return f"{shown}{'; ...' if len(aside) > tables.SHOWN else ''}"


@dataclass(frozen=True, slots=True)
class _Part:
    """A row with what was found in its file: a clip before its group is known."""

    row: tables.Row
    found: Inspection
    trouble: list[Problem]

    @property
    def whole(self) -> float:
        return self.found.frames / self.found.rate

    @property
    def end(self) -> float | None:
        return None if self.row.end is None or self.row.end >= self.whole else self.row.end

    @property
    def frames(self) -> int:
        end = self.whole if self.end is None else self.end
        return max(0, round(end * self.found.rate) - round(self.row.start * self.found.rate))

    def problems(self) -> list[Problem]:
        """Say what is wrong with start and end, and with the length between them."""
        start, end = self.row.start, self.row.end
        if self.frames == 0:
            detail = f"no samples from {start:g} s to {self.whole if end is None else end:g} s of {self.whole:.3g} s"
            return [Problem(self.row.file, "empty", "set aside", detail, "Check start and end in the labels file.")]
        found = [] if self.row.label is None else judge_length(self.row.file, self.frames / self.found.rate)
        if end is not None and end > self.whole + 0.05:
            detail = f"used {self.whole - start:.3g} s of {end - start:.3g} s"
            found.append(Problem(self.row.file, "truncated", "flagged", detail, "Check end in the labels file."))
        return found


def _clips(parts: Sequence[_Part], source: Source, official: str) -> tuple[Clip, ...]:
    groups = join(
        [part.row.file for part in parts],
        [part.found.content for part in parts],
        [part.row.label for part in parts],
        [part.row.group for part in parts],
        as_given=official == "group",
    )
    return tuple(
        _clip(part, group, source.path(part.row.file), official) for part, group in zip(parts, groups, strict=True)
    )


def _clip(part: _Part, group: str, path: os.PathLike[str], official: str) -> Clip:
    row, found = part.row, part.found
    cut = row.start > 0 or part.end is not None
    return Clip(
        file=row.file,
        path=path,
        rate=found.rate,
        channels=found.channels,
        frames=part.frames,
        start=row.start,
        end=part.end,
        label=row.label,
        group=group,
        fold=row.split.lower() if official == "split" and row.split else row.fold or row.split,
        format=found.format,
        content=f"{found.content}@{row.start}-{part.end}" if cut else found.content,
        flags=tuple(problem.kind for problem in part.trouble),
        repair=any(problem.action == "repaired" for problem in part.trouble),
    )


def _same(clips: Sequence[Clip]) -> list[list[Clip]]:
    """Return the clips of one content, where there are several."""
    same = defaultdict(list)
    for clip in clips:
        same[clip.content].append(clip)
    return [several for several in same.values() if len(several) > 1]


def _duplicates(clips: Sequence[Clip]) -> tuple[tuple[str, ...], ...]:
    names = (sorted({clip.file for clip in several}) for several in _same(clips))
    return tuple(tuple(files) for files in names if len(files) > 1)


def _contradictions(clips: Sequence[Clip]) -> list[Problem]:
    """Name sounds that lie under several labels: whichever a model learns, it is wrong once."""
    problems = []
    for first, *others in _same(clips):
        for clip in others:
            if clip.label != first.label:
                detail = f"labelled {clip.label!r}, but the same sound as {first.file}, labelled {first.label!r}"
                problems.append(Problem(clip.file, "contradiction", "flagged", detail, "Keep the right one."))
    return problems
