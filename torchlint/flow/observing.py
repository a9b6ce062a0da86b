"""Operations as they are seen: which results of calls and operators become events."""

from __future__ import annotations

from collections.abc import Sequence

from torchlint.flow.events import (
    ARITHMETIC,
    OBSERVED,
    POOLINGS,
    RESHAPING,
    WRAPPING,
    AcceptedEvent,
    OpEvent,
    RefusedEvent,
    ReshapeEvent,
    WindowEvent,
)
from torchlint.flow.machine import Machine
from torchlint.flow.spell import passed
from torchlint.flow.values import Const, Number, Place, Tensor, Tuple, Unknown, Value
from torchlint.syntax import ir


def observe(
    m: Machine, value: Value, text: str, call: int, node: ir.Expr | None = None, names: Sequence[str] = ()
) -> None:
    """Record how a result was made, if that is an operation that facts speak of.

    Args:
        node: the expression that passes its arguments, a layer's construction for a layer; names: its positional
            parameters, in order.
    """
    via = getattr(value.items[0] if type(value) is Tuple and value.items else value, "via", None)
    if via is None:
        return
    if via.refused is not None:
        caught = m.catching == m.loops
        m.events.append(RefusedEvent(via.place, m.guard(), via, via.refused, text, m.group or call, caught, m.running))
    elif (m.splits or m.group) and m.accepted != (via.place, m.group or call):
        m.accepted = via.place, m.group or call
        m.events.append(AcceptedEvent(via.place, m.guard(), m.group or call))
    if via.op in POOLINGS and via.made is None:
        places = {name: Place(via.place.path, argument.n) for name, argument in passed(node, names).items()}
        m.events.append(WindowEvent(via.place, m.guard(), via.op, int(via.op[-2]), via.arguments, places))
    given, other = next(iter(via.arguments.values()), None), via.arguments.get("other")
    if type(given) in (Number, Unknown, Const) and via.op in ARITHMETIC:
        given, other = other, given
    if type(given) is Unknown and via.op in OBSERVED:
        given = Tensor()
    if type(given) is not Tensor:
        return
    if via.op in RESHAPING and type(value) is Tensor and value.shape and given.shape:
        m.events.append(ReshapeEvent(via.place, m.guard(), via, given, value, text, call, m.group))
    beside = type(other) is Number or (type(other) is Unknown and other.grad == "detached")
    kind = given.meaning.kind if given.meaning is not None else ""
    arithmetic = via.op in ARITHMETIC and (type(other) is Tensor or kind == "image" or (beside and kind == "loss"))
    wraps = given.dtype == "uint8" and via.op in WRAPPING
    if via.op in OBSERVED or arithmetic or wraps or given.dtype == "bool":
        frame, path = m.frame, (via.made or via.place).path
        places = {name: Place(path, argument.n) for name, argument in passed(node, names).items()}
        event = OpEvent(
            via.place, m.guard(), via, given, value, text, call, places, frame.called, frame.given, frame.written
        )
        m.events.append(event)
