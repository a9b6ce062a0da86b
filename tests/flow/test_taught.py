"""Contracts of a project's own: what a table says of a name holds, whatever torchlint could or could not follow."""

from __future__ import annotations

import pytest

from tests.conftest import check

#: A model with raw scores, and what the cases below import it with.
NET = """
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Conv2d(3, 8, 3, padding=1)
        self.last = nn.Conv2d(8, 1, 1)

    def forward(self, x):
        return self.last(self.body(x).relu())


class Squashed(Net):
    def forward(self, x):
        return super().forward(x).sigmoid()
"""
START = """
import torch
from torch import nn
from kit.net import Net, Squashed

x, y = torch.rand(2, 3, 8, 8), torch.randint(0, 2, (2, 1, 8, 8)).float()
"""
LOSS = """
from torch import nn
from kit import _kernels


class SoftBCE(nn.Module):
    def __init__(self, smooth=0.1):
        super().__init__()
        self.smooth = smooth

    def forward(self, guess, truth):
        return _kernels.bce(guess, truth, self.smooth)


def soft_bce(guess, truth, smooth=0.1):
    return _kernels.bce(guess, truth, smooth)


def backwards(truth, guess):
    return _kernels.bce(guess, truth)


def named(target, guess):
    return _kernels.bce(guess, target)
"""
ON_PROBABILITIES = """
[[loss]]
name = "kit.losses.SoftBCE"
function = "kit.losses.soft_bce"
takes = "probability"

[[loss]]
name = "kit.losses.named"
takes = "probability"
"""


RULES = ("TL101", "TL102", "TL103", "TL104", "TL122", "TL201", "TL207", "TL301", "TL401")


def findings(train: str, contracts: str, **more: str) -> list[tuple[str, int, str]]:
    """File, line below `START` and code of each finding."""
    files = {"train.py": START + train, "kit/net.py": NET, "kit/losses.py": LOSS}
    files.update((f"{path.replace('__', '/')}.py", text) for path, text in more.items())
    lines = START.count("\n")
    return [
        (d.span.path, d.span.start.row - (lines if d.span.path == "train.py" else 0), d.code)
        for d in check(files, RULES, contracts=contracts)
    ]


# --- losses ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "train",
    [
        "from kit.losses import SoftBCE\nSoftBCE(0.2)(Net()(x), y)",
        "import kit.losses\nkit.losses.SoftBCE()(Net()(x), y)",
        "from kit import losses as l\nl.SoftBCE()(guess=Net()(x), truth=y)",
        "from kit.losses import *\nSoftBCE()(Net()(x), y)",
        "from kit.losses import SoftBCE\nSoftBCE().forward(Net()(x), y)",
        "from kit.losses import soft_bce\nsoft_bce(Net()(x), y)",
        "from kit.losses import soft_bce\nsoft_bce(truth=y, guess=Net()(x))",
        "from kit.losses import named\nnamed(y, Net()(x))",
        "import functools, kit.losses\nfunctools.partial(kit.losses.soft_bce, smooth=0.3)(Net()(x), y)",
        "import kit.losses\n{'soft': kit.losses.SoftBCE}['soft'](smooth=0)(Net()(x), y)",
    ],
)
def test_a_loss_of_the_project(train: str) -> None:
    assert findings(train, ON_PROBABILITIES) == [("train.py", 2, "TL101")]
    assert findings(train.replace("Net()", "Squashed()"), ON_PROBABILITIES) == []
    assert findings(train, "") == []


def test_the_message_is_about_this_loss() -> None:
    train = "from kit.losses import SoftBCE\ncriterion = SoftBCE()\ncriterion(Net()(x), y)"
    (one,) = check({"train.py": START + train, "kit/net.py": NET, "kit/losses.py": LOSS}, contracts=ON_PROBABILITIES)
    assert one.message == (
        "`SoftBCE` expects probabilities in [0, 1], but `Net()(x)` is unbounded: `Net.forward` gives raw scores; "
        "apply a sigmoid first"
    )


