"""TL106: a Kullback–Leibler divergence is averaged over the classes too."""

from __future__ import annotations

from collections.abc import Iterator

from torchlint.facts import LossCalled, trail
from torchlint.rule import Finding, Fix, Severity, argument_added, fix, replaced, rule


@rule(code="TL106", name="kl-div-mean-reduction", since="0.1.0", severity=Severity.WARNING)
def kl_div_mean_reduction(call: LossCalled) -> Iterator[Finding]:
    """A pointwise divergence of several distributions is reduced by its mean."""
    if call.family != "kl-div" or call.settings.get("reduction") != "mean" or call.rescaled:
        return
    tensor = call.input if call.input is not None and call.input.shape is not None else call.target
    shape = tensor.shape if tensor is not None else None
    if shape is not None and len(shape) < 2:
        return
    mean = "`reduction='mean'`" if "reduction" in call.settings_at else "the default reduction"
    dim = tensor.meaning.dim if tensor is not None and tensor.meaning is not None else None
    classes = shape[dim] if shape is not None and dim is not None and -len(shape) <= dim < len(shape) else None
    by = f"the {classes} classes" if isinstance(classes, int) else "the number of classes"
    if shape is not None and len(shape) > 2:
        cure = "sum over the classes first, with `reduction='none'`, and average the sums"
    else:
        cure = "pass `reduction='batchmean'`"
    yield Finding(
        call.place,
        f"`{call.loss}` with {mean} divides the divergence by {by} as well as by the size of the batch, which makes "
        f"it no Kullback–Leibler divergence; {cure}",
        trail=trail(call.input),
        fixes=_fixes(call) if shape is None or len(shape) == 2 else (),
    )


def _fixes(call: LossCalled) -> tuple[Fix, ...]:
    """The reduction where it is written, or as one more argument; none beside the old arguments, which win."""
    if {"reduce", "size_average"} & call.settings_at.keys():
        return ()
    written = call.settings_at.get("reduction")
    if written is not None:
        change = replaced(written, '"batchmean"')
    else:
        change = argument_added(call.configured_at, 'reduction="batchmean"')
    return fix("use `reduction='batchmean'`", change)
