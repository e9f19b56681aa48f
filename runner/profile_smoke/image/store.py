"""The image store: every image is obtained, unpacked and archived once, whoever asks, and kept.

images/KEY/        one OCI layout each (KEY by reference, by archive contents, or by recipe)
rootfs/DIGEST/     unpacked roots, read-only by convention
archives/DIGEST.tar   for `docker load`
bases/SUITE-ARCH/  what stand-ins are built upon
work/RANDOM/       being made; locked by its maker, renamed when complete
locks/NAME         flock(2) files; the kernel drops a lock when its holder dies
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import platform
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from profile_smoke.errors import ImageError
from profile_smoke.image import layout, registry, standin
from profile_smoke.image import prune as pruning
from profile_smoke.image.interface import PreparedImage
from profile_smoke.image.recipe import Recipe
from profile_smoke.image.recipe import load as load_recipe
from profile_smoke.image.tools import ToolFailed, Tools, disk_errors
from profile_smoke.image.workspace import Workspace, publish

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from profile_smoke.image.layout import Layout

Policy = Literal["auto", "always", "never"]
ENGINE_NAMES = "profile-smoke.invalid/"
"""What the names begin with under which an engine gets our images. `.invalid` never resolves (RFC 2606), so no engine can
pull something else by such a name."""
_NOTE = "profile-smoke.json"


class NoStandinError(ImageError):
    """A stand-in was demanded of a scenario that has none."""


class Store:
    """Images on this machine. Safe to share between threads, and its root between processes.

    `tell` gets a line for whatever takes seconds; `tools` runs what can be cancelled with the store.
    """

    def __init__(self, root: Path, tell: Callable[[str], None] = lambda _line: None) -> None:
        self.root, self.tools, self._tell = root, Tools(), tell
        self._space = Workspace(root, self.tools.pause)
        self._unreachable: dict[str, str] = {}
        self._asking = threading.Lock()

    def cancel(self) -> None:
        """From any thread: end what is being made; all waiting and later calls raise InterruptedRunError."""
        self.tools.cancel()

    def obtain(self, ref: str, recipe: Path | None, *, policy: Policy = "auto") -> Layout:
        """The image that `ref` names, or its stand-in.

        `auto` asks the registry first and takes the stand-in only when the registry cannot be reached,
        `always` takes the stand-in, `never` none. What is in the store already is used without asking
        anybody. An archive has no stand-in.

        Raises:
            RegistryUnreachable: and there is no recipe, or the policy forbids it.
            ImageError: image missing, credentials, broken archive, stand-in not built.
            BadFileError: the recipe. DiskFullError, InterruptedRunError.
        """
        with disk_errors(f"storing {ref}"):
            if policy == "always":
                if recipe is None:
                    raise NoStandinError(f"{ref}: the scenario has no stand-in (standin.yaml)")
                return self._standin(ref, load_recipe(recipe))
            source = registry.parse(ref)
            if source.registry is None:
                return self._archived(ref, source)
            try:
                return self._pulled(ref, source)
            except registry.RegistryUnreachable as error:
                if recipe is None or policy == "never":
                    hint = "give an archive instead (docker-archive:PATH or oci:PATH)"
                    raise registry.RegistryUnreachable(f"{error}; {hint}") from error
                try:
                    return self._standin(ref, load_recipe(recipe))
                except ImageError as failed:
                    raise ImageError(f"{error}; and no stand-in: {failed}") from failed

    def keeps(self, ref: str) -> bool:
        """Whether `obtain` would have the image of this registry's name without asking anybody."""
        return self._image("image", _text_key(ref)).exists()

    def prepared(self, image: Layout) -> PreparedImage:
        """What starts the image, and the name under which an engine gets it (see `docker_archive`)."""
        kind = f"standin/{image.info.standin.name}" if image.info.standin else "image"
        name = f"{ENGINE_NAMES}{kind}:{_hex(image)[:16]}"
        return PreparedImage(image.info, image.config, engine_ref=name)

    def unpack(self, image: Layout) -> PreparedImage:
        """The image with its root unpacked, once per digest. Needs root. Raises as `obtain`."""
        standin.require_root()
        final = self.root / "rootfs" / _hex(image)
        with disk_errors(f"unpacking {image.info.ref}"), self._space.lock(f"rootfs-{_hex(image)}"):
            if not final.exists():
                with self._space.work() as work:
                    source = image.source.removeprefix("oci:")
                    self._run(
                        ["umoci", "raw", "unpack", "--image", source, str(work / "rootfs")], image.info.ref
                    )
                    publish(work / "rootfs", final)
        return replace(self.prepared(image), rootfs=final)

    def docker_archive(self, image: Layout) -> Path:
        """A tar for `docker load` that names the image as `prepared` does. Raises as `obtain`."""
        final = self.root / "archives" / f"{_hex(image)}.tar"
        with disk_errors(f"archiving {image.info.ref}"), self._space.lock(f"archive-{_hex(image)}"):
            if not final.exists():
                with self._space.work() as work:
                    target = f"docker-archive:{work / 'image.tar'}:{self.prepared(image).engine_ref}"
                    self._run(["skopeo", "copy", "--quiet", image.source, target], image.info.ref)
                    publish(work / "image.tar", final)
        return final

    @contextlib.contextmanager
    def alone(self, what: str) -> Iterator[None]:
        """Within, no other thread or process of this machine does what goes by that name, which is fit for a file's."""
        with disk_errors(what), self._space.lock(what):
            yield

    def sweep(self) -> list[str]:
        """Remove what dead processes left half made; one line for each. What living ones make stays."""
        with disk_errors("sweeping the image store"):
            return [f"half-made image {folder}" for folder in self._space.sweep()]

    def prune(self) -> list[str]:
        """Remove what something newer has taken the place of; one line for each. Nobody may be launching meanwhile."""
        with disk_errors("pruning the image store"):
            return pruning.prune(self.root, self._space)

    def engine_names(self) -> frozenset[str]:
        """The names under which an engine may have been given the images that are here."""
        return frozenset(self.prepared(image).engine_ref or "" for image in pruning.images(self.root))

    def _pulled(self, ref: str, source: registry.Source) -> Layout:
        final = self._image("image", _text_key(ref))
        with self._space.lock(final.name):
            if not final.exists():
                digest = self._ask(source)
                self._tell(f"pulling {ref}")
                with self._space.work() as work:
                    registry.pull(self.tools, source, digest, work / "layout")
                    (work / "layout" / _NOTE).write_text(json.dumps({"digest": digest, "ref": ref}))
                    layout.read(work / "layout", ref)
                    publish(work / "layout", final)
        note = json.loads((final / _NOTE).read_text())
        return layout.read(final, ref, reported=note["digest"])

    def _ask(self, source: registry.Source) -> str:
        """The digest of the image; a registry that could not be reached is not asked again in this run."""
        host = str(source.registry)
        with self._asking:
            if host in self._unreachable:
                raise registry.RegistryUnreachable(f"{source.name}: {self._unreachable[host]}")
            try:
                return registry.ask(self.tools, source)
            except registry.RegistryUnreachable as error:
                self._unreachable[host] = str(error).removeprefix(f"{source.name}: ")
                raise

    def _archived(self, ref: str, source: registry.Source) -> Layout:
        final = self._image("archive", registry.fingerprint(source))
        with self._space.lock(final.name):
            if not final.exists():
                with self._space.work() as work:
                    registry.unarchive(self.tools, source, work / "layout")
                    layout.read(work / "layout", ref)
                    publish(work / "layout", final)
        return layout.read(final, ref)

    def _standin(self, ref: str, recipe: Recipe) -> Layout:
        suite = standin.suite()
        final = self._image(f"standin-{recipe.name}", standin.key(recipe, suite))
        with self._space.lock(final.name):
            if not final.exists():
                standin.require_root()
                distro = standin.distribution(self.tools)
                with self._base(distro) as base, self._space.work() as work:
                    self._tell(f"building a stand-in for {recipe.replaces} from {distro.name} packages")
                    (work / "layout").mkdir()
                    standin.build(self.tools, recipe, distro, base=base, folder=work / "layout", work=work)
                    publish(work / "layout", final)
        return layout.read(final, ref)

    @contextlib.contextmanager
    def _base(self, distro: standin.Distribution) -> Iterator[Path]:
        """The base, made where there is none or an old one, and not replaced by anybody while it is used."""
        final = self.root / "bases" / f"{distro.suite}-{platform.machine()}-{standin.BUILDER}"
        with contextlib.ExitStack() as stack:
            # Builders share the base; only one that has to make it excludes the others.
            shared = stack.enter_context(contextlib.ExitStack())
            shared.enter_context(self._space.lock(f"base-{final.name}", fcntl.LOCK_SH))
            if not standin.base_is_fresh(final):
                shared.close()
                held = stack.enter_context(self._space.lock(f"base-{final.name}"))
                if not standin.base_is_fresh(final):
                    self._tell(f"building a base of {distro.name} packages, once for all stand-ins")
                    with self._space.work() as work:
                        standin.build_base(self.tools, distro, work / "base", work)
                        if final.exists():
                            publish(final, work / "old")
                        publish(work / "base", final)
                fcntl.flock(held, fcntl.LOCK_SH)
            yield final

    def _image(self, kind: str, key: str) -> Path:
        return self.root / "images" / f"{kind}-{key}"

    def _run(self, argv: list[str], ref: str) -> None:
        try:
            self.tools.run(argv)
        except ToolFailed as error:
            raise ImageError(f"{ref}: {error}") from error


def _hex(image: Layout) -> str:
    return image.digest.partition(":")[2]


def _text_key(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
