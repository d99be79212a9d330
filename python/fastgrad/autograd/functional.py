"""Whole derivatives of functions: Jacobians, Hessians, and their products with vectors."""

from __future__ import annotations

from fastgrad import _core
from fastgrad.autograd.engine import grad
from fastgrad.autograd.grad_mode import enable_grad

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any, TypeAlias

    from fastgrad.tensor import Tensor

    Tensors: TypeAlias = tuple[Tensor, ...]
    Found: TypeAlias = tuple[Tensor | None, ...]

__all__ = ["hessian", "hvp", "jacobian", "jvp", "vhp", "vjp"]


class _Call:
    """One call of a user's function at inputs of our own, and the derivatives asked of it."""

    def __init__(self, name: str, create_graph: bool, strict: bool) -> None:
        self.name, self.create_graph, self.strict = name, create_graph, strict

    def enter(self, inputs: Any) -> None:
        """Take the inputs: new tensors, so that the same ones captured by the function differ."""
        self.is_tuple, given = _tensors(inputs, "inputs", self.name)
        self.inputs = tuple(self._fresh(x) for x in given)

    def _fresh(self, x: Tensor) -> Tensor:
        if self.create_graph and x.requires_grad:
            return x.view_as(x)
        return _core.detach(x).requires_grad_()

    def run(self, func: Callable[..., Any]) -> None:
        """Call the function."""
        result = func(*self.inputs)
        what = "outputs of the user-provided function"
        self.several, self.outputs = _tensors(result, what, self.name)
        if self.strict:
            for i, out in enumerate(self.outputs):
                if not out.requires_grad:
                    raise RuntimeError(
                        f"{self.name}: output {i} of the function does not require gradients: it "
                        "is not computed from the inputs in a differentiable way, which "
                        "strict=True does not allow"
                    )

    def run_scalar(self, func: Callable[..., Any]) -> None:
        """Call a function that must return one number."""
        self.run(func)
        if self.several:
            raise RuntimeError(
                f"The function given to {self.name} should return a single Tensor, not a tuple"
            )
        if self.outputs[0].numel() != 1:
            raise RuntimeError(
                f"The Tensor returned by the function given to {self.name} should contain a single "
                f"element, but its shape is {list(self.outputs[0].shape)}"
            )

    def vector(self, v: Any, like: Tensors, is_tuple: bool, alone: str) -> Tensors:
        """The given vector, which has the shapes of `like`; without one, 1 for a single number."""
        if v is None:
            if len(like) != 1 or like[0].numel() != 1:
                raise RuntimeError(
                    f"{self.name}: the vector v can only be None if {alone} is a single Tensor "
                    "with a single element"
                )
            return (_core.full(like[0].shape, 1, like[0].dtype),)
        _, vectors = _tensors(v, "v", self.name)
        if len(vectors) != len(like):
            raise RuntimeError(
                f"{self.name}: v is a tuple of invalid length: should be {len(like)} but got "
                f"{len(vectors)}"
            )
        for i, (vector, x) in enumerate(zip(vectors, like, strict=True)):
            if vector.shape != x.shape:
                entry = f"entry {i} of v" if is_tuple else "v"
                raise RuntimeError(
                    f"{self.name}: {entry} has invalid size: should be {list(x.shape)} but got "
                    f"{list(vector.shape)}"
                )
        return vectors if self.create_graph else tuple(map(_core.detach, vectors))

    def filled(self, grads: Found, like: Tensors, of: str, by: str = "input") -> Tensors:
        """Zeros where there is no gradient; an error in strict mode."""
        if self.strict:
            for i, g in enumerate(grads):
                if g is None or (self.create_graph and not g.requires_grad):
                    when = "" if g is None else " when create_graph=True"
                    raise RuntimeError(
                        f"{self.name}: {of} is independent of {by} {i}, which strict=True does not "
                        f"allow{when}"
                    )
        return tuple(
            _core.full(x.shape, 0, x.dtype) if g is None else g
            for g, x in zip(grads, like, strict=True)
        )

    def given_back(self, results: Tensors, as_tuple: bool) -> Any:
        """What the user gets: without a graph that was not asked for, a tuple for a tuple."""
        if not self.create_graph:
            results = tuple(map(_core.detach, results))
        return results if as_tuple else results[0]


