"""Which fixes are offered for whole programs, and which of them are safe: what else the program does decides."""

from __future__ import annotations

import pytest

from tests.conftest import check


def offers(code: str, *texts: str) -> list[tuple[str, bool]]:
    """Title and safety of each fix of the one finding of a rule; the first text is ``a.py``, the second ``b.py``."""
    files = dict(zip(("a.py", "b.py"), texts, strict=False))
    (found,) = check(files, select=[code])
    return [(fix.title, fix.safe) for fix in found.fixes]


LOSS = ("use `BCEWithLogitsLoss`", True)
UNSAFE_LOSS = ("use `BCEWithLogitsLoss`", False)
WRAP = ("apply a sigmoid first", False)

HEAD = """
import torch
import torch.nn.functional as F
from torch import nn

net, other = nn.Linear(8, 1), nn.Linear(8, 1)
criterion = nn.BCELoss()


def loss_of(x, y):
    return criterion(net(x), y)

"""


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ("", [LOSS, WRAP]),
        # what else reads the scores
        ("def accuracy(x, y):\n    return ((net(x) > 0.5) == y).float().mean()\n", [UNSAFE_LOSS, WRAP]),
        ("def guess(x):\n    return net(x).round()\n", [UNSAFE_LOSS, WRAP]),
        ("def guess(x):\n    return torch.sigmoid(net(x)) > 0.5\n", [LOSS, WRAP]),
        ("def guess(x):\n    return other(x) > 0.5\n", [LOSS, WRAP]),
        # what else the loss meets
        ("def more(x, y):\n    return criterion(other(x), y)\n", [LOSS, WRAP]),
        ("def more(x, y):\n    return criterion(torch.sigmoid(other(x)), y)\n", [WRAP]),
        ("def more(model, x, y):\n    return criterion(model(x), y)\n", [WRAP]),
    ],
)
def test_what_else_reads_the_scores_or_meets_the_loss(more: str, expected: list[tuple[str, bool]]) -> None:
    found = [one for one in check({"a.py": HEAD + more}, select=["TL101"]) if one.span.start.row == 11]
    assert [(fix.title, fix.safe) for one in found for fix in one.fixes] == expected


def test_a_call_that_is_given_probabilities_elsewhere_is_not_wrapped() -> None:
    assert (
        offers(
            "TL101",
            """
import torch.nn.functional as F
from torch import nn

scores, chances = nn.Linear(8, 1), nn.Sequential(nn.Linear(8, 1), nn.Sigmoid())


def loss(p, y):
    return F.binary_cross_entropy(p, y)


def both(x, y):
    return loss(scores(x), y) + loss(chances(x), y)
""",
        )
        == []
    )


def test_a_choice_of_losses_is_not_wrapped() -> None:
    text = HEAD.replace("nn.BCELoss()", "nn.BCELoss() if torch.cuda.is_available() else nn.BCEWithLogitsLoss()")
    assert offers("TL101", text) == [LOSS]


def test_objects_meet_what_their_callers_pass() -> None:
    """A loss class is called with what is known, and nothing unknown is tried on it before."""
    losses = """
from torch import nn


class Objective:
    def __init__(self):
        self.bce = nn.BCELoss()

    def __call__(self, found, target):
        return self.bce(found, target)
"""
    train = """
from torch import nn

from a import Objective

net = nn.Linear(8, 1)
objective = Objective()


def step(x, y):
    return objective(net(x), y)
"""
    assert offers("TL101", losses, train) == [LOSS, WRAP]


# --- an activation is taken off where it serves this loss only ---------------------------------------------------

PROBABILITIES = ("use `BCELoss`", True)
WITHOUT = ("leave the sigmoid out", False)

MODEL = """
import torch
import torch.nn.functional as F
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(8, 8), nn.Linear(8, 1)
        self.act = nn.Sigmoid()

    def forward(self, x):
        return {output}


net = Net()
criterion = {loss}
truth = (torch.rand(16, 1) > 0.5).float()


def step(x, y):
    {step}

"""


