"""Layers that learn the size of their input from the first one."""

from __future__ import annotations

from ... import Tensor, int64, tensor
from .._context import NAMED_ERRORS, add_place
from ..module import Module
from ..parameter import UninitializedBuffer, UninitializedParameter
from .batch_norm import (
    BatchNorm1d,
    BatchNorm2d,
    BatchNorm3d,
    InstanceNorm1d,
    InstanceNorm2d,
    InstanceNorm3d,
)
from .conv import Conv1d, Conv2d, Conv3d, ConvTranspose1d, ConvTranspose2d, ConvTranspose3d
from .linear import Linear

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, ClassVar

__all__ = [
    "LazyBatchNorm1d",
    "LazyBatchNorm2d",
    "LazyBatchNorm3d",
    "LazyConv1d",
    "LazyConv2d",
    "LazyConv3d",
    "LazyConvTranspose1d",
    "LazyConvTranspose2d",
    "LazyConvTranspose3d",
    "LazyInstanceNorm1d",
    "LazyInstanceNorm2d",
    "LazyInstanceNorm3d",
    "LazyLinear",
]


class _Lazy(Module):
    """Makes the members at the first call, and the module then one of its ordinary class."""

    cls_to_become: ClassVar[type[Module]]

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        try:
            self.initialize_parameters(*args, **kwargs)
        except NAMED_ERRORS as error:
            add_place(error, self)
            raise
        self.__class__ = self.cls_to_become  # type: ignore[assignment]
        return self(*args, **kwargs)

    def has_uninitialized_params(self) -> bool:
        """Whether a parameter or buffer has no shape yet."""
        kinds = (UninitializedParameter, UninitializedBuffer)
        members = (*self._parameters.values(), *self._buffers.values())
        return any(isinstance(member, kinds) for member in members)

    def initialize_parameters(self, input: Tensor) -> None:
        """Give the members the shapes that fit this input, and draw them."""
        missing = self.has_uninitialized_params()
        self._learn_size(input)
        if missing:
            self._materialize()
            self.reset_parameters()

    def _learn_size(self, input: Tensor) -> None:
        raise NotImplementedError

    def _materialize(self) -> None:
        raise NotImplementedError

    def reset_parameters(self) -> None:
        """Draw the parameters anew, once they have shapes."""
        if not self.has_uninitialized_params():
            super().reset_parameters()  # type: ignore[misc]


class LazyLinear(_Lazy, Linear):
    """A :class:`Linear` that takes `in_features` from its first input.

    Args:
        out_features: the size of the output's last dimension.
        bias: whether there is a bias.
        device, dtype: of the parameters.

    Follows torch.nn.LazyLinear.

    >>> import fastgrad as torch
    >>> layer = torch.nn.LazyLinear(10)
    >>> layer(torch.ones(2, 3)).shape
    torch.Size([2, 10])
    >>> layer
    Linear(in_features=3, out_features=10, bias=True)
    """

    cls_to_become = Linear

    def __init__(
        self, out_features: int, bias: bool = True, device: Any = None, dtype: Any = None
    ) -> None:
        Module.__init__(self)
        self.in_features = 0
        self.out_features = out_features
        self.weight = UninitializedParameter(device=device, dtype=dtype)
        self.register_parameter(
            "bias", UninitializedParameter(device=device, dtype=dtype) if bias else None
        )

    def _learn_size(self, input: Tensor) -> None:
        self.in_features = input.shape[-1]

    def _materialize(self) -> None:
        self.weight.materialize((self.out_features, self.in_features))  # type: ignore[attr-defined]
        if self.bias is not None:
            self.bias.materialize((self.out_features,))  # type: ignore[attr-defined]


