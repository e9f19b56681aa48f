"""A node agent on this machine, as the observer of the target `oci`: real listeners, real containers, a real socket between.

What needs a cluster is in test_agent_cluster.py; here the agent is the same program, and so are the faults.
"""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
import uuid
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from tests.support.workbench import Workbench, allowing, scenario, workbench

from profile_smoke import rundir
from profile_smoke.agent import reader
from profile_smoke.agent.connection import Connection
from profile_smoke.agent.fleet import Fleet
from profile_smoke.agent.processes import address
from profile_smoke.errors import InstrumentError
from profile_smoke.image.store import Store
from profile_smoke.model import Verdict
from profile_smoke.observe import readback
from profile_smoke.observe.readback import ProcessGoneError
from profile_smoke.syscall import tables
from profile_smoke.target.docker import DockerTarget, connect

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from profile_smoke.agent.sessions import FleetSession
    from profile_smoke.observe.policy import Policy

pytestmark = [pytest.mark.usefixtures("no_leftovers")]
_SECONDS = 60.0


@dataclass
class Agent:
    """An agent as a process of its own, and the reader beside it."""

    folder: Path
    port: int = 0
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self) -> None:
        """Start both, and wait until they answer."""
        self.processes = [self._run("read", "--socket", str(self.reader))]
        self.processes.append(
            self._run(
                *("serve", "--node", "here", "--port", str(self.port), "--reader", str(self.reader)),
                *("--seccomp", str(self.folder / "seccomp"), "--sockets", str(self.folder)),
            )
        )
        deadline = time.monotonic() + _SECONDS
        while not (self.reader.exists() and self._answers()):
            assert time.monotonic() < deadline
            time.sleep(0.02)

    @property
    def reader(self) -> Path:
        return self.folder / "reader.sock"

    def _run(self, *arguments: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen([sys.executable, "-m", "profile_smoke.agent", *arguments])

    def _answers(self) -> bool:
        try:
            self.dial("here").close()
        except InstrumentError:
            return False
        return True

    def dial(self, node: str) -> socket.socket:
        try:
            return socket.create_connection(("127.0.0.1", self.port), timeout=5)
        except OSError as error:
            raise InstrumentError(f"the agent on node {node} cannot be reached: {error}") from None

    def kill(self) -> None:
        """As the kernel does when it is out of memory."""
        for process in self.processes:
            process.kill()
            process.wait()

    def end(self) -> list[int]:
        """As the kubelet does; the exit codes."""
        for process in self.processes:
            process.send_signal(signal.SIGTERM)
        return [process.wait(_SECONDS) for process in self.processes]


@pytest.fixture
def agent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Agent]:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    found = Agent(tmp_path_factory.mktemp("a"), port)
    found.start()
    try:
        yield found
    finally:
        found.kill()


@contextmanager
def observed_by(bench: Workbench, fleet: Fleet) -> Iterator[Workbench]:
    """The same bench, with the agent in the place of the supervisor in this process."""
    before, bench.observer = bench.observer, fleet
    try:
        with fleet:
            yield bench
    finally:
        bench.observer = before


def known(_name: str) -> bool:
    return True


@pytest.mark.oci
def test_an_agent_sees_what_a_supervisor_in_this_process_sees(agent: Agent) -> None:
    """The same cell, blamed by both: the same blocking calls, the same denials in the same phases."""
    with workbench("oci") as bench:
        document = bench.used("redis").without(["epoll_wait", "setsockopt"])
        here = bench.run("redis", document)
        with observed_by(bench, Fleet(["here"], rundir.new_run_id(), agent.dial, bench.target.knows)):
            there = bench.run("redis", document)
    assert here.verdict is there.verdict is Verdict.BLOCKED
    assert here.blocking == there.blocking
    assert there.blocking
    assert {(each.syscall, each.phase, each.errno) for each in here.denials if each.effect == "blocking"} == {
        (each.syscall, each.phase, each.errno) for each in there.denials if each.effect == "blocking"
    }
    assert all(each.process.comm and each.first_ms > 0 for each in there.denials)
    assert agent.end() == [0, 0]


class Struck(Fleet):
    """Its agent meets its fate at the moment at which the first observed launch enters a phase."""

    def __init__(self, agent: Agent, phase: str, *, back: bool) -> None:
        super().__init__(["here"], rundir.new_run_id(), agent.dial, known)
        self._agent, self._when, self._back = agent, phase, back
        self.struck = False

    def open(self, key: str, policy: Policy) -> FleetSession:
        session = super().open(key, policy)
        for each in session._sessions.values():
            each.enter = self._striking(each.enter)  # type: ignore[method-assign, assignment]  # the moment
        return session

    def _striking(self, enter: Callable[[str], None]) -> Callable[[str], None]:
        def strike(phase: str) -> None:
            if phase == self._when and not self.struck:
                self.struck = True
                self._agent.kill()
                if self._back:
                    self._agent.start()
            enter(phase)

        return strike


