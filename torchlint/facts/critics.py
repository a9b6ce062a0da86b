"""Critics: models that are given the data in one call, and in another what a second model made."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from torchlint.facts.base import Occurrence
from torchlint.facts.computation import head, options
from torchlint.facts.modules import CriticCalled
from torchlint.flow import join
from torchlint.flow.events import Event, RunEvent
from torchlint.flow.shape import Linear
from torchlint.flow.spell import spell_guard
from torchlint.flow.values import Guard, Run, Tensor

#: Pairs of alternatives of two calls that are looked at; beyond them the calls say nothing.
MOST_PAIRS = 32

#: What a call is given at one position: its alternatives, each a tensor under its guard.
Given = list[tuple[Guard, Tensor]]


def critics(events: Sequence[Event]) -> Iterable[Occurrence]:
    """Every call of a model on data, with every call of it on what another model made, at the same position."""
    data: dict[tuple[int, int], dict[object, tuple[Run, Given]]] = defaultdict(dict)
    made: dict[tuple[int, int], dict[object, tuple[Run, Given]]] = defaultdict(dict)
    for event in events:
        if not isinstance(event, RunEvent):
            continue
        for position, value in enumerate(event.run.inputs):
            given = options(value, event.guard)
            tensors = [(guard, tensor) for guard, tensor in given if tensor is not None and tensor.range is not None]
            if not tensors or len(tensors) < len(given):
                continue
            key = (event.place, *((guard, tensor.range, head(tensor)) for guard, tensor in tensors))
            model = (id(event.run.model), position)
            if all(_is_data(tensor) for _, tensor in tensors):
                data[model].setdefault(key, (event.run, tensors))
            elif all(tensor.run is not None and tensor.run.model is not event.run.model for _, tensor in tensors):
                made[model].setdefault(key, (event.run, tensors))
    for model, calls in data.items():
        for run, real in calls.values():
            for _, others in made[model].values():
                facts = tuple(_facts(run, real, others))
                if facts and len(facts) <= MOST_PAIRS:
                    yield Occurrence((facts,))


def _facts(run: Run, data: Given, made: Given) -> Iterator[CriticCalled]:
    for guard, real in data:
        for other, fake in made:
            if not join.contradicts(guard, other):
                words = spell_guard(join.merge(guard, other))
                yield CriticCalled(run.place, words, run.name, fake.run.name if fake.run else "", real, fake)


def _is_data(tensor: Tensor) -> bool:
    kind = tensor.meaning.kind if tensor.meaning is not None else ""
    if kind == "noise" and tensor.range is not None and not tensor.range.unbounded:
        shape = tensor.shape or (None,)
        return isinstance(shape[0], Linear)  # pixels at random, that a loader gives
    return tensor.run is None and kind in ("image", "standardized")
