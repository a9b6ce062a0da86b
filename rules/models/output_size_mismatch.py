"""TL303: the spatial size of a model's output can never be that of the target."""

from __future__ import annotations

from collections.abc import Iterator

from torchlint.facts import Dim, LossCalled, Shape, claims, differs, render, trail
from torchlint.rule import Finding, Severity, rule

Size = tuple[Dim, ...]

#: Losses that compare output and target value by value.
ELEMENTWISE = frozenset({"bce", "bce-with-logits", "mse", "l1", "smooth-l1", "huber"})

#: Losses whose target lacks the class dimension of the output, unless it holds probabilities.
PER_CLASS = frozenset({"cross-entropy", "nll"})


def _claim(call: LossCalled) -> claims.Claimed | None:
    """That the loss refuses the sizes of output and target."""
    sizes = _compared(call)
    return None if sizes is None else claims.loss_fails(call, "shape", known=bool(_differing(*sizes)))


@rule(code="TL303", name="output-size-mismatch", since="0.1.0", severity=Severity.ERROR, claim=_claim)
def output_size_mismatch(call: LossCalled) -> Iterator[Finding]:
    """Output and target of a loss differ in their spatial size, whatever the input's size is."""
    sizes = _compared(call)
    if sizes is None or not (pairs := _differing(*sizes)):
        return
    output, target = sizes
    smaller = all(isinstance(a, int) and isinstance(b, int) and a < b for a, b in pairs)
    layers = "pad the layers that shrink it" if smaller else "make the layers keep the size"
    given_text = f"`{call.input_text}`" if call.input_text else "its input"
    target_text = f"`{call.target_text}`" if call.target_text else "a target"
    yield Finding(
        call.place,
        f"`{call.loss}` compares {given_text} of size {render(output)} with {target_text} of size "
        f"{render(target)}; {layers}, or crop or resize one to the other",
        trail=trail(call.input),
    )


def _compared(call: LossCalled) -> tuple[Size, Size] | None:
    """The spatial sizes that a loss compares, where its output has dimension 1 for the classes."""
    if call.input is None or call.target is None or (call.misfit is not None and call.misfit.kind == "last"):
        return None
    return _spatial(call.family, call.input.shape, call.target.shape)


def _differing(output: Size, target: Size) -> list[tuple[Dim, Dim]]:
    """The pairs of sizes that differ whatever their symbols stand for, and are not broadcast."""
    return [(a, b) for a, b in zip(output, target, strict=True) if a != 1 and b != 1 and differs(a, b)]


def _spatial(family: str, output: Shape, target: Shape) -> tuple[Size, Size] | None:
    """The dimensions after batch and channels of both, if they are to be equal."""
    if output is None or target is None or len(output) < 3:
        return None
    if family in ELEMENTWISE:
        return (output[2:], target[2:]) if len(output) == len(target) else None
    if family in PER_CLASS:
        if len(target) == len(output) - 1:
            return output[2:], target[1:]
        if family == "cross-entropy" and len(target) == len(output):
            return output[2:], target[2:]
    return None
