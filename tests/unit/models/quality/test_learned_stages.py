"""The learned stages: the rules' names and payloads, and never laxer than the rule of privacy."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import out_of_body
import pytest
from numpy.typing import NDArray

from videoengine.errors import ModelError, UsageError
from videoengine.models.quality import PrivacyStage, QualityStage
from videoengine.models.quality.learned_stages import LearnedPrivacyStage, LearnedQualityStage
from videoengine.payloads import PrivacyPayload
from videoengine.stages import StageContext

pytest.importorskip(
    "safetensors.numpy", reason="needs the extra: pip install 'videoengine[models]'"
)
pytestmark = pytest.mark.torch

Picture = NDArray[np.uint8]
Run = Callable[..., list[PrivacyPayload]]
Tissue = Callable[..., Picture]
SIZE = (428, 240)
CONTEXT = StageContext(modality="laparoscopy")
SOME = ("bright_room", "bright_room_warm", "dark_room_warm", "skin_wall", "skin_wall_red")


def test_names_are_those_the_gate_looks_for() -> None:
    assert LearnedQualityStage(CONTEXT).spec.name == "quality"
    assert LearnedPrivacyStage(CONTEXT).spec.name == "privacy"


def test_the_engine_is_asked_for_what_the_rules_ask() -> None:
    for learned, rule in (
        (LearnedQualityStage(CONTEXT, rate_hz=2.0), QualityStage(CONTEXT, rate_hz=2.0)),
        (LearnedPrivacyStage(CONTEXT, threshold=0.4), PrivacyStage(CONTEXT, threshold=0.4)),
    ):
        assert dataclasses.replace(learned.spec, card=rule.spec.card) == rule.spec
        assert learned.spec.card.weights_sha256 is not None
        assert "simulated" in learned.spec.card.trained_on


@pytest.mark.parametrize("name", SOME)
def test_scenes_outside_are_blank_from_first_to_last(name: str, run: Run, tissue: Tissue) -> None:
    outside = list(out_of_body.frames(out_of_body.scene_named(name), 2, size=SIZE))
    got = run(LearnedPrivacyStage(CONTEXT), [tissue(0, size=SIZE), *outside])
    assert [p.decision for p in got[1:]] == ["blank"] * 2


def test_no_score_is_below_the_rules(run: Run, tissue: Tissue) -> None:
    rooms = out_of_body.frames(out_of_body.scene_named("skin_wall_warm"), 2, size=SIZE)
    pictures = [*(tissue(i, size=SIZE) for i in range(3)), *rooms]
    learned, rule = (
        run(LearnedPrivacyStage(CONTEXT), pictures),
        run(PrivacyStage(CONTEXT), pictures),
    )
    assert all(a.score >= b.score for a, b in zip(learned, rule, strict=True))
    shown = [a.decision == "allow" for a in learned]
    assert all(b.decision == "allow" for s, b in zip(shown, rule, strict=True) if s)


def test_evidence_of_the_network_alone_blanks(pixels_of: Callable[..., object]) -> None:
    from videoengine.models.quality import statistics_of

    rule = PrivacyStage(CONTEXT)
    rng = np.random.default_rng(3)
    picture = rng.integers(0, 256, (240, 428, 3), dtype=np.uint8)
    statistics = statistics_of(pixels_of(picture))  # type: ignore[arg-type]
    result = rule.decide(rule.open("s0"), statistics, 1.0)
    (draft,) = result.events
    assert isinstance(draft.payload, PrivacyPayload)
    assert (draft.payload.decision, draft.payload.score) == ("blank", 1.0)


def test_all_but_smoke_is_the_rules_and_smoke_is_no_less(run: Run, tissue: Tissue) -> None:
    pictures = [tissue(i) for i in range(6)]
    learned, rule = (
        run(LearnedQualityStage(CONTEXT), pictures),
        run(QualityStage(CONTEXT), pictures),
    )
    for mine, theirs in zip(learned, rule, strict=True):
        same = dataclasses.replace(mine, smoke=0.0)  # type: ignore[call-arg]
        assert mine.smoke >= theirs.smoke  # type: ignore[attr-defined]
        assert same == dataclasses.replace(theirs, smoke=0.0)  # type: ignore[call-arg]


def test_a_black_picture_is_blank_and_has_no_smoke(run: Run) -> None:
    black = np.zeros((240, 427, 3), np.uint8)
    (privacy,) = run(LearnedPrivacyStage(CONTEXT), [black])
    (quality,) = run(LearnedQualityStage(CONTEXT), [black])
    assert (privacy.decision, privacy.reason) == ("blank", "unknown")
    assert (quality.smoke, quality.soiling) == (0.0, 0.0)  # type: ignore[attr-defined]


def test_weights_that_are_not_there_stop_the_stage_before_it_runs(tmp_path: Path) -> None:
    for stage in (LearnedQualityStage, LearnedPrivacyStage):
        with pytest.raises(ModelError):
            stage(CONTEXT, weights=tmp_path / "none.safetensors")


def test_an_unknown_modality_is_refused_as_by_the_rule() -> None:
    with pytest.raises(UsageError):
        LearnedPrivacyStage(StageContext(modality="kitchen"))
