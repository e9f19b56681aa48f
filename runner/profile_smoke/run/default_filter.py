"""What a target's default profile does, read from a container that is ended at once.

That takes a target's time, not the processor's, so it is done while the first observed launch starts: what that launch asks
waits for the answer, and for no more; the container is removed while the launch goes on.
"""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from profile_smoke.errors import InfrastructureError
from profile_smoke.model import LaunchKind
from profile_smoke.observe import readback
from profile_smoke.observe.conservative import ConservativeControl
from profile_smoke.observe.promised import PromisedControl
from profile_smoke.probe.interface import Attempt
from profile_smoke.probe.wait import wait_until
from profile_smoke.profile.loaded import LoadedFilter
from profile_smoke.run.limits import START_SECONDS, full_limits
from profile_smoke.run.order import Order
from profile_smoke.target.interface import StartRefused

if TYPE_CHECKING:
    from collections.abc import Iterator

    from profile_smoke.image.interface import PreparedImage
    from profile_smoke.observe.policy import Control
    from profile_smoke.profile.bpf import Program
    from profile_smoke.run.launch import Launcher
    from profile_smoke.scenario.model import Scenario
    from profile_smoke.target.interface import Container

_FILTER_MODE = "2"
"""The `Seccomp:` line of a process with a filter (proc_pid_status(5))."""
_READ_SECONDS = 5.0


@contextmanager
def default_control(
    launcher: Launcher, scenario: Scenario, image: PreparedImage
) -> Iterator[PromisedControl]:
    """The control of this target, begun to be found out by launching this scenario.

    Have it `settled` before what was observed is believed. That raises InfrastructureError where nothing can be started
    under the default profile either, or where its filter cannot be read though this should be possible. Leaving raises it
    where the container that was asked cannot be removed.
    """
    promise: Future[Control] = Future()
    with ThreadPoolExecutor(1, thread_name_prefix="default-filter") as pool:
        whole = pool.submit(_keep, promise, launcher, scenario, image)
        yield PromisedControl(promise)
    whole.result()


def _keep(promise: Future[Control], launcher: Launcher, scenario: Scenario, image: PreparedImage) -> None:
    """Keep the promise as soon as the answer is known; raise what goes wrong afterwards."""
    try:
        _find_out(promise, launcher, scenario, image)
    except BaseException as error:
        if promise.done():
            raise
        promise.set_exception(error)


def _find_out(promise: Future[Control], launcher: Launcher, scenario: Scenario, image: PreparedImage) -> None:
    if not launcher.target.capabilities().read_filter:
        promise.set_result(ConservativeControl())
        return
    order = Order(scenario, image, LaunchKind.CONTROL, None, None, full_limits(scenario))
    spec = replace(launcher.spec(order, launcher.new_id()), offline=True)
    with launcher.target.container(spec, keep=lambda: False) as container:
        try:
            container.start(START_SECONDS)
        except StartRefused as refusal:
            raise InfrastructureError(
                f"{scenario.name}@{launcher.target.name}: "
                f"it cannot be started under the default profile either: {refusal}"
            ) from refusal
        programs = _loaded(container)
        promise.set_result(LoadedFilter(programs) if programs else ConservativeControl())


def _loaded(container: Container) -> tuple[Program, ...]:
    """The filter of a container that was just started; empty when it has ended too soon to be asked.

    At first its process is the runtime's own, which loads the filter only now where it sets no_new_privs, and which becomes
    the workload's while it is looked at.
    """
    found: list[tuple[Program, ...]] = []

    def look(_left: float) -> Attempt:
        if container.status_field("Seccomp") == _FILTER_MODE:
            with suppress(readback.ProcessGoneError):
                found.append(container.loaded_filters())
        return Attempt(bool(found and found[-1]), "no filter was read")

    wait_until(look, container.exited, timeout=_READ_SECONDS)
    return found[-1] if found else ()
