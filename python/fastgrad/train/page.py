"""A training run as one HTML page that needs nothing but a browser: no network, no other file."""

import base64
import math
import time
from collections.abc import Iterable, Iterator, Sequence
from html import escape
from pathlib import Path

import fastgrad as fg
from fastgrad import Tensor
from fastgrad.machine import facts
from fastgrad.train.charts import curve_figures
from fastgrad.train.evaluation import sample_losses
from fastgrad.train.results import Outcome
from fastgrad.utils.tensorboard.summaries import png

STYLES = ("page.css", "charts.css")
WORST = 24
MATRIX_CLASSES = 30  # a table of more rows and columns tells nobody anything
STRONGEST = 0.75  # share of the full colour that still lets a number on it be read


def page(outcome: Outcome) -> str:
    """Return the report of a finished run as HTML.

    It holds the curves, the confusion matrix and the scores of the classes, the samples with the
    largest loss, the model's layers, the settings, and what machine and versions it ran on.

    Args:
        outcome: All that is known of the run.
    """
    settings = outcome.settings
    title = f"{settings.model} on {Path(settings.data).name}"
    sections = (
        ("Curves", _curves(outcome)),
        ("Test by class", _by_class(outcome)),
        ("Where the model is most wrong", _worst(outcome)),
        ("Model", _model(outcome)),
        ("Settings", _table(_settings(outcome))),
        ("Machine and versions", _table(facts())),
    )
    body = "\n".join(
        f"<section>\n<h2>{name}</h2>\n{content}\n</section>"
        for name, content in sections
        if content
    )
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8"/>
<meta name="viewport" content="width=device-width, initial-scale=1"/>
<title>{escape(title)}: training report</title>
<style>
{_style()}</style>
</head>
<body>
<header>
<h1>{escape(title)}</h1>
<p class="soft">Training report, {time.strftime("%Y-%m-%d %H:%M %Z")}</p>
{_figures(outcome)}
</header>
<main>
{body}
</main>
<footer>Made by fastgrad {escape(fg.__version__)}. The numbers are in history.json, too.</footer>
</body>
</html>
"""


def _style() -> str:
    sheets = (Path(__file__).with_name(name) for name in STYLES)
    return "".join(sheet.read_text(encoding="utf-8") for sheet in sheets)


def _figures(outcome: Outcome) -> str:
    """The few numbers that everybody looks for."""
    report, epochs = outcome.report, outcome.history
    figures = []
    if "confusion" in report:
        right = sum(row[index] for index, row in enumerate(report["confusion"]))
        figures.append(
            (f"{report['accuracy']:.4f}", f"test accuracy, {right} of {report['samples']}")
        )
    else:
        figures.append((f"{report['root mean squared error']:.4g}", "root mean squared error"))
        figures.append((f"{report['mean absolute error']:.4g}", "mean absolute error"))
        if report["r2"] is not None:
            figures.append((f"{report['r2']:.4f}", "R squared"))
    seconds = sum(epoch.seconds for epoch in epochs)
    figures += [
        (f"{report['loss']:.4f}", "test loss"),
        (str(len(epochs)), "epoch" if len(epochs) == 1 else "epochs"),
        (
            f"{seconds:.2f} s",
            f"of training, {epochs[-1].samples_per_second:,.0f} samples/s at the end",
        ),
    ]
    cards = (f"<div><b>{value}</b><span>{name}</span></div>" for value, name in figures)
    return '<div class="figures">' + "".join(cards) + "</div>"


# Curves


def _curves(outcome: Outcome) -> str:
    return f'<div class="charts">\n{curve_figures(outcome.history)}</div>'


# Mistakes


def _by_class(outcome: Outcome) -> str:
    parts = [part for part in (_confusion(outcome), _scores(outcome)) if part]
    return f'<div class="pair">\n{"".join(parts)}\n</div>' if parts else ""


def _confusion(outcome: Outcome) -> str:
    matrix, classes = outcome.report.get("confusion"), outcome.report.get("classes", ())
    if matrix is None or len(classes) > MATRIX_CLASSES:
        return ""
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in classes)
    rows = (
        f'<tr><th scope="row">{escape(name)}</th>{"".join(_cells(row, index))}</tr>'
        for index, (name, row) in enumerate(zip(classes, matrix, strict=True))
    )
    return (
        '<div class="wide"><table class="confusion"><caption>Rows: true class; columns: predicted '
        "class. Mistakes are orange, the darker the larger their share of the row.</caption>\n"
        f"<thead><tr><td></td>{head}</tr></thead>\n<tbody>\n"
        + "\n".join(rows)
        + "\n</tbody></table></div>"
    )


def _cells(row: list[int], right: int) -> Iterator[str]:
    for column, count in enumerate(row):
        if not count:
            yield "<td></td>"
            continue
        share = count / sum(row)
        strength = share if column == right else min(1.0, math.sqrt(4 * share))
        kind = "right" if column == right else "wrong"
        yield f'<td class="{kind}" style="--strength: {STRONGEST * strength:.2f}">{count}</td>'


def _scores(outcome: Outcome) -> str:
    report = outcome.report
    if "f1" not in report:
        return ""
    names = ("precision", "recall", "f1")
    rows = [
        (
            name,
            *(f"{report[score][index]:.4f}" for score in names),
            str(sum(report["confusion"][index])),
        )
        for index, name in enumerate(report["classes"])
    ]
    return _grid(("class", "precision", "recall", "F1", "samples"), rows)


def _worst(outcome: Outcome) -> str:
    """The test samples with the largest loss: their pictures, or their places in the data."""
    task, source, evaluation = outcome.task, outcome.source, outcome.evaluation
    losses = sample_losses(task.model, source.test, loss=task.loss, predict=task.predict)
    order = sorted(range(len(losses)), key=lambda index: -losses[index])[:WORST]
    shown = [
        (index, *_said(outcome, evaluation.targets, evaluation.predictions, index), losses[index])
        for index in order
    ]
    note = f'<p class="soft">The {len(order)} test samples with the largest loss.</p>\n'
    if not (source.is_images and source.classes is not None):
        rows = [(str(index), true, got, f"{loss:.4f}") for index, true, got, loss in shown]
        return note + _grid(("test sample", "true", "predicted", "loss"), rows)
    images = source.test.tensors[0]
    tiles = (_tile(images[index], true, got, loss) for index, true, got, loss in shown)
    return f'{note}<div class="samples">\n{"".join(tiles)}</div>'


def _said(outcome: Outcome, targets: Tensor, predictions: Tensor, index: int) -> tuple[str, str]:
    """What a sample is, and what the model says."""
    values = targets[index].item(), predictions[index].item()
    classes = outcome.source.classes
    if classes is None:
        return f"{values[0]:.4g}", f"{values[1]:.4g}"
    return classes[int(values[0])], classes[int(values[1])]


def _tile(image: Tensor, true: str, got: str, loss: float) -> str:
    kind = "miss" if true != got else "hit"
    true, got = escape(true), escape(got)
    return (
        f'<figure><img alt="a {true}" src="{_picture(image)}"/><figcaption><b>true {true}</b><br/>'
        f'<span class="{kind}">predicted {got}</span><br/>loss {loss:.3f}</figcaption></figure>\n'
    )


def _picture(image: Tensor) -> str:
    """A data URI of an image (1, height, width) with values in 0..1, dark on light as ink."""
    ink = ((1 - image[0].clamp(0, 1)) * 255).round().byte()
    content = png([bytes(row) for row in ink.tolist()], ink.shape[1], 1)
    return "data:image/png;base64," + base64.b64encode(content).decode()


# Tables


def _model(outcome: Outcome) -> str:
    sample = outcome.source.test.tensors[0][:1]
    return f"<pre>{escape(str(fg.summary(outcome.task.model, sample)))}</pre>"


def _settings(outcome: Outcome) -> Iterator[tuple[str, str]]:
    source = outcome.source
    for name, value in outcome.settings.to_dict().items():
        if value is not None:
            yield name.replace("_", " "), str(value)
    yield "optimizer", "SGD"
    yield "training samples", f"{len(source.train):,}"
    yield "test samples", f"{len(source.test):,}"
    yield "shape of a sample", " x ".join(map(str, source.sample_shape))
    yield "checksum of the data", source.checksum


def _table(rows: Iterable[tuple[str, str]]) -> str:
    lines = (f'<tr><th scope="row">{escape(a)}</th><td>{escape(b)}</td></tr>' for a, b in rows)
    return '<table class="facts">\n' + "\n".join(lines) + "\n</table>"


def _grid(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    names = "".join(f'<th scope="col">{name}</th>' for name in head)
    lines = (
        f'<tr><th scope="row">{escape(row[0])}</th>'
        + "".join(f"<td>{escape(cell)}</td>" for cell in row[1:])
        + "</tr>"
        for row in rows
    )
    return (
        f'<div class="wide"><table class="scores"><thead><tr>{names}</tr></thead>\n<tbody>\n'
        + "\n".join(lines)
        + "\n</tbody></table></div>"
    )
