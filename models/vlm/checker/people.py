"""Claims about what people report: who it was, blood loss, complications, and which case it is."""

from __future__ import annotations

import functools
import re
import tomllib
import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from videoengine.models.vlm.checker.verdicts import Ruling, unsupported
from videoengine.models.vlm.note.people import Entry

FILE: Final = Path(__file__).with_name("fields.toml")
PATIENT: Final = "patient"
PERSONS: Final = (PATIENT, "surgeon", "assistants")
_NAME: Final = re.compile(
    r"(?:(?:Mr|Mrs|Ms|Dr|Prof)\.? )*[A-Z0-9][\w.'-]*(?:,? (?:and )?[A-Z0-9][\w.'-]*)*"
)
_IS: Final = r"\s*(?::|=|\b(?:is|was|are|were|of|has been)\b)\s*"
_NOTHING: Final = frozenset(["none", "no", "nil", "nothing", "0", "zero", "keine", "ninguna"])
_DENIALS: Final = frozenset(
    ["no", "not", "none", "without", "never", "nil", "denied", "keine", "sin"]
)
_IGNORED: Final = frozenset(
    ["the", "a", "an", "of", "was", "is", "were", "are", "noted", "observed", "found"]
)
_VOLUME: Final = re.compile(
    r"(\d+(?:[.,]\d+)?)\s*(ml|milliliters?|millilitres?|cc|l|liters?|litres?)\b"
)
_CASE_ID: Final = re.compile(
    r"\bcase(?: id| identifier| number| no\.?| nr\.?)?\s*[:#=]?\s+"
    r"(?=[\w-]*\d)([0-9A-Za-z][\w-]{3,63})",
    re.I,
)


@functools.cache
def aliases() -> dict[str, str]:
    """Return the words for fields of a note, the longest first, and the names of the fields."""
    rows = tomllib.loads(FILE.read_text("utf-8"))
    found = {word: name for name, words in rows.items() for word in words}
    return dict(sorted(found.items(), key=lambda row: -len(row[0])))


@functools.cache
def _patterns() -> tuple[re.Pattern[str], re.Pattern[str]]:
    names = "|".join(map(re.escape, aliases()))
    stated = (
        rf"(?:the |an? |our )?(?P<field>{names})(?:'s name| name)?(?:{_IS}|\s+(?=\d))"
        r"(?P<value>\S.*)"
    )
    no = r"(?:there (?:was|were|is|are) )?(?:no|without(?: any)?) (?:other )?"
    denied = rf"{no}(?P<field>{names})\b(?: (?:was|were))?(?: (?:noted|observed|seen|reported))?"
    return re.compile(stated), re.compile(denied)


def reported(text: str, entries: Sequence[Entry]) -> tuple[str, Ruling] | None:
    """Return the field that a sentence fills in, and what people report of it; None: it does not.

    Args:
        text: One sentence.
        entries: What people say now.
    """
    said = " ".join(unicodedata.normalize("NFKC", text).casefold().split()).strip(" .!")
    stated, denied = _patterns()
    found = stated.fullmatch(said)
    value = found["value"] if found else "none"
    found = found or denied.fullmatch(said)
    if found is None:
        return None
    field = aliases()[found["field"]]
    if field in PERSONS and value != "none" and not _is_name(text, value):
        return None
    mine = [entry for entry in entries if entry.field == field and entry.subject is None]
    return field, _ruled(field, value, mine)


def _is_name(text: str, value: str) -> bool:
    """Tell whether what stands at the end of a sentence is a name: "was positioned" is none."""
    written = " ".join(unicodedata.normalize("NFKC", text).split()).strip(" .!")
    return _NAME.fullmatch(written[len(written) - len(value) :]) is not None


def _ruled(field: str, value: str, mine: Sequence[Entry]) -> Ruling:
    if not mine:
        return unsupported(f"Video cannot tell it, and nobody reported the field {field}.")
    agreeing = [entry for entry in mine if same(value, entry.text)]
    chosen = agreeing or list(mine)
    says = "; ".join(f"{entry.by} reported: {entry.text}" for entry in chosen)
    if agreeing and len(agreeing) < len(mine):
        others = ", ".join(e.by for e in mine if e not in agreeing)
        return unsupported(f"{says}; {others} reported otherwise.")
    return Ruling(
        "supported" if agreeing else "contradicted", says,
        by=tuple(entry.by for entry in chosen), reports=tuple(entry.event for entry in chosen),
    )  # fmt: skip


def same(claimed: str, said: str) -> bool:
    """Tell whether a claimed value is what a person reported, or a part of it."""
    volumes = [_volumes(text) for text in (claimed, said)]
    if all(len(found) == 1 for found in volumes):
        return volumes[0] == volumes[1]
    one, other = (_words(text) for text in (claimed, said))
    if set(one) <= _NOTHING and set(other) & _NOTHING:
        return len(other) <= 3
    if not one:
        return False
    if set(one) & _DENIALS or set(other) & _DENIALS:
        return one == other
    return one == other or set(one) < set(other)


def _volumes(text: str) -> list[float]:
    rows = _VOLUME.findall(text.casefold())
    return [
        float(value.replace(",", ".")) * (1000 if unit.startswith("l") else 1)
        for value, unit in rows
    ]


def _words(text: str) -> list[str]:
    folded = unicodedata.normalize("NFKC", text).casefold()
    return [word for word in re.findall(r"\w+", folded) if word not in _IGNORED]


def named_cases(text: str) -> list[tuple[int, int, str]]:
    """Return where a text names a case by its number, and the number."""
    return [(m.start(), m.end(), m[1]) for m in _CASE_ID.finditer(text)]


def is_this_case(number: str, case_id: str) -> bool:
    """Tell whether a number names a case; its first eight characters are enough."""
    return case_id == number or (len(number) >= 8 and case_id.startswith(number))


def cited(text: str) -> list[str]:
    """Return the first characters of the keys of events that a text cites."""
    groups: Iterable[str] = re.findall(r"\bevents? ((?:[0-9a-f]{8,64}(?:, | and |\b))+)", text)
    return [key for group in groups for key in re.findall(r"[0-9a-f]{8,64}", group)]
