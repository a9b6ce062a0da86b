"""What of a script is run to get at its values, and what is not: files as people write them."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest

from tests.confirm.forked import answer, build_one, row_of, written

NET = """
import torch.nn as nn

class Net(nn.Module):
    def __init__(self, width=4):
        super().__init__()
        self.fc = nn.Linear(width, 2)

    def forward(self, x):
        return self.fc(x)
"""


def names_of(folder: Path, path: str = "train.py", *wanted: str) -> Any:
    """The values of names in a module, as text; `?` for those that are not there."""

    def work(project: Any) -> list[str]:
        module = project.module(path)
        return [str(getattr(module, name, "?")) for name in wanted]

    return answer(folder, work)


SIDE_EFFECTS = {
    "open": "open('evil.txt', 'w').write('x')",
    "assigned": "log = open('evil.txt', 'w')",
    "with": "with open('evil.txt', 'w') as log:\n    log.write('x')",
    "makedirs": "import os\nos.makedirs('evil.txt', exist_ok=True)",
    "system": "import os\ncode = os.system('touch evil.txt')",
    "subprocess": "import subprocess\nout = subprocess.check_output(['touch', 'evil.txt'])",
    "path": "from pathlib import Path\nsize = Path('evil.txt').write_text('x')",
    "loop": "for name in ['evil.txt']:\n    open(name, 'w')",
    "while": "while True:\n    open('evil.txt', 'w')\n    break",
    "function": "def save():\n    open('evil.txt', 'w')\n    return 1\nsaved = save()",
    "nested": "def inner():\n    open('evil.txt', 'w')\ndef save():\n    return inner()\nsaved = save()",
    "class body": "class Log:\n    file = open('evil.txt', 'w')",
    "class expression": "class Log:\n    open('evil.txt', 'w')",
    "class loop": "class Log:\n    for name in ['evil.txt']:\n        open(name, 'w')",
    "default": "def log(file=open('evil.txt', 'w')):\n    pass",
    "decorator": "def now(f):\n    open('evil.txt', 'w')\n    return f\n@now\ndef log():\n    pass",
    "class decorator": "def now(f):\n    open('evil.txt', 'w')\n    return f\n@now\nclass Log:\n    pass",
    "try": "try:\n    open('evil.txt', 'w')\nexcept OSError:\n    pass",
    "guard": "if __name__ == '__main__':\n    open('evil.txt', 'w')",
    "if": "if True:\n    open('evil.txt', 'w')",
    "if test": "if open('evil.txt', 'w'):\n    pass",
    "comprehension": "files = [open(n, 'w') for n in ['evil.txt']]",
    "lambda call": "import os\nfile = (lambda: os.mkdir('evil.txt'))()",
    "lambda given": "import os\nfile = list(map(lambda name: os.mkdir(name), ['evil.txt']))",
    "function given": "import os\nfile = list(map(os.mkdir, ['evil.txt']))",
    "function renamed": "import os\nMake = os.mkdir\nfile = Make('evil.txt')",
    "function imported": "from os import mkdir as Make\nfile = Make('evil.txt')",
    "torch.save": "import torch\ndone = torch.save({}, 'evil.txt')",
    "numpy": "import numpy as np\ndone = np.savetxt('evil.txt', [1.0])",
    "getattr": "import os\ndone = getattr(os, 'mkdir')('evil.txt')",
    "exec": "done = exec(\"open('evil.txt', 'w')\")",
    "walrus": "if (file := open('evil.txt', 'w')):\n    pass",
    "base": "def make():\n    open('evil.txt', 'w')\n    return object\nclass Log(make()):\n    pass",
    "alias": "write = open\nfile = write('evil.txt', 'w')",
    "map": "files = list(map(lambda n: open(n, 'w'), ['evil.txt']))",
    "assert": "assert open('evil.txt', 'w')",
    "argument type": (
        "import argparse\nparser = argparse.ArgumentParser()\n"
        "parser.add_argument('--log', type=argparse.FileType('w'), default='evil.txt')\nargs = parser.parse_args()"
    ),
}


@pytest.mark.parametrize("name", SIDE_EFFECTS)
def test_what_a_file_does_at_its_top_is_not_done(tmp_path: Path, name: str) -> None:
    text = f"{SIDE_EFFECTS[name]}\n{NET}\nnet = Net(3)\n"
    found = build_one(tmp_path, {"train.py": text}, "train.py: Net(3)", owner="train.py", cls="Net")
    assert not (tmp_path / "evil.txt").exists()
    assert "in_features=3" in found.get("model", found)


@pytest.mark.parametrize("name", SIDE_EFFECTS)
def test_what_an_imported_file_does_at_its_top_is_not_done(tmp_path: Path, name: str) -> None:
    files = {"models.py": f"{SIDE_EFFECTS[name]}\n{NET}", "train.py": "from models import Net\nnet = Net(5)\n"}
    found = build_one(tmp_path, files, "train.py: Net(5)", owner="models.py", cls="Net")
    assert not (tmp_path / "evil.txt").exists()
    assert "in_features=5" in found.get("model", found)


@pytest.mark.parametrize(
    "importing",
    [
        "import helper",
        "from helper import size",
        "from helper import *",
        "import importlib\nhelper = importlib.import_module('helper')",
        "helper = __import__('helper')",
        "try:\n    import helper\nexcept ImportError:\n    helper = None",
        "def late():\n    import helper\n    return helper.size\nwidth = late()",
    ],
)
def test_no_file_of_the_project_is_imported_raw(tmp_path: Path, importing: str) -> None:
    files = {"helper.py": "open('evil.txt', 'w')\nsize = 3\n", "train.py": f"{importing}\n{NET}\nnet = Net(4)\n"}
    written(tmp_path, files)

    def work(project: Any) -> Any:
        import sys

        sys.path.insert(0, str(tmp_path))  # as a project installed in its environment has it
        module = project.module("train.py")
        return [str(getattr(module, name, "?")) for name in ("Net", "helper", "width")]

    answer(tmp_path, work)
    assert not (tmp_path / "evil.txt").exists()
    assert not (tmp_path / "__pycache__").exists()


def test_a_projects_modules_hide_no_others_and_are_not_hidden(tmp_path: Path) -> None:
    files = {
        "loader.py": "here = 'project'",
        "build.py": "import loader\nhere = loader.here",
        "train.py": "import build",
    }
    written(tmp_path, files)

    def work(project: Any) -> list[str]:
        import loader

        return [project.module("train.py").build.here, loader.Project.__name__]

    assert answer(tmp_path, work) == ["project", "Project"]


def test_assignments_and_definitions_are_run(tmp_path: Path) -> None:
    text = """
    import math
    WIDTH = 2 * 4
    sizes = [WIDTH, WIDTH * 2]
    sizes.append(3)
    names = {"a": 1}
    names.update(b=2)
    def double(x):
        return 2 * x
    twice = double(WIDTH)
    root = math.sqrt(16)
    if WIDTH > 4:
        kind = "wide"
    else:
        kind = "narrow"
    total = 0
    for size in sizes:
        total += size
    """
    written(tmp_path, {"train.py": text})
    assert names_of(tmp_path, "train.py", "sizes", "names", "twice", "root", "kind", "total") == [
        "[8, 16, 3]", "{'a': 1, 'b': 2}", "16", "4.0", "wide", "27",
    ]  # fmt: skip


def test_a_value_that_was_spoiled_is_not_the_older_one(tmp_path: Path) -> None:
    """A name that an unknown statement may have changed is unknown, and what reads it as well."""
    text = """
    import json, requests
    width = 4
    width = requests.get("http://x").json()
    double = width * 2
    cfg = {"n": 1}
    cfg.update(requests.get("http://x").json())
    n = cfg["n"]
    def overwrite(options):
        options["m"] = 7
        print(requests.get("http://x"))
    opt = {"m": 1}
    overwrite(opt)
    m = opt["m"]
    kept = 5
    """
    written(tmp_path, {"train.py": text})
    assert names_of(tmp_path, "train.py", "width", "double", "n", "m", "kept") == ["?", "?", "?", "?", "5"]


def test_a_value_is_the_one_at_its_place(tmp_path: Path) -> None:
    text = f"{NET}\nwidth = 3\nnet = Net(width)\nwidth = 9\nother = Net(width)\n"
    found = build_one(tmp_path, {"train.py": text}, "train.py: Net(width)", cls="Net", owner="train.py")
    assert "in_features=3" in found["model"]


def test_an_endless_constructor_at_the_top_is_not_run_unless_needed(tmp_path: Path) -> None:
    text = f"{NET}\nclass Slow:\n    def __init__(self):\n        while True: pass\nslow = Slow()\nnet = Net(3)\n"
    found = build_one(tmp_path, {"train.py": text}, "train.py: Net(3)", cls="Net", owner="train.py")
    assert "in_features=3" in found["model"]


def test_an_endless_constructor_that_is_needed_ends_with_the_budget(tmp_path: Path) -> None:
    text = f"{NET}\nclass Slow:\n    def __init__(self):\n        while True:\n"
    text += "            try: pass\n            except: pass\n"
    text += "slow = Slow()\nnet = Net(slow)\n"
    written(tmp_path, {"train.py": text})
    spec = {**row_of(tmp_path, "train.py", "Net(slow)"), "owner": "train.py", "cls": "Net"}

    def work(project: Any) -> Any:
        from tests.confirm.forked import attempt

        return attempt(project, spec, 0.5)

    assert answer(tmp_path, work)["reason"] == "budget"


def test_relative_imports_and_packages(tmp_path: Path) -> None:
    files = {
        "pkg/__init__.py": "from .nets import *\nfrom . import blocks",
        "pkg/nets.py": f"from .blocks import WIDTH\nfrom ..common import DEPTH\n{NET}",
        "pkg/blocks.py": "WIDTH = 6",
        "pkg/pkg.py": "raise RuntimeError('a package must not be hidden by a file in it')",
        "common.py": "DEPTH = 2",
        "pkg/run.py": "import pkg\nimport pkg.blocks as blocks\n"
        "width = pkg.blocks.WIDTH + blocks.WIDTH\nnet = pkg.Net(7)",
    }
    found = build_one(tmp_path, files, "pkg/run.py: pkg.Net(7)", owner="pkg/nets.py", cls="Net")
    assert "in_features=7" in found.get("model", found)
    assert names_of(tmp_path, "pkg/run.py", "width") == ["12"]


def test_two_folders_with_a_file_of_the_same_name(tmp_path: Path) -> None:
    files = {
        f"{one}/{name}": text
        for one, size in (("a", 3), ("b", 5))
        for name, text in (
            ("models.py", f"{NET}\nSIZE = {size}"),
            ("train.py", "from models import *\nnet = Net(SIZE)"),
        )
    }
    written(tmp_path, files)
    for one, size in (("a", 3), ("b", 5)):
        found = build_one(tmp_path, {}, f"{one}/train.py: Net(SIZE)", owner=f"{one}/models.py", cls="Net")
        assert f"in_features={size}" in found["model"]


def test_packages_that_are_missing_are_missed_only_where_they_are_used(tmp_path: Path) -> None:
    text = f"""
