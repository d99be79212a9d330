"""The door to mpi4py, which is imported when a process group is made."""

from __future__ import annotations

import os
from importlib.util import find_spec

from .errors import DistBackendError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

INSTALL = "pip install 'fastgrad[mpi]'"
SUPERVISED = "FASTGRAD_SUPERVISED"  # set where a supervisor waits for this process
START = "fastgrad launch -n {} script.py, or mpiexec -n {} python script.py"
# By what launchers tell a process its rank, and how many there are; the first that is set counts.
_STARTED = (
    ("PMI_RANK", "PMI_SIZE"),
    ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"),
    ("MV2_COMM_WORLD_RANK", "MV2_COMM_WORLD_SIZE"),
)
_LOCAL = (
    ("MPI_LOCALRANKID", "MPI_LOCALNRANKS"),
    ("OMPI_COMM_WORLD_LOCAL_RANK", "OMPI_COMM_WORLD_LOCAL_SIZE"),
    ("MV2_COMM_WORLD_LOCAL_RANK", "MV2_COMM_WORLD_LOCAL_SIZE"),
)


def is_installed() -> bool:
    """Whether mpi4py is there; the MPI library below it is looked for when it is loaded."""
    return find_spec("mpi4py") is not None


def load() -> Any:
    """The module ``mpi4py.MPI``, which starts MPI when it is first imported.

    Raises:
        ModuleNotFoundError: mpi4py is missing.
        DistBackendError: mpi4py is there, and no MPI library that it could load.
    """
    if not is_installed():
        raise ModuleNotFoundError(
            f"fastgrad.distributed needs mpi4py and MPI, which an extra brings: {INSTALL}"
        )
    try:
        from mpi4py import MPI
    except (ImportError, RuntimeError) as error:
        raise DistBackendError(
            f"mpi4py is installed, but finds no MPI library ({error}); the extra brings one: "
            f"{INSTALL}"
        ) from error
    return MPI


def started_as(environment: Mapping[str, str] = os.environ) -> tuple[int, int] | None:
    """The rank and the number of processes that an MPI launcher gave this one; None without."""
    return _pair(_STARTED, environment)


def local_place(environment: Mapping[str, str] = os.environ) -> tuple[int, int] | None:
    """The rank and the number of processes on this machine, where the launcher tells."""
    return _pair(_LOCAL, environment)


def _pair(
    names: tuple[tuple[str, str], ...], environment: Mapping[str, str]
) -> tuple[int, int] | None:
    for rank, size in names:
        if rank in environment and size in environment:
            return int(environment[rank]), int(environment[size])
    return None
