"""Datasets of image files: folders, CIFAR, EMNIST, VOC; archives; and files that are damaged."""

import os
import pickle
import struct
import tarfile
import zipfile
import zlib
from contextlib import suppress
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest

import fastgrad as fg
from fastgrad.io.numpy_pickles import read_arrays
from fastgrad.utils.data import DataLoader
from fastgrad.vision import datasets
from fastgrad.vision.datasets.archives import extract_archive
from fastgrad.vision.datasets.folder import make_dataset
from fastgrad.vision.datasets.idx import write_idx
from fastgrad.vision.transforms import Compose, Lambda, Normalize, PILToTensor, ToTensor

RNG = np.random.default_rng(0)


def save(path, mode="RGB", size=(6, 5)):
    """An image file; gives its values."""
    image = pytest.importorskip("PIL.Image")
    shape = (size[1], size[0], *((3,) if mode == "RGB" else ()))
    values = RNG.integers(0, 256, shape, dtype=np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    image.fromarray(values).save(path)
    return values


# --- folders ------------------------------------------------------------------------------------


@pytest.fixture
def photos(tmp_path):
    for name in ("dogs/2.png", "cats/deep/9.PNG", "cats/1.bmp", "dogs/10.png"):
        save(tmp_path / name)
    (tmp_path / "cats" / "notes.txt").write_text("not an image")
    (tmp_path / "readme.md").write_text("not a class")
    return tmp_path


def test_image_folder(photos):
    dataset = datasets.ImageFolder(photos)
    assert dataset.classes == ["cats", "dogs"]
    assert dataset.class_to_idx == {"cats": 0, "dogs": 1}
    names = [str(Path(path).relative_to(photos)) for path, _ in dataset.samples]
    assert names == ["cats/1.bmp", "cats/deep/9.PNG", "dogs/10.png", "dogs/2.png"]
    assert dataset.imgs is dataset.samples
    assert dataset.targets == [0, 0, 1, 1]
    image, target = dataset[0]
    assert (image.mode, image.size, target) == ("RGB", (6, 5), 0)
    assert len(dataset) == 4
    assert repr(dataset) == (
        f"Dataset ImageFolder\n    Number of datapoints: 4\n    Root location: {photos}"
    )


def test_image_folder_in_batches(photos):
    dataset = datasets.ImageFolder(str(photos), ToTensor(), target_transform=lambda y: -y)
    for workers in (0, 2):
        images, targets = next(iter(DataLoader(dataset, batch_size=4, num_workers=workers)))
        assert images.shape == (4, 3, 5, 6)
        assert targets.tolist() == [0, 0, -1, -1]
    assert "\n    transform: ToTensor()" in repr(dataset)


def test_dataset_folder(photos):
    dataset = datasets.DatasetFolder(
        photos, Path, is_valid_file=lambda path: "1" in Path(path).name
    )
    assert [path.name for path, _ in dataset] == ["1.bmp", "10.png"]
    dataset = datasets.DatasetFolder(photos, Path, ".txt", allow_empty=True)
    assert [(path.name, y) for path, y in dataset] == [("notes.txt", 0)]
    assert make_dataset(photos, {"dogs": 7}, ".png")[0][1] == 7


def test_links_in_circles_end(photos):
    os.symlink(photos / "cats", photos / "cats" / "deep" / "up")
    os.symlink(photos / "dogs", photos / "cats" / "more")
    assert len(datasets.ImageFolder(photos)) == 6


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda p: datasets.ImageFolder(p / "cats" / "deep"), FileNotFoundError, "class folder"),
        (lambda p: datasets.ImageFolder(p / "nowhere"), FileNotFoundError, "nowhere"),
        (
            lambda p: datasets.ImageFolder(p),
            FileNotFoundError,
            "classes birds in .*: .jpg, .*empty",
        ),
        (lambda p: datasets.DatasetFolder(p, Path), ValueError, "cannot be None or not None"),
        (lambda p: datasets.DatasetFolder(p, Path, ".a", is_valid_file=id), ValueError, "not None"),
        (lambda p: make_dataset(p, {}, ".png"), ValueError, "at least one entry"),
    ],
)
def test_folders_that_do_not_fit(photos, make, error, text):
    (photos / "birds").mkdir()
    with pytest.raises(error, match=text):
        make(photos)