def test_a_loss_with_the_name_of_torchs_is_not_torchs() -> None:
    losses = LOSS.replace("SoftBCE", "BCELoss")
    contracts = '[[loss]]\nname = "kit.losses.BCELoss"\ntakes = "probability"\nfamily = "bce"\n'
    train = "from kit.losses import BCELoss\ncriterion = BCELoss()\ncriterion(Net()(x), y)"
    (one,) = check({"train.py": START + train, "kit/net.py": NET, "kit/losses.py": losses}, contracts=contracts)
    assert "BCEWithLogitsLoss" not in one.message
    assert [fix.title for fix in one.fixes] == ["apply a sigmoid first"]


def test_which_argument_is_the_input_can_be_said() -> None:
    contracts = '[[loss]]\nname = "kit.losses.backwards"\ntakes = "probability"\n'
    train = "from kit.losses import backwards\nbackwards(y, Net()(x))"
    assert findings(train, contracts) == []
    assert findings(train, contracts + 'call_signature = "(target, input)"\n') == [("train.py", 2, "TL101")]


def test_class_and_function_have_parameters_of_their_own() -> None:
    losses = LOSS.replace("def soft_bce(guess, truth, smooth=0.1)", "def soft_bce(target, *, guess, smooth)")
    train = "from kit.losses import *\nSoftBCE()(Net()(x), y)\nsoft_bce(y, smooth=0.1, guess=Net()(x))"
    assert [f[1] for f in findings(train, ON_PROBABILITIES, kit__losses=losses)] == [2, 3]
    train = train.replace("y, smooth", "Net()(x), smooth").replace("guess=Net()(x)", "guess=y")
    assert [f[1] for f in findings(train, ON_PROBABILITIES, kit__losses=losses)] == [2]


@pytest.mark.parametrize(
    ("row", "model", "code"),
    [
        ('takes = "logits"\napplies = "sigmoid"', "Squashed()", "TL102"),
        ('takes = "logits"', "Squashed()", "TL102"),
        ('takes = "logits"\napplies = "sigmoid"\nfamily = "tversky"', "Squashed()", "TL122"),
        ('takes = "logits"\napplies = "sigmoid"\nfamily = "a word of our own"', "Squashed()", "TL102"),
        ('takes = "logits"\napplies = "sigmoid"', "Net()", ""),
        ('takes = "logits"\napplies = "softmax"', "nn.Sequential(Net(), nn.Softmax(1))", "TL103"),
        ('takes = "logits"\napplies = "softmax"\nfamily = "dice"', "nn.Sequential(Net(), nn.Softmax(1))", "TL122"),
        ('takes = "logits"\napplies = "softmax"', "Net()", ""),
        ('takes = "log-probability"', "Net()", "TL104"),
        ('takes = "log-probability"', "nn.Sequential(Net(), nn.LogSoftmax(1))", ""),
        ('takes = "probability"\nfamily = "dice"', "Net()", "TL122"),
        ('takes = "value"', "Net()", ""),
        ('takes = "unknown"', "Squashed()", ""),
    ],
)
def test_what_a_loss_takes_and_applies(row: str, model: str, code: str) -> None:
    train = f"from kit.losses import SoftBCE\nSoftBCE()({model}(x), y)"
    expected = [("train.py", 2, code)] if code else []
    assert findings(train, f'[[loss]]\nname = "kit.losses.SoftBCE"\n{row}\n') == expected


def test_flags_of_the_constructor_decide() -> None:
    losses = LOSS.replace("smooth=0.1):\n        super", "from_logits=False):\n        super")
    contracts = '[[loss]]\nname = "kit.losses.SoftBCE"\ntakes = "logits"\napplies = "sigmoid"\nmode = "from-logits"\n'
    train = "from kit.losses import SoftBCE\nSoftBCE(%s)(%s(x), y)"
    for arguments, wrong, right in (("", "Net()", "Squashed()"), ("from_logits=True", "Squashed()", "Net()")):
        assert len(findings(train % (arguments, wrong), contracts, kit__losses=losses)) == 1
        assert findings(train % (arguments, right), contracts, kit__losses=losses) == []


def test_the_contract_wins_over_the_body() -> None:
    losses = LOSS.replace("return _kernels.bce(guess, truth, self.smooth)", "return nn.BCELoss()(guess, truth)")
    train = "from kit.losses import SoftBCE\nSoftBCE()(%s(x), y)"
    contracts = '[[loss]]\nname = "kit.losses.SoftBCE"\ntakes = "logits"\napplies = "sigmoid"\n'
    assert [f[2] for f in findings(train % "Net()", "", kit__losses=losses)] == ["TL101"]
    assert findings(train % "Net()", contracts, kit__losses=losses) == []
    assert findings(train % "Squashed()", contracts, kit__losses=losses) == [("train.py", 2, "TL102")]


