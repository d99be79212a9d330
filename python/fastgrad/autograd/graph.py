"""The graph: one node for each recorded operation.

An operation computes its result in C++. When the result says that it requires grad, the operation
calls :func:`record`, which hangs a :class:`Node` on the result. A node knows the function that
turns the gradient of the result into gradients of the inputs (the *vjp*: vector-Jacobian product),
what that function needs (*saved*), and where each gradient goes (*edges*).

A vjp is a plain module-level function ``vjp(grad, saved, needs)``. ``needs[i]`` is None where the
gradient of input ``i`` is not wanted, else the node or leaf that it goes to, which has the input's
shape and dtype; the vjp returns one tensor (or None) for each input. It need not undo broadcasting
or dtype promotion: the engine sums and converts to the input's shape and dtype. It is written with
differentiable functions, so that gradients have gradients.
"""

from __future__ import annotations

from functools import cache
from re import sub
from weakref import WeakKeyDictionary

from fastgrad import _core

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any, TypeAlias

    from fastgrad.autograd.hooks import Hook, RemovableHandle
    from fastgrad.tensor import Tensor
    from fastgrad.utils.checkpoint import Checkpoint

    Saved: TypeAlias = tuple[Any, ...]
    Needs: TypeAlias = tuple[Any, ...]
    Grads: TypeAlias = tuple[Tensor | None, ...]
    Vjp: TypeAlias = Callable[[Tensor, Saved, Needs], Grads]


# Operations that PyTorch makes of others, and under whose names it prints them.
_ELSEWHERE = {
    "square": "pow",
    "reshape": "view",
    "cross_entropy": "nll_loss",
    "layer_norm": "native_layer_norm",
    "batch_norm": "native_batch_norm",
    "group_norm": "native_group_norm",
    "vector_norm": "linalg_vector_norm",
    "pinv": "linalg_pinv",
    "narrow": "slice",
    "constant_pad": "constant_pad_nd",
    "fold": "col2im",
    "unfold": "im2col",
    "logsigmoid": "log_sigmoid",
    "max_of_all": "max",
    "min_of_all": "min",
    **{
        name: f"special_{name}"
        for name in ["erfcx", "ndtri", "log_ndtr", "i0e", "i1", "i1e", "zeta", "xlog1py", "entr"]
    },
}
# Those of several forms that PyTorch numbers: 1 where it is none of the first.
_SECOND_FORMS = ("remainder", "fmod", "max_of_all", "min_of_all")
_PRODUCTS = ("dot", "mv", "mm")  # by the dimensions of the result


def _printed_name(node: Node) -> str:
    """PyTorch's name of an operation, which may depend on the shapes it was used with."""
    name = node.vjp.__name__.removesuffix("_vjp").strip("_")
    dims = len(node.shape)
    if name == "matmul":
        name = _PRODUCTS[dims] if dims < 3 else "unsafe_view"
    elif name == "linear":
        has_bias = len(node.edges) == 3 and node.edges[2] is not None
        name = (
            ("addmm" if dims == 2 else "view") if has_bias else "mm" if dims == 2 else "unsafe_view"
        )
    words = "".join(word.capitalize() for word in _ELSEWHERE.get(name, name).split("_"))
    words = sub(r"\d[a-z]", lambda found: found.group().upper(), words)
    is_second = name in _SECOND_FORMS or (name in ("sum", "mean", "prod") and dims > 0)
    return f"{words}Backward{int(is_second)}"


# Nodes inside a checkpoint: what they saved was dropped, and is computed again when it is needed.
recomputed: WeakKeyDictionary[Node, Checkpoint] = WeakKeyDictionary()


