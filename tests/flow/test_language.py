"""Python as people write it, between a layer and a loss: each way must be followed, and its mended twin be silent."""

from __future__ import annotations

import pytest

from tests.conftest import check

HEAD = """
import argparse
import functools
from collections import OrderedDict
from dataclasses import dataclass

import torch
import torch.nn as nn
import torch.nn.functional as F

x, y = torch.randn(8, 4), torch.ones(8, 1)
criterion = nn.BCELoss()
"""

WAYS = {
    "a closure": """
def make(layer):
    def run(v):
        return ACT(layer(v))
    return run
p = make(nn.Linear(4, 1))(x)
""",
    "a lambda": "head = nn.Linear(4, 1)\nrun = lambda v: ACT(head(v))\np = run(x)\n",
    "functools.partial": """
def apply(layer, v, scale=1.0):
    return ACT(layer(v))
p = functools.partial(apply, nn.Linear(4, 1), scale=2.0)(x)
""",
    "star arguments": """
def run(*layers, **options):
    v = x
    for layer in layers:
        v = layer(v)
    return ACT(v) if options["on"] else v
p = run(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 1), on=True)
""",
    "a list of layers, unpacked": "p = ACT(nn.Sequential(*[nn.Linear(4, 4) for _ in range(3)], nn.Linear(4, 1))(x))\n",
    "an OrderedDict": """
net = nn.Sequential(OrderedDict([("first", nn.Linear(4, 8)), ("act", nn.Tanh()), ("last", nn.Linear(8, 1))]))
p = ACT(net(x))
""",
    "add_module": """
net = nn.Sequential()
for i in range(2):
    net.add_module(f"layer{i}", nn.Linear(4, 4))
net.add_module("head", nn.Linear(4, 1))
p = ACT(net(x))
""",
    "a ModuleList and zip": """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(4, 4), nn.Linear(4, 1)])
        self.acts = [torch.relu, ACT]
    def forward(self, v):
        for layer, act in zip(self.layers, self.acts):
            v = act(layer(v))
        return v
p = Net()(x)
""",
    "a ModuleDict": """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.heads = nn.ModuleDict({"real": nn.Linear(4, 1), "kind": nn.Linear(4, 9)})
    def forward(self, v):
        return {name: ACT(head(v)) for name, head in self.heads.items()}
p = Net()(x)["real"]
""",
    "a parent's forward": """
class Base(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.head = nn.Linear(width, 1)
    def forward(self, v):
        return self.finish(self.head(v))
    def finish(self, v):
        return v
class Child(Base):
    def __init__(self):
        super().__init__(4)
    def finish(self, v):
        return ACT(super().finish(v))
p = Child()(x)
""",
    "a property and getattr": """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        setattr(self, "head", nn.Linear(4, 1))
    @property
    def last(self):
        return getattr(self, "head")
    def forward(self, v):
        return ACT(self.last(v))
p = Net().to("cpu").train()(x)
""",
    "a registry": """
REGISTRY = {}
def register(cls):
    REGISTRY[cls.__name__] = cls
    return cls
@register
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 1)
    def forward(self, v):
        return ACT(self.fc(v))
p = REGISTRY["Net"]()(x)
""",
    "a dataclass": """
@dataclass
class Config:
    width: int = 4
    outputs: int = 1
config = Config(width=4)
p = ACT(nn.Linear(config.width, config.outputs)(x))
""",
    "match": """
kind = "linear"
match kind:
    case "conv":
        net = nn.Conv1d(4, 1, 1)
    case "linear" | "fc":
        net = nn.Linear(4, 1)
    case _:
        raise ValueError(kind)
p = ACT(net(x))
""",
    "a wrapper": "p = ACT(torch.compile(nn.DataParallel(nn.Linear(4, 1)))(x))\n",
    "an early return": """
def run(v, net=None):
    if net is None:
        net = nn.Linear(4, 1)
    if v is None:
        return None
    return ACT(net(v))
p = run(x)
""",
    "try and with": """
net = nn.Linear(4, 1)
try:
    with torch.enable_grad():
        raw = net(x)
finally:
    print("done")
p = ACT(raw)
""",
    "a walrus and a conditional": "net = nn.Linear(4, 1)\np = ACT(h) if (h := net(x)) is not None else None\n",
    "a generator": """
def outputs(layers):
    for layer in layers:
        yield ACT(layer(x))
for p in outputs([nn.Linear(4, 1)]):
    criterion(p, y)
""",
    "torch.nn.Module subclass of Sequential": """
class Head(nn.Sequential):
    def __init__(self, width):
        super().__init__(nn.Linear(width, 8), nn.ReLU(), nn.Linear(8, 1))
p = ACT(Head(4)(x))
""",
    "slices, views and stacking": """
raw = nn.Linear(4, 3)(x)
p = ACT(torch.stack([raw[:, 0], raw[:, 1]], dim=1).view(-1, 2)[:, :1])
""",
}


@pytest.mark.parametrize("way", WAYS)
def test_raw_scores_are_followed(way: str) -> None:
    program = HEAD + WAYS[way].replace("ACT", "nn.Identity()") + "loss = criterion(p, y)\n"
    assert {d.code for d in check({"train.py": program})} == {"TL101"}, way


@pytest.mark.parametrize("way", WAYS)
def test_probabilities_are_silent(way: str) -> None:
    program = HEAD + WAYS[way].replace("ACT", "torch.sigmoid") + "loss = criterion(p, y)\n"
    assert check({"train.py": program}) == [], way


def test_alternatives_under_one_flag_never_meet() -> None:
    program = (
        HEAD
        + """
parser = argparse.ArgumentParser()
parser.add_argument("--sigmoid", action="store_true")
args = parser.parse_args()
class Net(nn.Module):
    def __init__(self, sigmoid):
        super().__init__()
        self.fc = nn.Linear(4, 1)
        self.sigmoid = sigmoid
    def forward(self, v):
        v = self.fc(v)
        if self.sigmoid:
            v = torch.sigmoid(v)
        return v
net = Net(args.sigmoid)
loss_fn = nn.BCELoss() if args.sigmoid else nn.BCEWithLogitsLoss()
loss = loss_fn(net(x), y)
"""
    )
    assert check({"train.py": program}) == []
    wrong = program.replace("nn.BCELoss() if args.sigmoid else nn.BCEWithLogitsLoss()", "nn.BCELoss()")
    assert check({"train.py": wrong}) == []  # with --sigmoid it is right
    swapped = program.replace("if args.sigmoid else", "if not args.sigmoid else")
    assert {d.code for d in check({"train.py": swapped})} == {"TL101", "TL102"}


def test_a_parameter_that_nobody_gives_is_unknown() -> None:
    program = (
        HEAD
        + """
def loss_of(net, batch):
    return criterion(net(batch), y)
"""
    )
    assert check({"train.py": program}) == []
