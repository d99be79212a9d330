"""What ``fastgrad train`` does, from the settings to the files."""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import fastgrad as fg
from fastgrad.io.atomic import PathLike, write_text
from fastgrad.optim import SGD
from fastgrad.train import sources
from fastgrad.train.errors import EXTRA_HINT, CheckpointError
from fastgrad.train.evaluation import evaluate_on_ranks
from fastgrad.train.history import History
from fastgrad.train.loop import fit
from fastgrad.train.models import MODELS, Task, linear
from fastgrad.train.output import CHECKPOINT, PAGE, OutputFolder
from fastgrad.train.page import page
from fastgrad.train.ranks import Ranks
from fastgrad.train.report import report_text
from fastgrad.train.results import Outcome, pictures_of, write_results
from fastgrad.train.settings import Settings, make_settings
from fastgrad.train.sources import Source

DEFAULT_FOLDER = Path("runs")


@dataclass(frozen=True, slots=True)
class Result:
    """What a training job gave.

    Attributes:
        settings: The settings it ran with.
        history: The epochs.
        report: The test report; see ``history.json``.
        out: The folder of its files.
        files: Their names.
    """

    settings: Settings
    history: History
    report: dict[str, Any]
    out: Path
    files: tuple[str, ...]


def run(
    *,
    out: PathLike | None = None,
    resume: bool = False,
    report: bool = False,
    verbose: bool = True,
    **given: Any,
) -> Result:
    """Train a model, test it and write the results, as ``fastgrad train`` does.

    In a process group of several ranks all call it, and the first one writes and prints.

    Args:
        out: The folder to write to; ``runs/DATA-MODEL`` by default.
        resume: Go on from the checkpoint in ``out``, with the settings of that run.
        report: Also write ``report.html``, a page with curves, mistakes, settings and versions
            that needs nothing but a browser.
        verbose: Whether to print the settings and the report, and the progress to standard error.
        given: Settings by name, as in :class:`Settings`; the others take their defaults.

    Raises:
        SettingsError: A setting is unknown or out of range.
        DataError: The data cannot be read, or does not fit the model.
        OutputError: The folder cannot be written, or holds an unfinished run or files of others.
        CheckpointError: There is no checkpoint to resume from, or it is damaged or of another run.
        FloatingPointError: The loss is no longer finite.
        TrainingInterrupted: A signal came; the checkpoint holds the state.

    Example:
        >>> import tempfile
        >>> from fastgrad.train import run
        >>> result = run(epochs=2, out=tempfile.mkdtemp(), verbose=False)
        >>> result.report["accuracy"] > 0.8
        True
        >>> result.files[0]
        'model.safetensors'
    """
    ranks = Ranks()
    folder = OutputFolder(Path(out) if out else DEFAULT_FOLDER / make_settings(given).run_name)
    saved = ranks.on_first(lambda: _saved_settings(folder)) if resume else {}
    job = _Job(make_settings(given, saved), folder, ranks, verbose and ranks.is_first)
    ranks.on_first(lambda: folder.prepare(resume=resume))
    return job.run(resume, report)


def _saved_settings(folder: OutputFolder) -> dict[str, Any]:
    """Return the settings of the run whose checkpoint is in the folder."""
    saved = folder.checkpoint()
    names = [field.name for field in fields(Settings)]
    settings = {name: saved.config[name] for name in names if name in saved.config}
    if "model" not in settings or "data" not in settings:
        raise CheckpointError(
            f"{folder / CHECKPOINT} was written by fit: resume it with fit(..., resume=True)"
        )
    return {**settings, "epochs": saved.epochs}


class _Job:
    """One training job."""

    def __init__(
        self, settings: Settings, folder: OutputFolder, ranks: Ranks, verbose: bool
    ) -> None:
        self.settings, self.folder, self.ranks, self.verbose = settings, folder, ranks, verbose

    def say(self, text: str) -> None:
        if self.verbose:
            print(text, flush=True)

    def run(self, resume: bool, report: bool) -> Result:
        source = self.ranks.in_turn(self.load)  # the first may have to download
        task = self.build(source)
        self.introduce(source, task)
        history = self.fit(source, task, resume)
        evaluation = evaluate_on_ranks(self.ranks, task.model, source.test, task.loss, task.predict)
        outcome = Outcome(self.settings, source, task, history, evaluation)
        files = self.ranks.on_first(lambda: self.write(outcome, report))
        self.say(f"\n{report_text(outcome.report)}\n")
        if missing := [name for name in pictures_of(source) if name not in files]:
            self.say(f"Without matplotlib there are no {', '.join(missing)}: {EXTRA_HINT}")
        self.say(f"Written to {self.folder.path}: {', '.join(files)}")
        return Result(self.settings, history, outcome.report, self.folder.path, files)

    def write(self, outcome: Outcome, report: bool) -> tuple[str, ...]:
        files = write_results(self.folder, outcome)
        if not report:
            return files
        write_text(self.folder / PAGE, page(outcome))
        return (*files, PAGE)

    def load(self) -> Source:
        settings = self.settings
        source = sources.load(settings.data, quantities=settings.model == "linear")
        if settings.positive is not None:
            source = source.one_against_the_rest(settings.positive)
        return source.to(settings.device)

    def build(self, source: Source) -> Task:
        """Make the model, with weights that depend on the seed alone."""
        fg.manual_seed(self.settings.seed)
        if source.classes is None:
            task = linear(source.sample_shape, None)
        else:
            task = MODELS[self.settings.model](source.sample_shape, len(source.classes))
        task.model.to(self.settings.device)
        return task

    def introduce(self, source: Source, task: Task) -> None:
        settings = self.settings
        weights = sum(parameter.numel() for parameter in task.model.parameters())
        kind = "a quantity" if source.classes is None else f"{len(source.classes)} classes"
        size = " x ".join(map(str, source.sample_shape[-2:]))
        self.say(
            f"{settings.model} with {weights:,} weights on {settings.data}: {kind}, "
            f"{len(source.train):,} training and {len(source.test):,} test samples of {size}\n"
            f"SGD, lr {settings.lr:g}, momentum {settings.momentum:g}, batch size "
            f"{settings.batch_size}, {settings.epochs} epochs, seed {settings.seed}"
        )

    def fit(self, source: Source, task: Task, resume: bool) -> History:
        settings = self.settings
        return fit(
            task.model,
            source.train,
            epochs=settings.epochs,
            batch_size=settings.batch_size,
            loss=task.loss,
            optimizer=SGD(task.model.parameters(), lr=settings.lr, momentum=settings.momentum),
            predict=task.predict,
            val_data=source.test,
            seed=settings.seed,
            progress=self.verbose,
            checkpoint=self.folder / CHECKPOINT,
            resume=resume,
            config={
                "model": settings.model,
                "data": settings.data,
                "data checksum": source.checksum,
                "positive": settings.positive,
                "seed": settings.seed,
            },
        )
