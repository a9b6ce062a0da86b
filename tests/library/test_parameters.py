"""What layers of ``torch.nn`` hold, by their rows, against real layers of random valid arguments."""

from __future__ import annotations

import inspect
import random
from typing import Any

import pytest
from torch import nn

from tests.library.test_contracts import CONTRACTS
from torchlint.flow.library.parameters import RULES, count, held
from torchlint.flow.library.tables import Module
from torchlint.flow.values import Const, Object, Tuple, Value

ROWS = [row for row in CONTRACTS.rows if isinstance(row, Module) and row.name.startswith("torch.nn.")]
#: Layers that are made of others, which arguments of their own give them.
MADE_OF_LAYERS = {"encoder", "decoder"}


def signature(row: Module) -> dict[str, inspect.Parameter]:
    """The parameters of a row's constructor."""
    namespace: dict[str, Any] = {}
    exec(f"def made{row.signature}: ...", namespace)
    return dict(inspect.signature(namespace["made"]).parameters)


def arguments_of(row: Module, rng: random.Random) -> dict[str, Any]:
    """Random values of the parameters of a constructor."""
    found: dict[str, Any] = {}
    for name, parameter in signature(row).items():
        size, flag = rng.choice((4, 8, 12)), rng.choice((True, False))
        if name in ("in_channels", "out_channels", "embed_dim", "num_channels"):
            found[name] = size
        elif name == "d_model":
            found[name] = 8
        elif name in ("nhead", "num_heads", "groups", "num_groups", "upscale_factor", "downscale_factor"):
            found[name] = rng.choice((1, 2, 4))
        elif name == "kernel_size":
            found[name] = rng.choice((1, 3))
        elif name in ("num_layers", "num_encoder_layers", "num_decoder_layers"):
            found[name] = rng.choice((1, 2, 3))
        elif name == "normalized_shape":
            found[name] = rng.choice((5, (3, 4)))
        elif name in ("bias", "affine", "elementwise_affine", "bidirectional", "batch_first", "add_bias_kv"):
            found[name] = flag
        elif name in ("kdim", "vdim"):
            found[name] = rng.choice((None, 6))
        elif name == "dim_feedforward":
            found[name] = 10
        elif parameter.default is inspect.Parameter.empty and parameter.kind is parameter.POSITIONAL_OR_KEYWORD:
            found[name] = size
    if row.holds == "lstm" and rng.random() < 0.5:
        found["proj_size"] = 2
    return found


def value(given: Any) -> Value:
    return Tuple(tuple(map(Const, given))) if isinstance(given, tuple) else Const(given)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_parameters_of_layers(row: Module) -> None:
    real = getattr(nn, row.name.rpartition(".")[2], None)
    if not (isinstance(real, type) and issubclass(real, nn.Module)) or row.holds in MADE_OF_LAYERS:
        pytest.skip("no layer of its own")
    made = 0
    for seed in range(12):
        given = arguments_of(row, random.Random(seed))
        try:
            layer = real(**given)
        except Exception:
            continue
        made += 1
        known = held(row, bound(row, given))
        if row.holds == "lazy":
            assert known is None
            continue
        if not row.holds:
            assert not list(layer.parameters()), (row.name, given)
            continue
        assert known == {name: tuple(one.shape) for name, one in layer.named_parameters()}, (row.name, given)
        assert count(known) == sum(one.numel() for one in layer.parameters())
    assert made or not row.holds, row.name


def bound(row: Module, given: dict[str, Any]) -> dict[str, Value]:
    """All arguments of the constructor, as a call binds them."""
    found = {p.name: value(p.default) for p in signature(row).values() if p.default is not p.empty}
    return {**found, **{name: value(one) for name, one in given.items()}}


@pytest.mark.parametrize(("kind", "layers"), [("Encoder", 1), ("Encoder", 3), ("Decoder", 2)])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.filterwarnings("ignore:enable_nested_tensor")
def test_stacks_of_layers(kind: str, layers: int, bias: bool) -> None:
    one = getattr(nn, f"Transformer{kind}Layer")
    made_of = CONTRACTS.lookup(f"torch.nn.Transformer{kind}Layer")
    assert isinstance(made_of, Module)
    arguments = bound(made_of, {})
    arguments |= {"d_model": Const(8), "nhead": Const(2), "dim_feedforward": Const(6), "bias": Const(bias)}
    inner = Object("module", f"torch.nn.Transformer{kind}Layer", arguments, {}, None)
    row = CONTRACTS.lookup(f"torch.nn.Transformer{kind}")
    assert isinstance(row, Module)
    real = getattr(nn, f"Transformer{kind}")(one(8, 2, 6, bias=bias), layers)
    name = f"{kind.lower()}_layer"
    known = held(row, {name: inner, "num_layers": Const(layers), "norm": Const(None)})
    assert known == {key: tuple(tensor.shape) for key, tensor in real.named_parameters()}


def test_every_rule_is_used() -> None:
    assert {row.holds for row in CONTRACTS.rows if isinstance(row, Module)} - {""} == set(RULES)