def test_the_body_is_linted_for_itself() -> None:
    losses = LOSS + "\n\ndef selftest():\n    nn.BCELoss()(nn.Linear(4, 1)(torch.rand(2, 4)), torch.ones(2, 1))\n"
    losses = losses.replace("from torch import nn", "import torch\nfrom torch import nn")
    contracts = '[[operation]]\nname = "kit.losses.selftest"\nmeaning = "probability"\n'
    assert [f[0] for f in findings("", contracts, kit__losses=losses)] == ["kit/losses.py"]
    held = LOSS.replace("guess, truth, self.smooth)", "nn.BCELoss()(nn.Linear(4, 1)(truth), truth), truth)")
    assert [f[0] for f in findings("", ON_PROBABILITIES, kit__losses=held)] == ["kit/losses.py"]


def test_state_and_other_methods_stay_the_classs_own() -> None:
    losses = LOSS.replace(
        "    def forward",
        "    def squash(self, v):\n        return v.sigmoid() if self.smooth else v\n\n    def forward",
    )
    train = "from kit.losses import SoftBCE\nsoft = SoftBCE(%s)\nnn.BCEWithLogitsLoss()(soft.squash(Net()(x)), y)"
    assert findings(train % "0.1", ON_PROBABILITIES, kit__losses=losses) == [("train.py", 3, "TL102")]
    assert findings(train % "0", ON_PROBABILITIES, kit__losses=losses) == []


@pytest.mark.parametrize(
    ("body", "codes"),
    [
        ("class Ours(SoftBCE):\n    pass", ["TL101"]),
        ("class Ours(SoftBCE):\n    def __init__(self):\n        super().__init__(0.5)", ["TL101"]),
        ("class Ours(SoftBCE):\n    def forward(self, a, b):\n        return super().forward(a, b)", ["TL101"]),
        ("class Ours(SoftBCE):\n    def forward(self, a, b):\n        return super().forward(a.sigmoid(), b)", []),
        ("class Ours(SoftBCE):\n    def forward(self, a, b):\n        return (a - b).abs().mean()", []),
    ],
)
def test_a_class_that_derives_from_one_with_a_contract(body: str, codes: list[str]) -> None:
    train = f"from kit.losses import SoftBCE\n{body}\nOurs()(Net()(x), y)"
    assert [f[2] for f in findings(train, ON_PROBABILITIES)] == codes


# --- models, layers, wrappers, operations ------------------------------------------------------------------------

HEADS = """
from torch import nn
from kit import _kernels


class Head(nn.Module):
    def __init__(self, width, classes=1):
        super().__init__()
        self.weight = nn.Parameter(_kernels.weight(width, classes))

    def forward(self, features):
        return _kernels.conv_sigmoid(self.weight, features)


class Whole(nn.Module):
    def __init__(self, classes=1):
        super().__init__()
        self.body = nn.Conv2d(3, 8, 3, padding=1)
        self.head = Head(8, classes=classes)

    def forward(self, x):
        return self.head(self.body(x))


def build(name, classes):
    return _kernels.build(name)
"""


@pytest.mark.parametrize(
    ("returns", "loss", "code"),
    [
        ("probability", "nn.BCEWithLogitsLoss()", "TL102"),
        ("probability", "nn.BCELoss()", ""),
        ("logits", "nn.BCELoss()", "TL101"),
        ("logits", "nn.BCEWithLogitsLoss()", ""),
        ("distribution", "nn.CrossEntropyLoss()", "TL103"),
        ("log-probability", "nn.BCELoss()", "TL101"),
        ("log-distribution", "nn.NLLLoss()", ""),
        ("logits", "nn.NLLLoss()", "TL104"),
        ("unknown", "nn.BCELoss()", ""),
    ],
)
@pytest.mark.parametrize("model", ["Whole(3)", "Head(8)", "build('unet', 3)"])
def test_what_a_model_returns(returns: str, loss: str, code: str, model: str) -> None:
    contracts = "".join(f'[[model]]\nname = "kit.heads.{n}"\nreturns = "{returns}"\n' for n in ("Head", "build"))
    train = f"from kit.heads import *\n{loss}({model}(x), y)"
    expected = [("train.py", 2, code)] if code else []
    assert findings(train, contracts, kit__heads=HEADS) == expected


