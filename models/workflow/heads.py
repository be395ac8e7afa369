"""The plug-in `head`: runs what `videoengine train head` made; imports torch when it is made."""

from __future__ import annotations

from pathlib import Path

from videoengine.models.backbones import require
from videoengine.stages import Stage, StageContext


def make_head_stage(context: StageContext, *, head: str, rate_hz: float | None = None) -> Stage:
    """Return the stage of a head: `phase_head`, `step_head` or `instrument_head`.

    Args:
        context: Not used: the head's card says which procedures it covers.
        head: The file.
        rate_hz: Statements a second, by default 1; a temporal head takes one step a second.

    Raises:
        UsageError: Another rate for a temporal head.
        ModelError: torch is missing, or the file is missing, damaged or no head.
    """
    require("torch", "models", "A head")
    from videoengine.models.workflow.head_stages import stage_of

    return stage_of(Path(head), rate_hz)
