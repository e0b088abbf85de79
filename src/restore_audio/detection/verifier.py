"""Weigh the evidence about a candidate: a small network that was trained on clean and damaged recordings.

In: evidence ``(N, features)``. Out: scores ``(N,)``; above 0 is damage at the default sensitivity.

Its weights (``verifier.json``) come from ``examples/train_verifier.py`` and the training packages: the
negatives are what the screens fire at in clean music and speech, the positives simulated damage. The
bias is set so that clean recordings stay clean: it is not the even chance of the two.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

import numpy as np

from ..arrays import Samples
from ..errors import ModelError
from ..spans import Span
from .candidate import Candidate
from .explanation import explain, features_of
from .measures import confidence

_LEAST_CONFIDENCE = 0.01
"""Below it a candidate is dropped at once: no other channel can raise it to a span."""

_LEAST_SCORE = math.log(_LEAST_CONFIDENCE / (1 - _LEAST_CONFIDENCE))


@dataclass(frozen=True)
class Verifier:
    """A network of one hidden layer.

    Attributes:
        mean, scale: of each feature, ``(features,)``.
        inner, inner_bias: ``(features, hidden)`` and ``(hidden,)``.
        outer: ``(hidden,)``.
        bias: added to the score.
    """

    mean: Samples
    scale: Samples
    inner: Samples
    inner_bias: Samples
    outer: Samples
    bias: float

    def scores(self, candidates: list[Candidate]) -> Samples:
        """A score for each candidate; where it is too low already, without the doubt."""
        if not candidates:
            return np.zeros(0)
        evidence = np.stack([candidate.features for candidate in candidates])
        normal = np.clip((evidence - self.mean) / self.scale, -4.0, 4.0)
        scores = np.tanh(normal @ self.inner + self.inner_bias) @ self.outer + self.bias
        for number in np.flatnonzero(scores > _LEAST_SCORE).tolist():
            scores[number] -= candidates[number].doubt()
        return np.asarray(scores)


@lru_cache(maxsize=8)
def load_verifier(kind: str) -> Verifier:
    """The verifier of a kind of damage: ``gap`` or ``click``.

    Raises:
        ModelError: its weights were trained on other measures than are made.
    """
    text = files(__package__).joinpath("verifier.json").read_text(encoding="utf-8")
    row = json.loads(text)[kind]
    arrays = {name: np.array(row[name]) for name in ("mean", "scale", "inner", "inner_bias", "outer")}
    features = len(features_of(kind))
    if any(len(arrays[name]) != features for name in ("mean", "scale", "inner")):
        raise ModelError(
            f"The verifier's weights of the kind '{kind}' take {len(arrays['inner'])} measures, not the "
            f"{features} that are made of a candidate: train them anew with examples/train_verifier.py."
        )
    return Verifier(**arrays, bias=float(row["bias"]))


def weigh(kind: str, candidates: list[Candidate], channel: int) -> list[Span]:
    """Spans of the candidates whose confidence is above 0.01, with that and their evidence."""
    spans = []
    for candidate, score in zip(candidates, load_verifier(kind).scores(candidates).tolist(), strict=True):
        certainty = confidence(score)
        if certainty > _LEAST_CONFIDENCE:
            words = explain(kind, candidate)
            spans.append(Span(candidate.start, candidate.end, channel, kind, certainty, evidence=words))
    return spans
