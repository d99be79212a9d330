"""Every script of examples/ runs on little data, reaches what it should, and draws something."""

import os
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "examples"
DATA = Path(os.environ.get("FASTGRAD_DATA") or ROOT / ".." / "shared" / "data")

# What a quick run of each example has to reach: figure of merit -> (least, most).
REACHED: dict[str, dict[str, tuple[float, float]]] = {
    "batch_norm": {"with": (0.4, 1.0), "without": (0.05, 0.3), "difference": (0, 1e-4)},
    "convolutional_networks": {"ResNet": (0.6, 1.0), "DenseNet": (0.4, 1.0), "AlexNet": (0.2, 1.0)},
    "cross_validation": {"network": (1.0, 3.2), "linear": (4.7, 5.0)},
    "curriculum": {"easy to hard": (0.75, 0.95), "random": (0.75, 0.95)},
    "feature_maps": {"accuracy": (0.85, 1.0), "active": (0.1, 0.9)},
    "lenet": {"accuracy": (0.8, 1.0)},
    "transfer_learning": {
        "learned on 0-4, fine-tuned": (0.45, 1.0),
        "random, trained": (0.2, 0.45),
        "random, frozen": (0.1, 0.3),
    },
}


@pytest.fixture(autouse=True)
def _examples_on_the_path(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.syspath_prepend(str(EXAMPLES))
    yield
    for name in [path.stem for path in EXAMPLES.glob("*.py")]:
        sys.modules.pop(name, None)


def test_every_example_is_expected_to_reach_something() -> None:
    names = {path.stem for path in EXAMPLES.glob("*.py")} - {"common"}
    assert names == set(REACHED)


@pytest.mark.parametrize("name", REACHED)
def test_example(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    if not DATA.is_dir():
        pytest.skip(f"the examples' data is not in {DATA}: set FASTGRAD_DATA")
    image = pytest.importorskip("PIL.Image", reason="Pillow reads the pictures back")
    example = import_module(name)
    figures = example.main(["--quick", "--data", str(DATA), "--out", str(tmp_path)])
    for title, (least, most) in REACHED[name].items():
        assert least <= figures[title] <= most, title
    pictures = sorted(tmp_path.rglob("*.png"))
    assert pictures
    printed = capsys.readouterr().out
    for picture in pictures:
        assert f"wrote {picture}" in printed
        assert np.ptp(np.asarray(image.open(picture).convert("L"))) > 100, "nothing is drawn"


def test_missing_data_names_the_folder(tmp_path: Path) -> None:
    lenet = import_module("lenet")
    with pytest.raises(SystemExit, match="mnist is not there: --data names the folder"):
        lenet.main(["--quick", "--data", str(tmp_path), "--out", str(tmp_path)])