def test_the_channels_of_a_head() -> None:
    contracts = (
        '[[model]]\nname = "kit.heads.Head"\nreturns = "probability"\ntask = "segmenter"\nclasses_param = "classes"\n'
    )
    train = "from kit.heads import Head\nnn.Conv2d(4, 1, 1)(Head(8, %s)(x))"
    assert findings(train % "5", contracts, kit__heads=HEADS) == [("train.py", 2, "TL301")]
    assert findings(train % "4", contracts, kit__heads=HEADS) == []
    fixed = contracts.replace('classes_param = "classes"', "channels = 3")
    assert findings(train % "4", fixed, kit__heads=HEADS) == [("train.py", 2, "TL301")]
    without = contracts.replace('task = "segmenter"\n', "")
    assert findings(train % "5", without, kit__heads=HEADS) == []


ENGINE = """
from kit import _kernels


def prepare(network, device="cuda"):
    return _kernels.shard(network, device)


class Averaged:
    def __init__(self, network, decay=0.99):
        self.network, self.decay = _kernels.shard(network, 0), decay


class Runtime:
    def __init__(self, device):
        self.device = device

    def prepare(self, *things):
        return _kernels.shard_all(things, self.device)

    @staticmethod
    def on(network):
        return _kernels.shard(network, 0)
"""
WRAPPERS = "".join(
    f'[[wrapper]]\nname = "kit.engine.{name}"\nargument = "{argument}"\n'
    for name, argument in (
        ("prepare", "network"),
        ("Averaged", "network"),
        ("Runtime.prepare", "*"),
        ("Runtime.on", "network"),
    )
)


@pytest.mark.parametrize(
    "made",
    [
        "prepare(Net())",
        "prepare(device='cpu', network=Net())",
        "Averaged(Net())",
        "Averaged(decay=0.9, network=Net())",
        "Runtime('cpu').prepare(Net(), 3)[0]",
        "Runtime('cpu').prepare(Net())",
        "Runtime.on(Net())",
        "Runtime('cpu').on(Net())",
    ],
)
def test_a_wrapper(made: str) -> None:
    train = f"from kit.engine import *\nnet = {made}\nnn.BCELoss()(net(x), y)"
    assert findings(train, WRAPPERS, kit__engine=ENGINE) == [("train.py", 3, "TL101")]
    assert findings(train, "", kit__engine=ENGINE) == []


def test_a_training_loop_of_the_project() -> None:
    engine = """
from kit import _kernels


class Loop:
    def __init__(self, network, criterion, epochs=1):
        self.parts = network, criterion

    def go(self, batches):
        return _kernels.loop(self.parts, batches)


def apply(function, *arguments):
    return _kernels.apply(function, arguments)
"""
    contracts = """
[[engine]]
name = "kit.engine.Loop"
model = "network"
loss = "criterion"
runs = ["go"]

[[caller]]
name = "kit.engine.apply"
calls = "function"
given = ["*"]
"""
    train = "from kit.engine import *\nloop = Loop(%s(), nn.BCELoss())\nloop.go([(x, y)])"
    assert [f[2] for f in findings(train % "Net", contracts, kit__engine=engine)] == ["TL101"]
    assert findings(train % "Squashed", contracts, kit__engine=engine) == []
    train = "from kit.engine import *\napply(nn.BCELoss(), %s()(x), y)"
    assert [f[2] for f in findings(train % "Net", contracts, kit__engine=engine)] == ["TL101"]


OPS = """
from kit import _kernels


def squash(v, beta=1.0):
    return _kernels.sigmoid(v * beta)


def softmax(v):
    return _kernels.softmax(v)


class Squash:
    def __init__(self, beta=1.0):
        self.beta = beta

    def __call__(self, v):
        return squash(v, self.beta)
"""


