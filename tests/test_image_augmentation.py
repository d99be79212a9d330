"""Transforms that bend images and change their tones, and the policies made of them.

The numbers were printed by torchvision 0.24 for the same image, arguments and seed.
"""

import numpy as np
import pytest

import fastgrad as fg
from fastgrad.vision import transforms as T
from fastgrad.vision.transforms import functional as F
from test_image_transforms import BLANK, PIXELS, distance, pictures

NEAREST = T.InterpolationMode.NEAREST
CORNERS = [[0, 0], [2, 0], [2, 2], [0, 2]]
MOVED = [[0, 1], [2, 0], [2, 2], [1, 2]]
FAR = [[0, 0], [39, 0], [39, 39], [0, 39]]
NEAR = [[3, 2], [37, 5], [31, 33], [1, 36]]
WAVES = ((fg.arange(4800) % 251).reshape(3, 40, 40).float() ** 2 / 251).byte()


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda: F.posterize(PIXELS, 3)[0], [[0, 192, 0], [32, 224, 32], [64, 64, 160]]),
        (lambda: F.solarize(PIXELS, 100)[0], [[10, 55, 30], [40, 5, 60], [90, 80, 85]]),
        (lambda: F.autocontrast(PIXELS)[1], [[0, 21, 138], [255, 53, 63], [74, 191, 9]]),
        (lambda: F.equalize(WAVES)[1, 3, :8], [230, 231, 232, 233, 234, 235, 236, 237]),
        (
            lambda: F.adjust_sharpness(PIXELS, 2.5)[0],
            [[10, 200, 30], [40, 255, 60], [90, 80, 170]],
        ),
        (
            lambda: F.adjust_sharpness(PIXELS, 0.5)[1],
            [[0, 20, 130], [240, 62, 60], [70, 180, 9]],
        ),
        (
            lambda: F.adjust_gamma(PIXELS, 0.5, 0.9)[0],
            [[45, 204, 79], [91, 228, 111], [136, 129, 188]],
        ),
        (
            lambda: F.perspective(WAVES, FAR, NEAR, NEAREST, [7])[2, 5, 30:],
            [0, 0, 0, 196, 198, 201, 203, 205, 7, 7],
        ),
    ],
    ids=["posterize", "solarize", "contrast", "equalize", "sharp", "blurred", "gamma", "nearest"],
)
def test_bytes_are_those_of_torchvision(make, expected):
    assert make().tolist() == expected


def test_floats_are_those_of_torchvision():
    x = PIXELS.float()
    seen = F.perspective(x, CORNERS, MOVED)[0]
    expected = [[35.8737, 102.0983, 52.1938], [7.5, 211.4464, 54.2899], [0, 0, 0]]
    assert np.allclose(seen.tolist(), expected, atol=2e-3)
    moved = F.elastic_transform(x, fg.tensor([0.2, -0.3]).expand(1, 3, 3, 2))[0]
    expected = [[36.85, 81.95, 11.55], [86.8, 173.2, 32.55], [94.2, 145.7, 84.35]]
    assert np.allclose(moved.tolist(), expected, atol=2e-3)


def test_equal_seeds_draw_what_torchvision_draws():
    fg.manual_seed(7)
    corners = [[0, 0], [39, 0], [39, 29], [0, 29]]
    assert [T.RandomPerspective.get_params(40, 30, 0.5) for _ in range(2)] == [
        (corners, [[3, 4], [30, 6], [31, 25], [0, 29]]),
        (corners, [[4, 1], [38, 7], [34, 23], [4, 24]]),
    ]
    fg.manual_seed(7)
    displacement = T.ElasticTransform.get_params([30.0, 20.0], [1.0, 1.5], [16, 15])
    assert displacement.shape == (1, 16, 15, 2)
    assert displacement[0, 3, 4].tolist() == pytest.approx([-0.169147, -0.234481], abs=1e-5)
    assert displacement[0, 9, 2].tolist() == pytest.approx([-0.079305, -0.012173], abs=1e-5)


@pytest.mark.parametrize(
    ("augment", "means"),
    [
        (T.AutoAugment(), [131.7, 131.7, 80.3, 126.6, 71.1, 69.6, 82.2, 72.9]),
        (
            T.AutoAugment(T.AutoAugmentPolicy.CIFAR10),
            [82.2, 90.9, 131.7, 131.7, 78.9, 131.7, 82.2, 131.7],
        ),
        (
            T.AutoAugment(T.AutoAugmentPolicy.SVHN),
            [172.8, 40.6, 76.8, 183.7, 78.1, 71.3, 76.6, 172.8],
        ),
        (T.RandAugment(), [75.2, 71.5, 53.8, 83.3, 59.2, 77.8, 131.1, 130.2]),
        (T.TrivialAugmentWide(), [16.2, 92.4, 56.5, 83.7, 69.0, 60.6, 56.5, 69.1]),
    ],
    ids=["imagenet", "cifar10", "svhn", "rand", "trivial"],
)
def test_policies_draw_what_torchvision_draws(augment, means):
    seen = []
    for seed in range(8):
        fg.manual_seed(seed)
        seen.append(augment(WAVES).float().mean().item())
    assert seen == pytest.approx(means, abs=0.2)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(
    ("change", "allowed"),
    [
        (lambda x: F.posterize(x, 3), 0),
        (lambda x: F.solarize(x, 128), 0),
        (F.autocontrast, 1),
        (F.equalize, 0),
        (lambda x: F.adjust_gamma(x, 2.2), 1),
        (lambda x: F.adjust_sharpness(x, 0.5), 1),
        (lambda x: F.elastic_transform(x, fg.full((1, 23, 31, 2), 0.05)), 0),
    ],
)
def test_tensors_and_pillow_images_change_alike(channels, change, allowed):
    picture, tensor = pictures(channels)
    assert distance(change(picture), change(tensor)) <= allowed


