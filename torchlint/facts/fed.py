"""Layers that are given what another layer made, or a batch whose axes the program knows.

Definitions
    batch axis  the dimension of a tensor along which a loader put samples together
    affine      a linear layer or a convolution, as the program constructed it
    alone       an affine layer feeds a layer alone if nothing else is done with what it gives

Worked example: in ``nn.Sequential(nn.Linear(8, 16), nn.Linear(16, 4))`` the second layer is fed by the first alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import prod

import msgspec
from msgspec.structs import replace

from torchlint.facts.base import Fact, Occurrence
from torchlint.facts.computation import parts
from torchlint.facts.tails import AFFINE
from torchlint.flow.events import Event, LayerEvent, LossEvent, OpEvent, RunEvent, StepEvent
from torchlint.flow.shape import same, symbol
from torchlint.flow.spell import passed, spell_guard
from torchlint.flow.values import Const, Drawn, Object, Place, Run, Tensor, Tuple, Value, Via
from torchlint.syntax import ir

RECURRENT = frozenset({"LSTM", "GRU", "RNN"})
BATCH = symbol("B")
#: Operations that are gone through to find a loader.
MOST_STEPS = 400


class LayerFed(Fact, frozen=True):
    """A linear, recurrent or normalising layer is called on a tensor of which more is known than its channels.

    layer, made, text, input, run: as in `LayerCalled`; name: how the program makes the layer; settings: the constants
    among the arguments of its construction.
    by: the affine layer that made the input, as the program makes it, empty if none did; by_made: where; by_settings:
    its constants; by_bias: where its bias is written, None if it is not; alone: whether it feeds this layer alone;
    together: whether both belong to one container, or are called by their names, so that no border of two parts of a
    model lies between them.
    batch_axis: the dimension along which a loader put samples together, None if that is not known.
    values: how many numbers of a channel meet in the input, counted over the batch and all positions, None if that is
    not known; samples: why the batch has the one sample that this takes: ``one`` (so it is made), ``loader`` (of batch
    size 1) or ``last`` (of an odd number), with `loader` saying the numbers.
    """

    layer: str
    made: Place
    name: str
    text: str
    settings: dict[str, float | str | None]
    input: Tensor
    run: Run | None
    by: str = ""
    by_made: Place | None = None
    by_settings: dict[str, float | str | None] = msgspec.field(default_factory=dict)
    by_bias: Place | None = None
    alone: bool = False
    together: bool = False
    batch_axis: int | None = None
    values: int | None = None
    samples: str = ""
    loader: tuple[int, int] | None = None


def layers_fed(events: Sequence[Event]) -> Iterable[Occurrence]:
    """The calls of such layers, grouped by call."""
    runs = {event.run.number: event.run for event in events if isinstance(event, RunEvent)}
    groups: dict[tuple[Place, int], list[LayerEvent]] = {}
    for event in events:
        if isinstance(event, LayerEvent) and not event.caught and event.layer.made is not None:
            groups.setdefault((event.place, event.call), []).append(event)
    nodes = {e.layer.made: e.layer for group in groups.values() for e in group}
    named = {(e.place, e.layer.made) for group in groups.values() for e in group if e.text}
    groups = {key: group for key, group in groups.items() if any(map(_worth, group))}
    fed = frozenset(id(e.input.via) for group in groups.values() for e in group if e.input.via is not None)
    uses = uses_of(events, fed) if groups else {}
    seen: set[object] = set()
    for group in groups.values():
        facts = tuple(_fed(event, runs.get(event.run), uses, nodes, named) for event in group)
        key = tuple((f.place, f.made, f.by_made, f.values, f.samples, f.batch_axis, f.alone) for f in facts)
        if key not in seen:
            seen.add(key)
            yield Occurrence((facts,))


def _worth(event: LayerEvent) -> bool:
    short, via, shape = event.layer.short, event.input.via, event.input.shape
    affine = via is not None and via.op in AFFINE and via.made is not None
    if short.startswith(("BatchNorm", "InstanceNorm")):
        biased = affine and via is not None and via.arguments.get("bias") == Const(True)
        return biased or (shape is not None and len(shape) > 1 and all(dim == 1 for dim in shape[2:]))
    if short == "Linear":
        return affine and via is not None and via.op == "linear"
    return short in RECURRENT and shape is not None


def _fed(
    event: LayerEvent,
    run: Run | None,
    uses: dict[int, set[object]],
    nodes: dict[Place | None, Object],
    named: set[tuple[Place, Place | None]],
) -> LayerFed:
    layer, given = event.layer, event.input
    made = layer.made or event.place
    values, samples, loader = _values(event)
    axis = _batch_axis(given) if layer.short in RECURRENT else None
    fact = LayerFed(
        event.place, spell_guard(event.guard), layer.short, made, str(layer.attrs.get("spelled") or layer.short),
        event.text, _constants(layer.arguments), given, run, batch_axis=axis, values=values,
        samples=samples, loader=loader,
    )  # fmt: skip
    via = given.via
    if via is None or via.op not in AFFINE or via.made is None:
        return fact
    node = nodes.get(via.made)
    call = node.attrs.get("node") if node is not None else None
    bias = passed(call, ()).get("bias") if isinstance(call, ir.Call) else None
    return replace(
        fact, by=via.text, by_made=via.made, by_settings=_constants(via.arguments),
        by_bias=None if bias is None else Place(via.made.path, bias.n),
        together=via.place == event.place or {(event.place, made), (via.place, via.made)} <= named,
        alone=uses.get(id(via), set()) <= {(event.place, made)} and not _passed_through(given),
    )  # fmt: skip


def _passed_through(tensor: Tensor) -> bool:
    """Whether a module of the program gave the tensor back as it was: an identity that stands for something."""
    inputs = tensor.run.inputs if tensor.run is not None else ()
    return any(isinstance(one, Tensor) and one.via is tensor.via for one in inputs)


def _constants(arguments: object) -> dict[str, float | str | None]:
    items = arguments.items() if isinstance(arguments, dict) else ()
    return {name: value.value for name, value in items if isinstance(value, Const)}


def uses_of(events: Sequence[Event], wanted: frozenset[int]) -> dict[int, set[object]]:
    """What is done with the results of the operations that are wanted, by their identity: by other operations, losses,
    and models that return them."""
    uses: dict[int, set[object]] = {one: set() for one in wanted}
    pending: list[Via] = []

    def used(value: Value | None, by: object) -> None:
        for part in (value,) if isinstance(value, Tensor) else parts(value):
            if isinstance(part, Tensor) and part.via is not None:
                if id(part.via) in uses:
                    uses[id(part.via)].add(by)
                pending.append(part.via)

    for event in events:
        if isinstance(event, LayerEvent):
            used(event.input, (event.place, event.layer.made or event.place))
        elif isinstance(event, RunEvent):
            for one in event.run.outputs:
                used(one.tensor, "returned")
        elif isinstance(event, LossEvent):
            for value in event.arguments.values():
                used(value, "loss")
        elif isinstance(event, OpEvent):
            used(event.input, (event.via.place, event.via.made or event.via.place))
            pending.append(event.via)
        elif isinstance(event, StepEvent):
            used(event.subject, "step")
    seen: set[int] = set()
    while pending:
        via = pending.pop()
        if id(via) not in seen:
            seen.add(id(via))
            by = via.place, via.made or via.place
            for value in via.arguments.values():
                if type(value) is not Const:
                    used(value, by)
    return uses


def _batch_axis(tensor: Tensor) -> int | None:
    shape = tensor.shape or ()
    found = [i for i, dim in enumerate(shape) if dim is not None and same(dim, BATCH)]
    return found[0] if len(found) == 1 and _drawn(tensor) is not None else None


def _drawn(tensor: Tensor) -> Drawn | None:
    """The loader's draw that a tensor goes back to, if it goes back to one."""
    pending: list[Value] = [tensor]
    seen: set[int] = set()
    while pending and len(seen) < MOST_STEPS:
        one = pending.pop()
        via = one.via if isinstance(one, Tensor) else None
        if via is None or id(via) in seen:
            continue
        if isinstance(via, Drawn):
            return via
        seen.add(id(via))
        pending.extend(part for value in via.arguments.values() for part in parts(value))
    return None


