"""Draining a container's output: all of it as it comes, so that the workload never blocks, but keeping a bounded part."""

from __future__ import annotations

import os
import subprocess
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_HEAD = 256 * 1024
_TAIL = 256 * 1024


class Output:
    """Reads a pipe to its end in a thread of its own; keeps the first and the last 256 KiB.

    `writer` is the descriptor for the container; close our copy with `started()` once it has been inherited.
    """

    def __init__(self) -> None:
        self._reader, self.writer = os.pipe2(os.O_CLOEXEC)
        self._head, self._tail, self._dropped = bytearray(), bytearray(), 0
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._drain, name="output", daemon=True)
        self._thread.start()

    def _drain(self) -> None:
        with open(self._reader, "rb", buffering=0) as pipe:  # noqa: PTH123  a descriptor, not a path
            while chunk := pipe.read(65536):
                self._keep(chunk)

    def _keep(self, chunk: bytes) -> None:
        with self._lock:
            room = _HEAD - len(self._head)
            if room > 0:
                self._head += chunk[:room]
                chunk = chunk[room:]
            self._tail += chunk
            if (excess := len(self._tail) - _TAIL) > 0:
                del self._tail[:excess]
                self._dropped += excess

    def text(self) -> str:
        """What was kept, undecodable bytes replaced; a line says where something was left out."""
        with self._lock:
            gap = f"\n[... {self._dropped} bytes left out ...]\n".encode() if self._dropped else b""
            return bytes(self._head + gap + self._tail).decode("utf-8", "replace")

    def close_writer(self) -> None:
        """Close our own writing end: the reader then ends with the container."""
        if self.writer != -1:
            os.close(self.writer)
            self.writer = -1

    def hand_over(self, path: Path) -> None:
        """Let another process go on draining, into a file, for a container that outlives this one."""
        with path.open("ab") as log:
            subprocess.Popen(["cat"], stdin=self._reader, stdout=log, stderr=log, start_new_session=True)
        self.close_writer()

    def finish(self, timeout: float = 2.0) -> None:
        """Wait until everything written has been read (all writers gone), at most `timeout` seconds."""
        self.close_writer()
        self._thread.join(timeout)
