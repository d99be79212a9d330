"""Probability distributions: their samples, densities, moments and divergences.

Follows ``torch.distributions``. A distribution has parameters for a batch of them; samples for the
same seed are PyTorch's. Densities have gradients by the parameters and the values.

>>> import fastgrad as torch
>>> from fastgrad.distributions import Categorical
>>> policy = Categorical(torch.tensor([1.0, 3.0]))
>>> action = policy.sample()
>>> bool(policy.log_prob(action).exp() == policy.probs[action])
True
>>> policy.entropy()
tensor(0.5623)
"""

from fastgrad.distributions import constraints
from fastgrad.distributions.bernoulli import Bernoulli
from fastgrad.distributions.beta import Beta
from fastgrad.distributions.binomial import Binomial
from fastgrad.distributions.categorical import Categorical
from fastgrad.distributions.cauchy import Cauchy
from fastgrad.distributions.chi2 import Chi2
from fastgrad.distributions.dirichlet import Dirichlet
from fastgrad.distributions.distribution import Distribution
from fastgrad.distributions.exponential import Exponential
from fastgrad.distributions.gamma import Gamma
from fastgrad.distributions.geometric import Geometric
from fastgrad.distributions.gumbel import Gumbel
from fastgrad.distributions.half_normal import HalfNormal
from fastgrad.distributions.independent import Independent
from fastgrad.distributions.kl import kl_divergence, register_kl
from fastgrad.distributions.laplace import Laplace
from fastgrad.distributions.log_normal import LogNormal
from fastgrad.distributions.multinomial import Multinomial
from fastgrad.distributions.multivariate_normal import MultivariateNormal
from fastgrad.distributions.normal import Normal
from fastgrad.distributions.one_hot_categorical import OneHotCategorical
from fastgrad.distributions.poisson import Poisson
from fastgrad.distributions.studentT import StudentT
from fastgrad.distributions.uniform import Uniform

__all__ = [
    "Bernoulli",
    "Beta",
    "Binomial",
    "Categorical",
    "Cauchy",
    "Chi2",
    "Dirichlet",
    "Distribution",
    "Exponential",
    "Gamma",
    "Geometric",
    "Gumbel",
    "HalfNormal",
    "Independent",
    "Laplace",
    "LogNormal",
    "Multinomial",
    "MultivariateNormal",
    "Normal",
    "OneHotCategorical",
    "Poisson",
    "StudentT",
    "Uniform",
    "constraints",
    "kl_divergence",
    "register_kl",
]
