"""The table of modules: what each is made with and called on. Many tests follow from one row."""

from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class Numbers:
    """An argument: float32 numbers between two bounds."""

    shape: tuple[int, ...]
    low: float = -1.0
    high: float = 1.0

    def draw(self, rng):
        return rng.uniform(self.low, self.high, self.shape).astype(np.float32)


@dataclass(frozen=True)
class Integers:
    """An argument: integers from `low`, below `high`."""

    shape: tuple[int, ...]
    high: int
    low: int = 0

    def draw(self, rng):
        return rng.integers(self.low, self.high, self.shape)


@dataclass(frozen=True)
class Signs:
    """An argument: floats that are 1 or -1."""

    shape: tuple[int, ...]

    def draw(self, rng):
        return rng.choice(np.array([-1.0, 1.0], np.float32), self.shape)


@dataclass(frozen=True)
class Row:
    """One module.

    Args:
        name: of the class in `nn`.
        args, options: what it is made with; arrays become tensors.
        inputs: what it is called on; a tuple of ints stands for `Numbers` of that shape.
        kinked: there are points near which the gradient jumps, so no numerical check.
        id: the row's name among the tests.
    """

    name: str
    args: tuple = ()
    options: dict = field(default_factory=dict)
    inputs: tuple = ()
    kinked: bool = False

    @property
    def id(self):
        parts = [*map(_short, self.args), *(f"{k}={_short(v)}" for k, v in self.options.items())]
        return f"{self.name}({', '.join(parts)})"

    def make(self, lib):
        """The module of one of the two libraries."""
        args = [_tensor(lib, value) for value in self.args]
        options = {name: _tensor(lib, value) for name, value in self.options.items()}
        return getattr(lib.nn, self.name)(*args, **options)

    def arrays(self):
        """The inputs, the same in every call."""
        rng = np.random.default_rng(len(self.id))
        specs = [Numbers(spec) if isinstance(spec, tuple) else spec for spec in self.inputs]
        return [spec.draw(rng) for spec in specs]


def _short(value):
    return "array" if isinstance(value, np.ndarray) else repr(value)


def _tensor(lib, value):
    return lib.tensor(value.tolist()) if isinstance(value, np.ndarray) else value


def row(name, *args, on, kinked=False, **options):
    """A row; `on` is the input, or a list of several."""
    return Row(name, args, options, tuple(on if isinstance(on, list) else [on]), kinked)


IMAGE = {1: (2, 4, 9), 2: (2, 4, 7, 6), 3: (1, 4, 5, 4, 4)}

CONV = [
    *(row(f"Conv{d}d", 4, 6, 3, on=IMAGE[d]) for d in (1, 2, 3)),
    *(
        row(f"Conv{d}d", 4, 6, 3, 1, 1, groups=2, bias=False, padding_mode=mode, on=IMAGE[d])
        for d, mode in ((1, "circular"), (2, "reflect"), (3, "replicate"))
    ),
    row("Conv2d", 4, 4, (3, 2), stride=(2, 1), padding=(1, 0), dilation=(1, 2), on=IMAGE[2]),
    row("Conv2d", 4, 6, 4, padding="same", dilation=(1, 2), on=IMAGE[2]),
    row("Conv2d", 4, 6, (4, 3), padding="same", padding_mode="reflect", on=IMAGE[2]),
    row("Conv2d", 4, 6, 3, padding="valid", padding_mode="circular", on=IMAGE[2]),
    row("Conv2d", 4, 6, 1, on=(4, 7, 6)),
    row("Conv1d", 4, 6, (3,), [2], on=(4, 9)),
    *(row(f"ConvTranspose{d}d", 4, 6, 3, on=IMAGE[d]) for d in (1, 2, 3)),
    *(
        row(f"ConvTranspose{d}d", 4, 6, 3, 2, 1, 1, groups=2, bias=False, on=IMAGE[d])
        for d in (1, 2, 3)
    ),
    row("ConvTranspose2d", 4, 2, (2, 3), (1, 2), dilation=(1, 2), on=(4, 3, 4)),
]

