"""Computing the steps of a claim on models that are really built, with data that are drawn as they are described.

Definitions
    step    a node of a computation as JSON, by its ``type``: ``data``, ``model``, ``called``, ``op``, ``value``,
            ``items``, ``unknown``; a step names others by their index
    take    one computation of all steps that a value needs: models made anew, data drawn anew, under one seed
    symbol  a size that has a name in the program's analysis, such as ``B``; it is the same wherever it is met in a take

Worked example: of the steps ``[model Net, data (B, 1, 28, 28) in [0, 1], called 0 (1), op sigmoid {input: 2}]``,
``Take(bench, seed=3).value(3)`` builds ``Net`` after seeding with 3, draws a batch of two pictures, and gives the
sigmoid of what the model makes of it.
"""

from __future__ import annotations

from typing import Any

import build
import infer
import operations_by_name
import samples
import torch
from samples import sample

#: The reasons of building models and finding inputs, as verdicts have them.
REASONS = {
    "package_missing": "package",
    "download_blocked": "download",
    "argument": "argument",
    "guess_rejected": "argument",
    "budget": "budget",
    "memory": "memory",
    "load": "load",
    "inputs": "no-input",
    "forward": "forward",
    "constructor": "constructor",
}

#: Symbols that stand for the number of samples.
BATCH = ("B", "N")


class UndecidedError(Exception):
    """Nothing can be said, for a `reason` of the closed set; `message` may hold text of the project."""

    def __init__(self, reason: str, message: str = "") -> None:
        super().__init__(message)
        self.reason, self.message = reason, message


class RaisedError(Exception):
    """The project's model, or an operation on its output, raised `error` while step `step` was computed."""

    def __init__(self, step: int, error: BaseException) -> None:
        super().__init__(str(error))
        self.step, self.error = step, error


class Bench:
    """The steps of one claim, on a project.

    hints: what the user says of inputs and arguments, by ``file.py:Class``. budget: of CPU seconds, see `limits`.
    """

    def __init__(
        self,
        project: Any,
        steps: list[dict[str, Any]],
        places: list[dict[str, Any]],
        hints: dict[str, Any],
        budget: Any,
    ) -> None:
        self.project, self.steps, self.places, self.hints, self.budget = project, steps, places, hints, budget
        #: the recipes by which models were made, by step
        self.recipes: dict[int, Any] = {}
        #: the shapes of what a model was given, by the step of its call, and whether they are known
        self.fed: dict[int, Any] = {}

    def spot(self, place: int | None) -> dict[str, Any]:
        """Where a place is: ``path``, ``row``, ``column``; empty for none."""
        if place is None:
            return {}
        span = self.places[place]
        return {"path": span["path"], "row": span["start"]["row"], "column": span["start"]["column"]}

    def built(self, step: int, seed: int) -> Any:
        """The model of a step, its weights drawn after seeding.

        Raises:
            UndecidedError: it cannot be built.
        """
        node = self.steps[step]
        if node["type"] != "model":
            raise UndecidedError("no-model")
        named = f"{node['owner']}:{node['cls']}"
        arguments = {**node["arguments"], **self.hints.get("arguments", {}).get(named, {})}
        spec = {**self.spot(node["made"]), "arguments": arguments, "complete": node["complete"]}
        if node["owner"]:
            spec |= {"owner": node["owner"], "cls": node["cls"]}
        torch.manual_seed(seed)
        try:
            made = build.build(self.project, spec, self.budget)
        except build.BuildError as error:
            raise UndecidedError(REASONS.get(error.reason, "not-built"), error.message) from error
        self.recipes[step] = made.recipe
        return made

    def guessed(self) -> tuple[str, ...]:
        """The arguments of models that had to be guessed."""
        return tuple(word for recipe in self.recipes.values() for word in recipe.guessed)

    @property
    def inputs_known(self) -> bool:
        """Whether the shapes of everything that models were given are those of the project's data."""
        return all(fed.known for fed in self.fed.values())


