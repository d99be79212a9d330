"""Every example in a docstring of the package runs and prints what it says."""

import doctest
import pkgutil
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

import fastgrad

OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def examples() -> Iterator[doctest.DocTest]:
    finder = doctest.DocTestFinder(exclude_empty=True)
    names = (m.name for m in pkgutil.walk_packages(fastgrad.__path__, "fastgrad."))
    for name in ("fastgrad", *sorted(names)):
        if name != "fastgrad.__main__":
            yield from (test for test in finder.find(import_module(name), name) if test.examples)


@pytest.fixture
def _as_for_a_new_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An empty folder to write to, and settings that go back to what they were."""
    monkeypatch.chdir(tmp_path)
    before = fastgrad.get_default_dtype(), fastgrad.get_rng_state(), fastgrad.is_grad_enabled()
    yield
    fastgrad.set_default_dtype(before[0])
    fastgrad.set_rng_state(before[1])
    fastgrad.set_grad_enabled(before[2])
    fastgrad.set_printoptions(profile="default")


@pytest.mark.usefixtures("_as_for_a_new_user")
@pytest.mark.parametrize("test", [pytest.param(test, id=test.name) for test in examples()])
def test_example(test: doctest.DocTest) -> None:
    output: list[str] = []
    result = doctest.DocTestRunner(optionflags=OPTIONS).run(test, out=output.append)
    assert result.failed == 0, "".join(output)
