"""Expressions: from libcst's nodes to the IR's.

Definitions
    state     what one lowering carries along: the numbered nodes, the names in use, whether a ``yield`` was seen
    depth     how many levels of msgpack nesting are above a node; past `DEEPEST` an expression becomes `Opaque`
    target    an expression that is bound, not read

Each function takes a node, the state and the depth. A number is handed out by appending the concrete node to the
state, before anything below it is lowered: so numbers follow the text from left to right, outer before inner.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import libcst as cst

from torchlint.syntax import ir, literals

DEEPEST = 300


class State(list[cst.CSTNode]):
    """The concrete nodes that have a number, in order, and what is known of the function being lowered."""

    __slots__ = ("functions", "uses", "yields")

    def __init__(self) -> None:
        self.functions = 0
        self.uses: set[str] = set()
        self.yields = False

    def number(self, node: cst.CSTNode) -> int:
        """The next number, which is `node`'s from now on. Hot functions do the same in line."""
        n = len(self)
        self.append(node)
        return n


Lowered: TypeAlias = Callable[[Any, State, int], ir.Expr]


class Table(dict[type, Lowered]):
    """Which function lowers which node; a node that nobody knows is `Opaque`."""

    def __missing__(self, kind: type) -> Lowered:
        return _opaque


def _opaque(node: cst.CSTNode, s: State, d: int) -> ir.Expr:
    """An expression of unknown value, and nothing inside is looked at."""
    return ir.Opaque(s.number(node), [])


# --- names and literals ------------------------------------------------------------------------------------------

_SINGLETONS: dict[str, bool | None] = {"None": None, "True": True, "False": False}


def _name(node: cst.Name, s: State, d: int) -> ir.Expr:
    n = len(s)
    s.append(node)
    value = node.value
    if value in _SINGLETONS:
        return ir.Const(n, _SINGLETONS[value])
    s.uses.add(value)
    return ir.Name(n, value)


def _integer(node: cst.Integer, s: State, d: int) -> ir.Expr:
    n = len(s)
    s.append(node)
    value = literals.integer(node.value)
    return ir.Opaque(n, []) if value is None else ir.Const(n, value)


def _real(node: cst.Float, s: State, d: int) -> ir.Expr:
    n = s.number(node)
    value = literals.real(node.value)
    return ir.Opaque(n, []) if value is None else ir.Const(n, value)


def _string(node: cst.SimpleString, s: State, d: int) -> ir.Expr:
    n = len(s)
    s.append(node)
    value = literals.text(node.value)
    return ir.Bytes(n) if value is None else ir.Const(n, value)


def _dots(node: cst.Ellipsis, s: State, d: int) -> ir.Expr:
    return ir.Dots(s.number(node))


def _joined(node: cst.ConcatenatedString, s: State, d: int) -> ir.Expr:
    """Adjacent literals: a `Const`, `Bytes`, or a `Format` as soon as one of them is an f-string."""
    n = s.number(node)
    pieces: list[cst.CSTNode] = []
    rest: cst.CSTNode = node
    while type(rest) is cst.ConcatenatedString:
        pieces.append(rest.left)
        rest = rest.right
    pieces.append(rest)
    if all(type(piece) is cst.SimpleString for piece in pieces):
        values = [literals.text(piece.value) for piece in pieces if type(piece) is cst.SimpleString]
        words = [value for value in values if value is not None]
        return ir.Const(n, "".join(words)) if len(words) == len(values) else ir.Bytes(n)
    parts: list[ir.Expr] = []
    template = False
    for piece in pieces:
        if type(piece) is cst.FormattedString or type(piece) is cst.TemplatedString:
            template = template or type(piece) is cst.TemplatedString
            _parts(piece, parts, s, d)
        else:
            parts.append(TABLE[type(piece)](piece, s, d + 2))
    return ir.Opaque(n, parts) if template else ir.Format(n, parts)


