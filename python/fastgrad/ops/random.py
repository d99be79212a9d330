"""New tensors of random numbers: for the same seed, those that PyTorch draws on the CPU."""

from __future__ import annotations

from fastgrad import _core
from fastgrad.autograd.graph import record
from fastgrad.device import made_on, placed
from fastgrad.ops.assign import is_recorded
from fastgrad.ops.random_fill import bernoulli_
from fastgrad.size import sizes_from

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from fastgrad._core import Generator
    from fastgrad._types import Dims, DType, Operand, Place, Sizes
    from fastgrad.autograd.graph import Grads, Needs, Saved
    from fastgrad.tensor import Tensor

__all__ = [
    "bernoulli",
    "multinomial",
    "normal",
    "poisson",
    "rand",
    "rand_like",
    "randint",
    "randint_like",
    "randn",
    "randn_like",
    "randperm",
]


def _made(sizes: Any, dtype: DType | None, device: Place | None) -> Tensor:
    return made_on(device, _core.empty, sizes, dtype or _core.get_default_dtype())


def _made_like(input: Tensor, dtype: DType | None, device: Place | None) -> Tensor:
    return placed(_core.empty_in_order_of(input, dtype or input.dtype), device)


def _marked(out: Tensor, requires_grad: bool) -> Tensor:
    if requires_grad:
        out.requires_grad = True
    return out


def _without_gradient(out: Tensor, *inputs: object) -> Tensor:
    """The result of a draw, whose parameters get gradients of zero, as in PyTorch."""
    if is_recorded(*inputs):  # type: ignore[arg-type]
        record(out, without_gradient_vjp, _core.edges(*inputs))
    return out


def without_gradient_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    zeros = _core.full_at(grad.get_device(), grad.shape, 0, grad.dtype)
    return tuple(None if need is None else zeros for need in needs)


