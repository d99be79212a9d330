"""Networks as scikit-learn's estimators, for its pipelines, searches and cross-validation.

In the manner of skorch. Needs scikit-learn, which ``fastgrad[train]`` brings.
"""

from fastgrad.train.errors import EXTRA_HINT, MissingExtraError

try:
    import sklearn as _sklearn  # noqa: F401
except ModuleNotFoundError as error:
    raise MissingExtraError(f"fastgrad.sklearn needs scikit-learn: {EXTRA_HINT}") from error

from fastgrad.sklearn.classifier import NeuralNetClassifier
from fastgrad.sklearn.regressor import NeuralNetRegressor

__all__ = ["NeuralNetClassifier", "NeuralNetRegressor"]
