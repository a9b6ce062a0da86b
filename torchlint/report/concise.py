"""One line a finding: ``path:row:column: CODE message``."""

from __future__ import annotations

from collections.abc import Iterable

from torchlint.diagnostic import Diagnostic
from torchlint.report.text import Paint, visible


def concise(diagnostics: Iterable[Diagnostic], paint: Paint) -> str:
    """The lines, each with its end."""
    return "".join(_line(one, paint) for one in diagnostics)


def _line(one: Diagnostic, paint: Paint) -> str:
    place = f"{paint('bold', visible(one.span.path))}:{one.span.start.row}:{one.span.start.column}"
    return f"{place}: {paint(one.severity.value, one.code)} {visible(one.message)}\n"
