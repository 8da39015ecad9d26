"""Instrument notes by an LSTM on phase-vocoder frames (Glover 2015).

    x_t = levels and frequencies of the bins, and the instrument -> LSTM of two layers -> x_{t+1}

Departures from the source, a report on work in progress without architecture or figures:
- The class of the sound is an input of the network, one number a class beside every frame.
- The answer is a distribution with an output for the end of the sound, see `mynah.layers.next_frame`.
- An answer is relative to the last frame and to running means of the bin; noise is added in training.
- Phases of what is made are locked to the nearest peak of the spectrum.
"""

from __future__ import annotations

from torch import nn

from mynah.contracts.spectral import NOISE, SpectralGenerator
from mynah.ground.randomness import seeded
from mynah.layers.next_frame import NextFrame
from mynah.layers.sequence_network import SequenceNetwork, TorchNetwork
from mynah.representations import Representation
from mynah.training import Training

CARD = {
    "name": "glover",
    "title": "LSTM on phase-vocoder frames",
    "year": 2015,
    "authors": "J. Glover",
    "reference": "Generating sound with recurrent networks, 2015 (report on work in progress)",
    "tasks": ("generate",),
    "reading": ("glover",),
    "superseded_by": (),
    "aliases": (),
    "estimator": "Glover",
    "cost": "gradient",
    "claims": (
        {
            "experiment": "notes",
            "title": "synthesised notes: error of the next frame, against GRUV's GRU",
            "measure": "error",
            "at_most": ("gruv", "notes-gru", "error", 1.05),
            "paper": "none published",
        },
        {
            "experiment": "notes",
            "title": "synthesised notes: error of the next frame, against a frame like the last",
            "measure": "gain",
            "at_most": 0.95,
            "paper": "none published; what has learned nothing has 1",
        },
        {
            "experiment": "notes",
            "title": "a second after half a second of a new note: median over notes of the most it strays, in cents",
            "measure": "cents",
            "at_most": 20.0,
            "paper": "none; a gate of this list",
        },
        {
            "experiment": "notes",
            "title": "a second after half a second of a new note: share of notes that stay within 20 cents",
            "measure": "kept",
            "at_least": 0.8,
            "paper": "none; a gate of this list",
        },
        {
            "experiment": "resynthesis",
            "title": "a second of a stationary note from the frequencies of one frame, nothing learned: SNR in dB",
            "measure": "snr",
            "at_least": 25.0,
            "paper": "none; a gate of this list",
        },
    ),
}


class Glover(SpectralGenerator):
    """Sounds made by an LSTM of two layers over phase-vocoder frames and the class.

    Args:
        hidden, layers, training, representation, rate, random_state: see `SpectralGenerator`.
    """

    conditioned = True

    def __init__(
        self,
        hidden: int = 128,
        layers: int = 2,
        training: Training | None = None,
        representation: Representation | None = None,
        rate: int | None = None,
        random_state: int = 0,
    ) -> None:
        super().__init__(hidden, layers, training, representation, rate, random_state)

    def body(self, inputs: int) -> SequenceNetwork:
        return network(inputs, self.hidden, self.layers)


def network(inputs: int, hidden: int, layers: int) -> SequenceNetwork:
    """Return layers of LSTM."""
    return TorchNetwork(nn.LSTM(inputs, hidden, layers, batch_first=True))


def reproduce(experiment: str, seed: int, quick: bool = False) -> dict[str, float]:
    """Learn notes with two layers of 128 units ("notes"), or learn nothing ("resynthesis"); `quick` is the same."""
    from mynah.papers.problems import notes

    if experiment == "resynthesis":
        return {"snr": notes.resynthesis(seed)}
    if experiment != "notes":
        raise ValueError(f"no experiment {experiment!r}")

    def build() -> NextFrame:
        bins, span_hz = notes.MODULE.bins, notes.MODULE.span_hz
        return NextFrame(network(128, 128, 2), 128, bins, span_hz, classes=len(notes.KINDS), noise=NOISE)

    return notes.learn(seeded(seed, build), seed)
