"""From an import statement to a file of the project.

Definitions
    unit      one file: its bytes, and its IR once somebody asks for it
    root      a folder from which an absolute import may be resolved, nearest first: the importing file's own folder,
              its parents up to the working folder, or up to the folder that all linted files share (or out of its
              package), the top of its project, and their ``src``
    package   a folder with Python files, with or without ``__init__.py``

Worked example: in ``app/train.py``, ``from models.unet import UNet`` is looked for as ``app/models/unet.py``,
``app/models/unet/__init__.py``, then the same in ``app/src``, in the parent folder and in its ``src``. A name that is
found nowhere belongs to a library.
"""

from __future__ import annotations

import copy
import posixpath
from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec

from torchlint.project.parsed import UNREADABLE, Import, Parsed, parse
from torchlint.source.text import mentions_framework
from torchlint.syntax import ir

#: Gives what the bytes of a file say, from wherever it is kept.
Reader = Callable[[bytes], Parsed]

#: Top-level packages that are never taken from the project: their contracts say more than their source would.
LIBRARIES = frozenset({"torch", "torchvision", "numpy"})

#: Packages of which the project, should it hold them, gives only models that the contracts do not know.
KNOWN_BETTER = frozenset({"lightning", "pytorch_lightning", "lightning_fabric", "accelerate", "ignite"})

#: Folders of installed packages: one of them that is looked at is a project, those beside it are libraries.
INSTALLED = frozenset({"site-packages", "dist-packages"})


class Problem(msgspec.Struct, frozen=True):
    """A file that could not be read as Python: where and why (row and column from 1)."""

    path: str
    row: int
    column: int
    message: str


class Unit(msgspec.Struct):
    """A file: its path as the user wrote it, its bytes, how many lines it has, and what they say, once that is asked
    for."""

    path: str
    data: bytes
    reader: Reader = parse
    module: ir.Module | None = None
    problem: Problem | None = None
    loaded: bool = False
    lines: int = 0
    parsed: Parsed | None = None

    @property
    def imports(self) -> tuple[Import, ...]:
        """What the file imports."""
        return self._read().imports

    def load(self) -> ir.Module | None:
        """The IR of the file, or None (and `problem` says why)."""
        if not self.loaded:
            self.loaded = True
            parsed = self._read()
            try:
                self.module = parsed.module
            except UNREADABLE:
                parsed = parse(self.data)
                self.module = parsed.module
            self.lines = parsed.lines
            if parsed.problem is not None:
                self.problem = Problem(self.path, *parsed.problem)
        return self.module

    def _read(self) -> Parsed:
        if self.parsed is None:
            self.parsed = self.reader(self.data)
        return self.parsed


def _import_marks(path: str) -> tuple[bytes, ...]:
    """Bytes of which a file that imports the module at `path` holds one, in the usual ways of writing it."""
    stem = posixpath.basename(path).removesuffix(".py")
    if stem == "__init__":
        stem = posixpath.basename(posixpath.dirname(path))
    name = stem.encode()
    if not stem.isidentifier():
        return ()
    return (b"import " + name, b"from " + name, b"." + name + b" import")


def _module_marks(name: str) -> tuple[bytes, ...]:
    """Bytes of which a file that imports from a module holds one."""
    package = name.rpartition(".")[0]
    marks = (b"import " + name.encode(), b"from " + name.encode())
    return (*marks, b"from " + package.encode() + b" import") if package else marks


def _is_apart(root: str, importer: str, top: str) -> bool:
    """Whether a package beside that of `importer` is another one's: in a folder of installed packages."""
    if posixpath.basename(root) not in INSTALLED:
        return False
    return posixpath.relpath(importer, root).partition("/")[0] not in (top, f"{top}.py")


def _lies_in(folder: str, outer: str) -> bool:
    return folder == outer or not outer or folder.startswith(outer + "/")


def _holds(top: str, folder: str) -> bool:
    """Whether a folder lies in another, which is given by its full path or lies above the working folder."""
    if posixpath.isabs(top) or posixpath.isabs(folder):
        return _lies_in(folder, top)
    above = [part for part in folder.split("/") if part == ".."]
    return set(top.split("/")) == {".."} and len(above) <= top.count("..")


