"""DLPack, the exchange of arrays among libraries. Follows torch.utils.dlpack."""

from typing import Any

from fastgrad import Tensor, from_dlpack

__all__ = ["from_dlpack", "to_dlpack"]


def to_dlpack(tensor: Tensor) -> Any:
    """A DLPack capsule (of DLPack before version 1) of a tensor's memory, to be used once.

    Raises:
        BufferError: the tensor requires grad, or its memory is read-only.

    Follows ``torch.utils.dlpack.to_dlpack``.

    >>> import fastgrad as torch
    >>> capsule = torch.utils.dlpack.to_dlpack(torch.ones(2))
    >>> torch.utils.dlpack.from_dlpack(capsule)
    tensor([1., 1.])
    """
    return tensor.__dlpack__()
