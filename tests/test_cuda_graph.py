"""Work that is captured once and replayed."""

import gc

import pytest

import fastgrad as fg

pytestmark = pytest.mark.skipif(not fg.cuda.is_available(), reason="needs a CUDA device")


def captured(work, **options):
    graph = fg.cuda.CUDAGraph()
    with fg.cuda.graph(graph, **options):
        out = work()
    return graph, out


def test_a_replay_computes_anew_from_the_same_memory():
    x = fg.arange(1000.0, device="cuda")
    graph, y = captured(lambda: (x * 2 + 1).neg())
    for start in (5.0, 7.0):
        x.copy_(fg.arange(start, start + 1000))
        graph.replay()
        assert y.tolist() == [-(2 * (start + i) + 1) for i in range(1000)]


def test_nothing_is_done_while_it_is_captured():
    x = fg.zeros(10, device="cuda")
    graph, _ = captured(lambda: x.add_(1))
    assert x.tolist() == [0] * 10
    graph.replay()
    graph.replay()
    assert x.tolist() == [2] * 10


def test_memory_of_a_graph_is_its_own():
    x = fg.ones(1 << 18, device="cuda")
    graph, y = captured(lambda: ((x + 1) * 3) - 2)  # the intermediate results are free in the pool
    others = [fg.full((1 << 18,), -1.0, device="cuda") for _ in range(6)]
    graph.replay()
    assert y[::1000].tolist() == [4] * len(y[::1000])
    assert all(other[0].item() == other[-1].item() == -1 for other in others)


def test_a_graph_gives_its_memory_back():
    fg.cuda.empty_cache()
    before = fg.cuda.memory_reserved()
    x = fg.ones(1 << 18, device="cuda")
    graph, y = captured(lambda: x + 1)
    fg.cuda.empty_cache()
    graph.replay()
    assert y[0].item() == 2
    graph.reset()
    fg.cuda.empty_cache()
    assert y[0].item() == 2  # still held by its tensor
    y = x = None
    gc.collect()
    fg.cuda.empty_cache()
    assert fg.cuda.memory_reserved() <= before


def test_graphs_share_a_pool():
    pool = fg.cuda.graph_pool_handle()
    x = fg.ones(1 << 18, device="cuda")
    first, a = captured(lambda: x + 1, pool=pool)
    second, b = captured(lambda: a * 2, pool=first.pool())
    assert first.pool() == second.pool() == pool
    first.replay()
    second.replay()
    assert b[-1].item() == 4
    first.reset()
    second.replay()
    assert b[0].item() == 4


def test_copies_from_pinned_memory_are_captured():
    source = fg.ones(100).pin_memory()
    x = fg.zeros(100, device="cuda")
    graph, _ = captured(lambda: x.copy_(source, non_blocking=True))
    source.fill_(5)
    graph.replay()
    assert x.tolist() == [5] * 100


def test_numbers_are_captured():
    x = fg.ones(10, device="cuda")
    graph, y = captured(lambda: x * fg.tensor(3.0))
    graph.replay()
    assert y.tolist() == [3] * 10


def test_replays_draw_new_random_numbers():
    """They are those that the same calls draw without a graph."""
    x = fg.ones(1000, device="cuda")
    own = fg.Generator("cuda")

    def step():
        dropped = fg.nn.functional.dropout(x, 0.5)
        return dropped + fg.randn(1000, device="cuda"), fg.rand(7, device="cuda", generator=own)

    def seeded(draw):
        fg.cuda.manual_seed(3)
        own.manual_seed(5)
        found = []
        for _ in range(3):
            found.append([y.tolist() for y in draw()])
            found.append([fg.rand(3, device="cuda").tolist()])  # between two replays
        return found

    before = fg.cuda.get_rng_state()
    graph, made = captured(step)
    assert fg.cuda.get_rng_state().tolist() == before.tolist()

    def replayed():
        graph.replay()
        return made

    expected = seeded(step)
    assert expected[0] != expected[2]
    assert seeded(replayed) == expected


def test_a_graph_keeps_its_generator():
    def work():
        return fg.rand(10, device="cuda", generator=generators.pop())

    generators = [fg.Generator("cuda").manual_seed(5)]
    graph, x = captured(work)
    gc.collect()
    graph.replay()
    first = x.tolist()
    graph.replay()
    assert x.tolist() != first
    again = fg.Generator("cuda").manual_seed(5)
    assert fg.rand(10, device="cuda", generator=again).tolist() == first


def test_a_captured_step_of_training_drops_anew():
    def trained(steps_in_a_graph):
        fg.manual_seed(0)
        model = fg.nn.Sequential(
            fg.nn.Linear(8, 16), fg.nn.ReLU(), fg.nn.Dropout(0.5), fg.nn.Linear(16, 1)
        ).cuda()
        optimizer = fg.optim.SGD(model.parameters(), lr=0.1)
        x = fg.arange(64.0, device="cuda").view(8, 8) / 64

        def step():
            optimizer.zero_grad()
            model(x).square().sum().backward()
            optimizer.step()

        side = fg.cuda.Stream()
        side.wait_stream(fg.cuda.current_stream())
        with fg.cuda.stream(side):
            step()
        fg.cuda.current_stream().wait_stream(side)
        if steps_in_a_graph:
            graph, _ = captured(step)
            step = graph.replay
        for _ in range(3):
            step()
        return [p.tolist() for p in model.parameters()]

    assert trained(True) == trained(False)


def test_what_cannot_be_captured():
    x = fg.ones(10, device="cuda")
    with pytest.raises(RuntimeError, match="pinned"):
        captured(lambda: x.copy_(fg.ones(10)))
    with pytest.raises(RuntimeError, match="captured"):
        captured(lambda: x.tolist())
    assert not fg.cuda.is_current_stream_capturing()
    graph, y = captured(lambda: x + 1)  # the process goes on
    graph.replay()
    assert y.tolist() == [2] * 10


def test_an_exception_in_the_block_ends_the_capture():
    def work():
        assert fg.cuda.is_current_stream_capturing()
        raise KeyError

    with pytest.raises(KeyError):
        captured(work)
    assert not fg.cuda.is_current_stream_capturing()
    assert fg.cuda.current_stream() == fg.cuda.default_stream()


def test_wrong_uses():
    graph = fg.cuda.CUDAGraph()
    with pytest.raises(RuntimeError, match="without a preceding successful capture"):
        graph.replay()
    with pytest.raises(RuntimeError, match="non-default stream"):
        graph.capture_begin()
    with pytest.raises(RuntimeError, match="no capture"):
        graph.capture_end()
    with pytest.raises(ValueError, match="capture_error_mode"):
        graph.capture_begin(capture_error_mode="strict")
    x = fg.ones(3, device="cuda")
    graph, _ = captured(lambda: x + 1)
    with pytest.raises(RuntimeError, match="already owns"), fg.cuda.stream(fg.cuda.Stream()):
        graph.capture_begin()


def test_other_streams_join_a_capture():
    x = fg.ones(1000, device="cuda")
    side = fg.cuda.Stream()

    def work():
        a = x + 1
        side.wait_stream(fg.cuda.current_stream())
        with fg.cuda.stream(side):
            b = a * 10
        c = a * 2
        fg.cuda.current_stream().wait_stream(side)
        return b + c

    graph, y = captured(work)
    x.fill_(2)
    graph.replay()
    assert y.tolist() == [36] * 1000
