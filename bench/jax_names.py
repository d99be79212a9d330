"""PyTorch's names for what JAX does naturally; all of it is compiled by `jit`."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from .numpy_names import Names


def _cross_entropy(x: Any, target: Any) -> Any:
    logs = jax.nn.log_softmax(x, axis=1)
    return -jnp.take_along_axis(logs, target[:, None], axis=1).mean()


def _layer_norm(x: Any, shape: Any, weight: Any, bias: Any) -> Any:
    centred = x - x.mean(axis=-1, keepdims=True)
    variance = jnp.square(centred).mean(axis=-1, keepdims=True)
    return centred * lax.rsqrt(variance + 1e-5) * weight + bias


def _conv2d(x: Any, weight: Any, bias: Any = None, padding: int = 0) -> Any:
    out = lax.conv_general_dilated(x, weight, (1, 1), [(padding, padding)] * 2)
    return out if bias is None else out + bias[:, None, None]


def _windows(
    x: Any, start: float, combine: Any, kernel: int, stride: int | None, padding: int
) -> Any:
    steps = (1, 1, stride or kernel, stride or kernel)
    pads = ((0, 0), (0, 0), (padding, padding), (padding, padding))
    return lax.reduce_window(x, start, combine, (1, 1, kernel, kernel), steps, pads)


def _max_pool2d(x: Any, kernel: int, stride: int | None = None, padding: int = 0) -> Any:
    return _windows(x, -jnp.inf, lax.max, kernel, stride, padding)


def _avg_pool2d(x: Any, kernel: int) -> Any:
    return _windows(x, 0.0, lax.add, kernel, None, 0) / kernel**2


def _attention(q: Any, k: Any, v: Any, is_causal: bool) -> Any:
    turned = (x.swapaxes(1, 2) for x in (q, k, v))  # heads come after the steps there
    return jax.nn.dot_product_attention(*turned, is_causal=is_causal).swapaxes(1, 2)


lib = Names(
    exp=jnp.exp,
    tanh=jnp.tanh,
    relu=jax.nn.relu,
    sigmoid=jax.nn.sigmoid,
    sum=lambda x, dim=None: x.sum(axis=dim),
    mean=lambda x, dim=None: x.mean(axis=dim),
    amax=lambda x, dim=None: x.max(axis=dim),
    reshape=jnp.reshape,
    transposed_copy=lambda x: x.T,
    nn=Names(
        functional=Names(
            gelu=lambda x: jax.nn.gelu(x, approximate=False),
            softmax=lambda x, dim: jax.nn.softmax(x, axis=dim),
            log_softmax=lambda x, dim: jax.nn.log_softmax(x, axis=dim),
            cross_entropy=_cross_entropy,
            layer_norm=_layer_norm,
            scaled_dot_product_attention=_attention,
            conv2d=_conv2d,
            max_pool2d=_max_pool2d,
            avg_pool2d=_avg_pool2d,
            embedding=lambda ids, table: table[ids],
        )
    ),
)
