"""Where confirmation runs: the project's own interpreter, warm, confined, and never believed.

Definitions.

* *Warm process*: one process of the project's interpreter that has torch loaded (`child/zygote.py`). It runs no code
  of the project.
* *Job*: a JSON object for `work.run` in a fork of the warm process. The fork confines itself first
  (`child/confine.py`).
* *Canary*: a first child that really tries what must not work (`child/canary.py`). What was held of it is the
  *level*.
* *Answer*: how a job ended, and its JSON object. Its size and its nonce have been looked at, its content has not: it
  was computed by code of the project, and the caller checks it as it would check a stranger's.

Example.

    interpreter = find_interpreter(None, environ)
    host = Host.start(interpreter, root, Level.STRONG, Limits(), folder)     # a `Refused` says what was not held
    with host:
        answer = host.run({"root": str(root), "files": {}, "claims": []})
        if answer.status is Status.OK: ...                                    # answer.result is a dict

Known limit: a job's code shares its process with the code that writes the answer. It can walk the stack for the
nonce and write any answer to its own job that it likes (`tests/confirm/test_isolation.py` shows it); no measure
within a process prevents that. It cannot answer for another job. Confined or not, a project decides what is
confirmed of itself.

Linux only so far: elsewhere `Host.start` refuses.
"""

from __future__ import annotations

import contextlib
import enum
import hmac
import math
import os
import secrets
import select
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import msgspec

CHILD = Path(__file__).parent / "child"
LAYERS = ("limits", "files", "calls")
"""What a child gives up: resource limits, Landlock, seccomp (`child/confine.py`)."""

START = 120.0
"""Seconds that the warm process may take to load torch."""
GRACE = 10.0
"""Seconds after a job's wall limit in which the warm process must have said how it ended."""


class Limits(msgspec.Struct, frozen=True):
    """What a job may use.

    `cpu` is in seconds of processor time, rounded up to whole ones by the kernel; the wall limit is `wall_factor`
    times that. `memory` is in bytes of address space over what the warm process has; `result` in bytes of an answer;
    `output` in bytes that are kept of what the warm process writes to its standard error (a job has none). After
    `jobs_before_replacing` jobs a new warm process is started.
    """

    cpu: float = 10.0
    wall_factor: float = 5.0
    memory: int = 4 << 30
    result: int = 256 << 10
    output: int = 8 << 10
    jobs_before_replacing: int = 200


class Level(enum.IntEnum):
    """What the canary showed to be held, in rising order."""

    NONE = 0
    BASIC = 1
    """No writing, no running of programs, no connection; limits of memory and processor time."""
    STRONG = 2
    """All that the canary tries."""


class Status(enum.Enum):
    """How a job ended."""

    OK = "ok"
    TIMEOUT = "timeout"
    """Its processor time or its wall time was up."""
    KILLED = "killed"
    """By somebody else, such as the kernel when the machine's memory is used up."""
    MEMORY = "memory"
    """It asked for more memory than it may have."""
    BAD_ANSWER = "bad answer"
    """What it wrote is not one JSON object in one line with the nonce, or is too large."""
    CRASHED = "crashed"
    """It ended, by an exception or a signal or itself, without an answer."""
    UNAVAILABLE = "unavailable"
    """The warm process is gone and no other could be started."""


class Answer(msgspec.Struct, frozen=True):
    """How a job ended; `result` only with `OK`, unchecked. `cpu` in seconds; `signal` that ended the child, or 0."""

    status: Status
    result: dict[str, Any] | None = None
    cpu: float = 0.0
    signal: int = 0


class Interpreter(msgspec.Struct, frozen=True):
    """A Python with torch: its path, the versions of both, and whether torchvision is installed for it."""

    path: str
    python: tuple[int, int]
    torch: str
    torchvision: bool


class NoInterpreter(msgspec.Struct, frozen=True):
    """Why there is none: a clause without a full stop, and the paths that were asked."""

    reason: str
    asked: tuple[str, ...] = ()


