"""Receptive fields of random networks, against the gradients of torch: with positive weights, one position of the
output has a gradient exactly at those positions of the input that it depends on."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import NamedTuple

import pytest
import torch

from torchlint.frontends.cli import main

SIZE = 96
KINDS = ("conv", "conv", "power", "avg", "up", "bilinear", "transposed", "shuffle", "unshuffle", "point")


class Step(NamedTuple):
    """A layer as it is written; what it makes of the number of channels; whether its field is an upper bound."""

    text: str
    channels: int
    bound: bool = False


def steps(rng: random.Random) -> list[Step]:
    """A few layers that fit each other."""
    channels, found = 1, []
    for _ in range(rng.randint(1, 5)):
        kernel, dilation = rng.choice((1, 2, 3, 5)), rng.choice((1, 1, 2, 3))
        stride = rng.choice((1, 1, 2))
        pad = rng.randint(0, 3)
        out = rng.choice((1, 2, 4))
        kind = rng.choice(KINDS)
        if kind == "conv":
            places = f"{kernel}, {stride}, {pad}, {dilation}"
            found.append(Step(f"nn.Conv2d({channels}, {out}, {places})", out))
            channels = out
        elif kind == "power":
            found.append(Step(f"nn.LPPool2d(1.0, {kernel}, {stride})", channels))
        elif kind == "avg":
            found.append(Step(f"nn.AvgPool2d({kernel}, {stride}, {min(pad, kernel // 2)})", channels))
        elif kind == "up":
            found.append(Step(f"nn.Upsample(scale_factor={rng.choice((2, 3))})", channels, True))
        elif kind == "bilinear":
            found.append(Step("nn.Upsample(scale_factor=2, mode='bilinear')", channels, True))
        elif kind == "transposed":
            places = f"{kernel}, {stride}, {min(pad, kernel - 1)}, dilation={dilation}"
            found.append(Step(f"nn.ConvTranspose2d({channels}, {out}, {places})", out, True))
            channels = out
        elif kind == "shuffle" and channels % 4 == 0:
            channels //= 4
            found.append(Step("nn.PixelShuffle(2)", channels, True))
        elif kind == "unshuffle" and channels == 1:
            channels *= 4
            found.append(Step("nn.PixelUnshuffle(2)", channels))
        elif kind == "point":
            found.append(Step(rng.choice(("nn.ReLU()", "nn.Softplus()", "nn.Sigmoid()", "nn.Identity()")), channels))
    return found


def network(rng: random.Random) -> tuple[str, bool]:
    """A module whose ways meet, and whether its field is an upper bound only."""
    stem = steps(rng)
    last = stem[-1].channels if stem else 1
    kernel, dilation = rng.choice((1, 3, 5)), rng.choice((1, 2))
    same = f"nn.Conv2d({last}, {last}, {kernel}, padding={(kernel - 1) // 2 * dilation}, dilation={dilation})"
    join = rng.choice(("y", "x + y", "torch.cat([x, y], 1)", "torch.relu(x + y) * 2"))
    text = (
        "import torch\nfrom torch import nn\n\n\n"
        "class Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
        f"        self.stem = nn.Sequential({', '.join(one.text for one in stem)})\n        self.same = {same}\n\n"
        f"    def forward(self, x):\n        x = self.stem(x)\n        y = self.same(x)\n        return {join}\n"
    )
    return text, any(one.bound for one in stem)


def reached(text: str) -> tuple[int, int] | None:
    """How many positions, from the first to the last, one inner position depends on; None if torch refuses, or if the
    positions go to the border."""
    namespace: dict[str, object] = {}
    exec(text, namespace)
    torch.manual_seed(0)
    model = namespace["Net"]().double()  # type: ignore[operator]
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.uniform_(0.1, 1)
            parameter.div_(parameter.sum().clamp(min=1))
    x = torch.rand(1, 1, SIZE, SIZE, dtype=torch.float64).add(0.1).requires_grad_()
    try:
        y = model(x)
    except RuntimeError:
        return None
    h, w = y.shape[2] // 2, y.shape[3] // 2
    best = [0, 0]
    for row in range(h, min(h + 4, y.shape[2])):  # positions between those of a coarser grid differ in what they see
        (gradient,) = torch.autograd.grad(y[0, :, row, w].sum(), x, retain_graph=True)
        hit = gradient[0, 0] != 0
        rows, columns = hit.any(1).nonzero().flatten(), hit.any(0).nonzero().flatten()
        if not len(rows) or rows[0] == 0 or columns[0] == 0 or rows[-1] == SIZE - 1 or columns[-1] == SIZE - 1:
            return None
        best = [max(best[0], int(rows[-1] - rows[0]) + 1), max(best[1], int(columns[-1] - columns[0]) + 1)]
    return best[0], best[1]


@pytest.mark.parametrize("seed", range(0, 120, 20))
def test_fields_of_random_networks(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    checked = 0
    for number in range(seed, seed + 20):
        text, bound = network(random.Random(number))
        real = reached(text)
        if real is None:
            continue
        Path("net.py").write_text(text)
        main(["inspect", "net.py", "--input", f"1,1,{SIZE},{SIZE}", "--output-format", "json"])
        field = json.loads(capsys.readouterr().out)["models"][0]["layers"][0]["field"]
        assert field is not None and field != "all", text
        assert all(low <= high for low, high in zip(real, field)), (real, field, text)
        if not bound:
            assert list(real) == field, (real, field, text)
        checked += 1
    assert checked >= 5


FOCUS = """\
import torch
from torch import nn


class Focus(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)

    def forward(self, x):
        x = self.conv(x)
        return RESULT
"""


@pytest.mark.parametrize(
    ("result", "field"),
    [
        ("x[:, :2]", [3, 3]),
        ("torch.cat([x[..., ::2, ::2], x[..., 1::2, 1::2]], 1)", None),  # passes over positions
        ("x.mean(1)", None),
        ("x.mean((2, 3))", "all"),
        ("x.flatten(1)", "all"),
        ("x * 2 + x.relu()", [3, 3]),
    ],
)
def test_what_is_done_with_positions(
    result: str, field: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("net.py").write_text(FOCUS.replace("RESULT", result))
    main(["inspect", "net.py", "--input", "1,3,16,16", "--output-format", "json"])
    assert json.loads(capsys.readouterr().out)["models"][0]["layers"][0]["field"] == field
