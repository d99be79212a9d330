"""What all of linear algebra shares: checks of matrices, LAPACK, results that come together."""

from __future__ import annotations

from fastgrad import _core
from fastgrad.autograd.graph import link_outputs, record_result
from fastgrad.device import placed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from fastgrad.autograd.graph import Saved, Vjp
    from fastgrad.tensor import Tensor


class LinAlgError(RuntimeError):
    """A matrix is not what an operation needs: it is singular, say, or not positive definite.

    Follows ``torch.linalg.LinAlgError``.
    """


def check_tensor(op: str, name: str, value: object) -> None:
    if not isinstance(value, _core.TensorBase):
        raise TypeError(
            f"{op}(): argument '{name}' must be Tensor, not {type(value).__name__}; make one with "
            "tensor(...)"
        )


def check_matrix(op: str, A: Tensor) -> None:
    """RuntimeError unless `A` is a matrix, or a batch of matrices, of float32 or float64."""
    check_tensor(op, "A", A)
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
    """RuntimeError unless both are tensors of one dtype."""
    check_tensor(op, "A", A)
    check_tensor(op, "B", B)
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
    """The results of a function of ``numpy.linalg``, which computes on the host."""
    import numpy

    try:
        made = getattr(numpy.linalg, function)(A.detach().cpu().numpy(), *args, **options)
    except numpy.linalg.LinAlgError as error:
        raise LinAlgError(
            f"{op}: The algorithm failed to converge: {error}. The input matrix is ill-conditioned "
            "or has too many repeated values"
        ) from error
    arrays: tuple[Any, ...] = made if isinstance(made, tuple) else (made,)
    if any(array.dtype.kind == "c" for array in arrays):
        raise RuntimeError(
            f"{op}: the matrix has complex eigenvalues, and there are no complex tensors; use "
            "eigh() for a symmetric matrix, svd() for singular values, or numpy.linalg.eig("
            "A.numpy()) for the complex numbers"
        )
    content: list[Any] = [numpy.ascontiguousarray(array) for array in arrays]
    return tuple(placed(_core.from_buffer(array), A.device) for array in content)


def together(A: Tensor, vjp: Vjp, outputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """Several results of one operation, recorded as one node, because their gradients mix.

    The vjp gets a list of gradients, with None for results that were not used, and :func:`linked`
    gives it the results.
    """
    if A.requires_grad and _core.is_grad_enabled():
        producer = _core.empty_at(A.get_device(), (0,), A.dtype)
        record_result(producer, vjp, _core.edges(A), tuple(map(_core.detach, outputs)))
        link_outputs(dict(enumerate(outputs)), producer.node, len(outputs))
    return outputs


def linked(saved: Saved) -> list[Tensor]:
    """The results that were saved, as results of their node when the gradient is recorded too."""
    *outputs, producer = saved
    if producer.node is not None:
        outputs = [_core.detach(out) for out in outputs]
        link_outputs(dict(enumerate(outputs)), producer.node, len(outputs))
    return outputs


def identity(A: Tensor, n: int) -> Tensor:
    """The identity matrix of the dtype of `A`."""
    return _core.eye_at(A.get_device(), n, n, A.dtype)
