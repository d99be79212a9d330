"""The engine: gradients from the newest node to the oldest."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from fastgrad import _core
from fastgrad.autograd import anomaly, hooks
from fastgrad.autograd.graph import Node, output_vjp, recomputed
from fastgrad.device import place_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection
    from typing import Any

    from fastgrad.autograd.graph import Grads, Saved
    from fastgrad.tensor import Tensor


_at_end: list[Callable[[], None]] = []  # what queue_callback() was given


def queue_callback(callback: Callable[[], None]) -> None:
    """Call `callback` once, when the backward() that runs now has changed the last ``.grad``."""
    _at_end.append(callback)


class _Pending:
    """Gradients on their way, by node or leaf.

    The first gradient that arrives is taken over as it is, a second one makes a sum, and further
    ones are added to that sum in place: it is ours alone.
    """

    def __init__(self, create_graph: bool) -> None:
        self.grads: dict[Node | Tensor, Any] = {}
        self.ours: set[Node | Tensor] = set()  # gradients nobody else can see
        self.create_graph = create_graph

    def add(self, edge: Node | Tensor, grad: Tensor, fresh: bool) -> None:
        before = self.grads.get(edge)
        if before is None:
            self.grads[edge] = grad
            if fresh:
                self.ours.add(edge)
        elif edge in self.ours and not self.create_graph and before.__class__ is grad.__class__:
            _core.add_(before, grad)
        else:
            self.grads[edge] = before + grad
            self.ours.add(edge)

    def add_fitted(self, node: Node, grads: Grads, places: list[int]) -> None:
        """Add those of a node's gradients that do not fit their edge or are not its first."""
        for i in places:
            fresh = _core.is_unshared(grads, i)
            edge = node.edges[i]
            self.add(edge, _fitted(grads[i], edge, node, i), fresh)

    def collect(self, node: Node, grad: Tensor) -> None:
        """The gradient of one of several results of a node, for when its turn comes."""
        (producer,) = node.edges
        at, count = node.saved_values(self.create_graph)
        grads = self.grads.setdefault(producer, [None] * count)
        # A vjp that saved the results may have given this one a second node.
        grads[at] = grad if grads[at] is None else grads[at] + grad

    def see(self, owner: Node | Tensor) -> Tensor:
        """Show what has arrived to the hooks of the tensor, and take what they make of it."""
        grad = self.grads[owner]
        changed = hooks.hooked_gradient(owner, grad)
        if changed is not grad:
            self.grads[owner] = changed
            self.ours.discard(owner)
        return changed


def _fitted(grad: Any, edge: Node | Tensor, node: Node, i: int) -> Tensor:
    """The gradient in its input's shape, dtype and place: undoes broadcasting and promotion."""
    if grad.shape != edge.shape:
        if not _broadcasts(edge.shape, grad.shape):
            raise RuntimeError(
                f"Function {node.name()} returned an invalid gradient at index {i} - got "
                f"{list(grad.shape)} but expected shape compatible with {list(edge.shape)}"
            )
        grad = grad.sum_to_size(edge.shape)
    fitted: Tensor = grad if grad.dtype is edge.dtype else grad.to(edge.dtype)
    place = edge.get_device()
    return fitted if fitted.get_device() == place else fitted.to(place_of(place))


def _broadcasts(shape: Sequence[int], to: Sequence[int]) -> bool:
    extra = len(to) - len(shape)
    return extra >= 0 and all(n in (1, m) for n, m in zip(shape, to[extra:], strict=True))


def _leading_to(nodes: list[Node], targets: set[Node | Tensor]) -> list[Node]:
    """Those of `nodes` (newest first) from which a target can be reached, the targets left out."""
    useful = set(targets)
    for node in reversed(nodes):
        if any(edge in useful for edge in node.edges if edge is not None):
            useful.add(node)
    return [
        node
        for node in nodes
        if node in useful and any(e in useful for e in node.edges if e is not None)
    ]


def run_backward(
    outputs: Sequence[Tensor],
    grads: Sequence[Tensor],
    retain_graph: bool,
    create_graph: bool,
    targets: set[Node | Tensor] | None = None,
    accumulates: bool = False,
) -> _Pending:
    """Compute the gradients of `outputs`, weighted with `grads`.

    Returns what arrived at the leaves; with `targets`, what arrived at these nodes and leaves.
    With `accumulates`, leaves whose hooks wait for their ``.grad`` have it, and are left out.
    """
    pending = _Pending(create_graph)
    for output, grad in zip(outputs, grads, strict=True):
        pending.add(_core.edges(output)[0], grad, False)
    nodes = _core.reachable([edge for edge in pending.grads if edge.__class__ is Node])
    if targets is not None:
        nodes = _leading_to(nodes, targets)
    if not _core.begin_backward(nodes):
        for node in nodes:
            node.check_saved()
    due = _complete_before(nodes, targets) if accumulates and hooks.on_accumulated else None
    before = _core.set_grad_enabled(create_graph)
    try:
        _walk(nodes, pending, retain_graph, targets or (), due)
        if hooks.registered:
            _show_the_rest(pending, set(nodes), targets)
    finally:
        _core.set_grad_enabled(before)
    return pending


