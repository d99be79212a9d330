"""The collective operations, as generators that name the messages they wait for (see work.py).

They are written with messages between two, and not with those of MPI, for three reasons: MPI may
add in another order at each run, it knows no 16-bit floats, and it neither sees that ranks call
different things nor stops to wait. Tensors here are contiguous; `places` are numbers in the group.
"""

from __future__ import annotations

from .reduce_op import ReduceOp

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fastgrad.tensor import Tensor

    from .group import ProcessGroup
    from .work import Steps

    Range = tuple[int, int]


class Exchange:
    """The messages of one operation in a group, to and from places."""

    def __init__(self, group: ProcessGroup, tag: int, words: str) -> None:
        self.world, self.ranks, self.tag, self.words = group.world, group.ranks, tag, words
        self.place, self.size = group.rank(), group.size()
        self.has_parts = False  # whether what two ranks exchange may have a shape of its own

    def __call__(
        self,
        sends: Mapping[int, Tensor | None],
        receives: Mapping[int, Tensor | None],
        is_known: bool = False,
    ) -> Steps:
        """Send and receive; unless the others are known, see first that they do the same."""
        world, tag, requests = self.world, self.tag, []
        for to, data in sends.items():
            words = None if is_known else self._words(data)
            requests += world.send(self.ranks[to], tag, words, data)
        if not is_known and receives:
            expected = {self.ranks[place]: self._words(into) for place, into in receives.items()}
            yield from world.headers(tag, expected)
        for place, into in receives.items():
            if into is not None:
                requests += world.data(self.ranks[place], tag, into)
        yield [self.ranks[place] for place in (*receives, *sends)], requests

    def _words(self, data: Tensor | None) -> str:
        """What the header says; parts of different sizes say their own."""
        if data is None or not self.has_parts:
            return self.words
        return f"{self.words}, a part of shape {list(data.shape)}"


def barrier(exchange: Exchange) -> Steps:
    """After log2(n) rounds every rank has heard, through others, of all."""
    place, size, distance = exchange.place, exchange.size, 1
    while distance < size:
        yield from exchange({(place + distance) % size: None}, {(place - distance) % size: None})
        distance *= 2


def broadcast(exchange: Exchange, data: Tensor, root: int) -> Steps:
    """A tree: who has the data passes them on to who is half as far away."""
    size = exchange.size
    own = (exchange.place - root) % size
    bit = 1
    while bit < size and not own & bit:
        bit *= 2
    if own:
        yield from exchange({}, {(own - bit + root) % size: data})
    children = []
    while bit := bit // 2:
        if own + bit < size:
            children.append((own + bit + root) % size)
    yield from exchange(dict.fromkeys(children, data), {})


def all_reduce(exchange: Exchange, data: Tensor, op: ReduceOp) -> Steps:
    """Halve and double: each pair adds the halves that it keeps, then the sums come back.

    Each element is combined in one place and in an order that depends on the number of ranks alone.
    Ranks beyond a power of two give theirs to a neighbour before, and get the result after.

    R. Rabenseifner, "Optimization of collective reduction operations", ICCS 2004.
    """
    place, size = exchange.place, exchange.size
    power = 1 << size.bit_length() - 1
    extra = size - power
    if place < 2 * extra:
        if place % 2:
            yield from exchange({place - 1: data}, {})
            yield from exchange({}, {place - 1: data})
            return
        other = data.new_empty(data.shape)
        yield from exchange({}, {place + 1: other})
        op.combine(data, other)
    yield from _halve_and_double(exchange, data, op, power, extra)
    op.complete(data, size)
    if place < 2 * extra:
        yield from exchange({place + 1: data}, {})


def _halve_and_double(
    exchange: Exchange, data: Tensor, op: ReduceOp, power: int, extra: int
) -> Steps:
    place = exchange.place
    own = place // 2 if place < 2 * extra else place - extra
    kept: Range = (0, data.numel())
    passed: list[tuple[int, Range]] = []
    distance = power // 2
    while distance:
        partner = own ^ distance
        partner = 2 * partner if partner < extra else partner + extra
        middle = (kept[0] + kept[1]) // 2
        halves = ((kept[0], middle), (middle, kept[1]))
        kept, given = halves if not own & distance else halves[::-1]
        passed.append((partner, given))
        other = data.new_empty(kept[1] - kept[0])
        yield from exchange({partner: data[slice(*given)]}, {partner: other})
        op.combine(data[slice(*kept)], other)
        distance //= 2
    for partner, given in reversed(passed):
        start, end = min(kept[0], given[0]), max(kept[1], given[1])
        yield from exchange(
            {partner: data[slice(*kept)]}, {partner: data[slice(*given)]}, is_known=True
        )
        kept = (start, end)


def all_to_all(exchange: Exchange, outputs: Sequence[Tensor], inputs: Sequence[Tensor]) -> Steps:
    """Everybody sends each other rank its part."""
    exchange.has_parts = True
    others = [place for place in range(exchange.size) if place != exchange.place]
    outputs[exchange.place].copy_(inputs[exchange.place])
    yield from exchange(
        {place: inputs[place] for place in others}, {place: outputs[place] for place in others}
    )


def reduce_scatter(
    exchange: Exchange, output: Tensor, inputs: Sequence[Tensor], op: ReduceOp
) -> Steps:
    """Each rank gets all parts that are its own, and combines them in the order of the ranks."""
    parts = [output.new_empty(output.shape) for _ in range(exchange.size)]
    yield from all_to_all(exchange, parts, inputs)
    output.copy_(parts[0])
    for part in parts[1:]:
        op.combine(output, part)
    op.complete(output, exchange.size)


def gather(exchange: Exchange, outputs: Sequence[Tensor] | None, data: Tensor, root: int) -> Steps:
    """Everybody sends to the root."""
    if outputs is None:
        yield from exchange({root: data}, {})
        return
    outputs[root].copy_(data)
    yield from exchange(
        {}, {place: outputs[place] for place in range(exchange.size) if place != root}
    )


def scatter(
    exchange: Exchange, output: Tensor, inputs: Sequence[Tensor] | None, root: int
) -> Steps:
    """The root sends to everybody."""
    if inputs is None:
        yield from exchange({}, {root: output})
        return
    output.copy_(inputs[root])
    yield from exchange(
        {place: inputs[place] for place in range(exchange.size) if place != root}, {}
    )
