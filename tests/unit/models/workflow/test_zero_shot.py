"""Zero-shot heads in closed form, and prompt files that say what is wrong with them."""
# ruff: noqa: E402 - what needs torch is imported once it is there

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the extra: pip install 'videoengine[models]'")

from videoengine.cards import ModelCard
from videoengine.errors import UsageError
from videoengine.models.workflow.prompts import Observation, PromptSet, bundled, read_prompts
from videoengine.models.workflow.zero_shot import ZeroShotHead
from videoengine.vocabularies import vocabulary

pytestmark = pytest.mark.torch
PHASES = vocabulary("videoengine/colonoscopy-phase@1")


class Space:
    """A backbone whose texts lie where the test puts them."""

    card = ModelCard("space", "test", 1)

    def __init__(self, places: dict[str, tuple[float, ...]]) -> None:
        self.places = places
        self.asked = 0

    def encode_image(self, frames: Any) -> Any:
        return torch.tensor(frames[:, 0, 0].astype(np.float32) / 255)

    def encode_text(self, texts: Sequence[str]) -> Any:
        self.asked += 1
        return torch.tensor([self.places[text] for text in texts])


def unit(cosine: float) -> tuple[float, float, float]:
    """A vector of length 2 with this cosine to (1, 0, 0)."""
    return 2 * cosine, 2 * float(np.sqrt(1 - cosine**2)), 0.0


RED = np.full((1, 4, 4, 3), (255, 0, 0), np.uint8)


def described(pairs: list[list[tuple[float, float]]]) -> ZeroShotHead:
    places: dict[str, tuple[float, ...]] = {}
    terms: list[tuple[Observation, ...]] = []
    for k, term in enumerate(pairs):
        said = tuple(Observation(f"+{k}.{i}", f"-{k}.{i}") for i in range(len(term)))
        for one, (present, absent) in zip(said, term, strict=True):
            places |= {one.present: unit(present), one.absent: unit(absent)}
        terms.append(said)
    return ZeroShotHead(
        Space(places), PromptSet("test", PHASES, "test", 0.5, observations=tuple(terms))
    )


def test_observations_give_the_published_probability() -> None:
    head = described([[(0.5, 0.5)], [(0.8, 0.2), (0.1, 0.4)], [(0.9, 0.1)]])
    features = head.backbone.encode_image(RED)
    one = 1 / (1 + np.exp(-(0.8 - 0.2) / 0.5))
    other = 1 / (1 + np.exp(-(0.1 - 0.4) / 0.5))
    found = head.probabilities(RED)
    np.testing.assert_allclose(found[0, 0], 0.5, atol=1e-6)  # equal cosines
    np.testing.assert_allclose(found[0, 1], np.exp((np.log(one) + np.log(other)) / 2), atol=1e-6)
    np.testing.assert_allclose(head.evidence_of(features)[1][0], (one, other), atol=1e-6)


def test_an_observation_that_is_surely_absent_rules_the_term_out() -> None:
    head = described([[(1.0, -1.0), (-1.0, 1.0)]])
    colder = PromptSet("cold", PHASES, "test", 1e-4, observations=head.prompts.observations)
    assert ZeroShotHead(head.backbone, colder).probabilities(RED)[0, 0] == 0.0


def test_prompts_share_one_softmax_and_nothing_lets_several_hold() -> None:
    space = Space({"a": unit(0.6), "b": unit(0.2), "c": unit(0.4)})
    shared = ZeroShotHead(space, PromptSet("p", PHASES, "t", 0.1, prompts=(("a",), ("b",))))
    asked = space.asked
    np.testing.assert_allclose(shared.logits(RED), [[6.0, 2.0]], atol=1e-5)
    np.testing.assert_allclose(shared.probabilities(RED).sum(), 1.0)
    assert space.asked == asked  # texts are encoded once
    alone = PromptSet("p", PHASES, "t", 0.1, prompts=(("a",), ("b",)), nothing=("c",))
    found = ZeroShotHead(space, alone).probabilities(RED)
    np.testing.assert_allclose(found, [[1 / (1 + np.exp(-2)), 1 / (1 + np.exp(2))]], atol=1e-5)


def test_prompts_of_a_term_are_averaged_as_unit_vectors() -> None:
    space = Space({"a": (3.0, 0.0, 0.0), "b": (0.0, 0.5, 0.0)})
    head = ZeroShotHead(space, PromptSet("p", PHASES, "t", 1.0, prompts=(("a", "b"),)))
    np.testing.assert_allclose(head.logits(RED), [[np.sqrt(0.5)]], atol=1e-6)


@pytest.mark.parametrize("name", bundled())
def test_bundled_prompts_speak_of_every_term(name: str) -> None:
    prompts = read_prompts(name)
    said = prompts.prompts or prompts.observations
    assert len(said) == len(prompts.terms)
    assert len({text for term in said for text in term}) == sum(map(len, said))


def test_published_phase_prompts_are_one_sentence_a_phase() -> None:
    published = read_prompts("surgvlp-cholec80-phase")
    assert "SurgVLP" in published.source
    assert [len(said) for said in published.prompts] == [1] * 7


GOOD = """vocabulary = "videoengine/colonoscopy-phase@1"
source = "me"
[prompts]
insertion = ["a"]
withdrawal = ["b"]
inspection = ["c"]
"polyp found" = ["d"]
polypectomy = ["e"]
"""


@pytest.mark.parametrize(
    ("old", "new", "word"),
    [
        ("source =", "sauce =", "Did you mean 'source'"),
        ('source = "me"', "", "source"),
        ("colonoscopy-phase@1", "colonoscopy-phases@1", "No such vocabulary"),
        ("withdrawal =", "withdraw =", "Did you mean 'withdrawal'"),
        ('polypectomy = ["e"]', "", "nothing of polypectomy"),
        ('["e"]', "[]", "at least one"),
        ('["e"]', '[" "]', "polypectomy"),
        ("[prompts]", "temperature = 0\n[prompts]", "temperature"),
        ("[prompts]", "temperature = true\n[prompts]", "temperature"),
        ("[prompts]", "[observations]", "present"),
        ('["e"]', '["e"]\n[observations]', "both"),
        ("[prompts]", "[prompts", "no TOML"),
    ],
)
def test_a_file_that_is_wrong_says_where(tmp_path: Path, old: str, new: str, word: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(GOOD)
    assert read_prompts(path).prompts[3] == ("d",)
    path.write_text(GOOD.replace(old, new))
    with pytest.raises(UsageError, match=word):
        read_prompts(path)


def test_a_file_that_is_not_there_names_the_nearest() -> None:
    with pytest.raises(UsageError, match="Did you mean 'cholec80-phase'"):
        read_prompts("cholec80-phases")
