"""The claims that rules make of facts: what a run would have to show for a finding to be right.

Definitions
    computed  a value that depends on the parameters of a model

A builder here gives None where a run could only repeat what the analysis said: a claim is about what a model computes,
or about what transforms make of a picture. **Invariant:** of a correct program no claim holds, whether or not a rule
finds anything in it; what only the program's author can know is asked of the fact before.

Worked example: `bce-on-logits` claims ``outside_range(call.input, 0, 1)`` of every loss on probabilities.
"""

from __future__ import annotations

from torchlint import claim as c
from torchlint.facts.computation_steps import Claimed, Computation
from torchlint.facts.losses import LossCalled
from torchlint.facts.training import TrainingIteration
from torchlint.flow.values import Place, Tensor

__all__ = [
    "Claimed", "Computation", "computed", "constant_loss", "gradients_add", "loss", "loss_fails", "normalised",
    "outside_range", "within_range", "wraps",
]  # fmt: skip


def computed(value: Tensor | None) -> bool:
    """Whether a value is known to depend on the parameters of a model."""
    return value is not None and (value.run is not None or value.grad == "attached")


def loss(call: LossCalled, computation: Computation) -> c.Loss:
    """The loss of a call, as torch has it."""
    made = None if call.configured_at is None else computation.place(call.configured_at)
    return c.Loss(call.known_name, dict(call.settings), made, not call.undecided)


def outside_range(
    value: Tensor | None, low: float | None, high: float | None, at: Place | None = None
) -> Claimed | None:
    """That what a model gives leaves [low, high]; None is no end."""
    if not computed(value):
        return None
    computation = Computation()
    return computation.claimed(c.OutsideRange(computation.step(value), low, high), at)


def within_range(
    value: Tensor | None, low: float | None, high: float | None, at: Place | None = None
) -> Claimed | None:
    """That every value that a model gives lies in [low, high] already."""
    if not computed(value):
        return None
    computation = Computation()
    return computation.claimed(c.WithinRange(computation.step(value), low, high), at)


def normalised(value: Tensor | None, at: Place | None = None, *, log: bool = False) -> Claimed | None:
    """That what a model gives sums to 1 over a dimension, or its exponentials do (`log`)."""
    if not computed(value):
        return None
    computation = Computation()
    return computation.claimed(c.Normalised(computation.step(value), log), at)


def loss_fails(call: LossCalled, about: str) -> Claimed | None:
    """That a loss refuses its arguments, or warns of them, for their `about`: ``shape``, ``dtype``, …"""
    if not call.known_name or call.written_at is not None or not (computed(call.input) or computed(call.target)):
        return None
    computation = Computation()
    given, target = computation.step(call.input), computation.step(call.target)
    return computation.claimed(c.LossFails(loss(call, computation), given, target, about), call.input_at)


def constant_loss(call: LossCalled) -> Claimed | None:
    """That a loss is the same number whatever the weights and the inputs are."""
    if not call.known_name or call.written_at is not None or not computed(call.input):
        return None
    computation = Computation()
    given, target = computation.step(call.input), computation.step(call.target)
    return computation.claimed(c.Constant(given, loss(call, computation), target), call.input_at)


def wraps(value: Tensor, at: Place | None = None, *, scale: float = 255.0) -> Claimed:
    """That bytes wrap around that are made of a picture multiplied by `scale`."""
    computation = Computation(pictures=True)
    return computation.claimed(c.Wraps(computation.step(value), scale), at)


def gradients_add(iteration: TrainingIteration) -> Claimed | None:
    """That the optimizer of an iteration steps on the gradients of earlier batches, too."""
    if iteration.cleared_unknown:
        return None
    own = next((e.subject for e in iteration.events if e.kind == "step" and e.place == iteration.place), None)
    events = tuple(
        event.kind
        for event in iteration.events
        if event.kind == "backward" or event.subject == own or (event.kind == "zero_grad" and event.subject is None)
    )
    computation = Computation()
    value = computation.step(iteration.loss) if computed(iteration.loss) else None
    return computation.claimed(c.GradientsAdd(events, value), iteration.place)
