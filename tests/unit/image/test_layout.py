"""A layout that was written is read back as it was meant, and a broken one is named."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from profile_smoke.errors import ImageError
from profile_smoke.image import layout
from profile_smoke.image.interface import ImageConfig
from profile_smoke.model import Standin

if TYPE_CHECKING:
    from pathlib import Path

CONFIG = ImageConfig(
    entrypoint=("/run.sh",),
    cmd=("serve", "--port", "1"),
    env=("A=1",),
    user="nobody",
    workdir="/data",
    volumes=("/a", "/b"),
    labels={
        layout.STANDIN_LABEL: "small",
        layout.DISTRIBUTION_LABEL: "Debian 12 (bookworm)",
        layout.PACKAGES_LABEL: '{"hostname": "3.23"}',
    },
    stop_signal="SIGINT",
)


def _write(folder: Path, content: bytes = b"layer") -> str:
    folder.mkdir()
    tar = folder.with_suffix(".tar")
    tar.write_bytes(content)
    return layout.write(folder, tar, CONFIG, architecture="amd64", created="2024-01-01T00:00:00Z")


def test_reads_back_what_it_wrote(tmp_path: Path) -> None:
    """Configuration, digest and what it stands in for survive; the digest is the manifest's."""
    digest = _write(tmp_path / "image")
    found = layout.read(tmp_path / "image", "small:1")
    assert found.config == CONFIG
    assert found.digest == found.info.digest == digest
    assert found.info.ref == "small:1"
    assert found.info.standin == Standin("small", "Debian 12 (bookworm)", {"hostname": "3.23"})


def test_digest_depends_on_contents_alone(tmp_path: Path) -> None:
    """The same layer and configuration give the same digest elsewhere; another layer gives another."""
    assert _write(tmp_path / "one") == _write(tmp_path / "two")
    assert _write(tmp_path / "three", b"other") != _write(tmp_path / "four")


def test_reports_the_registry_s_digest(tmp_path: Path) -> None:
    """A pulled image is reported by the digest that its registry knows, not by our copy's."""
    digest = _write(tmp_path / "image")
    found = layout.read(tmp_path / "image", "small:1", reported="sha256:abc")
    assert (found.digest, found.info.digest) == (digest, "sha256:abc")


def test_null_configuration_means_defaults(tmp_path: Path) -> None:
    """Registries serve configurations whose keys are null or absent."""
    digest = _write(tmp_path / "image")
    blobs = tmp_path / "image" / "blobs" / "sha256"
    manifest = json.loads((blobs / digest.partition(":")[2]).read_text())
    document = blobs / manifest["config"]["digest"].partition(":")[2]
    document.write_text('{"config": {"Cmd": null, "Volumes": null, "Labels": null, "Env": ["A=1"]}}')
    assert layout.read(tmp_path / "image", "x").config == ImageConfig(env=("A=1",), labels={})


@pytest.mark.parametrize(
    "index",
    [
        "",
        "{}",
        '{"manifests": []}',
        '{"manifests": [{"digest": "sha256:00"}]}',
        '{"manifests": [{"digest": "sha256:../../etc"}]}',
        '{"manifests": [{}, {}]}',
        "[]",
    ],
)
def test_a_broken_layout_is_an_image_error(tmp_path: Path, index: str) -> None:
    """Whatever is wrong with the folder, the error names it."""
    _write(tmp_path / "image")
    (tmp_path / "image" / "index.json").write_text(index)
    with pytest.raises(ImageError, match="not an OCI layout"):
        layout.read(tmp_path / "image", "x")
