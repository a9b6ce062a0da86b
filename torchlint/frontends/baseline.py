"""The findings that are known already: written once, passed over from then on.

Definitions
    baseline  a JSON file that lists findings; paths in it start in its folder
    entry     findings of one rule in one file whose sources and scopes are equal, and how many there are
    stale     an entry, or a part of its count, that no finding matches any more

A finding is known by its fingerprint (`torchlint.source.fingerprint`), which holds no line number. What else an entry
says, the scope and the source, is for those who review it.

Worked example: a file with ``bce(x, y)`` twice in ``train`` has one entry of count 2. With a third one, the last of the
three is reported.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from torchlint.config import ConfigError
from torchlint.diagnostic import Diagnostic
from torchlint.engine.builtin import INTERNAL_ERROR
from torchlint.frontends.plain import NotPlainError, read_plain
from torchlint.source.fingerprint import fingerprint, scope, words

VERSION = 1
_MOST_SOURCE = 60

Text = Callable[[str, int], "str | None"]


class Entry(NamedTuple):
    """What an entry is about; `path` is relative to the baseline's folder, with forward slashes."""

    path: str
    code: str
    scope: str
    source: str
    fingerprint: str


@dataclass(slots=True)
class Baseline:
    """A baseline: its file, and the entries with their counts."""

    file: str
    entries: dict[Entry, int] = field(default_factory=dict)

    def split(self, diagnostics: Iterable[Diagnostic], text: Text) -> tuple[list[Diagnostic], dict[Entry, int]]:
        """The findings that are not listed, in their order, and what of the entries is left over."""
        left = {(entry.path, entry.code, entry.fingerprint): count for entry, count in self.entries.items()}
        new: list[Diagnostic] = []
        for one in diagnostics:
            entry = self.entry(one, text)
            key = (entry.path, entry.code, entry.fingerprint)
            if one.code != INTERNAL_ERROR.code and left.get(key, 0) > 0:
                left[key] -= 1
            else:
                new.append(one)
        over = {entry: left[entry.path, entry.code, entry.fingerprint] for entry in self.entries}
        return new, {entry: count for entry, count in over.items() if count > 0}

    def entry(self, one: Diagnostic, text: Text) -> Entry:
        """The entry that a finding belongs to."""
        content = text(one.span.path, one.span.cell) or ""
        path = self.relative(one.span.path)
        source = words(content, one.span)
        short = source if len(source) <= _MOST_SOURCE else source[: _MOST_SOURCE - 1] + "…"
        return Entry(path, one.code, scope(content, one.span), short, fingerprint(one.code, path, content, one.span))

    def relative(self, path: str) -> str:
        """A path as entries have it."""
        full, folder = os.path.abspath(path), os.path.dirname(os.path.abspath(self.file))
        try:
            return os.path.relpath(full, folder).replace(os.sep, "/")
        except ValueError:  # on another drive
            return full.replace(os.sep, "/")

    def place(self, entry: Entry) -> str:
        """The full path of an entry's file."""
        return os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(self.file)), entry.path))

    def as_text(self) -> str:
        """The file's content: one entry a line, sorted."""
        rows = [json.dumps(_row(entry, count)) for entry, count in sorted(self.entries.items())]
        body = "\n" + ",\n".join(f"    {row}" for row in rows) + "\n  " if rows else ""
        return f'{{\n  "version": {VERSION},\n  "findings": [{body}]\n}}\n'


def _row(entry: Entry, count: int) -> dict[str, Any]:
    return {**entry._asdict(), "count": count}


def read(file: str, named: str = "") -> Baseline:
    """A baseline, as it stands in a file; `named` says where the file is named.

    Raises:
        ConfigError: it cannot be read, or is none.
    """
    try:
        tree = json.loads(read_plain(file).decode("utf-8-sig"))
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError, NotPlainError) as error:
        where = f"{named}: " if named else ""
        makes = f"`torchlint --write-baseline {file}` makes one"
        raise ConfigError(f"{where}`baseline` names no file: {file}; {makes}") from error
    except OSError as error:
        raise ConfigError(f"{file}: cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{file}: not a baseline: no JSON that can be read") from error
    if not isinstance(tree, dict) or not isinstance(tree.get("findings"), list):
        raise ConfigError(f"{file}: not a baseline: an object with a list of `findings` is missing")
    if tree.get("version") != VERSION:
        raise ConfigError(f"{file}: a baseline of another version than {VERSION}; write it anew")
    found = Baseline(file)
    for number, row in enumerate(tree["findings"], 1):
        entry, count = _entry(row, f"{file}: finding number {number}")
        found.entries[entry] = found.entries.get(entry, 0) + count
    return found


def _entry(row: object, where: str) -> tuple[Entry, int]:
    if not isinstance(row, dict):
        raise ConfigError(f"{where}: not an object")
    for key in ("path", "code", "fingerprint"):
        if not isinstance(row.get(key), str):
            raise ConfigError(f"{where}: `{key}` must be a string")
    count = row.get("count", 1)
    if not isinstance(count, int) or isinstance(count, bool) or count < 1:
        raise ConfigError(f"{where}: `count` must be a whole number from 1")
    return Entry(
        row["path"], row["code"], str(row.get("scope", "")), str(row.get("source", "")), row["fingerprint"]
    ), count


def written(
    file: str,
    diagnostics: Sequence[Diagnostic],
    text: Text,
    linted: Collection[str],
    judges: Callable[[str, str], bool],
) -> Baseline:
    """The baseline that lists these findings.

    What of an older one in `file` this run says nothing about is kept: entries of files that were not linted and are
    still there, and of rules that were not asked for. judges: whether the rule of a code was asked for in a file.

    Raises:
        ConfigError: there is a file in its place that is no baseline.
    """
    found = Baseline(file)
    for one in diagnostics:
        if one.code != INTERNAL_ERROR.code:
            entry = found.entry(one, text)
            found.entries[entry] = found.entries.get(entry, 0) + 1
    if os.path.lexists(file) and not (os.path.isfile(file) and os.path.getsize(file) == 0):
        old = read(file)
        names = {os.path.abspath(path): path for path in linted}
        for entry, count in old.entries.items():
            place = old.place(entry)
            unseen = not judges(names[place], entry.code) if place in names else os.path.isfile(place)
            if unseen:
                found.entries.setdefault(entry, count)
    return found


def stale(baseline: Baseline, over: Mapping[Entry, int], judged: Callable[[str, str], bool]) -> int:
    """How many of the findings that are left over in a baseline are not there any more, rather than not looked for.

    judged: whether everything that a rule could find in a file, by its full path, was found.
    """
    count = 0
    for entry, number in over.items():
        place = baseline.place(entry)
        if not os.path.exists(place) or judged(place, entry.code):
            count += number
    return count
