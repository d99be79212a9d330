"""Batch and instance normalization, which keep running statistics."""

from __future__ import annotations

from ... import empty, int64, ones, tensor, zeros
from .. import functional as F
from .. import init
from ..module import Module
from ..parameter import Parameter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections import OrderedDict
    from typing import Any, ClassVar

    from ... import Tensor

__all__ = [
    "BatchNorm1d",
    "BatchNorm2d",
    "BatchNorm3d",
    "InstanceNorm1d",
    "InstanceNorm2d",
    "InstanceNorm3d",
]


class _Norm(Module):
    _version = 2
    _ranks: ClassVar[tuple[int, ...]]  # the numbers of dimensions that an input can have
    _has_unbatched_form: ClassVar[bool] = False  # the first of them, then
    weight: Parameter | None
    bias: Parameter | None
    running_mean: Tensor | None
    running_var: Tensor | None
    num_batches_tracked: Tensor | None

    def _set_up(
        self, num_features: int, eps: float, momentum: float | None, affine: bool, tracked: bool
    ) -> None:
        self.num_features = num_features
        self.eps = eps
        self.momentum = momentum
        self.affine = affine
        self.track_running_stats = tracked

    def _make_members(self, bias: bool, device: Any, dtype: Any) -> None:
        """Make the weight, the bias and the running statistics, or None for what is not wanted."""
        n, options = self.num_features, {"device": device, "dtype": dtype}
        for name, wanted in (("weight", self.affine), ("bias", self.affine and bias)):
            self.register_parameter(name, Parameter(empty(n, **options)) if wanted else None)
        tracked = self.track_running_stats
        self.register_buffer("running_mean", zeros(n, **options) if tracked else None)
        self.register_buffer("running_var", ones(n, **options) if tracked else None)
        count = tensor(0, dtype=int64, device=device) if tracked else None
        self.register_buffer("num_batches_tracked", count)
        self.reset_parameters()

    def reset_running_stats(self) -> None:
        """Set the running mean to 0, the running variance to 1 and the count of batches to 0."""
        if self.running_mean is not None:
            self.running_mean.zero_()
        if self.running_var is not None:
            self.running_var.fill_(1)
        if self.num_batches_tracked is not None:
            self.num_batches_tracked.zero_()

    def reset_parameters(self) -> None:
        """Reset the running statistics, the weight to 1 and the bias to 0."""
        self.reset_running_stats()
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)

    def _check_rank(self, input: Tensor) -> None:
        if input.ndim not in self._ranks:
            wanted = " or ".join(f"{rank}D" for rank in self._ranks)
            raise ValueError(f"expected {wanted} input (got {input.ndim}D input)")

    def _complete_state(
        self, state: OrderedDict[str, Any], prefix: str, version: int | None
    ) -> None:
        # State dicts of version 1, which is where none is given, do not count the batches.
        if self.num_batches_tracked is not None and (version is None or version < self._version):
            state.setdefault(prefix + "num_batches_tracked", self.num_batches_tracked)

    def extra_repr(self) -> str:
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine},"
            f" bias={self.bias is not None}, track_running_stats={self.track_running_stats}"
        )


class _BatchNorm(_Norm):
    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self._set_up(num_features, eps, momentum, affine, track_running_stats)
        self._make_members(bias, device, dtype)

    def forward(self, input: Tensor) -> Tensor:
        """Normalize an input (N, num_features, ...); in training, move the running statistics."""
        self._check_rank(input)
        self._check_channels(input)
        mean, variance = self.running_mean, self.running_var
        if not self.training:
            return self._normalize(input, mean, variance, mean is None and variance is None, 0.0)
        if not self.track_running_stats:
            return self._normalize(input, None, None, True, 0.0)
        return self._normalize(input, mean, variance, True, self._share())

    def _check_channels(self, input: Tensor) -> None:
        found, expected = input.shape[1], self.num_features
        if found != expected and (self.affine or self.running_mean is not None):
            raise RuntimeError(
                f"running_mean should contain {found} elements not {expected}: expected an input"
                f" with {expected} channels (num_features), got shape {list(input.shape)}"
            )

    def _normalize(
        self,
        input: Tensor,
        mean: Tensor | None,
        variance: Tensor | None,
        of_batch: bool,
        share: float,
    ) -> Tensor:
        return F.batch_norm(
            input, mean, variance, self.weight, self.bias, of_batch, share, self.eps
        )

    def _share(self) -> float:
        """Count the batch: how much it counts in the running statistics."""
        count = self.num_batches_tracked
        if count is not None:
            count.add_(1)
            if self.momentum is None:
                return 1.0 / int(count.item())
        return self.momentum or 0.0


class BatchNorm1d(_BatchNorm):
    """Gives each feature mean 0 and variance 1 over the batch; arguments as :class:`BatchNorm2d`.

    Shapes: input (N, C) or (N, C, L), output the same.

    Follows torch.nn.BatchNorm1d.

    >>> import fastgrad as torch
    >>> torch.nn.BatchNorm1d(2)(torch.tensor([[1.0, 5.0], [3.0, 9.0]])).detach()
    tensor([[-1.0000, -1.0000],
            [ 1.0000,  1.0000]])
    """

    _ranks = (2, 3)


