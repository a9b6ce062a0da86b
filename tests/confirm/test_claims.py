"""What rules claim of facts: the check, the computation it is about, and that claims outlive the analysis."""

from __future__ import annotations

import hashlib
import os
import pickle
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path

import msgspec
import pytest

from tests import pages
from tests.conftest import rules
from torchlint import claim as c
from torchlint.config import Settings
from torchlint.diagnostic import Diagnostic
from torchlint.engine.lint import Request, Result, lint
from torchlint.engine.run import Claims
from torchlint.facts import LossCalled
from torchlint.facts.claims import Claimed
from torchlint.rule import Finding, Rule, Severity, rule

#: Rules of which a run can decide nothing, and why.
UNDECIDED = {
    "TL106": "both reductions are what torch says they are; which one is meant is the author's to know",
    "TL112": "the dimension that is left out has a value, and may be the right one",
    "TL116": "which of two arguments is the prediction is seen in the program, and not in their values",
    "TL126": "a sigmoid on a critic computes what it says; that training stalls shows after many steps only",
    "TL203": "what a transform refuses is read from its documentation, and raises when the program is run at all",
    "TL212": "two draws differ by chance; that they must not is the author's to know",
    "TL213": "augmentation does what it says; that the data are held out is the author's to know",
    "TL304": "what a window leaves out changes no output, and that it should is the author's to know",
    "TL305": "a transposed convolution computes what it says; a trained one may hide its grid",
    "TL313": "two linear layers compute what they say; that one would do is arithmetic",
    "TL314": "a bias that is taken off does no harm",
    "TL316": "a recurrent layer reads any three dimensions; which one is time is the author's to know",
    "TL317": "torch says so itself, once training has come to the last batch",
    "TL320": "dropout and normalisation do what they say; that these are outputs is the author's to know",
    "TL319": "sigmoids compute what they say; that training stalls shows after many steps only",
    "TL323": "convolutions of kernel 1 compute what they say; that neighbours matter is the author's to know",
    "TL308": "a plain tensor computes what a buffer would, on one device and before the model is saved",
    "TL309": "whether the constructor fails is read from its own lines, and shows when an object is made at all",
    "TL310": "that a layer is made anew is read from its line; what it computes is what such a layer does",
    "TL312": "what a caller was to be given is the author's to know, and a loop that ends at once raises nothing",
    "TL322": "dropout is random whether it is meant or not; which mode a call is made in is the author's to know",
    "TL307": "that a list is none of torch's is read from its construction, and shows in a list of parameters only",
    "TL311": "a layer that nothing reaches takes no part in what a run computes",
    "TL318": "that two places hold one layer is what the program says; that they must not is the author's to know",
    "TL321": "that units stay alike shows after steps of training, which a claim does not make",
    "TL216": "the order of the channels in a file's array is the reader's convention",
}

#: Findings of pages that make no claim though their rules do, by code: how many in all bad blocks, and why.
SILENT = {
    "TL108": (
        3,
        "a loss takes class ids as floats of the output's own shape, and numbers do not say what they name",
    ),
    "TL205": (1, "version 2 of torchvision makes three channels of one, and raises nothing"),
    "TL302": (1, "a view of a batch with the wrong rows raises an exception for some sizes of the batch only"),
    "TL209": (1, "a model without a last activation may give anything before it is trained"),
}


class Memory:
    """A store in memory."""

    def __init__(self) -> None:
        self.entries: dict[tuple[str, bytes], bytes] = {}

    def get(self, kind: str, key: bytes) -> bytes | None:
        return self.entries.get((kind, key))

    def put(self, kind: str, key: bytes, content: bytes) -> None:
        self.entries[kind, key] = content


def linted(
    files: Mapping[str, str],
    claims: Claims = Claims.FOUND,
    among: Sequence[Rule] = (),
    store: Memory | None = None,
) -> Result:
    content = {path: text.encode() for path, text in files.items()}
    settings = Settings(extend_select=("ALL",))
    return lint(
        Request(
            content,
            lambda path: None,
            among or rules().rules,
            lambda path: settings,
            lambda path: files.get(path),
            store=store,
            version=b"1",
            claims=claims,
        )
    )


