"""How pixels come from datasets, loaders and cameras to a loss or model, read off ``torchlint trace``."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.frontends.test_cli import torchlint

START = """
import glob
import itertools
import random

import cv2
import torch
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader, Dataset, IterableDataset
from torchvision import datasets, transforms


class Pictures(Dataset):
    def __init__(self, paths, transform=None):
        self.paths, self.transform = paths, transform or transforms.ToTensor()

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, i):
        return self.transform(Image.open(self.paths[i]).convert("RGB")), i % 2


pictures = Pictures(glob.glob("*.png"))
net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.LazyLinear(10))
"""

LOOP = """
for picture, kind in loader:
    loss = nn.functional.cross_entropy(net(picture), kind)
"""

UNIT = "[0, 255] → ToTensor → [0, 1]"

#: By what it is: the ranges on the way, and the program.
LOADERS = {
    "a collate function that transposes": (
        UNIT,
        """
def together(batch):
    images, kinds = zip(*batch)
    return torch.stack(images), torch.tensor(kinds)


loader = DataLoader(pictures, 4, collate_fn=together)
""",
    ),
    "a collate function that leaves some out": (
        UNIT,
        """
def whole(batch):
    return torch.utils.data.dataloader.default_collate(list(filter(lambda one: one is not None, batch)))


loader = DataLoader(pictures, 4, collate_fn=whole)
""",
    ),
    "a method that collates": (
        UNIT,
        """
class Batched(Pictures):
    @staticmethod
    def together(batch):
        images, kinds = tuple(zip(*batch))
        return torch.stack(images, dim=0), torch.as_tensor(kinds)


loader = DataLoader(Batched(["a.png"]), 4, collate_fn=Batched.together)
""",
    ),
    "a loader of the program's own": (
        UNIT,
        """
class Ours(DataLoader):
    def __init__(self, root, batch_size):
        self.held = datasets.CIFAR10(root, transform=transforms.ToTensor())
        super().__init__(self.held, batch_size=batch_size, num_workers=2)


loader = Ours("data", 4)
""",
    ),
    "an endless loader, cut": (UNIT, "loader = itertools.islice(itertools.cycle(DataLoader(pictures, 4)), 100)"),
    "a stream of samples": (
        UNIT,
        """
class Stream(IterableDataset):
    def __iter__(self):
        for path in glob.glob("*.png"):
            yield transforms.ToTensor()(Image.open(path).convert("RGB")), 0


loader = DataLoader(Stream(), 4)
""",
    ),
    "a sum of datasets": (UNIT, "loader = DataLoader(pictures + Pictures(['b.png']), 4)"),
    "a folder that is read by itself": (
        UNIT,
        """
class Named(datasets.ImageFolder):
    def __getitem__(self, i):
        path, kind = self.samples[i]
        return self.transform(self.loader(path)), kind


loader = DataLoader(Named("data", transform=transforms.ToTensor()), 4)
""",
    ),
    "a folder with a reader of its own": (
        "[0, 255] → ÷ 255 → [0, 1]",
        """
def read(path):
    return torch.from_numpy(cv2.imread(path)).permute(2, 0, 1).float() / 255


loader = DataLoader(datasets.DatasetFolder("data", loader=read, extensions=[".png"]), 4)
""",
    ),
    "a pair of transforms": (
        UNIT,
        """
class Ours(datasets.VisionDataset):
    def __init__(self, root, transform):
        super().__init__(root, transform=transform)
        self.files = glob.glob(root)

    def __getitem__(self, i):
        return self.transforms(Image.open(self.files[i]).convert("RGB"), i % 2)


loader = DataLoader(Ours("data", transforms.ToTensor()), 4)
""",
    ),
    "a transform picked at random": (
        UNIT,
        """
class Picked(Dataset):
    def __len__(self):
        return 10

    def __getitem__(self, i):
        change = random.choice([transforms.ColorJitter(0.1), transforms.RandomHorizontalFlip()])
        return transforms.ToTensor()(change(Image.open("a.png").convert("RGB"))), 0