import no_such_package_a
import no_such_package_b.sub as nb
from no_such_package_c import thing, Base
from no_such_package_c.deep import *
try:
    import no_such_package_d
    HAVE = True
except ImportError:
    HAVE = False

class Odd(Base):
    pass

@no_such_package_a.register("net")
class Other:
    size = 2

value = thing.attribute
{NET}
net = Net(3)
odd = Odd()
"""
    found = build_one(tmp_path, {"train.py": text}, "train.py: Net(3)", owner="train.py", cls="Net")
    assert "in_features=3" in found["model"]
    assert names_of(tmp_path, "train.py", "HAVE") == ["False"]
    found = build_one(tmp_path, {}, "train.py: Odd()", owner="train.py", cls="Odd")
    assert (found["reason"], found["message"]) == ("package_missing", "no_such_package_c")


def test_a_stub_serves_no_library(tmp_path: Path) -> None:
    """A library's own optional import must fail as it always does."""
    written(tmp_path, {"train.py": "import no_such_package_a\nx = no_such_package_a.y\n"})

    def work(project: Any) -> str:
        project.module("train.py")
        try:
            importlib.import_module("no_such_package_a")
        except ImportError:
            return "missing"
        return "there"

    assert answer(tmp_path, work) == "missing"


def test_the_command_line_is_not_read(tmp_path: Path) -> None:
    text = f"""
import argparse, sys
{NET}
def get_args():
    parser = argparse.ArgumentParser()
    parser.add_argument("data")
    parser.add_argument("--width", type=int, default="6")
    parser.add_argument("--mode", required=True, choices=["small", "large"])
    parser.set_defaults(depth=2)
    return parser.parse_args()
def main():
    args = get_args()
    net = Net(args.width * args.depth)
    other = Net(3 if args.mode == "small" else 4)
main()
"""
    found = build_one(tmp_path, {"train.py": text}, "train.py: Net(args.width", owner="train.py", cls="Net")
    assert "in_features=12" in found["model"]
    assert found["kind"] == "site" and found["guessed"] == ()
    found = build_one(tmp_path, {}, "train.py: Net(3 if", owner="train.py", cls="Net")
    assert found["kind"] == "guessed" and found["guessed"] == ("args.mode='small'",)


