"""From libcst's tree to the IR, in one pass: statements, patterns, and the way in.

Definitions
    small     a statement of a simple line: several may share one, parted by ``;``
    ladder    an ``if`` and its ``elif``s

Worked example: ``lower(parse("y = f(x)\\n"))`` is ``Module(body=[Assign(...)], uses=["f", "x"])``.

The pass is written by hand and calls through two tables, because a generic visitor costs hundreds of times as much.
Numbers depend on the tree alone. So does the depth of the result, which is bounded: an expression that is nested past
the bound is `Opaque`, a ladder past it is a `Match` that says the same, and a block past it raises `TooDeepError`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import libcst as cst

from torchlint.syntax import ir
from torchlint.syntax.lower_expr import AUGMENTED, DEEPEST, State, expression, parameters, target
from torchlint.syntax.tree import TOO_DEEP, SyntaxProblem, parse

LONGEST_LADDER = 50


class TooDeepError(Exception):
    """Blocks are nested deeper than any program that Python itself accepts."""


Step: TypeAlias = Callable[[Any, State, int], ir.Stmt]


def lower(tree: cst.Module, record: list[cst.CSTNode] | None = None) -> ir.Module:
    """The IR of `tree`; the concrete node of number n is put at index n of an empty `record`."""
    s = State()
    body = _statements(tree.body, s, 2)
    if record is not None:
        record.extend(s)
    return ir.Module(body, sorted(s.uses))


def read(text: str) -> ir.Module | SyntaxProblem:
    """The IR of a text. Never raises."""
    tree = parse(text)
    if isinstance(tree, SyntaxProblem):
        return tree
    try:
        return lower(tree)
    except TooDeepError:
        return TOO_DEEP


def _statements(nodes: Sequence[cst.CSTNode], s: State, d: int) -> list[ir.Stmt]:
    if d > DEEPEST:
        raise TooDeepError
    body: list[ir.Stmt] = []
    for node in nodes:
        if type(node) is cst.SimpleStatementLine:
            for small in node.body:
                body.append(TABLE[type(small)](small, s, d))
        else:
            body.append(TABLE[type(node)](node, s, d))
    return body


def _suite(node: cst.BaseSuite, s: State, d: int) -> list[ir.Stmt]:
    return _statements(node.body, s, d + 2)


# --- simple statements -------------------------------------------------------------------------------------------


def _assign(node: cst.Assign, s: State, d: int) -> ir.Stmt:
    n = len(s)
    s.append(node)
    targets = [target(item.target, s, d + 2) for item in node.targets]
    return ir.Assign(n, targets, expression(node.value, s, d + 1))


def _annotated(node: cst.AnnAssign, s: State, d: int) -> ir.Stmt:
    n = s.number(node)
    bound = target(node.target, s, d + 1)
    annotation = expression(node.annotation.annotation, s, d + 1)
    return ir.AnnAssign(n, bound, annotation, _maybe(node.value, s, d + 1))


def _augmented(node: cst.AugAssign, s: State, d: int) -> ir.Stmt:
    n = s.number(node)
    op = AUGMENTED[type(node.operator)]
    return ir.AugAssign(n, op, expression(node.target, s, d + 1), expression(node.value, s, d + 1))


def _alias(node: cst.TypeAlias, s: State, d: int) -> ir.Stmt:
    n = s.number(node)
    return ir.Assign(n, [target(node.name, s, d + 2)], expression(node.value, s, d + 1))


def _expr(node: cst.Expr, s: State, d: int) -> ir.Stmt:
    n = len(s)
    s.append(node)
    return ir.ExprStmt(n, expression(node.value, s, d + 1))


def _return(node: cst.Return, s: State, d: int) -> ir.Stmt:
    n = len(s)
    s.append(node)
    return ir.Return(n, _maybe(node.value, s, d + 1))


def _raise(node: cst.Raise, s: State, d: int) -> ir.Stmt:
    n = s.number(node)
    return ir.Raise(n, _maybe(node.exc, s, d + 1))


def _assert(node: cst.Assert, s: State, d: int) -> ir.Stmt:
    n = s.number(node)
    return ir.Assert(n, expression(node.test, s, d + 1))


def _delete(node: cst.Del, s: State, d: int) -> ir.Stmt:
    n = s.number(node)
    gone: cst.CSTNode = node.target
    items = [element.value for element in gone.elements] if isinstance(gone, (cst.Tuple, cst.List)) else [gone]
    return ir.Delete(n, [target(item, s, d + 2) for item in items])


def _import(node: cst.Import, s: State, d: int) -> ir.Stmt:
    n = s.number(node)
    return ir.Import(n, [_imported(item) for item in node.names])


def _import_from(node: cst.ImportFrom, s: State, d: int) -> ir.Stmt:
    n = s.number(node)
    module = "" if node.module is None else _dotted(node.module)
    names = [] if isinstance(node.names, cst.ImportStar) else [_imported(item) for item in node.names]
    return ir.ImportFrom(n, module, len(node.relative), names)


def _imported(node: cst.ImportAlias) -> ir.ImportName:
    return ir.ImportName(_dotted(node.name), _bound(node.asname))


def _dotted(node: cst.BaseExpression) -> str:
    backwards: list[str] = []
    while type(node) is cst.Attribute:
        backwards.append(node.attr.value)
        node = node.value
    if type(node) is cst.Name:
        backwards.append(node.value)
    return ".".join(reversed(backwards))


def _bound(node: cst.AsName | None) -> str | None:
    return node.name.value if node is not None and type(node.name) is cst.Name else None


def _global(node: cst.Global, s: State, d: int) -> ir.Stmt:
    return ir.Scope(s.number(node), "global", [item.name.value for item in node.names])


def _nonlocal(node: cst.Nonlocal, s: State, d: int) -> ir.Stmt:
    return ir.Scope(s.number(node), "nonlocal", [item.name.value for item in node.names])


def _pass(node: cst.Pass, s: State, d: int) -> ir.Stmt:
    return ir.Jump(s.number(node), "pass")


def _break(node: cst.Break, s: State, d: int) -> ir.Stmt:
    return ir.Jump(s.number(node), "break")


def _continue(node: cst.Continue, s: State, d: int) -> ir.Stmt:
    return ir.Jump(s.number(node), "continue")


def _unknown(node: cst.CSTNode, s: State, d: int) -> ir.Stmt:
    n = s.number(node)
    return ir.ExprStmt(n, ir.Opaque(s.number(node), []))


def _maybe(node: cst.BaseExpression | None, s: State, d: int) -> ir.Expr | None:
    return None if node is None else expression(node, s, d)


# --- control flow ------------------------------------------------------------------------------------------------


def _if(node: cst.If, s: State, d: int) -> ir.Stmt:
    rungs = 0
    after = node.orelse
    while type(after) is cst.If:
        rungs += 1
        after = after.orelse
    return _rung(node, s, d) if rungs <= LONGEST_LADDER else _ladder(node, s, d)


def _rung(node: cst.If, s: State, d: int) -> ir.Stmt:
    n = len(s)
    s.append(node)
    test = expression(node.test, s, d + 1)
    body = _suite(node.body, s, d)
    after = node.orelse
    if after is None:
        return ir.If(n, test, body, [])
    if type(after) is cst.If:
        return ir.If(n, test, body, [_rung(after, s, d + 2)])
    return ir.If(n, test, body, _suite(after.body, s, d))


def _ladder(node: cst.If, s: State, d: int) -> ir.Stmt:
    """A long ladder as ``match None:`` with a guarded ``case _`` for each rung: the same meaning, and flat."""
    n = s.number(node)
    subject = ir.Const(s.number(node), None)
    cases: list[ir.Case] = []
    after: cst.If | cst.Else | None = node
    while type(after) is cst.If:
        guard = expression(after.test, s, d + 3)
        cases.append(ir.Case(ir.CapturePattern(None, None), guard, _suite(after.body, s, d + 2)))
        after = after.orelse
    if after is not None:
        cases.append(ir.Case(ir.CapturePattern(None, None), None, _suite(after.body, s, d + 2)))
    return ir.Match(n, subject, cases)


def _otherwise(node: cst.Else | None, s: State, d: int) -> list[ir.Stmt]:
    return [] if node is None else _suite(node.body, s, d)


def _for(node: cst.For, s: State, d: int) -> ir.Stmt:
    n = s.number(node)
    bound = target(node.target, s, d + 1)
    values = expression(node.iter, s, d + 1)
    body = _suite(node.body, s, d)
    return ir.For(n, bound, values, body, _otherwise(node.orelse, s, d))


def _while(node: cst.While, s: State, d: int) -> ir.Stmt:
    n = s.number(node)
    test = expression(node.test, s, d + 1)
    body = _suite(node.body, s, d)
    return ir.While(n, test, body, _otherwise(node.orelse, s, d))


def _with(node: cst.With, s: State, d: int) -> ir.Stmt:
    n = s.number(node)
    items: list[ir.WithItem] = []
    for item in node.items:
        value = expression(item.item, s, d + 3)
        items.append(ir.WithItem(value, None if item.asname is None else target(item.asname.name, s, d + 3)))
    return ir.With(n, items, _suite(node.body, s, d))


def _try(node: cst.Try | cst.TryStar, s: State, d: int) -> ir.Stmt:
    n = s.number(node)
    body = _suite(node.body, s, d)
    handlers: list[ir.Handler] = []
    for handler in node.handlers:
        caught = _maybe(handler.type, s, d + 3)
        handlers.append(ir.Handler(caught, _bound(handler.name), _suite(handler.body, s, d + 2)))
    orelse = _otherwise(node.orelse, s, d)
    final = [] if node.finalbody is None else _suite(node.finalbody.body, s, d)
    return ir.Try(n, body, handlers, orelse, final)


# --- definitions -------------------------------------------------------------------------------------------------


def _function(node: cst.FunctionDef, s: State, d: int) -> ir.Stmt:
    n = len(s)
    s.append(node.name)
    decorators = [expression(item.decorator, s, d + 2) for item in node.decorators]
    params = parameters(node.params, s, d + 2)
    outer, outer_yields = s.uses, s.yields
    s.uses, s.yields = set(), False
    s.functions += 1
    body = _suite(node.body, s, d)
    s.functions -= 1
    inner, yields = s.uses, s.yields
    s.uses, s.yields = outer, outer_yields
    if s.functions:
        outer |= inner
    return ir.FunctionDef(
        n, node.name.value, params, body, decorators, node.asynchronous is not None, yields, sorted(inner)
    )


def _class(node: cst.ClassDef, s: State, d: int) -> ir.Stmt:
    n = s.number(node.name)
    decorators = [expression(item.decorator, s, d + 2) for item in node.decorators]
    bases: list[ir.Expr] = []
    for base in node.bases:
        if base.star:
            m = s.number(base)
            bases.append(ir.Starred(m, expression(base.value, s, d + 3)))
        else:
            bases.append(expression(base.value, s, d + 2))
    keywords: list[ir.Keyword] = []
    for word in node.keywords:
        value = expression(word.value, s, d + 3)
        keywords.append(ir.Keyword(None if word.keyword is None else word.keyword.value, value))
    return ir.ClassDef(n, node.name.value, bases, keywords, _suite(node.body, s, d), decorators)


# --- match -------------------------------------------------------------------------------------------------------


def _match(node: cst.Match, s: State, d: int) -> ir.Stmt:
    n = s.number(node)
    subject = expression(node.subject, s, d + 1)
    cases: list[ir.Case] = []
    for case in node.cases:
        pattern = _pattern(case.pattern, s, d + 3)
        guard = _maybe(case.guard, s, d + 3)
        cases.append(ir.Case(pattern, guard, _suite(case.body, s, d + 2)))
    return ir.Match(n, subject, cases)


def _pattern(node: cst.MatchPattern, s: State, d: int) -> ir.Pattern:
    if isinstance(node, (cst.MatchValue, cst.MatchSingleton)):
        return ir.ValuePattern(expression(node.value, s, d + 1))
    if isinstance(node, cst.MatchAs) and d <= DEEPEST:
        word = None if node.name is None else node.name.value
        return ir.CapturePattern(word, None if node.pattern is None else _pattern(node.pattern, s, d + 1))
    if isinstance(node, cst.MatchOr) and d <= DEEPEST:
        return ir.OrPattern([_pattern(item.pattern, s, d + 2) for item in node.patterns])
    names: list[str] = []
    _captured(node, names)
    return ir.OtherPattern(names)


def _captured(node: cst.CSTNode, names: list[str]) -> None:
    """Append what a pattern binds, from left to right; looped, because patterns nest."""
    stack: list[cst.CSTNode] = [node]
    while stack:
        node = stack.pop()
        if isinstance(node, (cst.MatchAs, cst.MatchStar)):
            if node.name is not None:
                names.append(node.name.value)
            if isinstance(node, cst.MatchAs) and node.pattern is not None:
                stack.append(node.pattern)
        elif isinstance(node, cst.MatchOr):
            stack.extend(item.pattern for item in reversed(node.patterns))
        elif isinstance(node, (cst.MatchList, cst.MatchTuple)):
            stack.extend(reversed(node.patterns))
        elif isinstance(node, cst.MatchSequenceElement):
            stack.append(node.value)
        elif isinstance(node, cst.MatchMapping):
            if node.rest is not None:
                stack.append(cst.MatchStar(node.rest))
            stack.extend(item.pattern for item in reversed(node.elements))
        elif isinstance(node, cst.MatchClass):
            stack.extend(item.pattern for item in reversed(node.kwds))
            stack.extend(reversed(node.patterns))


class _Table(dict[type, Step]):
    """Which function lowers which statement; one that nobody knows does something unknown."""

    def __missing__(self, kind: type) -> Step:
        return _unknown


TABLE = _Table(
    {
        cst.Assign: _assign, cst.AnnAssign: _annotated, cst.AugAssign: _augmented, cst.Expr: _expr,
        cst.Return: _return, cst.Raise: _raise, cst.Assert: _assert, cst.Del: _delete, cst.Import: _import,
        cst.ImportFrom: _import_from, cst.Global: _global, cst.Nonlocal: _nonlocal, cst.Pass: _pass,
        cst.Break: _break, cst.Continue: _continue, cst.TypeAlias: _alias, cst.If: _if, cst.For: _for,
        cst.While: _while, cst.With: _with, cst.Try: _try, cst.TryStar: _try, cst.FunctionDef: _function,
        cst.ClassDef: _class, cst.Match: _match,
    }
)  # fmt: skip
