"""TL116: a loss is called with the labels first and the model's output second."""

from __future__ import annotations

from collections.abc import Iterator

from torchlint.facts import LossCalled, trail
from torchlint.rule import Finding, Severity, fix, rule, swapped

#: What losses want their targets to be that do not treat input and target alike.
LABELS = frozenset({"class-index", "binary", "probability", "sign", "mask"})


@rule(code="TL116", name="swapped-loss-arguments", since="0.1.0", severity=Severity.ERROR)
def swapped_loss_arguments(call: LossCalled) -> Iterator[Finding]:
    """The input of a loss is the labels of the batch, and its target what the model gave for it."""
    if call.wants not in LABELS or not (call.applies or call.takes in ("probability", "log-probability")):
        return
    if call.written_at is not None or call.family.partition("-on-")[0] in SYMMETRIC or not call.turned:
        return
    first = f"`{call.input_text}`" if call.input_text else "the first argument"
    second = f"`{call.target_text}`" if call.target_text else "the second"
    made = f"the output of `{call.target.run.name}`" if call.target and call.target.run else "computed by the model"
    yield Finding(
        call.place,
        f"`{call.loss}` takes the prediction first and the target second, but {first} is {_what(call)} and {second} is "
        f"{made}; {f'pass {second} first' if call.target_text else 'exchange the two'}",
        trail=trail(call.target),
        fixes=fix("exchange the arguments", swapped(call.input_at, call.target_at), safe=True),
    )


#: Losses on probabilities that are the same either way round.
SYMMETRIC = frozenset({"dice", "jaccard", "tversky", "iou"})


def _what(call: LossCalled) -> str:
    kind = call.input.meaning.kind if call.input is not None and call.input.meaning is not None else ""
    if call.input is None or call.data_given:
        return "data of the batch"
    return {"class-index": "class ids", "binary": "zeros and ones"}.get(kind, f"of dtype {call.input.dtype}")
