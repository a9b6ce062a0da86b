"""TL306: a window is larger than what is left of the picture."""

from __future__ import annotations

from collections.abc import Iterator

from torchlint.facts import ShapesRefused, Tensor, claims, render, trail
from torchlint.rule import Finding, Severity, rule


def _claim(refused: ShapesRefused) -> claims.Claimed | None:
    """That the model raises an exception about shapes in this layer."""
    return claims.shapes_fail(refused) if refused.run is not None and refused.kind == "empty" else None


@rule(code="TL306", name="size-collapses", since="0.1.0", severity=Severity.ERROR, claim=_claim)
def size_collapses(refused: ShapesRefused) -> Iterator[Finding]:
    """Earlier layers have shrunk the picture so far that no window of this one fits into it."""
    if refused.kind != "empty":
        return
    given = refused.tensors[0] if refused.tensors else None
    left = render(given.shape) if given is not None else "?"
    yield Finding(
        refused.place,
        f"`{refused.text}` has no window that fits into {left}{_picture(refused)}: {_numbers(refused)}; shrink it less "
        "often before, or give the model larger pictures",
        trail=trail(given),
    )


def _numbers(refused: ShapesRefused) -> str:
    if isinstance(refused.left, tuple) or isinstance(refused.right, tuple) or refused.right is None:
        return "its output would be empty"
    return f"{refused.left} is left, and the window takes {refused.right}"


def _picture(refused: ShapesRefused) -> str:
    """What the model was given."""
    inputs = () if refused.run is None else refused.run.inputs
    shape = next((one.shape for one in inputs if isinstance(one, Tensor) and one.shape), None)
    return "" if shape is None else f", for an input of {render(shape)}"
