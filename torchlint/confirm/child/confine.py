"""What a child gives up before it runs a job: three layers, by ctypes alone.

* `limits`: processor time, address space over what the process has after torch was loaded, the size of written files,
  descriptors, processes, core files; and every capability that the user has.
* `files` (Landlock, Linux 5.13): reading only below the folders of Python, its packages, the system's libraries, the
  project and torchlint's own child folder; writing only the null device. Looking whether a path exists stays
  possible.
* `calls` (seccomp, `calls`): what Landlock does not cover - sockets, processes, signals to others, modes, owners and
  times of files, namespaces, io_uring, tracing. Without Landlock the filter also forbids to open a file for writing;
  reading is free.

Example: `walls = Walls(["limits", "files", "calls"], 4 << 30, [root, *own_folders()])` once in the warm process, and
`walls.enter(10.0)` in each child, after its descriptors are closed. There is no way back.

A layer that the kernel does not have is left out here; what that means is found out by the canary. A layer that the
kernel has and refuses raises, and the child runs nothing.

Sources: landlock(7), `linux/landlock.h`; capabilities(7); getrlimit(2).
"""

from __future__ import annotations

import contextlib
import ctypes
import math
import os
import platform
import resource
import signal
import site
import stat
import struct
import sys
import sysconfig

import calls

SET_PARENT_DEATH_SIGNAL, DROP_FROM_BOUNDING_SET, NO_NEW_PRIVILEGES, AMBIENT = 1, 24, 38, 47
CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
READ_FILE, WRITE_FILE, READ_FOLDER = 1 << 2, 1 << 1, 1 << 3
SYSTEM = (
    "/usr",
    "/lib",
    "/lib32",
    "/lib64",
    "/nix/store",
    "/etc/ld.so.cache",
    "/dev/zero",
    "/dev/random",
    "/dev/urandom",
)
MACHINE = platform.machine()

libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long


def checked(result: int) -> int:
    """The result of a C function that says -1 when it fails. Raises `OSError` then."""
    if result == -1:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result


def control(option: int, argument: int) -> None:
    """`prctl(option, argument, 0, 0, 0)`. Raises `OSError` where the kernel says no."""
    checked(libc.prctl(option, *(ctypes.c_ulong(value) for value in (argument, 0, 0, 0))))


