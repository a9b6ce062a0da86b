"""TL317: a normalisation sees one number of each channel."""

from __future__ import annotations

from collections.abc import Iterator

from torchlint.facts import LayerFed, render, trail
from torchlint.rule import Finding, Severity, rule


@rule(code="TL317", name="batchnorm-on-single-value", since="0.1.0", severity=Severity.ERROR)
def batchnorm_on_single_value(call: LayerFed) -> Iterator[Finding]:
    """In training, the mean of one number is that number, and torch refuses to divide by its spread."""
    if call.values != 1 or call.run is None or call.run.training is False:
        return  # whether a layer outside of a model is in training is rarely seen
    if call.samples != "one" and (not call.run.graded or call.made.path != call.place.path):
        return  # an evaluation, or a base class that has loaders of its own
    yield Finding(
        call.place,
        f"`{call.layer}` is given {render(call.input.shape)} in training{_why(call)}: one number a channel has no "
        f"spread, and torch raises an error; {_cure(call)}",
        trail=trail(call.input),
    )


def _why(call: LayerFed) -> str:
    if call.samples == "loader":
        return ", from batches of 1"
    if call.samples == "last" and call.loader is not None:
        return f", of which the last batch has 1 sample ({call.loader[0]} in batches of {call.loader[1]})"
    return ""


def _cure(call: LayerFed) -> str:
    if call.layer.startswith("InstanceNorm"):
        return "leave it off where one position is left"
    if call.samples == "last":
        return "give the loader `drop_last=True`"
    if call.samples == "loader":
        return "take larger batches, or `nn.GroupNorm`"
    return "call `eval()` on the model before, or give it two samples"
