"""What a candidate's evidence says, in words for a person.

In: a kind and the evidence that :mod:`.verifier` has weighed. Out: a sentence without its full stop.
"""

from __future__ import annotations

from collections.abc import Mapping

from . import clicks, gap_evidence
from .candidate import Candidate


def explain(kind: str, candidate: Candidate) -> str:
    """The measures that change the score most, with their numbers.

    Args:
        kind: ``gap`` or ``click``.
        candidate: with the evidence of that kind.
    """
    evidence = dict(zip(features_of(kind), candidate.features.tolist(), strict=True))
    return _gap(evidence) if kind == "gap" else _click(evidence)


def features_of(kind: str) -> tuple[str, ...]:
    """Names of what is measured of candidates of a kind, in the order in which the verifier takes them."""
    return _NAMES[kind]


_NAMES = {"gap": gap_evidence.FEATURES, "click": clicks.FEATURES}


def _gap(evidence: Mapping[str, float]) -> str:
    return (
        f"the sound stops dead and rests {evidence['depth']:.0f} dB below both sides; its edges stand "
        f"{evidence['lower edge over the inside']:.0f} and {evidence['higher edge over the inside']:.0f} dB "
        f"above the inside, and {evidence['share of the sound that is quieter before']:.0%} of the sound "
        "around is quieter than the last of it"
    )


def _click(evidence: Mapping[str, float]) -> str:
    return (
        f"prediction errs {evidence['above background']:.0f} dB above its background and "
        f"{evidence['above neighbours within 30 ms']:.0f} dB above anything within 30 ms, "
        f"and a trial repair takes {evidence['repair']:.0f} dB off the error"
    )
