"""A file that is run again and again: each run is as the first, and says nothing that the whole run does not."""

from __future__ import annotations

import gc
import sys

import pytest

from tests import pages
from tests.facts.editing import Bench, edits
from tests.facts.heap import changes, photograph
from tests.test_pages import RULES, page_of
from torchlint.diagnostic import Diagnostic
from torchlint.facts.focus import Focus
from torchlint.flow.budget import Stopped
from torchlint.flow.recording import Recorder
from torchlint.rule import Rule

#: A module with everything that can change: models, loaders, lists, dicts, classes, functions, generators.
LIBRARY = """
import elsewhere
import torch
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader
from torchvision import datasets, transforms


class Net(nn.Module):
    scale = 1

    def __init__(self, width=8):
        super().__init__()
        self.first = nn.Conv2d(1, width, 3)
        self.last = nn.Linear(width, 10)
        self.log = []

    def forward(self, x):
        self.log.append(x.shape)
        return self.last(self.first(x).mean((2, 3)))


class Odd:
    pass


class Strange(elsewhere.base()):
    pass


def counted(f):
    f.calls = 0
    return f


@counted
def loss(output, target):
    loss.calls += 1
    return nn.functional.binary_cross_entropy(output, target)


def widths(seen=[]):
    seen.append(len(seen))
    return seen


model = Net()
odd = Odd()
layers = [nn.Linear(1, 1), nn.Linear(1, 2)]
options = {"lr": 0.1, "dim": 1}
chain = nn.Sequential(nn.Linear(4, 4), nn.ReLU())
images = datasets.MNIST(".", transform=transforms.ToTensor())
loader = DataLoader(images, batch_size=4)
sample = torch.rand(2, 1, 28, 28)
scores = model(sample)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
seen = model(transforms.ToTensor()(Image.open("x.png").convert("L")).unsqueeze(0))
strange = Strange()
unknown = open("x").read()
"""

#: What changes it in every way that there is, and has findings of its own.
FOCUS = """
import torch
from torch import nn
import library
from library import Net, chain, layers, loader, loss, model, odd, options, widths
from torchvision.utils import save_image

criterion = nn.BCELoss()


class Same(nn.Module):
    def forward(self, x):
        return x


class Tuned(Net):
    def __init__(self):
        super().__init__(16)
        self.extra = nn.Linear(3, 3)

    def forward(self, x):
        return super().forward(x).sigmoid()


def train(net, data):
    optimizer = torch.optim.Adam(net.parameters())
    for x, y in data:
        output = net(x)
        loss = criterion(output, y.float())
        loss.backward()
        optimizer.step()


def evaluate(net=Net(4)):
    for x, y in loader:
        print(nn.functional.softmax(net(x)))
        save_image(x - 0.5, "x.png")


if __name__ == "__main__":
    model.eval()
    model.load_state_dict(torch.load("x.pt"))
    model.width = 3
    odd.shade = torch.rand(3)
    odd.shade.clamp_(0, 1)
    if odd.missing or library.strange.missing:
        Same()(library.seen)
    layers.append(nn.Linear(2, 3))
    layers[0] = nn.Sigmoid()
    del options["lr"]
    options["dim"] = 0
    if library.unknown:
        options["more"] = nn.Sigmoid()
        library.scores = torch.rand(2, 10)
    chain.add_module("end", nn.Linear(4, 1))
    chain[0] = nn.Linear(5, 4)
    widths().append(library.unknown)
    Net.scale = 3
    Net.forward.note = 1
    library.Odd = Net
    library.fresh = train
    library.sample[0] = 255
    again = nn.DataParallel(model)(library.scores)
    other = [Net(8) for _ in range(2)]
    print(nn.functional.softmax(library.scores))
    for x, y in loader:
        loss(model(x), y)
        library.optimizer.step()
    train(model, loader)
    train(Tuned(), loader)
"""
FILES = {"library.py": LIBRARY, "focus.py": FOCUS}


def told(found: list[Diagnostic]) -> list[tuple[str, int, str]]:
    return [(d.code, d.span.start.row, d.message) for d in found]


def test_the_focus_is_spoken_of_as_in_the_whole_run() -> None:
    bench = Bench(FILES)
    near = bench.near(bench.focus("focus.py"), FOCUS)
    assert {code for code, _, _ in told(near)} >= {"TL101", "TL112"}
    assert near == bench.whole("focus.py")


def test_nothing_that_was_prepared_changes_in_a_run() -> None:
    bench = Bench(FILES)
    focus = bench.focus("focus.py")
    focus.forget()
    before = photograph(focus.machine)
    assert len(before) > 400
    focus.analyse(FOCUS.encode())
    assert changes(before), "the program changes what was prepared"
    focus.forget()
    assert changes(before) == []


