"""True claims about a case and false ones planted beside them: sentences with slots to fill.

What is true is read off the log sample by sample, by rules of its own: the checker has no part in
it. What is false differs in one thing: a number, a time, a denial, an order, an instrument, a side,
a patient.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from support.paraphrases import slots_of
from videoengine.recon3d.simulator.questions import Question
from videoengine.spoken import gerund, spoken
from videoengine.vocabularies import vocabularies

DATA: Final = Path(__file__).parent.parent / "data"
FILES: Final = {"plain": DATA / "claims.tsv", "free": DATA / "claims_free.tsv"}
"""`plain`: wordings that rules were written for; `free`: written without a look at the rules."""
REPORTED: Final = {
    "patient": "Ada Moreau", "surgeon": "Dr. Lin", "blood_loss": "50 ml", "complications": "none",
}  # fmt: skip
JOIN: Final = 2.0
EACH: Final = 2
"""Fillings of each sentence for one case."""
KINDS: Final = ("number", "time", "negation", "order", "instrument", "laterality", "patient")
_PAST: Final = {"cut": "cut"}
_SINGLE: Final = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class Planted:
    """A claim and whether it is true."""

    kind: str
    true: bool
    text: str
    wording: str
    """The sentence with its slots."""


@dataclass(slots=True)
class Facts:
    """Stretches of what a log states, in seconds."""

    end: float = 0.0
    tools: dict[str, list[list[float]]] = field(default_factory=dict[str, list[list[float]]])
    phases: dict[str, list[list[float]]] = field(default_factory=dict[str, list[list[float]]])
    actions: dict[tuple[str, str, str], list[list[float]]] = field(
        default_factory=dict[tuple[str, str, str], list[list[float]]]
    )
    clips: int = 0
    procedure: str = ""
    seen: dict[float, list[str]] = field(default_factory=dict[float, list[str]])
    """Instruments at each sample in the body."""
    outside: set[float] = field(default_factory=set[float])


def facts_of(case: Path) -> Facts:
    """Read the facts off the log of a case."""
    facts = Facts()
    clipping: dict[tuple[str, str, str], float] = {}
    with (case / "events.jsonl").open(encoding="utf-8") as log:
        for line in log:
            row = json.loads(line)
            payload = row["payload"]
            start, end = row["start_ns"] / 1e9, row["end_ns"] / 1e9
            facts.end = max(facts.end, end)
            match row["kind"]:
                case "instrument":
                    here = facts.seen.setdefault(start, [])
                    if payload["label"]:
                        here.append(spoken(payload["label"]["name"]))
                        _add(facts.tools, here[-1], start, end)
                case "phase":
                    _add(facts.phases, spoken(payload["label"]["name"]), start, end)
                case "triplet":
                    parts = (payload[part]["name"] for part in ("instrument", "verb", "target"))
                    tool, verb, target = (spoken(part) for part in parts)
                    if "null" in verb:
                        continue
                    key = (tool, verb, target)
                    _add(facts.actions, key, start, end)
                    if verb == "clip" and start - clipping.get(key, -9.0) > 0.5:
                        facts.clips += 1
                    if verb == "clip":
                        clipping[key] = end
                case "privacy":
                    if payload["reason"] == "out_of_body":
                        facts.outside.add(start)
                case "procedure":
                    facts.procedure = spoken(payload["label"]["name"])
                case _:
                    pass
    return facts


def _add(found: dict[Any, list[list[float]]], key: Any, start: float, end: float) -> None:
    rows = found.setdefault(key, [])
    if rows and start - rows[-1][1] < JOIN:
        rows[-1][1] = max(rows[-1][1], end)
    else:
        rows.append([start, end])


def clock(seconds: float) -> str:
    """Return a time as a clock: cut off to the second."""
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}"


def lasting(seconds: float) -> str:
    """Return a length of time in words, to the second."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} seconds"


def planted(
    facts: Facts, questions: Sequence[Question], wordings: str, seed: int
) -> Iterator[Planted]:
    """Yield claims about a case in the sentences of a file, true and false in turns."""
    draws = random.Random(seed)
    for line in FILES[wordings].read_text("utf-8").splitlines():
        kind, true, false = line.split("\t")
        for _ in range(EACH):
            slots = _slots(facts, questions, draws)
            if all(name in slots for name in (*_SINGLE.findall(true), *_SINGLE.findall(false))):
                yield Planted(kind, True, _sentence(true, slots), true)
                yield Planted(kind, False, _sentence(false, slots), false)


