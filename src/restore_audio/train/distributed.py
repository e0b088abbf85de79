"""Several processes that train one network, by PyTorch's DistributedDataParallel.

Started by ``torchrun``, each process takes an even share of every batch and the gradients are averaged
(gloo on CPU, NCCL on CUDA). On CUDA, batch normalisation takes its statistics over all shares
(SyncBatchNorm). On CPU, where PyTorch has none, each process takes those of its own share, and the running
statistics are the first process's.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch import distributed as dist
from torch.nn.parallel import DistributedDataParallel

Result = TypeVar("Result")


@dataclass(frozen=True)
class Workers:
    """The processes of a training; one when nothing else is said."""

    rank: int = 0
    count: int = 1

    @classmethod
    @contextmanager
    def joined(cls, device_type: str) -> Iterator[Workers]:
        """The group that ``torchrun`` describes in the environment, for the length of a ``with`` block."""
        if int(os.environ.get("WORLD_SIZE", "1")) == 1:
            yield cls()
            return
        if device_type == "cuda":
            torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
        # What the processes agree on lies in main memory, also where the gradients do not.
        dist.init_process_group("cpu:gloo,cuda:nccl" if device_type == "cuda" else "gloo")
        try:
            workers = cls(dist.get_rank(), dist.get_world_size())
            yield workers
            workers.wait()  # Gloo ends a process in which a thread still speaks with one that has gone
        finally:
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

    def share(self, batch: int) -> range:
        """Which of a batch's examples are this process's.

        Raises:
            ValueError: the batch cannot be shared evenly.
        """
        if batch % self.count:
            raise ValueError(f"a batch of {batch} cannot be shared evenly by {self.count} processes")
        count = batch // self.count
        return range(self.rank * count, (self.rank + 1) * count)

    def wrap(self, network: nn.Module) -> nn.Module:
        """The network with its gradients averaged over the processes."""
        if self.count == 1:
            return network
        if next(network.parameters()).is_cuda:
            # Changes the network itself.
            nn.SyncBatchNorm.convert_sync_batchnorm(network)  # type: ignore[no-untyped-call]
        return DistributedDataParallel(network, gradient_as_bucket_view=True)

    def mean(self, value: Tensor) -> Tensor:
        """Mean over the processes, element by element."""
        return self._sum(value) / self.count

    def agree(self, value: float) -> float:
        """The first process's value, so that all take the same decisions from it."""
        return float(self._sum(torch.tensor(value if self.first else 0.0, dtype=torch.float64)))

    def any(self, value: bool) -> bool:
        """Whether it is true in any process."""
        return bool(self._sum(torch.tensor(int(value))))

    def wait(self) -> None:
        """Until all are here."""
        if self.count > 1:
            dist.barrier()

    def _sum(self, value: Tensor) -> Tensor:
        if self.count > 1:
            value = value.clone()
            dist.all_reduce(value)
        return value
