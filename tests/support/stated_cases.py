"""Cases whose frames and statements are made up, for round trips through files of annotations."""

from __future__ import annotations

import dataclasses
import itertools
import tempfile
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from videoengine.apps.export import export
from videoengine.apps.importing import import_annotations
from videoengine.apps.verify import verify
from videoengine.case import Case, Manifest, SourceRecord
from videoengine.events import SCHEMA, Event, event_key, plain
from videoengine.media_time import NS_PER_SECOND, Epoch, ns_from_pts
from videoengine.payloads import (
    GapPayload,
    InstrumentPayload,
    PhasePayload,
    PrivacyPayload,
    RunPayload,
    TripletPayload,
)
from videoengine.timeline import Segment
from videoengine.vocabularies import vocabulary

Box = tuple[float, float, float, float]
INSTRUMENT = "cholect50/instrument@1"


@dataclass(frozen=True)
class Stretch:
    """The frames of one epoch."""

    stamps: tuple[int, ...]
    """Ticks, the end of the last frame included."""
    gap_ns: int
    """Case time without a frame before it."""


@dataclass(frozen=True)
class Layout:
    """The frames of a stream."""

    time_base: Fraction
    period_ticks: int
    stretches: tuple[Stretch, ...]

    @property
    def rate_fps(self) -> Fraction:
        return 1 / (self.period_ticks * self.time_base)


@dataclass(frozen=True)
class Said:
    """A statement about the frames from `first` to `last` of a stretch."""

    kind: str
    stretch: int
    first: int
    last: int
    payload: Any


@st.composite
def layouts(
    draw: st.DrawFn,
    *,
    steady: bool = True,
    bases: tuple[tuple[Fraction, int], ...] = (
        (Fraction(1, 12800), 512),
        (Fraction(1001, 30000), 1),
        (Fraction(1, 90000), 3003),
    ),
    most: int = 3,
    frames: int = 25,
) -> Layout:
    """Draw frames of constant or varying rate, with gaps between stretches."""
    base, period = draw(st.sampled_from(bases))
    stretches: list[Stretch] = []
    for at in range(draw(st.integers(1, most))):
        count = draw(st.integers(4, frames))
        steps = [period] * count
        if not steady:
            ratios = st.floats(0.6, 1.4)
            steps = [
                max(1, round(period * ratio))
                for ratio in draw(st.lists(ratios, min_size=count, max_size=count))
            ]
        stamps = [draw(st.integers(0, 10**6))]
        for step in steps:
            stamps.append(stamps[-1] + step)
        gap_ns = draw(st.integers(2 * NS_PER_SECOND, 5 * NS_PER_SECOND)) if at else 0
        stretches.append(Stretch(tuple(stamps), gap_ns))
    return Layout(base, period, tuple(stretches))


@st.composite
def sayings(
    draw: st.DrawFn,
    layout: Layout,
    *,
    boxes: bool = False,
    triplets: bool = True,
    tools: tuple[int, int] = (0, 2),
) -> list[Said]:
    """Draw phases that follow one another, instruments with or without boxes, and triplets.

    Args:
        layout: The frames.
        boxes: Whether instruments have boxes.
        triplets: Whether instruments act.
        tools: Fewest and most statements of instruments in a stretch.
    """
    said: list[Said] = []
    phases = vocabulary("cholec80/phase@1").labels
    instruments = vocabulary(INSTRUMENT).labels
    for at, stretch in enumerate(layout.stretches):
        count = len(stretch.stamps) - 1
        first = 0
        while first < count:
            last = draw(st.integers(first, count - 1))
            if draw(st.booleans()) or not said:
                label = draw(st.sampled_from(phases))
                said.append(
                    Said("phase", at, first, last, PhasePayload(label, {str(label.id): 1.0}))
                )
            first = last + 1
        for _ in range(draw(st.integers(*tools))):
            begin = draw(st.integers(0, count - 1))
            end = draw(st.integers(begin, count - 1))
            tool = draw(st.sampled_from(instruments))
            box = draw(unit_boxes()) if boxes else None
            said.append(Said("instrument", at, begin, end, InstrumentPayload(tool, box)))
            if triplets:
                verb = draw(st.sampled_from(vocabulary("cholect50/verb@1").labels))
                target = draw(st.sampled_from(vocabulary("cholect50/target@1").labels))
                said.append(Said("triplet", at, begin, end, TripletPayload(tool, verb, target)))
    return said


