"""Streams, which do their work in order and beside each other, and events in them."""

from __future__ import annotations

from fastgrad._core import accelerator
from fastgrad.cuda._devices import device as _current
from fastgrad.cuda._devices import device_index
from fastgrad.device import place_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from fastgrad._types import Place
    from fastgrad.device import device

__all__ = [
    "Event",
    "ExternalStream",
    "Stream",
    "StreamContext",
    "current_stream",
    "default_stream",
    "set_stream",
    "stream",
]


class Stream:
    """A queue of work for a CUDA device. In a with statement: the current one.

    What is given to different streams may run at the same time: `wait_stream` and events say what
    has to wait for what. Memory that a tensor gives up is used again in the order of the stream it
    was made on; where another one still works with it, ``tensor.record_stream`` says so.

    Args:
        device: the device; unless told, the current one.
        priority: lower numbers go first.

    Raises:
        AssertionError: this build has no CUDA.

    Follows ``torch.cuda.Stream``.

    >>> import fastgrad as torch
    >>> if torch.cuda.is_available():
    ...     with torch.cuda.stream(torch.cuda.Stream()):
    ...         _ = torch.ones(2, device="cuda") + 1
    """

    device: device
    cuda_stream: int
    priority: int
    _contexts: list[StreamContext]

    def __init__(self, device: Place | None = None, priority: int = 0) -> None:
        index = device_index(device)
        self._set(index, accelerator.new_stream(index, priority), priority)

    def _set(self, index: int, address: int, priority: int) -> None:
        self.device, self.cuda_stream, self.priority = place_of(index), address, priority
        self._contexts = []

    @classmethod
    def _at(cls, index: int, address: int) -> Stream:
        """The stream that CUDA knows by this address."""
        found = cls.__new__(cls)
        found._set(index, address, 0)
        return found

    @property
    def stream_id(self) -> int:
        """What tells the streams of a device apart."""
        return self.cuda_stream

    @property
    def device_index(self) -> int:
        """The number of the device."""
        return self.device.index or 0

    def query(self) -> bool:
        """Whether all that the stream was given is done."""
        return accelerator.stream_is_done(self.device_index, self.cuda_stream)

    def synchronize(self) -> None:
        """Wait until all that the stream was given is done.

        Raises:
            IndexError: a kernel was given a label or an index out of range.
        """
        accelerator.synchronize_stream(self.device_index, self.cuda_stream)

    def record_event(self, event: Event | None = None) -> Event:
        """Put an event, a new one unless told, behind all that the stream was given."""
        event = Event() if event is None else event
        event.record(self)
        return event

    def wait_event(self, event: Event) -> None:
        """Let what the stream is given from now on wait for an event."""
        event.wait(self)

    def wait_stream(self, stream: Stream) -> None:
        """Let what this stream is given from now on wait for all that another one was given."""
        self.wait_event(stream.record_event())

    def __enter__(self) -> Stream:
        context = StreamContext(self)
        context.__enter__()
        self._contexts.append(context)
        return self

    def __exit__(self, *raised: object) -> None:
        self._contexts.pop().__exit__(*raised)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Stream):
            return NotImplemented
        return (self.device, self.cuda_stream) == (other.device, other.cuda_stream)

    def __hash__(self) -> int:
        return hash((self.device, self.cuda_stream))

    def __repr__(self) -> str:
        return f"<torch.cuda.Stream device={self.device} cuda_stream={self.cuda_stream:#x}>"


class ExternalStream(Stream):
    """A stream that another library made and keeps.

    Args:
        stream_ptr: CUDA's address of it.
        device: its device; unless told, the current one.

    Raises:
        AssertionError: this build has no CUDA.

    Follows ``torch.cuda.ExternalStream``.

    >>> import fastgrad as torch
    >>> if torch.cuda.is_available():
    ...     assert torch.cuda.ExternalStream(0) == torch.cuda.default_stream()
    """

    def __init__(self, stream_ptr: int, device: Place | None = None) -> None:
        self._set(device_index(device), stream_ptr, 0)


