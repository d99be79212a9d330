"""Several processes train one model, on one machine or many: tensors go between them over MPI.

A script is started once for each process, by ``fastgrad launch -n 2 script.py``, ``mpiexec`` or
Slurm's ``srun``. What has to be installed, and how a job looks on a cluster, is in the page
"Several processes". Follows torch.distributed with its backend "mpi".

>>> import fastgrad as torch
>>> from fastgrad import distributed as dist
>>> dist.init_process_group()
>>> x = torch.ones(2)
>>> dist.all_reduce(x)
>>> dist.destroy_process_group()
"""

from fastgrad.distributed.direct import irecv, isend, recv, send
from fastgrad.distributed.errors import DistBackendError, DistError
from fastgrad.distributed.functions import all_reduce, barrier, broadcast, reduce
from fastgrad.distributed.group import (
    ProcessGroup,
    destroy_process_group,
    get_backend,
    get_rank,
    get_world_size,
    init_process_group,
    is_available,
    is_gloo_available,
    is_initialized,
    is_mpi_available,
    is_nccl_available,
    is_torchelastic_launched,
    new_group,
)
from fastgrad.distributed.lists import (
    all_gather,
    all_gather_into_tensor,
    all_to_all,
    gather,
    reduce_scatter,
    reduce_scatter_tensor,
    scatter,
)
from fastgrad.distributed.objects import all_gather_object, broadcast_object_list, on_first_rank
from fastgrad.distributed.reduce_op import ReduceOp
from fastgrad.distributed.work import Work

__all__ = [
    "DistBackendError",
    "DistError",
    "ProcessGroup",
    "ReduceOp",
    "Work",
    "all_gather",
    "all_gather_into_tensor",
    "all_gather_object",
    "all_reduce",
    "all_to_all",
    "barrier",
    "broadcast",
    "broadcast_object_list",
    "destroy_process_group",
    "gather",
    "get_backend",
    "get_rank",
    "get_world_size",
    "init_process_group",
    "irecv",
    "is_available",
    "is_gloo_available",
    "is_initialized",
    "is_mpi_available",
    "is_nccl_available",
    "is_torchelastic_launched",
    "isend",
    "new_group",
    "on_first_rank",
    "recv",
    "reduce",
    "reduce_scatter",
    "reduce_scatter_tensor",
    "scatter",
    "send",
]
