"""Runs `analyze` or `resume` in a child that kills itself inside a write, fsync or rename.

    python kill_driver.py COUNT_FILE OPERATION NUMBER analyze SOURCE CASE [PRESET]
    python kill_driver.py COUNT_FILE OPERATION NUMBER resume CASE

NUMBER counts the operations of that kind from 1; 0 never kills. COUNT_FILE receives how many of
each kind a run that was not killed reached.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections import Counter
from pathlib import Path

from videoengine import durable
from videoengine.apps.analyze import analyze, resume


def main() -> None:
    count_file, operation, number, verb, *arguments = sys.argv[1:]
    reached: Counter[str] = Counter()

    def fault(name: str) -> None:
        reached[name] += 1
        if name == operation and reached[name] == int(number):
            os.kill(os.getpid(), signal.SIGKILL)

    durable.inject_fault(fault)
    if verb == "analyze":
        source, case, preset = (*arguments, "basic")[:3]
        analyze(source, case, modality="laparoscopy", preset=preset)
    else:
        resume(arguments[0])
    Path(count_file).write_text(json.dumps(reached))


if __name__ == "__main__":
    main()
