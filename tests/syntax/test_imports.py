from __future__ import annotations

import pytest

from torchlint.syntax.imports import Names, insertion_row, names
from torchlint.syntax.lower import read
from torchlint.syntax.tree import SyntaxProblem


def of(text: str) -> Names:
    found = read(text)
    assert not isinstance(found, SyntaxProblem)
    return names(found)


@pytest.mark.parametrize(
    ("text", "dotted", "meaning"),
    [
        ("import torch", "torch.nn.BCELoss", "torch.nn.BCELoss"),
        ("import torch.nn", "torch.nn.BCELoss", "torch.nn.BCELoss"),
        ("import torch.nn as nn", "nn.BCELoss", "torch.nn.BCELoss"),
        ("from torch import nn", "nn.BCELoss", "torch.nn.BCELoss"),
        ("from torch.nn import BCELoss", "BCELoss", "torch.nn.BCELoss"),
        ("from torch.nn import BCELoss as Loss", "Loss", "torch.nn.BCELoss"),
        ("from . import layers", "layers.Head", "..layers.Head"),
        ("def f():\n    import torch.nn.functional as F", "F.relu", "torch.nn.functional.relu"),
        ("try:\n    import a.x as x\nexcept ImportError:\n    import b.x as x", "x.f", None),
        ("import torch", "nn.BCELoss", None),
        ("from torch.nn import *", "BCELoss", None),
        ("from torch import nn\nnn = 3", "nn.BCELoss", None),
        ("from torch import nn\ndef f(nn): pass", "nn.BCELoss", None),
        ("from torch import nn\nfor a, (*nn, b) in c: pass", "nn.BCELoss", None),
        ("from torch import nn\nwith a as nn: pass", "nn.BCELoss", None),
        ("from torch import nn\ntry: pass\nexcept E as nn: pass", "nn.BCELoss", None),
        ("from torch import nn\n[nn for nn in a]", "nn.BCELoss", None),
        ("from torch import nn\nif (nn := 1): pass", "nn.BCELoss", None),
        ("from torch import nn\nmatch a:\n    case [nn]: pass\n    case b: pass", "nn.BCELoss", None),
        ("from torch import nn\nclass nn: pass", "nn.BCELoss", None),
        ("from torch import nn\nclass A:\n    def nn(self): pass", "nn.BCELoss", "torch.nn.BCELoss"),
        ("from torch import nn\nclass A:\n    def f(self, nn): pass", "nn.BCELoss", None),
    ],
)
def test_meaning(text: str, dotted: str, meaning: str | None) -> None:
    assert of(text).meaning(dotted) == meaning


@pytest.mark.parametrize(
    ("text", "full", "spelled"),
    [
        ("import torch", "torch.sigmoid", ("torch.sigmoid", "")),
        ("import torch as th", "torch.sigmoid", ("th.sigmoid", "")),
        ("from torch import sigmoid as s", "torch.sigmoid", ("s", "")),
        ("from torch import *", "torch.sigmoid", ("sigmoid", "")),
        ("", "torch.sigmoid", ("torch.sigmoid", "import torch")),
        ("import torch.nn as nn", "torch.sigmoid", ("torch.sigmoid", "import torch")),
        ("torch = None", "torch.sigmoid", None),
        ("import torch\nfrom torch import nn", "torch.nn.Identity", ("nn.Identity", "")),
        ("import torch", "torch.nn.Identity", ("torch.nn.Identity", "")),
        ("import torch.nn", "torch.nn.Identity", ("torch.nn.Identity", "")),
        ("", "torch.nn.Identity", ("Identity", "from torch.nn import Identity")),
        # the names of a module stay imported one by one
        (
            "import torch\nfrom torch.nn import Linear",
            "torch.nn.Identity",
            ("Identity", "from torch.nn import Identity"),
        ),
        ("import torch\nfrom torch.nn import Linear\nIdentity = 0", "torch.nn.Identity", ("torch.nn.Identity", "")),
        ("from torch.nn import Linear\nIdentity = 0", "torch.nn.Identity", None),
        ("from mine import Identity", "torch.nn.Identity", None),
        # what a function imports holds for that function
        ("def f():\n    from torch import nn", "torch.nn.Identity", ("Identity", "from torch.nn import Identity")),
        ("if a:\n    from torch import nn", "torch.nn.Identity", ("nn.Identity", "")),
    ],
)
def test_spelling(text: str, full: str, spelled: tuple[str, str] | None) -> None:
    assert of(text).spelled(full) == spelled


def test_free_names() -> None:
    known = of("import torch\nx = 1\ndef f(y): pass\n")
    assert [name for name in ("torch", "x", "f", "y", "z") if known.free(name)] == ["z"]


@pytest.mark.parametrize(
    ("text", "row"),
    [
        ("import os\n\nx = 1\n", 2),
        ("import os\nfrom a import (\n    b,\n    c,\n)\n\nx = 1\n", 6),
        ("import os\nx = 1\nimport re\n", 2),
        ('"""What it is."""\n\nfrom __future__ import annotations\n\nimport os\n', 6),
        ('"""What\nit is."""\n\nx = 1\n', 3),
        ("x = 1\n", 1),
        ("3\nx = 1\n", 1),
        ("#!/usr/bin/env python\n# -*- coding: utf-8 -*-\n# what it is\nx = 1\n", 3),
        ("# what it is\nx = 1\n", 1),
        ("", 1),
        ("import os", 2),
        ("import os\r\nx = 1\r\n", 2),
        ("x = = 1\n", None),
    ],
)
def test_insertion_row(text: str, row: int | None) -> None:
    assert insertion_row(text) == row
