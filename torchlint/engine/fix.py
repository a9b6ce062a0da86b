"""From the changes that a rule names to edits of text, and whether they may be offered at all.

Definitions
    change  what a rule wants done to a node: replaced, wrapped, unwrapped, swapped, … (see `torchlint.rule.Change`)
    edit    the same as a span and its new text

A fix is offered only if every node of it can be placed, no two edits overlap, and each edited file reads as the old one
with just these nodes changed: parentheses are put where it would not. It is unsafe if a comment is lost.

Worked example: to take the call off ``torch.sigmoid(a + b) * 2`` is the edit that puts ``(a + b)`` in its place.
"""

from __future__ import annotations

import io
import re
import tokenize
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import cached_property

import msgspec

from torchlint import diagnostic
from torchlint.diagnostic import Edit, Location, Span
from torchlint.facts import Place
from torchlint.rule import Change, Fix
from torchlint.source.edit import Offsets, OverlapError, applied
from torchlint.syntax import ir
from torchlint.syntax.imports import Names, insertion_row, names
from torchlint.syntax.lower import read
from torchlint.syntax.pieces import Pieces, pieces
from torchlint.syntax.rewrite import Exchange, Preceded, expression, expressions, says, statement, statements
from torchlint.syntax.tree import SyntaxProblem, parses

Text = Callable[[str], "str | None"]
Spans = Mapping[Place, Span]

#: A name of a library in the text of a change, such as ``{torch.sigmoid}``, and what stands for the node in a wrapping.
_SLOT = re.compile(r"\{([\w.]+)\}")
_HOLE = "_"
_LINE_END = re.compile(r"\r\n|\r|\n")


class _File:
    """A file that fixes change, and what they need to know of it."""

    def __init__(self, text: str, module: ir.Module) -> None:
        self.text = text
        self.module = module
        self.offsets = Offsets(text)

    @cached_property
    def nodes(self) -> dict[int, ir.Expr]:
        return expressions(self.module)

    @cached_property
    def statements(self) -> dict[int, ir.ExprStmt | ir.Assign]:
        return statements(self.module)

    @cached_property
    def names(self) -> Names:
        return names(self.module)

    @cached_property
    def pieces(self) -> Pieces | None:
        return pieces(self.text, self.module)

    @property
    def end(self) -> str:
        """How its lines end."""
        found = _LINE_END.search(self.text)
        return found[0] if found is not None else "\n"


class _Made(msgspec.Struct, frozen=True):
    """A change as edits, what it means as exchanges of expressions, and the import statements that it needs."""

    edits: tuple[Edit, ...]
    exchanges: Mapping[int, Exchange | Preceded | None]
    imports: tuple[str, ...] = ()


class Editor:
    """Makes edits of the changes that rules name.

    text: that of a path; linted: the files that may be changed; modules: the IR of files, as far as it is known.
    """

    def __init__(self, text: Text, linted: Collection[str], modules: Mapping[str, ir.Module] | None = None) -> None:
        self._text = text
        self._linted = linted
        self._modules = {} if modules is None else modules
        self._files: dict[str, _File | None] = {}
        self._edited: dict[Fix, diagnostic.Fix | None] = {}

    def places(self, fixes: Sequence[Fix]) -> list[Place]:
        """Every node whose span `edited` will ask for."""
        found: list[Place] = []
        for change in (change for fix in fixes for change in fix.changes):
            file = self._file(change.place.path)
            if file is not None:
                ends = [
                    one for one in (change.place, change.other) if one is not None and one.path == change.place.path
                ]
                whole = [Place(one.path, held.n) for one in ends if (held := file.statements.get(one.n)) is not None]
                found += [place for place in (_subject(change, file), change.other, *whole) if place is not None]
        return found

    def edited(self, fix: Fix, spans: Spans) -> diagnostic.Fix | None:
        """The fix with its edits; None if it cannot be offered."""
        if fix not in self._edited:
            self._edited[fix] = self._offered(fix, spans)
        return self._edited[fix]

    def _offered(self, fix: Fix, spans: Spans) -> diagnostic.Fix | None:
        made: dict[str, list[_Made]] = defaultdict(list)
        for change in fix.changes:
            file = self._file(change.place.path)
            one = _right(change, spans, file) if file is not None else None
            if one is None:
                return None
            made[change.place.path].append(one)
        edits: list[Edit] = []
        safe = fix.safe
        for path, some in made.items():
            file = self._file(path)
            assert file is not None
            whole = [*_of_all(some), *_imports(path, file, {line for one in some for line in one.imports})]
            after = _applied(file.text, whole)
            if after is None or after == file.text or (len(some) > 1 and not _says(file, some)) or not parses(after):
                return None
            edits += whole
            safe = safe and not _loses_comment(file, some)
        return diagnostic.Fix(fix.title, tuple(sorted(edits, key=lambda e: (e.span, e.text))), safe)

    def _file(self, path: str) -> _File | None:
        if path not in self._files:
            text = self._text(path) if path in self._linted else None
            module = self._modules.get(path) if text is not None else None
            if text is not None and module is None:
                module = read(text)  # type: ignore[assignment]
            readable = text is not None and module is not None and not isinstance(module, SyntaxProblem)
            self._files[path] = _File(text, module) if readable else None  # type: ignore[arg-type]
        return self._files[path]


