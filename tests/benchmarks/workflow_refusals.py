"""Whose phases the log holds when a procedure is analyzed with its own name, none, or another's."""

from __future__ import annotations

import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any, Final

from videoengine.apps.analyze import analyze
from videoengine.apps.training_sets import procedures_of
from videoengine.case import Case
from videoengine.media_time import NS_PER_SECOND
from videoengine.models.workflow.terms import PROCEDURES, terms_of

SECONDS: Final = 180
"""Of media: the procedure is decided on the first minute inside the body."""
UNCOVERED: Final = "arthroscopy"
"""A procedure that no card covers."""


def refusals() -> list[dict[str, Any]]:
    """Analyze the first test procedure of each kind under every name; count phases and refusals."""
    found: list[dict[str, Any]] = []
    for shown in PROCEDURES:
        uri = procedures_of("test", shown, 1)[0].uri
        for stated in (None, *PROCEDURES, UNCOVERED):
            print(f"{shown} analyzed as {stated or 'nothing'}", file=sys.stderr, flush=True)
            found.append({"shown": shown, "stated": stated, **_run(uri, shown, stated)})
    return found


def _run(uri: str, shown: str, stated: str | None) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "case"
        until_ns = SECONDS * NS_PER_SECOND
        analyze(uri, folder, preset="embedded", procedure=stated, until_ns=until_ns)
        with Case.open(folder) as case:
            phases = Counter(e.payload["label"]["vocabulary"] for e in case.events("phase"))
            decided = [e.payload["label"]["name"] for e in case.events("procedure")]
            refused = Counter(f"{e.stage}: {e.payload['why']}" for e in case.events("refusal"))
    own = terms_of(shown).phase.name
    return {
        "decided": decided,
        "phase_events": dict(phases),
        "of_another_procedure": sum(n for name, n in phases.items() if name != own),
        "refusals": dict(refused),
    }
