"""What is known of a value, as an editor shows it beside the expression that has it.

Definitions
    known   one line a value: what it is, its range, what it stands for, and the operation that gave it
    origin  where that operation is, or where an object was made
    steps   the places that the value came through, oldest first

Worked example: the output of ``self.conv2(x)`` in row 12 of ``model.py`` is ``float32[B, 1, 124, 124] · range (−∞, ∞)
· logits · from self.conv2 (model.py:12)``; `Known` holds the first three, and the place of the call.

What is not known is left out, and a value of which nothing is known has no line.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec
from msgspec.structs import replace

from torchlint.facts.base import trail
from torchlint.facts.pixels import history
from torchlint.facts.wording import range_words, shape_words, tensor_head, tensor_words, words
from torchlint.flow.library.contracts import Contracts
from torchlint.flow.recording import Recorder
from torchlint.flow.spell import spell_guard
from torchlint.flow.values import Alternatives, Class, Function, Instance, Object, Place, Run, Tensor, Value

#: Lines of one expression, and steps of one value.
MOST_LINES, MOST_STEPS = 4, 40


class Known(msgspec.Struct, frozen=True):
    """What is known of one value: see the module's definitions.

    shape, range: for a hint beside a name; empty where not known. verb: how the origin is introduced (``from``,
    ``made in``); name: how the operation is called that gave it, if nobody can read that where it stands, empty where
    the place says enough. when: the tests under which it is so, in words.
    """

    text: str
    shape: str = ""
    range: str = ""
    origin: Place | None = None
    verb: str = "from"
    name: str = ""
    when: str = ""
    steps: tuple[Place, ...] = ()


class KnownValues(msgspec.Struct):
    """What is known of the expressions of one file by their numbers, and of the parameters of its functions by the
    number of the function and the name."""

    expressions: dict[int, list[Known]] = {}
    parameters: dict[tuple[int, str], list[Known]] = {}


def everything_known(recorder: Recorder, path: str, contracts: Contracts) -> KnownValues:
    """What was recorded of a file, in words."""
    expressions, parameters = recorder.of(path), recorder.parameters[path]
    teller = _Teller(contracts, _runs((*expressions.values(), *parameters.values())))
    return KnownValues(
        {number: said for number, values in expressions.items() if (said := teller.of(values))},
        {key: said for key, values in parameters.items() if (said := teller.of(values))},
    )


class _Teller:
    """Finds words, once for the same values, which somebody else holds. runs: a call of each model, by the model's
    identity."""

    def __init__(self, contracts: Contracts, runs: dict[int, Run]) -> None:
        self._contracts = contracts
        self._runs = runs
        self._said: dict[tuple[int, ...], list[Known]] = {}
        self._tensors: dict[tuple[int, str], Known] = {}

    def of(self, values: Sequence[Value]) -> list[Known]:
        """What is known of the values of one expression, each thing once."""
        key = tuple(map(id, values))
        if key not in self._said:
            found: dict[tuple[str, Place | None], list[Known]] = {}
            for value in values:
                for one in self._of(value, ""):
                    found.setdefault((one.text, one.origin), []).append(one)
            self._said[key] = [_together(some) for some in list(found.values())[:MOST_LINES]]
        return self._said[key]

    def _of(self, value: Value, when: str) -> Iterator[Known]:
        if isinstance(value, Alternatives):
            for guard, option in value.options:
                test = spell_guard(guard)
                yield from self._of(option, f"{when} and {test}" if when and test else when or test)
        elif isinstance(value, Tensor):
            key = id(value), when
            if key not in self._tensors:
                self._tensors[key] = _tensor(value, when)
            yield self._tensors[key]
        else:
            text = words(value, self._contracts)
            run = self._runs.get(id(value))
            if run is not None and text:
                given = [tensor_head(one) for one in run.inputs if isinstance(one, Tensor)]
                gives = [tensor_head(one.tensor) for one in run.outputs]
                if given and gives:
                    text += f" · {', '.join(given)} → {gives[0]}"
            if text:
                made = _made(value)
                verb = "in" if isinstance(value, (Function, Class)) else "made in"
                yield Known(text, origin=made, verb=verb, when=when, steps=() if made is None else (made,))


def _together(some: Sequence[Known]) -> Known:
    """One line for what is so under several tests; under more than two, nobody wants to read them."""
    tests = list(dict.fromkeys(one.when for one in some))
    if len(tests) == 1:
        return some[0]
    return replace(some[0], when=" or ".join(tests) if len(tests) == 2 and all(tests) and not _opposed(*tests) else "")


def _opposed(first: str, second: str) -> bool:
    """Whether one of two tests holds always."""
    return first in (f"not {second}", f"not ({second})") or second in (f"not {first}", f"not ({first})")


def _made(value: Value) -> Place | None:
    """Where an object was made, or a function or class is defined."""
    if isinstance(value, (Object, Instance)):
        return value.made
    return Place(value.path, value.node.n) if isinstance(value, (Function, Class)) else None


def _runs(recorded: Sequence[Sequence[Value]]) -> dict[int, Run]:
    """The first call of each model whose outputs were recorded."""
    found: dict[int, Run] = {}
    for values in recorded:
        for value in values:
            if isinstance(value, Tensor) and value.run is not None:
                found.setdefault(id(value.run.model), value.run)
    return found


def _tensor(t: Tensor, when: str) -> Known:
    via = t.via
    return Known(
        tensor_words(t),
        shape_words(t.shape) if t.shape is not None else "",
        range_words(t.range) if t.range is not None else "",
        None if via is None else via.place,
        name="" if via is None else via.text or via.op,
        when=when,
        steps=_steps(t),
    )


def _steps(t: Tensor) -> tuple[Place, ...]:
    """Where a tensor came through: of a transform, where that was made."""
    places = [step.place if step.transform else step.at for step in history(t)] or [step.place for step in trail(t)]
    return tuple(dict.fromkeys(places))[-MOST_STEPS:]
