"""What a library costs beside its speed: its import, its size, memory of whole processes."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import Path
from typing import NoReturn

from .backends import FASTGRAD, Backend
from .driver import Plan, Result, scratch_environments
from .row import Goal, Row

# What belongs to a library beside the folder of its name.
PARTS = {"numpy": ("numpy", "numpy.libs"), "jax": ("jax", "jaxlib"), "fastgrad": ("fastgrad",)}
RESIDENT = """
import re
status = open("/proc/self/status").read()
print(int(re.search(r"VmRSS:\\s+(\\d+) kB", status)[1]) / 1024)
"""


def rows() -> Iterator[Row]:
    """All rows of the section."""
    for name, unit, most in (
        ("import over bare Python", "ms", 30),
        ("resident after import", "MB", 30),
        ("size on disk", "MB", 30),
    ):
        yield Row("footprint", name, nothing, Goal(at_most=most), value_unit=unit)
    for name in PEAKS:
        yield Row("footprint", name, nothing, Goal(ratio=1), value_unit="MB")


def nothing(rng: object) -> NoReturn:
    """These rows are measured on whole processes, not in a worker."""
    raise AssertionError("a footprint has no work")


def run(code: str, env: dict[str, str]) -> tuple[float, str]:
    """Seconds and output of a fresh interpreter."""
    start = time.perf_counter()
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=env)
    return time.perf_counter() - start, done.stdout


def import_ms(module: str, env: dict[str, str]) -> float:
    """Milliseconds that the import adds to an interpreter that ran a moment before."""
    bare, _ = run("pass", env)
    loaded, _ = run(f"import {module}", env)
    return (loaded - bare) * 1e3


def resident_mb(module: str, env: dict[str, str]) -> float:
    """Megabytes resident after the import."""
    return float(run(f"import {module}{RESIDENT}", env)[1])


def disk_mb(module: str, env: dict[str, str]) -> float:
    """Megabytes of the library's files, without compiled Python."""
    folders: list[Path] = []
    for part in PARTS.get(module, (module,)):
        spec = find_spec(part) if "." not in part else None
        if spec is not None:
            folders += filter(is_package, map(Path, spec.submodule_search_locations or ()))
        elif folders:
            folders.append(folders[0].parent / part)
    files = {path for folder in folders for path in folder.rglob("*") if path.is_file()}
    return sum(path.stat().st_size for path in files if path.suffix != ".pyc") / 1e6


def peak_mb(module: str, model: str, threads: int, env: dict[str, str]) -> float:
    """The most memory of a process that trains a few steps."""
    script = str(Path(__file__).with_name("memory.py"))
    # Without the script's folder among the paths, where a module is called `random`.
    command = [sys.executable, "-P", script, module, model, str(threads)]
    return float(subprocess.check_output(command, text=True, env=env))


def is_package(folder: Path) -> bool:
    """Whether a package's files lie there; an editable install's path also has the source tree."""
    return (folder / "__init__.py").exists() or any(folder.glob("_core.*"))


MEASURES: dict[str, Callable[[str, dict[str, str]], float]] = {
    "import over bare Python": import_ms,
    "resident after import": resident_mb,
    "size on disk": disk_mb,
}
PEAKS = {"peak memory, MLP steps": "mlp", "peak memory, LeNet steps": "lenet"}
TRAINERS = ("fastgrad", "torch")


def measure(rows: Sequence[Row], plan: Plan, report: Callable[[Result], None]) -> list[Result]:
    """Measure the rows; libraries take turns."""
    libraries: list[Backend] = [FASTGRAD]
    libraries += [rival for rival in plan.rivals if rival.name == rival.module]
    results = []
    with scratch_environments(plan) as environments:
        for row in rows:
            result = Result(row)
            for _ in range(1 if row.name == "size on disk" else plan.rounds):
                for library in libraries:
                    env = environments[library.name]
                    if row.name in MEASURES:
                        value = MEASURES[row.name](library.module, env)
                    elif library.name in TRAINERS:
                        value = peak_mb(library.module, PEAKS[row.name], plan.threads or 2, env)
                    else:
                        continue
                    result.times.setdefault(library.name, []).append(value)
            if row.name == "import over bare Python" and is_editable():
                result.notes.append("fastgrad is an editable install, which checks its build")
            results.append(result)
            report(result)
    return results


def is_editable() -> bool:
    """Whether fastgrad is imported from its source tree."""
    try:
        origin = distribution("fastgrad").read_text("direct_url.json")
    except PackageNotFoundError:
        return False
    return '"editable": true' in (origin or "")
