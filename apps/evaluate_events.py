"""Recordings from events: of a case's log, or of a source that knows the truth."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from typing import Any, Final

from videoengine.apps.evaluate_recording import Kind, Recording, Said, make_track, surest
from videoengine.case import Case
from videoengine.errors import UsageError
from videoengine.events import Event
from videoengine.media_time import NS_PER_SECOND
from videoengine.sources import with_truth
from videoengine.timeline import closed_runs
from videoengine.vocabularies import vocabulary

SCORED: Final = ("phase", "step", "instrument", "triplet")
"""Kinds of events that are scored."""
LOOKS_AHEAD: Final = ".smoothed"
"""Ending of a stage that is computed at the end; scored when it is asked for."""
Progress = Callable[[int, int], None]


def read_case(path: Path, *, stages: Collection[str] = ()) -> Recording:
    """Return what the newest closed run of each stage of a case states.

    Args:
        path: The case.
        stages: Only these; by default all that do not look ahead.

    Raises:
        CaseError: There is no case, it is damaged, or no run has closed.
        UsageError: It has no such stage, or two stages state the same kind.
    """
    case = Case.open(path)
    runs, timeline = closed_runs(case.events("run")), case.timeline()
    by_kind: dict[str, dict[str, list[tuple[int, Event]]]] = defaultdict(lambda: defaultdict(list))
    for event in case.events(*SCORED, verify=False):
        if event.run_id == runs.by_stage.get(event.stage, runs.newest.run_id):
            time_ns = timeline.case_ns(event.epoch, event.start_ns)
            by_kind[event.kind][event.stage].append((time_ns, event))
    missing = set(stages) - {stage for rows in by_kind.values() for stage in rows}
    if missing:
        known = sorted({stage for rows in by_kind.values() for stage in rows})
        raise UsageError(
            f"{path} holds nothing to score of such a stage",
            got=", ".join(sorted(missing)),
            allowed=", ".join(known) or "none: no stage of it states phases or instruments",
        )
    events: list[tuple[int, Event]] = []
    for kind, rows in by_kind.items():
        stage = _chosen(path, kind, sorted(rows), stages)
        events += [] if stage is None else rows[stage]
    return _recording(path.name, str(path), events)


def _chosen(path: Path, kind: str, known: list[str], stages: Collection[str]) -> str | None:
    """Return the one stage that speaks for a kind of event, None when none is to."""
    if stages:
        wanted = [name for name in known if name in stages]
    else:
        wanted = [name for name in known if not name.endswith(LOOKS_AHEAD)] or known
    if len(wanted) > 1:
        raise UsageError(
            f"Several stages of {path} state the kind {kind!r}",
            got=", ".join(wanted),
            allowed="one of them",
            remedy=f"Choose with --stages {wanted[0]}",
        )
    return wanted[0] if wanted else None


def read_source(
    uri: str, *, rate_hz: float, boxes: bool, progress: Progress | None = None
) -> Recording:
    """Return the truth about a video, the first frame of each 1/rate s.

    Args:
        uri: Of a source that offers truth, such as `sim://cholecystectomy?seed=7`.
        rate_hz: How many frames a second are looked at.
        boxes: Whether boxes are wanted too: each frame is then rendered or decoded.
        progress: Told the time and the number of frames.
    """
    from videoengine.streams import open_source

    events: list[tuple[int, Event]] = []
    with open_source(uri) as source:
        with_truth(source)  # refuses what knows no truth
        known: Any = source
        arrays = tuple(name for name in ("mask/track", "mask/tool") if name in known.truth_arrays)
        wanted, first_ns, newest, count = arrays[:1] if boxes else (), None, -1, 0
        for frame in source:
            first_ns = frame.pts_ns if first_ns is None else first_ns
            time_ns = frame.pts_ns - first_ns
            index = int((time_ns + 1) * rate_hz) // NS_PER_SECOND
            if index == newest:
                continue
            newest, count = index, count + 1
            events += [(time_ns, event) for event in known.truth(frame, arrays=wanted).events]
            if progress is not None:
                progress(time_ns, count)
    return _recording(uri, uri, [row for row in events if row[1].kind in SCORED])


def _recording(name: str, origin: str, events: Iterable[tuple[int, Event]]) -> Recording:
    """Return the tracks of events in time from the start."""
    course: dict[str, list[tuple[int, Said]]] = {"phase": [], "step": []}
    tools: dict[int, list[Said]] = defaultdict(list)
    triplets: dict[int, list[Said]] = defaultdict(list)
    terms: dict[Kind, tuple[str, ...]] = {}
    for time_ns, event in events:
        payload = event.payload
        if event.kind in ("phase", "step"):
            kind: Kind = "phase" if event.kind == "phase" else "step"
            terms[kind] = _labels(payload["label"]["vocabulary"])
            course[kind].append((time_ns, _phase(event)))
        elif event.kind == "instrument":
            seen = tools[time_ns]  # also when none is seen
            if payload["label"] is not None:
                terms["tools"] = terms["boxes"] = _labels(payload["label"]["vocabulary"])
                seen.append(_said(event, payload["label"]["name"]))
        else:
            parts = [payload[part] for part in ("instrument", "verb", "target")]
            words = parts[0]["vocabulary"].replace("instrument", "triplet")
            terms["triplets"] = _labels(words)
            triplets[time_ns].append(_said(event, ",".join(part["name"] for part in parts)))
    if triplets:
        for time_ns in tools:
            triplets[time_ns] += []  # where instruments were looked for and none acts
    boxed = {n: tuple(said for said in rows if said.box) for n, rows in tools.items()}
    return Recording(
        name,
        origin,
        make_track(course["phase"]),
        make_track(course["step"]),
        make_track((n, surest(rows)) for n, rows in tools.items()),
        make_track(boxed.items()) if any(boxed.values()) else None,
        make_track((n, surest(rows)) for n, rows in triplets.items()),
        terms,
    )


def _labels(name: str) -> tuple[str, ...]:
    return tuple(label.name for label in vocabulary(name).labels)


def _phase(event: Event) -> Said:
    label, stated = event.payload["label"], event.payload.get("probabilities") or {}
    score = stated.get(str(label["id"]), event.confidence)
    return Said(label["name"], 1.0 if score is None else float(score), None, score is not None)


def _said(event: Event, name: str) -> Said:
    box: Any = event.payload.get("box")
    known = event.confidence is not None
    score = 1.0 if event.confidence is None else float(event.confidence)
    return Said(name, score, None if box is None else (box[0], box[1], box[2], box[3]), known)
