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
    "lenet": {"accuracy": (0.8, 1.0)},
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
