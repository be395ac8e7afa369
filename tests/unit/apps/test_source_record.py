from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from videoengine.apps.source_record import fingerprint, record_source, reopen_source
from videoengine.case import Case
from videoengine.errors import SourceError


def test_the_fingerprint_of_a_file_is_its_size_and_sha256(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(b"abc")
    expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert fingerprint(path) == (3, expected)


def test_the_fingerprint_of_a_folder_sees_names_and_contents(tmp_path: Path) -> None:
    def folder(name: str, **files: bytes) -> Path:
        made = tmp_path / name
        made.mkdir()
        for file, data in files.items():
            (made / file).write_bytes(data)
        return made

    one = fingerprint(folder("one", a=b"1", b=b"2"))
    assert one == fingerprint(folder("two", b=b"2", a=b"1"))
    assert one != fingerprint(folder("three", a=b"1", c=b"2"))
    assert one != fingerprint(folder("four", a=b"1", b=b"3"))
    assert one[0] == 2


def test_a_hidden_file_in_a_folder_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"1")
    before = fingerprint(tmp_path)
    (tmp_path / ".DS_Store").write_bytes(b"x")
    assert fingerprint(tmp_path) == before


def test_credentials_of_a_uri_are_not_recorded() -> None:
    record = record_source("sim://user:secret@host/x")
    assert "secret" not in str(record)
    assert record.kind == "uri"


def test_a_file_uri_is_recorded_as_its_path(clip: Path) -> None:
    uri = clip.as_uri()
    assert record_source(uri) == record_source(str(clip))


def test_the_source_of_a_case_opens_again(case: Path) -> None:
    source = reopen_source(Case.open(case))
    try:
        assert [frame.pts for frame in source] == [512 * index for index in range(100)]
    finally:
        source.close()


def test_a_moved_source_is_named_by_the_caller(case: Path, clip: Path, tmp_path: Path) -> None:
    moved = tmp_path / "moved.mp4"
    shutil.move(clip, moved)
    with pytest.raises(SourceError, match="--source PATH"):
        reopen_source(Case.open(case))
    reopen_source(Case.open(case), moved).close()


@pytest.mark.parametrize("how", ["longer", "other bytes"])
def test_a_changed_source_is_refused(case: Path, clip: Path, how: str) -> None:
    data = bytearray(clip.read_bytes())
    if how == "longer":
        data += b"\0"
    else:
        data[-1] ^= 1
    clip.write_bytes(data)
    with pytest.raises(SourceError, match="not the one that was analyzed"):
        reopen_source(Case.open(case))


def test_a_source_that_cannot_be_read_is_one_error(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        with pytest.raises(SourceError, match="cannot be read"):
            fingerprint(tmp_path / "absent.mp4")
        return
    path = tmp_path / "a.mp4"
    path.touch(mode=0)
    with pytest.raises(SourceError, match="cannot be read"):
        fingerprint(path)
