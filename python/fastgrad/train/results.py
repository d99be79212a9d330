"""What a finished training job leaves: weights, history, pictures."""

import json
from dataclasses import dataclass, field
from typing import Any

from fastgrad.io.atomic import write_text
from fastgrad.io.safetensors import save_file
from fastgrad.train.errors import MissingExtraError
from fastgrad.train.evaluation import Evaluation
from fastgrad.train.history import History
from fastgrad.train.models import Task
from fastgrad.train.output import (
    CONFUSION,
    CURVES,
    HISTORY,
    PREDICTIONS,
    WEIGHTS,
    OutputFolder,
)
from fastgrad.train.report import class_report, quantity_report
from fastgrad.train.settings import Settings
from fastgrad.train.sources import Source


@dataclass(slots=True)
class Outcome:
    """All that is known at the end of a training job; ``report`` follows from the rest."""

    settings: Settings
    source: Source
    task: Task
    history: History
    evaluation: Evaluation
    report: dict[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        classes = self.source.classes
        self.report = (
            quantity_report(self.evaluation)
            if classes is None
            else class_report(self.evaluation, classes)
        )


def write_results(folder: OutputFolder, outcome: Outcome) -> tuple[str, ...]:
    """Write the results, each file whole or not at all, and return the names of the files."""
    settings = outcome.settings.to_dict()
    about = {
        "settings": settings,
        "preparation": outcome.source.preparation,
        "classes": outcome.source.classes,
    }
    # Under one name: the format does not keep the order of several.
    save_file(outcome.task.model.state_dict(), folder / WEIGHTS, {"fastgrad": json.dumps(about)})
    pictures = _draw(folder, outcome)
    document = {
        "settings": settings,
        "epochs": outcome.history.to_dicts(),
        "test": outcome.report,
    }
    write_text(folder / HISTORY, json.dumps(document, indent=2))
    return (WEIGHTS, HISTORY, *pictures)


def _draw(folder: OutputFolder, outcome: Outcome) -> list[str]:
    """Draw what there is to draw, and return the names of the pictures; none without matplotlib."""
    names = pictures_of(outcome.source)
    try:
        for name in names:
            _draw_one(name, folder, outcome)
    except MissingExtraError:
        return []
    return names


def pictures_of(source: Source) -> list[str]:
    """Return the names of the pictures that suit the data."""
    if source.classes is None:
        return [CURVES, PREDICTIONS]
    return [CURVES, CONFUSION, PREDICTIONS] if source.is_images else [CURVES, CONFUSION]


def _draw_one(name: str, folder: OutputFolder, outcome: Outcome) -> None:
    import numpy as np

    from fastgrad.train import plots

    path, classes, evaluation = folder / name, outcome.source.classes, outcome.evaluation
    targets, predictions = evaluation.targets, evaluation.predictions
    if name == CURVES:
        plots.plot_curves(outcome.history, path)
    elif name == CONFUSION:
        plots.plot_confusion(np.array(outcome.report["confusion"]), outcome.report["classes"], path)
    elif classes is None:
        plots.plot_quantities(targets, predictions, path)
    else:
        images = outcome.source.test.tensors[0]
        plots.plot_predictions(images, targets, predictions, classes, path)
