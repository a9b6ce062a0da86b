"""Which files are meant by the paths that a user gives.

Definitions
    root      a folder that the user names
    ignored   matched by a ``.gitignore`` between the repository's top and the file, or by its ``.git/info/exclude``
    excluded  left out by whoever asks, which is a question to a function; by default those folders that hold no code
              of one's own

Worked example: in a repository whose ``.gitignore`` says ``runs/``, ``discover(["."])`` gives ``["model.py",
"data/loader.py", …]`` sorted, without ``runs/dump.py``; ``discover(["runs/dump.py"])`` gives just that file.

A folder that looks excluded, such as ``build``, is skipped when it is met below a root, not when it is the root or
above it. Paths are reported as they were given: relative ones stay relative, and a leading ``./`` is dropped.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress

SUFFIXES = (".py", ".pyi", ".ipynb")

DEFAULT_EXCLUDES = frozenset(
    {
        ".bzr", ".direnv", ".eggs", ".git", ".git-rewrite", ".hg", ".ipynb_checkpoints", ".mypy_cache", ".nox",
        ".pants.d", ".pyenv", ".pytest_cache", ".pytype", ".ruff_cache", ".svn", ".tox", ".venv", ".vscode",
        "__pycache__", "__pypackages__", "_build", "buck-out", "build", "dist", "node_modules", "site-packages", "venv",
    }
)  # fmt: skip

#: In a repository: what only this clone ignores.
PRIVATE = os.path.join(".git", "info", "exclude")

Matcher = Callable[[str], "bool | None"]
Excluded = Callable[[str, bool], bool]


def excluded_by_default(path: str, is_folder: bool) -> bool:
    """Whether a path is that of a folder which holds no code of one's own, such as ``.venv``."""
    return is_folder and os.path.basename(path) in DEFAULT_EXCLUDES


def discover(
    paths: Sequence[str],
    *,
    excluded: Excluded = excluded_by_default,
    respect_gitignore: bool = True,
    force_exclude: bool = False,
    listed: Callable[[str], None] | None = None,
    suffixes: tuple[str, ...] = SUFFIXES,
) -> list[str]:
    """The files under `paths` whose names end in one of `suffixes`, sorted and once each.

    `excluded` says of a full path, and whether it is a folder's, that it is left out. A file that is named itself is
    always taken, unless `force_exclude`. `listed` is told every folder that is searched.
    """
    rules = _Rules(excluded, respect_gitignore)
    found: dict[str, str] = {}
    for path in paths:
        shown = _shown(path)
        is_folder = os.path.isdir(path)
        for file in (
            _walk(shown, rules, force_exclude, suffixes, listed) if is_folder else _named(shown, rules, force_exclude)
        ):
            # The same file may be named twice, as `a.py` and by its full path: the shorter name wins.
            key = os.path.abspath(file)
            if key not in found or (len(file), file) < (len(found[key]), found[key]):
                found[key] = file
    return sorted(found.values())


def is_passed_over(path: str, excluded: Excluded, respect_gitignore: bool) -> bool:
    """Whether a file or folder that is there would be left out by a search from the working folder."""
    full = os.path.abspath(path)
    return full != os.getcwd() and _Rules(excluded, respect_gitignore).ignores_named(full, os.path.isdir(path))


def _shown(path: str) -> str:
    while path.startswith(("./", "." + os.sep)):
        path = path[2:].lstrip("/" + os.sep)
    return path or "."


def _named(file: str, rules: _Rules, force_exclude: bool) -> Iterator[str]:
    if not force_exclude or not rules.ignores_named(os.path.abspath(file), False):
        yield file


