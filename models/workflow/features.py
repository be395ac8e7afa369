"""The stage that shows pictures to any backbone and hands on what it makes of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from videoengine.cards import MODALITIES
from videoengine.errors import UsageError
from videoengine.models.backbones import load_backbone
from videoengine.models.workflow.stateless import Stateless
from videoengine.stages import NamedArray, Result, StageContext, StageSpec, Work

if TYPE_CHECKING:
    from torch import Tensor

PREFIX: Final = "features/"
BATCH: Final = 8
"""Pictures (or clips) in a call on a device that gains by it; a CPU takes one at a time."""
BUDGET_MS: Final = 5000.0
"""The largest backbones take seconds a picture on a CPU."""


Features = NDArray[np.float16]


def as_handed_on(features: Tensor) -> Features:
    """Return a backbone's features (B, D) as they go from stage to stage: float16, finite."""
    largest = float(np.finfo(np.float16).max)
    rows: Features = features.clamp(-largest, largest).half().numpy(force=True)
    return rows


def array_of(backbone: str) -> str:
    """Return the name under which a backbone's features are handed on."""
    return PREFIX + backbone


class BackboneStage(Stateless):
    """Provides `features/<card>`: float16 (D,), of the newest picture or clip; states nothing."""

    def __init__(
        self,
        context: StageContext,
        *,
        backbone: str,
        weights: str | None = None,
        rate_hz: float = 1.0,
        stride: int = 1,
        device: str = "cpu",
        max_batch: int | None = None,
    ) -> None:
        """Load the backbone, or raise ModelError with the command that gets its weights.

        Args:
            context: Not used: features claim nothing.
            backbone: As `videoengine models list` has it.
            weights: A file; by default what is bundled, or what `models pull` brought.
            rate_hz: Pictures a second; of a backbone of clips those that make up a clip.
            stride: Pictures from one clip to the next.
            device: Of torch, e.g. `cpu` or `cuda:0`.
            max_batch: Pictures or clips in a call, of all streams together.
        """
        self.backbone = load_backbone(
            backbone, None if weights is None else Path(weights), device=device
        )
        card, how = self.backbone.card, self.backbone.preprocessing
        if how.frames == 1 and stride != 1:
            raise UsageError(f"{card.id} sees single pictures", got=f"stride {stride}", allowed=1)
        self._array = array_of(card.id)
        self._is_clip = how.frames > 1
        self._spec = StageSpec(
            name="backbone",
            card=dataclasses.replace(card, modalities=MODALITIES, outputs=(self._array,)),
            rate_hz=rate_hz,
            window=how.frames,
            stride=stride,
            input_layout="rgb24",
            device=device,
            max_batch=max_batch or (1 if device == "cpu" else BATCH),
            latency_budget_ms=BUDGET_MS,
            shed_order=65,
            provides=(self._array,),
        )

    def process(self, works: Sequence[Work]) -> Sequence[Result]:
        """Look at all clips; those of one size go through the network together."""
        inputs = [self._input(work) for work in works]
        results: list[Result] = [Result()] * len(works)
        for shape in dict.fromkeys(picture.shape for picture in inputs):
            places = [place for place, one in enumerate(inputs) if one.shape == shape]
            together = np.stack([inputs[place] for place in places])
            for place, row in zip(places, self._encode(together), strict=True):
                results[place] = Result(outputs=(NamedArray(self._array, row),))
        return results

    def _input(self, work: Work) -> NDArray[np.uint8]:
        """Return the picture (H, W, 3), or the clip (T, H, W, 3)."""
        if not self._is_clip:
            return work.clip.last.pixels.rgb()
        return np.stack([frame.pixels.rgb() for frame in work.clip.frames])

    def _encode(self, together: NDArray[np.uint8]) -> Features:
        look = self.backbone.encode_clip if self._is_clip else self.backbone.encode_image
        return as_handed_on(look(together))