@st.composite
def unit_boxes(draw: st.DrawFn) -> Box:
    """Draw a box within the picture, of at least a hundredth of it, in six digits."""
    x, y = (draw(st.integers(0, 800_000)) for _ in range(2))
    width, height = (draw(st.integers(10_000, 1_000_000 - edge)) for edge in (x, y))
    return x / 1e6, y / 1e6, width / 1e6, height / 1e6


def make_stated(
    folder: Path,
    layout: Layout,
    said: list[Said],
    *,
    source: SourceRecord | None = None,
    every: int = 1,
) -> Path:
    """Make a finished case: a privacy sample at each frame, and what is said of them.

    Stages that say something sample every so many frames of each stretch.
    """
    manifest = Manifest(
        schema=SCHEMA, case_id="c", created="2026-01-01T00:00:00+00:00", version="0",
        stream_id="s0", modality="laparoscopy", procedure="cholecystectomy", run_id="run",
        config={"until_ns": None}, source=source,
    )  # fmt: skip
    rate = float(layout.rate_fps)
    stages = {
        name: {"name": name, "rate_hz": rate / (1 if name == "privacy" else every)}
        for name in STAGES.values()
    }
    epochs = epochs_of(layout)
    counts: dict[tuple[Any, ...], int] = {}
    with Case.create(folder, manifest) as case:
        log = case.log(fsync="never")

        def say(
            kind: str, stage: str, epoch: int, start: int, end: int, payload: Any, **more: Any
        ) -> None:
            place = (kind, stage, epoch, start, end)
            ordinal = counts[place] = counts.get(place, -1) + 1
            key = event_key("s0", epoch, stage, "", "", start, end, kind, ordinal)
            rests = {"stream_id": "s0", "epoch": epoch, "start_ns": start, "end_ns": end}
            event = Event(SCHEMA, -1, key, "run", kind, "s0", epoch, start, end, stage, "", "",
                          plain(payload), None, [rests])  # fmt: skip
            log.append(dataclasses.replace(event, **more))

        opened = RunPayload("opened", "0", "basic", "clip", stages, "test")
        first = epochs[0].first_ns
        say("run", "engine", 0, first, first, opened)
        newest = (0, first, first)
        for at, stretch in enumerate(layout.stretches):
            stamps = [ns_from_pts(tick, layout.time_base) for tick in stretch.stamps]
            if at:
                rests = [
                    {
                        "stream_id": "s0",
                        "epoch": at - 1,
                        "start_ns": newest[1],
                        "end_ns": newest[2],
                    },
                    {"stream_id": "s0", "epoch": at, "start_ns": stamps[0], "end_ns": stamps[1]},
                ]
                gap = GapPayload("hole", stretch.gap_ns)
                say("gap", "engine", at, stamps[0], stamps[0], gap, evidence=rests)
            for number, (start, end) in enumerate(itertools.pairwise(stamps)):
                say("privacy", "privacy", at, start, end, PrivacyPayload("allow", None, 0.0))
                for one in said:
                    if one.stretch == at and one.first <= number <= one.last and not number % every:
                        say(one.kind, STAGES[one.kind], at, start, end, one.payload)
                newest = (at, start, end)
        ledger = {f"s0/{name}": {"captured": 0, "served": 0, "dropped": {}} for name in stages}
        closed = dataclasses.replace(opened, state="closed", ledger=ledger, packets={})
        say("run", "engine", newest[0], newest[2], newest[2], closed)
        log.close()
        case.save_epochs(epochs)
    return folder


STAGES = {"privacy": "privacy", "phase": "phase", "instrument": "instruments", "triplet": "triplet"}


