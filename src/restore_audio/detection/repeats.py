"""Blocks that were played again: a buffer that was not refilled in time, or that held older content.

In: one channel of a window, with two seconds before it. Out: spans of kind ``repeat``, exact to the sample,
and of kind ``concealed`` for the repeated pitch periods of G.711 Appendix I (:mod:`.pitch_copies`).

A block that equals an earlier one to the last bit is wrong if the sound breaks where it begins and where it
ends, while the same samples lay in unbroken sound before. Music made by machines repeats to the bit as well,
but at its notes both places break alike, or neither does, and it has many such stretches. A tone whose
period is a whole number of samples repeats without a break.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..arrays import Samples
from ..spans import Span
from .matches import Match, find_matches
from .measures import SILENT_DB, confidence, db, rms, samples_of
from .pitch_copies import concealed_by_g711
from .prediction import prediction_break

LONGEST_LAG_S = 2.0
"""Older content than this is not looked for."""

_LONGEST_MS, _LONGEST_SAMPLES = 100.0, 4096
"""Of one playing of a block, whichever is longer: the largest buffers in use. Longer stretches are loops."""

_MOST_PLAYS = 50
"""A block that is played more often is a sound that repeats; bursts of lost packets go up to 50 (the music
packet loss concealment challenge)."""

_AGAIN = 0.98
"""Of its lag, a block that is played again at once has at least this length: a few samples at an end may
differ by what resets the buffer."""

_STRONGER_BREAK_DB, _WEAKER_BREAK_DB = 12.0, 6.0
"""How much worse than usual prediction errs at the two ends of a wrong block, at least."""

_WHOLE_DB = 14.0
"""And at the ends of the earlier one at most."""

_SLOPE_DB = 4.0
"""What changes the score by 1."""

_AROUND_S = 3.0
"""Equal stretches that are in order count against those within this time."""

_EDGE_MS = 1.0
"""Of a block at either end: staccato notes and the silence around them repeat too, and end in silence."""
_HELD = 0.3
"""Share of equal neighbours from which on a stretch is a run or a square wave."""

_LEAST_SCORE = -3.0
"""What is less likely (5 %) is not handed on."""

_MADE_UP_SCORE = 4.0
"""Of a stretch that a receiver's concealment makes again to the sample."""


def find_repeats(samples: Samples, channel: int, rate_hz: int, past: Samples | None = None) -> list[Span]:
    """Blocks that equal an earlier one and do not belong where they are.

    Args:
        samples: ``(T,)``, finite.
        channel: its number, for the spans.
        rate_hz: sample rate.
        past: ``(P,)``, what comes right before them, only to be compared with.
    """
    first = 0
    if past is not None:
        first, samples = past.size, np.concatenate([past, samples])
    found: list[Span] = []
    wrong: list[Match] = []
    right: list[Match] = []
    for match in find_matches(samples, round(LONGEST_LAG_S * rate_hz)):
        span = _judged(samples, match, channel, rate_hz)
        if match.start < first:
            continue
        (wrong if span is not None and span.confidence >= 0.5 else right).append(match)
        if span is not None:
            found.append(span)
    near = round(_AROUND_S * rate_hz)
    return [
        replace(span, start=max(span.start - first, 0), end=span.end - first)
        for span in found
        if not _is_usual(span, wrong, right, near)
    ]


def _judged(samples: Samples, match: Match, channel: int, rate_hz: int) -> Span | None:
    """The match as damage; None if it is none."""
    again = match.length >= _AGAIN * match.lag
    played = match.lag if again else match.length
    if (
        played > max(samples_of(_LONGEST_MS, rate_hz), _LONGEST_SAMPLES + 2)
        or match.length > _MOST_PLAYS * match.lag
    ):
        return None
    if not _sounds(samples[match.start : match.end], samples_of(_EDGE_MS, rate_hz)):
        return None
    made_up = concealed_by_g711(samples, match, rate_hz)
    if made_up is not None:
        words = (
            f"the last {match.lag * 1000 / rate_hz:.1f} ms before, to the last bit and without a break for "
            f"{match.length * 1000 / rate_hz:.0f} ms: what G.711 Appendix I plays for a lost packet"
        )
        return Span(*made_up, channel, "concealed", confidence(_MADE_UP_SCORE), evidence=words)
    breaks = [prediction_break(samples, place, rate_hz) for place in (match.start, match.end)]
    # Where a block ends that is played again at once, its second playing begins.
    ends = (match.start,) if again else (match.start, match.end)
    others = [prediction_break(samples, place - match.lag, rate_hz) for place in ends]
    score = min(
        (max(breaks) - _STRONGER_BREAK_DB) / _SLOPE_DB,
        (min(breaks) - _WEAKER_BREAK_DB) / _SLOPE_DB,
        (_WHOLE_DB + max(min(breaks) - _STRONGER_BREAK_DB, 0.0) - max(others)) / _SLOPE_DB,
    )
    if score < _LEAST_SCORE:
        return None
    evidence = (
        f"the same {match.length} samples as {match.lag * 1000 / rate_hz:.1f} ms before, and only here the "
        f"sound breaks at both ends (errors of prediction {breaks[0]:.0f} and {breaks[1]:.0f} dB above usual)"
    )
    return Span(match.start, match.end, channel, "repeat", confidence(score), evidence=evidence)


def _sounds(block: Samples, edge: int) -> bool:
    """Whether the block is not silent, and neither as a whole nor at an end made of held values."""
    parts = (block, block[:edge], block[-edge:])
    return db(rms(block)) >= SILENT_DB and all(np.mean(part[1:] == part[:-1]) <= _HELD for part in parts)


def _is_usual(span: Span, wrong: list[Match], right: list[Match], near: int) -> bool:
    """Whether a third of the equal stretches around is in order: then the music is made that way."""
    first, last = span.start - near, span.end + near
    in_order, broken = (sum(m.start < last and m.end > first for m in ones) for ones in (right, wrong))
    return 2 * in_order > broken
