"""The intermediate representation: what a file says, without how it is spelled.

Definitions
    node      one `msgspec.Struct`; expressions and statements are nodes
    number    `n` of a node: the order in which the lowering met its concrete syntax; the same bytes always give
              the same numbers, so a number is a position that has not been looked up yet (see `positions`)
    suite     a list of statements

Worked example: ``y = f(x, k=1)`` lowers to::

    Assign(n=0, targets=[Name(n=1, name="y")],
           value=Call(n=2, func=Name(n=3, name="f"), args=[Name(n=4, name="x")], keywords=[Keyword("k", Const(1))]))

Nodes hold no concrete syntax and no positions, and they survive msgpack, so they can be cached by content.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec


class Node(msgspec.Struct, gc=False, array_like=True, tag=True, tag_field="node"):
    """Base of every node of the IR."""


# --- expressions -------------------------------------------------------------------------------------------------


class Const(Node):
    """A literal: None, a bool, an int, a float or a str (adjacent string literals are joined)."""

    n: int
    value: bool | int | float | str | None


class Bytes(Node):
    """A bytes literal; its content never matters here."""

    n: int


class Dots(Node):
    """The literal ``...``."""

    n: int


class Opaque(Node):
    """An expression whose value is never known (``yield``, a complex literal, …); `children` are still evaluated."""

    n: int
    children: list[Expr]


class Name(Node):
    n: int
    name: str


class Attr(Node):
    """``value.name``."""

    n: int
    value: Expr
    name: str


class Keyword(Node):
    """``name=value`` in a call or a class statement; `name` is None for ``**value``."""

    name: str | None
    value: Expr


class Call(Node):
    """``func(*args, **keywords)``; a starred positional argument is a `Starred` in `args`."""

    n: int
    func: Expr
    args: list[Expr]
    keywords: list[Keyword]


class Starred(Node):
    n: int
    value: Expr


class Slice(Node):
    n: int
    lower: Expr | None
    upper: Expr | None
    step: Expr | None


class Subscript(Node):
    """``value[index]``; several indices make `index` a `TupleExpr`."""

    n: int
    value: Expr
    index: Expr


class TupleExpr(Node):
    n: int
    items: list[Expr]


class ListExpr(Node):
    n: int
    items: list[Expr]


class SetExpr(Node):
    n: int
    items: list[Expr]


class DictExpr(Node):
    """``{k: v, **m}``: a key of None marks ``**value``."""

    n: int
    keys: list[Expr | None]
    values: list[Expr]


class BinOp(Node):
    """``left op right`` with op one of ``+ - * / // % ** @ << >> & | ^``."""

    n: int
    op: str
    left: Expr
    right: Expr


class UnaryOp(Node):
    """``op operand`` with op one of ``- + ~ not``."""

    n: int
    op: str
    operand: Expr


class BoolOp(Node):
    """``a and b and c``: op is ``and`` or ``or``; runs of one operator are one node."""

    n: int
    op: str
    values: list[Expr]


class Compare(Node):
    """``left op0 c0 op1 c1 …`` with ops of ``== != < <= > >= in`` ``not in`` ``is`` ``is not``."""

    n: int
    left: Expr
    ops: list[str]
    comparators: list[Expr]


class IfExp(Node):
    n: int
    test: Expr
    body: Expr
    orelse: Expr


class Param(Node):
    """A parameter. kind: ``pos`` (positional only), ``any``, ``args`` (``*x``), ``kw`` (keyword only), ``kwargs``."""

    name: str
    kind: str
    default: Expr | None
    annotation: Expr | None


class Lambda(Node):
    n: int
    params: list[Param]
    body: Expr


class Generator(Node):
    """``for target in iter if ifs…`` of a comprehension."""

    target: Expr
    iter: Expr
    ifs: list[Expr]


class Comp(Node):
    """A comprehension. kind: ``list``, ``set``, ``dict`` (key in `elt`, value in `value`) or ``gen``."""

    n: int
    kind: str
    elt: Expr
    value: Expr | None
    generators: list[Generator]


class Format(Node):
    """An f-string: `parts` are its literal pieces (`Const`) and replaced expressions, in order."""

    n: int
    parts: list[Expr]


class Walrus(Node):
    n: int
    target: Expr
    value: Expr


class Await(Node):
    n: int
    value: Expr


Expr = (
    Const | Bytes | Dots | Opaque | Name | Attr | Call | Starred | Slice | Subscript | TupleExpr | ListExpr
    | SetExpr | DictExpr | BinOp | UnaryOp | BoolOp | Compare | IfExp | Lambda | Comp | Format | Walrus | Await
)  # fmt: skip

