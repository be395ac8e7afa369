"""HyperKvasir (Borgli et al., Scientific Data 2020): labelled images and videos, masks of polyps.

    labeled-images/image-labels.csv         Video file, Organ, Finding, Classification
    labeled-images/lower-gi-tract/pathological-findings/polyps/<uuid>.jpg
    labeled-videos/video-labels.csv         Video file, Organ, Finding 1, …
    hyper-kvasir-video-metadata.csv         file-name; finding; … (`;` between values)
    …/<uuid>.avi                            the videos, anywhere below; 20, 25 or 30 frames a second
    segmented-images/images, masks, bounding-boxes.json

A folder of images is one `video` named after its path. The images have nothing to do with one
another: their stamps, a second apart, say their order only. The class of an image is a `segment`
that fills it (artifact ""). The finding of a video is free text, `reported` at each frame.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from videoengine.models.datasets.annotations import (
    NOTHING,
    Annotated,
    Annotations,
    Moment,
    Unlabelled,
    state,
)
from videoengine.models.datasets.dataset_video import DatasetVideo, file_at, images_in, stills
from videoengine.models.datasets.hyperkvasir_polyps import PolypLabels, read_boxes
from videoengine.models.datasets.label_file import Row, read_table
from videoengine.payloads import Label, ReportedPayload, SegmentPayload
from videoengine.vocabularies import vocabulary

NAME: Final = "hyperkvasir"
FPS: Final = 1
FINDINGS: Final = "hyperkvasir/finding@1"
IMAGES: Final = "labeled-images"
VIDEOS: Final = "labeled-videos"
SEGMENTED: Final = "segmented-images"
METADATA: Final = "hyper-kvasir-video-metadata.csv"
VIDEO_SUFFIXES: Final = (".avi", ".mp4", ".mpg", ".mov", ".mkv")


def find_videos(root: Path) -> list[DatasetVideo]:
    """Return the image folders and videos of a folder laid out as HyperKvasir."""
    found = _image_folders(root)
    segmented = root / SEGMENTED
    images = images_in(segmented / "images")
    if images:
        pictures = stills([(path, place) for place, path in enumerate(images)], FPS)
        read = partial(_polyps, segmented)
        found.append(DatasetVideo(NAME, SEGMENTED, root, pictures, read, ("segment",)))
    return found + _videos(root)


def _image_folders(root: Path) -> list[DatasetVideo]:
    top = root / IMAGES
    found: list[DatasetVideo] = []
    for folder in sorted(top.glob("*-gi-tract/*/*")):
        images = images_in(folder)
        if images:
            name = folder.relative_to(root).as_posix()
            pictures = stills([(path, place) for place, path in enumerate(images)], FPS)
            read = partial(_image_labels, top / "image-labels.csv", folder.name)
            found.append(DatasetVideo(NAME, name, root, pictures, read, ("segment",)))
    return found


def _polyps(folder: Path) -> PolypLabels:
    boxes = folder / "bounding-boxes.json"
    label = vocabulary(FINDINGS).label("polyps")
    return PolypLabels(read_boxes(boxes) if boxes.is_file() else {}, folder / "masks", label)


def _image_labels(table: Path, folder: str) -> ImageLabels:
    label = vocabulary(FINDINGS).label(folder)
    if table.is_file():
        check_images(table, folder)
    return ImageLabels(label)


def check_images(path: Path, folder: str) -> None:
    """Refuse a table that does not know the class after which a folder is named.

    Raises:
        SourceError: The table is not as published, or knows no image of the class.
    """
    classes = {written(row.text("Finding")) for row in read_table(path, ("Video file", "Finding"))}
    if folder not in classes:
        Row(path, 1, (), ()).refuse(
            f"no image of the folder {folder} is in the table", got=", ".join(sorted(classes)[:8]),
            allowed=folder,
        )  # fmt: skip


def written(finding: str) -> str:
    """Return a finding as the folders write it."""
    return finding.strip().lower().replace(" ", "-")


@dataclass(frozen=True, slots=True)
class ImageLabels:
    """One class for every image of a folder."""

    label: Label

    @property
    def arrays(self) -> Mapping[str, str]:
        """None can be asked for."""
        return {}

    def at(self, moment: Moment, wanted: Collection[str]) -> Annotated:
        """Return the class."""
        return Annotated((state("segment", SegmentPayload(self.label, "")),))


@dataclass(frozen=True, slots=True)
class VideoFindings:
    """The findings of a video, each in the words of the table."""

    findings: tuple[str, ...]

    @property
    def arrays(self) -> Mapping[str, str]:
        """None can be asked for."""
        return {}

    def at(self, moment: Moment, wanted: Collection[str]) -> Annotated:
        """Return the findings."""
        found = [ReportedPayload("finding", text, "HyperKvasir") for text in self.findings]
        return Annotated(tuple(state("reported", one) for one in found)) if found else NOTHING


def _videos(root: Path) -> list[DatasetVideo]:
    metadata, labels = root / METADATA, root / VIDEOS / "video-labels.csv"
    if not metadata.is_file() and not labels.is_file():
        return []
    known: dict[str, tuple[str, ...]] = {}
    for name, text in (read_metadata(metadata) if metadata.is_file() else {}).items():
        known[Path(name).stem] = (text,) if text else ()
    if labels.is_file():
        known.update(read_video_labels(labels))
    found: list[DatasetVideo] = []
    for path in sorted(root.rglob("*")):
        if path.suffix.lower() not in VIDEO_SUFFIXES:
            continue
        findings = known.get(path.stem, ())
        kinds = ("reported",) if findings else ()
        read: Callable[[], Annotations] = partial(VideoFindings, findings) if kinds else Unlabelled
        name = path.relative_to(root).with_suffix("").as_posix()
        found.append(DatasetVideo(NAME, name, root, file_at(path), read, kinds))
    return found


def read_metadata(path: Path) -> dict[str, str]:
    """Return the finding of each video in the metadata by its file's name; "" where it says None.

    Raises:
        SourceError: The table is not as published.
    """
    columns = ("file-name", "finding", "width", "height", "number-of-frames", "fps", "length",
               "kilobytes")  # fmt: skip
    found: dict[str, str] = {}
    for row in read_table(path, columns, delimiter=";"):
        name, text = row.text("file-name"), " ".join(row.text("finding").split())
        row.integer("fps", 1, 1000)
        if name in found:
            row.refuse("the video stands here twice", got=name, allowed="each video once")
        found[name] = "" if text == "None" else text
    return found


def read_video_labels(path: Path) -> dict[str, tuple[str, ...]]:
    """Return the findings of each video in video-labels.csv by the file's name without suffix.

    Raises:
        SourceError: The table is not as published.
    """
    found: dict[str, tuple[str, ...]] = {}
    for row in read_table(path, ("Video file", "Organ")):
        texts = [row.text(column) for column in row.columns if column.startswith("Finding")]
        found[Path(row.text("Video file")).stem] = tuple(text for text in texts if text)
    return found
