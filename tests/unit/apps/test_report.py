from __future__ import annotations

import base64
import re
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray
from support.events import event
from support.recordings import RED, make_case, rewrite, write_stamped

from videoengine.apps.report import write_report
from videoengine.case import Case
from videoengine.errors import CaseError

WHITE = (250, 250, 250)
"""Color of what must never be seen."""


class Page(HTMLParser):
    """Collects what a page is made of, and checks that its elements nest."""

    VOID = ("meta", "img", "br", "line", "rect", "path", "circle")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.stack: list[str] = []
        self.feed(text)
        assert self.stack == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.stack.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.stack.pop() == tag

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def report(case: Path) -> str:
    return write_report(Case.open(case)).read_text("utf-8")


def pictures(text: str) -> list[NDArray[np.uint8]]:
    found: list[NDArray[np.uint8]] = []
    for data in re.findall(r"data:image/jpeg;base64,([^\"]+)", text):
        with av.open(BytesIO(base64.b64decode(data)), "r", format="jpeg_pipe") as container:
            picture: Any = next(container.decode(video=0)).to_ndarray(format="rgb24")
            found.append(picture)
    return found


def outside(seconds: float) -> bool:
    return 2.0 <= seconds < 3.0


@pytest.fixture
def leaving(tmp_path: Path) -> Path:
    """A case that sees white while it is out of the body, with smoke all the time."""
    clip = write_stamped(
        tmp_path / "clip.mp4",
        [512 * index for index in range(150)],
        color=lambda index: WHITE if outside(index / 25) else RED,
    )
    return make_case(
        tmp_path / "case",
        clip,
        allow=lambda seconds: not outside(seconds),
        severities=lambda seconds: {"smoke": 0.9 if outside(seconds) else 0.6},
    )


def test_no_picture_shows_a_blanked_frame(leaving: Path) -> None:
    text = report(leaving)
    shown = pictures(text)
    assert len(shown) > 5
    for picture in shown:
        assert np.abs(picture.astype(int) - RED).max() < 30
    assert text.count('class="tile"') > 2


def test_without_the_gate_the_white_frames_would_have_been_chosen(tmp_path: Path) -> None:
    clip = write_stamped(
        tmp_path / "clip.mp4", [512 * i for i in range(150)], color=lambda index: WHITE
    )
    text = report(make_case(tmp_path / "case", clip))
    assert any(picture.min() > 200 for picture in pictures(text))


def test_a_closed_gate_leaves_no_picture(tmp_path: Path, clip: Path) -> None:
    text = report(make_case(tmp_path / "case", clip, allow=lambda seconds: False))
    assert pictures(text) == []
    assert "No picture may be shown" in text


def test_the_page_is_one_file_without_script(case: Path) -> None:
    page = Page(report(case))
    assert not page.of("script")
    assert not page.of("link")
    assert not page.of("iframe")
    for _, attributes in page.tags:
        for name, value in attributes.items():
            assert not name.startswith("on")
            if name in ("src", "href"):
                assert (value or "").startswith("data:image/jpeg;base64,")
    assert "default-src 'none'" in str(page.of("meta"))


def test_every_picture_and_drawing_has_words(leaving: Path) -> None:
    page = Page(report(leaving))
    assert all(image.get("alt") for image in page.of("img"))
    drawn = [svg for svg in page.of("svg") if svg.get("role") == "img"]
    assert len(drawn) >= 7
    assert all(svg.get("aria-label") for svg in drawn)


def test_the_page_says_what_happened_in_words(leaving: Path) -> None:
    text = report(leaving)
    assert "6.0 s of laparoscopy, 150 frames." in text
    assert "view out of the body" in text
    assert "Every sample is accounted for." in text
    assert "Research use only. Not a medical device." in text
    assert "nothing: a rule without learned weights" in text or "card is not installed" in text


def test_names_from_outside_are_escaped(tmp_path: Path) -> None:
    name = "<img src=x onerror=alert(1)>&\"'.mp4"
    clip = write_stamped(tmp_path / name, [512 * index for index in range(50)])
    payload = {"what": "<script>alert(1)</script>", "why": "\x1b[31m", "remedy": "&"}
    made = event("error", 1.0, payload, stage="engine")
    text = report(make_case(tmp_path / "case", clip, extra=[made]))
    page = Page(text)
    assert not page.of("script")
    assert all("onerror" not in attributes for attributes in page.of("img"))
    assert "&lt;script&gt;" in text
    assert "\x1b" not in text
    assert str(tmp_path) not in text


def test_without_the_source_the_report_is_written_and_says_so(case: Path, clip: Path) -> None:
    clip.unlink()
    text = report(case)
    assert pictures(text) == []
    assert "Pictures are not available" in text
    assert "Smoke" in text


def test_a_gap_is_drawn_and_told(tmp_path: Path) -> None:
    stamps = [512 * index for index in (*range(50), *range(125, 175))]
    clip = write_stamped(tmp_path / "clip.mp4", stamps)
    text = report(make_case(tmp_path / "case", clip))
    assert 'class="gap"' in text
    assert "There is no video for 3.0 s" in text
    assert "no frames were recorded" in text


def test_an_error_and_its_remedy_are_listed(tmp_path: Path, clip: Path) -> None:
    payload = {"what": "The stage hangs", "why": "no answer", "remedy": "Update the model"}
    made = event("error", 1.0, payload, stage="quality")
    text = report(make_case(tmp_path / "case", clip, extra=[made]))
    assert "Update the model" in text
    assert "1 error or refusal" in text


def test_a_ledger_that_does_not_balance_is_shown_as_such(case: Path) -> None:
    def change(rows: list[dict[str, Any]]) -> None:
        rows[-1]["payload"]["ledger"]["s0/quality"]["served"] -= 1

    rewrite(case, change)
    text = report(case)
    assert "does not balance" in text
    assert "Every sample is accounted for" not in text


def test_an_unfinished_case_has_no_report(tmp_path: Path, clip: Path) -> None:
    case = make_case(tmp_path / "open", clip, closed=False)
    with pytest.raises(CaseError, match="resume"):
        report(case)
    assert not (case / "report.html").exists()


def test_a_case_without_a_privacy_stage_shows_no_picture(case: Path) -> None:
    def change(rows: list[dict[str, Any]]) -> None:
        rows[:] = [row for row in rows if row["kind"] != "privacy"]

    rewrite(case, change)
    assert pictures(report(case)) == []


def test_the_report_of_a_log_is_always_the_same(case: Path) -> None:
    assert report(case) == report(case)
