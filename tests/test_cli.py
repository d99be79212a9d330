"""The command ``fastgrad``: what it does, and what it says when it cannot."""

import gzip
import json
import os
import random
import re
import shutil
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import fastgrad as fg
from fastgrad.cli import main
from fastgrad.io.safetensors import load_file, load_metadata, save_file
from fastgrad.train import Checkpoint, History, run

DATA = Path(os.environ.get("FASTGRAD_DATA") or Path(__file__).parents[1] / ".." / "shared" / "data")
PICTURES = ("curves.png", "confusion.png", "predictions.png")
RESULTS = {"model.safetensors", "checkpoint.safetensors", "history.json", *PICTURES}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def train(*words: str) -> int:
    return main(["train", *words])


def complaint(capsys: pytest.CaptureFixture[str]) -> str:
    """The one line that the command wrote to standard error."""
    error = capsys.readouterr().err
    assert error.count("\n") == 1, error
    assert "Traceback" not in error
    return error


def epochs(folder: Path) -> list[dict]:
    document = json.loads((folder / "history.json").read_text())
    for epoch in document["epochs"]:
        del epoch["seconds"], epoch["samples_per_second"]
    return document["epochs"]


# The main job


def test_train_alone(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("matplotlib")
    pytest.importorskip("sklearn")
    assert train() == 0
    out = folder / "runs" / "digits-softmax"
    assert content(out).keys() == RESULTS
    document = json.loads((out / "history.json").read_text())
    assert document["test"]["accuracy"] >= 0.95
    assert len(document["test"]["f1"]) == 10
    assert document["settings"]["model"] == "softmax"
    assert len(History.from_json((out / "history.json").read_text())) == 30
    for name in PICTURES:
        assert (out / name).read_bytes().startswith(b"\x89PNG")
    text = capsys.readouterr().out
    assert re.search(r"Test accuracy 0\.9\d+ \(\d+ of 355 right\)", text)
    assert f"Written to {Path('runs/digits-softmax')}: model.safetensors" in text
    weights = load_file(out / "model.safetensors")
    assert {name: tuple(value.shape) for name, value in weights.items()} == {
        "1.weight": (10, 64),
        "1.bias": (10,),
    }


@pytest.mark.parametrize(
    ("model", "accuracy"),
    [
        *(("softmax", 0.95), ("mlp", 0.95), ("lenet", 0.97)),
        *(("logistic", 0.96), ("linear", 0.9), ("perceptron", 0.92)),
    ],
)
def test_every_model_learns_the_digits(folder: Path, model: str, accuracy: float) -> None:
    assert train("--model", model, "--out", "out") == 0
    report = json.loads(Path("out/history.json").read_text())["test"]
    assert report["accuracy"] >= accuracy


def test_the_seed_decides(folder: Path) -> None:
    for out, seed in (("a", "4"), ("b", "4"), ("c", "5")):
        assert train("--epochs", "2", "--seed", seed, "--out", out) == 0
    weights = [Path(out, "model.safetensors").read_bytes() for out in "abc"]
    assert weights[0] == weights[1]
    assert load_file("a/model.safetensors")["1.weight"].tolist() != (
        load_file("c/model.safetensors")["1.weight"].tolist()
    )


def test_settings_reach_the_training(folder: Path) -> None:
    given = {"lr": 0.25, "momentum": 0.5, "batch_size": 100, "epochs": 2, "device": "cpu"}
    words = [f"--{name.replace('_', '-')}={value}" for name, value in given.items()]
    assert train(*words, "--out", "out") == 0
    settings = json.loads(Path("out/history.json").read_text())["settings"]
    assert settings.items() >= given.items()
    config = Checkpoint.load("out/checkpoint.safetensors").config
    assert (config["lr"], config["momentum"], config["batch_size"]) == (0.25, 0.5, 100)


def test_the_saved_weights_can_be_used(folder: Path) -> None:
    from fastgrad.vision.datasets import Digits

    assert train("--epochs", "5", "--out", "out") == 0
    about = json.loads(load_metadata("out/model.safetensors")["fastgrad"])
    white = about["preparation"]["pixels divided by"]
    model = fg.nn.Sequential(fg.nn.Flatten(), fg.nn.Linear(64, 10))
    model.load_state_dict(load_file("out/model.safetensors"))
    test = Digits(train=False)
    right = (model(test.data.float() / white).argmax(1) == test.targets).sum().item()
    report = json.loads(Path("out/history.json").read_text())["test"]
    assert right / len(test.targets) == report["accuracy"]
    assert about["classes"] == [str(digit) for digit in range(10)]


def test_logistic_tells_one_class_from_the_others(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train("--model", "logistic", "--positive", "0", "--epochs", "10", "--out", "out") == 0
    report = json.loads(Path("out/history.json").read_text())["test"]
    assert report["classes"] == ["not 0", "0"]
    assert report["accuracy"] > 0.98
    capsys.readouterr()
    assert train("--model", "logistic", "--positive", "10", "--out", "other") == 1
    assert "--positive goes from 0 to 9" in complaint(capsys)


def test_run_is_the_command_from_python(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    result = run(model="mlp", epochs=2, out=folder / "out", verbose=False)
    assert len(result.history) == 2
    assert result.report["samples"] == 355
    assert {*result.files, "checkpoint.safetensors"} == content(folder / "out").keys()
    assert capsys.readouterr() == ("", "")


# Without the extras


@pytest.mark.parametrize("missing", ["matplotlib.figure", "sklearn.metrics"])
def test_train_works_without_the_extras(
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    missing: str,
) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    assert train("--epochs", "2", "--out", "out") == 0
    text = capsys.readouterr().out
    assert "Test accuracy" in text
    assert "Confusion matrix" in text
    hints = [line for line in text.splitlines() if "pip install 'fastgrad[train]'" in line]
    assert len(hints) == 1
    if missing == "matplotlib.figure":
        assert all(name in hints[0] for name in PICTURES)
        assert content(folder / "out").keys() == RESULTS - set(PICTURES)


# Data


def test_train_on_a_table_of_quantities(folder: Path) -> None:
    table = DATA / "tabular" / "airfoil_self_noise.dat"
    if not table.is_file():
        pytest.skip(f"{table} is not there")
    assert train("--model", "linear", "--data", str(table), "--out", "out") == 0
    report = json.loads(Path("out/history.json").read_text())["test"]
    rows = np.loadtxt(table)
    x, y = np.column_stack([rows[:, :-1], np.ones(len(rows))]), rows[:, -1]
    error = y - x @ np.linalg.lstsq(x, y, rcond=None)[0]
    assert report["root mean squared error"] == pytest.approx(np.sqrt((error**2).mean()), rel=0.1)
    assert content(folder / "out").keys() <= RESULTS - {"confusion.png"}


@pytest.mark.parametrize(
    ("name", "separator", "header"),
    [
        ("a.csv", ",", "length,width,kind"),
        ("a.tsv", "\t", ""),
        ("a.txt", "  ", "l  w  k"),
        ("a.dat", ";", ""),
    ],
)
def test_train_on_a_table_of_classes(folder: Path, name: str, separator: str, header: str) -> None:
    rows = [(x % 7, (x * x) % 5, 4 if x % 7 > 3 else 9) for x in range(100)]
    lines = [header] * bool(header) + [separator.join(map(str, row)) for row in rows]
    Path(name).write_text("\n".join(lines) + "\n")
    assert train("--data", name, "--out", "out") == 0
    report = json.loads(Path("out/history.json").read_text())["test"]
    assert report["classes"] == ["4", "9"]
    assert report["accuracy"] >= 0.9
    assert report["samples"] == 20


@pytest.mark.parametrize(
    ("text", "words", "message"),
    [
        ("", (), "the table is empty"),
        ("1,2\n" * 9, (), "expected at least 10 rows and 2 columns, got 9 and 2"),
        ("1\n" * 20, (), "got 20 and 1"),
        ("1,2,0\n" * 10 + "1,x,1\n", (), "'x'"),
        ("1,2,0\n" * 10 + "1,2\n", (), "columns"),
        ("1,2,0\n" * 10 + "nan,2,1\n", (), "data row 11 holds nan"),
        ("1,2,0.5\n" * 10, (), "use --model linear"),
        ("1,2,3\n" * 10, (), "one class only"),
        ("\ufeff\ud800", (), "cannot use the data"),
    ],
)
def test_a_table_that_cannot_be_used(
    folder: Path, capsys: pytest.CaptureFixture[str], text: str, words: tuple, message: str
) -> None:
    Path("table.csv").write_text(text, errors="surrogatepass")
    assert train("--data", "table.csv", "--out", "out", *words) == 1
    assert message in complaint(capsys)
    assert content(folder / "out") == {}


def write_idx(path: Path, array: np.ndarray) -> None:
    header = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
    path.write_bytes(gzip.compress(header + array.astype("uint8").tobytes()))


def write_images(folder: Path) -> None:
    generator = np.random.default_rng(0)
    for part, count in (("train", 300), ("t10k", 100)):
        labels = generator.integers(0, 10, count)
        images = generator.integers(0, 60, (count, 5, 5))
        images[np.arange(count), labels // 5, labels % 5] = 255
        write_idx(folder / f"{part}-images-idx3-ubyte.gz", images)
        write_idx(folder / f"{part}-labels-idx1-ubyte.gz", labels)


def test_train_on_a_folder_of_images(folder: Path) -> None:
    (folder / "images").mkdir()
    write_images(folder / "images")
    assert train("--data", "images", "--batch-size", "10") == 0
    report = json.loads(Path("runs/images-softmax/history.json").read_text())["test"]
    assert report["accuracy"] == 1
    assert report["classes"] == [str(digit) for digit in range(10)]


def test_a_truncated_image_file(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "images").mkdir()
    write_images(folder / "images")
    path = folder / "images" / "train-images-idx3-ubyte.gz"
    path.write_bytes(path.read_bytes()[:-20])
    assert train("--data", "images", "--out", "out") == 1
    assert "train-images-idx3-ubyte.gz" in complaint(capsys)
    path.unlink()
    assert train("--data", "images", "--out", "out") == 1
    assert "not found" in complaint(capsys)
    assert content(folder / "out") == {}


def test_mnist_is_taken_from_the_offline_folder(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "offline" / "mnist").mkdir(parents=True)
    write_images(folder / "offline" / "mnist")
    monkeypatch.setenv("FASTGRAD_DATA", str(folder / "offline"))
    assert train("--data", "mnist", "--epochs", "1", "--out", "out") == 0
    capsys.readouterr()
    assert train("--data", "fashion-mnist", "--out", "other") == 1
    assert str(folder / "offline" / "fashion-mnist") in complaint(capsys)


@pytest.mark.parametrize(("model", "accuracy"), [("softmax", 0.918), ("mlp", 0.954)])
def test_train_on_mnist(folder: Path, model: str, accuracy: float) -> None:
    if not (DATA / "mnist").is_dir():
        pytest.skip(f"{DATA / 'mnist'} is not there")
    words = ["--epochs", "10", "--lr", "0.1", "--batch-size", "256", "--out", "out"]
    assert train("--data", str(DATA / "mnist"), "--model", model, *words) == 0
    report = json.loads(Path("out/history.json").read_text())["test"]
    assert report["accuracy"] == pytest.approx(accuracy, abs=0.003)


# Wrong usage


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--model", "sofmax"], "unknown model 'sofmax': did you mean 'softmax'?"),
        (["--data", "digit"], "did you mean 'digits'?"),
        (["--data", "no/such/folder"], "no such name, file or folder as 'no/such/folder'"),
        (["--epochs", "0"], "--epochs must be at least 1, got 0"),
        (["--epochs", "-1"], "--epochs must be at least 1, got -1"),
        (["--epochs", "many"], "invalid int value: 'many'"),
        (["--batch-size", "0"], "--batch-size must be at least 1"),
        (["--lr", "nan"], "--lr must be a finite number above 0, got nan"),
        (["--lr", "inf"], "--lr must be a finite number above 0"),
        (["--lr", "-0.1"], "--lr must be a finite number above 0"),
        (["--momentum", "1"], "--momentum must be at least 0 and below 1"),
        (["--seed", "-1"], "--seed must be between 0 and"),
        (["--seed", str(2**63)], "--seed must be between 0 and"),
        (["--device", "cuda:99"], "'cuda:99' is not "),
        (["--device", "gpu"], "unknown device 'gpu': did you mean 'cpu'?"),
        (["--positive", "3"], "--positive names the class of --model logistic"),
        (["--model", "logistic", "--positive", "-3"], "--positive must be"),
        (["--epoch", "3"], "unrecognized arguments: --epoch"),
        (["digits"], "unrecognized arguments: digits"),
    ],
)
def test_wrong_usage(
    folder: Path, capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    assert train(*words) == 2
    assert message in complaint(capsys)
    assert list(folder.iterdir()) == []


def test_unknown_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["trian"]) == 2
    assert "train" in complaint(capsys)
    assert main([]) == 2
    complaint(capsys)


# The output folder


def test_an_output_that_cannot_be_written(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("file").write_text("mine")
    for out in ("file", "file/below"):
        assert train("--out", out) == 1
        assert "cannot write to the folder" in complaint(capsys)
    assert content(folder) == {"file": b"mine"}


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_an_output_without_permission(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("locked").mkdir(mode=0o500)
    assert train("--out", "locked") == 1
    assert "cannot write to the folder" in complaint(capsys)


def test_files_of_others_are_kept(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("out").mkdir()
    Path("out/model.safetensors").write_text("mine")
    assert train("--out", "out") == 1
    assert "not of a run of fastgrad train" in complaint(capsys)
    Path("out/checkpoint.safetensors").write_text("mine too")
    assert train("--out", "out") == 1
    assert "not a whole safetensors file" in complaint(capsys)
    kept = {"model.safetensors": b"mine", "checkpoint.safetensors": b"mine too"}
    assert content(folder / "out") == kept


def test_a_finished_run_is_replaced_only_by_a_finished_one(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train("--epochs", "1", "--out", "out") == 0
    before = content(folder / "out")
    capsys.readouterr()
    assert train("--model", "linear", "--lr", "1e30", "--epochs", "3", "--out", "out") == 1
    assert "use a smaller learning rate" in capsys.readouterr().err
    assert content(folder / "out") == before
    assert train("--model", "mlp", "--epochs", "1", "--out", "out") == 0
    assert content(folder / "out").keys() == before.keys()
    assert "1.weight" in load_file("out/model.safetensors")
    assert not [path for path in Path("out").iterdir() if path.suffix == ".tmp"]


# Interruption


def command(*words: str) -> subprocess.Popen[str]:
    """Start the command as users do, in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "fastgrad", "train", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


LONG = ("--model=mlp", "--momentum=0.9", "--batch-size=4", "--lr=0.01", "--epochs=40")


@pytest.mark.parametrize(("signum", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_interrupt_and_resume_to_the_same_bits(
    folder: Path, capsys: pytest.CaptureFixture[str], signum: int, code: int
) -> None:
    assert train(*LONG, "--out", "whole") == 0
    process = command(*LONG, "--out", "stopped")
    assert process.stderr is not None
    process.stderr.readline()  # the first epoch is over
    time.sleep(random.uniform(0, 0.1))
    process.send_signal(signum)
    _, error = process.communicate(timeout=60)
    assert process.returncode == code, error
    assert "To go on: fastgrad train --resume --out stopped" in error
    assert content(folder / "stopped").keys() == {"checkpoint.safetensors"}

    capsys.readouterr()
    assert train("--out", "stopped") == 1
    assert "go on with --resume" in complaint(capsys)
    assert train("--resume", "--out", "stopped") == 0
    assert epochs(folder / "stopped") == epochs(folder / "whole")
    weights = [load_file(Path(out, "model.safetensors")) for out in ("stopped", "whole")]
    assert all(fg.equal(value, weights[1][name]) for name, value in weights[0].items())


def test_a_killed_run_resumes_from_its_last_epoch(folder: Path) -> None:
    assert train(*LONG, "--out", "whole") == 0
    process = command(*LONG, "--out", "killed")
    assert process.stderr is not None
    process.stderr.readline()
    process.kill()
    process.communicate(timeout=60)
    for path in Path("killed").glob(".*.tmp"):  # what a kill in mid-write may leave
        path.unlink()
    assert content(folder / "killed").keys() == {"checkpoint.safetensors"}
    assert train("--resume", "--out", "killed") == 0
    assert epochs(folder / "killed") == epochs(folder / "whole")


def test_resume_refuses_other_settings(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train("--epochs", "2", "--out", "out") == 0
    before = content(folder / "out")
    capsys.readouterr()
    for words, difference in (
        (["--model", "mlp"], "model is softmax there and mlp here"),
        (["--lr", "0.1"], "lr is 0.5 there and 0.1 here"),
        (["--seed", "1"], "seed is 0 there and 1 here"),
        (["--batch-size", "7"], "batch_size is 64 there and 7 here"),
        (["--epochs", "1"], "has 2 epochs already"),
    ):
        assert train("--resume", "--out", "out", *words) == 1
        assert difference in complaint(capsys)
        assert content(folder / "out") == before
    assert train("--resume", "--epochs", "3", "--out", "out") == 0
    assert len(epochs(folder / "out")) == 3


def test_resume_refuses_changed_data(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [f"{x},{x % 2}" for x in range(20)]
    Path("a.csv").write_text("\n".join(rows))
    assert train("--data", "a.csv", "--epochs", "1", "--out", "out") == 0
    Path("a.csv").write_text("\n".join(["100,0", *rows[1:]]))
    capsys.readouterr()
    assert train("--resume", "--out", "out") == 1
    assert "data checksum is" in complaint(capsys)


def test_resume_needs_a_checkpoint_of_the_command(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train("--resume", "--out", "out") == 1
    assert "no checkpoint to resume from" in complaint(capsys)
    Path("out").mkdir(exist_ok=True)
    save_file({}, "out/checkpoint.safetensors", {"format": "other"})
    assert train("--resume", "--out", "out") == 1
    assert "not a checkpoint" in complaint(capsys)


# The other commands


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"fastgrad {fg.__version__}\n"


def test_info(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info"]) == 0
    text = capsys.readouterr().out
    for name in ("fastgrad", "Python", "compiler", "instruction set", "threads", "CUDA", "numpy"):
        assert re.search(rf"^{name} +\S", text, re.MULTILINE), name
    assert f"{fg.get_num_threads()}\n" in text
    assert np.__version__ in text


def test_help(capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["--help"], ["train", "--help"], ["info", "--help"]):
        assert main(words) == 0
    text = capsys.readouterr().out
    for word in ("softmax", "fashion-mnist", "--resume", "perceptron"):
        assert word in text


def test_the_module_runs() -> None:
    words = [sys.executable, "-m", "fastgrad", "--version"]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert done.stdout == f"fastgrad {fg.__version__}\n"
    if installed := shutil.which("fastgrad"):
        done = subprocess.run([installed, "--version"], capture_output=True, text=True, check=True)
        assert done.stdout == f"fastgrad {fg.__version__}\n"


def test_a_reader_who_has_enough_is_no_error() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    words = [sys.executable, "-m", "fastgrad", "bench", "--list"]
    done = subprocess.run(words, stdout=writing, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writing)
    assert (done.returncode, done.stderr) == (128 + signal.SIGPIPE, "")


# Summary


def test_summary_of_a_network_by_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["summary", "lenet", "2x1x28x28"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "Conv2d" in lines[2]
    assert "[2, 6, 28, 28]" in lines[2]
    assert "parameters: 61,706 (61,706 trainable)" in lines[-2]
    assert main(["summary", "small.vgg", "1x1x32x32"]) == 0


def test_summary_of_a_module_of_ones_own(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "my_networks.py").write_text(
        "from fastgrad import nn\n"
        "class Net(nn.Module):\n"
        "    def __init__(self):\n"
        "        super().__init__()\n"
        "        self.both = nn.Bilinear(2, 3, 4)\n"
        "    def forward(self, a, b):\n"
        "        return self.both(a, b)\n"
        "made = nn.Linear(2, 1)\n"
        "number = 3\n"
    )
    monkeypatch.setattr(sys, "path", sys.path.copy())
    assert main(["summary", "my_networks:Net", "5x2", "5x3"]) == 0
    assert "[5, 4]" in capsys.readouterr().out
    assert main(["summary", "my_networks:made", "7x2"]) == 0
    assert "[7, 1]" in capsys.readouterr().out
    for name in ("my_networks:number", "my_networks:Nothing", "no_such_module:Net", "Net"):
        assert main(["summary", name, "5x2"]) == 2
        assert "fastgrad summary: " in complaint(capsys)
    assert main(["summary", "my_networks:made", "5x3"]) == 1
    assert "cannot be called on zeros of this shape" in complaint(capsys)


def test_summary_of_what_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["summary", "resnet19", "1x3x32x32"]) == 2
    assert "no network is called 'resnet19'; there are" in complaint(capsys)
    assert main(["summary", "resnet18", "1,3,32,32"]) == 2
    assert "expects sizes such as 1x3x224x224, got '1,3,32,32'" in complaint(capsys)
