"""Operators and subscripts against the real ones, and what they do to meanings, trails and gradients."""

from __future__ import annotations

import operator
import os
from collections.abc import Callable
from typing import Any

import pytest

if not os.environ.get("CI"):
    pytest.importorskip("torch")  # a missing torch must fail in CI, never skip

import numpy as np
import torch

from tests.library.abstraction import PLACE, abstract, forget, lies
from tests.library.samples import ints, make, pairs
from tests.library.test_contracts import CONTRACTS, FORGOTTEN
from torchlint.flow.interval import REAL, UNIT, Interval
from torchlint.flow.library.apply import (
    ELLIPSIS,
    SliceIndex,
    apply,
    apply_module,
    attribute,
    binary,
    iterate,
    length,
    subscript,
    unary,
)  # fmt: skip
from torchlint.flow.library.tables import Module
from torchlint.flow.shape import Linear, symbol
from torchlint.flow.values import (
    NONE,
    UNKNOWN,
    Const,
    Library,
    List,
    Meaning,
    Number,
    Place,
    Run,
    Tensor,
    Trail,
    Tuple,
    Unknown,
    Value,
    make_list,
)  # fmt: skip

BINARY: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv, "//": operator.floordiv,
    "%": operator.mod, "**": operator.pow, "@": operator.matmul, "<": operator.lt, "<=": operator.le,
    ">": operator.gt, ">=": operator.ge, "==": operator.eq, "!=": operator.ne, "&": operator.and_, "|": operator.or_,
    "^": operator.xor,
}  # fmt: skip


def real_result(op: str, left: Any, right: Any) -> Any:
    """The real result; None if torch refuses it."""
    try:
        with np.errstate(all="ignore"):
            return BINARY[op](left, right)
    except (RuntimeError, TypeError, ArithmeticError, ValueError):
        return None


@pytest.mark.parametrize("op", BINARY)
def test_binary(op: str) -> None:
    torch.manual_seed(1)
    ran = 0
    both = [*pairs(), *[(b, a) for a, b in pairs()], (make(2, 3, 5), make(5, 7)), (make(3, 5), make(5))]
    for left, right in both:
        real = real_result(op, left, right)
        if not isinstance(real, torch.Tensor):
            continue
        ran += 1
        for what in FORGOTTEN:
            if what == "dtype" and any(isinstance(v, torch.Tensor) and v.dtype == torch.uint8 for v in (left, right)):
                continue  # bytes of an unknown dtype are assumed not to wrap around
            a = forget(abstract(left), what)
            b = a if left is right else forget(abstract(right), what)
            value = binary(op, a, b, PLACE, "sample")
            assert not lies(value, real), f"{left} {op} {right} without {what}"
    assert ran > 2


@pytest.mark.parametrize("op", BINARY)
def test_binary_of_arrays(op: str) -> None:
    arrays: list[Any] = [np.random.default_rng(1).normal(size=(3, 5)), np.arange(15, dtype=np.uint8).reshape(3, 5),
                         np.arange(1, 16).reshape(3, 5), np.ones((3, 5), np.float32)]  # fmt: skip
    for left in arrays:
        for right in [*arrays, 2, 255.0, 0.5, -1]:
            real = real_result(op, left, right)
            if not isinstance(real, np.ndarray) or (op in "&|^" and isinstance(right, int) and right < 0):
                continue
            value = binary(op, abstract(left), abstract(right), PLACE, "sample")
            assert not lies(value, real), f"{left.dtype} {op} {right}"


@pytest.mark.parametrize(("op", "real"), [("-", operator.neg), ("+", operator.pos), ("~", operator.invert)])
def test_unary(op: str, real: Callable[[Any], Any]) -> None:
    for x in (make(2, 3), ints(3), ints(3, low=0, high=255, dtype=torch.uint8), make(3) > 0, make(3).requires_grad_()):
        try:
            result = real(x)
        except (RuntimeError, TypeError):
            continue
        for what in ("", "range", "shape", "sizes", "all"):
            assert not lies(unary(op, forget(abstract(x), what), PLACE, "sample"), result)


