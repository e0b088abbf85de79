"""How far a long task is, and how long it will still take.

In: how much is done, now and then. Out: a line at the bottom of a terminal with what is worked on, a bar, and
the time left, which is rounded and damped so that it counts down instead of wandering.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

FIRST_S = 2.0
"""Nothing is said about the time left before so much has passed: the start is no measure of the rest."""

DAMPING = 0.25
"""An estimate follows a new one within this share of the time left."""

LONGER = 1.25
"""The time shown grows only when the estimate is this much longer; it may shrink at any time."""


EVERY_S = 120.0
"""Where there is no terminal, a line is written so often."""


class TimeLeft:
    """Estimates the time left from everything done since it was first told how far the task is.

    Args:
        clock: seconds, from any zero.

    >>> now = iter([0.0, 10.0, 10.0])
    >>> left = TimeLeft(lambda: next(now))
    >>> left.tell(0.0)
    >>> left.tell(0.25)
    >>> left.text()
    'about 30 s left'
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._first: tuple[float, float] | None = None
        self._told = 0.0
        self._ends: float | None = None
        self._shown = math.inf

    def tell(self, share: float) -> None:
        """Say that ``share`` (0 to 1) of the task is done."""
        now = self._clock()
        if self._first is None:
            self._first = now, share
        elapsed, done = now - self._first[0], share - self._first[1]
        if done <= 0 or elapsed < FIRST_S:
            return
        left = elapsed * (1 - min(share, 1.0)) / done
        if self._ends is None:
            self._ends = now + left
        else:
            follows_s = max(DAMPING * left, 1.0)
            self._ends += (1 - math.exp(-(now - self._told) / follows_s)) * (now + left - self._ends)
        self._told = now

    def seconds(self) -> float | None:
        """Rounded time left in seconds; None while nothing can be said."""
        if self._ends is None:
            return None
        left = max(self._ends - self._clock(), 0.0)
        rounded = _rounded(left)
        if rounded < self._shown or left > LONGER * self._shown:
            self._shown = rounded
        return self._shown

    def text(self) -> str:
        """The time left in words; empty while nothing can be said."""
        left = self.seconds()
        if left is None:
            return ""
        if left < 10:
            return "a few seconds left"
        if left < 60:
            return f"about {left:.0f} s left"
        if left < 3600:
            return f"about {left / 60:.0f} min left"
        return f"about {left // 3600:.0f} h {left % 3600 / 60:.0f} min left"


def _rounded(seconds: float) -> float:
    """Up to the next 5 s, 10 s, minute or ten minutes.

    >>> [_rounded(s) for s in (3, 11, 51, 200, 4000)]
    [5, 15, 60, 240, 4200]
    """
    for below, step in ((30, 5), (60, 10), (3600, 60)):
        if seconds < below:
            return math.ceil(seconds / step) * step
    return math.ceil(seconds / 600) * 600


class Bar:
    """A task that tells how far it is: on ``bars``, or by a line every few minutes where there are none.

    Args:
        bars: of the terminal.
        total: what is done at the end, in whatever unit.
    """

    def __init__(
        self,
        bars: Progress | None,
        task: TaskID | None,
        total: float,
        what: str = "",
        say: Callable[[str], None] = lambda text: None,
    ) -> None:
        self._bars, self._task, self._total, self._what, self._say = bars, task, total, what, say
        self._note = ""
        self._said_s = time.monotonic()
        self.left = TimeLeft()

    def __call__(self, done: float) -> None:
        """Say how much is done."""
        share = done / self._total if self._total else 1.0
        self.left.tell(share)
        self._update(completed=done)
        if self._bars is None and time.monotonic() > self._said_s + EVERY_S:
            self._said_s = time.monotonic()
            self._say(f"{self._what}: {100 * share:.0f} %{self._note}, {self.left.text()}".rstrip(", "))

    def name(self, what: str, note: str = "") -> None:
        """Say what is worked on, and a few words behind the bar."""
        self._what, self._note = what, note
        self._update(description=_shortened(what), note=note)

    def restart(self, what: str) -> None:
        """Begin another part of the task, which takes its own time."""
        self.left = TimeLeft()
        self._what = what
        self._update(description=_shortened(what), completed=0)

    def _update(self, completed: float | None = None, description: str | None = None, **fields: Any) -> None:
        if self._bars is None or self._task is None:
            return
        left = ", ".join(["", self.left.text()]).rstrip(", ")
        self._bars.update(self._task, completed=completed, description=description, left=left, **fields)


def _shortened(text: str, longest: int = 36) -> str:
    return text if len(text) <= longest else f"{text[: longest - 13]}…{text[-12:]}"
