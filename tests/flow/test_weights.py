"""Which statistics weights are known to have been trained with, and when images are known to reach them."""

from __future__ import annotations

import pytest

from tests.conftest import check

IMAGENET, HALF, UNKNOWN = "[0.485, 0.456, 0.406]", "[0.5, 0.5, 0.5]", ""

MODELS = {
    "timm.create_model('resnet50', pretrained=True)": IMAGENET,
    "timm.create_model('resnet50.a1_in1k', pretrained=True)": IMAGENET,
    "timm.create_model('tf_efficientnet_b4_ns', pretrained=True)": IMAGENET,
    "timm.create_model('vit_base_patch16_224', pretrained=True)": HALF,
    "timm.create_model('vit_small_patch16_224.dino', pretrained=True)": IMAGENET,
    "timm.create_model('vit_base_patch16_clip_224.openai', pretrained=True)": UNKNOWN,
    "timm.create_model('tf_efficientnetv2_s', True)": HALF,
    "timm.create_model('resnet50', pretrained=False)": UNKNOWN,
    "timm.create_model('resnet50', pretrained=True, in_chans=1)": UNKNOWN,
    "timm.create_model(name, pretrained=True)": UNKNOWN,
    "smp.Unet('resnet34')": IMAGENET,
    "smp.Unet('xception')": HALF,
    "smp.Unet('tu-maxvit_tiny_tf_224')": UNKNOWN,
    "smp.Unet('resnet34', encoder_weights=None)": UNKNOWN,
    "models.efficientnet_v2_l(weights='DEFAULT')": HALF,
    "models.efficientnet_v2_s(weights='DEFAULT')": IMAGENET,
    "models.segmentation.fcn_resnet50(weights='DEFAULT')": IMAGENET,
    "models.detection.fasterrcnn_resnet50_fpn(weights='DEFAULT')": UNKNOWN,
    "torch.nn.Sequential(*list(models.resnet18(pretrained=True).children())[:-1])": IMAGENET,
    "torch.nn.Sequential(models.vgg16(pretrained=True).features)": IMAGENET,
    "torch.nn.Sequential(models.vgg16(pretrained=True).features[:5])": IMAGENET,
}


@pytest.mark.parametrize("model", MODELS)
def test_statistics(model: str) -> None:
    """Images in [0, 1] reach the model: what is said of them names the statistics."""
    code = f"""
import segmentation_models_pytorch as smp
import timm
import torch
from names import name
from PIL import Image
from torchvision import models
from torchvision.transforms import functional as F

model = {model}
image = F.to_tensor(Image.open("a.png").convert("RGB")).unsqueeze(0)
print(model(image))
"""
    found = [one.message for one in check({"program.py": code}, extend_select=["TL202"]) if one.code == "TL202"]
    assert len(found) == (1 if MODELS[model] else 0), found
    assert all(f"mean {MODELS[model]}" in message for message in found)
