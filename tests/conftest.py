"""Settings of all tests: how many examples hypothesis draws, and that it draws the same ones."""

import os
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

pytest_plugins = ("names",)

_common = {
    "deadline": None,
    "suppress_health_check": [HealthCheck.too_slow, HealthCheck.data_too_large],
}
settings.register_profile("ci", derandomize=True, max_examples=25, database=None, **_common)
settings.register_profile("quick", derandomize=True, max_examples=6, database=None, **_common)
settings.register_profile("thorough", max_examples=500, print_blob=True, **_common)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


@pytest.fixture(scope="session")
def torch():
    """PyTorch, to compare with; the test is skipped where it is not installed."""
    return pytest.importorskip("torch")


@pytest.fixture(scope="session")
def text_folder():
    """The folder with the texts of the examples; the test is skipped where they are not there."""
    root = Path(__file__).parents[1]
    data = Path(os.environ.get("FASTGRAD_DATA") or root / ".." / "shared" / "data")
    if not (data / "text").is_dir():
        pytest.skip(f"the texts are not in {data}: set FASTGRAD_DATA")
    return data / "text"


@pytest.fixture(autouse=True)
def warnings_of_loops():
    """vmap says once in a process that an operation has no rule; here, in each test."""
    vmap = sys.modules.get("fastgrad.func._vmap")
    if vmap is not None:
        vmap._warned.clear()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.name.startswith("test_cuda_"):
            item.add_marker(pytest.mark.cuda)
        if "torch" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.parity)
