"""Pictures of every kind come out right, and untouched until somebody asks."""

from __future__ import annotations

import threading
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import av
import numpy as np
import pytest
from support.made_videos import make_video, painted, steady

from videoengine.frames import Frame
from videoengine.streams import open_source

LOSSLESS: Final = {"qp": "0", "preset": "ultrafast"}
LEVELS: Final = {
    # chroma at half size smears the edges of the painted bars; inside them colors agree
    "median": 3.0,
    "smooth": 4,
}
BT709, BT601 = 1, 6
LIMITED, FULL = 1, 2


def first(path: Path) -> Frame:
    source = open_source(path)
    frame = next(iter(source))
    source.close()
    return frame


def flat(number: int, size: tuple[int, int]) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Return four flat quarters: color without edges."""
    width, height = size
    picture = np.empty((height, width, 3), np.uint8)
    picture[: height // 2, : width // 2] = (180, 60, 50)
    picture[: height // 2, width // 2 :] = (60, 170, 70)
    picture[height // 2 :, : width // 2] = (50, 70, 190)
    picture[height // 2 :, width // 2 :] = (200, 200, 190)
    return picture


def write_flat(path: Path, pix_fmt: str, codec: str, matrix: int, color_range: int) -> Path:
    with av.open(str(path), "w") as target:
        options = LOSSLESS if codec.startswith("libx264") else {}
        stream: Any = target.add_stream(codec, rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = 64, 48, pix_fmt
        stream.codec_context.colorspace = matrix
        stream.codec_context.color_range = color_range
        for number in range(3):
            frame = av.VideoFrame.from_ndarray(flat(number, (64, 48)), "rgb24")
            if not pix_fmt.startswith(("rgb", "bgr", "gbr")):
                frame = frame.reformat(
                    format=pix_fmt, dst_colorspace=matrix, dst_color_range=color_range
                )
            frame.pts, frame.time_base = number, Fraction(1, 25)
            target.mux(stream.encode(frame))
        target.mux(stream.encode(None))
    return path


@pytest.mark.parametrize("matrix", [BT601, BT709])
@pytest.mark.parametrize("color_range", [LIMITED, FULL])
@pytest.mark.parametrize(
    ("pix_fmt", "layout", "depth"),
    [
        ("yuv420p", "yuv420p", 8),
        ("yuv420p10le", "yuv420p", 10),
        ("nv12", "yuv420p", 8),
        ("yuv422p", "yuv420p", 8),
        ("yuv444p", "yuv420p", 8),
        ("yuv444p10le", "yuv420p", 8),
    ],
)
def test_colors_are_right_in_every_format_matrix_and_range(
    tmp_path: Path, pix_fmt: str, layout: str, depth: int, matrix: int, color_range: int
) -> None:
    path = write_flat(tmp_path / "c.mkv", pix_fmt, "libx264", matrix, color_range)
    pixels = first(path).pixels
    assert (pixels.layout, pixels.bit_depth) == (layout, depth)
    assert pixels.color.matrix == ("bt601" if matrix == BT601 else "bt709")
    assert pixels.color.full_range == (color_range == FULL)
    got, expected = pixels.rgb().astype(int), flat(0, (64, 48)).astype(int)
    for y, x in ((12, 16), (12, 48), (36, 16), (36, 48)):
        assert np.abs(got[y, x] - expected[y, x]).max() <= LEVELS["smooth"], (y, x)


@pytest.mark.parametrize(
    ("name", "codec", "pix_fmt"),
    [("c.mov", "png", "rgb24"), ("c.mkv", "ffv1", "bgr0"), ("c.mp4", "libx264rgb", "rgb24")],
)
def test_rgb_formats_come_out_as_rgb(tmp_path: Path, name: str, codec: str, pix_fmt: str) -> None:
    path = write_flat(tmp_path / name, pix_fmt, codec, 0, FULL)
    pixels = first(path).pixels
    assert pixels.layout == "rgb24"
    assert np.array_equal(pixels.rgb(), flat(0, (64, 48)))


def test_a_gray_picture_is_gray(tmp_path: Path) -> None:
    path = write_flat(tmp_path / "c.mkv", "gray", "ffv1", 2, FULL)
    pixels = first(path).pixels
    assert pixels.layout == "gray"
    luma = (flat(0, (64, 48)) @ np.array([0.299, 0.587, 0.114]))[12, 16]
    assert np.abs(pixels.rgb()[12, 16].astype(float) - luma).max() <= LEVELS["smooth"]


@pytest.mark.parametrize("size", [(63, 47), (64, 47), (63, 48), (17, 33)])
def test_odd_sizes_keep_every_row_and_column(tmp_path: Path, size: tuple[int, int]) -> None:
    path = make_video(tmp_path / "odd.mkv", steady(3), size=size, codec="ffv1", pix_fmt="yuv420p")
    pixels = first(path).pixels
    width, height = size
    half = ((height + 1) // 2, (width + 1) // 2)
    assert pixels.size == size
    assert [p.shape for p in pixels.planes()] == [(height, width), half, half]
    assert pixels.rgb().shape == (height, width, 3)
    error = np.abs(pixels.rgb().astype(int) - painted(0, size))
    assert np.median(error) <= LEVELS["median"]


@pytest.mark.parametrize(("stated", "clockwise"), [(-90, 90), (90, 270), (180, 180)])
def test_a_turned_video_is_shown_upright(tmp_path: Path, stated: int, clockwise: int) -> None:
    path = make_video(tmp_path / "turned.mp4", steady(3), options=LOSSLESS, rotation=stated)
    pixels = first(path).pixels
    assert pixels.rotation == clockwise
    assert pixels.size == (64, 48)
    upright = np.rot90(painted(0), k=-clockwise // 90)
    assert pixels.rgb().shape == upright.shape
    assert np.median(np.abs(pixels.rgb().astype(int) - upright)) <= LEVELS["median"]


@pytest.mark.parametrize(
    ("aspect", "shown"), [(Fraction(4, 3), (85, 48)), (Fraction(1, 2), (64, 96))]
)
def test_a_sample_aspect_ratio_stretches_what_is_shown(
    tmp_path: Path, aspect: Fraction, shown: tuple[int, int]
) -> None:
    path = make_video(tmp_path / "wide.mp4", steady(3), aspect=aspect)
    pixels = first(path).pixels
    assert pixels.sample_aspect_ratio == aspect
    assert pixels.display_size == shown
    assert pixels.rgb().shape == (shown[1], shown[0], 3)


def test_no_plane_is_touched_until_somebody_asks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from videoengine.streams import pyav_decoder

    calls: list[int] = []
    real = pyav_decoder.load_planes

    def counting(*arguments: Any) -> Any:
        calls.append(1)
        return real(*arguments)

    monkeypatch.setattr(pyav_decoder, "load_planes", counting)
    path = make_video(tmp_path / "c.mp4", steady(5))
    frames = list(open_source(path))
    assert calls == []
    frames[2].pixels.rgb((8, 8))
    frames[2].pixels.rgb((16, 8))
    frames[2].pixels.planes()
    assert calls == [1]


def test_planes_are_the_decoder_s_own_memory_and_read_only(tmp_path: Path) -> None:
    pixels = first(make_video(tmp_path / "c.mp4", steady(2))).pixels
    for plane in pixels.planes():
        assert not plane.flags.owndata
        assert not plane.flags.writeable
        with pytest.raises(ValueError, match="read-only"):
            plane[0, 0] = 1


def test_pixels_outlive_their_source(tmp_path: Path) -> None:
    path = make_video(tmp_path / "c.mp4", steady(12), options=LOSSLESS)
    source = open_source(path)
    frames = list(source)
    source.close()
    del source
    for number, frame in enumerate(frames):
        error = np.abs(frame.pixels.rgb().astype(int) - painted(number))
        assert np.median(error) <= LEVELS["median"]


def test_close_from_another_thread_ends_the_reading(tmp_path: Path) -> None:
    path = make_video(tmp_path / "c.mp4", steady(200), options={"preset": "ultrafast"})
    for wait in range(8):
        source = open_source(path)
        stream = iter(source)
        for _ in range(wait):
            next(stream)
        seen: list[int] = []
        reader = threading.Thread(target=lambda s=stream, n=seen: n.extend(f.pts for f in s))
        reader.start()
        source.close()
        reader.join()
        ledger = source.packets
        assert len(seen) < 200
        assert list(stream) == []
        assert ledger.demuxed == ledger.decoded + sum(ledger.skipped.values())
