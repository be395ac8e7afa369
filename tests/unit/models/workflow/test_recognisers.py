# ruff: noqa: E402  (without torch the modules cannot be imported, and the file is skipped)
"""The bundled stages: what they say, that it is causal, that streams do not touch each other."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the extra: pip install 'videoengine[models]'")

from videoengine.frames import Clip, Frame, Pixels
from videoengine.models.workflow.encoder import Encoder, EncoderStage
from videoengine.models.workflow.phases import PhaseStage
from videoengine.models.workflow.procedure import (
    SAMPLES,
    UNKNOWN,
    ProcedureStage,
    ProcedureState,
    decide_procedure,
)
from videoengine.models.workflow.recognisers import (
    InstrumentStage,
    TripletStage,
    published_triplets,
)
from videoengine.models.workflow.smoothing import smoothed_path
from videoengine.models.workflow.terms import PROCEDURES
from videoengine.stages import NamedArray, Result, StageContext, Work
from videoengine.streams import open_source

pytestmark = pytest.mark.torch
CONTEXT = StageContext("laparoscopy", "cholecystectomy")
SEEDED = "sim://cholecystectomy?seed=4&start=2m&duration=5s&size=256x208&fps=1"


def clip_of(pixels: Pixels, second: int, stream: str = "s0") -> Clip:
    ns = second * 1_000_000_000
    frame = Frame(stream, "mono", 0, second, second, ns, 1_000_000_000, 0, "declared", pixels)
    return Clip((frame,), 1.0, second)


def shown(uri: str) -> list[Pixels]:
    with open_source(uri) as source:
        return [frame.pixels for frame in source]


@pytest.fixture(scope="module")
def minute() -> list[Pixels]:
    return shown(SEEDED)


def arrays(result: Result) -> dict[str, NamedArray]:
    return {array.name: array for array in result.outputs}


def decided(procedure: int = 0) -> NamedArray:
    return NamedArray("procedure", np.asarray([procedure], np.int64))


def encoded(pixels: list[Pixels]) -> list[dict[str, NamedArray]]:
    stage = EncoderStage(CONTEXT)
    works = [Work("s0", None, clip_of(one, second)) for second, one in enumerate(pixels)]
    return [{**arrays(result), "procedure": decided()} for result in stage.process(works)]


def test_the_encoder_says_the_same_of_a_picture_alone_and_in_a_batch(minute: list[Pixels]) -> None:
    stage = EncoderStage(CONTEXT)
    together = stage.process([Work("s0", None, clip_of(one, k)) for k, one in enumerate(minute)])
    for second, one in enumerate(minute):
        (alone,) = stage.process([Work("s1", None, clip_of(one, second, "s1"))])
        for name, array in arrays(alone).items():
            assert np.array_equal(array.array, arrays(together[second])[name].array), name


def test_instruments_lie_in_the_picture_and_have_a_mask(minute: list[Pixels]) -> None:
    stage = InstrumentStage(CONTEXT)
    for inputs in encoded(minute):
        (result,) = stage.process([Work("s0", None, clip_of(minute[0], 0), inputs)])
        assert result.events
        given = arrays(result)
        assert given["mask/tool"].array.shape == (52, 64)
        assert given["mask/tool"].array.dtype == np.uint8
        assert given["mask/instrument"].array.max() <= 6
        assert given["presence/tool"].array.shape == (6,)
        for event in result.events:
            box = event.payload.box
            if box is not None:
                x, y, width, height = box
                assert 0 <= x <= x + width <= 1.0001
                assert 0 <= y <= y + height <= 1.0001


def test_a_triplet_is_one_of_the_published(minute: list[Pixels]) -> None:
    stage = TripletStage(CONTEXT)
    said = 0
    for inputs in encoded(minute):
        (result,) = stage.process([Work("s0", None, clip_of(minute[0], 0), inputs)])
        for event in result.events:
            payload = event.payload
            allowed = published_triplets("cholecystectomy")[payload.instrument.id]
            assert (payload.verb.id, payload.target.id) in allowed
            said += 1
    assert said > 0


@pytest.mark.parametrize("stage_class", [InstrumentStage, TripletStage, PhaseStage])
def test_nothing_is_said_before_the_procedure_is_decided(stage_class: Any) -> None:
    stage = stage_class(CONTEXT)
    inputs = encoded(shown(SEEDED)[:1])[0]
    for procedure in (None, -2, -1):
        given = {k: v for k, v in inputs.items() if k != "procedure"}
        if procedure is not None:
            given["procedure"] = decided(procedure)
        (result,) = stage.process([Work("s0", stage.open("s0"), clip_of(None, 0), given)])  # type: ignore[arg-type]
        assert result.events == ()
        assert result.outputs == ()


def steps(
    stage: PhaseStage, inputs: list[dict[str, NamedArray]], *, through_bytes: bool = False
) -> list[np.ndarray]:
    state = stage.open("s0")
    found: list[np.ndarray] = []
    for second, given in enumerate(inputs):
        (result,) = stage.process([Work("s0", state, clip_of(None, second), given)])  # type: ignore[arg-type]
        state = stage.decode(stage.encode(result.state)) if through_bytes else result.state
        found.append(arrays(result)["probabilities/phase"].array)
    return found


def test_a_phase_does_not_depend_on_the_future(minute: list[Pixels]) -> None:
    stage = PhaseStage(CONTEXT)
    inputs = encoded(minute)
    usual = steps(stage, inputs)
    changed = steps(stage, [*inputs[:3], *inputs[:2]])
    assert all(np.array_equal(a, b) for a, b in zip(usual[:3], changed[:3], strict=True))
    assert not np.array_equal(usual[3], changed[3])


def test_a_state_that_went_through_bytes_goes_on_exactly(minute: list[Pixels]) -> None:
    stage = PhaseStage(CONTEXT)
    inputs = encoded(minute)
    for one, other in zip(
        steps(stage, inputs), steps(stage, inputs, through_bytes=True), strict=True
    ):
        assert np.array_equal(one, other)


def test_two_streams_in_a_batch_say_what_each_says_alone(minute: list[Pixels]) -> None:
    stage = PhaseStage(CONTEXT)
    inputs = encoded(minute)
    forward, backward = inputs, inputs[::-1]
    alone = [steps(stage, forward), steps(stage, backward)]
    states = [stage.open("s0"), stage.open("s1")]
    for second in range(len(inputs)):
        works = [
            Work("s0", states[0], clip_of(None, second), forward[second]),  # type: ignore[arg-type]
            Work("s1", states[1], clip_of(None, second, "s1"), backward[second]),  # type: ignore[arg-type]
        ]
        results = stage.process(works)
        states = [result.state for result in results]
        for own, result in zip(alone, results, strict=True):
            assert np.array_equal(arrays(result)["probabilities/phase"].array, own[second])


def test_online_is_offline(minute: list[Pixels]) -> None:
    stage = PhaseStage(CONTEXT)
    inputs = encoded(minute)
    course = stage._courses["cholecystectomy"]
    features = np.stack([i["features/embedded-encoder"].array for i in inputs]).astype(np.float32)
    presence = np.stack([i["presence/embedded"].array[:6] for i in inputs])
    with torch.inference_mode():
        said, _ = course.network(
            torch.from_numpy(features)[None],
            torch.from_numpy(presence)[None],
            torch.arange(len(inputs), dtype=torch.float32)[None],
            course.network.start(),
        )
        whole = torch.softmax(said.phase[0] / course.calibration.phase_temperature, dim=1).numpy()
    assert np.abs(np.stack(steps(stage, inputs)) - whole).max() < 1e-4


def test_a_procedure_is_decided_after_a_minute_in_the_body_and_stated_once() -> None:
    stage = ProcedureStage(StageContext("unknown", None))
    state = stage.open("s0")
    stated = []
    for second in range(SAMPLES + 30):
        outside = second % 9 == 0
        inputs = {
            "procedure/embedded": NamedArray("p", np.asarray([0.04, 0.96], np.float32)),
            "states/embedded": NamedArray(
                "s", np.asarray([0.1 if outside else 0.9, 0, 0, 0], np.float32)
            ),
        }
        (result,) = stage.process([Work("s0", state, clip_of(None, second), inputs)])  # type: ignore[arg-type]
        state = stage.decode(stage.encode(result.state))
        stated += [(second, event.payload.label.name) for event in result.events]
        assert bool(result.outputs) == bool(stated)
    assert stated == [(67, "colonoscopy")]


def test_an_unsure_minute_is_unknown() -> None:
    state = ProcedureState()
    for _ in range(SAMPLES):
        state = state.seen(np.asarray([0.6, 0.4], np.float32), 1.0)
    assert state.decision().procedure == UNKNOWN
    assert ProcedureState().decision().procedure == UNKNOWN


def test_what_the_caller_says_settles_it() -> None:
    stage = ProcedureStage(StageContext("unknown", "colonoscopy"))
    (result,) = stage.process([Work("s0", stage.open("s0"), clip_of(None, 0))])  # type: ignore[arg-type]
    assert [event.payload.label.name for event in result.events] == ["colonoscopy"]
    assert arrays(result)["procedure"].array.tolist() == [1]


@pytest.mark.parametrize("procedure", PROCEDURES)
def test_a_simulated_procedure_is_known_by_its_looks(procedure: str) -> None:
    uri = f"sim://{procedure}?seed=11&start=1m&duration=12s&size=256x208&fps=1"
    with open_source(uri) as source:
        decision = decide_procedure(source)
    assert decision.procedure == procedure
    assert 0 < decision.samples <= 12


def test_the_likeliest_path_stays_through_a_slip_and_leaves_for_good_reason() -> None:
    stay = np.log(np.asarray([[0.98, 0.02], [0.02, 0.98]]))
    chances = np.full((20, 2), (0.8, 0.2))
    chances[5] = (0.1, 0.9)
    chances[12:] = (0.1, 0.9)
    assert smoothed_path(np.log(chances), stay).tolist() == [0] * 12 + [1] * 8


def test_the_encoder_keeps_the_shape_of_wide_pictures() -> None:
    rgb = np.full((480, 854, 3), 90, np.uint8)
    pixels = Pixels(
        lambda: (rgb,), layout="rgb24", size=(854, 480), sample_aspect_ratio=Fraction(1)
    )
    seen = Encoder().answer(pixels)
    assert seen.tool.shape == (36, 64)
    assert seen.labels.shape == (2, 36, 64)
    assert seen.found.shape[1] == 6 + len(seen.found.T[6:])
