"""What image libraries do to pictures on their way to a loss, read off ``torchlint trace``."""

from __future__ import annotations

from pathlib import Path
from textwrap import indent

import pytest

from tests.frontends.test_cli import torchlint

PROGRAM = """
import cv2
import imgaug.augmenters as iaa
import imutils
import numpy as np
import torch
from PIL import Image, ImageChops, ImageEnhance, ImageFilter
from scipy import ndimage
from skimage import color, exposure, filters, img_as_float32, img_as_ubyte, transform, util
from torchvision import transforms


class Pictures(torch.utils.data.Dataset):
    def __init__(self, paths):
        self.paths = paths

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, i):
        array = cv2.cvtColor(cv2.imread(self.paths[i]), cv2.COLOR_BGR2RGB)
        grey = cv2.imread(self.paths[i], cv2.IMREAD_GRAYSCALE)
        pil = Image.open(self.paths[i]).convert("RGB")
BODY
        return x, i % 2


net = torch.nn.Sequential(torch.nn.Conv2d(CHANNELS, 4, 3), torch.nn.Flatten(), torch.nn.LazyLinear(10))
for pictures, kind in torch.utils.data.DataLoader(Pictures(["a.png"]), 2):
    loss = torch.nn.functional.cross_entropy(net(pictures), kind)
"""

FLOATS = "\nx = torch.from_numpy(x.transpose(2, 0, 1)).float()"
TENSOR = "\nx = transforms.ToTensor()(x)"
UNIT = "[0, 255] → ToTensor → [0, 1]"

#: By what the lines do: the ranges on the way, and the lines.
RGB = {
    "bands of a PIL image": (UNIT, 'r, g, b = pil.split()\nx = Image.merge("RGB", (b, g, r))' + TENSOR),
    "enhanced": (UNIT, "x = ImageEnhance.Contrast(pil.filter(ImageFilter.GaussianBlur(2))).enhance(1.5)" + TENSOR),
    "blended": (UNIT, "x = ImageChops.add(Image.blend(pil, pil.rotate(9), 0.5), pil)" + TENSOR),
    "opened by with": (UNIT, 'with Image.open(self.paths[i]) as f:\n    x = f.convert("RGB")' + TENSOR),
    "five crops": (UNIT, "x = torch.stack([transforms.ToTensor()(c) for c in transforms.FiveCrop(64)(pil)])[0]"),
    "warped": (UNIT, "x = cv2.warpAffine(array, cv2.getRotationMatrix2D((8, 8), 9, 1), (64, 64))" + TENSOR),
    "bordered": (
        "[0, 255] → × 0.5 → [0, 127.5] → cv2.copyMakeBorder → [−1, 127.5]",
        "x = cv2.copyMakeBorder(array.astype(np.float32) * 0.5, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=-1)" + FLOATS,
    ),
    "mixed": (UNIT, "x = cv2.addWeighted(array, 0.7, array, 0.7, 0)" + TENSOR),
    "bands of an array": (UNIT, "b, g, r = cv2.split(array)\nx = cv2.merge([r, g, b])" + TENSOR),
    "stretched by OpenCV": (
        "[0, 255] → cv2.normalize → [0, 1]",
        "x = cv2.normalize(array, None, 0, 1, cv2.NORM_MINMAX, dtype=cv2.CV_32F)" + FLOATS,
    ),
    "a blob": (
        "[0, 255] → cv2.dnn.blobFromImage → [−1, 1]",
        "x = torch.from_numpy(cv2.dnn.blobFromImage(array, 1 / 127.5, (64, 64), (127.5, 127.5, 127.5)))[0]",
    ),
    "drawn on": (UNIT, "cv2.rectangle(array, (0, 0), (4, 4), (255, 0, 0))\nx = array" + TENSOR),
    "resized by scikit-image": (
        "[0, 255] → transform.resize → [0, 1]",
        "x = transform.resize(array, (64, 64))" + FLOATS,
    ),
    "turned by scikit-image": (
        "[0, 255] → transform.resize → [0, 1]",
        "x = transform.rotate(transform.resize(array, (64, 64)), 10)" + FLOATS,
    ),
    "bytes again": (
        "[0, 255] → img_as_float32 → [0, 1] → img_as_ubyte → [0, 255] → ToTensor → [0, 1]",
        "x = img_as_ubyte(img_as_float32(array))" + TENSOR,
    ),
    "blurred and noisy": (
        "[0, 255] → filters.gaussian → [0, 1]",
        "x = util.random_noise(filters.gaussian(array, 1))" + FLOATS,
    ),
    "another gamma": (UNIT, "x = exposure.adjust_gamma(array, 0.8)" + TENSOR),
    "stretched by scikit-image": (
        "[0, 255] → exposure.rescale_intensity → [−1, 1]",
        "x = exposure.rescale_intensity(array, out_range=(-1.0, 1.0))" + FLOATS,
    ),
    "Lab": ("[0, 255] → color.rgb2lab → [−128, 128]", "x = color.rgb2lab(array)" + FLOATS),
    "turned by scipy": (UNIT, "x = ndimage.rotate(ndimage.gaussian_filter(array, 1), 10, reshape=False)" + TENSOR),
    "augmented": (
        UNIT,
        "x = iaa.Sequential([iaa.Fliplr(0.5)]).augment_image(imutils.resize(array, width=64))" + TENSOR,
    ),
    "augmented by a call": (UNIT, "augment = iaa.SomeOf(1, [iaa.Fliplr(0.5)])\nx = augment(image=array)" + TENSOR),
}
GREY = {
    "lightness": (UNIT, 'y, _, _ = pil.convert("YCbCr").split()\nx = transforms.ToTensor()(y)'),
    "thresholded": (
        "[0, 255] → cv2.threshold → [0, 200] → ÷ 200 → [0, 1]",
        "_, x = cv2.threshold(grey, 127, 200, cv2.THRESH_BINARY)\nx = torch.from_numpy(x)[None].float() / 200",
    ),
    "equalized": (UNIT, "x = cv2.createCLAHE(2.0).apply(cv2.equalizeHist(grey))" + TENSOR),
    "filled polygons": (
        "[0, 0] → cv2.fillPoly → [0, 255] → ÷ 255 → [0, 1]",
        "x = np.zeros((64, 64), np.uint8)\ncv2.fillPoly(x, [], 255)\nx = torch.from_numpy(x)[None].float() / 255",
    ),
    "greyed by scikit-image": (
        "[0, 255] → color.rgb2gray → [0, 1]",
        "x = torch.from_numpy(color.rgb2gray(array)).float().unsqueeze(0)",
    ),
}


@pytest.mark.parametrize("name", [*RGB, *GREY])
def test_ranges_on_the_way(name: str, tmp_path: Path) -> None:
    summary, lines = {**RGB, **GREY}[name]
    program = PROGRAM.replace("BODY", indent(lines, " " * 8)).replace("CHANNELS", "3" if name in RGB else "1")
    (tmp_path / "train.py").write_text(program, encoding="utf-8")
    shown = torchlint("trace", "train.py", cwd=tmp_path).stdout.splitlines()
    assert shown[0].endswith("· cross_entropy · input"), shown
    assert shown[1].strip() == summary
