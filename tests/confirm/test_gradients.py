"""The flow of gradients through healthy and sick models, over seeds."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from gradients import THRESHOLDS, GradientFlow, flow, judge
from torch import nn

WIDTH = 64


def perceptron(depth: int, activation: Callable[[], Any], between: Callable[[], Any] = nn.Identity) -> Any:
    layers: list[Any] = []
    for _ in range(depth):
        layers += [nn.Linear(WIDTH, WIDTH), between(), activation()]
    return nn.Sequential(*layers, nn.Linear(WIDTH, 10))


def initialised(model: Any, initialise: Callable[[Any], Any]) -> Any:
    for layer in model.modules():
        if isinstance(layer, nn.Linear):
            initialise(layer.weight)
    return model


class Residual(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.branch = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(inplace=True),
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels),
        )

    def forward(self, x: Any) -> Any:
        return torch.relu(x + self.branch(x))


def residual_network() -> Any:
    return nn.Sequential(
        nn.Conv2d(3, 16, 3, padding=1),
        nn.BatchNorm2d(16),
        nn.ReLU(inplace=True),
        *(Residual(16) for _ in range(8)),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(16, 10),
    )


def plain_convolutions() -> Any:
    layers: list[Any] = [nn.Conv2d(3, 16, 3, padding=1), nn.ReLU()]
    for _ in range(19):
        layers += [nn.Conv2d(16, 16, 3, padding=1), nn.ReLU()]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 10))


def vector() -> Any:
    return torch.randn(8, WIDTH, generator=torch.Generator().manual_seed(7))


def image() -> Any:
    return torch.rand(4, 3, 16, 16, generator=torch.Generator().manual_seed(7)) * 2 - 1


@pytest.mark.parametrize(
    ("build", "inputs", "verdict"),
    [
        (lambda: perceptron(8, nn.Sigmoid), vector, "vanishing"),
        (lambda: perceptron(12, nn.Sigmoid), vector, "vanishing"),
        (lambda: perceptron(20, nn.Sigmoid), vector, "vanishing"),
        (lambda: perceptron(20, nn.ReLU), vector, "vanishing"),
        (lambda: perceptron(50, nn.ReLU), vector, "vanishing"),
        (plain_convolutions, image, "vanishing"),
        (lambda: initialised(perceptron(4, nn.ReLU), nn.init.zeros_), vector, "vanishing"),
        (lambda: initialised(perceptron(5, nn.ReLU), nn.init.normal_), vector, "exploding"),
        (lambda: initialised(perceptron(10, nn.ReLU), nn.init.normal_), vector, "exploding"),
        (lambda: perceptron(4, nn.Sigmoid), vector, "healthy"),
        (lambda: perceptron(10, nn.Sigmoid, lambda: nn.BatchNorm1d(WIDTH)), vector, "healthy"),
        (lambda: perceptron(4, nn.ReLU), vector, "healthy"),
        (residual_network, image, "healthy"),
    ],
)
def test_known_models(build: Callable[[], Any], inputs: Callable[[], Any], verdict: str) -> None:
    measured = flow(build, inputs())
    assert (judge(measured), len(measured.log_ratios)) == (verdict, 3), measured.log_ratios


def test_layers_are_listed_in_the_order_of_the_run() -> None:
    measured = flow(lambda: perceptron(2, nn.ReLU), vector())
    assert [layer.name for layer in measured.layers] == ["0", "3", "6"]
    assert all(len(layer.activation_norms) == len(layer.weight_norms) == 3 for layer in measured.layers)
    assert all(norm > 0 for layer in measured.layers for norm in layer.weight_norms)
    assert measured.unreached == []
    assert measured.rebuilt


def test_an_activation_in_place_does_not_change_what_is_measured() -> None:
    plain = flow(lambda: perceptron(3, nn.ReLU), vector())
    in_place = flow(lambda: perceptron(3, lambda: nn.ReLU(inplace=True)), vector())
    assert plain.log_ratios == pytest.approx(in_place.log_ratios)


def test_parameters_without_a_gradient_are_named() -> None:
    class Cut(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.last, self.unused = nn.Linear(4, 4), nn.Linear(4, 2), nn.Linear(4, 4)

        def forward(self, x: Any) -> Any:
            return self.last(self.first(x).detach())

    measured = flow(Cut(), torch.randn(3, 4))
    assert measured.unreached == ["first.weight", "first.bias", "unused.weight", "unused.bias"]
    assert not measured.rebuilt


def test_not_finite() -> None:
    def build() -> Any:
        return nn.Sequential(initialised(perceptron(3, nn.Identity), lambda weight: nn.init.constant_(weight, 1e30)))

    assert judge(flow(build, vector())) == "non-finite"


def test_an_output_that_ignores_its_input_is_constant() -> None:
    assert flow(lambda: initialised(perceptron(2, nn.ReLU), nn.init.zeros_), vector()).constant_output
    assert not flow(lambda: perceptron(2, nn.ReLU), vector()).constant_output


def test_recurrent_models_are_never_judged() -> None:
    class Loop(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.enter, self.step = nn.Linear(4, 8), nn.Linear(8, 8)

        def forward(self, x: Any) -> Any:
            state = self.enter(x)
            for _ in range(30):
                state = torch.tanh(self.step(state)) * 0.1
            return state

    assert judge(flow(Loop, torch.randn(3, 4))) == "undecided"

    class Last(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.recurrent, self.head = nn.LSTM(4, 8, batch_first=True), nn.Linear(8, 2)

        def forward(self, x: Any) -> Any:
            return self.head(self.recurrent(x)[0][:, -1])

    assert judge(flow(Last, torch.randn(3, 50, 4))) == "undecided"


def test_the_model_is_as_before() -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Linear(4, 2)).eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    state = torch.get_rng_state()
    flow(model, torch.randn(6, 4, generator=torch.Generator().manual_seed(0)))
    assert not model.training
    assert not model[1].training
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())
    assert torch.equal(state, torch.get_rng_state())
    assert not model[0]._forward_hooks


@pytest.mark.parametrize(
    ("logs", "verdict"),
    [
        ([-6.0, -7.0, -9.0], "vanishing"),
        ([-6.0, -5.9, -9.0], "undecided"),
        ([3.5, 4.0, 9.0], "exploding"),
        ([3.4, 4.0, 9.0], "undecided"),
        ([-4.1, 0.0, 2.9], "healthy"),
        ([-4.3, 0.0, 2.9], "undecided"),
        ([-4.1, 0.0, 3.0], "undecided"),
        ([0.0, 0.0], "undecided"),
    ],
)
def test_thresholds(logs: list[float], verdict: str) -> None:
    measured = GradientFlow()
    measured.log_ratios, measured.seeds = logs, 3
    assert judge(measured) == verdict
    assert THRESHOLDS["vanishing"] < THRESHOLDS["healthy above"] < THRESHOLDS["healthy below"] < THRESHOLDS["exploding"]


def test_a_model_without_gradients_is_an_error() -> None:
    with pytest.raises(ValueError, match="no output"):
        flow(nn.Flatten(), torch.randn(2, 3))
