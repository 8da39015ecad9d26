"""Echo state network (Jaeger 2001, "The echo state approach to analysing and training recurrent neural networks").

    x(n+1) = (1 - C a) x(n) + C tanh(W_in u(n+1) + W x(n) + W_back y(n))      leaky units, section 5
    y(n+1) = W_out x(n+1)

W, W_in and W_back are drawn once and never trained; W is scaled so that its largest eigenvalue has a given modulus.
W_out is a linear regression. Where the reservoir forgets its start (the echo state property), x is a function of the
past of the input alone.

Departures from the paper:
- As a classifier, a clip is the mean and the deviation over time of its reservoir states, and the regression is on the
  classes; the paper has no classifier.
- A ridge holds down the squared length of W_out where clips are classified; for Mackey-Glass, as in the paper, not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from mynah.contracts.classifier import VectorModel
from mynah.ground.randomness import generator
from mynah.layers.standardise import Standardise
from mynah.representations import Frames, LogMel, Representation

CARD = {
    "name": "echo_state",
    "title": "Echo state network",
    "year": 2001,
    "authors": "H. Jaeger",
    "reference": "The echo state approach to analysing and training recurrent neural networks, GMD report 148",
    "tasks": ("classify",),
    "reading": ("echo-state-network",),
    "superseded_by": (),
    "aliases": ("esn", "echo-state-network", "reservoir"),
    "estimator": "EchoState",
    "cost": "cheap",
    "asked": True,
    "claims": (
        {
            "experiment": "mackey-glass-400",
            "title": "Mackey-Glass, tau = 17, 400 units: error 84 steps ahead, freely running",
            "measure": "nrmse84",
            "at_most": 1e-3,
            "paper": "2.8e-4 (GMD 148)",
        },
        {
            "experiment": "mackey-glass-1000",
            "title": "Mackey-Glass, tau = 17, 1000 units: error 84 steps ahead, freely running",
            "measure": "nrmse84",
            "at_most": 6.3e-5,
            "paper": "6.3e-5 (Jaeger & Haas 2004, as recalled)",
            "quick": False,
        },
    ),
}


@dataclass(frozen=True)
class Reservoir:
    """Recurrent units with fixed weights, in float64.

    Attributes:
        inner: (units, units) W.
        into: (inputs, units) transposed W_in.
        rate: C, how far a unit moves in a step.
        leak: a, how fast it forgets.
    """

    inner: np.ndarray
    into: np.ndarray
    rate: float
    leak: float

    def run(self, u: np.ndarray, state: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Return the states (time, ..., units) under inputs (time, ..., inputs), and the last to go on from."""
        driven = u @ self.into
        states = np.empty_like(driven)
        x = np.zeros(driven.shape[1:]) if state is None else state
        for time, drive in enumerate(driven):
            x = self.step(x, drive)
            states[time] = x
        return states, x

    def step(self, x: np.ndarray, drive: np.ndarray) -> np.ndarray:
        """Return the states after one step, of states and driven inputs (..., units)."""
        return (1 - self.rate * self.leak) * x + self.rate * np.tanh(drive + x @ self.inner)


def reservoir(
    rng: np.random.Generator,
    units: int,
    into: np.ndarray,
    *,
    radius: float,
    density: float,
    rate: float = 1.0,
    leak: float = 1.0,
) -> Reservoir:
    """Draw a sparse reservoir whose largest eigenvalue has modulus `radius`.

    Args:
        units: at least 1.
        into: (inputs, units) weights of the inputs.
        density: share of weights that are not zero; every unit gets at least one.

    Raises:
        ValueError: no units, or an invalid radius, density, rate or leak.
    """
    if units < 1 or radius <= 0 or not 0 < density <= 1 or not 0 < rate * leak <= 1:
        raise ValueError(
            "a reservoir needs units >= 1, radius > 0, a density in (0, 1] and a leak in (0, 1], "
            f"not {units}, {radius}, {density}, {rate * leak}"
        )
    weights = rng.uniform(-1, 1, (units, units)) * (rng.random((units, units)) < density)
    rows = np.arange(units)
    weights[rng.permutation(units), rows] += (weights == 0).all(axis=0) * rng.uniform(-1, 1, units)
    largest = np.abs(np.linalg.eigvals(weights)).max()
    if largest < 1e-9:  # few units may have no loop at all
        weights[rows, rows], largest = 1.0, 1.0
    return Reservoir(weights * (radius / largest), into, rate, leak)


def ridge(states: np.ndarray, targets: np.ndarray, price: float = 0.0) -> np.ndarray:
    """Return W (feature, output) of least squares |states W - targets|^2 + price |W|^2, by the singular values.

    The normal equations would square the condition of the states, which lie near a few directions.
    """
    if price:
        root = np.sqrt(price) * np.eye(states.shape[1])
        states = np.concatenate([states, root])
        targets = np.concatenate([targets, np.zeros((len(root), targets.shape[1]))])
    return np.linalg.lstsq(states, targets, rcond=None)[0]


