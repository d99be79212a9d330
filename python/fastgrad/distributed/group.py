"""Groups of processes: the one of all of them, which is made first, and parts of it."""

from __future__ import annotations

import atexit
import os
import sys
from datetime import timedelta

from . import mpi
from .errors import DistBackendError, DistError
from .work import Work
from .world import World

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType
    from typing import Any

    from .work import AnySteps

TIMEOUT = timedelta(minutes=30)
TIMEOUT_VARIABLE = "FASTGRAD_DISTRIBUTED_TIMEOUT"  # seconds; set by `fastgrad launch --timeout`
_CALLS = 1 << 18  # of a group may be under way at once, far apart: their numbers begin anew
_ELSEWHERE = {
    "nccl": "which moves CUDA tensors; fastgrad computes on CPUs: use backend='mpi'",
    "gloo": "which is PyTorch's; use backend='mpi', and start the processes with mpiexec or "
    "fastgrad launch instead of torchrun",
}


class ProcessGroup:
    """Some of the processes, numbered from 0 in the group. Made by ``new_group``.

    Follows ``torch.distributed.ProcessGroup``.
    """

    def __init__(self, world: World, number: int, ranks: Sequence[int], timeout: timedelta) -> None:
        self.world = world
        self.number = number
        self.ranks = list(ranks)
        self.timeout = timeout
        self._calls = 0

    def rank(self) -> int:
        """The number of this process in the group, -1 if it is no part of it."""
        return self.ranks.index(self.world.rank) if self.world.rank in self.ranks else -1

    def size(self) -> int:
        """How many processes it has."""
        return len(self.ranks)

    def run(self, call: str, steps: Any) -> Work:
        """Start ``steps(tag, words)``, this group's next collective operation."""
        self._calls += 1
        words = f"{call} (call {self._calls}{f' of group {self.number}' if self.number else ''})"
        tag = self.tag(self._calls % _CALLS)
        return self.start(words, steps(tag, words))

    def start(self, words: str, steps: AnySteps) -> Work:
        """Start an operation."""
        return Work(self.world, words, steps, self.timeout.total_seconds())

    def tag(self, number: int) -> int:
        """A tag that is this group's own."""
        if not 0 <= number < _CALLS:
            raise ValueError(f"a tag must be at least 0 and below {_CALLS}, got {number}")
        return self.number * _CALLS + number

    def place(self, rank: int, what: str) -> int:
        """The number in the group of a process given by its rank among all."""
        if rank not in self.ranks:
            raise ValueError(
                f"{what}: rank {rank} is not in the group, which has the ranks {self.ranks}"
            )
        return self.ranks.index(rank)


class _State:
    """What init_process_group() makes and destroy_process_group() forgets."""

    def __init__(self) -> None:
        self.world: World | None = None  # MPI is started once in a process
        self.groups: list[ProcessGroup] = []
        self.hook: Any = None


_state = _State()


def is_available() -> bool:
    """Whether processes can work together: mpi4py is installed.

    Follows ``torch.distributed.is_available``.

    >>> from fastgrad import distributed as dist
    >>> dist.is_available()
    True
    """
    return mpi.is_installed()


def is_mpi_available() -> bool:
    """The same as :func:`is_available`. Follows ``torch.distributed.is_mpi_available``.

    >>> from fastgrad import distributed as dist
    >>> dist.is_mpi_available()
    True
    """
    return mpi.is_installed()


def is_nccl_available() -> bool:
    """False: tensors are on CPUs. Follows ``torch.distributed.is_nccl_available``.

    >>> from fastgrad import distributed as dist
    >>> dist.is_nccl_available()
    False
    """
    return False


def is_gloo_available() -> bool:
    """False: MPI takes its place. Follows ``torch.distributed.is_gloo_available``.

    >>> from fastgrad import distributed as dist
    >>> dist.is_gloo_available()
    False
    """
    return False


def is_initialized() -> bool:
    """Whether there is a process group. Follows ``torch.distributed.is_initialized``.

    >>> from fastgrad import distributed as dist
    >>> dist.is_initialized()
    False
    """
    return bool(_state.groups)


