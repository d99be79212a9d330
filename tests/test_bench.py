"""``fastgrad bench``: what it prints and writes, and that it refuses results that are wrong."""

import json
import os
import re
import subprocess
import sys
import textwrap
from importlib import import_module
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import cuda_rows
import fastgrad as fg
from fastgrad import _core
from fastgrad.cli import main

adapters = import_module("fastgrad.bench.adapters")
backends = import_module("fastgrad.bench.backends")
comparison = import_module("fastgrad.bench.comparison")
cuda = import_module("fastgrad.bench.cuda")
device_limits = import_module("fastgrad.bench.device_limits")
load = import_module("fastgrad.bench.load")
report = import_module("fastgrad.bench.report")
sections = import_module("fastgrad.bench.sections")
sequences = import_module("fastgrad.bench.sequences")
driver = import_module("fastgrad.bench.driver")
row = import_module("fastgrad.bench.row")
BUILD = _core.build_info()


def bench(*words: str) -> int:
    return main(["bench", *words])


# What it does


def test_a_row_is_timed_compared_and_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = [tmp_path / name for name in ("run.json", "run.md")]
    words = ["--json", str(files[0]), "--markdown", str(files[1])]
    code = bench("kernels", "--rows", "exp 1e4", "--rivals", "numpy", "--quick", *words)
    printed = capsys.readouterr().out
    assert code == 0, printed
    assert "exp 1e4" in printed
    document = json.loads(files[0].read_text())
    (measured,) = document["rows"]
    assert measured["name"] == "exp 1e4"
    assert measured["refused"] == {}
    assert {name: len(times) for name, times in measured["seconds_per_call"].items()} == {
        "fastgrad": 3,
        "numpy": 3,
    }
    assert len(measured["limit"]) == 3
    median = sorted(measured["seconds_per_call"]["fastgrad"])[1]
    assert measured["rate"] == pytest.approx(2 * 4 * 10_000 / median / 1e9)
    share = measured["rate"] / sorted(measured["limit"])[1]
    assert measured["share_of_limit"] == pytest.approx(share)
    assert document["machine"]["versions"]["numpy"] == np.__version__
    table = [line for line in files[1].read_text().splitlines() if line.startswith("|")]
    assert len(table) == 3
    assert len({line.count("|") for line in table}) == 1


def test_training_is_compared_with_training_by_hand(capsys: pytest.CaptureFixture[str]) -> None:
    assert bench("training", "--rows", "MLP b32", "--rivals", "numpy", "--quick") == 0
    (line,) = (text for text in capsys.readouterr().out.splitlines() if text.startswith("MLP b32"))
    assert line.count(" us") + line.count(" ms") == 2


@pytest.mark.parametrize("key", ["training/GPT 4x128 b16", "generation/GPT 64 tokens b1"])
def test_a_gpt_computes_what_it_does_in_pytorch(torch: ModuleType, key: str) -> None:
    one = sections.find_row(key)
    found = {}
    for module in ("fastgrad", "torch"):
        rng = np.random.default_rng(3)
        found[module] = adapters.TorchLike(module).program(one.work(rng), rng).results()
    for ours, theirs in zip(*found.values(), strict=True):
        assert ours.dtype == theirs.dtype
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=one.tolerance * abs(theirs).max())


def test_a_text_written_with_a_cache_is_that_of_whole_passes() -> None:
    writer = sequences.Writer(fg, np.random.default_rng(0))
    ids = fg.cat([writer.first, fg.from_numpy(writer.results()[0]).T], dim=1)[:, :-1]
    whole = writer.net(ids)[0].T
    np.testing.assert_allclose(writer.results()[1], whole.detach().numpy(), atol=1e-5)
    assert len(ids.unique()) > 1


