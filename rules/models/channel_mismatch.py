"""TL301: a layer is given another number of channels than it was made for."""

from __future__ import annotations

from collections.abc import Iterator

from torchlint.facts import LayerCalled, TrailStep, claims, trail
from torchlint.rule import Finding, Severity, fix, replaced, rule


def _claim(call: LayerCalled) -> claims.Claimed | None:
    """That the model raises an exception about shapes in this layer."""
    return claims.shapes_fail(call)


@rule(code="TL301", name="channel-mismatch", since="0.1.0", severity=Severity.ERROR, claim=_claim)
def channel_mismatch(call: LayerCalled) -> Iterator[Finding]:
    """The channels of a layer's input are known, and not those that the layer was made for."""
    if call.given is None or call.given == call.expected or call.fault is not None or call.features:
        return  # what a flatten gives is TL302
    steps = trail(call.input)
    unit = "features" if call.parameter in ("in_features", "input_size", "normalized_shape") else "channels"
    came = next((f": {step.note}" for step in reversed(steps) if _has(step.note, call.given)), "")
    made = TrailStep(call.made, f"`{call.layer}` is made here with `{call.parameter}={call.expected}`")
    yield Finding(
        call.place,
        f"`{call.layer}` expects {call.expected} {unit} (`{call.parameter}`), but its input has {call.given}{came}",
        trail=(*steps, made),
        fixes=fix(f"Make the layer for {call.given} {unit}", replaced(call.number_at, str(call.given))),
    )


def _has(note: str, size: int) -> bool:
    """Whether a step's note tells a shape in which this size occurs."""
    shape = note.rpartition(" ")[2]
    return "×" in shape and str(size) in shape.split("×")
