"""The writer of TensorBoard's files."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Any, NoReturn

from fastgrad import Tensor, as_tensor, cat
from fastgrad.utils.tensorboard import summaries
from fastgrad.utils.tensorboard.records import double, message, record, varint

_FILES = count()


class SummaryWriter:
    """Writes what a training run shows to a folder that ``tensorboard --logdir`` opens.

    Args:
        log_dir: the folder; ``runs/DATE_HOST`` and `comment` by default.
        comment: the end of the default folder's name.
        purge_step: steps from here on, of an earlier run in the folder, are not shown.
        max_queue: events that are kept before they are written.
        flush_secs: seconds after which they are written at the latest, when another comes.
        filename_suffix: the end of the file's name.

    Follows ``torch.utils.tensorboard.SummaryWriter``, without ``add_graph``, ``add_embedding``,
    ``add_hparams``, ``add_mesh``, ``add_audio``, ``add_video`` and ``add_pr_curve``.

    >>> import tempfile
    >>> from fastgrad.utils.tensorboard import SummaryWriter
    >>> with SummaryWriter(tempfile.mkdtemp()) as writer:
    ...     for step in range(3):
    ...         writer.add_scalar("loss", 1 / (step + 1), step)
    """

    def __init__(
        self,
        log_dir: str | os.PathLike[str] | None = None,
        comment: str = "",
        purge_step: int | None = None,
        max_queue: int = 10,
        flush_secs: int = 120,
        filename_suffix: str = "",
    ) -> None:
        now = datetime.now().strftime("%b%d_%H-%M-%S")
        self.log_dir = os.fspath(log_dir or f"runs/{now}_{socket.gethostname()}{comment}")
        self._settings = max_queue, flush_secs, filename_suffix
        self._others: dict[str, SummaryWriter] = {}
        self._queue: list[bytes] = []
        Path(self.log_dir).mkdir(parents=True, exist_ok=True)
        name = f"{int(time.time()):010d}.{socket.gethostname()}.{os.getpid()}.{next(_FILES)}"
        self._file = open(  # noqa: SIM115 - closed by `close`
            Path(self.log_dir) / f"events.out.tfevents.{name}{filename_suffix}", "ab"
        )
        self._written = time.monotonic()
        self._add(message(3, "brain.Event:2"), 0, None)
        if purge_step is not None:
            self._add(message(7, varint(1, 1)), purge_step, None)  # the start of a session
        self.flush()

    def add_scalar(
        self,
        tag: str,
        scalar_value: float | Tensor,
        global_step: int | None = None,
        walltime: float | None = None,
    ) -> None:
        """A point of the curve `tag`."""
        self._summary(summaries.scalar(tag, float(scalar_value)), global_step, walltime)

    def add_scalars(
        self,
        main_tag: str,
        tag_scalar_dict: Mapping[str, float | Tensor],
        global_step: int | None = None,
        walltime: float | None = None,
    ) -> None:
        """Points of several curves in one picture; each curve has a folder of its own."""
        for tag, value in tag_scalar_dict.items():
            folder = os.path.join(self.log_dir, f"{main_tag.replace('/', '_')}_{tag}")
            if folder not in self._others:
                queue, seconds, suffix = self._settings
                self._others[folder] = SummaryWriter(
                    folder, max_queue=queue, flush_secs=seconds, filename_suffix=suffix
                )
            self._others[folder].add_scalar(main_tag, value, global_step, walltime)

    def add_text(
        self,
        tag: str,
        text_string: str,
        global_step: int | None = None,
        walltime: float | None = None,
    ) -> None:
        """A text, in Markdown."""
        self._summary(summaries.text(f"{tag}/text_summary", text_string), global_step, walltime)

    def add_histogram(
        self,
        tag: str,
        values: Any,
        global_step: int | None = None,
        bins: int | str = "tensorflow",
        walltime: float | None = None,
    ) -> None:
        """How values are distributed, in `bins` equal parts (64 where it is no number)."""
        parts = bins if isinstance(bins, int) else 64
        self._summary(summaries.histogram(tag, as_tensor(values), parts), global_step, walltime)

    def add_image(
        self,
        tag: str,
        img_tensor: Any,
        global_step: int | None = None,
        walltime: float | None = None,
        dataformats: str = "CHW",
    ) -> None:
        """A picture of floats in [0, 1] or bytes; `dataformats` names its axes."""
        self._summary(summaries.image(tag, img_tensor, dataformats), global_step, walltime)

    def add_images(
        self,
        tag: str,
        img_tensor: Any,
        global_step: int | None = None,
        walltime: float | None = None,
        dataformats: str = "NCHW",
    ) -> None:
        """A batch of pictures, side by side."""
        batch = as_tensor(img_tensor)
        axes = dataformats.replace("N", "")
        images = list(batch.unbind(dataformats.index("N")))
        joined = cat(images, axes.index("W"))
        self._summary(summaries.image(tag, joined, axes), global_step, walltime)

    def add_figure(
        self,
        tag: str,
        figure: Any,
        global_step: int | None = None,
        close: bool = True,
        walltime: float | None = None,
    ) -> None:
        """A figure of Matplotlib, or a list of them; `close` closes them."""
        figures = figure if isinstance(figure, list) else [figure]
        for i, drawn in enumerate(figures):
            name = tag if len(figures) == 1 else f"{tag}/{i}"
            self._summary(summaries.figure(name, drawn), global_step, walltime)
            if close:
                import matplotlib.pyplot as plt

                plt.close(drawn)

    def add_graph(self, model: Any, *args: Any, **kwargs: Any) -> NoReturn:
        """NotImplementedError: there is no graph of a model before it runs."""
        raise NotImplementedError(
            "SummaryWriter.add_graph is not in fastgrad; fastgrad.summary(model, x) prints the "
            "layers, fastgrad.viz draws the graph of a result"
        )

    def get_logdir(self) -> str:
        """The folder."""
        return self.log_dir

    def flush(self) -> None:
        """Write what is kept."""
        self._file.write(b"".join(self._queue))
        self._file.flush()
        self._queue.clear()
        self._written = time.monotonic()
        for other in self._others.values():
            other.flush()

    def close(self) -> None:
        """Write what is kept and close the file."""
        if not self._file.closed:
            self.flush()
            self._file.close()
        for other in self._others.values():
            other.close()

    def __enter__(self) -> SummaryWriter:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    def __del__(self) -> None:
        if hasattr(self, "_file"):
            self.close()

    def _summary(self, values: bytes, step: int | None, walltime: float | None) -> None:
        self._add(message(5, values), step or 0, walltime)
        queue, seconds, _ = self._settings
        if len(self._queue) > queue or time.monotonic() - self._written > seconds:
            self.flush()

    def _add(self, content: bytes, step: int, walltime: float | None) -> None:
        when = time.time() if walltime is None else walltime
        event = double(1, when) + varint(2, int(step)) + content
        self._queue.append(record(event))
