"""AutoLaparo's third task: a mask's grey levels stand for instruments, parts and the uterus."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Final

import numpy as np

from videoengine.models.datasets.annotations import NOTHING, Annotated, Moment, state
from videoengine.models.datasets.mask_image import (
    box_of,
    labels_of_levels,
    read_levels,
    tool_mask,
)
from videoengine.payloads import InstrumentPayload, SegmentPayload
from videoengine.vocabularies import vocabulary

INSTRUMENTS: Final = "autolaparo/instrument@1"
PARTS: Final = "autolaparo/part@1"
ANATOMY: Final = "autolaparo/anatomy@1"
UTERUS: Final = 180
INSTRUMENT_OF: Final = {0: 0, 20: 1, 40: 1, 60: 2, 80: 2, 100: 3, 120: 3, 140: 4, 160: 4, UTERUS: 0}
PART_OF: Final = {0: 0, 20: 1, 40: 2, 60: 1, 80: 2, 100: 1, 120: 2, 140: 1, 160: 2, UTERUS: 0}
ANATOMY_OF: Final = {**dict.fromkeys(INSTRUMENT_OF, 0), UTERUS: 1}


class MaskLabels:
    """Instruments, their parts and the uterus by the image."""

    def __init__(self, masks: Path) -> None:
        """Keep where the masks lie."""
        self._masks = masks

    @property
    def arrays(self) -> Mapping[str, str]:
        """Arrays and their vocabularies."""
        return {
            "mask/anatomy": ANATOMY, "mask/instrument": INSTRUMENTS, "mask/part": PARTS,
            "mask/tool": "",
        }  # fmt: skip

    def at(self, moment: Moment, wanted: Collection[str]) -> Annotated:
        """Return what the mask of an image holds; nothing where it has none."""
        path = None if moment.image is None else self._masks / f"{moment.image.stem}.png"
        if path is None or not path.is_file():
            return NOTHING
        levels = read_levels(path, moment.size)
        instruments = labels_of_levels(levels, INSTRUMENT_OF, path)
        found = [
            state("instrument", InstrumentPayload(label, box))
            for label in vocabulary(INSTRUMENTS).labels
            if (box := box_of(instruments == label.id + 1)) is not None
        ] or [state("instrument", InstrumentPayload(None))]
        uterus = box_of(levels == UTERUS)
        if uterus is not None:
            label = vocabulary(ANATOMY).label(0)
            found.append(state("segment", SegmentPayload(label, "mask/anatomy"), uterus))
        arrays = {
            "mask/anatomy": lambda: labels_of_levels(levels, ANATOMY_OF, path),
            "mask/instrument": lambda: instruments,
            "mask/part": lambda: labels_of_levels(levels, PART_OF, path),
            "mask/tool": lambda: tool_mask(instruments),
        }
        return Annotated(tuple(found), {name: np.asarray(arrays[name]()) for name in wanted})