def _values(event: LayerEvent) -> tuple[int | None, str, tuple[int, int] | None]:
    """How many numbers of a channel a normalisation of the batch sees, and why so few, if it may be one."""
    shape, short = event.input.shape, event.layer.short
    if shape is None or len(shape) < 2 or not short.startswith(("BatchNorm", "InstanceNorm")):
        return None, "", None
    places = [dim for dim in shape[2:] if isinstance(dim, int)]
    if len(places) != len(shape) - 2:
        return None, "", None
    if short.startswith("InstanceNorm"):
        return (prod(places) if len(shape) == int(short[-2]) + 2 else None), "one", None
    if isinstance(shape[0], int):
        return shape[0] * prod(places), "one", None
    if prod(places) != 1 or shape[0] is None or not same(shape[0], BATCH):
        return None, "", None
    drawn = _drawn(event.input)
    loader = drawn.loader if drawn is not None else None
    size = loader.arguments.get("batch_size", Const(1)) if loader is not None else None
    if loader is None or not isinstance(size, Const) or type(size.value) is not int:
        return None, "", None
    if size.value == 1:
        return 1, "loader", None
    count = _length(loader.arguments.get("dataset"))
    every = loader.arguments.get("drop_last", Const(False)) == Const(False)
    if count is not None and every and count % size.value == 1:
        return 1, "last", (count, size.value)
    return None, "", None


def _length(dataset: Value | None) -> int | None:
    """The number of samples of a `TensorDataset`."""
    if not isinstance(dataset, Object) or dataset.kind != "tensor_dataset":
        return None
    tensors = dataset.arguments.get("*")
    first = tensors.items[0] if isinstance(tensors, Tuple) and tensors.items else None
    size = first.shape[0] if isinstance(first, Tensor) and first.shape else None
    return size if isinstance(size, int) else None
