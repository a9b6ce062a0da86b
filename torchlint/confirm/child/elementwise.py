"""What each aten operation on one tensor does to intervals: functions, activations, factories, choices."""

import math
from collections.abc import Callable

import torch
from intervals import (
    APPROXIMATION,
    GELU_BOTTOM,
    GELU_TANH_BOTTOM,
    MISH_BOTTOM,
    NON_NEGATIVE,
    SILU_BOTTOM,
    SYMMETRIC_UNIT,
    UNBOUNDED,
    UNIT,
    ZERO,
    Interval,
    gelu,
    gelu_tanh,
    guarded,
    hardswish,
    hull,
    is_integral,
    limited,
    limits,
    magnitude,
    mish,
    monotone,
    multiply,
    negate,
    number,
    reciprocal,
    settle,
    sigmoid,
    silu,
    softplus,
    valley,
)
from operations import EXACT, Call, Handler, Result, constant, handles, without_bounds


def _unary(image: Callable[[Interval], Interval], *names: str, precision: float = APPROXIMATION) -> None:
    handles(*names, precision=precision)(lambda call: image(call.of("self")))


# --- one operand -----------------------------------------------------------------------------------------------------

_unary(negate, "neg", precision=EXACT)
_unary(magnitude, "abs", precision=0)
_unary(reciprocal, "reciprocal", precision=0)
_unary(limited(monotone(lambda x: math.exp(x)), NON_NEGATIVE), "exp")
_unary(limited(monotone(lambda x: 2.0**x), NON_NEGATIVE), "exp2")
_unary(limited(monotone(lambda x: math.expm1(x)), Interval(-1.0, math.inf)), "expm1")
_unary(limited(monotone(sigmoid), UNIT), "sigmoid")
_unary(limited(monotone(math.tanh), SYMMETRIC_UNIT), "tanh")
_unary(monotone(lambda x: math.sinh(x) if x > -700 else -math.inf), "sinh")
_unary(monotone(math.asinh), "asinh")
_unary(monotone(math.atan), "atan")
_unary(limited(monotone(math.erf), SYMMETRIC_UNIT), "erf")
_unary(lambda one: Interval(math.erfc(one.high), math.erfc(one.low)), "erfc")
constant(SYMMETRIC_UNIT, "sin", "cos", "frac")
constant(Interval(-0.21724, 1.0), "sinc")
constant(Interval(-0.5 * math.pi * (1 + 1e-2), 0.5 * math.pi * (1 + 1e-2)), "asin")
constant(Interval(0.0, math.pi * (1 + 1e-2)), "acos")
constant(Interval(1.0, math.inf), "cosh")
constant(NON_NEGATIVE, "acosh")


without_bounds("tan", "atanh", "erfinv", "lgamma", "digamma", "polygamma", "mvlgamma")


@handles("sqrt", precision=0)
def _sqrt(call: Call) -> Result:
    x = call.of()
    return Interval(math.sqrt(max(x.low, 0.0)), math.sqrt(x.high)) if x.high >= 0 else UNBOUNDED


@handles("rsqrt", precision=APPROXIMATION)
def _rsqrt(call: Call) -> Result:
    x = call.of()
    if x.low <= 0:
        return UNBOUNDED  # rsqrt(-0.0) = -inf
    return Interval(1.0 / math.sqrt(x.high), 1.0 / math.sqrt(x.low))


def _logarithm(function: Callable[[float], float], shift: float) -> Handler:
    def handler(call: Call) -> Result:
        x = call.of()
        if x.high < -shift:
            return UNBOUNDED
        low = function(x.low) if x.low > -shift else -math.inf
        return Interval(low, function(x.high) if x.high > -shift else -math.inf)

    return handler


handles("log", precision=APPROXIMATION)(_logarithm(lambda x: math.log(x), 0.0))
handles("log2", precision=APPROXIMATION)(_logarithm(lambda x: math.log2(x), 0.0))
handles("log10", precision=APPROXIMATION)(_logarithm(lambda x: math.log10(x), 0.0))
handles("log1p", precision=APPROXIMATION)(_logarithm(lambda x: math.log1p(x), 1.0))