class BatchNorm2d(_BatchNorm):
    """Gives each channel mean 0 and variance 1 over the batch, times weight, plus bias.

    In training the statistics are those of the batch; running ones follow them and are used in
    evaluation.

    Args:
        num_features: the number C of channels.
        eps: added to the variance.
        momentum: how much each batch counts in the running statistics; None for the average of
            all batches.
        affine: whether there are weight and bias.
        track_running_stats: whether there are running statistics; without, those of the batch
            are used in evaluation too.
        device, dtype: of all members.
        bias: whether there is a bias besides the weight.

    Shapes: input (N, C, H, W), output the same; all members (C,).

    Raises:
        ValueError: the input has another number of dimensions, or in training a channel has only
            one element.
        RuntimeError: the number of channels or the dtype does not fit.

    Source: S. Ioffe, C. Szegedy, "Batch normalization", ICML 2015. Follows torch.nn.BatchNorm2d.

    >>> import fastgrad as torch
    >>> layer = torch.nn.BatchNorm2d(3)
    >>> layer(torch.randn(20, 3, 5, 5)).shape
    torch.Size([20, 3, 5, 5])
    >>> sorted(layer.state_dict())
    ['bias', 'num_batches_tracked', 'running_mean', 'running_var', 'weight']
    """

    _ranks = (4,)


class BatchNorm3d(_BatchNorm):
    """Gives each channel mean 0 and variance 1 over the batch; arguments as :class:`BatchNorm2d`.

    Shapes: input (N, C, D, H, W), output the same.

    Follows torch.nn.BatchNorm3d.

    >>> import fastgrad as torch
    >>> torch.nn.BatchNorm3d(3)(torch.randn(2, 3, 4, 5, 6)).shape
    torch.Size([2, 3, 4, 5, 6])
    """

    _ranks = (5,)


class _InstanceNorm(_Norm):
    _has_unbatched_form = True

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self._set_up(num_features, eps, momentum, affine, track_running_stats)
        self._make_members(bias, device, dtype)

    def forward(self, input: Tensor) -> Tensor:
        """Normalize an input (N, num_features, ...) or (num_features, ...)."""
        self._check_rank(input)
        channels = input.ndim - self._ranks[0]
        self._check_features(channels, input.shape[channels])
        batch = input if channels else input.unsqueeze(0)
        out = F.instance_norm(
            batch,
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            self.training or not self.track_running_stats,
            self.momentum or 0.0,
            self.eps,
        )
        return out if channels else out.squeeze(0)

    def _check_features(self, dim: int, found: int) -> None:
        if found == self.num_features:
            return
        if self.affine:
            raise ValueError(
                f"expected input's size at dim={dim} to match num_features"
                f" ({self.num_features}), but got: {found}."
            )
        from warnings import warn

        warn(
            f"input's size at dim={dim} does not match num_features. You can silence this warning"
            " by not passing in num_features, which is not used because affine=False",
            stacklevel=4,
        )


class InstanceNorm1d(_InstanceNorm):
    """Gives each channel of each sequence mean 0 and variance 1; see :class:`InstanceNorm2d`.

    Shapes: input (N, C, L) or (C, L), output the same.

    Follows torch.nn.InstanceNorm1d.

    >>> import fastgrad as torch
    >>> torch.nn.InstanceNorm1d(2)(torch.tensor([[1.0, 3.0], [2.0, 8.0]]))
    tensor([[-1.0000,  1.0000],
            [-1.0000,  1.0000]])
    """

    _ranks = (2, 3)


class InstanceNorm2d(_InstanceNorm):
    """Gives each channel of each image mean 0 and variance 1.

    Args:
        num_features: the number C of channels.
        eps: added to the variance.
        momentum: how much each batch counts in the running statistics.
        affine: whether there are a weight and a bias for each channel.
        track_running_stats: whether there are running statistics, which are used in evaluation.
        device, dtype: of all members.
        bias: whether there is a bias besides the weight.

    Shapes: input (N, C, H, W) or (C, H, W), output the same.

    Raises:
        ValueError: the input has another number of dimensions or channels.

    Source: D. Ulyanov et al., "Instance normalization", arXiv:1607.08022, 2016.
    Follows torch.nn.InstanceNorm2d.

    >>> import fastgrad as torch
    >>> torch.nn.InstanceNorm2d(100)(torch.randn(2, 100, 5, 4)).shape
    torch.Size([2, 100, 5, 4])
    """

    _ranks = (3, 4)


class InstanceNorm3d(_InstanceNorm):
    """Gives each channel of each volume mean 0 and variance 1; see :class:`InstanceNorm2d`.

    Shapes: input (N, C, D, H, W) or (C, D, H, W), output the same.

    Follows torch.nn.InstanceNorm3d.

    >>> import fastgrad as torch
    >>> torch.nn.InstanceNorm3d(2, affine=True)(torch.randn(1, 2, 3, 4, 5)).shape
    torch.Size([1, 2, 3, 4, 5])
    """

    _ranks = (4, 5)
