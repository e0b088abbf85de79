"""``restore-audio review``: hear repairs in a browser, decide, save."""

from __future__ import annotations

import importlib.util
import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from .. import interrupts
from ..errors import UsageError
from ..show.console import Console
from . import options
from .jobs import refuse_lost_inputs


def review(
    recording: Annotated[Path | None, typer.Argument(metavar="RECORDING")] = None,
    output: Annotated[Path | None, options.FILES("--output", "-o", metavar="FILE")] = None,
    spans: Annotated[Path | None, options.DAMAGE(metavar="FILE")] = None,
    overwrite: options.Overwrite = False,
    open_browser: Annotated[bool, options.RUN("--open/--no-open")] = True,
    port: Annotated[int, options.RUN(metavar="N", min=0, max=65_535)] = 0,
) -> int:
    """Hear each repair in a browser, accept or refuse it, mark what was missed, and save.

    The page is served on this computer only, under an address that cannot be guessed; Ctrl-C ends it. What
    Save writes is what fix --spans makes of the spans file beside it.

    Args:
        recording: Without it the page waits for one to be dropped on it.
        output: What Save writes; otherwise beside RECORDING. The spans lie beside it.
        spans: Begin with these spans (JSON or Audacity labels) instead of looking for damage.
        open_browser: Open the page in the browser.
        port: Of the loopback address; 0 takes a free one.

    Examples:
        restore-audio review damaged.wav
        restore-audio review damaged.wav -o clean.wav --spans labels.txt
        restore-audio review
    """
    if any(importlib.util.find_spec(name) is None for name in ("starlette", "uvicorn")):
        raise UsageError("review needs the packages starlette and uvicorn: pip install starlette uvicorn.")
    if recording is None and (output is not None or spans is not None):
        raise UsageError("-o and --spans are for a recording that is named: name it.")
    from ..leftovers import scratch
    from ..review.server import Server, serve
    from ..review.session import Session

    console = Console()
    with scratch() as folder:
        session = None
        if recording is not None:
            session = Session(recording, output, folder, spans=spans, overwrite=overwrite)
            read = [recording] if spans is None else [recording, spans]
            refuse_lost_inputs([session.target, session.spans_file], read)

        def ready(address: str) -> None:
            console.result(address)
            console.say("Ctrl-C ends the review.")
            if open_browser:
                webbrowser.open(address)

        try:
            serve(Server(folder, session, console.error), port=port, ready=ready)
        except KeyboardInterrupt:
            interrupts.forget()
            console.say("The review has ended.")
    return 0
