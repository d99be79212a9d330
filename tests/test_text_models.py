"""GPT-2 and BERT: names and layout of the published weights, and what they compute."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

import fastgrad as fg
from fastgrad.text import beam_search
from fastgrad.text.models import (
    BERT,
    GPT2,
    BERTConfig,
    BERTForPreTraining,
    BERTForSequenceClassification,
    GPT2Config,
)

GPT = GPT2Config(vocab_size=29, n_positions=16, n_embd=12, n_layer=2, n_head=3)
BERT_SIZES = BERTConfig(
    vocab_size=31,
    hidden_size=12,
    num_hidden_layers=2,
    num_attention_heads=3,
    intermediate_size=20,
    max_position_embeddings=16,
)


def ids(rows=2, length=9, below=29):
    return fg.randint(below, (rows, length), generator=fg.Generator().manual_seed(rows))


def filled(net):
    """Every parameter random, so that none hides behind a zero."""
    fg.manual_seed(1)
    with fg.no_grad():
        for parameter in net.parameters():
            parameter.normal_(0, 0.3)
    return net.eval()


# The published models, written in PyTorch with their names as keys. GPT-2's matrices are
# [inputs, outputs], BERT's are [outputs, inputs].


def reference_gpt2(torch, w, tokens, heads):
    functional = torch.nn.functional

    def norm(x, name):
        return functional.layer_norm(x, x.shape[-1:], w[f"{name}.weight"], w[f"{name}.bias"], 1e-5)

    def linear(x, name):
        return x @ w[f"{name}.weight"] + w[f"{name}.bias"]

    x = w["transformer.wte.weight"][tokens] + w["transformer.wpe.weight"][: tokens.shape[1]]
    batch, length, width = x.shape
    hidden = torch.ones(length, length, dtype=torch.bool).triu(1)
    layer = 0
    while f"transformer.h.{layer}.ln_1.weight" in w:
        name = f"transformer.h.{layer}"
        q, k, v = (
            part.view(batch, length, heads, width // heads).transpose(1, 2)
            for part in linear(norm(x, f"{name}.ln_1"), f"{name}.attn.c_attn").split(width, -1)
        )
        scores = (q @ k.mT / (width // heads) ** 0.5).masked_fill(hidden, -torch.inf)
        mixed = (scores.softmax(-1) @ v).transpose(1, 2).reshape(batch, length, width)
        x = x + linear(mixed, f"{name}.attn.c_proj")
        inner = linear(norm(x, f"{name}.ln_2"), f"{name}.mlp.c_fc")
        inner = (
            0.5 * inner * (1 + torch.tanh((2 / torch.pi) ** 0.5 * (inner + 0.044715 * inner**3)))
        )
        x = x + linear(inner, f"{name}.mlp.c_proj")
        layer += 1
    return norm(x, "transformer.ln_f") @ w["transformer.wte.weight"].T


def reference_bert(torch, w, tokens, segments, lengths, heads):
    functional = torch.nn.functional

    def norm(x, name):
        return functional.layer_norm(x, x.shape[-1:], w[f"{name}.weight"], w[f"{name}.bias"], 1e-12)

    def linear(x, name):
        return functional.linear(x, w[f"{name}.weight"], w[f"{name}.bias"])

    prefix = "bert.embeddings"
    x = w[f"{prefix}.word_embeddings.weight"][tokens]
    x = x + w[f"{prefix}.position_embeddings.weight"][: tokens.shape[1]]
    x = norm(x + w[f"{prefix}.token_type_embeddings.weight"][segments], f"{prefix}.LayerNorm")
    batch, length, width = x.shape
    hidden = (torch.arange(length) >= lengths[:, None])[:, None, None]
    layer = 0
    while f"bert.encoder.layer.{layer}.output.dense.weight" in w:
        name = f"bert.encoder.layer.{layer}"
        q, k, v = (
            linear(x, f"{name}.attention.self.{part}")
            .view(batch, length, heads, width // heads)
            .transpose(1, 2)
            for part in ("query", "key", "value")
        )
        scores = (q @ k.mT / (width // heads) ** 0.5).masked_fill(hidden, -torch.inf)
        mixed = (scores.softmax(-1) @ v).transpose(1, 2).reshape(batch, length, width)
        x = norm(
            linear(mixed, f"{name}.attention.output.dense") + x,
            f"{name}.attention.output.LayerNorm",
        )
        inner = functional.gelu(linear(x, f"{name}.intermediate.dense"))
        x = norm(linear(inner, f"{name}.output.dense") + x, f"{name}.output.LayerNorm")
        layer += 1
    pooled = linear(x[:, 0], "bert.pooler.dense").tanh()
    words = functional.gelu(linear(x, "cls.predictions.transform.dense"))
    words = norm(words, "cls.predictions.transform.LayerNorm")
    words = words @ w[f"{prefix}.word_embeddings.weight"].T + w["cls.predictions.bias"]
    return SimpleNamespace(
        hidden=x, pooled=pooled, words=words, follows=linear(pooled, "cls.seq_relationship")
    )


def in_torch(torch, tensors):
    """Tensors of PyTorch with the same numbers, whose gradients are wanted."""
    return {
        name: torch.tensor(tensor.detach().numpy()).requires_grad_()
        for name, tensor in tensors.items()
    }


def assert_close(ours, theirs, tolerance=2e-5):
    np.testing.assert_allclose(ours.detach().numpy(), theirs.detach().numpy(), tolerance, tolerance)


# Names and layout


def test_names_and_layout_of_gpt2():
    state = GPT2(GPT).state_dict()
    assert len(state) == 2 + 12 * 2 + 2 + 1
    shapes = {name: tuple(tensor.shape) for name, tensor in state.items()}
    assert shapes["transformer.h.1.attn.c_attn.weight"] == (12, 36)
    assert shapes["transformer.h.1.mlp.c_proj.weight"] == (48, 12)
    assert shapes["lm_head.weight"] == (29, 12)
    net = GPT2(GPT)
    assert net.lm_head.weight is net.transformer["wte"].weight
    assert sum(p.numel() for p in net.parameters()) == 29 * 12 + 16 * 12 + 2 * 1884 + 24


def test_names_and_layout_of_bert():
    state = BERTForPreTraining(BERT_SIZES).state_dict()
    assert len(state) == 5 + 16 * 2 + 2 + 9
    assert {
        "bert.embeddings.LayerNorm.weight",
        "bert.encoder.layer.1.attention.self.query.bias",
        "bert.encoder.layer.0.attention.output.LayerNorm.bias",
        "bert.encoder.layer.0.intermediate.dense.weight",
        "bert.pooler.dense.weight",
        "cls.predictions.bias",
        "cls.predictions.decoder.weight",
        "cls.predictions.transform.LayerNorm.weight",
        "cls.seq_relationship.weight",
    } <= set(state)


# Values and gradients


def test_gpt2_computes_what_the_published_model_does(torch):
    net, tokens = filled(GPT2(GPT)), ids()
    weights = in_torch(torch, net.state_dict())
    weights["lm_head.weight"] = weights["transformer.wte.weight"]
    expected = reference_gpt2(torch, weights, torch.tensor(tokens.numpy()), 3)
    found = net(tokens)
    assert_close(found, expected)
    found.square().mean().backward()
    expected.square().mean().backward()
    for name, parameter in net.named_parameters():
        assert_close(parameter.grad, weights[name].grad, 5e-5)


def test_bert_computes_what_the_published_model_does(torch):
    net, tokens = filled(BERTForPreTraining(BERT_SIZES)), ids()
    segments, lengths = (fg.arange(9) > 4).long().expand(2, 9), fg.tensor([9, 6])
    weights = in_torch(torch, net.state_dict())
    inputs = (torch.tensor(x.numpy()) for x in (tokens, segments, lengths))
    expected = reference_bert(torch, weights, *inputs, 3)
    words, follows = net(tokens, segments, lengths)
    assert_close(words, expected.words)
    assert_close(follows, expected.follows)
    hidden, pooled = net.bert(tokens, segments, lengths)
    assert_close(hidden, expected.hidden)
    assert_close(pooled, expected.pooled)
    (words.square().mean() + follows.square().mean()).backward()
    (expected.words.square().mean() + expected.follows.square().mean()).backward()
    shared = "bert.embeddings.word_embeddings.weight"
    for name, parameter in net.named_parameters():
        if name == "cls.predictions.bias":
            continue  # in the reference the decoder's bias is this one
        grad = weights[name].grad
        if grad is None:
            assert name == "cls.predictions.decoder.bias"
            grad = weights["cls.predictions.bias"].grad
        assert_close(parameter.grad, grad, 1e-4)
    assert net.cls["predictions"].decoder.weight is dict(net.named_parameters())[shared]


def test_chosen_places_give_the_same_scores():
    net, tokens = filled(BERTForPreTraining(BERT_SIZES)), ids()
    places = fg.rand(2, 9) < 0.4
    everywhere, _ = net(tokens)
    chosen, _ = net(tokens, places=places)
    np.testing.assert_allclose(
        chosen.detach().numpy(), everywhere[places].detach().numpy(), 1e-5, 1e-5
    )


def test_padding_changes_nothing():
    net, tokens = filled(BERT(BERT_SIZES)), ids(1)
    padded = fg.cat([tokens, fg.zeros(1, 4, dtype=fg.int64)], 1)
    alone, _ = net(tokens)
    beside, _ = net(padded, valid_len=fg.tensor([9]))
    np.testing.assert_allclose(beside[:, :9].detach().numpy(), alone.detach().numpy(), 1e-5, 1e-5)


# Steps with a cache


def test_the_cache_gives_the_scores_of_a_whole_pass():
    net, tokens = filled(GPT2(GPT)), ids(3, 12)
    whole = net(tokens).detach()
    logits, cache = net.step(tokens[:, :5])
    np.testing.assert_allclose(logits.detach().numpy(), whole[:, 4].numpy(), 1e-5, 1e-5)
    logits, cache = net.step(tokens[:, 5:8], cache)  # several at a time
    np.testing.assert_allclose(logits.detach().numpy(), whole[:, 7].numpy(), 1e-5, 1e-5)
    for place in range(8, 12):
        logits, cache = net.step(tokens[:, place : place + 1], cache)
        np.testing.assert_allclose(logits.detach().numpy(), whole[:, place].numpy(), 1e-5, 1e-5)
    assert cache[1][0].shape == (3, 3, 12, 4)


def test_generating_goes_on_beyond_the_positions():
    net, text = filled(GPT2(GPT)), ids(2, 5)
    found = net.generate(text, 20, temperature=0)
    for _ in range(20):
        text = fg.cat([text, net(text[:, -16:])[:, -1].argmax(1, keepdim=True)], 1)
    assert fg.equal(found, text)


def test_generating_draws_by_the_seed_and_leaves_the_mode():
    net = GPT2(GPT).train()
    drawn = [
        net.generate(ids(1, 3), 8, top_k=5, generator=fg.Generator().manual_seed(7)).tolist()
        for _ in range(2)
    ]
    assert drawn[0] == drawn[1]
    assert net.training


def test_beams_carry_the_cache():
    net, text = filled(GPT2(GPT)), ids(1, 4)
    with_cache, score = beam_search(net.step, text, 6, beam_size=3)

    def without(tokens, state):
        whole = tokens if state is None else fg.cat([state, tokens], 1)
        return net(whole)[:, -1], whole

    expected, expected_score = beam_search(without, text, 6, beam_size=3)
    assert fg.equal(with_cache, expected)
    assert score == pytest.approx(expected_score, abs=1e-4)


# Files


@pytest.mark.parametrize("name", ["model.safetensors", "pytorch_model.bin", "weights.pt"])
def test_published_files_of_gpt2(tmp_path, name):
    """The file on the hub: no prefix, no head, and the constants of the causal mask."""
    net = filled(GPT2(GPT))
    weights = {
        key.removeprefix("transformer."): tensor.clone()
        for key, tensor in net.state_dict().items()
        if key != "lm_head.weight"
    }
    for layer in range(2):
        weights[f"h.{layer}.attn.bias"] = fg.ones(16, 16).tril().view(1, 1, 16, 16)
        weights[f"h.{layer}.attn.masked_bias"] = fg.tensor(-1e4)
    fg.save(weights, tmp_path / name)
    (tmp_path / "config.json").write_text(json.dumps({"n_head": 3, "model_type": "gpt2"}))
    place = tmp_path / name if name == "weights.pt" else tmp_path
    loaded = GPT2.from_pretrained(place)
    assert not loaded.training
    assert loaded.config == GPT
    assert fg.equal(loaded(ids()), net(ids()))
    assert loaded.lm_head.weight is loaded.transformer["wte"].weight
    other = GPT2.from_pretrained(place, n_head=1, dropout=0.0)
    assert (other.config.n_head, other.config.dropout) == (1, 0.0)


def test_a_file_that_pytorch_wrote(torch, tmp_path):
    net = filled(GPT2(GPT))
    torch.save(in_torch(torch, net.state_dict()), tmp_path / "gpt.pt")
    assert fg.equal(GPT2.from_pretrained(tmp_path / "gpt.pt", n_head=3)(ids()), net(ids()))


@pytest.mark.parametrize("name", ["model.safetensors", "pytorch_model.bin"])
def test_published_files_of_bert(tmp_path, name):
    """The old file: gamma and beta, one bias of the words' scores, a constant of positions."""
    net = filled(BERTForPreTraining(BERT_SIZES))
    weights = {
        key.replace("LayerNorm.weight", "LayerNorm.gamma").replace(
            "LayerNorm.bias", "LayerNorm.beta"
        ): tensor.clone()
        for key, tensor in net.state_dict().items()
        if not key.startswith("cls.predictions.decoder")
    }
    weights["bert.embeddings.position_ids"] = fg.arange(16).view(1, 16)
    fg.save(weights, tmp_path / name)
    (tmp_path / "config.json").write_text(json.dumps({"num_attention_heads": 3}))
    loaded = BERTForPreTraining.from_pretrained(tmp_path)
    assert loaded.bert.config == BERT_SIZES
    for ours, original in zip(loaded(ids()), net(ids()), strict=True):
        assert fg.equal(ours, original)
    assert fg.equal(BERT.from_pretrained(tmp_path)(ids())[0], net.bert(ids())[0])
    tuned = BERTForSequenceClassification(BERT.from_pretrained(tmp_path), 3)
    assert tuned(ids()).shape == (2, 3)
    fg.save(net.bert.state_dict(), tmp_path / "encoder.pt")  # and the encoder alone
    alone = BERT.from_pretrained(tmp_path / "encoder.pt")
    assert fg.equal(alone(ids())[0], net.bert(ids())[0])


