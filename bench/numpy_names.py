"""PyTorch's names for what NumPy does naturally."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

from .row import NotOffered


class Names(SimpleNamespace):
    """A namespace whose missing names say that there is no natural form."""

    def __getattr__(self, name: str) -> Any:
        raise NotOffered(name)


def _sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def _shifted(x: Any, dim: int) -> tuple[Any, Any]:
    shifted = x - x.max(axis=dim, keepdims=True)
    exponentials = np.exp(shifted)
    return shifted, exponentials


def _softmax(x: Any, dim: int) -> Any:
    exponentials = _shifted(x, dim)[1]
    exponentials /= exponentials.sum(axis=dim, keepdims=True)
    return exponentials


def _log_softmax(x: Any, dim: int) -> Any:
    shifted, exponentials = _shifted(x, dim)
    return shifted - np.log(exponentials.sum(axis=dim, keepdims=True))


def _cross_entropy(x: Any, target: Any) -> Any:
    shifted, exponentials = _shifted(x, 1)
    picked = shifted[np.arange(len(x)), target]
    return (np.log(exponentials.sum(axis=1)) - picked).mean()


def _layer_norm(x: Any, shape: Any, weight: Any, bias: Any) -> Any:
    centred = x - x.mean(axis=-1, keepdims=True)
    variance = np.square(centred).mean(axis=-1, keepdims=True)
    return centred / np.sqrt(variance + np.float32(1e-5)) * weight + bias


lib = Names(
    exp=np.exp,
    tanh=np.tanh,
    relu=lambda x: np.maximum(x, 0),
    sigmoid=_sigmoid,
    sum=lambda x, dim=None: x.sum(axis=dim),
    mean=lambda x, dim=None: x.mean(axis=dim),
    amax=lambda x, dim=None: x.max(axis=dim),
    reshape=np.reshape,
    transposed_copy=lambda x: np.ascontiguousarray(x.T),
    nn=Names(
        functional=Names(
            softmax=_softmax,
            log_softmax=_log_softmax,
            cross_entropy=_cross_entropy,
            layer_norm=_layer_norm,
            embedding=lambda ids, table: table[ids],
        )
    ),
)
