"""The case directory: made whole, one writer, every damage one clear line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from videoengine import durable
from videoengine.case import Case, Manifest, SourceRecord, read_manifest
from videoengine.errors import CaseError, OutputError


def manifest() -> Manifest:
    return Manifest(
        1,
        "id",
        "2026-01-01T00:00:00+00:00",
        "0",
        "s0",
        "unknown",
        None,
        "run",
        {},
        SourceRecord("a.mp4", 1, "00"),
    )


def test_a_case_is_made_whole_and_locked(tmp_path: Path) -> None:
    with Case.create(tmp_path / "case", manifest()) as case:
        assert oct((case.path / "quarantine").stat().st_mode)[-3:] == "700"
        assert Case.open(case.path).manifest == manifest()
        with pytest.raises(CaseError, match=f"pid {os.getpid()}"):
            Case.open_for_writing(case.path)
    Case.open_for_writing(tmp_path / "case").close()


def test_a_second_process_is_told_the_pid_of_the_first(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom videoengine.case import Case\nfrom videoengine.errors import CaseError\n"
        "try:\n    Case.open_for_writing(sys.argv[1])\n"
        "except CaseError as error:\n    print(error); sys.exit(error.exit_code)"
    )
    with Case.create(tmp_path / "case", manifest()) as case:
        done = subprocess.run(
            [sys.executable, "-c", code, str(case.path)],
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 5
    assert f"pid {os.getpid()}" in done.stdout


@pytest.mark.parametrize("operation", ["write", "fsync", "rename"])
def test_a_case_whose_making_fails_leaves_nothing(tmp_path: Path, operation: str) -> None:
    def fail(reached: str) -> None:
        if reached == operation:
            raise OSError(30, "Read-only file system")

    durable.inject_fault(fail)
    try:
        with pytest.raises(OutputError, match="Read-only"):
            Case.create(tmp_path / "case", manifest())
    finally:
        durable.inject_fault(None)
    assert list(tmp_path.iterdir()) == []


def test_what_a_kill_left_of_an_unborn_case_is_removed_by_the_next_one(tmp_path: Path) -> None:
    stale = tmp_path / ".case.1.partial"
    stale.mkdir()
    Case.create(tmp_path / "case", manifest()).close()
    assert [path.name for path in tmp_path.iterdir()] == ["case"]


def test_an_existing_path_is_refused_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "case").mkdir()
    with pytest.raises(OutputError, match="resume"):
        Case.create(tmp_path / "case", manifest())


def test_a_folder_that_is_no_case_says_so(tmp_path: Path) -> None:
    with pytest.raises(CaseError, match=r"not a case; got no manifest\.json"):
        Case.open(tmp_path)
    with pytest.raises(CaseError, match="nothing there"):
        Case.open(tmp_path / "none")


def test_a_newer_manifest_asks_for_an_upgrade(tmp_path: Path) -> None:
    path = tmp_path / "manifest.json"
    path.write_text(json.dumps({**manifest().to_json(), "schema": 9, "more": 1}))
    with pytest.raises(CaseError, match="newer videoengine; got schema 9; allowed: schema 1"):
        read_manifest(path)


@given(st.binary(max_size=200))
@settings(max_examples=100, deadline=None)
def test_any_bytes_as_a_manifest_give_one_clear_line(
    tmp_path_factory: pytest.TempPathFactory, junk: bytes
) -> None:
    path = tmp_path_factory.mktemp("case") / "manifest.json"
    path.write_bytes(junk)
    with pytest.raises(CaseError) as caught:
        read_manifest(path)
    assert "\n" not in str(caught.value)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(st.sampled_from(sorted(manifest().to_json())), JSON)
@settings(max_examples=200, deadline=None)
def test_any_value_in_a_manifest_is_read_or_refused_in_one_line(
    tmp_path_factory: pytest.TempPathFactory, name: str, value: object
) -> None:
    path = tmp_path_factory.mktemp("case") / "manifest.json"
    path.write_text(json.dumps({**manifest().to_json(), name: value}))
    try:
        read_manifest(path)
    except CaseError as error:
        assert "\n" not in str(error)


def test_an_interrupted_replacement_keeps_the_old_manifest(tmp_path: Path) -> None:
    with Case.create(tmp_path / "case", manifest()) as case:

        def fail(operation: str) -> None:
            if operation == "rename":
                raise OSError(5, "Input/output error")

        durable.inject_fault(fail)
        try:
            with pytest.raises(OutputError):
                case.save_epochs([])
        finally:
            durable.inject_fault(None)
        assert read_manifest(case.path / "manifest.json") == manifest()
        assert not list(case.path.glob(".manifest*"))
