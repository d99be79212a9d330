"""The pages under docs/: their examples run and print what they say."""

import doctest
import re
from pathlib import Path

import pytest

import fastgrad

DOCS = Path(__file__).parents[1] / "docs"
PAGE = (DOCS / "differentiation.md").read_text(encoding="utf-8")
OWN = ("func.value_and_grad", "nan_guard", "viz")


def examples(text: str) -> str:
    return "".join(re.findall(r"```python\n(.*?)```", text, re.DOTALL))


def check(source: str, torch: object) -> None:
    test = doctest.DocTestParser().get_doctest(source, {"torch": torch}, "docs", None, 0)
    assert len(test.examples) > 30
    output: list[str] = []
    result = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(test, out=output.append)
    assert result.failed == 0, "".join(output)


def test_the_examples_of_differentiation_run():
    check(examples(PAGE), fastgrad)


def test_they_print_the_same_in_pytorch(torch):
    parts = [examples(part) for part in PAGE.split("\n## ")]
    shared = [part for part in parts if not any(f"torch.{name}" in part for name in OWN)]
    assert len(shared) == len(parts) - len(OWN)
    check("".join(shared).replace("import fastgrad as torch", "import torch"), torch)


@pytest.mark.parametrize("page", sorted(DOCS.glob("*.md")), ids=lambda page: page.name)
def test_linked_files_exist(page):
    targets = re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8"))
    assert [t for t in targets if not (DOCS / t).exists()] == []
