"""Taking away what a run has in a namespace, found by its label, and seeing it go."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, NamedTuple

from profile_smoke.errors import InfrastructureError
from profile_smoke.model import RUN_LABEL
from profile_smoke.target.kubernetes_errors import ApiError

if TYPE_CHECKING:
    from pathlib import Path

    from profile_smoke.target.kubernetes_api import Api, Document

_OWNED = ("Deployment", "StatefulSet", "DaemonSet", "Pod", "PersistentVolumeClaim", "ConfigMap")
"""What a run makes, in the order in which it is taken away: what makes pods first, claims when no pod has them any more."""
_GONE_SECONDS = 60.0
_LOOK_SECONDS = 10
"""A watch says nothing of what waits for somebody; now and then the list is looked at again."""
_PLACE, _UNFINISHED = "place.json", "place.json.tmp"


class Place(NamedTuple):
    """Where a run is at work; `nodes` are the containers of a kind cluster on this host, as `KindNode.container`."""

    context: str
    namespace: str
    nodes: tuple[str, ...] = ()


def note_place(folder: Path, place: Place) -> None:
    """Leave a note of where a run is at work: as long as it is there, `clean` looks for what a killed run left."""
    folder.mkdir(exist_ok=True)
    # A run that is killed while it writes has made nothing yet: its note is there wholly, or is none.
    (folder / _UNFINISHED).write_text(json.dumps(place._asdict()), "utf-8")
    (folder / _UNFINISHED).replace(folder / _PLACE)


def noted_place(folder: Path) -> Place | None:
    """The note; None where there is none. Raises InfrastructureError where it is none of this version's."""
    try:
        found = json.loads((folder / _PLACE).read_text("utf-8"))
        return Place(found["context"], found["namespace"], tuple(found["nodes"]))
    except FileNotFoundError:
        return None
    except (ValueError, LookupError, TypeError) as error:
        raise InfrastructureError(
            f"{folder / _PLACE}: does not say where the run was; remove {folder} when its cluster has nothing left of it"
        ) from error


def forget_place(folder: Path) -> None:
    """Nothing is left there."""
    for name in (_UNFINISHED, _PLACE):
        (folder / name).unlink(missing_ok=True)
    if folder.exists():
        folder.rmdir()


def sweep(api: Api, run_id: str) -> list[str]:
    """Delete what carries the run's label; one line for each thing.

    Raises:
        InfrastructureError: something is still there after two minutes. ApiError.
    """
    late = time.monotonic() + _GONE_SECONDS
    return [
        f"kubernetes {kind} {api.namespace}/{name}"
        for kind in _OWNED
        for name in _clear(api, kind, run_id, late)
    ]


def _clear(api: Api, kind: str, run_id: str, late: float) -> list[str]:
    """The names of what there was of one kind. A pod whose node does not answer goes only when nobody is waited for."""
    selector, seen = f"{RUN_LABEL}={run_id}", dict[str, None]()
    while items := (listed := api.listed(kind, selector=selector)).get("items") or ():
        now = time.monotonic()
        names = [str(each["metadata"]["name"]) for each in items]
        if now > late + _GONE_SECONDS:
            things = ", ".join(f"{kind} {name}" for name in names)
            raise InfrastructureError(f"still there in namespace {api.namespace}: {things}")
        for each, name in zip(items, names, strict=True):
            if now > late or not each["metadata"].get("deletionTimestamp"):
                api.delete(kind, name, grace=int(now <= late) if kind == "Pod" else None)
        seen.update(dict.fromkeys(names))
        _await_end(api, kind, listed, selector)
    return list(seen)


def _await_end(api: Api, kind: str, listed: Document, selector: str) -> None:
    """Until all that was listed is deleted, or for some seconds: the next list shows what there is."""
    left = {each["metadata"]["uid"] for each in listed["items"]}
    since = str(listed["metadata"]["resourceVersion"])
    try:
        for change, found in api.watch(
            kind, since, _LOOK_SECONDS, selector=selector, opened=lambda _response: None
        ):
            if change == "DELETED":
                left.discard(found["metadata"]["uid"])
            if not left:
                return
    except ApiError as error:
        if not (error.gone or error.transient):
            raise
