"""Metrics and health over HTTP."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from videoengine.apps.metrics_server import Address, MetricsServer, parse_address
from videoengine.errors import OutputError, UsageError


@contextmanager
def serving(states: dict[str, str]) -> Iterator[str]:
    with MetricsServer(Address("127.0.0.1", 0), lambda: "videoengine_up 1\n", lambda: states) as on:
        yield f"http://{on.address}"


def get(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_metrics_are_served_as_prometheus_text() -> None:
    with serving({}) as base:
        assert get(f"{base}/metrics") == (200, "videoengine_up 1\n")
        assert get(f"{base}/else")[0] == 404


def test_health_is_good_only_while_every_stream_is_live() -> None:
    states = {"s0": "live", "s1": "live"}
    with serving(states) as base:
        assert get(f"{base}/healthz")[0] == 200
        states["s1"] = "backoff"
        status, body = get(f"{base}/healthz")
        assert status == 503
        assert json.loads(body) == {"ok": False, "streams": {"s0": "live", "s1": "backoff"}}


def test_a_port_in_use_is_one_clear_error() -> None:
    with (
        MetricsServer(Address("127.0.0.1", 0), str, dict) as first,
        pytest.raises(OutputError, match=r"--metrics cannot listen on 127\.0\.0\.1:\d+"),
    ):
        MetricsServer(first.address, str, dict)


@pytest.mark.parametrize(
    ("written", "host", "port"),
    [
        ("9100", "127.0.0.1", 9100),
        (":9100", "127.0.0.1", 9100),
        ("0.0.0.0:80", "0.0.0.0", 80),
        ("[::1]:9100", "::1", 9100),
        ("localhost:1", "localhost", 1),
    ],
)
def test_an_address_without_a_host_stays_on_this_machine(
    written: str, host: str, port: int
) -> None:
    assert parse_address(written, "--metrics") == Address(host, port)


@pytest.mark.parametrize("written", ["", "host", "host:", "host:99999", "a:b:1", "http://x:1"])
def test_what_is_no_address_is_a_bad_call(written: str) -> None:
    with pytest.raises(UsageError, match="--metrics"):
        parse_address(written, "--metrics")
