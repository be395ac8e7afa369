"""Live addresses: what is refused, what FFmpeg may follow, and that no secret is shown."""

from __future__ import annotations

import pytest

from videoengine.errors import UsageError
from videoengine.streams import LiveConfig, open_source
from videoengine.streams.live_url import PROTOCOLS, live_address, secrets_of, shown

CONFIG = LiveConfig()


@pytest.mark.parametrize("scheme", PROTOCOLS)
def test_every_live_scheme_is_taken_and_shown_without_its_secrets(scheme: str) -> None:
    address = live_address(f"{scheme}://nurse:s3cr:et@10.0.0.5:8554/or1?token=abc#x", CONFIG)
    assert address.shown == f"{scheme}://***@10.0.0.5:8554/or1"
    for secret in ("nurse", "s3cr", "abc"):
        assert secret not in repr(address)


@pytest.mark.parametrize("scheme", PROTOCOLS)
def test_no_scheme_may_read_a_file_or_a_script(scheme: str) -> None:
    allowed = live_address(f"{scheme}://host/x", CONFIG).options["protocol_whitelist"].split(",")
    assert not {"file", "concat", "concatf", "subfile", "pipe", "data", "async", "cache"} & {
        *allowed
    }


def test_plain_http_cannot_be_sent_on_to_another_scheme() -> None:
    assert "https" not in live_address("http://host/x", CONFIG).options["protocol_whitelist"]
    assert "http" not in live_address("https://host/x", CONFIG).options["protocol_whitelist"].split(
        ","
    )


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "concat:a.ts|b.ts",
        "rtsp:host/x",
        "rtsp://",
        "rtsp://host:99999/x",
        "rtsp://host/a b",
        "clip.mp4",
        "srt://host:9000",
        "",
        "rtsp://user:pa ss@host/x",
    ],
)
def test_what_is_no_live_address_is_refused_without_showing_a_password(url: str) -> None:
    with pytest.raises(UsageError) as caught:
        live_address(url, CONFIG)
    assert "pa ss" not in str(caught.value)
    assert caught.value.allowed


def test_a_number_is_a_camera() -> None:
    for text in ("0", "camera:0", "camera://0"):
        assert live_address(text, CONFIG).url == "/dev/video0"


def test_the_secrets_of_a_url_are_what_errors_must_not_repeat() -> None:
    found = secrets_of("rtsp://user:pass@host/x?token=abc")
    assert {"pass", "user:pass", "token=abc"} <= set(found)


def test_text_that_only_looks_like_credentials_is_hidden_too() -> None:
    assert "p@ss" not in shown("rtsp://user:p@ss@host/x")


def test_analyze_of_a_live_url_names_live_and_hides_the_password() -> None:
    with pytest.raises(UsageError, match="videoengine live") as caught:
        open_source("rtsp://user:pass@host/x?token=abc")
    assert "pass" not in str(caught.value)
    assert "abc" not in str(caught.value)


def test_rtsp_goes_over_tcp_with_a_small_probe_and_never_without_a_buffer() -> None:
    options = live_address("rtsp://host/x", CONFIG).options
    assert options["rtsp_transport"] == "tcp"
    assert options["probesize"] == "32"
    assert "fflags" not in options


@pytest.mark.parametrize("change", [{"watchdog_s": 0}, {"retry_s": -1.0}, {"jitter": 1.0}])
def test_constants_that_cannot_be_meant_are_refused(change: dict[str, float]) -> None:
    with pytest.raises(UsageError, match="LiveConfig"):
        LiveConfig(**change)  # type: ignore[arg-type]
