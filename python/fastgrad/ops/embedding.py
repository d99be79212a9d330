"""Rows of a table by index, and the product of two inputs and a table."""

from __future__ import annotations

from math import prod

from fastgrad import _core
from fastgrad.autograd.graph import record
from fastgrad.ops.direct import autocast
from fastgrad.ops.indexing import getitem_backward

TYPE_CHECKING = False
if TYPE_CHECKING:
    from fastgrad.autograd.graph import Grads, Needs, Saved
    from fastgrad.tensor import Tensor

__all__ = ["bilinear"]


def embedding(
    input: Tensor,
    weight: Tensor,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Tensor:
    """The rows of a table that indices name, in a new last dimension.

    Args:
        input: indices (int64 or int32) of any shape.
        weight: the table, of shape (rows, features).
        padding_idx: a row that gets no gradient.
        max_norm: rows that are used and longer than this are scaled to this length, in the table.
        norm_type: the order of the norm that measures that.
        scale_grad_by_freq: divide the gradient of each row by how often it is used.
        sparse: ignored: gradients are always dense here, with the same numbers.

    Raises:
        IndexError: an index is out of range; says which.
        RuntimeError: the indices are no integers, or the weight is no matrix.
        TypeError: the indices are no tensor.

    Follows ``torch.nn.functional.embedding``.

    >>> import fastgrad as torch
    >>> table = torch.tensor([[0.1, 0.2], [0.3, 0.4]])
    >>> torch.nn.functional.embedding(torch.tensor([1, 0]), table)
    tensor([[0.3000, 0.4000],
            [0.1000, 0.2000]])
    """
    _check_table(input, weight)
    if padding_idx is not None:
        padding_idx = _checked_padding(padding_idx, weight.shape[0])
    rows = input.reshape(-1)
    try:
        if max_norm is not None:
            _shorten(weight, rows, max_norm, norm_type)
        out = _core.view(_core.index_select(weight, 0, rows), (*input.shape, weight.shape[1]))
    except IndexError as error:
        raise _out_of_range(rows, weight.shape[0]) from error
    if out.requires_grad:
        saved = (rows, weight.shape, padding_idx, scale_grad_by_freq)
        record(out, embedding_vjp, _core.edges(weight), saved)
    return out


def _check_table(input: Tensor, weight: Tensor) -> None:
    if not isinstance(input, _core.TensorBase):
        raise TypeError(
            f"embedding: expected indices as a tensor, got {type(input).__name__}; torch.tensor "
            "makes one of a list"
        )
    if weight.ndim != 2:
        raise RuntimeError(
            f"embedding: 'weight' must be 2-D, (rows, features), got shape {list(weight.shape)}"
        )
    if input.dtype not in (_core.int64, _core.int32):
        raise RuntimeError(
            f"embedding: expected indices of int64 or int32, got {input.dtype}; convert them with "
            ".long()"
        )


def _out_of_range(rows: Tensor, count: int) -> IndexError:
    """The error that names the first index that is no row."""
    wrong = _core.nonzero((rows < 0) | (rows >= count))
    at = int(wrong[0].item()) if len(wrong) else 0
    return IndexError(
        f"embedding: index out of range in self: index {rows[at].item()} (at position {at} of the "
        f"flattened input), but the table has {count} rows, so indices go from 0 to {count - 1}"
    )


def _checked_padding(padding_idx: int, rows: int) -> int:
    if not -rows <= padding_idx < rows:
        raise AssertionError(
            f"embedding: Padding_idx must be within num_embeddings: {padding_idx} is no row of a "
            f"table of {rows}"
        )
    return padding_idx % rows


def _shorten(weight: Tensor, rows: Tensor, max_norm: float, norm_type: float) -> None:
    """Scale the rows that are used and too long, in the table itself."""
    from fastgrad.autograd.grad_mode import no_grad
    from fastgrad.ops.ternary import where
    from fastgrad.ops.vector_norm import vector_norm

    with no_grad():
        used = _core.index_select(weight, 0, rows)
        norm = vector_norm(used, norm_type, 1, True)
        shorter = where(norm > max_norm, used * (max_norm / (norm + 1e-7)), used)
        weight[rows] = shorter


def embedding_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    rows, shape, padding_idx, by_frequency = saved
    grad = grad.reshape(rows.shape[0], shape[1])
    if padding_idx is not None:
        grad = grad.masked_fill(_core.eq(rows, padding_idx).unsqueeze(1), 0.0)
    if by_frequency:
        grad = grad / _core.bincount(rows, None, shape[0])[rows].unsqueeze(1)
    return (getitem_backward(grad, shape, (rows,)),)


@autocast("widest")
def bilinear(input1: Tensor, input2: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """input1 . weight[k] . input2 for each output feature k, plus bias.

    Args:
        input1: of shape (..., features 1).
        input2: of shape (..., features 2), with the same leading sizes.
        weight: of shape (outputs, features 1, features 2).
        bias: of shape (outputs).

    Raises:
        RuntimeError: shapes do not fit.

    Follows ``torch.nn.functional.bilinear``.

    >>> import fastgrad as torch
    >>> a, b, weight = torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0]]), torch.ones(1, 2, 1)
    >>> torch.nn.functional.bilinear(a, b, weight)
    tensor([[9.]])
    """
    _check_bilinear(input1, input2, weight, bias)
    outputs, first, second = weight.shape
    lead = input1.shape[:-1]
    rows = prod(lead)
    left = input1.reshape(rows, first) @ weight.permute(1, 0, 2).reshape(first, outputs * second)
    products = left.view(rows, outputs, second) @ input2.reshape(rows, second, 1)
    out = products.view(*lead, outputs)
    return out if bias is None else out + bias


def _check_bilinear(input1: Tensor, input2: Tensor, weight: Tensor, bias: Tensor | None) -> None:
    if not (
        weight.ndim == 3
        and input1.ndim
        and input1.shape[:-1] == input2.shape[:-1]
        and weight.shape[1:] == (input1.shape[-1], input2.shape[-1])
        and (bias is None or bias.shape == weight.shape[:1])
    ):
        raise RuntimeError(
            "bilinear: expected inputs of shape (..., n) and (..., m) that differ in the last size "
            "only, a weight of shape (outputs, n, m) and a bias of shape (outputs), got "
            f"{list(input1.shape)}, {list(input2.shape)}, {list(weight.shape)} and "
            f"{None if bias is None else list(bias.shape)}"
        )
