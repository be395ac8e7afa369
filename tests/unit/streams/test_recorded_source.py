"""Resuming reads on exactly as an unbroken read would have."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.made_videos import B_FRAMES, OPEN_GOP, make_video, steady, uneven

from videoengine.errors import SourceError
from videoengine.frames import Frame, Pixels
from videoengine.sources import PacketLedger
from videoengine.streams import Picture, RecordedSource, VideoInfo, open_source
from videoengine.streams.pyav_decoder import PyAVDecoder

Row = tuple[int, int, int, int, int, str, int]


def checksum(pixels: Pixels) -> int:
    check = 0
    for plane in pixels.planes():
        check = zlib.crc32(plane.tobytes(), check)
    return check


def row(frame: Frame) -> Row:
    return (
        frame.epoch,
        frame.seq,
        frame.pts,
        frame.pts_ns,
        frame.duration_ns,
        frame.pts_source,
        checksum(frame.pixels),
    )


def make_case(folder: Path, name: str) -> tuple[Path, dict[str, Any]]:
    """Return a video, or a folder with its rate."""
    fast = {"preset": "ultrafast"}
    closed, opened = {**fast, **B_FRAMES}, {**fast, **OPEN_GOP}
    if name == "closed.mp4":
        return make_video(folder / name, steady(50), options=closed), {}
    if name == "open.mp4":
        return make_video(folder / name, uneven(50, start=7777), options=opened), {}
    if name == "open.ts":
        return make_video(folder / name, steady(50, start=999_999), options=opened), {}
    if name == "clip.mkv":
        return make_video(folder / name, uneven(50), options=opened), {}
    if name == "clip.webm":
        options = {"deadline": "realtime", "cpu-used": "8", "g": "10"}
        return make_video(folder / name, steady(40), codec="libvpx-vp9", options=options), {}
    if name == "clip.avi":
        return make_video(folder / name, steady(40), options=closed), {}
    if name == "hevc.mp4":
        options = {"preset": "ultrafast", "x265-params": "keyint=10:open-gop=1:log-level=none"}
        return make_video(folder / name, steady(40), codec="libx265", options=options), {}
    if name == "jump.ts":
        first = make_video(folder / "a.ts", steady(25, start=900_000), options=opened)
        second = make_video(
            folder / "b.ts", steady(25, start=878_400), options=opened, first_number=60
        )
        path = folder / name
        path.write_bytes(first.read_bytes() + second.read_bytes())
        return path, {}
    if name == "hole.mp4":
        stamps = steady(20) + steady(25, start=20 * 3600 + 400_000)
        return make_video(folder / name, stamps, options=closed), {}
    images = folder / "images"
    images.mkdir()
    for number in range(30):
        make_image(images / f"{number * number:05d}.png", number)
    return images, {"fps": 2}


def make_image(path: Path, number: int) -> None:
    import av
    from support.made_videos import painted

    frame = av.VideoFrame.from_ndarray(painted(number), "rgb24")
    codec: Any = av.CodecContext.create("png", "w")
    codec.width, codec.height, codec.pix_fmt = frame.width, frame.height, "rgb24"
    codec.time_base = Fraction(1, 25)
    path.write_bytes(b"".join(bytes(p) for p in [*codec.encode(frame), *codec.encode(None)]))


CASES = [
    "closed.mp4",
    "open.mp4",
    "open.ts",
    "clip.mkv",
    "clip.webm",
    "clip.avi",
    "hevc.mp4",
    "jump.ts",
    "hole.mp4",
    "images",
]


@pytest.mark.parametrize("name", CASES)
def test_after_resume_every_frame_is_that_of_an_unbroken_read(tmp_path: Path, name: str) -> None:
    path, options = make_case(tmp_path, name)
    whole = open_source(path, **options)
    frames = list(whole)
    rows = [row(frame) for frame in frames]
    ledger = whole.packets.to_json()
    assert len({r[6] for r in rows}) > len(rows) * 0.9, "the pictures must differ"
    for stop in (0, 1, 6, 11, 19, 25, len(rows) - 2, len(rows) - 1):
        source = open_source(path, **options)
        stream = iter(source)
        frame = [next(stream) for _ in range(stop + 1)][-1]
        position = json.loads(json.dumps(source.position()))
        source.close()

        held = [r for r in rows[max(0, stop - 9) : stop + 1] if r[0] == frame.epoch]
        fresh = open_source(path, **options)
        pixels = fresh.resume(position, [r[2] for r in held])
        assert {pts: checksum(p) for pts, p in pixels.items()} == {r[2]: r[6] for r in held}
        assert [row(f) for f in fresh] == rows[stop + 1 :]
        fresh.close()
        assert fresh.packets.to_json() == ledger, f"stopped after {stop}"


@pytest.mark.parametrize("name", ["closed.mp4", "open.mp4", "open.ts", "clip.mkv", "clip.webm"])
def test_resume_seeks_and_does_not_read_from_the_start(tmp_path: Path, name: str) -> None:
    path, _ = make_case(tmp_path, name)
    rows = [row(frame) for frame in open_source(path)]
    decoder = PyAVDecoder(path, packets=PacketLedger())
    place = len(rows) - 4
    assert decoder.restart(rows[place][2], counted=0)
    seen = [p.pts for p in decoder.pictures()]
    assert rows[place][2] in seen
    assert len(seen) < len(rows) - 15
    decoder.close()


def test_a_seek_to_a_stamp_that_comes_twice_is_not_trusted(tmp_path: Path) -> None:
    path, _ = make_case(tmp_path, "jump.ts")
    pts = [frame.pts for frame in open_source(path)]
    twice = next(p for p in pts if pts.count(p) == 2)
    decoder = PyAVDecoder(path, packets=PacketLedger())
    assert not decoder.restart(twice, counted=0)
    decoder.close()


def test_another_video_at_the_same_place_is_refused(tmp_path: Path) -> None:
    options = {"preset": "ultrafast"}
    path = make_video(tmp_path / "a.mp4", steady(30), options=options)
    source = open_source(path)
    stream = iter(source)
    for _ in range(12):
        next(stream)
    position = source.position()
    make_video(path, steady(30), options=options, first_number=100)
    with pytest.raises(SourceError, match="not the video that was read before"):
        open_source(path).resume(position, [])


class ListDecoder:
    """Hands out given stamps; each picture is flat gray."""

    name = "list"
    failure: str | None = None
    info = VideoInfo("list", (8, 4), Fraction(1, 1000), 25.0, 40_000_000, None, None)

    def __init__(self, stamps: Sequence[int | None], packets: PacketLedger) -> None:
        self.stamps, self.packets, self.closed = stamps, packets, False
        self._counted = 0

    def pictures(self) -> Iterator[Picture]:
        for number, pts in enumerate(self.stamps):
            if number >= self._counted:
                self.packets.demuxed += 1
            plane = np.full((4, 8), number, np.uint8)
            pixels = Pixels(lambda plane=plane: (plane,), layout="gray", size=(8, 4))  # type: ignore[misc]
            yield Picture(pts, None, Fraction(1, 1000), "list", pixels)

    def restart(self, pts: int | None, *, counted: int) -> bool:
        self._counted = counted
        return pts is None

    def close(self) -> None:
        self.closed = True


def listed(stamps: Sequence[int | None]) -> RecordedSource:
    packets = PacketLedger()
    return RecordedSource(
        ListDecoder(stamps, packets), uri="list", kind="file", stream_id="s0", packets=packets
    )


def test_frames_without_a_stamp_are_interpolated_and_say_so() -> None:
    frames = list(listed([0, 40, None, None, 160]))
    assert [(f.pts, f.pts_source) for f in frames] == [
        (0, "stream"),
        (40, "stream"),
        (80, "interpolated"),
        (120, "interpolated"),
        (160, "stream"),
    ]


def test_frames_that_cannot_be_placed_in_time_are_counted() -> None:
    source = listed([None, None, 0, 40, 40, 80])
    assert [f.pts for f in source] == [0, 40, 80]
    assert source.packets.to_json() == {
        "demuxed": 6,
        "decoded": 3,
        "skipped": {"unstamped": 2, "repeated_stamp": 1},
    }


def test_interpolated_frames_are_resumed_by_reading_from_the_start() -> None:
    stamps = [0, 40, None, None, 160, 160, 200, None, 280]
    rows = [row(f) for f in listed(stamps)]
    for stop in range(len(rows)):
        source = listed(stamps)
        stream = iter(source)
        for _ in range(stop + 1):
            next(stream)
        fresh = listed(stamps)
        found = fresh.resume(source.position(), [r[2] for r in rows[: stop + 1]])
        assert {p: checksum(x) for p, x in found.items()} == {r[2]: r[6] for r in rows[: stop + 1]}
        assert [row(f) for f in fresh] == rows[stop + 1 :]


def test_what_was_demuxed_and_never_shown_is_abandoned_at_close() -> None:
    source = listed([0, 40, 80, 120])
    next(iter(source))
    source.packets.demuxed += 2
    source.close()
    assert source.packets.skipped == {"abandoned": 2}
    source.close()
    assert source.packets.skipped == {"abandoned": 2}


def test_no_picture_at_all_is_an_error_and_closes_the_decoder() -> None:
    packets = PacketLedger()
    decoder = ListDecoder([], packets)
    with pytest.raises(SourceError, match="no picture that can be decoded; got 0 frames"):
        RecordedSource(decoder, uri="x", kind="file", stream_id="s0", packets=packets)
    assert decoder.closed
