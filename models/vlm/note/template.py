"""Templates: a TOML file holds every word of a note, so that a language is data.

A template is read whole and checked before anything is written; what it may hold is listed in
`models/vlm/note/vocabulary.py`.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from videoengine.canonical import as_items, as_object
from videoengine.errors import UsageError, nearest
from videoengine.models.vlm.note.vocabulary import (
    FINDINGS,
    SENTENCES,
    TERMS,
    TIMES,
    WORDS,
)

FOLDER: Final = Path(__file__).parent / "templates"
LARGEST_BYTES: Final = 256 << 10
LONGEST: Final = 2000
"""Characters of one word or sentence."""
MOST_FIELDS: Final = 100
_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,39}")
_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")
_LANGUAGE: Final = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*")
_LOINC: Final = re.compile(r"\d{1,7}-\d")
_PLACEHOLDER: Final = re.compile(r"\{([^{}]*)\}")
PLURAL: Final = ("one", "other")
"""Forms of a sentence that counts: English, German and Spanish have these two."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """A sentence with placeholders, in the form for one and the form for any other number."""

    one: str
    other: str


@dataclass(frozen=True, slots=True)
class FieldPlan:
    """One field: its name, its title, who asks for it, and which finding it may show."""

    name: str
    title: str
    required: bool
    sources: tuple[str, ...]
    observed: str | None
    """Of `FINDINGS`; None: video cannot know it."""


@dataclass(frozen=True, slots=True)
class SectionPlan:
    """A heading with its fields."""

    name: str
    title: str
    loinc: str | None
    fields: tuple[FieldPlan, ...]


@dataclass(frozen=True, slots=True)
class Template:
    """Everything that a note says which is not in the log."""

    name: str
    language: str
    title: str
    disclaimer: str
    words: dict[str, str]
    times: dict[str, str]
    sentences: dict[str, Pattern]
    terms: dict[str, dict[str, str]]
    """By kind of term, then by the vocabulary's own name."""
    sections: tuple[SectionPlan, ...]

    @property
    def id(self) -> str:
        """Name and language: what a signature was given under."""
        return f"{self.name}/{self.language}"

    @property
    def fields(self) -> tuple[FieldPlan, ...]:
        """Every field, in order."""
        return tuple(field for section in self.sections for field in section.fields)


def template_names() -> list[str]:
    """Return the names of the templates that ship with videoengine."""
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


def load_template(name: str | Path) -> Template:
    """Return a template by name, or from a `.toml` file.

    Raises:
        UsageError: There is none, or it is not one; the message names the place in it.
    """
    text = str(name)
    if text in template_names():
        return parse_template(_read(FOLDER / f"{text}.toml"), text)
    path = Path(name)
    if path.suffix != ".toml" and not path.is_file():
        raise UsageError(
            "There is no such template",
            got=repr(text),
            allowed=f"{', '.join(template_names())}, or a .toml file",
            remedy=nearest(text, template_names()),
        )
    return parse_template(_read(path), path.name)


def _read(path: Path) -> bytes:
    try:
        if not path.is_file():
            raise UsageError("The template is not there", got=path, allowed="a .toml file")
        if path.stat().st_size > LARGEST_BYTES:
            raise UsageError(
                "The template is too large",
                got=f"{path.stat().st_size} bytes",
                allowed=f"{LARGEST_BYTES} bytes",
            )
        return path.read_bytes()
    except OSError as error:
        raise UsageError("The template cannot be read", got=error.strerror) from error


