"""What one process keeps between passes over a project that is being edited: parsed files, and what components gave.

Only what the last pass used is kept, so it does not grow with the number of edits.

Worked example: of two components, one file of the first is edited: in the next pass that file alone is parsed, and the
outcome of the second component is what it was, if every further file that it looked for is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from torchlint.project.modules import Project
from torchlint.project.parsed import Parsed
from torchlint.source.digest import digest

if TYPE_CHECKING:
    from torchlint.engine.lint import Outcome


class Memory:
    """See the module's text."""

    def __init__(self) -> None:
        self._parsed: dict[bytes, list[Parsed]] = {}
        self._digests: dict[bytes, bytes] = {}
        self._outcomes: dict[bytes, Outcome] = {}
        self._used: dict[bytes, Outcome] = {}

    def copy(self) -> Memory:
        """One that knows the same; its passes leave this as it is."""
        other = Memory()
        other._parsed = {key: [*some] for key, some in self._parsed.items()}
        other._digests = {**self._digests}
        other._outcomes = {**self._outcomes}
        return other

    def digest(self, data: bytes) -> bytes:
        """The digest of a file's content."""
        found = self._digests.get(data)  # Python hashes an object once, so a file that stays costs nothing
        if found is None:
            found = self._digests[data] = digest(data)
        return found

    def take(self, key: bytes) -> Parsed | None:
        """What a file of this digest says; nobody else is given the same object before the next pass."""
        found = self._parsed.get(key)
        return found.pop() if found else None

    def keep(self, project: Project, ready: Mapping[bytes, Parsed], *, finished: bool) -> None:
        """End a pass: keep what its files say, those too of which nobody has asked yet (`ready`, by digest); and its
        outcomes, beside them the older ones if it was given up."""
        present = {self.digest(unit.data): None for unit in project.units.values()}
        kept = {key: some for key, some in self._parsed.items() if some and key in present}
        for unit in project.units.values():
            if unit.parsed is not None:
                kept.setdefault(self.digest(unit.data), []).append(unit.parsed)
        for key, one in ready.items():
            if key in present:
                kept.setdefault(key, []).append(one)
        self._parsed = kept
        self._digests = {unit.data: self._digests[unit.data] for unit in project.units.values()}
        if finished:
            self._outcomes = self._used
            self._used = {}

    def outcome(self, key: bytes) -> Outcome | None:
        """What a component gave, by the key that stands for all that it depends on."""
        found = self._outcomes.get(key)
        if found is not None:
            self._used[key] = found
        return found

    def put(self, key: bytes, outcome: Outcome) -> None:
        """Keep what a component gave."""
        self._outcomes[key] = self._used[key] = outcome