def test_future_annotations_dataclasses_and_enums(tmp_path: Path) -> None:
    text = f"""
from __future__ import annotations
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple
{NET}
class Kind(Enum):
    SMALL = 3
    LARGE = 5

@dataclass
class Config:
    kind: Kind = Kind.LARGE
    layers: list[int] = field(default_factory=lambda: [1, 2])

    @property
    def width(self) -> int:
        return self.kind.value

class Sizes(NamedTuple):
    a: int = 1

config = Config()
net = Net(config.width)
"""
    found = build_one(tmp_path, {"train.py": text}, "train.py: Net(config", owner="train.py", cls="Net")
    assert "in_features=5" in found.get("model", found)


def test_texts_given_stand_for_the_files_on_disk(tmp_path: Path) -> None:
    written(tmp_path, {"train.py": "from models import SIZE\n", "models.py": "SIZE = 1\n"})

    def work(project: Any) -> int:
        return int(project.module("train.py").SIZE)

    assert answer(tmp_path, work, {"models.py": "SIZE = 2\n"}) == 2


def test_a_file_outside_of_the_project_is_not_read(tmp_path: Path) -> None:
    outer = written(tmp_path, {"secret.py": "SIZE = 1", "project/train.py": "from ..secret import SIZE\nX = 1\n"})
    (outer / "project" / "link.py").symlink_to(outer / "secret.py")

    def work(project: Any) -> Any:
        from loader import LoadError

        module = project.module("train.py")
        for path in ("../secret.py", "link.py"):
            with pytest.raises(LoadError) as caught:
                project.module(path)
            assert caught.value.reason == "not_found"
        return [getattr(module, "X", "?"), str(getattr(module, "SIZE", "?"))]

    assert answer(outer / "project", work)[0] == 1


