"""What torchlint costs in everyday use, in one table: ``python -m tests.benchmarks.table``.

Packages from the registry (`PACKAGES`) are downloaded with pip into a temporary folder, or taken from ``--packages
FOLDER``, which holds one folder a package; TorchFix is installed into an environment of its own, or taken from the
interpreter that ``--torchfix`` names. Every figure is a ratio of two commands on the same files, which take turns in
the same run; files are read once before, so that the disk counts for none. Medians of ``--runs`` turns (5).

Caches are in a temporary folder and cold or warm as the row says. Bytecode is compiled before, as it is wherever
torchlint is installed.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path

from tests.benchmarks.flake8_cost import flake8_cost, write_project

PACKAGES = ("timm", "monai", "kornia", "segmentation-models-pytorch", "torchmetrics", "pytorch-lightning")
PARSE = """
import gc, sys, pathlib
gc.disable()
import libcst.native
for path in sorted(pathlib.Path(sys.argv[1]).rglob("*.py")):
    try:
        libcst.native.parse_module(path.read_text(encoding="utf-8"))
    except Exception:
        pass
"""
SMALL = '''\
"""Segmentation of leaves."""

import torch
from torch import nn
from torch.utils.data import DataLoader


{blocks}

class Net(nn.Module):
    def __init__(self, classes=1):
        super().__init__()
        self.down = nn.ModuleList([Block{last}(3, 16), Block0(16, 32)])
        self.head = nn.Conv2d(32, classes, 1)

    def forward(self, frames):
        for block in self.down:
            frames = block(frames)
        return self.head(frames)


def train(dataset, epochs=3):
    net = Net()
    criterion = {loss}()
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
    for epoch in range(epochs):
        for frames, masks in DataLoader(dataset, batch_size=8, shuffle=True):
            optimizer.zero_grad()
            loss = criterion(net(frames), masks)
            loss.backward()
            optimizer.step()
    return net
'''
BLOCK = """\
class Block{n}(nn.Module):
    def __init__(self, channels, width):
        super().__init__()
        self.first = nn.Conv2d(channels, width, 3, padding=1)
        self.norm = nn.BatchNorm2d(width)
        self.second = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, frames):
        shown = torch.relu(self.norm(self.first(frames)))
        return torch.relu(self.second(shown)) + shown