def _sentence(wording: str, slots: dict[str, str]) -> str:
    text = wording.format(**slots)
    return re.sub(r"\b1 (clip|instrument|time|occasion)s\b", r"1 \1", text[:1].upper() + text[1:])


def _total(rows: list[list[float]]) -> float:
    return sum(end - start for start, end in rows)


def _slots(facts: Facts, questions: Sequence[Question], draws: random.Random) -> dict[str, str]:
    """Return what fills the slots of one sentence; what this case does not have is left out."""
    slots = {"procedure": facts.procedure}
    slots["not_procedure"] = "colonoscopy" if "cho" in facts.procedure else "cholecystectomy"
    _of_tools(facts, draws, slots)
    _of_phases(facts, draws, slots)
    _of_actions(facts, draws, slots)
    _of_moments(facts, draws, slots)
    _of_places(questions, draws, slots)
    return slots


def _known(part: str, procedure: str) -> list[str]:
    names = {
        "cholecystectomy": f"cholect50/{part}@1",
        "colonoscopy": f"videoengine/colonoscopy-{part}@1",
    }
    vocabulary = vocabularies().get(names[procedure])
    labels = vocabulary.labels if vocabulary else ()
    return [spoken(label.name) for label in labels if "null" not in label.name]


def _of_tools(facts: Facts, draws: random.Random, slots: dict[str, str]) -> None:
    tool = draws.choice(sorted(facts.tools))
    rows = facts.tools[tool]
    total = _total(rows)
    start, end = draws.choice(rows)
    slots |= {
        "tool": tool, "dur": lasting(total),
        "not_dur": lasting(total * draws.choice((1.4, 2.0)) + draws.choice((3, 7))),
        "first": clock(rows[0][0]), "not_first": clock(_off(rows[0][0], facts.end, draws)),
        "last": clock(rows[-1][1]), "not_last": clock(_off(rows[-1][1], facts.end, draws)),
    }  # fmt: skip
    begun = [row for row in rows if row[0] > 1.5]
    if len(begun) == len(rows):
        slots |= {"times": str(len(begun)), "not_times": str(len(begun) + draws.choice((1, 2, 5)))}
    if end - start > 4:
        middle = int((start + end) / 2)
        slots |= {"seen_at": clock(middle), "seen_from": clock(start + 1), "seen_to": clock(end)}
    gaps = [
        (one[1], other[0]) for one, other in pairwise(rows)
        if other[0] - one[1] > 6
    ]  # fmt: skip
    if gaps:
        low, high = draws.choice(gaps)
        slots |= {
            "unseen_at": clock((low + high) / 2), "unseen_from": clock(low + 1),
            "unseen_to": clock(high),
        }  # fmt: skip
    absent = [name for name in _known("instrument", facts.procedure) if name not in facts.tools]
    if absent:
        slots["absent_tool"] = draws.choice(absent)
    one, other = draws.sample(sorted(facts.tools), 2) if len(facts.tools) > 1 else ("", "")
    if one:
        early, late = sorted((one, other), key=lambda name: facts.tools[name][0][0])
        if facts.tools[late][0][0] - facts.tools[early][0][0] > 1:
            slots |= {"early_tool": early, "late_tool": late}
    slots["kinds"], slots["not_kinds"] = str(len(facts.tools)), str(len(facts.tools) + 1)


def _off(at: float, end: float, draws: random.Random) -> float:
    """Return a time that is at least ten seconds off."""
    away = draws.uniform(10, 120)
    return at + away if at < 130 or (draws.random() < 0.5 and at + away < end) else at - away


