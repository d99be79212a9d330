"""fastgrad: PyTorch's everyday API in a small wheel. ``import fastgrad as torch``."""

from __future__ import annotations

from fastgrad import _core as _core
from fastgrad._core import (
    Generator,
    __version__,
    bool,
    dtype,
    float32,
    float64,
    get_default_dtype,
    get_num_threads,
    int32,
    int64,
    promote_types,
    result_type,
    set_default_dtype,
    set_num_threads,
    uint8,
)
from fastgrad.device import device
from fastgrad.size import Size

from fastgrad.tensor import Tensor  # isort: skip - registers the classes that the extension returns

from fastgrad import autograd
from fastgrad.autograd.grad_mode import enable_grad, is_grad_enabled, no_grad, set_grad_enabled
from fastgrad.ops.binary import (
    add,
    allclose,
    atan2,
    bitwise_and,
    bitwise_not,
    bitwise_or,
    bitwise_xor,
    clamp,
    clamp_max,
    clamp_min,
    div,
    eq,
    equal,
    floor_divide,
    fmod,
    ge,
    gt,
    isclose,
    le,
    logical_and,
    logical_or,
    logical_xor,
    lt,
    maximum,
    minimum,
    mul,
    ne,
    pow,
    remainder,
    rsub,
    sub,
    where,
)
from fastgrad.ops.conversion import clone, detach
from fastgrad.ops.creation import (
    arange,
    as_tensor,
    asarray,
    empty,
    empty_like,
    eye,
    from_numpy,
    full,
    full_like,
    linspace,
    ones,
    ones_like,
    tensor,
    zeros,
    zeros_like,
)
from fastgrad.ops.dropout import dropout
from fastgrad.ops.indexing import (
    argsort,
    bincount,
    gather,
    index_put,
    index_select,
    masked_fill,
    nonzero,
)
from fastgrad.ops.matmul import bmm, dot, matmul, mm, mv, outer
from fastgrad.ops.random import (
    bernoulli,
    default_generator,
    get_rng_state,
    initial_seed,
    manual_seed,
    normal,
    rand,
    rand_like,
    randint,
    randint_like,
    randn,
    randn_like,
    randperm,
    seed,
    set_rng_state,
)
from fastgrad.ops.reduction import (
    all,
    amax,
    amin,
    any,
    argmax,
    argmin,
    cumsum,
    max,
    mean,
    min,
    prod,
    std,
    sum,
    var,
)
from fastgrad.ops.shape import (
    broadcast_shapes,
    broadcast_tensors,
    cat,
    chunk,
    flatten,
    flip,
    narrow,
    permute,
    ravel,
    reshape,
    select,
    split,
    squeeze,
    stack,
    t,
    transpose,
    unbind,
    unflatten,
    unsqueeze,
)
from fastgrad.ops.softmax import log_softmax, softmax
from fastgrad.ops.unary import (
    abs,
    acos,
    asin,
    atan,
    ceil,
    cos,
    cosh,
    erf,
    exp,
    exp2,
    expm1,
    floor,
    isfinite,
    isinf,
    isnan,
    log,
    log1p,
    log2,
    log10,
    logical_not,
    neg,
    reciprocal,
    relu,
    round,
    rsqrt,
    sigmoid,
    sign,
    sin,
    sinh,
    sqrt,
    square,
    tan,
    tanh,
    trunc,
)
from fastgrad.printing import set_printoptions

from fastgrad import nn, optim, utils  # isort: skip - they use the names above

