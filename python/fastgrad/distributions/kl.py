"""Kullback-Leibler divergences, by the kinds of the two distributions."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import fastgrad
from fastgrad import Tensor, digamma, lgamma
from fastgrad.distributions.bernoulli import Bernoulli
from fastgrad.distributions.beta import Beta
from fastgrad.distributions.binomial import Binomial
from fastgrad.distributions.categorical import Categorical, Categories
from fastgrad.distributions.dirichlet import Dirichlet
from fastgrad.distributions.distribution import Distribution
from fastgrad.distributions.exponential import Exponential
from fastgrad.distributions.gamma import Gamma
from fastgrad.distributions.geometric import Geometric
from fastgrad.distributions.independent import Independent
from fastgrad.distributions.laplace import Laplace
from fastgrad.distributions.log_normal import LogNormal
from fastgrad.distributions.multivariate_normal import MultivariateNormal
from fastgrad.distributions.normal import Normal
from fastgrad.distributions.one_hot_categorical import OneHotCategorical
from fastgrad.distributions.poisson import Poisson
from fastgrad.distributions.uniform import Uniform
from fastgrad.nn import functional as F

__all__ = ["kl_divergence", "register_kl"]

Divergence = Callable[[Any, Any], Tensor]
_DIVERGENCES: dict[tuple[type, type], Divergence] = {}


def register_kl(type_p: type, type_q: type) -> Callable[[Divergence], Divergence]:
    """Say which function computes the divergence of two kinds of distributions.

    Raises:
        TypeError: a kind is no distribution.

    Follows ``torch.distributions.register_kl``.

    >>> import fastgrad as torch
    >>> from fastgrad.distributions import Normal, kl_divergence, register_kl
    >>> class Narrow(Normal):
    ...     pass
    >>> @register_kl(Narrow, Narrow)
    ... def kl_narrow(p, q):
    ...     return torch.tensor(7.0)
    >>> kl_divergence(Narrow(0.0, 1.0), Narrow(1.0, 1.0))
    tensor(7.)
    """
    for kind in (type_p, type_q):
        if not (isinstance(kind, type) and issubclass(kind, Distribution)):
            raise TypeError(f"register_kl: expected kinds of distributions, got {kind}")

    def register(function: Divergence) -> Divergence:
        _DIVERGENCES[type_p, type_q] = function
        return function

    return register


def kl_divergence(p: Distribution, q: Distribution) -> Tensor:
    """The mean of log(p) - log(q) over what `p` gives, of the shape of the batch.

    Raises:
        NotImplementedError: no function is known for these kinds.

    Follows ``torch.distributions.kl_divergence``.

    >>> import fastgrad as torch
    >>> from fastgrad.distributions import Normal, kl_divergence
    >>> kl_divergence(Normal(1.0, 1.0), Normal(0.0, 1.0))
    tensor(0.5000)
    """
    for kind_p in type(p).__mro__:
        for kind_q in type(q).__mro__:
            if (kind_p, kind_q) in _DIVERGENCES:
                return _DIVERGENCES[kind_p, kind_q](p, q)
    raise NotImplementedError(
        f"kl_divergence: no function for {type(p).__name__} and {type(q).__name__}; "
        "register_kl names one"
    )


@register_kl(Normal, Normal)
@register_kl(LogNormal, LogNormal)
def _normal(p: Normal, q: Normal) -> Tensor:
    ratio = (p.scale / q.scale) ** 2
    distance = ((p.loc - q.loc) / q.scale) ** 2
    return 0.5 * (ratio + distance - 1 - ratio.log())


@register_kl(MultivariateNormal, MultivariateNormal)
def _multivariate_normal(p: MultivariateNormal, q: MultivariateNormal) -> Tensor:
    if p.event_shape != q.event_shape:
        raise ValueError(
            f"kl_divergence: expected vectors of one size, got {p.event_shape} and {q.event_shape}"
        )
    ratio = fastgrad.linalg.solve_triangular(q.scale_tril, p.scale_tril, upper=False)
    difference = (p.loc - q.loc).unsqueeze(-1)
    whitened = fastgrad.linalg.solve_triangular(q.scale_tril, difference, upper=False)
    squares = (ratio**2).sum((-2, -1)) + (whitened**2).sum((-2, -1))
    return q._half_log_det - p._half_log_det + 0.5 * (squares - p.event_shape[0])


@register_kl(Bernoulli, Bernoulli)
def _bernoulli(p: Bernoulli, q: Bernoulli) -> Tensor:
    of_one = _weighted(p.probs, F.logsigmoid(p.logits), q.probs, F.logsigmoid(q.logits))
    of_zero = _weighted(1 - p.probs, F.logsigmoid(-p.logits), 1 - q.probs, F.logsigmoid(-q.logits))
    return of_one + of_zero


def _weighted(p: Tensor, log_p: Tensor, q: Tensor, log_q: Tensor) -> Tensor:
    """p * (log p - log q): 0 where p is, and infinite where q alone is."""
    found = (p * (log_p - log_q)).masked_fill(p == 0, 0)
    return found.masked_fill((q == 0) & (p != 0), math.inf)


@register_kl(Binomial, Binomial)
def _binomial(p: Binomial, q: Binomial) -> Tensor:
    if bool((p.total_count < q.total_count).any()):
        raise NotImplementedError("kl_divergence: p has fewer trials than q")
    of_failures = fastgrad.log1p(-p.probs) - fastgrad.log1p(-q.probs)
    found = p.total_count * (p.probs * (p.logits - q.logits) + of_failures)
    return found.masked_fill(p.total_count > q.total_count, math.inf)


@register_kl(Categorical, Categorical)
@register_kl(OneHotCategorical, OneHotCategorical)
def _categories(p: Categories, q: Categories) -> Tensor:
    return _weighted(p.probs, p.logits, q.probs, q.logits).sum(-1)


@register_kl(Poisson, Poisson)
def _poisson(p: Poisson, q: Poisson) -> Tensor:
    return p.rate * (p.rate.log() - q.rate.log()) - (p.rate - q.rate)


@register_kl(Geometric, Geometric)
def _geometric(p: Geometric, q: Geometric) -> Tensor:
    return -p.entropy() - fastgrad.log1p(-q.probs) / p.probs - q.logits


@register_kl(Exponential, Exponential)
def _exponential(p: Exponential, q: Exponential) -> Tensor:
    ratio = q.rate / p.rate
    return ratio - ratio.log() - 1


@register_kl(Laplace, Laplace)
def _laplace(p: Laplace, q: Laplace) -> Tensor:
    ratio, distance = p.scale / q.scale, (p.loc - q.loc).abs()
    return -ratio.log() + distance / q.scale + ratio * fastgrad.exp(-distance / p.scale) - 1


@register_kl(Uniform, Uniform)
def _uniform(p: Uniform, q: Uniform) -> Tensor:
    found = ((q.high - q.low) / (p.high - p.low)).log()
    return found.masked_fill((q.low > p.low) | (q.high < p.high), math.inf)


@register_kl(Gamma, Gamma)
def _gamma(p: Gamma, q: Gamma) -> Tensor:
    a, b = p.concentration, q.concentration
    return (
        b * (p.rate / q.rate).log()
        + lgamma(b)
        - lgamma(a)
        + (a - b) * digamma(a)
        + (q.rate - p.rate) * (a / p.rate)
    )


@register_kl(Dirichlet, Dirichlet)
def _dirichlet(p: Dirichlet, q: Dirichlet) -> Tensor:
    a, b = p.concentration, q.concentration
    total = a.sum(-1)
    return (
        lgamma(total)
        - lgamma(b.sum(-1))
        + (lgamma(b) - lgamma(a)).sum(-1)
        + ((a - b) * (digamma(a) - digamma(total).unsqueeze(-1))).sum(-1)
    )


@register_kl(Beta, Beta)
def _beta(p: Beta, q: Beta) -> Tensor:
    return _dirichlet(p._shares, q._shares)


@register_kl(Independent, Independent)
def _independent(p: Independent, q: Independent) -> Tensor:
    if p.reinterpreted_batch_ndims != q.reinterpreted_batch_ndims:
        raise NotImplementedError("kl_divergence: Independent of different numbers of dimensions")
    return p._summed(kl_divergence(p.base_dist, q.base_dist))
