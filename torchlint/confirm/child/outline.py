"""What would be run to build models, as text: JSON on standard input, JSON on standard output. Nothing is run.

It is a program of its own, for a Python that need not have torch, and is given none: where `build` and what it imports
name torch, they get `Nothing`, so that no model could be built here if something tried.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import json
import os
import sys
from types import ModuleType
from typing import Any


class Nothing(ModuleType):
    """Stands for torch and all that is in it: it can be named, subclassed, and no more."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name.endswith("__"):
            raise AttributeError(name)
        return Nothing(f"{self.__name__}.{name}")

    def __mro_entries__(self, bases: object) -> tuple[type, ...]:
        return ()


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds `Nothing` where torch is imported."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> importlib.machinery.ModuleSpec | None:
        own = name.partition(".")[0] == "torch"
        return importlib.machinery.ModuleSpec(name, self, is_package=True) if own else None

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        return Nothing(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """There is nothing in it."""


def run(job: dict[str, Any]) -> list[str]:
    """The text for each of ``specs`` (see `build.build`), from the project ``root`` with ``files``."""
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    sys.meta_path.insert(0, _Finder())
    import build
    import loader
    import stand_ins

    stand_ins.install = lambda: None  # changes torch, of which there is none
    project = loader.Project(job["root"], job["files"])
    texts: list[str] = []
    for spec in job["specs"]:
        try:
            texts.append(build.slice_text(project, spec))
        except Exception as error:
            texts.append(f"# cannot be read: {type(error).__name__}: {error}")
    return texts


if __name__ == "__main__":
    json.dump(run(json.load(sys.stdin)), sys.stdout)
