"""What a model does when it runs: its layers, its output, its gradients, as one JSON object.

Definitions
    layer     a module without modules in it, or one that owns parameters; they count in the order in which they first
              ran, then come those that did not run
    pass      one call of the model. The *forward pass* (no gradients; eval mode, unless train mode is asked for) gives
              shapes and the statistics of layers; the *gradient pass* (train mode, or eval mode where that raises)
              goes back from the sum of the outputs times random normal numbers, so that no loss saturates
    seed      fixes initial weights, input and dropout; each seed builds the model anew
    mixing    whether a sample's output depends on another sample: d out[0] / d x[1], or, where inputs are whole
              numbers, whether out[0] changes when x[1] does
    unreached a parameter to which no seed gives a gradient other than zero

Worked example: ``Sequential(Linear(4, 8), ReLU(), Linear(8, 1))`` and an input of 2 x 4
    layers ``0``, ``1``, ``2`` of shapes [2, 8], [2, 8], [2, 1]; 49 parameters; three seeds with the least and greatest
    output of each; no mixing; nothing unreached.

Bounds: at most `watching.MOST_LAYERS` layers, `watching.MOST_OUTPUTS` outputs, `MOST_NAMES` names of parameters;
numbers are finite or None; texts are cut. What the budget does not suffice for is named in
``left_out``; what ran before stays.

Known limits: no mixing seen on one input is no proof that there is none. A layer that runs several times has the
shape and the statistics of its first run; its gradient is that of all runs together.
"""

from __future__ import annotations

import ast
import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any

import stand_ins
import torch
from build import BuildError, Built, Recipe, build, failure
from candidates import Proposer
from infer import InferError, Inputs, draw, find_inputs, first_tensor
from limits import Budget, BudgetSpent
from loader import LoadError, Project
from measuring import backward, differences, mixing, weight_gradient
from stand_ins import CpuMode
from watching import (
    MOST_OUTPUTS,
    NAME,
    TYPE,
    Kept,
    Watch,
    described,
    finite,
    numbers_of,
    size_of,
    statistics,
    tensors_of,
)

SEEDS = 3
BINS = 40
MOST_NAMES = 100
MOST_SAMPLED = 1 << 16  # numbers of an output that the histogram counts, for each seed
MOST_CLASSES = 200
MESSAGE = 200  # characters


def run(job: dict[str, Any]) -> dict[str, Any]:
    """Look at a file's models.

    job: ``root`` and ``files`` of the project, ``path`` of the file below the root. Without ``cls``, the answer is
    ``{"classes": [{"name", "row", "root"}], "failure"}``: the models that the file defines, `root` unless another of
    them is made of it or derived from it. With ``cls``, it is what `inspect` gives; ``arguments`` are constants by
    parameter, as Python text; ``inputs`` shapes with an optional ``dtype``; ``seed``, ``train``, and ``cpu`` seconds.
    """
    project = Project(job["root"], job.get("files") or {})
    if not job.get("cls"):
        return listing(project, str(job["path"]), float(job.get("cpu", 10.0)))
    return inspect(project, job)


# --- the models of a file ------------------------------------------------------------------------------------------


def listing(project: Project, path: str, cpu: float) -> dict[str, Any]:
    """The classes of the file that derive from `torch.nn.Module`; a file that cannot be read gives a failure."""
    try:
        with Budget(cpu), CpuMode():
            source = project.source(path)
            module = project.module(path)
            models = {name: node for name, node in source.classes.items() if _is_model(getattr(module, name, None))}
    except LoadError as error:
        return {"classes": [], "failure": _failure(error.reason, error.message, error.path, error.line)}
    except BudgetSpent:
        return {"classes": [], "failure": _failure("budget", "", path, None)}
    inner: set[str] = set()
    for name, node in models.items():
        used = {one.id for one in ast.walk(node) if isinstance(one, ast.Name)} - {name}
        inner |= used & models.keys()
    roots = [name for name in models if name not in inner] or list(models)
    listed = [{"name": name[:NAME], "row": node.lineno, "root": name in roots} for name, node in models.items()]
    return {"classes": listed[:MOST_CLASSES], "failure": None}


def _is_model(value: Any) -> bool:
    return isinstance(value, type) and issubclass(value, torch.nn.Module)


# --- one model -----------------------------------------------------------------------------------------------------


