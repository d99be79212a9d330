"""How well a model does on data it is not trained on."""

from dataclasses import dataclass
from typing import Any, TypeAlias

import fastgrad as fg
from fastgrad import Tensor, nn
from fastgrad.nn import functional
from fastgrad.train.metrics import Loss, Meter, Predict, predictions_of
from fastgrad.utils.data import DataLoader, Dataset

Data: TypeAlias = Dataset[Any] | DataLoader[Any]

EVALUATION_BATCH = 1024


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Result of :func:`evaluate`.

    Attributes:
        loss: Mean loss per sample.
        accuracy: Share of right labels in 0..1; None when the targets are quantities.
        predictions: Predicted labels, or the outputs themselves when the targets are quantities.
        targets: What would have been right, in the same order.
    """

    loss: float
    accuracy: float | None
    predictions: Tensor
    targets: Tensor


def evaluate(
    model: nn.Module,
    data: Data,
    *,
    loss: Loss = functional.cross_entropy,
    predict: Predict | None = None,
) -> Evaluation:
    """Run a model over data without training it.

    The model is in evaluation mode meanwhile, and afterwards in the mode that it had.

    Args:
        model: The model.
        data: A dataset or a loader of (inputs, targets) pairs.
        loss: ``loss(outputs, targets)`` -> mean loss of the batch, a tensor with one element.
        predict: ``predict(outputs)`` -> labels to compare with the targets. By default the class
            with the largest output, when the targets are integers.

    Raises:
        ValueError: ``data`` is empty.

    Example:
        >>> import fastgrad as torch
        >>> from fastgrad.train import evaluate
        >>> from fastgrad.utils.data import TensorDataset
        >>> data = TensorDataset(torch.eye(3), torch.tensor([0, 1, 0]))
        >>> result = evaluate(torch.nn.Identity(), data)
        >>> result.predictions
        tensor([0, 1, 2])
        >>> round(result.accuracy, 3)
        0.667
    """
    loader = data if isinstance(data, DataLoader) else DataLoader(data, EVALUATION_BATCH)
    was_training = model.training
    model.eval()
    try:
        with fg.no_grad():
            return _evaluate(model, loader, loss, predict)
    finally:
        model.train(was_training)


def _evaluate(
    model: nn.Module, loader: DataLoader[Any], loss: Loss, predict: Predict | None
) -> Evaluation:
    meter = Meter(predict)
    predictions, truth = [], []
    for inputs, targets in loader:
        outputs = model(inputs)
        meter.add(loss(outputs, targets), outputs, targets)
        labels = predictions_of(outputs, targets, predict)
        predictions.append(outputs if labels is None else labels)
        truth.append(targets)
    if not truth:
        raise ValueError("evaluate needs at least one sample, and the data is empty")
    return Evaluation(meter.loss, meter.accuracy, fg.cat(predictions), fg.cat(truth))


def sample_losses(
    model: nn.Module, data: Data, *, loss: Loss, predict: Predict | None = None
) -> list[float]:
    """Return the loss of each sample by itself, in the order of the data; see :func:`evaluate`."""
    losses: list[float] = []

    def recorded(outputs: Tensor, targets: Tensor) -> Tensor:
        each = zip(outputs.split(1), targets.split(1), strict=True)
        losses.extend(loss(output, target).item() for output, target in each)
        return loss(outputs, targets)

    evaluate(model, data, loss=recorded, predict=predict)
    return losses
