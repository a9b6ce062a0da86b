"""``torchlint confirm FILE[:CLASS]``: real files and real runs, as a table, as JSON and as a page in a browser."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.frontends.browser import document, picture
from torchlint.frontends.cli import main
from torchlint.inspected import Histogram, Inspection, Layer, Model
from torchlint.report.model_html import page
from torchlint.report.model_plots import gradient_norms, histogram, nice_ticks, power_of_ten, shapes
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
        self.stem = nn.Conv2d(in_channels, width, 3)
        self.blocks = nn.Sequential(Block(width), Block(width))
        self.head = nn.Linear(width, 10)
        self.unused = nn.Linear(2, 2)

    def forward(self, x):
        return self.head(self.blocks(self.stem(x)).mean((2, 3)))


open("written", "w").write("it was run")
"""
BROKEN = """\
from torch import nn


class Broken(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(4, 4)
        self.second = nn.Linear(5, 1)

    def forward(self, x):
        return self.second(self.first(x))
"""
HOSTILE = """\
import torch
from torch import nn

TEXT = "</title></style></svg><script>document.title = 'taken'</script><img src=x onerror=document.title='taken'>"
Named = type(TEXT + "\\x1b[2J", (nn.Linear,), {})


class Hostile(nn.Module):
    def __init__(self):
        super().__init__()
        self.add_module(TEXT.replace(chr(46), "") + '\\x1b]0;taken\\x07"', Named(4, 4))
        self.last = nn.Linear(4, 4)

    def forward(self, x):
        for layer in self.children():
            x = layer(x)
        return {TEXT[:60] + "\\x1b[2J\\n::error::taken": x}


class Angry(nn.Module):
    def __init__(self):
        super().__init__()
        raise ValueError(TEXT + "\\x1b[2J\\n::error::taken\\u202e")

    def forward(self, x):
        return x
"""


class Run(NamedTuple):
    status: int
    out: str
    err: str


Confirm = Callable[..., Run]


@pytest.fixture
def confirm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Confirm:
    """Runs `torchlint confirm` in a project with the files above."""
    project, home = tmp_path / "project", tmp_path / "home"
    project.mkdir()
    home.mkdir()
    for name, text in {"models.py": MODELS, "broken.py": BROKEN, "hostile.py": HOSTILE, "none.py": "x = 1\n"}.items():
        (project / name).write_text(text)
    monkeypatch.chdir(project)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home))
    monkeypatch.delenv("VIRTUAL_ENV", raising=False)
    monkeypatch.delenv("CONDA_PREFIX", raising=False)

    def run(*words: str) -> Run:
        try:
            status = main(["confirm", "--confirm-isolation=basic", *words])
        except SystemExit as left:
            status = int(left.code or 0)
        captured = capsys.readouterr()
        return Run(status, captured.out, captured.err)

    return run


def test_a_table(confirm: Confirm) -> None:
    done = confirm("models.py", "--input", "2,3,8,8", "--color=never")
    assert (done.status, done.err) == (0, "")
    lines = done.out.splitlines()
    assert lines[0] == "models.py: Net()"
    assert "  input       2×3×8×8 float32 (as given)" in lines
    assert "  output      2×10 float32, eval mode" in lines
    assert any(re.fullmatch(r"  range       −?0\.\d+ to 0\.\d+ over 3 seeds \(.*\)", line) for line in lines)
    assert "  unreached   no gradient reaches unused.bias, unused.weight" in lines
    (row,) = (line.split() for line in lines if line.strip().startswith("blocks.1.norm"))
    assert row[1:4] == ["BatchNorm2d", "2×4×6×6", "8"]
    assert max(map(len, lines)) <= 120
    assert not Path("written").exists()


def test_arguments_and_seed_as_json(confirm: Confirm) -> None:
    words = ["models.py:Net", "--args", "in_channels=1, width=2", "--seed=7", "--train", "--output-format=json"]
    done = confirm(*words)
    assert done.status == 0
    (model,) = json.loads(done.out)["models"]
    assert (model["recipe"]["text"], model["train"]) == ("Net(in_channels=1, width=2)", True)
    assert [seed["seed"] for seed in model["seeds"]] == [7, 8, 9]
    assert model["inputs"]["tensors"][0]["shape"][:2] == [2, 1]
    assert confirm(*words).out == done.out


