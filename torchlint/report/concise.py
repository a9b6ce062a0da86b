"""One line a finding: ``path:row:column: CODE message``, with ``[*]`` before the message if it has a fix."""

from __future__ import annotations

from collections.abc import Iterable

from torchlint.diagnostic import Diagnostic
from torchlint.report.text import Paint, visible


def concise(diagnostics: Iterable[Diagnostic], paint: Paint, unsafe: bool = False) -> str:
    """The lines, each with its end; `unsafe`: unsafe fixes count as fixes."""
    return "".join(_line(one, paint, unsafe) for one in diagnostics)


def _line(one: Diagnostic, paint: Paint, unsafe: bool) -> str:
    place = f"{paint('bold', visible(one.span.path))}:{one.span.start.row}:{one.span.start.column}"
    mark = f" {paint('note', '[*]')}" if one.best_fix(unsafe) else ""
    return f"{place}: {paint(one.severity.value, one.code)}{mark} {visible(one.message)}\n"
