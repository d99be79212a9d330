"""Every lesson runs and finds what it should; the notebooks are those of the scripts."""

import ast
import json
import os
import runpy
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from math import inf, log
from pathlib import Path
from typing import Any

import numpy as np
import pytest

ROOT = Path(__file__).parents[1]
LESSONS = ROOT / "examples" / "lessons"
DATA = Path(os.environ.get("FASTGRAD_DATA") or ROOT / ".." / "shared" / "data")

# What a lesson's variables have to be: an expression of them -> (least, most).
FOUND: dict[str, dict[str, tuple[float, float]]] = {
    "tensors": {
        "moved and stayed": (1, 1),
        "X[0, 2].item()": (0, 0),
        "shared[0].item() - copied[0].item()": (7, 7),
        "table[8, 8].item()": (81, 81),
    },
    "differentiation": {
        "(measured - w.grad).abs().max().item()": (0, 1e-3),
        "steps": (10, 40),
        "W_h.grad.norm().item()": (1e-3, 1e4),
        "(second + sine).abs().max().item()": (0, 1e-6),
    },
    "linear_regression": {
        "w.item()": (1.9, 2.1),
        "b.item()": (-3.9, -2.9),
        "net.weight.item()": (1.9, 2.1),
        "best[0].item()": (1.95, 2.05),
        "predicted[4].item()": (1900, 2100),
    },
    "perceptron": {"accuracy": (1, 1), "margin": (1e-3, 1), "len(history)": (2, 200)},
    "logistic_regression": {
        "(by_graph - by_hand).abs().max().item()": (0, 1e-6),
        "losses[0]": (log(2) - 1e-5, log(2) + 1e-5),
        "losses[-1] - loss.item()": (-1e-3, 1e-3),
        "accuracy": (0.88, 0.96),
    },
    "xor": {
        "single_accuracy": (0, 0.75),
        "single_losses[-1]": (log(2) - 1e-3, inf),
        "best_line": (0.75, 0.75),
        "double_accuracy": (1, 1),
        "(by_hand - labels).abs().max().item()": (0, 0),
    },
    "softmax_regression": {
        "scratch['test'][-1]": (0.84, 0.93),
        "concise[-1]": (0.84, 0.93),
        "softmax(images[:9] @ W).sum().item()": (8.9999, 9.0001),
    },
    "mlp": {
        "difference": (0, 1e-5),
        "min(curve[-1] for curve in curves.values())": (0.87, 0.96),
        "by_option - by_definition": (-1e-5, 1e-5),
        "(sure['hard labels'].mean() - sure['smooth labels'].mean()).item()": (0.05, 0.3),
    },
    "gradient_descent": {
        "distances['batch'][-1].item()": (0, 0.03),
        "distances['mini-batch'][-1].item()": (0, 0.2),
        "constant_noise / falling_noise": (2, 20),
    },
    "optimizers": {
        "least": (0.2, 0.3),
        "max(differences.values())": (0, 1e-5),
        "max(curve[-1] for curve in curves.values()) - least": (0, 0.04),
        "curves['Adam'][-1] - least": (0, 0.003),
    },
    "overfitting": {
        "errors['degree 12']['train'] / errors['degree 3']['train']": (0, 0.6),
        "errors['degree 12']['test'] / errors['degree 3']['test']": (2, inf),
        "errors['degree 1']['test'] / errors['degree 3']['test']": (1.5, 3),
        "errors['degree 12, decay']['test'] / errors['degree 12']['test']": (0, 0.7),
        "networks['weight decay'][1][-1] / networks['plain'][1][-1]": (0.5, 0.95),
        "networks['dropout'][1][-1] / networks['plain'][1][-1]": (0.5, 0.95),
        "dropped.mean().item()": (0.95, 1.05),
        "unchanged": (1, 1),
    },
    "numerical_stability": {
        "naive[:2].isnan().sum().item()": (2, 2),
        "shifted.sum().item()": (0.9999, 1.0001),
        "by_steps[2].item()": (-inf, -inf),
        "(in_one - sums.log_softmax(dim=0)).abs().max().item()": (0, 1e-4),
        "abs(two_means - 1)": (3, inf),
        "centered": (0.9, 1.1),
        "sizes[0.25][-1]": (1e-4, 1e4),
        "sizes[0.08][-1]": (0, 0),
        "gradients['sigmoid'][0] / gradients['sigmoid'][-1]": (0, 1e-9),
        "gradients['ReLU, Kaiming'][0] / gradients['ReLU, Kaiming'][-1]": (0.1, 10),
    },
    "evaluation": {
        "error_rate": (0.08, 0.2),
        "confusion.sum().item()": (2000, 2000),
        "f1.mean().item()": (0.8, 0.92),
        "area - pairs": (-1e-4, 1e-4),
        "area": (0.9, 1),
    },
    "k_fold": {
        "chosen['training']": (10, 10),
        "chosen['5-fold']": (3, 6),
        "chosen['leave-one-out']": (3, 6),
        "chosen['new data']": (3, 6),
        "max(abs(at_once[d] - results['leave-one-out'][d]) for d in range(6))": (0, 1e-8),
        "sum(len(k_fold(1, k)) for k in (5, 30))": (35, 35),
    },
    "linear_algebra": {
        "(rebuilt - A).abs().max().item()": (0, 1e-5),
        "largest - values[1].item()": (-1e-4, 1e-4),
        "spectral - lengthened": (-1e-4, 1e-4),
        "(variances / values**2 - 1).abs().max().item()": (0, 0.15),
    },
    "calculus": {
        "slope.item()": (2, 2),
        "(expansions[9] - x.sin())[near].abs().max().item()": (0, 1e-7),
        "curvatures[0].item()": (0.3, 0.5),
        "(steepest + g / g.norm()).abs().max().item()": (0, 1e-2),
        "(newton[-1] - 1).abs().max().item()": (0, 1e-3),
        "(descent[-1] - 1).abs().max().item()": (0.05, 0.5),
    },
    "probability": {
        "(shares[-1] - 1 / 6).abs().max().item()": (0, 0.03),
        "by_rule - by_counting": (-0.01, 0.01),
        "likeliest[0] - data.mean().item()": (-1e-3, 1e-3),
        "likeliest[1] - data.std(correction=0).item()": (-1e-3, 1e-3),
        "30 * means.var().item() / variance": (0.95, 1.05),
    },
}
READ_DATA = {"softmax_regression", "mlp", "optimizers", "evaluation"}
needs_data = pytest.mark.skipif(
    not DATA.is_dir(), reason=f"the lessons' data is not in {DATA}: set FASTGRAD_DATA"
)


