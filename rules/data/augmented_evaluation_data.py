"""TL213: a model is evaluated on data that are augmented at random."""

from __future__ import annotations

from collections.abc import Iterator

from torchlint.facts import ModelEvaluated, Place, TrailStep
from torchlint.rule import Finding, Severity, rule


@rule(code="TL213", name="augmented-evaluation-data", since="0.1.0", severity=Severity.WARNING)
def augmented_evaluation_data(call: ModelEvaluated) -> Iterator[Finding]:
    """Data that are held out of the training are transformed at random before the model is evaluated on them."""
    if call.compared or not (call.random or call.by_hand):
        return
    names = list(dict.fromkeys(f"`{step.name}`" for step in call.random))
    what = " and ".join(names) if len(names) < 3 else f"{names[0]}, {names[1]} and {len(names) - 2} more"
    what = f"at random by {what}" if names else "by what the program draws at random"
    own = call.held == "dataset" and call.random and not call.shared
    place = call.random[0].place if own else call.source
    yield Finding(place, f"{_problem(call, what)}; {_cure(call)}", trail=_trail(call, place))


def _problem(call: ModelEvaluated, what: str) -> str:
    if call.held == "part":
        cut = "`random_split` only divides the indices" if call.split else "a `Subset` only picks indices"
        return (
            f"`{call.model}` is evaluated on images that are transformed {what}: {cut}, "
            f"and both parts go through the transforms of one `{call.dataset}`"
        )
    if call.held == "sampler":
        return (
            f"`{call.model}` is evaluated on images that are transformed {what}: this loader picks other samples than "
            f"that for training, but all go through the transforms of one `{call.dataset}`"
        )
    return (
        f"`{call.model}` is evaluated on images of `{call.dataset}` that are transformed {what}, "
        "so that its score depends on chance"
    )


def _cure(call: ModelEvaluated) -> str:
    if call.held == "dataset" and not call.random:
        return "draw only while training"
    if call.held == "dataset":
        return "give the evaluation a pipeline without random transforms"
    return "make a second dataset without random transforms, and take the same indices of it"


def _trail(call: ModelEvaluated, place: Place) -> tuple[TrailStep, ...]:
    steps = [TrailStep(step.place, f"`{step.name}` does something else each time") for step in call.random]
    ends = [TrailStep(call.loader, "this loader draws it"), TrailStep(call.place, f"`{call.model}` is evaluated on it")]
    return tuple(step for step in (*steps, *ends) if step.place != place)
