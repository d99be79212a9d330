"""Random numbers into existing tensors: the methods ``Tensor.uniform_`` and so on.

A tensor is filled in the order in which it lies in memory, as PyTorch does.
"""

from __future__ import annotations

from fastgrad import _core

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from fastgrad._core import Generator
    from fastgrad.tensor import Tensor


def _bounds(op: str, positional: tuple[Any, ...], named: dict[str, Any]) -> dict[str, Any]:
    """The arguments `from` (a keyword of Python, which no parameter can be called) and `to`."""
    if len(positional) > 2:
        raise TypeError(f"{op}: expected at most 2 positional arguments, got {len(positional)}")
    bounds = dict(zip(("from", "to"), positional, strict=False))
    for name, value in named.items():
        if name not in ("from", "to") or name in bounds:
            raise TypeError(f"{op}: got an unexpected argument '{name}'; it takes 'from' and 'to'")
        bounds[name] = value
    return bounds


def uniform_(
    self: Tensor, *bounds: float, generator: Generator | None = None, **named: float
) -> Tensor:
    """Fill with numbers uniform in [from, to), by default [0, 1).

    Raises:
        RuntimeError: from > to, or a bound that the dtype does not hold.

    Follows ``torch.Tensor.uniform_``.

    >>> import fastgrad as torch
    >>> _ = torch.manual_seed(0)
    >>> torch.empty(2).uniform_(-1, 1)
    tensor([-0.0075,  0.5364])
    """
    if not bounds and not named:
        return _core.uniform_(self, 0.0, 1.0, generator)
    given = _bounds("uniform_", bounds, named)
    return _core.uniform_(self, given.get("from", 0.0), given.get("to", 1.0), generator)


def normal_(
    self: Tensor, mean: float = 0.0, std: float = 1.0, *, generator: Generator | None = None
) -> Tensor:
    """Fill with normal numbers.

    Raises:
        RuntimeError: std < 0.

    Follows ``torch.Tensor.normal_``.

    >>> import fastgrad as torch
    >>> _ = torch.manual_seed(0)
    >>> torch.empty(2).normal_(mean=10.0)
    tensor([11.5410,  9.7066])
    """
    return _core.normal_(self, mean, std, generator)


def log_normal_(
    self: Tensor, mean: float = 1.0, std: float = 2.0, *, generator: Generator | None = None
) -> Tensor:
    """Fill with the exponentials of normal numbers; `mean` and `std` are those of the logarithm.

    Raises:
        RuntimeError: std <= 0.

    Follows ``torch.Tensor.log_normal_``.

    >>> import fastgrad as torch
    >>> _ = torch.manual_seed(0)
    >>> torch.empty(2).log_normal_(0.0, 1.0)
    tensor([4.6692, 0.7457])
    """
    return _core.log_normal_(self, mean, std, generator)


def exponential_(self: Tensor, lambd: float = 1.0, *, generator: Generator | None = None) -> Tensor:
    """Fill with numbers from the exponential distribution with the mean 1 / lambd.

    Raises:
        RuntimeError: lambd <= 0, or a tensor that is not floating point.

    Follows ``torch.Tensor.exponential_``.

    >>> import fastgrad as torch
    >>> bool((torch.empty(5).exponential_() >= 0).all())
    True
    """
    return _core.exponential_(self, lambd, generator)


def cauchy_(
    self: Tensor, median: float = 0.0, sigma: float = 1.0, *, generator: Generator | None = None
) -> Tensor:
    """Fill with numbers from the Cauchy distribution.

    Raises:
        RuntimeError: sigma <= 0, or a tensor that is not floating point.

    Follows ``torch.Tensor.cauchy_``.

    >>> import fastgrad as torch
    >>> torch.empty(5).cauchy_().shape
    torch.Size([5])
    """
    return _core.cauchy_(self, median, sigma, generator)


def geometric_(self: Tensor, p: float, *, generator: Generator | None = None) -> Tensor:
    """Fill with the number of trials up to the first success, where each succeeds with p.

    Raises:
        RuntimeError: p outside (0, 1).

    Follows ``torch.Tensor.geometric_``.

    >>> import fastgrad as torch
    >>> bool((torch.empty(5).geometric_(0.5) >= 1).all())
    True
    """
    return _core.geometric_(self, p, generator)


def bernoulli_(
    self: Tensor, p: float | Tensor = 0.5, *, generator: Generator | None = None
) -> Tensor:
    """Fill with 1, with the probability p or that of p's element in its place, and 0.

    Args:
        p: a number, or a floating-point tensor that broadcasts to this one.

    Raises:
        RuntimeError: p is no probability.

    Follows ``torch.Tensor.bernoulli_``.

    >>> import fastgrad as torch
    >>> torch.empty(2).bernoulli_(torch.tensor([0.0, 1.0]))
    tensor([0., 1.])
    """
    if not isinstance(p, _core.TensorBase):
        return _core.bernoulli_(self, p, generator)
    _check_probabilities(p)
    expanded = _core.expand(_core.detach(p), self.shape)
    dtype = _core.float64 if p.dtype is _core.float64 else _core.float32
    drawn = _core.uniform_(_core.empty_in_order_of(self, dtype), 0.0, 1.0, generator)
    return _core.copy_(self, _core.lt(drawn, expanded))


def _check_probabilities(p: Tensor) -> None:
    """Errors where a tensor's elements are no probabilities."""
    if not p.dtype.is_floating_point:
        raise NotImplementedError(
            f"bernoulli: expected floating-point probabilities, got {p.dtype}; call .float()"
        )
    inside = _core.logical_and(_core.ge(p, 0.0), _core.le(p, 1.0))
    if not _core.all(inside, (), False).item():
        raise RuntimeError("bernoulli: expected probabilities in [0, 1]; scores want sigmoid first")


def random_(self: Tensor, *bounds: Any, generator: Generator | None = None, **named: Any) -> Tensor:
    """Fill with whole numbers: random_() below the dtype's largest, random_(to), random_(from, to).

    Args:
        bounds: `from` (0 by default) belongs to the range and `to` does not; a `to` of None stands
            for the largest number of the dtype, itself included. A floating-point dtype is filled
            up to 2**24 (float32) or 2**53 (float64), where whole numbers begin to have gaps.

    Raises:
        RuntimeError: from >= to, or a bound that the dtype does not hold.

    Follows ``torch.Tensor.random_``.

    >>> import fastgrad as torch
    >>> _ = torch.manual_seed(0)
    >>> torch.empty(4, dtype=torch.int64).random_(10)
    tensor([4, 9, 3, 0])
    """
    given = _bounds("random_", bounds, named)
    if not given:
        return _core.random_(self, None, None, generator)
    if len(given) == 2:
        return _core.random_(self, given["from"], given["to"], generator)
    if "from" in named:
        raise TypeError("random_: 'from' comes with 'to'; for the dtype's largest number, to=None")
    (end,) = given.values()
    if end is None:
        raise TypeError("random_: the one bound is the end of the range, a whole number, not None")
    return _core.random_(self, 0, end, generator)
