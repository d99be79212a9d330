"""Transforms that resize, cut, turn and colour images.

The numbers were printed by torchvision 0.24 for the same image, arguments and seed.
"""

import numpy as np
import pytest

import fastgrad as fg
from fastgrad.vision import transforms as T
from fastgrad.vision.transforms import functional as F

BLANK = fg.zeros(3, 23, 31)
PIXELS = fg.tensor(
    [
        [[10, 200, 30], [40, 250, 60], [90, 80, 170]],
        [[0, 20, 130], [240, 50, 60], [70, 180, 9]],
        [[1, 210, 35], [45, 155, 65], [95, 85, 75]],
    ],
    dtype=fg.uint8,
)
BILINEAR, BICUBIC = T.InterpolationMode.BILINEAR, T.InterpolationMode.BICUBIC


def pictures(channels):
    """The same picture as a Pillow image and as a tensor."""
    image = pytest.importorskip("PIL.Image")
    array = np.random.default_rng(0).integers(0, 256, (23, 31, 3), dtype=np.uint8)
    array = array[:, :, 0] if channels == 1 else array
    picture = image.fromarray(array)
    return picture, F.pil_to_tensor(picture)


def distance(picture, tensor):
    """The largest difference of a Pillow image and a tensor."""
    assert F.get_dimensions(picture) == F.get_dimensions(tensor)
    return int((F.pil_to_tensor(picture).int() - tensor.int()).abs().max())


# What is drawn


@pytest.mark.parametrize(
    ("draw", "expected"),
    [
        (
            lambda: T.RandomCrop.get_params(BLANK, (10, 12)),
            [(5, 12, 10, 12), (13, 6, 10, 12)],
        ),
        (
            lambda: T.RandomResizedCrop.get_params(BLANK, (0.08, 1.0), (3 / 4, 4 / 3)),
            [(1, 4, 22, 19), (8, 5, 15, 14)],
        ),
        (
            lambda: T.RandomResizedCrop.get_params(BLANK, (1.0, 1.0), (3.0, 4.0)),
            [(6, 0, 10, 31), (6, 0, 10, 31)],
        ),
        (
            lambda: T.RandomRotation.get_params([-30.0, 30.0]),
            [2.0953524112701416, -18.071807861328125],
        ),
        (
            lambda: T.RandomAffine.get_params(
                (-30, 30), (0.2, 0.3), (0.7, 1.3), (-5, 5, 1, 2), [31, 23]
            ),
            [
                (
                    2.0953524112701416,
                    (-4, 2),
                    1.0941340923309326,
                    (-2.672384262084961, 1.4250614643096924),
                ),
                (
                    -17.574838638305664,
                    (2, -2),
                    1.2107609510421753,
                    (3.549431562423706, 1.5509352684020996),
                ),
            ],
        ),
        (
            lambda: T.RandomErasing.get_params(BLANK, (0.02, 0.33), (0.3, 3.3), [0])[:4],
            [(9, 11, 8, 17), (1, 16, 7, 9)],
        ),
        (
            lambda: T.RandomHorizontalFlip()(fg.tensor([[[0, 1]]])).flatten().tolist(),
            [[0, 1], [1, 0]],
        ),
    ],
    ids=["crop", "resized crop", "no piece fits", "rotation", "affine", "erasing", "flip"],
)
def test_equal_seeds_draw_what_torchvision_draws(draw, expected):
    fg.manual_seed(7)
    assert [draw() for _ in range(2)] == expected


def test_colour_jitter_draws_what_torchvision_draws():
    fg.manual_seed(7)
    order, b, c, s, h = T.ColorJitter.get_params((0.5, 1.5), None, (0.2, 1.0), (-0.1, 0.1))
    assert order.tolist() == [3, 2, 0, 1]
    assert (b, c, s, h) == (1.1568902730941772, None, 0.38620924949645996, -0.014987719245254993)


