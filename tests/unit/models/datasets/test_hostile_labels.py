"""Label files in which one value is another one: read, or refused with one error, never a crash."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support import published_trees as trees

from videoengine.errors import VideoEngineError
from videoengine.models.datasets import list_videos, open_dataset

TRIES = 25
ODD: tuple[Any, ...] = (
    None, True, -1, 0, 1e300, float("nan"), float("inf"), 10**400, "x", "", [], {}, [[]], {"a": 1},
    "\ud800",
)  # fmt: skip
TEXTS = (b"-1", b"1e999", b'"', b",", b"\t", b"\n", b"9" * 30, b"\0", b"\xff", b"|")
JSON: dict[str, Callable[[Path], Path]] = {
    "cholect50": trees.cholect50,
    "endoscapes": trees.endoscapes,
    "hyperkvasir": trees.hyperkvasir,
    "medmultipoints": trees.medmultipoints,
}
TABLES: dict[str, Callable[[Path], Path]] = {
    "autolaparo": trees.autolaparo,
    "cholec80": trees.cholec80,
    "cholect45": trees.cholect45,
    "endovis2018": trees.endovis2018,
    "ophnet": trees.ophnet,
    "pitvis": trees.pitvis,
}


def read_all(root: Path) -> None:
    """Open each video, and ask for the truth of its first frames."""
    for video in list_videos(root):
        with open_dataset(video.uri, stream_id="s0") as source:
            for frame, _ in zip(source, range(3), strict=False):
                source.truth(frame, arrays=source.truth_arrays)


def places(value: Any, here: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path to each value inside a JSON value."""
    items: Any = value.items() if isinstance(value, dict) else ()
    for key, item in enumerate(value) if isinstance(value, list) else items:
        yield (*here, key)
        yield from places(item, (*here, key))


@pytest.mark.parametrize("name", sorted(JSON))
def test_an_odd_value_in_json_is_read_or_refused(name: str, tmp_path: Path) -> None:
    root, rng = JSON[name](tmp_path / "set"), random.Random(name)
    for path in sorted(root.rglob("*.json*")):
        text = path.read_text("utf-8")
        for _ in range(TRIES):
            lines = text.splitlines() if path.suffix == ".jsonl" else [text]
            rows: list[Any] = [json.loads(line) for line in lines]
            *folder, last = rng.choice([place for place in places(rows) if len(place) > 1])
            holder: Any = rows
            for key in folder:
                holder = holder[key]
            holder[last] = rng.choice(ODD)
            path.write_text("\n".join(json.dumps(row) for row in rows), "utf-8")
            try:
                read_all(root)
            except VideoEngineError as error:
                assert "\n" not in str(error)
        path.write_text(text, "utf-8")


@pytest.mark.parametrize("name", sorted(TABLES))
def test_odd_bytes_in_a_table_are_read_or_refused(name: str, tmp_path: Path) -> None:
    root, rng = TABLES[name](tmp_path / "set"), random.Random(name)
    for path in sorted(path for path in root.rglob("*") if path.suffix in (".txt", ".csv")):
        whole = path.read_bytes()
        for _ in range(TRIES // 5):
            start = rng.randrange(len(whole))
            tail = whole[start + rng.randrange(6) :]
            path.write_bytes(whole[:start] + rng.choice(TEXTS) + tail)
            try:
                read_all(root)
            except VideoEngineError as error:
                assert "\n" not in str(error)
        path.write_bytes(whole)
