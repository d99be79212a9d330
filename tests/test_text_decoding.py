"""Text out of a model, and how good it is."""

import math
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

import fastgrad as fg
from fastgrad.text import (
    beam_search,
    bleu,
    bleu_score,
    filter_logits,
    generate,
    perplexity,
    sample,
)

INF = fg.inf


# Measures


def test_bleu_of_the_book():
    """The book's example: for these, p1 = 4/5, p2 = 3/4, p3 = 1/3, p4 = 0."""
    expected = math.exp(1 - 6 / 5) * (4 / 5) ** 0.5 * (3 / 4) ** 0.25 * (1 / 3) ** 0.125
    assert bleu("A B B C D", "A B C D E F", k=3) == pytest.approx(expected)
    assert bleu("A B B C D", "A B C D E F", k=4) == 0
    assert bleu("", "a b", k=2) == 0
    assert bleu("a", "a b", k=4) == pytest.approx(math.exp(-1))
    with pytest.raises(ValueError, match="a label with tokens"):
        bleu("a", "", k=2)


def test_bleu_of_a_corpus():
    same = [["the", "time", "machine", "flew"]]
    assert bleu_score(same, [same]) == 1
    assert bleu_score(same, [[["other"]]]) == 0
    short, long = [["a", "b"]], [[["a", "b", "c", "d"]]]
    assert bleu_score(short, long, max_n=2) == pytest.approx(math.exp(1 - 4 / 2))
    # Each n-gram counts as often as in the reference that has it most often.
    found = bleu_score([["a", "a", "a"]], [[["a", "b", "c"], ["a", "a", "b"]]], 1)
    assert found == pytest.approx(2 / 3)
    with pytest.raises(ValueError, match="one or more references for each of 1"):
        bleu_score(same, [])
    with pytest.raises(ValueError, match="weights"):
        bleu_score(same, [same], weights=[1.0])


def test_perplexity():
    assert perplexity(fg.tensor(0.0)) == 1
    assert perplexity(1e9) == INF


# Which tokens stay


@given(st.integers(0, 2**20), st.integers(1, 9))
def test_top_k_keeps_the_best(seed, k):
    logits = fg.randn(4, 7, generator=fg.Generator().manual_seed(seed))
    kept = filter_logits(logits, top_k=k)
    assert (kept > -INF).sum(1).tolist() == [min(k, 7)] * 4
    assert fg.equal(kept.max(1).values, logits.max(1).values)
    assert bool(((kept == logits) | (kept == -INF)).all())


def test_top_p_keeps_the_fewest_that_reach_it():
    logits = fg.tensor([[0.5, 0.1, 0.25, 0.15]]).log()
    for top_p, kept in [(0.4, [0]), (0.51, [0, 2]), (0.8, [0, 2, 3]), (1.0, [0, 1, 2, 3])]:
        assert (filter_logits(logits, top_p=top_p)[0] > -INF).nonzero()[:, 0].tolist() == kept


def test_options_out_of_range():
    logits = fg.zeros(1, 3)
    for temperature in (0, 1.0):
        with pytest.raises(ValueError, match="top_k must be at least 1"):
            sample(logits, temperature, top_k=0)
        with pytest.raises(ValueError, match="top_p must be in"):
            sample(logits, temperature, top_p=1.5)
    for temperature in (-1.0, math.nan):
        with pytest.raises(ValueError, match="temperature must not be negative"):
            sample(logits, temperature)


def test_temperature_sharpens_and_flattens():
    fg.manual_seed(0)
    logits = fg.tensor([[0.0, 1.0]]).expand(4000, 2)
    for temperature in (0.25, 1.0, 4.0):
        share = sample(logits, temperature).float().mean().item()
        assert share == pytest.approx(1 / (1 + math.exp(-1 / temperature)), abs=0.03)
    assert sample(logits, 0).tolist() == [1] * 4000


# Whole texts

CHANCES = fg.tensor(  # of the next token after each of four; 3 ends a text
    [[0.1, 0.5, 0.4, 0.0], [0.3, 0.2, 0.2, 0.3], [0.05, 0.05, 0.0, 0.9], [0.0, 0.0, 0.0, 1.0]]
)


