"""Runs a program as several processes, for the tests of what they do together."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

SECONDS = 60  # after which a run counts as hanging
HEAD = """
import os, sys, time
import fastgrad as torch
from fastgrad import distributed as dist, nn

def start(**options):
    dist.init_process_group(**options)
    return dist.get_rank(), dist.get_world_size()
"""


def needs_mpi() -> None:
    """Skip a test where MPI is not installed."""
    pytest.importorskip("mpi4py", reason="several processes need the extra: fastgrad[mpi]")


def launch(
    processes: int, *program: str, code: int | None = 0, timeout: float = SECONDS, **env: str
) -> subprocess.CompletedProcess[str]:
    """Run ``fastgrad launch`` and see that it ends as expected (None: with any error)."""
    command = [sys.executable, "-m", "fastgrad", "launch", "-n", str(processes), *program]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=timeout,
        env={**os.environ, **env},
        check=False,
    )
    said = f"{done.stdout}\n{done.stderr}"
    assert done.returncode == code if code is not None else done.returncode, said
    return done


def on_ranks(
    processes: int, source: str, folder: Path, *options: str, code: int | None = 0
) -> subprocess.CompletedProcess[str]:
    """Run lines of Python as several processes."""
    script = folder / "script.py"
    script.write_text(HEAD + textwrap.dedent(source))
    return launch(processes, *options, str(script), code=code)
