"""M2CAI16 (Twinanda et al. and Stauder et al., 2016): `workflow` and `tool`, videos at 25 fps.

    train_dataset/workflow_video_01.mp4, .txt       Frame, Phase; a row for each frame
    test_dataset/test_workflow_video_01.mp4, .txt
    train_dataset/tool_video_01.mp4, .txt           Frame, Grasper, …; a row for each 25th frame

The folders may have any name, and each challenge may lie alone.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from videoengine.models.datasets.cholec80 import cholecystectomy
from videoengine.models.datasets.dataset_video import DatasetVideo

NAME: Final = "m2cai16"
PHASES: Final = "m2cai16/phase@1"
_VIDEO: Final = re.compile(r"^(?:test_)?(?P<task>workflow|tool)_video_\d+$")


def find_videos(root: Path) -> list[DatasetVideo]:
    """Return the videos of a folder laid out as M2CAI16, at most two folders deep."""
    found: list[DatasetVideo] = []
    for pattern in ("*.mp4", "*/*.mp4", "*/*/*.mp4"):
        for path in sorted(root.glob(pattern)):
            match = _VIDEO.match(path.stem)
            if match is None:
                continue
            labels = path.with_suffix(".txt")
            phases = labels if match["task"] == "workflow" else None
            tools = labels if match["task"] == "tool" else None
            found.append(cholecystectomy(NAME, root, path, phases, tools, PHASES))
    return found
