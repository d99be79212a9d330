"""fastgrad.summary and fastgrad.profile."""

import pytest

import fastgrad as fg
from fastgrad import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1, groups=1), nn.BatchNorm2d(4))
        self.up = nn.ConvTranspose2d(4, 2, 2, stride=2, bias=False)
        self.head = nn.Linear(2 * 12 * 12, 5)
        self.unused = nn.Linear(2, 2)

    def forward(self, x):
        return self.head(self.up(self.body(x)).flatten(1))


def test_summary_counts_what_the_layers_do():
    net = Net().train()
    net.head.bias.requires_grad_(False)
    made = fg.summary(net, (3, 1, 6, 6))
    rows = {row.name: row for row in made.rows}
    assert rows["body.0"].output == [(3, 4, 6, 6)]
    assert rows["body.0"].flops == 3 * 4 * 36 * (2 * 9 + 1)
    assert rows["up"].flops == 2 * (3 * 4 * 36) * (2 * 4)
    assert rows["head"].flops == 3 * 5 * (2 * 288 + 1)
    assert rows["unused"].calls == 0
    assert made.total_flops == sum(row.flops for row in made.rows)
    assert made.total_parameters == sum(p.numel() for p in net.parameters())
    assert made.trainable_parameters == made.total_parameters - 5
    text = repr(made)
    assert "not called" in text
    assert "    0: Conv2d" in text
    assert net.training
    assert net.body[1].num_batches_tracked.item() == 0
    assert not net._forward_hooks


def test_summary_takes_tensors_keywords_and_shared_layers():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(3, 3)

        def forward(self, x, *, times):
            for _ in range(times):
                x = self.layer(x)
            return {"x": x, "again": (x, [x])}

    made = fg.summary(Twice(), fg.ones(2, 3), times=2)
    assert made.rows[1].calls == 2
    assert made.rows[1].flops == 2 * (2 * 3 * (2 * 3 + 1))
    assert made.rows[0].output == [(2, 3)] * 3


def test_a_failed_summary_leaves_the_network_as_it_was():
    net = Net().train()
    with pytest.raises(RuntimeError, match="in head Linear"):
        fg.summary(net, (1, 1, 8, 8))
    assert net.training
    assert fg.is_grad_enabled()
    assert not net._forward_hooks
    assert not net.head._forward_pre_hooks


def test_profile_measures_each_module():
    net = Net()
    measured = fg.profile(net, (3, 1, 6, 6), repeat=3)
    rows = {row.name: row for row in measured.rows}
    assert rows[""].calls == rows["head"].calls == 3
    assert rows[""].seconds >= rows["body"].seconds >= rows["body.0"].seconds > 0
    assert "GFLOP/s" in repr(measured)
    assert "100.0 %" in repr(measured)
    with fg.profile(net) as times:
        net(fg.ones(1, 1, 6, 6))
        with pytest.raises(RuntimeError):
            net(fg.ones(1, 1, 8, 8))
        net(fg.ones(1, 1, 6, 6))
    assert times.rows[0].calls == 2
    assert not net._forward_hooks