class Refused(msgspec.Struct, frozen=True):
    """Why nothing is run: a clause without a full stop; the level that was reached and what the canary could do."""

    reason: str
    level: Level = Level.NONE
    not_held: tuple[str, ...] = ()


BASIC = frozenset(
    (
        "open a connection",
        "write a file",
        "change a file",
        "delete a file",
        "run a program",
        "raise its limits",
        "take more memory",
    )
)
TRIES = (
    *sorted(BASIC),
    "send a datagram",
    "read a file outside the project",
    "read another process's environment",
    "change a file's mode",
    "change a file's times",
    "use io_uring",
    "trace another process",
    "have the kernel signal another process",
    "signal another process",
    "start a process",
    "make a user namespace",
)
"""What the canary tries, as it names it. What it does not come to say anything of is not held."""

PROBE = """
import importlib.metadata, importlib.util, json, sys
found = importlib.util.find_spec
print(json.dumps([sys.version_info[:2], importlib.metadata.version("torch") if found("torch") else None,
                  found("torchvision") is not None]))
"""


def candidates(wanted: str | None, environ: Mapping[str, str]) -> list[str]:
    """The interpreters to ask, in order, as absolute paths; links stay (an environment's Python is one)."""
    if wanted is not None:
        found = shutil.which(wanted, path=environ.get("PATH", os.defpath)) or wanted
        return [inside(Path(found)) if os.path.isdir(found) else os.path.abspath(found)]
    active = [inside(Path(environ[name])) for name in ("VIRTUAL_ENV", "CONDA_PREFIX") if environ.get(name)]
    return list(dict.fromkeys([*(path for path in active if os.path.exists(path)), sys.executable]))


def inside(environment: Path) -> str:
    """The Python of an environment's folder."""
    scripts = environment / "Scripts" / "python.exe"
    return os.path.abspath(scripts if scripts.exists() else environment / "bin" / "python")


def ask(path: str) -> Interpreter | str:
    """What an interpreter says of itself, without loading torch, or why it cannot be used."""
    try:
        with tempfile.TemporaryDirectory() as empty:
            done = subprocess.run(
                [path, "-I", "-B", "-c", PROBE],
                env=environment(empty),
                cwd=empty,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=START,
            )
        python, torch, torchvision = msgspec.json.decode(done.stdout, type=tuple[tuple[int, int], str | None, bool])
    except (OSError, subprocess.SubprocessError, msgspec.DecodeError):
        return f"`{path}` is no Python that runs"
    if python < (3, 10):
        return f"`{path}` is older than Python 3.10"
    if torch is None:
        return f"`{path}` has no torch"
    return Interpreter(path, python, torch, torchvision)


def find_interpreter(wanted: str | None, environ: Mapping[str, str]) -> Interpreter | NoInterpreter:
    """The Python that runs models.

    `wanted` (a path, a name on the `PATH`, or an environment's folder) is the only one asked if given. Otherwise it
    is the first that has torch of the active environment's (`VIRTUAL_ENV`, `CONDA_PREFIX`) and the one that runs
    torchlint. Packages of the user's site are not seen.
    """
    asked = candidates(wanted, environ)
    reasons: list[str] = []
    for path in asked:
        found = ask(path)
        if isinstance(found, Interpreter):
            return found
        reasons.append(found)
    return NoInterpreter("; ".join(reasons), tuple(asked))


def environment(home: str) -> dict[str, str]:
    """The environment of the warm process and of every job: nothing of the user's own."""
    folders = ("HOME", "TMPDIR", "TMP", "TEMP", "TORCH_HOME", "HF_HOME", "MPLCONFIGDIR", "TORCHINDUCTOR_CACHE_DIR")
    bases = ("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_RUNTIME_DIR")
    threads = ("OMP", "MKL", "OPENBLAS", "NUMEXPR", "VECLIB_MAXIMUM")
    return {
        **dict.fromkeys((*folders, *bases), home),
        **{f"{name}_NUM_THREADS": "1" for name in threads},
        "PATH": "/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "CUDA_VISIBLE_DEVICES": "",
        "HF_HUB_OFFLINE": "1",
        "TRANSFORMERS_OFFLINE": "1",
        "PYTHONHASHSEED": "0",
        "PYTHONNOUSERSITE": "1",
        "PYTHONUTF8": "1",
        "TORCH_COMPILE_DISABLE": "1",
    }


