"""``--watch`` as a real process on files that really change."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.frontends.test_cli import BAD, GOOD, ROOT, torchlint

LONGEST = 60.0  # seconds after which something has gone wrong, however slow the machine is
READY = "Watching for changes; Ctrl-C ends.\n"


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1", "TERM": "xterm"}


class Watching:
    """A watching process; `next` waits until it has linted once more, and gives what it said."""

    def __init__(self, cwd: Path, *words: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "torchlint", "--watch", *words],
            cwd=cwd,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            env=environment(),
        )
        self._guard = threading.Timer(LONGEST, self._process.kill)
        self._guard.start()

    def next(self) -> str:
        assert self._process.stdout is not None
        lines: list[str] = []
        for line in self._process.stdout:
            if line == READY:
                return "".join(lines)
            lines.append(line)
        raise AssertionError("it has ended: " + "".join(lines))

    def until(self, wanted: str) -> str:
        """What it said at the first time from now on that has these words; it may look while files are half changed."""
        while wanted not in (said := self.next()):
            pass
        return said

    def interrupt(self) -> tuple[int, str]:
        self._process.send_signal(signal.SIGINT)
        said, _ = self._process.communicate()
        return self._process.returncode, said

    def kill(self) -> None:
        self._guard.cancel()
        self._process.kill()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()


Start = Callable[..., Watching]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    started: list[Watching] = []

    def begin(*words: str, cwd: Path = tmp_path) -> Watching:
        started.append(Watching(cwd, *words))
        return started[-1]

    yield begin
    for one in started:
        one.kill()


def replace(path: Path, text: str) -> None:
    """Save as most editors do: a new file takes the name."""
    beside = path.with_name(f"{path.name}~")
    beside.write_text(text)
    os.replace(beside, path)


def test_changes_in_a_folder(tmp_path: Path, start: Start) -> None:
    (tmp_path / "net.py").write_text(BAD)
    watching = start(".")
    assert watching.next().startswith("net.py:19:12: TL101 ")
    replace(tmp_path / "net.py", GOOD)
    watching.until("No findings; 1 file checked.\n")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "more.py").write_text(BAD)
    assert os.path.join("sub", "more.py") + ":19:12: TL101 " in watching.until("2 files checked.\n")
    (tmp_path / "net.py").write_text("import torch\nx = (1,\n")
    assert "net.py:2:" in watching.until(" TL001 ")
    (tmp_path / "net.py").unlink()
    watching.until("1 file checked.\n")
    (tmp_path / "sub").rename(tmp_path / "moved")
    watching.until(os.path.join("moved", "more.py") + ":19:12: TL101 ")
    assert watching.interrupt() == (1, "")


def test_changes_in_configuration_above(tmp_path: Path, start: Start) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "net.py").write_text(BAD)
    watching = start(".", cwd=tmp_path / "src")
    assert "TL101" in watching.next()
    (tmp_path / "torchlint.toml").write_text('ignore = ["TL101"]\n')
    watching.until("No findings; 1 file checked.\n")
    (tmp_path / "torchlint.toml").write_text('ignroe = ["TL101"]\n')
    assert "torchlint: error: " in watching.until("unknown key `ignroe`")
    assert watching.interrupt() == (2, "")


def test_changes_in_what_a_file_imports_and_is_configured_by(tmp_path: Path, start: Start) -> None:
    (tmp_path / "pkg").mkdir()
    (tmp_path / "pkg" / "main.py").write_text(
        "from pkg.lib import head\n" + BAD.replace("self.head(x)", "head(self.head(x))")
    )
    (tmp_path / "pkg" / "__init__.py").write_text("")
    (tmp_path / "pkg" / "lib.py").write_text("import torch\n\n\ndef head(x):\n    return torch.relu(x)\n")
    (tmp_path / "base.toml").write_text("")
    (tmp_path / "torchlint.toml").write_text('extend = "base.toml"\n')
    watching = start("pkg/main.py")
    assert "TL101" in watching.next()
    replace(tmp_path / "pkg" / "lib.py", "import torch\n\n\ndef head(x):\n    return torch.sigmoid(x)\n")
    watching.until("No findings; 1 file checked.\n")
    replace(tmp_path / "pkg" / "lib.py", "import torch\n\n\ndef head(x):\n    return torch.relu(x)\n")
    watching.until("TL101")
    replace(tmp_path / "base.toml", "ignore =\n")
    watching.until("torchlint: error: ")
    replace(tmp_path / "base.toml", 'ignore = ["TL1"]\n')
    watching.until("No findings; 1 file checked.\n")


def test_a_single_file_that_goes_and_comes_back(tmp_path: Path, start: Start) -> None:
    path = tmp_path / "net.py"
    path.write_text(GOOD)
    watching = start("net.py")
    assert watching.next() == "No findings; 1 file checked.\n"
    path.unlink()
    watching.until("torchlint: error: no such file or folder: net.py\n")
    replace(path, BAD)
    watching.until("TL101")
    replace(path, GOOD)
    watching.until("No findings; 1 file checked.\n")
    assert watching.interrupt() == (0, "")


def test_what_does_not_matter_is_not_linted_for(tmp_path: Path, start: Start) -> None:
    (tmp_path / "net.py").write_text(GOOD)
    (tmp_path / "build").mkdir()
    watching = start("--output-format", "json", "--output-file", "out.json", ".")
    watching.next()
    for name in ("picture.png", "out.json", "build/made.py", "net.py~"):
        (tmp_path / name).write_text(BAD)
    replace(tmp_path / "net.py", BAD)
    assert watching.next().startswith("Found 1 error; 1 file checked.\n")
    assert watching.interrupt() == (1, "")


def test_the_screen_is_cleared_on_a_terminal_only(tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(BAD)
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "torchlint", "--watch", "."],
        cwd=tmp_path, stdin=follower, stdout=follower, stderr=follower, start_new_session=True, env=environment(),
    )  # fmt: skip
    os.close(follower)
    guard = threading.Timer(LONGEST, process.kill)
    guard.start()

    def until(*wanted: bytes) -> bytes:
        sent = b""
        while not all(word in sent for word in wanted):
            sent += os.read(leader, 4096)
        return sent

    try:
        assert re.search(rb"\x1b\[2J.*TL101", until(b"Ctrl-C ends."), re.DOTALL)
        (tmp_path / "net.py").write_text(GOOD)
        assert re.search(rb"\x1b\[2J.*No findings", until(b"No findings", b"Ctrl-C ends."), re.DOTALL)
        process.send_signal(signal.SIGINT)
        assert process.wait() == 0
    finally:
        guard.cancel()
        process.kill()
        process.wait()
        os.close(leader)


def test_what_cannot_be_watched(tmp_path: Path) -> None:
    done = torchlint("--watch", "-", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "standard input does not change" in done.stderr
    assert torchlint("--watch", "gone.py", cwd=tmp_path).returncode == 2


def test_without_watchfiles(tmp_path: Path) -> None:
    (tmp_path / "watchfiles.py").write_text("raise ImportError('not there')\n")
    done = torchlint("--watch", ".", cwd=tmp_path)
    assert done.returncode == 2
    assert "pip install 'torchlint[watch]'" in done.stderr
