"""Completion in real shells; bash is everywhere, the others are tried where they are."""

from __future__ import annotations

import os
import pty
import shutil
import subprocess
import threading
from pathlib import Path

import pytest

from tests.frontends.test_cli import torchlint
from torchlint.frontends.options import PARSERS
from torchlint.report.formats import FORMATS

CASES = [
    ("torchlint ex", ["explain"]),
    ("torchlint explain bce-on", ["bce-on-logits"]),
    ("torchlint explain TL00", ["TL000", "TL001", "TL002", "TL003"]),
    ("torchlint --output-format js", ["json", "json-lines"]),
    ("torchlint check --output-format sar", ["sarif"]),
    ("torchlint --select bce-on", ["bce-on-logits"]),
    ("torchlint check --ignore TL101,bce-on", ["TL101,bce-on-logits"]),
    ("torchlint --output-fi", ["--output-file"]),
    ("torchlint completion z", ["zsh"]),
    ("torchlint tra", ["trace", "train.py"]),
    ("torchlint trace tra", ["train.py"]),
    ("torchlint confirm tra", ["train.py"]),
    ("torchlint confirm --output-format ht", ["html"]),
    ("torchlint --output-file tra", ["train.py"]),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a file to be completed, and the scripts of all shells."""
    folder = tmp_path_factory.mktemp("completion")
    (folder / "train.py").write_text("")
    for shell in ("bash", "zsh", "fish"):
        done = torchlint("completion", shell, cwd=folder)
        assert (done.returncode, done.stderr) == (0, "")
        (folder / f"script.{shell}").write_text(done.stdout)
    return folder


BASH = """
source script.bash
complete -p torchlint >&2 || exit 3
while IFS= read -r line; do
  read -ra COMP_WORDS <<< "$line"
  COMP_CWORD=$(( ${#COMP_WORDS[@]} - 1 ))
  COMPREPLY=()
  _shtab_torchlint
  printf '%s ' "${COMPREPLY[@]}"
  echo
done
"""


def test_bash(folder: Path) -> None:
    bash = shutil.which("bash")
    assert bash is not None, "no bash: THE COMPLETION SCRIPTS ARE NOT TESTED"
    lines = "".join(line + "\n" for line, _ in CASES)
    done = subprocess.run([bash, "--norc", "-c", BASH], input=lines, cwd=folder, capture_output=True, text=True)
    assert "_shtab_torchlint torchlint" in done.stderr
    offered = [sorted(line.split()) for line in done.stdout.splitlines()]
    assert dict(zip([line for line, _ in CASES], offered, strict=True)) == dict(CASES)


@pytest.mark.skipif(shutil.which("fish") is None, reason="no fish here")
def test_fish(folder: Path) -> None:
    script = "source script.fish; while read -l line; echo (complete -C $line | string split -f 1 \\t); end"
    lines = "".join(line + "\n" for line, _ in CASES)
    home = {**os.environ, "HOME": str(folder), "XDG_CONFIG_HOME": str(folder), "XDG_DATA_HOME": str(folder)}
    done = subprocess.run(["fish", "-c", script], input=lines, cwd=folder, capture_output=True, text=True, env=home)
    offered = [sorted(line.split()) for line in done.stdout.splitlines()]
    assert dict(zip([line for line, _ in CASES], offered, strict=True)) == dict(CASES)


@pytest.mark.skipif(shutil.which("zsh") is None, reason="no zsh here")
@pytest.mark.parametrize(
    ("typed", "completed"),
    [
        ("torchlint --output-format sar", "--output-format sarif"),
        ("torchlint explain bce-on", "explain bce-on-logits"),
        ("torchlint --select TL101,bce-on", "--select TL101,bce-on-logits"),
        ("torchlint --output-fi", "--output-file"),
        ("torchlint exp", "explain"),
        ("torchlint tra", "trace  -- "),
        ("torchlint ./tra", "./train.py"),
        ("torchlint train.py ./tra", "train.py ./train.py"),
        ("torchlint train.py --output-format sar", "train.py --output-format sarif"),
    ],
)
def test_zsh(folder: Path, typed: str, completed: str) -> None:
    """As a person would: the words, then the tab key, in an interactive shell."""
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        ["zsh", "-f", "-i"],
        cwd=folder, stdin=follower, stdout=follower, stderr=follower, start_new_session=True,
        env={**os.environ, "HOME": str(folder), "TERM": "dumb", "PS1": "", "COLUMNS": "200"},
    )  # fmt: skip
    os.close(follower)
    guard = threading.Timer(60.0, process.kill)
    guard.start()

    def until(wanted: str) -> str:
        sent = ""
        while wanted not in sent:
            sent += os.read(leader, 4096).decode(errors="replace")
        return sent

    try:
        os.write(leader, b'autoload -U compinit; compinit -D -u; eval "$(<script.zsh)"; print re""ady\n')
        until("\nready")
        os.write(leader, f"{typed}\t".encode())
        until(completed)
    finally:
        guard.cancel()
        process.kill()
        process.wait()
        os.close(leader)


def test_everything_is_known_to_the_scripts(folder: Path) -> None:
    for shell in ("bash", "zsh", "fish"):
        script = (folder / f"script.{shell}").read_text()
        for word in (*PARSERS, *FORMATS, "TL101", "bce-on-logits", "ALL", "--output-file", "--rules-dir"):
            assert word.lstrip("-") in script, (shell, word)


def test_a_shell_that_is_not_known(tmp_path: Path) -> None:
    assert torchlint("completion", "dos", cwd=tmp_path).returncode == 2
