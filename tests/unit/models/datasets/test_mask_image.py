"""Label images: levels, palettes and colours come out as they were written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.label_images import rectangle, write_png

from videoengine.errors import SourceError
from videoengine.models.datasets import mask_image

SIZE = (8, 6)


def test_levels_palettes_and_grey_colors_are_read_exactly(tmp_path: Path) -> None:
    levels = np.arange(48, dtype=np.uint8).reshape(6, 8) * 5
    palette = [(number, 255 - number, 7 * number % 256) for number in range(256)]
    write_png(tmp_path / "grey.png", levels)
    write_png(tmp_path / "palette.png", levels, palette)
    write_png(tmp_path / "rgb.png", np.repeat(levels[..., None], 3, axis=2))
    for name in ("grey", "palette", "rgb"):
        found = mask_image.read_levels(tmp_path / f"{name}.png", SIZE)
        assert np.array_equal(found, levels)
    colors = mask_image.read_colors(tmp_path / "palette.png", SIZE)
    assert colors[5, 7].tolist() == list(palette[int(levels[5, 7])])


def test_colors_stand_for_numbers(tmp_path: Path) -> None:
    image = np.zeros((6, 8, 3), np.uint8)
    image[2:4, 3:5] = (12, 255, 141)
    path = write_png(tmp_path / "c.png", image)
    numbers = {(0, 0, 0): 1, (12, 255, 141): 12}
    found = mask_image.labels_of_colors(mask_image.read_colors(path, SIZE), numbers, path)
    assert (found == 12).sum() == 4
    assert set(np.unique(found).tolist()) == {1, 12}


def test_an_unknown_color_or_level_and_another_size_are_refused(tmp_path: Path) -> None:
    image = np.full((6, 8, 3), (9, 8, 7), np.uint8)
    path = write_png(tmp_path / "c.png", image)
    with pytest.raises(SourceError, match=r"c\.png: a colour stands for no class; got \(9, 8, 7\)"):
        mask_image.labels_of_colors(image, {(0, 0, 0): 0}, path)
    with pytest.raises(SourceError, match="the mask has colours"):
        mask_image.read_levels(path, SIZE)
    with pytest.raises(SourceError, match="a grey level stands for no class; got 9"):
        mask_image.labels_of_levels(image[..., 0], {0: 0}, path)
    with pytest.raises(SourceError, match="not the size of its picture; got 8x6; allowed: 6x8"):
        mask_image.read_levels(path, (6, 8))
    path.write_bytes(b"no image")
    with pytest.raises(SourceError, match="this is not an image"):
        mask_image.read_levels(path, SIZE)


@given(st.integers(0, 7), st.integers(0, 5), st.integers(1, 8), st.integers(1, 6))
def test_a_box_holds_exactly_its_rectangle(x: int, y: int, width: int, height: int) -> None:
    width, height = min(width, 8 - x), min(height, 6 - y)
    mask = rectangle(1, (x, y, width, height), SIZE) != 0
    assert mask_image.box_of(mask) == (x / 8, y / 6, width / 8, height / 6)


def test_an_empty_mask_has_no_box() -> None:
    assert mask_image.box_of(np.zeros((6, 8), np.bool_)) is None
    assert mask_image.tool_mask(np.array([[0, 3]])).tolist() == [[0, 255]]
