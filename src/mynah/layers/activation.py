"""Activations by their names in torch.nn: ReLU, ELU (Clevert et al. 2015, arXiv:1511.07289), Tanh, GELU ..."""

from __future__ import annotations

import torch
from torch import nn

from mynah.ground.errors import UsageError


def activation(name: str) -> nn.Module:
    """Return the elementwise module of this name in torch.nn, one that needs no arguments.

    Raises:
        UsageError: there is none.
    """
    try:
        module = getattr(nn, name)()
        is_one = module(torch.zeros(2, 3)).shape == (2, 3) and not list(module.parameters())
    except (AttributeError, TypeError, NotImplementedError, RuntimeError):
        is_one = False
    if not is_one:
        raise UsageError(
            "no such activation in torch.nn", where=name, remedy="Use ReLU, ELU, GELU, SiLU, Tanh or LeakyReLU."
        )
    return module
