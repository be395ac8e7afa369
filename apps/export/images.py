"""Frames as JPEG files in a folder; every one through the Gate."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Final

from videoengine.apps.export.request import Request
from videoengine.apps.pictures import analyzed_frames
from videoengine.apps.source_record import reopen_source
from videoengine.streams.jpeg import JpegEncoder

INDEX: Final = "index.csv"
COLUMNS: Final = ("file", "stamp", "time_base", "case_seconds", "blanked")


def write_frames(request: Request, out: Path) -> int:
    """Write pictures named by their case time in milliseconds, and `index.csv`.

    A blanked frame is a black picture, so the folder has the same frames whatever the Gate says.
    """
    encoder = JpegEncoder()
    names: dict[str, int] = {}
    due_ns, count = 0, 0
    source = reopen_source(request.case, request.source)
    try:
        with (out / INDEX).open("w", encoding="utf-8", newline="") as stream:
            table = csv.writer(stream, lineterminator="\n")
            table.writerow(COLUMNS)
            for frame, epoch, case_ns in analyzed_frames(request.case, source):
                if case_ns < due_ns:
                    continue
                if request.every_ns is not None:
                    due_ns = (case_ns // request.every_ns + 1) * request.every_ns
                picture = request.timeline.gate.show(frame)
                name = picture_name(case_ns, names)
                (out / name).write_bytes(encoder.encode(picture.rgb))
                base = f"{epoch.time_base.numerator}/{epoch.time_base.denominator}"
                seconds = f"{case_ns / 1e9:.6f}"
                table.writerow([name, frame.pts, base, seconds, int(picture.blanked)])
                count += 1
                if request.progress is not None:
                    request.progress(case_ns, count)
    finally:
        source.close()
    return count


def picture_name(case_ns: int, newest: dict[str, int]) -> str:
    """Return a file name; frames within one millisecond get `-1`, `-2`, …."""
    stem = f"{case_ns // 1_000_000:09d}"
    again = newest.get(stem, -1) + 1
    newest.clear()  # case time never goes back, so only the newest name can come again
    newest[stem] = again
    return f"{stem}-{again}.jpg" if again else f"{stem}.jpg"
