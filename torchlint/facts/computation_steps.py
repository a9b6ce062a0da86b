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

from collections.abc import Mapping, Sequence
from itertools import islice

import msgspec

from torchlint import claim as c
from torchlint.facts.computation import VALUELESS, computed_by_model, operand, parts
from torchlint.flow.interval import Interval
from torchlint.flow.library.apply import Ellipse
from torchlint.flow.library.colours import CHANNELS
from torchlint.flow.library.reading import dtype_name
from torchlint.flow.shape import Dim, Linear
from torchlint.flow.subscripts import Slice
from torchlint.flow.values import (
    UNKNOWN,
    Alternatives,
    Applied,
    Const,
    Dict,
    Instance,
    Library,
    List,
    Meaning,
    Measured,
    Number,
    Object,
    Place,
    Run,
    Several,
    Tensor,
    Tuple,
    Unknown,
    Value,
    Via,
)
from torchlint.syntax import ir

#: A longer computation is not written down, nor one in which so many operations stand one behind the other.
MOST_STEPS, DEEPEST = 300, 90


class Claimed(msgspec.Struct, frozen=True):
    """A claim whose `places` are nodes of the program; the engine sets `under`."""

    check: c.Check
    steps: tuple[c.Step, ...]
    places: tuple[Place, ...]
    at: int | None = None
    under: str = ""


class Computation:
    """Writes down how values came to be. `pictures`: whether data are followed to their sources, too."""

    def __init__(self, *, pictures: bool = False) -> None:
        self.steps: list[c.Step] = []
        self.places: dict[Place, int] = {}
        self._pictures = pictures
        self._known: dict[int, tuple[Value | Run, int]] = {}
        self._depth = 0

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
            return self.add(c.Unknown("nothing is known"))
        if known is not None:
            return known[1]
        self._depth += 1
        try:
            long = len(self.steps) > MOST_STEPS or self._depth > DEEPEST
            number = self.add(c.Unknown("too long") if long else self._of(value))
        finally:
            self._depth -= 1
        self._known[id(value)] = (value, number)
        return number

    def call(self, run: Run) -> int:
        """The number of a step that calls a model, whatever it returns."""
        return self.add(self._called(run, ()))

    def operation(self, via: Via) -> int:
        """The number of a step that does an operation of one result, whatever is known of that."""
        return self.add(self._operation(UNKNOWN, via))

    def described(self, value: Tensor) -> int:
        """The number of a step that draws a value as it is described, wherever it came from."""
        number = self.add(data(value))
        self._known[id(value)] = (value, number)
        return number

    def model(self, run: Run) -> int:
        """The number of the step that constructs the model of a call."""
        known = self._known.get(id(run.model))
        if known is not None:
            return known[1]
        number = self.add(self._constructed(run))
        self._known[id(run.model)] = (run.model, number)
        return number

    def add(self, step: c.Step) -> int:
        """Write a step down, and give its number."""
        self.steps.append(step)
        return len(self.steps) - 1

    def _of(self, value: Value) -> c.Step:
        if isinstance(value, Const):
            return c.Value(value.value)
        if isinstance(value, Library):
            return c.Name(value.name)
        if isinstance(value, Ellipse):
            return c.Name("Ellipsis")
        if isinstance(value, Slice):
            return c.Slice(*(self.step(part) for part in (value.lower, value.upper, value.step)))
        if isinstance(value, (Tuple, List)):
            items = value.items
            return c.Unknown("a list of unknown length") if items is None else c.Items(tuple(map(self.step, items)))
        if isinstance(value, Dict):
            return self._entries(value)
        if isinstance(value, Tensor):
            return self._tensor(value)
        if isinstance(value, (Number, Unknown)) and value.via is not None:
            return self._operation(value, value.via)
        if isinstance(value, Number):
            return _number(value)
        if isinstance(value, Alternatives):
            return self._alternatives([option for _, option in value.options])
        if isinstance(value, Unknown) and value.origin is not None:
            return c.Unknown(value.origin.reason)
        return c.Unknown(type(value).__name__.lower() if not isinstance(value, Unknown) else "")

    def _alternatives(self, options: Sequence[Value]) -> c.Step:
        """One of several values: what they are, if they are the same but for where they are kept."""
        tensors = [option for option in options if isinstance(option, Tensor)]
        if len(tensors) == len(options):
            cores = [_kept(tensor) for tensor in tensors]
            if all(one is cores[0] for one in cores):
                return self._of(cores[0])
            described = [data(tensor) for tensor in tensors if not computed(tensor)]
            if len(described) == len(tensors) and all(one == described[0] for one in described):
                return described[0]
        elif all(isinstance(option, Const) for option in options) and len(set(options)) == 1:
            return self._of(options[0])
        return c.Unknown("one of several values")

    def _entries(self, value: Dict) -> c.Step:
        if value.meta.get("open") or not all(isinstance(key, str) for key in value.items):
            return c.Unknown("a dict of unknown content")
        return c.Entries({key: self.step(item) for key, item in value.items.items()})

    def _tensor(self, value: Tensor) -> c.Step:
        output = None if value.run is None else value.run.output(value)
        if output is not None:
            return self._called(output.run, tuple(output.part))
        via = value.via
        of_model = computed(value)
        if via is not None and (of_model or (self._pictures and _made_of_data(via))):
            return self._operation(value, via)
        return c.Unknown("several ways lead here") if of_model else data(value)

    def _called(self, run: Run, part: tuple[int | str, ...]) -> c.Step:
        model = self.model(run)
        inputs = tuple(map(self.step, run.inputs))
        keywords = {name: self.step(value) for name, value in run.keywords.items()}
        return c.Called(model, inputs, self.place(run.place), part, keywords)

    def _operation(self, value: Value, via: Via) -> c.Step:
        if isinstance(via, Measured):
            given, target = (self.step(via.arguments.get(name)) for name in ("input", "target"))
            return c.Judged(self._loss(via), given, target, self.place(via.place))
        part = _part(value, via)
        if part is None:
            return c.Unknown("one of several results")
        arguments = {
            name: self.step(argument)
            for name, argument in via.arguments.items()
            if isinstance(argument, Value) and not (name.startswith("_") or _is_device(name, argument))
        }
        op = via.does if isinstance(via, Applied) else via.op
        if op == "select" and "index" in arguments and "dim" not in arguments:
            op = "getitem"
        made = None if via.made is None else self.place(via.made)
        return c.Op(op, arguments, self.place(via.place), made, via.full, part)

    def _loss(self, via: Measured) -> c.Loss:
        settings, complete = _scalars({**via.settings, "reduction": via.arguments["reduction"]})
        plain = {name: value for name, value in settings.items() if not isinstance(value, list)}
        made = None if via.configured is None else self.place(via.configured)
        return c.Loss(via.full.rpartition(".")[2], plain, made, complete and len(plain) == len(settings))

    def _constructed(self, run: Run) -> c.Model:
        model, name = run.model, run.name
        if isinstance(model, Object):
            made = None if model.made is None else self.place(model.made)
            arguments, complete = _scalars(model.arguments)
            complete = complete and model.kind != "container"
            return c.Model(name, "", model.name, made, arguments, complete, run.training)
        assert isinstance(model, Instance)
        made = None if model.made is None else self.place(model.made)
        given = model.meta.get("given")
        arguments, complete = ({}, False) if given is None else _scalars(_by_name(model, *given))
        return c.Model(name, model.cls.path, model.cls.name, made, arguments, complete, run.training)


