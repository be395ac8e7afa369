from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from videoengine.errors import UsageError
from videoengine.models.backbones.preprocessing import Preprocessing

torch = pytest.importorskip("torch", reason="pip install 'videoengine[models]'")
pytestmark = pytest.mark.torch
PLAIN: dict[str, Any] = {"mean": (0.0, 0.0, 0.0), "std": (1.0, 1.0, 1.0)}


def prepare(frames: np.ndarray, how: Preprocessing) -> np.ndarray:
    from videoengine.models.backbones.pixels import prepare

    return prepare(frames, how).numpy()


def noise(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (2, height, width, 3), dtype=np.uint8)


def test_a_frame_of_the_right_size_is_only_normalized() -> None:
    frames = noise(8, 6)
    how = Preprocessing((6, 8), mean=(0.1, 0.2, 0.3), std=(0.5, 1.0, 2.0))
    expected = (frames / 255 - [0.1, 0.2, 0.3]) / [0.5, 1.0, 2.0]
    np.testing.assert_allclose(prepare(frames, how), expected.transpose(0, 3, 1, 2), atol=1e-6)


def test_bgr_turns_the_channels_before_they_are_normalized() -> None:
    frames = noise(4, 4)
    how = Preprocessing((4, 4), mean=(0.1, 0.2, 0.3), std=(0.5, 1.0, 2.0), channel_order="bgr")
    expected = (frames[..., ::-1] / 255 - [0.1, 0.2, 0.3]) / [0.5, 1.0, 2.0]
    np.testing.assert_allclose(prepare(frames, how), expected.transpose(0, 3, 1, 2), atol=1e-6)


def test_stretch_ignores_the_aspect_ratio_and_crops_the_middle() -> None:
    frames = np.zeros((1, 480, 854, 3), np.uint8)
    frames[:, 236:244, 423:431] = 255
    found = prepare(frames, Preprocessing((640, 360), "stretch", (224, 224), **PLAIN))
    assert found.shape == (1, 3, 224, 224)
    assert found[0, 0, 112, 112] > 0.9
    assert found[0, 0, :100].max() == 0


@pytest.mark.parametrize(("size", "expected"), [((480, 854), (256, 455)), ((500, 300), (426, 256))])
def test_short_side_keeps_the_aspect_ratio(
    size: tuple[int, int], expected: tuple[int, int]
) -> None:
    found = prepare(noise(*size), Preprocessing((256, 256), "short_side", **PLAIN))
    assert found.shape[2:] == expected


def test_a_crop_larger_than_the_picture_is_black_around() -> None:
    found = prepare(
        np.full((1, 4, 6, 3), 255, np.uint8), Preprocessing((1, 1), "none", (8, 8), **PLAIN)
    )
    assert found.shape == (1, 3, 8, 8)
    assert found.sum() == 3 * 4 * 6


@pytest.mark.parametrize(
    "frames",
    [
        np.zeros((1, 4, 4, 3), np.float32),
        np.zeros((4, 4, 3), np.uint8),
        np.zeros((1, 3, 4, 4), np.uint8),
        np.zeros((0, 4, 4, 3), np.uint8),
    ],
)
def test_what_is_no_frame_is_refused(frames: np.ndarray) -> None:
    with pytest.raises(UsageError, match=r"uint8 \(B, H, W, 3\)"):
        prepare(frames, Preprocessing((4, 4)))


def test_an_unknown_channel_order_is_refused() -> None:
    with pytest.raises(UsageError, match="'rgb', 'bgr'"):
        Preprocessing((4, 4), channel_order="gbr")  # pyright: ignore[reportArgumentType]


def test_the_text_of_a_preprocessing_changes_with_every_part() -> None:
    texts = {
        Preprocessing((4, 4)).text(),
        Preprocessing((4, 5)).text(),
        Preprocessing((4, 4), channel_order="bgr").text(),
        Preprocessing((4, 4), frames=8).text(),
    }
    assert len(texts) == 4
