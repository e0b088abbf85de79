"""The ways to fill, in one list: to add one, write its module and a line here.

A fill is a function ``Gap → Prediction | None`` called ``fill`` in a module of this room (or anywhere:
``package.module:function``); a method tries its fills and takes the one that expects the smallest error.
Nothing heavy is imported here, so that the command line can make its choices from the list.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from .gaps import Gap, Prediction

    Fill = Callable[[Gap], Prediction | None]
    Repair = Callable[[Gap, Prediction], Prediction | None]


@dataclass(frozen=True)
class Blend:
    """How much of the network goes into a gap.

    Fitted by log-spectral distance and the 2f-model, SDR watched (``examples/fit_blend.py``). Without other
    channels and passages, 56 gaps of 30 to 350 ms in training music: AR alone has a distance of 10.0 dB. With
    no limit to what is added the network makes it 5.4 dB for 0.8 dB of SDR, with 0.5 also 5.4 for 0.3, with
    0.25 also 5.4 for 0.2, with 0.12 5.5 for 0.1. Of the points of 2f that it adds without a limit (16 in 9
    gaps), 0.5 keeps 93 %, 0.25 86 %, 0.1 71 %.

    Attributes:
        shortest_ms: shorter gaps are left as they were filled.
        share: magnitude = max(AR, share · network).
        added: most energy that the network adds, in that of the error which the fill expects of itself.
        iterations: of Griffin-Lim.
        fade_ms: fade from the AR fill at each edge.
        ar: whether AR's magnitudes take part; without it the network's stand alone.
    """

    shortest_ms: float = 25.0
    share: float = 1.0
    added: float = 0.25
    iterations: int = 4
    fade_ms: float = 5.0
    ar: bool = True


@dataclass(frozen=True)
class Method:
    """A way to fill gaps.

    Attributes:
        title: what it does, for people.
        fills: names of fills, tried for each gap; the first always answers.
        blend: how the network completes what the first fill made; None leaves it alone.
        repairs: whether what is left of the signal in a gap is used where its kind has a repair, and kept
            where no fill is expected to be better.
        resynthesises: it does not fill gaps but makes the whole recording anew, at 16 kHz mono.
    """

    title: str
    fills: tuple[str, ...] = ("adaptive",)
    blend: Blend | None = None
    repairs: bool = False
    resynthesises: bool = False


METHODS: dict[str, Method] = {
    "auto": Method("the best of all, by gap", ("adaptive", "channels", "passages"), Blend(), repairs=True),
    "ar": Method("extrapolation only"),
    "network": Method(
        "the network's spectrum in AR's phase",
        blend=Blend(shortest_ms=0.0, ar=False),
    ),
    "paper": Method("all resynthesised at 16 kHz mono", (), resynthesises=True),
}
"""By the names that ``--method`` takes."""

PARTS = ("channels", "passages", "network")
"""What can be added to ``ar`` by ``+``, to see what each is worth: ``ar+passages``."""

REPAIRS: dict[str, str] = {
    "dropout": "remains",
    "treble": "remains",
    "click": "tails",
    "interpolated": "averaged",
    "zeros": "overlap",
}
"""By kind of damage, the module whose ``repair(gap, prediction)`` makes of the best fill and the damaged
samples a better fill, or None. Kinds that are not here leave nothing of the signal that is worth keeping."""


def method_named(name: str) -> Method:
    """The method of a name, or of ``ar`` and some of :data:`PARTS`, joined by ``+``.

    Raises:
        ValueError: there is none.

    >>> method_named("ar+passages").fills
    ('adaptive', 'passages')
    """
    base, *parts = name.split("+")
    if name in METHODS:
        return METHODS[name]
    if base != "ar" or not set(parts) <= set(PARTS):
        choice = f"{', '.join(METHODS)}, or ar+{'+'.join(PARTS)} or some of these"
        raise ValueError(f"no method is called {name!r}; choose from {choice}")
    fills = METHODS["ar"].fills + tuple(part for part in PARTS if part in parts and part != "network")
    return Method(name, fills, METHODS["auto"].blend if "network" in parts else None)


def filling_method(name: str) -> Method:
    """The method of a name, which a single span can be filled by.

    Raises:
        ValueError: there is none.
    """
    method = method_named(name)
    if not method.fills:
        raise ValueError(f"the method {name!r} fills no single spans")
    return method


def load_repair(kind: str) -> Repair | None:
    """The repair for a kind of damage, if it has one."""
    if kind not in REPAIRS:
        return None
    return cast("Repair", importlib.import_module(f"{__package__}.{REPAIRS[kind]}").repair)


def load_fill(name: str) -> Fill:
    """The function that a name of :attr:`Method.fills` means."""
    module, _, function = name.partition(":")
    place = importlib.import_module(module if function else f"{__package__}.{name}")
    return cast("Fill", getattr(place, function or "fill"))
