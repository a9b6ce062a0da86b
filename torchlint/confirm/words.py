"""The words that an answer may hold: closed lists, so that a run cannot put a text of its own into a report.

Worked example: of the answer ``{"operation": "sigmoid", "guessed": ["width=16", "key_of_somebody"]}``, on a project in
whose files ``width`` occurs, there remain ``sigmoid`` and ``width=16``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


#: Operations of torch, as its dispatcher names them.
OPERATIONS = _words(
    """
    _adaptive_avg_pool2d _adaptive_avg_pool3d _addmm_activation _batch_norm_no_update _batch_norm_with_update
    _cdist_forward _conj _convolution _ctc_loss _cudnn_rnn _cummax_helper _cummin_helper _efficientzerotensor
    _embedding_bag _embedding_bag_forward_only _euclidean_dist _fft_c2c _fft_c2r _fft_r2c _fused_dropout
    _grid_sampler_2d_cpu_fallback _index_put_impl _linalg_det _linalg_eigh _linalg_svd _log_softmax
    _masked_softmax _native_batch_norm_legit _native_batch_norm_legit_functional
    _native_batch_norm_legit_no_training _native_multi_head_attention _pdist_forward _pin_memory _prelu_kernel
    _reshape_alias _reshape_copy _safe_softmax _scaled_dot_product_cudnn_attention
    _scaled_dot_product_efficient_attention _scaled_dot_product_flash_attention
    _scaled_dot_product_flash_attention_for_cpu _scaled_dot_product_fused_attention_overrideable
    _slow_conv2d_forward _softmax _standard_gamma _thnn_fused_gru_cell _thnn_fused_lstm_cell _to_copy
    _transform_bias_rescale_qkv _transformer_encoder_layer_fwd _trilinear _unique _unique2 _unsafe_index
    _unsafe_index_put _unsafe_view _upsample_bicubic2d_aa _upsample_bilinear2d_aa _upsample_lanczos2d_aa
    _upsample_nearest_exact1d _upsample_nearest_exact2d _upsample_nearest_exact3d _weight_norm_interface abs
    acos acosh adaptive_max_pool2d adaptive_max_pool3d add addbmm addcdiv addcmul addmm addmv addr
    affine_grid_generator aiter alias alias_copy all amax amin aminmax anext angle any arange argmax argmin
    as_strided as_strided_copy as_strided_scatter ascii asin asinh atan atan2 atanh avg_pool1d avg_pool2d
    avg_pool3d baddbmm bartlett_window batch_norm_stats bernoulli bin binary_cross_entropy
    binary_cross_entropy_with_logits bincount binomial bitwise_and bitwise_left_shift bitwise_not bitwise_or
    bitwise_right_shift bitwise_xor block_diag bmm bool breakpoint bucketize bytearray bytes callable cat cauchy
    ceil celu channel_shuffle chr clamp clamp_max clamp_min classmethod clone col2im compile complex
    constant_pad_nd convolution copy copyright copysign cos cosh count_nonzero credits cudnn_batch_norm
    cudnn_convolution cummax cummin cumprod cumsum delattr detach detach_copy diag_embed diagonal diagonal_copy
    diagonal_scatter dict digamma dir dist div divmod dot elu embedding embedding_renorm empty empty_like
    empty_permuted empty_strided enumerate eq equal erf erfc erfinv eval exec exit exp exp2 expand expand_copy
    expm1 exponential eye fill filter flip float floor floor_divide fmax fmin fmod format frac
    fractional_max_pool2d fractional_max_pool3d frozenset full full_like gather ge gelu geometric getattr
    globals glu grid_sampler_2d grid_sampler_3d gt hamming_window hann_window hardshrink hardsigmoid hardswish
    hardtanh hasattr hash heaviside help hex histc huber_loss hypot id im2col index index_add index_copy
    index_fill index_put index_reduce index_select input int isin isinf isinstance isnan isneginf isposinf
    issubclass iter kthvalue le leaky_relu len lerp lgamma license lift lift_fresh lift_fresh_copy linalg_cross
    linalg_inv_ex linalg_qr linalg_vector_norm linspace list locals log log10 log1p log2 log_normal
    log_sigmoid_forward logaddexp logcumsumexp logical_and logical_not logical_or logical_xor logit logspace
    logsumexp lt map masked_fill masked_scatter masked_select max max_pool2d_with_indices
    max_pool3d_with_indices max_unpool2d max_unpool3d maximum mean median memoryview min minimum
    miopen_batch_norm mish mkldnn_adaptive_avg_pool2d mkldnn_convolution mkldnn_max_pool2d mkldnn_rnn_layer mm
    mode mse_loss mul multi_margin_loss multinomial mv mvlgamma nan_to_num nanmedian nansum narrow_copy
    native_batch_norm native_dropout native_group_norm native_layer_norm ne neg new_empty new_empty_strided
    new_full new_ones new_zeros next nll_loss2d_forward nll_loss_forward nonzero nonzero_static norm normal
    normal_functional object oct ones ones_like open ord permute permute_copy pixel_shuffle pixel_unshuffle
    poisson polar polygamma pow print prod property put quit rand rand_like randint randint_like randn
    randn_like random randperm range reciprocal reflection_pad1d reflection_pad2d reflection_pad3d relu
    remainder renorm repeat repeat_interleave replication_pad1d replication_pad2d replication_pad3d repr resize
    reversed roll rot90 round rrelu_with_noise rsqrt rsub scalar_tensor scatter scatter_add scatter_reduce
    searchsorted select select_copy select_scatter set setattr sgn sigmoid sign signbit silu sin sinc sinh slice
    slice_copy slice_scatter smooth_l1_loss soft_margin_loss softplus softshrink sort sorted split split_copy
    split_with_sizes split_with_sizes_copy sqrt squeeze squeeze_copy stack staticmethod std std_mean str sub sum
    super t t_copy take tan tanh threshold topk trace transpose transpose_copy tril tril_indices triu
    triu_indices trunc tuple type unbind unbind_copy unfold unfold_copy uniform unique_consecutive unique_dim
    unsafe_split unsafe_split_with_sizes unsqueeze unsqueeze_copy upsample_bicubic2d upsample_bilinear2d
    upsample_linear1d upsample_nearest1d upsample_nearest2d upsample_nearest3d upsample_trilinear3d var var_mean
    vars vdot view view_as_complex view_as_real view_copy where zero zeros zeros_like zip
    """
)

#: Exceptions that Python and torch raise.
EXCEPTIONS = _words(
    """
    ArithmeticError AssertionError AttributeError BlockingIOError BrokenPipeError BufferError ChildProcessError
    ConnectionAbortedError ConnectionError ConnectionRefusedError ConnectionResetError EOFError EnvironmentError
    Exception ExceptionGroup FileExistsError FileNotFoundError FloatingPointError IOError ImportError
    IndentationError IndexError InterruptedError IsADirectoryError KeyError LookupError MemoryError
    ModuleNotFoundError NameError NotADirectoryError NotImplementedError OSError OutOfMemoryError OverflowError
    PermissionError ProcessLookupError RecursionError ReferenceError RuntimeError StopAsyncIteration
    StopIteration SyntaxError SystemError TabError TimeoutError TypeError UnboundLocalError UnicodeDecodeError
    UnicodeEncodeError UnicodeError UnicodeTranslateError ValueError ZeroDivisionError
    """
)

#: Packages that programs about pictures and models import.
PACKAGES = _words(
    """
    PIL albumentations cv2 diffusers einops kornia lightning matplotlib mmcv mmengine monai numpy pandas
    pytorch_lightning scipy segmentation_models_pytorch skimage sklearn timm torch torchaudio torchmetrics
    torchvision transformers
    """
)

#: Types of numbers.
DTYPES = _words(
    """
    bfloat16 bool complex128 complex32 complex64 float16 float32 float64 int16 int32 int64 int8 uint16 uint32
    uint64 uint8
    """
)

#: The numbers of the evidence.
NUMBERS = _words(
    """
    change classes constant count dim floor gap held high last_layer low max min one other parameters pixel_max
    pixel_min ratio reached seed seeds size sizes sum target_0 target_1 target_2 target_3 target_4 target_5
    wrong
    """
)

#: What a guessed argument may be shown to be.
_VALUE = re.compile(r"-?\d{1,6}(\.\d{1,4})?|True|False|None")


def word(text: str) -> str:
    """An operation, an exception or a package, if it is one that is known; else nothing."""
    return text if text in OPERATIONS or text in EXCEPTIONS or text in PACKAGES else ""


def guesses(given: Iterable[str], files: Mapping[str, str]) -> tuple[str, ...]:
    """Names of arguments, those that occur in the files, each with its value if that is a number or a constant; the
    others as ``an argument``."""
    occurring = {name for text in files.values() for name in re.findall(r"[A-Za-z_]\w*", text)}
    out = []
    for one in given:
        name, _, value = one.partition("=")
        shown = f"={value}" if _VALUE.fullmatch(value) else ""
        out.append(f"{name}{shown}" if name in occurring else "an argument")
    return tuple(out)


def rounded(numbers: Mapping[str, float]) -> dict[str, float]:
    """The numbers of the evidence that are known, to six digits."""
    return {name: float(f"{value:.6g}") for name, value in numbers.items() if name in NUMBERS}