def _formatted(node: cst.FormattedString, s: State, d: int) -> ir.Expr:
    n = s.number(node)
    if d > DEEPEST:
        return ir.Opaque(n, [])
    parts: list[ir.Expr] = []
    _parts(node, parts, s, d)
    return ir.Format(n, parts)


def _template(node: cst.TemplatedString, s: State, d: int) -> ir.Expr:
    n = s.number(node)
    if d > DEEPEST:
        return ir.Opaque(n, [])
    parts: list[ir.Expr] = []
    _parts(node, parts, s, d)
    return ir.Opaque(n, parts)


def _parts(node: cst.FormattedString | cst.TemplatedString, parts: list[ir.Expr], s: State, d: int) -> None:
    raw = "r" in node.start.lower()
    for part in node.parts:
        if type(part) is cst.FormattedStringText or type(part) is cst.TemplatedStringText:
            written = literals.body(part.value.replace("{{", "{").replace("}}", "}"), raw)
            parts.append(ir.Const(s.number(part), written))
        elif type(part) is cst.FormattedStringExpression or type(part) is cst.TemplatedStringExpression:
            inner = part.expression
            parts.append(TABLE[type(inner)](inner, s, d + 2))


# --- access ------------------------------------------------------------------------------------------------------


def _attribute(node: cst.Attribute, s: State, d: int) -> ir.Expr:
    n = len(s)
    s.append(node)
    if d > DEEPEST:
        return ir.Opaque(n, [])
    word = node.attr.value
    s.uses.add(word)
    value = node.value
    return ir.Attr(n, TABLE[type(value)](value, s, d + 1), word)


def _call(node: cst.Call, s: State, d: int) -> ir.Expr:
    n = len(s)
    s.append(node)
    if d > DEEPEST:
        return ir.Opaque(n, [])
    func = node.func
    head = TABLE[type(func)](func, s, d + 1)
    args: list[ir.Expr] = []
    keywords: list[ir.Keyword] = []
    for arg in node.args:
        value = arg.value
        word = arg.keyword
        if word is not None:
            keywords.append(ir.Keyword(word.value, TABLE[type(value)](value, s, d + 3)))
        elif not arg.star:
            args.append(TABLE[type(value)](value, s, d + 2))
        elif arg.star == "*":
            m = s.number(arg)
            args.append(ir.Starred(m, TABLE[type(value)](value, s, d + 3)))
        else:
            keywords.append(ir.Keyword(None, TABLE[type(value)](value, s, d + 3)))
    return ir.Call(n, head, args, keywords)


def _subscript(node: cst.Subscript, s: State, d: int) -> ir.Expr:
    n = len(s)
    s.append(node)
    if d > DEEPEST:
        return ir.Opaque(n, [])
    value = node.value
    base = TABLE[type(value)](value, s, d + 1)
    elements = node.slice
    if len(elements) == 1 and type(elements[0].comma) is not cst.Comma:
        return ir.Subscript(n, base, _index(elements[0].slice, s, d + 1))
    m = s.number(node)
    return ir.Subscript(n, base, ir.TupleExpr(m, [_index(element.slice, s, d + 3) for element in elements]))


def _index(node: cst.BaseSlice, s: State, d: int) -> ir.Expr:
    if type(node) is cst.Index:
        value = node.value
        if node.star:
            m = s.number(node)
            return ir.Starred(m, TABLE[type(value)](value, s, d + 1))
        return TABLE[type(value)](value, s, d)
    if type(node) is not cst.Slice:
        return _opaque(node, s, d)
    n = s.number(node)
    lower, upper, step = node.lower, node.upper, node.step
    return ir.Slice(
        n,
        None if lower is None else TABLE[type(lower)](lower, s, d + 1),
        None if upper is None else TABLE[type(upper)](upper, s, d + 1),
        None if step is None else TABLE[type(step)](step, s, d + 1),
    )


# --- displays ----------------------------------------------------------------------------------------------------


