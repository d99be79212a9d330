"""Image datasets: shipped or from files; one by one and in batches."""

import gzip
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import fastgrad as fg
from fastgrad.utils.data import DataLoader, RandomSampler, Subset
from fastgrad.vision import datasets
from fastgrad.vision.datasets.idx import write_idx
from fastgrad.vision.transforms import Compose, Lambda, Normalize, ToTensor

FILES = [
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
]
SHARED = Path(os.environ.get("FASTGRAD_DATA", Path(__file__).parents[2] / "shared" / "data"))
NORMALIZED = Compose([ToTensor(), Normalize((0.1307,), (0.3081,))])


def write_mnist(folder, suffix=".gz", train=12, test=5):
    """Four files in the form of MNIST with random images."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    for name, count in zip(FILES, [train, train, test, test], strict=True):
        shape, high = ((count, 28, 28), 256) if "images" in name else ((count,), 10)
        values = rng.integers(0, high, shape).astype(np.uint8)
        write_idx(folder / f"{name}{suffix}", fg.from_numpy(values))


@pytest.fixture
def root(tmp_path):
    write_mnist(tmp_path)
    return tmp_path


# --- Digits ---------------------------------------------------------------------------------------


def test_digits_are_those_of_scikit_learn():
    original = pytest.importorskip("sklearn.datasets").load_digits()
    test = np.zeros(len(original.target), bool)
    for digit in range(10):
        test[np.flatnonzero(original.target == digit)[4::5]] = True
    for train, rows in ((True, ~test), (False, test)):
        digits = datasets.Digits(train=train)
        assert digits.data.dtype == fg.uint8
        assert digits.targets.dtype == fg.int64
        assert np.array_equal(digits.data.numpy(), original.images[rows])
        assert np.array_equal(digits.targets.numpy(), original.target[rows])


def test_digits_parts():
    train, test = datasets.Digits(), datasets.Digits(train=False)
    assert (len(train), len(test)) == (1442, 355)
    assert train.data.max().item() == train.pixel_max == 16
    assert train.classes == [str(i) for i in range(10)]
    assert train.class_to_idx["7"] == 7
    assert repr(test) == "Digits: 355 images, test part"
    image, target = datasets.Digits(transform=ToTensor())[0]
    assert image.shape == (1, 8, 8)
    assert target == train.targets[0].item()
    assert fg.equal(image[0], train.data[0].float() / 255)


def test_digits_are_credited():
    text = (Path(datasets.__file__).parent / "digits" / "README.md").read_text()
    for source in (text, datasets.Digits.__doc__):
        assert "Alpaydin" in source
        assert "CC BY 4.0" in source


# --- MNIST from files -----------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize("place", ["", "MNIST/raw"])
def test_files_are_found(tmp_path, place, suffix):
    write_mnist(tmp_path / place, suffix)
    train, test = datasets.MNIST(tmp_path), datasets.MNIST(str(tmp_path), train=False)
    assert (len(train), len(test)) == (12, 5)
    assert train.data.shape == (12, 28, 28)
    assert train.data.dtype == fg.uint8
    assert train.targets.dtype == fg.int64
    assert datasets.MNIST(tmp_path, download=True).targets.tolist() == train.targets.tolist()


def test_root_may_be_below_home(root, monkeypatch):
    monkeypatch.setenv("HOME", str(root.parent))
    assert len(datasets.FashionMNIST(f"~/{root.name}")) == 12


def test_a_missing_file_is_named(root):
    (root / "t10k-labels-idx1-ubyte.gz").unlink()
    assert len(datasets.FashionMNIST(root)) == 12
    with pytest.raises(RuntimeError, match=r"t10k-labels-idx1-ubyte\(.gz\) not found in .*/Fashio"):
        datasets.FashionMNIST(root, train=False)


@pytest.mark.parametrize(
    ("name", "values", "text"),
    [
        ("train-labels-idx1-ubyte.gz", fg.zeros(11), "one label for each of 12 images.*11"),
        ("train-labels-idx1-ubyte.gz", fg.zeros(12, 1), "one label for each of 12 images"),
        ("train-labels-idx1-ubyte.gz", fg.full((12,), 10), "labels from 0 to 9, got 10 to 10"),
        ("train-images-idx3-ubyte.gz", fg.zeros(12), r"array \[N, H, W\], got torch.uint8 \[12\]"),
        ("train-images-idx3-ubyte.gz", fg.zeros(11, 28, 28), "one label for each of 11 images"),
    ],
)
def test_files_that_do_not_fit(root, name, values, text):
    write_idx(root / name, values.byte())
    with pytest.raises(ValueError, match=text):
        datasets.MNIST(root)


def test_images_are_uint8(root):
    write_idx(root / "train-images-idx3-ubyte.gz", fg.zeros(12, 28, 28))
    with pytest.raises(ValueError, match=r"expected images, a uint8 array.*got torch.float32"):
        datasets.MNIST(root)


def test_classes():
    assert datasets.MNIST.classes[7] == "7 - seven"
    assert len(datasets.FashionMNIST.classes) == 10


def test_real_mnist():
    folder = SHARED / "mnist"
    if not folder.is_dir():
        pytest.skip(f"there is no MNIST in {folder}")
    train = datasets.MNIST(folder)
    assert train.data.shape == (60000, 28, 28)
    assert train.targets[:5].tolist() == [5, 0, 4, 1, 9]
    assert fg.bincount(train.targets).tolist()[:3] == [5923, 6742, 5958]
    unpacked = gzip.decompress((folder / "t10k-images-idx3-ubyte.gz").read_bytes())
    test = datasets.MNIST(folder, train=False)
    assert test.data.numpy().tobytes() == unpacked[16:]
    mean = train.data.float().div_(255).mean().item()
    assert mean == pytest.approx(0.1307, abs=1e-4)


# --- samples and batches --------------------------------------------------------------------------


def test_samples_are_pillow_images(root):
    image_class = pytest.importorskip("PIL.Image").Image
    dataset = datasets.MNIST(root)
    image, target = dataset[3]
    assert isinstance(image, image_class)
    assert image.mode == "L"
    assert np.array_equal(np.asarray(image), dataset.data[3].numpy())
    assert type(target) is int
    assert len(list(dataset)) == 12


def test_without_pillow(root):
    code = f"""