def inspect(project: Project, job: Mapping[str, Any]) -> dict[str, Any]:
    """All that is to be said of one model; see `torchlint.inspected.Model` for what stands where."""
    report: dict[str, Any] = {
        "name": str(job["cls"])[:NAME],
        "torch": str(torch.__version__)[:TYPE],
        "train": bool(job.get("train")),
        "failure": None,
        "left_out": [],
    }
    look = _Look(project, job, report)
    try:
        with Budget(float(job.get("cpu", 10.0))) as budget, CpuMode():
            look.budget = budget
            look.whole()
    except BuildError as error:
        report["failure"] = _failure(error.reason, error.message, error.path, error.line)
    except BudgetSpent:
        if "parameters" not in report:
            report["failure"] = _failure("budget", "", str(job["path"]), None)
        elif look.at:
            report["left_out"].append(look.at)
    except MemoryError:
        report["failure"] = _failure("memory", "", str(job["path"]), None)
    except Exception as error:  # of code of the project that runs where none is expected, such as a property
        report["failure"] = _failure("raised", f"{type(error).__name__}: {error}", str(job["path"]), None)
    return report


class _Look:
    """One look at a model; what is found goes into `report` at once, so that it is there if the next part fails."""

    def __init__(self, project: Project, job: Mapping[str, Any], report: dict[str, Any]) -> None:
        self.project, self.job, self.report = project, job, report
        self.seed = int(job.get("seed", 0))
        self.budget: Budget | None = None
        self.at = ""  # the part that is under way
        self.values: list[torch.Tensor] = []

    def whole(self) -> None:
        """Build, find inputs, and all passes."""
        built = self.build(self.seed)
        self.report["recipe"] = _recipe(built.recipe)
        self.report["parameters"] = _parameters(built.model)
        self.at = "forward"
        inputs = self.inputs(built)
        if inputs is None:
            return
        tensors = self.drawn(inputs, self.seed)
        self.report["inputs"] = {
            "tensors": [described(one) for one in tensors if isinstance(one, torch.Tensor)][:MOST_OUTPUTS],
            "known": inputs.known,
        }
        if not self.forward(built, tensors, inputs.kwargs):
            return
        self.at = "gradients"
        unreached = self.gradients(built.model, tensors, inputs.kwargs)
        self.at = "mixing"
        self.report["mixing"] = {
            mode: mixing(built.model, tensors, inputs.kwargs, mode == "train") for mode in ("eval", "train")
        }
        self.at = "train_eval"
        self.report["train_eval"] = differences(built.model, tensors, inputs.kwargs)
        self.at = "seeds"
        self.further_seeds(inputs, unreached)
        self.at = ""

    def build(self, seed: int) -> Built:
        """The model with the weights of a seed; with the arguments that were given, if any were."""
        torch.manual_seed(seed)
        path, name = str(self.job["path"]), str(self.job["cls"])
        given = self.job.get("arguments")
        if not given:
            return build(self.project, {"owner": path, "cls": name}, self.budget)
        arguments = {key: ast.literal_eval(text) for key, text in given.items()}
        row = None
        try:
            self.project.forget()
            row = self.project.source(path).classes[name].lineno
            module = self.project.module(path)
            model = stand_ins.without_weights(getattr(module, name), **arguments)
        except BudgetSpent:
            raise
        except Exception as error:
            raise failure(error, path, row) from error
        text = f"{name}({', '.join(f'{key}={value}' for key, value in given.items())})"
        return Built(model, Recipe("given", text, path, row), module)

    def inputs(self, built: Built) -> Inputs | None:
        """Arguments of `forward`; None where there are none, after what can be said of that is in the report."""
        given = self.job.get("inputs")
        if given:
            return self.given(built, given)
        if any(torch.nn.parameter.is_lazy(one) for one in built.model.parameters()):
            self.report["failure"] = _failure("lazy", "", built.recipe.path, built.recipe.row)
            return None
        try:
            found = find_inputs(built, None, {}, self.budget)
        except InferError as error:
            path = self.job["path"]
            self.report["failure"] = _failure(error.reason, error.message, str(path), error.line)
            if error.reason == "forward":
                first = next(iter(Proposer(built, None, {}).propose()), None)
                if first is not None:
                    generator = torch.Generator().manual_seed(self.seed)
                    tensors = [draw(one.spec(), generator) for one in first[0]]
                    self.report["inputs"] = {"tensors": [described(one) for one in tensors], "known": False}
                    if self.forward(built, tensors, {}):  # more was asked of it than that it runs: to keep the batch
                        self.report["failure"] = _failure("inputs", error.message, str(path), error.line)
            return None
        if not found.ran:
            self.report["failure"] = _failure("size", "", str(self.job["path"]), None)
            self.report["inputs"] = {"tensors": [described(one) for one in found.tensors], "known": found.known}
            return None
        return found

    def given(self, built: Built, given: Sequence[Mapping[str, Any]]) -> Inputs:
        """The inputs as they were given; where no dtype was, float32 if that runs, else whole numbers if they do."""
        choices = [[one["dtype"]] if one.get("dtype") else ["float32", "int64"] for one in given]
        first: list[Any] | None = None
        for dtypes in itertools.islice(itertools.product(*choices), 8):
            generator = torch.Generator().manual_seed(self.seed)
            tensors: list[Any] = [
                draw({"shape": one["shape"], "dtype": dtype}, generator) for one, dtype in zip(given, dtypes)
            ]
            first = first or tensors
            if len(choices) == len([one for one in choices if len(one) == 1]):
                break
            try:
                with torch.no_grad(), Kept(built.model, False):
                    built.model(*tensors)
            except Exception:
                continue
            first = tensors
            break
        assert first is not None
        return Inputs(first, [tuple(one.shape) for one in first], True, 1)

    def drawn(self, inputs: Inputs, seed: int) -> list[Any]:
        """The inputs with the numbers of a seed; those of a part of a model, which the whole gave it, stay."""
        if inputs.how == "inside":
            return inputs.tensors
        generator = torch.Generator().manual_seed(seed)
        drawn: list[Any] = []
        for one in inputs.tensors:
            if isinstance(one, torch.Tensor) and one.numel() and one.dtype != torch.bool and not one.is_complex():
                low, high = float(one.min()), float(one.max())
                dtype = str(one.dtype).removeprefix("torch.")
                one = draw({"shape": list(one.shape), "dtype": dtype, "low": low, "high": high}, generator)
            drawn.append(one)
        return drawn

    def forward(self, built: Built, tensors: Sequence[Any], kwargs: Mapping[str, Any]) -> bool:
        """The forward pass of the first seed: layers and outputs; says whether it came to its end."""
        watch = Watch(built.model)
        torch.manual_seed(self.seed)
        try:
            with watch, Kept(built.model, bool(self.job.get("train"))), torch.no_grad():
                output = built.model(*tensors, **kwargs)
        except BudgetSpent:
            raise
        except Exception as error:
            told = failure(error, str(self.job["path"]), None)
            reason = told.reason if told.reason in ("package_missing", "download_blocked", "memory") else "forward"
            self.report["failure"] = _failure(reason, told.message, told.path, told.line) | {
                "last": watch.last[:NAME],
                "inside": watch.inside()[:NAME],
            }
            return False
        finally:
            self.report["layers"], self.report["layers_in_all"] = watch.layers()
            self.report["parameters"] = _parameters(built.model)  # lazy ones are there now
            self.watch = watch
        self.report["outputs"] = [
            {"name": name[:NAME], **described(one)} for name, one in itertools.islice(tensors_of(output), MOST_OUTPUTS)
        ]
        self.keep(self.seed, output)
        self.histogram()
        return True

    def keep(self, seed: int, output: Any) -> None:
        """Note the numbers of an output under a seed."""
        tensor = first_tensor(output)
        if tensor is None:
            return
        numbers = numbers_of(tensor)
        self.report.setdefault("seeds", []).append({"seed": seed, **statistics(numbers)})
        step = max(1, math.ceil(numbers.numel() / MOST_SAMPLED))
        self.values.append(numbers[::step])

    def histogram(self) -> None:
        """Count the numbers of all seeds so far; those that are not finite apart."""
        if not self.values:
            self.report["histogram"] = None
            return
        values = torch.cat(self.values)
        finite = values[torch.isfinite(values)]
        counted = {"nan": int(values.isnan().sum()), "infinite": int(values.isinf().sum()), "edges": [], "counts": []}
        self.report["histogram"] = counted
        if not finite.numel():
            return
        low, high = float(finite.min()), float(finite.max())
        if not high - low > 1e-9 * max(abs(low), abs(high), 1e-300):
            margin = max(abs(low) * 0.05, 1e-6)
            low, high = low - margin, high + margin
        if not math.isfinite(high - low):
            return
        edges = [low + (high - low) * number / BINS for number in range(BINS + 1)]
        places = ((finite - low) / (high - low) * BINS).long().clamp(0, BINS - 1)
        counted["edges"], counted["counts"] = edges, torch.bincount(places, minlength=BINS).tolist()

    def gradients(self, model: Any, tensors: Sequence[Any], kwargs: Mapping[str, Any]) -> set[str]:
        """The gradient pass of the first seed, into the layers; the names of parameters that it does not reach."""
        noted: dict[str, Any] = {"mode": "", "unreached": [], "unreached_in_all": 0, "finite": True}
        for train in (True, False):
            watch = Watch(model, gradients=True)
            try:
                unreached = backward(model, tensors, kwargs, train, self.seed, watch)
            except BudgetSpent:
                raise
            except Exception:
                continue
            noted["mode"] = "train" if train else "eval"
            norms = {id(watch.modules[name]): found for name, found in watch.norms.items()}
            for layer, module in zip(self.report["layers"], self.watch.ordered):
                layer["activation_gradient"] = finite(math.sqrt(norms[id(module)])) if id(module) in norms else None
                layer["weight_gradient"] = weight_gradient(module)
            noted["finite"] = not any(
                one.grad is not None and not bool(torch.isfinite(one.grad).all()) for one in model.parameters()
            )
            model.zero_grad(set_to_none=True)
            self.report["gradients"] = noted
            self.tell_unreached(unreached)
            return unreached
        self.report["gradients"] = noted
        return set()

    def tell_unreached(self, names: set[str]) -> None:
        """Put the names into the report, in order."""
        noted = self.report["gradients"]
        noted["unreached"] = [one[:NAME] for one in sorted(names)[:MOST_NAMES]]
        noted["unreached_in_all"] = len(names)

    def further_seeds(self, inputs: Inputs, unreached: set[str]) -> None:
        """Outputs, and what gradients reach, under more seeds, each with weights of its own."""
        for seed in range(self.seed + 1, self.seed + SEEDS):
            built = self.build(seed)
            tensors = self.drawn(inputs, seed)
            torch.manual_seed(seed)
            try:
                with Kept(built.model, bool(self.job.get("train"))), torch.no_grad():
                    output = built.model(*tensors, **inputs.kwargs)
                self.keep(seed, output)
                self.histogram()
                mode = self.report["gradients"]["mode"]
                if unreached and mode:
                    watch = Watch(built.model)
                    unreached &= backward(built.model, tensors, inputs.kwargs, mode == "train", seed, watch)
                    self.tell_unreached(unreached)
            except BudgetSpent:
                raise
            except Exception:
                self.report["left_out"].append("seeds")
                return


