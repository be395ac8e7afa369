# ruff: noqa: E402  (without torch the modules cannot be imported, and the file is skipped)
"""The bundled recogniser's networks: shapes, causality, and what is read off their maps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

torch = pytest.importorskip("torch", reason="needs the extra: pip install 'videoengine[models]'")

if TYPE_CHECKING:
    from torch import Tensor

from videoengine.models.workflow.found import found_in, tool_mask
from videoengine.models.workflow.network import Answers, FrameNetwork, NetworkConfig
from videoengine.models.workflow.temporal import PhaseNetwork, TemporalConfig

pytestmark = pytest.mark.torch
CONFIG = NetworkConfig(instruments=3, verbs=4, targets=5, widths=(8, 8, 16, 16), decoder=8)
CLOSE = 1e-5
"""Float32 sums in another order."""


@pytest.mark.parametrize("size", [(64, 64), (208, 256), (100, 76)])
def test_maps_are_a_quarter_of_the_picture(size: tuple[int, int]) -> None:
    answers = FrameNetwork(CONFIG).eval()(torch.rand(2, 3, *size))
    quarter = tuple((side + 3) // 4 for side in size)
    assert answers.mask.shape == (2, 4, *quarter)
    assert answers.center.shape == (2, 3, *quarter)
    assert answers.sides.shape == (2, 4, *quarter)
    assert answers.verb.shape == (2, 4, *quarter)
    assert answers.target.shape == (2, 5, *quarter)
    assert answers.presence.shape == (2, 3)
    assert answers.features.shape == (2, CONFIG.features)


def test_a_batch_is_its_pictures_one_by_one() -> None:
    network = FrameNetwork(CONFIG).eval()
    pictures = torch.rand(3, 3, 64, 64)
    together = network(pictures)
    for number in range(3):
        alone = network(pictures[number : number + 1])
        torch.testing.assert_close(together.mask[number], alone.mask[0], atol=CLOSE, rtol=CLOSE)
        torch.testing.assert_close(
            together.features[number], alone.features[0], atol=CLOSE, rtol=CLOSE
        )


def course(steps: int) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    features = torch.rand(1, steps, 6, generator=generator)
    presence = torch.rand(1, steps, 3, generator=generator)
    return features, presence, torch.arange(steps, dtype=torch.float32)[None]


def test_step_by_step_is_the_whole_and_the_future_changes_nothing() -> None:
    network = PhaseNetwork(TemporalConfig(features=6, instruments=3, phases=7, hidden=8)).eval()
    features, presence, elapsed = course(40)
    whole, _ = network(features, presence, elapsed, network.start())
    state = network.start()
    for step in range(40):
        now = slice(step, step + 1)
        said, state = network(features[:, now], presence[:, now], elapsed[:, now], state)
        torch.testing.assert_close(said.phase[0, 0], whole.phase[0, step], atol=CLOSE, rtol=CLOSE)
    assert state.shape == network.start().shape
    features[:, 20:] = 9.0
    other, _ = network(features, presence, elapsed, network.start())
    assert torch.equal(other.phase[:, :20], whole.phase[:, :20])
    assert not torch.equal(other.phase[:, 20:], whole.phase[:, 20:])


def empty(instruments: int = 2, height: int = 10, width: int = 12) -> Answers:
    def maps(channels: int, value: float) -> Tensor:
        return torch.full((1, channels, height, width), value)

    return Answers(
        features=torch.zeros(1, 4),
        mask=torch.cat([maps(1, 4.0), maps(instruments, 0.0)], dim=1),
        center=maps(instruments, -9.0),
        sides=maps(4, 1.0),
        verb=maps(3, 0.0),
        target=maps(3, 0.0),
        presence=torch.zeros(1, instruments),
        states=torch.zeros(1, 4),
        procedure=torch.zeros(1, 2),
    )


def test_two_instruments_of_one_kind_are_both_found_with_their_boxes_and_verbs() -> None:
    answers = empty()
    for row, column, score, verb in ((3, 2, 4.0, 1), (6, 9, 3.0, 2)):
        answers.center[0, 1, row, column] = score
        answers.sides[0, :, row, column] = torch.tensor([1.5, 2.5, 1.5, 0.5])
        answers.verb[0, verb, row, column] = 5.0
    first, second = found_in(answers, 0, threshold=0.3)
    assert (first.instrument, second.instrument) == (1, 1)
    assert first.score > second.score > 0.9
    assert first.box == pytest.approx((1 / 12, 1 / 10, 3 / 12, 3 / 10))
    assert int(first.verbs.argmax()) == 1
    assert int(second.verbs.argmax()) == 2


def test_a_box_that_repeats_a_surer_one_is_left_out_and_none_is_none() -> None:
    answers = empty()
    assert found_in(answers, 0, threshold=0.3) == []
    for column, score in ((4, 4.0), (6, 3.0)):
        answers.center[0, 0, 5, column] = score
        answers.sides[0, :, 5, column] = 4.0
    assert len(found_in(answers, 0, threshold=0.3)) == 1


def test_the_tool_mask_is_the_chance_of_any_instrument() -> None:
    answers = empty()
    answers.mask[0, 1, 2, 2] = 9.0
    mask = tool_mask(answers, 0)
    assert mask.shape == (10, 12)
    assert mask[2, 2] > 0.9 > 0.1 > mask[0, 0]
