"""What the interpreter saw happen, in order: the raw material of facts.

**Invariant:** an event says what was called with which values on which path; it judges nothing.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from torchlint.flow.library.refusals import Refusal
from torchlint.flow.library.tables import Loss, Sink
from torchlint.flow.values import Applied, Guard, Object, Place, Run, Tensor, Value, Via, Weights
from torchlint.syntax import ir


class Event(msgspec.Struct, frozen=True, eq=False):
    """Something that happened at `place`, under `guard` (the unknown tests decided on the way)."""

    place: Place
    guard: Guard


class LossEvent(Event, frozen=True, eq=False):
    """A loss was called, as an object or a function. `name` is the canonical name; `arguments` the ``input`` and
    ``target``, and the other bound arguments by the names of the functional form, alternatives still in them; `call`
    numbers the call of a choice between several losses, 0 where there is none. configured_at: the call that spells the
    loss's name, its construction or itself; settings_at: where the arguments stand that are written in that call.
    called: the call of the function in which this happened; row: the loss's contract; taught, caught: as in
    `LossCalled`."""

    name: str
    family: str
    arguments: dict[str, Value]
    input_text: str
    target_text: str
    call: int
    takes: str
    applies: str
    wants: str
    spelled_at: Place | None
    arguments_at: tuple[Place | None, Place | None]
    result: Value
    reduction: Value
    configured_at: Place | None
    settings_at: dict[str, Place]
    autocast: bool
    called: Place | None
    row: Loss
    taught: bool
    caught: bool = False


#: Operations that are recorded when they are performed on a tensor, beside arithmetic between two tensors.
OBSERVED = frozenset(
    {
        "softmax", "log_softmax", "softmin", "Softmax2d", "gumbel_softmax", "sigmoid", "logsigmoid", "argmax", "argmin",
        "max", "min", "topk", "sort", "gather", "round", "gt", "ge", "lt", "le", "eq", "exp", "multinomial",
        "Categorical",
    }
)  # fmt: skip
ARITHMETIC = frozenset({"add", "sub", "mul", "div"})
#: Arithmetic that wraps around where the result does not fit, recorded on bytes.
WRAPPING = frozenset({"add", "sub", "mul", "pow", "subtract", "multiply", "power"})


class OpEvent(Event, frozen=True, eq=False):
    """An operation of `OBSERVED`, arithmetic between two tensors, between a loss and a size or data, on an image or on
    bytes, or anything on a mask of booleans, was done to `input` (no alternatives left in it); `call` numbers the call,
    whose alternatives are one event each. `text` is how the program spells it; `arguments_at` says where its arguments
    stand, for a layer those of its construction.

    called, given: the call of the function in which this happened, and what that call passed; written: the arguments
    that stand in that call, with their values.
    """

    via: Via
    input: Tensor
    result: Value
    text: str
    call: int
    arguments_at: Mapping[str, Place]
    called: Place | None
    given: tuple[Value, ...]
    written: tuple[tuple[Value, ir.Expr], ...]


#: Operations that are recorded by their windows.
POOLINGS = frozenset(f"{kind}_pool{n}d" for kind in ("max", "avg", "lp") for n in (1, 2, 3))


#: Operations that cut a tensor's elements anew.
RESHAPING = frozenset({"view", "reshape"})


class ReshapeEvent(Event, frozen=True, eq=False):
    """An operation of `RESHAPING` was done to `input`, whose rank is known, as is that of the result; `call` and `text`
    as in `OpEvent`; group: the number of the choice between several calls that it is one of, 0 for none."""

    via: Via
    input: Tensor
    result: Tensor
    text: str
    call: int
    group: int = 0


class RefusedEvent(Event, frozen=True, eq=False):
    """Torch refuses the arguments of an operation (no alternatives left in them), whatever their symbols stand for.

    refusal: what does not fit; `via` holds the arguments, `text` is as in `OpEvent`, `caught` as in `LossCalled`; call:
    the number of the call, or of the choice between several that it is one of; run: the number of the call of a model
    in which that happened, 0 for none.
    """

    via: Via
    refusal: Refusal
    text: str
    call: int
    caught: bool = False
    run: int = 0


class AcceptedEvent(Event, frozen=True, eq=False):
    """One alternative of the arguments of an operation is none that torch is sure to refuse; `call` as in
    `RefusedEvent`."""

    call: int


class SinkEvent(Event, frozen=True, eq=False):
    """A tensor was shown or saved as a picture: does is ``show`` or ``save``; `name` the function's canonical name;
    `text` and `input_at` how and where the program spells the tensor; row: its contract, None for a PIL image."""

    name: str
    does: str
    input: Tensor
    call: int
    text: str
    input_at: Place | None
    row: Sink | None = None


class LayerEvent(Event, frozen=True, eq=False):
    """A layer that expects a number of channels (None if it is not known) was given `input` (no alternatives left in
    it); caught: as in `LossCalled`; run: the number of the call of a model in which that happened, 0 for none; text:
    how the program spells the layer where it calls it, empty if it does not; result: what it gave; weight, bias: what
    the program filled them with before, None if it did not."""

    layer: Object
    parameter: str
    expected: int | None
    given: int | None
    input: Tensor
    call: int
    caught: bool = False
    run: int = 0
    text: str = ""
    result: Value | None = None
    weight: Value | None = None
    bias: Value | None = None


class WindowEvent(Event, frozen=True, eq=False):
    """A layer with a window (a convolution, a pooling) was constructed, or a pooling was called as a function.

    name: its short name (``Conv2d``, ``max_pool2d``); spatial: the dimensions that its window has; arguments: by name,
    alternatives still in them; arguments_at: where those that are written in the call stand.
    """

    name: str
    spatial: int
    arguments: Mapping[str, Value]
    arguments_at: Mapping[str, Place]


class ReachedEvent(Event, frozen=True, eq=False):
    """A known architecture, or a part of one, was given the image `input`; it takes so many channels, and has trained
    weights if the program asked for them."""

    input: Tensor
    channels: int | None
    weights: Weights | None


class TransformEvent(Event, frozen=True, eq=False):
    """A library transform was applied to `input`; made where it was constructed; `via` as the result has it; `full` is
    its canonical name."""

    transform: str
    made: Place
    input: Tensor
    call: int
    via: Applied
    full: str = ""


class RunEvent(Event, frozen=True, eq=False):
    """A whole model was called."""

    run: Run


class StepEvent(Event, frozen=True, eq=False):
    """Part of a training iteration. kind: ``zero_grad``, ``backward``, ``step`` or ``unknown`` (something unknown was
    given the optimizer or calls it). `subject` is the optimizer, model or loss concerned, None if not known; caught: as
    in `LossCalled`."""

    kind: str
    subject: Value | None
    name: str
    depth: int
    caught: bool = False


class LoopEvent(Event, frozen=True, eq=False):
    """The steady iteration of a loop is done; `events` are those of its body, in order. `place` is the loop."""

    events: tuple[Event, ...]
    depth: int
