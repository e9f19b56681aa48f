"""Images for an engine: what it has, what it can pull, else what the store can give it."""

from __future__ import annotations

import threading
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from profile_smoke.errors import ImageError
from profile_smoke.image import registry
from profile_smoke.image.interface import ImageConfig, PreparedImage
from profile_smoke.image.registry import RegistryUnreachable
from profile_smoke.image.store import ENGINE_NAMES
from profile_smoke.model import ImageInfo
from profile_smoke.target.docker_errors import engine_errors

if TYPE_CHECKING:
    from pathlib import Path

    import docker

    from profile_smoke.image.store import Policy, Store


class EngineImages:
    """Prepares images on one engine. Remembers which registries cannot be reached, so that each is waited for once."""

    def __init__(self, client: docker.DockerClient, store: Store) -> None:
        self._client, self._store = client, store
        self._unreachable: dict[str, str] = {}
        self._pulling = threading.Lock()

    def prepare(self, ref: str, standin: Path | None, *, policy: Policy) -> PreparedImage:
        """Make the image known to the engine. Raises ImageError and its kind; policies are those of `Store.obtain`."""
        source = registry.parse(ref)
        if policy == "always" or source.registry is None or self._kept(ref):
            return self._loaded(ref, standin, policy)
        try:
            return self._pulled(ref, source)
        except RegistryUnreachable:
            if standin is None or policy == "never":
                raise
            return self._loaded(ref, standin, "always")

    def prune(self) -> list[str]:
        """Remove the images that an earlier store gave the engine; one line for each. What a container uses stays."""
        import docker.errors

        known, removed = self._store.engine_names(), []
        with engine_errors("removing old images"):
            tags = [tag for image in self._client.images.list() for tag in image.tags]
            for tag in sorted(tag for tag in tags if tag.startswith(ENGINE_NAMES) and tag not in known):
                try:
                    self._client.images.remove(tag)
                except docker.errors.APIError as error:
                    if error.status_code != HTTPStatus.CONFLICT:
                        raise
                else:
                    removed.append(f"docker image {tag}")
        return removed

    def _kept(self, ref: str) -> bool:
        """Whether the store has what the engine lacks. A name without digest may have moved: the registry has the say."""
        return "@sha256:" in ref and self._store.keeps(ref) and self._inspect(ref) is None

    def _pulled(self, ref: str, source: registry.Source) -> PreparedImage:
        known = self._inspect(ref)
        if known is None:
            with self._pulling:
                self._pull(ref, source)
            known = self._inspect(ref)
        if known is None:
            raise ImageError(f"{ref}: pulled, but the engine does not know it")
        digests = known.get("RepoDigests") or []
        digest = str(digests[0]).rpartition("@")[2] if digests else str(known["Id"])
        return PreparedImage(ImageInfo(ref, digest), _config(known), engine_ref=ref)

    def _pull(self, ref: str, source: registry.Source) -> None:
        import docker.errors

        host = source.registry or ""
        if host in self._unreachable:
            raise RegistryUnreachable(f"{source.name}: {self._unreachable[host]}")
        name, tag = _split(ref)
        try:
            with engine_errors(f"pulling {ref}"):
                try:
                    self._client.api.pull(name, tag=tag)
                except docker.errors.APIError as error:
                    raise registry.failure(source, error.explanation or str(error)) from error
        except RegistryUnreachable as error:
            self._unreachable[host] = str(error).removeprefix(f"{source.name}: ")
            raise

    def _loaded(self, ref: str, standin: Path | None, policy: Policy) -> PreparedImage:
        layout = self._store.obtain(ref, standin, policy=policy)
        prepared = self._store.prepared(layout)
        name = prepared.engine_ref or ""
        if self._inspect(name) is None:
            archive = self._store.docker_archive(layout)
            with engine_errors(f"loading {ref} into the engine"), archive.open("rb") as stream:
                self._client.images.load(stream)
        return prepared

    def _inspect(self, ref: str) -> dict[str, Any] | None:
        import docker.errors

        with engine_errors(f"looking for {ref}"):
            try:
                found: dict[str, Any] = self._client.api.inspect_image(ref)  # type: ignore[no-untyped-call]  # the stubs lack it
            except docker.errors.ImageNotFound:
                return None
            return found


def _split(ref: str) -> tuple[str, str]:
    """A reference as the engine's pull takes it: name, and tag or digest."""
    if "@" in ref:
        name, _, digest = ref.partition("@")
        return name, digest
    head, slash, last = ref.rpartition("/")
    name, _, tag = last.partition(":")
    return head + slash + name, tag or "latest"


def _config(inspected: dict[str, Any]) -> ImageConfig:
    config = inspected.get("Config") or {}
    return ImageConfig(
        entrypoint=tuple(config.get("Entrypoint") or ()),
        cmd=tuple(config.get("Cmd") or ()),
        env=tuple(config.get("Env") or ()),
        user=str(config.get("User") or ""),
        workdir=str(config.get("WorkingDir") or "/"),
        volumes=tuple(config.get("Volumes") or ()),
        labels=dict(config.get("Labels") or {}),
        stop_signal=str(config.get("StopSignal") or "SIGTERM"),
    )
