"""Special functions, under PyTorch's names: a table of contents of ``fastgrad.ops``."""

from __future__ import annotations

from fastgrad.ops.reduction import logsumexp
from fastgrad.ops.rounding import round
from fastgrad.ops.softmax import log_softmax, softmax
from fastgrad.ops.special import (
    digamma,
    entr,
    erf,
    erfc,
    erfcx,
    erfinv,
    i0,
    i0e,
    i1,
    i1e,
    log_ndtr,
    logit,
    ndtr,
    ndtri,
    polygamma,
    xlog1py,
    xlogy,
    zeta,
)
from fastgrad.ops.special import digamma as psi
from fastgrad.ops.special import lgamma as gammaln
from fastgrad.ops.special import mvlgamma as multigammaln
from fastgrad.ops.trigonometry import sinc
from fastgrad.ops.unary import exp2, expm1, log1p
from fastgrad.ops.unary import sigmoid as expit

__all__ = [
    "digamma",
    "entr",
    "erf",
    "erfc",
    "erfcx",
    "erfinv",
    "exp2",
    "expit",
    "expm1",
    "gammaln",
    "i0",
    "i0e",
    "i1",
    "i1e",
    "log1p",
    "log_ndtr",
    "log_softmax",
    "logit",
    "logsumexp",
    "multigammaln",
    "ndtr",
    "ndtri",
    "polygamma",
    "psi",
    "round",
    "sinc",
    "softmax",
    "xlog1py",
    "xlogy",
    "zeta",
]