@pytest.mark.parametrize("call", ["squash(Net()(x))", "squash(v=Net()(x), beta=2.0)", "Squash(2.0)(Net()(x))"])
def test_an_activation_of_the_project(call: str) -> None:
    contracts = "".join(
        f'[[operation]]\nname = "kit.ops.{name}"\nmeaning = "probability"\nshape = "same"\n'
        for name in ("squash", "Squash")
    )
    train = f"from kit.ops import *\nnn.BCEWithLogitsLoss()({call}, y)"
    assert findings(train, contracts, kit__ops=OPS) == [("train.py", 2, "TL102")]
    assert findings(train.replace("WithLogits", ""), contracts, kit__ops=OPS) == []
    assert findings(train.replace("WithLogits", ""), contracts.replace("probability", "logits"), kit__ops=OPS) == [
        ("train.py", 2, "TL101")
    ]


def test_an_operation_of_the_project_is_not_torchs_of_that_name() -> None:
    contracts = '[[operation]]\nname = "kit.ops.softmax"\nmeaning = "distribution"\nshape = "same"\n'
    train = "from kit.ops import softmax\nnn.CrossEntropyLoss()(softmax(Net()(x)), y.long())"
    (found,) = findings(train, contracts, kit__ops=OPS)
    assert found == ("train.py", 2, "TL103")


def test_a_layer_of_the_project() -> None:
    contracts = """
[[module]]
name = "kit.blocks.Gate"
kind = "activation"
calls = "torch.sigmoid"

[[module]]
name = "kit.blocks.Mix"
calls = "torch.relu"
expects = "width"
"""
    blocks = """
from torch import nn
from kit import _kernels


class Gate(nn.Module):
    def forward(self, v):
        return _kernels.gate(v)


class Mix(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.width = width

    def forward(self, v):
        return _kernels.mix(v)
"""
    train = "from kit.blocks import *\nnet = nn.Sequential(Net(), Gate())\nnn.BCEWithLogitsLoss()(net(x), y)"
    assert findings(train, contracts, kit__blocks=blocks) == [("train.py", 3, "TL102")]
    train = "from kit.blocks import *\nnn.Sequential(nn.Conv2d(3, 8, 1), Mix(%d))(x)"
    assert [f[2] for f in findings(train % 16, contracts, kit__blocks=blocks)] == ["TL301"]
    assert findings(train % 8, contracts, kit__blocks=blocks) == []


def test_a_dataset_and_a_transform_of_the_project() -> None:
    contracts = """
[[dataset]]
name = "kit.data.Leaves"
image_mode = "RGB"
size = [32, 32]
target = "class-index"
classes = 12

[[transform]]
name = "kit.data.AsTensor"
does = "pil_to_tensor"
"""
    data = """
from kit import _kernels


class Leaves:
    def __init__(self, folder, transform=None):
        self.transform = transform

    def __len__(self):
        return _kernels.count()

    def __getitem__(self, i):
        return _kernels.read(i)


class AsTensor:
    def __call__(self, picture):
        return _kernels.tensor(picture)
"""
    train = (
        "from kit.data import *\nfrom torch.utils.data import DataLoader\n"
        "net = nn.Sequential(nn.Conv2d(3, 12, 32), nn.Flatten())\n"
        "for a, b in DataLoader(Leaves('x', AsTensor()), batch_size=4):\n"
        "    nn.CrossEntropyLoss()(net(a%s), b)\n"
    )
    assert [f[2] for f in findings(train % ".float()", contracts, kit__data=data)] == ["TL207"]
    assert findings(train % ".float() / 255 * 2 - 1", contracts, kit__data=data) == []
    assert findings(train % ".float()", "", kit__data=data) == []


def test_an_optimizer_of_the_project() -> None:
    optim = """
import torch
from kit import _kernels


class Signed(torch.optim.Optimizer):
    def __init__(self, params, lr=1e-4):
        super().__init__(params, {"lr": lr})

    def step(self):
        _kernels.step(self.param_groups)
"""
    contracts = '[[optimizer]]\nname = "kit.optim.Signed"\n'
    train = (
        "from kit.optim import Signed\nnet = Net()\noptimizer = Signed(net.parameters())\nfor _ in range(9):\n%s"
        "    nn.BCEWithLogitsLoss()(net(x), y).backward()\n    optimizer.step()\n"
    )
    assert [f[2] for f in findings(train % "", contracts, kit__optim=optim)] == ["TL401"]
    assert findings(train % "    optimizer.zero_grad()\n", contracts, kit__optim=optim) == []


