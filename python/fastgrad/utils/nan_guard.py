"""nan_guard: stop at the first operation whose result, or whose gradient, is not finite.

Every recorded operation, every module, and every step of backward is looked at. To be cheap, a
look is the sum of the tensor: one fast pass, which is finite unless an element is not, or the sum
itself is too large. Only then are the elements themselves looked at.
"""

from __future__ import annotations

from linecache import getline
from math import isfinite
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary, WeakSet

from .. import Tensor, _core
from ..autograd.anomaly import set_guard, user_frame
from ..autograd.graph import Node
from ..nn import Module
from ..nn._context import _label, _name_within

if TYPE_CHECKING:
    from types import CodeType

    from ..autograd.graph import Grads

# Finite in, finite out, in both directions: not looked at.
_HARMLESS = {"relu_vjp", "neg_vjp", "abs_vjp", "tanh_vjp", "sigmoid_vjp", "clone_vjp"}

# They put infinities where the user wants them, such as the -inf of a mask before a softmax.
_MASKING = {"MaskedFill", "Where", "Add", "Sub", "IndexPut", "MaskedScatter", "Copy", "CopySlices"}


class _Place:
    """Where an operation was recorded: the user's line, and the modules being called."""

    __slots__ = ("code", "line", "modules")

    def __init__(self, modules: tuple[Module, ...]) -> None:
        frame = user_frame()
        self.code: CodeType | None = None if frame is None else frame.f_code
        self.line = 0 if frame is None else frame.f_lineno
        self.modules = modules

    def __str__(self) -> str:
        parts = [f"in {_path(self.modules)}"] if self.modules else []
        if self.code is not None:
            name = self.code.co_filename
            parts.append(f"at {name}:{self.line}: {getline(name, self.line).strip()}")
        return ", ".join(parts)


def _path(modules: tuple[Module, ...]) -> str:
    """The innermost module under its name in the outermost."""
    outer, inner = modules[0], modules[-1]
    name = _name_within(outer, inner) or type(inner).__name__
    return _label(inner) if outer is inner else f"{name} {_label(inner)} of {type(outer).__name__}"


def _is_finite(x: Tensor) -> bool:
    """Whether all elements are finite; the sum tells, unless it is too large itself."""
    if not x.dtype.is_floating_point or isfinite(_core.sum(x, (), False, None).item()):
        return True
    return bool(_core.all(_core.isfinite(x), (), False))


def _has_nan(x: Tensor) -> bool:
    return bool(_core.any(_core.isnan(x), (), False))


def _described(x: Tensor) -> str:
    """Shape, dtype, how many elements are not finite, and what the others are like."""
    x = _core.detach(x)
    nans, infs = x.isnan(), x.isinf()
    rest = x[~(nans | infs)].double()
    counts = f"{int(nans.sum())} nan and {int(infs.sum())} inf of {x.numel()} elements"
    about = "no finite ones"
    if rest.numel():
        numbers = (rest.min().item(), rest.max().item(), rest.mean().item())
        about = "the finite rest has min {:.4g}, max {:.4g}, mean {:.4g}".format(*numbers)
    return f"shape {list(x.shape)}, {x.dtype}, {counts}; {about}"


