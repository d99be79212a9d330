"""Hooks: functions that a user attaches to a module or an optimizer, and their handles."""

from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..autograd.hooks import RemovableHandle
from ._backward_hooks import BackwardHooks

if TYPE_CHECKING:
    from .module import Module

Hooks = OrderedDict[int, Callable[..., Any]]


class MarkedHook:
    """A hook of a module that wants the keyword arguments of the call as well, or to be called
    when `forward` raises too.
    """

    __slots__ = ("always", "hook", "with_kwargs")

    def __init__(
        self, hook: Callable[..., Any], with_kwargs: bool = False, always: bool = False
    ) -> None:
        self.hook = hook
        self.with_kwargs = with_kwargs
        self.always = always

    def __call__(self, *args: Any) -> Any:
        return self.hook(*args)


def add_hook(hooks: Hooks, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
    """Put `hook` behind all others, or with `prepend` before them."""
    handle = RemovableHandle(hooks)
    hooks[handle.id] = hook
    if prepend:
        hooks.move_to_end(handle.id, last=False)
    return handle


def call_with_hooks(module: "Module", args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Call ``module.forward`` between its pre-hooks and its hooks."""
    # Over copies: a hook may remove itself.
    for hook in tuple(module._forward_pre_hooks.values()):
        args, kwargs = _run_pre_hook(hook, module, args, kwargs)
    backward = None
    if module._backward_hooks or module._backward_pre_hooks:
        backward = BackwardHooks(module)
        args = backward.through_inputs(args)
    try:
        output = module.forward(*args, **kwargs)
    except Exception:
        for hook in tuple(module._forward_hooks.values()):
            if isinstance(hook, MarkedHook) and hook.always:
                _run_hook(hook, module, args, kwargs, None)
        raise
    for hook in tuple(module._forward_hooks.values()):
        result = _run_hook(hook, module, args, kwargs, output)
        output = output if result is None else result
    return output if backward is None else backward.through_output(output)


def _wants_kwargs(hook: Callable[..., Any]) -> bool:
    return isinstance(hook, MarkedHook) and hook.with_kwargs


def _run_hook(
    hook: Callable[..., Any],
    module: "Module",
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    output: Any,
) -> Any:
    if _wants_kwargs(hook):
        return hook(module, args, kwargs, output)
    return hook(module, args, output)


def _run_pre_hook(
    hook: Callable[..., Any], module: "Module", args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The arguments as a pre-hook leaves them."""
    if _wants_kwargs(hook):
        result = hook(module, args, kwargs)
        return (args, kwargs) if result is None else check_arguments(result)
    result = hook(module, args)
    if result is None:
        return args, kwargs
    return (result if isinstance(result, tuple) else (result,)), kwargs


def check_arguments(result: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """`result` of a pre-hook if it is a pair (args, kwargs); otherwise a RuntimeError."""
    if isinstance(result, tuple) and len(result) == 2:
        args, kwargs = result
        if isinstance(args, tuple) and isinstance(kwargs, dict):
            return args, kwargs
    raise RuntimeError(
        "a pre-hook that receives keyword arguments must return None or a tuple of"
        f" (new_args, new_kwargs), but it returned {result!r}"
    )
