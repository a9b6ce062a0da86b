"""What the interval interpreter says of single programs, and a fuzz of it against torch itself."""

import math
import os
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from intervals import Interval, within
from operations import RULES, WITHOUT_BOUNDS, Rule
from ranges import RangeMode
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode

from tests.confirm import chains, steps

assert steps  # imported for what it registers

FIRST_SEED = int(os.environ.get("TORCHLINT_FUZZ_SEED", "0"))
CHAINS = int(os.environ.get("TORCHLINT_FUZZ_CHAINS", "10000"))
SCALINGS = 2  # of `chains.SCALES` a chain, in turn

# Rules that no chain on this machine can reach, and why.
UNREACHED = {
    "_conj": "a view of a complex tensor, of which nothing is said anyway",
    "_convolution": "below autograd, convolution runs instead; scripts of old versions call it",
    "_efficientzerotensor": "made by forward-mode differentiation",
    "_grid_sampler_2d_cpu_fallback": "chosen inside of grid_sampler_2d",
    "_index_put_impl": "chosen inside of index_put",
    "_pin_memory": "needs an accelerator",
    "_scaled_dot_product_cudnn_attention": "needs CUDA",
    "_scaled_dot_product_efficient_attention": "needs CUDA",
    "_scaled_dot_product_flash_attention": "needs CUDA",
    "_scaled_dot_product_fused_attention_overrideable": "needs another backend",
    "_slow_conv2d_forward": "chosen inside of convolution",
    "cudnn_convolution": "needs CUDA",
    "mkldnn_adaptive_avg_pool2d": "takes opaque tensors, which have no storage",
    "mkldnn_convolution": "chosen inside of convolution",
    "avg_pool1d": "below autograd, avg_pool2d runs instead",
    "embedding_renorm": "writes to weights, of which nothing is known",
    "equal": "made of a comparison on this machine",
    "nonzero_static": "is implemented for the shape only",
    "set": "changes which storage a tensor has",
    "mkldnn_max_pool2d": "takes opaque tensors, which have no storage",
}


def watched(program: Callable[[Any], Any], shape: tuple[int, ...] = (2, 3, 8, 8), known: bool = True) -> list[Any]:
    """What the mode says of a program's result on a real, a meta and a fake tensor."""
    said = []
    for device in ("cpu", "meta", "fake"):
        with FakeTensorMode() if device == "fake" else torch.no_grad(), torch.no_grad():
            x = torch.rand(shape, device="cpu" if device == "fake" else device)
            with RangeMode() as mode:
                if known:
                    mode.declare(x, 0, 1)
                result = program(x)
            said.append((mode.interval(result), mode.kind(result), mode.last_operation(result), mode.value_dependent))
    assert said[0] == said[1] == said[2]
    return said[0]  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("program", "low", "high"),
    [
        (lambda x: 1 / (1 + torch.exp(-(x * 1000 - 500))), 0.0, 1.0),
        (lambda x: (torch.tanh(x * 90 - 45) + 1) / 2, 0.0, 1.0),
        (lambda x: F.relu6(x * 90 - 45) / 6, 0.0, 1.0),
        (lambda x: 1 - torch.exp(-F.softplus(torch.randn_like(x))), 0.0, 1.0),
        (lambda x: F.dropout(torch.sigmoid(torch.randn_like(x)), 0.5, True), 0.0, 2.0),
        (lambda x: torch.rsqrt(x), -math.inf, math.inf),
        (lambda x: x.log(), -math.inf, 0.0),
        (lambda x: F.max_pool2d(x, 3, padding=1), 0.0, 1.0),
        (lambda x: F.pad(x, (1, 1), value=-2.0), -2.0, 1.0),
        (lambda x: torch.cat([x, -x], 1), -1.0, 1.0),
        (lambda x: x.flatten(1).argmax(1), 0.0, 191.0),
        (lambda x: (x * 255).to(torch.uint8) + 7, 0.0, 255.0),
        (lambda x: torch.where(x > 0.5, x, torch.full_like(x, -3.0)), -3.0, 1.0),
        (lambda x: x.masked_fill(x > 0.5, 9.0), 0.0, 9.0),
        (lambda x: torch.randn_like(x).clamp(min=-1.0, max=2.0), -1.0, 2.0),
        (lambda x: x - 0.5, -0.5, 0.5),
        (lambda x: F.conv2d(x, torch.randn(1, 3, 3, 3, device=x.device)), -math.inf, math.inf),
        (lambda x: F.relu(torch.randn_like(x)), 0.0, math.inf),
        (lambda x: torch.var(torch.randn_like(x), 1), 0.0, math.inf),
    ],
)
def test_worked_intervals(program: Callable[[Any], Any], low: float, high: float) -> None:
    assert watched(program)[0] == Interval(low, high)


