"""The runtime's message: what is right is taken, what is not is named and concerns its launch alone, nothing leaks."""

from __future__ import annotations

import json
import os
import socket
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from profile_smoke.errors import InstrumentError
from profile_smoke.model import Answer
from profile_smoke.observe import handover
from profile_smoke.observe.conservative import ConservativeControl
from profile_smoke.observe.handover import Handover, HandoverError, Incoming
from profile_smoke.observe.interface import NotHandedOverError
from profile_smoke.observe.policy import Policy
from profile_smoke.observe.supervisor import LocalSession, Supervisor
from profile_smoke.profile.evaluate import Evaluator
from profile_smoke.profile.model import Action, Profile
from profile_smoke.syscall import tables

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

Pair = tuple[socket.socket, socket.socket]


@pytest.fixture
def pair() -> Iterator[Pair]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


def message(**changes: Any) -> bytes:
    """As runc writes it."""
    document = {
        "ociVersion": "1.0.2",
        "fds": ["seccompFd"],
        "pid": 42,
        "metadata": "launch-1",
        "state": {"ociVersion": "1.0.2", "id": "c", "status": "creating", "pid": 42, "bundle": "/b"},
    }
    return json.dumps({**document, **changes}).encode()


def descriptors() -> set[str]:
    return set(os.listdir("/proc/self/fd"))  # noqa: PTH208  names alone


def send(theirs: socket.socket, data: bytes, count: int = 1) -> None:
    reader, writer = os.pipe()
    try:
        socket.send_fds(theirs, [data], [reader] * count)
    finally:
        os.close(reader)
        os.close(writer)


def taken(ours: socket.socket) -> Handover:
    """The message, which has come."""
    incoming = Incoming(ours.dup())
    try:
        while (found := incoming.read()) is None:
            pass
    finally:
        incoming.close()
    return found


def test_the_listener_and_what_is_said_of_it_are_taken(pair: Pair) -> None:
    """One descriptor, the launch's key, whose it is."""
    ours, theirs = pair
    send(theirs, message())
    found = taken(ours)
    os.close(found.listener)
    assert found == Handover(found.listener, "launch-1", creating=True, pid=42)


def test_an_execd_process_is_told_from_the_init(pair: Pair) -> None:
    """By the state's status; its own pid comes first."""
    ours, theirs = pair
    send(theirs, message(pid=77, state={"status": "running", "pid": 42}))
    found = taken(ours)
    os.close(found.listener)
    assert (found.creating, found.pid) == (False, 77)


def test_a_message_may_come_in_pieces(pair: Pair) -> None:
    """A stream has no message bounds."""
    ours, theirs = pair
    data = message()
    send(theirs, data[:10])
    theirs.sendall(data[10:])
    found = taken(ours)
    os.close(found.listener)
    assert found.metadata == "launch-1"


@pytest.mark.parametrize(
    ("data", "count", "what"),
    [
        (b"", 0, "not JSON"),
        (b"{", 1, "not JSON"),
        (b"\xff\xfe", 1, "not JSON"),
        (b"[]", 1, "not a JSON object"),
        (b"3", 1, "not a JSON object"),
        (message(), 0, "0 descriptors"),
        (message(), 2, "2 descriptors"),
        (message(fds=[]), 1, "named \\[\\]"),
        (message(fds=["other"]), 1, "other"),
        (message(fds="seccompFd"), 1, "not one"),
        (message(pid="many"), 1, "lacks"),
        (message(state=[]), 1, "lacks"),
    ],
)
def test_a_malformed_message_is_an_error_and_leaks_nothing(
    pair: Pair, data: bytes, count: int, what: str
) -> None:
    """Whatever came with it is closed."""
    ours, theirs = pair
    if data:
        send(theirs, data, count)
    theirs.shutdown(socket.SHUT_WR)
    before = descriptors()
    with pytest.raises(HandoverError, match=what):
        taken(ours)
    assert descriptors() == before


def test_a_message_that_has_not_come_yet_is_not_waited_for(pair: Pair) -> None:
    """Reading says that there must be more to come."""
    ours, theirs = pair
    incoming = Incoming(ours.dup())
    assert incoming.read() is None
    theirs.sendall(message()[:10])
    assert incoming.read() is None
    incoming.close()


