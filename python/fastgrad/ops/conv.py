"""Convolutions, each above its gradient; windows as columns and back.

A convolution is linear in its input and in its weight. From the gradient of its result,
``_input_gradient`` makes that of the input and ``_weight_gradient`` that of the weight. These are
linear in both of their arguments too, and the three functions are each other's gradients. A
transposed convolution is ``_input_gradient`` itself.
"""

from __future__ import annotations

from fastgrad import _core
from fastgrad.autograd.graph import record
from fastgrad.ops.direct import autocast
from fastgrad.ops.reduction import sum as sum_

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias

    from fastgrad._types import Dims, Sizes
    from fastgrad.autograd.graph import Grads, Needs, Saved
    from fastgrad.tensor import Tensor

    # stride, padding, dilation and groups
    Options: TypeAlias = tuple[Dims, Dims, Dims, int]

__all__ = [
    "conv1d",
    "conv2d",
    "conv3d",
    "conv_transpose1d",
    "conv_transpose2d",
    "conv_transpose3d",
]


def _convolution(input: Tensor, weight: Tensor, bias: Tensor | None, options: Options) -> Tensor:
    out = _core.convolution(input, weight, bias, *options)
    if out.requires_grad:
        edges = _core.edges(input, weight, bias)
        record(out, convolution_vjp, edges, (input, weight, options))
    return out


def convolution_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    x, weight, options = saved
    return (
        None if needs[0] is None else _input_gradient(grad, weight, x.shape[2:], options),
        None if needs[1] is None else _weight_gradient(x, grad, weight.shape[2:], options),
        None if needs[2] is None else sum_(grad, (0, *range(2, grad.ndim))),
    )


def _input_gradient(grad: Tensor, weight: Tensor, sizes: Sizes, options: Options) -> Tensor:
    out = _core.convolution_input(grad, weight, sizes, *options)
    if out.requires_grad:
        record(out, input_gradient_vjp, _core.edges(grad, weight), (grad, weight, options))
    return out


def input_gradient_vjp(upstream: Tensor, saved: Saved, needs: Needs) -> Grads:
    grad, weight, options = saved
    return (
        None if needs[0] is None else _convolution(upstream, weight, None, options),
        None if needs[1] is None else _weight_gradient(upstream, grad, weight.shape[2:], options),
    )


def _weight_gradient(x: Tensor, grad: Tensor, kernel: Sizes, options: Options) -> Tensor:
    out = _core.convolution_weight(x, grad, kernel, *options)
    if out.requires_grad:
        record(out, weight_gradient_vjp, _core.edges(x, grad), (x, grad, options))
    return out


def weight_gradient_vjp(upstream: Tensor, saved: Saved, needs: Needs) -> Grads:
    x, grad, options = saved
    return (
        None if needs[0] is None else _input_gradient(grad, upstream, x.shape[2:], options),
        None if needs[1] is None else _convolution(x, upstream, None, options),
    )


@autocast("half")
def conv1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Dims = 1,
    padding: Dims | str = 0,
    dilation: Dims = 1,
    groups: int = 1,
) -> Tensor:
    """:func:`conv2d` over one dimension. Follows ``torch.nn.functional.conv1d``.

    >>> import fastgrad as torch
    >>> x, weight = torch.tensor([[[1.0, 2.0, 4.0]]]), torch.tensor([[[1.0, 1.0]]])
    >>> torch.nn.functional.conv1d(x, weight)
    tensor([[[3., 6.]]])
    """
    return _conv(1, input, weight, bias, stride, padding, dilation, groups)


