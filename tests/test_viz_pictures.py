"""viz: pictures of weights, filters, attention and decisions show the numbers they get."""

import sys

import numpy as np
import pytest

import fastgrad as fg
from fastgrad import nn

pytest.importorskip("matplotlib")


def pictures(figure) -> list[np.ndarray]:
    return [np.asarray(axes.images[0].get_array()) for axes in figure.axes if axes.images]


def test_weights_has_a_histogram_for_each_parameter(tmp_path):
    net = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    figure = fg.viz.weights(net)
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert titles == ["0.weight (4, 3)", "0.bias (4)", "2.weight (2, 4)", "2.bias (2)"]
    for axes, parameter in zip(figure.axes, net.parameters(), strict=True):
        assert sum(bar.get_height() for bar in axes.patches) == parameter.numel()
        assert f"mean {parameter.mean().item():.3g}" in axes.get_xlabel()
    figure.savefig(tmp_path / "weights.png")
    assert len(fg.viz.weights(net.state_dict(), limit=3).axes) == 3
    assert "1 more" in fg.viz.weights(net.named_parameters(), limit=3).get_supxlabel()


def test_filters_of_one_channel_share_a_scale():
    conv = nn.Conv2d(1, 3, 2)
    shown = pictures(fg.viz.filters(conv))
    weight = conv.weight.detach()
    assert np.allclose(np.stack(shown), (weight[:, 0] / weight.abs().max()).numpy())


def test_filters_of_three_channels_are_colours():
    weight = fg.tensor([1.0, 0.0, -1.0]).reshape(1, 3, 1, 1)
    (shown,) = pictures(fg.viz.filters(weight))
    assert shown.tolist() == [[[1.0, 0.5, 0.0]]]


def test_filters_of_several_channels_have_a_row_for_each_output():
    weight = fg.arange(2 * 5 * 4.0).reshape(2, 5, 2, 2)
    shown = pictures(fg.viz.filters(weight))
    assert np.allclose(np.stack(shown).reshape(2, 5, 2, 2), (weight / 39).numpy())
    assert len(pictures(fg.viz.filters(weight, limit=1))) == 1


def test_filters_of_a_linear_layer_on_images():
    layer = nn.Linear(6, 2)
    assert [picture.shape for picture in pictures(fg.viz.filters(layer, shape=(2, 3)))] == [
        (2, 3)
    ] * 2
    assert len(pictures(fg.viz.filters(fg.zeros(2, 1, 3, 3)))) == 2  # all zero: no scale


def test_attention_shows_each_head_with_its_words():
    weights = fg.rand(2, 3, 4).softmax(-1)
    figure = fg.viz.attention(weights, list("abc"), list("wxyz"), ["one", "two"])
    assert np.allclose(np.stack(pictures(figure)[:2]), weights.numpy())
    first = figure.axes[0]
    assert first.get_title(loc="left") == "one"
    assert [label.get_text() for label in first.get_yticklabels()] == list("abc")
    assert [label.get_text() for label in first.get_xticklabels()] == list("wxyz")
    assert np.allclose(pictures(fg.viz.attention(weights[0]))[0], weights[0].numpy())


class Halves(nn.Module):
    """Class 1 where the first coordinate is positive; says whether it was asked properly."""

    def forward(self, x: fg.Tensor) -> fg.Tensor:
        assert not self.training
        assert not fg.is_grad_enabled()
        return fg.stack([-x[:, 0], x[:, 0]], 1)


def test_decision_regions_on_given_axes():
    plt = pytest.importorskip("matplotlib.pyplot")
    figure, (left, right) = plt.subplots(1, 2)
    found = fg.viz.decision_regions(lambda x: x[:, 0], fg.eye(2), fg.tensor([0, 1]), axes=right)
    assert found is figure
    assert (len(left.images), len(right.images)) == (0, 1)
    plt.close(figure)


def test_decision_regions_are_those_of_the_network():
    points = fg.tensor([[-1.0, 0.0], [1.0, 2.0], [0.5, 1.0]])
    net = Halves()
    figure = fg.viz.decision_regions(net, points, fg.tensor([0, 1, 1]), ["left", "right"], 51)
    (axes,) = figure.axes
    (region,) = pictures(figure)
    left, right = axes.images[0].get_extent()[:2]
    where = np.linspace(left, right, 51)
    assert (region == (where > 0)[None]).all()
    assert net.training
    names = [text.get_text() for text in axes.get_legend().get_texts()]
    assert names == ["left", "right"]
    drawn = [collection.get_offsets().tolist() for collection in axes.collections[-2:]]
    assert drawn == [[[-1.0, 0.0]], [[1.0, 2.0], [0.5, 1.0]]]


@pytest.mark.parametrize("shape", [(-1,), (-1, 1)])
def test_one_output_decides_by_its_sign_and_targets_may_be_signs(shape):
    points = fg.tensor([[-1.0, -1.0], [1.0, 1.0]])
    figure = fg.viz.decision_regions(
        lambda x: (x[:, 0] + x[:, 1]).reshape(shape), points, fg.tensor([-1, 1]), resolution=10
    )
    (region,) = pictures(figure)
    assert region[0, 0] == 0
    assert region[-1, -1] == 1


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: fg.viz.weights(nn.ReLU()), "no tensor"),
        (lambda: fg.viz.weights(nn.Linear(1, 1), limit=0), "at least 1"),
        (lambda: fg.viz.filters(nn.ReLU()), "ReLU has no weight"),
        (lambda: fg.viz.filters(fg.ones(2, 5), shape=(2, 3)), r"got \[2, 5\]"),
        (lambda: fg.viz.attention(fg.ones(1, 2, 3, 4)), "one sample of a batch"),
        (lambda: fg.viz.attention(fg.ones(2, 3), ["a"]), "expected 2 queries, got 1"),
        (lambda: fg.viz.decision_regions(abs, fg.ones(3, 4), fg.ones(3)), "two features"),
        (lambda: fg.viz.decision_regions(abs, fg.ones(3, 2), fg.ones(2)), r"targets \(3,\)"),
        (lambda: fg.viz.decision_regions(abs, fg.ones(1, 2), fg.tensor([-3])), "from 0 on"),
        (
            lambda: fg.viz.decision_regions(abs, fg.ones(1, 2), fg.tensor([0]), resolution=1),
            "2, got 1",
        ),
        (lambda: fg.viz.decision_regions(abs, fg.ones(1, 2), fg.tensor([1]), ["a"]), "1 names"),
    ],
)
def test_what_cannot_be_drawn(wrong, message):
    with pytest.raises(ValueError, match=message):
        wrong()


def test_without_matplotlib_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'fastgrad\[train\]'"):
        fg.viz.weights(nn.Linear(1, 1))
