"""The profiles that a command can name: those in some folders, any file by its path, and the target's own."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from profile_smoke import paths
from profile_smoke.errors import BadFileError, UsageError
from profile_smoke.profile import document
from profile_smoke.profile._vocabulary import nearest, quoted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from profile_smoke.profile.document import Document

RUNTIME_DEFAULT = "runtime-default"
"""Reserved: the target's own default profile, which is no file."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True)
class NamedProfile:
    """A profile by its short name. `document` and `path` are None for the target's own default."""

    name: str
    document: Document | None
    path: Path | None


def short_name(path: Path) -> str:
    """The name of a profile file: its stem without the prefixes `seccomp-`, `k8s-` and the suffix `-profile`.

    `seccomp-k8s-database-profile.json` is `database`.

    Raises:
        BadFileError: what is left cannot be part of a cell's id, or is reserved.
    """
    stem = path.stem
    name = stem.removeprefix("seccomp-").removeprefix("k8s-").removesuffix("-profile") or stem
    if name == RUNTIME_DEFAULT:
        raise BadFileError(
            path, "", f'its name "{name}" stands for the target\'s own default; rename the file'
        )
    if not _NAME.fullmatch(name):
        raise BadFileError(
            path, "", f"{quoted(name)} is no name for a profile: use letters, digits, '.', '_', '-'"
        )
    return name


class Catalog:
    """The profiles in some folders: every `*.json` at any depth, except under what starts with a dot.

    Files are found when it is made and read when they are asked for.

    Raises:
        UsageError: no such folder, a folder without profiles, or two files with one name.
        BadFileError: the name of a file cannot be the name of a profile.
    """

    def __init__(self, folders: Sequence[Path]) -> None:
        self._paths: dict[str, Path] = {}
        for path in dict.fromkeys(path for folder in folders for path in files_in(folder)):
            self._add(path)

    @property
    def names(self) -> tuple[str, ...]:
        """Every short name, sorted; `runtime-default` is one of them."""
        return tuple(sorted((*self._paths, RUNTIME_DEFAULT)))

    def all(self) -> tuple[NamedProfile, ...]:
        """Every profile, sorted by name.

        Raises:
            BadFileError: one of them is no valid profile.
        """
        return tuple(self.find(name) for name in self.names)

    def find(self, name_or_path: str) -> NamedProfile:
        """The profile of this short name; what holds a `/`, ends with `.json` or exists as a file is a path.

        A short name wins over a file of the same name in the working directory: `./database` is the file.

        Raises:
            UsageError: no such profile; says the nearest name and all there are.
            BadFileError: the file cannot be read or is no valid profile.
        """
        if name_or_path == RUNTIME_DEFAULT:
            return NamedProfile(RUNTIME_DEFAULT, None, None)
        path = self.path(name_or_path)
        loaded = document.load(path)
        return NamedProfile(short_name(path), loaded, path)

    def path(self, name_or_path: str) -> Path:
        """The file that `find` would read; it may hold anything.

        Raises:
            UsageError: no such profile, or the target's own default, which is no file.
        """
        path = self._paths.get(name_or_path)
        if path is None:
            path = Path(name_or_path)
            if "/" not in name_or_path and path.suffix != ".json" and not paths.is_file(path):
                raise self._unknown(name_or_path)
        return path

    def _add(self, path: Path) -> None:
        name = short_name(path)
        if (other := self._paths.get(name)) is None:
            self._paths[name] = path
        elif not path.samefile(other):
            raise UsageError(f'two profiles are named "{name}": {other} and {path}; rename one')

    def _unknown(self, name: str) -> UsageError:
        near = nearest(name, self.names)
        hint = f" (nearest {quoted(near)})" if near is not None else ""
        return UsageError(
            f"no profile {quoted(name)}{hint}; there are {', '.join(self.names)}, or give a path"
        )


def files_in(folder: Path) -> Iterator[Path]:
    """Every `*.json` in a folder, at any depth, except under what starts with a dot.

    Raises:
        UsageError: no such folder, one that cannot be read, or no profile in it.
    """
    if not paths.is_dir(folder):
        raise UsageError(f"{folder}: no such folder of profiles")
    found = []
    for root, folders, names in paths.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [root / name for name in names if name.endswith(".json") and not name.startswith(".")]
    found = sorted(path for path in found if paths.is_file(path))
    yield from found
    if not found:
        raise UsageError(f"{folder}: the folder holds no profile (*.json)")