S = SliceIndex
C = Const
INDICES: list[tuple[Any, Value]] = [
    (0, C(0)), (-1, C(-1)), (slice(None), S()), (slice(1, None), S(C(1))), (slice(None, -1), S(None, C(-1))),
    (slice(0, 2), S(C(0), C(2))), (slice(None, None, 2), S(None, None, C(2))), (slice(1, 9), S(C(1), C(9))),
    (None, NONE), (..., ELLIPSIS), ((slice(None), 0), Tuple((S(), C(0)))), ((..., 0), Tuple((ELLIPSIS, C(0)))),
    ((..., slice(1, 3)), Tuple((ELLIPSIS, S(C(1), C(3))))), ((0, 1), Tuple((C(0), C(1)))),
    ((slice(None), None), Tuple((S(), NONE))), ((..., None), Tuple((ELLIPSIS, NONE))),
    ((None, ..., -1), Tuple((NONE, ELLIPSIS, C(-1)))), ((slice(None), slice(1, 2)), Tuple((S(), S(C(1), C(2))))),
    (torch.tensor([0, 1]), abstract(torch.tensor([0, 1]))), ([0, 1], make_list([C(0), C(1)])),
    (torch.tensor([[0], [1]]), abstract(torch.tensor([[0], [1]]))), (torch.tensor(1), abstract(torch.tensor(1))),
    ((slice(None), torch.tensor([0, 1, 1])), Tuple((S(), abstract(torch.tensor([0, 1, 1]))))),
    ((0, slice(None), torch.tensor([0, 1])), Tuple((C(0), S(), abstract(torch.tensor([0, 1]))))),
    ((torch.tensor([0, 1]), torch.tensor([0, 2])), Tuple((abstract(torch.tensor([0, 1])),) * 2)),
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(INDICES)))
def test_subscript(number: int) -> None:
    index, value = INDICES[number]
    for x in (make(2, 3, 5), make(7, 3), make(2, 3, 5, 7), ints(3, 5), make(5), make(2, 3, 5).requires_grad_()):
        try:
            real = x[index]
        except IndexError:
            continue
        for what in ("", "range", "shape", "sizes", "some sizes", "dtype"):
            for meaning in (None, "softmax"):
                source, result = forget(abstract(x), what), real
                assert isinstance(source, Tensor)
                if meaning and x.is_floating_point():
                    source, result = source.with_(range=UNIT, meaning=Meaning("distribution", 0)), x.softmax(0)[index]
                assert not lies(subscript(source, value), result), f"{tuple(x.shape)}[{index}] without {what}"


def test_subscript_by_a_mask() -> None:
    x = make(3, 5)
    for mask in (x > 0, x[:, 0] > 0):
        assert not lies(subscript(_tensor(x), abstract(mask)), x[mask])
    assert not lies(subscript(_tensor(x), Unknown()), x[1])


def _tensor(real: Any) -> Tensor:
    value = abstract(real)
    assert isinstance(value, Tensor)
    return value


# --- what is known of meanings -----------------------------------------------------------------------------------

B = symbol("B")
LOGITS = Tensor(REAL, Meaning("logits"), "float32", (B, 1), "attached", Trail(PLACE, "`head`"))
PROBABILITY = LOGITS.with_(range=UNIT, meaning=Meaning("probability"))
PHOTO = Tensor(Interval(0, 255), Meaning("image", scale="byte", layout="HWC", mode="RGB"), "uint8", (32, 32, 3))
ACTIVATION = Tensor(REAL, Meaning("activation"), "float32", (B, 1), "attached")


def calculate(op: str, left: Value, right: Value) -> Tensor:
    value = binary(op, left, right, PLACE, "sample")
    assert isinstance(value, Tensor)
    return value


def perform(name: str, *args: Value, **keywords: Value) -> Tensor:
    op = CONTRACTS.operation(name)
    assert op is not None
    value = apply(op, op.parameters.bind(args, keywords), PLACE, name)
    assert isinstance(value, Tensor)
    return value


def kind(value: Value) -> str | None:
    assert isinstance(value, Tensor)
    return None if value.meaning is None else value.meaning.kind