def is_torchelastic_launched() -> bool:
    """False: ``torchrun`` does not start processes of MPI.

    Follows ``torch.distributed.is_torchelastic_launched``.

    >>> from fastgrad import distributed as dist
    >>> dist.is_torchelastic_launched()
    False
    """
    return False


def init_process_group(
    backend: str | None = None,
    init_method: str | None = None,
    timeout: timedelta | None = None,
    world_size: int = -1,
    rank: int = -1,
    store: None = None,
    group_name: str = "",
    pg_options: None = None,
    device_id: None = None,
) -> None:
    """Join the other processes that were started with this one. All of them call it once.

    The processes are those that MPI's launcher started (``mpiexec``, ``srun``, ``fastgrad
    launch``); without it there is this one only. Under MPI an error that nobody catches ends all
    processes of the run, and so none waits for one that is gone.

    Args:
        backend: "mpi", or None for it.
        init_method: "env://" or None: MPI brings the processes together by itself.
        timeout: how long an operation waits for the other ranks; 30 minutes unless told here or by
            ``fastgrad launch --timeout``.
        world_size, rank: where given, checked against what MPI says.
        store, group_name, pg_options, device_id: of no consequence, as with PyTorch's MPI.

    Raises:
        ValueError: the backend is none of this build's, or there is a process group already.
        ModuleNotFoundError: mpi4py is missing; the message names the extra that brings it.
        DistBackendError: MPI is missing, or says another rank or world size.

    Follows ``torch.distributed.init_process_group``.

    >>> from fastgrad import distributed as dist
    >>> dist.init_process_group("mpi")
    >>> dist.get_rank(), dist.get_world_size()
    (0, 1)
    >>> dist.destroy_process_group()
    """
    _check_backend(backend)
    if init_method not in (None, "env://"):
        raise ValueError(
            f"init_process_group: init_method {init_method!r} is for backends that connect "
            "processes themselves; leave it out: MPI's launcher has done it"
        )
    if _state.groups:
        raise ValueError("trying to initialize the default process group twice!")
    world = _state.world or World()
    _check_place(world, rank, world_size)
    _state.world = world
    _state.groups = [ProcessGroup(world, 0, range(world.size), timeout or default_timeout())]
    for name, value in (("RANK", world.rank), ("WORLD_SIZE", world.size)):
        os.environ.setdefault(name, str(value))
    place = mpi.local_place()
    os.environ.setdefault("LOCAL_RANK", str(place[0] if place else 0))
    if world.size > 1 and _state.hook is None:
        _state.hook = sys.excepthook
        sys.excepthook = _stop_everybody


def default_timeout() -> timedelta:
    """What operations wait unless told: what the launcher says, else 30 minutes."""
    told = os.environ.get(TIMEOUT_VARIABLE)
    return TIMEOUT if told is None else timedelta(seconds=float(told))


def _check_backend(backend: str | None) -> None:
    name = "mpi" if backend is None else backend.lower()
    if name in _ELSEWHERE:
        raise ValueError(
            f"init_process_group: there is no backend {name!r} here, {_ELSEWHERE[name]}"
        )
    if name != "mpi":
        raise ValueError(f"init_process_group: unknown backend {backend!r}; the only one is 'mpi'")


def _check_place(world: World, rank: int, size: int) -> None:
    """An error where the caller or torchrun's variables say something else than MPI."""
    for name, told, found in (
        ("rank", rank, world.rank),
        ("world_size", size, world.size),
        ("RANK", int(os.environ.get("RANK", -1)), world.rank),
        ("WORLD_SIZE", int(os.environ.get("WORLD_SIZE", -1)), world.size),
    ):
        if told not in (-1, found):
            count = told if name.lower() == "world_size" else "N"
            raise DistBackendError(
                f"init_process_group: {name} is {told}, but MPI says {found}: this process was not "
                f"started by MPI's launcher as one of so many; use {mpi.START.format(count, count)}"
            )


