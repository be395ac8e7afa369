"""A folder's stamps are declared: by a rate and names, or line by line."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from support.made_videos import painted

from videoengine.errors import SourceError, UsageError
from videoengine.streams import open_source

CODECS = {
    "png": ("png", "rgb24"),
    "jpg": ("mjpeg", "yuvj420p"),
    "bmp": ("bmp", "bgr24"),
    "tiff": ("tiff", "rgb24"),
}


def write(path: Path, number: int) -> Path:
    name, pix_fmt = CODECS[path.suffix[1:]]
    frame = av.VideoFrame.from_ndarray(painted(number), "rgb24").reformat(format=pix_fmt)
    codec: Any = av.CodecContext.create(name, "w")
    codec.width, codec.height, codec.pix_fmt = frame.width, frame.height, pix_fmt
    codec.time_base = Fraction(1, 25)
    if name == "mjpeg":
        codec.color_range = 2
    path.write_bytes(b"".join(bytes(p) for p in [*codec.encode(frame), *codec.encode(None)]))
    return path


def folder(tmp_path: Path, *names: str) -> Path:
    target = tmp_path / "images"
    target.mkdir()
    for number, name in enumerate(names):
        write(target / name, number)
    return target


def stamps(source: Any) -> list[int]:
    return [frame.pts_ns for frame in source]


def test_numbers_in_names_are_times(tmp_path: Path) -> None:
    source = open_source(folder(tmp_path, "000016.jpg", "000018.jpg", "000020.jpg"), fps=1)
    frames = list(source)
    assert [f.pts_ns for f in frames] == [0, 2_000_000_000, 4_000_000_000]
    assert {f.pts_source for f in frames} == {"declared"}
    assert source.info.kind == "folder"
    assert source.failure is None


def test_numbers_sort_as_numbers(tmp_path: Path) -> None:
    source = open_source(folder(tmp_path, "f10.png", "f9.png", "f11.png"), fps=10)
    frames = list(source)
    assert [f.pts for f in frames] == [0, 1, 2]
    assert np.array_equal(frames[0].pixels.rgb(), painted(1))


def test_without_a_number_in_every_name_the_order_counts(tmp_path: Path) -> None:
    source = open_source(folder(tmp_path, "a7.png", "b.png", "a30.png"), fps=2)
    frames = list(source)
    assert [f.pts_ns for f in frames] == [0, 500_000_000, 1_000_000_000]
    assert np.array_equal(frames[1].pixels.rgb(), painted(2)), "a30 comes after a7"


def test_a_rate_that_is_no_whole_number_gives_exact_stamps(tmp_path: Path) -> None:
    source = open_source(folder(tmp_path, *(f"{n}.png" for n in range(4))), fps=29.97)
    assert source.info.time_base == Fraction(100, 2997)
    assert stamps(source) == [round(n * Fraction(100, 2997) * 10**9) for n in range(4)]


def test_a_stamps_file_gives_one_stamp_an_image(tmp_path: Path) -> None:
    images = folder(tmp_path, "1.png", "2.png", "3.png")
    file = tmp_path / "stamps.txt"
    file.write_text("0.04\n0.0800000015\n1e-1\n")
    assert stamps(open_source(images, stamps=file)) == [40_000_000, 80_000_002, 100_000_000]


def test_a_second_copy_by_a_browser_is_left_out_and_counted(tmp_path: Path) -> None:
    images = folder(tmp_path, "000030.jpg", "000030 (1).jpg", "000031 (1).jpg", "000033.jpg")
    source = open_source(images, fps=1)
    assert stamps(source) == [0, 1_000_000_000, 3_000_000_000]
    assert source.packets.to_json() == {"demuxed": 4, "decoded": 3, "skipped": {"duplicate": 1}}


def test_two_images_of_one_number_are_refused(tmp_path: Path) -> None:
    images = folder(tmp_path, "left_1.png", "right_1.png")
    with pytest.raises(SourceError, match=r"have the number 1; got left_1\.png and right_1\.png"):
        open_source(images, fps=1)


def test_neither_rate_nor_stamps_names_both(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as error:
        open_source(folder(tmp_path, "1.png"))
    assert "--fps N" in str(error.value)
    assert "--stamps FILE" in str(error.value)


def test_both_rate_and_stamps_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="both --fps and --stamps"):
        open_source(folder(tmp_path, "1.png"), fps=1, stamps=tmp_path / "s.txt")


@pytest.mark.parametrize("fps", [0, -1, float("nan"), float("inf"), 1e9])
def test_an_impossible_rate_is_refused(tmp_path: Path, fps: float) -> None:
    with pytest.raises(UsageError, match="not a frame rate"):
        open_source(folder(tmp_path, "1.png"), fps=fps)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("0\n1\n", "got 2 stamps; allowed: 3"),
        ("0\nx\n2\n", "Line 2 of the stamps file"),
        ("0\nnan\n2\n", "Line 2 of the stamps file"),
        ("0\n1e20\n2\n", "Line 2 of the stamps file"),
        ("0\n1/0\n2\n", "Line 2 of the stamps file"),
        ("0\n\n2\n", "Line 2 of the stamps file"),
    ],
)
def test_a_stamps_file_that_does_not_fit_is_refused(tmp_path: Path, text: str, words: str) -> None:
    images = folder(tmp_path, "1.png", "2.png", "3.png")
    file = tmp_path / "stamps.txt"
    file.write_text(text)
    with pytest.raises(UsageError) as error:
        open_source(images, stamps=file)
    assert words in str(error.value)


def test_a_broken_image_is_left_out_counted_and_told_at_the_end(tmp_path: Path) -> None:
    images = folder(tmp_path, "1.png", "2.png", "3.png", "4.png")
    (images / "2.png").write_bytes((images / "2.png").read_bytes()[:60])
    (images / "3.png").write_text("not an image")
    source = open_source(images, fps=1)
    assert stamps(source) == [0, 3_000_000_000]
    assert source.packets.to_json() == {"demuxed": 4, "decoded": 2, "skipped": {"corrupt": 2}}
    assert source.failure is not None
    assert "2 images cannot be read, last" in source.failure


def test_nothing_but_broken_images_is_an_error(tmp_path: Path) -> None:
    images = folder(tmp_path, "1.png")
    (images / "1.png").write_bytes(b"\x89PNG\r\n\x1a\nrubbish")
    with pytest.raises(SourceError, match="no picture that can be decoded"):
        open_source(images, fps=1)


def test_a_folder_without_images_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(SourceError, match="holds no images"):
        open_source(tmp_path, fps=1)


@pytest.mark.parametrize("kind", sorted(CODECS))
def test_every_format_is_decoded(tmp_path: Path, kind: str) -> None:
    source = open_source(folder(tmp_path, f"1.{kind}", f"2.{kind}"), fps=1)
    for number, frame in enumerate(source):
        error = np.abs(frame.pixels.rgb().astype(int) - painted(number))
        assert np.median(error) <= 5, "JPEG at FFmpeg's usual quality"


def test_an_image_of_absurd_size_is_refused_without_decoding(tmp_path: Path) -> None:
    images = folder(tmp_path, "1.png")
    data = bytearray((images / "1.png").read_bytes())
    data[16:24] = (20_000).to_bytes(4, "big") * 2
    import zlib

    data[29:33] = zlib.crc32(data[12:29]).to_bytes(4, "big")
    (images / "1.png").write_bytes(data)
    with pytest.raises(SourceError):
        open_source(images, fps=1)
