"""What the layers of a network make, hold, cost and take: `summary` and `profile`."""

from __future__ import annotations

from math import prod
from time import perf_counter

from fastgrad import Tensor, no_grad

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any, Self

    from fastgrad.nn import Module

__all__ = ["Profile", "Summary", "flops", "profile", "summary"]


def flops(module: Module, input: Any, output: Any) -> int:
    """How many floating-point operations a call of a layer needs; a multiply-add is two.

    Linear layers and convolutions are counted, with one more for each element where there is a
    bias; other layers, which cost little beside them, count 0.

    >>> import fastgrad
    >>> from fastgrad.measure import flops
    >>> flops(fastgrad.nn.Linear(3, 2), fastgrad.ones(5, 3), fastgrad.ones(5, 2))
    70
    """
    weight: Any = getattr(module, "weight", None)
    counted = hasattr(module, "in_features") or hasattr(module, "kernel_size")
    if not (counted and all(isinstance(x, Tensor) for x in (weight, input, output))):
        return 0
    # Each element of the output (of a transposed convolution: the input) meets one filter.
    elements = input.numel() if getattr(module, "transposed", False) else output.numel()
    bias = output.numel() if getattr(module, "bias", None) is not None else 0
    return int(2 * elements * prod(weight.shape[1:]) + bias)


class _Row:
    """What is known of one module."""

    def __init__(self, name: str, module: Module) -> None:
        self.name = name
        self.module = module
        self.kind = type(module).__name__
        self.depth = name.count(".") + 1 if name else 0
        self.calls = 0
        self.flops = 0
        self.seconds = 0.0
        self.output: list[tuple[int, ...]] = []
        own = [p for p in module._parameters.values() if p is not None]
        self.parameters = sum(p.numel() for p in own)

    @property
    def is_leaf(self) -> bool:
        return not self.module._modules


class _Watch:
    """Watches the calls of a network's modules while it is open."""

    def __init__(self, model: Module) -> None:
        found = model.named_modules()
        self.rows = {id(part): _Row(name, part) for name, part in found}
        self.handles: list[Any] = []
        self.starts: list[float] = []

    def __enter__(self) -> Self:
        for row in self.rows.values():
            self.handles.append(row.module.register_forward_pre_hook(self._before, prepend=True))
            self.handles.append(row.module.register_forward_hook(self._after, always_call=True))
        return self

    def __exit__(self, *error: object) -> None:
        for handle in self.handles:
            handle.remove()
        self.handles.clear()
        self.starts.clear()

    def _before(self, module: Module, args: Any) -> None:
        self.starts.append(perf_counter())

    def _after(self, module: Module, args: tuple[Any, ...], output: Any) -> None:
        row, start = self.rows[id(module)], self.starts.pop()
        if output is None:  # it failed
            return
        row.seconds += perf_counter() - start
        row.calls += 1
        row.output = [tuple(x.shape) for x in _tensors(output)]
        if row.is_leaf:
            row.flops += flops(module, args[0] if args else None, output)


