"""Groups of tests that need something, and the command that brings it."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

GROUPS = {
    "shared": "VIDEOENGINE_SHARED=/path/to/shared (the clips of data/INDEX.md)",
    "torch": "pip install 'videoengine[models]'",
    "gstreamer": "apt-get install gstreamer1.0-rtsp gir1.2-gst-rtsp-server-1.0 python3-gi "
    "gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-bad",
    "cuda": "a CUDA device, and a build with VIDEOENGINE_CUDA=on",
}
"""Marker to the command that enables its tests."""
CHECKOUT = Path(__file__).resolve().parent.parent


def required() -> set[str]:
    """Return the groups whose skips are failures."""
    return {name for name in os.environ.get("VIDEOENGINE_REQUIRE", "").split(",") if name}


def pytest_configure(config: pytest.Config) -> None:
    unknown = required() - set(GROUPS)
    if unknown:
        raise pytest.UsageError(
            f"VIDEOENGINE_REQUIRE names {sorted(unknown)}; allowed: {', '.join(GROUPS)}"
        )
    config.stash[_SKIPPED] = {}


_SKIPPED: pytest.StashKey[dict[str, int]] = pytest.StashKey()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Iterator[None]:  # the report passes through
    report = yield
    groups = [name for name in GROUPS if item.get_closest_marker(name) is not None]
    if report.skipped and groups and not hasattr(report, "wasxfail"):
        counts = item.config.stash[_SKIPPED]
        counts[groups[0]] = counts.get(groups[0], 0) + 1
        if required() & set(groups):
            report.outcome = "failed"
            report.longrepr = f"skipped, but VIDEOENGINE_REQUIRE asks for it: {report.longrepr}"
    return report


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    for name, count in sorted(config.stash[_SKIPPED].items()):
        terminalreporter.write_line(f"skipped group {name}: {count} tests; enable: {GROUPS[name]}")


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real clips, or a skip."""
    folder = Path(os.environ.get("VIDEOENGINE_SHARED", CHECKOUT.parent / "shared")) / "data"
    if not (folder / "INDEX.md").is_file():
        pytest.skip(f"no {folder}/INDEX.md; set VIDEOENGINE_SHARED")
    return folder


@pytest.fixture(autouse=True, scope="session")
def _basic_by_default() -> Iterator[None]:
    """Let a run without a named preset be `basic`, whatever is installed."""
    from videoengine import presets

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(presets, "WEIGHTS", Path("/absent/embedded.safetensors"))
        yield


@pytest.fixture(autouse=True)
def _random_state() -> Iterator[None]:
    """Leave the global generators as they were."""
    python, numpy = random.getstate(), np.random.get_state()
    yield
    random.setstate(python)
    np.random.set_state(numpy)
