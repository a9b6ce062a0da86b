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

Bounds: at most `MOST_LAYERS` layers, `MOST_OUTPUTS` outputs, `MOST_NAMES` names of parameters; numbers are finite or
None; texts are cut. What the budget does not suffice for is named in ``left_out``; what ran before stays.

Known limits: no mixing seen on one input is no proof that there is none. A layer that runs several times has the
shape and the statistics of its first run; its gradient is that of all runs together.
"""

from __future__ import annotations

import ast
import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import stand_ins
import torch
from build import BuildError, Built, Recipe, build, failure
from candidates import Proposer
from infer import InferError, Inputs, draw, find_inputs, first_tensor
from limits import Budget, BudgetSpent
from loader import LoadError, Project
from stand_ins import CpuMode

SEEDS = 3
BINS = 40
MOST_LAYERS = 500
MOST_OUTPUTS = 16
MOST_NAMES = 100
MOST_SAMPLED = 1 << 16  # numbers of an output that the histogram counts, for each seed
MOST_CLASSES = 200
NAME, TYPE, MESSAGE = 120, 60, 200  # characters


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
            "tensors": [_described(one) for one in tensors if isinstance(one, torch.Tensor)][:MOST_OUTPUTS],
            "known": inputs.known,
        }
        if not self.forward(built, tensors, inputs.kwargs):
            return
        self.at = "gradients"
        unreached = self.gradients(built.model, tensors, inputs.kwargs)
        self.at = "mixing"
        self.report["mixing"] = {
            mode: _mixing(built.model, tensors, inputs.kwargs, mode == "train") for mode in ("eval", "train")
        }
        self.at = "train_eval"
        self.report["train_eval"] = _differences(built.model, tensors, inputs.kwargs)
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
                    self.report["inputs"] = {"tensors": [_described(one) for one in tensors], "known": False}
                    self.forward(built, tensors, {})
                    # what was asked of the input was more than that it runs, such as keeping the batch
                    self.report["failure"] = _failure(error.reason, error.message, str(path), error.line) | {
                        key: (self.report["failure"] or {}).get(key, "") for key in ("last", "inside")
                    }
            return None
        if not found.ran:
            self.report["failure"] = _failure("size", "", str(self.job["path"]), None)
            self.report["inputs"] = {"tensors": [_described(one) for one in found.tensors], "known": found.known}
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
                with torch.no_grad(), _Kept(built.model, False):
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
        watch = _Watch(built.model)
        torch.manual_seed(self.seed)
        try:
            with watch, _Kept(built.model, bool(self.job.get("train"))), torch.no_grad():
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
            self.watch = watch
        self.report["outputs"] = [
            {"name": name[:NAME], **_described(one)} for name, one in itertools.islice(_tensors(output), MOST_OUTPUTS)
        ]
        self.keep(self.seed, output)
        self.histogram()
        return True

    def keep(self, seed: int, output: Any) -> None:
        """Note the numbers of an output under a seed."""
        tensor = first_tensor(output)
        if tensor is None:
            return
        flat = _flat(tensor)
        self.report.setdefault("seeds", []).append({"seed": seed, **_statistics(flat)})
        step = max(1, math.ceil(flat.numel() / MOST_SAMPLED))
        self.values.append(flat[::step])

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
            watch = _Watch(model, gradients=True)
            try:
                unreached = _backward(model, tensors, kwargs, train, self.seed, watch)
            except BudgetSpent:
                raise
            except Exception:
                continue
            noted["mode"] = "train" if train else "eval"
            norms = {id(watch.modules[name]): found for name, found in watch.norms.items()}
            for layer, module in zip(self.report["layers"], self.watch.ordered):
                layer["activation_gradient"] = _number(math.sqrt(norms[id(module)])) if id(module) in norms else None
                layer["weight_gradient"] = _weight_gradient(module)
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
                with _Kept(built.model, bool(self.job.get("train"))), torch.no_grad():
                    output = built.model(*tensors, **inputs.kwargs)
                self.keep(seed, output)
                self.histogram()
                mode = self.report["gradients"]["mode"]
                if unreached and mode:
                    watch = _Watch(built.model)
                    unreached &= _backward(built.model, tensors, inputs.kwargs, mode == "train", seed, watch)
                    self.tell_unreached(unreached)
            except BudgetSpent:
                raise
            except Exception:
                self.report["left_out"].append("seeds")
                return


# --- watching a pass -----------------------------------------------------------------------------------------------


class _Watch:
    """Hooks on the layers of a model while it is entered.

    last: the layer that came to its end last. norms: by layer, the sum of squares of the gradient of what it gave.
    """

    def __init__(self, model: Any, gradients: bool = False) -> None:
        self.modules = dict(model.named_modules())
        self.gradients = gradients
        self.last = ""
        self.found: dict[str, dict[str, Any]] = {}
        self.norms: dict[str, float] = {}
        self.open: list[str] = []
        self.ordered: list[Any] = []
        self._handles: list[Any] = []

    def __enter__(self) -> _Watch:
        for name, module in self.modules.items():
            self._handles.append(module.register_forward_pre_hook(lambda *_, name=name: self.open.append(name)))
            self._handles.append(
                module.register_forward_hook(lambda _, __, output, name=name: self._after(name, output))
            )
        return self

    def __exit__(self, *unused: object) -> None:
        for handle in self._handles:
            handle.remove()

    def inside(self) -> str:
        """The innermost module that was entered and not left."""
        return self.open[-1] if self.open else ""

    def _is_layer(self, name: str) -> bool:
        module = self.modules[name]
        own = any(True for _ in module.parameters(recurse=False))
        return own or not any(True for _ in module.children())

    def _after(self, name: str, output: Any) -> None:
        if name in self.open:
            del self.open[len(self.open) - 1 - self.open[::-1].index(name) :]
        if not self._is_layer(name):
            return
        self.last = name
        tensor = first_tensor(output)
        if self.gradients:
            if tensor is not None and tensor.requires_grad:
                tensor.register_hook(lambda gradient: self._add(name, gradient))
            return
        known = self.found.get(name)
        if known is not None:
            known["calls"] += 1
        elif tensor is None:
            self.found[name] = {"calls": 1}
        else:
            self.found[name] = {"calls": 1, "shape": _shape(tensor), **_statistics(_flat(tensor))}

    def _add(self, name: str, gradient: torch.Tensor) -> None:
        self.norms[name] = self.norms.get(name, 0.0) + float(gradient.detach().double().norm()) ** 2

    def layers(self) -> tuple[list[dict[str, Any]], int]:
        """The layers as the report has them, and how many there are in all; `ordered` has the same as modules."""
        names = [*self.found, *(name for name in self.modules if name not in self.found and self._is_layer(name))]
        listed: list[dict[str, Any]] = []
        for name in names[:MOST_LAYERS]:
            module = self.modules[name]
            own = list(module.parameters(recurse=False))
            self.ordered.append(module)
            listed.append(
                {
                    "name": name[:NAME],
                    "type": type(module).__name__[:TYPE],
                    "shape": None,
                    "calls": 0,
                    "parameters": sum(_count(one) for one in own),
                    "trainable": sum(_count(one) for one in own if one.requires_grad),
                    **_statistics(None),
                    "activation_gradient": None,
                    "weight_gradient": None,
                    **self.found.get(name, {}),
                }
            )
        return listed, len(names)


class _Kept:
    """Sets a model's mode, and puts modes and buffers back at the end."""

    def __init__(self, model: Any, train: bool) -> None:
        self.model, self.train = model, train

    def __enter__(self) -> None:
        self.modes = [(one, one.training) for one in self.model.modules()]
        self.buffers = [(one, one.detach().clone()) for one in self.model.buffers()]
        self.model.train(self.train)

    def __exit__(self, *unused: object) -> None:
        for module, mode in self.modes:
            module.training = mode
        with torch.no_grad():
            for buffer, before in self.buffers:
                if buffer.shape == before.shape:
                    buffer.copy_(before)


