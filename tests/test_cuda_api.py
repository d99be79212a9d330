"""What Python code sees of tensors on CUDA devices."""

import copy
import io
import pickle

import numpy as np
import pytest

import fastgrad as fg
from fastgrad import nn
from fastgrad.utils import data

pytestmark = pytest.mark.skipif(not fg.cuda.is_available(), reason="needs a CUDA device")
DTYPES = [
    "float32",
    "float64",
    "float16",
    "bfloat16",
    "int64",
    "int32",
    "int16",
    "int8",
    "uint8",
    "bool",
]


def some(dtype="float32", *, device="cuda"):
    return fg.tensor([[0, 1, 2], [3, 4, 5]]).to(getattr(fg, dtype)).to(device)


def same(a, b):
    return a.dtype is b.dtype and a.device == b.device and a.tolist() == b.tolist()


def test_devices():
    assert fg.cuda.is_available()
    assert fg.cuda.is_initialized()
    assert fg._core.build_info()["cuda"]
    assert fg.cuda.current_device() == 0
    fg.cuda.init()
    properties = fg.cuda.get_device_properties()
    assert properties.name == fg.cuda.get_device_name("cuda:0") != ""
    assert (properties.major, properties.minor) == fg.cuda.get_device_capability(0)
    assert properties.total_memory > 0
    assert properties.multi_processor_count > 0
    assert properties.name in repr(properties)
    assert fg.cuda.is_bf16_supported()
    with fg.cuda.device(0), fg.cuda.device("cuda:0"), fg.cuda.device(None):
        assert fg.cuda.current_device() == 0
    with fg.cuda.device_of(some()):
        assert fg.cuda.current_device() == 0
    with pytest.raises(ValueError, match="cuda device"):
        fg.cuda.synchronize("cpu")
    for call in (fg.cuda.set_device, fg.cuda.synchronize, fg.cuda.get_device_name):
        with pytest.raises(RuntimeError, match="cuda:99"):
            call(99)
    fg.cuda.set_device(0)
    free, total = fg.cuda.mem_get_info()
    assert 0 < free <= total


def test_accelerator():
    assert fg.accelerator.is_available()
    assert fg.accelerator.current_accelerator() == fg.device("cuda")
    assert fg.accelerator.device_count() == fg.cuda.device_count()
    fg.accelerator.set_device_index(0)
    assert fg.accelerator.current_device_index() == 0
    fg.accelerator.synchronize()
    fg.accelerator.set_stream(fg.accelerator.current_stream())


def test_several_devices():
    if fg.cuda.device_count() < 2:
        pytest.skip("needs two CUDA devices")
    x = some()
    y = x.to("cuda:1")
    assert y.device == fg.device("cuda:1")
    assert (y + 1).device == y.device
    assert (y * 2).tolist() == (x * 2).tolist()
    assert same(y.to("cuda:0"), x)
    with fg.cuda.device(1):
        assert fg.ones(2, device="cuda").device == y.device
        assert fg.cuda.current_stream().device == y.device
    with pytest.raises(RuntimeError, match="same device"):
        x + y
    large = fg.arange(3e6, device="cuda:1")
    assert large.to("cuda:0")[-1].item() == 3e6 - 1


def test_the_host_does_not_read_device_memory():
    x = some()
    for read in (x.numpy, lambda: np.asarray(x), lambda: memoryview(x)):
        with pytest.raises(TypeError, match=r"can't convert cuda:0 device type tensor to numpy"):
            read()
    assert x.cpu().numpy().tolist() == x.tolist()
    assert x.numpy(force=True).tolist() == x.tolist()


@pytest.mark.parametrize("dtype", DTYPES)
def test_printing(dtype):
    text = repr(some(dtype))
    assert text.startswith(repr(some(dtype, device="cpu"))[: -1 if "dtype" not in text else 10])
    assert "device='cuda:0'" in text
    assert eval(text, {"tensor": fg.tensor, "torch": fg}).device == fg.device("cuda:0")


