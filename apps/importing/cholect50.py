"""CholecT50's JSON of one video, read by the reader of the dataset: seconds of case time."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Final

from videoengine.apps.importing.annotation import Found, Stated, Target
from videoengine.apps.importing.cholec80 import stretches
from videoengine.errors import SourceError
from videoengine.media_time import NS_PER_SECOND
from videoengine.models.datasets.cholect50 import PHASES, Action, read_actions
from videoengine.payloads import InstrumentPayload, PhasePayload, TripletPayload
from videoengine.vocabularies import vocabulary

SLACK_NS: Final = NS_PER_SECOND


def read_cholect50(path: Path, target: Target) -> Found:
    """Return phases as stretches of seconds, instruments and triplets as samples of each second.

    Raises:
        SourceError: The file is not as published, or a second lies outside the case.
    """
    try:
        frames = read_actions(path)
    except SourceError as error:
        raise SourceError(error.what, got=error.got, allowed=error.allowed) from error
    found = Found(SLACK_NS)
    found.rates_hz = {"instrument": Fraction(1), "triplet": Fraction(1)}
    phases = [(second, row.phase) for second, row in frames.items() if row.phase is not None]
    for phase, first, after in stretches(phases):
        label = vocabulary(PHASES).label(phase)
        under_way = PhasePayload(label, {str(label.id): 1.0})
        span = (first * NS_PER_SECOND, after * NS_PER_SECOND)
        place = f"{path}, seconds {first} to {after - 1}"
        found.stated.append(Stated("phase", under_way, *span, place))
    for second, row in frames.items():
        start_ns = second * NS_PER_SECOND
        span = (start_ns, start_ns + target.frame_ns)
        place = f"{path}, second {second}"
        for payload in [tool for act in row.actions for tool in _payloads(act)] or [
            InstrumentPayload(None)
        ]:
            kind = "triplet" if isinstance(payload, TripletPayload) else "instrument"
            found.stated.append(Stated(kind, payload, *span, place, True))
    return found


def _payloads(action: Action) -> list[InstrumentPayload | TripletPayload]:
    tool = vocabulary("cholect50/instrument@1").label(action.instrument)
    stated: list[InstrumentPayload | TripletPayload] = [InstrumentPayload(tool, action.box)]
    if action.verb >= 0 and action.target >= 0:
        verb = vocabulary("cholect50/verb@1").label(action.verb)
        target = vocabulary("cholect50/target@1").label(action.target)
        stated.append(TripletPayload(tool, verb, target))
    return stated
