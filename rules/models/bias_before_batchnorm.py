"""TL314: a layer adds a bias that the normalisation behind it takes off again."""

from __future__ import annotations

from collections.abc import Iterator

from torchlint.facts import LayerFed
from torchlint.rule import Finding, Severity, argument_added, fix, replaced, rule


@rule(code="TL314", name="bias-before-batchnorm", since="0.1.0", severity=Severity.INFO)
def bias_before_batchnorm(call: LayerFed) -> Iterator[Finding]:
    """A batch normalisation subtracts the mean, and with it whatever was added to all samples."""
    if not call.layer.startswith("BatchNorm") or call.by_made is None or not call.alone:
        return
    if call.by_settings.get("bias") is not True:
        return
    off = replaced(call.by_bias, "False") if call.by_bias is not None else argument_added(call.by_made, "bias=False")
    yield Finding(
        call.by_made,
        f"the bias of `{call.by}` has no effect: `{call.layer}` takes the mean off right behind it and adds a bias "
        "of its own; make the layer with `bias=False`",
        fixes=fix("Make the layer without a bias", off),
    )
