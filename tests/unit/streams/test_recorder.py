"""The recorder: every packet, every stamp, also when the process dies without closing a file."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from support.made_videos import B_FRAMES, make_video, steady

from videoengine.streams import LiveConfig
from videoengine.streams.recorder import Recorder

Row = tuple[Fraction, bool, int]


def packets(path: Path) -> Iterator[Any]:
    with av.open(str(path)) as container:
        for packet in container.demux(container.streams.video[0]):
            if packet.size:
                yield packet


def rows(paths: list[Path]) -> list[Row]:
    return [
        (packet.pts * packet.time_base, packet.is_keyframe, packet.size)
        for path in paths
        for packet in packets(path)
    ]


def frames(paths: list[Path]) -> list[tuple[Fraction, bytes]]:
    found: list[tuple[Fraction, bytes]] = []
    for path in paths:
        with av.open(str(path)) as container:
            for frame in container.decode(video=0):
                assert frame.pts is not None
                assert frame.time_base is not None
                found.append(
                    (frame.pts * frame.time_base, np.asarray(frame.to_ndarray()).tobytes())
                )
    return found


@pytest.fixture(params=["libx264", "libx265"])
def stream(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    codec: str = request.param
    options = B_FRAMES if codec == "libx264" else {"x265-params": "log-level=none:keyint=12"}
    path = tmp_path / "in.ts"
    return make_video(path, steady(60, start=90_000), codec=codec, options=options)


def record(path: Path, recorder: Recorder, *, shift: dict[int, int] | None = None) -> int:
    """Record a file's packets; `shift` moves the stamps from a packet's number on, in ticks."""
    with av.open(str(path)) as container:
        video = container.streams.video[0]
        recorder.connect(video, 40_000_000)
        moved, count = 0, 0
        for number, packet in enumerate(p for p in container.demux(video) if p.size):
            moved += (shift or {}).get(number, 0)
            assert packet.pts is not None
            assert packet.dts is not None
            packet.pts, packet.dts = packet.pts + moved, packet.dts + moved
            count += recorder.write(packet) is not None
    return count


def test_every_packet_is_readable_before_the_file_is_closed_as_after_a_kill(
    stream: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "quarantine"
    folder.mkdir()
    recorder = Recorder(folder, LiveConfig())
    assert record(stream, recorder) == 60
    files = sorted(folder.iterdir())
    assert [row[0] for row in rows(files)] == [row[0] for row in rows([stream])]
    assert frames(files) == frames([stream])
    recorder.disconnect()
    assert frames(files) == frames([stream])
    assert recorder.packets == 60


def test_a_connection_that_begins_without_stamps_is_recorded_whole_in_one_file(
    stream: Path, tmp_path: Path
) -> None:
    """So FFmpeg reads RTSP: no stamp on the first packet, no decoding stamps for the next few."""
    folder = tmp_path / "quarantine"
    folder.mkdir()
    recorder = Recorder(folder, LiveConfig())
    with av.open(str(stream)) as container:
        video = container.streams.video[0]
        recorder.connect(video, 40_000_000)
        for number, packet in enumerate(p for p in container.demux(video) if p.size):
            if number < 3:
                packet.dts = None
            if number == 0:
                packet.pts = None
            recorder.write(packet)
    recorder.disconnect()
    assert [path.name for path in folder.iterdir()] == ["0000-0000.ts"]
    assert frames([folder / "0000-0000.ts"]) == frames([stream])


def test_the_recording_is_for_its_owner_alone(stream: Path, tmp_path: Path) -> None:
    recorder = Recorder(tmp_path, LiveConfig())
    record(stream, recorder)
    assert recorder.file is not None
    assert (tmp_path / recorder.file).stat().st_mode & 0o077 == 0


def test_a_new_file_begins_where_stamps_jump_back_or_leave_a_hole(
    stream: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "quarantine"
    folder.mkdir()
    recorder = Recorder(folder, LiveConfig())
    record(stream, recorder, shift={24: 900_000, 48: -1_500_000})
    recorder.disconnect()
    files = sorted(folder.iterdir())
    assert [path.name for path in files] == ["0000-0000.ts", "0000-0001.ts", "0000-0002.ts"]
    assert sum(len(rows([path])) for path in files) == 60


def test_each_connection_has_a_file_and_numbers_go_on_after_a_restart(
    stream: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "quarantine"
    folder.mkdir()
    for _ in range(2):
        recorder = Recorder(folder, LiveConfig())
        record(stream, recorder)
        record(stream, recorder)
        recorder.disconnect()
    names = [f"000{number}-0000.ts" for number in range(4)]
    assert sorted(path.name for path in folder.iterdir()) == names


def test_a_long_recording_goes_on_in_segments_and_old_ones_are_deleted(
    stream: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "quarantine"
    folder.mkdir()
    old = folder / "0000-0000.ts"
    old.write_bytes(b"x")
    two_hours_ago = time.time() - 7200
    os.utime(old, (two_hours_ago, two_hours_ago))
    recorder = Recorder(folder, LiveConfig(segment_s=1e-6, retention_s=3600.0))
    record(stream, recorder)
    recorder.disconnect()
    files = sorted(folder.iterdir())
    assert old not in files
    assert len(files) > 1
    assert sum(len(rows([path])) for path in files) == 60
    for path in files[1:]:
        assert next(packets(path)).is_keyframe


def test_a_disk_that_refuses_is_said_and_counted_and_ends_nothing(
    stream: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    recorder = Recorder(folder, LiveConfig())
    folder.rmdir()
    assert record(stream, recorder) == 0
    assert recorder.failure is not None
    assert recorder.lost == 60
