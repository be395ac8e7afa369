from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from support.clips import moving

from videoengine.apps.movie import Movie
from videoengine.streams import open_source


def write(path: Path, fps: Fraction, count: int = 20) -> Path:
    picture = moving((96, 64))
    with Movie(path, size=(96, 64), fps=fps) as movie:
        for number in range(count):
            movie.add(picture(number))
    return path


@pytest.mark.parametrize(
    "fps", [Fraction(25), Fraction(30_000, 1001), Fraction(1), Fraction("7.5")]
)
def test_picture_k_is_stamped_k_over_fps(fps: Fraction, tmp_path: Path) -> None:
    path = write(tmp_path / "video.mp4", fps)
    with open_source(path) as source:
        frames = list(source)
        base = source.info.time_base
    assert [frame.pts * base for frame in frames] == [n / fps for n in range(20)]


def test_colors_survive_within_what_the_codec_loses(tmp_path: Path) -> None:
    path = write(tmp_path / "video.mp4", Fraction(25))
    with open_source(path) as source:
        shown = [frame.pixels.rgb() for frame in source]
        color = next(iter(open_source(path))).pixels.color
    assert (color.matrix, color.full_range) == ("bt709", False)
    picture = moving((96, 64))
    for number in (0, 10, 19):
        difference = shown[number].astype(int) - picture(number)
        assert np.abs(difference.mean(axis=(0, 1))).max() < 2


def test_a_movie_carries_no_date_and_two_of_the_same_are_equal(tmp_path: Path) -> None:
    first, second = (write(tmp_path / name, Fraction(25)) for name in ("a.mp4", "b.mp4"))
    assert first.read_bytes() == second.read_bytes()
    with av.open(str(first)) as container:
        assert "creation_time" not in container.metadata
        assert "encoder" not in container.metadata