def test_a_part_can_be_named(confirm: Confirm) -> None:
    done = confirm("models.py:Block", "--output-format=json")
    (model,) = json.loads(done.out)["models"]
    assert (done.status, model["name"], model["recipe"]["kind"]) == (0, "Block", "inside")
    assert [layer["name"] for layer in model["layers"]] == ["conv", "norm"]


def test_a_model_that_breaks_off(confirm: Confirm) -> None:
    done = confirm("broken.py")
    assert done.status == 1
    assert "it was run in part: its forward raises an error (broken.py:11)" in done.out
    assert "executed layers up to first, it broke off in second" in " ".join(done.out.split())


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["none.py"], "none.py: no class of this file is a torch.nn.Module"),
        (["models.py:Nett"], "models.py: there is no model 'Nett'; its models are Block, Net"),
        (["nowhere.py"], "nowhere.py: no such file"),
        (["."], ".: models are run of Python files (.py) only"),
        (["hostile.py", "--args", "a=1"], "--args is for one model, so name it as hostile.py:CLASS"),
        (["models.py", "--output-file=models.py"], "models.py: is linted, so it is not written over"),
        (["models.py", "--confirm-python=/bin/true"], "nothing was run"),
        (["models.py", "--input=2,x"], "'2,x' is no shape"),
        (["models.py", "--input=2,3:string"], "'2,3:string' is no shape"),
        (["models.py", "--args", "a=print()"], "is not NAME=VALUE with a constant"),
        (["models.py", "--args", "a=1), print("], "is not NAME=VALUE with a constant"),
        (["models.py", "--seed=-1"], "is no seed"),
    ],
)
def test_what_makes_no_sense(confirm: Confirm, words: list[str], message: str) -> None:
    done = confirm(*words)
    assert (done.status, done.out) == (2, "")
    assert message in done.err


def test_a_project_that_refuses(confirm: Confirm) -> None:
    Path("torchlint.toml").write_text("[confirm]\nenabled = false\n")
    done = confirm("models.py")
    assert (done.status, done.out) == (2, "")
    assert f"nothing is run where `confirm.enabled` is false: {Path('torchlint.toml').resolve()}:1" in done.err


# --- pages ---------------------------------------------------------------------------------------------------------


def test_a_page_in_a_browser(confirm: Confirm, tmp_path: Path) -> None:
    assert confirm("models.py", "--output-format=html", "--output-file=report.html").status == 0
    shown = document(Path("report.html").resolve(), tmp_path / "profile")
    assert "<title>models.py: models</title>" in shown
    assert shown.count("<svg ") == 3 and shown.count("<circle ") >= 12
    assert re.findall(r"<h3>(.*?)</h3>", shown) == [
        "Outputs of 3 seeds", "Gradient norms by layer", "Shapes by layer", "Layers",
    ]  # fmt: skip
    light, dark = (picture(Path("report.html").resolve(), tmp_path / "profile", dark=dark) for dark in (False, True))
    assert light.startswith(b"\x89PNG") and dark.startswith(b"\x89PNG") and light != dark
    assert min(len(light), len(dark)) > 20_000  # an empty page of this size has less than a quarter


def test_a_page_loads_nothing(confirm: Confirm) -> None:
    text = confirm("models.py:Net", "--output-format=html").out
    assert re.findall(r"https?://[^\"' ]*", text) == ["http://www.w3.org/2000/svg"] * 3  # a name, not an address
    assert not re.search(r"<script|<link|<img|<iframe|@import|url\(|\ssrc=|\shref=|\son\w+=", text)


