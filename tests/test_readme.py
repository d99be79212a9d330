"""The README: its example runs, and its commands are those that exist and that CI runs."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
CHINESE = (ROOT / "README.zh-CN.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    """The code blocks of a language."""
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def run(*command: str, folder: Path) -> str:
    """What Python prints for these arguments."""
    done = subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_example_trains_a_classifier(tmp_path: Path) -> None:
    (example,) = blocks("python")
    printed = run("-c", example, folder=tmp_path)
    assert float(printed.removeprefix("test accuracy ")) > 0.92


def test_the_first_commands_leave_what_they_say(tmp_path: Path) -> None:
    first, _ = blocks("sh")
    assert first.splitlines()[1] == 'pip install ".[train]"'
    words = first.splitlines()[2].split()
    assert words[0] == "fastgrad"
    assert "Test accuracy 0.98" in run("-m", *words, folder=tmp_path)
    left = set(os.listdir(tmp_path / "runs" / "digits-lenet"))
    pictures = {"curves.png", "predictions.png", "report.html"}
    assert {"model.safetensors", "history.json"} | pictures <= left


def test_the_second_command_is_what_ci_runs() -> None:
    _, second = blocks("sh")
    steps = second.strip().split(" && ")
    assert steps[2:] == ['pip install ".[test]"', "pytest -n auto"]
    ci = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert all(re.search(rf"^{re.escape(step)}", ci, re.MULTILINE) for step in steps[2:])


def test_the_options_exist(tmp_path: Path) -> None:
    options = set(re.findall(r"--[a-z][a-z-]*", README)) - {"--help"}
    offered = run("-m", "fastgrad", "train", "--help", folder=tmp_path)
    assert options <= set(re.findall(r"--[a-z][a-z-]*", offered))


@pytest.mark.parametrize("text", [README, CHINESE], ids=["English", "Chinese"])
def test_linked_files_exist(text: str) -> None:
    targets = re.findall(r"\]\(([^)#]+)\)", text)
    assert targets
    assert all((ROOT / target).exists() for target in targets if "://" not in target)


@pytest.mark.parametrize(
    "pattern",
    [
        pytest.param(r"(?ms)^```.*?^```$", id="code blocks"),
        pytest.param(r"(?m)^#+(?= )", id="levels of headings"),
        pytest.param(r"(?m)^- ", id="items of lists"),
        pytest.param(r"(?m)^\|(?:.*?\|)(.+)\|$", id="figures in tables"),
        pytest.param(r"\]\((?!README)([^)]+)\)", id="links"),
        pytest.param(r"(?<!`)`[^`]+`(?!`)", id="names"),
    ],
)
def test_the_chinese_translation_has_what_the_english_has(pattern: str) -> None:
    english, chinese = re.findall(pattern, README), re.findall(pattern, CHINESE)
    assert english
    assert translated(chinese) == translated(english)


def translated(parts: list[str]) -> list[str]:
    """The parts with the words of tables in English."""
    return [part.replace("比值", "ratio") for part in parts]
