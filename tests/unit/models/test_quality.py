"""The quality stage: each severity rises with its own defect, and only with it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from videoengine.frames import Pixels
from videoengine.models.quality import QualityStage
from videoengine.payloads import QualityPayload
from videoengine.stages import StageContext

Picture = NDArray[np.uint8]
Run = Callable[..., list[QualityPayload]]
Tissue = Callable[..., Picture]
SEVERITIES = ("blur", "exposure", "glare", "smoke", "soiling")
SLIGHT, CLEAR = 0.2, 0.5
"""A severity below the first is no finding; above the second it must be seen by anyone."""


def stage() -> QualityStage:
    return QualityStage(StageContext())


def blurred(picture: Picture, width: int) -> Picture:
    """Return the picture through a box of `width` pixels, twice each way."""
    soft = picture.astype(np.float64)
    for axis in (0, 1, 0, 1):
        shifted = [np.roll(soft, k - width // 2, axis) for k in range(width)]
        soft = np.mean(shifted, axis=0)
    return soft.astype(np.uint8)


def hazy(picture: Picture, part: float) -> Picture:
    return (picture * (1 - part) + 170 * part).astype(np.uint8)


def test_a_good_picture_has_no_defect(run: Run, tissue: Tissue) -> None:
    (payload,) = run(stage(), [tissue()])
    assert {name: getattr(payload, name) < SLIGHT for name in SEVERITIES} == dict.fromkeys(
        SEVERITIES, True
    )
    assert not payload.frozen


def test_blur_rises_with_defocus(run: Run, tissue: Tissue) -> None:
    sharp, soft, softer = (run(stage(), [p])[0].blur for p in _focus(tissue()))
    assert sharp < SLIGHT < soft < softer
    assert softer > CLEAR


def _focus(picture: Picture) -> list[Picture]:
    return [picture, blurred(picture, 5), blurred(picture, 9)]


def test_noise_does_not_hide_defocus(run: Run, tissue: Tissue) -> None:
    noise = np.random.default_rng(0).normal(0, 3, tissue().shape)
    noisy = np.clip(blurred(tissue(), 9) + noise, 0, 255).astype(np.uint8)
    assert run(stage(), [noisy])[0].blur > CLEAR


@pytest.mark.parametrize("gain", [0.12, 0.0])
def test_exposure_rises_in_the_dark(run: Run, tissue: Tissue, gain: float) -> None:
    assert run(stage(), [(tissue() * gain).astype(np.uint8)])[0].exposure > CLEAR


def test_exposure_rises_when_the_picture_is_burnt_out(run: Run, tissue: Tissue) -> None:
    bright = np.clip(tissue() * 6.0, 0, 255).astype(np.uint8)
    assert run(stage(), [bright])[0].exposure > CLEAR


def test_glare_rises_with_highlights(run: Run, tissue: Tissue) -> None:
    glaring = tissue().copy()
    glaring[60:180, 120:300] = 252
    assert run(stage(), [glaring])[0].glare > CLEAR


def test_smoke_rises_with_haze(run: Run, tissue: Tissue) -> None:
    marks = [run(stage(), [hazy(tissue(), part)])[0].smoke for part in (0.0, 0.35, 0.7)]
    assert marks[0] < SLIGHT < marks[1] < marks[2]
    assert marks[2] > CLEAR


def smeared(picture: Picture) -> Picture:
    """Return the picture with a soft grey patch at a fixed place, as fat on the lens makes it."""
    y, x = np.mgrid[: picture.shape[0], : picture.shape[1]]
    distance = np.hypot(x - 200, y - 110)
    part = np.clip(2 - distance / 50, 0, 0.97)[:, :, None]
    veil = np.float64(picture.mean(axis=(0, 1)) * 0.8 + 30)
    return (picture * (1 - part) + veil * part).astype(np.uint8)


def test_soiling_rises_when_a_blurred_patch_stays_while_the_scene_moves(
    run: Run, tissue: Tissue
) -> None:
    clean = run(stage(), [tissue(4 * i) for i in range(40)])
    soiled = run(stage(), [smeared(tissue(4 * i)) for i in range(40)])
    assert max(p.soiling for p in clean) < SLIGHT
    assert soiled[-1].soiling > CLEAR


def test_a_still_scene_says_nothing_about_the_lens(run: Run, tissue: Tissue) -> None:
    assert max(p.soiling for p in run(stage(), [smeared(tissue())] * 40)) == 0


def test_a_feed_is_frozen_after_a_second_of_the_same_content(run: Run, tissue: Tissue) -> None:
    payloads = run(stage(), [tissue(0)] + [tissue(1)] * 7 + [tissue(2)])
    assert [p.frozen for p in payloads] == [False] * 6 + [True, True, False]


def test_the_noise_of_a_codec_does_not_hide_a_frozen_feed(run: Run, tissue: Tissue) -> None:
    rng = np.random.default_rng(2)
    still = tissue().astype(np.int16)
    noisy = [
        np.clip(still + (rng.random(still.shape) < 0.1), 0, 255).astype(np.uint8) for _ in range(8)
    ]
    assert [p.frozen for p in run(stage(), noisy)] == [False] * 5 + [True] * 3


def test_an_instrument_that_moves_slowly_over_a_still_scene_is_not_frozen(
    run: Run, tissue: Tissue
) -> None:
    pictures = [tissue().copy() for _ in range(8)]
    for index, picture in enumerate(pictures):
        picture[100:130, 200 + index : 212 + index] = 200
    assert not any(p.frozen for p in run(stage(), pictures))


def test_the_view_circle_is_found_and_kept(run: Run, tissue: Tissue) -> None:
    payloads = run(stage(), [tissue(3 * i, radius=0.36) for i in range(12)])
    circles = [p.view_circle for p in payloads]
    assert all(c is not None for c in circles)
    first = circles[0]
    assert first is not None
    assert abs(first.cx - 0.5) < 0.01
    assert abs(first.cy - 0.5) < 0.02
    assert abs(first.radius - 0.36) < 0.01
    assert len(set(circles)) == 1


def test_a_full_picture_has_no_view_circle(run: Run, tissue: Tissue) -> None:
    assert run(stage(), [tissue()])[0].view_circle is None


def test_the_state_survives_encoding_exactly(tissue: Tissue, run: Run) -> None:
    made = stage()
    states: list[Any] = []

    class Spy:
        """The stage, keeping every state it is asked to encode."""

        spec, open, process, decode = made.spec, made.open, made.process, made.decode

        def encode(self, state: Any) -> bytes:
            states.append(state)
            return made.encode(state)

    run(Spy(), [tissue(i, radius=0.4) for i in range(3)])
    for state in states:
        data = made.encode(state)
        again = made.decode(data)
        assert made.encode(again) == data
        assert again.circle == state.circle
        np.testing.assert_array_equal(again.luma, state.luma)
        np.testing.assert_array_equal(again.soiling.texture, state.soiling.texture)


def test_the_future_does_not_change_what_was_said(run: Run, tissue: Tissue) -> None:
    past = [tissue(3 * i, radius=0.36) for i in range(10)]
    one = run(stage(), [*past, *[hazy(tissue(i), 0.5) for i in range(6)]])
    other = run(stage(), [*past, *[np.zeros_like(past[0])] * 6])
    assert one[:10] == other[:10]
    assert one[10:] != other[10:]


def test_a_picture_of_one_pixel_is_measured(run: Run) -> None:
    assert run(stage(), [np.zeros((1, 1, 3), np.uint8)])[0].exposure == 1


def test_both_stages_share_one_pass(
    tissue: Tissue, pixels_of: Callable[[Picture], Pixels], monkeypatch: pytest.MonkeyPatch
) -> None:
    from videoengine import _native
    from videoengine.models.quality import statistics_of

    calls: list[int] = []
    real = _native.frame_statistics
    monkeypatch.setattr(
        _native, "frame_statistics", lambda *args: (calls.append(1), real(*args))[1]
    )
    pixels = pixels_of(tissue())
    assert statistics_of(pixels) is statistics_of(pixels)
    assert len(calls) == 1
