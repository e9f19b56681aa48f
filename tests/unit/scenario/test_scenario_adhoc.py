"""Scenarios from the words of a command line."""

from __future__ import annotations

import pytest

from profile_smoke.errors import UsageError
from profile_smoke.scenario import adhoc
from profile_smoke.scenario.model import Check, ExecCheck, HttpCheck, LogCheck, RedisCheck, Scenario, TcpCheck
from profile_smoke.scenario.values import UnfitError


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("http:80", HttpCheck(80, "/")),
        ("http:8080/health?x=1", HttpCheck(8080, "/health?x=1")),
        ("tcp:25:220", TcpCheck(25, "220")),
        (r"tcp:5000:\xff\r\n:", TcpCheck(5000, "\xff\r\n:")),
        ("redis:6379", RedisCheck(6379, (("PING",),), "PONG")),
        ("log:ready: [0-9]+", LogCheck("ready: [0-9]+")),
        ("exec:redis-cli -h 'a b' ping", ExecCheck(("redis-cli", "-h", "a b", "ping"))),
    ],
)
def test_a_check_is_read(text: str, meant: Check) -> None:
    """Each kind in its own little syntax."""
    assert adhoc.check(text) == meant


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "no kind of check"),
        ("htpp:80", 'did you mean "http"?'),
        ("http", "http:80/health is an example"),
        ("http:", "http:80/health is an example"),
        ("http:0", "a port from 1 to 65535"),
        ("http:99999/x", "a port from 1 to 65535"),
        ("http:80/a b", "percent-encoded"),
        ("tcp:80", "a connection alone proves nothing"),
        ("tcp:80:", "a connection alone proves nothing"),
        ("tcp:80:\\x", "broken escape"),
        ("tcp:80:\\u20ac", "above U+00FF"),
        ("redis:x", "a port from 1 to 65535"),
        ("log:(", "not a regular expression"),
        ("log:.*", "any log would do"),
        ("exec:'", "cannot be split"),
        ("exec: ", "names no program"),
    ],
)
def test_what_is_no_check_is_told(text: str, problem: str) -> None:
    """With what would be right; an expectation that anything satisfies is none."""
    with pytest.raises(UnfitError, match="(?s)" + problem.replace("?", r"\?").replace("+", r"\+")):
        adhoc.check(text)


def made(image: str, volumes: tuple[str, ...] = ()) -> Scenario:
    return adhoc.scenario(
        image,
        ready=HttpCheck(80),
        probes=[LogCheck("x"), HttpCheck(81)],
        env={"A": "b"},
        args=["--x"],
        ports=[80, 9],
        volumes=volumes,
    )


@pytest.mark.parametrize(
    ("image", "name"),
    [
        ("nginx", "nginx"),
        ("registry:5000/team/Web_App:1.2@sha256:00", "web-app"),
        ("oci-archive:/tmp/x y.tar", "x-y-tar"),
        ("...", "image"),
    ],
)
def test_it_is_named_after_its_image(image: str, name: str) -> None:
    """As a part of ids, so of small letters, digits and hyphens."""
    assert made(image).name == name


def test_a_program_without_a_handler_may_end_by_the_signal() -> None:
    """143, and 2 from Go's run time where it is process 1: neither says that the image does not work."""
    assert made("x").stop.exit_codes == (0, 2, 143)


def test_ports_of_checks_need_not_be_named() -> None:
    """Each once, those that were named first."""
    found = made("x", ("/data",))
    assert found.start.ports == (80, 9, 81)
    assert [probe.name for probe in found.probes] == ["probe-1", "probe-2"]
    assert (found.start.args, found.start.env, found.start.volumes) == (("--x",), {"A": "b"}, ("/data",))
    assert found.profiles == {}


def test_a_volume_is_an_absolute_path() -> None:
    """As in a scenario's file."""
    with pytest.raises(UsageError, match="--volume: an absolute path"):
        made("x", ("data",))
