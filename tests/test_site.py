"""The documentation's site: its menu, its reference, and the page that is made from the code."""

import inspect
import re
import subprocess
import sys
from functools import cache
from importlib import import_module
from pathlib import Path
from pkgutil import resolve_name

import pytest

from fastgrad.torch_alias.names import FOLLOWED
from test_codebase import PUBLIC_MODULES, public_objects

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = "".join(page.read_text(encoding="utf-8") for page in sorted((DOCS / "api").glob("*.md")))
SHOWN = re.findall(r"^::: (\S+)$", PAGES, re.MULTILINE)
# What has no docstring in a Python file stands in a table.
IN_TABLES = re.findall(r"`(\w+)(?:\([\w, ]*\))?`", PAGES)
# What the reference shows by the files in which the names are defined.
BY_FILES = ("fastgrad", "fastgrad.nn")


def test_the_menu_has_every_page_once() -> None:
    menu = re.findall(
        r"(\S+\.md)$", (ROOT / "mkdocs.yml").read_text(encoding="utf-8"), re.MULTILINE
    )
    pages = [str(page.relative_to(DOCS)) for page in DOCS.rglob("*.md")]
    assert sorted(menu) == sorted(pages)


def test_the_reference_shows_nothing_twice() -> None:
    assert sorted(set(SHOWN)) == sorted(SHOWN)


@pytest.mark.parametrize("name", PUBLIC_MODULES)
def test_the_reference_has_every_public_name(name: str) -> None:
    if name not in BY_FILES:
        assert name in SHOWN
        return
    missing = [
        public
        for public, value in public_objects(import_module(name))
        if "." not in public and not is_shown(public, value)
    ]
    assert missing == []


def is_shown(name: str, value: object) -> bool:
    """Whether a page has a function or class: by its file, in a module's list, or in a table."""
    home = getattr(inspect.unwrap(value), "__module__", "") if callable(value) else ""
    by_its_file = home in SHOWN or f"{home}.{getattr(value, '__name__', name)}" in SHOWN
    return by_its_file or inspect.ismodule(value) or name in listed() or name in IN_TABLES


@cache
def listed() -> set[str]:
    """The names that the modules of the reference export, and its classes."""
    names = {path.rpartition(".")[2] for path in SHOWN}
    for path in SHOWN:
        names |= set(getattr(resolve_name(path), "__all__", ()))
    return names


def printed_by(script: str, *arguments: str) -> str:
    command = [sys.executable, str(DOCS / script), *arguments]
    return subprocess.run(command, capture_output=True, check=True, timeout=120).stdout.decode()


def test_the_comparison_with_pytorch_is_what_its_script_prints(torch) -> None:
    version = torch.__version__.partition("+")[0]
    if version != FOLLOWED["torch"]:
        pytest.skip(f"the page is about PyTorch {FOLLOWED['torch']}, not {version}")
    page = (DOCS / "coming-from-pytorch.md").read_text(encoding="utf-8")
    assert printed_by("coming_from_pytorch.py") == page


MAPS = {"course-map.md": (), "course-map.zh-CN.md": ("zh",)}


@pytest.mark.parametrize("name", MAPS)
def test_the_map_of_courses_is_what_its_script_prints(name: str) -> None:
    page = (DOCS / name).read_text(encoding="utf-8")
    assert printed_by("course_map.py", *MAPS[name]) == page


@pytest.mark.parametrize(
    "pattern",
    [
        pytest.param(r"(?m)^#+(?= )", id="levels of headings"),
        pytest.param(r"`[^`]+`", id="names"),
        pytest.param(r"(?m)^\| ([^|]*:[^|]*) \|", id="chapters"),
        pytest.param(r"\]\((?!course-map)([^)]+)\)", id="links"),
    ],
)
def test_the_chinese_map_has_what_the_english_has(pattern: str) -> None:
    english, chinese = (
        re.findall(pattern, (DOCS / name).read_text(encoding="utf-8")) for name in MAPS
    )
    assert english
    assert chinese == english
