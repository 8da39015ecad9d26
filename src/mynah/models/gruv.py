"""GRUV (Vitelli & Nayebi 2015): the next frame of a sound's spectrum foretold by an LSTM or a GRU.

    x_t -> affine -> LSTM or GRU -> affine -> x_{t+1}          trained one frame ahead; made sounds feed themselves

Departures from the paper:
- Frames are level and instantaneous frequency of overlapping Hann windows, not real and imaginary parts of blocks of a
  quarter of a second: the mean of complex numbers whose phases differ is near zero, and so was the sound.
- The answer is a distribution (see `mynah.layers.next_frame`), not a mean with squared error, so that sounds can
  differ; with an output for the end of the sound.
- An answer is relative to the last frame and to running means of the bin.
- Noise is added to the network's input in training; 128 units instead of 1024, Adam instead of RMSprop.
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
    "name": "gruv",
    "title": "GRUV",
    "year": 2015,
    "authors": "M. Vitelli, A. Nayebi",
    "reference": "GRUV: algorithmic music generation using recurrent neural networks, Stanford CS224D, 2015",
    "tasks": ("generate",),
    "reading": ("gruv",),
    "superseded_by": (),
    "aliases": (),
    "estimator": "GRUV",
    "cost": "gradient",
    "claims": (
        {
            "experiment": "notes",
            "title": "synthesised notes, LSTM: error of the next frame, against the GRU",
            "measure": "error",
            "at_most": ("gruv", "notes-gru", "error", 1.05),
            "paper": "the LSTM was better (no figure)",
        },
        {
            "experiment": "notes",
            "title": "synthesised notes, LSTM: error of the next frame, against a frame like the last",
            "measure": "gain",
            "at_most": 0.95,
            "paper": "none; what has learned nothing has 1",
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
    ),
}
CELLS = {"lstm": nn.LSTM, "gru": nn.GRU}


class GRUV(SpectralGenerator):
    """Sounds made by an LSTM or a GRU over phase-vocoder frames, whatever their classes.

    Args:
        cell: "lstm" or "gru".
        hidden, layers, training, representation, rate, random_state: see `SpectralGenerator`.
    """

    def __init__(
        self,
        hidden: int = 128,
        layers: int = 1,
        cell: str = "lstm",
        training: Training | None = None,
        representation: Representation | None = None,
        rate: int | None = None,
        random_state: int = 0,
    ) -> None:
        super().__init__(hidden, layers, training, representation, rate, random_state)
        self.cell = cell

    def body(self, inputs: int) -> SequenceNetwork:
        return network(self.cell, inputs, self.hidden, self.layers)


def network(cell: str, inputs: int, hidden: int, layers: int = 1) -> SequenceNetwork:
    """Return layers of LSTM or GRU; `ValueError` for another cell."""
    if cell not in CELLS:
        raise ValueError(f"the cells of GRUV are {' or '.join(CELLS)}, not {cell!r}")
    return TorchNetwork(CELLS[cell](inputs, hidden, layers, batch_first=True))


def reproduce(experiment: str, seed: int, quick: bool = False) -> dict[str, float]:
    """Learn notes with 128 units of LSTM ("notes") or GRU ("notes-gru"); `quick` is the same."""
    from mynah.papers.problems import notes

    cells = {"notes": "lstm", "notes-gru": "gru"}
    if experiment not in cells:
        raise ValueError(f"no experiment {experiment!r}")

    def build() -> NextFrame:
        body = network(cells[experiment], 128, 128)
        return NextFrame(body, 128, notes.MODULE.bins, notes.MODULE.span_hz, noise=NOISE)

    return notes.learn(seeded(seed, build), seed)
