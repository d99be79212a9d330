"""Pools of the largest elements, each above its gradient, and the way back."""

from __future__ import annotations

from math import prod

from fastgrad import _core
from fastgrad.autograd.graph import record
from fastgrad.ops.conv import per_dim
from fastgrad.ops.indexing import gather_backward
from fastgrad.ops.scatter import scatter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from fastgrad._types import Dims, Sizes
    from fastgrad.autograd.graph import Grads, Needs, Saved
    from fastgrad.tensor import Tensor


def windows(op: str, dims: int, *options: Dims | None) -> tuple[Sizes, ...]:
    """Numbers for each dimension; no stride means that of the kernel."""
    kernel, *others = (() if n is None else per_dim(n, dims) for n in options)
    if len(kernel) != dims or any(len(n) not in (0, dims) for n in others):
        raise RuntimeError(
            f"{op}: kernel_size, stride, padding and dilation must be a single int, or a tuple of "
            f"{dims} ints, got {options}"
        )
    return kernel, *others


def max_pool1d(
    input: Tensor,
    kernel_size: Dims,
    stride: Dims | None = None,
    padding: Dims = 0,
    dilation: Dims = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """:func:`max_pool2d` over one dimension. Follows ``torch.nn.functional.max_pool1d``.

    >>> import fastgrad as torch
    >>> torch.nn.functional.max_pool1d(torch.tensor([[1.0, 3.0, 2.0, 0.0]]), 2)
    tensor([[3., 2.]])
    """
    options = windows("max_pool1d", 1, kernel_size, stride, padding, dilation)
    return _largest(1, MAX, input, (*options, ceil_mode), return_indices)


def max_pool1d_with_indices(
    input: Tensor,
    kernel_size: Dims,
    stride: Dims | None = None,
    padding: Dims = 0,
    dilation: Dims = 1,
    ceil_mode: bool = False,
    return_indices: bool = True,
) -> tuple[Tensor, Tensor]:
    """:func:`max_pool1d` with the places of the elements, whatever `return_indices` says.

    Follows ``torch.nn.functional.max_pool1d_with_indices``.

    >>> import fastgrad as torch
    >>> torch.nn.functional.max_pool1d_with_indices(torch.arange(4.0).view(1, 1, 4), 4)
    (tensor([[[3.]]]), tensor([[[3]]]))
    """
    out: tuple[Tensor, Tensor] = max_pool1d(
        input, kernel_size, stride, padding, dilation, ceil_mode, True
    )
    return out


def max_pool2d(
    input: Tensor,
    kernel_size: Dims,
    stride: Dims | None = None,
    padding: Dims = 0,
    dilation: Dims = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """The largest element of every window of images; NaN wins.

    Args:
        input: images of shape (N, channels, H, W), or one of shape (channels, H, W).
        kernel_size: the size of the windows, one number or one for each dimension.
        stride: the distance of neighbouring windows, by default the kernel's size.
        padding: how far windows may reach over the border, at most half of the kernel.
        dilation: the distance of neighbouring elements in a window.
        ceil_mode: have windows, too, of which only a part lies inside.
        return_indices: also give the places of the elements in their flattened images.

    Raises:
        RuntimeError: shapes or options do not fit; says which.

    Follows ``torch.nn.functional.max_pool2d``.

    >>> import fastgrad as torch
    >>> torch.nn.functional.max_pool2d(torch.arange(16.0).view(1, 4, 4), 2)
    tensor([[[ 5.,  7.],
             [13., 15.]]])
    """
    options = windows("max_pool2d", 2, kernel_size, stride, padding, dilation)
    return _largest(2, MAX, input, (*options, ceil_mode), return_indices)


def max_pool2d_with_indices(
    input: Tensor,
    kernel_size: Dims,
    stride: Dims | None = None,
    padding: Dims = 0,
    dilation: Dims = 1,
    ceil_mode: bool = False,
    return_indices: bool = True,
) -> tuple[Tensor, Tensor]:
    """:func:`max_pool2d` with the places of the elements, whatever `return_indices` says.

    Follows ``torch.nn.functional.max_pool2d_with_indices``.

    >>> import fastgrad as torch
    >>> torch.nn.functional.max_pool2d_with_indices(torch.arange(4.0).view(1, 2, 2), 2)
    (tensor([[[3.]]]), tensor([[[3]]]))
    """
    out: tuple[Tensor, Tensor] = max_pool2d(
        input, kernel_size, stride, padding, dilation, ceil_mode, True
    )
    return out


def max_pool3d(
    input: Tensor,
    kernel_size: Dims,
    stride: Dims | None = None,
    padding: Dims = 0,
    dilation: Dims = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """:func:`max_pool2d` over three dimensions. Follows ``torch.nn.functional.max_pool3d``.

    >>> import fastgrad as torch
    >>> torch.nn.functional.max_pool3d(torch.arange(8.0).view(1, 2, 2, 2), 2)
    tensor([[[[7.]]]])
    """
    options = windows("max_pool3d", 3, kernel_size, stride, padding, dilation)
    return _largest(3, MAX, input, (*options, ceil_mode), return_indices)


def max_pool3d_with_indices(
    input: Tensor,
    kernel_size: Dims,
    stride: Dims | None = None,
    padding: Dims = 0,
    dilation: Dims = 1,
    ceil_mode: bool = False,
    return_indices: bool = True,
) -> tuple[Tensor, Tensor]:
    """:func:`max_pool3d` with the places of the elements, whatever `return_indices` says.

    Follows ``torch.nn.functional.max_pool3d_with_indices``.

    >>> import fastgrad as torch
    >>> torch.nn.functional.max_pool3d_with_indices(torch.arange(4.0).view(1, 1, 2, 2), (1, 2, 2))
    (tensor([[[[3.]]]]), tensor([[[[3]]]]))
    """
    out: tuple[Tensor, Tensor] = max_pool3d(
        input, kernel_size, stride, padding, dilation, ceil_mode, True
    )
    return out


# A pool, how its places follow from what it says of where its elements are, and its backward.
MAX = (_core.max_pool, _core.max_pool_places, _core.max_pool_backward)
ADAPTIVE = (
    _core.adaptive_max_pool,
    _core.adaptive_max_pool_places,
    _core.adaptive_max_pool_backward,
)


def _largest(
    dims: int, pool: Any, input: Tensor, options: tuple[Any, ...], return_indices: bool
) -> Any:
    out, where = recorded_pool(dims, pool, input, options)
    return (out, pool[1](where, input.shape, *options)) if return_indices else out


def recorded_pool(
    dims: int, pool: Any, input: Tensor, options: tuple[Any, ...]
) -> tuple[Tensor, Tensor]:
    """The largest elements, and what says where they are."""
    out, where = pool[0](input, *options)
    if out.requires_grad:
        saved = (pool, where, input.shape, options, dims)
        record(out, max_pool_vjp, _core.edges(input), saved)
    return out, where


def max_pool_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    (_, places, backward), where, shape, options, dims = saved
    if not _core.is_grad_enabled():
        return (backward(grad, where, shape, *options),)
    lead = shape[: len(shape) - dims]
    index = places(where, shape, *options).flatten(-dims)
    flat = gather_backward(grad.flatten(-dims), (*lead, prod(shape[-dims:])), -1, index)
    return (flat.view(shape),)


def adaptive_max_pool1d(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
    """:func:`adaptive_max_pool2d` over one dimension.

    Follows ``torch.nn.functional.adaptive_max_pool1d``.

    >>> import fastgrad as torch
    >>> torch.nn.functional.adaptive_max_pool1d(torch.tensor([[1.0, 3.0, 2.0]]), 2)
    tensor([[3., 3.]])
    """
    target = adaptive_target("adaptive_max_pool1d", 1, input, output_size)
    return _largest(1, ADAPTIVE, input, (target,), return_indices)


def adaptive_max_pool2d(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
    """The largest element of windows that share an image of any size evenly.

    Args:
        input: images of shape (N, channels, H, W), or one of shape (channels, H, W).
        output_size: how many windows, one number or one for each dimension; None for the image's.
        return_indices: also give the places of the elements in their flattened images.

    Raises:
        RuntimeError: the shape or the number of sizes does not fit.

    Follows ``torch.nn.functional.adaptive_max_pool2d``.

    >>> import fastgrad as torch
    >>> torch.nn.functional.adaptive_max_pool2d(torch.arange(9.0).view(1, 3, 3), (1, 2))
    tensor([[[7., 8.]]])
    """
    target = adaptive_target("adaptive_max_pool2d", 2, input, output_size)
    return _largest(2, ADAPTIVE, input, (target,), return_indices)


def adaptive_max_pool3d(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
    """:func:`adaptive_max_pool2d` over three dimensions.

    Follows ``torch.nn.functional.adaptive_max_pool3d``.

    >>> import fastgrad as torch
    >>> torch.nn.functional.adaptive_max_pool3d(torch.arange(8.0).view(1, 2, 2, 2), 1)
    tensor([[[[7.]]]])
    """
    target = adaptive_target("adaptive_max_pool3d", 3, input, output_size)
    return _largest(3, ADAPTIVE, input, (target,), return_indices)


def adaptive_target(op: str, dims: int, input: Tensor, output_size: Any) -> Sizes:
    """The sizes of the result of an adaptive pool."""
    given = output_size if isinstance(output_size, (tuple, list)) else (output_size,) * dims
    if len(given) != dims or input.ndim not in (dims + 1, dims + 2):
        raise RuntimeError(
            f"{op}: expected an input of shape (batch, channels, ...) or (channels, ...) with "
            f"{dims} more dimensions, and {dims} sizes, got {list(input.shape)} and {output_size}"
        )
    pairs = zip(given, input.shape[-dims:], strict=True)
    return tuple(n if wanted is None else wanted for wanted, n in pairs)


def max_unpool1d(
    input: Tensor,
    indices: Tensor,
    kernel_size: Dims,
    stride: Dims | None = None,
    padding: Dims = 0,
    output_size: Any = None,
) -> Tensor:
    """:func:`max_unpool2d` over one dimension. Follows ``torch.nn.functional.max_unpool1d``.

    >>> import fastgrad as torch
    >>> x, places = torch.tensor([[3.0, 2.0]]), torch.tensor([[1, 2]])
    >>> torch.nn.functional.max_unpool1d(x, places, 2)
    tensor([[0., 3., 2., 0.]])
    """
    return _max_unpool(1, input, indices, (kernel_size, stride, padding), output_size)


def max_unpool2d(
    input: Tensor,
    indices: Tensor,
    kernel_size: Dims,
    stride: Dims | None = None,
    padding: Dims = 0,
    output_size: Any = None,
) -> Tensor:
    """Zeros with the elements put back where :func:`max_pool2d` found them.

    Args:
        indices: the places that the pool gave.
        kernel_size, stride, padding: the pool's.
        output_size: the size of the result, where several fit.

    Raises:
        RuntimeError, ValueError: shapes or sizes do not fit, or a place is outside.

    Follows ``torch.nn.functional.max_unpool2d``.

    >>> import fastgrad as torch
    >>> x, places = torch.tensor([[[5.0]]]), torch.tensor([[[3]]])
    >>> torch.nn.functional.max_unpool2d(x, places, 2)
    tensor([[[0., 0.],
             [0., 5.]]])
    """
    return _max_unpool(2, input, indices, (kernel_size, stride, padding), output_size)


def max_unpool3d(
    input: Tensor,
    indices: Tensor,
    kernel_size: Dims,
    stride: Dims | None = None,
    padding: Dims = 0,
    output_size: Any = None,
) -> Tensor:
    """:func:`max_unpool2d` over three dimensions. Follows ``torch.nn.functional.max_unpool3d``.

    >>> import fastgrad as torch
    >>> x, places = torch.tensor([[[[5.0]]]]), torch.tensor([[[[1]]]])
    >>> torch.nn.functional.max_unpool3d(x, places, (1, 1, 2))
    tensor([[[[0., 5.]]]])
    """
    return _max_unpool(3, input, indices, (kernel_size, stride, padding), output_size)


def _max_unpool(
    dims: int, input: Tensor, indices: Tensor, options: tuple[Any, ...], output_size: Any
) -> Tensor:
    op = f"max_unpool{dims}d"
    if input.ndim not in (dims + 1, dims + 2) or input.shape != indices.shape:
        raise RuntimeError(
            f"{op}: expected an input of {dims + 1} or {dims + 2} dimensions and indices of the "
            f"same shape, got {list(input.shape)} and {list(indices.shape)}"
        )
    kernel, stride, padding = windows(op, dims, *options)
    each = zip(input.shape[-dims:], kernel, stride or kernel, padding, strict=True)
    sizes = [((n - 1) * s - 2 * p + k, s) for n, k, s, p in each]
    if output_size is not None:
        wanted = tuple(output_size)[-dims:]
        if any(not n - s < size < n + s for (n, s), size in zip(sizes, wanted, strict=True)):
            raise ValueError(
                f"{op}: invalid output_size {tuple(output_size)}: each size must be less than the "
                f"stride away from {[n for n, _ in sizes]}"
            )
        sizes = [(size, 1) for size in wanted]
    shape = (*input.shape[:-dims], *(n for n, _ in sizes))
    lead = shape[: len(shape) - dims]
    empty = _core.full_at(input.get_device(), (*lead, prod(shape[-dims:])), 0, input.dtype)
    return scatter(empty, -1, indices.flatten(-dims), input.flatten(-dims)).view(shape)
