"""One sample of findings in which everything occurs that is hard for a format.

A trail across files, alternative fixes of several edits and files, a notebook's cell, wide and astral characters, tabs,
a fault of torchlint itself, and a path and a message that try to get out of their place.
"""

from __future__ import annotations

from torchlint.diagnostic import Diagnostic, Edit, Fix, Location, Severity, Span, Step
from torchlint.report.findings import About, Findings

HOSTILE_PATH = "odd \n::error::,100%:\x1b[2J]]>&.py"
HOSTILE_WORDS = '</failure>\r\n::set-output name=x::1%0A,\x1b]0;title\x07 \u202edesrever\u2028 ]]> {0} [a](b) "q" \\'
CELL = 2
TEXTS = {
    ("src/model.py", 0): "class Net:\n\tdef forward(self, x):\n\t\treturn self.head(x)\n",
    ("train.py", 0): "from src.model import Net\r\nnet = Net()\r\n\r\n"
    "loss = criterion(net(图像), '🔥', 目标)  # done\r\n",
    ("notes.ipynb", CELL): "import torch\nout = net(x)\nloss = BCELoss()(out, y)\n",
    (HOSTILE_PATH, 0): "pass\n",
}


def span(path: str, row: int, column: int, end_column: int, cell: int = 0, last_row: int = 0) -> Span:
    return Span(path, Location(row, column), Location(last_row or row, end_column), cell)


TRAIL = Diagnostic(
    "TL101",
    "bce-on-logits",
    Severity.ERROR,
    "`BCELoss` expects probabilities in [0, 1], but `目标` is unbounded",
    span("train.py", 4, 32, 34),
    (
        Step(span("src/model.py", 3, 10, 22), "`Conv2d` gives unbounded values"),
        Step(span("train.py", 4, 8, 35), "and they come here"),
    ),
    (
        Fix("apply a sigmoid", (Edit(span("train.py", 4, 32, 34), "torch.sigmoid(目标)"),), safe=True),
        Fix(
            "use `BCEWithLogitsLoss`",
            (
                Edit(span("train.py", 1, 1, 1), "from torch import nn\r\n"),
                Edit(span("train.py", 4, 8, 17), "nn.BCEWithLogitsLoss()"),
                Edit(span("src/model.py", 3, 10, 19), "self.raw"),
            ),
            safe=False,
        ),
    ),
    "https://rules.example/TL101?a=1&b=2",
)
LONG = Diagnostic(
    "TL401", "missing-zero-grad", Severity.WARNING, "gradients pile up", span("train.py", 2, 1, 9, last_row=4)
)
CELLED = Diagnostic(
    "TL101",
    "bce-on-logits",
    Severity.INFO,
    "raw scores",
    span("notes.ipynb", 3, 18, 21, CELL),
    (Step(span("notes.ipynb", 2, 7, 13, CELL), "a model's output"),),
    (Fix("no loss", (Edit(span("notes.ipynb", 3, 1, 25, CELL), "pass"),), safe=False),),
)
FAULT = Diagnostic(
    "TL000", "internal-error", Severity.ERROR, "internal error: ValueError: it broke", span("train.py", 1, 1, 2)
)
HOSTILE = Diagnostic(
    "TL999",
    "own-rule",
    Severity.WARNING,
    HOSTILE_WORDS,
    span(HOSTILE_PATH, 1, 1, 5),
    (Step(span(HOSTILE_PATH, 1, 1, 5), HOSTILE_WORDS),),
    (Fix(HOSTILE_WORDS, (Edit(span(HOSTILE_PATH, 1, 1, 5), "\x1b[0m\n"),), safe=True),),
)
PAGES = {
    "TL000": About("internal-error", Severity.ERROR, "# internal-error (TL000)\n\nA fault of torchlint itself.\n"),
    "TL101": About(
        "bce-on-logits",
        Severity.ERROR,
        "# bce-on-logits (TL101)\n\nScores are fed to `BCELoss`.\n\n## Why it matters\n\nIt raises.\n\n## Bad\n\nSo.\n",
        "https://rules.example/TL101",
    ),
}


def findings(*diagnostics: Diagnostic, folder: str = "/srv/an app") -> Findings:
    return Findings(
        diagnostics,
        lambda path, cell: TEXTS.get((path, cell)),
        ["clean.py", "notes.ipynb", "src/model.py", "train.py"],
        folder,
        PAGES.get,
        version="1.2.3",
    )


EVERYTHING = findings(HOSTILE, CELLED, FAULT, LONG, TRAIL)
