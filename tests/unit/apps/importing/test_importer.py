"""What holds of every import: whole or not at all, one error, and people beside one another."""

from __future__ import annotations

import errno
import os
import re
import resource
import signal
import tempfile
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.stated_cases import Box, Layout, Said, Stretch, make_stated, some_case

from videoengine.apps.export import export
from videoengine.apps.importing import READERS, import_annotations
from videoengine.apps.verify import verify
from videoengine.case import EVENTS, Case, SourceRecord
from videoengine.errors import CaseError, OutputError, SourceError, UsageError, VideoEngineError
from videoengine.payloads import InstrumentPayload, PhasePayload, TripletPayload
from videoengine.vocabularies import vocabulary

LAYOUT = Layout(Fraction(1, 12800), 512, (Stretch(tuple(512 * at for at in range(51)), 0),))
NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
HOSTILE = (
    "", "\0", "NaN", "-1", "0", "1e400", "1e-400", "99999", "-0.0", "1/0", "0x1", "9" * 400,
    "'", '"', "<", "&b;", "]]>", "{", "[", "null", "Lunch", "\U0001f600", "=1+1", "\r", "\t",
)  # fmt: skip


def statements() -> list[Said]:
    """A phase, an instrument in a box and what it does, over two seconds."""
    phase = vocabulary("cholec80/phase@1").label(1)
    tool, verb, target = (
        vocabulary(f"cholect50/{part}@1").label(1) for part in ("instrument", "verb", "target")
    )
    box: Box = (0.25, 0.25, 0.5, 0.5)
    return [
        Said("phase", 0, 0, 30, PhasePayload(phase, {"1": 1.0})),
        Said("instrument", 0, 5, 45, InstrumentPayload(tool, box)),
        Said("triplet", 0, 10, 40, TripletPayload(tool, verb, target)),
    ]


