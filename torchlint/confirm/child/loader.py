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
from dataclasses import dataclass, field
from types import CodeType, ModuleType
from typing import Any, NoReturn

import stand_ins
from allowed import WEIGHT_KEYWORDS, Judge
from slicer import UNBIND, Piece, Purifier, closure, is_main_guard, text_of
from stand_ins import PROJECT, Stub, StubUsedError

LOAD_REASONS = ("load", "package_missing", "download_blocked", "not_found", "syntax", "dropped")
LARGEST_FILE = 1 << 20  # bytes; a larger file is data, not a program
ALWAYS_INSTALLED = frozenset({"torch", "numpy"})


class LoadError(Exception):
    """A file, or a name in it, cannot be had; `reason` is one of LOAD_REASONS."""

    def __init__(self, reason: str, message: str, path: str = "", line: int | None = None) -> None:
        super().__init__(message)
        self.reason, self.message, self.path, self.line = reason, message, path, line


class DroppedError(NameError):
    """A name was looked up that only statements bind which are not run, or which failed."""

    def __init__(self, name: str, row: int, cause: BaseException | None = None) -> None:
        super().__init__(f"`{name}` is not known without running line {row}" + (f" ({cause})" if cause else ""))
        self.dropped, self.row, self.cause = name, row, cause


class _WeightsOff(ast.NodeTransformer):
    """Turns calls with `pretrained=` and its like into calls through `without_weights`."""

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        if not any(keyword.arg in WEIGHT_KEYWORDS for keyword in node.keywords):
            return node
        helper = ast.copy_location(ast.Name("__torchlint_without_weights__", ast.Load()), node)
        return ast.copy_location(ast.Call(helper, [node.func, *node.args], node.keywords), node)


@dataclass
class Source:
    """One file, parsed and purified."""

    path: str
    tree: ast.Module
    pieces: list[Piece]
    judge: Judge
    purifier: Purifier
    functions: dict[str, ast.FunctionDef]
    classes: dict[str, ast.ClassDef]
    imports: dict[str, tuple[str, str | None]]  # name -> (project file, name in it or None for the module)
    stars: list[str]  # project files imported with a star
    guarded: list[tuple[int, int]]  # rows of the bodies of `try` with handlers
    flags: int = 0  # of `from __future__ import annotations`
    parents: dict[ast.AST, ast.AST] = field(default_factory=dict, repr=False)

    def compile(self, node: ast.stmt) -> CodeType:
        """Code of one statement as it is run, at the rows where it stands."""
        tree: ast.Module = _WeightsOff().visit(ast.Module([_copy(node)], []))
        ast.fix_missing_locations(tree)
        code: CodeType = compile(tree, self.path, "exec", flags=self.flags, dont_inherit=True)
        return code

    def compile_expression(self, node: ast.expr) -> CodeType:
        """Code of one expression."""
        tree: ast.Expression = _WeightsOff().visit(ast.Expression(_copy(node)))
        ast.fix_missing_locations(tree)
        code: CodeType = compile(tree, self.path, "eval", flags=self.flags, dont_inherit=True)
        return code


def _copy(node: Any) -> Any:
    """A deep copy of a tree (transforming must not touch the original)."""
    if isinstance(node, ast.AST):
        fresh = type(node)(**{name: _copy(value) for name, value in ast.iter_fields(node)})
        return ast.copy_location(fresh, node)
    return [_copy(one) for one in node] if isinstance(node, list) else node


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
        except KeyError:
            raise AttributeError(f"module {self.__name__[len(PROJECT) + 1 :]!r} has no attribute {name!r}") from None


