"""A simulated procedure of two minutes, written by hand, and frames of it without a renderer."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from videoengine.recon3d.simulator.plan import (
    TICK_NS,
    TICKS_PER_SECOND,
    Action,
    Gaze,
    Incident,
    Outside,
    PhaseSpan,
    Plan,
    Polyp,
    Site,
    Visit,
)
from videoengine.recon3d.simulator.truth import (
    KEYPOINTS,
    Camera,
    FrameTruth,
    Keypoint,
    SimulatedFrame,
    ToolTruth,
)
from videoengine.vocabularies import vocabulary

WIDTH, HEIGHT = 48, 40
CAMERA = Camera(40.0, 40.0, 23.5, 19.5, (-0.1, 0.01), "pinhole", (WIDTH, HEIGHT))
PHASES = ("Preparation", "CalotTriangleDissection", "ClippingCutting", "GallbladderPackaging")


def seconds(value: float) -> int:
    """Return ticks."""
    return round(value * TICKS_PER_SECOND)


def _action(visit: int, text: str, span_s: tuple[float, float]) -> Action:
    """Return an action that holds from a second after its start to a second before its end."""
    (verb, target), (start_s, end_s) = text.split(), span_s
    return Action(
        visit,
        vocabulary("cholect50/verb@1").label(verb),
        vocabulary("cholect50/target@1").label(target),
        Site(target, 0.5, 0.5),
        seconds(start_s),
        seconds(start_s + 1),
        seconds(end_s - 1),
        seconds(end_s),
    )


def visit(number: int, instrument: str, start_s: float, end_s: float, *does: str) -> Visit:
    """Return a visit whose actions, each `verb target`, share its time."""
    step = (end_s - start_s) / max(len(does), 1)
    actions = tuple(
        _action(number, text, (start_s + step * i, start_s + step * (i + 1)))
        for i, text in enumerate(does)
    )
    label = vocabulary("cholect50/instrument@1").label(instrument)
    return Visit(number, label, number % 3, seconds(start_s), seconds(end_s), actions)


def small_plan() -> Plan:
    """Return a cholecystectomy of 120 s."""
    edges = (0, 30, 70, 100, 120)
    phases = tuple(
        PhaseSpan(vocabulary("cholec80/phase@1").label(name), seconds(start), seconds(end))
        for name, start, end in zip(PHASES, edges, edges[1:], strict=False)
    )
    visits = (
        visit(0, "grasper", 4, 60, "retract gallbladder", "grasp gallbladder"),
        visit(1, "hook", 10, 40, "dissect cystic_plate"),
        visit(2, "hook", 44, 66, "dissect gallbladder", "dissect gallbladder"),
        visit(3, "clipper", 72, 84, "clip cystic_duct"),
        visit(4, "grasper", 74, 118, "retract liver", "grasp specimen_bag"),
        visit(5, "scissors", 86, 98, "cut cystic_duct"),
    )
    incidents = (
        Incident("bleeding", seconds(46), seconds(52), Site("liver", 0.2, 0.3), 0.5, 2),
        Incident("clip", seconds(78), seconds(78) + 1, Site("cystic_duct", 0.5, 0.5), 1.0, 3),
        Incident("clip", seconds(80), seconds(80) + 1, Site("cystic_duct", 0.5, 0.6), 1.0, 3),
    )
    outside = (
        Outside("trocar", 0, seconds(2)),
        Outside("cleaning", seconds(54), seconds(62)),
    )
    gaze = Gaze(0, 1, Site("gallbladder", 0.5, 0.5), 80.0, 0.0, 0.5, 0.0)
    return Plan(
        "cholecystectomy", "cavity", 7, seconds(120), phases, visits, incidents, outside, (gaze,)
    )


def with_polyps(plan: Plan) -> Plan:
    """Return the plan with three polyps."""
    polyps = (
        Polyp(Site("polyp", 0.1, 0.2), 4.0, seconds(20), None),
        Polyp(Site("polyp", 0.4, 0.2), 9.0, seconds(50), seconds(60)),
        Polyp(Site("polyp", 0.8, 0.2), 6.5, seconds(90), seconds(95)),
    )
    return replace(plan, polyps=polyps)


def pose_at(time_s: float) -> NDArray[np.float64]:
    """Return a camera pose, (4, 4) in mm, that turns and drifts."""
    angle = 0.3 * time_s
    cos, sin = np.cos(angle), np.sin(angle)
    pose = np.eye(4)
    pose[:3, :3] = [[cos, 0, sin], [0, 1, 0], [-sin, 0, cos]]
    pose[:3, 3] = (10 + time_s, -5.0, 2 * time_s)
    return pose


def truth_at(plan: Plan, number: int, fps: float, start_s: float = 0.0) -> FrameTruth:
    """Return what is known of a frame, boxes left out."""
    time_s = start_s + number / fps
    tick = int(round(time_s * 1e9) // TICK_NS)
    inside = not plan.is_outside(tick)
    span = plan.phase_at(tick)
    tools = tuple(
        _tool(seen, tick) for seen in plan.visits if inside and seen.start <= tick < seen.end
    )
    bag = [a for v in plan.visits for a in v.actions if a.target.name == "specimen_bag"]
    return FrameTruth(
        number=number,
        tick=tick,
        time_ns=round(time_s * 1e9),
        inside=inside,
        phase=span.label,
        phase_progress=(tick - span.start) / (span.end - span.start),
        next_phase=None,
        remaining_s=plan.duration_s - time_s,
        tools=tools,
        world_from_camera=pose_at(time_s),
        gain=None,
        bag_visible=bool(bag) and bag[0].arrive <= tick < bag[-1].end,
    )


def _tool(seen: Visit, tick: int) -> ToolTruth:
    doing = next((a for a in seen.actions if a.arrive <= tick < a.leave), None)
    verb = vocabulary("cholect50/verb@1").label("null_verb") if doing is None else doing.verb
    null = vocabulary("cholect50/target@1").label("null_target")
    points = tuple(
        Keypoint(name, 3.0 + place + seen.number, 5.0 + 2 * place, min(place, 2))
        for place, name in enumerate(KEYPOINTS)
    )
    pose = np.eye(4)
    pose[:3, 3] = (seen.number, 2, 60)
    target = null if doing is None else doing.target
    tip = (float(seen.number), 2.0, 60.0)
    return ToolTruth(seen.number, seen.instrument, None, points, pose, 0.4, tip, verb, target)


def render(truth: FrameTruth) -> SimulatedFrame:
    """Return a frame of random pixels whose instruments are rectangles."""
    rng = np.random.default_rng(truth.number)
    track = np.zeros((HEIGHT, WIDTH), np.uint8)
    boxes = {}
    for place, tool in enumerate(truth.tools):
        left, top = 2 + 14 * place, 4 + truth.number % 5
        track[top : top + 9, left : left + 11] = tool.track + 1
        boxes[tool.track] = (left / WIDTH, top / HEIGHT, 11 / WIDTH, 9 / HEIGHT)
    depth = rng.uniform(20, 120, track.shape).astype(np.float32)
    depth[0, :5] = 0
    flow = rng.normal(0, 20, (*track.shape, 2)).astype(np.float32)
    flow[3, 3] = np.nan
    arrays = {
        "depth": depth,
        "mask/track": track,
        "mask/tool": ((track > 0) * 255).astype(np.uint8),
        "flow": flow,
    }
    tools = tuple(replace(tool, box=boxes[tool.track]) for tool in truth.tools)
    rgb = rng.integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    return SimulatedFrame(rgb, replace(truth, tools=tools), arrays)
