"""Cross-validation with scikit-learn around a network: how loud is an airfoil?

Five measured quantities give the sound level. Compares a network with linear regression by 5-fold
cross-validation on all measurements, and by leaving one out on a few of them; draws what was
predicted for measurements that the model had not seen.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from sklearn.compose import TransformedTargetRegressor
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import KFold, LeaveOneOut, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from common import BLUE, GREY, INK, Stopwatch, airfoils, options, print_table, save_figure
from fastgrad.sklearn import NeuralNetRegressor


def models(epochs: int, seed: int) -> dict[str, Any]:
    """Return the two regressions, each of standardized numbers."""
    net = NeuralNetRegressor(max_epochs=epochs, random_state=seed)
    return {
        name: TransformedTargetRegressor(
            make_pipeline(StandardScaler(), regression), transformer=StandardScaler()
        )
        for name, regression in (("linear", LinearRegression()), ("network", net))
    }


def draw(y: np.ndarray, predicted: dict[str, np.ndarray], errors: dict[str, list[float]]) -> Figure:
    """Draw predictions against measurements, and the errors of the folds."""
    figure = Figure(figsize=(8, 3.8), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=[1.2, 1])
    for name, color in (("linear", GREY), ("network", BLUE)):
        left.plot(y, predicted[name], ".", color=color, markersize=3, label=name)
        folds = range(1, len(errors[name]) + 1)
        right.plot(folds, errors[name], "o", color=color)
        right.axhline(np.mean(errors[name]), color=color, linewidth=1)
    left.axline((y.mean(), y.mean()), slope=1, color=INK, linewidth=1)
    left.set(xlabel="measured, dB", ylabel="predicted by models that had not seen it, dB")
    left.legend(frameon=False, markerscale=3)
    right.set(xlabel="fold", ylabel="root of the mean squared error, dB", xticks=list(folds))
    right.set_ylim(bottom=0)
    return figure


def main(arguments: Sequence[str] | None = None) -> dict[str, float]:
    """Run the example and return its figures of merit: errors in dB by model and method."""
    chosen = options(__doc__, arguments)
    epochs, few = (30, 15) if chosen.quick else (200, 60)
    X, y = airfoils(chosen.data)
    folds = KFold(5, shuffle=True, random_state=chosen.seed)
    some = np.random.default_rng(chosen.seed).choice(len(y), few, replace=False)
    rows, predicted, errors = [], {}, {}
    for name, model in models(epochs, chosen.seed).items():
        watch = Stopwatch()
        predicted[name] = cross_val_predict(model, X, y, cv=folds)
        squares = (predicted[name] - y) ** 2
        errors[name] = [squares[held_out].mean() ** 0.5 for _, held_out in folds.split(X)]
        left_out = cross_val_predict(model, X[some], y[some], cv=LeaveOneOut())
        rows.append(
            {
                "model": name,
                "5-fold error": float(squares.mean() ** 0.5),
                "least of folds": float(min(errors[name])),
                "most": float(max(errors[name])),
                f"leave one of {few} out": float(((left_out - y[some]) ** 2).mean() ** 0.5),
                "seconds": watch.seconds,
            }
        )
    print_table(rows)
    save_figure(draw(y, predicted, errors), chosen.out / "cross_validation.png")
    return {row["model"]: row["5-fold error"] for row in rows}


if __name__ == "__main__":
    main()