def test_complement_of_a_probability() -> None:
    value = calculate("-", C(1), PROBABILITY)
    assert kind(value) == "probability"
    assert value.range == UNIT
    assert kind(calculate("+", PROBABILITY, C(1e-8))) == "probability"
    assert kind(calculate("*", PROBABILITY, C(2))) is None


def test_skip_connections_stay_unbounded() -> None:
    for left, right in ((LOGITS, ACTIVATION), (ACTIVATION, LOGITS), (LOGITS, PROBABILITY), (LOGITS, LOGITS)):
        value = calculate("+", left, right)
        assert value.range == REAL
        assert kind(value) in ("logits", "activation")
    assert calculate("+", LOGITS, C(3)).range == REAL


def test_what_a_reduction_gave_proves_nothing() -> None:
    for name in ("torch.mean", "torch.sum", "torch.amax", "torch.norm"):
        reduced = perform(name, LOGITS)
        assert reduced.range is not None
        assert not reduced.range.tight, name
        total = calculate("+", LOGITS, reduced).range
        assert total is None or not total.tight, name
    difference = calculate("-", LOGITS, LOGITS.with_()).range
    assert difference is not None
    assert not difference.tight
    assert calculate("/", PHOTO, perform("torch.amax", PHOTO)).range is None


def test_gates() -> None:
    assert calculate("*", LOGITS, PROBABILITY).range == REAL
    assert calculate("*", ACTIVATION, C(0.5)).range == REAL
    x = LOGITS
    assert calculate("*", x, x).range == Interval(0, float("inf"))


def test_tanh_to_the_unit_interval() -> None:
    value = calculate("/", calculate("+", perform("torch.tanh", LOGITS), C(1)), C(2))
    assert value.range == UNIT


def test_comparisons() -> None:
    value = calculate(">", PROBABILITY, C(0.5))
    assert (kind(value), value.dtype, value.grad, value.range) == ("binary", "bool", "detached", UNIT)
    loose = calculate(">", PROBABILITY, C(2)).range
    assert loose is not None
    assert not loose.tight


def test_images_through_arithmetic() -> None:
    unit = calculate("/", PHOTO, C(255))
    assert unit.meaning == Meaning("image", scale="unit", layout="HWC", mode="RGB")
    assert unit.range == UNIT
    shifted = calculate("-", calculate("*", unit, C(2)), C(1))
    assert shifted.meaning is not None
    assert (shifted.range, shifted.meaning.normalized, shifted.meaning.scale) == (Interval(-1, 1), True, "none")
    back = calculate("/", calculate("+", shifted, C(1)), C(2))
    assert back.meaning is not None
    assert (back.meaning.scale, back.meaning.normalized) == ("unit", False)
    moved = perform("torch.permute", unit, C(2), C(0), C(1))
    assert moved.meaning is not None
    assert (moved.meaning.layout, moved.shape) == ("CHW", (3, 32, 32))
    swapped = subscript(unit, Tuple((ELLIPSIS, S(None, None, C(-1)))))
    assert isinstance(swapped, Tensor)
    assert swapped.meaning is not None
    assert swapped.meaning.mode == "BGR"


def test_distributions_keep_their_dimension() -> None:
    x = Tensor(REAL, Meaning("logits"), "float32", (B, 10, 4, 4))
    p = perform("torch.nn.functional.softmax", x, dim=C(1))
    assert p.meaning == Meaning("distribution", 1)
    assert perform("torch.permute", p, C(0), C(2), C(3), C(1)).meaning == Meaning("distribution", 3)
    assert perform("torch.unsqueeze", p, C(0)).meaning == Meaning("distribution", 2)
    assert perform("torch.log", p).meaning == Meaning("log-distribution", 1)
    logs = perform("torch.nn.functional.log_softmax", x, dim=C(-1))
    assert perform("torch.exp", logs).meaning == Meaning("distribution", 3)
    assert kind(subscript(p, Tuple((S(), C(1))))) == "probability"
    first = subscript(p, C(0))
    assert isinstance(first, Tensor)
    assert (first.shape, first.meaning) == ((10, 4, 4), Meaning("distribution", 0))
    assert perform("torch.argmax", p, dim=C(1)).meaning == Meaning("class-index", classes=10)
    assert perform("torch.sum", p, dim=C(1)).range == Interval(1, 1, False)


