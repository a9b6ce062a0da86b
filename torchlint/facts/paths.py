"""The ways of the data through a program, each from where it begins to where it ends: for ``torchlint trace``.

Definitions
    path   the stages of one value, and the end that it comes to
    end    a loss (its input, its target), a picture that is shown or saved, or the call of a model without a loss
    stage  one line of a path: a step of the value's history, a whole model, or, before operations that were joined with
           others, a note of the value's trail

Worked example: of ``loss = F.cross_entropy(net(x), y)`` in a loop over a loader of CIFAR10 there are two paths, that of
the input (``CIFAR10``, ``ToTensor``, the batch, ``Net``) and that of the target. Where a random test decides whether
the images are flipped, there are two ways to one end with the same ranges: the longer is shown, and the other counted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

import msgspec
from msgspec.structs import replace

from torchlint.facts.computation import alternatives, options
from torchlint.facts.pixels import MOST_STEPS, SETTINGS, PixelStep, picture, step_of
from torchlint.flow.events import Event, LossEvent, RunEvent, SinkEvent
from torchlint.flow.spell import spell_guard
from torchlint.flow.values import Const, Guard, Number, Place, Tensor, Unknown, Value

#: Ways to one end that are told apart.
MOST_WAYS = 8

SYMBOLS = {
    "add": "+", "sub": "−", "mul": "×", "div": "÷", "floor_divide": "//", "pow": "**", "remainder": "%", "gt": ">",
    "ge": "≥", "lt": "<", "le": "≤", "eq": "=", "ne": "≠",
}  # fmt: skip


#: Operations that leave values, order and shape alone, unless they are told to change the dtype.
PLACES = frozenset(
    {"to", "cuda", "cpu", "contiguous", "detach", "clone", "copy", "data", "no_grad", "identity", "requires_grad",
     "Variable", "ascontiguousarray", "pin_memory"}
)  # fmt: skip


class Stage(msgspec.Struct, frozen=True):
    """One line of a path.

    kind: ``source``, ``transform``, ``operation``, ``move`` (to another device or place in memory), ``batch`` or
    ``model``; name: what it is called; place: where it is
    written; tensor: what is known of the values after it; random: whether it draws; note: what is said of it where
    `tensor` is None.
    """

    kind: str
    name: str
    place: Place
    tensor: Tensor | None
    random: bool = False
    note: str = ""


class DataPath(msgspec.Struct, frozen=True):
    """The way of one value. end: the loss, the function that shows a picture, or the model; role: what the value is
    there (``input``, ``target``, ``picture``, ``model``); place: where; guard: when, in words; unknown: why nothing is
    known of where it begins, empty if it begins at a source; others: how many more ways there are to this end that
    differ in nothing but stages that keep the range."""

    end: str
    role: str
    place: Place
    guard: str
    stages: tuple[Stage, ...]
    unknown: str = ""
    others: int = 0

    @property
    def places(self) -> tuple[Place, ...]:
        """Where it passes, its end last."""
        return (*(stage.place for stage in self.stages), self.place)

    @property
    def ranges(self) -> tuple[str, ...]:
        """The ranges on the way, each once while it lasts."""
        found: list[str] = []
        for stage in self.stages:
            text = str(stage.tensor.range) if stage.tensor is not None and stage.tensor.range is not None else "?"
            if not found or found[-1] != text:
                found.append(text)
        return tuple(found)


def paths(events: Sequence[Event]) -> list[DataPath]:
    """All ways of the data that a run saw, in the order of their ends."""
    distinct: dict[object, DataPath] = {}
    judged = {
        run.place
        for event in events
        if isinstance(event, LossEvent)
        for _, tensor in options(event.arguments["input"], event.guard)
        if tensor is not None and (run := tensor.run) is not None
    }
    for event in events:
        for role, end, value, guard in _ends(event, judged):
            for path in _ways(role, end, event.place, value, guard):
                distinct.setdefault((path.role, path.place, path.guard, path.places, path.ranges), path)
    groups: dict[object, list[DataPath]] = {}
    for path in distinct.values():
        names = tuple(stage.name for stage in path.stages if stage.kind in ("source", "model"))
        groups.setdefault((path.place, path.role, path.ranges, names), []).append(path)
    return [
        replace(max(group, key=lambda one: len(one.stages)), others=len(group) - 1) if len(group) > 1 else group[0]
        for group in groups.values()
    ]


def _ends(event: Event, judged: set[Place]) -> Iterator[tuple[str, str, Value, Guard]]:
    if isinstance(event, LossEvent):
        name = event.name.rsplit(".", 1)[-1]
        for role in ("input", "target"):
            yield role, name, event.arguments[role], event.guard
    elif isinstance(event, SinkEvent):
        yield "picture", event.name.rsplit(".", 1)[-1], event.input, event.guard
    elif isinstance(event, RunEvent) and event.place not in judged:
        for value in event.run.inputs[:1]:
            yield "model", event.run.name, value, event.guard


def _ways(role: str, end: str, place: Place, value: Value, guard: Guard) -> Iterator[DataPath]:
    for found, tensor in options(value, guard):
        if tensor is not None:
            for stages, unknown in islice(_back(tensor, found, MOST_STEPS), MOST_WAYS):
                yield DataPath(end, role, place, spell_guard(found), tuple(reversed(stages)), unknown)


def _back(value: Value | None, guard: Guard, most: int) -> Iterator[tuple[list[Stage], str]]:
    """The stages of a value, newest first, and why it is not known where it begins, if it is not: one for each of the
    alternatives that a model may have been given."""
    found: list[Stage] = []
    while isinstance(value, (Tensor, Unknown, Number)) and len(found) < most:
        via = value.via
        if via is None:
            break
        before = picture(via)
        run = value.run if isinstance(value, Tensor) else None
        if isinstance(value, Tensor) and run is not None and not (isinstance(before, Tensor) and before.run is run):
            found.append(Stage("model", run.name, run.place, value))
            given = alternatives(run.inputs[0], guard) if run.inputs else []
            for inner, one in given:
                for stages, unknown in _back(one, inner, most - len(found)):
                    yield [*found, *stages], unknown
            if given:
                return
            value = None
        else:
            found.append(_stage(step_of(via, value if isinstance(value, Tensor) else None)))
            value = before
    unknown = ""
    if isinstance(value, Tensor):
        found += _noted(value)
    elif isinstance(value, Unknown):
        unknown = value.origin.reason if value.origin is not None else "is not known"
    if found:
        yield found, unknown


def _noted(tensor: Tensor) -> Iterable[Stage]:
    """What the trail of a tensor says, newest first: its operations are not known, for it was joined of several."""
    for step in tensor.trail.steps() if tensor.trail is not None else ():
        kind = "source" if step.parent is None else "operation"
        name = step.note.split("`")[1] if step.note.count("`") > 1 else "…"
        yield Stage(kind, name, step.place, None, note=step.note.replace("`", ""))


def _stage(step: PixelStep) -> Stage:
    if step.does == "batch":
        return Stage("batch", "batch", step.place, step.after)
    if step.transform:
        return Stage("transform", step.name, step.place, step.after, step.random)
    if step.does in PLACES:
        return Stage("move", step.name, step.place, step.after)
    begins = step.before is None and not any(
        isinstance(v, Unknown) and name not in SETTINGS for name, v in step.arguments.items()
    )
    return Stage("source" if begins else "operation", _name(step), step.place, step.after)


def _name(step: PixelStep) -> str:
    """An operation in a few characters: ``÷ 255`` for arithmetic with a number."""
    other = step.arguments.get("other", step.arguments.get("exponent"))
    symbol = SYMBOLS.get(step.does)
    if symbol is None or other is None or step.name != step.does:
        return step.name
    first = step.arguments.get("input")
    if isinstance(first, Const):
        return f"{first.value} {symbol}"
    if isinstance(other, Const):
        return f"{symbol} {other.value}"
    return f"{symbol} {other.dim}" if isinstance(other, Number) and other.dim is not None else f"{symbol} …"
