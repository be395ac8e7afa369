"""What cannot be opened is refused with one clear line, and nothing stays open."""

from __future__ import annotations

import os
import resource
import sys
from importlib.metadata import EntryPoint
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Any

import av
import numpy as np
import pytest
from support.made_videos import B_FRAMES, make_video, steady

from videoengine import plugins
from videoengine.errors import SourceError, UsageError, VideoEngineError
from videoengine.streams import open_source


def refused(uri: Any, kind: type[VideoEngineError] = SourceError, **options: Any) -> str:
    """Open, expect a refusal on one line, and check that no file descriptor stays open."""
    before = set(os.listdir("/proc/self/fd"))
    with pytest.raises(kind) as error:
        open_source(uri, **options)
    line = str(error.value)
    del error
    assert "\n" not in line
    assert set(os.listdir("/proc/self/fd")) <= before
    return line


def test_a_missing_file_names_its_nearest_neighbor(tmp_path: Path) -> None:
    (tmp_path / "procedure.mp4").write_bytes(b"x")
    line = refused(tmp_path / "procedur.mp4")
    assert "does not exist. Did you mean 'procedure.mp4'?" in line


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").touch()
    assert "is empty; got 0 bytes" in refused(tmp_path / "a.mp4")


def test_text_called_mp4_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_text("Dear colleague,\n" * 200)
    line = refused(tmp_path / "a.mp4")
    assert "cannot be opened as a video" in line
    assert "allowed: mp4, mov, mkv, webm, ts, avi" in line


def test_a_file_without_permission_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make_video(tmp_path / "a.mp4", steady(3))

    def denied(self: Path, *_: Any, **__: Any) -> Any:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "open", denied)  # root may read everything, so chmod shows nothing
    line = refused(path)
    assert "cannot be read; got Permission denied. Check its permissions." in line


def test_audio_only_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w") as target:
        stream: Any = target.add_stream("aac", rate=48_000)
        for number in range(20):
            samples = np.zeros((1, 1024), np.float32)
            frame = av.AudioFrame.from_ndarray(samples, "fltp", "mono")
            frame.sample_rate, frame.pts = 48_000, number * 1024
            target.mux(stream.encode(frame))
        target.mux(stream.encode(None))
    assert "holds no video; got audio" in refused(path)


def test_no_frames_are_refused(tmp_path: Path) -> None:
    path = make_video(tmp_path / "a.mkv", [])
    refused(path)


def test_an_mp4_cut_in_half_is_refused_with_ffmpeg_s_words(tmp_path: Path) -> None:
    path = make_video(tmp_path / "a.mp4", steady(50))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert "moov atom not found" in refused(path)


@pytest.mark.parametrize("kind", ["mp4", "mkv", "webm"])
def test_a_file_cut_in_half_gives_its_frames_and_says_so(tmp_path: Path, kind: str) -> None:
    codec, options = "libx264", {**B_FRAMES, "preset": "ultrafast"}
    if kind == "webm":
        codec, options = "libvpx-vp9", {"deadline": "realtime", "cpu-used": "8"}
    mux = {"movflags": "faststart"} if kind == "mp4" else {}
    path = make_video(tmp_path / f"a.{kind}", steady(100), codec=codec, options=options, mux=mux)
    whole = [f.pts for f in open_source(path)]
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    source = open_source(path)
    stamps = [f.pts for f in source]
    assert 10 < len(stamps) < 90
    assert stamps == whole[: len(stamps)]
    assert source.failure is not None
    ledger = source.packets
    assert ledger.demuxed == ledger.decoded + sum(ledger.skipped.values())


