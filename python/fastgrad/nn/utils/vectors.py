"""Parameters as one vector."""

from __future__ import annotations

from ... import Tensor, cat
from .._registry import type_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable


def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """All elements of the parameters, in order, as one vector.

    Follows torch.nn.utils.parameters_to_vector.

    >>> import fastgrad as torch
    >>> torch.nn.utils.parameters_to_vector([torch.ones(2), torch.zeros(1, 2)])
    tensor([1., 1., 0., 0.])
    """
    return cat([parameter.reshape(-1) for parameter in parameters])


def vector_to_parameters(vec: Tensor, parameters: Iterable[Tensor]) -> None:
    """Set parameters to the elements of a vector, which `parameters_to_vector` made.

    Raises:
        TypeError: `vec` is not a tensor.
        RuntimeError: it has too few elements.

    Follows torch.nn.utils.vector_to_parameters.

    >>> import fastgrad as torch
    >>> layer = torch.nn.Linear(2, 1)
    >>> torch.nn.utils.vector_to_parameters(torch.tensor([1.0, 2.0, 3.0]), layer.parameters())
    >>> layer.bias.tolist()
    [3.0]
    """
    if not isinstance(vec, Tensor):
        raise TypeError(f"expected torch.Tensor, but got: {type_name(vec)}")
    start = 0
    for parameter in parameters:
        part = vec[start : start + parameter.numel()]
        if part.numel() != parameter.numel():
            raise RuntimeError(
                f"vector_to_parameters: the vector of {vec.numel()} elements is too short for"
                f" these parameters, which go beyond element {start + parameter.numel()}"
            )
        parameter.data = part.view(parameter.shape).detach()
        start += parameter.numel()
