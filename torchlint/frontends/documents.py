"""Notebooks and Markdown: what of them is linted as Python, and where what is found there stands in them.

Definitions
    document  a file that is no Python itself and holds some
    part      a Python text out of a document, linted as a file of its own: all cells of a notebook, or one fence

Worked example: of ``{"a.ipynb": …, "b.md": …, "c.py": …}`` the linter is given ``a.ipynb`` (its cells, joined),
``b.md#1`` and ``b.md#2`` (fences) and ``c.py``. A finding in row 3 of ``b.md#2`` is placed in its row of ``b.md``.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from msgspec.structs import replace

from torchlint.diagnostic import Diagnostic, Edit, Fix, Location, Span, Step
from torchlint.source.text import DecodeError, decode, mentions_framework

if TYPE_CHECKING:  # most runs meet no document
    from torchlint.project.modules import Problem
    from torchlint.source.markdown import Fence
    from torchlint.source.notebook import Joined, Notebook

NOTEBOOK = ".ipynb"
MARKDOWN = (".md", ".markdown")


def is_document(path: str) -> bool:
    """Whether a file is no Python itself, but may hold some."""
    return path.lower().endswith((NOTEBOOK, *MARKDOWN))


class Documents:
    """The files of a run as they are linted.

    files: what is linted, path to Python; troubles: what of the documents is no Python, placed in those texts.
    """

    def __init__(self, given: Mapping[str, bytes]) -> None:
        self.files: dict[str, bytes] = {}
        self.troubles: list[Problem] = []
        self._cells: dict[str, Joined] = {}
        self._fences: dict[str, tuple[str, Fence]] = {}
        for path, content in given.items():
            if not is_document(path):
                self.files[path] = content
            elif not mentions_framework(content):
                continue
            elif path.lower().endswith(NOTEBOOK):
                self._read_notebook(path, content)
            else:
                self._read_markdown(path, content, given)

    def _read_notebook(self, path: str, content: bytes) -> None:
        from torchlint.project.modules import Problem
        from torchlint.source import notebook

        try:
            found = notebook.read(content)
        except notebook.NotebookError as error:
            self.files[path] = b""
            self.troubles.append(Problem(path, 1, 1, str(error)))
            return
        joined = found.joined()
        broken = {} if _is_python(joined.text) else _broken(found)
        if broken:
            joined = found.joined(broken)
            for cell, first in zip(found.cells, joined.firsts, strict=True):
                if cell.number in broken:
                    row, column, message = broken[cell.number]
                    self.troubles.append(Problem(path, first + row - 1, column, message))
        self.files[path] = joined.text.encode("utf-8", "replace")
        if joined.cells:
            self._cells[path] = joined

    def _read_markdown(self, path: str, content: bytes, given: Mapping[str, bytes]) -> None:
        from torchlint.source import markdown

        text = content.decode("utf-8-sig", "replace")
        for number, fence in enumerate(markdown.fences(text), 1):
            if not _is_python(fence.text):
                continue
            name = f"{path}#{number}"
            while name in given:
                name += "#"
            self.files[name] = fence.text.encode("utf-8")
            self._fences[name] = (path, fence)

    def owner(self, path: str) -> str:
        """The document of a part, or the file itself."""
        return self._fences[path][0] if path in self._fences else path

    def cell(self, path: str, number: int) -> str | None:
        """The source of a notebook's cell."""
        joined = self._cells.get(path)
        cells = joined.cells if joined is not None else ()
        return next((cell.source for cell in cells if cell.number == number), None)

    def inside(self, path: str, cell: int, row: int | None) -> tuple[str, int | None]:
        """The linted text that holds a row of a document or of its cell (0: the file itself), and the row there.

        What holds no Python is left as it is.
        """
        if path in self._cells and cell:
            for one, first in zip(self._cells[path].cells, self._cells[path].firsts):
                if one.number == cell and row is not None:
                    return path, first + row - 1
        for name, (owner, fence) in self._fences.items():
            if owner == path and (row is None or fence.first <= row < fence.first + len(fence.prefixes)):
                return name, None if row is None else row - fence.first + 1
        return path, row

    def placed(self, diagnostics: Iterable[Diagnostic]) -> list[Diagnostic]:
        """Diagnostics of the linted texts where they stand in the documents, sorted anew.

        A fix that cannot be made there is left out.
        """
        return sorted((self._placed(one) for one in diagnostics if self._is_there(one.span)), key=Diagnostic.sort_key)

    def _is_there(self, span: Span) -> bool:
        """Whether a span begins in what the user wrote."""
        return span.path not in self._cells or self._cells[span.path].holds(span.start.row)

    def _placed(self, one: Diagnostic) -> Diagnostic:
        trail = tuple(Step(self.within(step.span), step.note) for step in one.trail)
        fixes = tuple(fix for fix in map(self._fix, one.fixes) if fix is not None)
        return replace(one, span=self.within(one.span), trail=trail, fixes=fixes)

    def within(self, span: Span) -> Span:
        """A span of a linted text where it stands in its document."""
        start, end = _point(span.start), _point(span.end)
        if span.path in self._cells:
            cell, start, end = self._cells[span.path].span(start, end)
            return Span(span.path, Location(*start), Location(*end), cell)
        if span.path in self._fences:
            path, fence = self._fences[span.path]
            start, end = fence.span(start, end)
            return Span(path, Location(*start), Location(*end))
        return span

    def _fix(self, fix: Fix) -> Fix | None:
        edits = [self._edit(edit) for edit in fix.edits]
        whole = tuple(edit for edit in edits if edit is not None)
        return replace(fix, edits=whole) if len(whole) == len(edits) else None

    def _edit(self, edit: Edit) -> Edit | None:
        span = edit.span
        if span.path in self._cells:
            inner = self._cells[span.path].edit(_point(span.start), _point(span.end), edit.text)
            if inner is None:
                return None
            cell, start, end, text = inner
            return Edit(Span(span.path, Location(*start), Location(*end), cell), text)
        if span.path in self._fences:
            path, fence = self._fences[span.path]
            outer = fence.edit(_point(span.start), _point(span.end), edit.text)
            if outer is None:
                return None
            start, end, text = outer
            return Edit(Span(path, Location(*start), Location(*end)), text)
        return edit


