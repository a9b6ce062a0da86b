# ruff: noqa: E501  (the shown trees are longer than a line)
from __future__ import annotations

import ast
import sys

import libcst as cst
import msgspec
import pytest

from torchlint.syntax import ir
from torchlint.syntax.lower import TooDeepError, lower, read
from torchlint.syntax.tree import SyntaxProblem, parse


def module(text: str) -> ir.Module:
    tree = parse(text)
    assert not isinstance(tree, SyntaxProblem), tree
    return lower(tree)


def show(node: object) -> str:
    """A node as one line without numbers: `Name(x)`, `Call(Name(f), [Const(1)], [])`."""
    if isinstance(node, ir.Node):
        fields = [getattr(node, field) for field in node.__struct_fields__ if field != "n"]
        return f"{type(node).__name__}({', '.join(show(field) for field in fields)})"
    if isinstance(node, list):
        return "[" + ", ".join(show(item) for item in node) + "]"
    return repr(node)


def expr(text: str) -> str:
    [statement] = module(f"({text})\n").body
    assert isinstance(statement, ir.ExprStmt)
    return show(statement.value)


def stmt(text: str) -> ir.Stmt:
    [statement] = module(text).body
    return statement


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("None", None),
        ("True", True),
        ("0", 0),
        ("1_000", 1000),
        ("0xFF_FF", 65535),
        ("0o17", 15),
        ("0b101", 5),
        ("18446744073709551615", 2**64 - 1),
        ("0.5", 0.5),
        ("1e-3", 0.001),
        (".5", 0.5),
        ("1_0.0_1", 10.01),
        ("1e999", float("inf")),
        ("'a'", "a"),
        ('"""a\r\n  b"""', "a\n  b"),
        (r"'a\tb\x41\u00e9\U0001F600\101\N{BULLET}\\'", "a\tb\x41\u00e9\U0001f600A•\\"),
        (r"'C:\Data\new'", "C:\\Data\new"),
        (r"r'C:\Data\new'", "C:\\Data\\new"),
        (r"R'\d+\'x'", "\\d+\\'x"),
        ("u'x'", "x"),
        ("''", ""),
        ("''''''", ""),
        ("'''a'b''c'''", "a'b''c"),
        ("'a' \"b\" '''c'''", "abc"),
        ("'a' r'\\n' '\\n'", "a\\n\n"),
        ("'a\\\nb'", "ab"),
        (r"'\ud800'", "\ufffd"),
        (r"'\U00110000'", "\ufffd"),
        (r"'\N{no such name}'", "\ufffd"),
    ],
)
def test_literals(text: str, value: object) -> None:
    [statement] = module(f"({text})\n").body
    assert isinstance(statement, ir.ExprStmt)
    assert isinstance(statement.value, ir.Const)
    assert statement.value.value == value
    assert type(statement.value.value) is type(value)
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(statement.value), type=ir.Const) == statement.value


