"""The warm process: torch is loaded once, and each job is a fork of it.

Definitions.

* *Host*: the process of torchlint that started this one (`torchlint/confirm/host.py`). The two speak over one
  `SOCK_SEQPACKET` socket, one JSON object a datagram.
* *Job*: what the host wants computed. Its text comes as a sealed memory file, so that it may be larger than a
  datagram, and this process never reads it.
* *Child*: the fork that runs one job. It closes every descriptor but two, confines itself (`confine`), calls
  `work.run(job)`, and writes one line to the job's own pipe, which the host reads.

Example. The host sends `{"nonce": "5f0c", "cpu": 10.0, "wall": 50.0}` with two descriptors, the memory file and the
write end of a pipe. The child writes `{"nonce": "5f0c", "result": {...}}` and a line end to the pipe and is gone;
this process answers `{"ended": "exit", "code": 0, "signal": 0, "cpu": 0.09}`.

**Invariant:** this process runs no code of the project: it imports the standard library, torch, torchvision and the
modules of this folder. What a child does to itself, to its memory and to what it has imported is gone with it.

What is left of a job when it ends (a process that it forked, where nothing forbids that) becomes a child of this
process, and is killed before the host hears of the end. When the host is gone, by whatever signal, the socket says
so, and this process kills the child and ends; when this process is killed, the kernel kills the child.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import select
import shutil
import signal
import socket
import sys
import time
from collections.abc import Callable
from types import ModuleType
from typing import Any

import confine

DATAGRAM = 1 << 16
"""Bytes; the host's messages are far smaller."""

SET_CHILD_SUBREAPER = 36


def warm_up(work: str) -> dict[str, Any]:
    """Load torch and what it loads late, and the module that computes jobs, and say what was loaded.

    The lazy parts of torch cannot be loaded in a confined child: meta and fake tensors import `torch._dynamo`, which
    wants a folder for temporary files and cannot be imported again after it has failed; `torch.device` keeps the set
    of constructors that it found on its first use.

    `work` is the name of the module with `run(job: dict) -> dict`. Returns the versions of Python and torch, and
    whether torchvision can be imported. Whatever importing torch or `work` raises is raised.
    """
    import tempfile

    import torch

    tempfile.gettempdir()
    torch.set_num_threads(1)
    torch.set_num_interop_threads(1)
    from torch._subclasses.fake_tensor import FakeTensorMode

    def small() -> Any:
        return torch.nn.Sequential(
            torch.nn.Conv2d(3, 4, 3),
            torch.nn.BatchNorm2d(4),
            torch.nn.ReLU(),
            torch.nn.Flatten(),
            torch.nn.Linear(16, 2),
        )

    with torch.device("meta"):
        small()(torch.zeros(2, 3, 4, 4))
    with FakeTensorMode(allow_non_fake_inputs=True):
        small()(torch.zeros(2, 3, 4, 4))
    network = small()
    loss: Any = torch.nn.functional.cross_entropy(network(torch.randn(2, 3, 4, 4)), torch.tensor([0, 1]))
    loss.backward()
    try:
        importlib.import_module("torchvision")
    except Exception:
        torchvision = False  # absent, or made for another torch: code that needs it is inconclusive
    else:
        torchvision = True
    importlib.import_module(work)
    return {"python": list(sys.version_info[:2]), "torch": str(torch.__version__), "torchvision": torchvision}