@pytest.mark.parametrize(
    ("transform", "text"),
    [
        (T.RandomPerspective(p=1.0), "RandomPerspective(p=1.0)"),
        (T.ElasticTransform(9.0, [1.0, 2.0]), "ElasticTransform(alpha=[9.0, 9.0], sigma=[1.0, 2"),
        (T.RandomPosterize(2, p=1.0), "RandomPosterize(bits=2,p=1.0)"),
        (T.RandomSolarize(9, p=1.0), "RandomSolarize(threshold=9,p=1.0)"),
        (T.RandomAdjustSharpness(2, p=1.0), "RandomAdjustSharpness(sharpness_factor=2,p=1.0)"),
        (T.RandomAutocontrast(p=1.0), "RandomAutocontrast(p=1.0)"),
        (T.RandomEqualize(p=1.0), "RandomEqualize(p=1.0)"),
        (T.AutoAugment(), "AutoAugment(policy=AutoAugmentPolicy.IMAGENET, fill=None)"),
        (
            T.RandAugment(fill=7),
            "RandAugment(num_ops=2, magnitude=9, num_magnitude_bins=31, "
            "interpolation=InterpolationMode.NEAREST, fill=7)",
        ),
        (T.TrivialAugmentWide(), "TrivialAugmentWide(num_magnitude_bins=31, interpolation="),
    ],
)
def test_transforms_in_a_pipeline(transform, text):
    picture, tensor = pictures(3)
    for _ in range(5):
        assert transform(picture).size == picture.size
        assert transform(tensor).shape == tensor.shape
    assert repr(transform).startswith(text)


def test_transforms_that_do_nothing():
    for transform in (T.RandomPerspective(p=0.0), T.RandomEqualize(p=0.0)):
        assert transform(BLANK) is BLANK
    flat = fg.full((1, 5, 5), 9).byte()
    for change in (F.autocontrast, F.equalize):
        assert fg.equal(change(flat), flat)
    assert F.adjust_sharpness(flat[:, :2], 3.0) is not None
    assert F.get_image_num_channels(flat) == 1


def test_whitening():
    x = fg.from_numpy(np.random.default_rng(0).random((2, 1, 2, 3), np.float32))
    matrix = fg.from_numpy(np.random.default_rng(1).random((6, 6), np.float32))
    out = T.LinearTransformation(matrix, fg.ones(6))(x)
    expected = (x.numpy().reshape(2, 6) - 1) @ matrix.numpy()
    assert np.allclose(out.numpy().reshape(2, 6), expected, atol=1e-5)
    assert out.shape == x.shape


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: F.posterize(BLANK, 9), ValueError, "between 0 and 8. Got 9"),
        (lambda: F.posterize(BLANK, 3), TypeError, "Only torch.uint8 .* found torch.float32"),
        (lambda: F.equalize(BLANK), TypeError, "Only torch.uint8"),
        (lambda: F.solarize(BLANK, 2), TypeError, "less than bound of img"),
        (lambda: F.adjust_gamma(BLANK, -1), ValueError, "non-negative"),
        (lambda: F.adjust_sharpness(BLANK, -1), ValueError, "not non-negative"),
        (lambda: F.to_grayscale(BLANK), TypeError, "should be PIL Image"),
        (lambda: F.perspective(BLANK, CORNERS[:3], MOVED), ValueError, "exactly four corners"),
        (lambda: F.perspective(BLANK, CORNERS, MOVED, fill=(1, 2)), ValueError, r"\(2 != 3\)"),
        (lambda: F.elastic_transform(BLANK, 3), TypeError, "should be a Tensor"),
        (lambda: F.elastic_transform(BLANK, fg.zeros(1, 2, 2, 2)), ValueError, "but given"),
        (lambda: T.ElasticTransform([1, 2, 3]), ValueError, "sequence of two"),
        (lambda: T.AutoAugment("imagenet"), ValueError, "not recognized"),
        (lambda: T.LinearTransformation(fg.eye(2), fg.ones(3)), ValueError, "the length 2"),
        (lambda: T.LinearTransformation(fg.ones(2, 3), fg.ones(3)), ValueError, "square"),
        (lambda: T.LinearTransformation(fg.eye(2), fg.ones(2))(BLANK), ValueError, "incompatible"),
        (lambda: T.LinearTransformation(fg.eye(2), fg.ones(2))("x"), TypeError, "tensor image"),
    ],
)
def test_what_does_not_fit(call, error, message):
    with pytest.raises(error, match=message):
        call()
