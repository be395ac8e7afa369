"""The vocabularies of a procedure: what its label files number."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from videoengine.payloads import Label
from videoengine.recon3d.simulator.plan import Plan
from videoengine.recon3d.simulator.truth import FrameTruth, SimulatedFrame, ToolTruth
from videoengine.vocabularies import Vocabulary, vocabulary

INSTRUMENTS: Final = {"cholec80/phase@1": "cholect50/instrument@1"}
"""Instruments by phase vocabulary, where the names do not tell."""
NULL_VERB: Final = "null_verb"
NULL_TARGET: Final = "null_target"
NO_TERM: Final = -1
IN_PICTURE: Final = 2
"""Visibility of a keypoint in the picture of a frame that is not rendered."""


@dataclass(frozen=True, slots=True)
class Terms:
    """The vocabularies of one procedure."""

    phase: Vocabulary
    instrument: Vocabulary
    verb: Vocabulary
    target: Vocabulary
    triplet: Vocabulary
    triplets: dict[str, int] = field(init=False, repr=False, compare=False)
    """Id of a triplet by its published name, `instrument,verb,target`."""

    def __post_init__(self) -> None:
        """Index the triplets."""
        ids = {label.name: label.id for label in self.triplet.labels}
        object.__setattr__(self, "triplets", ids)

    def triplet_id(self, instrument: Label, verb: Label, target: Label) -> int:
        """Return the triplet's published id, or −1 when it was not published."""
        name = f"{instrument.name},{verb.name},{target.name}"
        return self.triplets.get(name, NO_TERM)


def terms_of(plan: Plan) -> Terms:
    """Return the vocabularies of a plan; verbs, targets and triplets are named as instruments."""
    phase = plan.phases[0].label.vocabulary
    labels: Iterable[str] = (visit.instrument.vocabulary for visit in plan.visits)
    instrument = next(iter(labels), INSTRUMENTS.get(phase) or phase.replace("phase", "instrument"))
    others = [instrument.replace("instrument", kind) for kind in ("verb", "target", "triplet")]
    return Terms(*(vocabulary(name) for name in (phase, instrument, *others)))


def truth_of(frame: SimulatedFrame | FrameTruth) -> FrameTruth:
    """Return what is known of a frame, rendered or not."""
    return frame.truth if isinstance(frame, SimulatedFrame) else frame


def visible_tools(frame: SimulatedFrame | FrameTruth) -> tuple[ToolTruth, ...]:
    """Return the instruments a frame shows: by pixels where it is rendered, else by keypoints."""
    truth = truth_of(frame)
    if not truth.inside:
        return ()
    if isinstance(frame, SimulatedFrame):
        return tuple(tool for tool in truth.tools if tool.box is not None)
    return tuple(
        tool
        for tool in truth.tools
        if any(point.visibility == IN_PICTURE for point in tool.keypoints)
    )
