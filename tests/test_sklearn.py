"""The estimators for scikit-learn: its own checks, and what its tools do with them."""

import pickle
import subprocess
import sys

import numpy as np
import pytest

pytest.importorskip("sklearn")

from sklearn.base import clone
from sklearn.datasets import load_iris, make_classification, make_regression
from sklearn.model_selection import GridSearchCV, LeaveOneOut, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

import fastgrad as fg
from fastgrad import nn
from fastgrad.sklearn import NeuralNetClassifier, NeuralNetRegressor


@parametrize_with_checks([NeuralNetClassifier(), NeuralNetRegressor()])
def test_scikit_learns_own_checks(estimator, check):
    check(estimator)


class Net(nn.Module):
    """A module whose sizes and last layer are options."""

    def __init__(self, hidden=8, outputs=3, last=None):
        super().__init__()
        self.layers = nn.Sequential(nn.LazyLinear(hidden), nn.ReLU(), nn.Linear(hidden, outputs))
        self.last = last or nn.Identity()

    def forward(self, x):
        return self.last(self.layers(x))


class Twice(nn.Module):
    """A module that gives two things."""

    def forward(self, x):
        return x, x


@pytest.fixture(scope="module")
def iris():
    X, y = load_iris(return_X_y=True)
    return X.astype("float32"), np.array(["setosa", "versicolor", "virginica"])[y]


def quick(module=None, **options):
    given = {"max_epochs": 5, "random_state": 0, **options}
    return NeuralNetClassifier(module, **given)


# With scikit-learn's tools


def test_in_a_pipeline_and_cross_validated(iris):
    net = make_pipeline(StandardScaler(), quick(max_epochs=20))
    assert cross_val_score(net, *iris, cv=3).min() > 0.85


def test_a_grid_goes_over_the_options_of_the_parts(iris):
    grid = {"module__hidden": [1, 16], "optimizer__weight_decay": [0.0, 0.1], "lr": [0.02]}
    search = GridSearchCV(quick(Net, max_epochs=10), grid, cv=2).fit(*iris)
    assert len(search.cv_results_["params"]) == 4
    best = search.best_estimator_
    assert best.module_.layers[0].out_features == search.best_params_["module__hidden"]
    assert best.optimizer_.param_groups[0]["lr"] == 0.02
    assert best.score(*iris) > 0.8


def test_leave_one_out_of_a_regression():
    X, y = make_regression(12, 2, random_state=0)
    y /= y.std()
    net = NeuralNetRegressor(max_epochs=60, random_state=0)
    errors = cross_val_score(net, X, y, cv=LeaveOneOut(), scoring="neg_mean_absolute_error")
    assert len(errors) == 12
    assert -errors.mean() < np.abs(y).mean() / 2


def test_a_clone_has_the_options_and_learned_nothing(iris):
    net = quick(Net, module__hidden=4, criterion__label_smoothing=0.1, callbacks=[print])
    net.max_epochs = 1
    twin = clone(net.fit(*iris))
    assert twin.get_params() == net.get_params()
    assert twin.get_params()["module__hidden"] == 4
    assert not hasattr(twin, "module_")


def test_a_pickle_predicts_and_goes_on(iris):
    net = quick(warm_start=True).fit(*iris)
    twin = pickle.loads(pickle.dumps(net))
    np.testing.assert_array_equal(twin.predict_proba(iris[0]), net.predict_proba(iris[0]))
    for each in (net, twin):
        each.fit(*iris)
    np.testing.assert_array_equal(twin.predict_proba(iris[0]), net.predict_proba(iris[0]))
    assert twin.n_iter_ == 10


def test_it_prints_what_differs_from_the_defaults():
    assert repr(NeuralNetClassifier(lr=0.1)) == "NeuralNetClassifier(lr=0.1)"
    net = NeuralNetRegressor(Net, module__hidden=3)
    assert "module__hidden=3" in repr(net)
    assert "module__hidden" in net._repr_html_()


# Modules, criteria, targets


