"""The report of recognisers: phases, instruments, actions, and what the models were trained on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.events import event
from support.recordings import make_case, rewrite, write_stamped

from videoengine.apps.report import write_report
from videoengine.apps.report.workflow import phases, spans_of, words
from videoengine.case import Case
from videoengine.events import Event

NS = 1_000_000_000
PHASES = ("Preparation", "CalotTriangleDissection", "ClippingCutting")
ABOUT = {
    "licence": "Apache-2.0",
    "trained_on": "simulated procedures only (videoengine's own simulator)",
    "weights": "embedded.safetensors",
    "procedures": ["cholecystectomy"],
    "calibration": "temperature",
}


def label(name: str, vocabulary: str = "cholec80/phase@1") -> dict[str, Any]:
    return {"vocabulary": vocabulary, "id": 0, "name": name}


def stated(smoothed: bool) -> Iterator[Event]:
    """Sixty seconds of three phases of twenty; raw points stutter once."""
    for second in range(60):
        name = PHASES[second // 20]
        raw = PHASES[2] if second == 10 else name
        yield event("phase", second, {"label": label(raw), "probabilities": {}})
        for ordinal, part in enumerate(("instrument", "verb", "target")[: second % 3 and 1]):
            made = {
                "instrument": label("hook"), "verb": label("dissect"), "target": label(part),
            }  # fmt: skip
            yield event("triplet", second, made, ordinal=ordinal)
        for tick in range(5):
            seen = label("grasper") if second < 30 else None
            payload = {"label": seen, "box": None, "mask": None, "track": None}
            for ordinal in range(2 if seen else 1):
                yield event(
                    "instrument", second + tick / 5, payload, stage="instruments", ordinal=ordinal
                )
        yield event("anticipation", second, {"label": label(name), "in_seconds": 1.0})
        yield event("measurement", second, {"name": "remaining", "value": 60.0, "unit": "s"})
    for second in range(60 if smoothed else 0):
        payload = {"label": label(PHASES[second // 20]), "probabilities": {}}
        yield event("phase", second, payload, stage="phase.smoothed")


def made(folder: Path, *, smoothed: bool = True) -> Path:
    clip = write_stamped(folder / "clip.mp4", [512 * n for n in range(1500)], size=(32, 24))
    case = make_case(folder / "case", clip, extra=stated(smoothed))

    def change(rows: list[dict[str, Any]]) -> None:
        stages = rows[-1]["payload"]["stages"]
        for name, rate in (("phase", 1.0), ("instruments", 5.0), ("triplet", 1.0)):
            stages[name] = {"rate_hz": rate, "about": ABOUT, "card": "x", "model_hash": "h"}

    rewrite(case, change)
    return case


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made(tmp_path_factory.mktemp("workflow"))


def test_smoothed_phases_are_shown_instead_of_raw_ones(case: Path) -> None:
    rows = phases(Case.open(case).timeline())
    assert [(p.name, p.start_ns // NS, p.end_ns // NS) for p in rows] == [
        (PHASES[0], 0, 20), (PHASES[1], 20, 40), (PHASES[2], 40, 60),
    ]  # fmt: skip
    text = write_report(Case.open(case)).read_text("utf-8")
    assert "Calot triangle dissection" in text
    assert "with hindsight" in text


def test_raw_phases_are_shown_when_there_are_no_others(tmp_path: Path) -> None:
    case = made(tmp_path, smoothed=False)
    rows = phases(Case.open(case).timeline())
    assert [p.name for p in rows[:3]] == [PHASES[0], PHASES[2], PHASES[0]]
    assert "as the video ran" in write_report(Case.open(case)).read_text("utf-8")


def test_points_of_both_rates_are_joined(case: Path) -> None:
    timeline = Case.open(case).timeline()
    (span,) = spans_of(timeline, "instrument")["grasper"]
    assert span[0] == 0
    assert abs(span[1] - 30 * NS) <= NS // 5
    at_a_rate = ("anticipation", "triplet", "measurement")
    assert not [mark for mark in timeline.marks if mark.kind in at_a_rate]
    (triplet,) = spans_of(timeline, "triplet")
    assert triplet == "hook, dissect, instrument"


def test_models_of_simulated_procedures_are_named(case: Path) -> None:
    text = write_report(Case.open(case)).read_text("utf-8")
    assert "Trained on simulated procedures only" in text
    assert "instruments, phase and triplet" in text
    models = text.split('id="models"')[1].split("</section>")[0]
    assert models.count(ABOUT["licence"]) == 3


def test_labels_read_as_words() -> None:
    assert words("CalotTriangleDissection") == "Calot triangle dissection"
    assert words("polyp found") == "Polyp found"
    assert words("cystic_duct") == "Cystic duct"
