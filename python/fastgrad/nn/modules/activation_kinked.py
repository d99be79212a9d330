"""Activations made of pieces, with a kink or a jump between them."""

from __future__ import annotations

from ... import full
from .. import functional as F
from ..module import Module
from ..parameter import Parameter
from ._settings import InPlace, settings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, ClassVar

    from ... import Tensor

__all__ = [
    "CELU",
    "ELU",
    "SELU",
    "Hardshrink",
    "Hardsigmoid",
    "Hardswish",
    "Hardtanh",
    "LeakyReLU",
    "PReLU",
    "RReLU",
    "ReLU",
    "ReLU6",
    "Softshrink",
    "Threshold",
]


class ReLU(InPlace):
    """Replaces negative elements by zero.

    Args:
        inplace: overwrite the input instead of allocating the output.

    Follows torch.nn.ReLU.

    >>> import fastgrad as torch
    >>> torch.nn.ReLU()(torch.tensor([-1.0, 2.0]))
    tensor([0., 2.])
    """

    _function = staticmethod(F.relu)


class SELU(InPlace):
    """Computes scale * ELU(x) for each element, which keeps mean 0 and variance 1.

    Args:
        inplace: overwrite the input instead of allocating the output.

    Source: G. Klambauer et al., "Self-normalizing neural networks", NeurIPS 2017.
    Follows torch.nn.SELU.

    >>> import fastgrad as torch
    >>> torch.nn.SELU()(torch.tensor([-1.0, 1.0]))
    tensor([-1.1113,  1.0507])
    """

    _function = staticmethod(F.selu)


class Hardsigmoid(InPlace):
    """Computes x / 6 + 1/2 for each element, cut off at 0 and 1.

    Args:
        inplace: overwrite the input instead of allocating the output.

    Follows torch.nn.Hardsigmoid.

    >>> import fastgrad as torch
    >>> torch.nn.Hardsigmoid()(torch.tensor([-4.0, 0.0, 1.5]))
    tensor([0.0000, 0.5000, 0.7500])
    """

    _function = staticmethod(F.hardsigmoid)

    def extra_repr(self) -> str:
        return ""


class Hardswish(InPlace):
    """Computes x * hardsigmoid(x) for each element.

    Args:
        inplace: overwrite the input instead of allocating the output.

    Source: A. Howard et al., "Searching for MobileNetV3", ICCV 2019. Follows torch.nn.Hardswish.

    >>> import fastgrad as torch
    >>> torch.nn.Hardswish()(torch.tensor([-4.0, 0.0, 1.5]))
    tensor([-0.0000, 0.0000, 1.1250])
    """

    _function = staticmethod(F.hardswish)

    def extra_repr(self) -> str:
        return ""


class Hardtanh(Module):
    """Cuts off each element at a lower and an upper bound.

    Args:
        min_val, max_val: the bounds.
        inplace: overwrite the input instead of allocating the output.
        min_value, max_value: old names of the bounds, with a warning.

    Raises:
        AssertionError: `max_val` is not greater than `min_val`.

    Follows torch.nn.Hardtanh.

    >>> import fastgrad as torch
    >>> torch.nn.Hardtanh()(torch.tensor([-3.0, 0.5, 2.0]))
    tensor([-1.0000,  0.5000,  1.0000])
    """

    def __init__(
        self,
        min_val: float = -1.0,
        max_val: float = 1.0,
        inplace: bool = False,
        min_value: float | None = None,
        max_value: float | None = None,
    ) -> None:
        super().__init__()
        self.min_val = _renamed("min_val", min_val, min_value)
        self.max_val = _renamed("max_val", max_val, max_value)
        self.inplace = inplace
        if self.max_val <= self.min_val:
            raise AssertionError(
                f"max_val ({self.max_val}) must be greater than min_val ({self.min_val})"
            )

    def forward(self, input: Tensor) -> Tensor:
        """Apply to a tensor of any shape."""
        return F.hardtanh(input, self.min_val, self.max_val, self.inplace)

    def extra_repr(self) -> str:
        return settings(self, "min_val", "max_val", "inplace")


def _renamed(name: str, value: float, old: float | None) -> float:
    """The value of an argument, which may have come under its old name."""
    if old is None:
        return value
    from warnings import warn

    warn(
        f"keyword argument `{name}ue` is deprecated and renamed to `{name}`",
        FutureWarning,
        stacklevel=3,
    )
    return old


class ReLU6(Hardtanh):
    """Cuts off each element at 0 and 6.

    Args:
        inplace: overwrite the input instead of allocating the output.

    Follows torch.nn.ReLU6.

    >>> import fastgrad as torch
    >>> torch.nn.ReLU6()(torch.tensor([-1.0, 2.0, 8.0]))
    tensor([0., 2., 6.])
    """

    def __init__(self, inplace: bool = False) -> None:
        super().__init__(0.0, 6.0, inplace)

    def extra_repr(self) -> str:
        return settings(self, "inplace")


class _WithAlpha(Module):
    _function: ClassVar[Callable[..., Tensor]]

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__()
        self.alpha = alpha
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        """Apply to a tensor of any shape."""
        return self._function(input, self.alpha, self.inplace)

    def extra_repr(self) -> str:
        return settings(self, "alpha", "inplace")


class ELU(_WithAlpha):
    """Replaces negative elements by alpha * (exp(x) - 1).

    Args:
        alpha: minus the lowest output.
        inplace: overwrite the input instead of allocating the output.

    Source: D.-A. Clevert et al., "Fast and accurate deep network learning by exponential linear
    units", ICLR 2016. Follows torch.nn.ELU.

    >>> import fastgrad as torch
    >>> torch.nn.ELU()(torch.tensor([-1.0, 2.0]))
    tensor([-0.6321,  2.0000])
    """

    _function = staticmethod(F.elu)


