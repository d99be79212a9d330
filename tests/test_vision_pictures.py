"""Image files as tensors (`vision.io`), and pictures of tensors (`vision.utils`).

The expected grids, boxes and masks are those of torchvision 0.24.
"""

from io import BytesIO

import numpy as np
import pytest

import fastgrad as fg
from fastgrad.vision import io, utils

Image = pytest.importorskip("PIL.Image")
RNG = np.random.default_rng(0)
MODES = io.ImageReadMode


def picture(channels, high=9, wide=7):
    return fg.from_numpy(RNG.integers(0, 256, (channels, high, wide), dtype=np.uint8))


# --- files --------------------------------------------------------------------------------------


@pytest.mark.parametrize("channels", [1, 3])
def test_png_files_keep_every_pixel(tmp_path, channels):
    image = picture(channels)
    io.write_png(image, tmp_path / "a.png", compression_level=1)
    assert fg.equal(io.read_image(tmp_path / "a.png"), image)
    assert fg.equal(io.read_image(str(tmp_path / "a.png"), MODES.UNCHANGED), image)
    data = io.read_file(tmp_path / "a.png")
    assert fg.equal(io.decode_image(data), image)
    assert fg.equal(io.decode_png(data), image)
    assert fg.equal(io.decode_image(io.encode_png(image)), image)
    assert len(io.encode_png(fg.zeros(3, 99, 99).byte(), 9)) < len(
        io.encode_png(fg.zeros(3, 99, 99).byte(), 0)
    )
    again = np.asarray(Image.open(tmp_path / "a.png"))
    assert np.array_equal(again if channels == 1 else again.transpose(2, 0, 1), image.squeeze(0))


@pytest.mark.parametrize("channels", [1, 3])
def test_jpeg_files_are_pillows(tmp_path, channels):
    image = fg.full((channels, 16, 16), 200, dtype=fg.uint8)
    io.write_jpeg(image, tmp_path / "a.jpg", quality=95)
    read = io.read_image(tmp_path / "a.jpg")
    assert read.shape == image.shape
    assert int((read.int() - 200).abs().max()) <= 2
    assert fg.equal(io.decode_jpeg(io.read_file(tmp_path / "a.jpg")), read)
    noise = picture(3, 64, 64)
    assert len(io.encode_jpeg(noise, 10)) < len(io.encode_jpeg(noise, 90))


@pytest.mark.parametrize(
    ("mode", "unchanged"),
    [("L", 1), ("RGB", 3), ("RGBA", 4), ("LA", 2), ("P", 3), ("1", 1)],
)
def test_modes(tmp_path, mode, unchanged):
    original = Image.fromarray(picture(3).permute(1, 2, 0).numpy()).convert(mode)
    original.save(tmp_path / "a.png")
    channels = {MODES.UNCHANGED: unchanged, MODES.GRAY: 1, MODES.GRAY_ALPHA: 2, MODES.RGB: 3}
    for wanted, count in (channels | {MODES.RGB_ALPHA: 4}).items():
        assert io.read_image(tmp_path / "a.png", wanted).shape == (count, 9, 7)
    rgb = np.asarray(original.convert("RGB")).transpose(2, 0, 1)
    assert np.array_equal(io.read_image(tmp_path / "a.png", "rgb").numpy(), rgb)
    assert MODES.RGBA is MODES.RGB_ALPHA