def one(code: str, text: str, claims: Claims = Claims.FOUND) -> c.Claim:
    """The claim of the first finding of a rule in a program."""
    found = [d for d in linted({"train.py": text}, claims).diagnostics if d.code == code]
    assert found, f"{code} finds nothing"
    assert found[0].claim is not None
    return found[0].claim


def way(claim: c.Claim) -> list[str]:
    """The steps of a claim in short: models and losses by name, operations, data by what they are."""
    return [short for step in claim.steps if (short := _short(step))]


def _short(step: c.Step) -> str:
    if isinstance(step, c.Model):
        return step.name
    if isinstance(step, c.Called):
        return "call"
    if isinstance(step, c.Op):
        return step.op
    if isinstance(step, c.Judged):
        return step.loss.name
    if isinstance(step, c.Data):
        return f"data {step.kind or step.dtype}"
    return "?" if isinstance(step, c.Unknown) else ""


# --- every rule --------------------------------------------------------------------------------------------------


def test_every_rule_makes_a_claim_or_says_why_it_makes_none() -> None:
    without = {rule.code for rule in rules().rules if rule.claim is None}
    assert without == set(UNDECIDED)


def _claiming() -> list[Rule]:
    return sorted((rule for rule in rules().rules if rule.claim is not None), key=lambda rule: rule.code)


@cache
def _of_page(rule: Rule, section: str, claims: Claims) -> tuple[Diagnostic, ...]:
    """The rule's own findings in the blocks of a section of its page."""
    page = pages.read(Path(rule.file).with_suffix(".md"))
    results = [linted(block.without_marks(), claims, [rule]) for block in page.below(section)]
    return tuple(d for result in results for d in result.diagnostics)


#: What the first finding on each page claims: the check, and the steps up to what it is about.
FIRST = {
    "TL101": (c.OutsideRange, "RoadSegmenter, data noise, call"),
    "TL102": (c.WithinRange, "Fraud, data noise, call"),
    "TL103": (c.Normalised, "Digits, data noise, call"),
    "TL104": (c.OutsideRange, "Letters, data noise, call"),
    "TL105": (c.OutsideRange, "Sequential, ?, call, div, softmax"),
    "TL107": (c.WithinRange, "Vessels, data noise, call"),
    "TL108": (c.LossFails, "Sequential, data image, call, data class-index"),
    "TL109": (c.Unnormalised, "data image, to_tensor, batch"),
    "TL110": (c.SizeIsOne, "data noise, linear, relu, linear"),
    "TL111": (c.Unnormalised, "Sequential, data noise, call"),
    "TL113": (c.Constant, "Churn, data noise, call, data binary"),
    "TL114": (c.LossFails, "Judge, ?, call, data int64"),
    "TL115": (c.LossFails, "Rent, data noise, call, data noise"),
    "TL117": (c.OutsideRange, "data image, astype, from_numpy, unsqueeze, batch"),
    "TL118": (c.WithinRange, "ConvAutoencoder, data image, call"),
    "TL119": (c.OutsideRange, "Sequential, data noise, call"),
    "TL120": (c.SizeIsOne, "Sequential, data noise, call"),
    "TL121": (c.NoGradient, "Sequential, data noise, call, argmax, float, data noise, mse_loss, requires_grad"),
    "TL122": (c.OutsideRange, "Sequential, ?, call"),
    "TL123": (c.LossFails, "Small, data image, call, data class-index"),
    "TL124": (c.Unnormalised, "data noise, gt, float, getitem, batch"),
    "TL125": (c.OutsideRange, "Sequential, ?, call"),
    "TL127": (c.SingleNumber, "data noise, linear, data noise, CrossEntropyLoss"),
    "TL201": (c.WithinRange, "data image, crop, to_tensor, batch"),
    "TL202": (c.WithinRange, "data image, crop, geometric, to_tensor, batch"),
    "TL204": (c.OutsideRange, "data image, resize, pil_to_tensor, float, normalize"),
    "TL205": (c.ShapesFail, "data image, resize, to_tensor, normalize"),
    "TL206": (c.WithinRange, "data image, cvtColor, crop, geometric, normalize, astype, div"),
    "TL207": (c.OutsideRange, "data image, from_numpy, permute, float, unsqueeze"),
    "TL208": (c.Wraps, "data image, convert, to_tensor, normalize"),
    "TL209": (c.OutsideRange, "data image, resize, to_tensor, normalize, batch, make_grid, permute, numpy"),
    "TL210": (c.WithinRange, "data image, array, to_tensor, batch, squeeze, long"),
    "TL211": (c.NewValues, "data image, resize"),
    "TL214": (
        c.PixelsDiffer,
        "data image, convert, resize, to_tensor, normalize, getitem, data image, convert, resize, to_tensor, batch",
    ),
    "TL215": (c.AxesMixed, "data image, reshape"),
    "TL217": (c.Wraps, "data image, float, data image, float, sub"),
    "TL218": (c.ShapesFail, "resnet18, data image, call"),
    "TL301": (c.ShapesFail, "Fuse, ?, call"),
    "TL302": (c.ShapesFail, "LeNet, data image, call"),
    "TL303": (c.LossFails, "Roofs, data noise, call, data binary"),
    "TL306": (c.ShapesFail, "Digits, data image, call"),
    "TL315": (c.SamplesMix, "data activation, view"),
    "TL324": (c.ShapesFail, "Residual, data noise, call"),
    "TL401": (c.GradientsAdd, "Sequential, data noise, call, data noise, MSELoss"),
}


