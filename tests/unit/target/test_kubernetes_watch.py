"""The watches of a run: what a broken one, a lost history and a silent server come to."""

from __future__ import annotations

import queue
import threading
from typing import TYPE_CHECKING, Any, cast

import pytest

from profile_smoke.errors import InterruptedRunError
from profile_smoke.target import kubernetes_watch
from profile_smoke.target.kubernetes_errors import ApiError, api_error
from profile_smoke.target.kubernetes_watch import Watcher

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from profile_smoke.target.kubernetes_api import Api

RUN = "20260101-000000-aaaaaa"
NONE: frozenset[str] = frozenset()


def pod(uid: str, version: int, *, launch: str = f"{RUN}-1", created: str = "1") -> dict[str, Any]:
    labels = {"profile-smoke.launch": launch}
    metadata = {
        "name": launch,
        "uid": uid,
        "labels": labels,
        "resourceVersion": str(version),
        "creationTimestamp": created,
    }
    return {"metadata": metadata, "spec": {}, "status": {"version": version}}


class Response:
    def __init__(self, end: Callable[[], None]) -> None:
        self.shutdown = end


class FakeApi:
    """Pods as listed, and changes as told: `tell` gives the next one, an exception breaks the watch."""

    def __init__(self, *pods: dict[str, Any]) -> None:
        self.pods, self.since = list(pods), list[str]()
        self.told: queue.Queue[Any] = queue.Queue()
        self.list_errors: list[ApiError] = []

    def tell(self, *changes: Any) -> None:
        for change in changes:
            self.told.put(change)

    def listed(self, kind: str, *, selector: str = "", limit: int | None = None) -> dict[str, Any]:
        del selector, limit
        if kind == "Event":
            raise ApiError("no events for you", 403)
        if self.list_errors:
            raise self.list_errors[0]
        return {"items": list(self.pods), "metadata": {"resourceVersion": "10"}}

    def watch(self, kind: str, since: str, seconds: int, *, selector: str, opened: Any) -> Iterator[Any]:
        del kind, seconds, selector
        self.since.append(since)
        opened(Response(lambda: self.told.put(api_error("watching", 0, "ended"))))
        while True:
            change = self.told.get()
            if isinstance(change, Exception):
                raise change
            if change is None:
                return
            yield change


def watcher(api: FakeApi) -> Watcher:
    return Watcher(cast("Api", api), RUN)


def seen(watching: Watcher, version: int, past: frozenset[str] = NONE) -> bool | None:
    """Whether the launch's pod comes to this version."""
    return watching.wait(
        f"{RUN}-1",
        past,
        lambda view: True if view and view.pod["status"]["version"] == version else None,
        5.0,
    )


def test_changes_wake_who_waits() -> None:
    """From the list, then from the watch; a server without events for us is noted."""
    api = FakeApi(pod("u", 1))
    with watcher(api) as watching:
        assert seen(watching, 1)
        api.tell(("MODIFIED", pod("u", 11)))
        assert seen(watching, 11)
        assert "no events for you" in watching.events_why_not


def test_a_watch_that_ends_goes_on_where_it_was() -> None:
    """After its time, from the last version, a bookmark's too."""
    api = FakeApi(pod("u", 1))
    with watcher(api) as watching:
        api.tell(("BOOKMARK", {"metadata": {"resourceVersion": "12"}}), None, ("MODIFIED", pod("u", 13)))
        assert seen(watching, 13)
        assert api.since[:2] == ["10", "12"]


def test_lost_history_is_listed_anew() -> None:
    """410 Gone: what is there is taken over, and what is not is known to be gone."""
    api = FakeApi(pod("u", 1))
    with watcher(api) as watching:
        assert seen(watching, 1)
        api.pods = []
        api.tell(api_error("watching", 410, "too old resource version"))
        gone = watching.wait(f"{RUN}-1", NONE, lambda view: True if view and view.gone else None, 5.0)
        assert gone


def test_a_second_life_is_another_pod() -> None:
    """Earlier ones are passed over; of two the older is the launch's."""
    api = FakeApi(pod("one", 1, created="1"), pod("two", 2, created="2"))
    with watcher(api) as watching:
        assert seen(watching, 1)
        assert seen(watching, 2, frozenset({"one"}))
        assert watching.view("another", NONE) is None


def test_a_broken_watch_is_begun_anew() -> None:
    """One broken connection is nobody's trouble."""
    api = FakeApi(pod("u", 1))
    with watcher(api) as watching:
        api.tell(api_error("watching", 0, "connection reset"), ("MODIFIED", pod("u", 12)))
        assert seen(watching, 12)


@pytest.mark.parametrize("status", [0, 403])
def test_who_waits_is_told_when_nobody_answers(status: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """After some patience; where it is forbidden, at once."""
    monkeypatch.setattr(kubernetes_watch, "_PATIENCE_SECONDS", 0.2)
    api = FakeApi()
    api.list_errors = [ApiError("nobody there", status)]
    with watcher(api) as watching, pytest.raises(ApiError, match="nobody there"):
        seen(watching, 1)


def test_an_interrupt_ends_a_wait() -> None:
    """Soon, and nothing is concluded."""
    stop = threading.Event()
    with watcher(FakeApi()) as watching:
        threading.Timer(0.1, stop.set).start()
        with pytest.raises(InterruptedRunError):
            watching.wait("none", NONE, lambda _view: None, 60.0, stop)
