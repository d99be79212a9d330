"""Parametrizations of weights. Follows torch.nn.utils.parametrizations."""

from __future__ import annotations

from ... import Tensor, cat, dot, eye, linalg, matrix_exp, mv, no_grad, where
from ..functional import normalize
from ..module import Module
from .parametrize import register_parametrization
from .reparametrize import norm_except, outputs_dim

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeVar

    M = TypeVar("M", bound=Module)

__all__ = ["orthogonal", "spectral_norm", "weight_norm"]


class _WeightNorm(Module):
    def __init__(self, dim: int | None = 0) -> None:
        super().__init__()
        self.dim = -1 if dim is None else dim
        self.whole = dim is None

    def forward(self, weight_g: Tensor, weight_v: Tensor) -> Tensor:
        """The weight of this length and direction."""
        dim = None if self.whole else self.dim
        return weight_v * (weight_g / norm_except(weight_v, dim))

    def right_inverse(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        """Length and direction of a weight."""
        return norm_except(weight, None if self.whole else self.dim), weight


def weight_norm(module: M, name: str = "weight", dim: int | None = 0) -> M:
    """Let a parameter be the product of its length and its direction.

    Args:
        module: the module.
        name: of the parameter.
        dim: along which each slice has a length of its own; None for one length.

    Source: T. Salimans, D. P. Kingma, "Weight normalization", NeurIPS 2016.
    Follows torch.nn.utils.parametrizations.weight_norm.

    >>> import fastgrad as torch
    >>> layer = torch.nn.utils.parametrizations.weight_norm(torch.nn.Linear(20, 40))
    >>> [tuple(p.shape) for p in layer.parametrizations.weight.parameters()]
    [(40, 1), (40, 20)]
    """
    return register_parametrization(module, name, _WeightNorm(dim), unsafe=True)


class _SpectralNorm(Module):
    _u: Tensor
    _v: Tensor

    def __init__(self, weight: Tensor, steps: int, dim: int, eps: float) -> None:
        super().__init__()
        if dim >= weight.ndim or dim < -weight.ndim:
            raise IndexError(f"Dimension out of range: {dim} for a weight of {weight.ndim}")
        if steps <= 0:
            raise ValueError(
                f"Expected n_power_iterations to be positive, but got n_power_iterations={steps}"
            )
        self.dim = dim % weight.ndim
        self.eps = eps
        if weight.ndim > 1:
            self.n_power_iterations = steps
            matrix = self._matrix(weight.detach())
            rows, columns = matrix.shape
            u, v = weight.new_empty(rows).normal_(0, 1), weight.new_empty(columns).normal_(0, 1)
            self.register_buffer("_u", normalize(u, dim=0, eps=eps).detach())
            self.register_buffer("_v", normalize(v, dim=0, eps=eps).detach())
            self._iterate(matrix, 15)

    def _matrix(self, weight: Tensor) -> Tensor:
        return weight.movedim(self.dim, 0).flatten(1)

    def _iterate(self, matrix: Tensor, steps: int) -> None:
        with no_grad():
            for _ in range(steps):
                self._u.copy_(normalize(mv(matrix, self._v), dim=0, eps=self.eps))
                self._v.copy_(normalize(mv(matrix.H, self._u), dim=0, eps=self.eps))

    def forward(self, weight: Tensor) -> Tensor:
        """The weight divided by its largest singular value."""
        if weight.ndim == 1:
            return normalize(weight, dim=0, eps=self.eps)
        matrix = self._matrix(weight)
        if self.training:
            self._iterate(matrix.detach(), self.n_power_iterations)
        u, v = self._u.clone(), self._v.clone()
        return weight / dot(u, mv(matrix, v))

    def right_inverse(self, value: Tensor) -> Tensor:
        """The weight itself."""
        return value


def spectral_norm(
    module: M,
    name: str = "weight",
    n_power_iterations: int = 1,
    eps: float = 1e-12,
    dim: int | None = None,
) -> M:
    """Let a parameter be divided by its largest singular value, estimated by power iteration.

    Args:
        module: the module.
        name: of the parameter.
        n_power_iterations: the steps of each use in training.
        eps: the least length of the vectors.
        dim: which dimension are the outputs; by default 1 for transposed convolutions, else 0.

    Raises:
        ValueError: there is no such tensor, or `n_power_iterations` is not positive.

    Source: T. Miyato et al., "Spectral normalization for generative adversarial networks", ICLR
    2018. Follows torch.nn.utils.parametrizations.spectral_norm.

    >>> import fastgrad as torch
    >>> layer = torch.nn.utils.parametrizations.spectral_norm(torch.nn.Linear(20, 40))
    >>> bool(torch.linalg.matrix_norm(layer.weight, 2) < 1.2)
    True
    """
    weight = getattr(module, name, None)
    if not isinstance(weight, Tensor):
        raise ValueError(f"Module '{module!r}' has no parameter or buffer with name '{name}'")
    dim = outputs_dim(module) if dim is None else dim
    made = _SpectralNorm(weight, n_power_iterations, dim, eps)
    return register_parametrization(module, name, made)


class _Orthogonal(Module):
    base: Tensor

    def __init__(self, weight: Tensor, cayley: bool) -> None:
        super().__init__()
        self.cayley = cayley
        self.register_buffer("base", _orthonormal(weight))

    def forward(self, weight: Tensor) -> Tensor:
        """An orthogonal matrix, or one of orthonormal columns or rows."""
        wide = weight.shape[-2] < weight.shape[-1]
        tall = weight.mT if wide else weight
        n, k = tall.shape[-2:]
        lower = tall.tril(-1)
        if k < n:
            lower = _columns(lower, n)
        skew = lower - lower.mT
        if self.cayley:
            one = eye(n, dtype=skew.dtype)
            turned = linalg.solve(one + skew / 2, one - skew / 2)
        else:
            turned = matrix_exp(skew)
        made = (self.base @ turned)[..., :k]
        return made.mT if wide else made

    def right_inverse(self, value: Tensor) -> Tensor:
        """Zeros, from which the base turns into nothing else than itself."""
        wide = value.shape[-2] < value.shape[-1]
        self.base.copy_(_orthonormal(value))
        zeros = value.new_zeros(value.shape[::-1] if wide else value.shape)
        return zeros.mT if wide else zeros


def _columns(matrix: Tensor, n: int) -> Tensor:
    """The matrix with zero columns on the right, n by n."""
    more = matrix.new_zeros((*matrix.shape[:-1], n - matrix.shape[-1]))
    return cat([matrix, more], -1)


def _orthonormal(value: Tensor) -> Tensor:
    """An orthogonal matrix whose first columns span those of `value`, with their signs."""
    with no_grad():
        tall = value.detach().mT if value.shape[-2] < value.shape[-1] else value.detach()
        k = tall.shape[-1]
        q, r = linalg.qr(tall, mode="complete")
        signs = r.diagonal(dim1=-2, dim2=-1).sign()
        signs = where(signs == 0, signs + 1, signs)
        q[..., :k] *= signs.unsqueeze(-2)
        return q


def orthogonal(
    module: M,
    name: str = "weight",
    orthogonal_map: str | None = None,
    *,
    use_trivialization: bool = True,
) -> M:
    """Let a matrix be orthogonal, or have orthonormal rows (or columns where it is tall).

    Args:
        module: the module.
        name: of the parameter.
        orthogonal_map: "matrix_exp" (default) or "cayley", what makes it of a skew-symmetric one.
        use_trivialization: must be True: the map starts from the matrix as it is now.

    Raises:
        ValueError: there is no such matrix, or no such map.
        NotImplementedError: the map "householder", or no trivialization.

    Source: M. Lezcano-Casado, "Trivializations for gradient-based optimization on manifolds",
    NeurIPS 2019. Follows torch.nn.utils.parametrizations.orthogonal.

    >>> import fastgrad as torch
    >>> layer = torch.nn.utils.parametrizations.orthogonal(torch.nn.Linear(3, 3))
    >>> torch.allclose(layer.weight @ layer.weight.mT, torch.eye(3), atol=1e-5)
    True
    """
    weight = getattr(module, name, None)
    if not isinstance(weight, Tensor):
        raise ValueError(f"Module '{module!r}' has no parameter or buffer with name '{name}'")
    if weight.ndim < 2:
        raise ValueError(
            f"Expected a matrix or batch of matrices. Got a tensor of {weight.ndim} dimensions."
        )
    if orthogonal_map not in (None, "matrix_exp", "cayley", "householder"):
        raise ValueError(
            'orthogonal_map has to be one of "matrix_exp", "cayley", "householder". Got:'
            f" {orthogonal_map}"
        )
    if orthogonal_map == "householder" or not use_trivialization:
        raise NotImplementedError(
            "orthogonal: the map 'householder' and use_trivialization=False are not implemented;"
            " use orthogonal_map='matrix_exp' or 'cayley'"
        )
    made = _Orthogonal(weight, orthogonal_map == "cayley")
    return register_parametrization(module, name, made, unsafe=True)
