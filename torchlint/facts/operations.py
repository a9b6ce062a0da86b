"""From events to facts about operations, pictures, and losses that are written out by hand."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import chain

from msgspec.structs import replace

from torchlint.facts.base import Occurrence
from torchlint.facts.computation import MOVES, core, operand, parts
from torchlint.facts.endings import ending
from torchlint.facts.formulas import Formula, formula
from torchlint.facts.levels import levels_of, taught
from torchlint.facts.losses import LossCalled
from torchlint.facts.pixels import MOST_STEPS, picture
from torchlint.facts.tensors import ImageShown, OpCalled
from torchlint.facts.usage import Usage, result_of, site
from torchlint.flow.events import OBSERVED, Event, LossEvent, OpEvent, SinkEvent
from torchlint.flow.spell import spell, spell_guard
from torchlint.flow.values import Const, Guard, Place, Tensor, Value, Via
from torchlint.syntax import ir

#: What a formula is called, and what it wants its prediction to be.
WRITTEN = {
    "overlap": ("region", "overlap of prediction and target"),
    "entropy": ("bce", "binary cross-entropy"),
    "focus": ("focal-weight", "focal weight"),
}


def operations(events: Sequence[Event], found: Usage) -> Iterable[Occurrence]:
    """Operations, grouped by call: the alternatives of the data are the facts of one configuration."""
    groups: dict[tuple[Place, int], list[OpCalled]] = {}
    for event in events:
        if isinstance(event, OpEvent) and event.via.op in OBSERVED:
            groups.setdefault((event.place, event.call), []).append(_operation(event, found))
    for group in groups.values():
        yield Occurrence((tuple(group),))


def _operation(event: OpEvent, found: Usage) -> OpCalled:
    via, here = event.via, site(event.via)
    losses, activated = found.meets(event.input)
    return OpCalled(
        event.place,
        spell_guard(event.guard),
        via.op,
        event.input,
        result_of(event),
        via.arguments,
        via.made,
        event.text,
        losses,
        activated,
        frozenset(found.sizes.get(here, ())),
        frozenset(found.ranks.get(here, ())),
        frozenset(found.kinds.get(here, ())),
        frozenset(found.used.get(here, ())),
        event.arguments_at,
        Place(via.place.path, via.operand) if via.operand is not None else event.arguments_at.get("input"),
    )


def pictures(events: Sequence[Event], found: Usage, *, whole: bool = True) -> Iterable[Occurrence]:
    """What is shown or saved; `whole`: whether the events are all that the program does."""
    groups: dict[tuple[Place, int], list[ImageShown]] = {}
    known = taught(events, whole=whole)
    restored: set[tuple[str, int]] = set()
    for event in events:
        levels = levels_of(event.input, known) if isinstance(event, SinkEvent) else None
        if isinstance(event, SinkEvent) and levels is not None and not levels.raised:
            restored.update((event.place.path, one) for one in _way(event.input))
    for event in events:
        if isinstance(event, SinkEvent):
            source = _unscaled(event.input)
            fact = ImageShown(
                event.place,
                spell_guard(event.guard),
                event.does,
                event.name.rsplit(".", 1)[-1],
                event.input,
                event.text,
                event.input_at,
                source,
                *found.meets(source),
                levels_of(event.input, known),
                _taken(event),
                (event.place.path, id(_made_by(event.input))) in restored,
            )
            groups.setdefault((event.place, event.call), []).append(fact)
    for group in groups.values():
        yield Occurrence((tuple(group),))


def _way(value: Value | None) -> Iterable[int]:
    """The identities of the operations on the way of a picture."""
    for _ in range(MOST_STEPS):
        if not isinstance(value, Tensor) or value.via is None:
            return
        yield id(value.via)
        value = picture(value.via)


def _made_by(tensor: Tensor) -> Via | None:
    """The operation that gave a tensor, moves left aside."""
    found = core(tensor)
    return found.via if isinstance(found, Tensor) else None


def _taken(event: SinkEvent) -> str:
    """What a function takes this picture's numbers for, as in `ImageShown`."""
    if event.row is None:
        return "bytes"
    shape, meaning = event.input.shape, event.input.meaning
    if not event.row.planes:
        return event.row.floats
    coloured = meaning is not None and meaning.kind == "image" and meaning.mode in ("RGB", "BGR")
    known = shape is not None and len(shape) == 3 and (shape[2] in (3, 4) or (shape[2] is None and coloured))
    return event.row.floats if known else ""