def test_a_network_is_copied_and_keeps_its_weights(iris):
    net = Net()
    net(fg.zeros(1, 4))  # its lazy layer gets its shape
    before = {name: value.clone() for name, value in net.state_dict().items()}
    fitted = quick(net).fit(*iris)
    assert fitted.module_ is not net
    assert all(fg.equal(value, before[name]) for name, value in net.state_dict().items())
    frozen = quick(net, lr=0.0).fit(*iris).module_.state_dict()
    assert all(fg.equal(value, before[name]) for name, value in frozen.items())


def test_frozen_parameters_stay(iris):
    net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
    net[0].requires_grad_(False)
    fitted = quick(net).fit(*iris)
    assert fg.equal(fitted.module_[0].weight, net[0].weight)
    assert not fg.equal(fitted.module_[2].weight, net[2].weight)


def test_images_go_to_a_convolution_and_to_the_default_module():
    images = np.random.default_rng(0).random((40, 1, 8, 8))
    y = (images[:, 0, :4].mean((1, 2)) > images[:, 0, 4:].mean((1, 2))).astype(int)
    convolution = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 2))
    for module in (convolution, None):
        net = quick(module, max_epochs=60).fit(images, y)
        assert net.score(images, y) > 0.9


def test_probabilities_of_log_probabilities(iris):
    net = quick(Net, module__last=nn.LogSoftmax(1), criterion=nn.NLLLoss).fit(*iris)
    np.testing.assert_allclose(net.predict_proba(iris[0]).sum(1), 1, rtol=1e-6)
    same = quick(Net).fit(*iris)
    np.testing.assert_allclose(net.predict_proba(iris[0]), same.predict_proba(iris[0]), rtol=1e-4)


def test_no_probabilities_of_margins(iris):
    net = quick(Net, criterion=nn.MultiMarginLoss, max_epochs=20).fit(*iris)
    assert net.score(*iris) > 0.6
    assert not hasattr(net, "predict_proba")


def test_several_numbers_for_a_sample():
    X, y = make_regression(100, 4, n_targets=3, random_state=0)
    y /= y.std()
    net = NeuralNetRegressor(random_state=0).fit(X, y)
    assert net.predict(X[:5]).shape == (5, 3)
    assert net.score(X, y) > 0.9


def test_a_module_without_a_last_dimension():
    X, y = make_regression(60, 3, random_state=0)
    net = nn.Sequential(nn.Linear(3, 1), nn.Flatten(0))
    fitted = NeuralNetRegressor(net, lr=0.1, max_epochs=100, random_state=0).fit(X, y / y.std())
    assert fitted.predict(X).shape == (60,)
    assert fitted.score(X, y / y.std()) > 0.99


def test_predictions_do_not_depend_on_the_other_samples():
    X, y = make_classification(100, 50, random_state=0)
    net = quick().fit(X, y)
    together = net.predict_proba(X)
    np.testing.assert_array_equal(np.concatenate([net.predict_proba(x[None]) for x in X]), together)
    np.testing.assert_array_equal(net.predict_proba(X[::-1]), together[::-1])


# Random numbers, going on, stopping


def test_random_state_and_the_numbers_of_others(iris):
    dropping = nn.Sequential(nn.Linear(4, 3), nn.Dropout(0.5))
    before = fg.get_rng_state()
    nets = [quick(dropping).fit(*iris) for _ in range(2)]
    assert fg.equal(fg.get_rng_state(), before)
    assert nets[0].history_.loss == nets[1].history_.loss
    other = quick(random_state=1).fit(*iris)
    assert other.history_.loss != quick().fit(*iris).history_.loss


def test_warm_start_goes_on_as_if_it_never_stopped(iris):
    whole = quick(max_epochs=6).fit(*iris)
    parts = quick(max_epochs=3, warm_start=True).fit(*iris).fit(*iris)
    assert parts.history_.loss == whole.history_.loss
    assert [epoch.epoch for epoch in parts.history_] == [1, 2, 3, 4, 5, 6]
    again = quick(max_epochs=3).fit(*iris).fit(*iris)
    assert again.n_iter_ == 3


def test_partial_fit_is_one_epoch(iris):
    X, y = iris
    net = quick().partial_fit(X[:50], y[:50], classes=np.unique(y))
    assert net.classes_.tolist() == ["setosa", "versicolor", "virginica"]
    net.partial_fit(X, y)
    assert net.n_iter_ == 2
    whole = quick(max_epochs=2).fit(X, y)
    parts = quick().partial_fit(X, y, classes=np.unique(y)).partial_fit(X, y)
    assert parts.history_.loss == whole.history_.loss


