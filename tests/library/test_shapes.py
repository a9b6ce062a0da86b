"""Shape rules against torch on the meta device: the same shape, or both refuse.

Definitions
    trial      an operation, its arguments as torch takes them, and the layer, if it is one
    symbolic   the same arguments with some sizes of tensors made symbols: a shape that is then known has, where the
               symbols are worth those sizes, torch's own sizes; what is then refused, torch refuses
"""

from __future__ import annotations

import os
import random
import warnings
from collections.abc import Callable
from typing import Any

import pytest

if not os.environ.get("CI"):
    pytest.importorskip("torch")  # a missing torch must fail in CI, never skip

import torch

from tests.library.abstraction import PLACE, abstract
from tests.library.test_contracts import CONTRACTS, resolve
from torchlint.flow.library import imaging
from torchlint.flow.library.apply import apply, apply_module
from torchlint.flow.library.shapes import SHAPE_RULES
from torchlint.flow.library.tables import Module, Operation
from torchlint.flow.shape import Linear, evaluate, symbol
from torchlint.flow.values import List, Tensor, Unknown, Value, make_list

Trial = tuple[str, tuple[Any, ...], dict[str, Any], tuple[Any, ...]]
ROUNDS = 60


def t(*shape: int) -> torch.Tensor:
    """A tensor without content."""
    return torch.empty(shape, device="meta")


def i(*shape: int) -> torch.Tensor:
    """Indices without content."""
    return torch.empty(shape, dtype=torch.int64, device="meta")