def test_files_of_other_models(tmp_path):
    fg.save(GPT2(GPT).state_dict(), tmp_path / "gpt.pt")
    with pytest.raises(ValueError, match="no weights of BERT"):
        BERT.from_pretrained(tmp_path / "gpt.pt")
    fg.save(BERT(BERT_SIZES).state_dict(), tmp_path / "bert.pt")
    said = r"no weights of GPT2: it has transformer\.wte\.weight .*begins with embeddings\.LayerN"
    with pytest.raises(ValueError, match=said):
        GPT2.from_pretrained(tmp_path / "bert.pt")
    with pytest.raises(RuntimeError, match="cls"):
        BERTForPreTraining.from_pretrained(tmp_path / "bert.pt", num_attention_heads=3)
    fg.save([1, 2], tmp_path / "list.pt")
    with pytest.raises(ValueError, match="holds no state dict"):
        GPT2.from_pretrained(tmp_path / "list.pt")
    with pytest.raises(FileNotFoundError, match=r"has none of model\.safetensors"):
        GPT2.from_pretrained(tmp_path)
    with pytest.raises(FileNotFoundError):
        GPT2.from_pretrained(tmp_path / "missing.pt")
    (tmp_path / "config.json").write_text("[")
    with pytest.raises(ValueError, match="no whole JSON"):
        GPT2.from_pretrained(tmp_path / "gpt.pt")


