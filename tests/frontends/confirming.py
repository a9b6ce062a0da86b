"""A project with one finding that a run can decide, and a stand-in for the process that would decide it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import pytest

from torchlint.frontends import confirming
from torchlint.frontends.cli import main
from torchlint.frontends.confirming import Consent, Ready

#: Its loss on logits is a TL101 in row 15; loading it as it stands would write a file.
PROGRAM = """\
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.head = nn.Linear(width, 1)

    def forward(self, x):
        return self.head(x)


net = Net(8)
open("written", "w").write("it was run")
loss = nn.BCELoss()(net(torch.rand(4, 8)), torch.rand(4, 1))
"""
WITNESS = {
    "outcome": "confirmed",
    "grade": "witness",
    "reason": "outside",
    "numbers": {"min": -0.5, "max": 0.25, "low": 0.0, "high": 1.0, "seed": 0.0},
    "torch": "9.9.9",
}
PROOF = {"outcome": "refuted", "grade": "proof", "reason": "bounded", "numbers": {"low": 0.0, "high": 1.0}}
MEASURED = {"outcome": "refuted", "grade": "measured", "reason": "steady", "numbers": {"ratio": 0.5}}
UNDECIDED = {"outcome": "inconclusive", "grade": "none", "reason": "forward", "message": "TOKEN=\x1b[2Jtaken"}


class Status(msgspec.Struct, frozen=True):
    value: str = "ok"


class Ended(msgspec.Struct):
    result: dict[str, Any] | None
    status: Status = Status()


@dataclass
class Process:
    """Answers each job with the next of `answers`, the last one again and again; knows what it was started for."""

    answers: list[dict[str, Any]] = field(default_factory=lambda: [WITNESS])
    jobs: list[dict[str, Any]] = field(default_factory=list)
    started: list[tuple[Consent, str]] = field(default_factory=list)

    def run(self, job: dict[str, Any]) -> Ended:
        self.jobs.append(job)
        return Ended({"verdicts": [self.answers[min(len(self.jobs), len(self.answers)) - 1]]})


class Run(msgspec.Struct):
    """What a run gave."""

    status: int
    out: str
    err: str


Torchlint = Callable[..., Run]


@pytest.fixture
def process(monkeypatch: pytest.MonkeyPatch) -> Process:
    """The stand-in; whatever is run of a project would be run by it."""
    process = Process()

    @contextmanager
    def started(allowance: Consent, project: str) -> Iterator[Ready | str]:
        process.started.append((allowance, project))
        yield Ready(process, "9.9.9", allowance.isolation)

    monkeypatch.setattr(confirming, "started", started)
    return process


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's folder for configurations, empty."""
    folder = tmp_path / "home" / ".config"
    folder.mkdir(parents=True)
    monkeypatch.setenv("HOME", str(folder.parent))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(folder))
    return folder


@pytest.fixture
def project(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The project, in which torchlint works; it is a repository."""
    folder = tmp_path / "project"
    (folder / ".git").mkdir(parents=True)
    (folder / "train.py").write_text(PROGRAM)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("TORCHLINT_CACHE_DIR", str(tmp_path / "cache"))
    return folder


@pytest.fixture
def torchlint(project: Path, capsys: pytest.CaptureFixture[str]) -> Torchlint:
    """Run it there."""

    def run(*words: str) -> Run:
        try:
            status = main(words)
        except SystemExit as error:
            status = int(error.code or 0)
        return Run(status, *capsys.readouterr())

    return run


def own(home: Path, text: str) -> Path:
    """Write the user's own configuration."""
    path = home / "torchlint" / "config.toml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return path
