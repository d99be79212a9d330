"""Live curves: one callback for terminals, files and notebooks."""

import io
import sys
from types import ModuleType, SimpleNamespace

import pytest

import fastgrad as fg
from fastgrad import nn
from fastgrad.train import Epoch, History, LiveCurves, fit
from fastgrad.train.live import BLOCKS_WIDTH, bars
from fastgrad.utils.data import TensorDataset


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def train(stream: io.StringIO | None, epochs: int = 3) -> History:
    x = fg.linspace(-1, 1, 32).reshape(32, 1)
    data = TensorDataset(x, (x[:, 0] > 0).long())
    show = LiveCurves(epochs=epochs, stream=stream)
    return fit(nn.Linear(1, 2), data, val_data=data, epochs=epochs, progress=False, callback=show)


def test_a_file_gets_a_plain_line_for_each_epoch() -> None:
    stream = io.StringIO()
    history = train(stream)
    lines = stream.getvalue().splitlines()
    assert [line.split()[1] for line in lines] == ["1/3", "2/3", "3/3"]
    assert f"loss {history.loss[-1]:.4f}" in lines[-1]
    assert "\x1b" not in stream.getvalue()


def test_a_terminal_has_one_line_that_is_written_anew() -> None:
    stream = Terminal()
    history = train(stream)
    text = stream.getvalue()
    assert text.count("\r\x1b[K") == 3
    assert text.count("\n") == 1
    assert text.endswith(f"{history.val_accuracy[-1]:.4f}\n")


def test_bars_span_their_range() -> None:
    assert bars([3.0, 2.0, 1.0]) == "█▅▁"
    assert bars([1.0, 1.0]) == "▁▁"
    assert len(bars([float(number) for number in range(100)])) == BLOCKS_WIDTH


def test_a_notebook_shows_one_picture_that_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str] = []

    def display(picture: str, display_id: bool) -> SimpleNamespace:
        assert display_id
        shown.append(picture)
        return SimpleNamespace(update=lambda new: shown.__setitem__(-1, new))

    shell = type("ZMQInteractiveShell", (), {})()
    parent, module = ModuleType("IPython"), ModuleType("IPython.display")
    parent.get_ipython = lambda: shell
    module.HTML, module.display = str, display
    monkeypatch.setitem(sys.modules, "IPython", parent)
    monkeypatch.setitem(sys.modules, "IPython.display", module)
    history = train(None)
    (picture,) = shown
    assert picture.count("<svg") == 3
    assert f"held-out epoch 3: {history.val_loss[-1]:.6g}" in picture


def test_the_callback_sees_each_epoch_once() -> None:
    seen: list[int] = []
    data = TensorDataset(fg.ones(4, 1), fg.zeros(4, dtype=fg.int64))
    net = nn.Linear(1, 2)
    fit(net, data, epochs=3, progress=False, callback=lambda history: seen.append(len(history)))
    assert seen == [1, 2, 3]


def test_a_loss_that_is_not_a_number_is_left_out() -> None:
    stream = Terminal()
    LiveCurves(stream=stream)(History([Epoch(1, float("nan"), None, None, None, 1.0, 1.0)]))
    assert stream.getvalue() == "\r\x1b[Kepoch 1"