# What does not fit


@pytest.mark.parametrize("net", [GPT2(GPT), BERT(BERT_SIZES)], ids=["GPT2", "BERT"])
def test_tokens_that_do_not_fit(net):
    for bad in (-1, 31):
        with pytest.raises(IndexError, match=r"expected tokens from 0 to.*another model's"):
            net(fg.tensor([[1, bad]]))
    with pytest.raises(ValueError, match="more than the 16 positions"):
        net(ids(1, 17))
    with pytest.raises(ValueError, match=r"int64 \[batch, length\]"):
        net(fg.tensor([1, 2]))
    with pytest.raises(ValueError, match=r"int64 \[batch, length\]"):
        net(fg.zeros(1, 2))
    with pytest.raises(TypeError, match=r"as a tensor .*got list; .*torch\.tensor\(\[ids\]\)"):
        net([[1, 2]])


def test_a_full_cache_and_shapes_of_bert():
    _, cache = GPT2(GPT).eval().step(ids(1, 16))
    with pytest.raises(ValueError, match="more than the 0 positions"):
        GPT2(GPT).step(ids(1, 1), cache)
    net = BERT(BERT_SIZES)
    with pytest.raises(ValueError, match=r"segments of shape \[2, 9\], got \[2, 8\]"):
        net(ids(), ids()[:, :8])
    with pytest.raises(ValueError, match="expected 2 valid lengths"):
        net(ids(), valid_len=fg.tensor([1]))


