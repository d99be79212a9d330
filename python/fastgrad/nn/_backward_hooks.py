"""Full backward hooks: functions of the user's that see the gradients of a module's call.

The arguments and the results of the call pass through a node each that changes nothing. In backward
the node of the results is reached first, and the node of the arguments when all gradients of the
module's inside have arrived.
"""

from typing import TYPE_CHECKING, Any

from .. import Tensor, is_grad_enabled
from ..autograd import Function
from ..autograd.anomaly import warn_once

if TYPE_CHECKING:
    from .module import Module

Grads = tuple[Tensor | None, ...]


class BackwardHookFunction(Function):
    """The identity, which shows the gradients that pass to `seen`."""

    @staticmethod
    def forward(ctx: Any, seen: Any, materialize: bool, *tensors: Tensor) -> tuple[Tensor, ...]:
        """The same tensors, with a node in between."""
        ctx.seen = seen
        ctx.set_materialize_grads(materialize)
        constants = [x for x in tensors if not x.requires_grad]
        ctx.mark_non_differentiable(*constants)
        return tensors

    @staticmethod
    def backward(ctx: Any, *grads: Tensor | None) -> Grads:
        """The gradients as the hooks leave them."""
        return (None, None, *ctx.seen(grads))


class BackwardHooks:
    """The hooks of a module during one call of it."""

    def __init__(self, module: "Module") -> None:
        self.module = module
        self.hooks = tuple(module._backward_hooks.values())
        self.pre_hooks = tuple(module._backward_pre_hooks.values())
        self.grad_outputs: Grads | None = None
        self.sees_inputs = False
        self.inputs = 0

    def through_inputs(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """The arguments, behind a node of their own."""
        self.inputs = len(args)
        passed, self.sees_inputs = self._through(args, self._inputs_seen, True)
        return passed

    def through_output(self, output: Any) -> Any:
        """The output, before a node of its own."""
        if isinstance(output, Tensor):
            return self._through((output,), self._outputs_seen, False)[0][0]
        if not isinstance(output, tuple):
            warn_once(
                "For backward hooks to be called, module output should be a Tensor or a tuple of "
                f"Tensors but received {type(output)}."
            )
            return output
        passed = self._through(output, self._outputs_seen, False)[0]
        return type(output)._make(passed) if hasattr(output, "_make") else passed

    def _through(
        self, values: tuple[Any, ...], seen: Any, materialize: bool
    ) -> tuple[tuple[Any, ...], bool]:
        """The values with the tensors behind a node, if one of them requires grad.

        Like PyTorch, arguments without a gradient are shown zeros, outputs without one None.
        """
        places = [i for i, x in enumerate(values) if isinstance(x, Tensor)]
        if not is_grad_enabled() or not any(values[i].requires_grad for i in places):
            return values, False

        def at_places(grads: Grads) -> Grads:
            whole: list[Tensor | None] = [None] * len(values)
            for i, grad in zip(places, grads, strict=True):
                whole[i] = grad
            changed = seen(tuple(whole))
            return tuple(changed[i] for i in places)

        passed = list(values)
        tensors = [values[i] for i in places]
        behind = BackwardHookFunction.apply(at_places, materialize, *tensors)
        for i, x in zip(places, behind, strict=True):
            passed[i] = x
        return tuple(passed), True

    def _outputs_seen(self, grads: Grads) -> Grads:
        for hook in self.pre_hooks:
            changed = _as_tuple(hook(self.module, grads))
            if changed is not None:
                grads = _checked(changed, grads, "pre hook", "grad_output")
        if self.sees_inputs:
            self.grad_outputs = grads
            return grads
        if self.hooks:
            self._call_without_inputs(grads)
        return grads

    def _call_without_inputs(self, grads: Grads) -> None:
        """No argument requires grad: the hooks see the gradients of the outputs alone."""
        warn_once(
            "Full backward hook is firing when gradients are computed with respect to module "
            "outputs since no inputs require gradients."
        )
        for hook in self.hooks:
            changed = _as_tuple(hook(self.module, (None,) * self.inputs, grads))
            if changed is not None and any(part is not None for part in changed):
                raise RuntimeError(
                    "Backward hook for Modules where no input requires gradient should always "
                    "return None or None for all gradients."
                )

    def _inputs_seen(self, grads: Grads) -> Grads:
        if self.grad_outputs is None:
            return grads  # they came another way than through the outputs
        for hook in self.hooks:
            changed = _as_tuple(hook(self.module, grads, self.grad_outputs))
            if changed is not None:
                grads = _checked(changed, grads, "hook", "grad_input")
        self.grad_outputs = None
        return grads


def _as_tuple(value: Any) -> Any:
    return (value,) if isinstance(value, Tensor) else value


def _checked(changed: Any, grads: Grads, kind: str, what: str) -> Grads:
    if len(changed) != len(grads):
        raise RuntimeError(
            f"Backward {kind} returned an invalid number of {what}, got {len(changed)}, but "
            f"expected {len(grads)}"
        )
    return tuple(changed)