def _tensors(value: Any, what: str, name: str) -> tuple[bool, Tensors]:
    """Whether the value is a tuple, and its tensors."""
    several = isinstance(value, tuple)
    values = value if several else (value,)
    for i, x in enumerate(values):
        if not isinstance(x, _core.TensorBase):
            place = f"the value at index {i}" if several else f"the given {what}"
            raise TypeError(
                f"The {what} given to {name} must be either a Tensor or a tuple of Tensors but "
                f"{place} has type {type(x)}."
            )
    return several, values


def _grads(
    outputs: Tensors, inputs: Tensors, weights: Sequence[Tensor | None] | None, create_graph: bool
) -> Found:
    """Gradients of the outputs that have any; None for inputs that play no part."""
    weights = (None,) * len(outputs) if weights is None else weights
    pairs = [(y, w) for y, w in zip(outputs, weights, strict=True) if y.requires_grad]
    if not pairs:
        return (None,) * len(inputs)
    return grad(
        [y for y, _ in pairs],
        inputs,
        [w for _, w in pairs],
        retain_graph=True,
        create_graph=create_graph,
        allow_unused=True,
    )


def basis(like: Tensor) -> list[Tensor]:
    """For each element of a tensor: 1 at its place, 0 elsewhere."""
    n = like.numel()
    return [_core.view(row, like.shape) for row in _core.eye(n, n, like.dtype)]


def stacked(rows: list[Tensor], outer: Sequence[int], inner: Sequence[int]) -> Tensor:
    """Rows of shape `inner`, one for each element of shape `outer`, as one tensor."""
    from fastgrad.ops.joining import stack

    return stack(rows).reshape((*outer, *inner))


def vjp(
    func: Callable[..., Any],
    inputs: Any,
    v: Any = None,
    create_graph: bool = False,
    strict: bool = False,
) -> tuple[Any, Any]:
    """The function's value, and a vector times its Jacobian.

    Args:
        func: takes tensors, returns a tensor or a tuple of tensors.
        inputs: a tensor or a tuple of tensors.
        v: the vector, of the outputs' shapes; may be left out when there is one number.
        create_graph: compute in a way that can be differentiated.
        strict: raise when an output does not depend on an input, in place of zeros.

    Raises:
        TypeError: inputs or outputs are no tensors.
        RuntimeError: `v` does not fit, or `strict` found something.

    Follows ``torch.autograd.functional.vjp``.

    >>> import fastgrad as torch
    >>> x = torch.tensor([1.0, 2.0])
    >>> torch.autograd.functional.vjp(lambda x: x**2, x, torch.tensor([1.0, 10.0]))
    (tensor([1., 4.]), tensor([ 2., 40.]))
    """
    call = _Call("vjp", create_graph, strict)
    with enable_grad():
        call.enter(inputs)
        call.run(func)
        weights = call.vector(v, call.outputs, call.several, "the function's output")
        found = _grads(call.outputs, call.inputs, weights, create_graph)
        product = call.filled(found, call.inputs, "the output of the function")
    return call.given_back(call.outputs, call.several), call.given_back(product, call.is_tuple)


def jvp(
    func: Callable[..., Any],
    inputs: Any,
    v: Any = None,
    create_graph: bool = False,
    strict: bool = False,
) -> tuple[Any, Any]:
    """The function's value, and its Jacobian times a vector.

    The vector-Jacobian product is linear in its vector; its own gradient with respect to that
    vector is the product wanted here ("double backward").

    Args:
        func, inputs, create_graph, strict: as for :func:`vjp`.
        v: the vector, of the inputs' shapes; may be left out when there is one number.

    Raises:
        TypeError, RuntimeError: as :func:`vjp`.

    Follows ``torch.autograd.functional.jvp``.

    >>> import fastgrad as torch
    >>> x = torch.tensor([1.0, 2.0])
    >>> torch.autograd.functional.jvp(lambda x: x.sum() * x, x, torch.tensor([1.0, 0.0]))
    (tensor([3., 6.]), tensor([4., 2.]))
    """
    call = _Call("jvp", create_graph, strict)
    with enable_grad():
        call.enter(inputs)
        vectors = call.vector(v, call.inputs, call.is_tuple, "the function's input")
        call.run(func)
        weights = _zeros(call.outputs)
        found = _grads(call.outputs, call.inputs, weights, True)
        products = call.filled(found, call.inputs, "the output of the function")
        found = _grads(products, weights, vectors, create_graph)
        result = call.filled(found, call.outputs, "the gradient", "output")
    return call.given_back(call.outputs, call.several), call.given_back(result, call.several)


def _zeros(like: Tensors) -> Tensors:
    """Zeros to differentiate with respect to."""
    return tuple(_core.full(x.shape, 0, x.dtype).requires_grad_() for x in like)