@pytest.mark.parametrize("text", [r"'\a\b\f\v\r\0\08\x7f'", r"'\"\''", "'''\\\n\\t'''"])
def test_escapes_as_python_reads_them(text: str) -> None:
    assert expr(text) == f"Const({ast.literal_eval(text)!r})"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("b'x'", "Bytes()"),
        ("Rb'x' b'y'", "Bytes()"),
        ("...", "Dots()"),
        ("3j", "Opaque([])"),
        ("99999999999999999999999", "Opaque([])"),
        ("9" * 5000, "Opaque([])"),
        ("x", "Name('x')"),
        ("(((x)))", "Name('x')"),
        ("torch.nn.BCELoss", "Attr(Attr(Name('torch'), 'nn'), 'BCELoss')"),
        ("f()", "Call(Name('f'), [], [])"),
        ("f(x, *a, k=1, **kw)", "Call(Name('f'), [Name('x'), Starred(Name('a'))], [Keyword('k', Const(1)), Keyword(None, Name('kw'))])"),
        ("x[0]", "Subscript(Name('x'), Const(0))"),
        ("x[0,]", "Subscript(Name('x'), TupleExpr([Const(0)]))"),
        ("x[..., 1:, ::2]", "Subscript(Name('x'), TupleExpr([Dots(), Slice(Const(1), None, None), Slice(None, None, Const(2))]))"),
        ("x[:n]", "Subscript(Name('x'), Slice(None, Name('n'), None))"),
        ("x[(a, b)]", "Subscript(Name('x'), TupleExpr([Name('a'), Name('b')]))"),
        ("x[*i, 0]", "Subscript(Name('x'), TupleExpr([Starred(Name('i')), Const(0)]))"),
        ("x[None]", "Subscript(Name('x'), Const(None))"),
        ("()", "TupleExpr([])"),
        ("1, *b", "TupleExpr([Const(1), Starred(Name('b'))])"),
        ("[1, *b]", "ListExpr([Const(1), Starred(Name('b'))])"),
        ("{1, *b}", "SetExpr([Const(1), Starred(Name('b'))])"),
        ("{'a': 1, **m}", "DictExpr([Const('a'), None], [Const(1), Name('m')])"),
        ("{}", "DictExpr([], [])"),
        ("a @ b ** -c", "BinOp('@', Name('a'), BinOp('**', Name('b'), UnaryOp('-', Name('c'))))"),
        ("a + b - c", "BinOp('-', BinOp('+', Name('a'), Name('b')), Name('c'))"),
        ("a // b % c", "BinOp('%', BinOp('//', Name('a'), Name('b')), Name('c'))"),
        ("a << b >> c", "BinOp('>>', BinOp('<<', Name('a'), Name('b')), Name('c'))"),
        ("a | b ^ c & d", "BinOp('|', Name('a'), BinOp('^', Name('b'), BinOp('&', Name('c'), Name('d'))))"),
        ("a * b / c", "BinOp('/', BinOp('*', Name('a'), Name('b')), Name('c'))"),
        ("not ~+x", "UnaryOp('not', UnaryOp('~', UnaryOp('+', Name('x'))))"),
        ("a and b and c", "BoolOp('and', [Name('a'), Name('b'), Name('c')])"),
        ("a or b and c or d", "BoolOp('or', [Name('a'), BoolOp('and', [Name('b'), Name('c')]), Name('d')])"),
        ("0 <= x < n != y", "Compare(Const(0), ['<=', '<', '!='], [Name('x'), Name('n'), Name('y')])"),
        ("a == b", "Compare(Name('a'), ['=='], [Name('b')])"),
        ("a > b >= c", "Compare(Name('a'), ['>', '>='], [Name('b'), Name('c')])"),
        ("a in b", "Compare(Name('a'), ['in'], [Name('b')])"),
        ("a not  in b", "Compare(Name('a'), ['not in'], [Name('b')])"),
        ("a is b", "Compare(Name('a'), ['is'], [Name('b')])"),
        ("a is not None", "Compare(Name('a'), ['is not'], [Const(None)])"),
        ("a if t else b", "IfExp(Name('t'), Name('a'), Name('b'))"),
        ("lambda: 0", "Lambda([], Const(0))"),
        ("lambda x, *a, k=1, **m: x", "Lambda([Param('x', 'any', None, None), Param('a', 'args', None, None), "
         "Param('k', 'kw', Const(1), None), Param('m', 'kwargs', None, None)], Name('x'))"),
        ("[x for x in y if x if z]", "Comp('list', Name('x'), None, [Generator(Name('x'), Name('y'), [Name('x'), Name('z')])])"),
        ("{x for x in y for z in x}", "Comp('set', Name('x'), None, [Generator(Name('x'), Name('y'), []), Generator(Name('z'), Name('x'), [])])"),
        ("{k: v for k, v in m}", "Comp('dict', Name('k'), Name('v'), [Generator(TupleExpr([Name('k'), Name('v')]), Name('m'), [])])"),
        ("f(x for x in y)", "Call(Name('f'), [Comp('gen', Name('x'), None, [Generator(Name('x'), Name('y'), [])])], [])"),
        ("f'{x}'", "Format([Name('x')])"),
        (r"f'loss\t{loss:.{n}f}{{}} {a!r}{b=}'", "Format([Const('loss\\t'), Name('loss'), Const('{} '), Name('a'), Name('b')])"),
        (r"rf'\d{x}'", "Format([Const('\\\\d'), Name('x')])"),
        ("'a' f'{x}b' 'c'", "Format([Const('a'), Name('x'), Const('b'), Const('c')])"),
        ("f''", "Format([])"),
        ("t'{x} y'", "Opaque([Name('x'), Const(' y')])"),
        ("y := f(x)", "Walrus(Name('y'), Call(Name('f'), [Name('x')], []))"),
    ],
)  # fmt: skip
def test_expressions(text: str, shown: str) -> None:
    assert expr(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a = b = c\n", "Assign([Name('a'), Name('b')], Name('c'))"),
        ("a, (b.c, *d[0]) = e\n", "Assign([TupleExpr([Name('a'), TupleExpr([Attr(Name('b'), 'c'), Starred(Subscript(Name('d'), Const(0)))])])], Name('e'))"),
        ("[a, b] = c\n", "Assign([ListExpr([Name('a'), Name('b')])], Name('c'))"),
        ("x: int = 1\n", "AnnAssign(Name('x'), Name('int'), Const(1))"),
        ("self.x: 'Tensor'\n", "AnnAssign(Attr(Name('self'), 'x'), Const('Tensor'), None)"),
        ("x += 1\n", "AugAssign('+', Name('x'), Const(1))"),
        ("x @= w\n", "AugAssign('@', Name('x'), Name('w'))"),
        ("x //= w\n", "AugAssign('//', Name('x'), Name('w'))"),
        ("x >>= w\n", "AugAssign('>>', Name('x'), Name('w'))"),
        ("type Batch = dict[str, T]\n", "Assign([Name('Batch')], Subscript(Name('dict'), TupleExpr([Name('str'), Name('T')])))"),
        ("f(x)\n", "ExprStmt(Call(Name('f'), [Name('x')], []))"),
        ("return\n", "Return(None)"),
        ("return a, b\n", "Return(TupleExpr([Name('a'), Name('b')]))"),
        ("raise\n", "Raise(None)"),
        ("raise ValueError(x) from e\n", "Raise(Call(Name('ValueError'), [Name('x')], []))"),
        ("assert x, 'message'\n", "Assert(Name('x'))"),
        ("del a, b.c\n", "Delete([Name('a'), Attr(Name('b'), 'c')])"),
        ("del (a)\n", "Delete([Name('a')])"),
        ("import a.b.c, d as e\n", "Import([ImportName('a.b.c', None), ImportName('d', 'e')])"),
        ("from torch.nn import (functional as F, Linear,)\n", "ImportFrom('torch.nn', 0, [ImportName('functional', 'F'), ImportName('Linear', None)])"),
        ("from ...models import *\n", "ImportFrom('models', 3, [])"),
        ("from . import x\n", "ImportFrom('', 1, [ImportName('x', None)])"),
        ("global a, b\n", "Scope('global', ['a', 'b'])"),
        ("nonlocal a\n", "Scope('nonlocal', ['a'])"),
        ("pass\n", "Jump('pass')"),
        ("break\n", "Jump('break')"),
        ("continue\n", "Jump('continue')"),
        ("if a: b\n", "If(Name('a'), [ExprStmt(Name('b'))], [])"),
        ("if a:\n    b\nelif c:\n    d\nelse:\n    e\n", "If(Name('a'), [ExprStmt(Name('b'))], [If(Name('c'), [ExprStmt(Name('d'))], [ExprStmt(Name('e'))])])"),
        ("if a:\n    b\nelse:\n    if c:\n        d\n", "If(Name('a'), [ExprStmt(Name('b'))], [If(Name('c'), [ExprStmt(Name('d'))], [])])"),
        ("for i, x in y:\n    pass\nelse:\n    z\n", "For(TupleExpr([Name('i'), Name('x')]), Name('y'), [Jump('pass')], [ExprStmt(Name('z'))])"),
        ("while a:\n    break\nelse:\n    b\n", "While(Name('a'), [Jump('break')], [ExprStmt(Name('b'))])"),
        ("with a, b as (c, d): pass\n", "With([WithItem(Name('a'), None), WithItem(Name('b'), TupleExpr([Name('c'), Name('d')]))], [Jump('pass')])"),
        ("with (\n    a as b,\n    c,\n):\n    pass\n", "With([WithItem(Name('a'), Name('b')), WithItem(Name('c'), None)], [Jump('pass')])"),
        ("try:\n    a\nexcept (A, B) as e:\n    b\nexcept:\n    c\nelse:\n    d\nfinally:\n    f\n",
         "Try([ExprStmt(Name('a'))], [Handler(TupleExpr([Name('A'), Name('B')]), 'e', [ExprStmt(Name('b'))]), "
         "Handler(None, None, [ExprStmt(Name('c'))])], [ExprStmt(Name('d'))], [ExprStmt(Name('f'))])"),
        ("try:\n    a\nexcept* A as e:\n    b\n", "Try([ExprStmt(Name('a'))], [Handler(Name('A'), 'e', [ExprStmt(Name('b'))])], [], [])"),
        ("class A: pass\n", "ClassDef('A', [], [], [Jump('pass')], [])"),
        ("@d\nclass A[T](nn.Module, *m, metaclass=M, **k):\n    x = 1\n",
         "ClassDef('A', [Attr(Name('nn'), 'Module'), Starred(Name('m'))], [Keyword('metaclass', Name('M')), Keyword(None, Name('k'))], "
         "[Assign([Name('x')], Const(1))], [Name('d')])"),
    ],
)  # fmt: skip
def test_statements(text: str, shown: str) -> None:
    assert show(stmt(text)) == shown


