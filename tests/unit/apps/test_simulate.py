from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from support.simulated import FakeSimulation, small_plan

from videoengine.apps import simulate as runner
from videoengine.apps.cli import run
from videoengine.apps.simulate import make_order, parse_seeds, simulate, simulate_many
from videoengine.errors import OutputError, UsageError
from videoengine.streams import open_source

TINY = {"size": "64x64", "duration": "1s", "start": "1s"}
FEW = "cholec80,poses"


@pytest.fixture(autouse=True)
def fake(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is rendered: these tests are about what becomes of the frames."""
    monkeypatch.setattr(runner, "Simulation", FakeSimulation)
    monkeypatch.setattr(runner, "load_procedure", lambda name: name)
    monkeypatch.setattr(runner, "make_plan", lambda _, seed: small_plan(seed))


def order(**options: Any) -> runner.Order:
    words = {**TINY, **{k: v for k, v in options.items() if k in ("view", "fps", "size")}}
    return make_order("cholecystectomy", words, formats=FEW)


def test_a_folder_holds_video_labels_and_what_made_it(tmp_path: Path) -> None:
    made = simulate(order(), 7, tmp_path / "out")
    assert (made.frames, made.seed, made.media_ns) == (25, 7, 10**9)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out"]
    assert {"labels", "run.json", "video.mp4"} == {p.name for p in (tmp_path / "out").iterdir()}
    row = json.loads((tmp_path / "out" / "run.json").read_text())
    assert row["seed"] == 7
    assert row["size"] == [64, 64]
    assert row["frames"] == 25
    assert row["created"].endswith("+00:00")
    lines = (tmp_path / "out" / "labels" / "cholec80" / "video-phase.txt").read_text().splitlines()
    assert len(lines) == 26


def test_the_video_shows_every_frame_at_its_stamp(tmp_path: Path) -> None:
    simulate(order(fps="30000/1001"), 7, tmp_path / "out")
    with open_source(tmp_path / "out" / "video.mp4") as source:
        frames = list(source)
        stamps = [frame.pts * source.info.time_base for frame in frames]
    assert stamps == [number * Fraction(1001, 30_000) for number in range(30)]
    levels = [int(frame.pixels.rgb().mean()) for frame in frames]
    assert abs(levels[0] - 10) <= 2
    assert abs(levels[-1] - 19) <= 2


def test_stereo_makes_a_video_of_each_eye(tmp_path: Path) -> None:
    simulate(order(view="stereo"), 7, tmp_path / "out")
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {"labels", "run.json", "video_left.mp4", "video_right.mp4"}
    assert json.loads((tmp_path / "out" / "run.json").read_text())["view"] == "stereo"


def test_labels_say_nothing_of_day_place_or_version(tmp_path: Path) -> None:
    for name in ("a", "b"):
        simulate(order(), 7, tmp_path / name)
    first, second = (
        {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
        for folder in (tmp_path / "a" / "labels", tmp_path / "b" / "labels")
    )
    assert first == second
    assert first
    videos = [(tmp_path / name / "video.mp4").read_bytes() for name in ("a", "b")]
    assert videos[0] == videos[1]


def test_an_interrupt_leaves_nothing(tmp_path: Path) -> None:
    def stop(_: int, frames: int) -> None:
        if frames == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        simulate(order(), 7, tmp_path / "deep" / "out", progress=stop)
    assert list((tmp_path / "deep").iterdir()) == []


def test_a_failing_encoder_is_met_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(runner.Movie, "add", fail)
    with pytest.raises(OutputError, match="No space left"):
        simulate(order(), 7, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_an_existing_folder_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "1").mkdir()
    with pytest.raises(OutputError, match="exists already"):
        simulate(order(), 7, tmp_path / "1")
    with pytest.raises(OutputError, match="exists already"):
        list(simulate_many(order(), range(3), tmp_path))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["1"]


def test_every_seed_gets_a_folder_of_its_own_and_progress_goes_on(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    made = list(
        simulate_many(
            order(), range(3, 5), tmp_path / "all", progress=lambda ns, n: told.append((ns, n))
        )
    )
    assert [one.seed for one in made] == [3, 4]
    assert sorted(path.name for path in (tmp_path / "all").iterdir()) == ["3", "4"]
    assert told[-1] == (2 * 10**9, 50)
    assert told == sorted(told)


def test_finished_seeds_stay_when_a_later_one_is_interrupted(tmp_path: Path) -> None:
    def stop(_: int, frames: int) -> None:
        if frames == 30:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(simulate_many(order(), range(3), tmp_path / "all", progress=stop))
    assert [path.name for path in (tmp_path / "all").iterdir()] == ["0"]


def test_labels_alone_render_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "Simulation", None)
    told: list[tuple[int, int]] = []
    only = make_order("cholecystectomy", {}, labels_only=True)
    list(
        simulate_many(only, range(2), tmp_path / "all", progress=lambda ns, n: told.append((ns, n)))
    )
    assert {path.name for path in (tmp_path / "all" / "1").iterdir()} == {"labels", "run.json"}
    assert told == [(10 * 10**9, 1), (20 * 10**9, 2)]


def test_seeds_are_a_range_that_holds_one_at_least() -> None:
    assert parse_seeds("3:500") == range(3, 500)
    for text in ("3", "5:5", "9:3", "a:b", "0:99999999999999999999"):
        with pytest.raises(UsageError):
            parse_seeds(text)


def test_the_view_may_be_stereo_and_a_wrong_one_has_a_nearest() -> None:
    assert make_order("x", {"view": "stereo"}).views == ("left", "right")
    with pytest.raises(UsageError, match="Did you mean 'stereo'"):
        make_order("x", {"view": "sterio"})


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        ([], 2, "--seed N or --seeds A:B"),
        (["--seed", "1", "--seeds", "1:2"], 2, "--seed N or --seeds A:B"),
        (["--seed", "one"], 2, "0 to 2^63 - 1"),
        (["--seed", "1", "--size", "63x64"], 2, "64 to 4096"),
        (["--seed", "1", "--fps", "500"], 2, "1 to 120"),
        (["--seed", "1", "--duration", "11s"], 2, "takes 10s"),
        (["--seed", "1", "--formats", "colec80"], 2, "Did you mean 'cholec80'"),
        (["--seed", "1", "--formats", "depth", "--labels-only"], 2, "one of them"),
        (["--seed", "1", "--label-only"], 2, "Did you mean '--labels-only'"),
        (["--seed", "1", "--out", "/proc/none/out"], 6, "cannot be written"),
    ],
)
def test_a_bad_call_is_one_line_and_makes_nothing(
    words: list[str], code: int, says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["simulate", "x", "--out", str(tmp_path / "out"), "--json", *words]) == code
    captured = capsys.readouterr()
    assert says in captured.err
    assert len(captured.err.splitlines()) == 1
    assert captured.out == ""
    assert list(tmp_path.iterdir()) == []


def test_the_verb_tells_people_and_machines_what_was_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--size", "64x64", "--duration", "1s", "--formats", FEW]
    assert run(["simulate", "x", "--seed", "7", "--out", str(tmp_path / "a"), *words]) == 0
    text = capsys.readouterr().out
    assert "size         64x64" in text
    assert "25 frames in" in text
    assert run(["simulate", "x", "--seeds", "1:3", "--out", str(tmp_path), "--json", *words]) == 0
    assert [row["seed"] for row in json.loads(capsys.readouterr().out)] == [1, 2]
