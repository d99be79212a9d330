"""PyTorch's top-level spellings of functions that take other arguments in nn.functional."""

from __future__ import annotations

from fastgrad.ops import dropout as _dropout
from fastgrad.ops import embedding as _embedding
from fastgrad.ops import norm as _norm

TYPE_CHECKING = False
if TYPE_CHECKING:
    from fastgrad.tensor import Tensor

__all__ = [
    "batch_norm",
    "dropout",
    "embedding",
    "instance_norm",
]


def dropout(input: Tensor, p: float, train: bool) -> Tensor:
    """:func:`fastgrad.nn.functional.dropout` as a plain operation. Follows ``torch.dropout``.

    Raises:
        RuntimeError: p lies outside [0, 1].

    >>> import fastgrad as torch
    >>> torch.dropout(torch.ones(3), 0.5, train=False)
    tensor([1., 1., 1.])
    """
    if not 0.0 <= p <= 1.0:
        raise RuntimeError(f"dropout probability has to be between 0 and 1, but got {p}")
    return _dropout.dropout(input, p, train)


def embedding(
    weight: Tensor,
    indices: Tensor,
    padding_idx: int = -1,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Tensor:
    """:func:`fastgrad.nn.functional.embedding`, with the table first.

    A negative `padding_idx` stands for none. Follows ``torch.embedding``.

    >>> import fastgrad as torch
    >>> torch.embedding(torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.tensor([1]))
    tensor([[3., 4.]])
    """
    padding = padding_idx if padding_idx >= 0 else None
    return _embedding.embedding(
        indices, weight, padding, scale_grad_by_freq=scale_grad_by_freq, sparse=sparse
    )


def batch_norm(
    input: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    training: bool,
    momentum: float,
    eps: float,
    cudnn_enabled: bool,
) -> Tensor:
    """:func:`fastgrad.nn.functional.batch_norm`, of batches of one element, too.

    `cudnn_enabled` chooses among GPU kernels and changes nothing here.
    Follows ``torch.batch_norm``.

    >>> import fastgrad as torch
    >>> x = torch.tensor([[1.0, 5.0], [3.0, 9.0]])
    >>> torch.batch_norm(x, None, None, None, None, True, 0.1, 1e-5, False)
    tensor([[-1.0000, -1.0000],
            [ 1.0000,  1.0000]])
    """
    return _norm.batch_norm_of_any_size(
        input, weight, bias, running_mean, running_var, training, momentum, eps
    )


def instance_norm(
    input: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    use_input_stats: bool,
    momentum: float,
    eps: float,
    cudnn_enabled: bool,
) -> Tensor:
    """:func:`fastgrad.nn.functional.instance_norm`, of channels of one element, too.

    `cudnn_enabled` chooses among GPU kernels and changes nothing here.
    Follows ``torch.instance_norm``.

    >>> import fastgrad as torch
    >>> x = torch.tensor([[[1.0, 3.0], [2.0, 8.0]]])
    >>> torch.instance_norm(x, None, None, None, None, True, 0.1, 1e-5, False)
    tensor([[[-1.0000,  1.0000],
             [-1.0000,  1.0000]]])
    """
    return _norm.instance_norm_of_any_size(
        input, weight, bias, running_mean, running_var, use_input_stats, momentum, eps
    )
