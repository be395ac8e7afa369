"""Our resizing beside Pillow's, where Pillow is installed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from videoengine.models.backbones.preprocessing import Preprocessing

pytest.importorskip("torch", reason="pip install 'videoengine[models]'")
PLAIN: dict[str, Any] = {"mean": (0.0, 0.0, 0.0), "std": (1.0, 1.0, 1.0)}


@pytest.mark.parametrize("way", ["bilinear", "bicubic"])
def test_resizing_gives_what_pillow_gives(way: Any) -> None:
    image = pytest.importorskip("PIL.Image", reason="pip install 'videoengine[vision]'")
    frames = np.random.default_rng(0).integers(0, 256, (1, 120, 200, 3), dtype=np.uint8)
    pillow = image.fromarray(frames[0]).resize((64, 48), getattr(image.Resampling, way.upper()))
    how = Preprocessing((64, 48), interpolation=way, **PLAIN)
    from videoengine.models.backbones.pixels import prepare

    found = prepare(frames, how).numpy()[0].transpose(1, 2, 0) * 255
    assert np.abs(found - np.asarray(pillow, np.float32)).max() <= 1.01  # Pillow rounds each pass
