"""The words by which a question says what it wants, and those that no video can answer."""

from __future__ import annotations

import functools
import re
import tomllib
from pathlib import Path
from typing import Final

from videoengine.models.vlm.findings import Unknown
from videoengine.models.vlm.grammar import Reading

UNKNOWABLE: Final = Path(__file__).with_name("unknowable.toml")
WORDS: Final = Path(__file__).with_name("question_words.txt")
INSTRUMENTS: Final = r"instruments?|tools?|devices?|implements?"
AT_ONCE: Final = (
    r"both|together|same time|same moment|coincid\w*|simultaneous\w*|overlap\w*|at once|meet|"
    r"concurrent\w*|jointly|side by side|in parallel|alongside"
)
WHEN: Final = (
    r"when|what time|which time|what moment|what point|how early|how late|time stamp|timestamp"
)
TIME: Final = (
    r"times?|moment|point|appearance|sighting|occurrence|stretch|far into|long into|instant"
)
DENIED: Final = (
    r"(?<!or )not|no(?! longer)|never|without|absent|absence|none|neither|nor|nobody|cannot|"
    r"out of view|out of sight|how long (?:after|before)|\w+n t"
)
"""What is not so is not asked for here: an answer to the opposite would be a wrong one."""
MOST: Final = (
    r"longest|shortest|most(?! recent)|least|fewest|busiest|average|mean|median|percent\w*|"
    r"(?:more|less|fewer) than|phase (?:changes?|transitions?|switch\w*)"
)
UNTIL: Final = r"how long (?:is it |does it take )?(?:until|till)|how soon"
AUXILIARY: Final = r"(?:zz\w+ )?(?:is|are|was|were|does|do|did|can|could|has|have|will|would)\b"
MANY: Final = r"how many|number of|how often|count|how frequently|tally|many"
LONG: Final = (
    r"how long|how many (?:whole )?seconds|how many minutes|how much (?:of )?(?:time|screen time)|"
    r"duration|total time|amount of time|number of seconds|seconds in (?:all|total)|length of time|"
    r"time (?:is )?spent|add up|sum of|seconds during|total (?:number of )?seconds|length of"
)
FIRST: Final = (
    r"first|newly|next|earliest|begins?|began|starts?|started|initial\w*|onset|appears?|appear"
)
LAST: Final = (
    r"last|final\w*|latest|ends?|ended|stops?|stopped|until|finish\w*|is over|disappears?|"
    r"most recent\w*|previous\w*|leaves? view|leave|gone|no longer"
)
IS_SO: Final = (
    r"is|are|was|were|does|do|did|has|have|had|can|could|any|ever|show\w*|see|seen|visible|view|"
    r"there|appear\w*|occur\w*|happen\w*|present|presence|find|spot|used|under way|underway|"
    r"during|will|check|confirm|true|if|whether|sign"
)
NEXT: Final = (
    r"next|follows?|following|followed|comes after|come after|succeeds?|succeeding|subsequent|"
    r"after it|after that|turns? to|then|afterwards|upcoming|is over|moves? on|is done|is finished"
)
ACTED: Final = (
    r"work\w*|structure|target|organ|tissue|anatom\w*|act\w*|handle\w*|turns? to|treat\w*|"
    r"touch\w*|manipulat\w*"
)


def unknowable(reading: Reading) -> Unknown | None:
    """Return that no video can tell what is asked for, if it asks for such a thing."""
    topics, length = _patterns()
    for says, pattern in topics:
        if pattern.search(reading.plain):
            return Unknown("not_observable", f"Video cannot tell {says}.")
    if length[1].search(reading.plain):
        return Unknown("not_observable", length[0])
    return None


def strange_words(reading: Reading) -> list[str]:
    """Return the words of a question that nothing here knows: it may turn on them."""
    words = (w for w in reading.words.split() if not re.fullmatch(r"s?\d+|zz\w+", w))
    return [word for word in words if word not in _known_words()]


@functools.cache
def _known_words() -> frozenset[str]:
    lines = WORDS.read_text("utf-8").splitlines()
    return frozenset(word for line in lines if not line.startswith("#") for word in line.split())


@functools.cache
def _patterns() -> tuple[list[tuple[str, re.Pattern[str]]], tuple[str, re.Pattern[str]]]:
    row = tomllib.loads(UNKNOWABLE.read_text("utf-8"))
    topics = [(topic["says"], _any(topic["patterns"])) for topic in row["topic"]]
    return topics, (row["length"]["says"], _any(row["length"]["patterns"]))


def _any(patterns: list[str]) -> re.Pattern[str]:
    return re.compile(rf"\b(?:{'|'.join(patterns)})\b")
