"""The privacy stage on real video: the trocar is never seen, the inside nearly always."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from videoengine.frames import Clip, Color, Frame, Pixels
from videoengine.models.quality import PrivacyStage
from videoengine.stages import StageContext, Work

pytestmark = pytest.mark.shared

INSIDE = [
    ("cholec80_clips/group20-VID05_196_and_VID18_166_b.mp4", "laparoscopy"),
    ("cholec80_clips/group57-VID22_372_and_VID26_693_b.mp4", "laparoscopy"),
    ("cholec80_clips/group63-VID47_1132_and_VID49_802_a.mp4", "laparoscopy"),
    ("endonerf/pulling_gt.mp4", "robotic"),
]
TROCAR = "cholec80_clips/group22-VID05_1858_and_VID08_1331_a.mp4"
STEP = 5
"""Frames between two samples."""


def plane_of(plane: Any) -> NDArray[np.uint8]:
    """Return one plane without its padding, uint8 (H, W)."""
    rows = np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)
    return rows[:, : plane.width]


def pixels_of(path: Path, step: int = 1) -> Iterator[Pixels]:
    """Yield every `step`-th picture of a video or still, in the decoder's planes."""
    with av.open(str(path)) as container:
        for index, frame in enumerate(container.decode(video=0)):
            if index % step:
                continue
            if frame.format.name != "yuv420p":
                frame = frame.reformat(format="yuv420p")
            planes = tuple(plane_of(plane) for plane in frame.planes)
            yield Pixels(
                lambda planes=planes: planes,
                layout="yuv420p",
                size=(frame.width, frame.height),
                color=Color(),
            )


def decisions(pictures: Iterator[Pixels], modality: str) -> list[str]:
    """Return the decision on each picture, taken as samples of one epoch at 5 Hz."""
    stage = PrivacyStage(StageContext(modality=modality))
    state, found = stage.open("s0"), []
    for index, pixels in enumerate(pictures):
        stamp = index * 200_000_000
        frame = Frame("s0", "mono", 0, index, index, stamp, 40_000_000, 0, "stream", pixels)
        (result,) = stage.process([Work("s0", state, Clip((frame,), 5.0, index))])
        state = result.state
        found.append(result.events[0].payload.decision)
    return found


@pytest.mark.parametrize(("name", "modality"), INSIDE)
def test_no_sample_of_an_in_body_clip_is_blanked(shared: Path, name: str, modality: str) -> None:
    found = decisions(pixels_of(shared / name, STEP), modality)
    assert found.count("blank") == 0
    assert len(found) > 10


@pytest.mark.parametrize("modality", ["laparoscopy", "robotic", "unknown"])
def test_every_frame_from_inside_the_trocar_is_blanked(shared: Path, modality: str) -> None:
    assert set(decisions(pixels_of(shared / TROCAR), modality)) == {"blank"}


@pytest.mark.parametrize("modality", ["laparoscopy", "pituitary", "unknown"])
def test_every_pitvis_still_from_outside_is_blanked(shared: Path, modality: str) -> None:
    for number in range(3):
        still = pixels_of(shared / f"pitvis/{number:05d}.png")
        assert decisions(still, modality) == ["blank"]


def test_the_trocar_is_blanked_in_every_splice_into_an_in_body_clip(shared: Path) -> None:
    inside = list(pixels_of(shared / INSIDE[1][0], 40))[:4]
    for outside in pixels_of(shared / TROCAR, 10):
        got = decisions(iter([*inside, outside, *inside]), "laparoscopy")
        assert got[4] == "blank"
