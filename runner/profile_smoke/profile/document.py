"""Reading a profile file: Docker's format or plain OCI, strictly.

The runtimes skip what they do not know, and each something else; here an unknown key or word is an error with
its line, its path and the nearest valid one. Formats: OCI runtime-spec `config-linux.md#seccomp`, moby
`profiles/seccomp/seccomp.go`.
"""

from __future__ import annotations

import errno
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from profile_smoke.errors import BadFileError
from profile_smoke.profile._fields import Field, FieldError, kind
from profile_smoke.profile._names import unknown_names
from profile_smoke.profile._rules import read_action, read_errno, read_rule
from profile_smoke.profile._vocabulary import ARCHITECTURES, FLAGS, quoted
from profile_smoke.profile.model import ArchMapEntry, Profile
from profile_smoke.profile.source import MAX_BYTES, Source

if TYPE_CHECKING:
    from collections.abc import Mapping

_TOP = (
    *("defaultAction", "defaultErrnoRet", "defaultErrno", "architectures", "archMap", "flags"),
    *("listenerPath", "listenerMetadata", "syscalls"),
)


@dataclass(frozen=True)
class Document:
    """A profile with the file that it came from.

    `raw` is the JSON as the standard library reads it, what Docker is handed; `text` the file's characters,
    line ends and byte order mark kept; `sha256` of the file's bytes; `warnings` one line each.
    """

    profile: Profile
    raw: Mapping[str, Any]
    text: str
    source: str
    sha256: str
    warnings: tuple[str, ...]


def load(path: str | Path) -> Document:
    """Read and check a profile file.

    Raises:
        BadFileError: it cannot be read, is larger than 1 MiB, is not JSON, or is no valid profile.
    """
    return parse(read(path), str(path))


def read(path: str | Path) -> str:
    """The text of a profile file, line ends and byte order mark kept.

    Raises:
        BadFileError: it cannot be read, is larger than 1 MiB, or is not UTF-8.
    """
    try:
        with Path(path).open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise BadFileError(path, "", _why_unreadable(error)) from error
    if len(content) > MAX_BYTES:
        raise BadFileError(path, "", f"larger than {MAX_BYTES // 2**20} MiB, as no seccomp profile is")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise BadFileError(
            path, f"line {line}", f"byte 0x{content[error.start]:02x} is not UTF-8 text"
        ) from error


def parse(text: str, source: str) -> Document:
    """Check the text of a profile; `source` names it in errors.

    Raises:
        BadFileError: not JSON, or no valid profile.
    """
    tree = Source(text, source)
    root = Field(tree, tree.root, "")
    profile = _profile(root)
    raw: Mapping[str, Any] = tree.root.plain
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    return Document(profile, raw, text, source, digest, unknown_names(raw))


def problems(text: str, source: str) -> tuple[FieldError, ...]:
    """What is wrong with the text of a profile: the first problem of each rule, and of the document around them.

    Raises:
        BadFileError: not JSON, or something else than a profile.
    """
    tree = Source(text, source)
    root = Field(tree, tree.root, "")
    _check_is_profile(root)
    found: dict[str, FieldError] = {}
    for part in (*_entries(root), root):
        try:
            _profile(part) if part is root else read_rule(part)
        except FieldError as error:
            found.setdefault(str(error), error)
    return tuple(found.values())


def _entries(root: Field) -> tuple[Field, ...]:
    """The rules as far as there are any; what is wrong with their list is told with the document."""
    members = root.node.value if isinstance(root.node.value, dict) else {}
    if "syscalls" not in members or not isinstance(members["syscalls"].value.value, tuple):
        return ()
    return Field(root.source, members["syscalls"].value, "syscalls").items()


def _why_unreadable(error: OSError) -> str:
    match error.errno:
        case errno.ENOENT:
            return "no such file"
        case errno.EISDIR:
            return "a folder; expected a profile file"
        case errno.EACCES | errno.EPERM:
            return "no permission to read it"
        case _:
            return f"cannot be read: {error.strerror}"


def _profile(root: Field) -> Profile:
    _check_is_profile(root)
    top = root.members(_TOP)
    if "defaultAction" not in top:
        raise root.error('"defaultAction" is missing, such as "SCMP_ACT_ERRNO"')
    default = read_action(top["defaultAction"])
    if (
        "archMap" in top
        and top["archMap"].items()
        and "architectures" in top
        and top["architectures"].items()
    ):
        raise top["archMap"].error('both "architectures" and "archMap" are given; Docker takes one of them')
    return Profile(
        default_action=default,
        default_errno_ret=read_errno(top, "defaultErrnoRet", "defaultErrno", default),
        architectures=top["architectures"].words(ARCHITECTURES, "architecture")
        if "architectures" in top
        else (),
        arch_map=tuple(_arch_map(entry) for entry in top["archMap"].items()) if "archMap" in top else (),
        flags=top["flags"].words(FLAGS, "flag") if "flags" in top else (),
        rules=tuple(read_rule(entry) for entry in top["syscalls"].items()) if "syscalls" in top else (),
        listener_path=top["listenerPath"].text() if "listenerPath" in top else None,
        listener_metadata=top["listenerMetadata"].text() if "listenerMetadata" in top else None,
    )


def _check_is_profile(root: Field) -> None:
    expected = 'a seccomp profile is an object with "defaultAction" and "syscalls"'
    members = root.node.value
    if not isinstance(members, dict):
        raise root.error(f"{kind(root.node)}, not a seccomp profile; {expected}")
    if "defaultAction" in members or "syscalls" in members:
        return
    if "apiVersion" in members and "kind" in members:
        what = members["kind"].value.value
        name = f" {quoted(what)}" if isinstance(what, str) else ""
        raise root.error(f"a Kubernetes manifest{name}, not a seccomp profile; {expected}")
    if "ociVersion" in members:
        raise root.error("an OCI runtime configuration; the profile is what stands under linux.seccomp in it")
    if not any(key in members for key in _TOP):
        raise root.error(f"not a seccomp profile; {expected}")


def _arch_map(entry: Field) -> ArchMapEntry:
    fields = entry.members(("architecture", "subArchitectures"))
    if "architecture" not in fields:
        raise entry.error('"architecture" is missing, such as "SCMP_ARCH_X86_64"')
    subs = (
        fields["subArchitectures"].words(ARCHITECTURES, "architecture")
        if "subArchitectures" in fields
        else ()
    )
    return ArchMapEntry(fields["architecture"].word(ARCHITECTURES, "architecture"), subs)
