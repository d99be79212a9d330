"""Whole derivatives of functions: Jacobians, Hessians, and their products with vectors."""

from __future__ import annotations

from fastgrad import _core
from fastgrad.autograd.call import Call, basis, gradients, stacked, tensors, zeros
from fastgrad.autograd.grad_mode import enable_grad

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from fastgrad.autograd.call import Tensors
    from fastgrad.tensor import Tensor

__all__ = ["hessian", "hvp", "jacobian", "jvp", "vhp", "vjp"]


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
    call = Call("vjp", create_graph, strict)
    with enable_grad():
        call.enter(inputs)
        call.run(func)
        weights = call.vector(v, call.outputs, call.several, "the function's output")
        found = gradients(call.outputs, call.inputs, weights, create_graph)
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
    call = Call("jvp", create_graph, strict)
    with enable_grad():
        call.enter(inputs)
        vectors = call.vector(v, call.inputs, call.is_tuple, "the function's input")
        call.run(func)
        weights = zeros(call.outputs)
        found = gradients(call.outputs, call.inputs, weights, True)
        products = call.filled(found, call.inputs, "the output of the function")
        found = gradients(products, weights, vectors, create_graph)
        result = call.filled(found, call.outputs, "the gradient", "output")
    return call.given_back(call.outputs, call.several), call.given_back(result, call.several)


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
    call = Call("jacobian", create_graph, strict)
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


def _jacobian_of(call: Call, i: int) -> Tensors:
    """The derivatives of one output with respect to each input."""
    out = call.outputs[i]
    rows: list[list[Tensor]] = [[] for _ in call.inputs]
    for vector in basis(out) if out.requires_grad else ():
        found = gradients((out,), call.inputs, (vector,), call.create_graph)
        grads = call.filled(found, call.inputs, f"output {i} of the function")
        for row, g in zip(rows, grads, strict=True):
            row.append(g)
    return tuple(
        stacked(row, out.shape, x.shape)
        if row
        else _core.full_at(out.get_device(), (*out.shape, *x.shape), 0, out.dtype)
        for row, x in zip(rows, call.inputs, strict=True)
    )


def _jacobian_by_columns(func: Callable[..., Any], inputs: Any) -> Any:
    call = Call("jacobian", False, False)
    with enable_grad():
        call.enter(inputs)
        call.run(func)
        weights = zeros(call.outputs)
        found = gradients(call.outputs, call.inputs, weights, True)
        parts = [_columns(call, x, g, weights) for x, g in zip(call.inputs, found, strict=True)]
    results = tuple(call.given_back(row, call.is_tuple) for row in zip(*parts, strict=True))
    return results if call.several else results[0]


def _columns(call: Call, x: Tensor, g: Tensor | None, weights: Tensors) -> Tensors:
    """The derivatives of each output with respect to one input."""
    columns: list[list[Tensor]] = [[] for _ in call.outputs]
    for vector in () if g is None else basis(x):
        found = gradients((g,), weights, (vector,), False) if g is not None else ()
        for column, part in zip(columns, call.filled(found, weights, ""), strict=True):
            column.append(part.reshape(-1))
    return tuple(
        stacked(column, x.shape, (y.numel(),)).reshape(-1, y.numel()).T.reshape(*y.shape, *x.shape)
        if column
        else _core.full_at(y.get_device(), (*y.shape, *x.shape), 0, y.dtype)
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
    is_tuple, _ = tensors(inputs, "inputs", "hessian")

    def scalar(*xs: Tensor) -> Tensor:
        call = Call("hessian", create_graph, strict)
        call.inputs = xs
        call.run_scalar(func)
        return call.outputs[0].reshape(())

    def gradient(*xs: Tensor) -> Tensors:
        call = Call("hessian", True, False)
        call.enter(xs)
        call.run(scalar)
        found = gradients(call.outputs, call.inputs, None, True)
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
    call = Call("vhp", create_graph, strict)
    with enable_grad():
        vectors, gradient = _gradient_and_vector(call, func, inputs, v)
        found = gradients(gradient, call.inputs, vectors, create_graph)
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
    call = Call("hvp", create_graph, strict)
    with enable_grad():
        vectors, gradient = _gradient_and_vector(call, func, inputs, v)
        weights = zeros(call.inputs)
        found = gradients(gradient, call.inputs, weights, True)
        products = call.filled(found, call.inputs, "the gradient of the function")
        found = gradients(products, weights, vectors, create_graph)
        result = call.filled(found, call.inputs, "the Hessian", "the gradient's entry")
    return call.given_back(call.outputs, False), call.given_back(result, call.is_tuple)


def _gradient_and_vector(
    call: Call, func: Callable[..., Any], inputs: Any, v: Any
) -> tuple[Tensors, Tensors]:
    """The checked vector, and the gradient of a scalar function, recorded."""
    call.enter(inputs)
    vectors = call.vector(v, call.inputs, call.is_tuple, "the function's input")
    call.run_scalar(func)
    found = gradients(call.outputs, call.inputs, None, True)
    return vectors, call.filled(found, call.inputs, "the output of the function")
