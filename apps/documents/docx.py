"""The note as a Word document: real headings, tables, header and footer; no date, no author."""

from __future__ import annotations

import io
import re
import zipfile
from dataclasses import dataclass
from typing import Any, Final

from videoengine.apps.documents.outline import Line, Outline, Part, outline
from videoengine.models.backbones.extras import require
from videoengine.models.vlm.note.document import Note

COLUMNS_MM: Final = (47, 85, 42)
SIDE_MM: Final = 18
INK: Final = "1C2733"
QUIET: Final = "5C6B7A"
FINAL: Final = "1B6E3C"
OPEN: Final = "A33A1A"
BAND: Final = "EEF2F5"
RULE: Final = "C9D1D9"
FONT: Final = "Calibri"
JOINED: Final = "\u2060"
"""No line ends inside a stretch of time."""
OLDEST: Final = (1980, 1, 1, 0, 0, 0)
"""The earliest date a zip entry can bear: the true one would say when the note was made."""
_DATES: Final = re.compile(rb"<dcterms:(created|modified)[^>]*>[^<]*</dcterms:\1>")


@dataclass(frozen=True, slots=True)
class _Word:
    """python-docx's modules, imported once there is something to write."""

    file: Any
    shared: Any
    align: Any
    qn: Any
    element: Any


def docx(note: Note) -> bytes:
    """Return the note as a .docx file; the same note gives the same bytes."""
    what = "A Word document"
    oxml = require("docx.oxml", "documents", what)
    word = _Word(
        file=require("docx", "documents", what).Document(),
        shared=require("docx.shared", "documents", what),
        align=require("docx.enum.text", "documents", what).WD_ALIGN_PARAGRAPH,
        qn=require("docx.oxml.ns", "documents", what).qn,
        element=oxml.OxmlElement,
    )
    page = outline(note)
    _set_up(word, page)
    _frame_pages(word, page)
    _body(word, page)
    out = io.BytesIO()
    word.file.save(out)
    return _undated(out.getvalue())


def _set_up(word: _Word, page: Outline) -> None:
    """Set A4, the styles, the language and the properties that people see."""
    section = word.file.sections[0]
    mm = word.shared.Mm
    section.page_width, section.page_height = mm(210), mm(297)
    section.left_margin = section.right_margin = mm(SIDE_MM)
    section.top_margin, section.bottom_margin = mm(24), mm(22)
    for name, size, bold in (("Normal", 10, False), ("Title", 20, True), ("Heading 1", 13, True)):
        style = word.file.styles[name]
        style.font.size, style.font.bold = word.shared.Pt(size), bold
        style.font.color.rgb = word.shared.RGBColor.from_string(INK)
        _set_font(word, style.element.get_or_add_rPr(), page.language)
    normal = word.file.styles["Normal"].paragraph_format
    normal.space_after = word.shared.Pt(0)
    title = word.file.styles["Title"]
    for border in title.element.pPr.findall(word.qn("w:pBdr")):
        title.element.pPr.remove(border)
    properties = word.file.core_properties
    properties.title, properties.subject = page.title, page.mark
    properties.author = properties.last_modified_by = page.origin[0]
    properties.comments, properties.keywords = page.disclaimer, ""
    properties.language = page.language


def _set_font(word: _Word, run: Any, language: str) -> None:
    """Name font and language for every alphabet: a style of the template names a theme instead."""
    fonts = run.get_or_add_rFonts()
    for attribute in list(fonts.attrib):
        del fonts.attrib[attribute]
    for alphabet in ("ascii", "hAnsi", "cs", "eastAsia"):
        fonts.set(word.qn(f"w:{alphabet}"), FONT)
    spoken = word.element("w:lang")
    spoken.set(word.qn("w:val"), language)
    for old in run.findall(word.qn("w:lang")):
        run.remove(old)
    run.append(spoken)


def _frame_pages(word: _Word, page: Outline) -> None:
    """Write what stands on every page: title and mark above, disclaimer and number below."""
    section = word.file.sections[0]
    width = word.shared.Mm(210 - 2 * SIDE_MM)
    for part, style in ((section.header, "Header"), (section.footer, "Footer")):
        stops = word.file.styles[style].paragraph_format.tab_stops
        stops.clear_all()
        stops.add_tab_stop(width, require("docx.enum.text", "documents", "").WD_TAB_ALIGNMENT.RIGHT)
        part.is_linked_to_previous = False
    head = section.header.paragraphs[0]
    _run(word, head, f"{page.title}\t", QUIET, 8)
    _run(word, head, page.mark.upper(), FINAL if page.is_final else OPEN, 8, bold=True)
    foot = section.footer.paragraphs[0]
    _run(word, foot, f"{page.disclaimer}\t", QUIET, 8)
    _field(word, foot, "PAGE")
    _run(word, foot, " / ", QUIET, 8)
    _field(word, foot, "NUMPAGES")


