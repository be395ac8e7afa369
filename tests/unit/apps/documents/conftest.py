from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support import events
from support.recordings import make_case, write_stamped

from videoengine.events import Event

STAGES = ("phase", "instruments", "triplet")


def label(vocabulary: str, number: int, name: str) -> dict[str, Any]:
    return {"vocabulary": vocabulary, "id": number, "name": name}


def statements() -> Iterator[Event]:
    """What models say five times a second of 6 s: two phases, a grasper at work from 1 s to 4 s."""
    grasper = label("cholect50/instrument@1", 0, "grasper")
    for tick in range(30):
        at = tick / 5
        online = ("Preparation", 0) if tick % 2 else ("CalotTriangleDissection", 1)
        settled = ("Preparation", 0) if at < 3 else ("CalotTriangleDissection", 1)
        for stage, (name, number) in (("phase", online), ("phase.smoothed", settled)):
            row = {"label": label("cholec80/phase@1", number, name), "probabilities": {}}
            yield events.event("phase", at, row, stage=stage, duration_s=0.2)
        seen = 1 <= at < 4
        row = {"label": grasper if seen else None, "box": None, "mask": None, "track": None}
        yield events.event("instrument", at, row, stage="instruments", duration_s=0.2)
        if 2 <= at < 3:
            row = {
                "instrument": grasper,
                "verb": label("cholect50/verb@1", 1, "retract"),
                "target": label("cholect50/target@1", 0, "gallbladder"),
            }
            yield events.event("triplet", at, row, stage="triplet", duration_s=0.2)


@pytest.fixture(scope="session")
def told_case(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished case of 6 s with phases, an instrument and an action."""
    folder = tmp_path_factory.mktemp("told")
    clip = write_stamped(folder / "clip.mp4", [512 * index for index in range(150)])
    with pytest.MonkeyPatch.context() as patch:
        for stage in STAGES:
            row = {"rate_hz": 5.0, "model_hash": stage, "config_hash": "c"}
            patch.setitem(events.STAGES, stage, row)
        return make_case(folder / "case", clip, extra=[*statements()])
