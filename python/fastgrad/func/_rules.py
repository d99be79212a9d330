"""The batching rules of the functions of ``_core``, by kind; the samples lie along dimension 0.

What is missing here is evaluated for one sample after the other (`NoRule`).
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any

import fastgrad as t

from .. import Tensor, _core, special
from ..nn import functional as F
from ..ops import activation_kinked as kinked
from ..ops import conv, loss, norm, pool, pool_average, scan
from . import _rules_indexing
from ._batched import Call, Rule, Unrecorded, refuse, rules


def raw(name: str) -> Callable[..., Any]:
    """The function of _core itself, where no gradient can be asked of its result."""
    kernel = getattr(_core, name)

    def function(*args: Any) -> Any:
        out = kernel(*args)
        first = out[0] if isinstance(out, tuple) else out
        if first.requires_grad:  # an outer transform differentiates, and nothing is recorded here
            raise Unrecorded
        return out

    return function


def public(name: str) -> Callable[..., Any]:
    """The differentiable function of the same name, if there is one."""
    for module in (t, special, F):
        if name in module.__all__ or (module is not t and hasattr(module, name)):
            return getattr(module, name)  # type: ignore[no-any-return]
    return raw(name)


def add(
    names: str,
    batch: Callable[..., Any],
    function: Callable[..., Any] | None = None,
    *,
    is_constant: bool = False,
) -> None:
    """A rule for each of the names."""
    for name in names.split():
        rules[name] = Rule(function or public(name), batch, is_constant=is_constant)


# Element by element


def elementwise(call: Call, function: Callable[..., Any], *args: Any) -> Any:
    """Operands that broadcast."""
    return function(*call.aligned(args))


add(
    "neg abs sign floor ceil round trunc square exp exp2 expm1 log log2 log10 log1p sqrt rsqrt "
    "reciprocal sin cos tan asin acos atan sinh cosh tanh asinh acosh atanh erf sigmoid erfc erfcx "
    "erfinv ndtri lgamma digamma i0 i0e i1 i1e mantissa exponent relu logical_not isnan isinf "
    "isfinite signbit",
    elementwise,
)
add(
    "add sub mul div floor_divide remainder fmod pow maximum minimum atan2 fmax fmin copysign "
    "hypot nextafter heaviside logaddexp logaddexp2 ldexp xlogy xlog1py zeta bitwise_and "
    "bitwise_or bitwise_xor bitwise_left_shift bitwise_right_shift gcd lcm eq ne lt le gt ge "
    "logical_and logical_or logical_xor addcmul addcdiv lerp clamp where",
    elementwise,
)
def one_shape(call: Call, function: Callable[..., Any], *args: Any) -> Any:
    """Tensors of one shape, and numbers."""
    return function(*(call.front(x) if isinstance(x, Tensor) else x for x in args))


add(
    "relu_backward sigmoid_backward tanh_backward gelu_backward gelu_tanh_backward silu_backward "
    "mish_backward softplus_backward logsigmoid_backward softsign_backward tanhshrink_backward "
    "elu_backward celu_backward leaky_relu_backward hardtanh_backward hardswish_backward "
    "hardsigmoid_backward threshold_backward hardshrink_backward softshrink_backward",
    one_shape,
)
add("gelu silu mish softplus logsigmoid softsign tanhshrink celu leaky_relu", elementwise)
add("hardtanh hardswish hardsigmoid threshold hardshrink softshrink", elementwise)
add("gelu_tanh", elementwise, lambda x: F.gelu(x, approximate="tanh"))
add("elu", elementwise, kinked._elu)
add("cast", elementwise, lambda x, dtype: x.to(dtype, copy=True))
add("clone", elementwise, t.clone)
# Out of the graph inside vmap, and out of those of outer transforms too.
add("detach", elementwise, lambda x: x, is_constant=True)
add("cut", elementwise, t.detach, is_constant=True)


# Along dimensions


def moved(dim: int, rank: int) -> int:
    """Where a dimension of a sample is among those of all samples."""
    rank = max(rank, 1)
    if not -rank <= dim < rank:
        raise IndexError(
            f"Dimension out of range (expected to be in range of [{-rank}, {rank - 1}], but got "
            f"{dim})"
        )
    return dim % rank + 1


def moved_dims(dims: int | Sequence[int], rank: int) -> tuple[int, ...]:
    """The same for several; none means all."""
    given = (dims,) if isinstance(dims, int) else dims
    return tuple(moved(d, rank) for d in given) or tuple(range(1, max(rank, 1) + 1))


def sized(call: Call, x: Tensor) -> Tensor:
    """All samples, numbers as vectors of one element."""
    value = call.front(x)
    return value if x.dim() else value.unsqueeze(1)


def along(place: int) -> Callable[..., Any]:
    """A function of a tensor, among whose arguments the one at `place` is a dimension."""

    def batch(call: Call, function: Callable[..., Any], x: Tensor, *args: Any) -> Any:
        rest = list(args)
        rest[place] = moved(rest[place], x.dim())
        found = function(sized(call, x), *rest)
        if x.dim():
            return found
        if isinstance(found, tuple):
            return tuple(part.reshape(call.size) for part in found)
        return found.reshape(call.size)

    return batch


def reduction(
    call: Call, function: Callable[..., Any], x: Tensor, dims: Any, keepdim: bool, *rest: Any
) -> Tensor:
    """Dimensions, of which none means all, and whether to keep them."""
    found = function(sized(call, x), moved_dims(dims, x.dim()), keepdim, *rest)
    return found if x.dim() else found.reshape(call.size)


def product(x: Tensor, dims: Any, keepdim: bool, dtype: Any) -> Tensor:
    """The product over any number of dimensions."""
    given = (dims,) if isinstance(dims, int) else tuple(dims) or tuple(range(x.dim()))
    for d in sorted((d % max(x.dim(), 1) for d in given), reverse=True):
        x = x.prod(d, keepdim, dtype=dtype)
    return x if given else x.prod(dtype=dtype)


def median(x: Tensor, dim: int, keepdim: bool, ignore_nan: bool) -> Any:
    return (t.nanmedian if ignore_nan else t.median)(x, dim, keepdim)


add("sum", reduction, lambda x, dims, keepdim, dtype: x.sum(dims, keepdim, dtype=dtype))
add("prod", reduction, product)
add("amax amin", reduction)
add("any", reduction, lambda x, dims, keepdim: t.any(x, None if dims == () else dims, keepdim))
add("all", reduction, lambda x, dims, keepdim: t.all(x, None if dims == () else dims, keepdim))
add("max_dim", along(0), lambda *args: tuple(t.max(*args)))
add("min_dim", along(0), lambda *args: tuple(t.min(*args)))
add("cumsum cumprod logcumsumexp softmax log_softmax", along(0))
add("sort", along(0), lambda *args: tuple(t.sort(*args)))
add("cummax", along(0), lambda *args: tuple(t.cummax(*args)))
add("cummin", along(0), lambda *args: tuple(t.cummin(*args)))
add("mode", along(0), lambda *args: tuple(t.mode(*args)))
add("median", along(0), lambda *args: tuple(median(*args)))
add("topk", along(1), lambda *args: tuple(t.topk(*args[:3], largest=args[3], sorted=args[4])))
add("kthvalue", along(1), lambda *args: tuple(t.kthvalue(*args)))


def two_along(call: Call, function: Callable[..., Any], a: Tensor, b: Tensor, dim: int) -> Tensor:
    """Two tensors of one shape."""
    found: Tensor = function(sized(call, a), sized(call, b), moved(dim, a.dim()))
    return found if a.dim() else found.reshape(call.size)


def recurrence(call: Call, function: Any, x: Tensor, added: Tensor, dim: int, back: bool) -> Tensor:
    return two_along(call, lambda a, b, d: function(a, b, d, back), x, added, dim)


add("softmax_backward log_softmax_backward", two_along)
add("recurrence", recurrence, scan.recurrence)


# Shapes


def shaped(call: Call, function: Callable[..., Any], x: Tensor, sizes: Sequence[int]) -> Tensor:
    """A new shape of the same elements."""
    given = (sizes,) if isinstance(sizes, int) else tuple(sizes)
    return function(call.value(x), (call.size, *given))  # type: ignore[no-any-return]


def expand(call: Call, function: Callable[..., Any], x: Tensor, sizes: Any) -> Tensor:
    sizes = (sizes,) if isinstance(sizes, int) else tuple(sizes)
    ones = (1,) * (len(sizes) - x.dim())
    return call.value(x).reshape(call.size, *ones, *x.shape).expand(call.size, *sizes)  # type: ignore[no-any-return]


def transpose(call: Call, function: Callable[..., Any], x: Tensor, a: int, b: int) -> Tensor:
    if not x.dim():
        return call.value(x).view(call.size)  # type: ignore[no-any-return]
    return function(call.value(x), moved(a, x.dim()), moved(b, x.dim()))  # type: ignore[no-any-return]


def permute(call: Call, function: Callable[..., Any], x: Tensor, order: Any) -> Tensor:
    return function(call.value(x), (0, *(moved(d, x.dim()) for d in order)))  # type: ignore[no-any-return]


def squeeze(call: Call, function: Callable[..., Any], x: Tensor, dims: Any) -> Tensor:
    if not x.dim():
        return call.value(x).view(call.size)  # type: ignore[no-any-return]
    given = (dims,) if isinstance(dims, int) else dims
    return function(call.value(x), tuple(moved(d, x.dim()) for d in given))  # type: ignore[no-any-return]


def squeeze_all(call: Call, function: Callable[..., Any], x: Tensor) -> Tensor:
    return call.value(x).squeeze(tuple(d + 1 for d, n in enumerate(x.shape) if n == 1))  # type: ignore[no-any-return]


def unsqueeze(call: Call, function: Callable[..., Any], x: Tensor, dim: int) -> Tensor:
    return function(call.value(x), moved(dim, x.dim() + 1))  # type: ignore[no-any-return]


def sum_to_size(call: Call, function: Callable[..., Any], x: Tensor, sizes: Any) -> Tensor:
    ones = (1,) * (x.dim() - len(sizes))
    return function(call.value(x), (call.size, *ones, *sizes)).reshape(call.size, *sizes)  # type: ignore[no-any-return]


def trailing(call: Call, function: Callable[..., Any], x: Tensor, *args: Any) -> Any:
    """What works on the last dimensions, for any number of others."""
    return function(call.value(x), *args)


def diagonal(call: Call, function: Any, x: Tensor, offset: int, dim1: int, dim2: int) -> Tensor:
    return function(call.value(x), offset, moved(dim1, x.dim()), moved(dim2, x.dim()))  # type: ignore[no-any-return]


def repeat(call: Call, function: Callable[..., Any], x: Tensor, repeats: Any) -> Tensor:
    times = (repeats,) if isinstance(repeats, int) else tuple(repeats)
    ones = (1,) * (len(times) - x.dim())
    return call.value(x).reshape(call.size, *ones, *x.shape).repeat(1, *times)  # type: ignore[no-any-return]


def flip(call: Call, function: Callable[..., Any], x: Tensor, dims: Any) -> Tensor:
    given = (dims,) if isinstance(dims, int) else dims
    places = tuple(moved(d, x.dim()) for d in given)
    return function(sized(call, x), places).reshape(call.size, *x.shape)  # type: ignore[no-any-return]


def roll(call: Call, function: Callable[..., Any], x: Tensor, shifts: Any, dims: Any) -> Tensor:
    places = (dims,) if isinstance(dims, int) else tuple(dims)
    if places:
        return function(call.value(x), shifts, tuple(moved(d, x.dim()) for d in places))  # type: ignore[no-any-return]
    return function(call.value(x).reshape(call.size, -1), shifts, 1).reshape(call.size, *x.shape)  # type: ignore[no-any-return]


def cat(call: Call, function: Callable[..., Any], parts: Sequence[Tensor], dim: int) -> Tensor:
    rank = max(part.dim() for part in parts)
    # PyTorch skips vectors without elements, whatever the others' shape is.
    kept = [part for part in parts if part.dim() == rank or part.shape != (0,)]
    dtype = reduce(_core.promote_types, (part.dtype for part in parts))
    return function([call.front(part) for part in kept], moved(dim, rank)).to(dtype)  # type: ignore[no-any-return]


add("view", shaped, lambda x, sizes: x.view(sizes))
add("reshape", shaped, t.reshape)
add("expand", expand, lambda x, sizes: x.expand(sizes))
add("transpose", transpose)
add("permute", permute)
add("squeeze", squeeze)
add("squeeze_all", squeeze_all, t.squeeze)
add("unsqueeze", unsqueeze)
add("select narrow", along(0))
add("unfold", along(0), Tensor.unfold)
add("sum_to_size", sum_to_size, Tensor.sum_to_size)
add("tril triu", trailing)
add("one_hot", trailing, raw("one_hot"))
add("diagonal", diagonal)
add("repeat", repeat, Tensor.repeat)
add("flip", flip)
add("roll", roll, lambda x, shifts, dims: t.roll(x, shifts, None if dims == () else dims))
add("cat", cat)


# Creation


def zeros_for(call: Call, function: Any, x: Tensor, y: Tensor, sizes: Sequence[int]) -> Tensor:
    return t.zeros((call.size, *sizes), dtype=x.dtype)


def result_type(call: Call, function: Callable[..., Any], *operands: Any) -> Any:
    kinds = [
        _core.empty((1,) * min(x.dim(), 1), x.dtype) if isinstance(x, Tensor) else x
        for x in operands
    ]
    return function(*kinds)


add("zeros_for", zeros_for, _core.zeros_for, is_constant=True)
add("full_like", trailing, _core.full_like, is_constant=True)
add("empty_in_order_of", trailing, _core.empty_in_order_of, is_constant=True)
add("result_type", result_type, _core.result_type, is_constant=True)


# Products


def matmul(call: Call, function: Callable[..., Any], a: Tensor, b: Tensor) -> Tensor:
    if a.dim() == 0 or b.dim() == 0:
        raise RuntimeError("both arguments to matmul need to be at least 1D, but one is a number")
    if not call.is_mapped(b) and b.dim() <= 2:
        return _shared_right(call, function, a, call.value(b))
    if not call.is_mapped(a) and a.dim() <= 2 and b.dim() <= 2:
        return _shared_left(call, function, call.value(a), b)
    # As stacks of matrices: a vector is a row on the left, a column on the right.
    left = call.value(a).unsqueeze(-2) if a.dim() == 1 else call.value(a)
    right = call.value(b).unsqueeze(-1) if b.dim() == 1 else call.value(b)
    most = max(a.dim(), b.dim(), 2)
    multiply = t.mul if left.shape[-1] == 1 == right.shape[-2] else function
    found = multiply(_stack(call, a, left, most), _stack(call, b, right, most))
    found = found.squeeze(-2) if a.dim() == 1 else found
    return found.squeeze(-1) if b.dim() == 1 else found


def _stack(call: Call, x: Tensor, value: Tensor, most: int) -> Tensor:
    """A stack of matrices with `most` dimensions for each sample."""
    if not call.is_mapped(x):
        return value
    return value.reshape(call.size, *(1,) * (most + 1 - value.dim()), *value.shape[1:])


def _shared_right(call: Call, function: Callable[..., Any], a: Tensor, b: Tensor) -> Tensor:
    """All samples' rows in one product."""
    return function(call.value(a), b)  # type: ignore[no-any-return]


