"""Models and losses that are reached by computed names, lists of unknown length, records and other processes.

As in `test_connections`: without its activation the head meets `BCELoss`, which is TL101; with it nothing is wrong.
"""

from __future__ import annotations

import pytest

from tests.conftest import check

HEAD = "import torch\nimport torch.nn.functional as F\nfrom torch import nn\n"

NETS = (
    HEAD
    + """
__all__ = ["Small", "Large"]


class Small(nn.Module):
    def __init__(self, width=16):
        super().__init__()
        self.head = nn.Linear(width, 1)

    def forward(self, x):
        return ACTIVATION(self.head(x))


class Large(nn.Module):
    def __init__(self, width=16):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(width, width), nn.ReLU())
        self.head = nn.Linear(width, 1)

    def forward(self, x):
        return ACTIVATION(self.head(self.body(x)))
"""
)

WAYS = {
    "the dict of a module, by a default of the command line": """
import argparse
import nets

parser = argparse.ArgumentParser()
parser.add_argument("--arch", default="Large", choices=nets.__all__)
args = parser.parse_args()
model = nets.__dict__[args.arch](width=8)

def step(x, y):
    return nn.BCELoss()(model(x), y)
""",
    "the dict of a module, by a name that nobody knows": """
import nets

def main(config, x, y):
    model = nets.__dict__[config["arch"]](8)
    return nn.BCELoss()(model(x), y)
""",
    "getattr on a module, by a name that nobody knows": """
import nets

def main(config, x, y):
    model = getattr(nets, config["arch"]["type"])(**config["arch"]["args"])
    return nn.BCELoss()(model(x), y)
""",
    "vars of a module, asked with get": """
import nets

def main(x, y):
    return nn.BCELoss()(vars(nets).get("Small")()(x), y)
""",
    "the globals of the file": """
from nets import *

def main(x, y, name="Small"):
    return nn.BCELoss()(globals()[name]()(x), y)
""",
    "a name that is evaluated": """
import nets

def main(x, y):
    name = "Large"
    model = eval("nets." + name)(width=4)
    return nn.BCELoss()(model(x), y)
""",
    "a registry with more entries than are kept apart": """
import nets

MODELS = {f"net{i}": nets.Small for i in range(6)}
MODELS.update({"a": nets.Large, "b": nets.Large, "c": nets.Small, "d": nets.Small, "e": nets.Large})

def main(x, y):
    return nn.BCELoss()(MODELS["e"]()(x), y)
""",
    "processes of torch": """
import torch.multiprocessing as mp
import nets

def worker(rank, model, criterion):
    for x, y in torch.load(str(rank)):
        criterion(model(x.cuda(rank)), y).backward()

def main():
    mp.spawn(worker, args=(nets.Small(), nn.BCELoss()), nprocs=2)
""",
    "a process with a target": """
from multiprocessing import Process
import nets

def worker(model, x, y=None):
    F.binary_cross_entropy(model(x), y).backward()

def main(x, y):
    process = Process(target=worker, args=(nets.Small(), x), kwargs={"y": y})
    process.start()
    process.join()
""",
    "a named tuple made by a call": """
from collections import namedtuple
import nets

Output = namedtuple("Output", "score, hidden")

class Wrapped(nets.Small):
    def forward(self, x):
        return Output(super().forward(x), hidden=x)

model = Wrapped()

def step(x, y):
    score, hidden = model(x)
    return nn.BCELoss()(score, y) + F.mse_loss(model(x)[1], hidden)
""",
    "a dataclass that a model returns": """
from dataclasses import dataclass
import nets

@dataclass
class Output:
    score: torch.Tensor
    hidden: torch.Tensor = None

class Wrapped(nets.Small):
    def forward(self, x):
        return Output(super().forward(x))

def step(x, y):
    return nn.BCELoss()(Wrapped()(x).score, y)
""",
    "parts that differ by a switch, put together": """
import nets

def step(args, x, y):
    model = nets.Small()
    if args.twice:
        x = 2 * x
    first = model(x)
    return nn.BCELoss()(torch.cat([first, model(x + 1)]), y)
""",
    "everything that a model returns, passed on": """
import nets

class Task(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nets.Small()

    def forward(self, x):
        return [self.net(x), x]

    def loss(self, *args, **kwargs):
        return F.binary_cross_entropy(args[0], kwargs["target"])

def step(x, y):
    task = Task()
    results = task(x)
    return task.loss(*results, target=y)
""",
    "one of several models, each of which returns another number of things": """
import nets

class Plain(nets.Small):
    def forward(self, x):
        return [super().forward(x)]

    def loss(self, output, target):
        return F.binary_cross_entropy(output, target)

class Pair(nets.Small):
    def forward(self, x):
        return [super().forward(x), x]

    def loss(self, output, x, target):
        return F.binary_cross_entropy(output, target)

MODELS = {"plain": Plain, "pair": Pair}

def step(name, x, y):
    model = MODELS[name]()
    return model.loss(*model(x), target=y)
""",
    "a layer of the project's own between the classes of torch": """
import nets

class Flat(nn.Module):
    def forward(self, x):
        return super().forward(x.flatten(1))

class Dense(Flat, nn.Linear):
    pass

class Net(nets.Small):
    def __init__(self):
        super().__init__()
        self.head = Dense(16, 1)

def step(x, y):
    return nn.BCELoss()(Net()(x), y)
""",
    "what a test case sets up": """
import unittest
import nets

class Case(unittest.TestCase):
    def test_loss(self):
        loss = nn.BCELoss()(self.model(torch.zeros(2, 16)), torch.zeros(2, 1))
        self.assertGreater(loss.item(), 0)

    def setUp(self):
        self.model = nets.Small()
""",
}


