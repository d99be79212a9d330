"""Vocabularies, tokenizers, byte-pair encoding, and reading text."""

import json
import sys
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fastgrad as fg
from fastgrad.text import (
    BPETokenizer,
    CharTokenizer,
    HuggingFaceTokenizer,
    Vocab,
    WordTokenizer,
    letters_only,
    read_text,
    strip_gutenberg,
    tokenize,
)

WORDS = [*("the", "time", "traveller", "was", "in", "the"), *("room", "the", "time", "was")]


# Vocabularies


def test_tokens_are_in_order_of_frequency_and_then_of_the_alphabet():
    vocab = Vocab(WORDS, reserved_tokens=["<pad>"])
    assert vocab.idx_to_token[:6] == ["<unk>", "<pad>", "the", "time", "was", "in"]
    assert vocab.token_freqs[0] == ("the", 3)
    assert vocab.unk == 0
    assert vocab["never seen"] == 0
    assert len(vocab) == 2 + len(set(WORDS))
    assert "time" in vocab
    assert "<unk>" in vocab
    assert "never seen" not in vocab


def test_lines_of_tokens_count_like_their_tokens():
    assert Vocab([WORDS[:5], WORDS[5:]]) == Vocab(WORDS)


def test_rare_tokens_are_left_out():
    assert list(Vocab(WORDS, min_freq=2)) == ["<unk>", "the", "time", "was"]
    assert list(Vocab(WORDS, max_tokens=2)) == ["<unk>", "the"]


def test_numbers_and_tokens_of_lists_and_tensors():
    vocab = Vocab(WORDS)
    ids = vocab[[["the", "time"], ["was", "?"]]]
    assert ids == [[1, 2], [3, 0]]
    assert vocab.to_tokens(ids) == [["the", "time"], ["was", "<unk>"]]
    assert vocab.to_tokens(fg.tensor(ids)) == [["the", "time"], ["was", "<unk>"]]
    assert vocab.to_tokens(fg.tensor(2)) == "time"
    assert vocab.to_tokens(np.int32(2)) == "time"
    assert vocab.to_tokens(np.array([2, 0])) == ["time", "<unk>"]


def test_a_vocabulary_without_unknown_token_refuses_unknown_ones():
    vocab = Vocab("ab", unk_token=None)
    with pytest.raises(KeyError, match="'c' is not among the 2 of this vocabulary"):
        vocab[["a", "c"]]
    with pytest.raises(KeyError, match="has no unknown token"):
        _ = vocab.unk


@pytest.mark.parametrize("index", [-1, 3, 10**12])
def test_numbers_out_of_range(index):
    with pytest.raises(IndexError, match=f"from 0 to 2, got {index}"):
        Vocab("ab").to_tokens([0, index])


@pytest.mark.parametrize("number", [1.0, "a", None])
def test_what_is_no_number_of_a_token(number):
    with pytest.raises(TypeError, match=r"numbers of tokens \(int\), got (float|str|NoneType)"):
        Vocab("ab").to_tokens([0, number])
    assert Vocab("ab").to_tokens(np.array([1, 2])) == ["a", "b"]


def test_bad_vocabularies():
    with pytest.raises(TypeError, match="got int; numbers become tokens"):
        Vocab("ab")[1]
    with pytest.raises(TypeError, match=r"expected tokens \(str\), got int"):
        Vocab([1, 2])
    with pytest.raises(ValueError, match="'<unk>' is given twice"):
        Vocab("ab", reserved_tokens=["<unk>"])
    with pytest.raises(ValueError, match="min_freq must not be negative"):
        Vocab("ab", min_freq=-1)
    with pytest.raises(ValueError, match="max_tokens must have room for 2"):
        Vocab("ab", reserved_tokens=["<pad>"], max_tokens=1)