@autocast("half")
def conv2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Dims = 1,
    padding: Dims | str = 0,
    dilation: Dims = 1,
    groups: int = 1,
) -> Tensor:
    """Sums of products of filters with all windows of images (cross-correlation), plus bias.

    Args:
        input: images of shape (N, channels, H, W), or one of shape (channels, H, W).
        weight: filters of shape (filters, channels / groups, height, width).
        bias: of shape (filters).
        stride: the distance of neighbouring windows, one number or one for each dimension.
        padding: how many zeros are added on each side; 'valid' for none, 'same' for as many as
            keep the size of the image (with stride 1).
        dilation: the distance of neighbouring elements in a window.
        groups: into how many groups channels and filters are divided; each filter sees the
            channels of its group only.

    Raises:
        RuntimeError: shapes, dtypes or options do not fit; says which.

    Follows ``torch.nn.functional.conv2d``.

    >>> import fastgrad as torch
    >>> x, weight = torch.ones(1, 1, 2, 3), torch.ones(1, 1, 2, 2)
    >>> torch.nn.functional.conv2d(x, weight)
    tensor([[[[4., 4.]]]])
    """
    return _conv(2, input, weight, bias, stride, padding, dilation, groups)


@autocast("half")
def conv3d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Dims = 1,
    padding: Dims | str = 0,
    dilation: Dims = 1,
    groups: int = 1,
) -> Tensor:
    """:func:`conv2d` over three dimensions. Follows ``torch.nn.functional.conv3d``.

    >>> import fastgrad as torch
    >>> torch.nn.functional.conv3d(torch.ones(1, 2, 2, 2), torch.ones(1, 1, 2, 2, 2))
    tensor([[[[8.]]]])
    """
    return _conv(3, input, weight, bias, stride, padding, dilation, groups)


def _conv(
    dims: int,
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: Dims,
    padding: Dims | str,
    dilation: Dims,
    groups: int,
) -> Tensor:
    if input.ndim != dims + 2:
        _check_unbatched(f"conv{dims}d", dims, input)
        input = input.unsqueeze(0)
        return _conv(dims, input, weight, bias, stride, padding, dilation, groups).squeeze(0)
    if isinstance(padding, str):
        input, padding = _padded(dims, input, weight, stride, padding, dilation)
    return _convolution(input, weight, bias, (stride, padding, dilation, groups))


def _check_unbatched(op: str, dims: int, input: Tensor) -> None:
    if input.ndim != dims + 1:
        raise RuntimeError(
            f"{op}: Expected {dims + 1}D (unbatched) or {dims + 2}D (batched) input, (channels, "
            f"...) or (batch, channels, ...), but got input of size: {list(input.shape)}"
        )


def _padded(
    dims: int, input: Tensor, weight: Tensor, stride: Dims, padding: str, dilation: Dims
) -> tuple[Tensor, Dims]:
    """What 'same' or 'valid' means: the input, perhaps padded on one side, and the padding."""
    if padding == "valid":
        return input, 0
    if padding != "same":
        raise RuntimeError(
            f"conv{dims}d: Invalid padding string: {padding!r}; use 'same', 'valid' or numbers"
        )
    if any(n != 1 for n in per_dim(stride, dims)):
        raise RuntimeError(
            f"conv{dims}d: padding='same' is not supported for strided convolutions, got stride "
            f"{stride}; give the padding as numbers"
        )
    pairs = zip(per_dim(dilation, dims), weight.shape[2:], strict=False)
    total = [dilated * (size - 1) for dilated, size in pairs]
    if any(n % 2 for n in total):
        from fastgrad.ops.resize import pad

        input = pad(input, [n for odd in reversed(total) for n in (0, odd % 2)])
    return input, tuple(n // 2 for n in total)


def per_dim(value: Dims, dims: int) -> Sizes:
    """One number, or one for each dimension, as one for each."""
    if isinstance(value, int):
        return (value,) * dims
    return tuple(value) * dims if len(value) == 1 else tuple(value)


@autocast("half")
def conv_transpose1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Dims = 1,
    padding: Dims = 0,
    output_padding: Dims = 0,
    groups: int = 1,
    dilation: Dims = 1,
) -> Tensor:
    """:func:`conv_transpose2d` over one dimension.

    Follows ``torch.nn.functional.conv_transpose1d``.

    >>> import fastgrad as torch
    >>> x, weight = torch.tensor([[[1.0, 2.0]]]), torch.tensor([[[1.0, 10.0]]])
    >>> torch.nn.functional.conv_transpose1d(x, weight)
    tensor([[[ 1., 12., 20.]]])
    """
    options = (stride, padding, dilation, groups)
    return _conv_transpose(1, input, weight, bias, options, output_padding)


