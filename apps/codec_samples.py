"""One coded gray picture per codec: decoding it proves that the codec works on this machine."""

from __future__ import annotations

import base64
from typing import Any, Final

import av

SIDE: Final = 64
"""The pictures are this wide and high."""
SAMPLES: Final = {
    "h264": (
        "h264",
        "AAAAAWdCwAraEJoQAAADABAAAAMDKPEiagAAAAFozg/IAAAAAWWIhDomKAycnJ1111111111114=",
    ),
    "hevc": (
        "hevc",
        "AAAAAUABDAH//wFgAAADAJAAAAMAAAMAHpWYCQAAAAFCAQEBYAAAAwCQAAADAAADAB6gIIEFllZpJMrmgIAA"
        "AAMAgAAADIQAAAABRAHBcrQiQAAAAAEoAa8dgPcBW9a+zPA=",
    ),
    "vp9": (
        "vp9",
        "gkmDQgAD8AP2ADgkHBhKAAAwYAAAE7gYAAAA",
    ),
    "av1": (
        "libdav1d",
        "EgAKCgAAAAKv/4lfIAgyDBAArAIFFCCBAAADCg==",
    ),
}
"""Codec to the decoder that reads it and the coded picture."""


def decodes(codec: str) -> str:
    """Decode the sample of a codec and return the name of the decoder.

    Raises:
        ValueError: The decoder is unknown, or gave another picture.
        av.FFmpegError: The decoder failed.
    """
    decoder, coded = SAMPLES[codec]
    context: Any = av.CodecContext.create(decoder, "r")
    frames = [*context.decode(av.Packet(base64.b64decode(coded))), *context.decode(None)]
    sizes = [(frame.width, frame.height) for frame in frames]
    if sizes != [(SIDE, SIDE)]:
        raise ValueError(f"{decoder} gave {sizes or 'no picture'}, not one of {SIDE}x{SIDE}")
    return decoder