# --- statements --------------------------------------------------------------------------------------------------


class Assign(Node):
    """``t0 = t1 = value``."""

    n: int
    targets: list[Expr]
    value: Expr


class AnnAssign(Node):
    """``target: annotation = value``; `value` is None for a bare annotation."""

    n: int
    target: Expr
    annotation: Expr
    value: Expr | None


class AugAssign(Node):
    """``target op= value``; `op` without the ``=``."""

    n: int
    op: str
    target: Expr
    value: Expr


class ExprStmt(Node):
    n: int
    value: Expr


class Return(Node):
    n: int
    value: Expr | None


class If(Node):
    """``if``; an ``elif`` is an `If` alone in `orelse`."""

    n: int
    test: Expr
    body: list[Stmt]
    orelse: list[Stmt]


class For(Node):
    n: int
    target: Expr
    iter: Expr
    body: list[Stmt]
    orelse: list[Stmt]


class While(Node):
    n: int
    test: Expr
    body: list[Stmt]
    orelse: list[Stmt]


class WithItem(Node):
    value: Expr
    target: Expr | None


class With(Node):
    n: int
    items: list[WithItem]
    body: list[Stmt]


class Handler(Node):
    """``except type as name: body``; `type` is None for a bare ``except``."""

    type: Expr | None
    name: str | None
    body: list[Stmt]


class Try(Node):
    n: int
    body: list[Stmt]
    handlers: list[Handler]
    orelse: list[Stmt]
    final: list[Stmt]


class Raise(Node):
    n: int
    value: Expr | None


class Assert(Node):
    n: int
    test: Expr


class Delete(Node):
    n: int
    targets: list[Expr]


class ImportName(Node):
    """``name as alias`` of either import statement; `name` may be dotted in ``import a.b``."""

    name: str
    alias: str | None


class Import(Node):
    n: int
    names: list[ImportName]


class ImportFrom(Node):
    """``from ..module import names``: `level` counts the dots; ``import *`` has an empty `names`."""

    n: int
    module: str
    level: int
    names: list[ImportName]


class Scope(Node):
    """``global a`` / ``nonlocal a``; kind is ``global`` or ``nonlocal``."""

    n: int
    kind: str
    names: list[str]


class Jump(Node):
    """``pass``, ``break`` or ``continue``."""

    n: int
    kind: str


class FunctionDef(Node):
    """``def``. `n` is the number of the name, so a report lands there.

    `uses` lists, sorted and once each, the last component of everything the body (nested functions included) calls
    or reads as an attribute, and every bare name it reads: enough to ask cheaply what a function can reach.
    """

    n: int
    name: str
    params: list[Param]
    body: list[Stmt]
    decorators: list[Expr]
    is_async: bool
    is_generator: bool
    uses: list[str]


class ClassDef(Node):
    n: int
    name: str
    bases: list[Expr]
    keywords: list[Keyword]
    body: list[Stmt]
    decorators: list[Expr]


class Case(Node):
    pattern: Pattern
    guard: Expr | None
    body: list[Stmt]


class Match(Node):
    n: int
    subject: Expr
    cases: list[Case]


Stmt = (
    Assign | AnnAssign | AugAssign | ExprStmt | Return | If | For | While | With | Try | Raise | Assert | Delete
    | Import | ImportFrom | Scope | Jump | FunctionDef | ClassDef | Match
)  # fmt: skip

# --- match patterns ----------------------------------------------------------------------------------------------


class ValuePattern(Node):
    """A literal or dotted name that is compared."""

    value: Expr


class CapturePattern(Node):
    """``name``, ``_`` (name None), or ``pattern as name``."""

    name: str | None
    pattern: Pattern | None


class OrPattern(Node):
    patterns: list[Pattern]


class OtherPattern(Node):
    """A sequence, mapping or class pattern: what it binds is unknown; `names` are bound."""

    names: list[str]


Pattern = ValuePattern | CapturePattern | OrPattern | OtherPattern


class Module(Node):
    """A file. `uses` is as in `FunctionDef`, for the statements outside functions."""

    body: list[Stmt]
    uses: list[str]


def blocks(node: Node) -> Iterator[Stmt]:
    """The statements directly inside a statement."""
    for name in ("body", "orelse", "final"):
        yield from getattr(node, name, ())
    for part in (*getattr(node, "handlers", ()), *getattr(node, "cases", ())):
        yield from part.body
