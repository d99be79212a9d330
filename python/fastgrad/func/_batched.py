"""Tensors inside vmap, and how a call of an operation reaches its batching rule.

Inside ``vmap(f)`` a :class:`Batched` tensor has the shape of one sample and stands for all of them.
Every operation of the library ends in functions of ``_core``, and these hand a call with a batched
argument to :func:`call`. That is the only place where ``vmap`` meets the rest of the library, so
whatever is made of these functions (composite operations, modules, gradients) works inside it, and
nothing is slower outside.

A rule computes with the tensors of all samples (*values*), with the samples along their first
dimension, by differentiable operations: these may be recorded, or be batched by an outer ``vmap``.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from functools import reduce
from threading import local
from typing import Any, NoReturn

from .. import Tensor, _core

_PACKAGE = f"{__name__.partition('.')[0]}."


class Mapping:
    """One ``vmap`` at work."""

    def __init__(self, size: int, depth: int) -> None:
        self.size, self.depth = size, depth


class _State(local):
    """The mappings at work in this thread, the innermost last."""

    def __init__(self) -> None:
        self.mappings: list[Mapping] = []


_state = _State()


class mapping:
    """``with mapping(n) as m:`` a function is evaluated at n samples together."""

    def __init__(self, size: int) -> None:
        self._size = size

    def __enter__(self) -> Mapping:
        made = Mapping(self._size, len(_state.mappings))
        _state.mappings.append(made)
        return made

    def __exit__(self, *exception: object) -> None:
        _state.mappings.pop()


def innermost() -> Mapping | None:
    """The mapping that the running function is evaluated for."""
    return _state.mappings[-1] if _state.mappings else None


class NoRule(BaseException):
    """An operation has no batching rule: the samples must be taken one after the other.

    It is no Exception, so that a function's own ``except Exception`` does not take it for its own.
    """

    def __init__(self, mapping: Mapping, name: str) -> None:
        self.mapping, self.name = mapping, name


class Unrecorded(Exception):
    """There is a rule, but an outer transform needs a gradient that its result does not have."""


class Batched(Tensor):
    """A tensor inside vmap. Where the samples share it, `values` is the tensor they share."""

    __slots__ = ("is_mapped", "mapping", "values")

    values: Tensor
    mapping: Mapping
    is_mapped: bool

    def item(self) -> Any:
        """An error: there are as many numbers as samples."""
        self._refuse("calling .item() on a Tensor")

    def tolist(self) -> Any:
        """An error: there are as many lists as samples."""
        self._refuse("calling .tolist() on a Tensor")

    def __bool__(self) -> bool:
        self._refuse("using a Tensor in data-dependent control flow, such as `if x > 0`")

    __float__ = __int__ = __index__ = item

    def numpy(self, *, force: bool = False) -> Any:
        """Not for all samples together."""
        raise NoRule(self.mapping, "numpy")

    @property
    def data(self) -> Tensor:  # type: ignore[override]
        """The same memory outside the graph."""
        return self.detach()

    def __repr__(self, **_: Any) -> str:
        size = f" for each of {self.mapping.size} samples" if self.is_mapped else ""
        return f"<Tensor of shape {list(self.shape)}{size}, inside vmap>"

    def _refuse(self, what: str) -> NoReturn:
        caller = sys._getframe(2).f_globals.get("__name__", "")
        if caller.startswith(_PACKAGE):  # an operation that looks at numbers, not the user
            raise NoRule(self.mapping, sys._getframe(2).f_code.co_name)
        refuse(f"It looks like you're {what}")


def refuse(what: str) -> NoReturn:
    """RuntimeError for what has no meaning for all samples together."""
    raise RuntimeError(
        f"vmap: {what}. We don't support that inside vmap, where a tensor stands for all samples; "
        "use operations on tensors in its place, such as torch.where(), or call the function in a "
        "loop"
    )


def mapped(values: Tensor, mapping: Mapping) -> Tensor:
    """The batched tensor whose samples lie along the first dimension of `values`."""
    made = _core.batched(values)
    made.values, made.mapping, made.is_mapped = values, mapping, True
    return made


def lifted(value: Tensor, mapping: Mapping) -> Tensor:
    """A tensor that all samples share, as one of their own, with its own place in the graph."""
    made = _core.lifted(value)
    made.values, made.mapping, made.is_mapped = value, mapping, False
    return made


class Call:
    """One call of an operation, for the innermost mapping among its arguments."""

    def __init__(self, mapping: Mapping, name: str) -> None:
        self.mapping, self.name, self.size = mapping, name, mapping.size

    def is_own(self, x: Any) -> bool:
        """Whether a value is a batched tensor of this mapping."""
        return x.__class__ is Batched and x.mapping is self.mapping

    def is_mapped(self, x: Any) -> bool:
        """Whether a value differs between the samples."""
        return self.is_own(x) and x.is_mapped

    def value(self, x: Any) -> Any:
        """What it stands for: the samples along a first dimension where it is mapped."""
        return x.values if self.is_own(x) else x

    def front(self, x: Tensor) -> Tensor:
        """All samples along a first dimension, also where they share the tensor."""
        value: Tensor = self.value(x)
        return value if self.is_mapped(x) else value.expand(self.size, *value.shape)

    def aligned(self, args: tuple[Any, ...]) -> list[Any]:
        """The values of tensors that broadcast with each other, so that they still do."""
        tensors = [x for x in args if isinstance(x, Tensor)]
        most = max((x.dim() for x in tensors), default=0)
        dtype = _sized_dtype(tensors) if len({x.dtype for x in tensors}) > 1 else None
        return [self._aligned(x, most, dtype) for x in args]

    def _aligned(self, x: Any, most: int, dtype: Any) -> Any:
        value = self.value(x)
        if not self.is_mapped(x):
            return value
        if x.dim() < most:
            if dtype is not None and x.dim() == 0 and x.dtype is not _core.bool:
                # With a dimension more it would weigh more than a number does.
                kind = _core.empty((1,), dtype), _core.empty((), x.dtype)
                value = value.to(_core.result_type(*kind))
            value = value.reshape((self.size, *(1,) * (most - x.dim()), *x.shape))
        return value

    def give_up(self) -> NoReturn:
        raise NoRule(self.mapping, self.name)


def _sized_dtype(tensors: list[Tensor]) -> Any:
    """The dtype that those of the tensors with dimensions promote to; None without any."""
    kinds = {x.dtype for x in tensors if x.dim() and x.dtype is not _core.bool}
    return reduce(_core.promote_types, kinds) if kinds else None


class Rule:
    """How an operation is done for all samples: `batch(call, function, *args)` gives the values.

    `function` does it for tensors without samples, with the arguments of the function of _core.
    """

    def __init__(
        self, function: Callable[..., Any], batch: Callable[..., Any], *, is_constant: bool = False
    ) -> None:
        self.function, self.batch, self.is_constant = function, batch, is_constant


class Logical:
    """What a rule returns that is meant for the function inside vmap as it is."""

    def __init__(self, result: Any) -> None:
        self.result = result


rules: dict[str, Rule] = {}


def tensors_in(args: Any) -> Iterator[Tensor]:
    """The tensors among arguments, those in lists and tuples too."""
    for x in args:
        if isinstance(x, Tensor):
            yield x
        elif isinstance(x, (list, tuple)):
            yield from tensors_in(x)


def call(name: str, args: tuple[Any, ...]) -> Any:
    """The result of a function of _core some of whose arguments are batched."""
    tensors = list(tensors_in(args))
    given = [x for x in tensors if x.__class__ is Batched]
    if not given:
        refuse(f"{name}() needs the numbers of one sample")
    inner = max((x.mapping for x in given), key=lambda mapping: mapping.depth)
    own = [x for x in given if x.mapping is inner]
    this, rule = Call(inner, name), rules.get(name)
    if rule is None:
        this.give_up()
    is_mapped = any(x.is_mapped for x in own)
    outer = [x for x in tensors if not this.is_own(x)]
    if _core.is_grad_enabled() and any(map(_core.is_unrecorded, outer)):
        this.give_up()  # a step of an operation on shared tensors, which an outer graph would miss
    try:
        if is_mapped:
            result = rule.batch(this, rule.function, *args)
        else:
            result = rule.function(*_values(this, args))
    except Unrecorded:
        this.give_up()
    if result is None:  # it worked in place
        return args[0]
    if isinstance(result, Logical):
        return result.result
    requires_grad = (
        not rule.is_constant and _core.is_grad_enabled() and any(x.requires_grad for x in own)
    )
    if not isinstance(result, tuple):
        source = None if rule.is_constant else args[0]
        return _wrapped(this, result, is_mapped, requires_grad, source)
    first, *others = result
    return (
        _wrapped(this, first, is_mapped, requires_grad, None),
        *(_wrapped(this, x, is_mapped, False, None) for x in others),
    )


def _values(this: Call, args: Any) -> list[Any]:
    return [
        type(x)(_values(this, x)) if isinstance(x, (list, tuple)) else this.value(x) for x in args
    ]


def _wrapped(this: Call, value: Any, is_mapped: bool, requires_grad: bool, source: Any) -> Any:
    """What a rule returned, as a batched tensor with its own place in the graph."""
    if not isinstance(value, Tensor):
        return value
    out = mapped(value, this.mapping) if is_mapped else lifted(value, this.mapping)
    if this.is_own(source):
        _core.set_base(out, source)
    if requires_grad and out.dtype.is_floating_point:
        _core.mark_unrecorded(out)
    return out


_core.register_batching(Batched, call)
