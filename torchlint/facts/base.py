"""The base of all facts, and what every fact can say of a place and a trail."""

from __future__ import annotations

import msgspec

from torchlint.flow.values import Place, Tensor


class TrailStep(msgspec.Struct, frozen=True):
    """One step of a value's way, as the user reads it."""

    place: Place
    note: str


class Fact(msgspec.Struct, frozen=True):
    """Something that the code does, at `place`. A fact never says that it is wrong.

    `guard` words the unknown tests that were decided on the way here, such as ``args.loss == 'bce'``; empty where
    the code always does it.
    """

    place: Place
    guard: str


class Occurrence(msgspec.Struct, frozen=True):
    """One event of the program, as the facts that it may be.

    The outer tuple holds the alternatives of the configuration (which loss, which transform), the inner ones those
    of the data. A rule's finding stands if, for one configuration, every alternative of the data gives it.
    """

    variants: tuple[tuple[Fact, ...], ...]


def trail(tensor: Tensor | None) -> tuple[TrailStep, ...]:
    """The way of a tensor, origin first; empty if nothing is known of it."""
    if tensor is None or tensor.trail is None:
        return ()
    steps = [TrailStep(step.place, step.note) for step in tensor.trail.steps()]
    steps.reverse()
    return tuple(steps)
