"""Every contract that the installed torch and numpy can check is checked against them.

An operation is run on samples, `apply` on the abstraction of the same arguments: whatever the abstract result claims
must be true of the real one, also where less was known of the arguments. A wrong contract fails here.
"""

from __future__ import annotations

import copy
import importlib
import inspect
import os
import warnings
from typing import Any

import msgspec
import pytest

if os.environ.get("CI"):
    import torch  # a missing torch must fail there, never skip
else:
    torch = pytest.importorskip("torch")

import numpy as np

from tests.library.abstraction import PLACE, abstract, forget, lies
from tests.library.layers import layer_cases
from tests.library.samples import UNCHECKED, samples_of
from torchlint.flow.interval import REAL, Interval
from torchlint.flow.library import dtypes, meanings, ranges, results, shapes
from torchlint.flow.library.apply import apply, apply_module
from torchlint.flow.library.contracts import Contracts
from torchlint.flow.library.reading import DTYPES
from torchlint.flow.library.tables import (
    Loss,
    Module,
    Operation,
    Package,
    Row,
    Transform,
    names_of,
)
from torchlint.flow.values import Tensor, Tuple, Unknown, Value

CONTRACTS = Contracts.load([os.path.join(os.path.dirname(__file__), "..", "..", "rules", "contracts")])
OPERATIONS = [r for r in CONTRACTS.rows if isinstance(r, Operation) and r.name.startswith("torch.")]
FORWARDS = {n for n in (m.calls for m in CONTRACTS.rows if isinstance(m, Module)) if n.endswith(".forward")}
LAYERS = layer_cases()
FORGOTTEN = ("", "range", "shape", "rank", "dtype", "sizes", "some sizes", "grad", "all")

# names and parameters that came after torch 2.4, the oldest that the tests are run with
NEWER = {"torch.optim.Muon", "torch.optim.Adafactor", "torch.optim._muon.Muon", "torch.optim._adafactor.Adafactor"}


def resolve(name: str) -> Any:
    """The object of a full name: the longest prefix that imports, then attributes."""
    parts = name.split(".")
    for cut in range(len(parts), 0, -1):
        try:
            found: Any = importlib.import_module(".".join(parts[:cut]))
        except ImportError:
            continue
        try:
            for part in parts[cut:]:
                found = getattr(found, part)
        except AttributeError:
            continue
        return found
    return None


HERE = [r for r in CONTRACTS.rows if r.name.split(".")[0] in ("torch", "numpy")]


# --- the tables themselves ---------------------------------------------------------------------------------------


def test_rules_that_rows_name_exist() -> None:
    for row in CONTRACTS.rows:
        assert row.parameters is not None, row.name
        if isinstance(row, Operation):
            assert not isinstance(row.range, str) or row.range in ranges.RANGE_RULES, row.name
            assert row.shape in shapes.SHAPE_RULES, row.name
            assert row.dtype in dtypes.DTYPE_RULES or row.dtype in DTYPES, row.name
            assert row.meaning in meanings.MEANING_RULES or row.meaning in meanings.KINDS, row.name
            assert not row.result or row.result in results.RESULT_RULES, row.name
        if isinstance(row, Module):
            assert row.kind == "container" or CONTRACTS.operation(row.calls) is not None, row.name
            assert not row.expects or row.expects in {p.name for p in row.parameters.params}, row.name
        if isinstance(row, (Loss, Transform)):
            assert row.call_parameters.params


def _name_in(package: Package) -> str:
    """A name that tables know in a package."""
    names = (name for row in CONTRACTS.rows for name in names_of(row))
    return next(name.rpartition(".")[2] for name in names if name.rpartition(".")[0] == package.name)


