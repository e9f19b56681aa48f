"""What the API server tells of a run's pods, kept up to date by two watches, however many pods there are.

Nobody asks in turns: whoever waits for something is woken by the change. A watch that breaks is begun anew, from a new list
where its history is gone; while nobody answers for longer than a while, all who wait are told.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self, TypeVar

from profile_smoke.errors import InterruptedRunError
from profile_smoke.model import LAUNCH_LABEL, RUN_LABEL
from profile_smoke.target.kubernetes_errors import ApiError

if TYPE_CHECKING:
    from collections.abc import Callable

    from profile_smoke.target.kubernetes_api import Api, Document

T = TypeVar("T")
_WATCH_SECONDS = 240
"""Servers end watches after some minutes anyway."""
_PATIENCE_SECONDS = 20.0
_PAUSES = (0.1, 0.3, 1.0, 2.0)
_EVENTS_KEPT = 4096
_JOIN_SECONDS = 5.0


@dataclass(frozen=True)
class View:
    """A pod as last told of; `gone`: it has been deleted since. `events` are its own and its controllers', oldest first."""

    pod: Document
    gone: bool
    events: tuple[Document, ...]


class Watcher:
    """A context manager. `events_why_not` is empty where events can be seen: rules may forbid it."""

    def __init__(self, api: Api, run_id: str) -> None:
        self._api, self._run_id = api, run_id
        self._selector = f"{RUN_LABEL}={run_id}"
        self._changed = threading.Condition()
        self._pods: dict[str, tuple[Document, bool]] = {}
        self._events: deque[Document] = deque(maxlen=_EVENTS_KEPT)
        self._responses: dict[str, Any] = {}
        self._failing: dict[str, tuple[float, ApiError]] = {}
        self._closing = threading.Event()
        self.events_why_not = ""
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Self:
        try:
            events = str(self._api.listed("Event", limit=1)["metadata"].get("resourceVersion", ""))
        except ApiError as error:
            if not error.forbidden:
                raise
            self.events_why_not = str(error)
        else:
            self._begin("Event", lambda: self._watch_events(events))
        self._begin("Pod", self._watch_pods)
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        for response in list(self._responses.values()):
            with suppress(Exception):  # it may have ended by itself just now
                response.shutdown()
        for thread in self._threads:
            thread.join(_JOIN_SECONDS)

    def wait(
        self,
        launch_id: str,
        past: frozenset[str],
        look: Callable[[View | None], T | None],
        timeout: float,
        stop: threading.Event | None = None,
    ) -> T | None:
        """Look at the pod of a launch, now and at each change, until there is an answer; None after `timeout` seconds.

        `past` are the uids of the launch's earlier pods, which are passed over.

        Raises:
            ApiError: the API server does not tell of pods any more.
            InterruptedRunError: `stop` is set.
        """
        deadline = time.monotonic() + timeout
        with self._changed:
            while True:
                self.check()
                if stop is not None and stop.is_set():
                    raise InterruptedRunError("interrupted")
                found = look(self._view(launch_id, past))
                left = deadline - time.monotonic()
                if found is not None or left <= 0:
                    return found
                # Woken now and then, to notice that nobody answers.
                self._changed.wait(min(left, 1.0))

    def view(self, launch_id: str, past: frozenset[str]) -> View | None:
        """The pod of a launch as last told of. Raises ApiError as `wait`."""
        with self._changed:
            self.check()
            return self._view(launch_id, past)

    def check(self) -> None:
        """Raise ApiError when the API server has not told of pods for some time."""
        since, error = self._failing.get("Pod", (0.0, None))
        if error is not None and (not error.transient or time.monotonic() - since > _PATIENCE_SECONDS):
            raise ApiError(str(error), error.status)

    def _view(self, launch_id: str, past: frozenset[str]) -> View | None:
        mine = [
            (pod, gone)
            for uid, (pod, gone) in self._pods.items()
            if uid not in past and (pod["metadata"].get("labels") or {}).get(LAUNCH_LABEL) == launch_id
        ]
        if not mine:
            return None
        # A controller may have made another pod meanwhile: the first one is the launch's.
        pod, gone = min(mine, key=lambda each: str(each[0]["metadata"].get("creationTimestamp", "")))
        name = pod["metadata"]["name"]
        return View(pod, gone, self._told_of(name))

    def events(self, prefix: str) -> tuple[Document, ...]:
        """What was told of things whose names begin so: of a controller before it has a pod."""
        with self._changed:
            return self._told_of(prefix)

    def _told_of(self, prefix: str) -> tuple[Document, ...]:
        return tuple(
            event
            for event in self._events
            if str((event.get("involvedObject") or {}).get("name", "")).startswith(prefix)
        )

    def _begin(self, kind: str, work: Callable[[], None]) -> None:
        thread = threading.Thread(target=self._guarded, args=(kind, work), name=f"watch-{kind}", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _guarded(self, kind: str, work: Callable[[], None]) -> None:
        """Work until closed, beginning anew after every end."""
        failures = 0
        while not self._closing.is_set():
            try:
                work()
                failures = 0
            except ApiError as error:
                if self._closing.is_set():
                    return
                if not error.gone:
                    failures += 1
                    with self._changed:
                        began, _ = self._failing.get(kind, (time.monotonic(), error))
                        self._failing[kind] = (began, error)
                        self._changed.notify_all()
                self._closing.wait(_PAUSES[min(failures, len(_PAUSES) - 1)])

    def _well(self, kind: str) -> None:
        if kind in self._failing:
            with self._changed:
                self._failing.pop(kind, None)

    def _opened(self, kind: str, response: Any) -> None:
        self._responses[kind] = response
        self._well(kind)

    def _watch_pods(self) -> None:
        listed = self._api.listed("Pod", selector=self._selector)
        self._well("Pod")
        with self._changed:
            now = {pod["metadata"]["uid"]: pod for pod in listed.get("items") or ()}
            self._pods = {uid: (pod, uid not in now) for uid, (pod, _) in self._pods.items()}
            self._pods.update({uid: (pod, False) for uid, pod in now.items()})
            self._changed.notify_all()
        since = str(listed["metadata"].get("resourceVersion", ""))
        while not self._closing.is_set():
            for change, found in self._api.watch(
                "Pod",
                since,
                _WATCH_SECONDS,
                selector=self._selector,
                opened=lambda response: self._opened("Pod", response),
            ):
                since = str(found["metadata"]["resourceVersion"])
                if change != "BOOKMARK":
                    with self._changed:
                        self._pods[found["metadata"]["uid"]] = (found, change == "DELETED")
                        self._changed.notify_all()

    def _watch_events(self, since: str) -> None:
        """From the newest that there was at first; where history is lost, so are some events: they only explain."""
        while not self._closing.is_set():
            try:
                for change, found in self._api.watch(
                    "Event",
                    since,
                    _WATCH_SECONDS,
                    opened=lambda response: self._opened("Event", response),
                ):
                    since = str(found["metadata"]["resourceVersion"])
                    about = str((found.get("involvedObject") or {}).get("name", ""))
                    if change in ("ADDED", "MODIFIED") and self._run_id in about:
                        with self._changed:
                            self._events.append(found)
                            self._changed.notify_all()
            except ApiError as error:
                if not error.gone:
                    raise
                since = str(self._api.listed("Event", limit=1)["metadata"].get("resourceVersion", ""))
