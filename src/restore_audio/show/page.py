"""The frame of an HTML page that needs nothing else: no network, no script, no other file."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

STYLE = """
:root{--paper:#fff;--ink:#1c1b1a;--soft:#6b6864;--rule:#e3e0db;
--c0:#8a8680;--c1:#c2410c;--c2:#2563eb;--c3:#15803d;--c4:#a21caf;--c5:#b45309;--c6:#0e7490;--c7:#be123c;
--c8:#4d7c0f;--c9:#6d28d9}
@media(prefers-color-scheme:dark){:root{--paper:#161514;--ink:#ece9e4;--soft:#a19d97;--rule:#34312e;
--c0:#9a958e;--c1:#fb923c;--c2:#7aa5ff;--c3:#4ade80;--c4:#e879f9;--c5:#fbbf24;--c6:#22d3ee;--c7:#fb7185;
--c8:#a3e635;--c9:#a78bfa}}
body{background:var(--paper);color:var(--ink);font:15px/1.5 system-ui,sans-serif;max-width:76rem;
margin:2rem auto;padding:0 1rem}
h1{font-size:1.5rem}h2{font-size:1.15rem;margin-top:2.5rem}h3{font-size:1rem;margin:1.5rem 0 .5rem}
p.soft,figcaption,.remarks{color:var(--soft)}
.wide{overflow-x:auto}th{vertical-align:bottom}table{border-collapse:collapse;font-size:.85rem;font-variant-numeric:tabular-nums}
th,td{padding:.25rem .6rem;text-align:right;border-bottom:1px solid var(--rule)}
td{white-space:nowrap}th:first-child,td:first-child{text-align:left;white-space:normal;min-width:11rem}
td:first-child{overflow-wrap:anywhere}
svg{width:100%;height:auto;max-width:760px;display:block}
svg .label{fill:var(--ink);font:12px system-ui,sans-serif}svg .small{font-size:11px;fill:var(--soft)}
svg .grid{stroke:var(--rule)}svg .line{fill:none;stroke-width:2}
.s0{stroke:var(--c0)}.s1{stroke:var(--c1)}.s2{stroke:var(--c2)}.s3{stroke:var(--c3)}.s4{stroke:var(--c4)}
.s5{stroke:var(--c5)}.s6{stroke:var(--c6)}.s7{stroke:var(--c7)}.s8{stroke:var(--c8)}.s9{stroke:var(--c9)}
.bar,.dot{stroke:none}.bar.s0,.dot.s0{fill:var(--c0)}.bar.s1,.dot.s1{fill:var(--c1)}
.bar.s2,.dot.s2{fill:var(--c2)}.bar.s3,.dot.s3{fill:var(--c3)}.bar.s4,.dot.s4{fill:var(--c4)}
.bar.s5,.dot.s5{fill:var(--c5)}.bar.s6,.dot.s6{fill:var(--c6)}.bar.s7,.dot.s7{fill:var(--c7)}
.bar.s8,.dot.s8{fill:var(--c8)}.bar.s9,.dot.s9{fill:var(--c9)}
.versions{display:grid;grid-template-columns:repeat(auto-fit,minmax(14rem,1fr));gap:1rem}
figure{margin:0}figure img{width:100%;height:170px;display:block;image-rendering:auto;background:#000}
.marks{position:relative}.marks i{position:absolute;bottom:0;height:4px;background:#22d3ee}
.headline{font-size:1.15rem;font-weight:600}
.legend{list-style:none;padding:0;display:flex;flex-wrap:wrap;gap:.3rem 1.2rem}
.swatch{display:inline-block;width:.75rem;height:.75rem;border-radius:.15rem;margin-right:.4rem;
background:currentColor}
i.s0{color:var(--c0)}i.s1{color:var(--c1)}i.s2{color:var(--c2)}i.s3{color:var(--c3)}i.s4{color:var(--c4)}
i.s5{color:var(--c5)}i.s6{color:var(--c6)}i.s7{color:var(--c7)}i.s8{color:var(--c8)}i.s9{color:var(--c9)}
audio{width:100%;height:2.2rem;margin-top:.3rem}
"""


def document(title: str, parts: Iterable[str]) -> str:
    """A whole page."""
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(title)}</title>"
        '<link rel="icon" href="data:,">'
        f"<style>{STYLE}</style></head><body>\n" + "\n".join(parts) + "\n</body></html>\n"
    )
