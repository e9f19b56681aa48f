"""Running the tools that make images, so that none of them outlives us or is waited for in vain."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import signal
import subprocess
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from profile_smoke.errors import DiskFullError, ImageError, InterruptedRunError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

NO_ANSWER = "no answer in"
"""How the last line of a timed out tool's output begins."""
_DISK_FULL = ("No space left on device", "no space left on device", "enough free space in")


class ToolFailed(Exception):  # noqa: N818  the caller decides which error of ours it is
    """A tool ended with another code than 0. `output` is its stdout and stderr together."""

    def __init__(self, tool: str, code: int, output: str) -> None:
        self.tool, self.code, self.output = tool, code, output
        super().__init__(f"{tool} ended with {code}: {last_line(output)}")


@dataclass(frozen=True)
class Finished:
    """What a tool that ended well wrote to stdout, as bytes."""

    stdout: bytes


class Tools:
    """Runs tools for one store; `cancel` from any thread ends the running ones and refuses new ones."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[bytes]] = set()
        self.cancelled = threading.Event()

    def cancel(self) -> None:
        """End what runs, and let everything that is started later raise InterruptedRunError."""
        self.cancelled.set()
        with self._lock:
            running = tuple(self._running)
        for process in running:
            _end(process)

    def pause(self, seconds: float) -> None:
        """Wait between two tries, but not past `cancel`: then raises InterruptedRunError."""
        if self.cancelled.wait(seconds):
            raise InterruptedRunError("interrupted")

    def run(
        self,
        argv: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        stdin: Path | None = None,
        timeout: float | None = None,
    ) -> Finished:
        """Run a tool in its own process group and wait for it.

        `env` is added to ours, with the C locale so that messages can be told apart; `stdin` is a file that it reads.

        Raises:
            ToolFailed: it ended with another code than 0 (or with 124 after `timeout` seconds).
            DiskFullError: it failed because the disk is full.
            ImageError: it is not installed.
            InterruptedRunError: `cancel` was called.
        """
        tool = argv[0]
        if shutil.which(tool) is None:
            raise ImageError(f"{tool} is not installed: apt-get install {_PACKAGE_OF.get(tool, tool)}")
        self.pause(0)
        with self._start(argv, env, cwd, stdin) as process:
            try:
                stdout, stderr = process.communicate(timeout=timeout)
            except subprocess.TimeoutExpired:
                _end(process)
                stdout, stderr = process.communicate()
                said = (stderr + stdout).decode(errors="replace")
                raise ToolFailed(tool, 124, f"{said}\n{NO_ANSWER} {timeout:g} s") from None
        self.pause(0)
        if process.returncode != 0:
            output = (stderr + stdout).decode(errors="replace")
            if any(text in output for text in _DISK_FULL):
                raise DiskFullError(f"no space left on device while running {tool}: free some and run again")
            raise ToolFailed(tool, process.returncode, output)
        return Finished(stdout)

    @contextlib.contextmanager
    def _start(
        self, argv: Sequence[str], env: Mapping[str, str] | None, cwd: Path | None, stdin: Path | None
    ) -> Iterator[subprocess.Popen[bytes]]:
        """The running tool, registered for `cancel`; it and its group are dead at exit, whatever happens."""
        with (stdin or Path(os.devnull)).open("rb") as source:
            process = subprocess.Popen(
                argv,
                env={**os.environ, "LC_ALL": "C.UTF-8", "LANGUAGE": "", **(env or {})},
                cwd=cwd,
                stdin=source,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        with self._lock:
            self._running.add(process)
        try:
            if self.cancelled.is_set():
                _end(process)
            yield process
        finally:
            if process.poll() is None:
                _end(process)
                process.communicate()
            with self._lock:
                self._running.discard(process)


def isolated(argv: Sequence[str]) -> list[str]:
    """The command in mount and pid namespaces of its own: its mounts and children are gone when it or we end.

    `setpriv --pdeathsig` covers our own kill -9; `unshare --kill-child` then ends the namespace's first
    process, and with it the kernel ends all others and drops the mounts (setpriv(1), unshare(1),
    pid_namespaces(7)).
    """
    unshare = ["unshare", "--mount", "--pid", "--fork", "--kill-child=KILL", "--mount-proc"]
    return ["setpriv", "--pdeathsig", "KILL", "--", *unshare, "--", *argv]


def last_line(output: str) -> str:
    """The last line of a tool's output that says something."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return lines[-1] if lines else "it said nothing"


@contextlib.contextmanager
def disk_errors(doing: str) -> Iterator[None]:
    """Translate a full disk or an unwritable place into our errors; other OSErrors pass."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFullError(f"no space left on device while {doing}: free some and run again") from error
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            where = error.filename or "the image store"
            raise ImageError(
                f"{where}: {error.strerror} while {doing}; set PROFILE_SMOKE_HOME elsewhere"
            ) from error
        raise


_PACKAGE_OF = {"unshare": "util-linux", "setpriv": "util-linux", "apt-get": "apt", "apt-config": "apt"}


def _end(process: subprocess.Popen[bytes]) -> None:
    # The group, because skopeo and sh have children of their own; the leader may just have gone.
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
