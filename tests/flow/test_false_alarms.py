"""Correct code that looked wrong once: shapes of false alarms, in our own words, each kept silent."""

from __future__ import annotations

import pytest

from tests.conftest import check

LOOP = """
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

loader = DataLoader(TensorDataset(torch.randn(32, 4), torch.randint(0, 3, (32,))), batch_size=8)
model = nn.Linear(4, 3)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for x, y in loader:
"""

SILENT = {
    "gradients are set to None by hand": LOOP
    + """
    for p in model.parameters():
        p.grad = None
    nn.functional.cross_entropy(model(x), y).backward()
    optimizer.step()
""",
    "a kernel is written into a convolution": """
import torch
import torch.nn as nn
from torchvision import transforms

blur = nn.Conv2d(3, 3, 5, padding=2, bias=False, groups=3)
blur.weight.data.copy_(torch.full((3, 1, 5, 5), 1 / 25))
picture = transforms.ToPILImage()(blur(torch.rand(1, 3, 32, 32)).squeeze(0))
loss = nn.BCELoss()(blur(torch.rand(1, 3, 32, 32)), torch.ones(1, 3, 32, 32))
""",
    "batch norm after a linear layer, with as many samples as it likes": """
import torch
import torch.nn as nn

net = nn.Sequential(nn.Linear(10, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Linear(32, 2))
out = net(torch.randn(64, 10))
""",
    "an optimizer that is new in each round": """
import torch
import torch.nn as nn

for fold in range(5):
    model = nn.Linear(4, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    model(torch.randn(8, 4)).mean().backward()
    optimizer.step()
""",
    "a segmenter from scratch without Normalize": """
import torch.nn as nn
from PIL import Image
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms


class Pairs(Dataset):
    def __init__(self, names):
        self.names = names
        self.to_tensor = transforms.ToTensor()

    def __getitem__(self, i):
        picture = Image.open(self.names[i]).convert("RGB")
        return self.to_tensor(picture), self.to_tensor(Image.open(self.names[i]).convert("L"))


net = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 1, 1))
for picture, mask in DataLoader(Pairs(["a.png"])):
    loss = nn.BCEWithLogitsLoss()(net(picture), mask)
""",
    "a loss that is told whether it is given logits": """
import segmentation_models_pytorch as smp
import torch
import torch.nn as nn

loss_fn = smp.losses.FocalLoss("binary")
net = nn.Sequential(nn.Conv2d(3, 1, 1), nn.Sigmoid())
dice = smp.losses.DiceLoss("binary", from_logits=False)
loss = dice(net(torch.rand(1, 3, 8, 8)), torch.ones(1, 1, 8, 8))
""",
    "one unknown switch, tested when a block is built and when it is used": """
import torch
import torch.nn as nn


class Critic(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.color = channels == 3
        self.first = nn.Conv2d(64, 128, 3)
        if self.color:
            self.second = nn.Conv2d(256, 512, 3)
        else:
            self.second = nn.Conv2d(128, 512, 3)

    def forward(self, luma, chroma):
        h = self.first(luma)
        if self.color:
            return self.second(torch.cat([h, chroma], dim=1))
        return self.second(h)


def run(dataset):
    channels, height, width = dataset[0][0].size()
    critic = Critic(channels)
    return nn.BCEWithLogitsLoss()(critic(torch.rand(1, 64, 12, 12), dataset[1][0]), torch.ones(1, 512, 8, 8))
""",
    "brought back to 255 on purpose, for a model that wants it": """
import torch.nn as nn
from PIL import Image
from torchvision import transforms

to_bytes = transforms.Compose([transforms.ToTensor(), transforms.Lambda(lambda t: t.mul(255))])
stylist = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 3, 3))
picture = stylist(to_bytes(Image.open("street.jpg").convert("RGB")).unsqueeze(0))
""",
    "statistics written into the first convolution": """
import cv2
import torch
import torch.nn as nn


class TakeMean(nn.Conv2d):
    def __init__(self, mean):
        super().__init__(3, 3, kernel_size=1)
        self.weight.data = torch.eye(3).view(3, 3, 1, 1)
        self.bias.data = -255 * torch.tensor(mean)


class Denoiser(nn.Module):
    def __init__(self):
        super().__init__()
        self.take_mean = TakeMean((0.44, 0.43, 0.4))
        self.body = nn.Conv2d(3, 3, 3, padding=1)

    def forward(self, x):
        return self.body(self.take_mean(x))


noisy = torch.from_numpy(cv2.imread("a.png")).permute(2, 0, 1).float().unsqueeze(0)
clean = Denoiser()(noisy)
""",
    "channels scaled and normalised one by one, of what may be an array or a picture": """
import numpy as np
import torch
from PIL import Image
from torchvision import models

CENTRE, SPREAD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]


def prepare(picture, small=True):
    if type(picture) != Image.Image:
        picture = Image.fromarray(picture)
    if small:
        picture = picture.resize((224, 224))
    values = np.float32(picture).transpose(2, 0, 1)
    for c, _ in enumerate(values):
        values[c] /= 255
        values[c] -= CENTRE[c]
        values[c] /= SPREAD[c]
    return torch.from_numpy(values).float().unsqueeze(0)


net = models.alexnet(pretrained=True)
print(net(prepare(Image.open("snake.png").convert("RGB"))).argmax(1))
""",
    "one number is drawn, and asked for twice": """
import random

import numpy as np
import torch
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import functional as TF


class Cells(Dataset):
    def __len__(self):
        return 30

    def __getitem__(self, i):
        cell = Image.open(f"cell{i}.png").convert("RGB")
        mask = Image.open(f"mask{i}.png").convert("L")
        p = random.random()
        if p > 0.5:
            cell = TF.hflip(cell)
        if p > 0.5:
            mask = TF.hflip(mask)
        return TF.normalize(TF.to_tensor(cell), [0.5] * 3, [0.5] * 3), torch.from_numpy(np.array(mask)).long()


net = nn.Conv2d(3, 4, 3, padding=1)
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
for cell, mask in DataLoader(Cells(), batch_size=4):
    optimizer.zero_grad()
    nn.functional.cross_entropy(net(cell), mask).backward()
    optimizer.step()
""",
    "trained weights inside a model that is given its own": """
import torch
from PIL import Image
from torch import nn
from torchvision import models, transforms


class Sorter(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = models.resnet18(pretrained=True)
        self.body.fc = nn.Linear(512, 3)

    def forward(self, x):
        return self.body(x)


net = Sorter()
net.load_state_dict(torch.load("sorter.pt"))
net.eval()
look = transforms.Compose([transforms.Resize((224, 224)), transforms.ToTensor()])
with torch.no_grad():
    print(net(look(Image.open("a.jpg").convert("RGB")).unsqueeze(0)).argmax(1))
""",
    "a picture is undone in one way as an array, in another as a tensor": """
import numpy as np
import torch
from PIL import Image
from torchvision.transforms.functional import normalize, to_tensor


def undo(x):
    if isinstance(x, np.ndarray):
        return (x + 1) / 2
    return normalize(x, [-1, -1, -1], [2, 2, 2])


def undo_too(x):
    if not torch.is_tensor(x):
        return (x + 1) / 2
    return normalize(x, [-1, -1, -1], [2, 2, 2])


picture = normalize(to_tensor(Image.open("a.png").convert("RGB")), [0.5] * 3, [0.5] * 3).numpy()
for seen in (undo(picture), undo_too(picture)):
    Image.fromarray((seen * 255).transpose(1, 2, 0).astype(np.uint8)).save("x.png")
""",
    "bytes are taken off bytes in floats": """
import cv2
import numpy as np
import torch

before, after = cv2.imread("a.png"), cv2.imread("b.png")
change = np.subtract(after, before, dtype=np.float32)
print(torch.from_numpy(change).abs().mean())
""",
    "a painter that was trained on bytes, and is loaded": """
import cv2
import torch
from torch import nn


class Painter(nn.Module):
    def __init__(self):
        super().__init__()
        self.paint = nn.Conv2d(3, 3, 9, padding=4)

    def forward(self, x):
        return self.paint(x)


net = Painter()
net.load_state_dict(torch.load("waves.pth"))
frame = torch.from_numpy(cv2.imread("a.png").transpose(2, 0, 1)).unsqueeze(0).float()
print(net(frame).clamp(0, 255))
""",
    "the whole end of a known architecture is exchanged, and axes are called as numpy calls them": """
import torch
import torchvision
from torch import nn

net = torchvision.models.vgg16(weights="DEFAULT")
net.classifier = nn.Sequential(nn.Linear(25088, 256), nn.ReLU(), nn.Linear(256, 5))
print(net(torch.rand(2, 3, 224, 224)))
maps = nn.Conv2d(3, 64, 3)(torch.rand(1, 3, 8, 8))
print(nn.Conv2d(128, 8, 3)(torch.cat((maps, maps), axis=1)))
""",
    "noise in place of pictures, to measure speed": """
import torch
from torch import nn
from torchvision import datasets, models, transforms

speed = datasets.FakeData(10000, (3, 224, 224), 1000, transforms.ToTensor())
net = models.resnet18(pretrained=True)
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
for noise, label in torch.utils.data.DataLoader(speed, batch_size=64):
    optimizer.zero_grad()
    nn.functional.cross_entropy(net(noise), label).backward()
    optimizer.step()
""",
    "an array without axes is transposed": """
import numpy as np
import torch

a = np.zeros((3, 4)).transpose()
b = torch.from_numpy(a).t()
""",
    "a name of an activation that is looked up in a list of names": """
import json

import torch
import torch.nn as nn


def named(config):
    for name in ("sigmoid", "softmax"):
        if config.get("loss", {}).get(name, False):
            return name
    return None


def predict(model, x, activation):
    scores = model(x)
    if activation == "softmax":
        return torch.nn.functional.softmax(scores, dim=1)
    if activation is not None:
        return getattr(torch.nn.functional, activation)(scores)
    return scores


with open("config.json") as file:
    config = json.load(file)
predict(nn.Linear(3, 4), torch.randn(5, 3), named(config))
""",
    "two outputs that one helper makes, only one of which is trained on scores": """
import torch
import torch.nn as nn


def head(outputs):
    return nn.Conv2d(32, outputs, 1)


class Detector(nn.Module):
    def __init__(self):
        super().__init__()
        self.objectness, self.offsets = head(1), head(2)

    def forward(self, features):
        return self.objectness(features), self.offsets(features)


detector = Detector()


def loss(features, present, shift, distance):
    objectness, offsets = detector(features)
    return nn.functional.binary_cross_entropy_with_logits(objectness, present) + distance(offsets, shift)


def far(features):
    objectness, offsets = detector(features)
    return (objectness > 0) & (offsets[:, :1] > 0.5)
""",
    "any of several masks": """
import torch


def touched(frames):
    return ((frames > 3).float().mean(dim=1) > 0).float()
""",
    "a vocabulary that grows by what it does not hold": """
import torch
import torch.nn as nn


def numbered(words, known=None):
    if known is None:
        known = {"<pad>": 0}
        for word in words:
            if known.get(word) is None:
                known[word] = len(known)
    return known


with open("words.txt") as file:
    known = numbered(file.read().split())
scores = nn.Linear(8, len(known))(torch.rand(5, 8))
nn.CrossEntropyLoss()(scores, torch.randint(0, 9, (5,)))
""",
    "the slope of a flow that has a kink": """
import torch
import torch.nn as nn

net, prior = nn.Linear(2, 2), torch.distributions.Normal(0.0, 1.0)
optimizer = torch.optim.Adam(net.parameters())
for batch in torch.randn(40, 16, 2):
    z = net(batch)
    slope = torch.where(z >= 0, torch.ones_like(z), 5 * torch.ones_like(z))
    z = torch.where(z >= 0, z, 5 * z)
    loss = -(prior.log_prob(z).sum(1) + torch.log(slope).sum(1)).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
""",
    "a weight without a layer, which begins at zero": """
import torch
import torch.nn as nn

hours, marks = torch.tensor([1.0, 2.0, 3.0]), torch.tensor([20.0, 40.0, 60.0])
slope = torch.tensor(0.0, requires_grad=True)
offset = torch.zeros(1, requires_grad=True)
criterion, optimizer = nn.MSELoss(), torch.optim.SGD([slope, offset], lr=0.01)
for step in range(100):
    guess = slope * hours + offset
    loss = criterion(guess, marks)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
""",
    "a loss that is told later not to reduce": """
import torch
import torch.nn as nn


class Weighed(nn.CrossEntropyLoss):
    def forward(self, scores, words, mask):
        self.reduction = "none"
        return (super().forward(scores.transpose(1, 2), words) * mask).mean(dim=1)


words, mask = torch.randint(0, 12, (3, 5)), torch.ones(3, 5)
net = nn.Linear(8, 12)
Weighed()(net(torch.rand(3, 5, 8)), words, mask).sum().backward()
plain = nn.CrossEntropyLoss()
plain.reduction = "none"
(plain(net(torch.rand(15, 8)), words.view(-1)) * mask.view(-1)).sum().backward()
""",
    "an array that is filled where it is": """
import numpy as np
import torch
import torch.nn as nn

weights = np.zeros((16, 3))
weights.fill(0.5)
loss = nn.BCELoss()(torch.sigmoid(nn.Linear(5, 3)(torch.rand(16, 5))), torch.from_numpy(weights).float())
marks = np.arange(48.0)
marks.resize(16, 3, refcheck=False)
loss = nn.MSELoss()(nn.Linear(5, 3)(torch.rand(16, 5)), torch.from_numpy(marks).float())
""",
    "columns of a table that hold what a function of the program made": """
import pandas as pd
import torch
import torch.nn as nn


def spread(word):
    return [ord(letter) for letter in word[:4]]


words = pd.DataFrame({"word": ["alpha", "gamma"], "length": [5, 5]})
words["letters"] = words["word"].apply(spread)
words.loc[:, "again"] = words.letters
words = words.assign(both=[[1.0, 2.0], [3.0, 4.0]])
words.drop(columns=["length"], inplace=True)
net = nn.Linear(4, 4)
for at in range(2):
    given = torch.rand(1, 4)
    nn.functional.mse_loss(net(given), torch.tensor(words["letters"][at], dtype=torch.float))
    nn.functional.mse_loss(net(given), torch.tensor(words.iloc[at]["again"], dtype=torch.float))
for _, row in words.iterrows():
    nn.functional.binary_cross_entropy_with_logits(nn.Linear(4, 2)(torch.rand(4)), torch.tensor(row["both"]))
""",
}


@pytest.mark.parametrize("what", SILENT)
def test_silent(what: str) -> None:
    assert check({"train.py": SILENT[what]}) == []