def _shared_left(call: Call, function: Callable[..., Any], a: Tensor, b: Tensor) -> Tensor:
    """The same for columns."""
    if b.dim() == 1:
        if a.dim() == 1:
            return function(call.value(b), a)  # type: ignore[no-any-return]
        return function(call.value(b), a.transpose(0, 1))  # type: ignore[no-any-return]
    return function(a, call.value(b))  # type: ignore[no-any-return]


def linear(
    call: Call, function: Callable[..., Any], x: Tensor, weight: Tensor, bias: Tensor | None
) -> Tensor:
    if not call.is_mapped(weight) and not call.is_mapped(bias):
        return function(call.value(x), call.value(weight), call.value(bias))  # type: ignore[no-any-return]
    out = x @ weight.transpose(0, 1)
    return call.value(out if bias is None else out + bias)  # type: ignore[no-any-return]


add("matmul", matmul)
add("linear", linear, F.linear)


def matrices(*core: int) -> Callable[..., Any]:
    """Stacks of tensors of `core` dimensions each, of which each has the same leading ones."""

    def batch(call: Call, function: Callable[..., Any], *args: Any) -> Any:
        tensors = [x for x in args if isinstance(x, Tensor)]
        if len({x.dim() - n for x, n in zip(tensors, core, strict=True)}) > 1:
            call.give_up()
        return function(*(call.front(x) if isinstance(x, Tensor) else x for x in args))

    return batch


