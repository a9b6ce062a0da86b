"""Where all expressions of a file stand, quickly: for an editor that asks about any of them.

Definitions
    stretch  rows and columns from 1, in code points, end exclusive
    bound    a name or attribute that is assigned to, or a parameter
    head     what stands before the colon of a statement that has a body; of a function or class, its name

The IR is laid beside Python's own tree of the same text, which has places and comes from a parser in C. Where the two
do not agree, a part has no stretch. An expression in parentheses stands between them, a tuple and a generator take
their own along, and several indices stand between the brackets, as Python has it. `torchlint.syntax.positions` has
these otherwise, and there a slice that ends in a colon goes on to the bracket.

Worked example: of ``y = f(x)\\n`` the number of the call has the stretch (1, 5, 1, 9), that of the bound ``y``
(1, 1, 1, 2).
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from torchlint.syntax import ir

Stretch = tuple[int, int, int, int]


class Spans(NamedTuple):
    """Stretches of expressions by number, of parameters by the number of the function and their name, of statements (of
    those with a body, their heads) by number; the numbers of what is bound; the stretches of annotations, by the
    number of what is annotated or as a parameter; and the numbers of what libcst has otherwise."""

    expressions: dict[int, Stretch]
    parameters: dict[tuple[int, str], Stretch]
    statements: dict[int, Stretch]
    bound: set[int]
    annotations: dict[int | tuple[int, str], Stretch]
    otherwise: set[int]


def _nothing() -> Spans:
    return Spans({}, {}, {}, set(), {}, set())


def spans(text: str, module: ir.Module) -> Spans:
    """Where the parts of a text stand whose IR is `module`; nothing if Python cannot read it."""
    found = _nothing()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(text.removeprefix(_MARK))
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return found
    _Aligner(text, found).suite(module.body, tree.body)
    return found


def of_suites(text: str, suites: Iterable[tuple[Sequence[ir.Stmt], Sequence[ast.stmt]]]) -> dict[int, Stretch]:
    """Where the nodes of some suites of a text stand, which begins with no byte order mark, by their numbers: those
    that libcst has there too, which are all but a few. Each suite is given with Python's tree of it."""
    found = _nothing()
    aligner = _Aligner(text, found)
    for body, nodes in suites:
        aligner.suite(body, nodes)
    placed = {**found.expressions, **found.statements}
    return {number: stretch for number, stretch in placed.items() if number not in found.otherwise}