def markov(tokens, state):
    """A model whose state counts its tokens, for each row."""
    new = tokens.shape[1] + (0 if state is None else state[0])
    return CHANCES[tokens[:, -1]].log(), (fg.zeros(len(tokens), dtype=fg.int64) + new,)


def test_greedy_decoding_and_the_state():
    lengths = []

    def step(tokens, state):
        logits, state = markov(tokens, state)
        lengths.append(state[0].tolist())
        return logits, state

    ids = generate(step, fg.tensor([[0], [2]]), 4, temperature=0)
    assert ids.tolist() == [[0, 1, 0, 1, 0], [2, 3, 3, 3, 3]]
    assert lengths == [[1, 1], [2, 2], [3, 3], [4, 4]]


def test_texts_that_ended_wait_for_the_others():
    ids = generate(markov, fg.tensor([[2, 1], [1, 2]]), 50, eos=3)
    assert ids[1].tolist()[2:] == [3] * (ids.shape[1] - 2)
    assert ids.shape[1] < 50
    assert not ids.requires_grad


def best_by_trying_all(prompt, count, alpha):
    found = {}
    for text in product(range(4), repeat=count):
        ends = [i + 1 for i, token in enumerate(text) if token == 3]
        text = text[: min(ends)] if ends else text
        chances = [CHANCES[a, b].item() for a, b in zip((prompt, *text), text, strict=False)]
        if math.prod(chances) > 0:
            found[text] = sum(map(math.log, chances)) / len(text) ** alpha
    best = max(found, key=found.__getitem__)
    return [prompt, *best], found[best]


@pytest.mark.parametrize("alpha", [0.0, 0.75, 1.0])
@pytest.mark.parametrize("prompt", [0, 1])
def test_a_wide_beam_finds_the_best_text(prompt, alpha):
    text, score = beam_search(markov, fg.tensor([[prompt]]), 4, beam_size=64, eos=3, alpha=alpha)
    expected, expected_score = best_by_trying_all(prompt, 4, alpha)
    assert text[0].tolist() == expected
    assert score == pytest.approx(expected_score, abs=1e-5)


def test_a_beam_beats_greed():
    """After 0 greed takes 1 (0.5), whose best end is 0.15; by way of 2 the end has 0.36."""
    text, _ = beam_search(markov, fg.tensor([[0]]), 2, beam_size=2, eos=3)
    assert text.tolist() == [[0, 2, 3]]
    text, _ = beam_search(markov, fg.tensor([[0]]), 2, beam_size=1, eos=3)
    assert text[0, 1] == 1


def test_the_state_follows_its_text():
    def step(tokens, state):
        """The state is the whole text of each row, in dimension 1: what the tokens must match."""
        seen = tokens.t() if state is None else fg.cat([state, tokens.t()])
        texts.append(seen)
        return CHANCES[tokens[:, -1]].log(), seen

    texts = []
    text, _ = beam_search(step, fg.tensor([[0]]), 5, beam_size=3, alpha=0, batch_dim=1)
    rows = [tuple(row) for row in texts[-1].t().tolist()]
    assert tuple(text[0, :-1].tolist()) in rows
    assert len(rows) == len(set(rows))


def test_bad_beginnings():
    for decode in (generate, beam_search):
        for ids in (fg.zeros(1, 0).long(), fg.tensor([1, 2])):
            with pytest.raises(ValueError, match="at least one token"):
                decode(markov, ids, 3)
        with pytest.raises(ValueError, match="must not be negative"):
            decode(markov, fg.tensor([[1]]), -1)
        with pytest.raises(TypeError, match=r"got list; a tokenizer's list becomes one"):
            decode(markov, [1, 2], 3)
    with pytest.raises(ValueError, match="one beginning and beam_size >= 1, got 2"):
        beam_search(markov, fg.tensor([[1], [2]]), 3)
    assert beam_search(markov, fg.tensor([[1]]), 0)[0].tolist() == [[1]]
    assert generate(markov, fg.tensor([[1]]), 0).tolist() == [[1]]
