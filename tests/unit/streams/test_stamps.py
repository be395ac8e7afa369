"""The stamps of our frames are the stream's own, in every container."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import pytest
from support.made_videos import B_FRAMES, make_video, own_stamps, steady, uneven

from videoengine.media_time import NS_PER_SECOND, ns_from_pts
from videoengine.streams import open_source

WRAP = 1 << 33
H264 = ("mp4", "mov", "mkv", "ts", "avi")


def codec_for(kind: str) -> tuple[str, dict[str, str]]:
    if kind == "webm":
        return "libvpx-vp9", {"deadline": "realtime", "cpu-used": "8", "g": "12"}
    return "libx264", {**B_FRAMES, "preset": "ultrafast", "bf": "2"}


@pytest.mark.parametrize("kind", [*H264, "webm"])
@pytest.mark.parametrize("start", [0, 90_000 * 13 + 64_530])
def test_a_steady_video_keeps_every_stamp(tmp_path: Path, kind: str, start: int) -> None:
    codec, options = codec_for(kind)
    path = make_video(
        tmp_path / f"clip.{kind}", steady(40, start=start), codec=codec, options=options
    )
    source = open_source(path)
    frames = list(source)
    assert [frame.pts for frame in frames] == own_stamps(path)
    assert len(frames) == 40
    base = source.info.time_base
    assert [frame.pts_ns for frame in frames] == [ns_from_pts(f.pts, base) for f in frames]
    assert [frame.seq for frame in frames] == list(range(40))
    assert source.failure is None
    assert source.packets.demuxed == source.packets.decoded == 40
    source.close()
    assert source.packets.skipped == {}


@pytest.mark.parametrize("kind", ["mp4", "mov", "mkv", "ts", "webm"])
def test_a_variable_rate_survives(tmp_path: Path, kind: str) -> None:
    codec, options = codec_for(kind)
    wanted = uneven(30, start=50_000)
    path = make_video(tmp_path / f"clip.{kind}", wanted, codec=codec, options=options)
    frames = list(open_source(path))
    assert [frame.pts for frame in frames] == own_stamps(path)
    start = wanted[0] * NS_PER_SECOND // 90_000
    offset = frames[0].pts_ns - start
    for frame, stamp in zip(frames, wanted, strict=True):
        # Matroska's clock ticks in milliseconds: half a tick for either of the two stamps
        assert abs(frame.pts_ns - offset - stamp * NS_PER_SECOND / 90_000) <= 1_000_001


def test_a_transport_stream_that_wraps_goes_on(tmp_path: Path) -> None:
    """FFmpeg adds 2**33 itself; adding it again would open an epoch or jump by 26.5 hours."""
    path = make_video(
        tmp_path / "wrap.ts",
        steady(60, start=WRAP - 30 * 3600),
        options={**B_FRAMES, "preset": "ultrafast"},
    )
    data = path.read_bytes()
    raw = pes_stamps(data)
    assert max(raw) > WRAP * 0.9
    assert min(raw) < 90_000 * 60, "the clip does not wrap: the test shows nothing"
    frames = list(open_source(path))
    assert len(frames) == 60
    assert {frame.epoch for frame in frames} == {0}
    steps = {b.pts_ns - a.pts_ns for a, b in pairwise(frames)}
    assert steps == {40_000_000}
    assert [frame.pts for frame in frames] == own_stamps(path)


def pes_stamps(data: bytes) -> list[int]:
    """Return the 33-bit presentation stamps as they lie in the packets of a transport stream."""
    found = []
    for place in range(0, len(data) - 188, 188):
        packet = data[place : place + 188]
        pid = (packet[1] & 0x1F) << 8 | packet[2]
        if not packet[1] & 0x40 or pid != 0x100:
            continue
        begin = 4 + (1 + packet[4] if packet[3] & 0x20 else 0)
        pes = packet[begin:]
        if pes[:3] == b"\x00\x00\x01" and pes[7] & 0x80:
            s = pes[9:14]
            found.append(
                (s[0] >> 1 & 7) << 30 | s[1] << 22 | s[2] >> 1 << 15 | s[3] << 7 | s[4] >> 1
            )
    return found


def test_a_backward_jump_opens_an_epoch(tmp_path: Path) -> None:
    options = {**B_FRAMES, "preset": "ultrafast"}
    first = make_video(tmp_path / "a.ts", steady(25, start=900_000), options=options)
    second = make_video(tmp_path / "b.ts", steady(25, start=450_000), options=options)
    path = tmp_path / "joined.ts"
    path.write_bytes(first.read_bytes() + second.read_bytes())
    source = open_source(path)
    frames = list(source)
    assert [frame.pts for frame in frames] == own_stamps(path)
    assert [frame.epoch for frame in frames].count(1) == 25
    assert source.clock.epoch is not None
    assert source.clock.epoch.cause == "backward_jump"


def test_a_hole_opens_an_epoch_and_keeps_the_stamps(tmp_path: Path) -> None:
    stamps = steady(20) + steady(20, start=20 * 3600 + 3 * 90_000)
    path = make_video(tmp_path / "hole.mp4", stamps)
    frames = list(open_source(path))
    assert [frame.epoch for frame in frames] == [0] * 20 + [1] * 20
    assert frames[20].pts_ns - frames[19].pts_ns == 3 * NS_PER_SECOND + 40_000_000


def test_a_change_of_size_opens_an_epoch(tmp_path: Path) -> None:
    options = {**B_FRAMES, "preset": "ultrafast"}
    first = make_video(tmp_path / "a.ts", steady(25), options=options)
    second = make_video(
        tmp_path / "b.ts", steady(25, start=25 * 3600), options=options, size=(96, 64)
    )
    path = tmp_path / "joined.ts"
    path.write_bytes(first.read_bytes() + second.read_bytes())
    source = open_source(path)
    frames = list(source)
    sizes = [frame.pixels.size for frame in frames]
    assert set(sizes) == {(64, 48), (96, 64)}
    for frame in frames:
        assert frame.epoch == (0 if frame.pixels.size == (64, 48) else 1)
        assert frame.pixels.planes()[0].shape == frame.pixels.size[::-1]
    assert source.clock.epoch is not None
    assert source.clock.epoch.cause == "format_change"


def test_the_time_base_of_the_container_is_kept(tmp_path: Path) -> None:
    path = make_video(
        tmp_path / "odd.mov", [1001 * n for n in range(20)], time_base=Fraction(1, 30_000)
    )
    source = open_source(path)
    assert [frame.pts_ns for frame in source] == [
        ns_from_pts(1001 * n, Fraction(1, 30_000)) for n in range(20)
    ]
