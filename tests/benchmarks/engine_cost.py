"""What the whole analysis costs beside parsing alone, on the same files, in the same run.

Usage: ``python tests/benchmarks/engine_cost.py FOLDER [RUNS]``, where FOLDER holds an installed package (default: the
installed torch). Each side is a process of its own, start-up included, one thread of work, no cache, the cyclic garbage
collector switched off in both. Prints the CPU seconds of both, their ratio pair by pair, and the peak memory.
"""

from __future__ import annotations

import importlib.util
import os
import statistics
import subprocess
import sys
from pathlib import Path

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
CHECK = """
import gc, sys
gc.disable()
from torchlint.frontends.cli import main
sys.argv = ["torchlint", "check", "--isolated", "--no-cache", "--output-format", "json", "--statistics", sys.argv[1]]
try:
    main()
except SystemExit:
    pass
"""


def cost(program: str, folder: str) -> tuple[float, int]:
    """CPU seconds and peak memory in KiB of one process."""
    process = subprocess.Popen(
        [sys.executable, "-c", program, folder], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    _, _, usage = os.wait4(process.pid, 0)
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss


def write(line: str) -> None:
    """One line of the report."""
    sys.stdout.write(line + "\n")


def main() -> None:
    """Measure and print."""
    if len(sys.argv) > 1:
        folder = sys.argv[1]
    else:
        spec = importlib.util.find_spec("torch")
        if spec is None or spec.origin is None:
            raise SystemExit("name a folder: torch is not installed")
        folder = str(Path(spec.origin).parent)
    runs = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    lines = sum(path.read_bytes().count(b"\n") for path in Path(folder).rglob("*.py"))
    write(f"{folder}: {lines} lines")
    ratios: list[float] = []
    for _ in range(runs):
        parse, _ = cost(PARSE, folder)
        check, memory = cost(CHECK, folder)
        ratios.append(check / parse)
        write(f"parse {parse:.2f} s, check {check:.2f} s, ratio {check / parse:.2f}, peak {memory / 1024:.0f} MiB")
    write(f"median ratio {statistics.median(ratios):.2f}")


if __name__ == "__main__":
    main()
