"""The project's files as modules: purified, executed once, never imported raw.

A project module's globals hold `__builtins__` of their own, a dict with three changes: `__import__` is the project's
(it resolves names as the file's folder would, gives purified modules, and stubs for packages that are missing);
`open` reads below the project's root and nowhere else; and a name that is in no dict is looked up again, which is
where the lazy parts of a module are run. Nothing is put on `sys.path`, and modules are listed in `sys.modules` under
a prefix of their own, so that a project's `loader.py` neither hides nor is hidden by any other module.

A module's imports of libraries and its constructions (`net = Net()` at the top of a file) are *lazy*: run when the
name is first looked up. Definitions, constants and imports of other project files are run at once, in order, each
in its own `try`: what fails is unbound and remembered with its reason, and the rest goes on.
"""

from __future__ import annotations

import ast
import builtins
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import io
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from types import ModuleType
from typing import Any, NoReturn

import stand_ins
import torch
from slicer import UNBIND, Piece, closure
from sources import ALWAYS_INSTALLED, LARGEST_FILE, Files, LoadError, Source
from stand_ins import PROJECT, Stub

LARGEST_EAGER_PACKAGE = 40  # files


class DroppedError(NameError):
    """A name was looked up that only statements bind which are not run, or which failed."""

    def __init__(self, name: str, row: int, cause: BaseException | None = None) -> None:
        super().__init__(f"`{name}` is not known without running line {row}" + (f" ({cause})" if cause else ""))
        self.dropped, self.row, self.cause = name, row, cause


class Space(dict[str, Any]):
    """The `__builtins__` of one namespace: builtins first, then what `lookup` finds.

    `lookup(name)` returns the value or raises KeyError (no such name) or DroppedError.
    """

    def __init__(self, content: Mapping[str, Any], lookup: Any) -> None:
        super().__init__(content)
        self.lookup = lookup

    def __missing__(self, name: str) -> Any:
        return self.lookup(name)


class LazyModule(ModuleType):
    """A project module; attributes that are lazy are made when they are asked for."""

    def __getattr__(self, name: str) -> Any:
        lookup = self.__dict__.get("__torchlint_lookup__")
        if lookup is None or (name.startswith("__") and name.endswith("__")):
            raise AttributeError(name)
        try:
            return lookup(name)
        except DroppedError as error:
            raise AttributeError(str(error)) from error
        except KeyError:
            raise AttributeError(f"module {self.__name__[len(PROJECT) + 1 :]!r} has no attribute {name!r}") from None