def test_several_statements_on_a_line() -> None:
    assert show(module("a = 1; b; pass\n").body) == "[Assign([Name('a')], Const(1)), ExprStmt(Name('b')), Jump('pass')]"
    assert show(module("if x: a; b\n").body) == "[If(Name('x'), [ExprStmt(Name('a')), ExprStmt(Name('b'))], [])]"


def test_a_function() -> None:
    text = (
        "@torch.no_grad()\n"
        "async def f[T](a, /, b: int = 1, *args: T, c, d=2, **kw) -> Tensor:\n"
        "    async with a as x:\n"
        "        async for y in x:\n"
        "            await y\n"
        "    return [z async for z in b]\n"
    )
    function = stmt(text)
    assert isinstance(function, ir.FunctionDef)
    assert (function.name, function.is_async, function.is_generator) == ("f", True, False)
    assert show(function.decorators) == "[Call(Attr(Name('torch'), 'no_grad'), [], [])]"
    assert [(param.name, param.kind) for param in function.params] == [
        ("a", "pos"), ("b", "any"), ("args", "args"), ("c", "kw"), ("d", "kw"), ("kw", "kwargs"),
    ]  # fmt: skip
    assert show(function.params[1]) == "Param('b', 'any', Const(1), Name('int'))"
    assert show(function.params[4]) == "Param('d', 'kw', Const(2), None)"
    assert show(function.body[0]) == (
        "With([WithItem(Name('a'), Name('x'))], [For(Name('y'), Name('x'), [ExprStmt(Await(Name('y')))], [])])"
    )
    assert "Comp('list'" in show(function.body[1])


