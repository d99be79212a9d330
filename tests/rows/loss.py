"""Rows of losses."""

from dataclasses import replace

import numpy as np

import arguments as make
import references as ref
from rows.op import Op, far_from
from strategies import POSITIVE, PROBABILITY, REAL, Domain, Sample

REDUCTIONS = ("mean", "sum", "none")
SUMS = ("batchmean", "sum", "none")
SIGN = Domain(integers=(0, 1))


def signs(m, shape):
    """Targets of 1 and -1."""
    operand = m.operand(shape, differentiable=False)
    values = np.where(operand.values > 0, 1, -1).astype(operand.values.dtype)
    return replace(operand, values=values)


def elementwise(first, second, learned=True, reduction=REDUCTIONS, **options):
    """Inputs, targets of the same shape (signs unless they are learned), and options."""

    def made(m):
        shape = tuple(n or 1 for n in m.shape())
        drawn = {key: m.choose(values) for key, values in options.items()}
        target = m.operand(shape, second) if learned else signs(m, shape)
        sample = (m.operand(shape, first), target)
        return Sample(sample, {"reduction": m.choose(reduction)} | drawn)

    return made


def weighted_classes(m):
    sample = make.classes(m)
    logits = sample.args[0].values
    weight = m.operand((logits.shape[0 if logits.ndim == 1 else 1],), POSITIVE)
    return Sample(sample.args, sample.options | {"weight": weight})


def variances(m):
    shape = tuple(n or 1 for n in m.shape(1))
    sizes = m.choose((shape, shape[:-1], (*shape[:-1], 1)))
    options = {"full": m.flag(), "reduction": m.choose(REDUCTIONS)}
    return Sample((m.operand(shape), m.operand(shape), m.operand(sizes, POSITIVE)), options)


def ranked(m):
    shape = m.shape()
    options = {"margin": m.choose((0, 0.5)), "reduction": m.choose(REDUCTIONS)}
    return Sample((m.operand(shape), m.operand(shape), signs(m, shape)), options)


def alike(m):
    rows, lead = m.choose((2, 3, 5)), m.flag()
    shape = (min(m.size() or 1, 99), rows) if lead else (rows,)
    options = {"margin": m.choose((0, 0.25)), "reduction": m.choose(REDUCTIONS)}
    return Sample((m.operand(shape), m.operand(shape), signs(m, shape[:-1])), options)


def triplets(*names):
    def made(m):
        shape = (min(m.size() or 1, 99), m.choose((2, 3)))
        options = {"margin": m.choose((1.0, 0.5)), "swap": m.flag()}
        options |= {"reduction": m.choose(REDUCTIONS)} | {n: m.choose((2.0, 1)) for n in names}
        return Sample(tuple(m.operand(shape) for _ in range(3)), options)

    return made


def scored(m):
    classes = m.choose((3, 2, 7))
    shape = m.choose(((min(m.size() or 1, 99), classes), (classes,)))
    options = {"p": m.choose((1, 2)), "margin": m.choose((1.0, 0.5))}
    if m.flag():
        options["weight"] = m.operand((classes,), POSITIVE, differentiable=False)
    target = m.indices(shape[:-1], classes)
    return Sample((m.operand(shape), target), options | {"reduction": m.choose(REDUCTIONS)})


def listed(m):
    """Scores, and rows of labels that a -1 may end."""
    shape = m.choose(((min(m.size() or 1, 50), 4), (3,)))
    target = m.operand(shape, Domain(integers=(-1, shape[-1] - 1)), "int64")
    return Sample((m.operand(shape), target), {"reduction": m.choose(REDUCTIONS)})


def tagged(m):
    shape = (min(m.size() or 1, 99), m.choose((3, 4)))
    options = {"reduction": m.choose(REDUCTIONS)}
    if m.flag():
        options["weight"] = m.operand(shape[1:], POSITIVE, differentiable=False)
    return Sample((m.operand(shape), m.operand(shape, PROBABILITY)), options)