def rand(
    *args: Any,
    size: Sizes | None = None,
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
    out = _core.uniform_(_made(sizes_from(args, size, "size"), dtype, device), 0.0, 1.0, generator)
    return _marked(out, requires_grad)


def randn(
    *args: Any,
    size: Sizes | None = None,
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
    out = _core.normal_(_made(sizes_from(args, size, "size"), dtype, device), 0.0, 1.0, generator)
    return _marked(out, requires_grad)


def randint(
    low: int = 0,
    high: Any = None,
    size: Sequence[int] | None = None,
    *,
    generator: Generator | None = None,
    dtype: DType | None = None,
    device: Place | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """Whole numbers uniform in [low, high); randint(high, size) starts at 0.

    Raises:
        TypeError: the size is missing.
        RuntimeError: low >= high, or a bound that the dtype does not hold.

    Follows ``torch.randint``.

    >>> import fastgrad as torch
    >>> _ = torch.manual_seed(0)
    >>> torch.randint(10, (4,))
    tensor([4, 9, 3, 0])
    """
    if size is None:
        low, high, size = 0, low, high
    elif high is None:
        low, high = 0, low
    if size is None:
        raise TypeError("randint: give high and size, as in randint(10, (2, 3))")
    made = made_on(device, _core.empty, tuple(size), dtype or _core.int64)
    out = _core.random_(made, low, high, generator)
    return _marked(out, requires_grad)


def rand_like(
    input: Tensor,
    *,
    generator: Generator | None = None,
    dtype: DType | None = None,
    device: Place | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """Numbers uniform in [0, 1), in the shape, dtype and memory order of a tensor.

    Follows ``torch.rand_like``.

    >>> import fastgrad as torch
    >>> torch.rand_like(torch.zeros(2, 3)).shape
    torch.Size([2, 3])
    """
    out = _core.uniform_(_made_like(input, dtype, device), 0.0, 1.0, generator)
    return _marked(out, requires_grad)


def randn_like(
    input: Tensor,
    *,
    generator: Generator | None = None,
    dtype: DType | None = None,
    device: Place | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """Standard normal numbers, in the shape, dtype and memory order of a tensor.

    Follows ``torch.randn_like``.

    >>> import fastgrad as torch
    >>> torch.randn_like(torch.zeros(2, 3)).shape
    torch.Size([2, 3])
    """
    out = _core.normal_(_made_like(input, dtype, device), 0.0, 1.0, generator)
    return _marked(out, requires_grad)


def randint_like(
    input: Tensor,
    low: int = 0,
    high: int | None = None,
    *,
    generator: Generator | None = None,
    dtype: DType | None = None,
    device: Place | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """Whole numbers uniform in [low, high), in the shape, dtype and memory order of a tensor.

    Follows ``torch.randint_like``.

    >>> import fastgrad as torch
    >>> torch.randint_like(torch.zeros(2, 3), 10).shape
    torch.Size([2, 3])
    """
    if high is None:
        low, high = 0, low
    out = _core.random_(_made_like(input, dtype, device), low, high, generator)
    return _marked(out, requires_grad)


def randperm(
    n: int,
    *,
    generator: Generator | None = None,
    dtype: DType | None = None,
    device: Place | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """The whole numbers below n in random order (int64 unless told otherwise).

    Raises:
        RuntimeError: a negative n, or one that the dtype does not hold.

    Follows ``torch.randperm``.

    >>> import fastgrad as torch
    >>> _ = torch.manual_seed(0)
    >>> torch.randperm(4)
    tensor([0, 1, 3, 2])
    """
    drawn = made_on(device, _core.randperm, n, dtype or _core.int64, generator)
    return _marked(drawn, requires_grad)


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
        TypeError: numbers without a size, or tensors with one.
        RuntimeError: a negative `std`.

    Follows ``torch.normal``.

    >>> import fastgrad as torch
    >>> torch.normal(torch.zeros(2), 1.0).shape
    torch.Size([2])
    """
    tensors = [x for x in (mean, std) if isinstance(x, _core.TensorBase)]
    if (size is None) != bool(tensors):
        raise TypeError("normal: give a size when mean and std are numbers, and only then")
    if not tensors:
        out = _core.normal_(_made(size, dtype, device), mean, std, generator)  # type: ignore[arg-type]
        return _marked(out, requires_grad)
    shape = tensors[0].shape if len(tensors) == 1 else _core.add(*tensors).shape
    out = _core.empty_at(tensors[0].get_device(), shape, tensors[0].dtype)
    if isinstance(std, _core.TensorBase):
        if not _core.all(_core.ge(std, 0.0), (), False).item():
            raise RuntimeError("normal: expects all elements of std >= 0.0")
        _core.mul_(_core.normal_(out, 0.0, 1.0, generator), _core.detach(std))
    else:
        _core.normal_(out, 0.0, std, generator)
    added = mean if isinstance(mean, _core.TensorBase) else _core.full((), mean, out.dtype)
    _core.add_(out, _core.detach(added))
    return _without_gradient(out, *tensors)


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
    out = _core.empty_at(input.get_device(), input.shape, input.dtype)
    if p is not None:
        return _without_gradient(_core.bernoulli_(out, p, generator), input)
    return _without_gradient(bernoulli_(out, input, generator=generator), input)


def poisson(input: Tensor, generator: Generator | None = None) -> Tensor:
    """Counts from Poisson distributions, whose rates (means) are the elements of `input`.

    Raises:
        RuntimeError: a negative rate.

    Follows ``torch.poisson``.

    >>> import fastgrad as torch
    >>> torch.poisson(torch.zeros(2))
    tensor([0., 0.])
    """
    return _without_gradient(_core.poisson(_core.detach(input), generator), input)


def multinomial(
    input: Tensor,
    num_samples: int,
    replacement: bool = False,
    *,
    generator: Generator | None = None,
) -> Tensor:
    """Indices of categories, drawn with the probabilities (up to a factor) in `input`.

    Args:
        input: one or two dimensions; each row is a distribution of its own.
        num_samples: how many to draw from each row.
        replacement: whether a category can be drawn more than once.

    Raises:
        RuntimeError: negative or infinite probabilities, a row of zeros, more samples than
            categories without replacement.

    Follows ``torch.multinomial``.

    >>> import fastgrad as torch
    >>> torch.multinomial(torch.tensor([0.0, 3.0, 0.0]), 4, replacement=True)
    tensor([1, 1, 1, 1])
    """
    _check_multinomial(input, num_samples, replacement)
    probabilities = _core.detach(input)
    if not input.numel():
        return _core.empty_at(input.get_device(), (*input.shape[:-1], num_samples), _core.int64)
    if input.is_cuda or not replacement or num_samples == 1:
        _check_rows(probabilities)  # the CPU's function checks while it draws
    if replacement and num_samples > 1:
        rows = _core.view(_core.clone(probabilities), (-1, input.shape[-1]))
        drawn = _core.multinomial(rows, num_samples, generator)
        return _core.view(drawn, (*input.shape[:-1], num_samples))
    # The category with the largest p / q, q exponentially distributed, is one drawn with p; the
    # next largest ones follow without replacement.
    q = _core.exponential_(_core.empty_in_order_of(input, input.dtype), 1.0, generator)
    _core.copy_(q, _core.div(probabilities, q))
    if num_samples == 1:
        return _core.max_dim(q, -1, True)[1]
    return _core.topk(q, num_samples, -1, True, True)[1]


def _check_multinomial(input: Tensor, num_samples: int, replacement: bool) -> None:
    if input.dim() not in (1, 2):
        raise RuntimeError(
            f"multinomial: expected probabilities of 1 or 2 dimensions, got {input.dim()}; "
            "flatten the others first"
        )
    if not input.dtype.is_floating_point:
        raise RuntimeError(f"multinomial: expected floating-point input, got {input.dtype}")
    classes = input.shape[-1]
    if num_samples <= 0:
        raise RuntimeError(f"multinomial: num_samples must be positive, got {num_samples}")
    if not replacement and num_samples > classes:
        raise RuntimeError(
            f"multinomial: cannot draw {num_samples} of {classes} categories without replacement; "
            "pass replacement=True, or draw fewer"
        )
    if classes == 0 or classes > 2**24:
        raise RuntimeError(f"multinomial: expected 1 to 2**24 categories, got {classes}")


def _check_rows(probabilities: Tensor) -> None:
    largest, smallest = _core.amax(probabilities, (), False), _core.amin(probabilities, (), False)
    if not (largest.item() < float("inf") and smallest.item() >= 0):
        raise RuntimeError(
            "multinomial: probabilities must be finite and 0 or more; logits want softmax first"
        )
    if _core.any(_core.eq(_core.sum(probabilities, (-1,), False, None), 0.0), (), False).item():
        raise RuntimeError("multinomial: a row's probabilities add up to 0; one must be positive")
