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
        args, options: what it is made with; arrays become tensors, and rows modules.
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
        args = [_made(lib, value) for value in self.args]
        options = {name: _made(lib, value) for name, value in self.options.items()}
        return getattr(lib.nn, self.name)(*args, **options)

    @property
    def specs(self):
        return [Numbers(spec) if isinstance(spec, tuple) else spec for spec in self.inputs]

    def arrays(self):
        """The inputs, the same in every call."""
        rng = np.random.default_rng(len(self.id))
        return [spec.draw(rng) for spec in self.specs]

    def tensors(self, lib, dtype="float32"):
        """The inputs in one of the two libraries; `Numbers` require a gradient."""
        made = []
        for spec, array in zip(self.specs, self.arrays(), strict=True):
            name = dtype if array.dtype == np.float32 else "int64"
            tensor = lib.tensor(array.tolist(), dtype=getattr(lib, name))
            made.append(tensor.requires_grad_(isinstance(spec, Numbers)))
        return made


def _short(value):
    if isinstance(value, Row):
        return value.id
    return "array" if isinstance(value, np.ndarray) else repr(value)


def _made(lib, value):
    if isinstance(value, Row):
        return value.make(lib)
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
    row("SyncBatchNorm", 4, on=(5, 4)),
    row("SyncBatchNorm", 4, momentum=None, on=(3, 4, 6)),
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

ACTIVATION = [
    *(
        row(name, on=(3, 4))
        for name in (
            *("Sigmoid", "Tanh", "LogSigmoid", "Softsign", "Tanhshrink", "SiLU", "Mish", "GELU"),
            *("Softplus", "Identity"),
        )
    ),
    *(
        row(name, on=Numbers((3, 5), -4, 7), kinked=True)
        for name in (
            *("ReLU", "ReLU6", "SELU", "Hardsigmoid", "Hardswish", "Hardtanh", "ELU", "CELU"),
            *("LeakyReLU", "PReLU", "RReLU", "Hardshrink", "Softshrink"),
        )
    ),
    *(
        row(name, inplace=True, on=Numbers((3, 5), -4, 7), kinked=True)
        for name in (
            *("ReLU", "ReLU6", "SELU", "Hardsigmoid", "Hardswish", "Hardtanh", "ELU", "CELU"),
            *("LeakyReLU", "RReLU", "SiLU", "Mish"),
        )
    ),
    *(row(name, dim=0, on=(3, 4)) for name in ("Softmax", "LogSoftmax", "Softmin")),
    row("Softmax2d", on=(2, 3, 2, 2)),
    row("GELU", "tanh", on=(3, 4)),
    row("GLU", 0, on=(4, 3)),
    row("Softplus", 2, 1.5, on=Numbers((3, 4), -2, 2)),
    row("Hardtanh", -2, 1.5, on=Numbers((3, 4), -3, 3), kinked=True),
    row("ELU", 0.5, on=(3, 4), kinked=True),
    row("CELU", 0.5, on=(3, 4), kinked=True),
    row("LeakyReLU", 0.3, on=(3, 4), kinked=True),
    row("PReLU", 4, 0.1, on=(2, 4, 3), kinked=True),
    row("RReLU", 0.2, 0.4, on=(3, 4), kinked=True),
    row("Hardshrink", 0.3, on=(3, 4), kinked=True),
    row("Softshrink", 0.3, on=(3, 4), kinked=True),
    row("Threshold", 0.2, -1.5, on=(3, 4), kinked=True),
]

WEIGHT = np.array([0.5, 1.0, 2.0, 1.5])
SCORES, CLASSES = (5, 4), Integers((5,), 4)
PROBABILITIES = Numbers((5, 4), 0.05, 0.95)

