"""Frames of many clips in one memory-mapped file, computed once and shared by all families."""

from __future__ import annotations

import hashlib
import json
import os
import time
import zlib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import groupby
from pathlib import Path
from typing import Any, overload

import numpy as np
from jaxtyping import Float32, Int, Integer, Num

from mynah.ground.errors import BadInput, Stopped
from mynah.ground.files import write_bytes
from mynah.ground.progress import Progress, silent
from mynah.representations.representation import Representation

#: Version of the file and of what the representations compute; another one is computed again.
VERSION = 2
#: Most clips, and seconds of sound, computed by one task of a worker.
CLIPS_A_TASK, SECONDS_A_TASK = 32, 120.0
#: Seconds from which a clip is read, and its frames are made and written, with no other beside it in memory.
ALONE_SECONDS = 600.0
#: An unfinished file that nobody has written to for so long was left by a killed process.
STALE_SECONDS = 3600.0


class Frames(Sequence[Float32[np.ndarray, "_time feature"]]):
    """The frames of some clips: ``frames[i]`` is float32 (time, feature), read from disk when asked.

    Attributes:
        representation, rate: how they were made, or None for frames from arrays.
        lengths: (clip,) frames of each.
        feature_count: features a frame.
    """

    def __init__(
        self,
        data: Float32[np.ndarray, "frame feature"] | Path,
        offsets: Int[np.ndarray, " edge"],
        feature_count: int,
        representation: Representation | None = None,
        rate: int | None = None,
        rows: Int[np.ndarray, " clip"] | None = None,
    ) -> None:
        self._data, self._offsets = data, offsets
        self._rows = np.arange(len(offsets) - 1) if rows is None else rows
        self.feature_count, self.representation, self.rate = feature_count, representation, rate
        self._open: np.ndarray | None = None if isinstance(data, Path) else data

    @classmethod
    def from_arrays(
        cls,
        arrays: Sequence[Num[np.ndarray, "_time feature"]],
        representation: Representation | None = None,
        rate: int | None = None,
    ) -> Frames:
        """Hold arrays (time, feature) in memory."""
        if not arrays:
            return cls(np.zeros((0, 0), np.float32), np.zeros(1, np.int64), 0, representation, rate)
        offsets = np.concatenate([[0], np.cumsum([len(array) for array in arrays])])
        flat = np.concatenate(arrays).astype(np.float32, copy=False)
        return cls(flat, offsets, flat.shape[1], representation, rate)

    @property
    def lengths(self) -> Int[np.ndarray, " clip"]:
        return (self._offsets[1:] - self._offsets[:-1])[self._rows]

    def take(self, rows: Sequence[int] | Integer[np.ndarray, " clip"]) -> Frames:
        """Return these clips, in this order; nothing is copied."""
        chosen = self._rows[np.asarray(rows, int)]
        return Frames(self._data, self._offsets, self.feature_count, self.representation, self.rate, chosen)

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, index: int) -> Float32[np.ndarray, "time feature"]: ...
    @overload
    def __getitem__(self, index: slice) -> Frames: ...
    def __getitem__(self, index: int | slice) -> Float32[np.ndarray, "time feature"] | Frames:
        if isinstance(index, slice):
            return self.take(np.arange(len(self))[index])
        row = self._rows[index]
        return self._flat()[self._offsets[row] : self._offsets[row + 1]]

    def __iter__(self) -> Iterator[Float32[np.ndarray, "time feature"]]:
        return (self[i] for i in range(len(self)))

    def _flat(self) -> np.ndarray:
        if self._open is None:
            assert isinstance(self._data, Path)
            shape = (int(self._offsets[-1]), self.feature_count)
            if 0 in shape:  # an empty file cannot be mapped
                self._open = np.zeros(shape, np.float32)
            else:
                self._open = np.memmap(self._data, dtype=np.float32, mode="r", shape=shape)
        return self._open

    def __getstate__(self) -> dict[str, Any]:
        state = dict(self.__dict__)
        if isinstance(self._data, Path):
            state["_open"] = None
        return state


def compute(
    clips: Sequence[Any],
    representation: Representation,
    rate: int,
    folder: Path,
    *,
    workers: int | None = None,
    progress: Progress = silent,
) -> Frames:
    """Return the frames of all clips, from `folder` if they are there, else computed side by side and kept.

    Args:
        clips: with ``read(rate) -> (channel, time)``; and, where they have them, ``content`` (a hash, without which
            every clip is read to make the key), ``repair``, ``seconds`` and ``file``.
        rate: in Hz.
        folder: of the cache. A file counts only when its facts (JSON) are there and its size and checksum agree.
        workers: processes; None means one a core.
        progress: called with the clips done.

    Raises:
        BadInput: a clip that can no longer be read, or whose frames are not finite.
        Stopped: the disk is full or cannot be written; nothing half-written stays.
    """
    name = _key(clips, representation, rate)
    data, facts = folder.absolute() / f"{name}.f32", folder.absolute() / f"{name}.json"
    known = _load(data, facts, representation, rate)
    if known is not None:
        return known
    part = folder / f".{name}.{os.getpid()}.part"
    lengths: list[int] = []
    features = checksum = 0
    progress("represent", 0, len(clips), representation.NAME)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _sweep(folder)
        with open(part, "wb") as file:
            for arrays in _in_parallel(clips, representation, rate, workers):
                for array in arrays:
                    content = np.ascontiguousarray(array, dtype=np.float32).data
                    file.write(content)
                    checksum = zlib.crc32(content, checksum)
                    lengths.append(len(array))
                    features = array.shape[1]
                progress("represent", len(lengths), len(clips), representation.NAME)
                del arrays, array, content  # or they would stay while the next are made
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, data)
        offsets = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
        _write(facts, {"version": VERSION, "features": features, "crc32": checksum, "offsets": offsets.tolist()})
    except OSError as error:
        raise _full(folder, error) from error
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)
    return Frames(data, offsets, features, representation, rate)


