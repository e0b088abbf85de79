"""The networks are given the evidence that they were trained on, and it is about what it says it is about."""

from __future__ import annotations

import json

import numpy as np
import pytest
from tests.evidence import CLICKS_S, GAPS_S, KEPT, RATES_HZ, evidence, passage

from restore_audio.detection.clicks import find_clicks
from restore_audio.detection.gaps import find_gaps
from restore_audio.detection.screen import prediction_error

WAY_OUT = "not the evidence that the shipped networks were trained on: train them anew, see tests/evidence.py"


@pytest.mark.parametrize("rate_hz", RATES_HZ)
def test_the_evidence_is_that_on_which_the_shipped_networks_were_trained(rate_hz: int) -> None:
    kept, made = json.loads(KEPT.read_text(encoding="utf-8"))[str(rate_hz)], evidence(rate_hz)
    assert kept.keys() == made.keys()
    for kind, rows in kept.items():
        assert len(rows) == len(made[kind]) > 1, f"{kind}: {WAY_OUT}"
        np.testing.assert_allclose(made[kind], rows, rtol=1e-3, atol=4e-3, err_msg=f"{kind}: {WAY_OUT}")


@pytest.mark.parametrize("rate_hz", RATES_HZ)
def test_what_was_struck_is_among_the_candidates(rate_hz: int) -> None:
    audio = passage(rate_hz)
    for number, channel in enumerate(audio):
        clicks = find_clicks(channel, prediction_error(channel, rate_hz), rate_hz)
        for start_s in CLICKS_S[number::2]:
            struck = round(start_s * rate_hz)
            assert any(c.start <= struck + 2 and struck < c.end for c in clicks), (number, start_s)
        gaps = find_gaps(channel, rate_hz, round(0.4 * rate_hz))
        for start_s, length_s in GAPS_S:
            start, end = start_s * rate_hz, (start_s + length_s) * rate_hz
            off = [max(abs(g.start - start), abs(g.end - end)) for g in gaps]
            assert min(off) <= 0.001 * rate_hz, (number, start_s, off)


def test_the_evidence_does_not_depend_on_where_the_window_begins() -> None:
    rate_hz = RATES_HZ[0]
    channel = passage(rate_hz)[0]
    cut = 11 * 441  # a whole number of cells
    whole, later = (find_gaps(part, rate_hz, rate_hz) for part in (channel, channel[cut:]))
    assert len(later) > 1
    places = [(gap.start + cut, gap.end + cut) for gap in later]
    assert places == [(gap.start, gap.end) for gap in whole][-len(later) :]
