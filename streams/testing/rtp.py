"""Pictures of a video file as RTP packets: H.264 by RFC 6184, HEVC by RFC 7798."""

from __future__ import annotations

import base64
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Final, Literal

import av

Codec = Literal["h264", "hevc"]
CLOCK_HZ: Final = 90_000
PAYLOAD_TYPE: Final = 96
PAYLOAD_BYTES: Final = 1400
"""Fits an Ethernet frame with the headers of RTP, UDP and IP."""
NTP_EPOCH_S: Final = 2_208_988_800
"""Seconds from 1900, where NTP begins, to 1970."""

_PARAMETER_TYPES: Final[dict[Codec, tuple[int, ...]]] = {"h264": (7, 8), "hevc": (32, 33, 34)}
_DELIMITER_TYPE: Final[dict[Codec, int]] = {"h264": 9, "hevc": 35}


@dataclass(frozen=True, slots=True)
class CodedPicture:
    """One access unit; stamps are 90 kHz ticks after the file's first picture."""

    units: tuple[bytes, ...]
    """NAL units without start codes; a key picture's begin with its parameter sets."""
    pts_ticks: int
    due_ticks: int
    """When it is sent: the decoding stamp."""
    key: bool


@dataclass(frozen=True, slots=True)
class CodedFile:
    """A file's video, read whole: pictures in decoding order, the first one a key picture."""

    codec: Codec
    parameter_sets: tuple[bytes, ...]
    pictures: tuple[CodedPicture, ...]
    period_ticks: int
    """From the first picture to where the next round of a loop begins."""
    frame_ticks: int
    fps: Fraction

    @property
    def reorder_ticks(self) -> int:
        """Return how far a picture's stamp runs ahead of its sending."""
        return max(picture.pts_ticks - picture.due_ticks for picture in self.pictures)

    def key_at(self, ticks: int) -> int:
        """Return the index of the newest key picture due by `ticks`."""
        due = [
            number
            for number, picture in enumerate(self.pictures)
            if picture.key and picture.due_ticks <= ticks
        ]
        return due[-1] if due else 0


def read_coded_file(path: Path) -> CodedFile:
    """Read the first video stream of a file without decoding it.

    Raises:
        ValueError: its codec is neither H.264 nor HEVC, or it holds no key picture.
    """
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        codec = _codec(stream.codec_context.name, path)
        extradata = stream.codec_context.extradata or b""
        fps = Fraction(stream.average_rate or stream.guessed_rate or 25)
        base = stream.time_base or Fraction(1, CLOCK_HZ)
        packets = [
            (bytes(packet), packet.pts, packet.dts, packet.is_keyframe)
            for packet in container.demux(stream)
            if packet.size
        ]
    first = next((number for number, packet in enumerate(packets) if packet[3]), None)
    if first is None:
        raise ValueError(f"{path} must hold a key picture, got none in {len(packets)} packets")
    packets = packets[first:]
    length_bytes, sets = _parameter_sets(extradata, codec)
    frame_ticks = round(CLOCK_HZ / fps)
    units = [_units(packet[0], length_bytes) for packet in packets]
    sets = sets or tuple(u for u in units[0] if unit_type(u, codec) in _PARAMETER_TYPES[codec])
    stamps = _stamps([packet[1] for packet in packets], base, frame_ticks)
    dues = _stamps([packet[2] for packet in packets], base, frame_ticks)
    pictures = tuple(
        CodedPicture(_whole(unit, sets, codec, key=packet[3]), pts, due, packet[3])
        for unit, packet, pts, due in zip(units, packets, stamps, dues, strict=True)
    )
    return CodedFile(codec, sets, pictures, max(stamps) + frame_ticks, frame_ticks, fps)


def _codec(name: str, path: Path) -> Codec:
    if name == "h264":
        return "h264"
    if name == "hevc":
        return "hevc"
    raise ValueError(f"the codec must be h264 or hevc, got {name!r} in {path}")


def _stamps(stamps: Sequence[int | None], base: Fraction, frame_ticks: int) -> list[int]:
    """Return ticks after the smallest stamp; a raw stream without stamps gets a constant rate."""
    known = [stamp for stamp in stamps if stamp is not None]
    if len(known) != len(stamps):
        return [number * frame_ticks for number in range(len(stamps))]
    first = min(known)
    return [round((stamp - first) * base * CLOCK_HZ) for stamp in known]


def unit_type(unit: bytes, codec: Codec) -> int:
    """Return the NAL unit's type."""
    return unit[0] & 0x1F if codec == "h264" else unit[0] >> 1 & 0x3F


def _whole(
    units: Sequence[bytes], sets: tuple[bytes, ...], codec: Codec, *, key: bool
) -> tuple[bytes, ...]:
    """Return the picture without delimiters, a key picture with its parameter sets in front."""
    kept = tuple(unit for unit in units if unit_type(unit, codec) != _DELIMITER_TYPE[codec])
    own = any(unit_type(unit, codec) in _PARAMETER_TYPES[codec] for unit in kept)
    return sets + kept if key and not own else kept


def _units(data: bytes, length_bytes: int | None) -> list[bytes]:
    """Split a packet with length prefixes (MP4), or start codes if `length_bytes` is None."""
    if length_bytes is None:
        # A unit never ends in a zero byte: those before a start code belong to the code.
        parts = [part.rstrip(b"\0") for part in data.split(b"\0\0\1")]
        return [part for part in parts if part]
    units: list[bytes] = []
    place = 0
    while place + length_bytes <= len(data):
        size = int.from_bytes(data[place : place + length_bytes], "big")
        place += length_bytes
        if size:
            units.append(data[place : place + size])
        place += size
    return units


