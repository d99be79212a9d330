"""Rows of losses."""

import arguments as make
import references as ref
from rows.op import Op, far_from
from strategies import PROBABILITY, REAL

ROWS = [
    Op("nn.functional.cross_entropy", ref.cross_entropy, make.classes, scale=10),
    Op(
        "nn.functional.cross_entropy",
        ref.cross_entropy,
        make.smoothed_classes,
        scale=10,
        label="cross_entropy smoothed",
    ),
    Op(
        "nn.functional.cross_entropy",
        ref.cross_entropy,
        make.class_probabilities,
        scale=10,
        label="cross_entropy of probabilities",
    ),
    Op("nn.functional.nll_loss", ref.nll_loss, make.classes, scale=10),
    Op(
        "nn.functional.binary_cross_entropy",
        ref.binary_cross_entropy,
        make.compared(PROBABILITY, PROBABILITY),
        scale=20,
    ),
    Op(
        "nn.functional.binary_cross_entropy_with_logits",
        ref.binary_cross_entropy_with_logits,
        make.compared(REAL, PROBABILITY, "pos_weight"),
        scale=20,
    ),
    Op("nn.functional.mse_loss", ref.mse_loss, make.compared(broadcast=False), scale=10),
    Op(
        "nn.functional.l1_loss",
        ref.l1_loss,
        make.compared(broadcast=False),
        scale=10,
        smooth=lambda x, target, **options: far_from(x, target),
    ),
]
