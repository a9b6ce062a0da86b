"""Every way in which a program connects a model to its loss: the wrong head is found, the right one is not spoken of.

Each program has one place for the head's activation. Without it raw scores meet `BCELoss`, which is TL101; with it
nothing is wrong.
"""

from __future__ import annotations

import pytest

from tests.conftest import check

MODEL = """
import torch
import torch.nn.functional as F
from torch import nn


class Net(nn.Module):
    def __init__(self, width=16):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(8, width), nn.ReLU())
        self.head = nn.Linear(width, 1)

    def forward(self, x):
        return ACTIVATION(self.head(self.body(x)))
"""

WAYS = {
    "a trainer's constructor": """
class Trainer:
    def __init__(self, model, criterion, loader):
        self.model, self.criterion, self.loader = model, criterion, loader

    def epoch(self):
        for x, y in self.loader:
            self.step(x, y)

    def step(self, x, y):
        loss = self.criterion(self.model(x), y)
        loss.backward()

def main(loader):
    trainer = Trainer(Net(), nn.BCELoss(), loader)
    trainer.epoch()
""",
    "keyword arguments and a default": """
def train(model, loader, loss_fn=nn.BCELoss()):
    for x, y in loader:
        loss_fn(model(x), y).backward()

def main(loader):
    train(loader=loader, model=Net(width=4))
""",
    "a dictionary of losses": """
LOSSES = {"bce": nn.BCELoss(), "mse": nn.MSELoss()}

def main(loader, model=Net()):
    for x, y in loader:
        LOSSES["bce"](model(x), y).backward()
""",
    "a dictionary of classes": """
LOSSES = {"bce": nn.BCELoss, "mse": nn.MSELoss}

def make_loss(name, **settings):
    return LOSSES[name](**settings)

criterion = make_loss("bce", reduction="sum")
model = Net()

def step(x, y):
    return criterion(model(x), y)
""",
    "a registry filled by a decorator": """
REGISTRY = {}

def register(name):
    def add(cls):
        REGISTRY[name] = cls
        return cls
    return add

@register("bce")
class Loss(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = nn.BCELoss()

    def forward(self, output, target):
        return self.inner(output, target)

criterion = REGISTRY["bce"]()
model = Net()

def step(x, y):
    return criterion(model(x), y)
""",
    "getattr with a constant name": """
criterion = getattr(nn, "BCELoss")()
model = Net()

def step(x, y):
    return criterion(model(x), y)
""",
    "a partial of the functional form": """
from functools import partial

criterion = partial(F.binary_cross_entropy, reduction="sum")
model = Net()

def step(x, y):
    return criterion(model(x), y)
""",
    "a lambda": """
criterion = lambda output, target: F.binary_cross_entropy(output, target)
model = Net()

def step(x, y):
    return criterion(model(x), y)
""",
    "the functional form with keywords": """
model = Net()

def step(x, y):
    return F.binary_cross_entropy(target=y, input=model(x))
""",
    "a setter": """
class Learner:
    def __init__(self):
        self.model = Net()

    def compile(self, loss):
        self.loss = loss
        return self

    def step(self, x, y):
        return self.loss(self.model(x), y)

def main(x, y):
    Learner().compile(nn.BCELoss()).step(x, y)
""",
    "a class attribute": """
class Learner:
    criterion = nn.BCELoss()

    def __init__(self, model):
        self.net = model

    def step(self, x, y):
        return self.criterion(self.net(x), y)

def main(x, y):
    Learner(Net()).step(x, y)
""",
    "a base class that calls what its children define": """
class Base:
    def __init__(self):
        self.model = self.make_model()
        self.criterion = self.make_loss()

    def step(self, x, y):
        return self.criterion(self.model(x), y)

class Task(Base):
    def make_model(self):
        return Net()

    def make_loss(self):
        return nn.BCELoss()

def main(x, y):
    Task().step(x, y)
""",
    "a lightning module": """
import pytorch_lightning as pl

class Task(pl.LightningModule):
    def __init__(self):
        super().__init__()
        self.net = Net()
        self.loss = nn.BCELoss()

    def forward(self, x):
        return self.net(x)

    def training_step(self, batch, batch_idx):
        return self._shared(batch)

    def _shared(self, batch):
        x, y = batch
        return self.loss(self(x), y)
""",
    "a tuple of heads": """
class Two(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = Net()
        self.other = nn.Linear(8, 5)

    def forward(self, x):
        return self.other(x), self.net(x)

model, ce, bce = Two(), nn.CrossEntropyLoss(), nn.BCELoss()

def step(x, kind, alive):
    kinds, living = model(x)
    return ce(kinds, kind) + 0.5 * bce(living, alive)
""",
    "a dictionary of heads": """
class Two(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = Net()
        self.other = nn.Linear(8, 5)

    def forward(self, x):
        return {"kind": self.other(x), "alive": self.net(x)}

model = Two()
losses = {"kind": nn.CrossEntropyLoss(), "alive": nn.BCELoss()}

def step(x, targets):
    outputs = model(x)
    return sum(losses[name](outputs[name], targets[name]) for name in losses)
""",
    "deep supervision": """
class Deep(nn.Module):
    def __init__(self):
        super().__init__()
        self.nets = nn.ModuleList([Net(), Net(4), Net(2)])

    def forward(self, x):
        return [net(x) for net in self.nets]

model, bce = Deep(), nn.BCELoss()

def step(x, y):
    loss = 0
    for weight, output in zip([0.2, 0.3, 0.5], model(x)):
        loss = loss + weight * bce(output, y)
    return loss
""",
    "a composite of losses": """
class Sum(nn.Module):
    def __init__(self, *parts):
        super().__init__()
        self.parts = nn.ModuleList(parts)

    def forward(self, output, target):
        return sum(part(output, target) for part in self.parts)

class Focused(nn.Module):
    def __init__(self, weight=None):
        super().__init__()
        self.bce = nn.BCELoss(weight)

    def forward(self, output, target):
        return 2 * self.bce(output, target)

criterion, model = Sum(Focused()), Net()

def step(x, y):
    return criterion(model(x), y)
""",
    "a wrapper round the model": """
model = nn.DataParallel(Net().cuda())
criterion = nn.BCELoss().cuda()

def step(x, y):
    output = model(x.cuda())
    return criterion(output, y.cuda())
""",
    "unreduced, then the mean": """
model, criterion = Net(), nn.BCELoss(reduction="none")

def step(x, y, weight):
    return (criterion(model(x), y) * weight).mean()
""",
    "reshaped, sliced and squeezed": """
model, criterion = Net(), nn.BCELoss()

def step(x, y):
    output = model(x).view(-1, 1)
    output = output[:, 0]
    return criterion(output.unsqueeze(1).squeeze(-1).contiguous().float(), y)
""",
    "concatenated from parts": """
model, criterion = Net(), nn.BCELoss()

def step(batches, y):
    outputs = []
    for batch in batches:
        outputs.append(model(batch))
    return criterion(torch.cat(outputs, dim=0), y)
""",
    "stacked from two calls": """
model, criterion = Net(), nn.BCELoss()

def step(a, b, y):
    return criterion(torch.stack([model(a), model(b)], 1), y)
""",
    "an adversarial loss with labels made on the spot": """
critic, adversarial = Net(), nn.BCELoss()
generator = nn.Sequential(nn.Linear(3, 8), nn.Tanh())

def step(real):
    ones, zeros = torch.ones(real.size(0), 1), torch.zeros(real.size(0), 1)
    fake = generator(torch.randn(real.size(0), 3))
    loss = adversarial(critic(real), ones) + adversarial(critic(fake.detach()), zeros)
    loss.backward()
""",
    "a loss that is a function of the module": """
class WithLoss(Net):
    def loss(self, x, y):
        return F.binary_cross_entropy(self.forward(x), y)

model = WithLoss()

def step(x, y):
    return model.loss(x, y)
""",
    "the model makes its loss in forward": """
class WithLoss(Net):
    def __init__(self):
        super().__init__()
        self.criterion = nn.BCELoss()

    def forward(self, x, y=None):
        output = super().forward(x)
        if y is None:
            return output
        return self.criterion(output, y)

model = WithLoss()

def step(x, y):
    return model(x, y)
""",
    "a model that a factory chooses": """
def make(name):
    if name == "net":
        return Net()
    if name == "wide":
        return Net(width=256)
    raise ValueError(name)

def main(args, loader):
    model = make(args.model)
    criterion = nn.BCELoss()
    for x, y in loader:
        criterion(model(x), y).backward()
""",
    "an optimizer's closure": """
model, criterion = Net(), nn.BCELoss()
optimizer = torch.optim.LBFGS(model.parameters())

def step(x, y):
    def closure():
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        return loss

    optimizer.step(closure)
""",
    "mixed precision": """
model, criterion = Net(), nn.BCELoss()
scaler = torch.amp.GradScaler()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

def step(x, y):
    optimizer.zero_grad(set_to_none=True)
    with torch.amp.autocast("cuda", enabled=False):
        output = model(x)
        loss = criterion(output, y)
    scaler.scale(loss).backward()
    scaler.step(optimizer)
    scaler.update()
""",
    "a dataclass of settings": """
from dataclasses import dataclass, field

@dataclass
class Settings:
    loss: nn.Module = field(default_factory=nn.BCELoss)
    width: int = 32

def main(loader):
    settings = Settings()
    model = Net(settings.width)
    for x, y in loader:
        settings.loss(model(x), y).backward()
""",
    "a named tuple of outputs": """
from typing import NamedTuple

class Output(NamedTuple):
    score: torch.Tensor
    hidden: torch.Tensor

class Wrapped(Net):
    def forward(self, x):
        return Output(score=super().forward(x), hidden=x)

model = Wrapped()

def step(x, y):
    return nn.BCELoss()(model(x).score, y)
""",
    "a step that a generator feeds": """
model, criterion = Net(), nn.BCELoss()

def batches(loader):
    while True:
        for batch in loader:
            yield batch

def main(loader):
    stream = batches(loader)
    for _ in range(100):
        x, y = next(stream)
        criterion(model(x), y).backward()
""",
}


@pytest.mark.parametrize("way", WAYS)
def test_the_wrong_head_is_found(way: str) -> None:
    found = check({"train.py": MODEL.replace("ACTIVATION", "") + WAYS[way]})
    assert {one.code for one in found} == {"TL101"}, found


@pytest.mark.parametrize("way", WAYS)
def test_the_right_head_is_not_spoken_of(way: str) -> None:
    assert check({"train.py": MODEL.replace("ACTIVATION", "torch.sigmoid") + WAYS[way]}) == []


@pytest.mark.parametrize("way", WAYS)
def test_model_and_loss_stand_in_different_files(way: str) -> None:
    imports = "import torch\nimport torch.nn.functional as F\nfrom torch import nn\n\nfrom nets.model import Net\n"
    files = {"nets/__init__.py": "", "nets/model.py": MODEL.replace("ACTIVATION", ""), "main.py": imports + WAYS[way]}
    assert {one.code for one in check(files)} == {"TL101"}
