"""Pictures and samples for the tests of models/quality."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from videoengine.frames import Clip, Color, Frame, Pixels
from videoengine.stages import Stage, Work

Picture = NDArray[np.uint8]
Tissue = Callable[..., Picture]
PERIOD_NS = 200_000_000


def _pixels_of(rgb: Picture) -> Pixels:
    """Return the handle on a picture, uint8 (H, W, 3)."""
    planes = (np.ascontiguousarray(rgb),)
    return Pixels(
        lambda: planes,
        layout="rgb24",
        size=(rgb.shape[1], rgb.shape[0]),
        color=Color(full_range=True),
    )


@functools.cache
def _tissue(
    index: int = 0, *, size: tuple[int, int] = (427, 240), radius: float | None = None
) -> Picture:
    """Return a lit, moving, tissue-like picture: red and yellow organs, texture, wet glints."""
    width, height = size
    rng = np.random.default_rng(4)
    y, x = np.mgrid[:height, :width].astype(np.float32)
    x2, y2 = x + 3 * index, y + index
    fat = 1 / (1 + np.exp(-(np.sin(x2 / 61) + np.cos(y2 / 47)) * 4))
    grain = rng.normal(0, 1, (height + 400, width + 1200)).astype(np.float32)
    grain = (
        grain + np.roll(grain, 1, 0) + np.roll(grain, 1, 1) + np.roll(grain, (1, 1), (0, 1))
    ) / 2
    grain = grain[index : index + height, 3 * index : 3 * index + width]
    organs = (
        np.array((95, 22, 20), np.float32) * (1 - fat[..., None])
        + np.array((190, 130, 50), np.float32) * fat[..., None]
    )
    light = 1.15 - 0.8 * np.hypot(x / width - 0.5, y / height - 0.5)
    picture = organs * (light * (1 + 0.12 * grain))[..., None]
    glints = (np.sin(x2 / 9.0) * np.sin(y2 / 7.0) > 0.93) & (np.sin(x2 / 50) > 0)
    picture[glints] = 250
    if radius is not None:
        picture[np.hypot(x - 0.5 * width, y - 0.5 * height) > radius * width] = 2
    codes = np.clip(picture, 0, 255).astype(np.uint8)
    codes.flags.writeable = False  # the same array for every caller
    return codes


Run = Callable[..., list[Any]]


@pytest.fixture(name="tissue")
def tissue_fixture() -> Tissue:
    """Return the function that makes tissue-like pictures."""
    return _tissue


@pytest.fixture(name="pixels_of")
def pixels_fixture() -> Callable[[Picture], Pixels]:
    """Return the function that wraps a picture."""
    return _pixels_of


@pytest.fixture
def run() -> Run:
    """Return a function that runs a stage over pictures at 5 Hz and returns the payloads."""

    def over(stage: Stage, pictures: Iterable[Picture], state: Any = None) -> list[Any]:
        state = stage.open("s0") if state is None else state
        payloads = []
        for index, picture in enumerate(pictures):
            frame = Frame(
                stream_id="s0",
                view="mono",
                epoch=0,
                seq=index,
                pts=index,
                pts_ns=index * PERIOD_NS,
                duration_ns=40_000_000,
                arrival_ns=0,
                pts_source="stream",
                pixels=_pixels_of(picture),
            )
            (result,) = stage.process([Work("s0", state, Clip((frame,), 5.0, index))])
            state = stage.decode(stage.encode(result.state))  # as a resumed run would have it
            payloads.append(result.events[0].payload)
        return payloads

    return over
