"""What BERT is pre-trained on: masked words, and whether a sentence follows another.

Source: J. Devlin et al., "BERT: Pre-training of deep bidirectional transformers for language
understanding", NAACL 2019.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Sequence

import fastgrad
from fastgrad import Generator, Tensor

IGNORED = -100  # what cross_entropy leaves out


def mask_tokens(
    ids: Tensor,
    mask_token: int,
    vocab_size: int,
    special_tokens: Collection[int] = (),
    probability: float = 0.15,
    generator: Generator | None = None,
) -> tuple[Tensor, Tensor]:
    """Hide some tokens, and return what is left and what was hidden.

    Of the chosen tokens 80 % become ``mask_token``, 10 % a random token, and 10 % stay.

    Args:
        ids: int64 of any shape.
        mask_token: The number of ``[MASK]``.
        vocab_size: How many tokens there are.
        special_tokens: Tokens that are never chosen, such as those of padding.
        probability: With which a token is chosen.
        generator: Where random numbers come from.

    Returns:
        The tokens with some hidden, and the labels: the token where one was chosen, elsewhere
        -100, which ``cross_entropy`` ignores. Both have the shape of ``ids``.

    Raises:
        ValueError: ``probability`` is not in [0, 1], or ``mask_token`` is out of range.

    >>> import fastgrad as torch
    >>> from fastgrad.text import mask_tokens
    >>> masked, labels = mask_tokens(torch.tensor([[5, 6, 0]]), 1, 10, special_tokens=[0])
    >>> bool((torch.where(labels == -100, masked, labels) == torch.tensor([[5, 6, 0]])).all())
    True
    """
    if not 0 <= probability <= 1 or not 0 <= mask_token < vocab_size:
        raise ValueError(
            "mask_tokens: expected a probability in [0, 1] and a mask_token below "
            f"{vocab_size}, got {probability} and {mask_token}"
        )
    chosen = fastgrad.rand(ids.shape, generator=generator) < probability
    for token in special_tokens:
        chosen = chosen & (ids != token)
    how = fastgrad.rand(ids.shape, generator=generator)
    other = fastgrad.randint(vocab_size, tuple(ids.shape), generator=generator)
    masked = ids.masked_fill(chosen & (how < 0.8), mask_token)
    masked = fastgrad.where(chosen & (how >= 0.9), other, masked)
    return masked, ids.masked_fill(~chosen, IGNORED)


def next_sentence_pairs(
    paragraphs: Sequence[Sequence[list[int]]], generator: Generator | None = None
) -> list[tuple[list[int], list[int], int]]:
    """Return each sentence with the next one, or with a random one, and which it is.

    Args:
        paragraphs: Lists of sentences, which are lists of numbers of tokens.
        generator: Where random numbers come from.

    Returns:
        (first sentence, second sentence, label) for all sentences but each paragraph's last. As
        in the published models, label 0 says that the second follows the first, 1 that it is
        random: it may come from the same paragraph, but is not the one that follows.

    Raises:
        ValueError: There are not two different sentences to choose from.

    >>> from fastgrad.text import next_sentence_pairs
    >>> [(a, label in (0, 1)) for a, b, label in next_sentence_pairs([[[1, 2], [3]], [[4]]])]
    [([1, 2], True)]
    """
    everything = [sentence for paragraph in paragraphs for sentence in paragraph]
    if len({tuple(sentence) for sentence in everything}) < 2:
        raise ValueError("next_sentence_pairs: expected at least two different sentences")
    follows = [
        (first, second)
        for paragraph in paragraphs
        for first, second in itertools.pairwise(paragraph)
    ]
    labels = fastgrad.randint(2, (len(follows),), generator=generator).tolist()
    pairs = []
    for (first, second), label in zip(follows, labels, strict=True):
        other = second
        while label and other == second:
            place = fastgrad.randint(len(everything), (1,), generator=generator)
            other = everything[int(place.item())]
        pairs.append((first, other, label))
    return pairs


def pair_inputs(
    first: list[int], second: list[int], cls_token: int, sep_token: int, max_len: int
) -> tuple[list[int], list[int]]:
    """Return ``[CLS] first [SEP] second [SEP]`` and the segment (0 or 1) of each token.

    The longer sentence is cut at its end until both fit into ``max_len`` tokens.

    Raises:
        ValueError: ``max_len`` has no room for the special tokens and one token of each.

    Source: Dive into Deep Learning, https://d2l.ai (``d2l.get_tokens_and_segments``).

    >>> from fastgrad.text import pair_inputs
    >>> pair_inputs([5, 6, 7], [8], cls_token=1, sep_token=2, max_len=6)
    ([1, 5, 6, 2, 8, 2], [0, 0, 0, 0, 1, 1])
    """
    if max_len < 5:
        raise ValueError(f"pair_inputs: max_len must be at least 5, got {max_len}")
    first, second = first[:max_len], second[:max_len]
    while len(first) + len(second) > max_len - 3:
        first, second = (first[:-1], second) if len(first) > len(second) else (first, second[:-1])
    ids = [cls_token, *first, sep_token, *second, sep_token]
    return ids, [0] * (len(first) + 2) + [1] * (len(second) + 1)
