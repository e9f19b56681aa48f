"""The machine's own libseccomp, asked directly: what it is, and which names it knows.

A runtime that is linked dynamically (Debian's runc and crun) knows the same names. One that brings its own copy may
know others.
"""

from __future__ import annotations

import ctypes
import functools

_SONAME = "libseccomp.so.2"
_UNKNOWN = -1


class _Version(ctypes.Structure):
    _fields_ = (("major", ctypes.c_uint), ("minor", ctypes.c_uint), ("micro", ctypes.c_uint))


@functools.cache
def library() -> ctypes.CDLL | None:
    """The loaded library; None where this machine has none."""
    try:
        return ctypes.CDLL(_SONAME)
    except OSError:
        return None


def version() -> str | None:
    """`2.5.4`; None where there is no library."""
    found = library()
    if found is None:
        return None
    found.seccomp_version.restype = ctypes.POINTER(_Version)
    answer = found.seccomp_version().contents
    return f"{answer.major}.{answer.minor}.{answer.micro}"


@functools.cache
def resolves(name: str) -> bool:
    """Whether the library knows a call of this name on any architecture; False where there is no library.

    A name that it does not know is dropped from a profile without a word (seccomp_syscall_resolve_name(3)).
    """
    found = library()
    return found is not None and found.seccomp_syscall_resolve_name(name.encode()) != _UNKNOWN
