"""Models trained by several processes, compared with the same in one."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import fastgrad as fg
from fastgrad.train import Checkpoint
from fastgrad.utils.data import DistributedSampler
from ranks import launch, needs_mpi, on_ranks

MODELS = """
import os
from fastgrad.nn.parallel import DistributedDataParallel
from fastgrad.vision.datasets import MNIST

def softmax():
    return nn.Sequential(nn.Flatten(), nn.Linear(784, 10))

def mlp():
    return nn.Sequential(nn.Flatten(), nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 10))

def lenet():
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.Sigmoid(), nn.AvgPool2d(2, 2),
        nn.Conv2d(6, 16, 5), nn.Sigmoid(), nn.AvgPool2d(2, 2), nn.Flatten(),
        nn.Linear(400, 120), nn.Sigmoid(), nn.Linear(120, 84), nn.Sigmoid(), nn.Linear(84, 10))

def images(count):
    folder = os.path.join(os.environ.get("FASTGRAD_DATA", ""), "mnist")
    if os.path.isdir(folder):
        data = MNIST(folder)
        return data.data[:count].unsqueeze(1).float() / 255, data.targets[:count]
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(count, 1, 28, 28, generator=generator)
    return x, (x.mean((1, 2, 3)) * 1e4).long() % 10
"""


@pytest.mark.parametrize("processes", [2, 3])
def test_fit_has_the_losses_of_one_process(processes: int, tmp_path: Path):
    needs_mpi()
    source = f"""
    from fastgrad.train import fit
    from fastgrad.utils.data import TensorDataset
    {indented(MODELS)}
    data = TensorDataset(*images(700))

    def losses(make, lr):
        torch.manual_seed(1)
        model = make()
        optimizer = torch.optim.SGD(model.parameters(), lr=lr)
        history = fit(model, data, epochs=3, batch_size=64, optimizer=optimizer, val_data=data,
                      progress=False)
        return history.loss + history.val_loss, list(model.parameters())

    settings = ((softmax, 0.05), (mlp, 0.1), (lenet, 0.5))
    alone = [losses(*setting) for setting in settings]
    rank, size = start()
    assert size == {processes}
    for setting, (expected, weights) in zip(settings, alone):
        for turn in range(2):
            found, own = losses(*setting)
            assert all(abs(a - b) < 2e-6 * b for a, b in zip(found, expected)), (found, expected)
            assert all(torch.allclose(a, b, rtol=1e-4, atol=1e-6) for a, b in zip(own, weights))
            if turn:
                assert found == before and all(map(torch.equal, own, kept))
            before, kept = found, own
        everyone = [None] * size
        dist.all_gather_object(everyone, [w.tolist() for w in own])
        assert all(theirs == everyone[0] for theirs in everyone)
    """
    on_ranks(processes, source, tmp_path)


def indented(source: str) -> str:
    return source.replace("\n", "\n    ")


DDP = """
rank, size = start()
torch.manual_seed(rank)  # other weights on each rank: the first one's count

def network():
    return nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.Flatten(),
                         nn.Linear(48, 2))

single, net = network(), network()
dist.broadcast_object_list(first := [single.state_dict()], 0)
single.load_state_dict(first[0])
net.load_state_dict(first[0] if rank == 0 else net.state_dict())
net = nn.parallel.DistributedDataParallel(
    nn.SyncBatchNorm.convert_sync_batchnorm(net), bucket_cap_mb=2e-4,
    gradient_as_bucket_view=VIEW)
x = torch.randn(12, 2, 6, 6, generator=torch.Generator().manual_seed(0))
y = torch.arange(12) % 2
part = slice(rank * 12 // size, (rank + 1) * 12 // size)

def same(a, b):
    return torch.allclose(a, b, rtol=1e-4, atol=1e-6)

def step(model, *batch):
    nn.functional.cross_entropy(model(batch[0]), batch[1]).backward()

for _ in range(3):
    step(single, x, y)
    step(net, x[part], y[part])
    assert all(same(p.grad, q.grad) for p, q in zip(net.parameters(), single.parameters()))
    assert all(same(p, q) for p, q in zip(net.buffers(), single.buffers()))
    for model in (net, single):
        torch.optim.SGD(model.parameters(), lr=0.1).step()
        model.zero_grad()

# Two backwards whose gradients add up, and travel once.
with net.no_sync():
    step(net, x[part], y[part])
step(net, x[part] * 2, y[part])
step(single, x, y)
step(single, x * 2, y)
assert all(same(p.grad, q.grad) for p, q in zip(net.parameters(), single.parameters()))
net.eval()
single.eval()
assert same(net(x), single(x))
assert list(net.state_dict()) == ["module." + name for name in single.state_dict()]
"""


@pytest.mark.parametrize("view", ["False", "True"])
def test_gradients_and_statistics_are_those_of_the_whole_batch(view: str, tmp_path: Path):
    needs_mpi()
    for processes in (2, 3):
        on_ranks(processes, DDP.replace("VIEW", view), tmp_path)


def test_buckets_set_off_while_backward_still_works(tmp_path: Path):
    needs_mpi()
    on_ranks(
        2,
        """
        rank, size = start()
        from fastgrad.distributed.work import under_way
        net = nn.Sequential(nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 4))
        net = nn.parallel.DistributedDataParallel(net, bucket_cap_mb=1e-5)
        calls = []
        def look(grad):
            reducer = net._reducer
            calls.append((reducer._started, len(reducer.buckets)))
        hidden = net.module[0](torch.ones(2, 4))
        hidden.register_hook(look)
        net.module[2](net.module[1](hidden)).sum().backward()
        assert calls == [(2, 4)], calls  # the last layer's, before the first layer has any
        """,
        tmp_path,
    )


UNUSED = """
rank, size = start()
class Two(nn.Module):
    def __init__(self):
        super().__init__()
        self.always, self.sometimes, self.never = (nn.Linear(2, 1, bias=False) for _ in range(3))
    def forward(self, x, both):
        return self.always(x) + (self.sometimes(x) if both else 0)
