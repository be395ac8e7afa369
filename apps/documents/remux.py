"""The source's own packets in an MP4, where nothing of the video has to be hidden or changed."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import av
from av.bitstream import BitStreamFilterContext
from av.error import InvalidDataError

from videoengine.apps.documents.h264 import Level, Profile, header, profiles
from videoengine.apps.export.request import Request
from videoengine.apps.source_record import locate_source, reopen_source
from videoengine.media_time import ns_from_pts

NO_SEI: Final = "filter_units=remove_types=6"
"""Side messages of an H.264 stream may hold what a camera or an encoder wrote about itself."""


def remux(request: Request, out: Path) -> Level | None:
    """Write the source's packets unchanged but for side messages, or return None.

    None where a frame is blanked or lies in a view circle (what is outside it must be black),
    where the source is no H.264 that DICOM can hold, is turned, has no square pixels or two fields
    a frame, where not every packet was analyzed, or where MP4 cannot hold the stamps exactly.
    """
    place, _ = locate_source(request.case, request.source)
    if not _whole(request) or _has_fields(place):
        return None
    with av.open(place) as source:
        stream: Any = source.streams.video[0]
        if stream.codec_context.name != "h264":
            return None
        length_size, stated = header(bytes(stream.codec_context.extradata or b""))
        found = set(stated)
        if None in {profile.syntax() for profile in found}:
            return None
        try:
            stamps = _copied(request, source, stream, out, length_size, found)
        except InvalidDataError:  # MP4 cannot hold these packets: they are encoded again
            return None
    known = [level for level in (profile.syntax() for profile in found) if level is not None]
    if stamps is None or not known or len(known) < len(found) or stamps != seconds(out):
        return None
    return max(known, key=lambda level: level.idc)


def seconds(path: Path) -> list[Fraction]:
    """Return the stamps of a video's packets in order of time, in seconds."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        return sorted(
            packet.pts * packet.time_base
            for packet in container.demux(stream)
            if packet.pts is not None and packet.time_base is not None
        )


def _whole(request: Request) -> bool:
    """Tell whether the newest run analyzed one unbroken file, all of it, as it is shown."""
    case, manifest = request.case, request.case.manifest
    record = manifest.source
    if record is None or record.kind != "file" or len(manifest.epochs) != 1:
        return False
    packets = (request.timeline.run.get("packets") or {}).get(manifest.stream_id, {})
    if manifest.config.get("until_ns") is not None or any(packets.get("skipped", {}).values()):
        return False
    if packets.get("demuxed") != packets.get("decoded"):
        return False
    opened = reopen_source(case, request.source)
    try:
        pixels = next(iter(opened)).pixels
        return pixels.rotation == 0 and pixels.sample_aspect_ratio == 1
    except StopIteration:
        return False
    finally:
        opened.close()


def _has_fields(place: str) -> bool:
    """Tell whether a frame holds two fields, one after the other in time."""
    with av.open(place) as source:
        frame: Any = next(source.decode(video=0), None)
        return frame is None or bool(frame.interlaced_frame)


def _copied(
    request: Request,
    source: Any,
    stream: Any,
    out: Path,
    length_size: int,
    found: set[Profile],
) -> list[Fraction] | None:
    """Copy the packets and return their stamps; None when one of them may not leave as it is."""
    gate, base = request.timeline.gate, stream.time_base
    scale = str(base.denominator)
    options = {"video_track_timescale": scale, "movie_timescale": scale, "fflags": "+bitexact"}
    stamps: list[Fraction] = []
    with av.open(str(out), "w", format="mp4", options=options) as container:
        copy: Any = container.add_stream_from_template(stream)
        # Told of the copy, the filter would take away the header of a stream with start codes.
        clean = BitStreamFilterContext(NO_SEI, stream)
        for packet in source.demux(stream):
            if packet.pts is None:
                continue  # the flushing packet at the end
            pts_ns = ns_from_pts(packet.pts, base)
            if not gate.allows(0, pts_ns) or gate.circle(0, pts_ns) is not None:
                return None
            found |= set(profiles(bytes(packet), length_size=length_size))
            stamps.append(packet.pts * base)
            for cleaned in clean.filter(packet):
                cleaned.stream = copy
                container.mux(cleaned)
            if request.progress is not None:
                request.progress(request.timeline.case_ns(0, pts_ns), len(stamps))
        for cleaned in clean.filter(None):
            cleaned.stream = copy
            container.mux(cleaned)
    decoded = request.timeline.run["packets"][request.case.manifest.stream_id]["decoded"]
    return sorted(stamps) if len(stamps) == decoded else None
