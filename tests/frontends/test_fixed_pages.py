"""The bad programs of all rules' pages, mended through the command line."""

from __future__ import annotations

import ast
import json
import os
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests import pages
from torchlint.frontends.cli import main

RULES = Path(__file__).parents[2] / "rules"
FIX = ["--fix", "--unsafe-fixes"]
Variant = Callable[[bytes], bytes]


def bad_programs() -> dict[str, dict[str, bytes]]:
    """The bad blocks of each page that shows what fixes make of them, by the code of its rule, each in its folder."""
    found: dict[str, dict[str, bytes]] = {}
    for path in sorted(RULES.glob("*/*.md")):
        page = pages.read(path)
        code = page.title.rpartition("(")[2].rstrip(")")
        if "Fix" in page.headings:
            found[code] = {
                f"b{block.line}/{name}": text.encode()
                for block in page.below("Bad", "Fix")
                if block.errors()
                for name, text in block.without_marks().items()
            }
    return found


PROGRAMS = bad_programs()


def put(files: Mapping[str, bytes]) -> None:
    for name, content in files.items():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_bytes(content)


def taken(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """What is in the files now; no other is there."""
    there = {str(path) for path in Path().rglob("*") if path.is_file()}
    assert there == {os.path.normpath(name) for name in files}
    return {name: Path(name).read_bytes() for name in files}


def run(capfd: pytest.CaptureFixture[str], code: str, *words: str) -> tuple[list[dict[str, Any]], str]:
    """The findings as JSON, and standard error."""
    status = main(["--isolated", "--no-cache", "--output-format", "json", "--extend-select", code, *words])
    out, err = capfd.readouterr()
    found = json.loads(out)
    assert status == (1 if found else 0)
    return found, err


def mended(capfd: pytest.CaptureFixture[str], code: str, files: Mapping[str, bytes]) -> dict[str, bytes]:
    """The files after fixing, of which everything is asserted that must hold for any program."""
    put(files)
    before, _ = run(capfd, code)
    after, err = run(capfd, code, *FIX)
    now = taken(files)
    fixable = [one for one in before if one["fix"] is not None]
    changed = {edit["filename"] for one in fixable for edit in one["fix"]["edits"]}
    assert {name for name in files if now[name] != files[name]} <= changed
    assert bool(fixable) == (now != files)
    for name in changed:
        ast.parse(now[name])
    assert "is not fixed" not in err
    assert [one["message"] for one in after if one["fix"] is not None] == []
    assert not Counter(kind(one) for one in after) - Counter(kind(one) for one in before)
    assert len(after) <= len(before) - len(fixable)
    run(capfd, code, *FIX)
    assert taken(files) == now
    return now


def kind(one: Mapping[str, Any]) -> tuple[str, str]:
    return one["code"], one["filename"]


def test_there_are_pages() -> None:
    assert len(PROGRAMS) > 20 and sum(map(len, PROGRAMS.values())) > 150


@pytest.mark.parametrize("code", PROGRAMS)
def test_bad_programs_are_mended(
    code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    mended(capfd, code, PROGRAMS[code])


VARIANTS: dict[str, Variant] = {
    "CRLF": lambda content: content.replace(b"\n", b"\r\n"),
    "BOM": lambda content: b"\xef\xbb\xbf" + content,
    "latin-1": lambda content: b"# coding: latin-1\n# \xfcber\n" + content,
    "no end": lambda content: content.rstrip(b"\n"),
}
#: The first bad block of every third page.
SOME = {
    f"{code}/{name}": text
    for code in list(PROGRAMS)[::3]
    for name, text in PROGRAMS[code].items()
    if name.partition("/")[0] == next(iter(PROGRAMS[code])).partition("/")[0]
}


def test_whatever_the_encoding_and_the_line_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    found: dict[str, dict[str, bytes]] = {}
    for name, variant in {"plain": lambda content: content, **VARIANTS}.items():
        (tmp_path / name).mkdir()
        monkeypatch.chdir(tmp_path / name)
        found[name] = mended(capfd, "TL1", {path: variant(text) for path, text in SOME.items()})
    for name, variant in VARIANTS.items():
        assert found[name] == {path: variant(text) for path, text in found["plain"].items()}
