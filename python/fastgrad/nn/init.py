"""Filling parameters with their first values, in place and outside the graph.

Every function returns the tensor it was given. The random ones draw the numbers that PyTorch's
draw on a CPU from a generator with the same seed. Follows torch.nn.init.
"""

import math
from typing import Any

from .. import Generator, Tensor, empty_like, eye, from_numpy, no_grad, randperm, where

__all__ = [
    "calculate_gain",
    "constant_",
    "dirac_",
    "eye_",
    "kaiming_normal_",
    "kaiming_uniform_",
    "normal_",
    "ones_",
    "orthogonal_",
    "sparse_",
    "trunc_normal_",
    "uniform_",
    "xavier_normal_",
    "xavier_uniform_",
    "zeros_",
]

_LINEAR = ("linear", "sigmoid", *(f"conv{t}{n}d" for t in ("", "_transpose") for n in (1, 2, 3)))
_GAINS = dict.fromkeys(_LINEAR, 1.0) | {"tanh": 5 / 3, "relu": math.sqrt(2.0), "selu": 3 / 4}


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """The factor that keeps the variance of activations the same through a nonlinearity.

    Args:
        nonlinearity: "linear", "sigmoid", "tanh", "relu", "leaky_relu", "selu", or the name of a
            convolution.
        param: the negative slope of "leaky_relu", by default 0.01.

    Raises:
        ValueError: an unknown name, or a slope that is not a number.

    >>> import fastgrad as torch
    >>> torch.nn.init.calculate_gain("leaky_relu", 1.0)
    1.0
    """
    if nonlinearity in _GAINS:
        return _GAINS[nonlinearity]
    if nonlinearity != "leaky_relu":
        names = ", ".join([*_GAINS, "leaky_relu"])
        raise ValueError(f"Unsupported nonlinearity {nonlinearity}; expected one of {names}")
    slope = 0.01 if param is None else param
    if isinstance(slope, bool) or not isinstance(slope, int | float):
        raise ValueError(f"negative_slope {param} not a valid number")
    return math.sqrt(2.0 / (1 + slope**2))


def uniform_(
    tensor: Tensor, a: float = 0.0, b: float = 1.0, generator: Generator | None = None
) -> Tensor:
    """Fill with numbers drawn uniformly from [a, b).

    >>> import fastgrad as torch
    >>> w = torch.nn.init.uniform_(torch.empty(3, 5), -1.0, 1.0)
    >>> bool((w.abs() <= 1).all())
    True
    """
    with no_grad():
        return tensor.uniform_(a, b, generator=generator)


def normal_(
    tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator: Generator | None = None
) -> Tensor:
    """Fill with numbers drawn from the normal distribution N(mean, std²).

    Follows ``torch.nn.init.normal_``.

    >>> import fastgrad as torch
    >>> torch.nn.init.normal_(torch.empty(3, 5), std=0.01).shape
    torch.Size([3, 5])
    """
    with no_grad():
        return tensor.normal_(mean, std, generator=generator)


def constant_(tensor: Tensor, val: float) -> Tensor:
    """Fill with the number `val`.

    >>> import fastgrad as torch
    >>> torch.nn.init.constant_(torch.empty(3), 0.5)
    tensor([0.5000, 0.5000, 0.5000])
    """
    with no_grad():
        return tensor.fill_(val)


def ones_(tensor: Tensor) -> Tensor:
    """Fill with 1. Follows ``torch.nn.init.ones_``.

    >>> import fastgrad as torch
    >>> torch.nn.init.ones_(torch.empty(2))
    tensor([1., 1.])
    """
    return constant_(tensor, 1.0)


def zeros_(tensor: Tensor) -> Tensor:
    """Fill with 0. Follows ``torch.nn.init.zeros_``.

    >>> import fastgrad as torch
    >>> torch.nn.init.zeros_(torch.empty(2))
    tensor([0., 0.])
    """
    return constant_(tensor, 0.0)