def _body(word: _Word, page: Outline) -> None:
    word.file.add_paragraph(page.title, style="Title")
    mark = word.file.add_paragraph()
    _run(word, mark, page.mark, FINAL if page.is_final else OPEN, 11, bold=True)
    for text in (*page.signed, *page.notice):
        _run(word, word.file.add_paragraph(), text, QUIET, 8)
    for part in page.parts:
        _part(word, page, part)
    word.file.add_paragraph()
    for text in page.origin:
        _run(word, word.file.add_paragraph(), text, QUIET, 8)


def _part(word: _Word, page: Outline, part: Part) -> None:
    word.file.add_paragraph(part.title, style="Heading 1")
    table = word.file.add_table(rows=1, cols=3)
    table.autofit = False
    _border(word, table)
    for cell, text in zip(table.rows[0].cells, page.columns, strict=True):
        _run(word, cell.paragraphs[0], text, QUIET, 8)
        _shade(word, cell)
    _mark_row(word, table.rows[0], "w:tblHeader")
    for row in part.rows:
        for index, line in enumerate(row.lines):
            added = table.add_row()
            _line(word, added, row.title if index == 0 else "", line)
            if len(row.lines) > 1:
                _span(word, added.cells[0], first=index == 0)
    for column, width in zip(table.columns, COLUMNS_MM, strict=True):
        column.width = word.shared.Mm(width)
        for cell in column.cells:
            cell.width = word.shared.Mm(width)


def _line(word: _Word, row: Any, title: str, line: Line) -> None:
    name, statement, why = (cell.paragraphs[0] for cell in row.cells)
    _run(word, name, title, INK, 9, bold=True)
    unknown = line.status == "not_observable"
    _run(word, statement, line.text, QUIET if unknown else INK, 9, italic=unknown)
    _run(word, why, line.why.replace("–", f"–{JOINED}"), QUIET, 8)
    if len(line.text) < 1000:  # a longer one may need a page of its own
        _mark_row(word, row, "w:cantSplit")


def _run(
    word: _Word,
    paragraph: Any,
    text: str,
    color: str,
    points: int,
    *,
    bold: bool = False,
    italic: bool = False,
) -> Any:
    run = paragraph.add_run(text)
    run.font.size, run.font.bold, run.font.italic = word.shared.Pt(points), bold, italic
    run.font.color.rgb = word.shared.RGBColor.from_string(color)
    return run


def _field(word: _Word, paragraph: Any, name: str) -> None:
    """Add a field that the reader computes: the page's number or their total."""
    for kind in ("begin", "", "separate", "value", "end"):
        run = _run(word, paragraph, "1" if kind == "value" else "", QUIET, 8)
        if kind == "":
            code = word.element("w:instrText")
            code.text = name
            run._r.append(code)
        elif kind != "value":
            edge = word.element("w:fldChar")
            edge.set(word.qn("w:fldCharType"), kind)
            run._r.append(edge)


def _border(word: _Word, table: Any) -> None:
    """Draw thin lines between the rows, and none between the columns."""
    borders = word.element("w:tblBorders")
    for edge in ("top", "bottom", "insideH"):
        line = word.element(f"w:{edge}")
        for name, value in (("val", "single"), ("sz", "4"), ("space", "0"), ("color", RULE)):
            line.set(word.qn(f"w:{name}"), value)
        borders.append(line)
    margins = word.element("w:tblCellMar")
    for edge in ("top", "bottom"):
        margin = word.element(f"w:{edge}")
        margin.set(word.qn("w:w"), "40")
        margin.set(word.qn("w:type"), "dxa")
        margins.append(margin)
    for element in (borders, margins):  # their places in the schema's order
        table._tbl.tblPr.insert_element_before(
            element, *(("w:tblLayout", "w:tblCellMar") if element is borders else ()), "w:tblLook"
        )


def _span(word: _Word, cell: Any, *, first: bool) -> None:
    """Let one title stand beside all statements of its field."""
    merge = word.element("w:vMerge")
    if first:
        merge.set(word.qn("w:val"), "restart")
    cell._tc.get_or_add_tcPr().append(merge)


def _shade(word: _Word, cell: Any) -> None:
    fill = word.element("w:shd")
    for name, value in (("val", "clear"), ("color", "auto"), ("fill", BAND)):
        fill.set(word.qn(f"w:{name}"), value)
    cell._tc.get_or_add_tcPr().append(fill)


def _mark_row(word: _Word, row: Any, mark: str) -> None:
    row._tr.get_or_add_trPr().append(word.element(mark))


def _undated(data: bytes) -> bytes:
    """Return the package without a date in its properties or its entries, sorted as it was."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name == "docProps/core.xml":
                content = _DATES.sub(b"", content)
            entry = zipfile.ZipInfo(name, OLDEST)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o600 << 16
            new.writestr(entry, content)
    return out.getvalue()
