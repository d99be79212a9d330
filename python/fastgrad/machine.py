"""What a report of a fault, of a speed or of a training run says of versions and the machine."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version

from fastgrad import _core

DEPENDENCIES = ("numpy", "safetensors")
EXTRAS = {
    "train": ("matplotlib", "scikit-learn", "tqdm"),
    "vision": ("pillow",),
}
_MEMORY_LIMITS = (
    "/sys/fs/cgroup/memory.max",
    "/sys/fs/cgroup/memory/memory.limit_in_bytes",
)


def facts() -> Iterator[tuple[str, str]]:
    """Names and values: versions, system, instruction set, threads, memory, dependencies."""
    build = _core.build_info()
    yield "fastgrad", _core.__version__
    yield "Python", f"{platform.python_version()} ({platform.python_implementation()})"
    yield "system", f"{platform.system()} {platform.machine()}"
    yield "compiler", str(build["compiler"])
    yield "instruction set", f"{build['isa']} (of {', '.join(build['isas'])}; FASTGRAD_ISA chooses)"
    yield "threads", str(_core.get_num_threads())
    yield "memory", _memory()
    yield "CUDA", "built in" if build["cuda"] else "not built in"
    for name in DEPENDENCIES:
        yield name, _version(name)
    for extra, names in EXTRAS.items():
        found = ", ".join(f"{name} {_version(name)}" for name in names)
        yield f"extra [{extra}]", found


def in_notebook() -> bool:
    """Whether what is displayed appears under the cell of a notebook."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return type(shell).__name__ == "ZMQInteractiveShell"


def _memory() -> str:
    """How much memory the process may use: the machine's, or what a container leaves of it."""
    if "SC_PHYS_PAGES" not in getattr(os, "sysconf_names", {}):
        return "unknown"
    size = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    for path in _MEMORY_LIMITS:
        try:
            with open(path) as file:
                limit = file.read().strip()
        except OSError:
            continue
        if limit.isdecimal():  # "max" where there is no limit
            size = min(size, int(limit))
    return f"{size / 2**30:.1f} GiB"


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"