def program(way: str, activation: str) -> dict[str, str]:
    return {"nets.py": NETS.replace("ACTIVATION", activation), "train.py": HEAD + WAYS[way]}


@pytest.mark.parametrize("way", WAYS)
def test_the_wrong_head_is_found(way: str) -> None:
    found = check(program(way, ""))
    assert {one.code for one in found} == {"TL101"}, found


@pytest.mark.parametrize("way", WAYS)
def test_the_right_head_is_not_spoken_of(way: str) -> None:
    assert check(program(way, "torch.sigmoid")) == []


def test_one_of_too_many_may_be_right() -> None:
    program = (
        HEAD
        + "".join(f"class Net{i}(nn.Linear):\n    pass\n" for i in range(12))
        + "class Last(nn.Linear):\n    def forward(self, x):\n        return super().forward(x).sigmoid()\n"
        + f"MODELS = {{{', '.join(f'{i}: Net{i}' for i in range(12))}, 'last': Last}}\n"
        + "def step(name, x, y):\n    return nn.BCELoss()(MODELS[name](4, 1)(x), y)\n"
    )
    assert check({"train.py": program}) == []


# --- lists of layers ---------------------------------------------------------------------------------------------

LISTS = {
    "a known end after an unknown number": """
class Net(nn.Module):
    def __init__(self, depth):
        super().__init__()
        layers = []
        for _ in range(depth):
            layers += [nn.Linear(8, 8), nn.ReLU()]
        layers.append(nn.Linear(8, 1))
        layers += [END]
        self.layers = nn.Sequential(*layers)

    def forward(self, x):
        return self.layers(x)
""",
    "a list plus another": """
class Net(nn.Module):
    def __init__(self, depth):
        super().__init__()
        body = [nn.Linear(8, 8) for _ in range(depth)]
        self.layers = nn.Sequential(*(body + [nn.Linear(8, 1), END]))

    def forward(self, x):
        return self.layers(x)
""",
    "layers under names that are put together": """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential()
        for i in range(2):
            self.layers.add_module("linear%d" % i, nn.Linear(8, 8))
            self.layers.add_module("act{}".format(i), nn.ReLU())
        self.layers.add_module("%s_%d" % ("out", 2), nn.Linear(8, 1))
        self.layers.add_module("end", END)

    def forward(self, x):
        return self.layers(x)
""",
    "layers under names that nobody knows": """
class Net(nn.Module):
    def __init__(self, prefix, depth):
        super().__init__()
        self.layers = nn.Sequential()
        for i in range(depth):
            self.layers.add_module(prefix + str(i), nn.Linear(8, 8))
        self.layers.add_module(prefix + "out", nn.Linear(8, 1))
        self.layers.add_module(prefix + "end", END)

    def forward(self, x):
        return self.layers(x)
""",
    "normalised or not": """
class Net(nn.Module):
    def __init__(self, normalise, drop):
        super().__init__()
        layers = [nn.Linear(8, 8)]
        if normalise:
            layers.append(nn.BatchNorm1d(8))
        if drop:
            layers.append(nn.Dropout(0.1))
        layers.extend([nn.Linear(8, 1), END])
        self.layers = nn.Sequential(*layers)

    def forward(self, x):
        return self.layers(x)
""",
}


