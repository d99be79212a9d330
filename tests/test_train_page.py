"""The report of a training run as a page: well-formed, complete, and on its own."""

import base64
import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest

import fastgrad as fg
from fastgrad.cli import main
from fastgrad.train import Epoch, History
from fastgrad.train.charts import Curve, chart


def trained(folder: Path, *words: str) -> tuple[str, ET.Element, dict]:
    """The page of a run, the same as a tree, and what the run wrote as JSON."""
    assert main(["train", "--report", "--epochs", "3", "--out", str(folder), *words]) == 0
    text = (folder / "report.html").read_text(encoding="utf-8")
    tree = ET.fromstring(text.removeprefix("<!DOCTYPE html>"))
    return text, tree, json.loads((folder / "history.json").read_text())


def words_of(tree: ET.Element) -> list[str]:
    return [text.strip() for text in tree.itertext() if text.strip()]


def rows_of(tree: ET.Element, kind: str) -> list[list[str]]:
    (table,) = tree.iterfind(f".//table[@class='{kind}']")
    return [["".join(cell.itertext()) for cell in row] for row in table.iterfind("tbody/tr")]


def assert_alone(text: str) -> None:
    """Nothing is fetched from anywhere."""
    assert "://" not in text
    assert "@import" not in text
    assert not re.search(r"<(script|link|iframe|object|embed|base)\b", text)
    sources = re.findall(r"\b(?:src|href|srcset|poster|data)=\"([^\"]*)\"", text)
    assert all(source.startswith("data:image/png;base64,") for source in sources)
    assert all(target.startswith("data:") for target in re.findall(r"url\(([^)]*)\)", text))


def test_the_page_of_a_classifier(tmp_path: Path) -> None:
    text, tree, document = trained(tmp_path, "--seed", "7")
    assert_alone(text)
    words, test = words_of(tree), document["test"]
    assert f"{test['accuracy']:.4f}" in words
    assert f"{test['loss']:.4f}" in words
    settings = dict(row for row in (list(map(str, r)) for r in all_facts(tree)))
    assert settings["seed"] == "7"
    assert settings["lr"] == "0.5"
    assert settings["fastgrad"] == fg.__version__
    assert settings["threads"] == str(fg.get_num_threads())
    counts = [[int(cell or 0) for cell in row[1:]] for row in rows_of(tree, "confusion")]
    assert counts == test["confusion"]
    assert "1: Linear" in text
    for epoch in document["epochs"]:
        assert f"held-out epoch {epoch['epoch']}: {epoch['val_loss']:.6g}" in words
        assert f"training epoch {epoch['epoch']}: {epoch['accuracy']:.6g}" in words
        assert f"epoch {epoch['epoch']}: 0.5" in words  # the learning rate


def all_facts(tree: ET.Element) -> list[tuple[str, ...]]:
    rows = tree.iterfind(".//table[@class='facts']/tr")
    return [tuple("".join(cell.itertext()) for cell in row) for row in rows]


def test_the_worst_samples_have_their_pictures_and_the_largest_losses(tmp_path: Path) -> None:
    _, tree, _ = trained(tmp_path)
    tiles = tree.findall(".//div[@class='samples']/figure")
    losses = [float("".join(tile.itertext()).rpartition("loss ")[2]) for tile in tiles]
    assert losses == sorted(losses, reverse=True)
    digits = fg.vision.datasets.Digits(train=False)
    weights = fg.load(tmp_path / "model.safetensors")
    inputs = (digits.data.float() / 16).flatten(1)
    scores = fg.nn.functional.linear(inputs, weights["1.weight"], weights["1.bias"])
    every = fg.nn.functional.cross_entropy(scores, digits.targets, reduction="none")
    values, places = every.topk(len(tiles))
    assert losses == pytest.approx(values.tolist(), abs=1e-3)
    worst = int(places[0])
    said = "".join(tiles[0].itertext())
    assert f"true {digits.targets[worst].item()}" in said
    assert f"predicted {scores[worst].argmax().item()}" in said
    image = pytest.importorskip("PIL.Image")
    content = base64.b64decode(tiles[0].find("img").get("src").partition(",")[2])
    (tmp_path / "tile.png").write_bytes(content)
    ink = 255 - np.asarray(image.open(tmp_path / "tile.png")).astype(int)
    assert np.abs(ink - digits.data[worst].numpy() * (255 / 16)).max() <= 0.5


def test_the_page_of_quantities_escapes_names(tmp_path: Path) -> None:
    table = tmp_path / "a <b> & c.csv"
    rows = [f"{n},{n * 0.5},{3 * n}" for n in range(40)]
    table.write_text("\n".join(rows))
    text, tree, document = trained(tmp_path / "out", "--model", "linear", "--data", str(table))
    assert_alone(text)
    assert f"linear on {table.name}" in words_of(tree)
    assert f"{document['test']['mean absolute error']:.4g}" in words_of(tree)
    assert tree.find(".//table[@class='confusion']") is None
    assert len(rows_of(tree, "scores")) == document["test"]["samples"]


def test_without_the_option_there_is_no_page(tmp_path: Path) -> None:
    assert main(["train", "--epochs", "1", "--out", str(tmp_path)]) == 0
    assert not (tmp_path / "report.html").exists()


@pytest.mark.parametrize(
    "values",
    [[0.5], [0.0, 0.0], [-2.0, 3.0], [1e-9, 1e-9], [1.0, None, 3.0], [float("nan"), 2.0]],
)
def test_charts_stay_within_their_frame(values: list[float | None]) -> None:
    tree = ET.fromstring(chart("loss", [Curve("training", "training", values)]))
    _, _, width, height = map(float, tree.get("viewBox").split())
    dots = [(float(dot.get("cx")), float(dot.get("cy"))) for dot in tree.iterfind("circle")]
    assert len(dots) == sum(value is not None and value == value for value in values)
    assert all(0 < x < width and 0 < y < height for x, y in dots)


def test_a_loss_over_decades_is_drawn_on_a_logarithmic_scale() -> None:
    tree = ET.fromstring(chart("loss", [Curve("training", "training", [100.0, 1.0, 0.01])]))
    heights = [float(dot.get("cy")) for dot in tree.iterfind("circle")]
    assert heights[1] - heights[0] == pytest.approx(heights[2] - heights[1], abs=0.2)


def test_histories_know_the_learning_rate_and_older_ones_do_not() -> None:
    record = Epoch(1, 0.1, None, None, None, 1.0, 1.0, lr=0.25)
    assert History([record]).lr == [0.25]
    older = {name: value for name, value in History([record]).to_dicts()[0].items() if name != "lr"}
    assert History.from_dicts([older]).lr == [None]
