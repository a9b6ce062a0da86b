"""What a run says of models by hand: real torch in the real process; and answers that are not honest."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.confirm.forked import written
from torchlint.confirm.host import Answer, Host, Level, Limits, Status, find_interpreter
from torchlint.confirm.inspecting import Asked, classes, inspect
from torchlint.inspected import Class, Failure, Layer, Model

MODELS = """
import torch
from torch import nn


class Block(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.linear = nn.Linear(width, width)

    def forward(self, x):
        return torch.relu(self.linear(x))


class Net(nn.Module):
    def __init__(self, width=8):
        super().__init__()
        self.block = Block(width)
        self.again = nn.Identity()
        self.head = nn.Linear(width, 2)
        self.frozen = nn.Linear(2, 2)
        self.frozen.weight.requires_grad_(False)
        self.unused = nn.Linear(3, 3)

    def forward(self, x):
        return self.frozen(self.head(self.again(self.again(self.block(x)))))


class Leaking(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(4, 4)

    def forward(self, x):
        x = self.linear(x)
        return x - x.mean(0)


class Normed(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(4, 4)
        self.norm = nn.BatchNorm1d(4)
        self.drop = nn.Dropout(0.5)

    def forward(self, x):
        return self.drop(self.norm(self.linear(x)))


class Restless(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(4, 4)

    def forward(self, x):
        return nn.functional.dropout(self.linear(x))


class Words(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(10, 4)
        self.head = nn.Linear(4, 3)

    def forward(self, tokens):
        return {"logits": self.head(self.embedding(tokens)), "rest": (tokens, None)}


class Spoilt(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(4, 6)

    def forward(self, x):
        x = self.linear(x)
        return torch.log(-x.abs()), x


class Halfway(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(4, 4)
        self.inner = nn.Sequential(nn.Linear(4, 4), nn.Linear(5, 4))

    def forward(self, x):
        return self.inner(self.first(x))


class Needy(nn.Module):
    def __init__(self, corpus):
        super().__init__()
        self.linear = nn.Linear(len(corpus.words), 2)

    def forward(self, x):
        return self.linear(x)


class Sized(nn.Module):
    def __init__(self, sizes):
        super().__init__()
        self.linear = nn.Linear(*sizes)

    def forward(self, x):
        return self.linear(x)


class Endless(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(4, 4)
        while True:
            pass


class Lazy(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.LazyLinear(3)
        self.norm = nn.LazyBatchNorm1d()

    def forward(self, x):
        return self.norm(self.linear(x))


class Touchy(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(4, 4)

    def forward(self, x):
        return self.linear(x)

    def named_modules(self, *arguments, **keywords):
        raise RuntimeError("not for you")


class Inplace(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(4, 4)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x):
        return self.relu(self.linear(x)) * torch.arange(1.0, 5.0)


class Many(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(*(nn.Linear(2, 2) for _ in range(600)))

    def forward(self, x):
        return self.layers(x)
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("project"), {"models.py": MODELS})


@pytest.fixture(scope="module")
def host(project: Path) -> Iterator[Host]:
    interpreter = find_interpreter(sys.executable, {})
    started = Host.start(interpreter, project, Level.BASIC, Limits(cpu=70.0))  # type: ignore[arg-type]
    assert isinstance(started, Host), started
    with started:
        yield started


def seen(host: Host, project: Path, name: str, **words: Any) -> Model:
    return inspect(Asked(str(project), "models.py", (project / "models.py").read_text(), **words), name, host)


def layer(model: Model, name: str) -> Layer:
    (found,) = (one for one in model.layers if one.name == name)
    return found


def test_the_models_of_a_file(host: Host, project: Path) -> None:
    found = classes(Asked(str(project), "models.py", (project / "models.py").read_text()), host)
    assert isinstance(found, tuple)
    assert found[:2] == (Class("Block", 5, False), Class("Net", 14, True))
    assert {one.name for one in found if not one.root} == {"Block"}


def test_a_file_that_is_no_python(host: Host, project: Path) -> None:
    found = classes(Asked(str(project), "models.py", "def ("), host)
    assert isinstance(found, Failure) and (found.reason, found.row) == ("syntax", 1)


def test_layers_parameters_and_gradients(host: Host, project: Path) -> None:
    model = seen(host, project, "Net")
    assert (model.failure, model.left_out, model.layers_in_all) == (None, (), 5)
    assert [(one.name, one.type, one.shape, one.calls) for one in model.layers] == [
        ("block.linear", "Linear", (2, 8), 1),
        ("again", "Identity", (2, 8), 2),
        ("head", "Linear", (2, 2), 1),
        ("frozen", "Linear", (2, 2), 1),
        ("unused", "Linear", None, 0),
    ]
    assert model.parameters is not None and model.gradients is not None
    assert (model.parameters.count, model.parameters.trainable, model.parameters.dtypes) == (108, 104, {"float32": 108})
    assert (layer(model, "frozen").parameters, layer(model, "frozen").trainable) == (6, 2)
    assert model.gradients.unreached == ("unused.bias", "unused.weight")
    assert (layer(model, "frozen").weight_gradient or 0.0) > 0.0
    assert layer(model, "unused").weight_gradient is None


def test_the_norms_are_those_of_autograd(host: Host, project: Path) -> None:
    import torch

    model = seen(host, project, "Sized", arguments={"sizes": "(4, 3)"}, inputs=[((2, 4), None)])
    cotangent = torch.randn((2, 3), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    only = layer(model, "linear")
    assert only.activation_gradient == pytest.approx(float(cotangent.norm()), rel=1e-5)
    assert model.seeds[0].minimum is not None and only.minimum == pytest.approx(model.seeds[0].minimum)
    assert only.parameters == 15


def test_seeds_and_histogram(host: Host, project: Path) -> None:
    model = seen(host, project, "Net", seed=5)
    assert [one.seed for one in model.seeds] == [5, 6, 7]
    assert len({one.minimum for one in model.seeds}) == 3
    found = model.histogram
    assert found is not None and sum(found.counts) == 3 * 2 * 2
    assert found.edges[0] == min(one.minimum or 0.0 for one in model.seeds)
    assert model == seen(host, project, "Net", seed=5)


@pytest.mark.parametrize(
    ("name", "evaluated", "trained"),
    [("Leaking", True, True), ("Normed", False, True), ("Net", False, False), ("Words", False, False)],
)
def test_samples_that_leak_into_each_other(
    host: Host, project: Path, name: str, evaluated: bool, trained: bool
) -> None:
    mixing = seen(host, project, name).mixing
    assert mixing is not None and (mixing.in_eval, mixing.in_train) == (evaluated, trained)


def test_one_sample_cannot_leak(host: Host, project: Path) -> None:
    model = seen(host, project, "Normed", inputs=[((1, 4), None)])
    assert model.mixing is not None and model.gradients is not None
    assert (model.mixing.in_eval, model.mixing.in_train, model.gradients.mode) == (None, None, "eval")


def test_modes(host: Host, project: Path) -> None:
    steady, normed, restless = (seen(host, project, name).train_eval for name in ("Net", "Normed", "Restless"))
    assert steady is not None and normed is not None and restless is not None
    assert (steady.eval_eval, steady.train_eval, normed.eval_eval) == (0.0, 0.0, 0.0)
    assert normed.train_eval is not None and normed.train_eval > 0.1
    assert restless.eval_eval is not None and restless.eval_eval > 0.0


def test_train_mode(host: Host, project: Path) -> None:
    evaluated, trained = seen(host, project, "Normed"), seen(host, project, "Normed", train=True)
    assert (evaluated.train, trained.train) == (False, True)
    assert layer(trained, "norm").mean == pytest.approx(0.0, abs=1e-5)
    assert layer(evaluated, "norm").mean != pytest.approx(0.0, abs=1e-5)


def test_outputs_in_a_dict_and_whole_numbers(host: Host, project: Path) -> None:
    for inputs in ((), [((3, 7), None)], [((3, 7), "int64")]):
        model = seen(host, project, "Words", inputs=inputs)
        assert model.failure is None and model.inputs is not None
        assert model.inputs.tensors[0].dtype == "int64"
        assert [one.name for one in model.outputs] == ["['logits']", "['rest'][0]"]
    assert model.outputs[0].shape == (3, 7, 3)


def test_outputs_that_are_not_finite(host: Host, project: Path) -> None:
    model = seen(host, project, "Spoilt")
    assert [one.name for one in model.outputs] == ["[0]", "[1]"]
    assert [(one.minimum, one.not_finite) for one in model.seeds] == [(None, 12)] * 3
    assert model.histogram is not None and (model.histogram.counts, model.histogram.nan) == ((), 36)


def test_a_model_that_breaks_off(host: Host, project: Path) -> None:
    model = seen(host, project, "Halfway")
    assert model.failure is not None
    assert (model.failure.reason, model.failure.last, model.failure.inside) == ("forward", "inner.0", "inner.1")
    assert "RuntimeError" in model.failure.message
    assert [(one.name, one.calls) for one in model.layers] == [("first", 1), ("inner.0", 1), ("inner.1", 0)]
    assert (model.seeds, model.histogram, model.mixing) == ((), None, None)


@pytest.mark.parametrize("inputs", [[((2, 5), None)], [((2, 5), "float32")], [((2, 4), "int64")]])
def test_an_input_that_does_not_fit(host: Host, project: Path, inputs: Any) -> None:
    model = seen(host, project, "Net", inputs=inputs)
    assert model.failure is not None and (model.failure.reason, model.failure.inside) == ("forward", "block.linear")


@pytest.mark.parametrize(
    ("name", "reason", "words"),
    [
        ("Needy", "argument", {}),
        ("Touchy", "raised", {}),
        ("Nowhere", "load", {}),
        ("Sized", "constructor", {"arguments": {"size": "3"}}),
        ("Endless", "budget", {"cpu": 2.0}),
    ],
)
def test_a_model_that_is_not_built(host: Host, project: Path, name: str, reason: str, words: Any) -> None:
    model = seen(host, project, name, **words)
    assert model.failure is not None and (model.failure.reason, model.parameters) == (reason, None)


def test_parameters_that_are_made_by_the_first_run(host: Host, project: Path) -> None:
    model = seen(host, project, "Lazy", inputs=[((2, 5), None)])
    assert model.parameters is not None and (model.failure, model.parameters.count) == (None, 5 * 3 + 3 + 2 * 3)
    unknown = seen(host, project, "Lazy").failure
    assert unknown is not None and unknown.reason == "lazy"


def test_gradients_before_a_layer_that_works_in_place(host: Host, project: Path) -> None:
    model = seen(host, project, "Inplace")
    before, after = layer(model, "linear").activation_gradient, layer(model, "relu").activation_gradient
    assert before is not None and after is not None and 0.0 < before < after


def test_layers_are_bounded(host: Host, project: Path) -> None:
    model = seen(host, project, "Many")
    assert (model.failure, len(model.layers), model.layers_in_all) == (None, 500, 600)


# --- answers that are not honest -----------------------------------------------------------------------------------


class Forged:
    """Answers every job with the same."""

    def __init__(self, result: dict[str, Any] | None, status: Status = Status.OK) -> None:
        self.answer = Answer(status, result)

    def run(self, job: dict[str, Any]) -> Answer:
        return self.answer


def forged(result: dict[str, Any] | None, status: Status = Status.OK) -> Model:
    return inspect(Asked("/", "models.py", ""), "Net", Forged(result, status))


HISTOGRAM = {"edges": [0.0, 1.0], "counts": [3], "nan": 0, "infinite": 0}


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"name": 3},
        {"name": "n" * 1000},
        {"name": "n", "unknown": 1},
        {"name": "n", "failure": {"reason": "<script>"}},
        {"name": "n", "layers": [{}]},
        {"name": "n", "seeds": [{"seed": -1}]},
        {"name": "n", "left_out": ["x"] * 1000},
        {"name": "n", "train_eval": {"eval_eval": float("inf"), "train_eval": None}},
        {"name": "n", "train_eval": {"eval_eval": -1.0, "train_eval": None}},
        {"name": "n", "histogram": {**HISTOGRAM, "edges": [0.0]}},
        {"name": "n", "histogram": {**HISTOGRAM, "edges": [1.0, 1.0]}},
        {"name": "n", "histogram": {**HISTOGRAM, "edges": [-1.7e308, 1.7e308]}},
        {"name": "n", "histogram": {**HISTOGRAM, "edges": [1.0], "counts": []}},
        {"name": "n", "histogram": {**HISTOGRAM, "counts": [-3]}},
        {"name": "n", "histogram": {**HISTOGRAM, "counts": [1e400]}},
    ],
)
def test_an_answer_that_makes_no_sense(wrong: dict[str, Any]) -> None:
    assert forged(wrong).failure == Failure("bad answer")


def test_an_answer_that_does() -> None:
    found = forged({"name": "other\x1b[2J", "histogram": HISTOGRAM, "torch": "2\u202e\n\ud800"})
    assert (found.name, found.torch) == ("Net", "2\ufffd\ufffd\ufffd")
    assert msgspec.json.decode(msgspec.json.encode(found), type=Model) == found


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (Status.TIMEOUT, "budget"), (Status.MEMORY, "memory"), (Status.KILLED, "killed"), (Status.CRASHED, "crashed"),
        (Status.BAD_ANSWER, "bad answer"), (Status.UNAVAILABLE, "unavailable"),
    ],
)  # fmt: skip
def test_a_process_that_ended_otherwise(status: Status, reason: str) -> None:
    assert forged(None, status).failure == Failure(reason)
