"""The book's helpers for words, sentences and BERT, on small files in the form of the real ones."""

import io
import random
import tarfile
import zipfile
from collections import Counter
from pathlib import Path

import pytest

import fastgrad as torch
from fastgrad import d2l, nn


@pytest.fixture(autouse=True)
def _settled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A folder for the files, and the same random numbers."""
    monkeypatch.setenv("FASTGRAD_DATA", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    random.seed(0)


def zipped(path: Path, name: str, text: str):
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(name, text)


# Words


@pytest.fixture
def treebank(tmp_path: Path):
    """The Penn Tree Bank's form: a sentence in a line, with a space before and after it."""
    words = [f"w{i}" for i in range(200)]  # many, because subsampling leaves few of frequent ones
    lines = [" " + " ".join(random.sample(words, 20)) + " " for _ in range(500)]
    lines += [" once ", " w1 "]
    zipped(tmp_path / "ptb.zip", "ptb/ptb.train.txt", "\n".join(lines) + "\n")


def test_the_treebank_has_a_sentence_in_each_line(treebank: None):
    sentences = d2l.read_ptb()
    assert sentences[500:] == [["once"], ["w1"], []]
    assert all(len(line) == 20 for line in sentences[:500])


def test_subsampling_leaves_out_unknown_words_and_counts_before():
    sentences = [["often"] * 50, ["rare", "often", "new"]] * 100
    vocab = d2l.Vocab([["often"] * 3 + ["rare"] * 3], min_freq=2)
    kept, counter = d2l.subsample(sentences, vocab)
    assert counter == Counter(often=5100, rare=100)
    left = d2l.count_corpus(kept)
    assert set(left) <= {"often", "rare"}
    # A word stays with a chance of sqrt(1e-4 / share): 0.01 and 0.07.
    assert 20 < left["often"] < 100
    assert left["rare"] < 25


def test_centers_and_contexts_of_a_window_of_one():
    centers, contexts = d2l.get_centers_and_contexts([[0, 1, 2], [3], [4, 5]], 1)
    assert centers == [0, 1, 2, 4, 5]
    assert contexts == [[1], [0, 2], [1], [5], [4]]


def test_the_size_of_windows_is_random():
    line = list(range(40))
    centers, contexts = d2l.get_centers_and_contexts([line], 3)
    assert centers == line
    reach = [near[-1] - center for center, near in zip(centers, contexts, strict=True)][:-3]
    assert set(reach) == {1, 2, 3}
    for center, near in zip(centers[3:-3], contexts[3:-3], strict=True):
        width = near[-1] - center
        assert near == [n for n in range(center - width, center + width + 1) if n != center]


def test_random_generator_draws_by_weight():
    generator = d2l.RandomGenerator([2, 0, 6])
    drawn = Counter(generator.draw() for _ in range(20000))
    assert set(drawn) == {1, 3}
    assert drawn[3] / drawn[1] == pytest.approx(3, rel=0.1)


def test_negatives_are_not_among_the_contexts():
    vocab = d2l.Vocab([list("aaabbc")])
    counter = Counter("aaabbc")
    contexts = [vocab[["a"]], vocab[["b", "c"]]]
    negatives = d2l.get_negatives(contexts, vocab, counter, 3)
    assert [len(row) for row in negatives] == [3, 6]
    assert set(negatives[0]) <= set(vocab[["b", "c"]])
    assert set(negatives[1]) == {vocab["a"]}
    with pytest.raises(ValueError, match="all 3 words are context words"):
        d2l.get_negatives([vocab[["a", "b", "c"]]], vocab, counter, 1)


def test_batchify_fills_up_and_masks():
    batch = d2l.batchify([(1, [2, 2], [3, 3, 3, 3]), (1, [2, 2, 2], [3, 3])])
    centers, words, masks, labels = batch
    assert centers.tolist() == [[1], [1]]
    assert words.tolist() == [[2, 2, 3, 3, 3, 3], [2, 2, 2, 3, 3, 0]]
    assert masks.tolist() == [[1] * 6, [1, 1, 1, 1, 1, 0]]
    assert labels.tolist() == [[1, 1, 0, 0, 0, 0], [1, 1, 1, 0, 0, 0]]