class Node(_core.NodeBase):
    """A recorded operation: what ``Tensor.grad_fn`` shows."""

    __slots__ = ()

    def name(self) -> str:
        """The operation's name as PyTorch prints it, e.g. ``MulBackward0``."""
        if self.vjp is output_vjp:
            return str(self.edges[0].name())
        if self.vjp.__name__ == "copy_slices_vjp":
            return "CopySlices"
        if self.vjp.__name__.endswith("Backward"):  # of a Function of the user's
            return self.vjp.__name__
        return _printed_name(self)

    def __repr__(self) -> str:
        return f"<{self.name()} object at {id(self):#x}>"

    @property
    def next_functions(self) -> tuple[tuple[object, int], ...]:
        """The nodes that the gradients of the inputs go to, each with the number 0."""
        return tuple((edge, 0) for edge in self.edges)

    def register_hook(self, fn: Hook) -> RemovableHandle:
        """Call ``fn(grad_inputs, grad_outputs)`` when this node's gradients were computed."""
        from fastgrad.autograd import hooks

        return hooks.on_node_after.add(self, fn)

    def register_prehook(self, fn: Hook) -> RemovableHandle:
        """Call ``fn(grad_outputs)`` before this node's gradients are computed."""
        from fastgrad.autograd import hooks

        return hooks.on_node_before.add(self, fn)

    def check_saved(self) -> None:
        """RuntimeError when what was saved is gone, or was changed."""
        if self.saved is None:
            if self in recomputed:
                return
            raise RuntimeError(
                f"Trying to backward through the graph a second time: what {self.name()} saved was "
                "freed by the first backward(). Specify retain_graph=True the first time if you "
                "need to backward through the graph again."
            )
        changed = self.changed()
        if changed is not None:
            raise RuntimeError(self._modified_message(*changed))

    def saved_values(self, create_graph: bool) -> tuple[Any, ...]:
        """What was saved; with `create_graph` the result among it is linked to this node."""
        saved = self.saved
        if saved is None:
            saved = recomputed[self].saved_of(self)
        if self.saves_result and create_graph:
            result = _core.detach(saved[-1])
            result.node = self
            return (*saved[:-1], result)
        return saved

    def _modified_message(self, at: int, before: int, now: int) -> str:
        assert self.saved is not None
        return (
            "one of the variables needed for gradient computation has been modified by an inplace "
            f"operation: {self.name()} saved a tensor of shape {list(self.saved[at].shape)} at "
            f"version {before}; it is now at version {now}. Use the out-of-place form of the "
            "operation that changed it, or change a clone()."
        )


def warn_of_growth(node: Node) -> None:
    """A graph that has grown over many backward passes holds the memory of all of them."""
    from fastgrad.autograd.anomaly import warn_once

    warn_once(
        "the graph of a result now reaches over 50 backward passes, and keeps the "
        "memory of all of them. To add up losses for a report, use total += loss.item() or "
        "loss.detach()."
    )


_core.register_node(Node, warn_of_growth)


def output_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    """Marks the node of one of several results of a node, which is its only edge.

    It saves its place among the results and their number. The engine collects the gradients of all
    results and gives them to the producer's vjp as a list, with None where none arrived.
    """
    raise AssertionError("the engine does not call it")


# record(out, vjp, edges, saved=()): hang a node on `out`, the result of an operation. `edges` is
# _core.edges(*inputs); `saved` is what the vjp will be given.
record = _core.record

# The same with the result itself as the last of what is saved. The node holds the result's memory,
# not the result: a tensor that its own node refers to would be a reference cycle.
record_result = _core.record_result


@cache
def _under_name(vjp: Vjp, name: str) -> Vjp:
    from types import FunctionType

    assert isinstance(vjp, FunctionType)
    return FunctionType(vjp.__code__, vjp.__globals__, f"{name}_vjp", None, vjp.__closure__)


def printed_as(out: Tensor, name: str) -> Tensor:
    """The result of a composite operation, whose last node prints under the operation's name."""
    node = out.node
    if node is not None and node.saved is not None:
        vjp = _under_name(node.vjp, name)
        if node.saves_result:
            record_result(out, vjp, node.edges, node.saved[:-1])
        else:
            record(out, vjp, node.edges, node.saved)
    return out


def record_several(
    outputs: Sequence[Tensor], vjp: Vjp, edges: tuple[Any, ...], saved: tuple[Any, ...] = ()
) -> None:
    """One node for several results; its vjp gets a list of their gradients (see output_vjp)."""
    producer = _core.empty_at(outputs[0].get_device(), (0,), outputs[0].dtype)
    record(producer, vjp, edges, saved)
    link_outputs(dict(enumerate(outputs)), producer.node, len(outputs))


def link_outputs(outputs: dict[int, Tensor], producer: Node | None, count: int) -> None:
    """Hang a node on each of the outputs, by place among `count`, that leads to their producer."""
    for place, out in outputs.items():
        record(out, output_vjp, (producer,), (place, count))
