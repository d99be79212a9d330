"""First weights and a whole training run from one seed: those of PyTorch."""

import pytest

import fastgrad as fg
from parity import assert_same, same_roundings

pytestmark = pytest.mark.core


def losses(t):
    """Fifty steps of a small network with dropout on shuffled batches, all from one seed."""
    t.manual_seed(2024)
    x = t.randn(203, 8)
    y = (x[:, 0] * x[:, 1] > 0).long() + (x[:, 2] > 1).long()
    data = t.utils.data
    train, _ = data.random_split(data.TensorDataset(x, y), [160, 43])
    loader = data.DataLoader(train, batch_size=16, shuffle=True)
    model = t.nn.Sequential(
        t.nn.Linear(8, 32),
        t.nn.ReLU(),
        t.nn.Dropout(0.3),
        t.nn.Linear(32, 16),
        t.nn.ReLU(),
        t.nn.Dropout(0.1),
        t.nn.Linear(16, 3),
    )
    t.nn.init.xavier_normal_(model[3].weight)
    criterion = t.nn.CrossEntropyLoss()
    optimizer = t.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    values = []
    for _ in range(5):
        for inputs, labels in loader:
            optimizer.zero_grad()
            loss = criterion(model(inputs), labels)
            loss.backward()
            optimizer.step()
            values.append(loss.item())
    return values


def test_losses_are_those_of_pytorch(torch):
    ours, theirs = losses(fg), losses(torch)
    assert len(ours) == 50
    assert ours == pytest.approx(theirs, rel=1e-5)


def test_losses_written_down():
    """The first losses and the last that PyTorch 2.13 gives."""
    found = losses(fg)
    expected = [1.0943061113357544, 1.079843282699585, 0.9431365132331848, 0.5904345512390137]
    assert [*found[:3], found[-1]] == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_first_weights_are_those_of_pytorch(torch, dtype):
    def draw(t):
        init = t.nn.init
        empty = [t.empty(30, 20, dtype=getattr(t, dtype)) for _ in range(8)]
        layers = [t.nn.Linear(784, 25), t.nn.Linear(3, 1, bias=False), t.nn.Linear(2, 2)]
        return [
            init.uniform_(empty[0], -0.3, 0.53),
            init.normal_(empty[1], 0.1, 0.02),
            init.trunc_normal_(empty[2], std=0.02),
            init.xavier_uniform_(empty[3]),
            init.xavier_normal_(empty[4]),
            init.kaiming_uniform_(empty[5], a=0.1),
            init.kaiming_normal_(empty[6], mode="fan_out"),
            init.sparse_(empty[7], 0.3),
            *(p.detach() for layer in layers for p in layer.parameters()),
        ]

    drawn = []
    for lib in (fg, torch):
        lib.manual_seed(7)
        drawn.append(draw(lib))
    for ours, theirs in zip(*drawn, strict=True):
        assert_same(ours, theirs, same_roundings(torch))
