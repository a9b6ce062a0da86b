"""Who can switch on that models are run: the person who runs torchlint, and nothing in a linted project."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.frontends.confirming import Process, Torchlint, home, own, process, project, torchlint
from torchlint.frontends.check import Session, consented
from torchlint.frontends.options import PARSERS

__all__ = ["home", "process", "project", "torchlint"]

ROOT = Path(__file__).parents[2]
FOUND = "train.py:16:8: TL101"


# --- what switches it on -------------------------------------------------------------------------------------------


def test_nothing_is_run_unasked(torchlint: Torchlint, process: Process) -> None:
    done = torchlint()
    assert (done.status, process.started, process.jobs) == (1, [], [])
    assert done.out.startswith(FOUND)
    assert "onfirmed" not in done.out + done.err


def test_the_flag(torchlint: Torchlint, process: Process, project: Path) -> None:
    done = torchlint("--confirm")
    assert done.out.rstrip().endswith("[confirmed: witness]")
    assert [folder for _, folder in process.started] == [str(project)]
    assert [claim["check"]["type"] for job in process.jobs for claim in job["claims"]] == ["outside-range"]
    assert torchlint("--confirm", "--no-confirm").status == 1
    assert len(process.jobs) == 1


@pytest.mark.parametrize("value", ["true", '["{here}"]', '["{above}"]', '["/nowhere", "{here}"]', '["~/../project"]'])
def test_the_users_own_configuration(
    torchlint: Torchlint, process: Process, project: Path, home: Path, value: str
) -> None:
    value = value.replace("{here}", str(project)).replace("{above}", str(project.parent))
    own(home, f"[confirm]\nenabled = {value}\n")
    assert "[confirmed: witness]" in torchlint().out
    assert len(process.jobs) == 1


@pytest.mark.parametrize("value", ["false", "[]", '["/nowhere"]', '["{here}2"]', '["{here}/sub"]', '["{here}/../pro"]'])
def test_a_configuration_that_does_not_allow_this_project(
    torchlint: Torchlint, process: Process, project: Path, home: Path, value: str
) -> None:
    own(home, f"[confirm]\nenabled = {value.replace('{here}', str(project))}\n")
    assert torchlint().status == 1
    assert process.started == []


def test_a_link_into_an_allowed_folder_is_not_in_it(
    torchlint: Torchlint, process: Process, project: Path, home: Path
) -> None:
    allowed = project.parent / "allowed"
    allowed.mkdir()
    (allowed / "link").symlink_to(project, target_is_directory=True)
    own(home, f'[confirm]\nenabled = ["{allowed}"]\n')
    assert torchlint(str(allowed / "link")).status == 1
    assert process.started == []


def test_no_confirm_and_isolated_take_it_back(torchlint: Torchlint, process: Process, home: Path) -> None:
    own(home, "[confirm]\nenabled = true\n")
    torchlint("--no-confirm")
    torchlint("--isolated")
    assert process.started == []


def test_what_the_user_says_of_runs(torchlint: Torchlint, process: Process, home: Path) -> None:
    own(home, '[confirm]\nenabled = true\npython = "/opt/python"\nisolation = "basic"\n')
    torchlint()
    torchlint("--confirm-python=other", "--confirm-isolation=strong", "--confirm-cpu=3", "--confirm-memory=512M")
    (first, _), (second, _) = process.started
    assert (first.python, first.isolation, first.cpu, first.memory) == ("/opt/python", "basic", 10.0, 4 << 30)
    assert (second.python, second.isolation, second.cpu, second.memory) == ("other", "strong", 3.0, 512 << 20)


# --- what does not -------------------------------------------------------------------------------------------------

ALLOWING = [
    ("enabled = true", "`confirm.enabled` can only be false in a project's file"),
    ('enabled = ["/"]', "`confirm.enabled` can only be false in a project's file"),
    ('enabled = "yes"', "`confirm.enabled` can only be false here"),
    ('python = "./python"', "`confirm.python` is nothing that a project may say, since it names a program that would"),
    ('isolation = "basic"', "`confirm.isolation` is nothing that a project may say, since it weakens what holds"),
    ("memory = 1", "`confirm.memory` is nothing that a project may say"),
    ("trust-refuted = true", "`confirm.trust-refuted` is nothing that a project may say"),
    ('factory = "a.py:make"', "`confirm` has no key that is called `factory`; there are `enabled`, `inputs`"),
]


@pytest.mark.parametrize("place", ["torchlint.toml", "pyproject.toml", "extend", "named", "key"])
@pytest.mark.parametrize(("said", "told"), ALLOWING)
def test_a_projects_file_that_would_allow_is_an_error(
    torchlint: Torchlint, process: Process, project: Path, place: str, said: str, told: str
) -> None:
    words: tuple[str, ...] = ()
    where = "torchlint.toml:3: "
    if place == "torchlint.toml":
        (project / place).write_text(f"\n[confirm]\n{said}\n")
    elif place == "pyproject.toml":
        (project / place).write_text(f"[tool.torchlint]\n\n[tool.torchlint.confirm]\n{said}\n")
        where = "pyproject.toml:4: "
    elif place == "extend":
        (project / "torchlint.toml").write_text('extend = "base.toml"\n')
        (project / "base.toml").write_text(f"[confirm]\n{said}\n")
        where = "base.toml:2: "
    elif place == "named":
        (project / "lint.toml").write_text(f"[confirm]\n{said}\n")
        words, where = ("--config", "lint.toml"), "lint.toml:2: "
    else:
        words, where = ("--config", f"confirm.{said}"), f"--config {f'confirm.{said}'!r}: "
    for further in ((), ("--confirm",)):
        done = torchlint(*words, *further)
        assert (done.status, process.started) == (2, [])
        assert where in done.err
        assert told in done.err, done.err


def test_a_configuration_deep_in_the_project_is_no_different(
    torchlint: Torchlint, process: Process, project: Path
) -> None:
    (project / "sub").mkdir()
    (project / "train.py").rename(project / "sub" / "train.py")
    (project / "sub" / "torchlint.toml").write_text("[confirm]\nenabled = true\n")
    assert torchlint().status == 2
    assert process.started == []


def test_names_that_a_project_might_try(torchlint: Torchlint, process: Process, project: Path) -> None:
    """Files that look like the user's own, and hooks' configurations, are none of torchlint's."""
    for name in ("config.toml", ".config/torchlint/config.toml", "torchlint/config.toml", ".torchlint.toml"):
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text("[confirm]\nenabled = true\n")
    (project / ".pre-commit-config.yaml").write_text("repos: [{hooks: [{id: torchlint, args: [--confirm]}]}]\n")
    (project / "setup.cfg").write_text("[torchlint]\nconfirm = true\n[flake8]\ntorchlint-confirm = true\n")
    assert torchlint().status == 1
    assert process.started == []


