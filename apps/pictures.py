"""The pictures behind a case: every analyzed frame in order, or a few by seeking."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Final, NamedTuple

from videoengine.apps.source_record import LIVE, locate_source, reopen_source
from videoengine.case import Case
from videoengine.frames import Frame, Pixels
from videoengine.media_time import NS_PER_SECOND, Epoch, ns_from_pts
from videoengine.sources import PacketLedger, Source
from videoengine.streams import Decoder
from videoengine.streams.image_folder import ImageFolder, timing
from videoengine.streams.live_archive import pictures_at
from videoengine.streams.pyav_decoder import PyAVDecoder

READ_ON_NS: Final = 10 * NS_PER_SECOND
"""The next picture wanted is reached by reading on when it is nearer than this, else by a seek."""


class Moment(NamedTuple):
    """The stamp of one frame."""

    epoch: int
    pts_ns: int


class Analyzed(NamedTuple):
    """A frame that the newest run analyzed, and its place."""

    frame: Frame
    epoch: Epoch
    case_ns: int


def analyzed_frames(case: Case, source: Source) -> Iterator[Analyzed]:
    """Yield the frames of a reopened source up to where the analysis was told to stop."""
    until_ns = case.manifest.config.get("until_ns")
    for frame in source:
        epoch = source.clock.epoch
        assert epoch is not None
        case_ns = epoch.case_ns(frame.pts_ns)
        if until_ns is not None and case_ns >= until_ns:
            return
        yield Analyzed(frame, epoch, case_ns)


def frames_at(
    case: Case, wanted: Iterable[Moment], source: str | Path | None = None
) -> Iterator[Frame]:
    """Yield the frames with these stamps, in order of time; those that are not found are left out.

    Raises:
        SourceError: The source is gone, changed or unreadable.
    """
    left = sorted(set(wanted))
    if not left:
        return
    record = case.manifest.source
    if record is not None and record.kind == LIVE:
        epochs = [Epoch.from_json(row) for row in case.manifest.epochs]
        yield from pictures_at(case.path, epochs, left)
        return
    seekable = _time_bases(case)
    if seekable is not None:
        for frame in _by_seeking(case, left, seekable, source):
            left.remove(Moment(frame.epoch, frame.pts_ns))
            yield frame
    if left:
        yield from _by_reading(case, left, source)


def _time_bases(case: Case) -> dict[int, Fraction] | None:
    """Return the time base of each epoch, or None when a stamp may occur twice in the source."""
    epochs = [Epoch.from_json(row) for row in case.manifest.epochs]
    if not epochs or any(epoch.cause not in ("start", "hole") for epoch in epochs):
        return None
    return {epoch.index: epoch.time_base for epoch in epochs}


def _decoder(case: Case, source: str | Path | None) -> Decoder | None:
    place, options = locate_source(case, source)
    record = case.manifest.source
    path = Path(place)
    if record is None or record.kind == "uri":
        return None
    if path.is_dir():
        stamps = options.get("stamps")
        order = timing(path, fps=options.get("fps"), stamps=Path(stamps) if stamps else None)
        return ImageFolder(order, packets=PacketLedger())
    return PyAVDecoder(path, packets=PacketLedger())


def _by_seeking(
    case: Case, wanted: list[Moment], bases: dict[int, Fraction], source: str | Path | None
) -> Iterator[Frame]:
    decoder = _decoder(case, source)
    if decoder is None:
        return
    try:
        at_ns: int | None = None
        pictures = decoder.pictures()
        for moment in list(wanted):
            base = bases.get(moment.epoch)
            if base is None:
                continue
            if at_ns is None or moment.pts_ns - at_ns > READ_ON_NS:
                ticks = round(Fraction(moment.pts_ns, NS_PER_SECOND) / base)
                if not decoder.restart(ticks, counted=0):
                    return
                pictures = decoder.pictures()
            for picture in pictures:
                if picture.pts is None:
                    return
                at_ns = ns_from_pts(picture.pts, picture.time_base)
                if at_ns >= moment.pts_ns:
                    break
            else:
                return
            if at_ns != moment.pts_ns:
                continue
            yield _frame(case, moment, picture.pts, picture.pixels)
    finally:
        decoder.close()


def _frame(case: Case, moment: Moment, pts: int, pixels: Pixels) -> Frame:
    return Frame(
        stream_id=case.manifest.stream_id,
        view="mono",
        epoch=moment.epoch,
        seq=0,
        pts=pts,
        pts_ns=moment.pts_ns,
        duration_ns=0,
        arrival_ns=0,
        pts_source="stream",
        pixels=pixels,
    )


def _by_reading(case: Case, wanted: list[Moment], source: str | Path | None) -> Iterator[Frame]:
    left = set(wanted)
    opened = reopen_source(case, source)
    try:
        for frame in opened:
            moment = Moment(frame.epoch, frame.pts_ns)
            if moment in left:
                left.remove(moment)
                yield frame
            if not left:
                return
    finally:
        opened.close()