class Project:
    """A project's files by their paths relative to the root; `files` are texts that stand for those on disk."""

    def __init__(self, root: str, files: Mapping[str, str]) -> None:
        self.root = os.path.realpath(root)
        self.files = dict(files)
        self._sources: dict[str, Source | LoadError] = {}
        self._modules: dict[str, LazyModule] = {}
        self._failed: dict[str, LoadError] = {}
        self._missing: dict[str, bool] = {}
        self._listing: list[str] | None = None
        stand_ins.install()
        self._finder = _ProjectFinder(self)
        sys.meta_path[:] = [one for one in sys.meta_path if not isinstance(one, _ProjectFinder)]
        sys.meta_path.insert(0, self._finder)
        for name in [name for name in sys.modules if name == PROJECT or name.startswith(PROJECT + ".")]:
            del sys.modules[name]

    # -- texts and trees --

    def exists(self, path: str) -> bool:
        """Whether the project has the file."""
        return path in self.files or os.path.isfile(os.path.join(self.root, path))

    def is_folder(self, path: str) -> bool:
        """Whether the project has the folder with Python files somewhere below it."""
        if any(name.startswith(path + "/") for name in self.files):
            return True
        folder = os.path.join(self.root, path)
        if not os.path.isdir(folder):
            return False
        for number, (_, _, names) in enumerate(os.walk(folder)):
            if any(name.endswith(".py") for name in names):
                return True
            if number > 30:
                return False
        return False

    def text(self, path: str) -> str:
        """The file's text; LoadError when there is none."""
        if path in self.files:
            return self.files[path]
        full = os.path.realpath(os.path.join(self.root, path))
        if not (full + os.sep).startswith(self.root + os.sep):
            raise LoadError("not_found", "the file lies outside of the project", path)
        try:
            if os.path.getsize(full) > LARGEST_FILE:
                raise LoadError("load", "the file is too large", path)
            with open(full, encoding="utf-8-sig", errors="replace") as file:
                return file.read()
        except OSError:
            raise LoadError("not_found", "the file cannot be read", path) from None

    def paths(self) -> list[str]:
        """Every Python file of the project, sorted; environments and hidden folders are left out."""
        if self._listing is None:
            found = {path for path in self.files if path.endswith(".py")}
            for folder, folders, names in os.walk(self.root):
                folders[:] = [
                    one
                    for one in sorted(folders)
                    if not one.startswith(".")
                    and one not in ("node_modules", "__pycache__", "site-packages", "build", "dist")
                    and not os.path.exists(os.path.join(folder, one, "pyvenv.cfg"))
                ]
                below = os.path.relpath(folder, self.root)
                for name in names:
                    if name.endswith(".py"):
                        found.add(name if below == "." else f"{below}/{name}".replace(os.sep, "/"))
                if len(found) > 5000:
                    break
            self._listing = sorted(found)
        return self._listing

    def source(self, path: str) -> Source:
        """The file parsed and purified; LoadError with the reason `syntax` or `not_found`."""
        known = self._sources.get(path)
        if known is None:
            try:
                known = self._read(path)
            except LoadError as error:
                known = error
            self._sources[path] = known
        if isinstance(known, LoadError):
            raise known
        return known

    def _read(self, path: str) -> Source:
        text = self.text(path)
        try:
            tree = ast.parse(text, path)
        except (SyntaxError, ValueError, RecursionError) as error:
            raise LoadError("syntax", str(error), path, getattr(error, "lineno", None)) from None
        aliases: dict[str, str] = {}
        imports: dict[str, tuple[str, str | None]] = {}
        stars: list[str] = []
        flags = 0
        guarded: list[tuple[int, int]] = []
        parents: dict[ast.AST, ast.AST] = {}
        for node in ast.walk(tree):
            for child in ast.iter_child_nodes(node):
                parents[child] = node
            if isinstance(node, ast.Try) and node.handlers:
                guarded.append((node.body[0].lineno, node.body[-1].end_lineno or node.body[-1].lineno))
            elif isinstance(node, ast.Import):
                for alias in node.names:
                    own = self.resolve(path, alias.name, 0)
                    name = alias.asname or alias.name.split(".")[0]
                    whole = alias.name if alias.asname else name
                    if own is not None:
                        target = own if alias.asname else self.resolve(path, name, 0)
                        if target is not None:
                            imports[name] = (target, None)
                    aliases[name] = ("?" if own is not None else "") + whole
            elif isinstance(node, ast.ImportFrom):
                base = "." * node.level + (node.module or "")
                if node.module == "__future__":
                    if any(alias.name == "annotations" for alias in node.names):
                        import __future__

                        flags |= __future__.annotations.compiler_flag
                    continue
                own = self.resolve(path, node.module or "", node.level)
                for alias in node.names:
                    if alias.name == "*":
                        if own is not None:
                            stars.append(own)
                        continue
                    name = alias.asname or alias.name
                    below = self.resolve(path, f"{node.module}.{alias.name}" if node.module else alias.name, node.level)
                    project = own is not None or below is not None or node.level > 0
                    aliases[name] = ("?" if project else "") + f"{base}.{alias.name}"
                    if own is not None and (below is None or self._defines(own, alias.name)):
                        imports[name] = (own, alias.name)
                    elif below is not None:
                        imports[name] = (below, None)
        functions: dict[str, ast.FunctionDef] = {}
        classes: dict[str, ast.ClassDef] = {}
        for node in _top_level(tree.body):
            if isinstance(node, ast.FunctionDef):
                functions[node.name] = node
            elif isinstance(node, ast.ClassDef):
                classes[node.name] = node

        def pure(name: str) -> bool:
            return self._pure_import(imports, name)

        judge = Judge(aliases, functions, frozenset(classes), pure)
        purifier = Purifier(judge)
        body = [one for one in tree.body if not (isinstance(one, ast.ImportFrom) and one.module == "__future__")]
        pieces = purifier.pieces(body)
        return Source(path, tree, pieces, judge, purifier, functions, classes, imports, stars, guarded, flags, parents)

    def _defines(self, path: str, name: str) -> bool:
        """Whether the text of the file seems to bind the name (a cheap look, for `from package import name`)."""
        try:
            text = self.text(path)
        except LoadError:
            return False
        return any(f"{word} {name}" in text for word in ("def", "class", "import")) or f"\n{name} =" in text

    def _pure_import(self, imports: Mapping[str, tuple[str, str | None]], dotted_name: str) -> bool:
        parts = dotted_name.split(".")
        if parts[0] not in imports:
            return False
        path, name = imports[parts[0]]
        rest = parts[1:] if name is None else [name, *parts[1:]]
        if len(rest) != 1:
            return False
        found = self.definition(path, rest[0])
        if found is None:
            return False
        try:
            source = self.source(found[0])
        except LoadError:
            return False
        return found[1] in source.functions and source.judge.pure(found[1])

    # -- names across files --

    def resolve(self, importer: str, module: str, level: int) -> str | None:
        """The project file (or folder, for a package without `__init__.py`) that an import in `importer` means."""
        parts = module.split(".") if module else []
        folder = os.path.dirname(importer)
        if level > 0:
            for _ in range(level - 1):
                folder = os.path.dirname(folder)
            return self._below(folder, parts)
        if not parts or parts[0] in ALWAYS_INSTALLED or parts[0] == "__future__":
            return None
        package = self.exists(_join(folder, "__init__.py"))
        if parts[0] in sys.stdlib_module_names and (package or not self.exists(_join(folder, parts[0] + ".py"))):
            return None
        folders: list[str] = []
        here = folder
        while True:
            folders.append(here)
            if not here:
                break
            here = os.path.dirname(here)
        if package:  # a package's own folder is not on the path of the program that imports it
            folders = [*folders[1:], folders[0]]
        folders += [one for one in ("src", "lib") if one not in folders]
        for one in folders:
            found = self._below(one, parts)
            if found is not None:
                return found
        return None

    def _below(self, folder: str, parts: Sequence[str]) -> str | None:
        base = _join(folder, *parts)
        if parts and self.exists(base + ".py") and not self.exists(base + "/__init__.py"):
            return base + ".py"
        if self.exists(_join(base, "__init__.py")):
            return _join(base, "__init__.py")
        if base and parts and self.is_folder(base):
            return base + "/"
        return (base + "/" if base else "/") if not parts else None

    def definition(self, path: str, name: str, depth: int = 6) -> tuple[str, str] | None:
        """Follows imports from `name` in the file to the file and the name where a class or function is defined."""
        if depth == 0 or path.endswith("/"):
            return None
        try:
            source = self.source(path)
        except LoadError:
            return None
        if name in source.classes or name in source.functions:
            return path, name
        if name in source.imports:
            target, inner = source.imports[name]
            return self.definition(target, inner, depth - 1) if inner is not None else None
        for star in source.stars:
            found = self.definition(star, name, depth - 1)
            if found is not None:
                return found
        return None

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
        return module

    def _submodule(self, module: ModuleType, name: str) -> ModuleType:
        path = str(module.__dict__.get("__torchlint_path__", ""))
        folder = path.rstrip("/") if path.endswith("/") else os.path.dirname(path)
        if not path.endswith(("/", "__init__.py")):
            raise LoadError("not_found", f"{name} is no module", path)
        found = self._below(folder, [name])
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
            own = project._below("", name.split(".")[1:])
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
        for piece in self.source.pieces:
            if piece.kind == "import" and not self._of_project(piece.original) and "*" not in piece.binds:
                self.lazy |= piece.binds
            elif piece.kind == "construction" or (piece.kind == "value" and (piece.reads | piece.changes) & made):
                made |= piece.touches
                self.lazy |= piece.touches
                for name in piece.touches:
                    self.space.pop(name, None)
            else:
                self.run(piece)
                self.lazy -= piece.binds - piece.changes

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
        """Lets go of constructions: whoever asks next gets new ones, with weights of their own."""
        for name in self.made:
            self.space.pop(name, None)
        self.made.clear()

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


def _top_level(body: Iterable[ast.stmt]) -> Iterable[ast.stmt]:
    """Statements of a module, those in `if` and `try` at its top included."""
    for node in body:
        yield node
        if isinstance(node, (ast.If, ast.Try)) and not is_main_guard(node):
            for block in (node.body, node.orelse, *(h.body for h in getattr(node, "handlers", []))):
                yield from _top_level(block)


def _has(module: ModuleType, name: str) -> bool:
    try:
        return hasattr(module, name)
    except Exception:
        return False


def _join(*parts: str) -> str:
    return "/".join(part for part in parts if part)


__all__ = [
    "LOAD_REASONS",
    "DroppedError",
    "LazyModule",
    "LoadError",
    "Project",
    "Runner",
    "Source",
    "StubUsedError",
    "importlib",
    "text_of",
]
