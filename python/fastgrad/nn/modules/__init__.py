"""The layers and losses, one file per kind; a file is imported when a name of it is first used."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .activation import *
    from .activation_kinked import *
    from .batch_norm import *
    from .container import *
    from .conv import *
    from .ctc import *
    from .distance import *
    from .dropout import *
    from .embedding import *
    from .flatten import *
    from .fold import *
    from .lazy import *
    from .linear import *
    from .loss import *
    from .loss_margin import *
    from .loss_pointwise import *
    from .multihead_attention import *
    from .norm import *
    from .pad import *
    from .parameter_container import *
    from .pool import *
    from .pool_average import *
    from .recurrent import *
    from .recurrent_cell import *
    from .resize import *
    from .sync_batch_norm import *
    from .transformer import *
    from .transformer_layers import *

# The names of each file: importing all of them would take a third of the time of the package.
_NAMES = {
    "activation": """
        GELU GLU LogSigmoid LogSoftmax Mish SiLU Sigmoid Softmax Softmax2d Softmin Softplus
        Softsign Tanh Tanhshrink""",
    "activation_kinked": """
        CELU ELU Hardshrink Hardsigmoid Hardswish Hardtanh LeakyReLU PReLU RReLU ReLU ReLU6 SELU
        Softshrink Threshold""",
    "batch_norm": """
        BatchNorm1d BatchNorm2d BatchNorm3d InstanceNorm1d InstanceNorm2d InstanceNorm3d""",
    "container": "ModuleDict ModuleList Sequential",
    "conv": "Conv1d Conv2d Conv3d ConvTranspose1d ConvTranspose2d ConvTranspose3d",
    "ctc": "CTCLoss",
    "distance": "CosineSimilarity PairwiseDistance",
    "dropout": "AlphaDropout Dropout Dropout1d Dropout2d Dropout3d FeatureAlphaDropout",
    "embedding": "Embedding EmbeddingBag",
    "flatten": "Flatten Unflatten",
    "fold": "Fold Unfold",
    "lazy": """
        LazyBatchNorm1d LazyBatchNorm2d LazyBatchNorm3d LazyConv1d LazyConv2d LazyConv3d
        LazyConvTranspose1d LazyConvTranspose2d LazyConvTranspose3d LazyInstanceNorm1d
        LazyInstanceNorm2d LazyInstanceNorm3d LazyLinear""",
    "linear": "Bilinear Identity Linear",
    "loss": "CrossEntropyLoss NLLLoss",
    "loss_margin": """
        CosineEmbeddingLoss HingeEmbeddingLoss MarginRankingLoss MultiLabelMarginLoss
        MultiLabelSoftMarginLoss MultiMarginLoss TripletMarginLoss TripletMarginWithDistanceLoss""",
    "loss_pointwise": """
        BCELoss BCEWithLogitsLoss GaussianNLLLoss HuberLoss KLDivLoss L1Loss MSELoss
        PoissonNLLLoss SmoothL1Loss SoftMarginLoss""",
    "multihead_attention": "MultiheadAttention",
    "norm": "GroupNorm LayerNorm LocalResponseNorm RMSNorm",
    "pad": """
        CircularPad1d CircularPad2d CircularPad3d ConstantPad1d ConstantPad2d ConstantPad3d
        ReflectionPad1d ReflectionPad2d ReflectionPad3d ReplicationPad1d ReplicationPad2d
        ReplicationPad3d ZeroPad1d ZeroPad2d ZeroPad3d""",
    "parameter_container": "ParameterDict ParameterList",
    "pool": """
        AdaptiveMaxPool1d AdaptiveMaxPool2d AdaptiveMaxPool3d MaxPool1d MaxPool2d MaxPool3d
        MaxUnpool1d MaxUnpool2d MaxUnpool3d""",
    "pool_average": """
        AdaptiveAvgPool1d AdaptiveAvgPool2d AdaptiveAvgPool3d AvgPool1d AvgPool2d AvgPool3d
        LPPool1d LPPool2d LPPool3d""",
    "recurrent": "GRU LSTM RNN RNNBase",
    "recurrent_cell": "GRUCell LSTMCell RNNCell RNNCellBase",
    "resize": """
        ChannelShuffle PixelShuffle PixelUnshuffle Upsample UpsamplingBilinear2d
        UpsamplingNearest2d""",
    "sync_batch_norm": "SyncBatchNorm",
    "transformer": "Transformer TransformerDecoder TransformerEncoder",
    "transformer_layers": "TransformerDecoderLayer TransformerEncoderLayer",
}
_HOMES = {name: home for home, names in _NAMES.items() for name in names.split()}


if not TYPE_CHECKING:  # type checkers see the imports above
    __all__ = sorted(_HOMES)

    def __getattr__(name: str) -> Any:
        if name not in _HOMES and name not in _NAMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module

        home = import_module(f"{__name__}.{_HOMES.get(name, name)}")
        found = home if name in _NAMES else getattr(home, name)
        globals()[name] = found
        return found


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
