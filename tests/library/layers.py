"""Layers as they are built and called: constructor arguments and inputs, by full name."""

from __future__ import annotations

from typing import Any

import torch

from tests.library.samples import IMAGE, ints, make

Case = tuple[tuple[Any, ...], dict[str, Any], tuple[Any, ...]]
X3, X2 = make(2, 3, 16), make(3, 5)


def _c(inputs: Any, *args: Any, **keywords: Any) -> Case:
    return args, keywords, inputs if isinstance(inputs, tuple) else (inputs,)


def layer_cases() -> dict[str, list[Case]]:
    """Every layer of `torch.nn` with ways to build and to call it."""
    nn: dict[str, list[Case]] = {
        "Linear": [_c(X2, 5, 7), _c(make(2, 3, 5), 5, 1, bias=False), _c(make(5), in_features=5, out_features=2)],
        "Bilinear": [_c((X2, make(3, 7)), 5, 7, 2)],
        "LazyLinear": [_c(X2, 7)],
        "LayerNorm": [_c(X2, 5), _c(make(2, 3, 5, 7), [5, 7])],
        "RMSNorm": [_c(X2, 5)],
        "GroupNorm": [_c(make(2, 4, 5), 2, 4)],
        "LocalResponseNorm": [_c(IMAGE, 2)],
        "CrossMapLRN2d": [_c(IMAGE, 2)],
        "PReLU": [_c(IMAGE), _c(IMAGE, 3)],
        "LeakyReLU": [_c(X2), _c(X2, 0.2)],
        "Threshold": [_c(X2, 0.1, 20.0)],
        "GLU": [_c(make(2, 16))],
        "Softmax": [_c(X2, dim=1), _c(IMAGE, 1)],
        "LogSoftmax": [_c(X2, dim=1)],
        "Softmin": [_c(X2, dim=1)],
        "Softmax2d": [_c(IMAGE)],
        "ELU": [_c(X2), _c(X2, 2.0)],
        "Hardtanh": [_c(X2), _c(X2, -2.0, 2.0)],
        "Identity": [_c(X2), _c(X2, 54, unused=1)],
        "Flatten": [_c(IMAGE), _c(IMAGE, 0), _c(IMAGE, 1, 2)],
        "Unflatten": [_c(make(2, 6), 1, (2, 3))],
        "PixelShuffle": [_c(make(2, 8, 5, 7), 2)],
        "PixelUnshuffle": [_c(IMAGE, 2)],
        "ChannelShuffle": [_c(make(2, 8, 5), 2)],
        "Fold": [_c(make(2, 12, 16), (8, 8), 2, stride=2)],
        "Unfold": [_c(IMAGE, 3), _c(IMAGE, (3, 5), 1, 1, 2)],
        "Upsample": [
            _c(IMAGE, scale_factor=2),
            _c(IMAGE, (7, 8), mode="bilinear", align_corners=True),
            _c(IMAGE, size=20, mode="bicubic"),
        ],
        "UpsamplingNearest2d": [_c(IMAGE, scale_factor=2)],
        "UpsamplingBilinear2d": [_c(IMAGE, (7, 8))],
        "Embedding": [_c(ints(3, 5, low=0), 9, 7), _c(ints(3, low=0), 9, 1)],
        "EmbeddingBag": [_c(ints(3, 5, low=0), 9, 7)],
        "MultiheadAttention": [
            _c((make(7, 2, 8),) * 3, 8, 2),
            _c((make(2, 7, 8),) * 3, 8, 2, batch_first=True),
            _c((make(2, 7, 8), make(2, 5, 8), make(2, 5, 8)), 8, 2, batch_first=True),
        ],
        "TransformerEncoderLayer": [_c(make(7, 2, 8), 8, 2, 16)],
        "TransformerDecoderLayer": [_c((make(7, 2, 8), make(5, 2, 8)), 8, 2, 16)],
        "Transformer": [_c((make(5, 2, 8), make(7, 2, 8)), 8, 2, 1, 1, 16)],
        "TransformerEncoder": [
            _c(make(7, 2, 8), torch.nn.TransformerEncoderLayer(8, 2, 16), 2, enable_nested_tensor=False)
        ],
        "TransformerDecoder": [_c((make(7, 2, 8), make(5, 2, 8)), torch.nn.TransformerDecoderLayer(8, 2, 16), 2)],
        "CosineSimilarity": [_c((X2, X2))],
        "PairwiseDistance": [_c((X2, X2))],
        "SyncBatchNorm": [_c(IMAGE, 3)],
        "ReLU": [_c(X2), _c(X2, True), _c(X2, inplace=True)],
        "RNNCell": [_c(X2, 5, 7), _c(X2, 5, 7, nonlinearity="relu")],
        "GRUCell": [_c(X2, 5, 7)],
        "LSTMCell": [_c(X2, 5, 7), _c(make(5), 5, 7)],
    }
    for name in ("RNN", "GRU", "LSTM"):
        nn[name] = [
            _c(make(7, 2, 5), 5, 8),
            _c(make(2, 7, 5), 5, 8, 2, batch_first=True),
            _c(make(7, 5), 5, 8),
            _c(make(2, 7, 5), 5, 8, bidirectional=True, batch_first=True),
        ]
    nn["RNN"].append(_c(make(7, 2, 5), 5, 8, nonlinearity="relu"))
    nn["LSTM"].append(_c(make(7, 2, 5), 5, 8, proj_size=3))
    for n, x in ((1, X3), (2, IMAGE), (3, make(2, 3, 8, 8, 8))):
        nn[f"Conv{n}d"] = [
            _c(x, 3, 7, 3),
            _c(x, 3, 7, 3, 2, 1),
            _c(x, 3, 1, 1),
            _c(x, 3, 6, 3, groups=3, padding="same"),
            _c(x, 3, 7, kernel_size=(3,) * n, padding=(1,) * n, dilation=2),
            _c(x[0], 3, 7, 3),
            _c(x, 3, 7, 2, padding="valid"),
            _c(x, 3, 7, 3, padding=1, padding_mode="reflect"),
        ]
        nn[f"LazyConv{n}d"] = [_c(x, 7, 3)]
        nn[f"ConvTranspose{n}d"] = [
            _c(x, 3, 7, 3),
            _c(x, 3, 7, 4, 2, 1),
            _c(x, 3, 7, 3, stride=2, padding=1, output_padding=1),
            _c(x, 3, 6, 2, groups=3),
        ]
        nn[f"BatchNorm{n}d"] = [_c(x, 3), _c(x, 3, affine=False)]
        nn[f"LazyBatchNorm{n}d"] = [_c(x)]
        nn[f"InstanceNorm{n}d"] = [_c(x, 3), _c(x, 3, affine=True)]
        nn[f"MaxPool{n}d"] = [
            _c(x, 2),
            _c(x, 3, 2, 1),
            _c(x, 3, stride=2, ceil_mode=True),
            _c(x, 2, return_indices=True),
        ]
        nn[f"AvgPool{n}d"] = [_c(x, 2), _c(x, 3, 2, 1), _c(x + 9, 3, 2, 1)]
        nn[f"AdaptiveAvgPool{n}d"] = [_c(x, 1), _c(x, (4,) * n)]
        nn[f"AdaptiveMaxPool{n}d"] = [_c(x, 1), _c(x, 4)]
        nn[f"LPPool{n}d"] = [_c(x.abs(), 2, 2)]
        nn[f"MaxUnpool{n}d"] = [_c(getattr(torch.nn.functional, f"max_pool{n}d")(x, 2, return_indices=True), 2)]
        if n > 1:
            nn[f"FractionalMaxPool{n}d"] = [_c(x, 2, output_size=4)]
        nn[f"ConstantPad{n}d"] = [_c(x, 1, 7.5)]
        for kind in ("Zero", "Reflection", "Replication", "Circular"):
            nn[f"{kind}Pad{n}d"] = [_c(x, 1), _c(x, (1, 2) * n)]
        nn[f"Dropout{n}d"] = [_c(x), _c(x, 0.2)]
    for name in ("Dropout", "AlphaDropout", "FeatureAlphaDropout"):
        nn[name] = [_c(IMAGE), _c(make(3, 5, low=0, high=1), 0.2), _c(IMAGE, p=0.0)]
    for name in (
        "Sigmoid",
        "Tanh",
        "ReLU6",
        "RReLU",
        "CELU",
        "SELU",
        "GELU",
        "SiLU",
        "Mish",
        "Hardsigmoid",
        "Hardswish",
        "Hardshrink",
        "Softshrink",
        "Tanhshrink",
        "Softplus",
        "Softsign",
        "LogSigmoid",
    ):
        nn[name] = [_c(X2), _c(make(3, 5, low=-100, high=100)), _c(make(3, 5, low=0, high=1))]
    return {f"torch.nn.{name}": cases for name, cases in nn.items()}
