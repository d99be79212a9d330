"""The book's data files: downloaded once, or taken from a folder."""

from __future__ import annotations

import hashlib
import os
import tarfile
import zipfile
from pathlib import Path

from fastgrad import hub

DATA_URL = "http://d2l-data.s3-accelerate.amazonaws.com/"
DEFAULT = os.path.join("..", "data")


def _hub() -> dict[str, tuple[str, str]]:
    """The address and the SHA-1 of each file, by its name in the book."""
    listed = """
        aclImdb aclImdb_v1.tar.gz 01ada507287d82875905620988597833ad4e0903
        airfoil airfoil_self_noise.dat 76e5be1548fd8222e5074cf0faae75edff8cf93f
        banana-detection banana-detection.zip 5de26c8fce5ccdea9f91267273464dc968d20d72
        bert.base bert.base.torch.zip 225d66f04cae318b841a13d32af3acc165f253ac
        bert.small bert.small.torch.zip c72329e68a732bef0452e4b96a1c341c8910f81f
        cifar10_tiny kaggle_cifar10_tiny.zip 2068874e4b9a9f0fb07ebe0ad2b29754449ccacd
        dog_tiny kaggle_dog_tiny.zip 0cb91d09b814ecdc07b50f31f8dcad3e81d6a86d
        fra-eng fra-eng.zip 94646ad1522d915e7b0f9296181140edcf86a4f5
        glove.6b.50d glove.6B.50d.zip 0b8703943ccdb6eb788e6f091b8946e82231bc4d
        glove.6b.100d glove.6B.100d.zip cd43bfb07e44e6f27cbcc7bc9ae3d80284fdaf5a
        glove.42b.300d glove.42B.300d.zip b5116e234e9eb9076672cfeabf5469f3eec904fa
        hotdog hotdog.zip fba480ffa8aa7e0febbb511d181409f899b9baa5
        kaggle_house_train kaggle_house_pred_train.csv 585e9cc93e70b39160e7921475f9bcd7d31219ce
        kaggle_house_test kaggle_house_pred_test.csv fa19780a7b011d9b009e8bff8e99922a8ee2eb90
        pokemon pokemon.zip c065c0e2593b8b161a2d7873e42418bf6a21106c
        ptb ptb.zip 319d85e578af0cdc590547f26231e4e31cdf1e42
        time_machine timemachine.txt 090b5e7e70c295757f55df93cb0a180b9691891a
        voc2012 VOCtrainval_11-May-2012.tar 4e443f8a2eca6b1dac8a6c57641b67dd40621a49
        wiki.en wiki.en.zip c1816da3821ae9f43899be655002f6c723e91b88
    """
    lines = (line.split() for line in listed.strip().splitlines())
    return {name: (DATA_URL + file, sha1) for name, file, sha1 in lines} | {
        "SNLI": (
            "https://nlp.stanford.edu/projects/snli/snli_1.0.zip",
            "9fcde07509c7e87ec61c640c1b2753d9041758e4",
        ),
        "wikitext-2": (
            "https://s3.amazonaws.com/research.metamind.io/wikitext/wikitext-2-v1.zip",
            "3c914d17d80b1459be871a5039ac23e752a53cbe",
        ),
    }


DATA_HUB = _hub()


def download(url: str, folder: str = DEFAULT, sha1_hash: str | None = None) -> str:
    """The path of a file of ``DATA_HUB``, or of any address; downloaded unless it is there.

    It is looked for in `folder` and below ``$FASTGRAD_DATA``.

    Raises:
        RuntimeError: it can't be downloaded; the message says where to put it.
    """
    if url in DATA_HUB:
        url, sha1_hash = DATA_HUB[url]
    path = Path(folder) / url.rpartition("/")[2]
    if path.is_file() and (sha1_hash is None or _sha1(path) == sha1_hash):
        return str(path)
    given = _given(path.name)
    if given is not None:
        return str(given)
    path.parent.mkdir(parents=True, exist_ok=True)
    print(f"Downloading {path} from {url}...")
    try:
        hub.download_url_to_file(url, path)
    except OSError as error:
        raise RuntimeError(
            f"could not download {url}: {error}. Without a network, copy {path.name} into "
            f"{path.parent}, or below a folder that $FASTGRAD_DATA names"
        ) from error
    return str(path)


def _given(name: str) -> Path | None:
    folder = os.environ.get("FASTGRAD_DATA")
    return next(Path(folder).rglob(name), None) if folder else None


def _sha1(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha1").hexdigest()


def extract(filename: str, folder: str | None = None) -> None:
    """Unpack a .zip or .tar file, into its own folder by default.

    Raises:
        ValueError: another kind of file.
    """
    into = folder or os.path.dirname(filename)
    if filename.endswith(".zip"):
        with zipfile.ZipFile(filename) as archive:
            archive.extractall(into)
    elif filename.endswith((".tar", ".gz")):
        with tarfile.open(filename) as archive:
            archive.extractall(into, filter="data")
    else:
        raise ValueError(f"extract: expected a .zip, .tar or .gz file, got {filename}")


def download_extract(name: str, folder: str | None = None) -> str:
    """Download and unpack a file of ``DATA_HUB``; returns the folder of what was in it."""
    path = Path(download(name))
    extract(str(path))
    return str(path.parent / folder if folder else path.with_suffix(""))


def download_all() -> None:
    """Download every file of ``DATA_HUB``."""
    for name in DATA_HUB:
        download(name)
