"""Plans: they keep their promises for every seed, and their bits on every machine."""

from __future__ import annotations

import functools
import hashlib
from dataclasses import asdict
from itertools import pairwise

import pytest

from videoengine.canonical import dumps
from videoengine.errors import UsageError
from videoengine.recon3d.simulator.plan import TICKS_PER_SECOND, Incident, Plan
from videoengine.recon3d.simulator.planner import make_plan
from videoengine.recon3d.simulator.procedure import load_procedure

SEEDS = range(200)
NAMES = ("cholecystectomy", "colonoscopy")
ONE_TICK = ("clip", "cut", "lens_soiled", "lens_wiped")
LAST = 2**63 - 1
HASHES = {
    ("cholecystectomy", 7): "3f5714196ed0510afd0bdb6d0978184dde1b46d913a5966ec1e51b5cd3bf0e43",
    ("cholecystectomy", LAST): "268a45e3e0db7810ef6d444499a202c6716c71e47af686c52afc42577386253b",
    ("colonoscopy", 7): "2442ff2ec55a65fd1c9fea93046a1d10b80f2d9d6e724e4f43a0dd0ec068f5c1",
    ("colonoscopy", LAST): "19dd782745f51d9cddd93db7289cac755bbba7b919424f959f4c9d062cc7a2ff",
}


@functools.cache
def made(name: str) -> list[Plan]:
    procedure = load_procedure(name)
    return [make_plan(procedure, seed) for seed in SEEDS]


@pytest.fixture(params=NAMES)
def plans(request: pytest.FixtureRequest) -> list[Plan]:
    return made(request.param)


def digest(plan: Plan) -> str:
    return hashlib.sha256(dumps(asdict(plan)).encode()).hexdigest()


def touches_outside(plan: Plan, start: int, end: int) -> bool:
    return any(start < span.end and span.start < end for span in plan.outside)


@pytest.mark.parametrize(("name", "seed"), HASHES)
def test_a_plan_has_the_bits_of_every_other_machine(name: str, seed: int) -> None:
    assert digest(make_plan(load_procedure(name), seed)) == HASHES[name, seed]


@pytest.mark.parametrize("name", NAMES)
def test_another_seed_differs_and_the_same_does_not(name: str) -> None:
    procedure = load_procedure(name)
    digests = [digest(make_plan(procedure, seed)) for seed in (0, 0, 1, LAST)]
    assert digests[0] == digests[1]
    assert len(set(digests)) == 3


@pytest.mark.parametrize("seed", [-1, 2**63])
def test_an_impossible_seed_is_refused(seed: int) -> None:
    with pytest.raises(UsageError, match="The seed is out of range"):
        make_plan(load_procedure("colonoscopy"), seed)


def test_every_length_is_six_to_ten_minutes(plans: list[Plan]) -> None:
    assert all(360 <= plan.duration_s <= 600 for plan in plans)


def test_phases_cover_the_plan_without_a_hole(plans: list[Plan]) -> None:
    for plan in plans:
        assert (plan.phases[0].start, plan.phases[-1].end) == (0, plan.ticks)
        assert all(a.end == b.start and a.label != b.label for a, b in pairwise(plan.phases))
        assert all(span.start < span.end for span in plan.phases)


def test_visits_are_numbered_by_start_and_share_no_port_at_a_time(plans: list[Plan]) -> None:
    for plan in plans:
        assert [visit.number for visit in plan.visits] == list(range(len(plan.visits)))
        assert all(a.start <= b.start for a, b in pairwise(plan.visits))
        for port in range(3):
            mine = [visit for visit in plan.visits if visit.port == port]
            assert all(a.end <= b.start for a, b in pairwise(mine))


def test_actions_follow_one_another_within_their_visit(plans: list[Plan]) -> None:
    for visit in (visit for plan in plans for visit in plan.visits):
        actions = visit.actions
        assert (actions[0].start, actions[-1].end) == (visit.start, visit.end)
        assert all(a.end == b.start for a, b in pairwise(actions))
        for action in actions:
            assert action.visit == visit.number
            assert action.start < action.arrive < action.leave < action.end


def test_nothing_is_done_while_the_camera_is_outside(plans: list[Plan]) -> None:
    for plan in plans:
        assert not any(touches_outside(plan, visit.start, visit.end) for visit in plan.visits)
        for incident in plan.incidents:
            if incident.kind != "lens_wiped":  # what a cleaning outside is for
                assert not touches_outside(plan, incident.start, incident.end)


