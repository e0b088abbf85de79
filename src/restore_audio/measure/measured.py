"""What a method made of a trial, with all that several metrics need computed once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from ..arrays import Samples
from ..signal.band import published_distance
from ..spans import Span, merge_spans
from .graders import mean_opinion
from .metrics import Detection, log_spectral_distance_db, score_detection, sdr_db
from .trials import Outcome, Trial

if TYPE_CHECKING:
    from .peaq.peaq import PeaqResult

Values = list[float | None]
"""One for each gap, span, trial or patch; None where there is nothing to measure."""

LIMIT_DB = 100.0
BROKEN_DB = 5.0
WORSE_DB = 1.0

AROUND_S = 3.0
"""PEAQ needs half a second to settle; in a whole excerpt a gap hardly counts."""


@dataclass(frozen=True)
class Measured:
    """A trial and what a method made of it; what several metrics need is computed once."""

    trial: Trial
    outcome: Outcome

    @property
    def samples(self) -> Samples:
        """What the method made, ``(C, T)``."""
        assert self.outcome.samples is not None
        return self.outcome.samples

    @property
    def audio_s(self) -> float:
        """Length of the recording."""
        samples: int = self.trial.clean.shape[1]
        return samples / self.trial.rate_hz

    @cached_property
    def grade(self) -> PeaqResult:
        """PEAQ against the clean recording."""
        from .peaq.peaq import peaq

        return peaq(self.trial.clean, np.nan_to_num(self.samples), self.trial.rate_hz)

    @property
    def gap_two_f(self) -> Values:
        """2f-model of :data:`AROUND_S` around each span; stretches that overlap are one."""
        from .peaq.peaq import peaq

        trial, reach = self.trial, round(0.5 * AROUND_S * self.trial.rate_hz)
        total = trial.clean.shape[1]
        around = [
            Span(max((s.start + s.end) // 2 - reach, 0), (s.start + s.end) // 2 + reach, 0)
            for s in self.spans
        ]
        pieces = [slice(s.start, min(s.end, total)) for s in merge_spans(around)]
        tested = np.nan_to_num(self.samples)
        return [peaq(trial.clean[:, p], tested[:, p], trial.rate_hz).two_f for p in pieces]

    def opinion(self, grader: str) -> Values:
        """Mean opinion of the whole by another program."""
        return [mean_opinion(grader, self.trial.clean, self.samples, self.trial.rate_hz)]

    @cached_property
    def detection(self) -> Detection | None:
        """How the found spans fit; None if positions were given, or if the method reports none."""
        return self._detection_of(self.trial.spans)

    @cached_property
    def spans(self) -> list[Span]:
        """Spans in which there is something to repair: at a splice there is not."""
        trial = self.trial
        return [s for s in trial.spans if not trial.before or _differ(trial.clean, trial.damaged, s)]

    @cached_property
    def gap_sdr_db(self) -> Values:
        """SDR in each span."""
        return [bounded(sdr_db(self.trial.clean, self.samples, [span])) for span in self.spans]

    @cached_property
    def before_sdr_db(self) -> Values:
        """SDR of the damaged recording in each span, where the protocol asks for it."""
        spans = self.spans if self.trial.before else []
        return [bounded(sdr_db(self.trial.clean, self.trial.damaged, [span])) for span in spans]

    @cached_property
    def broken(self) -> list[Span]:
        """Spans whose SDR is below :data:`BROKEN_DB`, where the protocol asks for it."""
        before = zip(self.spans, self.before_sdr_db, strict=False)
        return [span for span, db in before if db is not None and db < BROKEN_DB]

    @property
    def broken_detection(self) -> Detection | None:
        """As :attr:`detection`, of them alone."""
        return self._detection_of(self.broken)

    def _detection_of(self, spans: Sequence[Span]) -> Detection | None:
        if self.outcome.found is None:
            return None
        return score_detection(spans, self.outcome.found, self.trial.rate_hz)

    @property
    def worse(self) -> Values:
        """Of each span whether its SDR fell by more than 1 dB."""
        pairs = zip(self.before_sdr_db, self.gap_sdr_db, strict=False)
        return [float(b - a > WORSE_DB) for b, a in pairs if a is not None and b is not None]

    def lsd_db(self, samples: Samples) -> Values:
        """Log-spectral distance of some samples ``(C, T)`` in each span."""
        trial = self.trial
        return [log_spectral_distance_db(trial.clean, samples, trial.rate_hz, [span]) for span in self.spans]

    @property
    def published_lsd(self) -> Values:
        """Log-spectral distance of the whole as papers on super-resolution have it, where a band is lost."""
        if self.trial.band_share == 1:
            return []
        return [float(published_distance(self.trial.clean[0], self.samples[0]))]

    @property
    def gaps(self) -> int:
        """Spans that have an SDR."""
        return sum(value is not None for value in self.gap_sdr_db)


def _differ(one: Samples, other: Samples, span: Span) -> bool:
    place = (span.channel, slice(span.start, span.end))
    return not np.array_equal(one[place], other[place])


def bounded(value_db: float | None) -> float | None:
    """A level within ±100 dB."""
    return None if value_db is None else max(-LIMIT_DB, min(LIMIT_DB, value_db))
