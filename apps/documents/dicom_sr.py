"""What the models found as a DICOM Structured Report that points into the exported video.

Comprehensive SR. The root is an Imaging Measurement Report with the observation context of TID
1001 and 1002 and the procedure; then one container a kind, with one coded finding a stretch, each
`INFERRED FROM` temporal coordinates that are `SELECTED FROM` the video (PS3.3 A.35.3, C.18.7).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, Final

import videoengine
from videoengine.apps.documents.dicom_header import (
    NO_DATE,
    NO_TIME,
    VIDEO_SERIES,
    Series,
    dataset,
    instance_uid,
    pydicom,
    series_uid,
    write,
)
from videoengine.apps.documents.ids import uid
from videoengine.apps.documents.terms import SNOMED_PROCEDURES
from videoengine.apps.export.request import Request
from videoengine.canonical import digest
from videoengine.errors import UsageError
from videoengine.media_time import NS_PER_SECOND
from videoengine.models.backbones.extras import require
from videoengine.models.vlm.inside import SEEN
from videoengine.models.vlm.note.source import read_note_log
from videoengine.timeline import Mark, Segment

SR_SERIES: Final = Series(
    "findings", "1.2.840.10008.5.1.4.1.1.88.33", "SR", 3, "Findings of the models"
)
SETTLED: Final = ".smoothed"
"""Ending of a stage's name that states again what it can say once the whole video was seen."""
SCHEME: Final = "99VIDEOENGINE"
KINDS: Final = {
    "procedure": "Procedure seen",
    "phase": "Phase seen",
    "step": "Step seen",
    "instrument": "Instrument seen",
    "triplet": "Action seen",
}
"""Kinds of segments that are findings, and what a person reads as their name."""
UNITS: Final = {"mm": "millimeter", "s": "second", "%": "percent"}


@dataclass(frozen=True, slots=True)
class _Writer:
    """highdicom's content items, and the video they point into."""

    sr: Any
    video: str
    """Instance id of the exported video."""

    def code(self, value: str, meaning: str, scheme: str = SCHEME) -> Any:
        """Return a coded concept; meanings are cut to what DICOM holds."""
        return self.sr.CodedConcept(value, scheme, meaning[:64])

    def container(self, name: Any, items: Iterable[Any], *, root: bool = False) -> Any:
        """Return a heading with what stands below it."""
        made = self.sr.ContainerContentItem(
            name=name,
            relationship_type=None if root else self.sr.RelationshipTypeValues.CONTAINS,
        )
        made.ContentSequence = self.sr.ContentSequence(items, is_root=False)
        return made

    def stretch(self, start_ns: int, end_ns: int) -> Any:
        """Return a stretch of the video as seconds after its first frame."""
        start, end = (round(at / NS_PER_SECOND, 3) for at in (start_ns, end_ns))
        at = self.sr.TcoordContentItem(
            name=self.code("121112", "Source of Measurement", "DCM"),
            temporal_range_type="SEGMENT" if end > start else "POINT",
            referenced_time_offsets=[start, end] if end > start else [start],
            relationship_type=self.sr.RelationshipTypeValues.INFERRED_FROM,
        )
        image = self.sr.ImageContentItem(
            name=self.code("260753009", "Source", "SCT"),
            referenced_sop_class_uid=VIDEO_SERIES.sop_class,
            referenced_sop_instance_uid=self.video,
            relationship_type=self.sr.RelationshipTypeValues.SELECTED_FROM,
        )
        at.ReferencedTimeOffsets = [f"{value:.3f}" for value in (start, end)[: 1 + (end > start)]]
        at.ContentSequence = self.sr.ContentSequence([image], is_root=False)
        return at


def write_report(request: Request, out: Path) -> int:
    """Write the findings of a case; returns how many there are."""
    segments = _found(request)
    marks = [m for m in request.timeline.marks if _is_stated(m)]
    if not segments and not marks:
        raise UsageError(
            "The models found nothing that a structured report could hold",
            got="no phase, step, instrument, action or measurement",
            allowed="a case with findings",
            remedy="Analyze it with --preset embedded, or export another format.",
        )
    case = request.case
    writer = _Writer(
        require("highdicom.sr", "clinical", "A DICOM structured report"),
        instance_uid(case, VIDEO_SERIES),
    )
    made = writer.sr.ComprehensiveSR(
        evidence=[_video(request)],
        content=_root(writer, request, segments, marks),
        series_instance_uid=series_uid(case, SR_SERIES),
        series_number=SR_SERIES.number,
        sop_instance_uid=_instance(request, segments, marks),
        instance_number=1,
        manufacturer="videoengine",
        is_complete=True,
        is_final=False,
        is_verified=False,
    )
    _undate(made, request)
    write(made, out)
    return len(segments) + len(marks)


def _found(request: Request) -> list[Segment]:
    """Return what a note could state: of a stage that looked again, only what it said then."""
    log = read_note_log(request.case)
    found = [*log.of(*(kind for kind in KINDS if kind not in SEEN)), *log.seen]
    settled = {segment.kind for segment in found if segment.stage.endswith(SETTLED)}
    return [s for s in found if s.kind not in settled or s.stage.endswith(SETTLED)]


