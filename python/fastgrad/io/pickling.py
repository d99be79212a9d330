"""Plain containers and tensors as a pickle of PyTorch's layout, without the pickle module.

What ``torch.load(weights_only=True)`` reads can be written: containers, numbers, text, bytes,
tensors, parameters, sizes, dtypes and devices; and NumPy's arrays of numbers, which it reads with
``weights_only=False``. Protocol 2, as ``torch.save`` writes.
"""

from __future__ import annotations

import struct
from collections import OrderedDict
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import fastgrad as fg
from fastgrad.io.storages import STORAGE_NAMES

if TYPE_CHECKING:
    from fastgrad.io.storages import Place, Storages

# An exact container of these types is written; a subclass may mean something else.
CONTAINERS = (dict, OrderedDict, list, tuple, set)


def children(value: Any, path: str) -> Iterator[tuple[Any, str]]:
    """What a container holds, each with the expression that reaches it."""
    kind = type(value)
    if kind in (dict, OrderedDict):
        for key, item in value.items():
            yield key, f"a key of {path}"
            yield item, f"{path}[{key!r}]"
        yield from ((v, f"{path}.{name}") for name, v in getattr(value, "__dict__", {}).items())
    elif kind in CONTAINERS:
        yield from ((item, f"{path}[{i}]") for i, item in enumerate(value))


def tensors_in(value: Any, path: str = "obj") -> Iterator[fg.Tensor]:
    """The tensors in nested containers, each once."""
    seen: set[int] = set()
    waiting = [(value, path)]
    while waiting:
        item, at = waiting.pop()
        if id(item) in seen:
            continue
        seen.add(id(item))
        if isinstance(item, fg.Tensor):
            yield item
        else:
            waiting.extend(children(item, at))


