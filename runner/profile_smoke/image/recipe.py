"""The recipe of a stand-in: `standin.yaml` beside a scenario, read strictly.

A stand-in is an image built from distribution packages for machines where no registry answers. It follows the
conventions of the image that it stands in for (entrypoint, variables, folders, users), so that one scenario
fits both.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from profile_smoke.errors import BadFileError
from profile_smoke.image.interface import ImageConfig

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

VERSION = "profile-smoke/standin-v1"
_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_PACKAGE = re.compile(r"[a-z0-9][a-z0-9.+-]+")
_KEYS = {
    "schema": str,
    "name": str,
    "replaces": str,
    "packages": list,
    "report": list,
    "files": dict,
    "setup": str,
    "entrypoint": list,
    "cmd": list,
    "env": dict,
    "user": str,
    "workdir": str,
    "volumes": list,
    "stop_signal": str,
}
_REQUIRED = ("schema", "name", "replaces", "packages", "entrypoint")
_KIND = {str: "a text", list: "a list of texts", dict: "a map of texts"}


@dataclass(frozen=True)
class Recipe:
    """One stand-in.

    `replaces` is the image it stands in for; `packages` what is installed; `report` the packages whose
    versions are named in reports (the first of them where the file says nothing). `files` maps absolute
    paths in the image to their contents, installed with mode 0755; `setup` is a shell script run in the image
    after that, as root.
    """

    name: str
    replaces: str
    packages: tuple[str, ...]
    report: tuple[str, ...]
    files: Mapping[str, bytes]
    setup: str
    config: ImageConfig
    path: Path


def load(path: Path) -> Recipe:
    """Read `standin.yaml`, and the files beside it that it names.

    Raises:
        BadFileError: it cannot be read, is not YAML, or holds something that no recipe has.
    """
    document = _document(path)
    for key in document:
        if key not in _KEYS:
            nearest = difflib.get_close_matches(str(key), _KEYS, 1, 0.0)[0]
            raise BadFileError(path, str(key), f"unknown key; did you mean {nearest!r}?")
    for key in _REQUIRED:
        if not document.get(key):
            raise BadFileError(path, key, "missing")
    for key, value in document.items():
        _check_shape(path, key, value)
    if document["schema"] != VERSION:
        raise BadFileError(path, "schema", f"{document['schema']!r} is not known here; expected {VERSION!r}")
    return _recipe(path, document)


def _document(path: Path) -> dict[str, Any]:
    import yaml

    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadFileError(path, "", error.strerror or str(error)) from error
    except UnicodeDecodeError as error:
        raise BadFileError(path, f"byte {error.start}", "not UTF-8") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise BadFileError(path, where, f"not YAML: {getattr(error, 'problem', None) or error}") from error
    if not isinstance(document, dict):
        raise BadFileError(path, "", "expected a map of keys such as 'name' and 'packages'")
    return document


def _check_shape(path: Path, key: str, value: Any) -> None:
    kind = _KEYS[key]
    texts: list[Any] = value if kind is list and isinstance(value, list) else []
    if kind is dict and isinstance(value, dict):
        texts = [*value.keys(), *value.values()]
    if not isinstance(value, kind) or not all(isinstance(text, str) for text in texts):
        raise BadFileError(path, key, f"expected {_KIND[kind]}, not {value!r} (quote numbers)")


def _recipe(path: Path, document: Mapping[str, Any]) -> Recipe:
    if not _NAME.fullmatch(document["name"]):
        raise BadFileError(path, "name", f"{document['name']!r}: expected small letters, digits and hyphens")
    packages = tuple(document["packages"])
    for at, package in enumerate(packages):
        if not _PACKAGE.fullmatch(package):
            raise BadFileError(path, f"packages[{at}]", f"{package!r} is no package name")
    for key, absolute in (
        ("workdir", [document.get("workdir", "/")]),
        ("files", document.get("files", {})),
        ("volumes", document.get("volumes", [])),
    ):
        for name in absolute:
            if not name.startswith("/") or ".." in name.split("/"):
                raise BadFileError(path, key, f"{name!r}: expected an absolute path without '..'")
    return Recipe(
        name=document["name"],
        replaces=document["replaces"],
        packages=packages,
        report=tuple(document.get("report") or packages[:1]),
        files={target: _beside(path, source) for target, source in document.get("files", {}).items()},
        setup=document.get("setup", ""),
        config=ImageConfig(
            entrypoint=tuple(document["entrypoint"]),
            cmd=tuple(document.get("cmd", ())),
            env=tuple(f"{name}={value}" for name, value in document.get("env", {}).items()),
            user=document.get("user", ""),
            workdir=document.get("workdir", "/"),
            volumes=tuple(sorted(document.get("volumes", ()))),
            stop_signal=document.get("stop_signal", "SIGTERM"),
        ),
        path=path,
    )


def _beside(path: Path, source: str) -> bytes:
    """The contents of a file beside the recipe."""
    if "/" in source or source in ("", ".", ".."):
        raise BadFileError(path, "files", f"{source!r}: expected the name of a file beside the recipe")
    try:
        return (path.parent / source).read_bytes()
    except OSError as error:
        raise BadFileError(path, "files", f"{source}: {error.strerror}") from error
