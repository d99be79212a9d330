"""Weights that are made anew before each call: weight and spectral normalization.

These are PyTorch's older functions, whose parameters are called weight_g, weight_v and
weight_orig; the newer ones are in `parametrizations`.
"""

from __future__ import annotations

from ... import dot, mv, no_grad
from ..functional import normalize
from ..parameter import Parameter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypeVar

    from ... import Tensor
    from ..module import Module

    M = TypeVar("M", bound=Module)


def norm_except(v: Tensor, dim: int | None) -> Tensor:
    """The norms of the slices along a dimension, which stays; of all of it without one."""
    if dim is None:
        return v.norm()
    rest = tuple(d for d in range(v.ndim) if d != dim % v.ndim)
    return (v * v).sum(rest, keepdim=True).sqrt() if rest else v.abs()


class _Renewed:
    """A hook that sets an attribute before each call of its module."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.handle: Any = None

    def compute(self, module: Module) -> Tensor:
        """What the attribute becomes."""
        raise NotImplementedError

    def __call__(self, module: Module, inputs: Any) -> None:
        setattr(module, self.name, self.compute(module))


class _WeightNorm(_Renewed):
    def __init__(self, name: str, dim: int | None) -> None:
        super().__init__(name)
        self.dim = dim

    def compute(self, module: Module) -> Tensor:
        g: Tensor = getattr(module, self.name + "_g")
        v: Tensor = getattr(module, self.name + "_v")
        return v * (g / norm_except(v, self.dim))


def weight_norm(module: M, name: str = "weight", dim: int | None = 0) -> M:
    """Replace a parameter by its length (name_g) and its direction (name_v).

    Args:
        module: the module.
        name: of the parameter.
        dim: along which each slice has a length of its own; None for one length.

    Source: T. Salimans, D. P. Kingma, "Weight normalization", NeurIPS 2016.
    Follows torch.nn.utils.weight_norm.

    >>> import fastgrad as torch
    >>> layer = torch.nn.utils.weight_norm(torch.nn.Linear(20, 40))
    >>> layer.weight_g.shape, layer.weight_v.shape
    (torch.Size([40, 1]), torch.Size([40, 20]))
    """
    hook = _WeightNorm(name, dim)
    weight = _taken(module, name, hook)
    module.register_parameter(name + "_g", Parameter(norm_except(weight, dim).detach()))
    module.register_parameter(name + "_v", Parameter(weight.detach()))
    return _attached(module, hook)


def remove_weight_norm(module: M, name: str = "weight") -> M:
    """Make a parameter of what :func:`weight_norm` split.

    Raises:
        ValueError: the module has no such normalization.

    Follows torch.nn.utils.remove_weight_norm.

    >>> import fastgrad as torch
    >>> layer = torch.nn.utils.weight_norm(torch.nn.Linear(2, 1))
    >>> sorted(torch.nn.utils.remove_weight_norm(layer).state_dict())
    ['bias', 'weight']
    """
    return _detached(module, name, _WeightNorm, ("_g", "_v"), "weight_norm")


class _SpectralNorm(_Renewed):
    def __init__(self, name: str, steps: int, dim: int, eps: float) -> None:
        if steps <= 0:
            raise ValueError(
                f"Expected n_power_iterations to be positive, but got n_power_iterations={steps}"
            )
        super().__init__(name)
        self.steps, self.dim, self.eps = steps, dim, eps

    def matrix(self, weight: Tensor) -> Tensor:
        """The weight as a matrix, with `dim` first."""
        return weight.movedim(self.dim, 0).reshape(weight.shape[self.dim], -1)

    def compute(self, module: Module) -> Tensor:
        weight: Tensor = getattr(module, self.name + "_orig")
        u: Tensor = getattr(module, self.name + "_u")
        v: Tensor = getattr(module, self.name + "_v")
        matrix = self.matrix(weight)
        if module.training:
            self.iterate(matrix, u, v)
            u, v = u.clone(), v.clone()
        return weight / dot(u, mv(matrix, v))

    def iterate(self, matrix: Tensor, u: Tensor, v: Tensor) -> None:
        """Move u and v, in place, towards the singular vectors of the largest singular value."""
        with no_grad():
            for _ in range(self.steps):
                v.copy_(normalize(mv(matrix.t(), u), dim=0, eps=self.eps))
                u.copy_(normalize(mv(matrix, v), dim=0, eps=self.eps))


def spectral_norm(
    module: M,
    name: str = "weight",
    n_power_iterations: int = 1,
    eps: float = 1e-12,
    dim: int | None = None,
) -> M:
    """Divide a parameter by its largest singular value, estimated by power iteration.

    Args:
        module: the module.
        name: of the parameter, which is then kept as name_orig.
        n_power_iterations: the steps of each call in training.
        eps: the least length of the vectors.
        dim: which dimension are the outputs; by default 1 for transposed convolutions, else 0.

    Raises:
        ValueError: `n_power_iterations` is not positive.

    Source: T. Miyato et al., "Spectral normalization for generative adversarial networks", ICLR
    2018. Follows torch.nn.utils.spectral_norm.

    >>> import fastgrad as torch
    >>> layer = torch.nn.utils.spectral_norm(torch.nn.Linear(20, 40))
    >>> layer.weight_u.size()
    torch.Size([40])
    """
    dim = outputs_dim(module) if dim is None else dim
    hook = _SpectralNorm(name, n_power_iterations, dim, eps)
    weight = _taken(module, name, hook)
    with no_grad():
        rows, columns = hook.matrix(weight).shape
        u = normalize(weight.new_empty(rows).normal_(0, 1), dim=0, eps=eps)
        v = normalize(weight.new_empty(columns).normal_(0, 1), dim=0, eps=eps)
    module.register_parameter(name + "_orig", weight)
    module.register_buffer(name + "_u", u)
    module.register_buffer(name + "_v", v)
    setattr(module, name, weight.detach())
    module.register_forward_pre_hook(hook)
    return module


def outputs_dim(module: Module) -> int:
    """Which dimension of a layer's weight are its outputs."""
    return 1 if getattr(module, "transposed", False) else 0


