"""Poses: fulcrums hold, tips meet their sites, and every moment has the same bits everywhere."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from videoengine.recon3d.simulator import portable_math as pm
from videoengine.recon3d.simulator.instruments import FORMS, ends_in_tool, form_of
from videoengine.recon3d.simulator.kinematics import Kinematics, ToolTracks
from videoengine.recon3d.simulator.motions import MOTIONS
from videoengine.recon3d.simulator.plan import Action, Plan, Site
from videoengine.recon3d.simulator.planner import make_plan
from videoengine.recon3d.simulator.procedure import load_procedure
from videoengine.recon3d.simulator.vectors import carried
from videoengine.vocabularies import vocabulary

Array = NDArray[np.float64]
TREMOR_MM = 0.35
"""Three axes of up to 0.3 mm in all, and rounding."""
HASHES = {
    "cholecystectomy": "a30b959e769a0f8443cbc2a35bec49c4cc0f23580cae28c2df84c05ac17cf65b",
    "colonoscopy": "b634a8e31c186df3da93290284c16d4bdb9053038ffdfdd3e94b1e1d4dcedcb0",
}


class Hills:
    """A smooth, breathing patch of 120 × 100 mm."""

    name = "cavity"
    ports = np.asarray([[95.0, 70, 150], [-120, -20, 130], [120, -45, 135]])
    scope_port = np.asarray([6.0, -105.0, 150.0])

    def locate(self, site: Site) -> tuple[float, float]:
        return 0.3 + 0.4 * site.a, 0.3 + 0.4 * site.b

    def point(self, u: Any, v: Any, time_s: Any) -> Array:
        u, v, time = np.broadcast_arrays(*(np.asarray(x, np.float64) for x in (u, v, time_s)))
        x, y = 120.0 * (u - 0.5), 100.0 * (0.5 - v)
        breath = 3.0 * pm.sin(np.asarray(1.5 * time))
        return np.stack([x, y, 8.0 * pm.sin(np.asarray(x / 20.0)) + breath], axis=-1)

    def normal(self, u: Any, v: Any) -> Array:
        u, v = np.broadcast_arrays(np.asarray(u, np.float64), np.asarray(v, np.float64))
        slope = 8.0 / 20.0 * pm.cos(np.asarray(120.0 * (u - 0.5) / 20.0))
        size = np.sqrt(1.0 + slope * slope)
        return np.stack([-slope / size, 0.0 * size, 1.0 / size], axis=-1)


class Pipe(Hills):
    """A straight tube of 20 mm radius."""

    name = "tube"

    def locate(self, site: Site) -> tuple[float, float]:
        return site.b, site.a

    def point(self, u: Any, v: Any, time_s: Any) -> Array:
        u, v, time = np.broadcast_arrays(*(np.asarray(x, np.float64) for x in (u, v, time_s)))
        radius = 20.0 + 0.5 * pm.sin(np.asarray(time))
        sine, cosine = pm.sincos(np.asarray(2.0 * pm.PI * u))
        return np.stack([radius * cosine, radius * sine, 1000.0 * v], axis=-1)

    def normal(self, u: Any, v: Any) -> Array:
        u, v = np.broadcast_arrays(np.asarray(u, np.float64), np.asarray(v, np.float64))
        sine, cosine = pm.sincos(np.asarray(2.0 * pm.PI * u))
        return np.stack([-cosine, -sine, 0.0 * v], axis=-1)

    def centerline(self, progress_mm: Any) -> Array:
        along = np.asarray(progress_mm, np.float64)
        return np.stack([0.0 * along, 0.0 * along, along], axis=-1)

    def frame(self, progress_mm: Any) -> Array:
        rows = np.asarray([[0.0, 0, 1], [1, 0, 0], [0, 1, 0]])
        return np.broadcast_to(rows, (*np.shape(progress_mm), 3, 3))


Moving = tuple[Plan, Kinematics]


def moving(name: str, seed: int) -> Moving:
    plan = make_plan(load_procedure(name), seed)
    anatomy: Any = Pipe() if plan.anatomy == "tube" else Hills()
    return plan, Kinematics(plan, anatomy)


@pytest.fixture(scope="module", params=["cholecystectomy", "colonoscopy"])
def subject(request: pytest.FixtureRequest) -> Moving:
    return moving(request.param, 11)


@pytest.fixture(scope="module")
def cavity() -> Moving:
    return moving("cholecystectomy", 11)


def every_tick(plan: Plan, step: int = 1) -> Array:
    return np.arange(0, plan.ticks, step) / 25.0


def row(tracks: ToolTracks, sample: int, visit: int) -> int:
    return int(np.nonzero((tracks.sample == sample) & (tracks.visit == visit))[0][0])


def actions_of(plan: Plan) -> Iterator[tuple[int, int, Action]]:
    for visit in plan.visits:
        for number, action in enumerate(visit.actions):
            yield visit.number, number, action


@pytest.mark.parametrize("name", HASHES)
def test_poses_have_the_bits_of_every_other_machine(name: str) -> None:
    plan, kinematics = moving(name, 7)
    times = every_tick(plan, 25)
    tracks = kinematics.tool_tracks(times)
    parts = [kinematics.camera(times), tracks.world_from_tool, tracks.tip_mm, tracks.entry_mm]
    parts += [tracks.jaw_angle_rad, tracks.grip, tracks.pull_mm, tracks.visit, tracks.action]
    steps = [np.rint(np.asarray(part, np.float64) * 1000.0).astype("<i8") for part in parts]
    digest = hashlib.sha256(b"".join(part.tobytes() for part in steps)).hexdigest()
    assert digest == HASHES[name]


def test_moments_alone_are_those_in_an_array(subject: Moving) -> None:
    plan, kinematics = subject
    times = every_tick(plan, 77)
    cameras, tracks = kinematics.camera(times), kinematics.tool_tracks(times)
    for sample, time in enumerate(times):
        assert np.array_equal(kinematics.camera(np.asarray([time]))[0], cameras[sample])
        rows = np.nonzero(tracks.sample == sample)[0]
        tools = kinematics.tools(float(time))
        assert [tool.visit.number for tool in tools] == tracks.visit[rows].tolist()
        for at, tool in zip(rows, tools, strict=True):
            assert np.array_equal(tool.world_from_tool, tracks.world_from_tool[at])
            assert np.array_equal(tool.tip_mm, tracks.tip_mm[at])
            assert np.array_equal(tool.pull_mm, tracks.pull_mm[at])
            assert (tool.jaw_angle_rad, tool.grip) == (tracks.jaw_angle_rad[at], tracks.grip[at])


def test_the_instruments_are_those_of_the_plan(subject: Moving) -> None:
    plan, kinematics = subject
    for time in every_tick(plan, 200):
        tick = round(time * 25)
        expected = [v.number for v in plan.visits if v.start <= tick < v.end]
        tools = kinematics.tools(float(time))
        assert [tool.visit.number for tool in tools] == expected
        for tool in tools:
            held = [a for a in tool.visit.actions if a.arrive <= tick < a.leave]
            assert tool.action == (held[0] if held else None)


def test_poses_are_rotations(subject: Moving) -> None:
    plan, kinematics = subject
    times = every_tick(plan, 13)
    for poses in (kinematics.camera(times), kinematics.tool_tracks(times).world_from_tool):
        axes = poses[:, :3, :3]
        assert np.abs(axes @ axes.transpose(0, 2, 1) - np.eye(3)).max() < 1e-12
        assert np.linalg.det(axes).min() > 0.99
        assert np.array_equal(poses[:, 3], np.broadcast_to([0.0, 0, 0, 1], (len(poses), 4)))


def test_tips_meet_their_sites_when_they_arrive(subject: Moving) -> None:
    plan, kinematics = subject
    anatomy: Any = Pipe() if plan.anatomy == "tube" else Hills()
    held_over: tuple[int, Site] | None = None
    met = 0
    for visit, number, action in actions_of(plan):
        takes_over = held_over == (visit, action.site)
        holds = MOTIONS.get(action.verb.name) == MOTIONS["grasp"]
        held_over = (visit, action.site) if holds else None
        if takes_over or action.verb.name in ("null_verb", "aspirate", "irrigate"):
            continue
        time = action.arrive / 25.0
        tracks = kinematics.tool_tracks(np.asarray([time]))
        at = row(tracks, 0, visit)
        assert tracks.action[at] == number
        site = anatomy.point(*anatomy.locate(action.site), time)
        assert np.linalg.norm(tracks.tip_mm[at] - site) < TREMOR_MM
        met += 1
    assert met >= 3


def test_tips_that_work_without_touching_stay_near(cavity: Moving) -> None:
    plan, kinematics = cavity
    for visit, _, action in actions_of(plan):
        if action.verb.name in ("aspirate", "irrigate", "null_verb"):
            time = 0.5 * (action.arrive + action.leave) / 25.0
            tracks = kinematics.tool_tracks(np.asarray([time]))
            site = Hills().point(*Hills().locate(action.site), time)
            away = float(np.linalg.norm(tracks.tip_mm[row(tracks, 0, visit)] - site))
            assert 1.0 < away < 25.0


def test_held_tissue_is_pulled_and_let_go(cavity: Moving) -> None:
    plan, kinematics = cavity
    tracks = kinematics.tool_tracks(every_tick(plan))
    pulled = np.linalg.norm(tracks.pull_mm, axis=1)
    assert pulled[tracks.grip == 0.0].max() == 0.0
    assert 0.0 <= tracks.grip.min() <= tracks.grip.max() <= 1.0
    for visit, number, action in actions_of(plan):
        mine = (tracks.visit == visit) & (tracks.action == number)
        if action.verb.name == "retract" and action.leave - action.arrive > 100:
            assert 8.0 <= pulled[mine].max() <= 25.0
            assert tracks.jaw_angle_rad[mine].min() < 0.15
        elif action.verb.name in ("dissect", "coagulate", "clip", "cut"):
            assert pulled[mine].max() == 0.0


def test_a_hook_strokes_along_the_surface(cavity: Moving) -> None:
    plan, kinematics = cavity
    tracks = kinematics.tool_tracks(every_tick(plan))
    strokes = 0
    for visit, number, action in actions_of(plan):
        if action.verb.name != "dissect" or action.leave - action.arrive < 100:
            continue
        mine = (tracks.visit == visit) & (tracks.action == number)
        tips = tracks.tip_mm[mine]
        reach = np.linalg.norm(tips[:, :2] - tips[0, :2], axis=1).max()
        assert 3.5 < reach < 17.0
        height = tips[:, 2] - 8.0 * np.sin(tips[:, 0] / 20.0)
        breath = 3.0 * np.sin(1.5 * every_tick(plan)[tracks.sample[mine]])
        assert np.median(np.abs(height - breath)) < 1.0
        strokes += 1
    assert strokes > 5


def test_clips_close_at_the_moment_of_the_incident(cavity: Moving) -> None:
    plan, kinematics = cavity
    for incident in plan.incidents:
        if incident.kind in ("clip", "cut") and plan.visits[incident.visit].instrument.name in (
            "clipper",
            "scissors",
        ):
            times = np.asarray([incident.start - 15, incident.start + 1]) / 25.0
            tracks = kinematics.tool_tracks(times)
            before, then = (row(tracks, n, incident.visit) for n in (0, 1))
            assert tracks.jaw_angle_rad[then] < 0.12
            assert tracks.jaw_angle_rad[before] > 0.15


def test_shafts_pass_through_their_entries(subject: Moving) -> None:
    plan, kinematics = subject
    times = every_tick(plan, 5)
    tracks = kinematics.tool_tracks(times)
    origin, axis = tracks.world_from_tool[:, :3, 3], tracks.world_from_tool[:, :3, 2]

    def distance(points: Array) -> Array:
        return np.asarray(np.linalg.norm(np.cross(points - origin, axis), axis=1))

    assert distance(tracks.entry_mm).max() < 1e-4  # of a hook, found in rounds
    if plan.anatomy == "cavity":
        ports = np.asarray([plan.visits[n].port for n in tracks.visit])
        assert distance(Hills.ports[ports]).max() < 2.5
    else:
        camera = kinematics.camera(times)[tracks.sample]
        mouth = carried(camera, np.broadcast_to([4.0, 6.0, -2.0], (len(camera), 3)))
        assert np.array_equal(mouth, tracks.entry_mm)


def test_tips_lie_where_their_form_has_them(subject: Moving) -> None:
    plan, kinematics = subject
    tracks = kinematics.tool_tracks(every_tick(plan, 50))
    for at in range(len(tracks.sample)):
        form = form_of(plan.visits[tracks.visit[at]].instrument.name)
        measures = (form.reach_mm, form.offset_mm, tracks.jaw_angle_rad[at])
        left, right = ends_in_tool(*(np.asarray([m]) for m in measures))[:, 0]
        place = 0.5 * (left + right)
        place[2] *= form.tip_share
        assert np.abs(carried(tracks.world_from_tool[at], place) - tracks.tip_mm[at]).max() < 1e-9
        assert 0.0 <= tracks.jaw_angle_rad[at] <= form.jaw_max_rad
        assert tracks.reach_mm[at] == form.reach_mm


def test_instruments_enter_and_leave_along_their_shafts(cavity: Moving) -> None:
    plan, kinematics = cavity
    for visit in plan.visits:
        times = np.asarray([visit.start, visit.end - 1]) / 25.0
        tracks = kinematics.tool_tracks(times)
        for sample in (0, 1):
            at = row(tracks, sample, visit.number)
            assert np.linalg.norm(tracks.tip_mm[at] - tracks.entry_mm[at]) < 60.0


def test_the_camera_moves_no_faster_than_a_hand_guides_it() -> None:
    for name, fastest in (("cholecystectomy", 30.0), ("colonoscopy", 30.0)):
        for seed in range(12):
            plan, kinematics = moving(name, seed)
            times = every_tick(plan)
            inside = np.asarray([not plan.is_outside(n) for n in range(plan.ticks)])
            place = kinematics.camera(times)[:, :3, 3]
            # over half a second, so that the tremor does not count
            speed = np.linalg.norm(place[12:] - place[:-12], axis=1) / 0.48
            assert speed[inside[12:] & inside[:-12]].max() < fastest


def test_nothing_jumps_between_ticks(subject: Moving) -> None:
    plan, kinematics = subject
    tracks = kinematics.tool_tracks(every_tick(plan))
    for visit in plan.visits:
        mine = tracks.visit == visit.number
        assert np.count_nonzero(mine) == visit.end - visit.start
        for values, most in (
            (tracks.tip_mm, 14.0),
            (tracks.world_from_tool[:, :3, :3].reshape(-1, 9), 0.25),
            (tracks.pull_mm, 4.0),
            (tracks.jaw_angle_rad[:, None], 0.35),
        ):
            assert np.abs(np.diff(values[mine], axis=0)).max() < most
    place = kinematics.camera(every_tick(plan))
    inside = np.asarray([not plan.is_outside(n) for n in range(plan.ticks)])
    steps = np.abs(np.diff(place[:, :3], axis=0)).max(axis=(1, 2))
    assert steps[inside[1:] & inside[:-1]].max() < 1.5


def test_the_scope_keeps_to_its_trocar_and_its_obliqueness(cavity: Moving) -> None:
    plan, kinematics = cavity
    times = every_tick(plan, 7)
    times = times[[not plan.is_outside(round(time * 25)) for time in times]]
    camera = kinematics.camera(times)
    shaft = camera[:, :3, 3] - Hills.scope_port
    cosine = np.sum(shaft * camera[:, :3, 2], axis=1) / np.linalg.norm(shaft, axis=1)
    # the hand sways by 3 mm an axis and a little more, 60 mm or more from the trocar
    assert np.abs(np.degrees(np.arccos(cosine)) - 30.0).max() < 4.5
    # it looks at the tissue from above, cranial upward in the picture
    assert camera[:, 2, 2].max() < -0.2
    assert camera[:, 1, 1].max() < 0.0


def test_the_scope_is_drawn_back_before_it_leaves_the_body(cavity: Moving) -> None:
    plan, kinematics = cavity
    for span in plan.outside:
        if span.kind != "trocar":
            middle = np.asarray([0.5 * (span.start + span.end) / 25.0])
            place = kinematics.camera(middle)[0, :3, 3]
            assert np.linalg.norm(place - Hills.scope_port) < 10.0


def test_the_camera_of_a_tube_stays_on_its_centerline() -> None:
    plan, kinematics = moving("colonoscopy", 3)
    times = every_tick(plan, 5)
    camera = kinematics.camera(times)
    assert np.abs(camera[:, :2, 3]).max() < 1.6
    assert camera[:, 2, 3].max() > 700.0
    assert camera[:, 2, 2].min() > 0.2


def test_every_instrument_of_the_vocabularies_has_a_form() -> None:
    names = {
        label.name
        for stem in ("cholect50/instrument@1", "videoengine/colonoscopy-instrument@1")
        for label in vocabulary(stem).labels
    }
    assert names == set(FORMS)
    assert form_of("of another world").jaw_max_rad > 0.0


def test_jaws_keep_their_length_and_open_to_both_sides() -> None:
    for form in FORMS.values():
        for angle in (0.0, 0.5 * form.jaw_max_rad, form.jaw_max_rad):
            measures = (form.reach_mm, form.offset_mm, angle)
            left, right = ends_in_tool(*(np.asarray([m]) for m in measures))[:, 0]
            assert left[2] == right[2] > 0.0
            assert left[1] == right[1] == form.offset_mm
            assert left[0] == -right[0] >= 0.0
            assert np.hypot(left[0], left[2]) == pytest.approx(form.reach_mm)


def test_a_plan_without_instruments_has_a_camera_alone() -> None:
    plan = replace(make_plan(load_procedure("colonoscopy"), 1), visits=())
    anatomy: Any = Pipe()
    kinematics = Kinematics(plan, anatomy)
    assert kinematics.tools(100.0) == ()
    assert kinematics.camera(np.asarray([100.0])).shape == (1, 4, 4)


def test_another_seed_moves_otherwise() -> None:
    plan = make_plan(load_procedure("colonoscopy"), 1)
    other = make_plan(load_procedure("colonoscopy"), 2)
    hill: Any = Pipe()
    time = np.asarray([100.0])
    assert not np.array_equal(
        Kinematics(plan, hill).camera(time), Kinematics(other, hill).camera(time)
    )
