"""The project's files as text, trees and pieces, and what names in them mean across files.

Imports are resolved as the program that starts in the file's folder would: the folder itself, the folders above it up
to the root, `src` and `lib`; by folder, not by name, so that thirty folders may each have a `models.py`. A package's
own folder comes last, so that `pkg/pkg.py` does not hide `pkg`.
"""

from __future__ import annotations
import __future__

import ast
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import CodeType
from typing import Any

from allowed import WEIGHT_KEYWORDS, Judge
from slicer import Piece, Purifier, is_main_guard

LOAD_REASONS = ("load", "package_missing", "download_blocked", "not_found", "syntax", "dropped")
LARGEST_FILE = 1 << 20  # bytes; a larger file is data, not a program
ALWAYS_INSTALLED = frozenset({"torch", "numpy"})


class LoadError(Exception):
    """A file, or a name in it, cannot be had; `reason` is one of LOAD_REASONS."""

    def __init__(self, reason: str, message: str, path: str = "", line: int | None = None) -> None:
        super().__init__(message)
        self.reason, self.message, self.path, self.line = reason, message, path, line


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


class Files:
    """A project's files by their paths relative to the root; `files` are texts that stand for those on disk."""

    def __init__(self, root: str, files: Mapping[str, str]) -> None:
        self.root = os.path.realpath(root)
        self.files = dict(files)
        self._sources: dict[str, Source | LoadError] = {}
        self._listing: list[str] | None = None

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

        def find(name: str) -> ast.FunctionDef | None:
            found = self._imported_function(imports, name)
            return found[1] if found is not None else None

        def pure(name: str) -> bool:
            return self._pure_import(imports, name)

        modules = frozenset(name for name, (_, inner) in imports.items() if inner is None)
        judge = Judge(aliases, functions, frozenset(classes), pure, modules, find)
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
        return any(f"{word} {name}" in text for word in ("def", "class", "import")) or f"\n{name} =" in f"\n{text}"

    def _pure_import(self, imports: Mapping[str, tuple[str, str | None]], dotted_name: str) -> bool:
        found = self._imported_function(imports, dotted_name)
        return found is not None and found[0].judge.pure(found[1].name)

    def _imported_function(
        self, imports: Mapping[str, tuple[str, str | None]], dotted_name: str
    ) -> tuple[Source, ast.FunctionDef] | None:
        """The function of another file that a dotted name means."""
        parts = dotted_name.split(".")
        if parts[0] not in imports:
            return None
        path, name = imports[parts[0]]
        rest = parts[1:] if name is None else [name, *parts[1:]]
        found = self.definition(path, rest[0]) if len(rest) == 1 else None
        if found is None:
            return None
        try:
            source = self.source(found[0])
        except LoadError:
            return None
        function = source.functions.get(found[1])
        return (source, function) if function is not None else None

    # -- names across files --

    def resolve(self, importer: str, module: str, level: int) -> str | None:
        """The project file (or folder, for a package without `__init__.py`) that an import in `importer` means."""
        parts = module.split(".") if module else []
        folder = os.path.dirname(importer)
        if level > 0:
            for _ in range(level - 1):
                folder = os.path.dirname(folder)
            return self.below(folder, parts)
        if not parts or parts[0] in ALWAYS_INSTALLED or parts[0] == "__future__":
            return None
        package = self.exists(join(folder, "__init__.py"))
        if parts[0] in sys.stdlib_module_names and (package or not self.exists(join(folder, parts[0] + ".py"))):
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
            found = self.below(one, parts)
            if found is not None:
                return found
        return None

    def below(self, folder: str, parts: Sequence[str]) -> str | None:
        """The file or folder of a dotted name below a folder."""
        base = join(folder, *parts)
        if parts and self.exists(base + ".py") and not self.exists(base + "/__init__.py"):
            return base + ".py"
        if self.exists(join(base, "__init__.py")):
            return join(base, "__init__.py")
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


def _top_level(body: Iterable[ast.stmt]) -> Iterable[ast.stmt]:
    """Statements of a module, those in `if` and `try` at its top included."""
    for node in body:
        yield node
        if isinstance(node, (ast.If, ast.Try)) and not is_main_guard(node):
            for block in (node.body, node.orelse, *(h.body for h in getattr(node, "handlers", []))):
                yield from _top_level(block)


def join(*parts: str) -> str:
    return "/".join(part for part in parts if part)