@pytest.mark.parametrize("dtype", DTYPES)
def test_copies_and_pickles(dtype):
    x = some(dtype)
    for made in (copy.copy(x), copy.deepcopy(x), pickle.loads(pickle.dumps(x)), x.clone()):
        assert same(made, x)
    transposed = x.t()
    made = pickle.loads(pickle.dumps(transposed))
    assert made.stride() == transposed.stride()
    assert same(made, transposed)


def test_copies_share_memory_as_before():
    base = fg.zeros(6, device="cuda")
    a, b = copy.deepcopy([base[:4], base[2:]])
    a[3] = 7.0
    assert b.tolist() == [0, 7, 0, 0]
    assert base.tolist() == [0] * 6


def saved(value):
    file = io.BytesIO()
    fg.save(value, file)
    file.seek(0)
    return file


@pytest.mark.parametrize("dtype", DTYPES)
def test_files(dtype):
    x = some(dtype)
    assert same(fg.load(saved(x)), x)
    assert same(fg.load(saved(x), map_location="cpu"), x.cpu())
    assert same(fg.load(saved(x.cpu()), map_location="cuda"), x)
    assert same(fg.load(saved(x), map_location={"cuda:0": "cpu"}), x.cpu())
    assert same(fg.load(saved(x), map_location=lambda storage, place: storage), x.cpu())
    assert same(fg.load(saved(x), map_location=lambda storage, place: None), x)
    places = []
    fg.load(saved(x), map_location=lambda storage, place: places.append(place))
    assert places == ["cuda:0"]


def test_files_keep_shared_memory():
    base = fg.zeros(6, device="cuda")
    a, b = fg.load(saved([base[:4], base[2:]]))
    a[3] = 7.0
    assert b.tolist() == [0, 7, 0, 0]


@pytest.mark.parametrize("suffix", ["safetensors", "npz"])
def test_files_of_other_formats(tmp_path, suffix):
    path = tmp_path / f"x.{suffix}"
    fg.save({"x": some()}, path)
    assert same(fg.load(path)["x"], some(device="cpu"))
    assert same(fg.load(path, map_location="cuda")["x"], some())


def test_pytorch_reads_the_files(torch):
    assert torch.load(saved({"x": some()}), map_location="cpu")["x"].tolist() == some().tolist()


def test_modules():
    model = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))
    before = {name: x.tolist() for name, x in model.state_dict().items()}
    weight = model[0].weight
    assert model.cuda() is model
    assert model[0].weight is weight
    state = model.state_dict()
    assert all(x.is_cuda for x in state.values())
    assert {name: x.tolist() for name, x in state.items()} == before
    other = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2)).to("cuda")
    other.load_state_dict(fg.load(saved(state), map_location="cpu"))  # stays where it is
    assert other[0].weight.is_cuda
    assert other[0].weight.tolist() == before["0.weight"]
    model.cpu()
    assert not any(x.is_cuda for x in model.state_dict().values())


def test_loaders_pin_their_batches():
    loader = data.DataLoader(
        data.TensorDataset(fg.arange(10.0), fg.arange(10)), batch_size=4, pin_memory=True
    )
    for x, y in loader:
        assert x.is_pinned()
        assert y.is_pinned()
        assert x.to("cuda", non_blocking=True).tolist() == y.tolist()

    class Words(data.Dataset):
        def __getitem__(self, i):
            return {"x": fg.ones(2) * i, "word": "abc"[i]}

        def __len__(self):
            return 3

    for workers in (0, 2):
        batches = list(data.DataLoader(Words(), num_workers=workers, pin_memory=True))
        assert [b["word"] for b in batches] == [["a"], ["b"], ["c"]]
        assert all(b["x"].is_pinned() for b in batches)
    assert not next(iter(data.DataLoader(Words())))["x"].is_pinned()


@pytest.mark.parametrize("dtype", DTYPES)
def test_dlpack(dtype):
    x = some(dtype)
    assert x.__dlpack_device__() == (2, 0)
    y = fg.from_dlpack(x)
    assert same(y, x)
    y[0, 0] = 1
    assert x[0, 0].item() == 1
    assert x.data_ptr() == y.data_ptr()
    assert same(fg.from_dlpack(x, device="cpu"), x.cpu())
    with pytest.raises(ValueError, match="copy=False"):
        fg.from_dlpack(x, device="cpu", copy=False)
    assert fg.from_dlpack(x, copy=True).data_ptr() != x.data_ptr()


