"""Distributions that a softmax gives, and the operations and losses that take classes along a dimension of them.

Worked example: after ``p = F.softmax(layer(x), dim=0)``, ``p.argmax(dim=1)`` is a meeting of a distribution over
dimension 0 with an operation that takes classes along dimension 1.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from torchlint.facts.base import Fact, Occurrence
from torchlint.facts.computation import MOVES, core, operand, options
from torchlint.facts.tensors import SOFTMAXES, features_axis, from_left, written_dim
from torchlint.facts.usage import Site, Usage, site
from torchlint.flow.events import Event, LossEvent, OpEvent
from torchlint.flow.values import Number, Place, Tensor, Value, Via

#: Operations that take what lies along a dimension for the classes of one sample.
CONSUMERS = frozenset({"argmax", "argmin", "max", "topk", "gather", "multinomial", "Categorical"})
LIKELIHOODS = frozenset({"nll", "cross-entropy"})

#: What leaves a distribution one, or the logarithm of one.
KEEPING = MOVES | {"exp", "log", "clamp", "add", "sub"}
MOST_STEPS = 30


class Meeting(msgspec.Struct, frozen=True):
    """A distribution meets an operation or a loss that takes classes along a dimension.

    place, text: where that is, and how the program spells it; op: ``argmax``, ``gather``, …, or ``loss``. input: the
    distribution as it comes there; over: the dimension that it sums to 1 along; wanted: that along which classes are
    taken. Dimensions count from the left unless the rank is unknown and the program counts from the right.
    compared: whether what comes of it is compared with something by ``==``. moved: whether the dimensions were put in
    another order on the way.
    """

    place: Place
    text: str
    op: str
    input: Tensor
    over: int
    wanted: int
    compared: bool
    moved: bool

    @property
    def rank(self) -> int | None:
        """How many dimensions the distribution has there."""
        return len(self.input.shape) if self.input.shape is not None else None


class DistributionUsed(Fact, frozen=True):
    """What a softmax gives is used as the probabilities of classes; `place` is the softmax: its layer's construction,
    or its call.

    op: ``softmax`` or ``log_softmax``; text: how the program spells it; dim_at: where its dimension stands, None if it
    is left out. of_layer: whether it is always given the outputs of a layer. ranks: as in `OpCalled`.
    meetings: for each use, the alternatives of what may meet there.
    """

    op: str
    text: str
    dim_at: Place | None
    of_layer: bool
    ranks: frozenset[int | None]
    meetings: tuple[tuple[Meeting, ...], ...]


def distributions(events: Sequence[Event], found: Usage) -> Iterable[Occurrence]:
    """One fact for each softmax whose result is used as the probabilities of classes."""
    made: dict[Site, OpEvent] = {}
    layers: dict[Site, bool] = {}
    uses: dict[Site, dict[tuple[object, ...], tuple[Meeting, ...]]] = {}
    groups: dict[tuple[Place, int], list[tuple[Site, Meeting] | None]] = {}
    for event in events:
        if isinstance(event, OpEvent):
            here = site(event.via)
            if event.via.op in SOFTMAXES:
                made.setdefault(here, event)
                of_layer = features_axis(core(event.input)) is not None
                layers[here] = layers.get(here, True) and of_layer
            elif event.via.op in CONSUMERS:
                groups.setdefault((event.place, event.call), []).append(_of_operation(event, found))
        elif isinstance(event, LossEvent):
            _use(uses, _of_loss(event))
    for group in groups.values():
        _use(uses, group)
    for where, meetings in uses.items():
        if where in made:
            via, places = made[where].via, made[where].arguments_at
            yield Occurrence(
                (
                    (
                        DistributionUsed(
                            where[0],
                            "",
                            via.op,
                            made[where].text,
                            places.get("dim"),
                            layers[where],
                            frozenset(found.ranks.get(where, ())),
                            tuple(meetings.values()),
                        ),
                    ),
                )
            )


def _use(
    uses: dict[Site, dict[tuple[object, ...], tuple[Meeting, ...]]], group: Sequence[tuple[Site, Meeting] | None]
) -> None:
    """Note one use, if all its alternatives are distributions of one softmax."""
    known = [one for one in group if one is not None]
    if len(known) == len(group) and len({where for where, _ in known}) == 1:
        meetings = tuple(meeting for _, meeting in known)
        key = tuple((m.place, m.over, m.wanted, m.input.shape) for m in meetings)
        uses.setdefault(known[0][0], {}).setdefault(key, meetings)


def _of_operation(event: OpEvent, found: Usage) -> tuple[Site, Meeting] | None:
    wanted = written_dim(event.via.op, event.via.arguments)
    known = from_left(wanted, event.input)
    compared = "eq" in found.used.get(site(event.via), ())
    return _meeting(event.input, wanted if known is None else known, event.place, event.text, event.via.op, compared)


def _of_loss(event: LossEvent) -> list[tuple[Site, Meeting] | None]:
    if event.family not in LIKELIHOODS and event.family != "kl-div":
        return []
    text = event.name.rsplit(".", 1)[-1]
    out: list[tuple[Site, Meeting] | None] = []
    for guard, given in options(event.arguments["input"], event.guard):
        if given is None or given.meaning is None or given.meaning.kind != "log-distribution":
            out.append(None)
        elif event.family in LIKELIHOODS:
            rank = len(given.shape) if given.shape is not None else None
            out.append(_meeting(given, 0 if rank == 1 else 1, event.place, text, "loss", False))
        else:
            for _, target in options(event.arguments["target"], guard):
                meaning = target.meaning if target is not None else None
                over = from_left(meaning.dim, target) if meaning is not None and target is not None else None
                kind = "" if meaning is None else meaning.kind
                known = over is not None and kind in ("distribution", "log-distribution")
                out.append(_meeting(given, over, event.place, text, "divergence", False) if known else None)
    return out


def _meeting(
    given: Tensor, wanted: int | None, place: Place, text: str, op: str, compared: bool
) -> tuple[Site, Meeting] | None:
    meaning = given.meaning
    if meaning is None or meaning.kind not in ("distribution", "log-distribution") or wanted is None:
        return None
    source, over = softmax_of(given), from_left(meaning.dim, given)
    if over is None:
        over = meaning.dim
    if source is None or over is None:
        return None
    own = _own_dim(source)
    return site(source), Meeting(place, text, op, given, over, wanted, compared, own != meaning.dim and own != over)


def _own_dim(source: Via) -> int | None:
    value, given = written_dim(source.op, source.arguments), operand(source)
    known = from_left(value, given) if isinstance(given, Tensor) else None
    return value if known is None else known


def softmax_of(value: Value | None) -> Via | None:
    """The softmax that gave a distribution, or the logarithm of one; None if it is not known."""
    for _ in range(MOST_STEPS):
        if not isinstance(value, (Tensor, Number)) or value.via is None:
            return None
        if value.via.op in SOFTMAXES:
            return value.via
        if value.via.op not in KEEPING:
            return None
        value = operand(value.via)
    return None
