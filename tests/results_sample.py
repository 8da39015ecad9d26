"""A realistic results.json and its previews, made from a seed: what a run looks like without training one."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from mynah.ground.documents import RESULTS
from mynah.runs.previews import preview_order, write_previews
from mynah.tasks import by_name


class Facts(NamedTuple):
    """What a family of the sample is like; `accuracy` None always names the first class."""

    name: str
    title: str
    year: int | None
    accuracy: float | None
    seconds: float
    milliseconds: float
    megabytes: float
    parameters: int | None
    gradient: bool


FAMILIES = [
    Facts("resnet", "Residual network", 2016, 0.90, 98.0, 3.9, 0.67, 166_000, True),
    Facts("gru", "Gated recurrent unit", 2014, 0.86, 74.0, 6.2, 0.31, 78_200, True),
    Facts("lstm", "Long short-term memory", 1997, 0.84, 81.0, 7.9, 0.40, 101_000, True),
    Facts("forest", "Random forest", 2001, 0.80, 1.9, 11.0, 6.3, None, False),
    Facts("svm", "Support vector machine", 1995, 0.78, 0.42, 1.6, 0.61, None, False),
    Facts("lenet", "LeNet-5", 1998, 0.76, 41.0, 1.1, 0.25, 61_000, True),
    Facts("logistic", "Logistic regression", 1958, 0.73, 0.3, 0.9, 0.02, 4_010, False),
    Facts("mlp", "Multilayer perceptron", 1986, 0.72, 12.0, 0.8, 0.22, 54_000, True),
    Facts("knn", "k nearest neighbours", 1967, 0.64, 0.01, 1.4, 0.62, None, False),
    Facts("elman", "Elman recurrent network", 1990, 0.55, 66.0, 3.3, 0.05, 11_000, True),
    Facts("chance", "Chance", None, None, 0.001, 0.002, 0.001, 0, False),
]
ESC10 = [
    "chainsaw",
    "clock tick",
    "crackling fire",
    "crying baby",
    "dog",
    "helicopter",
    "rain",
    "rooster",
    "sea waves",
    "sneezing",
]


PROBLEM = ("file", "kind", "action", "detail", "remedy")
PROBLEMS = [
    ("rain/broken.wav", "unreadable", "set aside", "not a sound file: starts with b'<html>'", "Copy it again."),
    ("dog/short.wav", "truncated", "flagged", "used 0.5 s of 1.0 s", "Copy it again from the recorder."),
    ("dog/quiet.wav", "silent", "set aside", "peak -96.3 dBFS", "Check the recording."),
]
LEAK = "the length alone names 31 % of the clips (the commonest class: 10 %), so a model may learn that"


@dataclass
class FakeClip:
    """A sound that is computed when read: a chord that depends on its class, with noise."""

    seed: int
    seconds: float
    rate: int = 16_000

    def read(self, rate: int | None = None, mono: bool = True) -> np.ndarray:
        rate = rate or self.rate
        rng = np.random.default_rng(self.seed)
        time = np.arange(round(self.seconds * rate)) / rate
        pitch = 110 * 2 ** rng.uniform(0, 4)
        wave = sum(np.sin(2 * np.pi * pitch * k * time) / k for k in range(1, 9))
        wave = wave * np.exp(-time * rng.uniform(0.5, 6)) + 0.02 * rng.standard_normal(len(time))
        return (0.1 * wave)[None].astype(np.float32)


def make_results(
    *, classes: list[str] | int = 10, per_class: int = 40, folds: int = 5, seed: int = 0, seconds: float = 2.0
) -> dict[str, Any]:
    """Return a valid document of a run with eleven families."""
    rng = np.random.default_rng(seed)
    if isinstance(classes, int):
        classes = ESC10 if classes == 10 else [f"species {i:02d}" for i in range(classes)]
    count = len(classes)
    codes = np.repeat(np.arange(count), per_class)
    fold = np.arange(len(codes)) % folds
    hard = rng.dirichlet(np.full(count, 0.25), size=count)
    families = [_family(facts, codes, fold, classes, hard, rng) for facts in FAMILIES]
    families.sort(key=lambda row: -row["score"])
    _verdicts(families)
    best = families[0]
    predicted = best["details"]["predicted"]
    items = [
        {
            "file": f"{classes[code]}/take-{number:05d}.wav",
            "label": classes[code],
            "group": f"take-{number // 2:05d}",
            "fold": str(fold[number] + 1),
            "seconds": round(float(rng.uniform(0.5, 1.0) * seconds), 3),
            "rate": 16000,
            "channels": 1,
            "flags": ["clipped"] if rng.random() < 0.02 else [],
            "start": 0.0,
            "end": None,
        }
        for number, code in enumerate(codes)
    ]
    lengths = np.array([item["seconds"] for item in items])
    return {
        "schema": RESULTS,
        "run": "mynah-run",
        "created": "2026-11-24T15:40:00+00:00",
        "mynah": "0.1.0",
        "status": "complete",
        "task": "classify",
        "verb": "apply",
        "next": "NEW/",
        "remarks": [],
        "words": by_name("classify").words.to_json(),
        "metric": by_name("classify").metric.to_json(),
        "verdict": f"{best['name']} is best: it names {best['score']:.0%} of held-out clips correctly "
        f"(95 % interval {best['ci'][0]:.0%} to {best['ci'][1]:.0%}); "
        f"{families[1]['name']} is as good.",
        "chance": 1 / count,
        "best": best["name"],
        "clips": len(items),
        "classes": classes,
        "skipped": 2,
        "folds": folds,
        "dataset": {
            "name": "esc10",
            "seconds": float(lengths.sum()),
            "duration": {"min": float(lengths.min()), "median": float(np.median(lengths)), "max": float(lengths.max())},
            "rates": {"16000": len(items)},
            "channels": {"1": len(items)},
            "formats": {"FLAC/PCM_16": len(items)},
            "per_class": dict.fromkeys(classes, per_class),
            "rate_used": 16000,
        },
        "families": families,
        "items": items,
        "answers": [
            {"answer": classes[said], "wrong": bool(said != code)} for said, code in zip(predicted, codes, strict=True)
        ],
        "sections": [],
        "details": {"top": _top(predicted, codes, count, rng), "calibration": _calibration(rng)},
        "problems": [dict(zip(PROBLEM, row, strict=True)) for row in PROBLEMS],
        "ignored": {"not sound": 3, "hidden": 1},
        "duplicates": [[items[0]["file"], items[1]["file"]]],
        "leaks": [{"kind": "duration", "message": LEAK, "accuracy": 0.31, "chance": 0.1}],
        "split": {
            "kind": "stratified group folds",
            "description": f"{folds} folds with equal shares of each label; a recording is never on both sides",
            "grouped_by": "recording",
            "folds": [
                {"name": str(f + 1), "train": int((fold != f).sum()), "test": int((fold == f).sum())}
                for f in range(folds)
            ],
        },
        "how": {
            "seed": 0,
            "budget": "20m",
            "executor": "processes",
            "device": "cpu",
            "workers": 2,
            "python": "3.11.9",
            "platform": "Linux x86_64",
            "cores": 2,
            "versions": {"mynah": "0.1.0", "numpy": "2.4.0", "torch": "2.13.0", "scikit-learn": "1.9.0"},
            "options": {"labels": None, "target": "label", "group": None, "folds": 5, "repair": False},
            "command": "mynah learn esc10 --budget 20m",
            "repeat": "mynah learn esc10 --repeat mynah-run",
            "seconds": 1187.0,
        },
        "report": "report.html",
        "model": "best.mynah",
    }


def _family(
    facts: Facts, codes: np.ndarray, fold: np.ndarray, classes: list[str], hard: np.ndarray, rng: np.random.Generator
) -> dict[str, Any]:
    accuracy, folds = facts.accuracy, int(fold.max()) + 1
    count = len(classes)
    said = codes.copy()
    wrong = rng.random(len(codes)) > (accuracy if accuracy is not None else 1 / count)
    said[wrong] = [rng.choice(count, p=hard[code]) for code in codes[wrong]]
    if accuracy is None:
        said[:] = 0
    matrix = np.zeros((count, count), dtype=int)
    np.add.at(matrix, (codes, said), 1)
    recall = matrix.diagonal() / matrix.sum(axis=1)
    precision = matrix.diagonal() / np.maximum(matrix.sum(axis=0), 1)
    f1 = 2 * recall * precision / np.maximum(recall + precision, 1e-9)
    score = float(recall.mean())
    half = 1.96 * np.sqrt(max(score * (1 - score), 1e-4) / len(codes)) if accuracy is not None else 0.0
    return {
        "name": facts.name,
        "title": facts.title,
        "year": facts.year,
        "reference": f"Somebody: {facts.title}, Some Journal",
        "score": score,
        "ci": [max(0.0, score - half), min(1.0, score + half)],
        "gap": None,
        "probability": None,
        "verdict": "",
        "train_seconds": facts.seconds,
        "ms_per_clip": facts.milliseconds,
        "ms_per_clip_p95": facts.milliseconds * 1.3,
        "megabytes": facts.megabytes,
        "parameters": facts.parameters,
        "status": "ok",
        "message": "",
        "superseded_by": ["lstm", "gru"] if facts.name == "elman" else [],
        "budget_seconds": 36.0 if facts.gradient else None,
        "steps": [1200] * folds if facts.gradient else [],
        "plans": [],
        "ended": ["patience" if facts.gradient else None] * folds,
        "fold_scores": [float((said == codes)[fold == f].mean()) for f in range(folds)],
        "scores": {
            "accuracy": score,
            "balanced_accuracy": score,
            "macro_f1": float(f1.mean()),
            "log_loss": 0.41,
            "ece": 0.03,
        },
        "curves": [_curve(f, accuracy, rng) for f in range(folds)] if facts.gradient else [],
        "sounds": [],
        "details": {
            "predicted": said.tolist(),
            "per_class": [
                {"label": label, "precision": float(p), "recall": float(r), "f1": float(f), "support": int(n)}
                for label, p, r, f, n in zip(classes, precision, recall, f1, matrix.sum(axis=1), strict=True)
            ],
            "confusion": matrix.tolist(),
        },
    }


def _curve(fold: int, accuracy: float, rng: np.random.Generator) -> dict[str, Any]:
    step = np.arange(40, 1201, 40)
    train = 2.2 * np.exp(-step / 300) + 0.05 + 0.04 * rng.standard_normal(len(step))
    valid = 1.9 * np.exp(-step / 260) + 0.35 + step / 6000 + 0.06 * rng.standard_normal(len(step))
    return {
        "fold": str(fold + 1),
        "step": step.tolist(),
        "train_loss": train.round(4).tolist(),
        "valid_loss": valid.round(4).tolist(),
        "valid_score": np.clip(accuracy - 0.4 * valid / 2 + 0.1, 0, 1).round(4).tolist(),
        "best_step": int(step[valid.argmin()]),
    }


def _verdicts(families: list[dict[str, Any]]) -> None:
    """Give verdicts by rank alone: real ones follow from the answers."""
    words = ["best", "as good", "unclear"]
    for rank, row in enumerate(families):
        row["verdict"] = words[rank] if rank < 3 else "worse"
        row["probability"] = [None, 0.79, 0.934][rank] if rank < 3 else 1 - 0.015 / rank**2
        row["gap"] = families[0]["score"] - row["score"]


def _top(predicted: list[int], codes: np.ndarray, count: int, rng: np.random.Generator) -> list[Any]:
    rows = []
    for code, said in zip(codes, predicted, strict=True):
        first = float(rng.uniform(0.35, 0.99))
        others = [int(code)] if code != said else []
        others += [i for i in rng.permutation(count).tolist() if i not in (said, code)]
        rows.append(
            [[int(said), round(first, 4)]] + [[i, round((1 - first) / 3 / k, 4)] for k, i in enumerate(others[:2], 1)]
        )
    return rows


def _calibration(rng: np.random.Generator) -> dict[str, Any]:
    centres = np.arange(0.25, 1.0, 0.1)
    return {
        "temperature": 1.31,
        "threshold": 0.42,
        "reject_rate": 0.05,
        "bins": [
            {
                "confidence": float(c),
                "accuracy": float(np.clip(c + rng.normal(0, 0.05), 0, 1)),
                "count": int(8 + 150 * c**4),
            }
            for c in centres
        ],
    }


def make_run(folder: Path, document: dict[str, Any] | None = None, *, previews: int = 30) -> Path:
    """Write a run's folder as `mynah learn` leaves it, with real MP3 previews, and return it."""
    document = make_results() if document is None else document
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "results.json").write_text(json.dumps(document, ensure_ascii=False), encoding="utf-8")
    if previews:
        clips = [FakeClip(number, item["seconds"]) for number, item in enumerate(document["items"])]
        write_previews(clips, preview_order(by_name(document["task"]), document, most=previews), folder / "previews")
    return folder
