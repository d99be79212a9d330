"""Running a script or a notebook with fastgrad in PyTorch's place, as Python itself would."""

from __future__ import annotations

import ast
import builtins
import linecache
import os
import sys
import traceback
from collections.abc import Sequence
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any

from fastgrad import Tensor
from fastgrad.hints import annotate, is_plain
from fastgrad.torch_alias.absent import message
from fastgrad.torch_alias.finder import install
from fastgrad.torch_alias.notebook import Cell, NotebookError, read_notebook, warn_of_skipped

_HERE = os.path.dirname(__file__)
_NOT_OF_THE_SCRIPT = (_HERE + os.sep, "<frozen importlib")


def run(path: str, arguments: Sequence[str] = ()) -> int:
    """Run a script or a notebook (``.ipynb``) whose ``torch`` is fastgrad.

    The script is ``__main__``, with its own ``sys.argv``, ``__file__`` and folder in ``sys.path``.
    What it raises is reported as Python reports it; ``SystemExit`` is passed on.

    Args:
        path: the file.
        arguments: what follows it on the command line.

    Returns:
        The exit code: 0, 1 after an exception, 130 after an interrupt.

    Raises:
        NotebookError: the notebook cannot be read.
        OSError: there is no such file.
        RuntimeError: PyTorch was imported before.

    >>> import tempfile
    >>> from pathlib import Path
    >>> from fastgrad.torch_alias import run, uninstall
    >>> script = Path(tempfile.mkdtemp()) / "sum.py"
    >>> _ = script.write_text("import torch; print(torch.ones(3).sum())")
    >>> run(str(script))
    tensor(3.)
    0
    >>> uninstall()
    """
    file = os.path.abspath(path)
    cells = read_notebook(Path(file)) if file.endswith(".ipynb") else None
    source = b"" if cells is not None else Path(file).read_bytes()
    install()
    main = _become_main(file, [path, *arguments])
    try:
        if cells is None:
            exec(compile(source, file, "exec", dont_inherit=True), vars(main))
        else:
            _run_cells(cells, os.path.basename(path), vars(main))
    except SystemExit:
        raise
    except BaseException as error:
        _report(error, in_notebook=cells is not None)
        return 130 if isinstance(error, KeyboardInterrupt) else 1
    return 0


def run_or_complain(path: str, arguments: Sequence[str]) -> int:
    """:func:`run`, for a command: what cannot be read is one line on standard error.

    Returns:
        The exit code: that of the run, 1 for what is no notebook, 2 for what cannot be read.
    """
    try:
        return run(path, arguments)
    except NotebookError as error:
        print(f"fastgrad run: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"fastgrad run: cannot read {path}: {error.strerror}", file=sys.stderr)
        return 2


def _become_main(file: str, argv: list[str]) -> ModuleType:
    main = ModuleType("__main__")
    vars(main).update(
        __file__=file,
        __builtins__=builtins,
        __loader__=SourceFileLoader("__main__", file),
        __spec__=None,
    )
    sys.modules["__main__"] = main
    sys.argv = argv
    if not sys.flags.safe_path:
        sys.path[:1] = [os.path.dirname(os.path.realpath(file))]
    return main


def _run_cells(cells: list[Cell], name: str, namespace: dict[str, Any]) -> None:
    os.environ.setdefault("MPLBACKEND", "Agg")  # a window would stop the run until it is closed
    namespace["display"] = lambda *values: print(*values, sep="\n")
    namespace["get_ipython"] = lambda: None
    for cell in cells:
        warn_of_skipped(cell)
        title = f"{name}, cell {cell.number}"
        lines = [line + "\n" for line in cell.source.split("\n")]
        linecache.cache[title] = (len(cell.source), None, lines, title)
        _run_cell(cell, title, namespace)


def _run_cell(cell: Cell, title: str, namespace: dict[str, Any]) -> None:
    """Run the statements of a cell; a last expression is shown unless a semicolon follows it."""
    statements = ast.parse(cell.source, title).body
    shown: list[ast.stmt] = []
    silent = cell.source.rstrip().endswith(";")
    if statements and isinstance(statements[-1], ast.Expr) and not silent:
        shown = [statements.pop()]
    exec(compile(ast.Module(statements, []), title, "exec", dont_inherit=True), namespace)
    exec(compile(ast.Interactive(shown), title, "single", dont_inherit=True), namespace)


def _report(error: BaseException, in_notebook: bool) -> None:
    """What Python prints of an exception that nothing catches, without the frames of the runner."""
    _prepare(error, set())
    if in_notebook and is_plain(sys.excepthook):
        annotate(error)
        traceback.print_exception(error)  # unlike Python's own hook, it knows the lines of cells
    else:
        sys.excepthook(type(error), error, error.__traceback__)


def _prepare(error: BaseException | None, seen: set[int]) -> None:
    if error is None or id(error) in seen:
        return
    seen.add(id(error))
    error.__traceback__ = _frames_of_the_script(error.__traceback__)
    if isinstance(error, AttributeError) and isinstance(error.obj, Tensor):
        error.add_note(message(f"torch.Tensor.{error.name}"))
    _prepare(error.__cause__, seen)
    _prepare(error.__context__, seen)


def _frames_of_the_script(entry: TracebackType | None) -> TracebackType | None:
    kept = []
    while entry is not None:
        if not entry.tb_frame.f_code.co_filename.startswith(_NOT_OF_THE_SCRIPT):
            kept.append(entry)
        entry = entry.tb_next
    below: TracebackType | None = None
    for entry in reversed(kept):
        below = TracebackType(below, entry.tb_frame, entry.tb_lasti, entry.tb_lineno)
    return below
