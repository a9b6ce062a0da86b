"""How pixels come to a loss: real ways of writing a pipeline, read off ``torchlint trace``."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.frontends.test_cli import torchlint

LOOP = """
net = torch.nn.Sequential(torch.nn.Conv2d({channels}, 4, 3), torch.nn.Flatten(), torch.nn.LazyLinear(10))
for picture, kind in loader:
    loss = torch.nn.functional.cross_entropy(net(picture), kind)
"""

WAYS = {
    "settings of a loader that depend on the device": (
        "[0, 255] → ToTensor → [0, 1]",
        1,
        """
import torch
from torchvision import datasets, transforms

settings = {"num_workers": 2, "pin_memory": True} if torch.cuda.is_available() else {}
digits = datasets.MNIST("digits", transform=transforms.ToTensor())
loader = torch.utils.data.DataLoader(digits, batch_size=64, **settings)
""",
    ),
    "names of inner modules of a package": (
        "[0, 255] → Normalize → [−2.118, 2.64] → × 2 → [−4.236, 5.28]",
        3,
        """
import cv2
import torch
from albumentations.augmentations import transforms
from albumentations.augmentations.geometric.rotate import RandomRotate90
from albumentations.core.composition import Compose


class Cells(torch.utils.data.Dataset):
    def __init__(self, paths):
        self.paths = paths
        self.change = Compose([RandomRotate90(), transforms.Normalize()])

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, i):
        cell = self.change(image=cv2.imread(self.paths[i]))["image"]
        return cell.transpose(2, 0, 1) * 2, i % 2


loader = torch.utils.data.DataLoader(Cells(["a.png"]), 2)
""",
    ),
}


@pytest.mark.parametrize("name", WAYS)
def test_ranges_on_the_way(name: str, tmp_path: Path) -> None:
    summary, channels, source = WAYS[name]
    (tmp_path / "train.py").write_text(source + LOOP.format(channels=channels), encoding="utf-8")
    shown = torchlint("trace", "train.py", cwd=tmp_path).stdout.splitlines()
    assert shown[0].endswith("· cross_entropy · input")
    assert shown[1].strip() == summary