net = nn.parallel.DistributedDataParallel(Two(), find_unused_parameters=FIND)
for _ in range(2):
    net(torch.ones(1, 2), both=rank == 0).sum().backward()
assert net.module.sometimes.weight.grad.tolist() == [[1.0, 1.0]]  # twice half
assert net.module.always.weight.grad.tolist() == [[2.0, 2.0]]
assert net.module.never.weight.grad is None
"""


def test_a_parameter_may_be_unused_on_one_rank_or_all_if_told(tmp_path: Path):
    needs_mpi()
    on_ranks(2, UNUSED.replace("FIND", "True"), tmp_path)


def test_a_parameter_unused_on_one_rank_is_named(tmp_path: Path):
    needs_mpi()
    source = UNUSED.replace("FIND", "False").replace("(nn.", "(nn.", 1)
    done = on_ranks(2, source, tmp_path, "--timeout", "20", code=None)
    assert "on rank 1 backward() did not reach 2 of 3 parameters: sometimes.weight" in done.stderr
    assert "find_unused_parameters=True" in done.stderr


def test_ranks_with_different_models_are_told(tmp_path: Path):
    needs_mpi()
    source = """
    rank, size = start()
    nn.parallel.DistributedDataParallel(nn.Linear(3 + (rank == 2), 2))
    """
    done = on_ranks(3, source, tmp_path, code=None)
    assert "weight: float32 [2, 4] on rank 2, and weight: float32 [2, 3] on rank 0" in done.stderr


def test_modules_without_anything_to_train_are_refused():
    with pytest.raises(RuntimeError, match="doesn't have any parameters that require a gradient"):
        fg.nn.parallel.DistributedDataParallel(fg.nn.ReLU())


@pytest.mark.parametrize("drop_last", [False, True])
@pytest.mark.parametrize("shuffle", [False, True])
def test_the_order_of_the_sampler_is_that_of_torch(torch, shuffle: bool, drop_last: bool):
    for size in (1, 2, 5, 10, 11):
        for replicas in (1, 2, 3, 12):
            for rank in range(replicas):
                options = {"shuffle": shuffle, "seed": 3, "drop_last": drop_last}
                samplers = [
                    make(range(size), replicas, rank, **options)
                    for make in (DistributedSampler, torch.utils.data.DistributedSampler)
                ]
                for sampler in samplers:
                    sampler.set_epoch(2)
                ours, theirs = map(list, samplers)
                assert ours == theirs
                assert len(samplers[0]) == len(samplers[1])


def test_the_sampler_refuses_a_rank_that_does_not_exist():
    with pytest.raises(
        ValueError, match=r"Invalid rank 2, rank should be in the interval \[0, 1\]"
    ):
        DistributedSampler(range(4), num_replicas=2, rank=2)


# The command line


def train(out: Path, *options: str, code: int = 0) -> str:
    command = [sys.executable, "-m", "fastgrad", "train", "--out", str(out), *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def losses(out: Path) -> list[float]:
    document = json.loads((out / "history.json").read_text())
    return [x for e in document["epochs"] for x in (e["loss"], e["val_loss"])]


@pytest.mark.parametrize("model", ["mlp", "perceptron"])
def test_train_on_several_processes_writes_what_one_writes(model: str, tmp_path: Path):
    """The perceptron has one sample a step: one of the ranks has none."""
    needs_mpi()
    options = ("--model", model, "--epochs", "2")
    train(tmp_path / "one", *options)
    said = train(tmp_path / "two", *options, "--nproc", "2")
    assert said.count("test samples") == said.count("Written to") == 1
    assert "[rank 1]" not in said
    assert losses(tmp_path / "two") == pytest.approx(losses(tmp_path / "one"), rel=1e-5)
    names = [{path.name for path in (tmp_path / name).iterdir()} for name in ("one", "two")]
    assert names[0] == names[1]


def test_a_stopped_run_goes_on_with_another_number_of_processes(tmp_path: Path):
    needs_mpi()
    options = ("--model", "mlp", "--epochs", "30")
    command = [sys.executable, "-m", "fastgrad", "train", "--nproc", "2", *options]
    with subprocess.Popen(
        [*command, "--out", str(tmp_path / "run")], stderr=subprocess.PIPE, text=True
    ) as stopped:
        assert stopped.stderr is not None
        while "epoch  2/30" not in stopped.stderr.readline():
            assert stopped.poll() is None
        stopped.send_signal(signal.SIGINT)
        said = stopped.communicate(timeout=60)[1]
    assert stopped.returncode == 128 + signal.SIGINT, said
    assert "To go on: fastgrad train --resume" in said
    done = len(Checkpoint.load(tmp_path / "run" / "checkpoint.safetensors").history)
    assert 2 <= done < 30
    train(tmp_path / "run", "--resume", "--nproc", "3")
    train(tmp_path / "one", *options)
    assert losses(tmp_path / "run") == pytest.approx(losses(tmp_path / "one"), rel=1e-3)


def test_when_a_rank_is_killed_the_last_checkpoint_is_whole(tmp_path: Path):
    needs_mpi()
    source = f"""
    from fastgrad.train import fit
    from fastgrad.utils.data import TensorDataset
    rank, size = start()
    x = torch.randn(64, 3, generator=torch.Generator().manual_seed(0))
    class Dies(nn.Linear):
        steps = 0
        def forward(self, input):
            self.steps += self.training
            if rank == 1 and self.steps == 21:  # in the third epoch
                os.kill(os.getpid(), 9)
            return super().forward(input)
    fit(Dies(3, 2), TensorDataset(x, (x[:, 0] > 0).long()), epochs=5, batch_size=8,
        checkpoint={str(tmp_path / "state")!r}, progress=False)
    """
    done = on_ranks(2, source, tmp_path, code=None)
    assert "[rank 1] was killed by SIGKILL" in done.stderr
    assert len(Checkpoint.load(tmp_path / "state").history) == 2


def test_errors_of_a_training_job_are_said_once(tmp_path: Path):
    needs_mpi()
    table = tmp_path / "table.csv"
    table.write_text("1,2,3\n")
    said = train(tmp_path / "out", "--data", str(table), "--nproc", "2", code=1)
    assert said.count("expected at least 10 rows") == 1
    said = train(tmp_path / "out", "--lr", "-1", "--nproc", "2", code=2)
    assert said.count("--lr must be") == 1


def test_launch_gives_each_rank_torchruns_variables_and_its_processors(tmp_path: Path):
    needs_mpi()
    script = tmp_path / "script.py"
    script.write_text(
        "import os, sys, fastgrad\n"
        "names = 'RANK WORLD_SIZE LOCAL_RANK LOCAL_WORLD_SIZE MASTER_ADDR MASTER_PORT'\n"
        "threads = fastgrad.get_num_threads()\n"
        "print(*map(os.environ.get, names.split()), threads, *sys.argv[1:])\n"
    )
    done = launch(2, str(script), "--flag", "word")
    cores = len(os.sched_getaffinity(0))
    each = max(1, cores // 2)
    assert sorted(done.stdout.splitlines()) == [
        f"{rank} 2 {rank} 2 127.0.0.1 29500 {each} --flag word" for rank in range(2)
    ]


def test_launch_runs_modules_and_scripts_that_say_torch(tmp_path: Path):
    needs_mpi()
    script = tmp_path / "script.py"
    script.write_text(
        "import torch, torch.distributed as dist\n"
        "from torch.nn.parallel import DistributedDataParallel as DDP\n"
        "dist.init_process_group('mpi')\n"
        "net = DDP(torch.nn.Linear(2, 1))\n"
        "net(torch.ones(1, 2) * dist.get_rank()).sum().backward()\n"
        "print(torch.__name__, net.module.weight.grad.tolist())\n"
    )
    done = launch(2, "--alias", str(script))
    assert done.stdout.splitlines() == ["torch [[0.5, 0.5]]"] * 2
    assert launch(2, "-m", "this").stdout.count("Beautiful is better than ugly.") == 2


@pytest.mark.parametrize("option", [["-n", "0"], ["-n", "two"], ["--timeout", "nan"], []])
def test_launch_says_what_is_wrong_with_its_arguments(option: list[str]):
    arguments = [sys.executable, "-m", "fastgrad", "launch", *option]
    arguments += ["x.py"] if option else []
    done = subprocess.run(arguments, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1


def test_ctrl_c_reaches_all_ranks(tmp_path: Path):
    needs_mpi()
    script = tmp_path / "script.py"
    script.write_text(
        "import time\nprint('ready', flush=True)\n"
        "try:\n    time.sleep(60)\nexcept KeyboardInterrupt:\n    print('stopped')\n"
    )
    command = [sys.executable, "-m", "fastgrad", "launch", "-n", "2", str(script)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        assert [running.stdout.readline() for _ in range(2)] == ["ready\n"] * 2
        time.sleep(0.1)
        running.send_signal(signal.SIGINT)
        assert running.communicate(timeout=30)[0].split().count("stopped") == 2
    assert running.returncode == 0
