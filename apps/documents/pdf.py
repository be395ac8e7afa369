"""The note as a PDF on A4: embedded fonts, the mark and the disclaimer on every page, no date."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from typing import Any, Final
from xml.sax.saxutils import escape

from videoengine.apps.documents.outline import Line, Outline, Part, outline
from videoengine.models.backbones.extras import require
from videoengine.models.vlm.note.document import Note

FONTS: Final = {"Vera": "Vera.ttf", "Vera-Bold": "VeraBd.ttf", "Vera-Italic": "VeraIt.ttf"}
"""Bitstream Vera, which lies in reportlab itself: Latin alphabets, embedded as subsets."""
MM: Final = 72 / 25.4
PAGE: Final = (210 * MM, 297 * MM)
SIDE: Final = 18 * MM
TOP: Final = 26 * MM
BOTTOM: Final = 24 * MM
COLUMNS: Final = (47 * MM, 85 * MM, 42 * MM)
PART_ROOM: Final = 32 * MM
"""A section that has less than this left on its page begins on the next one."""
INK: Final = "#1c2733"
QUIET: Final = "#5c6b7a"
RULE: Final = "#c9d1d9"
BAND: Final = "#eef2f5"
FINAL: Final = "#1b6e3c"
OPEN: Final = "#a33a1a"
"""Color of the mark of a note that nobody answers for yet."""
_DATES: Final = re.compile(rb"/(?:CreationDate|ModDate) \(D:[0-9+']*\)")
"""Of a file that shall be the same each time reportlab says 2000-01-01, which is not true; the
dates are optional, and blanks in their place keep every offset."""


@dataclass(frozen=True, slots=True)
class _Press:
    """reportlab's modules, imported once there is something to print."""

    platypus: Any
    colors: Any
    metrics: Any
    paragraph: Any
    glyphs: frozenset[int]


def pdf(note: Note) -> bytes:
    """Return the note as a PDF; the same note gives the same bytes."""
    press = _press()
    page = outline(note)
    once, pages = _printed(press, page, 0)
    return _printed(press, page, pages)[0] if pages else once


def _press() -> _Press:
    what = "A PDF"
    ttfonts = require("reportlab.pdfbase.ttfonts", "documents", what)
    metrics = require("reportlab.pdfbase.pdfmetrics", "documents", what)
    for name, file in FONTS.items():
        if name not in metrics.getRegisteredFontNames():
            metrics.registerFont(ttfonts.TTFont(name, file))
    return _Press(
        platypus=require("reportlab.platypus", "documents", what),
        colors=require("reportlab.lib.colors", "documents", what),
        metrics=metrics,
        paragraph=require("reportlab.lib.styles", "documents", what).ParagraphStyle,
        glyphs=frozenset(metrics.getFont("Vera").face.charToGlyph),
    )


def _printed(press: _Press, page: Outline, pages: int) -> tuple[bytes, int]:
    """Return the file and its number of pages; `pages` is what the footer says of the total."""
    out = io.BytesIO()
    document = press.platypus.BaseDocTemplate(
        out,
        pagesize=PAGE,
        leftMargin=SIDE,
        rightMargin=SIDE,
        topMargin=TOP,
        bottomMargin=BOTTOM,
        title=_known(press, page.title),
        subject=_known(press, page.mark),
        author=page.origin[0],
        creator=page.origin[0],
        producer=page.origin[0],
        lang=page.language,
        initialFontName="Vera",
        invariant=1,
    )
    frame = press.platypus.Frame(
        SIDE, BOTTOM, PAGE[0] - 2 * SIDE, PAGE[1] - TOP - BOTTOM, 0, 0, 0, 0
    )

    def furniture(canvas: Any, _: Any) -> None:
        _frame_page(press, canvas, page, pages)

    template = press.platypus.PageTemplate("note", [frame], onPage=furniture)
    document.addPageTemplates([template])
    document.build(_story(press, page))
    return _DATES.sub(lambda found: b" " * len(found[0]), out.getvalue()), int(document.page)


def _story(press: _Press, page: Outline) -> list[Any]:
    flow = press.platypus
    story: list[Any] = [
        flow.Paragraph(_markup(press, page.title), _style(press, "Vera-Bold", 17, after=3)),
        flow.Paragraph(
            _markup(press, page.mark),
            _style(press, "Vera-Bold", 10, FINAL if page.is_final else OPEN, after=2),
        ),
    ]
    quiet = _style(press, "Vera", 7.5, QUIET)
    story += [flow.Paragraph(_markup(press, text), quiet) for text in (*page.signed, *page.notice)]
    for part in page.parts:
        story += _part(press, page, part)
    story.append(flow.Spacer(1, 14))
    story += [flow.Paragraph(_markup(press, text), quiet) for text in page.origin]
    return story