class Project:
    """The files of a project, and the answers to its imports.

    Args:
        files: the linted files, path to content; paths use ``/``.
        context: reads a further file of the project, or gives None where there is none. Asked for a path that ends in
            ``/``, it gives no bytes if there is such a folder with Python files, else None.
        reader: gives what the bytes of a file say.
        top: the working folder. tops: the folders that hold the projects of the linted files.
    """

    def __init__(
        self,
        files: Mapping[str, bytes],
        context: Callable[[str], bytes | None],
        reader: Reader = parse,
        top: str = "",
        tops: Sequence[str] = (),
    ) -> None:
        self.units = {
            posixpath.normpath(path.replace("\\", "/")): Unit(path, data, reader) for path, data in files.items()
        }
        self.given = frozenset(files)
        self.linted = sorted(self.units)
        self.asked: set[str] = set()
        self._context = context
        self._reader = reader
        folders = [posixpath.dirname(path) for path in self.linted]
        common = posixpath.commonpath(folders) if folders and len({f.startswith("/") for f in folders}) == 1 else ""
        self._common = common
        self._top = top.replace("\\", "/").rstrip("/")
        further = {posixpath.normpath(folder.replace("\\", "/")) for folder in tops}
        further = {folder for folder in further if not (self._is_here(folder) or (common and _lies_in(folder, common)))}
        self._tops = sorted(further, key=len, reverse=True)
        self._resolved: dict[tuple[str, str], str | None] = {}
        self._exists: dict[str, bool] = {}
        self._folders = {""}
        for folder in folders:
            while folder and folder not in self._folders:
                self._folders.add(folder)
                folder = posixpath.dirname(folder)

    def view(self) -> Project:
        """The same files, seen by somebody whose questions are kept apart in `asked`."""
        view = copy.copy(self)
        view.asked, view._resolved, view._exists = set(), {}, {}
        return view

    def replaced(self, path: str, data: bytes) -> Project:
        """The same files, except that the one at a normalised path has this content. What either reads or finds out
        from now on, the other does not know."""
        view = self.view()
        known = self.units.get(path)
        view.units = {**self.units, path: Unit(path if known is None else known.path, data, self._reader)}
        view._resolved, view._exists = dict(self._resolved), dict(self._exists)
        return view

    def relevant(self, modules: Iterable[str] = ()) -> list[str]:
        """The linted files that mention a framework or import one of some further modules, or import a file that does,
        in order: the starting points."""
        wanted = sorted({mark for name in modules for mark in _module_marks(name)})
        found = {
            path
            for path in self.linted
            if mentions_framework(data := self.units[path].data) or any(mark in data for mark in wanted)
        }
        rest = [path for path in self.linted if path not in found]
        fresh = found
        while rest and fresh:
            marks = {mark for path in fresh for mark in _import_marks(path)}
            fresh = {path for path in rest if any(mark in self.units[path].data for mark in marks)}
            found |= fresh
            rest = [path for path in rest if path not in fresh]
        return [path for path in self.linted if path in found]

    def unit(self, path: str) -> Unit | None:
        """The file at a normalised path, read on demand; `asked` keeps the path."""
        self.asked.add(path)
        found = self.units.get(path)
        if found is None and self._exists.get(path, True):
            data = self._context(path)
            self._exists[path] = data is not None
            if data is not None:
                found = self.units[path] = Unit(path, data, self._reader)
        return found

    def _roots(self, path: str) -> list[str]:
        folder = posixpath.dirname(path)
        roots = [folder]
        inside = folder
        while inside and inside != "/":
            parent = posixpath.dirname(inside)
            within = _lies_in(parent, self._common) or self._is_here(parent)
            packaged = self.unit(posixpath.join(inside, "__init__.py")) is not None
            if not (within or packaged):
                break
            roots.append(parent)
            inside = parent
        roots += [top for top in self._tops if top not in roots and _holds(top, folder)]
        return [candidate for root in roots for candidate in (root, posixpath.join(root, "src"))]

    def _is_here(self, folder: str) -> bool:
        """Whether a folder is the working folder or lies in it."""
        if posixpath.isabs(folder) or folder[1:2] == ":":
            return bool(self._top) and _lies_in(folder, self._top)
        return folder.partition("/")[0] != ".."

    def is_folder(self, path: str) -> bool:
        """Whether there is a folder with Python files; `asked` keeps the path with a trailing ``/``."""
        if path in self._folders:
            return True
        asked = path + "/"
        self.asked.add(asked)
        if asked not in self._exists:
            self._exists[asked] = self._context(asked) is not None
        return self._exists[asked]

    def find(self, base: str, dotted: str) -> str | None:
        """The file of module `dotted` below folder `base`: a path, a folder's path with a trailing ``/`` for a
        package without ``__init__.py``, or None."""
        stem = posixpath.normpath(posixpath.join(base, *dotted.split("."))) if dotted else base
        for candidate in ((stem + ".py",) if dotted else ()) + (posixpath.join(stem, "__init__.py"),):
            if self.unit(candidate) is not None:
                return candidate
        if self.is_folder(stem):
            return stem + "/"
        return None

    def resolve(self, importer: str, dotted: str, level: int = 0, *, own: bool = False) -> str | None:
        """The file that ``import dotted`` means in `importer` (`level` dots before it), or None for a library.

        Args:
            own: look for packages of `KNOWN_BETTER` in the project too.
        """
        if level:
            folder = posixpath.dirname(importer)
            for _ in range(level - 1):
                folder = posixpath.dirname(folder)
            return self.find(folder, dotted)
        top = dotted.partition(".")[0]
        if top in LIBRARIES or (top in KNOWN_BETTER and not own):
            return None
        folder = posixpath.dirname(importer)
        key = (folder, dotted)
        if key not in self._resolved:
            self._resolved[key] = self._search(importer, top, dotted)
        return self._resolved[key]

    def _search(self, importer: str, top: str, dotted: str) -> str | None:
        for root in self._roots(importer):
            if self.find(root, top) is None:
                continue
            found = self.find(root, dotted)
            if found is not None and found != importer and (found in self.linted or not _is_apart(root, importer, top)):
                return found
        unit = self.unit(importer)
        return None if unit is None or b"sys.path" not in unit.data else self._elsewhere(top, dotted)

    def _elsewhere(self, top: str, dotted: str) -> str | None:
        """What a file that writes to ``sys.path`` imports from a folder that nobody would look in: the only module or
        package of that name in the project."""
        modules = [path for path in self.linted if posixpath.basename(path) == f"{top}.py"]
        packages = [posixpath.dirname(path) for path in self.linted if path.endswith(f"/{top}/__init__.py")]
        folders = {posixpath.dirname(path) for path in (*modules, *packages)}
        return self.find(folders.pop(), dotted) if len(folders) == 1 else None
