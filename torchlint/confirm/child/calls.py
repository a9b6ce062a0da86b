"""The system calls that a confined child may make, and the seccomp filter that forbids all others.

Definitions.

* *Allowed*: calls that read, compute, wait, or concern nothing but the child itself. Nothing here makes a socket, a
  process or a thread, changes a file's content, name, owner, mode or times, or reaches another process.
* *Looked at*: calls that are allowed with certain arguments only.

What is on neither list is answered with `EPERM`, or, from the first call that is numbered alike everywhere (424),
with `ENOSYS`, which makes the C library fall back from `clone3` and `openat2` to calls that a filter can judge.

Example: `fork()` is `clone` to the kernel, which is on no list, and raises `PermissionError`; `fcntl(fd, F_SETOWN,
pid)` would have the kernel send a signal to another process, so that `fcntl` is looked at.

Numbers: `asm/unistd_64.h` and `asm-generic/unistd.h` of Linux. The filter's form: `linux/filter.h` and
`linux/seccomp.h`. The calls of 32-bit programs on a 64-bit kernel end the child.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct

# by name: the number on x86_64 and on aarch64, where there is one
ALLOWED: dict[str, tuple[int | None, int | None]] = {
    "read": (0, 63),
    "write": (1, 64),
    "pread64": (17, 67),
    "pwrite64": (18, 68),
    "readv": (19, 65),
    "writev": (20, 66),
    "preadv": (295, 69),
    "pwritev": (296, 70),
    "close": (3, 57),
    "close_range": (436, 436),
    "lseek": (8, 62),
    "dup": (32, 23),
    "dup2": (33, None),
    "dup3": (292, 24),
    "pipe": (22, None),
    "pipe2": (293, 59),
    "poll": (7, None),
    "ppoll": (271, 73),
    "select": (23, None),
    "pselect6": (270, 72),
    "epoll_create1": (291, 20),
    "epoll_ctl": (233, 21),
    "epoll_wait": (232, None),
    "epoll_pwait": (281, 22),
    "access": (21, None),
    "faccessat": (269, 48),
    "faccessat2": (439, 439),
    "stat": (4, None),
    "lstat": (6, None),
    "fstat": (5, 80),
    "newfstatat": (262, 79),
    "statx": (332, 291),
    "statfs": (137, 43),
    "fstatfs": (138, 44),
    "readlink": (89, None),
    "readlinkat": (267, 78),
    "getdents": (78, None),
    "getdents64": (217, 61),
    "getcwd": (79, 17),
    "chdir": (80, 49),
    "fchdir": (81, 50),
    "mmap": (9, 222),
    "mprotect": (10, 226),
    "munmap": (11, 215),
    "mremap": (25, 216),
    "brk": (12, 214),
    "madvise": (28, 233),
    "mincore": (27, 232),
    "msync": (26, 227),
    "rt_sigaction": (13, 134),
    "rt_sigprocmask": (14, 135),
    "rt_sigreturn": (15, 139),
    "rt_sigpending": (127, 136),
    "rt_sigtimedwait": (128, 137),
    "rt_sigsuspend": (130, 133),
    "sigaltstack": (131, 132),
    "pause": (34, None),
    "alarm": (37, None),
    "setitimer": (38, 103),
    "getitimer": (36, 102),
    "clock_gettime": (228, 113),
    "clock_getres": (229, 114),
    "clock_nanosleep": (230, 115),
    "nanosleep": (35, 101),
    "gettimeofday": (96, 169),
    "time": (201, None),
    "times": (100, 153),
    "getpid": (39, 172),
    "getppid": (110, 173),
    "gettid": (186, 178),
    "getuid": (102, 174),
    "geteuid": (107, 175),
    "getgid": (104, 176),
    "getegid": (108, 177),
    "getpgrp": (111, None),
    "getpgid": (121, 155),
    "getsid": (124, 156),
    "getresuid": (118, 148),
    "getresgid": (120, 150),
    "getgroups": (115, 158),
    "getrusage": (98, 165),
    "getrlimit": (97, 163),
    "sysinfo": (99, 179),
    "uname": (63, 160),
    "umask": (95, 166),
    "getpriority": (140, 141),
    "sched_yield": (24, 124),
    "sched_getaffinity": (204, 123),
    "sched_getparam": (143, 121),
    "sched_getscheduler": (145, 120),
    "getcpu": (309, 168),
    "getrandom": (318, 278),
    "futex": (202, 98),
    "set_robust_list": (273, 99),
    "get_robust_list": (274, 100),
    "rseq": (334, 293),
    "membarrier": (324, 283),
    "set_tid_address": (218, 96),
    "arch_prctl": (158, None),
    "restart_syscall": (219, 128),
    "exit": (60, 93),
    "exit_group": (231, 94),
    "wait4": (61, 260),
    "waitid": (247, 95),
    "capget": (125, 90),
}
LOOKED_AT: dict[str, tuple[int | None, int | None]] = {
    "open": (2, None),
    "openat": (257, 56),
    "ioctl": (16, 29),
    "fcntl": (72, 25),
    "prctl": (157, 167),
    "kill": (62, 129),
    "tkill": (200, 130),
    "tgkill": (234, 131),
    "prlimit64": (302, 261),
}

ARCHITECTURES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}
"""By the name of the machine: the column of its numbers, and what the kernel calls it (`AUDIT_ARCH_…`)."""

IOCTL = (0x5401, 0x5413, 0x541B, 0x5450, 0x5451)
"""Is it a terminal, how large is it, how much is there to read, close or keep it in a new program."""
FCNTL = (0, 1, 2, 3, 4, 1030)
"""Duplicate, get and set the flags of a descriptor and of a file; no owner for signals, lease or seal."""
PRCTL = (15, 16, 0x53564D41)
"""Set and get the thread's name, name a mapping; the signal on the parent's death stays as it is."""
WRITING = 0o3 | 0o100 | 0o1000 | 0o20000000
"""Any bit of `O_WRONLY`, `O_RDWR`, `O_CREAT`, `O_TRUNC`, `O_TMPFILE`."""

LOAD, EQUAL, AT_LEAST, ANY_BIT, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
ALLOW, KILL, ERROR = 0x7FFF0000, 0x80000000, 0x00050000
FIRST_COMMON_NUMBER = 424

Instruction = tuple[int, int, int, int]
"""Code, how many instructions to jump over if true and if false, operand."""


def argument(index: int, upper: bool = False) -> Instruction:
    """Load the lower or upper half of a call's argument."""
    return (LOAD, 0, 0, 16 + 8 * index + 4 * upper)


