"""How gradients flow through a model that was really built: from its output back to its first layer.

Definitions
    A *weighted layer* is a module that owns a parameter of two or more dimensions, but embeddings; layers count in the
    order in which they first ran.
    The *flow* of a seed is log10(|dL/da| of the first layer / |dL/da| of the last), where a is what a layer gives and
    the norm is Euclidean. L is the product of the output with random normal numbers (a random cotangent), so that no
    loss saturates and hides what the model does.
    A parameter is *unreached* where no seed gives it a gradient other than zero.

Worked example: twenty layers of `Linear(64, 64)` and `Sigmoid` at torch's own initial weights
    each layer shrinks the gradient about tenfold: the flow is near -17 on each seed, and `judge` says "vanishing".

The thresholds come from 39 models on three seeds each, on small inputs, at initial weights: healthy ones (up to
ResNet-50) lie from -4.0 to 2.5 and seeds differ by less than 0.8; sick ones lie below -6.9 or above 3.7; between,
shallow sigmoid and tanh networks cannot be told apart. What is judged is the initial state; training may mend it.
Over time, recurrent networks that learn well show 10^-10 as sick ones do: they are never judged.
"""

import math
from collections.abc import Callable
from typing import Any

import torch

THRESHOLDS = {
    "vanishing": -6.0,  # at most, on all seeds
    "exploding": 3.5,  # at least, on all seeds
    "healthy above": -4.2,  # more, on all seeds
    "healthy below": 3.0,  # less, on all seeds
}
SMALLEST = 1e-45  # a norm of zero counts as the smallest float32, so that logarithms are finite
CONSTANT_SPREAD = 1e-6  # an output that varies less over the batch, relative to its size, does not depend on the input
RECURRENT = (torch.nn.RNNBase, torch.nn.RNNCellBase)
NOT_WEIGHTED = (torch.nn.Embedding, torch.nn.EmbeddingBag, *RECURRENT)