#: Arguments that say where numbers are kept, and not what they are.
KEPT = frozenset({"device", "non_blocking", "memory_format", "pin_memory"})


def _is_device(name: str, value: Value) -> bool:
    """Whether an argument says where numbers are kept; ``x.to(…)`` has a dtype in the same place."""
    return name in KEPT and not (isinstance(value, Tensor) or (isinstance(value, Library) and dtype_name(value)))


#: Operations that move numbers elsewhere, and leave them as they are.
KEEPERS = frozenset({"cuda", "cpu", "to", "Variable", "contiguous"})


def _kept(value: Tensor) -> Tensor:
    """The tensor before it was moved to where it is kept."""
    while value.via is not None and value.via.op in KEEPERS:
        inner = operand(value.via)
        if not isinstance(inner, Tensor) or inner.dtype != value.dtype:
            break
        value = inner
    return value


def computed(value: Value | None) -> bool:
    """Whether numbers go back to a model's, even if their gradient was cut off since; the size of a model's output is
    none of its numbers."""
    return computed_by_model(value, by_size=False)


def _part(value: Value, via: Via) -> tuple[int, ...] | None:
    """Which of an operation's results a value is; None if it gives several, and that is not known."""
    if not isinstance(via, Several):
        return ()
    return next((part for result, part in via.results if result is value), None)


def _made_of_data(via: Via) -> bool:
    """Whether an operation was given data whose values it looks at, so that it is no source."""
    given = islice(via.arguments.values(), via.op in VALUELESS, None)
    return any(isinstance(part, Tensor) for argument in given for part in parts(argument))


def data(value: Tensor) -> c.Data:
    """A value that depends on no model, as it is described."""
    meaning = value.meaning or Meaning("")
    shape = None if value.shape is None else tuple(map(size, value.shape))
    if value.holder == "pil" or (meaning.kind == "image" and meaning.layout == "HWC"):
        shape = _picture_shape(shape, meaning.mode)
    return c.Data(
        shape,
        value.dtype,
        *_ends(value.range),
        meaning.kind,
        meaning.classes,
        value.holder,
        meaning.mode,
        meaning.layout,
    )


def _picture_shape(shape: tuple[int | str | None, ...] | None, mode: str) -> tuple[int | str | None, ...]:
    """The shape of an array of a picture with its channels last, if any, in which unknown sizes have names: a picture
    may be of any size. One of an unknown mode has three channels, as most have."""
    if shape is None:
        count = CHANNELS.get(mode, 3)
        shape = (None, None) if count == 1 or mode in ("P", "1") else (None, None, count)
    names = dict(zip(range(len(shape))[-3:] if len(shape) > 2 else range(2), ("H", "W"), strict=False))
    return tuple(names.get(i) if dim is None else dim for i, dim in enumerate(shape))


def _ends(found: Interval | None) -> tuple[float | None, float | None, bool]:
    if found is None:
        return None, None, False
    low, high = (None if abs(end) == float("inf") else end for end in (found.low, found.high))
    return low, high, found.tight


def _number(value: Number) -> c.Step:
    dim = size(value.dim) if value.dim is not None else None
    if dim is not None:
        return c.Size(dim)
    return c.Data((), value.kind, *_ends(value.interval), holder="number")


def size(dim: Dim) -> int | str | None:
    """A size as `claim.Data` has it."""
    if not isinstance(dim, Linear):
        return dim
    if not all(isinstance(name, str) and name.isascii() and name.isidentifier() for name, _ in dim.terms):
        return None
    terms = "".join(f"{k:+d}*{name}" if abs(k) != 1 else f"{'-' if k < 0 else '+'}{name}" for name, k in dim.terms)
    return (terms + (f"{dim.constant:+d}" if dim.constant else "")).removeprefix("+")


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
