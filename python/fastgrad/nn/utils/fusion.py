"""Batch normalization worked into the layer before it."""

from __future__ import annotations

from copy import deepcopy

from ... import ones_like, rsqrt, zeros_like
from ..parameter import Parameter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ... import Tensor


def fuse_conv_bn_eval(conv: Any, bn: Any, transpose: bool = False) -> Any:
    """A convolution that does what `conv` and then `bn` do in evaluation.

    Args:
        conv: a convolution.
        bn: the batch normalization of its output.
        transpose: whether `conv` is a transposed one.

    Raises:
        AssertionError: one of both is in training mode, or `bn` has no running statistics.

    Follows torch.nn.utils.fusion.fuse_conv_bn_eval.

    >>> import fastgrad as torch
    >>> from fastgrad.nn.utils.fusion import fuse_conv_bn_eval
    >>> net = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.BatchNorm2d(2)).eval()
    >>> x = torch.ones(1, 1, 4, 4)
    >>> torch.allclose(fuse_conv_bn_eval(*net)(x), net(x), atol=1e-6)
    True
    """
    _check_modes(conv, bn)
    fused = deepcopy(conv)
    fused.weight, fused.bias = fuse_conv_bn_weights(
        fused.weight,
        fused.bias,
        bn.running_mean,
        bn.running_var,
        bn.eps,
        bn.weight,
        bn.bias,
        transpose,
    )
    return fused


def fuse_linear_bn_eval(linear: Any, bn: Any) -> Any:
    """A linear layer that does what `linear` and then `bn` do in evaluation.

    Raises:
        AssertionError: one of both is in training mode, or `bn` has no running statistics.

    Follows torch.nn.utils.fusion.fuse_linear_bn_eval.

    >>> import fastgrad as torch
    >>> from fastgrad.nn.utils.fusion import fuse_linear_bn_eval
    >>> net = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.BatchNorm1d(3)).eval()
    >>> torch.allclose(fuse_linear_bn_eval(*net)(torch.ones(1, 2)), net(torch.ones(1, 2)))
    True
    """
    return fuse_conv_bn_eval(linear, bn)


def _check_modes(layer: Any, bn: Any) -> None:
    if layer.training or bn.training:
        raise AssertionError("Fusion only for eval! Call .eval() on both modules first")
    if bn.running_mean is None or bn.running_var is None:
        raise AssertionError("fusion needs the running statistics of the batch normalization")


def fuse_conv_bn_weights(
    conv_w: Tensor,
    conv_b: Tensor | None,
    bn_rm: Tensor,
    bn_rv: Tensor,
    bn_eps: float,
    bn_w: Tensor | None,
    bn_b: Tensor | None,
    transpose: bool = False,
) -> tuple[Parameter, Parameter]:
    """Weight and bias of a layer with the batch normalization after it worked in.

    Follows torch.nn.utils.fusion.fuse_conv_bn_weights.

    >>> import fastgrad as torch
    >>> from fastgrad.nn.utils.fusion import fuse_conv_bn_weights
    >>> one = torch.ones(1)
    >>> weight, bias = fuse_conv_bn_weights(one.view(1, 1, 1), None, one, one * 4, 0.0, one, one)
    >>> weight.item(), bias.item()
    (0.5, 0.5)
    """
    shift = zeros_like(bn_rm) if conv_b is None else conv_b
    factor = (ones_like(bn_rm) if bn_w is None else bn_w) * rsqrt(bn_rv + bn_eps)
    shape = [1] * conv_w.ndim
    shape[1 if transpose else 0] = -1
    weight = conv_w * factor.reshape(shape)
    bias = (shift - bn_rm) * factor + (zeros_like(bn_rm) if bn_b is None else bn_b)
    return Parameter(weight.detach()), Parameter(bias.detach())
