"""A conversation about one case: questions in, answers with what they rest on out.

Nothing here writes. The same questions in the same order always have the same answers.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from videoengine.media_time import NS_PER_SECOND, clock
from videoengine.models.vlm.bus import Bus
from videoengine.models.vlm.cues import INSTRUMENTS, strange_words, unknowable
from videoengine.models.vlm.findings import (
    Finding,
    Outcome,
    Status,
    Support,
    Unknown,
    Window,
    listed,
)
from videoengine.models.vlm.grammar import Reading, read, sentences
from videoengine.models.vlm.index import CaseIndex
from videoengine.models.vlm.intents import Ask, Call, again, decide, only_target
from videoengine.models.vlm.names import Names
from videoengine.models.vlm.paraphrase import Paraphrases
from videoengine.models.vlm.phrasing import as_written
from videoengine.models.vlm.remarks import remarked
from videoengine.models.vlm.spoken_times import Times
from videoengine.models.vlm.subjects import NULL, stretches
from videoengine.spoken import article, spoken

LONGEST: Final = 1000
"""Characters of a question."""
ANCHOR: Final = r"\b(after|before|until|since|once)\b (?:(end of )|\w+ ){0,3}?s1\b.*"
"""A subject that stands for a time."""
OUTSIDERS: Final = (
    r"\b(?:patients?|surgeons?|hospitals?|doctors?|nurses?|famil(?:y|ies)|insurances?|"
    r"theatre|operating room|anesthesiologists?|endoscopists?)\b"
)
"""What is asked of people and places, and was not understood, lies outside of the picture."""
UNSEEN: Final = "No stage of this case states which anatomy shows, only what instruments work on."
LATER_NS: Final = NS_PER_SECOND // 10
"""What comes "after that" comes at least this much after the time that was named."""
FILLER: Final = frozenset(
    [
        "and",
        "also",
        "then",
        "what",
        "how",
        "about",
        "for",
        "in",
        "of",
        "on",
        "at",
        "with",
        "now",
        "or",
        "but",
        "please",
        "ok",
        "okay",
        "so",
        "same",
    ]
)


@dataclass(frozen=True, slots=True)
class Reply:
    """What is said to a question."""

    question: str
    text: str
    status: Status
    value: Any
    unit: str | None
    supports: tuple[Support, ...]
    call: Call | None
    """The tool that answered, and its inputs."""


@dataclass(slots=True)
class _Before:
    """What a follow-up may lean on."""

    reading: Reading
    call: Call | None = None
    finding: Finding | None = None
    end_ns: int = 0


class Conversation:
    """Answers questions about a case, each with what went before in mind."""

    def __init__(
        self,
        index: CaseIndex,
        bus: Bus | None = None,
        paraphrases: Paraphrases | None = None,
    ) -> None:
        """Take the index of a case, the tools, and what reads what the grammar does not.

        Args:
            index: Of the case.
            bus: None is what is registered.
            paraphrases: None leaves such a question at `not_understood`.
        """
        self.index = index
        self.bus = Bus(index) if bus is None else bus
        self._paraphrases = paraphrases
        self._names = Names(index)
        self._before: _Before | None = None

    def ask(self, question: str) -> Reply:
        """Return the answer; whatever is asked, there is one."""
        said = _cleaned(question)
        outcome, call = self._answer(said)
        if isinstance(outcome, Finding):
            found = remarked(self.index, call, outcome)
            text = as_written(found.text)
            return Reply(said, text, "answered", found.value, found.unit, found.supports, call)
        return Reply(said[:LONGEST], outcome.text, outcome.status, None, None, (), call)

    def _answer(self, said: str) -> tuple[Outcome, Call | None]:
        if len(said) > LONGEST:
            text = f"A question may have {LONGEST} characters; this one has {len(said)}."
            return Unknown("refused", text), None
        parts = sentences(said)
        before = self._before
        for lead in parts[:-1]:
            before = _Before(read(lead, self._names, self.index.end_ns))
        if not parts:
            return self._lost("An empty question says nothing."), None
        reading = read(parts[-1], self._names, self.index.end_ns)
        no_video = unknowable(reading)
        if no_video is not None and not self._measured(reading):
            return no_video, None
        call = self._understood(reading, before)
        if call is None and only_target(reading):
            return Unknown("not_observable", UNSEEN), None
        if call is None and re.search(OUTSIDERS, reading.plain):
            return Unknown("not_observable", "Video from inside the body cannot tell that."), None
        strange = [] if call is None or self._measured(reading) else strange_words(reading)
        asks = ""
        if call is None or strange:
            reading, call, asks = self._paraphrased(parts)
        if call is None:
            what = listed(f'"{word}"' for word in strange)
            return self._lost(f"{what or 'This'} was not understood."), None
        outcome = self.bus.call(call.tool, **call.inputs)
        if asks:
            outcome = replace(outcome, text=f'{outcome.text} (Read as: "{asks}")')
        found = outcome if isinstance(outcome, Finding) else None
        self._before = _Before(reading, call, found, self.index.end_ns)
        return outcome, call

    def _paraphrased(self, parts: Sequence[str]) -> tuple[Reading, Call | None, str]:
        """Return what was said in all, the call that it means, and the question it was taken for.

        What leans on an earlier question is left alone, and so is what no video can tell.
        """
        whole = read(" ".join(parts), self._names, self.index.end_ns)
        leaning = self._before is not None and _leans(whole)
        barred = unknowable(whole) is not None or re.search(OUTSIDERS, whole.plain)
        if self._paraphrases is None or leaning or barred:
            return whole, None, ""
        meant = self._paraphrases.read(self._anchored(whole))
        if meant is None:
            return whole, None, ""
        return meant.reading, decide(Ask(meant.reading, self.index.end_ns)), meant.asks

    def _measured(self, reading: Reading) -> bool:
        """Tell whether a stage measured what the question names."""
        names = {spoken(str(mark.payload["name"])) for mark in self.index.marks("measurement")}
        return any(name in reading.plain for name in names)

    def _understood(self, reading: Reading, before: _Before | None) -> Call | None:
        measured = self._measurement(reading)
        if measured is not None:
            return measured
        reading = self._anchored(reading)
        end_ns = self.index.end_ns
        leaning = before is not None and _leans(reading)
        if not leaning or before is None:
            call = decide(Ask(reading, end_ns))
            if call is not None or before is None:
                return call
        onward = _onward(reading, before)
        if onward is not None:
            return onward
        short = Ask(reading, end_ns)
        if before.call is not None and _only_names(reading):
            call = again(before.call, short)
            if call is not None:
                return call
        return decide(Ask(_filled(reading, before), end_ns)) or decide(short)

    def _anchored(self, reading: Reading) -> Reading:
        """Return a question with the time that a subject in it stands for.

        "… after the clipper comes into view", "which tools during packaging", "what follows it".
        """
        if reading.times or reading.has("or") or not reading.subjects:
            return reading
        one, *others = reading.subjects
        if not others and one.kind in ("phase", "step"):
            return self._around(reading)
        found = re.search(ANCHOR, reading.words)
        asked = reading.has("how long|how many|how often|when|which|what")
        if found is None or len(others) != 1 or not asked:
            return reading
        spans = stretches(self.index, others[0])
        if not spans:
            return reading
        start, end = spans[0].start_ns, spans[0].end_ns
        times = Times(before=start)
        if found[1] in ("after", "once", "since"):
            times = Times(after=end if found[2] else start)
        words = f"{reading.words[: found.start()]} {found[1]}".strip()
        return replace(reading, words=words, subjects=(one,), times=times)

    def _around(self, reading: Reading) -> Reading:
        """Return what is asked of a phase as what is asked of its time, where it has one."""
        spans = stretches(self.index, reading.subjects[0])
        if len(spans) != 1 or not reading.has("what|which|how many"):
            return reading
        start, end = spans[0].start_ns, spans[0].end_ns
        if reading.has("(?:during|in|while|within) s0") and reading.has(f"{INSTRUMENTS}|actions?"):
            words = re.sub(r"(?:during|in|while|within) s0\b", "", reading.words)
            return replace(reading, words=words, subjects=(), times=Times(span=Window(start, end)))
        if reading.has("(?:comes?|happens?|is|phase) (?:next )?after s0|follows s0|succeeds s0"):
            middle = (start + end) // 2
            return replace(reading, words="which phase next", subjects=(), times=Times((middle,)))
        return reading

    def _measurement(self, reading: Reading) -> Call | None:
        for mark in self.index.marks("measurement"):
            name = spoken(str(mark.payload["name"]))
            if name in reading.plain:
                window = reading.times.window(self.index.end_ns)
                return Call("measurement", {"name": name, "window": window})
        return None

    def _lost(self, why: str) -> Unknown:
        return Unknown("not_understood", f"{why} You could ask: {' '.join(examples(self.index))}")


def _cleaned(text: str) -> str:
    """Return a question on one line, without what cannot be shown."""
    shown = ("".join(" " if unicodedata.category(c)[0] == "C" else c for c in text)).split()
    return " ".join(shown)


def _leans(reading: Reading) -> bool:
    """Tell whether a sentence leans on what went before."""
    words = reading.words.split()
    if not words:
        return True
    named = bool(reading.subjects) and bool(reading.times)
    starts = words[0] in ("and", "also", "then", "or", "but", "now")
    starts = starts or reading.words.startswith(("what about", "how about"))
    pronoun = reading.has(r"it|its|they|them|that|there|then|one|afterwards")
    bare = not reading.subjects and not reading.times
    onward = bare and reading.has("following|next|after|before|previous")
    return (starts or pronoun or onward) and not named


def _only_names(reading: Reading) -> bool:
    """Tell whether a sentence has nothing but a subject or a time that is new."""
    left = [w for w in reading.words.split() if w not in FILLER and not w.startswith("zz")]
    left = [w for w in left if not (w[0] == "s" and w[1:].isdigit())]
    return not left and bool(reading.subjects or reading.times)


def _filled(reading: Reading, before: _Before) -> Reading:
    """Return a sentence with the subject, the time and the kind that it leaves out."""
    words, subjects, times = reading.words, reading.subjects, reading.times
    earlier = before.reading
    after = reading.has(r"after (?:that|it|this)|then|next|afterwards|follow\w*")
    if not subjects and not _asks_kind(words):
        subjects = earlier.subjects
        if not subjects and before.call is not None and "subject" in before.call.inputs:
            subjects = (before.call.inputs["subject"],)
        words = f"{words} {' '.join(f's{n}' for n in range(len(subjects)))}"
    if not times:
        at = _answered_at(before)
        if at is None or not (after or reading.has("that|then|there|it|this")):
            times = earlier.times
        else:
            times = Times(after=at) if after else Times((at,))
    if not _asks_kind(words):
        kind = next((k for k in ("phase", "step", "instrument") if earlier.has(f"{k}s?")), None)
        if kind is None and before.call is not None and before.call.inputs.get("kind"):
            kind = str(before.call.inputs["kind"])
        if kind is None and before.call is not None and "phase" in before.call.tool:
            kind = "phase"
        if kind is not None and (after or not subjects):
            words, subjects = f"{words} which {kind}", ()
    return replace(reading, words=words.strip(), subjects=subjects, times=times)


def _asks_kind(words: str) -> bool:
    return any(
        word.rstrip("s") in ("phase", "step", "instrument", "tool") for word in words.split()
    )


def _onward(reading: Reading, before: _Before) -> Call | None:
    """Return what "and after that?" asks for: the same again, from the last answer on."""
    at, call = _answered_at(before), before.call
    if at is None or call is None or reading.subjects or reading.times:
        return None
    if not reading.has("after|then|next|afterwards|again") or _asks_kind(reading.words):
        return None
    if call.tool == "next":
        return Call("next", {**call.inputs, "moment": at})
    if call.tool == "first":
        return Call("first", {**call.inputs, "window": Window(at, max(at, before.end_ns))})
    if call.tool == "shown_at" and call.inputs["kind"] in ("phase", "step", "instrument"):
        moment = call.inputs["moment"]
        return Call("next", {"kind": call.inputs["kind"], "moment": moment})
    return None


def _answered_at(before: _Before) -> int | None:
    """Return the time that the last answer named, or rests on."""
    found = before.finding
    if found is None:
        return None
    tool = before.call.tool if before.call is not None else ""
    if tool in ("first", "last") and isinstance(found.value, float):
        return round(found.value * NS_PER_SECOND) + LATER_NS
    return found.supports[-1].start_ns + LATER_NS


def examples(index: CaseIndex) -> list[str]:
    """Return questions that this case has an answer to."""
    middle = clock(index.end_ns // 2)
    found: list[str] = []
    instruments = index.names("instrument")
    if instruments:
        name = article(spoken(instruments[0]))
        found += [f"When is {name} in view for the first time?"]
        found += [f"How many instruments are in view at {middle}?"]
    if index.states("phase"):
        found += [f"Which phase is under way at {middle}?"]
    actions = [name for name in index.names("triplet") if not any(part in name for part in NULL)]
    if actions:
        found += [f"What is done at {middle}?"]
    if index.states("privacy"):
        found += ["How long is the camera out of the body?"]
    if index.states("quality"):
        found += ["Is there smoke?"]
    return [f'"{one}"' for one in found[:4]]
