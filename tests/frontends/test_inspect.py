"""``torchlint inspect FILE[:CLASS]``: real files, as a table, as JSON, as a page and as a picture; and real hooks."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree import ElementTree

import pytest
import torch
from torch import nn

from tests.frontends.browser import document, picture
from torchlint.frontends.cli import main
from torchlint.report.page import POLICY

MODELS = """\
import torch
from torch import nn


class Block(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)
        self.norm = nn.BatchNorm2d(channels)

    def forward(self, x):
        return torch.relu(self.norm(self.conv(x)))


class Net(nn.Module):
    def __init__(self, in_channels=3, width=4):
        super().__init__()
        self.stem = nn.Conv2d(in_channels, width, 3, stride=2)
        self.blocks = nn.Sequential(Block(width), Block(width))
        self.head = nn.Linear(width, 10)
        self.unused = nn.Linear(2, 2)

    def forward(self, x):
        return self.head(self.blocks(self.stem(x)).mean((2, 3)))


class Pair(nn.Module):
    def __init__(self):
        super().__init__()
        self.words = nn.Embedding(50, 8)
        self.image = nn.Linear(6, 8)

    def forward(self, words, image):
        return {"sum": self.words(words).mean(1) + self.image(image), "image": image}


def small():
    return Net(1, 2)


open("written", "w").write("it was run")
"""
HOSTILE = """\
from torch import nn


class Hostile(nn.Module):
    def __init__(self):
        super().__init__()
        name = "</title></style></svg><script>document.title='taken'</script>\\x1b]0;taken\\x07\\u202e"
        self.add_module(name, nn.ReLU())
        self.last = nn.Linear(4, 4)

    def forward(self, x):
        for layer in self.children():
            x = layer(x)
        return {"<img src=x onerror=document.title='taken'>\\x1b[2J\\n::error::taken": x}
"""
ENDLESS = """\
from torch import nn


class Endless(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = Endless()

    def forward(self, x):
        return self.forward(x)
"""
MANY = """\
from torch import nn


class Many(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(4, 4) for _ in range(1_000_000)])

    def forward(self, x):
        for layer in self.layers:
            x = layer(x)
        return x
"""
LACKING = """\
from torch import nn


