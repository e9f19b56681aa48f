"""Reading a profile file: Docker's format or plain OCI, strictly.

The runtimes skip what they do not know, and each something else; here an unknown key or word is an error with
its line, its path and the nearest valid one. Formats: OCI runtime-spec `config-linux.md#seccomp`, moby
`profiles/seccomp/seccomp.go`.
"""

from __future__ import annotations

import errno
import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from profile_smoke.errors import BadFileError
from profile_smoke.profile._fields import Field, FieldError, kind
from profile_smoke.profile._names import unknown_names
from profile_smoke.profile._vocabulary import ARCHITECTURES, CAPABILITIES, DOCKER_ARCHES, FLAGS, quoted
from profile_smoke.profile.model import Action, ArchMapEntry, Arg, Conditions, Op, Profile, Rule
from profile_smoke.profile.source import MAX_BYTES, Source

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_ERRNO = 4095
"""The kernel caps the errno of a filter at MAX_ERRNO, `include/linux/err.h`."""
MAX_VALUE = 2**64 - 1
MAX_INDEX = 5

_TOP = (
    *("defaultAction", "defaultErrnoRet", "defaultErrno", "architectures", "archMap", "flags"),
    *("listenerPath", "listenerMetadata", "syscalls"),
)
_RULE = ("names", "name", "action", "errnoRet", "errno", "args", "comment", "includes", "excludes")
_ARG = ("index", "value", "valueTwo", "op")
_CONDITIONS = ("caps", "arches", "minKernel")
_KERNEL = re.compile(r"([0-9]{1,4})\.([0-9]{1,4})")


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
            _profile(part) if part is root else _rule(part)
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
    default = _action(top["defaultAction"])
    if (
        "archMap" in top
        and top["archMap"].items()
        and "architectures" in top
        and top["architectures"].items()
    ):
        raise top["archMap"].error('both "architectures" and "archMap" are given; Docker takes one of them')
    return Profile(
        default_action=default,
        default_errno_ret=_errno(top, "defaultErrnoRet", "defaultErrno", default),
        architectures=top["architectures"].words(ARCHITECTURES, "architecture")
        if "architectures" in top
        else (),
        arch_map=tuple(_arch_map(entry) for entry in top["archMap"].items()) if "archMap" in top else (),
        flags=top["flags"].words(FLAGS, "flag") if "flags" in top else (),
        rules=tuple(_rule(entry) for entry in top["syscalls"].items()) if "syscalls" in top else (),
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


def _action(field: Field) -> Action:
    action = Action(field.word(tuple(Action), "action"))
    if action is Action.NOTIFY:
        raise field.error(
            "SCMP_ACT_NOTIFY cannot be tested: a container has one listener, and observing needs it; "
            "give the action that the call shall end with, such as SCMP_ACT_ERRNO or SCMP_ACT_ALLOW"
        )
    return action


def _errno(fields: Mapping[str, Field], number_key: str, name_key: str, action: Action) -> int | None:
    """The errno of an action; the name beside it, which only Podman and CRI-O read, must say the same."""
    number = fields[number_key].whole(MAX_ERRNO) if number_key in fields else None
    if number is not None and action not in (Action.ERRNO, Action.TRACE):
        raise fields[number_key].error(
            f"{action} returns no errno; only SCMP_ACT_ERRNO and SCMP_ACT_TRACE take one"
        )
    if name_key in fields and (name := fields[name_key].text()):
        value = getattr(errno, name, None) if re.fullmatch(r"E[A-Z0-9]+", name) else None
        if value is None:
            raise fields[name_key].error(f"unknown errno {quoted(name)}, such as EPERM or ENOSYS")
        if value != number:
            raise fields[name_key].error(
                f"only Podman and CRI-O read it, others drop it; give {quoted(number_key)}: {value}"
            )
    return number


def _rule(entry: Field) -> Rule:
    fields = entry.members(_RULE)
    if "action" not in fields:
        raise entry.error('"action" is missing, such as "SCMP_ACT_ALLOW"')
    action = _action(fields["action"])
    return Rule(
        names=_names(entry, fields),
        action=action,
        errno_ret=_errno(fields, "errnoRet", "errno", action),
        args=tuple(_arg(item) for item in fields["args"].items()) if "args" in fields else (),
        includes=_conditions(fields.get("includes")),
        excludes=_conditions(fields.get("excludes")),
        comment=fields["comment"].text() if "comment" in fields else "",
    )


def _names(entry: Field, fields: Mapping[str, Field]) -> tuple[str, ...]:
    names = fields.get("names")
    if (single := fields.get("name")) is not None and (names is None or single.text()):
        if names is not None and names.items():
            raise single.error(
                'both "name" and "names" are given; "names" is the one that every runtime reads'
            )
        return (single.name(),)
    if names is None:
        raise entry.error('"names" is missing: the list of syscalls that the rule is for')
    if not (found := tuple(item.name() for item in names.items())):
        raise names.error("must not be empty")
    return found


def _arg(entry: Field) -> Arg:
    fields = entry.members(_ARG)
    for key in ("index", "value", "op"):
        if key not in fields:
            raise entry.error(f"{quoted(key)} is missing")
    return Arg(
        index=fields["index"].whole(MAX_INDEX),
        value=fields["value"].whole(MAX_VALUE),
        op=Op(fields["op"].word(tuple(Op), "operator")),
        value_two=fields["valueTwo"].whole(MAX_VALUE) if "valueTwo" in fields else 0,
    )


def _conditions(entry: Field | None) -> Conditions | None:
    """Docker's `includes` or `excludes`; an empty object is the same as none."""
    if entry is None:
        return None
    fields = entry.members(_CONDITIONS)
    found = Conditions(
        caps=fields["caps"].words(CAPABILITIES, "capability") if "caps" in fields else (),
        arches=fields["arches"].words(DOCKER_ARCHES, "architecture") if "arches" in fields else (),
        min_kernel=_kernel(fields["minKernel"]) if "minKernel" in fields else None,
    )
    return None if found == Conditions() else found


def _kernel(field: Field) -> tuple[int, int] | None:
    """A version as `4.8`; Docker refuses a third part, and takes the empty string for none."""
    if not (text := field.text()):
        return None
    match = _KERNEL.fullmatch(text)
    if match is None or (version := (int(match[1]), int(match[2]))) == (0, 0):
        raise field.error(f'{quoted(text)} is no kernel version of two parts, such as "4.8"')
    return version


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