LOSS = [
    *(row(name, on=[(3, 4), (3, 4)], kinked=True) for name in ("L1Loss", "SmoothL1Loss")),
    row("MSELoss", on=[(3, 4), (3, 4)]),
    row("MSELoss", reduction="none", on=[(3, 4), (3, 4)]),
    row("L1Loss", reduction="sum", on=[(3, 4), (3, 4)], kinked=True),
    row("SmoothL1Loss", beta=0.3, on=[(3, 4), (3, 4)]),
    row("HuberLoss", on=[(3, 4), (3, 4)]),
    row("HuberLoss", "sum", 0.4, on=[(3, 4), (3, 4)]),
    row("BCELoss", on=[PROBABILITIES, PROBABILITIES]),
    row("BCELoss", WEIGHT, reduction="none", on=[PROBABILITIES, PROBABILITIES]),
    row("BCEWithLogitsLoss", on=[SCORES, PROBABILITIES]),
    row("BCEWithLogitsLoss", WEIGHT, pos_weight=WEIGHT * 2, on=[SCORES, PROBABILITIES]),
    row("KLDivLoss", reduction="batchmean", on=[SCORES, PROBABILITIES]),
    row("KLDivLoss", reduction="sum", log_target=True, on=[SCORES, SCORES]),
    row("PoissonNLLLoss", on=[SCORES, Numbers((5, 4), 1.5, 9.0)]),
    row("PoissonNLLLoss", False, True, on=[PROBABILITIES, Numbers((5, 4), 1.5, 9.0)]),
    row("GaussianNLLLoss", on=[SCORES, SCORES, PROBABILITIES]),
    row("GaussianNLLLoss", full=True, reduction="sum", on=[SCORES, SCORES, PROBABILITIES]),
    row("SoftMarginLoss", on=[SCORES, Signs(SCORES)]),
    row("NLLLoss", on=[SCORES, CLASSES]),
    row("NLLLoss", WEIGHT, ignore_index=2, reduction="sum", on=[SCORES, CLASSES]),
    row("NLLLoss", reduction="none", on=[(2, 4, 3), Integers((2, 3), 4)]),
    row("CrossEntropyLoss", on=[SCORES, CLASSES]),
    row("CrossEntropyLoss", WEIGHT, ignore_index=1, label_smoothing=0.1, on=[SCORES, CLASSES]),
    row("CrossEntropyLoss", reduction="none", on=[(2, 4, 3), Integers((2, 3), 4)]),
    row("CrossEntropyLoss", on=[SCORES, PROBABILITIES]),
    row("CosineEmbeddingLoss", 0.1, on=[SCORES, SCORES, Signs((5,))]),
    row("MarginRankingLoss", 0.1, on=[(5,), (5,), Signs((5,))], kinked=True),
    row("HingeEmbeddingLoss", 0.7, on=[SCORES, Signs(SCORES)], kinked=True),
    row("MultiLabelMarginLoss", on=[SCORES, Integers((5, 4), 4, -1)], kinked=True),
    row("MultiLabelSoftMarginLoss", WEIGHT, on=[SCORES, Integers((5, 4), 2)]),
    row("MultiMarginLoss", on=[SCORES, CLASSES], kinked=True),
    row("MultiMarginLoss", 2, 0.8, WEIGHT, on=[SCORES, CLASSES]),
    row("TripletMarginLoss", on=[SCORES, SCORES, SCORES], kinked=True),
    row("TripletMarginLoss", 0.5, 3.0, swap=True, on=[SCORES, SCORES, SCORES], kinked=True),
    *(
        row(
            "CTCLoss",
            *options,
            on=[(7, 3, 5), Integers((3, 3), 5, 1), Integers((3,), 8, 6), Integers((3,), 4, 1)],
            kinked=True,  # its gradient is that of logits
        )
        for options in ((), (0, "none"), (0, "sum", True))
    ),
    row("TripletMarginWithDistanceLoss", margin=2.0, on=[SCORES, SCORES, SCORES], kinked=True),
]

