"""What the plugin costs flake8, beside the plain command on the same files, in the same run.

Usage: ``python tests/benchmarks/flake8_cost.py [FOLDER [RUNS]]``. Without a FOLDER a project of 50 files is written:
models, and as many programs that train them. Wall seconds of three commands, start-up included: `flake8` without the
plugin, `torchlint check`, and `flake8` with the plugin, which is allowed flake8's own time and 1.5 times torchlint's.
Once with one worker of flake8's, and once with as many as there are processors.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

#: flake8 as if torchlint were not installed.
WITHOUT = """
import sys
from flake8.plugins import finder
find = finder._find_importlib_plugins
finder._find_importlib_plugins = lambda: (plugin for plugin in find() if plugin.package != "torchlint")
from flake8.main.cli import main
sys.exit(main())
"""
MODEL = """\
import torch
from torch import nn


class Block{n}(nn.Module):
    def __init__(self, channels, width):
        super().__init__()
        self.first = nn.Conv2d(channels, width, 3, padding=1)
        self.norm = nn.BatchNorm2d(width)
        self.second = nn.Conv2d(width, width, 3, padding=1)
        self.drop = nn.Dropout2d(0.1)

    def forward(self, frames):
        shown = torch.relu(self.norm(self.first(frames)))
        return self.drop(torch.relu(self.second(shown)) + shown)


class Net{n}(nn.Module):
    def __init__(self, classes={classes}):
        super().__init__()
        self.body = nn.Sequential(Block{n}(3, 16), nn.MaxPool2d(2), Block{n}(16, 32), nn.AdaptiveAvgPool2d(1))
        self.head = nn.Linear(32, classes)

    def forward(self, frames):
        return self.head(self.body(frames).flatten(1))


def parameters_of(net):
    total = 0
    for parameter in net.parameters():
        if parameter.requires_grad:
            total += parameter.numel()
    return total
"""
TRAIN = """\
import argparse

import torch
from torch import nn
from torch.utils.data import DataLoader
from torchvision import datasets, transforms

from model{n} import Net{n}, parameters_of


def loaders(folder, batch_size):
    steps = transforms.Compose([
        transforms.Resize((64, 64)),
        transforms.ToTensor(),
        transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
    ])
    for part in ("train", "val"):
        data = datasets.ImageFolder(folder + "/" + part, steps)
        yield DataLoader(data, batch_size=batch_size, shuffle=part == "train")


def evaluate(net, loader):
    net.eval()
    right = 0
    with torch.no_grad():
        for frames, labels in loader:
            right += (net(frames).argmax(1) == labels).sum().item()
    return right / len(loader.dataset)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    parser.add_argument("--epochs", type=int, default={classes})
    parser.add_argument("--rate", type=float, default=1e-3)
    args = parser.parse_args()
    train, val = loaders(args.folder, 32)
    net = Net{n}({classes})
    print(parameters_of(net))
    criterion = nn.{loss}()
    optimizer = torch.optim.Adam(net.parameters(), args.rate)
    for epoch in range(args.epochs):
        net.train()
        for frames, labels in train:
            optimizer.zero_grad()
            loss = criterion(net(frames), labels)
            loss.backward()
            optimizer.step()
        print(epoch, loss.item(), evaluate(net, val))


if __name__ == "__main__":
    main()
"""


def write_project(folder: Path, files: int = 50) -> None:
    """Models, and programs that train them: every fifth has a mistake that lies between the two files."""
    for n in range(files // 2):
        loss = "NLLLoss" if n % 5 == 0 else "CrossEntropyLoss"
        (folder / f"model{n}.py").write_text(MODEL.format(n=n, classes=n + 2))
        (folder / f"train{n}.py").write_text(TRAIN.format(n=n, classes=n + 2, loss=loss))


def seconds(command: list[str], folder: Path) -> float:
    """The wall seconds of a command in a folder, with nothing kept from earlier runs."""
    with tempfile.TemporaryDirectory() as cache:
        env = {**os.environ, "TORCHLINT_CACHE_DIR": cache}
        start = time.perf_counter()
        done = subprocess.run([sys.executable, *command], cwd=folder, capture_output=True, text=True, env=env)
        took = time.perf_counter() - start
    if done.returncode not in (0, 1) or done.stderr:
        raise SystemExit(f"{command}: {done.stderr or done.stdout}")
    return took


@dataclass(frozen=True)
class Cost:
    """Medians of the seconds of flake8, of torchlint, and of both in one; `ratio`, taken round by round, is the last
    over what it may cost."""

    plain: float
    torchlint: float
    both: float
    ratio: float


def flake8_cost(folder: Path, jobs: str, runs: int = 5) -> Cost:
    """What the plugin costs with so many workers of flake8's."""
    torchlint = ["-m", "torchlint", "check", "--quiet", "--force-exclude", "."]
    rounds = [
        (
            seconds(["-c", WITHOUT, f"--jobs={jobs}"], folder),
            seconds(torchlint, folder),
            seconds(["-m", "flake8", f"--jobs={jobs}"], folder),
        )
        for _ in range(runs)
    ]
    plain, alone, both = (statistics.median(column) for column in zip(*rounds))
    return Cost(plain, alone, both, statistics.median(both / (plain + 1.5 * alone) for plain, alone, both in rounds))


def main() -> None:
    """Measure and print."""
    runs = int(sys.argv[2]) if len(sys.argv) > 2 else 5
    with tempfile.TemporaryDirectory() as made:
        folder = Path(sys.argv[1] if len(sys.argv) > 1 else made)
        if len(sys.argv) < 2:
            write_project(folder)
        for jobs in ("1", "auto"):
            cost = flake8_cost(folder, jobs, runs)
            sys.stdout.write(
                f"flake8 --jobs={jobs}: {cost.plain:.2f} s, torchlint {cost.torchlint:.2f} s, both in one"
                f" {cost.both:.2f} s, {cost.ratio:.2f} of what is allowed\n"
            )


if __name__ == "__main__":
    main()
