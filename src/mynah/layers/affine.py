"""Affine maps of many rows by oneDNN's product.

torch's own float32 product is MKL's, which on processors that are not Intel's leaves half of AVX-512 unused:
110 against 240 GFLOP/s for 4096 rows of 64 on one thread of an AMD EPYC (measured), less two copies.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

#: Rows from which on the copies into oneDNN's tensors and back are worth it.
MANY_ROWS = 512


def affine(
    x: Float[Tensor, "*rows inputs"],
    weight: Float[Tensor, "outputs inputs"],
    bias: Float[Tensor, " outputs"] | None = None,
    parts: int = 1,
) -> tuple[Float[Tensor, "*rows outputs//{parts}"], ...]:
    """Return x @ weight.T + bias in equal parts, each contiguous and of the weight's type.

    Args:
        x: (..., inputs).
        weight: (outputs, inputs).
        bias: (outputs,), or None.
        parts: how many tensors (..., outputs / parts) to return.
    """
    weights = weight.chunk(parts)
    biases = [None] * parts if bias is None else bias.chunk(parts)
    if _is_for_onednn(x, weight):
        rows = x.contiguous().to_mkldnn()
        return tuple(functional.linear(rows, w, b).to_dense() for w, b in zip(weights, biases, strict=True))
    return tuple(functional.linear(x, w, b).to(weight.dtype) for w, b in zip(weights, biases, strict=True))


def _is_for_onednn(x: Tensor, weight: Tensor) -> bool:
    return (
        torch.backends.mkldnn.is_available()
        and x.device.type == weight.device.type == "cpu"
        and x.dtype == weight.dtype == torch.float32
        and x.numel() >= MANY_ROWS * x.shape[-1]
        and not torch.is_autocast_enabled("cpu")
    )
