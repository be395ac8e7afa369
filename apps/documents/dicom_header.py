"""What every DICOM file of a case shares: its ids, and modules without a patient, place or date.

Ids come from the case's own, so the files of one case refer to each other whenever they are made.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import videoengine
from videoengine.apps.documents.ids import NAMESPACE, uid
from videoengine.case import Case
from videoengine.models.backbones.extras import require

EXPLICIT: Final = "1.2.840.10008.1.2.1"
"""Explicit VR little endian."""
VIDEO: Final = "1.2.840.10008.5.1.4.1.1.77.1.1.1"
"""Video Endoscopic Image Storage."""
IMPLEMENTATION: Final = f"2.25.{NAMESPACE.int}"
IMPLEMENTATION_NAME: Final = "VIDEOENGINE"
NO_DATE, NO_TIME = "19000101", "000000"
"""Where the standard insists on a date: PS3.15 wants a dummy, not the true one."""
METHOD: Final = "No identity, date, place or sound written; pictures gated"


@dataclass(frozen=True, slots=True)
class Series:
    """One series of a case, of which each export writes the only instance."""

    name: str
    """Part of its ids."""
    sop_class: str
    modality: str
    number: int
    says: str


VIDEO_SERIES: Final = Series("video", VIDEO, "ES", 1, "Endoscopic video, gated")


def pydicom() -> Any:
    """Return pydicom, or raise ModelError with the command that brings it."""
    return require("pydicom", "clinical", "A DICOM file")


def study_uid(case: Case) -> str:
    """Return the study of a case."""
    return uid(case.manifest.case_id, "study")


def series_uid(case: Case, series: Series) -> str:
    """Return the id of a series of a case."""
    return uid(case.manifest.case_id, "series", series.name)


def instance_uid(case: Case, series: Series, *content: str) -> str:
    """Return the id of the instance that holds this content of the case's newest run."""
    manifest = case.manifest
    version = videoengine.__version__
    return uid(manifest.case_id, manifest.run_id, version, "instance", series.name, *content)


def dataset(case: Case, series: Series, *content: str) -> Any:
    """Return a dataset with patient, study, series, equipment and SOP common modules."""
    made = pydicom().Dataset()
    made.SpecificCharacterSet = "ISO_IR 192"
    for empty in ("PatientName", "PatientID", "PatientBirthDate", "PatientSex"):
        setattr(made, empty, "")
    made.PatientIdentityRemoved = "YES"
    made.DeidentificationMethod = METHOD
    made.LongitudinalTemporalInformationModified = "REMOVED"
    for empty in ("StudyDate", "StudyTime", "AccessionNumber", "ReferringPhysicianName", "StudyID"):
        setattr(made, empty, "")
    made.StudyInstanceUID = study_uid(case)
    made.Modality = series.modality
    made.SeriesInstanceUID = series_uid(case, series)
    made.SeriesNumber = series.number
    made.SeriesDescription = series.says
    made.Manufacturer = "videoengine"
    made.ManufacturerModelName = "videoengine"
    made.SoftwareVersions = videoengine.__version__
    made.InstanceNumber = 1
    made.SOPClassUID = series.sop_class
    made.SOPInstanceUID = instance_uid(case, series, *content)
    return made


def write(made: Any, path: Path, *, transfer_syntax: str = EXPLICIT) -> None:
    """Write a dataset as a DICOM file."""
    meta = pydicom().dataset.FileMetaDataset()
    meta.MediaStorageSOPClassUID = made.SOPClassUID
    meta.MediaStorageSOPInstanceUID = made.SOPInstanceUID
    meta.TransferSyntaxUID = transfer_syntax
    meta.ImplementationClassUID = IMPLEMENTATION
    meta.ImplementationVersionName = IMPLEMENTATION_NAME
    made.file_meta = meta
    with path.open("wb") as stream:
        pydicom().dcmwrite(stream, made, enforce_file_format=True)


def code(value: str, scheme: str, meaning: str) -> Any:
    """Return one coded entry."""
    item = pydicom().Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return item
