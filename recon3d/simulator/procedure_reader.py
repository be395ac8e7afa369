"""Reads the tables of a procedure file into the grammar; each error names file and line."""

from __future__ import annotations

from typing import Final, cast

from videoengine.canonical import as_items
from videoengine.errors import nearest
from videoengine.payloads import Label
from videoengine.recon3d.simulator.grammar import (
    ANATOMIES,
    END,
    END_NAME,
    MOTIONS,
    ORDERS,
    ActionRule,
    AnatomyName,
    BleedingRule,
    Effect,
    Interruption,
    LogNormal,
    Motion,
    Order,
    OutsideRule,
    PhaseRule,
    PolypRule,
    Procedure,
    TubeRule,
    ViewRule,
    WorkRule,
)
from videoengine.recon3d.simulator.plan import IncidentKind
from videoengine.recon3d.simulator.toml_table import Table
from videoengine.vocabularies import Vocabulary, vocabularies

EFFECTS: Final[tuple[IncidentKind, ...]] = ("coagulation", "irrigation", "suction", "clip", "cut")
MOST_PORTS: Final = {"cavity": 4, "tube": 1}
"""A tube is worked on through the scope's one channel."""
HOUR_S: Final = 3600.0


def _log_normal(table: Table, low: float, high: float) -> LogNormal:
    """Read `{median, spread, least, most}`; the bounds may be left out."""
    median = table.number("median", low, high)
    spread = table.number("spread", 0.0, 2.0, 0.4)
    least = table.number("least", low, high, max(low, median / 3.0))
    most = table.number("most", low, high, min(high, median * 3.0))
    table.close()
    if not least <= median <= most:
        raise table.error(
            "least" if least > median else "most",
            "The median lies outside its bounds",
            got=f"least {least:g}, median {median:g}, most {most:g}",
            remedy="Make least ≤ median ≤ most.",
        )
    return LogNormal(median, spread, least, most)


