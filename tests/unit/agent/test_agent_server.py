"""An agent and its clients over real sockets: who is served, what is left when clients go, and what clients are told."""

from __future__ import annotations

import socket
import struct
import threading
import time
from contextlib import closing, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest
from tests.support.agents import Local, agent

from profile_smoke.agent import connection, server
from profile_smoke.agent.connection import AgentGoneError, Connection
from profile_smoke.agent.fleet import Fleet
from profile_smoke.agent.processes import address
from profile_smoke.agent.wire import PROTOCOL, Channel, frame
from profile_smoke.errors import InstrumentError
from profile_smoke.model import Answer
from profile_smoke.observe.conservative import ConservativeControl
from profile_smoke.observe.interface import NotHandedOverError
from profile_smoke.observe.policy import Policy
from profile_smoke.profile.evaluate import Evaluator
from profile_smoke.profile.model import Action, Profile
from profile_smoke.syscall import tables

if TYPE_CHECKING:
    from collections.abc import Iterator

RUN = "20260101-000000-00000a"
POLICY = Policy(Evaluator(Profile(Action.ERRNO), tables.native()), ConservativeControl(), Answer.DENY)
LIMIT = 10.0


def until(holds: object) -> None:
    """Wait for a thread elsewhere to have done its part."""
    assert callable(holds)
    deadline = time.monotonic() + LIMIT
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.fixture
def folder() -> Iterator[Path]:
    """Short: a socket's path has 107 bytes."""
    with TemporaryDirectory(prefix="ps") as name:
        yield Path(name)


def connect(there: Local, run: str = RUN) -> Connection:
    return Connection("here", run, there.dial())


def profiles(there: Local) -> list[str]:
    """Those of every run, as RUN/NAME; the agent may remove a run's folder while it is looked into."""
    found = []
    for folder in (there.seccomp / "profile-smoke").iterdir():
        with suppress(FileNotFoundError):
            found += [f"{folder.name}/{path.name}" for path in folder.iterdir() if path.suffix == ".json"]
    return sorted(found)


def test_a_profile_is_installed_and_gone_after_the_farewell(folder: Path) -> None:
    """When `close` returns, nothing of the run is left: no profile, no folder, no socket."""
    with agent(folder) as there:
        ours = connect(there)
        assert ours.install("a.json", "{}") == f"profile-smoke/{RUN}/a.json"
        assert Path(ours.facts.listener).is_socket()
        ours.close(farewell=True)
        assert list((there.seccomp / "profile-smoke").iterdir()) == []
        until(lambda: not Path(ours.facts.listener).exists())


def test_what_a_dead_client_left_is_removed_when_its_lease_ends(folder: Path) -> None:
    """A killed client says no farewell; its connection ends, or falls silent, and its profiles go."""
    with agent(folder, lease=0.2) as there:
        ours = connect(there)
        ours.install("a.json", "{}")
        ours.close(farewell=False)
        until(lambda: profiles(there) == [])


def test_a_client_that_hangs_is_as_good_as_dead(folder: Path) -> None:
    """A stopped client keeps its connection, and is found out by its silence."""
    with (
        agent(folder, lease=0.1, silence=1.0) as there,
        closing(Channel(there.dial(), timeout=LIMIT)) as channel,
    ):
        channel.send({"hello": PROTOCOL, "version": "0", "run": RUN})
        assert "ok" in channel.receive()
        channel.send({"id": 1, "do": "install", "name": "a.json", "content": "{}"})
        assert channel.receive() == {"id": 1, "ok": f"profile-smoke/{RUN}/a.json"}
        until(lambda: profiles(there) == [])


