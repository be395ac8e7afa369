"""Procedure files: what a user writes is read, and what contradicts itself names its line."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from videoengine.errors import UsageError
from videoengine.recon3d.simulator.planner import make_plan
from videoengine.recon3d.simulator.procedure import FOLDER, load_procedure, procedure_names
from videoengine.recon3d.simulator.toml_table import LineFinder

CHOLE = (FOLDER / "cholecystectomy.toml").read_text("utf-8")
COLON = (FOLDER / "colonoscopy.toml").read_text("utf-8")


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str], str]:
    def write_text(text: str) -> str:
        path = tmp_path / "mine.toml"
        path.write_text(text, "utf-8")
        return str(path)

    return write_text


def test_the_shipped_procedures_are_read() -> None:
    assert procedure_names() == ["cholecystectomy", "colonoscopy"]
    chole, colon = (load_procedure(name) for name in procedure_names())
    assert (len(chole.phases), chole.anatomy) == (7, "cavity")
    assert (len(colon.phases), colon.anatomy) == (5, "tube")
    instruments = {a.instrument.name for p in chole.phases for w in p.work for a in w.actions}
    assert instruments == {"grasper", "bipolar", "hook", "scissors", "clipper", "irrigator"}


def test_an_unknown_procedure_names_the_nearest() -> None:
    with pytest.raises(UsageError, match="Did you mean 'cholecystectomy'"):
        load_procedure("cholecystectomie")
    with pytest.raises(UsageError, match="No such procedure"):
        load_procedure("nowhere/to/be/found.toml")


def test_a_procedure_of_ones_own_needs_no_code(write: Callable[[str], str]) -> None:
    text = CHOLE.replace("minutes = [6.0, 10.0]", "minutes = [2.0, 3.0]")
    procedure = load_procedure(write(text.replace("time_scale = 0.2 ", "time_scale = 0.06 ")))
    plan = make_plan(procedure, 5)
    assert plan.procedure == "mine"
    assert 120 <= plan.duration_s <= 180


# What is put in place of what, and what the error then says; the line is that of the change.
MISTAKES: dict[str, tuple[str, str, str, str]] = {
    "not TOML": (CHOLE, 'anatomy = "cavity" ', "anatomy = cavity ", "This is not TOML"),
    "unknown key": (CHOLE, "time_scale = 0.2", "time_skale = 0.2", "'time_scale' is missing"),
    "key too many": (
        CHOLE,
        "[length]",
        "colour = 3\n[length]",
        "Did you mean 'colour'|Unknown key",
    ),
    "key of a sub-table": (
        COLON,
        "rinse_seconds =",
        "rinse_second =",
        "'rinse_seconds' is missing",
    ),
    "wrong type": (CHOLE, "time_scale = 0.2", 'time_scale = "x"', "allowed: a number from"),
    "anatomy": (CHOLE, 'anatomy = "cavity"', 'anatomy = "cavty"', "Did you mean 'cavity'"),
    "vocabulary": (CHOLE, '"cholect50/verb@1"', '"cholect50/verbs@1"', "'cholect50/verb@1'"),
    "ports": (CHOLE, '"left", "right"]', '"left", "left"]', "not distinct texts"),
    "too many ports": (COLON, 'ports = ["channel"]', 'ports = ["channel", "b"]', "Name fewer"),
    "port": (COLON, 'answer_port = "channel"', 'answer_port = "chanel"', "Did you mean 'channel'"),
    "range": (CHOLE, "minutes = [6.0, 10.0]", "minutes = [10.0, 6.0]", "Write .6, 10."),
    "half a range": (CHOLE, "minutes = [6.0, 10.0]", "minutes = [6.0]", r"\[least, most\]"),
    "median": (CHOLE, "least = 80, most = 300", "least = 180, most = 300", "least ≤ median ≤ most"),
    "term of a phase": (
        COLON,
        'name = "withdrawal"',
        'name = "withdrawl"',
        "Did you mean 'withdrawal'",
    ),
    "phase twice": (COLON, 'name = "inspection"', 'name = "withdrawal"', "there twice"),
    "verb": (CHOLE, "hook,dissect,cystic_artery", "hook,disect,cystic_artery", "'dissect'"),
    "target": (CHOLE, "hook,dissect,cystic_artery", "hook,dissect,artery", "cystic_artery"),
    "triplet": (CHOLE, "hook,dissect,cystic_artery", "hook,clip,cystic_artery", "triplet@1"),
    "two parts": (CHOLE, "hook,dissect,cystic_artery", "hook,dissect", "an instrument, a verb"),
    "weight": (CHOLE, "seconds = 10, weight = 4", "seconds = 10, weight = -4", "'weight'"),
    "no weight": (
        CHOLE,
        "next = {ClippingCutting = 1}",
        "next = {ClippingCutting = 0}",
        "does not",
    ),
    "no such phase": (
        CHOLE,
        "next = {ClippingCutting = 1}",
        "next = {Clipping = 1}",
        "Did you mean 'ClippingCutting'",
    ),
    "no way out": (CHOLE, "next = {end = 1}", "next = {GallbladderRetraction = 1}", "No way leads"),
    "nothing next": (CHOLE, "next = {end = 1}", "next = {}", "Name one"),
    "chance": (CHOLE, "chance = 0.25", "chance = 1.25", "a number from 0 to 1"),
    "effect": (CHOLE, 'kind = "suction"', 'kind = "sucktion"', "Did you mean 'suction'"),
    "bleeding verb": (COLON, "after = {cut = 0.35", "after = {cat = 0.35", "Did you mean 'cut'"),
    "interrupting phase": (
        CHOLE,
        'interruption = {phase = "CleaningCoagulation", chance = 0.25',
        'interruption = {phase = "Cleaning", chance = 0.25',
        "CleaningCoagulation",
    ),
    "polyp phase": (
        COLON,
        'found = "polyp found"',
        'found = "polyp fund"',
        "Did you mean 'polyp found'",
    ),
    "motion": (COLON, 'motion = "look"', 'motion = "follow"', "does not fit the anatomy 'tube'"),
    "too long": (CHOLE, "time_scale = 0.2", "time_scale = 2.0", "Make time_scale smaller"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_names_file_line_and_remedy(name: str, write: Callable[[str], str]) -> None:
    text, old, new, message = MISTAKES[name]
    assert old in text
    changed = text.replace(old, new, 1)
    line = text[: text.index(old)].count("\n") + 1
    path = write(changed)
    with pytest.raises(UsageError, match=message) as caught:
        load_procedure(path)
    found = re.search(r"mine\.toml, line (\d+): ", str(caught.value))
    assert found is not None
    # a missing key is named at its table, which begins at most a few lines above
    missing = "is missing" in str(caught.value)
    assert 0 <= line - int(found.group(1)) <= (10 if missing else 0)
    assert str(caught.value).count(".") >= 2


def test_an_unreachable_phase_names_its_line(write: Callable[[str], str]) -> None:
    changed = CHOLE.replace("next = {ClippingCutting = 1}", "next = {GallbladderDissection = 1}")
    where = changed.index('name = "ClippingCutting"')
    line = changed[:where].count("\n") + 1
    with pytest.raises(UsageError, match=rf"line {line}: No phase leads to this one"):
        load_procedure(write(changed))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\xff\xfe", "cannot be read as text"),
        (b"a = " + b"[" * 20_000 + b"]" * 20_000, "nested too deeply"),
        (b"#" * 1_000_001, "is too large"),
        (b"", "'vocabularies' is missing"),
    ],
)
def test_a_hostile_file_gives_one_clear_error(content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "hostile.toml"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=message):
        load_procedure(str(path))


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from([CHOLE, COLON]),
    st.integers(0, 6000),
    st.integers(0, 40),
    st.sampled_from(["", "{", "]", '"', "[[", "x = 1\n", "'''", "1e9", "0", "-1", "nan"]),
)
def test_a_damaged_file_is_read_or_refused_with_its_line(
    tmp_path: Path, text: str, at: int, length: int, put: str
) -> None:
    path = tmp_path / "damaged.toml"
    path.write_text(text[:at] + put + text[at + length :], "utf-8")
    try:
        plan = make_plan(load_procedure(str(path)), 1)
        assert plan.phases[-1].end == plan.ticks
    except UsageError as error:
        assert "damaged.toml, line " in str(error)


def places(value: Any, at: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    if isinstance(value, dict):
        return [at, *(p for key, item in value.items() for p in places(item, (*at, key)))]
    if isinstance(value, list):
        return [p for n, item in enumerate(value) for p in places(item, (*at, n))]
    return [at]


@pytest.mark.parametrize("text", [CHOLE, COLON], ids=["cholecystectomy", "colonoscopy"])
def test_every_place_of_a_file_has_a_line(text: str) -> None:
    lines = LineFinder(text).lines
    wanted = places(tomllib.loads(text))[1:]
    assert set(wanted) <= set(lines)
    for place in wanted:
        key = next(part for part in reversed(place) if isinstance(part, str))
        if isinstance(place[-1], str):
            assert key in text.splitlines()[lines[place] - 1]


def test_lines_are_found_in_unusual_toml() -> None:
    text = (
        "# [no] = header\n"
        "a.b = 'x # not a comment'\n"
        '"quoted key" = """\n'
        "two = 2\n"
        '"""\n'
        "list = [1, # one\n"
        "  {c = 1, d = 2},\n"
        "  [3]]\n"
        "[[t]]\n"
        "[t.sub]\n"
        "x = 1\n"
        "[[t]]\n"
        "x = 2 # two\n"
    )
    assert tomllib.loads(text)["t"][1] == {"x": 2}
    lines = LineFinder(text).lines
    expected = {
        ("a", "b"): 2,
        ("quoted key",): 3,
        ("list", 0): 6,
        ("list", 1): 7,
        ("list", 1, "d"): 7,
        ("list", 2): 8,
        ("t", 0): 9,
        ("t", 0, "sub", "x"): 11,
        ("t", 1, "x"): 13,
    }
    assert {place: lines.get(place) for place in expected} == expected
