"""Lightning: hooks meet batches of the loaders that their trainer, their data module or they themselves have."""

from __future__ import annotations

import pytest

from tests.conftest import check

MODULE = """
import torch
import torch.nn as nn
import pytorch_lightning as pl
from torch.utils.data import DataLoader, TensorDataset


class Counter(pl.LightningModule):
    def __init__(self, width=16):
        super().__init__()
        self.save_hyperparameters()
        self.net = nn.Linear(self.hparams.width, 1)
        self.criterion = nn.BCELoss()

    def forward(self, x):
        return self.net(x)

    def _step(self, batch):
        x, y = batch
        return self.criterion(self(x), y)

    def training_step(self, batch, batch_idx):
        loss = self._step(batch)
        self.log("loss", loss)
        return loss
"""
DATA = """

class Rolls(pl.LightningDataModule):
    def setup(self, stage=None):
        if stage == "fit" or stage is None:
            self.train_set = TensorDataset(torch.randn(64, 16), torch.randint(0, 2, (64, 1)).float())

    def train_dataloader(self):
        return DataLoader(self.train_set, batch_size=8)
"""
ROWS = {
    "nothing fits it": "",
    "a loader": "pl.Trainer().fit(Counter(), DataLoader(TensorDataset(torch.randn(9, 16), torch.ones(9, 1))))\n",
    "a data module by name": DATA + "\n\npl.Trainer(max_epochs=1).fit(model=Counter(), datamodule=Rolls())\n",
    "a data module in the place of loaders": DATA + "\n\ntrainer = pl.Trainer()\ntrainer.fit(Counter(), Rolls())\n",
    "the command line": DATA
    + "\n\nfrom pytorch_lightning.cli import LightningCLI\n\ncli = LightningCLI(Counter, Rolls)\n",
}


@pytest.mark.parametrize("name", ROWS)
def test_a_shared_step_is_followed(name: str) -> None:
    found = check({"example.py": MODULE + ROWS[name]})
    assert [(d.code, d.span.start.row) for d in found] == [("TL101", 20)]


def test_a_batch_comes_from_what_setup_makes() -> None:
    program = MODULE.replace("nn.Linear(self.hparams.width, 1)", "nn.Sequential(nn.Linear(16, 1), nn.Sigmoid())")
    program = program.replace("BCELoss", "MSELoss") + DATA + "\n\npl.Trainer().fit(Counter(), datamodule=Rolls())\n"
    assert [d.code for d in check({"example.py": program})] == ["TL107"]


def test_a_module_in_a_base_class() -> None:
    base = MODULE.replace("        self.net = nn.Linear(self.hparams.width, 1)\n", "")
    net = """

class Larger(Counter):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 1))
"""
    assert [(d.code, d.span.start.row) for d in check({"example.py": base + net})] == [("TL101", 19)]


def test_what_wraps_a_model_stands_for_it() -> None:
    program = """
import torch
import torch.nn as nn

model = nn.DataParallel(nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 1)))
fast = torch.compile(model.module)
loss = nn.BCELoss()(fast._orig_mod(torch.rand(8, 4)), torch.ones(8, 1))
"""
    assert [(d.code, d.span.start.row) for d in check({"example.py": program})] == [("TL101", 7)]