def test_cat_and_stack() -> None:
    both = make_list([PROBABILITY, calculate("-", C(1), PROBABILITY)])
    value = perform("torch.cat", both, dim=C(1))
    assert (kind(value), value.range, value.shape) == ("probability", UNIT, (B, 2))
    assert kind(perform("torch.cat", make_list([PROBABILITY, LOGITS]))) is None
    assert perform("torch.stack", make_list([LOGITS, LOGITS])).shape == (2, B, 1)


def test_dropout_spoils_a_probability() -> None:
    value = perform("torch.nn.functional.dropout", PROBABILITY, C(0.5))
    assert value.range == Interval(0, 2, False)
    assert perform("torch.nn.functional.dropout", PROBABILITY, C(0.5), C(False)).range == UNIT
    assert perform("torch.nn.functional.dropout", LOGITS).range == REAL


def test_labels() -> None:
    labels = Tensor(Interval(0, 1, False), Meaning("binary"), "int64", (B,))
    assert perform("torch.Tensor.float", labels).meaning == Meaning("binary")
    one_hot = perform("torch.nn.functional.one_hot", labels, C(10))
    assert (kind(one_hot), one_hot.shape, one_hot.dtype) == ("binary", (B, 10), "int64")
    ones = perform("torch.full", Tuple((Number(B),)), C(1))
    assert (ones.dtype, ones.range, ones.shape) == ("int64", Interval(1, 1), (B,))
    smooth = calculate("*", perform("torch.ones", Number(B), C(1)), C(0.9))
    assert smooth.range == Interval(0.9, 0.9)


def test_random_data_are_noise() -> None:
    for name in ("torch.rand", "torch.randn", "numpy.random.rand"):
        value = perform(name, C(2), C(3))
        assert (kind(value), value.shape) == ("noise", (2, 3))


def test_a_fixed_kernel_is_not_a_layer() -> None:
    image = Tensor(UNIT, Meaning("image", scale="unit"), "float32", (1, 3, 8, 8))
    blurred = perform("torch.nn.functional.conv2d", image, UNKNOWN)
    assert blurred.range is None
    assert blurred.meaning is None
    weight = perform("torch.nn.Parameter", perform("torch.randn", C(7), C(3), C(3), C(3)))
    assert perform("torch.nn.functional.conv2d", image, weight).range == REAL


# --- gradients, runs, trails -------------------------------------------------------------------------------------


def test_gradients() -> None:
    assert calculate("+", LOGITS, Tensor(grad="detached")).grad == "attached"
    assert calculate("+", Tensor(grad="detached"), C(1)).grad == "detached"
    assert calculate("+", Tensor(grad="detached"), UNKNOWN).grad is None
    assert perform("torch.detach", LOGITS).grad == "detached"
    assert perform("torch.Tensor.numpy", LOGITS).holder == "numpy"
    data = attribute(LOGITS, "data")
    assert isinstance(data, Tensor)
    assert data.grad == "detached"
    assert perform("torch.Tensor.long", LOGITS).grad == "detached"
    assert perform("torch.tensor", LOGITS).grad == "detached"


def test_the_run_and_the_trail_go_on() -> None:
    run = Run(model=UNKNOWN, name="net", place=PLACE, inputs=())
    source = LOGITS.with_(run=run)
    value = perform("torch.sigmoid", source)
    assert value.run is run
    assert value.trail is not None
    assert value.trail.note == "`torch.sigmoid` → [0, 1]"
    assert value.trail.parent is source.trail
    for name in ("torch.reshape", "torch.squeeze", "torch.Tensor.cpu", "torch.Tensor.contiguous", "torch.detach"):
        moved = perform(name, value, C(-1)) if name == "torch.reshape" else perform(name, value)
        assert moved.trail is value.trail, name
        assert moved.run is run, name


