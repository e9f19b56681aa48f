"""Building stand-in images from distribution packages, with mmdebstrap and the machine's own mirrors.

A base of the distribution's essential packages is made once and shared; each stand-in is an overlay over it.
The same recipe and the same package versions give the same digest.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shlex
import shutil
import time
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from profile_smoke.errors import ImageError
from profile_smoke.image import layout
from profile_smoke.image.tools import ToolFailed, Tools, isolated, last_line

if TYPE_CHECKING:
    from collections.abc import Iterable

    from profile_smoke.image.recipe import Recipe

BUILDER = "1"
"""Part of every key: raise it when the same recipe is to give another image."""
BASE_SECONDS = 24 * 3600.0
"""A base older than this is made anew, so that a stand-in gets the distribution's current packages."""

OS_RELEASE = Path("/etc/os-release")

_EPOCH = "1704067200"
_CREATED = "2024-01-01T00:00:00Z"
_FORMAT = "$(REPO_URI)|$(RELEASE)|$(COMPONENT)|$(ORIGIN)|$(ARCHITECTURE)"
_DISTRIBUTIONS = {"debian": "Debian", "ubuntu": "Ubuntu"}
_GO_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm", "i686": "386"}
_UNREACHABLE = (
    "Could not resolve",
    "Temporary failure resolving",
    "Unable to connect",
    "Could not connect",
    "timed out",
)
_SLIM = (
    "path-exclude=/usr/share/man/*",
    "path-exclude=/usr/share/info/*",
    "path-exclude=/usr/share/locale/*",
    "path-exclude=/usr/share/doc/*",
    "path-include=/usr/share/doc/*/copyright",
    # The tree is made anew after a crash, so nothing is gained by syncing every file.
    "force-unsafe-io",
)


@dataclass(frozen=True)
class Distribution:
    """What this machine runs, and where it gets packages of it. `sources` are lines of sources.list."""

    name: str
    suite: str
    sources: tuple[str, ...]


def suite(os_release: Path = OS_RELEASE) -> str:
    """The code name of the machine's distribution. Raises ImageError when it is neither Debian nor Ubuntu."""
    facts = _facts(os_release)
    if facts.get("ID") not in _DISTRIBUTIONS or not facts.get("VERSION_CODENAME"):
        name = facts.get("PRETTY_NAME", "this system")
        raise ImageError(
            f"stand-ins are built on Debian or Ubuntu, not on {name}: use a registry or an image archive"
        )
    return facts["VERSION_CODENAME"]


def distribution(tools: Tools, os_release: Path = OS_RELEASE) -> Distribution:
    """The machine's distribution, with those of its apt sources that are the distribution's own.

    Raises:
        ImageError: it is neither Debian nor Ubuntu, or apt has no index of it.
    """
    codename, facts = suite(os_release), _facts(os_release)
    origin = _DISTRIBUTIONS[facts["ID"]]
    listing = _apt(tools, ["apt-get", "indextargets", "--format", _FORMAT, "Created-By: Packages"])
    architecture = _apt(tools, ["dpkg", "--print-architecture"]).strip()
    sources = own_sources(listing.splitlines(), origin, architecture)
    if not sources:
        raise ImageError(f"apt has no package index of {origin} {codename}: run apt-get update, then again")
    version = f"{origin} {facts['VERSION_ID']}" if "VERSION_ID" in facts else origin
    return Distribution(f"{version} ({codename})", codename, sources)


def own_sources(targets: Iterable[str], origin: str, architecture: str) -> tuple[str, ...]:
    """Lines of sources.list for the index targets of `origin`, each `uri|release|component|origin|arch`."""
    components: dict[tuple[str, str], list[str]] = {}
    for target in targets:
        uri, release, component, of, arch = target.split("|")
        if of == origin and arch == architecture:
            found = components.setdefault((uri, release), [])
            if component not in found:
                found.append(component)
    return tuple(f"deb {uri} {release} {' '.join(names)}" for (uri, release), names in components.items())


def key(recipe: Recipe, codename: str) -> str:
    """What a stand-in is cached by: all that we put into it, package versions apart."""
    script = resources.files("profile_smoke.image").joinpath("standin.sh").read_bytes()
    files = {path: hashlib.sha256(content).hexdigest() for path, content in recipe.files.items()}
    facts: list[object] = [
        BUILDER,
        hashlib.sha256(script).hexdigest(),
        _SLIM,
        codename,
        platform.machine(),
        recipe.name,
        recipe.replaces,
    ]
    facts += [recipe.packages, recipe.report, files, recipe.setup, repr(recipe.config)]
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]