def huber(x, t, reduction="mean", delta=1.0):
    d = np.abs(x - t)
    return ref.reduced(np.where(d < delta, 0.5 * d * d, delta * (d - 0.5 * delta)), reduction)


def kl_div(x, t, reduction="mean", log_target=False):
    loss = np.exp(t) * (t - x) if log_target else t * (np.log(t) - x)
    if reduction == "batchmean":
        return loss.sum() / (loss.shape[0] if loss.ndim else 1)
    return ref.reduced(loss, reduction)


def poisson_nll_loss(x, t, log_input=True, full=False, reduction="mean", eps=1e-8):
    loss = np.exp(x) - t * x if log_input else x - t * np.log(x + eps)
    stirling = np.where(t > 1, t * np.log(t) - t + 0.5 * np.log(2 * np.pi * t), 0)
    return ref.reduced(loss + stirling * full, reduction)


def gaussian_nll_loss(x, t, var, full=False, reduction="mean", eps=1e-6):
    var = var[..., None] if var.shape == x.shape[:-1] else var
    loss = 0.5 * (np.log(np.maximum(var, eps)) + (x - t) ** 2 / np.maximum(var, eps))
    return ref.reduced(loss + full * 0.5 * np.log(2 * np.pi), reduction)


def hinge_embedding_loss(x, t, margin=1.0, reduction="mean"):
    return ref.reduced(np.where(t == 1, x, np.maximum(0, margin - x)), reduction)


def margin_ranking_loss(a, b, t, margin=0, reduction="mean"):
    return ref.reduced(np.maximum(0, -t * (a - b) + margin), reduction)


def cosines(a, b):
    return (a * b).sum(-1) / np.sqrt((a * a).sum(-1) * (b * b).sum(-1) + 1e-24)


def cosine_embedding_loss(a, b, t, margin=0, reduction="mean"):
    cos = cosines(a, b)
    return ref.reduced(np.where(t == 1, 1 - cos, np.maximum(0, cos - margin)), reduction)


def _gaps(a, near, far, p=2.0, swap=False, margin=1.0):
    distance = lambda x, y: np.linalg.norm(x - y + 1e-6, p, -1)  # noqa: E731
    negative = distance(a, far)
    if swap:
        negative = np.minimum(negative, distance(near, far))
    return margin + distance(a, near) - negative


def triplet_margin_loss(a, near, far, reduction="mean", **options):
    return ref.reduced(np.maximum(0, _gaps(a, near, far, **options)), reduction)


def apart(a, near, far, reduction="mean", **options):
    """No distance is near a kink, and none is near another."""
    pairs = ((a, near), (a, far), (near, far))
    far_enough = all((np.abs(x - y) > 0.02).all() for x, y in pairs)
    distances = [np.linalg.norm(x - y, options.get("p", 2), -1) for x, y in pairs]
    clear = np.abs(distances[1] - distances[2]) > 1e-2
    return far_enough and clear.all() and far_from(_gaps(a, near, far, **options), 0).all()


def multi_margin_loss(x, t, p=1, margin=1.0, weight=None, reduction="mean"):
    at = t[..., None]
    terms = np.maximum(0, margin - np.take_along_axis(x, at, -1) + x) ** p
    terms = terms if weight is None else terms * weight[at]
    others = np.arange(x.shape[-1]) != at
    return ref.reduced((terms * others).sum(-1) / x.shape[-1], reduction)