def test_every_name_leads_to_one_row() -> None:
    seen: dict[str, Row] = {}
    for row in CONTRACTS.rows:
        if isinstance(row, Package):  # it has no name of its own, but leads on to others
            assert CONTRACTS.lookup(f"{row.inside[0]}.deeper.{_name_in(row)}") is CONTRACTS.lookup(
                f"{row.name}.{_name_in(row)}"
            )
            continue
        for name in set(names_of(row)):
            assert name not in seen, f"{name}: {row.name} and {seen[name].name}"
            seen[name] = row
            assert CONTRACTS.lookup(name) is row
    methods: dict[str, str] = {}
    for op in CONTRACTS.rows:
        if isinstance(op, Operation):
            for method in op.methods:
                assert method not in methods, f"{method}: {op.name} and {methods[method]}"
                methods[method] = op.name
    assert CONTRACTS.interesting_names() == frozenset(seen)


@pytest.mark.parametrize("row", HERE, ids=lambda r: r.name)
def test_names_exist(row: Row) -> None:
    for name in names_of(row):
        assert name in NEWER or resolve(name) is not None or name.startswith("torch.cuda."), name
    if isinstance(row, Operation):
        for method in row.methods:
            assert hasattr(torch.Tensor, method), method
        for method in row.array_methods:
            assert hasattr(np.ndarray, method), method


@pytest.mark.parametrize("row", [r for r in HERE if not isinstance(r, Operation)], ids=lambda r: r.name)
def test_parameters_exist(row: Row) -> None:
    target = resolve(row.name)
    if row.name in NEWER and target is None:
        return
    _check_parameters(row.parameters, target, row.name)
    if isinstance(row, Loss) and row.function:
        _check_parameters(row.call_parameters, resolve(row.function), row.function, {"weight"})


def _check_parameters(signature: Any, target: Any, name: str, newer: frozenset[str] | set[str] = frozenset()) -> None:
    try:
        real = inspect.signature(target)
    except (TypeError, ValueError):
        return
    if any(p.kind is p.VAR_KEYWORD for p in real.parameters.values()):
        return
    for parameter in signature.params:
        if parameter.kind == "any" or parameter.kind == "keyword":
            assert parameter.name in real.parameters or parameter.name in newer, f"{name}: {parameter.name}"


@pytest.mark.parametrize(
    "op", [o for o in OPERATIONS if o.name.startswith("torch.nn.functional.")], ids=lambda o: o.name
)
def test_order_of_parameters(op: Operation) -> None:
    try:
        real = list(inspect.signature(resolve(op.name)).parameters)
    except (TypeError, ValueError):
        return
    mine = [name for name in op.parameters.positional if name in real]
    if mine != list(op.parameters.positional):
        return  # a dispatcher with another spelling of its parameters
    assert real[: len(mine)] == mine


# --- operations against the real ones ----------------------------------------------------------------------------


def call_real(target: Any, args: Any, keywords: Any) -> Any:
    """The real result, with a fresh copy of every argument; None if torch refuses them."""
    fresh = [
        a.detach().clone().requires_grad_(a.requires_grad) if isinstance(a, torch.Tensor) else copy.copy(a)
        for a in args
    ]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return target(*fresh, **keywords)
    except (RuntimeError, TypeError, ValueError, IndexError, NotImplementedError, AssertionError):
        return None


def bound(op: Operation, args: Any, keywords: Any, what: str, tight: bool = False) -> dict[str, Value]:
    """The abstract arguments of a sample, with some facts forgotten."""
    values = [abstract(a, tight) for a in args]
    named = {k: abstract(v, tight) for k, v in keywords.items()}
    if args and len(args) > 1 and args[0] is args[1]:
        values[1] = values[0]
    if what:
        values = [forget(v, what) for v in values]
        named = {k: forget(v, what) for k, v in named.items()}
    return op.parameters.bind(values, named)


def assumed(op: Operation, args: Any, what: str) -> bool:
    """What is assumed of less: bytes do not wrap around, a convolution's input is batched, `chunk` gives all parts."""
    tensors = [a for a in args if isinstance(a, torch.Tensor)]
    if what == "dtype" and any(t.dtype == torch.uint8 for t in tensors):
        return True
    if op.name == "torch.chunk":
        return what in ("shape", "rank", "all", "sizes", "some sizes") and tensors[0].shape[0] < 6
    return ".conv" in op.name and what in ("shape", "rank", "all") and tensors[0].ndim < tensors[1].ndim