@pytest.mark.parametrize("rule", _claiming(), ids=lambda rule: rule.code)
def test_findings_claim_what_they_are_about(rule: Rule) -> None:
    found = _of_page(rule, "Bad", Claims.FOUND)
    assert found
    silent = sum(one.claim is None for one in found)
    assert silent == SILENT.get(rule.code, (0, ""))[0]
    claims = [one.claim for one in found if one.claim is not None]
    check, steps = FIRST[rule.code]
    assert type(claims[0].check) is check
    assert way(claims[0]) == steps.split(", ")
    for claim in claims:
        _is_sound(claim)


@pytest.mark.parametrize("rule", _claiming(), ids=lambda rule: rule.code)
def test_claims_can_be_made_of_correct_programs(rule: Rule) -> None:
    for section in ("Good", "Silent on"):
        for one in _of_page(rule, section, Claims.FORCED):
            assert one.code == rule.code, one.message
            assert one.claim is not None
            _is_sound(one.claim)


def _is_sound(claim: c.Claim) -> None:
    """Steps name earlier steps only, and places that there are."""
    for number, step in enumerate(claim.steps):
        assert all(0 <= other < number for other in _needs(step)), (number, step)
        for place in (getattr(step, "place", None), getattr(step, "made", None)):
            assert place is None or 0 <= place < len(claim.places)
    for name in ("value", "other", "source", "input", "target", "model"):
        index = getattr(claim.check, name, None)
        assert index is None or 0 <= index < len(claim.steps)


def _needs(step: c.Step) -> Iterator[int]:
    if isinstance(step, c.Called):
        yield from (step.model, *step.inputs, *step.keywords.values())
    elif isinstance(step, c.Op):
        yield from step.arguments.values()
    elif isinstance(step, c.Judged):
        yield from (step.input, step.target)
    elif isinstance(step, c.Items):
        yield from step.items
    elif isinstance(step, c.Entries):
        yield from step.items.values()
    elif isinstance(step, c.Slice):
        yield from (step.lower, step.upper, step.step)


# --- steps -------------------------------------------------------------------------------------------------------

