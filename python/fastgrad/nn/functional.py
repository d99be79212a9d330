"""Functions of neural networks, under PyTorch's names: a table of contents of ``fastgrad.ops``."""

from __future__ import annotations

from fastgrad.ops.dropout import dropout
from fastgrad.ops.indexing import one_hot
from fastgrad.ops.loss import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    cross_entropy,
    l1_loss,
    logsigmoid,
    mse_loss,
    nll_loss,
)
from fastgrad.ops.matmul import linear
from fastgrad.ops.softmax import log_softmax, softmax
from fastgrad.ops.unary import relu as _relu
from fastgrad.ops.unary import sigmoid, tanh

TYPE_CHECKING = False
if TYPE_CHECKING:
    from fastgrad.tensor import Tensor

__all__ = [
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "cross_entropy",
    "dropout",
    "l1_loss",
    "linear",
    "log_softmax",
    "logsigmoid",
    "mse_loss",
    "nll_loss",
    "one_hot",
    "relu",
    "sigmoid",
    "softmax",
    "tanh",
]


def relu(input: Tensor, inplace: bool = False) -> Tensor:
    """max(x, 0), in place if asked. Follows ``torch.nn.functional.relu``.

    >>> import fastgrad as torch
    >>> torch.nn.functional.relu(torch.tensor([-1.0, 2.0]))
    tensor([0., 2.])
    """
    return input.relu_() if inplace else _relu(input)
