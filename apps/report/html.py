"""Small pieces of HTML; every string that comes from outside passes `text`."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from typing import Final

from videoengine.media_time import NS_PER_SECOND

UNITS: Final = ("bytes", "kB", "MB", "GB", "TB")


def text(value: object) -> str:
    """Return a value as HTML text, fit for element and attribute alike."""
    printable = "".join(c if c.isprintable() else " " for c in str(value))
    return html.escape(printable, quote=True)


def moment(case_ns: int) -> str:
    """Return a case time as `m:ss`, or `h:mm:ss` from an hour on."""
    seconds = max(0, case_ns) // NS_PER_SECOND
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"


def exact(case_ns: int) -> str:
    """Return a case time with tenths of a second."""
    return f"{moment(case_ns)}.{max(0, case_ns) // 100_000_000 % 10}"


def length(duration_ns: int) -> str:
    """Return a duration in words: `under 0.1 s`, `0.4 s`, `32 s`, `2 min 5 s`, `1 h 30 min`."""
    seconds = duration_ns / NS_PER_SECOND
    if 0 < seconds < 0.1:
        return "under 0.1 s"
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


def size(count: int) -> str:
    """Return a number of bytes in the unit people use."""
    value, unit = float(count), 0
    while value >= 1000 and unit < len(UNITS) - 1:
        value, unit = value / 1000, unit + 1
    return f"{value:.1f} {UNITS[unit]}" if unit else f"{count} bytes"


def listing(words: Sequence[str]) -> str:
    """Return `a`, `a and b`, or `a, b and c`."""
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} and {words[-1]}"


def counted(count: int, one: str, many: str = "") -> str:
    """Return `1 frame`, `1,200 frames`."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def table(
    head: Sequence[str], rows: Iterable[Sequence[str]], *, label: str, style: str = ""
) -> str:
    """Return a table; the cells are HTML already, the first of each row is its heading."""
    heads = "".join(f'<th scope="col">{text(cell)}</th>' for cell in head)
    body = "".join(
        f'<tr><th scope="row">{row[0]}</th>' + "".join(f"<td>{cell}</td>" for cell in row[1:])
        + "</tr>"
        for row in rows
    )  # fmt: skip
    return (
        f'<div class="wide"><table class="{style}"><caption class="unseen">{text(label)}</caption>'
        f"<thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def section(identity: str, title: str, body: str, lead: str = "") -> str:
    """Return a titled section."""
    says = f'<p class="lead">{lead}</p>' if lead else ""
    heading = f'<h2 id="{identity}">{title}</h2>'
    return f'<section aria-labelledby="{identity}">{heading}{says}{body}</section>'