# What is made of it


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (
            lambda: F.adjust_hue(PIXELS, 0.2),
            [
                [[9, 210, 30], [40, 250, 65], [95, 80, 170]],
                [[10, 48, 105], [195, 185, 60], [70, 155, 136]],
                [[0, 20, 130], [240, 50, 64], [70, 180, 9]],
            ],
        ),
        (
            lambda: F.adjust_contrast(PIXELS, 1.7),
            [
                [[0, 255, 0], [5, 255, 39], [90, 73, 226]],
                [[0, 0, 158], [255, 22, 39], [56, 243, 0]],
                [[0, 255, 0], [13, 200, 47], [98, 81, 64]],
            ],
        ),
        (
            lambda: F.adjust_saturation(PIXELS, 0.4),
            [
                [[5, 137, 65], [110, 172, 60], [82, 115, 106]],
                [[1, 65, 105], [190, 92, 60], [74, 155, 42]],
                [[2, 141, 67], [112, 134, 62], [84, 117, 68]],
            ],
        ),
        (lambda: F.rgb_to_grayscale(PIXELS), [[[3, 95, 89], [157, 121, 60], [78, 139, 64]]]),
        (
            lambda: F.gaussian_blur(PIXELS, [3, 3], [0.8, 0.8])[:1],
            [[[120, 133, 130], [118, 133, 136], [112, 128, 138]]],
        ),
        (
            lambda: F.affine(PIXELS, 20, [1, 0], 1.2, [5.0, 0.0], fill=[7])[:1],
            [[[7, 40, 200], [7, 40, 250], [90, 80, 80]]],
        ),
    ],
    ids=["hue", "contrast", "saturation", "grey", "blur", "affine"],
)
def test_bytes_are_those_of_torchvision(make, expected):
    assert make().tolist() == expected


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (
            lambda x: F.rotate(x, 30, BILINEAR),
            [[82.705, 120.359, 31.077], [51.795, 250.0, 121.699], [36.962, 93.038, 71.603]],
        ),
        (lambda x: F.resize(x, [2, 2]), [[95.3125, 107.8125], [98.4375, 134.375]]),
        (
            lambda x: F.resize(x, [2, 4], BICUBIC),
            [[7.739, 160.7, 168.501, 26.25], [70.167, 116.808, 142.971, 132.254]],
        ),
    ],
    ids=["rotate", "bilinear", "bicubic"],
)
def test_floats_are_those_of_torchvision(make, expected):
    assert np.allclose(make(PIXELS.float())[0].tolist(), expected, atol=2e-3)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(
    ("change", "allowed"),
    [
        (lambda x: F.resize(x, [10, 12]), 1),
        (lambda x: F.resize(x, 40, BICUBIC), 16),  # Pillow cuts overshoots after each of two passes
        (lambda x: F.resize(x, 9, max_size=11), 1),
        (lambda x: F.crop(x, -2, 3, 9, 40), 0),
        (lambda x: F.crop(x, 30, 40, 5, 6), 0),
        (lambda x: F.center_crop(x, (40, 11)), 0),
        (lambda x: F.pad(x, [1, 2, 3, 4], 9), 0),
        (lambda x: F.pad(x, 3, padding_mode="edge"), 0),
        (lambda x: F.pad(x, [2, 5], padding_mode="reflect"), 0),
        (lambda x: F.pad(x, 4, padding_mode="symmetric"), 0),
        (F.hflip, 0),
        (F.vflip, 0),
        (F.invert, 0),
        (lambda x: F.rotate(x, 90), 0),
        (lambda x: F.rotate(x, 90, expand=True), 0),
        (lambda x: F.adjust_brightness(x, 0.7), 1),
        (lambda x: F.adjust_contrast(x, 1.4), 2),
        (lambda x: F.adjust_saturation(x, 0.5), 2),
        (lambda x: F.adjust_hue(x, -0.25), 10),  # Pillow's hues are bytes
        (F.rgb_to_grayscale, 1),
        (lambda x: F.five_crop(x, 7)[2], 0),
        (lambda x: F.ten_crop(x, (7, 8), vertical_flip=True)[9], 0),
        (lambda x: F.resized_crop(x, 2, 3, 12, 13, 6), 1),
        (lambda x: F.gaussian_blur(x, 5), 0),
    ],
)
def test_tensors_and_pillow_images_change_alike(channels, change, allowed):
    picture, tensor = pictures(channels)
    assert distance(change(picture), change(tensor)) <= allowed