# --- measuring -----------------------------------------------------------------------------------------------------


def _cotangent(output: Any, samples: slice, generator: torch.Generator) -> torch.Tensor | None:
    """The sum of an output's tensors times random normal numbers, of these samples only; None without gradients."""
    total: torch.Tensor | None = None
    for _, tensor in itertools.islice(_tensors(output), MOST_OUTPUTS):
        if not tensor.requires_grad or tensor.dim() == 0 and samples != slice(None):
            continue
        part = tensor[samples] if tensor.dim() else tensor
        if part.is_complex():
            part = torch.view_as_real(part)
        term = (part * torch.randn(part.shape, generator=generator, dtype=torch.float64).to(part.dtype)).sum()
        total = term if total is None else total + term.to(total.dtype)
    return total


def _backward(
    model: Any, tensors: Sequence[Any], kwargs: Mapping[str, Any], train: bool, seed: int, watch: _Watch
) -> set[str]:
    """One gradient pass; the gradients stay on the parameters. Names of trainable ones that it gives none, or zeros.

    Raises ValueError where no output has a gradient, and whatever the model raises.
    """
    model.zero_grad(set_to_none=True)
    torch.manual_seed(seed)
    with watch, _Kept(model, train), torch.enable_grad():
        loss = _cotangent(model(*tensors, **kwargs), slice(None), torch.Generator().manual_seed(seed))
        if loss is None:
            raise ValueError("no output has a gradient")
        loss.backward()  # type: ignore[no-untyped-call]
    return {
        name
        for name, one in model.named_parameters()
        if one.requires_grad and (one.grad is None or not bool((one.grad != 0).any()))
    }