def test_a_message_without_end_is_given_up(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not gathered in memory."""
    monkeypatch.setattr(handover, "_MESSAGE_LIMIT", 1000)
    ours, theirs = pair
    theirs.sendall(b"[" * 5000)
    with pytest.raises(HandoverError, match="not JSON"):
        taken(ours)


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[Supervisor]:
    with Supervisor(tmp_path / "notify.sock") as found:
        yield found


def observe(supervisor: Supervisor, key: str) -> LocalSession:
    evaluator = Evaluator(Profile(Action.ALLOW, architectures=(), rules=()), tables.native())
    return supervisor.open(key, Policy(evaluator, ConservativeControl(), Answer.DENY))


def say(supervisor: Supervisor, data: bytes, count: int = 1) -> None:
    """A runtime's message, and the supervisor's hanging up."""
    with socket.socket(socket.AF_UNIX) as theirs:
        theirs.settimeout(20)
        theirs.connect(supervisor.listener_path)
        send(theirs, data, count)
        theirs.shutdown(socket.SHUT_WR)
        assert theirs.recv(1) == b""


@pytest.mark.parametrize(
    ("data", "count", "what"),
    [(message(), 1, "no seccomp listener"), (message(), 3, "3 descriptors"), (message(pid=None), 1, "lacks")],
)
def test_a_message_that_makes_no_sense_concerns_its_launch_alone(
    supervisor: Supervisor, data: bytes, count: int, what: str
) -> None:
    """That launch is an error with the cause; the supervisor lives, and others only miss their own listener."""
    meant, other = observe(supervisor, "launch-1"), observe(supervisor, "launch-2")
    before = descriptors()
    say(supervisor, data, count)
    supervisor.check()
    with pytest.raises(InstrumentError, match=what):
        meant.check()
    with pytest.raises(NotHandedOverError, match=r"nothing was observed$"):
        other.check()
    assert descriptors() == before


def test_a_message_of_nobody_is_told_to_whoever_misses_one(supervisor: Supervisor) -> None:
    """It may have been theirs; the supervisor goes on."""
    session = observe(supervisor, "launch-1")
    say(supervisor, b"GET / HTTP/1.0\r\n\r\n")
    supervisor.check()
    with pytest.raises(NotHandedOverError, match=r"nothing was observed \(.*not JSON\)"):
        session.check()


def test_a_silent_runtime_holds_up_nobody_and_is_given_up(
    supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While it says nothing another one is heard; then it is hung up on."""
    monkeypatch.setattr(handover, "_MESSAGE_SECONDS", 0.3)
    session = observe(supervisor, "launch-1")
    with socket.socket(socket.AF_UNIX) as silent:
        silent.settimeout(20)
        silent.connect(supervisor.listener_path)
        say(supervisor, message())
        with pytest.raises(InstrumentError, match="no seccomp listener"):
            session.check()
        assert silent.recv(1) == b""
    with pytest.raises(NotHandedOverError, match=r"did not arrive within 0\.3 s"):
        observe(supervisor, "launch-2").check()


def from_pod(pod: str, container: str = "workload") -> bytes:
    """As runc writes it for containerd's CRI."""
    names = {"io.kubernetes.cri.sandbox-name": pod, "io.kubernetes.cri.container-name": container}
    return message(state={"id": "c", "status": "creating", "pid": 42, "annotations": names})


@pytest.mark.parametrize(
    "names",
    [
        {"io.kubernetes.cri.sandbox-name": "p", "io.kubernetes.cri.container-name": "c"},
        {"io.kubernetes.pod.name": "p", "io.kubernetes.container.name": "c"},
    ],
    ids=["containerd", "CRI-O"],
)
def test_pod_and_container_are_known_by_their_annotations(pair: Pair, names: dict[str, str]) -> None:
    """Of either runtime."""
    ours, theirs = pair
    send(theirs, message(state={"status": "creating", "annotations": names}))
    found = taken(ours)
    os.close(found.listener)
    assert (found.pod, found.container) == ("p", "c")


@pytest.mark.parametrize("annotations", [None, [], "x", {"a": "b"}])
def test_outside_a_cluster_there_is_neither(pair: Pair, annotations: Any) -> None:
    """Nor where annotations are none."""
    ours, theirs = pair
    send(theirs, message(state={"status": "creating", "annotations": annotations}))
    found = taken(ours)
    os.close(found.listener)
    assert (found.pod, found.container, found.stranger("")) == ("", "", "")


@pytest.mark.parametrize(
    ("pod", "container", "strange"),
    [
        ("run-1", "workload", False),
        ("run-1-5f7c-x2k", "workload", False),
        ("run-10", "workload", True),
        ("somebody", "workload", True),
        ("run-1", "sidecar", True),
    ],
)
def test_whose_a_listener_is(pod: str, container: str, *, strange: bool) -> None:
    """The launch's own pod, by itself or by a controller, and the container that was there first."""
    found = Handover(0, "run-1", creating=True, pid=1, pod=pod, container=container)
    assert bool(found.stranger("workload")) is strange


def test_a_stranger_under_the_profile_of_a_launch_makes_that_launch_an_error(supervisor: Supervisor) -> None:
    """Its calls are none of the launch's; nobody else is concerned."""
    meant, other = observe(supervisor, "launch-1"), observe(supervisor, "launch-2")
    before = descriptors()
    say(supervisor, from_pod("somebody"))
    with pytest.raises(InstrumentError, match="the pod somebody runs under the profile of this launch"):
        meant.check()
    with pytest.raises(NotHandedOverError):
        other.check()
    assert descriptors() == before


def test_a_runtime_that_is_gone_has_no_children() -> None:
    """It may end as soon as it has handed over: who it started is then not found among them, and nothing breaks."""
    with subprocess.Popen(["true"]) as gone:
        pass
    assert handover._children(gone.pid) == []
    with subprocess.Popen(["sleep", "60"]) as child:
        assert child.pid in handover._children(os.getpid())
        child.kill()
