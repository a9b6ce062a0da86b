"""Checks that no rule asks for yet, on models that show what they look for and on models that do not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.confirm.deciding import decided, host
from torchlint import claim as c
from torchlint.confirm.host import Host
from torchlint.diagnostic import Diagnostic, Severity
from torchlint.source.span import Location, Span


@pytest.fixture(scope="module")
def runner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    with host(tmp_path_factory.getbasetemp()) as started:
        yield started


MODEL = """\
import torch
from torch import nn
from torch.nn import functional as F


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        {made}

    def forward(self, x):
        {computed}
"""

DEEP = "self.body = nn.Sequential(*[m for _ in range(20) for m in (nn.Linear(8, 8), nn.{}())], nn.Linear(8, 1))"
PLAIN = "self.body = nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 1))"
LISTED = "self.body = nn.Linear(8, 1); self.layers = {}([nn.Linear(8, 8)])"
NORM = "self.body = nn.Sequential(nn.Linear(8, 8), nn.BatchNorm1d(8))"
RUN = "return self.body(x)"
RATIO, DIFFERS, SINGLE = c.GradientRatio(0), c.TrainEvalDiffers(2), c.SingleValue(2)
HELD, FINITE = c.Unregistered(0, ("layers",)), c.NonFinite(2)


@pytest.mark.parametrize(
    ("check", "made", "computed", "outcome", "reason"),
    [
        (RATIO, DEEP.format("Sigmoid"), RUN, "confirmed", "vanishing"),
        (RATIO, PLAIN, RUN, "refuted", "steady"),
        (DIFFERS, PLAIN, "return F.dropout(self.body(x) + 9)", "confirmed", "differs"),
        (DIFFERS, PLAIN, "return F.dropout(self.body(x) + 9, training=self.training)", "inconclusive", "same"),
        (SINGLE, NORM, RUN, "confirmed", "raised"),
        (SINGLE, PLAIN, RUN, "inconclusive", "ran"),
        (HELD, LISTED.format("list"), RUN, "confirmed", "unregistered"),
        (HELD, LISTED.format("nn.ModuleList"), RUN, "refuted", "registered"),
        (FINITE, PLAIN, "return torch.log(self.body(x) - 100)", "confirmed", "non-finite"),
        (FINITE, PLAIN, RUN, "inconclusive", "finite"),
    ],
)
def test_what_is_claimed_is_seen_where_it_is(
    runner: Host, tmp_path: Path, check: c.Check, made: str, computed: str, outcome: str, reason: str
) -> None:
    files = {"net.py": MODEL.format(made=made, computed=computed) + "\n\nnet = Net()\n"}
    row = files["net.py"].count("\n")
    place = Span("net.py", Location(row, 7), Location(row, 12))
    steps = (
        c.Model("Net", "net.py", "Net", 0, {}, complete=True),
        c.Data((4, 8), "float32", 0.0, 1.0, reached=True),
        c.Called(0, (1,), 0),
    )
    finding = Diagnostic("TL999", "tried", Severity.ERROR, "", place, claim=c.Claim(check, steps, (place,)))
    (one,) = decided(runner, tmp_path, files, [finding])
    assert one.verdict is not None
    assert (one.verdict.outcome.value, one.verdict.reason.value) == (outcome, reason), one.verdict


@pytest.mark.parametrize(
    ("channels", "outcome", "grade"), [(16, "confirmed", c.Grade.EXHAUSTIVE), (8, "inconclusive", c.Grade.NONE)]
)
def test_layers_that_fit_at_no_size(runner: Host, tmp_path: Path, channels: int, outcome: str, grade: c.Grade) -> None:
    made = f"self.a = nn.Conv2d(3, 8, 3); self.b = nn.Conv2d({channels}, 1, 3)"
    files = {"net.py": MODEL.format(made=made, computed="return self.b(self.a(x))") + "\n\nnet = Net()\n"}
    row = files["net.py"].count("\n")
    places = (
        Span("net.py", Location(row, 7), Location(row, 12)),
        Span("net.py", Location(12, 16), Location(12, 33)),
    )
    steps = (c.Model("Net", "net.py", "Net", 0, {}, complete=True), c.Data(), c.Called(0, (1,), 0))
    claim = c.Claim(c.ShapesFail(2, 1), steps, places)
    (one,) = decided(
        runner, tmp_path, files, [Diagnostic("TL999", "tried", Severity.ERROR, "", places[1], claim=claim)]
    )
    assert one.verdict is not None
    assert (one.verdict.outcome.value, one.verdict.grade) == (outcome, grade), one.verdict
