"""Re-running the papers' experiments, and holding what they measure against the claims of the cards."""

from __future__ import annotations

import ast
import hashlib
import json
import math
import os
import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from joblib import Parallel, delayed

from mynah.catalog import Card
from mynah.ground.allocator import tune_allocator
from mynah.ground.errors import MynahError, Stopped
from mynah.ground.progress import Progress, silent
from mynah.papers.claims import Claim, Row, claims_of
from mynah.papers.problems import recordings


@dataclass(frozen=True)
class Experiment:
    """One run of a family's `reproduce`; seeds count from zero."""

    name: str
    experiment: str
    seed: int
    quick: bool

    @property
    def key(self) -> str:
        return json.dumps([self.name, self.experiment, self.seed, self.quick])


@dataclass(frozen=True)
class Outcome:
    """What an experiment measured, or why it did not."""

    measures: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    failure: str = ""


def run(experiment: Experiment, data: str | None = None) -> Outcome:
    """Run one experiment on one thread; one that fails is an outcome too.

    Args:
        data: folder of recordings for the experiments that need some, see `mynah.papers.problems.recordings`.
    """
    torch.set_num_threads(1)
    tune_allocator()
    began = time.process_time()
    try:
        with recordings.kept_in(data):
            module: Any = import_module(f"mynah.models.{experiment.name}")
            measures = module.reproduce(experiment.experiment, experiment.seed, experiment.quick)
    except Stopped:  # told to by the outside: no fault of the experiment
        raise
    except Exception as error:
        text = str(error) if isinstance(error, MynahError) else f"{type(error).__name__}: {error}"
        return Outcome(seconds=time.process_time() - began, failure=text)
    seconds = time.process_time() - began
    wrong = [f"{name} is {value}" for name, value in measures.items() if not math.isfinite(value)]
    if wrong:
        return Outcome(seconds=seconds, failure=f"not a number: {', '.join(wrong)}")
    return Outcome({name: float(value) for name, value in measures.items()}, seconds)


def verify(
    cards: Sequence[Card],
    *,
    quick: bool = False,
    data: str | None = None,
    workers: int | None = None,
    kept: Path | None = None,
    progress: Progress = silent,
) -> list[Row]:
    """Run what the claims of these families need, and judge them.

    Args:
        cards: families.
        quick: one seed, the experiments' short forms, and only claims that have one.
        data: folder of recordings; claims whose data are not there are not run.
        workers: processes; None means one a core.
        kept: file of finished experiments, which are not repeated while the code is the same; None keeps nothing.
    """
    claims = [claim for card in cards for claim in claims_of(card) if claim.quick or not quick]
    missing = {claim: recordings.missing(claim.data, data) for claim in claims}
    wanted = [need for claim in claims if not missing[claim] for need in _needs(claim, quick)]
    outcomes = _run_all(list(dict.fromkeys(wanted)), data, workers or os.cpu_count() or 1, kept, progress)
    return [judge(claim, outcomes, quick, missing[claim]) for claim in claims]


def _needs(claim: Claim, quick: bool) -> Iterator[Experiment]:
    for seed in range(1 if quick else claim.count):
        yield Experiment(claim.name, claim.experiment, seed, quick)
        if claim.other is not None:
            yield Experiment(*claim.other, seed, quick)


def _run_all(
    experiments: list[Experiment], data: str | None, workers: int, kept: Path | None, progress: Progress
) -> dict[Experiment, Outcome]:
    outcomes = _kept(experiments, kept)
    left = [experiment for experiment in experiments if experiment not in outcomes]
    progress("verify", len(outcomes), len(experiments), "")
    runner = Parallel(n_jobs=workers, return_as="generator_unordered")
    for experiment, outcome in runner(delayed(_named)(experiment, data) for experiment in left):
        outcomes[experiment] = outcome
        if kept is not None and not outcome.failure:
            with kept.open("a", encoding="utf-8") as file:
                line = {"key": experiment.key, "code": _code(experiment.name), **outcome.__dict__}
                print(json.dumps(line), file=file)
        note = f"{experiment.name} {experiment.experiment}, seed {experiment.seed}: {outcome.seconds:.0f} s"
        progress("verify", len(outcomes), len(experiments), note)
    return outcomes


