"""All contracts, by the names that lead to them.

Definitions
    entry   a row, and the names that lead to it; the row is read when somebody asks for it
    plain   how torchlint's own tables are written: ``name`` first, one key a line, strings in double quotes without
            escapes. The names of a plain row are found without reading it

A run needs few of some two thousand rows, and reading all of them would take longer than everything else that happens
before the first file is parsed.

Worked example: ``Contracts.load(["rules/contracts"])`` knows that ``torch.nn.functional.sigmoid`` stands in the row of
``torch.sigmoid``; ``lookup("torch.nn.functional.sigmoid")`` reads that row, and no other.
"""

from __future__ import annotations

import copy
import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from torchlint.flow.library import reader
from torchlint.flow.library.names import modules_at
from torchlint.flow.library.tables import (
    KINDS,
    ContractError,
    Estimator,
    Loss,
    Module,
    Operation,
    Package,
    Row,
    Sink,
    Table,
    Transform,
    names_of,
)

_NAMES = tuple[str, ...]


class Entry(msgspec.Struct, eq=False):
    """A row, or where to read it: `text` is the row's own part of the table at `origin`.

    name, aliases, function, methods, array_methods, does: what the row has under these keys.
    """

    kind: str
    name: str
    aliases: _NAMES = ()
    function: _NAMES = ()
    methods: _NAMES = ()
    array_methods: _NAMES = ()
    does: str = ""
    origin: str = ""
    text: str = ""
    read: Row | None = None

    @property
    def row(self) -> Row:
        """The row.

        Raises:
            ContractError: the text is no row.
        """
        if self.read is None:
            (self.read,) = reader.parse_own(self.text, self.origin).rows
        return self.read

    @property
    def names(self) -> _NAMES:
        """Every name that leads to the row; none leads to that of a package."""
        return () if self.kind == "package" else (self.name, *self.aliases, *self.function)

    @property
    def words(self) -> _NAMES:
        """What the row's class and functions are called, without their modules."""
        return tuple(name.rpartition(".")[2] for name in (self.name, *self.function))


def entry_of(row: Row) -> Entry:
    """The entry of a row that is read already."""
    function: _NAMES = ()
    if isinstance(row, Transform):
        function = row.function
    elif isinstance(row, (Loss, Estimator)) and row.function:
        function = (row.function,)
    return Entry(
        type(row).__name__.lower(),
        row.name,
        row.aliases,
        function,
        row.methods if isinstance(row, (Operation, Sink)) else (),
        row.array_methods if isinstance(row, Operation) else (),
        row.does if isinstance(row, Transform) else "",
        read=row,
    )


# --- plain tables ------------------------------------------------------------------------------------------------

_HEAD = ']]\nname = "'


def entries(path: str) -> list[Entry]:
    """The rows of a table of torchlint's own; those of a plain one are not read yet.

    Raises:
        ContractError: it is not a table of rows, as far as that can be seen from the names.
    """
    text = reader.text_of(path)
    found = _plain_entries(text, path)
    return [entry_of(row) for row in reader.parse_own(text, path).rows] if found is None else found


def _plain_entries(text: str, path: str) -> list[Entry] | None:
    """The entries of a plain table; None if it is not plain."""
    start, *parts = f"\n{text}".split("\n[[")
    if '"""' in text or "'''" in text or "\\" in text:
        return None
    if any(line and line[0] != "#" for line in map(str.strip, start.split("\n"))):
        return None
    found: list[Entry] = []
    for part in parts:
        kind, head, rest = part.partition(_HEAD)
        if not head or kind not in KINDS:
            return None
        entry = Entry(kind, rest[: rest.index('"')], _strings(part, "\naliases = "), origin=path, text=f"[[{part}\n")
        if kind == "operation":
            entry.methods = _strings(part, "\nmethods = ")
            entry.array_methods = _strings(part, "\narray_methods = ")
        elif kind == "transform":
            entry.function = _strings(part, "\nfunction = ")
            entry.does = "".join(_strings(part, "\ndoes = "))
        elif kind == "loss" or kind == "estimator":
            entry.function = _strings(part, "\nfunction = ")
        elif kind == "sink":
            entry.methods = _strings(part, "\nmethods = ")
        found.append(entry)
    return found


