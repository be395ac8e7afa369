"""The checker: true claims and planted falsehoods about held-out simulated procedures."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from measure import publish

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from support.claims import FILES, KINDS, REPORTED, Planted, facts_of, planted

from videoengine.apps.check import check
from videoengine.apps.people import report
from videoengine.apps.truth_case import make_asked_case
from videoengine.case import Case
from videoengine.models.metrics.bootstrap import mean_interval
from videoengine.models.vlm.checker import Checked, Checker
from videoengine.models.vlm.index import open_index

FIRST_SEED = 910_000
PROCEDURES = {"cholecystectomy": 20, "colonoscopy": 10}


def verdict(checked: Checked) -> str:
    """Return the verdict on a sentence: that of its worst claim."""
    found = {claim.verdict for claim in checked.claims}
    return next(
        (one for one in ("contradicted", "unsupported") if one in found),
        "supported" if found else "unsupported",
    )


def of_case(procedure: str, seed: int, folder: Path, shown: bool) -> list[tuple[str, Planted, str]]:
    """Return every claim about one procedure with its verdict."""
    made = make_asked_case(procedure, seed, folder / f"{procedure}-{seed}")
    report(made.path, [f"{name}={said}" for name, said in REPORTED.items()], by="Dr. Lin")
    facts = facts_of(made.path)
    rows: list[tuple[str, Planted, str]] = []
    with Case.open(made.path) as case, open_index(case) as index:
        checker = Checker(case, index)
        for wordings in FILES:
            for claim in planted(facts, made.questions, wordings, seed):
                checked = checker.check(claim.text)
                said = verdict(checked)
                rows.append((wordings, claim, said))
                if shown and said != ("supported" if claim.true else "contradicted"):
                    says = "; ".join(one.ruling.says for one in checked.claims)
                    print(wordings, claim.kind, claim.true, said, claim.text, says, sep=" | ")
    return rows


def another_patient(first: Path, other: Path) -> dict[str, int]:
    """Return what becomes of the true claims of one case when they are held against another."""
    questions: list[Any] = []
    said = [
        one.text for one in planted(facts_of(first), questions, "plain", 0)
        if one.true and one.kind != "patient"
    ]  # fmt: skip
    text = "\n".join([f"Case {first.name}.", *said])
    return dict(Counter(claim.verdict for claim in check(other, text).claims))


def table(rows: list[list[tuple[str, Planted, str]]], wordings: str) -> dict[str, Any]:
    """Return how many of each kind were given which verdict."""
    found: dict[str, Any] = {}
    for kind in (*KINDS, "all"):
        for true in (True, False):
            chosen = [
                [said for words, claim, said in case
                 if words == wordings and claim.true == true and kind in (claim.kind, "all")]
                for case in rows
            ]  # fmt: skip
            flat = [said for case in chosen for said in case]
            if flat:
                right = "supported" if true else "contradicted"
                shares = [
                    sum(said == right for said in case) / len(case) for case in chosen if case
                ]
                found.setdefault(kind, {})["true" if true else "false"] = {
                    "n": len(flat), **Counter(flat), f"{right}_share": _rounded(shares),
                }  # fmt: skip
    return found


def _rounded(shares: list[float]) -> list[float]:
    """Return the mean over procedures and its interval."""
    found = mean_interval(shares)
    return [round(one, 4) for one in (found.value, found.low, found.high)]


def main() -> int:
    """Run and publish."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, help="of each procedure; default: 20 and 10")
    parser.add_argument("--show", action="store_true", help="print what was not ruled as it is")
    chosen = parser.parse_args()
    result: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        for procedure, count in PROCEDURES.items():
            seeds = range(FIRST_SEED, FIRST_SEED + (chosen.cases or count))
            rows = [of_case(procedure, seed, folder, chosen.show) for seed in seeds]
            result[procedure] = {wordings: table(rows, wordings) for wordings in FILES}
        cases = [folder / f"cholecystectomy-{FIRST_SEED + n}" for n in range(2)]
        result["another_patient"] = another_patient(*cases)
    if chosen.cases is None:
        publish("check", result)
    else:
        print(json.dumps(result, indent=1))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
