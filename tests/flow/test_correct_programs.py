"""Correct training programs of many kinds, on which every rule is silent."""

from __future__ import annotations

import pytest

from tests.conftest import check

HEAD = """
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, Dataset, TensorDataset
"""

PROGRAMS = {
    "least squares adversarial training with a raw critic": """
generator = nn.Sequential(nn.Linear(16, 64), nn.ReLU(), nn.Linear(64, 2))
critic = nn.Sequential(nn.Linear(2, 64), nn.LeakyReLU(0.2), nn.Linear(64, 1))
g_optimizer = torch.optim.Adam(generator.parameters(), lr=1e-4)
c_optimizer = torch.optim.Adam(critic.parameters(), lr=1e-4)
distance = nn.MSELoss()

for real in DataLoader(torch.randn(512, 2), batch_size=32):
    valid, fake = torch.ones(real.size(0), 1), torch.zeros(real.size(0), 1)
    made = generator(torch.randn(real.size(0), 16))
    g_optimizer.zero_grad()
    distance(critic(made), valid).backward()
    g_optimizer.step()
    c_optimizer.zero_grad()
    loss = 0.5 * (distance(critic(real), valid) + distance(critic(made.detach()), fake))
    loss.backward()
    c_optimizer.step()
""",
    "a wasserstein critic with a gradient penalty": """
critic = nn.Sequential(nn.Linear(2, 64), nn.LeakyReLU(0.2), nn.Linear(64, 1))
generator = nn.Sequential(nn.Linear(16, 64), nn.ReLU(), nn.Linear(64, 2))
optimizer = torch.optim.Adam(critic.parameters(), betas=(0.0, 0.9))

def penalty(real, fake):
    share = torch.rand(real.size(0), 1)
    between = (share * real + (1 - share) * fake).requires_grad_(True)
    scores = critic(between)
    slope = torch.autograd.grad(scores, between, torch.ones_like(scores), create_graph=True)[0]
    return ((slope.norm(2, dim=1) - 1) ** 2).mean()

for real in DataLoader(torch.randn(512, 2), batch_size=32):
    optimizer.zero_grad()
    fake = generator(torch.randn(real.size(0), 16)).detach()
    loss = critic(fake).mean() - critic(real).mean() + 10 * penalty(real, fake)
    loss.backward()
    optimizer.step()
""",
    "a hinge loss": """
critic = nn.Sequential(nn.Linear(2, 64), nn.LeakyReLU(0.2), nn.Linear(64, 1))
optimizer = torch.optim.Adam(critic.parameters())

def step(real, fake):
    optimizer.zero_grad()
    loss = F.relu(1 - critic(real)).mean() + F.relu(1 + critic(fake.detach())).mean()
    loss.backward()
    optimizer.step()
""",
    "a variational autoencoder on pictures in [0, 1]": """
from torchvision import datasets, transforms

digits = datasets.MNIST("data", train=True, download=True, transform=transforms.ToTensor())

class VAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.encode, self.mean, self.spread = nn.Linear(784, 400), nn.Linear(400, 20), nn.Linear(400, 20)
        self.decode = nn.Sequential(nn.Linear(20, 400), nn.ReLU(), nn.Linear(400, 784), nn.Sigmoid())

    def forward(self, x):
        hidden = torch.relu(self.encode(x.view(-1, 784)))
        mean, spread = self.mean(hidden), self.spread(hidden)
        z = mean + torch.exp(0.5 * spread) * torch.randn_like(spread)
        return self.decode(z), mean, spread

model = VAE()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
for x, _ in DataLoader(digits, batch_size=128, shuffle=True):
    optimizer.zero_grad()
    again, mean, spread = model(x)
    likelihood = F.binary_cross_entropy(again, x.view(-1, 784), reduction="sum")
    divergence = -0.5 * torch.sum(1 + spread - mean.pow(2) - spread.exp())
    (likelihood + divergence).backward()
    optimizer.step()
""",
    "scores for the loss, probabilities for the metric": """
model = nn.Sequential(nn.Linear(12, 32), nn.ReLU(), nn.Linear(32, 1))
criterion = nn.BCEWithLogitsLoss(pos_weight=torch.tensor(3.0))
optimizer = torch.optim.Adam(model.parameters())

def epoch(loader):
    right = 0
    for x, y in loader:
        optimizer.zero_grad()
        scores = model(x).squeeze(1)
        criterion(scores, y.float()).backward()
        optimizer.step()
        right += ((torch.sigmoid(scores) > 0.5) == y.bool()).sum().item()
        right += ((scores > 0) == y.bool()).sum().item()
    return right
""",
    "soft targets from mixing samples": """
model = nn.Linear(20, 5)
criterion = nn.CrossEntropyLoss(label_smoothing=0.1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

def step(x, y, share):
    other = torch.randperm(x.size(0))
    hot = F.one_hot(y, 5).float()
    mixed = share * hot + (1 - share) * hot[other]
    optimizer.zero_grad()
    loss = criterion(model(share * x + (1 - share) * x[other]), mixed)
    loss.backward()
    optimizer.step()
""",
    "class ids for every pixel": """
net = nn.Sequential(nn.Conv2d(3, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.Conv2d(16, 21, 1))
criterion = nn.CrossEntropyLoss(ignore_index=255)
optimizer = torch.optim.SGD(net.parameters(), lr=0.01)

def step(picture, labels):
    optimizer.zero_grad()
    scores = net(picture)
    loss = criterion(scores, labels.squeeze(1).long())
    loss.backward()
    optimizer.step()
    return scores.argmax(dim=1)
""",
    "distillation from a detached teacher": """
student, teacher = nn.Linear(20, 10), nn.Linear(20, 10)
optimizer = torch.optim.SGD(student.parameters(), lr=0.1)
divergence = nn.KLDivLoss(reduction="batchmean")

def step(x, y, heat=4.0):
    optimizer.zero_grad()
    with torch.no_grad():
        known = F.softmax(teacher(x) / heat, dim=1)
    scores = student(x)
    soft = divergence(F.log_softmax(scores / heat, dim=1), known) * heat**2
    loss = 0.9 * soft + 0.1 * F.cross_entropy(scores, y)
    loss.backward()
    optimizer.step()
""",
    "a divergence between two log-distributions": """
model = nn.Linear(20, 10)

def consistency(a, b):
    one, two = F.log_softmax(model(a), -1), F.log_softmax(model(b), -1)
    return F.kl_div(one, two.detach(), log_target=True, reduction="batchmean")
""",
    "policy gradients": """
policy = nn.Sequential(nn.Linear(4, 64), nn.ReLU(), nn.Linear(64, 2), nn.Softmax(dim=-1))
optimizer = torch.optim.Adam(policy.parameters())

def act(state):
    odds = policy(torch.as_tensor(state, dtype=torch.float32))
    choice = torch.distributions.Categorical(odds)
    action = choice.sample()
    return action.item(), choice.log_prob(action)

def learn(logs, rewards):
    rewards = torch.tensor(rewards)
    rewards = (rewards - rewards.mean()) / (rewards.std() + 1e-8)
    optimizer.zero_grad()
    loss = -(torch.stack(logs) * rewards).sum()
    loss.backward()
    optimizer.step()
""",
    "a deep q-network": """
net, target = nn.Linear(4, 2), nn.Linear(4, 2)
optimizer = torch.optim.Adam(net.parameters())

def learn(state, action, reward, following, done):
    value = net(state).gather(1, action.unsqueeze(1)).squeeze(1)
    with torch.no_grad():
        best = net(following).argmax(dim=1, keepdim=True)
        aim = reward + 0.99 * target(following).gather(1, best).squeeze(1) * (1 - done)
    loss = F.smooth_l1_loss(value, aim)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
""",
    "a straight-through quantiser": """
encoder, decoder = nn.Linear(8, 4), nn.Linear(4, 8)
optimizer = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()])

def step(x):
    hidden = encoder(x)
    coarse = hidden + (hidden.round() - hidden).detach()
    loss = F.mse_loss(decoder(coarse), x) + 0.25 * F.mse_loss(hidden, coarse.detach())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
""",
    "contrastive learning": """
encoder = nn.Sequential(nn.Linear(32, 64), nn.ReLU(), nn.Linear(64, 16))
optimizer = torch.optim.Adam(encoder.parameters())

def step(a, b, heat=0.1):
    one, two = F.normalize(encoder(a), dim=1), F.normalize(encoder(b), dim=1)
    scores = one @ two.t() / heat
    names = torch.arange(scores.size(0))
    loss = (F.cross_entropy(scores, names) + F.cross_entropy(scores.t(), names)) / 2
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
""",
    "attention beside a cross-entropy": """
class Reader(nn.Module):
    def __init__(self, words=1000, width=64, classes=4):
        super().__init__()
        self.embed = nn.Embedding(words, width)
        self.rnn = nn.GRU(width, width, batch_first=True)
        self.score = nn.Linear(width, 1)
        self.head = nn.Linear(width, classes)

    def forward(self, ids):
        states, _ = self.rnn(self.embed(ids))
        weights = torch.softmax(self.score(states), dim=1)
        return self.head((weights * states).sum(dim=1))

model, criterion = Reader(), nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters())

def step(ids, labels):
    optimizer.zero_grad()
    criterion(model(ids), labels).backward()
    optimizer.step()
""",
    "a language model": """
class Writer(nn.Module):
    def __init__(self, words=5000, width=128):
        super().__init__()
        self.embed = nn.Embedding(words, width)
        self.rnn = nn.LSTM(width, width, batch_first=True)
        self.head = nn.Linear(width, words)

    def forward(self, ids, state=None):
        out, state = self.rnn(self.embed(ids), state)
        return self.head(out), state

model = Writer()
optimizer = torch.optim.Adam(model.parameters())

def step(ids):
    scores, _ = model(ids[:, :-1])
    loss = F.cross_entropy(scores.reshape(-1, scores.size(-1)), ids[:, 1:].reshape(-1))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.exp().item()

@torch.no_grad()
def write(ids, length):
    for _ in range(length):
        scores, _ = model(ids)
        odds = F.softmax(scores[:, -1], dim=-1)
        ids = torch.cat([ids, torch.multinomial(odds, 1)], dim=1)
    return ids
""",
    "overlap and cross-entropy on the right sides of the sigmoid": """
class Overlap(nn.Module):
    def forward(self, scores, mask, smooth=1.0):
        odds = torch.sigmoid(scores).flatten(1)
        mask = mask.flatten(1)
        both = (odds * mask).sum(1)
        return 1 - ((2 * both + smooth) / (odds.sum(1) + mask.sum(1) + smooth)).mean()

net = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 1, 1))
overlap, entropy = Overlap(), nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(net.parameters())

def step(picture, mask):
    optimizer.zero_grad()
    scores = net(picture)
    loss = overlap(scores, mask) + entropy(scores, mask)
    loss.backward()
    optimizer.step()

@torch.no_grad()
def measure(picture, mask):
    found = (net(picture).sigmoid() > 0.5).float()
    return 2 * (found * mask).sum() / (found.sum() + mask.sum()).clamp(min=1)
""",
    "a focal loss": """
class Focal(nn.Module):
    def __init__(self, gamma=2.0, alpha=0.25):
        super().__init__()
        self.gamma, self.alpha = gamma, alpha

    def forward(self, scores, target):
        entropy = F.binary_cross_entropy_with_logits(scores, target, reduction="none")
        odds = torch.exp(-entropy)
        weight = self.alpha * target + (1 - self.alpha) * (1 - target)
        return (weight * (1 - odds) ** self.gamma * entropy).mean()

net, focal = nn.Linear(16, 3), Focal()
optimizer = torch.optim.Adam(net.parameters())

def step(x, y):
    optimizer.zero_grad()
    focal(net(x), y.float()).backward()
    optimizer.step()
""",
    "a regression of one column": """
import pandas as pd

table = pd.read_csv("houses.csv")
x = torch.tensor(table.drop(columns="price").values, dtype=torch.float32)
y = torch.tensor(table["price"].values, dtype=torch.float32).unsqueeze(1)
model = nn.Sequential(nn.Linear(13, 64), nn.ReLU(), nn.Linear(64, 1))
optimizer = torch.optim.Adam(model.parameters())
criterion = nn.HuberLoss()
for inputs, price in DataLoader(TensorDataset(x, y), batch_size=32, shuffle=True):
    optimizer.zero_grad()
    loss = criterion(model(inputs), price)
    loss.backward()
    optimizer.step()
""",
    "heat maps of key points": """
net = nn.Sequential(nn.Conv2d(3, 32, 3, padding=1), nn.ReLU(), nn.Conv2d(32, 17, 1))
optimizer = torch.optim.Adam(net.parameters())
criterion = nn.MSELoss(reduction="none")

def step(picture, heat, seen):
    optimizer.zero_grad()
    loss = (criterion(net(picture), heat).mean(dim=(2, 3)) * seen).mean()
    loss.backward()
    optimizer.step()

def points(picture):
    heat = net(picture).flatten(2)
    best = heat.argmax(dim=2)
    return torch.stack([best % 64, best // 64], dim=2)
""",
    "a tanh generator and pictures normalised to match": """
from torchvision import datasets, transforms

steps = transforms.Compose([
    transforms.Resize(64), transforms.CenterCrop(64), transforms.ToTensor(), transforms.Normalize([0.5] * 3, [0.5] * 3)
])
faces = datasets.ImageFolder("faces", transform=steps)
generator = nn.Sequential(nn.ConvTranspose2d(100, 64, 4), nn.ReLU(), nn.ConvTranspose2d(64, 3, 4, 2, 1), nn.Tanh())
critic = nn.Sequential(
    nn.Conv2d(3, 64, 4, 2, 1), nn.LeakyReLU(0.2), nn.AdaptiveAvgPool2d(1), nn.Conv2d(64, 1, 1), nn.Sigmoid()
)
criterion = nn.BCELoss()
c_optimizer = torch.optim.Adam(critic.parameters(), lr=2e-4)
g_optimizer = torch.optim.Adam(generator.parameters(), lr=2e-4)
for real, _ in DataLoader(faces, batch_size=64, shuffle=True):
    size = real.size(0)
    c_optimizer.zero_grad()
    label = torch.full((size,), 1.0)
    criterion(critic(real).view(-1), label).backward()
    fake = generator(torch.randn(size, 100, 1, 1))
    label.fill_(0.0)
    criterion(critic(fake.detach()).view(-1), label).backward()
    c_optimizer.step()
    g_optimizer.zero_grad()
    label.fill_(1.0)
    criterion(critic(fake).view(-1), label).backward()
    g_optimizer.step()
""",
    "speech with connectionist classification": """
class Speech(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.GRU(80, 128, bidirectional=True)
        self.head = nn.Linear(256, 29)

    def forward(self, frames):
        out, _ = self.rnn(frames)
        return F.log_softmax(self.head(out), dim=-1)

model, criterion = Speech(), nn.CTCLoss(blank=28, zero_infinity=True)
optimizer = torch.optim.Adam(model.parameters())

def step(frames, text, frame_lengths, text_lengths):
    optimizer.zero_grad()
    loss = criterion(model(frames), text, frame_lengths, text_lengths)
    loss.backward()
    optimizer.step()
""",
    "weights of a loss that are not trained on": """
net = nn.Linear(8, 3)
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)

def step(x, y):
    each = F.cross_entropy(net(x), y, reduction="none")
    hardest, _ = each.topk(4)
    odds = torch.exp(-each).detach()
    loss = hardest.mean() + ((1 - odds) * each).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()
""",
    "pseudo labels": """
net = nn.Linear(8, 3)
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)

def step(x, y, unlabelled):
    with torch.no_grad():
        odds = torch.softmax(net(unlabelled), dim=1)
        sure, guess = odds.max(dim=1)
        mask = (sure > 0.95).float()
    again = F.cross_entropy(net(unlabelled + 0.1 * torch.randn_like(unlabelled)), guess, reduction="none")
    loss = F.cross_entropy(net(x), y) + (again * mask).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
""",
    "several labels a sample": """
from torchvision import models

net = models.resnet50(weights="IMAGENET1K_V2")
net.fc = nn.Linear(net.fc.in_features, 20)
criterion = nn.BCEWithLogitsLoss()
optimizer = torch.optim.AdamW(net.parameters())

class Scenes(Dataset):
    def __init__(self, pictures, tags):
        self.pictures, self.tags = pictures, tags

    def __len__(self):
        return len(self.pictures)

    def __getitem__(self, i):
        hot = torch.zeros(20)
        hot[self.tags[i]] = 1.0
        return self.pictures[i], hot

def train(pictures, tags):
    for x, hot in DataLoader(Scenes(pictures, tags), batch_size=16, shuffle=True):
        optimizer.zero_grad()
        criterion(net(x), hot).backward()
        optimizer.step()
""",
    "a siamese network with a margin": """
net = nn.Sequential(nn.Flatten(), nn.Linear(784, 64), nn.ReLU(), nn.Linear(64, 16))
optimizer = torch.optim.Adam(net.parameters())
triplet = nn.TripletMarginLoss()

def step(anchor, near, far, same):
    optimizer.zero_grad()
    a, b = net(anchor), net(near)
    gap = F.pairwise_distance(a, b)
    contrast = torch.mean((1 - same) * gap.pow(2) + same * torch.clamp(2.0 - gap, min=0.0).pow(2))
    loss = triplet(a, b, net(far)) + contrast + F.cosine_embedding_loss(a, b, 2 * same - 1)
    loss.backward()
    optimizer.step()
""",
    "a hand-written cross-entropy of probabilities": """
net = nn.Sequential(nn.Linear(8, 1), nn.Sigmoid())
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)

def step(x, y, tiny=1e-7):
    odds = net(x).clamp(tiny, 1 - tiny)
    loss = -(y * torch.log(odds) + (1 - y) * torch.log(1 - odds)).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
""",
    "tagging words": """
class Tagger(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(9000, 64, padding_idx=0)
        self.rnn = nn.LSTM(64, 64, batch_first=True, bidirectional=True)
        self.head = nn.Linear(128, 9)

    def forward(self, ids):
        out, _ = self.rnn(self.embed(ids))
        return self.head(out)

model, criterion = Tagger(), nn.CrossEntropyLoss(ignore_index=-100)
optimizer = torch.optim.Adam(model.parameters())

def step(ids, tags):
    optimizer.zero_grad()
    loss = criterion(model(ids).permute(0, 2, 1), tags)
    loss.backward()
    optimizer.step()
    return model(ids).argmax(-1)
""",
}


@pytest.mark.parametrize("what", PROGRAMS)
def test_silent(what: str) -> None:
    assert check({"train.py": HEAD + PROGRAMS[what]}) == []
