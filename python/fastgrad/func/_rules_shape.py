"""The batching rules of what makes shapes and arranges elements."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any

import fastgrad as t

from .. import Tensor, _core
from ._batched import Call
from ._rules import add, along, moved, raw, sized, trailing

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


def rolled(x: Tensor, shifts: Any, dims: Any) -> Tensor:
    return t.roll(x, shifts) if dims == () else t.roll(x, shifts, dims)


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
add("roll", roll, rolled)
add("cat", cat)


# Creation


def zeros_for(call: Call, function: Any, x: Tensor, y: Tensor, sizes: Sequence[int]) -> Tensor:
    return t.zeros((call.size, *sizes), dtype=x.dtype)


def result_type(call: Call, function: Callable[..., Any], *operands: Any) -> Any:
    kinds = [
        _core.empty_at(x.get_device(), (1,) * min(x.dim(), 1), x.dtype)
        if isinstance(x, Tensor)
        else x
        for x in operands
    ]
    return function(*kinds)


add("zeros_for", zeros_for, _core.zeros_for, is_constant=True)
add("full_like", trailing, _core.full_like, is_constant=True)
add("empty_in_order_of", trailing, _core.empty_in_order_of, is_constant=True)
add("result_type", result_type, _core.result_type, is_constant=True)