add("lu_factor cholesky", matrices(2))
add("lu_solve", matrices(2, 1, 2))
add("lu_permutation", matrices(1))
add("solve_triangular", matrices(2, 2))
for name in ("lu_factor", "lu_solve", "lu_permutation", "cholesky", "solve_triangular"):
    rules[name].function = raw(name)


def cdist(call: Call, function: Callable[..., Any], a: Tensor, b: Tensor, p: float) -> Tensor:
    found = function(call.front(a).flatten(0, 1), call.front(b).flatten(0, 1), p)
    return found.unflatten(0, (call.size, -1))  # type: ignore[no-any-return]


add("cdist", cdist, raw("cdist"))


# Losses


def cross_entropy(
    call: Call, function: Any, logits: Tensor, labels: Tensor, weight: Any, ignore_index: int
) -> tuple[Tensor, Tensor]:
    if call.is_mapped(weight):
        call.give_up()
    rows, totals = function(
        call.front(logits).flatten(0, 1), call.front(labels).flatten(), call.value(weight),
        ignore_index,
    )
    return rows.view(call.size, -1), totals.view(call.size, -1)


def cross_entropy_with_graph(logits: Tensor, labels: Tensor, weight: Any, ignore: int) -> Any:
    rows = loss._cross_entropy_rows(logits, labels, weight, ignore)
    return rows, _core.cross_entropy(logits.detach(), labels, weight, ignore)[1]


