"""TL215: an image with its channels last reaches a convolution, or a view exchanges axes without moving a number."""

from __future__ import annotations

from collections.abc import Iterator

from torchlint.facts import LayerCalled, ModelCalled, PixelStep, Reshaped, Shape, Tensor, claims, history, render, trail
from torchlint.rule import Finding, Fix, Severity, fix, rule, unwrapped, wrapped

#: What the last layer of a network gives.
SCORES = frozenset({"logits", "probability", "distribution", "log-distribution", "log-probability"})

#: Functions that make a tensor of an array.
TENSORS = frozenset({"from_numpy", "tensor", "as_tensor", "Tensor", "FloatTensor"})


def _claim(call: LayerCalled | ModelCalled | Reshaped) -> claims.Claimed | None:
    """That a layer refuses an image with its channels last, or that a view mixes the axes up that it exchanges."""
    if isinstance(call, Reshaped):
        meaning, given, result = call.input.meaning, call.input.shape, call.result.shape
        if meaning is None or meaning.kind not in SCORES or call.input.grad != "attached":
            return None
        alike = given is not None and result is not None and len(given) == len(result)
        return claims.axes_mixed(call.result, call.input, call.input_at) if alike else None
    if call.fault is None:
        return None
    if call.fault.kind == "misplaced":
        return claims.shapes_fail(call)
    step = call.fault.step
    if call.fault.kind != "scrambled" or step is None or step.before is None or step.after is None:
        return None
    return claims.axes_mixed(step.after, step.before, step.at)


@rule(code="TL215", name="channels-last-into-conv", since="0.1.0", severity=Severity.ERROR, claim=_claim)
def channels_last_into_conv(call: LayerCalled | ModelCalled | Reshaped) -> Iterator[Finding]:
    """Data of height, width and channels are taken for channels, height and width; scores for each class likewise."""
    if isinstance(call, Reshaped):
        yield from _exchanged(call)
        return
    if call.fault is None:
        return
    taker = f"`{call.layer}`" if isinstance(call, LayerCalled) else f"`{call.model}`"
    if call.fault.kind == "scrambled" and call.fault.step is not None:
        yield from _scrambled(call.fault.step, call.input, taker)
    elif call.fault.kind == "misplaced":
        steps = history(call.input)
        made = next((step for step in steps if step.does in TENSORS and step.before is not None), None)
        yield Finding(
            call.place if made is None else made.place,
            f"the image has its channels last ({render(call.input.shape)}) where it reaches {taker}, which takes "
            f"dimension {_dimension(call.input.shape)} for them: `permute` it to channels first",
            trail=trail(call.input),
            fixes=() if made is None else _permuted(made),
        )


def _exchanged(view: Reshaped) -> Iterator[Finding]:
    """What a layer gave has the sizes of the same axes in another order."""
    meaning = view.input.meaning
    if view.exchanged is None or meaning is None or meaning.kind not in SCORES or view.input.grad != "attached":
        return
    old, new = view.exchanged
    yield Finding(
        view.place,
        f"`{view.text}` makes {render(view.result.shape)} of {render(view.axes)} without moving a number: "
        f"what was {render(old)} is not turned to {render(new)} but mixed up; keep the sizes in order, then `permute`",
        trail=trail(view.input),
    )


def _scrambled(step: PixelStep, image: Tensor, taker: str) -> Iterator[Finding]:
    assert step.before is not None and step.after is not None
    before, after = step.before.shape, step.after.shape
    yield Finding(
        step.at,
        f"`{step.does}` makes {render(after)} of {render(before)} without moving a number: rows and colours are "
        f"mixed where {taker} expects channels; move the axis with {_moving(step)}",
        trail=trail(image),
        fixes=_moved(step),
    )


def _dimension(shape: Shape) -> int:
    return 0 if shape is None or len(shape) == 3 else 1


def _order(shape: Shape) -> str:
    return "2, 0, 1" if shape is None or len(shape) == 3 else "0, 3, 1, 2"


def _moving(step: PixelStep) -> str:
    assert step.before is not None
    verb = "permute" if step.before.holder == "tensor" else "transpose"
    return f"`{verb}({_order(step.before.shape)})`"


def _moved(step: PixelStep) -> tuple[Fix, ...]:
    """The axis moved instead, with a dimension in front if the reshape gave one."""
    assert step.before is not None and step.after is not None
    before, after = step.before.shape, step.after.shape
    if before is None or after is None or len(after) < len(before):
        return ()
    verb = "permute" if step.before.holder == "tensor" else "transpose"
    front = "[None]" if len(after) > len(before) else ""
    return fix(
        f"use `{verb}`",
        unwrapped(step.at, step.operand, "", f".{verb}({_order(before)}){front}"),
    )


def _permuted(made: PixelStep) -> tuple[Fix, ...]:
    assert made.before is not None
    shape = made.before.shape
    if shape is None or len(shape) not in (3, 4):
        return ()
    return fix("permute to channels first", wrapped(made.place, "", f".permute({_order(shape)})"))
