"""Everything that can be measured, under one roof: ours, the baselines, and rivals.

In: names. Out: :class:`Method` descriptions, which go to other processes as they are, and
:func:`run_method`, which lets one of them restore a trial.

Ours are ``auto``, ``ar`` and ``network``, or a ``.safetensors`` file of one's own. Baselines are told where
the damage is; rivals find it themselves, even where others are told.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from ..errors import UsageError
from ..fill.methods import METHODS, PARTS, method_named
from ..settings import FillSettings
from ..spans import Span
from .baselines import BASELINES
from .protocols import CONTEXT_ENCODER, PAPER, PROTOCOLS, SUPER_RESOLUTION
from .resources import Meter
from .rivals import FoundRival, run_rival
from .trials import Outcome, Trial

OURS = tuple(name for name, method in METHODS.items() if not method.resynthesises)
"""Methods of ``fix`` that work in the time domain."""

BY_DEFAULT = ("ar", "auto")
"""Those that are measured when no methods are named."""

_TASKS: dict[str, dict[str, Kind]] = {
    PAPER: {"paper": "paper"},
    SUPER_RESOLUTION: {"super-resolution": "super-resolution"},
    CONTEXT_ENCODER: {"restore": "ours", "context-encoder": "context-encoder"},
}
"""By protocol, the tasks whose weights it measures, and as which kind of method; else those of ``fix``."""

BY_PARTS = ("ar", "ar+channels", "ar+passages", "ar+channels+passages", "ar+network", "auto")
"""The same where it is measured what each part is worth alone and with others."""

TOLD_MAX_GAP_MS = 60_000.0

Kind = Literal["ours", "baseline", "rival", "paper", "super-resolution", "context-encoder"]


@dataclass(frozen=True)
class Method:
    """Something that restores.

    Attributes:
        name: as in ``--methods``.
        title: for tables, with version and options where they matter.
        kind: who restores.
        model: weights of one's own.
        digest: of those weights, so that kept results know them.
        rival: the program, for rivals.
        time_limit_s: for rivals.
    """

    name: str
    title: str
    kind: Kind
    model: str | None = None
    digest: str = ""
    rival: FoundRival | None = None
    time_limit_s: float = 0.0


def choose_methods(
    names: Sequence[str], protocol: str, rivals: Sequence[FoundRival], *, rival_time_limit_s: float
) -> list[Method]:
    """Methods by name.

    Args:
        rivals: those that are here and wanted; they follow the named ones, or are named.

    Raises:
        UsageError: nothing is called so, or it cannot do this protocol; the message says what can.
        ModelError: a weights file is missing or damaged.
    """
    by_name = {r.rival.name: r for r in rivals}
    asked = list(names) or [*_default(protocol), *(by_name if PROTOCOLS[protocol].rivals else ())]
    return list(
        {m.name: m for m in (_method(n, protocol, by_name, rival_time_limit_s) for n in asked)}.values()
    )


def _method(name: str, protocol: str, rivals: dict[str, FoundRival], limit_s: float) -> Method:
    possible = _possible(protocol)
    if name in rivals and protocol != PAPER:
        return Method(name, rivals[name].title, "rival", rival=rivals[name], time_limit_s=limit_s)
    if name.endswith(".safetensors"):
        return _own_weights(Path(name), protocol)
    if name not in possible and (protocol == PAPER or not _is_ours(name)):
        sums = () if protocol == PAPER else (f"ar+{'+'.join(PARTS)} (or some of these)",)
        choice = ", ".join((*possible, *sums, *(() if protocol == PAPER else rivals)))
        raise UsageError(
            f"The protocol '{protocol}' has no method '{name}' here: choose from {choice}, "
            f"or give a .safetensors file."
        )
    if protocol == PAPER:
        return _paper_method(name)
    kind: Kind = "ours" if _is_ours(name) else "baseline"
    if kind == "baseline":
        return Method(name, BASELINES[name].title, kind)
    digest = "" if method_named(name).blend is None else _shipped_digest("restore")
    return Method(name, _our_title(name), kind, digest=digest)


def _is_ours(name: str) -> bool:
    """Whether it is a method of ``fix``, or AR with some of the other parts."""
    try:
        return not method_named(name).resynthesises
    except ValueError:
        return False


def _our_title(name: str) -> str:
    if "+" in name:
        return f"restore-audio, {name.replace('+', ' + ')}"
    return "restore-audio" if name == "auto" else f"restore-audio --method {name}"


def _default(protocol: str) -> tuple[str, ...]:
    baselines = tuple(baseline.name for baseline in BASELINES.values() if protocol in baseline.protocols)
    by_parts = dict.fromkeys(("gaps", "one-channel", "onsets"), BY_PARTS)
    others = {PAPER: ("paper",), "real": ("auto",), SUPER_RESOLUTION: ("nothing", "auto")}
    ours = {**others, **by_parts}.get(protocol, BY_DEFAULT)
    return (*baselines, *ours)


def _possible(protocol: str) -> tuple[str, ...]:
    if protocol == PAPER:
        return _default("paper")
    return (*BASELINES, *OURS) if PROTOCOLS[protocol].told else ("nothing", *OURS)


def _paper_method(name: str) -> Method:
    if name != "paper":
        return Method(name, BASELINES[name].title, "paper")
    return Method(name, "network, weights 'paper'", "paper", model="paper", digest=_shipped_digest("paper"))


def _own_weights(path: Path, protocol: str) -> Method:
    from ..network.checkpoint import model_path, read_card

    card = read_card(model_path(str(path)))
    measured = _TASKS.get(protocol, {"restore": "ours"})
    if card.task not in measured:
        tasks = " or ".join(f"'{task}'" for task in measured)
        raise UsageError(
            f"The weights {path} are for the task '{card.task}', and the protocol '{protocol}' measures "
            f"those for {tasks}: choose another --protocol or other weights."
        )
    title = f"{card.network.name}, weights {path.stem}" if protocol in _TASKS else f"weights {path.stem}"
    return Method(str(path), title, measured[card.task], model=str(path), digest=_digest(path))


def _shipped_digest(task: str) -> str:
    from ..network.checkpoint import model_path

    return _digest(model_path(task))


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


def run_method(method: Method, trial: Trial) -> Outcome:
    """Let a method restore a trial.

    Raises:
        RestoreError: ours could not.
    """
    if method.kind == "rival":
        assert method.rival is not None
        return run_rival(method.rival, trial.damaged, trial.rate_hz, time_limit_s=method.time_limit_s)
    if method.kind == "baseline":
        spans = trial.spans if trial.told else ()  # only "nothing" is measured without being told
        fill = BASELINES[method.name]
        with Meter() as meter:
            samples = fill(trial.damaged, spans, trial.rate_hz) if trial.told else trial.damaged.copy()
        found = None if trial.told else ()
        return Outcome(samples, found, meter.seconds, meter.peak_mb)
    if method.kind in (SUPER_RESOLUTION, CONTEXT_ENCODER):
        return _run_related(method, trial)
    return _run_ours(method, trial)


def _run_related(method: Method, trial: Trial) -> Outcome:
    """A system that works on these trials alone, by weights of one's own."""
    from ..network.gap_encoder import GapEncoder
    from ..network.super_resolver import SuperResolver

    assert method.model is not None
    path = Path(method.model)
    if method.kind == CONTEXT_ENCODER:
        encoder = GapEncoder.open(path)
        with Meter() as meter:
            samples = encoder.fill(trial.damaged[0])
    else:
        resolver = SuperResolver.open(path)
        with Meter() as meter:
            samples = resolver.restore(trial.damaged[0], trial.band_share)
    return Outcome(samples[None], None, meter.seconds, meter.peak_mb)


def _run_ours(method: Method, trial: Trial) -> Outcome:
    from ..api import restore

    named = method.name if _is_ours(method.name) else "auto"
    fill = FillSettings(method=named)
    if trial.told:
        fill = replace(fill, max_gap_ms=TOLD_MAX_GAP_MS)
    _warm_up(method, fill)
    with Meter() as meter:
        result = restore(
            trial.damaged,
            trial.rate_hz,
            fill=fill,
            spans=trial.spans if trial.told else None,
            device="cpu",
            model=method.model,
        )
    found = None if trial.told else tuple(result.spans)
    return Outcome(result.samples, found, meter.seconds, meter.peak_mb)


_WARM: set[tuple[str, str | None]] = set()


def _warm_up(method: Method, fill: FillSettings) -> None:
    """Weights are opened once in a process; the first trial should not pay for it."""
    if (method.name, method.model) in _WARM:
        return
    from ..api import restore

    noise = np.random.default_rng(0).standard_normal((1, 16_000)) / 10
    restore(noise, 16_000, fill=fill, spans=[Span(8000, 8800, 0)], device="cpu", model=method.model)
    _WARM.add((method.name, method.model))