def _unscaled(tensor: Tensor) -> Tensor:
    """The tensor before it was moved about, tiled, and multiplied by numbers."""
    step = core(tensor)
    while isinstance(step, Tensor) and step.via is not None:
        arguments, inner = step.via.arguments, core(operand(step.via))
        scaled = step.via.op in ("mul", "div") and not isinstance(arguments.get("other"), Tensor)
        tiled = step.via.op == "make_grid" and arguments.get("normalize") == Const(False)
        if not (scaled or tiled) or not isinstance(inner, Tensor):
            break
        step = inner
    return step if isinstance(step, Tensor) else tensor


def written_losses(events: Sequence[Event]) -> Iterable[Occurrence]:
    """Losses that the program writes out by itself."""
    groups: dict[tuple[Place, int], list[LossCalled]] = {}
    raw = _raw_uses(events)
    for event in events:
        if isinstance(event, OpEvent) and (found := formula(event)) is not None:
            place = event.called if event.called is not None and _passed(found.prediction, event) else found.place
            if (event.called, id(core(found.prediction))) in raw:
                place = found.place  # the function knows that it is given raw scores
            given = _argument(found.prediction, event) if place == event.called else None
            groups.setdefault((found.place, event.call), []).append(_written(found, place, event.guard, given))
    arguments: dict[Place | None, set[str | None]] = defaultdict(set)
    activated: dict[Place | None, set[str | None]] = defaultdict(set)
    for fact in chain.from_iterable(groups.values()):
        arguments[fact.input_at].add(_kind(fact.input))
        last = core(fact.input)
        if fact.ending is not None and isinstance(last, Tensor) and last.via is not None:
            activated[fact.ending.place].add(_kind(operand(last.via)))
    for group in groups.values():
        facts = []
        for fact in group:
            alike = fact.ending is not None and _one(activated[fact.ending.place])
            settled = _one(arguments[fact.input_at])
            facts.append(replace(fact, settled=settled, ending=fact.ending if alike else None))
        yield Occurrence((tuple(facts),))


def _one(kinds: set[str | None]) -> bool:
    return len(kinds) == 1 and None not in kinds


def _kind(value: Value | None) -> str | None:
    return value.meaning.kind if isinstance(value, Tensor) and value.meaning is not None else None


def _raw_uses(events: Sequence[Event]) -> set[tuple[Place | None, int]]:
    """The values that a function gives to a loss on raw scores, with the call of the function."""
    return {
        (event.called, id(core(part)))
        for event in events
        if isinstance(event, LossEvent) and event.takes == "logits"
        for part in parts(event.arguments["input"])
    }


def _passed(prediction: Tensor, event: OpEvent) -> bool:
    """Whether the function that holds the formula was given its prediction, as it is or to be activated, so that its
    call is to be spoken of."""
    passed = {id(core(part)) for value in event.given for part in parts(value)}
    step: Value | None = prediction
    for _ in range(12):
        if id(core(step)) in passed:
            return True
        if not isinstance(step, Tensor) or step.via is None or step.via.op not in MOVES | {"sigmoid", "softmax"}:
            return False
        step = operand(step.via)
    return False


def _argument(prediction: Tensor, event: OpEvent) -> ir.Expr | None:
    """The argument of the call that stands for the prediction, as it was passed."""
    wanted = id(core(prediction))
    return next((node for value, node in event.written if any(id(core(p)) == wanted for p in parts(value))), None)


def _written(found: Formula, place: Place, guard: Guard, given: ir.Expr | None) -> LossCalled:
    family, words = WRITTEN[found.kind]
    return LossCalled(
        place,
        spell_guard(guard),
        words,
        family,
        found.prediction,
        found.target,
        spell(given) if given is not None else "",
        "",
        takes="probability",
        wants="probability",
        input_at=Place(place.path, given.n) if given is not None else None,
        written_at=found.place,
        ending=ending(found.prediction),
    )