def _strings(part: str, key: str) -> _NAMES:
    """The strings of a key of a plain row, be it one or a list of them."""
    at = part.find(key)
    if at < 0:
        return ()
    at += len(key)
    end = part.find("]" if part[at] == "[" else "\n", at)
    return tuple(part[at : end if end >= 0 else len(part)].split('"')[1::2])


# --- the whole ---------------------------------------------------------------------------------------------------


class Contracts:
    """All rows, by every name that leads to them. Later tables override earlier ones, name by name.

    taught: every name of a row of the configuration, with the table in which that row stands. folder: where the paths
    of the linted project start.
    """

    def __init__(self, rows: Sequence[Row] = (), folder: str = "") -> None:
        self.entries: list[Entry] = []
        self.taught: dict[str, Table] = {}
        self.folder = folder
        self._names: dict[str, Entry] = {}
        self._as_taught: dict[str, Row] = {}
        self._methods: dict[str, Entry] = {}
        self._array_methods: dict[str, Entry] = {}
        self._sinks: dict[str, Entry] = {}
        self._patterns: list[tuple[str, str, Entry]] = []
        self._packages: set[str] = set()
        self._inside: dict[str, str] = {}
        self._found: dict[str, Row | None] = {}
        self._words: dict[tuple[str, tuple[str, ...]], list[str]] = {}
        for row in rows:
            self._add(entry_of(row))

    def _add(self, entry: Entry) -> None:
        self.entries.append(entry)
        kind = entry.kind
        if kind == "package":
            row = entry.row
            assert isinstance(row, Package)
            self._inside.update(dict.fromkeys((f"{module}." for module in row.inside), row.name))
            return
        for name in entry.names:
            if "*" in name:
                self._patterns.append((name.partition("*")[0], name, entry))
            else:
                self._names[name] = entry
        if kind == "operation":
            self._methods.update(dict.fromkeys(entry.methods, entry))
            self._array_methods.update(dict.fromkeys(entry.array_methods, entry))
        elif kind == "sink":
            self._sinks.update(dict.fromkeys(entry.methods, entry))

    @classmethod
    def load(cls, folders: Sequence[str], taught: Sequence[Table] = (), folder: str = "") -> Contracts:
        """Find every ``*.toml`` of the folders, in the order of the folders and then of the names; then what a
        configuration teaches of a project whose paths start in `folder`.

        Raises:
            ContractError: a table cannot be read, or a row that is taught names an operation that there is not.
        """
        contracts = cls(folder=folder)
        for place in folders:
            for path in reader.files_of(place):
                for entry in entries(path):
                    contracts._add(entry)
        for table in taught:
            for row in table.rows:
                contracts._teach(row, table)
        for table in taught:
            for row in table.rows:
                if isinstance(row, Module) and row.calls and contracts.operation(row.calls) is None:
                    from torchlint.flow.library import complaints  # rarely needed, and slow to import

                    known = [entry.name for entry in contracts.entries if entry.kind == "operation"]
                    raise ContractError(complaints.unknown_operation(table, row, known))
        return contracts

    def copy(self, *, found: bool = False) -> Contracts:
        """The same contracts, of which a run may `adapt` its own; `found`: with what was looked up already."""
        twin = copy.copy(self)
        twin._names = dict(self._names)
        twin._found = dict(self._found) if found else {}
        return twin

    def _teach(self, row: Row, table: Table) -> None:
        self._add(entry_of(row))
        for name in names_of(row):
            self.taught[name] = table
            self._as_taught[name] = row
            parts = name.split(".")
            self._packages.update(".".join(parts[:count]) for count in range(1, len(parts)))

    def as_taught(self, name: str) -> Row:
        """The row of a taught name, as the configuration has it."""
        return self._as_taught[name]

    def adapt(self, name: str, signatures: Mapping[str, str]) -> Row:
        """Give the row of a taught name the project's own parameters; other names of that row keep theirs."""
        row = msgspec.structs.replace(self._as_taught[name], name=name, **signatures)
        self._names[name] = entry_of(row)
        self._found.clear()
        return row

    @property
    def rows(self) -> list[Row]:
        """All rows, each of them read.

        Raises:
            ContractError: one cannot be read.
        """
        return [entry.row for entry in self.entries]

    def words(self, of_kind: type[Row], does: _NAMES = ()) -> Sequence[str]:
        """What classes and functions are called that have rows of a kind, without their modules; of transforms, those
        that do one of these things."""
        kind = of_kind.__name__.lower()
        if (kind, does) not in self._words:
            wanted = (entry for entry in self.entries if entry.kind == kind and (not does or entry.does in does))
            self._words[kind, does] = [word for entry in wanted for word in entry.words]
        return self._words[kind, does]

    def lookup(self, full_name: str) -> Row | None:
        """The row of a full name, however it is spelled; None if no table knows it.

        A name with ``*`` in it is a pattern, which counts where no row has the name itself.
        """
        if full_name in self._found:
            return self._found[full_name]
        found = self._found[full_name] = self._look_up(full_name)
        return found

    def _look_up(self, full_name: str) -> Row | None:
        found = self._names.get(full_name)
        if found is not None:
            return found.row
        for start, pattern, entry in self._patterns:
            if full_name.startswith(start) and re.fullmatch(re.escape(pattern).replace(r"\*", ".*"), full_name):
                return entry.row
        for module, package in self._inside.items():
            if full_name.startswith(module):
                found = self._names.get(f"{package}.{full_name.rpartition('.')[2]}")
                return None if found is None else found.row
        return None

    def operation(self, full_name: str) -> Operation | None:
        """The operation of that name; None for other kinds of row."""
        entry = self._names.get(full_name)
        return _operation(entry) if entry is not None and entry.kind == "operation" else None

    def method(self, name: str, holder: str = "tensor") -> Operation | None:
        """What a method of a tensor (or of an array: `holder`) does: ``sigmoid_``."""
        entry = self._array_methods.get(name) if holder == "numpy" else None
        entry = entry or self._methods.get(name) or self._array_methods.get(name)
        return None if entry is None else _operation(entry)

    def sink(self, method: str) -> Sink | None:
        """The function that a method of an object without a contract is taken for: ``imshow``."""
        entry = self._sinks.get(method)
        row = None if entry is None else entry.row
        assert row is None or isinstance(row, Sink)
        return row

    @property
    def sink_methods(self) -> Iterator[str]:
        """The methods that are taken for functions that show or save."""
        yield from self._sinks

    def leads_on(self, full_name: str) -> bool:
        """Whether a name is that of a package, module or class of which a taught name is a part."""
        return full_name in self._packages

    def taught_name(self, path: str, name: str) -> str:
        """The taught name that means `name` in the module at `path`, or leads on from there; empty if none does. The
        longest way of writing the module counts first."""
        if not self.taught:
            return ""
        for module in modules_at(posixpath.join(self.folder, path)):
            full = f"{module}.{name}"
            if full in self.taught or full in self._packages:
                return full
        return ""

    def taught_of(self, path: str) -> Iterator[tuple[str, str]]:
        """The taught names that mean something in the module at `path`, each with what it is called there."""
        modules = frozenset(modules_at(posixpath.join(self.folder, path))) if self.taught else frozenset()
        for full in self.taught if modules else ():
            module, _, name = full.rpartition(".")
            if module in modules:
                yield full, name

    def interesting_names(self) -> frozenset[str]:
        """Every full name that has a row, patterns included."""
        return frozenset(name for entry in self.entries for name in entry.names)


def _operation(entry: Entry) -> Operation:
    row = entry.row
    assert isinstance(row, Operation)
    return row