def only(index: int, values: tuple[int, ...]) -> list[Instruction]:
    """Allow if the lower half of an argument is one of the values."""
    tests = [instruction for value in values for instruction in ((EQUAL, 0, 1, value), (RETURN, 0, 0, ALLOW))]
    return [argument(index), *tests, (RETURN, 0, 0, ERROR | errno.EPERM)]


def reading(index: int) -> list[Instruction]:
    """Allow if the flags of an opening, in this argument, do not write."""
    return [
        argument(index),
        (ANY_BIT, 0, 1, WRITING),
        (RETURN, 0, 0, ERROR | errno.EACCES),
        (RETURN, 0, 0, ALLOW),
    ]


def program(machine: str, process: int, may_open_to_write: bool) -> list[Instruction] | None:
    """The filter for the process of this number, or none for a machine whose numbers are not known.

    `may_open_to_write` where something else (Landlock) judges what is opened.
    """
    if machine not in ARCHITECTURES:
        return None
    column, architecture = ARCHITECTURES[machine]
    allow: list[Instruction] = [(RETURN, 0, 0, ALLOW)]
    judged = {
        "open": allow if may_open_to_write else reading(1),
        "openat": allow if may_open_to_write else reading(2),
        "ioctl": only(1, IOCTL),
        "fcntl": only(1, FCNTL),
        "prctl": only(0, PRCTL),
        "kill": only(0, (process,)),
        "tkill": only(0, (process,)),  # the only thread has the number of the process
        "tgkill": only(0, (process,)),
        "prlimit64": [  # a new limit is given by address
            argument(2),
            (EQUAL, 0, 3, 0),
            argument(2, upper=True),
            (EQUAL, 0, 1, 0),
            (RETURN, 0, 0, ALLOW),
            (RETURN, 0, 0, ERROR | errno.EPERM),
        ],
    }
    lines: list[Instruction] = [(LOAD, 0, 0, 4), (EQUAL, 1, 0, architecture), (RETURN, 0, 0, KILL), (LOAD, 0, 0, 0)]
    for name, numbers in {**ALLOWED, **LOOKED_AT}.items():
        number = numbers[column]
        if number is not None:
            body = judged.get(name, allow)
            lines += [(EQUAL, 0, len(body), number), *body]
    return [
        *lines,
        (AT_LEAST, 0, 1, FIRST_COMMON_NUMBER),
        (RETURN, 0, 0, ERROR | errno.ENOSYS),
        (RETURN, 0, 0, ERROR | errno.EPERM),
    ]


class Filter(ctypes.Structure):
    """`struct sock_fprog`."""

    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_void_p))


def install(libc: ctypes.CDLL, lines: list[Instruction]) -> None:
    """Put the filter on this process, for good. Raises `OSError` where the kernel has no seccomp."""
    data = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *line) for line in lines))
    whole = Filter(len(lines), ctypes.cast(data, ctypes.c_void_p))
    if libc.prctl(22, ctypes.c_ulong(2), ctypes.byref(whole), ctypes.c_ulong(0), ctypes.c_ulong(0)) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
