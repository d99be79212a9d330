"""Nested tuples, lists and dicts of tensors, taken apart and put together again."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any


class Structure:
    """How values are nested: `build` puts others into the same places."""

    __slots__ = ("build", "text")

    def __init__(self, build: Callable[[Iterable[Any]], Any], text: str) -> None:
        self.build, self.text = build, text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Structure) and self.text == other.text

    __hash__ = None  # type: ignore[assignment]


_LEAF = Structure(next, "*")  # type: ignore[arg-type]


def flatten(tree: Any) -> tuple[list[Any], Structure]:
    """The leaves of a tree from left to right, and how they are nested."""
    leaves: list[Any] = []
    return leaves, _taken_apart(tree, leaves)


def rebuilt(structure: Structure, leaves: Iterable[Any]) -> Any:
    """A tree of this structure with these leaves."""
    return structure.build(iter(leaves))


def tree_map(function: Callable[[Any], Any], tree: Any) -> Any:
    """The tree with the function applied to its leaves."""
    leaves, structure = flatten(tree)
    return rebuilt(structure, map(function, leaves))


def _taken_apart(tree: Any, leaves: list[Any]) -> Structure:
    if isinstance(tree, dict):
        return _dict_taken_apart(tree, leaves)
    if not isinstance(tree, (tuple, list)):
        leaves.append(tree)
        return _LEAF
    parts = [_taken_apart(part, leaves) for part in tree]
    kind: Any = type(tree)
    make = kind._make if hasattr(kind, "_make") else kind  # a named tuple takes its fields apart
    name = "" if kind in (tuple, list) else kind.__name__
    inside = ", ".join(part.text for part in parts)
    text = f"{name}[{inside}]" if isinstance(tree, list) else f"{name}({inside})"
    return Structure(lambda values: make([part.build(values) for part in parts]), text)


def _dict_taken_apart(tree: dict[Any, Any], leaves: list[Any]) -> Structure:
    parts = {key: _taken_apart(value, leaves) for key, value in tree.items()}
    text = ", ".join(f"{key!r}: {part.text}" for key, part in parts.items())
    kind: Any = type(tree)
    return Structure(
        lambda values: kind([(key, part.build(values)) for key, part in parts.items()]),
        f"{{{text}}}",
    )


def spread(prefix: Any, tree: Any) -> list[Any] | None:
    """For each leaf of the tree, what a tree that may be shallower says of it.

    None when the two do not fit. In the prefix, whatever is no tuple, list or dict is a leaf.
    """
    if isinstance(prefix, dict):
        if not isinstance(tree, dict) or prefix.keys() != tree.keys():
            return None
        pairs = [(prefix[key], part) for key, part in tree.items()]
    elif isinstance(prefix, (tuple, list)):
        if not isinstance(tree, (tuple, list)) or len(prefix) != len(tree):
            return None
        pairs = list(zip(prefix, tree, strict=True))
    else:
        return [prefix] * len(flatten(tree)[0])
    found: list[Any] = []
    for inner, part in pairs:
        below = spread(inner, part)
        if below is None:
            return None
        found += below
    return found
