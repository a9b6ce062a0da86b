"""Tests of what runs in a project's interpreter: each in a forked process, since the child's modules change torch.

`answer(folder, work)` calls `work(project)` in the fork, its working directory the folder, and gives back what it
returns; `build_one` and `ran` are the two calls that most tests make.
"""

from __future__ import annotations

import os
import pickle
import resource
import sys
import textwrap
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

CHILD = Path(__file__).resolve().parents[2] / "torchlint" / "confirm" / "child"

torch.zeros(2, device="meta")  # what is imported lazily is imported before the fork


def written(folder: Path, files: Mapping[str, str]) -> Path:
    """Writes the files of a project, dedented."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text).lstrip("\n"))
    return folder


def answer(folder: Path, work: Callable[[Any], Any], files: Mapping[str, str] | None = None) -> Any:
    """What `work(project)` returns in a forked process; its failure is this test's."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(reading)
            resource.setrlimit(resource.RLIMIT_CPU, (60, 60))
            os.chdir(folder)
            torch.set_num_threads(1)
            sys.path.insert(0, str(CHILD))
            from loader import Project

            content = pickle.dumps((True, work(Project(str(folder), files or {}))))
        except BaseException:
            content = pickle.dumps((False, traceback.format_exc()))
        with os.fdopen(writing, "wb") as pipe:
            pipe.write(content)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        content = pipe.read()
    os.waitpid(child, 0)
    assert content, "the process died"
    good, value = pickle.loads(content)
    assert good, value
    return value


def row_of(folder: Path, path: str, part: str) -> dict[str, Any]:
    """The place where a piece of text starts, as a spec names it."""
    for number, line in enumerate((folder / path).read_text().splitlines(), 1):
        if part in line:
            return {"path": path, "row": number, "column": line.index(part) + 1}
    raise AssertionError(f"{part} is not in {path}")


def attempt(project: Any, spec: Mapping[str, Any], seconds: float = 10.0) -> dict[str, Any]:
    """Builds the model of a spec: its recipe and layers, or the reason why there is none."""
    import build

    try:
        built = build.build(project, spec, seconds)
    except build.BuildError as error:
        return {"reason": error.reason, "message": error.message, "path": error.path, "line": error.line}
    return {
        "kind": built.recipe.kind,
        "text": built.recipe.text,
        "path": built.recipe.path,
        "row": built.recipe.row,
        "guessed": built.recipe.guessed,
        "model": str(built.model),
    }


def build_one(folder: Path, files: Mapping[str, str], site: str | None = None, **spec: Any) -> dict[str, Any]:
    """Builds the model made where `site` (`"train.py: Net(3)"`) stands, or of the class named in the spec."""
    written(folder, files)
    if site is not None:
        path, _, part = site.partition(": ")
        spec = {**row_of(folder, path, part), **spec}
    found: dict[str, Any] = answer(folder, lambda project: attempt(project, spec))
    return found


def ran(folder: Path, files: Mapping[str, str], wanted: Any = None, hints: Any = None, **spec: Any) -> dict[str, Any]:
    """Builds a model and finds its inputs: their shapes, dtypes, and how they were found."""
    written(folder, files)

    def work(project: Any) -> dict[str, Any]:
        import build
        import infer

        built = build.build(project, spec, 10.0)
        try:
            inputs = infer.find_inputs(built, wanted, hints or {}, 20.0)
        except infer.InferError as error:
            return {"reason": error.reason, "message": error.message, "line": error.line}
        return {
            "shapes": inputs.shapes,
            "dtypes": [str(one.dtype).removeprefix("torch.") for one in inputs.tensors],
            "known": inputs.known,
            "how": inputs.how,
            "tried": inputs.tried,
            "output": inputs.output,
            "range": [(float(one.min()), float(one.max())) for one in inputs.tensors],
            "kind": built.recipe.kind,
        }

    found: dict[str, Any] = answer(folder, work)
    return found
