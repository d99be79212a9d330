"""Random numbers: for the same seed, those that PyTorch draws on the CPU."""

from __future__ import annotations

from fastgrad import _core
from fastgrad.device import check_device

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from fastgrad._core import Generator
    from fastgrad._types import Dims, DType, Operand, Place
    from fastgrad.tensor import Tensor

__all__ = [
    "bernoulli",
    "default_generator",
    "get_rng_state",
    "initial_seed",
    "manual_seed",
    "normal",
    "rand",
    "rand_like",
    "randint",
    "randint_like",
    "randn",
    "randn_like",
    "randperm",
    "seed",
    "set_rng_state",
]


default_generator = _core.default_generator


def manual_seed(seed: int) -> Generator:
    """Start the default generator from a seed; returns it.

    >>> import fastgrad as torch
    >>> _ = torch.manual_seed(0)
    >>> torch.rand(2)
    tensor([0.4963, 0.7682])
    """
    generator: Generator = default_generator.manual_seed(seed)
    return generator


def seed() -> int:
    """Start the default generator from a random seed, and return that. Follows ``torch.seed``.

    >>> import fastgrad as torch
    >>> torch.seed() == torch.initial_seed()
    True
    """
    from os import urandom

    value = int.from_bytes(urandom(8), "little")
    default_generator.manual_seed(value)
    return value


def initial_seed() -> int:
    """The seed that the default generator was started from. Follows ``torch.initial_seed``.

    >>> import fastgrad as torch
    >>> _ = torch.manual_seed(7)
    >>> torch.initial_seed()
    7
    """
    return default_generator.initial_seed()


def get_rng_state() -> Tensor:
    """The state of the default generator, as a uint8 tensor. Follows ``torch.get_rng_state``.

    >>> import fastgrad as torch
    >>> state = torch.get_rng_state()
    >>> first = torch.rand(3)
    >>> torch.set_rng_state(state)
    >>> torch.equal(torch.rand(3), first)
    True
    """
    return default_generator.get_state()


def set_rng_state(new_state: Tensor) -> None:
    """Continue the default generator from a state that :func:`get_rng_state` gave.

    Raises:
        RuntimeError, TypeError: not such a state.

    Follows ``torch.set_rng_state``.

    >>> import fastgrad as torch
    >>> torch.set_rng_state(torch.get_rng_state())
    """
    default_generator.set_state(new_state)


def _made(size: tuple[Any, ...], dtype: DType | None, device: Place | None) -> Tensor:
    check_device(device)
    sizes = size[0] if len(size) == 1 and not hasattr(size[0], "__index__") else size
    return _core.empty(sizes, dtype or _core.get_default_dtype())


def _marked(out: Tensor, requires_grad: bool) -> Tensor:
    if requires_grad:
        out.requires_grad = True
    return out


