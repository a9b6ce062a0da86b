"""Where expressions stand by Python's parser, beside where they stand by libcst's."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from torchlint.syntax import ir
from torchlint.syntax.lower import read
from torchlint.syntax.positions import locate
from torchlint.syntax.spans import Spans, Stretch, spans
from torchlint.syntax.tree import SyntaxProblem

ROOT = Path(__file__).resolve().parents[2]

#: Real files, of many kinds of code.
FILES = [
    path
    for folder in ("fixtures", "torchlint/syntax", "tests/syntax", "torchlint/frontends/server")
    for path in sorted((ROOT / folder).rglob("*.py"))
]

TRICKY = '''\
"""größe 😀"""
from torch import nn
@decorated(1, *a)
class Net(nn.Module, metaclass=M, **more):
    field: dict[str, "int"] = {"ключ": 1, **rest}

    @property
    @wrap(k=2)
    async def forward(self, x: int, /, y=(1), *args, z: "é" = lambda q, *, r=3: (q, r), **kw) -> None:
        ((x)) = ( self . fc )(y)[ 0 , ..., ::2, a:b ]
        (p, [q, *r]), s.t, u[v: ] = w = await f(x, *y, k=z, **kw)
        x += -y ** ~z if not a else b
        if (n := len(x)) > 10 and (y or z) and b is not c not in d < e == g: pass
        elif (a and b) and c and d: return (yield)
        else: yield from (i for i in j)
        print(f"{x!r:>{width}} {y=} é{z:.2f}" "plain" rf'{{no}} {a["k"]}', f"{1} {'s'} {None} {x}", b"bytes", 1j, 2.5e3)
        print(f"""a
          {x + y} {z
          }""")
        return {a: b for a, b in c if d if e}, [a for b in c for a in b], {*a, b}, {a async for a in b}, (a for a in b)

try:
    with a as b, (c) as (d, e), f(): x = 1; y = 2; z = 3
except (A, B) as e:
    raise X(1) from e
except* C:
    assert x, "message"
else:
    del a, b[0], (c, d)
finally:
    global g
match point:
    case [a, b] if a > b: f(a)
    case Class(x=1) | {"k": v} | None | -1 | mod.name: f(b)
    case (1 | 2) as n: f(n)
    case "s": pass
for i, (j, k) in enumerate(x): break
else: continue
while x: x = y \\
    + z
x = f(
    # ) comment (
    (a, b), (c), ("d" "e"), *(1, 2,),
)
@d
def f(): "doc"; return a , b
async def g():
    async with a as b:
        async for c in d: ...
type X[T] = list[T]
def h[T](x: T): pass
'''


def expressions(module: ir.Module) -> dict[int, ir.Expr]:
    """All expressions by their numbers, but for the literal parts of f-strings, which are no expressions."""
    found: dict[int, ir.Expr] = {}
    pending: list[object] = [module]
    while pending:
        one = pending.pop()
        if isinstance(one, list):
            pending.extend(one)
        elif isinstance(one, ir.Format):
            found[one.n] = one
            pending.extend(part for part in one.parts if not isinstance(part, ir.Const))
        elif isinstance(one, ir.Node):
            if isinstance(one, ir.Expr):
                found[one.n] = one
            pending.extend(getattr(one, name) for name in one.__struct_fields__)
    return found


def both(text: str) -> Iterator[tuple[ir.Expr, Stretch, Stretch | None]]:
    """Every expression, where libcst has it, and where it was found; but for several indices, which have no place of
    their own in libcst's tree."""
    module = read(text)
    assert not isinstance(module, SyntaxProblem)
    found = spans(text, module)
    nodes = expressions(module)
    for node in list(nodes.values()):
        if isinstance(node, ir.Subscript) and isinstance(node.index, ir.TupleExpr):
            nodes.pop(node.index.n)
    placed = locate(text, nodes, "a.py")
    assert len(placed) == len(nodes)
    for number, span in placed.items():
        start, end = span.start, span.end
        yield nodes[number], (start.row, start.column, end.row, end.column), found.expressions.get(number)


def cut(text: str, stretch: Stretch) -> str:
    """The piece of a text in a stretch."""
    row, column, last, end = stretch
    rows = text.split("\n")[row - 1 : last]
    rows[-1] = rows[-1][: end - 1]
    rows[0] = rows[0][column - 1 :]
    return "\n".join(rows)


