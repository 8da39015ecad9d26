"""What one file really holds: decoded once, remembered by path, size and time of change."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from operator import attrgetter
from pathlib import Path

import numpy as np

from mynah import audio
from mynah.data.truncation import promised_share
from mynah.ground.errors import BadInput, Stopped
from mynah.ground.files import write_bytes
from mynah.ground.progress import Progress, silent

#: Version of what is remembered; another one is not used.
VERSION = 5
#: Magnitude from which a sample is at full scale: one step of 11 bits below it.
FULL_SCALE = 0.999
#: Files that one task of a worker takes at most, and their bytes.
FILES_A_TASK, BYTES_A_TASK = 500, 64 * 2**20
#: Seconds of sound that are held at a time.
BLOCK_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Inspection:
    """What reading a whole file showed.

    Attributes:
        error: why it cannot be decoded, else empty; `remedy` goes with it.
        rate, channels: Hz and count.
        frames: that could be read; `declared`: that the header promises.
        peak: largest magnitude of the finite samples; `mean`: largest mean of a channel, in magnitude; `mixed`:
            largest magnitude of the mean of the channels, which is what models see.
        bad: samples that are NaN or infinite.
        clipped: share of samples at full scale that repeat the one before: a wave with its top cut flat.
        content: hash of the decoded samples as float32, and of rate and channels, whatever the container.
    """

    error: str = ""
    remedy: str = ""
    rate: int = 0
    channels: int = 0
    frames: int = 0
    declared: int = 0
    format: str = ""
    peak: float = 0.0
    mean: float = 0.0
    bad: int = 0
    clipped: float = 0.0
    content: str = ""
    mixed: float = 0.0


def inspect(path: Path) -> Inspection:
    """Decode a file in blocks and measure it; never raises for a bad file."""
    try:
        header, waves = audio.stream(path, seconds=BLOCK_SECONDS)
        meter = _Meter(header)
        for wave in waves:
            meter.take(wave)
        return meter.result(header, promised_share(path))
    except BadInput as error:
        measured = f" ({error.measured})" if error.measured else ""
        return Inspection(error=f"{error.what}{measured}", remedy=error.remedy or "Look at the file.")
    except Stopped:  # not this file's fault
        raise
    except Exception as error:
        return Inspection(error=f"cannot be decoded ({type(error).__name__}: {error})", remedy="Look at the file.")


class _Meter:
    """Sums over the blocks of one file."""

    def __init__(self, header: audio.AudioInfo) -> None:
        self.hash = hashlib.blake2b(struct.pack("<ii", header.rate, header.channels), digest_size=16)
        self.frames = self.bad = self.flat = 0
        self.peak, self.mixed, self.total = 0.0, 0.0, np.zeros(header.channels)

    def take(self, wave: np.ndarray) -> None:
        self.hash.update(wave.data)
        self.frames += wave.shape[1]
        highest = max(float(wave.max()), -float(wave.min()))
        if not np.isfinite(highest):
            finite = np.isfinite(wave)
            self.bad += int(wave.size - finite.sum())
            wave = np.where(finite, wave, np.float32(0))
            highest = float(np.abs(wave).max())
        if highest >= FULL_SCALE:
            repeated = (np.abs(wave[:, 1:]) >= FULL_SCALE) & (wave[:, 1:] == wave[:, :-1])
            self.flat += int(repeated.sum())
        self.peak = max(self.peak, highest)
        self.mixed = max(self.mixed, highest if len(wave) == 1 else float(np.abs(wave.mean(axis=0)).max()))
        self.total += wave.sum(axis=1, dtype=np.float64)

    def result(self, header: audio.AudioInfo, promised: float) -> Inspection:
        return Inspection(
            rate=header.rate,
            channels=header.channels,
            frames=self.frames,
            declared=round(self.frames * promised)
            if promised < 1
            else max(header.frames, round(self.frames * promised)),
            format=f"{header.format}/{header.subtype}",
            peak=self.peak,
            mean=float(np.abs(self.total / max(1, self.frames)).max()),
            bad=self.bad,
            clipped=self.flat / max(1, self.frames * header.channels),
            content=self.hash.hexdigest(),
            mixed=self.mixed,
        )


def inspect_all(
    paths: Sequence[str], *, cache: Path | None = None, workers: int | None = None, progress: Progress = silent
) -> list[Inspection]:
    """Inspect files side by side; those unchanged since last time are not read again.

    Args:
        paths: absolute names.
        cache: file that remembers these files, by name, size and time of change; None uses none. A damaged one is
            not used and is replaced. Failures are not remembered: a permission may have been put right.
        workers: processes for more than a few files; None means one a core.
        progress: called with the files done.
    """
    stats = [_stat(path) for path in paths]
    keys = [f"{path}|{size}|{changed}" for path, (size, changed) in zip(paths, stats, strict=True)]
    known = _load(cache)
    found: dict[int, Inspection] = {i: known[key] for i, key in enumerate(keys) if key in known}
    todo = [i for i in range(len(paths)) if i not in found]
    progress("inspect", len(found), len(paths), "")
    for task, results in _in_parallel(_tasks(todo, [size for size, _ in stats]), paths, workers):
        found.update(zip(task, results, strict=True))
        progress("inspect", len(found), len(paths), "")
    if cache is not None and (todo or len(known) != len(paths)):
        _remember(cache, {key: found[i] for i, key in enumerate(keys) if not found[i].error})
    return [found[i] for i in range(len(paths))]


def _stat(path: str) -> tuple[int, int]:
    try:
        facts = os.stat(path)
    except OSError:
        return -1, -1
    return facts.st_size, facts.st_mtime_ns


def _tasks(todo: Sequence[int], sizes: Sequence[int]) -> list[list[int]]:
    """Cut the numbers of files into tasks of about equal work."""
    tasks: list[list[int]] = []
    files = size = 0
    for i in todo:
        if not tasks or files == FILES_A_TASK or size + sizes[i] > BYTES_A_TASK:
            tasks.append([])
            files = size = 0
        tasks[-1].append(i)
        files, size = files + 1, size + max(0, sizes[i])
    return tasks


def _in_parallel(
    tasks: Sequence[list[int]], paths: Sequence[str], workers: int | None
) -> Iterator[tuple[list[int], list[Inspection]]]:
    if len(tasks) <= 1 or workers == 1:
        for task in tasks:
            yield task, _inspect_some([paths[i] for i in task])
        return
    from joblib import Parallel, cpu_count, delayed

    work = Parallel(n_jobs=workers or cpu_count(), return_as="generator")
    yield from zip(tasks, work(delayed(_inspect_some)([paths[i] for i in task]) for task in tasks), strict=True)


def _inspect_some(paths: Sequence[str]) -> list[Inspection]:
    return [inspect(Path(path)) for path in paths]


_values = attrgetter(*(field.name for field in fields(Inspection)))
_KINDS = [(int, float) if isinstance(value, float) else type(value) for value in _values(Inspection())]


def _load(cache: Path | None) -> dict[str, Inspection]:
    if cache is None:
        return {}
    try:
        document = json.loads(cache.read_bytes())
        if document["version"] != VERSION:
            return {}
        return {key: Inspection(*values) for key, values in document["files"].items() if is_whole(values)}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}


def is_whole(values: list[object]) -> bool:
    """Tell whether remembered values are of the kinds that an `Inspection` has."""
    return len(values) == len(_KINDS) and all(map(isinstance, values, _KINDS))


def _remember(cache: Path, known: dict[str, Inspection]) -> None:
    """Write the memory; a full or read-only disk only means that nothing is remembered."""
    files = {key: _values(value) for key, value in known.items()}
    with contextlib.suppress(OSError):
        cache.parent.mkdir(parents=True, exist_ok=True)
        # ASCII, so that names which are not valid UTF-8 survive
        write_bytes(cache, json.dumps({"version": VERSION, "files": files}).encode("ascii"))