class EchoState(VectorModel):
    """Clips classified by a ridge regression on the mean and deviation of reservoir states.

    Args:
        units: of the reservoir.
        radius: modulus of its largest eigenvalue; below 1 it forgets its start.
        density: share of its weights that are not zero.
        leak: how fast a unit follows its input, in (0, 1]; small is slow.
        scale: deviation of the input weights.
        price: of squared readout weights, a clip.
        representation, rate, random_state: see `Model`.
    """

    default_representation: ClassVar[Representation] = LogMel()

    def __init__(
        self,
        units: int = 200,
        radius: float = 0.9,
        density: float = 0.1,
        leak: float = 0.3,
        scale: float = 0.1,
        price: float = 0.03,
        representation: Representation | None = None,
        rate: int | None = None,
        random_state: int = 0,
    ) -> None:
        super().__init__(representation, rate, random_state)
        self.units = units
        self.radius = radius
        self.density = density
        self.leak = leak
        self.scale = scale
        self.price = price

    def learn_vectors(self, frames: Frames) -> np.ndarray:
        rng = generator(int(self.random_state or 0), "reservoir")
        into = rng.normal(0, self.scale, (self.n_features_in_, self.units))
        made = reservoir(rng, self.units, into, radius=self.radius, density=self.density, leak=self.leak)
        front = Standardise(self.n_features_in_)
        front.learn(frames)
        self.input_ = {
            "mean": front.mean.double().numpy(),
            "scale": front.scale.double().numpy(),
            "inner": made.inner,
            "into": made.into,
        }
        return self.vectors(frames)

    def vectors(self, frames: Frames) -> np.ndarray:
        """Return mean and deviation over time of the states of each clip: (clip, 2 * units)."""
        held = Reservoir(self.input_["inner"], self.input_["into"], 1.0, self.leak)
        vectors = []
        for clip in frames:  # alone: a product of many rows rounds otherwise
            states, _ = held.run((np.asarray(clip, np.float64) - self.input_["mean"]) / self.input_["scale"])
            vectors.append(np.concatenate([states.mean(axis=0), states.std(axis=0)]))
        return np.stack(vectors)

    def learn_arrays(self, X: np.ndarray, codes: np.ndarray, classes: int) -> dict[str, np.ndarray]:
        weight = np.sqrt(len(codes) / (classes * np.bincount(codes, minlength=classes)))[codes][:, None]
        ones = np.concatenate([X, np.ones((len(X), 1))], axis=1)
        return {"readout": ridge(weight * ones, weight * (2 * np.eye(classes)[codes] - 1), self.price * len(X))}

    def log_scores(self, arrays: dict[str, np.ndarray], X: np.ndarray) -> np.ndarray:
        answers = [x @ arrays["readout"][:-1] + arrays["readout"][-1] for x in X]
        return 4.0 * np.stack(answers)  # a clear answer, +-1, is then a log-odds of 8

    def tensors(self) -> dict[str, np.ndarray]:
        return {**super().tensors(), **{f"input.{name}": value for name, value in self.input_.items()}}

    def restore(self, tensors: dict[str, np.ndarray]) -> None:
        super().restore(tensors)
        self.input_ = {name[len("input.") :]: v for name, v in tensors.items() if name.startswith("input.")}


#: Settings of each paper, by its units (as recalled): GMD 148 has leaky units, Jaeger & Haas 2004 none.
PAPERS: dict[int, dict[str, float]] = {
    400: {"radius": 0.79, "density": 0.0125, "rate": 0.44, "leak": 0.9, "feedback": 0.56},
    1000: {"radius": 0.8, "density": 0.01, "rate": 1.0, "leak": 1.0, "feedback": 1.0},
}
#: Largest weight of a constant input, which breaks the symmetry of tanh.
BIAS = 0.2
#: Samples of training, those of them that only warm up, trials, samples before each and steps it runs freely.
TRAINED, WARM, TRIALS, BEFORE, AHEAD = 3000, 1000, 50, 1000, 84


def reproduce(experiment: str, seed: int, quick: bool = False) -> dict[str, float]:
    """Run the paper's Mackey-Glass task with as many units as the experiment's name says; `quick` is the same.

    Returns:
        "nrmse84" over 50 new solutions, and "largest", the largest readout weight.
    """
    from mynah.papers.problems import mackey_glass

    units = int(experiment.removeprefix("mackey-glass-"))
    settings = dict(PAPERS[units])
    feedback = settings.pop("feedback")
    rng = generator(seed, "mackey-glass")
    fed_back, constant = feedback * rng.uniform(-1, 1, (1, units)), BIAS * rng.uniform(-1, 1, (1, units))
    into = np.concatenate([fed_back, constant])
    net = reservoir(rng, units, into, **settings)
    taught = mackey_glass.squash(mackey_glass.series(rng, 1, TRAINED + 1))
    states, _ = net.run(np.concatenate([taught[:-1], np.ones_like(taught[:-1])], axis=1))
    readout = ridge(states[WARM:], taught[1 + WARM :])
    trials = mackey_glass.series(rng, TRIALS, BEFORE + AHEAD)
    before = mackey_glass.squash(trials[:BEFORE])[:, :, None]
    last, x = net.run(np.concatenate([before, np.ones_like(before)], axis=2))
    predicted = last[-1] @ readout
    for _ in range(AHEAD - 1):
        x = net.step(x, np.concatenate([predicted, np.ones_like(predicted)], axis=1) @ into)
        predicted = x @ readout
    return {
        "nrmse84": mackey_glass.nrmse(predicted[:, 0], trials[BEFORE + AHEAD - 1]),
        "largest": float(np.abs(readout).max()),
    }
