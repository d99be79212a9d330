"""Switches of CUDA's matrix products, which are not used here: they are kept and change nothing."""

from types import SimpleNamespace

__all__ = ["is_built", "matmul"]

matmul = SimpleNamespace(allow_tf32=False, allow_fp16_reduced_precision_reduction=True)


def is_built() -> bool:
    """Whether this build could use CUDA: no.

    >>> import fastgrad as torch
    >>> torch.backends.cuda.is_built()
    False
    """
    return False
