"""The hooks as people use them: real pre-commit, in real git repositories, installed from a clone of this project."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NOT_SHIPPED = shutil.ignore_patterns(".git", "__pycache__", ".*_cache", "*.egg-info", ".venv", "build", "dist")
MODEL = """\
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.head = nn.Linear(8, 1)

    def forward(self, x):
        return self.head(x)
"""
TRAIN = """\
import torch
from torch import nn

from model import Net

net = Net()
criterion = nn.BCELoss()
optimizer = torch.optim.SGD(net.parameters(), 0.1)
for x, y in torch.load("batches.pt"):
    optimizer.zero_grad()
    criterion(net(x), y).backward()
    optimizer.step()
"""
MENDED = TRAIN.replace("BCELoss", "BCEWithLogitsLoss")
#: What git and pre-commit ask the machine for, beside what the tests say.
KEPT = ("PATH", "SYSTEMROOT", "PIP_", "SSL_", "HTTP", "http", "LANG", "LC_")


def environment(home: Path) -> dict[str, str]:
    """No settings of the person who runs the tests: neither for git, nor for Python, nor for pre-commit."""
    kept = {key: value for key, value in os.environ.items() if key.startswith(KEPT)}
    identity = {
        f"GIT_{role}_{part}": text
        for role in ("AUTHOR", "COMMITTER")
        for part, text in (("NAME", "A Person"), ("EMAIL", "person@example.org"))
    }
    return {
        **kept,
        **identity,
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "HOME": str(home),
        "PRE_COMMIT_HOME": str(home / "pre-commit"),
        "PREK_HOME": str(home / "prek"),
        "PYTHONUTF8": "1",
    }


def run(*words: str | Path, cwd: Path, env: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(words, cwd=cwd, capture_output=True, text=True, encoding="utf-8", env=env)


def git(*words: str, cwd: Path, env: Mapping[str, str]) -> str:
    done = run("git", *words, cwd=cwd, env=env)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@dataclass(frozen=True)
class Hooks:
    """A git repository that holds this project as it is now, which pre-commit installs from, once for all tests."""

    repository: Path
    revision: str
    env: Mapping[str, str]


@pytest.fixture(scope="session")
def hooks(tmp_path_factory: pytest.TempPathFactory) -> Hooks:
    home = tmp_path_factory.mktemp("home")
    env = environment(home)
    clone = home / "torchlint"
    # a copy of the files, not a clone: what is not committed counts too, and an archive without .git is enough
    shutil.copytree(ROOT, clone, ignore=NOT_SHIPPED)
    git("init", "--quiet", cwd=clone, env=env)
    git("add", "--all", "--force", cwd=clone, env=env)
    git("commit", "--quiet", "--message", "as it is", cwd=clone, env=env)
    return Hooks(clone, git("rev-parse", "HEAD", cwd=clone, env=env).strip(), env)


@dataclass(frozen=True)
class Repository:
    """Somebody's project, under git, with one of the hooks installed."""

    folder: Path
    env: Mapping[str, str]

    def write(self, **files: str) -> None:
        """Write Python files, and stage them."""
        for name, text in files.items():
            (self.folder / f"{name}.py").write_text(text, encoding="utf-8")
        git("add", "--all", cwd=self.folder, env=self.env)

    def commit(self) -> subprocess.CompletedProcess[str]:
        """Commit what is staged: the hook speaks on standard error."""
        return run("git", "commit", "--message", "a change", cwd=self.folder, env=self.env)


@pytest.fixture
def repository(hooks: Hooks, tmp_path: Path, request: pytest.FixtureRequest) -> Repository:
    """A repository with the hook of the test's parameter, an id and perhaps the line of its arguments."""
    lines = str(getattr(request, "param", "torchlint")).split("\n")
    folder = tmp_path / "project"
    folder.mkdir()
    git("init", "--quiet", cwd=folder, env=hooks.env)
    config = [
        "repos:",
        f"- repo: {hooks.repository.as_posix()}",
        f"  rev: {hooks.revision}",
        "  hooks:",
        f"  - id: {lines[0]}",
        *(f"    {line}" for line in lines[1:]),
    ]
    (folder / ".pre-commit-config.yaml").write_text("\n".join(config) + "\n")
    done = run(sys.executable, "-m", "pre_commit", "install", cwd=folder, env=hooks.env)
    assert done.returncode == 0, done.stdout + done.stderr
    return Repository(folder, hooks.env)


def test_a_commit_with_a_bug_is_stopped_and_passes_when_it_is_mended(repository: Repository) -> None:
    repository.write(model=MODEL, train=TRAIN)
    done = repository.commit()
    assert done.returncode == 1
    assert "train.py:11:5: TL101 " in done.stdout + done.stderr
    assert run("git", "log", cwd=repository.folder, env=repository.env).returncode != 0
    repository.write(train=MENDED)
    assert repository.commit().returncode == 0
    assert git("log", "--format=%s", cwd=repository.folder, env=repository.env) == "a change\n"
