"""The two pages of the review: one to drop a recording on, one to decide."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

from ..show.document import document

_KEYS = (
    ("Space", "play the chosen place, or pause"),
    ("P", "play on from here"),
    ("A B R", "hear before, after, what is removed"),
    ("X", "change between before and after"),
    ("J K", "next and previous place"),
    ("D", "accept or refuse"),
    ("1 2 3", "the method of this place"),
    ("[ ]", "select from here, to here"),
    ("M", "mark as damage what is selected"),
    ("Delete", "refuse, or remove a mark"),
    ("← → + −", "move and scale the close-up"),
    ("Ctrl ← →", "move the start by 1 ms"),
    ("Shift ← →", "move the end by 1 ms"),
    ("Ctrl Z, Ctrl Shift Z", "undo, redo"),
    ("Ctrl S", "save"),
)
KEYS = ", ".join(f"<kbd>{key}</kbd> {does}" for key, does in _KEYS) + "."


def start_page() -> str:
    """A page for those who never type: drop a recording, or choose one."""
    body = """<header><h1>Review a recording</h1>
<p class="lead">Drop a damaged recording here. It stays on this computer.</p></header>
<main><label class="drop" id="drop"><span id="say">Drop a file here, or press to choose one</span>
<input type="file" id="file" accept="audio/*,.w64,.rf64,.caf,.aiff,.flac,.opus"></label>
<p id="status" role="status"></p></main>"""
    return document("restore-audio review", body, scripts=("start.js",), connects=True)


def review_page(about: Mapping[str, Any], *, dropped: bool) -> str:
    """The page of a recording.

    Args:
        about: of :meth:`.session.Session.about`.
        dropped: the recording came through the start page, so that results are downloaded.
    """
    name = str(about["name"])
    options = "".join(
        f'<option value="{escape(name, quote=True)}">{escape(name)}: {escape(title)}</option>'
        for name, title in about["methods"].items()
    )
    step, steps = about["sensitivity"], about["sensitivities"]
    least, most = steps[0], steps[-1]
    body = f"""<header class="bar"><h1>{escape(name)}</h1>
<div class="actions"><button type="button" id="undo" aria-keyshortcuts="Control+Z">Undo</button>
<button type="button" id="redo" aria-keyshortcuts="Control+Shift+Z">Redo</button>
<button type="button" class="main" id="save" aria-keyshortcuts="Control+S">Save</button></div></header>
<p class="lead" id="headline" role="status">Looking at the recording…</p><p id="saved" role="status"></p>
<main><section aria-label="The whole recording"><div class="whole" id="whole"></div></section>
<section class="zoom" aria-labelledby="zoomed"><div class="bar"><h2 id="zoomed">Close up</h2>
<div class="actions">
<button type="button" id="back" aria-label="Earlier" aria-keyshortcuts="ArrowLeft">←</button>
<button type="button" id="forth" aria-label="Later" aria-keyshortcuts="ArrowRight">→</button>
<button type="button" id="closer" aria-keyshortcuts="+">Closer</button>
<button type="button" id="wider" aria-keyshortcuts="-">Wider</button>
<button type="button" id="mark" aria-keyshortcuts="M">Mark as damage<kbd aria-hidden="true">M</kbd></button>
</div></div><div id="zoom"></div>
<p class="soft">Drag over the sound to select a stretch; drag an edge of a repair to move it. What is heard
here is made from the sound around; <em>Save</em> looks for similar passages in the whole recording; then
what it has saved is heard.</p>
<div id="editor"></div></section>
<section aria-labelledby="repairs"><div class="bar"><h2 id="repairs">Damage</h2>
<label>Sensitivity <input type="range" id="sensitivity" min="{least}" max="{most}" step="0.1" value="{step}"
aria-describedby="came"> <output id="level">{step}</output></label></div>
<p class="soft" id="came" role="status"></p><div id="kinds" class="bar"></div>
<ol id="list" class="rows"></ol></section>
<details><summary>Keys</summary><p>{KEYS}</p></details></main>
<template id="methods">{options}</template>
<div class="deck" id="deck" role="region" aria-label="Player"></div>"""
    content = {**about, "dropped": dropped}
    return document(f"{name}: review", body, scripts=("page.js", "review.js"), data=content, connects=True)