def test_early_stopping_keeps_the_best_weights():
    X, y = make_classification(120, 30, n_informative=2, flip_y=0.3, random_state=0)
    net = quick(max_epochs=200, early_stopping=True, validation_fraction=0.25, n_iter_no_change=4)
    net.fit(X, y)
    losses = net.history_.val_loss
    best = int(np.argmin(losses))
    assert net.n_iter_ == best + 5 < 200
    shorter = clone(net).set_params(max_epochs=best + 1).fit(X, y)
    np.testing.assert_array_equal(shorter.predict_proba(X), net.predict_proba(X))


def test_callbacks_see_each_epoch_and_may_stop(iris):
    seen = []

    def watch(net):
        seen.append(net.history_[-1].loss)
        return len(seen) == 3

    net = quick(callbacks=[watch]).fit(*iris)
    assert net.history_.loss == seen
    assert net.n_iter_ == 3


# Errors


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"max_epoch": 3}, TypeError, "no parameter 'max_epoch'; those of its parts begin with"),
        ({"max_epochs": 0}, ValueError, "max_epochs must be an integer of at least 1, got 0"),
        ({"batch_size": 1.5}, ValueError, "batch_size must be an integer of at least 1, got 1.5"),
        (
            {"early_stopping": True, "validation_fraction": 1.0},
            ValueError,
            "validation_fraction must lie between 0 and 1, got 1.0",
        ),
        ({"module__hidden": 3}, ValueError, "module__hidden: needs module to be a class, got None"),
        (
            {"module": nn.Linear(4, 3), "module__bias": False},
            ValueError,
            "module__bias: needs module to be a class",
        ),
        ({"module": dict}, TypeError, "module must make an nn.Module, but made a dict"),
        (
            {"module": nn.Linear(4, 2)},
            ValueError,
            r"the module gave \[2, 2\] for 2 samples, expected \[2, 3\]: a score for each class",
        ),
        ({"module": Twice}, TypeError, "the module must give a tensor, but gave a tuple"),
        ({"lr": -1.0}, ValueError, "Invalid learning rate: -1.0"),
        ({"lr": 1e30, "optimizer": fg.optim.SGD}, FloatingPointError, "use a smaller learning"),
    ],
)
def test_what_does_not_fit(iris, options, error, message):
    with pytest.raises(error, match=message):
        quick(**options).fit(*iris)


def test_after_an_error_it_can_be_trained(iris):
    net = quick(nn.Linear(4, 2), warm_start=True)
    with pytest.raises(ValueError, match="the module gave"):
        net.fit(*iris)
    assert not hasattr(net, "module_")
    net.set_params(module=None, lr=1e30, optimizer=fg.optim.SGD)
    with pytest.raises(FloatingPointError):
        net.fit(*iris)
    net.set_params(lr=0.01, warm_start=False)
    assert net.fit(*iris).n_iter_ == 5


def test_unknown_parameters_cannot_be_set():
    with pytest.raises(ValueError, match="Invalid parameter 'max_epoch'"):
        quick().set_params(max_epoch=3)


def test_classes_that_come_later(iris):
    X, y = iris
    with pytest.raises(ValueError, match="classes must be passed on the first call"):
        quick().partial_fit(X, y)
    net = quick(warm_start=True).fit(X[:100], y[:100])
    with pytest.raises(ValueError, match=r"classes \['virginica'\] beside those known before"):
        net.fit(X, y)
    with pytest.raises(ValueError, match="are not those of the first call"):
        net.partial_fit(X[:100], y[:100], classes=["a"])


def test_numbers_that_come_later():
    net = NeuralNetRegressor(max_epochs=1).fit(np.eye(3), np.arange(3))
    with pytest.raises(ValueError, match="y has 2 numbers a sample, but it had 1 before"):
        net.partial_fit(np.eye(3), np.ones((3, 2)))


def test_without_scikit_learn_the_error_names_the_extra():
    program = "import sys; sys.modules['sklearn'] = None; import fastgrad; fastgrad.sklearn"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert "fastgrad.sklearn needs scikit-learn: pip install 'fastgrad[train]'" in run.stderr
