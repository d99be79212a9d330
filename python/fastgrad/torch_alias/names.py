"""Where PyTorch's modules are at home in fastgrad."""

from __future__ import annotations

import sys
from importlib.util import find_spec

DOCUMENTATION = "docs/courses.md"

# Everything below these names goes to the same path below their homes,
ROOTS = {"torch": "fastgrad", "torchvision": "fastgrad.vision", "d2l": "fastgrad.d2l"}
# except for modules that have another place here.
MOVED = {
    "d2l.torch": "fastgrad.d2l",
    "torch.nn.modules.batchnorm": "fastgrad.nn.modules.batch_norm",
    "torch.nn.modules.instancenorm": "fastgrad.nn.modules.batch_norm",
    "torch.nn.modules.module": "fastgrad.nn.module",
    "torch.nn.modules.normalization": "fastgrad.nn.modules.norm",
    "torch.nn.modules.padding": "fastgrad.nn.modules.pad",
    "torch.nn.modules.pooling": "fastgrad.nn.modules.pool",
    "torch.nn.modules.sparse": "fastgrad.nn.modules.embedding",
    "torch.distributed.distributed_c10d": "fastgrad.distributed",
    "torch.optim.adamw": "fastgrad.optim.adam",
    "torch.serialization": "fastgrad.io",
    "torch.utils.data.dataloader": "fastgrad.utils.data.loader",
    "torch.utils.model_zoo": "fastgrad.hub",
    "torchvision.io.image": "fastgrad.vision.io",
    "torchvision.models.mobilenetv2": "fastgrad.vision.models.mobilenet",
}
# Modules whose `__name__` is fastgrad's, because scripts compare it with their classes'.
NAMED_AS_HERE = frozenset({"torch.optim.lr_scheduler"})
# The versions of PyTorch whose API is followed, for scripts that compare.
FOLLOWED = {"torch": "2.13.0", "torchvision": "0.28.0"}
# What fastgrad's root has for itself, or under a name that means something else in PyTorch.
_OWN = frozenset(
    (
        *("bench", "cli", "d2l", "io", "limits", "measure", "nan_guard", "ops", "printing"),
        *("sklearn", "switches", "tensor_types", "text", "torch_alias", "train"),
        *("viz", "vision"),
        *("load_ipython_extension", "unload_ipython_extension"),
    )
)


def is_aliased(name: str) -> bool:
    """Whether a module of this name is looked for in fastgrad."""
    return name.partition(".")[0] in ROOTS


def home_of(name: str) -> str:
    """The module of fastgrad that stands for one of PyTorch's, whether it exists or not."""
    rest: list[str] = []
    head = name
    while head not in MOVED and "." in head:
        head, _, last = head.rpartition(".")
        rest.insert(0, last)
    return ".".join([MOVED.get(head) or ROOTS[head], *rest])


def module_exists(name: str) -> bool:
    """Whether fastgrad has a module for one of PyTorch's."""
    home = home_of(name)
    if not is_shown(name):
        return False
    try:
        return home in sys.modules or find_spec(home) is not None
    except ModuleNotFoundError:  # what lies above it is no package
        return False


def is_shown(name: str) -> bool:
    """Whether a path such as ``torch.nn.Linear`` names something of PyTorch's kind."""
    root, *rest = name.split(".")
    private = any(part.startswith("_") and not part.endswith("__") for part in rest[:-1])
    return not private and not (root == "torch" and rest[:1] and rest[0] in _OWN)