def _part(press: _Press, page: Outline, part: Part) -> list[Any]:
    flow = press.platypus
    heading = _style(press, "Vera-Bold", 11.5, before=14, after=4)
    head = _style(press, "Vera", 7.5, QUIET)
    name = _style(press, "Vera-Bold", 8.5)
    rows: list[list[Any]] = [[flow.Paragraph(_markup(press, text), head) for text in page.columns]]
    rules: list[int] = []
    for row in part.rows:
        rules.append(len(rows))
        for index, line in enumerate(row.lines):
            title = flow.Paragraph(_markup(press, row.title), name) if index == 0 else ""
            rows.append([title, *_cells(press, line)])
    table = flow.LongTable(
        rows, colWidths=COLUMNS, repeatRows=1, splitByRow=1, splitInRow=1, hAlign="LEFT"
    )
    lines = press.colors.HexColor(RULE)
    table.setStyle(
        flow.TableStyle(
            [
                ("FONT", (0, 0), (-1, -1), "Vera", 8.5),
                ("VALIGN", (0, 0), (-1, -1), "TOP"),
                ("BACKGROUND", (0, 0), (-1, 0), press.colors.HexColor(BAND)),
                ("LEFTPADDING", (0, 0), (-1, -1), 4),
                ("RIGHTPADDING", (0, 0), (-1, -1), 6),
                ("TOPPADDING", (0, 0), (-1, -1), 3),
                ("BOTTOMPADDING", (0, 0), (-1, -1), 3),
                *(("LINEABOVE", (0, at), (-1, at), 0.4, lines) for at in rules),
                ("LINEBELOW", (0, -1), (-1, -1), 0.4, lines),
            ]
        )
    )
    # keepWithNext would carry the whole table to the next page.
    title = flow.Paragraph(_markup(press, part.title), heading)
    return [flow.CondPageBreak(PART_ROOM), title, table]


def _cells(press: _Press, line: Line) -> list[Any]:
    """Return statement and evidence; what video cannot know is set apart in italics."""
    font, color = ("Vera", INK) if line.status != "not_observable" else ("Vera-Italic", QUIET)
    flow = press.platypus
    return [
        flow.Paragraph(_markup(press, line.text), _style(press, font, 8.5, color)),
        flow.Paragraph(_markup(press, line.why), _style(press, "Vera", 7.5, QUIET)),
    ]


def _frame_page(press: _Press, canvas: Any, page: Outline, pages: int) -> None:
    """Draw what stands on every page: title and mark above, disclaimer and number below."""
    canvas.saveState()
    top, right = PAGE[1] - 15 * MM, PAGE[0] - SIDE
    canvas.setStrokeColor(press.colors.HexColor(RULE))
    canvas.setLineWidth(0.5)
    canvas.line(SIDE, top - 6, right, top - 6)
    canvas.setFont("Vera", 7.5)
    canvas.setFillColor(press.colors.HexColor(QUIET))
    canvas.drawString(SIDE, top, _known(press, page.title))
    canvas.setFont("Vera-Bold", 7.5)
    canvas.setFillColor(press.colors.HexColor(FINAL if page.is_final else OPEN))
    canvas.drawRightString(right, top, _known(press, page.mark.upper()))
    low = 15 * MM
    canvas.line(SIDE, low + 10, right, low + 10)
    canvas.setFont("Vera", 7)
    canvas.setFillColor(press.colors.HexColor(QUIET))
    canvas.drawString(SIDE, low, _known(press, page.disclaimer))
    number = f"{canvas.getPageNumber()} / {pages}"
    canvas.drawRightString(right, low, _known(press, number))
    canvas.restoreState()


def _style(
    press: _Press,
    font: str,
    size: float,
    color: str = INK,
    *,
    before: float = 0,
    after: float = 0,
) -> Any:
    return press.paragraph(
        font,
        fontName=font,
        fontSize=size,
        leading=size * 1.35,
        textColor=press.colors.HexColor(color),
        spaceBefore=before,
        spaceAfter=after,
        splitLongWords=1,
    )


def _markup(press: _Press, text: str) -> str:
    """Return a text as reportlab's markup: nothing in it is a tag."""
    return escape(_known(press, text)).replace("\n", "<br/>")


def _known(press: _Press, text: str) -> str:
    """Return the text with characters that the font lacks named by their code point."""
    return "".join(
        char if char == "\n" or ord(char) in press.glyphs else f"[U+{ord(char):04X}]"
        for char in text
    )
