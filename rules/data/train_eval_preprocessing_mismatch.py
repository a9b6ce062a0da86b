"""TL214: a model is evaluated on images of another scale, other statistics or another order than it is trained on."""

from __future__ import annotations

from collections.abc import Iterator

from torchlint.facts import Place, Prepared, PreprocessingCompared, TrailStep, alike, claims, difference, trail
from torchlint.rule import Finding, Severity, rule

FLOATS = frozenset({"float", "float16", "bfloat16", "float32", "float64"})

#: What a transform does that draws where pixels go, and leaves their numbers alone.
PLACING = frozenset({"geometric", "crop", "resize", "pad", "identity"})


def _claim(call: PreprocessingCompared) -> claims.Claimed | None:
    """That one colour becomes other numbers here than in training."""
    if any(step.random and step.does not in PLACING for step in (*call.given.steps, *call.training.steps)):
        return None
    return claims.pixels_differ(call.given.image, call.training.image, call.place)


@rule(code="TL214", name="train-eval-preprocessing-mismatch", since="0.1.0", severity=Severity.WARNING, claim=_claim)
def train_eval_preprocessing_mismatch(call: PreprocessingCompared) -> Iterator[Finding]:
    """What a model is given without being trained is prepared in another way than what it is trained on."""
    what = difference(call.given, call.training)
    if not what or _raw(call.given) or _unready(call):
        return
    place = _place(call, what)
    fed = TrailStep(call.place, f"`{call.model}` is given it here")
    trained = TrailStep(call.trained_at, f"in training, `{call.model}` is given {_words(call.training, what)}")
    steps = tuple(step for step in (*trail(call.given.image), fed, trained) if step.place != place)
    yield Finding(
        place,
        f"`{call.model}` is trained on {_words(call.training, what)}, but here it is given "
        f"{_words(call.given, what)}; {_cure(call, what)}",
        trail=steps,
    )


def _raw(given: Prepared) -> bool:
    """Whether an image was never scaled, of which `unscaled-image-input` speaks."""
    extent = given.extent
    return extent is not None and extent.low == 0.0 and extent.high == 255.0 and given.image.dtype in FLOATS


def _unready(call: PreprocessingCompared) -> bool:
    """Whether the training lacks the statistics of its weights, of which `pretrained-input-mismatch` speaks."""
    meaning = call.training.image.meaning
    return bool(call.weights and call.weights.mean) and meaning is not None and meaning.scale == "unit"


def _words(image: Prepared, what: str) -> str:
    if what == "order":
        return f"images in {image.order}"
    found = image.statistics
    numbers = f", normalized with mean {_numbers(found[0])} and std {_numbers(found[1])}" if found else ""
    return f"images in {image.extent}{numbers}"


def _numbers(values: tuple[float, ...]) -> str:
    same = len(set(values)) == 1
    return f"{values[0]:g}" if same else "(" + ", ".join(f"{value:g}" for value in values) + ")"


def _normalizes(image: Prepared) -> bool:
    return any(step.does == "normalize" for step in image.steps)


def _cure(call: PreprocessingCompared, what: str) -> str:
    if what == "order":
        return f"bring the channels into the order {call.training.order} first"
    meaning = call.given.image.meaning
    if _normalizes(call.training) and meaning is not None and meaning.scale == "unit":
        return "normalize here as in training"
    if _normalizes(call.given) and not _normalizes(call.training):
        return "normalize in both places or in neither"
    return "prepare the images in the same way as in training"


def _place(call: PreprocessingCompared, what: str) -> Place:
    """The step that the training does not have, or after which one is missing; the call where they share that step."""
    shared = {step.place for step in call.training.steps}
    if what == "order":
        begin = call.given.steps[0].place
        return call.place if begin in shared else begin
    ours = list(call.given.scalings())
    theirs = [extent for _, extent in call.training.scalings()]
    if what == "statistics":
        ours = [(step, extent) for step, extent in ours if step.does == "normalize"]
        theirs = []
    for number, (step, extent) in enumerate(ours):
        if number >= len(theirs) or not alike(extent, theirs[number]):
            return call.place if step.place in shared else step.place
    last = ours[-1][0].place if ours else call.given.steps[0].place
    return call.place if last in shared else last
