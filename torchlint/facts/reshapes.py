"""Views that cut a tensor's elements anew: where axes change places without their elements moving.

Definitions
    axes      the sizes of a tensor's dimensions, the first taken apart again if an earlier view put it together
    exchange  a view whose sizes are those of the axes in another order: the elements stay where they are in memory, so
              that what lay along one axis is spread over several
    state     the last hidden state of a recurrent layer, (layers × directions, batch, features)

Worked example: a picture of 224×224×3 viewed as 3×224×224 has the sizes of channels first, but its first "channel" is
the upper third of the picture. Policy scores of (T·B)×A, made of T×B×H and viewed as T×A×B, are mixed in the same way.

Source: the documentation of ``torch.Tensor.view`` (elements keep their order) and of ``torch.nn.LSTM`` (shape of h_n).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from torchlint.facts.base import Fact, Occurrence
from torchlint.facts.computation import operand
from torchlint.flow.events import Event, ReshapeEvent
from torchlint.flow.shape import Dim, Shape, product, same, symbol
from torchlint.flow.spell import spell_guard
from torchlint.flow.values import Const, List, Number, Place, Tensor, Tuple, Value, Via

#: Operations that leave all dimensions but the last, or but those behind the batch, as they are.
KEEPING = frozenset(
    {
        "linear", "relu", "leaky_relu", "elu", "gelu", "silu", "tanh", "sigmoid", "dropout", "batch_norm", "layer_norm",
        "add", "sub", "mul", "div", "contiguous", "float", "to", "cuda", "cpu", "detach", "clone", "no_grad",
        "conv1d", "conv2d", "max_pool2d", "avg_pool2d", "identity", "softmax", "log_softmax", "embedding",
    }
)  # fmt: skip
MERGING = frozenset({"view", "reshape", "flatten", "unsqueeze", "squeeze"})
#: Operations that leave all elements where they are.
UNCHANGED = frozenset(
    {
        "contiguous", "to", "cuda", "cpu", "detach", "clone", "float", "no_grad", "double", "half", "type", "astype",
        "numpy", "from_numpy", "array", "asarray", "as_tensor", "tensor", "copy", "ascontiguousarray", "data",
        "identity",
    }
)  # fmt: skip
MOST_STEPS = 40
RECURRENT = frozenset({"lstm", "gru", "rnn", "LSTM", "GRU", "RNN"})


class Reshaped(Fact, frozen=True):
    """``view`` or ``reshape`` was called on a tensor whose rank is known, as is that of the result.

    text: how the program spells the operation; input, result: the tensors; axes: the axes of the input; exchanged: the
    axes that lie in another order in the result, and that order, or None if it cuts them otherwise; order: the
    permutation of the input's dimensions that would give the result's sizes; state: the number of layers times
    directions, if the input is the state of a recurrent layer; input_at: where the program spells the input.
    """

    text: str
    input: Tensor
    result: Tensor
    axes: tuple[Dim, ...]
    exchanged: tuple[tuple[Dim, ...], tuple[Dim, ...]] | None
    order: tuple[int, ...] | None
    state: int | None
    input_at: Place | None


def reshapes(events: Sequence[Event]) -> Iterable[Occurrence]:
    """The views that are worth hearing of, grouped by call."""
    groups: dict[tuple[Place, int], list[Reshaped]] = {}
    for event in events:
        if isinstance(event, ReshapeEvent):
            groups.setdefault((event.place, event.call), []).append(_reshaped(event))
    for group in groups.values():
        if any(fact.exchanged is not None or fact.state is not None for fact in group):
            yield Occurrence((tuple(group),))


def _reshaped(event: ReshapeEvent) -> Reshaped:
    given, result = event.input, event.result
    axes = _axes(given)
    shape = result.shape or ()
    if None in shape and axes == given.shape:
        axes, shape = _labelled(given, shape, event.via)
    plain = event.via.arguments.get("order", Const("C")) == Const("C")
    found = exchanged(axes, shape) if plain else None
    place = Place(event.place.path, event.via.operand) if event.via.operand is not None else None
    return Reshaped(
        event.place,
        spell_guard(event.guard),
        event.text,
        given,
        result,
        axes,
        found,
        _order(axes, shape) if found is not None and len(axes) == len(given.shape or ()) else None,
        _state(given),
        place,
    )


def _labelled(given: Tensor, target: tuple[Dim, ...], via: Via) -> tuple[tuple[Dim, ...], tuple[Dim, ...]]:
    """The sizes of input and result, with a symbol for each that is not known of the input, where the program asks the
    input itself for it."""
    shape = given.shape or ()
    layout = given.meaning.layout if given.meaning is not None else ""
    names = {"HWC": {-3: "H", -2: "W"}, "CHW": {-2: "H", -1: "W"}}.get(layout, {})
    axes = [symbol(names.get(i - len(shape), f"d{i}")) if dim is None else dim for i, dim in enumerate(shape)]
    written = written_sizes(via)
    if len(written) != len(target):
        return shape, target
    out: list[Dim] = []
    for dim, value in zip(target, written):
        asked = value.via if isinstance(value, Number) else None
        if dim is None and asked is not None and asked.op == "size":
            owner, axis = asked.arguments.get("input"), asked.arguments.get("dim")
            if isinstance(axis, Const) and isinstance(axis.value, int) and _unchanged(owner) is _unchanged(given):
                dim = axes[axis.value] if -len(axes) <= axis.value < len(axes) else None
        out.append(dim)
    if out.count(None) == 1 and written[out.index(None)] == Const(-1):
        rest: list[Dim] = list(axes)
        for dim in out:
            match = next((other for other in rest if _equal(dim, other)), None)
            if match is not None:
                rest.remove(match)
        if len(rest) == 1:
            out[out.index(None)] = rest[0]
    return tuple(axes), tuple(out)


def written_sizes(via: Via) -> list[Value]:
    """The sizes as they are passed, one by one or in a tuple."""
    first = next((via.arguments[name] for name in ("shape", "newshape", "size") if name in via.arguments), None)
    rest = via.arguments.get("*")
    values = [first] if first is not None else []
    values += rest.items if isinstance(rest, Tuple) else []
    if len(values) == 1 and isinstance(values[0], (Tuple, List)):
        return list(values[0].items or ())
    return values


def _unchanged(value: Value | None) -> Value | None:
    """The value before operations that leave all its elements where they are."""
    while isinstance(value, Tensor) and value.via is not None and value.via.op in UNCHANGED:
        value = operand(value.via)
    return value


def _axes(tensor: Tensor) -> tuple[Dim, ...]:
    """The sizes of a tensor, its first dimension taken apart into those that an earlier view put together."""
    shape = tensor.shape or ()
    if len(shape) < 2 or shape[0] is None:
        return shape
    step: Value | None = tensor
    for _ in range(MOST_STEPS):
        if not isinstance(step, Tensor) or step.via is None or not step.shape or not same(step.shape[0], shape[0]):
            return shape
        before = operand(step.via)
        if not isinstance(before, Tensor) or not before.shape:
            return shape
        if step.via.op in MERGING:
            for count in range(2, len(before.shape)):
                if same(product(before.shape[:count]), shape[0]):
                    return (*before.shape[:count], *shape[1:])
        elif step.via.op not in KEEPING:
            return shape
        step = before
    return shape


def exchanged(axes: Shape, target: Shape) -> tuple[tuple[Dim, ...], tuple[Dim, ...]] | None:
    """The axes that `target` has in another order, and that order, without those of size 1 and those at both ends that
    stay; None if it is no other order, or not known to be one."""
    if axes is None or target is None:
        return None
    left = [dim for dim in axes if dim != 1]
    right = [dim for dim in target if dim != 1]
    while left and right and _equal(left[0], right[0]):
        del left[0], right[0]
    while left and right and _equal(left[-1], right[-1]):
        del left[-1], right[-1]
    if len(left) < 2 or len(left) != len(right) or None in left or None in right:
        return None
    rest = list(right)
    for dim in left:
        match = next((other for other in rest if _equal(dim, other)), None)
        if match is None:
            return None
        rest.remove(match)
    return tuple(left), tuple(right)


def _equal(a: Dim, b: Dim) -> bool:
    return a is not None and b is not None and same(a, b)


def _order(shape: Shape, target: Shape) -> tuple[int, ...] | None:
    """The permutation of the dimensions of `shape` that gives `target`, if their sizes are all different or those that
    are equal keep their order."""
    if shape is None or target is None or len(shape) != len(target):
        return None
    left = list(range(len(shape)))
    out: list[int] = []
    for dim in target:
        match = next((i for i in left if _equal(shape[i], dim)), None)
        if match is None:
            return None
        left.remove(match)
        out.append(match)
    return tuple(out)


def _state(tensor: Tensor) -> int | None:
    """The number of layers times directions, if the tensor is the last state of a recurrent layer of several."""
    made = _unchanged(tensor)
    via, shape = made.via if isinstance(made, Tensor) else None, tensor.shape
    if via is None or via.op not in RECURRENT or shape is None or len(shape) != 3:
        return None
    layers, twice = via.arguments.get("num_layers"), via.arguments.get("bidirectional")
    if not isinstance(layers, Const) or not isinstance(layers.value, int) or not isinstance(twice, Const):
        return None
    count = layers.value * (2 if twice.value else 1)
    hidden = via.arguments.get("proj_size", Const(0))
    if hidden == Const(0):
        hidden = via.arguments.get("hidden_size", Const(None))
    if count < 2 or not isinstance(hidden, Const) or shape[0] != count or shape[2] != hidden.value:
        return None
    given = operand(via)
    if not twice.value and isinstance(given, Tensor) and given.shape and given.shape[0] in (None, count):
        return None  # the output has that shape too
    return count
