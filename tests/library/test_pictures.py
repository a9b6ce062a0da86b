"""What is said of transforms, against the arithmetic that their libraries do, done here with torch and numpy.

The formulas are those of torchvision 0.28 (v2/functional/_misc.py: to_dtype_image; _functional_tensor.py: _blend;
functional.py: to_tensor, to_pil_image) and albumentations 2.0.8 (FromFloat).
"""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from torchlint.flow import pictures
from torchlint.flow.interval import Interval
from torchlint.flow.values import Meaning, Tensor

DTYPES = ("bool", "uint8", "int16", "int32", "float32", "float64")
RANGES: dict[str, list[tuple[float, float]]] = {
    "bool": [(0, 1)],
    "uint8": [(0, 255), (0, 1), (7, 200)],
    "int16": [(0, 255), (-5, 300), (0, 32767)],
    "int32": [(0, 255), (0, 2**31 - 1)],
    "float32": [(0, 1), (-1, 1), (0, 255), (-2.1, 2.6)],
    "float64": [(0, 1), (0, 0.5)],
}
CASES = [(dtype, ends) for dtype in DTYPES for ends in RANGES[dtype]]


def picture(dtype: str, ends: tuple[float, float], holder: str) -> Tensor:
    shape = (3, 16, 16) if holder == "tensor" else (16, 16, 3)
    layout = "CHW" if holder == "tensor" else "HWC"
    return Tensor(Interval(*ends), Meaning("image", scale="byte", layout=layout), dtype, shape, holder=holder)


