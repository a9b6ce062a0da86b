"""What is noted of a run for somebody who looks at it: the values of expressions for an editor, the calls of modules
for a table of a model.

Definitions
    recorder   keeps what it is told of the files that somebody looks at, a few values an expression
    bound      a name, attribute or item that something is assigned to: what it holds afterwards
    parameter  of a function has no number of its own: its values are kept by the number of the function and its name
    snapshot   a list or dict as it was when the expression had it, since it may be another later

Worked example: in ``def f(x): return x + 1``, called with 1 and with 2, the number of ``x + 1`` has the values 2 and 3,
and the parameter ``x`` of the number of ``f`` has 1 and 2.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import NamedTuple

from torchlint.flow.values import Dict, List, Unknown, Value

#: Values of one expression that are kept: the first, which are those of the program's own calls.
MOST = 6


class ModuleCall(NamedTuple):
    """A module was called: a model of the project, or a library's layer, container or model; what it gave."""

    module: Value
    result: Value


class Recorder:
    """See the module's text. paths: the files, as the user writes them."""

    def __init__(self, paths: Collection[str]) -> None:
        self.values: dict[str, dict[int, list[Value]]] = {path: {} for path in paths}
        self.bound: dict[str, dict[int, list[Value]]] = {path: {} for path in paths}
        self.parameters: dict[str, dict[tuple[int, str], list[Value]]] = {path: {} for path in paths}

    def note(self, path: str, number: int, value: Value) -> None:
        """An expression has a value."""
        values = self.values.get(path)
        if values is not None and type(value) is not Unknown:
            _add(values.setdefault(number, []), value)

    def bind(self, path: str, number: int, value: Value) -> None:
        """Something is assigned to an expression."""
        bound = self.bound.get(path)
        if bound is not None:
            known = bound.setdefault(number, [])
            if type(value) is not Unknown:
                _add(known, value)

    def enter(self, path: str, function: int, scope: Mapping[str, Value]) -> None:
        """A function is entered with these parameters."""
        parameters = self.parameters.get(path)
        if parameters is not None:
            for name, value in scope.items():
                if type(value) is not Unknown:
                    _add(parameters.setdefault((function, name), []), value)

    def of(self, path: str) -> dict[int, list[Value]]:
        """The values of the expressions of a file by their numbers; of what is bound, what it holds afterwards."""
        return {**self.values[path], **self.bound[path]}


def _add(known: list[Value], value: Value) -> None:
    if len(known) >= MOST:
        return
    if type(value) is List:
        if not any(type(one) is List and one.content is value.content for one in known):
            known.append(List(value.attrs.copy(), value.kind))
    elif type(value) is Dict:
        if not any(type(one) is Dict and _same(one.items, value.items) for one in known):
            known.append(Dict(value.items.copy(), value.meta.copy()))
    elif not any(one is value for one in known):
        known.append(value)


def _same(first: dict[object, Value], second: dict[object, Value]) -> bool:
    return len(first) == len(second) and all(second.get(key) is value for key, value in first.items())
