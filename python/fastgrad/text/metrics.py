"""How good a text is: BLEU and perplexity."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from fastgrad import Tensor


def bleu(pred_seq: str, label_seq: str, k: int) -> float:
    """Return how many n-grams up to length ``k`` of one sentence are in another, in [0, 1].

    This is the book's measure: n-grams of length n weigh 2 ** -n in the exponent, and a
    sentence that is too short is punished.

    Args:
        pred_seq: The predicted sentence; its tokens are split at spaces.
        label_seq: The right one.
        k: The longest n-grams.

    Raises:
        ValueError: ``k`` is less than 1, or the right sentence is empty.

    Source: Dive into Deep Learning, https://d2l.ai (``d2l.bleu``); K. Papineni et al., "BLEU: a
    method for automatic evaluation of machine translation", ACL 2002.

    >>> from fastgrad.text import bleu
    >>> bleu("he is calm .", "he is calm .", k=2)
    1.0
    >>> round(bleu("he is .", "he is calm .", k=2), 3)
    0.603
    """
    predicted, label = pred_seq.split(), label_seq.split()
    if k < 1 or not label:
        raise ValueError(f"bleu: expected k >= 1 and a label with tokens, got {k}, {label_seq!r}")
    if not predicted:
        return 0.0
    score = math.exp(min(0.0, 1 - len(label) / len(predicted)))
    for n in range(1, min(k, len(predicted)) + 1):
        matches = (_ngrams(predicted, n) & _ngrams(label, n)).total()
        score *= (matches / (len(predicted) - n + 1)) ** 0.5**n
    return score


def bleu_score(
    candidate_corpus: Sequence[Sequence[str]],
    references_corpus: Sequence[Sequence[Sequence[str]]],
    max_n: int = 4,
    weights: Sequence[float] | None = None,
) -> float:
    """Return the BLEU score of a corpus of translations, in [0, 1].

    Args:
        candidate_corpus: The tokens of each translation.
        references_corpus: For each translation the tokens of one or more right ones.
        max_n: The longest n-grams.
        weights: The exponent of each length of n-grams, by default ``1 / max_n``.

    Raises:
        ValueError: The two have different lengths, there are no references for a translation, or
            there are not ``max_n`` weights.

    Source: K. Papineni et al., "BLEU: a method for automatic evaluation of machine translation",
    ACL 2002. Follows ``torchtext.data.metrics.bleu_score``.

    >>> from fastgrad.text import bleu_score
    >>> candidates = [["My", "full", "pytorch", "test"], ["Another", "Sentence"]]
    >>> references = [[["My", "full", "pytorch", "test"], ["Completely", "Different"]],
    ...               [["No", "Match"]]]
    >>> round(bleu_score(candidates, references), 4)
    0.8409
    """
    exponents = [1 / max_n] * max_n if weights is None else list(weights)
    if len(exponents) != max_n or max_n < 1:
        raise ValueError(f"bleu_score: expected {max_n} >= 1 weights, got {len(exponents)}")
    if len(candidate_corpus) != len(references_corpus) or not all(map(len, references_corpus)):
        raise ValueError(
            "bleu_score: expected one or more references for each of "
            f"{len(candidate_corpus)} candidates, got {[len(r) for r in references_corpus]}"
        )
    matches, totals, lengths = [0] * max_n, [0] * max_n, [0, 0]
    for candidate, references in zip(candidate_corpus, references_corpus, strict=True):
        lengths[0] += len(candidate)
        nearest = min(references, key=lambda r: (abs(len(r) - len(candidate)), len(r)))
        lengths[1] += len(nearest)
        for n in range(1, max_n + 1):
            allowed: Counter[tuple[str, ...]] = Counter()
            for reference in references:
                allowed |= _ngrams(reference, n)
            found = _ngrams(candidate, n)
            matches[n - 1] += (found & allowed).total()
            totals[n - 1] += found.total()
    if min(matches) == 0:
        return 0.0
    logs = (w * math.log(m / t) for w, m, t in zip(exponents, matches, totals, strict=True))
    return math.exp(sum(logs) + min(0.0, 1 - lengths[1] / lengths[0]))


def perplexity(loss: float | Tensor) -> float:
    """Return exp(loss) of a mean cross-entropy: among how many tokens a model is undecided.

    A loss that is too large for a float gives infinity.

    >>> import math
    >>> from fastgrad.text import perplexity
    >>> round(perplexity(math.log(28)), 4)
    28.0
    """
    try:
        return math.exp(float(loss))
    except OverflowError:
        return math.inf


def _ngrams(tokens: Sequence[str], n: int) -> Counter[tuple[str, ...]]:
    return Counter(tuple(tokens[i : i + n]) for i in range(len(tokens) - n + 1))
