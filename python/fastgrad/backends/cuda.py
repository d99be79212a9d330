"""Switches of CUDA's matrix products. Follows torch.backends.cuda."""

from fastgrad import _core
from fastgrad.switches import get_float32_matmul_precision, set_float32_matmul_precision

__all__ = ["is_built", "matmul"]


class _Products:
    """How products are computed."""

    allow_fp16_reduced_precision_reduction = True  # kept: 16-bit floats are summed in float32

    @property
    def allow_tf32(self) -> bool:
        """Whether float32 may be rounded to TF32; the same switch as
        :func:`fastgrad.set_float32_matmul_precision`."""
        return get_float32_matmul_precision() != "highest"

    @allow_tf32.setter
    def allow_tf32(self, allowed: bool) -> None:
        set_float32_matmul_precision("high" if allowed else "highest")


matmul = _Products()


def is_built() -> bool:
    """Whether this build could use CUDA.

    >>> import fastgrad as torch
    >>> torch.backends.cuda.is_built() or not torch.cuda.is_available()
    True
    """
    return _core.accelerator.is_built()