def _parameters(model: Any) -> dict[str, Any]:
    """How many parameters there are, trainable and in all, by dtype, and the bytes of them and of buffers."""
    dtypes: dict[str, int] = {}
    count = trainable = size = 0
    for one in model.parameters():
        many = size_of(one)
        dtype = str(one.dtype).removeprefix("torch.")
        dtypes[dtype] = dtypes.get(dtype, 0) + many
        count += many
        trainable += many if one.requires_grad else 0
        size += many * one.dtype.itemsize
    buffers = sum(size_of(one) * one.dtype.itemsize for one in model.buffers())
    return {"count": count, "trainable": trainable, "dtypes": dtypes, "bytes": size, "buffer_bytes": buffers}


def _recipe(recipe: Recipe) -> dict[str, Any]:
    return {
        "kind": recipe.kind,
        "text": recipe.text[:MESSAGE],
        "path": (recipe.path or "")[:MESSAGE],
        "row": recipe.row or 0,
        "guessed": [one[:NAME] for one in recipe.guessed[:16]],
    }


def _failure(reason: str, message: str, path: str, line: int | None) -> dict[str, Any]:
    """Why something did not work; `last` and `inside` are filled where a pass broke off."""
    return {
        "reason": reason,
        "message": message[:MESSAGE],
        "path": (path or "")[:MESSAGE],
        "row": line or 0,
        "last": "",
        "inside": "",
    }


__all__ = ["inspect", "listing", "run"]