class Project(Files):
    """A project whose files can be had as modules."""

    def __init__(self, root: str, files: Mapping[str, str]) -> None:
        super().__init__(root, files)
        self._modules: dict[str, LazyModule] = {}
        self._failed: dict[str, LoadError] = {}
        self._missing: dict[str, bool] = {}
        stand_ins.install()
        self._finder = _ProjectFinder(self)
        sys.meta_path[:] = [one for one in sys.meta_path if not isinstance(one, _ProjectFinder)]
        sys.meta_path.insert(0, self._finder)
        for name in [name for name in sys.modules if name == PROJECT or name.startswith(PROJECT + ".")]:
            del sys.modules[name]

    # -- execution --

    def module(self, path: str) -> ModuleType:
        """The file's module, purified and executed once; LoadError when it cannot be read or parsed."""
        if path in self._modules:
            return self._modules[path]
        if path in self._failed:
            raise self._failed[path]
        dotted_name = path[:-3] if path.endswith(".py") else path.rstrip("/")
        if dotted_name.endswith("__init__"):
            dotted_name = dotted_name[:-9]
        module = LazyModule(f"{PROJECT}.{dotted_name.strip('/').replace('/', '.')}".rstrip("."))
        folder = path.rstrip("/") if path.endswith("/") else os.path.dirname(path)
        if path.endswith(("/", "__init__.py")):
            module.__path__ = [os.path.join(self.root, folder)]
        module.__file__ = os.path.join(self.root, path)
        module.__package__ = f"{PROJECT}.{folder.replace('/', '.')}".rstrip(".")
        self._modules[path] = module
        sys.modules[module.__name__] = module
        if path.endswith("/"):
            module.__dict__["__torchlint_path__"] = path
            return module
        try:
            source = self.source(path)
        except LoadError as error:
            self._failed[path] = error
            del self._modules[path], sys.modules[module.__name__]
            raise
        runner = Runner(self, source, module.__dict__)
        module.__dict__["__torchlint_path__"] = path
        module.__dict__["__torchlint_lookup__"] = runner.lookup
        module.__dict__["__torchlint_runner__"] = runner
        runner.run_module()
        return module

    def runner(self, path: str) -> Runner:
        """What ran the module of the file."""
        found = self.module(path).__dict__.get("__torchlint_runner__")
        if not isinstance(found, Runner):
            raise LoadError("load", "a folder is no module", path)
        return found

    def forget(self) -> None:
        """Lets go of everything constructed at the top of modules, so that two builds share no weights."""
        for module in self._modules.values():
            runner = module.__dict__.get("__torchlint_runner__")
            if isinstance(runner, Runner):
                runner.forget()

    def import_for(
        self, source: Source, row: int, name: str, fromlist: Sequence[str], level: int, strict: bool = False
    ) -> Any:
        """What an import statement in the file gives: `__import__` for the project's own code."""
        path = self.resolve(source.path, name, level)
        if path is None and level == 0:
            return self._import_library(source, row, name, fromlist)
        if path is None:
            raise ImportError(f"no module {'.' * level}{name}")
        if not fromlist and level == 0:
            top = name.split(".")[0]
            top_path = self.resolve(source.path, top, 0)
            module = self.module(top_path) if top_path is not None else self.module(path)
            here = module
            for part in name.split(".")[1:]:
                here = self._submodule(here, part)
            return module
        module = self.module(path)
        for one in fromlist or ():
            if one != "*" and not _has(module, one):
                try:
                    self._submodule(module, one)
                except LoadError as error:
                    if error.reason != "not_found":
                        raise ImportError(error.message) from error
                    runner = module.__dict__.get("__torchlint_runner__")
                    if isinstance(runner, Runner) and one in runner.dropped:
                        raise ImportError(f"{one} cannot be imported") from runner.dropped[one]
        return module

    def _submodule(self, module: ModuleType, name: str) -> ModuleType:
        path = str(module.__dict__.get("__torchlint_path__", ""))
        folder = path.rstrip("/") if path.endswith("/") else os.path.dirname(path)
        if not path.endswith(("/", "__init__.py")):
            raise LoadError("not_found", f"{name} is no module", path)
        found = self.below(folder, [name])
        if found is None:
            raise LoadError("not_found", f"there is no module {name}", path)
        inner = self.module(found)
        module.__dict__.setdefault(name, inner)
        return inner

    def _import_library(self, source: Source, row: int, name: str, fromlist: Sequence[str]) -> Any:
        if not self._missing.get(name, False):
            try:
                with _NoStubs():
                    module = builtins.__import__(name, {}, {}, list(fromlist), 0)
                for one in fromlist or ():
                    if one != "*" and not hasattr(module, one) and not any(a <= row <= b for a, b in source.guarded):
                        setattr(module, one, Stub(f"{name}.{one}"))
                return module
            except Exception:
                self._missing[name] = True
        if any(first <= row <= last for first, last in source.guarded):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return Stub(name if fromlist else name.split(".")[0])

    def open(self, file: Any, mode: str = "r", *arguments: Any, **keywords: Any) -> Any:
        """The `open` of project code: reads files below the root, and nothing else."""
        if set(mode) & set("wax+"):
            raise PermissionError("files are not written")
        full = os.path.realpath(os.path.join(self.root, str(file)))
        if not full.startswith(self.root + os.sep) or os.path.getsize(full) > LARGEST_FILE:
            raise PermissionError("only small files of the project are read")
        return io.open(full, mode, *arguments, **keywords)  # noqa: UP020 - `open` is this method's name


class _NoStubs:
    """Marks the time in which a library is imported: what it fails to import itself is its own business."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, *unused: object) -> None:
        return None


class _ProjectFinder(importlib.abc.MetaPathFinder):
    """Gives purified modules to whatever imports project files by the ordinary machinery (`importlib`, a library)."""

    def __init__(self, project: Project) -> None:
        self.project = project

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> importlib.machinery.ModuleSpec | None:
        """A spec for project files only: by our prefix, or where the ordinary search would end below the root."""
        project = self.project
        if name == PROJECT or name.startswith(PROJECT + "."):
            own = project.below("", name.split(".")[1:])
        else:
            top = name.partition(".")[0]
            if top in sys.stdlib_module_names or top in ALWAYS_INSTALLED:
                return None
            try:
                found = importlib.machinery.PathFinder.find_spec(name, path)
            except Exception:
                return None
            origin = os.path.realpath(found.origin) if found is not None and found.origin else ""
            if not origin.startswith(project.root + os.sep) or "site-packages" in origin[len(project.root) :]:
                return None
            if origin.startswith((os.path.realpath(sys.prefix) + os.sep, os.path.realpath(sys.base_prefix) + os.sep)):
                return None
            own = os.path.relpath(origin, project.root).replace(os.sep, "/")
        if own is None:
            return None
        return importlib.machinery.ModuleSpec(
            name, _PurifiedLoader(project, own), is_package=own.endswith("__init__.py")
        )


class _PurifiedLoader(importlib.abc.Loader):
    def __init__(self, project: Project, path: str) -> None:
        self.project, self.path = project, path

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        """The project's module of the file."""
        try:
            return self.project.module(self.path)
        except LoadError as error:
            raise ImportError(error.message) from error

    def exec_module(self, module: ModuleType) -> None:
        """Nothing: the module has been executed."""


