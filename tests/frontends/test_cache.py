"""What is kept between runs: the same words, sooner, and never in anybody's way."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import platformdirs
import pytest

from tests.frontends.programs import MODEL
from torchlint.engine.lint import Result, Work
from torchlint.frontends.cli import main
from torchlint.frontends.places import cache_folder
from torchlint.frontends.store import MARK, DiskStore
from torchlint.source.digest import digest

ROOT = Path(__file__).parents[2]
NET = "import torch\n" + MODEL
TRAIN = """\
import torch
from torch import nn
from net import Net


def train(loader):
    net = Net()
    criterion = nn.BCELoss()
    optimizer = torch.optim.Adam(net.parameters())
    for frames, masks in loader:
        optimizer.zero_grad()
        criterion(net(frames), masks).backward()
        optimizer.step()
"""
Run = tuple[int, str, str]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program with a finding, and a cache of its own."""
    folder = tmp_path / "project"
    (folder / "app").mkdir(parents=True)
    (folder / "app" / "net.py").write_text(NET)
    (folder / "app" / "train.py").write_text(TRAIN)
    (folder / "pyproject.toml").write_text("[project]\nname = 'app'\n")
    monkeypatch.chdir(folder)
    monkeypatch.setenv("TORCHLINT_CACHE_DIR", str(tmp_path / "cache"))
    return folder


@pytest.fixture
def lint(capsys: pytest.CaptureFixture[str]) -> Callable[..., Run]:
    """Exit status and words of a run in this process."""

    def lint(*words: str) -> Run:
        status = main(["check", *words])
        said = capsys.readouterr()
        return status, said.out, said.err

    return lint


def entries(cache: Path, kind: str) -> list[Path]:
    return sorted(path for path in (cache / kind).rglob("*") if path.is_file())


def test_a_second_run_says_the_same_without_the_parser(project: Path) -> None:
    def run() -> tuple[str, set[str]]:
        command = [sys.executable, "-X", "importtime", "-m", "torchlint", "check", "."]
        done = subprocess.run(
            command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)}, cwd=project
        )
        assert done.returncode == 1
        lines = done.stderr.splitlines()
        said = "\n".join(line for line in lines if not line.startswith("import time:"))
        return done.stdout + said, {line.rsplit("|", 1)[-1].strip() for line in lines}

    first, imported = run()
    assert "TL101" in first
    assert "libcst" in imported
    second, imported = run()
    assert second == first
    assert imported.isdisjoint(
        {"libcst", "msgspec", "argparse", "dataclasses", "json", "pathlib", "typing", "torchlint.config"}
    )


def package(module: Path) -> None:
    module.with_suffix(".py").unlink()
    module.mkdir()
    (module / "__init__.py").write_text(NET)


def private(folder: Path) -> None:
    folder.mkdir()
    (folder / "exclude").write_text("net*.py\n")


EDITS: dict[str, Callable[[Path], object]] = {
    "a line is put before": lambda p: (p / "app/train.py").write_text("\n" + TRAIN),
    "the model is mended": lambda p: (p / "app/net.py").write_text(
        NET.replace("self.head(x)", "torch.sigmoid(self.head(x))")
    ),
    "and broken again": lambda p: (p / "app/net.py").write_text(NET),
    "the configuration ignores": lambda p: (p / "pyproject.toml").write_text("[tool.torchlint]\nignore = ['TL101']\n"),
    "and no more": lambda p: (p / "pyproject.toml").write_text(""),
    "a nearer configuration": lambda p: (p / "app/torchlint.toml").write_text("ignore = ['bce-on-logits']\n"),
    "which goes": lambda p: os.remove(p / "app/torchlint.toml"),
    "one that extends": lambda p: (
        (p / "base.toml").write_text("ignore = ['TL101']\n"),
        (p / "pyproject.toml").write_text("[tool.torchlint]\nextend = 'base.toml'\n"),
    ),
    "what it extends changes": lambda p: (p / "base.toml").write_text("ignore = ['TL102']\n"),
    "a file is new": lambda p: (p / "app/other.py").write_text(TRAIN),
    "a file goes": lambda p: os.remove(p / "app/other.py"),
    "the module becomes a package": lambda p: package(p / "app/net"),
    "in a repository": lambda p: os.mkdir(p / ".git"),
    "git ignores": lambda p: (p / ".gitignore").write_text("train.py\n"),
    "git ignores less": lambda p: (p / "app/.gitignore").write_text("!train.py\n"),
    "only this clone ignores": lambda p: private(p / ".git" / "info"),
    "a syntax error": lambda p: (p / "app/train.py").write_text("def (:\n" + TRAIN),
    "a comment": lambda p: (p / "app/train.py").write_text(TRAIN.replace(".backward()", ".backward()  # noqa: TL101")),
    "a folder becomes a link": lambda p: os.symlink((p / "app").rename(p / "real"), p / "app"),
    "a file with a name in no encoding": lambda p: Path(os.fsdecode(os.fsencode(p) + b"/\xff.py")).write_text(TRAIN),
}


