"""Draws of gamma, Dirichlet and binomial distributions: PyTorch's numbers for the same seed.

Each value takes as many random numbers as it needs, so they are drawn one after the other.
"""

from __future__ import annotations

import math
from typing import Any

import fastgrad
from fastgrad import Tensor
from fastgrad.autograd import Function

__all__ = ["binomial", "dirichlet", "standard_gamma"]


class _Source:
    """Uniform and normal numbers, one at a time, from the default generator."""

    def __init__(self) -> None:
        self._number = fastgrad.empty(1, dtype=fastgrad.float64)

    def uniform(self) -> float:
        return float(self._number.uniform_())

    def normal(self) -> float:
        return float(self._number.normal_())


def standard_gamma(concentration: Tensor) -> Tensor:
    """Numbers from gamma distributions of rate 1; the concentrations get gradients.

    Source: G. Marsaglia and W. W. Tsang, "A simple method for generating gamma variables", ACM
    Transactions on Mathematical Software 26, 2000.

    >>> import fastgrad as torch
    >>> from fastgrad.distributions.draws import standard_gamma
    >>> standard_gamma(torch.tensor([2.0, 0.5])).shape
    torch.Size([2])
    """
    drawn: Tensor = _StandardGamma.apply(concentration)
    return drawn


class _StandardGamma(Function):
    @staticmethod
    def forward(ctx: Any, concentration: Tensor) -> Tensor:
        drawn = _draw_gamma(concentration).to(concentration.dtype)
        drawn = drawn.clamp(min=fastgrad.finfo(concentration.dtype).tiny)
        ctx.save_for_backward(concentration, drawn)
        return drawn

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        concentration, drawn = ctx.saved_tensors
        return grad * gamma_gradient(concentration, drawn)


def _draw_gamma(concentration: Tensor) -> Tensor:
    """Float64 numbers, whose parameters are rounded as PyTorch rounds them."""
    third = fastgrad.tensor(1.0, dtype=fastgrad.float32) / 3
    raised = fastgrad.where(concentration < 1, concentration + 1, concentration)
    columns = (concentration, 1 / concentration, raised - third.to(concentration.dtype))
    rows = zip(*(column.flatten().tolist() for column in columns), strict=True)
    source = _Source()
    drawn = [_one_gamma(source, a, exponent, shifted) for a, exponent, shifted in rows]
    return fastgrad.tensor(drawn, dtype=fastgrad.float64).reshape(concentration.shape)


def _one_gamma(source: _Source, concentration: float, exponent: float, shifted: float) -> float:
    """One number: of concentration + 1 times a power of a uniform one if it is below 1."""
    if concentration == 0:
        return 0.0
    scale = (1 - source.uniform()) ** exponent if concentration < 1 else 1.0
    width = 1 / math.sqrt(9 * shifted)
    while True:
        x = source.normal()
        root = 1 + width * x
        if root <= 0:
            continue
        cube, u, square = root * root * root, 1 - source.uniform(), x * x
        squeezed = u < 1 - 0.0331 * square * square
        if squeezed or math.log(u) < square / 2 + shifted * (1 - cube + math.log(cube)):
            return scale * shifted * cube


def gamma_gradient(concentration: Tensor, value: Tensor) -> Tensor:
    """How a gamma-distributed value changes with the concentration, its rank being kept.

    That is minus the derivative of the distribution function F by the concentration a, over the
    density. With F(x) = sum of t(n) = x ** (a + n) * exp(-x) / gamma(a + n + 1), the derivative
    is the sum of t(n) * (log(x) - digamma(a + n + 1)), and the density is t(0) * a / x.

    >>> import fastgrad as torch
    >>> from fastgrad.distributions.draws import gamma_gradient
    >>> gamma_gradient(torch.tensor(1.0), torch.tensor(1.0))
    tensor(1.1736)
    """
    a, x = concentration.double(), value.double()
    # Terms over t(0): they rise up to n = x - a, and after it those that follow a small one are
    # small, too. Comparisons with NaN are false, and infinity would rise for ever.
    log_x, psi = fastgrad.log(x), fastgrad.digamma(a + 1)
    term, total = fastgrad.ones_like(x), fastgrad.zeros_like(x)
    count, goes_on = 0, True
    while goes_on:
        part = term * (log_x - psi)
        total = total + part
        count += 1
        ratio = x / (a + count)
        term, psi = term * ratio, psi + 1 / (a + count)
        rises = (ratio >= 1) & ratio.isfinite()
        goes_on = bool((rises | (part.abs() > 1e-17 * total.abs())).any())
    return (-total * x / a).to(value.dtype)


