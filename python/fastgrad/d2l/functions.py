"""The names that the books' text puts in place of each framework's own functions."""

from __future__ import annotations

from typing import Any

import fastgrad as torch
from fastgrad import (
    abs as abs,
)
from fastgrad import (
    arange as arange,
)
from fastgrad import (
    argmax as argmax,
)
from fastgrad import (
    concat as concat,
)
from fastgrad import (
    cos as cos,
)
from fastgrad import (
    cosh as cosh,
)
from fastgrad import (
    exp as exp,
)
from fastgrad import (
    eye as eye,
)
from fastgrad import (
    float32 as float32,
)
from fastgrad import (
    int32 as int32,
)
from fastgrad import (
    int64 as int64,
)
from fastgrad import (
    linspace as linspace,
)
from fastgrad import (
    log as log,
)
from fastgrad import (
    matmul as matmul,
)
from fastgrad import (
    meshgrid as meshgrid,
)
from fastgrad import (
    normal as normal,
)
from fastgrad import (
    ones as ones,
)
from fastgrad import (
    ones_like as ones_like,
)
from fastgrad import (
    rand as rand,
)
from fastgrad import (
    randn as randn,
)
from fastgrad import (
    sin as sin,
)
from fastgrad import (
    sinh as sinh,
)
from fastgrad import (
    stack as stack,
)
from fastgrad import (
    tanh as tanh,
)
from fastgrad import (
    tensor as tensor,
)
from fastgrad import (
    zeros as zeros,
)
from fastgrad import (
    zeros_like as zeros_like,
)

bool = torch.bool
batch_matmul = torch.bmm


def numpy(x: torch.Tensor, *args: Any, **kwargs: Any) -> Any:
    """The numbers as an array, without the gradient's history."""
    return x.detach().numpy(*args, **kwargs)


def size(x: torch.Tensor, *args: Any) -> int:
    """The number of elements."""
    return x.numel(*args)


def astype(x: torch.Tensor, *args: Any) -> Any:
    """``x.type(dtype)``."""
    return x.type(*args)


def transpose(x: torch.Tensor) -> torch.Tensor:
    """``x.t()``."""
    return x.t()


def _method(name: str) -> Any:
    def call(x: torch.Tensor, *args: Any, **kwargs: Any) -> Any:
        return getattr(x, name)(*args, **kwargs)

    call.__doc__ = f"``x.{name}(...)``."
    return call


reshape, to, repeat, swapaxes = map(_method, ("reshape", "to", "repeat", "swapaxes"))
reduce_sum, reduce_mean = _method("sum"), _method("mean")
expand_dims = _method("unsqueeze")
sync = torch.cuda.synchronize
