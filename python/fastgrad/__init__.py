"""fastgrad: PyTorch's everyday API in a small wheel. ``import fastgrad as torch``."""

from __future__ import annotations

from fastgrad import _core as _core
from fastgrad._core import (
    Generator,
    __version__,
    bfloat16,
    bool,
    dtype,
    float16,
    float32,
    float64,
    get_default_dtype,
    get_num_threads,
    int8,
    int16,
    int32,
    int64,
    promote_types,
    result_type,
    set_default_dtype,
    set_num_threads,
    uint8,
)
from fastgrad.device import device
from fastgrad.layout import (
    channels_last,
    channels_last_3d,
    contiguous_format,
    layout,
    memory_format,
    preserve_format,
    strided,
)
from fastgrad.size import Size

from fastgrad.tensor import Tensor  # isort: skip - registers the classes that the extension returns

from fastgrad import autograd, random
from fastgrad import tensor_types as _tensor_types
from fastgrad.autograd.anomaly import is_anomaly_enabled
from fastgrad.autograd.grad_mode import (
    enable_grad,
    inference_mode,
    is_grad_enabled,
    is_inference_mode_enabled,
    no_grad,
    set_grad_enabled,
)
from fastgrad.limits import finfo, iinfo
from fastgrad.ops import activation_kinked as _activation
from fastgrad.ops import addmm as _addmm
from fastgrad.ops import arrangement as _arrangement
from fastgrad.ops import binary as _binary
from fastgrad.ops import broadcast as _broadcast
from fastgrad.ops import calculus as _calculus
from fastgrad.ops import comparison as _comparison
from fastgrad.ops import complex as _complex
from fastgrad.ops import conv as _conv
from fastgrad.ops import conversion as _conversion
from fastgrad.ops import creation as _creation
from fastgrad.ops import diagonal as _diagonal
from fastgrad.ops import distance as _distance
from fastgrad.ops import einsum as _einsum
from fastgrad.ops import embedding as _embedding
from fastgrad.ops import exchange as _exchange
from fastgrad.ops import extremes as _extremes
from fastgrad.ops import histogram as _histogram
from fastgrad.ops import index_put as _index_put
from fastgrad.ops import indexing as _indexing
from fastgrad.ops import joining as _joining
from fastgrad.ops import matmul as _matmul
from fastgrad.ops import metadata as _metadata
from fastgrad.ops import norm as _norm
from fastgrad.ops import power as _power
from fastgrad.ops import products as _products
from fastgrad.ops import random as _random
from fastgrad.ops import ranges as _ranges
from fastgrad.ops import reduction as _reduction
from fastgrad.ops import resize as _resize
from fastgrad.ops import rounding as _rounding
from fastgrad.ops import scan as _scan
from fastgrad.ops import scatter as _scatter
from fastgrad.ops import shape as _shape
from fastgrad.ops import softmax as _softmax
from fastgrad.ops import sort as _sort
from fastgrad.ops import special as _special
from fastgrad.ops import spellings as _spellings
from fastgrad.ops import splitting as _splitting
from fastgrad.ops import statistics as _statistics
from fastgrad.ops import strided as _strided
from fastgrad.ops import ternary as _ternary
from fastgrad.ops import transposition as _transposition
from fastgrad.ops import trigonometry as _trigonometry
from fastgrad.ops import unary as _unary
from fastgrad.ops import unique as _unique
from fastgrad.ops import vector_norm as _vector_norm
from fastgrad.ops.activation_kinked import *
from fastgrad.ops.addmm import *
from fastgrad.ops.arrangement import *
from fastgrad.ops.binary import *
from fastgrad.ops.broadcast import *
from fastgrad.ops.calculus import *
from fastgrad.ops.comparison import *
from fastgrad.ops.complex import *
from fastgrad.ops.conv import *
from fastgrad.ops.conversion import *
from fastgrad.ops.creation import *
from fastgrad.ops.diagonal import *
from fastgrad.ops.distance import *
from fastgrad.ops.einsum import *
from fastgrad.ops.embedding import *
from fastgrad.ops.exchange import *
from fastgrad.ops.extremes import *
from fastgrad.ops.histogram import *
from fastgrad.ops.index_put import *
from fastgrad.ops.indexing import *
from fastgrad.ops.joining import *
from fastgrad.ops.linalg import determinant as _determinant
from fastgrad.ops.linalg import legacy as _legacy
from fastgrad.ops.linalg import norms as _norms
from fastgrad.ops.linalg import powers as _powers
from fastgrad.ops.linalg.determinant import *
from fastgrad.ops.linalg.legacy import *
from fastgrad.ops.linalg.norms import *
from fastgrad.ops.linalg.powers import *
from fastgrad.ops.matmul import *
from fastgrad.ops.metadata import *
from fastgrad.ops.norm import *
from fastgrad.ops.power import *
from fastgrad.ops.products import *
from fastgrad.ops.random import *
from fastgrad.ops.ranges import *
from fastgrad.ops.reduction import *
from fastgrad.ops.resize import *
from fastgrad.ops.rounding import *
from fastgrad.ops.scan import *
from fastgrad.ops.scatter import *
from fastgrad.ops.shape import *
from fastgrad.ops.softmax import *
from fastgrad.ops.sort import *
from fastgrad.ops.special import *
from fastgrad.ops.spellings import *
from fastgrad.ops.splitting import *
from fastgrad.ops.statistics import *
from fastgrad.ops.strided import *
from fastgrad.ops.ternary import *
from fastgrad.ops.transposition import *
from fastgrad.ops.trigonometry import *
from fastgrad.ops.unary import *
from fastgrad.ops.unique import *
from fastgrad.ops.vector_norm import *
from fastgrad.printing import set_printoptions
from fastgrad.random import (
    default_generator,
    get_rng_state,
    initial_seed,
    manual_seed,
    seed,
    set_rng_state,
)
from fastgrad.tensor_types import *

