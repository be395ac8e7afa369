"""Writes docs/examples.md: real clips as the bundled models see them, asked and noted.

    python tests/benchmarks/examples.py [--shared FOLDER]

Whatever comes out stands there. The clips stay where they are.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import shlex
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from measure import ROOT

from videoengine.apps.analyze import analyze
from videoengine.apps.ask import ask
from videoengine.apps.cli import run
from videoengine.apps.note import note
from videoengine.models.vlm.note import to_markdown

OUT: Final = ROOT / "docs" / "examples.md"
CLIPS: Final = "cholec80_clips"
SHORT: Final = (
    "Which phase is under way at 0:10?",
    "When is the hook in view for the first time?",
    "When does the camera leave the body?",
    "How long is the camera out of the body?",
)
LONG: Final = (
    *SHORT,
    "For how many seconds in all is the grasper in view?",
    "How long is the hook in view?",
    "How often does the hook come into view?",
    "How many instruments are in view at 0:05?",
    "What is the grasper doing at 0:05?",
    "Do the grasper and the hook ever appear together?",
    "At 0:05, whose tip is further left: the grasper or the hook?",
    "Is a clipper ever in view?",
    "How many clips are placed?",
    "Is there smoke?",
    "What is different between 0:05 and 0:25?",
    "Does the video show the gallbladder?",
    "What was the blood loss?",
    "How old is the patient?",
    "Was it well done?",
    "Which phase is the longest?",
)
ASKED: Final = {
    "group20-VID05_196_and_VID18_166_b.mp4": LONG,
    "group63-VID47_1132_and_VID49_802_a.mp4": LONG,
    "group22-VID05_1858_and_VID08_1331_a.mp4": SHORT,
}
CORRECTED: Final = "group20-VID05_196_and_VID18_166_b.mp4"
CLIPPER: Final = "Is a clipper ever in view?"
HEAD: Final = """# Three real clips, asked and noted

Clips of Cholec80 (`../shared/data/cholec80_clips`, 32 s each: two cuts of 15 s from two operations,
so a length is none of an operation), as the bundled models, taught on simulated procedures only,
see them. Nothing is mended here; what is wrong stands as it came out. Labels of the actions in them
are in the folder's `triplet_labels.txt`. Written by `python tests/benchmarks/examples.py`.
"""


def said(arguments: list[str]) -> Iterator[str]:
    """Yield a command and what it prints, with the case called `case`."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(io.StringIO()):
        code = run(arguments)
    if code:
        raise SystemExit(f"{arguments} ended with {code}")
    shown = ["case" if "/" in one else one for one in arguments if one != "--no-log"]
    yield f"$ videoengine {shlex.join(shown)}"
    yield from out.getvalue().rstrip().splitlines()


def corrected(case: Path) -> Iterator[str]:
    """Yield a correction of the first thing that an answer rests on, and the answer then."""
    first = ask(case, CLIPPER, log=False).evidence[0].events[0][:12]
    arguments = ["report", str(case), "--correct", first, "--by", "Dr. A"]
    yield from said(arguments)
    yield from said(["ask", str(case), CLIPPER, "--no-log"])


def noted(case: Path) -> Iterator[str]:
    """Yield the fields of the note in which anything is stated, with their statements."""
    heading = ""
    for line in to_markdown(note(case, template="en")).splitlines():
        if line.startswith("#"):
            heading = line.split(" <!--")[0]
        elif line.startswith("- **"):
            if heading:
                yield heading
            heading = ""
            yield line.split(" <!--")[0]


def main() -> None:
    parser = argparse.ArgumentParser()
    default = os.environ.get("VIDEOENGINE_SHARED", str(ROOT.parent / "shared"))
    parser.add_argument("--shared", type=Path, default=Path(default))
    clips = parser.parse_args().shared / "data" / CLIPS
    parts = [HEAD]
    with tempfile.TemporaryDirectory() as folder:
        for name, questions in ASKED.items():
            case = Path(folder) / Path(name).stem
            analyze(str(clips / name), case, procedure="cholecystectomy")
            lines = [
                f"videoengine analyze ../shared/data/{CLIPS}/{name} --out case "
                "--procedure cholecystectomy"
            ]
            for question in questions:
                lines += said(["ask", str(case), question, "--no-log"])
            statements = "\n".join(noted(case))
            if name == CORRECTED:
                lines += corrected(case)
            parts.append(f"## {name}\n\n```\n" + "\n".join(lines) + "\n```\n")
            parts.append(
                "From `videoengine note case`, the fields in which anything is stated; all others "
                f"say *not observable in the video, and not reported*:\n\n```\n{statements}\n```\n"
            )
    OUT.write_text("\n".join(parts), "utf-8")


if __name__ == "__main__":
    main()
