"""The truth about one frame: from plan and poses, and from the labels where it is rendered."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from videoengine.payloads import Label
from videoengine.recon3d.simulator.instruments import ends_in_tool, form_of
from videoengine.recon3d.simulator.kinematics import ToolPose
from videoengine.recon3d.simulator.lens import NEAR_MM
from videoengine.recon3d.simulator.plan import TICKS_PER_SECOND
from videoengine.recon3d.simulator.truth import (
    TRACK_VALUES,
    Box,
    FrameTruth,
    Keypoint,
    PolypTruth,
    ToolTruth,
)
from videoengine.recon3d.simulator.vectors import carried, inverse
from videoengine.recon3d.simulator.world import World
from videoengine.vocabularies import vocabulary

Array = NDArray[np.float64]
HIDDEN_MM: Final = 3.0
"""What lies so much nearer than a keypoint hides it."""
POLYP_SEEN_MM: Final = 150.0


def sighted(
    world: World,
    seconds: float,
    number: int,
    *,
    gain: float | None,
    labels: NDArray[np.uint8] | None,
    depth: NDArray[np.float32] | None,
) -> FrameTruth:
    """Return the truth about the frame at a moment."""
    plan = world.plan
    tick = int(seconds * TICKS_PER_SECOND + 1e-9)
    inside = not plan.is_outside(tick)
    pose = world.camera(seconds)
    phase = plan.phase_at(tick)
    place = plan.phases.index(phase)
    following = plan.phases[place + 1].label if place + 1 < len(plan.phases) else None
    tools = world.kinematics.tools(seconds) if inside else ()
    bag = world.remains.bag
    return FrameTruth(
        number=number,
        tick=tick,
        time_ns=round(seconds * 1e9),
        inside=inside,
        phase=phase.label,
        phase_progress=(seconds * TICKS_PER_SECOND - phase.start) / (phase.end - phase.start),
        next_phase=following,
        remaining_s=plan.duration_s - seconds,
        tools=tuple(_tool(world, tool, pose, tick, labels, depth) for tool in tools),
        world_from_camera=pose,
        gain=gain,
        bag_visible=bag is not None and bag[0] <= tick < bag[1],
        polyps=_polyps(world, seconds, pose, labels) if inside else (),
        incidents=tuple(one for one in plan.incidents if one.start <= tick < one.end),
    )


def _tool(
    world: World,
    tool: ToolPose,
    pose: Array,
    tick: int,
    labels: NDArray[np.uint8] | None,
    depth: NDArray[np.float32] | None,
) -> ToolTruth:
    into_camera = inverse(pose)
    tip = into_camera[:3, :3] @ tool.tip_mm + into_camera[:3, 3]
    verb, target = _doing(tool, tick)
    return ToolTruth(
        track=tool.visit.number,
        label=tool.visit.instrument,
        box=None
        if labels is None
        else box_of(labels[..., 2] == tool.visit.number % TRACK_VALUES + 1),
        keypoints=_keypoints(world, tool, into_camera, labels, depth),
        world_from_tool=tool.world_from_tool,
        jaw_angle_rad=tool.jaw_angle_rad,
        tip_mm=(float(tip[0]), float(tip[1]), float(tip[2])),
        verb=verb,
        target=target,
    )


def _doing(tool: ToolPose, tick: int) -> tuple[Label, Label]:
    action = tool.action
    if action is not None and action.arrive <= tick < action.leave:
        return action.verb, action.target
    like = tool.visit.instrument.vocabulary
    verbs, targets = (vocabulary(like.replace("instrument", kind)) for kind in ("verb", "target"))
    return verbs.label("null_verb"), targets.label("null_target")


def _keypoints(
    world: World,
    tool: ToolPose,
    into_camera: Array,
    labels: NDArray[np.uint8] | None,
    depth: NDArray[np.float32] | None,
) -> tuple[Keypoint, ...]:
    frame = into_camera @ tool.world_from_tool
    entry, wrist = world.lens.entry(frame), frame[:3, 3]
    offset = form_of(tool.visit.instrument.name).offset_mm
    measures = (tool.reach_mm, offset, tool.jaw_angle_rad)
    left, right = carried(frame, ends_in_tool(*(np.asarray([m]) for m in measures))[:, 0])
    points = {
        "entry": entry,
        "shaft": None if entry is None else 0.5 * (entry + wrist),
        "wrist": wrist,
        "jaw_left": left,
        "jaw_right": right,
    }
    return tuple(
        _keypoint(world, name, point, tool.visit.number, labels, depth)
        for name, point in points.items()
    )


def _keypoint(
    world: World,
    name: str,
    point: Array | None,
    track: int,
    labels: NDArray[np.uint8] | None,
    depth: NDArray[np.float32] | None,
) -> Keypoint:
    if point is None or point[2] < NEAR_MM:
        return Keypoint(name, 0.0, 0.0, 0)
    pixel = world.lens.pixels(point[None])[0]
    x, y = pixel.tolist()
    if not world.lens.sees(pixel):
        return Keypoint(name, x, y, 1)
    if labels is None or depth is None:
        return Keypoint(name, x, y, 2)
    row, column = round(y), round(x)
    own = labels[row, column, 2] == track % TRACK_VALUES + 1
    hidden = not own and 0 < depth[row, column] < point[2] - HIDDEN_MM
    return Keypoint(name, x, y, 1 if hidden else 2)


def box_of(mask: NDArray[np.bool_]) -> Box | None:
    """Return the normalised box around a mask's pixels, or None when it is empty."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return None
    height, width = mask.shape
    x, y = columns[0] / width, rows[0] / height
    return (
        float(x),
        float(y),
        float((columns[-1] + 1) / width - x),
        float((rows[-1] + 1) / height - y),
    )


def _polyps(
    world: World, seconds: float, pose: Array, labels: NDArray[np.uint8] | None
) -> tuple[PolypTruth, ...]:
    """Return the polyps ahead of the camera, the nearest first."""
    into_camera = inverse(pose)
    tick = seconds * TICKS_PER_SECOND
    found: list[PolypTruth] = []
    for number, polyp in enumerate(world.plan.polyps):
        if polyp.resected is not None and tick >= polyp.resected:
            continue
        u, v = world.anatomy.locate(polyp.site)
        at = into_camera[:3, :3] @ world.anatomy.point(u, v, seconds) + into_camera[:3, 3]
        distance = float(np.linalg.norm(at))
        if at[2] > NEAR_MM and distance < POLYP_SEEN_MM:
            found.append(PolypTruth(number, None, polyp.size_mm, distance))
    found.sort(key=lambda polyp: polyp.distance_mm)
    if labels is not None and found:
        box = box_of(labels[..., 3] == _polyp_id() + 1)
        found[0] = PolypTruth(found[0].number, box, found[0].size_mm, found[0].distance_mm)
    return tuple(found)


def _polyp_id() -> int:
    return vocabulary("videoengine/colonoscopy-target@1").label("polyp").id
