"""What torch's losses do with targets of every dtype and shape, against what their contracts say."""

from __future__ import annotations

import os
import warnings
from typing import Any

import pytest

if os.environ.get("CI"):
    import torch  # a missing torch must fail there, never skip
else:
    torch = pytest.importorskip("torch")

from tests.library.test_contracts import LOSSES, loss_inputs, resolve
from torchlint.flow.library.tables import Loss

#: Losses that are given something else than an output and a target.
OTHERS = frozenset({"ctc", "cosine-embedding", "margin-ranking", "triplet"})

DTYPES = ("bool", "uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64")
FLOATS = frozenset({"float16", "float32", "float64"})
NUMBERS = frozenset(DTYPES) - {"bool"}

#: The dtypes that each word of `target_dtype` stands for, where the output is float32 with two dimensions.
TAKEN = {
    "float": FLOATS, "input": frozenset({"float32"}), "number": NUMBERS, "int64": frozenset({"int64"}),
    "index": frozenset({"int32", "int64"}), "class-id": frozenset({"uint8", "int64"}), "": frozenset(DTYPES),
}  # fmt: skip


def works(loss: Any, output: Any, target: Any, *rest: Any) -> bool:
    """Whether a loss gives a number and its gradient."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            loss(output, target, *rest).backward()
        except (RuntimeError, ValueError, IndexError):
            return False
    return True


def made(row: Loss) -> tuple[Any, Any, Any, tuple[Any, ...]]:
    """The loss, an output that needs a gradient, a target, and what else the call takes."""
    torch.manual_seed(1)
    if row.family == "adaptive-softmax":
        layer = torch.nn.AdaptiveLogSoftmaxWithLoss(4, 9, [5])
        return lambda x, y: layer(x, y).loss, torch.randn(4, 4, requires_grad=True), torch.zeros(4), ()
    loss = resolve(row.name)()
    if row.family == "gaussian-nll":
        return loss, torch.randn(4, 3, requires_grad=True), torch.ones(4, 3), (torch.ones(4, 3),)
    output, target = loss_inputs(row)
    return loss, output.detach().requires_grad_(), target, ()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("row", [r for r in LOSSES if r.family not in OTHERS], ids=lambda r: r.name)
def test_dtypes(row: Loss, dtype: str) -> None:
    loss, output, target, rest = made(row)
    taken = works(loss, output, target.to(getattr(torch, dtype)), *rest)
    assert taken == (dtype in TAKEN[row.target_dtype])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("row", [r for r in LOSSES if r.target_dtype == "class-id"], ids=lambda r: r.name)
def test_dtypes_of_maps_of_class_ids(row: Loss, dtype: str) -> None:
    """Where the output has more dimensions, bytes are refused too."""
    output = torch.randn(2, 3, 5, 5, requires_grad=True)
    taken = works(resolve(row.name)(), output, torch.zeros(2, 5, 5, dtype=getattr(torch, dtype)))
    assert taken == (dtype == "int64")


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("row", [r for r in LOSSES if r.target_dtype == "class-id"], ids=lambda r: r.name)
def test_dtypes_of_probabilities(row: Loss, dtype: str) -> None:
    """A target of the output's shape holds probabilities, if the loss takes them, and never integers."""
    output = torch.randn(4, 3, requires_grad=True)
    taken = works(resolve(row.name)(), output, torch.ones(4, 3, dtype=getattr(torch, dtype)))
    assert taken == (row.target_distribution and dtype in FLOATS)


PAIRS: list[tuple[tuple[int, ...], tuple[int, ...]]] = [
    ((4, 1), (4,)), ((4,), (4, 1)), ((4, 1, 5, 5), (4, 5, 5)), ((4, 1), (4, 3)), ((4, 3), (4, 1)), ((4,), (1,)),
]  # fmt: skip


@pytest.mark.parametrize("row", [r for r in LOSSES if r.same_shape], ids=lambda r: r.name)
def test_other_shapes(row: Loss) -> None:
    """Without `broadcasts` every other shape is refused; with it at least one is taken."""
    if row.family in ("gaussian-nll", "multilabel-margin"):
        return
    loss = resolve(row.name)()
    taken = {pair: works(loss, torch.rand(pair[0], requires_grad=True), torch.rand(pair[1])) for pair in PAIRS}
    assert any(taken.values()) == row.broadcasts, taken


@pytest.mark.parametrize("row", [r for r in LOSSES if r.per_class], ids=lambda r: r.name)
def test_class_ids_lack_the_class_dimension(row: Loss) -> None:
    loss, output = resolve(row.name)(), torch.randn(4, 3, requires_grad=True)
    assert works(loss, output, torch.zeros(4, dtype=torch.int64))
    for other in ((4, 1), (4, 3), (3,), (1, 4)):
        assert not works(loss, output, torch.zeros(other, dtype=torch.int64))
    if row.family != "multi-margin":
        maps = torch.randn(4, 3, 5, 5, requires_grad=True)
        assert works(loss, maps, torch.zeros(4, 5, 5, dtype=torch.int64))
        for shape in ((4, 1, 5, 5), (4, 5), (4, 6, 5)):
            assert not works(loss, maps, torch.zeros(shape, dtype=torch.int64))