def test_dlpack_waits_for_streams():
    side = fg.cuda.Stream()
    x = fg.zeros(1 << 20, device="cuda")
    for i in range(5):
        x.fill_(i)
        capsule = x.__dlpack__(stream=side.cuda_stream)  # the side stream waits for this one
        with fg.cuda.stream(side):
            y = fg.from_dlpack(capsule) + 1
        side.synchronize()
        assert y[-1].item() == i + 1
    with pytest.raises(BufferError, match="stream 0"):
        x.__dlpack__(stream=0)
    with pytest.raises(BufferError, match=r"\(1, 0\)"):
        x.__dlpack__(dl_device=(1, 0))
    with pytest.raises(BufferError, match="None on cpu"):
        fg.ones(1).__dlpack__(stream=1)


class Foreign:
    """An array of another library."""

    def __init__(self, tensor, **changes):
        self.tensor = tensor
        self.__cuda_array_interface__ = {**tensor.__cuda_array_interface__, **changes}


@pytest.mark.parametrize("dtype", [d for d in DTYPES if d != "bfloat16"])
def test_cuda_array_interface(dtype):
    x = some(dtype)
    facts = x.__cuda_array_interface__
    assert facts["shape"] == (2, 3)
    assert facts["data"] == (x.data_ptr(), False)
    assert facts["strides"] is None
    assert facts["version"] == 3
    assert facts["typestr"] == np.dtype(dtype).str
    assert x.t().__cuda_array_interface__["strides"] == tuple(n * x.itemsize for n in (1, 3))
    y = fg.as_tensor(Foreign(x))
    assert same(y, x)
    assert y.data_ptr() == x.data_ptr()
    assert same(fg.as_tensor(Foreign(x.t())), x.t())
    assert same(fg.as_tensor(Foreign(x), device="cpu"), x.cpu())
    copied = fg.tensor(Foreign(x))
    assert same(copied, x if copied.is_cuda else x.cpu())
    assert copied.data_ptr() != x.data_ptr()


def test_cuda_array_interface_says_what_it_cannot():
    with pytest.raises(AttributeError, match="non-CUDA"):
        _ = fg.ones(2).__cuda_array_interface__
    assert not hasattr(fg.ones(2), "__cuda_array_interface__")
    with pytest.raises(RuntimeError, match="requires grad"):
        _ = some().requires_grad_().__cuda_array_interface__
    x = some()
    with pytest.raises(TypeError, match="<c8"):
        fg.as_tensor(Foreign(x, typestr="<c8"))
    with pytest.raises(ValueError, match="mask"):
        fg.as_tensor(Foreign(x, mask=x))
    with pytest.raises(ValueError, match="stride"):
        fg.as_tensor(Foreign(x, strides=(5, 4)))
    read_only = fg.as_tensor(Foreign(x, data=(x.data_ptr(), True)))
    with pytest.raises(RuntimeError, match="read-only"):
        read_only.fill_(1)
    assert fg.as_tensor(Foreign(fg.empty(0, 3, device="cuda"))).shape == (0, 3)


def test_foreign_memory_lives_as_long_as_its_tensors():
    foreign = Foreign(some())
    y = fg.as_tensor(foreign)
    del foreign
    blocks = [fg.full((2, 3), -1.0, device="cuda") for _ in range(4)]
    assert y.tolist() == [[0, 1, 2], [3, 4, 5]]
    assert len(blocks) == 4


def test_generators():
    fg.cuda.manual_seed(5)
    assert fg.cuda.initial_seed() == 5
    state = fg.cuda.get_rng_state()
    fg.cuda.manual_seed_all(6)
    assert fg.cuda.initial_seed() == 6
    fg.cuda.set_rng_state(state)
    assert fg.cuda.get_rng_state().tolist() == state.tolist()
    states = fg.cuda.get_rng_state_all()
    assert len(states) == fg.cuda.device_count()
    fg.cuda.set_rng_state_all(states)
    fg.cuda.seed()
    fg.cuda.seed_all()
