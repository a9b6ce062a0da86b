"""What transforms and images make of each dtype, as ``torchlint reveal`` shows it.

Each row was run with torchvision 0.28, Pillow 13, albumentations 2.0.8, OpenCV 5 and torch 2.13 (`torchvision.io` was
read) on pictures that reach both ends of their range; what stands here is what came out, in the words of `torchlint`.
What those libraries refuse is unknown.
"""

from __future__ import annotations

import pytest

from tests.frontends.test_cli import torchlint

HEAD = """\
import albumentations as A
import blurs
import cv2
import numpy as np
import skimage
import torch
from skimage import color as colors
from skimage import transform
from PIL import Image, ImageEnhance, ImageOps
from torchvision import io, tv_tensors
from torchvision.transforms import functional as TF
from torchvision import transforms as T
from torchvision.transforms import InterpolationMode, v2

color = Image.open("leaf.png").convert("RGB")
gray = color.convert("L")
bit = color.convert("1")
whole = color.convert("I")
real = color.convert("F")
array = np.array(color)
plane = np.array(gray)
array01 = (array / 255).astype(np.float32)
plane01 = (plane / 255).astype(np.float32)
array255 = array.astype(np.float32)
array16 = array.astype(np.int16)
array32 = array.astype(np.int32)
array64 = array.astype(np.int64)
arraybool = array > 100
tensor = torch.from_numpy(array).permute(2, 0, 1)
tensor01 = tensor / 255
tensor255 = tensor.float()
tensor16 = tensor.short()
tensor64 = tensor.long()
tensorbool = tensor > 100
signed = tensor01 * 2 - 1
square = color.resize((64, 64))
wide = color.resize((200, 100))
pure = v2.ToImage()(color)
blur = blurs.make()
"""

