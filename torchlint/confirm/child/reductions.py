"""What aten operations that combine elements do to intervals: sums, means, pooling, indexed writes, products."""

import math

import torch
from intervals import (
    APPROXIMATION,
    NON_NEGATIVE,
    SYMMETRIC_UNIT,
    UNBOUNDED,
    UNIT,
    ZERO,
    Interval,
    add,
    hull,
    is_integral,
    magnitude,
    multiply,
    number,
    settle,
    summation_slack,
)
from operations import Call, Result, constant, handles, without_bounds


def reduced_count(call: Call, name: str = "dim") -> int:
    """How many elements go into each result."""
    sizes, dimensions = call.size(), call.arguments.get(name)
    if dimensions is None or dimensions == []:
        return math.prod(sizes)
    if isinstance(dimensions, int):
        dimensions = [dimensions]
    return math.prod(sizes[dimension] for dimension in dimensions) if sizes else 1


def total(each: Interval, fewest: int, most: int, call: Call) -> Interval:
    """The sum of `fewest` to `most` numbers of an interval, with room for the rounding of sums."""
    low = min(_times(fewest, each.low), _times(most, each.low))
    high = max(_times(fewest, each.high), _times(most, each.high))
    if not call.dtype.is_floating_point:
        return Interval(low, high)
    slack = summation_slack(most) * call.epsilon()
    return Interval(low - abs(low) * slack if math.isfinite(low) else low, high + abs(high) * slack)


def _times(count: int, end: float) -> float:
    return 0.0 if count == 0 else count * end


def _averaged(each: Interval, count: int, call: Call) -> Interval:
    """The mean of `count` numbers."""
    if not call.dtype.is_floating_point:
        return each
    slack = (summation_slack(count) + 2) * call.epsilon()
    low, high = each
    return Interval(low - abs(low) * slack if math.isfinite(low) else low, high + abs(high) * slack)


@handles("sum", precision=0)
def _sum(call: Call) -> Result:
    count = reduced_count(call)
    each = call.of()
    if is_integral(call.dtype) and call.value("self").dtype is torch.bool:
        each = call.raw("self")
    return total(each, count, count, call)


@handles("nansum", precision=0)
def _nansum(call: Call) -> Result:
    return total(hull([call.of(), ZERO]), 0, reduced_count(call), call)


@handles("mean", precision=0)
def _mean(call: Call) -> Result:
    return _averaged(call.of(), reduced_count(call), call)


@handles("cumsum", precision=0)
def _cumsum(call: Call) -> Result:
    sizes = call.size()
    return total(call.of(), 1, sizes[call.value("dim")] if sizes else 1, call)


@handles("prod", "cumprod", precision=0)
def _prod(call: Call) -> Result:
    x = call.of()
    if x.low >= 0 and x.high <= 1:
        return UNIT
    if x.low >= 1:
        return Interval(1.0, math.inf)
    if x.low >= 0:
        return NON_NEGATIVE
    if x.low >= -1 and x.high <= 1:
        return SYMMETRIC_UNIT
    return None


def _indices(call: Call, count: int) -> list[Interval | None]:
    """A choice of values and the places where they were."""
    return [call.of("self"), Interval(0.0, float(max(count - 1, 0)))]


@handles("max", "min", "median", "nanmedian", "sort", "topk", "kthvalue", "mode", "cummax", "cummin")
def _chosen(call: Call) -> Result:
    if "other" in call.arguments:
        one, other = call.of(), call.of("other")
        choose = max if call.name == "max" else min
        return Interval(choose(one.low, other.low), choose(one.high, other.high))
    if len(call.results) == 1:
        return call.of()
    sizes = call.size()
    return _indices(call, sizes[call.value("dim", -1)] if sizes else 1)


without_bounds("_cummax_helper", "_cummin_helper")


@handles("amax", "amin", "aminmax")
def _extreme(call: Call) -> Result:
    return call.of()


@handles("argmax", "argmin")
def _places(call: Call) -> Result:
    return Interval(0.0, float(max(reduced_count(call) - 1, 0)))


@handles("count_nonzero")
def _count_nonzero(call: Call) -> Result:
    return Interval(0.0, float(reduced_count(call)))


@handles("logsumexp", precision=APPROXIMATION)
def _logsumexp(call: Call) -> Result:
    x, count = call.of(), reduced_count(call)
    if count == 0:
        return UNBOUNDED
    slack = 8 * call.epsilon()
    return Interval(x.low - slack * max(1.0, abs(x.low)) if math.isfinite(x.low) else x.low,
                    x.high + math.log(count) + slack * max(1.0, abs(x.high)))  # fmt: skip


