"""What is known of every expression of a file: recorded in a run, and put into words."""

from __future__ import annotations

from textwrap import dedent

import pytest

from tests.facts.editing import Bench
from torchlint.engine import registry
from torchlint.facts.analysis import analyse_component
from torchlint.facts.known import Known, KnownValues, everything_known
from torchlint.facts.wording import interval_words, range_words
from torchlint.flow.interval import Interval
from torchlint.flow.library.contracts import Contracts
from torchlint.flow.recording import MOST, Recorder
from torchlint.flow.values import Alternatives, Const, Tensor
from torchlint.project.modules import Project
from torchlint.syntax.spans import Spans, Stretch, spans


class Look:
    """What is known in one of these files, the expressions named as they are written."""

    def __init__(self, path: str = "a.py", **files: str) -> None:
        texts = {f"{name}.py": dedent(text) for name, text in files.items()}
        contracts = Contracts.load([str(registry.own_contracts())], [], "")
        project = Project({name: text.encode() for name, text in texts.items()}, lambda path: None)
        self.recorder = Recorder([path])
        analysis = analyse_component(project.view(), sorted(texts), contracts, recorder=self.recorder)
        self.known: KnownValues = everything_known(self.recorder, path, contracts)
        self.text = texts[path]
        self.spans: Spans = spans(self.text, analysis.modules[path])

    def _cut(self, stretch: Stretch) -> str:
        row, column, last, end = stretch
        assert row == last
        return self.text.split("\n")[row - 1][column - 1 : end - 1]

    def all(self, written: str, row: int | None = None) -> list[Known]:
        """What is known of an expression: the last that is written so, or that of a row (from 1)."""
        found: list[Known] = []
        for number, stretch in sorted(self.spans.expressions.items(), key=lambda one: one[1]):
            if stretch[0] == stretch[2] and self._cut(stretch) == written and row in (None, stretch[0]):
                found = self.known.expressions.get(number, [])
        return found

    def says(self, written: str, row: int | None = None) -> list[str]:
        """The texts of what is known of it."""
        return [one.text for one in self.all(written, row)]

    def given(self, name: str) -> list[str]:
        """The texts of what is known of a parameter."""
        return [one.text for key, known in self.known.parameters.items() if key[1] == name for one in known]


def test_the_worked_example() -> None:
    look = Look(
        a="""
        import torch
        from torch import nn

        net = nn.Sequential(nn.Conv2d(3, 16, 3), nn.ReLU(), nn.Conv2d(16, 1, kernel_size=3))
        x = net(torch.rand(8, 3, 128, 128))
        """
    )
    (one,) = look.all("x")
    assert one.text == "float32[8, 1, 124, 124] · range (−∞, ∞) · logits"
    assert (one.shape, one.range, one.verb, one.when) == ("[8, 1, 124, 124]", "(−∞, ∞)", "from", "")
    assert [look._cut(look.spans.expressions[place.n]) for place in one.steps] == [
        "torch.rand(8, 3, 128, 128)", "net(torch.rand(8, 3, 128, 128))",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("torch.rand(2, 3)", "float32[2, 3] · range [0, 1] · noise"),
        ("torch.randint(0, 10, (4,))", "int64[4] · range [0, 9] · noise"),
        ("torch.softmax(torch.randn(4, 10), dim=1)", "float32[4, 10] · range [0, 1] · distribution over dim 1"),
        ("torch.sigmoid(nn.Linear(4, 2)(torch.rand(8, 4)))", "float32[8, 2] · range [0, 1] · probabilities"),
        ("nn.Linear(4, 2)(torch.rand(8, 4)).detach()", "float32[8, 2] · range (−∞, ∞) · logits"),
        ("cv2.imread('a.png')", "uint8 array[?, ?, 3] · range [0, 255] · BGR image HWC, scale [0, 255]"),
        ("nn.Linear(4, 2)", "Linear(4, 2)"),
        ("nn.Conv2d(3, 8, 3, padding=1)", "Conv2d(3, 8, kernel_size=3, padding=1)"),
        ("nn.Sequential(nn.Linear(4, 2), nn.ReLU())", "Sequential(Linear(4, 2), ReLU())"),
        ("nn.BCELoss()", "BCELoss() · takes probabilities"),
        ("nn.CrossEntropyLoss(label_smoothing=0.1)",
         "CrossEntropyLoss(label_smoothing=0.1) · takes logits, applies softmax"),
        ("nn.NLLLoss()", "NLLLoss() · takes log-probabilities"),
        ("nn.MSELoss()", "MSELoss()"),
        ("torch.optim.SGD(nn.Linear(4, 2).parameters(), 0.1)", "SGD(…, lr=0.1)"),
        ("transforms.Resize((8, 8))", "Resize((8, 8))"),
        ("MNIST('x')", "MNIST('x')"),
        ("DataLoader(MNIST('x', transform=transforms.ToTensor()), 4)",
         "DataLoader(MNIST('x', transform=ToTensor()), batch_size=4)"),
        ("torch.rand(2, 3).shape", "(2, 3)"),
        ("torch.rand(2, 3).mean().item()", "float in [0, 1]"),
        ("[torch.rand(2), 1, 'a', None]", "[float32[2], 1, 'a', None]"),
        ("{'x': torch.rand(2), 'y': [1, 2, 3]}", "{'x': float32[2], 'y': [1, 2, 3]}"),
        ("(torch.rand(1),)", "(float32[1],)"),
        ("[1, 2, 3, 4, 5, 6, 7, 8]", "[1, 2, 3, 4, 5, 6, …]"),
        ("[1, [2, [3, [4, [5, [6]]]]]]", "[1, [2, [3, [4, [5, …]]]]]"),
        ("len", None), ("torch", None), ("open('x').read()", None), ("[]", None), ("None", None),
    ],
)  # fmt: skip
def test_words(code: str, says: str | None) -> None:
    look = Look(
        a=f"""
        import cv2
        import torch
        from torch import nn
        from torch.utils.data import DataLoader
        from torchvision import transforms
        from torchvision.datasets import MNIST

        found = {code}
        """
    )
    assert look.says("found") == ([] if says is None else [says])


