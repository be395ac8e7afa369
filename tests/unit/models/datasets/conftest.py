"""Opening a made dataset and listing what its labels say."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from videoengine.models.datasets import AnnotatedSource, list_videos
from videoengine.sources import Truth
from videoengine.streams import open_source

Truths = dict[float, Truth]
ReadTruth = Callable[..., Truths]


@pytest.fixture
def read_truth() -> ReadTruth:
    """Return a function that returns the truth of each annotated frame by its stamp in seconds."""

    def read(root: Path, video: str | None = None, *, dataset: str | None = None) -> Truths:
        videos = list_videos(root, dataset=dataset)
        chosen = next(one for one in videos if video is None or one.video == video)
        with open_source(chosen.uri) as source:
            assert isinstance(source, AnnotatedSource)
            found = {
                round(frame.pts_ns / 1e9, 3): source.truth(frame, arrays=source.truth_arrays)
                for frame in source
            }
        return {seconds: truth for seconds, truth in found.items() if truth.events}

    return read