class Runner:
    """Runs the pieces of one block in one namespace, each by itself, and knows why a name is not there."""

    def __init__(self, project: Project, source: Source, space: dict[str, Any]) -> None:
        self.project, self.source, self.space = project, source, space
        self.dropped: dict[str, DroppedError] = {}
        self.lazy: set[str] = set()
        self._names_read: set[str] | None = None
        self.made: set[str] = set()  # constructions that were asked for, and are kept
        self._running: set[str] = set()
        self.fallback: Any = None  # asked for names that this block does not bind
        prepare(project, source, space, self.lookup)
        space[UNBIND] = self.unbind

    def unbind(self, names: Iterable[str], row: int) -> None:
        """Takes names away whose values are not known after the statement in the row."""
        for name in names:
            self.space.pop(name, None)
            self.dropped[name] = DroppedError(name, row)

    def run_module(self) -> None:
        """Runs what a module is made of at once, and notes what is lazy."""
        made: set[str] = set()  # names that constructions bind or change
        registries = {name for one in self.source.pieces if one.kind == "definition" for name in one.changes}
        for piece in self.source.pieces:
            if piece.kind == "import" and "*" not in piece.binds and self._may_wait(piece):
                self.lazy |= piece.binds
            elif piece.binds & registries:
                self.run(piece)  # decorators fill it while definitions are run
            elif piece.kind == "construction" or (piece.kind == "value" and (piece.reads | piece.changes) & made):
                made |= piece.touches
                self.lazy |= piece.touches
                for name in piece.touches:
                    self.space.pop(name, None)
            else:
                self.run(piece)
                self.lazy -= piece.binds - piece.changes

    def _may_wait(self, piece: Piece) -> bool:
        """Whether an import may be done when its names are needed: it is not there for what importing does."""
        if not self._of_project(piece.original):
            return True
        if self._names_read is None:
            nodes = ast.walk(self.source.tree)
            self._names_read = {node.id for node in nodes if isinstance(node, ast.Name)}
        if piece.binds <= self._names_read:
            return True
        # a package lists its parts, which may register themselves; a large library is not loaded for that
        if self.source.path.endswith("__init__.py"):
            folder = os.path.dirname(self.source.path)
            return sum(path.startswith(folder + "/") for path in self.project.paths()) > LARGEST_EAGER_PACKAGE
        return False

    def _of_project(self, node: ast.stmt) -> bool:
        aliases = self.source.judge.aliases
        if isinstance(node, ast.ImportFrom):
            return self.project.resolve(self.source.path, node.module or "", node.level) is not None or any(
                aliases.get(alias.asname or alias.name, "").startswith("?") for alias in node.names
            )
        if isinstance(node, ast.Import):
            return any(
                aliases.get(alias.asname or alias.name.split(".")[0], "").startswith("?") for alias in node.names
            )
        return False

    def run(self, piece: Piece) -> None:
        """Runs one piece; whatever it raises unbinds what it would have bound or changed."""
        if piece.kept is None:
            return
        if piece.kind == "import":
            self._import(piece)
            return
        try:
            exec(self.source.compile(piece.kept), self.space)
        except Exception as error:
            if piece.kind == "definition" and self._without_decorators(piece):
                return
            for name in piece.touches:
                self.space.pop(name, None)
                self.dropped[name] = DroppedError(name, piece.original.lineno, error)

    def _without_decorators(self, piece: Piece) -> bool:
        """Makes a class whose decorator failed once more without its decorators (registries of missing packages)."""
        node = piece.kept
        if not isinstance(node, ast.ClassDef) or not node.decorator_list:
            return False
        bare = ast.copy_location(ast.ClassDef(**{**dict(ast.iter_fields(node)), "decorator_list": []}), node)
        try:
            exec(self.source.compile(bare), self.space)
        except Exception:
            return False
        return True

    def _import(self, piece: Piece) -> None:
        node = piece.original
        assert isinstance(node, (ast.Import, ast.ImportFrom))
        for alias in node.names:
            one: ast.stmt = (
                ast.Import([alias])
                if isinstance(node, ast.Import)
                else ast.ImportFrom(node.module, [alias], node.level)
            )
            try:
                exec(self.source.compile(ast.copy_location(one, node)), self.space)
            except Exception as error:
                for name in (alias.asname or alias.name.split(".")[0],):
                    self.dropped[name] = DroppedError(name, node.lineno, error)

    def lookup(self, name: str) -> Any:
        """The value of a name that is in no dict: runs what binds it lazily, or raises KeyError or DroppedError."""
        if name in self.lazy and name not in self._running:
            self._running.add(name)
            try:
                return self._make(name)
            finally:
                self._running.discard(name)
        if name in self.dropped:
            raise self._fresh(self.dropped[name])
        for star in self.source.stars:
            if star in self.project._modules and self.project._modules[star].__dict__ is not self.space:
                module = self.project._modules[star]
                if _has(module, name):
                    return getattr(module, name)
        if self.fallback is not None:
            return self.fallback(name)
        raise KeyError(name)

    @staticmethod
    def _fresh(error: DroppedError) -> DroppedError:
        return DroppedError(error.dropped, error.row, error.cause)

    def _make(self, name: str) -> Any:
        binding = [piece for piece in self.source.pieces if name in piece.binds]
        if binding and all(piece.kind == "import" for piece in binding):
            for piece in binding:
                self._import(piece)
            self.lazy.discard(name)
            if name not in self.space:
                return self.lookup(name)
            return self.space[name]
        local: dict[str, Any] = {}
        runner = Runner(self.project, self.source, local)
        runner.fallback = self._definition_only
        for piece in closure(self.source.pieces, [name]):
            if piece.kind not in ("import", "definition"):
                runner.run(piece)
        if name not in local:
            if name in runner.dropped:
                raise self._fresh(runner.dropped[name])
            raise KeyError(name)
        self.space[name] = local[name]
        self.made.add(name)
        return local[name]

    def forget(self) -> None:
        """Lets go of constructed models: whoever asks next gets new ones, with weights of their own."""
        for name in [one for one in self.made if _holds_module(self.space.get(one))]:
            self.space.pop(name, None)
            self.made.discard(name)

    def waiting(self) -> bool:
        """Whether imports of project files wait for their names to be needed."""
        imports = [one for one in self.source.pieces if one.kind == "import" and one.binds & self.lazy]
        return any(self._of_project(one.original) and not one.binds <= set(self.space) for one in imports)

    def import_all(self) -> None:
        """Does the imports of project files that wait: one may register what another looks up."""
        for piece in self.source.pieces:
            if piece.kind == "import" and piece.binds & self.lazy and self._of_project(piece.original):
                self.lazy -= piece.binds
                self._import(piece)

    def _definition_only(self, name: str) -> Any:
        """A module's name for a slice of it: imports and definitions, not values, whose order matters."""
        if name in self.space and not name.startswith("__builtins__"):
            return self.space[name]
        return self.lookup(name)