NET = """\
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self, hidden=16):
        super().__init__()
        self.first, self.last = nn.Linear(8, hidden), nn.Linear(hidden, 1)

    def forward(self, x, scale=1.0):
        return {"out": self.last(torch.relu(self.first(x))), "scale": scale}


def batches():
    for _ in range(4):
        yield torch.randn(32, 8), torch.rand(32, 1)


"""


def test_a_model_is_constructed_and_called_as_the_program_does() -> None:
    claim = one("TL101", NET + """\
net = nn.DataParallel(Net(hidden=24)).cuda()
for x, y in batches():
    nn.BCELoss(reduction="sum")(net(x=x.to("cuda"), scale=2.0)["out"], y).backward()
""")  # fmt: skip
    model = next(step for step in claim.steps if isinstance(step, c.Model))
    assert (model.name, model.owner, model.cls, model.complete) == ("Net", "train.py", "Net", True)
    assert model.arguments == {"hidden": 24}
    assert model.made is not None and claim.places[model.made].start.row == 19
    call = next(step for step in claim.steps if isinstance(step, c.Called))
    assert call.inputs == () and call.part == ("out",)
    fed = claim.steps[call.keywords["x"]]
    assert isinstance(fed, c.Data)
    assert (fed.shape, fed.dtype, fed.kind) == ((32, 8), "float32", "noise")
    assert claim.steps[call.keywords["scale"]] == c.Value(2.0)


def test_operations_are_named_as_torch_names_them() -> None:
    claim = one("TL101", NET + """\
net = Net()
x = torch.randn(4, 8)
scores = net(x)["out"]
p, _ = (scores[:, 0] * 2 - 1).clamp(min=-3.0).max(dim=0)
nn.functional.binary_cross_entropy(p, torch.ones(())).backward()
""", Claims.FORCED)  # fmt: skip
    ops = {step.op: step for step in claim.steps if isinstance(step, c.Op)}
    assert list(ops) == ["getitem", "mul", "sub", "clamp", "max"]
    index = claim.steps[ops["getitem"].arguments["index"]]
    assert isinstance(index, c.Items)
    assert isinstance(claim.steps[index.items[0]], c.Slice) and claim.steps[index.items[1]] == c.Value(0)
    assert ops["mul"].library == "" and ops["clamp"].library == "torch.clamp"
    assert claim.steps[ops["clamp"].arguments["min"]] == c.Value(-3.0)
    assert ops["max"].part == (0,)


def test_a_library_is_told_from_another_by_the_full_name_of_its_function() -> None:
    claim = one("TL117", """\
import numpy as np
import torch
from PIL import Image
from torch import nn

net = nn.Conv2d(3, 1, 1)
mask = np.clip(np.array(Image.open("mask.png").convert("L")), 10, 200).astype(np.float32)
target = torch.clamp(torch.from_numpy(mask)[None, None], max=190.0)
nn.BCEWithLogitsLoss()(net(torch.randn(1, 3, 64, 64)), target).backward()
""")  # fmt: skip
    libraries = [step.library for step in claim.steps if isinstance(step, c.Op)]
    assert libraries == [
        "PIL.Image.Image.convert", "numpy.array", "numpy.clip", "numpy.ndarray.astype", "torch.from_numpy", "",
        "torch.clamp",
    ]  # fmt: skip
    source = next(step for step in claim.steps if isinstance(step, c.Data))
    assert (source.holder, source.dtype, source.low, source.high) == ("pil", "uint8", 0.0, 255.0)
    assert c.Name("numpy.float32") in claim.steps


