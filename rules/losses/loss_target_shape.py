"""TL115: a target of a shape that the loss refuses, or broadcasts against the output."""

from __future__ import annotations

from collections.abc import Iterator

from torchlint.facts import Dim, LossCalled, Misfit, claims, differs, render, trail
from torchlint.rule import Finding, Fix, Severity, fix, rule, wrapped


def _claim(call: LossCalled) -> claims.Claimed | None:
    """That the loss refuses a target of this shape, or broadcasts it."""
    if call.target is None or call.caught or call.turned:
        return None
    return claims.loss_fails(call, "shape", known=call.misfit is not None)


@rule(code="TL115", name="loss-target-shape", since="0.1.0", severity=Severity.ERROR, claim=_claim)
def loss_target_shape(call: LossCalled) -> Iterator[Finding]:
    """The shapes of output and target do not fit, whatever their unknown sizes are."""
    misfit = call.misfit
    if misfit is None or call.classes == 1 or _spoken_of(call, misfit):
        return
    words = _ids(call, misfit) if call.form.per_class else _values(call, misfit)
    yield Finding(call.place, words, trail=trail(call.input), fixes=_fixes(call, misfit))


def _spoken_of(call: LossCalled, misfit: Misfit) -> bool:
    """Whether another rule speaks of it, or it does not matter."""
    if misfit.kind == "classes" or (misfit.kind == "per-class" and call.form.distribution):
        return True
    if call.caught and misfit.kind not in ("outer", "single"):
        return True
    if not call.form.broadcasts:
        return False
    for tensor in (call.input, call.target):
        assert tensor is not None
        if tensor.meaning is not None and tensor.meaning.kind == "class-index":
            return True
        if tensor.range is not None and tensor.range.low == tensor.range.high:
            return misfit.kind != "incompatible"  # the mean over more pairs of the same number is the same
    return False


def _shown(shape: tuple[Dim, ...]) -> str:
    return "(?)" if shape == (None,) else render(shape)


def _ids(call: LossCalled, misfit: Misfit) -> str:
    """A loss that takes class ids."""
    output, target = _shown(misfit.output), _shown(misfit.target)
    if misfit.kind == "flat":
        return (
            f"{call.title} needs a dimension for classes, but {call.given_text} has one value a sample, {output}; use "
            "a loss on single scores such as `BCEWithLogitsLoss`, or an output for each class"
        )
    ids = _shown((misfit.output[0], *misfit.output[2:]))
    given = f"{call.wanted_text} has shape {target}"
    cure = "give one class id for each"
    if misfit.kind == "unit":
        cure = f"use `{call.changed_text('.squeeze(1)')}`"
    elif misfit.kind == "last":
        ids = _shown(misfit.target)
        return (
            f"{call.title} takes dimension 1 for the classes, but {call.given_text} of shape {output} has them in the "
            f"last one: {call.wanted_text} has shape {ids}; flatten both to one row for each class id, or move the "
            "classes to dimension 1"
        )
    elif misfit.kind == "per-class":
        cure = "give class ids, such as `argmax(dim=1)` of it"
    elif misfit.kind == "batch":
        cure = "give as many targets as outputs"
    return f"{call.title} takes class ids of shape {ids} for {call.given_text} of shape {output}, but {given}; {cure}"


def _values(call: LossCalled, misfit: Misfit) -> str:
    """A loss that compares value by value."""
    output, target = _shown(misfit.output), _shown(misfit.target)
    shapes = f"{call.given_text} has shape {output} and {call.wanted_text} {target}"
    if misfit.kind == "outer":
        return (
            f"{call.title} compares every value with those of other samples: {shapes}, which broadcast to "
            f"{_shown(misfit.broadcast)}; {_cure(call, misfit)}"
        )
    if misfit.kind == "single":
        return (
            f"{call.title} compares one output with {misfit.target[1]} values: {shapes}; give the model's last layer "
            f"{misfit.target[1]} outputs"
        )
    if misfit.kind == "incompatible":
        return f"{call.title} cannot compare these shapes: {shapes}; {_cure(call, misfit)}"
    return f"{call.title} refuses shapes that differ: {shapes}; {_cure(call, misfit)}"


def _method(misfit: Misfit) -> str:
    """The call that gives the target the output's shape, if one does."""
    output, target = misfit.output, misfit.target
    if misfit.kind == "unit":
        return ".squeeze(1)"
    if misfit.kind in ("outer", "refused"):
        if len(output) == len(target) + 1:
            return next((f".unsqueeze({i})" for i in (1, 0) if _fits(_with(target, i), output)), "")
        if len(target) == len(output) + 1:
            return next((f".squeeze({i})" for i in (1, 0) if _fits(_with(output, i), target)), "")
    return ""


def _with(shape: tuple[Dim, ...], at: int) -> tuple[Dim, ...]:
    return (*shape[:at], 1, *shape[at:])


def _fits(shape: tuple[Dim, ...], other: tuple[Dim, ...]) -> bool:
    """Whether two shapes are the same as far as they are known, and 1 in the same places."""
    pairs = zip(shape, other, strict=True)
    return all((a == 1) == (b == 1) and not differs(a, b) for a, b in pairs)


def _cure(call: LossCalled, misfit: Misfit) -> str:
    method = _method(misfit)
    if method:
        return f"use `{call.changed_text(method)}`"
    return "give both the same shape"


def _fixes(call: LossCalled, misfit: Misfit) -> tuple[Fix, ...]:
    method = _method(misfit)
    if not method:
        return ()
    title = f"give the target the shape {'of class ids' if misfit.kind == 'unit' else 'of the output'}"
    return fix(title, wrapped(call.target_at, "", method), safe=misfit.kind != "outer")