@settings(max_examples=6)  # each waits for the disk
@given(st.lists(st.text()), st.sampled_from(["<unk>", None]))
def test_a_vocabulary_comes_back_from_its_file(tmp_path_factory, tokens, unk_token):
    path = tmp_path_factory.mktemp("vocab") / "vocab.json"
    tokens = [token.encode(errors="replace").decode() for token in tokens]
    vocab = Vocab(tokens, unk_token=unk_token)
    vocab.save(path)
    assert Vocab.load(path) == vocab


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "no whole JSON"),
        (b"\xff\xfe", "no whole JSON"),
        (b"[" * 100_000, "no whole JSON"),
        (b"[1]", "expected a file of fastgrad.text.Vocab, but it holds 'list'"),
        (b'{"model": {"type": "BPE"}}', "expected a file of fastgrad.text.Vocab"),
        (b'{"format": "fastgrad.text.BPETokenizer"}', "holds 'fastgrad.text.BPETokenizer'"),
        (b'{"format": "fastgrad.text.Vocab", "tokens": [1]}', "not whole"),
        (b'{"format": "fastgrad.text.Vocab", "tokens": ["a"], "unk_token": "b"}', "not whole"),
        (b'{"format": "fastgrad.text.Vocab", "tokens": ["a", "a"]}', "'a' is given twice"),
    ],
)
def test_files_that_are_no_vocabulary(tmp_path, content, message):
    path = tmp_path / "vocab.json"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message):
        Vocab.load(path)


# Simple tokenizers


@given(st.text(min_size=1))
def test_characters_come_back(text):
    tokenizer = CharTokenizer.train(text)
    assert tokenizer.decode(tokenizer.encode(text)) == text
    assert len(tokenizer) == len(set(text))


def test_tokenizers_come_back_from_their_files(tmp_path):
    for tokenizer in (CharTokenizer.train("to be"), WordTokenizer.train("To be!")):
        tokenizer.save(tmp_path / "t.json")
        assert type(tokenizer).load(tmp_path / "t.json").encode("to be") == tokenizer.encode(
            "to be"
        )


def test_words():
    tokenizer = WordTokenizer.train("Don't go, he said (twice). Go!", reserved_tokens=["<pad>"])
    assert tokenizer.split("Don't GO!") == ["don't", "go", "!"]
    assert tokenizer.decode(tokenizer.encode("He said: go!")) == "he said <unk> go!"


@pytest.mark.parametrize("kind", [CharTokenizer, WordTokenizer])
def test_nothing_to_learn_tokens_from(kind):
    with pytest.raises(ValueError, match="expected text to take"):
        kind.train("")


def test_tokenize():
    assert tokenize(["a bc", ""], "char") == [["a", " ", "b", "c"], []]
    with pytest.raises(ValueError, match="must be 'word' or 'char'"):
        tokenize([], "line")
    with pytest.raises(TypeError, match=r"pass text.splitlines\(\)"):
        tokenize("one line")


# Byte-pair encoding

TRAINED = BPETokenizer.train(
    "the theatre then; they thought. 12 1212 12\n\n  été été naïve 時間 時間" * 3,
    vocab_size=320,
    special_tokens=["<|end|>", "<|end|>!"],
)


@given(st.binary())
def test_any_bytes_come_back(data):
    assert TRAINED.decode_bytes(TRAINED.encode(data)) == data


@given(st.text())
def test_any_text_comes_back(text):
    ids = TRAINED.encode(text)
    assert TRAINED.decode(ids) == text
    assert ids == TRAINED.encode(text.encode())
    assert max(ids, default=0) < len(TRAINED)


@given(st.text(alphabet="the <|end|>!"))
def test_special_tokens_are_used_on_request_only(text):
    assert max(TRAINED.encode(text), default=0) < len(TRAINED) - 2
    assert TRAINED.decode(TRAINED.encode(text, allow_special=True)) == text


def test_the_longest_special_token_wins():
    end, exclaimed = (TRAINED.special_tokens[text] for text in ("<|end|>", "<|end|>!"))
    assert TRAINED.encode("<|end|><|end|>!", allow_special=True) == [end, exclaimed]


def test_the_most_frequent_pair_is_joined_first():
    """By hand: "ab" occurs 5 times, then (ab, c) 3 times; "d" and " " have no partner twice."""
    tokenizer = BPETokenizer.train("abcabc abab abc d", vocab_size=1000)
    a, b, c = b"abc"
    assert tokenizer.merges[:2] == [(a, b), (256, c)]
    assert tokenizer.encode("abcab") == [257, 256]


