"""TL324: an operation is given tensors whose sizes can never go together."""

from __future__ import annotations

from collections.abc import Iterator

from torchlint.facts import ShapesRefused, claims, render, trail
from torchlint.rule import Finding, Severity, rule

#: What is refused here; a layer's channels are TL301, its features TL302, a size that is used up TL306.
KINDS = frozenset({"sizes", "cat", "matmul", "view", "split", "einsum", "einops"})


def _claim(refused: ShapesRefused) -> claims.Claimed | None:
    """That the model raises an exception about shapes in this operation."""
    return claims.shapes_fail(refused) if refused.run is not None and refused.kind in KINDS else None


@rule(code="TL324", name="incompatible-shapes", since="0.1.0", severity=Severity.ERROR, claim=_claim)
def incompatible_shapes(refused: ShapesRefused) -> Iterator[Finding]:
    """Torch refuses the sizes, whatever those that are not known stand for."""
    if refused.kind not in KINDS or refused.text == "" or refused.guard:
        return  # two options of a program may exclude each other, and only its author knows
    shapes = [render(tensor.shape) for tensor in refused.tensors[:2] if tensor.shape is not None]
    given = " and ".join(shapes)
    yield Finding(
        refused.place,
        f"`{refused.text}` cannot be: {_why(refused)}{f' ({given})' if given else ''}; {_cure(refused)}",
        trail=trail(next((one for one in refused.tensors if one.trail is not None), None)),
    )


def _named(value: object) -> str:
    """A size, or a whole shape, as a person writes it."""
    if isinstance(value, tuple):
        return render(value)
    return "?" if value is None else str(value)


def _why(refused: ShapesRefused) -> str:
    left, right = _named(refused.left), _named(refused.right)
    where = "" if refused.dim is None else f" in dimension {refused.dim}"
    if refused.kind == "sizes":
        return f"one tensor has {left}{where}, the other {right}"
    if refused.kind == "cat":
        return f"the tensors have {left} and {right}{where}, along which they are not joined"
    if refused.kind == "matmul":
        return f"the first factor has {left} columns, the second {right} rows"
    if refused.kind == "view":
        return f"there are {left} elements, and {right} are asked for"
    if refused.kind == "split":
        return f"the parts are {right} in all, but there are {left}{where}"
    if refused.kind == "einsum":
        return f"one letter stands for {left} and for {right}"
    return f"{left} does not fit {right} under one name"


def _cure(refused: ShapesRefused) -> str:
    if refused.kind in ("sizes", "cat"):
        return "bring both to one size before, or change the layers that make them differ"
    if refused.kind == "matmul":
        return "transpose one of them, or change what makes its size"
    if refused.kind == "view":
        return "ask for the sizes that there are, or for −1 in one place"
    return "name the sizes that there are"
