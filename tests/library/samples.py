"""Arguments on which torch's operations and layers are really run, by full name.

Definitions
    sample   positional and keyword arguments of one call
    pool     tensors of every dtype and rank that the operations of one tensor are run on

`samples_of` finds samples by a signature's first parameters; `CASES` holds those that a signature does not settle.
`UNCHECKED` lists what is not run, and why.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from torchlint.flow.library.tables import Operation

Sample = tuple[tuple[Any, ...], dict[str, Any]]
F = torch.nn.functional


def make(*size: int, low: float = -3.0, high: float = 3.0, **options: Any) -> torch.Tensor:
    """A float tensor with elements between low and high, both of them reached where there is room."""
    tensor = torch.rand(size) * (high - low) + low
    if tensor.numel() > 1:
        tensor.view(-1)[0], tensor.view(-1)[-1] = low, high
    return tensor.to(options.get("dtype", torch.float32))


def ints(*size: int, low: int = -4, high: int = 5, dtype: torch.dtype = torch.int64) -> torch.Tensor:
    """An integer tensor with low <= elements < high."""
    return torch.randint(low, high, size).to(dtype)


def pool() -> list[torch.Tensor]:
    """Tensors of every kind."""
    return [
        make(2, 3, 5, 7),
        make(2, 3, 5, 7, low=-1e4, high=1e4),
        make(3, 5, low=0, high=1),
        make(2, 3, 5, low=0.1, high=9),
        make(5),
        make(),
        make(3, 5, dtype=torch.float64),
        make(2, 3, dtype=torch.float16),
        make(1, 3, 1, low=-2, high=-1),
        ints(3, 5),
        ints(2, 3, low=0, high=255, dtype=torch.uint8),
        ints(2, 3, dtype=torch.int32),
        ints(7, low=1, high=9),
        torch.tensor([[True, False, True], [False, False, True]]),
        torch.tensor(3),
        make(2, 3, low=-0.5, high=0.5),
        make(3, 5).requires_grad_(),
    ]


def pairs() -> list[tuple[Any, Any]]:
    """Two operands: tensors that broadcast, and numbers."""
    x = make(2, 3, 5)
    grad = make(3, 5).requires_grad_()
    return [
        (x, make(2, 3, 5)),
        (x, make(5)),
        (x, make(3, 1)),
        (x, 2.5),
        (x, 2),
        (x, -1),
        (x, 0.5),
        (x, make(2, 3, 5, low=1, high=4)),
        (make(3, 5, low=0, high=1), make(3, 5, low=0, high=1)),
        (ints(3, 5), ints(5)),
        (ints(3, 5), 2),
        (ints(3, 5), 2.5),
        (ints(3, 5), make(3, 5, low=1, high=2)),
        (ints(3, low=0, high=255, dtype=torch.uint8), 7),
        (x, x),
        (grad, 2.0),
        (ints(3, 5, low=1, high=9), ints(3, 5, low=1, high=9, dtype=torch.uint8)),
        (make(3, dtype=torch.float64), make(3)),
        (ints(3, low=0, high=255, dtype=torch.uint8), ints(3, low=0, high=255, dtype=torch.uint8)),
        (grad, make(3, 5)),
        (torch.tensor([True, False, True]), torch.tensor([True, True, False])),
        (torch.tensor([True, False]), 3),
        (torch.tensor(2), make(3, low=1, high=2)),
        (make(3), torch.tensor(2.0, dtype=torch.float64)),
        (make(2, 3), ints(3, low=1)),
        (ints(3, 5, low=0, high=255, dtype=torch.uint8), 255.0),
        (make(3, dtype=torch.float16), make(3)),
        (x, make(5, low=-4, high=-1)),
    ]


def _reductions() -> list[Sample]:
    found: list[Sample] = []
    for x in (
        make(2, 3, 5, 7),
        ints(3, 5),
        make(3, 5, low=0, high=1),
        make(5),
        torch.rand(2, 3) > 0.5,
        make(3, 5).requires_grad_(),
        ints(3, 5, low=0, high=255, dtype=torch.uint8),
        make(2, 3, dtype=torch.float64),
    ):
        for dim in (None, 0, -1, 1, (0, 1), [1], (-1, 0)):
            for keep in (False, True):
                found.append(((x,), {"dim": dim, "keepdim": keep}))
        found += [((x,), {}), ((x, 0), {}), ((x, -1, True), {})]
    return found


X4, X3, X2, X1 = make(2, 3, 5, 7), make(2, 3, 5), make(3, 5), make(5)
IMAGE = make(2, 3, 16, 16)


def _s(*args: Any, **keywords: Any) -> Sample:
    return args, keywords


def _images(*rest: Any, **keywords: Any) -> list[Sample]:
    return [((x, *rest), keywords) for x in (IMAGE, make(3, 16, 16), make(2, 3, 16, 16, low=0, high=1))]


def _factory() -> list[Sample]:
    return [
        _s(2, 3),
        _s((2, 3)),
        _s([2]),
        _s(4, dtype=torch.float64),
        _s(size=(2, 5)),
        _s(2, 3, dtype=torch.int64),
        _s(1, requires_grad=True),
    ]


def _likes() -> list[Sample]:
    return [_s(X4), _s(ints(3, 5)), _s(X2, dtype=torch.float64), _s(X2.clone().requires_grad_())]


def _dims(*choices: Any, xs: tuple[torch.Tensor, ...] = (X4, X3, X2)) -> list[Sample]:
    return [((x, *(c if isinstance(c, tuple) else (c,))), {}) for x in xs for c in choices]


LOG = make(2, 3, 5)
CASES: dict[str, list[Sample] | Callable[[], list[Sample]]] = {
    "torch.Tensor.view": [
        _s(X4, 2, -1),
        _s(X4, -1),
        _s(X4, (6, 35)),
        _s(X4, 2, 3, -1),
        _s(X4, [2, 105]),
        _s(X4, 2, 15, 7),
        _s(X1, -1, 1),
        _s(X2, 15),
        _s(X2, 3, 5, 1),
        _s(X2, -1, 5),
    ],
    "torch.reshape": [_s(X4, (2, -1)), _s(X4, (-1,)), _s(X2, [5, 3]), _s(X4, (3, -1, 7))],
    "torch.flatten": [_s(X4), _s(X4, 1), _s(X4, 1, 2), _s(X4, -2), _s(make()), _s(X2, 1)],
    "torch.unflatten": [_s(X4, 1, (3, 1)), _s(make(2, 6), 1, (2, -1)), _s(make(2, 6), -1, (2, 3))],
    "torch.squeeze": [
        _s(make(1, 3, 1, 5)),
        _s(make(1, 3, 1, 5), 0),
        _s(make(1, 3, 1, 5), 1),
        _s(make(1, 3, 1, 5), -2),
        _s(make(1, 3, 1), (0, 2)),
        _s(X2),
        _s(make(2, 1), 1),
    ],
    "torch.unsqueeze": _dims(0, 1, -1, -2),
    "torch.permute": [_s(X4, (0, 2, 3, 1)), _s(X4, (3, 2, 1, 0)), _s(X3, (0, -1, 1)), _s(X4, (0, 3, 1, 2))],
    "torch.transpose": _dims((0, 1), (1, -1), (-1, -2)),
    "torch.swapaxes": _dims((0, 1), (1, -1)),
    "torch.swapdims": _dims((0, 1), (1, -1)),
    "torch.movedim": [_s(X4, 1, -1), _s(X4, (0, 1), (2, 3)), _s(X4, -1, 1)],
    "torch.moveaxis": [_s(X4, 1, -1), _s(X4, 0, 2)],
    "torch.t": [_s(X2), _s(X1)],
    "torch.adjoint": [_s(X2)],
    "torch.Tensor.expand": [
        _s(make(1, 3, 1), 2, -1, 5),
        _s(make(3, 1), (3, 5)),
        _s(make(3, 1), 2, 3, 5),
        _s(make(1), 5, -1),
    ],
    "torch.broadcast_to": [_s(make(3, 1), (2, 3, 5))],
    "torch.Tensor.expand_as": [_s(make(1, 5), X2)],
    "torch.Tensor.view_as": [_s(X2, make(5, 3))],
    "torch.Tensor.reshape_as": [_s(X2, make(5, 3))],
    "torch.Tensor.repeat": [_s(X2, 2, 3), _s(X2, (2, 1, 3)), _s(X1, 2)],
    "torch.tile": [_s(X2, (2,)), _s(X2, (2, 1, 3))],
    "torch.repeat_interleave": [_s(X2, 2), _s(X2, 3, dim=0), _s(X2, 2, 1), _s(X1, torch.tensor([1, 2, 1, 1, 0]))],
    "torch.flip": [_s(X4, (0, 1)), _s(X2, [0])],
    "torch.fliplr": [_s(X2)],
    "torch.flipud": [_s(X2)],
    "torch.rot90": [_s(X2), _s(X4, 1, (2, 3))],
    "torch.roll": [_s(X4, 1), _s(X4, 2, 1)],
    "torch.cat": [
        _s([X2, make(7, 5)]),
        _s((X2, X2), 1),
        _s([X2, X2], dim=-1),
        _s([ints(2, 3), ints(2, 3)]),
        _s([ints(3), make(3)]),
        _s([X2, make(3, 5).requires_grad_()]),
        _s([make(3, dtype=torch.float64), make(2)]),
    ],
    "torch.stack": [
        _s([X2, X2]),
        _s((X2, X2, X2), 1),
        _s([X2, X2], dim=-1),
        _s([make(), make()]),
        _s([ints(3), ints(3)]),
    ],
    "torch.hstack": [_s([X1, X1])],
    "torch.vstack": [_s((X2, X2))],
    "torch.dstack": [_s([X2, X2])],
    "torch.column_stack": [_s([X1, X1])],
    "torch.row_stack": [_s([X1, X1])],
    "torch.block_diag": [_s(X2, X1)],
    "torch.view_as_real": [_s(torch.complex(X2, X2))],
    "torch.view_as_complex": [_s(make(3, 2))],
    "torch.tensordot": [_s(X3, make(3, 5, 7))],
    "torch.inverse": [_s(make(3, 3))],
    "torch.det": [_s(make(3, 3))],
    "torch.logdet": [_s(torch.eye(3))],
    "torch.trace": [_s(X2)],
    "torch.pinverse": [_s(X2)],
    "torch.autograd.Variable": [_s(X2), _s(X2, requires_grad=True)],
    "torch.nn.init.normal_": [_s(X2), _s(make(3, 5).requires_grad_())],
    "torch.is_tensor": [_s(X2)],
    "torch.select": _dims((0, 1), (1, -1), (-1, 0)),
    "torch.narrow": _dims((0, 0, 1), (1, 1, 2), (-1, 0, 3)),
    "torch.index_select": [_s(X4, 1, torch.tensor([0, 2])), _s(X2, -1, torch.tensor([0, 0, 1]))],
    "torch.gather": [_s(X2, 1, ints(3, 2, low=0)), _s(X2, 0, ints(1, 5, low=0, high=3))],
    "torch.take": [_s(X2, ints(2, 3, low=0))],
    "torch.take_along_dim": [_s(X2, ints(3, 2, low=0), 1)],
    "torch.Tensor.unfold": [_s(IMAGE, 2, 4, 4), _s(IMAGE, 3, 5, 2), _s(X1, 0, 2, 1)],
    "torch.diagonal": [_s(X2), _s(X3, 0, 1, 2)],
    "torch.diag": [_s(X1), _s(X2)],
    "torch.diag_embed": [_s(X2)],
    "torch.triu": [_s(X2), _s(X3, 1)],
    "torch.tril": [_s(X2), _s(X3, -1)],
    "torch.ravel": [_s(X4), _s(make())],
    "torch.matmul": [
        _s(X2, make(5, 7)),
        _s(X3, make(5, 2)),
        _s(X1, make(5)),
        _s(X3, make(5)),
        _s(X1, make(5, 3)),
        _s(make(2, 3, 5, 7), make(3, 7, 2)),
        _s(X2.abs(), make(5, 7).abs()),
    ],
    "torch.mm": [_s(X2, make(5, 7))],
    "torch.bmm": [_s(X3, make(2, 5, 7))],
    "torch.mv": [_s(X2, X1)],
    "torch.dot": [_s(X1, X1)],
    "torch.outer": [_s(X1, make(3))],
    "torch.cross": [_s(make(5, 3), make(5, 3))],
    "torch.einsum": [
        _s("bij,bjk->bik", X3, make(2, 5, 7)),
        _s("bchw->bc", X4),
        _s("ij,kj->ik", X2, X2),
        _s("...i,i", X2, X1),
    ],
    "torch.lerp": [_s(X2, make(3, 5), 0.3), _s(X2, make(3, 5), make(3, 5, low=0, high=1))],
    "torch.addcmul": [_s(X2, X2, X2)],
    "torch.addcdiv": [_s(X2, X2, make(3, 5, low=1))],
    "torch.addmm": [_s(make(3, 7), X2, make(5, 7))],
    "torch.baddbmm": [_s(make(2, 3, 7), X3, make(2, 5, 7))],
    "torch.addbmm": [_s(make(3, 7), X3, make(2, 5, 7))],
    "torch.addmv": [_s(make(3), X2, X1)],
    "torch.where": [
        _s(X2 > 0, X2, make(3, 5)),
        _s(X2 > 0, X2, 0.0),
        _s(X2 > 0, 1, 0),
        _s(X2 > 0),
        _s(X2 > 0, ints(3, 5), make(5)),
    ],
    "torch.Tensor.where": [_s(X2, X2 > 0, make(3, 5))],
    "torch.masked_fill": [_s(X2, X2 > 0, -9.0), _s(X2, X2 > 0, float("-inf")), _s(X3, X1 > 0, 0)],
    "torch.masked_select": [_s(X2, X2 > 0)],
    "torch.masked_scatter": [_s(X2, X2 > 0, make(3, 5))],
    "torch.isin": [_s(ints(3, 5), ints(2))],
    "torch.clamp": [
        _s(x, *a) for x in (X2, ints(3, 5)) for a in ((0, 1), (-1.5, 1.5), (None, 2), (1,), (make(5), None), (5, 1))
    ]
    + [_s(X2, max=1.0), _s(X2, min=0.5)],
    "torch.clamp_min": [_s(X2, 0.5), _s(X2, make(5))],
    "torch.clamp_max": [_s(X2, 0.5)],
    "torch.pow": [
        _s(x, k)
        for x in (X2, make(3, low=0.5, high=2), ints(3, low=1))
        for k in (2, 3, 0.5, -1.0, 0, 1)
        if not (x.dtype == torch.int64 and k == -1.0)
    ]
    + [_s(2.0, X2), _s(make(3, low=0.1), make(3))],
    "torch.logit": [_s(make(3, low=0.1, high=0.9)), _s(X2, 1e-6)],
    "torch.round": [_s(X2), _s(ints(3)), _s(X2, decimals=1)],
    "torch.cumsum": _dims(0, -1),
    "torch.cumprod": _dims(0, -1),
    "torch.logcumsumexp": _dims(0, -1),
    "torch.diff": [_s(X2)],
    "torch.cummax": _dims(0, -1),
    "torch.cummin": _dims(0, -1),
    "torch.logsumexp": _dims(0, -1, 1),
    "torch.kthvalue": _dims((2,), (1, 0), (2, -1)),
    "torch.mode": [*_dims(0, -1), _s(X2)],
    "torch.quantile": [_s(X2, 0.3), _s(X2, 0.3, 1), _s(X2, torch.tensor([0.1, 0.9]), dim=0)],
    "torch.nanquantile": [_s(X2, 0.3)],
    "torch.max": [*_reductions(), _s(X2, make(3, 5)), _s(X2, make(5)), _s(X2, 1), _s(X2, 1, True)],
    "torch.min": [*_reductions(), _s(X2, make(3, 5)), _s(X2, 1)],
    "torch.norm": [
        _s(X2),
        _s(X2, 2),
        _s(X2, 1, 0),
        _s(X2, 2, -1, True),
        _s(X2, dim=1),
        _s(X3, dim=(1, 2), keepdim=True),
        _s(X2, p=2),
    ],
    "torch.linalg.norm": [_s(X2), _s(X2, dim=1), _s(X2, 2, -1, keepdim=True)],
    "torch.dist": [_s(X2, X2)],
    "torch.linalg.vector_norm": [_s(X2), _s(X2, dim=1), _s(X2, 2, -1, True)],
    "torch.cdist": [_s(X3, make(2, 7, 5))],
    "torch.chunk": [_s(X4, 2), _s(X4, 3, 1), _s(X4, 2, dim=-1), _s(X1, 4)],
    "torch.unbind": [*_dims(0, 1, -1), _s(X4)],
    "torch.split": [_s(X4, 2, 3), _s(X4, [2, 5], dim=3), _s(X2, 1), _s(X2, 2, dim=-1), _s(X2, 9)],
    "torch.Tensor.split_with_sizes": [_s(X2, [1, 2])],
    "torch.tensor_split": [_s(X2, 2)],
    "torch.topk": [_s(X2, 2), _s(X2, 1, 0), _s(X4, 3, dim=2)],
    "torch.sort": [_s(X2), _s(X2, 0), _s(X2, descending=True)],
    "torch.meshgrid": [_s(X1, make(3), indexing="ij"), _s(X1, make(3), indexing="xy")],
    "torch.broadcast_tensors": [_s(make(3, 1), X1)],
    "torch.nonzero": [_s(X2 > 0), _s(X2 > 0, as_tuple=True)],
    "torch.unique": [
        _s(ints(3, 5)),
        _s(ints(3, 5), return_counts=True),
        _s(ints(3, 5), True, True),
        _s(ints(3, 5), dim=0),
    ],
    "torch.searchsorted": [_s(torch.arange(5.0), X2)],
    "torch.bucketize": [_s(X2, torch.arange(5.0))],
    "torch.bincount": [_s(ints(7, low=0))],
    "torch.histc": [_s(X2, 5)],
    "torch.Tensor.size": [_s(X4), _s(X4, 1), _s(X4, -1)],
    "torch.equal": [_s(X2, X2)],
    "torch.allclose": [_s(X2, X2)],
    "torch.Tensor.item": [_s(make(1)), _s(torch.tensor(3)), _s(torch.tensor(True))],
    "torch.zeros": _factory,
    "torch.ones": _factory,
    "torch.empty": [_s(2, 3)],
    "torch.rand": [s for s in _factory() if s[1].get("dtype") != torch.int64],
    "torch.randn": [s for s in _factory() if s[1].get("dtype") != torch.int64],
    "torch.full": [
        _s((2, 3), 1),
        _s((2,), 0.5),
        _s([2], True),
        _s((3,), 1.0, dtype=torch.float64),
        _s(size=(2, 3), fill_value=7),
    ],
    "torch.randint": [
        _s(0, 9, (3, 5)),
        _s(9, (3, 5)),
        _s(high=9, size=(2,)),
        _s(2, 5, [3], dtype=torch.uint8),
        _s(0, 2, size=(7,)),
    ],
    "torch.randperm": [_s(7)],
    "torch.arange": [
        _s(5),
        _s(2, 9),
        _s(0, 9, 2),
        _s(0.0, 1.0, 0.25),
        _s(5, 0, -1),
        _s(3.0),
        _s(4, dtype=torch.float32),
    ],
    "torch.linspace": [_s(0, 1, 5), _s(-1.0, 1.0, steps=7)],
    "torch.logspace": [_s(0, 1, 5)],
    "torch.eye": [_s(3), _s(3, 5)],
    "torch.normal": [_s(0.0, 1.0, (2, 3)), _s(X2, make(3, 5, low=1)), _s(mean=torch.zeros(3), std=torch.ones(3))],
    "torch.bernoulli": [_s(make(3, 5, low=0, high=1))],
    "torch.multinomial": [_s(make(5, low=0, high=1), 2)],
    "torch.poisson": [_s(make(3, 5, low=0))],
    "torch.zeros_like": _likes,
    "torch.ones_like": _likes,
    "torch.empty_like": _likes,
    "torch.rand_like": [_s(X4), _s(X2)],
    "torch.randn_like": [_s(X4)],
    "torch.full_like": [_s(X2, 3), _s(ints(3), 1)],
    "torch.randint_like": [_s(X2, 5), _s(X2, 2, 9)],
    "torch.Tensor.new_zeros": [_s(X2, 2, 3), _s(X2, (2, 3)), _s(ints(3), 2)],
    "torch.Tensor.new_ones": [_s(X2, (2, 3), dtype=torch.int64)],
    "torch.Tensor.new_empty": [_s(X2, 2)],
    "torch.Tensor.new_full": [_s(X2, (2, 3), 4)],
    "torch.Tensor.random_": [_s(ints(400)), _s(ints(400), 2), _s(ints(400), 3, 9), _s(make(400), 5)],
    "torch.nn.utils.rnn.pad_sequence": [
        _s([make(3), make(5)]),
        _s([ints(3), ints(2)], batch_first=True, padding_value=-1),
        _s((make(3, 4), make(2, 4)), True),
        _s([ints(4, dtype=torch.int32)]),
    ],
    "torch.Tensor.resize_": [_s(X2, 4, 4), _s(X2, (2, 2)), _s(ints(3), 5), _s(X2, torch.Size([7]))],
    "torch.Tensor.new_tensor": [_s(X2, [1, 2])],
    "torch.tensor": [
        _s(3),
        _s(2.5),
        _s([1, 2, 3]),
        _s([1.0, 2]),
        _s([[1, 2], [3, 4]]),
        _s([0.1, 0.9], dtype=torch.float64),
        _s(True),
        _s([True, False]),
        _s([]),
        _s([1, 2], dtype=torch.uint8),
        _s(X2.clone().requires_grad_()),
        _s([1.0], requires_grad=True),
    ],
    "torch.as_tensor": [_s(3), _s([1.5, 2]), _s(X2), _s([1, 2], dtype=torch.float32), _s(X2.clone().requires_grad_())],
    "torch.scalar_tensor": [_s(3.0)],
    "torch.from_numpy": [_s(X2.numpy()), _s(ints(3).numpy())],
    "torch.Tensor": [_s(2, 3), _s([1, 2]), _s([[1.5], [2.5]])],
    "torch.LongTensor": [_s([1, 2]), _s(2)],
    "torch.IntTensor": [_s([1])],
    "torch.ByteTensor": [_s([1, 255])],
    "torch.DoubleTensor": [_s([1.5])],
    "torch.HalfTensor": [_s([1.5])],
    "torch.BoolTensor": [_s([True])],
    "torch.ShortTensor": [_s([1])],
    "torch.nn.Parameter": [_s(X2), _s(X2, False), _s(X2, requires_grad=False)],
    "torch.Tensor.to": [
        _s(X2, torch.float64),
        _s(ints(3), torch.float32),
        _s(X2, "cpu"),
        _s(X2, "cpu", torch.int64),
        _s(X2, dtype=torch.uint8),
        _s(X2, ints(3)),
        _s(make(3, low=0, high=1), torch.bool),
        _s(X2, device="cpu"),
    ],
    "torch.Tensor.type": [_s(X2, torch.float64), _s(X2, "torch.LongTensor"), _s(X2)],
    "torch.Tensor.type_as": [_s(X2, ints(3)), _s(ints(3), X2)],
    "torch.Tensor.copy_": [_s(make(3, 5), X1), _s(ints(3, 5), X2), _s(make(5), ints(5))],
    "torch.Tensor.fill_": [_s(make(3), 2.5)],
    "torch.scatter": [_s(torch.zeros(3, 5), 1, ints(3, 1, low=0), 1.0), _s(X2, 1, ints(3, 2, low=0), X2)],
    "torch.scatter_add": [_s(X2, 1, ints(3, 2, low=0), X2)],
    "torch.scatter_reduce": [_s(X2, 1, ints(3, 2, low=0), X2, "sum")],
    "torch.index_add": [_s(X2, 0, torch.tensor([0, 2]), make(2, 5))],
    "torch.index_copy": [_s(X2, 0, torch.tensor([0, 2]), make(2, 5))],
    "torch.index_fill": [_s(X2, 0, torch.tensor([0, 2]), -9)],
    "torch.index_put": [_s(X2, (torch.tensor([0]),), make(5))],
    "torch.Tensor.uniform_": [_s(make(3, 5)), _s(make(3, 5), -2, 2)],
    "torch.Tensor.normal_": [_s(make(3, 5)), _s(make(3, 5), 0, 2)],
    "torch.nn.functional.leaky_relu": [_s(X2), _s(X2, 0.2), _s(X2, negative_slope=0), _s(make(3, low=1), 0.2)],
    "torch.nn.functional.prelu": [_s(X3, torch.tensor([0.25])), _s(make(2, 3, low=0), torch.tensor([0.25]))],
    "torch.nn.functional.elu": [_s(X2), _s(X2, 2.0)],
    "torch.nn.functional.celu": [_s(X2), _s(X2, 2.0)],
    "torch.nn.functional.threshold": [_s(X2, 0.5, 20.0), _s(X2, -1.0, -9.0)],
    "torch.nn.functional.glu": [_s(make(2, 16)), _s(make(2, 16, 3), 1)],
    "torch.nn.functional.hardtanh": [_s(X2), _s(X2, -2.0, 1.5)],
    "torch.softmax": _dims(0, 1, -1),
    "torch.log_softmax": _dims(0, 1, -1),
    "torch.nn.functional.softmax": [*_dims(0, 1, -1), _s(X2, dim=1, dtype=torch.float64)],
    "torch.nn.functional.log_softmax": _dims(0, 1, -1),
    "torch.nn.functional.softmin": _dims(0, -1),
    "torch.nn.functional.gumbel_softmax": [_s(X2), _s(X2, 1, True), _s(X2, dim=0)],
    "torch.nn.functional.linear": [_s(X2, make(7, 5)), _s(X4, make(2, 7), make(2))],
    "torch.nn.functional.bilinear": [_s(X2, make(3, 7), make(2, 5, 7))],
    "torch.nn.functional.embedding": [_s(ints(3, 5, low=0), make(9, 7))],
    "torch.nn.functional.batch_norm": [_s(IMAGE, torch.zeros(3), torch.ones(3)), _s(X3, None, None, None, None, True)],
    "torch.nn.functional.instance_norm": [_s(IMAGE)],
    "torch.nn.functional.layer_norm": [_s(X4, (7,)), _s(X4, [5, 7])],
    "torch.nn.functional.rms_norm": [_s(X4, (7,))],
    "torch.nn.functional.group_norm": [_s(make(2, 4, 5), 2)],
    "torch.nn.functional.local_response_norm": [_s(IMAGE, 2)],
    "torch.nn.functional.normalize": [_s(X4), _s(X2, dim=0), _s(X2, 1.0, 1), _s(X2.abs())],
    "torch.nn.functional.interpolate": _images(scale_factor=2)
    + _images((7, 8))
    + [_s(IMAGE, size=7, mode=m) for m in ("nearest", "bilinear", "bicubic", "area")]
    + [
        _s(IMAGE, scale_factor=0.5),
        _s(IMAGE, scale_factor=(2, 1.5)),
        _s(X3, 8, mode="linear"),
        _s(IMAGE, scale_factor=2.0, mode="bilinear", align_corners=True),
    ],
    "torch.nn.functional.upsample_nearest": [_s(IMAGE, scale_factor=2)],
    "torch.nn.functional.upsample_bilinear": [_s(IMAGE, (7, 8))],
    "torch.nn.functional.grid_sample": [
        _s(IMAGE, make(2, 5, 7, 2, low=-1, high=1), align_corners=False),
        _s(IMAGE, make(2, 5, 7, 2), mode="bicubic", align_corners=False),
        _s(IMAGE, make(2, 5, 7, 2), padding_mode="border", align_corners=False),
    ],
    "torch.nn.functional.affine_grid": [_s(make(2, 2, 3), (2, 3, 5, 7), align_corners=False)],
    "torch.nn.functional.pad": [
        _s(X4, (1, 2)),
        _s(X4, (1, 1, 2, 2)),
        _s(X4, (1, 1, 1, 1), "reflect"),
        _s(X4, (-1, 0)),
        _s(X4, (0, 1), value=9.0),
    ],
    "torch.nn.functional.pixel_shuffle": [_s(make(2, 8, 5, 7), 2)],
    "torch.nn.functional.pixel_unshuffle": [_s(IMAGE, 2)],
    "torch.nn.functional.channel_shuffle": [_s(make(2, 8, 5), 2)],
    "torch.nn.functional.unfold": [_s(IMAGE, 3), _s(IMAGE, (3, 5), 1, 1, 2)],
    "torch.nn.functional.fold": [_s(make(2, 12, 16), (8, 8), 2, stride=2), _s(make(2, 27, 196), 16, 3)],
    "torch.nn.functional.one_hot": [_s(ints(3, low=0), 7), _s(ints(3, 5, low=0))],
    "torch.nn.functional.cosine_similarity": [_s(X2, X2), _s(X3, X3, dim=1)],
    "torch.nn.functional.pairwise_distance": [_s(X2, X2)],
    "torch.nn.functional.scaled_dot_product_attention": [_s(X3, X3, X3)],
    "torch.nn.functional.softplus": [_s(X2), _s(make(3, low=2))],
}
for _n, _x in ((1, make(2, 3, 16)), (2, IMAGE), (3, make(2, 3, 8, 8, 8))):
    _w = (3,) * _n
    CASES[f"torch.nn.functional.conv{_n}d"] = [
        _s(_x, make(7, 3, *_w)),
        _s(_x, make(7, 3, *_w), None, 2, 1),
        _s(_x, make(3, 1, *_w), groups=3),
        _s(_x, make(7, 3, *_w), padding="same"),
        _s(_x, make(7, 3, *_w), dilation=2),
        _s(_x[0], make(7, 3, *_w)),
    ]
    CASES[f"torch.nn.functional.conv_transpose{_n}d"] = [
        _s(_x, make(3, 7, *_w)),
        _s(_x, make(3, 7, *_w), None, 2, 1, 1),
        _s(_x, make(3, 2, *_w), groups=3),
    ]
    CASES[f"torch.nn.functional.max_pool{_n}d"] = [
        _s(_x, 2),
        _s(_x, 3, 2, 1),
        _s(_x, 3, 2, ceil_mode=True),
        _s(_x, 2, return_indices=True),
        _s(_x[0], 2),
    ]
    CASES[f"torch.nn.functional.avg_pool{_n}d"] = [
        _s(_x, 2),
        _s(_x, 3, 2, 1),
        _s(_x, 3, 2, ceil_mode=True),
        _s(_x + 9, 3, 2, 1),
        _s(_x + 9, 3, padding=1, count_include_pad=False),
    ]
    CASES[f"torch.nn.functional.adaptive_avg_pool{_n}d"] = [_s(_x, 1), _s(_x, 4), _s(_x, (2,) * _n), _s(_x[0], 1)]
    CASES[f"torch.nn.functional.adaptive_max_pool{_n}d"] = [_s(_x, 1), _s(_x, 4)]
    CASES[f"torch.nn.functional.lp_pool{_n}d"] = [_s(_x.abs(), 2, 2)]
    CASES[f"torch.nn.functional.dropout{_n}d"] = [_s(_x), _s(_x, 0.2), _s(_x, training=False)]
    CASES[f"torch.nn.functional.max_unpool{_n}d"] = [_s(*getattr(F, f"max_pool{_n}d")(_x, 2, return_indices=True), 2)]
    if _n > 1:
        CASES[f"torch.nn.functional.fractional_max_pool{_n}d"] = [_s(_x, 2, 4)]
CASES["torch.nn.functional.adaptive_avg_pool2d"] = [
    _s(IMAGE, 1),
    _s(IMAGE, (None, 4)),
    _s(IMAGE, (2, 3)),
    _s(IMAGE[0], 1),
]

UNCHECKED = {
    "torch.Tensor.is_contiguous": "stands for many methods whose result is not followed",
    "torch.Tensor.backward": "works by its effect",
    "torch.Tensor.cuda": "needs a device",
    "torch.Tensor.xpu": "needs a device",
    "torch.Tensor.pin_memory": "needs a device",
    "torch.Tensor.share_memory_": "moves memory",
    "torch.Tensor.record_stream": "needs a device",
    "torch.Tensor.as_subclass": "needs a class of tensors",
    "torch.Tensor.coalesce": "needs a sparse tensor",
    "torch.nn.utils.rnn.pack_padded_sequence": "gives no tensor",
    "torch.nn.utils.rnn.pad_packed_sequence": "takes no tensor",
    "torch.Tensor.log_normal_": "stands for several distributions; claims nothing but noise",
}


def samples_of(op: Operation) -> list[Sample]:
    """Samples for an operation, found by name or by its first parameters."""
    case = CASES.get(op.name)
    if case is not None:
        return case() if callable(case) else case
    names = [p.name for p in op.parameters.params]
    required = [p.name for p in op.parameters.params if p.default is None and p.kind == "any"]
    if names[:2] == ["input", "other"]:
        return [((a, b), {}) for a, b in pairs()] + [((b, a), {}) for a, b in pairs() if isinstance(b, torch.Tensor)]
    if names[:3] == ["input", "dim", "keepdim"] or (names[:2] == ["input", "dim"] and "keepdim" in names):
        return _reductions()
    if required == ["input"] and names[0] == "input":
        return [((x,), {}) for x in pool()]
    return []
