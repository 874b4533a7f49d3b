"""The one map between [-1, 1] and bytes, and PNG files that are whole or absent."""

import numpy as np
import pytest
import torch
from PIL import Image

from harness.errors import UserError
from harness.images import from_uint8, read_image, to_uint8, write_png


def picture(height=5, width=7):
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def test_every_byte_survives_the_round_trip():
    levels = np.repeat(np.arange(256, dtype=np.uint8).reshape(16, 16, 1), 3, axis=2)
    tensor = from_uint8(levels)
    assert tensor.shape == (3, 16, 16) and tensor.min() == -1 and tensor.max() == 1
    np.testing.assert_array_equal(to_uint8(tensor), levels)


def test_batches_keep_their_order():
    batch = np.stack([picture(), picture()[::-1]])
    assert from_uint8(batch).shape == (2, 3, 5, 7)
    np.testing.assert_array_equal(to_uint8(from_uint8(batch)), batch)


def test_values_outside_are_clamped_and_never_stretched():
    assert to_uint8(torch.full((3, 1, 1), 3.0)).max() == 255
    assert to_uint8(torch.full((3, 1, 1), -3.0)).max() == 0
    assert to_uint8(torch.tensor([0.0, 0.1, 0.2]).reshape(3, 1, 1)).ravel().tolist() == [128, 140, 153]


def test_a_value_that_is_no_number_is_an_error():
    with pytest.raises(ValueError, match="not finite"):
        to_uint8(torch.full((3, 2, 2), float("nan")))


def test_wrong_shapes_are_errors():
    with pytest.raises(ValueError, match="expected"):
        to_uint8(torch.zeros(4, 2, 2))
    with pytest.raises(ValueError, match="expected"):
        from_uint8(np.zeros((2, 2, 3), dtype=np.float32))
    with pytest.raises(ValueError, match="expected"):
        write_png("x.png", np.zeros((2, 2), dtype=np.uint8))


def test_png_is_lossless_and_leaves_nothing_beside_it(tmp_path):
    write_png(tmp_path / "new" / "a.png", picture())
    np.testing.assert_array_equal(read_image(tmp_path / "new" / "a.png", (5, 7)), picture())
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["a.png"]


def test_a_failed_write_keeps_the_old_file(tmp_path, monkeypatch):
    write_png(tmp_path / "a.png", picture())

    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(Image.Image, "save", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_png(tmp_path / "a.png", picture()[::-1])
    monkeypatch.undo()
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), picture())
    assert len(list(tmp_path.iterdir())) == 1


def test_bad_images_are_named(tmp_path):
    with pytest.raises(UserError, match=r"no image at .*absent\.png"):
        read_image(tmp_path / "absent.png")
    (tmp_path / "text.png").write_text("hello")
    with pytest.raises(UserError, match="not a readable image"):
        read_image(tmp_path / "text.png")
    write_png(tmp_path / "cut.png", picture(50, 50))
    (tmp_path / "cut.png").write_bytes((tmp_path / "cut.png").read_bytes()[:-200])
    with pytest.raises(UserError, match="not a readable image"):
        read_image(tmp_path / "cut.png")
    Image.new("L", (4, 4)).save(tmp_path / "grey.png")
    with pytest.raises(UserError, match="L image"):
        read_image(tmp_path / "grey.png")
    write_png(tmp_path / "a.png", picture())
    with pytest.raises(UserError, match="5×7; 8×8 is needed"):
        read_image(tmp_path / "a.png", (8, 8))