def test_the_skip_gram_model_learns_from_the_treebank(treebank: None):
    loader, vocab = d2l.load_data_ptb(64, max_window_size=2, num_noise_words=2)
    assert vocab.idx_to_token[0] == "<unk>"
    assert "once" not in vocab
    embed = nn.ModuleList([nn.Embedding(len(vocab), 8), nn.Embedding(len(vocab), 8)])
    optimizer = torch.optim.Adam(embed.parameters(), lr=0.1)
    losses = []
    for _ in range(5):
        for centers, words, mask, labels in loader:
            assert words.shape == mask.shape == labels.shape
            scores = torch.bmm(embed[0](centers), embed[1](words).permute(0, 2, 1))
            loss = nn.functional.binary_cross_entropy_with_logits(
                scores.reshape(words.shape), labels.float(), weight=mask
            )
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]


def test_token_embedding_reads_glove_and_fasttext(tmp_path: Path):
    zipped(tmp_path / "glove.6B.50d.zip", "glove.6B.50d/vec.txt", "the 1 2\nof -1 0.5\n")
    zipped(tmp_path / "wiki.en.zip", "wiki.en/vec.txt", "2 2\nthe 3 4 \n, 5 6 \n")
    glove = d2l.TokenEmbedding("glove.6b.50d")
    assert len(glove) == 3
    assert glove.idx_to_token == ["<unk>", "the", "of"]
    assert (glove.token_to_idx["of"], glove.idx_to_token[1]) == (2, "the")
    assert glove[["of", "unheard", "the"]].tolist() == [[-1, 0.5], [0, 0], [1, 2]]
    assert glove.idx_to_vec.dtype == torch.float32
    assert d2l.TokenEmbedding("wiki.en")[[",", "the"]].tolist() == [[5, 6], [3, 4]]


def test_a_damaged_line_of_vectors_is_told(tmp_path: Path):
    zipped(tmp_path / "glove.6B.100d.zip", "glove.6B.100d/vec.txt", "the 1 2\nof -1 0.5 3\n")
    with pytest.raises(ValueError, match=r"vec\.txt: expected 2 numbers after 'of'"):
        d2l.TokenEmbedding("glove.6b.100d")


# Sentences

REVIEWS = {"pos": ["a fine film\n", "fine fun"], "neg": ["a dull film", "dull\ndull stuff"]}


@pytest.fixture
def reviews(tmp_path: Path):
    with tarfile.open(tmp_path / "aclImdb_v1.tar.gz", "w:gz") as archive:
        for part in ("train", "test"):
            for label, texts in REVIEWS.items():
                for number, text in enumerate(texts * 5):
                    member = tarfile.TarInfo(f"aclImdb/{part}/{label}/{number:02}_1.txt")
                    member.size = len(text)
                    archive.addfile(member, io.BytesIO(text.encode()))


def test_reviews_are_read_with_their_labels(reviews: None):
    texts, labels = d2l.read_imdb(d2l.download_extract("aclImdb", "aclImdb"), is_train=True)
    assert labels == [1] * 10 + [0] * 10
    assert texts[:2] == ["a fine film", "fine fun"]
    assert texts[11] == "dulldull stuff"


def test_a_network_learns_opinions(reviews: None):
    train, test, vocab = d2l.load_data_imdb(4, num_steps=6)
    X, y = next(iter(test))
    assert X.shape == (4, 6)
    assert X[0].tolist() == [*vocab[["a", "fine", "film"]], 0, 0, 0]
    assert y.tolist() == [1, 1, 1, 1]
    net = nn.Sequential(nn.EmbeddingBag(len(vocab), 4), nn.Linear(4, 2))
    loss = nn.CrossEntropyLoss(reduction="none")
    optimizer = torch.optim.Adam(net.parameters(), lr=0.1)
    d2l.train_ch13(net, train, test, loss, optimizer, 5, d2l.try_all_gpus())
    assert d2l.predict_sentiment(net, vocab, "a fine film") == "positive"
    assert d2l.predict_sentiment(net, vocab, "such dull stuff") == "negative"
    d2l.plt.close("all")


