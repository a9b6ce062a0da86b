"""One switch that is tested twice decides the same way both times, however the test is written."""

from __future__ import annotations

import pytest

from tests.conftest import check

TESTS = (
    "args.sigmoid",
    "not args.raw",
    "args.head == 'sigmoid'",
    "args.head != 'raw'",
    "'sigmoid' in args.heads",
    "'raw' not in args.heads",
    "args.head.lower() == 'sigmoid'",
    "args.head.startswith('sig')",
    "args.heads.get('sigmoid')",
    "args.heads['sigmoid']",
    "len(args.heads) > 1",
    "int(args.heads) == 1",
    "isinstance(args.head, str)",
    "isinstance(args.head, (str, bytes))",
    "args.head is None",
    "args.head in ('sigmoid', 'probability')",
)

PROGRAM = """
import torch
from torch import nn


def train(args, x, y):
    model = nn.Linear(8, 1)
    output = model(x)
    if {first}:
        output = torch.sigmoid(output)
    criterion = nn.BCELoss() if {second} else nn.BCEWithLogitsLoss()
    return criterion(output, y)
"""


@pytest.mark.parametrize("test", TESTS)
def test_the_switch_agrees_with_itself(test: str) -> None:
    assert check({"train.py": PROGRAM.format(first=test, second=test)}) == []


@pytest.mark.parametrize("test", TESTS)
def test_the_switch_is_turned_round(test: str) -> None:
    found = check({"train.py": PROGRAM.format(first=test, second=f"not ({test})")})
    assert sorted(one.code for one in found) == ["TL101", "TL102"]
