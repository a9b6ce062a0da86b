"""Where the features of a sample become one row, for a linear layer.

Definitions
    features  the sizes of a picture's dimensions behind the batch: channels, height and width
    row       what a linear layer takes: all features of one sample
    free      a view ``(-1, n)``, which makes as many rows of n numbers as there are

Worked example: B×16×6×6 has rows of 16·6·6 = 576. ``x.view(-1, 400)`` makes no rows of samples of it: 25 samples would
give 36 rows, and another number of samples fails.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import prod

from torchlint.facts.base import Fact, Occurrence
from torchlint.facts.computation import operand
from torchlint.facts.reshapes import written_sizes
from torchlint.flow.events import RESHAPING, Event, RefusedEvent, ReshapeEvent, RunEvent
from torchlint.flow.library.reading import dim_of
from torchlint.flow.shape import Dim, same
from torchlint.flow.spell import spell_guard
from torchlint.flow.values import Place, Run, Tensor, Value, Via

#: Operations that give one row a sample.
FLATTENING = frozenset({"view", "reshape", "flatten", "Flatten"})
#: Operations that change neither the number nor the sizes of the dimensions.
EVEN = frozenset({
    "relu", "leaky_relu", "elu", "gelu", "silu", "tanh", "sigmoid", "dropout", "contiguous", "float", "to", "cuda",
    "cpu", "batch_norm", "layer_norm", "identity", "clone",
})  # fmt: skip
MOST_STEPS = 12


class RowsMade(Fact, frozen=True):
    """A picture's features are viewed as rows of a fixed length.

    text: how the program spells the view; input: the tensor; features: the sizes behind the batch; length: that of a
    row; free: whether the number of rows follows from it, else there is one for each sample. run: the call of a model
    in which that happens; refused: whether torch refuses it for every size of the batch.
    """

    text: str
    input: Tensor
    features: tuple[int, ...]
    length: int
    free: bool
    run: Run | None
    refused: bool


def features(value: Value | None) -> tuple[int, ...]:
    """The features that were flattened to the rows of a tensor, whatever was done to each number since; empty if that
    is not known."""
    for _ in range(MOST_STEPS):
        via = value.via if isinstance(value, Tensor) else None
        if via is None:
            return ()
        before = operand(via)
        if via.op in FLATTENING and isinstance(value, Tensor):
            found = _behind_batch(before)
            fits = value.shape is not None and len(value.shape) == 2 and value.shape[1] == prod(found or (0,))
            return found if fits else ()
        if via.op not in EVEN:
            return ()
        value = before
    return ()


def _behind_batch(value: Value | None) -> tuple[int, ...]:
    shape = value.shape if isinstance(value, Tensor) else None
    if shape is None or len(shape) < 4:
        return ()
    known = tuple(dim for dim in shape[1:] if isinstance(dim, int))
    return known if len(known) == len(shape) - 1 else ()


def rows_made(events: Sequence[Event]) -> Iterable[Occurrence]:
    """The views of pictures as rows that are not rows of samples, grouped by call."""
    runs = {event.run.number: event.run for event in events if isinstance(event, RunEvent)}
    groups: dict[tuple[Place, int], list[RowsMade | None]] = {}
    for event in events:
        if isinstance(event, (ReshapeEvent, RefusedEvent)) and event.via.op in RESHAPING:
            run = runs.get(event.run) if isinstance(event, RefusedEvent) else None
            if not (isinstance(event, RefusedEvent) and event.caught):
                number = event.call if isinstance(event, RefusedEvent) else event.group or event.call
                groups.setdefault((event.place, number), []).append(made_rows(event, run))
    for group in groups.values():
        known = tuple(fact for fact in group if fact is not None)
        if len(known) == len(group) and any(fact.length != prod(fact.features) for fact in known):
            yield Occurrence((known,))


def made_rows(event: ReshapeEvent | RefusedEvent, run: Run | None) -> RowsMade | None:
    """The rows that a view makes of a picture; None if it makes none, or that is not known."""
    given = operand(event.via)
    found = _behind_batch(given)
    asked = _asked(event.via)
    if not found or not isinstance(given, Tensor) or asked is None or given.shape is None:
        return None
    rows, length = asked
    free = rows == -1
    if not free and not same(rows, given.shape[0]):
        return None
    words, refused = spell_guard(event.guard), isinstance(event, RefusedEvent)
    return RowsMade(event.place, words, event.text, given, found, length, free, run or given.run, refused)


def _asked(via: Via) -> tuple[Dim, int] | None:
    """The number of rows and their length that a view asks for, if it asks for two sizes."""
    sizes: tuple[Dim, ...] = tuple(dim_of(value) for value in written_sizes(via))
    if len(sizes) != 2 or not isinstance(sizes[1], int) or sizes[1] < 1:
        return None
    return sizes[0], sizes[1]
