"""The parts of a project that have nothing to do with each other.

Definitions
    start      a linted file that the analysis begins with (see `Project.relevant`)
    component  starts that are joined by imports, directly or through further files, whichever way they point

Worked example: ``a/train.py`` and ``a/test.py`` both import ``a/model.py``, and ``b/train.py`` nothing of theirs: these
are the components ``[a/model.py, a/test.py, a/train.py]`` and ``[b/train.py]``. Each is analysed by itself, so that a
change of ``b/train.py`` leaves what is known of the other as it is.

An import that is worked out while the program runs may lead out of its component. Such a file is read, like one that is
not linted; it only does not join the two.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from torchlint.project.modules import Project
from torchlint.project.parsed import Import


def components(project: Project, starts: Sequence[str]) -> list[list[str]]:
    """The starts, component by component, each sorted, in the order of their first files."""
    leads: dict[str, str] = {}

    def first(path: str) -> str:
        while leads.setdefault(path, path) != path:
            leads[path] = leads[leads[path]]
            path = leads[path]
        return path

    for path, found in _edges(project, starts):
        leads[first(found)] = first(path)
    groups: dict[str, list[str]] = {}
    for path in sorted(starts):
        groups.setdefault(first(path), []).append(path)
    return list(groups.values())


def dependents(project: Project, path: str, starts: Sequence[str]) -> list[str]:
    """The starts that import a file, directly or through others, sorted; the file itself is none of them."""
    importers: dict[str, list[str]] = {}
    for importer, found in _edges(project, starts):
        importers.setdefault(found, []).append(importer)
    reached = {path}
    pending = [path]
    while pending:
        for importer in importers.get(pending.pop(), ()):
            if importer not in reached:
                reached.add(importer)
                pending.append(importer)
    return sorted(reached.intersection(starts) - {path})


def _edges(project: Project, starts: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Who may import whom, among the starts and all that they lead to."""
    pending = list(starts)
    seen = set(pending)
    members = _Packages(project, starts)
    while pending:
        path = pending.pop()
        unit = None if path.endswith("/") else project.unit(path)
        if unit is None:
            continue
        for found in _imported(project, path, unit.imports, members):
            yield path, found
            if found not in seen:
                seen.add(found)
                pending.append(found)


class _Packages:
    """The starts below a folder: whoever holds a package can reach its modules as attributes."""

    def __init__(self, project: Project, starts: Sequence[str]) -> None:
        self._below: dict[str, list[str]] = {}
        for path in starts:
            folder = path.rpartition("/")[0]
            while folder:
                self._below.setdefault(folder, []).append(path)
                folder = folder.rpartition("/")[0]

    def of(self, module: str) -> Sequence[str]:
        """Those of the package at a path such as ``a/__init__.py`` or ``a/``; none for any other module."""
        folder, _, name = module.rpartition("/")
        return self._below.get(folder, ()) if name in ("", "__init__.py") else ()


def _imported(project: Project, path: str, imports: Sequence[Import], packages: _Packages) -> Iterator[str]:
    """The files to which the imports of a file may lead."""
    for one in imports:
        if not one.names and not one.level:
            yield from _whole(project, path, one.module, packages)
        places = [project.resolve(path, one.module, one.level)]
        if not one.level:
            places.append(project.resolve(path, one.module, own=True))
        for place in places:
            if place is None:
                continue
            yield place
            folder = place[:-1] if place.endswith("/") else place.removesuffix("/__init__.py")
            if folder != place:
                for name in one.names:
                    inner = project.find(folder, name)
                    if inner is not None:
                        yield inner
                        yield from packages.of(inner)


def _whole(project: Project, path: str, module: str, packages: _Packages) -> Iterator[str]:
    """The files that ``import a.b`` runs: those of ``a`` and of ``a.b``, and what can be reached through them."""
    parts = module.split(".")
    for count in range(1, len(parts) + 1):
        found = project.resolve(path, ".".join(parts[:count]))
        if found is not None:
            yield found
            yield from packages.of(found)