def test_incidents_lie_within_the_plan_and_the_visit_that_causes_them(plans: list[Plan]) -> None:
    def within(plan: Plan, incident: Incident) -> bool:
        if incident.visit < 0:
            return incident.start >= 0 and incident.end <= plan.ticks
        visit = plan.visits[incident.visit]
        return visit.start <= incident.start and incident.end <= visit.end

    for plan in plans:
        starts = [incident.start for incident in plan.incidents]
        assert starts == sorted(starts)
        for incident in plan.incidents:
            assert within(plan, incident)
            assert 0.0 < incident.amount <= 1.0
            length = incident.end - incident.start
            assert length == 1 if incident.kind in ONE_TICK else length >= 1


def test_a_soiled_lens_is_wiped_before_it_is_soiled_again(plans: list[Plan]) -> None:
    for plan in plans:
        kinds = [i.kind for i in plan.incidents if i.kind.startswith("lens")]
        assert kinds == ["lens_soiled", "lens_wiped"] * (len(kinds) // 2)


def test_the_camera_starts_and_ends_in_the_theatre(plans: list[Plan]) -> None:
    for plan in plans:
        assert (plan.outside[0].kind, plan.outside[0].start) == ("theatre", 0)
        assert (plan.outside[-1].kind, plan.outside[-1].end) == ("theatre", plan.ticks)
        assert all(a.end <= b.start for a, b in pairwise(plan.outside))


def test_gazes_follow_one_another_from_the_start(plans: list[Plan]) -> None:
    for plan in plans:
        assert plan.gazes[0].start == 0
        assert all(a.start + a.travel <= b.start for a, b in pairwise(plan.gazes))
        assert plan.gazes[-1].start < plan.ticks
        assert all(15 <= gaze.distance_mm <= 120 for gaze in plan.gazes)


def test_sites_lie_within_their_target(plans: list[Plan]) -> None:
    for plan in plans:
        actions = [action.site for visit in plan.visits for action in visit.actions]
        for site in [*actions, *(i.site for i in plan.incidents), *(g.site for g in plan.gazes)]:
            assert 0.0 <= site.a < 1.0
            assert 0.0 <= site.b < 1.0


def test_a_cystic_duct_is_clipped_three_times_before_it_is_cut() -> None:
    complete = 0
    for plan in made("cholecystectomy"):
        actions = [a for visit in plan.visits for a in visit.actions]
        mine = [a for a in actions if a.target.name == "cystic_duct"]
        done = [a.verb.name for a in sorted(mine, key=lambda a: a.start)]
        done = [verb for verb in done if verb in ("clip", "cut")]
        complete += done == ["clip", "clip", "clip", "cut"]
    assert complete == len(SEEDS)


def test_every_combination_is_a_published_triplet() -> None:
    seen = {
        (visit.instrument.vocabulary, action.verb.vocabulary, action.target.vocabulary)
        for plan in made("cholecystectomy")[:20]
        for visit in plan.visits
        for action in visit.actions
    }
    assert seen == {("cholect50/instrument@1", "cholect50/verb@1", "cholect50/target@1")}


def test_a_bleeding_that_interrupts_comes_before_the_cleaning() -> None:
    bled = interrupted = 0
    for plan in made("cholecystectomy"):
        for before, span, after in zip(plan.phases, plan.phases[1:], plan.phases[2:], strict=False):
            if span.label.name == "CleaningCoagulation" and before.label == after.label:
                interrupted += 1
                near = span.start - 15 * TICKS_PER_SECOND
                bled += any(
                    i.kind == "bleeding" and near <= i.start < span.start for i in plan.incidents
                )
    assert interrupted > 40
    assert bled / interrupted > 0.7


def test_a_colonoscope_goes_in_and_comes_back() -> None:
    retreats = 0
    for plan in made("colonoscopy"):
        along = [gaze.progress_mm for gaze in plan.gazes]
        assert along[0] == 0.0
        assert max(along) > 700
        assert along[-1] < 30
        retreats += any(b < a for a, b in pairwise(along[: along.index(max(along))]))
    assert retreats > 150


def test_a_polyp_is_found_and_cut_within_its_phases() -> None:
    resected = 0
    for plan in made("colonoscopy"):
        for polyp in plan.polyps:
            assert 2.0 <= polyp.size_mm <= 15.0
            assert plan.phase_at(polyp.found).label.name == "polyp found"
            if polyp.resected is not None:
                resected += 1
                assert plan.phase_at(polyp.resected).label.name == "polypectomy"
                assert any(i.kind == "cut" and i.start == polyp.resected for i in plan.incidents)
    assert resected > 100


def test_the_camera_is_near_a_polyp_while_it_is_worked_on() -> None:
    for plan in made("colonoscopy")[:40]:
        for visit in plan.visits:
            for action in visit.actions:
                if action.target.name != "polyp":
                    continue
                gaze = [g for g in plan.gazes if g.start + g.travel <= action.arrive][-1]
                assert 10 < action.site.a * 1000 - gaze.progress_mm < 40
