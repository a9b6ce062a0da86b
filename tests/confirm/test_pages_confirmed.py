"""What runs say of the programs on the rules' pages: nothing wrong is refuted, nothing right is confirmed.

The programs below *Good* and *Silent on* are right, and no rule finds anything in them. There every claim that the
page's rule can make is forced; a claim that a run confirms there would have been evidence against a right program.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.confirm.deciding import claimed, decided, host
from tests.test_pages import BY_NAME, PAGES
from torchlint.claim import Outcome
from torchlint.confirm.host import Host
from torchlint.diagnostic import Diagnostic
from torchlint.engine.run import Claims

NAMES = sorted(name for name, rule in BY_NAME.items() if rule.claim is not None)


@pytest.fixture(scope="module")
def runner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    """A process that runs what lies below the folder of all tests."""
    with host(tmp_path_factory.getbasetemp()) as started:
        yield started


def verdicts(runner: Host, folder: Path, name: str, claims: Claims, *sections: str) -> list[Diagnostic]:
    """What comes of the claims of a page's rule on the programs below these headings."""
    rule = BY_NAME[name]
    said = []
    for block in PAGES[name].below(*sections):
        files = block.without_marks()
        found = [one for one in claimed(files, claims, (rule.code,)) if one.code == rule.code]
        said += decided(runner, folder / str(block.line), files, found)
    return said


@pytest.fixture(scope="module")
def of_wrong_programs(runner: Host, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], list[Diagnostic]]:
    """What comes of the findings on a page's wrong programs, run once."""
    folder = tmp_path_factory.mktemp("wrong")
    return cache(lambda name: verdicts(runner, folder / name, name, Claims.FOUND, "Bad"))


def told(said: list[Diagnostic], outcome: Outcome) -> list[str]:
    return [
        f"{one.span.path}:{one.span.start.row} {one.verdict.text} {one.verdict.message}"
        for one in said
        if one.verdict is not None and one.verdict.outcome is outcome
    ]


@pytest.mark.parametrize("name", NAMES)
def test_no_right_program_is_confirmed_to_be_wrong(runner: Host, tmp_path: Path, name: str) -> None:
    said = verdicts(runner, tmp_path, name, Claims.FORCED, "Good", "Silent on")
    assert told(said, Outcome.CONFIRMED) == []


@pytest.mark.parametrize("name", NAMES)
def test_no_wrong_program_is_refuted(of_wrong_programs: Callable[[str], list[Diagnostic]], name: str) -> None:
    said = of_wrong_programs(name)
    assert said
    assert told(said, Outcome.REFUTED) == []


#: Pages of rules on models and losses, which need torch alone, with programs of which a run decides most.
DECIDED = (
    "bce-on-logits", "double-sigmoid", "double-softmax", "nll-on-non-log-probabilities", "softmax-over-one-class",
    "loss-target-dtype", "loss-target-shape", "head-range-mismatch", "non-differentiable-loss", "channel-mismatch",
    "output-size-mismatch", "missing-zero-grad",
)  # fmt: skip


def test_most_wrong_programs_are_confirmed(of_wrong_programs: Callable[[str], list[Diagnostic]]) -> None:
    """Of the pages that need no other library, more than half of the findings; most of the rest read unknown data."""
    counts: Counter[Outcome] = Counter()
    for name in DECIDED:
        counts.update(one.verdict.outcome for one in of_wrong_programs(name) if one.verdict is not None)
    assert counts[Outcome.CONFIRMED] > 0.5 * counts.total(), counts


LOOP = """\
import torch
from torch import nn

net = nn.Linear(4, 1)
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
data = [(torch.rand(8, 4), torch.rand(8, 1)) for _ in range(3)]
for x, y in data:
    loss = nn.functional.mse_loss(net(x), y)
    CLEARED
    loss.backward()
    optimizer.step()
"""


@pytest.mark.parametrize(
    ("cleared", "outcome"), [("optimizer.zero_grad()", Outcome.REFUTED), ("pass", Outcome.CONFIRMED)]
)
def test_gradients_add_up_where_they_are_not_cleared(
    runner: Host, tmp_path: Path, cleared: str, outcome: Outcome
) -> None:
    files = {"train.py": LOOP.replace("CLEARED", cleared)}
    forced = [one for one in claimed(files, Claims.FORCED) if one.code == "TL401"]
    assert [one.verdict.outcome for one in decided(runner, tmp_path, files, forced) if one.verdict] == [outcome]