def _weight_gradient(module: Any) -> float | None:
    grads = [one.grad for one in module.parameters(recurse=False) if one.grad is not None]
    if not grads:
        return None
    return _number(math.sqrt(sum(float(one.detach().double().norm()) ** 2 for one in grads)))


def _mixing(model: Any, tensors: Sequence[Any], kwargs: Mapping[str, Any], train: bool) -> bool | None:
    """Whether the first sample's output depends on the second sample; None where that cannot be said."""
    batched = [one for one in tensors if isinstance(one, torch.Tensor) and one.dim() and one.shape[0] >= 2]
    if not batched:
        return None
    floats = [one for one in batched if one.is_floating_point()]
    try:
        if len(floats) == len(batched):
            return _mixing_by_gradient(model, tensors, kwargs, train)
        return _mixing_by_change(model, tensors, kwargs, train)
    except BudgetSpent:
        raise
    except Exception:
        return None


def _mixing_by_gradient(model: Any, tensors: Sequence[Any], kwargs: Mapping[str, Any], train: bool) -> bool | None:
    leaves = [
        one.detach().clone().requires_grad_()
        if isinstance(one, torch.Tensor) and one.is_floating_point() and one.dim() and one.shape[0] >= 2
        else one
        for one in tensors
    ]
    wanted = [one for one in leaves if isinstance(one, torch.Tensor) and one.requires_grad]
    with _Kept(model, train), torch.enable_grad():
        torch.manual_seed(0)
        output = model(*leaves, **kwargs)
        first = first_tensor(output)
        if first is None or not first.dim() or first.shape[0] != wanted[0].shape[0]:
            return None  # the batch is not the first dimension of both
        loss = _cotangent(first, slice(0, 1), torch.Generator().manual_seed(0))
        if loss is None:
            return None
        found = torch.autograd.grad(loss, wanted, allow_unused=True)
    others = [one[1:] for one in found if one is not None]
    if any(not bool(torch.isfinite(one).all()) for one in others):
        return None
    return any(bool((one != 0).any()) for one in others)


def _mixing_by_change(model: Any, tensors: Sequence[Any], kwargs: Mapping[str, Any], train: bool) -> bool | None:
    changed = []
    for one in tensors:
        if isinstance(one, torch.Tensor) and one.dim() and one.shape[0] >= 2:
            one = one.clone()
            one[1:] = one[1:].flip(-1) if one.is_floating_point() else one.max() - one[1:]
        changed.append(one)
    outputs = []
    with torch.no_grad():
        for given in (tensors, tensors, changed):
            with _Kept(model, train):
                torch.manual_seed(0)
                outputs.append(first_tensor(model(*given, **kwargs)))
    before, again, after = outputs
    if before is None or again is None or after is None or not before.dim():
        return None
    if before.shape != after.shape or before.shape[0] != tensors[0].shape[0]:
        return None
    if not torch.equal(before[0], again[0]):
        return None  # it changes by itself
    difference = _largest(before[0], after[0])
    return None if difference is None else difference > 1e-5 * (1.0 + float(before[0].double().abs().max()))