def agrees(text: str, node: ir.Expr, libcst: Stretch, own: Stretch) -> bool:
    """Whether both say the same; Python takes the parentheses of a tuple and of a generator along, and libcst white
    space behind a slice."""
    if isinstance(node, ir.TupleExpr) or (isinstance(node, ir.Comp) and node.kind == "gen"):
        around = cut(text, own)
        inside = around[1:-1] if around.startswith("(") and around.endswith(")") else around
        return own == libcst or inside.strip() == cut(text, libcst).strip()
    if isinstance(node, ir.Slice):
        return cut(text, own) == cut(text, libcst).rstrip()
    return own == libcst


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_places_in_real_files_are_those_of_the_slow_way(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    if isinstance(read(text), SyntaxProblem):
        assert "crashes" in path.parts or "broken" in text
        return
    total = missing = 0
    for node, libcst, own in both(text):
        total += 1
        missing += own is None
        assert own is None or agrees(text, node, libcst, own), (node, libcst, own)
    assert missing * 100 <= total


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("before", ["", "\ufeff"])
def test_no_kind_of_expression_is_lost(before: str, end: str) -> None:
    lines = TRICKY.split("\n")
    # each version of Python reads what it has
    newer = ("except* C:", "type X[T] = list[T]", "def h[T](x: T): pass")
    text = before + end.join("except D:" if line == newer[0] else line for line in lines if line not in newer[1:])
    lost = [node for node, _, own in both(text) if own is None]
    assert lost == []
    same = text.replace("\r\n", "\n").replace("\r", "\n")
    wrong = [(node, a, b) for node, a, b in both(text) if b is not None and not agrees(same, node, a, b)]
    assert wrong == []


def found(text: str) -> Spans:
    module = read(text)
    assert not isinstance(module, SyntaxProblem)
    return spans(text, module)


def test_the_worked_example() -> None:
    there = found("y = f(x)\n")
    assert there.expressions == {1: (1, 1, 1, 2), 2: (1, 5, 1, 9), 3: (1, 5, 1, 6), 4: (1, 7, 1, 8)}
    assert there.bound == {1}
    assert there.statements == {0: (1, 1, 1, 9)}


def test_what_is_bound() -> None:
    text = (
        "a, (b.c, *d[0]) = e = 1\nf: int = 2\ng += 3\nfor h in i:\n    with j as k, l:\n        (m := n)\n"
        "[o for o in p]\ndel q\n"
    )
    there = found(text)
    assert sorted(cut(text, there.expressions[number]) for number in there.bound) == [
        "a", "b.c", "d[0]", "e", "f", "g", "h", "k", "m", "o",
    ]  # fmt: skip


def test_parameters_and_annotations() -> None:
    text = "def f(größe: int, /, b=1, *c, d: 'x' = 2, **e): pass\nz: list[int] = lambda q: q\n"
    there = found(text)
    assert {name: cut(text, stretch) for (_, name), stretch in there.parameters.items()} == {
        name: name for name in ("größe", "b", "c", "d", "e", "q")
    }
    assert sorted(cut(text, stretch) for stretch in there.annotations.values()) == ["'x'", "int", "list[int]"]


def test_a_statement_with_a_body_stands_where_its_head_is() -> None:
    heads = {
        "@d\nasync  def f(x):\n    pass\n": "f", "class C(A): pass\n": "C", "for a in b:\n    c\n": "for a in b",
        "while a :\n    b\n": "while a", "if a: b\n": "if a", "with a as b, c as d: e\n": "with a as b, c as d",
        "try: a\nfinally: b\n": "try", "match a:\n    case b: c\n": "match a", "x = 1; y = 2\n": "x = 1",
        "def \\\n g(): pass\n": "def \\",
    }  # fmt: skip
    for text, head in heads.items():
        for mark in ("", "\ufeff"):
            stretches = found(mark + text).statements
            assert cut(mark + text, stretches[min(stretches)]) == head


def test_what_python_cannot_read_has_no_places() -> None:
    module = read("x = 1\n")
    assert not isinstance(module, SyntaxProblem)
    assert spans("x = = 1\n", module) == Spans({}, {}, {}, set(), {}, set())


def test_another_text_than_that_of_the_ir_is_no_trouble() -> None:
    module = read("if a:\n    x = f(1)\nelse:\n    y = [2]\ndef g(a, b): return c\n")
    assert not isinstance(module, SyntaxProblem)
    for text in ("pass\n", "if a:\n    pass\nelse:\n    y = (2)\n    z = 1\ndef g(a): return\n", "x: int\ny = 1\n"):
        assert set(spans(text, module).expressions) <= set(range(40))


def test_deep_nesting_is_no_trouble() -> None:
    for text in (f"x = {'-' * 900}1\n", f"x = {'(' * 90}1{')' * 90}\n", "x = " + "a." * 500 + "b\n"):
        assert found(text).bound == {1}
