"""Questions of the simulator said in other words: a file of sentences with slots.

A question of the simulator is taken apart by the wording it was made in, and put together again in
the words of a paraphrase of the same kind; its answer stays.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from videoengine.apps.evaluate_ask import NOT_OBSERVABLE, Posed
from videoengine.recon3d.simulator.question_wording import WORDINGS

FILE: Final = Path(__file__).parent.parent / "data" / "paraphrases.tsv"
SPOKEN: Final = FILE.with_name("paraphrases_spoken.tsv")
"""Hurried, clipped, British and non-native English; nothing is tuned on any of these."""
UNANSWERABLE: Final = FILE.with_name("unanswerable.tsv")
"""What must not be answered, by why; nothing is tuned on every other one."""
EACH: Final = 2
"""Questions of one case that are put into the words of each paraphrase."""
UNKNOWABLE: Final = "unknowable"
_STATE: Final = r"in view|under way|out of the body|[a-z]+ing the .+?"
_SLOTS: Final = {"a": r"[\d:]+", "b": r"[\d:]+", "state": _STATE}


@dataclass(frozen=True, slots=True)
class Paraphrase:
    """A sentence with slots, and the kind of wording that it stands for."""

    kind: str
    text: str
    held_out: bool
    """Every other one: nothing was tuned on these."""


def paraphrases(file: Path = FILE) -> list[Paraphrase]:
    """Return the paraphrases of a file."""
    rows = [line.split("\t") for line in file.read_text("utf-8").splitlines()]
    return [Paraphrase(kind, text, bool(n % 2)) for n, (kind, text) in enumerate(rows)]


@functools.cache
def slots_of(question: str) -> tuple[str, dict[str, str]] | None:
    """Return the kind of wording a question was made in, and what fills its slots."""
    for kind, wordings in WORDINGS.items():
        for wording in wordings:
            match = _pattern(wording).fullmatch(question)
            if match is not None:
                return kind, match.groupdict()
    return None


@functools.cache
def _pattern(wording: str) -> re.Pattern[str]:
    parts = re.split(r"\{(\w+)\}", wording)
    out = [re.escape(parts[0])]
    for name, rest in zip(parts[1::2], parts[2::2], strict=True):
        out.append(f"(?P<{name}>{_SLOTS.get(name, '.+?')})")
        out.append(re.escape(rest))
    return re.compile("".join(out))


def said_otherwise(one: Paraphrase, posed: Sequence[Posed]) -> list[Posed]:
    """Return questions in the words of a paraphrase, at most `EACH`, spread over those given."""
    if one.kind == UNKNOWABLE:
        text = one.text.format(a="01:00")
        return [Posed("not_observable", text, NOT_OBSERVABLE, None, None)]
    fitting = [
        (question, found[1])
        for question in posed
        if not question.beyond
        and (found := slots_of(question.question)) is not None
        and found[0] == one.kind
    ]
    step = max(1, len(fitting) // EACH)
    return [
        replace(question, question=one.text.format(**slots, **_in_words(slots)))
        for question, slots in fitting[::step][:EACH]
    ]


def _in_words(slots: dict[str, str]) -> dict[str, str]:
    """Return times as people say them."""
    words: dict[str, str] = {}
    for name in ("a", "b"):
        if name in slots:
            minutes, seconds = (int(part) for part in slots[name].split(":")[-2:])
            words[f"{name}_words"] = f"{minutes} minutes and {seconds} seconds"
    return words
