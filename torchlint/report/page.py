"""A page about models that needs nothing else: no script, no font, no picture from elsewhere.

**Invariant:** the page's policy forbids scripts and loading; texts that are put in are markup already.
"""

from __future__ import annotations

from collections.abc import Iterable

POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
STYLE = """
:root { color-scheme: light dark; --back: #fff; --front: #1c2430; --dim: #5b6675; --frame: #d8dee6; --grid: #e6eaf0;
  --one: #2a6bb5; --two: #c4590a; --bad: #b3261e; --panel: #f7f9fb; }
@media (prefers-color-scheme: dark) { :root { --back: #14181e; --front: #e3e8ef; --dim: #9aa6b5; --frame: #313a46;
  --grid: #262e38; --one: #6cb0f5; --two: #f5a25d; --bad: #ff8a80; --panel: #1a2028; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1120px; padding: 24px 32px 64px; background: var(--back); color: var(--front);
  font: 15px/1.5 system-ui, "Segoe UI", "DejaVu Sans", sans-serif; }
h1 { font-size: 24px; margin: 8px 0 4px; } h2 { font-size: 20px; margin: 40px 0 8px; overflow-wrap: anywhere; }
h3 { font-size: 16px; margin: 28px 0 8px; } p.how { color: var(--dim); margin: 0 0 8px; }
dl { display: grid; grid-template-columns: 110px 1fr; gap: 6px 16px; margin: 12px 0; padding: 14px 18px;
  background: var(--panel); border: 1px solid var(--frame); border-radius: 8px; }
dt { color: var(--dim); } dd { margin: 0; overflow-wrap: anywhere; min-width: 0; }
dt.failed, dd.failed { color: var(--bad); font-weight: 600; }
svg { display: block; width: 100%; height: auto; border: 1px solid var(--frame); border-radius: 8px;
  background: var(--panel); padding: 8px; }
svg text { fill: var(--dim); font-size: 12px; } svg text.name { fill: var(--front);
  font: 12px ui-monospace, "DejaVu Sans Mono", monospace; } svg text.label { fill: var(--front); font-size: 13px; }
.one { fill: var(--one); } .two { fill: var(--two); } .grid { stroke: var(--grid); } .axis { stroke: var(--dim); }
.join { stroke: var(--frame); stroke-width: 2; } .line { fill: none; stroke-width: 1.5; opacity: .55; }
.one.line { stroke: var(--one); } .two.line { stroke: var(--two); }
.wide { overflow-x: auto; border: 1px solid var(--frame); border-radius: 8px; }
table { border-collapse: collapse; width: 100%; font-size: 12.5px; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: 4px 7px; border-top: 1px solid var(--grid); white-space: nowrap; }
th { border-top: 0; color: var(--dim); font-weight: 600; background: var(--panel); }
td.text, th.text { text-align: left; } td.name { font-family: ui-monospace, "DejaVu Sans Mono", monospace;
  white-space: normal; overflow-wrap: anywhere; min-width: 110px; max-width: 320px; }
td.type { white-space: normal; overflow-wrap: anywhere; min-width: 112px; max-width: 200px; }
.bad { color: var(--bad); }
@media (max-width: 640px) { body { padding: 16px; } dl { grid-template-columns: 1fr; gap: 0; }
  dt { margin-top: 8px; } }
"""


def page(title: str, how: str, body: str, style: str = "") -> str:
    """The whole page of a file: its name, how it was looked at, the rest. style: what it needs beside `STYLE`."""
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="referrer" content="no-referrer">\n'
        f"<title>{title}: models</title>\n<style>{STYLE}{style}</style>\n</head>\n<body>\n"
        f'<h1>{title}</h1>\n<p class="how">{how}</p>\n{body}\n</body>\n</html>\n'
    )


def facts(told: Iterable[tuple[str, str]], bad: str) -> str:
    """Labels and sentences; a label that is said again is left out, and one that is `bad` is set off."""
    parts = ["<dl>"]
    before = ""
    for label, text in told:
        style = ' class="failed"' if label == bad else ""
        parts.append(f"<dt{style}>{label if label != before else ''}</dt><dd{style}>{text}</dd>")
        before = label
    return "\n".join([*parts, "</dl>"])


def table(head: Iterable[tuple[str, str]], rows: Iterable[Iterable[tuple[str, str]]]) -> str:
    """A table that scrolls where it is too wide: each cell is its class, or nothing, and its text."""
    names = "".join(f'<th class="{style}">{text}</th>' for text, style in head)
    body = "\n".join(
        "<tr>" + "".join(f'<td class="{style}">{text}</td>' for style, text in row) + "</tr>" for row in rows
    )
    return f'<div class="wide"><table>\n<thead><tr>{names}</tr></thead>\n<tbody>\n{body}\n</tbody></table></div>'
