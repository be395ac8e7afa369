"""The privacy stage: out of body is always blank, in body is let in, and doubt is blank."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
import out_of_body
import pytest
from numpy.typing import NDArray

from videoengine.cards import MODALITIES
from videoengine.errors import UsageError
from videoengine.models.quality import PrivacyStage
from videoengine.models.quality.privacy import PrivacyState
from videoengine.payloads import PrivacyPayload
from videoengine.stages import StageContext

Picture = NDArray[np.uint8]
Run = Callable[..., list[PrivacyPayload]]
Tissue = Callable[..., Picture]
SIZE = (428, 240)


def stage(modality: str = "laparoscopy", **options: float) -> PrivacyStage:
    return PrivacyStage(StageContext(modality=modality), **options)


def decisions(payloads: list[PrivacyPayload]) -> list[str]:
    return [payload.decision for payload in payloads]


@pytest.mark.parametrize("modality", MODALITIES)
def test_tissue_is_let_in(modality: str, run: Run, tissue: Tissue) -> None:
    payloads = run(stage(modality), [tissue(i) for i in range(4)])
    assert decisions(payloads) == ["allow"] * 4
    assert [p.reason for p in payloads] == [None] * 4


@pytest.mark.parametrize("scene", out_of_body.SCENES, ids=lambda scene: scene.name)
def test_every_scene_outside_is_blank_from_its_first_sample_to_its_last(
    scene: out_of_body.Scene, run: Run, tissue: Tissue
) -> None:
    outside = list(out_of_body.frames(scene, 3, size=SIZE))
    inside = [tissue(i, size=SIZE) for i in range(2)]
    for modality in ("laparoscopy", "robotic", "colonoscopy", "unknown"):
        got = decisions(run(stage(modality), [*inside, *outside, *inside]))
        assert got == ["allow"] * 2 + ["blank"] * 3 + ["allow"] * 2, modality


def test_black_is_unknown(run: Run) -> None:
    (payload,) = run(stage(), [np.zeros((240, 427, 3), np.uint8)])
    assert (payload.decision, payload.reason) == ("blank", "unknown")


def test_a_bright_room_is_out_of_body(run: Run) -> None:
    (picture,) = out_of_body.frames(out_of_body.scene_named("bright_room"), 1, size=SIZE)
    (payload,) = run(stage(), [picture])
    assert (payload.decision, payload.reason) == ("blank", "out_of_body")


def paled(picture: Picture, part: float) -> Picture:
    """Return the picture with its color taken away by a part."""
    grey = picture.mean(axis=2, keepdims=True)
    return (picture * (1 - part) + grey * part).astype(np.uint8)


def doubtful(tissue: Tissue, run: Run) -> float:
    """Return a paleness at which the score lies between entry and threshold."""
    low, high = 0.0, 1.0
    for _ in range(20):
        part = (low + high) / 2
        score = run(stage(), [paled(tissue(), part)])[0].score
        if 0.36 < score < 0.48:
            return part
        low, high = (part, high) if score <= 0.36 else (low, part)
    raise AssertionError("no paleness gives a doubtful score")


def fading(tissue: Tissue, part: float) -> list[Picture]:
    """Return a picture that pales in steps too small to be cuts."""
    return [paled(tissue(), float(p)) for p in np.linspace(0, part, 12)]


def test_doubt_is_allowed_in_a_scene_that_was_let_in_but_not_at_its_start(
    run: Run, tissue: Tissue
) -> None:
    part = doubtful(tissue, run)
    known = run(stage(), fading(tissue, part))
    assert decisions(known) == ["allow"] * 12
    (first,) = run(stage(), [paled(tissue(), part)])
    assert (first.decision, first.reason) == ("blank", "unknown")


def test_a_cut_ends_the_scene_that_was_let_in(run: Run, tissue: Tissue) -> None:
    part = doubtful(tissue, run)
    mirrored = np.ascontiguousarray(paled(tissue(), part)[:, ::-1])
    assert decisions(run(stage(), [*fading(tissue, part), mirrored]))[-2:] == ["allow", "blank"]


def test_a_lower_threshold_is_never_laxer(run: Run, tissue: Tissue) -> None:
    pictures = [*fading(tissue, 0.6), *[paled(tissue(), p) for p in np.linspace(0.6, 0.85, 26)]]
    shown = [decisions(run(stage(threshold=t), pictures)) for t in (0.2, 0.5, 0.8)]
    for strict, lax in itertools.pairwise(shown):
        assert all(s == "blank" or x == "allow" for s, x in zip(strict, lax, strict=True))
        assert strict != lax


def test_unknown_is_the_strictest_modality(run: Run, tissue: Tissue) -> None:
    for part in np.linspace(0.4, 0.9, 6):
        scores = {m: run(stage(m), [paled(tissue(), float(part))])[0].score for m in MODALITIES}
        assert scores["unknown"] == max(scores.values())


def test_the_future_does_not_change_what_was_said(run: Run, tissue: Tissue) -> None:
    past = [tissue(3 * i) for i in range(6)]
    room = list(out_of_body.frames(out_of_body.SCENES[0], 3, size=(427, 240)))
    one, other = run(stage(), [*past, *room]), run(stage(), [*past, *[tissue(30)] * 3])
    assert one[:6] == other[:6]
    assert one[6:] != other[6:]


def test_the_state_survives_encoding_exactly() -> None:
    state = PrivacyState(True, tuple(float(v) for v in np.linspace(-1, 200, 144).round(3)))
    made = stage()
    assert made.decode(made.encode(state)) == state
    assert made.decode(made.encode(made.open("s0"))) == made.open("s0")


def test_an_unknown_modality_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(UsageError, match="Did you mean 'laparoscopy'"):
        stage("laparascopy")


@pytest.mark.parametrize("threshold", [0.0, 1.5, float("nan")])
def test_an_impossible_threshold_is_refused(threshold: float) -> None:
    with pytest.raises(UsageError, match="threshold"):
        stage(threshold=threshold)


def test_the_spec_asks_for_the_last_frame_of_an_epoch() -> None:
    spec = stage("robotic").spec
    assert (spec.name, spec.rate_hz, spec.window, spec.samples_last) == ("privacy", 5.0, 1, True)
    assert spec.config["modality"] == "robotic"
