"""Pixels: nothing happens until asked, and then only once."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from videoengine.errors import UsageError
from videoengine.frames import Clip, Frame, Pixels, Planes


class Loader:
    """Counts how often the planes are asked for."""

    def __init__(self, *planes: NDArray[Any]) -> None:
        self.planes, self.calls = planes, 0

    def __call__(self) -> Planes:
        self.calls += 1
        return self.planes


def corner(width: int = 40, height: int = 20) -> NDArray[np.uint8]:
    """Return RGB that is red at the top left, else green."""
    picture = np.zeros((height, width, 3), np.uint8)
    picture[..., 1] = 200
    picture[: height // 2, : width // 2] = (200, 0, 0)
    return picture


def rgb_pixels(**options: Any) -> Pixels:
    picture = corner()
    return Pixels(Loader(picture), layout="rgb24", size=(40, 20), **options)


def test_planes_are_loaded_once_and_only_when_asked() -> None:
    loader = Loader(corner())
    pixels = Pixels(loader, layout="rgb24", size=(40, 20))
    assert pixels.display_size == (40, 20)
    assert loader.calls == 0
    pixels.rgb()
    pixels.rgb((10, 10))
    pixels.planes()
    assert loader.calls == 1


def test_a_conversion_is_kept_per_size_and_dtype() -> None:
    pixels = rgb_pixels()
    assert pixels.rgb((10, 10)) is pixels.rgb((10, 10))
    assert pixels.rgb((10, 10)) is not pixels.rgb((12, 10))
    assert pixels.rgb((10, 10), np.float32) is not pixels.rgb((10, 10))


def test_what_is_handed_out_is_read_only() -> None:
    pixels = rgb_pixels()
    for array in (*pixels.planes(), pixels.rgb(), pixels.rgb(dtype=np.float16)):
        with pytest.raises(ValueError, match="read-only"):
            array[0, 0] = 1


def test_floats_go_from_0_to_1() -> None:
    picture = rgb_pixels().rgb(dtype=np.float32)
    assert picture.dtype == np.float32
    assert picture.max() == np.float32(200) * np.float32(1 / 255)


@pytest.mark.parametrize("dtype", [np.int32, np.uint16, bool])
def test_other_dtypes_are_refused(dtype: Any) -> None:
    with pytest.raises(UsageError, match="allowed: uint8 or a floating type"):
        rgb_pixels().rgb(dtype=dtype)


@pytest.mark.parametrize("size", [(0, 4), (4, 0), (-1, 4)])
def test_an_empty_size_is_refused(size: tuple[int, int]) -> None:
    with pytest.raises(UsageError, match="positive size"):
        rgb_pixels().rgb(size)


@pytest.mark.parametrize(
    ("size", "asked", "shape"),
    [
        ((854, 480), 256, (256, 456, 3)),
        ((480, 854), 256, (456, 256, 3)),
        ((640, 480), 240, (240, 320, 3)),
        ((101, 77), 50, (50, 66, 3)),
        ((4000, 10), 2, (2, 800, 3)),
    ],
)
def test_one_number_is_the_shorter_side_and_both_come_out_even(
    size: tuple[int, int], asked: int, shape: tuple[int, ...]
) -> None:
    plane = np.zeros((size[1], size[0]), np.uint8)
    pixels = Pixels(Loader(plane), layout="gray", size=size)
    assert pixels.rgb(asked).shape == shape


@pytest.mark.parametrize(
    ("rotation", "red_at"), [(0, (0, 0)), (90, (0, -1)), (180, (-1, -1)), (270, (-1, 0))]
)
def test_rotation_turns_the_picture_clockwise(rotation: int, red_at: tuple[int, int]) -> None:
    pixels = rgb_pixels(rotation=rotation)
    upright = pixels.rgb()
    turned = rotation in (90, 270)
    assert pixels.display_size == ((20, 40) if turned else (40, 20))
    assert upright.shape == ((40, 20, 3) if turned else (20, 40, 3))
    assert tuple(upright[red_at]) == (200, 0, 0)
    for other in {(0, 0), (0, -1), (-1, -1), (-1, 0)} - {red_at}:
        assert tuple(upright[other]) == (0, 200, 0)
    assert pixels.rgb((8, 6)).shape == (6, 8, 3)


@pytest.mark.parametrize(
    ("aspect", "rotation", "shown"),
    [
        (Fraction(2), 0, (80, 20)),
        (Fraction(1, 2), 0, (40, 40)),
        (Fraction(2), 90, (20, 80)),
    ],
)
def test_the_aspect_of_a_pixel_stretches_and_never_shrinks(
    aspect: Fraction, rotation: int, shown: tuple[int, int]
) -> None:
    pixels = rgb_pixels(sample_aspect_ratio=aspect, rotation=rotation)
    assert pixels.display_size == shown
    assert pixels.rgb().shape == (shown[1], shown[0], 3)


def test_derived_values_are_computed_once_per_key() -> None:
    calls: list[str] = []
    pixels = rgb_pixels()
    for key in ("a", "a", "b"):
        assert pixels.derived(key, lambda p: calls.append(key) or p.size) == (40, 20)  # noqa: B023
    assert calls == ["a", "b"]


def test_the_first_plane_goes_out_by_dlpack() -> None:
    pixels = rgb_pixels()
    array = np.from_dlpack(pixels)  # type: ignore[arg-type]
    assert np.array_equal(array, corner())


@pytest.mark.torch
def test_torch_reads_the_decoders_planes_without_a_copy() -> None:
    torch = pytest.importorskip("torch")
    pixels = rgb_pixels()
    for exporter in (pixels, pixels.planes()[0]):
        tensor = torch.from_dlpack(exporter)
        assert tensor.data_ptr() == pixels.planes()[0].ctypes.data
        assert np.array_equal(tensor.numpy(), corner())


def test_a_clip_spans_its_frames() -> None:
    def frame(seq: int) -> Frame:
        start = seq * 40
        return Frame("s0", "mono", 0, seq, seq, start, 40, 0, "stream", rgb_pixels())

    clip = Clip((frame(3), frame(4), frame(5)), 25.0, 0)
    assert (clip.start_ns, clip.end_ns, clip.last.seq) == (120, 240, 5)