def _named(experiment: Experiment, data: str | None) -> tuple[Experiment, Outcome]:
    return experiment, run(experiment, data)


def _kept(experiments: list[Experiment], kept: Path | None) -> dict[Experiment, Outcome]:
    """Return the outcomes that a file holds for these experiments and the code as it is."""
    if kept is None or not kept.exists():
        return {}
    found = {}
    for text in kept.read_text(encoding="utf-8").splitlines():
        try:
            line = json.loads(text)
            found[line["key"], line["code"]] = Outcome(line["measures"], line["seconds"])
        except (ValueError, KeyError, TypeError):  # the last line of a run that was killed
            continue
    return {e: found[e.key, _code(e.name)] for e in experiments if (e.key, _code(e.name)) in found}


@cache
def _code(name: str) -> str:
    """Return a digest of the sources that an experiment of a family runs: its file, and what that imports of Mynah."""
    found: dict[str, bytes] = {}
    _gather(f"mynah.models.{name}", found)
    digest = hashlib.sha256()
    for module in sorted(found):
        digest.update(found[module])
    return digest.hexdigest()[:16]


def _gather(module: str, found: dict[str, bytes]) -> None:
    place = Path(__file__).parents[2].joinpath(*module.split("."))
    file = place / "__init__.py" if place.is_dir() else place.with_suffix(".py")
    if module in found or module == "mynah" or not file.exists():  # a name in a module, or the lazy front
        return
    found[module] = file.read_bytes()
    for node in ast.walk(ast.parse(found[module])):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("mynah"):
            for imported in (node.module, *(f"{node.module}.{alias.name}" for alias in node.names)):
                _gather(imported, found)


def judge(claim: Claim, outcomes: dict[Experiment, Outcome], quick: bool, missing: str = "") -> Row:
    """Hold a claim against what was measured; a seed that failed or did not measure it misses it.

    Args:
        outcomes: of the experiments that the claim needs; not looked at where something is missing.
        missing: why nothing was run, or empty.
    """
    needs = list(_needs(claim, quick))
    found = [] if missing else [outcomes[n] for n in needs if (n.name, n.experiment) == (claim.name, claim.experiment)]
    seeds = [outcome.measures[claim.measure] for outcome in found if claim.measure in outcome.measures]
    measured = _over_seeds(claim, found) if seeds and len(seeds) == len(found) else None
    threshold = None if missing else _threshold(claim, outcomes, needs)
    failures = [outcome.failure or f"gives no {claim.measure}" for outcome in found]
    why = missing or "; ".join(dict.fromkeys(failures)) * (measured is None)
    if not why and threshold is None:
        why = f"{claim.bound[0]} gives no threshold"
    return Row(
        name=claim.name,
        experiment=claim.experiment,
        title=claim.title,
        measure=claim.measure,
        measured=measured,
        relation=claim.relation,
        threshold=threshold,
        paper=claim.paper,
        passed=None if missing else not why and _holds(measured, claim.relation, threshold),
        seconds=round(sum(outcome.seconds for outcome in found), 1),
        seeds=seeds,
        why=why,
    )


def _over_seeds(claim: Claim, found: list[Outcome]) -> float:
    """Return the figure that is held against the threshold: the median, the worst, or that of the best seed."""
    seeds = [outcome.measures[claim.measure] for outcome in found]
    if claim.seeds == "median":
        return statistics.median(seeds)
    if claim.seeds == "all":
        return max(seeds) if claim.relation == "<=" else min(seeds)
    by = claim.seeds.removeprefix("best by ")
    return min(found, key=lambda outcome: outcome.measures[by]).measures[claim.measure]


def _threshold(claim: Claim, outcomes: dict[Experiment, Outcome], needs: list[Experiment]) -> float | None:
    if claim.other is None:
        return float(claim.bound)
    theirs = [outcomes[need].measures for need in needs if (need.name, need.experiment) == claim.other]
    measure, factor = claim.bound[2], claim.bound[3]
    if not all(measure in measures for measures in theirs):
        return None
    return factor * statistics.median(measures[measure] for measures in theirs)


def _holds(measured: float | None, relation: str, threshold: float | None) -> bool:
    assert measured is not None
    assert threshold is not None
    return measured <= threshold if relation == "<=" else measured >= threshold
