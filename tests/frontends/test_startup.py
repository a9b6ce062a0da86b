"""What a run imports and reads, and what it leaves alone: each import is time that everybody waits for."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.frontends.test_cli import BAD, GOOD, ROOT

#: What belongs to other commands, to other formats and to findings.
ELSEWHERE = {
    "difflib", "hashlib", "shutil",
    "torchlint.engine.fix", "torchlint.engine.parallel", "torchlint.facts.paths", "torchlint.flow.describe",
    "torchlint.config.hints", "torchlint.config.user", "torchlint.confirm", "torchlint.confirm.host",
    "torchlint.confirm.planner", "torchlint.frontends.confirming",
    "torchlint.flow.library.complaints", "torchlint.frontends.pages", "torchlint.frontends.reveal",
    "torchlint.frontends.trace", "torchlint.report.full", "torchlint.report.json", "torchlint.report.trace",
    "torchlint.source.edit", "torchlint.source.markdown", "torchlint.source.notebook", "torchlint.syntax.comments",
    "torchlint.syntax.positions", "torchlint.syntax.rewrite",
}  # fmt: skip
#: What is never needed for a clean file, or never at all.
NEVER = {
    "concurrent.futures", "importlib.metadata", "libcst.codemod", "libcst.matchers", "libcst.tool", "markdown_it",
    "multiprocessing", "pathspec", "platformdirs", "rich", "torch", "watchfiles",
}  # fmt: skip


def environment(folder: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "TORCHLINT_CACHE_DIR": str(folder / "cache")}


def imported(folder: Path, *words: str, status: int = 0) -> set[str]:
    """The modules that a command imports."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "torchlint", *words],
        cwd=folder, env=environment(folder), capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == status, done.stderr
    lines = (line for line in done.stderr.splitlines() if line.startswith("import time:"))
    return {line.rpartition("|")[2].strip() for line in lines}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "good.py").write_text(GOOD)
    (tmp_path / "bad.py").write_text(BAD)
    return tmp_path


def test_the_version_needs_nothing(project: Path) -> None:
    modules = imported(project, "--version")
    assert "torchlint.frontends.cli" in modules
    assert not {
        name for name in modules if name.startswith(("torchlint.flow", "torchlint.engine", "libcst", "msgspec"))
    }


def test_a_clean_file_needs_neither_fixes_nor_places_nor_words_for_mistakes(project: Path) -> None:
    modules = imported(project, "--isolated", "--no-cache", "good.py")
    assert {"torchlint.flow.machine", "libcst._nodes.module"} <= modules
    assert sorted(modules & (ELSEWHERE | NEVER)) == []


def test_a_finding_needs_its_place(project: Path) -> None:
    modules = imported(project, "--isolated", "--no-cache", "bad.py", status=1)
    assert {"torchlint.engine.fix", "torchlint.syntax.comments", "torchlint.syntax.positions"} <= modules
    assert sorted(modules & NEVER) == []


def test_a_run_reads_rules_and_tables_but_no_page(project: Path) -> None:
    program = (
        "import sys\n"
        "opened = []\n"
        "sys.addaudithook(lambda event, args: opened.append(str(args[0])) if event == 'open' else None)\n"
        "from torchlint.frontends.cli import main\n"
        "main(['--isolated', '--no-cache', 'good.py'])\n"
        "print(*opened, sep='\\n')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=project, env=environment(project), capture_output=True, text=True
    )
    ends = {Path(line).suffix for line in done.stdout.splitlines()}
    assert ".toml" in ends
    assert ".md" not in ends


def test_few_rows_of_contracts_are_read(project: Path) -> None:
    program = (
        "from torchlint.flow.library.contracts import Contracts\n"
        "made = []\n"
        "load = Contracts.load.__func__\n"
        "Contracts.load = classmethod(lambda *words: made.append(load(*words)) or made[-1])\n"
        "from torchlint.frontends.cli import main\n"
        "main(['--isolated', '--no-cache', '-q', 'good.py'])\n"
        "print(*(entry.name for entry in made[0].entries if entry.read is not None))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=project, env=environment(project), capture_output=True, text=True
    )
    read = done.stdout.split()
    assert "torch.nn.Linear" in read
    assert len(read) < 60, read


def test_no_layer_of_the_analysis_defines_dataclasses() -> None:
    """Each takes half a millisecond at every start, a struct a tenth of that."""
    folders = ("diagnostic.py", "rule.py", "engine", "facts", "flow", "project", "syntax")
    files = [
        path for name in folders for path in (ROOT / "torchlint" / name, *(ROOT / "torchlint" / name).rglob("*.py"))
    ]
    for path in (path for path in files if path.suffix == ".py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            assert not (isinstance(node, ast.ImportFrom) and node.module == "dataclasses"), path