class Take:
    """One computation of the steps, under one seed.

    training: the mode that models are in; None is as the program has it, and
    training mode where that is not known. flip: what the weights of each model's last layer are multiplied by.
    ranges: an interval interpreter that is told of data, or None. others: whether all samples but the first are drawn
    anew, from the other end of their range; `source`: of that step alone, along its dimension `dim`. picture: what is
    drawn for pictures, see `samples`.
    """

    def __init__(
        self,
        bench: Bench,
        seed: int,
        *,
        flip: float = 1.0,
        training: bool | None = None,
        ranges: Any = None,
        models: dict[int, Any] | None = None,
        layers: dict[int, Any] | None = None,
        others: bool = False,
        source: int | None = None,
        dim: int = 0,
        picture: str = "levels",
    ) -> None:
        self.bench, self.seed, self.flip, self.training = bench, seed, flip, training
        self.ranges, self.others, self.source, self.dim, self.picture = ranges, others, source, dim, picture
        self.models = {} if models is None else models
        self.sizes: dict[str, int] = {}
        self.generator = torch.Generator().manual_seed(seed)
        self._values: dict[int, Any] = {}
        self.layers: dict[int, Any] = {} if layers is None else layers

    def value(self, step: int) -> Any:
        """What a step gives: a tensor, a number, a tuple.

        Raises:
            UndecidedError: it needs something that is not known.
            RaisedError: computing it raised an exception.
        """
        if step not in self._values:
            self._values[step] = self._compute(step)
        return self._values[step]

    def model(self, step: int) -> Any:
        """The model that a step constructs, in its mode."""
        if step not in self.models:
            built = self.bench.built(step, self.seed)
            if self.flip != 1.0:
                scale_last_layer(built.model, self.flip)
            self.models[step] = built
        built = self.models[step]
        mode = self.bench.steps[step]["training"] if self.training is None else self.training
        built.model.train(mode is not False)
        return built

    def parameters(self) -> list[Any]:
        """The parameters that can be trained of the models, and of the layers outside of them, that were made."""
        made = [built.model for built in self.models.values()]
        made += [layer for layer in self.layers.values() if isinstance(layer, torch.nn.Module)]
        return [parameter for module in made for parameter in module.parameters() if parameter.requires_grad]

    def _compute(self, step: int) -> Any:
        node = self.bench.steps[step]
        kind = node["type"]
        if kind == "value":
            return node["value"]
        if kind == "items":
            return tuple(self.value(each) for each in node["items"])
        if kind == "entries":
            return {key: self.value(each) for key, each in node["items"].items()}
        if kind == "slice":
            return slice(*(self.value(node[end]) for end in ("lower", "upper", "step")))
        if kind == "name":
            return self._named(node["name"])
        if kind == "size":
            size = self.size(node["size"])
            if size is None:
                raise UndecidedError("unknown-step", "a size")
            return size
        if kind == "judged":
            import losses

            given = self.value(node["input"])
            target = losses.target(node["loss"], self.bench.steps[node["target"]], given, self, node["target"])
            return losses.judged(losses.find(node["loss"]), given, target, step)
        if kind == "data":
            return self._drawn(step, node)
        if kind == "called":
            return self._called(step, node)
        if kind == "op":
            return self._operated(step, node)
        raise UndecidedError("unknown-step", node.get("reason", ""))

    @staticmethod
    def _named(name: str) -> Any:
        """What a full name stands for."""
        try:
            found = operations_by_name.resolved(name)
        except operations_by_name.MissingError as error:
            raise UndecidedError("package", str(error)) from error
        if found is None:
            raise UndecidedError("unknown-step", name)
        return found

    def _drawn(self, step: int, node: dict[str, Any]) -> Any:
        if samples.is_picture(node):
            try:
                return samples.picture(node, self.picture, turned=self._is_second(step))
            except ImportError as error:
                raise UndecidedError("package", str(error.name)) from error
        shape = self.shape(node)
        if shape is None:
            raise UndecidedError("unknown-step", "the shape of the data is not known")
        return self._told(sample({**node, "shape": shape}, self.generator), node, step)

    def _is_second(self, step: int) -> bool:
        """Whether another picture was drawn before, so that this one should not be the same."""
        before = sum(samples.is_picture(node) for node in self.bench.steps[:step] if node["type"] == "data")
        return before % 2 == 1

    def _told(self, tensor: Any, node: dict[str, Any], step: int) -> Any:
        """The tensor, changed as this take wants it, and the interval interpreter told of its range."""
        if self.others and self.source in (None, step) and isinstance(tensor, torch.Tensor) and tensor.dim() > self.dim:
            tensor = self._others_changed(tensor, node)
        if self.ranges is not None and isinstance(tensor, torch.Tensor):
            low, high = node.get("low"), node.get("high")
            ends = (-float("inf") if low is None else low, float("inf") if high is None else high)
            self.ranges.declare(tensor, *ends)
        return tensor

    def _others_changed(self, tensor: Any, node: dict[str, Any]) -> Any:
        """The tensor with all entries but the first along a dimension turned round in their range."""
        first, rest = tensor.narrow(self.dim, 0, 1), tensor.narrow(self.dim, 1, tensor.shape[self.dim] - 1)
        if tensor.dtype == torch.bool:
            return torch.cat([first, ~rest], self.dim)
        if not tensor.is_floating_point():
            return torch.cat([first, int(tensor.min()) + int(tensor.max()) - rest], self.dim)
        low, high = (node.get(end) for end in ("low", "high"))
        turned = low + high - rest if low is not None and high is not None and low < high else 1.0 - rest
        return torch.cat([first, turned], self.dim)

    def shape(self, node: dict[str, Any]) -> list[int] | None:
        """The sizes of data in this take; None where one is not known."""
        shape = node.get("shape")
        if shape is None:
            return None
        sizes = [self.size(dim) for dim in shape]
        return None if None in sizes else [size for size in sizes if size is not None]

    def size(self, dim: int | str | None) -> int | None:
        """A size in this take."""
        if isinstance(dim, str):
            return 2 if dim in BATCH and dim not in self.sizes else self.sizes.get(dim)
        return dim

    def _called(self, step: int, node: dict[str, Any]) -> Any:
        built = self.model(node["model"])
        try:
            given, keywords = self._given(step, node, built)
        except infer.InferError as error:
            raise UndecidedError(REASONS.get(error.reason, "no-input"), error.message) from error
        try:
            result = built.model(*given, **keywords)
        except Exception as error:
            raise RaisedError(step, error) from error
        return self._part(result, node["part"], step)

    def called_with(self, step: int, shapes: list[list[int] | None]) -> Any:
        """What the model of a call gives for data of these shapes.

        Raises:
            RaisedError: it raised an exception.
        """
        node = self.bench.steps[step]
        built = self.model(node["model"])
        nodes = [self.bench.steps[each] for each in node["inputs"]]
        given = [
            self._told(sample({**one, "shape": shape, "dtype": one.get("dtype")}, self.generator), one, each)
            for each, one, shape in zip(node["inputs"], nodes, shapes, strict=True)
        ]
        self.bench.fed[step] = infer.Inputs(given, [tuple(one.shape) for one in given], True, 1)
        try:
            return built.model(*given)
        except Exception as error:
            raise RaisedError(step, error) from error

    def _given(self, step: int, node: dict[str, Any], built: Any) -> tuple[list[Any], dict[str, Any]]:
        """What a model is given: computed where all of it can be, else drawn in shapes that its forward takes."""
        nodes = [self.bench.steps[each] for each in node["inputs"]]
        is_drawn = [each["type"] in ("data", "unknown") for each in nodes]
        if node["keywords"] or (nodes and not any(is_drawn)):
            return self._as_described(node)
        if not all(is_drawn):
            raise UndecidedError("no-input")
        if step not in self.bench.fed:
            self.bench.fed[step] = self._found(node, nodes, built)
        fed = self.bench.fed[step]
        for number, shape in enumerate(fed.shapes):
            names = nodes[number].get("shape") if number < len(nodes) else None
            for name, size in zip(names or [], shape, strict=False):
                if isinstance(name, str):
                    self.sizes.setdefault(name, int(size))
        tensors = []
        for number, found in enumerate(fed.tensors):
            spec = nodes[number] if number < len(nodes) else {}
            if spec.get("type") != "data" or not isinstance(found, torch.Tensor):
                tensors.append(found)
                continue
            spec = {
                **spec,
                "shape": list(found.shape),
                "dtype": spec["dtype"] or str(found.dtype).removeprefix("torch."),
            }
            tensors.append(self._told(sample(spec, self.generator), spec, node["inputs"][number]))
        return tensors, dict(fed.kwargs)

    def _as_described(self, node: dict[str, Any]) -> tuple[list[Any], dict[str, Any]]:
        """What a model is given, each thing as its step has it."""
        keywords = {name: self.value(each) for name, each in node["keywords"].items()}
        return [self.value(each) for each in node["inputs"]], keywords

    def _found(self, node: dict[str, Any], nodes: list[dict[str, Any]], built: Any) -> Any:
        """Inputs that a model takes, as `infer` finds them."""
        wanted = [
            {**each, "shape": None if each.get("shape") is None else [self.size(dim) for dim in each["shape"]]}
            for each in nodes
        ]
        model = self.bench.steps[node["model"]]
        hint = self.bench.hints.get("inputs", {}).get(f"{model['owner']}:{model['cls']}")
        hints = {} if hint is None else {"shapes": hint}
        return infer.find_inputs(built, wanted or None, hints, self.bench.budget)

    def _part(self, result: Any, part: list[Any], step: int) -> Any:
        for key in part:
            try:
                result = result[key] if not isinstance(key, str) or isinstance(result, dict) else getattr(result, key)
            except Exception as error:
                raise UndecidedError("unknown-step", "the model returns something else") from error
        return result

    def _operated(self, step: int, node: dict[str, Any]) -> Any:
        arguments = {name: self.value(each) for name, each in node["arguments"].items()}
        first = next(iter(arguments.values()), None)
        try:
            result = self._applied(node, first, arguments)
        except operations_by_name.MissingError as error:
            raise UndecidedError("package", str(error)) from error
        except operations_by_name.UnfitError as error:
            raise UndecidedError("unknown-step", node["op"]) from error
        except UndecidedError:
            raise
        except Exception as error:
            raise RaisedError(step, error) from error
        return self._part(result, node["part"], step)

    def _applied(self, node: dict[str, Any], first: Any, arguments: dict[str, Any]) -> Any:
        """What the operation gives: the layer or transform that the program constructs, else a library's function."""
        made = node["made"]
        if made is not None:
            try:
                layer = self._constructed(made)
            except UndecidedError:
                if not node["library"].startswith("torch."):
                    raise
                layer = None
            if callable(layer) and not isinstance(layer, type):
                return layer(first)
        function = operations_by_name.find(node["op"], arguments, node["library"])
        if function is None:
            raise operations_by_name.UnfitError(node["op"])
        return function()

    def _constructed(self, place: int) -> Any:
        """The layer or transform whose construction stands in a place; made once in a take."""
        if place not in self.layers:
            spot = self.bench.spot(place)
            torch.manual_seed(self.seed)
            try:
                made = build.evaluate(self.bench.project, spot["path"], spot["row"], spot["column"])
            except build.BuildError as error:
                raise UndecidedError(REASONS.get(error.reason, "not-built"), error.message) from error
            self.layers[place] = made
        return self.layers[place]


def scale_last_layer(model: Any, factor: float) -> None:
    """Multiply the weights and biases of the last layer that has any by a factor: a sign flip turns its output round.

    The last in the order of construction, which is that of the forward pass in nearly every model; where it is not,
    some other layer is scaled, and the result is still one that weights can give.
    """
    last = None
    for module in model.modules():
        weight = getattr(module, "weight", None)
        if isinstance(weight, torch.Tensor) and weight.dim() >= 2 and weight.is_floating_point():
            last = module
    if last is None:
        return
    with torch.no_grad():
        for parameter in last.parameters(recurse=False):
            parameter.mul_(factor)