class Chance(random.Random):
    """Random arguments."""

    def size(self) -> int:
        return self.choice((1, 2, 3, 4, 5, 6, 7, 8, 9, 12))

    def shape(self, low: int = 0, high: int = 4) -> tuple[int, ...]:
        return tuple(self.size() for _ in range(self.randint(low, high)))

    def tensor(self, low: int = 0, high: int = 4) -> torch.Tensor:
        return t(*self.shape(low, high))

    def like(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Mostly a shape that broadcasts with it."""
        cut = shape[self.randint(0, len(shape)) if self.random() < 0.3 else 0 :]
        return tuple(self.size() if self.random() < 0.1 else 1 if self.random() < 0.2 else d for d in cut)

    def near(self, n: int) -> int:
        """Mostly n."""
        return n if self.random() < 0.8 else self.size()

    def dim(self, rank: int) -> int:
        return self.randint(-rank, rank - 1) if rank and self.random() < 0.85 else self.randint(-5, 4)


def op(name: str, *args: Any, **keywords: Any) -> Trial:
    return name, args, keywords, ()


def layer(name: str, inputs: tuple[Any, ...], *args: Any, **keywords: Any) -> Trial:
    return f"torch.nn.{name}", args, keywords, inputs


def _conv(c: Chance) -> Trial:
    n, groups = c.randint(1, 3), c.choice((1, 1, 1, 2, 3))
    channels = groups * c.choice((1, 2, 3))
    image = t(
        *(c.size(),) * (c.random() < 0.9),
        c.near(channels),
        *(c.near(9) for _ in range(c.near(n) if c.random() < 0.1 else n)),
    )
    settings: dict[str, Any] = {
        "stride": c.randint(1, 3),
        "padding": c.randint(0, 2),
        "dilation": c.randint(1, 2),
        "groups": groups,
    }
    transposed = c.random() < 0.4
    if c.random() < 0.5:
        weight = t(*((channels, 2) if transposed else (2 * groups, channels // groups)), *(c.randint(1, 4),) * n)
        return op(f"torch.nn.functional.conv{'_transpose' * transposed}{n}d", image, weight, **settings)
    kind = "ConvTranspose" if transposed else "Conv"
    if not transposed and c.random() < 0.2:
        settings |= {"padding": "same", "stride": c.near(1)}
    return layer(f"{kind}{n}d", (image,), channels, 2 * groups, c.randint(1, 4), **settings)


def _pool(c: Chance) -> Trial:
    n = c.randint(1, 3)
    image = c.tensor(n, n + 2) if c.random() < 0.2 else t(c.size(), 3, *(c.size() for _ in range(n)))
    keywords: dict[str, Any] = {
        "stride": c.choice((None, 1, 2, 3)),
        "padding": c.randint(0, 1),
        "ceil_mode": c.random() < 0.4,
    }
    if c.random() < 0.5:
        return op(f"torch.nn.functional.max_pool{n}d", image, c.randint(1, 4), **keywords, dilation=c.randint(1, 2))
    return layer(f"AvgPool{n}d", (image,), c.randint(1, 4), **keywords)


def _adaptive(c: Chance) -> Trial:
    n = c.randint(1, 3)
    size = tuple(c.choice((None, 1, 4) if n > 1 else (1, 4)) for _ in range(n)) if c.random() < 0.5 else c.randint(1, 4)
    return layer(f"AdaptiveAvgPool{n}d", (t(*c.shape(n + 1, n + 2)),), size)


def _norm(c: Chance) -> Trial:
    n, channels = c.randint(1, 3), c.choice((4, 6))
    image = t(2, c.near(channels), *(4,) * (c.near(n) % 4))
    kind = c.choice(("BatchNorm", "InstanceNorm", "GroupNorm", "LayerNorm"))
    if kind == "GroupNorm":
        return layer(kind, (image,), c.choice((1, 2)), channels)
    if kind == "LayerNorm":
        return layer(kind, (image,), list(image.shape[-c.randint(1, 2) :]) if c.random() < 0.6 else c.size())
    return layer(f"{kind}{n}d", (image,), channels, affine=kind == "BatchNorm" or c.random() < 0.5)


def _linear(c: Chance) -> Trial:
    x = c.tensor(1, 4)
    if c.random() < 0.5:
        return layer("Linear", (x,), c.near(x.shape[-1]), c.size())
    return op("torch.nn.functional.linear", x, t(c.size(), c.near(x.shape[-1])))


def _view(c: Chance) -> Trial:
    x = c.tensor(1, 4)
    pieces = [d for size in x.shape for d in ((2, size // 2) if size % 2 == 0 and c.random() < 0.4 else (size,))]
    c.shuffle(pieces)
    while len(pieces) > 1 and c.random() < 0.5:
        pieces[:2] = [pieces[0] * pieces[1]]
    if c.random() < 0.2:
        pieces[0] = c.size()
    for _ in range((c.random() < 0.5) + (c.random() < 0.1)):
        pieces[c.randrange(len(pieces))] = -1
    return op(c.choice(("torch.Tensor.view", "torch.reshape")), x, tuple(pieces))


def _cat(c: Chance) -> Trial:
    shape = c.shape(1, 4)
    dim = c.dim(len(shape))
    parts = [
        tuple(c.size() if k == dim % len(shape) else c.near(d) for k, d in enumerate(shape))
        for _ in range(c.randint(1, 3))
    ]
    if c.random() < 0.1:
        parts[0] = c.shape(1, 4)
    return op("torch.cat", [t(*part) for part in parts], dim)


def _stack(c: Chance) -> Trial:
    shape = c.shape(0, 3)
    return op(
        "torch.stack",
        [t(*(c.near(d) if c.random() < 0.2 else d for d in shape)) for _ in range(2)],
        c.dim(len(shape) + 1),
    )


def _beside(c: Chance) -> Trial:
    shape = c.shape(1, 3)
    name = c.choice(("hstack", "vstack", "dstack", "column_stack"))
    return op(f"torch.{name}", [t(*shape), t(*(c.near(d) if c.random() < 0.3 else d for d in shape))])


def _matmul(c: Chance) -> Trial:
    name = c.choice(("matmul", "matmul", "mm", "bmm", "mv"))
    k, batch = c.size(), c.shape(0, 2)
    low = {"mm": (), "bmm": (3,), "mv": ()}.get(name, batch)
    a = t(*low, c.size(), k) if c.random() < 0.9 else c.tensor(1, 3)
    b = (
        t(*(low if name == "bmm" else c.like(low)), c.near(k), c.size())
        if c.random() < 0.9 and name != "mv"
        else t(c.near(k))
    )
    return op(f"torch.{name}", a, b)


def _addmm(c: Chance) -> Trial:
    k, rows, columns = c.size(), c.size(), c.size()
    name, batch = c.choice((("addmm", ()), ("baddbmm", (2,))))
    return op(f"torch.{name}", t(*c.like((*batch, rows, columns))), t(*batch, rows, k), t(*batch, c.near(k), columns))


def _einsum(c: Chance) -> Trial:
    sizes = {letter: c.size() for letter in "abcd"}
    sides = ["".join(c.sample("abcd", c.randint(1, 3))) for _ in range(c.randint(1, 2))]
    used = sorted(set("".join(sides)))
    right = "" if c.random() < 0.3 else "->" + "".join(c.sample(used, c.randint(0, len(used))))
    dots = c.random() < 0.3
    extra = c.shape(0, 2) if dots else ()
    operands = [t(*extra, *(c.near(sizes[x]) if c.random() < 0.2 else sizes[x] for x in side)) for side in sides]
    text = ",".join("..." * dots + side for side in sides)
    if dots and right:
        right = right.replace("->", "->...")
    return op("torch.einsum", text + right, *operands)


def _interpolate(c: Chance) -> Trial:
    image = c.tensor(3, 5)
    mode = c.choice(("nearest", "nearest", "bilinear", "linear", "trilinear", "bicubic"))
    if c.random() < 0.5:
        return op("torch.nn.functional.interpolate", image, scale_factor=c.choice((2, 0.5, 1.5, 2.0, 0.25)), mode=mode)
    size = tuple(c.size() for _ in range(c.near(image.ndim - 2))) if c.random() < 0.5 else c.size()
    return op("torch.nn.functional.interpolate", image, size=size, mode=mode)


def _pad(c: Chance) -> Trial:
    x, pairs = c.tensor(1, 4), c.randint(1, 3)
    mode = c.choice(("constant", "constant", "reflect", "replicate", "circular"))
    low = -1 if mode == "constant" else 0
    amounts = [c.randint(low, 2) for _ in range(2 * pairs - (c.random() < 0.05))]
    return op("torch.nn.functional.pad", x, amounts, mode)


def _pad_layer(c: Chance) -> Trial:
    n = c.randint(1, 3)
    kind = c.choice(("Zero", "Reflection", "Replication", "Circular"))
    amounts = c.randint(0, 3) if c.random() < 0.5 else tuple(c.randint(0, 2) for _ in range(2 * n))
    return layer(f"{kind}Pad{n}d", (c.tensor(n + 1, n + 2),), amounts)


def _shuffle(c: Chance) -> Trial:
    r = c.choice((2, 3))
    if c.random() < 0.5:
        return op("torch.nn.functional.pixel_shuffle", t(2, c.choice((4, 8, 9, 6)), 3, 5), r)
    return op("torch.nn.functional.pixel_unshuffle", t(2, 3, c.choice((4, 6)), c.choice((4, 6, 5))), r)


def _unfold(c: Chance) -> Trial:
    image = t(c.size(), 3, c.size(), c.size()) if c.random() < 0.9 else c.tensor(1, 5)
    return op("torch.nn.functional.unfold", image, c.randint(1, 3), c.randint(1, 2), c.randint(0, 1), c.randint(1, 2))


def _fold(c: Chance) -> Trial:
    kernel, stride, size = c.randint(1, 3), c.randint(1, 2), c.randint(3, 7)
    blocks = ((size - kernel) // stride + 1) ** 2
    x = t(2, c.near(3 * kernel * kernel), c.near(blocks))
    return op("torch.nn.functional.fold", x, (size, size), kernel, stride=stride)


def _rank_rule(name: str, **more: Any) -> Callable[[Chance], Trial]:
    def draw(c: Chance) -> Trial:
        x = c.tensor(0, 4)
        return op(name, x, **{k: v(c, x) for k, v in more.items()})

    return draw


def _dim(c: Chance, x: torch.Tensor) -> int:
    return c.dim(x.ndim)


def _dims(c: Chance, x: torch.Tensor) -> Any:
    return c.choice((c.dim(x.ndim), (c.dim(x.ndim), c.dim(x.ndim)), [c.dim(x.ndim)]))


def _flag(c: Chance, x: torch.Tensor) -> bool:
    return c.random() < 0.5


def _permute(c: Chance) -> Trial:
    x = c.tensor(1, 4)
    order = c.sample(range(x.ndim), x.ndim)
    if c.random() < 0.2:
        order[0] = c.dim(x.ndim)
    return op("torch.permute", x, tuple(order[: None if c.random() < 0.9 else -1]))


def _expand(c: Chance) -> Trial:
    shape = c.shape(1, 3)
    x = t(*(1 if c.random() < 0.4 else d for d in shape))
    target = [*c.shape(0, 1), *(-1 if c.random() < 0.3 else c.near(d) for d in shape)]
    return op("torch.Tensor.expand", x, *target)


def _attention(c: Chance) -> Trial:
    batch, width, length = c.shape(1, 2), c.size(), c.size()
    q, k, v = t(*batch, c.size(), width), t(*batch, length, c.near(width)), t(*batch, c.near(length), c.size())
    return op("torch.nn.functional.scaled_dot_product_attention", q, k, v)


def _embedding(c: Chance) -> Trial:
    return layer("Embedding", (i(*c.shape(0, 3)),), 10, c.size())


def _gather(c: Chance) -> Trial:
    shape = c.shape(1, 3)
    chosen = tuple(c.near(max(1, d - c.randint(0, 1))) for d in shape)
    return op("torch.gather", t(*shape), c.dim(len(shape)), i(*chosen))


def _scatter(c: Chance) -> Trial:
    shape = c.shape(1, 3)
    chosen = tuple(c.near(max(1, d - c.randint(0, 1))) for d in shape)
    return op(
        "torch.scatter",
        t(*shape),
        c.dim(len(shape)),
        i(*chosen),
        t(*(d if c.random() < 0.9 else c.size() for d in chosen)),
    )


def _transformer(c: Chance) -> Trial:
    first = c.random() < 0.5
    x = t(*((3, 5, c.near(8)) if c.random() < 0.8 else (5, c.near(8))))
    return layer("TransformerEncoderLayer", (x,), 8, 2, 16, batch_first=first, dropout=0.0)


def _narrow(c: Chance) -> Trial:
    x = c.tensor(1, 3)
    return op("torch.narrow", x, c.dim(x.ndim), c.randint(-2, 4), c.randint(0, 5))


def _unflatten(c: Chance) -> Trial:
    shape = c.shape(1, 3)
    return op("torch.unflatten", t(*shape), c.dim(len(shape)), (c.choice((-1, 2)), c.size()))


def _repeat(c: Chance) -> Trial:
    x = c.tensor(0, 3)
    return op("torch.Tensor.repeat", x, *(c.randint(1, 3) for _ in range(c.near(x.ndim + 1) % 5 or 1)))


def _repeat_each(c: Chance) -> Trial:
    x = c.tensor(1, 3)
    return op("torch.repeat_interleave", x, c.randint(1, 3), dim=c.dim(x.ndim))


def _distance(c: Chance) -> Trial:
    shape = c.shape(1, 3)
    keep = c.random() < 0.5
    return op("torch.nn.functional.pairwise_distance", t(*shape), t(*c.like(shape)), keepdim=keep)


def _chosen(c: Chance) -> Trial:
    x = c.tensor(1, 3)
    return op("torch.index_select", x, c.dim(x.ndim), i(*c.shape(1, 1 + (c.random() < 0.1))))


def _windows(c: Chance) -> Trial:
    x = c.tensor(1, 3)
    return op("torch.Tensor.unfold", x, c.dim(x.ndim), c.randint(1, 4), c.randint(1, 3))


def _similar(c: Chance) -> Trial:
    shape = c.shape(1, 3)
    return op("torch.nn.functional.cosine_similarity", t(*shape), t(*c.like(shape)), c.dim(len(shape)))


def _pairs(name: str, low: int = 1, *, same: bool = False) -> Callable[[Chance], Trial]:
    def draw(c: Chance) -> Trial:
        shape = c.shape(low, 4)
        return op(name, t(*shape), t(*(shape if same else c.like(shape))))

    return draw


#: Ways to draw arguments, for the words of `SHAPE_RULES`.
DRAWN: dict[str, Callable[[Chance], Trial]] = {
    "broadcast": _pairs("torch.add", 0),
    "three": lambda c: op("torch.addcmul", t(*(s := c.shape(1, 3))), t(*c.like(s)), t(*c.like(s))),
    "where": lambda c: op("torch.where", t(*(s := c.shape(1, 3))) > 0, t(*c.like(s)), t(*c.like(s))),
    "masked": lambda c: op("torch.masked_fill", t(*(s := c.shape(1, 3))), t(*c.like(s)) > 0, 0.0),
    "reduce": _rank_rule("torch.sum", dim=_dims, keepdim=_flag),
    "squeeze": _rank_rule("torch.squeeze", dim=_dim),
    "unsqueeze": _rank_rule("torch.unsqueeze", dim=lambda c, x: c.dim(x.ndim + 1)),
    "view": _view,
    "flatten": _rank_rule("torch.flatten", start_dim=_dim, end_dim=_dim),
    "unflatten": _unflatten,
    "permute": _permute,
    "expand": _expand,
    "repeat": _repeat,
    "repeat-interleave": _repeat_each,
    "cat": _cat,
    "stack": _stack,
    "beside": _beside,
    "linear": _linear,
    "bilinear": lambda c: layer("Bilinear", (t(3, c.near(4)), t(3, c.near(5))), 4, 5, 6),
    "matmul": _matmul,
    "added-product": _addmm,
    "outer": lambda c: op("torch.outer", c.tensor(1, 2) if c.random() < 0.2 else t(c.size()), t(c.size())),
    "cdist": lambda c: op("torch.cdist", t(2, 3, k := c.size()), t(2, 5, c.near(k))),
    "similarity": _similar,
    "distance": _distance,
    "embedding": _embedding,
    "index-select": _chosen,
    "select": lambda c: op("torch.select", x := c.tensor(1, 3), c.dim(x.ndim), c.randint(-3, 3)),
    "narrow": _narrow,
    "gather": _gather,
    "scatter": _scatter,
    "windows": _windows,
    "diagonal": _rank_rule("torch.diagonal", offset=lambda c, x: c.randint(-1, 1), dim1=_dim, dim2=_dim),
    "diag": lambda c: op("torch.diag", c.tensor(1, 3) if c.random() < 0.2 else c.tensor(1, 2), c.randint(-1, 2)),
    "diag-embed": lambda c: op("torch.diag_embed", c.tensor(1, 3), c.randint(-1, 2)),
    "triangle": lambda c: op("torch.tril", c.tensor(1, 4)),
    "same-dims": _rank_rule("torch.softmax", dim=_dim),
    "as-other": _pairs("torch.Tensor.expand_as", 1),
    "diff": lambda c: op("torch.diff", x := c.tensor(1, 3), dim=c.dim(x.ndim)),
    "einsum": _einsum,
    "glu": lambda c: op("torch.nn.functional.glu", x := c.tensor(1, 3), c.dim(x.ndim)),
    "pad": _pad,
    "interpolate": _interpolate,
    "pixel-shuffle": _shuffle,
    "unfold": _unfold,
    "fold": _fold,
    "attention-product": _attention,
    "encoder": _transformer,
    "batch-norm": _norm,
    "conv2d": _conv,
    "pool2d": _pool,
    "adaptive-pool2d": _adaptive,
    "pad2d": _pad_layer,
}  # fmt: skip


def known(real: Any) -> Value:
    """All that is known of an argument."""
    if isinstance(real, torch.Tensor):
        return Tensor(None, None, str(real.dtype).removeprefix("torch."), tuple(real.shape))
    if isinstance(real, list):
        return make_list(known(item) for item in real)
    return abstract(real)


def run(trial: Trial, device: str = "meta") -> Any:
    """What torch gives; None if it refuses."""
    name, args, keywords, inputs = trial
    target = resolve(name)
    options = {"device": device} if _owns_weights(name) else {}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if inputs:
                return target(*args, **keywords, **options)(*(_moved(v, device) for v in inputs))
            return target(*(_moved(v, device) for v in args), **keywords)
    except (RuntimeError, ValueError, IndexError, TypeError, NotImplementedError, AssertionError):
        return None


def _moved(value: Any, device: str) -> Any:
    if isinstance(value, list):
        return [_moved(v, device) for v in value]
    filled = isinstance(value, torch.Tensor) and device != "meta"
    return torch.zeros_like(value, device=device) if filled else value


def asked(trial: Trial, value: Value) -> Any:
    """What torch gives on the meta device, or where a refusal is due that it does not check there, in earnest."""
    real = run(trial)
    return run(trial, "cpu") if real is not None and refused(value) else real


def _owns_weights(name: str) -> bool:
    return not any(word in name for word in ("Pool", "Pad"))


def predict(trial: Trial, change: Callable[[Value], Value] = lambda v: v) -> Value:
    """What the rules give for the same arguments."""
    name, args, keywords, inputs = trial
    values = [change(known(v)) for v in (inputs or args)]
    row = CONTRACTS.lookup(name)
    if inputs:
        assert isinstance(row, Module)
        made = row.parameters.bind([abstract(v) for v in args], {k: abstract(v) for k, v in keywords.items()})
        return apply_module(CONTRACTS, row, made, values, {}, PLACE, "sample")
    assert isinstance(row, Operation)
    bound = row.parameters.bind(values, {k: change(known(v)) for k, v in keywords.items()})
    return apply(row, bound, PLACE, "sample")


def refused(value: Value) -> bool:
    via = value.via if isinstance(value, (Tensor, Unknown)) else None
    return via is not None and via.refused is not None


@pytest.mark.parametrize("word", DRAWN)
def test_same_shape_or_both_refuse(word: str) -> None:
    chance = Chance(word)
    ways = {True: 0, False: 0}
    for _ in range(ROUNDS):
        trial = DRAWN[word](chance)
        value = predict(trial)
        real = asked(trial, value)
        ways[real is None] += 1
        shown = f"{trial[0]} {trial[1:]}: {value}"
        if real is None:
            assert refused(value), f"torch refuses {shown}"
        else:
            assert not refused(value), f"torch takes {shown}"
            assert isinstance(value, Tensor)
            assert value.shape == tuple(real.shape), f"{tuple(real.shape)} of {shown}"
    assert ways[False] > 5


@pytest.mark.parametrize("word", DRAWN)
def test_symbolic_sizes(word: str) -> None:
    chance = Chance(f"symbols of {word}")
    sized = total = 0
    for _ in range(ROUNDS):
        trial = DRAWN[word](chance)
        values: dict[str, int] = {}

        def symbolic(value: Value, values: dict[str, int] = values) -> Value:
            if isinstance(value, List) and value.items is not None:
                return make_list(symbolic(item) for item in value.items)
            if not isinstance(value, Tensor) or value.shape is None:
                return value
            dims: list[Any] = list(value.shape)
            for k, d in enumerate(dims):
                if d > 1 and chance.random() < 0.4:
                    values[f"N{d}"] = d
                    dims[k] = symbol(f"N{d}")
            return value.with_(shape=tuple(dims))

        value = predict(trial, symbolic)
        real = asked(trial, value)
        if real is None:
            continue
        assert not refused(value), f"torch takes {trial}"
        assert isinstance(value, Tensor)
        for d, size in zip(value.shape or (), real.shape):
            total += 1
            found = evaluate(d, values) if isinstance(d, Linear) else d
            sized += found is not None
            assert found in (None, size), f"{trial}: {d} is {size}"
        assert value.shape is None or len(value.shape) == real.ndim
    assert sized * 2 > total


#: Words that are not drawn above, and why.
ELSEWHERE = {
    "of factories, whose arguments are the result's sizes": {
        "arange", "data", "data-input", "eye", "n", "normal", "randint", "size-list", "size-list-or-scalar", "sizes",
        "sizes-or-scalar", "steps",
    },
    "nothing to work out": {"same", "same-rank", "scalar", "unknown", "vector", "other", "index", "one-hot"},
    "of images, checked by test_pictures": {"colour", "cv2-resize", "grid-of-images"},
    "einops is no dependency of the tests": {"einops", "einops-einsum"},
    "drawn with another word: both are one function": {
        "conv1d", "conv3d", "conv-transpose1d", "conv-transpose2d", "conv-transpose3d", "pool1d", "pool3d",
        "adaptive-pool1d", "adaptive-pool3d", "pad1d", "pad3d", "pixel-unshuffle", "instance-norm", "group-norm",
        "layer-norm", "norm",
    },
    "only run on samples so far": {
        "bags", "channel-shuffle", "decoder", "transformer", "fractional-pool1d", "fractional-pool2d",
        "fractional-pool3d", "grid", "padded-sequences", "prelu", "take-along", "unpool1d", "unpool2d", "unpool3d",
    },
}  # fmt: skip


def test_every_word_is_drawn_or_has_a_reason() -> None:
    reasons = [word for words in ELSEWHERE.values() for word in words]
    assert sorted([*DRAWN, *reasons, *imaging.SHAPES]) == sorted(SHAPE_RULES)