def cross_entropy_backward(
    call: Call, function: Any, logits: Tensor, totals: Tensor, labels: Tensor, weight: Any,
    scale: Tensor, ignore_index: int,
) -> Tensor:
    if call.is_mapped(weight):
        call.give_up()
    rows = logits.shape[0]
    scales = call.front(scale)
    scales = scales if scale.dim() else scales.unsqueeze(1).expand(call.size, rows)
    found = function(
        call.front(logits).flatten(0, 1), call.front(totals).flatten(),
        call.front(labels).flatten(), call.value(weight), scales.flatten(), ignore_index,
    )
    return found.view(call.size, *logits.shape)  # type: ignore[no-any-return]


def label_weight(
    call: Call, function: Any, labels: Tensor, weight: Any, ignore_index: int
) -> Tensor:
    kept = labels != ignore_index
    if weight is None:
        return call.value(kept.sum())  # type: ignore[no-any-return]
    factors = weight[t.where(kept, labels, 0)]
    return call.value(t.where(kept, factors, 0.0).sum())  # type: ignore[no-any-return]


def checked_labels(call: Call, function: Any, labels: Tensor, *limits: int) -> Tensor:
    return function(call.value(labels).flatten(), *limits).view(call.size, *labels.shape)  # type: ignore[no-any-return]


