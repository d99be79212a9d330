"""A network for the tests of modules, and what is checked of any network."""

import fastgrad as fg
from fastgrad import nn


class Net(nn.Module):
    """A network with every kind of member, and children at several depths."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(fg.ones(2))
        self.body = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))
        self.heads = nn.ModuleList([nn.Linear(2, 2), nn.Linear(2, 2)])
        self.register_buffer("count", fg.zeros(2))
        self.register_buffer("cache", fg.zeros(1), persistent=False)
        self.register_parameter("nothing", None)

    def forward(self, x):
        return self.heads[1](self.body(x)) * self.scale


def same(a, b):
    return a.dtype == b.dtype and a.shape == b.shape and fg.equal(a, b)


def mirrored(module):
    """Every registered member is the attribute of that name."""
    for part in module.modules():
        for registry in (part._parameters, part._buffers, part._modules):
            for name, member in registry.items():
                assert getattr(part, name) is member, name
    return True
