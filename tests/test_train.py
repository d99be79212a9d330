"""fastgrad.train: the loop, its history and checkpoints, the models."""

import os
import signal
import sys
import threading
from functools import wraps
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fastgrad as fg
from fastgrad import nn
from fastgrad.nn import functional as F
from fastgrad.optim import SGD
from fastgrad.train import (
    Checkpoint,
    CheckpointError,
    Epoch,
    History,
    TrainingInterrupted,
    confusion_matrix,
    evaluate,
    fit,
)
from fastgrad.train.models import MODELS, perceptron_loss
from fastgrad.train.report import report_text
from fastgrad.utils.data import BatchSampler, DataLoader, RandomSampler, TensorDataset

SAMPLES, BATCH, EPOCHS = 50, 8, 3
STEPS = 7  # batches of an epoch


class Noisy(nn.Module):
    """Draws from the default generator in training, as dropout does."""

    def forward(self, x: fg.Tensor) -> fg.Tensor:
        return x + 0.1 * fg.randn(x.shape) if self.training else x


def make_data(classes: int = 3, samples: int = SAMPLES) -> TensorDataset:
    generator = fg.Generator().manual_seed(1)
    x = fg.randn(samples, 4, generator=generator)
    return TensorDataset(x, x[:, :classes].argmax(1))


def make_model() -> nn.Module:
    fg.manual_seed(3)
    return nn.Sequential(Noisy(), nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))


def train(model: nn.Module, *, data=None, **options):
    """A small run that draws random numbers from two generators and has momentum."""
    optimizer = SGD(model.parameters(), lr=0.1, momentum=0.9)
    defaults = {"epochs": EPOCHS, "batch_size": BATCH, "val_data": make_data(), "seed": 5}
    return fit(
        model,
        make_data() if data is None else data,
        optimizer=optimizer,
        progress=False,
        **{**defaults, **options},
    )


def results(history: History) -> list[tuple]:
    """What must not depend on the clock."""
    return [(e.epoch, e.loss, e.accuracy, e.val_loss, e.val_accuracy) for e in history]


def assert_same_weights(one: nn.Module, other: nn.Module) -> None:
    for name, value in one.state_dict().items():
        assert fg.equal(value, other.state_dict()[name]), name


def interrupting(step: int, signum: int = signal.SIGINT):
    """Cross entropy that sends a signal to this process in a given training step."""
    count = 0

    @wraps(F.cross_entropy)
    def loss(outputs: fg.Tensor, targets: fg.Tensor) -> fg.Tensor:
        nonlocal count
        if outputs.requires_grad:
            count += 1
            if count == step:
                os.kill(os.getpid(), signum)
        return F.cross_entropy(outputs, targets)

    return loss


# The loop


def test_fit_is_the_loop_that_one_would_write() -> None:
    data = make_data()
    ours, theirs = nn.Linear(4, 3), nn.Linear(4, 3)
    theirs.load_state_dict(ours.state_dict())
    history = fit(ours, data, epochs=2, batch_size=BATCH, seed=7, progress=False)

    generator = fg.Generator().manual_seed(7)
    loader = DataLoader(data, BATCH, shuffle=True, generator=generator)
    optimizer = SGD(theirs.parameters(), lr=0.1)
    for epoch in range(2):
        total, right = 0.0, 0
        for x, y in loader:
            optimizer.zero_grad()
            outputs = theirs(x)
            loss = F.cross_entropy(outputs, y)
            loss.backward()
            optimizer.step()
            total += loss.item() * len(x)
            right += (outputs.argmax(1) == y).sum().item()
        assert history.loss[epoch] == total / SAMPLES
        assert history.accuracy[epoch] == right / SAMPLES
    assert_same_weights(ours, theirs)


def test_fit_learns_and_reports() -> None:
    history = train(make_model(), epochs=30)
    assert len(history) == 30
    assert history.loss[-1] < 0.5 * history.loss[0]
    assert history.val_accuracy[-1] > 0.9
    assert [epoch.epoch for epoch in history] == list(range(1, 31))
    assert all(e.seconds > 0 and e.samples_per_second > 0 for e in history)