def answer_of(action: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What to write of an action: its result, or how it failed (the name of the exception's type, no text)."""
    try:
        return {"result": action()}
    except MemoryError:
        return {"failed": "memory"}
    except BaseException as raised:
        gc.collect()
        refused = isinstance(raised, RuntimeError) and "allocate memory" in str(raised)
        return {"failed": "memory" if refused else type(raised).__name__}


def write_all(descriptor: int, data: bytes) -> None:
    """Write all of it, however little the pipe takes at once."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def read_all(descriptor: int) -> bytes:
    """The content of a memory file, from its beginning."""
    size = os.fstat(descriptor).st_size
    parts: list[bytes] = []
    while size > 0:
        part = os.pread(descriptor, size, sum(map(len, parts)))
        if not part:
            break
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def run_child(
    message: dict[str, Any], descriptors: list[int], walls: confine.Walls, work: ModuleType, parent: int
) -> None:
    """Be the child: confine oneself, run the job, write one line, end. Never returns.

    `message` is the host's, `descriptors` are the job's memory file and the write end of its pipe, `parent` is the
    process that forked. What fails before the walls stand ends the child without an answer.
    """
    status = 70
    try:
        os.setsid()
        confine.die_with(parent)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
        signal.set_wakeup_fd(-1)
        job = json.loads(read_all(descriptors[0]))
        result = max(descriptors[1], 3)
        confine.keep_only(result, walls.kept())
        if message.get("canary"):
            import canary

            walls.enter(message["cpu"])
            canary.try_everything(job, lambda line: write_all(result, json.dumps(line).encode() + b"\n"))
        else:
            walls.enter(message["cpu"])
            answer = {"nonce": message["nonce"], **answer_of(lambda: work.run(job))}
            write_all(result, json.dumps(answer).encode() + b"\n")
        status = 0
    finally:
        os._exit(status)


def orphans() -> list[int]:
    """The processes whose parent this process is."""
    try:
        with open(f"/proc/self/task/{os.getpid()}/children", encoding="ascii") as file:
            return [int(word) for word in file.read().split()]
    except OSError:
        return []


def sweep(spared: int) -> None:
    """Kill whatever a job has left behind, but for one process of our own (0: none)."""
    for _ in range(1000):
        left = [child for child in orphans() if child != spared]
        if not left:
            return
        for child in left:
            with contextlib.suppress(OSError):
                os.kill(child, signal.SIGKILL)
        for child in left:
            with contextlib.suppress(OSError):
                os.waitpid(child, 0)


def wait(child: int, wall: float, host: socket.socket) -> dict[str, Any]:
    """Wait for a child until its time is up or the host is gone, kill what is left of it, and say how it ended.

    `wall` is in seconds. Returns the message for the host: `ended` is `exit`, `wall` or `host`; `cpu` are seconds of
    the child and of what it waited for, from the kernel.
    """
    ended = "exit"
    end = time.monotonic() + wall
    with contextlib.closing(Watched(child)) as watched:
        while not watched.is_over(max(0.0, end - time.monotonic()), host):
            if time.monotonic() >= end:
                ended = "wall"
                break
            if host_is_gone(host):
                ended = "host"
                break
    for kill in (os.killpg, os.kill):  # the group may not exist yet, and the child is not yet waited for
        with contextlib.suppress(OSError):
            kill(child, signal.SIGKILL)
    _, status, usage = os.wait4(child, 0)
    return {
        "ended": ended,
        "code": os.WEXITSTATUS(status) if os.WIFEXITED(status) else 0,
        "signal": os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0,
        "cpu": usage.ru_utime + usage.ru_stime,
    }


class Watched:
    """A child as something to wait for beside the host's socket."""

    def __init__(self, child: int) -> None:
        self.child = child
        self.descriptor: int | None = None
        with contextlib.suppress(OSError):  # kernels before 5.3
            self.descriptor = os.pidfd_open(child)

    def is_over(self, patience: float, host: socket.socket) -> bool:
        """Wait for at most so many seconds until the child has ended (true) or the host has something (false)."""
        if self.descriptor is None:
            patience = min(patience, 0.01)
        waiting = select.poll()
        waiting.register(host, select.POLLIN)
        if self.descriptor is not None:
            waiting.register(self.descriptor, select.POLLIN)
        ready = waiting.poll(patience * 1000)
        if self.descriptor is not None:
            return any(descriptor == self.descriptor for descriptor, _ in ready)
        return os.waitid(os.P_PID, self.child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def close(self) -> None:
        if self.descriptor is not None:
            os.close(self.descriptor)


def host_is_gone(host: socket.socket) -> bool:
    """Whether the other end of the socket is closed. The host sends nothing while a job runs."""
    try:
        return host.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True


def stand_still(parent: int) -> None:
    """Be the process that the canary is to kill. Never returns."""
    try:
        confine.die_with(parent)
        confine.keep_only()
        while True:
            signal.pause()
    finally:
        os._exit(0)


def serve(host: socket.socket, walls: confine.Walls, work: ModuleType) -> None:
    """Run the host's jobs, one after the other, until the host is gone."""
    here = os.getpid()
    while True:
        data, descriptors, _, _ = socket.recv_fds(host, DATAGRAM, 2)
        if not data:
            return
        message = json.loads(data)
        victim = 0
        if message.get("canary"):
            victim = os.fork()
            if victim == 0:
                stand_still(here)
            os.write(descriptors[0], json.dumps({**message["canary"], "victim": victim}).encode())
        child = os.fork()
        if child == 0:
            run_child(message, descriptors, walls, work, here)
        for descriptor in descriptors:
            os.close(descriptor)
        ended = wait(child, message["wall"], host)
        sweep(spared=victim)
        if victim:
            ended["victim"] = os.waitid(os.P_PID, victim, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None
            sweep(spared=0)
        if ended["ended"] == "host":
            return
        host.send(json.dumps(ended).encode())


def main(descriptor: int) -> None:
    """Take the setup from the socket of this number, warm up, say so, and serve."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the host decides what an interruption ends
    confine.control(SET_CHILD_SUBREAPER, 1)
    host = socket.socket(fileno=descriptor)
    setup = json.loads(host.recv(DATAGRAM))
    if setup["work"]:
        sys.path.insert(0, setup["work"])
    try:
        loaded = warm_up("work")
        walls = confine.Walls(setup["layers"], setup["memory"], [*setup["readable"], *confine.own_folders()])
        host.send(json.dumps({**loaded, "failed": None}).encode())
    except BaseException as raised:
        host.send(json.dumps({"failed": f"{type(raised).__name__}: {raised}"[:2000]}).encode())
        return
    gc.collect()
    gc.freeze()  # what is here is shared with every child, and no collection of a child shall touch it
    try:
        serve(host, walls, sys.modules["work"])
    finally:
        shutil.rmtree(setup["private"], ignore_errors=True)  # the host does that too, unless it was killed


if __name__ == "__main__":
    main(int(sys.argv[1]))