@autocast("half")
def conv_transpose2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Dims = 1,
    padding: Dims = 0,
    output_padding: Dims = 0,
    groups: int = 1,
    dilation: Dims = 1,
) -> Tensor:
    """What the gradient of a :func:`conv2d` does: each element adds a multiple of a filter.

    Args:
        input: of shape (N, channels, H, W), or (channels, H, W).
        weight: of shape (channels, output channels / groups, height, width).
        bias: of shape (output channels).
        output_padding: how much larger the result is than the smallest that fits; less than
            stride or dilation.

    The other arguments are those of the :func:`conv2d`.

    Raises:
        RuntimeError: shapes, dtypes or options do not fit; says which.

    Follows ``torch.nn.functional.conv_transpose2d``.

    >>> import fastgrad as torch
    >>> x, weight = torch.tensor([[[1.0, 2.0]]]), torch.ones(1, 1, 2, 2)
    >>> torch.nn.functional.conv_transpose2d(x, weight)
    tensor([[[1., 3., 2.],
             [1., 3., 2.]]])
    """
    options = (stride, padding, dilation, groups)
    return _conv_transpose(2, input, weight, bias, options, output_padding)


@autocast("half")
def conv_transpose3d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Dims = 1,
    padding: Dims = 0,
    output_padding: Dims = 0,
    groups: int = 1,
    dilation: Dims = 1,
) -> Tensor:
    """:func:`conv_transpose2d` over three dimensions.

    Follows ``torch.nn.functional.conv_transpose3d``.

    >>> import fastgrad as torch
    >>> torch.nn.functional.conv_transpose3d(torch.ones(1, 1, 1, 2), torch.ones(1, 1, 1, 1, 2))
    tensor([[[[1., 2., 1.]]]])
    """
    options = (stride, padding, dilation, groups)
    return _conv_transpose(3, input, weight, bias, options, output_padding)


def _conv_transpose(
    dims: int,
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    options: Options,
    output_padding: Dims,
) -> Tensor:
    op = f"conv_transpose{dims}d"
    if input.ndim != dims + 2:
        _check_unbatched(op, dims, input)
        input = input.unsqueeze(0)
        return _conv_transpose(dims, input, weight, bias, options, output_padding).squeeze(0)
    sizes = _transposed_sizes(op, dims, input, weight, options, output_padding)
    out = _transposed(dims, input, weight, sizes, options)
    if bias is None:
        return out
    if bias.ndim != 1 or bias.shape[0] != out.shape[1]:
        raise RuntimeError(
            f"{op}: expected a bias of shape [{out.shape[1]}], one number for each output "
            f"channel, got {list(bias.shape)}"
        )
    return out + bias.view(-1, *(1,) * dims)


def _transposed(dims: int, input: Tensor, weight: Tensor, sizes: Sizes, options: Options) -> Tensor:
    stride, padding, dilation = (per_dim(n, dims) for n in options[:3])
    each = zip(input.shape[2:], stride, weight.shape[2:], dilation, strict=True)
    whole = [(n - 1) * step + (k - 1) * d + 1 for n, step, k, d in each]
    if all(n - w + 2 * p < s for n, w, p, s in zip(sizes, whole, padding, stride, strict=True)):
        return _input_gradient(input, weight, sizes, options)
    # A convolution of so large an image would have more windows: cut the result out of all of it.
    from fastgrad.ops.resize import pad

    out = _input_gradient(input, weight, whole, (stride, 0, dilation, options[3]))
    ends = [(-p, n - w + p) for n, w, p in zip(sizes, whole, padding, strict=True)]
    return pad(out, [n for pair in reversed(ends) for n in pair])