def _instance(request: Request, segments: list[Segment], marks: list[Mark]) -> str:
    """Return the id of the report of these findings."""
    keys = digest([[s.first_key, s.last_key] for s in segments] + [[m.key] for m in marks])
    return instance_uid(request.case, SR_SERIES, keys)


def _is_stated(mark: Mark) -> bool:
    return mark.kind == "measurement" and mark.payload["scale"] != "relative"


def _video(request: Request) -> Any:
    """Return the header of the video that `--to dicom-video` writes, which the report refers to."""
    made = dataset(request.case, VIDEO_SERIES)
    made.Rows = made.Columns = made.NumberOfFrames = 1  # read by nobody, asked for by highdicom
    return made


def _undate(made: Any, request: Request) -> None:
    """Give the report the header of its siblings: highdicom writes the time at which it is made."""
    own = str(made.SOPInstanceUID)
    for element in dataset(request.case, SR_SERIES):
        made[element.tag] = element
    made.SOPInstanceUID = own
    for name in ("InstanceCreationDate", "InstanceCreationTime", "TimezoneOffsetFromUTC"):
        if name in made:
            delattr(made, name)
    for tool in made.get("ContributingEquipmentSequence", []):
        if "ContributionDateTime" in tool:
            del tool.ContributionDateTime
    made.ContentDate, made.ContentTime = NO_DATE, NO_TIME
    scheme = pydicom().Dataset()
    scheme.CodingSchemeDesignator = SCHEME
    scheme.CodingSchemeName = "videoengine's vocabularies"
    scheme.CodingSchemeResponsibleOrganization = "videoengine"
    made.CodingSchemeIdentificationSequence = [scheme]


def _root(writer: _Writer, request: Request, segments: list[Segment], marks: list[Mark]) -> Any:
    """Return the whole tree."""
    sr = writer.sr
    version = videoengine.__version__
    observer = sr.ObserverContext(
        observer_type=writer.code("121007", "Device", "DCM"),
        observer_identifying_attributes=sr.DeviceObserverIdentifyingAttributes(
            uid=uid("software", version),
            name=f"videoengine {version}",
            manufacturer_name="videoengine",
            model_name="videoengine",
        ),
    )
    items = [*sr.ObservationContext(observer_device_context=observer)]
    items += _procedures(writer, request.case.manifest.procedure)
    items.append(
        sr.TextContentItem(
            name=writer.code("disclaimer", "Disclaimer"),
            value=videoengine.DISCLAIMER,
            relationship_type=sr.RelationshipTypeValues.CONTAINS,
        )
    )
    ordered = sorted(segments, key=lambda s: (list(KINDS).index(s.kind), s.start_ns, s.name))
    for kind, found in groupby(ordered, key=lambda segment: segment.kind):
        heading = writer.code(kind, KINDS[kind])
        items.append(writer.container(heading, [_finding(writer, one) for one in found]))
    if marks:
        heading = writer.code("125007", "Measurement Group", "DCM")
        items.append(writer.container(heading, [_measurement(writer, one) for one in marks]))
    title = writer.code("126000", "Imaging Measurement Report", "DCM")
    return writer.container(title, items, root=True)


def _procedures(writer: _Writer, given: str | None) -> list[Any]:
    """Return the procedure that the analysis was told, if it was."""
    if given is None:
        return []
    value, meaning = SNOMED_PROCEDURES.get(given, (given, given))
    scheme = "SCT" if given in SNOMED_PROCEDURES else SCHEME
    return [
        writer.sr.CodeContentItem(
            name=writer.code("121058", "Procedure reported", "DCM"),
            value=writer.code(value, meaning, scheme),
            relationship_type=writer.sr.RelationshipTypeValues.HAS_CONCEPT_MOD,
        )
    ]


def _finding(writer: _Writer, segment: Segment) -> Any:
    """Return a coded finding with the stretch of video it rests on."""
    made = writer.sr.CodeContentItem(
        name=writer.code("121071", "Finding", "DCM"),
        value=writer.code(f"{segment.kind}/{segment.name}", segment.name),
        relationship_type=writer.sr.RelationshipTypeValues.CONTAINS,
    )
    stretch = writer.stretch(segment.start_ns, segment.end_ns)
    made.ContentSequence = writer.sr.ContentSequence([stretch], is_root=False)
    return made


def _measurement(writer: _Writer, mark: Mark) -> Any:
    payload = mark.payload
    unit = str(payload["unit"])
    known = unit in UNITS
    made = writer.sr.NumContentItem(
        name=writer.code(str(payload["name"]), str(payload["name"])),
        value=float(payload["value"]),
        unit=writer.code(unit if known else "1", UNITS.get(unit, "no units"), "UCUM"),
        relationship_type=writer.sr.RelationshipTypeValues.CONTAINS,
    )
    stretch = writer.stretch(mark.start_ns, mark.end_ns)
    made.ContentSequence = writer.sr.ContentSequence([stretch], is_root=False)
    return made
