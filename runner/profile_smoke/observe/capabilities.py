"""The Linux capabilities of a process, from the bit masks of its status (linux/capability.h, proc_pid_status(5))."""

from __future__ import annotations

from profile_smoke.observe.process import status_field

_NAMES = """
    CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE
    NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN
    SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE
    MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE
"""


def bounding_set(pid: int) -> tuple[str, ...] | None:
    """The names (`CAP_CHOWN`) of what a process may ever have, which Docker resolves profiles with; None: not readable."""
    value = status_field(pid, "CapBnd")
    if value is None:
        return None
    mask = int(value, 16)
    return tuple(f"CAP_{name}" for bit, name in enumerate(_NAMES.split()) if mask >> bit & 1)
