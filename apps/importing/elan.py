"""ELAN's `.eaf`: tiers whose type (or name) is one of our kinds, annotations that are our terms."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from xml.etree.ElementTree import Element

from videoengine.apps.export.elan import LENGTH, NS_PER_MS
from videoengine.apps.importing.annotation import KINDS, Found, Target
from videoengine.apps.importing.annotation_file import (
    LATEST_SECONDS,
    integer_at,
    read_xml,
    refuse,
    seconds_at,
)
from videoengine.apps.importing.claims import OWN, Claim, heard

SLACK_NS: Final = NS_PER_MS
"""Whole milliseconds, and an annotation lasts at least one."""
_TIER: Final = re.compile(r"(?P<kind>\w+)(?:@(?P<stage>[\w.-]+))?(?::.*)?(?: #\d+)?", re.DOTALL)


def read_elan(path: Path, target: Target) -> Found:
    """Return the annotations of the tiers that state a kind people may state.

    Raises:
        SourceError: It is no EAF, or an annotation cannot be true of the case.
    """
    root = read_xml(path)
    if root.tag != "ANNOTATION_DOCUMENT":
        refuse(path, "this is no ELAN file", got=f"<{root.tag}>", allowed="<ANNOTATION_DOCUMENT>")
    for row in root.iter("PROPERTY"):
        if row.get("NAME") == LENGTH:
            length_ns = seconds_at(row.text or "", f"{path}, {LENGTH}", "the length")
            target.check_length(length_ns, str(path))
    slots = _slots(path, root)
    claims = (
        claim for tier in root.iterfind("TIER") for claim in _claims(path, tier, slots)
    )  # a generator: an error names the first place
    return heard(claims, target, slack_ns=SLACK_NS)


def _slots(path: Path, root: Element) -> dict[str, int]:
    """Return the time slots that have a time, in nanoseconds of case time."""
    slots: dict[str, int] = {}
    for slot in root.iterfind("TIME_ORDER/TIME_SLOT"):
        name, value = slot.get("TIME_SLOT_ID", ""), slot.get("TIME_VALUE")
        if value is not None:
            place = f"{path}, time slot {name}"
            most = LATEST_SECONDS * 1000
            slots[name] = integer_at(value, place, "TIME_VALUE", high=most) * NS_PER_MS
    return slots


def _claims(path: Path, tier: Element, slots: dict[str, int]) -> Iterator[Claim]:
    name = tier.get("TIER_ID", "")
    kind, stage = _heading(name, tier.get("LINGUISTIC_TYPE_REF", ""))
    for item in tier.iterfind("ANNOTATION/*"):
        place = f"{path}, tier {name!r}, annotation {item.get('ANNOTATION_ID')}"
        if item.tag != "ALIGNABLE_ANNOTATION":
            yield Claim(f"{kind} without times", stage, "", 0, 0, place)
            continue
        ends = [slots.get(item.get(f"TIME_SLOT_REF{end}", "")) for end in (1, 2)]
        start_ns, end_ns = ends
        if start_ns is None or end_ns is None:
            refuse(place, "the annotation has no time", allowed="two time slots with a TIME_VALUE")
        text = " ".join((item.findtext("ANNOTATION_VALUE") or "").split())
        yield Claim(kind, stage, text, start_ns, end_ns, place)


def _heading(name: str, type_name: str) -> tuple[str, str]:
    """Return kind and stage of a tier; a tier without a stage is the person's own."""
    match = _TIER.fullmatch(name)
    stage = (match and match["stage"]) or OWN
    if type_name in KINDS:
        return type_name, stage
    kind = match["kind"].lower() if match else name
    return (kind if kind in KINDS else f"tier {name}"), stage
