"""Layers whose weights start at one number.

Definitions
    hidden   an affine layer whose units reach the loss through one other affine layer only, that is, with nothing else
             done with what it gives but an activation, a normalisation, pooling or a move on the way

Worked example: with ``nn.init.constant_(m.weight, 0.1)`` for each of two linear layers in a row, the units of the first
compute the same, are weighed the same, and so get the same gradient.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from torchlint.facts.base import Fact, Occurrence
from torchlint.facts.computation import MOVES, operand, origins
from torchlint.facts.fed import uses_of
from torchlint.facts.tails import ACTIVATIONS, AFFINE, NORMS
from torchlint.flow.events import Event, LayerEvent, LossEvent, StepEvent
from torchlint.flow.spell import spell_guard
from torchlint.flow.values import Const, Filled, Place, Tensor, Value, Via

LAYERS = frozenset({"Linear", *(f"Conv{kind}{n}d" for kind in ("", "Transpose") for n in (1, 2, 3))})
POOLS = frozenset(
    f"{adaptive}{kind}_pool{n}d" for adaptive in ("", "adaptive_") for kind in ("max", "avg") for n in (1, 2, 3)
)
#: Operations that treat all channels alike, and so keep those the same that are.
ALIKE = ACTIVATIONS | NORMS | MOVES | POOLS
#: Activations that are 0 for 0, and pass no gradient there.
DEAD_AT_ZERO = frozenset({"relu", "relu6"})


class LayerStarts(Fact, frozen=True):
    """A hidden layer of a model that a loss reaches was filled with one number. `place` is the call that did that.

    layer: how the program makes it; text: how it spells it where it calls it; units: how many outputs it has; number:
    the number of all its weights; bias: that of its biases, 0 if it has none, None if they are random; after: how the
    program makes the layer behind it, after_number: the number of all its weights, None if they differ or that is not
    known; dead: what operation right behind it gives 0 and no gradient for 0, empty if none does; input: a tensor that
    it is given.
    """

    layer: str
    text: str
    units: int
    number: float
    bias: float | None
    after: str
    after_number: float | None
    dead: str
    input: Tensor


def starts(events: Sequence[Event]) -> Iterable[Occurrence]:
    """The layers that were filled so; of those that one call fills, the first."""
    layers = [e for e in events if isinstance(e, LayerEvent) and not e.caught and e.layer.short in LAYERS]
    filled: dict[Place, list[LayerEvent]] = {}
    for event in layers:
        if event.layer.made is not None and isinstance(event.weight, Filled):
            filled.setdefault(event.layer.made, [])
    if not filled:
        return
    for event in layers:
        if event.layer.made in filled:
            filled[event.layer.made].append(event)
    numbers = {made: _number(group) for made, group in filled.items()}
    roots: list[Value] = []
    for one in events:
        if isinstance(one, LossEvent):
            roots.append(one.arguments["input"])
        elif isinstance(one, StepEvent) and one.subject is not None:
            roots.append(one.subject)
    reached = origins(roots)
    ways = [(event, way) for event in layers if (way := _way(event.input))]
    used = uses_of(events, frozenset(id(via) for _, way in ways for via in way))
    seen: set[Place] = set()
    for event, way in ways:
        first = way[-1]
        made = first.made
        number = numbers.get(made) if made is not None else None
        if made is None or number is None or id(first) not in reached:
            continue
        if any(len(used[id(via)]) != 1 for via in way):
            continue
        group = filled[made]
        fact = _starts(group[0], number, event, numbers.get(event.layer.made or event.place), way)
        if fact is not None and fact.place not in seen:
            seen.add(fact.place)
            yield Occurrence(((fact,),))


def _starts(
    event: LayerEvent, number: float, behind: LayerEvent, after: float | None, way: Sequence[Via]
) -> LayerStarts | None:
    weight, arguments = event.weight, event.layer.arguments
    units = next((arguments[name] for name in ("out_features", "out_channels") if name in arguments), None)
    if not isinstance(weight, Filled) or not isinstance(units, Const) or type(units.value) is not int:
        return None
    if any(one.arguments.get("groups", Const(1)) != Const(1) for one in (event.layer, behind.layer)):
        return None
    dead = way[-2].op if len(way) > 1 and way[-2].op in DEAD_AT_ZERO else ""
    return LayerStarts(
        weight.place, spell_guard(event.guard), str(event.layer.attrs.get("spelled") or event.layer.short),
        event.text, units.value, number, _bias(event), str(behind.layer.attrs.get("spelled") or behind.layer.short),
        after, dead, event.input,
    )  # fmt: skip


def _number(group: Sequence[LayerEvent]) -> float | None:
    """The number that all layers of one construction were filled with, if that is certain."""
    found: set[float | None] = set()
    for event in group:
        weight, attrs = event.weight, event.layer.attrs
        sure = isinstance(weight, Filled) and weight.sure
        own = attrs.get("(written)") or isinstance(attrs.get("weight"), Value)
        found.add(weight.number if isinstance(weight, Filled) and sure and not own else None)
    return found.pop() if len(found) == 1 else None


def _bias(event: LayerEvent) -> float | None:
    if event.layer.arguments.get("bias") == Const(False):
        return 0.0
    return event.bias.number if isinstance(event.bias, Filled) and event.bias.sure else None


def _way(tensor: Value | None) -> tuple[Via, ...]:
    """From a layer's input back to the affine layer that it comes from alone; the last is that layer's call."""
    way: list[Via] = []
    while isinstance(tensor, Tensor) and tensor.via is not None and len(way) < 12:
        via = tensor.via
        way.append(via)
        if via.op in AFFINE:
            return tuple(way) if via.made is not None else ()
        if via.op not in ALIKE:
            return ()
        tensor = operand(via)
    return ()