def _items(elements: Sequence[cst.BaseElement], s: State, d: int) -> list[ir.Expr]:
    items: list[ir.Expr] = []
    for element in elements:
        value = element.value
        if type(element) is cst.StarredElement:
            m = s.number(element)
            items.append(ir.Starred(m, TABLE[type(value)](value, s, d + 1)))
        else:
            items.append(TABLE[type(value)](value, s, d))
    return items


def _tuple(node: cst.Tuple, s: State, d: int) -> ir.Expr:
    n = s.number(node)
    return ir.Opaque(n, []) if d > DEEPEST else ir.TupleExpr(n, _items(node.elements, s, d + 2))


def _list(node: cst.List, s: State, d: int) -> ir.Expr:
    n = s.number(node)
    return ir.Opaque(n, []) if d > DEEPEST else ir.ListExpr(n, _items(node.elements, s, d + 2))


def _set(node: cst.Set, s: State, d: int) -> ir.Expr:
    n = s.number(node)
    return ir.Opaque(n, []) if d > DEEPEST else ir.SetExpr(n, _items(node.elements, s, d + 2))


def _dict(node: cst.Dict, s: State, d: int) -> ir.Expr:
    n = s.number(node)
    if d > DEEPEST:
        return ir.Opaque(n, [])
    keys: list[ir.Expr | None] = []
    values: list[ir.Expr] = []
    for element in node.elements:
        if type(element) is cst.DictElement:
            key = element.key
            keys.append(TABLE[type(key)](key, s, d + 2))
        else:
            keys.append(None)
        value = element.value
        values.append(TABLE[type(value)](value, s, d + 2))
    return ir.DictExpr(n, keys, values)


def _starred(node: cst.StarredElement, s: State, d: int) -> ir.Expr:
    n = s.number(node)
    if d > DEEPEST:
        return ir.Opaque(n, [])
    value = node.value
    return ir.Starred(n, TABLE[type(value)](value, s, d + 1))


# --- operators ---------------------------------------------------------------------------------------------------

BINARY: dict[type, str] = {
    cst.Add: "+", cst.Subtract: "-", cst.Multiply: "*", cst.Divide: "/", cst.FloorDivide: "//", cst.Modulo: "%",
    cst.Power: "**", cst.MatrixMultiply: "@", cst.LeftShift: "<<", cst.RightShift: ">>", cst.BitAnd: "&",
    cst.BitOr: "|", cst.BitXor: "^",
}  # fmt: skip
AUGMENTED: dict[type, str] = {
    cst.AddAssign: "+", cst.SubtractAssign: "-", cst.MultiplyAssign: "*", cst.DivideAssign: "/",
    cst.FloorDivideAssign: "//", cst.ModuloAssign: "%", cst.PowerAssign: "**", cst.MatrixMultiplyAssign: "@",
    cst.LeftShiftAssign: "<<", cst.RightShiftAssign: ">>", cst.BitAndAssign: "&", cst.BitOrAssign: "|",
    cst.BitXorAssign: "^",
}  # fmt: skip
_UNARY: dict[type, str] = {cst.Minus: "-", cst.Plus: "+", cst.BitInvert: "~", cst.Not: "not"}
_COMPARE: dict[type, str] = {
    cst.Equal: "==", cst.NotEqual: "!=", cst.LessThan: "<", cst.LessThanEqual: "<=", cst.GreaterThan: ">",
    cst.GreaterThanEqual: ">=", cst.In: "in", cst.NotIn: "not in", cst.Is: "is", cst.IsNot: "is not",
}  # fmt: skip


def _binary(node: cst.BinaryOperation, s: State, d: int) -> ir.Expr:
    n = len(s)
    s.append(node)
    if d > DEEPEST:
        return ir.Opaque(n, [])
    left, right = node.left, node.right
    return ir.BinOp(
        n, BINARY[type(node.operator)], TABLE[type(left)](left, s, d + 1), TABLE[type(right)](right, s, d + 1)
    )


def _unary(node: cst.UnaryOperation, s: State, d: int) -> ir.Expr:
    n = s.number(node)
    if d > DEEPEST:
        return ir.Opaque(n, [])
    value = node.expression
    return ir.UnaryOp(n, _UNARY[type(node.operator)], TABLE[type(value)](value, s, d + 1))