class Warm:
    """One warm process, and the socket to it."""

    def __init__(self, interpreter: Interpreter, setup: dict[str, Any], private: Path, output: int) -> None:
        """Start it. Raises `OSError` where it cannot be started."""
        self.jobs = 0
        self.output = output
        self.errors = private / "errors"
        home = private / "home"
        home.mkdir(exist_ok=True)
        self.socket, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with other, self.errors.open("wb") as errors:
            # Not `-I`, which ignores PYTHONHASHSEED: the environment is fixed, the script's folder is torchlint's.
            self.process = subprocess.Popen(
                [interpreter.path, "-s", "-B", str(CHILD / "zygote.py"), str(other.fileno())],
                env=environment(str(home)),
                cwd=home,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                pass_fds=[other.fileno()],
                start_new_session=True,  # an interruption at the terminal is the host's to pass on
            )
        self.send(setup)

    def send(self, message: dict[str, Any], descriptors: tuple[int, ...] = ()) -> None:
        socket.send_fds(self.socket, [msgspec.json.encode(message)], list(descriptors))

    def receive(self, patience: float) -> dict[str, Any] | None:
        """Its next message, or none when it is gone or has not answered in so many seconds."""
        waiting = select.poll()
        waiting.register(self.socket, select.POLLIN)
        if not waiting.poll(max(0.0, patience) * 1000):
            return None
        try:
            data = self.socket.recv(1 << 16)
            return msgspec.json.decode(data, type=dict[str, Any]) if data else None
        except (OSError, msgspec.DecodeError):
            return None

    def last_words(self) -> str:
        """The end of what it wrote to standard error."""
        with contextlib.suppress(OSError), self.errors.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - self.output))
            return file.read().decode("utf-8", "replace").strip()
        return ""

    def close(self) -> None:
        """End it and the child that it may have, and wait for it."""
        self.socket.close()
        try:
            self.process.wait(2.0)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Host:
    """Runs jobs, one at a time, each in a confined fork of a warm process. A context manager; see the module's
    docstring.

    `level` is what the canary showed; `interpreter` carries the version of torch that was loaded, and whether
    torchvision could be.
    """

    def __init__(
        self, interpreter: Interpreter, wanted: Level, limits: Limits, private: Path, setup: dict[str, Any]
    ) -> None:
        """Only `start` makes one."""
        self.interpreter = interpreter
        self.level = Level.NONE
        self.not_held: tuple[str, ...] = ()
        self.limits = limits
        self._wanted = wanted
        self._private = private
        self._setup = setup
        self._warm: Warm | None = None

    @classmethod
    def start(
        cls,
        interpreter: Interpreter,
        root: Path,
        wanted: Level,
        limits: Limits,
        folder: Path | None = None,
        *,
        work: Path | None = None,
        layers: tuple[str, ...] = LAYERS,
    ) -> Host | Refused:
        """Start a warm process whose jobs may read `root`, and try what it holds.

        A private folder is made in `folder` (the system's for temporary files, if none is given) and removed at the
        end. Returns `Refused` where the level wanted is not reached or torch cannot be loaded. `work` (a folder with
        another `work.py`) and `layers` are for tests.
        """
        if sys.platform != "linux":
            return Refused("running models in isolation is not supported yet on this system")
        private = Path(tempfile.mkdtemp(prefix="torchlint-confirm-", dir=folder)).resolve()
        setup = {
            "work": str(work) if work else "",
            "layers": list(layers),
            "memory": limits.memory,
            "readable": [str(root.resolve()), str(CHILD), *([str(work)] if work else [])],
            "private": str(private),
        }
        host = cls(interpreter, wanted, limits, private, setup)
        try:
            refused = host._replace()
        except BaseException:
            host.close()
            raise
        if refused is not None:
            host.close()
            return refused
        return host

    def __enter__(self) -> Host:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, raised: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the warm process and its child, and remove the private folder."""
        self._end()
        shutil.rmtree(self._private, ignore_errors=True)

    def _end(self) -> None:
        if self._warm is not None:
            warm, self._warm = self._warm, None
            warm.close()

    def _replace(self) -> Refused | None:
        """Start a new warm process, in place of the one there may be, and try it."""
        self._end()
        if not self._private.is_dir():  # the last warm process removed it at its end
            made = tempfile.mkdtemp(prefix="torchlint-confirm-", dir=self._private.parent)
            self._private = Path(made)
            self._setup = {**self._setup, "private": made}
        try:
            self._warm = warm = Warm(self.interpreter, self._setup, self._private, self.limits.output)
            ready = warm.receive(START)
        except OSError as raised:
            return Refused(f"`{self.interpreter.path}` could not be started: {raised.strerror}")
        if ready is None or ready["failed"] is not None:
            why = ready["failed"] if ready is not None else warm.last_words() or "it ended"
            self._end()
            return Refused(f"torch could not be loaded by `{self.interpreter.path}`: {why}")
        self.interpreter = msgspec.structs.replace(
            self.interpreter, torch=ready["torch"], torchvision=ready["torchvision"]
        )
        self.level, self.not_held = self._try()
        if self.level < self._wanted:
            self._end()
            tries = ", ".join(self.not_held)
            return Refused(
                f"the isolation wanted is {self._wanted.name.lower()}, and here a job can do this: {tries}",
                self.level,
                self.not_held,
            )
        return None

    def _try(self) -> tuple[Level, tuple[str, ...]]:
        """The level that holds, and what does not: what the canary said, and what is seen of its doings from here."""
        folder = self._private / "canary"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        for name in ("secret", "existing", "doomed", "mode"):
            (folder / name).write_text("before")
        before = (folder / "mode").stat()
        with socket.socket() as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
            for listener in (tcp, udp):
                listener.bind(("127.0.0.1", 0))
            tcp.listen()
            plan = {
                "tcp": tcp.getsockname()[1],
                "udp": udp.getsockname()[1],
                "folder": str(folder),
                "memory": self.limits.memory + (1 << 20),
            }
            data, ended = self._exchange({"cpu": 5, "wall": 20.0, "canary": plan}, b"")
            said: dict[str, bool] = {}
            with contextlib.suppress(msgspec.DecodeError):
                for line in data.splitlines():
                    said.update(msgspec.json.decode(line, type=dict[str, bool]))
            after = (folder / "mode").stat()
            seen = {
                "open a connection": is_quiet(tcp),
                "send a datagram": is_quiet(udp),
                "write a file": not (folder / "new").exists(),
                "change a file": (folder / "existing").read_text() == "before",
                "delete a file": (folder / "doomed").exists(),
                "change a file's mode": after.st_mode == before.st_mode,
                "change a file's times": after.st_mtime_ns == before.st_mtime_ns,
                "signal another process": ended is not None and ended.get("victim") is True,
            }
        not_held = tuple(name for name in TRIES if not (said.get(name, False) and seen.get(name, True)))
        if not not_held:
            return Level.STRONG, ()
        return (Level.NONE if BASIC.intersection(not_held) else Level.BASIC), not_held

    def run(self, job: dict[str, Any], cpu: float | None = None) -> Answer:
        """Run `work.run(job)` in a child and say how it ended. Never raises for what the job does.

        `cpu` is the processor time in seconds, if not that of the limits. Interrupted (`KeyboardInterrupt`), it ends
        the child before it raises.
        """
        if self._warm is None or self._warm.jobs >= self.limits.jobs_before_replacing:
            if self._replace() is not None:
                return Answer(Status.UNAVAILABLE)
        assert self._warm is not None
        self._warm.jobs += 1
        nonce = secrets.token_hex(16)
        seconds = math.ceil(cpu if cpu is not None else self.limits.cpu)
        message = {"nonce": nonce, "cpu": seconds, "wall": seconds * self.limits.wall_factor}
        try:
            data, ended = self._exchange(message, msgspec.json.encode(job))
        except BaseException:
            self._end()
            raise
        if ended is None:  # it did not say in time how the job ended, or is gone
            self._end()
            return Answer(Status.KILLED)
        return judge(data, nonce, ended, self.limits.result, seconds)

    def _exchange(self, message: dict[str, Any], job: bytes) -> tuple[bytes, dict[str, Any] | None]:
        """Send a job; return what its child wrote, a byte more than it may at most, and how the child ended."""
        assert self._warm is not None
        most = self.limits.result + 1
        reading, writing = os.pipe2(os.O_CLOEXEC)
        written = bytearray()
        with contextlib.ExitStack() as cleanup:
            cleanup.callback(os.close, reading)
            try:
                memory = os.memfd_create("job")
                try:
                    with open(memory, "wb", closefd=False) as file:
                        file.write(job)
                    self._warm.send(message, (memory, writing))
                finally:
                    os.close(memory)
            except OSError:
                return b"", None
            finally:
                os.close(writing)
            os.set_blocking(reading, False)
            end = time.monotonic() + message["wall"] + GRACE
            waiting = select.poll()
            waiting.register(reading, select.POLLIN)
            waiting.register(self._warm.socket, select.POLLIN)
            read = True
            while time.monotonic() < end:
                ready = {descriptor for descriptor, _ in waiting.poll(max(0.0, end - time.monotonic()) * 1000)}
                over = self._warm.socket.fileno() in ready
                if read and (over or reading in ready) and drain(reading, written, most):
                    read = False
                    waiting.unregister(reading)
                    cleanup.close()  # it is closed by the child, or holds more than enough: the next write fails
                if over:
                    return bytes(written), self._warm.receive(0.0)
        return bytes(written), None


def is_quiet(listener: socket.socket) -> bool:
    """Whether nobody has connected or sent anything to a socket."""
    waiting = select.poll()
    waiting.register(listener, select.POLLIN)
    return not waiting.poll(0)


def drain(reading: int, written: bytearray, most: int) -> bool:
    """Read what there is, up to `most` bytes in all, and say whether that is the end."""
    while len(written) < most:
        try:
            part = os.read(reading, min(1 << 16, most - len(written)))
        except BlockingIOError:
            return False
        if not part:
            return True
        written += part
    return True


def judge(data: bytes, nonce: str, ended: dict[str, Any], most: int, seconds: int) -> Answer:
    """The answer that follows from what a child wrote and how it ended (the message of `zygote.wait`)."""
    cpu, signal = float(ended["cpu"]), int(ended["signal"])
    if ended["ended"] == "wall" or signal == 24 or (signal == 9 and cpu >= seconds):  # SIGXCPU, SIGKILL
        return Answer(Status.TIMEOUT, None, cpu, signal)
    if signal == 9:
        return Answer(Status.KILLED, None, cpu, signal)
    if not data:
        return Answer(Status.CRASHED, None, cpu, signal)
    line = parse(data, nonce, most)
    if line is None:
        return Answer(Status.BAD_ANSWER, None, cpu, signal)
    result = line.get("result")
    if isinstance(result, dict) and signal == 0 and ended["code"] == 0:
        return Answer(Status.OK, result, cpu, signal)
    if line.get("failed") == "memory":
        return Answer(Status.MEMORY, None, cpu, signal)
    return Answer(Status.CRASHED if "failed" in line or signal else Status.BAD_ANSWER, None, cpu, signal)


def parse(data: bytes, nonce: str, most: int) -> dict[str, Any] | None:
    """The one JSON object of an answer, if it is one line of at most `most` bytes with the nonce."""
    if len(data) > most or data.find(b"\n") != len(data) - 1:
        return None
    try:
        line = msgspec.json.decode(data, type=dict[str, Any])
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return None
    given = line.get("nonce")
    if not isinstance(given, str) or not hmac.compare_digest(given.encode("utf-8", "replace"), nonce.encode()):
        return None
    return line
