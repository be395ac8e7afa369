"""Questions read by nearness: to what, when not, and that nothing changes where it is off."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import chain

import numpy as np
import pytest
from numpy.typing import NDArray
from support.paraphrases import FILE, SPOKEN, paraphrases

from videoengine.models.vlm.conversation import Conversation
from videoengine.models.vlm.grammar import Reading, read, sentences
from videoengine.models.vlm.index import CaseIndex
from videoengine.models.vlm.intents import Ask, decide
from videoengine.models.vlm.names import Names
from videoengine.models.vlm.paraphrase import Intention, Paraphrases, intentions

SAID = "Time taken up by the hook, all in all, 0:20 to 0:40"
"""Words of the bank that the grammar does not read."""
TIMES = {"none": "", "at": "at 0:40", "after": "after 0:20", "before": "before 1:05",
         "span": "between 0:20 and 0:40"}  # fmt: skip


class WordCounts:
    """An encoder whose places are counts of words: near is what shares them."""

    def embed(self, sentences: Sequence[str]) -> NDArray[np.float32]:
        rows = np.zeros((len(sentences), 2003), np.float32)
        for row, sentence in zip(rows, sentences, strict=True):
            for word in sentence.split():
                row[sum(ord(c) * 31**n for n, c in enumerate(word)) % len(row)] += 1
        return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)


class Untouched:
    """An encoder that must not be asked."""

    def embed(self, sentences: Sequence[str]) -> NDArray[np.float32]:
        raise AssertionError(f"{sentences} were embedded")


def _reading(index: CaseIndex, text: str) -> Reading:
    return read(" ".join(sentences(text)), Names(index), index.end_ns)


def test_what_the_grammar_does_not_read_is_answered_and_says_how_it_was_read(
    index: CaseIndex,
) -> None:
    assert Conversation(index).ask(SAID).status == "not_understood"
    reply = Conversation(index, paraphrases=Paraphrases(WordCounts())).ask(SAID)
    assert (reply.status, reply.value) == ("answered", 10.0)
    asks = "How long is a hook in view between 0:00:20 and 0:00:40?"
    assert f'(Read as: "{asks}")' in reply.text
    assert Conversation(index).ask(asks).value == reply.value


@pytest.mark.parametrize("one", intentions()[0], ids=lambda one: one.name)
def test_an_intention_is_called_as_the_grammar_calls_its_own_question(
    index: CaseIndex, one: Intention
) -> None:
    asked = 0
    for shape in one.times:
        slots = {"s": "the hook", "x": "the hook", "y": "the grasper", "t": TIMES[shape]}
        if one.kind is None:
            slots |= {"s": "a hook in view", "x": "a hook in view", "y": "a grasper in view"}
        reading = _reading(index, one.wordings[0].format(**slots))
        meant = Paraphrases(WordCounts(), near=-1, ahead=-1).read(reading)
        if meant is None or not one.fits(reading, shape):
            continue
        asked += 1
        call = decide(Ask(meant.reading, index.end_ns))
        assert call is not None, meant.asks
        assert call == decide(Ask(_reading(index, meant.asks), index.end_ns)), meant.asks
    assert asked


@pytest.mark.parametrize(
    "question",
    [
        "Time not taken up by the hook, 0:20 to 0:40",
        "Tools missing, 0:20 to 0:40",
        "Longest time taken up by the hook, all in all",
        "The age of the patient, all in all",
        "Time taken up by the surgeon, all in all",
    ],
)
def test_turned_and_unanswerable_questions_never_reach_the_embeddings(
    index: CaseIndex, question: str
) -> None:
    alone = Conversation(index).ask(question)
    assert alone.status != "answered"
    assert Conversation(index, paraphrases=Paraphrases(Untouched())).ask(question) == alone


def test_a_wording_to_refuse_and_words_of_nothing_stay_unread(index: CaseIndex) -> None:
    talk = Conversation(index, paraphrases=Paraphrases(WordCounts()))
    for question in ("How steady the hook", "blue yesterday seven", "hook hook grasper clipper"):
        assert talk.ask(question) == Conversation(index).ask(question)


def test_a_question_between_two_intentions_stays_unread(index: CaseIndex) -> None:
    reading = _reading(index, SAID)
    assert Paraphrases(WordCounts(), ahead=0.0).read(reading) is not None
    assert Paraphrases(WordCounts(), ahead=0.99).read(reading) is None
    assert Paraphrases(WordCounts(), near=1.01).read(reading) is None


def test_what_the_grammar_reads_is_the_same_with_embeddings(index: CaseIndex) -> None:
    for question in (
        "When is the hook first in view?",
        "How many instruments are in view at 0:40?",
        "Which phase is under way at 1:30?",
        "How old is the patient?",
        "How many instruments are in view at 0:02?",
    ):
        with_them = Conversation(index, paraphrases=Paraphrases(Untouched())).ask(question)
        assert with_them == Conversation(index).ask(question)


def test_no_wording_of_the_bank_is_a_paraphrase_that_is_scored() -> None:
    asked, refused = intentions()
    bank = {_bare(text) for one in chain(asked, refused) for text in one.wordings}
    scored = {_bare(one.text) for one in chain(paraphrases(FILE), paraphrases(SPOKEN))}
    assert not bank & scored


def test_no_wording_is_asked_and_refused_at_once() -> None:
    asked, refused = intentions()
    answered = {_bare(text) for one in asked for text in one.wordings}
    assert not answered & {_bare(text) for one in refused for text in one.wordings}


def _bare(text: str) -> str:
    text = re.sub(r"\{(?:a|b|t|a_words|b_words|state)\}", "", text)
    text = re.sub(r"\{\w+\}", "it", text).lower()
    text = re.sub(r"\b(?:after|before|between|from|to|at|and|until|the|a|an)\b", "", text)
    return " ".join(re.findall(r"\w+", text))
