"""A real trained network: fed in its own order of the colors it finds polyps, in the other none.

Mobile-PolypNet (rkarmaka/Mobile-PolypNet), built here from the shapes of its published weights.
"""
# ruff: noqa: E402 - what needs torch is imported once it is there

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="pip install 'videoengine[models]'")

from torch.nn import functional

from videoengine.models.backbones.pixels import prepare
from videoengine.models.backbones.preprocessing import ChannelOrder, Preprocessing

pytestmark = [pytest.mark.torch, pytest.mark.shared]
LEFT = (10, 209, 411, 609, 809)
"""Left edges of the five columns of the published figure, in pixels."""
PICTURE, TRUTH = 32, 456
"""Upper edges of the rows."""
SIDE = 176
"""Of a picture and of a mask."""
EPSILON = 1e-3
"""Of Keras's batch norm."""


class MobilePolypNet:
    """The published chain of layers; each call takes the next weights."""

    def __init__(self, path: Path) -> None:
        with np.load(path) as arrays:
            self._arrays = {key: torch.from_numpy(arrays[key]) for key in arrays.files}
        self._numbers = itertools.count()

    def __call__(self, pixels: Any) -> Any:
        """(B, 3, 224, 224) to probabilities (B, 224, 224)."""
        self._numbers = itertools.count()
        x = self._norm(self._conv(pixels)).clamp(0, 6)
        x = self._norm(self._conv(x)).clamp(0, 6)
        x = self._norm(self._conv(x))
        kept = [x]
        for blocks in (3, 3, 3, 3, 6):
            for index in range(blocks):
                x = self._bottleneck(x, stride=1 if index else 2, add=index > 0)
            kept.append(x)
        for skip in reversed(kept[:-1]):
            x = torch.cat((self._up(x), skip), 1)
            x = self._bottleneck(x, add=False)
            x = self._bottleneck(x)
        for _ in range(2):
            x = self._norm(self._conv(x)).clamp(0, 6)
        found = self._conv(x).sigmoid()[:, 0]
        assert next(self._numbers) == 184  # every layer's weights were used
        return found

    def _next(self) -> dict[str, Any]:
        start = f"layer_with_weights-{next(self._numbers)}/"
        return {k.removeprefix(start): v for k, v in self._arrays.items() if k.startswith(start)}

    def _conv(self, x: Any, stride: int = 1) -> Any:
        layer = self._next()
        deep = "depthwise_kernel" in layer
        kernel = layer["depthwise_kernel"] if deep else layer["kernel"]
        weight = kernel.permute(2, 3, 0, 1) if deep else kernel.permute(3, 2, 0, 1)
        before, after = ((0, 1) if stride == 2 else (1, 1)) if kernel.shape[0] == 3 else (0, 0)
        padded = functional.pad(x, (before, after, before, after))
        groups = x.shape[1] if deep else 1
        return functional.conv2d(padded, weight, layer["bias"], stride, groups=groups)

    def _norm(self, x: Any) -> Any:
        own = self._next()
        mean, variance = own["moving_mean"], own["moving_variance"]
        return functional.batch_norm(x, mean, variance, own["gamma"], own["beta"], eps=EPSILON)

    def _bottleneck(self, x: Any, *, stride: int = 1, add: bool = True) -> Any:
        y = self._norm(self._conv(x)).clamp(0, 6)
        y = self._norm(self._conv(y, stride)).clamp(0, 6)
        y = self._norm(self._conv(y))
        return x + y if add else y

    def _up(self, x: Any) -> Any:
        layer = self._next()
        weight = layer["kernel"].permute(3, 2, 0, 1)
        full = functional.conv_transpose2d(x, weight, layer["bias"], stride=2)
        return full[..., : 2 * x.shape[2], : 2 * x.shape[3]]


@pytest.fixture(scope="module")
def figure(shared: Path) -> np.ndarray:
    with av.open(str(shared / "polyp_segmentation" / "out_2.png")) as container:
        return next(container.decode(video=0)).to_ndarray(format="rgb24")


def dice(shared: Path, figure: np.ndarray, order: ChannelOrder) -> list[float]:
    how = Preprocessing((224, 224), mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0), channel_order=order)
    frames = np.stack([figure[PICTURE : PICTURE + SIDE, x : x + SIDE] for x in LEFT])
    network = MobilePolypNet(shared / "polyp_segmentation" / "mobile_polypnet.npz")
    with torch.no_grad():
        found = network(prepare(frames, how)).numpy() > 0.5
    rows = np.arange(224) * SIDE // 224
    scores: list[float] = []
    for x, mask in zip(LEFT, found, strict=True):
        panel = figure[TRUTH : TRUTH + SIDE, x : x + SIDE, 0] > 127
        truth = panel[rows][:, rows]
        scores.append(float(2 * (truth & mask).sum() / max(1, truth.sum() + mask.sum())))
    return scores


def test_bgr_finds_the_polyps_and_rgb_finds_none(shared: Path, figure: np.ndarray) -> None:
    right, wrong = (dice(shared, figure, order) for order in ("bgr", "rgb"))
    assert min(right) > 0.5
    assert sorted(right)[1] > 0.75  # the figure is small, and its panels lie a pixel apart
    assert max(wrong) < 0.05