def die_with(parent: int) -> None:
    """Be killed when the parent is, and at once if it is gone already."""
    control(SET_PARENT_DEATH_SIGNAL, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(70)


def keep_only(*kept: int) -> None:
    """Close every descriptor but these, and make 0, 1 and 2 the null device."""
    null = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(null, standard)
    first = 3
    for descriptor in sorted(descriptor for descriptor in kept if descriptor > 2):
        os.closerange(first, descriptor)
        first = descriptor + 1
    os.closerange(first, 1 << 20)


def own_folders() -> list[str]:
    """The folders that this Python and its packages are read from.

    An environment is taken as a whole, of an installation only its libraries: its prefix may be a home folder. The
    folders of editable installations are not among them.
    """
    folders = [sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")]
    folders += site.getsitepackages()
    for prefix in (sys.prefix, sys.exec_prefix, sys.base_prefix):
        if any(os.path.exists(os.path.join(prefix, mark)) for mark in ("pyvenv.cfg", "conda-meta")):
            folders.append(prefix)
        folders += [os.path.join(prefix, name) for name in ("lib", "lib32", "lib64")]
    return folders


def drop_capabilities() -> None:
    """Be without the powers of the superuser, also when run as root. Raises `OSError` if that fails."""
    for capability in range(64):
        with contextlib.suppress(OSError):  # as an unprivileged user, or past the last one
            control(DROP_FROM_BOUNDING_SET, capability)
    with contextlib.suppress(OSError):  # kernels before 4.3
        control(AMBIENT, 4)
    header = ctypes.create_string_buffer(struct.pack("=Ii", 0x20080522, 0))
    checked(libc.capset(header, ctypes.create_string_buffer(24)))


class Files:
    """A Landlock ruleset: read below these paths, write the null device, and nothing else with files."""

    def __init__(self, readable: list[str]) -> None:
        """Raises `OSError` where the kernel has no Landlock. Paths that do not exist are left out."""
        self.version = checked(libc.syscall(CREATE_RULESET, None, ctypes.c_size_t(0), 1))
        rights = 13 + (self.version >= 2) + (self.version >= 3) + (self.version >= 5)  # REFER, TRUNCATE, IOCTL_DEV
        network, scopes = (3 if self.version >= 4 else 0), (3 if self.version >= 6 else 0)
        attributes = struct.pack("=QQQ", (1 << rights) - 1, network, scopes)
        size = 24 if self.version >= 6 else 16 if self.version >= 4 else 8
        self.ruleset = checked(libc.syscall(CREATE_RULESET, attributes, ctypes.c_size_t(size), 0))
        for path in dict.fromkeys([*readable, *SYSTEM]):
            self.allow(path, READ_FILE | READ_FOLDER)
        self.allow(os.devnull, READ_FILE | WRITE_FILE)

    def allow(self, path: str, rights: int) -> None:
        """Add a path with everything below it. Raises `OSError` where the kernel refuses."""
        try:
            descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except OSError:
            return
        try:
            if not stat.S_ISDIR(os.fstat(descriptor).st_mode):
                rights &= ~READ_FOLDER
            rule = struct.pack("=Qi", rights, descriptor)
            checked(libc.syscall(ADD_RULE, self.ruleset, 1, rule, 0))
        finally:
            os.close(descriptor)


class Walls:
    """What is to be given up, prepared once in the warm process."""

    def __init__(self, layers: list[str], memory: int, readable: list[str]) -> None:
        """`memory` in bytes over what the process has; `readable` are absolute paths, with everything below them."""
        self.layers = layers
        self.memory = memory
        self.files: Files | None = None
        if "files" in layers:
            with contextlib.suppress(OSError):
                self.files = Files(readable)

    def kept(self) -> int:
        """The descriptor that must stay open until `enter`, or -1."""
        return self.files.ruleset if self.files is not None else -1

    def enter(self, cpu: float) -> None:
        """Give it up, for the rest of this process. `cpu` in seconds. Raises `OSError` where the kernel refuses."""
        if "limits" in self.layers:
            self.limit(max(1, math.ceil(cpu)))
            drop_capabilities()
        if self.files is not None or "calls" in self.layers:
            control(NO_NEW_PRIVILEGES, 1)
        if self.files is not None:
            checked(libc.syscall(RESTRICT_SELF, self.files.ruleset, 0))
            os.close(self.files.ruleset)
        if "calls" in self.layers:
            truncating_is_judged = self.files is not None and self.files.version >= 3
            lines = calls.program(MACHINE, os.getpid(), truncating_is_judged)
            if lines is not None:
                calls.install(libc, lines)

    def limit(self, seconds: int) -> None:
        """The first limit of processor time can be ignored, the second kills."""
        with open("/proc/self/statm", encoding="ascii") as file:
            space = int(file.read().split()[0]) * resource.getpagesize() + self.memory
        for kind, soft, hard in (
            (resource.RLIMIT_CPU, seconds, seconds + 1),
            (resource.RLIMIT_AS, space, space),
            (resource.RLIMIT_FSIZE, 1 << 20, 1 << 20),
            (resource.RLIMIT_NOFILE, 256, 256),
            (resource.RLIMIT_NPROC, 0, 0),
            (resource.RLIMIT_CORE, 0, 0),
        ):
            most = resource.getrlimit(kind)[1]
            if most != resource.RLIM_INFINITY:
                soft, hard = min(soft, most), min(hard, most)
            resource.setrlimit(kind, (soft, hard))
