"""TL114: a target of a dtype that the loss refuses."""

from __future__ import annotations

from collections.abc import Iterator

from torchlint.facts import LossCalled, Tensor, claims, render, trail
from torchlint.rule import Finding, Severity, fix, rule, wrapped

FLOATS = frozenset({"float", "float16", "bfloat16", "float32", "float64"})
INTEGERS = frozenset({"uint8", "int8", "int16", "int32", "int64"})

#: What gives integers or booleans that a program may not expect, in words.
ORIGINS = {
    "one_hot": "`one_hot` gives integers",
    "argmax": "`argmax` gives integers",
    "eq": "a comparison gives booleans",
    "ne": "a comparison gives booleans",
    "gt": "a comparison gives booleans",
    "ge": "a comparison gives booleans",
    "lt": "a comparison gives booleans",
    "le": "a comparison gives booleans",
}


def _claim(call: LossCalled) -> claims.Claimed | None:
    """That the loss refuses a target of this dtype."""
    target = call.target
    if target is None or target.dtype is None or target.holder != "tensor" or call.caught:
        return None
    if call.form.dtype == "class-id" and call.form.distribution and target.dtype in FLOATS and target.shape is None:
        return None  # which may hold probabilities
    return None if call.turned else claims.loss_fails(call, "dtype")


@rule(code="TL114", name="loss-target-dtype", since="0.1.0", severity=Severity.ERROR, claim=_claim)
def loss_target_dtype(call: LossCalled) -> Iterator[Finding]:
    """The dtype of the target is known, and the loss does not take it."""
    target = call.target
    if (
        target is None
        or call.turned
        or call.caught
        or target.dtype not in FLOATS | INTEGERS | {"bool"}
        or target.holder != "tensor"
    ):
        return
    misfit = call.misfit
    if call.classes == 1 or (misfit is not None and (misfit.kind != "per-class" or not call.form.distribution)):
        return
    words, method = _ids(call, target) if call.form.dtype == "class-id" else _values(call, target)
    if words:
        yield Finding(
            call.place,
            f"{call.title} {words}; use `{call.changed_text(method)}`",
            trail=trail(target),
            fixes=fix(f"convert the target with `{method}`", wrapped(call.target_at, "", method), safe=True),
        )


def _ids(call: LossCalled, target: Tensor) -> tuple[str, str]:
    """A loss that takes class ids: what is wrong, and the method that mends it."""
    shape = f" of shape {render(target.shape)}" if target.shape is not None else ""
    if target.dtype in FLOATS:
        if call.form.distribution and not _surely_ids(call, target):
            return "", ""
        return f"takes class ids of int64, but {call.wanted_text}{shape} is {_dtype(target)}", ".long()"
    if call.misfit is not None:
        return (
            f"takes a target of the output's shape for probabilities, in floats, but {call.wanted_text}{shape} is "
            f"{_dtype(target)}{_because(target)}",
            ".float()",
        )
    rank = None if call.input is None or call.input.shape is None else len(call.input.shape)
    if target.dtype == "int64" or (target.dtype == "uint8" and (rank is None or rank <= 2)):
        return "", ""
    return f"takes class ids of int64, but {call.wanted_text} is {_dtype(target)}{_because(target)}", ".long()"


def _surely_ids(call: LossCalled, target: Tensor) -> bool:
    """Whether a target of floats cannot be taken for probabilities, which have the output's shape."""
    output = call.input
    if target.shape is None or output is None:
        return False
    if output.shape is not None:
        return len(target.shape) == len(output.shape) - 1
    return output.last is not None and len(target.shape) == 1 and not isinstance(target.shape[0], int | None)


def _values(call: LossCalled, target: Tensor) -> tuple[str, str]:
    """Any other loss."""
    wanted, given = call.form.dtype, target.dtype
    if wanted in ("float", "input") and given not in FLOATS:
        return f"needs a target of floats, but {call.wanted_text} is {given}{_because(target)}", ".float()"
    if wanted == "input" and given == "float64" and call.input is not None and call.input.dtype == "float32":
        return f"needs a target of its input's dtype, float32, but {call.wanted_text} is float64", ".float()"
    if wanted == "number" and given == "bool":
        return f"cannot compute with booleans, as {call.wanted_text} is{_because(target)}", ".float()"
    if wanted == "int64" and given != "int64":
        return f"takes class ids of int64, but {call.wanted_text} is {_dtype(target)}", ".long()"
    if wanted == "index" and given not in ("int32", "int64"):
        return f"takes class ids of int64, but {call.wanted_text} is {_dtype(target)}", ".long()"
    return "", ""


def _dtype(target: Tensor) -> str:
    return "a tensor of floats" if target.dtype == "float" else str(target.dtype)


def _because(target: Tensor) -> str:
    """Where the dtype comes from, if the program may not expect it."""
    step: Tensor = target
    for _ in range(20):
        via = step.via
        if via is None:
            return ""
        if via.op in ORIGINS:
            return f": {ORIGINS[via.op]}"
        if via.op == "full":
            return ": `torch.full` takes the dtype of the number that it is filled with"
        inner = via.arguments.get("input")
        if not isinstance(inner, Tensor) or inner.dtype != target.dtype:
            return ""
        step = inner
    return ""
