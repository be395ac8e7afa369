from __future__ import annotations

import io
import shutil
import subprocess
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.error import InvalidDataError
from numpy.typing import NDArray
from support.recordings import RED, make_case, write_stamped

from videoengine.apps.export import export
from videoengine.errors import OutputError

pydicom: Any = pytest.importorskip("pydicom", reason="pip install 'videoengine[clinical]'")

STAMPS = [512 * index for index in range(50)]
"""2 s at 25 fps."""
UNEVEN = [0, 512, 1536, 2048, 3072, *(4096 + 512 * index for index in range(30))]
HIGH_4_1 = "1.2.840.10008.1.2.4.102"
Decoded = tuple[list[Fraction], list[NDArray[np.uint8]]]


def decoded(stream: Any) -> Decoded:
    """Stamps in seconds, and RGB pictures."""
    opened: Any = av.open(stream)
    with opened as container:
        frames = list(container.decode(video=0))
        assert not container.streams.audio
    stamps = [Fraction(frame.pts or 0) * (frame.time_base or 1) for frame in frames]
    pictures: list[Any] = [frame.to_ndarray(format="rgb24") for frame in frames]
    return stamps, pictures


def fragment(path: Path) -> bytes:
    """The one fragment of a DICOM file, as pydicom reads it."""
    data = pydicom.dcmread(path)
    fragments = list(pydicom.encaps.generate_fragments(data.PixelData))
    assert fragments[0] == b""  # the empty offset table
    assert len(fragments) == 2
    return bytes(fragments[1])


@pytest.fixture
def made(tmp_path: Path) -> Callable[..., tuple[Any, Decoded, Path]]:
    """Export a case of a clip; return the dataset, what PyAV decodes from it, and the file."""

    def make(clip: Path, **options: Any) -> tuple[Any, Decoded, Path]:
        out = tmp_path / "video.dcm"
        export(make_case(tmp_path / "case", clip, **options), "dicom-video", out)
        return pydicom.dcmread(out), decoded(io.BytesIO(fragment(out))), out

    return make


def test_an_unblanked_h264_source_is_encapsulated_packet_by_packet(
    tmp_path: Path, made: Callable[..., Any]
) -> None:
    clip = write_stamped(tmp_path / "clip.mp4", STAMPS)
    data, (stamps, pictures), _ = made(clip)
    wanted, originals = decoded(str(clip))
    assert stamps == wanted
    assert all(np.array_equal(a, b) for a, b in zip(pictures, originals, strict=True))
    assert data.ImageType == ["ORIGINAL", "PRIMARY"]
    assert data.file_meta.TransferSyntaxUID == HIGH_4_1
    assert (data.LossyImageCompression, data.LossyImageCompressionMethod) == ("01", "ISO_14496_10")