def numbers(dtype: str, ends: tuple[float, float]) -> torch.Tensor:
    """A tensor whose ends are these."""
    draw = torch.rand(3, 16, 16, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    draw.flatten()[:2] = torch.tensor([0.0, 1.0])
    return (draw * (ends[1] - ends[0]) + ends[0]).to(getattr(torch, dtype))


def holds(said: Tensor | None, real: torch.Tensor) -> None:
    """Whether the real values lie where it is said, and reach the ends if that is said too."""
    assert said is not None
    assert said.dtype == str(real.dtype).removeprefix("torch.")
    assert said.range is not None
    low, high = real.min().item(), real.max().item()
    width = max(said.range.high - said.range.low, 1e-9)
    assert said.range.within(low, high, 0.0) or (low >= said.range.low - 1e-6 * width)
    assert high <= said.range.high + 1e-6 * width
    if said.range.tight:
        assert low <= said.range.low + 0.02 * width
        assert high >= said.range.high - 0.02 * width


def rescale(image: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """``to_dtype(image, dtype, scale=True)``."""
    greatest = {torch.bool: 1, torch.uint8: 255, torch.int16: 32767, torch.int32: 2**31 - 1}
    bits = {torch.uint8: 8, torch.int16: 15, torch.int32: 31}
    if image.dtype == dtype:
        return image
    if image.is_floating_point():
        if dtype.is_floating_point:
            return image.to(dtype)
        if image.dtype == torch.float32 and dtype == torch.int32:
            raise RuntimeError("cannot be performed safely")
        return image.mul(greatest[dtype] + 1.0 - 1e-3).to(dtype)
    if dtype.is_floating_point:
        return image.to(dtype).mul_(1.0 / greatest[image.dtype])
    if bits[image.dtype] > bits[dtype]:
        return image.bitwise_right_shift(bits[image.dtype] - bits[dtype]).to(dtype)
    return image.to(dtype).bitwise_left_shift_(bits[dtype] - bits[image.dtype])


@pytest.mark.parametrize(("case", "target"), list(itertools.product(CASES, DTYPES[1:])), ids=str)
def test_rescaling(case: tuple[str, tuple[float, float]], target: str) -> None:
    dtype, ends = case
    said = pictures.rescaled(picture(dtype, ends, "tensor"), target)
    try:
        real = rescale(numbers(dtype, ends), getattr(torch, target))
    except (KeyError, RuntimeError):
        assert said is None or said.range is None
        return
    holds(said, real)


@pytest.mark.parametrize("case", [c for c in CASES if c[0] in ("uint8", "float32", "float64")], ids=str)
def test_to_pil_image(case: tuple[str, tuple[float, float]]) -> None:
    dtype, ends = case
    array = numbers(dtype, ends).numpy()
    with np.errstate(invalid="ignore"):
        real = (array * 255).astype(np.int64).astype(np.uint8) if dtype != "uint8" else array
    settings = pictures.Settings(None, {})  # type: ignore[arg-type]
    holds(pictures.to_pil(settings, picture(dtype, ends, "tensor")), torch.from_numpy(real))


@pytest.mark.parametrize("case", CASES, ids=str)
def test_to_tensor(case: tuple[str, tuple[float, float]]) -> None:
    dtype, ends = case
    real = numbers(dtype, ends)
    holds(pictures.to_tensor(picture(dtype, ends, "numpy")), real.float().div(255) if dtype == "uint8" else real)


@pytest.mark.parametrize("antialias", [True, False])
@pytest.mark.parametrize("size", [5, 9, 31, 64, 100])
def test_cubic_interpolation_overshoots_so_far(size: int, antialias: bool) -> None:
    """Of all checkerboards of a few pixels, and of noise of 0 and 1."""
    draw = torch.Generator().manual_seed(0)
    boards = [torch.randint(0, 2, (1, 1, 32, 32), generator=draw).float() for _ in range(30)]
    line = torch.arange(32)
    boards += [((line // k)[:, None] + (line // k)[None, :]).remainder(2).float()[None, None] for k in (1, 2, 3, 8)]
    batch = torch.cat(boards)
    real = torch.nn.functional.interpolate(batch, (size, size), mode="bicubic", antialias=antialias)
    assert real.min() < -0.01
    assert real.max() > 1.01
    assert real.min() >= -pictures.OVERSHOOT["cubic"]
    assert real.max() <= 1 + pictures.OVERSHOOT["cubic"]


@pytest.mark.parametrize("ends", [(0.0, 1.0), (-1.0, 1.0), (0.0, 255.0)])
def test_jitter_of_floats_is_cut(ends: tuple[float, float]) -> None:
    """Brightness is a mean with black, cut to [0, 1] whatever the range was."""
    image = numbers("float32", ends)
    real = (1.4 * image + (1 - 1.4) * torch.zeros_like(image)).clamp(0, 1)
    assert (real.min().item(), real.max().item()) == (0.0, 1.0)


@pytest.mark.parametrize(
    ("expression", "dtype", "ends"),
    [
        ("a / 255", "float64", (0, 1)),
        ("a * 2", "uint8", (0, 254)),
        ("a + 1", "uint8", (0, 255)),
        ("a - 128", "uint8", (0, 255)),
        ("255 - a", "uint8", (0, 255)),
        ("a * 0.5", "float64", (0, 127.5)),
        ("a.astype(np.float32) - 128", "float32", (-128, 127)),
        ("(a / 255).astype(np.uint8)", "uint8", (0, 1)),
        ("(a / 255 * 255).astype(np.uint8)", "uint8", (0, 255)),
        ("(a > 100) * 255", "int64", (0, 255)),
        ("t / 255", "float32", (0, 1)),
        ("t * 2", "uint8", (0, 254)),
        ("t + 1", "uint8", (0, 255)),
        ("255 - t", "uint8", (0, 255)),
        ("t.float().mul(2).byte()", "uint8", (0, 254)),
        ("t.float().sub(10).to(torch.uint8)", "uint8", (0, 255)),
    ],
)
def test_bytes_are_counted_round(expression: str, dtype: str, ends: tuple[float, float]) -> None:
    """What the rows of tests/flow/test_transforms.py say of numpy and torch."""
    a = np.arange(256, dtype=np.uint8)
    real = eval(expression, {"a": a, "t": torch.from_numpy(a), "np": np, "torch": torch})
    assert str(real.dtype).removeprefix("torch.") == dtype
    assert (float(real.min()), float(real.max())) == ends
