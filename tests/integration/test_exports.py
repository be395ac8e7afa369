"""Exports of whole cases: every frame and stamp, and nothing that the Gate does not show."""

from __future__ import annotations

import csv
import json
import os
import resource
import signal
import struct
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.video.frame import PictureType
from numpy.typing import NDArray
from support.events import event
from support.recordings import RED, make_case, write_stamped

from videoengine.apps.export import FORMATS, export
from videoengine.case import Case
from videoengine.errors import CaseError, OutputError, SourceError, UsageError
from videoengine.streams.jpeg import JpegEncoder

pytestmark = pytest.mark.slow
EVERY_FRAME = [512 * index for index in range(100)]
BLACK = 2
"""An encoded black frame may be this far from 0: limited-range rounding, not a picture."""


def decoded(path: Path) -> tuple[Fraction, list[int], list[NDArray[np.uint8]]]:
    """Return time base, stamps and RGB pictures of a video."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        frames = list(container.decode(stream))
        base = stream.time_base
    assert base is not None
    stamps = [frame.pts for frame in frames if frame.pts is not None]
    pictures: list[Any] = [frame.to_ndarray(format="rgb24") for frame in frames]
    return base, stamps, pictures


def in_body(seconds: float) -> bool:
    return not 2.0 <= seconds < 3.0


@pytest.fixture
def case(tmp_path: Path) -> Path:
    clip = write_stamped(tmp_path / "Patient Name.mp4", EVERY_FRAME)
    return make_case(tmp_path / "case", clip, allow=in_body)


# --- video -----------------------------------------------------------------------------------


STAMPS: dict[str, tuple[Fraction, list[int]]] = {
    "starts at zero": (Fraction(1, 12800), [512 * i for i in range(60)]),
    "starts late": (Fraction(1, 90000), [126_000 + 3600 * i for i in range(60)]),
    "starts after ten hours": (Fraction(1, 90000), [3_240_000_000 + 3600 * i for i in range(60)]),
    "variable rate": (Fraction(1, 90000), [3003 * i + (i * i) % 7 for i in range(60)]),
    "a gap": (Fraction(1, 12800), [512 * i for i in (*range(40), *range(140, 180))]),
}


@pytest.mark.parametrize("name", STAMPS)
@pytest.mark.parametrize("ending", ["mp4", "mov"])
def test_the_video_keeps_every_stamp(tmp_path: Path, name: str, ending: str) -> None:
    base, stamps = STAMPS[name]
    clip = write_stamped(tmp_path / "clip.mp4", stamps, time_base=base)
    assert decoded(clip)[:2] == (base, stamps)
    case = make_case(tmp_path / "case", clip)
    exported = export(case, "video", tmp_path / f"out.{ending}")
    assert exported.count == len(stamps)
    assert decoded(tmp_path / f"out.{ending}")[:2] == (base, stamps)


def test_a_matroska_of_whole_milliseconds_keeps_every_stamp(tmp_path: Path) -> None:
    stamps = [40 * i + i % 3 for i in range(60)]
    clip = write_stamped(tmp_path / "clip.mkv", stamps, time_base=Fraction(1, 1000))
    case = make_case(tmp_path / "case", clip)
    export(case, "video", tmp_path / "out.mkv")
    assert decoded(tmp_path / "out.mkv")[:2] == (Fraction(1, 1000), stamps)


def test_a_matroska_that_would_round_stamps_is_refused(case: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"out\.mp4"):
        export(case, "video", tmp_path / "out.mkv")
    assert not (tmp_path / "out.mkv").exists()


def test_after_a_backward_jump_frames_are_placed_by_case_time(tmp_path: Path) -> None:
    folder = tmp_path / "images"
    folder.mkdir()
    stamps = [*(10.0 + 0.04 * i for i in range(40)), *(2.0 + 0.04 * i for i in range(40))]
    picture = JpegEncoder().encode(np.full((48, 64, 3), RED, np.uint8))
    for index in range(len(stamps)):
        (folder / f"{index:03d}.jpg").write_bytes(picture)
    (tmp_path / "stamps.txt").write_text("".join(f"{stamp:.2f}\n" for stamp in stamps))
    case = make_case(tmp_path / "case", folder, stamps=str(tmp_path / "stamps.txt"))
    assert len(Case.open(case).timeline().epochs) == 2
    export(case, "video", tmp_path / "out.mp4")
    base, found, _ = decoded(tmp_path / "out.mp4")
    seconds = [float(stamp * base) for stamp in found]
    assert seconds == pytest.approx([0.04 * i for i in range(80)], abs=1e-6)


def test_a_blanked_frame_is_black_and_the_others_are_not(case: Path, tmp_path: Path) -> None:
    export(case, "video", tmp_path / "out.mp4")
    _, stamps, pictures = decoded(tmp_path / "out.mp4")
    gate = Case.open(case).timeline().gate
    shown = [gate.allows(0, round(stamp * 78125)) for stamp in stamps]
    assert 20 < shown.count(False) < 60
    for allowed, picture in zip(shown, pictures, strict=True):
        if allowed:
            assert np.abs(picture.astype(int) - RED).max() < 12
        else:
            assert picture.max() <= BLACK


def test_a_closed_gate_exports_only_black(tmp_path: Path) -> None:
    clip = write_stamped(tmp_path / "clip.mp4", EVERY_FRAME)
    case = make_case(tmp_path / "case", clip, allow=lambda seconds: False)
    export(case, "video", tmp_path / "out.mp4")
    export(case, "frames", tmp_path / "frames")
    assert max(p.max() for p in decoded(tmp_path / "out.mp4")[2]) <= BLACK
    images = list((tmp_path / "frames").glob("*.jpg"))
    assert len(images) == 100
    assert max(decoded(image)[2][0].max() for image in images) <= BLACK


def test_outside_the_view_circle_is_black(tmp_path: Path) -> None:
    clip = write_stamped(tmp_path / "clip.mp4", EVERY_FRAME)
    circle = {"cx": 0.5, "cy": 0.5, "radius": 0.25}
    case = make_case(tmp_path / "case", clip, circle=circle)
    export(case, "frames", tmp_path / "frames", every_ns=1_000_000_000)
    for image in sorted((tmp_path / "frames").glob("*.jpg"))[:3]:
        picture = decoded(image)[2][0]
        assert picture[:4, :4].max() < 12
        assert picture[24, 32, 0] > 150


def test_no_picture_is_predicted_across_the_edge_of_a_blanked_stretch(
    case: Path, tmp_path: Path
) -> None:
    export(case, "video", tmp_path / "out.mp4")
    gate = Case.open(case).timeline().gate
    shown = [gate.allows(0, stamp * 78125) for stamp in EVERY_FRAME]
    with av.open(str(tmp_path / "out.mp4")) as container:
        kinds = [frame.pict_type for frame in container.decode(video=0)]
    edges = [n for n in range(1, len(shown)) if shown[n] != shown[n - 1]]
    assert len(edges) == 2
    assert all(kinds[edge] == PictureType.I for edge in edges)


def turn(path: Path) -> None:
    """Make an mp4 say that its pictures are to be shown turned clockwise by 90 degrees."""
    data = path.read_bytes()
    at = data.index(b"tkhd") + 44
    matrix = struct.pack(">9i", 0, 1 << 16, 0, -(1 << 16), 0, 0, 48 << 16, 0, 1 << 30)
    path.write_bytes(data[:at] + matrix + data[at + 36 :])


def halves(index: int) -> NDArray[np.uint8]:
    """Left half red, right half white."""
    rgb = np.full((48, 64, 3), 250, np.uint8)
    rgb[:, :32] = RED
    return rgb


def test_a_turned_video_is_exported_upright(tmp_path: Path) -> None:
    clip = write_stamped(tmp_path / "clip.mp4", EVERY_FRAME, color=halves)
    turn(clip)
    case = make_case(tmp_path / "case", clip)
    export(case, "video", tmp_path / "out.mp4")
    picture = decoded(tmp_path / "out.mp4")[2][50]
    assert picture.shape == (64, 48, 3)
    assert np.abs(picture[:28].astype(int) - RED).max() < 20
    assert picture[36:].min() > 230


def test_oblong_pixels_are_exported_square(tmp_path: Path) -> None:
    clip = write_stamped(tmp_path / "clip.mp4", EVERY_FRAME, aspect=Fraction(2))
    case = make_case(tmp_path / "case", clip)
    export(case, "video", tmp_path / "out.mp4")
    assert decoded(tmp_path / "out.mp4")[2][50].shape == (48, 128, 3)


@pytest.mark.parametrize("size", [(63, 47), (64, 47), (2, 2)])
def test_odd_sizes_are_kept_on_an_even_canvas(tmp_path: Path, size: tuple[int, int]) -> None:
    clip = write_stamped(tmp_path / "clip.mp4", EVERY_FRAME, size=size)
    case = make_case(tmp_path / "case", clip)
    export(case, "video", tmp_path / "out.mp4")
    picture = decoded(tmp_path / "out.mp4")[2][50]
    assert picture.shape == (size[1] + size[1] % 2, size[0] + size[0] % 2, 3)
    assert np.abs(picture[: size[1] - 1, : size[0] - 1].astype(int) - RED).max() < 60


def test_the_video_carries_no_metadata(case: Path, tmp_path: Path) -> None:
    export(case, "video", tmp_path / "out.mp4")
    export(case, "video", tmp_path / "again.mp4")
    data = (tmp_path / "out.mp4").read_bytes()
    assert data == (tmp_path / "again.mp4").read_bytes()
    assert b"Patient" not in data
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert "creation_time" not in container.metadata
        assert "encoder" not in container.metadata
        assert not container.streams.audio


# --- frames ----------------------------------------------------------------------------------


def test_frames_are_named_by_case_time_and_listed(case: Path, tmp_path: Path) -> None:
    export(case, "frames", tmp_path / "frames", every_ns=500_000_000)
    with (tmp_path / "frames" / "index.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert [row["file"] for row in rows] == [
        "000000000.jpg", "000000520.jpg", "000001000.jpg", "000001520.jpg",
        "000002000.jpg", "000002520.jpg", "000003000.jpg", "000003520.jpg",
    ]  # fmt: skip
    assert rows[1] == {
        "file": "000000520.jpg",
        "stamp": "6656",
        "time_base": "1/12800",
        "case_seconds": "0.520000",
        "blanked": "0",
    }
    gate = Case.open(case).timeline().gate
    for row in rows:
        allowed = gate.allows(0, int(row["stamp"]) * 78125)
        assert row["blanked"] == ("0" if allowed else "1")
        assert (decoded(tmp_path / "frames" / row["file"])[2][0].max() <= BLACK) != allowed


# --- text ------------------------------------------------------------------------------------


def failing(text: str) -> Any:
    payload = {"what": "It broke", "why": text, "remedy": "None"}
    return event("error", 1.0, payload, stage="engine")


@pytest.mark.parametrize("to", ["jsonl", "csv", "webvtt"])
def test_text_exports_tell_nothing_about_the_source(tmp_path: Path, to: str) -> None:
    clip = write_stamped(tmp_path / "Patient Name.mp4", EVERY_FRAME)
    case = make_case(tmp_path / "case", clip, extra=[failing(f"{clip} ends early")])
    assert "Patient" in (case / "events.jsonl").read_text()
    export(case, to, tmp_path / "out")
    text = (tmp_path / "out").read_text()
    assert "ends early" in text
    for secret in ("Patient", str(tmp_path), "clip.mp4", '"host"', "2026-"):
        assert secret not in text


def test_jsonl_holds_every_event_in_order(case: Path, tmp_path: Path) -> None:
    exported = export(case, "jsonl", tmp_path / "out.jsonl")
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [row["key"] for row in rows] == [e.key for e in Case.open(case).events()]
    assert exported.count == len(rows) == 202


def test_csv_gives_seconds_and_stamps_of_every_segment(case: Path, tmp_path: Path) -> None:
    export(case, "csv", tmp_path / "out.csv")
    with (tmp_path / "out.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    blank = next(row for row in rows if row["name"] == "out_of_body")
    assert (blank["start_seconds"], blank["end_seconds"]) == ("2.000", "3.000")
    assert (blank["start_stamp"], blank["end_stamp"]) == ("25600", "38400")
    assert (blank["time_base"], blank["samples"], blank["epoch"]) == ("1/12800", "25", "0")


def test_a_cell_cannot_run_in_a_spreadsheet(tmp_path: Path) -> None:
    clip = write_stamped(tmp_path / "clip.mp4", EVERY_FRAME)
    made = failing("x")
    made.payload["what"] = '=HYPERLINK("http://evil")'
    case = make_case(tmp_path / "case", clip, extra=[made])
    export(case, "csv", tmp_path / "out.csv")
    assert "'=HYPERLINK" in (tmp_path / "out.csv").read_text()


def test_webvtt_cues_are_in_case_time_and_escaped(tmp_path: Path) -> None:
    clip = write_stamped(tmp_path / "clip.mp4", [i + 128_000 for i in EVERY_FRAME])
    made = event("error", 11.0, {"what": "a --> <b>", "why": "", "remedy": ""}, stage="engine")
    case = make_case(tmp_path / "case", clip, allow=in_body, extra=[made])
    export(case, "webvtt", tmp_path / "out.vtt")
    text = (tmp_path / "out.vtt").read_text()
    assert text.startswith("WEBVTT\n\nNOTE Research use only. Not a medical device.\n")
    assert "00:00:02.000 --> 00:00:03.000\nView out of the body" in text
    assert "a --&gt; &lt;b&gt;" in text
    assert "In the body" not in text


# --- refusals --------------------------------------------------------------------------------


def test_an_unknown_format_is_refused_with_the_nearest_name(case: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="Did you mean 'jsonl'"):
        export(case, "json", tmp_path / "out")


@pytest.mark.parametrize("to", FORMATS)
def test_an_existing_target_is_left_alone(case: Path, tmp_path: Path, to: str) -> None:
    target = tmp_path / "out.mp4"
    target.write_text("mine")
    with pytest.raises(OutputError, match="exists already"):
        export(case, to, target)
    assert target.read_text() == "mine"


@pytest.mark.parametrize("to", FORMATS)
def test_a_target_in_a_missing_folder_is_refused(case: Path, tmp_path: Path, to: str) -> None:
    with pytest.raises(OutputError, match="cannot be written"):
        export(case, to, tmp_path / "absent" / "out.mp4")


def in_child(body: Callable[[], None]) -> int:
    """Run `body` in a child process and return its exit status."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            body()
            code = 0
        except OutputError:
            code = OutputError.exit_code
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


