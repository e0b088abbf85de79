"""HTML documents with our styles and scripts, which need no other file.

In: text, HTML made here, data. Out: a document. What comes from recordings (names, evidence) reaches it as
escaped text or as JSON, and a content policy lets nothing run but the document's own script, by its hash.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Mapping
from html import escape
from pathlib import Path
from typing import Any

PARTS = Path(__file__).with_name("web")
"""Where styles and scripts lie."""

_SELF, _NONE = "'self'", "'none'"
_NEEDS_SCRIPT = '<noscript><p class="lead">Without JavaScript nothing is drawn or played here.</p></noscript>'


def document(
    title: str,
    body: str,
    *,
    style: str = "page.css",
    scripts: Iterable[str] = (),
    data: Mapping[str, Any] | None = None,
    head: str = "",
    connects: bool = False,
) -> str:
    """An HTML document with our styles.

    Args:
        style: a file of :data:`PARTS`.
        scripts: others, which become one script.
        data: what the script reads from ``#data``.
        head: further elements of the head.
        connects: it may speak with the server that it came from.
    """
    script = "\n".join(map(_part, scripts))
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'; img-src data:; "
        f"media-src data:; connect-src {_SELF if connects else _NONE}; base-uri 'none'; form-action 'none'"
    )
    end = json_script("data", data) if data is not None else ""
    if script:
        end = f"{_NEEDS_SCRIPT}{end}<script>{script}</script>"
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        f'<title>{escape(title)}</title><link rel="icon" href="data:,">{head}\n'
        f"<style>{_part(style)}</style></head><body>\n{body}\n{end}\n</body></html>\n"
    )


def json_script(name: str, content: Mapping[str, Any]) -> str:
    """Data in a page; no text in it can end the element."""
    text = json.dumps(content, allow_nan=False, separators=(",", ":"))
    text = text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
    return f'<script type="application/json" id="{name}">{text}</script>'


def _part(name: str) -> str:
    return (PARTS / name).read_text(encoding="utf-8")
