"""Cholec80 (Twinanda et al., TMI 2017): videos at 25 fps, a phase each frame, tools each second.

videos/video01.mp4
phase_annotations/video01-phase.txt     Frame, Phase; a row for each frame
tool_annotations/video01-tool.txt       Frame, Grasper, …; a row for each 25th frame
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Final

from videoengine.models.datasets.annotations import (
    NOTHING,
    Annotated,
    Annotations,
    Moment,
    Statement,
    Unlabelled,
    certain,
    operation,
    state,
)
from videoengine.models.datasets.dataset_video import DatasetVideo, file_at
from videoengine.models.datasets.label_file import Row, read_table, term_of
from videoengine.payloads import InstrumentPayload
from videoengine.vocabularies import vocabulary

NAME: Final = "cholec80"
FPS: Final = 25
PHASES: Final = "cholec80/phase@1"
TOOLS: Final = "cholec80/tool@1"
LAST_FRAME: Final = 10**8
TAB: Final = "\t"


def find_videos(root: Path) -> list[DatasetVideo]:
    """Return the videos of a folder laid out as Cholec80."""
    found: list[DatasetVideo] = []
    if not any((root / name).is_dir() for name in ("phase_annotations", "tool_annotations")):
        return found
    for path in sorted((root / "videos").glob("video*.mp4")):
        phases = root / "phase_annotations" / f"{path.stem}-phase.txt"
        tools = root / "tool_annotations" / f"{path.stem}-tool.txt"
        found.append(cholecystectomy(NAME, root, path, phases, tools, PHASES))
    return found


def cholecystectomy(
    dataset: str, root: Path, path: Path, phases: Path | None, tools: Path | None, vocabulary: str
) -> DatasetVideo:
    """Return a video with the two label files that CAMMA's datasets have, of which each may miss.

    Args:
        dataset: Name of the reader.
        root: The dataset's folder.
        path: The video.
        phases: Its phases, a row for each frame.
        tools: Its tools, a row for each annotated frame.
        vocabulary: Of the phases.
    """
    phases = phases if phases is not None and phases.is_file() else None
    tools = tools if tools is not None and tools.is_file() else None
    kinds = (("phase",) if phases else ()) + (("instrument",) if tools else ())
    read: Callable[[], Annotations] = Unlabelled
    if kinds:
        kinds = ("procedure", *kinds)

        def read() -> Annotations:
            return FrameLabels(
                {} if phases is None else read_phases(phases, vocabulary),
                {} if tools is None else read_tools(tools),
                vocabulary,
            )

    return DatasetVideo(dataset, path.stem, root, file_at(path), read, kinds)


def read_phases(path: Path, vocabulary_name: str) -> dict[int, int]:
    """Return the phase of each frame: ids of the vocabulary by the frame's number.

    Raises:
        SourceError: The file cannot be read, names an unknown phase, or a frame twice.
    """
    terms = vocabulary(vocabulary_name)
    ids: dict[str, int] = {}
    found: dict[int, int] = {}
    for row in read_table(path, ("Frame", "Phase"), delimiter=TAB):
        name = row.text("Phase")
        if name not in ids:
            ids[name] = term_of(row, terms, name)
        found[_frame(row, found)] = ids[name]
    return found


def read_tools(path: Path) -> dict[int, tuple[int, ...]]:
    """Return the tools that are seen, ids by the number of each annotated frame.

    Raises:
        SourceError: The file cannot be read, or a row is wrong.
    """
    names = [label.name for label in vocabulary(TOOLS).labels]
    found: dict[int, tuple[int, ...]] = {}
    for row in read_table(path, ("Frame", *names), delimiter=TAB):
        seen = [tool for tool, name in enumerate(names) if row.integer(name, 0, 1)]
        found[_frame(row, found)] = tuple(seen)
    return found


def _frame(row: Row, known: Mapping[int, object]) -> int:
    number = row.integer("Frame", 0, LAST_FRAME)
    if number in known:
        row.refuse("the frame stands here twice", got=number, allowed="each frame once")
    return number


class FrameLabels:
    """Phases and tools by the number of the frame at 25 fps."""

    def __init__(
        self,
        phases: Mapping[int, int],
        tools: Mapping[int, tuple[int, ...]],
        vocabulary: str,
    ) -> None:
        """Keep what was read."""
        self._phases, self._tools, self._vocabulary = phases, tools, vocabulary

    @property
    def arrays(self) -> Mapping[str, str]:
        """None can be asked for."""
        return {}

    def at(self, moment: Moment, wanted: Collection[str]) -> Annotated:
        """Return the phase and, each second, the tools."""
        number = moment.sample(FPS)
        if number is None:
            return NOTHING
        found: list[Statement] = []
        if number in self._phases:
            found.append(certain("phase", self._vocabulary, self._phases[number]))
        if number in self._tools:
            found += seen(TOOLS, self._tools[number])
        return Annotated((operation("cholecystectomy"), *found)) if found else NOTHING


def seen(vocabulary_name: str, ids: Collection[int]) -> list[Statement]:
    """Return which instruments a frame shows, without boxes: a statement each, or that of none."""
    terms = vocabulary(vocabulary_name)
    labels = [terms.label(instrument) for instrument in ids]
    return [state("instrument", InstrumentPayload(label)) for label in labels or (None,)]