LOOKUP = [
    row("Embedding", 10, 3, on=Integers((2, 4), 10)),
    row("Embedding", 10, 3, padding_idx=-2, kinked=True, on=Integers((7,), 10)),
    row("Embedding", 10, 3, max_norm=0.5, norm_type=1.0, kinked=True, on=Integers((7,), 10)),
    row("Embedding", 4, 3, 1, scale_grad_by_freq=True, kinked=True, on=Integers((9,), 4)),
    row("EmbeddingBag", 10, 3, on=Integers((2, 4), 10)),
    row("EmbeddingBag", 10, 3, mode="max", on=[Integers((7,), 10), Integers((1,), 1)]),
    row(
        "EmbeddingBag",
        4,
        3,
        mode="sum",
        padding_idx=2,
        max_norm=1.0,
        kinked=True,
        on=Integers((2, 4), 4),
    ),
]

ENDS = {1: (2, 1), 2: (1, 2, 0, 3), 3: (1, 0, 2, 1, 1, 3)}

SHAPE = [
    row("Flatten", on=(2, 3, 4)),
    row("Flatten", 0, 1, on=(2, 3, 4)),
    row("Unflatten", 1, (2, -1), on=(3, 6, 2)),
    row("Unflatten", -2, [3, 2], on=(3, 6, 2)),
    *(
        row(f"{kind}Pad{d}d", padding, *value, on=IMAGE[d])
        for kind, value in (
            *(("Circular", ()), ("Reflection", ()), ("Replication", ()), ("Zero", ())),
            ("Constant", (2.5,)),
        )
        for d in (1, 2, 3)
        for padding in (1, ENDS[d])
    ),
    row("Upsample", scale_factor=2, on=IMAGE[1]),
    row("Upsample", (3, 9), mode="bilinear", on=IMAGE[2]),
    row("Upsample", None, (1.5, 2.0), "bicubic", True, on=IMAGE[2]),
    row("Upsample", scale_factor=1.3, mode="nearest", on=IMAGE[3]),
    row("Upsample", scale_factor=1.5, mode="trilinear", align_corners=False, on=IMAGE[3]),
    row("Upsample", scale_factor=1.6, mode="linear", recompute_scale_factor=True, on=IMAGE[1]),
    row("UpsamplingNearest2d", scale_factor=2, on=IMAGE[2]),
    row("UpsamplingBilinear2d", (3, 9), on=IMAGE[2]),
    row("PixelShuffle", 2, on=(2, 4, 2, 3)),
    row("PixelUnshuffle", 2, on=(2, 1, 4, 6)),
    row("ChannelShuffle", 2, on=IMAGE[2]),
    row("Unfold", (3, 2), (1, 2), 1, (2, 1), on=IMAGE[2]),
    row("Unfold", 2, on=(4, 7, 6)),
    row("Fold", (4, 5), (2, 3), on=(2, 12, 9)),
    row("Fold", 4, 2, stride=2, on=(8, 4)),
]

SEQUENCE = (4, 2, 3)

RECURRENT = [
    row("RNN", 3, 4, on=SEQUENCE),
    row("RNN", 3, 5, 2, "relu", bidirectional=True, on=[(4, 2, 3), (4, 2, 5)], kinked=True),
    row("RNN", 3, 4, bias=False, batch_first=True, on=(2, 5, 3)),
    row("LSTM", 3, 4, on=SEQUENCE),
    row("LSTM", 3, 5, 3, dropout=0.5, bidirectional=True, on=SEQUENCE),
    row("LSTM", 3, 5, 2, bias=False, batch_first=True, proj_size=2, on=SEQUENCE),
    row("LSTM", 3, 18, bidirectional=True, proj_size=17, on=(5, 3)),
    row("GRU", 3, 4, on=[SEQUENCE, (1, 2, 4)]),
    row("GRU", 3, 17, 2, dropout=0.5, bidirectional=True, on=[(6, 3, 3), (4, 3, 17)]),
    row("GRU", 3, 4, bias=False, batch_first=True, on=SEQUENCE),
    row("RNNCell", 3, 4, on=(2, 3)),
    row("RNNCell", 3, 4, False, "relu", on=[(2, 3), (2, 4)], kinked=True),
    row("LSTMCell", 3, 4, on=(2, 3)),
    row("LSTMCell", 3, 4, bias=False, on=(3,)),
    row("GRUCell", 3, 4, on=[(2, 3), (2, 4)]),
    row("GRUCell", 3, 4, bias=False, on=[(3,), (4,)]),
]

