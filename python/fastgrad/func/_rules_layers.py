"""The batching rules of products, losses, normalizations, convolutions and pools."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import fastgrad as t

from .. import Tensor, _core
from ..nn import functional as F
from ..ops import attention, conv, loss, norm, pool, pool_average
from ._batched import Call, rules
from ._rules import add, raw

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


def sampled(call: Call, function: Callable[..., Any], *args: Any) -> Tensor:
    planes = [call.front(x).flatten(0, 1) if isinstance(x, Tensor) else x for x in args]
    return function(*planes).unflatten(0, (call.size, -1))  # type: ignore[no-any-return]


for name in ("sample", "sample_pixels_backward", "sample_shares_backward"):
    add(name, sampled, raw(name))


# Attention


def attended(
    call: Call, function: Callable[..., Any], q: Tensor, k: Tensor, v: Tensor, mask: Any, *how: Any
) -> Any:
    return function(*call.aligned((q, k, v, mask)), *how)


def attention_backward(
    call: Call, function: Callable[..., Any], g: Tensor, out: Tensor, log_sum: Tensor, *args: Any
) -> Any:
    return attended(call, partial(function, *map(call.front, (g, out, log_sum))), *args)


add("attention", attended, attention.tiled)
add("attention_backward", attention_backward)


# Losses


def cross_entropy(
    call: Call,
    function: Any,
    logits: Tensor,
    labels: Tensor,
    weight: Any,
    ignore_index: int,
    smoothing: float,
    total: bool,
    average: bool,
) -> tuple[Tensor, Tensor, Tensor]:
    if call.is_mapped(weight):
        call.give_up()
    labels_of_all, factors = call.front(labels), call.value(weight)
    losses, kept, _ = function(
        call.front(logits).flatten(0, 1), labels_of_all.flatten(), factors, ignore_index, smoothing
    )
    found, divisors = losses.view(call.size, -1), kept.new_ones(call.size)
    if average:
        divisors = _label_weights(labels_of_all, factors, ignore_index).to(kept.dtype)
    if total:
        found = found.sum(1) / divisors
    return found, kept.view(call.size, -1, 2), divisors


def cross_entropy_of_rows(
    logits: Tensor, labels: Tensor, weight: Any, ignore_index: int, smoothing: float
) -> tuple[Tensor, Tensor, Tensor]:
    """The losses, with a graph where one is needed, and what backward needs."""
    numbers = _core.cross_entropy(
        logits.detach(), labels, weight, ignore_index, smoothing, False, False
    )
    losses = loss._cross_entropy(logits, labels, weight, ignore_index, smoothing, "none")
    return losses, *numbers[1:]


def cross_entropy_backward(
    call: Call,
    function: Any,
    grad: Tensor,
    logits: Tensor,
    kept: Tensor,
    labels: Tensor,
    weight: Any,
    divisor: Tensor,
    ignore_index: int,
    smoothing: float,
) -> Tensor:
    if call.is_mapped(weight):
        call.give_up()
    rows = logits.shape[0]
    scales = call.front(grad)
    if not grad.dim():
        scales = (scales / call.front(divisor)).unsqueeze(1).expand(call.size, rows)
    found = function(
        scales.flatten(),
        call.front(logits).flatten(0, 1),
        call.front(kept).flatten(0, 1),
        call.front(labels).flatten(),
        call.value(weight),
        scales.new_ones(()),
        ignore_index,
        smoothing,
    )
    return found.view(call.size, *logits.shape)  # type: ignore[no-any-return]


def _label_weights(labels: Tensor, weight: Tensor | None, ignore_index: int) -> Tensor:
    """The sum of the weights of the labels in each row."""
    kept = labels != ignore_index
    factors = kept if weight is None else t.where(kept, weight[t.where(kept, labels, 0)], 0.0)
    total: Tensor = factors.sum(1)
    return total


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


add("cross_entropy", cross_entropy, cross_entropy_of_rows)
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
    call: Call,
    function: Any,
    grad: Tensor,
    x: Tensor,
    shape: Any,
    weight: Any,
    means: Tensor,
    rstd: Tensor,
    affine: bool,
) -> tuple[Tensor, ...]:
    dims, lead = tuple(range(-len(shape), 0)), tuple(range(x.dim() - len(shape)))
    kept = (*x.shape[: len(lead)], *(1,) * len(shape))
    rstd = rstd.reshape(kept)
    normal = (x - means.reshape(kept)) * rstd
    upstream = grad if weight is None else grad * weight
    to_input = norm._centred_gradient(upstream, normal, rstd, dims)
    return values_of(call, to_input, norm._summed(grad * normal, lead), norm._summed(grad, lead))


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
    call: Call,
    function: Any,
    grad: Tensor,
    x: Tensor,
    groups: int,
    weight: Any,
    means: Tensor,
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
    return pool.recorded_pool(len(kernel), pool.MAX, x, (kernel, *options))


def adaptive_max_pool(x: Tensor, sizes: Any) -> Any:
    return pool.recorded_pool(len(sizes), pool.ADAPTIVE, x, (sizes,))


add("convolution", convolution, with_options(conv._convolution, 3))
add("convolution_input", convolution_input, with_options(conv._input_gradient, 3))
add("convolution_weight", convolution_weight, with_options(conv._weight_gradient, 3))
add("im2col", leading, raw("im2col"))
add("col2im", leading, raw("col2im"))
add("max_pool", leading, max_pool)
add("adaptive_max_pool", leading, adaptive_max_pool)
add("avg_pool", leading, with_options(pool_average._avg_pool, 1))
add("adaptive_avg_pool", leading, pool_average._adaptive_avg_pool)


def pooled_backward(call: Call, function: Callable[..., Any], *args: Any) -> Tensor:
    """Tensors, the shape of the image, and options."""
    tensors = [folded(call, x) for x in args if isinstance(x, Tensor)]
    image, *options = args[len(tensors) :]
    return unfolded(call, function(*tensors, (call.size * image[0], *image[1:]), *options))


add("avg_pool_backward adaptive_avg_pool_backward", pooled_backward)
add("max_pool_backward adaptive_max_pool_backward", pooled_backward)
add("max_pool_places adaptive_max_pool_places", pooled_backward)