"""


@dataclass(frozen=True)
class Cost:
    """Seconds of one process: on the wall, and of the processors for it and its children."""

    wall: float
    cpu: float


@dataclass(frozen=True)
class Row:
    """One line of the table: what is compared, the measured ratio or seconds, what is wanted, and whether it is met."""

    what: str
    value: str
    wanted: str
    met: bool


class Bench:
    """Commands that take turns."""

    def __init__(self, runs: int, cache: Path) -> None:
        self.runs = runs
        self.cache = cache
        self.environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        self.environment |= {"TORCHLINT_CACHE_DIR": str(cache), "PYTHONPATH": str(Path(__file__).parents[2])}

    def run(self, command: Sequence[str], folder: Path) -> Cost:
        """The cost of a command in a folder."""
        start = time.perf_counter()
        process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=folder, env=self.environment
        )
        _, _, usage = os.wait4(process.pid, 0)
        return Cost(time.perf_counter() - start, usage.ru_utime + usage.ru_stime)

    def turns(self, *sides: Callable[[], Cost], runs: int | None = None) -> list[list[Cost]]:
        """Run the sides in turn; the costs of each turn."""
        return [[side() for side in sides] for _ in range(runs or self.runs)]

    def cold(self, command: Sequence[str], folder: Path) -> Cost:
        """The cost with nothing kept from earlier runs."""
        shutil.rmtree(self.cache, ignore_errors=True)
        return self.run(command, folder)


def torchlint(*words: str) -> list[str]:
    """A command line."""
    return [sys.executable, "-m", "torchlint", "check", "--isolated", "--quiet", *words]


def ratio(turns: Sequence[Sequence[Cost]], over: int, under: int, of: str) -> float:
    """The median ratio of two sides, turn by turn."""
    ratios: list[float] = [getattr(turn[over], of) / getattr(turn[under], of) for turn in turns]
    return statistics.median(ratios)


def large(bench: Bench, folder: Path, torchfix: str | None, lines: int) -> Iterator[Row]:
    """A hundred thousand lines and more, cold and warm."""
    alone, two = torchlint("-j", "1", "."), torchlint("-j", "2", ".")
    parse = [sys.executable, "-c", PARSE, "."]
    bench.run(parse, folder)  # every file is read
    turns = bench.turns(
        partial(bench.run, parse, folder), partial(bench.cold, alone, folder), partial(bench.cold, two, folder)
    )
    whole = statistics.median(turn[2].wall for turn in turns)
    cost = ratio(turns, 1, 0, "cpu")
    yield Row("cold, one process: CPU over parse_module alone", f"{cost:.2f}", "<= 1.6", cost <= 1.6)
    gain = ratio(turns, 1, 2, "wall")
    yield Row("cold: one process over two, wall", f"{gain:.2f}", ">= 1.7", gain >= 1.7)
    if torchfix is not None:
        other = [torchfix, "-m", "torchfix", "-j", "1", "."]
        place = folder / "kornia"  # more than a hundred thousand lines by itself: TorchFix takes minutes
        turns = bench.turns(partial(bench.run, other, place), partial(bench.cold, alone, place), runs=1)
        faster = ratio(turns, 0, 1, "wall")
        yield Row("cold, one process: TorchFix over torchlint, wall", f"{faster:.1f}", ">= 15", faster >= 15)
    bench.cold(two, folder)
    again = [bench.run(two, folder) for _ in range(bench.runs)]
    seconds = statistics.median(cost.wall for cost in again) * 100_000 / lines
    yield Row("warm: seconds for 100,000 lines", f"{seconds:.2f}", "< 0.7", seconds < 0.7)
    changed = changed_one(bench, folder, two)
    yield Row("warm, one file changed, over a cold run", f"{changed / whole:.2f}", "", True)


def changed_one(bench: Bench, folder: Path, command: Sequence[str]) -> float:
    """Median seconds of a run after one file has changed."""
    bench.cold(command, folder)
    files = sorted(folder.rglob("*.py"))
    path = files[len(files) // 2]
    text = path.read_text(encoding="utf-8")
    seconds = []
    for number in range(bench.runs):
        path.write_text(f"{text}\n# {number}\n", encoding="utf-8")
        seconds.append(bench.run(command, folder).wall)
    path.write_text(text, encoding="utf-8")
    return statistics.median(seconds)


def small(bench: Bench, folder: Path) -> Iterator[Row]:
    """One file of 200 lines, as a hook has it linted."""
    blocks = "".join(BLOCK.format(n=number) for number in range(11))
    for name, loss in (("clean", "nn.BCEWithLogitsLoss"), ("with a finding", "nn.BCELoss")):
        path = folder / f"{name.replace(' ', '_')}.py"
        path.write_text(SMALL.format(blocks=blocks, last=10, loss=loss))
        command = torchlint("--force-exclude", path.name)
        libcst, nothing = [sys.executable, "-c", "import libcst"], [sys.executable, "-c", "pass"]
        bench.run(command, folder)  # compiles
        turns = bench.turns(
            partial(bench.run, libcst, folder),
            partial(bench.cold, command, folder),
            partial(bench.run, nothing, folder),
            partial(bench.run, command, folder),
            runs=3 * bench.runs,
        )
        cold, warm = ratio(turns, 1, 0, "wall"), ratio(turns, 3, 2, "wall")
        yield Row(f"200 lines, {name}, cold: over `import libcst`", f"{cold:.2f}", "<= 2", cold <= 2)
        yield Row(f"200 lines, {name}, warm: over `python -c pass`", f"{warm:.2f}", "<= 3", warm <= 3)


def flake8(runs: int, folder: Path) -> Iterator[Row]:
    """flake8 with the plugin, on a project of 50 files."""
    write_project(folder)
    cost = flake8_cost(folder, "1", runs)
    share = (cost.both - cost.plain) / cost.torchlint
    yield Row("flake8, 50 files: what the plugin adds, over torchlint", f"{share:.2f}", "<= 1.5", cost.ratio <= 1)


def downloaded(folder: Path) -> Path:
    """The packages, unpacked."""
    subprocess.run(
        [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:", *PACKAGES],
        cwd=folder,
        check=True,
    )
    packages = folder / "packages"
    for wheel in sorted(folder.glob("*.whl")):
        shutil.unpack_archive(wheel, packages, "zip")
        wheel.unlink()
    return packages


def with_torchfix(folder: Path) -> str:
    """An interpreter that has TorchFix, which wants another libcst."""
    subprocess.run([sys.executable, "-m", "venv", folder / "torchfix"], check=True)
    python = str(folder / "torchfix" / ("Scripts" if os.name == "nt" else "bin") / "python")
    subprocess.run([python, "-m", "pip", "install", "--quiet", "torchfix"], check=True)
    return python


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--packages", type=Path)
    parser.add_argument("--torchfix", metavar="PYTHON")
    parser.add_argument("--no-torchfix", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        packages = place / "copy"
        shutil.copytree(arguments.packages or downloaded(place), packages)
        torchfix = None if arguments.no_torchfix else arguments.torchfix or with_torchfix(place)
        lines = sum(path.read_bytes().count(b"\n") for path in packages.rglob("*.py"))
        bench = Bench(arguments.runs, place / "cache")
        (place / "small").mkdir()
        (place / "flake8").mkdir()
        sys.stdout.write(f"{lines} lines of {', '.join(sorted(path.name for path in packages.iterdir()))}\n")
        for row in chain(
            small(bench, place / "small"),
            flake8(arguments.runs, place / "flake8"),
            large(bench, packages, torchfix, lines),
        ):
            verdict = "" if not row.wanted else "met" if row.met else "NOT MET"
            sys.stdout.write(f"{row.what:<56}{row.value:>7}  {row.wanted:<7} {verdict}".rstrip() + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
