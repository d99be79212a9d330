"""A reader of pickles that runs no code: a bounded interpreter of the opcodes that data needs.

Python's own ``pickle`` imports and calls whatever a file names. This reader knows a handful of
names (the caller's table), and builds nothing but containers, numbers, text and what these names
make. Memory stays proportional to the length of the pickle.
"""

from __future__ import annotations

import struct
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pickle import UnpicklingError
from typing import Any, TypeAlias

Names: TypeAlias = Mapping[tuple[str, str], Any]
LONGEST_INTEGER = 1024  # bytes; converting huge ones to text takes quadratic time
DEEPEST_KEY = 8  # keys are hashed recursively

_MARK = object()


class Named:
    """What a name of the table stands for while it is not called: a function, a class."""

    __slots__ = ("call", "name")

    def __init__(self, name: str, call: Callable[..., Any]) -> None:
        self.name = name
        self.call = call

    def __repr__(self) -> str:
        return f"<{self.name}>"


class Buildable:
    """What a name of the table may make, if it takes a state afterwards."""

    def build(self, state: Any) -> None:
        """Take it.

        Raises:
            ValueError, TypeError: it is none for this.
        """
        raise NotImplementedError


class Unpickler:
    """Reads one pickle that starts at `position` of `data`.

    Args:
        data: The bytes.
        names: (module, name) -> a value, or a :class:`Named` to be called.
        persistent_load: Called with each persistent id, gives what stands in its place.
        position: Where the pickle starts; afterwards, where it ended.

    Example:
        >>> import pickle
        >>> from fastgrad.io.unpickling import Unpickler
        >>> Unpickler(pickle.dumps({"lr": [0.5, None]}), {}).load()
        {'lr': [0.5, None]}
    """

    def __init__(
        self,
        data: bytes | memoryview,
        names: Names,
        persistent_load: Callable[[Any], Any] | None = None,
        position: int = 0,
    ) -> None:
        self.data = data
        self.names = names
        self.persistent_load = persistent_load
        self.position = position
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}

    def load(self) -> Any:
        """The value.

        Raises:
            pickle.UnpicklingError: The pickle is cut off or damaged, or asks for something that is
                not in the table; the message says for what.
        """
        try:
            while True:
                code = self.take(1)[0]
                if code == 0x2E:  # STOP
                    return self.finished()
                operation = OPERATIONS.get(code)
                if operation is None:
                    raise UnpicklingError(f"opcode {bytes([code])!r} is not one that data needs")
                operation(self)
        except UnpicklingError as error:
            raise UnpicklingError(f"{error} (at byte {self.position} of the pickle)") from None

    def finished(self) -> Any:
        if len(self.stack) != 1 or isinstance(self.stack[0], Named) or self.stack[0] is _MARK:
            raise UnpicklingError("the pickle does not end with one value")
        return self.stack[0]

    # What the operations are made of

    def take(self, count: int) -> bytes:
        end = self.position + count
        if end > len(self.data):
            raise UnpicklingError("the pickle is cut off")
        piece = bytes(self.data[self.position : end])
        self.position = end
        return piece

    def number(self, code: str) -> int:
        return int(struct.unpack(code, self.take(struct.calcsize(code)))[0])

    def line(self) -> str:
        begin = self.position
        while self.take(1) != b"\n":
            if self.position - begin > 256:
                raise UnpicklingError("a name is too long")
        return self.decoded(bytes(self.data[begin : self.position - 1]))

    def decoded(self, data: bytes) -> str:
        try:
            return data.decode("utf-8", "surrogatepass")
        except UnicodeDecodeError as error:
            raise UnpicklingError(f"text is not UTF-8 ({error})") from None

    def push(self, value: Any) -> None:
        self.stack.append(value)

    def pop(self) -> Any:
        if not self.stack or self.stack[-1] is _MARK:
            raise UnpicklingError("a value is missing")
        return self.stack.pop()

    def top(self) -> Any:
        if not self.stack or self.stack[-1] is _MARK:
            raise UnpicklingError("a value is missing")
        return self.stack[-1]

    def pop_to_mark(self) -> list[Any]:
        for at in range(len(self.stack) - 1, -1, -1):
            if self.stack[at] is _MARK:
                items = self.stack[at + 1 :]
                del self.stack[at:]
                return items
        raise UnpicklingError("a mark is missing")

    # Operations

    def tuple_of(self, count: int) -> None:
        items = [self.pop() for _ in range(count)]
        self.push(tuple(reversed(items)))

    def text(self, code: str) -> None:
        self.push(self.decoded(self.take(self.number(code))))

    def bytes_(self, code: str) -> None:
        self.push(self.take(self.number(code)))

    def string(self, code: str) -> None:
        """Text of Python 2."""
        self.push(self.take(self.number(code)).decode("latin1"))

    def long(self, code: str) -> None:
        count = self.number(code)
        if not 0 <= count <= LONGEST_INTEGER:
            raise UnpicklingError(f"an integer of {count} bytes is too long")
        self.push(int.from_bytes(self.take(count), "little", signed=True))

    def append(self, items: list[Any]) -> None:
        target = self.top()
        if type(target) is not list:
            raise UnpicklingError(f"cannot append to {type(target).__name__}")
        target.extend(items)

    def set_items(self, items: list[Any]) -> None:
        target = self.top()
        if type(target) not in (dict, OrderedDict) or len(items) % 2:
            raise UnpicklingError(f"cannot set items of {type(target).__name__}")
        for key, value in zip(items[::2], items[1::2], strict=True):
            target[checked_key(key)] = value

    def add_items(self) -> None:
        items, target = self.pop_to_mark(), self.top()
        if type(target) is not set:
            raise UnpicklingError(f"cannot add items to {type(target).__name__}")
        target.update(map(checked_key, items))

    def remember(self, number: int) -> None:
        self.memo[number] = self.top()

    def recall(self, number: int) -> None:
        if number not in self.memo:
            raise UnpicklingError(f"nothing was remembered as {number}")
        self.push(self.memo[number])

    def find(self, module: Any, name: Any) -> None:
        if not (isinstance(module, str) and isinstance(name, str)):
            raise UnpicklingError("a name is no text")
        if (module, name) not in self.names:
            raise UnpicklingError(
                f"the file asks for {module}.{name}, and only data is read from files, no code: "
                "save tensors or a state_dict() instead of whole objects"
            )
        self.push(self.names[module, name])

    def stack_global(self) -> None:
        name, module = self.pop(), self.pop()
        self.find(module, name)

    def reduce(self) -> None:
        args, function = self.pop(), self.pop()
        if not isinstance(function, Named) or type(args) is not tuple:
            raise UnpicklingError(f"{type(function).__name__} cannot be called")
        try:
            self.push(function.call(*args))
        except (TypeError, ValueError, RuntimeError, OverflowError, AttributeError) as error:
            raise UnpicklingError(f"bad arguments of {function.name}: {error}") from error

    def build(self) -> None:
        """The state of a buildable; or attributes of an ordered dictionary: its ``_metadata``."""
        state, target = self.pop(), self.top()
        if isinstance(target, Buildable):
            try:
                return target.build(state)
            except (TypeError, ValueError, UnicodeError) as error:
                raise UnpicklingError(f"bad state of an object: {error}") from error
        if type(target) is not OrderedDict or type(state) is not dict:
            raise UnpicklingError(f"{type(target).__name__} cannot be given attributes")
        for name, value in state.items():
            if name != "_metadata":
                raise UnpicklingError(f"unexpected attribute {name!r} of a dictionary")
            target._metadata = value  # type: ignore[attr-defined]
        return None

    def persistent(self) -> None:
        if self.persistent_load is None:
            raise UnpicklingError("unexpected persistent id")
        self.push(self.persistent_load(self.pop()))