def test_after_every_change_it_says_what_a_run_without_says(project: Path, lint: Callable[..., Run]) -> None:
    seen = set()
    for name, edit in EDITS.items():
        edit(project)
        for words in (
            (".",),
            ("--output-format", "json"),
            ("app",),
            ("app/train.py",) if (project / "app/train.py").exists() else (),
        ):
            wanted = lint(*words, "--no-cache")
            assert lint(*words) == wanted, (name, words)
            assert lint(*words) == wanted, (name, words)
        seen.add(lint(".")[1])
    assert len(seen) == 4


@pytest.mark.parametrize(
    "edit",
    [
        "and no more",
        "the configuration ignores",
        "a nearer configuration",
        "a file is new",
        "the model is mended",
        "a comment",
        "what it extends changes",
    ],
)
def test_what_changes_while_a_run_lasts(
    project: Path, lint: Callable[..., Run], monkeypatch: pytest.MonkeyPatch, edit: str
) -> None:
    """The run that did not see the change is not taken for one that did."""
    EDITS["one that extends"](project)
    time.sleep(0.03)  # the configuration is older than the run

    analysed = Work.result

    def and_then(work: Work) -> Result:
        result = analysed(work)
        EDITS[edit](project)
        return result

    with monkeypatch.context() as patch:
        patch.setattr(Work, "result", and_then)
        lint(".")
    assert lint(".") == lint(".", "--no-cache")


def test_whoever_asks_otherwise_is_answered_otherwise(
    project: Path, lint: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = lint("app")
    assert lint("app", "--exit-zero")[0] == 0
    assert lint("app", "--quiet")[2] == ""
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\x1b[" in lint("app")[1]
    monkeypatch.delenv("FORCE_COLOR")
    assert lint("app") == plain
    monkeypatch.chdir(project / "app")
    assert lint(".")[1] == plain[1].replace("app/", "")


def test_what_a_run_does_is_done_again(project: Path, lint: Callable[..., Run]) -> None:
    out = project / "found.txt"
    for _ in range(2):
        lint("app", "--output-file", str(out))
        assert "TL101" in out.read_text()
        out.unlink()


def test_nothing_is_kept_unless_wanted(project: Path, lint: Callable[..., Run], tmp_path: Path) -> None:
    lint("app", "--no-cache")
    assert not (tmp_path / "cache").exists()
    lint("app", "--cache-dir", str(tmp_path / "elsewhere"))
    assert not (tmp_path / "cache").exists()
    assert entries(tmp_path / "elsewhere", "runs")
    assert main(["clean", "--cache-dir", str(tmp_path / "elsewhere")]) == 0
    assert not entries(tmp_path / "elsewhere", "runs")
    assert main(["clean", "--cache-dir", str(tmp_path / "nowhere")]) == 0


def torn(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-3])


def flipped(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 4
    path.write_bytes(bytes(data))


def forged(path: Path) -> None:
    content = b"1\0\0\0file\0" + b"\x91" * 5000
    path.write_bytes(MARK + digest(content) + content)


def folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def endless(path: Path) -> None:
    path.unlink()
    path.symlink_to("/dev/zero")


@pytest.mark.parametrize("harm", [torn, flipped, forged, folder, pipe, endless])
def test_harm_is_passed_over(
    project: Path, lint: Callable[..., Run], tmp_path: Path, harm: Callable[[Path], None]
) -> None:
    wanted = lint("app")
    for kinds in (("runs",), ("runs", "outcomes"), ("runs", "outcomes", "records")):
        for kind in kinds:
            for path in entries(tmp_path / "cache", kind):
                harm(path)
        assert lint("app") == wanted
        if harm is not folder:  # nothing is removed that could be somebody's
            assert all(
                path.read_bytes().startswith(MARK) for kind in kinds for path in entries(tmp_path / "cache", kind)
            )
        assert lint("app") == wanted


@pytest.mark.parametrize("obstacle", ["file", "read-only"])
def test_a_cache_that_cannot_be_written(project: Path, lint: Callable[..., Run], tmp_path: Path, obstacle: str) -> None:
    wanted = lint("app", "--no-cache")
    cache = tmp_path / "cache"
    if obstacle == "file":
        cache.write_text("mine")
    else:
        cache.mkdir()
        cache.chmod(0o500)
    assert lint("app") == wanted
    cache.chmod(0o700)
    assert obstacle == "read-only" or cache.read_text() == "mine"


def test_processes_share_it(project: Path, tmp_path: Path) -> None:
    for number in range(8):
        (project / f"p{number}").mkdir()
        (project / f"p{number}" / "train.py").write_text(TRAIN)
        (project / f"p{number}" / "net.py").write_text(NET + f"# {number}\n")
    command = [sys.executable, "-m", "torchlint", "check", ".", "--quiet"]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env) for _ in range(4)]
    said = {process.communicate() for process in running}
    assert len(said) == 1
    ((out, errors),) = said
    assert out.count(b"TL101") == 9
    assert errors == b""
    assert not list((tmp_path / "cache").rglob("*.new"))