@pytest.mark.parametrize(
    ("output", "loss", "step", "expected"),
    [
        ("torch.sigmoid(self.b(x))", "nn.BCEWithLogitsLoss()", "return criterion(net(x), y)", [PROBABILITIES, WITHOUT]),
        ("self.act(self.b(x))", "nn.BCEWithLogitsLoss()", "return criterion(net(x), y)", [PROBABILITIES, WITHOUT]),
        (
            "self.act(self.b(self.act(self.a(x)))).view(-1)",
            "nn.BCEWithLogitsLoss()",
            "return criterion(net(x), y)",
            [PROBABILITIES, WITHOUT],
        ),
        # no last operation
        ("1 - torch.sigmoid(self.b(x))", "nn.BCEWithLogitsLoss()", "return criterion(net(x), y)", [PROBABILITIES]),
        # what looks at the probabilities only
        ("torch.sigmoid(self.b(x))", "nn.BCEWithLogitsLoss()",
         "p = net(x)\n    return criterion(p, torch.ones_like(p)) + 0 * (p > truth).float().mean()",
         [PROBABILITIES, WITHOUT]),
        # the sigmoid serves something else too
        ("torch.sigmoid(self.b(x))", "nn.BCEWithLogitsLoss()", "return criterion(net(x), y) + F.l1_loss(net(x), y)",
         [PROBABILITIES]),
        ("torch.sigmoid(self.b(x))", "nn.BCEWithLogitsLoss()", "return criterion(net(x), y) + (net(x) * truth).sum()",
         [PROBABILITIES]),
        (
            "torch.sigmoid(self.b(x))", "nn.BCEWithLogitsLoss()",
            "p = net(x)\n    (criterion(p, y) + 1 - 2 * (p * y).sum() / (p.sum() + y.sum())).backward()",
            [PROBABILITIES],
        ),
        # the loss on probabilities does not take everything
        ("torch.sigmoid(self.b(x))", "nn.BCEWithLogitsLoss(pos_weight=truth)", "return criterion(net(x), y)",
         [WITHOUT]),
        ("torch.sigmoid(self.b(x))", "nn.BCEWithLogitsLoss(pos_weight=None)", "return criterion(net(x), y)", [WITHOUT]),
        ("torch.sigmoid(self.b(x))", "nn.BCEWithLogitsLoss()",
         "with torch.autocast('cuda'):\n        return criterion(net(x), y)", [WITHOUT]),
        ("torch.sigmoid(self.b(x))", "nn.BCEWithLogitsLoss()",
         "with torch.autocast('cuda'):\n        p = net(x)\n    return criterion(p, y)", [PROBABILITIES, WITHOUT]),
    ],
)  # fmt: skip
def test_an_activation(output: str, loss: str, step: str, expected: list[tuple[str, bool]]) -> None:
    text = MODEL.replace("{output}", output).replace("{loss}", loss).replace("{step}", step)
    assert offers("TL102", text) == expected


def test_layers_of_one_construction() -> None:
    """What is constructed in one place and called in several is not taken off there."""
    blocks = """
from torch import nn


def block(a, b):
    return nn.Sequential(nn.Linear(a, b), nn.Sigmoid())


net = nn.Sequential(block(8, 8), block(8, 1))
criterion = nn.BCEWithLogitsLoss()


def step(x, y):
    return criterion(net(x), y)
"""
    assert offers("TL102", blocks) == [PROBABILITIES]
    assert offers("TL102", blocks.replace("block(8, 8)", "nn.Linear(8, 8)")) == [PROBABILITIES, WITHOUT]


def test_a_layer_that_is_passed_becomes_an_identity_where_it_is_made() -> None:
    text = """
from torch import nn


class Head(nn.Module):
    def __init__(self, act):
        super().__init__()
        self.fc, self.act = nn.Linear(8, 1), act

    def forward(self, x):
        return self.act(self.fc(x))


sure, signed = Head(nn.Sigmoid()), Head(nn.Tanh())
criterion, regress = nn.BCEWithLogitsLoss(), nn.MSELoss()


def step(x, y, z):
    return criterion(sure(x), y) + regress(signed(x), z)
"""
    (found,) = check({"a.py": text}, select=["TL102"])
    assert [edit.text for fix in found.fixes for edit in fix.edits] == ["BCELoss", "nn.Identity()"]


def test_an_activation_in_a_loop_stays() -> None:
    text = """
import torch
import torch.nn.functional as F
from torch import nn

fc = nn.Linear(8, 8)


def step(x, y):
    for _ in range(3):
        x = torch.sigmoid(fc(x))
    return F.binary_cross_entropy_with_logits(x, y)
"""
    assert offers("TL102", text) == [("use `binary_cross_entropy`", True)]