from fastgrad import linalg, nn, optim, special, utils  # isort: skip - they use the names above

__all__ = [
    "Generator",
    "Size",
    "Tensor",
    "__version__",
    "autograd",
    "bfloat16",
    "bool",
    "channels_last",
    "channels_last_3d",
    "contiguous_format",
    "default_generator",
    "device",
    "double",
    "dtype",
    "e",
    "enable_grad",
    "finfo",
    "float",
    "float16",
    "float32",
    "float64",
    "get_default_dtype",
    "get_num_threads",
    "get_rng_state",
    "half",
    "iinfo",
    "inf",
    "inference_mode",
    "initial_seed",
    "int",
    "int8",
    "int16",
    "int32",
    "int64",
    "is_anomaly_enabled",
    "is_grad_enabled",
    "is_inference_mode_enabled",
    "layout",
    "linalg",
    "long",
    "manual_seed",
    "memory_format",
    "nan",
    "nn",
    "no_grad",
    "optim",
    "pi",
    "preserve_format",
    "promote_types",
    "random",
    "result_type",
    "seed",
    "set_default_dtype",
    "set_grad_enabled",
    "set_num_threads",
    "set_printoptions",
    "set_rng_state",
    "short",
    "special",
    "strided",
    "uint8",
    "utils",
]
__all__ += _activation.__all__
__all__ += _addmm.__all__
__all__ += _arrangement.__all__
__all__ += _binary.__all__
__all__ += _broadcast.__all__
__all__ += _calculus.__all__
__all__ += _comparison.__all__
__all__ += _complex.__all__
__all__ += _conv.__all__
__all__ += _conversion.__all__
__all__ += _creation.__all__
__all__ += _determinant.__all__
__all__ += _diagonal.__all__
__all__ += _distance.__all__
__all__ += _einsum.__all__
__all__ += _embedding.__all__
__all__ += _extremes.__all__
__all__ += _histogram.__all__
__all__ += _exchange.__all__
__all__ += _index_put.__all__
__all__ += _indexing.__all__
__all__ += _legacy.__all__
__all__ += _joining.__all__
__all__ += _matmul.__all__
__all__ += _metadata.__all__
__all__ += _norm.__all__
__all__ += _norms.__all__
__all__ += _power.__all__
__all__ += _powers.__all__
__all__ += _products.__all__
__all__ += _random.__all__
__all__ += _ranges.__all__
__all__ += _reduction.__all__
__all__ += _resize.__all__
__all__ += _rounding.__all__
__all__ += _scan.__all__
__all__ += _scatter.__all__
__all__ += _shape.__all__
__all__ += _softmax.__all__
__all__ += _sort.__all__
__all__ += _special.__all__
__all__ += _spellings.__all__
__all__ += _splitting.__all__
__all__ += _statistics.__all__
__all__ += _strided.__all__
__all__ += _tensor_types.__all__
__all__ += _ternary.__all__
__all__ += _transposition.__all__
__all__ += _trigonometry.__all__
__all__ += _unary.__all__
__all__ += _unique.__all__
__all__ += _vector_norm.__all__

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from fastgrad import accelerator as accelerator
    from fastgrad import amp as amp
    from fastgrad import backends as backends
    from fastgrad import cli as cli
    from fastgrad import compiler as compiler
    from fastgrad import cuda as cuda
    from fastgrad import d2l as d2l
    from fastgrad import distributed as distributed
    from fastgrad import distributions as distributions
    from fastgrad import func as func
    from fastgrad import hub as hub
    from fastgrad import io as io
    from fastgrad import multiprocessing as multiprocessing
    from fastgrad import onnx as onnx
    from fastgrad import sklearn as sklearn
    from fastgrad import text as text
    from fastgrad import torch_alias as torch_alias
    from fastgrad import train as train
    from fastgrad import vision as vision
    from fastgrad import viz as viz
    from fastgrad.amp.autocast_mode import clear_autocast_cache as clear_autocast_cache
    from fastgrad.amp.autocast_mode import get_autocast_dtype as get_autocast_dtype
    from fastgrad.amp.autocast_mode import is_autocast_cache_enabled as is_autocast_cache_enabled
    from fastgrad.amp.autocast_mode import is_autocast_enabled as is_autocast_enabled
    from fastgrad.compiler import compile as compile
    from fastgrad.cuda import OutOfMemoryError as OutOfMemoryError
    from fastgrad.func import vmap as vmap
    from fastgrad.io import load as load
    from fastgrad.io import save as save
    from fastgrad.measure import profile as profile
    from fastgrad.measure import summary as summary
    from fastgrad.switches import (
        are_deterministic_algorithms_enabled as are_deterministic_algorithms_enabled,
    )
    from fastgrad.switches import get_default_device as get_default_device
    from fastgrad.switches import get_float32_matmul_precision as get_float32_matmul_precision
    from fastgrad.switches import set_default_device as set_default_device
    from fastgrad.switches import set_float32_matmul_precision as set_float32_matmul_precision
    from fastgrad.switches import use_deterministic_algorithms as use_deterministic_algorithms
    from fastgrad.utils.nan_guard import nan_guard as nan_guard

