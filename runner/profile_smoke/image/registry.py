"""Images from registries and archives, copied into a layout by skopeo, with its failures told apart.

nginx:1.21, ghcr.io/a/b@sha256:...    a registry
docker-archive:PATH                   what `docker save` wrote
oci:PATH[:TAG], oci-archive:PATH      an OCI layout, or a tar of one
/a/path, ./a/path, a/path.tar         any of the archives, found out by looking
"""

from __future__ import annotations

import hashlib
import ipaddress
import re
import tarfile
from dataclasses import dataclass
from pathlib import Path

from profile_smoke import paths
from profile_smoke.errors import ImageError
from profile_smoke.image.layout import TAG
from profile_smoke.image.tools import NO_ANSWER, ToolFailed, Tools

ANSWER_SECONDS = 10.0
"""How long a registry may take to answer the first question; then it counts as unreachable."""
PULL_SECONDS = 1800.0
"""How long a whole pull may take."""
TRIES = 3
_ARCHIVES = ("docker-archive", "oci-archive", "oci")
_CHUNK = 1 << 20


class RegistryUnreachable(ImageError):  # noqa: N818  the one image error that a stand-in may follow
    """The registry did not answer at all: name resolution, refused, no route, time out."""


class RegistryBusy(ImageError):  # noqa: N818  tried again, then reported as the ImageError that it is
    """The registry answered that it cannot answer now, or the connection broke in the middle."""


@dataclass(frozen=True)
class Source:
    """Where an image is: `transport` is skopeo's (`docker` for a registry), `name` what follows it."""

    transport: str
    name: str

    @property
    def registry(self) -> str | None:
        """Host and port of the registry, None for an archive."""
        if self.transport != "docker":
            return None
        first, slash, _ = self.name.partition("/")
        return first if slash and (set(".:") & set(first) or first == "localhost") else "docker.io"

    @property
    def file(self) -> Path:
        """The archive's path: what of the name exists, before a tag or reference that may have colons too."""
        path = self.name
        while ":" in path and not paths.exists(path):
            path = path.rpartition(":")[0]
        return Path(path)

    def __str__(self) -> str:
        """As skopeo takes it, which refuses a name with both a tag and a digest: the digest says all."""
        if self.transport != "docker":
            return f"{self.transport}:{self.name}"
        name, at, digest = self.name.partition("@")
        return f"docker://{_untagged(name)}{at}{digest}" if at else f"docker://{name}"


def parse(ref: str) -> Source:
    """Tell a registry's image from an archive.

    Raises:
        ImageError: the archive does not exist, or the file is none.
    """
    transport, colon, rest = ref.partition(":")
    if colon and transport in _ARCHIVES:
        source = Source(transport, rest)
    elif ref.startswith(("/", "./", "../")) or ref.endswith(".tar"):
        if not paths.exists(ref):
            raise ImageError(f"{ref}: no such file or folder")
        source = Source(_kind(Path(ref)), ref)
    else:
        return Source("docker", ref)
    if not paths.exists(source.file):
        raise ImageError(f"{ref}: no such file or folder")
    return source


def ask(tools: Tools, source: Source) -> str:
    """The digest by which the registry knows the image now (of its index where it has several platforms).

    Raises:
        RegistryUnreachable: it did not answer within ANSWER_SECONDS.
        ImageError: it answered, but has no such image, wants credentials, or limits us.
    """
    options = ["inspect", "--raw", *_tls(source, "--tls-verify=false")]
    raw = _skopeo(tools, source, options, [str(source)], ANSWER_SECONDS)
    return "sha256:" + hashlib.sha256(raw).hexdigest()


def pull(tools: Tools, source: Source, digest: str, folder: Path) -> None:
    """Copy the image of that digest, for this platform, into the layout `folder`. Raises as `ask`."""
    pinned = Source("docker", f"{_untagged(source.name)}@{digest}")
    options = ["copy", "--quiet", *_tls(source, "--src-tls-verify=false")]
    _skopeo(tools, pinned, options, [str(pinned), f"oci:{folder}:{TAG}"], PULL_SECONDS)


def unarchive(tools: Tools, source: Source, folder: Path) -> None:
    """Copy the image in an archive into the layout `folder`. Raises ImageError when the archive is broken."""
    try:
        tools.run(["skopeo", "copy", "--quiet", str(source), f"oci:{folder}:{TAG}"], timeout=PULL_SECONDS)
    except ToolFailed as error:
        raise ImageError(f"{source}: {_message(error.output)}") from error


def fingerprint(source: Source) -> str:
    """What an archive is cached by: its contents, or the index that names all contents of a layout."""
    file = source.file / "index.json" if paths.is_dir(source.file) else source.file
    # Which of several images in it: what follows the path.
    total = hashlib.sha256(source.name.removeprefix(str(source.file)).encode())
    try:
        with file.open("rb") as stream:
            while chunk := stream.read(_CHUNK):
                total.update(chunk)
    except OSError as error:
        raise ImageError(f"{file}: {error.strerror}") from error
    return total.hexdigest()[:16]