SNLI = """\
gold_label\tsentence1_binary_parse\tsentence2_binary_parse
neutral\t( ( A man ) sleeps )\t( He ( dreams . ) )
-\t( Nobody agrees )\t( here )
entailment\t( ( A man ) sleeps )\t( He rests )
contradiction\t( ( A man ) sleeps )\t( He runs )
"""


@pytest.fixture
def inference(tmp_path: Path):
    for part in ("train", "test"):
        zipped(tmp_path / "snli_1.0.zip", f"snli_1.0/snli_1.0_{part}.txt", SNLI)


def test_inference_is_read_without_its_trees(inference: None):
    premises, hypotheses, labels = d2l.read_snli(d2l.download_extract("SNLI"), is_train=True)
    assert premises == ["A man sleeps"] * 3
    assert hypotheses == ["He dreams .", "He rests", "He runs"]
    assert labels == [2, 0, 1]


def test_inference_in_batches(inference: None, capsys: pytest.CaptureFixture[str]):
    data = d2l.SNLIDataset((["a a b", "a"], ["a a", "a c"], [0, 2]), num_steps=2)
    assert data.vocab.idx_to_token == ["<unk>", "<pad>", "a"]
    (premise, hypothesis), label = data[1]
    assert (premise.tolist(), hypothesis.tolist(), label.item()) == ([2, 1], [2, 0], 2)
    train, test, vocab = d2l.load_data_snli(2, num_steps=4)
    assert capsys.readouterr().out.splitlines() == [f"read {n} examples" for n in (2, 3, 3)]
    assert (len(train), len(test)) == (2, 2)
    (premises, hypotheses), labels = next(iter(test))
    assert premises.shape == hypotheses.shape == (2, 4)
    assert labels.tolist() == [2, 0]

    class Net(nn.Module):
        def forward(self, pair):
            assert [side.shape for side in pair] == [(1, 2), (1, 1)]
            return torch.tensor([[0.0, 1.0, 0.5]])

    assert d2l.predict_snli(Net(), vocab, ["A", "man"], ["He"]) == "contradiction"


# BERT


def test_tokens_and_segments():
    assert d2l.get_tokens_and_segments(["a", "b"]) == (["<cls>", "a", "b", "<sep>"], [0] * 4)
    tokens, segments = d2l.get_tokens_and_segments(["a"], ["b", "c"])
    assert tokens == ["<cls>", "a", "<sep>", "b", "c", "<sep>"]
    assert segments == [0, 0, 0, 1, 1, 1]


NEWER = (100, 24, 16, 4, 2, 0.0)
OLDER = (100, 24, [24], 24, 16, 4, 2, 0.0)
WIDTHS = dict.fromkeys(("key_size", "query_size", "value_size"), 24)
HEADS = dict.fromkeys(("hid_in_features", "mlm_in_features", "nsp_in_features"), 24)


@pytest.mark.parametrize(("sizes", "options"), [(NEWER, {}), (OLDER, WIDTHS | HEADS)])
def test_bert_of_either_book(sizes, options):
    net = d2l.BERTModel(*sizes, max_len=50, **options)
    tokens, segments = torch.randint(0, 100, (2, 8)), torch.tensor([[0] * 4 + [1] * 4] * 2)
    encoded, words, following = net(tokens, segments, torch.tensor([8.0, 5.0]))
    assert (encoded.shape, words, following.shape) == ((2, 8, 24), None, (2, 2))
    positions = torch.tensor([[1, 5, 2], [6, 1, 5]])
    _, words, _ = net(tokens, segments, None, positions)
    assert words.shape == (2, 3, 100)
    keys = set(net.state_dict())
    expected = {"encoder.pos_embedding", "encoder.blks.1.attention.W_q.bias", "hidden.0.weight"}
    assert expected | {"mlm.mlp.3.weight", "nsp.output.weight"} <= keys


