"""A comparison on disk: what `learn` returns, and what can be opened again."""

from __future__ import annotations

import json
import os
import re
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from mynah import modelfile, tasks
from mynah.contracts.model import Model
from mynah.contracts.own import Families, Source
from mynah.ground.device import there_or_auto
from mynah.ground.errors import UsageError
from mynah.tasks.task import Task

#: What an interrupted run goes on from.
PLAN = "plan.json"


@dataclass
class Run:
    """A comparison on disk.

    Attributes:
        folder: where ``results.json``, ``report.html`` and ``best.mynah`` are.
        results: the document, see docs/results-schema.md.
        families: for a kept model of a user's own family, see `mynah.load`.
    """

    folder: Path
    results: dict[str, Any] = field(repr=False)
    families: Families = field(default=None, repr=False)

    @classmethod
    def open(cls, folder: str | os.PathLike[str], families: Families = None) -> Run:
        """Read a run made earlier."""
        from mynah.report.schema import read_results

        return cls(Path(folder), read_results(Path(folder)), families)

    @property
    def board(self) -> list[dict[str, Any]]:
        """One dictionary a family, best first."""
        rows: list[dict[str, Any]] = self.results["families"]
        return rows

    @property
    def best(self) -> Model:
        """The model that was kept."""
        return modelfile.load(self.folder / "best.mynah", families=self.families)

    @property
    def task(self) -> Task:
        """What the models were asked to do; a task of a user's own file is looked for where it lay, then here.

        Raises:
            UsageError: it is not there any more, has an error in it, or has changed since this run.
        """
        return tasks.of(self._task_found)

    @property
    def _task_found(self) -> str | Source:
        name = str(self.results["task"])
        found = tasks.find(self.path_of(name))
        learned = self.results["how"].get("task_sha256")
        if isinstance(found, Source) and learned not in (None, found.sha256):
            raise UsageError(
                "has changed since this run, whose scores are of another task",
                where=name,
                remedy="Put the file back as it was, or learn again.",
            )
        return found

    def path_of(self, name: str) -> str:
        """Return the name of a task or a family with the folder of its file, where the run's plan knows where it lies.

        Args:
            name: as in results, such as ``mine.py:MyFamily@mfcc(C=2)``; of a catalog's, it is returned as it is.
        """
        own = re.match(r"(.*\.py):\w+", name)
        families = self._planned.get("families")
        known = [self._planned.get("task"), *([families] if isinstance(families, str) else families or [])]
        for written in known if own else ():
            found = re.match(r"(.*\.py):\w+", str(written))
            if found and own and Path(found[1]).name == own[1] and Path(found[1]).is_file():
                return found[1] + name[own.end(1) :]
        return name

    @cached_property
    def _planned(self) -> dict[str, Any]:
        """The options as `learn` kept them, with whole paths; empty where that cannot be read."""
        with suppress(OSError, ValueError, KeyError, TypeError):
            options: dict[str, Any] = dict(json.loads((self.folder / PLAN).read_text(encoding="utf-8"))["options"])
            return options
        return {}

    @property
    def report(self) -> Path:
        """The page."""
        return self.folder / "report.html"

    def to_repeat(self, folder: str | os.PathLike[str], device: str = "auto") -> dict[str, Any]:
        """Return the options of `learn` that train every family on `folder` for the steps it took in this run.

        Args:
            device: to train on; "auto" is that of this run, where it is there.

        Raises:
            UsageError: see `task`.
        """
        how, found = self.results["how"], self._task_found
        options = dict(how.get("options", {}))
        if options.get("labels"):
            options["labels"] = str(Path(folder) / options["labels"])
        plans = {row["name"]: row["plans"] for row in self.board if any(row["plans"])}
        families = [self.path_of(row["name"]) for row in self.board]
        return {
            **options,
            "task": found if isinstance(found, str) else found.written,
            "plans": plans,
            "seed": how["seed"],
            "budget": how["budget"],
            "device": there_or_auto(how.get("device", "cpu")) if device == "auto" else device,
            "families": families,
        }

    def __str__(self) -> str:
        from mynah.runs.board import as_text

        return as_text(self.results, self.folder, self.path_of)

    def _repr_html_(self) -> str:
        from mynah.runs.board import as_html

        return as_html(self.results)
