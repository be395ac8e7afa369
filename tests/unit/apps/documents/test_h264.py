from __future__ import annotations

import io
from fractions import Fraction
from pathlib import Path

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.recordings import write_stamped

from videoengine.apps.documents.dicom_video import encapsulate
from videoengine.apps.documents.h264 import LEVELS, Profile, fitted, header, level_for, profiles

STAMPS = [512 * index for index in range(5)]


def extradata(path: Path) -> bytes:
    with av.open(str(path)) as container:
        return bytes(container.streams.video[0].codec_context.extradata or b"")


def test_profile_and_level_are_read_from_an_mp4(tmp_path: Path) -> None:
    size, found = header(extradata(write_stamped(tmp_path / "a.mp4", STAMPS)))
    assert size == 4
    assert found == [Profile(100, 10)]


def test_profile_and_level_are_read_from_start_codes(tmp_path: Path) -> None:
    path = write_stamped(
        tmp_path / "a.ts", [3600 * i for i in range(50)], time_base=Fraction(1, 90000)
    )
    size, found = header(extradata(path))
    assert size == 0
    assert set(found) == {Profile(100, 10)}


@pytest.mark.parametrize(
    ("profile", "ending"),
    [
        (Profile(100, 30), ".102"),
        (Profile(100, 41), ".102"),
        (Profile(100, 42), ".104"),
        (Profile(100, 51), None),
        (Profile(77, 30), None),  # Main is not High, though a decoder of High reads it
        (Profile(110, 41), None),  # 10 bits
    ],
)
def test_a_transfer_syntax_is_named_for_what_the_stream_is(
    profile: Profile, ending: str | None
) -> None:
    level = profile.syntax()
    assert (level and level.transfer_syntax) == (ending and f"1.2.840.10008.1.2.4{ending}")


def test_a_parameter_set_inside_a_packet_is_found() -> None:
    unit = bytes([0x67, 110, 0, 51, 9])
    packet = len(unit).to_bytes(4, "big") + unit
    assert list(profiles(packet, length_size=4)) == [Profile(110, 51)]
    assert list(profiles(b"\0\0\1" + unit, length_size=0)) == [Profile(110, 51)]


def test_damaged_headers_give_no_profile() -> None:
    for data in (b"", b"\1", b"\1\x64\0\x1e\xff\xe1\xff\xff\x67", b"\0\0\1\x67"):
        assert header(data)[1] == []


@given(st.integers(2, 9000), st.integers(2, 9000), st.integers(1, 240))
def test_every_picture_fits_a_level_once_it_is_fitted(width: int, height: int, fps: int) -> None:
    size = fitted((width, height), Fraction(fps))
    level = level_for(size, Fraction(fps))
    blocks = -(-size[0] // 16) * -(-size[1] // 16)
    assert blocks <= level.frame
    assert blocks * fps <= level.rate


def test_what_fits_is_left_as_it_is() -> None:
    assert fitted((1920, 1080), Fraction(30)) == (1920, 1080)
    assert level_for((1920, 1080), Fraction(30)) is LEVELS[0]
    assert level_for((1920, 1080), Fraction(60)) is LEVELS[1]
    assert fitted((3840, 2160), Fraction(25))[0] < 1990


@pytest.mark.parametrize("size", [1, 9, 10, 11, 25])
def test_fragments_hold_the_stream_whole_whatever_its_length(size: int) -> None:
    pydicom = pytest.importorskip("pydicom", reason="pip install 'videoengine[clinical]'")
    target, video = io.BytesIO(), bytes(range(size))
    encapsulate(io.BytesIO(video), size, target, fragment=10)
    data = target.getvalue()[12:]
    fragments = list(pydicom.encaps.generate_fragments(data))
    assert fragments[0] == b""
    assert len(fragments) == 1 + -(-size // 10)
    assert b"".join(fragments[1:])[:size] == video
    assert all(len(fragment) % 2 == 0 for fragment in fragments)
