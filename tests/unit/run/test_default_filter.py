"""The default profile's answers, while they are still being found out."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from profile_smoke.errors import InfrastructureError
from profile_smoke.image.interface import ImageConfig, PreparedImage
from profile_smoke.model import ImageInfo
from profile_smoke.observe.conservative import ConservativeControl
from profile_smoke.observe.promised import PromisedControl
from profile_smoke.probe.interface import ExitState
from profile_smoke.profile.model import Action
from profile_smoke.run.default_filter import default_control
from profile_smoke.run.launch import Launcher
from profile_smoke.run.slots import Slots
from profile_smoke.scenario.model import LogCheck, Ready, Scenario, Start, Stop
from profile_smoke.syscall import tables
from profile_smoke.target.fake import FakeTarget, Life
from profile_smoke.target.interface import Capabilities, StartRefused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from profile_smoke.observe.policy import Control
    from profile_smoke.target.interface import Container, ContainerSpec

READ = (tables.audit_arch("x86_64"), tables.numbers("x86_64")["read"], (0,) * 6)
SCENARIO = Scenario(
    "s", "", "image:1", Start(), Ready(LogCheck("up"), 1.0), (), Stop("TERM", 1.0, (0,)), {}, Path("s")
)
IMAGE = PreparedImage(ImageInfo("image:1", "sha256:fake"), ImageConfig())


class Readable(FakeTarget):
    """Filters could be read back from it."""

    def capabilities(self) -> Capabilities:
        return Capabilities(observe=True, observe_why_not="", read_filter=True, read_filter_why_not="")


class SlowToRemove(Readable):
    """A container is gone only when `remove` is told, or cannot be removed if it is told so."""

    def __init__(self) -> None:
        super().__init__(lambda _: Life(exit=ExitState(exit_code=0)))
        self.remove: Future[None] = Future()

    @contextmanager
    def container(self, spec: ContainerSpec, *, keep: Callable[[], bool]) -> Iterator[Container]:
        with super().container(spec, keep=keep) as container:
            yield container
            self.remove.result(5)


def launcher(target: FakeTarget) -> Launcher:
    return Launcher(target, run_id="r", stop=threading.Event(), slots=Slots(1), keep_failed=False)


def test_who_asks_early_waits_for_the_answer() -> None:
    """An observed launch begins before the default profile is known; none of its calls is answered by guessing."""
    promise: Future[Control] = Future()
    control = PromisedControl(promise)
    answers: list[Action] = []
    asking = threading.Thread(target=lambda: answers.append(control.decide(*READ).action))
    asking.start()
    assert not answers
    promise.set_result(ConservativeControl())
    asking.join(5)
    assert answers == [Action.ALLOW]


def test_what_cannot_be_found_out_is_not_forgotten() -> None:
    """Calls are answered all the same, so that nothing hangs; settling it then says what went wrong."""
    target = Readable(lambda _: Life(start=StartRefused("no such program")))
    with default_control(launcher(target), SCENARIO, IMAGE) as control:
        assert control.decide(*READ).action is Action.ALLOW
        assert control.looks_at_args(*READ[:2])
        with pytest.raises(InfrastructureError, match=r"s@fake: .* default profile either: no such program"):
            control.settled()
    assert not target.live


def test_nothing_is_launched_where_filters_cannot_be_read() -> None:
    """Our own conservative table answers then."""
    target = FakeTarget(lambda _: Life())
    with default_control(launcher(target), SCENARIO, IMAGE) as control:
        control.settled()
        assert control.decide(*READ).action is Action.ALLOW
    assert not target.specs


def test_the_answer_is_given_before_the_container_is_removed() -> None:
    """An observed launch need not wait for that; leaving does, so that nothing is left behind."""
    target = SlowToRemove()
    with default_control(launcher(target), SCENARIO, IMAGE) as control:
        control.settled()
        assert target.live
        target.remove.set_result(None)
    assert not target.live


def test_a_container_that_cannot_be_removed_is_told_of() -> None:
    """Though its answer was known by then."""
    target = SlowToRemove()
    target.remove.set_exception(InfrastructureError("the engine does not remove it"))
    with (
        pytest.raises(InfrastructureError, match="does not remove it"),
        default_control(launcher(target), SCENARIO, IMAGE) as control,
    ):
        control.settled()
