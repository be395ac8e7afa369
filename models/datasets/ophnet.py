"""OphNet2024 (Hu et al., ECCV 2024): ophthalmic surgery, phases as intervals in seconds.

    annotation/OphNet2024_loca_challenge_phase.csv
                        video_id, start, end, split, surgery_id, phase_id
    annotation/OphNet2024_surgery.csv
                        video_id, "1,13,14": the main one first
    …/case_0002.mp4     anywhere below, at any rate

An interval covers the frames whose stamps lie in [start, end); intervals may overlap, and then
every phase is stated. Surgeries are stated as `procedure`: those of an interval during it, those of
the video elsewhere. The authors keep the names apart from the tables: ours are numbers.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from videoengine.models.datasets.annotations import (
    NOTHING,
    Annotated,
    Moment,
    Unlabelled,
    certain,
)
from videoengine.models.datasets.dataset_video import DatasetVideo, file_at
from videoengine.models.datasets.label_file import read_table
from videoengine.vocabularies import vocabulary

NAME: Final = "ophnet"
PHASES: Final = "ophnet/phase@1"
SURGERIES: Final = "ophnet/surgery@1"
PHASE_TABLE: Final = "OphNet2024_loca_challenge_phase.csv"
SURGERY_TABLE: Final = "OphNet2024_surgery.csv"
SUFFIXES: Final = (".mp4", ".mkv", ".webm", ".mov", ".avi")


@dataclass(frozen=True, slots=True)
class Interval:
    """One row: a phase of a surgery from `start_seconds` to before `end_seconds`."""

    start_seconds: float
    end_seconds: float
    surgery: int
    phase: int


@dataclass(frozen=True, slots=True)
class CaseLabels:
    """What the tables say of one video."""

    intervals: tuple[Interval, ...] = ()
    surgeries: tuple[int, ...] = ()
    split: str | None = None

    @property
    def arrays(self) -> Mapping[str, str]:
        """None can be asked for."""
        return {}

    def at(self, moment: Moment, wanted: Collection[str]) -> Annotated:
        """Return the phases and surgeries that cover the frame's stamp."""
        seconds = float(moment.since_first_seconds)
        now = [one for one in self.intervals if one.start_seconds <= seconds < one.end_seconds]
        surgeries = tuple(dict.fromkeys(one.surgery for one in now)) or self.surgeries
        phases = tuple(dict.fromkeys(one.phase for one in now))
        found = [certain("procedure", SURGERIES, surgery) for surgery in surgeries]
        found += [certain("phase", PHASES, phase) for phase in phases]
        return Annotated(tuple(found)) if found else NOTHING


def find_videos(root: Path) -> list[DatasetVideo]:
    """Return the videos of a folder laid out as OphNet."""
    tables = [_table(root, name) for name in (PHASE_TABLE, SURGERY_TABLE)]
    if not any(tables):
        return []
    paths = {path.stem: path for path in root.rglob("case_*") if path.suffix.lower() in SUFFIXES}
    labels = read_cases(*tables)
    found: list[DatasetVideo] = []
    for name, path in sorted(paths.items()):
        case = labels.get(name)
        if case is None:
            found.append(DatasetVideo(NAME, name, root, file_at(path), Unlabelled))
            continue
        kinds = ("procedure", "phase") if case.intervals else ("procedure",)
        found.append(
            DatasetVideo(NAME, name, root, file_at(path), partial(_same, case), kinds, case.split)
        )
    return found


def _same(case: CaseLabels) -> CaseLabels:
    return case


def _table(root: Path, name: str) -> Path | None:
    for folder in (root / "annotation", root):
        if (folder / name).is_file():
            return folder / name
    return None


def read_cases(phases: Path | None, surgeries: Path | None) -> dict[str, CaseLabels]:
    """Return what the tables say, by the name of the video.

    Raises:
        SourceError: A table is not as published, or contradicts itself.
    """
    intervals: dict[str, list[Interval]] = {}
    splits: dict[str, str] = {}
    if phases is not None:
        splits = _read_intervals(phases, intervals)
    known = {} if surgeries is None else read_surgeries(surgeries)
    return {
        name: CaseLabels(tuple(intervals.get(name, ())), known.get(name, ()), splits.get(name))
        for name in sorted({*intervals, *known})
    }


def _read_intervals(path: Path, found: dict[str, list[Interval]]) -> dict[str, str]:
    columns = ("video_id", "start", "end", "split", "surgery_id", "phase_id")
    last_phase = len(vocabulary(PHASES).labels) - 1
    last_surgery = len(vocabulary(SURGERIES).labels) - 1
    splits: dict[str, str] = {}
    for row in read_table(path, columns):
        start, end, name = row.seconds("start"), row.seconds("end"), row.text("video_id")
        if end <= start:
            row.refuse(
                "the interval ends before it starts", got=f"{start} to {end}", allowed="start < end"
            )
        split = row.text("split")
        if split not in ("train", "val", "test") or splits.setdefault(name, split) != split:
            row.refuse(
                "the split is wrong", got=split, allowed=splits.get(name, "train, val, test")
            )
        surgery = row.integer("surgery_id", 0, last_surgery)
        phase = row.integer("phase_id", 0, last_phase)
        found.setdefault(name, []).append(Interval(start, end, surgery, phase))
    return splits


def read_surgeries(path: Path) -> dict[str, tuple[int, ...]]:
    """Return the surgeries of each video, the main one first."""
    last = len(vocabulary(SURGERIES).labels) - 1
    found: dict[str, tuple[int, ...]] = {}
    for row in read_table(path, ("video_id", "surgery")):
        texts: Sequence[str] = [text.strip() for text in row.text("surgery").split(",")]
        if not all(text.isdecimal() and int(text) <= last for text in texts):
            row.refuse(
                "the surgeries are wrong",
                got=repr(row.text("surgery")),
                allowed=f"numbers from 0 to {last}, such as 1,13,14",
            )
        if row.text("video_id") in found:
            row.refuse("the video stands here twice", got=row.text("video_id"), allowed="once")
        found[row.text("video_id")] = tuple(int(text) for text in texts)
    return found
