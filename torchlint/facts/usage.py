"""What a program does with values of one origin, read off all of its events.

Definitions
    head    the last layer behind a value (see `computation`)
    site    where an operation is performed: the construction of its layer, or else its call, and its name
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import msgspec

from torchlint.facts.computation import core, head, operand, parts
from torchlint.facts.tensors import size_along
from torchlint.flow.events import Event, LossEvent, OpEvent
from torchlint.flow.values import Number, Place, Tensor, Tuple, Value, Via

Site = tuple[Place, str]
NOTHING: frozenset[str] = frozenset()

#: Activations that a program may put between a head and its loss, and what they do.
ACTIVATIONS = {
    "sigmoid": "sigmoid", "logsigmoid": "sigmoid", "softmax": "softmax", "log_softmax": "softmax",
}  # fmt: skip
#: What may stand between such an activation and the loss.
BETWEEN = frozenset({"log", "exp", "clamp"})


def site(via: Via) -> Site:
    """Where the program performs an operation."""
    return via.made or via.place, via.op


class Usage(msgspec.Struct):
    """By head: the families of the losses that its values meet, and the activations before them. By site: the sizes
    along the operation's dimension, the ranks and the meanings of its input (None where one is not known), and what is
    done with its result."""

    losses: dict[object, set[str]] = msgspec.field(default_factory=lambda: defaultdict(set))
    activated: dict[object, set[str]] = msgspec.field(default_factory=lambda: defaultdict(set))
    sizes: dict[Site, set[int]] = msgspec.field(default_factory=lambda: defaultdict(set))
    ranks: dict[Site, set[int | None]] = msgspec.field(default_factory=lambda: defaultdict(set))
    kinds: dict[Site, set[str | None]] = msgspec.field(default_factory=lambda: defaultdict(set))
    used: dict[Site, set[str]] = msgspec.field(default_factory=lambda: defaultdict(set))

    def meets(self, value: Value | None) -> tuple[frozenset[str], frozenset[str]]:
        """The losses and activations that values of the same head as this one meet."""
        key = head(value)
        if key is None:
            return NOTHING, NOTHING
        return frozenset(self.losses.get(key, ())), frozenset(self.activated.get(key, ()))


def usage(events: Sequence[Event]) -> Usage:
    """Read off a run."""
    out = Usage()
    for event in events:
        if isinstance(event, LossEvent):
            for part in parts(event.arguments["input"]):
                _note_loss(out, event, part)
        elif isinstance(event, OpEvent):
            _note_operation(out, event)
    return out


def _note_loss(out: Usage, event: LossEvent, given: Value) -> None:
    key = head(given)
    if key is None:
        return
    out.losses[key].add(event.family)
    if event.applies:
        out.activated[key].add(event.applies)
    step = core(given)
    while isinstance(step, Tensor) and step.via is not None:
        applied = ACTIVATIONS.get(step.via.op)
        inner = operand(step.via)
        if applied is not None and (below := head(inner)) is not None:
            out.activated[below].add(applied)
        if applied is not None or step.via.op not in BETWEEN:
            return
        step = core(inner)


def _note_operation(out: Usage, event: OpEvent) -> None:
    here, given = site(event.via), event.input
    out.ranks[here].add(len(given.shape) if given.shape is not None else None)
    out.kinds[here].add(given.meaning.kind if given.meaning is not None else None)
    size = size_along(event.via.op, event.via.arguments, given, result_of(event))
    if size is not None:
        out.sizes[here].add(size)
    for argument in (event.input, event.via.arguments.get("other")):
        if (source := _source(argument)) is not None:
            out.used[source].add(event.via.op)


def _source(value: Value | None) -> Site | None:
    """The operation that gave a value, where an operation that gives values and indices gave the indices."""
    found = core(value)
    if not isinstance(found, (Tensor, Number)) or found.via is None:
        return None
    indices = isinstance(found, Tensor) and found.meaning is not None and found.meaning.kind == "class-index"
    return site(found.via) if indices or found.via.op not in ("max", "min", "topk") else None


def result_of(event: OpEvent) -> Tensor | None:
    """What an operation gave, the values where it gives indices too."""
    result = event.result
    if isinstance(result, Tuple) and result.items:
        result = result.items[0]
    return result if isinstance(result, Tensor) else None
