"""A whole training run from one seed: the losses of PyTorch."""

import pytest

import fastgrad as fg

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
