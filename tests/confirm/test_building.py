"""Models constructed as scripts construct them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.confirm.forked import answer, build_one, row_of, written

NET = """
import torch
import torch.nn as nn

class Net(nn.Module):
    def __init__(self, width, out=2):
        super().__init__()
        self.fc = nn.Linear(width, out)

    def forward(self, x):
        return self.fc(x)
"""

SITES = {
    "top": "net = Net(3)",
    "constant": "WIDTH = 3\nnet = Net(WIDTH)",
    "keyword": "net = Net(out=2, width=3)",
    "star": "shape = [3, 2]\nnet = Net(*shape)",
    "double star": "cfg = dict(width=3)\nnet = Net(**cfg)",
    "chain": "net = Net(3).cuda().eval()",
    "device": "device = torch.device('cuda:0')\nnet = Net(3).to(device)",
    "parallel": "net = nn.DataParallel(Net(3))",
    "guard": "if __name__ == '__main__':\n    width = 3\n    net = Net(width)",
    "function": "def main():\n    width = 3\n    net = Net(width)\nmain()",
    "global": "width = 3\ndef main():\n    net = Net(width)",
    "guard's global": "def main():\n    net = Net(width)\nif __name__ == '__main__':\n    width = 3\n    main()",
    "parameter": "def build(width):\n    return Net(width)\nnet = build(3)",
    "keyword parameter": "def build(a=0, *, width):\n    return Net(width)\nnet = build(width=3)",
    "default": "def build(width=3):\n    return Net(width)",
    "two calls up": (
        "def inner(w):\n    return Net(w)\ndef outer(v):\n    return inner(v)\nif __name__ == '__main__':\n    outer(3)"
    ),
    "closure": "def outer():\n    width = 3\n    def inner():\n        return Net(width)\n    return inner()",
    "loop": "for width in [3, 4]:\n    net = Net(width)",
    "enumerate": "def main():\n    for i, (w, _) in enumerate([(3, 1)]):\n        net = Net(w)",
    "branch": "kind = 'a'\nif kind == 'a':\n    width = 3\nelse:\n    width = 4\nnet = Net(width)",
    "own branch": "def build(kind):\n    if kind == 'b':\n        width = 3\n        return Net(width)",
    "with": "def main():\n    with torch.no_grad():\n        width = 3\n        net = Net(width)",
    "try": "try:\n    width = 3\n    net = Net(width)\nexcept Exception:\n    raise",
    "conditional": "big = False\nnet = Net(3) if not big else Net(4)",
    "dict": "models = {'net': Net(3)}",
    "trainer": (
        "class Trainer:\n    def __init__(self, width):\n        self.width = width\n        self.build()\n"
        "    def build(self):\n        self.net = Net(self.width)\nTrainer(3)"
    ),
    "trainer's method": (
        "class Trainer:\n    def size(self):\n        return self.k * 3\n    k = 1\n"
        "    def build(self):\n        self.net = Net(self.size())"
    ),
    "config class": "class Config:\n    width = 3\nnet = Net(Config.width)",
    "config object": (
        "class Config:\n    def __init__(self):\n        self.width = 3\ncfg = Config()\nnet = Net(cfg.width)"
    ),
    "config dict": "cfg = {'model': {'width': 3}}\nnet = Net(cfg['model']['width'])",
    "json": "import json\nwith open('config.json') as file:\n    cfg = json.load(file)\nnet = Net(cfg['width'])",
    "enum": "from enum import IntEnum\nclass Size(IntEnum):\n    S = 3\nnet = Net(Size.S.value)",
    "environment": "import os\nwidth = int(os.environ.get('NO_SUCH_WIDTH', '3'))\nnet = Net(width)",
    "shape": "x = torch.zeros(5, 3)\nnet = Net(x.shape[1])",
    "computed": "sizes = []\nfor k in range(3):\n    sizes.append(k)\nnet = Net(len(sizes))",
    "loaded": "net = Net(3)\nnet.load_state_dict(torch.load('w.pth')['model'])",
    "spoiled after": "width = 3\nnet = Net(width)\nwidth = open('x').read()",
}


@pytest.mark.parametrize("name", SITES)
def test_the_call_is_made_as_the_script_makes_it(tmp_path: Path, name: str) -> None:
    site = next(line[line.index("Net(") :] for line in SITES[name].splitlines() if "Net(" in line)
    files = {"train.py": f"{NET}\n{SITES[name]}\n", "config.json": '{"width": 3}'}
    written(tmp_path, files)
    spec = {**row_of(tmp_path, "train.py", site), "owner": "train.py", "cls": "Net"}
    found = build_one(tmp_path, {}, **spec)
    assert "in_features=3, out_features=2" in found.get("model", found), found
    assert found["kind"] == "site" and found["guessed"] == ()
    assert found["text"].startswith("Net(") and (found["path"], found["row"]) == ("train.py", spec["row"])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("net = nn.Sequential(nn.Linear(3, 4), nn.ReLU())", "nn.Sequential(nn.Linear(3, 4), nn.ReLU())"),
        (
            "layers = [nn.Linear(3, 4)]\nlayers.append(nn.ReLU())\nnet = nn.Sequential(*layers)",
            "nn.Sequential(*layers)",
        ),
        ("net = getattr(nn, 'Linear')(3, 4)", "getattr(nn, 'Linear')(3, 4)"),
        ("table = {'linear': nn.Linear}\nnet = table['linear'](3, 4)", "table['linear'](3, 4)"),
        ("def make(n):\n    return nn.Linear(3, n)\nnet = make(4)", "make(4)"),
    ],
)
def test_a_library_s_model_is_made_at_its_site(tmp_path: Path, text: str, expected: str) -> None:
    written(tmp_path, {"train.py": f"import torch.nn as nn\n{text}\n"})
    found = build_one(tmp_path, {}, f"train.py: {text.rpartition('= ')[2]}")
    assert "Linear(in_features=3, out_features=4" in found.get("model", found)
    assert found["text"] == expected


def test_a_model_that_holds_another(tmp_path: Path) -> None:
    text = f"{NET}\nclass Outer(nn.Module):\n    def __init__(self, backbone):\n        super().__init__()\n"
    text += "        self.backbone = backbone\nnet = Outer(backbone=Net(3))\n"
    found = build_one(tmp_path, {"train.py": text}, "train.py: Outer(backbone", owner="train.py", cls="Outer")
    assert "in_features=3" in found["model"] and found["text"] == "Outer(backbone=Net(3))"


def test_what_analysis_knows_fills_what_the_slice_does_not(tmp_path: Path) -> None:
    text = f"{NET}\nimport requests\nwidth = requests.get('http://x').json()\nnet = Net(width, out=5)\n"
    spec = {"owner": "train.py", "cls": "Net"}
    found = build_one(tmp_path, {"train.py": text}, "train.py: Net(width", **spec)
    assert found["kind"] == "guessed", found
    found = build_one(tmp_path, {}, "train.py: Net(width", **spec, arguments={"width": 7})
    assert found["kind"] == "analysis" and "in_features=7, out_features=5" in found["model"]


def test_recipes_without_a_site(tmp_path: Path) -> None:
    files = {
        "models.py": NET + "\nclass Plain(nn.Linear):\n    def __init__(self):\n        super().__init__(2, 2)\n"
        "\nclass Wide(Net):\n    def __init__(self, width=6):\n        super().__init__(width)\n"
        "\nclass Odd(Net):\n    def __init__(self, zork):\n        super().__init__(3)\n"
        "\nclass Guessed(Net):\n    def __init__(self, in_channels):\n        super().__init__(in_channels)\n"
        "\nclass Block(nn.Module):\n    def __init__(self, zork):\n        super().__init__()\n"
        "        self.fc = nn.Linear(zork, 1)\n"
        "\nclass Root(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
        "        self.blocks = nn.ModuleList([Block(n) for n in (8, 9)])\n",
        "train.py": "from models import Net\nimport models\nif __name__ == '__main__':\n    net = Net(11)\n",
    }
    found = build_one(tmp_path, files, owner="models.py", cls="Net")
    assert (found["kind"], found["text"], found["path"], found["row"]) == ("site", "Net(11)", "train.py", 4)
    found = build_one(tmp_path, {}, owner="models.py", cls="Plain")
    assert (found["kind"], found["text"]) == ("none", "Plain()")
    found = build_one(tmp_path, {}, owner="models.py", cls="Wide")
    assert found["kind"] == "defaults" and "in_features=6" in found["model"]
    found = build_one(tmp_path, {}, owner="models.py", cls="Guessed")
    assert found["kind"] == "guessed" and found["guessed"] == ("in_channels=3",)
    found = build_one(tmp_path, {}, owner="models.py", cls="Odd")
    assert found["reason"] == "argument" and "zork" in found["message"]
    found = build_one(tmp_path, {}, owner="models.py", cls="Block")
    assert found["kind"] == "inside" and "in_features=8" in found["model"] and found["text"] == "Root()"


def test_weights_are_neither_read_nor_fetched(tmp_path: Path) -> None:
    """Files of weights are pickles: opening one runs it."""
    text = f"""
{NET}
import pickle, torch.hub
from torch.hub import load_state_dict_from_url
from torch.utils.model_zoo import load_url
from torch.utils import model_zoo

