"""The six models of ``fastgrad train``, each with the loss and the reading that its name means."""

from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import TypeAlias

from fastgrad import Tensor, nn
from fastgrad.nn import functional
from fastgrad.train.errors import DataError
from fastgrad.train.metrics import Loss, Predict
from fastgrad.vision.models import small as vision

Shape: TypeAlias = tuple[int, ...]  # of one sample

HIDDEN = 256
LENET_SIZE = (28, 28)


@dataclass(frozen=True, slots=True)
class Task:
    """A model with the loss it is trained by and the way its outputs are read.

    Attributes:
        model: Inputs of shape (N, ...) -> outputs.
        loss: (outputs, targets) -> mean loss.
        predict: Outputs -> labels; None when the outputs themselves are the prediction.
    """

    model: nn.Module
    loss: Loss
    predict: Predict | None


def softmax(shape: Shape, classes: int) -> Task:
    """Softmax regression: one linear layer, trained by cross entropy.

    Source: Bishop, Pattern Recognition and Machine Learning, 4.3.4.
    """
    return Task(_linear(shape, classes), functional.cross_entropy, largest)


def mlp(shape: Shape, classes: int) -> Task:
    """A multilayer perceptron with one hidden layer of 256 ReLU units, trained by cross entropy.

    Source: Goodfellow et al., Deep Learning, chapter 6.
    """
    model = nn.Sequential(
        nn.Flatten(), nn.Linear(prod(shape), HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, classes)
    )
    return Task(model, functional.cross_entropy, largest)


def lenet(shape: Shape, classes: int) -> Task:
    """LeNet-5, trained by cross entropy; images of another size than 28 x 28 are resized.

    Its squashing functions are hyperbolic tangents, as in the source: sigmoids need many epochs
    before they begin to learn.
    Source: LeCun et al. 1998, Gradient-based learning applied to document recognition.

    Raises:
        DataError: The samples are not images of one channel.
    """
    if len(shape) != 3 or shape[0] != 1:
        raise DataError(f"lenet needs images of one channel, got samples of shape {shape}")
    parts = [nn.Tanh() if isinstance(part, nn.Sigmoid) else part for part in vision.lenet(classes)]
    if shape[1:] != LENET_SIZE:
        parts.insert(0, nn.Upsample(LENET_SIZE, mode="bilinear"))
    return Task(nn.Sequential(*parts), functional.cross_entropy, largest)


def logistic(shape: Shape, classes: int) -> Task:
    """Logistic regression of two classes: one output, the log-odds of class 1.

    Source: Bishop, Pattern Recognition and Machine Learning, 4.3.2.
    """
    return Task(_scalar(shape), _log_odds_loss, _positive)


def linear(shape: Shape, classes: int | None) -> Task:
    """Linear regression: least squares by gradient descent.

    A real-valued target is regressed as it is. Classes are regressed as indicator vectors, and the
    largest output names the class.
    Source: Hastie et al., The Elements of Statistical Learning, 3.2 and 4.2.
    """
    if classes is None:
        return Task(_scalar(shape), functional.mse_loss, None)
    return Task(_linear(shape, classes), _indicator_loss, largest)


def perceptron(shape: Shape, classes: int) -> Task:
    """Rosenblatt's perceptron, in its form for any number of classes, from zero weights.

    With one sample a step, a wrong answer adds the sample to the weights of its own class and takes
    it from those of the class that was answered; a right answer changes nothing.
    Source: Rosenblatt, The perceptron, Psychological Review 65 (1958); Duda and Hart, Pattern
    Classification and Scene Analysis (1973), 5.12, for more than two classes.
    """
    model = _linear(shape, classes)
    for parameter in model.parameters():
        nn.init.zeros_(parameter)
    return Task(model, perceptron_loss, largest)


def perceptron_loss(outputs: Tensor, targets: Tensor) -> Tensor:
    """How far the largest output lies above that of the right class, on average.

    Its gradient is the perceptron rule; for two classes it is ``max(0, -y f(x))`` with ``f`` the
    difference of the outputs and ``y`` the sign of the class.

    Args:
        outputs: Scores, shape (N, C).
        targets: Classes in 0..C-1, int64, shape (N,).

    Returns:
        The mean, a tensor with one element.

    Example:
        >>> import fastgrad as torch
        >>> from fastgrad.train.models import perceptron_loss
        >>> perceptron_loss(torch.tensor([[1.0, 3.0], [2.0, 0.0]]), torch.tensor([0, 0]))
        tensor(1.)
    """
    right = outputs.gather(1, targets.unsqueeze(1)).squeeze(1)
    return (outputs.max(1).values - right).mean()


def largest(outputs: Tensor) -> Tensor:
    """Return the class with the largest output."""
    return outputs.argmax(1)


def _linear(shape: Shape, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Flatten(), nn.Linear(prod(shape), outputs))


def _scalar(shape: Shape) -> nn.Sequential:
    """One output a sample, of shape (N,)."""
    return nn.Sequential(nn.Flatten(), nn.Linear(prod(shape), 1), nn.Flatten(0))


def _log_odds_loss(outputs: Tensor, targets: Tensor) -> Tensor:
    return functional.binary_cross_entropy_with_logits(outputs, targets.float())


def _positive(outputs: Tensor) -> Tensor:
    return (outputs > 0).long()


def _indicator_loss(outputs: Tensor, targets: Tensor) -> Tensor:
    return functional.mse_loss(outputs, functional.one_hot(targets, outputs.shape[1]).float())


MODELS: dict[str, Callable[[Shape, int], Task]] = {
    model.__name__: model for model in (softmax, mlp, lenet, logistic, linear, perceptron)
}