def test_bicubic_interpolation_overshoots() -> None:
    low, high = watched(lambda x: F.interpolate(x, scale_factor=2, mode="bicubic"))[0]
    assert low < -0.4
    assert high > 1.4


def test_average_pooling_is_pulled_to_zero_by_counted_padding() -> None:
    assert watched(lambda x: F.avg_pool2d(x + 1, 3, padding=1))[0][0] == 0
    assert watched(lambda x: F.avg_pool2d(x + 1, 3, padding=1, count_include_pad=False))[0][0] > 0.999


def test_means_get_room_for_rounding_and_within_ignores_it() -> None:
    interval = watched(lambda x: x.mean((2, 3)))[0]
    assert 1 < interval.high < 1.00001
    assert within(interval, 0, 1)
    assert not within((0.0, 1.01), 0, 1)


@pytest.mark.parametrize(
    ("program", "kind"),
    [
        (lambda x: torch.softmax(x, 1), ("softmax", 1)),
        (lambda x: torch.softmax(x, 1).permute(0, 2, 3, 1), ("softmax", 3)),
        (lambda x: torch.softmax(x, 1).permute(0, 2, 3, 1).reshape(-1, 3), ("softmax", 1)),
        (lambda x: torch.softmax(x, 1).flatten(2).transpose(1, 2), ("softmax", 2)),
        (lambda x: torch.softmax(x.flatten(1), 1).view(2, 3, 64), None),
        (lambda x: torch.softmax(x, 1)[:, :2], None),
        (lambda x: torch.softmax(x, 1)[1:, :, 2:5, ::3], ("softmax", 1)),
        (lambda x: torch.softmax(x, 1).view(-1)[1:-2].view(-1, 3), None),
        (lambda x: torch.softmax(x, -1).view(-1)[3:-5].view(-1, 8), None),
        (lambda x: torch.softmax(x, -1).view(-1)[8:-8].view(-1, 8), ("softmax", 1)),
        (lambda x: torch.softmax(x, 1).log(), ("log_softmax", 1)),
        (lambda x: torch.log_softmax(x, 1).exp(), ("softmax", 1)),
        (lambda x: torch.softmax(x, 1) * 1.0, None),
        (lambda x: torch.cat([torch.softmax(x, 1), torch.softmax(x, 1)], 0), ("softmax", 1)),
        (lambda x: torch.cat([torch.softmax(x, 1), torch.softmax(x, 1)], 1), None),
        (lambda x: torch.stack([torch.softmax(x, 1), torch.softmax(x, 1)], 1), ("softmax", 2)),
        (lambda x: torch.sigmoid(x).flatten(1)[:, ::3].unsqueeze(0).contiguous(), ("sigmoid", None)),
        (lambda x: torch.sigmoid(x) + 0.5, None),
    ],
)
def test_kinds_survive_movement(program: Callable[[Any], Any], kind: tuple[str, int | None] | None) -> None:
    assert watched(program)[1] == kind


def test_the_operation_that_gave_the_numbers_is_named() -> None:
    assert watched(lambda x: torch.sigmoid(x).flatten(1).clone())[2] == "sigmoid"
    assert watched(lambda x: x)[2] == "input"
    assert watched(lambda x: x, known=False)[2] == ""


def test_writes_to_a_part_leave_other_parts_alone() -> None:
    def gates(x: Any) -> Any:
        first, second = torch.randn_like(x).chunk(2, -1)
        first.sigmoid_()
        second.tanh_()
        return first

    def whole(x: Any) -> Any:
        made = torch.zeros_like(x)
        made[:, :1].fill_(5.0)
        return made

    assert watched(gates)[0] == Interval(0.0, 1.0)
    assert watched(whole)[0] == Interval(0.0, 5.0)


