"""Running a program in which PyTorch's modules may become fastgrad's."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOTS = ("torch", "torchvision", "d2l")


def without_pytorch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Until the test ends, PyTorch was not imported; afterwards all is as it was."""
    for name in [name for name in sys.modules if name.split(".")[0] in ROOTS]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])
    monkeypatch.setattr(sys, "argv", sys.argv[:])
    monkeypatch.setattr(sys, "path", sys.path[:])


def run_script(path: Path, *arguments: str, module: str = "fastgrad", command: str = "run"):
    """`fastgrad run` of a file, in its folder: the finished process, with what it printed."""
    words = [command] if command else []
    return subprocess.run(
        [sys.executable, "-m", module, *words, path.name, *arguments],
        cwd=path.parent,
        capture_output=True,
        text=True,
        timeout=120,
    )
