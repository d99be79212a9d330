"""Language models and a translator train as PyTorch's do, from equal weights on equal batches."""

from types import ModuleType

import pytest

import fastgrad as fg
from fastgrad.text import CharTokenizer, SeqDataLoader, letters_only, perplexity, read_text

STEPS = 30


def train(torch, rnn, head, vocab_size, batches):
    """The same lines for both libraries: one-hot characters, clipping, Adam."""
    functional = torch.nn.functional
    parameters = [*rnn.parameters(), *head.parameters()]
    optimizer = torch.optim.Adam(parameters, lr=5e-3)
    losses = []
    for x, y in batches:
        outputs, _ = rnn(functional.one_hot(x.t(), vocab_size).float())
        loss = functional.cross_entropy(head(outputs).flatten(0, 1), y.t().flatten())
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        losses.append(loss.item())
    return losses


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("RNN", {}),
        ("GRU", {}),
        ("LSTM", {}),
        ("GRU", {"num_layers": 2}),
        ("LSTM", {"bidirectional": True}),
    ],
    ids=["RNN", "GRU", "LSTM", "deep", "bidirectional"],
)
def test_perplexity_is_that_of_pytorch(torch: ModuleType, text_folder, kind, options):
    """The seeds are equal, so the weights are: both libraries draw the same numbers."""
    text = letters_only(read_text(text_folder / "timemachine.txt"))[2000:12_000]
    tokenizer = CharTokenizer.train(text)
    size, width = len(tokenizer), 32 * (2 if "bidirectional" in options else 1)
    fg.manual_seed(5)
    loader = SeqDataLoader(tokenizer.encode(text), 16, 20, use_random_iter=True)
    batches = [batch for _ in range(2) for batch in loader][:STEPS]
    found = {}
    for library in (fg, torch):
        library.manual_seed(3)
        rnn = getattr(library.nn, kind)(size, 32, **options)
        head = library.nn.Linear(width, size)
        data = [tuple(library.tensor(side.tolist()) for side in batch) for batch in batches]
        losses = train(library, rnn, head, size, data)
        found[library] = losses[0], perplexity(sum(losses[-5:]) / 5)
    assert found[fg][0] == pytest.approx(found[torch][0], rel=1e-5)
    assert found[fg][1] == pytest.approx(found[torch][1], rel=1e-2)
    assert found[fg][1] < perplexity(found[fg][0]) / 1.5