@handles("logit", precision=APPROXIMATION)
def _logit(call: Call) -> Result:
    eps = call.value("eps")
    if eps is None or not 0 < eps < 0.5:
        return UNBOUNDED
    end = math.log((1 - eps) / eps) * (1 + 1e-3) + 1e-3
    return Interval(-end, end)


def _step(function: Callable[[float], float]) -> Handler:
    def handler(call: Call) -> Result:
        return Interval(*(float(function(end)) if math.isfinite(end) else end for end in call.of()))

    return handler


handles("floor")(_step(math.floor))
handles("ceil")(_step(math.ceil))
handles("trunc")(_step(math.trunc))


@handles("round", precision=APPROXIMATION)
def _round(call: Call) -> Result:
    decimals = int(call.value("decimals", 0))
    if decimals:
        x, unit = call.of(), 10.0**-decimals
        return Interval(x.low - unit, x.high + unit)
    return Interval(*(float(round(end)) if math.isfinite(end) else end for end in call.of()))


@handles("sign", "sgn")
def _sign(call: Call) -> Result:
    return Interval(*(float((end > 0) - (end < 0)) for end in call.of()))


@handles("heaviside")
def _heaviside(call: Call) -> Result:
    return hull([UNIT, call.of("values")])


@handles("nan_to_num")
def _nan_to_num(call: Call) -> Result:
    x = call.of()
    if is_integral(call.dtype):
        return x
    largest = torch.finfo(call.dtype).max
    nan = settle(number(call.value("nan", 0.0)), call.dtype)
    top = settle(number(call.value("posinf", largest)), call.dtype)
    bottom = settle(number(call.value("neginf", -largest)), call.dtype)
    finite = Interval(max(x.low, -largest), min(x.high, largest))
    parts = [nan, finite]
    if x.high == math.inf:
        parts.append(top)
    if x.low == -math.inf:
        parts.append(bottom)
    return hull(parts)


# --- activations -----------------------------------------------------------------------------------------------------


@handles("relu")
def _relu(call: Call) -> Result:
    x = call.of()
    return Interval(max(x.low, 0.0), max(x.high, 0.0))


def _clamped(x: Interval, low: Interval | None, high: Interval | None) -> Interval:
    """min(max(x, low), high), which rises in all three."""
    if low is not None:
        x = Interval(max(x.low, low.low), max(x.high, low.high))
    if high is not None:
        x = Interval(min(x.low, high.low), min(x.high, high.high))
    return x


@handles("clamp", "clamp_min", "clamp_max")
def _clamp(call: Call) -> Result:
    return _clamped(call.of(), call.optional("min"), call.optional("max"))


@handles("hardtanh")
def _hardtanh(call: Call) -> Result:
    bounds = [
        settle(number(call.value(name, default)), call.dtype) for name, default in (("min_val", -1), ("max_val", 1))
    ]
    return _clamped(call.of(), *bounds)


@handles("hardsigmoid", precision=APPROXIMATION)
def _hardsigmoid(call: Call) -> Result:
    return limited(monotone(lambda x: min(max(x + 3.0, 0.0), 6.0) / 6.0), UNIT)(call.of())


@handles("leaky_relu", precision=0)
def _leaky_relu(call: Call) -> Result:
    return _two_slopes(call.of(), settle(number(call.value("negative_slope", 0.01)), call.dtype))


@handles("_prelu_kernel", precision=0)
def _prelu(call: Call) -> Result:
    return _two_slopes(call.of(), call.of("weight"))


def _two_slopes(x: Interval, slope: Interval) -> Interval:
    parts = []
    if x.high >= 0:
        parts.append(Interval(max(x.low, 0.0), x.high))
    if x.low < 0:
        parts.append(multiply(Interval(x.low, min(x.high, 0.0)), slope))
    return hull(parts)


@handles("rrelu_with_noise", precision=0)
def _rrelu(call: Call) -> Result:
    slopes = [settle(number(call.value(name, at)), call.dtype) for name, at in (("lower", 0.125), ("upper", 1 / 3))]
    return _two_slopes(call.of(), hull(slopes))