def prepare(project: Project, source: Source, space: dict[str, Any], lookup: Any) -> None:
    """Gives a namespace the builtins of project code."""

    def import_(name: str, globals_: Any = None, locals_: Any = None, fromlist: Any = (), level: int = 0) -> Any:
        row = sys._getframe(1).f_lineno
        try:
            return project.import_for(source, row, name, fromlist or (), level)
        except LoadError as error:
            raise ImportError(error.message) from error

    def leave(*unused: object) -> NoReturn:
        raise RuntimeError("the program ends here")

    content = {
        **builtins.__dict__,
        "__import__": import_,
        "open": project.open,
        "print": lambda *values, **keywords: None,
        "input": leave,
        "exit": leave,
        "quit": leave,
        "breakpoint": lambda *values, **keywords: None,
        "__torchlint_without_weights__": stand_ins.without_weights,
    }
    space["__builtins__"] = Space(content, lookup)
    space.setdefault("__name__", f"{PROJECT}.{source.path[:-3].replace('/', '.')}")
    space.setdefault("__file__", os.path.join(project.root, source.path))


def _holds_module(value: Any) -> bool:
    """Whether the value is a model or holds one, directly or in an attribute."""
    held = list(value.values()) if isinstance(value, dict) else value if isinstance(value, (list, tuple)) else []
    attributes = getattr(value, "__dict__", {})
    inside = [*held, *attributes.values()] if isinstance(attributes, dict) else held
    return any(isinstance(one, torch.nn.Module) for one in [value, *inside])


def _has(module: ModuleType, name: str) -> bool:
    try:
        return hasattr(module, name)
    except Exception:
        return False


__all__ = ["DroppedError", "LazyModule", "LoadError", "Project", "Runner", "Source"]
