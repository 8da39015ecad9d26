"""A device without hardware: its tensors hold processor tensors, and do not mix with them, as on a GPU.

What fails to follow its device on a GPU fails here too: an operation on tensors of both raises, and so does `numpy()`.
The processor computes, so results can be compared. It is torch's PrivateUse1, made in Python (torch 2.9 or newer).
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch.utils import _pytree as pytree
from torch.utils.backend_registration import _setup_privateuseone_for_python_backend as set_up

aten = torch.ops.aten
set_up("pretend")
DEVICE = torch.device("pretend", 0)
#: Operations that take tensors of two devices: what carries values over, and packing, whose lengths are of processors.
MIXED = (aten.copy_.default, aten._to_copy.default, aten._pack_padded_sequence.default)


class Pretend(torch.Tensor):
    """A tensor of the device."""

    @staticmethod
    def __new__(cls, raw, requires_grad=False):
        options = {"dtype": raw.dtype, "device": DEVICE, "strides": raw.stride(), "requires_grad": requires_grad}
        options |= {"storage_offset": raw.storage_offset(), "dispatch_sizes_strides_policy": "sizes"}
        made = torch.Tensor._make_wrapper_subclass(cls, raw.size(), **options)
        made.raw = raw
        return made

    def __repr__(self, *, tensor_contents=None):
        return f"Pretend({self.raw})"

    def tolist(self):
        return self.raw.tolist()

    @classmethod
    def __torch_dispatch__(cls, function, types, args=(), kwargs=None):
        kwargs = dict(kwargs or {})
        tensors = [x for x in pytree.tree_leaves((args, kwargs)) if isinstance(x, torch.Tensor)]
        if function not in MIXED:
            for tensor in tensors:
                if not isinstance(tensor, Pretend) and tensor.dim():
                    raise RuntimeError(f"{function}: a tensor {tuple(tensor.shape)} of another device")
        target = kwargs.get("device")
        if target is not None:
            kwargs["device"] = torch.device("cpu")
        kwargs.pop("pin_memory", None)
        args_raw, kwargs_raw = pytree.tree_map_only(Pretend, lambda x: x.raw, (args, kwargs))
        found = CELLS.get(function, function)(*args_raw, **kwargs_raw)
        if target is not None and torch.device(target).type == "cpu":
            return found
        if function is aten.copy_.default:
            return args[0]
        if function is aten._pack_padded_sequence.default:
            return Pretend(found[0]), found[1]
        given = {id(x.raw): x for x in tensors if isinstance(x, Pretend)}  # in place: the same tensor comes back
        return pytree.tree_map_only(torch.Tensor, lambda x: given.get(id(x)) if id(x) in given else Pretend(x), found)


@torch.library.impl("aten::empty.memory_format", "privateuseone")
def empty(size, dtype=None, layout=None, device=None, pin_memory=None, memory_format=None):
    return Pretend(torch.empty(size, dtype=dtype, memory_format=memory_format or torch.contiguous_format))


@torch.library.impl("aten::empty_strided", "privateuseone")
def empty_strided(size, stride, dtype=None, layout=None, device=None, pin_memory=None):
    return Pretend(torch.empty_strided(size, stride, dtype=dtype))


@torch.library.impl("aten::_copy_from", "privateuseone")
def copy_from(source, target, non_blocking=False):
    from_, to = (x.raw if isinstance(x, Pretend) else x for x in (source, target))
    to.copy_(from_)
    return target


# --- torch takes the fused cells of GPUs on any device but a processor


def lstm(gates_x, gates_h, cell, bias_x=None, bias_h=None):
    """h, c and what the way back needs."""
    gates = sum(x for x in (gates_x, gates_h, bias_x, bias_h) if x is not None)
    i, f, g, o = gates.chunk(4, dim=1)
    i, f, g, o = torch.sigmoid(i), torch.sigmoid(f), torch.tanh(g), torch.sigmoid(o)
    new = f * cell + i * g
    return o * torch.tanh(new), new, torch.cat([i, f, g, o], dim=1)


def lstm_backward(grad_h, grad_cell, cell, new, workspace, has_bias):
    i, f, g, o = workspace.chunk(4, dim=1)
    squashed = torch.tanh(new)
    by_new = torch.zeros_like(new) if grad_cell is None else grad_cell
    by_o = torch.zeros_like(o)
    if grad_h is not None:
        by_new, by_o = by_new + grad_h * o * (1 - squashed**2), grad_h * squashed
    parts = [by_new * g * i * (1 - i), by_new * cell * f * (1 - f), by_new * i * (1 - g**2), by_o * o * (1 - o)]
    gates = torch.cat(parts, dim=1)
    return gates, by_new * f, gates.sum(dim=0) if has_bias else None


def gru(gates_x, gates_h, state, bias_x=None, bias_h=None):
    """h and what the way back needs."""
    gates_x = gates_x if bias_x is None else gates_x + bias_x
    gates_h = gates_h if bias_h is None else gates_h + bias_h
    (xr, xz, xn), (hr, hz, hn) = gates_x.chunk(3, dim=1), gates_h.chunk(3, dim=1)
    r, z = torch.sigmoid(xr + hr), torch.sigmoid(xz + hz)
    n = torch.tanh(xn + r * hn)
    return (state - n) * z + n, torch.cat([r, z, n, state, hn], dim=1)


def gru_backward(grad, workspace, has_bias):
    r, z, n, state, hn = workspace.chunk(5, dim=1)
    by_n = grad * (1 - z) * (1 - n**2)
    by_r, by_z = by_n * hn * r * (1 - r), grad * (state - n) * z * (1 - z)
    by_x, by_h = torch.cat([by_r, by_z, by_n], dim=1), torch.cat([by_r, by_z, by_n * r], dim=1)
    return by_x, by_h, grad * z, *((x.sum(dim=0) if has_bias else None) for x in (by_x, by_h))


CELLS: dict[object, Callable] = {
    aten._thnn_fused_lstm_cell.default: lstm,
    aten._thnn_fused_lstm_cell_backward_impl.default: lstm_backward,
    aten._thnn_fused_gru_cell.default: gru,
    aten._thnn_fused_gru_cell_backward.default: gru_backward,
}