def _tensors(value: Any) -> Iterator[Tensor]:
    """The tensors in a result, which may be a tuple, list or dict."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, tuple | list | dict):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _tensors(part)


class Summary:
    """The layers of a network: `rows`, the totals, and the table that it prints.

    Each row has `name`, `kind`, `output` (shapes), `parameters` (its own) and `flops`.
    """

    def __init__(self, model: Module, rows: list[_Row]) -> None:
        self.rows = rows
        members = list(model.parameters())
        self.total_parameters = sum(p.numel() for p in members)
        self.trainable_parameters = sum(p.numel() for p in members if p.requires_grad)
        self.total_bytes = sum(p.numel() * p.element_size() for p in members)
        self.total_flops = sum(row.flops for row in rows)

    def __repr__(self) -> str:
        lines: list[tuple[str, ...]] = [("layer", "output shape", "parameters", "FLOPs")]
        for row in self.rows:
            label = "  " * row.depth + (f"{row.name.rpartition('.')[2]}: " if row.name else "")
            shapes = " ".join(str(list(shape)) for shape in row.output)
            counts = (f"{n:,}" if n else "-" for n in (row.parameters, row.flops))
            lines.append((label + row.kind, shapes if row.calls else "not called", *counts))
        totals = (
            f"parameters: {self.total_parameters:,} ({self.trainable_parameters:,} trainable),"
            f" {self.total_bytes / 2**20:.2f} MiB",
            f"FLOPs: {self.total_flops:,} (a multiply-add is two)",
        )
        return "\n".join([*_table(lines, 2), *totals])


def summary(model: Module, *inputs: Any, **kwargs: Any) -> Summary:
    """Call a network once, and list its layers: output shapes, parameters and FLOPs.

    The network is called in evaluation mode without gradients, and its modes are as before
    afterwards.

    Args:
        model: the network.
        inputs: what it is called on; tuples of ints stand for zeros of that shape.
        kwargs: keyword arguments of the call.

    >>> import fastgrad
    >>> net = fastgrad.nn.Sequential(fastgrad.nn.Linear(4, 3), fastgrad.nn.ReLU())
    >>> fastgrad.summary(net, (2, 4))
    layer        output shape  parameters  FLOPs
    Sequential   [2, 3]                 -      -
      0: Linear  [2, 3]                15     54
      1: ReLU    [2, 3]                 -      -
    parameters: 15 (15 trainable), 0.00 MiB
    FLOPs: 54 (a multiply-add is two)
    """
    watch = _Watch(model)
    with _evaluating(model), watch:
        model(*map(_input, inputs), **kwargs)
    return Summary(model, list(watch.rows.values()))


def _input(value: Any) -> Any:
    from fastgrad import zeros

    is_shape = isinstance(value, tuple) and all(isinstance(size, int) for size in value)
    return zeros(value) if is_shape else value


class _evaluating:
    """No gradients, and a network in evaluation mode."""

    def __init__(self, model: Module) -> None:
        self.modes = [(part, part.training) for part in model.modules()]
        self.no_grad = no_grad()

    def __enter__(self) -> None:
        self.no_grad.__enter__()
        for part, _ in self.modes:
            part.training = False

    def __exit__(self, *error: Any) -> None:
        for part, mode in self.modes:
            part.training = mode
        self.no_grad.__exit__(*error)


class Profile:
    """Where the time of a network's calls goes: watches them while it is open.

    Each of `rows` has `name`, `kind`, `calls`, `seconds` (with the modules inside) and `flops`.
    """

    def __init__(self, model: Module) -> None:
        self._watch = _Watch(model)

    @property
    def rows(self) -> list[_Row]:
        """What was measured of each module, the outer before the inner."""
        return list(self._watch.rows.values())

    def __enter__(self) -> Self:
        self._watch.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._watch.__exit__(*error)

    def __repr__(self) -> str:
        rows = self.rows
        whole = rows[0].seconds or sum(row.seconds for row in rows if row.is_leaf)
        lines: list[tuple[str, ...]] = [("layer", "calls", "ms", "share", "GFLOP/s")]
        for row in rows:
            label = "  " * row.depth + (f"{row.name.rpartition('.')[2]}: " if row.name else "")
            share = f"{100 * row.seconds / whole:.1f} %" if whole else "-"
            speed = f"{row.flops / row.seconds / 1e9:.2f}" if row.flops and row.seconds else "-"
            milliseconds = f"{1e3 * row.seconds:.3f}"
            lines.append((label + row.kind, str(row.calls), milliseconds, share, speed))
        return "\n".join(_table(lines, 1))


def profile(model: Module, *inputs: Any, repeat: int = 10, **kwargs: Any) -> Profile:
    """The time of each module of a network, and its GFLOP/s.

    With inputs the network is called on them, once unmeasured and then `repeat` times. Without,
    the result is a context manager that measures the calls within its block. Either way the
    network runs in the mode that it is in, and gradients are recorded where they are on.

    Args:
        model: the network.
        inputs: what it is called on; tuples of ints stand for zeros of that shape.
        repeat: how often.
        kwargs: keyword arguments of the call.

    >>> import fastgrad
    >>> net = fastgrad.nn.Sequential(fastgrad.nn.Linear(4, 3), fastgrad.nn.ReLU())
    >>> with fastgrad.profile(net) as times:
    ...     _ = net(fastgrad.ones(2, 4))
    >>> [(row.name, row.calls) for row in times.rows]
    [('', 1), ('0', 1), ('1', 1)]
    """
    measured = Profile(model)
    if inputs or kwargs:
        values = [_input(value) for value in inputs]
        model(*values, **kwargs)
        with measured:
            for _ in range(repeat):
                model(*values, **kwargs)
    return measured


def _table(rows: list[tuple[str, ...]], left: int) -> list[str]:
    """Aligned lines; the first `left` columns start at the left, the others end at the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    align: list[Callable[..., str]] = [str.ljust] * left + [str.rjust] * len(widths)
    return [
        "  ".join(put(cell, n) for put, cell, n in zip(align, row, widths, strict=False)).rstrip()
        for row in rows
    ]