@pytest.fixture(autouse=True)
def _lessons_on_the_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    path = list(sys.path)
    monkeypatch.syspath_prepend(str(LESSONS))
    monkeypatch.setenv("FASTGRAD_DATA", str(DATA))
    monkeypatch.setenv("FASTGRAD_OUT", str(tmp_path))
    monkeypatch.setenv("MPLBACKEND", "Agg")
    yield
    sys.path[:] = path
    for name in ("lesson", "common", "notebooks"):
        sys.modules.pop(name, None)


def generator(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(LESSONS.parent))
    return import_module("notebooks")


def test_every_lesson_is_expected_to_find_something(monkeypatch: pytest.MonkeyPatch) -> None:
    assert {path.stem for path in generator(monkeypatch).lessons()} == set(FOUND)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=needs_data) if name in READ_DATA else name for name in FOUND]
)
def test_lesson(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    image = pytest.importorskip("PIL.Image", reason="Pillow reads the pictures back")
    plt = pytest.importorskip("matplotlib.pyplot", reason="matplotlib draws the pictures")
    plt.switch_backend("Agg")
    variables = runpy.run_path(str(LESSONS / f"{name}.py"))
    plt.close("all")
    for expression, (least, most) in FOUND[name].items():
        value = eval(expression, variables)
        assert least <= value <= most, f"{expression} is {value}"
    assert f"wrote {tmp_path / name}.png" in capsys.readouterr().out
    picture = np.asarray(image.open(tmp_path / f"{name}.png").convert("L"))
    assert np.ptp(picture) > 100, "nothing is drawn"


def test_the_notebooks_are_those_of_the_scripts(monkeypatch: pytest.MonkeyPatch) -> None:
    made = generator(monkeypatch)
    expected = {path.with_suffix(".ipynb").name: made.notebook(path) for path in made.lessons()}
    there = {path.name: path.read_text(encoding="utf-8") for path in LESSONS.glob("*.ipynb")}
    different = [name for name in expected if there.get(name) != expected[name]]
    assert different == [], "run python examples/notebooks.py"
    assert set(there) == set(expected)


def test_the_code_of_a_notebook_is_its_script(monkeypatch: pytest.MonkeyPatch) -> None:
    """Statement for statement, and each has text before its first code."""
    made = generator(monkeypatch)
    for path in made.lessons():
        cells = json.loads(made.notebook(path))["cells"]
        code = "\n\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "code")
        assert ast.dump(ast.parse(code)) == ast.dump(ast.parse(path.read_text(encoding="utf-8")))
        assert cells[0]["cell_type"] == "markdown"
        assert cells[0]["source"][0].startswith("# ")


@pytest.mark.parametrize(
    ("script", "said"),
    [("x = 1\n", "line 1: expected"), ("# %% [markdown]\n# text\nx = 1\n", "line 3: text has to")],
)
def test_what_is_no_lesson_is_refused(
    monkeypatch: pytest.MonkeyPatch, script: str, said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        generator(monkeypatch).cells(script)


@pytest.mark.parametrize("name", ["xor", "linear_regression"])
def test_a_notebook_runs(name: str, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib draws the pictures")
    command = [sys.executable, "-m", "fastgrad", "run", str(LESSONS / f"{name}.ipynb")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert f"wrote {tmp_path / name}.png" in done.stdout