def test_a_transform_says_where_it_is_made_and_with_what() -> None:
    claim = one("TL208", """\
from PIL import Image
from torchvision import transforms as T

prepare = T.Compose([
    T.Resize(96),
    T.ToTensor(),
    T.Normalize((0.5, 0.4, 0.3), (0.2, 0.2, 0.2)),
])
T.ToPILImage()(prepare(Image.open("cat.png").convert("RGB")))
""")  # fmt: skip
    op = next(step for step in claim.steps if isinstance(step, c.Op) and step.op == "normalize")
    assert op.library == "torchvision.transforms.Normalize"
    assert op.made is not None and claim.places[op.made].start.row == 7
    mean = claim.steps[op.arguments["mean"]]
    assert isinstance(mean, c.Items)
    assert [claim.steps[item] for item in mean.items] == [c.Value(0.5), c.Value(0.4), c.Value(0.3)]
    converted = next(step for step in claim.steps if isinstance(step, c.Op) and step.op == "convert")
    assert claim.steps[converted.arguments["0"]] == c.Value("RGB")


TRAINED = """\
import torch
from torch import nn
from torch.utils.data import DataLoader
from torchvision.datasets import MNIST
from torchvision.transforms import ToTensor

net = nn.Sequential(nn.Flatten(), nn.Linear(784, {outputs}))
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
criterion = nn.CrossEntropyLoss(label_smoothing=0.1)
for digits, labels in DataLoader(MNIST(".", transform=ToTensor()), batch_size=64):
{body}
"""


def test_sizes_that_input_and_target_share_have_one_name() -> None:
    body = "    optimizer.zero_grad(); criterion(net(digits), labels).backward(); optimizer.step()"
    claim = one("TL123", TRAINED.format(outputs=8, body=body))
    assert isinstance(claim.check, c.LossFails) and claim.check.about == "classes"
    assert claim.check.loss.name == "CrossEntropyLoss" and claim.check.loss.known
    assert claim.check.loss.settings["label_smoothing"] == 0.1
    target = claim.steps[claim.check.target]
    call = claim.steps[claim.check.input]
    assert isinstance(call, c.Called)
    digits = claim.steps[call.inputs[0]]
    assert isinstance(target, c.Data) and isinstance(digits, c.Data)
    assert target.shape == ("B",) and digits.shape == ("B", 1, 28, 28)
    assert (target.dtype, target.kind, target.classes) == ("int64", "class-index", 10)
    assert (digits.low, digits.high, digits.reached, digits.mode) == (0.0, 1.0, True, "L")


def test_a_training_step_holds_its_loss_and_the_order_of_its_events() -> None:
    body = "    optimizer.step(); criterion(net(digits), labels).backward()"
    claim = one("TL401", TRAINED.format(outputs=10, body=body))
    assert isinstance(claim.check, c.GradientsAdd) and claim.check.events == ("step", "backward")
    body = "    criterion(net(digits), labels).backward(); optimizer.step()"
    claim = one("TL401", TRAINED.format(outputs=10, body=body))
    assert isinstance(claim.check, c.GradientsAdd) and claim.check.events == ("backward", "step")
    assert claim.check.value is not None
    loss = claim.steps[claim.check.value]
    assert isinstance(loss, c.Judged) and loss.loss.settings["label_smoothing"] == 0.1
    body = "    optimizer.zero_grad()" + body
    body = "    criterion(net(digits), labels).backward(); optimizer.step(); optimizer.zero_grad()"
    claim = one("TL401", TRAINED.format(outputs=10, body=body), Claims.FORCED)
    assert isinstance(claim.check, c.GradientsAdd) and claim.check.events == ("backward", "step", "zero_grad")


def test_clearing_the_gradients_of_another_optimizer_is_no_event_of_this_one() -> None:
    text = """\
import torch
from torch import nn

maker, judge = nn.Linear(4, 8), nn.Linear(8, 1)
first, second = torch.optim.Adam(maker.parameters()), torch.optim.Adam(judge.parameters())
for _ in range(10):
    second.zero_grad()
    judge(torch.randn(16, 8)).mean().backward()
    second.step()
    judge(maker(torch.randn(16, 4))).mean().backward()
    first.step()
"""
    claim = one("TL401", text)
    assert isinstance(claim.check, c.GradientsAdd) and claim.check.events == ("backward", "backward", "step")


