"""Procedure files: TOML that says how a procedure goes.

A user adds a procedure by writing such a file and giving its path; no code changes.
`procedures/cholecystectomy.toml` explains every key where it is first used.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from videoengine.errors import UsageError, nearest
from videoengine.recon3d.simulator.grammar import END, END_NAME, Procedure
from videoengine.recon3d.simulator.procedure_reader import Reader
from videoengine.recon3d.simulator.toml_table import Table, read_toml

FOLDER: Final = Path(__file__).parent / "procedures"


def procedure_names() -> list[str]:
    """Return the names of the procedures that ship with videoengine."""
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


def load_procedure(name: str) -> Procedure:
    """Read a procedure by name, or from the path of a TOML file.

    Raises:
        UsageError: Unknown procedure (with the nearest name), or a file that contradicts itself
            (with its line).
    """
    path = Path(name) if name.endswith(".toml") else FOLDER / f"{name}.toml"
    if not path.is_file():
        raise UsageError(
            "No such procedure",
            got=repr(name),
            allowed=", ".join(procedure_names()) + ", or the path of a .toml file",
            remedy=nearest(name, procedure_names()),
        )
    top = read_toml(path)
    procedure = Reader(top).procedure(path.stem)
    _check_order(procedure, top)
    _check_length(procedure, top)
    _check_motions(procedure, top)
    return procedure


def _check_order(procedure: Procedure, top: Table) -> None:
    """Refuse a phase that is never reached, or from which the end is never reached."""
    phases, tables = procedure.phases, top.tables("phases")
    onward = {n: {to for to, _ in rule.following} for n, rule in enumerate(phases)}
    for _ in phases:
        for to in onward.values():
            to |= {far for n in to if n != END for far in onward[n]}
    interrupting = {rule.interruption.phase for rule in phases if rule.interruption is not None}
    for number in range(1, len(phases)):
        if number not in onward[0] | interrupting:
            raise tables[number].error(
                "name",
                "No phase leads to this one",
                got=repr(phases[number].label.name),
                remedy="Name it in the next of another.",
            )
    stuck = [n for n in range(len(phases)) if END not in onward[n]]
    if stuck:
        # rather a phase of the loop itself than one on the way into it
        number = min(stuck, key=lambda n: (n not in onward[n], len(onward[n])))
        raise tables[number].error(
            "next",
            "No way leads out of this phase",
            got=repr(phases[number].label.name),
            remedy=f"Add {END_NAME} = 1 to its next, or a phase that leads to the end.",
        )


def _check_length(procedure: Procedure, top: Table) -> None:
    """Refuse a time scale at which even the quickest way to the end takes too long."""
    phases = procedure.phases
    quickest = {END: 0.0} | {n: float("inf") for n in range(len(phases))}
    for _ in phases:
        for number, rule in enumerate(phases):
            rest = min(quickest[to] for to, _ in rule.following)
            quickest[number] = rule.duration_s.least * procedure.time_scale + rest
    away = procedure.outside
    outside_s = away.before_s[0] + 2.0 * away.trocar_s[0] + away.after_s[0]
    if quickest[0] + outside_s > procedure.longest_s:
        raise top.table("length").error(
            "time_scale",
            "The shortest phases and times outside together last longer than the procedure may",
            got=f"{(quickest[0] + outside_s) / 60.0:.1f} minutes",
            allowed=f"up to {procedure.longest_s / 60.0:g} minutes",
            remedy="Make time_scale smaller, or minutes longer.",
        )


def _check_motions(procedure: Procedure, top: Table) -> None:
    """Refuse a camera that advances in a cavity, or follows hands in a tube."""
    tube = procedure.anatomy == "tube"
    for rule, table in zip(procedure.phases, top.tables("phases"), strict=True):
        if (rule.view.motion == "follow") == tube:
            raise table.table("view").error(
                "motion",
                f"This motion does not fit the anatomy {procedure.anatomy!r}",
                got=repr(rule.view.motion),
                remedy="Use another motion." if tube else 'Write motion = "follow".',
            )
