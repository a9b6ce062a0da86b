"""Whole programs as newcomers write them: what is found, where, and the way that is told."""

from __future__ import annotations

from tests.conftest import check
from torchlint.diagnostic import Diagnostic

MODEL = """
import torch.nn as nn


class SegmentationModel(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 32, 3)
        self.relu = nn.ReLU()
        self.conv2 = nn.Conv2d(32, 1, 3)

    def forward(self, x):
        x = self.relu(self.conv1(x))
        return self.conv2(x)
"""
TRAINER = """
import torch
import torch.nn as nn


class Trainer:
    def __init__(self, model, loader):
        self.model = model
        self.loader = loader
        self.criterion = nn.BCELoss()
        self.optimizer = torch.optim.Adam(model.parameters())

    def train(self):
        for images, masks in self.loader:
            self.optimizer.zero_grad()
            output = self.model(images)
            loss = self.criterion(output, masks)
            loss.backward()
            self.optimizer.step()
"""
MAIN = """
from model import SegmentationModel
from trainer import Trainer
from somewhere import loader

if __name__ == "__main__":
    Trainer(SegmentationModel(), loader()).train()
"""


def told(findings: list[Diagnostic]) -> list[tuple[str, str, int]]:
    return [(d.code, d.span.path, d.span.start.row) for d in findings]


def test_float_bytes_become_a_picture() -> None:
    program = """
import torch
from torchvision import transforms

transform = transforms.Compose([
    transforms.ToPILImage(),
    transforms.ToTensor(),
    transforms.Normalize(mean=[0.485, 0.456, 0.406], std=[0.229, 0.224, 0.225]),
])
image = torch.randint(0, 256, (3, 128, 128)).float()
x = transform(image)
"""
    assert told(check({"show.py": program})) == [("TL208", "show.py", 6)]


def test_a_loss_in_another_file_names_the_last_layer() -> None:
    findings = check({"model.py": MODEL, "trainer.py": TRAINER, "main.py": MAIN})
    assert told(findings) == [("TL101", "trainer.py", 17)]
    steps = [(s.span.path, s.span.start.row, s.note) for s in findings[0].trail]
    assert any(path == "model.py" and row == 14 and "nn.Conv2d(32, 1, 3)" in note for path, row, note in steps)
    assert any("`SegmentationModel.forward` returns `self.conv2(x)`" in note for _, _, note in steps)


def test_a_mask_that_is_too_small_and_a_vanishing_gradient() -> None:
    program = """
import torch
import torch.nn as nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 32, 3)
        self.relu = nn.ReLU()
        self.conv2 = nn.Conv2d(32, 1, 3)
        self.sigmoid = nn.Sigmoid()

    def forward(self, x):
        return self.sigmoid(self.conv2(self.relu(self.conv1(x))))


model = Net()
x = torch.rand(1, 3, 128, 128)
target = torch.randint(0, 2, (1, 1, 128, 128)).float()
output = model(x)
mse = nn.MSELoss()(output, target)
bce = nn.BCELoss()(output, target)
"""
    findings = check({"net.py": program})
    assert told(findings) == [("TL107", "net.py", 22), ("TL303", "net.py", 22), ("TL303", "net.py", 23)]
    assert all("124×124" in d.message and "128×128" in d.message for d in findings if d.code == "TL303")


def test_the_order_of_files_changes_nothing() -> None:
    files = {"model.py": MODEL, "trainer.py": TRAINER, "main.py": MAIN}
    assert check(files) == check(dict(reversed(files.items())))
