from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.recordings import make_case, write_stamped

from videoengine.apps.cli import run
from videoengine.apps.evaluate import Evaluation, evaluate_workflow
from videoengine.apps.evaluate_find import Reading
from videoengine.apps.evaluate_recording import Said, Track, make_track
from videoengine.apps.evaluate_table import as_text
from videoengine.errors import CaseError, SourceError, UsageError
from videoengine.events import Event
from videoengine.sources import with_truth
from videoengine.streams import open_source

SECONDS = 200
OPTIONS = f"start=2m&duration={SECONDS}s"
NS = 1_000_000_000
PACKAGING = {
    "label": {"vocabulary": "cholec80/phase@1", "id": 4, "name": "GallbladderPackaging"},
    "probabilities": {},
}


def uri(seed: int, fps: int = 25) -> str:
    return f"sim://cholecystectomy?seed={seed}&{OPTIONS}&fps={fps}"


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three procedures as `simulate` writes them, without video."""
    folder = tmp_path_factory.mktemp("made") / "sims"
    piece = ["--start", "2m", "--duration", f"{SECONDS}s", "--labels-only"]
    assert run(["simulate", "cholecystectomy", "--seeds", "1:4", *piece, "--out", str(folder)]) == 0
    return folder


def later(source: Path, target: Path, seconds: int) -> Path:
    """Copy label files so that each text states everything so many seconds late."""
    shutil.copytree(source, target)
    for path in target.rglob("video-*.txt"):
        head, *rows = [line.split("\t", 1) for line in path.read_text().splitlines()]
        places = seconds * (25 if "phase" in path.name else 1)
        said = [rows[max(0, place - places)][1] for place in range(len(rows))]
        lines = [[row[0], text] for row, text in zip(rows, said, strict=True)]
        path.write_text("".join("\t".join(line) + "\n" for line in [head, *lines]))
    return target


def evaluated(predictions: Path | str, truth: Path | str, **options: Any) -> Evaluation:
    against = options.pop("against", ())
    reading = Reading(**options)
    return evaluate_workflow([str(predictions)], [str(truth)], reading, against=against)


def accuracy(found: Evaluation, boundary: str = "unrelaxed") -> float:
    value: float = found.scores["phase"][boundary]["accuracy"]["mean"]
    return value


def test_a_copy_of_the_truth_scores_one(simulated: Path) -> None:
    found = evaluated(simulated / "1", uri(1))
    phase = found.scores["phase"]
    for boundary in ("unrelaxed", "relaxed", "relaxed-script"):
        assert accuracy(found, boundary) == 1
        assert phase[boundary]["jaccard"]["per_phase"]["mean"] == 1
        assert phase[boundary]["jaccard"]["per_video"]["mean"] == 1
    assert phase["pooled"] == dict.fromkeys(("accuracy", "precision", "recall", "jaccard", "f1"), 1)
    assert phase["edit"]["mean"] == phase["segmental_f1"]["50"]["mean"] == 1
    assert phase["moments"] == SECONDS
    assert phase["stated"] == 1
    assert found.scores["tools"]["map"]["mean"] == pytest.approx(1, abs=0.03)
    assert found.scores["triplets"]["ivt"]["mean"] == pytest.approx(1, abs=0.05)
    itself = evaluated(simulated, simulated)
    assert itself.scores["tools"]["map"]["mean"] == itself.scores["triplets"]["ivt"]["mean"] == 1


def test_late_predictions_score_less_and_later_ones_less_still(
    simulated: Path, tmp_path: Path
) -> None:
    late = later(simulated, tmp_path / "late", 6)
    found = evaluated(late, simulated, against=[str(later(simulated, tmp_path / "later", 20))])
    assert accuracy(found) < 1
    assert accuracy(found, "relaxed") > accuracy(found)
    assert found.scores["tools"]["map"]["mean"] < 1
    gap = found.against["phase/accuracy"]
    assert gap["verdict"] == "win"
    assert (gap["wins"], gap["ties"], gap["losses"]) == (3, 0, 0)
    assert found.against["triplets/triplet_map"]["verdict"] == "tie"
    row = found.scores["phase"]["unrelaxed"]["accuracy"]
    assert row["low"] <= row["mean"] <= row["high"]
    assert [video["name"] for video in found.videos] == ["1", "2", "3"]


def as_case(
    folder: Path,
    seed: int,
    *,
    keep: Callable[[Event], bool] = lambda event: True,
    also: str | None = None,
) -> Path:
    """A finished case whose stages state the truth once a second; the stream begins at 1.5 s.

    A stage `also` states that all is packaging.
    """
    clip = write_stamped(folder.with_suffix(".mp4"), [12800 * n // 2 + 19200 for n in range(400)])

    def said() -> Iterator[Event]:
        with open_source(uri(seed, fps=1)) as source:
            events = [event for _, truth in with_truth(source) for event in truth.events]
        for event in events:
            if event.kind not in ("phase", "instrument", "triplet") or not keep(event):
                continue
            start = event.start_ns + 3 * NS // 2
            place = {"start_ns": start, "end_ns": start + NS // 25}
            made = replace(event, stage=f"{event.kind}s", run_id="run", confidence=0.9, **place)
            yield made
            if also is not None and event.kind == "phase":
                yield replace(made, stage=also, payload=PACKAGING)

    return make_case(folder, clip, extra=said())


def test_a_case_is_scored_by_its_events(tmp_path: Path) -> None:
    found = evaluated(as_case(tmp_path / "case", 1), uri(1))
    assert accuracy(found) == 1
    assert found.scores["phase"]["stated"] == 1
    assert found.scores["tools"]["map"]["mean"] == 1
    assert found.scores["triplets"]["ivt"]["mean"] == 1
    assert found.scores["phase"]["ece"] == 0  # the truth says 1.0, and is right
    assert evaluated(tmp_path / "case", uri(1), stages=("phases",)).notes == [
        "tools: known, but not predicted",
        "triplets: known, but not predicted",
    ]


def test_what_a_case_does_not_state_is_wrong(tmp_path: Path) -> None:
    def first_half(event: Event) -> bool:
        return event.start_ns < SECONDS // 2 * NS

    found = evaluated(as_case(tmp_path / "case", 1, keep=first_half), uri(1))
    assert accuracy(found) == pytest.approx(0.5)
    assert found.scores["phase"]["stated"] == pytest.approx(0.5)


def test_what_looks_ahead_is_scored_when_it_is_asked_for(tmp_path: Path) -> None:
    case = as_case(tmp_path / "case", 1, also="phase.smoothed")
    assert accuracy(evaluated(case, uri(1))) == 1
    assert accuracy(evaluated(case, uri(1), stages=("phase.smoothed",))) == 0


def test_two_stages_of_one_kind_need_a_choice(tmp_path: Path) -> None:
    case = as_case(tmp_path / "case", 1, also="rival")
    with pytest.raises(UsageError, match="Several stages") as caught:
        evaluated(case, uri(1))
    assert "--stages phases" in caught.value.line()
    assert accuracy(evaluated(case, uri(1), stages=("rival", "triplets"))) == 0
    with pytest.raises(UsageError, match="of such a stage") as caught:
        evaluated(case, uri(1), stages=("phase",))
    assert "phases, rival" in caught.value.line()


def test_predicted_text_may_be_numbered_by_the_second(simulated: Path, tmp_path: Path) -> None:
    rows = (simulated / "1/labels/cholec80/video-phase.txt").read_text().splitlines()[1::25]
    lines = [f"{second}\t{row.split()[1]}" for second, row in enumerate(rows)]
    path = tmp_path / "video01-phase.txt"
    path.write_text("\n".join(["Frame\tPhase", *lines]))
    assert accuracy(evaluated(path, uri(1, fps=1), fps=1)) == 1
    # At the rate of the release the whole file would lie in the first 8 seconds.
    assert accuracy(evaluated(path, uri(1, fps=1))) < 0.2


def test_scores_of_tools_may_be_probabilities(tmp_path: Path) -> None:
    names = "Grasper\tHook"
    for name, cells in (("a", ("1\t0", "0\t1")), ("b", ("0.9\t0.2", "0.4\t0.1"))):
        (tmp_path / name).mkdir()
        rows = [f"{25 * n}\t{cell}" for n, cell in enumerate(cells)]
        (tmp_path / name / "v-tool.txt").write_text("\n".join([f"Frame\t{names}", *rows]))
    found = evaluated(tmp_path / "b", tmp_path / "a")
    assert found.scores["tools"]["ap"] == {"Grasper": 1.0, "Hook": 0.5}


def as_json(path: Path, rows: dict[str, list[list[Any]]]) -> Path:
    """CholecT50's JSON of one tool and triplet, phases spelled in a way of its own."""
    names = {"instrument": {"0": "grasper"}, "triplet": {"0": "grasper,dissect,cystic_plate"}}
    phases = {str(number): f"phase {number}" for number in range(7)}
    path.write_text(json.dumps({"categories": {**names, "phase": phases}, "annotations": rows}))
    return path