@pytest.mark.parametrize("seed", range(4))
def test_each_run_is_as_the_first(seed: int) -> None:
    bench = Bench(FILES)
    focus = bench.focus("focus.py")
    last: list[Diagnostic] = []
    differed = 0
    for text in edits(FOCUS, 25, seed):
        near = bench.near(focus, text)
        assert near == bench.near(bench.focus("focus.py"), text)
        there = Bench({**FILES, "focus.py": text})
        assert near == there.near(there.focus("focus.py"), text)
        differed += near != last
        last = near
    assert differed > 5


def test_what_is_said_can_be_read_after_the_run() -> None:
    """Facts hold values that may still change: those of a run last until the next one."""
    bench = Bench(FILES)
    focus = bench.focus("focus.py")
    first = bench.near(focus, FOCUS)
    bench.near(focus, "")
    assert bench.near(focus, FOCUS) == first


def test_memory_does_not_grow() -> None:
    bench = Bench(FILES)
    focus = bench.focus("focus.py")
    rows = "import library\nfrom library import layers, model, sample\nlayers.append(model(sample))\nmodel.eval()\n"
    blocks: list[int] = []
    for runs in (20, 980):
        for number in range(runs):
            focus.analyse(f"{rows}x = {number % 7}\n\n\nclass Net(library.Net):\n    n = x\n".encode())
        focus.forget()
        gc.collect()
        blocks.append(sys.getallocatedblocks())
    assert blocks[1] < blocks[0] * 1.01


