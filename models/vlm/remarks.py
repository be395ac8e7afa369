"""What is added to an answer: who stated it, and what people corrected of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from videoengine.models.vlm.findings import Finding, Support, Window, listed
from videoengine.models.vlm.ground import NEAR_NS
from videoengine.models.vlm.index import CaseIndex, Change
from videoengine.models.vlm.intents import Call
from videoengine.models.vlm.phrasing import shown, span
from videoengine.models.vlm.subjects import Subject

KINDS: Final[dict[str, tuple[str, ...]]] = {
    "count_at": ("instrument",),
    "only": ("instrument",),
    "boxes": ("instrument",),
    "clips": ("triplet",),
    "polyps": ("phase", "track", "segment"),
    "phase_duration": ("phase",),
    "similar": ("phase", "instrument"),
    "compare": ("phase", "step", "instrument", "triplet"),
}
"""What a tool looks at that is named by no input of it."""
PLURALS: Final = {"phase": "phases", "step": "steps", "instrument": "instruments",
                  "triplet": "actions"}  # fmt: skip
MOST: Final = 3
"""Corrections that an answer tells; it rests on these."""
About = tuple[str, tuple[str, ...] | None]
"""A kind of event, and its names; None: all."""


def remarked(index: CaseIndex, call: Call | None, found: Finding) -> Finding:
    """Return an answer with who stated it and who corrected it; it then rests on both."""
    if call is None:
        return found
    about = list(_about(call))
    changes = [one for one in _changes(index, about) if _touches(one, call)]
    text = found.text + _speakers(index, about)
    if not changes:
        return replace(found, text=text)
    told = changes[-MOST:]
    more = f"; {len(changes) - MOST} more before" if len(changes) > MOST else ""
    supports = tuple(
        Support(one.start_ns, one.end_ns, one.epoch, _keys(one.first_key, one.last_key, one.key))
        for one in told
    )
    text += f" (Corrected: {'; '.join(map(_says, told))}{more}.)"
    return replace(found, text=text, supports=(*found.supports, *supports))


def _about(call: Call) -> Iterator[About]:
    """Yield what a call is about."""
    for value in call.inputs.values():
        if isinstance(value, Subject):
            for part in value.both or (value,):
                yield part.kind, part.names
    kind = call.inputs.get("kind")
    if isinstance(kind, str) and call.inputs.get("subject") is None:
        yield ("triplet" if kind == "target" else kind), None
    for kind in KINDS.get(call.tool, ()):
        yield kind, None


def _changes(index: CaseIndex, about: list[About]) -> list[Change]:
    found: dict[tuple[str, str, int], Change] = {}
    for kind, names in about:
        for one in index.corrections(kind):
            if names is None or one.name in names or (one.became and one.became in names):
                found[one.key, one.name, one.epoch] = one
    return list(found.values())


def _touches(one: Change, call: Call) -> bool:
    """Tell whether a correction lies where a call looks."""
    if one.said is not None:
        return True
    inputs = call.inputs
    named = (inputs.get(name) for name in ("moment", "one", "other"))
    moments = [at for at in named if isinstance(at, int)]
    window = inputs.get("window")
    if isinstance(window, Window):
        return one.start_ns < window.end_ns and one.end_ns > window.start_ns
    if call.tool == "next" and moments:
        return one.end_ns > moments[0]
    near = (one.start_ns - NEAR_NS <= at <= one.end_ns + NEAR_NS for at in moments)
    return not moments or any(near)


def _says(one: Change) -> str:
    if one.said is not None:
        return f"{one.by} says in the note “{one.said}”" if one.said else (
            f"{one.by} struck the note's sentence about it"
        )  # fmt: skip
    was = shown(one.kind, one.name)
    now = shown(one.kind, one.became) if one.became else "none"
    over = [f"{by} had said {shown(one.kind, name) if name else 'none'}" for by, name in one.over]
    earlier = f", after {listed(over)}" if over else ""
    return f"{one.by}, {span(one.start_ns, one.end_ns)}: {now} in place of {was}{earlier}"


def _keys(*keys: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(keys))


def _speakers(index: CaseIndex, about: list[About]) -> str:
    """Return who spoke, where that is a person, or a stage that has seen the whole video."""
    said: dict[str, None] = {}
    for kind, _ in about:
        speaker, what = index.speaker(kind), PLURALS.get(kind)
        if what is None or "." not in speaker:
            continue
        person = index.annotator(speaker)
        if person is not None:
            said[f"{what} as annotated by {person}"] = None
        else:
            said[f"{what} as stated by {speaker}"] = None
    return "".join(f" ({one[:1].upper()}{one[1:]}.)" for one in said)
