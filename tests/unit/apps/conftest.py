from __future__ import annotations

from pathlib import Path

import pytest
from support.recordings import make_case, write_stamped

STAMPS = [512 * index for index in range(100)]
"""4 s at 25 fps."""


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return write_stamped(tmp_path / "Patient Name.mp4", STAMPS)


@pytest.fixture
def case(tmp_path: Path, clip: Path) -> Path:
    """A finished case: out of the body from 2 s to 3 s, smoke from 0.5 s to 1 s."""
    return make_case(
        tmp_path / "case",
        clip,
        allow=lambda seconds: not 2.0 <= seconds < 3.0,
        severities=lambda seconds: {"smoke": 0.9 if 0.5 <= seconds < 1.0 else 0.1},
    )
