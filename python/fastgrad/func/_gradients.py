"""Gradients of functions, and products of their Jacobians with vectors."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from .. import Tensor
from ._levels import Captured, Level, chosen
from ._tree import flatten, rebuilt


def own_arguments(level: Level, args: tuple[Any, ...], argnums: Any) -> tuple[list[Any], Any, Any]:
    """The arguments with tensors of the level at `argnums`; these tensors, and their structure."""
    places = chosen(argnums, len(args))
    given = args[places[0]] if not isinstance(argnums, tuple) else tuple(args[i] for i in places)
    leaves, structure = flatten(given)
    inputs = [level.own(x) for x in leaves]
    new = rebuilt(structure, inputs)
    replaced = list(args)
    for i, value in zip(places, new if isinstance(argnums, tuple) else (new,), strict=True):
        replaced[i] = value
    return replaced, inputs, structure


def _scalar(output: Any) -> Tensor:
    expected = "grad_and_value(f)(*args): Expected f(*args) to return a"
    if not isinstance(output, Tensor):
        raise RuntimeError(f"{expected} Tensor, got {type(output)}")
    if output.dim() != 0:
        raise RuntimeError(
            f"{expected} scalar Tensor, got tensor with {output.dim()} dims. Maybe you wanted to "
            "use the vjp or jacrev APIs instead?"
        )
    return output


def grad_and_value(
    func: Callable[..., Any], argnums: int | tuple[int, ...] = 0, has_aux: bool = False
) -> Callable[..., Any]:
    """Like :func:`grad`, of a function that returns (gradient, value).

    With `has_aux` it returns (gradient, (value, aux)).

    Follows ``torch.func.grad_and_value``.

    >>> import fastgrad as torch
    >>> torch.func.grad_and_value(lambda x: x**2)(torch.tensor(3.0))
    (tensor(6.), tensor(9.))
    """

    @wraps(func)
    def gradient_and_value(*args: Any, **kwargs: Any) -> Any:
        captured = Captured(func)
        with Level("grad_and_value") as level:
            replaced, inputs, structure = own_arguments(level, args, argnums)
            output, aux = level.with_aux(func(*replaced, **kwargs), has_aux)
            output = _scalar(output)
            captured.check("grad")
            found = level.gradients([output], inputs)
            gradient = level.left(rebuilt(structure, found))
            value = level.left(output)
        return gradient, (value, aux) if has_aux else value

    return gradient_and_value


def value_and_grad(
    func: Callable[..., Any], argnums: int | tuple[int, ...] = 0, has_aux: bool = False
) -> Callable[..., Any]:
    """:func:`grad_and_value` in JAX's order: of a function that returns (value, gradient).

    With `has_aux` it returns ((value, aux), gradient). PyTorch does not have it.

    Follows ``jax.value_and_grad``.

    >>> import fastgrad
    >>> fastgrad.func.value_and_grad(lambda x: x**2)(fastgrad.tensor(3.0))
    (tensor(9.), tensor(6.))
    """
    both = grad_and_value(func, argnums, has_aux)

    @wraps(func)
    def value_and_gradient(*args: Any, **kwargs: Any) -> Any:
        gradient, value = both(*args, **kwargs)
        return value, gradient

    return value_and_gradient


def grad(
    func: Callable[..., Any], argnums: int | tuple[int, ...] = 0, has_aux: bool = False
) -> Callable[..., Any]:
    """The function that computes the gradient of `func`, which returns one number.

    Args:
        func: takes tensors, or nested tuples, lists and dicts of them.
        argnums: with respect to which arguments; for a tuple the result is a tuple.
        has_aux: `func` returns (value, aux), and the gradient function (gradient, aux).

    Raises:
        RuntimeError: `func` returns no scalar tensor, or changes a captured tensor in place.

    Follows ``torch.func.grad``.

    >>> import fastgrad as torch
    >>> torch.func.grad(torch.func.grad(torch.sin))(torch.tensor(1.0))
    tensor(-0.8415)
    """
    both = grad_and_value(func, argnums, has_aux)

    @wraps(func)
    def gradient(*args: Any, **kwargs: Any) -> Any:
        found, value = both(*args, **kwargs)
        return (found, value[1]) if has_aux else found

    return gradient


def vjp(func: Callable[..., Any], *primals: Any, has_aux: bool = False) -> tuple[Any, ...]:
    """The value of a function, and the function that multiplies vectors by its Jacobian.

    Args:
        func: takes `primals`, and returns tensors, nested in any way.
        has_aux: `func` returns (output, aux), and the result has aux as its third part.

    Returns:
        The output; a function that takes a vector of the output's structure, and returns the
        product for each primal (a tuple, or for a single primal just that).

    Follows ``torch.func.vjp``.

    >>> import fastgrad as torch
    >>> output, product = torch.func.vjp(torch.sin, torch.tensor([0.0, 1.0]))
    >>> product(torch.tensor([1.0, 1.0]))
    (tensor([1.0000, 0.5403]),)
    """
    captured = Captured(func)
    with Level("vjp") as level:
        leaves, structure = flatten(primals)
        inputs = [level.own(x) for x in leaves]
        output, aux = level.with_aux(func(*rebuilt(structure, inputs)), has_aux)
        outputs = level.result(output)
        captured.check("vjp")
        result = level.left(output)
    nesting = flatten(output)[1]

    def product(cotangents: Any) -> Any:
        vectors, found = flatten(cotangents)
        if found != nesting:
            raise RuntimeError(
                "Expected pytree structure of cotangents to be the same as pytree structure of "
                f"outputs to the function. cotangents: {found.text}, primal output: {nesting.text}"
            )
        with level:
            return level.left(rebuilt(structure, level.gradients(outputs, inputs, vectors)))

    return (result, product, aux) if has_aux else (result, product)


def jvp(
    func: Callable[..., Any],
    primals: tuple[Any, ...],
    tangents: tuple[Any, ...],
    *,
    strict: bool = False,
    has_aux: bool = False,
) -> tuple[Any, ...]:
    """The value of a function, and its Jacobian times a vector.

    It is computed as the gradient of the vector-Jacobian product, which is linear in its vector.

    Args:
        func: takes `primals`, and returns tensors, nested in any way.
        tangents: the vector, in the structure and the shapes of `primals`.
        strict: raise when an output does not depend on the primals, in place of zeros.
        has_aux: `func` returns (output, aux), and the result has aux as its third part.

    Raises:
        RuntimeError: the tangents do not fit, or `strict` found something.

    Follows ``torch.func.jvp``.

    >>> import fastgrad as torch
    >>> torch.func.jvp(torch.sin, (torch.tensor(0.0),), (torch.tensor(2.0),))
    (tensor(0.), tensor(2.))
    """
    for name, value in (("primals", primals), ("tangents", tangents)):
        if not isinstance(value, tuple):
            raise RuntimeError(f"jvp(f, primals, tangents): Expected {name} to be a tuple")
    captured = Captured(func)
    with Level("jvp") as level:
        leaves, structure = flatten(primals)
        vectors = _fitting(tangents, leaves, structure)
        inputs = [level.own(x) for x in leaves]
        output, aux = level.with_aux(func(*rebuilt(structure, inputs)), has_aux)
        outputs = level.result(output)
        captured.check("jvp")
        if strict and not all(y.requires_grad for y in outputs):
            raise RuntimeError(
                "jvp(f, primals, tangents, strict=True): an output of f is independent of the "
                "inputs, which strict mode does not allow"
            )
        found = Columns(level, outputs, inputs).times(vectors)
        product = level.left(rebuilt(flatten(output)[1], found))
        result = level.left(output)
    return (result, product, aux) if has_aux else (result, product)


def _fitting(tangents: Any, leaves: list[Any], structure: Any) -> list[Tensor]:
    """The tangents, if they have the structure and the shapes of the primals."""
    vectors, found = flatten(tangents)
    if found != structure:
        raise RuntimeError(
            "jvp(f, primals, tangents): Expected primals and tangents to have the same structure, "
            f"got {structure.text} and {found.text}"
        )
    for x, v in zip(leaves, vectors, strict=True):
        if getattr(v, "shape", None) != getattr(x, "shape", None):
            raise RuntimeError(
                f"jvp(f, primals, tangents): a tangent must have the shape {list(x.shape)} of its "
                f"primal, got {list(v.shape) if isinstance(v, Tensor) else type(v)}"
            )
    return vectors


class Columns:
    """The Jacobian as a linear function of vectors on the right."""

    def __init__(self, level: Level, outputs: list[Tensor], inputs: list[Tensor]) -> None:
        self.level = level
        self.weights = level.weights(outputs)
        self.rows = level.gradients(outputs, inputs, self.weights, create_graph=True)

    def times(self, vectors: list[Tensor]) -> list[Tensor]:
        return self.level.gradients(self.rows, self.weights, vectors)
