"""Sequences for language models, pairs of sentences, and what word2vec and BERT train on."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

import fastgrad as fg
from fastgrad.text import (
    BucketBatchSampler,
    LanguageModelDataset,
    NegativeSampler,
    SentencePairs,
    SeqDataLoader,
    Vocab,
    get_batch,
    mask_tokens,
    next_sentence_pairs,
    pad_batch,
    pair_inputs,
    read_pairs,
    seq_data_iter_random,
    seq_data_iter_sequential,
    skip_gram_pairs,
    subsample,
)
from fastgrad.utils.data import DataLoader

sizes = st.integers(1, 6)


# Partitions


@given(st.integers(0, 80), sizes, sizes, st.booleans())
def test_partitions_cover_the_corpus_once(extra, batch_size, num_steps, use_random_iter):
    corpus = range((batch_size + 1) * num_steps + extra)
    batches = list(SeqDataLoader(corpus, batch_size, num_steps, use_random_iter))
    seen = [token for x, _ in batches for token in x.flatten().tolist()]
    assert batches
    assert len(seen) == len(set(seen))
    for x, y in batches:
        assert x.shape == y.shape == (batch_size, num_steps)
        assert fg.equal(y, x + 1)
        assert bool((x[:, 1:] == x[:, :-1] + 1).all())
    # Left out: the start, the end, and less than a batch.
    assert len(corpus) - len(seen) < num_steps * (batch_size + 1) + batch_size


def test_sequential_rows_go_on_in_the_next_batch():
    batches = [x for x, _ in seq_data_iter_sequential(range(100), 3, 5)]
    assert len(batches) > 4
    for before, after in pairwise(batches):
        assert fg.equal(before[:, -1] + 1, after[:, 0])


def test_random_partitions_come_in_random_order_which_the_seed_decides():
    fg.manual_seed(3)
    first = [x.tolist() for x, _ in seq_data_iter_random(range(200), 2, 5)]
    starts = [row[0] for batch in first for row in batch]
    assert starts != sorted(starts)
    fg.manual_seed(3)
    assert [x.tolist() for x, _ in seq_data_iter_random(range(200), 2, 5)] == first
    own = [
        [x.tolist() for x, _ in seq_data_iter_random(range(99), 2, 5, generator)]
        for generator in (fg.Generator().manual_seed(1), fg.Generator().manual_seed(1))
    ]
    assert own[0] == own[1]


@given(st.integers(2, 40), sizes, sizes)
def test_windows(length, block_size, stride):
    if length <= block_size:
        with pytest.raises(ValueError, match="too short"):
            LanguageModelDataset(range(length), block_size)
        return
    windows = LanguageModelDataset(range(length), block_size, stride)
    assert [int(windows[i][0][0]) for i in range(len(windows))] == list(
        range(0, length - block_size, stride)
    )
    assert fg.equal(windows[-1][1], windows[len(windows) - 1][0] + 1)
    with pytest.raises(IndexError, match="no window"):
        windows[len(windows)]


def test_random_windows():
    x, y = get_batch(fg.arange(9), block_size=8, batch_size=50)
    assert x[:, 0].unique().tolist() == [0]
    assert y.max() == 8
    x, y = get_batch(fg.arange(10, dtype=fg.uint8), block_size=8, batch_size=50)
    assert x[:, 0].unique().tolist() == [0, 1]
    assert x.dtype == fg.int64


@pytest.mark.parametrize(
    "cut",
    [
        lambda corpus: list(seq_data_iter_random(corpus, 2, 4)),
        lambda corpus: list(seq_data_iter_sequential(corpus, 2, 4)),
        lambda corpus: SeqDataLoader(corpus, 2, 4),
        lambda corpus: LanguageModelDataset(corpus, 4),
        lambda corpus: get_batch(corpus, 4, 2),
    ],
)
def test_a_corpus_that_is_too_short_or_none(cut):
    for corpus in ([], [1, 2, 3, 4], fg.zeros(0)):
        with pytest.raises(ValueError, match="is too short for"):
            cut(corpus)
    with pytest.raises(ValueError, match="in one dimension"):
        cut(fg.zeros(30, 2, dtype=fg.int64))
    with pytest.raises(ValueError, match="in one dimension"):
        cut(fg.zeros(30))
    with pytest.raises(TypeError, match="numbers of tokens, got text: encode it first"):
        cut("a text as long as it has to be for this")


def test_batches_without_sequences():
    with pytest.raises(ValueError, match="at least one sequence of one token"):
        SeqDataLoader(range(99), 0, 4)
    with pytest.raises(ValueError, match="at least one sequence of one token"):
        get_batch(fg.arange(9), 0, 4)
    with pytest.raises(ValueError, match="stride must be at least 1"):
        LanguageModelDataset(range(9), 2, stride=0)


# Pairs


def test_the_pairs_of_the_course(text_folder):
    pairs = read_pairs(text_folder / "fr-en-small.txt")
    assert len(pairs) == 20
    assert pairs[0] == ("elle est vieille .", "she is old .")
    dataset = SentencePairs(pairs, num_steps=6)
    source, source_len, target, target_len = next(iter(DataLoader(dataset, batch_size=20)))
    assert source.shape == target.shape == (20, 6)
    assert source_len.tolist()[:2] == target_len.tolist()[:2] == [5, 5]
    words = dataset.src_vocab.to_tokens(source[0])
    assert words == ["elle", "est", "vieille", ".", "<eos>", "<pad>"]


def test_files_that_hold_no_pairs(tmp_path):
    path = tmp_path / "pairs.txt"
    path.write_text("one\tun\n\ntwo\n")
    with pytest.raises(ValueError, match="line 3 has one column"):
        read_pairs(path)
    path.write_text("a\tb\tsource\n\n")
    assert read_pairs(path) == [("a", "b")]


def test_pairs_in_another_encoding(tmp_path):
    (tmp_path / "pairs.txt").write_bytes("été\tsummer".encode("latin-1"))
    with pytest.raises(ValueError, match="pass the encoding"):
        read_pairs(tmp_path / "pairs.txt")
    assert read_pairs(tmp_path / "pairs.txt", encoding="latin-1") == [("été", "summer")]


def test_padding_by_batch():
    dataset = SentencePairs([("a b c", "x"), ("a", "x y")])
    source, source_len, target, target_len = next(
        iter(DataLoader(dataset, batch_size=2, collate_fn=dataset.collate))
    )
    assert source.shape == (2, 4)
    assert target.shape == (2, 3)
    assert (source_len.tolist(), target_len.tolist()) == ([4, 2], [2, 3])
    assert source[1, 2:].tolist() == [dataset.src_vocab["<pad>"]] * 2


def test_long_sentences_are_cut():
    row, length, *_ = SentencePairs([("a b c d", "x")], num_steps=2)[0]
    assert row.shape == (2,)
    assert length == 2


def test_vocabularies_of_another_dataset():
    train = SentencePairs([("a b", "x y")])
    test = SentencePairs([("b q", "y")], src_vocab=train.src_vocab, tgt_vocab=train.tgt_vocab)
    vocab = train.src_vocab
    assert test[0][0].tolist() == [vocab["b"], vocab.unk, vocab["<eos>"]]
    with pytest.raises(ValueError, match=r"lacks \['<pad>', '<bos>', '<eos>'\]"):
        SentencePairs([("a", "b")], src_vocab=Vocab("a"))
    with pytest.raises(ValueError, match="at least one pair"):
        SentencePairs([])
    with pytest.raises(ValueError, match="num_steps must be at least 1"):
        SentencePairs([("a", "b")], num_steps=0)


def test_padding_of_nothing():
    with pytest.raises(ValueError, match="got none"):
        pad_batch([])
    padded, lengths = pad_batch([[], []])
    assert padded.shape == (2, 0)
    assert lengths.tolist() == [0, 0]


@given(st.lists(st.integers(0, 50)), sizes, st.booleans(), st.booleans(), st.integers(1, 3))
def test_buckets_hold_every_index_once(lengths, batch_size, shuffle, drop_last, pool):
    sampler = BucketBatchSampler(lengths, batch_size, shuffle, drop_last, pool)
    batches = list(sampler)
    indices = [index for batch in batches for index in batch]
    assert len(batches) == len(sampler)
    assert len(indices) == len(set(indices))
    assert len(lengths) - len(indices) == (len(lengths) % batch_size if drop_last else 0)


def test_buckets_save_padding_and_work_in_a_loader():
    fg.manual_seed(0)
    lengths = fg.randint(1, 100, (512,)).tolist()
    padded = {}
    for pool in (1, 16):
        batches = list(BucketBatchSampler(lengths, 32, pool=pool))
        padded[pool] = sum(32 * max(lengths[i] for i in batch) for batch in batches) - sum(lengths)
    assert padded[16] < padded[1] / 4
    sampler = BucketBatchSampler([3, 1, 2], 2, shuffle=False)
    loaded = DataLoader(fg.arange(3), batch_sampler=sampler)
    assert [batch.tolist() for batch in loaded] == [[1, 2], [0]]
    with pytest.raises(ValueError, match="batch_size and pool"):
        BucketBatchSampler([1], 0)


# word2vec


def test_frequent_words_are_thinned_out_by_their_share():
    fg.manual_seed(0)
    sentences = [[0] * 90 + [1] * 10] * 100
    kept = [token for line in subsample(sentences, t=0.1) for token in line]
    assert kept.count(1) == 1000
    assert kept.count(0) == pytest.approx(9000 * (0.1 / 0.9) ** 0.5, rel=0.1)
    assert subsample([], 1) == []
    assert subsample([[], []]) == [[], []]
    with pytest.raises(ValueError, match="t must be positive"):
        subsample([[1]], t=0)


@given(st.lists(st.integers(2, 9), max_size=4), st.integers(1, 4))
def test_skip_grams_are_near_and_mutual_when_windows_are_one(lengths, window):
    sentences = [[10 * row + place for place in range(n)] for row, n in enumerate(lengths)]
    centers, contexts = skip_gram_pairs(sentences, window)
    distances = (centers - contexts).abs()
    assert bool((distances <= window).all())
    assert bool((distances > 0).all())
    assert bool((centers // 10 == contexts // 10).all())
    nearest = {(a, b) for line in sentences for a, b in pairwise(line)}
    assert nearest <= set(zip(centers.tolist(), contexts.tolist(), strict=True))


def test_noise_has_the_right_shares_and_is_never_the_word_itself():
    fg.manual_seed(0)
    counts = fg.tensor([16, 0, 81, 1])
    sampler = NegativeSampler(counts)
    positives = fg.tensor([0, 2, 3]).repeat(2000)
    drawn = sampler(positives, 5)
    assert drawn.shape == (6000, 5)
    assert not bool((drawn == positives.unsqueeze(1)).any())
    assert not bool((drawn == 1).any())
    beside_three = drawn[positives == 3]
    share = (beside_three == 2).float().mean().item()
    assert share == pytest.approx(27 / (27 + 8), abs=0.02)
    for bad in ([5, 0], [-1, 2, 3], [[1, 2]]):
        with pytest.raises(ValueError, match="with two or more above zero"):
            NegativeSampler(fg.tensor(bad))
    with pytest.raises(ValueError, match="max_window_size"):
        skip_gram_pairs([[1, 2]], 0)


# BERT


def test_masks_have_the_published_shares():
    fg.manual_seed(0)
    ids = fg.randint(5, 1000, (400, 100))
    ids[:, -20:] = 0
    masked, labels = mask_tokens(ids, 4, 1000, special_tokens=[0])
    chosen = labels != -100
    assert not bool(chosen[:, -20:].any())
    assert fg.equal(fg.where(chosen, labels, masked), ids)
    assert chosen[:, :-20].float().mean().item() == pytest.approx(0.15, abs=0.01)
    assert (masked[chosen] == 4).float().mean().item() == pytest.approx(0.8, abs=0.02)
    assert (masked[chosen] == ids[chosen]).float().mean().item() == pytest.approx(0.1, abs=0.02)
    with pytest.raises(ValueError, match="a probability in"):
        mask_tokens(ids, 4, 1000, probability=2)
    with pytest.raises(ValueError, match="mask_token below 1000"):
        mask_tokens(ids, 1000, 1000)


def test_next_sentences():
    fg.manual_seed(0)
    paragraphs = [[[row, place] for place in range(30)] for row in range(10)]
    pairs = next_sentence_pairs(paragraphs)
    assert len(pairs) == 290
    for first, second, label in pairs:
        assert (second == [first[0], first[1] + 1]) == (label == 0)
    assert 100 < sum(label for *_, label in pairs) < 190
    with pytest.raises(ValueError, match="two different sentences"):
        next_sentence_pairs([[[1], [1]]])


def test_inputs_of_two_sentences_fit():
    assert pair_inputs([5], [6, 7], 1, 2, 9) == ([1, 5, 2, 6, 7, 2], [0, 0, 0, 1, 1, 1])
    ids, segments = pair_inputs(list(range(50)), list(range(50, 90)), 100, 101, 20)
    assert len(ids) == len(segments) == 20
    with pytest.raises(ValueError, match="at least 5"):
        pair_inputs([1], [2], 3, 4, 4)
