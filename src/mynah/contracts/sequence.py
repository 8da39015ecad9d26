"""The contract of classifiers made of a network that can run over a sequence in pieces."""

from __future__ import annotations

from typing import ClassVar

from torch import nn

from mynah.contracts.classifier import NetModel
from mynah.layers.heads import SequenceClassifier
from mynah.layers.residual_network import ResidualNetwork
from mynah.layers.sequence_network import SequenceNetwork
from mynah.representations import Representation
from mynah.training import Training


class SequenceModel(NetModel):
    """Clips classified by a sequence network whose outputs are pooled over time (mean and maximum).

    A family writes `network`.

    Args:
        hidden: units a layer.
        layers: layers on each other.
        window: frames that a gradient goes back at most; None is the whole excerpt.
        training, representation, rate, random_state: see `NetModel`.

    Attributes:
        stride: frames that are averaged into one before the network: for one that takes long a step.
    """

    stride: ClassVar[int] = 1

    def __init__(
        self,
        hidden: int = 96,
        layers: int = 1,
        window: int | None = None,
        training: Training | None = None,
        representation: Representation | None = None,
        rate: int | None = None,
        random_state: int = 0,
    ) -> None:
        super().__init__(training, representation, rate, random_state)
        self.hidden = hidden
        self.layers = layers
        self.window = window

    def network(self, inputs: int) -> SequenceNetwork:
        """Return the network over frames of `inputs` features."""
        raise NotImplementedError(f"{type(self).__name__} must define network")  # an abstract method

    def build(self, inputs: int, outputs: int) -> nn.Module:
        body = self.network(inputs)
        return SequenceClassifier(body, body.width, outputs, window=self.window, stride=self.stride)


class InputGatedModel(SequenceModel):
    """Clips classified by residual blocks of a recurrence whose gates see the input alone (minGRU, minLSTM).

    A family writes `recurrence`.

    Args:
        memory: frames after which the slowest units forget at the start, more than 1.
        hidden, layers, window: see `SequenceModel`.
        training, representation, rate, random_state: see `NetModel`.
    """

    def __init__(
        self,
        hidden: int = 64,
        layers: int = 2,
        memory: float = 100.0,
        window: int | None = None,
        training: Training | None = None,
        representation: Representation | None = None,
        rate: int | None = None,
        random_state: int = 0,
    ) -> None:
        super().__init__(hidden, layers, window, training, representation, rate, random_state)
        self.memory = memory

    def recurrence(self, width: int) -> nn.Module:
        """Return one recurrence of so many features, see `mynah.layers.residual.GatedBlock`."""
        raise NotImplementedError(f"{type(self).__name__} must define recurrence")  # an abstract method

    def network(self, inputs: int) -> SequenceNetwork:
        return ResidualNetwork(inputs, self.hidden, [self.recurrence(self.hidden) for _ in range(self.layers)])
