"""Privacy, both bars: no leaked frame in any export, and almost nothing blanked inside the body.

CI splices into one clip at half size; `make soak` (VIDEOENGINE_SOAK=1) takes every in-body clip at
full size, and every scene of tests/out_of_body.py.
"""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Sequence
from pathlib import Path

import av
import out_of_body
import pytest
from support.splices import REAL_KINDS, splice

from videoengine.apps.analyze import analyze
from videoengine.apps.export import export
from videoengine.case import Case

SOAK = bool(os.environ.get("VIDEOENGINE_SOAK"))
BODIES = {
    "group57": ("cholec80_clips/group57-VID22_372_and_VID26_693_b.mp4", "laparoscopy"),
    "group20": ("cholec80_clips/group20-VID05_196_and_VID18_166_b.mp4", "laparoscopy"),
    "group63": ("cholec80_clips/group63-VID47_1132_and_VID49_802_a.mp4", "laparoscopy"),
    "endonerf": ("endonerf/pulling_gt.mp4", "robotic"),
}
NAMED = ["bright_room", "dark_room", "skin_wall", *REAL_KINDS]
KINDS = [*(scene.name for scene in out_of_body.SCENES), *REAL_KINDS] if SOAK else NAMED
BLACK = 24
"""Brightest code of a black frame after H.264 and JPEG: ringing, not a picture."""
pytestmark = [pytest.mark.shared, pytest.mark.slow]


def brightest(path: Path) -> list[int]:
    """Return the brightest code of each frame of a video."""
    with av.open(str(path)) as container:
        return [int(frame.to_ndarray(format="rgb24").max()) for frame in container.decode(video=0)]


def spans() -> Sequence[tuple[str, int]]:
    """Return every kind for 0.2 s and 1 s, and 10 s of the named ones (in CI of one)."""
    rows = [(kind, count) for kind in KINDS for count in (5, 25)]
    long = NAMED if SOAK else ["skin_wall"]
    return [*rows, *((kind, 250) for kind in long)]


@pytest.mark.parametrize("body", list(BODIES) if SOAK else ["group57"])
def test_no_spliced_frame_leaks_from_video_frames_or_thumbnails(
    body: str, shared: Path, tmp_path: Path
) -> None:
    name, modality = BODIES[body]
    size = (640, 360) if SOAK else (428, 240)
    made = splice(shared / name, spans(), tmp_path / "spliced.mp4", size=size, shared=shared)
    analyze(str(made.path), tmp_path / "case", modality=modality)
    case = Case.open(tmp_path / "case")
    gate = case.timeline().gate
    shown = [gate.allows(0, index * 40_000_000) for index in range(len(made.outside))]
    leaked = [
        i for i, (show, out) in enumerate(zip(shown, made.outside, strict=True)) if show and out
    ]
    assert leaked == []
    inside = [show for show, out in zip(shown, made.outside, strict=True) if not out]
    assert sum(inside) > 0.3 * len(inside), "blank everything is not the answer"

    export(tmp_path / "case", "video", tmp_path / "gated.mp4")
    codes = brightest(tmp_path / "gated.mp4")
    assert len(codes) == len(made.outside)
    assert all(code <= BLACK for code, show in zip(codes, shown, strict=True) if not show)
    assert all(code > BLACK for code, show in zip(codes, shown, strict=True) if show)

    if not SOAK:  # the same Gate, but a JPEG a frame
        assert_frames_do_not_leak(tmp_path, shown)
    assert_thumbnails_do_not_leak(tmp_path / "case" / "report.html", shown)


def assert_frames_do_not_leak(folder: Path, shown: list[bool]) -> None:
    """Every picture of `export --to frames` is black exactly where the Gate is shut."""
    export(folder / "case", "frames", folder / "frames")
    with (folder / "frames" / "index.csv").open() as table:
        rows = list(csv.DictReader(table))
    assert len(rows) == len(shown)
    for row, show in zip(rows, shown, strict=True):
        code = max(brightest(folder / "frames" / row["file"]))
        assert (code > BLACK) == show == (row["blanked"] == "0")


def assert_thumbnails_do_not_leak(report: Path, shown: list[bool]) -> None:
    """Every thumbnail is of a moment that the Gate shows; stated to a tenth of a second."""
    moments = re.findall(r'alt="Frame at (\d+):(\d+)\.(\d)"', report.read_text())
    assert len(moments) > 3
    for minutes, seconds, tenth in moments:
        first = (int(minutes) * 60 + int(seconds)) * 1000 + int(tenth) * 100
        frames = range(-(-first // 40), -(-(first + 100) // 40))
        assert any(shown[number] for number in frames), (minutes, seconds, tenth)


@pytest.mark.parametrize("body", BODIES)
def test_at_most_two_percent_of_an_unspliced_clip_is_blanked(
    body: str, shared: Path, tmp_path: Path
) -> None:
    name, modality = BODIES[body]
    analyze(str(shared / name), tmp_path / "case", modality=modality)
    case = Case.open(tmp_path / "case")
    gate = case.timeline().gate
    with av.open(str(shared / name)) as container:
        stream = container.streams.video[0]
        assert stream.time_base is not None
        stamps = [
            round(frame.pts * stream.time_base * 1_000_000_000)
            for frame in container.decode(stream)
            if frame.pts is not None
        ]
    blanked = sum(not gate.allows(0, stamp) for stamp in stamps)
    assert blanked <= 0.02 * len(stamps)


def test_the_view_out_of_the_trocar_is_never_shown(shared: Path, tmp_path: Path) -> None:
    clip = shared / "cholec80_clips/group22-VID05_1858_and_VID08_1331_a.mp4"
    analyze(str(clip), tmp_path / "case", modality="laparoscopy")
    gate = Case.open(tmp_path / "case").timeline().gate
    assert gate.spans(0) == []