without_bounds("logcumsumexp")


constant(
    NON_NEGATIVE, "norm", "linalg_vector_norm", "var", "std", "_cdist_forward",
    "_pdist_forward", "histc",
    "bincount", "_euclidean_dist", "mse_loss", "smooth_l1_loss", "huber_loss", "soft_margin_loss",
    "dist",
)  # fmt: skip


@handles("var_mean", "std_mean")
def _spread_and_mean(call: Call) -> Result:
    return [NON_NEGATIVE, settle(_averaged(call.of(), reduced_count(call), call), call.dtype)]


@handles("bucketize", "searchsorted")
def _bucketize(call: Call) -> Result:
    boundaries = call.arguments.get("boundaries", call.arguments.get("sorted_sequence"))
    return Interval(0.0, float(boundaries.shape[-1])) if isinstance(boundaries, torch.Tensor) else None


@handles("nonzero", "nonzero_static")
def _nonzero(call: Call) -> Result:
    return Interval(-1.0, float(max([*call.size(), 1])))


@handles("unique_dim", "_unique", "_unique2", "unique_consecutive")
def _unique(call: Call) -> Result:
    return [call.of(), NON_NEGATIVE, NON_NEGATIVE]


@handles("trace", precision=0)
def _trace(call: Call) -> Result:
    count = min(call.size())
    return total(call.of(), count, count, call)


# --- pooling and resampling ------------------------------------------------------------------------------------------


@handles(
    "max_pool2d_with_indices", "max_pool3d_with_indices",
    "adaptive_max_pool2d", "adaptive_max_pool3d", "fractional_max_pool2d",
    "fractional_max_pool3d", "mkldnn_max_pool2d",
)  # fmt: skip
def _max_pool(call: Call) -> Result:
    # the padding of -inf never wins: it is at most half of the window
    results: list[Interval | None] = [call.of(), Interval(0.0, float(max(math.prod(call.size()[1:]), 1)))]
    return results[: len(call.results)]


def _window(call: Call, name: str, dimensions: int) -> list[int]:
    value = call.value(name, [])
    if isinstance(value, int):
        value = [value]
    return [int(value[0])] * dimensions if len(value) == 1 else [int(one) for one in value]


@handles("avg_pool1d", "avg_pool2d", "avg_pool3d", precision=0)
def _avg_pool(call: Call) -> Result:
    dimensions = int(call.name[-2])
    window = math.prod(_window(call, "kernel_size", dimensions))
    padded = any(_window(call, "padding", dimensions) or [0])
    each = call.of()
    divisor = call.arguments.get("divisor_override")
    if divisor:
        sums = total(hull([each, ZERO]), 0, window, call)
        return settle(Interval(sums.low / abs(divisor), sums.high / abs(divisor)), call.dtype) if divisor > 0 else None
    if padded and call.value("count_include_pad", True):
        each = hull([each, ZERO])
    return _averaged(each, window, call)


@handles(
    "_adaptive_avg_pool2d", "_adaptive_avg_pool3d",
    "mkldnn_adaptive_avg_pool2d", precision=0,
)  # fmt: skip
def _adaptive_avg_pool(call: Call) -> Result:
    return _averaged(call.of(), math.prod(call.size()[-2:]), call)


@handles(
    "upsample_linear1d", "upsample_bilinear2d", "upsample_trilinear3d", "_upsample_bilinear2d_aa", precision=0,
)  # fmt: skip
def _convex(call: Call) -> Result:
    x = call.of()
    if is_integral(call.dtype):
        return Interval(x.low - 1.0, x.high + 1.0)
    return _averaged(x, 64, call)


@handles("upsample_bicubic2d", precision=APPROXIMATION)
def _bicubic(call: Call) -> Result:
    """Bicubic weights overshoot: with the coefficient -0.75 the negative ones of a line sum to at least -0.1875."""
    if is_integral(call.dtype):
        return None
    positive, negative = 1.1875**2 + 0.1875**2, 2 * 1.1875 * 0.1875
    x = call.of()
    slack = 32 * call.epsilon() * magnitude(x).high
    up, down = number(positive), number(negative)
    result = add(multiply(up, x), multiply(Interval(-down.low, -down.low), x))
    return Interval(result.low - slack, result.high + slack) if math.isfinite(slack) else UNBOUNDED


# the weights overshoot by an amount that depends on the sizes
without_bounds("_upsample_bicubic2d_aa", "_upsample_lanczos2d_aa")


@handles("grid_sampler_2d", "grid_sampler_3d", "_grid_sampler_2d_cpu_fallback", precision=0)
def _grid_sampler(call: Call) -> Result:
    if call.value("interpolation_mode", 0) not in (0, 1):
        return None
    each = call.of("input")
    if call.value("padding_mode", 0) == 0:
        each = hull([each, ZERO])
    return _averaged(each, 64, call)


