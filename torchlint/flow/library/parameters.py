"""The parameters that a layer of a library makes: their names and shapes, by the rules that rows name under ``holds``.

Every rule takes the constructor's arguments and gives the shapes by name, in the order in which torch registers them;
None where an argument that decides on it is not known. Source: the constructors of ``torch.nn``.

Worked example: ``Conv2d(16, 32, 3, groups=4, bias=False)`` has ``weight`` of 32×4×3×3, 1,152 numbers, and no ``bias``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Union

from torchlint.flow.library.reading import dims_of
from torchlint.flow.library.tables import Module
from torchlint.flow.shape import Shape, product
from torchlint.flow.values import Const, Object, Value

Shapes = dict[str, Shape]
#: What a layer holds: shapes by name, or None where that is not known.
Held = Union[Shapes, None]


class _UnknownError(Exception):
    """An argument that decides on the parameters is not known."""


class Arguments:
    """The arguments of a constructor, by name."""

    def __init__(self, given: Mapping[str, Value]) -> None:
        self._given = given

    def size(self, name: str) -> int:
        """A whole number."""
        value = self._given.get(name)
        if isinstance(value, Const) and isinstance(value.value, int):
            return int(value.value)
        raise _UnknownError

    def size_or(self, name: str, default: int) -> int:
        """A whole number; the default in the place of None."""
        value = self._given.get(name)
        return default if isinstance(value, Const) and value.value is None else self.size(name)

    def sizes(self, name: str, n: int = 0) -> tuple[int, ...]:
        """Whole numbers; one of them stands for `n` equal ones."""
        value = self._given.get(name)
        dims = None if value is None else dims_of(value)
        if dims is None or not all(isinstance(dim, int) for dim in dims):
            raise _UnknownError
        found = tuple(dim for dim in dims if isinstance(dim, int))
        return found * n if len(found) == 1 and n else found

    def flag(self, name: str, default: bool = True) -> bool:
        """Whether something is wanted."""
        value = self._given.get(name)
        if value is None:
            return default
        if isinstance(value, Const):
            return bool(value.value)
        raise _UnknownError

    def layer(self, name: str) -> Object | None:
        """A layer; None in the place of None."""
        value = self._given.get(name)
        if isinstance(value, Object):
            return value
        if value is None or (isinstance(value, Const) and value.value is None):
            return None
        raise _UnknownError


def _affine(weight: tuple[int, ...], bias: tuple[int, ...], wanted: bool) -> Shapes:
    return {"weight": weight, "bias": bias} if wanted else {"weight": weight}


def _linear(a: Arguments) -> Shapes:
    out = a.size("out_features")
    return _affine((out, a.size("in_features")), (out,), a.flag("bias"))


def _bilinear(a: Arguments) -> Shapes:
    out = a.size("out_features")
    return _affine((out, a.size("in1_features"), a.size("in2_features")), (out,), a.flag("bias"))


def _conv(n: int, transposed: bool) -> Callable[[Arguments], Shapes]:
    def rule(a: Arguments) -> Shapes:
        given, out, groups = a.size("in_channels"), a.size("out_channels"), a.size("groups")
        if groups <= 0:
            raise _UnknownError
        head = (given, out // groups) if transposed else (out, given // groups)
        return _affine((*head, *a.sizes("kernel_size", n)), (out,), a.flag("bias"))

    return rule


def _norm(size: str, wanted: str = "affine") -> Callable[[Arguments], Shapes]:
    def rule(a: Arguments) -> Shapes:
        return _affine(a.sizes(size), a.sizes(size), a.flag("bias")) if a.flag(wanted) else {}

    return rule


def _rms(a: Arguments) -> Shapes:
    return {"weight": a.sizes("normalized_shape")} if a.flag("elementwise_affine") else {}


def _recurrent(gates: int) -> Callable[[Arguments], Shapes]:
    def rule(a: Arguments) -> Shapes:
        hidden, given = a.size("hidden_size"), a.size("input_size")
        projected = a.size_or("proj_size", 0) if gates == 4 else 0
        both, bias = a.flag("bidirectional"), a.flag("bias")
        out = projected or hidden
        held: Shapes = {}
        for layer in range(a.size("num_layers")):
            for end in ("", "_reverse") if both else ("",):
                name = f"l{layer}{end}"
                width = given if layer == 0 else out * (2 if both else 1)
                held[f"weight_ih_{name}"] = (gates * hidden, width)
                held[f"weight_hh_{name}"] = (gates * hidden, out)
                if bias:
                    held[f"bias_ih_{name}"] = held[f"bias_hh_{name}"] = (gates * hidden,)
                if projected:
                    held[f"weight_hr_{name}"] = (projected, hidden)
        return held

    return rule


def _cell(gates: int) -> Callable[[Arguments], Shapes]:
    def rule(a: Arguments) -> Shapes:
        hidden = a.size("hidden_size")
        held: Shapes = {"weight_ih": (gates * hidden, a.size("input_size")), "weight_hh": (gates * hidden, hidden)}
        if a.flag("bias"):
            held["bias_ih"] = held["bias_hh"] = (gates * hidden,)
        return held

    return rule


def _attention(a: Arguments) -> Shapes:
    width = a.size("embed_dim")
    keys, values = a.size_or("kdim", width), a.size_or("vdim", width)
    held: Shapes
    if keys == values == width:
        held = {"in_proj_weight": (3 * width, width)}
    else:
        held = {"q_proj_weight": (width, width), "k_proj_weight": (width, keys), "v_proj_weight": (width, values)}
    bias = a.flag("bias")
    if bias:
        held["in_proj_bias"] = (3 * width,)
    if a.flag("add_bias_kv"):
        held["bias_k"] = held["bias_v"] = (1, 1, width)
    held["out_proj.weight"] = (width, width)
    if bias:
        held["out_proj.bias"] = (width,)
    return held


def _inside(held: Held, name: str) -> Shapes:
    if held is None:
        raise _UnknownError
    return {f"{name}.{inner}": shape for inner, shape in held.items()}


def _attends(a: Arguments, name: str) -> Shapes:
    width, bias = a.size("d_model"), a.flag("bias")
    held: Shapes = {"in_proj_weight": (3 * width, width)}
    if bias:
        held["in_proj_bias"] = (3 * width,)
    held["out_proj.weight"] = (width, width)
    if bias:
        held["out_proj.bias"] = (width,)
    return _inside(held, name)


def _layer(*attentions: str) -> Callable[[Arguments], Shapes]:
    """A layer of a transformer: attentions, two linear layers, and a norm for each part."""

    def rule(a: Arguments) -> Shapes:
        width, inner, bias = a.size("d_model"), a.size("dim_feedforward"), a.flag("bias")
        held: Shapes = {}
        for name in attentions:
            held |= _attends(a, name)
        held |= _inside(_affine((inner, width), (inner,), bias), "linear1")
        held |= _inside(_affine((width, inner), (width,), bias), "linear2")
        for number in range(len(attentions) + 1):
            held |= _inside(_affine((width,), (width,), bias), f"norm{number + 1}")
        return held

    return rule


_ENCODER_LAYER, _DECODER_LAYER = _layer("self_attn"), _layer("self_attn", "multihead_attn")


def _of_layer(layer: Object | None) -> Shapes:
    """What a layer that is given to another one holds."""
    rules = {"TransformerEncoderLayer": _ENCODER_LAYER, "TransformerDecoderLayer": _DECODER_LAYER,
             "LayerNorm": RULES["layer-norm"], "RMSNorm": _rms}  # fmt: skip
    if layer is None:
        return {}
    if not layer.name.startswith("torch.nn.") or layer.short not in rules:
        raise _UnknownError
    return rules[layer.short](Arguments(layer.arguments))


def _stack(name: str) -> Callable[[Arguments], Shapes]:
    def rule(a: Arguments) -> Shapes:
        one = _of_layer(a.layer(name))
        held: Shapes = {}
        for number in range(a.size("num_layers")):
            held |= _inside(one, f"layers.{number}")
        return held | _inside(_of_layer(a.layer("norm")), "norm")

    return rule


def _transformer(a: Arguments) -> Shapes:
    if a.layer("custom_encoder") is not None or a.layer("custom_decoder") is not None:
        raise _UnknownError
    width = a.size("d_model")
    held: Shapes = {}
    for part, rule in (("encoder", _ENCODER_LAYER), ("decoder", _DECODER_LAYER)):
        for number in range(a.size(f"num_{part}_layers")):
            held |= _inside(rule(a), f"{part}.layers.{number}")
        held |= _inside(_affine((width,), (width,), a.flag("bias")), f"{part}.norm")
    return held


def _lazy(a: Arguments) -> Shapes:
    raise _UnknownError


RULES: dict[str, Callable[[Arguments], Shapes]] = {
    "linear": _linear,
    "bilinear": _bilinear,
    "norm": _norm("num_features"),
    "group-norm": _norm("num_channels"),
    "layer-norm": _norm("normalized_shape", "elementwise_affine"),
    "rms-norm": _rms,
    "prelu": lambda a: {"weight": (a.size("num_parameters"),)},
    "embedding": lambda a: {"weight": (a.size("num_embeddings"), a.size("embedding_dim"))},
    "rnn": _recurrent(1),
    "gru": _recurrent(3),
    "lstm": _recurrent(4),
    "rnn-cell": _cell(1),
    "gru-cell": _cell(3),
    "lstm-cell": _cell(4),
    "attention": _attention,
    "encoder-layer": _ENCODER_LAYER,
    "decoder-layer": _DECODER_LAYER,
    "encoder": _stack("encoder_layer"),
    "decoder": _stack("decoder_layer"),
    "transformer": _transformer,
    "lazy": _lazy,
}
for _n in (1, 2, 3):
    RULES[f"conv{_n}d"] = _conv(_n, False)
    RULES[f"conv-transpose{_n}d"] = _conv(_n, True)


def held(row: Module, arguments: Mapping[str, Value]) -> Held:
    """The shapes of a layer's parameters by name; None where that is not known.

    Args:
        arguments: the bound arguments of its constructor, free of alternatives.
    """
    if not row.holds:
        return {}
    try:
        return RULES[row.holds](Arguments(arguments))
    except _UnknownError:
        return None


def count(shapes: Mapping[str, Shape]) -> int | None:
    """How many numbers these parameters have in all; None where a size is not known."""
    total = 0
    for shape in shapes.values():
        size = None if shape is None else product(shape)
        if not isinstance(size, int):
            return None
        total += size
    return total