@pytest.mark.parametrize("name", LISTS)
def test_the_last_layer_of_a_list(name: str) -> None:
    program = HEAD + LISTS[name] + "\n\ndef step(settings, x, y):\n    return nn.BCELoss()(Net(**settings)(x), y)\n"
    assert {one.code for one in check({"net.py": program.replace("END", "nn.Identity()")})} == {"TL101"}
    assert check({"net.py": program.replace("END", "nn.Sigmoid()")}) == []


SWITCHED = (
    HEAD
    + """
class Net(nn.Module):
    def __init__(self, squash, deep):
        super().__init__()
        layers = []
        if deep:
            layers += [nn.Linear(8, 8), nn.ReLU()]
        layers.append(nn.Linear(8, 1))
        if squash:
            layers.append(nn.Sigmoid())
        self.layers = nn.Sequential(*layers)

    def forward(self, x):
        return self.layers(x)

def step(args, x, y):
    model = Net(args.squash, args.deep)
    criterion = nn.BCELoss() if TEST else nn.BCEWithLogitsLoss()
    return criterion(model(x), y)
"""
)


def test_a_list_that_depends_on_switches() -> None:
    assert check({"net.py": SWITCHED.replace("TEST", "args.squash")}) == []
    assert {one.code for one in check({"net.py": SWITCHED.replace("TEST", "not args.squash")})} == {"TL101", "TL102"}


# --- models that are built again ---------------------------------------------------------------------------------


def test_what_is_built_twice_is_two_objects() -> None:
    program = (
        HEAD
        + """
class Block(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.first = nn.Linear(width, width)
        self.second = nn.Linear(width, width)
        self.third = nn.Linear(width, width)
        self.head = nn.Linear(width, 1)

    def forward(self, x):
        return self.head(self.third(self.second(self.first(x))))

one, two = Block(8), Block(8)
one.head = nn.Sequential(one.head, nn.Sigmoid())

def step(x, y):
    return nn.BCELoss()(one(x), y) + nn.BCEWithLogitsLoss()(two(x), y)

def wrong(x, y):
    return nn.BCELoss()(two(x), y)
"""
    )
    found = check({"net.py": program})
    assert [(one.code, one.span.start.row) for one in found] == [("TL101", 23)]


def test_a_construction_that_counts_is_run_again() -> None:
    program = (
        HEAD
        + """
HEADS = []

class Block(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.first = nn.Linear(width, width)
        self.second = nn.Linear(width, width)
        self.third = nn.Linear(width, width)
        self.head = nn.Sequential(nn.Linear(width, 1), nn.Sigmoid()) if len(HEADS) == 1 else nn.Linear(width, 1)
        HEADS.append(width)

    def forward(self, x):
        return self.head(self.third(torch.relu(self.second(torch.relu(self.first(x))))))

one, two = Block(8), Block(8)

def step(x, y):
    return nn.BCEWithLogitsLoss()(one(x), y) + nn.BCELoss()(two(x), y)
"""
    )
    assert check({"net.py": program}) == []
