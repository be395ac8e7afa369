"""Findings in words: everything said comes from a template, terms of vocabularies included."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from videoengine.media_time import NS_PER_SECOND
from videoengine.models.vlm.note.findings import (
    Action,
    Confidence,
    Finding,
    Length,
    Moment,
    Quoted,
    Term,
    Terms,
    Times,
    Value,
)
from videoengine.models.vlm.note.source import Stretch
from videoengine.models.vlm.note.template import Template
from videoengine.vocabularies import vocabularies

MOST_TIMES: Final = 6
"""Stretches written out; of more only their number is said."""
HIGH: Final = 0.9
MODERATE: Final = 0.7
REPLACED: Final = "\N{REPLACEMENT CHARACTER}"
_PLACEHOLDER: Final = re.compile(r"\{([a-z_]+)\}")


class Phrases:
    """Says findings in the language of a template."""

    def __init__(self, template: Template) -> None:
        """Take the words."""
        self.template = template
        self._published = {
            label.name for vocabulary in vocabularies().values() for label in vocabulary.labels
        }

    def say(self, finding: Finding) -> str:
        """Return a finding as a sentence."""
        pattern = self.template.sentences[finding.sentence]
        form = pattern.one if finding.values.get("count") == 1 else pattern.other
        texts = {name: self.value(value) for name, value in finding.values.items()}
        text = filled(form, texts)
        return text[:1].upper() + text[1:]

    def value(self, value: Value) -> str:
        """Return a value in words."""
        match value:
            case Term(kind, name):
                return self.term(kind, name)
            case Action(name):
                return self.action(name)
            case Terms(kind, names):
                return self.listed([self.term(kind, name) for name in names])
            case Length(ns):
                return self.length(ns)
            case Moment(ns):
                return self.clock(ns)
            case Times(stretches):
                return self.times(stretches)
            case Confidence(mean):
                return self.confidence(mean)
            case Quoted(text):
                return self.quoted(text)
            case int():
                return str(value)
            case float():
                return f"{value:.3g}".replace(".", self.template.times["decimal_mark"])

    def term(self, kind: str, name: str) -> str:
        """Return a term in the language, or by its own name; quoted if nobody published it."""
        known = self.template.terms[kind]
        if name in known:
            return known[name]
        own = kind in ("stage", "cause") and re.fullmatch(r"[a-z][a-z0-9_.]{0,40}", name)
        return plain(name) if own or name in self._published else self.quoted(name)

    def action(self, name: str) -> str:
        """Return what an instrument does to what."""
        kinds = ("instrument", "verb", "target")
        terms = {k: self.term(k, part) for k, part in zip(kinds, name.split(", "), strict=False)}
        return filled(self.template.sentences["action_name"].other, terms)

    def quoted(self, text: str) -> str:
        """Return words of somebody else between the quotation marks of the language."""
        words = self.template.words
        return f"{words['quote_open']}{plain(text)}{words['quote_close']}"

    def listed(self, items: Sequence[str]) -> str:
        """Return items as a list: a, b and c."""
        if len(items) < 2:
            return "".join(items)
        return f"{', '.join(items[:-1])} {self.template.words['and']} {items[-1]}"

    def clock(self, ns: int) -> str:
        """Return a moment of case time, to the second before it."""
        hours, rest = divmod(max(0, ns) // NS_PER_SECOND, 3600)
        minutes, seconds = divmod(rest, 60)
        parts = {"hours": str(hours), "minutes": f"{minutes:02d}", "seconds": f"{seconds:02d}"}
        return filled(self.template.times["clock"], parts)

    def length(self, ns: int) -> str:
        """Return how long, to the second, below ten seconds to a tenth."""
        times = self.template.times
        if ns < 10 * NS_PER_SECOND - NS_PER_SECOND // 20:
            tenths = round(ns / NS_PER_SECOND, 1)
            seconds = f"{tenths:g}".replace(".", times["decimal_mark"])
            return filled(times["seconds"], {"seconds": seconds})
        minutes, seconds_left = divmod(round(ns / NS_PER_SECOND), 60)
        hours, minutes_left = divmod(minutes, 60)
        if hours:
            return filled(times["hours"], {"hours": str(hours), "minutes": str(minutes_left)})
        if minutes:
            parts = {"minutes": str(minutes), "seconds": str(seconds_left)}
            return filled(times["minutes"], parts)
        return filled(times["seconds"], {"seconds": str(seconds_left)})

    def span(self, stretch: Stretch) -> str:
        """Return from when to when."""
        parts = {"start": self.clock(stretch[0]), "end": self.clock(stretch[1])}
        return filled(self.template.times["span"], parts)

    def times(self, stretches: Sequence[Stretch]) -> str:
        """Return stretches, the first of many."""
        shown = [self.span(stretch) for stretch in stretches[:MOST_TIMES]]
        more = len(stretches) - len(shown)
        if more:
            shown.append(filled(self.template.words["more"], {"count": str(more)}))
        return ", ".join(shown)

    def confidence(self, mean: float | None) -> str:
        """Return how sure a model says it was, in words and as the figure it stated."""
        words = self.template.words
        if mean is None:
            return words["confidence_none"]
        grade = "high" if mean >= HIGH else "moderate" if mean >= MODERATE else "low"
        figure = f"{mean:.2f}".replace(".", self.template.times["decimal_mark"])
        parts = {"grade": words[f"confidence_{grade}"], "value": figure}
        return filled(self.template.times["confidence"], parts)


def filled(pattern: str, texts: Mapping[str, str]) -> str:
    """Return a pattern with its placeholders filled; what is filled in is not looked at again."""
    return _PLACEHOLDER.sub(lambda found: texts.get(found[1], found[0]), pattern)


def plain(text: str) -> str:
    """Return text on one line without characters that do not print."""
    words = " ".join(text.split())
    return "".join(
        letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in words
    )