@pytest.mark.parametrize(
    ("text", "reason"),
    [("def f(:\n", "syntax"), ("x = 1\x00", "syntax"), (None, "not_found"), ("x" * (2 << 20), "load")],
)
def test_files_that_cannot_be_loaded(tmp_path: Path, text: str | None, reason: str) -> None:
    if text is not None:
        (tmp_path / "train.py").write_text(text)

    def work(project: Any) -> str:
        from loader import LoadError

        try:
            project.module("train.py")
        except LoadError as error:
            return error.reason
        return "loaded"

    assert answer(tmp_path, work) == reason


def test_a_module_is_run_once_even_when_it_fails(tmp_path: Path) -> None:
    files = {
        "bad.py": "from counted import hits\nhits.append(1)\nraise ValueError\nA = 1\n",
        "counted.py": "hits = []\n",
        "train.py": "from bad import A, B, C\nfrom bad import D\nimport counted\na = A\nn = len(counted.hits)\n",
    }
    written(tmp_path, files)
    assert names_of(tmp_path, "train.py", "n", "A") == ["1", "1"]


def test_the_slice_as_text(tmp_path: Path) -> None:
    files = {
        "models.py": f"print('hello')\n{NET}\nUNUSED = 1\n",
        "train.py": "from models import Net\nimport wandb\nwidth = 3\nlr = 0.1\nwandb.init()\nnet = Net(width)\n",
    }
    written(tmp_path, files)
    spec = {**row_of(tmp_path, "train.py", "Net(width)"), "owner": "models.py", "cls": "Net"}

    def work(project: Any) -> str:
        import build

        text = build.slice_text(project, spec)
        assert not project._modules, "something was run"
        return text

    text = answer(tmp_path, work)
    assert "    3  width = 3" in text and "    6  Net(width)" in text and "    5  class Net(nn.Module):" in text
    for dropped in ("lr", "wandb", "hello", "UNUSED"):
        assert dropped not in text
