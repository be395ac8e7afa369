"""What stages state when a run closes: pure functions of what the log holds by then."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from typing import Any

from videoengine.case import Case
from videoengine.errors import CaseError, one_line
from videoengine.events import Draft, Event, Evidence
from videoengine.feeder import refusal
from videoengine.lane import Lane
from videoengine.payloads import RefusalPayload
from videoengine.stage_lane import StageLane, covers
from videoengine.stages import Closing


def closing_events(case: Case, lane: Lane) -> Iterator[Event]:
    """Return what is stated about a stream after its last frame, but for the `run` line.

    The same events in the same order however often it is asked, so a run that was killed among
    them is finished by leaving out those that the log holds.

    Args:
        case: Its log holds everything that was stated under way.
        lane: At its end, with every clip done.
    """
    frame = lane.last_frame
    if frame is None:
        return
    second = [(stage, stage.stage) for stage in lane.stages if isinstance(stage.stage, Closing)]
    # What comes below is appended to the log while it is being read.
    length = sum(1 for _ in case.events(verify=False)) if second else 0
    for stage in lane.waiting:
        if not covers(stage, lane.decided):
            yield refusal(lane, stage, frame)
    for stage, again in second:
        stated = _stated(islice(case.events(verify=False), length), lane, stage)
        yield from _looked_back(lane, stage, again, stated)


def _looked_back(
    lane: Lane, stage: StageLane, again: Closing, stated: Iterator[Event]
) -> Iterator[Event]:
    """Return what a stage states with hindsight; one that fails costs only this."""
    name, hashes = again.closing_name, (stage.model_hash, stage.config_hash)
    try:
        for about, draft in again.at_close(stated):
            evidence = draft.evidence or tuple(_evidence(row) for row in about.evidence)
            draft = replace(draft, evidence=evidence)
            start_ns = about.start_ns if draft.start_ns is None else draft.start_ns
            end_ns = about.end_ns if draft.end_ns is None else draft.end_ns
            yield lane.event(name, draft, about.epoch, start_ns, end_ns, 0, hashes)
    except CaseError:
        raise
    except Exception as error:  # noqa: BLE001 - a model may raise anything; the run closes
        why = f"{type(error).__name__}: {one_line(error)}"
        payload = RefusalPayload(f"{name} failed when the run closed", why, "See the stage's card.")
        lane.failures.append(f"{payload.what}: {why}")
        frame = lane.last_frame
        assert frame is not None
        yield lane.event(
            name, Draft("error", payload), frame.epoch, frame.pts_ns, frame.end_ns, 0, hashes
        )


def _stated(events: Iterator[Event], lane: Lane, stage: StageLane) -> Iterator[Event]:
    for event in events:
        mine = event.run_id == lane.run_id and event.stream_id == lane.stream_id
        if mine and event.stage == stage.stage.spec.name:
            yield event


def _evidence(row: dict[str, Any]) -> Evidence:
    return Evidence(**row)
