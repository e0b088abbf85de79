"""Promises of the sliding windows: they say what scipy.ndimage says."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import maximum_filter1d, uniform_filter1d

from restore_audio.signal.running import running_max, running_mean


@pytest.mark.parametrize("size", [1, 2, 3, 4, 9, 57, 196])
def test_they_are_scipys(size: int) -> None:
    values = np.random.default_rng(size).standard_normal(max(size, 50))
    np.testing.assert_array_equal(running_max(values, size), maximum_filter1d(values, size))
    ahead = maximum_filter1d(values, size, origin=-(size // 2))
    np.testing.assert_array_equal(running_max(values, size, first=0), ahead)
    np.testing.assert_allclose(running_mean(values, size), uniform_filter1d(values, size), atol=1e-13)
    table = np.random.default_rng(size).standard_normal((3, max(size, 50)))
    mirrored = uniform_filter1d(table, size, axis=1, mode="mirror")
    np.testing.assert_allclose(running_mean(table, size, axis=1, last_twice=False), mirrored, atol=1e-13)