loader = DataLoader(Picked(), 4)
""",
    ),
}
MODELS = {
    "frames of a camera": (
        "[0, 255] → ÷ 255 → [0, 1]",
        """
camera = cv2.VideoCapture(0)
while True:
    there, frame = camera.read()
    if not there:
        break
    frame = cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)
    net(torch.from_numpy(frame).permute(2, 0, 1).unsqueeze(0).float() / 255)
""",
    ),
}


def _trace(tmp_path: Path, program: str) -> list[str]:
    (tmp_path / "train.py").write_text(START + program, encoding="utf-8")
    return torchlint("trace", "train.py", cwd=tmp_path).stdout.splitlines()


@pytest.mark.parametrize("name", LOADERS)
def test_ranges_before_a_loss(name: str, tmp_path: Path) -> None:
    summary, program = LOADERS[name]
    shown = _trace(tmp_path, program + LOOP)
    assert "· cross_entropy · input" in shown[0]
    assert shown[1].strip() == summary


@pytest.mark.parametrize("name", MODELS)
def test_ranges_before_a_model(name: str, tmp_path: Path) -> None:
    summary, program = MODELS[name]
    shown = _trace(tmp_path, program)
    assert "· Sequential" in shown[0]
    assert shown[1].strip() == summary


def test_noise_begins_where_it_is_drawn(tmp_path: Path) -> None:
    program = 'net(torch.randn(4, 3, 8, 8, device=torch.device("cuda")))\n'
    assert "● torch.randn" in _trace(tmp_path, program)[1]


def test_samples_of_many_random_steps_keep_their_parts(tmp_path: Path) -> None:
    program = """
class Flip:
    def __call__(self, image, mask):
        if random.random() < 0.5:
            image, mask = image.rotate(90), mask.rotate(90)
        return image, mask


class Pairs(Pictures):
    def __getitem__(self, i):
        image, mask = Image.open(self.paths[i]).convert("RGB"), Image.open("m.png")
        for step in [Flip(), Flip(), Flip(), Flip()]:
            image, mask = step(image, mask)
        return self.transform(image), 0


loader = DataLoader(Pairs(["a.png"]), 4)
"""
    shown = _trace(tmp_path, program + LOOP)
    assert "· cross_entropy · input" in shown[0]
    assert any(line.split()[1:2] == ["ToTensor"] and "[0, 1]" in line for line in shown)


def test_another_device_is_no_other_way(tmp_path: Path) -> None:
    program = """
for picture, kind in DataLoader(pictures, 4):
    if torch.cuda.is_available():
        picture, kind = picture.cuda(), kind.cuda()
    nn.functional.cross_entropy(net(picture), kind)
"""
    shown = _trace(tmp_path, program)
    assert shown[0].endswith("· cross_entropy · input")
    assert shown[1].strip() == UNIT


def test_a_module_on_the_path_of_the_system(tmp_path: Path) -> None:
    (tmp_path / "parts").mkdir()
    body = "import torch.nn as nn\n\n\ndef build():\n    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten())\n"
    (tmp_path / "parts" / "ournet.py").write_text(body, encoding="utf-8")
    program = """
import sys

sys.path.append("/somewhere/parts")
from ournet import build

model = build()
for picture, kind in DataLoader(pictures, 4):
    nn.functional.cross_entropy(model(picture), kind)
"""
    (tmp_path / "train.py").write_text(START + program, encoding="utf-8")
    shown = torchlint("trace", "train.py", ".", cwd=tmp_path).stdout.splitlines()
    assert "· cross_entropy · input" in shown[0]
    assert shown[1].strip() == UNIT


def test_pixels_of_a_table(tmp_path: Path) -> None:
    program = """
import pandas as pd

table = pd.read_csv("digits.csv")
pixels = table[[str(i) for i in range(784)]].values.reshape(-1, 28, 28, 1)
net(torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255)
"""
    assert "● pandas" in _trace(tmp_path, program)[1]
