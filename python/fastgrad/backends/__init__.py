"""Switches of the libraries that PyTorch computes with, most of which are not used here.

Scripts set them (``torch.backends.cudnn.benchmark = True``) and read them back; nothing changes but
by ``torch.backends.cuda.matmul.allow_tf32``. Follows torch.backends.
"""

from fastgrad.backends import cuda, cudnn, mps

__all__ = ["cuda", "cudnn", "mps"]