class LayerFlow:
    """One weighted layer: its name, and by seed the norms of the gradients of its output and of its weights."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.activation_norms: list[float] = []
        self.weight_norms: list[float] = []


class GradientFlow:
    """What was measured.

    layers: the weighted layers, first to last. log_ratios: the flow by seed, empty where there are fewer than two
    layers or no gradient at the last. unreached: names of parameters without a gradient. finite: whether all outputs
    and norms were. recurrent: whether a layer runs over time, by its class or because it ran more than once.
    output_spreads: by seed, the largest difference of an output over the batch, relative to the largest output.
    rebuilt: whether each seed had initial weights of its own.
    """

    def __init__(self) -> None:
        self.layers: list[LayerFlow] = []
        self.log_ratios: list[float] = []
        self.unreached: list[str] = []
        self.finite = True
        self.recurrent = False
        self.output_spreads: list[float] = []
        self.rebuilt = False
        self.seeds = 0

    @property
    def ratios(self) -> list[float]:
        """First over last, by seed; zero below the smallest float, infinite above the largest."""
        return [10.0**log if log < 308 else math.inf for log in self.log_ratios]

    @property
    def constant_output(self) -> bool:
        """Whether the output was the same for all samples of the batch, on each seed."""
        return bool(self.output_spreads) and max(self.output_spreads) <= CONSTANT_SPREAD


def flow(model: Any, inputs: Any, seeds: int = 3) -> GradientFlow:
    """Measures the flow of gradients in train mode.

    `model` is a module, or a function without arguments that builds one: then each seed builds it anew, as thresholds
    on "all seeds" want; with a module, seeds change the cotangent and dropout only. `inputs` is a tensor or a tuple
    of positional arguments, with at least two samples for batch norm and for `constant_output`. The module's modes,
    buffers and gradients are as before afterwards. What the model raises is passed on; so is ValueError where no
    output has a gradient.
    """
    measured = GradientFlow()
    measured.rebuilt = not isinstance(model, torch.nn.Module)
    measured.seeds = seeds
    arguments = tuple(inputs) if isinstance(inputs, (tuple, list)) else (inputs,)
    reached: dict[str, bool] = {}
    layers: dict[str, LayerFlow] = {}
    for seed in range(seeds):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            module = model() if measured.rebuilt else model
            _measure(module, arguments, seed, measured, layers, reached)
    measured.layers = list(layers.values())
    measured.unreached = [name for name, has_gradient in reached.items() if not has_gradient]
    return measured


def _measure(
    module: Any,
    arguments: tuple[Any, ...],
    seed: int,
    measured: GradientFlow,
    layers: dict[str, LayerFlow],
    reached: dict[str, bool],
) -> None:
    order: list[str] = []
    norms: dict[str, float] = {}
    handles = []

    def watch(name: str) -> Callable[[Any, Any, Any], None]:
        def after_forward(layer: Any, given: Any, output: Any) -> None:
            if name in order:
                measured.recurrent = True  # one layer at many steps
                return
            order.append(name)
            first = next(_floating(output), None)
            if first is not None and first.requires_grad:
                # unlike retain_grad, a hook stays with the value before an in-place activation
                first.register_hook(lambda gradient: norms.__setitem__(name, _norm(gradient)))

        return after_forward

    modes = [(one, one.training) for one in module.modules()]
    buffers = [(buffer, buffer.detach().clone()) for buffer in module.buffers()]
    gradients = [(parameter, parameter.grad) for parameter in module.parameters()]
    try:
        for name, layer in module.named_modules():
            if isinstance(layer, RECURRENT):
                measured.recurrent = True
            if not isinstance(layer, NOT_WEIGHTED) and any(one.dim() >= 2 for one in layer.parameters(recurse=False)):
                handles.append(layer.register_forward_hook(watch(name)))
        for parameter, _ in gradients:
            parameter.grad = None
        module.train()
        with torch.enable_grad():
            outputs = [one for one in _floating(module(*arguments)) if one.requires_grad]
        if not outputs:
            raise ValueError("no output has a gradient")
        generator = torch.Generator().manual_seed(1000 + seed)
        cotangents = [torch.randn(one.shape, generator=generator, dtype=torch.float64).to(one.dtype) for one in outputs]
        torch.autograd.backward(outputs, cotangents)
        _note(module, order, norms, outputs, measured, layers, reached)
    finally:
        for handle in handles:
            handle.remove()
        for one, training in modes:
            one.training = training
        with torch.no_grad():
            for buffer, before in buffers:
                buffer.copy_(before)
        for parameter, gradient in gradients:
            parameter.grad = gradient


def _note(
    module: Any,
    order: list[str],
    norms: dict[str, float],
    outputs: list[Any],
    measured: GradientFlow,
    layers: dict[str, LayerFlow],
    reached: dict[str, bool],
) -> None:
    owners = dict(module.named_modules())
    for name in order:
        weights = [one.grad for one in owners[name].parameters(recurse=False) if one.grad is not None]
        layer = layers.setdefault(name, LayerFlow(name))
        layer.activation_norms.append(norms.get(name, 0.0))
        layer.weight_norms.append(math.sqrt(sum(_norm(one) ** 2 for one in weights)))
    for name, parameter in module.named_parameters():
        if parameter.requires_grad:
            has_gradient = parameter.grad is not None and _norm(parameter.grad) != 0
            reached[name] = reached.get(name, False) or has_gradient
    everything = [*norms.values(), *(_norm(one) for one in outputs)]
    everything += [_norm(one.grad) for one in module.parameters() if one.grad is not None]
    if not all(math.isfinite(one) for one in everything):
        measured.finite = False
    elif len(order) >= 2 and norms.get(order[-1], 0.0) > 0:
        first, last = max(norms.get(order[0], 0.0), SMALLEST), max(norms[order[-1]], SMALLEST)
        measured.log_ratios.append(math.log10(first) - math.log10(last))
    main = outputs[0].detach().double()
    if main.dim() and main.shape[0] >= 2 and main.numel():
        size = float(main.abs().max())
        spread = float((main.amax(0) - main.amin(0)).max())
        measured.output_spreads.append(spread / size if size else 0.0)


def judge(measured: GradientFlow) -> str:
    """ "non-finite", "vanishing", "exploding", "healthy" (at the initial weights), or "undecided"."""
    if not measured.finite:
        return "non-finite"
    flows = measured.log_ratios
    if measured.recurrent or not flows or len(flows) < measured.seeds:
        return "undecided"
    if all(one <= THRESHOLDS["vanishing"] for one in flows):
        return "vanishing"
    if all(one >= THRESHOLDS["exploding"] for one in flows):
        return "exploding"
    if all(THRESHOLDS["healthy above"] < one < THRESHOLDS["healthy below"] for one in flows):
        return "healthy"
    return "undecided"


def _norm(tensor: Any) -> float:
    """The Euclidean norm, in double precision."""
    return float(torch.linalg.vector_norm(tensor.detach().double()))


def _floating(value: Any) -> Any:
    """All floating tensors in an output: nested tuples, lists, dicts, and objects with attributes such as `logits`."""
    if isinstance(value, torch.Tensor):
        if value.is_floating_point():
            yield value
    elif isinstance(value, (list, tuple)):
        for one in value:
            yield from _floating(one)
    elif isinstance(value, dict):
        for one in value.values():
            yield from _floating(one)