def row_of(box: list[float], phase: int) -> list[Any]:
    return [0, 0, 1.0, *box, 2, 1, 1.0, -1, -1, -1, -1, phase]


def test_boxes_of_published_files_are_scored(tmp_path: Path) -> None:
    boxes = [[0.1, 0.1, 0.4, 0.4], [0.1, 0.1, 0.4, 0.2], [-1.0] * 4]
    truth = as_json(tmp_path / "VID01.json", {"3": [row_of(boxes[0], 2)], "4": []})
    said = as_json(tmp_path / "VID02.json", {"3": [row_of(boxes[1], 3)], "4": []})
    found = evaluated(said, truth)
    assert found.scores["boxes"]["coco_50"] == pytest.approx(1)  # they overlap by one half
    assert found.scores["boxes"]["coco"] == pytest.approx(1 / 10)
    assert found.scores["tools"]["ap"] == {"grasper": 1.0}
    assert found.scores["phase"]["moments"] == 1
    assert accuracy(found) == 0
    nowhere = as_json(tmp_path / "VID03.json", {"3": [row_of(boxes[2], 2)], "4": []})
    assert "boxes" not in evaluated(nowhere, nowhere).scores
    assert evaluated(nowhere, truth).notes == ["boxes: known, but not predicted"]


@pytest.mark.shared
def test_real_labels_score_one_against_themselves(shared: Path) -> None:
    found = evaluated(shared / "cholect50", shared / "cholect50")
    assert len(found.videos) == 3
    assert found.scores["boxes"]["boxes"] == found.scores["boxes"]["predicted"] == 619
    assert found.scores["boxes"]["coco"] == pytest.approx(1)
    assert accuracy(found) == found.scores["triplets"]["ivt"]["mean"] == 1
    # CholecT50 spells the phases in its own way.
    assert found.scores["phase"]["classes"][1] == "CalotTriangleDissection"