def _walk(
    root: str, rules: _Rules, force_exclude: bool, suffixes: tuple[str, ...], listed: Callable[[str], None] | None
) -> Iterator[str]:
    """The files under a folder. A link to a folder inside or around the root is not followed, so no walk is endless."""
    top = os.path.abspath(root)
    if force_exclude and rules.ignores_named(top, True):
        return
    base = os.path.realpath(top)
    seen = {base}
    stack = [(root, top, rules.above(top))]
    while stack:
        shown, folder, above = stack.pop()
        if listed is not None:
            listed(folder)
        try:
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError:
            continue  # no permission, or gone since: nothing to read there
        matchers = rules.entering(folder, above)
        for entry in entries:
            name = entry.name
            path = name if shown == "." else os.path.join(shown, name)
            full = os.path.join(folder, name)
            if _is_folder(entry):
                if rules.ignores(full, True, matchers):
                    continue
                if entry.is_symlink():
                    real = os.path.realpath(full)
                    if real in seen or is_below(real, base) or is_below(base, real):
                        continue
                    seen.add(real)
                stack.append((path, full, matchers))
            elif name.endswith(suffixes) and _is_file(entry) and not rules.ignores(full, False, matchers):
                yield path


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def _is_file(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_file()
    except OSError:
        return False


class _Rules:
    """The ignore rules of one run. A chain of matchers goes from the outermost folder to the innermost."""

    def __init__(self, excluded: Excluded, respect_gitignore: bool) -> None:
        self._excluded = excluded
        self._respect = respect_gitignore
        self._loaded: dict[str, Matcher | None] = {}

    def above(self, folder: str) -> tuple[Matcher, ...]:
        """The matchers of the folders above `folder`, up to the top of its repository; none without a repository."""
        if not self._respect:
            return ()
        top = repository(folder)
        folders: list[str] = []
        while top is not None and folder != top:
            folder = os.path.dirname(folder)
            folders.append(folder)
        found: list[Matcher] = []
        for outer in reversed(folders):
            found.extend(self._of(outer))
        return tuple(found)

    def entering(self, folder: str, above: tuple[Matcher, ...]) -> tuple[Matcher, ...]:
        """The matchers that count in `folder`; a nested repository is a part of the walk like any folder."""
        return above + tuple(self._of(folder)) if self._respect else above

    def ignores(self, path: str, is_folder: bool, matchers: tuple[Matcher, ...]) -> bool:
        """Whether a path is left out; the innermost ``.gitignore`` that says anything decides."""
        if self._excluded(path, is_folder):
            return True
        asked = path + "/" if is_folder else path
        for match in reversed(matchers):
            verdict = match(asked)
            if verdict is not None:
                return verdict
        return False

    def ignores_named(self, path: str, is_folder: bool) -> bool:
        """Whether a path that the user named would have been left out by a walk from the working folder."""
        cwd = os.getcwd()
        start = cwd if is_below(path, cwd) else os.path.dirname(path)
        matchers = self.above(start)
        folder = start
        parts = os.path.relpath(path, start).split(os.sep)
        for index, part in enumerate(parts):
            matchers = self.entering(folder, matchers)
            folder = os.path.join(folder, part)
            folder_here = is_folder or index < len(parts) - 1
            if self.ignores(folder, folder_here, matchers):
                return True
        return False

    def _of(self, folder: str) -> Iterable[Matcher]:
        if folder not in self._loaded:
            self._loaded[folder] = _gitignore(folder)
        found = self._loaded[folder]
        return () if found is None else (found,)


def is_below(path: str, folder: str) -> bool:
    """Whether a full path stands below a folder, by its full path too."""
    return path != folder and path.startswith(folder.rstrip(os.sep) + os.sep)


def repository(folder: str) -> str | None:
    """The top of the repository in which a folder stands, by its full path; None if it is in none."""
    while not os.path.exists(os.path.join(folder, ".git")):
        outer = os.path.dirname(folder)
        if outer == folder:
            return None
        folder = outer
    return folder


def _gitignore(folder: str) -> Matcher | None:
    """What git is told to ignore in a folder; at the top of a repository also by a file that is nobody else's."""
    lines: list[str] = []
    for name in (PRIVATE, ".gitignore"):  # of which the latter decides
        path = os.path.join(folder, name)
        if os.path.isfile(path):  # a pipe or a device may never end
            with suppress(OSError), open(path, encoding="utf-8", errors="replace") as file:
                lines += file.read().splitlines()
    lines = [line for line in lines if line.strip() and not line.startswith("#")]
    return matcher(folder, lines) if lines else None


def matcher(folder: str, lines: Sequence[str]) -> Matcher:
    """A function from a full path (folders end in ``/``) to True, False (negated), or None: nothing is said."""
    from pathspec import GitIgnoreSpec  # slow to import, and most runs do without

    kept = []
    for line in lines:
        try:
            GitIgnoreSpec.from_lines([line])
        except ValueError:
            continue  # git, too, passes over a pattern that it cannot read
        kept.append(line)
    spec = GitIgnoreSpec.from_lines(kept)
    prefix = folder.rstrip(os.sep) + os.sep

    def match(path: str) -> bool | None:
        if not path.startswith(prefix):
            return None
        return spec.check_file(path[len(prefix) :].replace(os.sep, "/")).include

    return match
