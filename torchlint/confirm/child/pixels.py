"""Checks on pictures and other data that no model has touched: what transforms make of them.

A pipeline has no weights, and its pictures can hold every level there is: what is seen of it is *measured*, on pictures
of every level, of black and of white.

Worked example: "what `ToTensor` and a division by 255 make lies in [0, 0.01]": of a picture with every level come
numbers from 0 to 0.0039: confirmed, measured.
"""

from __future__ import annotations

from itertools import permutations
from typing import Any

import torch
from replay import Bench, Take, UndecidedError
from verdicts import BEYOND, INF, Verdict, ends, tensor_of, undecided, verdict

#: Pictures that show what a pipeline may give.
PICTURES = ("levels", "black", "white", "halves")


def has_weights(bench: Bench) -> bool:
    """Whether a model, or a layer outside of one, is called among the steps."""
    return any(
        node["type"] == "model"
        or (node["type"] == "op" and node["made"] is not None and node["library"].startswith("torch.nn."))
        for node in bench.steps
    )


def measured_range(step: int, low: float, high: float, bench: Bench) -> Verdict:
    """Of a step without weights: ``outside`` [low, high] with a witness, or ``inside`` as far as it was measured."""
    least, greatest, value = INF, -INF, None
    for number, what in enumerate(PICTURES):
        value = tensor_of(Take(bench, number, picture=what), step)
        bottom, top = ends(value)
        least, greatest = min(least, bottom), max(greatest, top)
    if least > greatest:
        raise UndecidedError("unsupported")
    numbers = {"min": least, "max": greatest, "low": low, "high": high}
    if least < low - BEYOND or greatest > high + BEYOND:
        return verdict("confirmed", "witness", "outside", value, **numbers)
    return verdict("confirmed", "measured", "measured-inside", value, **numbers)


def wraps(check: dict[str, Any], bench: Bench) -> Verdict:
    """Values beyond the bytes; where a function of torchvision makes bytes of them, what that makes of them."""
    low, high = INF, -INF
    value = None
    for number, what in enumerate(PICTURES):
        value = tensor_of(Take(bench, number, picture=what), check["value"])
        bottom, top = ends(value)
        low, high = min(low, bottom), max(high, top)
        scaled = value.double() * check["scale"]
        if not bool(((scaled < -1) | (scaled > 256)).any()):
            continue
        pixels = _pixels(value, check["scale"])
        wrong = (pixels.double() - scaled.clamp(0, 255)).abs().flatten()
        worst = int(wrong.argmax())
        if float(wrong[worst]) > 1:
            seen = {"held": float(value.flatten()[worst]), "pixel": float(pixels.flatten()[worst])}
            return verdict("confirmed", "witness", "wrapped", value, min=bottom, max=top, **seen)
    return undecided("stayed", value, min=low, max=high)


def _pixels(value: Any, scale: float) -> Any:
    """The bytes that a picture becomes: by torchvision, or by arithmetic on bytes, which keeps the last eight bits."""
    if scale == 1.0:
        return value.double().round().remainder(256)
    try:
        from torchvision.transforms.functional import pil_to_tensor, to_pil_image
    except Exception:
        raise UndecidedError("package", "torchvision") from None
    pictures = value if value.dim() == 4 else value[None]
    return torch.stack([pil_to_tensor(to_pil_image(one)) for one in pictures]).reshape(value.shape)


def new_values(check: dict[str, Any], bench: Bench) -> Verdict:
    """Numbers between the two that a picture holds confirm."""
    take = Take(bench, 0, picture="halves")
    source, value = tensor_of(take, check["source"]), tensor_of(take, check["value"])
    held = source.double().unique()
    if held.numel() < 2:
        raise UndecidedError("unsupported")
    numbers = value.double().flatten()
    distance = (numbers[:, None] - held[None, :]).abs().min(dim=1).values
    between = (numbers > held.min()) & (numbers < held.max()) & (distance > BEYOND)
    if bool(between.any()):
        return verdict("confirmed", "witness", "new-values", value, count=int(between.sum()), held=held.numel())
    return undecided("no-new-values", value, held=held.numel())


def pixels_differ(check: dict[str, Any], bench: Bench) -> Verdict:
    """Other numbers in the middle of the same picture of one colour confirm."""
    for number, what in enumerate(("black", "white", "grey")):
        take = Take(bench, number, picture=what)
        one, other = (_middle(tensor_of(take, check[name])) for name in ("value", "other"))
        gap = abs(one - other)
        if gap > 10 * BEYOND:
            return verdict("confirmed", "witness", "pixels-differ", None, one=one, other=other)
    return undecided("pixels-same")


def _middle(value: Any) -> float:
    """The first channel's number in the middle of a picture, channels first or last, alone or in a batch."""
    numbers = value.double()
    while numbers.dim() > 3:
        numbers = numbers[0]
    if numbers.dim() == 3:
        numbers = numbers[..., 0] if numbers.shape[2] in (1, 3, 4) and numbers.shape[0] not in (1, 3, 4) else numbers[0]
    if numbers.dim() != 2:
        raise UndecidedError("unsupported")
    return float(numbers[numbers.shape[0] // 2, numbers.shape[1] // 2])


def axes_mixed(check: dict[str, Any], bench: Bench) -> Verdict:
    """The same numbers, which no permutation of the axes puts where they are, confirm."""
    take = Take(bench, 0)
    source, value = tensor_of(take, check["source"]), tensor_of(take, check["value"])
    if sorted(source.shape) != sorted(value.shape) or source.dim() > 6 or source.numel() > 1 << 20:
        return undecided("unsupported", value)
    if not torch.equal(source.flatten().sort().values, value.flatten().sort().values):
        return undecided("unsupported", value)
    orders = list(permutations(range(source.dim())))
    same = [order for order in orders if [source.shape[axis] for axis in order] == list(value.shape)]
    if any(torch.equal(source.permute(order), value) for order in same):
        return verdict("refuted", "witness", "axes-kept", value)
    return verdict("confirmed", "witness", "axes-mixed", value)
