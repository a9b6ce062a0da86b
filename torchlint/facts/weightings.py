"""Losses that are weighted, masked or ranked after they were reduced to one number.

Definitions
    reduced     a loss is reduced if it is one number for the whole batch, by its ``reduction``
    weighting   what is done with a reduced loss and would only make sense of one loss for each sample: it is multiplied
                by weights of the samples, or by the weight of a focal loss that was computed from itself; it is put in
                the place of those samples that a mask picks; the largest of its values are looked for

Worked example: in ``(criterion(output, labels) * trust).mean()``, where `trust` has a number for each sample and
`criterion` averages, the product is a weighting, and the mean is that of equal losses times different weights.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Literal

import msgspec

from torchlint.facts.algebra import REDUCTIONS, via_of
from torchlint.facts.base import Occurrence
from torchlint.facts.computation import MOVES, core, operand, parts
from torchlint.facts.formulas import factors_of, focused
from torchlint.facts.losses import LossWeighted
from torchlint.flow.events import Event, LossEvent, OpEvent, StepEvent
from torchlint.flow.spell import spell_guard
from torchlint.flow.values import Const, Place, Tensor, Unknown, Value, Via

How = Literal["weights", "focal", "mask", "rank"]


class Weighting(msgspec.Struct, frozen=True):
    """What is done with a reduced loss, and the weights or the mask, where their shape is known."""

    how: How
    loss: Tensor
    weights: Tensor | None = None


def weighting(event: OpEvent) -> Weighting | None:
    """The weighting that this operation does; None if it does none."""
    via = event.via
    if via.op in ("topk", "sort"):
        ranked = core(operand(via))
        return Weighting("rank", ranked) if isinstance(ranked, Tensor) and _is_reduced(ranked) else None
    sides = [via.arguments.get(name) for name in ("input", "other")]
    losses = [loss for side in sides if isinstance(loss := core(side), Tensor) and _is_reduced(loss)]
    if via.op == "where":
        mask = via.arguments.get("condition")
        found = [loss for loss in losses if isinstance(mask, Tensor) and _per_sample(mask, loss)]
        return Weighting("mask", found[0], mask if isinstance(mask, Tensor) else None) if found else None
    if via.op != "mul":
        return None
    for loss in losses:
        for weights in sides:
            if isinstance(weights, Tensor) and _per_sample(weights, loss):
                return Weighting("weights", loss, weights)
            if isinstance(weights, Unknown) and _is_batch(weights):
                return Weighting("weights", loss)
    factors = factors_of(via)
    for factor in factors:
        if isinstance(factor, Tensor) and _is_reduced(factor) and any(_focal_weight(f) is factor for f in factors):
            return Weighting("focal", factor)
    return None


def _is_reduced(tensor: Tensor) -> bool:
    return tensor.via is not None and tensor.via.op == "loss" and tensor.shape == ()


def _per_sample(weights: Tensor, loss: Tensor) -> bool:
    """Whether there is a weight for each sample, or for each element, of what the loss was given."""
    if not weights.shape or weights.grad == "attached" or loss.via is None:
        return False
    for name in ("target", "input"):
        given = loss.via.arguments.get(name)
        if isinstance(given, Tensor) and given.shape and len(weights.shape) <= len(given.shape):
            if weights.shape[0] == given.shape[0] and weights.shape[0] not in (None, 1):
                return True
    return False


def _is_batch(value: Value | None, depth: int = 0) -> bool:
    """Whether something unknown is a whole part of a loader's batch, moved about and scaled at most."""
    if not isinstance(value, Unknown) or value.grad != "detached" or depth > 12:
        return False
    via = value.via
    if via is None:
        return True
    inner = operand(via)
    if via.op == "select":
        index = via.arguments.get("index")
        element = isinstance(inner, Unknown) and isinstance(inner.key, tuple) and inner.key[0] == "[]"
        whole = isinstance(index, Const) and (isinstance(index.value, str) or not element)
        return whole and _is_batch(inner, depth + 1)
    if via.op in ("add", "sub", "mul", "div"):
        sides = [via.arguments.get(name) for name in ("input", "other")]
        return any(_is_batch(side, depth + 1) for side in sides)
    return via.op in MOVES and via.op not in ("item", "tolist") and _is_batch(inner, depth + 1)


def _focal_weight(value: Value) -> Value | None:
    """L, where the value is (1 − exp(−L))^γ."""
    via = via_of(value)
    q = focused(via.arguments.get("input")) if via is not None and via.op == "pow" else None
    power = via_of(q)
    if power is None or power.op != "exp":
        return None
    negated = via_of(core(power.arguments.get("input")))
    return core(negated.arguments.get("input")) if negated is not None and negated.op == "neg" else None


# --- facts -------------------------------------------------------------------------------------------------------


def weighted_losses(events: Sequence[Event]) -> Iterable[Occurrence]:
    """Weightings, by place: the alternatives of one call are the facts of one configuration."""
    found = [(event, one) for event in events if isinstance(event, OpEvent) and (one := weighting(event)) is not None]
    if not found:
        return
    calls = {id(event.result): event for event in events if isinstance(event, LossEvent)}
    settled = _settled(events, found, calls)
    groups: dict[tuple[Place, int], list[LossWeighted]] = {}
    for event, one in found:
        call = calls.get(id(one.loss))
        how = one.loss.via.arguments.get("reduction") if one.loss.via is not None else None
        fact = LossWeighted(
            event.place,
            spell_guard(event.guard),
            one.loss,
            call.name.rsplit(".", 1)[-1] if call is not None else "",
            str(how.value) if isinstance(how, Const) else "",
            one.how,
            one.weights,
            call.configured_at if call is not None else None,
            call.settings_at if call is not None else {},
            call is not None and call.configured_at in settled,
        )
        groups.setdefault((event.place, event.call), []).append(fact)
    for group in groups.values():
        yield Occurrence((tuple(group),))


def _settled(
    events: Sequence[Event], found: Sequence[tuple[OpEvent, Weighting]], calls: Mapping[int, LossEvent]
) -> set[Place]:
    """Where losses are configured all of which are weighted, and whose weightings are all reduced before they are
    trained: those may be left unreduced."""
    weighted = {id(one.loss) for _, one in found}
    meets: dict[Place, list[bool]] = defaultdict(list)
    for call in calls.values():
        if call.configured_at is not None:
            meets[call.configured_at].append(id(call.result) in weighted)
    wanted = {id(event.via): calls[id(one.loss)].configured_at for event, one in found if id(one.loss) in calls}
    ways: dict[Place, set[bool]] = defaultdict(set)
    roots = [
        event.subject for event in events if isinstance(event, StepEvent) and event.kind in ("backward", "returned")
    ]
    for via, reduced in _ways(roots):
        place = wanted.get(id(via))
        if place is not None:
            ways[place].add(reduced)
    return {place for place, all_weighted in meets.items() if all(all_weighted) and ways.get(place) == {True}}


def _ways(roots: Sequence[Value | None]) -> Iterator[tuple[Via, bool]]:
    """The operations behind what is trained, and whether there is a sum or mean between the two."""
    seen: set[tuple[int, bool]] = set()
    pending = [(part, False) for root in roots for part in parts(root)]
    while pending:
        value, reduced = pending.pop()
        via = via_of(value)
        if via is None or (id(via), reduced) in seen:
            continue
        seen.add((id(via), reduced))
        yield via, reduced
        below = reduced or via.op in REDUCTIONS
        pending.extend((part, below) for argument in via.arguments.values() for part in parts(argument))