class CELU(_WithAlpha):
    """Replaces negative elements by alpha * (exp(x / alpha) - 1).

    Args:
        alpha: minus the lowest output.
        inplace: overwrite the input instead of allocating the output.

    Source: J. T. Barron, "Continuously differentiable exponential linear units",
    arXiv:1704.07483, 2017. Follows torch.nn.CELU.

    >>> import fastgrad as torch
    >>> torch.nn.CELU(0.5)(torch.tensor([-1.0, 2.0]))
    tensor([-0.4323,  2.0000])
    """

    _function = staticmethod(F.celu)


class LeakyReLU(Module):
    """Multiplies negative elements by a small slope.

    Args:
        negative_slope: the slope.
        inplace: overwrite the input instead of allocating the output.

    Follows torch.nn.LeakyReLU.

    >>> import fastgrad as torch
    >>> torch.nn.LeakyReLU(0.1)(torch.tensor([-1.0, 2.0]))
    tensor([-0.1000,  2.0000])
    """

    def __init__(self, negative_slope: float = 0.01, inplace: bool = False) -> None:
        super().__init__()
        self.negative_slope = negative_slope
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        """Apply to a tensor of any shape."""
        return F.leaky_relu(input, self.negative_slope, self.inplace)

    def extra_repr(self) -> str:
        return settings(self, "negative_slope", "inplace")


class PReLU(Module):
    """Multiplies negative elements by a slope that is learned.

    Args:
        num_parameters: 1, or the number of channels for one slope each.
        init: what the slopes start with.
        device, dtype: of the slopes.

    Shapes: input (N, C, ...) or any, output the same, `weight` (num_parameters,).

    Raises:
        RuntimeError: the input has another number of channels.

    Source: K. He et al., "Delving deep into rectifiers", ICCV 2015. Follows torch.nn.PReLU.

    >>> import fastgrad as torch
    >>> torch.nn.PReLU()(torch.tensor([-1.0, 2.0])).tolist()
    [-0.25, 2.0]
    """

    def __init__(
        self, num_parameters: int = 1, init: float = 0.25, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__()
        self.num_parameters = num_parameters
        self.init = init
        slopes = full((num_parameters,), float(init), device=device, dtype=dtype)
        self.weight = Parameter(slopes)

    def reset_parameters(self) -> None:
        """Set the slopes to what they started with."""
        self.weight.data.fill_(self.init)

    def forward(self, input: Tensor) -> Tensor:
        """Apply to an input (N, C, ...), or of any shape with one slope."""
        return F.prelu(input, self.weight)

    def extra_repr(self) -> str:
        return settings(self, "num_parameters")


class RReLU(Module):
    """Multiplies negative elements by slopes that are random in training.

    Args:
        lower, upper: the bounds of the slopes; in evaluation all are their average.
        inplace: overwrite the input instead of allocating the output.

    Source: B. Xu et al., "Empirical evaluation of rectified activations in convolutional network",
    arXiv:1505.00853, 2015. Follows torch.nn.RReLU.

    >>> import fastgrad as torch
    >>> torch.nn.RReLU(0.1, 0.3).eval()(torch.tensor([-1.0, 2.0]))
    tensor([-0.2000,  2.0000])
    """

    def __init__(
        self, lower: float = 1.0 / 8, upper: float = 1.0 / 3, inplace: bool = False
    ) -> None:
        super().__init__()
        self.lower = lower
        self.upper = upper
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        """Apply to a tensor of any shape."""
        return F.rrelu(input, self.lower, self.upper, self.training, self.inplace)

    def extra_repr(self) -> str:
        return settings(self, "lower", "upper", "inplace")


class _Shrink(Module):
    _function: ClassVar[Callable[..., Tensor]]

    def __init__(self, lambd: float = 0.5) -> None:
        super().__init__()
        self.lambd = lambd

    def forward(self, input: Tensor) -> Tensor:
        """Apply to a tensor of any shape."""
        return self._function(input, self.lambd)

    def extra_repr(self) -> str:
        return str(self.lambd)


class Hardshrink(_Shrink):
    """Replaces elements between -lambd and lambd by zero.

    Follows torch.nn.Hardshrink.

    >>> import fastgrad as torch
    >>> torch.nn.Hardshrink()(torch.tensor([-0.2, 2.0]))
    tensor([0., 2.])
    """

    _function = staticmethod(F.hardshrink)


class Softshrink(_Shrink):
    """Moves each element towards zero by lambd, not beyond.

    Raises:
        RuntimeError: `lambd` is negative, when it is called.

    Follows torch.nn.Softshrink.

    >>> import fastgrad as torch
    >>> torch.nn.Softshrink()(torch.tensor([-1.0, 2.0]))
    tensor([-0.5000,  1.5000])
    """

    _function = staticmethod(F.softshrink)


class Threshold(Module):
    """Replaces elements that are not above a threshold.

    Args:
        threshold: the threshold.
        value: what they are replaced by.
        inplace: overwrite the input instead of allocating the output.

    Follows torch.nn.Threshold.

    >>> import fastgrad as torch
    >>> torch.nn.Threshold(0.5, 7.0)(torch.tensor([0.2, 2.0]))
    tensor([7., 2.])
    """

    def __init__(self, threshold: float, value: float, inplace: bool = False) -> None:
        super().__init__()
        self.threshold = threshold
        self.value = value
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        """Apply to a tensor of any shape."""
        return F.threshold(input, self.threshold, self.value, self.inplace)

    def extra_repr(self) -> str:
        return settings(self, "threshold", "value", "inplace")
