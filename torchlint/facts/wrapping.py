"""Arithmetic on bytes, whose results are bytes again."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from torchlint.facts.base import Fact, Occurrence
from torchlint.facts.usage import result_of
from torchlint.flow import interval
from torchlint.flow.events import WRAPPING, Event, OpEvent
from torchlint.flow.interval import Interval
from torchlint.flow.library.reading import interval_of
from torchlint.flow.spell import spell_guard, unnamed
from torchlint.flow.values import Const, Place, Tensor, Value

SIGNS = {"subtract": "sub", "multiply": "mul", "power": "pow"}


class BytesComputed(Fact, frozen=True):
    """Bytes are added to, taken from, multiplied with or raised to something, and the result has 8 bits too.

    op: ``add``, ``sub``, ``mul`` or ``pow``; text: as the program spells it. left, right: the operands: tensors, or
    numbers. exact: what the result would range over if it had room, with ends that are reached; None if that is not
    known. left_at: where the left operand stands.
    """

    op: str
    text: str
    left: Tensor | float
    right: Tensor | float
    exact: Interval | None
    left_at: Place | None

    @property
    def holder(self) -> str:
        """Whether the bytes are in an array of ``numpy`` or a ``tensor``."""
        return next(side.holder for side in (self.left, self.right) if isinstance(side, Tensor))


def computed_bytes(events: Sequence[Event]) -> Iterable[Occurrence]:
    """The facts of all arithmetic on bytes, alternatives of the data together; not of that which a test of computed
    values decides on, for it may ask whether there is room."""
    groups: dict[tuple[Place, int], list[BytesComputed]] = defaultdict(list)
    for event in events:
        if isinstance(event, OpEvent) and event.via.op in WRAPPING and not unnamed(event.guard):
            groups[event.place, event.call].append(_computed(event))
    for group in groups.values():
        if any(fact.exact is not None for fact in group):
            yield Occurrence((tuple(group),))


def _computed(event: OpEvent) -> BytesComputed:
    op = SIGNS.get(event.via.op, event.via.op)
    sides = list(event.via.arguments.values())[:2]
    left, right = (_side(value) for value in (sides[0], sides[-1]))
    result = result_of(event)
    exact = _exact(op, sides[0], sides[-1]) if len(sides) == 2 and result is not None and _bytes(result) else None
    known = left is not None and right is not None and event.via.arguments.get("alpha", Const(1)) == Const(1)
    at = event.arguments_at.get("input")
    elsewhere = (event.via.arguments.get(name, Const(None)) for name in ("dtype", "out"))
    known = known and all(value == Const(None) for value in elsewhere)
    nothing = Tensor()
    return BytesComputed(
        event.place, spell_guard(event.guard), op, event.text, nothing if left is None else left,
        nothing if right is None else right, exact if known else None, at,
    )  # fmt: skip


def _bytes(tensor: Tensor) -> bool:
    return tensor.dtype == "uint8" and tensor.holder in ("numpy", "tensor")


def _side(value: Value) -> Tensor | float | None:
    if isinstance(value, Tensor):
        return value if value.dtype == "uint8" else None
    return float(value.value) if isinstance(value, Const) and isinstance(value.value, int) else None


def _exact(op: str, left: Value, right: Value) -> Interval | None:
    a, b = interval_of(left), interval_of(right)
    if a is None or b is None or not (a.tight and b.tight):
        return None
    if op == "pow":
        return interval.power(a, b.low) if b.low == b.high and b.low >= 0 else None
    return {"add": interval.add, "sub": interval.subtract, "mul": interval.multiply}[op](a, b)