def _stop_everybody(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    """Show the error as ever, then end the other processes too: they would wait for this one."""
    _state.hook(kind, error, trace)
    world = _state.world
    if world is not None and _state.groups:
        print(
            f"fastgrad.distributed: rank {world.rank} of {world.size} stops on this error"
            f" ({kind.__name__}), and the other ranks with it",
            file=sys.stderr,
        )
        world.abort()


@atexit.register
def _leave() -> None:
    """Drop the groups: MPI's own end follows."""
    _state.groups = []


def destroy_process_group(group: ProcessGroup | None = None) -> None:
    """Forget a group, or all of them. Other processes are not waited for.

    Follows ``torch.distributed.destroy_process_group``.

    >>> from fastgrad import distributed as dist
    >>> dist.init_process_group()
    >>> dist.destroy_process_group()
    >>> dist.is_initialized()
    False
    """
    found = resolve(group)
    if found.number == 0:
        _state.groups = []
    else:
        found.ranks = []


def resolve(group: ProcessGroup | None) -> ProcessGroup:
    """The group that is meant: that of all processes unless told."""
    if not _state.groups:
        raise ValueError(
            "Default process group has not been initialized, please make sure to call "
            "init_process_group."
        )
    if group is None:
        return _state.groups[0]
    if not isinstance(group, ProcessGroup):
        raise TypeError(f"expected a group made by new_group(), got {type(group).__name__}")
    if group.world is not _state.world or not group.ranks:
        raise ValueError("the group was destroyed")
    return group


def new_group(
    ranks: Sequence[int] | None = None,
    timeout: timedelta | None = None,
    backend: str | None = None,
    pg_options: None = None,
    use_local_synchronization: bool = False,
    group_desc: str | None = None,
) -> ProcessGroup:
    """A group of some of the processes. All processes call it, also those that are no part.

    Args:
        ranks: their ranks; all by default. The group numbers them in increasing order.
        timeout: how long its operations wait; that of all processes by default.
        backend: "mpi", or None for it.

    Raises:
        ValueError: a rank is given twice or does not exist.

    Follows ``torch.distributed.new_group``; a process that is no part of the group gets it too, and
    an error if it uses it.

    >>> from fastgrad import distributed as dist
    >>> dist.init_process_group()
    >>> group = dist.new_group([0])
    >>> dist.get_world_size(group)
    1
    >>> dist.destroy_process_group()
    """
    _check_backend(backend)
    everyone = resolve(None)
    chosen = sorted(everyone.ranks if ranks is None else ranks)
    if len(set(chosen)) < len(chosen) or not set(chosen) <= set(everyone.ranks):
        raise ValueError(
            f"new_group: expected different ranks from 0 to {everyone.size() - 1}, got {chosen}"
        )
    number = len(_state.groups)
    if (number + 1) * _CALLS > everyone.world.tags:
        raise DistError(f"new_group: MPI's tags are enough for {number} groups; reuse them")
    group = ProcessGroup(everyone.world, number, chosen, timeout or everyone.timeout)
    _state.groups.append(group)
    return group


def get_rank(group: ProcessGroup | None = None) -> int:
    """The number of this process in the group, -1 if it is no part of it.

    Follows ``torch.distributed.get_rank``.

    >>> from fastgrad import distributed as dist
    >>> dist.init_process_group()
    >>> dist.get_rank()
    0
    >>> dist.destroy_process_group()
    """
    return resolve(group).rank()


def get_world_size(group: ProcessGroup | None = None) -> int:
    """How many processes the group has, -1 if this one is no part of it.

    Follows ``torch.distributed.get_world_size``.

    >>> from fastgrad import distributed as dist
    >>> dist.init_process_group()
    >>> dist.get_world_size()
    1
    >>> dist.destroy_process_group()
    """
    found = resolve(group)
    return found.size() if found.rank() >= 0 else -1


def get_backend(group: ProcessGroup | None = None) -> str:
    """The name of the group's backend. Follows ``torch.distributed.get_backend``.

    >>> from fastgrad import distributed as dist
    >>> dist.init_process_group()
    >>> dist.get_backend()
    'mpi'
    >>> dist.destroy_process_group()
    """
    resolve(group)
    return "mpi"
