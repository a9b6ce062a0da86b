"""A program with one finding (TL101) between two files: the model gives raw scores, the loss wants probabilities."""

from __future__ import annotations

MODEL = """\
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.head = nn.Linear(8, 1)

    def forward(self, x):
        return self.head(x)
"""
TRAIN = """\
import torch
from torch import nn

from model import Net

net = Net()
criterion = nn.BCELoss()
optimizer = torch.optim.SGD(net.parameters(), 0.1)
for x, y in torch.load("batches.pt"):
    optimizer.zero_grad()
    criterion(net(x), y).backward()
    optimizer.step()
"""