def jacobian(
    func: Callable[..., Any],
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    strategy: str = "reverse-mode",
) -> Any:
    """All derivatives of all outputs: a tensor of the shape of the output and then of the input.

    For a tuple of inputs a tuple, for a tuple of outputs a tuple of these.

    Args:
        func, inputs, create_graph, strict: as for :func:`vjp`.
        vectorize: accepted as in PyTorch; rows are computed one after the other either way.
        strategy: "reverse-mode" computes row by row, "forward-mode" (with `vectorize`) column by
            column, which is faster when the outputs are many and the inputs few.

    Raises:
        TypeError: inputs or outputs are no tensors.
        RuntimeError: `strict` found something, or is combined with `vectorize`.
        NotImplementedError: "forward-mode" without `vectorize`, or with `create_graph`.

    Follows ``torch.autograd.functional.jacobian``.

    >>> import fastgrad as torch
    >>> x = torch.tensor([1.0, 2.0])
    >>> torch.autograd.functional.jacobian(lambda x: x.sum() * x, x)
    tensor([[4., 1.],
            [2., 5.]])
    """
    _check_strategy("strategy", strategy)
    if strict and vectorize:
        raise RuntimeError("jacobian: strict=True and vectorize=True are not supported together")
    if strategy == "forward-mode":
        if create_graph or not vectorize:
            raise NotImplementedError(
                'jacobian: strategy="forward-mode" needs vectorize=True and create_graph=False'
            )
        return _jacobian_by_columns(func, inputs)
    call = _Call("jacobian", create_graph, strict)
    with enable_grad():
        call.enter(inputs)
        call.run(func)
        rows = [_jacobian_of(call, i) for i in range(len(call.outputs))]
    results = tuple(call.given_back(row, call.is_tuple) for row in rows)
    return results if call.several else results[0]


def _check_strategy(name: str, strategy: str) -> None:
    if strategy not in ("forward-mode", "reverse-mode"):
        raise AssertionError(
            f'{name} must be either "forward-mode" or "reverse-mode", got {strategy!r}'
        )


def _jacobian_of(call: _Call, i: int) -> Tensors:
    """The derivatives of one output with respect to each input."""
    out = call.outputs[i]
    rows: list[list[Tensor]] = [[] for _ in call.inputs]
    for vector in basis(out) if out.requires_grad else ():
        found = _grads((out,), call.inputs, (vector,), call.create_graph)
        grads = call.filled(found, call.inputs, f"output {i} of the function")
        for row, g in zip(rows, grads, strict=True):
            row.append(g)
    return tuple(
        stacked(row, out.shape, x.shape)
        if row
        else _core.full((*out.shape, *x.shape), 0, out.dtype)
        for row, x in zip(rows, call.inputs, strict=True)
    )


def _jacobian_by_columns(func: Callable[..., Any], inputs: Any) -> Any:
    call = _Call("jacobian", False, False)
    with enable_grad():
        call.enter(inputs)
        call.run(func)
        weights = _zeros(call.outputs)
        found = _grads(call.outputs, call.inputs, weights, True)
        parts = [_columns(call, x, g, weights) for x, g in zip(call.inputs, found, strict=True)]
    results = tuple(call.given_back(row, call.is_tuple) for row in zip(*parts, strict=True))
    return results if call.several else results[0]


def _columns(call: _Call, x: Tensor, g: Tensor | None, weights: Tensors) -> Tensors:
    """The derivatives of each output with respect to one input."""
    columns: list[list[Tensor]] = [[] for _ in call.outputs]
    for vector in () if g is None else basis(x):
        found = _grads((g,), weights, (vector,), False) if g is not None else ()
        for column, part in zip(columns, call.filled(found, weights, ""), strict=True):
            column.append(part.reshape(-1))
    return tuple(
        stacked(column, x.shape, (y.numel(),)).reshape(-1, y.numel()).T.reshape(*y.shape, *x.shape)
        if column
        else _core.full((*y.shape, *x.shape), 0, y.dtype)
        for column, y in zip(columns, call.outputs, strict=True)
    )


