"""From the parts of a question to the call of a tool: rules in order, the first that fits."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Final

from videoengine.models.vlm.cues import (
    ACTED,
    AT_ONCE,
    AUXILIARY,
    DENIED,
    FIRST,
    INSTRUMENTS,
    IS_SO,
    LAST,
    LONG,
    MANY,
    MOST,
    NEXT,
    TIME,
    UNTIL,
    WHEN,
)
from videoengine.models.vlm.findings import Window
from videoengine.models.vlm.grammar import Reading
from videoengine.models.vlm.subjects import Subject


@dataclass(frozen=True, slots=True)
class Call:
    """A tool and its inputs."""

    tool: str
    inputs: dict[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class Ask:
    """A sentence with what is known from what went before."""

    reading: Reading
    end_ns: int

    @property
    def window(self) -> Window | None:
        """The stretch that is named, or None."""
        return self.reading.times.window(self.end_ns)

    @property
    def subjects(self) -> tuple[Subject, ...]:
        """What is asked about."""
        return self.reading.subjects

    def has(self, pattern: str) -> bool:
        """Tell whether a pattern occurs among the words."""
        return self.reading.has(pattern)

    @property
    def instruments(self) -> tuple[Subject, ...]:
        """The instruments among the subjects."""
        return tuple(one for one in self.subjects if one.kind == "instrument")


Rule = Callable[[Ask], Call | None]


def decide(ask: Ask) -> Call | None:
    """Return the call that answers a question, or None when it is not understood."""
    if ask.has(DENIED) or ask.has(MOST) or _unread(ask):
        return None
    for rule in RULES:
        call = rule(ask)
        if call is not None:
            return call
    return None


def _unread(ask: Ask) -> bool:
    """Tell whether a question turns on a word that was passed over.

    Of anatomy alone one may ask whether it is worked on: "was the gallbladder perforated" is
    another question. And what "it" is, is not known here: "was it clipped before it was cut".
    """
    if len(ask.subjects) == 1 and ask.subjects[0].anatomy and not ask.has(f"{ACTED}|{MANY}"):
        return True
    return ask.has(r"(?:before|after) it (?:is |was |gets |got )?s1")


def _compare(ask: Ask) -> Call | None:
    moments = ask.reading.times.moments
    span = ask.reading.times.span
    if not ask.has(
        r"chang\w*|differs?|differences?|compar\w*|"
        r"different(?! kinds| types| sorts| instruments| tools| phases)"
    ):
        return None
    if len(moments) >= 2:
        return Call("compare", {"one": moments[0], "other": moments[1]})
    if span is not None:
        return Call("compare", {"one": span.start_ns, "other": span.end_ns})
    return None


def _similar(ask: Ask) -> Call | None:
    at = ask.reading.times.at
    if at is not None and ask.has(r"similar\w*|resembl\w*|alike|looks? like|like this"):
        return Call("similar", {"moment": at})
    return None


def _count(ask: Ask) -> Call | None:
    if not ask.has(MANY) or ask.has(LONG):
        return None
    window, at = ask.window, ask.reading.times.at
    plain = ask.reading.plain
    if re.search(r"\bclips\b", plain) and not ask.instruments:
        return Call("clips", {"window": window})
    if re.search(r"\bpolyps?\b", plain):
        return Call("polyps", {"window": window})
    if len(ask.instruments) == len(ask.subjects) == 1 and ask.reading.times.moments:
        return Call("count_at", {"moment": ask.reading.times.moments[0],
                                 "subject": ask.instruments[0]})  # fmt: skip
    if ask.subjects and not (ask.has(INSTRUMENTS) and ask.has(r"kinds?|types?|different")):
        subject = _joint(ask)
        if subject is not None:
            return Call("times", {"subject": subject, "window": window})
    if ask.has(r"holes?|gaps?|interruptions?"):
        return Call("holes", {"window": window})
    if ask.has(r"phases?|steps?"):
        return Call("kinds", {"kind": "phase" if ask.has("phases?") else "step", "window": window})
    if ask.has(INSTRUMENTS):
        exact = ask.reading.times.moments
        if exact and not ask.has(r"kinds?|types?|sorts?|different|distinct"):
            return Call("count_at", {"moment": exact[0]})
        if window is None and at is not None:
            return Call("count_at", {"moment": at})
        return Call("kinds", {"kind": "instrument", "window": window})
    return None


def _long(ask: Ask) -> Call | None:
    if not ask.has(LONG) and not ask.has(r"lasts|lasted|lasting"):
        return None
    at = ask.reading.times.at
    subject = _joint(ask)
    if ask.has(UNTIL):
        return None if subject is None else Call("first", {"subject": subject})
    if subject is not None:
        return Call("duration", {"subject": subject, "window": ask.window})
    if at is not None and ask.has("phases?|stage|it|that|one"):
        return Call("phase_duration", {"moment": at})
    if ask.has(r"hidden|blanked|black\w*|private|privacy"):
        return Call("hidden", {"window": ask.window})
    if ask.has(r"operation|video|procedure|recording|case|surgery") and not ask.reading.times:
        return Call("extent")
    return None


def _joint(ask: Ask) -> Subject | None:
    """Return the one subject, or two as one where they are meant at once."""
    if not ask.subjects:
        return None
    if len(ask.subjects) == 1:
        return ask.subjects[0]
    one, other = ask.subjects[:2]
    if ask.has("or") or one.anatomy != other.anatomy:
        return None  # either of two, or an action whose verb was not understood
    phrase = f"{one.phrase} together with {other.phrase}"
    return Subject("both", (), phrase, "", f"{phrase} begin", phrase, (one, other))


def _order(ask: Ask) -> Call | None:
    if len(ask.subjects) < 2 or ask.has(AT_ONCE):
        return None
    one, other = ask.subjects[:2]
    if one.anatomy != other.anatomy:
        return None
    choice = ask.has(r"or") and ask.has(
        r"first|sooner|earlier|before|soonest|earliest|start\w*|begin\w*|happens?|comes?|leads?|"
        r"precedes?|ahead|occurs?|appears?|which|what"
    )
    if choice or ask.has(r"order|sequence"):
        inputs = {"one": one, "other": other, "window": ask.window}
        return Call("order", inputs)
    words = ask.reading.words
    before = re.search(r"\bs0\b.*\b(?:before|earlier|sooner|ahead|precede\w*)\b.*\bs1\b", words)
    after = re.search(r"\bs0\b.*\bafter\b.*\bs1\b", words)
    if before or (after and not ask.has("when")):
        return Call("order", {"one": one, "other": other, "window": ask.window})
    return None


def _whose(ask: Ask) -> Call | None:
    at = ask.reading.times.at
    pair = ask.instruments
    if at is None or len(pair) < 2:
        return None
    for relation, pattern in (
        ("higher", r"higher|highest|above|upper|uppermost|topmost|closer to top"),
        ("lower", r"lower|lowest|below|lowermost|further down|deeper down"),
        ("left", r"left|leftmost"),
        ("right", r"right|rightmost"),
    ):
        if ask.has(pattern):
            inputs = {"one": pair[0], "other": pair[1], "relation": relation, "moment": at}
            return Call("whose", inputs)
    return None


def _half(ask: Ask) -> Call | None:
    at = ask.reading.times.at
    if at is None or len(ask.instruments) != 1 or len(ask.subjects) != 1:
        return None
    subject = ask.instruments[0]
    inputs = {"subject": subject, "moment": at}
    if ask.has(r"upper|lower|top|bottom|above|below|vertical\w*|high\w*|up or down"):
        return Call("half", {**inputs, "axis": "height"})
    if ask.has(r"half|left|right|side|horizontal\w*"):
        return Call("half", {**inputs, "axis": "side"})
    if ask.has(r"where|position|place|located|location|corner|quadrant"):
        return Call("where", inputs)
    return None


def _next(ask: Ask) -> Call | None:
    times = ask.reading.times
    at = times.at
    if at is None or not (ask.has(NEXT) or times.after is not None):
        return None
    subject = ask.subjects[0] if ask.subjects else None
    if ask.has(WHEN) and not ask.has("which|what (?!time)") and subject is not None:
        return None
    if ask.has("phases?|stage") and subject is None and not ask.has(INSTRUMENTS):
        return Call("next", {"kind": "phase", "moment": at})
    if ask.has("steps?") and subject is None:
        return Call("next", {"kind": "step", "moment": at})
    acting = subject is not None and subject.kind == "instrument"
    acting = acting or (subject is not None and subject.kind == "triplet")
    if acting and ask.has(ACTED) and ask.has("what|which"):
        return Call("next", {"kind": "target", "moment": at, "subject": subject})
    if subject is None and ask.has(INSTRUMENTS) and ask.has("which|what|name|tell|give|kind"):
        return Call("next", {"kind": "instrument", "moment": at})
    return None


def _when(ask: Ask) -> Call | None:
    if not ask.subjects or only_target(ask.reading):
        return None
    first, last = ask.has(FIRST), ask.has(LAST)
    named = (first or last) and ask.has(TIME) and not ask.has(f"{MANY}|{LONG}")
    if not ask.has(WHEN) and (not named or re.match(AUXILIARY, ask.reading.words)):
        return None
    subject = _joint(ask)
    if subject is None:
        return None
    inputs: dict[str, Any] = {"subject": subject, "window": ask.window}
    times = ask.reading.times
    if times.before is not None and times.after is None and not first:
        last = True
    if last and (not first or _decides_last(ask)):
        return Call("last", inputs)
    return Call("first", inputs)


def _decides_last(ask: Ask) -> bool:
    """Tell which of "first" and "last" the question turns on, where both are named."""
    words = ask.reading.words
    if re.search(r"\b(?:end|ends|ended|stop|stops|stopped|finish\w*|is over)\b", words):
        return True
    lasts = [words.rfind(w) for w in ("last", "final", "latest", "most recent")]
    firsts = [words.rfind(w) for w in ("first", "newly", "next", "earliest")]
    return max(lasts) > max(firsts)


def _what_at(ask: Ask) -> Call | None:
    times = ask.reading.times
    if not times.moments:
        return None
    at = times.moments[0]
    if ask.has(r"only|alone|single|sole|solitary|by itself|on its own|just one|lone") and ask.has(
        INSTRUMENTS
    ):
        return Call("only", {"moment": at})
    if ask.has("phases?|stage") and not ask.subjects:
        return Call("shown_at", {"kind": "phase", "moment": at})
    if ask.has("steps?") and not ask.subjects:
        return Call("shown_at", {"kind": "step", "moment": at})
    if ask.has(r"quality|picture good|image good|clear|sharp|faults?"):
        return Call("quality", {"moment": at})
    if ask.has("box|boxes"):
        return Call("boxes", {"moment": at})
    if (
        ask.has(r"doing|does|happen\w*|action\w*|going on|done|performed")
        and not ask.has(INSTRUMENTS)
        and not any(s.kind not in ("instrument", "triplet") for s in ask.subjects)
    ):
        return _action(ask, at)
    if ask.has(INSTRUMENTS) and not ask.subjects:
        return Call("shown_at", {"kind": "instrument", "moment": at})
    return None


def _action(ask: Ask, at: int) -> Call | None:
    if ask.has("what|which") or not ask.subjects:
        subject = ask.subjects[0] if len(ask.subjects) == 1 else None
        return Call("shown_at", {"kind": "triplet", "moment": at, "subject": subject})
    return None


def _listed(ask: Ask) -> Call | None:
    if ask.subjects or not ask.has(
        r"which|what|list|name|show|tell|give|all|enumerate|were|are|is|was there|any|there|"
        r"summar\w*|describe|overview"
    ):
        return None
    for kind, pattern in (
        ("phase", r"phases?"),
        ("step", r"steps?"),
        ("instrument", INSTRUMENTS),
        ("triplet", r"actions?|triplets?"),
        ("procedure", r"procedure is|procedure was|kind of (?:procedure|operation|surgery)"),
    ):
        if ask.has(pattern):
            return _there(ask, kind)
    if not ask.has(MANY) and ask.has(r"hidden|blanked|private|privacy|censored"):
        return Call("hidden", {"window": ask.window})
    if ask.has(r"holes?|gaps?|interruptions?|missing video|signal lost"):
        return Call("holes", {"window": ask.window})
    if ask.has(r"happen\w*|summar\w*|describe|overview|goes on|going on|what is this|course"):
        return _there(ask, "phase")
    return None


def _there(ask: Ask, kind: str) -> Call:
    """Return what asks for all there is of a kind in a stretch, or at a moment."""
    moments = ask.reading.times.moments
    if moments and ask.window is None and kind != "procedure":
        return Call("shown_at", {"kind": kind, "moment": moments[0]})
    return Call("named", {"kind": kind, "window": ask.window})


def only_target(reading: Reading) -> bool:
    """Tell whether anatomy is asked for as such: stages state what is worked on, not what shows."""
    if len(reading.subjects) != 1 or not reading.subjects[0].anatomy:
        return False
    return reading.has(r"visible|view|seen|see|show\w*|appear\w*|exposed")


def _presence(ask: Ask) -> Call | None:
    if not ask.subjects or ask.has(r"which|what|who|how|why|where") or only_target(ask.reading):
        return None
    if not ask.has(IS_SO) and ask.reading.words != "s0":
        return None
    subject = _joint(ask)
    return None if subject is None else _present(subject, ask)


def _present(subject: Subject, ask: Ask) -> Call:
    window, moments = ask.window, ask.reading.times.moments
    if window is None and moments:
        return Call("presence", {"subject": subject, "moment": moments[0]})
    return Call("presence", {"subject": subject, "window": window})


RULES: Final[tuple[Rule, ...]] = (
    _compare, _similar, _long, _count, _whose, _half, _order, _next, _when, _what_at, _presence,
    _listed,
)  # fmt: skip


def again(call: Call, ask: Ask) -> Call | None:
    """Return a call of before with the subject or the time that is newly named."""
    inputs = dict(call.inputs)
    if ask.subjects:
        if "subject" not in inputs:
            return None
        inputs["subject"] = _joint(ask) or inputs["subject"]
    if ask.reading.times:
        if call.tool == "presence":
            return _present(inputs["subject"], ask)
        if "moment" in inputs and ask.reading.times.at is not None:
            inputs["moment"] = ask.reading.times.at
        elif "window" in inputs:
            inputs["window"] = _presence_window(ask)
        else:
            return None
    return replace(call, inputs=inputs) if ask.subjects or ask.reading.times else None


def _presence_window(ask: Ask) -> Window | None:
    if ask.window is None and ask.reading.times.moments:
        at = ask.reading.times.moments[0]
        return Window(max(0, at - 500_000_000), at + 500_000_000)
    return ask.window
