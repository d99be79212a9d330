"""Tensors as text and as HTML: `repr`, `format`, notebook previews and the options they share.

Follows torch's printed form byte for byte, so that expected output in course text stays valid.
"""

import math
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from . import Tensor

_PROFILES: dict[str, dict[str, float]] = {
    "default": {"precision": 4, "threshold": 1000, "edgeitems": 3, "linewidth": 80},
    "short": {"precision": 2, "threshold": 1000, "edgeitems": 2, "linewidth": 80},
    "full": {"precision": 4, "threshold": math.inf, "edgeitems": 3, "linewidth": 80},
}
_PREVIEW_EDGE = 3  # rows and columns at either end of an HTML preview


class _Options:
    """What `set_printoptions` sets."""

    def __init__(self) -> None:
        self.precision = 4
        self.threshold: float = 1000
        self.edgeitems = 3
        self.linewidth = 80
        self.sci_mode: bool | None = None


_options = _Options()


def set_printoptions(
    precision: int | None = None,
    threshold: float | None = None,
    edgeitems: int | None = None,
    linewidth: int | None = None,
    profile: str | None = None,
    sci_mode: bool | None = None,
) -> None:
    """Set how tensors are printed. An argument left out keeps its value, except `sci_mode`.

    Args:
        precision: digits after the decimal point (4 at start).
        threshold: number of elements above which only the edges are printed (1000 at start);
            `math.inf` prints everything.
        edgeitems: how many items stand at either end of a summarised dimension (3 at start).
        linewidth: characters after which a line is broken (80 at start).
        profile: "default", "short" or "full", applied before the other arguments.
        sci_mode: True always, False never prints floats in scientific notation; None, which is
            also what leaving it out sets, decides by the range of the values.

    Raises:
        ValueError: the profile is unknown, a count is not a whole number of at least 0, or the
            threshold is no number. Nothing is changed then.

    >>> import fastgrad as torch
    >>> torch.set_printoptions(precision=2)
    >>> torch.tensor([1.12345])
    tensor([1.12])
    >>> torch.set_printoptions(profile="default")

    Follows torch.set_printoptions, which ignores unknown profiles.
    """
    counts = {"precision": precision, "edgeitems": edgeitems, "linewidth": linewidth}
    changes = {} if profile is None else dict(_profile(profile))
    changes |= {name: _whole(name, value) for name, value in counts.items() if value is not None}
    if threshold is not None:
        changes["threshold"] = _number("threshold", threshold)
    vars(_options).update(changes, sci_mode=sci_mode)


def _profile(name: str) -> dict[str, float]:
    if name not in _PROFILES:
        raise ValueError(f"set_printoptions: profile must be one of {[*_PROFILES]}, got {name!r}")
    return _PROFILES[name]


def _whole(name: str, value: float) -> int:
    if not (isinstance(value, (int, float)) and value >= 0 and value % 1 == 0):
        raise ValueError(
            f"set_printoptions: {name} must be a whole number of at least 0, got {value!r}"
        )
    return int(value)


def _number(name: str, value: float) -> float:
    if not isinstance(value, (int, float)) or math.isnan(value):
        raise ValueError(f"set_printoptions: {name} must be a number, got {value!r}")
    return value


def tensor_repr(t: "Tensor") -> str:
    """The text `repr(t)` gives, for a tensor of any shape and dtype.

    Tensors above the threshold are cut to their edges before any element is read.

    >>> import fastgrad as torch
    >>> torch.tensor([[1.0, 2.5], [3.0, 4.0]])
    tensor([[1.0000, 2.5000],
            [3.0000, 4.0000]])
    >>> torch.zeros(2, dtype=torch.float64, requires_grad=True)
    tensor([0., 0.], dtype=torch.float64, requires_grad=True)

    Follows torch.Tensor.__repr__.
    """
    kind = type(t).__name__
    prefix = "tensor(" if kind in ("Tensor", "Parameter") else f"{kind}("
    shown = t.data  # which keeps its shape and memory, whatever other threads do to the tensor
    values = _values(shown, len(prefix)) if shown.numel() else "[]"
    return _with_suffixes(prefix + values, [*_suffixes(shown), *_graph_suffix(t)], len(prefix))