def _subject(change: Change, file: _File) -> Place | None:
    """The node whose text is changed: what is renamed of a call is its function."""
    node = file.nodes.get(change.place.n)
    if change.kind == "rename" and isinstance(node, ir.Call):
        return Place(change.place.path, node.func.n)
    return change.place


def _right(change: Change, spans: Spans, file: _File) -> _Made | None:
    """The first way to make a change after which the file says what is meant."""
    place = _subject(change, file)
    span = spans.get(place) if place is not None else None
    if place is None or span is None or place.n not in file.nodes:
        return None
    return next((one for one in _ways(change, place, span, spans, file) if _says(file, [one])), None)


def _says(file: _File, made: Sequence[_Made]) -> bool:
    """Whether the file reads as meant once these changes are made; imports aside, which change no meaning."""
    exchanges = {n: exchange for one in made for n, exchange in one.exchanges.items()}
    changed = _changed(file, made)
    return changed is not None and all(says(after, module, exchanges) for _, after, module in changed)


def _changed(file: _File, made: Sequence[_Made]) -> list[tuple[str, str, ir.Module]] | None:
    """What changes are made in, before and after, and what it said before: pieces of the file, or else the whole of it.

    None if two edits overlap.
    """
    edits = _of_all(made)
    some = None if file.pieces is None else file.pieces.edited(edits)
    if some is not None:
        return [(piece.text, after, piece.module) for piece, after in some]
    after = _applied(file.text, edits)
    return None if after is None else [(file.text, after, file.module)]


def _loses_comment(file: _File, made: Sequence[_Made]) -> bool:
    return any(_comments(before) - _comments(after) for before, after, _ in _changed(file, made) or ())


def _of_all(made: Iterable[_Made]) -> list[Edit]:
    return [edit for one in made for edit in one.edits]


def _applied(text: str, edits: Sequence[Edit]) -> str | None:
    """The text with the edits made; None if two of them overlap."""
    try:
        return applied(text, edits)
    except OverlapError:
        return None


def _ways(change: Change, place: Place, span: Span, spans: Spans, file: _File) -> Iterator[_Made]:
    """The ways to make a change, without parentheses and with them."""
    node = file.nodes[place.n]
    if change.kind == "rename":
        yield from _renamed(change.text, node, span, file)
    elif change.kind == "argument":
        yield from _argument(change.text, node, span, file)
    elif change.kind == "replace":
        yield from _replaced(change.text, place.n, span, file)
    elif change.kind == "wrap":
        yield from _wrapped(change.text, node, span, file)
    elif change.kind == "precede":
        yield from _preceded(change.text, node, place.path, spans, file)
    elif change.kind == "move":
        yield from _moved(node, change.other, spans, file)
    elif change.other is not None:
        inner, other = file.nodes.get(change.other.n), spans.get(change.other)
        if inner is None or other is None or other.path != span.path:
            return
        new = file.offsets.cut(file.text, other)
        if change.kind == "swap":
            old = file.offsets.cut(file.text, span)
            yield _Made((Edit(span, new), Edit(other, old)), {node.n: Exchange(inner), inner.n: Exchange(node)})
        elif not isinstance(inner, ir.Starred):
            held = file.statements.get(node.n)
            if held is not None and change.text == "…":
                yield from _taken_out(held, inner, spans.get(Place(place.path, held.n)), file)
            if isinstance(held, ir.ExprStmt):
                return
            yield from _unwrapped(change.text, node, inner, new, span, file)


