"""Rows of attention."""

import numpy as np

import references as ref
from rows.op import Op
from strategies import Sample


def _heads(m, count):
    n, queries, keys, features, out = (min(m.size() or 1, 40) for _ in range(5))
    lead = (min(n, 3), count)
    shapes = ((*lead, queries, features), (*lead, keys, features), (*lead, keys, out))
    return [m.operand(shape) for shape in shapes]


def attended(m):
    return Sample(_heads(m, 2), {"scale": m.choose((None, 0.5)), "is_causal": m.flag()})


def masked(m):
    q, k, v = _heads(m, 2)
    shape = (q.values.shape[-2], k.values.shape[-2])
    shape = m.choose((shape, (2, *shape)))
    mask = m.operand(shape, dtype=m.choose(("bool", m.dtype)))
    return Sample((q, k, v), {"attn_mask": mask})


def grouped(m):
    q, k, v = _heads(m, 2)
    query = m.operand((q.values.shape[0], 4, *q.values.shape[2:]))
    return Sample((query, k, v), {"enable_gqa": True})


def attention(q, k, v, attn_mask=None, is_causal=False, scale=None, enable_gqa=False):
    if enable_gqa:
        k, v = (np.repeat(x, q.shape[-3] // x.shape[-3], -3) for x in (k, v))
    scores = q @ np.swapaxes(k, -1, -2) * (q.shape[-1] ** -0.5 if scale is None else scale)
    if is_causal:
        attn_mask = np.tri(*scores.shape[-2:], dtype=bool)
    if attn_mask is not None:
        hidden = np.where(attn_mask, 0.0, -np.inf) if attn_mask.dtype == bool else attn_mask
        scores = scores + hidden
    lost = np.isneginf(scores).all(-1, keepdims=True)
    return np.where(lost, 0.0, ref.softmax(np.where(lost, 0.0, scores), -1)) @ v


NAME = "nn.functional.scaled_dot_product_attention"

ROWS = [
    Op(NAME, attention, attended, scale=40, halves=False, label="attention"),
    Op(NAME, attention, masked, scale=40, halves=False, label="attention masked"),
    Op(NAME, attention, grouped, scale=40, halves=False, label="attention grouped"),
]
