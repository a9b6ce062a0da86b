"""Samples that are dicts and tuples: which items a transform works on, and as what."""

from __future__ import annotations

import pytest

from tests.conftest import check

MODEL = """
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

net = nn.Conv2d(3, 6, 3, padding=1)
criterion = nn.CrossEntropyLoss()


def train(data):
    for image, mask in DataLoader(data, batch_size=2):
        criterion(net(image), mask)
"""

ALBUMENTATIONS = """
import albumentations as A
import cv2

from model import Dataset, torch, train

pipeline = A.Compose([A.Resize(64, 64), A.Normalize()], additional_targets={"second": "mask", "other": "image"})


class Data(Dataset):
    def __getitem__(self, i):
        image, mask = cv2.imread(f"{i}.jpg")[..., ::-1], cv2.imread(f"{i}.png", 0)
        found = pipeline(%s)
        return torch.tensor(found["image"]).permute(2, 0, 1), torch.tensor(%s).long()


train(Data())
"""


@pytest.mark.parametrize(
    ("call", "taken", "codes"),
    [
        ("image=image, mask=mask", 'found["mask"]', set()),
        ("image=image, second=mask", 'found["second"]', set()),
        ("image=image, masks=[mask, mask]", 'found["masks"][1]', set()),
        ("image=image, other=mask", 'found["other"]', {"TL210", "TL211"}),
    ],
)
def test_targets_of_albumentations(call: str, taken: str, codes: set[str]) -> None:
    found = check({"model.py": MODEL, "data.py": ALBUMENTATIONS % (call, taken)})
    assert {one.code for one in found} == codes


TENSORS = """
from PIL import Image
from torchvision import tv_tensors
from torchvision.transforms import v2

from model import Dataset, torch, train

both = v2.Compose([v2.Resize((64, 64)), v2.RandomHorizontalFlip(), v2.ToDtype(torch.float32, scale=True),
                   v2.Normalize([0.5] * 3, [0.5] * 3)])


class Data(Dataset):
    def __getitem__(self, i):
        image = tv_tensors.Image(Image.open(f"{i}.jpg").convert("RGB"))
        mask = tv_tensors.%s(Image.open(f"{i}.png").convert("L"))
        sample = both(%s)
        return sample[%s], sample[%s].squeeze(0).long()


train(Data())
"""


@pytest.mark.parametrize(("sample", "keys"), [("image, mask", ("0", "1")), ('{"x": image, "y": mask}', ('"x"', '"y"'))])
def test_masks_of_version_2(sample: str, keys: tuple[str, str]) -> None:
    """A mask is resized to the nearest neighbour and not normalised; an image is."""
    assert check({"model.py": MODEL, "data.py": TENSORS % ("Mask", sample, *keys)}) == []
    found = check({"model.py": MODEL, "data.py": TENSORS % ("Image", sample, *keys)})
    assert {one.code for one in found} == {"TL210", "TL211"}


MONAI = """
from monai.data import CacheDataset, DataLoader
from monai.losses import DiceCELoss
from monai.transforms import Compose, LoadImaged, RandFlipd, Resized

from model import net

prepare = Compose([LoadImaged(keys=["image", "label"]), Resized(keys=["image", "label"], spatial_size=(64, 64)%s), %s])
loader = DataLoader(CacheDataset([{"image": "a.png", "label": "b.png"}], prepare), **{})
criterion = DiceCELoss(to_onehot_y=True, softmax=True)

for batch in loader:
    criterion(net(batch["image"]), batch["label"])
"""

NEAREST = ', mode=("area", "nearest")'
FLIP = 'RandFlipd(keys=["image", "label"], prob=0.5)'
FLIPS = 'RandFlipd(keys="image", prob=0.5), RandFlipd(keys="label", prob=0.5)'


@pytest.mark.parametrize(
    ("mode", "flip", "codes"),
    [(NEAREST, FLIP, set()), ("", FLIP, {"TL211"}), (NEAREST, FLIPS, {"TL212"}), (', mode="nearest"', FLIP, set())],
)
def test_keys_of_monai(mode: str, flip: str, codes: set[str]) -> None:
    found = check({"model.py": MODEL, "data.py": MONAI % (mode, flip)})
    assert {one.code for one in found} == codes


def test_keywords_of_a_configuration() -> None:
    """A loader that takes further keywords from a configuration puts samples together as loaders do."""
    program = """
import cv2
from torch.utils.data import DataLoader

from model import Dataset, criterion, net, torch


class Data(Dataset):
    def __getitem__(self, i):
        mask = cv2.resize(cv2.imread(f"{i}.png", 0), (64, 64))
        return torch.rand(3, 64, 64), torch.tensor(mask).long()


def main(settings):
    for image, mask in DataLoader(Data(), **settings.loader):
        criterion(net(image), mask)
"""
    found = check({"model.py": MODEL, "data.py": program})
    assert [(one.code, one.span.path) for one in found] == [("TL211", "data.py")]
