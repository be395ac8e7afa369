from __future__ import annotations

from fractions import Fraction

import pytest
from support.recordings import write_stamped

from videoengine.apps.source_record import record_source
from videoengine.case import SourceRecord


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> SourceRecord:
    """A recording whose pictures are 64 by 48, for formats that count pixels."""
    clip = tmp_path_factory.mktemp("pictures") / "clip.mp4"
    write_stamped(clip, [0, 512], time_base=Fraction(1, 12800))
    return record_source(str(clip))