def _transposed_sizes(
    op: str, dims: int, input: Tensor, weight: Tensor, options: Options, output_padding: Dims
) -> Sizes:
    """How large a convolution's input was whose result is as large as `input`."""
    rows = [per_dim(n, dims) for n in options[:3]]
    more = per_dim(output_padding, dims)
    if weight.ndim != dims + 2 or any(len(row) != dims for row in (*rows, more)):
        raise RuntimeError(
            f"{op}: expected a {dims + 2}D weight, and one number or {dims} numbers for each of "
            f"stride, padding, output_padding and dilation, got a weight of shape "
            f"{list(weight.shape)} and {options[:3]} with output_padding {output_padding}"
        )
    each = zip(input.shape[2:], weight.shape[2:], *rows, more, strict=True)
    sizes = []
    for n, kernel, stride, padding, dilation, extra in each:
        if not 0 <= extra < max(stride, dilation):
            raise RuntimeError(
                f"{op}: output padding must be smaller than either stride or dilation, but got "
                f"output_padding {output_padding}, stride {options[0]}, dilation {options[2]}"
            )
        sizes.append((n - 1) * stride - 2 * padding + dilation * (kernel - 1) + extra + 1)
    if min(sizes) < 1:
        raise RuntimeError(
            f"{op}: Given input size per channel: {list(input.shape[2:])}. Calculated output size "
            f"per channel: {sizes}. Output size is too small; use less padding"
        )
    return tuple(sizes)


def unfold(
    input: Tensor, kernel_size: Dims, dilation: Dims = 1, padding: Dims = 0, stride: Dims = 1
) -> Tensor:
    """The windows of images as columns, (N, channels * elements of a window, windows).

    Args:
        input: of shape (N, channels, H, W), or (channels, H, W).

    The other arguments are those of :func:`conv2d`.

    Raises:
        RuntimeError: shapes or options do not fit.

    Follows ``torch.nn.functional.unfold``.

    >>> import fastgrad as torch
    >>> torch.nn.functional.unfold(torch.tensor([[[[1, 2, 3]]]]).float(), (1, 2))
    tensor([[[1., 2.],
             [2., 3.]]])
    """
    if input.ndim != 4:
        _check_unbatched("unfold", 2, input)
        return unfold(input.unsqueeze(0), kernel_size, dilation, padding, stride).squeeze(0)
    options = (per_dim(kernel_size, 2), dilation, padding, stride)
    out = _core.im2col(input, *options)
    if out.requires_grad:
        record(out, unfold_vjp, _core.edges(input), (input.shape[2:], *options))
    return out


def unfold_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    return (fold(grad, *saved),)


def fold(
    input: Tensor,
    output_size: Dims,
    kernel_size: Dims,
    dilation: Dims = 1,
    padding: Dims = 0,
    stride: Dims = 1,
) -> Tensor:
    """Images of the sums of columns, where :func:`unfold` would have copied from.

    Args:
        input: columns of shape (N, channels * elements of a window, windows), or without N.
        output_size: height and width of the images.

    Raises:
        RuntimeError: shapes or options do not fit.

    Follows ``torch.nn.functional.fold``.

    >>> import fastgrad as torch
    >>> torch.nn.functional.fold(torch.ones(1, 2, 2), (1, 3), (1, 2))
    tensor([[[[1., 2., 1.]]]])
    """
    if input.ndim == 2:
        batch = input.unsqueeze(0)
        return fold(batch, output_size, kernel_size, dilation, padding, stride).squeeze(0)
    options = (per_dim(kernel_size, 2), dilation, padding, stride)
    out = _core.col2im(input, per_dim(output_size, 2), *options)
    if out.requires_grad:
        record(out, fold_vjp, _core.edges(input), options)
    return out


def fold_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    return (unfold(grad, *saved),)