def remove_spectral_norm(module: M, name: str = "weight") -> M:
    """Make a parameter of what :func:`spectral_norm` divided.

    Raises:
        ValueError: the module has no such normalization.

    Follows torch.nn.utils.remove_spectral_norm.

    >>> import fastgrad as torch
    >>> layer = torch.nn.utils.spectral_norm(torch.nn.Linear(2, 1))
    >>> sorted(torch.nn.utils.remove_spectral_norm(layer).state_dict())
    ['bias', 'weight']
    """
    return _detached(module, name, _SpectralNorm, ("_orig", "_u", "_v"), "spectral_norm")


def _taken(module: Module, name: str, hook: _Renewed) -> Parameter:
    """The parameter, no longer one of the module's."""
    for other in module._forward_pre_hooks.values():
        if type(other) is type(hook) and getattr(other, "name", None) == name:
            raise RuntimeError(f"Cannot register two such hooks on the same parameter {name}")
    weight = module.get_parameter(name)
    delattr(module, name)
    return weight


def _attached(module: M, hook: _Renewed) -> M:
    setattr(module, hook.name, hook.compute(module))
    module.register_forward_pre_hook(hook)
    return module


def _detached(
    module: M, name: str, kind: type[_Renewed], endings: tuple[str, ...], function: str
) -> M:
    for key, hook in module._forward_pre_hooks.items():
        if isinstance(hook, kind) and hook.name == name:
            with no_grad():
                weight = hook.compute(module).detach()
            vars(module).pop(name, None)
            for ending in endings:
                delattr(module, name + ending)
            module.register_parameter(name, Parameter(weight))
            del module._forward_pre_hooks[key]
            return module
    raise ValueError(f"{function} of '{name}' not found in {type(module).__name__}")
