"""TL301: a layer is given another number of channels than it was made for."""

from __future__ import annotations

from collections.abc import Iterator

from torchlint.facts import LayerCalled, TrailStep, trail
from torchlint.rule import Finding, Severity, rule


@rule(code="TL301", name="channel-mismatch", since="0.1.0", severity=Severity.ERROR)
def channel_mismatch(call: LayerCalled) -> Iterator[Finding]:
    """The channels of a layer's input are known, and not those that the layer was made for."""
    if call.given is None or call.given == call.expected:
        return
    steps = trail(call.input)
    unit = "features" if call.parameter in ("in_features", "input_size", "normalized_shape") else "channels"
    came = f": {steps[-1].note}" if steps else ""
    made = TrailStep(call.made, f"`{call.layer}` is made here with `{call.parameter}={call.expected}`")
    yield Finding(
        call.place,
        f"`{call.layer}` expects {call.expected} {unit} (`{call.parameter}`), but its input has {call.given}{came}",
        trail=(*steps, made),
    )