float, double, half = float32, float64, float16
long, int, short = int64, int32, int16
from math import e, inf, nan, pi  # noqa: E402

# What a script may not need is imported when it is first named: rooms, and names of their files.
_LATER = {
    "": """
        accelerator amp backends cli compiler cuda d2l distributed distributions func hub io
        multiprocessing onnx sklearn text torch_alias train vision viz""",
    "amp.autocast_mode": """
        clear_autocast_cache get_autocast_dtype is_autocast_cache_enabled is_autocast_enabled""",
    "compiler": "compile",
    "func": "vmap",
    "io": "load save",
    "cuda": "OutOfMemoryError",
    "measure": "profile summary",
    "switches": """
        are_deterministic_algorithms_enabled get_default_device get_float32_matmul_precision
        set_default_device set_float32_matmul_precision use_deterministic_algorithms""",
    "torch_alias": "load_ipython_extension unload_ipython_extension",
    "utils.nan_guard": "nan_guard",
}
_HOMES = {name: home for home, names in _LATER.items() for name in names.split()}


def __getattr__(name: str) -> Any:
    """Import the parts that a script may not need when it first names them."""
    if name not in _HOMES:
        raise AttributeError(f"module 'fastgrad' has no attribute '{name}'")
    from importlib import import_module

    home = _HOMES[name]
    module = import_module(f"fastgrad.{home or name}")
    return getattr(module, name) if home else module


from os import environ as _environ  # noqa: E402

if _environ.get("FASTGRAD_LANG"):
    from fastgrad import hints as _hints

    _hints.install()