@pytest.mark.parametrize(
    ("body", "generator"),
    [
        ("yield x", True),
        ("x = yield", True),
        ("yield from x", True),
        ("return (yield)", True),
        ("return x", False),
        ("g = lambda: (yield)", False),
        ("\n    def g():\n        yield x", False),
    ],
)
def test_generators(body: str, generator: bool) -> None:
    function = stmt(f"def f(x):\n    {body}\n")
    assert isinstance(function, ir.FunctionDef)
    assert function.is_generator is generator


def test_yields_are_opaque_but_their_value_is_kept() -> None:
    assert "Assign([Name('x')], Opaque([Name('y')]))" in show(stmt("def f(y):\n    x = yield y\n"))
    assert "ExprStmt(Opaque([]))" in show(stmt("def f(y):\n    yield\n"))


def test_match() -> None:
    text = (
        "match x.y:\n"
        "    case 1 | -1 | None | 'a': pass\n"
        "    case nn.Linear: pass\n"
        "    case [a, *rest, (b, _)] if a: pass\n"
        "    case {'k': v, **more}: pass\n"
        "    case Point(p, q=Point(x=r) as s): pass\n"
        "    case (0 | 1) as n: pass\n"
        "    case name: pass\n"
        "    case _: pass\n"
    )
    match = stmt(text)
    assert isinstance(match, ir.Match)
    assert show(match.subject) == "Attr(Name('x'), 'y')"
    assert [show(case.pattern) for case in match.cases] == [
        "OrPattern([ValuePattern(Const(1)), ValuePattern(UnaryOp('-', Const(1))), ValuePattern(Const(None)), ValuePattern(Const('a'))])",
        "ValuePattern(Attr(Name('nn'), 'Linear'))",
        "OtherPattern(['a', 'rest', 'b'])",
        "OtherPattern(['v', 'more'])",
        "OtherPattern(['p', 's', 'r'])",
        "CapturePattern('n', OrPattern([ValuePattern(Const(0)), ValuePattern(Const(1))]))",
        "CapturePattern('name', None)",
        "CapturePattern(None, None)",
    ]  # fmt: skip
    assert show(match.cases[2].guard) == "Name('a')"


