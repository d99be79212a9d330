"""The batching rules of the functions of ``_core``, by kind; the samples lie along dimension 0.

What is missing here is evaluated for one sample after the other (`NoRule`).
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any

import fastgrad as t

from .. import Tensor, _core, special
from ..nn import functional as F
from ..ops import activation_kinked as kinked
from ..ops import scan
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
    "neg abs sign floor ceil round trunc square frac exp exp2 expm1 log log2 log10 log1p sqrt "
    "rsqrt reciprocal sin cos tan asin acos atan sinh cosh tanh asinh acosh atanh erf sigmoid erfc "
    "erfcx erfinv ndtri lgamma digamma i0 i0e i1 i1e mantissa exponent relu logical_not isnan "
    "isinf isfinite signbit",
    elementwise,
)
add("cube", elementwise, lambda x: t.pow(x, 3))
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


def trailing(call: Call, function: Callable[..., Any], x: Tensor, *args: Any) -> Any:
    """What works on the last dimensions, for any number of others."""
    return function(call.value(x), *args)


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
    found: Tensor = function(sized(call, x), moved_dims(dims, x.dim()), keepdim, *rest)
    return found if x.dim() else found.reshape(call.size)


def product(x: Tensor, dims: Any, keepdim: bool, dtype: Any) -> Tensor:
    """The product over any number of dimensions."""
    given = (dims,) if isinstance(dims, int) else tuple(dims) or tuple(range(x.dim()))
    for d in sorted((d % max(x.dim(), 1) for d in given), reverse=True):
        x = x.prod(d, keepdim, dtype=dtype)
    return x if given else x.prod(dtype=dtype)


def median(x: Tensor, dim: int, keepdim: bool, ignore_nan: bool) -> Any:
    return (t.nanmedian if ignore_nan else t.median)(x, dim, keepdim)


def count(call: Call, function: Callable[..., Any], x: Tensor, dims: Any) -> Tensor:
    """Dimensions, of which none means all."""
    found: Tensor = function(sized(call, x), moved_dims(dims, x.dim()))
    return found if x.dim() else found.reshape(call.size)


add("count_nonzero", count, raw("count_nonzero"))
add("square_sum", reduction, lambda x, dims, keepdim: (x * x).sum(dims, keepdim))
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
add("topk", along(1), lambda x, k, dim, *flags: tuple(t.topk(x, k, dim, *flags)))
add("kthvalue", along(1), lambda *args: tuple(t.kthvalue(*args)))


def two_along(call: Call, function: Callable[..., Any], a: Tensor, b: Tensor, dim: int) -> Tensor:
    """Two tensors of one shape."""
    found: Tensor = function(sized(call, a), sized(call, b), moved(dim, a.dim()))
    return found if a.dim() else found.reshape(call.size)


def recurrence(call: Call, function: Any, x: Tensor, added: Tensor, dim: int, back: bool) -> Tensor:
    return two_along(call, lambda a, b, d: function(a, b, d, back), x, added, dim)


add("softmax_backward log_softmax_backward", two_along)
add("recurrence", recurrence, scan.recurrence)


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
    call.value(x).copy_(function(_core.empty_at(x.get_device(), x.shape, x.dtype), *args))


for name in ("add_", "sub_", "mul_", "div_", "copy_", "fill_"):
    add(name, in_place(name), getattr(Tensor, name))
for name in (
    "uniform_",
    "normal_",
    "log_normal_",
    "exponential_",
    "cauchy_",
    "geometric_",
    "bernoulli_",
    "random_",
):
    add(name, random_fill, getattr(_core, name))


# What depends on the numbers


def depends(name: str) -> Callable[..., Any]:
    def batch(call: Call, function: Callable[..., Any], *args: Any) -> None:
        refuse(f"the result of {name}() depends on the numbers of one sample")

    return batch


for name in ("nonzero", "equal", "bincount"):
    add(name, depends(name), getattr(_core, name), is_constant=True)
