"""The layers and losses, one file per kind; a file is imported when a name of it is first used."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .activation import *
    from .batch_norm import *
    from .container import *
    from .conv import *
    from .dropout import *
    from .flatten import *
    from .linear import *
    from .loss import *
    from .norm import *
    from .pool import *
    from .pool_average import *

# The names of each file: importing all of them would take a third of the time of the package.
_NAMES = {
    "activation": "LogSoftmax ReLU Sigmoid Softmax Tanh",
    "batch_norm": """
        BatchNorm1d BatchNorm2d BatchNorm3d InstanceNorm1d InstanceNorm2d InstanceNorm3d""",
    "container": "ModuleDict ModuleList Sequential",
    "conv": "Conv1d Conv2d Conv3d ConvTranspose1d ConvTranspose2d ConvTranspose3d",
    "dropout": "Dropout",
    "flatten": "Flatten Unflatten",
    "linear": "Identity Linear",
    "loss": "BCELoss BCEWithLogitsLoss CrossEntropyLoss L1Loss MSELoss NLLLoss",
    "norm": "GroupNorm LayerNorm LocalResponseNorm RMSNorm",
    "pool": """
        AdaptiveMaxPool1d AdaptiveMaxPool2d AdaptiveMaxPool3d MaxPool1d MaxPool2d MaxPool3d
        MaxUnpool1d MaxUnpool2d MaxUnpool3d""",
    "pool_average": """
        AdaptiveAvgPool1d AdaptiveAvgPool2d AdaptiveAvgPool3d AvgPool1d AvgPool2d AvgPool3d
        LPPool1d LPPool2d LPPool3d""",
}
_HOMES = {name: home for home, names in _NAMES.items() for name in names.split()}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES and name not in _NAMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    home = import_module(f"{__name__}.{_HOMES.get(name, name)}")
    found = home if name in _NAMES else getattr(home, name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