def test_a_second_activation_stays_where_it_is_the_first_for_another_caller() -> None:
    text = """
import torch
from torch import nn

raw = nn.Conv2d(1, 1, 1)
sure = nn.Sequential(nn.Conv2d(1, 1, 1), nn.Sigmoid())


def dice_loss(p, y):
    p = torch.sigmoid(p)
    return 1 - (2 * (p * y).sum() + 1) / (p.sum() + y.sum() + 1)


def step(x, y):
    return dice_loss(sure(x), y)

"""
    more = "def other(x, y):\n    return dice_loss(raw(x), y)\n"
    assert offers("TL122", text) == [("drop the second sigmoid", False)]
    assert offers("TL122", text + more) == []


# --- other losses ------------------------------------------------------------------------------------------------

CLASSES = """
import torch
import torch.nn.functional as F
from torch import nn

net = nn.Linear(8, 4)
labels = torch.randint(0, 4, (16,))


def step(x, y):
    return {loss}


def more(x, y):
    {more}
"""


@pytest.mark.parametrize(
    ("code", "loss", "more", "expected"),
    [
        ("TL103", "F.cross_entropy(F.log_softmax(net(x), 1), labels)", "pass",
         [("use `nll_loss`", True), ("leave the log-softmax out", False)]),
        ("TL103", "F.cross_entropy(F.log_softmax(net(x), 1), y)", "pass",
         [("use `nll_loss`", False), ("leave the log-softmax out", False)]),
        ("TL103", "F.cross_entropy(F.log_softmax(net(x), 1), labels, label_smoothing=0.0)", "pass",
         [("leave the log-softmax out", False)]),
        ("TL103", "F.cross_entropy(F.log_softmax(net(x), 1), torch.softmax(torch.randn(16, 4), 1))", "pass",
         [("leave the log-softmax out", False)]),
        ("TL103", "F.cross_entropy(net(x).softmax(1), y)", "pass", [("leave the softmax out", False)]),
        ("TL104", "F.nll_loss(net(x), y)", "pass", [("use `cross_entropy`", True)]),
        ("TL104", "F.nll_loss(net(x), y)", "return net(x).exp()", [("use `cross_entropy`", False)]),
        ("TL104", "F.nll_loss(net(x).softmax(1), y)", "pass",
         [("use `log_softmax`", False), ("leave the softmax out and use `cross_entropy`", False)]),
        ("TL104", "F.nll_loss(net(x).sigmoid(), y)", "pass",
         [("leave the sigmoid out and use `cross_entropy`", False)]),
    ],
)  # fmt: skip
def test_losses_of_classes(code: str, loss: str, more: str, expected: list[tuple[str, bool]]) -> None:
    text = CLASSES.replace("{loss}", loss).replace("{more}", more)
    found = check({"a.py": text}, select=[code])
    assert [(fix.title, fix.safe) for one in found for fix in one.fixes] == expected


@pytest.mark.parametrize(
    ("loss", "expected"),
    [
        ("F.mse_loss(net(x).sigmoid(), (truth > 0).float())", [("use `binary_cross_entropy`", False)]),
        ("F.mse_loss(net(x).sigmoid(), (truth > 0).float(), reduction='sum')", [("use `binary_cross_entropy`", False)]),
        ("F.mse_loss(net(x).sigmoid(), (truth > 0).double())", []),
        ("F.smooth_l1_loss(net(x).sigmoid(), (truth > 0).float(), beta=0.5)", []),
        ("F.huber_loss(net(x).sigmoid(), (truth > 0).float(), 'sum')", []),
        ("nn.L1Loss(reduction='sum')(net(x).sigmoid(), (truth > 0).float())", [("use `BCELoss`", False)]),
    ],
)
def test_losses_of_labels(loss: str, expected: list[tuple[str, bool]]) -> None:
    text = CLASSES.replace("{loss}", loss).replace("{more}", "pass").replace("labels =", "truth = torch.randn(16, 4) #")
    found = check({"a.py": text}, select=["TL107"])
    assert [(fix.title, fix.safe) for one in found for fix in one.fixes] == expected
