"""From the changes that a rule names to edits of text, and whether they may be offered at all.

Definitions
    change  what a rule wants done to a node: replaced, wrapped, unwrapped, swapped, … (see `torchlint.rule.Change`)
    edit    the same as a span and its new text

A fix is offered only if every node of it can be placed, no two edits overlap, and each changed file still parses.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence

from torchlint import diagnostic
from torchlint.diagnostic import Edit, Location, Span
from torchlint.facts import Place
from torchlint.rule import Change, Fix
from torchlint.source.edit import Offsets, OverlapError, applied
from torchlint.syntax.imports import imported, insertion_row
from torchlint.syntax.tree import parses

Text = Callable[[str], "str | None"]


def edited(fix: Fix, spans: Mapping[Place, Span], text: Text) -> diagnostic.Fix | None:
    """The fix with its edits; None if it cannot be offered."""
    edits: list[Edit] = []
    for change in fix.changes:
        made = _edits(change, spans, text)
        if not made:
            return None
        edits += made
    for name in fix.imports:
        path = fix.changes[0].place.path
        edits += _import(name, path, text(path) or "")
    by_path: dict[str, list[Edit]] = defaultdict(list)
    for edit in edits:
        by_path[edit.span.path].append(edit)
    for path, some in by_path.items():
        try:
            if not parses(applied(text(path) or "", some)):
                return None
        except OverlapError:
            return None
    return diagnostic.Fix(fix.title, tuple(sorted(edits, key=lambda e: (e.span, e.text))), fix.safe)


def _edits(change: Change, spans: Mapping[Place, Span], text: Text) -> list[Edit]:
    span = spans.get(change.place)
    content = text(change.place.path)
    if span is None or content is None:
        return []
    offsets = Offsets(content)
    if change.kind == "replace":
        return [Edit(span, change.text)]
    if change.kind == "wrap":
        before, after = change.text.split("…")
        return [Edit(Span(span.path, span.start, span.start), before), Edit(Span(span.path, span.end, span.end), after)]
    if change.kind == "callee":
        old, new = change.text.split("…")
        if not offsets.cut(content, span).startswith(f"{old}("):
            return []
        end = Location(span.start.row, span.start.column + len(old))
        return [Edit(Span(span.path, span.start, end), new)]
    if change.kind == "argument":
        return _argument(span, change.text, offsets.cut(content, span))
    other = spans.get(change.other) if change.other is not None else None
    if other is None or other.path != span.path:
        return []
    inner = offsets.cut(content, other)
    if change.kind == "unwrap":
        return [Edit(span, inner)]
    return [Edit(span, inner), Edit(other, offsets.cut(content, span))]


def _argument(span: Span, argument: str, call: str) -> list[Edit]:
    """One more argument at the end of a call."""
    if not call.endswith(")"):
        return []
    inside = call[:-1].rstrip()
    comma = "" if inside.endswith("(") else " " if inside.endswith(",") else ", "
    lines = inside.splitlines() or [""]
    row = span.start.row + len(lines) - 1
    column = len(lines[-1]) + (span.start.column if len(lines) == 1 else 1)
    at = Location(row, column)
    return [Edit(Span(span.path, at, at), comma + argument)]


def _import(name: str, path: str, text: str) -> list[Edit]:
    """``from module import last``, or ``import name`` for a name without a dot, if it is not there yet."""
    module, _, last = name.rpartition(".")
    if imported(text, module, last):
        return []
    row = insertion_row(text)
    if row is None:
        return []
    end = "\r\n" if "\r\n" in text else "\n"
    lines = text.count("\n") + 1
    at = Location(min(row, lines), 1)
    lead = end if row > lines else ""
    statement = f"from {module} import {last}" if module else f"import {last}"
    return [Edit(Span(path, at, at), f"{lead}{statement}{end}")]


def places(fixes: Sequence[Fix]) -> list[Place]:
    """Every node that fixes speak of."""
    found = [change.place for fix in fixes for change in fix.changes]
    return found + [change.other for fix in fixes for change in fix.changes if change.other is not None]
