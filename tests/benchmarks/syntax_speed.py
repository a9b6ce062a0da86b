"""Microseconds a line for each step from text to IR: `python tests/benchmarks/syntax_speed.py FOLDER`."""

from __future__ import annotations

import gc
import sys
import time
from collections import Counter

import msgspec

from torchlint.source.discover import discover
from torchlint.source.text import decode
from torchlint.syntax import depth, ir
from torchlint.syntax.lower import lower
from torchlint.syntax.tree import SyntaxProblem, parse


def main() -> None:
    """Measure every file of a folder twice: with the garbage collector on, and off."""
    texts = []
    for path in discover(sys.argv[1:]):
        with open(path, "rb") as file:
            texts.append(decode(file.read()))
    lines = sum(text.count("\n") for text in texts)
    decoder = msgspec.msgpack.Decoder(ir.Module)
    for collecting in (True, False):
        (gc.enable if collecting else gc.disable)()
        spent: Counter[str] = Counter()
        for text in texts:
            marks = [time.perf_counter()]
            depth.needed_stack(text)
            marks.append(time.perf_counter())
            tree = parse(text)
            marks.append(time.perf_counter())
            if isinstance(tree, SyntaxProblem):
                continue
            program = lower(tree)
            marks.append(time.perf_counter())
            data = msgspec.msgpack.encode(program)
            marks.append(time.perf_counter())
            assert decoder.decode(data) == program
            marks.append(time.perf_counter())
            for step, start, end in zip(
                ("bound", "parse", "lower", "encode", "decode"), marks, marks[1:], strict=False
            ):
                spent[step] += round((end - start) * 1e9)
        told = ", ".join(f"{step} {spent[step] / lines / 1000:.2f}" for step in spent)
        sys.stdout.write(f"{lines} lines, gc {'on' if collecting else 'off'}: {told} µs a line\n")


if __name__ == "__main__":
    main()