def failure(source: Source, output: str) -> ImageError:
    """What a failed skopeo (with `--debug`) says, as the error that it is."""
    message = _message(output)
    # skopeo waits longer than we do when it is told to slow down, and says so only in its debug lines.
    told = (
        "too many requests" if message.startswith(NO_ANSWER) and "Too many requests to" in output else message
    )
    for pattern, kind, meaning in _FAILURES:
        if re.search(pattern, told, re.IGNORECASE):
            return kind(f"{source.name}: {meaning.format(registry=source.registry)} ({message})")
    return ImageError(f"{source.name}: {message}")


# Read from the top: what skopeo 1.9 to 1.18 and the registries behind it say.
_FAILURES: tuple[tuple[str, type[ImageError], str], ...] = (
    (
        r"toomanyrequests|too many requests|rate limit|status ?code: 429",
        ImageError,
        "{registry} limits pulls from here: log in (skopeo login) or wait",
    ),
    (
        r"manifest unknown|name unknown|repository name not known",
        ImageError,
        "{registry} has no such image",
    ),
    (
        r"unauthorized|authentication required|denied|forbidden|status ?code: 403|invalid username",
        ImageError,
        "{registry} has no such image, or wants credentials: check the name, or skopeo login",
    ),
    (r"invalid reference format|repository name must be", ImageError, "not the name of an image"),
    (r"policy\.json", ImageError, "skopeo has no signature policy: install golang-github-containers-common"),
    (
        r"x509|certificate|server gave HTTP response to HTTPS",
        ImageError,
        "{registry}'s TLS is not trusted here",
    ),
    (
        r"status(?: ?code)?:? 5\d\d|connection reset|unexpected EOF|: EOF\b",
        RegistryBusy,
        "{registry} is in trouble",
    ),
    (
        (
            r"no such host|server misbehaving|temporary failure in name|connection refused|no route to host|"
            r"network is unreachable|i/o timeout|deadline exceeded|handshake timeout|connection timed out|"
            rf"proxyconnect|^{NO_ANSWER}"
        ),
        RegistryUnreachable,
        "the registry {registry} cannot be reached",
    ),
)


def _skopeo(tools: Tools, source: Source, options: list[str], operands: list[str], seconds: float) -> bytes:
    from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

    tries = Retrying(
        retry=retry_if_exception_type(RegistryBusy),
        stop=stop_after_attempt(TRIES),
        wait=wait_random_exponential(multiplier=0.2, max=2),
        sleep=tools.pause,
        reraise=True,
    )
    return tries(_once, tools, source, ["skopeo", "--debug", *options, *operands], seconds)


def _once(tools: Tools, source: Source, argv: list[str], seconds: float) -> bytes:
    try:
        return tools.run(argv, timeout=seconds).stdout
    except ToolFailed as error:
        raise failure(source, error.output) from error


def _message(output: str) -> str:
    """The text in skopeo's last log line (logfmt, with a quoted msg)."""
    lines = [line for line in output.splitlines() if line.strip()] or ["skopeo said nothing"]
    found = re.search(r'msg="((?:[^"\\]|\\.)*)"', lines[-1])
    text = found.group(1).replace('\\"', '"') if found else lines[-1]
    return re.sub(r'^Error parsing image name "[^"]*": ', "", text.strip())


def _tls(source: Source, option: str) -> list[str]:
    """A registry on loopback may speak plain HTTP, as for container engines; no other may."""
    host = (source.registry or "").rpartition(":")[0] or source.registry or ""
    try:
        local = host == "localhost" or ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        local = False
    return [option] if local else []


def _untagged(name: str) -> str:
    """The name without tag and digest: skopeo takes no name that has both."""
    name = name.partition("@")[0]
    head, slash, last = name.rpartition("/")
    return head + slash + last.partition(":")[0]


def _kind(path: Path) -> str:
    """The transport of an archive, by its contents."""
    if paths.is_dir(path):
        if paths.exists(path / "oci-layout"):
            return "oci"
        raise ImageError(f"{path}: a folder without 'oci-layout' is no image")
    try:
        with tarfile.open(path) as tar:
            names = {name.removeprefix("./") for name in tar.getnames()}
    except (OSError, tarfile.TarError) as error:
        raise ImageError(f"{path}: not an image archive: {error}") from error
    # Newer engines write both; the docker form names the image that was saved.
    for marker, transport in (("manifest.json", "docker-archive"), ("oci-layout", "oci-archive")):
        if marker in names:
            return transport
    raise ImageError(f"{path}: a tar without 'manifest.json' or 'oci-layout' is no image archive")
