"""The privacy stage: may this sample be seen outside the case? It says yes only on evidence.

The rule of `out_of_body` judges one picture; this stage adds what the pictures before it tell. A
scene is let in only by a score well below the threshold; once in, it stays below the threshold
or is blanked. A cut, a jump in the scene from one sample to the next, ends the scene: what
follows has to be let in again on its own evidence. It is never laxer than the one-picture rule.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from videoengine.cards import MODALITIES, ModelCard
from videoengine.errors import UsageError, nearest
from videoengine.events import Draft
from videoengine.models.quality.frame_statistics import Channel, FrameStatistics, statistics_of
from videoengine.models.quality.out_of_body import Cues, Rule, cues_of, score_of
from videoengine.models.quality.severities import blur_of, glare_of, smoke_of
from videoengine.payloads import PrivacyPayload, PrivacyReason
from videoengine.stages import Result, StageContext, StageSpec, Work

CAVITY: Final = Rule()
"""Laparoscopy and robotic: instruments, bags and pale organs fill part of a body cavity."""
LUMEN: Final = Rule(pale=(0.35, 0.55))
"""Inside a lumen mucosa is all around: less of the picture may be pale."""
STRICTEST: Final = Rule(pale=(0.30, 0.50), evidence=(0.78, 0.53))
"""Nothing is known about the camera: every level of the others, or a stricter one."""

RULES: Final[dict[str, Rule]] = {
    **dict.fromkeys(MODALITIES, LUMEN),
    **dict.fromkeys(("laparoscopy", "robotic", "arthroscopy"), CAVITY),
    "unknown": STRICTEST,
}
THRESHOLD: Final = 0.5
ENTRY: Final = 0.6
"""A scene is let in by a score below this part of the threshold."""
UNCLEAR: Final = 0.5
"""Severity of smoke, glare or blur from which it says something about the view."""
CUT: Final = 0.35
"""A larger change between two samples is a cut."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class PrivacyState:
    """What the stage keeps of an epoch."""

    inside: bool = False
    """The last sample was allowed: its scene has been let in."""
    scene: tuple[float, ...] = ()
    """Luma, Cb and Cr of blocks of cells of the last sample; empty before the first."""


class PrivacyStage:
    """Out-of-body evidence by modality, from one picture and the scene it belongs to."""

    def __init__(
        self, context: StageContext, *, rate_hz: float = 5.0, threshold: float = THRESHOLD
    ) -> None:
        """Choose the rule of the context's modality.

        Args:
            context: `modality` picks the rule.
            rate_hz: Samples a second; the Gate looks back two of them.
            threshold: Score from which a sample is blanked, above 0 and at most 1.
        """
        if context.modality not in RULES:
            raise UsageError(
                "No such modality",
                got=context.modality,
                allowed=", ".join(MODALITIES),
                remedy=nearest(context.modality, MODALITIES),
            )
        if not 0 < threshold <= 1:
            raise UsageError("threshold of privacy", got=threshold, allowed="above 0, at most 1")
        self.rule = RULES[context.modality]
        self.threshold = threshold
        self._spec = StageSpec(
            name="privacy",
            card=CARD,
            rate_hz=rate_hz,
            samples_last=True,
            device="cpu/privacy",
            config={"modality": context.modality, "threshold": threshold},
        )

    @property
    def spec(self) -> StageSpec:
        """What the stage asks of the engine."""
        return self._spec

    def open(self, stream_id: str) -> PrivacyState:
        """Return the state of an epoch's start: nothing has been let in."""
        return PrivacyState()

    def process(self, works: Sequence[Work]) -> Sequence[Result]:
        """Judge the last frame of every clip."""
        return [self._judge(work) for work in works]

    def _judge(self, work: Work) -> Result:
        return self.decide(work.state, statistics_of(work.clip.last.pixels))

    def decide(
        self, state: PrivacyState, statistics: FrameStatistics, evidence: float = 0.0
    ) -> Result:
        """Return the decision on a sample.

        Args:
            state: After the sample before it.
            statistics: Of the sample.
            evidence: For out of body, 0 to 1, from another witness; the worse of it and the
                rule's score counts.
        """
        cues = cues_of(statistics)
        score = max(score_of(cues, self.rule), evidence)
        scene = scene_of(statistics)
        change = change_between(state.scene, scene)
        allowed = is_allowed(score, state.inside, change, self.threshold)
        payload = PrivacyPayload(
            decision="allow" if allowed else "blank",
            reason=None if allowed else self._reason(statistics, cues, score),
            score=score,
        )
        return Result(
            events=(Draft(kind="privacy", payload=payload),), state=PrivacyState(allowed, scene)
        )

    def _reason(self, statistics: FrameStatistics, cues: Cues, score: float) -> PrivacyReason:
        """Say `unknown` where darkness, a cut, haze or blur keeps the rule from telling."""
        if cues.lit <= self.rule.lit[0] or score < self.threshold:
            return "unknown"
        # Haze dims lamps and windows: a pale picture with glaring ones is a room.
        hazy = smoke_of(statistics) > UNCLEAR and glare_of(statistics.total) < UNCLEAR
        return "unknown" if hazy or blur_of(statistics.seen) > UNCLEAR else "out_of_body"

    def encode(self, state: PrivacyState) -> bytes:
        """Return the state as JSON; floats are written so that they read back exactly."""
        return json.dumps([state.inside, state.scene]).encode()

    def decode(self, data: bytes) -> PrivacyState:
        """Return the state that `encode` wrote."""
        inside, scene = json.loads(data)
        return PrivacyState(bool(inside), tuple(float(value) for value in scene))


def is_allowed(score: float, inside: bool, change: float, threshold: float) -> bool:
    """Return whether a sample may be seen, given that the one before it was (`inside`) or not."""
    known = inside and change < CUT
    return score < threshold * (1.0 if known else ENTRY)


def scene_of(statistics: FrameStatistics) -> tuple[float, ...]:
    """Return mean luma, Cb and Cr of 6 x 8 blocks of cells, block by block."""
    cells = statistics.means[:, Channel.LUMA : Channel.CR + 1].reshape(6, 3, 8, 4, 4)
    # luma, its square, Cb and Cr stand side by side
    blocks = cells.sum(axis=(1, 3)).reshape(48, 4)[:, (0, 2, 3)] / 12
    return tuple(blocks.ravel().round(3).tolist())


def change_between(before: Sequence[float], now: Sequence[float]) -> float:
    """Return how much a scene changed, as a part of its mean luma; infinite without one before."""
    if not before:
        return math.inf
    one, other = np.asarray(before), np.asarray(now)
    light = max(8.0, float((one[::3].sum() + other[::3].sum()) / 96))
    return float(np.abs(one - other).sum()) / 48 / light


CARD: Final = ModelCard(
    id="privacy-rule",
    family="classical",
    adapter_version=1,
    preprocessing=f"frame_statistics 18x32; {CAVITY}; {LUMEN}; {STRICTEST}; {ENTRY}; {CUT}",
    input_spec="decoder planes at half resolution",
    outputs=("privacy",),
)