def test_a_value_that_is_kept_here_or_there_is_one_step() -> None:
    claim = one("TL101", NET + """\
import sys

net = Net()
for x, y in batches():
    if len(sys.argv) > 1:
        x = x.cuda()
    nn.BCELoss()(net(x)["out"], y).backward()
""")  # fmt: skip
    assert way(claim) == ["Net", "data noise", "call"]


def test_a_computation_that_is_too_long_ends_in_something_unknown() -> None:
    lines = "".join("    scores = scores * 2.0\n" for _ in range(120))
    claim = one("TL101", NET + f"""\
net = Net()
for x, y in batches():
    scores = net(x)["out"]
{lines}
    nn.BCELoss()(scores, y).backward()
""")  # fmt: skip
    assert any(step == c.Unknown("too long") for step in claim.steps)


def test_each_term_of_a_loss_that_is_lost_has_a_claim_of_its_own() -> None:
    text = (
        NET
        + """\
net = Net()
for x, y in batches():
    scores = net(x)["out"]
    near = nn.functional.mse_loss(scores, y)
    loss = near + scores.argmax(dim=0).float().mean() + (scores > 0).float().sum()
    loss.backward()
"""
    )
    found = [d for d in linted({"train.py": text}).diagnostics if d.code == "TL121"]
    assert len(found) == 2
    assert {way(d.claim)[-1] for d in found if d.claim is not None} == {"argmax", "gt"}


# --- claims outlive the analysis ---------------------------------------------------------------------------------


def _files() -> dict[str, str]:
    text = TRAINED.format(outputs=8, body="    criterion(net(digits), labels).backward(); optimizer.step()")
    other = "nn.BCELoss()(Net()(torch.randn(2, 8))['out'], torch.ones(2, 1)).backward()"
    return {"train.py": text, "bce.py": NET + other}


def test_claims_are_kept_with_outcomes_and_apart_from_those_without() -> None:
    store = Memory()
    plain = linted(_files(), Claims.NONE, store=store)
    assert plain.diagnostics and all(one.claim is None for one in plain.diagnostics)
    first = linted(_files(), store=store)
    again = linted(_files(), store=store)
    assert again.analysed == []
    assert again.diagnostics == first.diagnostics
    assert sum(one.claim is not None for one in again.diagnostics) >= 3
    assert all(one.claim is None for one in linted(_files(), Claims.NONE, store=store).diagnostics)


def test_claims_pickle_and_are_json() -> None:
    for one in linted(_files()).diagnostics:
        assert pickle.loads(pickle.dumps(one)) == one
        if one.claim is not None:
            assert msgspec.json.decode(msgspec.json.encode(one.claim), type=c.Claim) == one.claim


def _digest() -> str:
    found = linted(_files(), Claims.FORCED).diagnostics
    return hashlib.sha256(msgspec.json.encode([one.claim for one in found])).hexdigest()


def test_claims_do_not_depend_on_the_hash_seed() -> None:
    root = Path(__file__).resolve().parents[2]
    code = "from tests.confirm import test_claims; print(test_claims._digest())"
    digests = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(root)},
            cwd=root,
            check=True,
            capture_output=True,
            text=True,
            timeout=120,
        ).stdout.strip()
        for seed in ("1", "77")
    }
    assert digests == {_digest()}


def test_no_claim_is_made_unless_it_is_asked_for() -> None:
    def refuses(call: LossCalled) -> Claimed | None:
        raise AssertionError("a claim was made")

    @rule(code="TX101", name="any-loss", since="0.1.0", severity=Severity.ERROR, claim=refuses)
    def any_loss(call: LossCalled) -> Iterator[Finding]:
        """A loss is called."""
        yield Finding(call.place, "a loss is called")
        yield Finding(call.place, "it is called", claim=lambda: refuses(call))

    codes = {one.code for one in linted(_files(), Claims.NONE, [any_loss]).diagnostics}
    assert codes == {"TX101"}
    assert "TL000" in {one.code for one in linted(_files(), Claims.FOUND, [any_loss]).diagnostics}