def _boolean(node: cst.BooleanOperation, s: State, d: int) -> ir.Expr:
    n = s.number(node)
    if d > DEEPEST:
        return ir.Opaque(n, [])
    kind = type(node.operator)
    backwards: list[cst.BaseExpression] = [node.right]
    left = node.left
    while type(left) is cst.BooleanOperation and type(left.operator) is kind:
        backwards.append(left.right)
        left = left.left
    backwards.append(left)
    values = [TABLE[type(value)](value, s, d + 2) for value in reversed(backwards)]
    return ir.BoolOp(n, "and" if kind is cst.And else "or", values)


def _comparison(node: cst.Comparison, s: State, d: int) -> ir.Expr:
    n = s.number(node)
    if d > DEEPEST:
        return ir.Opaque(n, [])
    left = node.left
    first = TABLE[type(left)](left, s, d + 1)
    ops: list[str] = []
    comparators: list[ir.Expr] = []
    for target in node.comparisons:
        ops.append(_COMPARE[type(target.operator)])
        value = target.comparator
        comparators.append(TABLE[type(value)](value, s, d + 2))
    return ir.Compare(n, first, ops, comparators)


def _conditional(node: cst.IfExp, s: State, d: int) -> ir.Expr:
    n = s.number(node)
    if d > DEEPEST:
        return ir.Opaque(n, [])
    body, test, orelse = node.body, node.test, node.orelse
    yes = TABLE[type(body)](body, s, d + 1)
    return ir.IfExp(n, TABLE[type(test)](test, s, d + 1), yes, TABLE[type(orelse)](orelse, s, d + 1))


def _walrus(node: cst.NamedExpr, s: State, d: int) -> ir.Expr:
    n = s.number(node)
    if d > DEEPEST:
        return ir.Opaque(n, [])
    value = node.value
    return ir.Walrus(n, target(node.target, s, d + 1), TABLE[type(value)](value, s, d + 1))


def _await(node: cst.Await, s: State, d: int) -> ir.Expr:
    n = s.number(node)
    if d > DEEPEST:
        return ir.Opaque(n, [])
    value = node.expression
    return ir.Await(n, TABLE[type(value)](value, s, d + 1))


def _yield(node: cst.Yield, s: State, d: int) -> ir.Expr:
    n = s.number(node)
    s.yields = True
    value: cst.CSTNode | None = node.value
    if isinstance(value, cst.From):
        value = value.item
    if value is None or d > DEEPEST:
        return ir.Opaque(n, [])
    return ir.Opaque(n, [TABLE[type(value)](value, s, d + 2)])


# --- functions and comprehensions --------------------------------------------------------------------------------


def parameters(node: cst.Parameters, s: State, d: int) -> list[ir.Param]:
    """The parameters of a function or lambda, in the order in which they stand."""
    params = [_param(param, "pos", s, d) for param in node.posonly_params]
    for param in node.params:
        params.append(_param(param, "any", s, d))
    if type(node.star_arg) is cst.Param:
        params.append(_param(node.star_arg, "args", s, d))
    for param in node.kwonly_params:
        params.append(_param(param, "kw", s, d))
    if node.star_kwarg is not None:
        params.append(_param(node.star_kwarg, "kwargs", s, d))
    return params


def _param(node: cst.Param, kind: str, s: State, d: int) -> ir.Param:
    note, default = node.annotation, node.default
    annotation = None
    if note is not None:
        inner = note.annotation
        annotation = TABLE[type(inner)](inner, s, d + 1)
    value = None if default is None else TABLE[type(default)](default, s, d + 1)
    return ir.Param(node.name.value, kind, value, annotation)


def _lambda(node: cst.Lambda, s: State, d: int) -> ir.Expr:
    n = s.number(node)
    if d > DEEPEST:
        return ir.Opaque(n, [])
    params = parameters(node.params, s, d + 2)
    outer = s.yields
    body = node.body
    value = TABLE[type(body)](body, s, d + 1)
    s.yields = outer
    return ir.Lambda(n, params, value)


