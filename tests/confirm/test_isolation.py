"""Attacks work without confinement, and do not with it, as oneself and as an unprivileged user."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any

import pytest

from tests.confirm import attacks

ROOT = Path(__file__).parents[2]
PROGRAM = Path("tests/confirm/attacked.py")
ALL, NONE = ["limits", "files", "calls"], list[str]()

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="isolation is supported on Linux only")


class Attacked:
    """The program `attacked.py`, run as somebody."""

    def __init__(self, interpreter: str, folder: Path, user: int | None) -> None:
        self.interpreter = interpreter
        root = copied(folder / "checkout")
        extra: dict[str, Any] = {} if user is None else {"user": user, "group": user, "extra_groups": []}
        self.process = subprocess.Popen(
            [interpreter, str(root / PROGRAM), interpreter],
            env={"PYTHONPATH": str(root), "PATH": os.defpath, "TMPDIR": str(folder), "PYTHONDONTWRITEBYTECODE": "1"},
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
            **extra,
        )

    def send(self, body: str, layers: list[str], cpu: float | None = None) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"code": attacks.code(body), "layers": layers, "cpu": cpu}) + "\n")
        self.process.stdin.flush()

    def ask(self, body: str, layers: list[str], cpu: float | None = None) -> dict[str, Any]:
        self.send(body, layers, cpu)
        assert self.process.stdout is not None
        reply: dict[str, Any] = json.loads(self.process.stdout.readline())
        assert "refused" not in reply, reply
        return reply

    def close(self) -> None:
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.close()
        self.process.wait(30)
        self.process.stdout.close()


def copied(root: Path) -> Path:
    """This checkout where any user may read it: the package, and the program that is attacked."""
    if not root.exists():
        shutil.copytree(ROOT / "torchlint", root / "torchlint", ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copytree(ROOT / "tests" / "confirm", root / "tests" / "confirm")
    return root


def linked(packages: Path, to: Path) -> None:
    """These packages in another place, where any user may read them: a link to all, or to each file of them."""
    if all(folder.stat().st_mode & 0o005 == 0o005 for folder in (packages, *packages.parents)):
        to.symlink_to(packages)
        return

    def put(source: str, target: str) -> None:
        try:
            os.link(source, target)
        except OSError:  # another disk
            shutil.copy2(source, target)

    shutil.copytree(packages, to, copy_function=put, ignore=shutil.ignore_patterns("__pycache__"))


def for_everybody(folder: Path) -> str:
    """A Python with this one's packages that any user may run, made from the system's."""
    version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    system = Path("/usr/bin") / version
    packages = Path(sys.prefix) / "lib" / version / "site-packages"
    if not system.exists() or not packages.is_dir():
        pytest.skip(f"there is no {version} that another user may run")
    made = folder / "python"
    subprocess.run([system, "-m", "venv", "--without-pip", made], check=True)
    own = made / "lib" / version / "site-packages"
    own.rmdir()
    linked(packages, own)
    return str(made / "bin" / "python")


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Attacked]]:
    """Starts the attacked program as `oneself` or `nobody`."""
    import tempfile

    folder = Path(tempfile.mkdtemp())  # pytest's own folder is closed to other users
    folder.chmod(0o777)
    started: list[Attacked] = []
    pythons: dict[str, str] = {"oneself": sys.executable}

    def one(who: str) -> Attacked:
        if who == "nobody" and os.getuid() != 0:
            pytest.skip("oneself is unprivileged")
        if who not in pythons:
            pythons[who] = for_everybody(folder)
        started.append(Attacked(pythons[who], folder, 65534 if who == "nobody" else None))
        return started[-1]

    yield one
    for program in started:
        program.close()
    assert [path.name for path in folder.iterdir() if path.name.startswith("torchlint-confirm")] == []
    shutil.rmtree(folder)


@pytest.fixture(scope="module", params=["oneself", "nobody"])
def attacked(request: pytest.FixtureRequest, start: Callable[[str], Attacked]) -> Attacked:
    return start(request.param)


@pytest.mark.parametrize("name", attacks.HELD)
def test_attack_is_held_and_is_real(attacked: Attacked, name: str) -> None:
    free = attacked.ask(attacks.HELD[name], NONE)
    assert free["worked"] or free["seen"], f"this attack proves nothing: {free}"
    held = attacked.ask(attacks.HELD[name], ALL, cpu=1.0)
    assert not held["worked"] and not held["seen"], held
    assert held["after"] == "ok"
    assert held["level"] == "STRONG"


@pytest.mark.parametrize("name", attacks.ENDED)
def test_a_run_goes_on_after(attacked: Attacked, name: str) -> None:
    body, statuses = attacks.ENDED[name]
    reply = attacked.ask(body, ALL, cpu=1.0)
    assert reply["status"] in statuses, reply
    assert reply["after"] == "ok"


def test_a_signal_that_ends_a_job_is_told(attacked: Attacked) -> None:
    assert attacked.ask("ctypes.string_at(0)", ALL)["signal"] == signal.SIGSEGV
    assert attacked.ask("os.abort()", ALL)["signal"] == signal.SIGABRT


def test_forging_its_own_answer_is_not_held(attacked: Attacked) -> None:
    """A job shares its process with what writes its answer; see the docstring of `torchlint.confirm.host`."""
    reply = attacked.ask(attacks.FORGE, ALL)
    assert (reply["status"], reply["worked"]) == ("ok", "forged")


def test_without_landlock_reading_is_free_and_the_level_says_so(attacked: Attacked) -> None:
    reply = attacked.ask(attacks.HELD["write"], ["limits", "calls"])
    assert not reply["worked"] and not reply["seen"]
    assert reply["level"] == "BASIC"
    assert "read a file outside the project" in reply["not_held"] and "write a file" not in reply["not_held"]
    assert not attacked.ask(attacks.HELD["truncate"], ["limits", "calls"])["seen"]


def test_without_seccomp_the_level_is_basic_at_most(attacked: Attacked) -> None:
    reply = attacked.ask(attacks.HELD["write"], ["limits", "files"])
    assert not reply["worked"] and not reply["seen"]
    assert reply["level"] != "STRONG"
    assert "change a file's mode" in reply["not_held"]


def test_unconfined_is_no_level(attacked: Attacked) -> None:
    reply = attacked.ask("return True", NONE)
    assert reply["level"] == "NONE"
    assert {"open a connection", "write a file", "run a program", "signal another process"} <= set(reply["not_held"])


def test_a_job_costs_less_than_a_tenth_of_loading_torch(attacked: Attacked) -> None:
    attacked.ask("return True", ALL)
    jobs = [attacked.ask("return True", ALL)["after_cpu"] for _ in range(5)]
    loads = []
    for _ in range(3):
        process = subprocess.Popen([sys.executable, "-c", "import torch"])
        usage = os.wait4(process.pid, 0)[2]
        process.returncode = 0
        loads.append(usage.ru_utime + usage.ru_stime)
    assert median(jobs) < median(loads) / 10, (jobs, loads)


def descendants(process: int) -> set[int]:
    """The processes below one, by the kernel's table."""
    parents: dict[int, int] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            text = path.read_text()
        except OSError:
            continue
        parents[int(path.parent.name)] = int(text.rpartition(")")[2].split()[1])
    found = {process}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return found - {process}


def is_alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_nothing_is_left_when_the_host_ends(start: Callable[[str], Attacked], number: signal.Signals) -> None:
    program = start("oneself")
    program.ask("return True", ALL)
    program.send("while True: time.sleep(1000)", ALL)
    own: set[int] = set()
    end = time.monotonic() + 30
    while len(own) < 3 and time.monotonic() < end:  # the warm process, the job and its victim
        own = descendants(program.process.pid)
        time.sleep(0.05)
    assert len(own) == 3
    victims = {one for one in own if Path(f"/proc/{one}/comm").read_text() == "sleep\n"}
    program.process.send_signal(number)
    program.process.wait(30)
    for victim in victims:
        os.kill(victim, signal.SIGKILL) if is_alive(victim) else None
    while any(map(is_alive, own)) and time.monotonic() < end:
        time.sleep(0.05)
    assert not any(map(is_alive, own))
