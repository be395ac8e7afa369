"""CholecT50's JSON of one video: a list of rows for each second, numbered by the second.

A row is [triplet, instrument, score, box, verb, target, score, target's box, phase]; −1 stands for
what is not known. An instrument whose action was not stated has its row with −1 for the action.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import videoengine
from videoengine.apps.export.cholec80 import term
from videoengine.apps.export.request import Request
from videoengine.apps.export.samples import Samples, samples_of
from videoengine.errors import UsageError
from videoengine.media_time import NS_PER_SECOND
from videoengine.models.datasets.cholec80 import PHASES
from videoengine.models.datasets.cholect50 import PHASE_NAMES
from videoengine.recon3d.simulator.labels.json_rows import compact
from videoengine.vocabularies import vocabulary

NAME: Final = "CholecT50"
COMPONENTS: Final = ("instrument", "verb", "target")
UNKNOWN: Final = -1
NO_BOX: Final = (-1.0,) * 4

Row = list[Any]


def write_cholect50(request: Request, out: Path) -> int:
    """Write what was stated at each whole second, and return the number of seconds."""
    kinds = ("phase", "instrument", "triplet")
    phases, tools, triplets = (samples_of(request.case, kind) for kind in kinds)
    ids = {label.name: label.id for label in vocabulary("cholect50/triplet@1").labels}
    entries: list[str] = []
    for second in range(-(-request.timeline.end_ns // NS_PER_SECOND)):
        rows = _rows((phases, tools, triplets), second * NS_PER_SECOND, ids)
        if rows:
            entries.append(f'"{second}":{compact(rows)}')
    if not entries:
        raise UsageError(
            "CholecT50 says phases, instruments and triplets, and this case states none of them"
        )
    head = compact(_fields(len(entries)))[:-1]
    out.write_text(head + ',"annotations":{\n' + ",\n".join(entries) + "\n}}\n", "utf-8")
    return len(entries)


def _fields(count: int) -> dict[str, Any]:
    categories = {
        component: {str(at.id): at.name for at in vocabulary(f"cholect50/{component}@1").labels}
        for component in (*COMPONENTS, "triplet")
    }
    categories["phase"] = {str(number): name for number, name in enumerate(PHASE_NAMES)}
    return {
        "info": {"dataset": "videoengine", "description": videoengine.DISCLAIMER},
        "licenses": {},
        "categories": categories,
        "video": 1,
        "fps": 1,
        "num_frames": count,
    }


def _rows(stages: tuple[Samples, Samples, Samples], case_ns: int, ids: dict[str, int]) -> list[Row]:
    phase, tools, triplets = (stage.at(case_ns) for stage in stages)
    phase_id = UNKNOWN
    if phase is not None:
        term(phase.payloads[0]["label"], (PHASES,), NAME)
        phase_id = phase.payloads[0]["label"]["id"]
    actions = [] if triplets is None else list(triplets.payloads)
    rows: list[Row] = []
    for payload in () if tools is None else tools.payloads:
        if payload.get("label"):
            tool = payload["label"]
            term(tool, ("cholect50/instrument@1",), NAME)
            match = next((act for act in actions if act["instrument"]["id"] == tool["id"]), None)
            if match is not None:
                actions.remove(match)
            rows.append(_row(tool["id"], payload.get("box"), match, phase_id, ids))
    rows += [_row(act["instrument"]["id"], None, act, phase_id, ids) for act in actions]
    if not rows and (phase is not None or tools is not None):
        rows.append(_row(UNKNOWN, None, None, phase_id, ids))
    return rows


def _row(
    tool: int, box: Any, action: dict[str, Any] | None, phase: int, ids: dict[str, int]
) -> Row:
    score = UNKNOWN if tool == UNKNOWN else 1
    where = NO_BOX if box is None else box
    if action is None:
        return [UNKNOWN, tool, score, *where, UNKNOWN, UNKNOWN, UNKNOWN, *NO_BOX, phase]
    for part in COMPONENTS:
        term(action[part], (f"cholect50/{part}@1",), NAME)
    triplet = ids.get(",".join(action[part]["name"] for part in COMPONENTS), UNKNOWN)
    verb, target = action["verb"]["id"], action["target"]["id"]
    return [triplet, tool, score, *where, verb, target, 1, *NO_BOX, phase]
