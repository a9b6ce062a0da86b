"""Kills fixing runs while they write, and says what they left: run by `test_killed.py` in a process of its own.

Usage: ``killed.py FOLDER TIMES SEED``. The folder is made. The program is analysed once; at the point where the fixed
files are to be written this process forks until so many children were killed, each after another part of the time that
writing takes. What is seen is printed as JSON.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from torchlint.frontends import fixing
from torchlint.frontends.cli import main

FILES = 8
#: How often the next run is made too, which takes ten times as long.
RUNS = 20
OLD = """\
import torch
from torch import nn

net, criterion = nn.Linear(8, 1), nn.BCELoss()
# number {number}
print(criterion(net(torch.rand(4, 8)), torch.rand(4, 1)))
"""
NEW = OLD.replace("BCELoss", "BCEWithLogitsLoss")
WORDS = ["--isolated", "--no-cache", "--quiet", "--fix"]


def paths() -> list[Path]:
    return [Path(f"part{number:02}.py") for number in range(FILES)]


def reset() -> None:
    for number, path in enumerate(paths()):
        path.write_text(OLD.format(number=number))


def states() -> list[str]:
    """Whether each file is old or new; anything else is a fault."""
    found = []
    for number, path in enumerate(paths()):
        text = path.read_text()
        kinds = [kind for kind, form in (("old", OLD), ("new", NEW)) if text == form.format(number=number)]
        found.append(kinds[0] if kinds else f"half: {text!r}")
    return found


def child(work: Callable[[], object]) -> int:
    """Fork, and do the work in the child."""
    number = os.fork()
    if number == 0:
        signal.alarm(60)
        try:
            work()
            os._exit(0)
        except BaseException:
            os._exit(3)
    return number


def begun(work: Callable[[], object]) -> int:
    """A child that has begun its work."""
    listening, telling = os.pipe()

    def told() -> None:
        os.write(telling, b".")
        work()

    number = child(told)
    os.read(listening, 1)
    os.close(listening)
    os.close(telling)
    return number


class Killer:
    """Stands where the files are written."""

    def __init__(self, times: int, seed: int) -> None:
        self.times = times
        self.random = random.Random(seed)
        self.write = fixing._write
        self.faults: list[str] = []
        self.between = self.killed = self.leavings = self.runs = 0

    def __call__(self, *words: object) -> tuple[list[str], bool]:
        work = partial(self.write, *words)  # type: ignore[arg-type]
        durations = []
        for _ in range(3):
            reset()
            number = begun(work)
            started = time.perf_counter()
            os.waitpid(number, 0)
            durations.append(time.perf_counter() - started)
            self.expect(states() == ["new"] * FILES, "a run that nobody kills writes everything")
        for _ in range(5 * self.times):  # some end before they are killed
            if self.killed == self.times:
                break
            self.kill(work, self.random.random() * sorted(durations)[1])
        reset()
        return work()

    def kill(self, work: Callable[[], object], after: float) -> None:
        reset()
        number = begun(work)
        started = time.perf_counter()
        self.look()
        while time.perf_counter() - started < after:
            self.look()
        os.kill(number, signal.SIGKILL)
        _, status = os.waitpid(number, 0)
        self.killed += os.WIFSIGNALED(status)
        found = self.look()
        self.between += len(set(found)) == 2
        strays = sorted({path.name for path in Path().iterdir()} - {path.name for path in paths()})
        self.leavings += len(strays)
        self.expect(all(name.startswith(".torchlint-") and name.endswith(".tmp") for name in strays), str(strays))
        if self.runs < RUNS and strays and "new" in found:
            self.runs += 1
            _, status = os.waitpid(child(self.run), 0)
            self.expect(status == 0, f"the next run ends with {status}")
            self.expect(states() == ["new"] * FILES, "the next run finishes the work")
            if "old" in found:
                self.expect(len(os.listdir()) == FILES, f"left for good: {sorted(os.listdir())}")
        for name in strays:
            Path(name).unlink(missing_ok=True)

    def run(self) -> None:
        """What a user would do next."""
        fixing._write = self.write
        assert main(WORDS) == 0

    def look(self) -> list[str]:
        found = states()
        self.expect(all(state in ("old", "new") for state in found), f"half-written: {found}")
        return found

    def expect(self, holds: bool, words: str) -> None:
        if not holds:
            self.faults.append(words)


if __name__ == "__main__":
    os.makedirs(sys.argv[1])
    os.chdir(sys.argv[1])
    reset()
    killer = Killer(int(sys.argv[2]), int(sys.argv[3]))
    fixing._write = killer  # type: ignore[assignment]
    status = main(WORDS)
    told = ("faults", "killed", "between", "leavings", "runs")
    sys.stdout.write(json.dumps({**{name: getattr(killer, name) for name in told}, "status": status}))