@pytest.mark.parametrize(
    ("transform", "shape", "text"),
    [
        (T.Resize(10), (10, 13), "Resize(size=10, interpolation=bilinear, max_size=None"),
        (T.CenterCrop(5), (5, 5), "CenterCrop(size=(5, 5))"),
        (T.Pad(2), (27, 35), "Pad(padding=2, fill=0, padding_mode=constant)"),
        (T.RandomCrop(30, 2, pad_if_needed=True), (30, 30), "RandomCrop(size=(30, 30), padding=2)"),
        (T.RandomResizedCrop(7), (7, 7), "RandomResizedCrop(size=(7, 7), scale=(0.08, 1.0)"),
        (T.RandomHorizontalFlip(), (23, 31), "RandomHorizontalFlip(p=0.5)"),
        (T.RandomRotation(10), (23, 31), "RandomRotation(degrees=[-10.0, 10.0]"),
        (
            T.RandomAffine(10, (0.1, 0.1), shear=5, fill=3),
            (23, 31),
            "RandomAffine(degrees=[-10.0, 10.0], translate=(0.1, 0.1), shear=[-5.0, 5.0], fill=3)",
        ),
        (T.ColorJitter(0.5, 0.5, 0.5, 0.5), (23, 31), "ColorJitter(brightness=(0.5, 1.5)"),
        (T.Grayscale(3), (23, 31), "Grayscale(num_output_channels=3)"),
        (T.RandomGrayscale(0.9), (23, 31), "RandomGrayscale(p=0.9)"),
        (T.GaussianBlur(3), (23, 31), "GaussianBlur(kernel_size=(3, 3), sigma=(0.1, 2.0))"),
        (T.RandomInvert(0.9), (23, 31), "RandomInvert(p=0.9)"),
        (T.RandomApply([T.Pad(1)], 1.0), (25, 33), "RandomApply(\n    p=1.0\n    Pad("),
        (T.RandomChoice([T.Pad(1)]), (25, 33), "RandomChoice(\n    Pad("),
        (T.RandomOrder([T.Pad(1), T.Pad(1)]), (27, 35), "RandomOrder(\n    Pad("),
    ],
    ids=lambda value: type(value).__name__ if callable(value) else None,
)
def test_transforms_in_a_pipeline(transform, shape, text):
    picture, tensor = pictures(3)
    assert F.get_image_size(transform(picture)) == list(shape[::-1])
    assert transform(tensor).shape == (3, *shape)
    assert transform(F.convert_image_dtype(tensor)).dtype is fg.float32
    assert repr(transform).startswith(text)


def test_erasing():
    fg.manual_seed(0)
    x = fg.ones(3, 12, 12)
    out = T.RandomErasing(p=1.0, value=(5, 6, 7))(x)
    assert [set(plane.flatten().tolist()) for plane in out] == [{1, 5}, {1, 6}, {1, 7}]
    assert (x == 1).all()
    assert T.RandomErasing(p=0.0)(x) is x
    assert T.RandomErasing(p=1.0, value="random", inplace=True)(x) is x
    assert (x != 1).any()


@pytest.mark.parametrize("dtype", [fg.uint8, fg.int16, fg.int32, fg.float32], ids=str)
def test_pillow_and_back(dtype):
    pytest.importorskip("PIL")
    x = fg.tensor([[[0, 3], [1, 2]]]).to(dtype)
    mode = "F" if dtype is fg.float32 else None
    assert fg.equal(F.pil_to_tensor(F.to_pil_image(x, mode)).to(dtype), x)
    assert F.to_pil_image(fg.rand(4, 5, 6)).mode == "RGBA"
    assert F.to_pil_image(np.zeros((5, 6, 3), np.uint8), "HSV").mode == "HSV"