def _complete_before(
    nodes: list[Node], targets: Collection[Node | Tensor] | None
) -> dict[Node, list[Tensor]]:
    """The leaves with hooks for their ``.grad``, by the node before which nothing more arrives.

    Their hooks are called there, while backward still has work, and not at its end: what they
    start, such as an exchange with other processes, goes on meanwhile.
    """
    due: dict[Node, list[Tensor]] = {}
    seen = set(nodes[-1].edges) if nodes else set()
    for after, node in zip(nodes[:0:-1], nodes[-2::-1], strict=True):
        for leaf in node.edges:
            if leaf.__class__ is Node or leaf is None or leaf in seen:
                continue
            seen.add(leaf)
            if hooks.on_accumulated.of(leaf) and (targets is None or leaf in targets):
                due.setdefault(after, []).append(leaf)
    return due


def _walk(
    nodes: list[Node],
    pending: _Pending,
    retain_graph: bool,
    targets: Collection[Node | Tensor],
    due: dict[Node, list[Tensor]] | None,
) -> None:
    """Turn the gradient that has arrived at each node into gradients of its inputs."""
    grads, ours, create_graph = pending.grads, pending.ours, pending.create_graph
    is_watched = hooks.registered or anomaly.is_on
    may_be_recomputed = bool(recomputed)
    deliver = _core.deliver
    for node in nodes:
        if due is not None:
            _settle(pending, due.get(node, ()))
        arrived = grads.pop(node, None)
        if arrived is None:
            continue
        if node in targets:
            grads[node] = arrived  # before its hooks, if it has any
        vjp, saved, edges = node.rule
        if vjp is output_vjp:
            pending.collect(node, hooks.hooked_gradient(node, arrived))
            continue
        if saved is None or create_graph:
            saved = node.saved_values(create_graph)
        results = _watched_vjp(node, arrived, saved) if is_watched else vjp(arrived, saved, edges)
        others = deliver(grads, ours, node, results)
        if others is not None:
            pending.add_fitted(node, results, others)
        if not retain_graph:
            node.free_saved()
            if may_be_recomputed:
                recomputed.pop(node, None)


def _watched_vjp(node: Node, arrived: Tensor, saved: Saved) -> Grads:
    """The gradients of a node's inputs, seen by hooks and looked at for NaN."""
    arrived = hooks.hooked_gradient(node, arrived)
    arrived = hooks.hooked_arrival(node, arrived)
    if anomaly.is_on:
        grads = anomaly.checked_vjp(node, arrived, saved)
    else:
        grads = node.vjp(arrived, saved, node.edges)
    return hooks.hooked_results(node, grads, arrived)


def _show_the_rest(
    pending: _Pending, visited: set[Node], targets: set[Node | Tensor] | None
) -> None:
    """Show the hooks of leaves, and of results that are targets only, what has arrived there."""
    for owner in tuple(pending.grads):
        if owner not in visited and (targets is None or owner in targets):
            pending.see(owner)


def _settle(pending: _Pending, leaves: Sequence[Tensor]) -> None:
    """Give leaves the gradients that have arrived, which are all that will."""
    for leaf in leaves:
        if leaf in pending.grads:
            pending.see(leaf)
            _accumulate(pending, leaf, pending.grads.pop(leaf))


def _accumulate(pending: _Pending, leaf: Tensor, grad: Tensor) -> None:
    """Add to ``leaf.grad``, or become it, and tell the hooks that wait for it."""
    if leaf.grad is None:
        if pending.create_graph or leaf in pending.ours:
            leaf.grad = grad
        else:
            leaf.grad = _core.clone(grad)
    elif pending.create_graph:
        leaf.grad = leaf.grad + grad
    else:
        _core.add_(leaf.grad, grad)
    for hook in hooks.on_accumulated.of(leaf) if hooks.on_accumulated else ():
        hook(leaf)


def _as_tuple(value: Tensor | Sequence[Tensor]) -> tuple[Tensor, ...]:
    return (value,) if isinstance(value, _core.TensorBase) else tuple(value)


def _initial_grads(
    outputs: Sequence[Tensor], grads: Tensor | Sequence[Tensor | None] | None
) -> list[Tensor]:
    """The gradient that each output starts with: the given one, or 1 for a scalar."""
    given: Sequence[Tensor | None]
    if grads is None:
        given = [None] * len(outputs)
    else:
        given = list(grads) if isinstance(grads, (tuple, list)) else [grads]  # type: ignore[list-item]
    if len(given) != len(outputs):
        raise RuntimeError(
            f"got {len(outputs)} tensors and {len(given)} gradients; give one for each"
        )
    return [_initial_grad(output, grad) for output, grad in zip(outputs, given, strict=True)]


