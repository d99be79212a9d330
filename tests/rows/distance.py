"""Rows of distances and similarities."""

import numpy as np

from rows.op import Op, far_from
from strategies import Sample


def pairs(*orders):
    """Two batches of vectors, and the order of the norm."""

    def make(m):
        rows, columns, features = m.size(), m.size(), m.size()
        lead = tuple(m.choose((1, 2)) for _ in range(m.integer(0, 1)))
        a, b = m.operand((*lead, rows, features)), m.operand((columns, features))
        return Sample((a, b, m.choose(orders)))

    return make


def many(m):
    """So many vectors that the distances come from a product of matrices."""
    a, b = m.operand((m.integer(26, 40), 3)), m.operand((m.size(), 3))
    return Sample((a, b))


def cdist(a, b, p=2.0):
    steps = np.abs(a[..., :, None, :] - b[..., None, :, :])
    if p == 0:
        return np.count_nonzero(steps, -1).astype(float)
    if np.isinf(p):
        return steps.max(-1, initial=0)
    return (steps**p).sum(-1) ** (1 / p)


def apart(a, b, p=2.0):
    """No two components agree, and none are the largest together."""
    steps = np.sort(np.abs(a[..., :, None, :] - b[..., None, :, :]), -1)
    return far_from(steps).all() and (not np.isinf(p) or far_from(np.diff(steps)).all())


def paired(m, **drawn):
    """Two sets of vectors that broadcast together."""
    shape = tuple(n or 1 for n in m.shape(1))
    other = m.choose((shape, shape[-1:]))
    return Sample((m.operand(shape), m.operand(other)), drawn)


def compared(m):
    sample = paired(m)
    rank = sample.args[0].values.ndim
    return Sample(sample.args, {"dim": m.dim(rank), "eps": m.choose((1e-8, 0.1))})


def drawn_apart(m):
    return paired(m, p=m.choose((2.0, 1, 3, float("inf"))), keepdim=m.flag())


def all_pairs(m):
    shape = (min(m.size(), 120), m.choose((1, 2, 3)))
    return Sample((m.operand(shape), m.choose((2, 1, 3.0, float("inf")))))


def cosine_similarity(a, b, dim=1, eps=1e-8):
    a, b = np.broadcast_arrays(a, b)
    norms = [np.maximum(np.linalg.norm(x, axis=dim), eps) for x in (a, b)]
    return (a * b).sum(dim) / norms[0] / norms[1]


def pairwise_distance(a, b, p=2.0, eps=1e-6, keepdim=False):
    return np.linalg.norm(a - b + eps, p, -1, keepdims=keepdim)


def pdist(x, p=2):
    rows, columns = np.triu_indices(len(x), 1)
    return np.linalg.norm(x[rows] - x[columns], p, -1)


def _far(*args, **options):
    """No difference is near 0, where norms have kinks, and none is near another in size."""
    a, b = np.broadcast_arrays(args[0], args[1] if np.ndim(args[1]) else 0.0)
    sizes = np.sort(np.abs(a - b), -1)
    return sizes.size and sizes.min() > 1e-2 and (np.diff(sizes) > 1e-3).all()


def _distinct(x, p=2):
    rows, columns = np.triu_indices(len(x), 1)
    return len(rows) == 0 or _far(x[rows], x[columns])


def _not_zero(a, b, dim=1, eps=1e-8):
    norms = [np.linalg.norm(x, axis=dim) for x in np.broadcast_arrays(a, b)]
    return all((n > 2 * max(eps, 0.1)).all() for n in norms)


ROWS = [
    Op("cdist", cdist, pairs(1.0, 2.0, 3.0, 0.0), scale=20, smooth=apart),
    Op("cdist", cdist, pairs(1.5, 0.7, np.inf), scale=50, smooth=apart, label="cdist other p"),
    # The roots of small differences: only half of the digits are right.
    Op(
        "cdist",
        cdist,
        many,
        ("float64",),
        scale=1e7,
        halves=False,
        smooth=lambda a, b: cdist(a, b).min(initial=1) > 0.1,
        label="cdist by product",
    ),
    Op(
        "nn.functional.cosine_similarity",
        cosine_similarity,
        compared,
        scale=20,
        smooth=_not_zero,
    ),
    Op(
        "nn.functional.pairwise_distance",
        pairwise_distance,
        drawn_apart,
        scale=40,
        halves=False,
        smooth=_far,
    ),
    Op("nn.functional.pdist", pdist, all_pairs, scale=20, halves=False, smooth=_distinct),
]