def _full(folder: Path, error: OSError) -> Stopped:
    return Stopped(
        "the cache could not be written",
        where=folder,
        measured=error.strerror or str(error),
        remedy="Make room there, or choose another place for the run, and give the same command again.",
    )


def _write(path: Path, document: dict[str, Any]) -> None:
    write_bytes(path, json.dumps(document).encode())


def _sweep(folder: Path) -> None:
    """Remove what killed processes left behind."""
    for part in folder.glob(".*.part"):
        with suppress(OSError):
            if time.time() - part.stat().st_mtime > STALE_SECONDS:
                part.unlink()


def _key(clips: Sequence[Any], representation: Representation, rate: int) -> str:
    hashed = hashlib.blake2b(digest_size=12)
    hashed.update(json.dumps([VERSION, representation.to_json(), rate]).encode())
    for clip in clips:
        hashed.update(f"{_identity(clip, rate)}|{getattr(clip, 'repair', False)}\n".encode())
    return f"{representation.NAME}-{hashed.hexdigest()}"


def _identity(clip: Any, rate: int) -> str:
    """Return the hash of a clip's sound, made here if it brings none."""
    if content := getattr(clip, "content", ""):
        return str(content)
    wave = np.ascontiguousarray(clip.read(rate), dtype=np.float32)
    return f"{wave.shape} {hashlib.blake2b(wave.data, digest_size=12).hexdigest()}"


def _load(data: Path, facts: Path, representation: Representation, rate: int) -> Frames | None:
    try:
        document = json.loads(facts.read_text(encoding="utf-8"))
        offsets, features = np.array(document["offsets"], dtype=np.int64), int(document["features"])
        if document["version"] != VERSION or data.stat().st_size != 4 * features * int(offsets[-1]):
            return None
        if _checksum(data) != document["crc32"]:
            return None
    except (OSError, ValueError, KeyError, TypeError, IndexError):
        return None
    return Frames(data, offsets, features, representation, rate)


def _checksum(path: Path) -> int:
    checksum = 0
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            checksum = zlib.crc32(block, checksum)
    return checksum


def _in_parallel(
    clips: Sequence[Any], representation: Representation, rate: int, workers: int | None
) -> Iterator[list[np.ndarray]]:
    tasks = list(_tasks(clips))
    if workers == 1 or len(tasks) <= 2:
        yield from (represent(task, representation, rate) for task in tasks)
        return
    from joblib import Parallel, delayed, parallel_config

    for alone, run in groupby(tasks, _is_long):
        if alone:
            yield from (represent(task, representation, rate) for task in run)
            continue
        with parallel_config(backend="loky", n_jobs=workers or os.cpu_count(), inner_max_num_threads=1):
            work = Parallel(return_as="generator", pre_dispatch="4*n_jobs")
            yield from work(delayed(represent)(task, representation, rate) for task in run)


def _is_long(task: Sequence[Any]) -> bool:
    """Tell whether a task is one clip so long that several of them at once could fill the memory."""
    return sum(_seconds(clip) for clip in task) > ALONE_SECONDS


def _seconds(clip: Any) -> float:
    return float(getattr(clip, "seconds", 0.0))


def _tasks(clips: Sequence[Any]) -> Iterator[list[Any]]:
    """Cut the clips into runs that are short both in number and in seconds, so that a worker's memory is bounded."""
    task: list[Any] = []
    seconds = 0.0
    for clip in clips:
        length = _seconds(clip)
        if task and (len(task) == CLIPS_A_TASK or seconds + length > SECONDS_A_TASK):
            yield task
            task, seconds = [], 0.0
        task.append(clip)
        seconds += length
    if task:
        yield task


def represent(
    clips: Sequence[Any], representation: Representation, rate: int
) -> list[Float32[np.ndarray, "_time feature"]]:
    """Return the frames of each clip, float32 (time, feature), on one thread.

    Raises:
        BadInput: a clip that can no longer be read, or whose frames are not finite.
    """
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        module = representation.build(rate).eval()
        with torch.inference_mode():
            return [_represent(clip, module, rate) for clip in clips]
    finally:
        torch.set_num_threads(before)


def _represent(clip: Any, module: Any, rate: int) -> np.ndarray:
    import torch

    name = getattr(clip, "file", None)
    try:
        wave = clip.read(rate)
    except OSError as error:  # not to be taken for trouble with the cache
        raise BadInput("can no longer be read", where=name, measured=error.strerror or str(error)) from error
    frames = module(torch.from_numpy(wave)[None])[0].numpy()
    if not np.isfinite(frames).all():
        peak = float(np.abs(wave).max())
        raise BadInput("has no finite frames", where=name, measured=f"peak {peak:g} of full scale")
    return frames