def check_operation(op: Operation) -> tuple[int, list[str]]:
    """How many samples ran, and every claim of the contract that one of them refutes."""
    found: list[str] = []
    ran = 0
    target = resolve(op.name)
    for args, keywords in samples_of(op):
        real = call_real(target, args, keywords)
        if real is None and op.result != "none":
            continue
        ran += 1
        for what in FORGOTTEN:
            if assumed(op, args, what):
                continue
            value = apply(op, bound(op, args, keywords, what), PLACE, "sample")
            for lie in lies(value, real):
                inputs = [(tuple(a.shape), a.dtype) if isinstance(a, torch.Tensor) else a for a in args]
                found.append(f"{op.name}{inputs}{keywords} without {what or 'nothing'}: {lie}")
    return ran, found


@pytest.mark.parametrize("op", [o for o in OPERATIONS if o.name not in FORWARDS], ids=lambda o: o.name)
def test_operation(op: Operation) -> None:
    if op.name in UNCHECKED or (op.result == "unknown"):
        return
    torch.manual_seed(1)
    ran, found = check_operation(op)
    assert ran, f"no sample of {op.name} ran"
    assert not found, "\n".join(found[:10])


def test_a_wrong_contract_is_seen() -> None:
    sigmoid = CONTRACTS.operation("torch.sigmoid")
    conv = CONTRACTS.operation("torch.nn.functional.conv2d")
    assert sigmoid is not None and conv is not None
    for op, change in (
        (sigmoid, {"range": (0.0, 0.5)}), (sigmoid, {"dtype": "same"}), (sigmoid, {"shape": "scalar"}),
        (sigmoid, {"grad": "detach"}), (sigmoid, {"meaning": "binary"}), (conv, {"shape": "conv-transpose2d"}),
    ):  # fmt: skip
        broken = msgspec.structs.replace(op, **change)
        assert check_operation(broken)[1], change


def _free(op: Operation) -> Value:
    first = op.parameters.params[0].name
    arguments = op.parameters.bind([Tensor(REAL, None, "float64", (4001,), "detached")], {})
    assert first in arguments
    return apply(op, arguments, PLACE, "sample")


ELEMENTWISE = [
    o for o in OPERATIONS
    if o.shape == "same" and not o.result and o.grad == "same" and o.parameters.params[0].name == "input"
    and sum(1 for p in o.parameters.params if p.default is None and p.kind == "any") == 1
    and o.name not in UNCHECKED and o.name not in FORWARDS and o.meaning != "noise"
]  # fmt: skip
GRIDS = ((-1e4, 1e4), (0.0, 1.0), (-1.0, 1.0), (-3.0, 0.5), (0.5, 4.0), (-2.0, -0.5), (0.0, 255.0))


@pytest.mark.parametrize("op", ELEMENTWISE, ids=lambda o: o.name)
def test_tight_ends_are_reached(op: Operation) -> None:
    target = resolve(op.name)
    for low, high in GRIDS:
        wide = high == 1e4
        grid = torch.linspace(low, high, 20001, dtype=torch.float64)
        if wide:
            grid = torch.cat(
                [
                    grid,
                    torch.linspace(-20, 20, 20001, dtype=torch.float64),
                    torch.tensor([1e300, -1e300], dtype=torch.float64),
                ]
            )
        real = call_real(target, (grid,), {})
        if real is None or real.isnan().any():
            continue
        source = REAL if wide else Interval(low, high)
        value = apply(
            op, op.parameters.bind([Tensor(source, None, "float64", (20001,), "detached")], {}), PLACE, "sample"
        )
        assert isinstance(value, Tensor)
        if value.range is None or not value.range.tight:
            continue
        for end, reached in ((value.range.low, float(real.min())), (value.range.high, float(real.max()))):
            if abs(end) == float("inf"):
                assert abs(reached) > 19 or op.name in ("torch.log", "torch.rsqrt"), (
                    f"{op.name} on {source}: {end}, reached {reached}"
                )
            else:
                gap = abs(end - reached)
                assert gap <= 2e-2 * max(1.0, abs(end)), f"{op.name} on {source}: {end}, reached {reached}"