class Lacking(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.layer = nn.Linear(width, 2)

    def forward(self, x):
        return self.layer(x)
"""
FILES = {
    "models.py": MODELS, "hostile.py": HOSTILE, "endless.py": ENDLESS, "many.py": MANY, "lacking.py": LACKING,
    "none.py": "x = 1\n", "broken.py": "def (:\n",
}  # fmt: skip


class Run(NamedTuple):
    status: int
    out: str
    err: str


Inspect = Callable[..., Run]


@pytest.fixture
def inspect(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Inspect:
    """Runs `torchlint inspect` in a project with the files above."""
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)

    def run(*words: str) -> Run:
        try:
            status = main(["inspect", *words])
        except SystemExit as left:
            status = int(left.code or 0)
        captured = capsys.readouterr()
        return Run(status, captured.out, captured.err)

    return run


def data(done: Run) -> dict[str, Any]:
    """The only model of a JSON report."""
    (model,) = json.loads(done.out)["models"]
    found: dict[str, Any] = model
    return found


def test_a_table(inspect: Inspect) -> None:
    done = inspect("models.py:Net", "--input", "2,3,9,9", "--color=never")
    assert (done.status, done.err) == (0, "")
    lines = done.out.splitlines()
    assert lines[0] == "models.py: Net()"
    assert "  input       2×3×9×9 float32" in lines
    assert "  output      2×10 float32" in lines
    rows = [line.split() for line in lines]
    assert ["stem", "Conv2d", "2×4×4×4", "112", "3×3"] in rows
    assert ["unused", "Linear", "not", "called", "6"] in rows
    (norm,) = (line for line in lines if re.match(r"      norm +BatchNorm2d", line) and "11×11" in line)
    assert "2×4×4×4" in norm
    assert max(map(len, lines)) <= 120
    assert not Path("written").exists()


def test_long_sizes_have_short_names(inspect: Inspect) -> None:
    done = inspect("models.py:Net", "--color=never")
    assert "  where       H₁ = ⌊(H+1)/2⌋−1, W₁ = ⌊(W+1)/2⌋−1" in done.out.splitlines()
    assert "B×4×H₁×W₁" in done.out


def test_all_models_that_are_no_part_of_another(inspect: Inspect) -> None:
    done = inspect("models.py", "--output-format=json")
    assert [model["name"] for model in json.loads(done.out)["models"]] == ["Net", "Pair"]


def test_arguments_and_a_function(inspect: Inspect) -> None:
    given = data(inspect("models.py:Net", "--args", "in_channels=1, width=2", "--output-format=json"))
    assert given["call"] == "Net(in_channels=1, width=2)"
    made = data(inspect("models.py:small", "--output-format=json"))
    assert given["parameters"] == made["parameters"] > 0
    assert made["inputs"][0]["shape"] == ["B", 1, "H", "W"]


def test_several_inputs_of_several_dtypes(inspect: Inspect) -> None:
    words = ["--input", "2,5:int64", "--input", "2,6", "--output-format=json"]
    outputs = data(inspect("models.py:Pair", *words))["layers"][0]["outputs"]
    assert [(one["name"], one["shape"]) for one in outputs] == [("['sum']", [2, 8]), ("['image']", [2, 6])]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["models.py:Other"], "its models are Block, Net, Pair"),
        (["none.py"], "no class of this file is a torch.nn.Module"),
        (["absent.py"], "absent.py: no such file"),
        (["broken.py"], "broken.py: "),
        (["broken.py:Net"], "broken.py: "),
        (["."], "a folder; name a file of it"),
        (["models.py", "--input", "1,3,8,8"], "--input is for one model"),
        (["models.py:Net", "--input", "1,a"], "is no shape"),
        (["models.py:Net", "--output-format", "pdf"], "invalid choice"),
    ],
)
def test_wrong_usage(inspect: Inspect, words: list[str], said: str) -> None:
    done = inspect(*words)
    assert (done.status, done.out) == (2, "")
    assert said in done.err


def test_what_is_not_known_is_said(inspect: Inspect) -> None:
    done = inspect("lacking.py", "--color=never")
    assert done.status == 1
    assert "unknown" in done.out and "parameters  at least 0" in done.out
    assert inspect("lacking.py:Lacking", "--args", "width=3", "--input", "1,3").status == 0


@pytest.mark.parametrize("layout", ["table", "json", "html", "svg"])
@pytest.mark.parametrize("name", ["hostile.py", "endless.py", "broken.py"])
def test_hostile_files(inspect: Inspect, name: str, layout: str) -> None:
    done = inspect(name, "--output-format", layout)
    assert done.status in (0, 1, 2)
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f\u202e]", done.out)
    assert "Traceback" not in done.err
    assert not done.out.startswith("::")
    if layout == "svg" and done.out:
        ElementTree.fromstring(done.out)
    if layout == "json" and done.out:
        json.loads(done.out, parse_constant=pytest.fail)


def test_a_million_layers(inspect: Inspect) -> None:
    done = inspect("many.py", "--input", "1,4", "--output-format=json")
    assert done.status in (0, 1)
    assert not data(done)["complete"]


def test_a_page(inspect: Inspect, tmp_path: Path) -> None:
    for name in ("models", "hostile"):
        assert inspect(f"{name}.py", "--output-format=html", "--output-file", f"{name}.html").status in (0, 1)
        text = Path(f"{name}.html").read_text(encoding="utf-8")
        assert POLICY in text and "<script" not in text
        assert not re.findall(r"https?://(?!www\.w3\.org/2000/svg)|src=|href=|url\(", text.replace("&lt;img src=", ""))
        shown = document(tmp_path / f"{name}.html", tmp_path / "profile")
        assert f"<title>{name}.py: models</title>" in shown
        assert "torchlint-model" in shown and "</html>" in shown
        light, dark = (picture(tmp_path / f"{name}.html", tmp_path / "profile", dark=one) for one in (False, True))
        assert light[:4] == b"\x89PNG" and light != dark


def test_a_picture(inspect: Inspect) -> None:
    done = inspect("models.py:Net", "--input", "2,3,9,9", "--output-format=svg")
    root = ElementTree.fromstring(done.out)
    texts = ["".join(one.itertext()) for one in root.iter("{http://www.w3.org/2000/svg}text")]
    assert texts[0] == "models.py: Net()"
    (block,) = (one for one in texts if "×2" in one and one.startswith("0"))
    assert block == "0 … 1 ×2"
    assert {"stem", "head", "2×4×4×4", "2 × 156"} <= set(texts)
    assert "unused" not in texts  # it is not on the way
    assert texts.index("stem") < texts.index("blocks") < texts.index("head")


def test_the_same_for_every_hash_seed(inspect: Inspect) -> None:
    said = set()
    for seed in ("0", "1", "77"):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(Path(__file__).parents[2])}
        command = [sys.executable, "-m", "torchlint", "inspect", "models.py", "--output-format", "html"]
        said.add(subprocess.run(command, capture_output=True, env=environment).stdout)
    assert len(said) == 1 and b"</html>" in said.pop()


def test_a_reader_that_leaves(inspect: Inspect) -> None:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, "-m", "torchlint", "inspect", "models.py", "--output-format", "html"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment) as running:
        assert running.stdout is not None and running.stderr is not None
        running.stdout.close()
        assert b"Traceback" not in running.stderr.read()


# --- against real hooks -----------------------------------------------------------------------------------------------

HEAD = "import torch\nfrom torch import nn\nimport torch.nn.functional as F\n\n\n"
REAL = {
    "mlp": ("""\
class M(nn.Module):
    def __init__(self, sizes=(12, 32, 16, 3)):
        super().__init__()
        layers = []
        for a, b in zip(sizes, sizes[1:]):
            layers += [nn.Linear(a, b), nn.ReLU()]
        self.net = nn.Sequential(*layers[:-1])

    def forward(self, x):
        return self.net(x)
""", ["5,12"]),
    "cnn": ("""\
class M(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Conv2d(3, 8, 5, stride=2)
        self.pool = nn.MaxPool2d(2)
        self.fc = nn.Linear(8 * 3 * 3, 10)

    def forward(self, x):
        return self.fc(self.pool(F.relu(self.a(x))).view(x.size(0), -1))
""", ["2,3,16,16"]),
    "residual": ("""\
class Block(nn.Module):
    def __init__(self, i, o, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(i, o, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(o)
        self.conv2 = nn.Conv2d(o, o, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(o)
        self.short = nn.Sequential()
        if stride != 1 or i != o:
            self.short = nn.Sequential(nn.Conv2d(i, o, 1, stride, bias=False), nn.BatchNorm2d(o))

    def forward(self, x):
        y = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(y)) + self.short(x))


class M(nn.Module):
    def __init__(self):
        super().__init__()
        self.blocks = nn.ModuleList()
        channels = 3
        for width, stride in ((8, 1), (16, 2), (16, 1)):
            self.blocks.append(Block(channels, width, stride))
            channels = width
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(channels, 4)

    def forward(self, x):
        for block in self.blocks:
            x = block(x)
        return self.fc(torch.flatten(self.pool(x), 1))
""", ["2,3,11,13"]),
    "unet": ("""\
def double(i, o):
    return nn.Sequential(nn.Conv2d(i, o, 3, padding=1), nn.BatchNorm2d(o), nn.ReLU(inplace=True))


class M(nn.Module):
    def __init__(self, widths=(4, 8)):
        super().__init__()
        self.down = nn.ModuleList(double(i, o) for i, o in zip((3, *widths), widths))
        self.up = nn.ModuleList(nn.ConvTranspose2d(2 * w, w, 2, 2) for w in reversed(widths))
        self.mix = nn.ModuleList(double(2 * w, w) for w in reversed(widths))
        self.bottom = double(widths[-1], 2 * widths[-1])
        self.head = nn.Conv2d(widths[0], 2, 1)

    def forward(self, x):
        skips = []
        for down in self.down:
            x = down(x)
            skips.append(x)
            x = F.max_pool2d(x, 2)
        x = self.bottom(x)
        for up, mix, skip in zip(self.up, self.mix, reversed(skips)):
            x = mix(torch.cat([up(x), skip], dim=1))
        return self.head(x)
""", ["1,3,16,24"]),
    "generator": ("""\
class M(nn.Module):
    def __init__(self, latent=10, width=4):
        super().__init__()
        self.main = nn.Sequential(
            nn.ConvTranspose2d(latent, width * 2, 4, 1, 0, bias=False), nn.BatchNorm2d(width * 2), nn.ReLU(True),
            nn.ConvTranspose2d(width * 2, width, 4, 2, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU(True),
            nn.ConvTranspose2d(width, 3, 4, 2, 1, bias=False), nn.Tanh(),
        )

    def forward(self, z):
        return self.main(z.view(z.size(0), -1, 1, 1))
""", ["2,10"]),
    "lstm": ("""\
class M(nn.Module):
    def __init__(self):
        super().__init__()
        self.words = nn.Embedding(30, 6, padding_idx=0)
        self.lstm = nn.LSTM(6, 5, num_layers=2, batch_first=True, bidirectional=True)
        self.drop = nn.Dropout(0.2)
        self.fc = nn.Linear(10, 3)

    def forward(self, tokens):
        out, (h, c) = self.lstm(self.words(tokens))
        return self.fc(self.drop(out[:, -1]))
""", ["2,7:int64"]),
    "transformer": ("""\
class M(nn.Module):
    def __init__(self):
        super().__init__()
        layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
        self.proj = nn.Linear(5, 8)
        self.place = nn.Parameter(torch.zeros(1, 6, 8))
        self.encoder = nn.TransformerEncoder(layer, 2)
        self.norm = nn.LayerNorm(8)

    def forward(self, x):
        return self.norm(self.encoder(self.proj(x) + self.place).mean(dim=1))
""", ["2,6,5"]),
    "autoencoder": ("""\
class M(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Conv1d(1, 4, 3, 2, 1), nn.ReLU(), nn.Conv1d(4, 8, 3, 2, 1))
        up = nn.ConvTranspose1d(8, 4, 3, 2, 1, output_padding=1)
        self.decoder = nn.Sequential(up, nn.ConvTranspose1d(4, 1, 4, 2, 1))

    def forward(self, x):
        z = self.encoder(x)
        return self.decoder(z), z
""", ["2,1,32"]),
    "pair": ("""\
class M(nn.Module):
    def __init__(self):
        super().__init__()
        self.left = nn.Linear(4, 8)
        self.right = nn.Bilinear(8, 3, 5)

    def forward(self, a, b):
        return {"score": self.right(self.left(a), b), "left": a}
""", ["2,4", "2,3"]),
    "heads": ("""\
class M(nn.Module):
    def __init__(self):
        super().__init__()
        self.trunk = nn.Linear(4, 8)
        self.heads = nn.ModuleDict({"age": nn.Linear(8, 1), "kind": nn.Linear(8, 6)})
        self.scale = nn.ParameterDict({"age": nn.Parameter(torch.ones(1))})

    def forward(self, x):
        x = self.trunk(x).relu()
        return {name: head(x) for name, head in self.heads.items()}
""", ["2,4"]),
    "tied": ("""\
class M(nn.Module):
    def __init__(self):
        super().__init__()
        self.emb = nn.Embedding(20, 8)
        self.head = nn.Linear(8, 20, bias=False)
        self.head.weight = self.emb.weight
        self.act = nn.PReLU()
        self.again = nn.Sequential(nn.Linear(8, 8), self.act)
        self.register_buffer("mean", torch.zeros(8))
        self.register_parameter("gain", nn.Parameter(torch.ones(8)))
        self.bag = nn.ParameterList([nn.Parameter(torch.ones(2, 3)) for _ in range(2)])
        for p in self.emb.parameters():
            p.requires_grad = False

    def forward(self, x):
        x = self.act(self.emb(x) - self.mean) * self.gain
        return self.head(self.again(x))
""", ["2,5:int64"]),
    "recursive": ("""\
class M(nn.Module):
    def __init__(self, depth=3):
        super().__init__()
        self.conv = nn.Conv2d(2, 2, 3, padding=1)
        self.inner = M(depth - 1) if depth else None

    def forward(self, x):
        y = self.conv(x)
        if self.inner is not None:
            y = y + F.interpolate(self.inner(F.avg_pool2d(x, 2)), scale_factor=2)
        return y
""", ["1,2,16,16"]),
}  # fmt: skip
WHOLE = (nn.TransformerEncoder,)


def shapes(value: Any) -> list[list[int]]:
    """The shapes of all tensors in what a module gave."""
    if isinstance(value, torch.Tensor):
        return [list(value.shape)]
    items = list(value.values()) if isinstance(value, dict) else value if isinstance(value, (tuple, list)) else []
    return [shape for one in items for shape in shapes(one)]


def hooked(text: str, inputs: list[str]) -> tuple[dict[str, list[Any]], int]:
    """What hooks see of each module: type, calls, shapes of its first result, own parameters; and how many in all."""
    namespace: dict[str, Any] = {}
    exec(text, namespace)
    model: nn.Module = namespace["M"]().eval()
    found: dict[str, list[Any]] = {}
    seen: set[int] = set()

    def hook(name: str) -> Any:
        def run(module: nn.Module, args: Any, result: Any) -> None:
            found[name][1] += 1
            found[name][2] = found[name][2] or shapes(result)

        return run

    inside: list[str] = []
    for name, module in model.named_modules():
        if any(name.startswith(f"{outer}.") for outer in inside):
            continue
        inside += [name] if isinstance(module, WHOLE) else []
        own = [p for p in module.parameters(recurse=isinstance(module, WHOLE)) if id(p) not in seen]
        seen.update(map(id, own))
        found[name] = [type(module).__name__, 0, [], sum(p.numel() for p in own)]
        module.register_forward_hook(hook(name))
    given = []
    for one in inputs:
        sizes, _, dtype = one.partition(":")
        numbers = [int(size) for size in sizes.split(",")]
        given.append(torch.randint(0, 9, numbers) if dtype else torch.rand(numbers))
    with torch.no_grad():
        model(*given)
    return found, sum(p.numel() for p in model.parameters())


@pytest.mark.parametrize("name", REAL)
def test_agreement_with_hooks(inspect: Inspect, name: str) -> None:
    body, inputs = REAL[name]
    Path("real.py").write_text(HEAD + body)
    real, total = hooked(HEAD + body, inputs)
    words = [word for one in inputs for word in ("--input", one)]
    done = inspect("real.py:M", *words, "--output-format=json")
    assert done.status == 0, done.out
    model = data(done)
    told = {
        layer["name"]: [layer["type"], layer["calls"], [one["shape"] for one in layer["outputs"]], layer["parameters"]]
        for layer in model["layers"]
    }
    assert list(told) == list(real)
    assert told == real
    assert (model["parameters"], model["complete"]) == (total, True)
