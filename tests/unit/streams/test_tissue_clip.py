"""The made clip shows what its truth says, when it says so."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from videoengine.frames import Frame
from videoengine.streams import open_source
from videoengine.streams.testing import TissueClip, tissue_clip
from videoengine.streams.testing.tissue_clip import ClipFrames

SIZE = (160, 96)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> tuple[TissueClip, list[Frame]]:
    made = tissue_clip(3, tmp_path_factory.mktemp("clip") / "tissue.mp4", size=SIZE)
    return made, list(open_source(made.path))


def within(frames: list[Frame], made: TissueClip, kind: str) -> list[Frame]:
    span = next(s for s in made.spans if s.kind == kind)
    return [f for f in frames if span.start_seconds <= f.pts_ns / 1e9 + 1e-6 < span.end_seconds]


def clear(frames: list[Frame], made: TissueClip) -> list[Frame]:
    return [
        f
        for f in frames
        if not any(s.start_seconds - 1 < f.pts_ns / 1e9 < s.end_seconds + 1 for s in made.spans)
    ]


def test_every_kind_of_span_is_there_once(clip: tuple[TissueClip, list[Frame]]) -> None:
    made, frames = clip
    kinds = sorted(span.kind for span in made.spans)
    assert kinds == ["blur", "frozen", "gap", "glare", "out_of_body", "smoke"]
    lengths = {s.kind: round(s.end_seconds - s.start_seconds, 6) for s in made.spans}
    assert lengths["out_of_body"] == 6
    assert lengths["gap"] == 3
    assert len(frames) == made.frame_count == 57 * 25
    assert made.length_seconds == 60


def test_the_gap_is_in_the_stamps_where_the_truth_says(
    clip: tuple[TissueClip, list[Frame]],
) -> None:
    made, frames = clip
    gap = next(s for s in made.spans if s.kind == "gap")
    assert within(frames, made, "gap") == []
    assert [f.epoch for f in frames].count(1) == sum(
        f.pts_ns / 1e9 > gap.end_seconds - 0.01 for f in frames
    )
    first = next(f for f in frames if f.epoch == 1)
    assert first.pts_ns == round(gap.end_seconds * 1e9)


def test_tissue_is_red_and_the_room_is_not(clip: tuple[TissueClip, list[Frame]]) -> None:
    made, frames = clip

    def redness(frame: Frame) -> float:
        picture = frame.pixels.rgb().astype(float)
        inside = picture.max(axis=2) > 40
        return float((picture[..., 0] - picture[..., 2])[inside].mean())

    tissue = [redness(f) for f in clear(frames, made)[::40]]
    room = [redness(f) for f in within(frames, made, "out_of_body")[::10]]
    assert min(tissue) > 25
    assert max(room) < 0


def test_outside_the_view_circle_is_black(clip: tuple[TissueClip, list[Frame]]) -> None:
    made, frames = clip
    x, y, radius = made.view_circle
    rows, columns = np.mgrid[: SIZE[1], : SIZE[0]]
    outside = np.hypot(rows + 0.5 - y, columns + 0.5 - x) > radius + 4
    assert outside.any()
    for frame in frames[::150]:
        assert np.median(frame.pixels.planes()[0][outside]) <= 18


def test_the_frozen_span_repeats_one_picture(clip: tuple[TissueClip, list[Frame]]) -> None:
    made, frames = clip
    frozen = [f.pixels.planes()[0].astype(int) for f in within(frames, made, "frozen")]
    moving = [f.pixels.planes()[0].astype(int) for f in clear(frames, made)[:30]]

    def change(planes: list[NDArray[Any]]) -> float:
        """The median step: a key frame of the codec may flicker once."""
        return float(np.median([np.abs(b - a).mean() for a, b in pairwise(planes)]))

    assert change(frozen) < 0.1 * change(moving)


def test_blur_takes_detail_and_smoke_takes_color(clip: tuple[TissueClip, list[Frame]]) -> None:
    made, frames = clip

    def detail(frame: Frame) -> float:
        luma = frame.pixels.planes()[0][20:76, 50:110].astype(float)
        return float(np.abs(np.diff(luma, 2, axis=1)).mean())

    def color(frame: Frame) -> float:
        return float(np.abs(frame.pixels.planes()[2].astype(float) - 128).mean())

    good = clear(frames, made)[::30]
    blurred = within(frames, made, "blur")[10:-10:10]
    smoky = within(frames, made, "smoke")[10:-10:10]
    assert max(map(detail, blurred)) < 0.6 * min(map(detail, good))
    assert max(map(color, smoky)) < 0.8 * min(map(color, good))


def test_glare_saturates_a_part_of_the_view(clip: tuple[TissueClip, list[Frame]]) -> None:
    made, frames = clip
    shares = [
        float((f.pixels.planes()[0] > 225).mean()) for f in within(frames, made, "glare")[8:-8:5]
    ]
    assert min(shares) > 0.05


def test_a_seed_gives_the_same_pixels_again_and_another_gives_others() -> None:
    def some(seed: int) -> bytes:
        frames = ClipFrames(seed, SIZE)
        return b"".join(
            plane.tobytes() for second in (1.0, 14.0, 27.0) for plane in frames.planes(second)
        )

    assert some(5) == some(5)
    assert some(5) != some(6)