def test_overlapping_writes_take_the_hull() -> None:
    def overlap(x: Any) -> Any:
        made = torch.zeros(2, 8, device=x.device)
        made[:, 2:5].fill_(1.0)
        made[:, 4:6].fill_(-1.0)
        return made[:, 2:5]

    low, high = watched(overlap)[0]
    assert (low, high) == (-1.0, 1.0)


@pytest.mark.parametrize(
    ("program", "dependent"),
    [
        (lambda x: x * (2 if x.sum() > 0 else 1), True),
        (lambda x: x[x > 0.5], True),
        (lambda x: torch.tensor(x.tolist()), True),
        (lambda x: torch.from_numpy(x.numpy()), True),
        (lambda x: x.nonzero(), True),
        (lambda x: x * torch.tensor(3.0).item(), False),
        (lambda x: F.relu(x), False),
    ],
)
def test_decisions_on_values_are_noticed(program: Callable[[Any], Any], dependent: bool) -> None:
    x = torch.rand(2, 3)
    with RangeMode() as mode:
        program(x)
    assert mode.value_dependent is dependent


def test_recurrent_outputs_are_bounded() -> None:
    rnn, lstm, gru = nn.RNN(8, 4), nn.LSTM(8, 4), nn.GRU(8, 4)
    for device in ("cpu", "meta"):
        for module in (rnn.to(device), lstm.to(device), gru.to(device)):
            with RangeMode() as mode, torch.no_grad():
                result = module(torch.zeros(5, 2, 8, device=device))[0]
            assert within(mode.interval(result), -1, 1)


def test_a_mixture_lies_between_its_ends_only_while_they_are_what_they_were() -> None:
    def mixed(x: Any) -> Any:
        end = x + 2
        return (x - end) * torch.sigmoid(x) + end

    def changed(x: Any) -> Any:
        end = x + 2
        part = (x - end) * torch.sigmoid(x)
        return part + end.mul_(10)

    assert within(watched(mixed)[0], 0, 3)
    assert watched(changed)[0].high > 20


def test_an_unknown_operation_is_named_and_gives_nothing() -> None:
    with RangeMode() as mode:
        result = torch.special.bessel_j0(torch.zeros(3))
    assert mode.interval(result) == Interval(-math.inf, math.inf)
    assert mode.unknown == {"special_bessel_j0"}


def test_inference_mode_hides_parts_and_gives_nothing() -> None:
    with torch.inference_mode(), RangeMode() as mode:
        result = F.linear(torch.sigmoid(torch.zeros(2, 3)), torch.eye(3))
    assert mode.unknown == {"linear"}
    assert mode.interval(result) == Interval(-math.inf, math.inf)


def test_a_declared_input_must_be_an_interval() -> None:
    with pytest.raises(ValueError, match="no interval"):
        RangeMode().declare(torch.zeros(2), 1, 0)


def test_each_step_alone_reaches_every_rule() -> None:
    met: set[str] = set()
    for name in chains.STEPS:
        for seed in range(40):
            met |= chains.run(seed, 1.0, [name]).mode.met
    assert set(RULES) - WITHOUT_BOUNDS - met == set(UNREACHED)


def test_random_chains_stay_in_their_intervals() -> None:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        for seed in range(FIRST_SEED, FIRST_SEED + CHAINS):
            for turn in range(SCALINGS):
                chains.run(seed, chains.SCALES[(seed + 3 * turn) % len(chains.SCALES)])
    finally:
        torch.set_num_threads(threads)


@pytest.mark.parametrize("operation", ["sigmoid", "upsample_bicubic2d", "cat", "add", "avg_pool2d", "elu", "rsqrt"])
def test_the_fuzz_finds_a_broken_rule(operation: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rule = RULES[operation]

    def narrowed(call: Any) -> Any:
        interval = rule.handler(call)
        assert isinstance(interval, Interval)
        if operation == "rsqrt":  # of a negative zero it is -inf
            return Interval(max(interval.low, 0.0), interval.high)
        return Interval(interval.low, interval.high - 0.05 * (abs(interval.high) + 0.1))

    monkeypatch.setitem(RULES, operation, Rule(narrowed, rule.precision))
    reaching = [name for name in chains.STEPS if operation.split("_")[-1][:5] in name or "bicubic" in name]

    def fuzz() -> None:
        for seed in range(300):
            for name in reaching:
                chains.run(seed, chains.SCALES[seed % len(chains.SCALES)], [name])

    with pytest.raises(chains.ViolationError):
        fuzz()