class _Aligner:
    def __init__(self, text: str, found: Spans) -> None:
        self._found = found
        self._rows = _LINE_END.split(text.removeprefix(_MARK))
        self._marked = text.startswith(_MARK)
        # rows whose columns Python counts in bytes
        self._wide: dict[int, bytes] = {}
        if not text.isascii():
            self._wide = {
                number: row.encode("utf-8", "replace") for number, row in enumerate(self._rows, 1) if not row.isascii()
            }

    def _stretch(self, node: Any) -> Stretch:
        row, column, last, end = node.lineno, node.col_offset, node.end_lineno, node.end_col_offset
        wide = self._wide
        if wide:
            if row in wide:
                column = len(wide[row][:column].decode("utf-8", "replace"))
            if last in wide:
                end = len(wide[last][:end].decode("utf-8", "replace"))
        if self._marked:
            column, end = column + (row == 1), end + (last == 1)
        return row, column + 1, last, end + 1

    # --- statements ------------------------------------------------------------------------------------------------

    def suite(self, body: Sequence[ir.Stmt], nodes: Sequence[ast.stmt]) -> None:
        """Statements, as far as there are as many of them on both sides."""
        if len(body) != len(nodes):
            return
        for one, node in zip(body, nodes):
            step = _STATEMENTS.get(type(one))
            self._found.statements[one.n] = self._head(one.n, node)
            if step is not None:
                step(self, one, node)

    def _head(self, number: int, node: Any) -> Stretch:
        """Where a statement stands; of one with a body, its head."""
        row, column, last, end = self._stretch(node)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            marks = self._marked and row == 1
            name = _DEFINED.match(self._rows[row - 1], column - 1 - marks)
            if name is not None and name[1] == node.name:
                return row, name.start(1) + 1 + marks, row, name.end(1) + 1 + marks
            self._found.otherwise.add(number)
            return row, column, row, len(self._rows[row - 1]) + 1 + marks
        ends = _HEADS.get(type(node))
        if ends is not None or hasattr(node, "body"):
            self._found.otherwise.add(number)
        if ends is not None:
            _, _, last, end = self._stretch(ends(node))
        elif hasattr(node, "body"):
            last, end = row, column + len("try")
        return row, column, last, end

    def assign(self, one: ir.Assign, node: Any) -> None:
        """``a = b = value``."""
        targets = getattr(node, "targets", None)
        if targets is not None and len(targets) == len(one.targets):
            for target, place in zip(one.targets, targets):
                self.target(target, place)
            self.expression(one.value, node.value)

    def annotated(self, one: ir.AnnAssign, node: Any) -> None:
        """``a: int = value``."""
        if isinstance(node, ast.AnnAssign):
            self.target(one.target, node.target)
            self.expression(one.annotation, node.annotation)
            self._found.annotations[one.target.n] = self._stretch(node.annotation)
            self.maybe(one.value, node.value)

    def augmented(self, one: ir.AugAssign, node: Any) -> None:
        """``a += value``."""
        if isinstance(node, ast.AugAssign):
            self.target(one.target, node.target)
            self.expression(one.value, node.value)

    def valued(self, one: Any, node: Any) -> None:
        """An expression, or what is returned or raised."""
        self.maybe(one.value, getattr(node, "exc" if isinstance(node, ast.Raise) else "value", None))

    def asserted(self, one: ir.Assert, node: Any) -> None:
        """``assert test``."""
        if isinstance(node, ast.Assert):
            self.expression(one.test, node.test)

    def deleted(self, one: ir.Delete, node: Any) -> None:
        """``del a, b``: no name holds anything afterwards."""
        places = getattr(node, "targets", [])
        if len(places) == 1 and isinstance(places[0], (ast.Tuple, ast.List)):
            places = places[0].elts
        self._several(one.targets, places)

    def branch(self, one: ir.If | ir.While, node: Any) -> None:
        """``if`` or ``while``."""
        if isinstance(node, (ast.If, ast.While)):
            self.expression(one.test, node.test)
            self.suite(one.body, node.body)
            self.suite(one.orelse, node.orelse)

    def loop(self, one: ir.For, node: Any) -> None:
        """``for``."""
        if isinstance(node, (ast.For, ast.AsyncFor)):
            self.target(one.target, node.target)
            self.expression(one.iter, node.iter)
            self.suite(one.body, node.body)
            self.suite(one.orelse, node.orelse)

    def context(self, one: ir.With, node: Any) -> None:
        """``with``."""
        if isinstance(node, (ast.With, ast.AsyncWith)):
            if len(one.items) == len(node.items):
                for item, place in zip(one.items, node.items):
                    self.expression(item.value, place.context_expr)
                    if item.target is not None and place.optional_vars is not None:
                        self.target(item.target, place.optional_vars)
            self.suite(one.body, node.body)

    def attempt(self, one: ir.Try, node: Any) -> None:
        """``try``."""
        handlers = getattr(node, "handlers", None)
        if handlers is None:
            return
        self.suite(one.body, node.body)
        if len(handlers) == len(one.handlers):
            for handler, place in zip(one.handlers, handlers):
                self.maybe(handler.type, place.type)
                self.suite(handler.body, place.body)
        self.suite(one.orelse, node.orelse)
        self.suite(one.final, node.finalbody)

    def function(self, one: ir.FunctionDef, node: Any) -> None:
        """``def``."""
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            return
        self._several(one.decorators, node.decorator_list)
        self._parameters(one.n, one.params, node.args)
        self.suite(one.body, node.body)

    def _parameters(self, number: int, params: Sequence[ir.Param], args: ast.arguments) -> None:
        places = [*args.posonlyargs, *args.args]
        defaults: list[ast.expr | None] = [None] * (len(places) - len(args.defaults)) + list(args.defaults)
        if args.vararg is not None:
            places.append(args.vararg)
            defaults.append(None)
        places += args.kwonlyargs
        defaults += args.kw_defaults
        if args.kwarg is not None:
            places.append(args.kwarg)
            defaults.append(None)
        if [param.name for param in params] != [place.arg for place in places]:
            return
        for param, place, default in zip(params, places, defaults):
            row, column, _, _ = self._stretch(place)
            self._found.parameters[number, param.name] = (row, column, row, column + len(param.name))
            if place.annotation is not None:
                self.maybe(param.annotation, place.annotation)
                self._found.annotations[number, param.name] = self._stretch(place.annotation)
            self.maybe(param.default, default)

    def class_(self, one: ir.ClassDef, node: Any) -> None:
        """``class``."""
        if isinstance(node, ast.ClassDef):
            self._several(one.decorators, node.decorator_list)
            self._several(one.bases, node.bases)
            self._keywords(one.keywords, node.keywords)
            self.suite(one.body, node.body)

    def match(self, one: ir.Match, node: Any) -> None:
        """``match``, or a long ladder of ``elif``, which is lowered to one."""
        if isinstance(node, ast.Match) and len(one.cases) == len(node.cases):
            self.expression(one.subject, node.subject)
            for case, place in zip(one.cases, node.cases):
                self.pattern(case.pattern, place.pattern)
                self.maybe(case.guard, place.guard)
                self.suite(case.body, place.body)
        elif isinstance(node, ast.If):
            rung: Any = node
            for case in one.cases:
                if case.guard is None:
                    self.suite(case.body, rung if isinstance(rung, list) else [])
                    break
                if not isinstance(rung, ast.If):
                    return
                self.expression(case.guard, rung.test)
                self.suite(case.body, rung.body)
                after = rung.orelse
                rung = after[0] if len(after) == 1 and isinstance(after[0], ast.If) else after

    def pattern(self, one: ir.Pattern, node: ast.pattern) -> None:
        """What a case compares with."""
        if isinstance(one, ir.ValuePattern):
            if isinstance(node, ast.MatchValue):
                self.expression(one.value, node.value)
            elif isinstance(node, ast.MatchSingleton):
                self._found.expressions[one.value.n] = self._stretch(node)
        elif isinstance(one, ir.CapturePattern):
            if one.pattern is not None and isinstance(node, ast.MatchAs) and node.pattern is not None:
                self.pattern(one.pattern, node.pattern)
        elif isinstance(one, ir.OrPattern) and isinstance(node, ast.MatchOr):
            if len(one.patterns) == len(node.patterns):
                for part, place in zip(one.patterns, node.patterns):
                    self.pattern(part, place)

    # --- expressions -----------------------------------------------------------------------------------------------

    def maybe(self, one: ir.Expr | None, node: ast.expr | None) -> None:
        """An expression, if it is there on both sides."""
        if one is not None and node is not None:
            self.expression(one, node)

    def target(self, one: ir.Expr, node: ast.expr) -> None:
        """What is assigned to."""
        if isinstance(one, (ir.TupleExpr, ir.ListExpr)):
            items = getattr(node, "elts", None)
            if items is not None and len(items) == len(one.items):
                self._found.expressions[one.n] = self._stretch(node)
                self._found.otherwise.add(one.n)
                for item, place in zip(one.items, items):
                    self.target(item, place)
        elif isinstance(one, ir.Starred):
            if isinstance(node, ast.Starred):
                self._found.expressions[one.n] = self._stretch(node)
                self.target(one.value, node.value)
        else:
            self.expression(one, node)
            self._found.bound.add(one.n)

    def _several(self, ones: Sequence[ir.Expr], nodes: Sequence[ast.expr]) -> None:
        if len(ones) == len(nodes):
            for one, node in zip(ones, nodes):
                self.expression(one, node)

    def _keywords(self, ones: Sequence[ir.Keyword], nodes: Sequence[ast.keyword]) -> None:
        if len(ones) == len(nodes):
            for one, node in zip(ones, nodes):
                if one.name == node.arg:
                    self.expression(one.value, node.value)

    def expression(self, one: ir.Expr, node: ast.expr) -> None:
        """An expression and its parts, as far as they are the same on both sides."""
        kind = type(one)
        if kind is not ir.Opaque and type(node) not in _SAME[kind]:
            return
        self._found.expressions[one.n] = self._stretch(node)
        if kind is ir.TupleExpr or kind is ir.Slice or type(node) is ast.GeneratorExp:
            self._found.otherwise.add(one.n)
        step = _EXPRESSIONS.get(kind)
        if step is not None:
            step(self, one, node)

    def attribute(self, one: ir.Attr, node: Any) -> None:
        """``value.name``."""
        self.expression(one.value, node.value)

    def call(self, one: ir.Call, node: Any) -> None:
        """``f(a, *b, k=c, **d)``."""
        self.expression(one.func, node.func)
        self._several(one.args, node.args)
        self._keywords(one.keywords, node.keywords)

    def subscript(self, one: ir.Subscript, node: Any) -> None:
        """``value[index]``."""
        self.expression(one.value, node.value)
        self.expression(one.index, node.slice)

    def slice_(self, one: ir.Slice, node: Any) -> None:
        """``lower:upper:step``."""
        self.maybe(one.lower, node.lower)
        self.maybe(one.upper, node.upper)
        self.maybe(one.step, node.step)

    def items(self, one: Any, node: Any) -> None:
        """A tuple, a list or a set."""
        self._several(one.items, node.elts)

    def dictionary(self, one: ir.DictExpr, node: Any) -> None:
        """``{k: v, **m}``."""
        if len(one.keys) == len(node.keys):
            for key, place in zip(one.keys, node.keys):
                self.maybe(key, place)
            self._several(one.values, node.values)

    def binary(self, one: ir.BinOp, node: Any) -> None:
        """``left op right``."""
        self.expression(one.left, node.left)
        self.expression(one.right, node.right)

    def unary(self, one: ir.UnaryOp, node: Any) -> None:
        """``op operand``."""
        self.expression(one.operand, node.operand)

    def boolean(self, one: ir.BoolOp, node: Any) -> None:
        """``a and b and c``; parentheses around the first of them are none to the IR."""
        values = node.values
        while isinstance(values[0], ast.BoolOp) and type(values[0].op) is type(node.op):
            values = [*values[0].values, *values[1:]]
        self._several(one.values, values)

    def comparison(self, one: ir.Compare, node: Any) -> None:
        """``a < b < c``."""
        self.expression(one.left, node.left)
        self._several(one.comparators, node.comparators)

    def conditional(self, one: ir.IfExp, node: Any) -> None:
        """``body if test else orelse``."""
        self.expression(one.test, node.test)
        self.expression(one.body, node.body)
        self.expression(one.orelse, node.orelse)

    def lambda_(self, one: ir.Lambda, node: Any) -> None:
        """``lambda params: body``."""
        self._parameters(one.n, one.params, node.args)
        self.expression(one.body, node.body)

    def comprehension(self, one: ir.Comp, node: Any) -> None:
        """``elt for target in iter if test``."""
        if isinstance(node, ast.DictComp):
            self.expression(one.elt, node.key)
            self.maybe(one.value, node.value)
        else:
            self.expression(one.elt, node.elt)
        if len(one.generators) == len(node.generators):
            for generator, place in zip(one.generators, node.generators):
                self.target(generator.target, place.target)
                self.expression(generator.iter, place.iter)
                self._several(generator.ifs, place.ifs)

    def formatted(self, one: ir.Format, node: Any) -> None:
        """An f-string: its replaced expressions."""
        inner = [part for part in one.parts if not isinstance(part, ir.Const)]
        places = [part.value for part in node.values if isinstance(part, ast.FormattedValue)]
        self._several(inner, [place for place in places if not _is_scalar(place)])

    def opaque(self, one: ir.Opaque, node: Any) -> None:
        """``yield value``, ``yield from value``, or what is nested too deep."""
        if isinstance(node, (ast.Yield, ast.YieldFrom)) and node.value is not None:
            self._several(one.children, [node.value])

    def walrus(self, one: ir.Walrus, node: Any) -> None:
        """``name := value``."""
        self.target(one.target, node.target)
        self.expression(one.value, node.value)

    def inner(self, one: Any, node: Any) -> None:
        """``*value``, ``await value``."""
        self.expression(one.value, node.value)


