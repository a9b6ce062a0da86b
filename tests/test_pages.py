"""Every rule's page is true: its examples run, its premise holds under torch, its form is the same as the others'."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest
from _pytest.mark import ParameterSet  # the type of `pytest.param`, which has no public name

from tests import pages
from tests.conftest import check, rules
from torchlint.diagnostic import Diagnostic, Fix
from torchlint.engine.registry import own_folder
from torchlint.rule import Rule
from torchlint.source.edit import applied

FAMILIES = {
    "TL1": "losses",
    "TL2": "data",
    "TL3": "models",
    "TL4": "training",
    "TL5": "numerics",
    "TL6": "performance",
    "TL7": "api",
}
RULES = rules().rules
BY_NAME = {rule.name: rule for rule in RULES}


def page_of(rule: Rule) -> Path:
    return Path(rule.file).with_suffix(".md")


PAGES = {rule.name: pages.read(page_of(rule)) for rule in RULES if page_of(rule).is_file()}


def blocks(*sections: str) -> list[ParameterSet]:
    return [
        pytest.param(BY_NAME[name], block, id=f"{name}:{block.line}")
        for name, page in PAGES.items()
        for block in page.below(*sections)
    ]


def findings(rule: Rule, block: pages.Block, files: Mapping[str, str] | None = None) -> list[Diagnostic]:
    """What all rules that are on by default say, and this one if it is not."""
    return check(block.files if files is None else files, extend_select=[rule.code])


def shown(found: Iterable[Diagnostic]) -> str:
    return "\n".join(f"{one.span.path}:{one.span.start.row}: {one.code} {one.message}" for one in found)


@pytest.mark.parametrize(("rule", "block"), blocks("Bad"))
def test_bad(rule: Rule, block: pages.Block) -> None:
    """Exactly the marked lines, only this rule, and the quoted words."""
    expected = sorted(block.errors())
    assert expected, "a bad block marks at least one line"
    found = findings(rule, block)
    assert {one.code for one in found} <= {rule.code}, shown(found)
    places = sorted((one.span.path, one.span.start.row) for one in found)
    assert places == [(path, row) for path, row, _ in expected], shown(found)
    left = list(found)
    for path, row, part in expected:
        match = next((one for one in left if _says(one, path, row, part)), None)
        assert match is not None, f"{path}:{row}: nothing says {part!r}:\n{shown(found)}"
        left.remove(match)
    for one in found:
        _assert_style(one.message)


def _says(one: Diagnostic, path: str, row: int, part: str) -> bool:
    return (one.span.path, one.span.start.row) == (path, row) and part in one.message


def _assert_style(message: str) -> None:
    assert not message[:1].isupper(), f"begins with a capital letter: {message}"
    assert not message.endswith("."), f"ends with a full stop: {message}"
    assert message.count("`") % 2 == 0, f"unbalanced backticks: {message}"
    assert message == " ".join(message.split()), f"spaces: {message!r}"


@pytest.mark.parametrize(("rule", "block"), blocks("Good", "Silent on"))
def test_silence(rule: Rule, block: pages.Block) -> None:
    assert not block.errors()
    found = findings(rule, block)
    assert not found, shown(found)


def before_and_after() -> list[ParameterSet]:
    """Each block below Fix that has marks, with those behind it that have none: what its fixes make of it, in order."""
    found: list[ParameterSet] = []
    for name, page in PAGES.items():
        groups: list[tuple[pages.Block, list[pages.Block]]] = []
        for block in page.below("Fix"):
            if block.errors():
                groups.append((block, []))
            else:
                assert groups, f"{name}:{block.line}: a block without marks stands first below Fix"
                groups[-1][1].append(block)
        found += [pytest.param(BY_NAME[name], one, after, id=f"{name}:{one.line}") for one, after in groups]
    return found


@pytest.mark.parametrize(("rule", "block", "after"), before_and_after())
def test_fix(rule: Rule, block: pages.Block, after: list[pages.Block]) -> None:
    """The fixes of the block's findings give exactly the blocks behind it, which are silent and say what is safe."""
    before = block.without_marks()
    found = findings(rule, block, before)
    marked = sorted((path, row) for path, row, _ in block.errors())
    assert sorted((one.span.path, one.span.start.row) for one in found) == marked, shown(found)
    assert after, "a block with marks is followed by what its fixes make of it"
    assert {len(one.fixes) for one in found} == {len(after)}, [fix.title for one in found for fix in one.fixes]
    for number, block_after in enumerate(after):
        fixes = [one.fixes[number] for one in found]
        assert fixed(before, fixes) == block_after.files
        assert {"safe" if fix.safe else "unsafe" for fix in fixes} == {block_after.word}
        assert not findings(rule, block_after), shown(findings(rule, block_after))


