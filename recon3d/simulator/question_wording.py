"""How questions say things: names as spoken, times as on a clock, several wordings for each kind.

Within one kind every wording takes the same slots, so which one is drawn says nothing of the
answer; and times have the same number of characters throughout a piece.
"""

from __future__ import annotations

from typing import Final

from videoengine.recon3d.simulator.randomness import Draws

NOT_OBSERVABLE: Final = "not observable"


def clock(second: int, length: int) -> str:
    """Return a time as `mm:ss`, or `h:mm:ss` throughout a piece of an hour or longer."""
    minutes, rest = divmod(int(second), 60)
    if length < 3600:
        return f"{minutes:02d}:{rest:02d}"
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}"


def wording(kind: str, draws: Draws) -> str:
    """Draw one of the wordings of a kind of question."""
    known = WORDINGS[kind]
    return known[draws.integer(0, len(known) - 1)]


WORDINGS: Final[dict[str, tuple[str, ...]]] = {
    "presence": (
        "Is {noun} {state} at any time between {a} and {b}?",
        "Between {a} and {b}, is {noun} ever {state}?",
        "Does the video show {noun} {state} between {a} and {b}?",
        "From {a} to {b}: is {noun} {state} at some point?",
    ),
    "count_now": (
        "How many instruments are in view at {a}?",
        "At {a}, how many instruments does the picture show?",
        "What is the number of instruments in view at {a}?",
    ),
    "count_times": (
        "How many times does {noun} come into view between {a} and {b}?",
        "Between {a} and {b}, how often does {noun} come into view?",
        "From {a} to {b}, {noun} comes into view how many times?",
    ),
    "count_kinds": (
        "How many different kinds of instrument are in view between {a} and {b}?",
        "Between {a} and {b}, how many kinds of instrument appear?",
    ),
    "count_clips": (
        "How many clips are placed between {a} and {b}?",
        "Between {a} and {b}, how many clips are put on?",
    ),
    "count_polyps": (
        "How many polyps are found between {a} and {b}?",
        "Between {a} and {b}, how many polyps come to light?",
    ),
    "first": (
        "In the whole of the video, what is the first time that {noun} is {state}?",
        "Over all of the video: at what time is {noun} {state} for the first time?",
        "Of the stretches in which {noun} is {state}, when does the very first one begin?",
    ),
    "first_after": (
        "After {a}, when does the next stretch begin in which {noun} is {state}?",
        "Looking from {a} on: when is {noun} newly {state} for the first time?",
        "Of the stretches in which {noun} is {state}, when does the first after {a} begin?",
    ),
    "last": (
        "In the whole of the video, what is the last time that {noun} is {state}?",
        "Over all of the video: at what time is {noun} {state} for the last time?",
        "Of the stretches in which {noun} is {state}, when does the very last one end?",
    ),
    "last_before": (
        "Before {a}, when does the last stretch end in which {noun} is {state}?",
        "Looking back from {a}: what is the last time that {noun} is {state}?",
        "Of the stretches in which {noun} is {state}, when does the last before {a} end?",
    ),
    "order": (
        "Which comes first after {a}: {x} or {y}?",
        "After {a}, what happens first, {x} or {y}?",
        "Looking from {a} on, which begins sooner: {x} or {y}?",
    ),
    "overlap": (
        "Is there a moment between {a} and {b} with both {x} and {y}?",
        "Between {a} and {b}, do {x} and {y} ever coincide?",
        "Does the video show {x} together with {y} between {a} and {b}?",
    ),
    "duration": (
        "For how many seconds in all is {noun} {state} between {a} and {b}?",
        "Between {a} and {b}, how long is {noun} {state} altogether, in seconds?",
        "From {a} to {b}: how many seconds is {noun} {state}?",
    ),
    "duration_phase": (
        "How many seconds does the phase last that is under way at {a}?",
        "The phase at {a}: how long does it last from its beginning to its end, in seconds?",
    ),
    "next_phase": (
        "Which phase follows the one under way at {a}?",
        "What is the next phase after the one at {a}?",
        "At {a} a phase is under way. Which one comes after it?",
    ),
    "next_instrument": (
        "Which instrument comes into view next after {a}?",
        "After {a}, what is the next instrument to come into view?",
        "Looking from {a} on, which instrument enters the picture next?",
    ),
    "next_target": (
        "What does {noun} work on next, with an action that begins after {a}?",
        "After {a}, which structure does {noun} turn to next?",
    ),
    "further_left": (
        "At {a}, whose tip is further left in the picture: {x} or {y}?",
        "Which instrument's tip lies further to the left at {a}, {x} or {y}?",
    ),
    "higher": (
        "At {a}, whose tip is higher in the picture: {x} or {y}?",
        "Which instrument's tip lies higher up at {a}, {x} or {y}?",
    ),
    "nearer": (
        "At {a}, whose tip is nearer to the camera: {x} or {y}?",
        "Which instrument's tip lies closer to the camera at {a}, {x} or {y}?",
    ),
    "half": (
        "In which half of the picture is the tip of the {name} at {a}?",
        "At {a}, which half of the picture holds the tip of the {name}?",
    ),
    "height": (
        "Is the tip of the {name} in the upper or the lower half of the picture at {a}?",
        "At {a}, does the tip of the {name} lie in the upper or the lower half?",
    ),
    "polyp_size": (
        "What is the largest diameter of the polyp found at {a}, in mm?",
        "How many millimeters across is the polyp found at {a}?",
    ),
    "polyp_larger": (
        "Which polyp is larger: the one found at {a} or the one found at {b}?",
        "Of the polyps found at {a} and at {b}, which is the larger one?",
    ),
    "tip_distance": (
        "How far apart are the tips of the {x} and the {y} at {a}, in mm?",
        "What is the distance in mm between the tips of the {x} and the {y} at {a}?",
    ),
    "tip_wider": (
        "When are the tips of the {x} and the {y} further apart: at {a} or at {b}?",
        "At which time is the gap between the tips of the {x} and the {y} wider, {a} or {b}?",
    ),
    "one_in_view": (
        "Which instrument is the only one in view at {a}?",
        "At {a}, which single instrument does the picture show?",
    ),
    "aside": (
        "The note already states {x}. What is {y}?",
        "A colleague has supplied {x}. Please give {y}.",
        "Never mind {x}. What about {y}?",
        "The chart will be checked for {x} later. Now state {y}.",
    ),
}
