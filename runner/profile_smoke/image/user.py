"""Who a container runs as: the image's `User`, resolved against the files of its own root.

Follows what container engines do (moby/sys user.GetExecUser): a number needs no entry, a name does; without
an explicit group the groups that list the user are added, with one they are not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from profile_smoke.errors import ImageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_MAX_ID = 2**31 - 1
_MAX_LINKS = 40


class User(NamedTuple):
    """Numeric identity of a process."""

    uid: int
    gid: int
    additional_gids: tuple[int, ...]


def lookup(rootfs: Path, user: str) -> User:
    """Resolve `name`, `uid`, `name:group` or `uid:gid` (empty: root) inside `rootfs`.

    Raises:
        ImageError: a name without an entry, or a number that is no id.
    """
    who, _, group = user.partition(":")
    who = who or "0"
    entry = next((fields for fields in _entries(rootfs, "etc/passwd", 4) if _matches(who, fields)), None)
    if entry is None and not who.isdecimal():
        raise ImageError(f"user {who!r} has no entry in the image's /etc/passwd")
    uid = _id(who, user) if who.isdecimal() else _id(entry[2] if entry else who, user)
    if group:
        return User(uid, _group(rootfs, group, user), ())
    if entry is None:
        return User(uid, 0, ())
    name, gid = entry[0], _id(entry[3], user)
    extra = [
        _id(fields[2], user) for fields in _entries(rootfs, "etc/group", 4) if name in fields[3].split(",")
    ]
    return User(uid, gid, tuple(dict.fromkeys(extra)))


def resolve(rootfs: Path, path: str) -> Path:
    """Where the image's `path` is on the host, with symlinks followed as inside: never out of `rootfs`.

    Raises:
        ImageError: a loop of symlinks.
    """
    todo = [part for part in path.split("/") if part not in ("", ".")]
    done: list[str] = []
    links = 0
    while todo:
        part = todo.pop(0)
        if part == "..":
            done = done[:-1]
            continue
        here = rootfs.joinpath(*done, part)
        if not here.is_symlink():
            done.append(part)
            continue
        links += 1
        if links > _MAX_LINKS:
            raise ImageError(f"/{path.lstrip('/')} in the image is a loop of symlinks")
        target = str(here.readlink())
        done = [] if target.startswith("/") else done
        todo = [piece for piece in target.split("/") if piece not in ("", ".")] + todo
    return rootfs.joinpath(*done)


def _group(rootfs: Path, group: str, user: str) -> int:
    entry = next((fields for fields in _entries(rootfs, "etc/group", 3) if _matches(group, fields)), None)
    if group.isdecimal():
        return _id(group, user)
    if entry is None:
        raise ImageError(f"group {group!r} of user {user!r} has no entry in the image's /etc/group")
    return _id(entry[2], user)


def _matches(wanted: str, fields: list[str]) -> bool:
    # Field 2 is the number in both files; a number never means a name.
    return fields[2] == wanted if wanted.isdecimal() else fields[0] == wanted


def _id(text: str, user: str) -> int:
    if not text.isdecimal() or int(text) > _MAX_ID:
        raise ImageError(f"user {user!r}: {text!r} is no user or group id")
    return int(text)


def _entries(rootfs: Path, path: str, least: int) -> Iterator[list[str]]:
    """Lines of passwd(5) or group(5) with at least `least` fields; none where the image has no such file."""
    file = resolve(rootfs, path)
    if not file.is_file():
        return
    for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
        fields = line.strip().split(":")
        if len(fields) >= least and not line.startswith("#"):
            yield fields
