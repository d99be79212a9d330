"""Optimizer: parameter groups, per-parameter state, and the steps that use them."""

from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable, Mapping
from itertools import chain
from typing import Any

from .. import Tensor, enable_grad, float32, float64, get_default_dtype, tensor
from ..autograd.hooks import RemovableHandle
from ..nn._hooks import Hooks, add_hook, check_arguments
from ..nn._registry import type_name
from ..nn.parameter import clear_gradients

Group = dict[str, Any]
Closure = Callable[[], Any]


class Optimizer:
    """Base class of optimizers: changes parameters along their gradients, step by step.

    A subclass passes its options as `defaults` and defines ``_update(group)``, which changes the
    parameters of one group; or it overrides `step`, which then runs no step hooks.

    Args:
        params: parameters, or (name, parameter) pairs, or groups: dicts with the parameters under
            "params" and any of the options in `defaults`.
        defaults: the options and the values they have in groups that do not name them.

    Raises:
        TypeError: `params` is a single tensor or holds something else than tensors, or a group's
            parameters are a set.
        ValueError: no parameters, a tensor that was computed from others, or one in two groups.

    Follows torch.optim.Optimizer.
    """

    def __init__(self, params: Iterable[Any], defaults: dict[str, Any]) -> None:
        if isinstance(params, Tensor):
            raise TypeError(
                "params argument given to the optimizer should be an iterable of Tensors or"
                f" dicts, but got {type_name(params)}; put it into a list"
            )
        self.defaults = defaults
        self._opt_called = type(self).step is not Optimizer.step  # whether there was a step
        self.state: defaultdict[Tensor, dict[str, Any]] = defaultdict(dict)
        self.param_groups: list[Group] = []
        self._step_pre_hooks: Hooks = OrderedDict()
        self._step_post_hooks: Hooks = OrderedDict()
        self._state_pre_hooks: Hooks = OrderedDict()
        self._state_post_hooks: Hooks = OrderedDict()
        self._load_pre_hooks: Hooks = OrderedDict()
        self._load_post_hooks: Hooks = OrderedDict()
        groups = list(params)
        if not groups:
            raise ValueError(
                "optimizer got an empty parameter list; were the parameters registered in a Module?"
            )
        for group in groups if isinstance(groups[0], dict) else [{"params": groups}]:
            self.add_param_group(group)

    def add_param_group(self, param_group: Group) -> None:
        """Add a group of parameters, for example a layer that is unfrozen during training.

        Args:
            param_group: the parameters under "params" (one tensor or several), and any of the
                optimizer's options.

        Raises:
            TypeError: it is not a dict; or see the class.
            ValueError: see the class.
        """
        if not isinstance(param_group, dict):
            raise TypeError(f"param_group must be a dict, but got {type_name(param_group)}")
        params, names = _parameter_list(param_group["params"])
        if any(("param_names" in group) != bool(names) for group in self.param_groups):
            raise ValueError(
                "all optimizer param groups should be with/without names, as those before"
            )
        known = {id(p) for group in self.param_groups for p in group["params"]}
        if any(id(p) in known for p in params):
            raise ValueError("some parameters appear in more than one parameter group")
        param_group["params"] = params
        if names:
            param_group["param_names"] = names
        for name, default in self.defaults.items():
            param_group.setdefault(name, default)
        self.param_groups.append(param_group)

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Drop the gradients of all parameters; with ``set_to_none=False`` zero them instead."""
        for group in self.param_groups:
            clear_gradients(group["params"], set_to_none)

    def step(self, closure: Closure | None = None) -> Any:
        """Change every parameter that has a gradient.

        Args:
            closure: recomputes the loss and its gradients, with recording on, before the update.

        Returns:
            What the closure returned, or None.
        """
        if self._step_pre_hooks:
            closure = self._run_pre_hooks(closure)
        loss = self._step(closure)
        self._opt_called = True
        if self._step_post_hooks:
            self._run_post_hooks(closure)
        return loss

    def _step(self, closure: Closure | None) -> Any:
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        for group in self.param_groups:
            self._update(group)
        return loss

    def _gathered(self, group: Group) -> tuple[list[Tensor], list[Tensor], list[dict[str, Any]]]:
        """The parameters of a group that have a gradient, their gradients and their states."""
        params, grads, states = [], [], []
        for p in group["params"]:
            grad = p.grad
            if grad is not None:
                params.append(p)
                grads.append(grad)
                state = self.state[p]
                if not state:
                    state.update(self._new_state(p, group))
                states.append(state)
        return params, grads, states

    def _new_state(self, parameter: Tensor, group: Group) -> dict[str, Any]:
        """What is kept of a parameter, before its first step."""
        raise NotImplementedError(f"{type(self).__name__} defines no _new_state(parameter, group)")

    def _update(self, group: Group) -> None:
        raise NotImplementedError(
            f"{type(self).__name__} defines neither _update(group) nor step(closure)"
        )

    def register_step_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call ``hook(optimizer, args, kwargs)`` before each step.

        It returns None, or new (args, kwargs) with the optimizer as the first of the args.
        """
        return add_hook(self._step_pre_hooks, hook)

    def register_step_post_hook(self, hook: Callable[..., None]) -> RemovableHandle:
        """Call ``hook(optimizer, args, kwargs)`` after each step."""
        return add_hook(self._step_post_hooks, hook)

    def register_state_dict_pre_hook(
        self, hook: Callable[..., None], prepend: bool = False
    ) -> RemovableHandle:
        """Call ``hook(optimizer)`` before each `state_dict`."""
        return add_hook(self._state_pre_hooks, hook, prepend)

    def register_state_dict_post_hook(
        self, hook: Callable[..., Any], prepend: bool = False
    ) -> RemovableHandle:
        """Call ``hook(optimizer, state_dict)`` after it; it returns None or another state dict."""
        return add_hook(self._state_post_hooks, hook, prepend)

    def register_load_state_dict_pre_hook(
        self, hook: Callable[..., Any], prepend: bool = False
    ) -> RemovableHandle:
        """Call ``hook(optimizer, state_dict)`` before each `load_state_dict`, with a shallow copy.

        It returns None or another state dict.
        """
        return add_hook(self._load_pre_hooks, hook, prepend)

    def register_load_state_dict_post_hook(
        self, hook: Callable[..., None], prepend: bool = False
    ) -> RemovableHandle:
        """Call ``hook(optimizer)`` after each `load_state_dict`."""
        return add_hook(self._load_post_hooks, hook, prepend)

    def _replaced(self, hooks: Hooks, state_dict: dict[str, Any]) -> dict[str, Any]:
        """A state dict as hooks leave it."""
        for hook in tuple(hooks.values()):
            result = hook(self, state_dict)
            state_dict = state_dict if result is None else result
        return state_dict

    def _run_pre_hooks(self, closure: Closure | None) -> Closure | None:
        """The closure as the pre-hooks leave it."""
        for hook in tuple(self._step_pre_hooks.values()):
            result = hook(self, _step_arguments(self, closure), {})
            if result is not None:
                args, kwargs = check_arguments(result)
                closure = kwargs.get("closure", args[1] if len(args) > 1 else None)
        return closure

    def _run_post_hooks(self, closure: Closure | None) -> None:
        for hook in tuple(self._step_post_hooks.values()):
            hook(self, _step_arguments(self, closure), {})

    def state_dict(self) -> dict[str, Any]:
        """The state and the options, with the parameters replaced by their numbers.

        Returns:
            {"state": {number: {name: value}}, "param_groups": [{option: value, "params":
            [number]}]}, what torch's optimizer of the same name reads and writes. The tensors
            share the optimizer's memory.
        """
        for hook in tuple(self._state_pre_hooks.values()):
            hook(self)
        numbers: dict[int, int] = {}
        for parameter in self._parameters():
            numbers.setdefault(id(parameter), len(numbers))
        groups = [
            {**group, "params": [numbers[id(p)] for p in group["params"]]}
            for group in self.param_groups
        ]
        # Last in each group, as torch writes it.
        for group in groups:
            group["params"] = group.pop("params")
        state = {numbers[id(p)]: state for p, state in self.state.items()}
        return self._replaced(self._state_post_hooks, {"state": state, "param_groups": groups})

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over a copy of a state and its options, matching parameters by position.

        Tensors of the state are converted to the dtype and device of their parameter.

        Args:
            state_dict: what `state_dict` of an optimizer of the same kind returned.

        Raises:
            ValueError: it has another number of groups, or of parameters in one of them, or state
                for other parameters. Nothing has been changed then.
        """
        from copy import deepcopy

        state_dict = self._replaced(self._load_pre_hooks, dict(state_dict))
        saved = deepcopy(list(state_dict["param_groups"]))
        self._check_sizes([len(group["params"]) for group in saved])
        numbers = chain.from_iterable(group["params"] for group in saved)
        by_number = dict(zip(numbers, self._parameters(), strict=True))
        self.state = _fitted_state(state_dict["state"], by_number)
        for parameter, state in self.state.items():  # older files of torch's have a number
            if "step" in state and not isinstance(state["step"], Tensor):
                state["step"] = new_counter(parameter, float(state["step"]))
        self.param_groups = [
            {**self.defaults, **_names_of(old), **new, "params": old["params"]}
            for new, old in zip(saved, self.param_groups, strict=True)
        ]
        for hook in tuple(self._load_post_hooks.values()):
            hook(self)

    def _check_sizes(self, saved: list[int]) -> None:
        sizes = [len(group["params"]) for group in self.param_groups]
        if len(saved) != len(sizes):
            raise ValueError(
                "loaded state dict has a different number of parameter groups:"
                f" {len(saved)}, the optimizer has {len(sizes)}"
            )
        if saved != sizes:
            raise ValueError(
                "loaded state dict contains a parameter group that doesn't match the size of"
                f" optimizer's group: {saved} parameters, the optimizer has {sizes}"
            )

    def _parameters(self) -> Iterable[Tensor]:
        return chain.from_iterable(group["params"] for group in self.param_groups)

    def __repr__(self) -> str:
        lines = [type(self).__name__ + " ("]
        for number, group in enumerate(self.param_groups):
            lines.append(f"Parameter Group {number}")
            lines += [f"    {key}: {group[key]}" for key in sorted(group) if key != "params"]
        return "\n".join([*lines, ")"])


def new_counter(parameter: Tensor, value: float = 0.0) -> Tensor:
    """A number that each step changes: a tensor, as in torch, on the device of its parameter."""
    dtype = get_default_dtype()
    wide = dtype if dtype is float64 else float32
    return tensor(value, dtype=wide, device=parameter.device)


def _parameter_list(params: Any) -> tuple[list[Tensor], list[str]]:
    """The parameters of one group, checked, and their names where they have some."""
    if isinstance(params, set):
        raise TypeError(
            "optimizer parameters need to be organized in ordered collections, but a set has"
            " another order in every run; use a list"
        )
    given = [params] if isinstance(params, Tensor) else list(params)
    named = [item for item in given if isinstance(item, tuple)]
    if named and len(named) != len(given):
        raise ValueError(
            "all optimizer params should be with/without names. Some param names are missing"
        )
    parameters = [parameter for _, parameter in named] if named else given
    for parameter in parameters:
        if not isinstance(parameter, Tensor):
            raise TypeError(
                "optimizer can only optimize Tensors, but one of the params is"
                f" {type_name(parameter)}"
            )
        if not parameter.is_leaf:
            raise ValueError(
                "can't optimize a non-leaf Tensor; it was computed from others,"
                " so optimize those, or its .detach()"
            )
    if len({id(parameter) for parameter in parameters}) != len(parameters):
        _warn_of_duplicates()
    return parameters, [name for name, _ in named]


def _names_of(group: Group) -> dict[str, Any]:
    return {"param_names": group["param_names"]} if "param_names" in group else {}


def _warn_of_duplicates() -> None:
    import warnings

    warnings.warn(
        "optimizer contains a parameter group with duplicate parameters;"
        " each of them is changed several times in a step",
        stacklevel=6,
    )


def _step_arguments(optimizer: Optimizer, closure: Closure | None) -> tuple[Any, ...]:
    return (optimizer,) if closure is None else (optimizer, closure)


def _fitted_state(
    saved: Mapping[Any, dict[str, Any]], by_number: Mapping[Any, Tensor]
) -> defaultdict[Tensor, dict[str, Any]]:
    """A copy of the saved state, by parameter instead of by number."""
    unknown = [number for number in saved if number not in by_number]
    if unknown:
        raise ValueError(f"loaded state dict has state for unknown parameters: {unknown}")
    state: defaultdict[Tensor, dict[str, Any]] = defaultdict(dict)
    for number, values in saved.items():
        parameter = by_number[number]
        state[parameter] = {k: _fitted(k, v, parameter) for k, v in values.items()}
    return state


def _fitted(key: str, value: Any, parameter: Tensor) -> Any:
    """A copy of a state value, in the dtype and on the device of its parameter."""
    from copy import deepcopy

    if not isinstance(value, Tensor):
        return deepcopy(value)
    if key == "step" or not parameter.is_floating_point():
        return value.to(device=parameter.device, copy=True)
    return value.to(dtype=parameter.dtype, device=parameter.device, copy=True)
