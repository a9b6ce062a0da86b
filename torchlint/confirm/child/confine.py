"""What a child gives up before it runs a job."""

from __future__ import annotations

import ctypes
import math
import os
import resource
import signal
import sys
import sysconfig

SET_PARENT_DEATH_SIGNAL = 1
EVERY_LAYER = ("limits",)

libc = ctypes.CDLL(None, use_errno=True)


def control(option: int, argument: int) -> None:
    """`prctl(option, argument)`. Raises `OSError` where the kernel says no."""
    if libc.prctl(option, ctypes.c_ulong(argument), ctypes.c_ulong(0), ctypes.c_ulong(0), ctypes.c_ulong(0)) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def die_with(parent: int) -> None:
    """Be killed when the parent is, and at once if it is gone already."""
    control(SET_PARENT_DEATH_SIGNAL, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(70)


def keep_only(descriptor: int) -> None:
    """Close every descriptor but this one, and make 0, 1 and 2 the null device."""
    null = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(null, standard)
    os.closerange(3, descriptor)
    os.closerange(max(descriptor, 2) + 1, 1 << 16)


def own_folders() -> list[str]:
    """The folders that this Python and its packages are read from."""
    return [sys.prefix, sys.base_prefix, *sysconfig.get_paths().values()]


class Walls:
    """What is to be given up, prepared once in the warm process."""

    def __init__(self, layers: list[str], memory: int, readable: list[str]) -> None:
        self.layers = layers
        self.memory = memory

    def enter(self, cpu: float) -> None:
        """Give it up, for the rest of this process."""
        if "limits" in self.layers:
            with open("/proc/self/statm", encoding="ascii") as file:
                used = int(file.read().split()[0]) * resource.getpagesize()
            seconds = max(1, math.ceil(cpu))
            resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
            resource.setrlimit(resource.RLIMIT_AS, (used + self.memory, used + self.memory))