import sys
sys.modules["PIL"] = None
from fastgrad.vision.datasets import MNIST
from fastgrad.vision.transforms import *
print(MNIST({str(root)!r}, transform=Compose([ToTensor(), Lambda(lambda x: x.sum())]))[0][0].ndim)
MNIST({str(root)!r})[0]
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout == "0\n"
    assert "ImportError" in done.stderr
    assert "pip install 'fastgrad[vision]', or pass transform=ToTensor()" in done.stderr


def test_transforms_get_what_they_accept(root):
    pytest.importorskip("PIL")
    seen = []
    keep = Lambda(lambda image: seen.append(type(image).__name__) or image)
    for transform in (keep, Compose([keep]), Compose([]), Compose([keep, ToTensor(), keep])):
        datasets.MNIST(root, transform=transform)[0]
    assert seen == ["Image", "Image", "Image", "Tensor"]


def test_target_transform(root):
    dataset = datasets.MNIST(root, transform=ToTensor(), target_transform=lambda t: -t)
    assert dataset[2][1] == -dataset.targets[2].item()
    (_, targets) = next(iter(DataLoader(dataset, batch_size=12)))
    assert targets.tolist() == [-t for t in dataset.targets.tolist()]


@pytest.mark.parametrize(
    "transform",
    [
        ToTensor(),
        NORMALIZED,
        Compose([NORMALIZED, Normalize([0.5], [2.0], inplace=True)]),
        Compose([NORMALIZED, Lambda(lambda image: image.flatten())]),
    ],
    ids=["ToTensor", "Normalize", "nested", "Lambda"],
)
def test_batches_equal_samples(root, transform):
    dataset = datasets.MNIST(root, transform=transform)
    batches = list(DataLoader(dataset, batch_size=5))
    one_by_one = list(DataLoader(dataset, batch_size=5, collate_fn=collate_samples))
    for (images, targets), (expected, expected_targets) in zip(batches, one_by_one, strict=True):
        assert images.dtype == expected.dtype
        assert fg.equal(images, expected)
        assert fg.equal(targets, expected_targets)


def collate_samples(samples):
    return fg.stack([image for image, _ in samples]), fg.tensor([target for _, target in samples])


def test_batches_without_a_transform_are_raw(root):
    dataset = datasets.MNIST(root)
    images, targets = next(iter(DataLoader(dataset, batch_size=4)))
    assert images.dtype == fg.uint8
    assert fg.equal(images, dataset.data[:4])
    assert fg.equal(targets, dataset.targets[:4])
    images, _ = next(iter(DataLoader(Subset(dataset, [3, 1]), batch_size=4)))
    assert fg.equal(images, dataset.data[[3, 1]])


def test_batches_take_the_fast_way_only_when_it_is_the_same(root, monkeypatch):
    class Inverted(datasets.MNIST):
        def __getitem__(self, index):
            image, target = super().__getitem__(index)
            return 1 - image, target

    class Darker(ToTensor):
        def __call__(self, pic):
            return super().__call__(pic) / 2

    plain = datasets.MNIST(root, transform=ToTensor())
    expected = next(iter(DataLoader(plain, batch_size=3)))[0]
    inverted = next(iter(DataLoader(Inverted(root, transform=ToTensor()), batch_size=3)))[0]
    assert fg.equal(inverted, 1 - expected)
    darker = next(iter(DataLoader(datasets.MNIST(root, transform=Darker()), batch_size=3)))[0]
    assert fg.equal(darker, expected / 2)
    monkeypatch.setattr(datasets.MNIST, "_image", None)  # no single sample is asked for
    assert fg.equal(next(iter(DataLoader(plain, batch_size=3)))[0], expected)


def test_data_may_be_replaced(root):
    dataset = datasets.MNIST(root, transform=ToTensor())
    keep = dataset.targets >= 5
    dataset.data, dataset.targets = dataset.data[keep], dataset.targets[keep]
    loader = DataLoader(dataset, batch_size=100, sampler=RandomSampler(dataset))
    (images, targets) = next(iter(loader))
    assert len(images) == len(targets) == len(dataset) < 12
    assert targets.min().item() >= 5