def _parameter_sets(extradata: bytes, codec: Codec) -> tuple[int | None, tuple[bytes, ...]]:
    """Return the bytes of a length prefix (None: start codes) and the parameter sets."""
    wanted = _PARAMETER_TYPES[codec]
    if not extradata or extradata[0] != 1:
        found = _units(extradata, None)
        return None, tuple(unit for unit in found if unit_type(unit, codec) in wanted)
    if codec == "h264":
        sequence, place = _counted(extradata, 6, extradata[5] & 0x1F)
        picture, _ = _counted(extradata, place + 1, extradata[place])
        return (extradata[4] & 3) + 1, tuple(sequence + picture)
    sets: list[bytes] = []
    place = 23
    for _ in range(extradata[22]):
        count = int.from_bytes(extradata[place + 1 : place + 3], "big")
        more, place = _counted(extradata, place + 3, count)
        sets += [unit for unit in more if unit_type(unit, codec) in wanted]
    return (extradata[21] & 3) + 1, tuple(sets)


def _counted(data: bytes, place: int, count: int) -> tuple[list[bytes], int]:
    """Return `count` units that 16-bit lengths precede, and the place after them."""
    units: list[bytes] = []
    for _ in range(count):
        size = int.from_bytes(data[place : place + 2], "big")
        units.append(data[place + 2 : place + 2 + size])
        place += 2 + size
    return units, place


def payloads(units: Sequence[bytes], codec: Codec) -> Iterator[bytes]:
    """Yield the RTP payloads of a picture: whole NAL units, and fragments of the long ones."""
    header_bytes = 1 if codec == "h264" else 2
    for unit in units:
        if len(unit) <= PAYLOAD_BYTES:
            yield unit
            continue
        kind = unit_type(unit, codec)
        if codec == "h264":
            indicator = bytes([unit[0] & 0xE0 | 28])
        else:
            indicator = bytes([unit[0] & 0x81 | 49 << 1, unit[1]])
        body = unit[header_bytes:]
        step = PAYLOAD_BYTES - header_bytes - 1
        for place in range(0, len(body), step):
            starts, ends = place == 0, place + step >= len(body)
            yield indicator + bytes([starts << 7 | ends << 6 | kind]) + body[place : place + step]


def rtp_packet(payload: bytes, *, sequence: int, ticks: int, ssrc: int, marker: bool) -> bytes:
    """Return one RTP packet; `sequence` and `ticks` wrap here."""
    second = PAYLOAD_TYPE | marker << 7
    return (
        struct.pack("!BBHII", 0x80, second, sequence & 0xFFFF, ticks & 0xFFFF_FFFF, ssrc) + payload
    )


def sender_report(
    *, ssrc: int, unix_s: float, ticks: int, packets: int, payload_bytes: int
) -> bytes:
    """Return an RTCP sender report with its mandatory name: `ticks` is the stamp at `unix_s`."""
    whole = int(unix_s)
    fraction = int((unix_s - whole) * 2**32)
    report = struct.pack(
        "!BBHIIIIII",
        0x80,
        200,
        6,
        ssrc,
        (whole + NTP_EPOCH_S) & 0xFFFF_FFFF,
        fraction,
        ticks & 0xFFFF_FFFF,
        packets & 0xFFFF_FFFF,
        payload_bytes & 0xFFFF_FFFF,
    )
    name = b"\x01\x04test\x00\x00"  # CNAME item, its end and the padding to 32 bits
    return report + struct.pack("!BBHI", 0x81, 202, 1 + len(name) // 4, ssrc) + name


def goodbye(ssrc: int) -> bytes:
    """Return an RTCP BYE after the empty report that must precede it."""
    return struct.pack("!BBHI", 0x80, 201, 1, ssrc) + struct.pack("!BBHI", 0x81, 203, 1, ssrc)


def session_description(file: CodedFile, *, host: str) -> str:
    """Return the SDP of a file: codec, parameter sets and rate."""
    sets = {
        kind: ",".join(
            base64.b64encode(unit).decode()
            for unit in file.parameter_sets
            if unit_type(unit, file.codec) == kind
        )
        for kind in _PARAMETER_TYPES[file.codec]
    }
    if file.codec == "h264":
        profile = next((u[1:4].hex() for u in file.parameter_sets if u[0] & 0x1F == 7), "42e01f")
        fmtp = f"packetization-mode=1; profile-level-id={profile}; sprop-parameter-sets="
        fmtp += ",".join(value for value in sets.values() if value)
    else:
        fmtp = f"sprop-vps={sets[32]}; sprop-sps={sets[33]}; sprop-pps={sets[34]}"
    encoding = "H264" if file.codec == "h264" else "H265"
    lines = [
        "v=0",
        f"o=- 1 1 IN IP4 {host}",
        "s=videoengine test",
        "c=IN IP4 0.0.0.0",
        "t=0 0",
        "a=control:*",
        "a=range:npt=now-",
        f"m=video 0 RTP/AVP {PAYLOAD_TYPE}",
        f"a=rtpmap:{PAYLOAD_TYPE} {encoding}/{CLOCK_HZ}",
        f"a=fmtp:{PAYLOAD_TYPE} {fmtp}",
        f"a=framerate:{float(file.fps):g}",
        "a=control:trackID=0",
    ]
    return "\r\n".join(lines) + "\r\n"