def test_the_limits_are_measured_for_each_instruction_set(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert bench("limits", "--rows", "multiply-add, 1 thread", "--quick", "--rounds", "1") == 0
    printed = capsys.readouterr().out
    for isa in _core.build_info()["isas"]:
        assert isa in printed


def test_the_picture_shows_the_ratios(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    picture = import_module("fastgrad.bench.picture")
    rows = sections.chosen_rows("kernels", ["exp", "matmul 64"])
    times = {"fastgrad": [1.0], "torch": [2.0], "numpy": [1.5]}
    results = [driver.Result(one, times) for one in rows]
    picture.draw(results, "a machine", tmp_path / "run.png")
    assert (tmp_path / "run.png").read_bytes().startswith(b"\x89PNG")


def test_the_rows_can_be_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert bench("--list") == 0
    listed = capsys.readouterr().out.split("\n")[:-1]
    assert len(set(listed)) == len(listed) > 100
    assert {key.partition("/")[0] for key in listed} == set(sections.SECTIONS)
    assert all(sections.find_row(key).key == key for key in listed)


@pytest.mark.parametrize(
    ("goal", "ours", "text", "met"),
    [
        (row.Goal(0.5), 0.4, "x0.5", "yes"),
        (row.Goal(0.5), 0.6, "x0.5", "no"),
        (row.Goal(0.5, 3), 0.4, "x0.5 >=3", "partly"),
        (row.Goal(0.5, 2), 0.4, "x0.5 >=2", "yes"),
        (row.Goal(), 0.4, "", ""),
        (row.Goal(0.5, share=0.8), 0.4, "x0.5 >=80%", "yes"),
        (row.Goal(0.5, share=0.9), 0.4, "x0.5 >=90%", "partly"),
    ],
)
def test_goals(goal: object, ours: float, text: str, met: str) -> None:
    one = row.Row("kernels", "a row", lambda rng: None, goal, "GB/s", 1e9)
    result = driver.Result(one, {"fastgrad": [ours], "torch": [1.0]}, limits=[3.0])
    assert goal.text() == text
    assert report.met(result) == met


# What it refuses

FAKES = {
    "idle": "exp = lambda x: x",
    "wrong": "exp = lambda x: fg.exp(x) * 1.01",
    "stale": """
        kept = []
        def exp(x):
            kept.append(fg.exp(x).clone())
            return kept[0]
        """,
    "stale after a while": """
        kept = {}
        def exp(x):
            if id(x) not in kept:
                kept[id(x)] = x, fg.exp(x)
            return kept[id(x)][1]
        """,
    "other dtype": "exp = lambda x: fg.exp(x.double())",
    "other shape": "exp = lambda x: fg.exp(x).reshape(2, -1)",
}


def test_backends_that_do_not_compute_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    for name, code in FAKES.items():
        module = "fake_" + name.replace(" ", "_")
        text = "import fastgrad as fg\nfrom fastgrad import *\n" + textwrap.dedent(code)
        (tmp_path / f"{module}.py").write_text(text)
        monkeypatch.setitem(backends.RIVALS, name, backends.Backend(name, module))
    rivals = ",".join(["numpy", *FAKES])
    assert bench("kernels", "--rows", "exp 1e4", "--rivals", rivals, "--quick") == 1
    printed = capsys.readouterr().out
    assert set(re.findall(r"REFUSED ([\w ]+):", printed)) == set(FAKES)
    (line,) = (text for text in printed.splitlines() if text.startswith("exp 1e4"))
    assert line.count("refused") == len(FAKES)


def test_training_that_changes_nothing_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "fake_torch.py").write_text(
        "from fastgrad import *\n"
        "import fastgrad, types\n"
        "class SGD(fastgrad.optim.SGD):\n"
        "    def step(self): pass\n"
        "optim = types.SimpleNamespace(SGD=SGD)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setitem(backends.RIVALS, "fake", backends.Backend("fake", "fake_torch"))
    rows = ("--rows", "softmax regression b32")
    assert bench("training", *rows, "--rivals", "fake", "--quick") == 1
    assert "REFUSED fake: the loss does not fall" in capsys.readouterr().out


def test_a_section_that_fails_takes_nothing_from_those_before_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("the ranks are gone")

    run = import_module("fastgrad.bench.run")
    monkeypatch.setitem(run.MEASURES, "distributed", fail)
    path = tmp_path / "run.json"
    rows = ("--rows", "exp 1e4", "--rows", "LeNet b256, 2 ranks")
    assert bench(*rows, "--rivals", "none", "--quick", "--json", str(path)) == 1
    assert capsys.readouterr().err == "fastgrad bench: the ranks are gone\n"
    assert "exp 1e4" in path.read_text()


# Bad input


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["kernels", "--rows", "nothing"], "no row of kernels fits 'nothing'"),
        (["kernls"], "unknown section 'kernls'"),
        (["--rivals", "caffe"], "unknown rival 'caffe'"),
        (["--threads", "0"], "expects a positive integer, got '0'"),
        (["--rounds", "two"], "expects a positive integer, got 'two'"),
        (["--isa", "mmx"], "invalid choice: 'mmx'"),
        (["--isa", "avx2", "--rivals", "numpy"], "cannot be held to --isa avx2"),
        (["--rows", "exp 1e4", "--json", "no/such/folder/run.json"], "there is no folder"),
        (["--rows", "exp 1e4", "--json", "."], "is a folder"),
        (["--rows", "exp 1e4", "--picture", "run.doc"], "not run.doc"),
    ],
)
def test_bad_input_is_told_in_one_line(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert bench(*words) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert said in captured.err
    assert captured.err.count("\n") == 1


def test_a_picture_without_matplotlib_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    path = str(tmp_path / "run.png")
    assert bench("--rows", "exp 1e4", "--rivals", "none", "--picture", path) == 2
    assert "fastgrad[train]" in capsys.readouterr().err


def test_a_rival_that_is_not_installed_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    absent = backends.Backend("absent", "no_such_library")
    monkeypatch.setitem(backends.RIVALS, "absent", absent)
    assert bench("--rivals", "absent") == 2
    assert "no_such_library is not installed" in capsys.readouterr().err


# The limits' kernels


@pytest.mark.core
@pytest.mark.parametrize("isa", _core.build_info()["isas"])
def test_the_limits_compute_what_they_say(isa: str) -> None:
    program = """
        import fastgrad as fg
        from fastgrad import _core
        for threads in (1, 2, 3):
            fg.set_num_threads(threads)
            a, b = fg.arange(768.0), fg.arange(768.0) * 2
            for past in (False, True):
                to = fg.zeros(768)
                _core.limit_copy(to, a, threads, 2, past)
                assert (to == a).all()
                _core.limit_triad(to, a, b, threads, 2, past)
                assert (to == a + b / 2).all()
            sums = fg.zeros(threads)
            _core.limit_read(sums, a, 2)
            assert (sums == a.reshape(threads, -1).sum(dim=1)).all()
            flops = _core.limit_multiply_add(sums, 100, 3.0)
            assert flops % (200 * threads) == 0
            numbers = flops / threads / 200
            assert (sums == 6 * numbers).all()
        """
    run = [sys.executable, "-c", textwrap.dedent(program)]
    env = {**os.environ, "FASTGRAD_ISA": isa}
    done = subprocess.run(run, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.core
@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda x: _core.limit_copy(x, x[:64], 1, 1, False), "one length"),
        (lambda x: _core.limit_copy(x, x, 3, 1, False), "multiple of 64"),
        (lambda x: _core.limit_copy(x, x, 0, 1, False), "multiple of 64"),
        (lambda x: _core.limit_copy(x, x.double(), 1, 1, False), "float32"),
        (lambda x: _core.limit_copy(x[::2], x[::2], 1, 1, False), "contiguous"),
        (lambda x: _core.limit_copy(x[1:65], x[1:65], 1, 1, False), "aligned"),
        (lambda x: _core.limit_triad(x, x, x[:64], 1, 1, False), "one length"),
        (lambda x: _core.limit_read(x.double(), x, 1), "float32"),
        (lambda x: _core.limit_read(x[:1], x, 0), "positive number of repeats"),
        (lambda x: _core.limit_multiply_add(x, 0, 1.0), "positive number of repeats"),
        (lambda x: _core.limit_multiply_add(x.reshape(2, 64), 1, 1.0), "vector"),
    ],
)
def test_the_limits_check_their_vectors(call: object, said: str) -> None:
    with pytest.raises(RuntimeError, match=said):
        call(fg.zeros(128))


