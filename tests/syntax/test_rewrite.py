from __future__ import annotations

import pytest

from torchlint.syntax import ir
from torchlint.syntax.lower import read
from torchlint.syntax.rewrite import Exchange, expression, expressions, says, statements
from torchlint.syntax.tree import SyntaxProblem


def parse(text: str) -> ir.Module:
    found = read(text)
    assert not isinstance(found, SyntaxProblem)
    return found


def first_call(module: ir.Module) -> ir.Call:
    return next(node for _, node in sorted(expressions(module).items()) if isinstance(node, ir.Call))


@pytest.mark.parametrize(
    ("after", "right"),
    [
        ("y = (a + b) * 2\n", True),
        ("y = (\n    a + b  # both\n) * 2", True),
        ("y = a + b * 2\n", False),
        ("y = (a + b) * 2.0\n", False),
        ("y = (a + b) * True\n", False),
        ("y = (a + b) * 2\nz = 1\n", False),
        ("y = (a + b * 2\n", False),
        ("z = (a + b) * 2\n", False),
    ],
)
def test_the_worked_example(after: str, right: bool) -> None:
    module = parse("y = torch.sigmoid(a + b) * 2\n")
    call = first_call(module)
    assert says(after, module, {call.n: Exchange(call.args[0])}) is right


def test_without_exchanges_the_text_means_the_same() -> None:
    text = "class A(B):\n    def f(self, x=(1, 2)):\n        return {k: v for k, v in x} or f'{x!r}'\n"
    assert says(text.replace("    ", "\t"), parse(text), {})
    assert not says(text.replace("1", "3"), parse(text), {})


def test_two_expressions_change_places() -> None:
    module = parse("f(a + 1, (b, c))\n")
    call = first_call(module)
    one, other = call.args
    exchanges = {one.n: Exchange(other), other.n: Exchange(one)}
    assert says("f((b, c), a + 1)\n", module, exchanges)
    assert not says("f(b, c, a + 1)\n", module, exchanges)


def test_an_expression_may_be_part_of_what_takes_its_place() -> None:
    module = parse("y = f(x)\n")
    call = first_call(module)
    template = expression("torch.exp(_)")
    assert isinstance(template, ir.Call)
    exchange = Exchange(template, {template.args[0].n: Exchange(call)})
    assert says("y = torch.exp(f(x))\n", module, {call.n: exchange})


@pytest.mark.parametrize("text", ["a = 1", "a; b", "", "a +", "x)\n(y"])
def test_what_is_no_expression(text: str) -> None:
    assert expression(text) is None


def test_an_expression_may_have_several_lines() -> None:
    assert isinstance(expression("a\n.b(\nc)"), ir.Call)


def test_statements_by_their_expressions() -> None:
    module = parse("f(x)\nif g(x):\n    y = k(x)\nreturn_ = [h(x)]\n")
    nodes, found = expressions(module), statements(module)
    calls = {
        node.func.name: n for n, node in nodes.items() if isinstance(node, ir.Call) and isinstance(node.func, ir.Name)
    }
    assert {name: type(found.get(n)) for name, n in calls.items()} == {
        "f": ir.ExprStmt, "g": type(None), "k": ir.Assign, "h": type(None),
    }  # fmt: skip


def test_a_statement_is_taken_out() -> None:
    module = parse("def f(x):\n    x = s(x)\n    return x\n")
    (statement,) = (one for one in statements(module).values() if isinstance(one, ir.Assign))
    assert says("def f(x):\n    return x\n", module, {statement.n: None})
    assert not says("def f(x):\n    x = x\n    return x\n", module, {statement.n: None})