def _taken_out(statement: ir.ExprStmt | ir.Assign, inner: ir.Expr, span: Span | None, file: _File) -> Iterator[_Made]:
    """``x.sigmoid_()`` and ``x = sigmoid(x)`` would do nothing, and go with their line."""
    targets = [_dotted(target) for target in statement.targets] if isinstance(statement, ir.Assign) else []
    if span is None or not isinstance(inner, ir.Name) or targets not in ([], [inner.name]):
        return
    rows = _rows(span, file)
    if rows is not None:
        yield _Made((Edit(rows, ""),), {statement.n: None})


def _rows(span: Span, file: _File) -> Span | None:
    """The rows of a statement, with the end of the last; None if it shares one with another, or ends the file."""
    end = Location(span.end.row + 1, 1)
    rows = Span(span.path, Location(span.start.row, 1), end)
    whole = end.row <= len(_LINE_END.split(file.text)) and ";" not in file.offsets.cut(file.text, rows)
    return rows if whole and not _before(span, file).strip() else None


def _before(span: Span, file: _File) -> str:
    """What stands before a span in its first row: the indentation of a statement."""
    return file.offsets.cut(file.text, Span(span.path, Location(span.start.row, 1), span.start))


def _preceded(text: str, node: ir.Expr, path: str, spans: Spans, file: _File) -> Iterator[_Made]:
    """One more statement in a row before that of an expression."""
    held, new = file.statements.get(node.n), statement(text)
    span = None if held is None else spans.get(Place(path, held.n))
    if held is None or new is None or span is None or _before(span, file).strip():
        return
    at = Span(span.path, span.start, span.start)
    yield _Made((Edit(at, text + file.end + _before(span, file)),), {held.n: Preceded(new)})


def _moved(node: ir.Expr, before: Place | None, spans: Spans, file: _File) -> Iterator[_Made]:
    """The statement of an expression in the row before that of another, and no longer where it was."""
    held = file.statements.get(node.n)
    other = None if before is None else file.statements.get(before.n)
    if held is None or other is None or before is None:
        return
    span, target = spans.get(Place(before.path, held.n)), spans.get(Place(before.path, other.n))
    rows = None if span is None else _rows(span, file)
    if span is None or target is None or rows is None or _before(span, file) != _before(target, file):
        return
    at = Span(target.path, target.start, target.start)
    text = file.offsets.cut(file.text, span)
    yield _Made(
        (Edit(at, text + file.end + _before(target, file)), Edit(rows, "")), {held.n: None, other.n: Preceded(held)}
    )


def _replaced(text: str, n: int, span: Span, file: _File) -> Iterator[_Made]:
    new = _spelled(text, file)
    meant = expression(new[0]) if new is not None else None
    if new is not None and meant is not None:
        for written in (new[0], f"({new[0]})"):
            yield _Made((Edit(span, written),), {n: Exchange(meant)}, new[1])


def _wrapped(text: str, node: ir.Expr, span: Span, file: _File) -> Iterator[_Made]:
    around = _around(text, node, file)
    if around is None:
        return
    before, after, meant, imports = around
    for left, right in (("", ""), ("(", ")")):
        edits = (
            Edit(Span(span.path, span.start, span.start), before + left),
            Edit(Span(span.path, span.end, span.end), right + after),
        )
        yield _Made(edits, {node.n: meant}, imports)


def _unwrapped(text: str, node: ir.Expr, inner: ir.Expr, source: str, span: Span, file: _File) -> Iterator[_Made]:
    around = _around(text, inner, file)
    if around is None:
        return
    before, after, meant, imports = around
    for kept in (source, f"({source})"):
        for written in (f"{before}{kept}{after}", f"({before}{kept}{after})"):
            yield _Made((Edit(span, written),), {node.n: meant}, imports)


def _around(text: str, node: ir.Expr, file: _File) -> tuple[str, str, Exchange, tuple[str, ...]] | None:
    """What stands before and behind a node, what the whole means, and the imports that it needs."""
    before, after = (_spelled(part, file) for part in text.split("…"))
    template = None if before is None or after is None else expression(f"{before[0]}{_HOLE}{after[0]}")
    if before is None or after is None or template is None:
        return None
    holes = [n for n, part in _parts(template).items() if isinstance(part, ir.Name) and part.name == _HOLE]
    meant = Exchange(template, {n: Exchange(node) for n in holes})
    return before[0], after[0], meant, before[1] + after[1]


def _parts(node: ir.Expr) -> dict[int, ir.Expr]:
    return expressions(ir.Module([ir.ExprStmt(-1, node)], []))


