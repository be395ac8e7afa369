"""The stages `quality` and `privacy` with a learned network beside the rules.

Names, payloads and states are those of the rules, so the Gate and the report need not know.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from videoengine.cards import ModelCard
from videoengine.models.quality.frame_statistics import statistics_of
from videoengine.models.quality.learned import WEIGHTS, LearnedNetwork, load_learned
from videoengine.models.quality.learned_features import VERSION, features_of
from videoengine.models.quality.privacy import CARD as PRIVACY_CARD
from videoengine.models.quality.privacy import THRESHOLD, PrivacyStage, PrivacyState
from videoengine.models.quality.quality import CARD as QUALITY_CARD
from videoengine.models.quality.quality import QualityStage, QualityState
from videoengine.models.quality.soiling import no_soiling
from videoengine.payloads import QualityPayload
from videoengine.stages import Result, StageContext, StageSpec, Work

_ONE_PICTURE: Final = no_soiling()
"""Out of body is judged from one picture, as by the rule: nothing was followed before it."""


class LearnedQualityStage:
    """Smoke by rule and network, whichever says more; everything else by QualityStage's rules.

    The network also judges soiling, but no better than the rule (docs/quality_learned.md).
    """

    def __init__(
        self, context: StageContext, *, rate_hz: float = 5.0, weights: str | Path = WEIGHTS
    ) -> None:
        """Read the network.

        Args:
            context: Not used: a picture is judged as a picture.
            rate_hz: Samples a second.
            weights: File of the network.

        Raises:
            ModelError: The network cannot be read; see `load_learned`.
        """
        self._rule = QualityStage(context, rate_hz=rate_hz)
        self._network = load_learned(Path(weights))
        self._spec = dataclasses.replace(
            self._rule.spec, card=_card(QUALITY_CARD, "quality-learned", self._network)
        )

    @property
    def spec(self) -> StageSpec:
        """What the stage asks of the engine."""
        return self._spec

    def open(self, stream_id: str) -> QualityState:
        """Return the state of an epoch's start."""
        return self._rule.open(stream_id)

    def process(self, works: Sequence[Work]) -> Sequence[Result]:
        """Measure the last frame of every clip."""
        results = self._rule.process(works)
        return [self._judged(*pair) for pair in zip(works, results, strict=True)]

    def _judged(self, work: Work, result: Result) -> Result:
        (draft,) = result.events
        payload, after = draft.payload, result.state
        assert isinstance(payload, QualityPayload)
        assert isinstance(after, QualityState)
        statistics = statistics_of(work.clip.last.pixels)
        said = self._network.judge(features_of(statistics, after.soiling))
        if len(statistics.seen):
            # The simulator's smoke is thin: dense smoke is the rule's to tell.
            payload = dataclasses.replace(payload, smoke=max(payload.smoke, said.smoke))
        return dataclasses.replace(result, events=(dataclasses.replace(draft, payload=payload),))

    def encode(self, state: QualityState) -> bytes:
        """Return the state as the rule writes it."""
        return self._rule.encode(state)

    def decode(self, data: bytes) -> QualityState:
        """Return the state that `encode` wrote."""
        return self._rule.decode(data)


class LearnedPrivacyStage:
    """The privacy rule with a second witness: the worse of rule and network counts.

    The network can blank what the rule would show, never show what the rule would blank.
    """

    def __init__(
        self,
        context: StageContext,
        *,
        rate_hz: float = 5.0,
        threshold: float = THRESHOLD,
        weights: str | Path = WEIGHTS,
    ) -> None:
        """Read the network and choose the rule of the context's modality.

        Args:
            context: `modality` picks the rule.
            rate_hz: Samples a second; the Gate looks back two of them.
            threshold: Score from which a sample is blanked, above 0 and at most 1.
            weights: File of the network.

        Raises:
            ModelError: The network cannot be read; see `load_learned`.
        """
        self._rule = PrivacyStage(context, rate_hz=rate_hz, threshold=threshold)
        self._network = load_learned(Path(weights))
        self._spec = dataclasses.replace(
            self._rule.spec, card=_card(PRIVACY_CARD, "privacy-learned", self._network)
        )

    @property
    def spec(self) -> StageSpec:
        """What the stage asks of the engine."""
        return self._spec

    def open(self, stream_id: str) -> PrivacyState:
        """Return the state of an epoch's start: nothing has been let in."""
        return self._rule.open(stream_id)

    def process(self, works: Sequence[Work]) -> Sequence[Result]:
        """Judge the last frame of every clip."""
        return [self._judge(work) for work in works]

    def _judge(self, work: Work) -> Result:
        statistics = statistics_of(work.clip.last.pixels)
        said = self._network.judge(features_of(statistics, _ONE_PICTURE))
        # The network's 0.5 is its operating point: there it reaches any threshold.
        evidence = min(1.0, said.out_of_body * self._rule.threshold / 0.5)
        return self._rule.decide(work.state, statistics, evidence)

    def encode(self, state: PrivacyState) -> bytes:
        """Return the state as the rule writes it."""
        return self._rule.encode(state)

    def decode(self, data: bytes) -> PrivacyState:
        """Return the state that `encode` wrote."""
        return self._rule.decode(data)


def _card(rule: ModelCard, name: str, network: LearnedNetwork) -> ModelCard:
    return dataclasses.replace(
        rule,
        id=name,
        family="perceptron",
        weights="models/quality/weights/learned.safetensors",
        weights_sha256=network.sha256,
        preprocessing=f"{rule.preprocessing}; learned_features {VERSION}",
        trained_on=network.trained_on,
    )