@pytest.mark.oci
@pytest.mark.fault
@pytest.mark.parametrize("back", [False, True], ids=["stays-dead", "comes-back"])
@pytest.mark.parametrize("phase", ["start", "stop"])
@pytest.mark.parametrize("missing", [(), ("setsockopt", "epoll_wait")], ids=["fine", "blocked"])
def test_an_agent_that_is_killed_in_mid_launch_makes_the_cell_an_error(
    agent: Agent, monkeypatch: pytest.MonkeyPatch, phase: str, missing: tuple[str, ...], *, back: bool
) -> None:
    """Early or late, for a profile that is fine and for one that is not, restarted at once or not: never a verdict."""
    monkeypatch.setattr("profile_smoke.agent.fleet._RETRY_SECONDS", 0.5)
    # Without some calls that redis tries and can do without, so that even the fine profile is observed refusing.
    names = tables.all_names() - {"sysinfo", "get_mempolicy", "getdents64", *missing}
    with workbench("oci") as bench:
        fleet = Struck(agent, phase, back=back)
        with observed_by(bench, fleet):
            result = bench.run("redis", allowing(names))
    assert fleet.struck, "it was never observed"
    assert result.verdict is Verdict.ERROR, result.reason
    assert "the agent on node here" in result.reason
    assert not result.blocking


@pytest.mark.docker
def test_a_pods_process_is_found_read_and_signalled(agent: Agent) -> None:
    """By container id and pod uid, in a cgroup as the kubelet makes them; nobody else's container is touched."""
    run, other = "20260101-000000-00000a", "20260101-000000-00000b"
    pod = str(uuid.uuid4())
    with ExitStack() as stack:
        running = stack.enter_context(rundir.open_run(rundir.new_run_id()))
        target = DockerTarget(running, Store(rundir.home(), lambda _line: None))
        stack.callback(target.finish)
        image = target.prepare(scenario("redis").image, scenario("redis").standin, policy="always")
        client = connect()
        stack.callback(client.close)
        container = client.containers.create(
            str(image.engine_ref),
            ["sleep", "600"],
            entrypoint=[],
            hostname=f"ps-{run}-1",
            cgroup_parent=f"/kubepods/besteffort/pod{pod}",
            network_mode="none",
        )
        stack.callback(lambda: container.remove(force=True))
        container.start()
        container.exec_run(["sleep", "601"], detach=True)
        container.reload()
        pid = int(container.attrs["State"]["Pid"])
        ours = Connection("here", run, agent.dial("here"))
        stack.callback(lambda: ours.close(farewell=True))
        wanted = address(str(container.id), pod, run)

        found = ours.status(wanted, "Pid", "Seccomp", "NoNewPrivs", "NoSuchField")
        assert found == {"Pid": str(pid), "Seccomp": "2", "NoNewPrivs": "0", "NoSuchField": None}
        assert ours.facts.filters_why_not == ""
        assert ours.filters(wanted) == readback.read_filters(pid)

        with pytest.raises(InstrumentError, match="not of the pod"):
            ours.signal(address(str(container.id), str(uuid.uuid4()), run), "KILL")
        theirs = Connection("here", other, agent.dial("here"))
        stack.callback(lambda: theirs.close(farewell=True))
        for ask in (lambda: theirs.signal(wanted, "KILL"), lambda: theirs.filters(wanted)):
            with pytest.raises(InstrumentError, match=f"not of the run {other}"):
                ask()
        assert ours.status(wanted, "Pid")["Pid"] == str(pid)

        theirs.kill(pod)
        ours.kill(str(uuid.uuid4()))
        assert ours.status(wanted, "Pid")["Pid"] == str(pid)

        ours.signal(wanted, "HUP")
        ours.kill(pod)
        assert container.wait(timeout=10)["StatusCode"] == 137
        with pytest.raises(ProcessGoneError):
            ours.status(wanted, "Pid")
        with pytest.raises(ProcessGoneError):
            ours.filters(wanted)


@pytest.mark.docker
def test_a_reader_that_is_gone_is_an_error(agent: Agent) -> None:
    """Not an empty answer, which would mean that no filter is loaded."""
    agent.processes[0].kill()
    agent.processes[0].wait()
    wanted = address("0" * 64, str(uuid.uuid4()), "20260101-000000-00000a")
    with pytest.raises(InstrumentError, match="the reader of filters is not there"):
        reader.filters(agent.reader, wanted)
    ours = Connection("here", "20260101-000000-00000a", agent.dial("here"))
    assert "is not there" in ours.facts.filters_why_not
    ours.close(farewell=True)