def slow_merges(words, count):
    """The pairs to join, by counting all pairs anew each time."""
    words = [(list(word.encode()), times) for word, times in words.items()]
    merges = []
    for token in range(256, 256 + count):
        pairs = {}
        for ids, times in words:
            for pair in pairwise(ids):
                pairs[pair] = pairs.get(pair, 0) + times
        if not pairs or max(pairs.values()) < 2:
            break
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        merges.append(best)
        joined = []
        for ids, times in words:
            out = []
            while ids:
                found = tuple(ids[:2]) == best
                out.append(token if found else ids[0])
                ids = ids[2 if found else 1 :]
            joined.append((out, times))
        words = joined
    return merges


@given(st.lists(st.text(alphabet="abc", min_size=1, max_size=8), min_size=1, max_size=12))
def test_training_joins_what_counting_anew_would_join(words):
    text = "".join(f"\n{word}" for word in words)
    counts = {"\n": len(words)} | {word: words.count(word) for word in words}
    assert BPETokenizer.train(text, 276).merges == slow_merges(counts, 20)


def test_a_tokenizer_comes_back_from_its_file(tmp_path):
    TRAINED.save(tmp_path / "bpe.json")
    loaded = BPETokenizer.load(tmp_path / "bpe.json")
    assert (loaded.merges, loaded.special_tokens) == (TRAINED.merges, TRAINED.special_tokens)


@pytest.mark.parametrize(
    "content",
    [
        {"format": "fastgrad.text.BPETokenizer"},
        {"format": "fastgrad.text.BPETokenizer", "merges": [[97, 300]], "special_tokens": []},
        {"format": "fastgrad.text.BPETokenizer", "merges": [[97]], "special_tokens": []},
        {"format": "fastgrad.text.BPETokenizer", "merges": 3, "special_tokens": []},
        {"format": "fastgrad.text.BPETokenizer", "merges": [], "special_tokens": [3]},
        {"format": "fastgrad.text.Vocab", "tokens": []},
    ],
)
def test_files_that_are_no_byte_pair_encoding(tmp_path, content):
    (tmp_path / "bpe.json").write_text(json.dumps(content))
    with pytest.raises(ValueError, match=r"damaged tokenizer|expected a file of"):
        BPETokenizer.load(tmp_path / "bpe.json")


def test_bad_byte_pair_encodings():
    with pytest.raises(ValueError, match="vocab_size must be at least 257"):
        BPETokenizer.train("text", 256, special_tokens=["<end>"])
    with pytest.raises(ValueError, match="expected text to learn from"):
        BPETokenizer.train("", 300)
    with pytest.raises(ValueError, match="a pair is joined twice"):
        BPETokenizer([(97, 98), (97, 98)])
    with pytest.raises(ValueError, match="different texts"):
        BPETokenizer([], [""])
    with pytest.raises(ValueError, match="surrogates not allowed"):
        TRAINED.encode("\ud800")
    for number in (-1, len(TRAINED)):
        with pytest.raises(IndexError, match=f"got {number}"):
            TRAINED.decode([97, number])


def test_a_real_text(text_folder):
    text = (text_folder / "timemachine.txt").read_text()
    tokenizer = BPETokenizer.train(text, 1024)
    ids = tokenizer.encode(text)
    assert len(tokenizer) == 1024
    assert tokenizer.decode(ids) == text
    assert len(ids) < len(text) / 2.5


# Hugging Face's files


@pytest.fixture
def published(tmp_path):
    tokenizers = pytest.importorskip("tokenizers")
    tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE())
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = tokenizers.decoders.ByteLevel()
    alphabet = tokenizers.pre_tokenizers.ByteLevel.alphabet()
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=300, initial_alphabet=alphabet, special_tokens=["<end>"], show_progress=False
    )
    tokenizer.train_from_iterator(["the time traveller, the time"] * 9, trainer)
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    return tmp_path / "tokenizer.json", tokenizer