def rand(
    *size: Any,
    generator: Generator | None = None,
    dtype: DType | None = None,
    device: Place | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """Numbers uniform in [0, 1). Follows ``torch.rand``.

    >>> import fastgrad as torch
    >>> _ = torch.manual_seed(0)
    >>> torch.rand(2)
    tensor([0.4963, 0.7682])
    """
    out = _core.uniform_(_made(size, dtype, device), 0.0, 1.0, generator)
    return _marked(out, requires_grad)


def randn(
    *size: Any,
    generator: Generator | None = None,
    dtype: DType | None = None,
    device: Place | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """Numbers from the standard normal distribution. Follows ``torch.randn``.

    >>> import fastgrad as torch
    >>> _ = torch.manual_seed(0)
    >>> torch.randn(3)
    tensor([ 1.5410, -0.2934, -2.1788])
    """
    out = _core.normal_(_made(size, dtype, device), 0.0, 1.0, generator)
    return _marked(out, requires_grad)


def randint(
    low: int,
    high: Any = None,
    size: Sequence[int] | None = None,
    *,
    generator: Generator | None = None,
    dtype: DType | None = None,
    device: Place | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """Integers uniform in [low, high); randint(high, size) starts at 0.

    Raises:
        TypeError: the size is missing.

    Follows ``torch.randint``.

    >>> import fastgrad as torch
    >>> _ = torch.manual_seed(0)
    >>> torch.randint(10, (4,))
    tensor([4, 9, 3, 0])
    """
    if size is None:
        low, high, size = 0, low, high
    if size is None:
        raise TypeError("randint: give high and size, as in randint(10, (2, 3))")
    check_device(device)
    out = _core.random_(_core.empty(tuple(size), dtype or _core.int64), low, high, generator)
    return _marked(out, requires_grad)


def rand_like(
    input: Tensor,
    *,
    dtype: DType | None = None,
    device: Place | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """Numbers uniform in [0, 1), in the shape and dtype of a tensor.

    Follows ``torch.rand_like``.

    >>> import fastgrad as torch
    >>> torch.rand_like(torch.zeros(2, 3)).shape
    torch.Size([2, 3])
    """
    return rand(input.shape, dtype=dtype or input.dtype, device=device, requires_grad=requires_grad)


def randn_like(
    input: Tensor,
    *,
    dtype: DType | None = None,
    device: Place | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """Standard normal numbers, in the shape and dtype of a tensor.

    Follows ``torch.randn_like``.

    >>> import fastgrad as torch
    >>> torch.randn_like(torch.zeros(2, 3)).shape
    torch.Size([2, 3])
    """
    return randn(
        input.shape, dtype=dtype or input.dtype, device=device, requires_grad=requires_grad
    )


def randint_like(
    input: Tensor,
    low: int,
    high: int | None = None,
    *,
    dtype: DType | None = None,
    device: Place | None = None,
) -> Tensor:
    """Integers uniform in [low, high), in the shape and dtype of a tensor.

    Follows ``torch.randint_like``.

    >>> import fastgrad as torch
    >>> torch.randint_like(torch.zeros(2, 3), 10).shape
    torch.Size([2, 3])
    """
    bounds = (0, low) if high is None else (low, high)
    return randint(*bounds, input.shape, dtype=dtype or input.dtype, device=device)


def randperm(
    n: int,
    *,
    generator: Generator | None = None,
    dtype: DType | None = None,
    device: Place | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """The integers below n in random order (int64). Follows ``torch.randperm``.

    >>> import fastgrad as torch
    >>> _ = torch.manual_seed(0)
    >>> torch.randperm(4)
    tensor([0, 1, 3, 2])
    """
    check_device(device)
    out = _core.randperm(n, generator)
    return _marked(out if dtype is None else out.to(dtype), requires_grad)


def normal(
    mean: Operand,
    std: Operand = 1.0,
    size: Dims | None = None,
    *,
    generator: Generator | None = None,
    dtype: DType | None = None,
    device: Place | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """Normal numbers: of one mean and deviation and a size, or one for each element of tensors.

    Raises:
        TypeError: numbers without a size.
        RuntimeError: a negative `std`.

    Follows ``torch.normal``.

    >>> import fastgrad as torch
    >>> torch.normal(torch.zeros(2), 1.0).shape
    torch.Size([2])
    """
    if not isinstance(mean, _core.TensorBase) and not isinstance(std, _core.TensorBase):
        if size is None:
            raise TypeError("normal: give a size when mean and std are numbers")
        out = _core.normal_(_made((size,), dtype, device), mean, std, generator)
        return _marked(out, requires_grad)
    if isinstance(std, _core.TensorBase) and bool((std < 0).any()):
        raise RuntimeError("normal: expects all elements of std >= 0.0")
    model = _core.add(mean, std)
    standard = _core.normal_(_core.empty(model.shape, model.dtype), 0.0, 1.0, generator)
    return standard * std + mean


def bernoulli(
    input: Tensor, p: float | None = None, *, generator: Generator | None = None
) -> Tensor:
    """1 with the probability that each element of `input` (or `p`) gives, else 0.

    Raises:
        RuntimeError: an element is no probability.

    Follows ``torch.bernoulli``.

    >>> import fastgrad as torch
    >>> torch.bernoulli(torch.tensor([0.0, 1.0]))
    tensor([0., 1.])
    """
    if p is not None:
        return _core.bernoulli_(_core.empty(input.shape, input.dtype), p, generator)
    if not input.dtype.is_floating_point or bool(((input < 0) | (input > 1)).any()):
        raise RuntimeError("bernoulli: expects floating-point probabilities in [0, 1]")
    drawn = _core.uniform_(_core.empty(input.shape, input.dtype), 0.0, 1.0, generator)
    return (drawn < input).to(input.dtype)


def uniform_(
    self: Tensor,
    from_: float = 0.0,
    to: float = 1.0,
    *,
    generator: Generator | None = None,
    **old: Any,
) -> Tensor:
    """Fill with numbers uniform in [from, to)."""
    low = old.pop("from", from_)  # PyTorch's name for it, a keyword of Python
    return _core.uniform_(self, low, to, generator)


def normal_(
    self: Tensor, mean: float = 0.0, std: float = 1.0, *, generator: Generator | None = None
) -> Tensor:
    """Fill with normal numbers."""
    return _core.normal_(self, mean, std, generator)


def random_(
    self: Tensor, from_: int = 0, to: int | None = None, *, generator: Generator | None = None
) -> Tensor:
    """Fill with integers: of the dtype's whole range, below the one bound, or in [from, to)."""
    if to is None and from_ != 0:
        from_, to = 0, from_
    return _core.random_(self, from_, to, generator)


def bernoulli_(self: Tensor, p: float = 0.5, *, generator: Generator | None = None) -> Tensor:
    """Fill with 1 (with probability p) and 0."""
    return _core.bernoulli_(self, p, generator)
