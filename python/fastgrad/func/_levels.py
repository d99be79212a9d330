"""What keeps nested derivatives apart.

A transform evaluates its function at tensors of its own, differentiates with respect to these, and
gives back results from which they have gone. When a tensor from outside takes part (the input of an
enclosing transform, or a leaf of the user's), results stay connected to that one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import local
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Any

from .. import Tensor, _core, autograd, zeros
from ..autograd.graph import Node
from ..nn import Module
from ._batched import Batched, innermost, lifted
from ._tree import flatten, tree_map

if TYPE_CHECKING:
    from typing import Self


def zeros_for(shape: Sequence[int], x: Tensor) -> Tensor:
    """Zeros of the dtype of a tensor."""
    return zeros(shape, dtype=x.dtype)


class _Active(local):
    """The transforms at work in this thread, the innermost last."""

    def __init__(self) -> None:
        self.levels: list[Level] = []


_active = _Active()


class Level:
    """One transform at work. ``with level:`` records whatever the mode outside is."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._own: set[Tensor] = set()
        self._outside: list[bool] = []  # whether the caller records, for each time it was entered

    def __enter__(self) -> Self:
        self._outside.append(_core.set_grad_enabled(True))
        _active.levels.append(self)
        return self

    def __exit__(self, *exception: object) -> None:
        _core.set_grad_enabled(self._outside.pop())
        _active.levels.pop()
        if _active.levels:  # nobody can ask for their gradients any more
            _active.levels[-1]._own |= self._own

    def own(self, x: Any) -> Tensor:
        """A tensor of this level in place of one from outside."""
        if not isinstance(x, Tensor):
            raise ValueError(
                f"{self.name}: can only differentiate with respect to tensors, got {type(x)}"
            )
        if x.__class__ is not Batched and (inside := innermost()) is not None:
            x = lifted(x, inside)  # what belongs to an outer level stays connected to it
        if x.requires_grad and self._outside[-1]:
            alias: Tensor = x.view_as(x)
            return alias
        made = (_core.detach(x) if x.__class__ is Batched else x.detach()).requires_grad_()
        self._own.add(made)
        return made

    def weights(self, outputs: Sequence[Tensor]) -> list[Tensor]:
        """Zeros to weight the outputs with: a linear function can be differentiated there."""
        made = [_core.zeros_for(y, y, y.shape).requires_grad_() for y in outputs]
        self._own.update(made)
        return made

    def reaches_outside(self, tensors: Sequence[Tensor]) -> bool:
        """Whether somebody outside can ask for gradients of what is computed from these."""
        if not self._outside[-1]:
            return False
        if any(x.values.requires_grad for x in tensors if isinstance(x, Batched)):
            return True
        stack = [edge for edge in _core.edges(*tensors) if edge is not None]
        seen = set(stack)
        while stack:
            edge = stack.pop()
            if not isinstance(edge, Node):
                if edge not in self._own:
                    return True
                continue
            fresh = [e for e in edge.edges if e is not None and e not in seen]
            seen.update(fresh)
            stack += fresh
        return False

    def gradients(
        self,
        outputs: Sequence[Tensor],
        inputs: Sequence[Tensor],
        weights: Sequence[Tensor] | None = None,
        create_graph: bool = False,
    ) -> list[Tensor]:
        """Gradients; zeros for inputs that play no part."""
        given = [None] * len(outputs) if weights is None else weights
        pairs = [(y, w) for y, w in zip(outputs, given, strict=True) if y.requires_grad]
        if not pairs:
            return [zeros_for(x.shape, x) for x in inputs]
        sources = [y for y, _ in pairs]
        vectors = [w for _, w in pairs]
        found = autograd.grad(
            sources,
            inputs,
            vectors,
            retain_graph=True,
            create_graph=create_graph
            or self.reaches_outside([*sources, *(w for w in vectors if w is not None)]),
            allow_unused=True,
        )
        return [
            zeros_for(x.shape, x) if g is None else g for g, x in zip(found, inputs, strict=True)
        ]

    def left(self, tree: Any) -> Any:
        """Results without the tensors of this level."""
        return tree_map(self._left, tree)

    def _left(self, x: Any) -> Any:
        if not isinstance(x, Tensor) or not x.requires_grad or self.reaches_outside([x]):
            return x
        return x.detach()

    def result(self, value: Any) -> list[Tensor]:
        """The tensors that the function returned, if it returned what can be differentiated."""
        leaves, _ = flatten(value)
        for leaf in leaves:
            if not isinstance(leaf, Tensor):
                raise RuntimeError(
                    f"{self.name}: expected the function to return only tensors, got unsupported "
                    f"type {type(leaf)}"
                )
            if not leaf.dtype.is_floating_point:
                raise RuntimeError(
                    f"{self.name}: all outputs of the function must be floating-point tensors, got "
                    f"a tensor with dtype {leaf.dtype}"
                )
        if not leaves:
            raise RuntimeError(f"{self.name}: the function returned no tensor")
        return leaves

    def with_aux(self, value: Any, has_aux: bool) -> tuple[Any, Any]:
        """What the function returned, as (output, aux)."""
        if not has_aux:
            return value, None
        if not isinstance(value, tuple) or len(value) != 2:
            raise RuntimeError(
                f"{self.name}: output of function f should be a tuple: (output, aux) if has_aux is "
                "True"
            )
        return value[0], self.left(value[1])


