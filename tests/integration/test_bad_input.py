"""Bad input: one line with what, got, allowed and the remedy; the right code; nothing half-made."""

from __future__ import annotations

import json
import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import av
import pytest
from support.clips import write_clip

from videoengine import durable
from videoengine.apps.cli import run
from videoengine.case import Case
from videoengine.events import canonical_lines

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("clip") / "clip.mp4")


def write_empty(path: Path) -> Path:
    path.touch()
    return path


def write_text(path: Path) -> Path:
    path.write_text("This is a letter, not a video.\n" * 50)
    return path


def write_half(path: Path) -> Path:
    whole = write_clip(path.with_name("whole.mp4"))
    path.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    whole.unlink()
    return path


def write_audio(path: Path) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=44100)
        frame = av.AudioFrame(format="fltp", layout="mono", samples=1024)
        frame.sample_rate, frame.pts = 44100, 0
        for plane in frame.planes:
            plane.update(bytes(plane.buffer_size))
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def write_no_frames(path: Path) -> Path:
    """An mp4 whose video track has no sample."""
    source = write_clip(path.with_name("whole.mp4"))
    with av.open(str(source)) as whole, av.open(str(path), "w") as container:
        container.add_stream_from_template(whole.streams.video[0])
        container.start_encoding()
    source.unlink()
    return path


def write_enormous(path: Path) -> Path:
    """A folder with one PNG of 20,000 x 20,000 pixels in 60 kB."""
    path.mkdir()

    def chunk(name: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )

    header = struct.pack(">IIBBBBB", 20_000, 20_000, 1, 0, 0, 0, 0)
    rows = zlib.compress(bytes(20_000 * 2_501), 9)
    data = (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    )
    (path / "1.png").write_bytes(data)
    return path


SOURCES: list[tuple[str, Callable[[Path], Path], str]] = [
    ("empty.mp4", write_empty, "is empty"),
    ("letter.mp4", write_text, "cannot be opened as a video"),
    ("half.mp4", write_half, "cannot be opened as a video"),
    ("sound.mp4", write_audio, "holds no video"),
    ("none.mp4", write_no_frames, ""),
    ("stills", write_enormous, "20000x20000"),
    ("missing.mp4", lambda path: path, "does not exist"),
]


def refused(arguments: list[object], code: int, capsys: pytest.CaptureFixture[str]) -> str:
    """Run a command that must fail in one line; return the line."""
    capsys.readouterr()
    assert run([str(argument) for argument in arguments]) == code
    printed = capsys.readouterr()
    lines = [line for line in printed.err.splitlines() if line.startswith("videoengine:")]
    assert len(lines) == 1, printed.err
    assert "Traceback" not in printed.err + printed.out
    return lines[0]


