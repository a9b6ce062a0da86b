"""Shapes of attention and transformers, and what recurrent layers refuse.

Worked example: ``F.scaled_dot_product_attention(q, k, v)`` of B×8×10×64, B×8×12×64 and B×8×12×32 is B×8×10×32.
"""

from __future__ import annotations

from torchlint.flow.library.axes import broadcast
from torchlint.flow.library.reading import Call, dim_of
from torchlint.flow.library.refusals import firm, need_rank, need_same
from torchlint.flow.shape import Dim, Shape
from torchlint.flow.values import Object


def attention_product(call: Call) -> Shape:
    """``scaled_dot_product_attention``: the queries' lengths, with the width of the values.

    Raises:
        Refused: queries and keys have other widths, keys and values other lengths, or the batches do not fit.
    """
    query, key, value = (call.tensor(name).shape for name in ("query", "key", "value"))
    if not query or not key or not value or min(len(query), len(key), len(value)) < 2:
        return None
    need_same("matmul", query[-1], key[-1], len(query) - 1, "queries and keys")
    need_same("matmul", key[-2], value[-2], len(key) - 2, "keys and values")
    if call.flag("enable_gqa") is not False:
        return (*query[:-1], value[-1])
    batch = broadcast(broadcast(query[:-2], key[:-2]), value[:-2])
    return None if batch is None else (*batch, query[-2], value[-1])


def need_features(shape: Shape, width: Dim, taken: Dim) -> None:
    """Refuse another last dimension than a layer takes.

    Raises:
        Refused: it certainly is another.
    """
    need_same("features", shape[-1] if shape else width, taken, None if not shape else len(shape) - 1)


def recurrent_input(call: Call) -> None:
    """Refuse what a recurrent layer does not take.

    Raises:
        Refused: it has other features, or neither two nor three dimensions.
    """
    tensor = call.input
    if tensor.holder == "tensor":
        need_rank(tensor.shape, 2, 3, note="recurrent layer")
    need_features(tensor.shape, tensor.width, dim_of(call["input_size"]))


def cell_input(call: Call) -> None:
    """Refuse what a recurrent cell does not take.

    Raises:
        Refused: it has other features, or neither one nor two dimensions.
    """
    need_rank(call.input.shape, 1, 2, note="recurrent cell")
    need_features(call.input.shape, call.input.width, dim_of(call["input_size"]))


def attention_input(call: Call) -> None:
    """Refuse what ``nn.MultiheadAttention`` does not take.

    Raises:
        Refused: its queries, keys or values have other features, or their lengths do not fit.
    """
    whole = dim_of(call["embed_dim"])
    shapes: list[Shape] = []
    for name, width in (("query", whole), ("key", dim_of(call.given("kdim")) or whole),
                        ("value", dim_of(call.given("vdim")) or whole)):  # fmt: skip
        tensor = call.tensor(name)
        need_rank(tensor.shape, 2, 3, note="attention")
        need_features(tensor.shape, tensor.width, width)
        shapes.append(tensor.shape)
    query, key, value = shapes
    if key is not None and value is not None and len(key) == len(value):
        for i in range(len(key) - 1):
            need_same("sizes", key[i], value[i], i, "keys and values")
    first = call.flag("batch_first")
    if query is not None and key is not None and len(query) == len(key) == 3 and first is not None:
        at = 0 if first else 1
        need_same("sizes", key[at], query[at], at, "batch")


def _model_width(call: Call, *layers: str) -> Dim:
    for name in layers:
        layer = call[name]
        if isinstance(layer, Object):
            return dim_of(layer.arguments.get("d_model"))
    return dim_of(call["d_model"])


def encoder(call: Call) -> Shape:
    """An encoder, or a layer of one: the shape stays.

    Raises:
        Refused: the features are not those of the model.
    """
    tensor = call.input
    need_rank(tensor.shape, 2, 3, note="encoder")
    need_features(tensor.shape, tensor.width, _model_width(call, "encoder_layer"))
    return tensor.shape


def decoder(call: Call) -> Shape:
    """A decoder, or a layer of one: the target's shape stays.

    Raises:
        Refused: the features of the target or the memory are not those of the model.
    """
    width = _model_width(call, "decoder_layer")
    for name in ("tgt", "memory"):
        tensor = call.tensor(name)
        need_rank(tensor.shape, 2, 3, note="decoder")
        need_features(tensor.shape, tensor.width, width)
    return call.tensor("tgt").shape


def transformer(call: Call) -> Shape:
    """``nn.Transformer``: the target's shape.

    Raises:
        Refused: the features of source or target are not those of the model, or the batches differ.
    """
    source, target = call.tensor("src"), call.tensor("tgt")
    for tensor in (source, target):
        need_rank(tensor.shape, 2, 3, note="transformer")
        need_features(tensor.shape, tensor.width, dim_of(call["d_model"]))
    first = call.flag("batch_first")
    a, b = source.shape, target.shape
    if a is not None and b is not None and len(a) == len(b) == 3 and first is not None and firm(a) and firm(b):
        at = 0 if first else 1
        need_same("sizes", a[at], b[at], at, "batch")
    return target.shape
