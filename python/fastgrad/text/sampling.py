"""What word2vec trains on: fewer frequent words, words near each other, and noise.

Source: T. Mikolov et al., "Distributed representations of words and phrases and their
compositionality", NIPS 2013.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import fastgrad
from fastgrad import Generator, Tensor


def subsample(
    sentences: Sequence[Sequence[int]],
    t: float = 1e-4,
    generator: Generator | None = None,
) -> list[list[int]]:
    """Return sentences without most occurrences of their most frequent words.

    An occurrence of a word stays with probability sqrt(t / f), where f is the word's share of all.

    Args:
        sentences: Lists of numbers of tokens.
        t: Words with a smaller share all stay.
        generator: Where random numbers come from.

    Raises:
        ValueError: ``t`` is not positive.
        RuntimeError: A number of a token is negative.

    Source: Dive into Deep Learning, https://d2l.ai (``d2l.subsample``).

    >>> from fastgrad.text import subsample
    >>> subsample([[0, 1], [2]], t=1.0)
    [[0, 1], [2]]
    """
    if not t > 0:
        raise ValueError(f"subsample: t must be positive, got {t}")
    ids = fastgrad.tensor([token for line in sentences for token in line], dtype=fastgrad.int64)
    if not len(ids):
        return [[] for _ in sentences]
    shares = fastgrad.bincount(ids) / len(ids)
    chances = (t / shares).sqrt()[ids]
    kept = iter((fastgrad.rand(len(ids), generator=generator) < chances).tolist())
    return [[token for token in line if next(kept)] for line in sentences]


def skip_gram_pairs(
    sentences: Sequence[Sequence[int]],
    max_window_size: int,
    generator: Generator | None = None,
) -> tuple[Tensor, Tensor]:
    """Return each word with each word near it, within a window of random size.

    Args:
        sentences: Lists of numbers of tokens.
        max_window_size: For each word the window reaches 1 to this many words to each side.
        generator: Where random numbers come from.

    Returns:
        int64 [pairs] twice: the words in the middle, and those near them.

    Raises:
        ValueError: ``max_window_size`` is less than 1.

    Source: Dive into Deep Learning, https://d2l.ai (``d2l.get_centers_and_contexts``).

    >>> from fastgrad.text import skip_gram_pairs
    >>> skip_gram_pairs([[7, 8, 9]], max_window_size=1)
    (tensor([7, 8, 8, 9]), tensor([8, 7, 9, 8]))
    """
    centers: list[int] = []
    contexts: list[int] = []
    for token, near in context_windows(sentences, max_window_size, generator):
        contexts += near
        centers += [token] * len(near)
    as_tensor = (fastgrad.tensor(side, dtype=fastgrad.int64) for side in (centers, contexts))
    first, second = as_tensor
    return first, second


def context_windows(
    sentences: Sequence[Sequence[int]],
    max_window_size: int,
    generator: Generator | None = None,
) -> Iterator[tuple[int, list[int]]]:
    """Give each word, and the list of those near it; see :func:`skip_gram_pairs`.

    >>> from fastgrad.text.sampling import context_windows
    >>> list(context_windows([[7, 8, 9]], max_window_size=1))
    [(7, [8]), (8, [7, 9]), (9, [8])]
    """
    if max_window_size < 1:
        raise ValueError(
            f"skip_gram_pairs: max_window_size must be at least 1, got {max_window_size}"
        )
    count = sum(map(len, sentences))
    drawn = fastgrad.randint(1, max_window_size + 1, (count,), generator=generator).tolist()
    windows = iter(drawn)
    for line in sentences:
        for place, token in enumerate(line):
            window = next(windows)
            end = place + 1 + window
            yield token, [*line[max(0, place - window) : place], *line[place + 1 : end]]


class NegativeSampler:
    """Draws words that are not near a word: those that occur often, but less so than they do.

    Args:
        counts: How often each token occurs, [tokens].
        power: Word i is drawn with a probability in proportion to ``counts[i] ** power``.
        generator: Where random numbers come from.

    Raises:
        ValueError: Fewer than two tokens occur, so that one would have no other.

    Source: Dive into Deep Learning, https://d2l.ai (``d2l.get_negatives``).

    >>> import fastgrad as torch
    >>> from fastgrad.text import NegativeSampler
    >>> sampler = NegativeSampler(torch.tensor([5, 0, 3]))
    >>> sampler(torch.tensor([0, 2]), 2)
    tensor([[2, 2],
            [0, 0]])
    """

    def __init__(
        self, counts: Tensor, power: float = 0.75, generator: Generator | None = None
    ) -> None:
        if counts.ndim != 1 or int((counts > 0).sum().item()) < 2 or bool((counts < 0).any()):
            raise ValueError(
                "NegativeSampler: expected counts of one dimension, not negative, with two or more "
                f"above zero, got shape {list(counts.shape)}"
            )
        weights = fastgrad.where(counts > 0, counts.double() ** power, 0.0)
        self._ends = (weights / weights.sum()).cumsum(0)
        self._last = int((counts > 0).nonzero().max().item())
        self._generator = generator

    def __call__(self, positives: Tensor, count: int) -> Tensor:
        """Return int64 [pairs, count]: tokens of which none is the positive one of its row.

        Args:
            positives: int64 [pairs].
            count: How many are drawn for each.
        """
        drawn = self._draw((len(positives), count))
        wrong = drawn == positives.unsqueeze(1)
        while bool(wrong.any()):
            again = self._draw((int(wrong.sum().item()),))
            drawn[wrong] = again
            wrong = drawn == positives.unsqueeze(1)
        return drawn

    def _draw(self, shape: tuple[int, ...]) -> Tensor:
        numbers = fastgrad.rand(*shape, dtype=fastgrad.float64, generator=self._generator)
        # right=True: a token whose share is zero ends where it begins, and nothing falls into it.
        places = fastgrad.searchsorted(self._ends, numbers, right=True)
        return places.clamp(max=self._last)  # rounding may leave the last end below 1
