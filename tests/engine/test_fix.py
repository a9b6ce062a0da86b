"""From changes to edits: what is made of a file, and what is not offered."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

import pytest

from torchlint import diagnostic
from torchlint.diagnostic import Span
from torchlint.engine.fix import Editor
from torchlint.facts import Ending, Place
from torchlint.rule import (
    Changes,
    dropped,
    exchanged,
    fix,
    renamed,
    replaced,
    swapped,
    unwrapped,
    wrapped,
)
from torchlint.rule import argument_added as argument
from torchlint.source.edit import Offsets, applied
from torchlint.syntax.lower import read
from torchlint.syntax.positions import locate
from torchlint.syntax.rewrite import expressions
from torchlint.syntax.tree import SyntaxProblem

Files = Mapping[str, str]
At = Callable[..., Place]


def offered(
    files: Files, changes: Callable[[At], Changes], safe: bool = False, linted: Collection[str] | None = None
) -> tuple[diagnostic.Fix | None, dict[str, str]]:
    """What is offered, and the files that it makes. `changes` asks for nodes by their source."""
    spans: dict[Place, Span] = {}
    nodes: set[Place] = set()
    for path, text in files.items():
        module = read(text)
        assert not isinstance(module, SyntaxProblem)
        nodes.update(Place(path, n) for n in expressions(module))
        spans.update((Place(path, n), span) for n, span in locate(text, range(200), path).items())

    def at(source: str, number: int = 0, path: str = "a.py") -> Place:
        offsets = Offsets(files[path])
        found = [
            place
            for place, span in sorted(spans.items())
            if place in nodes and place.path == path and offsets.cut(files[path], span) == source
        ]
        return found[number]

    made = changes(at)
    editor = Editor(files.get, files if linted is None else linted)
    (wanted,) = fix("mend it", made, safe=safe)
    asked = set(editor.places([wanted]))
    one = editor.edited(wanted, {place: span for place, span in spans.items() if place in asked})
    edits = () if one is None else one.edits
    return one, {
        path: applied(text, [edit for edit in edits if edit.span.path == path]) for path, text in files.items()
    }


def after(text: str, changes: Callable[[At], Changes]) -> str | None:
    """What a fix makes of one file; None if it is not offered."""
    one, files = offered({"a.py": text}, changes)
    return None if one is None else files["a.py"]


# --- replaced, renamed -------------------------------------------------------------------------------------------


def test_replaced() -> None:
    assert after("y = f(x, 1)\n", lambda at: replaced(at("1"), "2")) == "y = f(x, 2)\n"
    assert after("y = -x\n", lambda at: replaced(at("x"), "a + b")) == "y = -(a + b)\n"
    assert after("y = f(x)\n", lambda at: replaced(at("x"), "a, b")) == "y = f((a, b))\n"


@pytest.mark.parametrize("text", ["", "a b", "a = 1", "x)\n(y", "y"])
def test_what_is_no_expression_or_no_change_is_not_offered(text: str) -> None:
    assert after("f(y)\n", lambda at: replaced(at("y"), text)) is None


@pytest.mark.parametrize(
    ("before", "old", "expected"),
    [
        ("import torch.nn as nn\nc = nn.BCELoss()\n", "nn.BCELoss", "import torch.nn as nn\nc = nn.New()\n"),
        ("import torch\nc = torch.nn.BCELoss()\n", "torch.nn.BCELoss", "import torch\nc = torch.nn.New()\n"),
        ("from tools import *\nc = nn.BCELoss()\n", "nn.BCELoss", "from tools import *\nc = nn.New()\n"),
        ("from torch.nn import *\nc = BCELoss()\n", "BCELoss", "from torch.nn import *\nc = New()\n"),
        (
            "from torch.nn import BCELoss\nc = BCELoss()\n",
            "BCELoss",
            "from torch.nn import BCELoss\nfrom torch.nn import New\nc = New()\n",
        ),
        (
            "from torch.nn import BCELoss as B\nc = B()\n",
            "B",
            "from torch.nn import BCELoss as B\nfrom torch.nn import New\nc = New()\n",
        ),
        (
            "from torch.nn import BCELoss, New as N\nc = BCELoss()\n",
            "BCELoss",
            "from torch.nn import BCELoss, New as N\nc = N()\n",
        ),
        # another module than that which has the new name
        (
            "from torch import nn\nc = nn.modules.loss.BCELoss()\n",
            "nn.modules.loss.BCELoss",
            "from torch import nn\nc = nn.New()\n",
        ),
        # a name of its own, an attribute of an object, and a name that is taken
        ("from torch import nn\nMine = nn.BCELoss\nc = Mine()\n", "Mine", None),
        ("class A:\n    def f(self): return self.BCELoss()\n", "self.BCELoss", None),
        ("from torch.nn import BCELoss\nNew = 1\nc = BCELoss()\n", "BCELoss", None),
        (
            "from tools import BCELoss\nc = BCELoss()\n",
            "BCELoss",
            "from tools import BCELoss\nfrom torch.nn import New\nc = New()\n",
        ),
    ],
)
def test_renamed_within_a_module(before: str, old: str, expected: str | None) -> None:
    assert after(before, lambda at: renamed(at(old), "BCELoss", "torch.nn.New")) == expected


@pytest.mark.parametrize(
    ("before", "call", "expected"),
    [
        (
            "import torch.nn.functional as F\ny = F.softmax(x, dim=1)\n",
            "F.softmax(x, dim=1)",
            "import torch.nn.functional as F\ny = F.log_softmax(x, dim=1)\n",
        ),
        ("y = self.fc(x).softmax(-1)\n", "self.fc(x).softmax(-1)", "y = self.fc(x).log_softmax(-1)\n"),
        ("y = (a\n     .softmax(1))\n", "a\n     .softmax(1)", "y = (a\n     .log_softmax(1))\n"),
        (
            "from torch import softmax\ny = softmax(x)\n",
            "softmax(x)",
            "from torch import softmax\nimport torch\ny = torch.log_softmax(x)\n",
        ),
        (
            "from torch.special import softmax\ny = softmax(x)\n",
            "softmax(x)",
            "from torch.special import softmax\nfrom torch.special import log_softmax\ny = log_softmax(x)\n",
        ),
        ("def f(softmax): return softmax(x)\n", "softmax(x)", None),
        ("y = F.softmin(x)\n", "F.softmin(x)", None),
        ("y = a[0](x)\n", "a[0](x)", None),
    ],
)
def test_renamed_in_whatever_has_the_old_name(before: str, call: str, expected: str | None) -> None:
    assert after(before, lambda at: renamed(at(call), "softmax", "log_softmax")) == expected


# --- wrapped, unwrapped ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "node", "expected"),
    [
        ("import torch\nc(x, y)\n", "x", "import torch\nc(torch.sigmoid(x), y)\n"),
        ("import torch\nc(a + b, y)\n", "a + b", "import torch\nc(torch.sigmoid(a + b), y)\n"),
        ("import torch\nc((a, b), y)\n", "a, b", "import torch\nc((torch.sigmoid((a, b))), y)\n"),
        ("import torch\nc(input=x)\n", "x", "import torch\nc(input=torch.sigmoid(x))\n"),
        ("c(x)\n", "x", "import torch\nc(torch.sigmoid(x))\n"),
        ("'''Doc.'''\nimport os\n\nc(x)\n", "x", "'''Doc.'''\nimport os\nimport torch\n\nc(torch.sigmoid(x))\n"),
        ("import os; c(x)", "x", "import os; c(torch.sigmoid(x))\nimport torch"),
        ("import torch as th\r\nc(x)\r\n", "x", "import torch as th\r\nc(th.sigmoid(x))\r\n"),
        ("import os\r\nc(x)\r\n", "x", "import os\r\nimport torch\r\nc(torch.sigmoid(x))\r\n"),
        ("#!/bin/python\nc(x)\n", "x", "#!/bin/python\nimport torch\nc(torch.sigmoid(x))\n"),
        ("torch = 1\nc(x)\n", "x", None),
    ],
)
def test_wrapped(before: str, node: str, expected: str | None) -> None:
    assert after(before, lambda at: wrapped(at(node), "{torch.sigmoid}(", ")")) == expected


def test_wrapped_in_operators() -> None:
    assert after("f(a + b)\n", lambda at: wrapped(at("a + b"), "", " > 0.5")) == "f(a + b > 0.5)\n"
    assert after("f(a or b)\n", lambda at: wrapped(at("a or b"), "", " > 0.5")) == "f((a or b) > 0.5)\n"
    assert after("f(a, b)\n", lambda at: wrapped(at("a"), "(", "")) is None


@pytest.mark.parametrize(
    ("before", "outer", "inner", "expected"),
    [
        ("y = s(a + b) * 2\n", "s(a + b)", "a + b", "y = (a + b) * 2\n"),
        ("y = s(a + b)\n", "s(a + b)", "a + b", "y = a + b\n"),
        ("y = s((a + b))\n", "s((a + b))", "a + b", "y = a + b\n"),
        ("y = (a + b).s()\n", "(a + b).s()", "a + b", "y = a + b\n"),
        ("y = (a + b).s().t()\n", "(a + b).s()", "a + b", "y = (a + b).t()\n"),
        ("y = -s(a ** b)\n", "s(a ** b)", "a ** b", "y = -a ** b\n"),
        ("y = s(-a) ** 2\n", "s(-a)", "-a", "y = (-a) ** 2\n"),
        ("y = s(a if c else b), d\n", "s(a if c else b)", "a if c else b", "y = a if c else b, d\n"),
        ("y = s(a if c else b)(d)\n", "s(a if c else b)", "a if c else b", "y = (a if c else b)(d)\n"),
        ("y = s(lambda: a)()\n", "s(lambda: a)", "lambda: a", "y = (lambda: a)()\n"),
        ("f(s(a for a in b), c)\n", "s(a for a in b)", "a for a in b", "f((a for a in b), c)\n"),
        ("y = s(\n    a\n    + b,\n)\n", "s(\n    a\n    + b,\n)", "a\n    + b", "y = (a\n    + b)\n"),
        ("y = s(\n    a.b(\n    c)\n)\n", "s(\n    a.b(\n    c)\n)", "a.b(\n    c)", "y = a.b(\n    c)\n"),
        ("y = s(a)[0]\n", "s(a)", "a", "y = a[0]\n"),
        ("y = s(größe), 图\n", "s(größe)", "größe", "y = größe, 图\n"),
        ("if x:\n\ty = é, s(a)\r\n", "s(a)", "a", "if x:\n\ty = é, a\r\n"),
        ("y = s(*a)\n", "s(*a)", "a", "y = a\n"),
        ("y = s(a, dim=1)\n", "s(a, dim=1)", "a", "y = a\n"),
        # a statement that would do nothing
        ("x.s_()\ny = x\n", "x.s_()", "x", "y = x\n"),
        ("if c:\r\n    x = 1\r\n    s(\r\n        x\r\n    )  # y\r\n", "s(\r\n        x\r\n    )", "x",
         "if c:\r\n    x = 1\r\n"),
        ("x = s(x)\ny = x\n", "s(x)", "x", "y = x\n"),
        ("x = s(x); y = x\n", "s(x)", "x", "x = x; y = x\n"),
        ("y = 1; s(x)\n", "s(x)", "x", None),
        ("if c:\n    x = s(x)\n", "s(x)", "x", "if c:\n    x = x\n"),
        ("if c: x = s(x)\n", "s(x)", "x", "if c: x = x\n"),
        ("x = y = s(x)\n", "s(x)", "x", "x = y = x\n"),
        ("a.x = s(x)\n", "s(x)", "x", "a.x = x\n"),
        ("f(y).s_()\n", "f(y).s_()", "f(y)", None),
        ("y = x\ns(x)", "s(x)", "x", None),
    ],
)  # fmt: skip
def test_unwrapped(before: str, outer: str, inner: str, expected: str | None) -> None:
    assert after(before, lambda at: unwrapped(at(outer), at(inner))) == expected


def test_a_starred_argument_is_not_unwrapped() -> None:
    assert after("y = s(*a)\n", lambda at: unwrapped(at("s(*a)"), at("*a"))) is None


def test_a_fix_that_loses_a_comment_is_unsafe() -> None:
    files = {"a.py": "y = s(  # to [0, 1]\n    a\n)\n"}
    one, made = offered(files, lambda at: unwrapped(at("s(  # to [0, 1]\n    a\n)"), at("a")), safe=True)
    assert made["a.py"] == "y = a\n"
    assert one is not None
    assert not one.safe
    one, made = offered({"a.py": "y = s(a)  # [0, 1]\n"}, lambda at: unwrapped(at("s(a)"), at("a")), safe=True)
    assert made["a.py"] == "y = a  # [0, 1]\n"
    assert one is not None
    assert one.safe


# --- swapped, one more argument ----------------------------------------------------------------------------------


def test_swapped() -> None:
    assert after("c(t, f(x) + 1)\n", lambda at: swapped(at("t"), at("f(x) + 1"))) == "c(f(x) + 1, t)\n"
    assert after("c(target=a, input=b)\n", lambda at: swapped(at("a"), at("b"))) == "c(target=b, input=a)\n"
    assert after("c(\n    a,  # one\n    b,\n)\n", lambda at: swapped(at("a"), at("b"))) == (
        "c(\n    b,  # one\n    a,\n)\n"
    )
    assert after("y = a + b * c\n", lambda at: swapped(at("a"), at("b * c"))) == "y = b * c + a\n"


def test_a_swap_that_would_read_otherwise_is_not_offered() -> None:
    assert after("y = a * (b + c)\n", lambda at: swapped(at("a"), at("b + c"))) is None
    assert after("y = a - b\n", lambda at: swapped(at("a"), at("a - b"))) is None


@pytest.mark.parametrize(
    ("before", "call", "expected"),
    [
        ("y = f()\n", "f()", "y = f(dim=1)\n"),
        ("y = f(x)\n", "f(x)", "y = f(x, dim=1)\n"),
        ("y = f(x, k=2)\n", "f(x, k=2)", "y = f(x, k=2, dim=1)\n"),
        ("y = f(x, *a, **k)\n", "f(x, *a, **k)", "y = f(x, *a, **k, dim=1)\n"),
        ("y = f(x,)\n", "f(x,)", "y = f(x, dim=1)\n"),
        ("y = f(g(x))(h())\n", "f(g(x))(h())", "y = f(g(x))(h(), dim=1)\n"),
        ("y = f((a + b))\n", "f((a + b))", "y = f((a + b), dim=1)\n"),
        ("f(\n    x,\n    y,  # last\n)\n", "f(\n    x,\n    y,  # last\n)", "f(\n    x,\n    y, dim=1  # last\n)\n"),
        ("f(\n    x  # last\n)\n", "f(\n    x  # last\n)", "f(\n    x, dim=1  # last\n)\n"),
        ("f(\n    # nothing\n)\n", "f(\n    # nothing\n)", "f(dim=1\n    # nothing\n)\n"),
        ("y = f(')', \"(\")\n", "f(')', \"(\")", "y = f(')', \"(\", dim=1)\n"),
        ("é = (a\r\n     .f(x))\r\n", "a\r\n     .f(x)", "é = (a\r\n     .f(x, dim=1))\r\n"),
        ("if a:\n\tü = 1; y = f(x)\n", "f(x)", "if a:\n\tü = 1; y = f(x, dim=1)\n"),
    ],
)
def test_one_more_argument(before: str, call: str, expected: str) -> None:
    assert after(before, lambda at: argument(at(call), "dim=1")) == expected


def test_one_more_argument_where_none_fits() -> None:
    assert after("y = f\n", lambda at: argument(at("f"), "dim=1")) is None
    assert after("y = f(a for a in b)\n", lambda at: argument(at("f(a for a in b)"), "dim=1")) is None
    assert after("y = f(x)\n", lambda at: argument(at("f(x)"), "dim=")) is None


# --- endings -----------------------------------------------------------------------------------------------------


def test_dropped() -> None:
    call = after("y = s(x) + 1\n", lambda at: dropped(Ending("s", at("s(x)"), at("x"), None, False)))
    assert call == "y = x + 1\n"
    text = "from torch import nn\nm = nn.Sequential(a, nn.Softmax(dim=1))\n"
    layer = after(text, lambda at: dropped(Ending("softmax", at("nn.Softmax(dim=1)"), None, None, True)))
    assert layer == "from torch import nn\nm = nn.Sequential(a, nn.Identity())\n"


def test_exchanged() -> None:
    text = "from torch import nn\nm = nn.Sequential(a, nn.Softmax(dim=1))\n"
    place = "nn.Softmax(dim=1)"
    layer = after(text, lambda at: exchanged(Ending("softmax", at(place), None, at(place), True), "log_softmax"))
    assert layer == "from torch import nn\nm = nn.Sequential(a, nn.LogSoftmax(dim=1))\n"
    ending = Ending("softmax", Place("a.py", 0), None, None, False)
    assert exchanged(ending, "log_softmax") == exchanged(None, "log_softmax") == dropped(None) == ()


# --- several changes, several files ------------------------------------------------------------------------------


def test_changes_of_one_fix_are_made_together() -> None:
    def changes(at: At) -> Changes:
        return (
            *unwrapped(at("s(x)", path="model.py"), at("x", path="model.py")),
            *renamed(at("nn.NLLLoss"), "NLLLoss", "torch.nn.CrossEntropyLoss"),
        )

    files = {"a.py": "from torch import nn\nc = nn.NLLLoss()\n", "model.py": "y = s(x)\n"}
    one, made = offered(files, changes)
    assert one is not None
    assert made == {"a.py": "from torch import nn\nc = nn.CrossEntropyLoss()\n", "model.py": "y = x\n"}
    assert [edit.span.path for edit in one.edits] == ["a.py", "model.py"]


def test_all_or_nothing() -> None:
    def changes(at: At) -> Changes:
        return replaced(at("x"), "z") + replaced(at("y"), "a b")

    assert after("f(x, y)\n", changes) is None
    assert fix("mend it", replaced(Place("a.py", 1), "z"), ()) == ()
    assert fix("mend it") != ()


def test_overlapping_edits_are_not_offered() -> None:
    assert after("f(g(x))\n", lambda at: replaced(at("g(x)"), "y") + replaced(at("x"), "z")) is None
    assert after("f(g(x))\n", lambda at: replaced(at("x"), "y") + replaced(at("x"), "z")) is None
    assert after("f(x)\n", lambda at: wrapped(at("x"), "a(", ")") + replaced(at("x"), "z")) is None


def test_an_import_is_added_once() -> None:
    def changes(at: At) -> Changes:
        return wrapped(at("x"), "{torch.sigmoid}(", ")") + wrapped(at("y"), "{torch.exp}(", ")")

    assert after("f(x, y)\n", changes) == "import torch\nf(torch.sigmoid(x), torch.exp(y))\n"


def test_several_imports_stand_in_one_order() -> None:
    def changes(at: At) -> Changes:
        return replaced(at("x"), "{torch.nn.Identity}()") + replaced(at("y"), "{math.pi}")

    assert after("f(x, y)\n", changes) == "from torch.nn import Identity\nimport math\nf(Identity(), math.pi)\n"


def test_only_linted_files_are_edited() -> None:
    files = {"a.py": "f(x)\n", "b.py": "g(x)\n"}
    assert offered(files, lambda at: replaced(at("x", path="b.py"), "y"), linted={"a.py"})[0] is None
    assert offered(files, lambda at: replaced(at("x", path="b.py"), "y"), linted={"b.py"})[0] is not None


def test_nodes_that_are_not_there() -> None:
    assert after("f(x)\n", lambda at: replaced(Place("a.py", 99), "y")) is None
    assert after("f(x)\n", lambda at: replaced(Place("gone.py", 1), "y")) is None
    assert after("f(x)\n", lambda at: swapped(at("x"), Place("a.py", 99))) is None
    assert after("f(x)\n", lambda at: unwrapped(at("f(x)"), Place("gone.py", 1))) is None


def test_a_file_that_does_not_parse_is_not_edited() -> None:
    editor = Editor({"a.py": "f(x\n"}.get, {"a.py"})
    (wanted,) = fix("mend it", replaced(Place("a.py", 1), "y"))
    assert editor.places([wanted]) == []
    assert editor.edited(wanted, {}) is None


def test_titles_and_safety_are_kept() -> None:
    one, _ = offered({"a.py": "f(x)\n"}, lambda at: replaced(at("x"), "y"), safe=True)
    assert one is not None
    assert (one.title, one.safe) == ("mend it", True)