def test_uses_are_what_is_read_or_called_below() -> None:
    text = (
        "import torch\n"
        "top = setup(torch.cuda)\n"
        "class Net(nn.Module):\n"
        "    size = limit\n"
        "    @register\n"
        "    def forward(self, x, scale=default):\n"
        "        self.cache = y = F.relu(self.conv(x))\n"
        "        def inner(z):\n"
        "            return z.softmax(dim)\n"
        "        return inner(y)\n"
    )
    program = module(text)
    assert program.uses == sorted({"setup", "torch", "cuda", "nn", "Module", "limit", "register", "default"})
    net = program.body[2]
    assert isinstance(net, ir.ClassDef)
    forward = net.body[1]
    assert isinstance(forward, ir.FunctionDef)
    assert forward.uses == sorted({"self", "F", "relu", "conv", "x", "z", "softmax", "dim", "inner", "y"})
    inner = forward.body[1]
    assert isinstance(inner, ir.FunctionDef)
    assert inner.uses == ["dim", "softmax", "z"]


TRAINING = '''\
import torch
from torch import nn


class Net(nn.Module):
    """A small net."""

    def __init__(self, classes: int = 10, *, dropout: float = 0.1) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), *[nn.Linear(8, 8) for _ in range(3)])
        self.head = nn.Linear(8, classes)

    def forward(self, x):
        if (y := self.body(x)).isnan().any():
            raise ValueError(f"nan in {x.shape!r}")
        return self.head(y.mean(dim=(2, 3))) if self.training else y


def train(model, loader, **options):
    optimizer = torch.optim.Adam(model.parameters(), lr=options.get("lr", 1e-3))
    for step, (images, labels) in enumerate(loader):
        with torch.autocast("cuda"):
            loss = nn.functional.cross_entropy(model(images), labels)
        loss.backward(); optimizer.step()
        if step % 100 == 0 and loss > 0:
            yield {"loss": loss.item(), **options}
'''