def _renamed(text: str, node: ir.Expr, span: Span, file: _File) -> Iterator[_Made]:
    """``nn.BCELoss`` or ``BCELoss`` with another last name, of the same module or object."""
    old, new = text.split("…")
    module, _, last = new.rpartition(".")
    if isinstance(node, ir.Attr) and node.name == old and file.offsets.cut(file.text, span).endswith(old):
        if not module or _means(node.value, module, file.names):
            start = Location(span.end.row, span.end.column - len(old))
            exchange = Exchange(ir.Attr(node.n, node.value, last))
            yield _Made((Edit(Span(span.path, start, span.end), last),), {node.n: exchange})
            return
    known = file.names
    meant = known.meaning(_dotted(node))
    if meant is not None and meant.rpartition(".")[2] == old:
        source = module or meant.rpartition(".")[0]
        yield from _replaced(f"{{{source}.{last}}}", node.n, span, file)
    elif isinstance(node, ir.Name) and node.name == old and module in known.stars and known.free(old):
        yield from _replaced(f"{{{new}}}", node.n, span, file)


def _means(node: ir.Expr, module: str, known: Names) -> bool:
    """Whether an expression names a module, as far as the file's own imports say."""
    dotted = _dotted(node)
    meant = known.meaning(dotted)
    return meant == module or (meant is None and dotted != "" and known.free(dotted.partition(".")[0]))


def _dotted(node: ir.Expr) -> str:
    """``torch.nn`` as a text; empty for anything else than names and dots."""
    names: list[str] = []
    while isinstance(node, ir.Attr):
        names.append(node.name)
        node = node.value
    return ".".join([node.name, *reversed(names)]) if isinstance(node, ir.Name) else ""


def _argument(text: str, node: ir.Expr, span: Span, file: _File) -> Iterator[_Made]:
    """One more argument at the end of a call, behind the last token that is there."""
    spelled = _spelled(text, file)
    added = None if spelled is None else expression(f"{_HOLE}({spelled[0]})")
    if spelled is None or not isinstance(node, ir.Call) or not isinstance(added, ir.Call):
        return
    last = _last_token(file.offsets.cut(file.text, span))
    if last is None:
        return
    (row, column), token = last
    at = Location(span.start.row + row - 1, column + (span.start.column if row == 1 else 1))
    lead = "" if token == "(" else " " if token == "," else ", "
    exchange = Exchange(ir.Call(node.n, node.func, [*node.args, *added.args], [*node.keywords, *added.keywords]))
    yield _Made((Edit(Span(span.path, at, at), lead + spelled[0]),), {node.n: exchange}, spelled[1])


def _last_token(call: str) -> tuple[tuple[int, int], str] | None:
    """Where the last token before the closing bracket of a call ends (row from 1, column from 0), and that token."""
    spaces = (tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.ENDMARKER)
    tokens = [token for token in _tokens(f"({call})") if token.type not in spaces]
    if len(tokens) < 4 or tokens[-2].string != ")":
        return None
    (row, column), token = tokens[-3].end, tokens[-3].string
    return (row, column - 1 if row == 1 else column), token


def _tokens(text: str) -> list[tokenize.TokenInfo]:
    """The tokens of a text, as far as Python's own tokenizer can tell them."""
    found: list[tokenize.TokenInfo] = []
    try:
        for token in tokenize.generate_tokens(io.StringIO(text, newline="").readline):
            found.append(token)
    except (tokenize.TokenError, SyntaxError):
        pass
    return found


def _comments(text: str) -> Counter[str]:
    tokens = _tokens(text) if "#" in text else []
    return Counter(token.string for token in tokens if token.type == tokenize.COMMENT)


def _spelled(text: str, file: _File) -> tuple[str, tuple[str, ...]] | None:
    """A text with the names in its slots as the file spells them, and the imports that it needs for that."""
    imports: list[str] = []
    for full in _SLOT.findall(text):
        spelled = file.names.spelled(full)
        if spelled is None:
            return None
        text = text.replace(f"{{{full}}}", spelled[0])
        imports += [spelled[1]] if spelled[1] else []
    return text, tuple(imports)


def _imports(path: str, file: _File, statements: Collection[str]) -> list[Edit]:
    """Import statements as edits, in one order whatever asked for them."""
    row = insertion_row(file.text, file.module) if statements else None
    if row is None:
        return []
    lines = _LINE_END.split(file.text)
    if row <= len(lines):
        at, text = Location(row, 1), "".join(line + file.end for line in sorted(statements))
    else:  # the last line, which has no end
        at = Location(len(lines), len(lines[-1]) + 1)
        text = "".join(file.end + line for line in sorted(statements))
    return [Edit(Span(path, at, at), text)]
