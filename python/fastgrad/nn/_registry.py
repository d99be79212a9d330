"""The ordered registries of a module: its parameters, buffers and child modules.

What is registered also stands in the module's ``__dict__``. Reading ``self.weight`` is then an
ordinary attribute access (about 5 ns), where a ``__getattr__`` that searches three registries costs
hundreds. `Registry` is the one place that writes both, so the two cannot disagree.
"""

from collections.abc import MutableMapping
from typing import Any, Self
from weakref import ref


class Registry(dict[str, Any]):
    """A dict of one kind of member whose entries are attributes of its owner as well.

    Args:
        owner: the module it belongs to; held weakly, so that a module dies with its last name.
        label: what a member is called in messages ("parameter", "module", "buffer").
        accepts: the class that a member must have. None is always accepted.
    """

    __slots__ = ("_owner", "accepts", "label")

    def __init__(self, owner: Any, label: str, accepts: type) -> None:
        self._owner = ref(owner)
        self.label = label
        self.accepts = accepts

    def copy_for(self, owner: Any) -> "Registry":
        """The same members, as attributes of another owner."""
        twin = Registry(owner, self.label, self.accepts)
        twin.update(self)
        return twin

    def replace(self, members: dict[str, Any]) -> None:
        """Make `members` the only entries, in their order."""
        members = dict(members)  # it may be made of this registry's own entries
        for name, member in members.items():
            self._check(name, member)
        self.clear()
        self.update(members)

    def _check(self, name: str, member: Any) -> None:
        if member is not None and not isinstance(member, self.accepts):
            raise TypeError(
                f"cannot assign '{type_name(member)}' as {self.label} '{name}'"
                f" ({self.accepts.__name__} or None expected)"
            )

    def __setitem__(self, name: str, member: Any) -> None:
        self._check(name, member)
        self.put(name, member)

    def put(self, name: str, member: Any) -> None:
        """Set a member of whatever class: a result can stand in for a parameter for a while."""
        super().__setitem__(name, member)
        owner = self._owner()
        if owner is not None:
            vars(owner)[name] = member

    def __delitem__(self, name: str) -> None:
        super().__delitem__(name)
        owner = self._owner()
        if owner is not None:
            vars(owner).pop(name, None)

    def popitem(self) -> tuple[str, Any]:
        name, member = super().popitem()
        super().__setitem__(name, member)
        del self[name]
        return name, member

    # dict's own versions of these would go round the methods above.
    clear = MutableMapping.clear
    pop = MutableMapping.pop
    setdefault = MutableMapping.setdefault
    update = MutableMapping.update

    def __ior__(self, members: Any) -> Self:  # type: ignore[override, misc]
        self.update(members)
        return self

    __copy__ = dict.copy

    def __reduce__(self) -> tuple[Any, ...]:
        owner = self._owner()
        if owner is None:
            return dict, (dict(self),)
        # The owner goes along: pickle and deepcopy are in the middle of it and refer back.
        return Registry, (owner, self.label, self.accepts), None, None, iter(self.items())


def type_name(value: Any) -> str:
    """The full name of a class, or of the class of any other value, for messages."""
    kind = value if isinstance(value, type) else type(value)
    module = "" if kind.__module__ == "builtins" else f"{kind.__module__}."
    return module + kind.__qualname__