add("cross_entropy", cross_entropy, cross_entropy_with_graph)
add("cross_entropy_backward", cross_entropy_backward)
add("label_weight", label_weight, _core.label_weight)
add("checked_labels", checked_labels, raw("checked_labels"))


# Normalization. Per-sample weights, and gradients of weights, come of the formulas, written with
# operations that have rules of their own.


def values_of(call: Call, *results: Tensor) -> tuple[Tensor, ...]:
    return tuple(call.front(x) for x in results)


def layer_norm(
    call: Call, function: Any, x: Tensor, shape: Any, weight: Any, bias: Any, eps: float
) -> tuple[Tensor, ...]:
    dims = tuple(range(-len(shape), 0))
    normal, rstd = norm._normalized(x, dims, eps)
    out = normal if weight is None else normal * weight
    return values_of(call, out if bias is None else out + bias, x.mean(dims, True), rstd)


def layer_norm_backward(
    call: Call, function: Any, grad: Tensor, x: Tensor, shape: Any, weight: Any, means: Tensor,
    rstd: Tensor, affine: bool,
) -> tuple[Tensor, ...]:
    dims, lead = tuple(range(-len(shape), 0)), tuple(range(x.dim() - len(shape)))
    kept = (*x.shape[: len(lead)], *(1,) * len(shape))
    rstd = rstd.reshape(kept)
    normal = (x - means.reshape(kept)) * rstd
    upstream = grad if weight is None else grad * weight
    to_input = norm._centred_gradient(upstream, normal, rstd, dims)
    return values_of(
        call, to_input, norm._summed(grad * normal, lead), norm._summed(grad, lead)
    )