def dirichlet(concentration: Tensor) -> Tensor:
    """Numbers from Dirichlet distributions, whose parameters are the last dimension.

    >>> import fastgrad as torch
    >>> from fastgrad.distributions.draws import dirichlet
    >>> dirichlet(torch.ones(2, 3)).shape
    torch.Size([2, 3])
    """
    gammas = standard_gamma(concentration.double())
    shares = (gammas / gammas.sum(-1, keepdim=True)).to(concentration.dtype)
    info = fastgrad.finfo(concentration.dtype)
    return shares.clamp(min=info.tiny, max=1 - info.eps / 2)


def binomial(count: Tensor, prob: Tensor) -> Tensor:
    """How often each of ``count`` trials succeeds that succeed with probability ``prob``.

    Follows ``torch.binomial``, without its gradients of zero.

    >>> import fastgrad as torch
    >>> from fastgrad.distributions.draws import binomial
    >>> binomial(torch.tensor([5.0, 5.0]), torch.tensor([0.0, 1.0]))
    tensor([0., 5.])
    """
    source = _Source()
    count, prob = fastgrad.broadcast_tensors(count.detach(), prob.detach())
    rarer = fastgrad.minimum(prob, 1 - prob)  # success, or failure
    # Rounded to the dtype, as PyTorch does before it compares.
    is_large = count * rarer >= 10
    columns = (column.flatten().tolist() for column in (count, prob, rarer, is_large))
    drawn = [_one_binomial(source, *row) for row in zip(*columns, strict=True)]
    return fastgrad.tensor(drawn, dtype=count.dtype).reshape(count.shape)


def _one_binomial(
    source: _Source, count: float, prob: float, rarer: float, is_large: bool
) -> float:
    if count <= 0 or prob <= 0:
        return 0.0
    if prob >= 1:
        return count
    found = (_rejected_binomial if is_large else _summed_binomial)(source, count, rarer)
    return count - found if prob > 0.5 else found


def _summed_binomial(source: _Source, count: float, prob: float) -> float:
    """Adds up the trials until each success, which are geometrically distributed."""
    successes, trials, log_failure = 0, 0.0, math.log1p(-prob)
    while True:
        trials += math.ceil(math.log(source.uniform()) / log_failure)
        if trials > count:
            return successes
        successes += 1


def _rejected_binomial(source: _Source, count: float, prob: float) -> float:
    """Transformed rejection with a squeeze.

    Source: W. Hörmann, "The generation of binomial random variates", Journal of Statistical
    Computation and Simulation 46, 1993 (algorithm BTRS).
    """
    deviation = math.sqrt(count * prob * (1 - prob))
    b = 1.15 + 2.53 * deviation
    a = -0.0873 + 0.0248 * b + 0.01 * prob
    center, quick = count * prob + 0.5, 0.92 - 4.2 / b
    alpha = (2.83 + 5.1 / b) * deviation
    mode = math.floor((count + 1) * prob)
    log_odds = math.log(prob / (1 - prob))

    def log_weight(k: float) -> float:
        return k * log_odds - math.lgamma(k + 1) - math.lgamma(count - k + 1)

    while True:
        u, v = source.uniform() - 0.5, source.uniform()
        us = 0.5 - abs(u)
        k = math.floor((2 * a / us + b) * u + center)
        if us >= 0.07 and v <= quick:
            return k
        if 0 <= k <= count:
            height = math.log(v * alpha / (a / (us * us) + b))
            if height <= log_weight(k) - log_weight(mode):
                return k
