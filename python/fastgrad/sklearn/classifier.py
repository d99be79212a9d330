"""A network that tells classes apart."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import validate_data

from fastgrad import Tensor, nn
from fastgrad.sklearn.net import Array, NeuralNet, float_dtype


def _gives_probabilities(estimator: NeuralNetClassifier) -> bool:
    given = estimator.criterion
    kind = type(given) if isinstance(given, nn.Module) else given
    return kind in (None, *_PROBABILITIES)


_PROBABILITIES: dict[type[nn.Module], Callable[[Tensor], Tensor]] = {
    nn.CrossEntropyLoss: lambda scores: scores.softmax(1),
    nn.NLLLoss: lambda scores: scores.exp(),
}


class NeuralNetClassifier(ClassifierMixin, NeuralNet):  # type: ignore[misc]
    """A network that scikit-learn can fit, clone, search over and cross-validate.

    Options of the parts are given with two underscores, ``module__hidden=64`` or
    ``optimizer__weight_decay=1e-4``, here and in `set_params` and in the grid of a search.

    There is no ``sample_weight``: with batches drawn at random, a sample of weight two does not
    equal a sample that is there twice.

    Args:
        module: a class (or function) that makes the network, whose output for n samples is
            [n, classes]; or a network, of which each `fit` trains a copy. By default a perceptron
            with one hidden layer, sized by the data.
        criterion: a class or an instance; by default :class:`fastgrad.nn.CrossEntropyLoss`.
        optimizer: a class; by default :class:`fastgrad.optim.Adam`.
        lr: the optimizer's learning rate.
        max_epochs: how often `fit` goes through the data at most.
        batch_size: samples of a step.
        early_stopping: hold out some data, stop when the loss there has not been lower for
            ``n_iter_no_change`` epochs, and take the weights from when it was lowest.
        validation_fraction: the share of the data to hold out.
        n_iter_no_change: the epochs without improvement.
        callbacks: each is called with the estimator after every epoch; a true result is the end.
        warm_start: `fit` goes on with the network and the optimizer of the last `fit`.
        random_state: an int for the same numbers in each `fit`, a ``RandomState``, or None.
        options: those of the parts.

    Attributes:
        module_, criterion_, optimizer_: what was trained.
        history_: the epochs, a :class:`fastgrad.train.History`; `n_iter_` is their number.
        classes_: the labels, in the order of the module's outputs.

    >>> from fastgrad.sklearn import NeuralNetClassifier
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.model_selection import cross_val_score
    >>> X, y = load_iris(return_X_y=True)
    >>> net = NeuralNetClassifier(max_epochs=20, random_state=0)
    >>> bool(cross_val_score(net, X, y, cv=3).mean() > 0.9)
    True
    """

    _default_criterion = nn.CrossEntropyLoss
    _meaning = "a score for each class"

    def fit(self, X: Any, y: Any) -> Self:
        """Train a new network, or with ``warm_start`` the one that is there.

        Args:
            X: (samples, features), or more dimensions where the module takes them; becomes
                fastgrad's default dtype.
            y: (samples,), the class of each.

        Raises:
            ValueError: parameters or data that do not fit each other, or the module.
            FloatingPointError: the loss is no longer finite.
        """
        fresh = self._fits_anew()
        return self._train(*self._checked(X, y, fresh), self.max_epochs, fresh)

    def partial_fit(self, X: Any, y: Any, classes: Any = None) -> Self:
        """Go through the data once more.

        Args:
            X: as in `fit`.
            y: as in `fit`.
            classes: all classes that there will be; needed in the first call.

        Raises:
            ValueError: as in `fit`; or the first call lacks the classes, or they change.
        """
        fresh = not hasattr(self, "module_")
        if fresh and classes is None:
            raise ValueError("classes must be passed on the first call to partial_fit.")
        return self._train(*self._checked(X, y, fresh, classes), 1, fresh)

    def _checked(self, X: Any, y: Any, fresh: bool, classes: Any = None) -> tuple[Array, Array]:
        X, y = validate_data(self, X, y, reset=fresh, allow_nd=True, dtype=float_dtype())
        check_classification_targets(y)
        if fresh:
            self.classes_ = np.unique(y if classes is None else classes)
        elif classes is not None and not np.array_equal(np.unique(classes), self.classes_):
            raise ValueError(
                f"classes={classes!r} are not those of the first call: {self.classes_}"
            )
        self._width = len(self.classes_)
        new = np.setdiff1d(y, self.classes_)
        if new.size:
            raise ValueError(f"y has classes {new} beside those known before: {self.classes_}")
        return X, np.searchsorted(self.classes_, y)

    def _strata(self, y: Array) -> Array:
        return y

    def predict(self, X: Any) -> Array:
        """The most probable class of each sample: (samples,)."""
        best = self._outputs(X).argmax(1).numpy()
        labels: Array = self.classes_[best]
        return labels

    @available_if(_gives_probabilities)  # type: ignore[untyped-decorator]
    def predict_proba(self, X: Any) -> Array:
        """The probability of each class: float64 (samples, classes).

        Exists where the criterion says what the scores mean: CrossEntropyLoss and NLLLoss.
        """
        outputs = self._outputs(X).double()
        return _PROBABILITIES[type(self.criterion_)](outputs).numpy()
