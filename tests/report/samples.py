"""Diagnostics to render."""

from __future__ import annotations

from torchlint.diagnostic import Diagnostic, Edit, Fix, Location, Severity, Span, Step

TEXTS = {
    "model.py": "class Net:\n\tdef forward(self, x):\n\t\treturn self.head(x)\n",
    "train.py": "from model import Net\r\nnet = Net()\r\n\r\nloss = criterion(net(图像), 目标)  # done\r\n",
}


def text(path: str) -> str | None:
    return TEXTS.get(path)


def span(path: str, row: int, start: int, end: int, last_row: int | None = None) -> Span:
    return Span(path, Location(row, start), Location(row if last_row is None else last_row, end))


PLAIN = Diagnostic(
    "TL101", "bce-on-logits", Severity.ERROR, "`BCELoss` expects probabilities", span("train.py", 4, 8, 30)
)
TRAILED = Diagnostic(
    "TL101",
    "bce-on-logits",
    Severity.ERROR,
    "`BCELoss` expects probabilities",
    span("train.py", 4, 18, 25),
    (
        Step(span("model.py", 3, 10, 22), "`Conv2d` gives unbounded values"),
        Step(span("train.py", 4, 18, 25), "`net` returns them"),
        Step(span("train.py", 4, 1, 5), "and so on"),
    ),
)
FIXABLE = Diagnostic(
    "TL401",
    "missing-zero-grad",
    Severity.WARNING,
    "gradients pile up",
    span("train.py", 2, 1, 11),
    fixes=(
        Fix("clear them first", (Edit(span("train.py", 2, 1, 1), "optimizer.zero_grad()\n"),), safe=True),
        Fix("do without", (Edit(span("train.py", 2, 1, 4), "pass"),), safe=False),
    ),
    url="https://example.org/TL401",
)
