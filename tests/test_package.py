"""The installed package: its files, its command, and what it says when it cannot start."""

import os
import shutil
import subprocess
import sys
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path

import pytest

import fastgrad


def run(*command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run Python with these arguments, away from the source tree's settings."""
    return subprocess.run(
        [sys.executable, *command],
        capture_output=True,
        text=True,
        env=os.environ | environment,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    "name",
    ["py.typed", "_core.pyi"]
    + [
        f"vision/datasets/digits/{part}-{content}-ubyte.gz"
        for part in ("train", "t10k")
        for content in ("images-idx3", "labels-idx1")
    ],
)
def test_files_beside_the_code_are_installed(name: str):
    assert files("fastgrad").joinpath(name).is_file()


def test_version_of_the_command():
    result = run("-m", "fastgrad", "--version")
    assert (result.returncode, result.stdout) == (0, f"fastgrad {version('fastgrad')}\n")


def test_info_says_what_runs_here():
    result = run("-m", "fastgrad", "info")
    build = fastgrad._core.build_info()
    assert result.returncode == 0
    for word in (fastgrad.__version__, build["isa"], *build["isas"], "threads", "numpy", "CUDA"):
        assert word in result.stdout


@pytest.mark.parametrize("isa", fastgrad._core.build_info()["isas"])
def test_the_instruction_set_can_be_forced(isa: str):
    result = run(
        "-c", "import fastgrad; print(fastgrad._core.build_info()['isa'])", FASTGRAD_ISA=isa
    )
    assert result.stdout == f"{isa}\n"


def test_an_unknown_instruction_set_is_refused_in_one_line():
    result = run("-m", "fastgrad", "info", FASTGRAD_ISA="bogus")
    message = result.stderr.splitlines()[-1]
    assert result.returncode == 1
    assert "FASTGRAD_ISA=bogus is not available here; choose one of: baseline" in message


def test_no_other_library_is_linked():
    """A C++ or OpenMP runtime that another package loaded first could be another version."""
    if shutil.which("ldd") is None:
        pytest.skip("needs ldd")
    command = ["ldd", fastgrad._core.__file__]
    listing = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    linked = {Path(line.split()[0]).name.split(".")[0] for line in listing.splitlines()}
    strange = {name for name in linked if not name.startswith("ld-linux")}
    assert strange <= {"linux-vdso", "libc", "libm", "libpthread"}
