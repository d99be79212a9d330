"""What all of linear algebra shares: checks of matrices, LAPACK, results that come together."""

from __future__ import annotations

from fastgrad import _core
from fastgrad.autograd.graph import record_result
from fastgrad.ops.shape import narrow, reshape

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from fastgrad._types import Sizes
    from fastgrad.autograd.graph import Vjp
    from fastgrad.tensor import Tensor


class LinAlgError(RuntimeError):
    """A matrix is not what an operation needs: it is singular, say, or not positive definite.

    Follows ``torch.linalg.LinAlgError``.
    """


def check_matrix(op: str, A: Tensor) -> None:
    """RuntimeError unless `A` is a matrix, or a batch of matrices, of float32 or float64."""
    if not A.dtype.is_floating_point:
        raise RuntimeError(
            f"{op}: Expected a floating point tensor as input. Got {A.dtype}; use .float()"
        )
    if A.dtype.itemsize < 4:
        raise NotImplementedError(
            f"{op}: Low precision dtypes not supported. Got {A.dtype}; use .float()"
        )
    if A.ndim < 2:
        raise RuntimeError(
            f"{op}: The input tensor A must have at least 2 dimensions, got shape {list(A.shape)}"
        )


def check_square(op: str, A: Tensor) -> None:
    """RuntimeError unless `A` is a square matrix, or a batch of such ones, of floats."""
    check_matrix(op, A)
    if A.shape[-1] != A.shape[-2]:
        raise RuntimeError(
            f"{op}: A must be batches of square matrices, but they are {A.shape[-2]} by "
            f"{A.shape[-1]} matrices"
        )


def check_finite(op: str, A: Tensor) -> None:
    """LAPACK's iterations never end, or end anywhere, with NaN or infinity in the matrix."""
    if not _core.all(_core.isfinite(_core.detach(A)), (), False).item():
        raise LinAlgError(
            f"{op}: The algorithm failed to converge because the input matrix contained non-finite "
            "values; look for NaN or infinity with isfinite()"
        )


def check_same_dtype(op: str, A: Tensor, B: Tensor) -> None:
    if A.dtype is not B.dtype:
        raise RuntimeError(
            f"{op}: Expected A and B to have the same dtype, but found A of type {A.dtype} and B "
            f"of type {B.dtype} instead; convert one of them with .to(...)"
        )


def first_failure(info: Tensor) -> tuple[int, str]:
    """The first number that is not 0, and the words that say which matrix of a batch it is of."""
    numbers = _core.reshape(info, (-1,)).tolist()
    place = next(i for i, number in enumerate(numbers) if number)
    return numbers[place], f"(Batch element {place}): " if info.ndim else ""


def lapack(op: str, function: str, A: Tensor, *args: Any, **options: Any) -> tuple[Tensor, ...]:
    """The results of a function of ``numpy.linalg``."""
    import numpy

    try:
        made = getattr(numpy.linalg, function)(A.detach().numpy(), *args, **options)
    except numpy.linalg.LinAlgError as error:
        raise LinAlgError(
            f"{op}: The algorithm failed to converge: {error}. The input matrix is ill-conditioned "
            "or has too many repeated values"
        ) from error
    arrays = made if isinstance(made, tuple) else (made,)
    if any(array.dtype.kind == "c" for array in arrays):
        raise RuntimeError(
            f"{op}: the matrix has complex eigenvalues, and there are no complex tensors; use "
            "eigh() for a symmetric matrix, svd() for singular values, or numpy.linalg.eig("
            "A.numpy()) for the complex numbers"
        )
    return tuple(_core.from_buffer(numpy.ascontiguousarray(array)) for array in arrays)


def together(A: Tensor, vjp: Vjp, outputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """What one operation makes of a matrix, recorded as one node, because their gradients mix.

    The node hangs on a tensor that holds them all, of which they become views. To `vjp`, the saved
    values are their shapes and that tensor; see :func:`apart`.
    """
    if not (A.requires_grad and _core.is_grad_enabled()):
        return outputs
    batch = A.ndim - 2
    shapes = [out.shape[batch:] for out in outputs]
    flat = [
        _core.reshape(x, (*A.shape[:-2], shape.numel()))
        for x, shape in zip(outputs, shapes, strict=True)
    ]
    packed = _core.cat(flat, -1)
    record_result(packed, vjp, _core.edges(A), (shapes,))
    return apart(packed, shapes)


def apart(packed: Tensor, shapes: list[Sizes]) -> tuple[Tensor, ...]:
    """The pieces of a tensor that :func:`together` made."""
    pieces, start = [], 0
    for shape in shapes:
        size = 1
        for n in shape:
            size *= n
        pieces.append(reshape(narrow(packed, -1, start, size), (*packed.shape[:-1], *shape)))
        start += size
    return tuple(pieces)


def identity(A: Tensor, n: int) -> Tensor:
    """The identity matrix of the dtype of `A`."""
    return _core.eye(n, n, A.dtype)


def quotient(a: Tensor, b: Tensor) -> Tensor:
    """a / b, and 0 where both are 0: there a gradient does not depend on what is divided."""
    nothing = _core.logical_and(_core.eq(a.detach(), 0), _core.eq(b.detach(), 0))
    from fastgrad.ops.indexing import masked_fill

    return a / masked_fill(b, nothing, 1.0)