POOL = [
    *(row(f"MaxPool{d}d", 2, on=IMAGE[d], kinked=True) for d in (1, 2, 3)),
    row("MaxPool2d", (3, 2), (2, 1), (1, 0), (1, 2), ceil_mode=True, on=IMAGE[2], kinked=True),
    row("MaxPool2d", 2, return_indices=True, on=(4, 7, 6), kinked=True),
    *(row(f"AvgPool{d}d", 2, on=IMAGE[d]) for d in (1, 2, 3)),
    row("AvgPool1d", (3,), 2, 1, count_include_pad=False, on=(4, 9)),
    row("AvgPool2d", 3, 2, 1, ceil_mode=True, count_include_pad=False, on=IMAGE[2]),
    row("AvgPool2d", (3, 2), divisor_override=5, on=IMAGE[2]),
    *(row(f"AdaptiveAvgPool{d}d", 2, on=IMAGE[d]) for d in (1, 2, 3)),
    row("AdaptiveAvgPool2d", (None, 3), on=IMAGE[2]),
    *(row(f"AdaptiveMaxPool{d}d", 3, on=IMAGE[d], kinked=True) for d in (1, 2, 3)),
    row("AdaptiveMaxPool2d", (2, None), return_indices=True, on=(4, 7, 6), kinked=True),
    *(row(f"LPPool{d}d", 2, 2, on=Numbers(IMAGE[d], 0.1, 1.0)) for d in (1, 2, 3)),
    row("LPPool2d", 3.5, (2, 3), 1, True, on=Numbers(IMAGE[2], 0.1, 1.0)),
    row("MaxUnpool1d", 2, on=[(1, 3, 1), Integers((1, 3, 1), 2)]),
    row("MaxUnpool2d", (2, 3), (2, 4), 0, on=[(3, 1, 1), Integers((3, 1, 1), 6)]),
    row("MaxUnpool3d", 2, on=[(1, 3, 1, 1, 1), Integers((1, 3, 1, 1, 1), 8)]),
]

NORM = [
    row("BatchNorm1d", 4, on=(5, 4)),
    row("BatchNorm1d", 4, momentum=None, bias=False, on=(3, 4, 6)),
    row("BatchNorm2d", 4, eps=0.1, momentum=0.3, on=IMAGE[2]),
    row("BatchNorm2d", 4, affine=False, on=IMAGE[2]),
    row("BatchNorm2d", 4, track_running_stats=False, on=IMAGE[2]),
    row("BatchNorm3d", 4, on=(2, 4, 2, 3, 3)),
    row("InstanceNorm1d", 4, on=(3, 4, 6)),
    row("InstanceNorm1d", 4, affine=True, on=(4, 6)),
    row("InstanceNorm2d", 4, affine=True, track_running_stats=True, on=IMAGE[2]),
    row("InstanceNorm3d", 4, affine=True, bias=False, on=(2, 4, 2, 3, 3)),
    row("LayerNorm", 6, on=(3, 4, 6)),
    row("LayerNorm", (4, 6), 0.01, bias=False, on=(3, 4, 6)),
    row("LayerNorm", [6], elementwise_affine=False, on=(3, 4, 6)),
    row("GroupNorm", 2, 4, on=(3, 4, 6)),
    row("GroupNorm", 4, 4, bias=False, on=IMAGE[2]),
    row("GroupNorm", 1, 4, affine=False, on=IMAGE[2]),
    row("RMSNorm", 6, on=(3, 4, 6)),
    row("RMSNorm", (4, 6), eps=0.01, elementwise_affine=False, on=(3, 4, 6)),
    row("LocalResponseNorm", 3, 0.2, 0.5, 2.0, on=IMAGE[2]),
]

ROWS = [*CONV, *POOL, *NORM]
