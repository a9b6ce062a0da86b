"""Anything may be linted: each input gives findings or none, in bounded time, and the other files are still linted."""

from __future__ import annotations

import random

import pytest

from tests.conftest import check, rules
from torchlint.config import Settings
from torchlint.engine import registry, run
from torchlint.facts.analysis import analyse

WRONG = """
import torch
import torch.nn as nn

loss = nn.BCELoss()(nn.Linear(4, 1)(torch.randn(8, 4)), torch.ones(8, 1))
"""


def codes(files: dict[str, bytes]) -> dict[str, set[str]]:
    """The codes found, by file, of files given as bytes."""
    analysis = analyse(files, lambda path: None, [str(registry.own_contracts())])
    texts = {path: data.decode("utf-8", "replace") for path, data in files.items()}
    found: dict[str, set[str]] = {path: set() for path in files}
    for d in run.diagnose(analysis, rules().rules, files, lambda path: Settings(), texts.get):
        found[d.span.path].add(d.code)
    return found


def strange() -> dict[str, bytes]:
    generator = random.Random(7)
    whole = WRONG.encode()
    return {
        "random bytes": b"import torch\n" + generator.randbytes(4000),
        "truncated": b"import torch\nclass Net(torch.nn.Module):\n    def forward(self, x",
        "nested brackets": b"import torch\nx = " + b"[" * 10_000 + b"]" * 10_000 + b"\n",
        "nested calls": b"import torch\nx = " + b"f(" * 10_000 + b")" * 10_000 + b"\n",
        "a long sum": b"import torch\nx = " + b"1 + " * 10_000 + b"1\n",
        "nested lists": b"import torch\nx = torch.tensor(" + b"[" * 80 + b"1" + b"]" * 80 + b")\n",
        "a class of itself": b"import torch\nclass A(A): pass\nclass B(C): pass\nclass C(B): pass\nB()\n",
        "a function of itself": b"import torch\ndef f(x):\n    return f(f(x))\nf(torch.ones(1)).backward()\n",
        "objects that hold each other": (
            b"import torch\nclass A(torch.nn.Module):\n    def __init__(self):\n        super().__init__()\n"
            b"        self.a = self\n        self.all = [self]\n        self.all.append(self.all)\n"
            b"a = A()\na.train()\na.eval()\nx = torch.tensor(a.all)\n"
        ),
        "an unknown attribute that is called": (
            b"import torch\nclass Meter:\n    def __init__(self, table):\n        self.measure = table['a']\n"
            b"    def update(self, x):\n        return self.measure(x).backward()\n"
        ),
        "a loop of loops": b"import torch\n"
        + b"".join(b" " * i + b"for i in y:\n" for i in range(60))
        + b" " * 60
        + b"z = torch.relu(z)\n",
        "many branches": b"import torch\ndef f(a):\n    x = torch.rand(1)\n"
        + b"".join(b"    if a[%d]:\n        x = x + %d\n" % (i, i) for i in range(400))
        + b"    x.backward()\n",
        "huge numbers": b"import torch\nn = 10 ** 10 ** 9\nm = 'x' * 10 ** 12\nk = [0] * 10 ** 9\nt = 1 << 10 ** 9\n",
        "python 2": b"import torch\nprint 'loss', loss\n",
        "latin-1": b"# -*- coding: latin-1 -*-\nimport torch\nname = '\xe9'\n" + whole,
    }


@pytest.mark.parametrize("what", strange())
def test_strange_files_cost_only_themselves(what: str) -> None:
    found = codes({"strange.py": strange()[what], "train.py": WRONG.encode()})
    assert "TL101" in found["train.py"]
    assert "TL000" not in found["strange.py"]


def test_a_file_of_five_megabytes() -> None:
    row = b"    '" + b"iVBORw0KGgo" * 12 + b"',\n"
    table = b"import torch\nVALUES = [\n" + row * 36_000 + b"]\n"
    assert len(table) > 5_000_000
    found = codes({"table.py": table, "train.py": WRONG.encode()})
    assert "TL101" in found["train.py"]


def test_a_fault_costs_one_file(monkeypatch: pytest.MonkeyPatch) -> None:
    from torchlint.flow import builtins

    def broken(*args: object) -> None:
        raise ZeroDivisionError("on purpose")

    monkeypatch.setattr(builtins, "contains", broken)
    found = codes({"odd.py": b"import torch\nx = 1 in [torch]\n", "train.py": WRONG.encode()})
    assert found == {"odd.py": {"TL000"}, "train.py": {"TL101"}}


def test_line_ends_and_marks() -> None:
    for text in (WRONG.replace("\n", "\r\n"), "\ufeff" + WRONG, WRONG.replace("\nloss", "\n\x0c\nloss")):
        findings = check({"train.py": text})
        assert [d.code for d in findings] == ["TL101"]