without_bounds("affine_grid_generator")


@handles("col2im", precision=0)
def _col2im(call: Call) -> Result:
    window = math.prod(call.value("kernel_size"))
    return total(hull([call.of(), ZERO]), 0, window, call)


# --- joining and indexed writes --------------------------------------------------------------------------------------


@handles("cat", "stack", "block_diag")
def _joined(call: Call) -> Result:
    parts = [part for part in call.value("tensors") if part.numel()]
    dtype = call.dtype
    zero = [ZERO] if call.name == "block_diag" else []
    return hull([settle(call.interval(part), dtype) for part in parts] + zero) if parts else None


@handles(
    "scatter", "index_fill", "index_copy", "select_scatter", "slice_scatter", "diagonal_scatter",
    "as_strided_scatter", "put",
)  # fmt: skip
def _written(call: Call) -> Result:
    parts = [call.of()]
    for name in ("src", "value", "source", "fill_value"):
        if call.arguments.get(name) is not None:
            parts.append(call.of(name))
    if len(parts) < 2:
        return None
    if call.arguments.get("accumulate"):
        return _accumulated(call, call.of("source"), math.prod(call.size("source")))
    reduce = call.arguments.get("reduce")
    if reduce is not None:
        return _accumulated(call, parts[1], math.prod(call.size("index"))) if reduce == "add" else None
    return hull(parts)


def _accumulated(call: Call, each: Interval, most: int) -> Result:
    """`self` plus any number of elements, up to `most`."""
    added = total(each, 0, most, call)
    both = add(call.of(), added)
    if not call.dtype.is_floating_point:
        return both
    slack = summation_slack(most) * call.epsilon()
    own = call.of()
    return Interval(
        both.low - slack * (abs(own.low) if own.low < 0 or added.low < 0 else 0.0)
        if math.isfinite(both.low)
        else both.low,
        both.high + slack * abs(own.high) if math.isfinite(both.high) else both.high,
    )


@handles("index_put", "_unsafe_index_put", "_index_put_impl", precision=0)
def _index_put(call: Call) -> Result:
    if call.value("accumulate", False):
        count = math.prod(call.size()) * max(1, math.prod(call.size("values")))
        return _accumulated(call, call.of("values"), min(count, _index_count(call)))
    return hull([call.of(), call.of("values")])


def _index_count(call: Call) -> int:
    """No element is hit more often than there are positions in the indices."""
    shapes = [tuple(index.shape) for index in call.value("indices", []) if isinstance(index, torch.Tensor)]
    return max(1, math.prod(torch.broadcast_shapes(*shapes))) if shapes else 1


@handles("scatter_add", precision=0)
def _scatter_add(call: Call) -> Result:
    return _accumulated(call, call.of("src"), math.prod(call.size("index")))


@handles("index_add", precision=0)
def _index_add(call: Call) -> Result:
    alpha = settle(number(call.value("alpha", 1)), call.dtype)
    each = settle(multiply(alpha, call.of("source")), call.dtype)
    return _accumulated(call, each, math.prod(call.size("index")))


@handles("scatter_reduce", "index_reduce", precision=0)
def _scatter_reduce(call: Call) -> Result:
    kind = call.value("reduce")
    source = call.of("src") if call.name == "scatter_reduce" else call.of("source")
    count = math.prod(call.size("index"))
    if kind == "sum":
        return _accumulated(call, source, count)
    if kind in ("amax", "amin"):
        return hull([call.of(), source])
    if kind == "mean":
        return _averaged(hull([call.of(), source]), count + 1, call) if call.dtype.is_floating_point else None
    return None


# --- products with unknown weights -----------------------------------------------------------------------------------


def dot(one: Interval, other: Interval, count: int, call: Call) -> Interval | None:
    """The sum of `count` products; None where a side has no bound."""
    each = multiply(one, other)
    if not call.dtype.is_floating_point:
        return total(each, count, count, call)
    result = total(each, count, count, call)
    # products are rounded or fused: one more epsilon of each
    room = 2 * call.epsilon()
    return Interval(
        result.low - abs(result.low) * room if math.isfinite(result.low) else result.low,
        result.high + abs(result.high) * room,
    )


@handles("mm", "bmm", "mv", "dot", "vdot", precision=0)
def _product(call: Call) -> Result:
    other = next(call.value(name) for name in ("mat2", "other", "vec", "tensor") if call.value(name) is not None)
    return dot(call.of(), settle(call.interval(other), call.dtype), call.size()[-1] if call.size() else 1, call)


