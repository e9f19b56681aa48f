"""Images: what was asked for, what there is, and where it is ready to run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from profile_smoke.model import ImageInfo


@dataclass(frozen=True)
class ImageConfig:
    """The part of an image's configuration that starts it."""

    entrypoint: tuple[str, ...] = ()
    cmd: tuple[str, ...] = ()
    env: tuple[str, ...] = ()
    user: str = ""
    workdir: str = "/"
    volumes: tuple[str, ...] = ()
    labels: Mapping[str, str] | None = None
    stop_signal: str = "SIGTERM"


@dataclass(frozen=True)
class PreparedImage:
    """An image ready to launch on one target.

    `rootfs` is the unpacked, read-only root for `oci`; `engine_ref` the name or id by which an engine or node knows it.
    """

    info: ImageInfo
    config: ImageConfig
    rootfs: Path | None = None
    engine_ref: str | None = None
