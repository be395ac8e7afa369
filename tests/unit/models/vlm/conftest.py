"""One operation of two minutes, made by hand, that the tests of this folder ask about."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.ask_cases import make_case, two_minutes

from videoengine.case import Case
from videoengine.models.vlm.bus import Bus
from videoengine.models.vlm.conversation import Conversation
from videoengine.models.vlm.index import CaseIndex, open_index


@pytest.fixture(scope="session")
def operation(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the case; nobody writes to it."""
    return make_case(tmp_path_factory.mktemp("ask") / "operation", two_minutes())


@pytest.fixture
def index(operation: Path) -> Iterator[CaseIndex]:
    """Return its index."""
    with Case.open(operation) as case, open_index(case) as opened:
        yield opened


@pytest.fixture
def bus(index: CaseIndex) -> Bus:
    """Return the tools on it."""
    return Bus(index)


@pytest.fixture
def talk(index: CaseIndex) -> Conversation:
    """Return a conversation about it."""
    return Conversation(index)
