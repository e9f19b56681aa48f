"""Calling runc: every call is bounded in time, and its errors are sorted into the workload's and the machine's."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from profile_smoke.errors import DiskFullError, InfrastructureError, RuntimeRefusedError
from profile_smoke.target.interface import StartRefused

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_QUICK = 20.0
_START_TIME = 19
"""Of /proc/PID/stat, counted from the field behind the name."""
_CGROUP_ROOT = Path("/sys/fs/cgroup")
_REFUSED_PROFILE = ("seccomp", "unknown architecture")
_MACHINE = ("no space left on device", "cannot allocate memory", "too many open files", "cgroup")


@dataclass(frozen=True)
class Runc:
    """runc with a state folder of its own (`--root`), so that nobody else's containers are ever seen."""

    state: Path

    def versions(self) -> dict[str, str]:
        """`runc --version` as a mapping: runc, spec, go, libseccomp."""
        found = {}
        for line in self._quick(["--version"]).splitlines():
            name, _, value = line.replace("runc version ", "runc: ").partition(":")
            if value:
                found[name.strip()] = value.strip()
        return {name: found[name] for name in ("runc", "libseccomp", "spec") if name in found}

    def run(self, ident: str, bundle: Path, output: int, timeout: float) -> int:
        """Create and start a detached container; its init's pid. stdout and stderr of the workload go to `output`.

        Raises:
            StartRefused: runc could not start it, or did not finish within `timeout` (a filter can wedge its init).
            RuntimeRefusedError: runc rejects the profile itself.
            InfrastructureError: the machine is at fault.
        """
        pid_file, log = bundle / "pid", bundle / "runc.log"
        arguments = [
            "--log",
            str(log),
            "--log-format",
            "json",
            "run",
            "--detach",
            "--bundle",
            str(bundle),
            "--pid-file",
            str(pid_file),
            ident,
        ]
        log.unlink(missing_ok=True)
        process = self._start(arguments, output)
        try:
            code = process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise StartRefused(
                f"runc did not finish starting the container within {timeout:g} s: its init is wedged"
            ) from None
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
        if code != 0:
            raise _sorted_error(_last_error(log) or f"runc exited {code} without a word")
        return int(pid_file.read_text("ascii"))

    def _start(self, arguments: Sequence[str], output: int) -> subprocess.Popen[bytes]:
        # A session of its own: Ctrl-C on the terminal is ours to handle, not runc's.
        return subprocess.Popen(
            self._command(arguments),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )

    def _command(self, arguments: Sequence[str]) -> list[str]:
        return ["runc", "--root", str(self.state), *arguments]

    def exec(
        self, ident: str, process_file: Path, pid_file: Path, timeout: float
    ) -> subprocess.CompletedProcess[bytes]:
        """Run a process in the container and wait for it. Raises TimeoutError after killing it."""
        arguments = ["exec", "--process", str(process_file), "--pid-file", str(pid_file), ident]
        # Its output is closed without reading on: what the command started may hold the other end for as long as it lives.
        with subprocess.Popen(
            self._command(arguments),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        ) as process:
            try:
                output, _ = process.communicate(timeout=timeout)
            except subprocess.TimeoutExpired:
                with suppress(FileNotFoundError, ProcessLookupError, ValueError):
                    os.kill(int(pid_file.read_text("ascii")), signal.SIGKILL)
                raise TimeoutError(f"the command did not end within {timeout:g} s") from None
            finally:
                process.kill()
        return subprocess.CompletedProcess(arguments, process.returncode, output)

    def delete(self, ident: str) -> None:
        """Kill whatever is left of the container and remove it; nothing happens when it is gone."""
        self._quick(["delete", "--force", ident])

    def forget(self, ident: str, cgroup: str) -> None:
        """Remove a container whose tasks are all gone: its cgroups and its state, which is all that runc would remove.

        A tenth of a launch's time is saved by not starting runc for it. Where a cgroup is still in use, runc does it.
        """
        try:
            for folder in _cgroup_folders(cgroup):
                folder.rmdir()
        except OSError:
            self.delete(ident)
        else:
            shutil.rmtree(self.state / ident, ignore_errors=True)

    def list(self) -> list[str]:
        """The containers in this state folder."""
        if not self.state.is_dir():
            return []
        return sorted(entry.name for entry in self.state.iterdir() if entry.is_dir())

    def init_pid(self, ident: str) -> int | None:
        """The init that runc noted for a container whose start did not come to an end, None where there is none."""
        try:
            state = json.loads((self.state / ident / "state.json").read_text("utf-8"))
            pid = int(state["init_process_pid"])
            # proc(5): the fields behind the name in parentheses; the start time tells a pid's next owner from it.
            fields = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError, ValueError, KeyError):
            return None
        return pid if int(fields[_START_TIME]) == state.get("init_process_start") else None

    def processes(self, cgroup: str) -> set[int]:
        """The tasks in a launch's cgroup (`RUN/LAUNCH`), in every hierarchy."""
        found: set[int] = set()
        for folder in _cgroup_folders(cgroup):
            with suppress(OSError):
                found.update(int(line) for line in (folder / "cgroup.procs").read_text("ascii").split())
        return found - {0}

    def remove_cgroups(self, run_id: str) -> None:
        """Remove the run's empty cgroups, and the parent of all runs' with its last one."""
        for folder in _cgroup_folders(run_id):
            for path in (*folder.iterdir(), folder, folder.parent):
                if path.is_dir():
                    with suppress(OSError):  # in use: by what is kept, or by another run
                        path.rmdir()

    def _quick(self, arguments: Sequence[str]) -> str:
        try:
            done = subprocess.run(
                self._command(arguments),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=_QUICK,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise InfrastructureError(f"runc {arguments[0]} did not end within {_QUICK:g} s") from None
        text = done.stderr.decode("utf-8", "replace").strip()
        if done.returncode != 0 and "does not exist" not in text:
            raise InfrastructureError(f"runc {' '.join(arguments)}: {text}")
        return done.stdout.decode("utf-8", "replace")


def _cgroup_folders(path: str) -> list[Path]:
    """Where a cgroup lies: once on v2, once per controller on v1."""
    candidates = [_CGROUP_ROOT, *sorted(_CGROUP_ROOT.iterdir())] if _CGROUP_ROOT.is_dir() else []
    return [folder for root in candidates if (folder := root / "profile-smoke" / path).is_dir()]


def _last_error(log: Path) -> str:
    """The last error that runc wrote to its log (one JSON object a line)."""
    message = ""
    with suppress(FileNotFoundError):
        for line in log.read_text("utf-8", "replace").splitlines():
            with suppress(ValueError):
                entry: Mapping[str, str] = json.loads(line)
                if entry.get("level") in ("error", "fatal"):
                    message = str(entry.get("msg", ""))
    return message


def _sorted_error(message: str) -> Exception:
    """Whose fault a failed start is: the profile's form, the machine's state, or (perhaps) the filter's effect."""
    low = message.lower()
    if "no space left on device" in low:
        return DiskFullError(f"runc: {message}")
    if any(word in low for word in _MACHINE):
        return InfrastructureError(f"runc: {message}")
    if any(word in low for word in _REFUSED_PROFILE):
        return RuntimeRefusedError(f"runc rejects the profile: {message}")
    return StartRefused(message)