# A CUDA device


def test_without_a_cuda_device_its_section_is_skipped(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(fg.cuda, "is_available", lambda: False)
    monkeypatch.setattr(_core, "build_info", lambda: {**BUILD, "cuda": False})
    assert bench("cuda", "--rivals", "none", "--quick") == 0
    skipped = capsys.readouterr().out.splitlines()[1:]
    assert skipped == ["", f"cuda: skipped: {cuda.why_absent()}"]
    assert "built without CUDA" in cuda.why_absent()


def test_a_build_with_cuda_says_why_it_has_no_device(monkeypatch: pytest.MonkeyPatch) -> None:
    def init() -> None:
        raise RuntimeError("there is no NVIDIA driver on this system")

    monkeypatch.setattr(fg.cuda, "is_available", lambda: False)
    monkeypatch.setattr(_core, "build_info", lambda: {**BUILD, "cuda": True})
    monkeypatch.setattr(fg.cuda, "init", init)
    assert cuda.why_absent() == "there is no NVIDIA driver on this system"


def test_every_row_of_a_cuda_device_has_a_goal_and_a_limit_that_is_known() -> None:
    for one in cuda.rows():
        assert one.goal.ratio is not None
        assert one.limit in (None, *device_limits.KINDS)
        assert (one.goal.share is not None) == (one.limit == "device copy")
    assert sections.find_row("cuda/copy 2.5e7").amount == 2 * 4 * 25_000_000
    assert sections.find_row("cuda/matmul 4096 TF32").amount == 2 * 4096**3


@pytest.mark.parametrize("name", [one.name for one in cuda_rows.quick_rows("cpu")])
def test_rows_of_a_cuda_device_compute_what_they_do_in_pytorch(
    torch: ModuleType, name: str
) -> None:
    (one,) = (one for one in cuda_rows.quick_rows("cpu") if one.name == name)
    ours, theirs = (cuda_rows.digests(one, module) for module in ("fastgrad", "torch"))
    for found, expected in zip(ours, theirs, strict=True):
        assert comparison.difference(found, expected, one.tolerance) is None


# Several processes


def test_exchanges_and_steps_of_two_ranks_are_timed(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("mpi4py", reason="several processes need the extra: fastgrad[mpi]")
    words = (
        "--rows",
        "all-reduce 4 B",
        "--rows",
        "all-reduce 16 KB",
        "--rows",
        "softmax",
        "--quick",
    )
    assert bench("distributed", *words) == 0
    printed = capsys.readouterr().out
    assert re.search(r"^all-reduce 4 B, 2 ranks +[\d.]+ ms", printed, re.MULTILINE)
    assert re.search(r"fit: \d+ us and [\d.]+ GB/s", printed)
    assert re.search(r"[\d.]+x the samples/s of 1 rank", printed)
    assert re.search(r"predicted on 10 Gbit/s Ethernet: 8 ranks \d+%.*1024 ranks \d+%", printed)


def test_without_mpi_its_rows_are_skipped_with_what_to_install(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fastgrad.distributed.launch.is_installed", lambda: False)
    assert bench("distributed", "--rows", "all-reduce 4 B", "--quick") == 0
    assert "pip install 'fastgrad[mpi]'" in capsys.readouterr().out


def test_the_fit_of_an_exchange_finds_what_it_was_made_from() -> None:
    distributed = import_module("fastgrad.bench.distributed")
    sizes = [4, 1 << 14, 1 << 20, 1 << 25]
    fixed, rate = distributed.fit(sizes, [5e-5 + size / 3e9 for size in sizes])
    assert fixed == pytest.approx(5e-5)
    assert rate == pytest.approx(3e9)
    times = [distributed.seconds_of(10**6, n, 30e-6, 1.25e9, 1e-4) for n in (2, 8, 1024)]
    assert times[0] == pytest.approx(1e-4 + 60e-6 + 8e-4)
    assert times == sorted(times)
