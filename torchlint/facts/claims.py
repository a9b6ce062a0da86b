"""The claims that rules make of facts: what a run would have to show for a finding to be right.

Definitions
    computed  a value that goes back to what a model gave, through whatever was done with that
    pictures  data that are followed back through transforms and arithmetic to a file, a dataset or random numbers

A builder gives None where a run could only repeat what the analysis said: where it would compute neither a model nor
anything that was done to data. **Invariant:** of a correct program no claim holds, whether or not a rule finds anything
in it; what only the program's author can know is asked of the fact before.

Worked example: `bce-on-logits` claims ``outside_range(call.input, 0, 1)`` of every loss on probabilities.
"""

from __future__ import annotations

from itertools import groupby

from torchlint import claim as c
from torchlint.facts.computation_steps import Claimed, Computation, computed
from torchlint.facts.losses import LossCalled
from torchlint.facts.modules import LayerCalled, ModelCalled
from torchlint.facts.refusals import ShapesRefused
from torchlint.facts.tensors import OpCalled, features_axis, source_of
from torchlint.facts.training import TrainingIteration
from torchlint.facts.wrapping import BytesComputed
from torchlint.flow.values import Place, Tensor, Via

__all__ = [
    "Claimed", "along_outputs", "axes_mixed", "computed", "constant_loss", "gradients_add", "loss_fails", "new_values",
    "no_gradient", "normalised", "outside_range", "overflows", "picture_fails", "picture_outside_range",
    "picture_unnormalised", "picture_within_range", "pixels_differ", "samples_mix", "shapes_fail", "single_number",
    "size_is_one", "unnormalised", "within_range", "wraps",
]  # fmt: skip


# --- what a model gives ------------------------------------------------------------------------------------------


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


def unnormalised(value: Tensor | None, dim: int, at: Place | None = None, *, log: bool = False) -> Claimed | None:
    """That what a model gives does not sum to 1 along a dimension, or its exponentials do not (`log`)."""
    if not computed(value):
        return None
    computation = Computation()
    return computation.claimed(c.Unnormalised(computation.step(value), dim, log), at)


def size_is_one(value: Tensor | None, dim: int | None, at: Place | None = None) -> Claimed | None:
    """That what a model gives has size 1 along a dimension."""
    if dim is None or not computed(value):
        return None
    computation = Computation()
    return computation.claimed(c.SizeIsOne(computation.step(value), dim), at)


def single_number(value: Tensor | None, at: Place | None = None) -> Claimed | None:
    """That what a model, or a loss on what it gave, gives is one number."""
    if not computed(value):
        return None
    computation = Computation()
    return computation.claimed(c.SingleNumber(computation.step(value)), at)


def no_gradient(value: Tensor | None, at: Place | None = None) -> Claimed | None:
    """That no gradient reaches a parameter from what was computed from a model's output."""
    if not computed(value):
        return None
    computation = Computation()
    return computation.claimed(c.NoGradient(computation.step(value)), at)


def shapes_fail(call: LayerCalled | ModelCalled | ShapesRefused) -> Claimed | None:
    """That the call of a model raises an exception about shapes, where this layer of it is called; or this layer, where
    it is in no model."""
    computation = Computation()
    where = computation.place(call.place)
    if call.run is not None:
        step = computation.call(call.run)
    elif isinstance(call, LayerCalled):
        arguments = {"input": computation.step(call.input)}
        made, library = computation.place(call.made), f"torch.nn.{call.layer}"
        step = computation.add(c.Op(call.layer.lower(), arguments, where, made, library))
    else:
        return None
    return computation.claimed(c.ShapesFail(step, where), call.place)


def samples_mix(value: Tensor, source: Tensor, dim: int, at: Place | None = None) -> Claimed:
    """That the first entry of `value` depends on others than the first of `source` along a dimension of that; `source`
    is drawn as it is described."""
    computation = Computation()
    drawn = computation.described(source)
    return computation.claimed(c.SamplesMix(computation.step(value), drawn, dim), at)


def along_outputs(call: OpCalled) -> bool:
    """Whether an operation works along the outputs of the layer that made its input, as many wherever it is called."""
    if len(call.sizes) > 1:
        return False
    inner, moved = source_of(call.input)
    if moved:
        return call.single()
    if call.input.shape is None:
        return features_axis(inner) is None and call.single()
    return call.along() is not None and features_axis(inner) == call.along()


# --- losses ------------------------------------------------------------------------------------------------------


def _loss(call: LossCalled, computation: Computation) -> c.Loss:
    """The loss of a call, as torch has it."""
    made = None if call.configured_at is None else computation.place(call.configured_at)
    return c.Loss(call.known_name, dict(call.settings), made, not call.undecided)


def loss_fails(call: LossCalled, about: str, *, known: bool = True) -> Claimed | None:
    """That a loss refuses its arguments, or warns of them, for their `about`: ``shape``, ``dtype``, ``classes``.

    known: whether they are at odds whatever their unknown sizes are; if that is not known, all sizes have to be.
    """
    if not call.known_name or call.written_at is not None or not (computed(call.input) or computed(call.target)):
        return None
    computation = Computation()
    given, target = computation.step(call.input), computation.step(call.target)
    if not known and not _sized(computation, target):
        return None
    return computation.claimed(c.LossFails(_loss(call, computation), given, target, about), call.input_at)