def parse_template(data: bytes, source: str) -> Template:
    """Return the template that TOML holds.

    Args:
        data: The file's bytes.
        source: What errors call it.
    """
    try:
        table = tomllib.loads(data.decode("utf-8"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise UsageError(f"The template {source} is not TOML", got=error) from error
    return _Reader(source).template(table)


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads tables, and says where one is not as it must be."""

    source: str

    def template(self, table: Mapping[str, Any]) -> Template:
        """Return the whole."""
        parts = ("name", "language", "title", "disclaimer", "words", "time", "sentences",
                 "terms", "sections")  # fmt: skip
        self.known("the template", table, parts, required=parts)
        sections = tuple(
            self.section(f"sections[{number}]", row)
            for number, row in enumerate(self.rows("sections", table["sections"]))
        )
        self.once("section", [section.name for section in sections])
        fields = [field.name for section in sections for field in section.fields]
        self.once("field", fields)
        if not fields or len(fields) > MOST_FIELDS:
            raise self.wrong("number of fields", len(fields), f"1 to {MOST_FIELDS}")
        return Template(
            name=self.matching("name", table["name"], _ID, "letters, digits, '.', '_', '@', '-'"),
            language=self.matching("language", table["language"], _LANGUAGE, "en, de, es, pt-BR"),
            title=self.text("title", table["title"]),
            disclaimer=self.text("disclaimer", table["disclaimer"]),
            words=self.words("words", table["words"], WORDS),
            times=self.times(table["time"]),
            sentences=self.sentences(table["sentences"]),
            terms=self.terms(table["terms"]),
            sections=sections,
        )

    def wrong(self, place: str, got: object, allowed: str, remedy: str = "") -> UsageError:
        """Return the error about a place."""
        return UsageError(f"Template {self.source}: {place}", got=got, allowed=allowed,
                          remedy=remedy)  # fmt: skip

    def known(
        self, place: str, table: Mapping[str, Any], names: Iterable[str],
        *, required: Iterable[str] = (),
    ) -> None:  # fmt: skip
        """Refuse names that mean nothing, and miss those that must be there."""
        allowed = list(names)
        for name in table:
            if name not in allowed:
                raise self.wrong(
                    f"{place} has something unknown", repr(name), ", ".join(allowed),
                    nearest(name, allowed),
                )  # fmt: skip
        for name in required:
            if name not in table:
                raise self.wrong(f"{place} lacks {name!r}", "nothing", ", ".join(allowed))

    def table(self, place: str, value: Any) -> dict[str, Any]:
        """Return a table."""
        row = as_object(value)
        if row is None:
            raise self.wrong(place, type(value).__name__, "a table")
        return row

    def rows(self, place: str, value: Any) -> list[dict[str, Any]]:
        """Return an array of tables."""
        items = as_items(value)
        if items is None:
            raise self.wrong(place, type(value).__name__, f"tables written [[{place}]]")
        return [self.table(f"{place}[{number}]", item) for number, item in enumerate(items)]

    def text(self, place: str, value: Any, *, blank: bool = False) -> str:
        """Return words of a reasonable length on one line."""
        if not isinstance(value, str):
            raise self.wrong(place, type(value).__name__, "text")
        if not value.isprintable() or len(value) > LONGEST or not (blank or value.strip()):
            raise self.wrong(place, repr(value[:40]), f"1 to {LONGEST} characters on one line")
        return value

    def matching(self, place: str, value: Any, form: re.Pattern[str], allowed: str) -> str:
        """Return text of a form."""
        text = self.text(place, value)
        if not form.fullmatch(text):
            raise self.wrong(place, repr(text), allowed)
        return text

    def once(self, what: str, names: list[str]) -> None:
        """Refuse a name that stands twice."""
        for name in names:
            if names.count(name) > 1:
                raise self.wrong(f"two of one {what}", repr(name), "each name once")

    def words(self, place: str, value: Any, names: Iterable[str]) -> dict[str, str]:
        """Return a table that holds exactly these words."""
        table = self.table(place, value)
        self.known(place, table, names, required=names)
        return {name: self.text(f"{place}.{name}", table[name]) for name in names}

    def times(self, value: Any) -> dict[str, str]:
        """Return the formats of times and numbers."""
        formats = self.words("time", value, TIMES)
        for name, placeholders in TIMES.items():
            self.pattern(f"time.{name}", formats[name], placeholders)
        return formats

    def pattern(self, place: str, value: Any, placeholders: Iterable[str]) -> str:
        """Return a sentence that names no placeholder but these."""
        text = self.text(place, value)
        allowed = sorted(placeholders)
        for name in _PLACEHOLDER.findall(text):
            if name not in allowed:
                raise self.wrong(
                    f"{place} has an unknown placeholder", f"{{{name}}}",
                    ", ".join(f"{{{one}}}" for one in allowed) or "none", nearest(name, allowed),
                )  # fmt: skip
        if any(brace in _PLACEHOLDER.sub("", text) for brace in "{}"):
            raise self.wrong(f"{place} has a brace alone", repr(text), "{name}")
        return text

    def sentences(self, value: Any) -> dict[str, Pattern]:
        """Return the sentence for every finding."""
        table = self.table("sentences", value)
        self.known("sentences", table, SENTENCES, required=SENTENCES)
        return {
            name: self.sentence(f"sentences.{name}", table[name], placeholders)
            for name, placeholders in SENTENCES.items()
        }

    def sentence(self, place: str, value: Any, placeholders: frozenset[str]) -> Pattern:
        """Return a sentence, given once or by number."""
        if isinstance(value, str):
            text = self.pattern(place, value, placeholders)
            return Pattern(text, text)
        table = self.table(place, value)
        if "count" not in placeholders:
            raise self.wrong(place, "forms by number", "one text, for nothing is counted in it")
        self.known(place, table, PLURAL, required=PLURAL)
        one, other = (self.pattern(f"{place}.{form}", table[form], placeholders) for form in PLURAL)
        return Pattern(one, other)

    def terms(self, value: Any) -> dict[str, dict[str, str]]:
        """Return the words for the terms of vocabularies."""
        table = self.table("terms", value)
        self.known("terms", table, TERMS)
        return {
            kind: {
                name: self.text(f"terms.{kind}.{name}", text)
                for name, text in self.table(f"terms.{kind}", table.get(kind, {})).items()
            }
            for kind in TERMS
        }

    def section(self, place: str, row: dict[str, Any]) -> SectionPlan:
        """Return a section."""
        self.known(place, row, ("name", "title", "loinc", "fields"),
                   required=("name", "title", "fields"))  # fmt: skip
        loinc = row.get("loinc")
        return SectionPlan(
            name=self.matching(f"{place}.name", row["name"], _NAME, "a_lower_case_name"),
            title=self.text(f"{place}.title", row["title"]),
            loinc=None if loinc is None
            else self.matching(f"{place}.loinc", loinc, _LOINC, "a LOINC code, such as 59770-8"),
            fields=tuple(
                self.field(f"{place}.fields[{number}]", field)
                for number, field in enumerate(self.rows("sections.fields", row["fields"]))
            ),
        )  # fmt: skip

    def field(self, place: str, row: dict[str, Any]) -> FieldPlan:
        """Return a field."""
        self.known(place, row, ("name", "title", "sources", "observed"),
                   required=("name", "title"))  # fmt: skip
        observed = row.get("observed")
        if observed is not None and observed not in FINDINGS:
            raise self.wrong(
                f"{place}.observed is no finding", repr(observed), ", ".join(FINDINGS),
                nearest(str(observed), FINDINGS),
            )  # fmt: skip
        named = as_items(row.get("sources", []))
        if named is None:
            raise self.wrong(f"{place}.sources", type(row["sources"]).__name__, "a list of text")
        sources = tuple(self.text(f"{place}.sources", source) for source in named)
        return FieldPlan(
            name=self.matching(f"{place}.name", row["name"], _NAME, "a_lower_case_name"),
            title=self.text(f"{place}.title", row["title"]),
            required=bool(sources),
            sources=sources,
            observed=observed,
        )
