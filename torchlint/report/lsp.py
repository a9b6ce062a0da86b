"""What a language server would publish: one JSON object, from each linted file's URI to the parameters of
``textDocument/publishDiagnostics``.

Lines and characters count from 0, characters in UTF-16 code units, as the protocol has it unless agreed otherwise. A
clean file has an empty list, which is how a client learns that nothing is left of what it showed before. Each cell of
a notebook is a document of its own; its URI is the file's with the fragment ``cell2``, since a client numbers them as
it likes. The `data` of a diagnostic holds its fixes as workspace edits. A comment that silences nothing is tagged as
unnecessary.

The language server makes its diagnostics here too, with its client's URIs and position encoding.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from torchlint.diagnostic import Diagnostic, Fix, Location, Severity, Span
from torchlint.report.encode import dumps
from torchlint.report.findings import Findings, Lines
from torchlint.report.paths import uri, utf8, utf16
from torchlint.report.text import with_verdict

SEVERITIES = {Severity.ERROR: 1, Severity.WARNING: 2, Severity.INFO: 3}

UNNECESSARY = 1

#: Rules about what can be taken away.
UNUSED = frozenset({"unused-suppression"})


class Places(NamedTuple):
    """How a client knows places: the URI of a span's document, the text of a row, and the units before a column (in a
    line; from 1, in code points)."""

    uri: Callable[[Span], str]
    lines: Lines
    units: Callable[[str, int], int] = utf16


#: The units of each position encoding.
UNITS: dict[str, Callable[[str, int], int]] = {
    "utf-8": utf8,
    "utf-16": utf16,
    "utf-32": lambda line, column: column - 1,
}


def render(findings: Findings) -> str:
    """The object, indented."""

    def place(span: Span) -> str:
        return uri(span.path, findings.folder) + (f"#cell{span.cell}" if span.cell else "")

    places = Places(place, Lines(findings.text))
    published: dict[str, list[dict[str, Any]]] = {uri(path, findings.folder): [] for path in sorted(findings.files)}
    for one in findings.diagnostics:
        published.setdefault(place(one.span), []).append(diagnostic(one, places))
    return dumps({key: {"uri": key, "diagnostics": found} for key, found in published.items()}, indent=2) + "\n"


def diagnostic(one: Diagnostic, places: Places, url: str = "") -> dict[str, Any]:
    """A finding as the protocol has it; `url`: where its rule is explained, unless it says so itself."""
    out: dict[str, Any] = {
        "range": span_range(one.span, places),
        "severity": SEVERITIES[one.severity],
        "code": one.code,
        "source": "torchlint",
        "message": with_verdict(one),
    }
    if one.url or url:
        out["codeDescription"] = {"href": one.url or url}
    if one.name in UNUSED:
        out["tags"] = [UNNECESSARY]
    if one.trail:
        out["relatedInformation"] = [
            {"location": {"uri": places.uri(step.span), "range": span_range(step.span, places)}, "message": step.note}
            for step in one.trail
        ]
    if one.fixes:
        out["data"] = {"fixes": [_fix(fix, places) for fix in one.fixes]}
    return out


def _fix(fix: Fix, places: Places) -> dict[str, Any]:
    changes: dict[str, list[dict[str, Any]]] = {}
    for edit in fix.edits:
        change = {"range": span_range(edit.span, places), "newText": edit.text}
        changes.setdefault(places.uri(edit.span), []).append(change)
    return {"title": fix.title, "safe": fix.safe, "edit": {"changes": changes}}


def span_range(span: Span, places: Places) -> dict[str, Any]:
    """A span as a range of the protocol."""
    return {"start": _position(span, span.start, places), "end": _position(span, span.end, places)}


def _position(span: Span, location: Location, places: Places) -> dict[str, int]:
    line = places.lines(span.path, span.cell, location.row)
    return {"line": location.row - 1, "character": places.units(line, location.column)}