def _sized(computation: Computation, target: int) -> bool:
    """Whether the sizes of a target are known, each as a number or as a size of other data."""
    step = computation.steps[target]
    if not isinstance(step, c.Data):
        return not isinstance(step, c.Unknown)
    if step.shape is None:
        return False
    others = {
        size
        for other in computation.steps
        if isinstance(other, c.Data) and other is not step
        for size in other.shape or ()
    }
    return all(isinstance(size, int) or (size is not None and size in others) for size in step.shape)


def constant_loss(call: LossCalled) -> Claimed | None:
    """That a loss is the same number whatever the weights and the inputs are."""
    if not call.known_name or call.written_at is not None or not computed(call.input):
        return None
    computation = Computation()
    given, target = computation.step(call.input), computation.step(call.target)
    return computation.claimed(c.Constant(given, _loss(call, computation), target), call.input_at)


# --- pictures and other data -------------------------------------------------------------------------------------


def _pictured(
    check: type[c.OutsideRange] | type[c.WithinRange], value: Tensor | Via | None, low: float | None, high: float | None
) -> Claimed | None:
    computation = Computation(pictures=True)
    step = _made(value, computation)
    return computation.claimed(check(step, low, high)) if _does_something(computation) else None


def _made(value: Tensor | Via | None, computation: Computation) -> int:
    """A step that gives a value, or does a transform."""
    return computation.operation(value) if isinstance(value, Via) else computation.step(value)


def _does_something(computation: Computation) -> bool:
    """Whether there is anything to compute, so that a run may show something that the description does not say."""
    return any(isinstance(step, (c.Op, c.Called, c.Judged)) for step in computation.steps)


def picture_outside_range(value: Tensor | Via | None, low: float | None, high: float | None) -> Claimed | None:
    """That what was made of a picture leaves [low, high]; None is no end."""
    return _pictured(c.OutsideRange, value, low, high)


def picture_within_range(value: Tensor | Via | None, low: float | None, high: float | None) -> Claimed | None:
    """That what was made of a picture, of whatever colours, lies in [low, high]; None is no end."""
    return _pictured(c.WithinRange, value, low, high)


def picture_unnormalised(value: Tensor | None, dim: int) -> Claimed | None:
    """That data do not sum to 1 along a dimension."""
    computation = Computation(pictures=True)
    step = computation.step(value)
    return computation.claimed(c.Unnormalised(step, dim)) if _does_something(computation) else None


def picture_fails(value: Tensor | Via | None, at: Place | None = None) -> Claimed | None:
    """That what is done to a picture raises an exception about shapes."""
    computation = Computation(pictures=True)
    step = _made(value, computation)
    where = None if at is None else computation.place(at)
    return computation.claimed(c.ShapesFail(step, where), at) if _does_something(computation) else None


def wraps(value: Tensor, at: Place | None = None, *, scale: float = 255.0) -> Claimed | None:
    """That bytes wrap around that are made of a picture multiplied by `scale`."""
    computation = Computation(pictures=True)
    step = computation.step(value)
    return computation.claimed(c.Wraps(step, scale), at) if _does_something(computation) else None


def overflows(computed_bytes: BytesComputed) -> Claimed:
    """That arithmetic on bytes would leave [0, 255] if it had room."""
    computation = Computation(pictures=True)
    sides = []
    for side in (computed_bytes.left, computed_bytes.right):
        if isinstance(side, Tensor):
            place = computation.place(computed_bytes.place)
            sides.append(computation.add(c.Op("float", {"input": computation.step(side)}, place)))
        else:
            sides.append(computation.add(c.Value(side)))
    names = ("input", "exponent" if computed_bytes.op == "pow" else "other")
    exact = c.Op(computed_bytes.op, dict(zip(names, sides, strict=True)), computation.place(computed_bytes.place))
    return computation.claimed(c.Wraps(computation.add(exact), 1.0), computed_bytes.place)


def new_values(value: Tensor | None, source: Tensor | None, at: Place | None = None) -> Claimed | None:
    """That `value` holds numbers between those of `source`, from which it was made."""
    if value is None or source is None:
        return None
    computation = Computation(pictures=True)
    before, after = computation.step(source), computation.step(value)
    return computation.claimed(c.NewValues(after, before), at) if _does_something(computation) else None


def pixels_differ(value: Tensor, other: Tensor, at: Place | None = None) -> Claimed | None:
    """That two pictures, prepared in two ways, have other numbers for one colour."""
    computation = Computation(pictures=True)
    one, two = computation.step(value), computation.step(other)
    return computation.claimed(c.PixelsDiffer(one, two), at) if _does_something(computation) else None


def axes_mixed(value: Tensor, source: Tensor, at: Place | None = None) -> Claimed:
    """That `value` holds the numbers of `source` with its axes mixed up."""
    computation = Computation(pictures=True)
    before = computation.described(source)
    return computation.claimed(c.AxesMixed(computation.step(value), before), at)


# --- training ----------------------------------------------------------------------------------------------------


def gradients_add(iteration: TrainingIteration) -> Claimed | None:
    """That the optimizer of an iteration steps on the gradients of earlier batches, too."""
    if iteration.cleared_unknown:
        return None
    own = next((e.subject for e in iteration.events if e.kind == "step" and e.place == iteration.place), None)
    kept = [
        event
        for event in iteration.events
        if event.kind == "backward" or event.subject == own or (event.kind == "zero_grad" and event.subject is None)
    ]  # one call on several alternatives of what is not known is one event
    events = tuple(kind for (kind, _), _ in groupby(kept, key=lambda event: (event.kind, event.place)))
    computation = Computation()
    value = computation.step(iteration.loss) if computed(iteration.loss) else None
    return computation.claimed(c.GradientsAdd(events, value), iteration.place)