# fmt: off
__all__ = [
    "Generator", "Size", "Tensor", "__version__", "abs", "absolute", "acos", "add", "all",
    "allclose", "amax", "amin", "any", "arange", "arccos", "arcsin", "arctan", "arctan2", "argmax",
    "argmin", "argsort", "as_tensor", "asarray", "asin", "atan", "atan2", "autograd", "bernoulli",
    "bincount", "bitwise_and", "bitwise_not", "bitwise_or", "bitwise_xor", "bmm", "bool",
    "broadcast_shapes", "broadcast_tensors", "cat", "ceil", "chunk", "clamp", "clamp_max",
    "clamp_min", "clip", "clone", "concat", "concatenate", "cos", "cosh", "cumsum",
    "default_generator", "detach", "device", "div", "divide", "dot", "double", "dropout", "dtype",
    "e", "empty", "empty_like", "enable_grad", "eq", "equal", "erf", "exp", "exp2", "expm1", "eye",
    "fix", "flatten", "flip", "float", "float32", "float64", "floor", "floor_divide", "fmod",
    "from_numpy", "full", "full_like", "gather", "ge", "ger", "get_default_dtype",
    "get_num_threads", "get_rng_state", "greater", "greater_equal", "gt", "index_put",
    "index_select", "inf", "initial_seed", "int", "int32", "int64", "is_floating_point",
    "is_grad_enabled", "is_tensor", "isclose", "isfinite", "isinf", "isnan", "le", "less",
    "less_equal", "linspace", "log", "log1p", "log2", "log10", "log_softmax", "logical_and",
    "logical_not", "logical_or", "logical_xor", "long", "lt", "manual_seed", "masked_fill",
    "matmul", "max", "maximum", "mean", "min", "minimum", "mm", "mul", "multiply", "mv", "nan",
    "narrow", "ne", "neg", "negative", "nn", "no_grad", "nonzero", "normal", "not_equal", "numel",
    "ones", "ones_like", "optim", "outer", "permute", "pi", "pow", "prod", "promote_types", "rand",
    "rand_like", "randint", "randint_like", "randn", "randn_like", "randperm", "ravel",
    "reciprocal", "relu", "remainder", "reshape", "result_type", "round", "rsqrt", "rsub", "seed",
    "select", "set_default_dtype", "set_grad_enabled", "set_num_threads", "set_printoptions",
    "set_rng_state", "sigmoid", "sign", "sin", "sinh", "softmax", "split", "sqrt", "square",
    "squeeze", "stack", "std", "sub", "subtract", "sum", "swapaxes", "swapdims", "t", "tan",
    "tanh", "tensor", "transpose", "true_divide", "trunc", "uint8", "unbind", "unflatten",
    "unsqueeze", "utils", "var", "where", "zeros", "zeros_like",
]
# fmt: on

TYPE_CHECKING = False
if TYPE_CHECKING:
    import builtins
    from typing import Any

    from fastgrad import cli as cli
    from fastgrad import io as io
    from fastgrad import train as train
    from fastgrad import vision as vision

absolute, negative, fix = abs, neg, trunc
arcsin, arccos, arctan, arctan2 = asin, acos, atan, atan2
subtract, multiply, divide, true_divide, clip = sub, mul, div, div, clamp
not_equal, less, less_equal, greater, greater_equal = ne, lt, le, gt, ge
concat = concatenate = cat
swapaxes = swapdims = transpose
ger = outer
float, double, long, int = float32, float64, int64, int32
from math import e, inf, nan, pi  # noqa: E402


def is_tensor(obj: object) -> builtins.bool:
    """Whether the object is a Tensor. Follows ``torch.is_tensor``.

    >>> import fastgrad as torch
    >>> torch.is_tensor(torch.ones(2)), torch.is_tensor([1.0, 1.0])
    (True, False)
    """
    return isinstance(obj, Tensor)


def is_floating_point(input: Tensor) -> builtins.bool:
    """Whether the elements are floats. Follows ``torch.is_floating_point``.

    >>> import fastgrad as torch
    >>> torch.is_floating_point(torch.tensor([1, 2]))
    False
    """
    return input.dtype.is_floating_point


def numel(input: Tensor) -> builtins.int:
    """The number of elements. Follows ``torch.numel``.

    >>> import fastgrad as torch
    >>> torch.numel(torch.zeros(2, 3))
    6
    """
    return input.numel()


def __getattr__(name: str) -> Any:
    """Import the parts that a script may not need when it first names them."""
    if name in ("vision", "train", "cli", "io"):
        from importlib import import_module

        return import_module(f"fastgrad.{name}")
    raise AttributeError(f"module 'fastgrad' has no attribute '{name}'")