def _suffixes(t: "Tensor") -> list[str]:
    empty = t.numel() == 0
    hides_shape = t.dim() != 1 if empty else _options.edgeitems == 0
    found = [f"size={tuple(t.shape)}"] if hides_shape else []
    if not _is_implied(str(t.dtype), empty):
        found.append(f"dtype={t.dtype}")
    if t.is_cuda:
        found.append(f"device='{t.device}'")
    return found


def _graph_suffix(t: "Tensor") -> list[str]:
    try:
        node = t.grad_fn
    except RuntimeError:  # a view whose base was given other memory: it has no node any more
        return ["grad_fn=<Invalid>"]
    if node is not None:
        return [f"grad_fn=<{node.name()}>"]
    return ["requires_grad=True"] if t.requires_grad else []


def _is_implied(dtype: str, empty: bool) -> bool:
    """Whether the printed values alone, read back, would give this dtype."""
    from . import get_default_dtype

    told_by_values = dtype in ("torch.int64", "torch.bool") and not empty
    return told_by_values or dtype == str(get_default_dtype())


def _with_suffixes(text: str, suffixes: list[str], indent: int) -> str:
    """Append `suffixes` and the closing bracket, each on a new line where the width demands it."""
    used = len(text) - text.rfind("\n") + 1  # torch's count: 2 more than the last line holds
    for suffix in suffixes:
        if used + len(suffix) + 2 > _options.linewidth:
            text += f",\n{' ' * indent}{suffix}"
            used = indent + len(suffix)
        else:
            text += f", {suffix}"
            used += len(suffix) + 2
    return text + ")"


class _Style:
    """How to write the numbers of one tensor, chosen from those that are shown."""

    def __init__(self, values: list[float]) -> None:
        # Zeros, infinities and nans fit any notation, and torch leaves them out of the width too.
        if values and isinstance(values[0], float):
            values = [value for value in values if value and math.isfinite(value)]
            self.write = _float_writer(values)
        else:
            self.write = str
        self.width = max((len(self.write(value)) for value in values), default=1)

    def cell(self, value: float) -> str:
        return self.write(value).rjust(self.width)


def _float_writer(values: list[float]) -> Callable[[float], str]:
    """How to write floats, given those of them that are finite and not zero."""
    if values and _is_scientific(values):
        notation = "e"
    elif all(value.is_integer() for value in values):
        return _write_whole
    else:
        notation = "f"
    spec = f".{_options.precision}{notation}"
    return lambda value: format(value, spec)


def _is_scientific(values: list[float]) -> bool:
    if _options.sci_mode is not None:
        return _options.sci_mode
    smallest, largest = min(map(abs, values)), max(map(abs, values))
    return largest / smallest > 1e3 or largest > 1e8 or smallest < 1e-4


def _write_whole(value: float) -> str:
    return f"{value:.0f}." if math.isfinite(value) else str(value)


def _values(t: "Tensor", indent: int) -> str:
    summarised = t.numel() > _options.threshold
    items = _shown(t, _options.edgeitems if summarised else t.numel())
    style = _Style([*_leaves([items])])
    return _nested(items, t.dim(), indent, style) if t.dim() else style.cell(items)


def _shown(t: "Tensor", edge: int) -> Any:
    """The values of `t` as nested lists, with `...` where a dimension is cut to its edges."""
    if max(t.shape, default=0) <= 2 * edge:
        return t.tolist()
    size = t.shape[0]
    if size <= 2 * edge:
        return [_shown(t[i], edge) for i in range(size)]
    if t.dim() == 1:
        return [*t[:edge].tolist(), ..., *t[size - edge :].tolist()]
    head = [_shown(t[i], edge) for i in range(edge)]
    return [*head, ..., *(_shown(t[i], edge) for i in range(size - edge, size))]