@pytest.mark.parametrize("first", [fg.uint8, fg.int16, fg.int32, fg.float32], ids=str)
@pytest.mark.parametrize("second", [fg.uint8, fg.int16, fg.float64], ids=str)
def test_white_stays_white(first, second):
    def white(dtype):
        return 1 if dtype.is_floating_point else fg.iinfo(dtype).max

    there = F.convert_image_dtype(fg.tensor([[[0, white(first)]]]).to(first), second)
    assert there.dtype is second
    assert there.flatten().tolist()[0] == 0
    scale = white(second) * (1 - 1 / 127)  # integers that were stretched stay a little below
    assert scale <= there.flatten().tolist()[1] <= white(second)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: F.resize("photo", 3), TypeError, "PIL Image or Tensor. Got <class 'str'>"),
        (lambda: F.hflip(fg.zeros(3)), TypeError, r"expected \[..., C, H, W\], got \[3\]"),
        (lambda: F.resize(BLANK, 0), ValueError, "at least 1, got 0"),
        (lambda: F.resize(BLANK, [1, 2, 3]), ValueError, "one or two lengths"),
        (lambda: F.resize(BLANK, [4, 4], max_size=9), ValueError, "max_size should only"),
        (lambda: F.resize(BLANK, 9, max_size=9), ValueError, "strictly greater"),
        (lambda: F.resize(BLANK, 9, "bilinear"), TypeError, "InterpolationMode"),
        (lambda: F.resize(BLANK, 9, T.InterpolationMode.LANCZOS), ValueError, "got 'lanczos'"),
        (lambda: F.pad(BLANK, (1, 2, 3)), ValueError, "1, 2, or 4 element tuple"),
        (lambda: F.pad(BLANK, 1.5), TypeError, "inappropriate padding arg 1.5"),
        (lambda: F.pad(BLANK, 1, padding_mode="wrap"), ValueError, "got 'wrap'"),
        (lambda: F.pad(BLANK, 23, padding_mode="reflect"), RuntimeError, r"sides \[23, 31\]"),
        (lambda: T.RandomCrop(40)(BLANK), ValueError, r"\(40, 40\) is larger than .* \(23, 31\)"),
        (lambda: F.five_crop(BLANK, 40), ValueError, "bigger than input size"),
        (lambda: F.adjust_brightness(BLANK, -1), ValueError, "not non-negative"),
        (lambda: F.adjust_hue(BLANK, 0.6), ValueError, r"not in \[-0.5, 0.5\]"),
        (lambda: T.ColorJitter(hue=0.6), ValueError, r"between \(-0.5, 0.5\)"),
        (lambda: T.ColorJitter(brightness="much"), TypeError, "single number"),
        (lambda: T.RandomRotation(-1), ValueError, "must be positive"),
        (lambda: T.RandomResizedCrop(3, scale=(1.0, 0.5)), ValueError, "kind .min, max."),
        (lambda: F.gaussian_blur(BLANK, 4), ValueError, "odd and positive integers. Got 4"),
        (lambda: F.rgb_to_grayscale(BLANK, 2), ValueError, "either 1 or 3"),
        (lambda: F.rotate(BLANK, 5, fill=(1, 2)), ValueError, r"\(2 != 3\)"),
        (lambda: F.affine(BLANK, 0, (0, 0), 0, 0), ValueError, "scale should be positive"),
        (lambda: F.to_pil_image(fg.zeros(5, 2, 2)), ValueError, "4 channels. Got 5"),
        (lambda: F.to_pil_image(fg.zeros(2)), ValueError, "Got 1 dimensions"),
        (lambda: F.pil_to_tensor(BLANK), TypeError, "should be PIL Image"),
        (lambda: F.convert_image_dtype(BLANK, fg.int32), RuntimeError, "cannot be performed"),
        (lambda: F.erase("x", 0, 0, 1, 1, BLANK), TypeError, "ToTensor"),
        (lambda: T.RandomErasing(value="white"), ValueError, "'random'"),
        (lambda: T.RandomErasing(1.0, value=(1, 2))(BLANK), ValueError, "single value or 3"),
        (lambda: T.RandomApply(3), TypeError, "should be a sequence"),
    ],
)
def test_what_does_not_fit(call, error, message):
    with pytest.raises(error, match=message):
        call()