def test_activations_of_something_unknown() -> None:
    for name, low, high, kind in (
        ("torch.sigmoid", 0, 1, "probability"), ("torch.nn.functional.softmax", 0, 1, "distribution"),
        ("torch.tanh", -1, 1, "activation"), ("torch.nn.functional.log_softmax", float("-inf"), 0, "log-distribution"),
    ):  # fmt: skip
        op = CONTRACTS.operation(name)
        assert op is not None
        value = apply(op, op.parameters.bind([Unknown()], {}), PLACE, name)
        assert isinstance(value, Tensor) and value.range is not None and value.meaning is not None
        assert (value.range.low, value.range.high, value.range.tight) == (low, high, False)
        assert value.meaning.kind == kind
        tight = _free(op)
        assert isinstance(tight, Tensor) and tight.range is not None and tight.range.tight, name


# --- layers ------------------------------------------------------------------------------------------------------

MODULES = [r for r in CONTRACTS.rows if isinstance(r, Module) and r.name.startswith("torch.") and r.kind != "container"]


@pytest.mark.parametrize("row", MODULES, ids=lambda r: r.name)
def test_layer(row: Module) -> None:
    torch.manual_seed(1)
    cases = LAYERS.get(row.name, [])
    assert cases, f"{row.name} has no sample"
    lazy = row.short.startswith("Lazy")
    for args, keywords, inputs in cases:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            layer = resolve(row.name)(*args, **keywords)
            modes = (False,) if row.name == "torch.nn.SyncBatchNorm" else (False, True)
            for training in modes:
                layer.train(training)
                try:
                    real = layer(*[i.clone() for i in inputs])
                except ValueError:
                    assert training, row.name  # a batch norm refuses a single value while it trains
                    continue
                made = row.parameters.bind([abstract(a) for a in args], {k: abstract(v) for k, v in keywords.items()})
                for what in FORGOTTEN:
                    unbatched = row.spatial + 1 if row.spatial else 2 if row.kind == "recurrent" else -1
                    single = inputs[0].ndim == unbatched
                    if what in ("some sizes", "all", "shape", "rank") and single:
                        continue  # without a shape a convolution's or an RNN's input is taken to be batched
                    given = [forget(abstract(i), what) if what else abstract(i) for i in inputs]
                    value = apply_module(CONTRACTS, row, made, given, {}, PLACE, row.short)
                    assert not isinstance(value, Unknown) or what or "return_indices" in keywords or row.short in (
                        "EmbeddingBag", "FractionalMaxPool2d", "FractionalMaxPool3d"), row.name  # fmt: skip
                    found = lies(value, real)
                    assert not found, f"{row.name}{args}{keywords} training={training} without {what}: {found}"
    if row.expects and not lazy:
        _check_expectation(row, cases[0])


def _check_expectation(row: Module, case: Any) -> None:
    """The layer takes what `expects` says at `channel_dim`, and refuses one channel more."""
    args, keywords, inputs = case
    made = row.parameters.bind([abstract(a) for a in args], {k: abstract(v) for k, v in keywords.items()})
    expected = getattr(made[row.expects], "value", None)
    assert inputs[0].shape[row.channel_dim] == expected, row.name
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        layer = resolve(row.name)(*args, **keywords).eval()
    sizes = list(inputs[0].shape)
    sizes[row.channel_dim] += 1
    with pytest.raises((RuntimeError, ValueError, AssertionError)):
        layer(torch.rand(sizes), *inputs[1:])


# --- losses ------------------------------------------------------------------------------------------------------

LOSSES = [r for r in CONTRACTS.rows if isinstance(r, Loss) and r.name.startswith("torch.")]
SAME = {
    "binary": lambda: torch.randint(0, 2, (4, 3)).float(), "probability": lambda: torch.rand(4, 3),
        "value": lambda: torch.randn(4, 3),
    "sign": lambda: torch.randint(0, 2, (4, 3)).float() * 2 - 1, "count": lambda: torch.randint(0, 9, (4, 3)).float(),
    "distribution": lambda: torch.rand(4, 3).softmax(1),
}  # fmt: skip


