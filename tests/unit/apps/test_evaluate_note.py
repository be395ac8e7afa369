"""Evaluation of notes: claims held against a second count of the log, and against the truth."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from support.note_cases import note_case

from videoengine.apps.evaluate_note import as_json, borne_out, evaluate_notes
from videoengine.apps.evaluate_recount import agreement, recount
from videoengine.apps.note import note
from videoengine.errors import UsageError
from videoengine.models.vlm.note import Statement, load_template

URI = "sim://cholecystectomy?seed=910000&start=3m&duration=50s&fps=1"
NS = 1_000_000_000


def statement(case: Path, subject: str) -> Statement:
    return next(
        s for part in note(case).sections for f in part.fields for s in f.statements
        if s.subject == subject
    )  # fmt: skip


def test_a_note_of_the_truth_itself_is_right_in_every_claim() -> None:
    row = as_json(evaluate_notes([URI]))
    assert row["precision_against_own_log"] == 1.0
    assert row["claims_against_own_log"] >= 8
    assert row["precision_against_truth"]["triplet"]["value"] == 1.0
    assert row["recall_against_truth"]["triplet"]["value"] == 1.0
    assert row["true"]["triplet"] > 2


def test_a_note_of_another_procedure_is_mostly_wrong(tmp_path: Path) -> None:
    row = as_json(evaluate_notes([URI], [str(note_case(tmp_path / "case"))]))
    assert row["precision_against_own_log"] == 1.0
    assert row["precision_against_truth"]["phase times"]["value"] == 0.0


@pytest.mark.parametrize(
    ("subject", "old", "new"),
    [
        ("instrument/hook", "10 s", "11 s"),
        ("instrument/hook", "Hook", "Grasper"),
        ("instrument/hook", "0:00:05", "0:00:06"),
        ("instrument/hook", "0.95", "0.99"),
        ("phase/Preparation", "0:00:20", "0:00:25"),
        ("triplet/hook, dissect, gallbladder", "the gallbladder", "the liver"),
        ("triplet/hook, dissect, gallbladder", "no confidence stated", "high confidence"),
        ("procedure/cholecystectomy", "0.95", "0.98"),
    ],
)
def test_a_planted_falsehood_is_not_borne_out(
    tmp_path: Path, subject: str, old: str, new: str
) -> None:
    case = note_case(tmp_path / "case")
    own, template = recount(case), load_template("en")
    right = statement(case, subject)
    assert borne_out(right, own, template)
    assert old in right.text
    assert not borne_out(replace(right, text=right.text.replace(old, new)), own, template)


def test_a_claim_without_evidence_is_not_borne_out(tmp_path: Path) -> None:
    case = note_case(tmp_path / "case")
    bare = replace(statement(case, "instrument/hook"), rests=())
    assert not borne_out(bare, recount(case), load_template("en"))


def test_agreement_is_common_time_over_either() -> None:
    assert agreement([(0, 10 * NS)], [(5 * NS, 15 * NS)]) == pytest.approx(1 / 3)
    assert agreement([(0, NS)], [(2 * NS, 3 * NS)]) == 0.0


def test_cases_and_truths_must_pair(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="do not pair"):
        evaluate_notes([URI], [str(tmp_path), str(tmp_path)])
