"""What every tool asks first: was this looked for, and was the camera in the body."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from videoengine.media_time import NS_PER_SECOND, clock
from videoengine.models.vlm.findings import Unknown, Window, listed
from videoengine.models.vlm.index import CaseIndex, View
from videoengine.models.vlm.inside import IN_BODY, SEEN
from videoengine.models.vlm.subjects import CAMERA_OUT, Subject
from videoengine.timeline import Segment

NEAR_NS: Final = round(0.6 * NS_PER_SECOND)
"""A moment is answered by a sample this close: the slowest stages look once a second."""
OF_OPERATION: Final = ("procedure", "phase", "step", "instrument", "triplet")
"""Kinds of which nothing is said where the camera never was in the body."""
NEVER_INSIDE: Final = "At no time was the camera found in the body"
SAYS_NOTHING: Final = "nothing is said about the operation"
KINDS: Final = {
    "instrument": "instruments",
    "triplet": "what instruments do to what",
    "phase": "phases",
    "step": "steps",
    "privacy": "whether the camera is in the body",
    "quality": "the quality of the picture",
    "track": "tracks",
    "segment": "regions",
    "measurement": "measurements",
    "procedure": "which procedure it is",
}


def whole(index: CaseIndex, window: Window | None) -> Window:
    """Return a window, or the whole case, cut to its end."""
    if window is None:
        return Window(0, index.end_ns)
    return Window(window.start_ns, max(window.start_ns, min(window.end_ns, index.end_ns)))


def missing(index: CaseIndex, kinds: Sequence[str]) -> Unknown | None:
    """Return why nothing can be said of some kinds of event, or None when all were looked for."""
    for kind in kinds:
        if index.states(kind):
            if kind in OF_OPERATION and never_inside(index, Window(0, index.end_ns)):
                return Unknown("not_observable", f"{NEVER_INSIDE}: {SAYS_NOTHING}.")
            continue
        what = KINDS.get(kind, kind)
        for mark in index.marks("refusal"):
            if kind in mark.stage or mark.stage.rstrip("s") == kind:
                return Unknown(
                    "refused",
                    f"The stage {mark.stage} refused this case, so nothing is known of {what}: "
                    f"{mark.payload['why']}",
                )
        return Unknown(
            "not_observable",
            f"No stage of this case states {what}; it was analyzed by {listed(index.stages)}.",
        )
    return None


def unknown(index: CaseIndex, subject: Subject) -> Unknown | None:
    """Return why nothing can be said of a subject, or None when it would have been seen."""
    for part in subject.both or (subject,):
        if part.kind in ("track", "segment") and not part.names:
            text = f"No stage of this case looks for {part.noun}."
            return Unknown("not_observable", text)
        lacking = missing(index, part.kinds)
        if lacking is not None:
            return lacking
        if part.both is not None:
            inner = unknown(index, part)
            if inner is not None:
                return inner
        elif not part.names:
            known = listed(index.names(part.kind)) or "none"
            return Unknown(
                "not_observable",
                f"The stages of this case do not know {part.term}; stated are: {known}.",
            )
    return None


def never_inside(index: CaseIndex, window: Window) -> bool:
    """Tell whether a stage looked for the body, and did not find the camera in it."""
    if not index.states("privacy"):
        return False
    start, end = window.start_ns, window.end_ns
    return not index.segments("privacy", (IN_BODY,), start_ns=start, end_ns=end)


def unseen(index: CaseIndex, kinds: Iterable[str], window: Window) -> Unknown | None:
    """Return that nothing at work can be seen in a stretch, all of it out of the body."""
    if window.length_ns and not set(kinds).isdisjoint(SEEN) and never_inside(index, window):
        return Unknown(
            "not_observable",
            f"{NEVER_INSIDE} {window.says()}: {SAYS_NOTHING} there.",
        )
    return None


def blind(index: CaseIndex, window: Window) -> Unknown:
    """Return that nothing was analyzed in a stretch."""
    where = clock(window.start_ns) if window.length_ns == 0 else window.says()
    return Unknown("not_observable", f"Nothing of this case was analyzed {where}.")


def out_there(index: CaseIndex, case_ns: int) -> Unknown | None:
    """Return that the camera was out of the body at a moment, or not certain to be in it."""
    found = index.segments("privacy", start_ns=case_ns, end_ns=case_ns)
    holding = [one for one in found if one.start_ns <= case_ns < one.end_ns] or found
    if not holding or any(one.name == IN_BODY for one in holding):
        return None
    if any(one.name == CAMERA_OUT for one in holding):
        text = "the camera is out of the body: nothing in the body is seen"
    else:
        text = f"it is not certain that the camera is in the body: {SAYS_NOTHING}"
    return Unknown("not_observable", f"At {clock(case_ns)} {text}.")


def segments_at(index: CaseIndex, kind: str, case_ns: int) -> list[Segment]:
    """Return the segments of a kind that hold at a moment, or just beside it."""
    near = index.segments(kind, start_ns=case_ns - NEAR_NS, end_ns=case_ns + NEAR_NS)
    holding = [one for one in near if one.start_ns <= case_ns < one.end_ns]
    return holding or near


def view_at(index: CaseIndex, case_ns: int) -> View | None:
    """Return what was seen together around a moment: for most of a second, if that changed.

    A recogniser that misses an instrument in one sample of five has not seen it leave.
    """
    first, last = case_ns - NEAR_NS, case_ns + NEAR_NS
    near = index.views(first, last)
    lasting: dict[tuple[str, ...], int] = {}
    for one in near:
        part = min(one.end_ns, last) - max(one.start_ns, first)
        lasting[one.names] = lasting.get(one.names, 0) + part
    if not near:
        return None
    names = max(lasting, key=lambda key: lasting[key])
    fitting = [one for one in near if one.names == names]
    return min(fitting, key=lambda one: max(one.start_ns - case_ns, case_ns - one.end_ns, 0))