def test_a_remark_is_no_reason_to_run_anything(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(FILES)
    focus = bench.focus("focus.py")
    before = bench.near(focus, FOCUS)
    with monkeypatch.context() as patch:
        patch.setattr("torchlint.facts.focus.deeply", None)
        after = bench.near(focus, "# a remark\n\n" + FOCUS)
        with pytest.raises(TypeError):
            focus.analyse(FOCUS.replace("3, 3", "3, 3.0").encode())
    assert [(code, row + 2, words) for code, row, words in told(before)] == told(after)
    assert bench.near(focus, FOCUS) == before


@pytest.mark.parametrize(("old", "new"), [("= 1", "= True"), ("= 1", "= 1.0"), ("# nothing", "# sys.path")])
def test_what_compares_equal_may_mean_something_else(old: str, new: str) -> None:
    text = "import torch\nx = 1  # nothing\n"
    bench = Bench({"focus.py": text})
    focus = bench.focus("focus.py")
    first = focus.analyse(text.encode())
    assert focus.analyse((text + "\n").encode()).occurrences is first.occurrences
    assert focus.analyse(text.replace(old, new).encode()).occurrences is not first.occurrences


def test_who_is_told_of_values_is_told_again() -> None:
    bench = Bench(FILES)
    focus = bench.focus("focus.py")
    recorders = [Recorder(["focus.py"]) for _ in range(3)]
    focus.analyse(FOCUS.encode())
    for recorder, text in zip(recorders, (FOCUS, FOCUS + "# a remark\n", FOCUS), strict=True):
        focus.analyse(text.encode(), recorder)
    told = [{n: [type(v) for v in known] for n, known in each.values["focus.py"].items()} for each in recorders]
    assert len(told[0]) > 100
    assert told[0] == told[1] == told[2]


# --- imports -----------------------------------------------------------------------------------------------------


def test_a_module_that_is_imported_anew_is_loaded_in_the_run_and_no_longer_there_after_it() -> None:
    files = {"a.py": "import torch\nNET = torch.nn.Sigmoid()\n", "focus.py": "import torch\n"}
    bench = Bench(files)
    focus = bench.focus("focus.py")
    bad = "import torch\nfrom a import NET\nloss = torch.nn.BCEWithLogitsLoss()(NET(torch.rand(3)), torch.ones(3))\n"
    found = bench.near(focus, bad)
    assert [d.code for d in found] == ["TL102"] and focus.unprepared == ["a.py"]
    assert bench.near(focus, "import torch\n") == [] and focus.unprepared == []
    assert bench.near(focus, bad) == found


def test_modules_that_import_each_other() -> None:
    files = {
        "pack/__init__.py": "from .focus import Net\nfrom .other import size\n",
        "pack/focus.py": (
            "import torch\nimport pack\nfrom pack.other import size\nfrom pack.leaf import bad\n\n\n"
            "class Net(torch.nn.Module):\n    def forward(self, x):\n        return x\n\n\n"
            "bad(torch.nn.Linear(2, size)(x))\n"
        ),
        "pack/other.py": "import torch\nfrom . import focus\nsize = 3\n",
        "pack/leaf.py": "import torch\n\n\ndef bad(x):\n    return torch.nn.BCELoss()(x, torch.ones(3))\n",
    }
    bench = Bench(files)
    focus = bench.focus("pack/focus.py")
    found = bench.near(focus, files["pack/focus.py"])
    assert set(focus.unprepared) == {"pack/__init__.py", "pack/other.py"}
    assert found == bench.whole("pack/focus.py")
    for text in edits(files["pack/focus.py"], 20, 1):
        assert bench.near(focus, text) == bench.near(bench.focus("pack/focus.py"), text)


# --- what others call --------------------------------------------------------------------------------------------

CALLED = """
import torch
from torch import nn


def {name}(x):
    return nn.functional.softmax(x)


class Head(nn.Module):
    def __init__(self, n):
        super().__init__()
        self.last = nn.Linear(n, 3)

    def forward(self, x):
        return nn.functional.softmax(self.last(x))
"""


def test_what_others_call_is_no_root() -> None:
    other = "import torch\nfrom focus import Head, used\n\n\ndef main():\n    used(Head(3)(torch.rand(2, 3)))\n"
    bench = Bench({"focus.py": CALLED.format(name="used"), "other.py": other})
    assert bench.near(bench.focus("focus.py"), bench.files["focus.py"]) == []
    assert [d.span.start.row for d in bench.whole("focus.py")] == [7, 16]


def test_what_a_file_calls_that_does_not_import_the_focus_is_one() -> None:
    files = {"focus.py": CALLED.format(name="used") + "\nimport other\n", "other.py": "def main(used):\n    used(1)\n"}
    bench = Bench(files)
    near = bench.near(bench.focus("focus.py"), files["focus.py"])
    assert [d.span.start.row for d in near] == [7, 16]
    assert near == bench.whole("focus.py")


def test_nothing_follows_from_what_others_may_do() -> None:
    """That a tanh gives −1 for black is taken to be so only where no model is trained on pictures with 0 for black."""
    shown = (
        "import torch\nfrom torchvision.utils import save_image\n\n"
        "net = torch.nn.Sequential(torch.nn.Linear(3, 784), torch.nn.Tanh())\n"
        'save_image(net(torch.randn(4, 3)).view(4, 1, 28, 28), "x.png")\n'
    )
    alone = Bench({"focus.py": shown})
    assert [d.code for d in alone.near(alone.focus("focus.py"), shown)] == ["TL209"]
    joined = Bench({"focus.py": shown, "other.py": "import focus\n"})
    assert joined.near(joined.focus("focus.py"), shown) == []
    assert [d.code for d in joined.whole("focus.py")] == ["TL209"]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_of_every_file_of_every_page_nothing_is_said_that_the_whole_run_does_not_say(rule: Rule) -> None:
    for block in pages.read(page_of(rule)).blocks:
        if block.section == "Confirm":
            continue
        bench = Bench(block.files)
        for path, text in block.files.items():
            near = bench.near(bench.focus(path), text)
            whole = told(bench.whole(path))
            assert [one for one in told(near) if one not in whole] == []
            if len(block.files) == 1:
                assert told(near) == whole


# --- what goes wrong ---------------------------------------------------------------------------------------------


def test_no_python() -> None:
    bench = Bench(FILES)
    focus = bench.focus("focus.py")
    for bad in (b"x = (\n", b"\xff\xfe\x00", b"x = 1\0", b"(" * 5000, b""):
        analysis = focus.analyse(bad)
        assert (len(analysis.problems) == 1) == (bad != b"") and analysis.faults == []
    assert bench.near(focus, FOCUS) == bench.whole("focus.py")


def test_a_fault_costs_its_root_and_no_later_run(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(FILES)
    focus = bench.focus("focus.py")
    expected = bench.near(focus, FOCUS)
    focus.forget()
    with monkeypatch.context() as patch:
        patch.setattr("torchlint.flow.training.record", None)
        assert [fault.path for fault in focus.analyse(FOCUS.encode()).faults] == ["focus.py"]
    assert bench.near(focus, FOCUS) == expected


@pytest.mark.parametrize("after", [0, 1, 2, 3])
def test_a_run_that_was_stopped_leaves_nothing(after: int) -> None:
    asked = most = 0

    def stop() -> bool:
        nonlocal asked
        asked += 1
        return bool(most) and asked > most

    bench = Bench(FILES)
    focus = Focus(bench.project, "focus.py", ["focus.py", "library.py"], bench.contracts, stop=stop)
    expected = bench.near(focus, FOCUS)
    asked, most = 0, after
    if after == 0:
        most = asked = 1
    focus.forget()
    with pytest.raises(Stopped):
        focus.analyse(FOCUS.encode())
    most = 0
    assert bench.near(focus, FOCUS) == expected


def test_a_run_may_be_given_less_time() -> None:
    bench = Bench(FILES)
    focus = bench.focus("focus.py")
    whole = focus.analyse(FOCUS.encode()).statistics
    focus.forget()
    some = focus.analyse(FOCUS.encode(), most=300).statistics
    assert whole.roots_exhausted == 0 and some.roots_exhausted > 0
    assert some.steps < 700 < whole.steps
    assert bench.near(focus, FOCUS) == bench.whole("focus.py")


def test_a_focus_need_not_be_finished() -> None:
    bench = Bench(FILES)
    with pytest.raises(Stopped):
        Focus(bench.project, "focus.py", ["focus.py", "library.py"], bench.contracts, stop=lambda: True)
