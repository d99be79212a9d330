"""The book's helpers for the search of hyperparameters."""

import math
import random

import numpy as np
import pytest

import fastgrad as torch
from fastgrad import d2l, nn

pytest.importorskip("matplotlib").use("Agg")


class Range:
    """Uniform numbers, as ``scipy.stats.uniform`` gives them."""

    def __init__(self, low: float, high: float) -> None:
        self.low, self.high = low, high

    def rvs(self) -> float:
        return random.uniform(self.low, self.high)


SPACE = {"x": Range(-1, 1)}


@pytest.fixture(autouse=True)
def _same_numbers():
    random.seed(0)
    torch.manual_seed(0)
    yield
    d2l.plt.close("all")


def test_a_random_search_finds_something_good(capsys: pytest.CaptureFixture[str]):
    searcher = d2l.RandomSearcher(SPACE, initial_config={"x": 1.0})
    scheduler = d2l.BasicScheduler(searcher)
    tuner = d2l.HPOTuner(scheduler, lambda x: torch.tensor((x - 0.5) ** 2))
    tuner.run(number_of_trials=30)
    assert tuner.records[0]["config"] == {"x": 1.0}
    assert tuner.records[0]["error"] == pytest.approx(0.25)
    errors = [record["error"] for record in tuner.records]
    assert tuner.incumbent_error == min(errors) < 0.01
    assert tuner.incumbent["x"] == pytest.approx(0.5, abs=0.1)
    assert tuner.incumbent_trajectory == list(np.minimum.accumulate(errors))
    assert tuner.cumulative_runtime == sorted(tuner.cumulative_runtime)
    assert len(tuner.cumulative_runtime) == 30
    out = capsys.readouterr().out.splitlines()
    assert out[0] == "Trial 0: config = {'x': 1.0}"
    assert out[1].startswith("    error = 0.25, runtime = ")


def test_successive_halving_goes_on_with_the_best():
    scheduler = d2l.SuccessiveHalvingScheduler(d2l.RandomSearcher(SPACE), eta=2, r_min=2, r_max=10)
    assert scheduler.rung_levels == [2, 4, 8, 10]
    tried: dict[int, list[float]] = {}

    def objective(x, max_epochs):
        tried.setdefault(max_epochs, []).append(x)
        return torch.tensor(abs(x))

    d2l.HPOTuner(scheduler, objective).run(8 + 4 + 2 + 1)
    assert {epochs: len(values) for epochs, values in tried.items()} == {2: 8, 4: 4, 8: 2, 10: 1}
    for fewer, more in ((2, 4), (4, 8), (8, 10)):
        best = sorted(tried[fewer], key=abs)[: len(tried[more])]
        assert set(tried[more]) == set(best)
    assert len(scheduler.all_observed_error_at_rungs[10]) == 1
    assert scheduler.suggest()["max_epochs"] == 2  # a new round


def test_rungs_that_end_at_the_most_epochs():
    scheduler = d2l.SuccessiveHalvingScheduler(d2l.RandomSearcher(SPACE), 3, 1, 27, prefact=2)
    assert scheduler.rung_levels == [1, 3, 9, 27]
    first = scheduler.suggest()
    assert first["max_epochs"] == 1
    assert len(scheduler.queue) == 2 * 27 - 1


def test_the_error_of_a_classifier_on_the_held_out_data():
    X = torch.randn(60, 4)
    labels = (X[:, 0] > 0).long()

    class Data(d2l.DataModule):
        def get_dataloader(self, train):
            part = slice(0, 40) if train else slice(40, None)
            return self.get_tensorloader([X, labels], train, part)

    class Net(d2l.Classifier):
        def __init__(self, lr):
            super().__init__()
            self.save_hyperparameters()
            self.net = nn.Linear(4, 2)

        def forward(self, x):
            return self.net(x)

    data = Data()
    data.batch_size = 20
    model = Net(0.5)
    model.board.display = False
    trainer = d2l.HPOTrainer(max_epochs=5)
    trainer.fit(model, data)
    wrong = (model(X[40:]).argmax(1) != labels[40:]).float().mean()
    assert trainer.validation_error().item() == pytest.approx(wrong.item())
    assert not model.training


def test_what_a_subclass_has_to_write():
    with pytest.raises(NotImplementedError, match="sample_configuration"):
        d2l.HPOSearcher().sample_configuration()
    with pytest.raises(NotImplementedError, match="suggest"):
        d2l.HPOScheduler().suggest()
    with pytest.raises(NotImplementedError, match="update"):
        d2l.HPOScheduler().update({}, 0.0)


def test_the_kernel_of_gaussian_processes():
    found = d2l.rbfkernel(np.array([0.0, 1.0]), np.array([0.0, 1.0, 3.0]), ls=2.0)
    assert found.shape == (2, 3)
    assert found[0].tolist() == pytest.approx([1, math.exp(-1 / 4), math.exp(-9 / 4)])
    assert found[1, 2] == pytest.approx(math.exp(-1))
