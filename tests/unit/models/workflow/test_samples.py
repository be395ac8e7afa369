"""Training sets: what is kept of a source is what the source showed and knew."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the extra: pip install 'videoengine[models]'")

from videoengine.errors import UsageError
from videoengine.models.workflow.samples import TOOL_COLUMNS, make_samples, read_samples
from videoengine.models.workflow.terms import outputs, slots_of, terms_of
from videoengine.sources import with_truth
from videoengine.streams import open_source

pytestmark = pytest.mark.torch
URI = "sim://cholecystectomy?seed=3&start=25s&duration=6s&size=128x104&fps=1"
SMALL = 10.0
"""Mean codes that a JPEG of this quality may differ by."""


def test_samples_are_what_the_source_shows_and_knows(tmp_path: Path) -> None:
    path = make_samples(URI, tmp_path, procedure="cholecystectomy")
    samples = read_samples(path)
    assert len(samples) == 6
    assert list(tmp_path.iterdir()) == [path]
    slots = slots_of("cholecystectomy")
    with open_source(URI) as source:
        for number, (frame, truth) in enumerate(with_truth(source, arrays=["mask/instrument"])):
            shown = frame.pixels.rgb().astype(float)
            assert np.abs(samples.picture(number).astype(float) - shown).mean() < SMALL
            mask = truth.array("mask/instrument").array[2::4, 2::4]
            kept = samples.mask[number]
            assert np.array_equal(kept > 0, mask > 0)
            assert np.array_equal(kept[kept > 0] - slots.instrument, mask[mask > 0])
            boxed = [e for e in truth.of("instrument") if e.payload["box"] is not None]
            rows = samples.tools[samples.tools[:, 0] == number]
            assert rows[:, 1].tolist() == [e.payload["label"]["id"] for e in boxed]
            assert samples.course[number, 1] == truth.of("phase")[0].payload["label"]["id"]
    assert samples.tools.shape[1] == len(TOOL_COLUMNS)
    assert len(samples.tools) > 0


def test_samples_that_are_there_are_not_made_again(tmp_path: Path) -> None:
    path = make_samples(URI, tmp_path, procedure="cholecystectomy")
    before = path.stat().st_mtime_ns
    assert make_samples(URI, tmp_path, procedure="cholecystectomy") == path
    assert path.stat().st_mtime_ns == before


def test_outputs_of_procedures_lie_side_by_side() -> None:
    colonoscopy = slots_of("colonoscopy")
    first = terms_of("cholecystectomy")
    assert colonoscopy.instrument == len(first.instrument.labels)
    assert outputs()[0] == len(first.instrument.labels) + len(
        terms_of("colonoscopy").instrument.labels
    )


def test_an_unknown_procedure_names_the_nearest() -> None:
    with pytest.raises(UsageError, match="cholecystectomy"):
        terms_of("colecystectomy")
