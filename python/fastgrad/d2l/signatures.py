"""Arguments as either line of the book gives them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def either(
    call: str, newer: str, older: str, given: Sequence[Any], named: dict[str, Any]
) -> dict[str, Any]:
    """The arguments of a call by their names, in the newer book's order or in the older one's.

    Args:
        call: what is called, for the error.
        newer, older: the names of the parameters; one that ends in ``?`` may be left out.

    Raises:
        TypeError: the arguments fit neither.
    """
    for parameters in (newer.split(), older.split()):
        names = [name.rstrip("?") for name in parameters]
        placed = dict(zip(names, given, strict=False))
        found = placed | named
        needed = {name for name in parameters if not name.endswith("?")}
        complete = needed <= found.keys() <= set(names)
        if complete and len(found) == len(given) + len(named):
            return found
    orders = " or ".join(f"({', '.join(names.split())})" for names in (newer, older))
    raise TypeError(f"{call} takes {orders}; got {len(given)} by place and {sorted(named)} by name")