def loss_inputs(row: Loss) -> tuple[torch.Tensor, torch.Tensor]:
    """An input and a target as the row declares them."""
    x = torch.randn(4, 3)
    x = {"probability": torch.sigmoid, "log-probability": lambda t: t.log_softmax(1)}.get(row.takes, lambda t: t)(x)
    if row.target == "class-index":
        target = torch.randint(0, 3, (4, 3) if row.same_shape else (4,))
    else:
        target = SAME[row.target]()
    return x, target


@pytest.mark.parametrize("row", LOSSES, ids=lambda r: r.name)
def test_loss_takes_what_it_declares(row: Loss) -> None:
    torch.manual_seed(1)
    if row.family in ("ctc", "gaussian-nll", "cosine-embedding", "margin-ranking", "triplet", "adaptive-softmax"):
        return  # other arguments than an input and a target
    warnings.simplefilter("ignore")  # pytest puts the filters back
    x, target = loss_inputs(row)
    assert torch.isfinite(resolve(row.name)()(x, target))
    if row.function:
        assert torch.isfinite(resolve(row.function)(x, target))
    assert resolve(row.name)(reduction="none")(x, target).numel() >= 4
    if row.takes == "probability":
        with pytest.raises(RuntimeError):
            resolve(row.name)()(x * 4 - 2, target)
    if row.applies:
        inner = {"sigmoid": torch.sigmoid, "softmax": lambda t: t.log_softmax(1)}[row.applies](x)
        plain = {"bce-with-logits": torch.nn.BCELoss(), "cross-entropy": torch.nn.NLLLoss()}.get(row.family)
        if plain is not None:
            assert torch.allclose(plain(inner, target), resolve(row.name)()(x, target), atol=1e-5)


def test_cross_entropy_takes_distributions() -> None:
    row = CONTRACTS.lookup("torch.nn.functional.cross_entropy")
    assert isinstance(row, Loss) and row.target_distribution
    assert torch.isfinite(torch.nn.functional.cross_entropy(torch.randn(4, 3), torch.rand(4, 3).softmax(1)))


# --- numpy -------------------------------------------------------------------------------------------------------

ARRAYS: list[Any] = [np.random.default_rng(1).normal(size=(3, 5)), np.arange(15, dtype=np.uint8).reshape(3, 5),
    np.arange(15).reshape(3, 5),
          np.ones((2, 3), np.float32), np.array([True, False]),
              np.random.default_rng(1).random((2, 3, 5)).astype(np.float32)]  # fmt: skip