def png(width, height):
    """A PNG file that says to have a size, and has nothing."""

    def chunk(kind, data):
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b""))


def bad_images():
    buffer = BytesIO()
    pytest.importorskip("PIL.Image").fromarray(np.zeros((50, 50, 3), np.uint8)).save(buffer, "PNG")
    whole = buffer.getvalue()
    return {
        "empty": (b"", "UnidentifiedImageError"),
        "text": (b"<html>Not found</html>", "UnidentifiedImageError"),
        "truncated": (whole[:60], "OSError"),
        "absurd": (png(60_000, 60_000), "DecompressionBombError"),
        "damaged": (whole[:20] + b"\xff" * 30 + whole[50:], "OSError"),
    }


@pytest.mark.parametrize("kind", ["empty", "text", "truncated", "absurd", "damaged"])
def test_bad_images_are_named(photos, kind):
    content, error = bad_images()[kind]
    (photos / "cats" / "1.png").write_bytes(content)
    dataset = datasets.ImageFolder(photos)
    with pytest.raises(Exception, match=r"cats/1.png") as info:
        dataset[1]
    names = {cls.__name__ for cls in type(info.value).__mro__}
    assert error in names
    with pytest.raises(type(info.value)) as info:
        list(DataLoader(dataset, batch_size=2, num_workers=1, collate_fn=list))
    assert "Raised by item 1 of the ImageFolder." in info.value.__notes__


def test_fake_data():
    dataset = datasets.FakeData(3, (1, 4, 5), num_classes=4, transform=PILToTensor())
    state = fg.random.get_rng_state()
    first, second = list(dataset), list(dataset)
    assert fg.equal(state, fg.random.get_rng_state())
    assert [y for _, y in first] == [y for _, y in second]
    assert all(fg.equal(x, y) for (x, _), (y, _) in zip(first, second, strict=True))
    assert first[0][0].shape == (1, 4, 5)
    assert not fg.equal(first[0][0], first[1][0])
    assert "Root" not in repr(dataset)
    shifted = datasets.FakeData(
        2, (1, 4, 5), num_classes=4, transform=PILToTensor(), random_offset=1
    )
    assert fg.equal(shifted[0][0], first[1][0])
    with pytest.raises(IndexError, match="index 3 out of range for 3"):
        dataset[3]


# --- CIFAR --------------------------------------------------------------------------------------


def written_by_python_2(values, labels):
    """The pickle of a CIFAR batch, opcode by opcode: text is bytes, and NumPy is an old one."""

    def text(data):
        data = data if isinstance(data, bytes) else data.encode()
        short = len(data) < 256
        return (b"U" + bytes([len(data)]) if short else b"T" + struct.pack("<i", len(data))) + data

    def short(n):
        return b"M" + struct.pack("<H", n)

    dtype = b"cnumpy\ndtype\nq\x05" + text("u1") + b"K\x00K\x01\x87Rq\x06("
    dtype += b"K\x03" + text("|") + b"NNN" + b"J\xff\xff\xff\xff" * 2 + b"K\x00tb"
    array = b"cnumpy.core.multiarray\n_reconstruct\nq\x03cnumpy\nndarray\nq\x04K\x00\x85"
    array += text("b") + b"\x87R(K\x01" + short(len(values)) + short(values.shape[1]) + b"\x86"
    array += dtype + b"\x89" + text(values.tobytes()) + b"tb"
    listed = b"]q\x02(" + b"".join(map(short, labels)) + b"e"
    return b"\x80\x02}q\x01(" + text("data") + array + text("labels") + listed + b"u."