class _LazyConv(_Lazy):
    def __init__(self, out_channels: int, kernel_size: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(0, out_channels, kernel_size, *args, **kwargs)  # type: ignore[call-arg]

    def _make_parameters(self, bias: bool, device: Any, dtype: Any) -> None:
        for name, wanted in (("weight", True), ("bias", bias)):
            made = UninitializedParameter(device=device, dtype=dtype) if wanted else None
            self.register_parameter(name, made)

    def _learn_size(self: Any, input: Tensor) -> None:
        dims = self._dims
        if input.ndim not in (dims + 1, dims + 2):
            raise RuntimeError(
                f"Expected {dims + 1}D (unbatched) or {dims + 2}D (batched) input to"
                f" {type(self).__name__}, but got input of size: {list(input.shape)}"
            )
        self.in_channels = input.shape[input.ndim - dims - 1]
        self._check_groups()

    def _materialize(self: Any) -> None:
        self.weight.materialize(self._weight_shape())
        if self.bias is not None:
            self.bias.materialize((self.out_channels,))


class LazyConv1d(_LazyConv, Conv1d):
    """A :class:`Conv1d` that takes `in_channels` from its first input.

    The other arguments are those of :class:`Conv1d`.

    Follows torch.nn.LazyConv1d.

    >>> import fastgrad as torch
    >>> layer = torch.nn.LazyConv1d(4, 2)
    >>> _ = layer(torch.ones(1, 3, 5))
    >>> layer
    Conv1d(3, 4, kernel_size=(2,), stride=(1,))
    """

    cls_to_become = Conv1d


class LazyConv2d(_LazyConv, Conv2d):
    """A :class:`Conv2d` that takes `in_channels` from its first input.

    The other arguments are those of :class:`Conv2d`.

    Follows torch.nn.LazyConv2d.

    >>> import fastgrad as torch
    >>> layer = torch.nn.LazyConv2d(4, 2)
    >>> _ = layer(torch.ones(1, 3, 5, 5))
    >>> layer
    Conv2d(3, 4, kernel_size=(2, 2), stride=(1, 1))
    """

    cls_to_become = Conv2d


class LazyConv3d(_LazyConv, Conv3d):
    """A :class:`Conv3d` that takes `in_channels` from its first input.

    The other arguments are those of :class:`Conv3d`.

    Follows torch.nn.LazyConv3d.

    >>> import fastgrad as torch
    >>> layer = torch.nn.LazyConv3d(4, 2)
    >>> _ = layer(torch.ones(1, 3, 5, 5, 5))
    >>> layer
    Conv3d(3, 4, kernel_size=(2, 2, 2), stride=(1, 1, 1))
    """

    cls_to_become = Conv3d


class LazyConvTranspose1d(_LazyConv, ConvTranspose1d):
    """A :class:`ConvTranspose1d` that takes `in_channels` from its first input.

    The other arguments are those of :class:`ConvTranspose1d`.

    Follows torch.nn.LazyConvTranspose1d.

    >>> import fastgrad as torch
    >>> layer = torch.nn.LazyConvTranspose1d(4, 2)
    >>> _ = layer(torch.ones(1, 3, 5))
    >>> layer
    ConvTranspose1d(3, 4, kernel_size=(2,), stride=(1,))
    """

    cls_to_become = ConvTranspose1d


class LazyConvTranspose2d(_LazyConv, ConvTranspose2d):
    """A :class:`ConvTranspose2d` that takes `in_channels` from its first input.

    The other arguments are those of :class:`ConvTranspose2d`.

    Follows torch.nn.LazyConvTranspose2d.

    >>> import fastgrad as torch
    >>> layer = torch.nn.LazyConvTranspose2d(4, 2)
    >>> _ = layer(torch.ones(1, 3, 5, 5))
    >>> layer
    ConvTranspose2d(3, 4, kernel_size=(2, 2), stride=(1, 1))
    """

    cls_to_become = ConvTranspose2d


class LazyConvTranspose3d(_LazyConv, ConvTranspose3d):
    """A :class:`ConvTranspose3d` that takes `in_channels` from its first input.

    The other arguments are those of :class:`ConvTranspose3d`.

    Follows torch.nn.LazyConvTranspose3d.

    >>> import fastgrad as torch
    >>> layer = torch.nn.LazyConvTranspose3d(4, 2)
    >>> _ = layer(torch.ones(1, 3, 5, 5, 5))
    >>> layer
    ConvTranspose3d(3, 4, kernel_size=(2, 2, 2), stride=(1, 1, 1))
    """

    cls_to_become = ConvTranspose3d


class _LazyNorm(_Lazy):
    affine: bool
    track_running_stats: bool

    def __init__(
        self,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(  # type: ignore[call-arg]
            0, eps, momentum, affine, track_running_stats, device, dtype, bias=bias
        )

    def _make_members(self, bias: bool, device: Any, dtype: Any) -> None:
        options = {"device": device, "dtype": dtype}
        for name, wanted in (("weight", self.affine), ("bias", self.affine and bias)):
            self.register_parameter(name, UninitializedParameter(**options) if wanted else None)
        tracked = self.track_running_stats
        for name in ("running_mean", "running_var"):
            self.register_buffer(name, UninitializedBuffer(**options) if tracked else None)
        count = tensor(0, dtype=int64, device=device) if tracked else None
        self.register_buffer("num_batches_tracked", count)

    def _learn_size(self: Any, input: Tensor) -> None:
        self._check_rank(input)
        unbatched = self._has_unbatched_form and input.ndim == self._ranks[0]
        self.num_features = input.shape[0 if unbatched else 1]

    def _materialize(self: Any) -> None:
        for member in (self.weight, self.bias, self.running_mean, self.running_var):
            if member is not None:
                member.materialize((self.num_features,))


class LazyBatchNorm1d(_LazyNorm, BatchNorm1d):
    """A :class:`BatchNorm1d` that takes `num_features` from its first input.

    The other arguments are those of :class:`BatchNorm1d`.

    Follows torch.nn.LazyBatchNorm1d.

    >>> import fastgrad as torch
    >>> layer = torch.nn.LazyBatchNorm1d()
    >>> _ = layer(torch.ones(2, 3, 5))
    >>> layer.num_features
    3
    """

    cls_to_become = BatchNorm1d


class LazyBatchNorm2d(_LazyNorm, BatchNorm2d):
    """A :class:`BatchNorm2d` that takes `num_features` from its first input.

    The other arguments are those of :class:`BatchNorm2d`.

    Follows torch.nn.LazyBatchNorm2d.

    >>> import fastgrad as torch
    >>> layer = torch.nn.LazyBatchNorm2d()
    >>> _ = layer(torch.ones(2, 3, 5, 5))
    >>> layer.num_features
    3
    """

    cls_to_become = BatchNorm2d


class LazyBatchNorm3d(_LazyNorm, BatchNorm3d):
    """A :class:`BatchNorm3d` that takes `num_features` from its first input.

    The other arguments are those of :class:`BatchNorm3d`.

    Follows torch.nn.LazyBatchNorm3d.

    >>> import fastgrad as torch
    >>> layer = torch.nn.LazyBatchNorm3d()
    >>> _ = layer(torch.ones(2, 3, 5, 5, 5))
    >>> layer.num_features
    3
    """

    cls_to_become = BatchNorm3d


class LazyInstanceNorm1d(_LazyNorm, InstanceNorm1d):
    """A :class:`InstanceNorm1d` that takes `num_features` from its first input.

    The other arguments are those of :class:`InstanceNorm1d`; both switches are on here.

    Follows torch.nn.LazyInstanceNorm1d.

    >>> import fastgrad as torch
    >>> layer = torch.nn.LazyInstanceNorm1d()
    >>> _ = layer(torch.ones(2, 3, 5))
    >>> layer.num_features
    3
    """

    cls_to_become = InstanceNorm1d


class LazyInstanceNorm2d(_LazyNorm, InstanceNorm2d):
    """A :class:`InstanceNorm2d` that takes `num_features` from its first input.

    The other arguments are those of :class:`InstanceNorm2d`; both switches are on here.

    Follows torch.nn.LazyInstanceNorm2d.

    >>> import fastgrad as torch
    >>> layer = torch.nn.LazyInstanceNorm2d()
    >>> _ = layer(torch.ones(2, 3, 5, 5))
    >>> layer.num_features
    3
    """

    cls_to_become = InstanceNorm2d


class LazyInstanceNorm3d(_LazyNorm, InstanceNorm3d):
    """A :class:`InstanceNorm3d` that takes `num_features` from its first input.

    The other arguments are those of :class:`InstanceNorm3d`; both switches are on here.

    Follows torch.nn.LazyInstanceNorm3d.

    >>> import fastgrad as torch
    >>> layer = torch.nn.LazyInstanceNorm3d()
    >>> _ = layer(torch.ones(2, 3, 5, 5, 5))
    >>> layer.num_features
    3
    """

    cls_to_become = InstanceNorm3d