class nan_guard:
    """Inside, the first operation or module that gives NaN or infinity raises an error.

    So does the first gradient that is not finite, in backward. The error names the module and the
    operation, the shape and dtype, how many elements are NaN and infinite, what the finite rest is
    like, and your line. Infinities that ``masked_fill``, ``where``, an addition or an assignment
    put in, as the masks of attention do, are let through until a NaN comes of them. Without
    recording (``no_grad``) the outputs of modules are looked at, not single operations.

    Raises:
        FloatingPointError: something is not finite.

    >>> import fastgrad as torch
    >>> x = torch.tensor([1.0, 0.0], requires_grad=True)
    >>> with torch.nan_guard():
    ...     try:
    ...         y = x.log()
    ...     except FloatingPointError as error:
    ...         print(str(error).partition(", torch")[0])
    nan_guard: the result of Log is not finite: shape [2]
    """

    def __init__(self) -> None:
        self._modules: list[tuple[Module, tuple[Any, ...]]] = []
        self._places: WeakKeyDictionary[Node, _Place] = WeakKeyDictionary()
        self._masked: WeakSet[Node] = WeakSet()  # results with infinities that are meant

    def __enter__(self) -> None:
        self._watcher = _core.watch_nodes(self._recorded)
        self._guard = set_guard(self._differentiated)
        self._call = Module.__call__
        # Modules call no hook of ours: outside the guard they are as fast as ever.
        Module.__call__ = self._calling(self._call)  # type: ignore[method-assign]

    def __exit__(self, *exception: object) -> None:
        Module.__call__ = self._call  # type: ignore[method-assign]
        set_guard(self._guard)
        _core.watch_nodes(self._watcher)
        self._modules.clear()

    def _calling(self, call: Any) -> Any:
        """A module's call, known while it runs, whose output is looked at."""

        def guarded(module: Module, /, *args: Any, **kwargs: Any) -> Any:
            self._modules.append((module, args))
            try:
                output = call(module, *args, **kwargs)
                for x in output if isinstance(output, (tuple, list)) else (output,):
                    if isinstance(x, Tensor) and (x.node is None or x.node not in self._places):
                        self._returned(x)
            finally:
                self._modules.pop()
            return output

        return guarded

    def _returned(self, x: Tensor) -> None:
        """Look at a module's output that no recorded operation made."""
        if not _is_finite(x):
            inner = self._modules[-1][0]
            raise self._error(f"the output of {type(inner).__name__}", x, self._here())

    def _here(self) -> _Place:
        return _Place(tuple(module for module, _ in self._modules))

    def _recorded(self, node: Node, result: Tensor) -> None:
        """Look at the result of an operation."""
        self._places[node] = self._here()
        if result._base is not None or node.vjp.__name__ in _HARMLESS:
            if self._masked and self._is_of_masked(node):
                self._masked.add(node)
            return
        if _is_finite(result):
            return
        if not _has_nan(result) and self._infinity_is_meant(node):
            self._masked.add(node)
            return
        raise self._error(f"the result of {_operation(node)}", result, self._places[node])

    def _infinity_is_meant(self, node: Node) -> bool:
        return _operation(node) in _MASKING or self._is_of_masked(node)

    def _is_of_masked(self, node: Node) -> bool:
        return any(edge in self._masked for edge in node.edges if isinstance(edge, Node))

    def _differentiated(self, node: Node, grads: Grads) -> None:
        """Look at the gradients that an operation's backward computed."""
        if node.vjp.__name__ in _HARMLESS:
            return
        for i, (grad, edge) in enumerate(zip(grads, node.edges, strict=False)):
            if grad is None or edge is None or _is_finite(grad):
                continue
            what = f"the gradient of input {i} of {_operation(node)}"
            raise self._error(what, grad, self._places.get(node), "in backward, ")

    def _error(self, what: str, x: Tensor, place: _Place | None, when: str = "") -> Exception:
        where = f"; {place}" if place is not None else ""
        return FloatingPointError(
            f"nan_guard: {when}{what} is not finite: {_described(x)}{where}{self._earlier(place)}"
        )

    def _earlier(self, place: _Place | None) -> str:
        """What was not finite before the innermost module computed anything."""
        if place is None or not place.modules:
            return ""
        members = dict(place.modules[-1].named_parameters())
        if self._modules:
            members |= {f"input {i}": x for i, x in enumerate(self._modules[-1][1])}
        bad = [n for n, x in members.items() if isinstance(x, Tensor) and not _is_finite(x)]
        return f". Not finite before: {', '.join(bad)}" if bad else ""


def _operation(node: Node) -> str:
    return node.name().removesuffix("0").removesuffix("Backward")
