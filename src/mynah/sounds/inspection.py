"""What one file really holds: decoded once, remembered by path, size and time of change."""

from __future__ import annotations

import hashlib
import json
import os
import struct
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from mynah import audio
from mynah.errors import BadInput
from mynah.progress import Progress, silent

#: Version of what is remembered; another one is not used.
VERSION = 3
#: Peak below which a file counts as silent: -90 dB, under one step of 16 bits.
SILENT_PEAK = 2.0**-15
#: Share of samples at full scale from which a file counts as clipped.
CLIPPED_SHARE = 1e-3
#: Mean, relative to full scale, from which a file counts as having DC.
DC_LEVEL = 0.02
#: Files inspected by one task of a worker.
FILES_A_TASK = 500


@dataclass(frozen=True)
class Inspection:
    """What reading a whole file showed.

    Attributes:
        error: why it cannot be decoded, else empty; `remedy` goes with it.
        rate, channels: Hz and count.
        frames: that could be read; `declared`: that the header promises.
        peak: largest magnitude of the finite samples; `mean`: largest mean of a channel, in magnitude.
        bad: samples that are NaN or infinite; `clipped`: share of samples at full scale.
        content: hash of the decoded samples as float32 and of rate and shape.
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


def inspect(path: Path) -> Inspection:
    """Decode a file in blocks and measure it; never raises for a bad file."""
    try:
        header = audio.info(path)
        hashed = hashlib.blake2b(struct.pack("<ii", header.rate, header.channels), digest_size=16)
        frames = bad = clipped = 0
        peak, total = 0.0, np.zeros(header.channels)
        for wave in audio.blocks(path, seconds=30.0):
            hashed.update(np.ascontiguousarray(wave.T).data)
            frames += wave.shape[1]
            highest = float(np.abs(wave).max())
            if not np.isfinite(highest):
                finite = np.isfinite(wave)
                bad += int(wave.size - finite.sum())
                wave = np.where(finite, wave, 0.0)
                highest = float(np.abs(wave).max())
            if highest >= 0.999:
                clipped += int((np.abs(wave) >= 0.999).sum())
            peak = max(peak, highest)
            total += wave.sum(axis=1, dtype=np.float64)
    except BadInput as error:
        measured = f" ({error.measured})" if error.measured else ""
        return Inspection(error=f"{error.what}{measured}", remedy=error.remedy or "Look at the file.")
    except Exception as error:
        return Inspection(error=f"cannot be decoded ({type(error).__name__}: {error})", remedy="Look at the file.")
    return Inspection(
        rate=header.rate,
        channels=header.channels,
        frames=frames,
        declared=max(header.frames, _declared_by_wav(path) if frames else 0),
        format=f"{header.format}/{header.subtype}",
        peak=peak,
        mean=float(np.abs(total / max(1, frames)).max()),
        bad=bad,
        clipped=clipped / max(1, frames * header.channels),
        content=hashed.hexdigest(),
    )


def _declared_by_wav(path: Path) -> int:
    """Return the frames that a WAV header's data chunk promises; libsndfile trims them to the file in silence."""
    with open(path, "rb") as file:
        head = file.read(12)
        if head[:4] != b"RIFF" or head[8:12] != b"WAVE":
            return 0
        frame_bytes = 0
        while len(chunk := file.read(8)) == 8:
            name, size = chunk[:4], struct.unpack("<I", chunk[4:])[0]
            if name == b"fmt ":
                frame_bytes = struct.unpack("<H", file.read(size)[12:14])[0]
                file.seek(size % 2, os.SEEK_CUR)
            elif name == b"data":
                # 0xFFFFFFFF and 0 are what a recorder writes that did not know the length
                return size // frame_bytes if frame_bytes and size not in (0, 0xFFFFFFFF) else 0
            else:
                file.seek(size + size % 2, os.SEEK_CUR)
    return 0


def inspect_all(
    paths: Sequence[Path], *, cache: Path | None = None, workers: int | None = None, progress: Progress = silent
) -> list[Inspection]:
    """Inspect files side by side; those unchanged since last time are not read again.

    Args:
        cache: file that remembers; None uses none. A damaged one is not used and is replaced.
        workers: processes for more than a few files; None means one a core.
        progress: told the files done.
    """
    keys = [_key(path) for path in paths]
    known = _load(cache)
    found: dict[int, Inspection] = {i: known[key] for i, key in enumerate(keys) if key in known}
    todo = [i for i in range(len(paths)) if i not in found]
    tasks = [todo[i : i + FILES_A_TASK] for i in range(0, len(todo), FILES_A_TASK)]
    progress("inspect", len(found), len(paths), "")
    for task, results in _in_parallel(tasks, paths, workers):
        found.update(zip(task, results, strict=True))
        progress("inspect", len(found), len(paths), "")
    if todo and cache is not None:
        _remember(cache, known | {keys[i]: found[i] for i in todo})
    return [found[i] for i in range(len(paths))]


def _in_parallel(tasks, paths, workers):
    if len(tasks) <= 1:
        for task in tasks:
            yield task, _inspect_some([paths[i] for i in task])
        return
    from joblib import Parallel, delayed

    work = Parallel(n_jobs=workers or os.cpu_count(), return_as="generator")
    yield from zip(tasks, work(delayed(_inspect_some)([paths[i] for i in task]) for task in tasks), strict=True)


def _inspect_some(paths: Sequence[Path]) -> list[Inspection]:
    return [inspect(path) for path in paths]


def _key(path: Path) -> str:
    try:
        facts = path.stat()
    except OSError:
        return ""
    return f"{os.path.abspath(path)}|{facts.st_size}|{facts.st_mtime_ns}"


def _load(cache: Path | None) -> dict[str, Inspection]:
    if cache is None:
        return {}
    try:
        with open(cache, encoding="utf-8") as file:
            document = json.load(file)
        if document["version"] != VERSION:
            return {}
        return {key: Inspection(*values) for key, values in document["files"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _remember(cache: Path, known: dict[str, Inspection]) -> None:
    """Write the memory; a full or read-only disk only means that nothing is remembered."""
    part = cache.with_name(f".{cache.name}.{os.getpid()}.part")
    try:
        cache.parent.mkdir(parents=True, exist_ok=True)
        files = {key: list(asdict(value).values()) for key, value in known.items() if key}
        part.write_text(json.dumps({"version": VERSION, "files": files}), encoding="utf-8")
        os.replace(part, cache)
    except OSError:
        part.unlink(missing_ok=True)
