"""Attention in tiles, in the sizes where tiles and parts of the work begin and end."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import fastgrad as fg
from fastgrad.nn.functional import scaled_dot_product_attention as attention

pytestmark = pytest.mark.core

ISAS = fg._core.build_info()["isas"]
INF = float("inf")

# (query, key, value) without the last dimensions, queries, keys, features, values.
# A tile has up to 96 queries and 128 keys; few matrices are cut into up to 16 parts.
SIZES = {
    "one": ((), 1, 1, 1, 1),  # up to 8 queries need no tiles
    "few": ((3,), 8, 300, 16, 16),
    "tiles": ((), 9, 1, 1, 1),
    "a tile": ((2,), 96, 128, 16, 16),
    "one more": ((2,), 97, 129, 16, 8),
    "one less": ((3, 2), 95, 127, 5, 7),
    "parts": ((), 400, 300, 24, 40),
    "long keys": ((1, 2), 11, 700, 33, 1),
    "long queries": ((2,), 500, 2, 8, 65),
    "many": ((5, 4), 20, 30, 8, 8),
}
MASKS = ["none", "causal", "bool", "numbers", "of the keys", "turned"]


def mask_of(kind, rng, queries, keys, dtype):
    """What is given, and the numbers that it adds to the scores."""
    if kind in ("none", "causal"):
        hidden = np.zeros((queries, keys))
        hidden[~np.tri(queries, keys, dtype=bool)] = -INF if kind == "causal" else 0
        return None, hidden
    if kind == "numbers":
        added = rng.standard_normal((queries, keys))
        return fg.tensor(added, dtype=dtype), added
    allowed = rng.random((1 if kind == "of the keys" else queries, keys)) < 0.7
    if kind == "bool":
        allowed[queries // 2] = False  # a query that may look nowhere
    given = fg.tensor(allowed)
    if kind == "turned":
        given = fg.tensor(allowed.T.copy()).T
    return given, np.where(allowed, 0.0, -INF)


def reference(q, k, v, added, scale):
    scores = q @ np.swapaxes(k, -1, -2) * scale + added
    largest = scores.max(-1, keepdims=True)
    weights = np.exp(scores - np.where(np.isfinite(largest), largest, 0))
    total = weights.sum(-1, keepdims=True)
    return weights / np.where(total == 0, 1, total) @ v, weights / np.where(total == 0, 1, total)


def gradients(q, k, v, added, scale, upstream):
    out, p = reference(q, k, v, added, scale)
    dp = upstream @ np.swapaxes(v, -1, -2)
    ds = p * (dp - (upstream * out).sum(-1, keepdims=True)) * scale
    return ds @ k, np.swapaxes(ds, -1, -2) @ q, np.swapaxes(p, -1, -2) @ upstream


def operands(rng, size, turned=False):
    """Arrays, and what makes leaves of them: heads one after another, or interleaved."""
    batch, queries, keys, features, values = size
    arrays = [
        rng.standard_normal((*batch, *shape))
        for shape in ((queries, features), (keys, features), (keys, values))
    ]

    def leaf(x, dtype):
        t = fg.tensor(x, dtype=dtype)
        if turned and t.ndim > 2:
            t = t.transpose(-3, -2).contiguous().transpose(-3, -2)
        return t.requires_grad_()

    return arrays, leaf


def check(size, mask, dtype, turned=False, scale=None):
    rng = np.random.default_rng(7)
    arrays, leaf = operands(rng, size, turned)
    given, added = mask_of(mask, rng, size[1], size[2], dtype)
    leaves = [leaf(x, dtype) for x in arrays]
    out = attention(*leaves, given, is_causal=mask == "causal", scale=scale)
    upstream = rng.standard_normal(out.shape)
    found = fg.autograd.grad(out, leaves, fg.tensor(upstream, dtype=dtype))
    factor = scale if scale is not None else size[3] ** -0.5
    tolerance = 1e-11 if dtype is fg.float64 else 2e-5
    expected = reference(*arrays, added, factor)[0]
    np.testing.assert_allclose(out.detach().numpy(), expected, rtol=tolerance, atol=tolerance)
    for ours, theirs in zip(found, gradients(*arrays, added, factor, upstream), strict=True):
        close = {"rtol": 10 * tolerance, "atol": 10 * tolerance * max(1.0, np.abs(theirs).max())}
        np.testing.assert_allclose(ours.numpy(), theirs, **close)


@pytest.mark.parametrize("dtype", [fg.float32, fg.float64], ids=str)
@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize("size", SIZES)
def test_values_and_gradients(size, mask, dtype):
    check(SIZES[size], mask, dtype)


@pytest.mark.parametrize("mask", ["none", "causal", "bool"])
def test_heads_that_lie_between_each_other(mask):
    check(SIZES["many"], mask, fg.float32, turned=True)
    check(((2, 3), 130, 140, 16, 24), mask, fg.float32, turned=True)


@pytest.mark.parametrize("scale", [0.0, -0.5, 3.0])
def test_scales_of_any_sign(scale):
    check(SIZES["one more"], "causal", fg.float32, scale=scale)


def test_scores_beyond_the_range_of_exp():
    q = fg.full((1, 200, 8), 100.0)
    k = fg.cat([fg.full((1, 150, 8), -100.0), fg.full((1, 150, 8), 100.0)], 1)
    v = fg.arange(300.0).reshape(1, 300, 1)
    assert fg.allclose(attention(q, k, v), fg.full((1, 200, 1), 224.5))
    # The largest score comes last, so that it takes all, or first, so that nothing is added.
    assert fg.allclose(attention(q, k.flip(1), v), fg.full((1, 200, 1), 74.5))


def test_infinity_and_nan_stay_where_they_are():
    q, k, v = fg.randn(130, 4), fg.randn(140, 4), fg.randn(140, 3)
    clean = attention(q, k, v, is_causal=True)
    k[139] = float("nan")
    v[138] = INF
    out = attention(q, k, v, is_causal=True)  # query 129 sees keys up to 129
    assert fg.equal(out, clean)
    q[7] = float("nan")
    out = attention(q, k, v, is_causal=True)
    assert out[7].isnan().all()
    assert fg.equal(out[8:], clean[8:])


def test_grouped_heads_add_up_their_gradients():
    rng = np.random.default_rng(1)
    q = rng.standard_normal((2, 6, 100, 8))
    k, v = rng.standard_normal((2, 2, 2, 130, 8))
    upstream = rng.standard_normal(q.shape)
    leaves = [fg.tensor(x).requires_grad_() for x in (q, k, v)]
    out = attention(*leaves, enable_gqa=True, is_causal=True)
    found = fg.autograd.grad(out, leaves, fg.tensor(upstream))
    added = np.where(np.tri(100, 130, dtype=bool), 0.0, -INF)
    dq, dk, dv = gradients(q, *(np.repeat(x, 3, 1) for x in (k, v)), added, 8**-0.5, upstream)
    expected = [dq, *(x.reshape(2, 2, 3, 130, 8).sum(2) for x in (dk, dv))]
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours.numpy(), theirs, rtol=1e-10, atol=1e-10)


def test_operands_are_broadcast():
    q = fg.randn(3, 1, 100, 8, dtype=fg.float64, requires_grad=True)
    k = fg.randn(2, 130, 8, dtype=fg.float64, requires_grad=True)
    v = fg.randn(130, 5, dtype=fg.float64, requires_grad=True)
    out = attention(q, k, v)
    whole = [q.expand(3, 2, 100, 8), k.expand(3, 2, 130, 8), v.expand(3, 2, 130, 5)]
    expected = attention(*[x.contiguous() for x in whole])
    assert fg.allclose(out, expected)
    for ours, theirs in zip(
        fg.autograd.grad(out.sum(), [q, k, v]),
        fg.autograd.grad(expected.sum(), [q, k, v]),
        strict=True,
    ):
        assert fg.allclose(ours, theirs)


@pytest.mark.parametrize("empty", [(0, 5, 3, 2), (4, 0, 3, 2), (4, 5, 3, 0), (4, 5, 0, 2)])
def test_nothing_along_a_dimension(empty):
    queries, keys, features, values = empty
    q = fg.randn(2, queries, features, requires_grad=True)
    k = fg.randn(2, keys, features, requires_grad=True)
    v = fg.randn(2, keys, values, requires_grad=True)
    out = attention(q, k, v, scale=1.0)
    assert out.shape == (2, queries, values)
    assert out.isfinite().all()
    out.sum().backward()
    assert all(x.grad is not None and x.grad.isfinite().all() for x in (q, k, v))


@pytest.mark.parametrize("size", ["parts", "one more", "many"])
def test_the_bits_do_not_depend_on_threads(size):
    before, found = fg.get_num_threads(), []
    for threads in (1, 2, 3, 8):
        fg.set_num_threads(threads)
        fg.manual_seed(3)
        batch, queries, keys, features, values = SIZES[size]
        shapes = [(queries, features), (keys, features), (keys, values)]
        leaves = [fg.randn(*batch, *shape, requires_grad=True) for shape in shapes]
        out = attention(*leaves, is_causal=True)
        found.append([out, *fg.autograd.grad((out * out).sum(), leaves)])
    fg.set_num_threads(before)
    for other in found[1:]:
        assert all(fg.equal(a, b) for a, b in zip(found[0], other, strict=True))


PROGRAM = """
import fastgrad as fg, test_attention as t
for size in t.SIZES.values():
    for mask in t.MASKS:
        for dtype in (fg.float32, fg.float64):
            t.check(size, mask, dtype)
