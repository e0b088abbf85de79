"""Several processes that train one network: who does which share, and how they agree.

Started by ``torchrun``, each process takes an even share of every batch and the gradients are averaged
(gloo on CPU, NCCL on CUDA). Batch normalisation takes its statistics over the whole batch, also on CPU
where PyTorch's own ``SyncBatchNorm`` does not work, so that two processes follow the loss curve of one.

On the two cores of one idle machine, one process with two threads is faster (63 against 50 patches/s); beside
another program, which threads wait for at every step of the way, two processes are (28 against 22).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch import distributed as dist
from torch.nn import functional as F
from torch.nn.parallel import DistributedDataParallel

from ..network.unet import UNet

Result = TypeVar("Result")


@dataclass(frozen=True)
class Share:
    """Part of a batch: ``count`` examples from ``start``."""

    start: int
    count: int


@dataclass(frozen=True)
class Workers:
    """The processes of a training; one when nothing else is said."""

    rank: int = 0
    count: int = 1

    @classmethod
    def from_environment(cls, device_type: str) -> Workers:
        """Join the group that ``torchrun`` describes in the environment, or stand alone."""
        if int(os.environ.get("WORLD_SIZE", "1")) == 1:
            return cls()
        if not dist.is_initialized():
            if device_type == "cuda":
                torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
            # What the processes agree on lies in main memory, also where the gradients do not.
            dist.init_process_group("cpu:gloo,cuda:nccl" if device_type == "cuda" else "gloo")
        return cls(dist.get_rank(), dist.get_world_size())

    @classmethod
    @contextmanager
    def joined(cls, device_type: str) -> Iterator[Workers]:
        """The group for the length of a ``with`` block."""
        workers = cls.from_environment(device_type)
        try:
            yield workers
        finally:
            if dist.is_initialized():
                dist.destroy_process_group()

    def one_after_the_first(self, make: Callable[[], Result]) -> Result:
        """What ``make`` makes; the first process is done with it on disk before the others begin."""
        if not self.first:
            self.wait()
        made = make()
        if self.first:
            self.wait()
        return made

    @property
    def first(self) -> bool:
        """Whether this process validates, writes and reports."""
        return self.rank == 0

    def share(self, batch: int) -> Share:
        """This process's part of a batch.

        Raises:
            ValueError: the batch cannot be shared evenly.
        """
        if batch % self.count:
            raise ValueError(f"a batch of {batch} cannot be shared evenly by {self.count} processes")
        count = batch // self.count
        return Share(self.rank * count, count)

    def wrap(self, network: UNet) -> nn.Module:
        """The network with its gradients averaged over the processes."""
        if self.count == 1:
            return network
        for module in list(network.modules()):
            for name, child in module.named_children():
                if isinstance(child, nn.BatchNorm2d):
                    setattr(module, name, GroupBatchNorm.of(child))
        return DistributedDataParallel(network, gradient_as_bucket_view=True)

    def mean(self, value: Tensor) -> Tensor:
        """Mean over the processes, element by element."""
        return _sum_over_processes(value) / self.count if self.count > 1 else value

    def agree(self, value: float) -> float:
        """The first process's value, so that all take the same decisions from it."""
        if self.count == 1:
            return value
        shared = torch.tensor([value], dtype=torch.float64)
        dist.broadcast(shared, 0)
        return float(shared)

    def any(self, value: bool) -> bool:
        """Whether it is true in any process."""
        if self.count == 1:
            return value
        return bool(_sum_over_processes(torch.tensor([int(value)])))

    def wait(self) -> None:
        """Until all are here."""
        if self.count > 1:
            dist.barrier()


def _sum_over_processes(value: Tensor) -> Tensor:
    """Sum of a small tensor over the processes, the same in each.

    On CPU the parts are gathered and added up: gloo takes three times as long to reduce a few numbers
    (1.4 against 0.5 ms on loopback), and batch normalisation asks 32 times a step.
    """
    if value.device.type != "cpu":
        value = value.clone()
        dist.all_reduce(value)
        return value
    parts = [torch.empty_like(value) for _ in range(dist.get_world_size())]
    dist.all_gather(parts, value.contiguous())
    return torch.stack(parts).sum(dim=0)


class GroupBatchNorm(nn.BatchNorm2d):
    """Batch normalisation over the batch of all processes, on any device.

    Same parameters and buffers as ``BatchNorm2d``, so weights move freely between the two.
    """

    @classmethod
    def of(cls, norm: nn.BatchNorm2d) -> GroupBatchNorm:
        """A group normalisation that takes over parameters and statistics of ``norm``."""
        group = cls(norm.num_features, norm.eps, norm.momentum)
        group.load_state_dict(norm.state_dict())
        return group.to(norm.weight.device)

    def forward(self, x: Tensor) -> Tensor:
        """Normalise ``(N, C, F, K)`` by the statistics of all processes' batches."""
        if not self.training:
            return super().forward(x)
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        with torch.no_grad():
            count = x.numel() // x.shape[1] * dist.get_world_size()
            mean, variance = _group_statistics(x)
            momentum = self.momentum or 0.0
            self.num_batches_tracked += 1
            self.running_mean.lerp_(mean, momentum)
            self.running_var.lerp_(variance * count / (count - 1), momentum)
        y: Tensor = _GroupNormalise.apply(x, self.weight, self.bias, mean, variance, self.eps)
        return y


def _group_statistics(x: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and biased variance of each channel over all processes, which have equally many values."""
    # Buffers in full precision make PyTorch sum in full precision, whatever x is stored in.
    unused = torch.zeros(2, x.shape[1], device=x.device)
    mean, variance = torch.batch_norm_update_stats(x, unused[0], unused[1], 0.0)
    sums = _sum_over_processes(torch.stack([mean, variance + mean.square()]))
    mean, square = sums / dist.get_world_size()
    return mean, (square - mean.square()).clamp(min=0)


class _GroupNormalise(torch.autograd.Function):
    """Normalisation by given statistics whose gradient knows that they came from all processes' values.

    With x̂ = (x − mean) / σ and means over the values of all processes, as for one batch:
    dx = weight / σ · (dy − mean(dy) − x̂ · mean(dy · x̂)).
    """

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, mean: Tensor, variance: Tensor, eps: float
    ) -> Tensor:
        """Normalise."""
        ctx.save_for_backward(x, weight, mean, variance)
        ctx.eps = eps
        return F.batch_norm(x, mean, variance, weight, bias, training=False, eps=eps)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        """Gradients of x, weight and bias."""
        x, weight, mean, variance = ctx.saved_tensors
        # As if the statistics were constants: weight / σ · dy, sum of dy · x̂, sum of dy.
        dx, dweight, dbias = torch.ops.aten.native_batch_norm_backward(
            gradients[0], x, weight, mean, variance, None, None, False, ctx.eps, [True, True, True]
        )
        sums = _sum_over_processes(torch.stack([dweight, dbias]).float())
        by_x, alone = sums / (x.numel() // x.shape[1] * dist.get_world_size())
        # What the statistics add is a straight line in x, which is a normalisation once more.
        inverse = (variance + ctx.eps).rsqrt()
        line = F.batch_norm(
            x,
            mean,
            variance,
            weight * inverse * by_x,
            weight * inverse * alone,
            training=False,
            eps=ctx.eps,
        )
        return dx.sub_(line), dweight, dbias, None, None, None
