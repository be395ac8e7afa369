"""Real recordings: every frame has the stamp that PyAV lists, and reading can go on anywhere."""

from __future__ import annotations

import zlib
from pathlib import Path

import av
import numpy as np
import pytest

from videoengine.frames import Pixels
from videoengine.streams import open_source

CLIPS = [
    "cholec80_clips/group20-VID05_196_and_VID18_166_b.mp4",
    "cholec80_clips/group22-VID05_1858_and_VID08_1331_a.mp4",
    "cholec80_clips/group57-VID22_372_and_VID26_693_b.mp4",
    "cholec80_clips/group63-VID47_1132_and_VID49_802_a.mp4",
    "endonerf/pulling_gt.mp4",
    "cholecseg8k/horizontal_grid.webm",
]


def checksum(pixels: Pixels) -> int:
    return zlib.crc32(b"".join(np.ascontiguousarray(p[::4]).tobytes() for p in pixels.planes()))


@pytest.mark.shared
@pytest.mark.parametrize("name", CLIPS)
def test_stamps_are_those_that_pyav_lists(shared: Path, name: str) -> None:
    with av.open(str(shared / name)) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        expected = [frame.pts for frame in container.decode(stream)]
    source = open_source(shared / name)
    frames = list(source)
    assert [frame.pts for frame in frames] == expected
    assert {frame.epoch for frame in frames} == {0}
    assert source.failure is None
    source.close()
    assert source.packets.demuxed == source.packets.decoded == len(expected)


@pytest.mark.shared
@pytest.mark.parametrize("name", [CLIPS[0], CLIPS[4], CLIPS[5]])
def test_reading_goes_on_after_a_break(shared: Path, name: str) -> None:
    rows = [(f.pts, f.seq, checksum(f.pixels)) for f in open_source(shared / name)]
    for stop in (len(rows) // 3, len(rows) - 5):
        source = open_source(shared / name)
        stream = iter(source)
        for _ in range(stop):
            next(stream)
        fresh = open_source(shared / name)
        fresh.resume(source.position(), [pts for pts, _, _ in rows[max(0, stop - 5) : stop]])
        assert [(f.pts, f.seq, checksum(f.pixels)) for f in fresh] == rows[stop:]
        source.close()
        fresh.close()


@pytest.mark.shared
@pytest.mark.parametrize("video", ["VID68", "VID70", "VID75"])
def test_a_folder_of_real_frames_has_the_seconds_of_its_names(shared: Path, video: str) -> None:
    folder = shared / "cholect50" / "videos" / video
    names = {path.stem.split(" ")[0] for path in folder.glob("*.jpg")}
    numbers = sorted(int(name) for name in names)
    source = open_source(folder, fps=1)
    stamps = [frame.pts_ns for frame in source]
    assert stamps == [(number - numbers[0]) * 1_000_000_000 for number in numbers]
    assert source.failure is None
    ledger = source.packets
    assert ledger.demuxed == len(list(folder.glob("*.jpg")))
    assert ledger.skipped.get("duplicate", 0) == ledger.demuxed - len(numbers)