@pytest.fixture
def cifar(tmp_path):
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    values = RNG.integers(0, 256, (6, 4, 3072), dtype=np.uint8)
    for i, name in enumerate([f"data_batch_{k}" for k in range(1, 6)] + ["test_batch"]):
        (folder / name).write_bytes(written_by_python_2(values[i], [i, 9, 0, 1]))
    return tmp_path, values


def test_cifar10(cifar):
    root, values = cifar
    train, test = datasets.CIFAR10(root), datasets.CIFAR10(root, train=False)
    images = values.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    assert np.array_equal(train.data, images[:20])
    assert np.array_equal(test.data, images[20:])
    assert train.targets == [n for i in range(5) for n in (i, 9, 0, 1)]
    assert train.class_to_idx["truck"] == 9
    image, target = train[5]
    assert (image.mode, image.size, target) == ("RGB", (32, 32), 9)
    assert np.array_equal(np.asarray(image), images[5])
    # What Python itself reads in these bytes.
    content = (root / "cifar-10-batches-py" / "test_batch").read_bytes()
    assert np.array_equal(pickle.loads(content, encoding="latin1")["data"], values[5])


@pytest.mark.parametrize("last", [[], [Lambda(lambda image: image)]], ids=["batch", "samples"])
def test_cifar10_in_batches(cifar, last):
    normalize = Normalize([0.5, 0.4, 0.3], [0.2, 0.3, 0.4])
    dataset = datasets.CIFAR10(cifar[0], transform=Compose([ToTensor(), normalize, *last]))
    images, targets = next(iter(DataLoader(dataset, batch_size=7)))
    assert images.shape == (7, 3, 32, 32)
    assert fg.equal(images, fg.stack([dataset[i][0] for i in range(7)]))
    assert targets.tolist() == dataset.targets[:7]
    dataset.data, dataset.targets = dataset.data[:3], np.array(dataset.targets[:3])
    (images, targets) = next(iter(DataLoader(dataset, batch_size=7)))
    assert (len(images), targets.tolist()) == (3, [0, 9, 0])


@pytest.mark.parametrize("protocol", [2, 3, 4])
def test_cifar100(tmp_path, protocol):
    values = RNG.integers(0, 256, (4, 3072), dtype=np.uint8)
    content = {b"data": values, b"fine_labels": [5, 99, 0, 1], b"coarse_labels": [0] * 4}
    (tmp_path / "cifar-100-python").mkdir()
    (tmp_path / "cifar-100-python" / "train").write_bytes(pickle.dumps(content, protocol))
    dataset = datasets.CIFAR100(tmp_path)
    assert dataset.targets == [5, 99, 0, 1]
    assert np.array_equal(dataset.data.transpose(0, 3, 1, 2).reshape(4, -1), values)
    with pytest.raises(RuntimeError, match=r"no file .*/test. You can use download=True"):
        datasets.CIFAR100(tmp_path, train=False)


class Evil:
    def __reduce__(self):
        return os.mkdir, ("evil",)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (pickle.dumps({"data": Evil()}, 2), "asks for posix.mkdir"),
        (pickle.dumps([1]), "expected a dictionary"),
        (pickle.dumps({"data": np.zeros((2, 5), np.uint8), "labels": [1, 2]}), r"\[N, 3072\]"),
        (pickle.dumps({"data": np.zeros((2, 3072)), "labels": [1, 2]}), "of uint8"),
        (pickle.dumps({"data": np.zeros((2, 3072), np.uint8), "labels": [1]}), "of 2 classes"),
        (pickle.dumps({"data": np.zeros((1, 3072), np.uint8), "labels": [10]}), "from 0 to 9"),
        (pickle.dumps({"data": np.zeros((1, 3072), np.uint8), "labels": ["a"]}), "from 0 to 9"),
        (pickle.dumps({"data": np.array([print])}, 2), "no dtype of numbers"),
        (written_by_python_2(np.zeros((2, 3072), np.uint8), [1, 2])[:-9], "cut off|missing"),
        (b"", "cut off"),
    ],
)
def test_cifar_files_that_are_none(tmp_path, monkeypatch, content, text):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "cifar-10-batches-py").mkdir()
    (tmp_path / "cifar-10-batches-py" / "test_batch").write_bytes(content)
    with pytest.raises(ValueError, match=text) as info:
        datasets.CIFAR10(tmp_path, train=False)
    assert "test_batch" in str(info.value)
    assert not (tmp_path / "evil").exists()


