"""What README shows is what torchlint does."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import msgspec
from markdown_it import MarkdownIt

from tests.pages import Block
from torchlint.config import load
from torchlint.config.keys import KEYS
from torchlint.config.user import read
from torchlint.flow.library.tables import KINDS
from torchlint.frontends.options import PARSERS
from torchlint.report.formats import FORMATS

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def torchlint(*words: str, cwd: Path = ROOT) -> str:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "torchlint", *words]
    done = subprocess.run(command, cwd=cwd, capture_output=True, env=environment)
    return done.stdout.decode() + done.stderr.decode()


def blocks(language: str, text: str = README) -> list[str]:
    tokens = MarkdownIt("commonmark").parse(text)
    return [token.content for token in tokens if token.type == "fence" and token.info == language]


def test_the_demo_says_what_is_shown() -> None:
    shown = next(block for block in blocks("console") if block.startswith("$ torchlint fixtures/demo\n"))
    assert torchlint("fixtures/demo") == shown.partition("\n")[2]


def test_the_diff_is_what_is_shown() -> None:
    shown = next(block for block in blocks("console") if block.startswith("$ torchlint --diff"))
    command, _, diff = shown.partition("\n")
    assert torchlint(*command.split()[2:]) == diff


def test_the_notebook_says_what_is_shown() -> None:
    shown = next(block for block in blocks("console") if block.startswith("$ torchlint fixtures/notebooks\n"))
    assert torchlint("fixtures/notebooks") == shown.partition("\n")[2]


def test_the_frame_is_what_is_shown() -> None:
    frame = next(block for block in blocks("") if " --> " in block)
    assert frame.rstrip() in torchlint("--output-format", "full", "fixtures/demo")


def test_the_way_of_the_data_is_what_is_shown() -> None:
    shown = next(block for block in blocks("console") if block.startswith("$ torchlint trace"))
    command, _, picture = shown.partition("\n")
    assert torchlint(*command.split()[2:]).startswith(picture + "\n")


def test_the_model_is_what_is_shown() -> None:
    shown = next(block for block in blocks("console") if block.startswith("$ torchlint inspect"))
    command, _, table = shown.partition("\n")
    assert torchlint(*command.split()[2:]) == table


def test_the_table_of_formats_is_the_list_of_formats() -> None:
    lines = README[README.index("| `--output-format` |") :].split("\n\n")[0].splitlines()[2:]
    assert lines == [f"| `{name}` | {one.summary} | {one.reader} |" for name, one in FORMATS.items()]


def test_the_table_of_options_and_the_help_name_the_same() -> None:
    lines = README[README.index("| option | |") :].split("\n\n")[0].splitlines()[2:]
    named = {word for line in lines for word in re.findall(r"--[a-z-]+", re.split(r"(?<!\\)\|", line)[1])}
    offered = set(re.findall(r"(?:^ {2}|, )(?:-\w, )?(--[a-z-]+)", torchlint("--help"), re.MULTILINE))
    assert named <= offered
    on_or_off = {word.replace("--no-", "--") for word in named}
    assert {word for word in offered if word.replace("--no-", "--") not in on_or_off} == {"--help"}


def test_the_commands_that_are_listed_are_those_that_there_are() -> None:
    shown = next(block for block in blocks("") if block.startswith("torchlint [check]"))
    listed = [line.split()[1].strip("[]") for line in shown.splitlines()]
    assert listed == list(PARSERS)
    usage = torchlint("--help").split("\n\n")[0]
    assert set(re.findall(r"\w+", usage)) >= set(listed)


def test_the_configuration_is_valid(tmp_path: Path) -> None:
    (text,) = (block for block in blocks("toml") if "[tool.torchlint]" in block)
    (tmp_path / "sub" / "lint").mkdir(parents=True)
    (tmp_path / "torchlint.toml").write_text("")
    (tmp_path / "sub" / "lint" / "ours.toml").write_text("")
    (tmp_path / "sub" / "pyproject.toml").write_text(text)
    settings = load(tmp_path / "sub" / "pyproject.toml").settings
    assert settings.select == ("TL1", "TL4")
    assert [pattern.text for pattern, _ in settings.per_file_ignores] == ["tests/", "!src/"]
    assert torchlint("config", "--select", ",".join(settings.selectors)).startswith("# .: ")


def test_what_is_said_of_runs_is_valid(tmp_path: Path) -> None:
    (own,) = (block for block in blocks("toml") if block.startswith("[confirm]"))
    (tmp_path / "config.toml").write_text(own)
    allowed = read(str(tmp_path / "config.toml"))
    assert (allowed.everywhere, len(allowed.folders), allowed.isolation) == (False, 1, "strong")
    (hints,) = (block for block in blocks("toml") if "[tool.torchlint.confirm]" in block)
    (tmp_path / "pyproject.toml").write_text(hints)
    settings = load(tmp_path / "pyproject.toml").settings
    assert settings.confirm.off
    assert [shapes for _, shapes in settings.confirm.inputs] == [((2, 3, 224, 224),)]
    assert [values for _, values in settings.confirm.arguments] == [(("in_channels", 3),)]


def test_the_table_of_keys_is_that_of_the_program() -> None:
    shown = README[README.index("| key | value |") :].split("\n\n")[0].splitlines()[2:]
    assert shown == [
        f"| `{key.name}` | {key.kind.words} | {f'`{key.default}`' if key.default else ''} | {key.words} |"
        for key in KEYS.values()
    ]


def test_the_baseline_is_what_is_shown(tmp_path: Path) -> None:
    (shown,) = (block for block in blocks("console") if "--write-baseline" in block)
    write, wrote, use, used = shown.splitlines()
    shutil.copytree(ROOT / "fixtures" / "demo", tmp_path / "demo")
    assert re.sub(r"\d+", "N", torchlint(*write.split()[2:], cwd=tmp_path)) == re.sub(r"\d+", "N", wrote) + "\n"
    assert re.sub(r"\d+", "N", torchlint(*use.split()[2:], cwd=tmp_path)) == re.sub(r"\d+", "N", used) + "\n"


def test_the_worked_example_says_what_is_shown(tmp_path: Path) -> None:
    section = README[README.index("## Teaching it your code") :]
    (program,) = (block for block in blocks("python", section) if block.startswith("# file:"))
    (contracts,) = blocks("toml", section)
    (shown,) = blocks("console", section)
    for path, text in Block("", 0, program).files.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(text, encoding="utf-8")
    command, _, said = shown.partition("\n")
    assert torchlint(*command.split()[2:], cwd=tmp_path) == "No findings; 4 files checked.\n"
    (tmp_path / "pyproject.toml").write_text(contracts, encoding="utf-8")
    assert torchlint(*command.split()[2:], cwd=tmp_path) == said


def test_the_keys_of_contracts_exist() -> None:
    """In the table of kinds, before each bracket stands a key, or several; in it, their words."""
    lines = README[README.index("| kind | describes") :].split("\n\n")[0].splitlines()[2:]
    named: set[str] = set()
    for line in lines:
        first, _, last = (cell.strip() for cell in line.strip("|").split(" | "))
        kinds = re.findall(r"`([^`]+)`", first)
        fields = {field.name for kind in kinds for field in msgspec.structs.fields(KINDS[kind])}
        outside = re.sub(r"\([^)]*\)", "", last)
        assert set(re.findall(r"`([^`]+)`", outside)) <= fields, line
        named.update(kinds)
    assert named == KINDS.keys() - {"estimator", "samples"}