@pytest.mark.parametrize("to", ["jsonl", "video", "frames"])
def test_a_full_disk_is_one_error_and_leaves_nothing(case: Path, tmp_path: Path, to: str) -> None:
    def body() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (600, 600))
        export(case, to, tmp_path / "out.mp4")

    before = sorted(tmp_path.iterdir())
    assert in_child(body) == 6
    assert sorted(tmp_path.iterdir()) == before


def test_a_missing_source_leaves_nothing(case: Path, tmp_path: Path) -> None:
    (tmp_path / "Patient Name.mp4").unlink()
    before = sorted(tmp_path.iterdir())
    with pytest.raises(SourceError, match="--source PATH"):
        export(case, "video", tmp_path / "out.mp4")
    assert sorted(tmp_path.iterdir()) == before


def test_an_unfinished_case_is_refused(tmp_path: Path) -> None:
    clip = write_stamped(tmp_path / "clip.mp4", EVERY_FRAME)
    case = make_case(tmp_path / "case", clip, closed=False)
    with pytest.raises(CaseError, match="resume"):
        export(case, "csv", tmp_path / "out.csv")


def test_an_interrupt_leaves_nothing(case: Path, tmp_path: Path) -> None:
    def stop(case_ns: int, count: int) -> None:
        if count == 30:
            raise KeyboardInterrupt

    before = sorted(tmp_path.iterdir())
    with pytest.raises(KeyboardInterrupt):
        export(case, "frames", tmp_path / "frames", progress=stop)
    assert sorted(tmp_path.iterdir()) == before


def test_only_frames_can_be_thinned(case: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no --every.*allowed: frames"):
        export(case, "video", tmp_path / "out.mp4", every_ns=1)
