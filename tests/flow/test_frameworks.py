"""Libraries that wrap models, losses and loops: what they return, take, and call by themselves."""

from __future__ import annotations

import pytest

from tests.conftest import check

LOADER = """
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

loader = DataLoader(TensorDataset(torch.randn(64, 4), torch.ones(64, 1)), batch_size=8)
net = nn.Linear(4, 1)
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
"""
VOLUME = """
import torch
from monai.losses import DiceCELoss, DiceLoss, FocalLoss
from monai.networks.nets import BasicUNetPlusPlus, DynUNet, UNet

volume, mask = torch.rand(2, 1, 32, 32, 32), torch.ones(2, 1, 32, 32, 32)
net = UNet(spatial_dims=3, in_channels=1, out_channels=2, channels=(16, 32), strides=(2,))
"""
IMAGES = """
import torch
import segmentation_models_pytorch as smp

image, mask = torch.rand(2, 3, 64, 64), torch.ones(2, 1, 64, 64)
"""
TEXT = """
import torch
import torch.nn as nn
import torch.nn.functional as F
from transformers import AutoModelForSequenceClassification, BertForTokenClassification

words, labels = torch.ones(2, 7).long(), torch.zeros(2).long()
model = AutoModelForSequenceClassification.from_pretrained("bert-base-uncased", num_labels=3)
"""
CLASSES = """
import torch
import torch.nn as nn
import timm

images, labels = torch.rand(4, 3, 224, 224), torch.zeros(4).long()
"""

