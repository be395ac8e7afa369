"""`evaluate note`: every claim of a note, held against its own log and against the truth."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from videoengine.apps.evaluate_recount import NS, Count, agreement, recount
from videoengine.apps.note import note
from videoengine.apps.truth_case import make_truth_case
from videoengine.errors import UsageError
from videoengine.media_time import clock
from videoengine.models.metrics.bootstrap import Draw, Interval, bootstrap
from videoengine.models.vlm.note.document import Note, Statement
from videoengine.models.vlm.note.template import Template, load_template

KINDS: Final[tuple[str, ...]] = ("procedure", "phase", "phase times", "instrument", "triplet")
LEAST_NS: Final = 2 * NS
"""What is true for less than this in all need not stand in a note."""
AGREES: Final = 0.5
"""Times of a phase are right where they share this much with the true ones (over either)."""


@dataclass(frozen=True, slots=True)
class Judged:
    """One case: how many claims of each kind are right, and how much of the truth is claimed."""

    case: str
    log_claims: int
    log_wrong: tuple[str, ...]
    """Claims that the log does not bear out, word by word."""
    right: dict[str, int]
    claims: dict[str, int]
    stated: dict[str, int]
    true: dict[str, int]
    false_claims: tuple[str, ...]
    missed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NoteScores:
    """Over all cases; intervals are of a bootstrap over them."""

    cases: int
    log_claims: int
    log_precision: float
    precision: dict[str, Interval]
    recall: dict[str, Interval]
    judged: tuple[Judged, ...]


def evaluate_notes(
    truths: Sequence[str], cases: Sequence[str] = (), *, tell: Callable[[str], None] | None = None
) -> NoteScores:
    """Judge the notes of cases; without cases, of cases made of the truth itself.

    Args:
        truths: `sim://…`, of each case what was filmed.
        cases: Finished cases of one epoch, in the same order.
        tell: Called with the name of each case that is judged.
    """
    if not truths or (cases and len(cases) != len(truths)):
        raise UsageError(
            "Cases and truths do not pair", got=f"{len(cases)} cases, {len(truths)} truths",
            allowed="one --truth a case, or --truth alone",
        )  # fmt: skip
    judged: list[Judged] = []
    with tempfile.TemporaryDirectory() as folder:
        for number, truth in enumerate(truths):
            made = make_truth_case(truth, Path(folder) / f"{number}").path
            case = Path(cases[number]) if cases else made
            if tell is not None:
                tell(truth)
            judged.append(judge(case, recount(made)))
    return score(judged)


def judge(case: Path, truth: dict[str, Count]) -> Judged:
    """Judge the note of one case."""
    made, own = note(case, template="en"), recount(case)
    stated = {s.subject: s for s in _observed(made) if _kind(s) in KINDS}
    wrong = [s.text for s in stated.values() if not borne_out(s, own, load_template("en"))]
    wrong += [
        f"not said: {name}"
        for name, count in own.items()
        if name.split("/")[0] in KINDS and name not in stated
        and (count.total_ns >= LEAST_NS or name.startswith("procedure/"))
    ]  # fmt: skip
    claims: dict[str, int] = dict.fromkeys(KINDS, 0)
    right, known, true = dict(claims), dict(claims), dict(claims)
    false_claims: list[str] = []
    for name, statement in stated.items():
        kind = _kind(statement)
        assert name is not None
        claims[kind] += 1
        right[kind] += name in truth
        if name not in truth:
            false_claims.append(name)
        if kind == "phase":
            claims["phase times"] += 1
            times = own.get(name, Count()).stretches
            right["phase times"] += agreement(times, truth.get(name, Count()).stretches) >= AGREES
    missed: list[str] = []
    for name, count in truth.items():
        kind = name.split("/")[0]
        if kind not in KINDS or (count.total_ns < LEAST_NS and kind != "procedure"):
            continue
        true[kind] += 1
        known[kind] += name in stated
        if name not in stated:
            missed.append(name)
        if kind == "phase":
            true["phase times"] += 1
            times = own[name].stretches if name in stated and name in own else []
            known["phase times"] += agreement(times, count.stretches) >= AGREES
    return Judged(
        case.name, len(stated), tuple(wrong), right, claims, known, true,
        tuple(false_claims), tuple(missed),
    )  # fmt: skip


def _observed(made: Note) -> list[Statement]:
    return [
        statement
        for section in made.sections
        for field in section.fields
        for statement in field.statements
        if statement.status == "observed"
    ]


def _kind(statement: Statement) -> str:
    kind, _, name = (statement.subject or "").partition("/")
    return kind if name not in ("how", "brief") else ""


def borne_out(statement: Statement, own: dict[str, Count], template: Template) -> bool:
    """Tell whether a log, counted anew, says of a claim what, when, how long and how sure."""
    kind, _, name = (statement.subject or "").partition("/")
    count = own.get(f"{kind}/{name}")
    if count is None or not statement.rests:
        return False
    text = statement.text.lower()
    parts = (
        list(zip(("instrument", "verb", "target"), name.split(", "), strict=True))
        if (kind == "triplet")
        else [(kind, name)]
    )
    if not all(template.terms[term].get(own_name, own_name).lower() in text
               for term, own_name in parts):  # fmt: skip
        return False
    figures = [clock(ns) for stretch in count.stretches for ns in stretch]
    times = re.findall(r"\d+:\d\d:\d\d", text)
    if kind == "procedure":
        times = figures = []
    elif kind == "phase":
        figures = figures[: len(times)]
    else:
        figures = [figures[0], figures[-1]]
    mean = count.confidence
    sure = "no confidence stated" if mean is None else f"{mean:.2f} on average"
    number = len(count.stretches)
    return (
        times == figures
        and sure in text
        and (kind == "procedure" or _length(count.total_ns) in text)
        and (number == 1 or kind == "procedure" or f"in {number} stretches" in text)
    )


def _length(ns: int) -> str:
    """Return a length as an English note writes it."""
    if ns < 9_950_000_000:
        return f"{round(ns / NS, 1):g} s"
    seconds = round(ns / NS)
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60} s"
    return f"{seconds // 3600} h {seconds % 3600 // 60} min"


def score(judged: Sequence[Judged]) -> NoteScores:
    """Return the figures over all cases."""
    claims = sum(one.log_claims for one in judged)
    wrong = sum(len(one.log_wrong) for one in judged)
    return NoteScores(
        cases=len(judged),
        log_claims=claims,
        log_precision=(claims - wrong) / claims if claims else 1.0,
        precision={
            kind: _share([(one.right[kind], one.claims[kind]) for one in judged]) for kind in KINDS
        },
        recall={
            kind: _share([(one.stated[kind], one.true[kind]) for one in judged]) for kind in KINDS
        },
        judged=tuple(judged),
    )


def _share(counts: list[tuple[int, int]]) -> Interval:
    """Return a pooled share with its interval over cases."""

    def pooled(draw: Draw) -> float:
        part = sum(counts[int(n)][0] for n in draw)
        whole = sum(counts[int(n)][1] for n in draw)
        return part / whole if whole else float("nan")

    return bootstrap(pooled, len(counts), resamples=2000)


def as_json(scores: NoteScores) -> dict[str, Any]:
    """Return the figures as JSON values."""

    def plain(interval: Interval) -> dict[str, float | None]:
        row = {"value": interval.value, "low": interval.low, "high": interval.high}
        return {name: None if value != value else round(value, 4) for name, value in row.items()}

    return {
        "cases": scores.cases,
        "claims_against_own_log": scores.log_claims,
        "precision_against_own_log": round(scores.log_precision, 4),
        "wrong_against_own_log": [text for one in scores.judged for text in one.log_wrong],
        "precision_against_truth": {k: plain(v) for k, v in scores.precision.items()},
        "recall_against_truth": {k: plain(v) for k, v in scores.recall.items()},
        "claims": {k: sum(one.claims[k] for one in scores.judged) for k in KINDS},
        "true": {k: sum(one.true[k] for one in scores.judged) for k in KINDS},
    }


def as_text(scores: NoteScores) -> str:
    """Return the figures as a table."""
    rows = [
        f"cases      {scores.cases}",
        f"own log    precision {scores.log_precision:.3f} over {scores.log_claims} claims",
        f"{'truth':12}{'precision':>24}{'recall':>24}",
    ]
    for kind in KINDS:
        cells = (scores.precision[kind], scores.recall[kind])
        said = [f"{c.value:.3f} ({c.low:.3f} to {c.high:.3f})" for c in cells]
        rows.append(f"{kind:12}{said[0]:>24}{said[1]:>24}")
    rows += [f"  not in the log: {text}" for one in scores.judged for text in one.log_wrong]
    return "\n".join(rows)
