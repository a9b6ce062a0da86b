"""Which interpreter is found, what an answer is taken for, and what the filter of system calls lets through."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import calls
import pytest

from torchlint.confirm.host import Interpreter, NoInterpreter, Status, find_interpreter, judge

ENDED: dict[str, Any] = {"ended": "exit", "code": 0, "signal": 0, "cpu": 0.5}


def test_the_python_that_runs_torchlint_is_found() -> None:
    found = find_interpreter(None, {})
    assert isinstance(found, Interpreter)
    assert (found.path, found.python) == (sys.executable, tuple(sys.version_info[:2]))


def test_an_environment_without_torch_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").write_text("#!/bin/sh\necho '[[3, 11], null, false]'\n")
    (tmp_path / "bin" / "python").chmod(0o755)
    found = find_interpreter(None, {"VIRTUAL_ENV": str(tmp_path)})
    assert isinstance(found, Interpreter) and found.path == sys.executable
    wanted = find_interpreter(str(tmp_path), {})
    assert isinstance(wanted, NoInterpreter) and "has no torch" in wanted.reason


@pytest.mark.parametrize("wanted", ["/nowhere/python", "/bin/true", "no-such-python"])
def test_what_is_no_python_is_told(wanted: str) -> None:
    found = find_interpreter(wanted, {"PATH": "/bin"})
    assert isinstance(found, NoInterpreter) and "no Python that runs" in found.reason


@pytest.mark.parametrize(
    ("data", "ended", "status"),
    [
        (b'{"nonce":"n","result":{}}\n', {}, Status.OK),
        (b'{"nonce":"n","result":{}}', {}, Status.BAD_ANSWER),
        (b'{"nonce":"m","result":{}}\n', {}, Status.BAD_ANSWER),
        (b'{"nonce":"\\ud800","result":{}}\n', {}, Status.BAD_ANSWER),
        (b'{"nonce":["n"],"result":{}}\n', {}, Status.BAD_ANSWER),
        (b'{"nonce":"n","result":[]}\n', {}, Status.BAD_ANSWER),
        (b'{"nonce":"n","result":{"x":NaN}}\n', {}, Status.BAD_ANSWER),
        (b'{"nonce":"n","result":{}}\n{"nonce":"n","result":{}}\n', {}, Status.BAD_ANSWER),
        (b"\xff\n", {}, Status.BAD_ANSWER),
        (b'{"nonce":"n","result":{"x":"' + b"a" * 300 + b'"}}\n', {}, Status.BAD_ANSWER),
        (b'{"nonce":"n","failed":"memory"}\n', {}, Status.MEMORY),
        (b'{"nonce":"n","failed":"ValueError"}\n', {}, Status.CRASHED),
        (b"", {}, Status.CRASHED),
        (b'{"nonce":"n","result":{}}\n', {"ended": "wall", "signal": 9}, Status.TIMEOUT),
        (b"", {"signal": 24, "cpu": 2.0}, Status.TIMEOUT),
        (b"", {"signal": 9, "cpu": 3.0}, Status.TIMEOUT),
        (b"", {"signal": 9}, Status.KILLED),
    ],
)
def test_what_an_answer_is_taken_for(data: bytes, ended: dict[str, Any], status: Status) -> None:
    answer = judge(data, "n", {**ENDED, **ended}, 256, 2)
    assert answer.status is status
    assert (answer.result is not None) == (status is Status.OK)


@pytest.mark.parametrize(
    ("column", "header"),
    [(0, "/usr/include/x86_64-linux-gnu/asm/unistd_64.h"), (1, "/usr/include/asm-generic/unistd.h")],
)
def test_the_numbers_of_calls_are_those_of_the_kernel(column: int, header: str) -> None:
    if not Path(header).exists():
        pytest.skip(f"there is no {header}")
    found = re.findall(r"#define __NR(?:3264)?_(\w+)\s+(\d+)", Path(header).read_text())
    numbers = {**{name: int(number) for name, number in found}}
    if column:
        numbers["newfstatat"] = numbers["fstatat"]  # the name on 64-bit machines
    for name, columns in {**calls.ALLOWED, **calls.LOOKED_AT}.items():
        assert columns[column] == numbers.get(name), name


def run_filter(machine: str, architecture: int, number: int, arguments: tuple[int, ...] = ()) -> str:
    """What the filter says of a call, by running its instructions as the kernel does."""
    lines = calls.program(machine, 77, may_open_to_write=False)
    assert lines is not None
    padded = (*arguments, 0, 0, 0, 0, 0, 0)[:6]
    words = {0: number, 4: architecture}
    for index, value in enumerate(padded):
        words[16 + 8 * index], words[20 + 8 * index] = value & 0xFFFFFFFF, value >> 32
    at, value = 0, 0
    while True:
        code, true, false, operand = lines[at]
        at += 1
        if code == calls.LOAD:
            value = words[operand]
        elif code == calls.RETURN:
            return {calls.ALLOW: "allow", calls.KILL: "kill"}.get(operand, "error")
        else:
            met = {calls.EQUAL: value == operand, calls.AT_LEAST: value >= operand, calls.ANY_BIT: value & operand}
            at += true if met[code] else false


@pytest.mark.parametrize(
    ("machine", "architecture", "number", "arguments", "said"),
    [
        ("x86_64", 0xC000003E, 0, (), "allow"),  # read
        ("x86_64", 0xC000003E, 41, (), "error"),  # socket
        ("x86_64", 0xC000003E, 56, (), "error"),  # clone
        ("x86_64", 0xC000003E, 435, (), "error"),  # clone3
        ("x86_64", 0xC000003E, 0x40000000, (), "error"),  # read of the x32 numbers
        ("x86_64", 0x40000003, 3, (), "kill"),  # 32 bit
        ("x86_64", 0xC000003E, 62, (77, 9), "allow"),  # kill oneself
        ("x86_64", 0xC000003E, 62, (0xFFFFFFFF, 9), "error"),  # kill everybody
        ("x86_64", 0xC000003E, 302, (0, 0, 0), "allow"),  # prlimit64, asking
        ("x86_64", 0xC000003E, 302, (0, 0, 1 << 32), "error"),
        ("x86_64", 0xC000003E, 257, (0, 0, 0), "allow"),  # openat to read
        ("x86_64", 0xC000003E, 257, (0, 0, 0o101), "error"),
        ("aarch64", 0xC00000B7, 63, (), "allow"),  # read
        ("aarch64", 0xC00000B7, 198, (), "error"),  # socket
        ("aarch64", 0xC00000B7, 220, (), "error"),  # clone
        ("aarch64", 0xC00000B7, 129, (77, 9), "allow"),  # kill oneself
        ("aarch64", 0xC00000B7, 129, (78, 9), "error"),
        ("aarch64", 0xC00000B7, 56, (0, 0, 1), "error"),  # openat to write
    ],
)
def test_what_the_filter_says(
    machine: str, architecture: int, number: int, arguments: tuple[int, ...], said: str
) -> None:
    assert run_filter(machine, architecture, number, arguments) == said


def test_other_machines_have_no_filter() -> None:
    assert calls.program("riscv64", 1, may_open_to_write=False) is None