class Reader:
    """Reads one file; holds what later parts of it refer to."""

    def __init__(self, top: Table) -> None:
        """Read the names that the rest of the file uses."""
        self._top = top
        names = top.table("vocabularies")
        self._phase = self._vocabulary(names, "phase")
        self._instrument = self._vocabulary(names, "instrument")
        self._verb = self._vocabulary(names, "verb")
        self._target = self._vocabulary(names, "target")
        self._triplet = self._vocabulary(names, "triplet") if names.has("triplet") else None
        names.close()
        self._ports = self._names_of("ports")
        self._tables = top.tables("phases")
        self._labels = [self._term(table, "name", self._phase) for table in self._tables]
        for number, label in enumerate(self._labels):
            if label in self._labels[:number]:
                raise self._tables[number].error(
                    "name", "This phase is there twice", got=label.name, remedy="Remove one."
                )

    def procedure(self, name: str) -> Procedure:
        """Read everything else."""
        top = self._top
        if top.has("description"):
            top.text("description")
        anatomy = cast(AnatomyName, top.text("anatomy", ANATOMIES))
        if len(self._ports) > MOST_PORTS[anatomy]:
            raise top.error(
                "ports",
                f"The anatomy {anatomy!r} has no room for so many ports",
                got=len(self._ports),
                allowed=f"up to {MOST_PORTS[anatomy]}",
                remedy="Name fewer.",
            )
        length, pace = top.table("length"), top.table("pace")
        minutes = length.pair("minutes", 0.5, 600.0)
        found = Procedure(
            name=name,
            anatomy=anatomy,
            ports=self._ports,
            time_scale=length.number("time_scale", 0.001, 100.0),
            shortest_s=minutes[0] * 60.0,
            longest_s=minutes[1] * 60.0,
            enter_s=pace.pair("enter_seconds", 0.2, 10.0),
            move_s=pace.pair("move_seconds", 0.2, 10.0),
            phases=tuple(self._phase_rule(n, table) for n, table in enumerate(self._tables)),
            effects=tuple(self._effect(t) for t in self._optional_tables("effects")),
            bleeding=self._bleeding(top.table("bleeding")) if top.has("bleeding") else None,
            outside=self._outside(top.table("outside")),
            tube=self._tube(top.table("tube")) if anatomy == "tube" else None,
        )
        for table in (length, pace, top):
            table.close()
        return found

    def _vocabulary(self, table: Table, key: str) -> Vocabulary:
        return vocabularies()[table.text(key, vocabularies())]

    def _names_of(self, key: str) -> tuple[str, ...]:
        names = as_items(self._top.row.get(key)) if self._top.has(key) else None
        if not names or not all(isinstance(n, str) for n in names) or len({*names}) < len(names):
            raise self._top.error(
                key, f"The names of {key!r} are not distinct texts", remedy='Write ["…", "…"].'
            )
        return tuple(names)

    def _optional_tables(self, key: str) -> list[Table]:
        return self._top.tables(key) if self._top.has(key) else []

    def _term(self, table: Table, key: str, vocabulary: Vocabulary) -> Label:
        return vocabulary.label(table.text(key, [label.name for label in vocabulary.labels]))

    def _phase_number(self, table: Table, key: str, name: str) -> int:
        names = [label.name for label in self._labels]
        if name not in names:
            raise table.error(
                key,
                "There is no such phase in this file",
                got=repr(name),
                allowed=", ".join(names),
                remedy=nearest(name, names) or "Add it, or name another.",
            )
        return names.index(name)

    def _port(self, table: Table, key: str) -> int:
        return self._ports.index(table.text(key, self._ports))

    def _phase_rule(self, number: int, table: Table) -> PhaseRule:
        table.text("name")
        rule = PhaseRule(
            self._labels[number],
            _log_normal(table.table("seconds"), 0.1, 24 * HOUR_S),
            self._following(table.table("next")),
            tuple(self._work_rule(t) for t in table.tables("work")) if table.has("work") else (),
            self._view(table.table("view")),
            self._interruption(table) if table.has("interruption") else None,
        )
        table.close()
        ports = [work.port for work in rule.work]
        for index, port in enumerate(ports):
            if port in ports[:index]:
                raise table.tables("work")[index].error(
                    "port", "This port has work twice in one phase", remedy="Join the two tables."
                )
        return rule

    def _following(self, table: Table) -> tuple[tuple[int, float], ...]:
        found: list[tuple[int, float]] = []
        for key in table.row:
            number = END if key == END_NAME else self._phase_number(table, key, key)
            found.append((number, table.number(key, 1e-6, 1e6)))
        if not found:
            raise table.error(
                None, "No phase comes next", remedy=f"Name one, or write {{{END_NAME} = 1}}."
            )
        return tuple(found)

    def _interruption(self, outer: Table) -> Interruption:
        table = outer.table("interruption")
        found = Interruption(
            self._phase_number(table, "phase", table.text("phase")),
            table.number("chance", 0.0, 1.0),
            table.number("share", 0.01, 1.0),
        )
        table.close()
        return found

    def _view(self, table: Table) -> ViewRule:
        found = ViewRule(
            cast(Motion, table.text("motion", MOTIONS)),
            table.pair("distance_mm", 5.0, 200.0),
            table.pair("azimuth_deg", -180.0, 180.0),
            table.pair("elevation_deg", -60.0, 60.0),
            table.pair("roll_deg", -180.0, 180.0),
            table.pair("hold_seconds", 0.2, 600.0),
        )
        table.close()
        return found

    def _work_rule(self, table: Table) -> WorkRule:
        order = cast(Order, table.text("order", ORDERS))
        fewest, most = table.pair("visit_actions", 1, 100)
        found = WorkRule(
            self._port(table, "port"),
            table.pair("pause_seconds", 0.0, 600.0),
            (int(fewest), int(most)),
            order,
            tuple(self._action(t) for t in table.tables("actions")),
        )
        table.close()
        return found

    def _action(self, table: Table) -> ActionRule:
        does = table.text("does")
        terms = does.split(",")
        if len(terms) != 3:
            raise table.error(
                "does",
                "An action is an instrument, a verb and a target",
                got=repr(does),
                remedy='Write "instrument,verb,target".',
            )
        labels: list[Label] = []
        for term, known in zip(terms, (self._instrument, self._verb, self._target), strict=True):
            self._check_term(table, term, known)
            labels.append(known.label(term))
        if self._triplet is not None:
            self._check_term(table, does, self._triplet)
        median = table.number("seconds", 0.2, HOUR_S)
        spread = table.number("spread", 0.0, 2.0, 0.4)
        hold = LogNormal(median, spread, max(0.2, median / 3.0), median * 3.0)
        instrument, verb, target = labels
        rule = ActionRule(
            instrument,
            verb,
            target,
            weight=table.number("weight", 1e-6, 1e6, 1.0),
            hold_s=hold,
            times=int(table.number("times", 1, 100, 1)),
        )
        table.close()
        return rule

    @staticmethod
    def _check_term(table: Table, term: str, known: Vocabulary) -> None:
        names = [label.name for label in known.labels]
        if term not in names:
            raise table.error(
                "does",
                f"The vocabulary {known.name} has no such term",
                got=repr(term),
                remedy=nearest(term, names) or f"Use one of {', '.join(names)}.",
            )

    def _effect(self, table: Table) -> Effect:
        kind = cast(IncidentKind, table.text("kind", EFFECTS))
        burst = kind not in ("clip", "cut")
        found = Effect(
            kind,
            self._term(table, "verb", self._verb).name,
            self._term(table, "instrument", self._instrument).name
            if table.has("instrument")
            else None,
            table.pair("on_seconds", 0.04, 60.0) if burst else (0.0, 0.0),
            table.pair("off_seconds", 0.04, 60.0) if burst else (0.0, 0.0),
            table.pair("amount", 0.01, 1.0),
        )
        table.close()
        return found

    def _bleeding(self, table: Table) -> BleedingRule:
        after = table.table("after")
        for verb in after.row:
            self._known_key(after, verb, self._verb)
        found = BleedingRule(
            tuple((verb, after.number(verb, 0.0, 1.0)) for verb in after.row),
            table.pair("lasts_seconds", 0.2, 600.0),
            table.pair("amount", 0.01, 1.0),
            table.number("answer_chance", 0.0, 1.0),
            self._port(table, "answer_port"),
            tuple(self._action(t) for t in table.tables("answers")),
        )
        table.close()
        return found

    @staticmethod
    def _known_key(table: Table, key: str, known: Vocabulary) -> None:
        names = [label.name for label in known.labels]
        if key not in names:
            raise table.error(
                key,
                f"The vocabulary {known.name} has no such term",
                got=repr(key),
                remedy=nearest(key, names) or f"Use one of {', '.join(names)}.",
            )

    @staticmethod
    def _outside(table: Table) -> OutsideRule:
        found = OutsideRule(
            table.pair("before_seconds", 0.0, 120.0),
            table.pair("trocar_seconds", 0.0, 20.0),
            table.pair("after_seconds", 0.0, 120.0),
            table.pair("cleaning_seconds", 0.5, 120.0),
            table.number("soilings_per_minute", 0.0, 20.0),
            table.pair("noticed_seconds", 0.2, 120.0),
            table.number("wiped_outside", 0.0, 1.0),
        )
        table.close()
        return found

    def _tube(self, table: Table) -> TubeRule:
        polyps: PolypRule | None = None
        if table.has("polyps"):
            inner = table.table("polyps")
            number = self._phase_number(inner, "found", inner.text("found"))
            polyps = PolypRule(number, _log_normal(inner.table("size_mm"), 2.0, 15.0))
            inner.close()
        found = TubeRule(
            table.pair("reach_mm", 100.0, 950.0),
            table.number("rinses_per_minute", 0.0, 20.0),
            table.pair("rinse_seconds", 0.2, 60.0),
            polyps,
        )
        table.close()
        return found