def _of_phases(facts: Facts, draws: random.Random, slots: dict[str, str]) -> None:
    row = sorted((start, end, name) for name, rows in facts.phases.items() for start, end in rows)
    once = [one for one in row if len(facts.phases[one[2]]) == 1]
    if not once:
        return
    start, end, name = draws.choice(once)
    total = end - start
    others = [other for other in facts.phases if other != name]
    slots |= {
        "phase": name, "phase_dur": lasting(total), "phase_at": clock((start + end) / 2),
        "not_phase_dur": lasting(total * draws.choice((1.5, 2.0)) + 5),
        "phase_end": clock(end), "not_phase_end": clock(_off(end, facts.end, draws)),
        "phase_start": clock(start), "not_phase_start": clock(_off(start, facts.end, draws)),
    }  # fmt: skip
    if others:
        slots["other_phase"] = draws.choice(others)
    later = [one for one in once if one[0] >= end]
    if later:
        slots |= {"before": name, "after": draws.choice(later)[2]}
        follower = min(one for one in row if one[0] >= end)
        if len(facts.phases[follower[2]]) == 1:
            slots["next"] = follower[2]
    published = {"cholecystectomy": "cholec80/phase@1"}.get(facts.procedure)
    if published:
        names = [spoken(label.name) for label in vocabularies()[published].labels]
        absent = [one for one in names if one not in facts.phases]
        if absent:
            slots["absent_phase"] = draws.choice(absent)


def _of_actions(facts: Facts, draws: random.Random, slots: dict[str, str]) -> None:
    if facts.clips:
        slots |= {
            "clips": str(facts.clips), "not_clips": str(facts.clips + draws.choice((1, 2, 3))),
        }  # fmt: skip
    if not facts.actions:
        return
    tool, verb, target = draws.choice(sorted(facts.actions))
    slots |= {"doer": tool, "do": verb, "done": past(verb), "target": target}
    doing = {one[0] for one in facts.actions if one[1:] == (verb, target)}
    not_doing = [name for name in facts.tools if name not in doing]
    if not_doing:
        slots["not_doer"] = draws.choice(sorted(not_doing))
    verbs = {one[1] for one in facts.actions}
    undone = sorted(
        other for other in verbs
        if not any(one[1:] == (other, target) for one in facts.actions)
    )  # fmt: skip
    if undone:
        slots["undone"] = past(draws.choice(undone))


def past(verb: str) -> str:
    """Return the past participle."""
    first, *rest = verb.split(" ")
    bent = _PAST.get(first) or (f"{first}d" if first.endswith("e") else f"{gerund(first)[:-3]}ed")
    return " ".join([bent, *rest])


def _of_moments(facts: Facts, draws: random.Random, slots: dict[str, str]) -> None:
    """Fill in moments around which nothing changes for a second."""
    steady = [
        at for at in facts.seen
        if at == int(at) and at not in facts.outside
        and all(
            sorted(facts.seen.get(round(at + step, 1), ["?"])) == sorted(facts.seen[at])
            for step in (-0.8, -0.6, -0.4, -0.2, 0.2, 0.4, 0.6, 0.8)
        )
    ]  # fmt: skip
    if steady:
        at = draws.choice(steady)
        count = len(facts.seen[at])
        slots |= {"at": clock(at), "count": str(count), "not_count": str(count + 1)}
    lone = [at for at in steady if len(facts.seen[at]) == 1]
    if lone and len(facts.tools) > 1:
        at = draws.choice(lone)
        name = facts.seen[at][0]
        other = draws.choice(sorted(set(facts.tools) - {name}))
        slots |= {"lone_at": clock(at), "lone_tool": name, "not_lone_tool": other}


def _of_places(questions: Sequence[Question], draws: random.Random, slots: dict[str, str]) -> None:
    """Fill in places from the simulator's questions about them: these rest on the tips."""
    opposite = {"left": "right", "right": "left", "upper": "lower", "lower": "upper"}
    by_kind: dict[str, list[tuple[dict[str, str], str]]] = {}
    for question in questions:
        found = slots_of(question.question)
        if found is not None:
            by_kind.setdefault(found[0], []).append((found[1], str(question.answer)))
    for kind, name in (("half", "half"), ("height", "height")):
        if kind in by_kind:
            filled, answer = draws.choice(by_kind[kind])
            side = next((side for side in opposite if side in answer), None)
            if side:
                slots |= {
                    f"{name}_at": filled["a"], f"{name}_tool": filled["name"], name: side,
                    f"not_{name}": opposite[side],
                }  # fmt: skip
    if "further_left" in by_kind:
        filled, answer = draws.choice(by_kind["further_left"])
        pair = [re.sub(r"^(?:the|an?|a pair of) ", "", filled[key]) for key in ("x", "y")]
        left = next((one for one in pair if one in answer), None)
        if left and pair[0] != pair[1]:
            right = pair[1 - pair.index(left)]
            slots |= {"pair_at": filled["a"], "left_tool": left, "right_tool": right}
