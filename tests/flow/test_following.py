"""How many calls of losses were followed to a model, of all that can be seen, and what is said of the others."""

from __future__ import annotations

import pytest

from torchlint.engine import registry
from torchlint.facts.analysis import Statistics, analyse

HEAD = "import torch\nimport torch.nn.functional as F\nfrom torch import nn\n\n"


def count(**files: str) -> Statistics:
    """The figures of a project; each keyword is a module."""
    content = {f"{name}.py": (HEAD + text).encode() for name, text in files.items()}
    return analyse(content, lambda path: None, [str(registry.own_contracts())]).statistics


def reasons(**files: str) -> dict[str, int]:
    """The reasons for which calls were not followed."""
    return count(**files).unfollowed


def test_a_program_that_is_followed() -> None:
    found = count(
        main="""
net = nn.Linear(4, 2)
criterion = nn.CrossEntropyLoss()

def step(x, y):
    first = criterion(net(x), y)
    return first + F.mse_loss(torch.randn(4, 2), net(x))
"""
    )
    assert (found.loss_calls, found.loss_calls_followed, found.unfollowed) == (2, 2, {})


UNSEEN = {
    "a loss that a method is given": """
class Runner:
    def __init__(self, model, criterion):
        self.model, self.criterion = model, criterion
        self.go = unknown_thing

    def run(self, batch):
        return self.criterion(self.model(batch[0]), batch[1])

def main():
    raise SystemExit
    Runner(nn.Linear(2, 2), nn.MSELoss())
""",
    "a loss out of a dict": """
losses = {"a": nn.MSELoss(), "b": nn.L1Loss()}

def never(x):
    raise SystemExit
    return losses["a"](x, x)
""",
    "a loss that a function gives, moved": """
def make():
    return nn.NLLLoss().cuda()

def never(x):
    raise SystemExit
    loss = make()
    return loss(x, x)
""",
    "an import inside a function": """
def never(x):
    raise SystemExit
    from torch.nn.functional import l1_loss
    return l1_loss(x, x)
""",
    "a partial": """
from functools import partial
distance = partial(F.l1_loss, reduction="sum")

def never(x):
    raise SystemExit
    return distance(x, x)
""",
    "a class of a loss, with a constructor only": """
class Weighted(nn.BCELoss):
    def __init__(self):
        super().__init__(reduction="none")

def never(x):
    raise SystemExit
    return Weighted()(x, x)
""",
}


@pytest.mark.parametrize("name", UNSEEN)
def test_calls_that_are_never_reached_count(name: str) -> None:
    found = count(main=UNSEEN[name])
    assert (found.loss_calls, found.loss_calls_followed) == (1, 0)


def test_what_is_no_loss_does_not_count() -> None:
    found = count(
        main="""
class Trainer:
    def __init__(self, metric):
        self.metric = metric
        self.loss = nn.MSELoss()

    def step(self, x, y, criterion):
        self.loss.to(x.device)
        return self.metric(x, y), criterion(x, y), nn.MSELoss().eval()
"""
    )
    assert found.loss_calls == 0


REASONS = {
    "the model is a parameter that nothing passes": """
def step(model, x, y):
    return F.mse_loss(model(x), y)
""",
    "a loss of the project's own makes the call, and nothing gives it a model's output": """
class Loss(nn.Module):
    def forward(self, output, target):
        return F.mse_loss(output.flatten(1), target)
""",
    "the model comes from `elsewhere`, of which that much is not known": """
import elsewhere
net = elsewhere.build("large")

def step(x, y):
    return F.mse_loss(net(x)["out"], y)
""",
    "the model is looked up by a name that is not known": """
import zoo

def step(args, x, y):
    return F.mse_loss(getattr(zoo, args.arch)()(x), y)
""",
    "no way of the program, as it is set up, leads to it": """
net = nn.Linear(2, 2)
WEIGHTED = False

def step(x, y):
    if WEIGHTED:
        return F.mse_loss(net(x), y)
    return 0
""",
    "the input is data, and so is the target as far as is known": """
def step(y):
    return F.mse_loss(torch.randn(4, 2), y)
""",
    "the loss is not known where it is called": """
import elsewhere
net = nn.Linear(2, 2)

class Runner:
    def __init__(self):
        self.criterion = nn.MSELoss()
        self.criterion = elsewhere.wrap(self.criterion)

    def step(self, x, y):
        return self.criterion(net(x), y)
""",
}


@pytest.mark.parametrize("reason", REASONS)
def test_reasons(reason: str) -> None:
    assert reasons(main=REASONS[reason]) == {reason: 1}


def test_a_function_that_nothing_reaches() -> None:
    found = reasons(
        main="""
def outer(x):
    raise SystemExit
    def inner(y):
        return F.mse_loss(nn.Linear(2, 2)(x), y)
    return inner(x)
"""
    )
    assert found == {"its function was never called": 1}
