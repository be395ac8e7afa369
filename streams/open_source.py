"""From what the user names to a Source."""

from __future__ import annotations

import os
import re
from fractions import Fraction
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from videoengine import plugins
from videoengine.errors import SourceError, UsageError, nearest
from videoengine.sources import PacketLedger, Source
from videoengine.streams import image_folder
from videoengine.streams.decoder import OpenDecoder
from videoengine.streams.live_url import PROTOCOLS, shown
from videoengine.streams.pyav_decoder import PyAVDecoder
from videoengine.streams.recorded_source import RecordedSource

DECODERS: Final[dict[str, OpenDecoder]] = {"pyav": PyAVDecoder}
LIVE_SCHEMES: Final = (*PROTOCOLS, "rtp", "srt", "tcp")
_SCHEME = re.compile(r"^([A-Za-z][A-Za-z0-9+.-]*)://")


def open_source(
    uri: str | os.PathLike[str],
    *,
    stream_id: str = "s0",
    fps: float | Fraction | str | None = None,
    stamps: str | os.PathLike[str] | None = None,
    decoder: str = "pyav",
) -> Source:
    """Open a recorded video; the caller closes it.

    Args:
        uri: A file (mp4, mov, mkv, webm, ts, avi), a folder of images, or a plug-in's URI.
        stream_id: Name of the stream in the case.
        fps: Images a second of a folder; a string may be a fraction, `30000/1001`.
        stamps: File with one stamp in seconds a line, for a folder.
        decoder: Which decoder reads a file.

    Raises:
        UsageError: The call cannot be right: a live URL, an unknown scheme, a missing rate.
        SourceError: The video cannot be read.
    """
    text = os.fspath(uri)
    scheme = _SCHEME.match(text)
    if scheme is not None and scheme[1].lower() != "file":
        return _open_plugin(text, scheme[1].lower(), stream_id)
    path = Path(unquote(urlsplit(text).path)) if scheme is not None else Path(text)
    packets = PacketLedger()
    if path.is_dir():
        order = image_folder.timing(path, fps=fps, stamps=None if stamps is None else Path(stamps))
        images = image_folder.ImageFolder(order, packets=packets)
        return RecordedSource(
            images, uri=text, kind="folder", stream_id=stream_id, packets=packets, declared=True
        )
    _check_file(path)
    if fps is not None or stamps is not None:
        raise UsageError(
            f"{path} has stamps of its own",
            got="--fps" if fps is not None else "--stamps",
            allowed="--fps and --stamps with a folder of images only",
        )
    opened = _decoder(decoder)(path, packets=packets)
    return RecordedSource(opened, uri=text, kind="file", stream_id=stream_id, packets=packets)


def _open_plugin(uri: str, scheme: str, stream_id: str) -> Source:
    known = plugins.registered(plugins.SOURCES)
    if scheme in known:
        source: Source = plugins.load(plugins.SOURCES, scheme)(uri, stream_id=stream_id)
        return source
    if scheme in LIVE_SCHEMES:
        raise UsageError(
            "This is live video, and analyze reads recorded video",
            got=shown(uri),
            allowed="a file or a folder of images",
            remedy="Use `videoengine live URL --out CASES`.",
        )
    raise UsageError(
        "No source has this scheme",
        got=f"{scheme}://",
        allowed=", ".join(f"{name}://" for name in sorted({"file", *known})),
        remedy=nearest(scheme, {"file", *known}),
    )


def _decoder(name: str) -> OpenDecoder:
    if name not in DECODERS:
        raise UsageError(
            "There is no decoder of this name",
            got=repr(name),
            allowed=", ".join(sorted(DECODERS)),
            remedy=nearest(name, DECODERS),
        )
    return DECODERS[name]


def _check_file(path: Path) -> None:
    """Refuse what is not a readable regular file before a decoder sees it."""
    try:
        if path.is_file():
            with path.open("rb") as file:
                if not file.read(1):
                    raise SourceError(
                        f"{path} is empty", got="0 bytes", remedy="Copy the recording again."
                    )
            return
        exists = path.exists()
    except OSError as error:
        raise SourceError(
            f"{path} cannot be read",
            got=error.strerror,
            remedy="Check its permissions." if isinstance(error, PermissionError) else "",
        ) from error
    if exists:
        raise SourceError(
            f"{path} is neither a file nor a folder", allowed="a video file, a folder of images"
        )
    siblings = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else []
    raise SourceError(f"{path} does not exist", remedy=nearest(path.name, siblings))
