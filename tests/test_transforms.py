"""Image transforms, on arrays, Pillow images and raw tensors."""

import numpy as np
import pytest

import fastgrad as fg
from fastgrad.vision import datasets, transforms
from fastgrad.vision.transforms import Compose, Lambda, Normalize, ToTensor

PIXELS = np.array([[0, 51, 255], [1, 2, 3]], np.uint8)


def test_to_tensor_of_arrays():
    grey = ToTensor()(PIXELS)
    assert grey.dtype == fg.float32
    assert np.array_equal(grey.numpy(), (PIXELS / np.float32(255))[None])
    assert fg.equal(grey, ToTensor()(fg.from_numpy(PIXELS)))
    colour = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    assert np.array_equal(ToTensor()(colour).numpy(), colour.transpose(2, 0, 1) / np.float32(255))
    for dtype in (np.float32, np.float64, np.int32):
        kept = ToTensor()(PIXELS.astype(dtype))
        assert str(kept.dtype) == f"torch.{np.dtype(dtype)}"
        assert np.array_equal(kept[0].numpy(), PIXELS)


def test_to_tensor_copies():
    array = np.ones((2, 2), np.float32)
    ToTensor()(array).fill_(5)
    assert array.sum() == 4


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "LA", "P", "1", "I", "F"])
def test_to_tensor_of_pillow_images(mode):
    image = pytest.importorskip("PIL.Image").fromarray(PIXELS).convert(mode)
    tensor = ToTensor()(image)
    assert tensor.shape == (len(image.getbands()), 2, 3)
    if mode == "1":
        assert set(tensor.flatten().tolist()) <= {0.0, 1.0}
    elif mode in "IF":
        assert np.array_equal(tensor[0].numpy(), PIXELS)
    else:
        assert tensor.dtype == fg.float32
        assert tensor.max().item() == 1.0 or mode == "P"


@pytest.mark.parametrize(
    ("image", "error", "text"),
    [
        ("photo.png", TypeError, "should be PIL Image or ndarray. Got <class 'str'>"),
        (np.zeros(3), ValueError, "2/3 dimensional. Got 1"),
        (fg.zeros(2, 2), TypeError, r"dtype torch.float32 and shape \[2, 2\]; is ToTensor applied"),
        (fg.zeros(1, 2, 2).byte(), TypeError, "shape"),
    ],
)
def test_to_tensor_refuses(image, error, text):
    with pytest.raises(error, match=text):
        ToTensor()(image)


def test_normalize():
    image = fg.from_numpy(np.random.default_rng(0).random((2, 3, 4, 5)))
    mean, std = [0.1, 0.2, 0.3], (1.0, 2.0, 4.0)
    out = Normalize(mean, std)(image)
    expected = (image.numpy() - np.reshape(mean, (3, 1, 1))) / np.reshape(std, (3, 1, 1))
    assert np.allclose(out.numpy(), expected, rtol=1e-15)
    assert fg.equal(Normalize(mean, std)(image[0]), out[0])
    assert out is not image
    assert Normalize(mean, std, inplace=True)(image) is image
    assert fg.equal(image, out)


@pytest.mark.parametrize(
    ("transform", "image", "error", "text"),
    [
        (Normalize([0], [1]), PIXELS, TypeError, "should be a torch tensor.*ToTensor"),
        (Normalize([0], [1]), fg.zeros(1, 2, 2).byte(), TypeError, "float tensor. Got torch.uint8"),
        (Normalize([0], [1]), fg.zeros(2, 2), ValueError, r"size \(..., C, H, W\).*\[2, 2\]"),
        (Normalize([0], [0.0]), fg.zeros(1, 2, 2), ValueError, "division by zero"),
        (Normalize([0.5] * 3, [1]), fg.zeros(1, 2, 2), RuntimeError, "3 values, the image has 1"),
        (Normalize([0.5], [1] * 3), fg.zeros(1, 2, 2), RuntimeError, "std has 3 values"),
    ],
)
def test_normalize_refuses(transform, image, error, text):
    with pytest.raises(error, match=text):
        transform(image)


def test_lambda_and_reprs():
    with pytest.raises(TypeError, match="should be callable, got <class 'int'>"):
        Lambda(3)
    both = Compose([ToTensor(), Lambda(abs)])
    assert repr(both) == "Compose(\n    ToTensor()\n    Lambda()\n)"
    assert repr(Normalize([0.5], [1])) == "Normalize(mean=[0.5], std=[1])"
    assert transforms.Compose is Compose
    digits = datasets.Digits(transform=both, target_transform=Lambda(abs))
    assert "\n    transform: Compose(" in repr(digits)