@pytest.mark.parametrize("kind", ["mp4", "mkv", "ts"])
def test_damage_in_the_middle_is_counted_and_told(tmp_path: Path, kind: str) -> None:
    options = {"preset": "ultrafast", "g": "10"}
    path = make_video(tmp_path / f"a.{kind}", steady(100), options=options, size=(320, 240))
    data = bytearray(path.read_bytes())
    rubbish = np.random.default_rng(0).integers(0, 256, 300).astype(np.uint8).tobytes()
    data[len(data) // 3 : len(data) // 3 + 300] = rubbish
    path.write_bytes(data)
    source = open_source(path)
    frames = list(source)
    lost = source.packets.skipped["corrupt"]
    assert 1 <= lost < 10
    assert len(frames) == 100 - lost
    assert source.packets.demuxed == 100
    assert source.failure is not None
    assert "damaged" in source.failure
    assert all(b.pts_ns > a.pts_ns for a, b in pairwise(frames))


def test_an_absurd_size_is_refused_before_decoding(tmp_path: Path) -> None:
    path = make_video(tmp_path / "a.mkv", steady(2), codec="ffv1", size=(640, 480))
    width, height = b"\xb0\x82" + (640).to_bytes(2, "big"), b"\xba\x82" + (480).to_bytes(2, "big")
    data = path.read_bytes()
    assert data.count(width) == data.count(height) == 1
    large = (20_000).to_bytes(2, "big")
    path.write_bytes(data.replace(width, width[:2] + large).replace(height, height[:2] + large))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    line = refused(path)
    assert "too large; got 20000x20000; allowed: up to 8192 pixels a side" in line
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 100_000, "KiB: one such picture takes 600,000"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("list.m3u8", "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{clip}\n#EXT-X-ENDLIST\n"),
        ("list.mp4", "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nhttp://127.0.0.1:9/a.ts\n"),
        ("list.ffconcat", "ffconcat version 1.0\nfile '{clip}'\n"),
        ("list.mkv", "ffconcat version 1.0\nfile 'clip.ts'\n"),
    ],
)
def test_a_list_of_other_files_is_never_followed(tmp_path: Path, name: str, text: str) -> None:
    clip = make_video(tmp_path / "clip.ts", steady(5))
    (tmp_path / name).write_text(text.format(clip=clip))
    refused(tmp_path / name)


def test_ffmpeg_s_protocols_in_a_name_are_not_taken_as_such(tmp_path: Path) -> None:
    clip = make_video(tmp_path / "clip.ts", steady(5))
    assert "does not exist" in refused(f"concat:{clip}|{clip}")
    assert "does not exist" in refused(f"subfile,,start,0,end,0,,:{clip}")


def test_a_name_with_a_colon_or_a_pattern_is_a_plain_name(tmp_path: Path) -> None:
    path = make_video(tmp_path / "case:1 %03d #2?.mp4", steady(5))
    assert len(list(open_source(path))) == 5
    assert len(list(open_source(f"file://{tmp_path}/case%3A1%20%2503d%20%232%3F.mp4"))) == 5


def test_a_device_is_refused() -> None:
    assert "neither a file nor a folder" in refused("/dev/null")


@pytest.mark.parametrize("uri", ["rtsp://u:pw@h/x", "http://h/v.mp4", "udp://:1", "RTMP://h/x"])
def test_a_live_url_names_live_and_hides_the_password(uri: str) -> None:
    line = refused(uri, UsageError)
    assert "`videoengine live URL --out CASES`" in line
    assert "pw" not in line


def test_an_unknown_scheme_names_the_nearest(monkeypatch: pytest.MonkeyPatch) -> None:
    point = EntryPoint("sim", "somewhere:open_sim", plugins.SOURCES)
    monkeypatch.setattr(plugins, "registered", lambda group: {"sim": point})
    line = refused("sin://gallbladder?seed=1", UsageError)
    assert "got sin://; allowed: file://, sim://. Did you mean 'sim'?" in line


def test_a_plug_in_s_scheme_opens_its_source(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[tuple[str, str]] = []
    module = ModuleType("a_plug_in")
    module.open_sim = lambda uri, *, stream_id: made.append((uri, stream_id))  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "a_plug_in", module)
    point = EntryPoint("sim", "a_plug_in:open_sim", plugins.SOURCES)
    monkeypatch.setattr(plugins, "registered", lambda group: {"sim": point})
    open_source("sim://gallbladder?seed=1", stream_id="left")
    assert made == [("sim://gallbladder?seed=1", "left")]


def test_a_rate_for_a_video_with_stamps_is_refused(tmp_path: Path) -> None:
    path = make_video(tmp_path / "a.mp4", steady(3))
    assert "has stamps of its own; got --fps" in refused(path, UsageError, fps=25)


def test_an_unknown_decoder_names_the_nearest(tmp_path: Path) -> None:
    path = make_video(tmp_path / "a.mp4", steady(3))
    assert "got 'pyaw'; allowed: pyav. Did you mean 'pyav'?" in refused(
        path, UsageError, decoder="pyaw"
    )


def test_ffmpeg_writes_nothing_to_stderr(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.mp4").write_text("Dear colleague,\n" * 200)
    refused(tmp_path / "a.mp4")
    path = make_video(tmp_path / "b.mkv", steady(50), options={"preset": "ultrafast"})
    path.write_bytes(path.read_bytes()[:4000])
    capfd.readouterr()
    list(open_source(path))
    assert capfd.readouterr().err == ""
