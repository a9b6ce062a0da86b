"""The operation that a tensor ends in: where it can be taken off, and whether anything else depends on it.

Definitions
    ending  the operation by which a tensor was last computed, moves aside (see `computation`)
    serve   an operation serves a loss if it is the ending of what the loss is given

Worked example: a model returns ``torch.sigmoid(self.out(x))``. Where its output meets a `BCEWithLogitsLoss` only, its
ending can be taken off for that loss; where a Dice coefficient is computed from it too, it can not.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

import msgspec

from torchlint.facts.computation import MOVES, core, parts
from torchlint.facts.formulas import Formula
from torchlint.flow.events import ARITHMETIC, Event, LossEvent, OpEvent, StepEvent
from torchlint.flow.values import Number, Place, Tensor, Unknown, Value, Via


class Ending(msgspec.Struct, frozen=True):
    """The operation `op` that a tensor ends in.

    place, operand: the call, and what it is given and would leave behind; or, where `operand` is None, the construction
    of the layer, in whose place an identity would do nothing.
    named: where the operation is named, so that another may be named instead: the construction of the layer (`layer`),
    or the call of the function or method; None where that says more than this.
    """

    op: str
    place: Place
    operand: Place | None
    named: Place | None
    layer: bool


def ending(tensor: Tensor | None) -> Ending | None:
    """The ending of a tensor, whatever else it serves; None if it cannot be taken off by itself."""
    via = _via(tensor)
    return None if via is None else _ending(via, via.made or via.place)


def _ending(via: Via, named: Place | None) -> Ending | None:
    layer = via.made is not None
    if via.operand is not None:
        return Ending(via.op, via.place, Place(via.place.path, via.operand), named, layer)
    return Ending(via.op, via.made, None, named, layer) if via.made is not None else None


def _via(tensor: Value | None) -> Via | None:
    inner = core(tensor)
    return inner.via if isinstance(inner, Tensor) else None


class Endings:
    """What the operations of a program serve, read off all its losses, backward passes and arithmetic."""

    def __init__(self, events: Sequence[Event], formulas: Sequence[Formula]) -> None:
        self._performed: dict[Place, set[tuple[str, Place | None]]] = defaultdict(set)
        self._served: dict[Place, set[str]] = defaultdict(set)
        self._inner: set[Place] = set()
        roots: list[Value] = []
        for takes, given in _given(events, formulas):
            roots.append(given)
            via = _via(given)
            for place in _places(via):
                self._served[place].add(takes)
        roots += [event.subject for event in events if isinstance(event, StepEvent) and event.subject is not None]
        pending = [part for root in roots for part in _computed(root)]
        pending += [event.via for event in events if isinstance(event, OpEvent) and event.via.op in ARITHMETIC]
        self._descend(pending)

    def _descend(self, pending: list[Via]) -> None:
        """Note these operations, every one behind them, and those that another one than a loss computes with."""
        seen: set[int] = set()
        while pending:
            via = pending.pop()
            if id(via) in seen:
                continue
            seen.add(id(via))
            self._performed[via.place].add((via.op, via.made))
            for argument in via.arguments.values():
                pending += _computed(argument)
                if via.op not in MOVES and via.op != "loss":
                    for part in parts(argument):
                        self._inner.update(_places(_via(part)))

    def of(self, tensor: Tensor | None, takes: str) -> Ending | None:
        """The ending of a tensor, if it serves losses that take the same and nothing else that is known.

        A call is taken off if it always performs this operation; a layer that is called in a place where others are
        called too, such as an entry of a ``Sequential``, becomes an identity where it is constructed.
        """
        via = _via(tensor)
        if via is None:
            return None
        named = via.made or via.place
        always = len(self._performed[via.place]) == 1
        whole = self._serves(named, takes) and (via.made is not None or always)
        if via.operand is not None and always:
            return _ending(via, named if whole else None) if self._serves(via.place, takes) else None
        return Ending(via.op, via.made, None, named, True) if via.made is not None and whole else None

    def _serves(self, place: Place, takes: str) -> bool:
        return place not in self._inner and self._served[place] == {takes}


def _computed(value: Value) -> Iterator[Via]:
    """The operations that gave the parts of a value; not where it is an index, the result of a comparison or a tensor
    made in the likeness of another, which depend on no more than the order or the size of what they are computed from.
    """
    if isinstance(value, Unknown):
        if value.via is not None:
            yield value.via
        return
    for part in parts(value):
        if isinstance(part, Tensor | Number) and part.via is not None:
            discrete = isinstance(part, Tensor) and (part.dtype or "").startswith(("bool", "int", "uint"))
            if not discrete and not part.via.op.endswith("_like") and not part.via.op.startswith("new_"):
                yield part.via


def _places(via: Via | None) -> tuple[Place, ...]:
    if via is None:
        return ()
    return (via.place,) if via.made is None else (via.place, via.made)


def _given(events: Sequence[Event], formulas: Sequence[Formula]) -> Iterator[tuple[str, Value]]:
    """What each loss takes, and each value that it is given, losses written out by hand included."""
    for event in events:
        if isinstance(event, LossEvent):
            for part in parts(event.arguments["input"]):
                yield event.takes, part
    for found in formulas:
        yield "probability", found.prediction
