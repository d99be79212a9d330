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
    "image_augmentation": {"plain": (0.7, 1.0), "gain": (0.02, 0.3)},
    "bert": {"words": (0.0, 5.5), "right": (0.53, 1.0)},
    "gpt": {"loss": (0.0, 2.6), "resumed": (1.0, 1.0), "exported": (1.0, 1.0)},
    "kernel_regression": {"constant": (0.3, 2.0), "learned": (0.0, 0.1)},
    "language_model": dict.fromkeys(("RNN", "RNN from scratch", "GRU", "LSTM"), (1.0, 12.0)),
    "lenet": {"accuracy": (0.8, 1.0)},
    "neural_turing_machine": {"wrong": (0.0, 0.2)},
    "sentiment": {"CNN": (0.65, 1.0), "RNN": (0.65, 1.0)},
    "sine": {"next": (0.0, 0.02), "alone": (0.0, 0.05)},
    "translation": dict.fromkeys(("seq2seq", "seq2seq, attention", "Transformer"), (0.6, 1.0)),
    "word2vec": {"told apart": (0.56, 1.0)},
    "object_detection": {"map_50": (0.2, 1.0), "map": (0.1, 1.0)},
    "semantic_segmentation": {"mean_iou": (0.15, 1.0), "pixels": (0.93, 1.0)},
    "style_transfer": {"textures": (0.4, 1.0), "Adam": (0.0, 0.15), "L-BFGS": (0.0, 0.1)},
    "transfer_learning": {
        "learned on 0-4, fine-tuned": (0.45, 1.0),
        "random, trained": (0.2, 0.45),
        "random, frozen": (0.1, 0.3),
    },
}
SHARED = {"common", "scenes", "notebooks"}  # no examples: imported by them, and a generator


needs_data = pytest.mark.skipif(
    not DATA.is_dir(), reason=f"the examples' data is not in {DATA}: set FASTGRAD_DATA"
)


@pytest.fixture(autouse=True)
def _examples_on_the_path(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.syspath_prepend(str(EXAMPLES))
    yield
    for name in [path.stem for path in EXAMPLES.glob("*.py")]:
        sys.modules.pop(name, None)


def test_every_example_is_expected_to_reach_something() -> None:
    names = {path.stem for path in EXAMPLES.glob("*.py")} - SHARED
    assert names == set(REACHED)


@needs_data
@pytest.mark.parametrize("name", REACHED)
def test_example(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
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


@needs_data
def test_scenes_are_drawn_from_their_seed() -> None:
    scenes = import_module("scenes").scenes
    first, again, other = (scenes(DATA, 20, train=False, seed=seed) for seed in (3, 3, 4))
    for name in ("images", "labels", "masks"):
        assert np.array_equal(getattr(first, name), getattr(again, name))
        assert not np.array_equal(getattr(first, name), getattr(other, name))


@needs_data
def test_masks_of_scenes_lie_in_their_boxes() -> None:
    """And nearly reach their edges, so that the boxes are tight; no two digits overlap."""
    drawn = import_module("scenes").scenes(DATA, 50, train=True)
    side = drawn.masks.shape[-1]
    for mask, labels in zip(drawn.masks.numpy(), drawn.labels.numpy(), strict=True):
        left = mask.copy()
        for digit, *corners in labels[labels[:, 0] >= 0]:
            x1, y1, x2, y2 = (np.array(corners) * side).tolist()
            low_x, low_y, high_x, high_y = int(x1), int(y1), int(x2) + 1, int(y2) + 1
            inside = left[low_y:high_y, low_x:high_x] == digit + 1
            rows, columns = (np.flatnonzero(inside.any(axis)) for axis in (1, 0))
            assert max(rows[0], columns[0]) <= 2
            assert rows[-1] >= inside.shape[0] - 3
            assert columns[-1] >= inside.shape[1] - 3
            left[low_y:high_y, low_x:high_x][inside] = 0
        assert not left.any()