def test_a_loader_says_what_it_gives_and_a_model_what_it_makes_of_what() -> None:
    look = Look(
        a="""
        import torch
        from torch import nn
        from torch.utils.data import DataLoader
        from torchvision import transforms
        from torchvision.datasets import MNIST

        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.fc = nn.Linear(28, 10)
            def forward(self, x):
                return self.fc(x)

        loader = DataLoader(MNIST("x", transform=transforms.ToTensor()), 4)
        net = Net()
        for images, labels in loader:
            scores = net(images)
        """
    )
    (words,) = look.says("loader")
    assert words.endswith(", batch_size=4) · gives (float32[B, 1, 28, 28], int64[B])")
    assert look.says("net") == ["Net object · float32[B, 1, 28, 28] → float32[B, 1, 28, 10]"]
    assert look.given("x") == look.says("images")
    assert set(look.given("self")) == set(look.says("net"))


def test_values_of_several_calls_are_several_lines() -> None:
    look = Look(
        a="""
        import torch

        def double(x):
            return x * 2

        for size in (1, 2, 3, 4, 5, 6, 7):
            double(torch.rand(size))
        """
    )
    assert [words.split(" ")[0] for words in look.says("x * 2")] == [f"float32[{n}]" for n in (1, 2, 3, 4)]
    assert len(next(iter(look.recorder.parameters["a.py"].values()))) == MOST


def test_a_value_that_depends_on_a_test_says_on_which() -> None:
    look = Look(
        a="""
        import torch
        from argparse import ArgumentParser
        args = ArgumentParser().parse_args()
        x = torch.randn(2)
        if args.unit:
            x = torch.sigmoid(x)
        print(x)
        """
    )
    assert [(one.text.split(" · ")[1], one.when) for one in look.all("x")] == [
        ("range [0, 1]", "unit"),
        ("range (−∞, ∞)", "not unit"),
    ]


def test_what_is_so_either_way_is_said_once() -> None:
    look = Look(
        a="""
        import torch
        from argparse import ArgumentParser
        args = ArgumentParser().parse_args()
        x = torch.randn(2)
        if args.a:
            z = x
        elif args.b:
            z = x[:1]
        else:
            z = x
        print(z)
        both = (x.sum() > args.c, args.d)
        """
    )
    assert [(one.text.split(" · ")[0], one.when) for one in look.all("z")] == [
        ("float32[2]", "a or not a and not b"),
        ("float32[1]", "not a and b"),
    ]


@pytest.mark.parametrize(
    ("guards", "when"),
    [
        ([[("a", True)]], "a"),
        ([[("a", True)], [("a", False)]], ""),
        ([[("a", True), ("b", True)], [("a", False)]], "a and b or not a"),
        ([[("a", True)], [("b", True)], [("c", True)]], ""),
        ([[], [("a", True)]], ""),
    ],
)
def test_tests_that_make_no_difference(guards: list[list[tuple[str, bool]]], when: str) -> None:
    options = [
        (tuple((("name", name), way) for name, way in guard), Tensor(None, None, "float32", (2,))) for guard in guards
    ]
    recorder = Recorder(["a.py"])
    recorder.note("a.py", 1, Alternatives(tuple(options)))
    known = everything_known(recorder, "a.py", Contracts())
    assert known.expressions == {1: [Known("float32[2]", shape="[2]", when=when)]}