def fixed(files: Mapping[str, str], fixes: Iterable[Fix]) -> dict[str, str]:
    """The files with the edits of fixes made; those that several fixes share are made once."""
    edits = sorted({edit for fix in fixes for edit in fix.edits}, key=lambda edit: (edit.span, edit.text))
    return {path: applied(text, [edit for edit in edits if edit.span.path == path]) for path, text in files.items()}


@pytest.mark.parametrize(("rule", "block"), blocks("Bad"))
def test_every_fix_mends(rule: Rule, block: pages.Block) -> None:
    """Each fix that is offered takes its finding away, and brings no other."""
    before = block.without_marks()
    found = findings(rule, block, before)
    for one in found:
        for fix in one.fixes:
            left = Counter(said(other) for other in findings(rule, block, fixed(before, [fix])))
            was = Counter(said(other) for other in found)
            assert was - left, f"{fix.title}: it stays"
            assert not left - was, f"{fix.title}: {left - was}"


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_fixes_are_shown(rule: Rule) -> None:
    """What a rule offers for its bad examples, its page shows below Fix."""
    page = PAGES[rule.name]
    offered = any(one.fixes for block in page.below("Bad") for one in findings(rule, block, block.without_marks()))
    assert offered == bool(page.below("Fix"))


def said(one: Diagnostic) -> tuple[str, str, str]:
    return one.span.path, one.code, one.message


@pytest.mark.parametrize(("rule", "block"), blocks("Known misses"))
def test_known_misses(rule: Rule, block: pages.Block) -> None:
    """What does not work yet: this fails once it does, and the block belongs among the bad ones."""
    todos = block.todos()
    assert todos, "a known miss marks the line with `# todo error`"
    found = findings(rule, block)
    working = [place for place in todos if any((one.span.path, one.span.start.row) == place for one in found)]
    assert not working, f"now found: {working}"
    assert not found, shown(found)


@pytest.mark.parametrize(("rule", "block"), blocks("Confirm"))
def test_confirm(rule: Rule, block: pages.Block, tmp_path: Path) -> None:
    """The page's premise, under real torch."""
    script = tmp_path / "confirm.py"
    script.write_text(block.text, encoding="utf-8")
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=120, cwd=tmp_path)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(("rule", "block"), blocks(*pages.ORDER))
def test_expectations_are_well_formed(rule: Rule, block: pages.Block) -> None:
    assert block.strays() == []
    assert block.word in ("safe", "unsafe") if block.section == "Fix" and not block.errors() else block.word == ""
    for path, text in block.files.items():
        compile(text, path, "exec")


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_form(rule: Rule) -> None:
    assert rule.name in PAGES, f"{page_of(rule)} is missing"
    page = PAGES[rule.name]
    assert page.title == f"{rule.name} ({rule.code})"
    assert page.sentence.endswith("."), "a sentence stands below the title"
    assert [heading for heading in pages.ORDER if heading in page.headings] == list(page.headings)
    assert [heading for heading in pages.REQUIRED if heading not in page.headings] == []
    for section in ("Bad", "Good"):
        assert page.below(section), f"no block below {section}"


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_declaration(rule: Rule) -> None:
    assert re.fullmatch(r"TL[1-7]\d\d", rule.code)
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)+", rule.name)
    assert re.fullmatch(r"\d+\.\d+\.\d+", rule.since)
    assert Path(rule.file).stem == rule.name.replace("-", "_")
    assert rule.family == FAMILIES[rule.code[:3]]


def test_codes_and_names_are_unique() -> None:
    assert len({rule.code for rule in RULES}) == len({rule.name for rule in RULES}) == len(RULES)


def test_every_page_has_a_rule_and_nothing_else_stands_in_the_folder() -> None:
    known = {Path(rule.file) for rule in RULES} | {page_of(rule) for rule in RULES}
    strays = [
        path
        for path in own_folder().rglob("*")
        if path.is_file() and path not in known and "__pycache__" not in path.parts and path.parent.name != "contracts"
    ]
    assert strays == []
