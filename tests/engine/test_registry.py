"""The folder is the registry."""

from __future__ import annotations

from pathlib import Path

from torchlint.engine.registry import load, own_contracts

RULE = """
from collections.abc import Iterator
from torchlint.facts import Fact
from torchlint.rule import Finding, Severity, rule

@rule(code="{code}", name="{name}", since="0.1.0", severity=Severity.ERROR)
def found(fact: Fact) -> Iterator[Finding]:
    yield Finding(fact.place, "found")
"""


def write(folder: Path, file: str, text: str) -> None:
    path = folder / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_own_rules_load() -> None:
    loaded = load()
    assert loaded.rules
    assert loaded.problems == ()
    assert own_contracts().is_dir()


def test_a_folder_of_the_users(tmp_path: Path) -> None:
    write(tmp_path, "mine/one.py", RULE.format(code="TL901", name="one"))
    write(tmp_path, "mine/_helper.py", "raise RuntimeError")
    loaded = load([tmp_path])
    found = loaded.find("one")
    assert found is not None
    assert (found.code, found.family, Path(found.file).name) == ("TL901", "mine", "one.py")
    assert loaded.problems == ()


def test_whatever_is_wrong_with_a_file_names_its_path(tmp_path: Path) -> None:
    write(tmp_path, "a/raises.py", "raise RuntimeError('no')")
    write(tmp_path, "b/exits.py", "raise SystemExit(3)")
    write(tmp_path, "c/syntax.py", "def")
    write(tmp_path, "d/none.py", "")
    write(tmp_path, "e/fact.py", RULE.format(code="TL902", name="x").replace("fact: Fact", "fact: int"))
    write(tmp_path, "f/taken.py", RULE.format(code="TL101", name="y"))
    problems = load([tmp_path, tmp_path / "gone"]).problems
    wrong = ["raises.py: RuntimeError", "exits.py: SystemExit", "syntax.py: SyntaxError", "none.py: a rule file"]
    wrong += ["fact.py: TypeError", "taken.py: TL101 (y) is taken", "gone: no such folder"]
    assert len(problems) == len(wrong)
    for expected, problem in zip(wrong, problems, strict=True):
        assert expected in problem
