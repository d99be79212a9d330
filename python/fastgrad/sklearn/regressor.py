"""A network that gives numbers."""

from __future__ import annotations

from typing import Any, Self

from sklearn.base import RegressorMixin
from sklearn.utils.validation import validate_data

from fastgrad import nn
from fastgrad.sklearn.net import Array, NeuralNet, float_dtype


class NeuralNetRegressor(RegressorMixin, NeuralNet):  # type: ignore[misc]
    """A network for numbers that scikit-learn can fit, clone, search over and cross-validate.

    The module's output for n samples is [n], [n, 1], or [n, k] for k numbers each, and the
    criterion is by default :class:`fastgrad.nn.MSELoss`; everything else is as in
    :class:`NeuralNetClassifier`. Features and targets are best brought to about one in size, with
    ``StandardScaler`` and ``TransformedTargetRegressor``.

    >>> from fastgrad.sklearn import NeuralNetRegressor
    >>> from sklearn.datasets import make_regression
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> X, y = make_regression(200, 5, random_state=0)
    >>> net = make_pipeline(StandardScaler(), NeuralNetRegressor(random_state=0))
    >>> bool(net.fit(X, y / 100).score(X, y / 100) > 0.95)
    True
    """

    _default_criterion = nn.MSELoss
    _meaning = "the numbers of each sample"
    _dims: int  # of y

    def fit(self, X: Any, y: Any) -> Self:
        """Train a new network, or with ``warm_start`` the one that is there.

        Args:
            X: (samples, features), or more dimensions where the module takes them; becomes
                fastgrad's default dtype.
            y: (samples,) or (samples, numbers).

        Raises:
            ValueError: parameters or data that do not fit each other, or the module.
            FloatingPointError: the loss is no longer finite.
        """
        fresh = self._fits_anew()
        return self._train(*self._checked(X, y, fresh), self.max_epochs, fresh)

    def partial_fit(self, X: Any, y: Any) -> Self:
        """Go through the data once more; the arguments and errors are those of `fit`."""
        fresh = not hasattr(self, "module_")
        return self._train(*self._checked(X, y, fresh), 1, fresh)

    def _checked(self, X: Any, y: Any, fresh: bool) -> tuple[Array, Array]:
        X, y = validate_data(
            self,
            X,
            y,
            reset=fresh,
            allow_nd=True,
            dtype=float_dtype(),
            multi_output=True,
            y_numeric=True,
        )
        width = 1 if y.ndim == 1 else y.shape[1]
        if not fresh and (y.ndim, width) != (self._dims, self._width):
            raise ValueError(f"y has {width} numbers a sample, but it had {self._width} before")
        self._dims, self._width = y.ndim, width
        return X, y.reshape(-1, width).astype(float_dtype())

    def predict(self, X: Any) -> Array:
        """The numbers of each sample: float64 (samples,) or (samples, numbers), as in `fit`."""
        outputs = self._outputs(X).double()
        return (outputs.squeeze(1) if self._dims == 1 else outputs).numpy()

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
