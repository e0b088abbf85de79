"""Steps of training in bfloat16 on a CPU that PyTorch's own kernels take many times as long for.

The transposed convolution is made by the kernels of the convolution's gradient (88 against 12 ms in the last
level of width 16, 14 patches: more than all other convolutions of the forward pass together), and its bias is
added to whole rows (12 against 2 ms there, 28 patches). A gradient that is half of another one is copied
before it goes on: the kernels of ReLU and of sums take ten times as long for what does not lie densely. The
results are the same.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F


def applies_to(x: Tensor) -> bool:
    """Whether autocast would compute in bfloat16 on a CPU here."""
    return (
        x.device.type == "cpu"
        and torch.is_autocast_enabled("cpu")
        and torch.get_autocast_dtype("cpu") is torch.bfloat16
    )


def conv_transpose(x: Tensor, conv: nn.ConvTranspose2d) -> Tensor:
    """``conv`` (3×3, stride 2) applied to ``(N, C, F, K)``: ``(N, filters, 2 F + 1, 2 K + 1)``."""
    assert conv.bias is not None
    y: Tensor = _TransposedConvolution.apply(x.bfloat16(), conv.weight.bfloat16(), conv.bias.bfloat16())
    return y


def joined(one: Tensor, other: Tensor) -> Tensor:
    """Both maps ``(N, C, F, K)``, one behind the other: ``(N, 2 C, F, K)``; their gradients lie densely."""
    return torch.cat([_dense(one), _dense(other)], dim=1)


def _dense(x: Tensor) -> Tensor:
    made: Tensor = _DenseGradient.apply(x) if x.requires_grad and applies_to(x) else x
    return made


class _DenseGradient(torch.autograd.Function):
    """The same; its gradient is copied where it is part of another one."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:  # noqa: ARG004 (PyTorch gives it)
        """``(N, C, F, K)`` → the same."""
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:  # noqa: ARG004
        """The gradient of x."""
        return gradients[0].contiguous(memory_format=torch.channels_last)


class _TransposedConvolution(torch.autograd.Function):
    """``conv_transpose2d`` of stride 2, by the kernels of ``conv2d``'s gradients."""

    GEOMETRY = ([2, 2], [0, 0], [1, 1], False, [0, 0], 1)  # stride, padding, dilation, transposed, …, groups

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        """``(N, C, F, K)``, ``(C, filters, 3, 3)``, ``(filters,)`` → ``(N, filters, 2 F + 1, 2 K + 1)``."""
        ctx.save_for_backward(x, weight)
        bins, frames = x.shape[2:]
        shape = torch.empty(  # never read: it stands for the size and order of the result
            (x.shape[0], weight.shape[1], 2 * bins + 1, 2 * frames + 1),
            dtype=x.dtype,
            device=x.device,
            memory_format=torch.channels_last,
        )
        geometry = _TransposedConvolution.GEOMETRY
        y: Tensor = torch.ops.aten.convolution_backward(
            x, shape, weight, None, *geometry, [True, False, False]
        )[0]
        y.permute(0, 2, 3, 1).add_(bias.repeat(y.shape[3]).view(1, 1, -1, bias.numel()))
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Gradients of x, weight and bias."""
        x, weight = ctx.saved_tensors
        (dy,) = gradients
        geometry = _TransposedConvolution.GEOMETRY
        dweight = torch.ops.aten.convolution_backward(x, dy, weight, None, *geometry, [False, True, False])[1]
        return F.conv2d(dy, weight, stride=2), dweight, dy.sum((0, 2, 3))
