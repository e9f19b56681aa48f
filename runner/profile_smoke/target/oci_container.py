"""One container of the target `oci`: a bundle, an overlay, a process that this one adopted."""

from __future__ import annotations

import errno
import json
import os
import select
import shutil
import signal
import subprocess
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from profile_smoke.image.user import lookup
from profile_smoke.probe.interface import ExecResult, ExitState
from profile_smoke.rundir import filesystem_errors
from profile_smoke.scenario.model import file_bytes
from profile_smoke.target import oci_spec
from profile_smoke.target.interface import Container, ContainerSpec
from profile_smoke.target.linux import connect_inside, mount_overlay, mount_tmpfs, mounts_below, unmount
from profile_smoke.target.output import Output

if TYPE_CHECKING:
    import socket
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from profile_smoke.target.runc import Runc

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_OUTPUT_LIMIT = 64 * 1024
_GONE_SECONDS = 5.0
_HOSTS = "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n"


class OciContainer(Container):
    """See `Container`. `base` is the run's folder for this target."""

    def __init__(self, spec: ContainerSpec, seccomp: Mapping[str, Any], runc: Runc, base: Path) -> None:
        self._spec, self._seccomp, self._runc = spec, seccomp, runc
        self._folder = base / "launch" / spec.launch_id
        self._volumes = base / "volumes" / spec.volumes_key
        self._rootfs = self._folder / "rootfs"
        self._output = Output()
        self._pid: int | None = None
        self._pidfd = -1
        self._exit: ExitState | None = None
        self._lock = threading.Lock()
        self._created = False
        self._execs = 0

    def lay_out(self) -> None:
        """Make the bundle: overlay, volumes, files, config.json."""
        image, start = self._spec.image, self._spec.start
        if image.rootfs is None:
            raise ValueError(f"{image.info.ref} is not unpacked")
        with filesystem_errors(self._folder):
            for name in ("rootfs", "changes", "files"):
                (self._folder / name).mkdir(parents=True)
            self._mount(image.rootfs)
            identity = self._identity(start.user or image.config.user)
            config = oci_spec.configuration(
                rootfs=self._rootfs,
                args=self._command(),
                env=self._environment(),
                cwd=image.config.workdir or "/",
                identity=identity,
                binds=[*self._volume_binds(image.rootfs), *self._file_binds()],
                seccomp=self._seccomp,
                no_new_privileges=start.no_new_privileges,
                run_id=self._spec.run_id,
                launch_id=self._spec.launch_id,
            )
            (self._folder / "config.json").write_text(json.dumps(config), "utf-8")

    def _mount(self, lower: Path) -> None:
        """Mount an overlay; changes go into memory where this folder cannot hold them: in a container it is one itself."""
        changes = self._folder / "changes"
        try:
            self._overlay(lower, changes)
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise
            mount_tmpfs(changes)
            self._overlay(lower, changes)

    def _overlay(self, lower: Path, changes: Path) -> None:
        for name in ("upper", "work"):
            (changes / name).mkdir(exist_ok=True)
        mount_overlay(self._rootfs, lower=lower, upper=changes / "upper", work=changes / "work")

    def _identity(self, user: str) -> oci_spec.Identity:
        uid, gid, groups = lookup(self._rootfs, user)
        return oci_spec.Identity(uid, gid, tuple(groups))

    def _command(self) -> list[str]:
        config, start = self._spec.image.config, self._spec.start
        entrypoint = start.entrypoint or config.entrypoint
        # As in Docker, another entrypoint drops the image's command.
        args = start.args or (() if start.entrypoint else config.cmd)
        return [*entrypoint, *args]

    def _environment(self) -> dict[str, str]:
        image = dict(entry.split("=", 1) for entry in self._spec.image.config.env if "=" in entry)
        return {"PATH": _PATH, "HOSTNAME": self._spec.launch_id, **image, **(self._spec.start.env or {})}

    def _volume_binds(self, image_root: Path) -> list[oci_spec.Bind]:
        binds = []
        wanted = dict.fromkeys((*self._spec.image.config.volumes, *self._spec.start.volumes))
        for index, destination in enumerate(wanted):
            folder = self._volumes / str(index)
            if not folder.exists():
                _fill_volume(folder, image_root / destination.lstrip("/"))
            binds.append(oci_spec.Bind(folder, destination))
        return binds

    def _file_binds(self) -> list[oci_spec.Bind]:
        contents = {"/etc/hosts": _HOSTS, **(self._spec.start.files or {})}
        binds = []
        for index, (destination, content) in enumerate(contents.items()):
            path = self._folder / "files" / str(index)
            path.write_bytes(file_bytes(content))
            path.chmod(0o644)
            binds.append(oci_spec.Bind(path, destination, read_only=destination != "/etc/hosts"))
        return binds

    def start(self, timeout: float) -> None:
        """Run it detached; the init becomes this process's child."""
        self._created = True
        self._exit = self._pid = None  # those of a life before this one: there may be no new one
        self._pid = self._runc.run(self._spec.launch_id, self._folder, self._output.writer, timeout)
        self._pidfd = os.pidfd_open(self._pid)

    def pid(self) -> int | None:
        """The init's pid while it lives."""
        return None if self.exited() else self._pid

    def connect(self, port: int, timeout: float) -> socket.socket:
        """Connect from inside the container's network namespace."""
        pid = self.pid()
        if pid is None:
            raise ConnectionRefusedError("the container has exited")
        return connect_inside(pid, port, timeout)

    def exec(self, argv: Sequence[str], timeout: float) -> ExecResult:
        """Run a command through runc, under the same filter."""
        self._execs += 1
        file = self._folder / f"exec-{self._execs}.json"
        config = json.loads((self._folder / "config.json").read_text("utf-8"))
        file.write_text(json.dumps({**config["process"], "args": list(argv)}), "utf-8")
        done = self._runc.exec(self._spec.launch_id, file, file.with_suffix(".pid"), timeout)
        return ExecResult(done.returncode, done.stdout[:_OUTPUT_LIMIT].decode("utf-8", "replace"))

    def logs(self) -> str:
        """What it wrote."""
        return self._output.text()

    def exited(self) -> ExitState | None:
        """Whether and how the init ended; reaps it once."""
        with self._lock:
            if self._exit is None and self._pid is not None:
                pid, status = os.waitpid(self._pid, os.WNOHANG)
                if pid:
                    self._exit = exit_state(status)
                    os.close(self._pidfd)
                    self._pidfd = -1
            return self._exit

    def signal(self, name: str) -> None:
        """Send a signal from outside: also one that the init would ignore from inside."""
        if self.exited() is None and self._pid is not None:
            with suppress(ProcessLookupError):
                os.kill(self._pid, signal.Signals[f"SIG{name}"])

    def wait(self, timeout: float) -> ExitState | None:
        """Sleep until the init ends, at most `timeout` seconds."""
        if (state := self.exited()) is None and self._pidfd != -1:
            poll = select.poll()
            poll.register(self._pidfd, select.POLLIN)
            poll.poll(max(0.0, timeout) * 1000)
            state = self.exited()
        return state

    def restart(self, timeout: float) -> None:
        """A new runc container on the same overlay and volumes."""
        self._runc.delete(self._spec.launch_id)
        self.start(timeout)

    def kill(self) -> None:
        """Kill every task in its cgroup: also those of a runtime's init that never came to be a container."""
        pids = self._runc.processes(f"{self._spec.run_id}/{self._spec.launch_id}")
        if self._pid is not None:
            pids.discard(self._pid)
            self.signal("KILL")
        elif (init := self._runc.init_pid(self._spec.launch_id)) is not None:
            pids.add(init)
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.wait(_GONE_SECONDS)
        for pid in pids:
            _reap(pid)

    def enter_hint(self) -> str:
        """How to look inside, dead or alive."""
        if self.exited() is None:
            return f"runc --root {self._runc.state} exec -t {self._spec.launch_id} sh    (its files: {self._rootfs})"
        return f"it has exited; its files: {self._rootfs}"

    def leave(self) -> None:
        """Leave it to the user; its output goes on into a file of its folder."""
        self._output.hand_over(self._folder / "output.log")

    def remove(self) -> None:
        """Kill it, and remove container, mounts, cgroup and folder."""
        if self._created:
            self.kill()
            self._runc.forget(self._spec.launch_id, f"{self._spec.run_id}/{self._spec.launch_id}")
        self._output.finish()
        for point in mounts_below(self._folder):
            unmount(point)
        if self._folder.exists():
            shutil.rmtree(self._folder)


def _reap(pid: int) -> None:
    """Take the exit status of a killed orphan, if it became ours: to runc a zombie is a container that still runs."""
    deadline = time.monotonic() + _GONE_SECONDS
    with suppress(ChildProcessError):
        while os.waitpid(pid, os.WNOHANG) == (0, 0) and time.monotonic() < deadline:
            time.sleep(0.005)


def exit_state(status: int) -> ExitState:
    """What waitpid(2) tells, as an ExitState."""
    code = os.waitstatus_to_exitcode(status)
    return ExitState(signal=signal.Signals(-code).name) if code < 0 else ExitState(exit_code=code)


def _fill_volume(folder: Path, source: Path) -> None:
    """A new volume starts with what the image has at that path, as Docker's do."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir() and not source.is_symlink():
        subprocess.run(["cp", "-a", "--reflink=auto", str(source), str(folder)], check=True)
    else:
        folder.mkdir()
