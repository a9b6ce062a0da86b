"""Inputs found for models: from the data where they are known, else by search."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.confirm.forked import answer, ran, written

HEAD = "import torch\nimport torch.nn as nn\nimport torch.nn.functional as F\n"

# What a class is made of, and the shape that its input must have (None: a size that search may choose).
MODELS: dict[str, tuple[str, str, list[tuple[int | None, ...]]]] = {
    "linear": ("self.a = nn.Linear(7, 2)", "return self.a(x)", [(2, 7)]),
    "mnist rows": ("self.a = nn.Linear(784, 2)", "return self.a(x.view(-1, 784))", [(2, 784)]),
    "mnist pictures": (
        "self.a = nn.Linear(784, 2)", "assert x.dim() == 4\n        return self.a(x.flatten(1))", [(2, 1, 28, 28)]
    ),
    "small network": (
        "self.a = nn.Conv2d(1, 6, 5)\n        self.b = nn.Linear(6 * 12 * 12, 2)",
        "x = F.max_pool2d(self.a(x), 2)\n        return self.b(x.view(-1, 6 * 12 * 12))",
        [(2, 1, 28, 28)],
    ),
    "any size": ("self.a = nn.Conv2d(3, 6, 3)", "return self.a(x).mean((2, 3))", [(2, 3, None, None)]),
    "1d": ("self.a = nn.Conv1d(4, 6, 3)", "return self.a(x)", [(2, 4, None)]),
    "3d": ("self.a = nn.Conv3d(2, 6, 3)", "return self.a(x)", [(2, 2, None, None, None)]),
    "generator": ("self.a = nn.ConvTranspose2d(100, 8, 4, 1, 0)", "return self.a(z)", [(2, 100, 1, 1)]),
    "embedding": ("self.a = nn.Embedding(50, 8)", "return self.a(x)", [(2, None)]),
    "lstm": ("self.a = nn.LSTM(5, 8, batch_first=True)", "return self.a(x)[0][:, -1]", [(2, None, 5)]),
    "sequential": ("self.a = nn.Sequential(nn.Dropout(), nn.Linear(9, 2))", "return self.a(x)", [(2, 9)]),
    "inner block": (
        "self.a = Inner()", "return self.a(x)", [(2, 5)]
    ),
    "two inputs": (
        "self.a = nn.Linear(6, 2)\n        self.b = nn.Linear(4, 2)", "return self.a(x) + self.b(y)", [(2, 6), (2, 4)]
    ),
    "label": (
        "self.e = nn.Embedding(10, 3)\n        self.a = nn.Linear(3, 2)", "return self.a(self.e(labels))", [(2,)]
    ),
    "dict output": ("self.a = nn.Linear(7, 2)", "return {'features': x, 'out': self.a(x)}", [(2, 7)]),
    "tuple output": ("self.a = nn.Linear(7, 2)", "return self.a(x), x", [(2, 7)]),
    "value-dependent": (
        "self.a = nn.Linear(7, 2)",
        "if x.sum().item() > -1e9:\n            x = x + 1\n        return self.a(x)",
        [(2, 7)],
    ),
    "numpy inside": (
        "self.a = nn.Linear(7, 2)", "return self.a(x) + torch.from_numpy(x.detach().numpy())[:, :2]", [(2, 7)]
    ),
    "cuda inside": ("self.a = nn.Linear(7, 2)", "return self.a(x.cuda()) + torch.ones(2, device='cuda')", [(2, 7)]),
    "uncopyable": (
        "import threading\n        self.lock = threading.Lock()\n        self.a = nn.Linear(7, 2)",
        "return self.a(x)",
        [(2, 7)],
    ),
}  # fmt: skip


def model(init: str, forward: str) -> str:
    """The text of a file with one model."""
    first = next((name for name in ("labels", "z", "y") if name in forward.replace("dummy", "")), "x")
    parameters = {"labels": "labels", "z": "z", "y": "x, y"}.get(first, "x") if "numpy" not in forward else "x"
    return (
        f"{HEAD}\nclass Inner(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
        f"        self.unused = nn.Linear(3, 3)\n        self.used = nn.Linear(5, 2)\n"
        f"    def forward(self, x):\n        return self.used(x)\n"
        f"\nclass Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n        {init}\n"
        f"    def forward(self, {parameters}):\n        {forward}\n"
    )


@pytest.mark.parametrize("name", MODELS)
def test_an_input_is_found_that_runs(tmp_path: Path, name: str) -> None:
    init, forward, expected = MODELS[name]
    found = ran(tmp_path, {"net.py": model(init, forward)}, owner="net.py", cls="Net")
    assert "shapes" in found, found
    assert len(found["shapes"]) == len(expected)
    for shape, pattern in zip(found["shapes"], expected):
        assert len(shape) == len(pattern) and all(b is None or a == b for a, b in zip(shape, pattern)), found
    assert found["known"] is False


def test_a_size_that_changes_the_batch_is_no_fit(tmp_path: Path) -> None:
    """`view(-1, K)` accepts pictures of twice the side as four times as many samples."""
    text = model(
        "self.a = nn.Linear(16, 2)\n        self.c = nn.Conv2d(1, 1, 1)", "return self.a(self.c(x).view(-1, 16))"
    )
    found = ran(tmp_path, {"net.py": text}, None, {"sizes": [8]}, owner="net.py", cls="Net")
    assert found.get("reason") == "forward" or found["shapes"] == [(2, 1, 4, 4)]


def test_what_the_data_give_is_known(tmp_path: Path) -> None:
    text = model("self.a = nn.Conv2d(3, 6, 3)", "return self.a(x).mean((2, 3))")
    wanted = [{"shape": ["B", 3, 40, 50], "dtype": "float32", "low": -1.0, "high": 1.0}]
    found = ran(tmp_path, {"net.py": text}, wanted, owner="net.py", cls="Net")
    assert found["shapes"] == [(2, 3, 40, 50)] and found["known"] is True and found["tried"] == 1
    assert found["range"] == [(-1.0, 1.0)]
    found = ran(tmp_path, {}, None, {"shapes": [[4, 3, 9, 9]]}, owner="net.py", cls="Net")
    assert found["shapes"] == [(4, 3, 9, 9)] and found["known"] is True


def test_open_dimensions_are_searched_together(tmp_path: Path) -> None:
    text = model("self.a = nn.Linear(3 * 12 * 12, 2)", "return self.a(x.flatten(1))")
    wanted = [{"shape": [None, 3, "H", "H"], "dtype": None, "low": None, "high": None}]
    found = ran(tmp_path, {"net.py": text}, wanted, {"sizes": [12]}, owner="net.py", cls="Net")
    assert found["shapes"] == [(2, 3, 12, 12)] and found["known"] is False


def test_whole_numbers_stay_whole(tmp_path: Path) -> None:
    text = model("self.a = nn.Embedding(50, 8)", "return self.a(x)")
    wanted = [{"shape": ["B", 6], "dtype": "int64", "low": 0, "high": 49}]
    found = ran(tmp_path, {"net.py": text}, wanted, owner="net.py", cls="Net")
    assert found["dtypes"] == ["int64"] and found["range"] == [(0.0, 49.0)] and found["known"] is True


@pytest.mark.parametrize(
    ("line", "shape"),
    [
        ("x = torch.randn(1, 3, 52, 52)", (2, 3, 52, 52)),
        ("summary(Net(), (3, 52, 52))", (2, 3, 52, 52)),
        ("t = [transforms.Resize((52, 52)), transforms.ToTensor()]", (2, 3, 52, 52)),
        ("parser.add_argument('--img_size', type=int, default=52)", (2, 3, 52, 52)),
        ("data = datasets.CIFAR10('x')", (2, 3, 32, 32)),
        ("y = torch.randn(1, 5)", (2, 3, 224, 224)),
    ],
)
def test_the_project_s_texts_say_what_to_try_first(tmp_path: Path, line: str, shape: tuple[int, ...]) -> None:
    text = model("self.a = nn.Conv2d(3, 6, 3)", "return self.a(x).mean((2, 3))")
    files = {"net.py": text, "train.py": f"from net import Net\ndef main():\n    {line}\n    net = Net()\n"}
    found = ran(tmp_path, files, owner="net.py", cls="Net")
    assert found["shapes"] == [shape] and found["known"] is False


def test_a_part_gets_what_the_whole_gives_it(tmp_path: Path) -> None:
    text = f"""{HEAD}