def rms_norm(
    call: Call, function: Any, x: Tensor, shape: Any, weight: Any, eps: float
) -> tuple[Tensor, ...]:
    dims = tuple(range(-len(shape), 0))
    rstd = ((x * x).mean(dims, True) + eps).rsqrt()
    return values_of(call, x * rstd if weight is None else x * rstd * weight, rstd)


def rms_norm_backward(
    call: Call, function: Any, grad: Tensor, x: Tensor, shape: Any, weight: Any, rstd: Tensor
) -> tuple[Tensor, ...]:
    dims, lead = tuple(range(-len(shape), 0)), tuple(range(x.dim() - len(shape)))
    rstd = rstd.reshape(*x.shape[: len(lead)], *(1,) * len(shape))
    normal = x * rstd
    upstream = grad if weight is None else grad * weight
    to_input = (upstream - normal * (upstream * normal).mean(dims, True)) * rstd
    return values_of(call, to_input, norm._summed(grad * normal, lead))


def group_norm(
    call: Call, function: Any, x: Tensor, groups: int, weight: Any, bias: Any, eps: float
) -> tuple[Tensor, ...]:
    rows = x.reshape(x.shape[0], groups, norm._elements_of(x.shape[1:]) // groups)
    normal, rstd = norm._normalized(rows, (2,), eps)
    out = normal.reshape(x.shape)
    out = out if weight is None else out * norm._of_channels(weight, x)
    out = out if bias is None else out + norm._of_channels(bias, x)
    return values_of(call, out, rows.mean(2), rstd.squeeze(2))


def group_norm_backward(
    call: Call, function: Any, grad: Tensor, x: Tensor, groups: int, weight: Any, means: Tensor,
    rstd: Tensor,
) -> tuple[Tensor, ...]:
    rows = (x.shape[0], groups, norm._elements_of(x.shape[1:]) // groups)
    rstd = rstd.reshape(rows[0], groups, 1)
    normal = (x.reshape(rows) - means.reshape(rows[0], groups, 1)) * rstd
    upstream = grad if weight is None else grad * norm._of_channels(weight, x)
    to_input = norm._centred_gradient(upstream.reshape(rows), normal, rstd, (2,))
    dims = norm._all_but_channels(x)
    to_weight = (grad * normal.reshape(x.shape)).sum(dims)
    return values_of(call, to_input.reshape(x.shape), to_weight, grad.sum(dims))


add("rms_norm", rms_norm, raw("rms_norm"))
add("rms_norm_backward", rms_norm_backward)
add("group_norm", group_norm, raw("group_norm"))
add("group_norm_backward", group_norm_backward)
add("layer_norm", layer_norm, raw("layer_norm"))
add("layer_norm_backward", layer_norm_backward)


# Convolutions and pools: the samples become a larger batch, or, where each has weights of its own,
# groups of channels.


def folded(call: Call, x: Tensor) -> Tensor:
    """Samples and batch in one dimension."""
    return call.front(x).flatten(0, 1)


def unfolded(call: Call, x: Tensor) -> Tensor:
    return x.unflatten(0, (call.size, -1))


def grouped(call: Call, x: Tensor) -> Tensor:
    """Samples and channels in one dimension: (N, samples * C, ...)."""
    return call.front(x).transpose(0, 1).flatten(1, 2)


def ungrouped(call: Call, x: Tensor) -> Tensor:
    return x.unflatten(1, (call.size, -1)).transpose(0, 1)


def convolution(
    call: Call, function: Any, x: Tensor, weight: Tensor, bias: Any, *options: Any
) -> Tensor:
    if not call.is_mapped(weight) and not call.is_mapped(bias):
        values = call.value(weight), call.value(bias)
        return unfolded(call, function(folded(call, x), *values, *options))
    *rest, groups = options
    found = function(grouped(call, x), folded(call, weight), None, *rest, groups * call.size)
    out = ungrouped(call, found)
    if bias is None:
        return out
    return out + call.front(bias).reshape(call.size, 1, -1, *(1,) * (x.dim() - 2))


def convolution_input(
    call: Call, function: Any, grad: Tensor, weight: Tensor, sizes: Any, *options: Any
) -> Tensor:
    if not call.is_mapped(weight):
        return unfolded(call, function(folded(call, grad), call.value(weight), sizes, *options))
    *rest, groups = options
    values = grouped(call, grad), folded(call, weight)
    return ungrouped(call, function(*values, sizes, *rest, groups * call.size))


def convolution_weight(
    call: Call, function: Any, x: Tensor, grad: Tensor, kernel: Any, *options: Any
) -> Tensor:
    *rest, groups = options
    values = grouped(call, x), grouped(call, grad)
    return unfolded(call, function(*values, kernel, *rest, groups * call.size))


def leading(call: Call, function: Callable[..., Any], x: Tensor, *args: Any) -> Any:
    """What works on the last dimensions and takes the first as a batch."""
    found = function(folded(call, x), *args)
    if isinstance(found, tuple):
        return tuple(unfolded(call, part) for part in found)
    return unfolded(call, found)


def with_options(function: Callable[..., Any], count: int) -> Callable[..., Any]:
    """The same function with all arguments after the first `count` as one tuple."""
    return lambda *args: function(*args[:count], args[count:])


def max_pool(x: Tensor, kernel: Any, *options: Any) -> Any:
    return pool._recorded(len(kernel), x, _core.max_pool(x, kernel, *options))


def adaptive_max_pool(x: Tensor, sizes: Any) -> Any:
    return pool._recorded(len(sizes), x, _core.adaptive_max_pool(x, sizes))


add("convolution", convolution, with_options(conv._convolution, 3))
add("convolution_input", convolution_input, with_options(conv._input_gradient, 3))
add("convolution_weight", convolution_weight, with_options(conv._weight_gradient, 3))
add("im2col", leading, raw("im2col"))
add("col2im", leading, raw("col2im"))
add("max_pool", leading, max_pool)
add("adaptive_max_pool", leading, adaptive_max_pool)
add("avg_pool", leading, with_options(pool_average._avg_pool, 1))
add("adaptive_avg_pool", leading, pool_average._adaptive_avg_pool)


def pooled_backward(
    call: Call, function: Callable[..., Any], grad: Tensor, image: Any, *args: Any
) -> Tensor:
    return unfolded(
        call, function(folded(call, grad), (call.size * image[0], *image[1:]), *args)
    )


add("avg_pool_backward adaptive_avg_pool_backward", pooled_backward)


# In place


# Where in-place operations of the user come from; other modules write into what they have made.
_IN_PLACE = ("fastgrad.ops.inplace", "fastgrad.ops.assign")


def in_place(name: str) -> Callable[..., Any]:
    """A method that writes into its tensor, with a tensor or a number to align."""
    method = getattr(Tensor, name)

    def batch(call: Call, function: Callable[..., Any], x: Tensor, other: Any) -> None:
        if not call.is_mapped(x):
            if sys._getframe(2).f_globals["__name__"] not in _IN_PLACE:
                call.give_up()
            refuse(
                f"{name}() would write what differs between samples into a tensor that they share"
            )
        if isinstance(other, Tensor) and other.dim() > x.dim():
            raise RuntimeError(
                f"{name}: output with shape {list(x.shape)} doesn't match the broadcast shape of "
                f"{list(other.shape)}"
            )
        method(call.value(x), call.aligned((x, other))[1])

    return batch


def random_fill(call: Call, function: Callable[..., Any], x: Tensor, *args: Any) -> None:
    """The same numbers for all samples: vmap takes them one by one if they are to differ."""
    call.value(x).copy_(function(_core.empty(x.shape, x.dtype), *args))


for name in ("add_", "sub_", "mul_", "div_", "copy_", "fill_"):
    add(name, in_place(name), getattr(Tensor, name))
for name in ("uniform_", "normal_", "log_normal_", "exponential_", "cauchy_", "geometric_",
             "bernoulli_", "random_"):
    add(name, random_fill, getattr(_core, name))


# What depends on the numbers


def depends(name: str) -> Callable[..., Any]:
    def batch(call: Call, function: Callable[..., Any], *args: Any) -> None:
        refuse(f"the result of {name}() depends on the numbers of one sample")

    return batch


for name in ("nonzero", "equal", "bincount"):
    add(name, depends(name), getattr(_core, name), is_constant=True)

_rules_indexing.add_to(add)