# --- names -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "imports", "call"),
    [
        ("acme.losses.SoftBCE", "from acme.losses import SoftBCE", "SoftBCE()"),
        ("acme.losses.SoftBCE", "import acme.losses as al", "al.SoftBCE()"),
        ("acme.SoftBCE", "import acme", "acme.SoftBCE(smooth=1)"),
        ("acme.losses.soft_bce", "from acme import losses", "losses.soft_bce"),
        ("kit._native.SoftBCE", "from kit._native import SoftBCE", "SoftBCE()"),
        ("kit._native.SoftBCE", "import kit._native", "kit._native.SoftBCE()"),
        ("kit._native.SoftBCE", "import kit._native as native", "native.SoftBCE()"),
        ("kit._native.SoftBCE", "from kit import _native", "_native.SoftBCE()"),
        ("kit.more.SoftBCE", "from kit.more import SoftBCE", "SoftBCE()"),
        ("kit.more.SoftBCE", "try:\n    from kit.more import SoftBCE\nexcept ImportError:\n    pass", "SoftBCE()"),
        ("kit.zoo.SoftBCE", "from kit.zoo import SoftBCE", "SoftBCE()"),
        ("kit.zoo.Native", "from kit.zoo import Native", "Native()"),
        ("kit.zoo.soft", "from kit.zoo import soft", "soft"),
        ("losses.SoftBCE", "from kit.losses import SoftBCE", "SoftBCE()"),
    ],
)
def test_names_of_what_is_there_and_what_is_not(name: str, imports: str, call: str) -> None:
    more = {
        "kit____init__": "",
        "kit__more": "for n in ('SoftBCE',):\n    globals()[n] = __import__('kit._native')\n",
        "kit__zoo": "from kit.losses import SoftBCE\nfrom ._native import Native\nsoft = SoftBCE(0.0)\n",
    }
    contracts = f'[[loss]]\nname = "{name}"\ntakes = "probability"\n'
    train = f"{imports}\n{call}(Net()(x), y)"
    line = imports.count("\n") + 2
    assert findings(train, contracts, **more) == [("train.py", line, "TL101")]


def test_a_relative_import_of_what_is_not_there() -> None:
    files = {
        "kit/__init__.py": "",
        "kit/net.py": NET,
        "kit/train.py": START.replace("kit.net", ".net") + "from ._native import SoftBCE\nSoftBCE()(Net()(x), y)\n",
    }
    contracts = '[[loss]]\nname = "kit._native.SoftBCE"\ntakes = "probability"\n'
    assert [d.code for d in check(files, contracts=contracts)] == ["TL101"]


def test_a_wrapper_that_is_a_method_of_what_is_not_there() -> None:
    contracts = '[[wrapper]]\nname = "acme.Runtime.prepare"\nargument = "*"\n'
    train = (
        "import acme\nruntime = acme.Runtime(device='cuda')\nnet, loader = runtime.prepare(Net(), [])\n"
        "nn.BCELoss()(net(x), y)"
    )
    assert findings(train, contracts) == [("train.py", 4, "TL101")]
    assert findings(train, "") == []


def test_a_program_that_mentions_no_framework() -> None:
    contracts = """
[[loss]]
name = "acme.losses.SoftBCE"
takes = "probability"

[[model]]
name = "acme.nets.Unet"
returns = "logits"
"""
    script = "from acme.losses import SoftBCE\nfrom acme.nets import Unet\nprint(SoftBCE()(Unet()(1), 2))\n"
    assert [d.code for d in check({"run.py": script}, contracts=contracts)] == ["TL101"]
    assert check({"run.py": script.replace("acme", "other")}, contracts=contracts) == []


def test_another_name_is_another_thing() -> None:
    train = "from kit.losses import SoftBCE\nSoftBCE()(Net()(x), y)"
    for name in ("kit.SoftBCE", "kit.losses.softBCE", "other.losses.SoftBCE", "kit.losses.SoftBCE.forward"):
        assert findings(train, f'[[loss]]\nname = "{name}"\ntakes = "probability"\n') == []


def test_a_librarys_name_can_be_described_anew() -> None:
    contracts = '[[loss]]\nname = "torch.nn.BCELoss"\ntakes = "logits"\napplies = "sigmoid"\n'
    assert findings("nn.BCELoss()(Net()(x), y)", contracts) == []
    assert findings("nn.BCELoss()(Squashed()(x), y)", contracts) == [("train.py", 1, "TL102")]