CALLS: dict[str, list[tuple[Any, ...]]] = {
    "numpy.array": [([1, 2],), ([1.5, 2],), (3,)], "numpy.full": [((2, 3), 7), ((2,), 0.5)],
        "numpy.zeros": [((2, 3),), (4,)],
    "numpy.ones": [((2, 3),), (4,)], "numpy.empty": [((2, 3),)], "numpy.arange": [(5,), (2, 9), (0, 1, 0.25)],
        "numpy.linspace": [(0, 1, 5)],
    "numpy.eye": [(3,), (3, 5)], "numpy.identity": [(3,)], "numpy.random.rand": [(2, 3), ()],
        "numpy.random.randn": [(2, 3)],
    "numpy.random.random": [((2, 3),)], "numpy.random.uniform": [(0, 2, (3,)), (-1.0, 1.0)],
        "numpy.random.normal": [(0, 1, (3,))],
    "numpy.random.choice": [(5, (2, 3)), ([0.5, 1.5], 4), (np.arange(4), (2,))], "numpy.random.permutation": [(5,)],
    "numpy.random.standard_normal": [((3,),)], "numpy.random.randint": [(5,), (0, 5, (2, 3)), (0, 9, 4)],
        "numpy.full_like": [(ARRAYS[0], 3)],
    "numpy.transpose": [(ARRAYS[5], (2, 0, 1)), (ARRAYS[5],), (ARRAYS[0],)], "numpy.moveaxis": [(ARRAYS[5], 2, 0)],
        "numpy.swapaxes": [(ARRAYS[5], 0, 2)],
    "numpy.reshape": [(ARRAYS[0], (5, -1)), (ARRAYS[0], -1)], "numpy.expand_dims": [(ARRAYS[0], 0), (ARRAYS[0], -1)],
    "numpy.concatenate": [([ARRAYS[0], ARRAYS[0]],), ([ARRAYS[0], ARRAYS[2]], 1)],
        "numpy.stack": [([ARRAYS[0], ARRAYS[0]], 1)],
    "numpy.clip": [(ARRAYS[0], 0, 1), (ARRAYS[1], 2, 9), (ARRAYS[0], None, 0.5)], "numpy.tile": [(ARRAYS[0], (2, 1))],
        "numpy.repeat": [(ARRAYS[0], 2, 1)],
    "numpy.where": [(ARRAYS[0] > 0, ARRAYS[0], 0.0), (ARRAYS[0] > 0, 1, 0)],
        "numpy.power": [(ARRAYS[0], 2), (ARRAYS[2], 2)],
    "numpy.split": [(ARRAYS[0], 3)], "numpy.matmul": [(ARRAYS[0], ARRAYS[0].T)],
        "numpy.einsum": [("ij,kj->ik", ARRAYS[0], ARRAYS[0])],
    "numpy.ndarray.astype": [(ARRAYS[0], np.float32), (ARRAYS[1], np.float32), (ARRAYS[0], "uint8")],
        "numpy.squeeze": [(np.ones((1, 3, 1)),), (np.ones((1, 3)), 0)],
    "numpy.broadcast_to": [(np.ones((3, 1)), (2, 3, 5))], "numpy.meshgrid": [(np.arange(3), np.arange(5))],
        "numpy.take": [(ARRAYS[0], [0, 1])],
}  # fmt: skip
FOR_ONE = [(a,) for a in ARRAYS] + [(a, k) for a in ARRAYS for k in (0, -1)]
FOR_TWO = [(a, b) for a in ARRAYS[:3] for b in (*ARRAYS[:3], 2, 0.5, 255)]
NUMPY = [r for r in CONTRACTS.rows if isinstance(r, Operation) and r.name.startswith("numpy.")]


@pytest.mark.parametrize("op", NUMPY, ids=lambda o: o.name)
def test_numpy(op: Operation) -> None:
    if op.result in ("unknown", "loaded"):
        return
    two = op.parameters.positional[:2] in (("x1", "x2"), ("a", "b"))
    unary = len([p for p in op.parameters.params if p.default is None and p.kind == "any"]) == 1
    samples = CALLS.get(op.name) or (
        FOR_TWO if two else FOR_ONE[: len(ARRAYS)] if op.shape == "same" or not unary else FOR_ONE
    )
    for args in samples:
        with np.errstate(all="ignore"):
            real = call_real(resolve(op.name), args, {})
        if real is None:
            continue
        for what in FORGOTTEN:
            if what == "dtype" and any(isinstance(a, np.ndarray) and a.dtype == np.uint8 for a in args):
                continue  # bytes are assumed not to wrap around
            value = apply(op, bound(op, args, {}, what), PLACE, "sample")
            found = [f for f in lies(value, real) if not _scalar(value, real)]
            assert not found, f"{op.name}{args} without {what}: {found}"


def _scalar(value: Value, real: Any) -> bool:
    """A number where an array without dimensions is claimed."""
    return isinstance(value, Tensor) and isinstance(real, (int, float))


def test_numpy_methods_where_torch_differs() -> None:
    array = ARRAYS[5]
    for method, args in (
        ("transpose", (2, 0, 1)),
        ("max", (1,)),
        ("argmax", (1,)),
        ("sum", (0,)),
        ("reshape", (2, -1)),
        ("flatten", ()),
    ):
        op = CONTRACTS.method(method, "numpy")
        assert op is not None
        value = apply(op, op.parameters.bind([abstract(array), *[abstract(a) for a in args]], {}), PLACE, "sample")
        assert not lies(value, getattr(array, method)(*args)), method
        assert not isinstance(value, (Tuple, Unknown)), method