def test_masked_words_are_guessed_from_their_own_positions():
    net = d2l.MaskLM(10, 6)
    X = torch.randn(2, 5, 4)
    scores = net(X, torch.tensor([[1, 3], [0, 0]]))
    chosen = torch.stack([X[0, 1], X[0, 3], X[1, 0], X[1, 0]])
    assert torch.allclose(scores, net.mlp(chosen).reshape(2, 2, 10))


def test_the_encoder_is_pytorchs_and_its_positions_stay(torch):
    """Blocks with the same weights in PyTorch's own layers give the same vectors."""
    import fastgrad as fg

    net = d2l.BERTEncoder(*NEWER, max_len=50)
    tokens, segments = fg.randint(0, 100, (2, 8)), fg.tensor([[0] * 4 + [1] * 4] * 2)
    lengths = fg.tensor([8, 5])
    out = net(tokens, segments, lengths)
    out.sum().backward()
    assert net.pos_embedding.grad is None

    weights = {name: torch.from_numpy(value.numpy()) for name, value in net.state_dict().items()}
    x = weights["token_embedding.weight"][tokens.numpy()]
    x = x + weights["segment_embedding.weight"][segments.numpy()]
    x = x + weights["pos_embedding"][:, :8]
    hidden = torch.arange(8)[None, :] >= torch.tensor([8, 5])[:, None]
    for number in range(2):
        own = {
            name.removeprefix(f"blks.{number}."): value
            for name, value in weights.items()
            if name.startswith(f"blks.{number}.")
        }
        layer = torch.nn.TransformerEncoderLayer(24, 4, 16, dropout=0.0, batch_first=True)
        pairs = [("linear1", "ffn.dense1"), ("linear2", "ffn.dense2")]
        pairs += [("norm1", "addnorm1.ln"), ("norm2", "addnorm2.ln")]
        pairs += [("self_attn.out_proj", "attention.W_o")]
        state = {f"{a}.{p}": own[f"{b}.{p}"] for a, b in pairs for p in ("weight", "bias")}
        for part in ("weight", "bias"):
            state[f"self_attn.in_proj_{part}"] = torch.cat(
                [own[f"attention.W_{each}.{part}"] for each in "qkv"]
            )
        layer.load_state_dict(state)
        x = layer(x, src_key_padding_mask=hidden)
    torch.testing.assert_close(torch.from_numpy(out.detach().numpy()), x, rtol=1e-4, atol=1e-5)


WIKI = (
    "\n = Title = \n\n"
    + " one two three . four five six seven . eight nine ten .\n \n a . b\n" * 30
)


@pytest.fixture
def wiki(tmp_path: Path):
    zipped(tmp_path / "wikitext-2-v1.zip", "wikitext-2/wiki.train.tokens", WIKI)


def test_paragraphs_of_one_sentence_are_left_out(wiki: None):
    paragraphs = d2l._read_wiki(d2l.download_extract("wikitext-2", "wikitext-2"))
    assert len(paragraphs) == 60
    assert Counter(map(tuple, paragraphs)) == {
        ("one two three", "four five six seven", "eight nine ten ."): 30,
        ("a", "b"): 30,
    }


def test_next_sentences_are_true_half_of_the_time():
    paragraphs = [[["a"], ["b"]], [["c"], ["d"]]]
    vocab = d2l.Vocab("abcd")
    pairs = [
        pair
        for _ in range(500)
        for pair in d2l._get_nsp_data_from_paragraph(paragraphs[0], paragraphs, vocab, 5)
    ]
    assert len(pairs) == 500
    assert all(tokens[3] == "b" for tokens, _, is_next in pairs if is_next)
    assert {tokens[3] for tokens, _, is_next in pairs if not is_next} == set("abcd")
    assert 200 < sum(is_next for _, _, is_next in pairs) < 300
    assert d2l._get_nsp_data_from_paragraph(paragraphs[0], paragraphs, vocab, 4) == []