def test_sizes_that_do_not_fit():
    with pytest.raises(ValueError, match="n_head must divide n_embd"):
        GPT2Config(n_embd=10, n_head=3)
    with pytest.raises(ValueError, match="num_attention_heads must divide"):
        BERTConfig(hidden_size=10, num_attention_heads=3)
    with pytest.raises(ValueError, match="at least 1"):
        GPT2Config(n_layer=0)
    with pytest.raises(ValueError, match="GPT2Config: sizes must be integers"):
        GPT2Config(n_head="two")


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ({"n_embd": 24}, r"wte\.weight +wrong shape +\(29, 24\) +\(29, 12\)"),
        ({"vocab_size": 30}, r"lm_head\.weight +wrong shape +\(30, 12\) +\(29, 12\)"),
        ({"n_positions": 8}, r"wpe\.weight +wrong shape +\(8, 12\) +\(16, 12\)"),
        ({"n_layer": 3}, r"h\.2\.ln_1\.weight +missing"),
        ({"n_layer": 1}, r"h\.1\.ln_1\.weight +unexpected"),
    ],
    ids=str,
)
def test_weights_of_other_sizes_are_told_in_a_table(tmp_path, wanted, said):
    fg.save(GPT2(GPT).state_dict(), tmp_path / "gpt.pt")
    with pytest.raises(RuntimeError, match=said):
        GPT2.from_pretrained(tmp_path / "gpt.pt", **wanted)


def test_dropout_works_in_training_only():
    for net in (GPT2(GPT), BERTForSequenceClassification(BERT(BERT_SIZES), 2)):
        assert not fg.equal(net.train()(ids()), net(ids()))
        assert fg.equal(net.eval()(ids()), net(ids()))
