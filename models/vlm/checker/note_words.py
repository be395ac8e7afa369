"""Sentences in the words of the note itself, in any language that a template ships for."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from videoengine.case import Case
from videoengine.models.vlm.checker.sentences import lines
from videoengine.models.vlm.checker.verdicts import Ruling, unsupported
from videoengine.models.vlm.findings import Support
from videoengine.models.vlm.index import CaseIndex
from videoengine.models.vlm.note.compose import compose
from videoengine.models.vlm.note.document import Rest, Statement
from videoengine.models.vlm.note.markdown import to_markdown, unescaped
from videoengine.models.vlm.note.source import NoteLog, read_note_log
from videoengine.models.vlm.note.template import Template, load_template, template_names

_PLACE: Final = re.compile(r"\\\{([a-z_]+)\\\}")
_ITEM: Final = re.compile(r"\**(?P<label>[^*]{1,220}?):\*\* (?P<text>.*?)(?: \\?\[[\d, ]+\\?\])?")
_TERMS: Final = frozenset(["phase", "step", "instrument", "verb", "target", "procedure", "stage"])


@dataclass(frozen=True, slots=True)
class _Known:
    """Statements of one language."""

    template: Template
    exact: dict[str, Statement]
    quiet: frozenset[str]
    """Titles, headings and fixed phrases: they claim nothing."""


class NoteWords:
    """Knows what the note of a case says, and what its sentences look like."""

    def __init__(self, case: Case, index: CaseIndex) -> None:
        """Take the case; its log is read when a sentence is first asked about."""
        self._case = case
        self._index = index

    @cached_property
    def _known(self) -> list[_Known]:
        log = read_note_log(self._case)
        return [_of(log, load_template(name)) for name in template_names()]

    def claims_nothing(self, text: str) -> bool:
        """Tell whether a line or sentence is one that the file of a note holds in any case."""
        folded = _folded(text)
        return any(folded in known.quiet for known in self._known)

    def bare(self, text: str) -> str:
        """Return an item of a note's file as its statement: without marks and footnotes."""
        found = _ITEM.fullmatch(text)
        if found is None:
            return text
        label, said = unescaped(found["label"]), unescaped(found["text"])
        observed = {_folded(known.template.words["observed"]) for known in self._known}
        return said if _folded(label) in observed else f"{label}: {said}"

    def stated(self, text: str) -> Ruling | None:
        """Return that the note says just this, or None."""
        folded = _folded(text)
        for known in self._known:
            if folded in known.exact:
                return self._supported(known.exact[folded])
        return None

    def otherwise(self, text: str) -> Ruling | None:
        """Return what the note says instead of a sentence in its form; None: in no such form."""
        folded = _folded(text)
        for known in self._known:
            for pattern in _sentence_patterns(known.template):
                found = pattern.fullmatch(folded)
                if found:
                    return self._differing(known, pattern, found)
        return None

    def _supported(self, statement: Statement) -> Ruling:
        if statement.status == "reported":
            says = f"{statement.by} reported: {statement.text}"
            return Ruling("supported", says, by=(statement.by or "",), reports=_keys(statement))
        rests = tuple(map(self._support, statement.rests))
        return Ruling("supported", statement.text, rests)

    def _differing(self, known: _Known, pattern: re.Pattern[str], found: re.Match[str]) -> Ruling:
        """Return what the note says of the same terms instead."""
        terms = _terms(found)
        for text, statement in known.exact.items():
            other = pattern.fullmatch(text)
            if other is not None and _terms(other) == terms and statement.status == "observed":
                rests = tuple(map(self._support, statement.rests))
                return Ruling("contradicted", f"the log says: {statement.text}", rests)
        return unsupported("The note of this case says nothing of the kind.")

    def _support(self, rest: Rest) -> Support:
        return Support(rest.start_ns, rest.end_ns, min(self._index.epochs, default=0), rest.events)


def _keys(statement: Statement) -> tuple[str, ...]:
    return (statement.event,) if statement.event else ()


def _of(log: NoteLog, template: Template) -> _Known:
    note = compose(log, template)
    fields = [field for section in note.sections for field in section.fields]
    exact = {
        _folded(
            s.text if s.status == "observed" else f"{note.words['reported_by']} {s.by}: {s.text}"
        ): s
        for field in fields
        for s in field.statements
    }
    written = [line for line in to_markdown(note).splitlines() if " <!-- s " not in line]
    titles: Iterable[str] = (
        *note.words.values(), *written, *(piece.text for line in written for piece in lines(line)),
        *(f"{part}." for part in note.disclaimer.split(".")),
    )  # fmt: skip
    return _Known(template, exact, frozenset(map(_folded, titles)))


def _folded(text: str) -> str:
    return " ".join(text.casefold().split()).rstrip(".")


def _sentence_patterns(template: Template) -> list[re.Pattern[str]]:
    """Return patterns of the sentences of a language, those with more fixed words first."""
    forms = {
        form
        for name, sentence in template.sentences.items()
        if name != "model"
        for form in (sentence.one, sentence.other)
        if form.endswith(".")
    }
    ordered = sorted(forms, key=lambda form: -len(re.sub(r"\{[a-z_]+\}", "", form)))
    return [_pattern(form) for form in ordered]


def _pattern(form: str) -> re.Pattern[str]:
    seen: set[str] = set()

    def place(found: re.Match[str]) -> str:
        name = found[1]
        if name in seen:
            return rf"(?P={name})"
        seen.add(name)
        return rf"(?P<{name}>.+?)"

    return re.compile(_PLACE.sub(place, re.escape(_folded(form))))


def _terms(found: re.Match[str]) -> dict[str, str]:
    return {name: text for name, text in found.groupdict().items() if name in _TERMS}
