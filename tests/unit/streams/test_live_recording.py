"""The recording of a live feed, read again: the frames and stamps that the feed had."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import pytest
from support.made_videos import B_FRAMES, make_video, steady

from videoengine.errors import SourceError
from videoengine.media_time import Epoch
from videoengine.streams import LiveConfig
from videoengine.streams.live_archive import LiveArchive, pictures_at
from videoengine.streams.live_recording import LiveRecording
from videoengine.streams.recorder import Recorder


def recorded(case: Path, clips: list[Path], **options: float) -> None:
    folder = case / "quarantine"
    folder.mkdir(parents=True, exist_ok=True)
    recorder = Recorder(folder, LiveConfig(**options))  # type: ignore[arg-type]
    for clip in clips:
        with av.open(str(clip)) as container:
            video = container.streams.video[0]
            recorder.connect(video, 40_000_000)
            for packet in container.demux(video):
                if packet.size:
                    recorder.write(packet)


def epoch_at(pts: int, file: str | None, index: int = 3) -> Epoch:
    base = Fraction(1, 90_000)
    return Epoch("s0", index, base, pts, pts * 100_000 // 9, 5_000, "reconnect", file)


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return make_video(tmp_path / "in.ts", steady(60, start=90_000), options=B_FRAMES)


@pytest.mark.parametrize("segment_s", [600.0, 1e-6])
def test_an_epoch_is_read_again_in_its_own_number_with_its_own_stamps(
    clip: Path, tmp_path: Path, segment_s: float
) -> None:
    case = tmp_path / "case"
    recorded(case, [clip], segment_s=segment_s)
    source = LiveRecording(case, epoch_at(90_000, "quarantine/0000-0000.ts"))
    frames = list(source)
    assert [f.pts for f in frames] == steady(60, start=90_000)
    assert {f.epoch for f in frames} == {3}
    assert {f.duration_ns for f in frames} == {40_000_000}
    assert source.packets.demuxed == 60 == source.packets.decoded
    assert source.failure is None


def test_what_a_later_connection_recorded_is_an_epoch_of_its_own(
    clip: Path, tmp_path: Path
) -> None:
    case = tmp_path / "case"
    recorded(case, [clip, clip])
    source = LiveRecording(case, epoch_at(90_000, "quarantine/0000-0000.ts"))
    frames = list(source)
    assert [f.epoch for f in frames] == [3] * 60 + [4] * 60


def test_a_torn_tail_costs_at_most_the_packet_being_written(clip: Path, tmp_path: Path) -> None:
    case = tmp_path / "case"
    recorded(case, [clip])
    path = case / "quarantine" / "0000-0000.ts"
    path.write_bytes(path.read_bytes()[:-100])
    source = LiveRecording(case, epoch_at(90_000, "quarantine/0000-0000.ts"))
    assert len(list(source)) >= 59


def two_epochs(case: Path, clip: Path) -> list[Epoch]:
    recorded(case, [clip, clip])
    files = ("quarantine/0000-0000.ts", "quarantine/0001-0000.ts")
    return [epoch_at(90_000, file, index) for index, file in enumerate(files)]


def test_an_archive_gives_each_epoch_its_own_frames(clip: Path, tmp_path: Path) -> None:
    epochs = two_epochs(tmp_path / "case", clip)
    frames = list(LiveArchive(tmp_path / "case", epochs))
    assert [f.epoch for f in frames] == [0] * 60 + [1] * 60
    assert [f.pts for f in frames] == [*steady(60, start=90_000)] * 2


def test_an_archive_without_its_first_files_gives_the_epochs_that_are_left(
    clip: Path, tmp_path: Path
) -> None:
    epochs = two_epochs(tmp_path / "case", clip)
    (tmp_path / "case" / "quarantine" / "0000-0000.ts").unlink()
    assert {f.epoch for f in LiveArchive(tmp_path / "case", epochs)} == {1}
    (tmp_path / "case" / "quarantine" / "0001-0000.ts").unlink()
    with pytest.raises(SourceError, match="not there"):
        LiveArchive(tmp_path / "case", epochs)


def test_a_few_pictures_are_found_by_their_stamps_in_their_epoch(
    clip: Path, tmp_path: Path
) -> None:
    epochs = two_epochs(tmp_path / "case", clip)
    every = {(f.epoch, f.pts_ns): f for f in LiveArchive(tmp_path / "case", epochs)}
    wanted = sorted(every)[::7]
    found = list(pictures_at(tmp_path / "case", epochs, [*wanted, (0, 1), (7, 90_000)]))
    assert [(f.epoch, f.pts_ns) for f in found] == wanted
    for frame in found:
        expected = every[frame.epoch, frame.pts_ns].pixels.planes()[0]
        assert (frame.pixels.planes()[0] == expected).all()


@pytest.mark.parametrize("file", [None, "quarantine/0009-0000.ts"])
def test_a_recording_that_is_gone_is_said(tmp_path: Path, file: str | None) -> None:
    with pytest.raises(SourceError, match="not there"):
        LiveRecording(tmp_path, epoch_at(0, file))