@handles("elu", "celu", precision=APPROXIMATION)
def _elu(call: Call) -> Result:
    if call.name == "selu":
        alpha, scale, input_scale = 1.6732632423543772, 1.0507009873554805, 1.0
    elif call.name == "celu":
        alpha, scale = float(call.value("alpha", 1)), 1.0
        input_scale = 1.0 / alpha
    else:
        alpha, scale, input_scale = (float(call.value(name, 1)) for name in ("alpha", "scale", "input_scale"))
    if not (alpha >= 0 and scale >= 0 and input_scale >= 0):
        return UNBOUNDED
    return monotone(lambda x: x * scale if x >= 0 else scale * alpha * guarded(math.expm1, x * input_scale))(call.of())


def _with_valley(function: Callable[[float], float], bottom: float) -> Handler:
    def handler(call: Call) -> Result:
        return valley(function, bottom, 16 * call.epsilon())(call.of())

    return handler


handles("silu", precision=APPROXIMATION)(_with_valley(silu, SILU_BOTTOM))
handles("mish", precision=APPROXIMATION)(_with_valley(mish, MISH_BOTTOM))
handles("hardswish", precision=APPROXIMATION)(_with_valley(hardswish, -1.5))


@handles("gelu", precision=APPROXIMATION)
def _gelu(call: Call) -> Result:
    if call.value("approximate", "none") == "tanh":
        return valley(gelu_tanh, GELU_TANH_BOTTOM, 16 * call.epsilon())(call.of())
    return valley(gelu, GELU_BOTTOM, 16 * call.epsilon())(call.of())


@handles("softplus", precision=APPROXIMATION)
def _softplus(call: Call) -> Result:
    beta, threshold = float(call.value("beta", 1)), float(call.value("threshold", 20))
    if beta <= 0 or threshold < 0:
        return UNBOUNDED
    low, high = (softplus(end * beta) / beta if math.isfinite(end) else max(end, 0.0) for end in call.of())
    # beyond the threshold it is x itself, which is less than softplus
    gap = math.log1p(math.exp(-threshold)) / beta
    return Interval(max(low - (gap if low * beta >= threshold else 0.0), 0.0), high)


@handles("log_sigmoid_forward", precision=APPROXIMATION)
def _log_sigmoid(call: Call) -> Result:
    inside = Interval(*(-softplus(-end) if math.isfinite(end) else min(end, 0.0) for end in call.of()))
    return [inside, None][: len(call.results)] if len(call.results) > 1 else inside


@handles("hardshrink")
def _hardshrink(call: Call) -> Result:
    return hull([call.of(), ZERO])


@handles("softshrink", precision=0)
def _softshrink(call: Call) -> Result:
    x, cut = call.of(), float(call.value("lambd", 0.5))
    return Interval(min(x.low + cut, 0.0) if x.low < 0 else 0.0, max(x.high - cut, 0.0) if x.high > 0 else 0.0)


@handles("threshold")
def _threshold(call: Call) -> Result:
    floor = settle(number(call.value("threshold")), call.dtype).low
    x, parts = call.of(), [settle(number(call.value("value")), call.dtype)]
    if x.high >= floor:
        parts.append(Interval(max(x.low, floor), x.high))
    return hull(parts)


@handles("glu", precision=APPROXIMATION)
def _glu(call: Call) -> Result:
    x = call.of()
    return Interval(min(x.low, 0.0), max(x.high, 0.0))


@handles("_softmax", "_safe_softmax")
def _softmax(call: Call) -> Result:
    return UNIT


@handles("_log_softmax", precision=0)
def _log_softmax(call: Call) -> Result:
    # x - max - log(sum): the sum is at least 1, so the logarithm is at least 0; fused forms round in another order
    return Interval(-math.inf, 4 * call.epsilon())


@handles("_masked_softmax")
def _masked_softmax(call: Call) -> Result:
    return UNIT


