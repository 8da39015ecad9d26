"""A trial is one fit of one family on one fold; its result is kept under the hash of what decides it."""

from __future__ import annotations

import io
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mynah.ground.files import write_bytes
from mynah.ground.randomness import key
from mynah.stores import FolderStore, Store


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


class TrialStore:
    """Results by trial; a result exists when its JSON does, and that is written last.

    Args:
        folder: one sub-folder a trial.
        remote: where results are kept too, and checkpoints are kept instead; or None.
    """

    def __init__(self, folder: Path, remote: Store | None = None) -> None:
        self.folder, self.remote = folder, remote

    def path(self, trial: Trial) -> Path:
        return self.folder / trial.hash

    def checkpoints(self, trial: Trial) -> Store:
        """Return the place of a trial's checkpoints."""
        if self.remote is not None:
            return self.remote.within(f"trials/{trial.hash}/checkpoints")
        return FolderStore(self.path(trial) / "checkpoints")

    def load(self, trial: Trial) -> dict[str, Any] | None:
        """Return a finished result with its ``answers``, the test clips first, or None."""
        folder = self.path(trial)
        if self.remote is not None and not (folder / "result.json").exists():
            self._fetch(trial)
        try:
            result: dict[str, Any] = json.loads((folder / "result.json").read_text(encoding="utf-8"))
            result["answers"] = np.load(folder / "answers.npy", allow_pickle=False)
        except (OSError, ValueError, EOFError):
            return None
        return result

    def save(self, trial: Trial, result: dict[str, Any], answers: np.ndarray) -> None:
        """Keep a result; `Stopped` when the disk is full or cannot be written."""
        content = io.BytesIO()
        np.save(content, answers)
        local = FolderStore(self.path(trial))
        local.put("answers.npy", content.getvalue())
        document = {"trial": asdict(trial), **result}
        local.put("result.json", json.dumps(document, ensure_ascii=False, allow_nan=False).encode())
        if self.remote is not None:
            there = self.remote.within(f"trials/{trial.hash}")
            for name in _OF_A_TRIAL:
                if (self.path(trial) / name).exists():
                    there.put(name, local.get(name))

    def _fetch(self, trial: Trial) -> None:
        """Copy a result that another machine has finished."""
        assert self.remote is not None
        there, local = self.remote.within(f"trials/{trial.hash}"), FolderStore(self.path(trial))
        names = there.names()
        if _OF_A_TRIAL[-1] in names:
            for name in _OF_A_TRIAL:
                if name in names:
                    local.put(name, there.get(name))


#: What is kept of a finished trial, the result last.
_OF_A_TRIAL = ("model.mynah", "answers.npy", "events.jsonl", "result.json")


def write_json(path: Path, document: Any) -> None:
    """Write JSON under its final name only when it is complete."""
    write_bytes(path, json.dumps(document, ensure_ascii=False, indent=1, allow_nan=False).encode(), durable=True)