def test_the_note_of_a_layer() -> None:
    row = CONTRACTS.lookup("torch.nn.Conv2d")
    assert isinstance(row, Module)
    made = row.parameters.bind([C(32), C(1), C(3)], {})
    source = Tensor(None, None, "float32", (1, 32, 126, 126))
    value = apply_module(CONTRACTS, row, made, [source], {}, Place("net.py", 4), "nn.Conv2d(32, 1, 3)")
    assert isinstance(value, Tensor)
    assert value.trail is not None
    assert value.trail.note == "`nn.Conv2d(32, 1, 3)` → unbounded, 1×1×124×124"
    again = apply_module(CONTRACTS, row, made, [UNKNOWN], {}, PLACE, "nn.Conv2d(32, 1, 3)")
    assert isinstance(again, Tensor)
    assert (again.range, again.shape, kind(again)) == (REAL, (None, 1, None, None), "logits")


# --- numbers, attributes -----------------------------------------------------------------------------------------


def test_symbolic_sizes() -> None:
    assert binary("*", Number(B), C(2), PLACE, "") == Number(Linear((("B", 2),)))
    assert binary("//", C(7), C(2), PLACE, "") == C(3)
    flat = perform("torch.Tensor.view", Tensor(None, None, None, (B, 16, 5, 5)), Number(B), C(-1))
    assert flat.shape == (B, 400)
    flat = perform("torch.Tensor.view", Tensor(None, None, None, (B, 16, 5, 5)), C(-1), C(400))
    assert flat.shape == (B, 400)
    unknown = perform("torch.Tensor.view", Tensor(), C(-1), C(400))
    assert unknown.shape == (None, 400)


def test_attributes() -> None:
    x = Tensor(None, None, "uint8", (B, 3))
    assert attribute(x, "shape") == Tuple((Number(B), C(3)))
    assert attribute(x, "ndim") == C(2)
    assert attribute(x, "dtype") == Library("torch.uint8")
    turned = attribute(x, "T")
    assert isinstance(turned, Tensor)
    assert turned.shape == (3, B)
    assert attribute(x, "nothing") is None
    assert isinstance(attribute(Tensor(), "shape"), Unknown)
    assert length(x) == Number(B)
    element, count = iterate(Tensor(None, None, None, (4, 3)))
    assert (element.shape, count) == ((3,), 4)


def test_literal_data() -> None:
    value = perform("torch.tensor", make_list([Tuple((C(0), C(1))), Tuple((C(1), C(0.5)))]))
    assert (value.range, value.dtype, value.shape) == (UNIT, "float32", (2, 2))
    circle = make_list([C(1)])
    circle.attrs["items"] = (circle,)
    assert perform("torch.tensor", circle).shape is None
    assert isinstance(circle, List)


def test_einops() -> None:
    x = Tensor(UNIT, None, "float32", (B, 3, 32, 64))
    for pattern, sizes, shape in (
        ("b c h w -> b (h w) c", {}, (B, 2048, 3)),
        ("b c (h p) (w q) -> b (h w) (p q c)", {"p": 16, "q": 16}, (B, 8, 768)),
        ("b c h w -> b c h w 1", {}, (B, 3, 32, 64, 1)),
        ("b c (h p) w -> b (c p) h w", {"p": 2}, (B, 6, 16, 64)),
        ("b ... -> b (...)", {}, (B, 6144)),
        ("b c ... -> b ... c", {}, (B, 32, 64, 3)),
    ):
        keywords = {name: Const(size) for name, size in sizes.items()}
        value = perform("einops.rearrange", x, Const(pattern), **keywords)
        assert value.shape == shape, pattern
        assert value.range == UNIT
    assert perform("einops.rearrange", UNKNOWN, Const("b n (h d) -> b h n d"), h=Const(8)).shape == (
        None,
        8,
        None,
        None,
    )


def test_grids_of_images() -> None:
    fake = perform("torch.tanh", LOGITS)
    assert perform("torchvision.utils.make_grid", fake).range == Interval(-1, 1)
    shown = perform("torchvision.utils.make_grid", fake, normalize=Const(True))
    assert (kind(shown), shown.range) == ("image", UNIT.loose())