def test_a_published_tokenizer(published):
    path, original = published
    tokenizer = HuggingFaceTokenizer.load(path)
    text = "the traveller: naïve"
    assert tokenizer.encode(text) == original.encode(text).ids
    assert tokenizer.decode(fg.tensor(tokenizer.encode(text))) == text
    assert len(tokenizer) == original.get_vocab_size()
    end = original.token_to_id("<end>")
    assert tokenizer.decode([end], skip_special_tokens=True) == ""
    with pytest.raises(IndexError, match="no token has the number 5000"):
        tokenizer.decode([5000])


def test_files_that_are_no_published_tokenizer(tmp_path):
    pytest.importorskip("tokenizers")
    for content in (b"", b"\xff", b'{"tokens": []}'):
        (tmp_path / "tokenizer.json").write_bytes(content)
        with pytest.raises(ValueError, match=r"is no tokenizer\.json"):
            HuggingFaceTokenizer.load(tmp_path / "tokenizer.json")
    with pytest.raises(FileNotFoundError):
        HuggingFaceTokenizer.load(tmp_path / "missing.json")


def test_without_the_package_the_error_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    with pytest.raises(ImportError, match=r"pip install 'fastgrad\[text\]'"):
        HuggingFaceTokenizer.load("tokenizer.json")


# Files of text


def test_reading(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"\xef\xbb\xbfone\r\ntwo\rthree")
    assert read_text(tmp_path / "a.txt") == "one\ntwo\nthree"
    (tmp_path / "a.txt").write_bytes("été".encode("latin-1"))
    assert read_text(tmp_path / "a.txt", "latin-1") == "été"
    with pytest.raises(FileNotFoundError):
        read_text(tmp_path / "missing.txt")


def test_a_file_of_another_program_is_no_vocabulary(tmp_path):
    (tmp_path / "vocab.json").write_text('{"hello": 0, "world": 1}')
    for kind in (Vocab, CharTokenizer, BPETokenizer):
        with pytest.raises(ValueError, match=r"names no format, so save\(\) did not write it"):
            kind.load(tmp_path / "vocab.json")


@pytest.mark.parametrize("text", [None, b"ab", ["a"], 3], ids=["None", "bytes", "list", "int"])
@pytest.mark.parametrize("kind", [CharTokenizer, WordTokenizer])
def test_what_is_no_text_is_named(kind, text):
    tokenizer = kind.train("a b")
    with pytest.raises(TypeError, match=rf"expected text \(str\), got {type(text).__name__}"):
        tokenizer.encode(text)


@pytest.mark.parametrize("kind", [CharTokenizer, WordTokenizer])
def test_one_text_is_decoded_at_a_time(kind):
    tokenizer = kind.train("ab")
    with pytest.raises(ValueError, match="of one text, got those of several"):
        tokenizer.decode(fg.tensor([[0, 0], [0, 0]]))
    assert tokenizer.decode(tokenizer.encode("ab")) == "ab"
    assert tokenizer.decode(fg.tensor(tokenizer.encode("ab")[0])) in ("a", "ab")


@pytest.mark.parametrize("content", [b"", b" \n\n", b"\xef\xbb\xbf"])
def test_an_empty_file(tmp_path, content):
    (tmp_path / "a.txt").write_bytes(content)
    with pytest.raises(ValueError, match=r"a\.txt is empty"):
        read_text(tmp_path / "a.txt")


def test_bytes_that_are_no_text(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"fine\nnot \xff fine")
    with pytest.raises(ValueError, match=r"byte 0xff in line 2 \(offset 9\) is no utf-8 text"):
        read_text(tmp_path / "a.txt")


def test_the_book(text_folder):
    book = strip_gutenberg(read_text(text_folder / "timemachine.txt"))
    assert book.startswith("The Time Machine, by H. G. Wells")
    assert "Gutenberg" not in book
    words = letters_only(book).split()
    assert words[:4] == ["the", "time", "machine", "by"]
    assert len(words) > 30_000
    assert strip_gutenberg("any text") == "any text"


def test_the_mark_of_another_encoding_is_seen(tmp_path):
    (tmp_path / "a.txt").write_bytes("one".encode("utf-16"))
    with pytest.raises(ValueError, match="such as 'utf-16'"):
        read_text(tmp_path / "a.txt")
    assert read_text(tmp_path / "a.txt", "utf-16") == "one"
