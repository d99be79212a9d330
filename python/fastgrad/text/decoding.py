"""Text out of a model: greedy, random (temperature, top-k, top-p) and beam search decoding.

A model takes part as a *step*: a function of tokens int64 [batch, length] and a state, which
returns the scores (logits) of the next token [batch, vocabulary] and the new state. The first
call gets the whole prompt and the state None, later ones the last token. A state is a tensor,
a tuple or list of states, or None: what a recurrent network or a key-value cache carries along.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import fastgrad
from fastgrad import Generator, Tensor, no_grad
from fastgrad.nn.functional import log_softmax, softmax

State: TypeAlias = Any
Step: TypeAlias = Callable[[Tensor, State], tuple[Tensor, State]]


def filter_logits(logits: Tensor, top_k: int | None = None, top_p: float | None = None) -> Tensor:
    """Return scores with -inf for tokens that are out of the running.

    Args:
        logits: Scores, [..., vocabulary].
        top_k: Only so many of the best stay, and those equal to the last of them.
        top_p: Only the best tokens stay whose probabilities add up to at least this much.

    Raises:
        ValueError: ``top_k`` is less than 1, or ``top_p`` is not in (0, 1].

    Source: A. Holtzman et al., "The curious case of neural text degeneration", ICLR 2020 (top-p).

    >>> import fastgrad as torch
    >>> from fastgrad.text import filter_logits
    >>> filter_logits(torch.tensor([1.0, 3.0, 2.0]), top_k=2)
    tensor([-inf, 3., 2.])
    """
    if top_k is not None:
        if top_k < 1:
            raise ValueError(f"filter_logits: top_k must be at least 1, got {top_k}")
        least = logits.topk(min(top_k, logits.shape[-1]), dim=-1).values[..., -1:]
        logits = logits.masked_fill(logits < least, -fastgrad.inf)
    if top_p is not None:
        if not 0 < top_p <= 1:
            raise ValueError(f"filter_logits: top_p must be in (0, 1], got {top_p}")
        ordered, order = logits.sort(dim=-1, descending=True)
        shares = softmax(ordered, dim=-1)
        before = shares.cumsum(-1) - shares
        ordered = ordered.masked_fill(before >= top_p, -fastgrad.inf)
        logits = fastgrad.empty_like(logits).scatter(-1, order, ordered)
    return logits


def sample(
    logits: Tensor,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    generator: Generator | None = None,
) -> Tensor:
    """Draw a token from each row of scores.

    Args:
        logits: Scores, [batch, vocabulary].
        temperature: What they are divided by: small ones make likely tokens more likely, and with
            0 the best is taken.
        top_k: Draw from so many of the best only.
        top_p: Draw from the best that have this much of the probability only.
        generator: Where random numbers come from.

    Returns:
        int64 [batch].

    Raises:
        ValueError: An option is out of range.

    >>> import fastgrad as torch
    >>> from fastgrad.text import sample
    >>> sample(torch.tensor([[1.0, 3.0, 2.0]]), temperature=0)
    tensor([1])
    """
    if not temperature >= 0:
        raise ValueError(f"sample: temperature must not be negative, got {temperature}")
    if temperature == 0:
        filter_logits(logits[:0], top_k, top_p)  # which looks at the options
        return logits.argmax(dim=-1)
    chances = softmax(filter_logits(logits / temperature, top_k, top_p), dim=-1)
    return fastgrad.multinomial(chances, 1, generator=generator).squeeze(1)


@no_grad()
def generate(
    step: Step,
    ids: Tensor,
    max_new_tokens: int,
    *,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    eos: int | None = None,
    generator: Generator | None = None,
) -> Tensor:
    """Continue texts token by token.

    Args:
        step: The model; see above.
        ids: The beginnings, int64 [batch, length], at least one token long.
        max_new_tokens: How many tokens are added at most.
        temperature: See :func:`sample`; 0 is greedy decoding.
        top_k: See :func:`sample`.
        top_p: See :func:`sample`.
        eos: The token that ends a text. Texts that ended go on with it until all have.
        generator: Where random numbers come from.

    Returns:
        int64 [batch, length + new tokens].

    Raises:
        TypeError: The beginnings are no tensor.
        ValueError: The beginnings have no tokens, or an option is out of range.

    Source: the loop of nanoGPT's ``generate``, https://github.com/karpathy/nanoGPT.

    >>> import fastgrad as torch
    >>> from fastgrad.text import generate
    >>> def count_up(tokens, state):
    ...     return torch.nn.functional.one_hot(tokens[:, -1] + 1, 10).float(), state
    >>> generate(count_up, torch.tensor([[2, 3]]), 4, temperature=0, eos=6)
    tensor([[2, 3, 4, 5, 6]])
    """
    _check_prompt("generate", ids, max_new_tokens)
    pieces, state, new = [ids], None, ids
    ended = fastgrad.zeros(len(ids), dtype=fastgrad.bool)
    for _ in range(max_new_tokens):
        logits, state = step(new, state)
        token = sample(logits, temperature, top_k, top_p, generator)
        if eos is not None:
            token = token.masked_fill(ended, eos)
            ended = ended | (token == eos)
        new = token.unsqueeze(1)
        pieces.append(new)
        if eos is not None and bool(ended.all()):
            break
    return fastgrad.cat(pieces, dim=1)


@no_grad()
def beam_search(
    step: Step,
    ids: Tensor,
    max_new_tokens: int,
    *,
    beam_size: int = 2,
    eos: int | None = None,
    alpha: float = 0.75,
    batch_dim: int = 0,
) -> tuple[Tensor, float]:
    """Return the continuation of a text that is the most probable one of those looked at.

    Args:
        step: The model; see above. It is called with ``beam_size`` rows.
        ids: The beginning, int64 [1, length], at least one token long.
        max_new_tokens: How many tokens are added at most.
        beam_size: How many texts are followed at a time.
        eos: The token that ends a text.
        alpha: A text of n new tokens is judged by its log-probability / n ** alpha, so that long
            ones have a chance.
        batch_dim: The dimension of the state's tensors that counts the rows: 1 for the hidden
            state of a recurrent network.

    Returns:
        int64 [1, length + new tokens], and how it is judged.

    Raises:
        TypeError: The beginning is no tensor.
        ValueError: There is more than one beginning, or an option is out of range.

    Source: Dive into Deep Learning, https://d2l.ai, "Beam search".

    >>> import fastgrad as torch
    >>> from fastgrad.text import beam_search
    >>> def likes_even(tokens, state):
    ...     return torch.tensor([[2.0, 0.0, 1.0]]).expand(len(tokens), 3), state
    >>> beam_search(likes_even, torch.tensor([[1]]), 2)[0]
    tensor([[1, 0, 0]])
    """
    _check_prompt("beam_search", ids, max_new_tokens)
    if len(ids) != 1 or beam_size < 1:
        raise ValueError(
            "beam_search: expected one beginning and beam_size >= 1, got "
            f"{len(ids)} and {beam_size}"
        )
    start, best = ids.shape[1], (ids, -fastgrad.inf if max_new_tokens else 0.0)
    texts, state, scores = ids, None, fastgrad.zeros(1)
    for count in range(1, max_new_tokens + 1):
        logits, state = step(texts if count == 1 else texts[:, -1:], state)
        totals = scores.unsqueeze(1) + log_softmax(logits.float(), dim=-1)
        room = min(beam_size, totals.numel())
        scores, places = totals.flatten().topk(room)
        parents = places // logits.shape[1]
        texts = fastgrad.cat([texts[parents], (places % logits.shape[1]).unsqueeze(1)], dim=1)
        last = count == max_new_tokens
        ends = [last or token == eos for token in texts[:, -1].tolist()]
        for row, score in enumerate(scores.tolist()):
            judged = score / (texts.shape[1] - start) ** alpha
            if ends[row] and judged > best[1]:
                best = (texts[row : row + 1], judged)
        alive = fastgrad.tensor([row for row, end in enumerate(ends) if not end]).long()
        if not len(alive):
            break
        texts, scores = texts[alive], scores[alive]
        state = _rows(state, parents[alive], batch_dim)
    return best


def check_tensor(op: str, ids: object) -> None:
    """Refuse lists of tokens, which tokenizers return.

    Raises:
        TypeError: They are no tensor.
    """
    if not isinstance(ids, Tensor):
        raise TypeError(
            f"{op}: expected tokens as a tensor int64 [batch, length], got {type(ids).__name__}; a "
            "tokenizer's list becomes one with torch.tensor([ids])"
        )


def _check_prompt(op: str, ids: Tensor, max_new_tokens: int) -> None:
    check_tensor(op, ids)
    if ids.ndim != 2 or not ids.numel():
        raise ValueError(
            f"{op}: expected beginnings [batch, length] of at least one token, got shape "
            f"{list(ids.shape)}"
        )
    if max_new_tokens < 0:
        raise ValueError(f"{op}: max_new_tokens must not be negative, got {max_new_tokens}")


def _rows(state: State, rows: Tensor, dim: int) -> State:
    if isinstance(state, Tensor):
        return state.index_select(dim, rows)
    if isinstance(state, tuple | list):
        return type(state)(_rows(part, rows, dim) for part in state)
    return state
