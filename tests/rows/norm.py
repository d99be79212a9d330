"""Rows of normalization."""

import numpy as np

from rows.op import Op
from strategies import POSITIVE, REAL, Sample


def _parameters(m, shape, *names):
    """Some of the parameters, each of this shape."""
    return {name: m.operand(shape) for name in names if m.flag()}


def rows(*names, **options):
    """A tensor, the shape of its last dimensions, and parameters of that shape."""

    def made(m):
        shape = m.shape(1)
        last = shape[m.integer(0, len(shape) - 1) :]
        drawn = {key: m.choose(values) for key, values in options.items()}
        return Sample((m.operand(shape), last), _parameters(m, last, *names) | drawn)

    return made


def _image(m, channels):
    """A shape of (batch, channels, ...)."""
    rest = m.choose(((m.size(),), (), (m.size(), m.choose((1, 4, 7)))))
    return (m.size(), channels, *rest)


def _count(shape):
    return int(np.prod(shape)) // shape[1]


def grouped(m):
    groups = m.choose((1, 2, 3))
    shape = _image(m, groups * m.choose((1, 2)))
    if int(np.prod(shape)) == groups:  # one element each: refused
        shape = (2, *shape[1:])
    return Sample((m.operand(shape), groups), _parameters(m, (shape[1],), "weight", "bias"))


def trained(m):
    """What batch_norm takes in training."""
    shape = _image(m, m.choose((3, 1, 2)))
    shape = (2, *shape[1:]) if _count(shape) == 1 else shape
    options = _parameters(m, (shape[1],), "weight", "bias") | {"training": True}
    return Sample((m.operand(shape), None, None), options)


def evaluated(m):
    """What batch_norm takes in evaluation."""
    channels = m.choose((3, 1, 2))
    running = (
        m.operand((channels,), REAL, None, False),
        m.operand((channels,), POSITIVE, None, False),
    )
    options = _parameters(m, (channels,), "weight", "bias")
    return Sample((m.operand(_image(m, channels)), *running), options)


def instances(m):
    channels = m.choose((3, 1, 2))
    shape = (m.size() or 1, channels, m.choose((2, 3, 20)), *m.choose(((), (2,))))
    return Sample((m.operand(shape),), _parameters(m, (channels,), "weight", "bias"))


def normed(m):
    shape = m.shape(1)
    shape = tuple(n or 1 for n in shape)  # an empty set has no largest element
    options = {"p": m.choose((2.0, 1, 3, 0, float("inf"), -float("inf"))), "dim": m.dim(len(shape))}
    return Sample((m.operand(shape),), options)


def neighbours(m):
    shape = (m.choose((1, 2)), m.choose((1, 3, 4)), m.size(), *m.choose(((), (2,))))
    options = {"alpha": m.choose((1e-4, 0.5)), "beta": m.choose((0.75, 2)), "k": m.choose((1, 2.0))}
    return Sample((m.operand(shape), m.integer(1, 5)), options)


def _normal(x, axes, eps):
    centred = x - x.mean(axes, keepdims=True)
    return centred / np.sqrt((centred**2).mean(axes, keepdims=True) + eps)


def _last(x, shape):
    return tuple(range(x.ndim - len(shape), x.ndim))


def layer_norm(x, shape, weight=1.0, bias=0.0, eps=1e-5):
    return _normal(x, _last(x, shape), eps) * weight + bias


def rms_norm(x, shape, weight=1.0, eps=0.0):
    mean = (x**2).mean(_last(x, shape), keepdims=True)
    return x / np.sqrt(mean + (eps or 2.0**-52)) * weight


def _of_channels(numbers, x):
    return np.reshape(numbers, (-1,) + (1,) * (x.ndim - 2))


def group_norm(x, groups, weight=1.0, bias=0.0, eps=1e-5):
    if x.size == 0:
        return x
    normal = _normal(x.reshape(x.shape[0], groups, -1), 2, eps).reshape(x.shape)
    return normal * _of_channels(weight, x) + _of_channels(bias, x)


def batch_norm(x, mean, variance, weight=1.0, bias=0.0, training=False, eps=1e-5):
    if training:
        normal = _normal(x, (0, *range(2, x.ndim)), eps)
    else:
        normal = (x - _of_channels(mean, x)) / np.sqrt(_of_channels(variance, x) + eps)
    return normal * _of_channels(weight, x) + _of_channels(bias, x)


def instance_norm(x, weight=1.0, bias=0.0, eps=1e-5):
    return group_norm(x, x.shape[1], weight, bias, eps)


def normalize(x, p=2.0, dim=1):
    return x / np.maximum(np.linalg.norm(x, p, dim, keepdims=True), 1e-12)


def local_response_norm(x, size, alpha=1e-4, beta=0.75, k=1.0):
    before, channels = size // 2, x.shape[1]
    near = [range(max(c - before, 0), min(c - before + size, channels)) for c in range(channels)]
    total = np.stack([(x[:, list(c)] ** 2).sum(1) for c in near], 1)
    return x / (k + alpha * total / size) ** beta


ROWS = [
    Op(
        "nn.functional.layer_norm",
        layer_norm,
        rows("weight", "bias", eps=(1e-5, 0.1)),
        scale=40,
        halves=False,
    ),
    Op(
        "nn.functional.rms_norm",
        rms_norm,
        rows("weight", eps=(0.01, 0.1)),
        scale=20,
        smooth=lambda x, *args, **options: x.size and np.mean(x**2) > 0.1,
    ),
    Op("nn.functional.group_norm", group_norm, grouped, scale=40, halves=False),
    Op("nn.functional.batch_norm", batch_norm, trained, scale=40, halves=False, label="batch_norm"),
    Op("nn.functional.batch_norm", batch_norm, evaluated, scale=10, label="batch_norm evaluated"),
    Op("nn.functional.instance_norm", instance_norm, instances, scale=40, halves=False),
    Op(
        "nn.functional.normalize",
        normalize,
        normed,
        scale=10,
        smooth=lambda x, **options: np.abs(x) > 0.02,
    ),
    Op("nn.functional.local_response_norm", local_response_norm, neighbours, scale=10),
]
