"""The batching rules of indexing: reading and writing where index expressions and tensors say."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import fastgrad as t

from .. import Tensor, _core
from ..ops import indexing
from ._batched import Call, Logical, refuse
from ._rules import add


def entries(index: Any, rank: int) -> list[Any]:
    """An index expression with one entry for each dimension, and None for new ones."""
    given = list(index) if isinstance(index, tuple) else [index]
    missing = rank - sum(1 for part in given if part is not None and part is not ...)
    if ... in [part for part in given if not isinstance(part, Tensor)]:
        at = next(i for i, part in enumerate(given) if part is ...)
        return [*given[:at], *[slice(None)] * missing, *given[at + 1 :]]
    return [*given, *[slice(None)] * missing]


def _split(parts: list[Any]) -> tuple[list[Any], list[Tensor], list[int]]:
    """The basic part of an expression, the index tensors, and the dimensions of these after it."""
    basic, tensors, axes, at = [], [], [], 0
    for part in parts:
        if isinstance(part, Tensor):
            tensors.append(part)
            axes.append(at)
            part = slice(None)
        basic.append(part)
        at += not isinstance(part, int)
    return basic, tensors, axes


def _listed(index: Any) -> tuple[Any, ...]:
    return index if isinstance(index, tuple) else (index,)


def _has_tensors(index: Any) -> bool:
    parts = _listed(index)
    return any(isinstance(part, (Tensor, list)) for part in parts)


def frozen_index(call: Call, function: Any, index: Any) -> Logical:
    return Logical(frozen(call, index))


def frozen(call: Call, index: Any) -> tuple[Any, ...]:
    """Lists and masks as index tensors."""
    parts = _listed(index)
    found: list[Any] = []
    for part in parts:
        if call.is_own(part):
            if part.dtype is _core.bool or part.dtype is _core.uint8:
                refuse("indexing with a mask selects a number of elements that depends on a sample")
            found.append(part)
        elif isinstance(part, (Tensor, list)) or not isinstance(part, (int, slice, type(...))):
            found += (part,) if part is None else _core.frozen_index((part,))
        else:
            found.append(part)
    return tuple(found)


def getitem(call: Call, function: Callable[..., Any], x: Tensor, index: Any) -> Tensor:
    if not _has_tensors(index):
        return function(call.value(x), (slice(None), *_listed(index)))  # type: ignore[no-any-return]
    parts = frozen(call, index)
    if any(isinstance(part, bool) for part in parts):
        call.give_up()
    basic, tensors, axes = _split(entries(parts, x.dim()))
    count = len(tensors)
    shape = t.broadcast_shapes(*(i.shape for i in tensors))
    most = len(shape)
    if call.is_mapped(x):
        viewed = function(call.value(x), (slice(None), *basic))
        ahead = viewed.movedim(tuple(a + 1 for a in axes), tuple(range(1, count + 1)))
        samples = t.arange(call.size).reshape(call.size, *(1,) * most)
        found = function(ahead, (samples, *call.aligned(tuple(tensors))))
    else:
        viewed = function(call.value(x), tuple(basic))
        ahead = viewed.movedim(tuple(axes), tuple(range(count)))
        found = function(ahead, tuple(call.aligned(tuple(tensors))))
    if axes != list(range(axes[0], axes[0] + count)):
        return found  # type: ignore[no-any-return]
    places = tuple(range(1, most + 1))
    return found.movedim(places, tuple(axes[0] + d for d in places))  # type: ignore[no-any-return]


def getitem_backward(
    call: Call, function: Callable[..., Any], grad: Tensor, sizes: Sequence[int], index: Any
) -> Tensor:
    given = call.front(grad)
    if not _has_tensors(index):
        return function(given, (call.size, *sizes), (slice(None), *index))  # type: ignore[no-any-return]
    # Where each element comes from, as one number.
    count = 1
    for n in sizes:
        count *= n
    places = indexing.getitem(t.arange(count).reshape(tuple(sizes)), index)
    samples = t.arange(call.size).unsqueeze(1)
    flat = given.reshape(call.size, -1)
    to = (samples, call.front(places).reshape(call.size, -1))
    return function(flat, (call.size, count), to).view(call.size, *sizes)  # type: ignore[no-any-return]


def setitem(
    call: Call, function: Any, x: Tensor, index: Any, value: Any, *accumulate: bool
) -> None:
    if _has_tensors(index) or any(accumulate):
        call.give_up()
    if not call.is_mapped(x):
        refuse("x[...] = y would write what differs between samples into a tensor that they share")
    parts = _listed(index)
    target = function_view(call, x, parts)
    target.copy_(_fitting(call, target, value))


def function_view(call: Call, x: Tensor, parts: tuple[Any, ...]) -> Tensor:
    view: Tensor = call.value(x)[(slice(None), *parts)]
    return view


def _fitting(call: Call, target: Tensor, value: Any) -> Any:
    """What is assigned, aligned with the samples of a target."""
    if not isinstance(value, Tensor) or not call.is_mapped(value):
        return call.value(value)
    values: Tensor = call.value(value)
    while values.dim() > target.dim() and values.shape[1] == 1:  # as PyTorch drops leading ones
        values = values.squeeze(1)
    return values.reshape(call.size, *(1,) * (target.dim() - values.dim()), *values.shape[1:])


def is_basic_index(call: Call, function: Any, x: Tensor, index: Any) -> bool:
    parts = _listed(index)
    if any(call.is_own(part) for part in parts):
        return False
    return bool(function(call.front(x), (slice(None), *parts)))


def gather(call: Call, function: Callable[..., Any], x: Tensor, dim: int, index: Tensor) -> Tensor:
    if not x.dim() or not index.dim():
        call.give_up()
    return function(call.front(x), dim % x.dim() + 1, call.front(index))  # type: ignore[no-any-return]


def index_select(
    call: Call, function: Callable[..., Any], x: Tensor, dim: int, index: Tensor
) -> Tensor:
    if not x.dim():
        call.give_up()
    if not call.is_mapped(index):
        return function(call.value(x), dim % x.dim() + 1, call.value(index))  # type: ignore[no-any-return]
    at = (*[slice(None)] * (dim % x.dim()), index.reshape(-1))
    return call.value(indexing.getitem(x, at))  # type: ignore[no-any-return]


def scatter(name: str) -> Callable[..., Any]:
    """A method that writes or adds `src` where `index` says."""
    method = getattr(Tensor, name)

    def batch(call: Call, function: Any, x: Tensor, dim: int, index: Tensor, src: Tensor) -> None:
        if not call.is_mapped(x) or not x.dim() or not index.dim():
            call.give_up()
        method(call.value(x), dim % x.dim() + 1, call.front(index), call.front(src))

    return batch


def index_write(name: str) -> Callable[..., Any]:
    """The same where one vector of indices serves all samples."""
    method = getattr(Tensor, name)

    def batch(call: Call, function: Any, x: Tensor, dim: int, index: Tensor, src: Any) -> None:
        if not call.is_mapped(x) or call.is_mapped(index) or not x.dim():
            call.give_up()
        values = call.front(src) if isinstance(src, Tensor) else src
        method(call.value(x), dim % x.dim() + 1, call.value(index), values)

    return batch


def masked_fill(call: Call, function: Any, x: Tensor, mask: Tensor, value: Tensor) -> None:
    if not call.is_mapped(x) or call.is_mapped(value):
        call.give_up()
    call.value(x).masked_fill_(call.aligned((x, mask))[1], call.value(value))


add("getitem", getitem, indexing.getitem)
add("getitem_backward", getitem_backward, indexing.getitem_backward)
add("setitem", setitem, _core.setitem)
add("frozen_index", frozen_index, lambda index: Logical(_core.frozen_index(index)))
add("is_basic_index", is_basic_index, _core.is_basic_index, is_constant=True)
add("gather", gather)
add("index_select", index_select)
for name in ("scatter_", "scatter_add_"):
    add(name, scatter(name), getattr(Tensor, name))
for name in ("index_add_", "index_copy_", "index_fill_"):
    add(name, index_write(name), getattr(Tensor, name))
add("masked_fill_", masked_fill, Tensor.masked_fill_)
