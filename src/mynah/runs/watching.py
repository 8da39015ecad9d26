"""What can be watched while it works: a log of lines, and curves, sounds and pictures for TensorBoard."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from mynah.ground.errors import MissingExtra
from mynah.training import Event

#: Clips of each kind that TensorBoard can play.
HEARD = 8


class Log:
    """``log.jsonl``: one line of JSON for everything that happens in a run, with the time in seconds since 1970."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, event: str, **facts: Any) -> None:
        """Add a line; a log that cannot be written stops nothing."""
        line = json.dumps({"time": round(time.time(), 3), "event": event, **facts}, ensure_ascii=False)
        with suppress(OSError), open(self.path, "a", encoding="utf-8") as file:
            file.write(line + "\n")


def summary_writer(folder: Path) -> Any:
    """Return torch's writer of TensorBoard files.

    Raises:
        MissingExtra: tensorboard is not installed.
    """
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ModuleNotFoundError as error:
        raise MissingExtra("needs tensorboard", remedy="pip install '.[tensorboard]' in Mynah's folder") from error
    return SummaryWriter(str(folder))


class Curves:
    """The scalars of one fit for TensorBoard; with None as folder it does nothing."""

    def __init__(self, folder: Path | None) -> None:
        self.writer = None if folder is None else summary_writer(folder)

    def __enter__(self) -> Curves:
        return self

    def __exit__(self, *_: object) -> None:
        if self.writer is not None:
            self.writer.close()

    def add(self, event: Event) -> None:
        """Add what one validation measured."""
        if self.writer is None:
            return
        for name in ("train_loss", "valid_loss", "valid_score"):
            value = getattr(event, name)
            if value is not None:
                self.writer.add_scalar(name, value, event.step)


def show_clips(folder: Path, document: dict[str, Any], sounds: Any, rate: int, order: list[int]) -> None:
    """Write sounds and spectrograms of what is most worth hearing for TensorBoard, named by label and answer."""
    from mynah.runs.previews import spectrogram

    writer = summary_writer(folder)
    for clip in order[:HEARD]:
        wave = sounds[clip].read(rate)[0]
        name = _titled(document, clip)
        writer.add_audio(name, np.clip(wave, -1, 1)[None], 0, sample_rate=rate)
        writer.add_image(name, spectrogram(wave, rate)[::-1].copy(), 0, dataformats="HW")
    writer.close()


def _titled(document: dict[str, Any], clip: int) -> str:
    if clip >= len(document["items"]):
        return f"made/{clip - len(document['items'])}"
    item, answer = document["items"][clip], document["answers"][clip]["answer"]
    words = [item["label"] or "", "" if answer is None else f"answered {answer}"]
    return "/".join(filter(None, [" ".join(filter(None, words)), item["file"]]))
