"""An engine that drops seccomp listeners: verdicts as ever, no evidence, and a plain word why."""

from __future__ import annotations

import json
import socket
import threading
from contextlib import closing, contextmanager, suppress
from typing import TYPE_CHECKING

import docker
import pytest

from profile_smoke.syscall import tables

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.conftest import Cli

pytestmark = [pytest.mark.docker, pytest.mark.usefixtures("no_leftovers")]

OLD = b"20.10"


def test_verdicts_without_evidence(cli: Cli, tmp_path: Path) -> None:
    """A profile that fails is blocked, one that works passes; nothing is named, and doctor says the same."""
    names = sorted(tables.all_names() - {"setsockopt"})
    broken = tmp_path / "broken.json"
    broken.write_text(
        json.dumps(
            {"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [{"names": names, "action": "SCMP_ACT_ALLOW"}]}
        )
    )
    with older_engine(tmp_path / "engine.sock") as host:
        ran = cli("--profile", str(broken), "--profile", "webapp", "--scenario", "nginx", "--target", "docker",
                  "--standin", "always", "--format", "json", env={"DOCKER_HOST": host})  # fmt: skip
        looked = cli("doctor", "--target", "docker", env={"DOCKER_HOST": host})
    assert ran.code == 1, ran.stderr
    bad, good = json.loads(ran.stdout)["cells"]
    assert (bad["verdict"], good["verdict"]) == ("blocked", "passed")
    assert bad["blocking"] == bad["denials"] == good["denials"] == []
    assert {launch["kind"] for launch in bad["launches"]} == {"enforce"}
    for cell in (bad, good):
        assert any("drops the seccomp listener" in note and OLD.decode() in note for note in cell["notes"])
    assert any("unknown" in note for note in bad["notes"])
    assert "drops the seccomp listener" in " ".join(looked.stdout.split())


@contextmanager
def older_engine(path: Path) -> Iterator[str]:
    """The real engine on another socket, where its version reads as an old one's of as many characters."""
    with closing(docker.from_env()) as client:
        version = str(client.version()["Version"]).encode()
    said = b'"Version":"' + version + b'"'
    instead = b'"Version":"' + OLD.ljust(len(version), b"1") + b'"'
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen()
        threading.Thread(target=_accept, args=(listening, said, instead), daemon=True).start()
        try:
            yield f"unix://{path}"
        finally:
            listening.shutdown(socket.SHUT_RDWR)


def _accept(listening: socket.socket, said: bytes, instead: bytes) -> None:
    with suppress(OSError):
        while True:
            ours, _ = listening.accept()
            threading.Thread(target=_connect, args=(ours, said, instead), daemon=True).start()


def _connect(ours: socket.socket, said: bytes, instead: bytes) -> None:
    with ours, socket.socket(socket.AF_UNIX) as engine:
        engine.connect("/var/run/docker.sock")
        asking = threading.Thread(target=_pass_on, args=(ours, engine, b"", b""), daemon=True)
        asking.start()
        _pass_on(engine, ours, said, instead)
        asking.join()


def _pass_on(source: socket.socket, sink: socket.socket, old: bytes, new: bytes) -> None:
    """An answer with the version comes in one piece: it is short."""
    with suppress(OSError):
        while data := source.recv(1 << 16):
            sink.sendall(data.replace(old, new) if old else data)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_RDWR)
