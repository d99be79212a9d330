"""Who takes part: fastgrad and its rivals, each with the environment in which it is at its best."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

# Makes the math library in PyTorch take its best code on processors of every vendor.
UNLOCK = "int mkl_serv_intel_cpu_true(void) { return 1; }\n"

# Memory that is kept, and huge pages: what PyTorch's own kernels can do without page faults.
KEPT_MEMORY = {
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": "-1",
    "MALLOC_TOP_PAD_": "1000000000",
    "THP_MEM_ALLOC_ENABLE": "1",
}

# How each library is held to an instruction set. NumPy has no one switch for it.
TORCH_ISAS = {
    "avx2": {
        "ATEN_CPU_CAPABILITY": "avx2",
        "MKL_ENABLE_INSTRUCTIONS": "AVX2",
        "ONEDNN_MAX_CPU_ISA": "AVX2",
    },
    "baseline": {
        "ATEN_CPU_CAPABILITY": "default",
        "MKL_ENABLE_INSTRUCTIONS": "SSE4_2",
        "ONEDNN_MAX_CPU_ISA": "SSE41",
    },
}
JAX_ISAS = {
    "avx2": {"XLA_FLAGS": "--xla_cpu_max_isa=AVX2"},
    "baseline": {"XLA_FLAGS": "--xla_cpu_max_isa=SSE4_2"},
}
OWN_ISAS = {isa: {"FASTGRAD_ISA": isa} for isa in ("avx2", "baseline")}


@dataclass(frozen=True)
class Backend:
    """A library, how it is driven, and what its process finds in the environment."""

    name: str
    module: str
    kind: str = "eager"  # eager, compiled, numpy, jax
    isas: Mapping[str, Mapping[str, str]] | None = None
    tuned: bool = False

    def missing(self) -> str | None:
        """Why it cannot take part here, if it cannot."""
        if find_spec(self.module) is None:
            return f"{self.module} is not installed"
        if self.kind == "compiled" and not (shutil.which("g++") or shutil.which("clang++")):
            return "torch.compile needs a C++ compiler"
        return None

    def environment(self, isa: str | None, threads: int | None, folder: Path) -> dict[str, str]:
        """The environment of its process; `folder` may take what has to be built."""
        env = dict(os.environ)
        for pinned in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"):
            env.pop(pinned, None)
        if isa is not None:
            env.update((self.isas or {})[isa])
        if threads is not None:
            env["OMP_NUM_THREADS"] = str(threads)
            env["OPENBLAS_NUM_THREADS"] = str(threads)
        if self.tuned:
            env.update(KEPT_MEMORY)
            unlocked = unlocking_library(folder)
            if unlocked is not None:
                env["LD_PRELOAD"] = " ".join(filter(None, (env.get("LD_PRELOAD"), str(unlocked))))
        return env


def unlocking_library(folder: Path) -> Path | None:
    """The built library of `UNLOCK`; None on an Intel processor or without a C compiler."""
    compiler = shutil.which("cc")
    if compiler is None or "GenuineIntel" in processor_text():
        return None
    source, built = folder / "unlock.c", folder / "unlock.so"
    if not built.exists():
        source.write_text(UNLOCK)
        subprocess.run([compiler, "-shared", "-fPIC", "-o", built, source], check=True)
    return built


def processor_text() -> str:
    """What Linux says of the processor; empty elsewhere."""
    path = Path("/proc/cpuinfo")
    return path.read_text() if path.exists() else ""


FASTGRAD = Backend("fastgrad", "fastgrad", isas=OWN_ISAS)
RIVALS = {
    backend.name: backend
    for backend in (
        Backend("torch", "torch", isas=TORCH_ISAS),
        Backend("torch-tuned", "torch", isas=TORCH_ISAS, tuned=True),
        Backend("torch-compile", "torch", "compiled", isas=TORCH_ISAS),
        Backend("numpy", "numpy", "numpy"),
        Backend("jax", "jax", "jax", isas=JAX_ISAS),
    )
}


class BackendError(ValueError):
    """A rival was asked for that is not known or cannot take part."""


def chosen_rivals(names: list[str] | None, isa: str | None) -> list[Backend]:
    """The rivals of these names; by default all that can take part here."""
    if names is None:
        fit = [r for r in RIVALS.values() if isa is None or r.isas is not None]
        return [r for r in fit if r.missing() is None]
    chosen = []
    for name in names:
        if name not in RIVALS:
            raise BackendError(f"unknown rival {name!r}: choose from {', '.join(RIVALS)}, none")
        rival = RIVALS[name]
        reason = rival.missing()
        if reason is None and isa is not None and rival.isas is None:
            reason = f"it cannot be held to --isa {isa}"
        if reason is not None:
            raise BackendError(f"rival {name} cannot take part: {reason}")
        chosen.append(rival)
    return chosen


Environment = Callable[[Backend], dict[str, str]]


def scratch_folder() -> tempfile.TemporaryDirectory[str]:
    """A place for what the rivals' environments need."""
    return tempfile.TemporaryDirectory(prefix="fastgrad-bench-")
