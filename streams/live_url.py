"""Which live addresses may be opened, and with what FFmpeg is allowed to follow."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from videoengine.errors import UsageError, nearest, redact
from videoengine.streams.decoder import LARGEST_AREA
from videoengine.streams.live_config import LiveConfig

PROTOCOLS: Final = {
    "rtsp": "rtsp,rtp,udp,tcp",
    "rtsps": "rtsp,rtsps,rtp,srtp,udp,tcp,tls",
    "rtmp": "rtmp,tcp",
    "rtmps": "rtmps,tls,tcp",
    "http": "http,tcp,crypto",
    "https": "https,httpproxy,tls,tcp,crypto",
    "udp": "udp,rtp",
}
"""What FFmpeg may use for a scheme: nothing that reads a file or leads to another scheme."""
FORMATS: Final = {
    "rtsp": "rtsp,sdp,rtp",
    "rtsps": "rtsp,sdp,rtp",
    "rtmp": "flv",
    "rtmps": "flv",
    "http": "hls,mpegts,mov,mp4,m4a,3gp,3g2,mj2,mpjpeg,flv",
    "https": "hls,mpegts,mov,mp4,m4a,3gp,3g2,mj2,mpjpeg,flv",
    "udp": "mpegts",
}
CAMERA: Final = "camera"
_CAMERA = re.compile(r"^(?:camera:(?://)?)?(\d{1,3})$")
_SCHEME = re.compile(r"^([A-Za-z][A-Za-z0-9+.-]*):")


@dataclass(frozen=True, slots=True)
class LiveAddress:
    """A live URL that was found fit to open."""

    url: str = field(repr=False)
    """With its credentials: for FFmpeg alone."""
    shown: str
    """Without credentials and query: for people, logs and cases."""
    scheme: str
    format: str | None
    """FFmpeg's demuxer where the scheme decides it."""
    options: dict[str, str]


def live_address(url: str, config: LiveConfig) -> LiveAddress:
    """Check a live URL or camera index.

    Raises:
        UsageError: It is no live address; the message holds no credentials.
    """
    camera = _CAMERA.match(url)
    if camera is not None:
        device = f"/dev/video{int(camera[1])}"
        return LiveAddress(device, f"camera {int(camera[1])}", CAMERA, "video4linux2", {})
    scheme = _scheme(url)
    options = {
        "protocol_whitelist": PROTOCOLS[scheme],
        "format_whitelist": FORMATS[scheme],
        "max_pixels": str(LARGEST_AREA),
    }
    if scheme in ("rtsp", "rtsps"):
        # A small probe, and never `nobuffer`: it throws the first group of pictures away.
        options |= {
            "rtsp_transport": config.rtsp_transport,
            "allowed_media_types": "video",
            "analyzeduration": "0",
            "probesize": "32",
        }
    else:
        options |= {"analyzeduration": "1000000", "probesize": "500000"}
    return LiveAddress(url, shown(url), scheme, _format(scheme), options)


def _format(scheme: str) -> str | None:
    return {"rtmp": "flv", "rtmps": "flv", "udp": "mpegts"}.get(scheme)


def _scheme(url: str) -> str:
    found = _SCHEME.match(url)
    scheme = found[1].lower() if found is not None else ""
    if scheme not in PROTOCOLS or not url[len(scheme) :].startswith("://"):
        raise UsageError(
            "This is no live video",
            got=shown(url) if scheme else repr(redact(url)),
            allowed=", ".join(f"{name}://" for name in PROTOCOLS) + " or a camera's number",
            remedy=nearest(scheme, PROTOCOLS) or "`videoengine analyze` reads recorded video.",
        )
    try:
        parts = urlsplit(url)
        bad = not parts.hostname or (parts.port is not None and not 0 < parts.port < 65536)
    except ValueError:
        bad = True
    if bad or any(ord(letter) < 33 for letter in url):
        raise UsageError(
            "This live URL names no host", got=shown(url), allowed=f"{scheme}://HOST[:PORT]/PATH"
        )
    return scheme


def shown(url: str) -> str:
    """Return a URL as it may be shown: no user, password, query or fragment (tokens)."""
    text = redact(url)
    text = re.sub(r"[?#].*$", "", text)
    # What looks like credentials without being well formed is not shown either.
    return re.sub(r"(://)[^/]*@", r"\1***@", text)


def secrets_of(url: str) -> tuple[str, ...]:
    """Return the parts of a URL that FFmpeg's messages must not repeat, longest first."""
    parts = urlsplit(url) if "://" in url else None
    if parts is None:
        return ()
    found = {url, parts.netloc.rpartition("@")[0], parts.password or "", parts.query}
    return tuple(sorted((item for item in found if item), key=len, reverse=True))
