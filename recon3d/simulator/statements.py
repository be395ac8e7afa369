"""What is known of a simulated frame, in the words of the log: kinds, payloads and named arrays."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

from numpy.typing import NDArray

from videoengine.events import Draft
from videoengine.payloads import (
    AnticipationPayload,
    InstrumentPayload,
    Label,
    MeasurementPayload,
    PhasePayload,
    PrivacyPayload,
    TripletPayload,
)
from videoengine.recon3d.simulator.plan import TICKS_PER_SECOND, Plan
from videoengine.recon3d.simulator.smoke import VENTED_IN_S
from videoengine.recon3d.simulator.truth import FrameTruth
from videoengine.recon3d.simulator.world import SMOKE_PER_S
from videoengine.stages import NamedArray
from videoengine.vocabularies import vocabulary

ARRAYS: Final = (
    "depth", "flow", "mask/instrument", "mask/part", "mask/tool", "mask/track", "region",
)  # fmt: skip
"""Named arrays that can be asked for; `SimulatedFrame` says what each one holds."""
PROCEDURES: Final = "videoengine/procedure@1"
SEEN: Final = 2
"""Visibility of a keypoint that lies in the picture."""
VIEW_MM2: Final = 60.0**2
"""What a scope sees at a working distance of 60 to 70 mm."""


def drafts(plan: Plan, truth: FrameTruth) -> list[Draft]:
    """Return what is true of a frame, as a stage would state it, in a fixed order.

    Out of the body only `procedure`, `phase`, `anticipation` and `privacy` are stated. Of
    `quality` only the severities that the simulator decides, smoke and soiling, are in the
    payload.
    """
    found = [*_course(plan, truth), Draft("privacy", _privacy(truth))]
    if truth.inside:
        found.append(Draft("quality", _quality(plan, truth)))
        found += _instruments(truth)
    return found


def named_arrays(
    arrays: Mapping[str, NDArray[Any]], wanted: Collection[str]
) -> tuple[NamedArray, ...]:
    """Return the arrays of a rendered frame that are wanted, by name."""
    return tuple(
        NamedArray(name, arrays[name], "mm" if name == "depth" else None) for name in sorted(wanted)
    )


def _course(plan: Plan, truth: FrameTruth) -> Iterator[Draft]:
    """Yield where in the procedure the frame lies, and what comes when."""
    for label in vocabulary(PROCEDURES).labels:
        if label.name == plan.procedure:
            yield Draft("procedure", _certain(label))
    yield Draft("phase", _certain(truth.phase))
    if truth.next_phase is not None:
        left_s = (plan.phase_at(truth.tick).end - truth.tick) / TICKS_PER_SECOND
        yield Draft("anticipation", AnticipationPayload(truth.next_phase, left_s, left_s, left_s))
    left_s = truth.remaining_s
    yield Draft("measurement", MeasurementPayload("remaining", left_s, "s", None, left_s, left_s))


def _certain(label: Label) -> PhasePayload:
    return PhasePayload(label, {str(label.id): 1.0})


def _privacy(truth: FrameTruth) -> PrivacyPayload:
    if truth.inside:
        return PrivacyPayload("allow", None, 0.0)
    return PrivacyPayload("blank", "out_of_body", 1.0)


def _instruments(truth: FrameTruth) -> Iterator[Draft]:
    """Yield the instruments that the picture shows, boxes from left to right."""
    rendered = truth.gain is not None
    shown = [
        tool
        for tool in truth.tools
        if tool.box is not None
        or (not rendered and any(point.visibility == SEEN for point in tool.keypoints))
    ]
    if not shown:
        yield Draft("instrument", InstrumentPayload(None))
    tools = sorted(shown, key=lambda tool: (tool.box is None, tool.box or (), tool.track))
    for tool in tools:
        yield Draft("instrument", InstrumentPayload(tool.label, tool.box, None, tool.track))
    for tool in tools:
        yield Draft("triplet", TripletPayload(tool.label, tool.verb, tool.target))


def _quality(plan: Plan, truth: FrameTruth) -> dict[str, float]:
    """Return the severities that are known, under their names in the payload of `quality`."""
    return {"smoke": smoke(plan, truth.tick), "soiling": soiling(plan, truth.tick)}


def smoke(plan: Plan, tick: int) -> float:
    """Return the share of light, 0 to 1, that smoke takes away on average over a view.

    It is what coagulation made and the gas has not vented yet; what suction takes is not counted.
    """
    mass = 0.0
    for one in plan.incidents:
        if one.kind == "coagulation" and one.start <= tick:
            made_s = (min(tick, one.end) - one.start) / TICKS_PER_SECOND
            since_s = max(0, tick - one.end) / TICKS_PER_SECOND
            hanging_s = VENTED_IN_S * (1 - math.exp(-made_s / VENTED_IN_S))
            mass += SMOKE_PER_S * one.amount * hanging_s * math.exp(-since_s / VENTED_IN_S)
    return 1 - math.exp(-mass / VIEW_MM2)


def soiling(plan: Plan, tick: int) -> float:
    """Return how badly the lens is soiled, 0 to 1: from a soiling to the next wipe or cleaning."""
    newest = 0.0
    changes = [(one.start, one.amount) for one in plan.incidents if one.kind == "lens_soiled"]
    changes += [(one.start, 0.0) for one in plan.incidents if one.kind == "lens_wiped"]
    changes += [(out.end, 0.0) for out in plan.outside if out.kind == "cleaning"]
    for at, amount in sorted(changes):
        if at <= tick:
            newest = amount
    return newest
