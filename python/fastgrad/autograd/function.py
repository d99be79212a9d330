"""Operations that users define: a forward, and the backward that belongs to it."""

from __future__ import annotations

from functools import wraps
from weakref import ref

from fastgrad import _core
from fastgrad.autograd.graph import link_outputs, record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from fastgrad.autograd.graph import Grads, Needs, Node, Saved
    from fastgrad.tensor import Tensor


class FunctionCtx:
    """What forward hands on to backward: tensors to save, and whatever attributes it sets."""

    needs_input_grad: tuple[bool, ...]

    def __init__(self) -> None:
        self._to_save: tuple[Tensor | None, ...] = ()
        self._saved: tuple[Tensor | None, ...] | None = None
        self._dirty: tuple[Tensor, ...] = ()
        self._non_differentiable: tuple[Tensor, ...] = ()
        self._materialize = True

    def save_for_backward(self, *tensors: Tensor | None) -> None:
        """Save inputs, outputs or intermediate tensors, to be found in `saved_tensors`."""
        for tensor in tensors:
            if tensor is not None and not isinstance(tensor, _core.TensorBase):
                raise TypeError(
                    "save_for_backward can only save variables, but argument is of type "
                    f"{type(tensor).__name__}; keep other values as attributes of ctx"
                )
        self._to_save = tensors

    @property
    def saved_tensors(self) -> tuple[Tensor | None, ...]:
        """What `save_for_backward` saved."""
        return self._to_save if self._saved is None else self._saved

    def mark_dirty(self, *tensors: Tensor) -> None:
        """Say that forward changed these inputs in place; it must return them."""
        self._dirty = tensors

    def mark_non_differentiable(self, *tensors: Tensor) -> None:
        """Say that these outputs have no gradient."""
        self._non_differentiable = tensors

    def set_materialize_grads(self, value: bool) -> None:
        """Whether backward gets zeros (the default) or None for outputs that were not used."""
        self._materialize = value


