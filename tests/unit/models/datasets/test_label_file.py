"""Label files: rows know their line, and what is wrong is said with it."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.published_trees import write

from videoengine.errors import SourceError
from videoengine.models.datasets import label_file


def rows(path: Path, text: str, delimiter: str = ",") -> list[label_file.Row]:
    return list(label_file.read_table(write(path, text), ("a", "b"), delimiter=delimiter))


def test_a_mark_quotes_spaces_and_empty_lines_are_read(tmp_path: Path) -> None:
    found = rows(tmp_path / "t.csv", '\ufeffb,a\n" 1,2 ",3\n\n4, 5\n')
    assert [(row.text("a"), row.text("b"), row.line) for row in found] == [
        ("3", "1,2", 2), ("5", "4", 4),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a,c\n1,2\n", "line 1: the column 'b' is missing"),
        ("a,b\n1,2\n1\n", "line 3: the row has another length; got 1 values"),
        ("", "line 1: the table is empty"),
        ('a,b\n"1,2\n', "the table is broken"),
    ],
)
def test_a_wrong_table_is_refused_with_its_line(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(SourceError, match=r"t\.csv.*Copy the file again") as caught:
        rows(tmp_path / "t.csv", text)
    assert words in str(caught.value)


@pytest.mark.parametrize("value", ["x", "1.5", "-1", "9", "", "1e3", "9" * 30, "²", "--1"])
def test_a_value_that_is_no_id_is_refused(tmp_path: Path, value: str) -> None:
    row = rows(tmp_path / "t.csv", f"a,b\n{value},0\n")[0]
    with pytest.raises(SourceError, match=r"line 2: a is wrong.*an integer from 0 to 8"):
        row.integer("a", 0, 8)


@pytest.mark.parametrize("value", ["x", "nan", "-0.5", "inf", ""])
def test_a_time_that_is_none_is_refused(tmp_path: Path, value: str) -> None:
    row = rows(tmp_path / "t.csv", f"a,b\n{value},0\n")[0]
    with pytest.raises(SourceError, match="line 2: a is wrong"):
        row.seconds("a")


def test_bytes_that_are_no_text_and_a_missing_file_are_refused(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(b"a,b\n\xff\xfe,1\n")
    with pytest.raises(SourceError, match="no UTF-8"):
        label_file.read_text(tmp_path / "t.csv")
    with pytest.raises(SourceError, match=r"gone\.csv cannot be read"):
        label_file.read_text(tmp_path / "gone.csv")


@pytest.mark.parametrize(
    ("text", "words"),
    [("{", "line 1: this is no JSON"), ('{\n"a": }', "line 2"), ("[" * 100_000, "JSON")],
)
def test_broken_json_is_refused(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(SourceError, match=words):
        label_file.read_json(write(tmp_path / "t.json", text))


@pytest.mark.parametrize("value", [None, "x", [1], [1, 2, 3], [1, float("nan")], [1, "2"], {}])
def test_numbers_must_be_finite_and_as_many_as_asked(tmp_path: Path, value: object) -> None:
    with pytest.raises(SourceError, match="at here"):
        label_file.numbers_at(tmp_path / "t.json", value, "here", 2)
