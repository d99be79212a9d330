"""A module on several GPUs: without GPUs it runs as it is. Follows torch.nn.parallel."""

from __future__ import annotations

from ..module import Module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from fastgrad._types import Place

__all__ = ["DataParallel", "data_parallel", "scatter"]


class DataParallel(Module):
    """Runs `module` on a part of the batch on each GPU. There are none, so it runs on the whole.

    Args:
        module: the module; it becomes the attribute ``module``, so that its names in the state
            dict begin with ``module.``.
        device_ids, output_device, dim: of no consequence without GPUs, as in PyTorch.

    Follows ``torch.nn.DataParallel``.

    >>> import fastgrad as torch
    >>> net = torch.nn.DataParallel(torch.nn.Linear(3, 2))
    >>> net(torch.ones(4, 3)).shape, list(net.state_dict())
    (torch.Size([4, 2]), ['module.weight', 'module.bias'])
    """

    def __init__(
        self,
        module: Module,
        device_ids: Sequence[Place] | None = None,
        output_device: Place | None = None,
        dim: int = 0,
    ) -> None:
        super().__init__()
        self.module = module
        self.device_ids: list[Place] = []

    def forward(self, *inputs: Any, **kwargs: Any) -> Any:
        """What the module gives."""
        return self.module(*inputs, **kwargs)


def data_parallel(
    module: Module,
    inputs: Any,
    device_ids: Sequence[Place] | None = None,
    output_device: Place | None = None,
    dim: int = 0,
    module_kwargs: dict[str, Any] | None = None,
) -> Any:
    """Call `module` on a part of the batch on each GPU; without any, on the whole.

    Follows ``torch.nn.parallel.data_parallel``, which raises an error without GPUs.

    >>> import fastgrad as torch
    >>> torch.nn.parallel.data_parallel(torch.nn.Identity(), torch.ones(2))
    tensor([1., 1.])
    """
    inputs = inputs if isinstance(inputs, tuple) else (inputs,)
    return module(*inputs, **(module_kwargs or {}))


def scatter(inputs: Any, target_gpus: Sequence[Place], dim: int = 0) -> Any:
    """Split a batch over GPUs.

    Raises:
        RuntimeError: there are no GPUs.

    Follows ``torch.nn.parallel.scatter``.

    >>> import fastgrad as torch
    >>> torch.nn.parallel.scatter(torch.ones(2), [])
    Traceback (most recent call last):
    RuntimeError: ...
    """
    raise RuntimeError(
        f"scatter: expected GPUs, but none of {list(target_gpus)} is here; use the batch as it is"
    )