def hessian(
    func: Callable[..., Any],
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    outer_jacobian_strategy: str = "reverse-mode",
) -> Any:
    """All second derivatives of a function that returns one number.

    For one input of shape s a tensor of shape (*s, *s); for a tuple of inputs a tuple of tuples,
    where ``[i][j]`` differentiates by input i and then by input j.

    Args:
        func, inputs, create_graph, strict, vectorize: as for :func:`jacobian`.
        outer_jacobian_strategy: the `strategy` of :func:`jacobian` for the second derivative.

    Raises:
        TypeError: inputs or outputs are no tensors.
        RuntimeError: the function returns more than one number, or `strict` found something.

    Follows ``torch.autograd.functional.hessian``.

    >>> import fastgrad as torch
    >>> x = torch.tensor([1.0, 2.0])
    >>> torch.autograd.functional.hessian(lambda x: x[0] ** 2 * x[1], x)
    tensor([[4., 2.],
            [2., 0.]])
    """
    _check_strategy("outer_jacobian_strategy", outer_jacobian_strategy)
    is_tuple, _ = _tensors(inputs, "inputs", "hessian")

    def scalar(*xs: Tensor) -> Tensor:
        call = _Call("hessian", create_graph, strict)
        call.inputs = xs
        call.run_scalar(func)
        return call.outputs[0].reshape(())

    def gradient(*xs: Tensor) -> Tensors:
        call = _Call("hessian", True, False)
        call.enter(xs)
        call.run(scalar)
        found = _grads(call.outputs, call.inputs, None, True)
        call.strict = strict
        return call.filled(found, call.inputs, "the gradient of the function")

    second = jacobian(gradient, inputs, create_graph, strict, vectorize, outer_jacobian_strategy)
    return second if is_tuple else second[0]


def vhp(
    func: Callable[..., Any],
    inputs: Any,
    v: Any = None,
    create_graph: bool = False,
    strict: bool = False,
) -> tuple[Any, Any]:
    """The value of a function that returns one number, and a vector times its Hessian.

    Args:
        func, inputs, create_graph, strict: as for :func:`vjp`.
        v: the vector, of the inputs' shapes; may be left out when there is one number.

    Raises:
        TypeError, RuntimeError: as :func:`hessian`.

    Follows ``torch.autograd.functional.vhp``.

    >>> import fastgrad as torch
    >>> x = torch.tensor([1.0, 2.0])
    >>> torch.autograd.functional.vhp(lambda x: x[0] ** 2 * x[1], x, torch.tensor([1.0, 10.0]))
    (tensor(2.), tensor([24.,  2.]))
    """
    call = _Call("vhp", create_graph, strict)
    with enable_grad():
        vectors, gradient = _gradient_and_vector(call, func, inputs, v)
        found = _grads(gradient, call.inputs, vectors, create_graph)
        product = call.filled(found, call.inputs, "the gradient of the function")
    return call.given_back(call.outputs, False), call.given_back(product, call.is_tuple)


def hvp(
    func: Callable[..., Any],
    inputs: Any,
    v: Any = None,
    create_graph: bool = False,
    strict: bool = False,
) -> tuple[Any, Any]:
    """The value of a function that returns one number, and its Hessian times a vector.

    The Hessian of a smooth function is symmetric, so that :func:`vhp` gives the same for less.

    Args:
        func, inputs, v, create_graph, strict: as for :func:`vhp`.

    Raises:
        TypeError, RuntimeError: as :func:`hessian`.

    Follows ``torch.autograd.functional.hvp``.

    >>> import fastgrad as torch
    >>> x = torch.tensor([1.0, 2.0])
    >>> torch.autograd.functional.hvp(lambda x: x[0] ** 2 * x[1], x, torch.tensor([1.0, 10.0]))
    (tensor(2.), tensor([24.,  2.]))
    """
    call = _Call("hvp", create_graph, strict)
    with enable_grad():
        vectors, gradient = _gradient_and_vector(call, func, inputs, v)
        weights = _zeros(call.inputs)
        found = _grads(gradient, call.inputs, weights, True)
        products = call.filled(found, call.inputs, "the gradient of the function")
        found = _grads(products, weights, vectors, create_graph)
        result = call.filled(found, call.inputs, "the Hessian", "the gradient's entry")
    return call.given_back(call.outputs, False), call.given_back(result, call.is_tuple)


def _gradient_and_vector(
    call: _Call, func: Callable[..., Any], inputs: Any, v: Any
) -> tuple[Tensors, Tensors]:
    """The checked vector, and the gradient of a scalar function, recorded."""
    call.enter(inputs)
    vectors = call.vector(v, call.inputs, call.is_tuple, "the function's input")
    call.run_scalar(func)
    found = _grads(call.outputs, call.inputs, None, True)
    return vectors, call.filled(found, call.inputs, "the output of the function")