def test_orientation(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned
    Image.fromarray(picture(1)[0].numpy()).save(tmp_path / "a.jpg", exif=exif)
    assert io.read_image(tmp_path / "a.jpg").shape == (1, 9, 7)
    assert io.read_image(tmp_path / "a.jpg", apply_exif_orientation=True).shape == (1, 7, 9)


def bytes_of(data):
    return fg.tensor(list(data), dtype=fg.uint8)


def deep():
    buffer = BytesIO()
    Image.fromarray(np.zeros((3, 3), np.uint16)).save(buffer, "PNG")
    return bytes_of(buffer.getvalue())


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: io.read_image("nowhere.png"), RuntimeError, r"No such file: nowhere.png"),
        (lambda: io.read_file("nowhere.png"), RuntimeError, r"No such file"),
        (lambda: io.decode_image(bytes_of(b"BM nothing")), RuntimeError, "Only JPEG, PNG, WEBP"),
        (lambda: io.decode_image(bytes_of(b"")), RuntimeError, "Unsupported image file"),
        (lambda: io.decode_png(io.encode_jpeg(picture(3))), RuntimeError, "Only PNG are"),
        (lambda: io.decode_jpeg(io.encode_png(picture(3))), RuntimeError, "Only JPEG are"),
        (lambda: io.decode_image(io.encode_png(picture(3))[:70]), RuntimeError, "the bytes: "),
        (lambda: io.decode_image(fg.zeros(3)), RuntimeError, "1-dimensional uint8 tensor"),
        (lambda: io.decode_image(fg.zeros(3, 3).byte()), RuntimeError, r"uint8 \[3, 3\]"),
        (lambda: io.decode_image(io.encode_png(picture(3)), "CMYK"), ValueError, "one of UNCH"),
        (lambda: io.decode_image(deep()), RuntimeError, "more than 8 bits"),
        (lambda: io.encode_png(fg.zeros(3, 2, 2)), RuntimeError, "dtype should be uint8"),
        (lambda: io.encode_png(picture(2)), RuntimeError, "1 or 3 channels"),
        (lambda: io.encode_png(picture(3)[0]), RuntimeError, "1 or 3 channels"),
        (lambda: io.encode_png(picture(3)[:, :0]), RuntimeError, "empty"),
        (lambda: io.encode_png(picture(3), 10), RuntimeError, "between 0 and 9"),
        (lambda: io.encode_jpeg(picture(3), 0), RuntimeError, "between 1 and 100"),
        (lambda: io.write_file("x", "text"), RuntimeError, "got <class 'str'>"),
    ],
)
def test_files_that_do_not_fit(call, error, text):
    with pytest.raises(error, match=text):
        call()


# --- grids --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("images", "options", "expected"),
    [
        (
            fg.arange(3).reshape(3, 1, 1, 1),
            {"nrow": 2, "padding": 1, "pad_value": 9},
            [[9, 9, 9, 9, 9], [9, 0, 9, 1, 9], [9, 9, 9, 9, 9], [9, 2, 9, 9, 9], [9] * 5],
        ),
        (fg.arange(4).reshape(2, 1, 1, 2), {"padding": 0}, [[0, 1, 2, 3]]),
        (fg.tensor([[2.0, 4.0]]), {"normalize": True}, [[0, 1]]),
        (fg.tensor([[2.0, 4.0]]), {"normalize": True, "value_range": (0, 8)}, [[0.25, 0.5]]),
        ([fg.ones(3, 1, 1), fg.zeros(3, 1, 1)], {"padding": 0}, [[1, 0]]),
        (
            fg.tensor([[0.0, 1.0], [5.0, 9.0]]).reshape(2, 1, 1, 2),
            {"padding": 0, "normalize": True, "scale_each": True},
            [[0, 1, 0, 1]],
        ),
    ],
)
def test_grids(images, options, expected):
    grid = utils.make_grid(images, **options)
    assert grid.shape[0] == 3
    assert all(plane.tolist() == expected for plane in grid)


def test_images_are_saved(tmp_path):
    images = fg.tensor([0.0, 0.5, 1.0, 2.0, -1.0]).reshape(5, 1, 1, 1)
    utils.save_image(images, tmp_path / "a.png", nrow=5, padding=0)
    assert io.read_image(tmp_path / "a.png")[2].tolist() == [[0, 128, 255, 255, 0]]
    buffer = BytesIO()
    utils.save_image(fg.ones(3, 2, 2), buffer, format="jpeg")
    assert buffer.getvalue().startswith(b"\xff\xd8")


# --- boxes and masks ----------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [fg.uint8, fg.float32], ids=str)
@pytest.mark.parametrize("channels", [1, 3])
def test_boxes(dtype, channels):
    image = fg.zeros(channels, 6, 7, dtype=dtype)
    boxes = fg.tensor([[0.0, 0.0, 3.0, 2.0], [2.0, 1.0, 6.0, 5.0]])
    white = 1 if dtype is fg.float32 else 255
    out = utils.draw_bounding_boxes(image, boxes, colors=["red", (0, 255, 0)])
    assert out.dtype is dtype
    assert (out / white).int().tolist() == [
        [
            [1, 1, 1, 1, 0, 0, 0],
            [1, 0, 0, 0, 0, 0, 0],
            [1, 1, 0, 1, 0, 0, 0],
            *[[0] * 7] * 3,
        ],
        [
            [0] * 7,
            [0, 0, 1, 1, 1, 1, 1],
            *[[0, 0, 1, 0, 0, 0, 1]] * 3,
            [0, 0, 1, 1, 1, 1, 1],
        ],
        [[0] * 7] * 6,
    ]
    assert not image.any()


