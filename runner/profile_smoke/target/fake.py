"""A target whose containers only follow a script: for what decides, not for what runs."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from profile_smoke.image.interface import ImageConfig, PreparedImage
from profile_smoke.model import ImageInfo, TargetInfo
from profile_smoke.probe.fake import FakeSurface
from profile_smoke.probe.interface import ExitState
from profile_smoke.profile.resolve import resolve
from profile_smoke.syscall import tables
from profile_smoke.target.interface import Capabilities, Container, ContainerSpec, Target

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import AbstractContextManager
    from pathlib import Path

    from profile_smoke.image.store import Policy
    from profile_smoke.observe.interface import Observer
    from profile_smoke.profile.document import Document
    from profile_smoke.profile.model import Profile

_KERNEL = (6, 1)
_ENDS_WELL = ExitState(exit_code=0)


@dataclass(frozen=True)
class Life:
    """What one container does.

    `start` is raised when it is started. `exit` is how it has ended by then, `stops` how it ends when it is signalled to
    stop (None: it does not). `pid` is whose status and filter are looked at.
    """

    log: str = ""
    start: Exception | None = None
    exit: ExitState | None = None
    stops: ExitState | None = _ENDS_WELL
    pid: int | None = None


class FakeContainer(FakeSurface, Container):
    """Follows its `Life`; `signals` are those that were sent."""

    def __init__(self, life: Life) -> None:
        super().__init__()
        self.life = life
        self.signals: list[str] = []

    def start(self, timeout: float) -> None:
        """Begin, or raise what the script says."""
        del timeout
        if self.life.start is not None:
            raise self.life.start
        self.log, self.exit = self.life.log, self.life.exit

    def pid(self) -> int | None:
        """The scripted one, while it lives."""
        return None if self.exit else self.life.pid

    def signal(self, name: str) -> None:
        """Note it, and end as scripted."""
        self.signals.append(name)
        if self.exit is None:
            self.exit = self.life.stops

    def wait(self, timeout: float) -> ExitState | None:
        """How it ended; nothing is waited for."""
        del timeout
        return self.exit

    def restart(self, timeout: float) -> None:
        """Begin again."""
        self.start(timeout)

    def kill(self) -> None:
        """End it."""
        self.exit = self.exit or ExitState(signal="SIGKILL")

    def enter_hint(self) -> str:
        """How to look inside."""
        return "enter the fake"


class FakeTarget(Target):
    """Every container lives as `script` says for its spec.

    `specs` are all that were asked for, in order; `live` the containers that were not closed yet; `kept` how many
    were left to the user; `finished` whether the run has ended it. There is every image, unless `image_error` is set.
    """

    name = "fake"

    def __init__(self, script: Callable[[ContainerSpec], Life], *, observes: bool = False) -> None:
        self._script, self._observes = script, observes
        self.specs: list[ContainerSpec] = []
        self.live: list[FakeContainer] = []
        self.kept = 0
        self.finished = False
        self.image_error: Exception | None = None

    def check(self) -> None:
        """Always fit."""

    def info(self) -> TargetInfo:
        """A version that no real target has."""
        return TargetInfo(self.name, {"fake": "1"})

    def capabilities(self) -> Capabilities:
        """As it was made; filters are never read back."""
        return Capabilities(
            observe=self._observes,
            observe_why_not="" if self._observes else "a fake",
            read_filter=False,
            read_filter_why_not="a fake",
        )

    def observer(self) -> AbstractContextManager[Observer]:
        """Nothing ever happens here that could be observed."""
        raise NotImplementedError

    def default_capabilities(self) -> tuple[str, ...]:
        """None."""
        return ()

    def knows(self, syscall: str) -> bool:
        """Every name."""
        del syscall
        return True

    def hand_over(self, document: Document) -> Mapping[str, Any]:
        """The document as it is."""
        return document.raw

    def meaning(self, document: Document) -> Profile:
        """As on a plain machine."""
        return resolve(document.profile, caps=(), arch=tables.native(), kernel=_KERNEL)

    def prepare(self, image: str, standin: Path | None, *, policy: Policy) -> PreparedImage:
        """An image of this name, or the scripted error."""
        del standin, policy
        if self.image_error is not None:
            raise self.image_error
        return PreparedImage(ImageInfo(image, "sha256:fake"), ImageConfig())

    @contextmanager
    def container(self, spec: ContainerSpec, *, keep: Callable[[], bool]) -> Iterator[Container]:
        """A container that follows the script."""
        self.specs.append(spec)
        container = FakeContainer(self._script(spec))
        self.live.append(container)
        try:
            with container:
                yield container
        finally:
            self.live.remove(container)
            self.kept += keep()

    def finish(self) -> None:
        """Note it."""
        self.finished = True

    def sweep(self, run: Path) -> list[str]:
        """Nothing is ever left."""
        del run
        return []
