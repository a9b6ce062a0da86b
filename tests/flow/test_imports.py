"""Imports over a project: however a name comes in, it is the same class."""

from __future__ import annotations

import pytest

from tests.conftest import check

NET = """
import torch.nn as nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 1)

    def forward(self, v):
        return self.fc(v)


__all__ = ["Net"]
"""
USE = """
import torch
import torch.nn as nn
{imports}

loss = nn.BCELoss()({net}()(torch.randn(8, 4)), torch.ones(8, 1))
"""


@pytest.mark.parametrize(
    ("path", "net_path", "imports", "net", "more"),
    [
        ("train.py", "net.py", "from net import Net", "Net", {}),
        ("train.py", "net.py", "import net as models", "models.Net", {}),
        ("train.py", "net.py", "from net import *", "Net", {}),
        ("train.py", "zoo/net.py", "from zoo.net import Net as N", "N", {}),
        ("train.py", "zoo/net.py", "import zoo.net", "zoo.net.Net", {}),
        ("train.py", "zoo/net.py", "from zoo import Net", "Net", {"zoo/__init__.py": "from .net import Net\n"}),
        ("train.py", "zoo/net.py", "import zoo", "zoo.Net", {"zoo/__init__.py": "from .net import *\n"}),
        ("src/app/train.py", "src/app/net.py", "from .net import Net", "Net", {"src/app/__init__.py": ""}),
        ("src/app/train.py", "src/app/core/net.py", "from .core import net", "net.Net", {"src/app/__init__.py": ""}),
        ("scripts/train.py", "src/zoo/net.py", "from zoo.net import Net", "Net", {"setup.py": "import setuptools\n"}),
        ("tools/a/train.py", "tools/net.py", "from ..net import Net", "Net", {}),
        ("train.py", "net.py", "try:\n    from net import Net\nexcept ImportError:\n    Net = None", "Net", {}),
        ("train.py", "net.py", "import importlib\nmodule = importlib.import_module('net')", "module.Net", {}),
    ],
)
def test_a_name_is_found(path: str, net_path: str, imports: str, net: str, more: dict[str, str]) -> None:
    files = {path: USE.format(imports=imports, net=net), net_path: NET, **more}
    assert [(d.code, d.span.path) for d in check(files)] == [("TL101", path)]


def test_the_sibling_comes_before_the_root() -> None:
    right = NET.replace("self.fc(v)", "self.fc(v).sigmoid()")
    files = {"a/train.py": USE.format(imports="from net import Net", net="Net"), "a/net.py": right, "net.py": NET}
    assert check(files) == []


def test_names_that_import_each_other() -> None:
    files = {
        "a.py": "import torch\nfrom b import Net\n\n\ndef helper():\n    return torch.nn.BCELoss()\n",
        "b.py": "import torch.nn as nn\nfrom a import helper\n" + NET.replace("import torch.nn as nn", ""),
        "train.py": "import torch\nfrom a import helper, Net\nx = torch.ones(8, 4)\nhelper()(Net()(x), x[:, :1])\n",
    }
    assert [(d.code, d.span.path) for d in check(files)] == [("TL101", "train.py")]


def test_an_own_class_of_a_known_name_is_no_known_class() -> None:
    program = """
import torch
import torch.nn as nn


class BCELoss(nn.Module):
    def forward(self, scores, target):
        return nn.functional.binary_cross_entropy_with_logits(scores, target)


loss = BCELoss()(nn.Linear(4, 1)(torch.randn(8, 4)), torch.ones(8, 1))
"""
    assert check({"train.py": program}) == []
