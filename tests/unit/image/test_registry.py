"""References are told apart, and so are the ways in which a registry can fail."""

from __future__ import annotations

import io
import tarfile
from typing import TYPE_CHECKING

import pytest

from profile_smoke.errors import ImageError
from profile_smoke.image import registry
from profile_smoke.image.registry import RegistryBusy, RegistryUnreachable, Source

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("ref", "host"),
    [
        ("nginx", "docker.io"),
        ("nginx:1.21", "docker.io"),
        ("prom/node-exporter:v1.6.0", "docker.io"),
        ("ghcr.io/a/b@sha256:00", "ghcr.io"),
        ("localhost/a", "localhost"),
        ("127.0.0.1:5000/a:1", "127.0.0.1:5000"),
    ],
)
def test_names_the_registry(ref: str, host: str) -> None:
    """The first part is a host when it looks like one, else the image is Docker Hub's."""
    assert registry.parse(ref).registry == host


def _tar(path: Path, member: str) -> Path:
    with tarfile.open(path, "w") as tar:
        tar.addfile(tarfile.TarInfo(member), io.BytesIO())
    return path


def test_finds_out_what_an_archive_is(tmp_path: Path) -> None:
    """A bare path is looked into; a prefix is believed; neither has a registry."""
    saved, packed = _tar(tmp_path / "a.tar", "manifest.json"), _tar(tmp_path / "b.tar", "./oci-layout")
    (tmp_path / "layout").mkdir()
    (tmp_path / "layout" / "oci-layout").touch()
    assert registry.parse(str(saved)) == Source("docker-archive", str(saved))
    assert registry.parse(str(packed)) == Source("oci-archive", str(packed))
    assert registry.parse(str(tmp_path / "layout")).transport == "oci"
    tagged = registry.parse(f"oci:{tmp_path / 'layout'}:v1")
    assert (tagged.registry, tagged.file) == (None, tmp_path / "layout")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("docker-archive:/no/such.tar", "no such file"),
        ("/no/such/folder", "no such file or folder"),
        ("{}/plain.tar", "no image archive"),
        ("{}/text.tar", "not an image archive"),
        ("{}", "without 'oci-layout'"),
    ],
)
def test_refuses_what_is_no_archive(tmp_path: Path, name: str, message: str) -> None:
    """A missing or foreign file is an image error that says what it lacks."""
    _tar(tmp_path / "plain.tar", "etc/passwd")
    (tmp_path / "text.tar").write_text("hello")
    with pytest.raises(ImageError, match=message):
        registry.parse(name.format(tmp_path))


def test_archives_are_known_by_contents(tmp_path: Path) -> None:
    """The same bytes elsewhere are the same image; another image in the same archive is not."""
    one, two = tmp_path / "one.tar", tmp_path / "two.tar"
    one.write_bytes(b"same")
    two.write_bytes(b"same")
    first, second = Source("docker-archive", str(one)), Source("docker-archive", str(two))
    assert registry.fingerprint(first) == registry.fingerprint(second)
    assert registry.fingerprint(first) != registry.fingerprint(Source("docker-archive", f"{one}:b:2"))


# Written by skopeo 1.9.3 against docker-registry 2.8 without and with htpasswd, a server that answers each status, a
# closed port and an unknown name; "denied", "toomanyrequests", resets, time outs and x509 as containers/image and Go
# word them.
FATAL = 'time="2026-01-01T00:00:00Z" level=fatal msg="Error parsing image name \\"docker://h/a:1\\": {}"\n'
RECORDED = [
    ("reading manifest 1 in h/a: manifest unknown: manifest unknown", ImageError, "no such image"),
    ("reading manifest 1 in h/a: unauthorized: authentication required", ImageError, "wants credentials"),
    (
        "reading manifest 1 in docker.io/library/a: requested access to the resource is denied",
        ImageError,
        "no such image, or",
    ),
    ("reading manifest 1 in h/a: StatusCode: 403, ", ImageError, "wants credentials"),
    ("reading manifest 1 in h/a: StatusCode: 429, ", ImageError, "limits pulls"),
    (
        "reading manifest 1 in docker.io/library/a: toomanyrequests: You have reached your pull rate limit.",
        ImageError,
        "limits pulls",
    ),
    (
        "reading manifest 1 in h/a: received unexpected HTTP status: 503 Service Unavailable",
        RegistryBusy,
        "in trouble",
    ),
    (
        'pinging container registry h: Get \\"https://h/v2/\\": read tcp 1.2.3.4:5: read: connection reset by peer',
        RegistryBusy,
        "in trouble",
    ),
    (
        'pinging container registry h: Get \\"http://h/v2/\\": dial tcp 1.2.3.4:1: connect: connection refused',
        RegistryUnreachable,
        "cannot be reached",
    ),
    (
        'pinging container registry h: Get \\"http://h/v2/\\": dial tcp: lookup h on 1.1.1.1:53: no such host',
        RegistryUnreachable,
        "cannot be reached",
    ),
    (
        'pinging container registry h: Get \\"https://h/v2/\\": dial tcp 1.2.3.4:443: i/o timeout',
        RegistryUnreachable,
        "cannot be reached",
    ),
    (
        'pinging container registry h: Get \\"https://h/v2/\\": x509: certificate signed by unknown authority',
        ImageError,
        "not trusted",
    ),
    ("invalid reference format: repository name must be lowercase", ImageError, "not the name of an image"),
    ("pinging container registry h: invalid status code from registry 404 (Not Found)", ImageError, "404"),
]


@pytest.mark.parametrize(("text", "kind", "meaning"), RECORDED, ids=lambda value: str(value)[:40])
def test_tells_failures_apart(text: str, kind: type[ImageError], meaning: str) -> None:
    """Only a registry that cannot be reached makes way for a stand-in; all else is the user's to know."""
    error = registry.failure(Source("docker", "h/a:1"), 'level=debug msg="x509"\n' + FATAL.format(text))
    assert type(error) is kind
    assert meaning in str(error)
    assert "\n" not in str(error)


def test_a_timeout_is_unreachable() -> None:
    """No answer in time means that the registry cannot be reached."""
    error = registry.failure(Source("docker", "h.io/a:1"), 'level=debug msg="GET /v2/"\nno answer in 10 s')
    assert type(error) is RegistryUnreachable


def test_a_timeout_while_told_to_wait_is_a_limit() -> None:
    """skopeo sleeps when it is told 429, longer than we wait: that registry is not absent."""
    said = 'level=debug msg="Too many requests to h.io: sleeping for 2.000000 seconds before next attempt"\n'
    error = registry.failure(Source("docker", "h.io/a:1"), said + "no answer in 10 s")
    assert type(error) is ImageError
    assert "limits pulls" in str(error)


@pytest.mark.parametrize(
    ("name", "bare"), [("a:1", "a"), ("h:5000/a", "h:5000/a"), ("h:5000/a:1@sha256:0", "h:5000/a")]
)
def test_pins_by_digest_alone(name: str, bare: str) -> None:
    """The tag goes, the registry's port stays."""
    assert registry._untagged(name) == bare


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("localhost:5000/a", True),
        ("127.0.0.9/a", True),
        ("[::1]:5000/a", True),
        ("h.io/a", False),
        ("a", False),
    ],
)
def test_plain_http_is_for_loopback_only(name: str, plain: bool) -> None:  # noqa: FBT001
    """Certificates are demanded of every registry but this machine's own."""
    assert registry._tls(Source("docker", name), "--off") == (["--off"] if plain else [])
