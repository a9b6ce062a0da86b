"""Real git repositories, linted from wherever in them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.frontends import programs
from tests.frontends.programs import MODEL
from tests.frontends.test_cli import BAD, torchlint

TRAIN = programs.TRAIN.replace("from model ", "from models.net ")


def git(*words: str, cwd: Path) -> str:
    env = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    env |= {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    identity = ("-c", "user.name=A Person", "-c", "user.email=person@example.org")
    done = subprocess.run(["git", *identity, *words], cwd=cwd, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with two folders of sources, one that git ignores, another repository inside, and a worktree."""
    top = tmp_path / "repository"
    for path, text in {
        "models/net.py": MODEL,
        "scripts/train.py": TRAIN,
        "runs/dump.py": BAD,
        "scripts/local.py": BAD,
        "vendor/lib/bad.py": BAD,
        "vendor/lib/generated/bad.py": BAD,
        ".gitignore": "/runs/\nlocal.py\n",
        "vendor/lib/.gitignore": "generated/\n",
    }.items():
        (top / path).parent.mkdir(parents=True, exist_ok=True)
        (top / path).write_text(text)
    git("init", "--quiet", cwd=top / "vendor" / "lib")
    git("init", "--quiet", cwd=top)
    git("add", ".gitignore", "models", "scripts", cwd=top)
    git("commit", "--quiet", "--message", "all", cwd=top)
    return top


def files(*words: str, cwd: Path) -> list[str]:
    """The files with findings, as they are shown."""
    done = torchlint(*words, cwd=cwd)
    assert done.returncode in (0, 1), done.stderr
    return [line.split(":")[0].replace(os.sep, "/") for line in done.stdout.splitlines()]


def test_what_git_ignores_is_passed_over(repository: Path) -> None:
    assert files(cwd=repository) == ["scripts/train.py", "vendor/lib/bad.py"]
    everything = ["runs/dump.py", "scripts/local.py", "scripts/train.py", "vendor/lib/bad.py"]
    assert files("--no-respect-gitignore", cwd=repository) == [*everything, "vendor/lib/generated/bad.py"]


def test_paths_start_where_it_is_run(repository: Path) -> None:
    assert files("..", cwd=repository / "models") == ["../scripts/train.py", "../vendor/lib/bad.py"]
    assert files("../vendor", cwd=repository / "models") == ["../vendor/lib/bad.py"]
    assert files(".", cwd=repository / "vendor") == ["lib/bad.py"]
    assert files(str(repository / "scripts"), cwd=repository) == [(repository / "scripts/train.py").as_posix()]


def test_ignored_folders_and_files_that_are_named(repository: Path) -> None:
    assert files("runs/dump.py", "scripts/local.py", cwd=repository) == ["runs/dump.py", "scripts/local.py"]
    assert files("--force-exclude", "runs/dump.py", "scripts/local.py", cwd=repository) == []
    assert files("--force-exclude", "../runs/dump.py", "local.py", cwd=repository / "scripts") == []


def test_a_file_is_judged_with_what_it_imports_from_the_working_folder(repository: Path) -> None:
    """As in a commit that touches one file: others are read where they are imported, though they are not linted."""
    assert files("scripts/train.py", cwd=repository) == ["scripts/train.py"]
    assert files(str(repository / "scripts" / "train.py"), cwd=repository) != []
    assert files("repository/scripts/train.py", cwd=repository.parent) != []


def test_a_file_is_judged_with_what_it_imports_from_the_top_of_its_repository(repository: Path, tmp_path: Path) -> None:
    """Wherever one stands, as editors do."""
    assert files("train.py", cwd=repository / "scripts") == ["train.py"]
    assert files("../scripts", cwd=repository / "models") == ["../scripts/train.py"]
    (tmp_path / "elsewhere").mkdir()
    assert files(str(repository / "scripts" / "train.py"), cwd=tmp_path / "elsewhere") != []
    # what lies above the top is another's
    (tmp_path / "models").mkdir()
    (repository / "models" / "net.py").rename(tmp_path / "models" / "net.py")
    assert files("train.py", cwd=repository / "scripts") == []
    assert files(str(repository / "scripts" / "train.py"), cwd=tmp_path / "elsewhere") == []


def test_staged_files(repository: Path) -> None:
    """As a hook of one's own does it; the content is that of the working folder."""
    (repository / "scripts" / "second.py").write_text(BAD)
    git("add", "scripts/second.py", cwd=repository)
    staged = git("diff", "--cached", "--name-only", cwd=repository).split()
    assert files("--force-exclude", *staged, cwd=repository) == ["scripts/second.py"]


def test_a_worktree_beside_the_repository(repository: Path, tmp_path: Path) -> None:
    """Its `.git` is a file; so is that of a submodule."""
    git("worktree", "add", "--quiet", str(tmp_path / "beside"), cwd=repository)
    (tmp_path / "beside" / "scripts" / "local.py").write_text(BAD)
    assert files(cwd=tmp_path / "beside") == ["scripts/train.py"]


def test_python_m(repository: Path) -> None:
    """The repository's own modules do not take the place of torchlint's, or of what it uses."""
    for name in ("json", "rich", "torchlint", "pathspec", "argparse"):
        (repository / f"{name}.py").write_text("raise SystemExit('hostile')\n")
    script = Path(sys.executable).parent / "torchlint"
    done = subprocess.run([script, "--quiet", "models"], cwd=repository, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
