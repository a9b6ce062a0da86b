"""How a value came to be, written down step by step, so that a run can compute it again.

Definitions
    claimed  a claim whose places are still nodes: the engine looks up where they stand
    data     a value that depends on no model: it is not computed, but drawn as it is described
    source   data that no other data were made into

Worked example: the input of the loss in ``criterion(sigmoid(net(x)), y)`` becomes ``Model(Net)``, ``Data(x)``,
``Called(0, (1,))``, ``Op("sigmoid", {"input": 2})``: what lies inside ``net`` is left to the run, which builds it.
With ``pictures`` ``x`` itself is followed back: ``Data(PIL image)``, ``Op("to_tensor", …)``, ``Op("batch", …)``.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from torchlint import claim as c
from torchlint.flow.shape import Dim, Linear
from torchlint.flow.values import (
    Alternatives,
    Applied,
    Const,
    Instance,
    List,
    Number,
    Object,
    Output,
    Place,
    Run,
    Tensor,
    Tuple,
    Unknown,
    Value,
    Via,
)
from torchlint.syntax import ir

#: A longer computation is not written down.
MOST_STEPS = 300


class Claimed(msgspec.Struct, frozen=True):
    """A claim whose `places` are nodes of the program."""

    check: c.Check
    steps: tuple[c.Step, ...]
    places: tuple[Place, ...]
    at: int | None = None


class Computation:
    """Writes down how values came to be. `pictures`: whether transforms of pictures are followed, too."""

    def __init__(self, *, pictures: bool = False) -> None:
        self.steps: list[c.Step] = []
        self.places: dict[Place, int] = {}
        self._pictures = pictures
        self._known: dict[int, tuple[Value | Run, int]] = {}

    def claimed(self, check: c.Check, at: Place | None = None) -> Claimed:
        """The claim that this check holds; `at` is the expression that it is about."""
        where = None if at is None else self.place(at)
        return Claimed(check, tuple(self.steps), tuple(self.places), where)

    def place(self, place: Place) -> int:
        """The number of a place."""
        return self.places.setdefault(place, len(self.places))

    def step(self, value: Value | None) -> int:
        """The number of the step that gives a value; steps that it needs are written down before it."""
        known = self._known.get(id(value))
        if value is None:
            return self._add(c.Unknown("nothing is known"))
        if known is not None:
            return known[1]
        number = self._add(c.Unknown("too long") if len(self.steps) > MOST_STEPS else self._of(value))
        self._known[id(value)] = (value, number)
        return number

    def model(self, run: Run) -> int:
        """The number of the step that constructs the model of a call."""
        known = self._known.get(id(run.model))
        if known is not None:
            return known[1]
        number = self._add(self._constructed(run))
        self._known[id(run.model)] = (run.model, number)
        return number

    def _add(self, step: c.Step) -> int:
        self.steps.append(step)
        return len(self.steps) - 1

    def _of(self, value: Value) -> c.Step:
        if isinstance(value, Const):
            return c.Value(value.value)
        if isinstance(value, (Tuple, List)):
            items = value.items
            return c.Unknown("a list of unknown length") if items is None else c.Items(tuple(map(self.step, items)))
        if isinstance(value, Tensor):
            return self._tensor(value)
        if isinstance(value, (Number, Unknown)) and value.via is not None:
            return self._operation(value.via)
        if isinstance(value, Alternatives):
            return c.Unknown("one of several values")
        if isinstance(value, Unknown) and value.origin is not None:
            return c.Unknown(value.origin.reason)
        return c.Unknown("")

    def _tensor(self, value: Tensor) -> c.Step:
        output = None if value.run is None else value.run.output(value)
        if output is not None:
            return self._called(output)
        via = value.via
        of_model = value.run is not None or value.grad == "attached"
        if via is not None and (of_model or (self._pictures and isinstance(via, Applied))):
            return self._operation(via)
        return c.Unknown("several ways lead here") if of_model else data(value)

    def _called(self, output: Output) -> c.Step:
        run = output.run
        model = self.model(run)
        inputs = tuple(map(self.step, run.inputs))
        return c.Called(model, inputs, self.place(run.place), tuple(output.part))

    def _operation(self, via: Via) -> c.Step:
        arguments = {name: self.step(value) for name, value in via.arguments.items() if isinstance(value, Value)}
        made = None if via.made is None else self.place(via.made)
        return c.Op(via.op, arguments, self.place(via.place), made)

    def _constructed(self, run: Run) -> c.Model:
        model, name = run.model, run.name
        if isinstance(model, Object):
            made = None if model.made is None else self.place(model.made)
            arguments, complete = _scalars(model.arguments)
            return c.Model(name, "", model.name, made, arguments, complete, run.training)
        assert isinstance(model, Instance)
        made = None if model.made is None else self.place(model.made)
        given = model.meta.get("given")
        arguments, complete = ({}, False) if given is None else _scalars(_by_name(model, *given))
        return c.Model(name, model.cls.path, model.cls.name, made, arguments, complete, run.training)


def data(value: Tensor) -> c.Data:
    """A value that depends on no model, as it is described."""
    shape = None if value.shape is None else tuple(_size(dim) for dim in value.shape)
    low = high = None
    reached = False
    if value.range is not None:
        low, high = (None if abs(end) == float("inf") else end for end in (value.range.low, value.range.high))
        reached = value.range.tight
    meaning = value.meaning
    kind, classes = ("", None) if meaning is None else (meaning.kind, meaning.classes)
    return c.Data(shape, value.dtype, low, high, reached, kind, classes, value.holder)


def _size(dim: Dim) -> int | str | None:
    return str(dim) if isinstance(dim, Linear) else dim


def _by_name(model: Instance, args: tuple[Value, ...], keywords: Mapping[str, Value]) -> dict[str, Value]:
    """The arguments of a construction by the names of the parameters; an unknown under the name ``*`` if they do not
    fit."""
    init = next((s for s in model.cls.node.body if isinstance(s, ir.FunctionDef) and s.name == "__init__"), None)
    named = dict(keywords)
    if not args:
        return named
    names = [] if init is None else [p.name for p in init.params if p.kind in ("pos", "any")][1:]
    if len(args) > len(names):
        return {**named, "*": Unknown()}
    return {**dict(zip(names, args, strict=False)), **named}


def _scalars(arguments: Mapping[str, Value]) -> tuple[dict[str, c.Scalar | list[c.Scalar]], bool]:
    """Those that are constants or lists of constants, and whether all are."""
    found: dict[str, c.Scalar | list[c.Scalar]] = {}
    for name, value in arguments.items():
        if isinstance(value, Const):
            found[name] = value.value
        elif isinstance(value, (Tuple, List)) and value.items is not None:
            items = [item.value for item in value.items if isinstance(item, Const)]
            if len(items) == len(value.items):
                found[name] = items
    return found, len(found) == len(arguments)
