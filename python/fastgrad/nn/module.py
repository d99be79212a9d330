"""Module: the base class of all layers and networks."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Self

from .. import Tensor, bfloat16, float16, float32, float64
from ..autograd.hooks import RemovableHandle
from ._context import NAMED_ERRORS, add_place
from ._convert import Conversion, conversion, convert_parameter, floating
from ._hooks import Hooks, MarkedHook, add_hook, call_with_hooks
from ._registry import Registry, type_name
from ._state_dict import Saved
from .parameter import Buffer, Parameter, clear_gradients

# Stands for "no first argument"; None is an argument.
_NOTHING: Any = object()


class Module(Saved):
    """Base class of layers and networks: registers what is assigned to it, and calls `forward`.

    A subclass calls ``super().__init__()`` first, assigns parameters, buffers and other modules to
    attributes, and defines `forward`. Calling the module runs `forward` between the registered
    hooks. A RuntimeError, ValueError, TypeError, IndexError or AssertionError that leaves `forward`
    keeps its type, and its message then begins with the place: "in net.3 Linear(...): ...".

    Follows torch.nn.Module.

    >>> import fastgrad as torch
    >>> class Scale(torch.nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.factor = torch.nn.Parameter(torch.full((1,), 2.0))
    ...
    ...     def forward(self, x):
    ...         return self.factor * x
    >>> net = Scale()
    >>> net(torch.ones(3)).tolist()
    [2.0, 2.0, 2.0]
    >>> [name for name, _ in net.named_parameters()]
    ['factor']
    """

    training: bool
    _forward_hooks: Hooks
    _forward_pre_hooks: Hooks
    _backward_hooks: Hooks
    _backward_pre_hooks: Hooks
    _is_hooked: bool  # whether one of the four may have hooks: the only thing that a call looks at

    def __init__(self) -> None:
        attributes = vars(self)
        attributes["training"] = True
        attributes["_parameters"] = Registry(self, "parameter", Parameter)
        attributes["_buffers"] = Registry(self, "buffer", Tensor)
        attributes["_modules"] = Registry(self, "module", Module)
        attributes["_non_persistent_buffers_set"] = set()
        attributes["_forward_hooks"] = OrderedDict()
        attributes["_forward_pre_hooks"] = OrderedDict()
        attributes["_backward_hooks"] = OrderedDict()
        attributes["_backward_pre_hooks"] = OrderedDict()
        attributes["_is_hooked"] = False

    # Calling

    def __call__(self, input: Any = _NOTHING, /, *args: Any, **kwargs: Any) -> Any:
        # One positional argument is the usual call, and naming it saves 70 ns over *args.
        try:
            if self._is_hooked:
                args = args if input is _NOTHING else (input, *args)
                return call_with_hooks(self, args, kwargs)
            if args or kwargs or input is _NOTHING:
                args = args if input is _NOTHING else (input, *args)
                return self.forward(*args, **kwargs)
            return self.forward(input)
        except NAMED_ERRORS as error:
            add_place(error, self)
            raise

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Compute the output; every subclass defines this.

        Raises:
            NotImplementedError: the subclass does not.
        """
        raise NotImplementedError(
            f'Module [{type(self).__name__}] is missing the required "forward" function;'
            " define it in the class"
        )

    def _add_hook(self, hooks: Hooks, hook: Callable[..., Any], prepend: bool) -> RemovableHandle:
        vars(self)["_is_hooked"] = True
        return add_hook(hooks, hook, prepend)

    def register_forward_pre_hook(
        self, hook: Callable[..., Any], *, prepend: bool = False, with_kwargs: bool = False
    ) -> RemovableHandle:
        """Call ``hook(module, args)`` before `forward`; what it returns replaces the arguments.

        Args:
            hook: returns None, or the new arguments (one value or a tuple).
            prepend: run it before the hooks that are already there instead of after them.
            with_kwargs: call ``hook(module, args, kwargs)``, which returns None or (args, kwargs).
        """
        hook = MarkedHook(hook, with_kwargs) if with_kwargs else hook
        return self._add_hook(self._forward_pre_hooks, hook, prepend)

    def register_forward_hook(
        self,
        hook: Callable[..., Any],
        *,
        prepend: bool = False,
        with_kwargs: bool = False,
        always_call: bool = False,
    ) -> RemovableHandle:
        """Call ``hook(module, args, output)`` after `forward`; what it returns replaces the output.

        Args:
            hook: returns None or the new output.
            prepend: run it before the hooks that are already there instead of after them.
            with_kwargs: call ``hook(module, args, kwargs, output)``.
            always_call: call it, with None for the output, when `forward` raises too.

        >>> import fastgrad as torch
        >>> layer = torch.nn.Identity()
        >>> with layer.register_forward_hook(lambda module, args, output: 2 * output):
        ...     layer(torch.ones(1)).item()
        2.0
        """
        if with_kwargs or always_call:
            hook = MarkedHook(hook, with_kwargs, always_call)
        return self._add_hook(self._forward_hooks, hook, prepend)

    def register_full_backward_hook(
        self, hook: Callable[..., Any], prepend: bool = False
    ) -> RemovableHandle:
        """Call ``hook(module, grad_input, grad_output)`` when the gradients of a call's arguments
        were computed; what it returns replaces `grad_input`.

        Args:
            hook: gets two tuples: the gradients of the positional arguments and of the outputs,
                with None for what is no tensor or has no gradient. It returns None or a tuple.
            prepend: run it before the hooks that are already there instead of after them.

        >>> import fastgrad as torch
        >>> layer = torch.nn.Identity()
        >>> handle = layer.register_full_backward_hook(lambda module, gi, go: (gi[0] * 10,))
        >>> x = torch.ones(1, requires_grad=True)
        >>> layer(x).backward()
        >>> x.grad
        tensor([10.])
        """
        return self._add_hook(self._backward_hooks, hook, prepend)

    def register_full_backward_pre_hook(
        self, hook: Callable[..., Any], prepend: bool = False
    ) -> RemovableHandle:
        """Call ``hook(module, grad_output)`` when the gradients of a call's outputs were computed;
        what it returns replaces them.

        Args:
            hook: gets a tuple of gradients, with None where there is none; returns None or a tuple.
            prepend: run it before the hooks that are already there instead of after them.
        """
        return self._add_hook(self._backward_pre_hooks, hook, prepend)

    # Registration

    def __setattr__(self, name: str, value: Any) -> None:
        attributes = vars(self)
        for key, kind in _KINDS.items():
            registry = attributes.get(key)
            if isinstance(value, kind) or (registry is not None and name in registry):
                self._adopt(key, name, value)
                return
        if name in _KINDS:
            attributes[name].replace(value)
        else:
            super().__setattr__(name, value)

    def __delattr__(self, name: str) -> None:
        for key in _KINDS:
            registry = vars(self).get(key, ())
            if name in registry:
                del registry[name]
                self._non_persistent_buffers_set.discard(name)
                return
        super().__delattr__(name)

    def _adopt(self, key: str, name: str, value: Any) -> None:
        """Put a member into the registry `key`, out of the others."""
        home = self._registry(key)
        if any(name in vars(self)[other] for other in _KINDS if other != key):
            delattr(self, name)
        home[name] = value
        if isinstance(value, Buffer):
            self._set_persistent(name, value.persistent)

    def _registry(self, key: str) -> Registry:
        try:
            registry: Registry = vars(self)[key]
        except KeyError:
            raise AttributeError(
                f"cannot assign {key.strip('_').removesuffix('s')} before Module.__init__() call;"
                f" call super().__init__() first in {type(self).__name__}.__init__"
            ) from None
        return registry

    def _set_persistent(self, name: str, persistent: bool) -> None:
        if persistent:
            self._non_persistent_buffers_set.discard(name)
        else:
            self._non_persistent_buffers_set.add(name)

    def _register(self, key: str, name: str, value: Any) -> None:
        """Put a member under a new or its old name, checking the name as well."""
        registry = self._registry(key)
        if not isinstance(name, str):
            raise TypeError(f"{registry.label} name should be a string. Got {type_name(name)}")
        if name == "" or "." in name:
            raise KeyError(f'{registry.label} name can\'t be empty or contain ".", got "{name}"')
        if hasattr(self, name) and name not in registry:
            raise KeyError(f"attribute '{name}' already exists")
        registry[name] = value

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Add a parameter under `name`; None reserves the name.

        Raises:
            TypeError: `name` is not a string, or `param` is not a Parameter.
            KeyError: the name is empty, contains a dot, or belongs to another attribute.
        """
        self._register("_parameters", name, param)

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Add a tensor that is not trained but moves with the module, under `name`.

        Args:
            name: the attribute it becomes.
            tensor: any tensor, or None to reserve the name.
            persistent: whether `state_dict` contains it.

        Raises:
            TypeError: `name` is not a string, or `tensor` is not a tensor.
            KeyError: the name is empty, contains a dot, or belongs to another attribute.
        """
        self._register("_buffers", name, tensor)
        self._set_persistent(name, persistent)

    def add_module(self, name: str, module: "Module | None") -> None:
        """Add a child module under `name`; None reserves the name.

        Raises:
            TypeError: `name` is not a string, or `module` is not a Module.
            KeyError: the name is empty, contains a dot, or belongs to another attribute.
        """
        self._register("_modules", name, module)

    register_module = add_module

    def __copy__(self) -> Self:
        twin = object.__new__(type(self))
        vars(twin).update(vars(self))
        for key in _KINDS:
            vars(twin)[key] = vars(self)[key].copy_for(twin)
        return twin

    # State

    def train(self, mode: bool = True) -> Self:
        """Set training mode (or with False, evaluation mode) here and in all modules below.

        Raises:
            ValueError: `mode` is not a bool.
        """
        if not isinstance(mode, bool):
            raise ValueError(f"training mode is expected to be boolean, got {mode!r}")
        self.training = mode
        for module in self.children():
            module.train(mode)
        return self

    def eval(self) -> Self:
        """Set evaluation mode, in which for example dropout passes its input through."""
        return self.train(False)

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Let all parameters require a gradient, or none of them."""
        for parameter in self.parameters():
            parameter.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Drop all gradients; with ``set_to_none=False`` fill them with zeros instead."""
        clear_gradients(self.parameters(), set_to_none)

    def apply(self, fn: "Callable[[Module], Any]") -> Self:
        """Call `fn` on every module below, then on this one.

        >>> import fastgrad as torch
        >>> net = torch.nn.Sequential(torch.nn.Linear(1, 2), torch.nn.ReLU())
        >>> _ = net.apply(lambda module: print(type(module).__name__))
        Linear
        ReLU
        Sequential
        """
        for module in self.children():
            module.apply(fn)
        fn(self)
        return self

    # Conversion

    def _apply(self, convert: Conversion) -> Self:
        """Pass every parameter, gradient and buffer through `convert`, in place."""
        for module in self.children():
            module._apply(convert)
        for parameter in self._parameters.values():
            if parameter is not None:
                convert_parameter(parameter, convert)
        for name, buffer in self._buffers.items():
            if buffer is not None:
                self._buffers[name] = convert(buffer)
        return self

    def to(self, *args: Any, **kwargs: Any) -> Self:
        """Move and convert parameters and buffers in place: ``to(device)``, ``to(dtype)``,
        ``to(device, dtype)`` or ``to(tensor)``.

        Integer and bool tensors keep their dtype.

        Raises:
            TypeError: the dtype is not floating point.
        """
        return self._apply(conversion(*args, **kwargs))

    def float(self) -> Self:
        """Convert the floating-point parameters and buffers to float32, in place."""
        return self._apply(floating(float32))

    def double(self) -> Self:
        """Convert the floating-point parameters and buffers to float64, in place."""
        return self._apply(floating(float64))

    def half(self) -> Self:
        """Convert the floating-point parameters and buffers to float16, in place."""
        return self._apply(floating(float16))

    def bfloat16(self) -> Self:
        """Convert the floating-point parameters and buffers to bfloat16, in place."""
        return self._apply(floating(bfloat16))

    def type(self, dst_type: Any) -> Self:
        """Convert all parameters and buffers to a dtype, in place."""
        return self._apply(lambda tensor: tensor.type(dst_type))

    def cuda(self, device: Any = None) -> Self:
        """Move the parameters and buffers to a CUDA device, the current one unless told, in place.

        Raises:
            RuntimeError: there is no such device.
        """
        return self._apply(lambda tensor: tensor.cuda(device))

    def cpu(self) -> Self:
        """Move the parameters and buffers to main memory, in place."""
        return self._apply(lambda tensor: tensor.cpu())

    # Printing

    def extra_repr(self) -> str:
        """What to print between the brackets of the repr, one or more lines; "" by default."""
        return ""

    def _get_name(self) -> str:
        return type(self).__name__

    def __repr__(self) -> str:
        details = self.extra_repr()
        lines = details.split("\n") if details else []
        lines += [f"({name}): {indented(repr(child))}" for name, child in self._modules.items()]
        if lines == [details]:
            return f"{self._get_name()}({details})"
        return bracketed(self._get_name(), lines)

    def __dir__(self) -> list[str]:
        return [name for name in super().__dir__() if not name[0].isdigit()]


# The class that sends a value to each registry whatever its name, in the order they are asked.
_KINDS: dict[str, type] = {"_parameters": Parameter, "_modules": Module, "_buffers": Buffer}


def indented(text: str) -> str:
    """The text with all lines but the first and the empty ones moved in by two spaces."""
    first, *rest = text.split("\n")
    return "\n".join([first, *("  " + line if line.strip() else "" for line in rest)])


def bracketed(name: str, lines: list[str]) -> str:
    """``name(...)`` with one indented line each, as networks print."""
    return "\n  ".join([name + "(", *lines]) + "\n)" if lines else name + "()"