def test_a_container_is_what_it_was_when_it_was_met() -> None:
    look = Look(
        a="""
        import torch
        kept = [torch.rand(1)]
        first = kept
        kept.append(torch.rand(2))
        last = kept
        table = {"a": torch.rand(1)}
        table["b"] = torch.rand(2)
        print(table)
        """
    )
    assert look.says("first") == ["[float32[1]]"]
    assert look.says("last") == ["[float32[1], float32[2]]"]
    assert look.says("table", 7) == ["{'a': float32[1]}"]
    assert look.says("table") == ["{'a': float32[1], 'b': float32[2]}"]


def test_what_is_assigned_to_is_what_it_holds_afterwards() -> None:
    look = Look(
        a="""
        import torch
        total = 0
        total += torch.rand(1).item()
        total += unknown()
        x, (y, *z) = torch.rand(1), [torch.rand(2), torch.rand(3)]
        with torch.no_grad() as mode:
            y = unknown()
        for k, v in {"a": torch.rand(4)}.items():
            pass
        """
    )
    assert look.says("total", 3) == ["int 0"]
    assert look.says("total", 4) == ["float in [0, 1]"]
    assert look.says("x") == ["float32[1] · range [0, 1] · noise"]
    assert look.says("total", 5) == []
    assert look.says("y", 6) == ["float32[2] · range [0, 1] · noise"]
    assert look.says("mode") == ["no_grad()"]
    assert look.says("y", 8) == []
    assert look.says("v") == ["float32[4] · range [0, 1] · noise"]
    assert look.says("k") == ["str 'a'"]


def test_only_what_is_wanted_is_recorded() -> None:
    look = Look("a.py", a="import torch\nfrom b import f\nx = f()\n", b="import torch\ndef f(): return torch.rand(2)\n")
    assert look.says("x") == ["float32[2] · range [0, 1] · noise"]
    assert set(look.recorder.values) == {"a.py"}
    assert look.all("x")[0].origin == look.all("f()")[0].origin
    assert look.all("f()")[0].steps[0].path == "b.py"
    assert look.all("f")[0].text == "function f"
    assert (look.all("f")[0].verb, look.all("f")[0].origin) == ("in", look.all("f")[0].steps[0])


def test_a_recorder_keeps_no_more_than_it_should() -> None:
    recorder = Recorder(["a.py"])
    for number in range(MOST + 3):
        recorder.note("a.py", 1, Const(number))
        recorder.note("b.py", 1, Const(number))
    assert recorder.of("a.py") == {1: [Const(number) for number in range(MOST)]}
    value = Const(1)
    recorder.note("a.py", 2, value)
    recorder.note("a.py", 2, value)
    recorder.bind("a.py", 1, value)
    assert recorder.of("a.py") == {1: [value], 2: [value]}


def test_a_run_that_records_says_what_one_says_that_does_not() -> None:
    files = {
        "model.py": "from torch import nn\nclass Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
        "        self.fc = nn.Linear(4, 1)\n    def forward(self, x):\n        return self.fc(x)\n",
        "train.py": "import torch\nfrom torch import nn\nfrom model import Net\n"
        "nn.BCELoss()(Net()(torch.rand(8, 4)), torch.rand(8, 1))\n",
    }
    bench = Bench(files)
    found = bench.whole("train.py")
    assert [one.code for one in found] == ["TL101"]
    recorder = Recorder(list(files))
    analysis = analyse_component(bench.project.view(), sorted(files), bench.contracts, recorder=recorder)
    assert bench.said(analysis, "train.py", files["train.py"]) == found
    assert recorder.of("train.py")
    assert recorder.of("model.py")


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (Interval(0.0, 1.0), "[0, 1]"),
        (Interval(0.0, 1.0, False), "within [0, 1]"),
        (Interval(float("-inf"), float("inf"), False), "(−∞, ∞)"),
        (Interval(float("-inf"), 0.0), "(−∞, 0]"),
        (Interval(-1.5, float("inf")), "[−1.5, ∞)"),
    ],
)
def test_a_range_is_open_where_it_has_no_end(found: Interval, words: str) -> None:
    assert range_words(found) == words
    assert interval_words(found) == words.removeprefix("within ")