def multilabel_margin_loss(x, t, reduction="mean"):
    losses = []
    for scores, row in zip(np.atleast_2d(x), np.atleast_2d(t), strict=True):
        labels = list(row[: list(row).index(-1)] if -1 in row else row)
        others = [c for c in range(len(row)) if c not in labels]
        gaps = [max(0, 1 - scores[a] + scores[b]) for a in labels for b in others]
        losses.append(sum(gaps) / len(row))
    return ref.reduced(np.reshape(losses, x.shape[:-1]), reduction)


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
    Op(
        "nn.functional.cross_entropy",
        ref.cross_entropy,
        weighted_classes,
        scale=20,
        torch=False,  # it has no gradient for the weights
        label="cross_entropy of learned weights",
    ),
    Op(
        "nn.functional.smooth_l1_loss",
        lambda x, t, beta=1.0, reduction="mean": (
            huber(x, t, reduction, beta) / beta if beta else ref.l1_loss(x, t, None, reduction)
        ),
        elementwise(REAL, REAL, beta=(1.0, 0.5, 0.0, 2)),
        scale=10,
        smooth=lambda x, t, beta=1.0, **options: far_from(np.abs(x - t), beta),
    ),
    Op(
        "nn.functional.huber_loss",
        huber,
        elementwise(REAL, REAL, delta=(1.0, 0.5, 2)),
        scale=20,
        smooth=lambda x, t, delta=1.0, **options: far_from(np.abs(x - t), delta),
    ),
    Op(
        "nn.functional.kl_div",
        kl_div,
        elementwise(REAL, PROBABILITY, log_target=(False, True), reduction=SUMS),
        scale=20,
    ),
    Op(
        "nn.functional.poisson_nll_loss",
        poisson_nll_loss,
        elementwise(POSITIVE, POSITIVE, log_input=(True, False), full=(False, True)),
        scale=20,
        smooth=lambda x, t, **options: far_from(t, 1.0),
    ),
    Op("nn.functional.gaussian_nll_loss", gaussian_nll_loss, variances, scale=40, halves=False),
    Op(
        "nn.functional.soft_margin_loss",
        lambda x, t, reduction="mean": ref.reduced(np.log1p(np.exp(-t * x)), reduction),
        elementwise(REAL, SIGN, learned=False),
        scale=10,
    ),
    Op(
        "nn.functional.hinge_embedding_loss",
        hinge_embedding_loss,
        elementwise(REAL, SIGN, learned=False, margin=(1.0, 0.5)),
        scale=10,
        smooth=lambda x, t, margin=1.0, **options: far_from(x, margin),
    ),
    Op(
        "nn.functional.margin_ranking_loss",
        margin_ranking_loss,
        ranked,
        scale=10,
        smooth=lambda a, b, t, margin=0, **options: far_from(t * (a - b), margin),
    ),
    Op(
        "nn.functional.cosine_embedding_loss",
        cosine_embedding_loss,
        alike,
        scale=20,
        halves=False,
        smooth=lambda a, b, t, margin=0, **options: far_from(cosines(a, b), margin),
    ),
    Op(
        "nn.functional.triplet_margin_loss",
        triplet_margin_loss,
        triplets("p"),
        scale=40,
        halves=False,
        smooth=apart,
    ),
    Op(
        "nn.functional.triplet_margin_with_distance_loss",
        triplet_margin_loss,
        triplets(),
        scale=40,
        halves=False,
        smooth=apart,
    ),
    Op(
        "nn.functional.multi_margin_loss",
        multi_margin_loss,
        scored,
        scale=20,
        smooth=lambda x, t, p=1, margin=1.0, **options: far_from(
            margin - np.take_along_axis(x, t[..., None], -1) + x, 0
        ),
    ),
    Op(
        "nn.functional.multilabel_margin_loss",
        multilabel_margin_loss,
        listed,
        scale=20,
        smooth=lambda x, t, **options: far_from(np.abs(x[..., None] - x[..., None, :]), 1.0),
    ),
    Op(
        "nn.functional.multilabel_soft_margin_loss",
        lambda x, t, reduction="mean", weight=1.0: ref.reduced(
            -((t * ref.logsigmoid(x) + (1 - t) * ref.logsigmoid(-x)) * weight).mean(-1), reduction
        ),
        tagged,
        scale=20,
    ),
]
