"""Tools that set one thing beside another: similar moments, two moments, two cases."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from videoengine.errors import UsageError
from videoengine.media_time import NS_PER_SECOND, clock
from videoengine.models.vlm.bus import MOMENT, Tool
from videoengine.models.vlm.findings import (
    Finding,
    Outcome,
    Support,
    Window,
    listed,
    long,
)
from videoengine.models.vlm.ground import blind, missing, segments_at, view_at
from videoengine.models.vlm.index import CaseIndex
from videoengine.models.vlm.phrasing import action, as_written, moments, shown
from videoengine.models.vlm.subjects import NULL, looked_at, support_of
from videoengine.spoken import article, spoken

KINDS: Final = ("phase", "step", "instrument", "triplet", "quality")
APART_NS: Final = 5 * NS_PER_SECOND
"""Moments closer to the one asked about are the same moment."""
SAME_S: Final = 0.05
"""Durations that differ by less are equal."""


def _signature(index: CaseIndex, moment: int) -> dict[str, tuple[str, ...]]:
    """Return what holds at a moment, by kind."""
    found: dict[str, tuple[str, ...]] = {}
    for kind in KINDS:
        names = [one.name for one in segments_at(index, kind, moment)]
        found[kind] = tuple(sorted({n for n in names if not any(part in n for part in NULL)}))
    view = view_at(index, moment)
    if view is not None:
        found["instrument"] = view.names
    return found


def _similar(index: CaseIndex, moment: int) -> Outcome:
    lacking = missing(index, ("phase",)) and missing(index, ("instrument",))
    if lacking is not None:
        return lacking
    wanted = _signature(index, moment)
    names = [*wanted["phase"], *wanted["instrument"], *wanted["triplet"]]
    if not names:
        return blind(index, Window(moment, moment))
    found = _alike(index, moment, wanted)
    rests = tuple(rest for _, rest in found) or looked_at(
        index, ("instrument", "phase"), Window(moment, moment)
    )
    if not rests:
        return blind(index, Window(moment, moment))
    said = listed(
        (*map(spoken, (*wanted["phase"], *wanted["instrument"])), *map(action, wanted["triplet"]))
    )
    if not found:
        return Finding([], None, f"No other moment is like {clock(moment)} ({said}).", rests)
    text = f"Like {clock(moment)} ({said}): {moments([start for start, _ in found])}."
    value = [round(start / NS_PER_SECOND, 1) for start, _ in found]
    return Finding(value, "s", text, rests)


def _alike(
    index: CaseIndex, moment: int, wanted: dict[str, tuple[str, ...]]
) -> list[tuple[int, Support]]:
    """Return the stretches whose instruments and phase are those of a moment, the longest first."""
    spans: list[tuple[int, int, Support]] = []
    phases = index.segments("phase", wanted["phase"]) if wanted["phase"] else []
    for view in index.views(0, index.end_ns):
        if view.names != wanted["instrument"]:
            continue
        keys = tuple(dict.fromkeys((view.first_key, view.last_key)))
        rest = Support(view.start_ns, view.end_ns, view.epoch, keys)
        if not wanted["phase"] or any(p.start_ns <= view.start_ns <= p.end_ns for p in phases):
            spans.append((view.start_ns, view.end_ns, rest))
    if not spans and not wanted["instrument"]:
        spans = [(p.start_ns, p.end_ns, support_of(p)) for p in phases]
    spans = [s for s in spans if s[0] > moment + APART_NS or s[1] < moment - APART_NS]
    spans.sort(key=lambda row: (row[0] - row[1], row[0]))
    return [(start, rest) for start, _, rest in spans[:5]]


def _compare(index: CaseIndex, one: int, other: int) -> Outcome:
    """Return what is so at the second moment and not at the first, and the other way around."""
    before, after = _signature(index, one), _signature(index, other)
    rests = tuple(
        rest
        for moment in (one, other)
        for rest in looked_at(index, ("instrument", "phase"), Window(moment, moment))[:1]
    )
    if len(rests) < 2:
        return blind(index, Window(min(one, other), max(one, other)))
    value = difference(before, after)
    come = [_written(kind, name) for kind, (_, more) in value.items() for name in more]
    gone = [_written(kind, name) for kind, (less, _) in value.items() for name in less]
    said = [f"{what}: {listed(names)}" for what, names in (("new", come), ("gone", gone)) if names]
    text = f"At {clock(other)}, beside {clock(one)}, {'; '.join(said) or 'nothing differs'}."
    rows = {kind: {"gone": less, "come": more} for kind, (less, more) in value.items()}
    return Finding(rows, None, text, rests)


def _written(kind: str, name: str) -> str:
    """Return a name as one thing that has come or is gone."""
    if kind in ("phase", "step"):
        return f"the {kind} {spoken(name)}"
    return article(spoken(name)) if kind == "instrument" else shown(kind, name)


def difference(
    before: dict[str, tuple[str, ...]], after: dict[str, tuple[str, ...]]
) -> dict[str, tuple[list[str], list[str]]]:
    """Return what is gone and what has come, by kind; kinds without a difference are left out."""
    found: dict[str, tuple[list[str], list[str]]] = {}
    for kind in KINDS:
        less = _without(before.get(kind, ()), after.get(kind, ()))
        more = _without(after.get(kind, ()), before.get(kind, ()))
        if less or more:
            found[kind] = (less, more)
    return found


def _without(names: tuple[str, ...], others: tuple[str, ...]) -> list[str]:
    left = list(names)
    for name in others:
        if name in left:
            left.remove(name)
    return left


@dataclass(frozen=True, slots=True)
class NamedCase:
    """A case that the caller named, with what says which one it is."""

    case_id: str
    procedure: str | None
    index: CaseIndex


def compare_cases(one: NamedCase, other: NamedCase) -> dict[str, Any]:
    """Return how long each phase and instrument lasts in two cases, and by how much they differ.

    The difference is second minus first: exchanged, it changes its sign and nothing else.

    Raises:
        UsageError: The cases are of different procedures.
    """
    if _procedure(one) != _procedure(other):
        raise UsageError(
            "Cases of different procedures are not compared",
            got=f"{_procedure(one)} and {_procedure(other)}",
            allowed="two cases of one procedure",
        )
    rows: dict[str, Any] = {}
    for kind in ("phase", "instrument"):
        first, second = _lengths(one.index, kind), _lengths(other.index, kind)
        rows[kind] = {
            name: {
                "first_s": first.get(name, 0.0),
                "second_s": second.get(name, 0.0),
                "difference_s": _difference(first.get(name, 0.0), second.get(name, 0.0)),
            }
            for name in sorted({*first, *second})
        }
    return {"first": one.case_id, "second": other.case_id, **rows}


def told(rows: dict[str, Any]) -> str:
    """Return a comparison of two cases in words: what differs, the largest first."""
    said: list[tuple[float, str]] = []
    for kind in ("phase", "instrument"):
        for name, row in rows[kind].items():
            gap = row["difference_s"]
            if gap:
                more = "longer" if gap > 0 else "shorter"
                length = long(round(abs(gap) * NS_PER_SECOND))
                said.append((-abs(gap), f"{kind} {name} {length} {more} in the second"))
    if not said:
        return "No difference between the two cases."
    said.sort()
    return as_written(f"{'; '.join(line for _, line in said[:8])}.".capitalize())


def _difference(first: float, second: float) -> float:
    gap = round(second - first, 1)
    return gap if abs(gap) > SAME_S else 0.0


def _procedure(case: NamedCase) -> str | None:
    """Return the procedure that was declared, or that a stage found."""
    stated = case.index.names("procedure")
    return case.procedure or (stated[0] if stated else None)


def _lengths(index: CaseIndex, kind: str) -> dict[str, float]:
    found: dict[str, float] = {}
    for one in index.segments(kind):
        length = (one.end_ns - one.start_ns) / NS_PER_SECOND
        found[spoken(one.name)] = found.get(spoken(one.name), 0.0) + length
    return {name: round(length, 1) for name, length in found.items()}


SIMILAR: Final = Tool(
    "similar",
    "Moments with the same phase and the same instruments as a moment.",
    {"moment": MOMENT},
    "a list of seconds of case time",
    _similar,
)
COMPARE: Final = Tool(
    "compare",
    "What differs between two moments: what is gone at the second, and what has come.",
    {"one": MOMENT, "other": MOMENT},
    "names that are gone and that have come, by kind",
    _compare,
)
