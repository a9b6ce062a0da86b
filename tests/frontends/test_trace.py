"""``torchlint trace``: the way of the data as a picture."""

from __future__ import annotations

import re
from pathlib import Path

from tests.frontends.test_cli import torchlint

DATA = """\
import cv2
import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms


class Leaves(Dataset):
    def __init__(self, rows, augment):
        self.rows = rows
        steps = [transforms.ToPILImage()]
        if augment:
            steps.append(transforms.RandomHorizontalFlip())
        steps += [
            transforms.Resize((64, 64)),
            transforms.ToTensor(),
            transforms.Normalize([0.5, 0.5, 0.5], [0.5, 0.5, 0.5]),
        ]
        self.prepare = transforms.Compose(steps)

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, i):
        path, kind = self.rows[i]
        leaf = cv2.cvtColor(cv2.imread(path), cv2.COLOR_BGR2RGB)
        return self.prepare(leaf), int(kind)


def loaders(rows):
    return DataLoader(Leaves(rows[:90], True), batch_size=8, shuffle=True), DataLoader(Leaves(rows[90:], False))
"""
TRAIN = """\
import torch
from torch import nn

from data import loaders


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Conv2d(3, 16, 3, stride=2)
        self.head = nn.Linear(16, 5)

    def forward(self, x):
        y = torch.relu(self.body(x))
        return self.head(y.mean((2, 3)))


def fit(rows):
    train, held_out = loaders(rows)
    net = Net()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    for leaf, kind in train:
        optimizer.zero_grad()
        loss = nn.functional.nll_loss(torch.softmax(net(leaf), dim=1), kind)
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        for leaf, _ in held_out:
            print(net(leaf).argmax(1))
"""


def project(folder: Path) -> Path:
    (folder / "data.py").write_text(DATA, encoding="utf-8")
    (folder / "train.py").write_text(TRAIN, encoding="utf-8")
    return folder


def pictures(text: str) -> list[list[str]]:
    return [block.splitlines() for block in text.strip().split("\n\n")]


def test_from_the_file_to_the_loss(tmp_path: Path) -> None:
    done = torchlint("trace", "train.py:24", cwd=project(tmp_path))
    assert (done.returncode, done.stderr) == (0, "")
    image = pictures(done.stdout)[0]
    assert image[0] == "train.py:24 · nll_loss · input"
    assert image[1].strip() == "[0, 255] → ToTensor → [0, 1] → Normalize → [−1, 1]"
    stages = [re.split(r"\s{2,}", line.strip()) for line in image[2:12]]
    assert [stage[0] for stage in stages] == [
        "● imread",
        "│ cv2.cvtColor",
        "│ ToPILImage",
        "│ RandomHorizontalFlip (random)",
        "│ Resize",
        "│ ToTensor",
        "│ Normalize",
        "│ batch",
        "▣ Net",
        "│ torch.softmax",
    ]
    assert stages[0][1:] == ["uint8 array", "?×?×3", "HWC BGR", "[0, 255]", "data.py:26"]
    assert stages[6][1:] == ["float32", "3×64×64", "CHW RGB", "[−1, 1] normalized", "data.py:17"]
    assert stages[7][1] == "float32"
    assert stages[7][2] == "B×3×64×64"
    assert stages[8][1:] == ["float32", "B×5", "unbounded logits", "train.py:24"]
    assert image[12].split() == ["◆", "nll_loss", "train.py:24"]
    assert image[13].startswith("  ✗ TL104 ")


def test_one_line_and_the_whole_file(tmp_path: Path) -> None:
    folder = project(tmp_path)
    headings = [block[0] for block in pictures(torchlint("trace", "train.py", cwd=folder).stdout)]
    assert headings == ["train.py:24 · nll_loss · input", "train.py:24 · nll_loss · target", "train.py:29 · Net"]
    held_out = pictures(torchlint("trace", "train.py:29", cwd=folder).stdout)
    assert [block[0] for block in held_out] == ["train.py:29 · Net"]
    assert not any("Flip" in line for line in held_out[0])
    # a line on the way, in another file than the loss, given the file that reaches it
    flips = pictures(torchlint("trace", "data.py:13", ".", cwd=folder).stdout)
    assert [block[0] for block in flips] == ["train.py:24 · nll_loss · input"]


def test_nothing_passes(tmp_path: Path) -> None:
    done = torchlint("trace", "train.py:1", cwd=project(tmp_path))
    assert (done.returncode, done.stdout) == (0, "")
    assert "no data is seen to pass here" in done.stderr
    assert torchlint("trace", "gone.py", cwd=tmp_path).returncode == 2


def test_a_narrow_terminal_and_control_characters(tmp_path: Path) -> None:
    source = TRAIN.replace("from data import loaders", "loaders = None").replace("(rows)\n", "(rows)\n", 1)
    source = source.replace(
        "train, held_out = loaders(rows)", "train = [(torch.rand(2, 3, 8, 8), torch.ones(2).long())]"
    )
    source = source.replace(
        "    with torch.no_grad():\n        for leaf, _ in held_out:\n            print(net(leaf).argmax(1))\n", ""
    )
    (tmp_path / "train.py").write_text(source, encoding="utf-8")
    done = torchlint("trace", "train.py", cwd=tmp_path, env={"PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii"})
    assert done.returncode == 0
    assert "  o torch.rand" in done.stdout
    assert "  * nll_loss" in done.stdout
    assert done.stdout.isascii()


def test_several_ways_with_the_same_ranges_are_one(tmp_path: Path) -> None:
    project(tmp_path)
    data = DATA.replace(
        "        return self.prepare",
        "        if np.random.rand() < 0.5:\n            leaf = cv2.flip(leaf, 1)\n        return self.prepare",
    )
    (tmp_path / "data.py").write_text(data, encoding="utf-8")
    first = pictures(torchlint("trace", "train.py:24", cwd=tmp_path).stdout)[0]
    assert "1 more way of the same ranges" in first[0]
    assert any("cv2.flip" in line for line in first)


def test_it_is_the_same_whatever_the_hash_seed(tmp_path: Path) -> None:
    folder = project(tmp_path)
    outputs = {torchlint("trace", "train.py", cwd=folder, env={"PYTHONHASHSEED": str(seed)}).stdout for seed in (1, 2)}
    assert len(outputs) == 1
