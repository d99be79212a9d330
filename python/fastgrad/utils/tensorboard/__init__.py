"""Curves, pictures and histograms in files that TensorBoard opens. Follows torch.utils.tensorboard.

The files are written without the package ``tensorboard``; it is only needed to look at them.
"""

from fastgrad.utils.tensorboard.writer import SummaryWriter

__all__ = ["SummaryWriter"]