#: An expression, and what is known of it: what it is, its dtype, shape and range.
ROWS = [
    # ToTensor: PIL images of bytes and uint8 arrays are scaled
    ("T.ToTensor()(color)", "tensor, float32, shape 3×?×?, range [0, 1]"),
    ("T.ToTensor()(gray)", "tensor, float32, shape 1×?×?, range [0, 1]"),
    ("T.ToTensor()(bit)", "tensor, float32, shape 1×?×?, range [0, 1]"),
    ("T.ToTensor()(whole)", "tensor, int32, shape 1×?×?, range [0, 255]"),
    ("T.ToTensor()(real)", "tensor, float32, shape 1×?×?, range [0, 255]"),
    ("T.ToTensor()(color.convert('P'))", "tensor, float32, shape 1×?×?, range [0, 1]"),
    ("T.ToTensor()(color.convert('RGBA'))", "tensor, float32, shape 4×?×?, range [0, 1]"),
    ("T.ToTensor()(color.convert('CMYK'))", "tensor, float32, shape 4×?×?, range [0, 1]"),
    ("T.ToTensor()(color.convert('LA'))", "tensor, float32, shape 2×?×?, range [0, 1]"),
    ("T.ToTensor()(array)", "tensor, float32, shape 3×?×?, range [0, 1]"),
    ("T.ToTensor()(plane)", "tensor, float32, shape 1×?×?, range [0, 1]"),
    ("T.ToTensor()(plane01)", "tensor, float32, shape 1×?×?, range [0, 1]"),
    ("T.ToTensor()(array255)", "tensor, float32, shape 3×?×?, range [0, 255]"),
    ("T.ToTensor()(array / 255)", "tensor, float64, shape 3×?×?, range [0, 1]"),
    ("T.ToTensor()(array16)", "tensor, int16, shape 3×?×?, range [0, 255]"),
    ("T.ToTensor()(array64)", "tensor, int64, shape 3×?×?, range [0, 255]"),
    ("T.ToTensor()(arraybool)", "tensor, bool, shape 3×?×?, range [0, 1]"),
    ("TF.to_tensor(array)", "tensor, float32, shape 3×?×?, range [0, 1]"),
    ("T.ToTensor()(tensor)", "tensor, shape ?, range None"),
    ("v2.ToTensor()(tensor)", "tensor, uint8, shape 3×?×?, range [0, 255]"),
    # PILToTensor, ToImage: nothing is scaled
    ("T.PILToTensor()(color)", "tensor, uint8, shape 3×?×?, range [0, 255]"),
    ("T.PILToTensor()(bit)", "tensor, bool, shape 1×?×?, range [0, 1]"),
    ("T.PILToTensor()(whole)", "tensor, int32, shape 1×?×?, range [0, 255]"),
    ("T.PILToTensor()(real)", "tensor, float32, shape 1×?×?, range [0, 255]"),
    ("T.PILToTensor()(array)", "unknown"),
    ("v2.PILToTensor()(array)", "array, uint8, shape ?×?×3, range [0, 255]"),
    ("v2.ToImage()(color)", "tensor, uint8, shape 3×?×?, range [0, 255]"),
    ("v2.ToImage()(plane)", "tensor, uint8, shape 1×?×?, range [0, 255]"),
    ("v2.ToImage()(array255)", "tensor, float32, shape 3×?×?, range [0, 255]"),
    ("v2.ToImage()(tensor01)", "tensor, float32, shape 3×?×?, range [0, 1]"),
    ("v2.functional.to_image(bit)", "tensor, bool, shape 1×?×?, range [0, 1]"),
    # other dtypes
    ("T.ConvertImageDtype(torch.float32)(tensor)", "tensor, float32, shape 3×?×?, range [0, 1]"),
    ("T.ConvertImageDtype(torch.float64)(tensor01)", "tensor, float64, shape 3×?×?, range [0, 1]"),
    ("T.ConvertImageDtype(torch.float32)(tensor16)", "tensor, float32, shape 3×?×?, range [0, 0.007782]"),
    ("T.ConvertImageDtype(torch.float32)(tensorbool)", "tensor, float32, shape 3×?×?, range [0, 1]"),
    ("T.ConvertImageDtype(torch.int16)(tensor)", "tensor, int16, shape 3×?×?, range [0, 32640]"),
    ("T.ConvertImageDtype(torch.uint8)(tensor16)", "tensor, uint8, shape 3×?×?, range [0, 1]"),
    ("T.ConvertImageDtype(torch.uint8)(tensor01)", "tensor, uint8, shape 3×?×?, range [0, 255]"),
    ("T.ConvertImageDtype(torch.int64)(tensor01)", "unknown"),
    ("T.ConvertImageDtype(torch.float32)(color)", "unknown"),
    ("TF.convert_image_dtype(tensor)", "tensor, float32, shape 3×?×?, range [0, 1]"),
    ("v2.ConvertImageDtype(torch.float32)(color)", "image, uint8, shape ?×?×3, range [0, 255]"),
    ("v2.ToDtype(torch.float32)(tensor)", "tensor, float32, shape 3×?×?, range [0, 255]"),
    ("v2.ToDtype(torch.float32, scale=True)(tensor)", "tensor, float32, shape 3×?×?, range [0, 1]"),
    ("v2.ToDtype(torch.float32, scale=True)(tensor255)", "tensor, float32, shape 3×?×?, range [0, 255]"),
    ("v2.ToDtype(torch.uint8, scale=True)(tensor01)", "tensor, uint8, shape 3×?×?, range [0, 255]"),
    ("v2.ToDtype(torch.float32, scale=True)(color)", "image, uint8, shape ?×?×3, range [0, 255]"),
    ("v2.ToDtype(torch.float32, scale=True)(array)", "array, uint8, shape ?×?×3, range [0, 255]"),
    (
        "v2.ToDtype({tv_tensors.Image: torch.float32, 'others': None}, scale=True)(pure)",
        "tensor, float32, shape 3×?×?, range [0, 1]",
    ),
    (
        "v2.ToDtype({tv_tensors.Image: torch.float32, tv_tensors.Mask: torch.int64})(pure)",
        "tensor, float32, shape 3×?×?, range [0, 255]",
    ),
    ("v2.functional.to_dtype(tensor, torch.float32, scale=True)", "tensor, float32, shape 3×?×?, range [0, 1]"),
    ("v2.functional.to_dtype(tensor)", "tensor, float32, shape 3×?×?, range [0, 255]"),
    # ToPILImage: floats are multiplied by 255, and wrap around
    ("T.ToPILImage()(tensor01)", "image, uint8, shape ?×?×3, range [0, 255],"),
    ("T.ToPILImage()(tensor255)", "image, uint8, shape ?×?×3, range [0, 255] (at most)"),
    ("T.ToPILImage()(signed)", "image, uint8, shape ?×?×3, range [0, 255] (at most)"),
    ("T.ToPILImage()(array)", "image, uint8, shape ?×?×3, range [0, 255],"),
    ("T.ToPILImage()(array01)", "image, uint8, shape ?×?×3, range [0, 255]"),
    ("T.ToPILImage()(plane)", "image, uint8, shape ?×?, range [0, 255]"),
    ("T.ToPILImage()(array16)", "unknown"),
    ("T.ToPILImage()(array16[:, :, 0])", "image, uint16, shape ?×?, range [0, 255]"),
    ("T.ToPILImage()(array32[:, :, 0])", "image, int32, shape ?×?, range [0, 255]"),
    ("T.ToPILImage()(array64)", "unknown"),
    ("T.ToPILImage()(arraybool)", "unknown"),
    ("T.ToPILImage()(color)", "unknown"),
    ("v2.ToPILImage()(color)", "image, uint8, shape ?×?×3, range [0, 255]"),
    # sizes
    ("T.Resize(50)(square)", "image, uint8, shape 50×50×3, range [0, 255]"),
    ("T.Resize(50)(wide)", "image, uint8, shape 50×100×3, range [0, 255]"),
    ("T.Resize(50)(color)", "image, uint8, shape ?×?×3, range [0, 255]"),
    ("T.Resize((50, 60))(color)", "image, uint8, shape 50×60×3, range [0, 255]"),
    ("T.CenterCrop(32)(color)", "image, uint8, shape 32×32×3, range [0, 255]"),
    ("T.CenterCrop((32, 24))(tensor01)", "tensor, float32, shape 3×32×24, range [0, 1]"),
    ("T.RandomCrop(32, padding=4)(tensor01)", "tensor, float32, shape 3×32×32, range [0, 1]"),
    ("T.RandomResizedCrop(32)(color)", "image, uint8, shape 32×32×3, range [0, 255]"),
    ("T.Pad(2)(square)", "image, uint8, shape 68×68×3, range [0, 255]"),
    ("T.Pad((1, 2))(wide)", "image, uint8, shape 104×202×3, range [0, 255]"),
    ("T.Pad((1, 2, 3, 4))(wide)", "image, uint8, shape 106×204×3, range [0, 255]"),
    ("T.FiveCrop(32)(color)[4]", "image, uint8, shape 32×32×3, range [0, 255]"),
    ("T.TenCrop(32)(color)[9]", "image, uint8, shape 32×32×3, range [0, 255]"),
    ("TF.crop(color, 1, 2, 5, 6)", "image, uint8, shape 5×6×3, range [0, 255]"),
    ("TF.resized_crop(color, 1, 2, 5, 6, [4, 3])", "image, uint8, shape 4×3×3, range [0, 255]"),
    ("T.RandomHorizontalFlip()(wide)", "image, uint8, shape 100×200×3, range [0, 255]"),
    ("T.RandomRotation(9)(wide)", "image, uint8, shape 100×200×3, range [0, 255]"),
    ("T.RandomRotation(9, expand=True)(wide)", "image, uint8, shape ?×?×3, range [0, 255]"),
    ("v2.RandomZoomOut()(wide)", "image, uint8, shape ?×?×3, range [0, 255]"),
    ("T.Grayscale()(color)", "image, uint8, shape ?×?, range [0, 255]"),
    ("T.Grayscale(3)(color)", "image, uint8, shape ?×?×3, range [0, 255]"),
    ("T.Grayscale()(tensor01)", "tensor, float32, shape 1×?×?, range [0, 1]"),
    ("v2.RGB()(v2.ToImage()(gray))", "tensor, uint8, shape 3×?×?, range [0, 255]"),
    # values
    ("T.Pad(2, fill=128)(tensor01)", "tensor, float32, shape 3×?×?, range [0, 128]"),
    ("T.Pad(2, fill=128)(color)", "image, uint8, shape ?×?×3, range [0, 255]"),
    ("T.Pad(2, fill=9, padding_mode='reflect')(tensor01)", "tensor, float32, shape 3×?×?, range [0, 1]"),
    ("T.RandomRotation(9, fill=3)(signed)", "tensor, float32, shape 3×?×?, range [−1, 3]"),
    ("T.RandomErasing(value=7)(tensor01)", "tensor, float32, shape 3×?×?, range [0, 7]"),
    ("T.RandomErasing(value=(0.4, 0.5, 2))(tensor01)", "tensor, float32, shape 3×?×?, range [0, 2]"),
    ("T.RandomErasing(value='random')(tensor01)", "tensor, float32, shape 3×?×?, range unbounded (at most)"),
    ("T.RandomErasing()(color)", "unknown"),
    ("v2.RandomErasing()(color)", "image, uint8, shape ?×?×3, range [0, 255]"),
    ("T.ColorJitter(0.4)(color)", "image, uint8, shape ?×?×3, range [0, 255]"),
    ("T.ColorJitter(0.4)(tensor)", "tensor, uint8, shape 3×?×?, range [0, 255]"),
    ("T.ColorJitter(0.4)(tensor01)", "tensor, float32, shape 3×?×?, range [0, 1]"),
    ("T.ColorJitter(0.4)(tensor255)", "tensor, float32, shape 3×?×?, range [0, 1] (at most)"),
    ("T.ColorJitter(0.4)(signed)", "tensor, float32, shape 3×?×?, range [0, 1] (at most)"),
    ("T.ColorJitter(hue=0.1)(tensor255)", "tensor, float32, shape 3×?×?, range [0, 255] (at most)"),
    ("T.GaussianBlur(3)(signed)", "tensor, float32, shape 3×?×?, range [−1, 1]"),
    ("T.RandomInvert()(tensor01)", "tensor, float32, shape 3×?×?, range [0, 1]"),
    ("T.RandomInvert()(signed)", "tensor, float32, shape 3×?×?, range [−1, 2]"),
    ("T.RandomSolarize(0.5)(tensor255)", "tensor, float32, shape 3×?×?, range [−254, 255]"),
    ("T.RandomPosterize(2)(tensor01)", "unknown"),
    ("T.RandomPosterize(2)(tensor)", "tensor, uint8, shape 3×?×?, range [0, 255]"),
    ("T.RandAugment()(tensor01)", "unknown"),
    ("T.RandAugment()(color)", "image, uint8, shape ?×?×3, range [0, 255]"),
    ("T.RandomAutocontrast()(signed)", "tensor, float32, shape 3×?×?, range [−1, 1]"),
    ("v2.GaussianNoise()(signed)", "tensor, float32, shape 3×?×?, range [0, 1] (at most)"),
    ("v2.GaussianNoise(clip=False)(tensor01)", "tensor, float32, shape 3×?×?, range unbounded (at most)"),
    ("TF.adjust_brightness(tensor255, 1.5)", "tensor, float32, shape 3×?×?, range [0, 1] (at most)"),
    (
        "T.Resize((9, 9), interpolation=InterpolationMode.BICUBIC)(tensor01)",
        "tensor, float32, shape 3×9×9, range [−0.4454, 1.445] (at most)",
    ),
    ("T.Resize((9, 9), interpolation=3)(tensor)", "tensor, uint8, shape 3×9×9, range [0, 255]"),
    ("T.Resize((9, 9), interpolation=Image.BICUBIC)(color)", "image, uint8, shape 9×9×3, range [0, 255]"),
    ("T.LinearTransformation(torch.eye(3), torch.zeros(3))(tensor01)", "tensor, float32, shape 3×?×?, range None"),
    ("T.Normalize([0.5] * 3, [0.25] * 3)(tensor01)", "tensor, float32, shape 3×?×?, range [−2, 2]"),
    ("T.Normalize(0.5, 0.5)(tensor255)", "tensor, float32, shape 3×?×?, range [−1, 509]"),
    # albumentations
    ("A.Normalize()(image=array)['image']", "array, float32, shape ?×?×3, range [−2.118, 2.64]"),
    ("A.Normalize(0.5, 0.5)(image=array01)['image']", "array, float32, shape ?×?×3, range [−1, −0.9922]"),
    (
        "A.Normalize(0.5, 0.5, max_pixel_value=1.0)(image=array01)['image']",
        "array, float32, shape ?×?×3, range [−1, 1]",
    ),
    ("A.ToFloat()(image=array)['image']", "array, float32, shape ?×?×3, range [0, 1]"),
    ("A.ToFloat(max_value=255)(image=array)['image']", "array, float32, shape ?×?×3, range [0, 1]"),
    ("A.ToFloat(max_value=255)(image=array255)['image']", "array, float32, shape ?×?×3, range [0, 255]"),
    ("A.ToFloat(max_value=510)(image=array64)['image']", "array, float32, shape ?×?×3, range [0, 0.5]"),
    ("A.ToFloat()(image=array64)['image']", "unknown"),
    ("A.FromFloat()(image=array01)['image']", "array, uint8, shape ?×?×3, range [0, 255]"),
    ("A.pytorch.ToTensorV2()(image=array)['image']", "tensor, uint8, shape 3×?×?, range [0, 255]"),
    ("A.pytorch.ToTensorV2()(image=plane)['image']", "tensor, uint8, shape 1×?×?, range [0, 255]"),
    ("A.Resize(8, 9)(image=array)['image']", "array, uint8, shape 8×9×3, range [0, 255]"),
    (
        "A.Resize(8, 9, interpolation=cv2.INTER_CUBIC)(image=array01)['image']",
        "array, float32, shape 8×9×3, range [−0.4454, 1.445] (at most)",
    ),
    ("A.RandomResizedCrop(size=(8, 9))(image=array)['image']", "array, uint8, shape 8×9×3, range [0, 255]"),
    ("A.Transpose()(image=array[:64, :64])['image']", "array, uint8, shape ?×?×3, range [0, 255]"),
    ("A.RandomBrightnessContrast(p=1)(image=array255)['image']", "array, float32, shape ?×?×3, range [0, 1] (at most)"),
    ("A.RandomBrightnessContrast()(image=array255)['image']", "array, float32, shape ?×?×3, range [0, 255]"),
    ("A.RandomBrightnessContrast()(image=array)['image']", "array, uint8, shape ?×?×3, range [0, 255]"),
    ("A.CoarseDropout(fill=128)(image=array01)['image']", "array, float32, shape ?×?×3, range [0, 128]"),
    ("A.ToGray(num_output_channels=3)(image=array)['image']", "array, uint8, shape ?×?×3, range [0, 255]"),
    # modes of images
    ("bit", "image, bool, shape ?×?, range [0, 1], meaning binary"),
    ("real", "image, float32, shape ?×?, range [0, 255]"),
    ("np.array(bit)", "array, bool, shape ?×?, range [0, 1]"),
    ("np.asarray(whole)", "array, int32, shape ?×?, range [0, 255]"),
    ("np.asarray(real) / 255", "array, float32, shape ?×?, range [0, 1]"),
    ("np.asarray(color) / 255", "array, float64, shape ?×?×3, range [0, 1]"),
    ("whole.convert('L')", "image, uint8, shape ?×?, range [0, 255]"),
    ("color.resize((30, 20))", "image, uint8, shape 20×30×3, range [0, 255]"),
    ("real.resize((30, 20))", "image, float32, shape 20×30, range None"),
    ("real.resize((30, 20), Image.BILINEAR)", "image, float32, shape 20×30, range [0, 255]"),
    ("wide.rotate(45)", "image, uint8, shape 100×200×3, range [0, 255]"),
    ("wide.rotate(45, expand=True)", "image, uint8, shape ?×?×3, range [0, 255]"),
    ("wide.transpose(Image.FLIP_LEFT_RIGHT)", "image, uint8, shape 100×200×3, range [0, 255]"),
    ("wide.transpose(Image.ROTATE_90)", "image, uint8, shape ?×?×3, range [0, 255]"),
    ("wide.crop((5, 5, 25, 35))", "image, uint8, shape 30×20×3, range [0, 255]"),
    ("wide.size", "(200, 100)"),
    ("color.split()[0]", "image, uint8, shape ?×?, range [0, 255]"),
    ("gray.point(lambda v: v // 200)", "image, uint8, shape ?×?, range [0, 255] (at most)"),
    ("gray.point(lambda v: v > 9, mode='1')", "image, bool, shape ?×?, range [0, 1]"),
    ("Image.new('RGB', (30, 20))", "image, uint8, shape 20×30×3, range [0, 255]"),
    ("Image.new('F', (30, 20))", "image, float32, shape 20×30, range None"),
    ("Image.fromarray(array)", "image, uint8, shape ?×?×3, range [0, 255]"),
    ("Image.fromarray(plane)", "image, uint8, shape ?×?, range [0, 255]"),
    ("Image.fromarray(plane01)", "image, float32, shape ?×?, range [0, 1]"),
    ("Image.fromarray(plane / 255)", "image, float32, shape ?×?, range [0, 1]"),
    ("Image.fromarray(plane > 9)", "image, bool, shape ?×?, range [0, 1]"),
    ("Image.fromarray(array16[:, :, 0])", "image, int32, shape ?×?, range [0, 255]"),
    ("Image.fromarray(array01)", "unknown"),
    ("Image.fromarray(array64)", "unknown"),
    ("Image.fromarray(array01.astype('uint8'))", "image, uint8, shape ?×?×3, range [0, 1]"),
    ("ImageOps.exif_transpose(color)", "image, uint8, shape ?×?×3, range [0, 255]"),
    ("ImageOps.mirror(wide)", "image, uint8, shape 100×200×3, range [0, 255]"),
    ("ImageOps.fit(color, (30, 20))", "image, uint8, shape ?×?×3, range [0, 255]"),
    ("ImageOps.expand(square, 3)", "image, uint8, shape ?×?×3, range [0, 255]"),
    ("ImageOps.grayscale(color)", "image, uint8, shape ?×?, range [0, 255]"),
    ("ImageOps.autocontrast(color)", "image, uint8, shape ?×?×3, range [0, 255]"),
    ("ImageOps.invert(real)", "unknown"),
    ("ImageEnhance.Color(color).enhance(1.5)", "image, uint8, shape ?×?×3, range [0, 255]"),
    # one of several, or perhaps none
    ("T.RandomApply([T.ColorJitter(0.4)], p=0.8)(color)", "image, uint8, shape ?×?×3, range [0, 255]"),
    ("T.RandomApply([T.RandomErasing(value=3)])(tensor01)", "tensor, float32, shape 3×?×?, range [0, 3]"),
    ("T.RandomChoice([T.CenterCrop(32), T.Resize((32, 40))])(color)", "image, uint8, shape 32×?×3, range [0, 255]"),
    ("T.RandomApply([T.ToTensor()])(color)", "unknown"),
    (
        "A.OneOf([A.RandomBrightnessContrast(), A.GaussNoise()])(image=array)['image']",
        "array, uint8, shape ?×?×3, range [0, 255]",
    ),
    (
        "A.OneOf([A.CenterCrop(8, 9), A.Resize(8, 8)], p=1.0)(image=array)['image']",
        "array, uint8, shape 8×?×3, range [0, 255]",
    ),
    (
        "A.OneOf([A.CoarseDropout(fill=3), A.InvertImg()])(image=array01)['image']",
        "array, float32, shape ?×?×3, range [0, 3]",
    ),
    (
        "A.OneOf([A.Normalize(0.5, 0.5), A.ToFloat()], p=1)(image=array)['image']",
        "array, float32, shape ?×?×3, range [−1, 1]",
    ),
    ("T.RandomApply([blur])(color)", "image, uint8, shape ?, range [0, 255] (at most)"),
    # parts of a sample: of tensors that are marked as nothing only the first is an image
    ("v2.ToDtype(torch.float32, scale=True)(tensor, tensor)[0]", "tensor, float32, shape 3×?×?, range [0, 1]"),
    ("v2.ToDtype(torch.float32, scale=True)(tensor, tensor)[1]", "tensor, uint8, shape 3×?×?, range [0, 255]"),
    ("v2.ToDtype(torch.float32, scale=True)(pure, tensor)[1]", "tensor, uint8, shape 3×?×?, range [0, 255]"),
    (
        "v2.ToDtype(torch.float32, scale=True)(pure, v2.ToImage()(gray))[1]",
        "tensor, float32, shape 1×?×?, range [0, 1]",
    ),
    ("v2.Resize((8, 9))(color, 3)[0]", "image, uint8, shape 8×9×3, range [0, 255]"),
    ("v2.Resize((8, 9))(color, 3)[1]", "3"),
    ("v2.ToDtype(torch.float32, scale=True)(array, tensor)[1]", "tensor, float32, shape 3×?×?, range [0, 1]"),
    (
        "v2.ToDtype(torch.float32, scale=True)(pure, {'boxes': tensor255})[1]['boxes']",
        "tensor, float32, shape 3×?×?, range [0, 255]",
    ),
    # scikit-image
    ("transform.resize(array, (8, 9))", "array, float64, shape 8×9×3, range [0, 1]"),
    ("transform.resize(array, (8, 9), preserve_range=True)", "array, float64, shape 8×9×3, range [0, 255]"),
    ("transform.resize(array255, (8, 9), order=3)", "array, float32, shape 8×9×3, range [0, 255]"),
    ("transform.resize(array64, (8, 9))", "array, float64, shape 8×9×3, range None"),
    ("colors.rgb2gray(array)", "array, float64, shape ?×?, range [0, 1], meaning image (L"),
    ("colors.rgb2gray(array255)", "array, float32, shape ?×?, range [0, 255]"),
    ("skimage.img_as_float(array)", "array, float64, shape ?×?×3, range [0, 1]"),
    ("skimage.img_as_float(arraybool)", "array, float64, shape ?×?×3, range [0, 1]"),
    ("skimage.img_as_float32(array)", "array, float32, shape ?×?×3, range [0, 1]"),
    ("skimage.img_as_ubyte(array01)", "array, uint8, shape ?×?×3, range [0, 255]"),
    # readers
    ("cv2.imread('leaf.png')", "array, uint8, shape ?×?×3, range [0, 255], meaning image (BGR"),
    ("cv2.imread('leaf.png', cv2.IMREAD_COLOR)", "array, uint8, shape ?×?×3, range [0, 255], meaning image (BGR"),
    ("cv2.imread('leaf.png', cv2.IMREAD_COLOR_RGB)", "array, uint8, shape ?×?×3, range [0, 255], meaning image (RGB"),
    ("cv2.imread('leaf.png', 0)", "array, uint8, shape ?×?, range [0, 255], meaning image (L"),
    ("cv2.imread('leaf.png', cv2.IMREAD_UNCHANGED)", "array, shape ?, range None"),
    ("io.read_image('leaf.png')", "tensor, uint8, shape ?×?×?, range [0, 255]"),
    ("io.read_image('leaf.png', io.ImageReadMode.RGB)", "tensor, uint8, shape 3×?×?, range [0, 255]"),
    ("io.read_image('leaf.png', mode=io.ImageReadMode.GRAY)", "tensor, uint8, shape 1×?×?, range [0, 255]"),
    # bytes are counted round
    ("array * 2", "array, uint8, shape ?×?×3, range [0, 255] (at most)"),
    ("array - 128", "array, uint8, shape ?×?×3, range [0, 255] (at most)"),
    ("tensor + 1", "tensor, uint8, shape 3×?×?, range [0, 255] (at most)"),
    ("255 - array", "array, uint8, shape ?×?×3, range [0, 255],"),
    ("array01.astype(np.uint8)", "array, uint8, shape ?×?×3, range [0, 1]"),
    ("(array01 * 255).astype(np.uint8)", "array, uint8, shape ?×?×3, range [0, 255]"),
    ("(tensor255 * 2).byte()", "tensor, uint8, shape 3×?×?, range [0, 255] (at most)"),
]


@pytest.fixture(scope="module")
def revealed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What is known of each variable of one program that holds all rows."""
    folder = tmp_path_factory.mktemp("transforms")
    source = HEAD + "".join(f"row{i} = {row[0]}\n" for i, row in enumerate(ROWS))
    (folder / "leaves.py").write_text(source + "end = 0\n", encoding="utf-8")
    shown = torchlint("reveal", f"leaves.py:{source.count(chr(10)) + 1}", cwd=folder).stdout.splitlines()
    parts = (line.split(": ", 2) for line in shown)
    return {name: text for _, name, text in parts}


@pytest.mark.parametrize("i", range(len(ROWS)), ids=[row[0] for row in ROWS])
def test_what_comes_out(i: int, revealed: dict[str, str]) -> None:
    expected = ROWS[i][1]
    shown = revealed[f"row{i}"]
    assert shown == expected or shown.startswith(expected.rstrip(",") if expected == "unknown" else expected), shown
