"""What operations compute, in NumPy: the references of the op table."""

import math

import numpy as np

erf = np.vectorize(math.erf, otypes=[float])


def sigmoid(x):
    return 1 / (1 + np.exp(-np.asarray(x, float)))


def logsigmoid(x):
    return -np.logaddexp(0, -x)


def relu(x):
    return np.maximum(x, 0)


def round_(x, decimals=0):
    return np.round(x, decimals)


def add(a, b, alpha=1):
    return a + alpha * b if alpha != 1 else np.add(a, b)


def sub(a, b, alpha=1):
    return a - alpha * b


def rsub(a, b, alpha=1):
    return b - alpha * a


def div(a, b, rounding_mode=None):
    if rounding_mode == "floor":
        return np.floor_divide(a, b)
    quotient = np.true_divide(a, b)
    return np.trunc(quotient) if rounding_mode == "trunc" else quotient


def clamp(x, min=None, max=None):
    x = x if min is None else np.maximum(x, min)
    return x if max is None else np.minimum(x, max)


def reduction(function):
    """NumPy's reduction with PyTorch's names: an empty tuple of dimensions means all."""

    def reference(x, dim=None, keepdim=False):
        axis = None if dim == () or x.ndim == 0 else dim
        return function(x, axis=axis, keepdims=keepdim)

    return reference


def var(x, dim=None, keepdim=False, correction=1):
    axis = dim if x.ndim else None
    centred = x - np.mean(x, axis=axis, keepdims=True)
    n = x.size if axis is None else np.prod([x.shape[d] for d in np.atleast_1d(axis)])
    total = np.sum(centred**2, axis=axis, keepdims=keepdim)
    return total / np.float64(max(n - correction, 0))


def std(*args, **options):
    return np.sqrt(var(*args, **options))


def position(function):
    """argmax and argmin, with PyTorch's keepdim."""

    def reference(x, dim=None, keepdim=False):
        if x.ndim == 0:
            return np.asarray(0)
        return function(x, axis=dim, keepdims=keepdim)

    return reference


def extreme(values, positions):
    """max(dim) and min(dim): the values and their places."""

    def reference(x, dim, keepdim=False):
        if x.ndim == 0:
            return x, np.asarray(0)
        return values(x, axis=dim, keepdims=keepdim), positions(x, axis=dim, keepdims=keepdim)

    return reference


def cumsum(x, dim):
    return np.cumsum(x, dim) if x.ndim else x


def sum_to_size(x, shape):
    lead = x.ndim - len(shape)
    total = x.sum(tuple(range(lead)))
    ones = tuple(d for d, n in enumerate(shape) if n == 1)
    return total.sum(ones, keepdims=True)


def flatten(x, start=0, end=-1):
    if x.ndim == 0:
        return x.reshape(1)
    start, end = start % x.ndim, end % x.ndim
    size = math.prod(x.shape[start : end + 1])
    return x.reshape(*x.shape[:start], size, *x.shape[end + 1 :])


def unflatten(x, dim, sizes):
    dim %= x.ndim
    return x.reshape(*x.shape[:dim], *sizes, *x.shape[dim + 1 :])


def squeeze(x, dim=None):
    if dim is None or x.ndim == 0:
        return np.squeeze(x)
    dims = dim if isinstance(dim, tuple) else (dim,)
    return np.squeeze(x, tuple(d % x.ndim for d in dims if x.shape[d] == 1))


def narrow(x, dim, start, length):
    start = start % x.shape[dim] if start < 0 else start
    return np.take(x, range(start, start + length), dim)


def split(x, sections, dim=0):
    n = x.shape[dim]
    if isinstance(sections, int):
        sections = [min(sections, n - at) for at in range(0, n, sections)] or [0]
    ends = np.cumsum(sections)[:-1]
    return tuple(np.split(x, ends, dim))


