"""CUDA devices: which there are, their memory, streams, events and graphs. Follows torch.cuda.

Where there is none, what a script asks before it goes to a GPU answers "no"; what only makes sense
on one raises PyTorch's error.
"""

from __future__ import annotations

from fastgrad.cuda import _devices, _graphs, _memory, _random, _streams, amp
from fastgrad.cuda._devices import *  # noqa: F403
from fastgrad.cuda._graphs import *  # noqa: F403
from fastgrad.cuda._memory import *  # noqa: F403
from fastgrad.cuda._random import *  # noqa: F403
from fastgrad.cuda._streams import *  # noqa: F403

__all__ = ["amp"]
__all__ += _devices.__all__ + _graphs.__all__ + _memory.__all__ + _random.__all__ + _streams.__all__