def test_masked_words_are_a_share_of_all():
    words = [f"w{i}" for i in range(100)]
    vocab = d2l.Vocab(words, reserved_tokens=["<mask>", "<cls>", "<sep>"])
    tokens = ["<cls>", *words, "<sep>"]
    kinds = Counter()
    for _ in range(100):
        ids, positions, answers = d2l._get_mlm_data_from_tokens(tokens, vocab)
        assert len(positions) == len(answers) == 15
        assert positions == sorted(set(positions))
        assert answers == vocab[[tokens[place] for place in positions]]
        others = [i for i in range(len(tokens)) if i not in positions]
        assert all(ids[i] == vocab[tokens[i]] for i in others)
        for place, answer in zip(positions, answers, strict=True):
            kinds["mask" if ids[place] == vocab["<mask>"] else ids[place] == answer] += 1
    assert kinds["mask"] == pytest.approx(1200, abs=80)
    assert kinds[True] == pytest.approx(150, abs=50)
    assert kinds[False] == pytest.approx(150, abs=50)


def test_bert_is_pre_trained_on_the_wiki(wiki: None):
    loader, vocab = d2l.load_data_wiki(16, max_len=14)
    batch = next(iter(loader))
    tokens, segments, lengths, positions, weights, answers, labels = batch
    assert tokens.shape == segments.shape == (16, 14)
    assert positions.shape == weights.shape == answers.shape == (16, 2)
    assert (lengths.dtype, weights.dtype, labels.dtype) == (
        *(torch.float32, torch.float32),
        torch.int64,
    )
    for row, length in zip(tokens.tolist(), lengths.int().tolist(), strict=True):
        assert vocab.to_tokens(row)[length:] == ["<pad>"] * (14 - length)
        assert row[length - 1] == vocab["<sep>"]
    net = d2l.BERTModel(len(vocab), 16, 16, 2, 1, 0.0, max_len=14)
    loss = nn.CrossEntropyLoss()
    optimizer, losses = None, []
    for _ in range(6):
        for batch in loader:
            _, _, both = d2l._get_batch_loss_bert(net, loss, len(vocab), *batch)
            optimizer = optimizer or torch.optim.Adam(net.parameters(), lr=0.02)
            optimizer.zero_grad()
            both.backward()
            optimizer.step()
            losses.append(both.item())
    assert sum(losses[-5:]) < 0.8 * sum(losses[:5])


def test_the_loss_of_masked_words_leaves_out_what_was_filled_up():
    class Net(nn.Module):
        def forward(self, tokens, segments, lengths, positions):
            assert lengths.shape == (2,)
            return None, self.words, torch.tensor([[3.0, 0.0], [0.0, 1.0]])

    net = Net()
    net.words = torch.randn(2, 3, 5)
    answers, labels = torch.tensor([[1, 2, 0], [4, 0, 0]]), torch.tensor([0, 1])
    weights = torch.tensor([[1.0, 1.0, 0.0], [1.0, 0.0, 0.0]])
    empty, lengths = torch.zeros(2, 8), torch.ones(2, 1)
    loss = nn.CrossEntropyLoss(reduction="none")
    words, _, _ = d2l._get_batch_loss_bert(
        *(net, loss, 5, empty, empty, lengths, empty, weights, answers, labels)
    )
    picked = nn.functional.cross_entropy(net.words[weights == 1], answers[weights == 1])
    assert words.item() == pytest.approx(picked.item(), rel=1e-6)
    mean = nn.CrossEntropyLoss()
    words, following, both = d2l._get_batch_loss_bert(
        *(net, mean, 5, empty, empty, lengths, empty, weights, answers, labels)
    )
    whole = nn.functional.cross_entropy(net.words.reshape(-1, 5), answers.reshape(-1))
    assert words.item() == pytest.approx(whole.item(), rel=1e-6)
    assert both.item() == pytest.approx(words.item() + following.item())


def test_a_batch_is_split_over_gpus_only():
    with pytest.raises(RuntimeError, match="expected GPUs"):
        d2l.split_batch(torch.ones(4, 2), torch.ones(4), d2l.try_all_gpus())
    with pytest.raises(AssertionError):
        d2l.split_batch(torch.ones(4, 2), torch.ones(3), [])


def test_the_book_s_other_packages_are_within_reach():
    import PIL.Image

    assert d2l.Image is PIL.Image
    assert d2l.transforms.Resize is torch.vision.transforms.Resize
    assert d2l.data.DataLoader is torch.utils.data.DataLoader