def test_the_terminal_shows_the_averagings_and_json_is_whole(
    simulated: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["evaluate", "workflow", "--predictions", str(simulated), "--truth", str(simulated)]
    assert run(words) == 0
    shown = capsys.readouterr().out
    for part in ("phase by phase", "video by video", "pooled", "relaxed, 10 s", "ivtmetrics"):
        assert part in shown
    assert max(map(len, shown.splitlines())) <= 100
    assert run([*words, "--json"]) == 0
    row = json.loads(capsys.readouterr().out)
    assert row["scores"]["phase"]["unrelaxed"]["accuracy"]["mean"] == 1
    assert len(row["videos"]) == 3
    one = evaluated(simulated / "1", simulated / "1")
    assert one.to_json()["scores"]["phase"]["edit"] == {"mean": 1.0, "low": None, "high": None}
    assert "1 video at" in as_text(one)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Frame\tPhase\n0\tPreparation\nx\tPreparation\n", "line 3"),
        ("Frame\tPhase\n0\n", "line 2: 1 cells"),
        ("Frame\tPhase\n", "holds no labels"),
        ("", "holds no labels"),
    ],
)
def test_a_broken_label_file_is_one_clear_error(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "v-phase.txt"
    path.write_text(text)
    with pytest.raises(SourceError, match=message):
        evaluated(path, path)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"categories": {}, "annotations": 3}', "\xff"])
def test_broken_json_is_one_clear_error(tmp_path: Path, text: str) -> None:
    path = tmp_path / "VID01.json"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(SourceError, match=r"CholecT50 label file|not text"):
        evaluated(path, path)


def test_what_does_not_belong_together_is_refused(simulated: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no truth for 2, 3"):
        evaluated(simulated, simulated / "1")
    with pytest.raises(UsageError, match="share no phase label"):
        evaluated(simulated / "1", "sim://colonoscopy?seed=1&duration=20s&fps=1")
    with pytest.raises(UsageError, match="at this rate"):
        evaluated(simulated, simulated, rate_hz=0.0)
    with pytest.raises(UsageError, match="Nothing is known"):
        evaluated(simulated / "1", write_uri(tmp_path))
    with pytest.raises(SourceError, match="does not exist"):
        evaluated(tmp_path / "nothing", simulated)
    (tmp_path / "empty").mkdir()
    with pytest.raises(SourceError, match="holds no labels"):
        evaluated(tmp_path / "empty", simulated)


def write_uri(folder: Path) -> str:
    return f"file://{write_stamped(folder / 'clip.mp4', [512 * n for n in range(5)])}"


def test_exit_codes_tell_what_failed(simulated: Path, tmp_path: Path) -> None:
    words = ["evaluate", "workflow", "--truth", str(simulated / "1"), "--predictions"]
    broken = tmp_path / "case"
    broken.mkdir()
    (broken / "manifest.json").write_text("{")
    assert run([*words, str(tmp_path / "nothing")]) == SourceError.exit_code
    assert run([*words, str(broken)]) == CaseError.exit_code
    assert run([*words, str(simulated / "1"), "--fps", "zero"]) == UsageError.exit_code
    assert run(["evaluate", "workflow"]) == UsageError.exit_code


def test_a_statement_speaks_for_what_is_near() -> None:
    track = make_track([(2 * NS, Said("b")), (0, Said("a")), (4 * NS, Said("c"))])
    assert track is not None
    moments = [0, NS - 1, NS + 1, round(5.5 * NS), round(5.6 * NS)]
    found = track.at(np.array(moments, np.int64))
    assert [one and one.name for one in found] == ["a", "a", "b", "c", None]
    frames = Track(tuple(n * 33_366_667 for n in range(61)), tuple(range(61)))
    assert frames.sampled(1.0).values == (0, 30, 60)