"""


@pytest.mark.parametrize("isa", [isa for isa in ISAS if isa != fg._core.build_info()["isa"]])
def test_every_instruction_set(isa, monkeypatch):
    monkeypatch.setenv("FASTGRAD_ISA", isa)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_second_gradients_agree_with_plain_operations():
    leaves = [fg.randn(2, n, 4, dtype=fg.float64, requires_grad=True) for n in (9, 10, 10)]
    assert fg.autograd.gradgradcheck(lambda *x: attention(*x, is_causal=True), leaves)


def test_masks_that_learn_and_dropout_use_plain_operations():
    q, k, v = (fg.randn(2, 9, 4, dtype=fg.float64, requires_grad=True) for _ in range(3))
    bias = fg.randn(9, 9, dtype=fg.float64, requires_grad=True)
    assert fg.allclose(attention(q, k, v, bias), attention(q, k, v, bias.detach()))
    assert fg.autograd.gradcheck(lambda b: attention(q, k, v, b), [bias])
    fg.manual_seed(0)
    dropped = attention(q, k, v, dropout_p=0.5)
    assert not fg.allclose(dropped, attention(q, k, v))


@pytest.mark.parametrize("options", [{}, {"is_causal": True}, {"scale": 0.3}], ids=str)
def test_transforms_of_functions(options):
    q, k, v = (fg.randn(3, 2, n, 4, dtype=fg.float64) for n in (10, 12, 12))

    def f(q, k, v):
        return attention(q, k, v, **options)

    assert fg.allclose(fg.func.vmap(f)(q, k, v), f(q, k, v))
    assert fg.allclose(fg.func.vmap(f, (None, 0, 0))(q[0], k, v), f(q[:1].expand_as(q), k, v))
    tangents = tuple(fg.randn_like(x) for x in (q, k, v))
    _, found = fg.func.jvp(f, (q, k, v), tangents)
    step = 1e-6
    near = [
        f(*(x + s * step * t for x, t in zip((q, k, v), tangents, strict=True))) for s in (1, -1)
    ]
    assert fg.allclose(found, (near[0] - near[1]) / (2 * step), atol=1e-7)
    per_sample = fg.func.vmap(fg.func.grad(lambda *x: (f(*x) ** 2).sum()))(q, k, v)
    leaf = q.clone().requires_grad_()
    (whole,) = fg.autograd.grad((f(leaf, k, v) ** 2).sum(), leaf)
    assert fg.allclose(per_sample, whole)
