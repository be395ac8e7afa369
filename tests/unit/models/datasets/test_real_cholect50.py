"""The real CholecT50 labels and frames of three videos, read as any dataset."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from videoengine.models.datasets import list_videos, open_dataset

pytestmark = pytest.mark.shared
FRAMES = {"VID68": (266, 243), "VID70": (192, 164), "VID75": (141, 120)}
"""Frames, and those of them that are annotated."""


@pytest.mark.parametrize("name", sorted(FRAMES))
def test_every_label_meets_its_frame(shared: Path, name: str) -> None:
    video = next(one for one in list_videos(shared / "cholect50") if one.video == name)
    labels = json.loads((shared / f"cholect50/labels/{name}.json").read_text("utf-8"))
    annotated = {int(key): rows for key, rows in labels["annotations"].items()}
    files = (shared / f"cholect50/videos/{name}").iterdir()
    first = min(int(match[0]) for path in files if (match := re.match(r"\d+", path.name)))
    frames = 0
    with open_dataset(video.uri, stream_id="s0") as source:
        for frame in source:
            frames += 1
            second = first + frame.pts_ns // 10**9
            rows, truth = annotated.pop(second, None), source.truth(frame)
            if rows is None:
                assert not truth.events
                continue
            assert truth.of("phase")[0].payload["label"]["id"] == rows[0][14]
            found = sorted(event.payload["label"]["id"] for event in truth.of("instrument"))
            assert found == sorted(row[1] for row in rows)
            verbs = sorted(event.payload["verb"]["id"] for event in truth.of("triplet"))
            assert verbs == sorted(row[7] for row in rows)
            boxes = sorted(event.payload["box"][0] for event in truth.of("instrument"))
            assert boxes == pytest.approx(sorted(row[3] for row in rows), abs=1e-5)
    assert not annotated  # each annotated second has a frame
    assert (frames, len(labels["annotations"])) == FRAMES[name]
