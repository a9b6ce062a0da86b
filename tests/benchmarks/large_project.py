"""A project of two hundred files that belong together: layers, models made of them, datasets, losses, and scripts that
train. It is made anew each time, from a number of files on."""

from __future__ import annotations

from collections.abc import Iterator

LAYER = """\
import torch
from torch import nn
import torch.nn.functional as F


class Block{n}(nn.Module):
    def __init__(self, inputs, outputs, stride=1):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(outputs)
        self.shortcut = nn.Sequential()
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride=stride, bias=False))

    def forward(self, x):
        out = F.relu(self.norm1(self.conv1(x)))
        out = self.norm2(self.conv2(out))
        return F.relu(out + self.shortcut(x))
"""
MODEL = """\
class {name}(nn.Module):
    def __init__(self, channels=3, classes=10, width={width}):
        super().__init__()
        self.stem = nn.Conv2d(channels, width, 7, stride=2, padding=3)
        self.layer1 = Block{a}(width, width)
        self.layer2 = Block{b}(width, width * 2, stride=2)
        self.layer3 = Block{c}(width * 2, width * 4, stride=2)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.dropout = nn.Dropout(0.1)
        self.head = nn.Linear(width * 4, classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out")

    def features(self, x):
        x = torch.relu(self.stem(x))
        x = self.layer1(x)
        x = self.layer2(x)
        return self.layer3(x)

    def forward(self, x):
        x = self.pool(self.features(x)).flatten(1)
        return self.head(self.dropout(x))

"""
DATA = """\
import os

from PIL import Image
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms


class Pictures{n}(Dataset):
    def __init__(self, root, train=True):
        self.root = root
        self.names = sorted(os.listdir(root))
        steps = [transforms.Resize(64), transforms.CenterCrop(64), transforms.ToTensor()]
        if train:
            steps.insert(0, transforms.RandomHorizontalFlip())
        steps.append(transforms.Normalize((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)))
        self.transform = transforms.Compose(steps)

    def __len__(self):
        return len(self.names)

    def __getitem__(self, index):
        image = Image.open(os.path.join(self.root, self.names[index])).convert("RGB")
        return self.transform(image), int(self.names[index].split("_")[0])


def loader{n}(root, batch=32, train=True):
    return DataLoader(Pictures{n}(root, train), batch_size=batch, shuffle=train, num_workers=2)
"""
HEAD = """\
import argparse
import os

import torch
from torch import nn

from app.data.data{d} import loader{d}
from app.models.models{m} import Net{m}_0, Net{m}_1

parser = argparse.ArgumentParser()
parser.add_argument("--data", default="data")
parser.add_argument("--epochs", type=int, default=10)
parser.add_argument("--lr", type=float, default=1e-3)
parser.add_argument("--second", action="store_true")
"""
EPOCH = """\

def train_{k}(model, loader, criterion, optimizer, device):
    model.train()
    total, correct, seen = 0.0, 0, 0
    for step, (images, labels) in enumerate(loader):
        images, labels = images.to(device), labels.to(device)
        optimizer.zero_grad()
        scores = model(images)
        loss = criterion(scores, labels)
        loss.backward()
        optimizer.step()
        total += loss.item() * images.size(0)
        correct += (scores.argmax(1) == labels).sum().item()
        seen += images.size(0)
        if step % 50 == {k}:
            print(step, total / seen, correct / seen)
    return total / seen, correct / seen

"""
MAIN = """\

def main():
    args = parser.parse_args()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    model = (Net{m}_0() if args.second else Net{m}_1()).to(device)
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=args.lr)
    train_loader = loader{d}(os.path.join(args.data, "train"))
    for epoch in range(args.epochs):
        train_0(model, train_loader, criterion, optimizer, device)
        torch.save(model.state_dict(), f"{{epoch}}.pt")


if __name__ == "__main__":
    main()
"""
LINES = 500


def files(count: int = 200) -> dict[str, str]:
    """Text by path: three tenths layers, three tenths models, two tenths each of datasets and scripts.

    ``train0.py`` and ``app/models/models0.py`` are of `LINES` lines, or a few less.
    """
    return dict(_files(count))


def _files(count: int) -> Iterator[tuple[str, str]]:
    layers, models, datasets = count * 3 // 10, count * 3 // 10, count // 5
    for n in range(layers):
        yield f"app/layers/layer{n}.py", LAYER.format(n=n)
    for n in range(models):
        yield f"app/models/models{n}.py", _model(n, layers)
    for n in range(datasets):
        yield f"app/data/data{n}.py", DATA.format(n=n)
    for n in range(count - layers - models - datasets):
        yield f"train{n}.py", _script(n, n % datasets, n % models)


def _model(n: int, layers: int) -> str:
    used = [(n + step) % layers for step in range(3)]
    imports = "".join(f"from app.layers.layer{k} import Block{k}\n" for k in sorted(set(used)))
    parts = [f"import torch\nfrom torch import nn\n\n{imports}\n\n"]
    names = (f"Net{n}_{k}" for k in range(99))
    while len(parts) < 3 or (n == 0 and _lines(parts) + MODEL.count("\n") + 1 <= LINES):
        name, width = next(names), 16 + 8 * (len(parts) % 3)
        parts.append(MODEL.format(name=name, width=width, a=used[0], b=used[1], c=used[2]) + "\n")
    return "".join(parts)


def _script(n: int, data: int, model: int) -> str:
    parts = [HEAD.format(d=data, m=model)]
    while len(parts) < 2 or (n == 0 and _lines(parts) + EPOCH.count("\n") + MAIN.count("\n") <= LINES):
        parts.append(EPOCH.format(k=len(parts) - 1))
    return "".join([*parts, MAIN.format(d=data, m=model)])


def _lines(parts: list[str]) -> int:
    return sum(part.count("\n") for part in parts)