def edited(path: str, content: bytes, edits: Sequence[Edit]) -> bytes | None:
    """The content of a document with edits made, in which all else stays as it is; None if Python would be broken.

    Edits are as `Documents.placed` gives them: those of a notebook count rows in its cells.
    """
    from torchlint.source.edit import OverlapError
    from torchlint.source.notebook import NotebookError

    try:
        if path.lower().endswith(NOTEBOOK):
            return _edited_notebook(content, edits)
        return _edited_markdown(content, edits)
    except (NotebookError, DecodeError, OverlapError):
        return None


def _edited_notebook(content: bytes, edits: Sequence[Edit]) -> bytes | None:
    from torchlint.source import notebook
    from torchlint.source.edit import applied

    by_cell: dict[int, list[Edit]] = defaultdict(list)
    for edit in edits:
        by_cell[edit.span.cell].append(edit)
    old = {cell.number: cell.source for cell in notebook.read(content).cells}
    if not by_cell.keys() <= old.keys():
        return None
    new = {number: applied(old[number], some) for number, some in by_cell.items()}
    if not all(_is_python(notebook.cell(number, source).alone) for number, source in new.items()):
        return None
    return notebook.written_back(content, new)


def _edited_markdown(content: bytes, edits: Sequence[Edit]) -> bytes | None:
    from codecs import BOM_UTF8

    from torchlint.source import markdown
    from torchlint.source.edit import applied

    head = BOM_UTF8 if content.startswith(BOM_UTF8) else b""
    text = decode(content) if not head else content.removeprefix(head).decode("utf-8")
    changed = applied(text, edits)
    before = {fence.text for fence in markdown.fences(text)}
    if any(fence.text not in before and not _is_python(fence.text) for fence in markdown.fences(changed)):
        return None
    return head + changed.encode("utf-8")


def _broken(found: Notebook) -> dict[int, tuple[int, int, str]]:
    """The cells that are no Python, by number: where (row and column) and why."""
    from torchlint.syntax.tree import SyntaxProblem, parse

    broken: dict[int, tuple[int, int, str]] = {}
    for cell in found.cells:
        if _is_python(cell.alone):
            continue
        problem = parse(cell.alone)
        if isinstance(problem, SyntaxProblem):
            broken[cell.number] = (max(problem.row - 1, 1), problem.column, problem.message)
    return broken


def _is_python(text: str) -> bool:
    """Whether CPython reads a text as Python. That takes a tenth of the time that libcst takes."""
    from torchlint.syntax import depth

    size = depth.needed_stack(text)
    return size is not None and "\0" not in text and depth.run_with_stack(size, lambda: _parses(text))


def _parses(text: str) -> bool:
    import ast
    import warnings

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(text)
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return False
    return True


def _point(location: Location) -> tuple[int, int]:
    return location.row, location.column
