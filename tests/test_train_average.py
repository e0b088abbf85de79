"""The moving average of a training's weights."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from restore_audio.train.state import State


@pytest.mark.parametrize(
    ("step", "decay", "kept"),
    [
        (0, 0.999, 0.1),
        (8, 0.999, 0.5),
        (80, 0.999, 0.9),
        (8990, 0.999, 0.999),
        (10**6, 0.999, 0.999),
        (8, 0.3, 0.3),
    ],
)
def test_the_average_follows_fast_at_first_and_slowly_later(step: int, decay: float, kept: float) -> None:
    """Of step n's weights (1 + n) / (10 + n) of the average stay, until that is the decay."""
    network, average = nn.BatchNorm1d(2), nn.BatchNorm1d(2)
    nn.init.constant_(network.weight, 3.0)
    nn.init.constant_(average.weight, 1.0)
    assert network.num_batches_tracked is not None
    network.num_batches_tracked.fill_(7)
    state = State(network, average, torch.optim.Adam(network.parameters()), {}, step=step)
    state.update_average(decay)
    torch.testing.assert_close(average.weight, torch.full((2,), kept + 3.0 * (1 - kept)))
    assert average.num_batches_tracked == 7
