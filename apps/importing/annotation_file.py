"""Reading a file of annotations that came from outside: bounded, as text, and nothing that runs."""

from __future__ import annotations

import hashlib
import json
import lzma
import math
import stat
import zipfile
import zlib
from fractions import Fraction
from pathlib import Path
from typing import Any, Final, NoReturn
from xml.etree import ElementTree

from videoengine.canonical import as_items, as_object
from videoengine.errors import SourceError
from videoengine.media_time import NS_PER_SECOND

LARGEST_BYTES: Final = 256 << 20
"""Boxes of a few hours at 25 a second; a larger file is no file of annotations."""
DEEPEST: Final = 64
CHUNK: Final = 1 << 16
SHOWN: Final = 60
"""Characters of what was got that an error repeats."""
BROKEN_ZIP: Final = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, NotImplementedError, RuntimeError,
)  # fmt: skip
"""What Python's reader raises on a ZIP that is damaged, encrypted or packed unusually."""
LATEST_SECONDS: Final = 10**7
"""No case is longer (115 days)."""


def refuse(
    place: str | Path, what: str, *, got: object = None, allowed: object = None, remedy: str = ""
) -> NoReturn:
    """Raise the one error of a file that cannot be imported: where, and what is wrong there."""
    shown = None if got is None else str(got)[:SHOWN]
    raise SourceError(f"{place}: {what}", got=shown, allowed=allowed, remedy=remedy)


def read_text(path: Path) -> str:
    """Return the text of a file, without a byte order mark.

    Raises:
        SourceError: It is not there, no plain file, too large, or no UTF-8.
    """
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            refuse(path, "this is no file", allowed="a file of annotations")
        if found.st_size > LARGEST_BYTES:
            refuse(path, "the file is too large", got=f"{found.st_size} bytes",
                   allowed=f"{LARGEST_BYTES} bytes")  # fmt: skip
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise SourceError(f"{path} cannot be read", got=error.strerror) from error
    except UnicodeDecodeError as error:
        refuse(path, "the file is no text", got=f"byte {error.start}", allowed="UTF-8")
    if "\0" in text:
        refuse(path, "the file is no text", got="a zero byte", allowed="UTF-8")
    return text


def read_zipped(path: Path, name: str) -> str:
    """Return the text of the one member of a ZIP file that has a name, in whatever folder.

    Raises:
        SourceError: It is no ZIP, has no such member or several, or the member is too large.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = [one for one in archive.infolist() if Path(one.filename).name == name]
            if len(members) != 1:
                refuse(path, f"the ZIP must hold one {name}", got=f"{len(members)} of them")
            with archive.open(members[0]) as stream:
                data = stream.read(LARGEST_BYTES + 1)
        if len(data) > LARGEST_BYTES:
            refuse(path, f"{name} is too large", allowed=f"{LARGEST_BYTES} bytes")
        return data.decode("utf-8-sig")
    except OSError as error:
        raise SourceError(f"{path} cannot be read", got=error.strerror) from error
    except UnicodeDecodeError as error:
        refuse(path, f"{name} is no text", got=f"byte {error.start}", allowed="UTF-8")
    except BROKEN_ZIP as error:
        refuse(path, "the ZIP is broken or locked", got=error)


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file, or of the files in a folder, names left out of it."""
    files = sorted(item for item in path.rglob("*") if item.is_file()) if path.is_dir() else [path]
    whole = hashlib.sha256()
    try:
        for file in files:
            with file.open("rb") as stream:
                whole.update(hashlib.file_digest(stream, "sha256").digest())
    except OSError as error:
        raise SourceError(f"{path} cannot be read", got=error.strerror) from error
    return whole.hexdigest()


def read_xml(path: Path, text: str | None = None) -> ElementTree.Element:
    """Return the root of an XML file; one that declares types or entities is refused.

    Args:
        path: The file.
        text: What was read of it, where it lay in a ZIP.

    Raises:
        SourceError: It is no XML, nested too deeply, or declares a DOCTYPE.
    """
    text = read_text(path) if text is None else text
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        refuse(path, "XML with a DOCTYPE is not read: its entities can grow without bound",
               allowed="XML without a DOCTYPE")  # fmt: skip
    parser: Any = ElementTree.XMLPullParser(["start", "end"])
    root: ElementTree.Element | None = None
    depth = 0
    try:
        for at in range(0, len(text), CHUNK):
            parser.feed(text[at : at + CHUNK])
            for event, item in parser.read_events():
                assert isinstance(item, ElementTree.Element)
                root = item if root is None else root
                depth += 1 if event == "start" else -1
                if depth > DEEPEST:
                    refuse(path, "the XML is nested too deeply", allowed=f"{DEEPEST} levels")
        parser.close()
    except ElementTree.ParseError as error:
        refuse(path, "this is no XML", got=error)
    if root is None or depth:
        refuse(path, "this is no XML", got="no element")
    return root


def read_json(path: Path) -> Any:
    """Return the value of a JSON file."""
    try:
        return json.loads(read_text(path))
    except ValueError as error:
        refuse(path, "this is no JSON", got=error)
    except RecursionError:
        refuse(path, "the JSON is nested too deeply")


def object_at(value: Any, place: str) -> dict[str, Any]:
    """Return a JSON object that must stand at a place."""
    row = as_object(value)
    if row is None:
        refuse(place, "an object is missing", got=repr(value)[:SHOWN], allowed="an object {…}")
    return row


def items_at(value: Any, place: str) -> list[Any]:
    """Return a JSON array that must stand at a place."""
    items = as_items(value)
    if items is None:
        refuse(place, "a list is missing", got=repr(value)[:SHOWN], allowed="a list […]")
    return list(items)


def fraction_at(value: Any, place: str, what: str) -> Fraction:
    """Return a number that must stand at a place, exactly as it is written."""
    if isinstance(value, Fraction):
        return value
    try:
        if isinstance(value, bool) or (isinstance(value, float) and not math.isfinite(value)):
            raise ValueError
        text = value.strip() if isinstance(value, str) else repr(value)
        if len(text) > 40 or ("e" in text.lower() and abs(int(text.lower().split("e")[1])) > 20):
            raise ValueError
        return Fraction(text)
    except (ValueError, ZeroDivisionError):
        refuse(place, f"{what} is no number", got=repr(value)[:SHOWN], allowed="such as 12.5")


def integer_at(value: Any, place: str, what: str, *, low: int = 0, high: int = 10**9) -> int:
    """Return a whole number that must stand at a place."""
    number = fraction_at(value, place, what)
    if number.denominator != 1 or not low <= number <= high:
        refuse(place, f"{what} is wrong", got=repr(value)[:SHOWN],
               allowed=f"a whole number from {low} to {high}")  # fmt: skip
    return int(number)


def seconds_at(value: Any, place: str, what: str) -> int:
    """Return a time in seconds that must stand at a place, in nanoseconds."""
    number = fraction_at(value, place, what)
    if not 0 <= number <= LATEST_SECONDS:
        refuse(place, f"{what} is no time", got=repr(value)[:SHOWN],
               allowed=f"0 to {LATEST_SECONDS} seconds")  # fmt: skip
    return round(number * NS_PER_SECOND)