@pytest.mark.parametrize("dtype", ["uint8", "int64", "<f4", ">i2", "bool"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_arrays_in_pickles(dtype, order):
    array = np.array(RNG.integers(0, 2, (3, 4)), dtype=dtype, order=order)
    for protocol in (2, 4):
        read = read_arrays(pickle.dumps({"x": array, "n": 3}, protocol))
        assert np.array_equal(read["x"], array)
        assert read["x"].dtype == array.dtype.newbyteorder("=")
        assert read["n"] == 3


def test_cut_and_changed_pickles_raise_only_their_error():
    whole = pickle.dumps({"data": np.arange(6, dtype=np.uint8), "labels": [1, 2]}, 2)
    for i in range(len(whole)):
        for changed in (whole[:i], whole[:i] + bytes([whole[i] ^ 0x55]) + whole[i + 1 :]):
            with suppress(pickle.UnpicklingError):
                read_arrays(changed)


# --- EMNIST and KMNIST --------------------------------------------------------------------------


@pytest.mark.parametrize("place", ["", "EMNIST/raw", "EMNIST/raw/gzip"])
def test_emnist(tmp_path, place):
    (tmp_path / place).mkdir(parents=True, exist_ok=True)
    for split, high in (("letters", 27), ("bymerge", 47)):
        name = tmp_path / place / f"emnist-{split}-test"
        write_idx(f"{name}-images-idx3-ubyte.gz", fg.zeros(3, 28, 28).byte())
        write_idx(f"{name}-labels-idx1-ubyte.gz", fg.tensor([1, 2, high - 1]).byte())
        dataset = datasets.EMNIST(tmp_path, split, train=False, download=True)
        assert dataset.targets.tolist() == [1, 2, high - 1]
        assert len(dataset.classes) == high
    with pytest.raises(RuntimeError, match="emnist-letters-train-images"):
        datasets.EMNIST(tmp_path, "letters")
    with pytest.raises(ValueError, match="Unknown value 'mnist2' for argument split"):
        datasets.EMNIST(tmp_path, "mnist2")


def test_kmnist(tmp_path):
    write_idx(tmp_path / "t10k-images-idx3-ubyte", fg.zeros(3, 28, 28).byte())
    write_idx(tmp_path / "t10k-labels-idx1-ubyte", fg.tensor([1, 2, 9]).byte())
    assert datasets.KMNIST(tmp_path, train=False).classes[9] == "wo"


# --- VOC ----------------------------------------------------------------------------------------

XML = """<annotation><folder>VOC</folder><size><width>6</width><height>5</height></size>
<object><name>cat</name><part><name>tail</name></part><part><name>ear</name></part></object>
<object><name>dog</name><bndbox><xmin>1</xmin></bndbox></object></annotation>"""


@pytest.fixture
def voc(tmp_path):
    base = tmp_path / "VOCdevkit" / "VOC2012"
    for kind in ("Segmentation", "Main"):
        (base / "ImageSets" / kind).mkdir(parents=True)
        (base / "ImageSets" / kind / "train.txt").write_text("one\ntwo \n\n")
    (base / "Annotations").mkdir()
    for name in ("one", "two"):
        save(base / "JPEGImages" / f"{name}.jpg")
        save(base / "SegmentationClass" / f"{name}.png", "L")
        (base / "Annotations" / f"{name}.xml").write_text(XML)
    return tmp_path


def test_voc_segmentation(voc):
    dataset = datasets.VOCSegmentation(voc)
    assert len(dataset) == 2
    image, mask = dataset[1]
    assert (image.mode, image.size, mask.mode, mask.size) == ("RGB", (6, 5), "L", (6, 5))
    assert dataset.masks[0].endswith("SegmentationClass/one.png")
    dataset = datasets.VOCSegmentation(voc, transform=ToTensor(), target_transform=PILToTensor())
    images, masks = next(iter(DataLoader(dataset, batch_size=2)))
    assert (images.shape, masks.shape) == ((2, 3, 5, 6), (2, 1, 5, 6))
    both = datasets.VOCSegmentation(voc, transforms=lambda image, mask: (mask, image))
    assert both[0][0].mode == "L"


def test_voc_detection(voc):
    target = datasets.VOCDetection(voc)[0][1]["annotation"]
    assert target["size"] == {"width": "6", "height": "5"}
    assert target["object"] == [
        {"name": "cat", "part": [{"name": "tail"}, {"name": "ear"}]},
        {"name": "dog", "bndbox": {"xmin": "1"}},
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('<!DOCTYPE a [<!ENTITY b "ha">]><annotation>&b;</annotation>', "with entities"),
        ("<annotation><a></annotation>", "damaged XML"),
        ("<a>" * 50 + "</a>" * 50, "deeper than 32"),
        ("", "damaged XML"),
    ],
)
def test_voc_annotations_that_are_none(voc, text, message):
    (voc / "VOCdevkit/VOC2012/Annotations/one.xml").write_text(text)
    with pytest.raises(ValueError, match=message):
        datasets.VOCDetection(voc)[0]


def test_voc_folders_that_do_not_fit(voc):
    with pytest.raises(RuntimeError, match=r"no folder .*VOC2007. Unpack the archive of .* 2007"):
        datasets.VOCSegmentation(voc, "2007", "test")
    with pytest.raises(RuntimeError, match="not downloaded here"):
        datasets.VOCSegmentation(voc, "2010", download=True)
    with pytest.raises(ValueError, match="Unknown value 'test' for argument image_set"):
        datasets.VOCDetection(voc, image_set="test")
    with pytest.raises(RuntimeError, match=r"no file .*val.txt"):
        datasets.VOCDetection(voc, image_set="val")
    with pytest.raises(ValueError, match="Only transforms or transform/target_transform"):
        datasets.VOCDetection(voc, transforms=zip, transform=ToTensor())
    (voc / "VOCdevkit/VOC2012/ImageSets/Main/val.txt").write_text("../../../secret")
    with pytest.raises(RuntimeError, match="which is no name"):
        datasets.VOCDetection(voc, image_set="val")
    (voc / "VOCdevkit/VOC2012/ImageSets/Main/val.txt").write_text("\n")
    with pytest.raises(RuntimeError, match="names no image"):
        datasets.VOCDetection(voc, image_set="val")


# --- archives -----------------------------------------------------------------------------------


def tar(path, *members, mode="w:gz"):
    """A tar archive of (name, content) pairs and of TarInfos."""
    with tarfile.open(path, mode) as archive:
        for member in members:
            if isinstance(member, tarfile.TarInfo):
                archive.addfile(member)
                continue
            info = tarfile.TarInfo(member[0])
            info.size = len(member[1])
            archive.addfile(info, BytesIO(member[1]))
    return path


def zipped(path, *members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return path


def found(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz", "zip"])
def test_archives_are_unpacked(tmp_path, mode):
    members = {"a/b/1.txt": b"one", "2.txt": b"x" * 3_000_000, "a/empty": b""}
    make = zipped if mode == "zip" else lambda *args: tar(*args, mode=mode)
    archive = make(tmp_path / "archive", *members.items())
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "2.txt").write_text("old")
    (tmp_path / "out" / "kept").write_text("kept")
    extract_archive(archive, tmp_path / "out")
    assert found(tmp_path / "out") == members | {"kept": b"kept"}
    with pytest.raises(ValueError, match="larger than the limit"):
        extract_archive(archive, tmp_path / "out", max_bytes=1_000_000)


def special(name, kind, target=""):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


@pytest.mark.parametrize(
    "member",
    [
        ("../out.txt", b"x"),
        ("a/../../out.txt", b"x"),
        ("/etc/out.txt", b"x"),
        ("C:\\out.txt", b"x"),
        ("a\\..\\out.txt", b"x"),
        ("x" * 300, b"x"),
        special("link", tarfile.SYMTYPE, "/etc/passwd"),
        special("link", tarfile.LNKTYPE, "../other"),
        special("pipe", tarfile.FIFOTYPE),
        special("device", tarfile.CHRTYPE),
    ],
    ids=lambda member: str(getattr(member, "type", member)),
)
def test_unsafe_archives_leave_nothing(tmp_path, member):
    archives = [tar(tmp_path / "a.tar.gz", ("good", b"1"), member)]
    if isinstance(member, tuple) and "\\" not in member[0]:
        archives.append(zipped(tmp_path / "a.zip", ("good", b"1"), member))
    for archive in archives:
        with pytest.raises(ValueError, match="unsafe"):
            extract_archive(archive, tmp_path / "to")
        assert list((tmp_path / "to").iterdir()) == []
    assert {p.name for p in tmp_path.iterdir()} <= {"a.tar.gz", "a.zip", "to"}


def test_links_in_zips_are_refused(tmp_path):
    info = zipfile.ZipInfo("link")
    info.external_attr = 0o120777 << 16
    archive = zipped(tmp_path / "a.zip", (info, "/etc/passwd"))
    with pytest.raises(ValueError, match="is a link or a device"):
        extract_archive(archive, tmp_path / "to")


def test_bombs_are_refused(tmp_path):
    bomb = zipped(tmp_path / "a.zip", ("zeros", bytes(50_000_000)))
    assert bomb.stat().st_size < 100_000
    with pytest.raises(ValueError, match="larger than the limit"):
        extract_archive(bomb, tmp_path / "to", max_bytes=1_000_000)
    # A zip that lies about the size of its member.
    content = bomb.read_bytes().replace(struct.pack("<I", 50_000_000), struct.pack("<I", 1000))
    (tmp_path / "b.zip").write_bytes(content)
    with pytest.raises(ValueError, match=r"b\.zip"):
        extract_archive(tmp_path / "b.zip", tmp_path / "to", max_bytes=1_000_000)
    bomb = tar(tmp_path / "a.tar.xz", ("zeros", bytes(50_000_000)), mode="w:xz")
    with pytest.raises(ValueError, match="larger than the limit"):
        extract_archive(bomb, tmp_path / "to", max_bytes=1_000_000)
    assert list((tmp_path / "to").iterdir()) == []


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz", "zip"])
def test_damaged_archives_are_value_errors(tmp_path, mode):
    members = [("a", os.urandom(2000)), ("b", b"2" * 2000)]
    make = zipped if mode == "zip" else lambda *args: tar(*args, mode=mode)
    whole = make(tmp_path / "archive", *members).read_bytes()
    for i in range(0, len(whole) - 1, 199):
        flipped = whole[:i] + bytes([whole[i] ^ 0xFF]) + whole[i + 1 :]
        for content in (whole[:i], flipped):
            (tmp_path / "archive").write_bytes(content)
            with suppress(ValueError):
                extract_archive(tmp_path / "archive", tmp_path / "to")
    with pytest.raises(FileNotFoundError):
        extract_archive(tmp_path / "none", tmp_path / "to")
