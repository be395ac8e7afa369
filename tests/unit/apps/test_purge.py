from __future__ import annotations

from pathlib import Path

import pytest

from videoengine.apps.purge import purge
from videoengine.apps.verify import verify
from videoengine.case import Case
from videoengine.errors import CaseError


def fill(case: Path) -> None:
    (case / "quarantine" / "deep").mkdir()
    (case / "quarantine" / "deep" / "raw.ts").write_bytes(b"12345")
    (case / "quarantine" / "raw.ts").write_bytes(b"123")


def test_the_content_goes_and_the_folder_stays(case: Path) -> None:
    fill(case)
    purged = purge(case)
    assert (purged.files, purged.size) == (2, 8)
    assert list((case / "quarantine").iterdir()) == []


def test_the_log_says_who_purged_and_stays_valid(case: Path) -> None:
    before = list(Case.open(case).events())
    fill(case)
    purge(case)
    purge(case)
    audits = list(Case.open(case).events("audit"))
    assert [a.payload["action"] for a in audits] == ["purge", "purge"]
    assert all(a.payload["by"] and a.payload["subject"] == "quarantine" for a in audits)
    assert audits[0].start_ns == audits[0].end_ns == before[-1].end_ns
    assert verify(case).events == len(before) + 2


def test_the_timeline_is_the_same_after_a_purge(case: Path) -> None:
    before = Case.open(case).timeline()
    purge(case)
    after = Case.open(case).timeline()
    assert before.segments == after.segments
    assert [mark.kind for mark in after.marks] == ["audit"]


def test_what_a_link_points_at_is_not_deleted(case: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "keep").touch()
    (case / "quarantine" / "link").symlink_to(outside)
    purge(case)
    assert (outside / "keep").exists()
    assert not (case / "quarantine" / "link").is_symlink()


def test_a_quarantine_that_is_a_link_is_refused(case: Path, tmp_path: Path) -> None:
    (case / "quarantine").rmdir()
    (tmp_path / "keep").touch()
    (case / "quarantine").symlink_to(tmp_path)
    with pytest.raises(CaseError, match="is a link"):
        purge(case)
    assert (tmp_path / "keep").exists()


def test_a_case_that_is_being_written_is_refused(case: Path) -> None:
    fill(case)
    with Case.open_for_writing(case), pytest.raises(CaseError, match="pid"):
        purge(case)
    assert (case / "quarantine" / "raw.ts").exists()