def _initial_grad(output: Tensor, grad: Tensor | None) -> Tensor:
    if not output.requires_grad:
        raise RuntimeError(
            "element 0 of tensors does not require grad and does not have a grad_fn; set "
            "requires_grad=True on an input, and check that no_grad() or detach() did not cut it "
            "off"
        )
    if grad is None:
        if output.numel() != 1:
            raise RuntimeError(
                "grad can be implicitly created only for scalar outputs, but the shape is "
                f"{list(output.shape)}; reduce it, e.g. with .sum(), or pass gradient="
            )
        return _core.full_at(output.get_device(), output.shape, 1, output.dtype)
    if not isinstance(grad, _core.TensorBase):
        raise TypeError(f"gradients can be either Tensors or None, but got {type(grad).__name__}")
    if grad.shape != output.shape:
        raise RuntimeError(
            f"Mismatch in shape: the gradient has a shape of {list(grad.shape)} and the output has "
            f"a shape of {list(output.shape)}; they must be equal"
        )
    return grad if grad.dtype is output.dtype else grad.to(output.dtype)


def backward(
    tensors: Tensor | Sequence[Tensor],
    grad_tensors: Tensor | Sequence[Tensor | None] | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    inputs: Tensor | Sequence[Tensor] | None = None,
) -> None:
    """Add the gradients of `tensors` to the ``.grad`` of the leaves they depend on.

    Args:
        tensors: the tensors to differentiate; scalars, unless `grad_tensors` is given.
        grad_tensors: for each tensor, the gradient to start from, of the tensor's shape.
        retain_graph: keep what the graph saved, for another backward (default: `create_graph`).
        create_graph: record the backward pass too, for gradients of gradients.
        inputs: accumulate only into these leaves.

    Raises:
        RuntimeError: a tensor does not require grad, is no scalar and has no gradient, a gradient
            has another shape, a saved tensor was changed in place, or the graph was freed.

    Follows ``torch.autograd.backward``.

    >>> import fastgrad as torch
    >>> x = torch.tensor([1.0, 2.0], requires_grad=True)
    >>> torch.autograd.backward((x * x).sum())
    >>> x.grad
    tensor([2., 4.])
    """
    outputs = _as_tuple(tensors)
    if inputs is not None and len(_as_tuple(inputs)) == 0:
        raise RuntimeError("`inputs` argument to backward() cannot be empty.")
    targets = None if inputs is None else _targets(_as_tuple(inputs))
    retain = create_graph if retain_graph is None else retain_graph
    first = _initial_grads(outputs, grad_tensors)
    try:
        pending = run_backward(outputs, first, retain, create_graph, targets, True)
        for leaf, grad in pending.grads.items():
            if not isinstance(leaf, Node) and (targets is None or leaf in targets):
                _accumulate(pending, leaf, grad)
        while _at_end:
            _at_end.pop(0)()
    finally:
        _at_end.clear()


def _targets(inputs: Sequence[Tensor]) -> set[Node | Tensor]:
    for x in inputs:
        if not x.requires_grad:
            raise RuntimeError(
                "One of the differentiated Tensors does not require grad; call requires_grad_() on "
                "it before it is used"
            )
    return {_core.edges(x)[0] for x in inputs}


def grad(
    outputs: Tensor | Sequence[Tensor],
    inputs: Tensor | Sequence[Tensor],
    grad_outputs: Tensor | Sequence[Tensor | None] | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    allow_unused: bool | None = None,
    materialize_grads: bool = False,
) -> tuple[Tensor | None, ...]:
    """The gradients of `outputs` with respect to `inputs`; no ``.grad`` changes.

    Args:
        outputs: the tensors to differentiate; scalars, unless `grad_outputs` is given.
        inputs: with respect to what: leaves or results.
        grad_outputs: for each output, the gradient to start from.
        retain_graph: keep what the graph saved (default: `create_graph`).
        create_graph: record the computation of the gradients too.
        allow_unused: give None, not an error, for an input that the outputs do not depend on.
        materialize_grads: give zeros for such an input.

    Raises:
        RuntimeError: as :func:`backward`, and for an unused input.

    Follows ``torch.autograd.grad``.

    >>> import fastgrad as torch
    >>> x = torch.tensor(3.0, requires_grad=True)
    >>> (first,) = torch.autograd.grad(x**3, x, create_graph=True)
    >>> torch.autograd.grad(first, x)
    (tensor(18.),)
    """
    if materialize_grads and allow_unused is False:
        raise ValueError(
            "Expected allow_unused to be True or not passed when materialize_grads=True"
        )
    sources, wanted = _as_tuple(outputs), _as_tuple(inputs)
    retain = create_graph if retain_graph is None else retain_graph
    targets = _targets(wanted)
    found = run_backward(
        sources, _initial_grads(sources, grad_outputs), retain, create_graph, targets
    ).grads
    results = [found.get(_core.edges(x)[0]) for x in wanted]
    if materialize_grads:
        return tuple(
            _core.full_at(x.get_device(), x.shape, 0, x.dtype) if g is None else g
            for x, g in zip(wanted, results, strict=True)
        )
    if not allow_unused and any(g is None for g in results):
        raise RuntimeError(
            "One of the differentiated Tensors appears to not have been used in the graph. Set "
            "allow_unused=True if this is the desired behavior."
        )
    return tuple(results)
