"""What is known of tables, of data sets that are read whole, and of the batches that are made of them."""

from __future__ import annotations

import pytest

from torchlint.engine import registry
from torchlint.facts.analysis import analyse

HEAD = """
import numpy as np
import pandas as pd
import torch
from sklearn import datasets
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import LabelEncoder, MinMaxScaler, MultiLabelBinarizer, OneHotEncoder, StandardScaler
from torch.utils.data import DataLoader, TensorDataset
from torchvision.datasets import CIFAR10, MNIST
frame = pd.read_csv("houses.csv")
X, y = datasets.make_moons(500)
rng = np.random.default_rng(0)
table = torch.rand(100, 4)
labels = torch.where(table > 0.7, 1.0, -1.0)
"""

KNOWN = {
    "StandardScaler().fit_transform(frame)": "array, float, shape ?×?, range unbounded, meaning standardized",
    "StandardScaler(with_mean=False).fit_transform(frame)": "array, float, shape ?×?, range None",
    "MinMaxScaler().fit_transform(X)": "array, float64, shape 500×2, range [0, 1]",
    "MinMaxScaler((-1, 1)).fit(X).transform(X)": "array, float64, shape 500×2, range [−1, 1]",
    "MinMaxScaler().fit(X[:400]).transform(X[400:])": "array, float64, shape 100×2, range None",
    "MinMaxScaler(clip=True).fit(X[:400]).transform(X[400:])": "array, float64, shape 100×2, range [0, 1] (at most)",
    "torch.from_numpy(LabelEncoder().fit_transform(frame['kind'])).shape": "(number)",
    "MultiLabelBinarizer().fit_transform(frame['tags'])": "array, int64, shape ?×?, range [0, 1], meaning binary",
    "OneHotEncoder().fit_transform(frame)": "unknown",
    "train_test_split(X, y)[3]": "array, int64, shape ?, range [0, 1], meaning class-index",
    "datasets.load_digits().data / 16": "array, float64, shape 1797×64, range [0, 1]",
    "datasets.make_regression(100, 5)[1]": "array, float64, shape 100, range unbounded",
    "MNIST('.').data": "tensor, uint8, shape N×28×28, range [0, 255], meaning image (L, byte scale)",
    "MNIST('.').train_data.float() / 255": "tensor, float32, shape N×28×28, range [0, 1], meaning image (L",
    "CIFAR10('.').data": "array, uint8, shape N×32×32×3, range [0, 255], meaning image (RGB, HWC, byte scale)",
    "torch.tensor(CIFAR10('.').targets)": "tensor, int64, shape N, range [0, 9], meaning class-index",
    "rng.normal(size=(100, 3))": "array, float64, shape 100×3, range unbounded, meaning noise",
    "rng.standard_normal((5, 2), dtype=np.float32)": "array, float32, shape 5×2, range unbounded, meaning noise",
    "rng.integers(0, 10, size=100)": "array, int64, shape 100, range [0, 9], meaning noise",
    "rng.integers(0, 10, endpoint=True)": "unknown",
    "(table - table.mean(0)) / table.std(0)": "tensor, float32, shape 100×4, range unbounded, meaning standardized",
    "(X - np.mean(X, axis=0)) / (np.std(X, axis=0) + 1e-8)": "array, float64, shape 500×2, range unbounded, meaning st",
    "(table - table.mean(0)) / table.max()": "tensor, float32, shape 100×4, range None",
    "labels[labels > 0]": "tensor, float32, shape ?, range [−1, 1] (at most)",
    "labels[table > 0.5]": "tensor, float32, shape ?, range [−1, 1] (at most)",
    "labels[:, y > 0]": "tensor, float32, shape ?, range [−1, 1], gradient",
    "np.array([row / 16 for row in datasets.load_digits().data])": "array, float64, shape ?×64, range [0, 1]",
    "MNIST('.').data[MNIST('.').targets < 5]": "tensor, uint8, shape ?×28×28, range [0, 255], meaning image",
}


def reveal(code: str, name: str) -> list[str]:
    files = {"program.py": code.encode()}
    found = analyse(files, lambda path: None, [str(registry.own_contracts())], watch=("program.py", None))
    return [one.text for one in found.revealed if one.name == name]


@pytest.mark.parametrize("expression", KNOWN)
def test_tables(expression: str) -> None:
    text = reveal(f"{HEAD}found = {expression}\n", "found")[-1]
    assert text.startswith(KNOWN[expression])


SUBCLASSES = {
    "its own samples": """
class Digits(MNIST):
    def __getitem__(self, index):
        return self.data[index].float() / 255, int(self.targets[index])
""",
    "the samples of its base": """
class Digits(MNIST):
    def __init__(self, root):
        super().__init__(root, transform=lambda image: torch.from_numpy(np.array(image)).float() / 255)

    def __getitem__(self, index):
        image, label = super().__getitem__(index)
        return image, label
""",
    "nothing of its own": """
class Digits(MNIST):
    def __init__(self, root):
        super().__init__(root, transform=lambda image: torch.from_numpy(np.array(image)).float() / 255)
""",
}


@pytest.mark.parametrize("what", SUBCLASSES)
def test_a_dataset_derived_from_a_known_one(what: str) -> None:
    code = f"{HEAD}{SUBCLASSES[what]}\nfor images, labels in DataLoader(Digits('.'), batch_size=8):\n    pass\n"
    assert reveal(code, "images")[-1].startswith("tensor, float32, shape B×28×28, range [0, 1], meaning image")
    assert reveal(code, "labels")[-1].startswith("tensor, int64, shape B, range [0, 9], meaning class-index")
