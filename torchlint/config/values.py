"""Settings as values, and what is wrong where there can be none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from torchlint.diagnostic import Severity

if TYPE_CHECKING:
    from torchlint.flow.library.tables import Table


class ConfigError(Exception):
    """A configuration that cannot be used; the message names the file, the line and the key."""


class Pattern(NamedTuple):
    """A pattern as in ``.gitignore``, relative to a folder."""

    text: str
    folder: str


@dataclass(frozen=True, slots=True)
class Hints:
    """What a project says of runs of its own models: that there are to be none (`off`), and data for them.

    inputs: shapes of a model's inputs; arguments: values for its constructor. Both are by ``file.py:Class``, a pattern
    whose text is the class behind the path of its file and a colon, relative to the pattern's folder.
    """

    off: bool = False
    inputs: tuple[tuple[Pattern, tuple[tuple[int, ...], ...]], ...] = ()
    arguments: tuple[tuple[Pattern, tuple[tuple[str, Any], ...]], ...] = ()

    def __add__(self, other: Hints) -> Hints:
        """These with stronger ones: what is off stays off, and of two hints for a class the stronger one holds."""
        return Hints(self.off or other.off, (*self.inputs, *other.inputs), (*self.arguments, *other.arguments))


@dataclass(frozen=True, slots=True)
class Settings:
    """How a file is linted: one field a key of the table `torchlint.config.keys.KEYS`, where each is explained.

    select is None where it is not given: then all but the informative rules speak; so is fixable: then all fixes are
    offered. exclude is None for the folders
    that are always passed over. contracts are tables beside torchlint's own; later ones override earlier ones, name by
    name. baseline is a path from the working folder.

    folder: the folder of the file that says so. ignored_here: what `per_file_ignores` leave out in the one file that
    these settings are for. files: what was read to know all this.
    """

    select: tuple[str, ...] | None = None
    extend_select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    extend_ignore: tuple[str, ...] = ()
    per_file_ignores: tuple[tuple[Pattern, tuple[str, ...]], ...] = ()
    severity: Severity = Severity.INFO
    exclude: tuple[Pattern, ...] | None = None
    extend_exclude: tuple[Pattern, ...] = ()
    force_exclude: bool = False
    respect_gitignore: bool = True
    markdown: bool = False
    contracts: tuple[Table, ...] = ()
    confirm: Hints = Hints()
    baseline: str | None = None
    output_format: str | None = None
    fix: bool = False
    fix_only: bool = False
    unsafe_fixes: bool = False
    fixable: tuple[str, ...] | None = None
    unfixable: tuple[str, ...] = ()
    folder: str = "."
    ignored_here: tuple[str, ...] = ()
    files: tuple[str, ...] = field(default=(), compare=False)

    def overridden(self, said: Mapping[str, Any]) -> Settings:
        """These settings under a stronger voice: values by the name of a field.

        `select` replaces all that says which rules speak, in every file; without it, `extend_select`, `ignore` and
        `extend_ignore` add, as `extend_exclude` does; everything else replaces what was there.
        """
        changes = dict(said)
        if "select" in said:
            before = replace(self, extend_select=(), ignore=(), extend_ignore=())
        else:
            added = said.get("extend_select", ())
            before = replace(
                self,
                ignore=tuple(selector for selector in self.ignore if selector not in added),
                extend_ignore=tuple(selector for selector in self.extend_ignore if selector not in added),
            )
        for name in ADDING & said.keys():
            changes[name] = (*getattr(before, name), *said[name])
        return replace(before, **changes)

    @property
    def selectors(self) -> Sequence[str]:
        """All words that name rules."""
        per_file = [word for _, words in self.per_file_ignores for word in words]
        chosen = (*(self.select or ()), *self.extend_select, *self.ignore, *self.extend_ignore, *per_file)
        return (*chosen, *(self.fixable or ()), *self.unfixable)


#: The fields to which a stronger voice adds.
ADDING = frozenset({"extend_select", "ignore", "extend_ignore", "extend_exclude"})