def test_hostile_names_in_a_browser(confirm: Confirm, tmp_path: Path) -> None:
    done = confirm("hostile.py", "--output-format=html", "--output-file=report.html")
    assert done.status == 1  # one of them cannot be built
    text = Path("report.html").read_text(encoding="utf-8")
    assert "\x1b" not in text and "\u202e" not in text and "&lt;script&gt;" in text
    shown = document(Path("report.html").resolve(), tmp_path / "profile")
    assert "<title>hostile.py: models</title>" in shown
    assert not re.search(r"<script|<img", shown)
    assert shown.count("<section>") == 2 and shown.count("<svg ") == 3


@pytest.mark.parametrize("kept", [True, False])
def test_the_policy_stops_scripts(tmp_path: Path, kept: bool) -> None:
    text = page(Inspection("models.py", ())).replace("</body>", "<script>document.title = 'taken'</script></body>")
    assert POLICY in text
    file = tmp_path / "page.html"
    file.write_text(text if kept else text.replace(POLICY, ""), encoding="utf-8")
    assert ("<title>taken</title>" in document(file, tmp_path / "profile")) is not kept


@pytest.mark.parametrize("layout", ["table", "json"])
def test_hostile_names_elsewhere(confirm: Confirm, layout: str) -> None:
    done = confirm("hostile.py", f"--output-format={layout}", "--color=never")
    assert done.status == 1
    assert all(line.isprintable() for line in done.out.splitlines())
    assert "\x1b" not in done.out and "\u202e" not in done.out
    assert not re.search(r"^\s*::error", done.out, re.MULTILINE)
    assert "ValueError" in done.out


# --- plots ---------------------------------------------------------------------------------------------------------


def layer(number: int, gradient: float | None, shape: tuple[int, ...] = (2, 3)) -> Layer:
    return Layer(f"layer{number}", "Linear", shape, 1, 1, 1, 0.0, 1.0, 0.5, 0.1, 0, gradient, gradient)


@pytest.mark.parametrize("many", [1, 2, 40, 41, 200, 500])
def test_every_layer_is_in_the_plots(many: int) -> None:
    layers = [layer(number, 10.0**-number) for number in range(many)]
    legend = 2
    assert gradient_norms(layers).count("<circle ") == 2 * many + legend
    assert all(
        f"layer{number}:" in gradient_norms(layers) and f"layer{number}:" in shapes(layers) for number in range(many)
    )


@pytest.mark.parametrize("gradient", [0.0, 5e-324, 1e-45, 1.0, 1e300, 1.7e308])
def test_gradients_of_any_size(gradient: float) -> None:
    for text in (gradient_norms([layer(0, gradient)]), gradient_norms([layer(0, gradient), layer(1, 1.0)])):
        places = [float(place) for place in re.findall(r' (?:cx|x1|x2|x)="([^"]*)"', text)]
        assert places and all(0 <= place <= 860 for place in places)


def test_no_gradients_no_plot() -> None:
    assert gradient_norms([layer(0, None)]) == gradient_norms([]) == shapes([]) == ""


@pytest.mark.parametrize(
    ("low", "high"), [(0.0, 1.0), (-5e-324, 5e-324), (-1e300, 1e300), (1e15, 1e15 + 4), (1e-12, 3e-12)]
)
def test_histograms_of_any_range(low: float, high: float) -> None:
    edges = (low, low / 2 + high / 2, high)
    text = histogram(Histogram(edges, (0, 5), 0, 0))
    places = [float(place) for place in re.findall(r' (?:x1|x2|x)="([^"]*)"', text)]
    assert places and all(0 <= place <= 860 for place in places)
    assert text.count("<rect ") == 1


def test_ticks_are_round() -> None:
    assert nice_ticks(0, 8, 5) == [0, 2, 4, 6, 8]
    assert nice_ticks(-0.43, 0.52, 8) == [-0.6, -0.4, -0.2, 0.0, 0.2, 0.4, 0.6]
    assert [power_of_ten(one) for one in (-12, -1, 0, 3, 4)] == ["10⁻¹²", "0.1", "1", "1,000", "10⁴"]


def test_a_failed_model_has_a_page_too() -> None:
    text = page(Inspection("<b>.py", (Model("<i>"),)))
    assert "<b>" not in text and "<i>" not in text and "&lt;i&gt;" in text
