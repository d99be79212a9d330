"""Averages of weights: plain and moving ones, buffers, and batch normalization afterwards."""

import pytest

import fastgrad as fg
from fastgrad import nn
from fastgrad.optim import swa_utils


def averaged(lib, use_buffers=False, **options):
    """The averages of a model that changes four times."""
    model = lib.nn.Linear(2, 1, bias=False)
    model.register_buffer("count", lib.zeros(1))
    average = lib.optim.swa_utils.AveragedModel(model, use_buffers=use_buffers, **options)
    for step in range(4):
        with lib.no_grad():
            model.weight.copy_(lib.tensor([[1.0, -2.0]]) * (step + 1) ** 2)
            model.count.fill_(step)
        average.update_parameters(model)
    return [
        *average.module.weight.reshape(-1).tolist(),
        average.module.count.item(),
        average.n_averaged.item(),
    ]


@pytest.mark.parametrize("use_buffers", [False, True])
@pytest.mark.parametrize(
    "options",
    [
        lambda utils: {},
        lambda utils: {"avg_fn": utils.get_ema_avg_fn(0.9)},
        lambda utils: {"avg_fn": utils.get_swa_avg_fn()},
        lambda utils: {"multi_avg_fn": utils.get_ema_multi_avg_fn(0.5)},
        lambda utils: {"multi_avg_fn": utils.get_swa_multi_avg_fn()},
    ],
)
def test_averages_are_those_of_torch(torch, options, use_buffers):
    ours, theirs = (
        averaged(lib, use_buffers, **options(lib.optim.swa_utils)) for lib in (fg, torch)
    )
    assert ours == pytest.approx(theirs, rel=1e-6)


def test_the_model_is_copied_and_called():
    model = nn.Linear(2, 1)
    average = swa_utils.AveragedModel(model)
    x = fg.ones(1, 2)
    assert fg.equal(average(x), model(x))
    assert average.module is not model
    assert set(average.state_dict()) == {"n_averaged", "module.weight", "module.bias"}


def test_errors():
    model = nn.Linear(2, 1)
    average = swa_utils.get_swa_avg_fn()
    with pytest.raises(AssertionError, match="Only one of"):
        swa_utils.AveragedModel(model, avg_fn=average, multi_avg_fn=lambda a, b, n: None)
    for make in (swa_utils.get_ema_avg_fn, swa_utils.get_ema_multi_avg_fn):
        with pytest.raises(ValueError, match=r"Invalid decay value 1.5"):
            make(1.5)


@pytest.mark.parametrize("wrap", [lambda x: x, lambda x: (x, 3)])
def test_statistics_are_computed_anew(wrap):
    model = nn.Sequential(nn.Linear(1, 1), nn.BatchNorm1d(1)).eval()
    with fg.no_grad():
        model[0].weight.fill_(1.0)
        model[0].bias.fill_(0.0)
    model[1].running_mean.fill_(7.0)
    swa_utils.update_bn([wrap(fg.full((2, 1), float(i))) for i in range(3)], model)
    assert model[1].running_mean.item() == pytest.approx(1.0)
    assert model[1].momentum == 0.1
    assert not model.training


def test_without_normalization_nothing_is_called():
    def loader():
        raise AssertionError("the loader was read")
        yield

    swa_utils.update_bn(loader(), nn.Linear(1, 1))