@pytest.fixture(scope="module")
def files(pictures: SourceRecord, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One good file of every format; where the format is a folder, the file that is read first."""
    folder = tmp_path_factory.mktemp("files")
    case = make_stated(folder / "case", LAYOUT, statements(), source=pictures)
    made: dict[str, Path] = {}
    for name in READERS:
        export(case, name, folder / name)
        parts = sorted(
            (item for item in (folder / name).rglob("*") if item.is_file()),
            key=lambda item: item.name not in ("annotations.xml", "tasks.json"),
        )
        made[name] = parts[0] if parts else folder / name
    return made


@pytest.mark.parametrize("name", READERS)
@settings(max_examples=12, deadline=None)
@given(data=st.data())
def test_a_damaged_file_is_imported_whole_or_refused_in_one_line(
    files: dict[str, Path], name: str, data: st.DataObject
) -> None:
    text = files[name].read_text()
    numbers = [match.span() for match in NUMBER.finditer(text)]
    anywhere = st.tuples(st.integers(0, len(text)), st.sampled_from([0, 1, 5, 40, len(text)]))
    start, end = data.draw(
        st.sampled_from(numbers) | anywhere.map(lambda spot: (spot[0], sum(spot)))
    )
    damaged = text[:start] + data.draw(st.sampled_from(HOSTILE)) + text[end:]
    with tempfile.TemporaryDirectory() as place:
        case = make_stated(Path(place) / "case", LAYOUT, [])
        path = Path(place) / files[name].name
        path.write_text(damaged, "utf-8")
        before = (case / EVENTS).read_bytes()
        try:
            imported = import_annotations(case, path, name, by="Dr A")
        except VideoEngineError as error:
            assert "\n" not in str(error)
            assert (case / EVENTS).read_bytes() == before
        else:
            assert sum(imported.stages.values()) > 0
            verify(case)
            Case.open(case).timeline()


@pytest.mark.parametrize("name", READERS)
def test_the_file_of_a_case_is_imported_and_of_none_is_refused(
    files: dict[str, Path], name: str, tmp_path: Path
) -> None:
    case = make_stated(tmp_path / "case", LAYOUT, [])
    assert import_annotations(case, files[name], name, by="Dr A").stages
    for other, path in files.items():
        if other != name:
            fresh = make_stated(tmp_path / other, LAYOUT, [])
            with pytest.raises(SourceError):
                import_annotations(fresh, path, name, by="Dr A")
    with pytest.raises(SourceError):
        import_annotations(case, tmp_path / "absent", name, by="Dr A")


ROWS = "start_seconds,end_seconds,kind,name\n0,0.4,phase,Preparation\n"


def table(folder: Path, text: str = ROWS) -> Path:
    path = folder / "rows.csv"
    path.write_text(text)
    return path


def test_a_second_person_stands_beside_the_first_and_is_heard_last(tmp_path: Path) -> None:
    case, path = some_case(tmp_path / "case"), table(tmp_path)
    first = import_annotations(case, path, "csv", by="Dr A")
    second = import_annotations(case, path, "csv", by="Dr B")
    assert (list(first.stages), list(second.stages)) == (["people.phase"], ["people-2.phase"])
    segments = Case.open(case).timeline().of("phase")
    assert {one.stage for one in segments} == {"people.phase", "people-2.phase"}
    assert len({(one.name, one.start_ns, one.end_ns) for one in segments}) == 1
    audits = [event.payload["by"] for event in Case.open(case).events("audit")]
    assert audits == ["Dr A", "Dr B"]
    verify(case)


def test_the_same_file_of_the_same_person_adds_nothing(tmp_path: Path) -> None:
    case, path = some_case(tmp_path / "case"), table(tmp_path)
    import_annotations(case, path, "csv", by="Dr A")
    before = (case / EVENTS).read_bytes()
    assert import_annotations(case, path, "csv", by=" Dr  A ").stages == {}
    assert (case / EVENTS).read_bytes() == before


def test_a_later_file_of_a_person_speaks_instead_of_the_earlier_one(tmp_path: Path) -> None:
    case = some_case(tmp_path / "case")
    import_annotations(case, table(tmp_path), "csv", by="Dr A")
    later = table(tmp_path, ROWS.replace("Preparation", "ClippingCutting"))
    import_annotations(case, later, "csv", by="Dr A")
    assert [one.name for one in Case.open(case).timeline().of("phase")] == ["ClippingCutting"]
    assert len(list(Case.open(case).events("phase"))) == 2


def exit_code(body: Any) -> int:
    """Run `body` in a child process and return its exit status: that of the error, or 0."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            body()
            code = 0
        except VideoEngineError as error:
            code = error.exit_code
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_a_full_disk_is_one_error_and_the_log_is_as_it_was(tmp_path: Path) -> None:
    case, path = some_case(tmp_path / "case"), table(tmp_path)
    before = (case / EVENTS).read_bytes()

    def body() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        most = len(before) + 700  # the run begins, and does not fit
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
        import_annotations(case, path, "csv", by="Dr A")

    assert exit_code(body) == OutputError.exit_code
    assert (case / EVENTS).read_bytes() == before
    assert import_annotations(case, path, "csv", by="Dr A").stages == {"people.phase": 1}
    verify(case)


def test_a_log_that_cannot_be_written_is_one_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    case, path = some_case(tmp_path / "case"), table(tmp_path)
    before = (case / EVENTS).read_bytes()
    really = os.open

    def refuse(name: Any, flags: int, *more: Any, **named: Any) -> int:
        if str(name).endswith(EVENTS) and flags & (os.O_WRONLY | os.O_RDWR):
            raise OSError(errno.EROFS, "Read-only file system")
        return really(name, flags, *more, **named)

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(OutputError, match="Read-only file system"):
        import_annotations(case, path, "csv", by="Dr A")
    assert (case / EVENTS).read_bytes() == before


def test_a_case_that_another_writes_is_refused(tmp_path: Path) -> None:
    case = some_case(tmp_path / "case")
    with Case.open_for_writing(case), pytest.raises(CaseError):
        import_annotations(case, table(tmp_path), "csv", by="Dr A")


@pytest.mark.parametrize("by", ["", "  ", "=1+1", "a\nb\0", "x" * 300])
def test_who_annotated_has_a_name_that_can_stand_in_a_log(tmp_path: Path, by: str) -> None:
    with pytest.raises(UsageError, match="--by"):
        import_annotations(some_case(tmp_path / "case"), table(tmp_path), "csv", by=by)


def test_an_unknown_format_names_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="Did you mean 'cvat'"):
        import_annotations(some_case(tmp_path / "case"), table(tmp_path), "cvta", by="Dr A")