ENCODER = row("TransformerEncoderLayer", 4, 2, 6, 0.2, on=(3, 2, 4), kinked=True)
DECODER = row("TransformerDecoderLayer", 4, 2, 6, 0.2, on=[(3, 2, 4), (5, 2, 4)], kinked=True)

TRANSFORMER = [
    row("MultiheadAttention", 4, 2, on=[(3, 2, 4), (5, 2, 4), (5, 2, 4)]),
    row("MultiheadAttention", 4, 1, 0.3, bias=False, on=[(3, 4), (5, 4), (5, 4)]),
    row(
        "MultiheadAttention",
        *(4, 2),
        kdim=3,
        vdim=2,
        add_bias_kv=True,
        add_zero_attn=True,
        batch_first=True,
        on=[(2, 3, 4), (2, 5, 3), (2, 5, 2)],
    ),
    ENCODER,
    row("TransformerEncoderLayer", 4, 1, 6, 0.2, "gelu", 1e-3, True, True, on=(2, 3, 4)),
    row("TransformerEncoderLayer", 4, 2, 6, bias=False, on=(3, 4), kinked=True),
    DECODER,
    row("TransformerDecoderLayer", 4, 1, 6, 0.2, "gelu", on=[(2, 4), (3, 4)]),
    row(
        "TransformerDecoderLayer",
        *(4, 2, 6),
        batch_first=True,
        norm_first=True,
        bias=False,
        on=[(2, 3, 4), (2, 5, 4)],
        kinked=True,
    ),
    row(
        "TransformerEncoder",
        ENCODER,
        2,
        row("LayerNorm", 4, on=()),
        enable_nested_tensor=False,
        on=(3, 2, 4),
        kinked=True,
    ),
    row("TransformerDecoder", DECODER, 2, on=[(3, 2, 4), (5, 2, 4)], kinked=True),
    row("Transformer", 4, 2, 1, 2, 6, 0.2, "gelu", on=[(5, 2, 4), (3, 2, 4)], kinked=True),
]

OTHER = [
    row("Linear", 5, 3, on=(2, 4, 5)),
    row("Linear", 5, 3, bias=False, on=(5,)),
    row("Bilinear", 3, 4, 5, on=[(2, 3), (2, 4)]),
    row("Bilinear", 3, 4, 5, bias=False, on=[(2, 2, 3), (2, 2, 4)]),
    row("CosineSimilarity", on=[(3, 4), (3, 4)]),
    row("CosineSimilarity", 0, 1e-4, on=[(3, 4), (3, 4)]),
    row("PairwiseDistance", on=[(3, 4), (3, 4)]),
    row("PairwiseDistance", 1.5, keepdim=True, on=[(3, 4), (3, 4)]),
    *(
        row(name, on=shape, kinked=True)
        for name, shape in (
            *(("Dropout", (3, 4)), ("AlphaDropout", (3, 4)), ("FeatureAlphaDropout", (3, 4, 2))),
            *(("Dropout1d", IMAGE[1]), ("Dropout2d", IMAGE[2]), ("Dropout3d", IMAGE[3])),
        )
    ),
    row("Dropout", 0.2, True, on=(3, 4), kinked=True),
    row("Dropout1d", 0.7, on=(4, 6), kinked=True),
    row("AlphaDropout", 0.0, on=(3, 4), kinked=True),
    row("Dropout", 1.0, on=(3, 4), kinked=True),
]

ROWS = [*CONV, *POOL, *NORM, *ACTIVATION, *LOSS, *LOOKUP, *SHAPE, *RECURRENT, *TRANSFORMER, *OTHER]
