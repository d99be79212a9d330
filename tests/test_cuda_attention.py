"""Attention on CUDA: tiles and their edges, masks of any strides, groups of heads, head sizes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import fastgrad as torch
from cuda_common import compare, needs_cuda, random
from fastgrad.nn.functional import scaled_dot_product_attention

pytestmark = needs_cuda


def qkv(
    batch: tuple[int, ...],
    queries: int,
    keys: int,
    features: int,
    values: int | None = None,
    dtype: Any = torch.float32,
) -> tuple[Any, Any, Any]:
    """A query, a key and a value that require gradients."""
    last = features if values is None else values
    sizes = [(queries, features), (keys, features), (keys, last)]
    return tuple(
        random(*batch, *size, seed=i, dtype=dtype).requires_grad_() for i, size in enumerate(sizes)
    )  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("queries", "keys", "features", "values"),
    [(1, 1, 1, 1), (64, 64, 64, 64), (65, 63, 33, 70), (9, 150, 5, 130), (100, 3, 256, 256)],
)
@pytest.mark.parametrize("is_causal", [False, True])
def test_sizes(queries: int, keys: int, features: int, values: int, is_causal: bool) -> None:
    compare(
        lambda q, k, v: scaled_dot_product_attention(q, k, v, is_causal=is_causal),
        *qkv((2,), queries, keys, features, values),
        rtol=1e-4,
        atol=1e-4,
    )


def test_heads_beyond_what_a_block_holds() -> None:
    compare(scaled_dot_product_attention, *qkv((1,), 20, 30, 300, 280), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("queries", "keys", "features"), [(33, 40, 16), (10, 70, 100)])
@pytest.mark.parametrize("is_causal", [False, True])
def test_doubles(queries: int, keys: int, features: int, is_causal: bool) -> None:
    compare(
        lambda q, k, v: scaled_dot_product_attention(q, k, v, is_causal=is_causal, scale=0.3),
        *qkv((2, 2), queries, keys, features, dtype=torch.float64),
        rtol=1e-10,
        atol=1e-10,
    )


MASKS = [(2, 3, 9, 70), (9, 70), (1, 1, 9, 70), (2, 1, 1, 70), (3, 9, 1)]


@pytest.mark.parametrize("shape", MASKS)
@pytest.mark.parametrize("kind", ["bool", "numbers", "turned"])
def test_masks(shape: tuple[int, ...], kind: str) -> None:
    numbers = random(*shape, seed=7)
    if kind == "turned":
        numbers = numbers.transpose(-1, -2).contiguous().transpose(-1, -2)
    mask = numbers > -0.5 if kind == "bool" else numbers
    compare(
        lambda q, k, v, m: scaled_dot_product_attention(q, k, v, m),
        *qkv((2, 3), 9, 70, 8),
        mask,
        rtol=1e-4,
    )


def test_queries_that_see_nothing() -> None:
    mask = torch.ones(20, 80, dtype=torch.bool)
    mask[2] = False
    compare(
        lambda q, k, v, m: scaled_dot_product_attention(q, k, v, m),
        *qkv((2,), 20, 80, 8),
        mask,
        rtol=1e-4,
    )


@pytest.mark.parametrize("is_causal", [False, True])
def test_groups_of_heads(is_causal: bool) -> None:
    q = random(2, 6, 30, 16).requires_grad_()
    k, v = (random(2, 2, 70, 16, seed=i).requires_grad_() for i in (1, 2))
    compare(
        lambda q, k, v: scaled_dot_product_attention(q, k, v, is_causal=is_causal, enable_gqa=True),
        q,
        k,
        v,
        rtol=1e-4,
    )


def test_batches_that_broadcast_and_strides() -> None:
    q = random(2, 10, 3, 8).transpose(1, 2).requires_grad_()
    k, v = random(1, 3, 20, 8, seed=1).requires_grad_(), random(3, 20, 8, seed=2).requires_grad_()
    compare(scaled_dot_product_attention, q, k, v, rtol=1e-4)


def test_of_nothing() -> None:
    compare(scaled_dot_product_attention, *qkv((2,), 0, 5, 8))
    compare(scaled_dot_product_attention, *qkv((0,), 4, 5, 8))


def test_scores_that_are_not_finite() -> None:
    q, k, v = (x.detach() for x in qkv((1,), 10, 70, 8))
    q[0, 1, 0] = float("nan")
    k[0, 66] = 1e30
    v[0, 3, 2] = float("inf")
    with np.errstate(all="ignore"):
        compare(scaled_dot_product_attention, q, k, v, rtol=1e-4)
