"""Batch normalization over the batches of all processes."""

from __future__ import annotations

from ... import tensor
from ...autograd.function import Function
from ..module import Module
from .batch_norm import _BatchNorm

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ... import Tensor
    from ...distributed import ProcessGroup

__all__ = ["SyncBatchNorm"]


class _SumOverRanks(Function):
    """A sum over all ranks, whose gradient is the sum of the ranks' gradients."""

    @staticmethod
    def forward(ctx: Any, input: Tensor, group: ProcessGroup) -> Tensor:
        from fastgrad.distributed import all_reduce

        ctx.group = group
        total = input.detach().clone()
        all_reduce(total, group=group)
        return total

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        return _SumOverRanks.apply(grad, ctx.group), None


class SyncBatchNorm(_BatchNorm):
    """Batch normalization whose mean and variance in training are those of all ranks' batches.

    In evaluation, and without a process group of several ranks, it is BatchNorm.

    Args:
        num_features: channels of the input (N, C, ...).
        eps, momentum, affine, track_running_stats: as in BatchNorm2d.
        process_group: the ranks; all by default.

    Follows ``torch.nn.SyncBatchNorm``, whose ranks must have GPUs.

    >>> import fastgrad as torch
    >>> net = torch.nn.Sequential(torch.nn.Conv2d(1, 4, 3), torch.nn.BatchNorm2d(4))
    >>> torch.nn.SyncBatchNorm.convert_sync_batchnorm(net)[1].num_features
    4
    """

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        process_group: ProcessGroup | None = None,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype)
        self.process_group = process_group

    def _check_rank(self, input: Tensor) -> None:
        if input.ndim < 2:
            raise ValueError(f"expected at least 2D input (got {input.ndim}D input)")

    def _normalize(
        self,
        input: Tensor,
        mean: Tensor | None,
        variance: Tensor | None,
        of_batch: bool,
        share: float,
    ) -> Tensor:
        group = self._group() if of_batch and self.training else None
        if group is None:
            return super()._normalize(input, mean, variance, of_batch, share)
        dims = [0, *range(2, input.ndim)]
        shape = (-1,) + (1,) * (input.ndim - 2)
        own = tensor([input.numel() / input.shape[1]], dtype=input.dtype)
        count = _SumOverRanks.apply(own, group)
        center = _SumOverRanks.apply(input.sum(dims), group) / count
        centred = input - center.view(shape)
        spread = _SumOverRanks.apply((centred * centred).sum(dims), group) / count
        if mean is not None and variance is not None:
            unbiased = spread.detach() * (count / (count - 1))
            for running, now in ((mean, center.detach()), (variance, unbiased)):
                running.copy_(running * (1 - share) + now * share)
        normal = centred * (spread + self.eps).rsqrt().view(shape)
        if self.weight is not None:
            normal = normal * self.weight.view(shape)
        result: Tensor = normal if self.bias is None else normal + self.bias.view(shape)
        return result

    def _group(self) -> ProcessGroup | None:
        """The group to go by; None where this process is alone."""
        from fastgrad import distributed

        if not distributed.is_initialized():
            return None
        group = distributed.group.resolve(self.process_group)
        return group if group.size() > 1 else None

    @classmethod
    def convert_sync_batchnorm(
        cls, module: Module, process_group: ProcessGroup | None = None
    ) -> Module:
        """The module with a SyncBatchNorm, of the same weights, for each BatchNorm in it."""
        result = module
        if isinstance(module, _BatchNorm) and not isinstance(module, SyncBatchNorm):
            result = cls(
                module.num_features,
                module.eps,
                module.momentum,
                module.affine,
                module.track_running_stats,
                process_group,
            )
            for name in ("weight", "bias"):
                setattr(result, name, getattr(module, name))
            for name in ("running_mean", "running_var", "num_batches_tracked"):
                setattr(result, name, getattr(module, name))
            result.training = module.training
        for name, child in module.named_children():
            result.add_module(name, cls.convert_sync_batchnorm(child, process_group))
        return result
