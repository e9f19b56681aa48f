"""Requests a second of nginx under a profile that refuses it nothing: observed, beside plainly enforced.

Two containers live side by side, one request at a time goes to each in turn over a kept-alive connection. The median of
what neighbouring blocks come to is compared. All share one processor: whether a request wakes up another one would
weigh more than what is measured. Usage, as root: python benchmarks/throughput.py [BLOCKS] [REQUESTS]
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from profile_smoke import rundir
from profile_smoke.image.store import Store
from profile_smoke.model import Answer
from profile_smoke.observe.policy import Policy
from profile_smoke.probe.attempt import attempt
from profile_smoke.probe.wait import WaitState, wait_until
from profile_smoke.profile import render
from profile_smoke.profile.evaluate import Evaluator
from profile_smoke.profile.model import Action, Decision, Profile, Rule
from profile_smoke.profile.observed import observed
from profile_smoke.resources import bundled
from profile_smoke.scenario.document import load as load_scenario
from profile_smoke.syscall import danger, tables
from profile_smoke.target.interface import Container, ContainerSpec
from profile_smoke.target.oci import OciTarget

if TYPE_CHECKING:
    import socket
    from collections.abc import Sequence

    from profile_smoke.image.interface import PreparedImage
    from profile_smoke.scenario.model import Scenario

BOUND = 0.97
REQUEST = b"GET / HTTP/1.1\r\nHost: benchmark\r\n\r\n"


class _Permissive:
    """A default profile that permits everything."""

    def decide(self, *_: object) -> Decision:
        """Permit."""
        return Decision(Action.ALLOW)

    def looks_at_args(self, *_: object) -> bool:
        """It does not."""
        return False


def generous() -> Profile:
    """A profile that refuses only what no web server calls, so that the observed nginx is refused nothing."""
    names = tuple(
        sorted(name for name in tables.all_names() if danger.danger(name) is None or name == "clone")
    )
    return Profile(
        Action.ERRNO, architectures=(tables.scmp_arch(tables.native()),), rules=(Rule(names, Action.ALLOW),)
    )


def launched(
    stack: ExitStack,
    target: OciTarget,
    spec_id: str,
    *,
    image: PreparedImage,
    scenario: Scenario,
    profile: Profile,
) -> Container:
    """A started, ready container under the profile."""
    spec = ContainerSpec(
        spec_id.rpartition("-")[0], spec_id, image, scenario.start, render.to_oci(profile), spec_id
    )
    container = stack.enter_context(target.container(spec, keep=lambda: False))
    container.start(30)
    waited = wait_until(
        lambda left: attempt(scenario.ready.check, container, left), container.exited, timeout=20
    )
    assert waited.state is WaitState.READY, waited.last
    return container


def place(containers: Sequence[Container]) -> None:
    """Client and servers on one processor."""
    processor = {min(os.sched_getaffinity(0))}
    os.sched_setaffinity(0, processor)
    for container in containers:
        init = container.pid()
        assert init is not None, "it has ended"
        workers = Path(f"/proc/{init}/task/{init}/children").read_text("ascii").split()
        for pid in (init, *map(int, workers)):
            os.sched_setaffinity(pid, processor)


def rate(connection: socket.socket, requests: int) -> float:
    """Requests a second over one connection."""
    began = time.perf_counter()
    for _ in range(requests):
        connection.sendall(REQUEST)
        head, _, body = _until(connection, b"\r\n\r\n").partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        while len(body) < length:
            body += connection.recv(65536)
    return requests / (time.perf_counter() - began)


def _until(connection: socket.socket, end: bytes) -> bytes:
    data = b""
    while end not in data:
        chunk = connection.recv(65536)
        assert chunk, "nginx closed the connection"
        data += chunk
    return data


def main() -> int:
    """Measure blocks in turn; print medians and their ratio; 1 where it is below the bound."""
    arguments = [int(text) for text in sys.argv[1:]]
    blocks, requests = (*arguments, *(200, 500)[len(arguments) :])
    scenario = load_scenario(bundled("scenarios") / "nginx")
    with rundir.open_run(rundir.new_run_id()) as run, ExitStack() as stack:
        target = OciTarget(run, Store(rundir.home()))
        target.check()
        stack.callback(target.finish)
        image = target.prepare(scenario.image, scenario.standin, policy="auto")
        observer = stack.enter_context(target.observer())
        plain = generous()
        session = observer.open(
            f"{run.run_id}-2",
            Policy(Evaluator(plain, tables.native(), known=target.knows), _Permissive(), Answer.DENY),
        )
        watched = observed(plain, listener_path=observer.listener_path, metadata=session.key)
        containers = [
            launched(stack, target, f"{run.run_id}-{number}", image=image, scenario=scenario, profile=profile)
            for number, profile in ((1, plain), (2, watched))
        ]
        place(containers)
        rates: tuple[list[float], list[float]] = ([], [])
        for number in range(blocks + 1):
            for container, found in zip(containers, rates, strict=True):
                with container.connect(80, 10) as connection:  # nginx ends one after 1000 requests
                    measured = rate(connection, requests)
                if number:
                    found.append(measured)
        session.check()
        denials = sorted({denial.syscall for denial in session.record.denials()})
    enforced, seen = (statistics.median(found) for found in rates)
    ratio = statistics.median(watched / plain for plain, watched in zip(*rates, strict=True))
    print(
        f"enforced {enforced:,.0f} requests/s, observed {seen:,.0f} requests/s, refused: {denials or 'nothing'}"
    )
    print(f"observed / enforced {ratio:.3f}, median of {blocks} (at least {BOUND})")
    return int(ratio < BOUND)


if __name__ == "__main__":
    sys.exit(main())