# name: (what comes first, the program, the codes that are found)
ROWS = {
    # loops that call the model and the loss
    "ignite: a process": (
        LOADER,
        """
from ignite.engine import Engine

criterion = nn.BCELoss()


def step(engine, batch):
    net.train()
    x, y = batch
    optimizer.zero_grad()
    loss = criterion(net(x), y)
    loss.backward()
    optimizer.step()
    return loss.item()


trainer = Engine(step)
trainer.run(loader, max_epochs=3)
""",
        ["TL101"],
    ),
    "ignite: a supervised trainer": (
        LOADER,
        """
from ignite.engine import create_supervised_trainer

trainer = create_supervised_trainer(net, optimizer, nn.BCELoss(), device="cuda")
trainer.run(loader, max_epochs=3)
""",
        ["TL101"],
    ),
    "ignite: a transform of the output": (
        LOADER,
        """
from ignite.engine import create_supervised_trainer

trainer = create_supervised_trainer(net, optimizer, nn.BCELoss(), model_transform=torch.sigmoid)
trainer.run(loader, max_epochs=3)
""",
        [],
    ),
    "ignite: a loss as a metric, in a handler": (
        LOADER,
        """
from ignite.engine import Events, create_supervised_evaluator, create_supervised_trainer
from ignite.metrics import Accuracy, Loss

trainer = create_supervised_trainer(net, optimizer, nn.BCEWithLogitsLoss())
evaluator = create_supervised_evaluator(net, metrics={"accuracy": Accuracy(), "loss": Loss(nn.BCELoss())})


@trainer.on(Events.EPOCH_COMPLETED)
def evaluate(engine):
    evaluator.run(loader)
    print(evaluator.state.metrics["loss"])


trainer.run(loader, max_epochs=2)
""",
        ["TL101"],
    ),
    "fastai": (
        LOADER,
        "\nfrom fastai.vision.all import Learner\n\nLearner(loader, net, loss_func=nn.BCELoss()).fit_one_cycle(2)\n",
        ["TL101"],
    ),
    "skorch: classes, and arguments by their names": (
        "",
        """
import torch
import torch.nn as nn
from skorch import NeuralNetClassifier


class Net(nn.Module):
    def __init__(self, classes=2, softmax=True):
        super().__init__()
        self.out = nn.Linear(4, classes)
        self.softmax = softmax

    def forward(self, x):
        x = self.out(x)
        return torch.softmax(x, dim=1) if self.softmax else x


x, y = torch.rand(32, 4), torch.randint(0, 2, (32,))
NeuralNetClassifier(Net, criterion=nn.CrossEntropyLoss, module__classes=3).fit(x, y)
NeuralNetClassifier(Net, criterion=nn.CrossEntropyLoss, module__softmax=False).fit(x, y)
NeuralNetClassifier(Net, criterion=nn.NLLLoss).fit(x, y)
""",
        ["TL103"],
    ),
    "segmentation_models_pytorch: an epoch, and a sum of losses": (
        IMAGES,
        """
from torch.utils.data import DataLoader, TensorDataset

loader = DataLoader(TensorDataset(image, mask))
model = smp.Unet("resnet34", activation="sigmoid")
loss = smp.utils.losses.DiceLoss() + 0.5 * smp.utils.losses.BCEWithLogitsLoss()
epoch = smp.utils.train.TrainEpoch(model, loss=loss, metrics=[smp.utils.metrics.IoU(threshold=0.5)], optimizer=None)
epoch.run(loader)
""",
        ["TL102"],
    ),
    "MONAI: a trainer with an inferer": (
        VOLUME,
        """
from monai.engines import SupervisedTrainer
from monai.inferers import SimpleInferer

SupervisedTrainer(
    device="cuda", max_epochs=2, train_data_loader=None, network=net, optimizer=None, loss_function=DiceLoss(),
    inferer=SimpleInferer(),
).run()
""",
        ["TL122"],
    ),
    # models
    "MONAI: raw scores in three dimensions": (
        VOLUME,
        "loss = DiceLoss(to_onehot_y=True)(net(volume), mask)\n",
        ["TL122"],
    ),
    "MONAI: windows": (
        VOLUME,
        """
from monai.inferers import sliding_window_inference

loss = DiceLoss(to_onehot_y=True)(sliding_window_inference(volume, (16, 16, 16), 4, net), mask)
""",
        ["TL122"],
    ),
    "MONAI: outputs in a list": (
        VOLUME,
        """
several = BasicUNetPlusPlus(spatial_dims=3, out_channels=1)(volume)
loss = torch.nn.BCELoss()(several[0], mask)
""",
        ["TL101"],
    ),
    "MONAI: deep supervision is not followed": (
        VOLUME,
        """
deep = DynUNet(3, 1, 2, kernel_size=[3], strides=[1], upsample_kernel_size=[2], deep_supervision=True)
loss = DiceLoss(to_onehot_y=True)(deep(volume), mask)
""",
        [],
    ),
    "segmentation_models_pytorch: raw scores by default": (
        IMAGES,
        """
loss = torch.nn.BCELoss()(smp.Unet("resnet34")(image), mask)
fine = torch.nn.BCELoss()(smp.Unet("resnet34", activation="sigmoid")(image), mask)
pair = torch.nn.BCELoss()(smp.FPN("resnet34", aux_params={"classes": 2})(image), mask)
""",
        ["TL101"],
    ),
    "transformers: logits by attribute, key and number": (
        TEXT,
        """
out = model(words)
one = nn.CrossEntropyLoss()(F.softmax(out.logits, dim=-1), labels)
two = nn.CrossEntropyLoss()(F.softmax(out["logits"], dim=-1), labels)
three = nn.CrossEntropyLoss()(F.softmax(out[0], dim=-1), labels)
fine = nn.CrossEntropyLoss()(out.logits, labels)
""",
        ["TL103"] * 3,
    ),
    "transformers: with labels the loss is first": (
        TEXT,
        """
import json

out = model(input_ids=words, labels=labels)
out.loss.backward()
one = nn.NLLLoss()(out[1], labels)
tags = BertForTokenClassification.from_pretrained("bert-base-cased", num_labels=5)
two = nn.NLLLoss()(tags(words).logits.flatten(0, 1), words.flatten())
unknown = nn.NLLLoss()(model(**{"input_ids": words, **json.load(open("more.json"))})[1], labels)
""",
        ["TL104", "TL104"],
    ),
    "transformers: a head of the project's own": (
        TEXT,
        """
from transformers import BertModel, BertPreTrainedModel


class Grader(BertPreTrainedModel):
    def __init__(self, config):
        super().__init__(config)
        self.bert = BertModel(config)
        self.grade = nn.Linear(config.hidden_size, 1)
        self.post_init()

    def forward(self, input_ids, attention_mask=None, labels=None):
        pooled = self.bert(input_ids, attention_mask=attention_mask)[1]
        score = self.grade(pooled)
        return nn.BCELoss()(score, labels)
""",
        ["TL101"],
    ),
    "transformers: a trainer with a loss of its own": (
        TEXT,
        """
from transformers import Trainer, TrainingArguments


class Weighted(Trainer):
    def __init__(self, *args, weight=None, **kwargs):
        super().__init__(*args, **kwargs)
        self.weight = weight

    def compute_loss(self, model, inputs, return_outputs=False, **kwargs):
        labels = inputs.pop("labels")
        outputs = model(**inputs)
        chances = torch.softmax(outputs.logits, dim=-1)
        loss = nn.CrossEntropyLoss(weight=self.weight)(chances.view(-1, self.model.config.num_labels), labels.view(-1))
        return (loss, outputs) if return_outputs else loss


trainer = Weighted(model=model, args=TrainingArguments("out"), train_dataset=None, weight=None)
trainer.train()
""",
        ["TL103"],
    ),
    "accelerate: several are prepared at once": (
        LOADER,
        """
from accelerate import Accelerator

accelerator = Accelerator()
net, optimizer, loader = accelerator.prepare(net, optimizer, loader)
for x, y in loader:
    with accelerator.accumulate(net):
        loss = nn.BCELoss()(net(x), y)
        accelerator.backward(loss)
        optimizer.step()
        optimizer.zero_grad()
    chances, wanted = accelerator.gather_for_metrics((net(x).sigmoid(), y))
    fine = nn.BCELoss()(chances, wanted)
    again = nn.BCELoss()(accelerator.unwrap_model(net)(x), y)
""",
        ["TL101", "TL101"],
    ),
    "a derived Fabric": (
        LOADER,
        """
from lightning.fabric import Fabric


class Run(Fabric):
    def run(self):
        model, opt = self.setup(net, optimizer)
        for x, y in self.setup_dataloaders(loader):
            opt.zero_grad()
            loss = nn.BCELoss()(model(x), y)
            self.backward(loss)
            opt.step()


Run(accelerator="gpu").run()
""",
        ["TL101"],
    ),
    "timm: a head that is put in its place": (
        CLASSES,
        """
vit = timm.create_model("vit_base_patch16_224", pretrained=True)
vit.head = nn.Linear(vit.head.in_features, 1)
one = nn.BCELoss()(vit(images), torch.ones(4, 1))
convnext = timm.create_model("convnext_tiny")
convnext.head.fc = nn.Sequential(nn.Linear(convnext.head.fc.in_features, 1), nn.Sigmoid())
fine = nn.BCELoss()(convnext(images), torch.ones(4, 1))
""",
        ["TL101"],
    ),
    "timm: features are no scores": (
        CLASSES,
        """
body = timm.create_model("resnet18", num_classes=0)
fine = nn.BCELoss()(body(images), torch.ones(4, 512))
pyramid = timm.create_model("resnet18", features_only=True)
too = nn.BCELoss()(pyramid(images), torch.ones(4, 512))
""",
        [],
    ),
    # losses whose arguments decide
    "MONAI: flags": (
        VOLUME,
        """
scores, chances = net(volume), torch.softmax(net(volume), dim=1)
fine = DiceLoss(softmax=True)(scores, mask) + DiceLoss()(chances, mask) + DiceCELoss(softmax=True)(scores, mask)
twice = DiceLoss(softmax=True)(chances, mask)
focal = FocalLoss(use_softmax=True)(chances, mask)
""",
        ["TL122", "TL102"],
    ),
    "MONAI: flags that are not known": (
        VOLUME,
        """
import sys

chances = torch.softmax(net(volume), dim=1)
loss = DiceLoss(softmax=bool(len(sys.argv)))(chances, mask) + DiceLoss(other_act=torch.relu)(net(volume), mask)
""",
        [],
    ),
    "MONAI: a softmax over one channel is left out": (
        VOLUME,
        """
one = UNet(spatial_dims=3, in_channels=1, out_channels=1, channels=(16, 32), strides=(2,))
loss = DiceLoss(softmax=True)(one(volume), mask)
""",
        ["TL122"],
    ),
    "segmentation_models_pytorch: from_logits and mode": (
        IMAGES,
        """
scores = smp.Unet("resnet34")(image)
fine = smp.losses.DiceLoss("binary")(scores, mask) + smp.losses.LovaszLoss("binary", from_logits=False)(scores, mask)
wrong = smp.losses.DiceLoss("binary", from_logits=False)(scores, mask)
twice = smp.losses.DiceLoss("binary")(scores.sigmoid(), mask)
""",
        ["TL122", "TL122"],
    ),
    "segmentation_models_pytorch: activation by name": (
        IMAGES,
        """
scores = smp.Unet("resnet34")(image)
fine = smp.utils.losses.DiceLoss(activation="sigmoid")(scores, mask)
wrong = smp.utils.losses.DiceLoss()(scores, mask)
""",
        ["TL122"],
    ),
    # metrics of torchmetrics threshold by themselves
    "torchmetrics": (
        LOADER,
        """
import torchmetrics
from torchmetrics.functional import accuracy

metric = torchmetrics.Accuracy(task="binary")
f1 = torchmetrics.F1Score(task="binary", threshold=0.5)
criterion = nn.BCEWithLogitsLoss()
for x, y in loader:
    scores = net(x)
    optimizer.zero_grad()
    criterion(scores, y).backward()
    optimizer.step()
    metric.update(scores, y)
    f1(torch.sigmoid(scores), y)
    accuracy(scores, y.int(), task="binary", threshold=0.5)
""",
        [],
    ),
}


@pytest.mark.parametrize("name", ROWS)
def test_frameworks(name: str) -> None:
    before, program, codes = ROWS[name]
    found = check({"example.py": before + program})
    assert [d.code for d in found] == codes, [(d.code, d.span.start.row, d.message) for d in found]


def test_a_loss_of_a_loop_is_spoken_of_where_it_is_given() -> None:
    before, program, _ = ROWS["ignite: a supervised trainer"]
    (found,) = check({"example.py": before + program})
    row = found.span.start.row
    assert "nn.BCELoss()" in (before + program).splitlines()[row - 1]
