"""A note as one HTML page: nothing outside it is asked for, and it prints on paper."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Final

from videoengine.models.vlm.note.document import Note, NoteField, NoteSection, Statement
from videoengine.models.vlm.note.evidence import Evidence, evidence_of
from videoengine.models.vlm.note.phrases import filled

STYLE: Final = Path(__file__).with_name("note.css")
POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'"


def to_html(note: Note) -> str:
    """Return the whole page."""
    return "\n".join(_page(note)) + "\n"


def _page(note: Note) -> Iterator[str]:
    words, evidence = note.words, evidence_of(note)
    yield f'<!doctype html>\n<html lang="{escape(note.language)}">\n<head>\n<meta charset="utf-8">'
    yield f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield f"<title>{escape(note.title)}</title>"
    yield f"<style>\n{STYLE.read_text('utf-8')}</style>\n</head>\n<body>\n<main>"
    yield f"<header>\n<h1>{escape(note.title)}</h1>"
    yield f'<p class="state {note.state}">{escape(words[note.state])}</p>\n</header>'
    if note.state == "outdated":
        yield f'<p class="warning">{escape(words["outdated_explained"])}</p>'
    yield f'<p class="lead">{escape(note.disclaimer)} {escape(words["case_times"])}</p>'
    for section in note.sections:
        yield from _section(note, section, evidence)
    yield from _signatures(note)
    yield from _evidence(note, evidence)
    yield f'<footer>\n<p>{escape(note.disclaimer)}</p>\n<dl class="facts">'
    yield from (
        f"<dt>{escape(words['trained_on'])}</dt><dd>{escape(t)}</dd>" for t in note.trained_on
    )
    yield f"<dt>{escape(words['software'])}</dt><dd>{escape(note.software)}</dd>"
    yield f"<dt>{escape(words['template'])}</dt><dd>{escape(note.template)}</dd>"
    yield f"<dt>{escape(words['content_hash'])}</dt><dd><code>{note.sha256}</code></dd>"
    yield "</dl>\n</footer>\n</main>\n</body>\n</html>"


def _section(
    note: Note, section: NoteSection, evidence: dict[tuple[str, int], Evidence]
) -> Iterator[str]:
    alone = len(section.fields) == 1
    yield f'<section id="{escape(section.name)}">\n<h2>{escape(section.title)}</h2>'
    for field in section.fields:
        title = "" if alone and field.title == section.title else f"<h3>{escape(field.title)}</h3>"
        yield f'<div class="field {field.status}">\n{title}'
        if field.statements:
            yield "<ul>"
            for place, statement in enumerate(field.statements):
                yield _item(note, statement, evidence.get((field.name, place)))
            yield "</ul>"
        else:
            yield f'<p class="nothing">{escape(note.words["not_observable"])}</p>'
        if field.differs:
            yield f'<p class="warning">{escape(note.words["differ"])}</p>'
        yield from _sources(note, field)
        yield "</div>"
    yield "</section>"


def _item(note: Note, statement: Statement, evidence: Evidence | None) -> str:
    words, text = note.words, escape(statement.text)
    if statement.status == "observed":
        number = "" if evidence is None else f' <a href="#e{evidence.number}">{evidence.number}</a>'
        return f'<li class="observed">{text}{number}</li>'
    said = f'<span class="by">{escape(words["reported_by"])} {escape(statement.by or "")}</span>'
    instead = ""
    if statement.replaces is not None:
        old = escape(statement.replaces)
        instead = f' <span class="old">{escape(words["replaces"])}: <s>{old}</s></span>'
    return f'<li class="reported">{text} {said}{instead}</li>'


def _sources(note: Note, field: NoteField) -> Iterator[str]:
    if field.sources:
        names = escape(", ".join(field.sources))
        yield f'<p class="sources">{escape(note.words["required_by"])}: {names}</p>'


def _signatures(note: Note) -> Iterator[str]:
    words = note.words
    yield f'<section id="signature">\n<h2>{escape(words["signature"])}</h2>'
    if not note.signatures:
        yield f'<p class="nothing">{escape(words["not_signed"])}</p>\n<div class="line"></div>'
    for signature in note.signatures:
        current = signature.sha256 == note.sha256
        mark = "" if current else f' <span class="old">({escape(words["outdated"])})</span>'
        yield f"<p>{escape(words['signed_by'])} <strong>{escape(signature.by)}</strong>{mark}<br>"
        yield f"<code>{escape(signature.sha256)}</code></p>"
    yield "</section>"


def _evidence(note: Note, evidence: dict[tuple[str, int], Evidence]) -> Iterator[str]:
    yield f'<section id="evidence">\n<h2>{escape(note.words["evidence"])}</h2>\n<ol>'
    for found in evidence.values():
        more = filled(note.words["more"], {"count": str(found.more)}) if found.more else ""
        lines = [*found.lines(), *([more] if more else [])]
        yield f'<li id="e{found.number}">{"; ".join(escape(line) for line in lines)}</li>'
    yield "</ol>\n</section>"