class Event:
    """A point in a stream, to wait for or to measure from.

    Args:
        enable_timing: whether `elapsed_time` will be asked.
        blocking: whether `synchronize` lets the processor rest.
        interprocess: only False is possible.

    Raises:
        NotImplementedError: `interprocess` is True.

    Follows ``torch.cuda.Event``.

    >>> import fastgrad as torch
    >>> if torch.cuda.is_available():
    ...     start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    ...     start.record()
    ...     end.record()
    ...     end.synchronize()
    ...     assert start.elapsed_time(end) >= 0
    """

    def __init__(
        self, enable_timing: bool = False, blocking: bool = False, interprocess: bool = False
    ) -> None:
        if interprocess:
            raise NotImplementedError("Event: events are not shared between processes")
        self._timing, self._blocking = bool(enable_timing), bool(blocking)
        self.cuda_event = 0  # made on the device where it is first recorded
        self._index = -1

    def __del__(self) -> None:
        if getattr(self, "cuda_event", 0):
            accelerator.free_event(self.cuda_event)

    @property
    def device(self) -> device | None:
        """The device on which it was recorded; None before."""
        return None if self._index < 0 else place_of(self._index)

    def record(self, stream: Stream | None = None) -> None:
        """Put the event behind all that a stream, the current one unless told, was given.

        Raises:
            RuntimeError: it was recorded on another device before.
        """
        stream = current_stream() if stream is None else stream
        if not self.cuda_event:
            self._index = stream.device_index
            self.cuda_event = accelerator.new_event(self._index, self._timing, self._blocking)
        elif self._index != stream.device_index:
            raise RuntimeError(
                f"Event device {self.device} does not match recording stream's device "
                f"{stream.device}."
            )
        accelerator.record_event(self.cuda_event, self._index, stream.cuda_stream)

    def wait(self, stream: Stream | None = None) -> None:
        """Let what a stream, the current one unless told, is given from now on wait for it."""
        if self.cuda_event:
            stream = current_stream() if stream is None else stream
            accelerator.wait_event(stream.device_index, stream.cuda_stream, self.cuda_event)

    def query(self) -> bool:
        """Whether all that came before it is done."""
        return not self.cuda_event or accelerator.event_is_done(self.cuda_event)

    def synchronize(self) -> None:
        """Wait until all that came before it is done.

        Raises:
            IndexError: a kernel was given a label or an index out of range.
        """
        if self.cuda_event:
            accelerator.synchronize_event(self._index, self.cuda_event)

    def elapsed_time(self, end_event: Event) -> float:
        """The milliseconds from this event to another one.

        Raises:
            RuntimeError: one was not recorded or is not done.
            ValueError: one does not measure time.
        """
        if not (self._timing and end_event._timing):
            raise ValueError("Both events must be created with argument 'enable_timing=True'.")
        if not (self.cuda_event and end_event.cuda_event):
            raise RuntimeError("Both events must be recorded before calculating elapsed time.")
        if not (self.query() and end_event.query()):
            raise RuntimeError("Both events must be completed before calculating elapsed time.")
        return accelerator.milliseconds_between(self.cuda_event, end_event.cuda_event)

    def __repr__(self) -> str:
        address = f"{self.cuda_event:#x}" if self.cuda_event else "uninitialized"
        return f"<torch.cuda.Event {address}>"


def current_stream(device: Place | None = None) -> Stream:
    """The stream of a CUDA device to which this thread gives its work.

    Raises:
        AssertionError: this build has no CUDA.

    >>> import fastgrad as torch
    >>> if torch.cuda.is_available():
    ...     assert torch.cuda.current_stream() == torch.cuda.default_stream()
    """
    index = device_index(device)
    return Stream._at(index, accelerator.current_stream(index))


def default_stream(device: Place | None = None) -> Stream:
    """The stream of a CUDA device that is current unless another one was chosen.

    Raises:
        AssertionError: this build has no CUDA.

    >>> import fastgrad as torch
    >>> if torch.cuda.is_available():
    ...     assert torch.cuda.default_stream().cuda_stream == 0
    """
    index = device_index(device)
    accelerator.current_stream(index)  # is there such a device?
    return Stream._at(index, 0)


def set_stream(stream: Stream | None) -> None:
    """Make a stream the current one of its device in this thread, and its device the current one.

    >>> import fastgrad as torch
    >>> torch.cuda.set_stream(None)
    """
    if stream is not None:
        accelerator.set_device(stream.device_index)
        accelerator.set_stream(stream.device_index, stream.cuda_stream)


class StreamContext:
    """A ``with`` block in which a stream is the current one; None changes nothing.

    Follows ``torch.cuda.StreamContext``.

    >>> import fastgrad as torch
    >>> with torch.cuda.StreamContext(None):
    ...     pass
    """

    def __init__(self, stream: Stream | None) -> None:
        self.stream = stream
        self._device: Any = None
        self._before = 0

    def __enter__(self) -> None:
        if self.stream is None:
            return
        index = self.stream.device_index
        self._device = _current(index)
        self._device.__enter__()
        self._before = accelerator.current_stream(index)
        accelerator.set_stream(index, self.stream.cuda_stream)

    def __exit__(self, *raised: object) -> None:
        if self.stream is None:
            return
        accelerator.set_stream(self.stream.device_index, self._before)
        self._device.__exit__()


def stream(stream: Stream | None) -> StreamContext:
    """A ``with`` block in which a stream is the current one; None changes nothing.

    >>> import fastgrad as torch
    >>> with torch.cuda.stream(None):
    ...     pass
    """
    return StreamContext(stream)
