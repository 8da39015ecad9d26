"""From a folder to `Sounds`: find the files, read the labels, inspect, set aside, group."""

from __future__ import annotations

import os
import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mynah.audio import EXTENSIONS, NEEDS_CONVERSION
from mynah.errors import BadInput
from mynah.progress import Progress, silent
from mynah.sounds import labels as tables
from mynah.sounds.clip import Clip, Problem, Sounds
from mynah.sounds.inspection import CLIPPED_SHARE, DC_LEVEL, SILENT_PEAK, Inspection, inspect_all
from mynah.sounds.leaks import find_leaks

#: A class keeps at least this many groups when takes of one name are joined.
LEAST_GROUPS = 5
_TAKE = re.compile(r"(?:[-_ .]?(?:take|tk|t)?[-_ .]?\d+|[-_ ][A-Z]|\s*\(\d+\))$", re.IGNORECASE)


def scan(
    folder: str | os.PathLike[str],
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
    """Look at a folder of sounds.

    Labels are the names of the first level of sub-folders, or come from a labels file. Files that cannot be used
    are set aside and listed in ``problems``; they stop nothing unless `strict` or more than half are bad.

    Args:
        folder: where the sounds are.
        labels: CSV with a column ``file``; None looks for meta.csv, metadata.csv or labels.csv in the folder.
        target: column of the label.
        group: column that a split must not cut.
        repair: use files with NaN or DC after repair.
        strict: raise when a file must be set aside.
        cache: file that remembers inspections; None is in the user's cache folder.
        workers: processes; None means one a core.
        progress: told the files inspected.

    Raises:
        BadInput: nothing to read, a wrong labels file, or too much that is bad.
    """
    root = Path(folder)
    if not root.exists():
        raise BadInput("no such folder", where=root)
    if not root.is_dir():
        raise BadInput("is a file, not a folder", where=root, remedy="Give the folder that holds the sounds.")
    tree = _walk(root)
    if not tree.audio:
        raise BadInput(
            "no audio",
            where=root,
            measured=f"saw {_seen(tree)}",
            remedy=f"I read {', '.join(sorted(e[1:] for e in EXTENSIONS))}.",
        )
    rows, table = _rows(root, tree, labels, target, group)
    inspections = dict(
        zip(
            tree.audio,
            inspect_all(
                [root / f for f in tree.audio], cache=cache or _cache_file(), workers=workers, progress=progress
            ),
            strict=True,
        )
    )
    problems = list(tree.problems)
    total = len({row.file for row in rows} | {p.file for p in problems})
    clips = []
    for row in rows:
        found = inspections[row.file]
        trouble = judge(row.file, found, repair)
        problems += [p for p in trouble if p not in problems]
        if not any(p.action == "set aside" for p in trouble):
            clip = _clip(root, row, found, trouble, repair)
            if clip is None:
                problems.append(
                    Problem(row.file, "empty", "set aside", f"no samples from {row.start} s", "Check start and end.")
                )
            else:
                clips.append(clip)
    _refuse_if_bad(root, problems, total, strict)
    joined = _group(clips, named=group is not None)
    return Sounds(
        name=root.resolve().name,
        folder=root,
        clips=tuple(joined),
        problems=tuple(problems),
        ignored=dict(tree.ignored),
        duplicates=_duplicates(clips),
        leaks=tuple(find_leaks(joined)),
        grouped_by=group or ("group" if table and any(row.group for row in rows) else "recording"),
        official=_official(rows, group),
    )


@dataclass
class _Tree:
    audio: list[str] = field(default_factory=list)
    ignored: Counter[str] = field(default_factory=Counter)
    others: Counter[str] = field(default_factory=Counter)
    problems: list[Problem] = field(default_factory=list)


def _walk(root: Path) -> _Tree:
    """Find audio below `root`, following links but never round a loop; names are sorted."""
    tree = _Tree()
    seen = {os.path.realpath(root)}
    for place, folders, files in os.walk(root, followlinks=True):
        kept = []
        for name in sorted(folders):
            real = os.path.realpath(os.path.join(place, name))
            if name == "__MACOSX" or name.startswith("."):
                tree.ignored["hidden or system folders"] += 1
            elif real in seen:
                tree.ignored["links to folders already seen"] += 1
            else:
                seen.add(real)
                kept.append(name)
        folders[:] = kept
        for name in sorted(files):
            _sort(tree, os.path.relpath(os.path.join(place, name), root).replace(os.sep, "/"))
    return tree


def _sort(tree: _Tree, file: str) -> None:
    name, suffix = file.rsplit("/", 1)[-1], os.path.splitext(file)[1].lower()
    if name.startswith("."):
        tree.ignored["hidden files (._*, .DS_Store ...)"] += 1
    elif suffix in EXTENSIONS:
        tree.audio.append(file)
    elif suffix in NEEDS_CONVERSION:
        remedy = "Convert it to WAV or FLAC, for example with ffmpeg."
        tree.problems.append(Problem(file, "unreadable", "set aside", f"{suffix} is not read", remedy))
    else:
        tree.others[suffix or "without suffix"] += 1


def _seen(tree: _Tree) -> str:
    counts = [f"{n} {kind}" for kind, n in tree.others.most_common(5)]
    counts += [f"{len(tree.problems)} in formats that need conversion"] if tree.problems else []
    counts += [f"{n} {kind}" for kind, n in tree.ignored.items()]
    return ", ".join(counts) or "nothing at all"


def _rows(
    root: Path, tree: _Tree, labels: str | os.PathLike[str] | None, target: str, group: str | None
) -> tuple[list[tables.Row], Path | None]:
    table = Path(labels) if labels is not None else tables.find(root)
    if table is None:
        if group is not None:
            raise BadInput(
                "a group column needs a labels file",
                where=root,
                remedy="Put meta.csv beside the audio, or use --labels.",
            )
        return _by_folder(tree), None
    rows = tables.read(table, target=target, group=group)
    tables.check_files(rows, set(tree.audio) | {p.file for p in tree.problems}, table)
    rows = [row for row in rows if row.file in set(tree.audio)]
    for file in sorted(set(tree.audio) - {row.file for row in rows}):
        tree.problems.append(
            Problem(file, "unlabelled", "set aside", f"not in {table.name}", "Add a line for it, or remove it.")
        )
    for row in [row for row in rows if row.label is None]:
        tree.problems.append(
            Problem(row.file, "unlabelled", "set aside", f"no {target} in {table.name}", "Fill in the column.")
        )
    return [row for row in rows if row.label is not None], table


def _by_folder(tree: _Tree) -> list[tables.Row]:
    """Label by the first level of folders; a lone folder that only holds folders is passed through."""
    level = 0
    while True:
        heads = {tuple(file.split("/")[: level + 1]) for file in tree.audio}
        alone = len(heads) == 1
        deeper = {file.split("/")[level + 1] for file in tree.audio if file.count("/") >= level + 2}
        if not (alone and len(deeper) >= 2 and all(file.count("/") >= level + 2 for file in tree.audio)):
            break
        level += 1
    labelled = [file for file in tree.audio if file.count("/") > level]
    if not labelled:
        return [tables.Row(file, None) for file in tree.audio]
    for file in sorted(set(tree.audio) - set(labelled)):
        tree.problems.append(
            Problem(
                file,
                "unlabelled",
                "set aside",
                "lies in no labelled folder",
                "Move it into a folder named as its label.",
            )
        )
    return [tables.Row(file, file.split("/")[level]) for file in labelled]


def judge(file: str, found: Inspection, repair: bool) -> list[Problem]:
    """Return what is wrong with a file, and what is done about it."""
    if found.error:
        return [Problem(file, "unreadable", "set aside", found.error, found.remedy)]
    if found.frames == 0:
        return [Problem(file, "empty", "set aside", "no samples", "Export it again.")]
    problems = []
    if found.bad:
        action = "repaired" if repair else "set aside"
        problems.append(
            Problem(
                file, "nan", action, f"{found.bad} samples are NaN or infinite", "Export it again, or use --repair."
            )
        )
    if found.peak < SILENT_PEAK:
        problems.append(Problem(file, "silent", "set aside", f"peak {found.peak:.1e} of full scale", "Remove it."))
    if found.declared > found.frames + _slack(found):
        used, told = found.frames / found.rate, found.declared / found.rate
        problems.append(
            Problem(file, "truncated", "flagged", f"used {used:.3g} s of {told:.3g} s", "Copy or export it again.")
        )
    if found.clipped >= CLIPPED_SHARE:
        problems.append(
            Problem(
                file, "clipped", "flagged", f"{100 * found.clipped:.1f} % of samples at full scale", "Record lower."
            )
        )
    if found.mean >= DC_LEVEL:
        action = "repaired" if repair else "flagged"
        problems.append(Problem(file, "dc", action, f"mean {found.mean:.3f} of full scale", "Use --repair."))
    return problems


def _slack(found: Inspection) -> int:
    """Frames that may be missing without a fault: two MP3 frames of encoder padding."""
    return 2 * 1152 if found.format.startswith(("MP3", "MPEG")) else 0


def _clip(root: Path, row: tables.Row, found: Inspection, trouble: Sequence[Problem], repair: bool) -> Clip | None:
    whole = found.frames / found.rate
    end = None if row.end is None or row.end >= whole else row.end
    frames = round((whole if end is None else end) * found.rate) - round(row.start * found.rate)
    if frames <= 0:
        return None
    part = row.start > 0 or end is not None
    return Clip(
        file=row.file,
        path=root / row.file,
        rate=found.rate,
        channels=found.channels,
        frames=frames,
        start=row.start,
        end=end,
        label=row.label,
        group=row.group or "",
        fold=row.fold or row.split,
        format=found.format,
        content=f"{found.content}@{row.start}-{end}" if part else found.content,
        flags=tuple(p.kind for p in trouble),
        repair=repair and any(p.action == "repaired" for p in trouble),
    )


def _refuse_if_bad(root: Path, problems: Sequence[Problem], total: int, strict: bool) -> None:
    aside = [p for p in problems if p.action == "set aside" and p.kind != "unlabelled"]
    bad = len({p.file for p in aside})
    if not (aside and (strict or 2 * bad > total)):
        return
    first = "; ".join(f"{p.file}: {p.detail}" for p in aside[:5])
    raise BadInput(
        "files had to be set aside" if strict else "more than half of the files are bad",
        where=root,
        measured=f"{bad} of {total}: {first}{'; ...' if bad > 5 else ''}",
        remedy="`mynah check` lists them all.",
    )


def _duplicates(clips: Sequence[Clip]) -> tuple[tuple[str, ...], ...]:
    same = defaultdict(list)
    for clip in clips:
        same[clip.content].append(clip.file)
    return tuple(tuple(sorted(files)) for files in same.values() if len(set(files)) > 1)


def _group(clips: Sequence[Clip], *, named: bool) -> list[Clip]:
    """Join what must not be cut: a named group, one file, one content, takes of one name."""
    if named:
        return [_with_group(clip, clip.group or f"file {clip.file}") for clip in clips]
    parent = list(range(len(clips)))

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    for keys in ([c.file for c in clips], [c.content for c in clips], _stems(clips), [c.group for c in clips]):
        first: dict[str, int] = {}
        for i, key in enumerate(keys):
            if key:
                parent[root(i)] = root(first.setdefault(key, i))
    return [_with_group(clip, clips[root(i)].group or clips[root(i)].file) for i, clip in enumerate(clips)]


def _with_group(clip: Clip, group: str) -> Clip:
    from dataclasses import replace

    return replace(clip, group=group)


def _stems(clips: Sequence[Clip]) -> list[str]:
    """Return each clip's name without its trailing take number, "" where that says nothing.

    A class whose files are merely numbered (kick_01 ... kick_40) would become one group; where a class would
    keep fewer than `LEAST_GROUPS` groups, its names are not used.
    """
    stems = []
    for clip in clips:
        place, name = os.path.split(os.path.splitext(clip.file)[0])
        stem = _TAKE.sub("", name)
        stems.append(f"{place}/{stem}" if stem else "")
    kept = defaultdict(set)
    for clip, stem in zip(clips, stems, strict=True):
        kept[clip.label].add(stem or clip.file)
    return [s if len(kept[c.label]) >= LEAST_GROUPS else "" for c, s in zip(clips, stems, strict=True)]


def _official(rows: Sequence[tables.Row], group: str | None) -> str:
    if group is not None:
        return ""
    if all(row.fold for row in rows) and len({row.fold for row in rows}) > 1:
        return "fold"
    splits = {row.split.lower() if row.split else "" for row in rows}
    return "split" if "test" in splits and "train" in splits else ""


def _cache_file() -> Path:
    place = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(place) / "mynah" / "inspections.json"
