"""Switches of the libraries that PyTorch computes with, none of which is used here.

Scripts set them (``torch.backends.cudnn.benchmark = True``) and read them back; nothing changes.
Follows torch.backends.
"""

from fastgrad.backends import cuda, cudnn, mps

__all__ = ["cuda", "cudnn", "mps"]