class Pickler:
    """Writes one value; see :func:`dumps`."""

    def __init__(self, storages: Storages) -> None:
        self.out = bytearray(b"\x80\x02")
        self.storages = storages
        self.memo: dict[Any, int] = {}
        self.kept: list[Any] = []  # so that no other object gets the id of one in the memo

    def remember(self, key: Any) -> None:
        """Give what lies on the stack a number, under which it can be named again."""
        number = self.memo[key] = len(self.memo)
        self.out += b"q%c" % number if number < 256 else b"r" + struct.pack("<I", number)

    def recall(self, key: Any) -> bool:
        """Name what was written before, if it was."""
        number = self.memo.get(key)
        if number is None:
            return False
        self.out += b"h%c" % number if number < 256 else b"j" + struct.pack("<I", number)
        return True

    def name(self, module: str, name: str) -> None:
        """A global name of PyTorch's."""
        key = ("name", module, name)
        if not self.recall(key):
            self.out += f"c{module}\n{name}\n".encode()
            self.remember(key)

    def text(self, value: str) -> None:
        key = ("text", value)
        if not self.recall(key):
            data = value.encode("utf-8", "surrogatepass")
            self.out += b"X" + struct.pack("<I", len(data)) + data
            self.remember(key)

    def integer(self, value: int) -> None:
        if 0 <= value < 256:
            self.out += b"K%c" % value
        elif -(1 << 31) <= value < 1 << 31:
            self.out += b"J" + struct.pack("<i", value)
        else:
            data = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
            short = len(data) < 256
            self.out += b"\x8a%c" % len(data) if short else b"\x8b" + struct.pack("<i", len(data))
            self.out += data

    def call(self, module: str, name: str, args: tuple[Any, ...], path: str) -> None:
        """``module.name(*args)``"""
        self.name(module, name)
        self.items(args, path)
        self.out += b"R"

    def items(self, values: Any, path: str) -> None:
        """A tuple, without a number in the memo."""
        self.out += b"("
        for i, value in enumerate(values):
            self.value(value, f"{path}[{i}]")
        self.out += b"t"

    def value(self, value: Any, path: str) -> None:
        """Any value.

        Raises:
            TypeError: It is none of what can be written; the message says where it is.
        """
        kind = type(value)
        if value is None or kind is bool:
            self.out += {None: b"N", True: b"\x88", False: b"\x89"}[value]
        elif kind is int:
            self.integer(value)
        elif kind is float:
            self.out += b"G" + struct.pack(">d", value)
        elif kind is str:
            self.text(value)
        elif isinstance(value, fg.Tensor) or kind in CONTAINERS or _is_array(value):
            if not self.recall(id(value)):
                self.kept.append(value)
                self.shared(value, path)
        else:
            self.rare(value, path)

    def shared(self, value: Any, path: str) -> None:
        """What is written once, however often it is found."""
        if isinstance(value, fg.Tensor):
            self.tensor(value)
        elif type(value) in CONTAINERS:
            self.container(value, path)
        else:
            self.array(value)

    def rare(self, value: Any, path: str) -> None:
        kind = type(value)
        if kind is bytes:
            self.call("_codecs", "encode", (value.decode("latin1"), "latin1"), path)
        elif kind is complex:
            self.call("__builtin__", "complex", (value.real, value.imag), path)
        elif kind is fg.Size:
            self.call("torch", "Size", (tuple(value),), path)
        elif kind is fg.dtype:
            self.name("torch", str(value).removeprefix("torch."))
        elif kind is fg.device:
            self.call("torch", "device", (value.type,), path)
        else:
            raise TypeError(
                f"save: {path} is a {kind.__module__}.{kind.__name__}: {_advice(value)}"
            )

    def container(self, value: Any, path: str) -> None:
        kind = type(value)
        if kind is tuple:
            self.items(value, path)
            if self.recall_inside(value):
                return
            self.remember(id(value))
        elif kind is list:
            self.out += b"]"
            self.remember(id(value))
            self.out += b"("
            for i, item in enumerate(value):
                self.value(item, f"{path}[{i}]")
            self.out += b"e"
        elif kind is set:
            self.call("__builtin__", "set", (list(value),), path)
            self.remember(id(value))
        else:
            self.mapping(value, path)

    def recall_inside(self, value: Any) -> bool:
        """A tuple that holds itself through a list was written while its items were."""
        if id(value) not in self.memo:
            return False
        self.out += b"0"
        return self.recall(id(value))

    def mapping(self, value: Any, path: str) -> None:
        if type(value) is dict:
            self.out += b"}"
        else:
            self.call("collections", "OrderedDict", (), path)
        self.remember(id(value))
        self.out += b"("
        for key, item in value.items():
            self.value(key, f"a key of {path}")
            self.value(item, f"{path}[{key!r}]")
        self.out += b"u"
        attributes = getattr(value, "__dict__", None)
        if attributes:
            self.value(attributes, f"{path}.__dict__")
            self.out += b"b"

    def array(self, value: Any) -> None:
        """An array as NumPy pickles it: an empty one, and then its state."""
        self.name("numpy.core.multiarray", "_reconstruct")  # later releases know this name, too
        self.out += b"("
        self.name("numpy", "ndarray")
        self.value((0,), "")
        self.value(b"b", "")
        self.out += b"tR"
        self.remember(id(value))
        self.out += b"("
        self.value(1, "")
        self.items(value.shape, "")
        order, code = value.dtype.str[0], value.dtype.str[1:]
        self.call("numpy", "dtype", (code, False, True), "")
        self.items((3, order, None, None, None, -1, -1, 0), "")
        self.out += b"b"
        self.value(False, "")
        self.value(value.tobytes(), "")
        self.out += b"tb"

    def tensor(self, value: fg.Tensor) -> None:
        if isinstance(value, fg.nn.Parameter):
            self.name("torch._utils", "_rebuild_parameter")
            self.out += b"("
            self.data(value, requires_grad=False)
            self.value(value.requires_grad, "")
        else:
            self.data(value, value.requires_grad, finish=False)
        self.call("collections", "OrderedDict", (), "")  # backward hooks: none
        self.out += b"tR"
        self.remember(id(value))

    def data(self, value: fg.Tensor, requires_grad: bool, finish: bool = True) -> None:
        place: Place = self.storages.place_of(value)
        self.name("torch._utils", "_rebuild_tensor_v2")
        self.out += b"(("
        self.text("storage")
        self.name("torch", STORAGE_NAMES[value.dtype])
        self.text(str(place.storage))
        self.text(str(value.device))
        self.integer(place.numel)
        self.out += b"tQ"
        self.integer(place.offset)
        self.items(tuple(value.shape), "")
        self.items(place.strides, "")
        self.value(requires_grad, "")
        if finish:
            self.call("collections", "OrderedDict", (), "")
            self.out += b"tR"


def dumps(value: Any, storages: Storages) -> bytes:
    """The pickle of a value whose tensors lie in `storages`.

    Raises:
        TypeError: Something in it cannot be written; the message says what and where.
    """
    pickler = Pickler(storages)
    pickler.value(value, "obj")
    pickler.out += b"."
    return bytes(pickler.out)


def _is_array(value: Any) -> bool:
    """Whether a value is an array of numbers of NumPy's, which is not imported for the question."""
    kind = type(value)
    return (
        (kind.__module__, kind.__name__) == ("numpy", "ndarray")
        and value.dtype.kind in "biuf"
        and value.dtype.itemsize <= 8
    )


def _advice(value: Any) -> str:
    if isinstance(value, fg.nn.Module):
        return "save its state_dict(), and load_state_dict() into a new module"
    if hasattr(value, "state_dict"):
        return "save its state_dict()"
    if hasattr(value, "__array__"):
        return "save torch.as_tensor(...) of it, or its item()"
    if isinstance(value, (dict, list, tuple, set, int, float, str)):
        return f"save it as a plain {next(t for t in type(value).__mro__ if t in _PLAIN).__name__}"
    return "save tensors, numbers, text, and lists, tuples, sets and dictionaries of them"


_PLAIN = (dict, list, tuple, set, int, float, str)
