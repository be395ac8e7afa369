"""The work of a procedure: which instrument does what to what, port by port."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Final

from videoengine.recon3d.simulator.grammar import (
    NULL_TARGET,
    ActionRule,
    Procedure,
    Range,
    WorkRule,
)
from videoengine.recon3d.simulator.plan import (
    TICKS_PER_SECOND,
    Action,
    Incident,
    Site,
    Visit,
)
from videoengine.recon3d.simulator.randomness import Draws, Key
from videoengine.recon3d.simulator.schedule import TUBE_MM, Schedule, draw_bounded

SHORTEST_HOLD: Final = 12
"""Ticks; an action that could be held no longer than this is not begun."""
WAIT: Final = 10
"""Ticks a port waits before it looks again for something to do."""
LONGEST_START_S: Final = 3.0
"""Spread of the moments at which the ports begin a phase."""
SCATTER: Final = 0.1
"""Spread of the sites of one target about its focus, as a share of the target."""
SAME_SITE: Final = 0.75
"""Chance that an instrument goes on where it is, when the next action has the same target."""
INTERRUPTING_S: Final = 10.0
"""An action this close to an interruption bleeds: that is what interrupts."""
NEAR_MM: Final = (18.0, 32.0)
"""How far ahead of the tip a tube is worked on, along its centerline."""
FIRST_CLIP: Final = 0.5
CLIP_STEP: Final = 0.12
"""Along the clipped target, as a share of it."""
CLIPS_APART_MM: Final = 3.0
SITE_END: Final = 0.999


@dataclass(slots=True)
class _Draft:
    """An action while its visit is being put together."""

    rule: ActionRule
    site: Site
    start: int
    arrive: int
    leave: int
    end: int = 0


@dataclass(slots=True)
class WorkPlan:
    """Visits without their final numbers, and the bleedings they cause."""

    visits: list[Visit] = field(default_factory=list[Visit])
    bleedings: list[Incident] = field(default_factory=list[Incident])


def ticks_of(draws: Draws, seconds: Range) -> int:
    """Return a length of time in ticks, at least one."""
    return max(1, int(draws.uniform(*seconds) * TICKS_PER_SECOND + 0.5))


class Worker:
    """Fills a schedule with work."""

    def __init__(
        self, procedure: Procedure, schedule: Schedule, key: Key, lesions: dict[int, Site]
    ) -> None:
        """Prepare; `lesions` are the polyps that the segments with these numbers deal with."""
        self._procedure = procedure
        self._schedule = schedule
        self._key = key
        self._lesions = lesions
        self._starts = [segment.start for segment in schedule.segments]
        self._chances = dict(procedure.bleeding.chances) if procedure.bleeding else {}
        self._interruptions: set[int] = set()
        self._unanswered: list[tuple[int, Site]] = []
        self._listed: dict[int, int] = {}
        self._clips: dict[str, list[Site]] = {}
        self._port = 0
        self._draws = key.draws()
        self.plan = WorkPlan()

    def run(self) -> WorkPlan:
        """Fill every port, the one that answers bleedings last, and number the visits."""
        bleeding = self._procedure.bleeding
        answer = bleeding.answer_port if bleeding else -1
        for port in sorted(range(len(self._procedure.ports)), key=lambda n: (n == answer, n)):
            self._port, self._draws = port, self._key.sub("port", port).draws()
            for low, high in self._schedule.free:
                self._fill(low, high)
        return _numbered(self.plan)

    def _segment_at(self, tick: int) -> int:
        return bisect_right(self._starts, tick) - 1

    def _rule(self, number: int) -> WorkRule | None:
        segment = self._schedule.segments[number]
        return next((work for work in segment.rule.work if work.port == self._port), None)

    def _fill(self, low: int, high: int) -> None:
        """Fill the time between two stretches outside."""
        draws = self._draws
        # the first instrument follows the camera in; the last is out before it leaves
        now = low + ticks_of(draws, (0.2, 1.5))
        while now < high:
            enter = ticks_of(draws, self._procedure.enter_s)
            number = self._segment_at(min(now + enter, high - 1))
            rule = self._rule(number)
            answer = self._answer(now)
            first = self._first(rule, number) if rule else None
            if answer is not None:
                end = self._visit(now, enter, high, answer, 1)
            elif rule is not None and first is not None:
                count = draws.integer(*rule.visit_actions)
                end = self._visit(now, enter, high, (first, None), count)
            else:
                now = max(now + WAIT, self._schedule.segments[number].end - enter)
                continue
            if end is None:
                now += WAIT
                continue
            now = end + (WAIT if self._is_bleeding(end) else self._pause(end, rule))

    def _pause(self, tick: int, rule: WorkRule | None) -> int:
        """Draw how long the port rests; a phase that begins soon shortens it to its own pace."""
        pause = ticks_of(self._draws, rule.pause_s) if rule else WAIT
        for number in range(self._segment_at(tick) + 1, len(self._starts)):
            left, following = self._starts[number] - tick, self._rule(number)
            if left >= pause:
                break
            if following is not None:
                least, most = following.pause_s
                return left + ticks_of(self._draws, (least, min(most, least + LONGEST_START_S)))
        return pause

    def _is_bleeding(self, tick: int) -> bool:
        """Return whether this port has a bleeding to answer."""
        rule = self._procedure.bleeding
        answers = rule is not None and rule.answer_port == self._port
        return answers and any(start <= tick for start, _ in self._unanswered)

    def _answer(self, tick: int) -> tuple[ActionRule, Site] | None:
        """Strike the bleedings so far and return what is done about the last, if anything is."""
        rule = self._procedure.bleeding
        if rule is None or not self._is_bleeding(tick):
            return None
        seen = [item for item in self._unanswered if item[0] <= tick]
        self._unanswered = [item for item in self._unanswered if item[0] > tick]
        if not self._draws.chance(rule.answer_chance):
            return None
        # by then the scope may have moved on
        if self._procedure.tube is not None and self._segment_at(seen[-1][0]) != self._segment_at(
            tick
        ):
            return None
        action = rule.answers[self._draws.choice([answer.weight for answer in rule.answers])]
        # where the blood is, also when the target is the fluid itself
        return action, seen[-1][1]

    def _first(self, rule: WorkRule, number: int) -> ActionRule | None:
        if rule.order == "drawn":
            return rule.actions[self._draws.choice([action.weight for action in rule.actions])]
        return self._next_listed(rule, number)

    def _next_listed(self, rule: WorkRule, number: int) -> ActionRule | None:
        """Return the action that a list has reached, None at its end."""
        done = self._listed.get(number, 0)
        for action in rule.actions:
            if done < action.times:
                return action
            done -= action.times
        return None

    def _following(
        self, rule: WorkRule | None, number: int, before: ActionRule
    ) -> ActionRule | None:
        """Return what the same instrument does next, or None when it leaves."""
        if rule is None:
            return None
        if rule.order == "listed":
            action = self._next_listed(rule, number)
            same = action is not None and action.instrument == before.instrument
            return action if same else None
        fitting = [a for a in rule.actions if a.instrument == before.instrument]
        # an action is not followed by itself unless there is nothing else to do
        fresh = [a for a in fitting if a.verb != before.verb or a.target != before.target]
        fitting = fresh or fitting
        if not fitting:
            return None
        return fitting[self._draws.choice([action.weight for action in fitting])]

    def _visit(
        self, start: int, enter: int, high: int, first: tuple[ActionRule, Site | None], count: int
    ) -> int | None:
        """Add one visit that begins at `start`; return its end, or None when there is no room."""
        draws = self._draws
        leaving = ticks_of(draws, self._procedure.enter_s)
        rule, site = first
        arrive = start + enter
        drafts: list[_Draft] = []
        while len(drafts) < max(count, 1):
            number = self._segment_at(min(arrive, high - 1))
            hold = int(draw_bounded(draws, rule.hold_s) * TICKS_PER_SECOND + 0.5)
            leave = min(arrive + hold, self._latest(number, rule, site, high - leaving))
            if leave - arrive < SHORTEST_HOLD:
                break
            if site is None:
                site = self._site(number, rule, drafts[-1] if drafts else None)
            drafts.append(_Draft(rule, site, start, arrive, leave))
            if self._is_listed(number, rule):
                self._listed[number] = self._listed.get(number, 0) + 1
            if self._bleed(number, drafts[-1]):
                break
            move = ticks_of(draws, self._procedure.move_s)
            number = self._segment_at(min(leave + move, high - 1))
            following = self._following(self._rule(number), number, rule)
            if following is None:
                break
            rule, site = following, None
            start, arrive = leave + move // 2, leave + move
        return self._close(drafts, leaving) if drafts else None

    def _is_listed(self, number: int, action: ActionRule) -> bool:
        rule = self._rule(number)
        return rule is not None and rule.order == "listed" and action in rule.actions

    def _latest(self, number: int, rule: ActionRule, site: Site | None, limit: int) -> int:
        """Return the last tick to which an action may be held: its phase's end, as a rule."""
        segments = self._schedule.segments
        if site is not None and self._procedure.tube is None:
            # the answer to a bleeding is not bound to a phase
            return limit
        end = segments[number].end
        while end < limit:
            number += 1
            following = self._rule(number)
            same = following is not None and any(
                (a.instrument, a.verb, a.target) == (rule.instrument, rule.verb, rule.target)
                for a in following.actions
            )
            if not same:
                break
            end = segments[number].end
        return min(end, limit)

    def _site(self, number: int, rule: ActionRule, before: _Draft | None) -> Site:
        """Draw where an action takes place."""
        draws = self._draws
        name = rule.target.name
        segment = self._schedule.segments[number]
        if number in self._lesions and name != NULL_TARGET:
            lesion = self._lesions[number]
            if rule.verb.name != "clip":
                return Site(name, lesion.a, lesion.b)
            apart = CLIPS_APART_MM / TUBE_MM
            along = lesion.a + draws.uniform(-apart, apart)
            return Site(name, along, (lesion.b + draws.uniform(-0.02, 0.02)) % 1.0)
        if rule.verb.name in ("clip", "cut") and self._clips.get(name):
            return self._beside_clips(rule.verb.name, self._clips[name])
        if before is not None and before.site.target == name and draws.chance(SAME_SITE):
            return before.site
        if self._procedure.tube is not None:
            along = (segment.to_mm + draws.uniform(*NEAR_MM)) / TUBE_MM
            return Site(name, along, draws.fraction())
        focus = self._key.sub("focus", number, rule.target.id, self._port)
        site = Site(name, *(self._near(focus.fraction(n), draws) for n in range(2)))
        if rule.verb.name == "clip":
            site = Site(name, FIRST_CLIP * site.a, site.b)  # room for those that follow
            self._clips[name] = [site]
        return site

    @staticmethod
    def _beside_clips(verb: str, clips: list[Site]) -> Site:
        """Set clips in a row, the third apart from two; cut between the last two."""
        last = clips[-1]
        if verb == "cut":
            return Site(last.target, 0.5 * (last.a + clips[max(len(clips) - 2, 0)].a), last.b)
        step = 2.0 * CLIP_STEP if len(clips) == 2 else CLIP_STEP
        clips.append(Site(last.target, (last.a + step) % SITE_END, last.b))
        return clips[-1]

    @staticmethod
    def _near(focus: float, draws: Draws) -> float:
        value = 0.15 + 0.7 * focus + draws.uniform(-2.0 * SCATTER, 2.0 * SCATTER)
        return min(max(value, 0.0), SITE_END)

    def _bleed(self, number: int, draft: _Draft) -> bool:
        """Start a bleeding by chance; return whether this port then leaves to answer it."""
        rule = self._procedure.bleeding
        draws, verb = self._draws, draft.rule.verb.name
        if rule is None or verb not in self._chances:
            return False
        segment = self._schedule.segments[number]
        chance = self._chances[verb]
        near = segment.end - draft.leave < INTERRUPTING_S * TICKS_PER_SECOND
        if segment.interrupted and near and self._port == rule.answer_port:
            chance = 0.0 if number in self._interruptions else 1.0
            self._interruptions.add(number)
        if not draws.chance(chance):
            return False
        share = draws.uniform(0.3, 0.9)
        start = draft.arrive + int((draft.leave - draft.arrive) * share)
        end = start + ticks_of(draws, rule.lasts_s)
        visit = len(self.plan.visits)
        self.plan.bleedings.append(
            Incident("bleeding", start, end, draft.site, draws.uniform(*rule.amount), visit)
        )
        self._unanswered.append((start, draft.site))
        return self._port == rule.answer_port

    def _close(self, drafts: list[_Draft], leaving: int) -> int:
        """Add the visit that the drafts make up and return its end."""
        for draft, following in pairwise(drafts):
            draft.end = following.start
        end = drafts[-1].end = drafts[-1].leave + leaving
        visit = len(self.plan.visits)
        actions = tuple(
            Action(visit, d.rule.verb, d.rule.target, d.site, d.start, d.arrive, d.leave, d.end)
            for d in drafts
        )
        instrument = drafts[0].rule.instrument
        self.plan.visits.append(Visit(visit, instrument, self._port, drafts[0].start, end, actions))
        for index, incident in enumerate(self.plan.bleedings):
            if incident.visit == visit and incident.end > end:
                self.plan.bleedings[index] = replace(incident, end=end)
        return end


def _numbered(plan: WorkPlan) -> WorkPlan:
    """Number the visits in order of their start."""
    order = sorted(plan.visits, key=lambda visit: (visit.start, visit.port))
    numbers = {visit.number: number for number, visit in enumerate(order)}
    visits = [
        Visit(
            numbers[visit.number],
            visit.instrument,
            visit.port,
            visit.start,
            visit.end,
            tuple(replace(action, visit=numbers[visit.number]) for action in visit.actions),
        )
        for visit in order
    ]
    bleedings = [replace(bleeding, visit=numbers[bleeding.visit]) for bleeding in plan.bleedings]
    return WorkPlan(visits, bleedings)
