"""Pools of averages and of norms, each above its gradient."""

from __future__ import annotations

from math import inf, prod

from fastgrad import _core
from fastgrad.autograd.graph import record
from fastgrad.ops import unary
from fastgrad.ops.conv import per_dim
from fastgrad.ops.pool import adaptive_target, max_pool1d, max_pool2d, max_pool3d, windows
from fastgrad.ops.reduction import mean

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from fastgrad._types import Dims, Sizes
    from fastgrad.autograd.graph import Grads, Needs, Saved
    from fastgrad.tensor import Tensor


def avg_pool1d(
    input: Tensor,
    kernel_size: Dims,
    stride: Dims | None = None,
    padding: Dims = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Tensor:
    """:func:`avg_pool2d` over one dimension. Follows ``torch.nn.functional.avg_pool1d``.

    >>> import fastgrad as torch
    >>> torch.nn.functional.avg_pool1d(torch.tensor([[1.0, 3.0, 2.0, 0.0]]), 2)
    tensor([[2., 1.]])
    """
    options = windows("avg_pool1d", 1, kernel_size, stride, padding)
    return _avg_pool(input, (*options, ceil_mode, count_include_pad, None))


def avg_pool2d(
    input: Tensor,
    kernel_size: Dims,
    stride: Dims | None = None,
    padding: Dims = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """The average of every window of images.

    Args:
        input: images of shape (N, channels, H, W), or one of shape (channels, H, W).
        kernel_size: the size of the windows, one number or one for each dimension.
        stride: the distance of neighbouring windows, by default the kernel's size.
        padding: how many zeros are added on each side, at most half of the kernel.
        ceil_mode: have windows, too, of which only a part lies inside.
        count_include_pad: count these zeros as elements.
        divisor_override: divide the sums by this instead of by the number of elements.

    Raises:
        RuntimeError: shapes or options do not fit; says which.

    Follows ``torch.nn.functional.avg_pool2d``.

    >>> import fastgrad as torch
    >>> torch.nn.functional.avg_pool2d(torch.arange(4.0).view(1, 2, 2), 2)
    tensor([[[1.5000]]])
    """
    options = windows("avg_pool2d", 2, kernel_size, stride, padding)
    return _avg_pool(input, (*options, ceil_mode, count_include_pad, divisor_override))


def avg_pool3d(
    input: Tensor,
    kernel_size: Dims,
    stride: Dims | None = None,
    padding: Dims = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """:func:`avg_pool2d` over three dimensions. Follows ``torch.nn.functional.avg_pool3d``.

    >>> import fastgrad as torch
    >>> torch.nn.functional.avg_pool3d(torch.arange(8.0).view(1, 2, 2, 2), 2)
    tensor([[[[3.5000]]]])
    """
    options = windows("avg_pool3d", 3, kernel_size, stride, padding)
    return _avg_pool(input, (*options, ceil_mode, count_include_pad, divisor_override))


def _avg_pool(input: Tensor, options: tuple[Any, ...]) -> Tensor:
    out = _core.avg_pool(input, *options)
    if out.requires_grad:
        record(out, avg_pool_vjp, _core.edges(input), (input.shape, options))
    return out


def avg_pool_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    shape, options = saved
    out = _core.avg_pool_backward(grad, shape, *options)
    if out.requires_grad:
        record(out, avg_pool_backward_vjp, _core.edges(grad), options)
    return (out,)


def avg_pool_backward_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    return (_avg_pool(grad, saved),)


def adaptive_avg_pool1d(input: Tensor, output_size: Any) -> Tensor:
    """:func:`adaptive_avg_pool2d` over one dimension.

    Follows ``torch.nn.functional.adaptive_avg_pool1d``.

    >>> import fastgrad as torch
    >>> torch.nn.functional.adaptive_avg_pool1d(torch.tensor([[1.0, 3.0, 2.0]]), 2)
    tensor([[2.0000, 2.5000]])
    """
    return _adaptive_avg_pool(input, adaptive_target("adaptive_avg_pool1d", 1, input, output_size))


def adaptive_avg_pool2d(input: Tensor, output_size: Any) -> Tensor:
    """The average of windows that share an image of any size evenly.

    Arguments and errors are those of :func:`adaptive_max_pool2d`.
    Follows ``torch.nn.functional.adaptive_avg_pool2d``.

    >>> import fastgrad as torch
    >>> torch.nn.functional.adaptive_avg_pool2d(torch.arange(9.0).view(1, 3, 3), 1)
    tensor([[[4.]]])
    """
    return _adaptive_avg_pool(input, adaptive_target("adaptive_avg_pool2d", 2, input, output_size))


def adaptive_avg_pool3d(input: Tensor, output_size: Any) -> Tensor:
    """:func:`adaptive_avg_pool2d` over three dimensions.

    Follows ``torch.nn.functional.adaptive_avg_pool3d``.

    >>> import fastgrad as torch
    >>> torch.nn.functional.adaptive_avg_pool3d(torch.arange(8.0).view(1, 2, 2, 2), 1)
    tensor([[[[3.5000]]]])
    """
    return _adaptive_avg_pool(input, adaptive_target("adaptive_avg_pool3d", 3, input, output_size))


def _adaptive_avg_pool(input: Tensor, sizes: Sizes) -> Tensor:
    if all(n == 1 for n in sizes) and input.dtype.is_floating_point and input.numel():
        return mean(input, tuple(range(-len(sizes), 0)), True)  # one window is all of the image
    out = _core.adaptive_avg_pool(input, sizes)
    if out.requires_grad:
        record(out, adaptive_avg_pool_vjp, _core.edges(input), (input.shape, sizes))
    return out


def adaptive_avg_pool_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    shape, sizes = saved
    out = _core.adaptive_avg_pool_backward(grad, shape, sizes)
    if out.requires_grad:
        record(out, adaptive_avg_pool_backward_vjp, _core.edges(grad), (sizes,))
    return (out,)


def adaptive_avg_pool_backward_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    return (_adaptive_avg_pool(grad, saved[0]),)


def lp_pool1d(
    input: Tensor,
    norm_type: float,
    kernel_size: int,
    stride: int | None = None,
    ceil_mode: bool = False,
) -> Tensor:
    """:func:`lp_pool2d` over one dimension. Follows ``torch.nn.functional.lp_pool1d``.

    >>> import fastgrad as torch
    >>> torch.nn.functional.lp_pool1d(torch.tensor([[3.0, 4.0]]), 2, 2)
    tensor([[5.]])
    """
    pools = (max_pool1d, avg_pool1d)
    return _lp_pool(1, pools, input, norm_type, kernel_size, stride, ceil_mode)


def lp_pool2d(
    input: Tensor,
    norm_type: float,
    kernel_size: Dims,
    stride: Dims | None = None,
    ceil_mode: bool = False,
) -> Tensor:
    """(sum of x**p)**(1/p) of every window of images, with p = norm_type, which may be infinite.

    The other arguments, and errors, are those of :func:`avg_pool2d`.
    Follows ``torch.nn.functional.lp_pool2d``.

    >>> import fastgrad as torch
    >>> torch.nn.functional.lp_pool2d(torch.tensor([[[3.0, 4.0]]]), 2, (1, 2))
    tensor([[[5.]]])
    """
    pools = (max_pool2d, avg_pool2d)
    return _lp_pool(2, pools, input, norm_type, kernel_size, stride, ceil_mode)


def lp_pool3d(
    input: Tensor,
    norm_type: float,
    kernel_size: Dims,
    stride: Dims | None = None,
    ceil_mode: bool = False,
) -> Tensor:
    """:func:`lp_pool2d` over three dimensions. Follows ``torch.nn.functional.lp_pool3d``.

    >>> import fastgrad as torch
    >>> torch.nn.functional.lp_pool3d(torch.tensor([[[[3.0, 4.0]]]]), 2, (1, 1, 2))
    tensor([[[[5.]]]])
    """
    pools = (max_pool3d, avg_pool3d)
    return _lp_pool(3, pools, input, norm_type, kernel_size, stride, ceil_mode)


def _lp_pool(
    dims: int,
    pools: tuple[Any, Any],
    input: Tensor,
    norm_type: float,
    kernel_size: Dims,
    stride: Dims | None,
    ceil_mode: bool,
) -> Tensor:
    largest, average = pools
    if norm_type in (inf, -inf):
        return _extreme(largest, input, norm_type, kernel_size, stride, ceil_mode)
    kernel = per_dim(kernel_size, dims)
    averages: Tensor = average(input**norm_type, kernel, stride, 0, ceil_mode)
    return (averages * prod(kernel)) ** (1.0 / norm_type)


def _extreme(
    max_pool: Any, input: Tensor, norm_type: float, kernel: Dims, stride: Dims | None, ceil: bool
) -> Tensor:
    """The largest or the smallest size of the elements of every window."""
    sign = 1 if norm_type > 0 else -1
    largest: Tensor = max_pool(sign * unary.abs(input), kernel, stride, 0, 1, ceil)
    return sign * largest
