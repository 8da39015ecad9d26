"""The product of many rows against torch's own: values and gradients, on both sides of the choice."""

import pytest
import torch

from mynah.layers.affine import MANY_ROWS, affine


@pytest.mark.parametrize("rows", [3, MANY_ROWS, 2 * MANY_ROWS + 1])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("parts", [1, 2])
def test_it_is_torchs_linear(rows, bias, parts):
    rng = torch.Generator().manual_seed(0)
    x, weight, shift = (torch.randn(shape, generator=rng) for shape in ((rows, 1, 6), (8, 6), (8,)))
    given = [v.requires_grad_() for v in ([x, weight, shift] if bias else [x, weight])]
    pieces = affine(*given, parts=parts)
    assert len(pieces) == parts
    assert all(piece.is_contiguous() and piece.layout == torch.strided for piece in pieces)
    whole = torch.nn.functional.linear(*given)
    torch.testing.assert_close(torch.cat(pieces, dim=-1), whole, rtol=1e-5, atol=1e-5)
    found = torch.autograd.grad(torch.cat(pieces, dim=-1).square().sum(), given)
    expected = torch.autograd.grad(whole.square().sum(), given)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-3)


def test_double_precision_is_kept():
    x, weight = torch.randn(MANY_ROWS, 4, dtype=torch.float64), torch.randn(3, 4, dtype=torch.float64)
    assert torch.equal(affine(x, weight)[0], x @ weight.T)


def test_under_autocast_the_answer_has_the_type_of_the_weights():
    with torch.autocast("cpu", torch.bfloat16):
        assert affine(torch.randn(MANY_ROWS, 4), torch.randn(3, 4))[0].dtype == torch.float32
