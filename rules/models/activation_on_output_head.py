"""TL320: a dropout or a normalisation stands behind the last layer of a model."""

from __future__ import annotations

from collections.abc import Iterator

from torchlint.facts import LossCalled, Tail, computed_by_model, trail
from torchlint.rule import Finding, Severity, rule

#: Losses whose input is a number for each output, as the last layer gives it.
JUDGING = frozenset({
    "cross-entropy", "nll", "bce", "bce-with-logits", "mse", "l1", "smooth-l1", "huber", "multilabel-soft-margin",
})  # fmt: skip

#: Activations that leave the outputs unbounded, so that a normalisation before them is one of the outputs.
OPEN = frozenset({"relu", "leaky_relu", "prelu", "elu", "gelu", "silu", "softplus", "softmax", "log_softmax"})


@rule(code="TL320", name="activation-on-output-head", since="0.1.0", severity=Severity.WARNING)
def activation_on_output_head(call: LossCalled) -> Iterator[Finding]:
    """Between the last layer and the loss, outputs are dropped, or normalised over the batch or over each other."""
    if call.family not in JUDGING or call.turned or call.written_at is not None or not computed_by_model(call.input):
        return
    if computed_by_model(call.target):
        return  # two models' features are compared, and no outputs are judged
    step = next((one for one in call.tail if _spoils(one, call)), None)
    if step is None:
        return
    does = "drops outputs" if step.kind == "dropout" else "normalises the outputs"
    why = "the loss sees zeros that the model never gave" if step.kind == "dropout" else _why(step, call)
    yield Finding(
        step.place,
        f"`{step.text}` stands behind the last layer `{step.last}` and {does} that `{call.loss}` judges: {why}; "
        "leave it off there",
        trail=trail(call.input),
    )


def _spoils(step: Tail, call: LossCalled) -> bool:
    if step.kind == "dropout":
        return step.share is not None and step.share > 0
    later = call.tail[call.tail.index(step) + 1 :]
    return step.kind == "norm" and all(one.kind != "activation" or one.op in OPEN for one in later)


def _why(step: Tail, call: LossCalled) -> str:
    if step.op == "batch_norm":
        return "what one sample gets depends on the others in its batch"
    return "their mean and their spread are the same for every sample"
