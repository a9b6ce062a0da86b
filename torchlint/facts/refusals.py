"""Operations that torch refuses, whatever the sizes that are not known are.

Worked example: ``torch.cat([up, skip], dim=1)`` of B×64×56×56 and B×64×57×57 is refused, for the tensors differ in a
dimension along which they are not joined.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from torchlint.facts.base import Fact, Occurrence
from torchlint.facts.computation import parts
from torchlint.facts.flattens import made_rows
from torchlint.flow.events import AcceptedEvent, Event, RefusedEvent, RunEvent
from torchlint.flow.library.refusals import Named
from torchlint.flow.spell import spell_guard
from torchlint.flow.values import Const, Place, Run, Tensor


class ShapesRefused(Fact, frozen=True):
    """Torch refuses the sizes that an operation is given.

    op: what torch calls it; text: how the program spells it; kind, left, right, dim, note: as in
    `torchlint.flow.library.refusals.Refusal`, but kind is ``rows`` where `RowsMade` speaks of the same view. tensors:
    those among its arguments, in their order; made: where its layer was constructed, None for a function; along: the
    dimension that it joins or works along, if that is written; run: the call of a model in which that happens.
    """

    op: str
    text: str
    kind: str
    left: Named
    right: Named
    dim: int | None
    note: str
    tensors: tuple[Tensor, ...]
    made: Place | None
    along: int | None
    run: Run | None


def refusals(events: Sequence[Event]) -> Iterable[Occurrence]:
    """The refused operations, grouped by call; none of which one alternative may be accepted."""
    runs = {event.run.number: event.run for event in events if isinstance(event, RunEvent)}
    accepted = {(event.place, event.call) for event in events if isinstance(event, AcceptedEvent)}
    groups: dict[tuple[Place, int], list[ShapesRefused]] = {}
    for event in events:
        if isinstance(event, RefusedEvent) and not event.caught:
            groups.setdefault((event.place, event.call), []).append(_refused(event, runs.get(event.run)))
    for key, group in groups.items():
        if key not in accepted:
            yield Occurrence((tuple(group),))


def _refused(event: RefusedEvent, run: Run | None) -> ShapesRefused:
    refusal, via = event.refusal, event.via
    found = tuple(part for value in via.arguments.values() for part in parts(value) if isinstance(part, Tensor))
    along = via.arguments.get("dim", via.arguments.get("axis"))
    number = along.value if isinstance(along, Const) and type(along.value) is int else None
    kind = "rows" if refusal.kind == "view" and made_rows(event, run) is not None else refusal.kind
    return ShapesRefused(
        event.place, spell_guard(event.guard), via.op, event.text, kind, refusal.left, refusal.right,
        refusal.dim, refusal.note, found, via.made, number, run,
    )  # fmt: skip
