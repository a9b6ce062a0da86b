"""The training loop as it runs."""

from __future__ import annotations

import msgspec

from torchlint.facts.base import Fact
from torchlint.facts.computation import Cut
from torchlint.flow.values import Place, Tensor


class TrainingEvent(msgspec.Struct, frozen=True):
    """One event of an iteration: kind is ``zero_grad``, ``backward`` or ``step``.

    `certain` is false under an unknown test.

    `subject` numbers the optimizer (for ``zero_grad`` and ``step``), or is None where it could not be known.
    """

    kind: str
    place: Place
    subject: int | None
    certain: bool


class BackwardCalled(Fact, frozen=True):
    """A backward pass: ``loss.backward()``, ``accelerator.backward(loss)``, ``scaler.scale(loss).backward()``.

    What a Lightning module's ``training_step`` returns is the start of one, too.

    loss: what it starts from, None if that is not known. whole: where its gradient was lost, if none of it reaches
    a parameter; certain: whether that is known without taking for granted that an unknown target of a loss has
    none. fresh: where it was made to ask for a gradient of its own after the way back was lost. lost: for each of
    its terms that reaches no parameter, while others do, where its gradient was lost, and `terms` are those terms.
    opposed: pairs of outputs of one model whose means enter the loss with opposite signs, as those of a Wasserstein
    critic do.
    """

    loss: Tensor | None
    whole: tuple[Cut, ...] = ()
    certain: bool = False
    fresh: Cut | None = None
    lost: tuple[tuple[Cut, ...], ...] = ()
    opposed: tuple[tuple[Tensor, Tensor], ...] = ()
    terms: tuple[Tensor | None, ...] = ()


class TrainingIteration(Fact, frozen=True):
    """One pass of the body of the innermost loop that both calls ``backward`` and steps an optimizer.

    events: in the order in which they run, helper functions included. `cleared` names the optimizers' numbers
    whose gradients are cleared anywhere in the iteration (by any means: ``zero_grad`` on the optimizer or a model,
    ``p.grad = None``); `cleared_unknown` is true if something unknown may have cleared them. optimizer: the name the
    program gives to the stepping optimizer. loss: what the last backward pass before it starts
    from, None if that is not known. `place` is the ``step``.
    """

    events: tuple[TrainingEvent, ...]
    optimizer: str
    cleared: bool
    cleared_unknown: bool
    backward: Place
    loss: Tensor | None = None
