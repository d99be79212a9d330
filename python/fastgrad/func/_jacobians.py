"""Jacobians row by row and column by column, and Hessians."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from .. import Tensor, eye
from ._gradients import Columns, own_arguments
from ._levels import Captured, Level, zeros_for
from ._tree import flatten, rebuilt
from ._vmap import vmap, without_randomness


def _check_chunks(name: str, chunk_size: int | None) -> None:
    if chunk_size is not None and chunk_size <= 0:
        raise ValueError(f"{name}: `chunk_size` should be greater than 0, got {chunk_size}")


def jacrev(
    func: Callable[..., Any],
    argnums: int | tuple[int, ...] = 0,
    *,
    has_aux: bool = False,
    chunk_size: int | None = None,
) -> Callable[..., Any]:
    """The function that computes the Jacobian of `func`, row by row.

    Its shape is that of the output and then of the input, for each pair of an output and an input.

    Args:
        func: returns tensors, nested in any way.
        argnums: with respect to which arguments; for a tuple the results are tuples.
        has_aux: `func` returns (output, aux), and the Jacobian function (Jacobian, aux).
        chunk_size: how many rows may be computed together at most.

    Raises:
        RuntimeError: `func` returns what is no tensor, or changes a captured tensor in place.

    Follows ``torch.func.jacrev``.

    >>> import fastgrad as torch
    >>> torch.func.jacrev(lambda x: x * x.sum())(torch.tensor([1.0, 2.0]))
    tensor([[4., 1.],
            [2., 5.]])
    """
    _check_chunks("jacrev", chunk_size)

    @wraps(func)
    def jacobian(*args: Any, **kwargs: Any) -> Any:
        captured = Captured(func)
        with Level("jacrev") as level:
            replaced, inputs, structure = own_arguments(level, args, argnums)
            output, aux = level.with_aux(func(*replaced, **kwargs), has_aux)
            outputs = level.result(output)
            captured.check("jacrev")
            parts = [
                rebuilt(
                    structure, [level.left(part) for part in _rows(level, y, inputs, chunk_size)]
                )
                for y in outputs
            ]
        result = rebuilt(flatten(output)[1], parts)
        return (result, aux) if has_aux else result

    return jacobian


def _rows(
    level: Level, output: Tensor, inputs: list[Tensor], chunk_size: int | None
) -> list[Tensor]:
    """The derivatives of one output with respect to each input: rows of the Jacobian, by vmap."""

    def row(vector: Tensor) -> tuple[Tensor, ...]:
        return tuple(level.gradients([output], inputs, [vector]))

    parts = vmap(row, chunk_size=chunk_size)(basis(output))
    return [part.reshape((*output.shape, *x.shape)) for part, x in zip(parts, inputs, strict=True)]


def jacfwd(
    func: Callable[..., Any],
    argnums: int | tuple[int, ...] = 0,
    has_aux: bool = False,
    *,
    randomness: str = "error",
    chunk_size: int | None = None,
) -> Callable[..., Any]:
    """The function that computes the Jacobian of `func`, column by column.

    The result is that of :func:`jacrev`, sooner where the outputs are many and the inputs few.

    Args:
        func, argnums, has_aux, chunk_size: as for :func:`jacrev`.
        randomness: "error", or "same" to let the function draw random numbers. It is run once for
            all columns, so that they cannot be "different".

    Raises:
        RuntimeError: as :func:`jacrev`.
        ValueError: `randomness` is "different".

    Follows ``torch.func.jacfwd``.

    >>> import fastgrad as torch
    >>> torch.func.jacfwd(lambda x: x * x.sum())(torch.tensor([1.0, 2.0]))
    tensor([[4., 1.],
            [2., 5.]])
    """
    _check_chunks("jacfwd", chunk_size)
    if randomness not in ("error", "same"):
        raise ValueError(f"jacfwd: randomness must be 'error' or 'same', got {randomness!r}")
    once = without_randomness("jacfwd", func) if randomness == "error" else func

    @wraps(func)
    def jacobian(*args: Any, **kwargs: Any) -> Any:
        captured = Captured(func)
        with Level("jacfwd") as level:
            replaced, inputs, structure = own_arguments(level, args, argnums)
            output, aux = level.with_aux(once(*replaced, **kwargs), has_aux)
            outputs = level.result(output)
            captured.check("jacfwd")
            blocks = _blocks(level, outputs, inputs, chunk_size)
            parts = [rebuilt(structure, map(level.left, block)) for block in blocks]
        result = rebuilt(flatten(output)[1], parts)
        return (result, aux) if has_aux else result

    return jacobian


def _blocks(
    level: Level, outputs: list[Tensor], inputs: list[Tensor], chunk_size: int | None
) -> list[list[Tensor]]:
    """For each output, its derivatives with respect to each input."""
    columns = Columns(level, outputs, inputs)
    zeros = [zeros_for(x.shape, x) for x in inputs]
    blocks: list[list[Tensor]] = [[] for _ in outputs]
    for i, x in enumerate(inputs):

        def column(vector: Tensor, i: int = i) -> tuple[Tensor, ...]:
            return tuple(columns.times([*zeros[:i], vector, *zeros[i + 1 :]]))

        parts = vmap(column, out_dims=-1, chunk_size=chunk_size)(basis(x))
        for block, part, y in zip(blocks, parts, outputs, strict=True):
            block.append(part.reshape((*y.shape, *x.shape)))
    return blocks


def hessian(func: Callable[..., Any], argnums: int | tuple[int, ...] = 0) -> Callable[..., Any]:
    """The function that computes the second derivatives of `func`: ``jacfwd(jacrev(func))``.

    Follows ``torch.func.hessian``.

    >>> import fastgrad as torch
    >>> torch.func.hessian(lambda x: x[0] ** 2 * x[1])(torch.tensor([1.0, 2.0]))
    tensor([[4., 2.],
            [2., 0.]])
    """
    return jacfwd(jacrev(func, argnums), argnums)


def basis(like: Tensor) -> Tensor:
    """For each element of a tensor one that is 1 at its place and 0 elsewhere, stacked."""
    n = like.numel()
    return eye(n, dtype=like.dtype).view((n, *like.shape))
