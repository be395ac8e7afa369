"""Rules: what the log says to a clause of one form, or None where the form does not settle it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from videoengine.media_time import NS_PER_SECOND, clock
from videoengine.models.vlm.bus import Bus
from videoengine.models.vlm.checker import looking
from videoengine.models.vlm.checker.clause import Clause
from videoengine.models.vlm.checker.quantities import Quantity
from videoengine.models.vlm.checker.verdicts import Ruling, decided, unknown, unsupported
from videoengine.models.vlm.findings import Unknown, Window, listed
from videoengine.models.vlm.index import CaseIndex
from videoengine.models.vlm.subjects import Subject, support_of
from videoengine.spoken import spoken

LEAVES: Final = r"\b(?:leaves?|left|exits?|exited|enters?|entered|pulled|taken|withdrawn)\b"
ACCESS: Final = {
    "laparoscopic": "laparoscopy", "robotic": "robotic", "robot assisted": "robotic",
}  # fmt: skip
Rule = Callable[["Facts", Clause, re.Match[str]], Ruling | None]
Counting = Callable[[CaseIndex, Subject, Window | None, Quantity], Ruling]


@dataclass(frozen=True, slots=True)
class Facts:
    """What rules look at."""

    bus: Bus
    procedures: tuple[str, ...]
    """The one that was named when the analysis was started, as it is spoken."""
    modality: str
    """As the manifest has it; `unknown` where nobody named one."""


def _window(case: Facts, clause: Clause) -> Window | None:
    return clause.window(case.bus.index.end_ns)


def present(case: Facts, clause: Clause, found: re.Match[str]) -> Ruling | None:
    """Rule on "a hook was in view", or was not."""
    subject, at = clause.subjects[0], clause.moment()
    if found[0] == "s0" and subject.kind not in ("triplet", "privacy"):
        return None  # a noun alone claims nothing
    moves = subject.kind == "privacy" and re.search(LEAVES, clause.plain)
    if moves and at is not None and not clause.denied:
        return looking.edge(case.bus.index, subject, at, clause.grain_ns, "begin")
    return _so(case, clause, subject)


def _so(case: Facts, clause: Clause, subject: Subject) -> Ruling | None:
    index, window = case.bus.index, _window(case, clause)
    at = clause.moment()
    exact = at is not None and clause.grain_ns <= NS_PER_SECOND and subject.kind == "instrument"
    if at is not None and exact and looking.sighted(index, subject, at) is None:
        return unsupported(f"At {clock(at)} {subject.noun} is lost from sight for a moment.")
    if clause.relation == "since" and window is not None:
        return _since(case, clause, subject, window)
    if clause.relation == "throughout" and window is not None:
        return looking.throughout(index, subject, window, denied=clause.denied)
    if clause.relation == "until" and window is not None:
        if clause.denied:
            return looking.presence(index, subject, window, denied=True)
        return looking.edge(index, subject, window.end_ns, clause.grain_ns, "end")
    return looking.presence(index, subject, window, denied=clause.denied)


def _since(case: Facts, clause: Clause, subject: Subject, window: Window) -> Ruling | None:
    """Rule on "from 0:30 on": it begins then, or lasts from then to the end; else: not clear."""
    index = case.bus.index
    if clause.denied:
        return looking.presence(index, subject, window, denied=True)
    begun = looking.edge(index, subject, window.start_ns, clause.grain_ns, "begin")
    if begun.verdict == "supported":
        return begun
    lasting = looking.throughout(index, subject, window, denied=False)
    return lasting if lasting.verdict == "supported" else None


def always(case: Facts, clause: Clause, _: re.Match[str]) -> Ruling | None:
    """Rule on "throughout the phase" and "throughout"."""
    index = case.bus.index
    if clause.denied:
        return None
    if len(clause.subjects) == 1:
        whole = _window(case, clause) or Window(0, index.end_ns)
        return looking.throughout(index, clause.subjects[0], whole, denied=False)
    what, around = clause.subjects
    places = looking.found_in(index, around, None)
    if isinstance(places, Ruling):
        return places
    if len(places) != 1 or clause.relation:
        return None
    return looking.throughout(index, what, places[0].window, denied=False)


def used(case: Facts, clause: Clause, found: re.Match[str]) -> Ruling | None:
    """Rule on "the surgeon used a hook": who held it, no video tells; that it was used, it does."""
    if any(subject.kind != "instrument" for subject in clause.subjects):
        return None
    if len(clause.subjects) == 1:
        return _so(case, clause, clause.subjects[0])
    return each(case, clause, found)


def placed(case: Facts, clause: Clause, _: re.Match[str]) -> Ruling | None:
    """Rule on "clips were placed", or "no clips were placed"."""
    subject = clause.subjects[0]
    if subject.kind != "triplet" or not re.search(r"\bclips?\b", clause.plain):
        return None
    claimed = Quantity(0, 0) if clause.denied else Quantity(1, 0, "least")
    return _numbered(case, "clips", {"window": _window(case, clause)}, claimed)


def together(case: Facts, clause: Clause, _: re.Match[str]) -> Ruling | None:
    """Rule on two things at once."""
    if len(clause.subjects) != 2:
        return None
    one, other = clause.subjects
    phrase = f"{one.phrase} together with {other.phrase}"
    both = Subject("both", (), phrase, "", f"{phrase} begin", phrase, (one, other))
    return _so(case, clause, both)


def each(case: Facts, clause: Clause, found: re.Match[str]) -> Ruling | None:
    """Rule on a list: all of it must hold; "a or b" is not certain enough to be ruled on."""
    if " or " in found[0] and not clause.denied:
        return None
    if clause.denied and " or " not in found[0]:
        return None  # "no a and b": not both, or neither?
    if len({subject.kind for subject in clause.subjects}) > 1:
        return None  # "the hook and the clipper clipped it": who did what is not certain
    if any(subject.kind == "triplet" for subject in clause.subjects):
        return None
    rulings = [_so(case, clause, subject) for subject in clause.subjects]
    if any(ruling is None for ruling in rulings):
        return None
    return all_of([ruling for ruling in rulings if ruling is not None])


def all_of(rulings: list[Ruling]) -> Ruling:
    """Return one ruling for claims that must all hold."""
    for verdict in ("contradicted", "unsupported"):
        bad = [ruling for ruling in rulings if ruling.verdict == verdict]
        if bad:
            says = "; ".join(ruling.says for ruling in bad)
            return Ruling(bad[0].verdict, says, tuple(s for r in bad for s in r.supports))
    says = "; ".join(ruling.says for ruling in rulings)
    return Ruling("supported", says, tuple(s for r in rulings for s in r.supports))


def edge(which: str) -> Rule:
    """Return the rule on when something begins or ends: first, begin, end or last."""

    def rule(case: Facts, clause: Clause, _: re.Match[str]) -> Ruling | None:
        at = clause.moment()
        if at is None or clause.denied:
            return None
        return looking.edge(case.bus.index, clause.subjects[0], at, clause.grain_ns, which)

    return rule


def begin_without_time(case: Facts, clause: Clause, found: re.Match[str]) -> Ruling | None:
    """Rule on "a hook came into view" at no moment that is named: that it was there at all."""
    if clause.moment() is not None:
        return None
    return present(case, clause, found)


def extent(case: Facts, clause: Clause, _: re.Match[str]) -> Ruling | None:
    """Rule on how long the video is."""
    if clause.denied or clause.relation:
        return None
    return _numbered(case, "extent", {}, _quantity(clause, "d"))


def lasting(case: Facts, clause: Clause, _: re.Match[str]) -> Ruling | None:
    """Rule on how long something is so."""
    if clause.denied or clause.relation == "at":
        return None
    window = _window(case, clause)
    return looking.duration(case.bus.index, clause.subjects[0], window, _quantity(clause, "d"))


def _quantity(clause: Clause, letter: str) -> Quantity:
    number = re.findall(rf"\b{letter}(\d+)\b", clause.words)
    return clause.quantities[int(number[0])]


def often(look: Counting) -> Rule:
    """Return the rule on how many times something is so, as `look` counts them."""

    def rule(case: Facts, clause: Clause, _: re.Match[str]) -> Ruling | None:
        if clause.denied or clause.relation == "at":
            return None
        window = _window(case, clause)
        return look(case.bus.index, clause.subjects[0], window, _quantity(clause, "q"))

    return rule


def things(case: Facts, clause: Clause, found: re.Match[str]) -> Ruling | None:
    """Rule on "three clips were placed", "two polyps were found", "two graspers are in view"."""
    claimed, subject = _quantity(clause, "q"), clause.subjects[0]
    if clause.denied:
        return None
    if subject.kind == "triplet" and re.search(r"\bclips?\b", clause.plain):
        return _clips(case, clause, subject if "on" in found[0].split() else None, claimed)
    if "polyp" in clause.plain and subject.kind in ("track", "segment", "phase"):
        return _numbered(case, "polyps", {"window": _window(case, clause)}, claimed)
    at = clause.moment()
    if subject.kind != "instrument" or at is None:
        return None
    outcome = case.bus.call("shown_at", kind="instrument", moment=at)
    if isinstance(outcome, Unknown):
        return unknown(outcome)
    shown = [] if outcome.value == "none" else str(outcome.value).split(", ")
    return decided(claimed.fits(shown.count(subject.term)), outcome.text, outcome.supports)


def _clips(case: Facts, clause: Clause, on: Subject | None, claimed: Quantity) -> Ruling | None:
    """Count clips placed; on something: the actions of clipping it, each for itself."""
    window, index = _window(case, clause), case.bus.index
    if on is None:
        return _numbered(case, "clips", {"window": window}, claimed)
    target = clause.subjects[-1]
    names = [n for n in target.names if n.split(", ")[1:2] == ["clip"]]
    place = window or Window(0, index.end_ns)
    rows = [
        row
        for row in index.segments("triplet", names, start_ns=place.start_ns, end_ns=place.end_ns)
        if place.start_ns <= (row.start_ns + row.end_ns) // 2 <= place.end_ns
    ]
    if not rows:
        return looking.presence(index, clause.subjects[0], window, denied=False)
    says = f"{len(rows)} actions of clipping it"
    return decided(claimed.fits(len(rows)), says, tuple(map(support_of, rows[:8])))


def _numbered(case: Facts, tool: str, inputs: dict[str, object], claimed: Quantity) -> Ruling:
    outcome = case.bus.call(tool, **inputs)
    if isinstance(outcome, Unknown):
        return unknown(outcome)
    return decided(claimed.fits(float(outcome.value)), outcome.text, outcome.supports)


_KINDS: Final = {"phase": "phase", "instrument": "instrument", "tool": "instrument"}


def kinds(case: Facts, clause: Clause, found: re.Match[str]) -> Ruling | None:
    """Rule on how many instruments or phases there are, at a moment or at all."""
    if found["q"]:
        claimed = _quantity(clause, "q")
    elif clause.denied:
        claimed = Quantity(0, 0)
    else:
        return None
    if clause.denied and found["q"]:
        return None
    kind, at = _KINDS[found["kind"].rstrip("s")], clause.moment()
    if at is not None:
        if kind != "instrument":
            return None
        return _numbered(case, "count_at", {"moment": at}, claimed)
    return _numbered(case, "kinds", {"kind": kind, "window": _window(case, clause)}, claimed)


def only(case: Facts, clause: Clause, _: re.Match[str]) -> Ruling | None:
    """Rule on "the hook is the only instrument": at a moment, or in a stretch."""
    subject, at, index = clause.subjects[0], clause.moment(), case.bus.index
    if subject.kind != "instrument" or clause.denied or len(clause.subjects) != 1:
        return None
    if at is not None:
        outcome = case.bus.call("only", moment=at)
    else:
        outcome = case.bus.call("named", kind="instrument", window=_window(case, clause))
    if isinstance(outcome, Unknown):
        return unknown(outcome)
    holds = outcome.value in (subject.term, [subject.term])
    return decided(holds and bool(index.names("instrument")), outcome.text, outcome.supports)


def ordered(case: Facts, clause: Clause, found: re.Match[str]) -> Ruling | None:
    """Rule on which of two things begins first."""
    if len(clause.subjects) != 2 or clause.relation:
        return None
    one, other = clause.subjects
    later = found.groupdict().get("how") in ("after", "later than")
    return looking.order(case.bus.index, one, other, later=later, denied=clause.denied)


def ended_before(case: Facts, clause: Clause, _: re.Match[str]) -> Ruling | None:
    """Rule on whether the last of one thing ends before the first of another begins."""
    if len(clause.subjects) != 2 or clause.relation or clause.denied:
        return None
    return looking.apart(case.bus.index, *clause.subjects)


def without(case: Facts, clause: Clause, _: re.Match[str]) -> Ruling | None:
    """Rule on "the operation was completed without a hook"."""
    return _so(case, clause, clause.subjects[0]) if clause.denied else None


def follows(case: Facts, clause: Clause, found: re.Match[str]) -> Ruling | None:
    """Rule on what comes at once after what."""
    if len(clause.subjects) != 2 or clause.relation:
        return None
    one, other = clause.subjects
    if found.groupdict().get("how") in ("follows", "followed"):
        one, other = other, one
    return looking.follows(case.bus.index, one, other, denied=clause.denied)


def acting(case: Facts, clause: Clause, _: re.Match[str]) -> Ruling | None:
    """Rule on "using the hook, the gallbladder was dissected"."""
    subject = clause.subjects[0]
    named = subject.kind == "triplet" and subject.noun != "an instrument"
    whole = named and subject.term.split()[-1] not in ("work", "on")
    return _so(case, clause, subject) if whole else None


def acted(case: Facts, clause: Clause, _: re.Match[str]) -> Ruling | None:
    """Rule on "the hook was used to dissect the gallbladder"."""
    if len(clause.subjects) != 2:
        return None
    tool, action = clause.subjects
    if tool.kind != "instrument" or action.kind != "triplet" or action.noun != "an instrument":
        return None
    names = tuple(n for n in action.names if n and spoken(n.split(", ")[0]) == tool.term)
    known = names or (("",) if action.names and tool.names else ())
    event = f"{tool.noun} begins {action.state}"
    phrase = f"{tool.noun} {action.state}"
    return _so(case, clause, Subject("triplet", known, tool.noun, action.state, event, phrase))


def procedure(case: Facts, clause: Clause, found: re.Match[str]) -> Ruling | None:
    """Rule on which procedure it is: what a model stated, or else what was named at the start."""
    claimed = found["name"]
    if found["access"] and ACCESS[found["access"]] != case.modality:
        return unsupported(f"The modality of this case is {case.modality}.")
    outcome = case.bus.call("named", kind="procedure")
    stated = [] if isinstance(outcome, Unknown) else [str(one) for one in outcome.value]
    if not isinstance(outcome, Unknown) and stated:
        return decided((claimed in stated) != clause.denied, outcome.text, outcome.supports)
    if not case.procedures:
        return unsupported("No procedure was recognized or named.")
    says = f"{listed(case.procedures)}, as named when the analysis was started; not observed"
    holds = (claimed in case.procedures) != clause.denied
    return Ruling("supported" if holds else "contradicted", says, by=("whoever started it",))


def measured(case: Facts, clause: Clause, found: re.Match[str]) -> Ruling | None:
    """Rule on a measurement, in its own unit."""
    name = found["name"]
    marks = [
        m for m in case.bus.index.marks("measurement") if spoken(str(m.payload["name"])) == name
    ]
    if not marks or clause.denied:
        return None
    outcome = case.bus.call("measurement", name=name, window=_window(case, clause))
    if isinstance(outcome, Unknown):
        return unknown(outcome)
    unit = {"millimeters": "mm", "millimetres": "mm"}.get(found["unit"], found["unit"])
    values = outcome.value if isinstance(outcome.value, list) else [outcome.value]
    if outcome.unit == "relative" or unit != outcome.unit:
        return unsupported(f"It is measured otherwise: {outcome.text}")
    claimed = _quantity(clause, "q")
    places = Quantity(claimed.value, 10.0 ** -_decimals(claimed.value), claimed.bound)
    holds = any(places.fits(float(value)) for value in values)
    return decided(holds, outcome.text, outcome.supports)


def _decimals(value: float) -> int:
    return len(f"{value:g}".partition(".")[2])
