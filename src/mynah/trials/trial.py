"""A trial is one fit of one family on one fold; its result is kept under the hash of what decides it."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mynah.errors import Stopped
from mynah.training.keyed import key


@dataclass(frozen=True)
class Trial:
    """What decides a result.

    Attributes:
        family: name in the catalog.
        settings: every constructor argument, defaults included, as JSON.
        representation: what it sees, as JSON with its version, and the rate in Hz.
        task: name of the task.
        fingerprint: of the sounds.
        fold: name of the fold.
        split: digest of the clips that train and that judge.
        seed: of everything random.
        budget: of this fit in steps or epochs; or of the whole comparison in time, with those who share it; or
            nothing, for a family that needs none.
        version: of Mynah.
    """

    family: str
    settings: str
    representation: str
    task: str
    fingerprint: str
    fold: str
    split: str
    seed: int
    budget: str
    version: str

    @property
    def hash(self) -> str:
        """16 hexadecimal digits, the name of the trial's folder."""
        return f"{key('trial', asdict(self)):016x}"


class Store:
    """Results in a folder, one sub-folder a trial; a result exists when its JSON does, and that is written last."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, trial: Trial) -> Path:
        return self.folder / trial.hash

    def load(self, trial: Trial) -> dict[str, Any] | None:
        """Return a finished result with its ``probabilities`` (test clip, class), or None."""
        folder = self.path(trial)
        try:
            result = json.loads((folder / "result.json").read_text(encoding="utf-8"))
            result["probabilities"] = np.load(folder / "probabilities.npy", allow_pickle=False)
        except (OSError, ValueError, EOFError):
            return None
        return result

    def save(self, trial: Trial, result: dict[str, Any], probabilities: np.ndarray) -> None:
        """Keep a result; `Stopped` when the disk is full or cannot be written."""
        folder = self.path(trial)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            part = folder / f".probabilities.{os.getpid()}.part"
            with open(part, "wb") as file:
                np.save(file, probabilities)
            os.replace(part, folder / "probabilities.npy")
            write_json(folder / "result.json", {"trial": asdict(trial), **result})
        except OSError as error:
            raise Stopped("a result could not be written", where=folder, measured=error.strerror) from error


def write_json(path: Path, document: Any) -> None:
    """Write JSON under its final name only when it is complete."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with open(part, "w", encoding="utf-8") as file:
            json.dump(document, file, ensure_ascii=False, indent=1, allow_nan=False)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except OSError:
        part.unlink(missing_ok=True)
        raise