def checked_key(key: Any, depth: int = 0) -> Any:
    """A key of a dictionary, which must be of simple types, so that hashing it is harmless."""
    if type(key) is tuple and depth < DEEPEST_KEY:
        for item in key:
            checked_key(item, depth + 1)
    elif not (key is None or type(key) in (str, int, float, bool, bytes, complex)):
        raise UnpicklingError(f"a {type(key).__name__} cannot be a key")
    return key


OPERATIONS: dict[int, Callable[[Unpickler], object]] = {
    ord(code): operation
    for code, operation in {
        "\x80": lambda u: u.take(1),  # PROTO
        "\x95": lambda u: u.take(8),  # FRAME
        "(": lambda u: u.push(_MARK),
        "0": lambda u: u.pop(),
        "1": lambda u: u.pop_to_mark(),
        "N": lambda u: u.push(None),
        "\x88": lambda u: u.push(True),
        "\x89": lambda u: u.push(False),
        "K": lambda u: u.push(u.number("<B")),
        "M": lambda u: u.push(u.number("<H")),
        "J": lambda u: u.push(u.number("<i")),
        "\x8a": lambda u: u.long("<B"),
        "\x8b": lambda u: u.long("<i"),
        "G": lambda u: u.push(struct.unpack(">d", u.take(8))[0]),
        "X": lambda u: u.text("<I"),
        "\x8c": lambda u: u.text("<B"),
        "\x8d": lambda u: u.text("<Q"),
        "U": lambda u: u.string("<B"),
        "T": lambda u: u.string("<I"),
        "B": lambda u: u.bytes_("<I"),
        "C": lambda u: u.bytes_("<B"),
        "\x8e": lambda u: u.bytes_("<Q"),
        "}": lambda u: u.push({}),
        "]": lambda u: u.push([]),
        ")": lambda u: u.push(()),
        "\x8f": lambda u: u.push(set()),
        "d": lambda u: u.push(_dictionary(u.pop_to_mark())),
        "l": lambda u: u.push(u.pop_to_mark()),
        "t": lambda u: u.push(tuple(u.pop_to_mark())),
        "\x85": lambda u: u.tuple_of(1),
        "\x86": lambda u: u.tuple_of(2),
        "\x87": lambda u: u.tuple_of(3),
        "a": lambda u: u.append([u.pop()]),
        "e": lambda u: u.append(u.pop_to_mark()),
        "s": lambda u: u.set_items([u.pop(), u.pop()][::-1]),
        "u": lambda u: u.set_items(u.pop_to_mark()),
        "\x90": lambda u: u.add_items(),
        "q": lambda u: u.remember(u.number("<B")),
        "r": lambda u: u.remember(u.number("<I")),
        "\x94": lambda u: u.remember(len(u.memo)),
        "h": lambda u: u.recall(u.number("<B")),
        "j": lambda u: u.recall(u.number("<I")),
        "c": lambda u: u.find(u.line(), u.line()),
        "\x93": lambda u: u.stack_global(),
        "R": lambda u: u.reduce(),
        "\x81": lambda u: u.reduce(),  # NEWOBJ: the table's classes are made by calling them
        "b": lambda u: u.build(),
        "Q": lambda u: u.persistent(),
    }.items()
}


def _dictionary(items: list[Any]) -> dict[Any, Any]:
    if len(items) % 2:
        raise UnpicklingError("a dictionary lacks a value")
    return {checked_key(k): v for k, v in zip(items[::2], items[1::2], strict=True)}