class Gate(nn.Module):
    def __init__(self, g, x):
        super().__init__()
        self.g, self.x = nn.Conv2d(g, 4, 1), nn.Conv2d(x, 4, 2, stride=2)
    def forward(self, gate, skip):
        return self.g(gate) * self.x(skip)

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b, self.gate = nn.Conv2d(1, 5, 1), nn.Conv2d(5, 6, 2, stride=2), Gate(6, 5)
    def forward(self, x):
        x = self.a(x)
        return self.gate(self.b(x), skip=x)
"""
    found = ran(tmp_path, {"net.py": text}, None, {"sizes": [20]}, owner="net.py", cls="Gate")
    assert found["kind"] == "inside"
    assert found["shapes"] == [(2, 6, 10, 10), (2, 5, 20, 20)] and found["output"] == (2, 4, 10, 10)


def test_forward_that_cannot_run_says_where(tmp_path: Path) -> None:
    text = model("self.a = nn.Linear(7, 2)", "y = 1\n        raise KeyError('odd')").replace("x, y", "x")
    found = ran(tmp_path, {"net.py": text}, owner="net.py", cls="Net")
    assert found["reason"] == "forward" and "odd" in found["message"]
    assert text.splitlines()[found["line"] - 1].strip() == "raise KeyError('odd')"


def test_an_endless_forward_ends_with_the_budget(tmp_path: Path) -> None:
    written(tmp_path, {"net.py": model("self.a = nn.Linear(7, 2)", "while True: pass")})

    def work(project: Any) -> str:
        import build
        import infer

        built = build.build(project, {"owner": "net.py", "cls": "Net"}, 10.0)
        try:
            infer.find_inputs(built, None, {}, 0.5)
        except infer.InferError as error:
            return error.reason
        return "found"

    assert answer(tmp_path, work) == "budget"


def test_a_search_leaves_the_model_as_it_was(tmp_path: Path) -> None:
    """Running statistics, tensors cached on the module, the mode, and the random state."""
    text = model(
        "self.a = nn.Linear(7, 2)\n        self.n = nn.BatchNorm1d(2)\n        self.cache = None",
        "self.cache = self.n(self.a(x))\n        if self.cache.sum().item() > 1e9:\n            return x\n"
        "        return self.cache",
    )
    written(tmp_path, {"net.py": text})

    def work(project: Any) -> list[bool]:
        import build
        import infer
        import torch

        built = build.build(project, {"owner": "net.py", "cls": "Net"}, 10.0)
        torch.manual_seed(5)
        before = {name: value.clone() for name, value in built.model.state_dict().items()}
        inputs = infer.find_inputs(built, None, {}, 10.0)
        after = built.model.state_dict()
        same = all(torch.equal(before[name], after[name]) for name in before)
        number = torch.rand(1)
        torch.manual_seed(5)
        output = built.model(*inputs.tensors)
        return [same, built.model.training, torch.equal(number, torch.rand(1)), type(output) is torch.Tensor]

    assert answer(tmp_path, work) == [True, True, True, True]


def test_data_reach_the_ends_of_their_range(tmp_path: Path) -> None:
    def work(project: Any) -> list[Any]:
        import infer
        import torch

        generator = torch.Generator().manual_seed(0)
        found: list[Any] = []
        for spec in (
            {"shape": [3, 4], "dtype": "float32", "low": -2.5, "high": 7.0},
            {"shape": [3, 4], "dtype": "float16", "low": 0.0, "high": 255.0},
            {"shape": [3, 4], "dtype": "int64", "low": 2, "high": 5},
            {"shape": [3, 4], "dtype": "uint8", "low": 0, "high": 255},
            {"shape": [3, 4], "dtype": "int64", "low": 0.5, "high": 3.5},
            {"shape": [3, 4], "dtype": "bool", "low": None, "high": None},
            {"shape": [3, 4], "dtype": "float32", "low": None, "high": None},
            {"shape": [0, 4], "dtype": "float32", "low": 0.0, "high": 1.0},
        ):
            data = infer.draw(spec, generator)
            found.append([str(data.dtype), list(data.shape)])
            if data.numel():
                found[-1] += [float(data.min()), float(data.max())]
        again = infer.draw({"shape": [5], "dtype": "float32"}, torch.Generator().manual_seed(1))
        return [*found, torch.equal(again, infer.draw({"shape": [5]}, torch.Generator().manual_seed(1)))]

    assert answer(tmp_path, work) == [
        ["torch.float32", [3, 4], -2.5, 7.0],
        ["torch.float16", [3, 4], 0.0, 255.0],
        ["torch.int64", [3, 4], 2.0, 5.0],
        ["torch.uint8", [3, 4], 0.0, 255.0],
        ["torch.int64", [3, 4], 1.0, 3.0],
        ["torch.bool", [3, 4], 0.0, 1.0],
        ["torch.float32", [3, 4], 0.0, 1.0],
        ["torch.float32", [0, 4]],
        True,
    ]