def eye_(tensor: Tensor) -> Tensor:
    """Fill a matrix with ones on the diagonal and zeros elsewhere.

    Raises:
        ValueError: the tensor does not have 2 dimensions.

    Follows ``torch.nn.init.eye_``.

    >>> import fastgrad as torch
    >>> torch.nn.init.eye_(torch.empty(2, 2))
    tensor([[1., 0.],
            [0., 1.]])
    """
    _check_matrix(tensor)
    with no_grad():
        return tensor.copy_(eye(*tensor.shape))


def dirac_(tensor: Tensor, groups: int = 1) -> Tensor:
    """Fill a convolution weight (out, in, k...) so that the convolution passes channels through.

    Args:
        tensor: 3, 4 or 5 dimensions.
        groups: the output channels are split into so many groups, each passing its channels on.

    Raises:
        ValueError: another number of dimensions, or `groups` does not divide the output channels.

    Follows ``torch.nn.init.dirac_``.

    >>> import fastgrad as torch
    >>> torch.nn.init.dirac_(torch.empty(1, 1, 3))
    tensor([[[0., 1., 0.]]])
    """
    if tensor.dim() not in (3, 4, 5):
        raise ValueError(
            f"Only tensors with 3, 4, or 5 dimensions are supported, got {tensor.dim()}"
        )
    if tensor.shape[0] % groups != 0:
        raise ValueError(f"dim 0 must be divisible by groups, got {tensor.shape[0]} and {groups}")
    per_group = max(tensor.shape[0] // groups, 1)
    centre = tuple(size // 2 for size in tensor.shape[2:])
    with no_grad():
        tensor.zero_()
        for start in range(0, tensor.shape[0], per_group):
            for channel in range(min(per_group, tensor.shape[1])):
                tensor[(start + channel, channel, *centre)] = 1.0
    return tensor


def xavier_uniform_(
    tensor: Tensor, gain: float = 1.0, generator: Generator | None = None
) -> Tensor:
    """Fill uniformly from ±gain·sqrt(6 / (fan_in + fan_out)).

    Raises:
        ValueError: the tensor has fewer than 2 dimensions.

    Source: Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural
    networks" (2010).

    >>> import fastgrad as torch
    >>> w = torch.nn.init.xavier_uniform_(torch.empty(3, 3))
    >>> bool((w.abs() <= 1).all())
    True
    """
    bound = math.sqrt(3.0) * _xavier_std(tensor, gain)
    return uniform_(tensor, -bound, bound, generator)


def xavier_normal_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Fill from N(0, std²) with std = gain·sqrt(2 / (fan_in + fan_out)).

    The errors and the source are those of `xavier_uniform_`.

    Follows ``torch.nn.init.xavier_normal_``.

    >>> import fastgrad as torch
    >>> torch.nn.init.xavier_normal_(torch.empty(3, 5)).shape
    torch.Size([3, 5])
    """
    return normal_(tensor, 0.0, _xavier_std(tensor, gain), generator)


def kaiming_uniform_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:
    """Fill uniformly from ±gain·sqrt(3 / fan).

    Args:
        tensor: a weight (out, in, k...); a tensor without elements gives a warning.
        a: the negative slope of the "leaky_relu" that follows the layer.
        mode: "fan_in" keeps the variance of activations, "fan_out" that of gradients.
        nonlinearity: what follows the layer, a name that `calculate_gain` knows.
        generator: where the numbers come from, by default the global generator.

    Raises:
        ValueError: fewer than 2 dimensions, or an unknown mode or nonlinearity.

    Source: He et al., "Delving deep into rectifiers" (2015).

    >>> import fastgrad as torch
    >>> w = torch.nn.init.kaiming_uniform_(torch.empty(4, 6), nonlinearity="relu")
    >>> bool((w.abs() <= 1).all())
    True
    """
    if _is_empty(tensor):
        return tensor
    bound = math.sqrt(3.0) * _kaiming_std(tensor, a, mode, nonlinearity)
    return uniform_(tensor, -bound, bound, generator)


def kaiming_normal_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:
    """Fill from N(0, std²) with std = gain / sqrt(fan).

    The arguments, the errors and the source are those of `kaiming_uniform_`.

    Follows ``torch.nn.init.kaiming_normal_``.

    >>> import fastgrad as torch
    >>> torch.nn.init.kaiming_normal_(torch.empty(3, 5)).shape
    torch.Size([3, 5])
    """
    if _is_empty(tensor):
        return tensor
    return normal_(tensor, 0, _kaiming_std(tensor, a, mode, nonlinearity), generator)


def orthogonal_(tensor: Tensor, gain: float = 1, generator: Generator | None = None) -> Tensor:
    """Fill with `gain` times a matrix whose rows (or columns, if fewer) are orthonormal.

    Args:
        tensor: at least 2 dimensions; all but the first together are the columns.
        gain: the factor.
        generator: where the numbers come from, by default the global generator.

    Raises:
        ValueError: fewer than 2 dimensions.

    Source: Saxe et al., "Exact solutions to the nonlinear dynamics of learning in deep linear
    neural networks" (2013).

    Follows ``torch.nn.init.orthogonal_``.

    >>> import fastgrad as torch
    >>> w = torch.nn.init.orthogonal_(torch.empty(3, 5))
    >>> torch.allclose(w @ w.T, torch.eye(3), atol=1e-5)
    True
    """
    if tensor.dim() < 2:
        raise ValueError(
            f"Only tensors with 2 or more dimensions are supported, got {tensor.dim()}"
        )
    if tensor.numel() == 0:
        return tensor
    drawn = normal_(empty_like(tensor), generator=generator)
    q = _orthonormal(drawn.reshape(tensor.shape[0], -1).numpy())
    with no_grad():
        return tensor.copy_(from_numpy(q).reshape(tensor.shape)).mul_(gain)


def sparse_(
    tensor: Tensor, sparsity: float, std: float = 0.01, generator: Generator | None = None
) -> Tensor:
    """Fill a matrix from N(0, std²), then set a share of each column to zero.

    Args:
        tensor: a matrix.
        sparsity: the share of each column, from 0 to 1, rounded up to whole rows.
        std: the standard deviation of the other elements.
        generator: where the values come from; the zeros are placed by the global generator.

    Raises:
        ValueError: the tensor does not have 2 dimensions.

    Source: Martens, "Deep learning via Hessian-free optimization" (2010).

    Follows ``torch.nn.init.sparse_``.

    >>> import fastgrad as torch
    >>> w = torch.nn.init.sparse_(torch.empty(10, 4), sparsity=0.3)
    >>> (w == 0).sum(dim=0)
    tensor([3, 3, 3, 3])
    """
    _check_matrix(tensor)
    rows, columns = tensor.shape
    zeros = math.ceil(sparsity * rows)
    normal_(tensor, 0, std, generator)
    with no_grad():
        for column in range(columns):
            tensor[randperm(rows)[:zeros], column] = 0.0
    return tensor


def trunc_normal_(
    tensor: Tensor,
    mean: float = 0.0,
    std: float = 1.0,
    a: float = -2.0,
    b: float = 2.0,
    generator: Generator | None = None,
) -> Tensor:
    """Fill from N(mean, std²) with the values outside [a, b] drawn again.

    Args:
        tensor: any shape, floating point.
        mean: the mean before the cut.
        std: the standard deviation before the cut.
        a: the smallest value; `mean` further than two `std` outside [a, b] gives a warning.
        b: the largest value.
        generator: where the numbers come from, by default the global generator.

    >>> import fastgrad as torch
    >>> w = torch.nn.init.trunc_normal_(torch.empty(100), std=0.02, a=-0.04, b=0.04)
    >>> bool((w.abs() <= 0.04).all())
    True
    """
    if mean < a - 2 * std or mean > b + 2 * std:
        _warn("mean is more than 2 std from [a, b] in trunc_normal_; values may be off")
    kept = _normal_cdf((b - mean) / std) - _normal_cdf((a - mean) / std)
    with no_grad():
        if kept > 0.3:
            return _redraw_outside(tensor, mean, std, a, b, generator)
        return _reject_from_uniform(tensor, mean, std, a, b, generator)


def _redraw_outside(
    tensor: Tensor, mean: float, std: float, a: float, b: float, generator: Generator | None
) -> Tensor:
    values = tensor.normal_(mean, std, generator=generator)
    while (outside := values.clamp(a, b) != values).any():
        again = empty_like(values).normal_(mean, std, generator=generator)
        values = where(outside, again, values)
    return tensor.copy_(values)


def _reject_from_uniform(
    tensor: Tensor, mean: float, std: float, a: float, b: float, generator: Generator | None
) -> Tensor:
    """Accept uniform candidates with the normal density, for intervals that hold little of it."""
    peak = (max(a, min(mean, b)) - mean) / std
    # Beyond this the density is below exp(-40) of its peak: without the limit, an interval that
    # is nearly all tail would reject forever.
    reach = std * math.sqrt(peak**2 + 80)
    a, b = max(a, mean - reach), min(b, mean + reach)

    def rejected(candidates: Tensor) -> Tensor:
        density = ((candidates - mean) / std) ** 2 * -0.5 + 0.5 * peak**2
        return empty_like(candidates).uniform_(generator=generator).log() > density

    values = tensor.uniform_(a, b, generator=generator)
    pending = rejected(values)
    while pending.any():
        again = empty_like(values).uniform_(a, b, generator=generator)
        values = where(pending, again, values)
        pending = where(pending, rejected(again), pending)
    return tensor.copy_(values)


def _normal_cdf(x: float) -> float:
    return (1.0 + math.erf(x / math.sqrt(2.0))) / 2.0


def _fans(tensor: Tensor) -> tuple[int, int]:
    """The inputs per output and the outputs per input of a weight (out, in, k...)."""
    if tensor.dim() < 2:
        raise ValueError(
            "Fan in and fan out can not be computed for tensor with fewer than 2 dimensions;"
            f" got shape {tuple(tensor.shape)}, use uniform_ or normal_ instead"
        )
    field = math.prod(tensor.shape[2:])
    return tensor.shape[1] * field, tensor.shape[0] * field


def _xavier_std(tensor: Tensor, gain: float) -> float:
    return gain * math.sqrt(2.0 / sum(_fans(tensor)))


def _kaiming_std(tensor: Tensor, a: float, mode: str, nonlinearity: str) -> float:
    fans = dict(zip(("fan_in", "fan_out"), _fans(tensor), strict=True))
    if mode.lower() not in fans:
        raise ValueError(f"Mode {mode} not supported, please use one of {list(fans)}")
    return calculate_gain(nonlinearity, a) / math.sqrt(fans[mode.lower()])


def _orthonormal(matrix: Any) -> Any:
    """The orthonormal factor of a random NumPy matrix, uniformly distributed (Mezzadri, 2007)."""
    import numpy as np

    if matrix.shape[0] < matrix.shape[1]:
        return np.ascontiguousarray(_orthonormal(matrix.T).T)
    q, r = np.linalg.qr(matrix)
    return q * np.sign(np.diagonal(r))


def _check_matrix(tensor: Tensor) -> None:
    if tensor.dim() != 2:
        raise ValueError(f"Only tensors with 2 dimensions are supported, got {tensor.dim()}")


def _is_empty(tensor: Tensor) -> bool:
    if 0 not in tensor.shape:
        return False
    _warn("Initializing zero-element tensors is a no-op")
    return True


def _warn(message: str) -> None:
    import warnings

    warnings.warn(message, stacklevel=3)
