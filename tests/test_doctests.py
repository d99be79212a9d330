"""Every example in a docstring runs and prints what it says, and prints the same in PyTorch."""

import doctest
import pkgutil
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

import fastgrad
from alias_helpers import without_pytorch

OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
NOT_IN_PYTORCH = (
    *("fastgrad.cli", "fastgrad.io", "fastgrad.text", "fastgrad.train"),
    *("fastgrad.vision", "fastgrad.viz"),
    *("fastgrad.d2l", "fastgrad.hub", "fastgrad.torch_alias", "fastgrad.utils.tensorboard"),
    *("fastgrad.cuda.reset_peak_memory_stats", "fastgrad.cuda.set_device"),
    *("fastgrad.nn.parallel.data_parallel", "fastgrad.nn.parallel.scatter"),
    *("fastgrad.nn.parallel.distributed", "fastgrad.distributed"),
    *("fastgrad.distributions.draws", "fastgrad.distributions.utils.one_of"),
    "fastgrad.distributions.utils.standard_normal",
    "fastgrad.multiprocessing",
    "fastgrad.onnx",
    "fastgrad.printing.html_repr",
    "fastgrad.utils.nan_guard",
    "fastgrad.measure",
    "fastgrad.sklearn",
    "fastgrad.func._gradients.value_and_grad",
)


def examples() -> Iterator[doctest.DocTest]:
    finder = doctest.DocTestFinder(exclude_empty=True)
    names = [module.name for module in pkgutil.walk_packages(fastgrad.__path__, "fastgrad.")]
    for name in ("fastgrad", *names):
        # The benchmark imports the libraries that it times, which need not be there.
        if not name.startswith(("fastgrad.__main__", "fastgrad.bench")):
            yield from (test for test in finder.find(import_module(name), name) if test.examples)


def check(test: doctest.DocTest) -> None:
    output: list[str] = []
    result = doctest.DocTestRunner(optionflags=OPTIONS).run(test, out=output.append)
    assert result.failed == 0, "".join(output)


NEEDS_MPI = ("fastgrad.distributed", "fastgrad.nn.parallel.distributed")
EXAMPLES = [pytest.param(test, id=test.name) for test in examples()]
SHARED = [example for example in EXAMPLES if not str(example.id).startswith(NOT_IN_PYTORCH)]


@pytest.fixture
def _restored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An empty folder to write to, and afterwards the settings as they were."""
    monkeypatch.chdir(tmp_path)
    without_pytorch(monkeypatch)
    before = fastgrad.get_default_dtype(), fastgrad.get_rng_state()
    yield
    fastgrad.set_default_dtype(before[0])
    fastgrad.set_rng_state(before[1])
    fastgrad.set_printoptions(profile="default")


@pytest.mark.usefixtures("_restored")
@pytest.mark.parametrize("test", EXAMPLES)
def test_example(test: doctest.DocTest) -> None:
    if test.name.startswith(NEEDS_MPI):
        pytest.importorskip("mpi4py", reason="processes need the extra: fastgrad[mpi]")
    check(test)


@pytest.mark.filterwarnings("ignore")  # PyTorch's, of functions that it would rather not have
@pytest.mark.parametrize("test", SHARED)
def test_example_prints_the_same_in_pytorch(test: doctest.DocTest, torch: ModuleType) -> None:
    source = (test.docstring or "").replace("fastgrad", "torch")
    parser = doctest.DocTestParser()
    check(parser.get_doctest(source, {"torch": torch}, test.name, test.filename, test.lineno))