def test_a_file_of_the_project_is_not_the_users_own_wherever_it_stands(
    torchlint: Torchlint, process: Process, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(project / ".config"))
    own_file = project / ".config" / "torchlint" / "config.toml"
    own_file.parent.mkdir(parents=True)
    own_file.write_text("[confirm]\nenabled = true\n")
    assert torchlint().status == 1
    assert process.started == []
    monkeypatch.setenv("XDG_CONFIG_HOME", ".config")  # which the specification wants ignored
    assert torchlint().status == 1
    assert process.started == []


def test_the_environment_switches_nothing_on(
    torchlint: Torchlint, process: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("CONFIRM", "CONFIRM_ENABLED", "CONFIRM_PYTHON", "RUNTIME", "OPTIONS", "ARGS", "CONFIG"):
        monkeypatch.setenv(f"TORCHLINT_{name}", "--confirm" if name in ("OPTIONS", "ARGS") else "1")
    assert torchlint().status == 1
    assert process.started == []


def test_a_project_can_refuse(torchlint: Torchlint, process: Process, project: Path) -> None:
    (project / "torchlint.toml").write_text("[confirm]\nenabled = false\n")
    done = torchlint("--confirm")
    assert (done.status, process.started) == (1, [])
    assert f"nothing is run where `confirm.enabled` is false: {project / 'torchlint.toml'}:1" in done.err
    (project / "base.toml").write_text("confirm.enabled = false\n")
    (project / "torchlint.toml").write_text('extend = "base.toml"\n[confirm.inputs]\n"train.py:Net" = [[4, 8]]\n')
    torchlint("--confirm")
    assert process.started == []


def test_hooks_of_pre_commit_run_nothing_but_by_their_arguments() -> None:
    entries = [
        line.partition(":")[2].split()
        for line in (ROOT / ".pre-commit-hooks.yaml").read_text().splitlines()
        if line.lstrip().startswith("entry:")
    ]
    assert len(entries) == 3
    for words in entries:
        assert words[:2] == ["torchlint", "check"]
        assert "--no-confirm" in words
        assert "--confirm" not in words


def test_a_hook_runs_nothing_though_the_user_allows_it_and_its_arguments_take_that_back(
    torchlint: Torchlint, process: Process, home: Path
) -> None:
    own(home, "[confirm]\nenabled = true\n")
    torchlint("check", "--no-confirm", "--force-exclude", "train.py")
    assert process.started == []
    torchlint("check", "--no-confirm", "--force-exclude", "--confirm", "train.py")
    assert len(process.started) == 1


def test_flake8_runs_nothing(project: Path, home: Path) -> None:
    own(home, "[confirm]\nenabled = true\n")
    program = (
        "import sys\n"
        "from flake8.main.cli import main\n"
        "main(['--select=TL', '--jobs=1', 'train.py'])\n"
        "print(sorted(name for name in sys.modules if 'confirming' in name or name == 'torchlint.confirm.host'))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=project, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.stdout.splitlines()[-1] == "[]", done.stderr
    assert FOUND in done.stdout


def test_standard_input_of_an_editor_runs_nothing_unless_it_is_asked(
    torchlint: Torchlint, process: Process, project: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own(home, "[confirm]\nenabled = true\n")

    def given(*words: str) -> str:
        with (project / "train.py").open() as stream:
            monkeypatch.setattr("sys.stdin", stream)
            return torchlint("-", "--stdin-filename", "train.py", *words).out

    assert FOUND in given()
    assert process.started == []
    assert "[confirmed: witness]" in given("--confirm")


@pytest.mark.parametrize("other", ["--watch", "--diff", "--show-files", "--add-noqa", "--write-baseline=known.json"])
def test_what_it_does_not_go_with(
    torchlint: Torchlint, process: Process, project: Path, home: Path, other: str
) -> None:
    done = torchlint("--confirm", other)
    assert done.status == 2
    assert f"--confirm does not go with {other.partition('=')[0]}" in done.err
    if other != "--watch":
        own(home, "[confirm]\nenabled = true\n")
        torchlint(other)
    assert process.started == []


def test_watching_runs_nothing_though_the_user_allows_it(project: Path, home: Path) -> None:
    own(home, "[confirm]\nenabled = true\n")
    for words, allowed in ((["--watch"], False), ([], True)):
        arguments = PARSERS["check"]().parse_args(words)
        arguments.recorder = None
        assert (consented(Session(arguments)) is not None) == allowed


def test_options_that_say_how_switch_nothing_on(torchlint: Torchlint, process: Process) -> None:
    done = torchlint("--confirm-python=python3")
    assert (done.status, process.started) == (2, [])
    assert "--confirm-python says how models are run, and nothing says that they are: add --confirm" in done.err


# --- a record of an earlier run ------------------------------------------------------------------------------------


def test_a_recorded_run_is_not_said_again_once_the_user_allows(
    torchlint: Torchlint, process: Process, home: Path
) -> None:
    for _ in range(2):
        assert "confirmed" not in torchlint().out
    path = own(home, "[confirm]\nenabled = true\n")
    for _ in range(2):
        assert "[confirmed: witness]" in torchlint().out
    assert len(process.jobs) == 2
    path.unlink()
    assert "confirmed" not in torchlint().out


# --- the user's own file -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[confirm]\nenabld = true", ":2: unknown key `confirm.enabld`; did you mean `enabled`?"),
        ("select = []", ":1: unknown key `select`; your own configuration has `confirm` and no more"),
        ("[confirm]\nenabled = 1", ":2: `confirm.enabled` must be true, false or a list of folders, not 1"),
        ("[confirm]\nenabled = ['/a',\n'b']", ':3: `confirm.enabled`: "b" is no full path of a folder'),
        ("[confirm]\npython = 'venv/bin/python'", ":2: `confirm.python` must be the full path of a Python"),
        ("[confirm]\npython = true", ":2: `confirm.python` must be the full path of a Python, not true"),
        ("[confirm]\nisolation = 'none'", ':2: `confirm.isolation` must be "strong" or "basic", not "none"'),
        ("confirm = true", ":1: `confirm` must be a table, not true"),
        ("confirm = [", ": "),
    ],
)
def test_what_is_wrong_there_is_said(torchlint: Torchlint, process: Process, home: Path, text: str, told: str) -> None:
    path = own(home, text + "\n")
    for words in ((), ("--confirm",), ("config",)):
        done = torchlint(*words)
        assert done.status == 2
        assert f"torchlint: error: {path}{told}" in done.err
    assert process.started == []


def test_config_shows_what_is_allowed(torchlint: Torchlint, home: Path) -> None:
    assert "your own" not in torchlint("config").out
    path = own(home, '[confirm]\nenabled = ["/srv"]\npython = "/opt/python"\n')
    said = 'confirm.enabled = ["/srv"], confirm.python = "/opt/python"'
    assert f"# your own configuration ({path}): {said}\n" in torchlint("config").out
    assert "your own" not in torchlint("config", "--isolated").out
    told = json.loads(torchlint("config", "--output-format=json").out)
    assert told["own"] == {"file": str(path), "confirm": {"enabled": ["/srv"], "python": "/opt/python"}}
    assert json.loads(torchlint("config", "--isolated", "--output-format=json").out)["own"] is None
