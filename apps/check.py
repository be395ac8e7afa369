"""`verify --text`: marks what a text claims about a case; nothing is written."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from videoengine.apps.console import show
from videoengine.case import Case
from videoengine.errors import UsageError
from videoengine.media_time import clock
from videoengine.models.vlm.checker import Checked, Checker, Identity, Judged, Verdict
from videoengine.models.vlm.checker.check import LONGEST
from videoengine.models.vlm.index import open_index

STDIN: Final = "-"
MOST: Final = 4 * LONGEST
"""Bytes of a text."""


@dataclass(frozen=True, slots=True)
class Claim:
    """One claim of a text and what the case says to it."""

    text: str
    start: int
    """Place of its first character in the text."""
    end: int
    verdict: Verdict
    says: str
    """What the log or a person says, or why nothing can be said."""
    events: tuple[str, ...]
    """Keys of events that decide it; reports of people among them."""
    times: tuple[str, ...]
    """Stretches of case time in which these lie."""
    by: tuple[str, ...]
    """Who reported what decides it."""


@dataclass(frozen=True, slots=True)
class CheckedText:
    """A text, claim by claim."""

    case: Path
    identity: Identity
    """Whether the text says that it speaks of this case, of another, or names none."""
    supported: int
    contradicted: int
    unsupported: int
    claims: tuple[Claim, ...]


def check(case: str | Path, text: str) -> CheckedText:
    """Mark each claim of a text about a case: supported, contradicted or unsupported.

    Args:
        case: The directory of a finished case.
        text: English, plain or Markdown, up to a million characters; sentences of the note itself
            may also be in the language of any template that ships.

    Raises:
        CaseError: There is no case, it is damaged, or not analyzed yet.
        UsageError: The text is too long.
    """
    with Case.open(case) as opened, open_index(opened) as index:
        return _told(opened.path, Checker(opened, index).check(text))


def check_file(case: str | Path, path: str | Path) -> CheckedText:
    """Check the text of a file, or with `-` of standard input.

    Raises:
        UsageError: It cannot be read, is not UTF-8, or is too long.
    """
    named = "Standard input" if str(path) == STDIN else str(path)
    try:
        data = sys.stdin.buffer.read(MOST + 1) if str(path) == STDIN else _read(Path(path))
        text = data.decode("utf-8")
    except OSError as error:
        raise UsageError(f"{named} cannot be read", got=error.strerror) from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{named} is not text", got=error.reason, allowed="UTF-8") from error
    if len(data) > MOST:
        raise UsageError(
            f"{named} is too long to be checked", got=f"more than {MOST} bytes",
            allowed=f"{LONGEST} characters", remedy="Check it in parts.",
        )  # fmt: skip
    return check(case, text)


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(MOST + 1)


def show_checked(checked: CheckedText) -> None:
    """Print what the case says to each claim of a text."""
    for claim in checked.claims:
        show(f"{claim.verdict:<13}{claim.text}")
        show(f"{'':<13}{claim.says}")
    if checked.identity == "other":
        show("The text speaks of another case: nothing in it counts as supported.")
    show(
        f"{checked.supported} supported, {checked.contradicted} contradicted, "
        f"{checked.unsupported} unsupported"
    )


def _told(case: Path, checked: Checked) -> CheckedText:
    return CheckedText(
        case,
        checked.identity,
        checked.count("supported"),
        checked.count("contradicted"),
        checked.count("unsupported"),
        tuple(map(_claim, checked.claims)),
    )


def _claim(judged: Judged) -> Claim:
    ruling = judged.ruling
    keys = [key for support in ruling.supports for key in support.events]
    times = (f"{clock(s.start_ns)}–{clock(s.end_ns)}" for s in ruling.supports)
    return Claim(
        judged.text, judged.start, judged.end, judged.verdict, ruling.says,
        tuple(dict.fromkeys([*keys, *ruling.reports])), tuple(dict.fromkeys(times)), ruling.by,
    )  # fmt: skip
