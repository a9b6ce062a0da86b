"""A run that nobody wants to know any more ends early, wherever it is."""

from __future__ import annotations

import pytest

from torchlint.engine import registry
from torchlint.facts.analysis import Stopped, analyse_component
from torchlint.flow.budget import STEPS_BETWEEN_QUESTIONS
from torchlint.flow.library.contracts import Contracts
from torchlint.project.modules import Project

#: One root that is much longer than the time between two questions.
LONG = "import torch\n" + "".join(
    f"for a{i} in range(30):\n    for b{i} in range(30):\n        x{i} = a{i} + b{i} * 2\n" for i in range(10)
)

CONTRACTS = Contracts.load([str(registry.own_contracts())], [], "")


def test_a_run_is_asked_every_so_many_nodes() -> None:
    asked = 0

    def stop() -> bool:
        nonlocal asked
        asked += 1
        return False

    project = Project({"a.py": LONG.encode()}, lambda path: None)
    steps = analyse_component(project.view(), ["a.py"], CONTRACTS, stop=stop).statistics.steps
    assert steps > 5 * STEPS_BETWEEN_QUESTIONS
    assert asked >= steps // STEPS_BETWEEN_QUESTIONS


@pytest.mark.parametrize("after", [0, 1, 3])
def test_a_run_ends_inside_a_root(after: int) -> None:
    asked = 0

    def stop() -> bool:
        nonlocal asked
        asked += 1
        return asked > after

    project = Project({"a.py": LONG.encode()}, lambda path: None)
    with pytest.raises(Stopped):
        analyse_component(project.view(), ["a.py"], CONTRACTS, stop=stop)
    assert asked == after + 1