def test_round_trip_through_msgpack() -> None:
    program = module(TRAINING)
    data = msgspec.msgpack.Encoder().encode(program)
    assert msgspec.msgpack.Decoder(ir.Module).decode(data) == program


def test_numbers_are_the_same_each_time_and_each_names_its_node() -> None:
    first, second = parse(TRAINING), parse(TRAINING)
    assert isinstance(first, cst.Module)
    assert isinstance(second, cst.Module)
    record: list[cst.CSTNode] = []
    program = lower(first, record)
    assert program == lower(second)
    numbers = [node.n for node in walk(program) if hasattr(node, "n")]
    assert sorted(numbers) == list(range(len(record)))
    for node in walk(program):
        if isinstance(node, ir.Call):
            assert isinstance(record[node.n], cst.Call)
        elif isinstance(node, (ir.FunctionDef, ir.ClassDef)):
            named = record[node.n]
            assert isinstance(named, cst.Name)
            assert named.value == node.name
        elif isinstance(node, ir.Attr):
            assert isinstance(record[node.n], cst.Attribute)


def walk(node: object) -> list[ir.Node]:
    found: list[ir.Node] = []
    stack = [node]
    while stack:
        node = stack.pop()
        if isinstance(node, ir.Node):
            found.append(node)
            stack.extend(getattr(node, field) for field in node.__struct_fields__)
        elif isinstance(node, list):
            stack.extend(node)
    return found


def test_a_long_ladder_is_a_flat_match_that_means_the_same() -> None:
    text = "if a0:\n    x = 0\n" + "".join(f"elif a{i}:\n    x = {i}\n" for i in range(1, 3000)) + "else:\n    x = -1\n"
    match = stmt(text)
    assert isinstance(match, ir.Match)
    assert len(match.cases) == 3001
    assert show(match.cases[7]) == "Case(CapturePattern(None, None), Name('a7'), [Assign([Name('x')], Const(7))])"
    assert (
        show(match.cases[-1]) == "Case(CapturePattern(None, None), None, [Assign([Name('x')], UnaryOp('-', Const(1)))])"
    )


@pytest.mark.parametrize(
    "text",
    ["x = a" + " + a" * 900, "x = a" + ".b" * 900, "x = a" + "[0]" * 900, "x = " + "not " * 900 + "a", "x = a" + ".f()" * 400],
)  # fmt: skip
def test_what_is_too_deep_for_msgpack_is_opaque(text: str) -> None:
    program = module(text + "\n")
    assert any(isinstance(node, ir.Opaque) for node in walk(program))
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(program), type=ir.Module) == program


def test_long_runs_that_are_flat() -> None:
    assert expr("a" + " and a" * 900).count("Name") == 901
    assert expr("'a' " * 3000) == f"Const({'a' * 3000!r})"
    assert expr("[" + "1, " * 5000 + "]").count("Const") == 5000


def test_the_result_does_not_depend_on_the_callers_stack() -> None:
    text = "x = a" + " + a" * 900 + "\n"

    def nested(levels: int) -> ir.Module:
        return module(text) if levels == 0 else nested(levels - 1)

    assert nested(sys.getrecursionlimit() // 4) == module(text)


def test_blocks_deeper_than_any_real_program() -> None:
    text = (
        "".join(" " * i + "try:\n" + " " * i + " pass\n" + " " * i + "except A:\n" for i in range(90))
        + " " * 90
        + "pass\n"
    )
    tree = parse(text)
    assert isinstance(tree, cst.Module)
    with pytest.raises(TooDeepError):
        lower(tree)
    assert read(text) == SyntaxProblem(1, 1, "nested too deeply to be analysed")


def test_read_gives_a_module_or_a_problem() -> None:
    assert read("x = 1\n") == module("x = 1\n")
    assert isinstance(read("x = \n"), SyntaxProblem)
    assert read("") == ir.Module([], [])
