"""Questions about an operation of two minutes, and what is said to each."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from support.ask_cases import Made, make_case, two_minutes

from videoengine.case import Case
from videoengine.models.vlm.conversation import LONGEST, Conversation
from videoengine.models.vlm.index import CaseIndex, open_index


@pytest.mark.parametrize(
    ("question", "value"),
    [
        ("Is a hook in view between 0:20 and 0:40?", "yes"),
        ("Is a hook in view between 0:10 and 0:25?", "no"),
        ("Is a bipolar in view?", "no"),
        ("How many instruments are in view at 0:40?", 2),
        ("How many times does a hook come into view?", 2),
        ("How many different kinds of instrument are in view between 0:05 and 1:49?", 3),
        ("How many clips are placed?", 2),
        ("When is the hook first in view?", 30.0),
        ("When is the L-hook in view for the last time?", 70.0),
        ("After 0:55, when does the next stretch begin in which a hook is in view?", 60.0),
        ("Before 0:55, when does the last stretch end in which a hook is in view?", 50.0),
        ("How long is the grasper in view?", 50.0),
        ("How many seconds is a grasper in view in the first half a minute?", 20.0),
        ("How long is the hook in view during Calot's triangle dissection?", 30.0),
        ("How many seconds does the phase last that is under way at 0:45?", 50.0),
        ("Which phase is under way at 1:30?", "clipping cutting"),
        ("Which phase follows the one under way at 0:45?", "clipping cutting"),
        ("Which instrument comes into view next after 1:05?", "clipper"),
        ("What does the hook work on next, with an action that begins after 0:20?", "gallbladder"),
        ("Is there a moment with both a hook in view and a grasper in view?", "yes"),
        ("Is there a moment after 1:20 with both a hook in view and a clipper in view?", "no"),
        ("In which half of the picture is the tip of the grasper at 0:40?", "left"),
        ("Is the tip of the hook in the upper or the lower half of the picture at 0:40?", "lower"),
        ("At 0:40, whose tip is further left in the picture: the hook or the grasper?", "grasper"),
        ("At 0:40, whose tip is higher in the picture: the hook or the grasper?", "grasper"),
        ("Which instrument is the only one in view at 1:30?", "clipper"),
        ("What is being done at 0:40?", "hook, dissect, gallbladder"),
        ("When is the camera out of the body for the last time?", 120.0),
        ("Is there smoke between 0:30 and 1:00?", "yes"),
        ("How is the quality of the picture at 0:45?", "smoke"),
        ("Which instruments are used?", ["clipper", "grasper", "hook"]),
        ("How many graspers are in view at 0:40?", 1),
        ("How many clippers are in view at 0:40?", 0),
        ("How long until the first clip?", 90.0),
        ("Was the duct clipped?", "yes"),
        ("Was the artery clipped?", "no"),
        ("What phase is it at 50% of the video?", "calot triangle dissection"),
        ("Describe the moment at 0:10.", "preparation"),
        ("Does preparation come before clipping?", "the phase preparation begins"),
        ("When does the camera first enter the body?", 5.0),
    ],
)
def test_a_question_has_the_answer_that_the_log_gives(
    talk: Conversation, question: str, value: object
) -> None:
    reply = talk.ask(question)
    found = sorted(reply.value) if isinstance(reply.value, list) else reply.value
    assert (reply.status, found) == ("answered", value), reply.text


def test_the_order_of_two_beginnings_names_the_earlier_one(talk: Conversation) -> None:
    reply = talk.ask(
        "After 0:15, what happens first, a clipper comes into view or a hook begins "
        "dissecting the gallbladder?"
    )
    assert reply.value == "a hook begins dissecting the gallbladder"


@pytest.mark.parametrize(
    "question",
    [
        "How much blood was lost?",
        "How old is the patient?",
        "Who operated?",
        "What was the heart rate at 0:30?",
        "Is the tissue malignant?",
        "How far apart are the tips of the hook and the grasper at 0:40, in mm?",
        "Is there a bleeding?",
        "How many instruments are in view at 0:02?",
        "Which phase is under way at 5:00:00?",
    ],
)
def test_what_the_video_cannot_tell_is_not_observable(talk: Conversation, question: str) -> None:
    reply = talk.ask(question)
    assert (reply.status, reply.value, reply.supports) == ("not_observable", None, ())


@pytest.mark.parametrize(
    "question",
    ["xyzzy plugh?", "Где крючок?", "器械はどこですか", "🔪🔪🔪", "", "?!", "\x00\x1b[2J\x07"],
)
def test_what_is_not_understood_comes_back_with_what_could_be_asked(
    talk: Conversation, question: str
) -> None:
    reply = talk.ask(question)
    assert reply.status == "not_understood"
    assert "When is a clipper in view for the first time?" in reply.text


@pytest.mark.parametrize(
    "question",
    [
        "When is no hook in view?",
        "When is the hook out of view?",
        "Is the hook or the clipper in view?",
        "Does the hook puncture the liver?",
        "Was the cystic duct clipped before the gallbladder?",
        "How long after the first clip does the hook come into view?",
        "Which phase is the longest?",
        "Was the gallbladder perforated?",
        "When was the gallbladder removed?",
        "Is there more than one grasper at 0:40?",
        "How many phase changes are there?",
        "Was the cystic artery clipped before it was cut?",
        "How many times is the view hidden?",
    ],
)
def test_what_would_be_answered_to_another_question_is_not_understood(
    talk: Conversation, question: str
) -> None:
    assert talk.ask(question).status == "not_understood"


def test_every_example_that_is_offered_has_an_answer(talk: Conversation) -> None:
    offered = talk.ask("xyzzy").text.split('"')[1::2]
    assert [talk.ask(one).status for one in offered] == ["answered"] * len(offered)


def test_a_question_that_is_too_long_is_refused_with_the_limit(talk: Conversation) -> None:
    reply = talk.ask("is " * 5000)
    assert reply.status == "refused"
    assert str(LONGEST) in reply.text
    assert len(reply.question) <= LONGEST


def test_a_follow_up_keeps_what_was_asked(talk: Conversation) -> None:
    assert talk.ask("When is the grasper first in view?").value == 10.0
    assert talk.ask("And the hook?").value == 30.0
    assert talk.ask("And after that?").value == 60.0


def test_a_follow_up_keeps_what_it_was_about(talk: Conversation) -> None:
    talk.ask("Is the clipper in view?")
    assert talk.ask("When first?").value == 85.0


def test_a_follow_up_may_name_another_time(talk: Conversation) -> None:
    talk.ask("Which phase is under way at 0:10?")
    assert talk.ask("And at 1:30?").value == "clipping cutting"


def test_a_question_that_stands_alone_leans_on_nothing(talk: Conversation) -> None:
    talk.ask("Is a hook in view in the first ten seconds?")
    assert talk.ask("How long is the hook in view?").value == 30.0


def test_only_the_last_sentence_is_asked(talk: Conversation) -> None:
    reply = talk.ask("Never mind the blood loss. What is the number of instruments at 0:40?")
    assert reply.value == 2
    reply = talk.ask("Never mind the number of instruments at 0:40. What about the blood loss?")
    assert reply.status == "not_observable"


def test_every_answer_rests_on_events_of_the_log(talk: Conversation, operation: Path) -> None:
    keys = {event.key for event in Case.open(operation).events()}
    for question in ("Is a bipolar in view?", "How long is the hook in view?", "Is there smoke?"):
        supports = talk.ask(question).supports
        assert supports
        assert all(key in keys for support in supports for key in support.events)


def test_the_smoothed_phase_speaks_and_the_answer_says_so(tmp_path: Path) -> None:
    smoothed = (Made.phase(s, "Preparation", stage="phase.smoothed") for s in range(120))
    path = make_case(tmp_path / "case", [*two_minutes(), *smoothed])
    with Case.open(path) as case, open_index(case) as index:
        reply = Conversation(index).ask("Which phase is under way at 1:30?")
    assert reply.value == "preparation"
    assert "phase.smoothed" in reply.text


def test_what_no_stage_looked_for_is_not_observable(tmp_path: Path) -> None:
    path = make_case(tmp_path / "case", [Made.privacy(n / 5) for n in range(50)])
    with Case.open(path) as case, open_index(case) as index:
        reply = Conversation(index).ask("Is a hook in view?")
    assert reply.status == "not_observable"
    assert "No stage of this case states instruments" in reply.text


def test_what_a_stage_refused_is_refused_with_its_reason(tmp_path: Path) -> None:
    why = {"what": "instruments", "why": "it covers colonoscopy only", "remedy": ""}
    refusal = Made("refusal", 0.0, why, "instruments")
    path = make_case(tmp_path / "case", [refusal, *(Made.privacy(n / 5) for n in range(50))])
    with Case.open(path) as case, open_index(case) as index:
        reply = Conversation(index).ask("Is a hook in view?")
    assert reply.status == "refused"
    assert "it covers colonoscopy only" in reply.text


def test_the_same_questions_have_the_same_answers(index: CaseIndex) -> None:
    questions = ("When is the hook first in view?", "And after that?", "Which phase is that?")
    first, second = Conversation(index), Conversation(index)
    assert [first.ask(q) for q in questions] == [second.ask(q) for q in questions]


@pytest.mark.parametrize(
    ("question", "word"),
    [
        ("When does the clipper misfire?", "misfire"),
        ("Does the hook leak between 0:30 and 1:00?", "leak"),
        ("Which phase did they skip?", "skip"),
        ("Which tool do they favor?", "favor"),
    ],
)
def test_a_question_with_a_word_that_nothing_knows_is_not_guessed(
    talk: Conversation, question: str, word: str
) -> None:
    reply = talk.ask(question)
    assert reply.status == "not_understood"
    assert reply.text.startswith(f'"{word}" was not understood.')


def test_each_known_word_stands_once() -> None:
    from videoengine.models.vlm.cues import WORDS

    lines = [one for one in WORDS.read_text("utf-8").splitlines() if not one.startswith("#")]
    words = " ".join(lines).split()
    assert len(words) > 500
    assert all(re.fullmatch(r"[a-z]+", word) for word in words)
    assert sorted(words) == sorted(set(words))


def test_every_word_of_the_simulators_questions_is_known() -> None:
    """But for those of what no event kind states: depth and lengths."""
    from videoengine.models.vlm.cues import strange_words
    from videoengine.models.vlm.grammar import Reading
    from videoengine.recon3d.simulator.question_wording import WORDINGS

    beyond = ("polyp_size", "polyp_larger", "tip_distance", "tip_wider", "nearer", "aside")
    for kind, wordings in WORDINGS.items():
        for wording in wordings if kind not in beyond else ():
            bare = re.sub(r"\{\w+\}", " ", wording.lower().replace("'s", "s"))
            assert strange_words(Reading(" ".join(re.findall(r"[a-z]+", bare)))) == [], wording