def chosen(argnums: Any, count: int) -> tuple[int, ...]:
    """Which arguments to differentiate with respect to, counted from the front."""
    numbers = argnums if isinstance(argnums, tuple) else (argnums,)
    for n in numbers:
        if not isinstance(n, int):
            raise RuntimeError(f"argnums must be int or Tuple[int, ...], got: {type(n)}")
        if not -count <= n < count:
            raise RuntimeError(f"Got argnum={n}, but only {count} positional inputs")
    places = tuple(n % count for n in numbers)
    if not places:
        raise RuntimeError("argnums must be non-empty")
    if len(set(places)) != len(places):
        raise RuntimeError(f"argnums elements must be unique, got {argnums}")
    return places


# Captured tensors

_PACKAGE = f"{__name__.partition('.')[0]}."


class Captured:
    """The tensors that a function uses without taking them as arguments, as far as they show:
    those in its closure and among its globals, and the members of modules there.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self.versions: list[tuple[str, Tensor, int, bool]] = []
        self._seen: set[int] = set()
        self._add("", function)

    def check(self, name: str) -> None:
        """RuntimeError when one of them was changed in place."""
        for label, tensor, version, required_grad in self.versions:
            if tensor._version != version or tensor.requires_grad != required_grad:
                raise RuntimeError(
                    f"{name}: the function changed the captured tensor {label!r} (shape "
                    f"{list(tensor.shape)}) in place, which is not supported; take it as an "
                    "argument, and return the changed one"
                )

    def _add(self, label: str, value: Any) -> None:
        if id(value) in self._seen:
            return
        self._seen.add(id(value))
        if isinstance(value, Tensor):
            self.versions.append((label, value, value._version, value.requires_grad))
        elif isinstance(value, FunctionType):
            self._add_function(value)
        elif isinstance(value, Module):
            members = [*value.named_parameters(), *value.named_buffers()]
            for member, tensor in members:
                self._add(f"{label}.{member}", tensor)
        elif isinstance(value, (list, tuple)):
            for i, part in enumerate(value):
                self._add(f"{label}[{i}]", part)
        elif hasattr(value, "__func__"):  # a bound method
            self._add("self", value.__self__)
            self._add(label, value.__func__)

    def _add_function(self, function: FunctionType) -> None:
        code: CodeType = function.__code__
        for name, cell in zip(code.co_freevars, function.__closure__ or (), strict=True):
            try:
                self._add(name, cell.cell_contents)
            except ValueError:
                continue  # a cell that is empty so far
        if function.__globals__.get("__name__", "").startswith(_PACKAGE):
            return  # of the library's own functions only what they were made of matters
        for name in code.co_names:
            value = function.__globals__.get(name)
            is_helper = isinstance(value, FunctionType) and value.__module__ == function.__module__
            if is_helper or isinstance(value, (Tensor, Module)):
                self._add(name, value)
