"""A run by several processes that is ended from outside: all of them end, and nothing is left by halves."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.frontends.test_cli import BAD, ROOT, torchlint
from torchlint.frontends.store import MARK
from torchlint.source.digest import digest

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="processes are told by /proc")
PATIENCE = 60.0


def state(process: int) -> tuple[str, int]:
    """The state of a process and its parent's number; ``Z`` for one that has ended."""
    try:
        words = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return "Z", 0
    return words[0], int(words[1])


def children(process: int) -> list[int]:
    numbers = [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]
    return [number for number in numbers if state(number)[1] == process]


def hearing() -> None:
    """A process that was started in the background would be deaf to Ctrl-C, and so would its children."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """A program that is worth several processes, of parts that no import joins."""
    folder = tmp_path / "large"
    for number in range(40):
        part = folder / f"part{number}"
        part.mkdir(parents=True)
        net = BAD.split("net = Net()")[0]
        copies = "".join(net.replace("class Net", f"class Net{number}_{copy}") for copy in range(30))
        (part / "train.py").write_text(BAD + copies)
    return folder


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_no_process_is_left(large: Path, tmp_path: Path, sent: signal.Signals) -> None:
    cache = tmp_path / "cache"
    env = {**os.environ, "PYTHONPATH": str(ROOT), "TORCHLINT_CACHE_DIR": str(cache)}
    command = [sys.executable, "-m", "torchlint", "--jobs", "2", "--quiet", "--fix", str(large)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, env=env, preexec_fn=hearing) as run:
        workers: list[int] = []
        while not workers and run.poll() is None:
            workers = children(run.pid)
        assert workers, "the run was over before it had a second process"
        run.send_signal(sent)
        deadline = time.monotonic() + PATIENCE
        while any(state(worker)[0] != "Z" for worker in workers) and time.monotonic() < deadline:
            time.sleep(0.01)
        assert [worker for worker in workers if state(worker)[0] != "Z"] == []
        said, complaints = run.communicate()
    assert run.returncode == (130 if sent is signal.SIGINT else -sent)
    assert (said, complaints) == (b"", b"")
    for path in (path for path in cache.rglob("*") if path.is_file() and len(path.parent.name) == 2):
        content = path.read_bytes()
        whole = content[len(MARK) + 20 :]
        assert path.suffix == ".new" or content == MARK + digest(whole) + whole
    assert {path.name for path in large.rglob("*") if path.is_file()} == {"train.py"}
    done = torchlint("--quiet", "--no-cache", str(large), cwd=tmp_path)
    assert (done.returncode, done.stdout.count("TL101")) == (1, 40)
