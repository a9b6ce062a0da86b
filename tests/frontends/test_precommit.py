"""The hooks as people use them: real pre-commit, in real git repositories, installed from a clone of this project."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.frontends.programs import MODEL, TRAIN

ROOT = Path(__file__).parents[2]
NOT_SHIPPED = shutil.ignore_patterns(".git", "__pycache__", ".*_cache", "*.egg-info", ".venv", "build", "dist")
MENDED = TRAIN.replace("BCELoss", "BCEWithLogitsLoss")
#: Settings of the person who runs the tests, which are not to count.
PERSONAL = ("GIT_", "PRE_COMMIT", "PYTHON", "VIRTUAL_ENV", "SKIP", "FORCE_COLOR", "NO_COLOR")


def environment(home: Path) -> dict[str, str]:
    """That of these tests, with git and pre-commit as on a new machine; where pip finds packages stays as it is."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(PERSONAL)}
    identity = {
        f"GIT_{role}_{part}": text
        for role in ("AUTHOR", "COMMITTER")
        for part, text in (("NAME", "A Person"), ("EMAIL", "person@example.org"))
    }
    return {
        **kept,
        **identity,
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "PRE_COMMIT_HOME": str(home / "pre-commit"),
        "PYTHONUTF8": "1",
    }


def run(*words: str | Path, cwd: Path, env: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(words, cwd=cwd, capture_output=True, text=True, encoding="utf-8", env=env)


def git(*words: str, cwd: Path, env: Mapping[str, str]) -> str:
    done = run("git", *words, cwd=cwd, env=env)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@dataclass(frozen=True)
class Hooks:
    """A git repository that holds this project as it is now, which pre-commit installs from, once for all tests."""

    repository: Path
    revision: str
    env: Mapping[str, str]


@pytest.fixture(scope="session")
def hooks(tmp_path_factory: pytest.TempPathFactory) -> Hooks:
    home = tmp_path_factory.mktemp("home")
    env = environment(home)
    clone = home / "torchlint"
    # a copy of the files, not a clone: what is not committed counts too, and an archive without .git is enough
    shutil.copytree(ROOT, clone, ignore=NOT_SHIPPED)
    git("init", "--quiet", cwd=clone, env=env)
    git("add", "--all", "--force", cwd=clone, env=env)
    git("commit", "--quiet", "--message", "as it is", cwd=clone, env=env)
    return Hooks(clone, git("rev-parse", "HEAD", cwd=clone, env=env).strip(), env)


@dataclass(frozen=True)
class Repository:
    """Somebody's project, under git, with one of the hooks installed."""

    folder: Path
    env: Mapping[str, str]

    def write(self, **files: str) -> None:
        """Write Python files, and stage them; two underscores in a name stand for a slash."""
        for name, text in files.items():
            path = self.folder / (name.replace("__", "/") + ".py")
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
        self.stage()

    def stage(self) -> None:
        """Stage everything."""
        git("add", "--all", cwd=self.folder, env=self.env)

    def commit(self) -> str:
        """Commit what is staged: what the hook says, or nothing if it lets the commit pass."""
        before = self.commits()
        done = run("git", "commit", "--message", "a change", cwd=self.folder, env=self.env)
        assert self.commits() == before + (done.returncode == 0)
        return done.stdout + done.stderr if done.returncode else ""

    def commits(self) -> int:
        """How many commits there are."""
        return len(git("rev-list", "--all", cwd=self.folder, env=self.env).splitlines())


def configuration(hooks: Hooks, hook: str, arguments: str = "") -> str:
    """A configuration as people write it."""
    return (
        f"repos:\n- repo: {hooks.repository.as_posix()}\n  rev: {hooks.revision}\n  hooks:\n  - id: {hook}\n"
        f"    args: [{arguments}]\n"
    )


def make(hooks: Hooks, folder: Path, hook: str, arguments: str = "") -> Repository:
    """A new repository with that hook installed."""
    folder.mkdir()
    git("init", "--quiet", cwd=folder, env=hooks.env)
    (folder / ".pre-commit-config.yaml").write_text(configuration(hooks, hook, arguments))
    done = run(sys.executable, "-m", "pre_commit", "install", cwd=folder, env=hooks.env)
    assert done.returncode == 0, done.stdout + done.stderr
    return Repository(folder, hooks.env)


@pytest.fixture
def repository(hooks: Hooks, tmp_path: Path) -> Repository:
    """A repository with the hook `torchlint`."""
    return make(hooks, tmp_path / "project", "torchlint")


def test_the_manifest_is_valid(hooks: Hooks) -> None:
    manifest = ROOT / ".pre-commit-hooks.yaml"
    done = run(sys.executable, "-m", "pre_commit", "validate-manifest", manifest, cwd=ROOT, env=hooks.env)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_configuration_in_the_readme_is_valid(hooks: Hooks, tmp_path: Path) -> None:
    (block,) = re.findall(r"```yaml\n(# \.pre-commit-config.*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL)
    (tmp_path / "config.yaml").write_text(block)
    done = run(sys.executable, "-m", "pre_commit", "validate-config", "config.yaml", cwd=tmp_path, env=hooks.env)
    assert done.returncode == 0, done.stdout + done.stderr
    known = re.findall(r"^- id: (\S+)", (ROOT / ".pre-commit-hooks.yaml").read_text("utf-8"), re.MULTILINE)
    assert set(re.findall(r"- id: (\S+)", block)) <= set(known)


def test_a_commit_with_a_bug_is_stopped_and_passes_when_it_is_mended(repository: Repository) -> None:
    repository.write(model=MODEL, train=TRAIN)
    assert "train.py:11:5: TL101 " in repository.commit()
    repository.write(train=MENDED)
    assert repository.commit() == ""


def test_what_is_not_staged_is_not_judged(repository: Repository) -> None:
    repository.write(model=MODEL, train=MENDED)
    (repository.folder / "train.py").write_text(TRAIN)
    assert repository.commit() == ""
    assert (repository.folder / "train.py").read_text() == TRAIN
    repository.stage()
    (repository.folder / "train.py").write_text(MENDED)
    assert "TL101" in repository.commit()


def test_a_file_is_judged_with_what_it_imports(repository: Repository) -> None:
    """Only the program is in the commit; the model, which is not, stands in another folder."""
    repository.write(models__net=MODEL, README="")
    assert repository.commit() == ""
    repository.write(scripts__train=TRAIN.replace("from model import", "from models.net import"))
    assert "scripts/train.py:11:5: TL101 " in repository.commit()


def test_what_others_make_of_a_changed_file_is_asked_of_the_whole_project(hooks: Hooks, tmp_path: Path) -> None:
    right = MODEL.replace("self.head(x)", "self.head(x).sigmoid()")
    for hook, said in (("torchlint", False), ("torchlint-project", True)):
        repository = make(hooks, tmp_path / hook, hook)
        repository.write(model=right, train=TRAIN)
        assert repository.commit() == ""
        repository.write(model=MODEL)
        assert ("train.py:11:5: TL101 " in repository.commit()) is said


def test_many_files_are_one_run(repository: Repository) -> None:
    """Dealt out to several processes, the files would be judged several times over."""
    copies = {f"train{n}": TRAIN for n in range(40)}
    repository.write(model=MODEL, **copies)
    said = repository.commit()
    assert said.count(" TL101 ") == 40
    assert said.count("41 files checked") == 1


def test_exclusions_of_the_configuration_hold(repository: Repository) -> None:
    (repository.folder / "pyproject.toml").write_text('[tool.torchlint]\nexclude = ["/old/"]\n')
    repository.write(model=MODEL, old__train=TRAIN.replace("from model", "from ..model"))
    assert repository.commit() == ""


def test_arguments(hooks: Hooks, tmp_path: Path) -> None:
    repository = make(hooks, tmp_path / "project", "torchlint", "--ignore, TL101")
    repository.write(model=MODEL, train=TRAIN)
    assert repository.commit() == ""


@pytest.mark.parametrize(("hook", "arguments"), [("torchlint", "--fix"), ("torchlint-fix", "")])
def test_a_safe_fix_is_made_and_left_to_be_staged(hooks: Hooks, tmp_path: Path, hook: str, arguments: str) -> None:
    """pre-commit stops the commit, since a file has changed; what the person stages then passes."""
    repository = make(hooks, tmp_path / "project", hook, arguments)
    repository.write(model=MODEL, train=TRAIN)
    assert "files were modified by this hook" in repository.commit()
    assert (repository.folder / "train.py").read_text() == MENDED
    repository.stage()
    assert repository.commit() == ""
