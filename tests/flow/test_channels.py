"""Which colours an image has, and in which order its dimensions are: every way of reading and turning it."""

from __future__ import annotations

import pytest

from tests.conftest import check
from tests.flow.test_targets import reveal

HEAD = """
import cv2
import numpy as np
import torch
from PIL import Image, ImageOps
from skimage import color, io, transform
from torchvision.datasets import MNIST
from torchvision.io import ImageReadMode, read_image

bgr = cv2.imread("a.png")
chw = bgr.transpose(2, 0, 1)
grey = cv2.imread("a.png", 0)
"""

BGR, RGB, GREY = "(BGR, HWC, ", "(RGB, HWC, ", "(L, "
FIRST = {"BGR": "(BGR, CHW, ", "RGB": "(RGB, CHW, "}

COLOURS = {
    "bgr[:, :, ::-1]": RGB,
    "bgr[..., ::-1]": RGB,
    "bgr[:, :, [2, 1, 0]]": RGB,
    "bgr[..., (2, 1, 0)]": RGB,
    "bgr[:, :, [2, 1, 0]][:, :, ::-1]": BGR,
    "np.flip(bgr, 2)": RGB,
    "np.flip(bgr, axis=-1)": RGB,
    "np.flip(bgr, 1)": BGR,
    "bgr[::-1]": BGR,
    "bgr[:, ::-1]": BGR,
    "bgr[10:20, 30:40]": BGR,
    "bgr[..., :3]": BGR,
    "chw[::-1]": FIRST["RGB"],
    "chw[[2, 1, 0]]": FIRST["RGB"],
    "torch.from_numpy(chw).flip(0)": FIRST["RGB"],
    "torch.from_numpy(chw)[None].flip(1)": FIRST["RGB"],
    "torch.from_numpy(chw)[None].flip(-1)": FIRST["BGR"],
    "torch.from_numpy(chw)[None][:, [2, 1, 0]]": FIRST["RGB"],
    "np.stack([bgr, bgr])": BGR,
    "np.stack([chw, chw])[:, ::-1]": FIRST["RGB"],
    "np.expand_dims(chw, 0)": FIRST["BGR"],
    "np.moveaxis(bgr, -1, 0)": FIRST["BGR"],
    "cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)": RGB,
    "cv2.cvtColor(bgr, cv2.COLOR_RGB2BGR)": RGB,
    "cv2.cvtColor(bgr, cv2.COLOR_BGR2LAB)": "image (HWC, ",
    "cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR)": BGR,
    "cv2.cvtColor(bgr, cv2.COLOR_BGR2GRAY)": GREY,
    "np.stack([grey, grey, grey], axis=-1)": "image (byte",
    "np.repeat(grey[..., None], 3, -1)": "image (HWC, ",
    "grey[None]": "(L, CHW, ",
    "grey[..., None]": "(L, HWC, ",
    "bgr[:, :, 0]": "image (byte",
    "MNIST('.').data[3]": "(L, byte",
    "MNIST('.').data[:100]": "(L, byte",
    "Image.fromarray(bgr)": BGR,
    "ImageOps.grayscale(Image.open('a.png'))": GREY,
    "Image.open('a.png')": "image (HWC, ",
    "Image.open('a.png').convert('RGB')": RGB,
    "Image.open('a.png').convert('HSV')": "(HSV, HWC, ",
    "Image.open('a.png').convert('RGB').convert('YCbCr')": "(YCbCr, HWC, ",
    "Image.new('RGB', (8, 8))": RGB,
    "cv2.imread('a.png', cv2.IMREAD_COLOR_RGB)": RGB,
    "cv2.imdecode(np.frombuffer(b'', np.uint8), cv2.IMREAD_GRAYSCALE)": GREY,
    "io.imread('a.png')": "image (HWC, ",
    "color.rgb2gray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB))": GREY,
    "transform.resize(bgr, (8, 9))": "shape 8×9×3",
    "read_image('a.png')": "image (CHW, ",
    "read_image('a.png', ImageReadMode.RGB)": FIRST["RGB"],
    "read_image('a.png', mode='GRAY')": "(L, CHW, ",
}


@pytest.mark.parametrize("expression", COLOURS)
def test_colours(expression: str) -> None:
    text = reveal(f"{HEAD}found = {expression}\n", "found")[-1]
    assert COLOURS[expression] in text, text


@pytest.mark.parametrize("flag", ["cv2.IMREAD_UNCHANGED", "-1", "cv2.IMREAD_ANYDEPTH", "flags"])
def test_what_a_file_holds_is_not_known(flag: str) -> None:
    text = reveal(f"{HEAD}from settings import flags\nfound = cv2.imread('a.png', {flag})\n", "found")[-1]
    assert "image" not in text and "range None" in text, text


def test_tensors_that_are_packed_and_unpacked_keep_their_features() -> None:
    program = """
import torch
from einops import pack, unpack
from torch import nn


class Tokens(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.cls = nn.Parameter(torch.zeros(2, 32))
        self.head = nn.Linear(width, 10)

    def forward(self, patches):
        tokens, shapes = pack([self.cls, patches], "b * d")
        first, rest = unpack(torch.relu(tokens), shapes, "b * d")
        return self.head(first)


right, wrong = Tokens(32), Tokens(16)
right(torch.rand(2, 4, 5, 32))
wrong(torch.rand(2, 4, 5, 32))
"""
    found = check({"net.py": program})
    assert [(one.code, "expects 16 features" in one.message) for one in found] == [("TL301", True)]
