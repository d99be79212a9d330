"""Clipping of gradients."""

from __future__ import annotations

from ... import Tensor, linalg, no_grad, stack, tensor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable


def _listed(tensors: Tensor | Iterable[Tensor]) -> list[Tensor]:
    return [tensors] if isinstance(tensors, Tensor) else list(tensors)


def get_total_norm(
    tensors: Tensor | Iterable[Tensor],
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """The norm of all elements of several tensors, as of one vector.

    Args:
        tensors: a tensor or several.
        norm_type: the order of the norm, which may be infinite.
        error_if_nonfinite: raise when the norm is infinite or not a number.
        foreach: accepted; it changes nothing.

    Raises:
        RuntimeError: `error_if_nonfinite`, and it is.

    Follows torch.nn.utils.get_total_norm.

    >>> import fastgrad as torch
    >>> torch.nn.utils.get_total_norm([torch.tensor([3.0]), torch.tensor([4.0])])
    tensor(5.)
    """
    with no_grad():
        order = float(norm_type)
        norms = [linalg.vector_norm(x.detach(), order) for x in _listed(tensors)]
        total = linalg.vector_norm(stack(norms), order) if norms else tensor(0.0)
    if error_if_nonfinite and not total.isfinite().item():
        raise RuntimeError(
            f"The total norm of order {norm_type} for gradients from `parameters` is non-finite, so"
            " it cannot be clipped. To disable this error and scale the gradients by the"
            " non-finite norm anyway, set `error_if_nonfinite=False`"
        )
    return total


def clip_grads_with_norm_(
    parameters: Tensor | Iterable[Tensor],
    max_norm: float,
    total_norm: Tensor,
    foreach: bool | None = None,
) -> None:
    """Scale gradients by max_norm / total_norm where that is less than 1, in place.

    Follows torch.nn.utils.clip_grads_with_norm_.

    >>> import fastgrad as torch
    >>> x = torch.zeros(2, requires_grad=True)
    >>> x.grad = torch.tensor([3.0, 4.0])
    >>> torch.nn.utils.clip_grads_with_norm_(x, 1.0, torch.tensor(5.0))
    >>> x.grad
    tensor([0.6000, 0.8000])
    """
    factor = (max_norm / (total_norm + 1e-6)).clamp(max=1.0)
    with no_grad():
        for gradient in _gradients(parameters):
            gradient.mul_(factor)


def _gradients(parameters: Tensor | Iterable[Tensor]) -> list[Tensor]:
    return [p.grad for p in _listed(parameters) if p.grad is not None]


def clip_grad_norm_(
    parameters: Tensor | Iterable[Tensor],
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """Scale the gradients of parameters so that their norm together is at most `max_norm`.

    Args:
        parameters: a tensor or several.
        max_norm: the largest norm.
        norm_type: the order of the norm, which may be infinite.
        error_if_nonfinite: raise when the norm is infinite or not a number.
        foreach: accepted; it changes nothing.

    Returns:
        The norm before.

    Raises:
        RuntimeError: `error_if_nonfinite`, and it is.

    Follows torch.nn.utils.clip_grad_norm_.

    >>> import fastgrad as torch
    >>> x = torch.zeros(2, requires_grad=True)
    >>> x.grad = torch.tensor([3.0, 4.0])
    >>> torch.nn.utils.clip_grad_norm_([x], max_norm=1.0)
    tensor(5.)
    >>> x.grad
    tensor([0.6000, 0.8000])
    """
    parameters = _listed(parameters)
    total = get_total_norm(_gradients(parameters), norm_type, error_if_nonfinite)
    clip_grads_with_norm_(parameters, float(max_norm), total)
    return total


def clip_grad_value_(
    parameters: Tensor | Iterable[Tensor], clip_value: float, foreach: bool | None = None
) -> None:
    """Cut off the gradients of parameters at -clip_value and clip_value, in place.

    Follows torch.nn.utils.clip_grad_value_.

    >>> import fastgrad as torch
    >>> x = torch.zeros(2, requires_grad=True)
    >>> x.grad = torch.tensor([0.5, -4.0])
    >>> torch.nn.utils.clip_grad_value_([x], 1.0)
    >>> x.grad
    tensor([ 0.5000, -1.0000])
    """
    bound = float(clip_value)
    with no_grad():
        for gradient in _gradients(parameters):
            gradient.clamp_(-bound, bound)
