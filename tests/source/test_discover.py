from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from torchlint.source.discover import discover, matcher


def tree(root: Path, files: dict[str, str] | list[str]) -> None:
    for name in files:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(files[name] if isinstance(files, dict) else "import torch\n", encoding="utf-8")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / ".git").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_python_files_below_a_folder_sorted(project: Path) -> None:
    tree(project, ["train.py", "data/loader.py", "data/types.pyi", "README.md", "notebook.ipynb", "model.pyc"])
    assert discover(["."]) == ["data/loader.py", "data/types.pyi", "notebook.ipynb", "train.py"]


def test_paths_are_reported_as_given(project: Path) -> None:
    tree(project, ["src/train.py"])
    assert discover(["./src"]) == ["src/train.py"]
    assert discover(["./src/train.py"]) == ["src/train.py"]
    assert discover([str(project / "src")]) == [str(project / "src" / "train.py")]
    assert discover(["src/"]) == ["src/train.py"]


def test_a_file_named_twice_is_listed_once(project: Path) -> None:
    tree(project, ["src/train.py"])
    assert discover(["src", "src/train.py", ".", str(project)]) == ["src/train.py"]


def test_default_excludes_count_below_the_root_only(project: Path) -> None:
    tree(project, ["a.py", "build/b.py", "venv/lib/site-packages/c.py", "x/node_modules/d.py", "x/__pycache__/e.py"])
    assert discover(["."]) == ["a.py"]
    assert discover(["build"]) == ["build/b.py"]
    assert discover(["venv/lib/site-packages"]) == ["venv/lib/site-packages/c.py"]


def test_a_named_file_is_taken_unless_forced(project: Path) -> None:
    tree(project, {".gitignore": "runs/\n", "runs/dump.py": "", "build/b.py": "", "a.py": ""})
    assert discover(["runs/dump.py", "build/b.py"]) == ["build/b.py", "runs/dump.py"]
    assert discover(["runs/dump.py", "build/b.py", "a.py"], force_exclude=True) == ["a.py"]
    assert discover(["runs", "build"], force_exclude=True) == []
    assert discover(["a.py"], excluded=lambda path, is_folder: path.endswith("a.py"), force_exclude=True) == []


def test_a_named_file_of_any_suffix_is_taken(project: Path) -> None:
    tree(project, ["train"])
    assert discover(["train"]) == ["train"]


def test_gitignore_nests_and_negates(project: Path) -> None:
    tree(
        project,
        {
            ".gitignore": "# generated\n*_pb2.py\n/local.py\nout/\n",
            "a_pb2.py": "",
            "local.py": "",
            "sub/local.py": "",
            "out/x.py": "",
            "sub/.gitignore": "!keep_pb2.py\ndraft*.py\n",
            "sub/keep_pb2.py": "",
            "sub/other_pb2.py": "",
            "sub/draft1.py": "",
            "draft1.py": "",
        },
    )
    assert discover(["."]) == ["draft1.py", "sub/keep_pb2.py", "sub/local.py"]
    assert discover(["."], respect_gitignore=False) == [
        "a_pb2.py", "draft1.py", "local.py", "out/x.py", "sub/draft1.py", "sub/keep_pb2.py", "sub/local.py",
        "sub/other_pb2.py",
    ]  # fmt: skip


def test_gitignore_of_parents_counts_up_to_the_top_of_the_repository(project: Path) -> None:
    tree(
        project,
        {"repo/.gitignore": "gen_*.py\n", "repo/pkg/gen_a.py": "", "repo/pkg/b.py": "", ".gitignore": "b.py\n"},
    )
    (project / "repo" / ".git").mkdir()
    assert discover(["repo/pkg"]) == ["repo/pkg/b.py"]


def test_what_only_this_clone_ignores(project: Path) -> None:
    tree(project, {".git/info/exclude": "# mine\nscratch*.py\n", ".gitignore": "!scratch_kept.py\n"})
    tree(project, ["scratch.py", "scratch_kept.py", "sub/scratch1.py", "sub/a.py"])
    assert discover(["."]) == ["scratch_kept.py", "sub/a.py"]
    assert discover(["sub"]) == ["sub/a.py"]


def test_an_ignore_file_that_never_ends(project: Path) -> None:
    tree(project, ["a.py", "sub/b.py"])
    os.mkfifo(project / ".gitignore")
    os.symlink("/dev/zero", project / "sub" / ".gitignore")
    assert discover(["."]) == ["a.py", "sub/b.py"]


def test_without_a_repository_parents_do_not_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree(tmp_path, {".gitignore": "a.py\n", "pkg/a.py": "", "pkg/sub/.gitignore": "b.py\n", "pkg/sub/b.py": ""})
    monkeypatch.chdir(tmp_path / "pkg")
    assert discover(["."]) == ["a.py"]


def test_exclude_patterns(project: Path) -> None:
    tree(project, ["train.py", "tests/test_a.py", "legacy/old.py", "pkg/legacy/old.py"])

    def by(*patterns: str) -> list[str]:
        matches = matcher(str(project), patterns)
        return discover(["."], excluded=lambda path, is_folder: bool(matches(path + "/" if is_folder else path)))

    assert by("tests", "/legacy") == ["pkg/legacy/old.py", "train.py"]
    assert by("**/old.py", "!![") == ["tests/test_a.py", "train.py"]


def test_links_that_go_round(project: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    outside = tmp_path_factory.mktemp("outside")
    tree(project, ["pkg/a.py", "pkg/sub/b.py"])
    tree(outside, ["shared/c.py"])
    os.symlink(project, project / "pkg" / "up")
    os.symlink(project / "pkg" / "sub", project / "pkg" / "again")
    os.symlink(outside / "shared", project / "shared")
    os.symlink(project, outside / "shared" / "back")
    os.symlink(outside / "shared", outside / "shared" / "self")
    os.symlink("nowhere.py", project / "broken.py")
    assert discover(["."]) == ["pkg/a.py", "pkg/sub/b.py", "shared/c.py"]


def test_no_paths_no_files(project: Path) -> None:
    assert discover([]) == []


def test_pathspec_is_imported_only_when_a_pattern_is_there(project: Path) -> None:
    tree(project, ["a.py"])
    ask = (
        "import sys; from torchlint.source.discover import discover; discover(['.']); print('pathspec' in sys.modules)"
    )
    here = str(Path(__file__).parents[2])
    env = {**os.environ, "PYTHONPATH": here}

    def imported() -> str:
        return subprocess.run([sys.executable, "-c", ask], env=env, capture_output=True, text=True, check=True).stdout

    assert imported() == "False\n"
    tree(project, {".gitignore": "*.log\n"})
    assert imported() == "True\n"
