"""How well a model does on data it is not trained on."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, TypeAlias, cast

import fastgrad as fg
from fastgrad import Tensor, nn
from fastgrad.nn import functional
from fastgrad.train.metrics import Loss, Measured, Meter, Predict, measured, predictions_of
from fastgrad.train.ranks import Ranks
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
    return _merged(_measured(model, loader, loss, predict))


def evaluate_on_ranks(
    ranks: Ranks, model: nn.Module, data: Data, loss: Loss, predict: Predict | None
) -> Evaluation:
    """:func:`evaluate`, called by all ranks: each has its share of the batches of a dataset.

    The batches are those of one process, and so are the results, bit for bit.
    """
    if ranks.size == 1 or isinstance(data, DataLoader):
        return evaluate(model, data, loss=loss, predict=predict)
    size = len(cast(Any, data))
    starts = range(0, size, EVALUATION_BATCH)[ranks.rank :: ranks.size]
    own = [range(start, min(start + EVALUATION_BATCH, size)) for start in starts]
    loader = DataLoader(data, batch_sampler=[list(batch) for batch in own])
    parts = ranks.gathered(_measured(model, loader, loss, predict))
    count = sum(map(len, parts))
    return _merged(parts[at % ranks.size][at // ranks.size] for at in range(count))


def _measured(
    model: nn.Module, loader: DataLoader[Any], loss: Loss, predict: Predict | None
) -> list[tuple[Measured, Tensor, Tensor]]:
    """Of each batch the numbers, the predictions and the targets."""
    was_training = model.training
    model.eval()
    try:
        with fg.no_grad():
            return [_measure(model, x, y, loss, predict) for x, y in loader]
    finally:
        model.train(was_training)


def _measure(
    model: nn.Module, inputs: Tensor, targets: Tensor, loss: Loss, predict: Predict | None
) -> tuple[Measured, Tensor, Tensor]:
    outputs = model(inputs)
    labels = predictions_of(outputs, targets, predict)
    numbers = measured(loss(outputs, targets), labels, targets)
    return numbers, outputs if labels is None else labels, targets


def _merged(batches: Iterable[tuple[Measured, Tensor, Tensor]]) -> Evaluation:
    meter = Meter()
    predictions, truth = [], []
    for numbers, predicted, targets in batches:
        meter.add_measured(numbers)
        predictions.append(predicted)
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
