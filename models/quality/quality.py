"""The quality stage: what hinders sight in a sample, from one pass over its planes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from videoengine.cards import ModelCard
from videoengine.events import Draft
from videoengine.frames import Frame
from videoengine.media_time import NS_PER_SECOND
from videoengine.models.quality import severities, soiling, view_circle
from videoengine.models.quality.frame_statistics import (
    CELLS,
    Channel,
    Floats,
    FrameStatistics,
    statistics_of,
)
from videoengine.models.quality.soiling import SoilingState
from videoengine.payloads import QualityPayload, ViewCircle
from videoengine.stages import Result, StageContext, StageSpec, Work

CIRCLE_NS: Final = NS_PER_SECOND
"""The view circle is looked for at an epoch's start and then this often."""
FROZEN_NS: Final = NS_PER_SECOND
"""A feed that shows the same picture for this long is frozen."""
FROZEN_CODES: Final = 0.6
"""No cell's mean luma moves further from where the freeze began. A codec moves those of a frozen
picture by up to 0.3; the stillest real clip at hand moves some cell by 6 between two samples."""


@dataclass(frozen=True, slots=True, eq=False)
class QualityState:
    """What the stage keeps of an epoch."""

    luma: Floats | None
    """(CELLS,): mean luma of the first sample of the content now shown."""
    since_ns: int
    """Stamp of that sample."""
    circle: ViewCircle | None
    circle_ns: int
    """Stamp of the sample in which the circle was last looked for."""
    soiling: SoilingState


class QualityStage:
    """View circle, blur, exposure, glare, smoke, lens soiling and frozen feed."""

    def __init__(self, context: StageContext, *, rate_hz: float = 5.0) -> None:
        """Make the stage; it is the same for every modality.

        Args:
            context: Not used: a picture is judged as a picture.
            rate_hz: Samples a second.
        """
        self._spec = StageSpec(name="quality", card=CARD, rate_hz=rate_hz, shed_order=70)

    @property
    def spec(self) -> StageSpec:
        """What the stage asks of the engine."""
        return self._spec

    def open(self, stream_id: str) -> QualityState:
        """Return the state of an epoch's start."""
        return QualityState(None, 0, None, 0, soiling.no_soiling())

    def process(self, works: Sequence[Work]) -> Sequence[Result]:
        """Measure the last frame of every clip."""
        return [self._measure(work.state, work.clip.last) for work in works]

    def _measure(self, state: QualityState, frame: Frame) -> Result:
        statistics = statistics_of(frame.pixels)
        circle, circle_ns = state.circle, state.circle_ns
        if state.luma is None or frame.pts_ns - circle_ns >= CIRCLE_NS:
            circle = view_circle.fit_circle(statistics, frame.pixels, circle)
            circle_ns = frame.pts_ns
        luma, since_ns = state.luma, state.since_ns
        now = statistics.means[:, Channel.LUMA]
        if luma is None or float(np.abs(now - luma).max()) > FROZEN_CODES:
            luma, since_ns = now, frame.pts_ns
        after = QualityState(
            luma=luma,
            since_ns=since_ns,
            circle=circle,
            circle_ns=circle_ns,
            soiling=soiling.follow(state.soiling, statistics),
        )
        payload = self._payload(after, statistics, frame)
        return Result(events=(Draft(kind="quality", payload=payload),), state=after)

    @staticmethod
    def _payload(after: QualityState, statistics: FrameStatistics, frame: Frame) -> QualityPayload:
        total = statistics.total
        return QualityPayload(
            view_circle=after.circle,
            blur=severities.blur_of(statistics.seen),
            exposure=severities.exposure_of(total),
            glare=severities.glare_of(total),
            smoke=severities.smoke_of(statistics),
            soiling=soiling.soiling_of(after.soiling, statistics),
            frozen=frame.pts_ns - after.since_ns >= FROZEN_NS,
        )

    def encode(self, state: QualityState) -> bytes:
        """Return the state: one line of JSON, then the running means as little-endian floats."""
        circle = state.circle
        head = {
            "seen": state.luma is not None,
            "since_ns": state.since_ns,
            "circle": None if circle is None else [circle.cx, circle.cy, circle.radius],
            "circle_ns": state.circle_ns,
            "samples": state.soiling.samples,
        }
        soiled = state.soiling
        luma = np.zeros(CELLS) if state.luma is None else state.luma
        means = np.stack((luma, soiled.luma, soiled.change, soiled.texture))
        return json.dumps(head).encode() + b"\n" + means.astype("<f8").tobytes()

    def decode(self, data: bytes) -> QualityState:
        """Return the state that `encode` wrote."""
        line, _, rest = data.partition(b"\n")
        head = json.loads(line)
        means = np.frombuffer(rest, "<f8").astype(np.float64).reshape(4, CELLS)
        return QualityState(
            luma=means[0] if head["seen"] else None,
            since_ns=head["since_ns"],
            circle=None if head["circle"] is None else ViewCircle(*head["circle"]),
            circle_ns=head["circle_ns"],
            soiling=SoilingState(means[1], means[2], means[3], head["samples"]),
        )


CARD: Final = ModelCard(
    id="quality-rule",
    family="classical",
    adapter_version=1,
    preprocessing="frame_statistics 18x32",
    input_spec="decoder planes at half resolution",
    outputs=("quality",),
)
