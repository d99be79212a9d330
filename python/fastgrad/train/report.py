"""The test report of a run: numbers as a dictionary, and the same for people."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from fastgrad.train.errors import EXTRA_HINT
from fastgrad.train.evaluation import Evaluation

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fastgrad import Tensor

WIDEST_MATRIX = 20  # classes that a line of a terminal has room for


def confusion_matrix(targets: "Tensor", predictions: "Tensor", classes: int) -> "NDArray[Any]":
    """Count how often each class was taken for each.

    Args:
        targets: True classes in 0..classes-1, shape (N,).
        predictions: Predicted classes, likewise.
        classes: How many classes there are.

    Returns:
        int64 array of shape (classes, classes); the rows are the true classes.

    Example:
        >>> import fastgrad as torch
        >>> from fastgrad.train import confusion_matrix
        >>> confusion_matrix(torch.tensor([0, 1, 1]), torch.tensor([0, 0, 1]), 2).tolist()
        [[1, 0], [1, 1]]
    """
    import numpy as np

    cells = (targets * classes + predictions).numpy()
    return np.bincount(cells, minlength=classes * classes).reshape(classes, classes)


def class_report(evaluation: Evaluation, classes: tuple[str, ...]) -> dict[str, Any]:
    """Return accuracy, confusion matrix and, with scikit-learn, the scores of each class."""
    matrix = confusion_matrix(evaluation.targets, evaluation.predictions, len(classes))
    report: dict[str, Any] = {
        "loss": evaluation.loss,
        "accuracy": evaluation.accuracy,
        "samples": len(evaluation.targets),
        "classes": list(classes),
        "confusion": matrix.tolist(),
    }
    try:
        from sklearn.metrics import (
            precision_recall_fscore_support,
        )
    except ImportError:
        return report
    truth, answers = evaluation.targets.numpy(), evaluation.predictions.numpy()
    scores = precision_recall_fscore_support(
        truth, answers, labels=range(len(classes)), zero_division=0
    )
    names = ("precision", "recall", "f1")
    return report | {name: row.tolist() for name, row in zip(names, scores[:3], strict=True)}


def quantity_report(evaluation: Evaluation) -> dict[str, Any]:
    """Return the usual measures of a regression, in the units of the target."""
    error = (evaluation.predictions - evaluation.targets).double()
    spread = evaluation.targets.double() - evaluation.targets.double().mean()
    squared, total = (error * error).sum().item(), (spread * spread).sum().item()
    return {
        "loss": evaluation.loss,
        "samples": len(error),
        "root mean squared error": (squared / len(error)) ** 0.5,
        "mean absolute error": error.abs().mean().item(),
        "r2": 1 - squared / total if total else None,
    }


def report_text(report: dict[str, Any]) -> str:
    """Return a report as lines of text."""
    if "confusion" not in report:
        return "\n".join(_quantity_lines(report))
    lines = [*_accuracy_lines(report), "", *_score_lines(report), "", *_matrix_lines(report)]
    return "\n".join(lines)


def _quantity_lines(report: dict[str, Any]) -> Iterable[str]:
    yield f"Test report, {report['samples']} samples"
    yield f"  root mean squared error  {report['root mean squared error']:.4f}"
    yield f"  mean absolute error      {report['mean absolute error']:.4f}"
    if report["r2"] is not None:
        yield f"  R squared                {report['r2']:.4f}"


def _accuracy_lines(report: dict[str, Any]) -> Iterable[str]:
    right = sum(row[index] for index, row in enumerate(report["confusion"]))
    yield (
        f"Test accuracy {report['accuracy']:.4f} ({right} of {report['samples']} right), "
        f"loss {report['loss']:.4f}"
    )


def _score_lines(report: dict[str, Any]) -> Iterable[str]:
    if "f1" not in report:
        yield f"For precision, recall and F1 per class: {EXTRA_HINT}"
        return
    classes, scores = report["classes"], [report[name] for name in ("precision", "recall", "f1")]
    width = max(map(len, [*classes, "average"]))
    counts = [sum(row) for row in report["confusion"]]
    yield f"{'class':>{width}}  precision  recall      F1  samples"
    for name, precision, recall, f1, count in zip(classes, *scores, counts, strict=True):
        yield f"{name:>{width}}  {precision:9.4f}  {recall:6.4f}  {f1:6.4f}  {count:7}"
    precision, recall, f1 = (sum(score) / len(score) for score in scores)
    yield f"{'average':>{width}}  {precision:9.4f}  {recall:6.4f}  {f1:6.4f}  {sum(counts):7}"


def _matrix_lines(report: dict[str, Any]) -> Iterable[str]:
    matrix, classes = report["confusion"], report["classes"]
    if len(classes) > WIDEST_MATRIX:
        yield f"The confusion matrix of {len(classes)} classes is in history.json"
        return
    name_width = max(map(len, classes))
    width = 1 + max(len(str(count)) for row in [*matrix, range(len(classes))] for count in row)
    yield "Confusion matrix (rows: true class; columns: predicted class, in the same order)"
    for name, row in zip(classes, matrix, strict=True):
        yield f"{name:>{name_width}} |" + "".join(f"{count or '.':>{width}}" for count in row)
