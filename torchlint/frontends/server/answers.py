"""The questions that a worker answers, by name, each about the texts that it knows when it answers.

Definitions
    edits  by URI, changes as the protocol has them, of the texts that the editor has
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from torchlint.diagnostic import Diagnostic, Edit, Fix, Location, Severity, Span
from torchlint.engine.apply import mend
from torchlint.frontends.documents import Documents, is_document
from torchlint.frontends.files import decode_or_none
from torchlint.frontends.outcome import UsageError
from torchlint.frontends.server.bench import Bench, reach
from torchlint.frontends.server.settings import NOT_ALLOWED
from torchlint.report.lsp import span_range
from torchlint.report.text import source_lines
from torchlint.source.difference import changes


def answer(bench: Bench, what: str, arguments: dict[str, Any]) -> Any:
    """The answer to a question.

    Raises:
        UsageError, ConfigError: there is none. Stopped: something came in meanwhile.
    """
    if what not in _ANSWERS:
        raise UsageError(f"no question is called {what!r}")
    return _ANSWERS[what](bench, **arguments)


# --- edits ---------------------------------------------------------------------------------------------------------


def fix_all(bench: Bench, path: str, cell: int) -> dict[str, Any]:
    """The edits that make all fixes of a file that may be made without being asked which, and that change nothing
    else; `cell`: of one cell of a notebook, 0 for all. `fixed`: how many findings are gone then."""
    from torchlint.frontends.fixing import edited

    path = bench.path(path)
    session = bench.new_session()
    session.memory, session.keeps = bench.memory.copy(), False
    given = bench.files(session)
    _require(path, given)
    unsafe = session.configuration.of(path).unsafe_fixes

    def usable(one: Diagnostic) -> Fix | None:
        best = one.best_fix(unsafe) if one.span.path == path and cell in (0, one.span.cell) else None
        return best if best is not None and reach(one, best) in _REACHES[bool(cell)] else None

    mended = mend(given, session.lint, usable, edited)
    made: list[Edit] = []
    old, new = _texts(path, given[path]), _texts(path, mended.contents[path])
    for number, text in old.items():
        for change in changes(text, new[number]):
            made.append(Edit(Span(path, change.span.start, change.span.end, number), change.text))
    return {"edits": _edits(bench, made, old), "fixed": len(mended.fixed)}


#: Where the edits of a fix may lie if one cell is mended, and if not.
_REACHES = {True: ("document",), False: ("document", "notebook")}


def silence(bench: Bench, path: str, cell: int, row: int, code: str) -> dict[str, Any]:
    """The edits that make a comment which silences findings of a rule in a row."""
    path = bench.path(path)
    content = bench.content(path)
    if content is None:
        raise UsageError(f"{path}: cannot be read")
    texts = _texts(path, content)
    if row > len(source_lines(texts.get(cell, ""))):
        raise UsageError(f"{path}: there is no line {row}")
    here = Location(row, 1)
    span = Span(path, here, here, cell)
    if is_document(path):
        made = Documents({path: content}).comments(path, [Diagnostic(code, "", Severity.INFO, "", span)])
    else:
        from torchlint.syntax.silence import comments_for

        found = comments_for(texts[cell], [(span, code)])
        made = [Edit(Span(path, one.span.start, one.span.end), one.text) for one in found]
    if not made:
        raise UsageError(f"no comment in line {row} can silence {code} and leave the program as it is")
    return {"edits": _edits(bench, made, texts)}


def _require(path: str, given: Any) -> None:
    """Raises: UsageError: the file is none of those that are linted."""
    if path not in given:
        raise UsageError(f"{path} is not linted: it is excluded, or it cannot be read")


def _texts(path: str, content: bytes) -> dict[int, str]:
    """The text of a file, as that of cell 0, or those of the cells of a notebook."""
    if is_document(path) and path.lower().endswith(".ipynb"):
        from torchlint.source import notebook

        try:
            return {cell.number: cell.source for cell in notebook.read(content).cells}
        except notebook.NotebookError as error:
            raise UsageError(f"{path}: {error}") from error
    return {0: decode_or_none(content) or ""}


def _edits(bench: Bench, made: list[Edit], texts: dict[int, str]) -> dict[str, list[dict[str, Any]]]:
    """Edits of one file whose texts are these."""
    places = bench.places(lambda path, cell: texts.get(cell))
    out: dict[str, list[dict[str, Any]]] = {}
    for edit in made:
        out.setdefault(places.uri(edit.span), []).append({"range": span_range(edit.span, places), "newText": edit.text})
    return out


# --- the way of the data -------------------------------------------------------------------------------------------


def data_path(bench: Bench, path: str, cell: int, row: int | None) -> dict[str, Any]:
    """The ways of the data through a file, a cell (0: all) or a row of it (None: all), as a text and as a drawing;
    None for that where there is no way."""
    from torchlint.frontends.reveal import Look, Target
    from torchlint.frontends.trace import NOTHING, ways
    from torchlint.report.text import Paint
    from torchlint.report.trace import picture
    from torchlint.report.trace_svg import drawing

    path = bench.path(path)
    session = bench.new_session()
    given = bench.files(session)
    _require(path, given)
    target = Target(path, cell, row)
    look = Look(target, given, session.configuration, bench.overlay())
    shown = ways(look, target, look.analysed(trace=True, stop=session.stop), session.rules.rules)
    if not shown.paths:
        return {"text": f"{NOTHING}\n", "svg": None}
    return {"text": picture(*shown, Paint(on=False)), "svg": drawing(*shown)}


# --- runs ----------------------------------------------------------------------------------------------------------


def claim(bench: Bench, path: str, cell: int, row: int, code: str) -> dict[str, Any]:
    """The errand that asks a run about the findings of a rule in a row, and the `generation` of what it is about."""
    from torchlint.frontends import confirming

    path = bench.path(path)
    session = bench.session
    if session is None or session.consent is None:
        raise UsageError(NOT_ALLOWED)
    here = [
        one
        for one in bench.everything
        if (one.span.path, one.span.cell, one.span.start.row, one.code) == (path, cell, row, code)
    ]
    if not here:
        raise UsageError(f"there is no {code} in line {row}")
    notes: list[str] = []
    for _, errand in confirming.errands(session, session.consent, here, notes):
        return {"errand": msgspec.msgpack.encode(errand), "generation": bench.generation}
    if notes:
        raise UsageError(notes[0])
    decidable = any(one.claim is not None for one in here)
    raise UsageError(NOT_ALLOWED if decidable else f"no run can decide this {code}")


def decided(bench: Bench, done: bytes, generation: int) -> list[dict[str, str]]:
    """What a run has decided of findings, in words; it is shown with them from now on, unless something has changed.

    Raises:
        UsageError: nothing was run, and why.
    """
    from torchlint.frontends import confirming

    confirmed = msgspec.msgpack.decode(done, type=confirming.Confirmed)
    if confirmed.problem:
        raise UsageError(confirmed.problem)
    found = confirmed.diagnostics
    if generation == bench.generation and bench.session is not None:
        session = bench.session
        found = [confirming.placed(session, one) for one in found]
        bench.decided(found)
    return [
        {"outcome": one.verdict.outcome.value, "grade": one.verdict.grade.value, "text": one.verdict.text}
        for one in found
        if one.verdict is not None
    ]


_ANSWERS: dict[str, Callable[..., Any]] = {
    "fix_all": fix_all,
    "silence": silence,
    "data_path": data_path,
    "claim": claim,
    "decided": decided,
}

#: Questions about what a whole pass finds, which has to know of the latest texts for that.
OF_EVERYTHING = frozenset({"claim"})
