"""Names of vocabularies as people speak them, in English."""

from __future__ import annotations

import functools
import re
from typing import Final

VOWELS: Final = "aeiou"
SHORT_VERB: Final = 4
"""Letters of a verb whose last one doubles: "clip", "clipping"."""


@functools.cache
def spoken(name: str) -> str:
    """Return a name as it is spoken: `GallbladderPackaging` as "gallbladder packaging"."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).replace("_", " ").lower()


@functools.cache
def article(name: str) -> str:
    """Return a name with "a" or "an"; scissors come in pairs, and forceps as one."""
    if name.endswith("scissors"):
        return f"a pair of {name}"
    return f"{'an' if name[:1] in tuple(VOWELS) else 'a'} {name}"


@functools.cache
def gerund(verb: str) -> str:
    """Return "clipping" for "clip", "coagulating" for "coagulate"; further words stay."""
    first, *rest = verb.split(" ")
    if first.endswith("e"):
        return " ".join([f"{first[:-1]}ing", *rest])
    ends = first[-1] not in f"{VOWELS}wxy" and first[-2:-1] in tuple(VOWELS)
    doubles = len(first) <= SHORT_VERB and ends
    return " ".join([f"{first}{first[-1]}ing" if doubles else f"{first}ing", *rest])