@pytest.mark.parametrize("ending", ["mp4", "mkv", "ts"])
def test_pictures_coded_out_of_order_keep_their_stamps_from_every_container(
    ending: str, tmp_path: Path, made: Callable[..., Any]
) -> None:
    clip = tmp_path / f"clip.{ending}"
    with av.open(str(clip), "w") as container:
        options = {"bf": "3", "x264-params": "b-adapt=0"}
        stream: Any = container.add_stream("libx264", rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for index in range(60):
            picture = np.full((48, 64, 3), 60 + 2 * index, np.uint8)
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts = index
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    data, (stamps, pictures), _ = made(clip)
    wanted, originals = decoded(str(clip))
    assert data.ImageType[0] == "ORIGINAL"
    assert stamps == wanted
    assert all(np.array_equal(a, b) for a, b in zip(pictures, originals, strict=True))


def test_packets_that_mp4_refuses_are_encoded_again(
    tmp_path: Path, made: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise InvalidDataError(1094995529, "Invalid data found when processing input")

    monkeypatch.setattr("videoengine.apps.documents.remux._copied", refuse)
    data, (stamps, _), _ = made(write_stamped(tmp_path / "clip.mp4", STAMPS))
    assert data.ImageType[0] == "DERIVED"
    assert stamps == [Fraction(pts, 12800) for pts in STAMPS]


def test_blanked_frames_are_black_and_the_video_is_encoded_again(
    tmp_path: Path, made: Callable[..., Any]
) -> None:
    clip = write_stamped(tmp_path / "clip.mp4", [512 * index for index in range(100)])
    data, (stamps, pictures), _ = made(clip, allow=lambda seconds: seconds < 2.0)
    assert stamps == decoded(str(clip))[0]
    assert all(picture.max() < 8 for picture in pictures[50:])
    assert abs(int(pictures[20][24, 32, 0]) - RED[0]) < 12
    assert data.ImageType == ["DERIVED", "PRIMARY"]
    assert "frames are black by the privacy gate" in data.DerivationDescription
    assert data.LossyImageCompressionMethod == ["ISO_14496_10", "ISO_14496_10"]


def test_a_view_circle_keeps_the_source_from_being_remuxed(
    tmp_path: Path, made: Callable[..., Any]
) -> None:
    clip = write_stamped(tmp_path / "clip.mp4", STAMPS)
    data, (_, pictures), _ = made(clip, circle={"cx": 0.5, "cy": 0.5, "radius": 0.3})
    assert data.ImageType[0] == "DERIVED"
    assert pictures[10][0, 0].max() < 8


def test_another_codec_is_encoded_and_both_compressions_are_named(
    tmp_path: Path, made: Callable[..., Any]
) -> None:
    clip = write_stamped(tmp_path / "clip.mp4", STAMPS, codec="libx265")
    data, (stamps, _), _ = made(clip)
    assert stamps == decoded(str(clip))[0]
    assert data.LossyImageCompressionMethod == ["ISO_23008_2", "ISO_14496_10"]
    assert len(data.LossyImageCompressionRatio) == 2


def test_pictures_too_large_for_the_level_are_made_smaller_and_keep_their_shape(
    tmp_path: Path, made: Callable[..., Any]
) -> None:
    clip = write_stamped(tmp_path / "clip.mp4", STAMPS[:3], size=(2560, 1600))
    data, (stamps, _), _ = made(clip)
    assert len(stamps) == 3
    assert (data.Columns, data.Rows) < (2560, 1600)
    assert abs(data.Columns / data.Rows - 1.6) < 0.01
    assert -(-data.Columns // 16) * -(-data.Rows // 16) <= 8704
    assert data.file_meta.TransferSyntaxUID in (HIGH_4_1, HIGH_4_1[:-1] + "4")


def test_uneven_stamps_are_kept_in_the_stream_and_in_the_frame_time_vector(
    tmp_path: Path, made: Callable[..., Any]
) -> None:
    clip = write_stamped(tmp_path / "clip.mp4", UNEVEN)
    data, (stamps, _), _ = made(clip)
    assert stamps == [Fraction(pts, 12800) for pts in UNEVEN]
    assert data.NumberOfFrames == len(UNEVEN)
    times = np.cumsum([float(step) for step in data.FrameTimeVector])
    assert np.allclose(times, [float(stamp) * 1000 for stamp in stamps], atol=0.01)


def test_steady_stamps_are_said_as_one_frame_time(tmp_path: Path, made: Callable[..., Any]) -> None:
    data, _, _ = made(write_stamped(tmp_path / "clip.mp4", STAMPS))
    assert (float(data.FrameTime), data.CineRate) == (40.0, 25)
    assert float(data.EffectiveDuration) == 2.0


def test_no_name_path_or_date_of_the_source_is_in_the_file(
    tmp_path: Path, made: Callable[..., Any]
) -> None:
    plain = write_stamped(tmp_path / "plain.mp4", STAMPS)
    named = tmp_path / "Patient Name.mp4"
    with av.open(str(plain)) as source, av.open(str(named), "w") as copy:
        stream = copy.add_stream_from_template(source.streams.video[0])
        copy.metadata["title"] = stream.metadata["handler_name"] = "Patient Name 1961-02-03"
        for packet in source.demux(source.streams.video[0]):
            if packet.pts is not None:
                packet.stream = stream
                copy.mux(packet)
    assert b"Patient Name" in named.read_bytes()
    assert b"x264" in named.read_bytes()
    data, _, out = made(named)
    content = out.read_bytes()
    assert data.ImageType[0] == "ORIGINAL"
    assert b"Patient Name" not in content
    assert b"x264" not in content  # side messages are gone too
    assert (data.PatientName, data.PatientID, data.StudyDate) == ("", "", "")
    assert data.PatientIdentityRemoved == "YES"


def test_the_same_case_gives_the_same_bytes(tmp_path: Path) -> None:
    clip = write_stamped(tmp_path / "clip.mp4", STAMPS)
    case = make_case(tmp_path / "case", clip, allow=lambda seconds: seconds < 1.5)
    for name in ("a.dcm", "b.dcm"):
        export(case, "dicom-video", tmp_path / name)
    assert (tmp_path / "a.dcm").read_bytes() == (tmp_path / "b.dcm").read_bytes()


def test_nothing_is_left_beside_a_target_that_stands_already(tmp_path: Path) -> None:
    case = make_case(tmp_path / "case", write_stamped(tmp_path / "clip.mp4", STAMPS))
    (tmp_path / "video.dcm").write_text("mine")
    before = sorted(tmp_path.iterdir())
    with pytest.raises(OutputError, match="exists already"):
        export(case, "dicom-video", tmp_path / "video.dcm")
    assert sorted(tmp_path.iterdir()) == before


def test_dcmtk_reads_the_file_too(tmp_path: Path, made: Callable[..., Any]) -> None:
    dcmdump = shutil.which("dcmdump")
    if dcmdump is None:
        pytest.skip("no dcmdump: apt-get install dcmtk")
    _, _, out = made(write_stamped(tmp_path / "clip.mp4", STAMPS))
    run = subprocess.run([dcmdump, str(out)], capture_output=True, check=True, text=True)
    assert "=VideoEndoscopicImageStorage" in run.stdout
    assert "MPEG4HighProfile/Level4.1" in run.stdout
