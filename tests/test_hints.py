"""FASTGRAD_LANG=zh: the hints in Chinese fit the errors that are really raised."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import fastgrad as fg
from fastgrad import hints, nn
from fastgrad.nn import functional as F
from fastgrad.torch_alias.absent import message


def raise_absent() -> None:
    raise AttributeError(message("torch.nn.Lineer"))


def backward_twice() -> None:
    x = fg.ones(2, requires_grad=True)
    y = (x * x).sum()
    y.backward()
    y.backward()


def change_what_is_saved() -> None:
    x = fg.ones(2, requires_grad=True)
    y = x.exp()
    y.add_(1)
    y.sum().backward()


class Hasty(nn.Module):
    def __init__(self) -> None:
        self.layer = nn.Linear(2, 2)


def diverge() -> None:
    data = fg.utils.data.TensorDataset(fg.full((8, 1), 1e30), fg.zeros(8, 1))
    fg.train.fit(nn.Linear(1, 1), data, loss=F.mse_loss, epochs=3, progress=False)


# What fails, and what its hint must contain: the numbers of the message among it.
FAULTS: list[tuple[Callable[[], object], str]] = [
    (lambda: fg.ones(2, 3) @ fg.ones(2, 3), "2x3 与 2x3"),
    (lambda: nn.Linear(3, 4)(fg.ones(2, 5)), "3 个输入特征，得到的却是 5"),
    (lambda: nn.Conv2d(3, 4, 3)(fg.ones(2, 1, 8, 8)), "3 个输入通道，得到的却是 1"),
    (lambda: nn.Conv2d(3, 4, 3)(fg.ones(8, 8)), "unsqueeze"),
    (lambda: nn.Conv2d(3, 4, 9)(fg.ones(1, 3, 8, 8)), "padding"),
    (lambda: nn.MaxPool2d(9)(fg.ones(1, 1, 4, 4)), "池化窗口"),
    (lambda: fg.ones(2, 3) + fg.ones(2, 4), "3 与 4"),
    (lambda: F.cross_entropy(fg.ones(2, 3), fg.tensor([0, 1, 2])), "2 个样本"),
    (lambda: fg.ones(6).view(4), "6 个元素"),
    (lambda: fg.ones(2, 3).t().view(6), "reshape"),
    (lambda: fg.cat([fg.ones(2, 3), fg.ones(2, 4)]), "第 0 维"),
    (lambda: fg.stack([fg.ones(2), fg.ones(3)]), "collate_fn"),
    (lambda: nn.BatchNorm2d(3)(fg.ones(2, 4, 3, 3)), "3 个通道，输入却有 4"),
    (lambda: nn.BatchNorm1d(3)(fg.ones(1, 3)), ".eval()"),
    (lambda: nn.LSTM(3, 4)(fg.ones(2, 2, 5)), "3 个特征，得到的却是 5"),
    (
        lambda: F.cross_entropy(fg.ones(2, 3), fg.tensor([0, 3])),
        "类别只能是 0 到 2",
    ),
    (lambda: F.one_hot(fg.tensor([3]), 2), "标签 3"),
    (lambda: nn.Embedding(3, 2)(fg.tensor([5])), "只能是 0 到 2"),
    (lambda: nn.Embedding(3, 2)(fg.tensor([1.0])), ".long()"),
    (lambda: F.nll_loss(fg.ones(2, 3), fg.ones(2)), ".long()"),
    (lambda: F.cross_entropy(fg.ones(2, 3), fg.ones(2)), "概率"),
    (lambda: fg.arange(3)[fg.tensor([1.0])], ".long()"),
    (lambda: nn.Linear(3, 4)(fg.ones(2, 3).double()), "float64 与 float32"),
    (lambda: fg.tensor([1, 2]).mean(), ".float()"),
    (lambda: fg.tensor([1]).add_(1.5), "int64"),
    (lambda: F.binary_cross_entropy(fg.ones(2) * 2, fg.ones(2)), "with_logits"),
    (lambda: fg.ones(2, 3)[5], "大小是 2，索引 5"),
    (lambda: fg.ones(2, 3).sum(5), "没有第 5 维"),
    (lambda: bool(fg.ones(2)), ".any()"),
    (lambda: fg.ones(2, 3).item(), "tolist()"),
    (backward_twice, "retain_graph=True"),
    (change_what_is_saved, "clone()"),
    (lambda: fg.ones(2, requires_grad=True).add_(1), "no_grad()"),
    (lambda: fg.ones(2, requires_grad=True).backward(), "标量"),
    (lambda: fg.ones(2).sum().backward(), "没有计算图"),
    (lambda: fg.ones(2, requires_grad=True).numpy(), ".detach().numpy()"),
    (lambda: fg.tensor([1, 2]).requires_grad_(), "浮点"),
    (lambda: nn.Linear(2, 2).load_state_dict({"weight": fg.ones(2, 2)}), "strict=False"),
    (lambda: fg.optim.SGD([], lr=0.1), "ModuleList"),
    (Hasty, "super().__init__()"),
    (lambda: fg.save(nn.Linear(2, 2), "net.pt"), "state_dict()"),
    (lambda: fg.vision.datasets.MNIST("nowhere"), "nowhere"),
    (lambda: fg.load("none.pt"), "none.pt"),
    (raise_absent, "torch.nn.Lineer"),
    (lambda: fg.ones(2, device="cuda"), "没有设备 cuda"),
    (diverge, "学习率"),
]


def message_of(fault: Callable[[], object]) -> str:
    try:
        fault()
    except Exception as error:
        return str(error)
    raise AssertionError("nothing was raised")


@pytest.mark.parametrize(("fault", "words"), FAULTS, ids=[words for _, words in FAULTS])
def test_a_common_error_has_a_hint(
    fault: Callable[[], object], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert words in hints.hint(message_of(fault))


def test_every_row_is_raised_by_a_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    messages = [message_of(fault) for fault, _ in FAULTS]
    unused = [
        pattern
        for pattern in hints.CHINESE
        if not any(re.search(pattern, text, re.DOTALL) for text in messages)
    ]
    assert unused == []


def test_other_messages_have_none() -> None:
    assert hints.hint("list index out of range") == ""


def run(program: str, language: str | None, *command: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if name != "FASTGRAD_LANG"}
    chosen = {"PYTHONIOENCODING": "utf-8"} | ({"FASTGRAD_LANG": language} if language else {})
    return subprocess.run(
        [sys.executable, *(command or ("-c", program))],
        env={**kept, **chosen},
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )


WRONG = "import fastgrad as fg; fg.ones(2, 3) @ fg.ones(2, 3)"


@pytest.mark.parametrize("language", ["zh", "zh_CN.UTF-8"])
def test_the_hint_follows_the_english_message(language: str) -> None:
    english, chinese = run(WRONG, None), run(WRONG, language)
    assert chinese.returncode == english.returncode == 1
    assert chinese.stderr.startswith(english.stderr)
    assert chinese.stderr.removeprefix(english.stderr).startswith(hints.PREFIX)


def test_threads_have_hints() -> None:
    program = "import threading, fastgrad as fg\n"
    program += "threading.Thread(target=lambda: fg.ones(2, 3) @ fg.ones(2, 3)).start()"
    assert hints.PREFIX in run(program, "zh").stderr


def test_english_needs_nothing() -> None:
    assert run(WRONG, "en").stderr == run(WRONG, None).stderr


def test_an_unknown_language_is_warned_about_once() -> None:
    done = run(WRONG, "tlh")
    assert done.stderr.count("UserWarning: FASTGRAD_LANG='tlh': there are hints in en, zh") == 1
    assert hints.PREFIX not in done.stderr


def test_scripts_notebooks_and_the_command_have_hints(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "lesson.py"
    script.write_text("import torch\ntorch.nn.Lineer(1, 1)\n")
    done = run("", "zh", "-m", "fastgrad", "run", str(script))
    assert "fastgrad 没有 torch.nn.Lineer" in done.stderr
    notebook = tmp_path / "lesson.ipynb"
    notebook.write_text(
        '{"cells": [{"cell_type": "code", "source": "import torch\\ntorch.nn.Lineer(1, 1)"}],'
        ' "nbformat": 4, "nbformat_minor": 5, "metadata": {}}'
    )
    done = run("", "zh", "-m", "fastgrad", "run", str(notebook))
    assert "lesson.ipynb, cell 1" in done.stderr
    assert "fastgrad 没有 torch.nn.Lineer" in done.stderr
    monkeypatch.setenv("FASTGRAD_DATA", str(tmp_path))
    done = run("", "zh", "-m", "fastgrad", "train", "--data", "mnist", "--out", str(tmp_path / "o"))
    assert done.returncode == 1
    assert "找不到数据集的文件" in done.stderr