def _leaves(items: list[Any]) -> Iterator[float]:
    for item in items:
        if isinstance(item, list):
            yield from _leaves(item)
        elif item is not ...:
            yield item


def _nested(items: list[Any], dim: int, indent: int, style: _Style) -> str:
    """Bracketed text of nested lists `dim` deep whose first character stands in column `indent`."""
    if dim == 1:
        return _vector(items, indent, style)
    parts = ["..." if item is ... else _nested(item, dim - 1, indent + 1, style) for item in items]
    gap = "," + "\n" * (dim - 1) + " " * (indent + 1)
    return f"[{gap.join(parts)}]"


def _vector(items: list[Any], indent: int, style: _Style) -> str:
    dots = " ..." if len(items) > 1 else "..."
    cells = [dots if item is ... else style.cell(item) for item in items]
    per_line = max(1, (_options.linewidth - indent) // (style.width + 2))
    lines = [", ".join(cells[i : i + per_line]) for i in range(0, len(cells), per_line)]
    gap = ",\n" + " " * (indent + 1)
    return f"[{gap.join(lines)}]"


def _format_number(t: "Tensor", spec: str) -> str:
    """The text `format(t, spec)` gives: as its number for a tensor without dimensions.

    Raises:
        TypeError: `spec` is not empty and `t` has dimensions.

    >>> import fastgrad as torch
    >>> f"{torch.tensor(3.14159):.3f}"
    '3.142'

    Follows torch.Tensor.__format__; unlike there, a Parameter without dimensions takes a `spec`.
    """
    if t.dim() == 0 and (spec or type(t).__name__ == "Tensor"):
        return format(t.detach().item(), spec)
    if not spec:
        return str(t)
    raise TypeError(
        f"unsupported format string {spec!r} passed to {type(t).__name__}.__format__: only a "
        f"tensor without dimensions takes one, this has shape {tuple(t.shape)}; format its "
        "elements one by one, or call set_printoptions(precision=...)"
    )


def html_repr(t: "Tensor") -> str:
    """The HTML a notebook shows for `t`: what it is and a table of at most 6 by 6 numbers.

    The table holds the last two dimensions, at index 0 of those before them, cut to the first
    and last three rows and columns.

    >>> import fastgrad as torch
    >>> torch.tensor([[1, 2]])._repr_html_().count("<td")
    2
    """
    from html import escape

    shown = t.data
    facts = [f"{type(t).__name__} shape={tuple(shown.shape)}", f"dtype={shown.dtype}"]
    facts += [f"device={shown.device}", _amount(shown.nbytes), *_graph_suffix(t)]
    if shown.numel() and shown.dim() > 2:
        facts.append(f"showing [{'0, ' * (shown.dim() - 2)}:, :]")
    table = _html_table(shown) if shown.numel() else ""
    return f"<div><code>{escape(', '.join(facts))}</code>{table}</div>"


def _amount(count: float) -> str:
    """A number of bytes, as people write it."""
    if count < 1024:
        return f"{count} bytes"
    units = iter(("KiB", "MiB", "GiB", "TiB"))
    unit = next(units)
    count /= 1024
    while count >= 1024 and unit != "TiB":
        count, unit = count / 1024, next(units)
    return f"{count:.1f} {unit}"


def _html_table(t: "Tensor") -> str:
    matrix = t[(0,) * (t.dim() - 2)] if t.dim() > 2 else t
    rows = _shown(matrix if matrix.dim() == 2 else matrix.reshape(1, -1), _PREVIEW_EDGE)
    style = _Style([*_leaves(rows)])
    return f"<table>{''.join(_html_row(row, style) for row in rows)}</table>"


def _html_row(row: Any, style: _Style) -> str:
    cells = [_html_cell(item, style) for item in ([row] if row is ... else row)]
    return f"<tr>{''.join(cells)}</tr>"


def _html_cell(item: Any, style: _Style) -> str:
    text = "&hellip;" if item is ... else style.write(item)
    return f'<td style="text-align: right">{text}</td>'