class Pretrained(Net):
    def __init__(self, pretrained=True):
        super().__init__(3)
        if pretrained:
            self.load_state_dict(load_state_dict_from_url("http://x/y.pth"))
            self.load_state_dict(load_url("http://x/y.pth"))
            self.load_state_dict(model_zoo.load_url("http://x/y.pth"))
            state = torch.load("evil.pth", map_location="cpu")
            state = {{k.replace("module.", ""): v for k, v in state["state_dict"].items()}}
            self.load_state_dict(state)

net = Pretrained(pretrained=True)
hub = torch.hub.load("a/b", "resnet18")
"""
    (tmp_path / "evil.pth").write_bytes(b"cposix\nsystem\n(S'touch evil.txt'\ntR.")
    found = build_one(tmp_path, {"train.py": text}, "train.py: Pretrained(pre", owner="train.py", cls="Pretrained")
    assert "in_features=3" in found.get("model", found)
    assert not (tmp_path / "evil.txt").exists()
    assert build_one(tmp_path, {}, "train.py: torch.hub.load(")["reason"] in ("download_blocked", "argument")


def test_a_library_is_asked_for_no_weights(tmp_path: Path) -> None:
    library = """
    import torch.nn as nn
    def create_model(name, pretrained=False, encoder_weights="imagenet", weights=None):
        if pretrained or encoder_weights or weights:
            raise OSError("download")
        return nn.Linear(3, 4)
    """
    text = """
    import timm_like
    import torch.nn as nn
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = timm_like.create_model("r", pretrained=True, encoder_weights="imagenet", weights="DEFAULT")
    net = Net()
    direct = timm_like.create_model("r", pretrained=True, encoder_weights="imagenet")
    """
    written(tmp_path, {"site/timm_like.py": library, "project/train.py": text})

    def work(project: Any) -> list[dict[str, Any]]:
        import sys

        from tests.confirm.forked import attempt

        sys.path.insert(0, str(tmp_path / "site"))
        folder = tmp_path / "project"
        return [
            attempt(project, row_of(folder, "train.py", part))
            for part in ("Net()", 'timm_like.create_model("r", pretrained=True, encoder_weights="imagenet")')
        ]

    for found in answer(tmp_path / "project", work):
        assert "in_features=3" in found.get("model", found)


def test_models_that_ask_for_a_graphics_card(tmp_path: Path) -> None:
    text = """
    import torch
    import torch.nn as nn
    class Net(nn.Module):
        def __init__(self, device="cuda"):
            super().__init__()
            self.fc = nn.Linear(3, 2, device="mps").cuda()
            self.scale = nn.Parameter(torch.ones(3, device=device)).to("cuda:0")
            self.register_buffer("shift", torch.zeros(3).cuda(0).to(device="xpu", dtype=torch.float32))
            self.to(torch.device("cuda", 1))
            self.kind = {p.device.type for p in self.parameters()} | {self.shift.device.type, self.scale.device.type}
        def extra_repr(self):
            return f"devices={self.kind}"
    net = Net()
    """
    found = build_one(tmp_path, {"train.py": text}, "train.py: Net()")
    assert "devices={'cpu'}" in found.get("model", found)


def test_changes_after_the_construction_are_followed(tmp_path: Path) -> None:
    base = "import torch.nn as nn\nclasses = 7\ndef build():\n    net = nn.Sequential(nn.Linear(3, 4))\n"
    changes = {
        "    net.head = nn.Linear(4, classes)\n    return net": "out_features=7",
        "    net[0] = nn.Linear(3, 9)\n    return net": "out_features=9",
        "    net.add_module('act', nn.Sigmoid())": "Sigmoid",
        "    net.append(nn.Tanh())": "Tanh",
        "    size = classes * 2\n    net.head = nn.Linear(4, size)": "out_features=14",
        "    for p in net.parameters():\n        p.requires_grad = False": "Linear",
        "    net = net.cuda()\n    net.train()": "Linear",
        "    net = nn.Sequential(net, nn.Sigmoid())\n    net.head = nn.Linear(1, 1)": "(0): Linear(in_features=3",
    }
    for change, part in changes.items():
        found = build_one(tmp_path, {"train.py": base + change + "\n"}, "train.py: nn.Sequential(nn.Linear(3")
        assert part in found.get("model", found), change
    found = build_one(tmp_path, {"train.py": base + changes.popitem()[0] + "\n"}, "train.py: nn.Sequential(nn.Linear(3")
    assert "Sigmoid" not in found["model"] and "head" not in found["model"]
    for change in (
        "    net.head = nn.Linear(4, fetch())\n",
        "    net.head = unknown\n",
        "    if flag():\n        net.head = nn.Linear(4, 1)\n",
        "    swap(net)\ndef swap(model):\n    model.head = nn.Linear(4, 1)\n",
        "    net.reset_classifier(5)\n",
    ):
        found = build_one(tmp_path, {"train.py": base + change}, "train.py: nn.Sequential(nn.Linear(3")
        assert found.get("reason") == "changed", (change, found)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("net = Net(data.size)", "argument"),
        ("net = Net(3.5)", "constructor"),
        ("net = len([1])", "not_a_module"),
        ("from no_such_package import Thing\nnet = Thing(3)", "package_missing"),
        ("import no_such_package as nsp\nnet = nsp.Thing(3)", "package_missing"),
        ("import torch.hub\nnet = torch.hub.load('a/b', 'c')", "download_blocked"),
        ("def build(zork):\n    return Net(zork)", "argument"),
        ("class Far(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
         "        from urllib.request import urlopen\n        urlopen('http://127.0.0.1:9/x')\nnet = Far()",
         "download_blocked"),
        ("class Big(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
         "        self.fc = nn.Linear(10**7, 10**7)\nnet = Big()", "memory"),
    ],
)  # fmt: skip
def test_why_there_is_no_model(tmp_path: Path, text: str, reason: str) -> None:
    site = [part for part in ("Net(data", "Net(3.5", "len([1", "Thing(3)", "nsp.Th", "torch.hub.l", "Net(zork)",
                              "Far()", "Big()") if part in text][-1]  # fmt: skip
    found = build_one(tmp_path, {"train.py": f"{NET}\n{text}\n"}, f"train.py: {site}")
    assert found.get("reason") == reason, found
    assert found["path"] == "train.py" and found["line"] is not None


@pytest.mark.parametrize(
    "text",
    [
        "def build(width=3):\n    return Net(width)\nnet = build(fetch())",
        "def build(width=3):\n    return Net(width)\nnet = build(**fetch())",
        "class Config:\n    width = 3\ndef load(cfg, path):\n    cfg.width = int(open(path).read())\n"
        "cfg = Config()\nload(cfg, 'x.cfg')\nnet = Net(cfg.width)",
        "from helper import load\nclass Config:\n    width = 3\ncfg = Config()\nload(cfg)\nnet = Net(cfg.width)",
        "import helper\nclass Config:\n    width = 3\ncfg = Config()\nhelper.load(cfg)\nnet = Net(cfg.width)",
        "class Config:\n    width = 3\ncfg = Config()\ncfg.read('x.cfg')\nnet = Net(cfg.width)",
        "width = 3\nwith open('/etc/hostname') as file:\n    width = len(file.read())\nnet = Net(width)",
        "width = 3\nfor line in open('/etc/hostname'):\n    width += 1\nnet = Net(width)",
        "width = 3\ntry:\n    width = fetch()\nexcept ValueError:\n    pass\nnet = Net(width)",
        "width = 3\nwhile width < 10:\n    width += 1\nnet = Net(width)",
        "width = 3\nif fetch():\n    width = 4\nnet = Net(width)",
        "layers = [1, 2, 3]\nlayers.extend(fetch())\nnet = Net(len(layers))",
        "class Data:\n    def __init__(self):\n        self.words = []\n    def get_data(self, path):\n"
        "        self.words += open(path).read().split()\n        return self.words\n"
        "data = Data()\nids = data.get_data('x.txt')\nnet = Net(len(data.words))",
        "class Data:\n    def __init__(self):\n        self.words = []\n    def read(self, path):\n"
        "        self.words += open(path).read().split()\n"
        "data = Data()\nif True:\n    data.read('x.txt')\nnet = Net(len(data.words))",
        "class Data:\n    words = [1]\ndata = Data()\nwhile len(data.words) < 3:\n    data.words = data.words + [1]\n"
        "net = Net(len(data.words))",
        "class Data:\n    words = [1]\ndata = Data()\nwith open('x.txt') as file:\n    data.words.extend(file)\n"
        "net = Net(len(data.words))",
        "def main():\n    global width\n    width = 4\nwidth = 3\nmain()\nnet = Net(width)",
    ],
)
def test_a_value_that_the_program_may_not_have_is_none_to_build_with(tmp_path: Path, text: str) -> None:
    """No default where callers pass something unknown; no older value where something unknown may have changed it."""
    files = {"train.py": f"{NET}\n{text}\n", "helper.py": "def load(cfg):\n    cfg.width = int(open('x.cfg').read())\n"}
    site = next(line[line.index("Net(") :] for line in text.splitlines() if "Net(" in line)
    found = build_one(tmp_path, files, f"train.py: {site}")
    assert found.get("reason") == "argument", found


def test_defaults_are_a_guess_where_the_project_passes_something_else(tmp_path: Path) -> None:
    text = f"{NET}\nclass Wide(Net):\n    def __init__(self, width=3):\n        super().__init__(width)\n"
    found = build_one(tmp_path, {"train.py": text + "net = Wide(fetch())\n"}, owner="train.py", cls="Wide")
    assert (found["kind"], found["guessed"]) == ("guessed", ("width left out",))
    found = build_one(tmp_path, {"train.py": text}, owner="train.py", cls="Wide")
    assert (found["kind"], found["guessed"]) == ("defaults", ())


def test_two_builds_share_no_weights(tmp_path: Path) -> None:
    text = f"{NET}\nbody = Net(3)\nclass Outer(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
    text += "        self.body = body\ndef main():\n    net = Outer()\n"
    written(tmp_path, {"train.py": text})
    spec = row_of(tmp_path, "train.py", "Outer()")

    def work(project: Any) -> list[bool]:
        import build
        import torch

        models = []
        for seed in (0, 0, 1):
            torch.manual_seed(seed)
            models.append(build.build(project, spec, 10.0).model)
        weights = [next(model.parameters()) for model in models]
        return [weights[0] is weights[1], torch.equal(weights[0], weights[1]), torch.equal(weights[0], weights[2])]

    assert answer(tmp_path, work) == [False, True, False]


def test_losses_and_transforms_are_evaluated(tmp_path: Path) -> None:
    text = """
    import torch
    import torch.nn as nn
    weights = torch.tensor([1.0, 2.0])
    def main(reduction="sum"):
        criterion = nn.CrossEntropyLoss(weight=weights.cuda(), reduction=reduction)
        loss = nn.BCELoss()(torch.ones(1), torch.ones(1))
    """
    written(tmp_path, {"train.py": text})

    def work(project: Any) -> list[Any]:
        import build

        place = row_of(tmp_path, "train.py", "nn.Cross")
        loss = build.evaluate(project, place["path"], place["row"], place["column"])
        place = row_of(tmp_path, "train.py", "nn.BCE")
        other = build.evaluate(project, place["path"], place["row"], place["column"])
        return [type(loss).__name__, loss.reduction, loss.weight.tolist(), type(other).__name__]  # type: ignore[attr-defined]

    assert answer(tmp_path, work) == ["CrossEntropyLoss", "sum", [1.0, 2.0], "BCELoss"]


def test_a_loss_with_a_made_up_argument_is_not_evaluated(tmp_path: Path) -> None:
    text = """
    import argparse
    import torch.nn as nn
    parser = argparse.ArgumentParser()
    parser.add_argument("reduction", choices=["sum", "mean"])
    args = parser.parse_args()
    criterion = nn.MSELoss(reduction=args.reduction)
    """
    written(tmp_path, {"train.py": text})
    place = row_of(tmp_path, "train.py", "nn.MSE")

    def work(project: Any) -> str:
        import build

        try:
            build.evaluate(project, place["path"], place["row"], place["column"])
        except build.BuildError as error:
            return error.reason
        return "evaluated"

    assert answer(tmp_path, work) == "argument"