@handles("addmm", "baddbmm", "addmv", precision=0)
def _added_product(call: Call) -> Result:
    left, right = ("batch1", "batch2") if call.name == "baddbmm" else ("mat1", "mat2")
    if call.name == "addmv":
        left, right = "mat", "vec"
    if call.value("alpha", 1) != 1 or call.value("beta", 1) != 1:
        return None
    count = call.size(left)[-1]
    product = dot(call.of(left), call.of(right), count, call)
    if product is None:
        return None
    both = add(call.of(), product)
    slack = summation_slack(count + 1) * call.epsilon()
    size = max(magnitude(call.of()).high, magnitude(product).high)
    if both.low >= 0 and call.of().low >= 0 and product.low >= 0:
        return Interval(both.low - slack * both.low, both.high + slack * size)
    if not math.isfinite(size):
        return UNBOUNDED if both.low < 0 < both.high else None
    return Interval(both.low - slack * size, both.high + slack * size)


without_bounds(
    "addr", "addbmm", "_addmm_activation", "_trilinear",
    "_weight_norm_interface",
)  # fmt: skip


@handles(
    "convolution", "_convolution", "mkldnn_convolution", "cudnn_convolution",
    "_slow_conv2d_forward",
)  # fmt: skip
def _convolution(call: Call) -> Result:
    weight = call.arguments.get("weight")
    if not isinstance(weight, torch.Tensor):
        return None
    x, kernel = call.of("input"), call.of("weight")
    if not all(math.isfinite(end) for end in (*x, *kernel)):
        return None
    count = math.prod(weight.shape)
    bias = call.optional("bias") or ZERO
    terms = multiply(x, kernel)
    most = math.prod(weight.shape[1:]) if not call.value("transposed", False) else count
    low, high = min(0.0, most * terms.low), max(0.0, most * terms.high)
    # fast algorithms add and subtract: the error is relative to the largest sum
    slack = (summation_slack(most) + 64) * call.epsilon() * (most * magnitude(terms).high + magnitude(bias).high)
    return add(Interval(low - slack, high + slack), bias)


# Open: the affine weights are unknown, and without them cancellation may still leave any quotient.
without_bounds(
    "native_batch_norm", "_native_batch_norm_legit", "_native_batch_norm_legit_no_training",
    "_native_batch_norm_legit_functional", "cudnn_batch_norm", "_batch_norm_with_update",
    "_batch_norm_no_update", "native_layer_norm", "native_group_norm",
    "miopen_batch_norm",
    "batch_norm_stats",
)  # fmt: skip


@handles("embedding", "embedding_renorm")
def _embedding(call: Call) -> Result:
    if call.name == "embedding_renorm":
        return None
    return call.of("weight")


without_bounds("_embedding_bag", "_embedding_bag_forward_only")


@handles(
    "_scaled_dot_product_flash_attention_for_cpu", "_scaled_dot_product_flash_attention",
    "_scaled_dot_product_efficient_attention", "_scaled_dot_product_cudnn_attention",
    "_scaled_dot_product_fused_attention_overrideable",
    precision=0,
)  # fmt: skip
def _attention(call: Call) -> Result:
    """A convex combination of values, or zero where everything is masked."""
    if call.value("dropout_p", 0.0) != 0:
        return None
    value = hull([call.of("value"), ZERO])
    count = call.size("value")[-2]
    first = _averaged(value, count + 64, call)
    return [first, *(None for _ in call.results[1:])]


@handles("mkldnn_rnn_layer", precision=0)
def _fused_recurrent_layer(call: Call) -> Result:
    # an LSTM's output is a sigmoid times a tanh; its cell state grows with the steps
    if call.value("mode") != 2:
        return None
    return [SYMMETRIC_UNIT, SYMMETRIC_UNIT, *(None for _ in call.results[2:])]


without_bounds(
    "_native_multi_head_attention", "_transformer_encoder_layer_fwd", "_transform_bias_rescale_qkv",
    "nll_loss_forward", "nll_loss2d_forward", "binary_cross_entropy",
    "_thnn_fused_lstm_cell", "_thnn_fused_gru_cell", "_cudnn_rnn", "complex",
    "polar", "view_as_real", "view_as_complex", "_fft_r2c", "_fft_c2c", "_fft_c2r", "angle", "linalg_cross",
    "linalg_inv_ex", "linalg_qr", "_linalg_svd", "_linalg_eigh", "_linalg_det",
    "renorm", "multi_margin_loss", "binary_cross_entropy_with_logits", "_ctc_loss",
    "_fused_dropout",
)  # fmt: skip
