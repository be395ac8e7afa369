"""Files from a model hub or a web server: checked, bounded, whole or not there."""

from __future__ import annotations

import hashlib
import os
import re
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPException, HTTPMessage
from pathlib import Path
from typing import IO, Any, Final
from urllib.parse import quote, urlsplit

from videoengine.errors import ModelError
from videoengine.models.backbones.limits import MAX_BYTES
from videoengine.models.backbones.store import StoredFile

ENDPOINT: Final = "https://huggingface.co"
ENDPOINT_VARIABLE: Final = "HF_ENDPOINT"
TOKEN_VARIABLE: Final = "HF_TOKEN"
TIMEOUT_SECONDS: Final = 30.0
_BLOCK: Final = 1 << 20
_LOCAL: Final = ("127.0.0.1", "localhost", "::1")

Progress = Callable[[int, int], None]
"""Called with (bytes so far, bytes in all or 0)."""


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """One file to get, from a web server or from a repository of the hub."""

    name: str
    """What it is called here."""
    url: str = ""
    """Of a web server; empty for the hub."""
    repository: str = ""
    """Of the hub, `owner/name`."""
    path: str = ""
    """Inside the repository."""
    revision: str = "main"
    """Branch, tag or commit."""
    sha256: str | None = None
    """Or at least its first 8 digits, when the publisher states them."""

    def address(self) -> str:
        """Return the URL to ask, on $HF_ENDPOINT if that is set."""
        if self.url:
            return self.url
        endpoint = os.environ.get(ENDPOINT_VARIABLE, ENDPOINT).rstrip("/")
        revision = quote(self.revision, safe="")
        return f"{endpoint}/{quote(self.repository)}/resolve/{revision}/{quote(self.path)}"


def hub_file(repository: str, path: str) -> RemoteFile:
    """Return a file of a hub repository, under its own name."""
    return RemoteFile(Path(path).name, repository=repository, path=path)


def fetch(remote: RemoteFile, folder: Path, *, progress: Progress | None = None) -> StoredFile:
    """Get one file into a folder.

    The hash is checked against the pinned one, and against the one the hub states.

    Raises:
        ModelError: No network, no access, no such file, cut short, too large, or another file.
    """
    target, url = folder / remote.name, remote.address()
    _check_scheme(url)
    request = urllib.request.Request(url, headers=_headers(remote))
    try:
        with _opener().open(request, timeout=TIMEOUT_SECONDS) as answer:
            stored = _save(answer, remote, target, progress)
    except urllib.error.HTTPError as error:
        error.close()
        raise _refused(remote, error.code) from error
    except (urllib.error.URLError, TimeoutError, ConnectionError, HTTPException) as error:
        target.unlink(missing_ok=True)
        reason = getattr(error, "reason", None) or error
        raise ModelError(
            f"{_host(url)} cannot be reached for {remote.name}",
            got=reason,
            remedy="Check the network, or bring the file and give its path: --weights FILE.",
        ) from error
    return stored


def _headers(remote: RemoteFile) -> dict[str, str]:
    headers = {"User-Agent": "videoengine"}
    token = os.environ.get(TOKEN_VARIABLE, "").strip()
    if token and remote.repository:
        headers["Authorization"] = f"Bearer {token}"
    return headers


def _check_scheme(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOCAL):
        raise ModelError("Weights come by https only", got=url, allowed="https://…")


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows to https alone, and never hands the token to another host.

    What the first answer says of the file (its commit and hash) is kept.
    """

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        _check_scheme(newurl)
        following = super().redirect_request(req, fp, code, msg, headers, newurl)
        if following is not None:
            if _host(newurl) != _host(req.full_url):
                following.remove_header("Authorization")
            stated = dict(getattr(req, "stated", {})) | _stated(headers)
            following.stated = stated  # type: ignore[attr-defined]
        return following


class _Stated(urllib.request.BaseHandler):
    """Puts what earlier answers said into the last one."""

    handler_order = 900

    def http_response(self, req: urllib.request.Request, answer: Any) -> Any:
        answer.stated = dict(getattr(req, "stated", {})) | _stated(answer.headers)
        return answer

    https_response = http_response


def _stated(headers: HTTPMessage) -> dict[str, str]:
    found = {"commit": headers.get("X-Repo-Commit", ""), "etag": headers.get("X-Linked-Etag", "")}
    return {key: value.strip('"') for key, value in found.items() if value}


def _opener() -> urllib.request.OpenerDirector:
    return urllib.request.build_opener(_Redirects, _Stated)


def _save(answer: Any, remote: RemoteFile, target: Path, progress: Progress | None) -> StoredFile:
    total = int(answer.headers.get("Content-Length") or 0)
    if total > MAX_BYTES:
        raise ModelError(f"{remote.name} is too large", got=total, allowed=MAX_BYTES)
    hasher, size = hashlib.sha256(), 0
    with target.open("wb") as stream:
        while block := answer.read(_BLOCK):
            size += len(block)
            if size > (total or MAX_BYTES):
                break
            hasher.update(block)
            stream.write(block)
            if progress is not None:
                progress(size, total)
    found, stated = hasher.hexdigest(), answer.stated
    etag = stated.get("etag", "")
    problem = ""
    if total and size != total:
        problem = f"{size} of {total} bytes"
    elif remote.sha256 and not found.startswith(remote.sha256.lower()):
        problem = f"SHA-256 {found} instead of {remote.sha256}"
    elif re.fullmatch(r"[0-9a-f]{64}", etag) and etag != found:
        problem = f"SHA-256 {found}, but the hub says {etag}"
    if problem:
        target.unlink(missing_ok=True)
        raise ModelError(
            f"{remote.name} did not arrive as it was published",
            got=problem,
            remedy="Try again; if it stays so, the published file is another one now.",
        )
    return StoredFile(remote.name, found, size, remote.address(), stated.get("commit", ""))


def _refused(remote: RemoteFile, code: int) -> ModelError:
    where = remote.repository or _host(remote.url)
    if code in (401, 403):
        return ModelError(
            f"{where} does not hand out {remote.name} without access",
            got=f"HTTP {code}",
            remedy=f"Accept its terms at {ENDPOINT}/{remote.repository} and set {TOKEN_VARIABLE} "
            "to a token of that account, or bring the file: --weights FILE.",
        )
    if code == 404:
        return ModelError(
            f"{where} has no such file or revision",
            got=remote.address(),
            remedy="Check --revision; a gated or private repository also answers so.",
        )
    return ModelError(f"{where} refuses {remote.name}", got=f"HTTP {code}", remedy="Try later.")


def _host(url: str) -> str:
    return urlsplit(url).hostname or url