def _comprehension(node: cst.ListComp | cst.SetComp | cst.GeneratorExp, s: State, d: int) -> ir.Expr:
    n = s.number(node)
    if d > DEEPEST:
        return ir.Opaque(n, [])
    elt = node.elt
    first = TABLE[type(elt)](elt, s, d + 1)
    return ir.Comp(n, _COMP[type(node)], first, None, _generators(node.for_in, s, d + 3))


def _dict_comprehension(node: cst.DictComp, s: State, d: int) -> ir.Expr:
    n = s.number(node)
    if d > DEEPEST:
        return ir.Opaque(n, [])
    key, value = node.key, node.value
    first = TABLE[type(key)](key, s, d + 1)
    second = TABLE[type(value)](value, s, d + 1)
    return ir.Comp(n, "dict", first, second, _generators(node.for_in, s, d + 3))


_COMP: dict[type, str] = {cst.ListComp: "list", cst.SetComp: "set", cst.GeneratorExp: "gen"}


def _generators(clause: cst.CompFor | None, s: State, d: int) -> list[ir.Generator]:
    generators: list[ir.Generator] = []
    while clause is not None:
        bound = target(clause.target, s, d)
        source = clause.iter
        values = TABLE[type(source)](source, s, d)
        tests: list[ir.Expr] = []
        for condition in clause.ifs:
            test = condition.test
            tests.append(TABLE[type(test)](test, s, d + 1))
        generators.append(ir.Generator(bound, values, tests))
        clause = clause.inner_for_in
    return generators


# --- entry points ------------------------------------------------------------------------------------------------


def target(node: cst.CSTNode, s: State, d: int) -> ir.Expr:
    """An expression that is assigned to: its names count as bound, not as used."""
    if d > DEEPEST:
        return _opaque(node, s, d)
    if type(node) is cst.Name:
        n = len(s)
        s.append(node)
        return ir.Name(n, node.value)
    if type(node) is cst.Attribute:
        n = len(s)
        s.append(node)
        value = node.value
        return ir.Attr(n, TABLE[type(value)](value, s, d + 1), node.attr.value)
    if type(node) is cst.Element:
        return target(node.value, s, d)
    if type(node) is cst.Tuple or type(node) is cst.List:
        n = s.number(node)
        items = [target(element, s, d + 2) for element in node.elements]
        return ir.TupleExpr(n, items) if type(node) is cst.Tuple else ir.ListExpr(n, items)
    if type(node) is cst.StarredElement:
        n = s.number(node)
        return ir.Starred(n, target(node.value, s, d + 1))
    return TABLE[type(node)](node, s, d)


def expression(node: cst.BaseExpression, s: State, d: int) -> ir.Expr:
    """An expression that is read."""
    return TABLE[type(node)](node, s, d)


TABLE = Table(
    {
        cst.Name: _name, cst.Attribute: _attribute, cst.Call: _call, cst.Integer: _integer, cst.Float: _real,
        cst.SimpleString: _string, cst.Subscript: _subscript, cst.BinaryOperation: _binary, cst.Tuple: _tuple,
        cst.List: _list, cst.Comparison: _comparison, cst.BooleanOperation: _boolean, cst.UnaryOperation: _unary,
        cst.IfExp: _conditional, cst.FormattedString: _formatted, cst.ConcatenatedString: _joined, cst.Dict: _dict,
        cst.Set: _set, cst.Lambda: _lambda, cst.ListComp: _comprehension, cst.SetComp: _comprehension,
        cst.GeneratorExp: _comprehension, cst.DictComp: _dict_comprehension, cst.Ellipsis: _dots,
        cst.NamedExpr: _walrus, cst.Await: _await, cst.Yield: _yield, cst.StarredElement: _starred,
        cst.TemplatedString: _template,
    }
)  # fmt: skip