def epochs_of(layout: Layout) -> list[Epoch]:
    """Return the epochs of a layout, each placed after the one before."""
    epochs: list[Epoch] = []
    offset = 0
    for at, stretch in enumerate(layout.stretches):
        first, last = (ns_from_pts(stretch.stamps[end], layout.time_base) for end in (0, -1))
        offset += stretch.gap_ns
        epochs.append(Epoch("s0", at, layout.time_base, stretch.stamps[0], first, offset,
                            "hole" if at else "start"))  # fmt: skip
        offset += last - first
    return epochs


def segments_of(case: Path, *, people: bool, kinds: tuple[str, ...]) -> list[Segment]:
    """Return the segments that models, or people, state in a case."""
    return [
        segment
        for segment in Case.open(case).timeline().of(*kinds)
        if segment.stage.startswith("people") == people
    ]


def told(segments: list[Segment]) -> list[tuple[str, str, int, int, int]]:
    """Return what segments say, without who says it."""
    return [(s.kind, s.name, s.epoch, s.start_ns, s.end_ns) for s in segments]


Told = list[tuple[str, str, int, int, int]]
Boxes = list[tuple[int, int, str, float, float, float, float]]


def round_trip(
    name: str,
    layout: Layout,
    said: list[Said],
    *,
    kinds: tuple[str, ...] = ("phase", "instrument", "triplet"),
    source: SourceRecord | None = None,
    every: int = 1,
) -> tuple[Told, Told]:
    """Export a case and bring the file into another with the same frames and no statement.

    Returns:
        What the models of the first case say, and what the person of the second one says.
    """
    (said_told, _), (back_told, _) = both_ways(name, layout, said, kinds, source, every)
    return said_told, back_told


def both_ways(
    name: str,
    layout: Layout,
    said: list[Said],
    kinds: tuple[str, ...] = ("phase", "instrument", "triplet"),
    source: SourceRecord | None = None,
    every: int = 1,
) -> tuple[tuple[Told, Boxes], tuple[Told, Boxes]]:
    """Do as `round_trip` does, and return the boxes of the instruments as well."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        case = make_stated(folder / "case", layout, said, source=source, every=every)
        fresh = make_stated(folder / "fresh", layout, [], source=source)
        export(case, name, folder / "file")
        import_annotations(fresh, folder / "file", name, by="Dr A")
        verify(fresh)
        return (
            (told(segments_of(case, people=False, kinds=kinds)), boxes_of(case)),
            (told(segments_of(fresh, people=True, kinds=kinds)), boxes_of(fresh)),
        )


def boxes_of(case: Path) -> Boxes:
    """Return (epoch, stamp, name, box) of every instrument in a box, in order."""
    return sorted(
        (event.epoch, event.start_ns, event.payload["label"]["name"], *event.payload["box"])
        for event in Case.open(case).events("instrument")
        if event.payload["label"] and event.payload["box"]
    )


def near_boxes(back: Boxes, said: Boxes, slack_ns: int, part: float) -> bool:
    """Tell whether boxes are the same, stamps within a slack, sides within a part of a picture."""
    pairs = zip(back, said, strict=False)
    return len(back) == len(said) and all(
        (one[0], one[2]) == (other[0], other[2])
        and abs(one[1] - other[1]) <= slack_ns
        and all(abs(a - b) <= part for a, b in zip(one[3:], other[3:], strict=True))
        for one, other in pairs
    )


def near(back: Told, said: Told, slack_ns: int) -> bool:
    """Tell whether two lists of segments say the same, edges within a slack."""

    def order(row: tuple[str, str, int, int, int]) -> tuple[Any, ...]:
        return row[0], row[1], row[2], row[3]

    pairs = list(zip(sorted(back, key=order), sorted(said, key=order), strict=False))
    return len(back) == len(said) and all(
        one[:3] == other[:3]
        and abs(one[3] - other[3]) <= slack_ns
        and abs(one[4] - other[4]) <= slack_ns
        for one, other in pairs
    )


def some_case(
    folder: Path, *, frames: int = 25, base: tuple[Fraction, int] = (Fraction(1, 12800), 512)
) -> Path:
    """Make a case of some frames (a second at 25 a second) that states nothing but privacy."""
    time_base, period = base
    stamps = tuple(period * at for at in range(frames + 1))
    return make_stated(folder, Layout(time_base, period, (Stretch(stamps, 0),)), [])