@pytest.mark.parametrize(("name", "write", "words"), SOURCES, ids=[row[0] for row in SOURCES])
def test_a_source_that_is_no_video_is_refused_and_leaves_nothing(
    name: str,
    write: Callable[[Path], Path],
    words: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    source = write(tmp_path / name)
    before = sorted(tmp_path.rglob("*"))
    options = ["--fps", "1"] if source.is_dir() else []
    line = refused(["analyze", source, "--out", tmp_path / "case", *options], 3, capsys)
    assert words in line
    assert sorted(tmp_path.rglob("*")) == before


def test_a_source_without_read_permission_says_so(
    clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = Path.open

    def deny(self: Path, *arguments: object, **options: object) -> object:
        if self == clip:
            raise PermissionError(13, "Permission denied", str(self))
        return opened(self, *arguments, **options)  # type: ignore[call-overload]

    monkeypatch.setattr(Path, "open", deny)  # root reads everything, so the system must be asked
    line = refused(["analyze", clip, "--out", tmp_path / "case"], 3, capsys)
    assert "Permission denied" in line
    assert "Check its permissions" in line
    assert not (tmp_path / "case").exists()


def test_a_recording_that_breaks_off_is_analyzed_as_far_as_it_goes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = write_clip(tmp_path / "whole.mkv", stamps_ms=range(0, 8000, 40))
    half = tmp_path / "half.mkv"
    half.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    assert run(["analyze", str(half), "--out", str(tmp_path / "case")]) == 7
    assert "finished, but" in capsys.readouterr().err
    case = Case.open(tmp_path / "case")
    assert [event.kind for event in case.events("error")] == ["error"]
    assert case.timeline().end_ns > 2_000_000_000


@pytest.mark.parametrize("moment", [1, 2, 3, 4])
def test_a_full_disk_is_one_line_and_the_case_can_be_finished(
    moment: int, clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    writes = 0

    def full(operation: str) -> None:
        nonlocal writes
        writes += operation == "write"
        if writes >= moment:
            raise OSError(28, "No space left on device")

    durable.inject_fault(full)
    try:
        line = refused(["analyze", clip, "--out", tmp_path / "case"], 6, capsys)
    finally:
        durable.inject_fault(None)
    assert "No space left on device" in line
    if not (tmp_path / "case").exists():
        assert list(tmp_path.iterdir()) == []
        return
    assert run(["resume", str(tmp_path / "case")]) == 0
    assert run(["analyze", str(clip), "--out", str(tmp_path / "other")]) == 0
    one, other = (canonical_lines(Case.open(tmp_path / n).events()) for n in ("case", "other"))
    assert one == other


def test_a_read_only_target_is_refused(clip: Path, capsys: pytest.CaptureFixture[str]) -> None:
    refused(["analyze", clip, "--out", "/proc/case"], 6, capsys)


def test_an_existing_case_is_refused_untouched(
    clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["analyze", str(clip), "--out", str(tmp_path / "case")]) == 0
    before = (tmp_path / "case" / "events.jsonl").read_bytes()
    line = refused(["analyze", clip, "--out", tmp_path / "case"], 6, capsys)
    assert "exists already" in line
    assert (tmp_path / "case" / "events.jsonl").read_bytes() == before


@pytest.mark.parametrize(
    ("options", "near"),
    [
        (["--stages", "qualty"], "Did you mean 'quality'?"),
        (["--preset", "basik"], "Did you mean 'basic'?"),
        (["--modality", "laparoskopy"], "Did you mean 'laparoscopy'?"),
        (["--modalty", "robotic"], "--modality"),
        (["--until", "soon"], "90s, 2m, 1h30m"),
        (["--fps", "25"], "has stamps of its own"),
    ],
)
def test_an_unknown_name_or_option_names_the_nearest(
    options: list[str], near: str, clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = refused(["analyze", clip, "--out", tmp_path / "case", *options], 2, capsys)
    assert near in line
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_key_of_a_preset_names_the_nearest(
    clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    preset = tmp_path / "mine.toml"
    preset.write_text('[[stages]]\nname = "privacy"\nratehz = 5.0\n')
    line = refused(["analyze", clip, "--out", tmp_path / "c", "--preset", preset], 2, capsys)
    assert "Did you mean 'rate_hz'?" in line


def test_a_live_url_names_the_verb_for_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url = "rtsp://nurse:secret@theatre1/scope"
    line = refused(["analyze", url, "--out", tmp_path / "case"], 2, capsys)
    assert "videoengine live" in line
    assert "secret" not in line


@pytest.fixture
def case(clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    assert run(["analyze", str(clip), "--out", str(tmp_path / "case")]) == 0
    return tmp_path / "case"


VERBS: list[list[str]] = [["verify"], ["resume"], ["export", "--to", "csv", "--out", "x.csv"]]


@pytest.mark.parametrize("verb", VERBS, ids=[row[0] for row in VERBS])
def test_a_corrupted_log_line_is_named_by_every_verb(
    verb: list[str], case: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(case.parent)
    log = case / "events.jsonl"
    lines = log.read_bytes().splitlines(keepends=True)
    lines[4] = lines[4].replace(b'"end_ns":', b'"end_ns":1')
    log.write_bytes(b"".join(lines))
    assert "damaged at line 5" in refused([verb[0], case, *verb[1:]], 5, capsys)
    assert not (case.parent / "x.csv").exists()


@pytest.mark.parametrize("verb", VERBS, ids=[row[0] for row in VERBS])
def test_a_case_from_a_newer_schema_asks_for_an_upgrade(
    verb: list[str], case: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(case.parent)
    manifest = case / "manifest.json"
    manifest.write_text(json.dumps({**json.loads(manifest.read_text()), "schema": 2}))
    line = refused([verb[0], case, *verb[1:]], 5, capsys)
    assert "got schema 2; allowed: schema 1" in line


@pytest.mark.parametrize("verb", ["verify", "resume", "purge"])
def test_a_folder_that_is_no_case_is_refused(
    verb: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "not a case" in refused([verb, tmp_path], 5, capsys)


def test_a_live_case_tells_a_second_process_the_pid(
    case: Path, capsys: pytest.CaptureFixture[str]
) -> None:

    with Case.open_for_writing(case):
        for verb in ("resume", "purge"):
            assert f"pid {os.getpid()}" in refused([verb, case], 5, capsys)


def test_a_changed_source_is_not_resumed_or_exported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clip = write_clip(tmp_path / "clip.mp4")
    assert run(["analyze", str(clip), "--out", str(tmp_path / "case")]) == 0
    clip.write_bytes(clip.read_bytes() + b"\0")
    out = tmp_path / "out.mp4"
    refused(["export", tmp_path / "case", "--to", "video", "--out", out], 3, capsys)
    clip.unlink()
    line = refused(["export", tmp_path / "case", "--to", "video", "--out", out], 3, capsys)
    assert "--source PATH" in line
    assert not out.exists()
