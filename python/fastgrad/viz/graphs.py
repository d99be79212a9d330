"""Pictures of the graph: which operations made a tensor, and of what."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from html import escape
from pathlib import Path
from typing import Any

from fastgrad import Tensor, _core
from fastgrad.autograd.graph import Node, output_vjp
from fastgrad.io.atomic import PathLike, atomic_write
from fastgrad.nn import Module

__all__ = ["Graph", "graph"]

_BY_DOT = {".svg": "svg", ".png": "png", ".pdf": "pdf"}


class Graph:
    """The operations that lead to a tensor; made by :func:`graph`. Prints as text."""

    def __init__(self, root: Node | Tensor, names: dict[int, str], limit: int) -> None:
        self._names = names
        self._root = _source(root)
        every = _in_order(self._root)
        self._left_out = max(len(every) - limit, 0)
        self._shown = every[:limit]
        self._ids = {node: i for i, node in enumerate(self._shown)}

    def __len__(self) -> int:
        return len(self._shown) + self._left_out

    # As text

    def __str__(self) -> str:
        return "\n".join(self._lines())

    __repr__ = __str__

    def _lines(self) -> Iterator[str]:
        """One line for each operation; what an operation uses follows it.

        A line is moved in only where an operation has several inputs.
        """
        uses = self._uses()
        printed: set[Node | Tensor] = set()
        stack: list[tuple[Node | Tensor, int]] = [(self._root, 0)]
        while stack:
            node, depth = stack.pop()
            if node not in self._ids:
                continue
            label = self._label(node) + (f"  #{self._ids[node]}" if uses[node] > 1 else "")
            if node in printed:
                yield f"{'  ' * depth}{label} (see above)"
                continue
            printed.add(node)
            yield f"{'  ' * depth}{label}"
            inputs = _inputs(node)
            below = depth + (len(inputs) > 1)
            stack += [(edge, below) for edge in reversed(inputs)]
        if self._left_out:
            yield self._note()

    def _uses(self) -> dict[Node | Tensor, int]:
        counts = dict.fromkeys(self._shown, 0)
        for node in self._shown:
            for edge in _inputs(node):
                if edge in counts:
                    counts[edge] += 1
        return counts

    def _note(self) -> str:
        return f"... and {self._left_out} more, left out: graph(..., limit={len(self)}) shows all"

    def _label(self, node: Node | Tensor) -> str:
        if isinstance(node, Node):
            return f"{node.name()} {_shape(node)}"
        name = self._names.get(id(node), "leaf")
        return f"{name} {_shape(node)}"

    # As a picture

    @property
    def dot(self) -> str:
        """The graph in the language of Graphviz."""
        return "\n".join(["digraph {", "  node [fontname=monospace, fontsize=10]", *self._dot()])

    def _dot(self) -> Iterator[str]:
        for node, i in self._ids.items():
            is_leaf = not isinstance(node, Node)
            style = "shape=box, style=filled, fillcolor=lightblue" if is_leaf else "shape=box"
            text = self._label(node).replace("\\", "\\\\").replace('"', '\\"')
            yield f'  n{i} [label="{text}", {style}]'
            for edge in _inputs(node):
                if edge in self._ids:
                    yield f"  n{self._ids[edge]} -> n{i}"
        if self._left_out:
            yield f'  note [label="{self._note()}", shape=plaintext]'
        yield "}"

    def _drawn(self, format: str) -> bytes:
        program = shutil.which("dot")
        if program is None:
            raise RuntimeError(
                "drawing a graph needs the program `dot` of Graphviz, which is not installed: get "
                "it with `apt install graphviz`, `brew install graphviz` or `conda install "
                "graphviz`; print(graph) and graph.dot work without it"
            )
        done = subprocess.run(
            [program, f"-T{format}"],
            input=self.dot.encode(),
            capture_output=True,
            timeout=120,
            check=False,
        )
        if done.returncode != 0:
            raise RuntimeError(f"dot failed: {done.stderr.decode(errors='replace').strip()}")
        return done.stdout

    def svg(self) -> str:
        """The picture as SVG.

        Raises:
            RuntimeError: the program `dot` is not installed.
        """
        return self._drawn("svg").decode()

    def _repr_html_(self) -> str:
        if shutil.which("dot") is not None:
            svg = self.svg()
            return svg[svg.index("<svg") :]
        return f"<pre>{escape(str(self))}</pre>"

    def save(self, path: PathLike) -> None:
        """Write the graph to a file: .txt, .dot or .gv, and with `dot` also .svg, .png or .pdf.

        Raises:
            ValueError: the name ends in something else.
            RuntimeError: the program `dot` is needed and not installed.
        """
        ending = Path(os.fspath(path)).suffix.lower()
        if ending in _BY_DOT:
            content = self._drawn(_BY_DOT[ending])
        elif ending in (".dot", ".gv"):
            content = f"{self.dot}\n".encode()
        elif ending == ".txt":
            content = f"{self}\n".encode()
        else:
            raise ValueError(
                f"cannot save a graph as {os.fspath(path)!r}: the name must end in .txt, .dot, "
                f".gv, {', '.join(_BY_DOT)}"
            )
        with atomic_write(path) as file:
            file.write(content)


def graph(
    loss: Tensor,
    params: Module | Mapping[str, Tensor] | Iterable[tuple[str, Tensor]] | None = None,
    limit: int = 500,
) -> Graph:
    """The graph of a tensor, as an object that prints, draws and saves itself.

    Args:
        loss: any result of recorded operations, before backward() or after.
        params: names for the leaves: a module, a dict, or pairs such as ``named_parameters()``.
        limit: how many operations and leaves to show; of a larger graph the part next to `loss`.

    Raises:
        RuntimeError: `loss` does not require grad, so that there is no graph.

    >>> import fastgrad as torch
    >>> w = torch.ones(3, requires_grad=True)
    >>> y = w.exp()
    >>> print(torch.viz.graph((y * y).sum(), {"w": w}))
    SumBackward0 ()
    MulBackward0 (3)
      ExpBackward0 (3)  #2
      w (3)
      ExpBackward0 (3)  #2 (see above)
    """
    if not loss.requires_grad:
        raise RuntimeError(
            "viz.graph: the tensor does not require grad, so that it has no graph; no input "
            "required grad, or no_grad() or detach() cut it off"
        )
    if limit < 1:
        raise ValueError(f"viz.graph: limit must be at least 1, got {limit}")
    pairs: Any = params.named_parameters() if isinstance(params, Module) else params or ()
    if isinstance(pairs, Mapping):
        pairs = pairs.items()
    names = {id(tensor): str(name) for name, tensor in pairs}
    return Graph(_core.edges(loss)[0], names, limit)


def _source(edge: Any) -> Node | Tensor:
    """Where an edge leads to, past the nodes that only mark one of several results."""
    while isinstance(edge, Node) and edge.vjp is output_vjp:
        (edge,) = edge.edges
    found: Node | Tensor = edge
    return found


def _inputs(node: Node | Tensor) -> list[Node | Tensor]:
    if not isinstance(node, Node):
        return []
    return [_source(edge) for edge in node.edges if edge is not None]


def _in_order(root: Node | Tensor) -> list[Node | Tensor]:
    """All nodes and leaves, those nearest to the root first."""
    seen = {root: None}
    for node in (queue := [root]):
        for edge in _inputs(node):
            if edge not in seen:
                seen[edge] = None
                queue.append(edge)
    return queue


def _shape(node: Node | Tensor) -> str:
    return f"({', '.join(map(str, node.shape))})"
