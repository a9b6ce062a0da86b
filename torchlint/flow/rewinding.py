"""A machine that can go back to where it was, however far it has run since.

Definitions
    journal  every cell of a value that was written since a mark, oldest first, with what it held before
    mark     a point to go back to: the length of the journal, and copies of the machine's own lists, dicts and sets

Worked example: ``mark = m.mark()``; a module is run, which writes ``net.training`` of a model that was there before,
defines three functions and enters two; after ``m.rewind(mark)`` the model's cell holds what it held, and the machine
knows nothing of the functions, nor of the identities of their nodes, which other nodes may have by then.

**Invariant:** whatever outlives a root is changed by `write`, `remove`, `note`, `add` and `amend` alone, or is the
machine's own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from torchlint.flow.library.contracts import Contracts
from torchlint.flow.machine import MISSING, Machine
from torchlint.flow.values import Class, Function
from torchlint.project.modules import Project

#: Stands in the journal for every cell of a dict.
_ALL: Any = object()


class Mark(msgspec.Struct, frozen=True, eq=False):
    """A point to go back to; see the module's definitions. `contracts` are as they were adapted until then."""

    journal: int
    state: dict[str, Any]
    contracts: Contracts


class RewindingMachine(Machine):
    """A machine that keeps a journal."""

    #: What is no part of the state: it is what the state is kept with.
    APART = frozenset({"journal", "project", "contracts", "stop", "recorder"})

    journal: list[tuple[Any, Any, Any]]

    def __init__(self, project: Project, contracts: Contracts, stop: Callable[[], bool]) -> None:
        super().__init__(project, contracts, stop=stop)
        self.journal = []

    def write(self, cells: dict[Any, Any], key: Any, value: Any) -> None:
        self.journal.append((cells, key, cells.get(key, MISSING)))
        super().write(cells, key, value)

    def remove(self, cells: dict[Any, Any], key: Any) -> None:
        if key in cells:
            self.journal.append((cells, _ALL, cells.copy()))  # the order of what is left would be another
        super().remove(cells, key)

    def note(self, cells: dict[Any, Any], key: Any, value: Any) -> None:
        self.journal.append((cells, key, cells.get(key, MISSING)))
        cells[key] = value

    def add(self, items: list[Any], item: Any) -> None:
        self.journal.append((items, len(items), MISSING))
        items.append(item)

    def amend(self, value: Function | Class, contract: str) -> None:
        self.journal.append((value, "contract", value.contract))
        value.contract = contract

    def mark(self) -> Mark:
        """Where the machine is now; to be taken between roots."""
        assert self.log is None and not self.logs and not self.frames
        state = {name: _copied(value) for name, value in self.__dict__.items() if name not in self.APART}
        return Mark(len(self.journal), state, self._contracts(self.contracts))

    def rewind(self, mark: Mark) -> None:
        """Go back to a mark, which stays good; those that were taken since are void."""
        journal = self.journal
        for owner, key, old in reversed(journal[mark.journal :]):
            if type(owner) is list:
                del owner[key:]
            elif type(owner) is not dict:
                owner.contract = old
            elif key is _ALL:
                owner.clear()
                owner.update(old)
            elif old is MISSING:
                owner.pop(key, None)
            else:
                owner[key] = old
        del journal[mark.journal :]
        self.__dict__.update((name, _copied(value)) for name, value in mark.state.items())
        self.contracts = self._contracts(mark.contracts)

    def _contracts(self, contracts: Contracts) -> Contracts:
        """Contracts that may be adapted while these stay; what nobody teaches is never adapted."""
        return contracts.copy(found=True) if contracts.taught else contracts

    def settle(self) -> None:
        """Forget how to go back behind this point."""
        self.journal.clear()


def _copied(value: Any) -> Any:
    return value.copy() if type(value) in (list, dict, set) else value


__all__ = ["Mark", "RewindingMachine"]