def _differences(model: Any, tensors: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, float | None]:
    """The largest difference of the output between two calls in eval mode, and between train and eval mode."""
    outputs: dict[str, torch.Tensor | None] = {}
    for name, train, seed in (("eval", False, 0), ("again", False, 1), ("train", True, 0)):
        try:
            with _Kept(model, train), torch.no_grad():
                torch.manual_seed(seed)
                found = first_tensor(model(*tensors, **kwargs))
                outputs[name] = None if found is None else found.detach().clone()
        except BudgetSpent:
            raise
        except Exception:
            outputs[name] = None
    return {
        "eval_eval": _largest(outputs["eval"], outputs["again"]),
        "train_eval": _largest(outputs["eval"], outputs["train"]),
    }


def _largest(one: torch.Tensor | None, other: torch.Tensor | None) -> float | None:
    if one is None or other is None or one.shape != other.shape or not one.numel():
        return None
    return _number(float((_flat(one) - _flat(other)).abs().max()))


# --- plain data ----------------------------------------------------------------------------------------------------


def _tensors(output: Any, name: str = "", depth: int = 0) -> Iterator[tuple[str, torch.Tensor]]:
    """The tensors in what a model returns, each with the way to it: ``[0]``, ``['logits']``, ``.loss``."""
    if isinstance(output, torch.Tensor):
        yield name, output
    elif depth > 3:
        return
    elif isinstance(output, Mapping):
        for key in itertools.islice(output, MOST_OUTPUTS):
            yield from _tensors(output[key], f"{name}[{str(key)[:40]!r}]", depth + 1)
    elif isinstance(output, (list, tuple)):
        for number, one in enumerate(output[:MOST_OUTPUTS]):
            yield from _tensors(one, f"{name}[{number}]", depth + 1)
    elif hasattr(output, "__dict__"):
        for key, one in itertools.islice(vars(output).items(), MOST_OUTPUTS):
            yield from _tensors(one, f"{name}.{key[:40]}", depth + 1)


def _flat(tensor: torch.Tensor) -> torch.Tensor:
    """All numbers of a tensor, as float64; of a complex one both parts."""
    tensor = tensor.detach()
    if tensor.layout != torch.strided:
        tensor = tensor.to_dense()
    if tensor.is_complex():
        tensor = torch.view_as_real(tensor)
    return tensor.double().reshape(-1)


def _statistics(flat: torch.Tensor | None) -> dict[str, Any]:
    """Least, greatest, mean and standard deviation of the finite numbers, and how many are not finite."""
    empty: dict[str, Any] = dict.fromkeys(("minimum", "maximum", "mean", "deviation"))
    empty["not_finite"] = 0
    if flat is None or not flat.numel():
        return empty
    finite = flat[torch.isfinite(flat)]
    empty["not_finite"] = flat.numel() - finite.numel()
    if not finite.numel():
        return empty
    return {
        "minimum": _number(float(finite.min())),
        "maximum": _number(float(finite.max())),
        "mean": _number(float(finite.mean())),
        "deviation": _number(float(finite.std(correction=0))),
        "not_finite": empty["not_finite"],
    }


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _shape(tensor: torch.Tensor) -> list[int]:
    return [int(size) for size in tensor.shape[:16]]


def _described(tensor: torch.Tensor) -> dict[str, Any]:
    return {"shape": _shape(tensor), "dtype": str(tensor.dtype).removeprefix("torch.")}


def _count(parameter: Any) -> int:
    """How many numbers a parameter has; none before the first run of a lazy module."""
    return 0 if isinstance(parameter, torch.nn.parameter.UninitializedTensorMixin) else int(parameter.numel())


def _parameters(model: Any) -> dict[str, Any]:
    """How many parameters there are, trainable and in all, by dtype, and the bytes of them and of buffers."""
    dtypes: dict[str, int] = {}
    count = trainable = size = 0
    for one in model.parameters():
        many = _count(one)
        dtype = str(one.dtype).removeprefix("torch.")
        dtypes[dtype] = dtypes.get(dtype, 0) + many
        count += many
        trainable += many if one.requires_grad else 0
        size += many * one.element_size()
    buffers = sum(_count(one) * one.element_size() for one in model.buffers())
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