def chunk(x, chunks, dim=0):
    n = x.shape[dim]
    return split(x, -(-n // chunks) if n else [0] * chunks, dim)


def unbind(x, dim=0):
    return tuple(np.moveaxis(x, dim, 0))


def index_put(x, indices, values, accumulate=False):
    out = x.copy()
    if accumulate:
        np.add.at(out, indices, values)
    else:
        out[indices] = values
    return out


def gather(x, dim, index):
    if x.ndim == 0:
        return x
    trimmed = x[
        tuple(slice(None) if d == dim % x.ndim else slice(n) for d, n in enumerate(index.shape))
    ]
    return np.take_along_axis(trimmed, index, dim)


def argsort(x, dim=-1, descending=False):
    if x.ndim == 0:
        return np.asarray(0)
    if not descending:
        return np.argsort(x, dim, kind="stable")
    back = np.argsort(np.flip(x, dim), dim, kind="stable")
    return np.flip(x.shape[dim] - 1 - back, dim)


def bincount(x, weights=None, minlength=0):
    return np.bincount(x, weights, minlength)


def one_hot(labels, classes=-1):
    classes = int(labels.max()) + 1 if classes == -1 else classes
    return (labels[..., None] == np.arange(classes)).astype(np.int64)


def linear(x, weight, bias=None):
    product = x @ weight.T
    return product if bias is None else product + bias


def log_softmax(x, dim):
    if x.ndim == 0:
        return np.zeros(())
    if x.size == 0:
        return x
    shifted = x - x.max(dim, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(dim, keepdims=True))


def softmax(x, dim):
    return np.exp(log_softmax(x, dim))


def reduced(loss, reduction, total=None):
    """The loss summed, or averaged over `total` (unless told, the number of terms)."""
    if reduction == "none":
        return loss
    if reduction == "sum":
        return loss.sum()
    return loss.sum() / (loss.size if total is None else total)


def _by_class(x, target):
    """Scores as (rows, classes), labels as (rows)."""
    if x.ndim == 1:
        return x[None], target.reshape(1)
    return np.moveaxis(x, 1, -1).reshape(-1, x.shape[1]), target.reshape(-1)


def nll_loss(log_p, target, weight=None, ignore_index=-100, reduction="mean"):
    rows, labels = _by_class(log_p, target)
    weight = np.ones(rows.shape[1]) if weight is None else weight
    kept = labels != ignore_index
    safe = np.where(kept, labels, 0)
    factor = weight[safe] * kept
    loss = -rows[np.arange(len(rows)), safe] * factor
    return reduced(loss.reshape(target.shape), reduction, factor.sum())


def cross_entropy(x, target, weight=None, ignore_index=-100, reduction="mean", label_smoothing=0.0):
    dim = 0 if x.ndim == 1 else 1
    log_p = log_softmax(x, dim)
    per_class = np.ones(x.shape[dim]) if weight is None else weight
    smooth = -(np.moveaxis(log_p, dim, -1) * per_class).sum(-1) / x.shape[dim]
    if target.dtype.kind == "f":
        hard = -(np.moveaxis(log_p * target, dim, -1) * per_class).sum(-1)
        return reduced(hard * (1 - label_smoothing) + smooth * label_smoothing, reduction)
    hard = nll_loss(log_p, target, weight, ignore_index, "none")
    loss = hard * (1 - label_smoothing) + smooth * (target != ignore_index) * label_smoothing
    total = (
        per_class[np.where(target == ignore_index, 0, target)] * (target != ignore_index)
    ).sum()
    return reduced(loss, reduction, total)


def binary_cross_entropy(p, target, weight=None, reduction="mean"):
    logs = np.maximum(np.log(p), -100), np.maximum(np.log1p(-p), -100)
    loss = -(target * logs[0] + (1 - target) * logs[1])
    return reduced(loss if weight is None else loss * weight, reduction)


def binary_cross_entropy_with_logits(x, target, weight=None, reduction="mean", pos_weight=None):
    positive = 1 if pos_weight is None else pos_weight
    loss = -(positive * target * logsigmoid(x) + (1 - target) * logsigmoid(-x))
    return reduced(loss if weight is None else loss * weight, reduction)


def _weighted(loss, weight, reduction):
    if weight is None:
        return reduced(loss, reduction)
    return reduced(loss * weight, reduction, np.broadcast_to(weight, loss.shape).sum())


def mse_loss(x, target, weight=None, reduction="mean"):
    return _weighted((x - target) ** 2, weight, reduction)


def l1_loss(x, target, weight=None, reduction="mean"):
    return _weighted(np.abs(x - target), weight, reduction)
