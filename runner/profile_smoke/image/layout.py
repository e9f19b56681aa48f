"""OCI image layouts on disk: reading one, and writing an image of a single layer.

A layout is a folder with `oci-layout`, `index.json` and `blobs/sha256/*` (OCI image specification,
image-layout.md). Ours hold exactly one image, tagged `TAG`, so that `oci:FOLDER:TAG` names it for skopeo and
umoci.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from profile_smoke.errors import ImageError
from profile_smoke.image.interface import ImageConfig
from profile_smoke.model import ImageInfo, Standin

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

TAG = "image"
REF_NAME = "org.opencontainers.image.ref.name"
STANDIN_LABEL = "profile-smoke.standin"
DISTRIBUTION_LABEL = "profile-smoke.standin.distribution"
PACKAGES_LABEL = "profile-smoke.standin.packages"

_INDEX = "application/vnd.oci.image.index.v1+json"
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_CONFIG = "application/vnd.oci.image.config.v1+json"
_LAYER = "application/vnd.oci.image.layer.v1.tar"
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Layout:
    """One image in a layout folder: `digest` is of the manifest there, `info` what a report says of it."""

    path: Path
    digest: str
    config: ImageConfig
    info: ImageInfo

    @property
    def source(self) -> str:
        """The image as skopeo and umoci name it (umoci without the `oci:`)."""
        return f"oci:{self.path}:{TAG}"


def read(path: Path, ref: str, *, reported: str | None = None) -> Layout:
    """Read the layout in the folder `path`, which holds what `ref` asked for.

    `reported` is the digest that a report names where it is another than the manifest's: the registry's.

    Raises:
        ImageError: the folder is no layout, or a blob is missing or does not parse.
    """
    try:
        index = json.loads((path / "index.json").read_bytes())
        (descriptor,) = index["manifests"]
        digest = str(descriptor["digest"])
        manifest = json.loads(_blob(path, digest).read_bytes())
        document = json.loads(_blob(path, manifest["config"]["digest"]).read_bytes())
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ImageError(f"{path}: not an OCI layout with one image: {error}") from error
    config = image_config(document.get("config") or {})
    return Layout(path, digest, config, ImageInfo(ref, reported or digest, _standin(config)))


def write(path: Path, layer: Path, config: ImageConfig, *, architecture: str, created: str) -> str:
    """Write a layout of one uncompressed layer to the folder `path`; returns the manifest's digest.

    `layer` is a tar file, which is moved into the layout. `architecture` is Go's name of it (`amd64`),
    `created` an RFC 3339 time. The same arguments give the same digest. Raises OSError.
    """
    blobs = path / "blobs" / "sha256"
    blobs.mkdir(parents=True)
    layer_digest, layer_size = _digest(layer), layer.stat().st_size
    shutil.move(layer, _blob(path, layer_digest))
    document = {
        "architecture": architecture,
        "os": "linux",
        "created": created,
        "config": _oci_config(config),
        "rootfs": {"type": "layers", "diff_ids": [layer_digest]},
        "history": [{"created": created, "created_by": "profile-smoke"}],
    }
    config_descriptor = _put(path, _CONFIG, document)
    manifest = {
        "schemaVersion": 2,
        "mediaType": _MANIFEST,
        "config": config_descriptor,
        "layers": [{"mediaType": _LAYER, "digest": layer_digest, "size": layer_size}],
    }
    descriptor = {**_put(path, _MANIFEST, manifest), "annotations": {REF_NAME: TAG}}
    index = {"schemaVersion": 2, "mediaType": _INDEX, "manifests": [descriptor]}
    (path / "index.json").write_text(json.dumps(index))
    (path / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    return str(descriptor["digest"])


def _put(path: Path, media_type: str, document: Mapping[str, Any]) -> dict[str, Any]:
    raw = json.dumps(document, sort_keys=True, separators=(",", ":")).encode()
    digest = "sha256:" + hashlib.sha256(raw).hexdigest()
    _blob(path, digest).write_bytes(raw)
    return {"mediaType": media_type, "digest": digest, "size": len(raw)}


def _blob(path: Path, digest: str) -> Path:
    algorithm, _, value = digest.partition(":")
    if not value.isalnum() or not algorithm.isalnum():
        raise ValueError(f"not a digest: {digest!r}")
    return path / "blobs" / algorithm / value


def _digest(path: Path) -> str:
    total = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            total.update(chunk)
    return "sha256:" + total.hexdigest()


def _oci_config(config: ImageConfig) -> dict[str, Any]:
    return {
        "Entrypoint": list(config.entrypoint),
        "Cmd": list(config.cmd),
        "Env": list(config.env),
        "User": config.user,
        "WorkingDir": config.workdir,
        "Volumes": {volume: {} for volume in config.volumes},
        "Labels": dict(config.labels or {}),
        "StopSignal": config.stop_signal,
    }


def image_config(raw: Mapping[str, Any]) -> ImageConfig:
    """The part that starts an image, of its configuration object."""
    # Every key may be missing or null (OCI image specification, config.md).
    return ImageConfig(
        entrypoint=tuple(raw.get("Entrypoint") or ()),
        cmd=tuple(raw.get("Cmd") or ()),
        env=tuple(raw.get("Env") or ()),
        user=raw.get("User") or "",
        workdir=raw.get("WorkingDir") or "/",
        volumes=tuple(sorted(raw.get("Volumes") or ())),
        labels=raw.get("Labels") or {},
        stop_signal=raw.get("StopSignal") or "SIGTERM",
    )


def _standin(config: ImageConfig) -> Standin | None:
    labels = config.labels or {}
    if STANDIN_LABEL not in labels:
        return None
    try:
        packages = json.loads(labels.get(PACKAGES_LABEL, "{}"))
    except ValueError as error:
        raise ImageError(f"label {PACKAGES_LABEL} of a stand-in is not JSON: {error}") from error
    return Standin(labels[STANDIN_LABEL], labels.get(DISTRIBUTION_LABEL, ""), packages)