#: A byte order mark, which Python's parser does not take from a text, and which counts as a column.
_MARK = "\ufeff"

_LINE_END = re.compile(r"\r\n|\r|\n")

#: What stands before the name of a function or class.
_DEFINED = re.compile(r"(?:async[ \t]+)?(?:def|class)[ \t]+(\w+)")

#: The last part of the head of a statement.
_HEADS: dict[type, Callable[[Any], Any]] = {
    ast.If: lambda node: node.test,
    ast.While: lambda node: node.test,
    ast.For: lambda node: node.iter,
    ast.AsyncFor: lambda node: node.iter,
    ast.With: lambda node: node.items[-1].optional_vars or node.items[-1].context_expr,
    ast.AsyncWith: lambda node: node.items[-1].optional_vars or node.items[-1].context_expr,
    ast.Match: lambda node: node.subject,
}

#: Literals that the IR keeps.
_SCALARS = (bool, int, float, str, type(None))


def _is_scalar(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and type(node.value) in _SCALARS


_SAME: dict[type, tuple[type, ...]] = {
    ir.Const: (ast.Constant,), ir.Name: (ast.Name,), ir.Attr: (ast.Attribute,), ir.Call: (ast.Call,),
    ir.Starred: (ast.Starred,), ir.Slice: (ast.Slice,), ir.Subscript: (ast.Subscript,), ir.TupleExpr: (ast.Tuple,),
    ir.ListExpr: (ast.List,), ir.SetExpr: (ast.Set,), ir.DictExpr: (ast.Dict,), ir.BinOp: (ast.BinOp,),
    ir.UnaryOp: (ast.UnaryOp,), ir.BoolOp: (ast.BoolOp,), ir.Compare: (ast.Compare,), ir.IfExp: (ast.IfExp,),
    ir.Lambda: (ast.Lambda,), ir.Comp: (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp),
    ir.Format: (ast.JoinedStr,), ir.Walrus: (ast.NamedExpr,), ir.Await: (ast.Await,), ir.Bytes: (ast.Constant,),
    ir.Dots: (ast.Constant,),
}  # fmt: skip

_EXPRESSIONS: dict[type, Any] = {
    ir.Attr: _Aligner.attribute, ir.Call: _Aligner.call, ir.Starred: _Aligner.inner, ir.Slice: _Aligner.slice_,
    ir.Subscript: _Aligner.subscript, ir.TupleExpr: _Aligner.items, ir.ListExpr: _Aligner.items,
    ir.SetExpr: _Aligner.items, ir.DictExpr: _Aligner.dictionary, ir.BinOp: _Aligner.binary,
    ir.UnaryOp: _Aligner.unary, ir.BoolOp: _Aligner.boolean, ir.Compare: _Aligner.comparison,
    ir.IfExp: _Aligner.conditional, ir.Lambda: _Aligner.lambda_, ir.Comp: _Aligner.comprehension,
    ir.Format: _Aligner.formatted, ir.Walrus: _Aligner.walrus, ir.Await: _Aligner.inner, ir.Opaque: _Aligner.opaque,
}  # fmt: skip

_STATEMENTS: dict[type, Any] = {
    ir.Assign: _Aligner.assign, ir.AnnAssign: _Aligner.annotated, ir.AugAssign: _Aligner.augmented,
    ir.ExprStmt: _Aligner.valued, ir.Return: _Aligner.valued, ir.Raise: _Aligner.valued,
    ir.Assert: _Aligner.asserted, ir.If: _Aligner.branch, ir.While: _Aligner.branch, ir.For: _Aligner.loop,
    ir.With: _Aligner.context, ir.Try: _Aligner.attempt, ir.FunctionDef: _Aligner.function,
    ir.ClassDef: _Aligner.class_, ir.Match: _Aligner.match, ir.Delete: _Aligner.deleted,
}  # fmt: skip