@pytest.fixture
def warmed(lint: Callable[..., Run]) -> Callable[[list[str]], int]:
    """Starts a run in a fork of this process, which has imported everything, and gives its process."""
    lint("--no-cache", str(ROOT / "fixtures" / "demo"))

    def start(words: list[str]) -> int:
        child = os.fork()
        if not child:
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, 1)
            os.dup2(null, 2)
            try:
                main(words)
            finally:
                os._exit(0)
        return child

    return start


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes cannot be forked here")
def test_a_run_killed_while_it_mends_and_keeps_leaves_nothing_by_halves(
    project: Path, lint: Callable[..., Run], tmp_path: Path, warmed: Callable[[list[str]], int]
) -> None:
    for number in range(6):
        (project / f"m{number}.py").write_text(NET + f"# {number}\n")
    wanted = lint("--no-cache", ".")
    cache, program = tmp_path / "cache", project / "app" / "train.py"
    started = time.monotonic()
    os.waitpid(warmed(["check", "--fix", "."]), 0)
    lasts = time.monotonic() - started
    mended = program.read_text()
    assert mended == TRAIN.replace("BCELoss", "BCEWithLogitsLoss")
    draw = random.Random(5)
    killed = 0
    for _ in range(100):
        program.write_text(TRAIN)
        child = warmed(["check", "--fix", "."])
        time.sleep(draw.uniform(0, lasts))
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        killed += os.WIFSIGNALED(status)
        assert program.read_text() in (TRAIN, mended)
        for path in (path for path in cache.rglob("*") if path.is_file() and len(path.parent.name) == 2):
            content = path.read_bytes()
            whole = content[len(MARK) + 20 :]
            assert path.suffix == ".new" or content == MARK + digest(whole) + whole
        if draw.random() < 0.5:
            DiskStore(str(cache)).clear()
    assert killed > 30
    program.write_text(TRAIN)
    assert lint(".") == wanted
    assert lint(".") == wanted


def test_old_entries_go(tmp_path: Path) -> None:
    store = DiskStore(str(tmp_path))
    now = time.time()
    store.put("records", b"old", b"1")
    store.put("records", b"new", b"2")
    half = tmp_path / "records" / "ab" / "abcd.1.new"
    half.parent.mkdir()
    half.write_bytes(b"")
    for path in (half, *tmp_path.rglob(b"old".hex())):
        os.utime(path, (now, now - 40 * 86_400))
    store.prune(now)
    assert (store.get("records", b"old"), store.get("records", b"new")) == (None, b"2")
    assert not half.exists()
    for path in tmp_path.rglob(b"new".hex()):
        os.utime(path, (now, now - 40 * 86_400))
    store.prune(now + 60)
    assert store.get("records", b"new") == b"2"
    store.prune(now + 90_000)
    assert store.get("records", b"new") is None


def test_what_somebody_else_put_there_stays(project: Path, lint: Callable[..., Run]) -> None:
    """Whoever names his own project as the cache's folder loses nothing, however old it is."""
    data = project / "data" / "ab" / "abcd0123"
    data.parent.mkdir(parents=True)
    data.write_text("a sample that is named by its hash\n")
    (project / "runs").mkdir()
    (project / "runs" / "notes.txt").write_text("mine")
    files = sorted(path for path in project.rglob("*") if path.is_file())
    for path in files:
        os.utime(path, (1e9, 1e9))
    assert lint("app", "--cache-dir", ".")[0] == 1
    assert entries(project, "outcomes")
    assert main(["clean", "--cache-dir", "."]) == 0
    assert entries(project, "outcomes") == []
    assert [path for path in files if not path.exists()] == []


@pytest.mark.parametrize("home", [None, "/somewhere", ""])
def test_the_folder_is_the_users(monkeypatch: pytest.MonkeyPatch, home: str | None) -> None:
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    if home is not None:
        monkeypatch.setenv("XDG_CACHE_HOME", home)
    environment = {name: value for name, value in os.environ.items() if name != "TORCHLINT_CACHE_DIR"}
    assert cache_folder(environment) == platformdirs.user_cache_dir("torchlint", appauthor=False)