def require_root() -> None:
    """Raise ImageError unless trees of many owners can be made here."""
    if os.geteuid() != 0:
        raise ImageError(
            "building and unpacking images needs root: run as root, or use a docker target with a registry"
        )


def build_base(tools: Tools, distro: Distribution, folder: Path, work: Path) -> None:
    """Make the shared base in the new folder `folder`: the essential packages, apt, and its package lists.

    Raises ImageError (no mmdebstrap, mirror unreachable), DiskFullError, InterruptedRunError.
    """
    command = ["mmdebstrap", "--mode=root", "--variant=apt", "--format=directory", "--skip=cleanup/apt/lists"]
    command += [f"--dpkgopt={option}" for option in _SLIM]
    command += [f"--aptopt={option}" for option in ('Acquire::Languages "none"', *_proxy(tools))]
    if shutil.which("mmdebstrap") is None:
        raise ImageError("mmdebstrap is not installed: apt-get install mmdebstrap")
    _build(tools, [*command, distro.suite, str(folder), *distro.sources], work)
    os.utime(folder)


def build(tools: Tools, recipe: Recipe, distro: Distribution, *, base: Path, folder: Path, work: Path) -> str:
    """Build the stand-in over `base` into the new layout `folder`, with `work` (an empty folder) for scratch.

    Returns the manifest's digest. Raises as `build_base`; also ImageError when a package does not exist.
    """
    for target, content in recipe.files.items():
        path = work / "files" / target.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        path.chmod(0o755)
    (work / "files").mkdir(exist_ok=True)
    (work / "setup").write_text(recipe.setup)
    (work / "report").write_text("".join(f"{package}\n" for package in recipe.report))
    with resources.as_file(resources.files("profile_smoke.image").joinpath("standin.sh")) as script:
        _build(tools, ["sh", str(script), str(base), str(work), *recipe.packages], work)
    versions = dict(line.split(" ", 1) for line in (work / "versions").read_text().splitlines())
    labels = {
        layout.STANDIN_LABEL: recipe.name,
        layout.DISTRIBUTION_LABEL: distro.name,
        layout.PACKAGES_LABEL: json.dumps(versions, sort_keys=True),
    }
    architecture = _GO_ARCHITECTURES.get(platform.machine(), platform.machine())
    config = replace(recipe.config, labels=labels)
    return layout.write(folder, work / "layer.tar", config, architecture=architecture, created=_CREATED)


def base_is_fresh(folder: Path) -> bool:
    """Whether the base in `folder` exists and is young enough to build upon."""
    return folder.is_dir() and time.time() - folder.stat().st_mtime < BASE_SECONDS


def _build(tools: Tools, command: list[str], work: Path) -> None:
    try:
        tools.run(isolated(command), env={"SOURCE_DATE_EPOCH": _EPOCH, "TMPDIR": str(work)})
    except ToolFailed as error:
        raise ImageError(_why(error.output)) from error


def _why(output: str) -> str:
    """One line on why a build failed, and what to do about it."""
    errors = [
        line.strip()
        for line in output.splitlines()
        if line.startswith(("E:", "W: Failed", "  Could not", "Err:"))
    ]
    if any(text in output for text in _UNREACHABLE):
        detail = errors[0] if errors else last_line(output)
        return f"the package mirror cannot be reached: check the network and apt's proxy ({detail})"
    return f"building a stand-in failed: {errors[0] if errors else last_line(output)}"


def _proxy(tools: Tools) -> list[str]:
    """The machine's apt proxies, which mmdebstrap does not take over by itself."""
    found = _apt(
        tools, ["apt-config", "shell", "http", "Acquire::http::Proxy", "https", "Acquire::https::Proxy"]
    )
    values = dict(word.split("=", 1) for word in shlex.split(found))
    return [
        f'Acquire::{scheme}::Proxy "{values[scheme]}"' for scheme in ("http", "https") if values.get(scheme)
    ]


def _apt(tools: Tools, command: list[str]) -> str:
    try:
        return tools.run(command).stdout.decode()
    except ToolFailed as error:
        raise ImageError(f"the machine's apt does not work: {error}") from error


def _facts(os_release: Path) -> dict[str, str]:
    """The key=value pairs of os-release(5); empty where there is no such file."""
    if not os_release.exists():
        return {}
    words = shlex.split(os_release.read_text(), comments=True)
    return dict(word.split("=", 1) for word in words if "=" in word)
