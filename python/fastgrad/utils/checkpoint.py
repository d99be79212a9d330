"""Memory for time: parts of a graph whose saved tensors are computed again in backward."""

from __future__ import annotations

from itertools import pairwise

from fastgrad import _core
from fastgrad.autograd.graph import Node, recomputed
from fastgrad.random import get_rng_state, set_rng_state

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from fastgrad.tensor import Tensor

__all__ = ["checkpoint", "checkpoint_sequential"]


class Checkpoint:
    """A call whose nodes forget what they save, and the means to run it again."""

    def __init__(
        self,
        function: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        preserve_rng_state: bool,
    ) -> None:
        self.function, self.args, self.kwargs = function, args, kwargs
        self.rng_state = get_rng_state() if preserve_rng_state else None
        casting = _core.get_autocast()
        # Parameters are cast anew, because what was cast before is not recorded here.
        self.autocast = None if casting is None else casting.without_weights()
        self.nodes = 0
        self.places: dict[int, int] = {}  # the numbers of the nodes, by order of their recording
        self.saved: dict[int, tuple[Any, ...]] = {}  # by place, while it is needed

    def run(self) -> Any:
        """The call for the first time."""
        return self._watched(self._forget)

    def saved_of(self, node: Node) -> tuple[Any, ...]:
        """What a node saved, computed again with all the others when it is gone."""
        place = self.places[node.number]
        if place not in self.saved:
            self._recompute()
        return self.saved.pop(place)

    def _forget(self, node: Node, result: Tensor) -> None:
        self.places[node.number] = self.nodes
        self.nodes += 1
        recomputed[node] = self
        node.saved = None

    def _recompute(self) -> None:
        made: list[Node] = []
        before = _core.set_grad_enabled(True)
        now = None if self.rng_state is None else get_rng_state()
        try:
            if self.rng_state is not None:
                set_rng_state(self.rng_state)
            self._watched(lambda node, result: made.append(node))
        finally:
            _core.set_grad_enabled(before)
            if now is not None:
                set_rng_state(now)
        if len(made) != self.nodes:
            raise RuntimeError(
                f"checkpoint: the function recorded {self.nodes} operations in forward and "
                f"{len(made)} when it was run again; it must do the same each time"
            )
        self.saved = {i: node.saved for i, node in enumerate(made) if node.saved is not None}

    def _watched(self, watcher: Callable[[Node, Tensor], Any]) -> Any:
        before, autocast = _core.watch_nodes(watcher), _core.set_autocast(self.autocast)
        try:
            return self.function(*self.args, **self.kwargs)
        finally:
            _core.watch_nodes(before)
            _core.set_autocast(autocast)


def checkpoint(
    function: Callable[..., Any],
    *args: Any,
    use_reentrant: bool | None = None,
    preserve_rng_state: bool = True,
    **kwargs: Any,
) -> Any:
    """``function(*args, **kwargs)``, whose intermediate results are not kept for backward.

    Backward runs the function once more to have them: less memory, more time.

    Args:
        function: must do the same each time it is called.
        use_reentrant: PyTorch's two ways of doing it differ in what they support; the one here
            supports what either does, so that the choice changes nothing.
        preserve_rng_state: draw the same random numbers (dropout) when run again.

    Raises:
        RuntimeError: in backward, when the function records other operations the second time.

    Follows ``torch.utils.checkpoint.checkpoint``.

    >>> import fastgrad as torch
    >>> from fastgrad.utils.checkpoint import checkpoint
    >>> x = torch.ones(2, requires_grad=True)
    >>> checkpoint(lambda x: x.exp().sin(), x, use_reentrant=False).sum().backward()
    >>> x.grad
    tensor([-2.4783, -2.4783])
    """
    if not _core.is_grad_enabled():
        return function(*args, **kwargs)
    return Checkpoint(function, args, kwargs, preserve_rng_state).run()


def checkpoint_sequential(
    functions: Sequence[Callable[[Any], Any]],
    segments: int,
    input: Tensor,
    use_reentrant: bool | None = None,
    preserve_rng_state: bool = True,
) -> Any:
    """The functions one after the other, in `segments` parts; all but the last are checkpointed.

    Follows ``torch.utils.checkpoint.checkpoint_sequential``.

    >>> import fastgrad as torch
    >>> from fastgrad.utils.checkpoint import checkpoint_sequential
    >>> x = torch.ones(2, requires_grad=True)
    >>> steps = [torch.exp, torch.sin, torch.neg]
    >>> checkpoint_sequential(steps, 2, x, use_reentrant=False).sum().backward()
    >>> x.grad
    tensor([2.4783, 2.4783])
    """
    steps = list(functions)
    if not 1 <= segments <= len(steps):
        raise ValueError(f"segments must lie in [1, {len(steps)}], got {segments}")
    size = len(steps) // segments
    cuts = [i * size for i in range(segments)] + [len(steps)]
    parts = [steps[begin:end] for begin, end in pairwise(cuts)]
    for part in parts[:-1]:
        input = checkpoint(_chain(part), input, preserve_rng_state=preserve_rng_state)
    return _chain(parts[-1])(input)


def _chain(functions: Sequence[Callable[[Any], Any]]) -> Callable[[Any], Any]:
    def run(x: Any) -> Any:
        for function in functions:
            x = function(x)
        return x

    return run