@handles("native_dropout", precision=0)
def _native_dropout(call: Call) -> Result:
    chance, training = float(call.value("p", 0.5)), call.arguments.get("train")
    if training is False or chance == 0:
        return [call.of("input"), UNIT]
    if chance >= 1:
        return [ZERO, UNIT]
    return [hull([ZERO, multiply(call.of("input"), settle(number(1 / (1 - chance)), call.dtype))]), UNIT]


# --- numbers out of nothing ------------------------------------------------------------------------------------------

constant(ZERO, "zeros", "zeros_like", "new_zeros", "zero", "_efficientzerotensor")
constant(Interval(1.0, 1.0), "ones", "ones_like", "new_ones")
constant(UNIT, "eye", "rand", "rand_like", "bernoulli", "hann_window", "hamming_window", "bartlett_window")


@handles("full", "full_like", "new_full", "fill", "scalar_tensor", precision=0)
def _full(call: Call) -> Result:
    for name in ("fill_value", "value", "s"):
        if name in call.arguments:
            return call.of(name)
    return None


@handles("empty", "empty_like", "new_empty", "empty_strided", "new_empty_strided", "empty_permuted", "resize", "set")
def _empty(call: Call) -> Result:
    return limits(call.dtype)


@handles("arange", precision=8)
def _arange(call: Call) -> Result:
    start, end = number(call.value("start", 0)), number(call.value("end"))
    slack = call.epsilon() * 8 * max(abs(start.low), abs(end.low))
    both = hull([start, end])
    return Interval(both.low - slack if both.low else 0.0, both.high + slack)


@handles("linspace", precision=8)
def _linspace(call: Call) -> Result:
    both = hull([call.of("start"), call.of("end")])
    slack = call.epsilon() * 8 * max(abs(both.low), abs(both.high))
    return Interval(both.low - slack if both.low else 0.0, both.high + slack)


@handles("logspace")
def _logspace(call: Call) -> Result:
    return NON_NEGATIVE


@handles("randint", "randint_like")
def _randint(call: Call) -> Result:
    return Interval(float(call.value("low", 0)), float(call.value("high") - 1))


@handles("randperm")
def _randperm(call: Call) -> Result:
    return Interval(0.0, float(max(int(call.value("n")) - 1, 0)))


without_bounds("randn", "randn_like", "normal", "normal_functional", "cauchy")


@handles("uniform", precision=1)
def _uniform(call: Call) -> Result:
    return hull([number(call.value("from", 0.0)), number(call.value("to", 1.0))])


@handles("exponential", "log_normal", "poisson", "geometric", "_standard_gamma", "binomial")
def _positive_numbers(call: Call) -> Result:
    return NON_NEGATIVE


@handles("random")
def _random(call: Call) -> Result:
    if call.arguments.get("to") is not None:
        return settle(Interval(float(call.value("from", 0)), float(call.value("to"))), call.dtype)
    return NON_NEGATIVE if call.arguments.get("from") is None else UNBOUNDED


@handles("multinomial")
def _multinomial(call: Call) -> Result:
    return Interval(0.0, float(max(call.size()[-1] - 1, 0)))


@handles("tril_indices", "triu_indices")
def _triangle_indices(call: Call) -> Result:
    return Interval(0.0, float(max(call.value("row"), call.value("col"), 1) - 1))


# --- a choice between two sources ------------------------------------------------------------------------------------


@handles("where")
def _where(call: Call) -> Result:
    if len(call.results) != 1 or "self" not in call.arguments:
        return None
    return hull([call.of("self"), call.of("other")])


@handles("masked_fill")
def _masked_fill(call: Call) -> Result:
    return hull([call.of(), call.of("value")])


@handles("masked_scatter")
def _masked_scatter(call: Call) -> Result:
    return hull([call.of(), call.of("source")])


@handles("tril", "triu", "diag_embed", "max_unpool2d", "max_unpool3d", "im2col")
def _with_zeros(call: Call) -> Result:
    return hull([call.of(), ZERO])


@handles("constant_pad_nd")
def _constant_pad(call: Call) -> Result:
    return hull([call.of(), settle(number(call.value("value", 0)), call.dtype)])
