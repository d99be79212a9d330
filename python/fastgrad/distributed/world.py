"""All processes of a run: their messages, and what they tell each other when one is late."""

from __future__ import annotations

import os
import sys
import time

from . import mpi
from .errors import DistBackendError, DistError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator, Sequence
    from typing import Any

    from fastgrad.tensor import Tensor

    from .work import Work

_HEADER = 512  # bytes of the words that go before the data
_INQUIRY, _ANSWER = 1, 2
_ANSWER_SECONDS = 1.0  # how long a late operation waits for what the others say


class World:
    """The processes that MPI started, by the ranks that it gave them.

    Groups share its communicators and tell their messages apart by tags: making a group needs no
    messages, and so cannot hang.
    """

    def __init__(self) -> None:
        self.MPI = mpi.load()
        everyone = self.MPI.COMM_WORLD
        self.rank: int = everyone.Get_rank()
        self.size: int = everyone.Get_size()
        everyone.Set_errhandler(self.MPI.ERRORS_RETURN)
        self._collective, self._direct, self._direct_data, self._control = (
            everyone.Dup() for _ in range(4)
        )
        self.tags: int = everyone.Get_attr(self.MPI.TAG_UB) + 1
        self._sent = 0  # numbers the data of direct messages
        self._answers: list[Any] = []

    # Messages

    def all_arrived(self, requests: list[Any]) -> bool:
        """Whether all requests are done; gives MPI the time to move them."""
        return not requests or bool(self.MPI.Request.Testall(requests))

    def send(self, to: int, tag: int, words: str | None, data: Tensor | None) -> list[Any]:
        """Send a part of a collective operation: words that say what it is, and the data."""
        return self._post(self._collective, to, tag, words, self._collective, tag, data)

    def send_direct(self, to: int, tag: int, words: str, data: Tensor) -> list[Any]:
        """Send a message that one rank asks for by its tag."""
        self._sent += 1
        number = self._sent % self.tags
        words = f"{number} {self.rank} {words}"
        return self._post(self._direct, to, tag, words, self._direct_data, number, data)

    def _post(
        self,
        comm: Any,
        to: int,
        tag: int,
        words: str | None,
        data_comm: Any,
        data_tag: int,
        data: Tensor | None,
    ) -> list[Any]:
        requests = []
        if words is not None:
            requests.append(comm.Isend([words.encode()[:_HEADER], self.MPI.BYTE], to, tag))
        if data is not None and data.numel():
            requests.append(data_comm.Isend([buffer(data), self.MPI.BYTE], to, data_tag))
        return requests

    def headers(
        self, tag: int, expected: dict[int, str]
    ) -> Generator[tuple[Sequence[int], list[Any]], None, None]:
        """Receive the words of each rank, and see that they are the expected ones."""
        buffers = {rank: bytearray(_HEADER) for rank in expected}
        requests = [
            self._collective.Irecv([buffers[rank], self.MPI.BYTE], rank, tag) for rank in expected
        ]
        yield list(expected), requests
        for rank, words in expected.items():
            self.compare(rank, text(buffers[rank]), words)

    def data(self, rank: int, tag: int, into: Tensor) -> list[Any]:
        """Receive the data that follow the words."""
        if not into.numel():
            return []
        return [self._collective.Irecv([buffer(into), self.MPI.BYTE], rank, tag)]

    def receive_direct(
        self, source: int | None, tag: int, words: str, into: Tensor
    ) -> Generator[tuple[Sequence[int], list[Any]], None, int]:
        """Receive a message of a rank, or of any; return whose it was."""
        header = bytearray(_HEADER)
        wanted = self.MPI.ANY_SOURCE if source is None else source
        others = [rank for rank in range(self.size) if rank != self.rank]
        request = self._direct.Irecv([header, self.MPI.BYTE], wanted, tag)
        yield (others if source is None else [source]), [request]
        number, sender, sent = text(header).split(" ", 2)
        self.compare(int(sender), sent, words)
        if into.numel():
            data = [buffer(into), self.MPI.BYTE]
            yield [int(sender)], [self._direct_data.Irecv(data, int(sender), int(number))]
        return int(sender)

    def compare(self, rank: int, theirs: str, ours: str) -> None:
        """An error where another rank calls something else."""
        ours = ours.encode()[:_HEADER].decode(errors="replace")
        if theirs != ours:
            raise DistError(
                f"the ranks disagree: rank {self.rank} calls {ours}, and rank {rank} calls "
                f"{theirs}; every rank must make the same calls in the same order, with tensors of "
                "the same shape and dtype"
            )

    # What is said when a rank is late

    def lateness(self, work: Work, seconds: float) -> DistBackendError:
        """The error of an operation that is not done in time, after the others were asked."""
        said = self._ask()
        lines = [f"rank {rank} {said.get(rank) or _SILENT}" for rank in self._blamed(work, said)]
        return DistBackendError(
            f"rank {self.rank} waited {seconds:g} s in {work.call}, in vain: {'; '.join(lines)}. "
            "Every rank must make the same calls in the same order; timeout= of "
            "init_process_group() gives slow ranks more time"
        )

    def _blamed(self, work: Work, said: dict[int, str]) -> list[int]:
        """Those that are not in this operation; where all are, those that it waits for."""
        others = [rank for rank in range(self.size) if rank != self.rank]
        absent = [rank for rank in others if work.call not in said.get(rank, "")]
        return absent or list(work.waits_for)

    def _ask(self) -> dict[int, str]:
        """What the others say that they wait for; those that compute or are dead say nothing."""
        others = [rank for rank in range(self.size) if rank != self.rank]
        sent = [self._tell(rank, _INQUIRY, "?") for rank in others]
        said: dict[int, str] = {}
        deadline = time.monotonic() + _ANSWER_SECONDS
        while len(said) < len(others) and time.monotonic() < deadline:
            self.answer_inquiries()
            for rank, words in self._heard(_ANSWER):
                said[rank] = words
            time.sleep(1e-3)
        self._answers += sent
        return said

    def answer_inquiries(self) -> None:
        """Tell those who ask what this rank waits for."""
        from .work import under_way

        for rank, _ in self._heard(_INQUIRY):
            calls = " and ".join(work.call for work in under_way())
            self._answers.append(self._tell(rank, _ANSWER, f"waits in {calls}" if calls else ""))

    def _heard(self, tag: int) -> list[tuple[int, str]]:
        status, heard = self.MPI.Status(), []
        while self._control.Iprobe(self.MPI.ANY_SOURCE, tag, status):
            words, rank = bytearray(_HEADER), status.Get_source()
            self._control.Recv([words, self.MPI.BYTE], rank, tag)
            heard.append((rank, text(words)))
        return heard

    def _tell(self, rank: int, tag: int, words: str) -> Any:
        return self._control.Isend([words.encode()[:_HEADER], self.MPI.BYTE], rank, tag)

    # The end

    def abort(self) -> None:
        """End all processes of the run; a supervisor has to pass on first what was printed."""
        sys.stdout.flush()
        sys.stderr.flush()
        if mpi.SUPERVISED in os.environ:
            os._exit(1)
        self.MPI.COMM_WORLD.Abort(1)


_SILENT = "has not called it (it computes, has stopped, or is dead)"


def buffer(data: Tensor) -> memoryview:
    """The bytes of a contiguous tensor, without a copy."""
    import fastgrad

    flat = data.detach().reshape(-1)
    return memoryview(flat.view(fastgrad.uint8))


def text(header: bytearray) -> str:
    """The words of a header."""
    return header.rstrip(b"\0").decode(errors="replace")
