"""Walking through a tree of modules: the methods of Module that list or find its members."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, cast

from .. import Tensor
from ._registry import Registry
from .parameter import Parameter

if TYPE_CHECKING:
    from .module import Module


class Walk:
    """The part of Module that only reads its registries."""

    _parameters: Registry
    _buffers: Registry
    _modules: Registry

    def named_modules(
        self, memo: "set[Module] | None" = None, prefix: str = "", remove_duplicate: bool = True
    ) -> "Iterator[tuple[str, Module]]":
        """This module and all below it with their dotted names, the outer before the inner."""
        this = cast("Module", self)
        memo = set() if memo is None else memo
        if this in memo:
            return
        if remove_duplicate:
            memo.add(this)
        yield prefix, this
        for name, module in self._modules.items():
            if module is not None:
                yield from module.named_modules(memo, _join(prefix, name), remove_duplicate)

    def modules(self, remove_duplicate: bool = True) -> "Iterator[Module]":
        """This module and all modules below it."""
        for _, module in self.named_modules(remove_duplicate=remove_duplicate):
            yield module

    def named_children(self) -> "Iterator[tuple[str, Module]]":
        """The modules directly below this one with their names, each once."""
        seen = {None}
        for name, module in self._modules.items():
            if module not in seen:
                seen.add(module)
                yield name, module

    def children(self) -> "Iterator[Module]":
        """The modules directly below this one, each once."""
        for _, module in self.named_children():
            yield module

    def _named_members(
        self, key: str, prefix: str, recurse: bool, remove_duplicate: bool
    ) -> Iterator[tuple[str, Any]]:
        seen = {id(None)}
        for path, module in self.named_modules(prefix=prefix, remove_duplicate=remove_duplicate):
            for name, member in vars(module)[key].items():
                if member is None or id(member) in seen:
                    continue
                if remove_duplicate:
                    seen.add(id(member))
                yield _join(path, name), member
            if not recurse:
                return

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Parameter]]:
        """The parameters with their dotted names.

        Args:
            prefix: put before every name.
            recurse: those of the modules below as well.
            remove_duplicate: each shared parameter once, under its first name.
        """
        return self._named_members("_parameters", prefix, recurse, remove_duplicate)

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """The parameters, as an optimizer takes them; with `recurse` those below too."""
        for _, parameter in self.named_parameters(recurse=recurse):
            yield parameter

    def named_buffers(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Tensor]]:
        """The buffers with their dotted names; the arguments are those of `named_parameters`."""
        return self._named_members("_buffers", prefix, recurse, remove_duplicate)

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        """The buffers; with `recurse` those below too."""
        for _, buffer in self.named_buffers(recurse=recurse):
            yield buffer

    def get_submodule(self, target: str) -> "Module":
        """The module with the dotted name `target`; the empty name is this module.

        Raises:
            AttributeError: there is none of that name, or it is not a module.
        """
        module: Any = self
        for name in target.split(".") if target else ():
            module = module._member(name, Walk, "an nn.Module")
        found: Module = module
        return found

    def set_submodule(self, target: str, module: "Module", strict: bool = False) -> None:
        """Put a module in place of the one with the dotted name `target`.

        Args:
            strict: raise when there is none of that name yet.

        Raises:
            ValueError: the name is empty.
            AttributeError: there is no module to put it into.
        """
        if not target:
            raise ValueError("Cannot set the submodule without a target name: it is empty")
        path, _, name = target.rpartition(".")
        parent = self.get_submodule(path)
        if strict:
            parent._member(name, Walk, "an nn.Module")
        setattr(parent, name, module)

    def get_parameter(self, target: str) -> Parameter:
        """The parameter with the dotted name `target`; raises as `get_submodule`."""
        path, _, name = target.rpartition(".")
        parent = self.get_submodule(path)
        parameter: Parameter = parent._member(name, Parameter, "an nn.Parameter")
        return parameter

    def get_buffer(self, target: str) -> Tensor:
        """The buffer with the dotted name `target`; raises as `get_submodule`."""
        path, _, name = target.rpartition(".")
        module = self.get_submodule(path)
        if name not in module._buffers:
            raise AttributeError(f"{type(module).__name__} has no buffer `{name}`")
        buffer: Tensor = module._buffers[name]
        return buffer

    def _member(self, name: str, kind: type, expected: str) -> Any:
        if not hasattr(self, name):
            raise AttributeError(f"{type(self).__name__} has no attribute `{name}`")
        member = getattr(self, name)
        if not isinstance(member, kind):
            raise AttributeError(f"`{name}` is not {expected}")
        return member


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
