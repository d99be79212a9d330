"""Import time over bare Python, memory after import, and size on disk.

Run: python bench/footprint.py
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

PEAK = "import resource; print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"


def run(code: str) -> tuple[float, str]:
    """Seconds and output of a fresh interpreter."""
    start = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return time.perf_counter() - start, done.stdout


def measure(name: str, rounds: int = 9) -> tuple[float, float]:
    """Milliseconds that the import adds (median, in turns with bare Python); MB held after it."""
    added = []
    for _ in range(rounds):
        bare, _ = run("pass")
        loaded, _ = run(f"import {name}")
        added.append((loaded - bare) * 1e3)
    return statistics.median(added), int(run(f"import {name}; {PEAK}")[1]) / 1024


def size_on_disk(name: str) -> float:
    """Megabytes of the package's folder."""
    spec = find_spec(name)
    if spec is None or spec.origin is None:
        return float("nan")
    files = Path(spec.origin).parent.rglob("*")
    return sum(f.stat().st_size for f in files if f.is_file() and f.suffix != ".pyc") / 1e6


def main() -> None:
    """Print the table."""
    print(f"{'':12}{'import ms':>12}{'resident MB':>14}{'on disk MB':>12}")
    for name in ("fastgrad", "numpy", "torch"):
        if find_spec(name):
            import_ms, resident = measure(name)
            print(f"{name:12}{import_ms:12.1f}{resident:14.1f}{size_on_disk(name):12.1f}")


if __name__ == "__main__":
    main()