class Function:
    """An operation with a gradient of its own.

    Derive a class with two static methods: ``forward(ctx, *args)``, which is not recorded and keeps
    what it needs with ``ctx.save_for_backward``, and ``backward(ctx, *grad_outputs)``, which
    returns one gradient (or None) for each argument of forward. Alternatively ``forward(*args)``
    and ``setup_context(ctx, inputs, output)``. Call it as ``MyFunction.apply(*args)``.

    Raises:
        RuntimeError: backward returns another number of gradients than forward has arguments, or a
            gradient of a shape that does not fit.

    Follows ``torch.autograd.Function``.

    >>> import fastgrad as torch
    >>> class Double(torch.autograd.Function):
    ...     @staticmethod
    ...     def forward(ctx, x):
    ...         return x * 2
    ...     @staticmethod
    ...     def backward(ctx, grad_output):
    ...         return grad_output * 2
    >>> x = torch.ones(2, requires_grad=True)
    >>> Double.apply(x).sum().backward()
    >>> x.grad
    tensor([2., 2.])
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        raise RuntimeError(
            f"{type(self).__name__} should not be instantiated; call {type(self).__name__}.apply()"
        )

    @staticmethod
    def forward(*args: Any, **kwargs: Any) -> Any:
        """Compute the outputs."""
        raise NotImplementedError("You must implement the forward function for autograd.Function.")

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        """Keep what backward needs, when forward does not take `ctx`."""
        raise NotImplementedError("setup_context is not implemented.")

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        """Compute the gradients of the inputs."""
        raise NotImplementedError(
            "You must implement the backward function for your custom autograd.Function."
        )

    @classmethod
    def apply(cls, *args: Any, **kwargs: Any) -> Any:
        """Call forward, and record it when an argument requires grad."""
        if any(map(_core.is_batched, args)):
            return _core.apply_rule(cls.__name__, args)  # has none: vmap calls it for each sample
        ctx = FunctionCtx()
        edges = _core.edges(*args)
        recording = _core.is_grad_enabled() and any(edge is not None for edge in edges)
        ctx.needs_input_grad = tuple(edge is not None for edge in edges)
        output = cls._run_forward(ctx, args, kwargs)
        outputs = output if isinstance(output, tuple) else (output,)
        _check_dirty(cls, ctx, outputs)
        if recording:
            outputs = _recorded(cls, ctx, edges, args, outputs)
        return outputs if isinstance(output, tuple) else outputs[0]

    @classmethod
    def _run_forward(cls, ctx: FunctionCtx, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        before = _core.set_grad_enabled(False)
        try:
            if cls.setup_context is Function.setup_context:
                return cls.forward(ctx, *args, **kwargs)
            output = cls.forward(*args, **kwargs)
            cls.setup_context(ctx, args, output)
            return output
        finally:
            _core.set_grad_enabled(before)


def once_differentiable(backward: Callable[..., Any]) -> Callable[..., Any]:
    """Decorate a backward that must not be differentiated itself.

    Follows ``torch.autograd.function.once_differentiable``.

    >>> import fastgrad as torch
    >>> from fastgrad.autograd.function import once_differentiable
    >>> class Square(torch.autograd.Function):
    ...     @staticmethod
    ...     def forward(ctx, x):
    ...         ctx.save_for_backward(x)
    ...         return x * x
    ...     @staticmethod
    ...     @once_differentiable
    ...     def backward(ctx, grad_output):
    ...         return 2 * ctx.saved_tensors[0] * grad_output
    >>> x = torch.tensor(3.0, requires_grad=True)
    >>> torch.autograd.grad(Square.apply(x), x)
    (tensor(6.),)
    """

    @wraps(backward)
    def once(ctx: Any, *grads: Any) -> Any:
        recording = _core.is_grad_enabled()
        _core.set_grad_enabled(False)
        try:
            results = backward(ctx, *grads)
        finally:
            _core.set_grad_enabled(recording)
        if not recording or all(edge is None for edge in _core.edges(*grads)):
            return results
        several = results if isinstance(results, tuple) else (results,)
        guarded = tuple(None if g is None else _undifferentiable(g, grads) for g in several)
        return guarded if isinstance(results, tuple) else guarded[0]

    return once


def _undifferentiable(grad: Tensor, sources: tuple[Any, ...]) -> Tensor:
    """The gradient with a node that refuses to be differentiated."""
    out = _core.detach(grad)
    record(out, once_differentiable_vjp, _core.edges(*sources))
    return out


def once_differentiable_vjp(grad: Tensor, saved: Saved, needs: Needs) -> Grads:
    raise RuntimeError(
        "trying to differentiate twice a function that was marked with @once_differentiable"
    )


def _check_dirty(cls: type[Function], ctx: FunctionCtx, outputs: tuple[Any, ...]) -> None:
    for tensor in ctx._dirty:
        if all(tensor is not out for out in outputs):
            raise RuntimeError(
                f"{cls.__name__}: Some elements marked as dirty during the forward method were not "
                "returned as output. The inputs that are modified inplace must all be outputs of "
                "the Function."
            )


class _Backward:
    """The vjp of a call of a Function: holds its class and its ctx."""

    def __init__(self, cls: type[Function], ctx: FunctionCtx, outputs: tuple[Any, ...]) -> None:
        self.__name__ = f"{cls.__name__}Backward"
        self.cls, self.ctx = cls, ctx
        self.kinds = [
            (out.get_device(), out.shape, out.dtype) if isinstance(out, _core.TensorBase) else None
            for out in outputs
        ]
        # Where among the saved tensors outputs are, each with its node, which does not live by us.
        self.outputs: dict[int, ref[Node]] = {}

    def __call__(self, grad: Any, saved: Saved, needs: Needs) -> Grads:
        grads = grad if isinstance(grad, list) else [grad]
        if self.ctx._materialize:
            grads = [self._materialized(g, i) for i, g in enumerate(grads)]
        self.ctx._saved = self._relinked(saved)
        try:
            results = self.cls.backward(self.ctx, *grads)
        finally:
            self.ctx._saved = None
        return self._checked(results if isinstance(results, tuple) else (results,), len(needs))

    def _materialized(self, grad: Tensor | None, i: int) -> Tensor | None:
        kind = self.kinds[i]
        if grad is not None or kind is None:
            return grad
        place, shape, dtype = kind
        return _core.full_at(place, shape, 0, dtype)

    def _relinked(self, saved: Saved) -> Saved:
        """The saved tensors; outputs among them with their place in the graph."""
        values = list(saved)
        for i, alive in self.outputs.items():
            values[i] = _core.detach(values[i])
            values[i].node = alive()
        return tuple(values)

    def _checked(self, results: Grads, count: int) -> Grads:
        if any(extra is not None for extra in results[count:]) or len(results) < count:
            raise RuntimeError(
                f"function {self.__name__} returned an incorrect number of gradients (expected "
                f"{count}, got {len(results)})"
            )
        for i, value in enumerate(results):
            if value is not None and not isinstance(value, _core.TensorBase):
                raise RuntimeError(
                    f"function {self.__name__} returned a {type(value).__name__} as the gradient "
                    f"at index {i}; expected a Tensor or None"
                )
        return results[:count]


def _recorded(
    cls: type[Function],
    ctx: FunctionCtx,
    edges: tuple[Any, ...],
    inputs: tuple[Any, ...],
    outputs: tuple[Any, ...],
) -> tuple[Any, ...]:
    """The outputs with their nodes."""
    from fastgrad.ops.assign import assign

    constant = set(map(id, ctx._non_differentiable))
    fresh = {
        i: _of_its_own(out, inputs)
        for i, out in enumerate(outputs)
        if isinstance(out, _core.TensorBase)
        and out.dtype.is_floating_point
        and id(out) not in constant
    }
    backward = _Backward(cls, ctx, outputs)
    places = [_place(tensor, outputs, fresh) for tensor in ctx._to_save]
    # A saved output would keep its own node alive: its memory alone is saved.
    saved = tuple(
        x if x is None or at is None else _core.detach(x)
        for x, at in zip(ctx._to_save, places, strict=True)
    )
    ctx._to_save = ()
    _hang_nodes(backward, edges, saved, fresh, len(outputs))
    nodes = {i: fresh[at].node for i, at in enumerate(places) if at is not None}
    backward.outputs = {i: ref(node) for i, node in nodes.items() if node is not None}
    results = list(outputs)
    for i, out in fresh.items():
        is_dirty = any(out_before is outputs[i] for out_before in ctx._dirty)
        results[i] = assign(outputs[i], out) if is_dirty else out
    return tuple(results)


def _of_its_own(out: Any, inputs: tuple[Any, ...]) -> Tensor:
    """The output; its memory as another tensor where forward returned an input, or a view."""
    if out._base is not None or any(out is given for given in inputs):
        return _core.detach(out)
    kept: Tensor = out
    return kept


def _place(saved: Tensor | None, outputs: tuple[Any, ...], fresh: dict[int, Tensor]) -> int | None:
    """Which output a saved tensor is, or None."""
    if saved is None:
        return None
    return next((i for i in fresh if saved is outputs[i]), None)


def _hang_nodes(
    backward: _Backward,
    edges: tuple[Any, ...],
    saved: tuple[Any, ...],
    fresh: dict[int, Tensor],
    count: int,
) -> None:
    """A node for the call; of several results each has one of its own that leads to it."""
    if count == 1:
        for out in fresh.values():
            record(out, backward, edges, saved)
        return
    producer = _core.empty((0,), _core.float32)
    record(producer, backward, edges, saved)
    link_outputs(fresh, producer.node, count)
