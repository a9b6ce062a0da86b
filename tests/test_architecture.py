"""The layers hold, and each contract is seen to fail when it is broken."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LINT = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports())"
FOR_RULES = ("torchlint.rule", "torchlint.facts")


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", LINT], cwd=folder, capture_output=True, text=True)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the package with its contracts, to be broken."""
    shutil.copytree(ROOT / "torchlint", tmp_path / "torchlint", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_the_contracts_hold(copy: Path) -> None:
    done = lint(copy)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout


@pytest.mark.parametrize(
    ("module", "line", "contract"),
    [
        ("source/text.py", "import torchlint.flow.values", "layers"),
        ("report/text.py", "import torchlint.engine.select", "layers"),
        ("newcomer.py", "", "layers"),
        ("engine/run.py", "import torch", "torch is never imported"),
        ("project/modules.py", "import libcst", "only syntax names libcst"),
    ],
)
def test_a_broken_contract_is_seen(copy: Path, module: str, line: str, contract: str) -> None:
    with (copy / "torchlint" / module).open("a", encoding="utf-8") as file:
        file.write(f"\n{line}\n")
    done = lint(copy)
    assert done.returncode != 0
    assert f"{contract} BROKEN" in done.stdout or contract in done.stdout + done.stderr


def imports(text: str) -> Iterator[str]:
    """The modules that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield "." * node.level + (node.module or "")


def foreign(text: str) -> list[str]:
    """What a rule file imports and may not: all but a rule's vocabulary and the standard library.

    Rules that import each other are found too: a rule file is no module of either.
    """
    return [
        name for name in imports(text) if name not in FOR_RULES and name.split(".")[0] not in sys.stdlib_module_names
    ]


RULE_FILES = sorted((ROOT / "rules").rglob("*.py"))


@pytest.mark.parametrize("path", RULE_FILES, ids=lambda path: path.stem)
def test_a_rule_imports_its_vocabulary_only(path: Path) -> None:
    assert foreign(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "line",
    [
        "import torch",
        "from torchlint.flow.values import Tensor",
        "from torchlint.facts.base import trail",
        "import rules.losses.double_sigmoid",
        "from . import double_sigmoid",
        "from .double_sigmoid import RAW",
        "def f():\n    import libcst",
    ],
)
def test_a_foreign_import_in_a_rule_is_seen(line: str) -> None:
    assert foreign(f"from torchlint.rule import rule\nimport math\n{line}\n") != []


def test_the_rules_folder_is_no_package() -> None:
    assert list((ROOT / "rules").rglob("__init__.py")) == []


def test_only_the_frontends_print_or_ask_the_environment() -> None:
    """Names that reach the terminal, the environment or the clock appear in no layer below, but for what runs in a
    process of its own."""
    outside = {"environ", "getenv", "stdout", "stderr", "stdin", "isatty", "print"}
    allowed = [(ROOT / "torchlint" / folder).resolve() for folder in ("frontends", "confirm/child")]
    seen = {
        f"{path.relative_to(ROOT)}: {name}"
        for path in (ROOT / "torchlint").rglob("*.py")
        if not any(path.resolve().is_relative_to(folder) for folder in allowed)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if (name := _name(node)) in outside
    }
    assert seen == set()


def _name(node: ast.AST) -> str:
    """The name of a bare ``print`` or of an attribute of ``sys`` or ``os``."""
    if isinstance(node, ast.Name) and node.id == "print":
        return "print"
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in ("sys", "os"):
        return node.attr
    return ""
