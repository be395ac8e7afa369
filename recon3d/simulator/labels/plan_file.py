"""`plan.json`: everything that was decided, as intervals; and `camera.json`: the optics.

Times are nanoseconds from the start of the piece. What lies outside of the piece is left out, and
what reaches over its edge is cut there. Visits and triplets leave out what happens while
the camera is out of the body.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from videoengine.payloads import Label
from videoengine.recon3d.simulator.labels.json_rows import compact
from videoengine.recon3d.simulator.piece import Piece, Span
from videoengine.recon3d.simulator.truth import Camera

FILE: Final = "plan.json"
CAMERA_FILE: Final = "camera.json"
DIGITS: Final = 4


def write_plan_file(folder: Path, piece: Piece) -> None:
    """Write `plan.json`."""
    (folder / FILE).write_text(plan_text(piece), "utf-8", newline="\n")


def write_camera_file(folder: Path, camera: Camera) -> None:
    """Write `camera.json`."""
    row = {
        "model": camera.model,
        "size": list(camera.size),
        "fx": camera.fx,
        "fy": camera.fy,
        "cx": camera.cx,
        "cy": camera.cy,
        "distortion": list(camera.distortion),
        "unit": "pixel; the center of the first is (0, 0)",
    }
    (folder / CAMERA_FILE).write_text(compact(row) + "\n", "utf-8", newline="\n")


def plan_text(piece: Piece) -> str:
    """Return the file: one line per interval."""
    plan = piece.plan
    fields: dict[str, Any] = {
        "procedure": plan.procedure,
        "anatomy": plan.anatomy,
        "seed": plan.seed,
        "start_in_procedure_ns": piece.start_ns,
        "duration_ns": piece.length_ns,
    }
    lists: dict[str, list[dict[str, Any]]] = {
        "phases": [{**_times(one.span), "label": _label(one.label)} for one in piece.phases],
        "visits": [
            {**_times(one.span), "track": one.track, "label": _label(one.instrument)}
            for one in sorted(piece.in_view, key=lambda one: (one.span, one.track))
        ],
        "triplets": _triplets(piece),
        "incidents": [
            {
                **_times(one.span),
                "kind": one.kind,
                "target": one.target,
                "amount": round(one.amount, DIGITS),
                "track": None if one.track < 0 else one.track,
            }
            for one in piece.incidents
        ],
        "outside": _outside(piece),
        "polyps": [
            {
                "number": one.number,
                "size_mm": round(one.size_mm, DIGITS),
                "found_ns": one.found_ns,
                "resected_ns": one.resected_ns,
            }
            for one in piece.polyps
        ],
    }
    parts = [f'"{name}":{compact(value)}' for name, value in fields.items()]
    for name, rows in lists.items():
        text = ",\n".join(compact(row) for row in rows)
        parts.append(f'"{name}":[\n{text}]' if rows else f'"{name}":[]')
    return "{" + ",\n".join(parts) + "}\n"


def _triplets(piece: Piece) -> list[dict[str, Any]]:
    return [
        {
            **_times(one.span),
            "track": one.track,
            "instrument": _label(one.instrument),
            "verb": _label(one.verb),
            "target": _label(one.target),
        }
        for one in sorted(piece.triplets, key=lambda one: (one.span, one.track))
    ]


def _outside(piece: Piece) -> list[dict[str, Any]]:
    spans = [(piece.span(out.start, out.end), out.kind) for out in piece.plan.outside]
    return [{**_times(span), "kind": kind} for span, kind in spans if span is not None]


def _times(span: Span) -> dict[str, int]:
    return {"start_ns": span.start_ns, "end_ns": span.end_ns}


def _label(label: Label) -> dict[str, Any]:
    return {"vocabulary": label.vocabulary, "id": label.id, "name": label.name}