def test_pings_keep_a_quiet_client_alive(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A launch may take minutes in which nothing is asked."""
    monkeypatch.setattr(connection, "PING_SECONDS", 0.05)
    with agent(folder, lease=0.1, silence=1.0) as there:
        ours = connect(there)
        ours.install("a.json", "{}")
        time.sleep(2.0)
        assert not ours.broken
        assert profiles(there) == [f"{RUN}/a.json"]
        ours.close(farewell=True)


def test_a_client_may_come_back(folder: Path) -> None:
    """A new connection of the same run takes over, even from one that is not yet known to be broken."""
    with agent(folder, lease=LIMIT) as there:
        first = connect(there)
        first.install("a.json", "{}")
        second = connect(there)
        with pytest.raises(AgentGoneError, match="the agent on node here is gone"):
            first.install("b.json", "{}")
        second.install("c.json", "{}")
        assert profiles(there) == [f"{RUN}/a.json", f"{RUN}/c.json"]
        first.close(farewell=True)
        assert profiles(there) == [f"{RUN}/a.json", f"{RUN}/c.json"]
        second.close(farewell=True)


def test_a_restarted_agent_clears_up_what_nobody_comes_back_for(folder: Path) -> None:
    """Files and sockets of an earlier life: the sockets go at once, the profiles with their leases."""
    with agent(folder) as there:
        connect(there).install("a.json", "{}")
    stale = folder / "sockets" / f"{RUN}.sock"
    stale.touch()
    with agent(folder, lease=0.2) as there:
        until(lambda: not stale.exists())
        until(lambda: profiles(there) == [])


def test_runs_do_not_see_each_other(folder: Path) -> None:
    """Two clients at once: names are each run's own, and one's farewell touches nothing of the other."""
    other = "20260101-000000-00000b"
    with agent(folder) as there:
        one, two = connect(there), connect(there, other)
        one.install("a.json", "{}")
        two.install("a.json", '{"b": 1}')
        one.ask("open", key="x", policy={**fleet_policy()})
        with pytest.raises(InstrumentError, match="nothing of that name"):
            two.ask("check", key="x")
        one.close(farewell=True)
        assert profiles(there) == [f"{other}/a.json"]
        two.close(farewell=True)


def fleet_policy() -> dict[str, object]:
    from profile_smoke.agent.documents import policy_document

    return policy_document(POLICY, lambda _name: True)


@pytest.mark.parametrize(
    ("hello", "says"),
    [
        ({"hello": PROTOCOL + 1, "version": "9", "run": RUN}, "profile-smoke agent install"),
        ({"hello": PROTOCOL, "version": "9", "run": "../x"}, "no id of a run"),
        ({"hello": PROTOCOL, "version": "9"}, "run: expected str"),
        ({"id": 1, "do": "ping"}, "hello: expected int"),
    ],
)
def test_who_is_not_served_is_told_why(folder: Path, hello: dict[str, object], says: str) -> None:
    """Another version, no run, no hello: one line, and the connection ends."""
    with agent(folder) as there:
        channel = Channel(there.dial(), timeout=LIMIT)
        channel.send(hello)
        assert says in channel.receive()["error"]["text"]
        with pytest.raises(InstrumentError):
            channel.receive()
        channel.close()


def test_a_client_tells_a_version_that_it_does_not_speak(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The user reads what to do, and which node."""
    with agent(folder) as there:
        monkeypatch.setattr(connection, "PROTOCOL", PROTOCOL + 1)
        with pytest.raises(
            InstrumentError, match=r"node here: .* protocol 1 .* the client 2 .* agent install"
        ):
            connect(there)


@pytest.mark.parametrize(
    "garbage", [b"GET / HTTP/1.1\r\n\r\n", frame({"hello": PROTOCOL})[:7], struct.pack(">I", 1 << 31), b""]
)
def test_strangers_do_no_harm(folder: Path, garbage: bytes) -> None:
    """Another protocol, half a message, a length of gigabytes, nothing: the next client is served as ever."""
    with agent(folder) as there:
        with there.dial() as stranger:
            stranger.sendall(garbage)
        ours = connect(there)
        assert ours.ask("ping") is None
        ours.close(farewell=True)


def test_more_clients_than_there_may_be_are_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bound is for the node's sake; who comes too late reads that there is no agent to be had."""
    monkeypatch.setattr(server, "MOST_CLIENTS", 1)
    with agent(folder) as there:
        ours = connect(there)
        with pytest.raises(InstrumentError, match="does not answer as one"):
            connect(there, "20260101-000000-00000b")
        ours.close(farewell=True)


def test_what_the_agent_refuses_leaves_the_connection_usable(folder: Path) -> None:
    """An unknown request, a bad name, a container that is not there: each an error of its own."""
    with agent(folder) as there:
        ours = connect(there)
        nowhere = address("0" * 64, "0" * 32, RUN)
        with pytest.raises(InstrumentError, match="nothing that can be asked"):
            ours.ask("explode")
        with pytest.raises(InstrumentError, match=r"\.json at the end"):
            ours.install("../a", "{}")
        with pytest.raises(InstrumentError, match="no process on this node"):
            ours.status(nowhere, "Seccomp")
        with pytest.raises(InstrumentError, match="without a reader"):
            ours.filters(nowhere)
        with pytest.raises(InstrumentError, match="no signal"):
            ours.signal(nowhere, "NOSUCH")
        assert ours.ask("ping") is None
        ours.close(farewell=True)


def test_an_agent_that_dies_breaks_what_it_observes(folder: Path) -> None:
    """The session of a lost agent never checks out, also when the agent is back; later launches are served again."""
    with agent(folder) as there:
        fleet = Fleet(["here"], RUN, there.dial, lambda _name: True).__enter__()
        fleet.install("a.json", "{}")
        session = fleet.open("x", POLICY)
        session.phase = "start"
        there.server.stop()
    with pytest.raises(InstrumentError, match="the agent on node here is gone"):
        session.check()
    with pytest.raises(InstrumentError, match="the agent on node here is gone"):
        session.phase = "stop"
    session.close()
    with agent(folder, port=there.port) as there:
        again = fleet.open("y", POLICY)
        assert profiles(there) == [f"{RUN}/a.json"]
        with pytest.raises(NotHandedOverError):
            again.check()
        with pytest.raises(InstrumentError):
            session.check()
        again.close()
        fleet.__exit__()
        assert profiles(there) == []


def test_an_agent_that_does_not_come_back_is_an_error(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is waited for, but not for ever."""
    monkeypatch.setattr("profile_smoke.agent.fleet._RETRY_SECONDS", 0.1)
    with agent(folder) as there:
        fleet = Fleet(["here"], RUN, there.dial, lambda _name: True).__enter__()
    with pytest.raises(InstrumentError):
        fleet.check()
    with pytest.raises(InstrumentError):
        fleet.install("a.json", "{}")
    fleet.__exit__()


def test_a_launch_is_awaited_everywhere_and_observed_where_it_lands(folder: Path) -> None:
    """Profiles are on every node; once a pod has landed, only its node counts: another's death is nobody's business."""
    with agent(folder / "a", name="a") as a, agent(folder / "b", name="b") as b:
        dials = {"a": a.dial, "b": b.dial}
        with Fleet(["a", "b"], RUN, lambda node: dials[node](), lambda _name: True) as fleet:
            assert fleet.install("p.json", "{}") == f"profile-smoke/{RUN}/p.json"
            assert profiles(a) == profiles(b) == [f"{RUN}/p.json"]
            session = fleet.open("x", POLICY)
            fleet.landed("x", "b")
            a.server.stop()
            session.phase = "start"
            with pytest.raises(NotHandedOverError):
                session.check()
            with pytest.raises(InstrumentError, match="landed on node c"):
                fleet.landed("x", "c")
            with pytest.raises(InstrumentError, match="no agent runs on node c"):
                fleet.on("c")
            session.close()
            fleet.landed("x", "b")


def test_a_silent_agent_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Something that takes connections and says nothing cannot hold a run for ever."""
    monkeypatch.setattr(connection, "_ANSWER_SECONDS", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        stream = socket.create_connection(listening.getsockname())
        with pytest.raises(
            InstrumentError, match="node here does not answer as one: the other end is silent"
        ):
            Connection("here", RUN, stream)


def test_requests_of_many_threads_do_not_mix(folder: Path) -> None:
    """Each gets the answer to its own."""
    with agent(folder) as there:
        ours = connect(there)
        wrong: list[str] = []

        def ask(name: str) -> None:
            for count in range(20):
                place = ours.install(f"{name}{count}.json", "{}")
                if not place.endswith(f"/{name}{count}.json"):
                    wrong.append(place)

        threads = [threading.Thread(target=ask, args=(name,)) for name in "abcd"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert wrong == []
        assert len(profiles(there)) == 80
        ours.close(farewell=True)
