"""The first child of a warm process: it really tries what a confined job must not be able to do.

Each try is named by what somebody could do for whom it works. It says `true` when it was held, `false` when it
worked. What it did is also looked at from outside (`host.py`), where that can be seen.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import resource
import signal
import socket
from collections.abc import Callable
from typing import Any

libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long


class HeldError(Exception):
    """A try that gave nothing."""


def call(number: int, *arguments: Any) -> int:
    """A raw system call. Raises `HeldError` where it fails."""
    result = int(libc.syscall(number, *arguments))
    if result == -1:
        raise HeldError
    return result


def read(path: str) -> None:
    with open(path, "rb") as file:
        if not file.read(64):
            raise HeldError


def write(path: str, mode: str) -> None:
    with open(path, mode) as file:
        file.write("canary")


def connect(port: int, kind: int) -> None:
    with socket.socket(socket.AF_INET, kind) as tried:
        tried.settimeout(1.0)
        tried.connect(("127.0.0.1", port))
        tried.send(b"canary")


def fork() -> None:
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)


def trace(process: int) -> None:
    """PTRACE_SEIZE, which does not stop it."""
    if libc.ptrace(0x4206, process, None, None) == -1:
        raise HeldError
    libc.ptrace(17, process, None, None)


def signal_by_owner(process: int) -> None:
    """Name another process as the one that is told of input by a signal of our choice (F_SETOWN)."""
    reading, _ = os.pipe()
    if libc.fcntl(reading, 8, process) == -1:
        raise HeldError


def raise_limit() -> None:
    """More processor time. An unlimited one is already more than any."""
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    if hard != resource.RLIM_INFINITY:
        resource.setrlimit(resource.RLIMIT_CPU, (hard + 1, hard + 1))


def take_memory(size: int) -> None:
    mmap.mmap(-1, size).close()


def try_everything(plan: dict[str, Any], say: Callable[[dict[str, bool]], None]) -> None:
    """Try it, in the order of growing harm to the canary itself, and say after each try whether it was held.

    `plan` has the numbers of two ports (`tcp`, `udp`) and a process (`victim`), a `folder` with the files `secret`,
    `existing`, `doomed` and `mode`, and a size in bytes (`memory`).
    """
    folder, victim = plan["folder"], plan["victim"]
    x86 = os.uname().machine == "x86_64"
    tries: dict[str, Callable[[], object]] = {
        "open a connection": lambda: connect(plan["tcp"], socket.SOCK_STREAM),
        "send a datagram": lambda: connect(plan["udp"], socket.SOCK_DGRAM),
        "read a file outside the project": lambda: read(f"{folder}/secret"),
        "read another process's environment": lambda: read(f"/proc/{victim}/environ"),
        "write a file": lambda: write(f"{folder}/new", "w"),
        "change a file": lambda: write(f"{folder}/existing", "r+"),
        "delete a file": lambda: os.unlink(f"{folder}/doomed"),
        "change a file's mode": lambda: os.chmod(f"{folder}/mode", 0o777),
        "change a file's times": lambda: os.utime(f"{folder}/mode", (0, 0)),
        "raise its limits": raise_limit,
        "take more memory": lambda: take_memory(plan["memory"]),
        "use io_uring": lambda: os.close(call(425, 1, ctypes.create_string_buffer(120))),
        "trace another process": lambda: trace(victim),
        "have the kernel signal another process": lambda: signal_by_owner(victim),
        "signal another process": lambda: os.kill(victim, signal.SIGKILL),
        "start a process": fork,
        "make a user namespace": lambda: call(272 if x86 else 97, 0x10000000),
    }
    for name, action in tries.items():
        held = False
        try:
            action()
        except (OSError, ValueError, MemoryError, OverflowError, HeldError):
            held = True
        say({name: held})
    try:
        os.execv("/bin/true", ["true"])
    except OSError:
        say({"run a program": True})