def test_filled_boxes_and_labels():
    image = fg.full((3, 30, 40), 100, dtype=fg.uint8)
    boxes = fg.tensor([[2, 3, 30, 25]])
    filled = utils.draw_bounding_boxes(image, boxes, colors="blue", fill=True, width=2)
    assert filled[:, 15, 15].tolist() == [61, 61, 161]
    assert filled[:, 4, 15].tolist() == [0, 0, 255]
    plain = utils.draw_bounding_boxes(image, boxes, colors="blue")
    labelled = utils.draw_bounding_boxes(image, boxes, ["cat"], colors="blue", label_colors="red")
    changed = (plain != labelled).any(0).nonzero()
    assert changed.min(0).values.tolist() >= [5, 4]
    assert labelled[0].max() > 200  # letters have soft edges
    ground = utils.draw_bounding_boxes(
        image, boxes, ["cat"], "blue", label_background_colors="white", fill_labels=True
    )
    assert (ground == 255).all(0).any()
    assert fg.equal(utils.draw_bounding_boxes(image, boxes, [None], "blue"), plain)
    # Without colours each box has its own; the first is black.
    many = utils.draw_bounding_boxes(image, fg.tensor([[0, 0, 5, 5], [9, 9, 15, 15]]))
    assert [many[:, at, at].tolist() for at in (0, 9)] == [[0, 0, 0], [1, 127, 31]]


def test_masks():
    image = fg.full((3, 1, 4), 100, dtype=fg.uint8)
    masks = fg.tensor([[[True, True, False, False]], [[False, True, True, False]]])
    out = utils.draw_segmentation_masks(image, masks, alpha=0.5, colors=["red", "#00ff00"])
    assert out.tolist() == [[[177, 50, 50, 100]], [[50, 50, 177, 100]], [[50, 50, 50, 100]]]
    out = utils.draw_segmentation_masks(image / 255, masks[0], alpha=1.0, colors=(255, 0, 51))
    assert out[:, 0, 0].tolist() == pytest.approx([1, 0, 0.2])
    assert out[:, 0, 2].tolist() == pytest.approx([100 / 255] * 3)


BOXES = fg.tensor([[0, 0, 1, 1]])
IMAGE = fg.zeros(3, 4, 5).byte()


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: utils.make_grid("a"), TypeError, "tensor or list of tensors expected"),
        (lambda: utils.make_grid([]), TypeError, "tensor or list of tensors expected"),
        (lambda: utils.make_grid(fg.zeros(2)), TypeError, r"got \[2\]"),
        (lambda: utils.make_grid(IMAGE, normalize=True, value_range=3), TypeError, "a tuple"),
        (lambda: utils.draw_bounding_boxes(3, BOXES), TypeError, "Tensor expected"),
        (lambda: utils.draw_bounding_boxes(IMAGE.int(), BOXES), ValueError, "uint8 or float"),
        (lambda: utils.draw_bounding_boxes(IMAGE[None], BOXES), ValueError, "not batches"),
        (lambda: utils.draw_bounding_boxes(IMAGE[:2], BOXES), ValueError, "grayscale and RGB"),
        (lambda: utils.draw_bounding_boxes(IMAGE, BOXES.flip(1)), ValueError, "box_convert"),
        (lambda: utils.draw_bounding_boxes(IMAGE, BOXES[0]), ValueError, r"\[N, 4\]"),
        (lambda: utils.draw_bounding_boxes(IMAGE, BOXES, ["a", "b"]), ValueError, "mismatch"),
        (lambda: utils.draw_bounding_boxes(IMAGE, BOXES, colors=[]), ValueError, "0 < 1"),
        (lambda: utils.draw_bounding_boxes(IMAGE, BOXES, colors="rot"), ValueError, "color"),
        (lambda: utils.draw_segmentation_masks(IMAGE, BOXES), ValueError, "dtype bool"),
        (lambda: utils.draw_segmentation_masks(IMAGE[:1], BOXES), ValueError, "Only RGB"),
        (lambda: utils.draw_segmentation_masks(IMAGE, BOXES > 0), ValueError, "same height"),
        (lambda: utils.draw_segmentation_masks(IMAGE, BOXES[0] > 0), ValueError, r"\(H, W\) or"),
    ],
)
def test_pictures_that_do_not_fit(call, error, text):
    with pytest.raises(error, match=text):
        call()


def test_nothing_to_draw():
    with pytest.warns(UserWarning, match="doesn't contain any box"):
        assert utils.draw_bounding_boxes(IMAGE, fg.zeros(0, 4)) is IMAGE
    with pytest.warns(UserWarning, match="doesn't contain any mask"):
        assert utils.draw_segmentation_masks(IMAGE, fg.zeros(0, 4, 5).bool()) is IMAGE
