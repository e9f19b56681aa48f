"""The one error tree. Every error carries the exit code that the command ends with.

SmokeError                      4
├── UsageError                  2   a wrong option or name
│   └── BadFileError            2   a file that cannot be used: which, where, what, what would be right
├── NothingSelectedError        3   the selection matches no cell
├── InfrastructureError         4   something that the run stands on does not work
│   ├── TargetUnavailableError  4   no engine, no runc, not root, too old
│   ├── ImageError              4   image missing, registry unreachable, stand-in not built
│   ├── RuntimeRefusedError     4   the runtime rejects the profile or the configuration itself
│   ├── DiskFullError           4   no space left on device
│   └── InstrumentError         4   the supervisor or another of our instruments failed
└── InterruptedRunError       130   Ctrl-C or SIGTERM
"""

from __future__ import annotations

from typing import ClassVar


class SmokeError(Exception):
    """Root of all errors that this program raises on purpose; the message is one line for the user."""

    exit_code: ClassVar[int] = 4


class UsageError(SmokeError):
    """A wrong option or a name that does not exist."""

    exit_code = 2


class BadFileError(UsageError):
    """A file that cannot be used.

    Attributes:
        path: the file as the user named it.
        where: the place in it, such as ``line 3, column 7`` or ``syscalls[2].action``; empty when it is the whole file.
        problem: what is wrong, and what would be right.
    """

    def __init__(self, path: object, where: str, problem: str) -> None:
        self.path, self.where, self.problem = str(path), where, problem
        super().__init__(": ".join(part for part in (self.path, where, problem) if part))


class NothingSelectedError(SmokeError):
    """The selection matches no cell: a gate never passes on nothing."""

    exit_code = 3


class InfrastructureError(SmokeError):
    """Something that the run stands on does not work; says nothing about the profile."""


class TargetUnavailableError(InfrastructureError):
    """The target cannot be used on this machine; the message says what to do about it."""


class ImageError(InfrastructureError):
    """The image of a scenario cannot be had."""


class RuntimeRefusedError(InfrastructureError):
    """The container runtime rejects the profile or the configuration itself, before any filter is on."""


class DiskFullError(InfrastructureError):
    """No space left where images or containers are kept."""


class InstrumentError(InfrastructureError):
    """One of our own instruments failed (supervisor, read-back, log reader): the cell is an error, never passed."""


class InterruptedRunError(SmokeError):
    """Ctrl-C or SIGTERM ended the run."""

    exit_code = 130
