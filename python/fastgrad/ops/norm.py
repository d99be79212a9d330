"""Normalization, each above its gradient.

The gradients have fused kernels. A gradient of the gradient takes the same formula written with
differentiable functions, in which the statistics are functions of the input again.
"""

from __future__ import annotations

from fastgrad import _core
from fastgrad.autograd.graph import record
from fastgrad.ops import unary
from fastgrad.ops.direct import autocast
from fastgrad.ops.joining import cat
from fastgrad.ops.reduction import mean
from fastgrad.ops.reduction import sum as sum_
from fastgrad.ops.vector_norm import vector_norm

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from fastgrad._types import Dims, Sizes
    from fastgrad.autograd.graph import Grads, Needs, Saved
    from fastgrad.tensor import Tensor

__all__ = [
    "group_norm",
    "layer_norm",
    "rms_norm",
]


@autocast("float32")
def layer_norm(
    input: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """The input with mean 0 and variance 1 over its last dimensions, times weight, plus bias.

    Args:
        normalized_shape: the sizes of these dimensions, which weight and bias have too.

    Raises:
        RuntimeError: a shape or dtype does not fit.

    Source: J. L. Ba et al., "Layer normalization", arXiv:1607.06450, 2016.
    Follows ``torch.nn.functional.layer_norm``.

    >>> import fastgrad as torch
    >>> torch.nn.functional.layer_norm(torch.tensor([[1.0, 2.0, 3.0]]), (3,))
    tensor([[-1.2247,  0.0000,  1.2247]])
    """
    shape = tuple(normalized_shape)
    out, means, rstd = _core.layer_norm(input, shape, weight, bias, eps)
    if out.requires_grad:
        saved = (input, weight, means, rstd, shape, eps)
        record(out, layer_norm_vjp, _core.edges(input, weight, bias), saved)
    return out


def layer_norm_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    x, weight, means, rstd, shape, eps = saved
    if not _core.is_grad_enabled():
        affine = needs[1] is not None or needs[2] is not None
        return _core.layer_norm_backward(grad, x, shape, weight, means, rstd, affine)
    dims = tuple(range(-len(shape), 0))
    normal, rstd = _normalized(x, dims, eps)
    to_input = _centred_gradient(grad if weight is None else grad * weight, normal, rstd, dims)
    lead = tuple(range(x.ndim - len(shape)))
    return to_input, _summed(grad * normal, lead), _summed(grad, lead)


def _normalized(x: Tensor, dims: Dims, eps: float) -> tuple[Tensor, Tensor]:
    """The input with mean 0 and variance 1 over dimensions, and what its differences were times."""
    centred = x - mean(x, dims, True)
    rstd = unary.rsqrt(mean(centred * centred, dims, True) + eps)
    return centred * rstd, rstd


def _centred_gradient(grad: Tensor, normal: Tensor, rstd: Tensor, dims: Dims) -> Tensor:
    """The gradient of the input of a normalization from that of its result."""
    average, product = mean(grad, dims, True), mean(grad * normal, dims, True)
    return (grad - average - normal * product) * rstd


def _summed(x: Tensor, dims: Sizes) -> Tensor:
    """The sum over dimensions, of which there may be none."""
    return sum_(x, dims) if dims else x


@autocast("float32")
def rms_norm(
    input: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    eps: float | None = None,
) -> Tensor:
    """The input divided by its root mean square over its last dimensions, times weight.

    Args:
        normalized_shape: the sizes of these dimensions, which weight has too.
        eps: added to the mean square; by default the input's machine epsilon.

    Raises:
        RuntimeError: a shape or dtype does not fit.

    Source: B. Zhang, R. Sennrich, "Root mean square layer normalization", NeurIPS 2019.
    Follows ``torch.nn.functional.rms_norm``.

    >>> import fastgrad as torch
    >>> torch.nn.functional.rms_norm(torch.tensor([[1.0, 7.0]]), (2,))
    tensor([[0.2000, 1.4000]])
    """
    shape = tuple(normalized_shape)
    if eps is None:
        eps = 2.0**-52 if input.dtype is _core.float64 else 2.0**-23
    out, rstd = _core.rms_norm(input, shape, weight, eps)
    if out.requires_grad:
        record(out, rms_norm_vjp, _core.edges(input, weight), (input, weight, rstd, shape, eps))
    return out


def rms_norm_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    x, weight, rstd, shape, eps = saved
    if not _core.is_grad_enabled():
        return _core.rms_norm_backward(grad, x, shape, weight, rstd)
    dims = tuple(range(-len(shape), 0))
    rstd = unary.rsqrt(mean(x * x, dims, True) + eps)
    normal = x * rstd
    weighted = grad if weight is None else grad * weight
    to_input = (weighted - normal * mean(weighted * normal, dims, True)) * rstd
    return to_input, _summed(grad * normal, tuple(range(x.ndim - len(shape))))


@autocast("float32")
def group_norm(
    input: Tensor,
    num_groups: int,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """The channels in groups, each with mean 0 and variance 1 in each element of the batch.

    Args:
        input: of shape (N, C, ...), where num_groups divides C.
        weight, bias: what each channel is multiplied by, and added to that, of shape (C).

    Raises:
        RuntimeError: a shape or dtype does not fit.
        ValueError: a group has one element only.

    Source: Y. Wu, K. He, "Group normalization", ECCV 2018.
    Follows ``torch.nn.functional.group_norm``.

    >>> import fastgrad as torch
    >>> torch.nn.functional.group_norm(torch.tensor([[1.0, 3.0, 5.0, 9.0]]), 2)
    tensor([[-1.0000,  1.0000, -1.0000,  1.0000]])
    """
    if input.numel() == num_groups:
        raise ValueError(_too_few("value per channel", input))
    return _group_norm(input, num_groups, weight, bias, eps)


def _too_few(what: str, input: Tensor) -> str:
    return (
        f"Expected more than 1 {what} when training, got input size {input.shape}; "
        "use larger batches (or drop_last=True in the DataLoader), or evaluate with .eval()"
    )


def _group_norm(
    input: Tensor, groups: int, weight: Tensor | None, bias: Tensor | None, eps: float
) -> Tensor:
    out, means, rstd = _core.group_norm(input, groups, weight, bias, eps)
    if out.requires_grad:
        saved = (input, weight, means, rstd, groups, eps)
        record(out, group_norm_vjp, _core.edges(input, weight, bias), saved)
    return out


def group_norm_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    x, weight, means, rstd, groups, eps = saved
    if not _core.is_grad_enabled():
        return _core.group_norm_backward(grad, x, groups, weight, means, rstd)
    rows = (x.shape[0], groups, -1)
    normal, rstd = _normalized(x.reshape(rows), 2, eps)
    weighted = grad if weight is None else grad * _of_channels(weight, x)
    to_input = _centred_gradient(weighted.reshape(rows), normal, rstd, 2).reshape(x.shape)
    dims = _all_but_channels(x)
    return to_input, sum_(grad * normal.reshape(x.shape), dims), sum_(grad, dims)


def _of_channels(numbers: Tensor, x: Tensor) -> Tensor:
    """One number for each channel, so that it broadcasts to (N, C, ...)."""
    return numbers.view((-1,) + (1,) * (x.ndim - 2))


def _all_but_channels(x: Tensor) -> tuple[int, ...]:
    return (0, *range(2, x.ndim))


def batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Each channel with mean 0 and variance 1 over the batch, times weight, plus bias.

    In training the statistics are the batch's, and the running ones, if given, move towards them
    by `momentum`, in place; otherwise the running ones are used.

    Args:
        input: of shape (N, C) or (N, C, ...); all else has shape (C).

    Raises:
        RuntimeError: a shape or dtype does not fit, or running statistics are missing.
        ValueError: in training, a channel has one element only.

    Source: S. Ioffe, C. Szegedy, "Batch normalization", ICML 2015.
    Follows ``torch.nn.functional.batch_norm``.

    >>> import fastgrad as torch
    >>> x = torch.tensor([[1.0, 5.0], [3.0, 9.0]])
    >>> torch.nn.functional.batch_norm(x, None, None, training=True)
    tensor([[-1.0000, -1.0000],
            [ 1.0000,  1.0000]])
    """
    if training and input.ndim > 1 and input.numel() == input.shape[1] > 0:
        raise ValueError(_too_few("value per channel", input))
    return batch_norm_of_any_size(
        input, weight, bias, running_mean, running_var, training, momentum, eps
    )


@autocast("through")
def batch_norm_of_any_size(
    input: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    training: bool,
    momentum: float,
    eps: float,
) -> Tensor:
    """:func:`batch_norm` without the check that a channel has several elements."""
    out, means, rstd = _core.batch_norm(
        input, weight, bias, running_mean, running_var, training, momentum, eps
    )
    if out.requires_grad:
        saved = (input, weight, means, rstd, training, eps)
        record(out, batch_norm_vjp, _core.edges(input, weight, bias), saved)
    return out


def batch_norm_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    x, weight, means, rstd, training, eps = saved
    if not _core.is_grad_enabled():
        return _core.batch_norm_backward(grad, x, weight, means, rstd, training)
    dims = _all_but_channels(x)
    weighted = grad if weight is None else grad * _of_channels(weight, x)
    if training:
        normal, rstd = _normalized(x, dims, eps)
        to_input = _centred_gradient(weighted, normal, rstd, dims)
    else:
        rstd = _of_channels(rstd, x)
        normal = (x - _of_channels(means, x)) * rstd
        to_input = weighted * rstd
    return to_input, sum_(grad * normal, dims), sum_(grad, dims)


def instance_norm(
    input: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Each channel of each element of the batch with mean 0 and variance 1.

    Without `use_input_stats` this is :func:`batch_norm` with the running statistics.

    Args:
        input: of shape (N, C, ...); all else has shape (C).

    Raises:
        RuntimeError: a shape or dtype does not fit, or running statistics are missing.
        ValueError: a channel has one element only.

    Source: D. Ulyanov et al., "Instance normalization", arXiv:1607.08022, 2016.
    Follows ``torch.nn.functional.instance_norm``.

    >>> import fastgrad as torch
    >>> torch.nn.functional.instance_norm(torch.tensor([[[1.0, 3.0], [2.0, 8.0]]]))
    tensor([[[-1.0000,  1.0000],
             [-1.0000,  1.0000]]])
    """
    if use_input_stats and (input.ndim < 3 or _elements_of(input.shape[2:]) == 1):
        raise ValueError(_too_few("spatial element", input))
    return instance_norm_of_any_size(
        input, weight, bias, running_mean, running_var, use_input_stats, momentum, eps
    )


def _elements_of(shape: Sizes) -> int:
    n = 1
    for size in shape:
        n *= size
    return n


@autocast("through")
def instance_norm_of_any_size(
    input: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    use_input_stats: bool,
    momentum: float,
    eps: float,
) -> Tensor:
    """:func:`instance_norm` without the check that a channel has several elements."""
    if not use_input_stats:
        if running_mean is None or running_var is None:
            raise RuntimeError(
                "Expected running_mean and running_var to be defined when use_input_stats is false"
            )
        return batch_norm_of_any_size(
            input, weight, bias, running_mean, running_var, False, momentum, eps
        )
    if input.numel() == 0:
        return input.clone()
    out = _group_norm(input, input.size(1), weight, bias, eps)
    if running_mean is not None and running_var is not None:
        _move_running(input.detach(), running_mean, running_var, momentum)
    return out


def _move_running(
    input: Tensor, running_mean: Tensor, running_var: Tensor, momentum: float
) -> None:
    """The running statistics moved towards the average of those of the batch's elements."""
    dims = tuple(range(2, input.ndim))
    for running, now in (
        (running_mean, mean(input, (0, *dims))),
        (running_var, mean(input.var(dims), 0)),
    ):
        _core.copy_(running, running.detach() * (1 - momentum) + now * momentum)


@autocast("float32")
def normalize(input: Tensor, p: float = 2.0, dim: Dims | None = 1, eps: float = 1e-12) -> Tensor:
    """The input divided by its p-norm along a dimension, or by eps where that is larger.

    Follows ``torch.nn.functional.normalize``.

    >>> import fastgrad as torch
    >>> torch.nn.functional.normalize(torch.tensor([[3.0, 4.0]]))
    tensor([[0.6000, 0.8000]])
    """
    if not input.dtype.is_floating_point:
        raise RuntimeError(
            f"normalize: expected a floating-point tensor, got {input.dtype}; convert with .float()"
        )
    return input / vector_norm(input, p, dim, True).clamp_min(eps)


def local_response_norm(
    input: Tensor, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> Tensor:
    """The input divided by (k + alpha * a)**beta, with a the average square of near channels.

    Args:
        input: of shape (N, C, ...), with three or more dimensions.
        size: how many channels the average is over; beyond the first and last there are zeros.

    Raises:
        ValueError: the input has less than three dimensions.
        RuntimeError: size is not positive.

    Source: A. Krizhevsky et al., "ImageNet classification with deep convolutional neural
    networks", NeurIPS 2012. Follows ``torch.nn.functional.local_response_norm``.

    >>> import fastgrad as torch
    >>> torch.nn.functional.local_response_norm(torch.ones(1, 2, 1), 2, alpha=2.0, beta=1.0)
    tensor([[[0.5000],
             [0.3333]]])
    """
    if input.ndim < 3:
        raise ValueError(
            f"Expected 3D or higher dimensionality input (got {input.ndim} dimensions)"
        )
    if input.numel() == 0:
        return input
    if size <= 0:
        raise RuntimeError(f"local_response_norm: size should be greater than zero, but got {size}")
    square = input * input
    before, after = ((*input.shape[:1], n, *input.shape[2:]) for n in (size // 2, (size - 1) // 2))
    padded = cat(
        [
            _core.full_at(square.get_device(), before, 0, square.dtype),
            square,
            _core.full_at(square.get_device(), after, 0, square.dtype),
        ],
        1,
    )
    total = padded.narrow(1, 0, input.shape[1])
    for i in range(1, size):
        total = total + padded.narrow(1, i, input.shape[1])
    return input / (total * (alpha / size) + k) ** beta