def test_fit_takes_a_loader_and_targets_that_are_quantities() -> None:
    x = fg.linspace(-1, 1, 40).reshape(40, 1)
    loader = DataLoader(TensorDataset(x, 3 * x), batch_size=10)
    model = nn.Linear(1, 1)
    history = fit(model, loader, epochs=60, loss=F.mse_loss, progress=False)
    assert history.accuracy == [None] * 60
    assert model.weight.item() == pytest.approx(3, abs=0.05)


def test_fit_counts_accuracy_of_a_given_prediction() -> None:
    x = fg.linspace(-1, 1, 40).reshape(40, 1)
    data = TensorDataset(x, (x > 0).float())
    loss = nn.BCEWithLogitsLoss()
    history = fit(
        nn.Linear(1, 1),
        data,
        epochs=40,
        loss=loss,
        predict=lambda z: (z > 0).float(),
        progress=False,
    )
    assert history[-1].accuracy > 0.9


def test_fit_leaves_the_model_in_training_mode_between_epochs() -> None:
    modes = []

    class Spy(nn.Linear):
        def forward(self, x: fg.Tensor) -> fg.Tensor:
            modes.append(self.training)
            return super().forward(x)

    fit(Spy(4, 3), make_data(), epochs=2, batch_size=25, val_data=make_data(), progress=False)
    assert modes == [True, True, False] * 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"epochs": 0}, "epochs must be at least 1, got 0"),
        ({"resume": True}, "needs checkpoint=PATH"),
        ({"data": TensorDataset(fg.zeros(0, 4), fg.zeros(0).long())}, "empty"),
    ],
)
def test_fit_refuses(options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        train(make_model(), **options)


def test_fit_stops_when_the_loss_is_not_finite(tmp_path: Path) -> None:
    model = nn.Linear(4, 3)
    path = tmp_path / "checkpoint"
    with pytest.raises(FloatingPointError, match="smaller learning rate"):
        fit(
            model,
            make_data(),
            loss=lambda outputs, targets: F.cross_entropy(outputs * float("inf"), targets),
            checkpoint=path,
            progress=False,
        )
    assert not path.exists()


# Stopping and going on


@settings(max_examples=12, deadline=None)
@given(step=st.integers(1, STEPS * EPOCHS), signum=st.sampled_from([signal.SIGINT, signal.SIGTERM]))
def test_a_resumed_run_has_the_same_bits(
    tmp_path_factory: pytest.TempPathFactory, step: int, signum: int
) -> None:
    path = tmp_path_factory.mktemp("run") / "checkpoint.safetensors"
    whole = make_model()
    expected = train(whole)

    with pytest.raises(TrainingInterrupted) as stop:
        train(make_model(), loss=interrupting(step, signum), checkpoint=path)
    assert (stop.value.signum, stop.value.checkpoint) == (signum, path)
    saved = Checkpoint.load(path)
    assert len(saved.history) * STEPS + saved.batch == step

    fg.manual_seed(99)  # what the process drew before must not matter
    resumed = make_model()
    history = train(resumed, checkpoint=path, resume=True)
    assert results(history) == results(expected)
    assert_same_weights(resumed, whole)


def test_a_run_can_be_stopped_again_and_again(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.safetensors"
    whole = make_model()
    expected = train(whole)
    model = make_model()
    for attempt in range(STEPS * EPOCHS):
        with pytest.raises(TrainingInterrupted):
            train(model, loss=interrupting(1), checkpoint=path, resume=attempt > 0)
        model = make_model()
    assert results(train(model, checkpoint=path, resume=True)) == results(expected)
    assert_same_weights(model, whole)


def test_a_finished_run_can_be_given_more_epochs(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.safetensors"
    whole, model = make_model(), make_model()
    expected = train(whole, epochs=EPOCHS + 2)
    train(make_model(), checkpoint=path)
    assert results(train(model, epochs=EPOCHS + 2, checkpoint=path, resume=True)) == results(
        expected
    )
    assert_same_weights(model, whole)


def test_resuming_a_finished_run_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.safetensors"
    whole, model = make_model(), make_model()
    expected = train(whole, checkpoint=path)
    before = path.read_bytes()
    assert train(model, checkpoint=path, resume=True) == expected
    assert_same_weights(model, whole)
    assert path.read_bytes() == before


@pytest.mark.parametrize("kind", ["loader", "sampler", "batch_sampler", "default"])
def test_a_loader_resumes_to_the_same_bits(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "checkpoint.safetensors"

    def loader() -> DataLoader:
        data, generator = make_data(), fg.Generator().manual_seed(2)
        sampler = RandomSampler(data, generator=generator)
        if kind == "loader":
            return DataLoader(data, BATCH, shuffle=True, generator=generator)
        if kind == "sampler":
            return DataLoader(data, BATCH, sampler=sampler)
        if kind == "batch_sampler":
            return DataLoader(data, batch_sampler=BatchSampler(sampler, BATCH, False))
        return DataLoader(data, BATCH, shuffle=True)

    whole = make_model()
    expected = train(whole, data=loader())
    with pytest.raises(TrainingInterrupted):
        train(make_model(), data=loader(), loss=interrupting(10), checkpoint=path)
    resumed = make_model()
    history = train(resumed, data=loader(), checkpoint=path, resume=True)
    assert results(history) == results(expected)
    assert_same_weights(resumed, whole)


def test_a_second_signal_stops_at_once_and_keeps_the_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.safetensors"
    train(make_model(), epochs=1, checkpoint=path)
    before = path.read_bytes()

    @wraps(F.cross_entropy)
    def twice(outputs: fg.Tensor, targets: fg.Tensor) -> fg.Tensor:
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)
        return F.cross_entropy(outputs, targets)

    with pytest.raises(KeyboardInterrupt) as stop:
        train(make_model(), loss=twice, checkpoint=path, resume=True)
    assert not isinstance(stop.value, TrainingInterrupted)
    assert path.read_bytes() == before


def test_without_a_checkpoint_ctrl_c_is_left_alone() -> None:
    # A shell's background jobs ignore the signal from the start.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt) as stop:
            train(make_model(), loss=interrupting(2))
    finally:
        signal.signal(signal.SIGINT, before)
    assert not isinstance(stop.value, TrainingInterrupted)


def test_signal_handlers_are_given_back(tmp_path: Path) -> None:
    before = [signal.getsignal(name) for name in (signal.SIGINT, signal.SIGTERM)]
    with pytest.raises(TrainingInterrupted):
        train(make_model(), loss=interrupting(2), checkpoint=tmp_path / "checkpoint")
    assert [signal.getsignal(name) for name in (signal.SIGINT, signal.SIGTERM)] == before


def test_fit_runs_in_another_thread(tmp_path: Path) -> None:
    outcome = []
    options = {"checkpoint": tmp_path / "checkpoint"}
    thread = threading.Thread(target=lambda: outcome.append(train(make_model(), **options)))
    thread.start()
    thread.join()
    assert len(outcome[0]) == EPOCHS


# Checkpoints


@pytest.mark.parametrize(
    ("options", "difference"),
    [
        ({"batch_size": 9}, "batch_size is 8 there and 9 here"),
        ({"data": make_data(samples=60)}, "training samples is 50 there and 60 here"),
        ({"loss": nn.CrossEntropyLoss()}, "loss is cross_entropy there and CrossEntropyLoss here"),
        ({"config": {"data": "other"}}, "data is None there and other here"),
        ({"epochs": EPOCHS - 1}, "has 3 epochs already"),
    ],
)
def test_a_checkpoint_of_another_run_is_refused(
    tmp_path: Path, options: dict, difference: str
) -> None:
    path = tmp_path / "checkpoint.safetensors"
    train(make_model(), checkpoint=path)
    before = path.read_bytes()
    with pytest.raises(CheckpointError, match=difference) as refusal:
        train(make_model(), checkpoint=path, resume=True, **options)
    assert "\n" not in str(refusal.value)
    assert path.read_bytes() == before


def test_a_checkpoint_of_another_model_or_optimizer_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.safetensors"
    train(make_model(), checkpoint=path)
    with pytest.raises(CheckpointError, match=r"parameter 1\.weight is float32 \[8, 4\] there"):
        train(nn.Sequential(Noisy(), nn.Linear(4, 3)), checkpoint=path, resume=True)
    model = make_model()
    optimizer = SGD(model.parameters(), lr=0.2, momentum=0.9)
    with pytest.raises(CheckpointError, match=r"lr is 0\.1 there and 0\.2 here: give"):
        fit(
            model,
            make_data(),
            epochs=EPOCHS,
            batch_size=BATCH,
            optimizer=optimizer,
            checkpoint=path,
            resume=True,
            progress=False,
        )


def test_a_damaged_checkpoint_is_refused(tmp_path: Path) -> None:
    from fastgrad.io.safetensors import load_file, load_metadata, save_file

    path = tmp_path / "checkpoint.safetensors"
    train(make_model(), checkpoint=path)
    tensors, metadata, whole = load_file(path), load_metadata(path), path.read_bytes()

    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(CheckpointError, match="not a whole safetensors file"):
        Checkpoint.load(path)
    save_file(tensors, path, {"format": "other"})
    with pytest.raises(CheckpointError, match="not a checkpoint"):
        Checkpoint.load(path)
    save_file({}, path, metadata)
    with pytest.raises(CheckpointError, match="damaged"):
        Checkpoint.load(path)
    save_file(tensors, path, dict.fromkeys(metadata, "[1, 2]"))
    with pytest.raises(CheckpointError, match="damaged"):
        Checkpoint.load(path)
    with pytest.raises(FileNotFoundError):
        Checkpoint.load(tmp_path / "absent")


# Evaluation, history, report


def test_evaluate() -> None:
    targets = fg.tensor([0, 1, 2, 0, 0])
    outputs = fg.eye(3)[fg.tensor([0, 1, 2, 1, 0])]
    model = nn.Identity() if hasattr(nn, "Identity") else nn.Sequential()
    model.train()
    result = evaluate(model, DataLoader(TensorDataset(outputs, targets), 2))
    assert result.accuracy == 0.8
    assert result.loss == pytest.approx(F.cross_entropy(outputs, targets).item(), rel=1e-6)
    assert result.predictions.tolist() == [0, 1, 2, 1, 0]
    assert result.targets.tolist() == targets.tolist()
    assert model.training
    with pytest.raises(ValueError, match="at least one sample"):
        evaluate(model, DataLoader(TensorDataset(outputs[:0], targets[:0])))


def test_history_survives_json() -> None:
    history = History([Epoch(1, 0.1, None, 1 / 3, 0.5, 0.25, 200.0)])
    assert History.from_json(history.to_json()) == history
    assert history.val_loss == [1 / 3]
    with pytest.raises(ValueError, match="not a history"):
        History.from_json("[]")
    with pytest.raises(ValueError, match="lacks loss"):
        History.from_dicts([{"epoch": 1}])


def test_history_plot(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    epochs = [Epoch(n, 1 / n, 1 - 1 / n, None, None, 1.0, 1.0) for n in range(1, 4)]
    History(epochs).plot(tmp_path / "curves.png")
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(ValueError, match="no epoch"):
        History().plot(tmp_path / "none.png")
    assert [path.name for path in tmp_path.iterdir()] == ["curves.png"]


def test_history_plot_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ModuleNotFoundError, match=r"fastgrad\[train\]"):
        History([Epoch(1, 1.0, None, None, None, 1.0, 1.0)]).plot(tmp_path / "curves.png")


def test_confusion_matrix_counts() -> None:
    generator = np.random.default_rng(0)
    truth, answers = generator.integers(0, 4, (2, 100))
    expected = np.zeros((4, 4), int)
    np.add.at(expected, (truth, answers), 1)
    matrix = confusion_matrix(fg.from_numpy(truth), fg.from_numpy(answers), 4)
    assert (matrix == expected).all()


def test_report_without_scikit_learn_names_the_extra() -> None:
    report = {"loss": 0.1, "accuracy": 0.5, "samples": 2, "classes": ["a", "b"]}
    text = report_text(report | {"confusion": [[1, 1], [0, 0]]})
    assert "pip install 'fastgrad[train]'" in text
    assert "Test accuracy 0.5000 (1 of 2 right)" in text


# Progress


class Terminal:
    """Standard error of a person."""

    def __init__(self) -> None:
        self.text = ""

    def write(self, text: str) -> int:
        self.text += text
        return len(text)

    def flush(self) -> None:
        pass

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("tqdm", [True, False])
def test_progress_on_a_terminal(monkeypatch: pytest.MonkeyPatch, tqdm: bool) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    if tqdm:
        pytest.importorskip("tqdm")
    else:
        monkeypatch.setitem(sys.modules, "tqdm", None)
    fit(make_model(), make_data(), epochs=2, batch_size=BATCH)
    assert "epoch 2/2  training loss" in terminal.text
    assert ("/14 [" in terminal.text) == tqdm


def test_progress_is_lines_in_a_log(capsys: pytest.CaptureFixture[str]) -> None:
    fit(make_model(), make_data(), epochs=2, batch_size=BATCH, val_data=make_data())
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert "held-out loss" in lines[0]


# The models


def clusters() -> tuple[np.ndarray, np.ndarray]:
    """Three classes that a linear classifier can separate."""
    generator = np.random.default_rng(0)
    centres = np.array([[4.0, 0.0], [-4.0, 4.0], [-4.0, -4.0]])
    labels = generator.integers(0, 3, 60)
    return (centres[labels] + generator.normal(size=(60, 2))).astype("float32"), labels


def test_perceptron_is_the_perceptron_rule() -> None:
    x, y = clusters()
    weight, bias = np.zeros((3, 2), "float32"), np.zeros(3, "float32")
    for sample, label in zip(x, y, strict=True):
        answer = int(np.argmax(weight @ sample + bias))
        if answer != label:
            weight[label] += sample
            bias[label] += 1
            weight[answer] -= sample
            bias[answer] -= 1
    task = MODELS["perceptron"]((2,), 3)
    loader = DataLoader(TensorDataset(fg.from_numpy(x), fg.from_numpy(y)), batch_size=1)
    optimizer = SGD(task.model.parameters(), lr=1.0)
    fit(task.model, loader, epochs=1, loss=task.loss, optimizer=optimizer, progress=False)
    ours = [parameter.detach().numpy() for parameter in task.model.parameters()]
    assert np.allclose(ours[0], weight, atol=1e-4)
    assert np.array_equal(ours[1], bias)


def test_perceptron_ends_without_mistakes_on_separable_classes() -> None:
    x, y = clusters()
    data = TensorDataset(fg.from_numpy(x), fg.from_numpy(y))
    task = MODELS["perceptron"]((2,), 3)
    optimizer = SGD(task.model.parameters(), lr=1.0)
    history = fit(
        task.model,
        data,
        epochs=20,
        batch_size=1,
        loss=task.loss,
        optimizer=optimizer,
        progress=False,
    )
    assert history[-1].loss == 0
    assert evaluate(task.model, data).accuracy == 1


def test_perceptron_loss_of_two_classes_is_the_hinge_at_zero() -> None:
    outputs = fg.tensor([[0.5, 2.0], [3.0, -1.0], [0.0, 1.0]])
    targets = fg.tensor([1, 1, 0])
    margin = (outputs[:, 1] - outputs[:, 0]).numpy()
    sign = np.array([1, 1, -1])
    expected = np.maximum(0, -sign * margin).mean()
    assert perceptron_loss(outputs, targets).item() == pytest.approx(expected)


def descend(name: str, x: np.ndarray, y: np.ndarray, classes: int | None, steps: int, lr: float):
    """Full-batch gradient descent, which must lead to the optimum of the model's objective."""
    task = MODELS[name]((x.shape[1],), classes)
    data = TensorDataset(fg.from_numpy(x), fg.from_numpy(y))
    optimizer = SGD(task.model.parameters(), lr=lr, momentum=0.9)
    options = {"batch_size": len(x), "loss": task.loss, "predict": task.predict}
    fit(task.model, data, epochs=steps, optimizer=optimizer, progress=False, **options)
    return task, [parameter.detach().numpy() for parameter in task.model.parameters()]


@pytest.mark.parametrize("classes", [None, 3])
def test_linear_is_least_squares(classes: int | None) -> None:
    x, y = clusters()
    target = x @ np.float32([2, -1]) + np.float32(0.1) * y if classes is None else y
    _, (weight, bias) = descend(
        "linear", x, target.astype("float32" if classes is None else int), classes, 300, 0.02
    )
    with_ones = np.column_stack([x, np.ones(len(x))])
    right = target if classes is None else np.eye(3)[y]
    solution = np.linalg.lstsq(with_ones, right, rcond=None)[0].reshape(3, -1)
    assert np.allclose(weight, solution[:2].T, atol=1e-3)
    assert np.allclose(bias, solution[2], atol=1e-3)


def test_logistic_is_logistic_regression() -> None:
    linear_model = pytest.importorskip("sklearn.linear_model")
    x, y = clusters()
    generator = np.random.default_rng(1)
    y = (y == 0) ^ (generator.random(len(y)) < 0.2)  # with mistakes, or the optimum is at infinity
    task, (weight, bias) = descend("logistic", x, y.astype(int), 2, 600, 0.1)
    reference = linear_model.LogisticRegression(C=np.inf, tol=1e-8).fit(x, y)
    assert np.allclose(weight, reference.coef_, atol=1e-2)
    assert np.allclose(bias, reference.intercept_, atol=1e-2)
    outputs = task.model(fg.from_numpy(x))
    assert (task.predict(outputs).numpy() == reference.predict(x)).all()


def test_softmax_is_multinomial_regression() -> None:
    linear_model = pytest.importorskip("sklearn.linear_model")
    x, y = clusters()
    generator = np.random.default_rng(1)
    y = np.where(generator.random(len(y)) < 0.3, generator.integers(0, 3, len(y)), y)
    task, _ = descend("softmax", x, y, 3, 600, 0.1)
    reference = linear_model.LogisticRegression(C=np.inf, tol=1e-8).fit(x, y)
    ours = task.model(fg.from_numpy(x)).softmax(1).detach().numpy()
    assert np.allclose(ours, reference.predict_proba(x), atol=1e-2)


def test_mlp_has_one_hidden_layer_and_bends() -> None:
    x = np.float32([[0, 0], [0, 1], [1, 0], [1, 1]])
    task, parameters = descend("mlp", x, np.array([0, 1, 1, 0]), 2, 300, 0.1)
    assert [parameter.shape for parameter in parameters] == [(256, 2), (256,), (2, 256), (2,)]
    assert task.predict(task.model(fg.from_numpy(x))).tolist() == [0, 1, 1, 0]


def test_a_loss_that_is_nan_is_told_once_with_where_it_began() -> None:
    x = fg.ones(40, 1)
    x[25:] = float("nan")
    data = DataLoader(TensorDataset(x, fg.zeros(40, 1)), batch_size=10)
    with pytest.raises(FloatingPointError) as caught:
        fit(fg.nn.Linear(1, 1), data, epochs=3, loss=fg.nn.functional.mse_loss, progress=False)
    message = str(caught.value)
    assert message.count("nan in") == 1
    assert "became nan in epoch 1, after 20 samples: use a smaller learning rate" in message
    assert "nan_guard" in message
