"""An error inside a network says where it is, what was expected and what came."""

import pytest

import fastgrad as fg
from fastgrad import nn

INT = {"dtype": fg.int64}

CASES = [
    (lambda: nn.Linear(128, 10), fg.ones(2, 256), RuntimeError, "256.*128 features"),
    (lambda: nn.Linear(3, 2), fg.ones(2, 3, **INT), RuntimeError, "int64 != float32"),
    (lambda: nn.Linear(3, 2), [1.0], TypeError, "expected a Tensor, got list"),
    (
        lambda: nn.Conv2d(3, 6, 3),
        fg.ones(2, 4, 8, 8),
        RuntimeError,
        "3 channels, but got 4",
    ),
    (lambda: nn.Conv2d(3, 6, 3), fg.ones(2, 8), RuntimeError, "3D.*4D.*size"),
    (lambda: nn.Conv2d(3, 6, 9), fg.ones(2, 3, 8, 8), RuntimeError, "Kernel size can't"),
    (
        lambda: nn.ConvTranspose2d(3, 6, 3),
        fg.ones(2, 4, 8, 8),
        RuntimeError,
        "got 4 channels",
    ),
    (lambda: nn.MaxPool2d(9), fg.ones(1, 1, 4, 4), RuntimeError, "too small for windows"),
    (
        lambda: nn.BatchNorm2d(3),
        fg.ones(2, 4, 5, 5),
        RuntimeError,
        "3 channels.*num_features",
    ),
    (lambda: nn.BatchNorm2d(3), fg.ones(2, 3), ValueError, "expected 4D input .got 2D"),
    (
        lambda: nn.BatchNorm1d(3),
        fg.ones(1, 3),
        ValueError,
        "more than 1 value.*larger batches",
    ),
    (
        lambda: nn.InstanceNorm2d(3, affine=True),
        fg.ones(1, 4, 2, 2),
        ValueError,
        "num_features",
    ),
    (lambda: nn.GroupNorm(2, 4), fg.ones(2, 6, 3), RuntimeError, "4 channels"),
    (lambda: nn.LayerNorm(3), fg.ones(2, 4), RuntimeError, "shape ends with it"),
    (lambda: nn.Embedding(10, 3), fg.tensor([1, 12]), IndexError, "index 12.*0 to 9"),
    (lambda: nn.Embedding(10, 3), fg.ones(2), RuntimeError, "long"),
    (lambda: nn.PReLU(3), fg.ones(2, 4), RuntimeError, "channel size = 4"),
    (lambda: nn.Softmax2d(), fg.ones(2), ValueError, "3D or 4D"),
    (lambda: nn.CircularPad2d(1), fg.ones(2), ValueError, "expected 3D or 4D"),
]


@pytest.mark.parametrize(("make", "given", "error", "words"), CASES)
def test_an_error_inside_a_network_names_the_layer(make, given, error, words):
    layer = make()
    net = nn.Sequential(nn.Identity(), nn.Sequential(layer))
    with pytest.raises(error, match=words) as caught:
        net(given)
    label = f"{type(layer).__name__}({layer.extra_repr()})"
    assert str(caught.value).startswith(f"in 1.0 {label}: ")


@pytest.mark.parametrize("loss", [nn.CrossEntropyLoss(), nn.NLLLoss()])
def test_a_label_out_of_range_is_named(loss):
    with pytest.raises(IndexError, match=r"row 1 .* label 4, but there are 4 classes"):
        loss(fg.ones(3, 4), fg.tensor([0, 4, 1]))


BAD_SETTINGS = [
    (lambda nn: nn.Conv2d(3, 6, 3, groups=0), ValueError),
    (lambda nn: nn.Conv2d(3, 6, 3, groups=2), ValueError),
    (lambda nn: nn.Conv2d(4, 5, 3, groups=2), ValueError),
    (lambda nn: nn.Conv2d(3, 6, 3, padding="x"), ValueError),
    (lambda nn: nn.Conv2d(3, 6, 3, padding="same", stride=2), ValueError),
    (lambda nn: nn.Conv2d(3, 6, 3, padding_mode="x"), ValueError),
    (lambda nn: nn.ConvTranspose2d(3, 6, 3, padding_mode="reflect"), ValueError),
    (lambda nn: nn.GroupNorm(3, 4), ValueError),
    (lambda nn: nn.Hardtanh(2, 1), AssertionError),
    (lambda nn: nn.TripletMarginLoss(margin=-1), ValueError),
    (lambda nn: nn.TripletMarginWithDistanceLoss(margin=0), ValueError),
    (lambda nn: nn.MultiMarginLoss(p=3), ValueError),
    (lambda nn: nn.Embedding(3, 4, padding_idx=5), AssertionError),
    (lambda nn: nn.EmbeddingBag(3, 4, padding_idx=-4), AssertionError),
    (lambda nn: nn.Bilinear(0, 2, 3), ValueError),
    (lambda nn: nn.Dropout2d(2), ValueError),
]


@pytest.mark.parametrize(("make", "error"), BAD_SETTINGS)
def test_settings_that_do_not_fit_raise_as_in_torch(torch, make, error):
    for lib in (nn, torch.nn):
        with pytest.raises(error):
            make(lib)


def test_an_output_size_that_does_not_fit(torch):
    for lib in (fg, torch):
        layer = lib.nn.ConvTranspose2d(3, 6, 3, stride=2)
        x = lib.ones(1, 3, 4, 4)
        assert layer(x, (10, 9)).shape == (1, 6, 10, 9)
        assert layer(x, output_size=[1, 6, 9, 10]).shape == (1, 6, 9, 10)
        with pytest.raises(ValueError, match="valid sizes range"):
            layer(x, (20, 20))
        with pytest.raises(ValueError, match="must have 2 or 4 elements"):
            layer(x, (20,))


def test_old_names_of_the_bounds():
    with pytest.warns(FutureWarning, match="renamed to `min_val`"):
        assert nn.Hardtanh(min_value=-3).min_val == -3
